//! The log: entries with their terms, what a snapshot stands for, and the questions Raft asks of both. Indices are
//! counted from 1, as in the paper.

use std::rc::Rc;

use super::Term;
use super::config::Config;

/// The most entries a log takes here; further commands are refused, so that a run stays small.
pub const MOST_ENTRIES: usize = 64;

/// The registers x, y and z: the state machine.
pub type Registers = [Option<i16>; 3];

/// A client's command: set a register (0 is x, 1 is y, 2 is z) to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    pub register: u8,
    pub value: i16,
}

/// The name of a register.
pub fn register_name(register: usize) -> &'static str {
    ["x", "y", "z"].get(register).unwrap_or(&"?")
}

/// The registers that are set, in words: "x=5, y=2".
pub fn registers(registers: Registers) -> String {
    let set = registers.iter().enumerate().filter_map(|(at, value)| Some((register_name(at), (*value)?)));
    let text: Vec<String> = set.map(|(name, value)| format!("{name}={value}")).collect();
    if text.is_empty() { "nothing set".to_owned() } else { text.join(", ") }
}

/// An operation of a system that Raft replicates for another one: as many words as the longest needs. Raft neither reads nor
/// applies it.
pub type Words = [u64; 4];

/// What an entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// A client's command.
    Command(Command),
    /// Nothing: a leader's first entry, which lets it commit what came before.
    NoOp,
    /// Other members. Counts from the moment it is in the log.
    Members(Config),
    /// An operation of the system on top.
    Hosted(Words),
}

impl Payload {
    /// Applies it to the registers.
    pub fn apply(self, registers: &mut Registers) {
        if let Payload::Command(command) = self
            && let Some(register) = registers.get_mut(usize::from(command.register))
        {
            *register = Some(command.value);
        }
    }
}

impl std::fmt::Display for Payload {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Payload::Command(command) => {
                write!(out, "{}={}", register_name(usize::from(command.register)), command.value)
            }
            Payload::NoOp => out.write_str("no-op"),
            Payload::Members(config) => config.fmt(out),
            Payload::Hosted(_) => out.write_str("an operation"),
        }
    }
}

/// One entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: Term,
    /// What it asks for.
    pub payload: Payload,
}

/// What a snapshot stands for: every entry up to an index (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The index of the last entry it stands for.
    pub last_index: u32,
    /// That entry's term; 0 when the rule that keeps it is off.
    pub last_term: Term,
    /// The state after it.
    pub registers: Registers,
    /// The members as of it; `None` while they are the first ones.
    pub config: Option<Config>,
}

/// A log: a snapshot of its beginning, if one was taken, and the entries after that. Clones share both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Log {
    snapshot: Option<Rc<Snapshot>>,
    entries: Rc<Vec<Entry>>,
}

impl Log {
    /// A log of these entries.
    pub fn new(entries: Vec<Entry>) -> Log {
        Log { snapshot: None, entries: Rc::new(entries) }
    }

