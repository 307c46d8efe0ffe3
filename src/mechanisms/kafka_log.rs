//! The log of a Kafka partition on disk: segments, sparse offset index, lookup, retention, compaction.
//!
//! After Apache Kafka 4.x (documentation, "Log" and "Log Compaction"; `LogSegment`, `OffsetIndex`, `Cleaner`,
//! `UnifiedLog.deletableSegments` and `deleteSegments`; KIP-534 for the delete horizon). A record stands for a batch of one: like a batch, the first record after more than
//! index.interval.bytes gets an index entry. The time index and the transaction index are left out.

use litemap::LiteMap;
use std::rc::Rc;

use crate::sim::kernel::time::Time;

/// A record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    pub offset: u32,
    pub key: u8,
    /// `None` is a tombstone: the key is deleted.
    pub value: Option<u16>,
    /// When it was appended.
    pub time: Time,
    /// For a tombstone that was cleaned once: when it may go.
    pub horizon: Option<Time>,
    /// Its length in the file, in bytes.
    pub size: u32,
}

/// An entry of the offset index: this record begins at this place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexEntry {
    pub offset: u32,
    /// Bytes from the start of the file.
    pub position: u32,
}

/// The sizes of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// segment.bytes: a file is no longer than this. Kafka's default is 1 GiB.
    pub segment_bytes: u32,
    /// index.interval.bytes: at most this much, plus a record, between two index entries. Kafka's default is 4096.
    pub index_interval: u32,
}

/// A file of the log and its index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The offset that gives the file its name.
    pub base: u32,
    records: Rc<Vec<Record>>,
    index: Vec<IndexEntry>,
    size: u32,
    since_entry: u32,
}

impl Segment {
    fn new(base: u32) -> Segment {
        Segment { base, records: Rc::default(), index: Vec::new(), size: 0, since_entry: 0 }
    }

    fn append(&mut self, record: Record, interval: u32) {
        if self.since_entry > interval {
            self.index.push(IndexEntry { offset: record.offset, position: self.size });
            self.since_entry = 0;
        }
        self.since_entry += record.size;
        self.size += record.size;
        Rc::make_mut(&mut self.records).push(record);
    }

    /// Its records in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The entries of its index. The file's beginning needs none.
    pub fn index(&self) -> &[IndexEntry] {
        &self.index
    }

    /// Bytes in the file.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The last entry at or below an offset; the beginning of the file if there is none.
    pub fn floor(&self, offset: u32) -> IndexEntry {
        let after = self.index.partition_point(|entry| entry.offset <= offset);
        let known = after.checked_sub(1).and_then(|at| self.index.get(at));
        known.copied().unwrap_or(IndexEntry { offset: self.base, position: 0 })
    }

    /// The first entry at or above an offset, if there is one: where a wrong search would begin.
    pub fn ceiling(&self, offset: u32) -> Option<IndexEntry> {
        self.index.get(self.index.partition_point(|entry| entry.offset < offset)).copied()
    }

    /// Which record begins at a position of the file.
    pub fn record_at(&self, position: u32) -> usize {
        let mut passed = 0;
        self.records
            .iter()
            .take_while(|record| {
                let before = passed < position;
                passed += record.size;
                before
            })
            .count()
    }
}

/// What the cleaner does. All true is what Kafka does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaning {
    /// The latest record of each key stays; otherwise the first.
    pub keep_latest: bool,
    /// A tombstone stays for `delete_retention` after it was first cleaned; otherwise it goes at once.
    pub keep_tombstones: bool,
    /// Records keep their offsets; otherwise they are renumbered.
    pub keep_offsets: bool,
    /// delete.retention.ms, in microseconds. Kafka's default is 24 h.
    pub delete_retention: Time,
}

/// What may be deleted, whole files at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// retention.ms, in microseconds: a file goes when its newest record is older.
    pub age: Time,
    /// retention.bytes: the oldest file goes as long as this much is left.
    pub bytes: u32,
    /// Nothing at or above the high watermark goes.
    pub watermark: u32,
}

/// A partition's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    limits: Limits,
    /// Oldest first; the last is the active one.
    segments: Vec<Segment>,
    start: u32,
    end: u32,
    /// The first offset that was never cleaned.
    dirty: u32,
}

impl Log {
    /// A log without records.
    pub fn new(limits: Limits) -> Log {
        Log { limits, segments: vec![Segment::new(0)], start: 0, end: 0, dirty: 0 }
    }

    /// The first offset that readers may ask for.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The offset of the next record.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The first offset that the cleaner has not seen.
    pub fn dirty(&self) -> u32 {
        self.dirty
    }

