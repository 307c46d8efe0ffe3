//! The app in the browser; the terminal front end everywhere else.

#[cfg(not(target_arch = "wasm32"))]
mod terminal;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    terminal::main()
}

#[cfg(target_arch = "wasm32")]
mod app;

#[cfg(target_arch = "wasm32")]
fn main() {
    // The same module runs in the page and, for long searches, in a worker, which has no window.
    if web_sys::window().is_some() {
        app::start();
    } else {
        app::work();
    }
}
