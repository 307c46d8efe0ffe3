//! The famous failures: each run breaks the promise that it names, and README.md links to all of them.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write;
use std::path::PathBuf;

use faultline::guides::famous::{Famous, famous};
use faultline::guides::find;
use faultline::sim::rules::RuleSet;
use faultline::sim::run::Run;
use faultline::sim::simulation::Simulation;
use faultline::sim::tape::Link;

/// Where `cargo xtask serve` serves.
const HERE: &str = "http://127.0.0.1:8080";
const BEGIN: &str = "<!-- famous failures: written by tests/famous.rs -->\n";
const END: &str = "<!-- end -->";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The list as README.md has it.
fn list(all: &[(Famous, String)]) -> String {
    all.iter().fold(String::new(), |mut text, (one, run)| {
        let _ = writeln!(text, "- [{}]({HERE}/{}/?run={run})", one.title, one.path);
        text
    })
}

/// The run of a failure, found by the search that the scenario names for its rule.
fn found(one: &Famous) -> String {
    let scenario = find(one.path).expect("the scenario is in the catalogue");
    let info = scenario.info();
    let rule = info.rules.iter().find(|rule| rule.1.id == one.rule).expect("the scenario has the rule").0;
    let found = scenario.counterexample(rule, 0).expect("the rule has a counterexample");
    assert_eq!(info.promises[found.promise].id, one.promise);
    let tape = found.tape.expect("it is found");
    let step = faultline::sim::explore::replays(&scenario.start(&found.origin), &tape, found.promise);
    let link = Link { scenario: info.path(), origin: found.origin, tape, step: step.expect("it replays"), check: 0 };
    let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
    run.seek(link.step);
    Link { check: run.world().fingerprint() as u32, ..link }.encode()
}

fn bless() {
    let all: Vec<(Famous, String)> = famous().into_iter().map(|one| (one, found(&one))).collect();
    let lines = all.iter().fold(String::new(), |mut text, (one, run)| {
        let _ = writeln!(text, "{} | {} | {} | {} | {run}", one.path, one.rule, one.promise, one.title);
        text
    });
    std::fs::write(file("src/guides/famous.txt"), lines).expect("famous.txt can be written");
    let readme = std::fs::read_to_string(file("README.md")).expect("README.md is there");
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has a place for the list");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    std::fs::write(file("README.md"), format!("{before}{BEGIN}{}{END}{after}", list(&all)))
        .expect("README.md can be written");
}

#[test]
fn each_breaks_the_promise_that_it_names() {
    if std::env::var_os("FAULTLINE_BLESS").is_some() {
        return bless();
    }
    let all = famous();
    assert!(all.len() >= 5, "there are {} only", all.len());
    for one in &all {
        let scenario = find(one.path).expect("the scenario is in the catalogue");
        let info = scenario.info();
        let link = Link::decode(one.path, one.run).unwrap_or_else(|bad| panic!("{}: {bad}", one.title));
        let rule = info.rules.iter().find(|rule| rule.1.id == one.rule).expect("the scenario has the rule").0;
        assert_eq!(link.origin.rules_off, RuleSet::ALL.with(rule, false).off_bits(), "{}", one.title);
        let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
        run.seek(link.step);
        assert_eq!(run.world().fingerprint() as u32, link.check, "{}: the run has changed; see famous.rs", one.title);
        let at = info.promises.iter().position(|promise| promise.id == one.promise).expect("it has the promise");
        assert!(run.world().standings()[at].verdict.is_broken(), "{} breaks nothing", one.title);
    }
    let pairs: Vec<(Famous, String)> = all.iter().map(|one| (*one, one.run.to_owned())).collect();
    let readme = std::fs::read_to_string(file("README.md")).expect("README.md is there");
    assert!(readme.contains(&list(&pairs)), "README.md lists other runs; see famous.rs");
}
