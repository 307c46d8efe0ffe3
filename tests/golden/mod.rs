//! Golden runs: every scenario under random faults, its fingerprint every 100 events. The same file is compared
//! natively and in WebAssembly.

use std::fmt::Write;

use faultline::guides::catalogue;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

/// The runs as they are now, a line each: scenario, seed, and the fingerprints.
pub fn runs() -> String {
    let mut text = String::new();
    for scenario in catalogue() {
        let info = scenario.info();
        for seed in [info.seed, 1_000] {
            let mut run = Run::new(scenario.start(&Origin { seed, ..Origin::default() }), Tape::default());
            storm(&mut run, info.faults, seed, 600);
            let last = run.step_count();
            let _ = write!(text, "{} {seed}", info.path());
            for step in (0..=last).step_by(100) {
                run.seek(step);
                let _ = write!(text, " {:016x}", run.world().fingerprint());
            }
            text.push('\n');
        }
    }
    text
}
