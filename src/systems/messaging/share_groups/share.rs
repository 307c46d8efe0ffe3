//! A share-partition: what a group knows of each record of a partition between its start and its end offset. Pure: time
//! and limits come in as arguments.
//!
//! apache/kafka, `SharePartition.java`, `InFlightState.java`: an available record may be acquired, which counts as a
//! delivery; an acquired one becomes acknowledged (accept), archived (reject), or available (release, or its lock ran
//! out), and archived instead of available once it has been delivered as often as the limit allows. The start offset
//! moves over what is acknowledged or archived. The end offset is at most `max record locks` beyond it.

use std::fmt;

use crate::sim::NodeId;
use crate::sim::kernel::time::Time;

/// Where a record is: partition and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub partition: u8,
    pub offset: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}-{}", self.partition, self.offset)
    }
}

/// A worker's answer for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckType {
    Accept,
    Release,
    Reject,
    Renew,
}

impl AckType {
    pub fn word(self) -> &'static str {
        match self {
            AckType::Accept => "ACCEPT",
            AckType::Release => "RELEASE",
            AckType::Reject => "REJECT",
            AckType::Renew => "RENEW",
        }
    }
}

/// Who has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    pub node: NodeId,
    /// The fetch with which it got the record.
    pub epoch: u32,
    /// When the lock began, or was renewed.
    pub since: Time,
}

/// How a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Available,
    Acquired(Holder),
    Acknowledged,
    Archived,
}

/// A record's state, and how often it was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InFlight {
    pub state: State,
    pub count: u32,
}

impl InFlight {
    fn is_settled(&self) -> bool {
        matches!(self.state, State::Acknowledged | State::Archived)
    }
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SharePartition {
    start: u32,
    records: Vec<InFlight>,
}

impl SharePartition {
    /// The first offset that is not settled.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The first offset that was never acquired.
    pub fn end(&self) -> u32 {
        self.start + self.records.len() as u32
    }

    /// The records between the two, with their offsets.
    pub fn in_flight(&self) -> impl Iterator<Item = (u32, &InFlight)> {
        (self.start..).zip(&self.records)
    }

    /// A record between the two.
    pub fn get(&self, offset: u32) -> Option<&InFlight> {
        self.records.get(offset.checked_sub(self.start)? as usize)
    }

    /// Acquires up to `most` records of a log that ends at `log_end`, the oldest first. Returns their offsets and how
    /// often each has been delivered now.
    pub fn acquire(&mut self, log_end: u32, most: usize, max_locks: usize, holder: Holder) -> Vec<(u32, u32)> {
        let fresh = (log_end.saturating_sub(self.end()) as usize).min(max_locks.saturating_sub(self.records.len()));
        let wanted = fresh.min(most);
        self.records.extend((0..wanted).map(|_| InFlight { state: State::Available, count: 0 }));
        let free = (self.start..).zip(&mut self.records).filter(|(_, record)| record.state == State::Available);
        let taken: Vec<(u32, u32)> = free
            .take(most)
            .map(|(offset, record)| {
                *record = InFlight { state: State::Acquired(holder), count: record.count + 1 };
                (offset, record.count)
            })
            .collect();
        while self.records.last().is_some_and(|last| last.state == State::Available && last.count == 0) {
            self.records.pop();
        }
        taken
    }

    /// Who holds a record.
    pub fn holder(&self, offset: u32) -> Option<Holder> {
        match self.get(offset)?.state {
            State::Acquired(holder) => Some(holder),
            _ => None,
        }
    }

    /// Answers for an acquired record; with a release the record is archived if it has been delivered `limit` times.
    /// Returns how it stands then, `None` if nobody holds it.
    pub fn answer(&mut self, offset: u32, kind: AckType, limit: Option<u32>, now: Time) -> Option<State> {
        let holder = self.holder(offset)?;
        let record = self.records.get_mut((offset - self.start) as usize)?;
        record.state = match kind {
            AckType::Accept => State::Acknowledged,
            AckType::Reject => State::Archived,
            AckType::Release if limit.is_some_and(|limit| record.count >= limit) => State::Archived,
            AckType::Release => State::Available,
            AckType::Renew => State::Acquired(Holder { since: now, ..holder }),
        };
        let state = record.state;
        let settled = self.records.iter().take_while(|record| record.is_settled()).count();
        self.records.drain(..settled);
        self.start += settled as u32;
        Some(state)
    }

