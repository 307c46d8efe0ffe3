//! The app with an empty shelf: what every reader loads before any scenario. It is built to be weighed (`app/size.mjs`),
//! never to be shipped.

#[cfg(target_arch = "wasm32")]
fn main() {
    faultline_app::start(&[]);
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {}
