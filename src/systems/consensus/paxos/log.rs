//! Values, ballots, what an acceptor or a learner knows of each slot, and the state machine that the log feeds.

use std::rc::Rc;

use crate::sim::NodeId;

/// The place of a command in the log, from 1; of single decrees, which decree it is.
pub type Slot = u32;

/// How many applied slots a server keeps. A server that lags further behind gets the state instead.
pub const KEPT: u32 = 64;

/// A proposal number: a round, and who proposes in it. No two proposers share one. Round 0 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot {
    pub round: u32,
    pub proposer: NodeId,
}

impl Ballot {
    /// Below every ballot.
    pub const NONE: Ballot = Ballot { round: 0, proposer: NodeId(0) };
}

/// What is agreed on: set a register (0 is x, 1 is y, 2 is z) to a value. Commands of clients are told apart by their
/// id; a no-op has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    pub id: u32,
    pub register: u8,
    pub value: i16,
}

impl Value {
    /// Changes nothing: it fills a gap.
    pub const NOOP: Value = Value { id: 0, register: 0, value: 0 };
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let name = ["x", "y", "z"].get(usize::from(self.register)).unwrap_or(&"?");
        if self.id == 0 { out.write_str("no-op") } else { write!(out, "{name}={}", self.value) }
    }
}

/// A value in a slot, and the ballot in which it was accepted there, or learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    pub slot: Slot,
    pub ballot: Ballot,
    pub value: Value,
}

/// At most one entry per slot, in slot order; there may be holes. Clones share it until one of them changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Log(Rc<Vec<Entry>>);

impl Log {
    /// A log of one entry.
    pub fn of(entry: Entry) -> Log {
        Log(Rc::new(vec![entry]))
    }

    /// Its entries.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    fn place(&self, slot: Slot) -> Result<usize, usize> {
        self.0.binary_search_by_key(&slot, |entry| entry.slot)
    }

    /// The entry in a slot.
    pub fn get(&self, slot: Slot) -> Option<Entry> {
        self.place(slot).ok().and_then(|at| self.0.get(at).copied())
    }

    /// The last slot with an entry; 0 when there is none.
    pub fn last(&self) -> Slot {
        self.0.last().map_or(0, |entry| entry.slot)
    }

    /// Puts an entry in its slot, in place of what was there.
    pub fn put(&mut self, entry: Entry) {
        match self.place(entry.slot) {
            Ok(at) => Rc::make_mut(&mut self.0)[at] = entry,
            Err(at) => Rc::make_mut(&mut self.0).insert(at, entry),
        }
    }

    /// Puts an entry in its slot unless one of a higher ballot is there.
    pub fn put_higher(&mut self, entry: Entry) {
        if self.get(entry.slot).is_none_or(|known| known.ballot < entry.ballot) {
            self.put(entry);
        }
    }

    /// Forgets the slots below this one.
    pub fn forget_below(&mut self, slot: Slot) {
        if self.0.first().is_some_and(|entry| entry.slot < slot) {
            Rc::make_mut(&mut self.0).retain(|entry| entry.slot >= slot);
        }
    }

    /// The entries in the slots from one to another, both included.
    pub fn between(&self, first: Slot, last: Slot) -> Log {
        let within = |entry: &&Entry| (first..=last).contains(&entry.slot);
        Log(Rc::new(self.0.iter().filter(within).copied().collect()))
    }
}

/// How many ids of commands are told apart. Clients begin no command that lies so far ahead of one that waits.
pub const REMEMBERED: u32 = u128::BITS;

/// The state machine: three registers, the slot up to which the log was applied, and which commands it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct State {
    /// Every slot up to here is applied.
    pub slot: Slot,
    /// x, y and z.
    pub registers: [Option<i16>; 3],
    /// The highest id of a command seen, and for the [`REMEMBERED`] ids up to it whether they were.
    top: u32,
    seen: u128,
}

impl State {
    /// Whether a command was applied. Ids far below the highest one count as applied.
    pub fn has(&self, id: u32) -> bool {
        id <= self.top && (self.top - id >= REMEMBERED || self.seen >> (self.top - id) & 1 == 1)
    }

    /// Applies the next slot. A command that a client sent twice counts once.
    pub fn apply(&mut self, value: Value) {
        self.slot += 1;
        if value.id == 0 || self.has(value.id) {
            return;
        }
        let above = value.id.saturating_sub(self.top);
        self.seen = self.seen.checked_shl(above).unwrap_or(0);
        self.top += above;
        self.seen |= 1 << (self.top - value.id);
        if let Some(register) = self.registers.get_mut(usize::from(value.register)) {
            *register = Some(value.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(slot: Slot, round: u32) -> Entry {
        Entry { slot, ballot: Ballot { round, proposer: NodeId(0) }, value: Value::NOOP }
    }

    #[test]
    fn a_log_keeps_the_highest_ballot_of_each_slot() {
        let mut log = Log::of(entry(3, 2));
        [entry(1, 5), entry(3, 1), entry(7, 1)].into_iter().for_each(|entry| log.put_higher(entry));
        assert_eq!(log.entries(), [entry(1, 5), entry(3, 2), entry(7, 1)]);
        assert_eq!(log.between(2, 6).entries(), [entry(3, 2)]);
        log.forget_below(3);
        assert_eq!((log.get(1), log.last()), (None, 7));
    }

    #[test]
    fn a_command_counts_once() {
        let mut state = State::default();
        let set = |id, value| Value { id, register: 0, value };
        for value in [set(2, 20), set(1, 10), set(2, 20), Value::NOOP, set(300, 30), set(299, 29), set(100, 1)] {
            state.apply(value);
        }
        assert_eq!((state.slot, state.registers[0]), (7, Some(29)));
        assert!(state.has(300) && state.has(299) && !state.has(298) && state.has(100) && !state.has(301));
    }
}
