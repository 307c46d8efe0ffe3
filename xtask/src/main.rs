//! `cargo xtask`: set-up, serve, test, build, bench.
fn main() {}
