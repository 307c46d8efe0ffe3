//! A map from well-mixed 64-bit keys to numbers, by open addressing: what has been seen, and what is memoised.
//!
//! Keys are fingerprints, so they need no hashing; nothing ever iterates over it, so its order cannot matter.

/// No entry. A key that happens to be 0 is stored as 1: one more collision, as rare as any other.
const EMPTY: u64 = 0;

/// See the module's header.
pub struct Table<V = u32> {
    entries: Vec<(u64, V)>,
    len: usize,
}

impl<V: Copy + Default> Default for Table<V> {
    fn default() -> Self {
        Table { entries: Self::empty(64), len: 0 }
    }
}

impl<V: Copy + Default> Table<V> {
    fn empty(size: usize) -> Vec<(u64, V)> {
        vec![(EMPTY, V::default()); size]
    }

    /// Number of entries.
    pub fn count(&self) -> usize {
        self.len
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        (self.entries.len() * size_of::<(u64, V)>()) as u64
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        (key >> 7) as usize & (self.entries.len() - 1)
    }

    /// Where a key lies, or where it would.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mut at = self.home(key);
        while self.entries[at].0 != EMPTY && self.entries[at].0 != key {
            at = (at + 1) & (self.entries.len() - 1);
        }
        at
    }

    /// Whether a key lies at the first place where it may be. Several of these can wait for memory at the same time;
    /// full look-ups wait one after another.
    #[inline]
    pub fn is_at_home(&self, key: u64) -> bool {
        self.entries[self.home(key)].0 == key.max(1)
    }

    /// Whether a key is there.
    #[inline]
    pub fn has(&self, key: u64) -> bool {
        self.get(key).is_some()
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: u64) -> Option<V> {
        let key = key.max(1);
        let (found, value) = self.entries[self.slot(key)];
        (found == key).then_some(value)
    }

    /// Enters a key that is not there yet. False, and no change, when it is.
    #[inline]
    pub fn insert(&mut self, key: u64, value: V) -> bool {
        let key = key.max(1);
        let at = self.slot(key);
        if self.entries[at].0 == key {
            return false;
        }
        self.entries[at] = (key, value);
        self.len += 1;
        if self.len * 8 > self.entries.len() * 5 {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        let larger = Self::empty(self.entries.len() * 2);
        for entry in std::mem::replace(&mut self.entries, larger) {
            if entry.0 != EMPTY {
                let at = self.slot(entry.0);
                self.entries[at] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::hash::mix;

    #[test]
    fn what_goes_in_comes_out() {
        let mut table: Table = Table::default();
        for value in 0..10_000u32 {
            assert!(table.insert(mix(u64::from(value), 7), value));
            assert!(!table.insert(mix(u64::from(value), 7), value + 1));
        }
        assert_eq!(table.count(), 10_000);
        assert!((0..10_000).all(|value| table.get(mix(u64::from(value), 7)) == Some(value)));
        assert!((0..10_000u32).any(|value| table.is_at_home(mix(u64::from(value), 7))));
        assert_eq!((table.get(mix(3, 8)), table.is_at_home(mix(3, 8))), (None, false));
        assert!(table.insert(0, 5) && table.get(0) == Some(5));
    }
}
