//! The app of the shelf "applied" of the Messaging guide.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::shelf!(messaging, "applied"));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