    /// A consumer that fetches goes on at its committed offset: what it had not committed is available again.
    pub fn rewind(&mut self, node: NodeId) {
        for record in &mut self.records {
            if matches!(record.state, State::Acquired(holder) if holder.node == node) {
                record.state = State::Available;
            }
        }
    }

    /// As it is written: without locks, and without the deliveries that are under way.
    pub fn written(&self) -> SharePartition {
        let written = |record: &InFlight| match record.state {
            State::Acquired(_) => InFlight { state: State::Available, count: record.count - 1 },
            _ => *record,
        };
        SharePartition { start: self.start, records: self.records.iter().map(written).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Holder = Holder { node: NodeId(2), epoch: 1, since: 0 };
    const OTHER: Holder = Holder { node: NodeId(3), epoch: 1, since: 0 };

    #[test]
    fn two_members_take_records_of_one_partition_and_the_start_waits_for_the_oldest() {
        let mut share = SharePartition::default();
        assert_eq!(share.acquire(3, 1, 60, ONE), [(0, 1)]);
        assert_eq!(share.acquire(3, 5, 60, OTHER), [(1, 1), (2, 1)]);
        assert!(share.acquire(3, 1, 60, ONE).is_empty());
        assert_eq!(share.answer(1, AckType::Accept, Some(5), 0), Some(State::Acknowledged));
        assert_eq!((share.start(), share.end()), (0, 3));
        share.answer(0, AckType::Accept, Some(5), 0);
        assert_eq!((share.start(), share.end()), (2, 3));
        assert_eq!(share.answer(0, AckType::Accept, Some(5), 0), None, "settled is settled");
    }

    #[test]
    fn what_is_released_goes_first_and_is_archived_at_the_limit() {
        let mut share = SharePartition::default();
        for count in 1..=3 {
            assert_eq!(share.acquire(2, 1, 60, ONE), [(0, count)]);
            let state = if count < 3 { State::Available } else { State::Archived };
            assert_eq!(share.answer(0, AckType::Release, Some(3), 0), Some(state));
        }
        assert_eq!((share.start(), share.acquire(2, 1, 60, ONE)), (1, vec![(1, 1)]));
    }

    #[test]
    fn the_oldest_open_record_bounds_how_far_the_others_run_ahead() {
        let mut share = SharePartition::default();
        assert_eq!(share.acquire(9, 1, 3, ONE), [(0, 1)]);
        assert_eq!(share.acquire(9, 9, 3, OTHER), [(1, 1), (2, 1)]);
        share.answer(1, AckType::Accept, None, 0);
        assert!(share.acquire(9, 1, 3, OTHER).is_empty());
        share.answer(0, AckType::Accept, None, 0);
        assert_eq!(share.acquire(9, 1, 3, OTHER), [(3, 1)]);
    }

    #[test]
    fn a_delivery_under_way_is_not_written_and_a_released_one_is() {
        let mut share = SharePartition::default();
        share.acquire(1, 1, 60, ONE);
        assert_eq!(share.written().get(0), Some(&InFlight { state: State::Available, count: 0 }));
        share.answer(0, AckType::Release, Some(5), 0);
        assert_eq!(share.written().get(0), Some(&InFlight { state: State::Available, count: 1 }));
    }

    #[test]
    fn a_renewed_lock_begins_anew_and_is_no_delivery() {
        let mut share = SharePartition::default();
        share.acquire(1, 1, 60, ONE);
        share.answer(0, AckType::Renew, Some(5), 7);
        assert_eq!(share.holder(0), Some(Holder { since: 7, ..ONE }));
        assert_eq!(share.get(0).map(|record| record.count), Some(1));
    }

    #[test]
    fn a_consumer_that_fetches_again_gets_what_it_had_not_committed() {
        let mut share = SharePartition::default();
        share.acquire(3, 2, 60, ONE);
        share.answer(0, AckType::Accept, None, 0);
        share.rewind(ONE.node);
        assert_eq!(share.acquire(3, 2, 60, ONE), [(1, 2), (2, 1)]);
    }
}
