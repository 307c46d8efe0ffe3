//! All schedules within bounds, breadth-first: the shortest way in which a promise breaks, as a tape.
//!
//! Virtual time is ignored: in a state every message in flight may arrive (in link order where the link is FIFO),
//! every armed timer may fire, and every fault left in the budget may happen. States are told apart by fingerprints
//! without ids, times or metrics.

use std::collections::{BTreeSet, VecDeque};

use super::NodeId;
use super::kernel::PendingKind;
use super::property::Verdict;
use super::simulation::Simulation;
use super::tape::{Input, Stamped, Tape};

/// How many faults of each kind a schedule may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    /// Crashes of a node.
    pub crashes: u8,
    /// Restarts of a crashed node.
    pub restarts: u8,
    /// Messages dropped.
    pub drops: u8,
    /// Messages that arrive twice.
    pub duplicates: u8,
}

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most states.
    pub states: u64,
    /// The most moves from the start.
    pub depth: u32,
    /// The faults in a schedule.
    pub budget: Budget,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A promise broke: the shortest schedule that breaks it.
    Broken {
        /// Index of the promise in the scenario's list.
        promise: usize,
        /// Moves of the schedule.
        moves: u32,
        /// The schedule as a tape from the start.
        tape: Tape,
    },
    /// No schedule within the bounds breaks a promise; every state within them was seen.
    Holds,
    /// None found, but there are states that were not seen.
    Unknown,
}

/// A finished search.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was found.
    pub outcome: Outcome,
    /// Distinct states seen.
    pub states: u64,
    /// Moves to the furthest of them.
    pub depth: u32,
}

/// How a state was reached: from which, by what.
#[derive(Clone)]
struct Origin {
    parent: u32,
    input: Input,
}

struct State<W> {
    world: W,
    budget: Budget,
    number: u32,
    depth: u32,
}

/// Searches from `start` for a schedule that breaks the promise with this index, or any promise. States outside
/// `within` are seen but not left.
pub fn explore<W: Simulation + Clone>(
    start: &W,
    bounds: Bounds,
    promise: Option<usize>,
    within: impl Fn(&W) -> bool,
) -> Report {
    let mut root = start.clone();
    root.set_timeless();
    let mut search = Search { bounds, promise, seen: BTreeSet::new(), origins: Vec::new(), report_depth: 0 };
    if let Some(promise) = search.broken(&root) {
        let outcome = Outcome::Broken { promise, moves: 0, tape: Tape::default() };
        return Report { outcome, states: 1, depth: 0 };
    }
    search.admit(&root, bounds.budget);
    search.origins.push(Origin { parent: 0, input: Input::HealAll });
    search.run(State { world: root, budget: bounds.budget, number: 0, depth: 0 }, within)
}

struct Search {
    bounds: Bounds,
    promise: Option<usize>,
    seen: BTreeSet<(u64, Budget)>,
    origins: Vec<Origin>,
    report_depth: u32,
}

impl Search {
    fn broken<W: Simulation>(&self, world: &W) -> Option<usize> {
        let is_broken =
            |index: usize| matches!(world.standings().get(index), Some(standing) if standing.verdict.is_broken());
        match self.promise {
            Some(index) => is_broken(index).then_some(index),
            None => (0..world.standings().len()).find(|index| is_broken(*index)),
        }
    }

    fn admit<W: Simulation>(&mut self, world: &W, budget: Budget) -> bool {
        self.seen.insert((world.state_fingerprint(), budget))
    }

    fn report(&self, outcome: Outcome) -> Report {
        Report { outcome, states: self.seen.len() as u64, depth: self.report_depth }
    }

    fn run<W: Simulation + Clone>(&mut self, root: State<W>, within: impl Fn(&W) -> bool) -> Report {
        let mut queue = VecDeque::from([root]);
        let mut cut_short = false;
        while let Some(state) = queue.pop_front() {
            if !within(&state.world) {
                continue;
            }
            if state.depth >= self.bounds.depth {
                cut_short = true;
                continue;
            }
            for (input, budget) in moves(&state) {
                let mut world = state.world.clone();
                if world.apply(&input).is_err() {
                    continue;
                }
                if matches!(input, Input::Choose { .. }) {
                    world.step();
                }
                if let Some(promise) = self.broken(&world) {
                    let tape = self.tape(state.number, input);
                    self.report_depth = state.depth + 1;
                    return self.report(Outcome::Broken { promise, moves: state.depth + 1, tape });
                }
                if !self.admit(&world, budget) {
                    continue;
                }
                self.report_depth = state.depth + 1;
                self.origins.push(Origin { parent: state.number, input });
                let number = self.origins.len() as u32 - 1;
                queue.push_back(State { world, budget, number, depth: state.depth + 1 });
            }
            if self.seen.len() as u64 >= self.bounds.states {
                cut_short = true;
                break;
            }
        }
        self.report(if cut_short { Outcome::Unknown } else { Outcome::Holds })
    }

    /// The moves from the start to this state and one more, as a tape.
    fn tape(&self, mut number: u32, last: Input) -> Tape {
        let mut inputs = vec![last];
        while number != 0 {
            let origin = &self.origins[number as usize];
            inputs.push(origin.input.clone());
            number = origin.parent;
        }
        let mut after = 0;
        let stamped = inputs.into_iter().rev().map(|input| {
            let stamp = after;
            after += u64::from(matches!(input, Input::Choose { .. }));
            Stamped { after: stamp, input }
        });
        Tape::new(stamped.collect())
    }
}

/// Every move out of a state, with the budget that is left after it.
fn moves<W: Simulation>(state: &State<W>) -> Vec<(Input, Budget)> {
    let (world, budget) = (&state.world, state.budget);
    let mut found: Vec<(Input, Budget)> = Vec::new();
    let choices = world.choices();
    found.extend(choices.iter().map(|choice| (Input::Choose { id: choice.id }, budget)));
    let messages = || choices.iter().filter(|choice| matches!(choice.kind, PendingKind::Deliver { .. }));
    if let Some(drops) = budget.drops.checked_sub(1) {
        found.extend(messages().map(|choice| (Input::Drop { id: choice.id }, Budget { drops, ..budget })));
    }
    if let Some(duplicates) = budget.duplicates.checked_sub(1) {
        found.extend(messages().map(|choice| (Input::Duplicate { id: choice.id }, Budget { duplicates, ..budget })));
    }
    for (id, node) in world.kernel().nodes().iter().enumerate() {
        let id = NodeId::from(id);
        match (node.up, budget.crashes.checked_sub(1), budget.restarts.checked_sub(1)) {
            (true, Some(crashes), _) => found.push((Input::Crash { node: id }, Budget { crashes, ..budget })),
            (false, _, Some(restarts)) => found.push((Input::Restart { node: id }, Budget { restarts, ..budget })),
            _ => {}
        }
    }
    found
}

/// Whether replaying a tape from `start` breaks the promise: what a counterexample must do to be believed.
pub fn replays<W: Simulation + Clone>(start: &W, tape: &Tape, promise: usize) -> Option<u64> {
    let mut run = super::run::Run::new(start.clone(), tape.clone());
    let last = tape.inputs().last().map_or(0, |stamped| stamped.after + 1);
    run.seek(last);
    match &run.world().standings().get(promise)?.verdict {
        Verdict::Broken(broken) => Some(broken.step),
        _ => None,
    }
}
