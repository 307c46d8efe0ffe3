//! The log: entries with their terms, and the questions Raft asks of it. Indices are counted from 1, as in the paper.

use std::rc::Rc;

use super::Term;

/// The most entries a log takes here; further commands are refused, so that a run stays small.
pub const MOST_ENTRIES: usize = 64;

/// A client's command: set a register (0 is x, 1 is y, 2 is z) to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command {
    pub register: u8,
    pub value: i16,
}

impl std::fmt::Display for Command {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let name = ["x", "y", "z"].get(usize::from(self.register)).unwrap_or(&"?");
        write!(out, "{name}={}", self.value)
    }
}

/// One entry of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: Term,
    /// What it asks of the state machine.
    pub command: Command,
}

/// A log. Clones share it until one of them changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Log(Rc<Vec<Entry>>);

impl Log {
    /// A log of these entries.
    pub fn new(entries: Vec<Entry>) -> Log {
        Log(Rc::new(entries))
    }

    /// Its entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The index of the last entry; 0 when there is none.
    pub fn last_index(&self) -> u32 {
        self.0.len() as u32
    }

    /// The term of the entry at an index; 0 at index 0, `None` beyond the end.
    pub fn term_at(&self, index: u32) -> Option<Term> {
        match index.checked_sub(1) {
            None => Some(0),
            Some(before) => self.0.get(before as usize).map(|entry| entry.term),
        }
    }

    /// Term and index of the last entry: what section 5.4.1 compares.
    pub fn end(&self) -> (Term, u32) {
        (self.0.last().map_or(0, |entry| entry.term), self.last_index())
    }

    /// Whether a log that ends in this term at this index is at least as up to date (section 5.4.1).
    pub fn is_caught_up_by(&self, end: (Term, u32)) -> bool {
        end >= self.end()
    }

    /// Whether it has an entry of this term at this index.
    pub fn matches(&self, index: u32, term: Term) -> bool {
        self.term_at(index) == Some(term)
    }

    /// Appends an entry at the end.
    pub fn push(&mut self, entry: Entry) {
        Rc::make_mut(&mut self.0).push(entry);
    }

    /// Takes a leader's entries in after `prev_index`: deletes from the first conflict on, keeps what agrees, appends
    /// what is new (figure 2, AppendEntries 3 and 4). Returns the index from which entries were deleted, if any were.
    pub fn accept(&mut self, prev_index: u32, entries: &[Entry]) -> Option<u32> {
        let mut deleted = None;
        for (index, entry) in (prev_index + 1..).zip(entries) {
            if self.matches(index, entry.term) {
                continue;
            }
            let log = Rc::make_mut(&mut self.0);
            if (index as usize) <= log.len() {
                log.truncate(index as usize - 1);
                deleted = deleted.or(Some(index));
            }
            log.push(*entry);
        }
        deleted
    }

    /// The entries from an index on.
    pub fn from(&self, index: u32) -> Vec<Entry> {
        self.0.iter().skip(index.saturating_sub(1) as usize).copied().collect()
    }

    /// Where a leader whose entry at `prev_index` conflicts should try next: before the first entry of the term that
    /// stands there, or at the end of a log that is too short (section 5.3, the optimisation).
    pub fn back_up(&self, prev_index: u32) -> u32 {
        let Some(term) = self.term_at(prev_index).filter(|_| prev_index > 0) else {
            return self.last_index();
        };
        let first = self.0.iter().position(|entry| entry.term == term).unwrap_or(0) as u32 + 1;
        first.min(prev_index) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[Term]) -> Log {
        Log::new(terms.iter().map(|term| Entry { term: *term, command: Command { register: 0, value: 0 } }).collect())
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
}
