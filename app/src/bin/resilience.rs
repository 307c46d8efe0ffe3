//! The app of the shelf "resilience" of the Resilience guide.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::shelf!(resilience, "resilience"));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
