//! A durable consumer's state machine: delivers, waits for acknowledgements, delivers again, gives up. Pure: time comes
//! in as an argument.
//!
//! nats-server, `server/consumer.go` (getNextMsg, trackPending, checkPending, processAck, processNak): redeliveries
//! go first; a message that was not acknowledged within its ack wait is queued again; one that was delivered
//! `max_deliver` times is not delivered any more, stays in the stream, and an advisory says so. An acknowledgement
//! counts for the message, not for the delivery: one of an earlier delivery counts as well (issue 4786).

use super::AckKind;
use super::stream::Stream;
use crate::sim::kernel::time::{Micros, Time};

/// What has to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckPolicy {
    /// Nothing: delivered is done.
    None,
    /// One acknowledgement covers all before it.
    All,
    /// Every message on its own.
    Explicit,
}

/// A consumer's configuration, as far as it is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerConfig {
    pub policy: AckPolicy,
    /// How long an acknowledgement may take, in microseconds. nats-server: 30 s.
    pub ack_wait: Micros,
    /// The most deliveries of a message. nats-server: -1, any number.
    pub max_deliver: Option<u32>,
    /// Takes the place of the ack wait: by redeliveries already made, the last for all later ones. nats-server: none.
    pub back_off: &'static [Micros],
    /// The most messages that wait for their acknowledgement. nats-server: 1,000.
    pub max_ack_pending: u32,
}

impl ConsumerConfig {
    /// How long the acknowledgement may take of a message that was delivered this many times.
    pub fn wait(&self, times: u32) -> Micros {
        let last = self.back_off.len().saturating_sub(1);
        self.back_off.get((times.saturating_sub(1) as usize).min(last)).copied().unwrap_or(self.ack_wait)
    }
}

/// A message that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    /// Its stream sequence.
    pub seq: u32,
    /// Its consumer sequence at its first delivery.
    pub delivery: u32,
    /// When it was delivered last, or said to be in progress, or given back with a delay.
    pub since: Time,
    /// That delay, in microseconds, in place of the ack wait. The server moves the timestamp back instead, to the same end.
    pub delay: Option<Micros>,
}

/// A delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Delivery {
    /// Stream sequence.
    pub seq: u32,
    /// Consumer sequence: each delivery has its own.
    pub delivery: u32,
    /// How many times this message was delivered, with this one.
    pub times: u32,
}

/// What there is to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This.
    Deliver(Delivery),
    /// Nothing: this message was delivered as often as it may be. Said once a message; ask again.
    GaveUp { seq: u32, times: u32 },
    /// Nothing, for as many wait for their acknowledgement as may.
    TooManyPending,
    /// Nothing.
    Nothing,
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// The last stream sequence that was delivered for the first time.
    delivered: u32,
    /// The last consumer sequence.
    deliveries: u32,
    /// By sequence.
    pending: Vec<Pending>,
    /// To be delivered again, in this order.
    again: Vec<u32>,
    /// Redeliveries so far, by sequence.
    counts: Vec<(u32, u32)>,
    /// All up to here, and this one, are acknowledged: the ack floor.
    floor: u32,
}

impl Consumer {
    /// A consumer in the place of this one, from the first message on. Its deliveries are counted on, so that whoever has
    /// seen the last one still knows an old one from a new one.
    #[must_use]
    pub fn from_start(&self) -> Consumer {
        Consumer { deliveries: self.deliveries, ..Consumer::default() }
    }

    /// Takes what is next to be delivered.
    pub fn next(&mut self, config: &ConsumerConfig, stream: &Stream, now: Time) -> Next {
        while !self.again.is_empty() {
            let seq = self.again.remove(0);
            if stream.get(seq).is_none() {
                self.forget(seq);
                continue;
            }
            let times = self.count(seq) + 1;
            if config.max_deliver.is_some_and(|most| times > most) {
                self.forget(seq);
                return Next::GaveUp { seq, times: times - 1 };
            }
            return Next::Deliver(self.track(config, seq, times, now));
        }
        if self.pending.len() >= config.max_ack_pending as usize {
            return Next::TooManyPending;
        }
        let Some(stored) = stream.first_from(self.delivered + 1) else { return Next::Nothing };
        self.delivered = stored.seq;
        Next::Deliver(self.track(config, stored.seq, 1, now))
    }

    /// Deliveries of a message so far, once it has to be delivered again.
    fn count(&mut self, seq: u32) -> u32 {
        match self.counts.iter_mut().find(|count| count.0 == seq) {
            Some(count) => {
                count.1 += 1;
                count.1
            }
            None => {
                self.counts.push((seq, 1));
                1
            }
        }
    }

    fn track(&mut self, config: &ConsumerConfig, seq: u32, times: u32, now: Time) -> Delivery {
        self.deliveries += 1;
        let delivery = self.deliveries;
        if config.policy == AckPolicy::None {
            self.floor = self.floor.max(seq);
            return Delivery { seq, delivery, times };
        }
        let at = self.pending.partition_point(|pending| pending.seq < seq);
        match self.pending.get_mut(at).filter(|pending| pending.seq == seq) {
            Some(pending) => (pending.since, pending.delay) = (now, None),
            None => self.pending.insert(at, Pending { seq, delivery, since: now, delay: None }),
        }
        Delivery { seq, delivery, times }
    }

