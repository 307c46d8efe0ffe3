//! A partition's log: records with offsets, from the log start offset to the log end offset.
//!
//! Appending is idempotent (KIP-98): a producer numbers its batches' records within a partition, and the log takes each
//! number once and in order.

use litemap::LiteMap;
use std::rc::Rc;

use crate::sim::kernel::time::Time;
use crate::sim::later::Later;

/// A record as a producer writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Number of its key, from 1; 0 without a key.
    pub key: u16,
    /// Counts the records of its key; without keys, those of its producer. From 1.
    pub number: u32,
    /// When it was produced, on the producer's clock.
    pub produced: Time,
}

impl Record {
    /// The key's bytes, as they are hashed: "customer-3".
    pub fn key_text(key: u16) -> String {
        format!("customer-{key}")
    }

    /// What it says of its customer's order: every order is created, then cancelled.
    pub const fn event(self) -> &'static str {
        if self.number % 2 == 1 { "ORDER_CREATED" } else { "ORDER_CANCELLED" }
    }

    /// The number of the customer's order that it is about.
    pub const fn order(self) -> u32 {
        self.number.div_ceil(2)
    }
}

/// Records of one partition that a producer sends together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The partition.
    pub partition: u16,
    /// The producer's id: a new one each time it starts.
    pub producer: u32,
    /// Sequence number of the first record within the partition.
    pub sequence: u32,
    /// The records.
    pub records: Vec<Record>,
    /// Whether the producer waits for an answer.
    pub acks: bool,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Appended {
    /// Written; the first record's offset.
    At(u32),
    /// It was written before.
    Duplicate,
    /// An earlier batch is missing: OUT_OF_ORDER_SEQUENCE_NUMBER.
    Gap,
}

/// How many producers a partition remembers, besides those that are at work.
const PRODUCERS_KEPT: usize = 6;
/// Records of a segment that is full: what is full is shared and never copied again.
const SEGMENT: usize = 16;

/// A partition. See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    start: u32,
    full: Vec<Rc<Vec<Record>>>,
    open: Vec<Record>,
    /// Records of the first segment that are already gone.
    gone: u32,
    /// The next sequence number of each producer.
    sequences: LiteMap<u32, u32>,
    /// A power cut has taken records, and what was known of their producers.
    torn: Later<bool>,
}

impl Log {
    /// A log that begins with these.
    pub fn with(records: impl Iterator<Item = Record>) -> Log {
        let mut log = Log::default();
        records.for_each(|record| log.push(record));
        log
    }

    fn push(&mut self, record: Record) {
        self.open.push(record);
        if self.open.len() == SEGMENT {
            self.full.push(Rc::new(std::mem::take(&mut self.open)));
        }
    }

    /// The log start offset: the oldest record that is kept.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The log end offset: that of the next record.
    pub fn end(&self) -> u32 {
        self.start + self.len()
    }

    /// How many records are kept.
    pub fn len(&self) -> u32 {
        (self.full.len() * SEGMENT + self.open.len()) as u32 - self.gone
    }

    /// Whether no record is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record at an offset, while it is kept.
    pub fn get(&self, offset: u32) -> Option<Record> {
        let at = (offset.checked_sub(self.start)? + self.gone) as usize;
        match self.full.get(at / SEGMENT) {
            Some(segment) => segment.get(at % SEGMENT).copied(),
            None => self.open.get(at - self.full.len() * SEGMENT).copied(),
        }
    }

    /// At most this many records from an offset on.
    pub fn read(&self, from: u32, most: usize) -> Vec<Record> {
        (from..self.end()).take(most).filter_map(|offset| self.get(offset)).collect()
    }

    /// Takes a batch, if its sequence number is the next one. `checked`: whether the number is looked at.
    pub fn append(&mut self, batch: &Batch, checked: bool) -> Appended {
        // A producer that finds its numbers lost raises its epoch and starts anew (KIP-360): here its next one is taken.
        let first = if self.torn.0 { batch.sequence } else { 0 };
        let next = self.sequences.get(&batch.producer).copied().unwrap_or(first);
        if checked && batch.sequence < next {
            return Appended::Duplicate;
        }
        if checked && batch.sequence > next {
            return Appended::Gap;
        }
        let at = self.end();
        batch.records.iter().for_each(|record| self.push(*record));
        if !self.sequences.contains_key(&batch.producer) {
            self.forget_a_producer();
        }
        self.sequences.insert(batch.producer, batch.sequence + batch.records.len() as u32);
        Appended::At(at)
    }

