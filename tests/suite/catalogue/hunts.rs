//! Searches: nothing breaks while all rules are on, switching off any rule breaks something, and the page's own search
//! with the rule off goes through that very run.

use std::fmt::Write;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::proof::Counterexample;
use faultline::lab::counterexamples::counterexamples;
use faultline::sim::declare::rules::{RuleId, RuleSet};
use faultline::sim::explore::{Bounds, Budget, Network, Outcome, replays};
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::run::Run;
use faultline::sim::run::compare::{replay_at, timed};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Link, Origin, Tape};

use super::{check, ensure, origin};
use crate::pinned::pinned;

/// The most states for an instance that is too large to cover anyway.
const MOST_STATES: u64 = 1_000_000;
/// Instances with more states that are covered all the same.
const LARGE: [&str; 1] = ["messaging/competing-consumers"];

#[test]
fn the_explorer_finds_nothing_while_all_rules_are_on() {
    check(|scenario, info| {
        let (world, bounds) = scenario.hunt(&origin(info));
        let is_large = LARGE.contains(&info.path().as_str());
        let states = if is_large { bounds.states } else { bounds.states.min(MOST_STATES) };
        let bounds = Bounds { states, ..bounds };
        let mut explorer = scenario.explorer(&world, bounds, None, true).ok_or("a world of another scenario")?;
        let report = explorer.run();
        let (words, progress) = (kind(&report.outcome), report.progress);
        println!("{}: {words} in {} states, {} moves deep", info.path(), progress.states, progress.depth);
        ensure(!is_large || report.outcome == Outcome::Holds, || "is not seen whole any more".to_owned())?;
        ensure(matches!(report.outcome, Outcome::Broken { .. }) == info.impossible, || format!("{:?}", report.outcome))
    });
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Broken { .. } => "broken",
        Outcome::Trapped { .. } => "trapped",
        Outcome::Holds => "exhausted, none found",
        Outcome::Unknown => "none found, not exhausted",
    }
}

/// How many states show what promises look at.
const A_LOOK: u64 = 3_000;

/// A patient network withholds what its receiver would ignore, and a promise that looks at messages would not see it.
#[test]
fn no_promise_that_looks_at_messages_is_searched_with_a_network_that_withholds_them() {
    check(|scenario, info| {
        let all_on = [origin(info)];
        let one_off = info.rules.iter().map(|rule| without(info, rule.0));
        for origin in all_on.into_iter().chain(one_off) {
            let (world, bounds) = scenario.hunt(&origin);
            let bounds = Bounds { states: A_LOOK, ..bounds };
            let mut explorer = scenario.explorer(&world, bounds, None, true).ok_or("a world of another scenario")?;
            let looks_at_messages = explorer.run().looks_at_messages;
            ensure(bounds.network != Network::Patient || !looks_at_messages, || {
                "a promise looks at the messages: explore it with Network::Once".to_owned()
            })?;
        }
        Ok(())
    });
}

fn without(info: &Info, rule: RuleId) -> Origin {
    Origin { rules_off: RuleSet::ALL.with(rule, false).off_bits(), ..origin(info) }
}

#[test]
fn each_rule_earns_its_place() {
    let found = check(|scenario, info| {
        let (mut lines, mut failures) = (Vec::new(), String::new());
        for (id, rule) in &info.rules {
            let found = scenario.counterexample(*id, SCHEDULES);
            match found
                .ok_or("names no way to break a promise".to_owned())
                .and_then(|found| earns(scenario, info, &found))
            {
                Ok(line) => lines.push(format!("{} | {} | {line}", info.path(), rule.id)),
                Err(why) => _ = write!(failures, " {}: {why};", rule.id),
            }
        }
        ensure(failures.is_empty(), || failures)?;
        Ok((info.path(), lines))
    });
    let name = |line: &str| line.split(" | ").take(2).collect::<Vec<_>>().join(" without ");
    pinned("src/lab/counterexamples.txt", &found, name);
}

/// The most random schedules that are tried for a rule.
const SCHEDULES: u64 = 300;

/// The rest of a counterexample's line, once it has earned it: it breaks its promise, does so again in a replay, and
/// does not with the rule on.
fn earns(scenario: &'static dyn AnyScenario, info: &Info, found: &Counterexample) -> Result<String, String> {
    let promise = &info.promises[found.promise];
    let unit = if found.explored { ("move", "states") } else { ("event", "schedules") };
    let length = format!("{} {}{}", found.steps, unit.0, if found.steps == 1 { "" } else { "s" });
    let tape = found.tape.as_ref().ok_or_else(|| {
        let bounds = scenario.hunt(&found.origin).1;
        let most = format!(", of at most {} states and {} moves", bounds.states, bounds.depth);
        let (tried, most) = (found.tried, if found.explored { most.as_str() } else { "" });
        format!("'{}' does not break in {tried} {}, which is where the search ends{most}", promise.id, unit.1)
    })?;
    println!(
        "{} without {}: {} broken in {length} with {} inputs, {} {}",
        info.path(),
        info.rules.iter().find(|rule| rule.0 == found.rule).map_or("", |rule| rule.1.id),
        promise.id,
        tape.inputs().len(),
        found.tried,
        unit.1
    );
    ensure(found.steps <= 40 || !found.reason.is_empty(), || {
        format!("{} moves without a reason are too many", found.steps)
    })?;
    ensure(is_replayed(scenario, found, tape), || "the counterexample does not replay".to_owned())?;
    ensure(!breaks_anyway(scenario, found, tape), || format!("'{}' breaks the same way with the rule on", promise.id))?;
    let (event, run) = broken_run(scenario, found, tape);
    Ok(format!("{} | {length} | {event} | {run}", promise.id))
}

