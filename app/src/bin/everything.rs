//! The app with every scenario: for quick builds while the app is being worked on.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::guides::everything());
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
