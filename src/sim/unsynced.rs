//! What a node has written to its disk and not synced: it lies in the operating system's page cache, which outlives the
//! process and not the machine's power.
//!
//! A power cut takes all of it, or finds the system in the middle of writing it back: then a prefix is on the disk, and
//! the write after that is torn. Recovery finds a torn record by its checksum and cuts it off, so what is left is the
//! state after an earlier write.

use std::hash::{Hash, Hasher};

/// How many writes back a torn one may lie. What is older is lost with all the rest.
pub const DEEPEST: usize = 4;

/// The state after each of the last writes, newest last. It is compared and hashed by the newest alone: how it came to
/// be matters to a torn write and to nothing else.
#[derive(Clone, Debug)]
pub struct Unsynced<T>(Vec<T>);

impl<T: PartialEq> Unsynced<T> {
    /// One more write. One that changes nothing is none.
    pub fn write(&mut self, state: T) {
        if self.newest() == Some(&state) {
            return;
        }
        if self.0.len() > DEEPEST {
            self.0.remove(0);
        }
        self.0.push(state);
    }
}

impl<T> Unsynced<T> {
    /// All that was written is on the disk now.
    pub fn sync(&mut self) {
        self.0.clear();
    }

    /// What a process that restarts reads back. `None` when nothing was written since the last sync.
    pub fn newest(&self) -> Option<&T> {
        self.0.last()
    }

    /// What a power cut leaves of it: the state before the write that was torn. `None`: what was synced is all there is.
    pub fn survivor(self, torn: Option<u32>) -> Option<T> {
        let left = self.0.len().checked_sub(torn? as usize + 1)?;
        self.0.into_iter().nth(left)
    }
}

impl<T> Default for Unsynced<T> {
    fn default() -> Self {
        Unsynced(Vec::new())
    }
}

impl<T: PartialEq> PartialEq for Unsynced<T> {
    fn eq(&self, other: &Self) -> bool {
        self.newest() == other.newest()
    }
}

impl<T: Eq> Eq for Unsynced<T> {}

impl<T: Hash> Hash for Unsynced<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.newest().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: u32) -> Unsynced<u32> {
        let mut unsynced = Unsynced::default();
        (1..=count).flat_map(|write| [write, write]).for_each(|write| unsynced.write(write));
        unsynced
    }

    #[test]
    fn a_prefix_survives_a_torn_write_and_nothing_a_power_cut() {
        let left = |count, torn| written(count).survivor(torn);
        assert_eq!(
            [left(3, Some(1)), left(3, Some(2)), left(3, Some(3)), left(3, None)],
            [Some(2), Some(1), None, None]
        );
        assert_eq!([left(0, Some(1)), left(1, Some(1)), left(3, Some(u32::MAX))], [None; 3]);
    }

    #[test]
    fn a_torn_write_lies_no_further_back_than_is_remembered() {
        let deepest = DEEPEST as u32;
        assert_eq!(written(100).survivor(Some(deepest)), Some(100 - deepest));
        assert_eq!(written(100).survivor(Some(deepest + 1)), None);
    }

    #[test]
    fn what_is_synced_is_not_unsynced() {
        let mut unsynced = written(2);
        assert_eq!(unsynced.newest(), Some(&2));
        unsynced.sync();
        assert_eq!(unsynced.newest(), None);
        assert_eq!(unsynced.survivor(Some(1)), None);
    }

    #[test]
    fn the_newest_write_is_what_tells_two_apart() {
        let mut other = Unsynced::default();
        other.write(3);
        assert!(written(3) == other && written(2) != other);
    }
}
