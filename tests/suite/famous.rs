//! The counterexamples that the pages link to: each breaks the promise that it names, and README.md links to the
//! famous ones.

use std::fmt::Write;

use faultline::guides::find;
use faultline::lab::counterexamples::{counterexamples, famous};
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;

use crate::clock::timed;
use crate::readme;

/// Where `cargo xtask serve` serves.
const HERE: &str = "http://127.0.0.1:8080";

#[test]
fn each_counterexample_breaks_the_promise_that_it_names() {
    let _timed = timed();
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

#[test]
fn the_famous_ones_are_in_the_readme() {
    let _timed = timed();
    let list = famous().into_iter().fold(String::new(), |mut text, (title, one)| {
        let _ = writeln!(text, "- [{title}]({HERE}/{}/?run={}&story={})", one.path, one.run, one.rule);
        text
    });
    assert!(list.lines().count() >= 8, "{list}");
    readme::holds("famous failures", &list);
}
