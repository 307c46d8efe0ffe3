//! Long runs: what is remembered of the past is bounded, and what is forgotten must break no promise. Short schedules
//! never reach the bounds.

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::judge::verdict::{self, Kind, Verdict};
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

use super::{busy, check, ensure, idle_and_busy, load, run};

/// Events of a run that nobody disturbs.
const SOAK: u64 = 20_000;
/// Events under faults of a long storm; as many follow once they are healed.
const STORM: u64 = 3_000;
/// The storms' seeds.
const SEEDS: std::ops::Range<u64> = 0..3;

/// Promises that long storms break today, and why: whoever mends one takes it off the list.
const OPEN: [(&str, &str, &str); 0] = [];

/// The first promise that is broken, of all or of those about every state, and how.
fn broken(info: &Info, run: &Run<LiveWorld>, safety_alone: bool) -> Option<(&'static str, String)> {
    let is_asked = |kind: &Kind| !safety_alone || !matches!(kind, Kind::Eventually { .. });
    let standings = info.promises.iter().zip(run.world().standings());
    standings.filter(|(promise, _)| is_asked(&promise.kind)).find_map(|(promise, standing)| {
        let Verdict::Broken(broken) = &standing.verdict else { return None };
        Some((promise.id, format!("{} broke at event {}: {}", promise.id, broken.step, broken.breach.text)))
    })
}

#[test]
fn nothing_breaks_by_running_on() {
    check(|scenario, info| {
        for origin in idle_and_busy(info) {
            let mut run = run(scenario, &origin);
            while run.step_count() < SOAK && run.step().is_some() {}
            if let Some((_, what)) = broken(info, &run, true) {
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
            if let Some((promise, what)) = broken(info, &run, false) {
                match OPEN.iter().find(|open| open.0 == info.path() && open.1 == promise) {
                    Some(open) => println!("{}, seed {seed}, known: {what} ({})", open.0, open.2),
                    None => return Err(format!("seed {seed}: {what}")),
                }
            }
        }
        Ok(())
    });
}

/// Schedules in which an outage of minutes breaks what nobody promises of one, found by `faultline campaign`: scenario and
/// seeds.
const OUTAGES: [(&str, &[u64]); 2] = [
    ("messaging/side-by-side", &[2046, 2747, 2470, 5476, 6077]),
    ("messaging/retries-and-dead-letters", &[376, 5853, 6414, 7688]),
];
/// Events under faults of each.
const OUTAGE: u64 = 1_500;

#[test]
fn what_long_outages_break_is_not_promised() {
    check(|scenario, info| {
        for &seed in OUTAGES.iter().filter(|known| known.0 == info.path()).flat_map(|known| known.1) {
            let mut run = run(scenario, &Origin { seed, ..busy(info) });
            storm(&mut run, info.faults, seed, OUTAGE);
            let mut breaches = 0;
            for (promise, broken) in verdict::broken(run.world().standings()) {
                breaches += 1;
                let name = info.promises[promise].id;
                ensure(broken.outside.is_some(), || format!("seed {seed}: {name}: {}", broken.breach.text))?;
            }
            ensure(breaches > 0, || format!("seed {seed} breaks nothing: it shows nothing any more"))?;
        }
        Ok(())
    });
}
