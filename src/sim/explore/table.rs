//! A map from well-mixed 64-bit keys to numbers, by open addressing: what has been seen, and what is memorised.
//!
//! Keys are fingerprints, so they need no hashing; nothing ever iterates over it, so its order cannot matter.

/// No entry. A key that happens to be 0 is stored as 1: fingerprints collide that seldom anyway.
const EMPTY: u64 = 0;

/// See the module's header.
pub struct Table<V = u32> {
    keys: Vec<u64>,
    values: Vec<V>,
    len: usize,
}

impl<V: Copy + Default> Default for Table<V> {
    fn default() -> Self {
        Table { keys: vec![EMPTY; 64], values: vec![V::default(); 64], len: 0 }
    }
}

impl<V: Copy + Default> Table<V> {
    /// Number of entries.
    pub fn count(&self) -> usize {
        self.len
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        (self.keys.len() * (size_of::<u64>() + size_of::<V>())) as u64
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        (key >> 7) as usize & (self.keys.len() - 1)
    }

    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mut at = self.home(key);
        while self.keys[at] != EMPTY && self.keys[at] != key {
            at = (at + 1) & (self.keys.len() - 1);
        }
        at
    }

    /// Whether a key lies at the first place where it may be. Nothing depends on what is read, so the memory is asked
    /// for many of these at once; a look-up has to wait for one place before it knows the next.
    #[inline]
    pub fn is_at_home(&self, key: u64) -> bool {
        self.keys[self.home(key)] == key.max(1)
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: u64) -> Option<V> {
        let key = key.max(1);
        let at = self.slot(key);
        (self.keys[at] == key).then(|| self.values[at])
    }

    /// Enters a key that is not there yet. False, and no change, when it is.
    #[inline]
    pub fn insert(&mut self, key: u64, value: V) -> bool {
        let key = key.max(1);
        let at = self.slot(key);
        if self.keys[at] == key {
            return false;
        }
        self.keys[at] = key;
        self.values[at] = value;
        self.len += 1;
        if self.len * 8 > self.keys.len() * 5 {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        let size = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![EMPTY; size]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); size]);
        for (key, value) in keys.into_iter().zip(values).filter(|entry| entry.0 != EMPTY) {
            let at = self.slot(key);
            self.keys[at] = key;
            self.values[at] = value;
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
        assert!((0..10_000).any(|value| table.is_at_home(mix(u64::from(value), 7))));
        assert_eq!((table.get(mix(3, 8)), table.is_at_home(mix(3, 8))), (None, false));
        assert!(table.insert(0, 5) && table.get(0) == Some(5));
    }
}