    /// The files, oldest first. The last is being written.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// All records in order.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.segments.iter().flat_map(|segment| segment.records.iter())
    }

    /// Appends a record, in a new file if the active one would grow too long; returns its offset.
    pub fn append(&mut self, key: u8, value: Option<u16>, size: u32, time: Time) -> u32 {
        let offset = self.end;
        let full = |segment: &Segment| segment.size > 0 && segment.size + size > self.limits.segment_bytes;
        if self.segments.last().is_none_or(full) {
            self.segments.push(Segment::new(offset));
        }
        self.end += 1;
        if let Some(active) = self.segments.last_mut() {
            active.append(Record { offset, key, value, time, horizon: None, size }, self.limits.index_interval);
        }
        offset
    }

    /// The file that an offset belongs to: the last one whose base is not above it.
    pub fn segment_of(&self, offset: u32) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// The first record at or after an offset: floor of the files, floor of the index, and a scan.
    pub fn lookup(&self, offset: u32) -> Option<Record> {
        let at = self.segment_of(offset);
        let here = self.segments.get(at)?;
        let from = here.record_at(here.floor(offset).position);
        let rest = here.records[from..].iter();
        let later = self.segments[at + 1..].iter().flat_map(|segment| segment.records.iter());
        rest.chain(later).find(|record| record.offset >= offset).copied()
    }

    /// Up to `most` records at or after an offset.
    pub fn read(&self, offset: u32, most: usize) -> Vec<Record> {
        self.records().filter(|record| record.offset >= offset).take(most).copied().collect()
    }

    /// How much of the inactive files was never cleaned, in percent of their bytes: this is what
    /// min.cleanable.dirty.ratio is compared with (0.5 by default).
    pub fn dirty_percent(&self) -> u32 {
        let closed = &self.segments[..self.segments.len() - 1];
        let all: u32 = closed.iter().map(|segment| segment.size).sum();
        let dirty: u32 = closed.iter().filter(|segment| segment.base >= self.dirty).map(|segment| segment.size).sum();
        (dirty * 100).checked_div(all).unwrap_or(0)
    }

    /// Whether a tombstone that was cleaned before may go now.
    pub fn has_expired(&self, now: Time) -> bool {
        self.records().any(|record| record.horizon.is_some_and(|horizon| now >= horizon))
    }

    /// Cleans everything but the active file; returns how many records went.
    pub fn clean(&mut self, how: Cleaning, now: Time) -> u32 {
        let Some(active) = self.segments.pop() else { return 0 };
        let before: usize = self.segments.iter().map(|segment| segment.records.len()).sum();
        let chosen = self.choose(how.keep_latest);
        let mut cleaned: Vec<Segment> = Vec::new();
        for group in self.groups() {
            let mut file = Segment::new(group.first().map_or(0, |segment| segment.base));
            for record in group.iter().flat_map(|segment| segment.records.iter()) {
                let Some(mut kept) = keep(record, &chosen, how, now) else { continue };
                if !how.keep_offsets {
                    kept.offset = file.base + file.records.len() as u32;
                }
                file.append(kept, self.limits.index_interval);
            }
            if !file.records.is_empty() {
                cleaned.push(file);
            }
        }
        let after: usize = cleaned.iter().map(|segment| segment.records.len()).sum();
        self.dirty = active.base;
        cleaned.push(active);
        self.segments = cleaned;
        (before - after) as u32
    }

    /// For each key, the offset from which on its records stay. The map covers only the dirty part, as in Kafka.
    fn choose(&self, latest: bool) -> LiteMap<u8, u32> {
        let mut chosen = LiteMap::new();
        for record in self.records().filter(|record| !latest || record.offset >= self.dirty) {
            if latest || !chosen.contains_key(&record.key) {
                chosen.insert(record.key, record.offset);
            }
        }
        chosen
    }

    /// Neighbouring files that fit into one.
    fn groups(&self) -> Vec<&[Segment]> {
        let mut groups = Vec::new();
        let mut first = 0;
        let mut bytes = 0;
        for (at, segment) in self.segments.iter().enumerate() {
            if at > first && bytes + segment.size > self.limits.segment_bytes {
                groups.push(&self.segments[first..at]);
                (first, bytes) = (at, 0);
            }
            bytes += segment.size;
        }
        groups.push(&self.segments[first..]);
        groups
    }

    /// Deletes whole files from the oldest on; returns how many. A log is never without a file: if all are to go, the
    /// active one among them, a new one is rolled first. An empty active file stays.
    pub fn retain(&mut self, now: Time, limits: Retention) -> u32 {
        let gone = self.deletable(now, limits);
        if gone == 0 {
            return 0;
        }
        if gone == self.segments.len() {
            self.segments.push(Segment::new(self.end));
        }
        self.segments.drain(..gone);
        self.start = self.segments[0].base;
        self.dirty = self.dirty.max(self.start);
        gone as u32
    }

    /// How many of the oldest files may go.
    fn deletable(&self, now: Time, limits: Retention) -> usize {
        let mut left: u32 = self.segments.iter().map(|segment| segment.size).sum();
        let next = self.segments.iter().skip(1).map(|segment| segment.base).chain([self.end]);
        let may_go = |(segment, next): &(&Segment, u32)| {
            let newest = segment.records.iter().map(|record| record.time).max().unwrap_or(0);
            let is_old = now.saturating_sub(newest) > limits.age;
            let is_spare = left - segment.size >= limits.bytes;
            left -= segment.size;
            *next <= limits.watermark && segment.size > 0 && (is_old || is_spare)
        };
        self.segments.iter().zip(next).take_while(may_go).count()
    }
}