    /// What its beginning was replaced by.
    pub fn snapshot(&self) -> Option<&Rc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Its entries after the snapshot, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The index of the last entry that a snapshot stands for; 0 without one.
    pub fn base(&self) -> u32 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_index)
    }

    /// The index of the last entry; 0 when there is none.
    pub fn last_index(&self) -> u32 {
        self.base() + self.entries.len() as u32
    }

    /// The entry at an index. `None` beyond the end, and where a snapshot stands for it.
    pub fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index.checked_sub(self.base() + 1)? as usize)
    }

    /// The term of the entry at an index; 0 at index 0, `None` beyond the end and before the snapshot's last.
    pub fn term_at(&self, index: u32) -> Option<Term> {
        if index == self.base() {
            return Some(self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_term));
        }
        self.entry(index).map(|entry| entry.term)
    }

    /// Term and index of the last entry: what section 5.4.1 compares.
    pub fn end(&self) -> (Term, u32) {
        (self.term_at(self.last_index()).unwrap_or(0), self.last_index())
    }

    /// Whether a log that ends in this term at this index is at least as up to date (section 5.4.1).
    pub fn is_caught_up_by(&self, end: (Term, u32)) -> bool {
        end >= self.end()
    }

    /// Whether it has an entry of this term at this index. What a snapshot stands for is committed, so it agrees.
    pub fn matches(&self, index: u32, term: Term) -> bool {
        index < self.base() || self.term_at(index) == Some(term)
    }

    /// Appends an entry at the end.
    pub fn push(&mut self, entry: Entry) {
        Rc::make_mut(&mut self.entries).push(entry);
    }

    /// Deletes all entries after an index.
    pub fn truncate(&mut self, index: u32) {
        let keep = index.saturating_sub(self.base()) as usize;
        if keep < self.entries.len() {
            Rc::make_mut(&mut self.entries).truncate(keep);
        }
    }

    /// Takes a leader's entries in after `prev_index`: deletes from the first conflict on, keeps what agrees, appends
    /// what is new (figure 2, AppendEntries 3 and 4). Returns the index from which entries were deleted, if any were.
    pub fn accept(&mut self, prev_index: u32, entries: &[Entry]) -> Option<u32> {
        let mut deleted = None;
        for (index, entry) in (prev_index + 1..).zip(entries) {
            if index <= self.base() || self.matches(index, entry.term) {
                continue;
            }
            if index <= self.last_index() {
                self.truncate(index - 1);
                deleted = deleted.or(Some(index));
            }
            // After a gap, which only a follower without the consistency check leaves, an entry goes to the end.
            self.push(*entry);
        }
        deleted
    }

    /// The entries from an index on.
    pub fn from(&self, index: u32) -> Vec<Entry> {
        self.entries.iter().skip(index.saturating_sub(self.base() + 1) as usize).copied().collect()
    }

    /// Where a leader whose entry at `prev_index` conflicts should try next: before the first entry of the term that
    /// stands there, or at the end of a log that is too short (section 5.3, the optimisation).
    pub fn back_up(&self, prev_index: u32) -> u32 {
        let Some(term) = self.term_at(prev_index).filter(|_| prev_index > 0) else {
            return self.last_index();
        };
        let first = self.entries.iter().position(|entry| entry.term == term).map_or(0, |at| at as u32 + 1);
        (self.base() + first).min(prev_index).saturating_sub(1)
    }

    /// Puts a snapshot in the place of every entry up to its last. Entries after it stay if they go on from it.
    pub fn install(&mut self, snapshot: Rc<Snapshot>) {
        let goes_on = self.entry(snapshot.last_index).is_some_and(|entry| entry.term == snapshot.last_term);
        let rest = if goes_on { self.from(snapshot.last_index + 1) } else { Vec::new() };
        *self = Log { snapshot: Some(snapshot), entries: Rc::new(rest) };
    }

    /// Drops the entries that a snapshot stands for, whatever their terms.
    pub fn compact(&mut self, snapshot: Snapshot) {
        let rest = self.from(snapshot.last_index + 1);
        *self = Log { snapshot: Some(Rc::new(snapshot)), entries: Rc::new(rest) };
    }

    /// The members by the latest entry or snapshot that says so.
    pub fn config(&self) -> Option<Config> {
        let latest = self.entries.iter().rev().find_map(|entry| match entry.payload {
            Payload::Members(config) => Some(config),
            _ => None,
        });
        latest.or_else(|| self.snapshot.as_ref().and_then(|snapshot| snapshot.config))
    }

    /// The members as of an index.
    pub fn config_at(&self, index: u32) -> Option<Config> {
        let mut upto = self.clone();
        upto.truncate(index);
        upto.config()
    }

    /// The index of the latest entry that changes the members; 0 when there is none.
    pub fn last_config_index(&self) -> u32 {
        let at = self.entries.iter().rposition(|entry| matches!(entry.payload, Payload::Members(_)));
        at.map_or(0, |at| self.base() + at as u32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[Term]) -> Log {
        Log::new(terms.iter().map(|term| Entry { term: *term, payload: Payload::NoOp }).collect())
    }

    /// Section 5.4.1: the later last term wins; with equal terms, the longer log.
    #[test]
    fn up_to_date_compares_terms_first() {
        assert!(log(&[1, 1, 1]).is_caught_up_by(log(&[2]).end()));
        assert!(!log(&[2]).is_caught_up_by(log(&[1, 1, 1]).end()));
        assert!(!log(&[1, 1]).is_caught_up_by(log(&[1]).end()));
        assert!(log(&[]).is_caught_up_by((0, 0)));
    }

    /// Figure 7: followers (a) to (f) after the leader's entries 1 1 1 4 4 5 5 6 6 6 have been taken in.
    #[test]
    fn conflicts_alone_are_deleted() {
        let leader = log(&[1, 1, 1, 4, 4, 5, 5, 6, 6, 6]);
        let mut extra = log(&[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]);
        assert_eq!(extra.accept(0, leader.entries()), Some(4));
        assert_eq!(extra, leader);
        let mut ahead = log(&[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]);
        assert_eq!(ahead.accept(3, &leader.from(4)), None);
        assert_eq!(ahead.last_index(), 11, "entries beyond the message stay");
    }

    #[test]
    fn backing_up_skips_a_term_at_a_time() {
        let follower = log(&[1, 1, 1, 2, 2, 2, 3, 3]);
        assert_eq!(follower.back_up(8), 6);
        assert_eq!(follower.back_up(5), 3);
        assert_eq!(follower.back_up(20), 8);
        assert_eq!(log(&[4]).back_up(1), 0);
    }

    /// Figure 12: a snapshot of the first five entries stands for them, and the two after it stay.
    #[test]
    fn a_snapshot_stands_for_what_it_replaces() {
        let mut log = log(&[1, 1, 1, 2, 3, 3, 3]);
        log.compact(Snapshot { last_index: 5, last_term: 3, registers: [None; 3], config: None });
        assert_eq!((log.base(), log.last_index(), log.entries().len()), (5, 7, 2));
        assert!(log.matches(3, 9) && log.matches(5, 3) && !log.matches(5, 2));
        assert_eq!((log.entry(5), log.term_at(5), log.term_at(6)), (None, Some(3), Some(3)));
    }
}
