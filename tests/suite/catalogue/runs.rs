//! Runs of a scenario: bounded, exact forwards and backwards, true to their promises, and never without a reason.

use std::collections::BTreeMap;
use std::fmt::Write;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::kernel::PendingKind;
use faultline::sim::measure::metrics::MetricId;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Link, Origin};

use super::{busy, check, ensure, idle_and_busy, load, origin, run};

/// How many random fault schedules there are.
fn schedules() -> u64 {
    std::env::var("FAULTLINE_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// How long each is, in events before the faults are healed.
const SCHEDULE: u64 = 400;

#[test]
fn ten_thousand_events_under_faults_stay_in_bounds() {
    check(|scenario, info| {
        let mut run = run(scenario, &busy(info));
        storm(&mut run, info.faults, 1, 10_000);
        let pending = run.world().kernel().pending_count();
        ensure(pending < 5_000, || format!("{pending} events are pending after 10,000"))
    });
}

#[test]
fn back_seek_and_replay_are_exact() {
    check(|scenario, info| {
        idle_and_busy(info)
            .iter()
            .try_for_each(|origin| is_exact(scenario, info, origin).map_err(|why| format!("{}{why}", load(origin))))
    });
}

fn is_exact(scenario: &'static dyn AnyScenario, info: &Info, origin: &Origin) -> Result<(), String> {
    let mut run = run(scenario, origin);
    storm(&mut run, info.faults, 5, 300);
    let (last, live) = (run.step_count(), run.world().fingerprint());
    let mut prints = vec![0; last as usize + 1];
    run.seek(0);
    for step in 0..=last {
        prints[step as usize] = run.world().fingerprint();
        run.step();
    }
    run.seek(last);
    ensure(run.world().fingerprint() == live, || "a replay differs from the run as it was lived".to_owned())?;
    for step in (0..last).rev() {
        run.back();
        ensure(run.world().fingerprint() == prints[step as usize], || format!("stepping back to {step} differs"))?;
    }
    for step in (0..=last).step_by(37).chain((0..=last).rev().step_by(53)) {
        run.seek(step);
        ensure(run.world().fingerprint() == prints[step as usize], || format!("seeking to {step} differs"))?;
    }
    let tape = run.branch().tape().clone();
    let link = Link { scenario: info.path(), origin: origin.clone(), tape, step: last, check: 0 };
    let read = Link::decode(&info.path(), &link.encode()).map_err(|bad| bad.to_string())?;
    ensure(read == link, || "the tape does not survive its text form".to_owned())?;
    let mut again = Run::new(scenario.start(&read.origin), read.tape);
    again.seek(last);
    ensure(again.world().fingerprint() == prints[last as usize], || "a replay of the link differs".to_owned())
}

#[test]
fn promises_hold_under_random_faults() {
    check(|scenario, info| {
        if info.impossible {
            return Ok(());
        }
        for seed in 0..schedules() {
            let mut run = run(scenario, &Origin { seed, ..busy(info) });
            storm(&mut run, info.faults, seed, SCHEDULE);
            for (promise, standing) in info.promises.iter().zip(run.world().standings()) {
                if let Verdict::Broken(broken) = &standing.verdict {
                    return Err(format!(
                        "{} broke, seed {seed}, event {}: {}",
                        promise.id, broken.step, broken.breach.text
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn every_event_says_why() {
    check(|scenario, info| {
        for (origin, seed) in idle_and_busy(info).iter().flat_map(|origin| (0..20).map(move |seed| (origin, seed))) {
            let place = format!("{}seed {seed}", load(origin));
            let mut run = run(scenario, &Origin { seed, ..origin.clone() });
            storm(&mut run, info.faults, seed, 300);
            for (handled, record) in run.records(1, run.step_count()) {
                let spoken = record.whys.iter().any(|why| why.text.len() > 10 && why.text.ends_with(['.', ':']));
                ensure(spoken, || format!("{place}: '{}' gives no why: {:?}", record.title, record.whys))?;
                ensure(!record.title.is_empty(), || format!("{place}: event {} has no title", handled.step))?;
            }
        }
        Ok(())
    });
}

/// At both ends of every setting, since settings decide which nodes there are.
#[test]
fn messages_go_to_nodes_that_are_there() {
    check(|scenario, info| {
        for origin in ends_of_settings(info) {
            let mut run = run(scenario, &origin);
            for step in 0..300 {
                let strays = strays(run.world());
                ensure(strays.is_empty(), || format!("{}, step {step}: {strays}", describe(info, &origin)))?;
                run.step();
            }
        }
        Ok(())
    });
}

/// The page's start, the same under load, and the latter with each setting at its least and at its greatest.
pub(super) fn ends_of_settings(info: &Info) -> Vec<Origin> {
    let mut origins = idle_and_busy(info);
    for (id, setting, _) in &info.settings {
        let (min, max) = setting.control.bounds();
        origins.extend([min, max].map(|value| {
            let settings = [info.busy, &[(*id, value)]].concat();
            Origin { settings, ..origin(info) }
        }));
    }
    origins
}

/// The settings of an origin by name.
fn describe(info: &Info, origin: &Origin) -> String {
    let name = |id| info.settings.iter().find(|known| known.0 == id).map_or("a fixed setting", |known| known.1.id);
    let words: Vec<String> = origin.settings.iter().map(|(id, value)| format!("{}={value}", name(*id))).collect();
    if words.is_empty() { "as the page begins".to_owned() } else { words.join(" ") }
}

/// Messages in flight to nodes that do not exist, in words.
fn strays(world: &LiveWorld) -> String {
    let there = world.kernel().nodes().len();
    let mut words = String::new();
    for entry in world.kernel().pending() {
        if let PendingKind::Deliver { from, .. } = entry.kind
            && entry.node.index() >= there
        {
            let what = world.describe_pending(entry.id);
            let _ = write!(words, "{} sends '{what}' to node {}, of {there}; ", world.name(from), entry.node.0);
        }
    }
    words
}

/// A single scenario need not move every metric of its system, but together a system's scenarios move all that it
/// declares.
#[test]
fn every_metric_is_measured() {
    let systems: Vec<(&str, Vec<(&str, bool)>)> = check(|scenario, info| {
        let moved = moved(scenario, info);
        Ok((info.system, info.metrics.iter().map(|metric| metric.id).zip(moved).collect()))
    });
    if std::env::var_os("FAULTLINE_SCENARIO").is_some() {
        return;
    }
    let mut known: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for (system, (metric, moved)) in systems.iter().flat_map(|(system, list)| list.iter().map(move |one| (system, one)))
    {
        *known.entry((system, metric)).or_default() |= moved;
    }
    let still: Vec<_> = known.iter().filter(|(_, moved)| !**moved).map(|(name, _)| name).collect();
    assert!(still.is_empty(), "these are declared and never measured: {still:?}");
}

/// Which metrics are measured in a run: at the page's start, under load and faults, with each rule off, at the ends of
/// the settings, or on the tour.
fn moved(scenario: &'static dyn AnyScenario, info: &Info) -> Vec<bool> {
    let mut moved = vec![false; info.metrics.len()];
    let mut note = |world: &LiveWorld| {
        for (at, is_moved) in moved.iter_mut().enumerate() {
            *is_moved |= world.metrics().of(MetricId(at as u8)).next().is_some();
        }
        moved.iter().all(|moved| *moved)
    };
    let _ = super::tours::walk(scenario, info, |run, _| {
        note(run.world());
        Ok(())
    });
    let without = info.rules.iter().map(|rule| super::controls::without(info, rule.0));
    for origin in without.chain(ends_of_settings(info)) {
        let mut run = run(scenario, &origin);
        storm(&mut run, info.faults, 4, 800);
        if note(run.world()) {
            break;
        }
    }
    moved
}
