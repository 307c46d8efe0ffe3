//! A partition whose records may belong to transactions: markers, the last stable offset, aborted transactions.

use std::collections::VecDeque;

use litemap::LiteMap;

use super::wire::Batch;
use crate::mechanisms::producer_state::{ProducerState, Verdict};
use crate::sim::kernel::time::Time;
use crate::sim::small::make_room;

/// The most entries that are kept; retention removes the oldest.
pub const LONGEST: usize = 500;
/// Producers that are remembered.
const REMEMBERED: usize = 32;

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Its number, from 1.
    pub id: u32,
    /// When it was placed.
    pub at: Time,
}

/// What stands at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A record; `transactional`: its fate is decided by a marker of its producer.
    Data { order: Order, pid: u16, transactional: bool },
    /// A control record: the producer's transaction has ended.
    Marker { pid: u16, epoch: u16, commit: bool },
}

/// A transaction that was aborted: whose, its first offset, the offset of its marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aborted {
    pub pid: u16,
    pub first: u32,
    pub marker: u32,
}

/// What a fetch found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetched {
    /// The offset of the first entry.
    pub from: u32,
    /// The entries.
    pub entries: Vec<Entry>,
    /// read_committed: transactions whose records are to be skipped.
    pub aborted: Vec<Aborted>,
}

impl Fetched {
    /// The first `most` orders that a consumer may see, and the offset to go on from: what the client's fetcher does with
    /// the aborted transactions it is told of.
    pub fn visible(&self, most: usize) -> (Vec<Order>, u32) {
        let (mut orders, mut next) = (Vec::new(), self.from);
        for (offset, entry) in (self.from..).zip(&self.entries) {
            if orders.len() == most {
                break;
            }
            next = offset + 1;
            let Entry::Data { order, pid, transactional } = *entry else { continue };
            let inside = |gone: &Aborted| gone.pid == pid && (gone.first..gone.marker).contains(&offset);
            if !(transactional && self.aborted.iter().any(inside)) {
                orders.push(order);
            }
        }
        (orders, next)
    }
}

/// A topic with one partition. See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Topic {
    start: u32,
    entries: VecDeque<Entry>,
    producers: LiteMap<u16, ProducerState>,
    /// The first offset of each transaction that has not ended, by producer.
    open: LiteMap<u16, u32>,
    aborted: VecDeque<Aborted>,
}

impl Topic {
    /// A topic that holds these orders.
    pub fn with(orders: impl Iterator<Item = Order>) -> Topic {
        let mut topic = Topic::default();
        orders.for_each(|order| topic.push(Entry::Data { order, pid: 0, transactional: false }));
        topic
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == LONGEST {
            self.entries.pop_front();
            self.start += 1;
            // Kafka forgets aborted transactions with their records, and not before: these would count again.
            while self.aborted.front().is_some_and(|gone| gone.marker < self.start) {
                self.aborted.pop_front();
            }
        }
        self.entries.push_back(entry);
    }

    /// The orders that retention removes when this many entries come, read or not.
    pub fn outgoing(&self, coming: usize) -> Vec<Order> {
        let over = (self.entries.len() + coming).saturating_sub(LONGEST);
        let data = |entry: &Entry| match *entry {
            Entry::Data { order, .. } => Some(order),
            Entry::Marker { .. } => None,
        };
        self.entries.iter().take(over).filter_map(data).collect()
    }

    /// The log start offset.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The log end offset; with all replicas in step, the high watermark too.
    pub fn end(&self) -> u32 {
        self.start + self.entries.len() as u32
    }

    /// The last stable offset: before it, every transaction has ended.
    pub fn stable(&self) -> u32 {
        self.open.values().min().copied().unwrap_or(self.end()).max(self.start)
    }

    /// The entries from an offset on, with their offsets.
    pub fn from(&self, offset: u32) -> impl Iterator<Item = (u32, Entry)> {
        let skip = offset.saturating_sub(self.start);
        (self.start + skip..).zip(self.entries.iter().skip(skip as usize).copied())
    }

    /// What became of a transactional record: `None` while its transaction is open.
    pub fn fate(&self, offset: u32, pid: u16) -> Option<bool> {
        if self.open.get(&pid).is_some_and(|first| *first <= offset) {
            return None;
        }
        let inside = |gone: &Aborted| gone.pid == pid && (gone.first..gone.marker).contains(&offset);
        Some(!self.aborted.iter().any(inside))
    }

