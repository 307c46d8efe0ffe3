//! "What if": the reader's run once more with one thing changed, under the same seed, faults and load at the same
//! moments of virtual time; or another scenario under the same faults.

use crate::guides::find;
use crate::guides::kit::any::AnyScenario;
use crate::guides::kit::info::Info;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{Control, SettingId, Unit};
use crate::sim::kernel::time;
use crate::sim::run::Run;
use crate::sim::run::compare::{Timed, replay_at, timed};
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Input, Link, Origin};
use crate::sim::small;

/// What the other run does differently from the reader's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Without this input of the tape, counted from 0.
    Without(usize),
    /// This input comes this many microseconds later, or earlier.
    Moved(usize, i64),
    /// A rule is switched from the start.
    Rule(RuleId, bool),
    /// A setting is turned from the start.
    Setting(SettingId, i64),
    /// Another scenario, by its `guide/slug`.
    Scenario(String),
}

/// How many events the other run may have for each event of the reader's.
const MOST_FACTOR: u64 = 20;

/// The run to compare with this one, just as long in virtual time, and how many inputs did not apply in it. `None`
/// when there is no such input or scenario.
pub fn beside(link: &Link, change: &Change) -> Option<(Link, usize)> {
    let scenario = find(&link.scenario)?;
    let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
    run.seek(link.step);
    let until = run.world().kernel().now();
    let mut inputs = timed(run.branch());
    let (mut origin, mut other) = (link.origin.clone(), scenario);
    match change {
        Change::Without(input) => drop(inputs.get(*input).is_some().then(|| inputs.remove(*input))?),
        Change::Moved(input, by) => {
            let moved = inputs.get_mut(*input)?;
            moved.at = moved.at.saturating_add_signed(*by);
            small::sort_by_key(&mut inputs, |timed| timed.at);
        }
        Change::Rule(rule, on) => {
            origin.rules_off = RuleSet::from_off_bits(origin.rules_off).with(*rule, *on).off_bits();
        }
        Change::Setting(setting, value) => {
            origin.settings.retain(|known| known.0 != *setting);
            origin.settings.push((*setting, *value));
        }
        Change::Scenario(path) => {
            other = find(path)?;
            origin = Origin { seed: origin.seed, ..Origin::default() };
            inputs.retain(|timed| is_about_machines(&timed.input));
        }
    }
    Some(play(other, origin, &inputs, until, link.step))
}

/// Whether an input means the same in every system.
fn is_about_machines(input: &Input) -> bool {
    use Input::*;
    matches!(
        input,
        Crash { .. }
            | Restart { .. }
            | Pause { .. }
            | Resume { .. }
            | Slow { .. }
            | Skew { .. }
            | LoseDisk { .. }
            | Cut { .. }
            | Heal { .. }
            | Partition { .. }
            | HealAll
            | Latency { .. }
            | Loss { .. }
    )
}

fn play(
    scenario: &'static dyn AnyScenario,
    origin: Origin,
    inputs: &[Timed],
    until: time::Time,
    steps: u64,
) -> (Link, usize) {
    let most = steps.saturating_mul(MOST_FACTOR) + 1_000;
    let (run, refused) = replay_at(scenario.start(&origin), inputs, until, most, |_| false);
    let (tape, step, check) = (run.branch().tape().clone(), run.step_count(), run.world().fingerprint() as u32);
    (Link { scenario: scenario.info().path(), origin, tape, step, check }, refused)
}

/// A value with its unit.
pub fn show_value(control: &Control, value: i64) -> String {
    match control {
        Control::Slider { unit: Unit::Micros, .. } => time::show(value.max(0) as u64),
        Control::Slider { unit: Unit::PerSecond, .. } => format!("{value}/s"),
        Control::Slider { unit: Unit::Percent, .. } => format!("{value} %"),
        Control::Slider { unit: Unit::Count, .. } => value.to_string(),
        Control::Choice(options) => options.get(value.max(0) as usize).unwrap_or(&"?").to_string(),
        Control::Toggle => if value == 0 { "off" } else { "on" }.to_owned(),
    }
}

/// How two runs differ, in a few words: "without: One vote per term".
pub fn difference(one: &Link, other: &Link) -> String {
    let Some(info) = find(&other.scenario).map(|scenario| scenario.info()) else { return String::new() };
    if one.scenario != other.scenario {
        return info.title.to_owned();
    }
    let mut words = rules(&info, one, other);
    words.extend(settings(&info, one, other));
    if one.origin.seed != other.origin.seed {
        words.push(format!("seed {}", other.origin.seed));
    }
    let (ours, theirs) = (one.tape.inputs().len(), other.tape.inputs().len());
    if words.is_empty() {
        words.push(match ours.abs_diff(theirs) {
            0 => "an input at another moment".to_owned(),
            1 if theirs < ours => "one input fewer".to_owned(),
            count => format!("{count} inputs {}", if theirs < ours { "fewer" } else { "more" }),
        });
    }
    words.join(", ")
}

