//! A replica's log: records with offsets, each stamped with the epoch of the leader that took it.

use std::rc::Rc;

/// A log that is longer drops its oldest records: retention, scaled to a picture.
const LONGEST: usize = 256;
/// How many go at once: a segment.
const SEGMENT: usize = 64;

/// A record in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Epoch of the leader that appended it.
    pub epoch: u16,
    /// The producer's sequence number, from 1.
    pub id: u32,
}

/// The records of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    start: u32,
    entries: Rc<Vec<Entry>>,
}

impl Log {
    /// The offset of the first record that is kept.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> u32 {
        self.start + self.entries.len() as u32
    }

    /// The record at an offset.
    pub fn get(&self, offset: u32) -> Option<Entry> {
        self.entries.get(offset.checked_sub(self.start)? as usize).copied()
    }

    /// Up to `most` records from an offset on, none at `until` or beyond.
    pub fn read(&self, offset: u32, until: u32, most: usize) -> Rc<Vec<Entry>> {
        let from = (offset.saturating_sub(self.start) as usize).min(self.entries.len());
        let to = (until.saturating_sub(self.start) as usize).clamp(from, self.entries.len()).min(from + most);
        Rc::new(self.entries[from..to].to_vec())
    }

    /// The epoch of the last record; 0 for none.
    pub fn last_epoch(&self) -> u16 {
        self.entries.last().map_or(0, |entry| entry.epoch)
    }

    /// The latest epoch up to this one that the log knows, and the offset at which that epoch ends in it. Where all
    /// records are of later epochs, or there are none: the epoch asked for, and the start.
    pub fn end_of_epoch(&self, epoch: u16) -> (u16, u32) {
        let ends = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let known = ends.checked_sub(1).and_then(|last| self.entries.get(last));
        (known.map_or(epoch, |entry| entry.epoch), self.start + ends as u32)
    }

    /// Where the last records hold this one, if they do: how a leader knows a producer's retry.
    pub fn find(&self, id: u32) -> Option<u32> {
        let at = self.entries.iter().rev().take(SEGMENT).position(|entry| entry.id == id)?;
        Some(self.end() - 1 - at as u32)
    }

    /// Whether any record has this number.
    pub fn holds(&self, id: u32) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    /// Appends a record; gives its offset.
    pub fn append(&mut self, entry: Entry) -> u32 {
        let offset = self.end();
        let entries = Rc::make_mut(&mut self.entries);
        entries.push(entry);
        if entries.len() > LONGEST {
            entries.drain(..SEGMENT);
            self.start += SEGMENT as u32;
        }
        offset
    }

    /// Drops the records from an offset on; gives how many.
    pub fn truncate(&mut self, end: u32) -> u32 {
        let dropped = self.end().saturating_sub(end.max(self.start));
        if dropped > 0 {
            let keep = self.entries.len() - dropped as usize;
            Rc::make_mut(&mut self.entries).truncate(keep);
        }
        dropped
    }

    /// Drops everything, to start again at an offset.
    pub fn restart_at(&mut self, start: u32) {
        *self = Log { start, entries: Rc::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(epochs: &[u16]) -> Log {
        let mut log = Log::default();
        epochs.iter().enumerate().for_each(|(at, epoch)| {
            log.append(Entry { epoch: *epoch, id: at as u32 + 1 });
        });
        log
    }

    /// KIP-279: a leader that does not know an epoch answers with the greatest one before it, and where that ends.
    #[test]
    fn the_end_of_an_epoch() {
        let leader = log(&[1, 1, 1, 4, 4]);
        assert_eq!([1, 2, 3, 4, 9].map(|epoch| leader.end_of_epoch(epoch)), [(1, 3), (1, 3), (1, 3), (4, 5), (4, 5)]);
        assert_eq!(log(&[5]).end_of_epoch(4), (4, 0));
        assert_eq!(Log::default().end_of_epoch(3), (3, 0));
    }

    #[test]
    fn reading_and_truncating() {
        let mut log = log(&[1, 1, 2]);
        assert_eq!(log.read(1, 3, 9).len(), 2);
        assert_eq!(log.read(3, 3, 9).len(), 0);
        assert_eq!(log.find(2), Some(1));
        assert_eq!((log.truncate(1), log.end(), log.last_epoch()), (2, 1, 1));
        assert_eq!(log.truncate(5), 0);
    }

    #[test]
    fn retention_drops_a_segment() {
        let mut log = log(&[1; LONGEST]);
        assert_eq!(log.append(Entry { epoch: 1, id: 999 }), LONGEST as u32);
        assert_eq!((log.start(), log.end()), (SEGMENT as u32, LONGEST as u32 + 1));
        assert_eq!(log.get(3), None);
        assert_eq!(log.get(LONGEST as u32).map(|entry| entry.id), Some(999));
    }
}
