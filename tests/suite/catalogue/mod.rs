//! What every scenario must pass, as loops over the catalogue: listing a scenario puts it under test.
//!
//! FAULTLINE_SCENARIO narrows every loop to one scenario (`storage/leaderless-quorum`, or its slug alone) or to a
//! guide.

mod by_the_clock;
mod controls;
mod hunts;
mod in_practice;
mod load;
mod long;
mod names;
mod pictures;
mod play;
mod runs;
mod settings;
mod stories;
mod tours;
mod words;

use std::fmt::Write;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::run::Run;
use faultline::sim::run::tape::{Origin, Tape};

use crate::clock::report;
use crate::cores;

/// Runs a check on every scenario that is asked for and reports all failures, in the catalogue's order. Returns what
/// the check found for each.
pub fn check<T: Send>(what: impl Fn(&'static dyn AnyScenario, &Info) -> Result<T, String> + Sync) -> Vec<T> {
    let done = cores::each(&asked_for(), |scenario| {
        let info = scenario.info();
        (info.path(), what(*scenario, &info))
    });
    report(done.iter().map(|one| one.1).sum());
    let (mut found, mut failures) = (Vec::new(), String::new());
    for ((path, result), took) in done {
        println!("{:>8.2} s  {path}", took.as_secs_f64());
        match result {
            Ok(one) => found.push(one),
            Err(why) => _ = writeln!(failures, "{path}: {why}"),
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    found
}

/// The scenarios that FAULTLINE_SCENARIO asks for; without it, all. An unknown name is an error.
pub fn asked_for() -> Vec<&'static dyn AnyScenario> {
    let wanted = std::env::var("FAULTLINE_SCENARIO").unwrap_or_default();
    let found = named(&wanted);
    let names = || catalogue().iter().map(|scenario| scenario.info().path()).collect::<Vec<_>>().join("\n    ");
    assert!(!found.is_empty(), "FAULTLINE_SCENARIO={wanted} is no scenario and no guide. There are:\n    {}", names());
    found
}

fn named(wanted: &str) -> Vec<&'static dyn AnyScenario> {
    let is_wanted =
        |info: &Info| wanted.is_empty() || info.path() == wanted || info.slug == wanted || info.guide.slug() == wanted;
    catalogue().iter().copied().filter(|scenario| is_wanted(&scenario.info())).collect()
}

#[test]
fn a_scenario_is_asked_for_by_its_path_its_slug_or_its_guide() {
    assert_eq!(named("").len(), catalogue().len());
    for scenario in catalogue() {
        let info = scenario.info();
        assert_eq!(named(&info.path()).len(), 1);
        assert!(named(info.slug).iter().any(|found| found.info().path() == info.path()));
        assert!(named(info.guide.slug()).iter().any(|found| found.info().path() == info.path()));
    }
    assert!(named("storage/leaderles-quorum").is_empty());
}

pub fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// The start of the page.
pub fn origin(info: &Info) -> Origin {
    Origin { seed: info.seed, ..Origin::default() }
}

/// The scenario's own start, under load if it begins without one.
pub fn busy(info: &Info) -> Origin {
    Origin { settings: info.busy.to_vec(), ..origin(info) }
}

/// The page's start, and the same under load if it begins without one.
pub fn idle_and_busy(info: &Info) -> Vec<Origin> {
    if info.busy.is_empty() { vec![origin(info)] } else { vec![origin(info), busy(info)] }
}

/// Which of the two an origin is, for messages.
pub fn load(origin: &Origin) -> &'static str {
    if origin.settings.is_empty() { "" } else { "under load, " }
}

pub fn run(scenario: &'static dyn AnyScenario, origin: &Origin) -> Run<LiveWorld> {
    Run::new(scenario.start(origin), Tape::default())
}
