//! Least recently used: a cache of bounded size that forgets what has gone unused the longest.

/// A cache with a bounded number of entries. There are few enough that a list in order of use is the simplest way, and
/// fast.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lru<V> {
    /// The most recently used last.
    entries: Vec<(u16, V)>,
}

impl<V> Default for Lru<V> {
    fn default() -> Self {
        Lru { entries: Vec::new() }
    }
}

impl<V> Lru<V> {
    /// The value of a key; this counts as a use.
    pub fn get(&mut self, key: u16) -> Option<&V> {
        let at = self.entries.iter().position(|entry| entry.0 == key)?;
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        self.entries.last().map(|entry| &entry.1)
    }

    /// Puts a value in; returns the key that had to go, if any.
    pub fn put(&mut self, key: u16, value: V, capacity: usize) -> Option<u16> {
        self.remove(key);
        self.entries.push((key, value));
        (self.entries.len() > capacity.max(1)).then(|| self.entries.remove(0).0)
    }

    /// Removes a key. Returns whether it was there.
    pub fn remove(&mut self, key: u16) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.0 != key);
        self.entries.len() < before
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Keys and values, the most recently used first.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &V)> {
        self.entries.iter().rev().map(|entry| (entry.0, &entry.1))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_not_used_the_longest() {
        let mut cache = Lru::default();
        assert_eq!([1, 2, 3].map(|key| cache.put(key, key, 3)), [None; 3]);
        assert_eq!(cache.get(1), Some(&1));
        assert_eq!(cache.put(4, 4, 3), Some(2), "2 was used before 3 and 1");
        assert_eq!(cache.get(2), None);
        assert_eq!(cache.iter().map(|entry| entry.0).collect::<Vec<_>>(), [4, 1, 3]);
        assert!(cache.remove(1) && !cache.remove(1));
    }
}
