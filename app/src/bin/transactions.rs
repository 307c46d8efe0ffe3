//! The app of the shelf "transactions" of the Transactions guide.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::shelf!(transactions, "transactions"));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
