//! The terminal front end.

mod terminal;

fn main() -> std::process::ExitCode {
    terminal::main()
}
