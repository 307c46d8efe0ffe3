//! Long runs: what is remembered of the past is bounded, and what is forgotten must break no promise. Short schedules
//! never reach the bounds.

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::judge::verdict::{Kind, Verdict};
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

use super::{busy, check, idle_and_busy, load, run};

/// Events of a run that nobody disturbs.
const SOAK: u64 = 20_000;
/// Events under faults of a long storm; as many follow once they are healed.
const STORM: u64 = 3_000;
/// The storms' seeds.
const SEEDS: std::ops::Range<u64> = 0..3;

/// The first promise that is broken, or the first about every state.
fn broken(info: &Info, run: &Run<LiveWorld>, safety_alone: bool) -> Option<String> {
    let standings = info.promises.iter().zip(run.world().standings());
    standings.filter(|(promise, _)| !safety_alone || !matches!(promise.kind, Kind::Eventually { .. })).find_map(
        |(promise, standing)| match &standing.verdict {
            Verdict::Broken(broken) => {
                Some(format!("{} broke at event {}: {}", promise.id, broken.step, broken.breach.text))
            }
            _ => None,
        },
    )
}

#[test]
fn nothing_breaks_by_running_on() {
    check(|scenario, info| {
        for origin in idle_and_busy(info) {
            let mut run = run(scenario, &origin);
            while run.step_count() < SOAK && run.step().is_some() {}
            if let Some(what) = broken(info, &run, true) {
                return Err(format!("{}{what}", load(&origin)));
            }
        }
        Ok(())
    });
}

#[test]
fn promises_hold_in_long_storms() {
    check(|scenario, info| {
        for seed in SEEDS.filter(|_| !info.impossible) {
            let mut run = run(scenario, &Origin { seed, ..busy(info) });
            storm(&mut run, info.faults, seed, STORM);
            if let Some(what) = broken(info, &run, false) {
                return Err(format!("seed {seed}: {what}"));
            }
        }
        Ok(())
    });
}
