//! A stream's state machine: stores, refuses, recognises copies, forgets. Pure: time comes in as an argument.
//!
//! nats-server, `server/stream.go` (processJetStreamMsg, checkMsgId, rebuildDedupe): a message whose Nats-Msg-Id was
//! stored within the duplicate window is answered with the first one's sequence and `duplicate: true`. After a restart
//! the window is read back from what is still stored; what was removed meanwhile is not in it.

use crate::sim::kernel::time::{Micros, Time};

/// When a stream removes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retention {
    /// When a limit is reached.
    Limits,
    /// When every consumer has acknowledged it; without a consumer at once.
    Interest,
    /// When it has been acknowledged.
    WorkQueue,
}

/// What happens when a stream is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discard {
    /// The oldest message goes.
    Old,
    /// The new one is refused.
    New,
}

/// A stream's configuration, as far as it is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamConfig {
    pub retention: Retention,
    pub discard: Discard,
    /// The most messages; `None` for any number.
    pub max_msgs: Option<u32>,
    /// Messages older than this are removed, in microseconds; `None` for never.
    pub max_age: Option<Micros>,
    /// The duplicate window, in microseconds. nats-server: 2 min.
    pub duplicates: Micros,
}

/// What is in a message, for those who work on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Its number, counted by the publisher from 1.
    pub id: u32,
    /// Nobody can do it.
    pub poison: bool,
    /// When it was first published, on the publisher's clock.
    pub published: Time,
}

/// A stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// Its stream sequence, from 1.
    pub seq: u32,
    /// Its Nats-Msg-Id.
    pub msg_id: Option<u32>,
    pub task: Task,
    /// When it was stored.
    pub time: Time,
}

/// The answer to a publisher: a PubAck, or an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PubAck {
    /// Stored under this sequence.
    Stored { seq: u32 },
    /// Not stored: it was before, under this sequence.
    Duplicate { seq: u32 },
    /// "maximum messages exceeded".
    Refused,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stream {
    /// By sequence; there are gaps.
    msgs: Vec<Stored>,
    last: u32,
    /// The duplicate window, oldest first: id, sequence, when.
    window: Vec<(u32, u32, Time)>,
}

/// The most ids a window holds here, so that memory is bounded; nats-server's is bounded by time alone.
const MOST_IDS: usize = 500;

impl Stream {
    /// Publishes. `interest`: whether there is a consumer.
    pub fn store(
        &mut self,
        config: &StreamConfig,
        msg_id: Option<u32>,
        task: Task,
        interest: bool,
        now: Time,
    ) -> PubAck {
        self.expire(config, now);
        if let Some(known) = self.window.iter().find(|known| Some(known.0) == msg_id) {
            return PubAck::Duplicate { seq: known.1 };
        }
        let full = config.max_msgs.is_some_and(|most| self.msgs.len() >= most as usize);
        if full && config.discard == Discard::New {
            return PubAck::Refused;
        }
        if full {
            self.msgs.remove(0);
        }
        self.last += 1;
        let seq = self.last;
        if config.retention != Retention::Interest || interest {
            self.msgs.push(Stored { seq, msg_id, task, time: now });
        }
        self.remember(msg_id, seq, now);
        PubAck::Stored { seq }
    }

    fn remember(&mut self, msg_id: Option<u32>, seq: u32, time: Time) {
        let Some(id) = msg_id else { return };
        if self.window.len() >= MOST_IDS {
            self.window.remove(0);
        }
        self.window.push((id, seq, time));
    }

    /// Lets what is too old go: messages beyond their age, ids beyond the window.
    pub fn expire(&mut self, config: &StreamConfig, now: Time) {
        self.window.retain(|known| now < known.2.saturating_add(config.duplicates));
        if let Some(age) = config.max_age {
            self.msgs.retain(|stored| now < stored.time.saturating_add(age));
        }
    }

