//! The counterexamples that the pages link to: each breaks the promise that it names, and README.md links to the famous.

use std::fmt::Write;

use faultline::guides::find;
use faultline::lab::counterexamples::{counterexamples, famous};
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;

/// Where `cargo xtask serve` serves.
const HERE: &str = "http://127.0.0.1:8080";
const BEGIN: &str = "<!-- famous failures: written by tests/famous.rs -->\n";
const END: &str = "<!-- end -->";

#[test]
fn each_counterexample_breaks_the_promise_that_it_names() {
    for one in counterexamples() {
        let name = format!("{} without {}", one.path, one.rule);
        let scenario = find(one.path).unwrap_or_else(|| panic!("{name}: there is no such scenario"));
        let info = scenario.info();
        let link = Link::decode(one.path, one.run).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        let rule = info.rules.iter().find(|rule| rule.1.id == one.rule).expect("the scenario has the rule").0;
        assert_eq!(link.origin.rules_off, RuleSet::ALL.with(rule, false).off_bits(), "{name}");
        let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
        run.seek(link.step);
        assert_eq!(run.world().fingerprint() as u32, link.check, "{name}: the run has changed");
        let at = info.promises.iter().position(|promise| promise.id == one.promise).expect("it has the promise");
        assert!(run.world().standings()[at].verdict.is_broken(), "{name} breaks nothing");
    }
}

/// FAULTLINE_BLESS=1 writes README.md's list anew.
#[test]
fn the_famous_ones_are_in_the_readme() {
    let list = famous().into_iter().fold(String::new(), |mut text, (title, one)| {
        let _ = writeln!(text, "- [{title}]({HERE}/{}/?run={})", one.path, one.run);
        text
    });
    assert!(list.lines().count() >= 8, "{list}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(file).expect("README.md is there");
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has a place for the list");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    if std::env::var_os("FAULTLINE_BLESS").is_some() {
        std::fs::write(file, format!("{before}{BEGIN}{list}{END}{after}")).expect("README.md can be written");
    }
    assert!(readme.contains(&list) || std::env::var_os("FAULTLINE_BLESS").is_some(), "README.md lists other runs");
}
