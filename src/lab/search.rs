//! "Find a way to break this", on any scenario: what is asked, how far it has come, and what was found, in words and
//! as a run that can be stepped through. The page's worker and the terminal both ask here.

use serde::{Deserialize, Serialize};

use crate::guides::kit::any::AnyScenario;
use crate::guides::kit::info::Info;
use crate::sim::declare::rules::RuleSet;
use crate::sim::explore::{Bounds, Budget, Explorer, Limit, Order, Outcome, Progress, Report, replays, tape_of};
use crate::sim::numbers::{counted, grouped};
use crate::sim::run::Run;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Link, Origin, Stamped, Tape};

/// Where a search begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// The small instance that the scenario names for exploring, at its start.
    #[default]
    Instance,
    /// The reader's own run, where the reader stands.
    Here,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quest {
    /// The promise to break: its index in the scenario's list, or any.
    pub promise: Option<usize>,
    /// Where to begin.
    pub from: From,
    /// The most states.
    pub states: u64,
    /// The most moves; the scenario's own bound if not given.
    pub depth: Option<u32>,
    /// The faults in a schedule; the scenario's own if not given.
    pub budget: Option<Budget>,
    /// The order in which states are looked at.
    pub order: Order,
}

/// For searches from the reader's own state, which no bound of the scenario covers.
const DEPTH_FROM_HERE: u32 = 60;

/// Without any rule something breaks: the catalogue's tests see to it. Where a search does not find it, this is why.
const BROKEN_ELSEWHERE: &str = " A rule is off, and without it something does break: see \"Without a rule\" on the page. \
                                A search leaves time and load out, and keeps to a small instance; that run does not.";

/// A search under way.
pub struct Search {
    scenario: &'static dyn AnyScenario,
    explorer: Explorer,
    origin: Origin,
    before: Vec<Stamped>,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Index of the promise that breaks, if one does.
    pub promise: Option<usize>,
    /// Moves of the schedule.
    pub moves: usize,
    /// The result as a sentence or two.
    pub words: String,
    /// `broken`, `holds` or `unknown`.
    pub verdict: &'static str,
    /// The run that leads there, standing at the event that breaks the promise. `None` when nothing was found, or when
    /// the run, with real times, does not follow the schedule.
    pub run: Option<Link>,
    /// The search's own report.
    pub report: Report,
}

impl Search {
    /// A search on a scenario. `link`: the reader's run, whose rules and seed count, and where the reader stands.
    pub fn new(scenario: &'static dyn AnyScenario, link: &Link, quest: &Quest) -> Option<Search> {
        let (origin, bounds, world, before) = match quest.from {
            From::Instance => {
                let origin = instance_origin(scenario, link);
                let (world, bounds) = scenario.hunt(&origin);
                let (settings, inputs) = scenario.hunt_start(&origin);
                let before = inputs.into_iter().map(|input| Stamped { after: 0, input }).collect();
                let mut origin = origin;
                origin.settings.extend(settings);
                (origin, bounds, world, before)
            }
            From::Here => {
                let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
                run.seek(link.step);
                let bounds = Bounds::new(quest.states, DEPTH_FROM_HERE, Budget::NONE);
                let mut before = link.tape.clone();
                before.truncate(link.step);
                (link.origin.clone(), bounds, run.world().clone(), before.inputs().to_vec())
            }
        };
        let bounds = Bounds {
            states: quest.states,
            depth: quest.depth.unwrap_or(bounds.depth),
            budget: quest.budget.unwrap_or(bounds.budget),
            order: quest.order,
            ..bounds
        };
        let explorer = scenario.explorer(&world, bounds, quest.promise, quest.from == From::Instance)?;
        Some(Search { scenario, explorer, origin, before })
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.explorer.progress()
    }

    /// Searches on for about this many moves.
    pub fn advance(&mut self, moves: u64) -> Option<Finding> {
        let report = self.explorer.advance(moves)?;
        Some(self.conclude(report))
    }

    /// Searches to the end.
    pub fn run(&mut self) -> Finding {
        let report = self.explorer.run();
        self.conclude(report)
    }

    fn conclude(&self, report: Report) -> Finding {
        let info = self.scenario.info();
        let (promise, moves) = report.moves().map_or((None, 0), |(promise, moves)| (Some(promise), moves.len()));
        let verdict = match report.outcome {
            Outcome::Broken { .. } | Outcome::Trapped { .. } => "broken",
            Outcome::Holds => "holds",
            Outcome::Unknown => "unknown",
        };
        let run = promise.and_then(|promise| self.link(&info, &report, promise));
        let mut words = words(&info, &report);
        if promise.is_none() && self.is_without_a_rule(&info) {
            words.push_str(BROKEN_ELSEWHERE);
        }
        if promise.is_some() && run.is_none() {
            words.push_str(" In virtual time, this seed's run does not follow that schedule.");
        }
        Finding { promise, moves, words, verdict, run, report }
    }

    fn is_without_a_rule(&self, info: &Info) -> bool {
        let rules = RuleSet::from_off_bits(self.origin.rules_off);
        info.rules.iter().any(|rule| !rules.on(rule.0))
    }