fn rules(info: &Info, one: &Link, other: &Link) -> Vec<String> {
    let (ours, theirs) = (one.origin.rules_off, other.origin.rules_off);
    let is_off = |bits: u64, rule: RuleId| !RuleSet::from_off_bits(bits).on(rule);
    let changed = info.rules.iter().filter(|rule| is_off(ours, rule.0) != is_off(theirs, rule.0));
    let word = |rule: RuleId| if is_off(theirs, rule) { "without" } else { "with" };
    changed.map(|(id, rule)| format!("{}: {}", word(*id), rule.title)).collect()
}

fn settings(info: &Info, one: &Link, other: &Link) -> Vec<String> {
    let value = |link: &Link, id: SettingId, start: i64| {
        link.origin.settings.iter().rfind(|known| known.0 == id).map_or(start, |known| known.1)
    };
    let changed = info.settings.iter().filter_map(|(id, setting, start)| {
        let theirs = value(other, *id, *start);
        let text = format!("{}: {}", setting.title, show_value(&setting.control, theirs));
        (theirs != value(one, *id, *start)).then_some(text)
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::live::LiveWorld;
    use crate::lab::search::untouched;
    use crate::sim::NodeId;
    use crate::sim::run::compare::first_difference;

    /// A run of 400 events in which worker 1 crashes at event 60 and worker 2 pauses at event 120.
    fn lived() -> (Link, Run<LiveWorld>) {
        let scenario = find("messaging/competing-consumers").expect("it is in the catalogue");
        let mut link = untouched(&scenario.info());
        let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
        run.seek(60);
        run.act(Input::Crash { node: NodeId(2) }).expect("a worker can crash");
        run.seek(120);
        run.act(Input::Pause { node: NodeId(3) }).expect("a worker can pause");
        run.seek(400);
        (link.tape, link.step) = (run.branch().tape().clone(), 400);
        (link, run)
    }

    fn replay(link: &Link) -> Run<LiveWorld> {
        let scenario = find(&link.scenario).expect("it is in the catalogue");
        let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
        run.seek(link.step);
        run
    }

    #[test]
    fn taking_a_fault_out_changes_nothing_before_it() {
        let (link, run) = lived();
        let (other, refused) = beside(&link, &Change::Without(1)).expect("there is a second input");
        let first = first_difference(run.branch(), replay(&other).branch()).expect("the pause matters");
        assert!(first > 120 && refused == 0, "{first} {refused}");
        assert_eq!((other.tape.inputs().len(), difference(&link, &other).as_str()), (1, "one input fewer"));
    }

    #[test]
    fn unrelated_draws_stay_as_they_were() {
        let (link, run) = lived();
        let (other, _) = beside(&link, &Change::Without(0)).expect("there is a first input");
        let other = replay(&other);
        // The publisher knows nothing of workers: it publishes at the same moments, no matter which worker has crashed.
        let published = |run: &Run<LiveWorld>| -> Vec<time::Time> {
            let events = run.branch().events().iter();
            events
                .filter(|event| event.node == NodeId(0) && event.what.name() == "timer")
                .map(|event| event.time)
                .collect()
        };
        let (ours, theirs) = (published(&run), published(&other));
        let both = ours.len().min(theirs.len());
        assert!(both > 10);
        assert_eq!(ours[..both], theirs[..both]);
        assert!(first_difference(run.branch(), other.branch()).is_some_and(|first| first > 60));
    }

    #[test]
    fn every_change_gives_a_run_that_replays() {
        let (link, _) = lived();
        let scenario = find(&link.scenario).expect("it is in the catalogue");
        let info = scenario.info();
        let changes = [
            (Change::Moved(1, 100_000), "an input at another moment"),
            (Change::Rule(info.rules[0].0, false), info.rules[0].1.title),
            (Change::Setting(info.settings[0].0, 4), info.settings[0].1.title),
            (Change::Scenario("consensus/raft-election".to_owned()), "Raft"),
        ];
        for (change, words) in changes {
            let (other, _) = beside(&link, &change).unwrap_or_else(|| panic!("{change:?}"));
            assert_eq!(replay(&other).world().fingerprint() as u32, other.check, "{change:?}");
            assert!(difference(&link, &other).contains(words), "{change:?}: {}", difference(&link, &other));
        }
        assert_eq!(beside(&link, &Change::Without(9)), None);
    }
}