    /// What an acknowledgement does to a message that no consumer needs any more.
    pub fn settle(&mut self, config: &StreamConfig, seq: u32) {
        if config.retention != Retention::Limits {
            self.msgs.retain(|stored| stored.seq != seq);
        }
    }

    /// After a restart: the window is read back from what is still stored.
    pub fn recover(&mut self, config: &StreamConfig, now: Time) {
        self.window.clear();
        for at in 0..self.msgs.len() {
            let Stored { msg_id, seq, time, .. } = self.msgs[at];
            self.remember(msg_id, seq, time);
        }
        self.expire(config, now);
    }

    /// A stored message.
    pub fn get(&self, seq: u32) -> Option<&Stored> {
        let at = self.msgs.partition_point(|stored| stored.seq < seq);
        self.msgs.get(at).filter(|stored| stored.seq == seq)
    }

    /// The first stored message from a sequence on.
    pub fn first_from(&self, seq: u32) -> Option<&Stored> {
        self.msgs.get(self.msgs.partition_point(|stored| stored.seq < seq))
    }

    /// What is stored, by sequence.
    pub fn msgs(&self) -> &[Stored] {
        &self.msgs
    }

    /// The last sequence given.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// The ids in the duplicate window, oldest first.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.window.iter().map(|known| known.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::time::SEC;

    const QUEUE: StreamConfig = StreamConfig {
        retention: Retention::WorkQueue,
        discard: Discard::New,
        max_msgs: Some(2),
        max_age: None,
        duplicates: 120 * SEC,
    };

    fn put(stream: &mut Stream, config: &StreamConfig, id: u32, now: Time) -> PubAck {
        stream.store(config, Some(id), Task { id, ..Task::default() }, true, now)
    }

    #[test]
    fn a_copy_within_the_window_is_answered_with_the_first_sequence() {
        let mut stream = Stream::default();
        assert_eq!(put(&mut stream, &QUEUE, 7, 0), PubAck::Stored { seq: 1 });
        assert_eq!(put(&mut stream, &QUEUE, 7, 119 * SEC), PubAck::Duplicate { seq: 1 });
        assert_eq!(put(&mut stream, &QUEUE, 7, 120 * SEC), PubAck::Stored { seq: 2 });
    }

    #[test]
    fn a_copy_is_known_after_its_message_was_acknowledged_but_not_after_a_restart() {
        let mut stream = Stream::default();
        put(&mut stream, &QUEUE, 7, 0);
        stream.settle(&QUEUE, 1);
        assert_eq!(put(&mut stream, &QUEUE, 7, SEC), PubAck::Duplicate { seq: 1 });
        stream.recover(&QUEUE, SEC);
        assert_eq!(put(&mut stream, &QUEUE, 7, SEC), PubAck::Stored { seq: 2 });
        let limits = StreamConfig { retention: Retention::Limits, ..QUEUE };
        stream.settle(&limits, 2);
        stream.recover(&limits, SEC);
        assert_eq!(put(&mut stream, &limits, 7, SEC), PubAck::Duplicate { seq: 2 });
    }

    #[test]
    fn a_full_stream_refuses_or_drops_its_oldest() {
        let mut stream = Stream::default();
        (1..=2).for_each(|id| assert_eq!(put(&mut stream, &QUEUE, id, 0), PubAck::Stored { seq: id }));
        assert_eq!(put(&mut stream, &QUEUE, 3, 0), PubAck::Refused);
        let old = StreamConfig { discard: Discard::Old, ..QUEUE };
        assert_eq!(put(&mut stream, &old, 3, 0), PubAck::Stored { seq: 3 });
        assert_eq!(stream.first_from(1).map(|stored| stored.seq), Some(2));
    }

    #[test]
    fn interest_keeps_nothing_without_a_consumer() {
        let interest = StreamConfig { retention: Retention::Interest, ..QUEUE };
        let mut stream = Stream::default();
        assert_eq!(stream.store(&interest, None, Task::default(), false, 0), PubAck::Stored { seq: 1 });
        assert!(stream.msgs().is_empty() && stream.last() == 1);
    }
}