    fn forget(&mut self, seq: u32) {
        self.pending.retain(|pending| pending.seq != seq);
        self.again.retain(|again| *again != seq);
        self.counts.retain(|count| count.0 != seq);
    }

    /// +ACK. Returns the sequences that need no delivery any more.
    pub fn ack(&mut self, config: &ConsumerConfig, seq: u32) -> Vec<u32> {
        let first = match config.policy {
            AckPolicy::None => return Vec::new(),
            AckPolicy::All => self.floor + 1,
            AckPolicy::Explicit => seq,
        };
        if seq > self.delivered || seq < first {
            return Vec::new();
        }
        (first..=seq).for_each(|settled| self.forget(settled));
        let lowest = self.pending.first().map_or(self.delivered, |pending| pending.seq - 1);
        self.floor = self.floor.max(lowest);
        (first..=seq).collect()
    }

    /// +TERM: like an acknowledgement, for a message that is not worth another try.
    pub fn term(&mut self, config: &ConsumerConfig, seq: u32) -> Vec<u32> {
        self.ack(&ConsumerConfig { policy: AckPolicy::Explicit, ..*config }, seq)
    }

    /// -NAK: delivered again at once or, with a delay, when that has passed. True when it was pending.
    pub fn nak(&mut self, seq: u32, delay: Option<Micros>, now: Time) -> bool {
        let Some(pending) = self.pending.iter_mut().find(|pending| pending.seq == seq) else { return false };
        if delay.is_some() {
            (pending.since, pending.delay) = (now, delay);
            self.again.retain(|again| *again != seq);
        } else {
            self.queue_again(seq);
        }
        true
    }

    /// +WPI: the ack wait starts again. True when it was pending.
    pub fn in_progress(&mut self, seq: u32, now: Time) -> bool {
        let found = self.pending.iter_mut().find(|pending| pending.seq == seq);
        found.map(|pending| (pending.since, pending.delay) = (now, None)).is_some()
    }

    /// A worker's answer to a delivery. The messages that need no delivery any more.
    pub fn answer(&mut self, config: &ConsumerConfig, seq: u32, kind: AckKind, now: Time) -> Vec<u32> {
        match kind {
            AckKind::Ack => return self.ack(config, seq),
            AckKind::Term => return self.term(config, seq),
            AckKind::Nak => self.nak(seq, None, now),
            AckKind::Progress => self.in_progress(seq, now),
        };
        Vec::new()
    }

    /// Those whose ack wait is over, in order.
    pub fn due(&self, config: &ConsumerConfig, now: Time) -> Vec<u32> {
        let over = |pending: &&Pending| {
            let wait = pending.delay.unwrap_or_else(|| config.wait(self.times(pending.seq)));
            now >= pending.since.saturating_add(wait) && !self.again.contains(&pending.seq)
        };
        self.pending.iter().filter(over).map(|pending| pending.seq).collect()
    }

    /// A message's ack wait is over: it has to be delivered again. False when it is no longer pending.
    pub fn expire(&mut self, seq: u32) -> bool {
        let known = self.pending.iter().any(|pending| pending.seq == seq);
        if known {
            self.queue_again(seq);
        }
        known
    }

    fn queue_again(&mut self, seq: u32) {
        if !self.again.contains(&seq) {
            self.again.push(seq);
        }
    }

    /// How many times a message was delivered.
    pub fn times(&self, seq: u32) -> u32 {
        let redelivered = self.counts.iter().find(|count| count.0 == seq).map_or(0, |count| count.1);
        redelivered + u32::from(seq <= self.delivered)
    }

    /// What waits for its acknowledgement, by sequence.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// What is queued to be delivered again.
    pub fn again(&self) -> &[u32] {
        &self.again
    }

    /// The last sequence that was delivered for the first time.
    pub fn delivered(&self) -> u32 {
        self.delivered
    }

