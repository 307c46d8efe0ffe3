//! The terminal front end. Cargo also builds it for WebAssembly, where the tests need no more than the library: there it
//! does nothing.

#[cfg(not(target_arch = "wasm32"))]
mod terminal;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    terminal::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
