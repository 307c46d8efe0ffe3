//! A list that only grows, and whose clones share everything but the last few entries.
//!
//! Checkpoints of a long run hold a journal each; because full chunks are shared, a hundred take little more room than
//! one.

use std::rc::Rc;

const CHUNK: usize = 256;

/// See the module's header.
#[derive(Clone, Debug)]
pub struct Journal<T> {
    full: Vec<Rc<Vec<T>>>,
    tail: Vec<T>,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Journal { full: Vec::new(), tail: Vec::new() }
    }
}

impl<T: Clone> Journal<T> {
    /// Appends an entry.
    pub fn push(&mut self, entry: T) {
        self.tail.push(entry);
        if self.tail.len() == CHUNK {
            let chunk = std::mem::take(&mut self.tail);
            self.full.push(Rc::new(chunk));
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.full.len() * CHUNK + self.tail.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.full.get(index / CHUNK) {
            Some(chunk) => chunk.get(index % CHUNK),
            None => self.tail.get(index - self.full.len() * CHUNK),
        }
    }

    /// The last entry.
    pub fn last(&self) -> Option<&T> {
        self.len().checked_sub(1).and_then(|index| self.get(index))
    }

    /// The entries from `start` on, in order.
    pub fn from(&self, start: usize) -> impl DoubleEndedIterator<Item = &T> {
        (start..self.len()).filter_map(|index| self.get(index))
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.from(0)
    }

    /// Forgets all entries but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        if len < self.full.len() * CHUNK {
            let boundary = Rc::clone(&self.full[len / CHUNK]);
            self.full.truncate(len / CHUNK);
            self.tail = boundary.to_vec();
        }
        self.tail.truncate(len - self.full.len() * CHUNK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_vec() {
        for len in [0, 1, 255, 256, 257, 1_000] {
            let mut journal = Journal::default();
            (0..len).for_each(|n| journal.push(n));
            assert_eq!(journal.len(), len);
            assert!(journal.iter().copied().eq(0..len));
            assert_eq!(journal.get(len), None);
            for cut in [0, 1, 256, 300, len / 2, len] {
                let mut shorter = journal.clone();
                shorter.truncate(cut);
                assert!(shorter.iter().copied().eq(0..len.min(cut)), "{len} cut to {cut}");
                shorter.push(7);
                assert_eq!(shorter.last(), Some(&7));
            }
        }
    }
}
