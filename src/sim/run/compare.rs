//! Two runs side by side: the same faults and commands at the same moments of virtual time, the first event in which
//! they differ, and how each turned out.
//!
//! Randomness is counter-based, so what a change does not touch stays as it was: the runs are equal up to the change
//! and differ after it only where it matters.

use super::simulation::{Handled, Simulation, What};
use super::tape::{Input, Tape};
use crate::sim::NodeId;
use crate::sim::judge::history::Answer;
use crate::sim::judge::history::History;
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::run::{Branch, Run};
use crate::sim::small;

/// An input and the moment of virtual time at which it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// When.
    pub at: Time,
    /// What.
    pub input: Input,
}

/// What the reader did on a branch, by time.
pub fn timed<W>(branch: &Branch<W>) -> Vec<Timed> {
    let inputs = branch.tape().inputs().iter();
    inputs.map(|stamped| Timed { at: branch.time_at(stamped.after), input: stamped.input.clone() }).collect()
}

/// Runs on from `start` until `until`, giving the same inputs at the same moments. Inputs that do not apply there (a
/// message that was never sent, a node that does not exist) are left out and counted. Stops early where `enough` says
/// so.
pub fn replay_at<W: Simulation + Clone>(
    start: W,
    inputs: &[Timed],
    until: Time,
    most: u64,
    enough: impl Fn(&Run<W>) -> bool,
) -> (Run<W>, usize) {
    let mut run = Run::new(start, Tape::default());
    let mut refused = 0;
    for timed in inputs {
        advance(&mut run, timed.at, most, &enough);
        refused += usize::from(run.act(timed.input.clone()).is_err());
    }
    advance(&mut run, until, most, &enough);
    (run, refused)
}

fn advance<W: Simulation + Clone>(run: &mut Run<W>, until: Time, most: u64, enough: &impl Fn(&Run<W>) -> bool) {
    while run.step_count() < most
        && !enough(run)
        && run.world().next_at().is_some_and(|at| at <= until)
        && run.step().is_some()
    {}
}

/// What an event was, without the numbers that two runs assign differently.
fn essence(event: &Handled) -> (Time, NodeId, &'static str, Option<(NodeId, Time)>) {
    let sent = match event.what {
        What::Message { from, sent } | What::Lost { from, sent, .. } => Some((from, sent)),
        _ => None,
    };
    (event.time, event.node, event.what.name(), sent)
}

/// The first event, from 1, in which two branches differ; `None` when one is a prefix of the other.
pub fn first_difference<W>(one: &Branch<W>, other: &Branch<W>) -> Option<u64> {
    let pairs = one.events().iter().zip(other.events().iter());
    let equal = pairs.take_while(|(one, other)| essence(one) == essence(other)).count() as u64;
    (equal < one.len().min(other.len())).then_some(equal + 1)
}

/// How a run turned out, up to a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that arrived.
    pub delivered: u64,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Operations of clients that succeeded.
    pub done: u64,
    /// Refused or failed.
    pub failed: u64,
    /// Without an answer: timed out, or still open.
    pub open: u64,
    /// The median, 95th and 99th percentile of the operations' lengths, in microseconds.
    pub latency: Option<[Micros; 3]>,
}

impl Summary {
    /// Of the first `steps` events of a branch, and of its clients' operations.
    pub fn of<W>(branch: &Branch<W>, steps: u64, history: &History) -> Summary {
        let mut summary = Summary::default();
        for event in branch.events().iter().take(steps as usize) {
            match event.what {
                What::Message { .. } => summary.delivered += 1,
                What::Lost { .. } => summary.lost += 1,
                _ => {}
            }
        }
        let mut lengths = Vec::new();
        for operation in history.operations(usize::MAX) {
            match operation.answered {
                Some((at, _, Answer::Ok | Answer::Value(_))) => {
                    summary.done += 1;
                    lengths.push(at - operation.asked.0);
                }
                Some((_, _, Answer::Failed)) => summary.failed += 1,
                _ => summary.open += 1,
            }
        }
        let lengths: Vec<Time> = small::order(lengths.iter().copied()).map(|at| lengths[at]).collect();
        let at = |permille: usize| lengths.get((lengths.len() * permille / 1_000).min(lengths.len() - 1)).copied();
        if !lengths.is_empty() {
            summary.latency = Some([500, 950, 990].map(|permille| at(permille).unwrap_or(0)));
        }
        summary
    }

    /// Messages that arrived per successful operation, in hundredths.
    pub fn messages_per_operation(&self) -> Option<u64> {
        (self.delivered * 100).checked_div(self.done)
    }
}
