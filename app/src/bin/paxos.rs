//! The app of the shelf "paxos" of the Consensus guide.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(faultline::shelf!(consensus, "paxos"));
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("This program is for the browser. `cargo xtask serve` builds the site.");
}
