//! The app of the shelf "caching" of the Caching guide.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::shelf!(caching, "caching"));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
