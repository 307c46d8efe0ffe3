//! Our brokers against the real ones: the same scripts through both must give the same observations.
//!
//! `cargo xtask test --peers` starts the real ones, has tests/peers/driver.mjs play the scripts through them, and runs
//! this test with the folder of observations in FAULTLINE_PEERS (and one peer's name in FAULTLINE_PEER). On its own it
//! has nothing to compare with, so it is ignored.
#![cfg(not(target_arch = "wasm32"))]

mod jetstream;
mod nats;
mod rabbitmq;
mod script;
mod subjects;
mod table;

use std::path::Path;

use script::{Ours, Played, Script};
use table::{Outcome, Row};

/// The scripts of a file, and what plays them here.
type Suite = (&'static str, &'static str, fn(&Script, &Played) -> Ours);

/// File, real broker, our system.
const SUITES: [Suite; 4] = [
    ("rabbitmq", "rabbitmq", rabbitmq::play),
    ("subjects", "nats", subjects::play),
    ("nats", "nats", nats::play),
    ("jetstream", "nats", jetstream::play),
];

#[test]
#[ignore = "needs the real brokers: cargo xtask test --peers"]
fn our_brokers_do_what_the_real_ones_do() {
    let folder = std::env::var_os("FAULTLINE_PEERS").expect("run it by cargo xtask test --peers");
    let mut rows: Vec<Row> = Vec::new();
    let only = std::env::var("FAULTLINE_PEER").unwrap_or_default();
    for (file, peer, play) in SUITES.iter().filter(|suite| only.is_empty() || only == suite.1) {
        let Some(observed) = script::observations(&Path::new(&folder).join(format!("{peer}.jsonl"))) else { continue };
        rows.extend(script::scripts(file).iter().map(|script| table::row(script, observed.get(&script.name), *play)));
    }
    table::print(&rows);
    let failed = rows.iter().filter(|row| matches!(row.outcome, Outcome::Differs(_))).count();
    let known = rows.iter().filter(|row| matches!(row.outcome, Outcome::Known(_))).count();
    println!("{} equal, {known} that differ as known, {failed} that differ.", rows.len() - known - failed);
    println!("{} passed, {failed} failed", rows.len() - failed);
    assert!(failed == 0 && !rows.is_empty(), "the table above says what differs");
}
