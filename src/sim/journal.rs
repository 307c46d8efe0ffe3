//! A list that only grows, and whose clones share everything but the last few entries.
//!
//! Checkpoints of a long run hold a journal each; because full chunks are shared, a hundred take little more room than
//! one. The oldest entries can be forgotten; the others keep their places.

use std::collections::VecDeque;
use std::rc::Rc;

const CHUNK: usize = 256;

/// See the module's header.
#[derive(Clone, Debug)]
pub struct Journal<T> {
    full: VecDeque<Rc<Vec<T>>>,
    tail: Vec<T>,
    /// Chunks that were forgotten.
    forgotten: usize,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Journal { full: VecDeque::new(), tail: Vec::new(), forgotten: 0 }
    }
}

impl<T: Clone> Journal<T> {
    /// Appends an entry.
    pub fn push(&mut self, entry: T) {
        self.tail.push(entry);
        if self.tail.len() == CHUNK {
            let chunk = std::mem::take(&mut self.tail);
            self.full.push_back(Rc::new(chunk));
        }
    }

    /// Appends an entry and forgets old ones: at least the last `most` stay, and at most a chunk more.
    pub fn push_within(&mut self, entry: T, most: usize) {
        self.push(entry);
        while self.full.len() * CHUNK >= most + CHUNK {
            self.full.pop_front();
            self.forgotten += 1;
        }
    }

    /// Where the tail begins.
    fn boundary(&self) -> usize {
        (self.forgotten + self.full.len()) * CHUNK
    }

    /// Number of entries, with those that were forgotten.
    pub fn len(&self) -> usize {
        self.boundary() + self.tail.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at `index`, counted from 0; `None` too if it was forgotten.
    pub fn get(&self, index: usize) -> Option<&T> {
        match index.checked_sub(self.boundary()) {
            Some(in_tail) => self.tail.get(in_tail),
            None => self.full.get((index / CHUNK).checked_sub(self.forgotten)?)?.get(index % CHUNK),
        }
    }

    /// The last entry.
    pub fn last(&self) -> Option<&T> {
        self.len().checked_sub(1).and_then(|index| self.get(index))
    }

    /// The entries from `start` on, in order, but for those that were forgotten.
    pub fn from(&self, start: usize) -> impl DoubleEndedIterator<Item = &T> {
        (start.max(self.forgotten * CHUNK)..self.len()).filter_map(|index| self.get(index))
    }

    /// All entries that are kept, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.from(0)
    }

    /// Forgets all entries but the first `len`; of those, what was forgotten stays so.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        if len < self.boundary() {
            let chunk = (len / CHUNK).saturating_sub(self.forgotten);
            self.tail = self.full.get(chunk).map_or_else(Vec::new, |boundary| boundary.to_vec());
            self.full.truncate(chunk);
        }
        self.tail.truncate(len.saturating_sub(self.boundary()));
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

    #[test]
    fn forgets_the_oldest_and_keeps_the_places_of_the_others() {
        let mut journal = Journal::default();
        (0..2_000).for_each(|n| journal.push_within(n, 300));
        assert_eq!(journal.len(), 2_000);
        let kept: Vec<i32> = journal.iter().copied().collect();
        assert!((300..=300 + 2 * CHUNK).contains(&kept.len()), "{}", kept.len());
        assert!(kept.iter().copied().eq(2_000 - kept.len() as i32..2_000));
        assert_eq!((journal.get(3), journal.get(1_999)), (None, Some(&1_999)));
        journal.truncate(1_900);
        assert_eq!((journal.len(), journal.last()), (1_900, Some(&1_899)));
    }
}
