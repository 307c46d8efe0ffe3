//! The moves of a schedule, and schedules as tapes.

use super::model::ItemId;
use crate::sim::NodeId;
use crate::sim::judge::verdict::Verdict;
use crate::sim::run::Run;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Stamped, Tape};

/// How many equal messages on one link are told apart, when one of them is lost.
pub(super) const MOST_EQUAL: u8 = 16;

/// One move of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// A pending message arrives, a timer fires, a command comes in.
    Happen(ItemId),
    /// A message is lost: of equal ones on a link that keeps an order, the one with this number, from 0.
    Drop(ItemId, u8),
    /// A message will arrive a second time.
    Duplicate(ItemId),
    /// A node crashes.
    Crash(NodeId),
    /// A node loses power.
    PowerCut(NodeId),
    /// A crashed node comes back.
    Restart(NodeId),
    /// One direction of a link is cut.
    Cut(NodeId, NodeId),
}

impl Move {
    /// In one word, so that millions of them can be kept.
    pub(super) fn pack(self) -> u32 {
        let (kind, rest) = match self {
            Move::Happen(item) => (0, item),
            Move::Drop(item, which) => (1, item | u32::from(which) << 24),
            Move::Duplicate(item) => (2, item),
            Move::Crash(node) => (3, u32::from(node.0)),
            Move::Restart(node) => (4, u32::from(node.0)),
            Move::PowerCut(node) => (6, u32::from(node.0)),
            Move::Cut(from, to) => (5, u32::from(from.0) << 14 | u32::from(to.0)),
        };
        kind << 28 | rest
    }

    pub(super) fn unpack(word: u32) -> Move {
        let (kind, rest) = (word >> 28, word & ((1 << 28) - 1));
        let node = |rest: u32| NodeId((rest & ((1 << 14) - 1)) as u16);
        match kind {
            0 => Move::Happen(rest),
            1 => Move::Drop(rest & ((1 << 24) - 1), (rest >> 24) as u8),
            2 => Move::Duplicate(rest),
            3 => Move::Crash(node(rest)),
            4 => Move::Restart(node(rest)),
            6 => Move::PowerCut(node(rest)),
            _ => Move::Cut(node(rest >> 14), node(rest)),
        }
    }

    /// Whether the system moves by itself, without spending a fault.
    pub fn is_protocol(self) -> bool {
        matches!(self, Move::Happen(_))
    }
}

/// Inputs and then a schedule, as one tape.
pub fn tape_of(first: Vec<Stamped>, schedule: &Tape) -> Tape {
    Tape::new(first.into_iter().chain(schedule.inputs().iter().cloned()).collect())
}

/// Whether replaying a tape from `start` breaks the promise, and at which event: the test a counterexample must pass
/// to be believed.
pub fn replays<W: Simulation + Clone>(start: &W, tape: &Tape, promise: usize) -> Option<u64> {
    let mut run = Run::new(start.clone(), tape.clone());
    let last = tape.inputs().last().map_or(0, |stamped| stamped.after + 1);
    run.seek(last);
    match &run.world().standings().get(promise)?.verdict {
        Verdict::Broken(broken) => Some(broken.step),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_survive_packing() {
        let all = [
            Move::Happen(70_000),
            Move::Drop(1, 0),
            Move::Drop((1 << 24) - 1, MOST_EQUAL - 1),
            Move::Duplicate(2),
            Move::Crash(NodeId(9)),
            Move::PowerCut(NodeId(7)),
            Move::Restart(NodeId(0)),
            Move::Cut(NodeId(3), NodeId(200)),
        ];
        assert!(all.into_iter().all(|one| Move::unpack(one.pack()) == one));
    }
}
