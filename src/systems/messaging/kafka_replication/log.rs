//! A replica's log: records with offsets, each stamped with the epoch of the leader that took it.
//!
//! What is appended lies in the operating system's page cache until it is flushed: by the broker, where flush.messages
//! says so, or by the operating system after a while. A crash of the process leaves the page cache alone, a power cut does
//! not.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::sim::kernel::time::{Micros, Time};
use crate::sim::later::Later;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    start: u32,
    entries: Rc<Vec<Entry>>,
    /// The broker has flushed what lies below this offset.
    flushed: Later<u32>,
    /// When each record was written, by the broker's clock.
    written: Rc<Vec<Time>>,
}

/// As derived, but for the times: a search knows none, and elsewhere they follow from the run so far.
impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.start, &self.entries, self.flushed).hash(state);
    }
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
    pub fn append(&mut self, entry: Entry, now: Time) -> u32 {
        let offset = self.end();
        let (entries, written) = (Rc::make_mut(&mut self.entries), Rc::make_mut(&mut self.written));
        entries.push(entry);
        written.push(now);
        if entries.len() > LONGEST {
            entries.drain(..SEGMENT);
            written.drain(..SEGMENT);
            self.start += SEGMENT as u32;
        }
        offset
    }

    /// The broker flushes all that it has (fsync).
    pub fn flush(&mut self) {
        self.flushed = Later(self.end());
    }

    /// The offset below which everything is on disk, where the operating system writes back what is older than this.
    pub fn on_disk(&self, now: Time, write_back: Micros) -> u32 {
        let old = self.written.iter().take_while(|written| written.saturating_add(write_back) <= now).count();
        self.flushed.0.min(self.end()).max(self.start + old as u32)
    }

    /// The power is cut: what is not on disk is gone. `torn`: of that, only the last so many records.
    pub fn lose_power(&mut self, now: Time, write_back: Micros, torn: Option<u32>) {
        let written_back = torn.map_or(0, |lost| self.end().saturating_sub(lost));
        let end = self.on_disk(now, write_back).max(written_back);
        self.truncate(end);
        if end > self.start {
            self.flush();
        }
    }

    /// Drops the records from an offset on; gives how many.
    pub fn truncate(&mut self, end: u32) -> u32 {
        let dropped = self.end().saturating_sub(end.max(self.start));
        if dropped > 0 {
            let keep = self.entries.len() - dropped as usize;
            Rc::make_mut(&mut self.entries).truncate(keep);
            Rc::make_mut(&mut self.written).truncate(keep);
            self.flushed = Later(self.flushed.0.min(self.end()));
        }
        dropped
    }

    /// Drops everything, to start again at an offset.
    pub fn restart_at(&mut self, start: u32) {
        *self = Log { start, ..Log::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::time::SEC;

    fn log(epochs: &[u16]) -> Log {
        let mut log = Log::default();
        epochs.iter().enumerate().for_each(|(at, epoch)| {
            log.append(Entry { epoch: *epoch, id: at as u32 + 1 }, at as Time * SEC);
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
        assert_eq!(log.append(Entry { epoch: 1, id: 999 }, 0), LONGEST as u32);
        assert_eq!((log.start(), log.end()), (SEGMENT as u32, LONGEST as u32 + 1));
        assert_eq!(log.get(3), None);
        assert_eq!(log.get(LONGEST as u32).map(|entry| entry.id), Some(999));
    }

    /// Written one a second from 0 on; the operating system writes back after 30 s.
    #[test]
    fn a_power_cut_takes_what_nobody_has_flushed() {
        let (mut log, write_back) = (log(&[1; 10]), 30 * SEC);
        assert_eq!([0, 29, 30, 34, 99].map(|now| log.on_disk(now * SEC, write_back)), [0, 0, 1, 5, 10]);
        let mut other = log.clone();
        other.lose_power(34 * SEC, write_back, None);
        assert_eq!((other.end(), other.on_disk(34 * SEC, write_back)), (5, 5));
        (11..14).for_each(|id| _ = other.append(Entry { epoch: 2, id }, 35 * SEC));
        let mut torn = other.clone();
        torn.lose_power(36 * SEC, write_back, Some(2));
        assert_eq!(torn.end(), 6, "it was writing back, and had come to the second of three");
        other.lose_power(36 * SEC, write_back, None);
        assert_eq!(other.end(), 5, "what was on disk stays there");
        log.flush();
        let mut torn = log.clone();
        torn.lose_power(36 * SEC, write_back, Some(2));
        assert_eq!(torn.end(), 10, "flushed records are not torn");
        log.lose_power(9 * SEC, write_back, None);
        assert_eq!(log.end(), 10, "the broker has flushed it");
        log.truncate(3);
        assert_eq!(log.on_disk(9 * SEC, write_back), 3);
    }

    /// What is on disk is no part of a state's print until somebody flushes: runs from before keep theirs.
    #[test]
    fn times_are_no_part_of_a_print() {
        use crate::sim::kernel::hash::stable;
        let (one, mut other) = (log(&[1, 1]), Log::default());
        (1..=2).for_each(|id| _ = other.append(Entry { epoch: 1, id }, 7 * SEC));
        assert_eq!(stable(&one), stable(&other));
        other.flush();
        assert_ne!(stable(&one), stable(&other));
    }
}
