//! Golden runs: every scenario under random faults, its fingerprint every 100 events; and again under load if the page
//! begins without one. Native and WebAssembly runs are compared with the same file.

use std::fmt::Write;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

/// The runs of a scenario as they are now, one line each: scenario, seed, and the fingerprints.
pub fn runs(scenario: &'static dyn AnyScenario, info: &Info) -> Vec<String> {
    let seeds = [info.seed, 1_000];
    let idle = seeds.map(|seed| line(scenario, info, seed, false));
    let busy = seeds.iter().filter(|_| !info.busy.is_empty()).map(|seed| line(scenario, info, *seed, true));
    idle.into_iter().chain(busy).collect()
}

fn line(scenario: &'static dyn AnyScenario, info: &Info, seed: u64, busy: bool) -> String {
    let settings = if busy { info.busy.to_vec() } else { Vec::new() };
    let mut run = Run::new(scenario.start(&Origin { seed, settings, rules_off: 0 }), Tape::default());
    storm(&mut run, info.faults, seed, 600);
    let last = run.step_count();
    let mut text = format!("{} {seed}{}", info.path(), if busy { " busy" } else { "" });
    for step in (0..=last).step_by(100) {
        run.seek(step);
        let _ = write!(text, " {:016x}", run.world().fingerprint());
    }
    text
}