    /// Makes room for a producer: the oldest goes of those that have come back since under another id.
    fn forget_a_producer(&mut self) {
        let ids = || self.sequences.keys().copied();
        let came_back = |id: u32| ids().any(|other| other >> 16 == id >> 16 && other > id);
        if let Some(gone) = ids().find(|id| came_back(*id)).filter(|_| self.sequences.len() >= PRODUCERS_KEPT) {
            self.sequences.remove(&gone);
        }
    }

    /// The power is cut: the log ends before the first record that is not on disk. `torn`: only the last so many of
    /// those are lost.
    pub fn lose_power(&mut self, torn: Option<u32>, is_on_disk: impl Fn(Record) -> bool) {
        let all = self.read(self.start, usize::MAX);
        let on_disk = all.iter().take_while(|record| is_on_disk(**record)).count();
        let written_back = torn.map_or(0, |lost| all.len().saturating_sub(lost as usize));
        let kept: Vec<Record> = all.into_iter().take(on_disk.max(written_back)).collect();
        if (kept.len() as u32) < self.len() {
            *self = Log { start: self.start, torn: Later(true), ..Log::with(kept.into_iter()) };
        }
    }

    /// Forgets records before an offset.
    pub fn delete_before(&mut self, offset: u32) {
        let offset = offset.clamp(self.start, self.end());
        self.gone += offset - self.start;
        self.start = offset;
        let whole = (self.gone as usize / SEGMENT).min(self.full.len());
        self.full.drain(..whole);
        self.gone -= (whole * SEGMENT) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u32) -> Record {
        Record { key: 1, number, produced: 0 }
    }

    #[test]
    fn offsets_outlive_what_is_deleted() {
        let mut log = Log::with((0..40).map(record));
        for before in [3, 16, 17, 33, 40, 99] {
            log.delete_before(before);
            let start = before.min(40);
            assert_eq!((log.start(), log.end(), log.len()), (start, 40, 40 - start));
            assert_eq!(log.get(start), (start < 40).then(|| record(start)));
            assert_eq!(start.checked_sub(1).and_then(|gone| log.get(gone)), None);
            assert_eq!(log.read(start, 99).len() as u32, 40 - start);
        }
        log.push(record(40));
        assert_eq!(log.get(40), Some(record(40)));
    }

    #[test]
    fn a_power_cut_takes_the_tail_and_what_was_known_of_its_producer() {
        let mut log = Log::default();
        let batch =
            |sequence| Batch { partition: 0, producer: 7, sequence, records: vec![record(sequence)], acks: true };
        (0..20).for_each(|sequence| _ = log.append(&batch(sequence), true));
        log.delete_before(3);
        let mut whole = log.clone();
        whole.lose_power(None, |_| true);
        assert_eq!(whole, log);
        log.lose_power(None, |record| record.number < 18);
        assert_eq!((log.start(), log.end(), log.get(17)), (3, 18, Some(record(17))));
        assert_eq!(log.append(&batch(20), true), Appended::At(18));
        assert_eq!(log.append(&batch(20), true), Appended::Duplicate);
    }

    #[test]
    fn a_sequence_number_is_taken_once_and_in_order() {
        let mut log = Log::default();
        let batch = |sequence| Batch { partition: 0, producer: 7, sequence, records: vec![record(1); 2], acks: true };
        assert_eq!(log.append(&batch(2), true), Appended::Gap);
        assert_eq!(log.append(&batch(0), true), Appended::At(0));
        assert_eq!(log.append(&batch(0), true), Appended::Duplicate);
        assert_eq!(log.append(&batch(2), true), Appended::At(2));
        assert_eq!(log.append(&batch(2), false), Appended::At(4));
    }
}