    /// The run of a schedule, as a link. A promise about the end is not broken at the schedule's last event yet; it
    /// breaks as the run goes on.
    fn link(&self, info: &Info, report: &Report, promise: usize) -> Option<Link> {
        let schedule = self.explorer.schedule(report.moves()?.1)?;
        let tape = tape_of(self.before.clone(), &schedule.tape);
        let start = self.scenario.start(&self.origin);
        let step = match report.outcome {
            Outcome::Broken { .. } => replays(&start, &tape, promise)?,
            _ => schedule.steps,
        };
        let mut run = Run::new(start, tape.clone());
        run.seek(step);
        let check = run.world().fingerprint() as u32;
        Some(Link { scenario: info.path(), origin: self.origin.clone(), tape, step, check })
    }
}

/// The instance begins with the reader's seed, and with the rules that are off where the reader stands.
fn instance_origin(scenario: &'static dyn AnyScenario, link: &Link) -> Origin {
    let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
    run.seek(link.step);
    Origin { seed: link.origin.seed, settings: Vec::new(), rules_off: run.world().rules().off_bits() }
}

/// A reader's run before anything was done, as a link.
pub fn untouched(info: &Info) -> Link {
    let origin = Origin { seed: info.seed, ..Origin::default() };
    Link { scenario: info.path(), origin, tape: Tape::default(), step: 0, check: 0 }
}

fn words(info: &Info, report: &Report) -> String {
    let states = grouped(report.progress.states);
    let title = |promise: usize| info.promises.get(promise).map_or("", |promise| promise.title);
    match &report.outcome {
        Outcome::Broken { promise, moves } => {
            format!(
                "Found: \"{}\" breaks after {}. {states} states were looked at.",
                title(*promise),
                counted(moves.len() as u64, "move")
            )
        }
        Outcome::Trapped { promise, moves, circle } => {
            let end = match circle {
                0 => "nothing can happen any more".to_owned(),
                circle => format!("the system goes round in a circle of {}", counted(u64::from(*circle), "move")),
            };
            format!(
                "Found: after {}, \"{}\" cannot come true without another fault: {end}. {states} states were looked at.",
                counted(moves.len() as u64 - u64::from(*circle), "move"),
                title(*promise)
            )
        }
        Outcome::Holds if report.endings => {
            format!("No trap in all {states} states: from each of them the promise can still come true.")
        }
        Outcome::Holds => format!("No counterexample in all {states} states."),
        Outcome::Unknown => format!("None found in {states} states, not exhausted: {}.", limit(report)),
    }
}

fn limit(report: &Report) -> String {
    match report.limit {
        Some(Limit::Depth) => format!("it looked {} deep", counted(u64::from(report.progress.depth), "move")),
        Some(Limit::States) => "the limit of states was reached".to_owned(),
        Some(Limit::Memory) => "the limit of memory was reached".to_owned(),
        Some(Limit::Stopped) => "it was stopped".to_owned(),
        None => "random walks never see everything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::find;

    fn quest(from: From) -> Quest {
        Quest { promise: None, from, states: 50_000, depth: None, budget: None, order: Order::Breadth }
    }

    fn election_without(rule: &str) -> (&'static dyn AnyScenario, Link) {
        let scenario = find("consensus/raft-election").expect("it is in the catalogue");
        let info = scenario.info();
        let mut link = untouched(&info);
        let rule = info.rules.iter().find(|known| known.1.id == rule).expect("it has this rule");
        link.origin.rules_off = RuleSet::ALL.with(rule.0, false).off_bits();
        (scenario, link)
    }

    #[test]
    fn a_counterexample_is_a_run_that_breaks_the_promise_where_it_stands() {
        let (scenario, link) = election_without("one-vote-per-term");
        let finding = Search::new(scenario, &link, &quest(From::Instance)).expect("it can be searched").run();
        assert_eq!((finding.verdict, finding.moves), ("broken", 6));
        let found = finding.run.expect("it can be followed");
        let mut run = Run::new(scenario.start(&found.origin), found.tape.clone());
        run.seek(found.step);
        assert!(run.world().standings()[finding.promise.unwrap_or(9)].verdict.is_broken());
        run.back();
        assert!(!run.world().standings()[finding.promise.unwrap_or(9)].verdict.is_broken());
    }

    #[test]
    fn the_search_goes_on_from_where_the_reader_stands() {
        let (scenario, mut link) = election_without("one-vote-per-term");
        link.origin.settings.push((crate::systems::consensus::raft::SERVERS, 0));
        link.step = 3;
        let finding = Search::new(scenario, &link, &quest(From::Here)).expect("it can be searched").run();
        let found = finding.run.unwrap_or_else(|| panic!("{}", finding.words));
        assert!(found.step > 3 && found.origin == link.origin);
    }

    #[test]
    fn results_say_what_they_are() {
        let (scenario, link) = election_without("step-down");
        let mut few = quest(From::Instance);
        few.states = 500;
        let finding = Search::new(scenario, &link, &few).expect("it can be searched").run();
        assert!(finding.words.starts_with("None found in 50"), "{}", finding.words);
        assert!(finding.words.contains("not exhausted: the limit of states was reached."), "{}", finding.words);
        assert!(finding.words.ends_with(BROKEN_ELSEWHERE), "{}", finding.words);
    }
}