fn is_replayed(scenario: &'static dyn AnyScenario, found: &Counterexample, tape: &Tape) -> bool {
    let world = scenario.start(&found.origin);
    if found.explored {
        return replays(&world, tape, found.promise).is_some();
    }
    let mut run = Run::new(world, tape.clone());
    run.seek(found.steps);
    run.world().standings()[found.promise].verdict.is_broken()
}

/// Where a counterexample ends, in events.
fn end(found: &Counterexample, tape: &Tape) -> u64 {
    if found.explored { tape.inputs().last().map_or(0, |last| last.after + 1) } else { found.steps }
}

/// What happens in the event that breaks the promise, and the text of the run that stands there.
fn broken_run(scenario: &'static dyn AnyScenario, found: &Counterexample, tape: &Tape) -> (String, String) {
    let mut run = Run::new(scenario.start(&found.origin), tape.clone());
    run.seek(tape.inputs().last().map_or(0, |last| last.after + 1).max(end(found, tape)));
    let Verdict::Broken(broken) = run.world().standings()[found.promise].verdict.clone() else {
        return (String::new(), String::new());
    };
    let event = run.records(broken.step, broken.step).into_iter().map(|(_, record)| record.title).collect();
    run.seek(broken.step);
    let link = Link {
        scenario: scenario.info().path(),
        origin: found.origin.clone(),
        tape: tape.clone(),
        step: broken.step,
        check: run.world().fingerprint() as u32,
    };
    (event, link.encode())
}

/// Whether the same inputs break the promise with every rule on, within the same time.
fn breaks_anyway(scenario: &'static dyn AnyScenario, found: &Counterexample, tape: &Tape) -> bool {
    let seek = end(found, tape);
    let mut run = Run::new(scenario.start(&found.origin), tape.clone());
    run.seek(seek);
    let (inputs, until) = (timed(run.branch()), run.world().kernel().now());
    let origin = Origin { rules_off: 0, ..found.origin.clone() };
    let (run, _) = replay_at(scenario.start(&origin), &inputs, until, seek * 4 + 100, |_| false);
    run.world().standings()[found.promise].verdict.is_broken()
}

/// "Break it" with a rule off: the page's own search goes through the pinned counterexample's run, or ends sooner.
#[test]
fn the_pages_search_clears_no_rule_that_is_needed() {
    check(|scenario, info| {
        let mut failures = String::new();
        for one in counterexamples().filter(|one| one.path == info.path() && one.length.contains(" move")) {
            let link = Link::decode(one.path, one.run).map_err(|bad| bad.to_string())?;
            let moves = one.length.split(' ').next().and_then(|moves| moves.parse().ok()).unwrap_or(u32::MAX);
            if !is_in_the_pages_instance(scenario, &link, moves) {
                _ = write!(failures, "\n    {}: the run is not in the instance that is searched", one.rule);
            }
        }
        ensure(failures.is_empty(), || failures)
    });
}

/// Whether the page's search goes through this very run: it begins at the same start, and the search expands every
/// state on the way.
fn is_in_the_pages_instance(scenario: &'static dyn AnyScenario, link: &Link, moves: u32) -> bool {
    let (settings, inputs) = scenario.hunt_start(&link.origin);
    let (_, bounds) = scenario.hunt(&link.origin);
    let begins = link.tape.after(0).iter().map(|stamped| &stamped.input).take(inputs.len()).eq(&inputs);
    let is_bounded = moves <= bounds.depth && is_affordable(&link.tape, inputs.len(), bounds.budget);
    if link.origin.settings != settings || !begins || !is_bounded {
        return false;
    }
    let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
    (0..link.step).all(|_| scenario.within(run.world()) && run.step().is_some())
}

/// Whether a budget covers the faults of a tape after its first inputs.
fn is_affordable(tape: &Tape, first: usize, mut budget: Budget) -> bool {
    tape.inputs().iter().skip(first).all(|stamped| {
        let left = match stamped.input {
            Input::Crash { .. } => &mut budget.crashes,
            Input::PowerCut { .. } => &mut budget.power_cuts,
            Input::Restart { .. } => &mut budget.restarts,
            Input::Drop { .. } => &mut budget.drops,
            Input::Duplicate { .. } => &mut budget.duplicates,
            Input::Cut { .. } => &mut budget.cuts,
            Input::Choose { .. } => return true,
            _ => return false,
        };
        left.checked_sub(1).map(|less| *left = less).is_some()
    })
}