    /// The ack floor: all up to this sequence are acknowledged.
    pub fn floor(&self) -> u32 {
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::{Discard, Retention, StreamConfig, Task};
    use super::*;
    use crate::sim::kernel::time::SEC;

    const LIMITS: StreamConfig = StreamConfig {
        retention: Retention::Limits,
        discard: Discard::Old,
        max_msgs: None,
        max_age: None,
        duplicates: 120 * SEC,
    };
    const CONFIG: ConsumerConfig = ConsumerConfig {
        policy: AckPolicy::Explicit,
        ack_wait: 30 * SEC,
        max_deliver: Some(2),
        back_off: &[],
        max_ack_pending: 2,
    };

    fn three() -> Stream {
        let mut stream = Stream::default();
        (1..=3).for_each(|id| {
            stream.store(&LIMITS, Some(id), Task { id, ..Task::default() }, true, 0);
        });
        stream
    }

    fn delivery(seq: u32, delivery: u32, times: u32) -> Next {
        Next::Deliver(Delivery { seq, delivery, times })
    }

    #[test]
    fn redeliveries_go_first_and_end_at_max_deliver() {
        let (stream, mut consumer) = (three(), Consumer::default());
        assert_eq!(consumer.next(&CONFIG, &stream, 0), delivery(1, 1, 1));
        assert_eq!(consumer.due(&CONFIG, 30 * SEC), [1]);
        assert!(consumer.expire(1));
        assert_eq!(consumer.next(&CONFIG, &stream, 30 * SEC), delivery(1, 2, 2));
        assert!(consumer.due(&CONFIG, 59 * SEC).is_empty());
        assert!(consumer.expire(1));
        assert_eq!(consumer.next(&CONFIG, &stream, 60 * SEC), Next::GaveUp { seq: 1, times: 2 });
        assert_eq!(consumer.next(&CONFIG, &stream, 60 * SEC), delivery(2, 3, 1));
        assert!(stream.get(1).is_some(), "it stays in the stream");
    }

    #[test]
    fn no_more_than_max_ack_pending_wait() {
        let (stream, mut consumer) = (three(), Consumer::default());
        (1..=2).for_each(|seq| assert_eq!(consumer.next(&CONFIG, &stream, 0), delivery(seq, seq, 1)));
        assert_eq!(consumer.next(&CONFIG, &stream, 0), Next::TooManyPending);
        assert_eq!(consumer.ack(&CONFIG, 2), [2]);
        assert_eq!(consumer.floor(), 0);
        assert_eq!(consumer.next(&CONFIG, &stream, 0), delivery(3, 3, 1));
        consumer.ack(&CONFIG, 1);
        assert_eq!(consumer.floor(), 2);
    }

    #[test]
    fn ack_all_covers_what_is_before_and_ack_none_needs_none() {
        let (stream, mut consumer) = (three(), Consumer::default());
        let all = ConsumerConfig { policy: AckPolicy::All, max_ack_pending: 9, ..CONFIG };
        (0..3).for_each(|_| {
            consumer.next(&all, &stream, 0);
        });
        assert_eq!(consumer.ack(&all, 2), [1, 2]);
        assert_eq!((consumer.floor(), consumer.pending().len()), (2, 1));
        let (none, mut consumer) = (ConsumerConfig { policy: AckPolicy::None, ..CONFIG }, Consumer::default());
        (1..=3).for_each(|seq| assert_eq!(consumer.next(&none, &stream, 0), delivery(seq, seq, 1)));
        assert!(consumer.pending().is_empty());
    }

    #[test]
    fn a_nak_delivers_at_once_or_after_its_delay_and_progress_starts_the_wait_anew() {
        let (stream, mut consumer) = (three(), Consumer::default());
        consumer.next(&CONFIG, &stream, 0);
        assert!(consumer.nak(1, None, SEC));
        assert_eq!(consumer.next(&CONFIG, &stream, SEC), delivery(1, 2, 2));
        let many = ConsumerConfig { max_deliver: None, ..CONFIG };
        assert!(consumer.nak(1, Some(5 * SEC), 40 * SEC));
        assert!(consumer.due(&many, 44 * SEC).is_empty());
        assert_eq!(consumer.due(&many, 45 * SEC), [1]);
        assert!(consumer.in_progress(1, 45 * SEC));
        assert!(consumer.due(&many, 74 * SEC).is_empty());
        assert!(!consumer.nak(3, None, 0), "it was not delivered");
    }

    #[test]
    fn the_delay_of_a_nak_may_be_shorter_than_the_ack_wait_from_the_start() {
        let (stream, mut consumer) = (three(), Consumer::default());
        consumer.next(&CONFIG, &stream, 0);
        assert!(consumer.nak(1, Some(SEC), 0));
        assert!(consumer.due(&CONFIG, SEC - 1).is_empty());
        assert_eq!(consumer.due(&CONFIG, SEC), [1]);
        consumer.expire(1);
        consumer.next(&CONFIG, &stream, SEC);
        assert!(consumer.due(&CONFIG, 30 * SEC).is_empty(), "the ack wait again");
    }

    #[test]
    fn back_off_takes_the_place_of_the_ack_wait() {
        let config = ConsumerConfig { back_off: &[1, 5, 10], ..CONFIG };
        assert_eq!([1, 2, 3, 4].map(|times| config.wait(times)), [1, 5, 10, 10]);
    }

    #[test]
    fn an_acknowledgement_of_an_earlier_delivery_counts() {
        let (stream, mut consumer) = (three(), Consumer::default());
        consumer.next(&CONFIG, &stream, 0);
        consumer.expire(1);
        consumer.next(&CONFIG, &stream, 30 * SEC);
        assert_eq!(consumer.ack(&CONFIG, 1), [1]);
        assert!(consumer.pending().is_empty() && consumer.again().is_empty());
    }
}