/// The record as it is after cleaning, if it stays.
fn keep(record: &Record, chosen: &LiteMap<u8, u32>, how: Cleaning, now: Time) -> Option<Record> {
    let stays = match (chosen.get(&record.key), how.keep_latest) {
        (Some(latest), true) => record.offset >= *latest,
        (Some(first), false) => record.offset == *first,
        (None, _) => true,
    };
    if !stays {
        return None;
    }
    if record.value.is_some() {
        return Some(*record);
    }
    match (how.keep_tombstones, record.horizon) {
        (false, _) => None,
        (true, None) => Some(Record { horizon: Some(now + how.delete_retention), ..*record }),
        (true, Some(horizon)) => (now < horizon).then_some(*record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { segment_bytes: 12_000, index_interval: 4_096 };
    const RIGHT: Cleaning =
        Cleaning { keep_latest: true, keep_tombstones: true, keep_offsets: true, delete_retention: 100 };

    fn log(records: &[(u8, Option<u16>)]) -> Log {
        let mut log = Log::new(LIMITS);
        for (time, (key, value)) in records.iter().enumerate() {
            log.append(*key, *value, 2_000, time as Time);
        }
        log
    }

    fn offsets(log: &Log) -> Vec<u32> {
        log.records().map(|record| record.offset).collect()
    }

    #[test]
    fn files_are_named_after_their_first_offset_and_roll_when_full() {
        let log = log(&[(0, Some(1)); 14]);
        assert_eq!(log.segments().iter().map(|segment| segment.base).collect::<Vec<_>>(), [0, 6, 12]);
        assert_eq!(log.segments()[0].size(), 12_000);
    }

    /// `LogSegment.append`: an entry once more than index.interval.bytes were written since the last one.
    #[test]
    fn the_index_is_sparse() {
        let log = log(&[(0, Some(1)); 6]);
        let entry = |offset, position| IndexEntry { offset, position };
        assert_eq!(log.segments()[0].index(), [entry(3, 6_000)]);
        assert_eq!(log.segments()[0].floor(2), entry(0, 0));
        assert_eq!(log.segments()[0].floor(5), entry(3, 6_000));
        assert_eq!(log.segments()[0].ceiling(2), Some(entry(3, 6_000)));
    }

    /// The textbook's figure: offsets 0, 1234 and 2468 at positions 0, 4096 and 8192.
    #[test]
    fn the_floor_of_the_textbook_index() {
        let mut file = Segment::new(0);
        file.index =
            [(1_234, 4_096), (2_468, 8_192)].map(|(offset, position)| IndexEntry { offset, position }).to_vec();
        let floors = [0, 1_233, 1_234, 2_000, 2_468, 9_999].map(|offset| file.floor(offset).position);
        assert_eq!(floors, [0, 0, 4_096, 4_096, 8_192, 8_192]);
    }

    #[test]
    fn a_lookup_finds_every_record_before_and_after_cleaning() {
        let mut log = log(&(0..40).map(|at| ((at % 7) as u8, Some(at))).collect::<Vec<_>>());
        for round in 0..3 {
            for offset in 0..=log.end() {
                let there = log.records().find(|record| record.offset >= offset).copied();
                assert_eq!(log.lookup(offset), there, "round {round}, offset {offset}");
            }
            log.clean(RIGHT, 50);
        }
    }

    #[test]
    fn cleaning_keeps_the_latest_of_each_key_at_its_offset() {
        let mut log = log(&[0, 1, 0, 2, 1, 0, 2, 2, 1, 0, 3, 1, 0, 0].map(|key| (key, Some(9))));
        assert_eq!(log.dirty_percent(), 100);
        assert_eq!(log.clean(RIGHT, 0), 8);
        // Offsets 12 and 13 are in the active file, which is never cleaned: key 0 is there three times.
        assert_eq!(offsets(&log), [7, 9, 10, 11, 12, 13]);
        assert_eq!((log.dirty(), log.dirty_percent()), (12, 0));
        assert_eq!(log.clean(RIGHT, 0), 0);
    }

    #[test]
    fn a_tombstone_stays_until_its_horizon_and_takes_what_was_before() {
        let mut records = vec![(0, Some(1)), (1, Some(1)), (0, None)];
        records.extend([(2, Some(1)); 9]);
        records.push((3, Some(1)));
        let mut log = log(&records);
        log.clean(RIGHT, 10);
        assert_eq!(offsets(&log), [1, 2, 11, 12]);
        assert!(!log.has_expired(109) && log.has_expired(110));
        log.clean(RIGHT, 109);
        assert_eq!(offsets(&log), [1, 2, 11, 12]);
        log.clean(RIGHT, 110);
        assert_eq!(offsets(&log), [1, 11, 12]);
    }

    #[test]
    fn small_files_are_joined_at_the_next_cleaning() {
        let mut log = log(&(0..20).map(|at| (if at < 18 { (at % 2) as u8 } else { 5 }, Some(at))).collect::<Vec<_>>());
        log.clean(RIGHT, 0);
        (0..6).for_each(|at| {
            log.append(6, Some(at), 2_000, 0);
        });
        log.clean(RIGHT, 0);
        let files: Vec<(u32, usize)> = log.segments().iter().map(|file| (file.base, file.records().len())).collect();
        assert_eq!(files, [(12, 2), (18, 2), (24, 2)]);
        assert_eq!(offsets(&log), [16, 17, 19, 23, 24, 25]);
    }

    #[test]
    fn cleaning_without_its_rules() {
        let records = [(0, Some(1)), (0, Some(2)), (1, Some(1)), (1, None), (2, Some(1)), (2, Some(2)), (3, Some(1))];
        let mut first = log(&records);
        first.clean(Cleaning { keep_latest: false, ..RIGHT }, 0);
        assert_eq!(offsets(&first), [0, 2, 4, 6]);
        let mut early = log(&records);
        early.clean(Cleaning { keep_tombstones: false, ..RIGHT }, 0);
        assert_eq!(offsets(&early), [1, 5, 6]);
        let mut anew = log(&records);
        anew.clean(Cleaning { keep_offsets: false, ..RIGHT }, 0);
        assert_eq!(offsets(&anew), [0, 1, 2, 6]);
    }

    const BY_TIME: Retention = Retention { age: 10, bytes: 1 << 30, watermark: 14 };

    #[test]
    fn retention_goes_by_whole_files() {
        let mut by_time = log(&[(0, Some(1)); 14]);
        assert_eq!(by_time.retain(15, BY_TIME), 0);
        assert_eq!(by_time.retain(16, BY_TIME), 1);
        assert_eq!((by_time.start(), by_time.end(), by_time.lookup(0).map(|record| record.offset)), (6, 14, Some(6)));
        let by_size = |bytes| Retention { age: 1_000, bytes, watermark: 14 };
        let mut log = log(&[(0, Some(1)); 14]);
        assert_eq!(log.retain(0, by_size(16_001)), 0);
        assert_eq!(log.retain(0, by_size(16_000)), 1);
        assert_eq!(log.retain(0, by_size(4_000)), 1);
        assert_eq!(log.segments().len(), 1);
    }

    /// `UnifiedLog.deleteSegments`: if all files are to go, a new one is rolled first.
    #[test]
    fn retention_by_time_takes_the_active_file_as_well() {
        let mut log = log(&[(0, Some(1)); 14]);
        assert_eq!(log.retain(24, BY_TIME), 3);
        assert_eq!((log.start(), log.end(), log.records().count()), (14, 14, 0));
        assert_eq!(log.segments().iter().map(|segment| segment.base).collect::<Vec<_>>(), [14]);
        assert_eq!(log.retain(99, BY_TIME), 0, "an empty active file stays");
        assert_eq!(log.append(0, Some(1), 2_000, 100), 14);
        assert_eq!(log.lookup(0).map(|record| record.offset), Some(14));
    }

    /// `UnifiedLog.deletableSegments`: the log's start never passes the high watermark.
    #[test]
    fn retention_stops_below_the_high_watermark() {
        let mut log = log(&[(0, Some(1)); 14]);
        assert_eq!(log.retain(99, Retention { watermark: 11, ..BY_TIME }), 1);
        assert_eq!(log.start(), 6);
        assert_eq!(log.retain(99, Retention { watermark: 13, ..BY_TIME }), 1);
        assert_eq!((log.start(), log.segments().len()), (12, 1));
    }

    /// A file is as old as its newest record: one from the future keeps it, and what lies behind it.
    #[test]
    fn a_record_from_the_future_keeps_its_file() {
        let mut log = Log::new(LIMITS);
        for at in 0..14 {
            log.append(0, Some(1), 2_000, if at == 2 { 1_000 } else { at });
        }
        assert_eq!(log.retain(500, BY_TIME), 0);
        assert_eq!(log.retain(1_011, BY_TIME), 3);
    }
}