    /// Takes a batch. A producer id of 0 is none: nothing is checked.
    pub fn append(&mut self, batch: &Batch) -> Verdict {
        let (pid, count, at) = (batch.pid, batch.orders.len() as u32, self.end());
        if pid > 0 {
            let verdict = self
                .producers
                .get(&pid)
                .map_or(Verdict::Append, |known| known.check(batch.epoch, batch.sequence, count));
            if verdict != Verdict::Append {
                return verdict;
            }
            if !self.producers.contains_key(&pid) {
                make_room(&mut self.producers, REMEMBERED);
            }
            self.producers.entry(pid).or_default().appended(batch.epoch, batch.sequence, count, at);
        }
        let transactional = batch.transactional.is_some();
        for order in batch.orders.iter() {
            self.push(Entry::Data { order: *order, pid, transactional });
        }
        if transactional {
            self.open.entry(pid).or_insert(at);
        }
        Verdict::Append
    }

    /// Ends a producer's transaction: its orders, which are visible from now on if it is a commit.
    pub fn end_transaction(&mut self, pid: u16, epoch: u16, commit: bool) -> Vec<Order> {
        let marker = self.end();
        let Some(first) = self.open.remove(&pid) else { return Vec::new() };
        let mine = |(_, entry): (u32, Entry)| match entry {
            Entry::Data { order, pid: whose, .. } if whose == pid => Some(order),
            _ => None,
        };
        let orders = self.from(first).filter_map(mine).collect();
        self.push(Entry::Marker { pid, epoch, commit });
        self.producers.entry(pid).or_default().raise(epoch);
        if !commit {
            self.aborted.push_back(Aborted { pid, first, marker });
        }
        orders
    }

    /// Entries from an offset on, for a consumer with this isolation level. `None` when there is nothing yet.
    pub fn fetch(&self, from: u32, most: usize, committed: bool) -> Option<Fetched> {
        let from = from.max(self.start);
        let limit = if committed { self.stable() } else { self.end() };
        let entries: Vec<Entry> =
            self.from(from).take_while(|(offset, _)| *offset < limit).take(most).map(|(_, entry)| entry).collect();
        let to = from + entries.len() as u32;
        let touches = |gone: &&Aborted| committed && gone.first < to && gone.marker >= from;
        let aborted = self.aborted.iter().filter(touches).copied().collect();
        (to > from).then_some(Fetched { from, entries, aborted })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn batch(pid: u16, sequence: u32, ids: &[u32]) -> Batch {
        let orders = ids.iter().map(|id| Order { id: *id, at: 0 }).collect();
        Batch { topic: 1, pid, epoch: 0, sequence, orders: Rc::new(orders), transactional: Some(0) }
    }

    fn seen(topic: &Topic, committed: bool) -> Vec<u32> {
        let found = topic.fetch(0, 99, committed).map(|found| found.visible(99).0).unwrap_or_default();
        found.iter().map(|order| order.id).collect()
    }

    #[test]
    fn read_committed_stops_at_the_first_open_transaction() {
        let mut topic = Topic::default();
        topic.append(&batch(1, 0, &[10]));
        topic.append(&batch(2, 0, &[20]));
        topic.end_transaction(2, 1, true);
        assert_eq!((topic.stable(), topic.end()), (0, 3));
        assert_eq!((seen(&topic, true), seen(&topic, false)), (vec![], vec![10, 20]));
        topic.end_transaction(1, 1, false);
        assert_eq!((topic.stable(), seen(&topic, true)), (4, vec![20]));
        assert_eq!((topic.fate(0, 1), topic.fate(1, 2)), (Some(false), Some(true)));
    }

    #[test]
    fn retention_removes_the_oldest_whether_they_were_read_or_not() {
        let mut topic = Topic::with((1..=LONGEST as u32).map(|id| Order { id, at: 0 }));
        let ids = |orders: Vec<Order>| orders.iter().map(|order| order.id).collect::<Vec<_>>();
        assert_eq!((ids(topic.outgoing(0)), ids(topic.outgoing(2))), (vec![], vec![1, 2]));
        topic.append(&batch(1, 0, &[900, 901]));
        assert_eq!(topic.from(0).next().map(|entry| entry.0), Some(2));
    }
}
