//! A map from well-mixed 64-bit keys to numbers, by open addressing: what has been seen, and what is memorised.
//!
//! Keys are fingerprints, so they need no hashing; nothing ever iterates over it, so its order cannot matter.

/// No entry. A key that happens to be 0 is stored as 1: fingerprints collide that seldom anyway.
const EMPTY: u64 = 0;

/// See the module's header.
pub struct Table {
    keys: Vec<u64>,
    values: Vec<u32>,
    len: usize,
}

impl Default for Table {
    fn default() -> Self {
        Table { keys: vec![EMPTY; 64], values: vec![0; 64], len: 0 }
    }
}

impl Table {
    /// Number of entries.
    pub fn count(&self) -> usize {
        self.len
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        (self.keys.len() * 12) as u64
    }

    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.keys.len() - 1;
        let mut at = (key >> 7) as usize & mask;
        while self.keys[at] != EMPTY && self.keys[at] != key {
            at = (at + 1) & mask;
        }
        at
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: u64) -> Option<u32> {
        let key = key.max(1);
        let at = self.slot(key);
        (self.keys[at] == key).then(|| self.values[at])
    }

    /// Enters a key that is not there yet. False, and no change, when it is.
    #[inline]
    pub fn insert(&mut self, key: u64, value: u32) -> bool {
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
        let values = std::mem::replace(&mut self.values, vec![0; size]);
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
        let mut table = Table::default();
        for value in 0..10_000u32 {
            assert!(table.insert(mix(u64::from(value), 7), value));
            assert!(!table.insert(mix(u64::from(value), 7), value + 1));
        }
        assert_eq!(table.count(), 10_000);
        assert!((0..10_000).all(|value| table.get(mix(u64::from(value), 7)) == Some(value)));
        assert_eq!(table.get(mix(3, 8)), None);
        assert!(table.insert(0, 5) && table.get(0) == Some(5));
    }
}
