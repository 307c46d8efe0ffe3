//! One queue as a pure state machine: order, redelivery, time to live, length limit, delivery limit, restart.
//!
//! After RabbitMQ 4.3 (docs: "Queues", "Time-To-Live and Expiration", "Queue Length Limit", "Quorum Queues",
//! "Negative Acknowledgements"). A classic queue puts a returned message back at its old place. A quorum queue hands
//! returned messages out before all others, in the order in which they came back, counts the returns, and gives up on a
//! message that came back more often than the delivery limit. Messages expire at the head only.

use super::message::{ExchangeId, Message};
use crate::sim::time::{Micros, Time};

/// The type of a queue (x-queue-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Classic,
    /// Always durable, all its messages on disk whatever their delivery mode. Here on one node.
    Quorum,
}

/// What happens to a full queue (x-overflow).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The oldest ready message goes. RabbitMQ's default.
    DropHead,
    /// The new one is refused.
    RejectPublish,
}

/// Where dead messages go (x-dead-letter-exchange, x-dead-letter-routing-key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeadLetter {
    pub exchange: ExchangeId,
    /// `None`: the key it was published with.
    pub key: Option<&'static str>,
}

/// What a queue is declared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arguments {
    pub kind: Kind,
    /// It survives a restart of the broker.
    pub durable: bool,
    /// It is deleted with the connection of its consumer.
    pub exclusive: bool,
    /// x-message-ttl, in microseconds.
    pub message_ttl: Option<Micros>,
    /// x-max-length, in ready messages.
    pub max_length: Option<u32>,
    pub overflow: Overflow,
    pub dead_letter: Option<DeadLetter>,
    /// x-delivery-limit, for quorum queues; their default is 20.
    pub delivery_limit: Option<u32>,
}

impl Arguments {
    /// A durable classic queue without limits.
    pub const CLASSIC: Arguments = Arguments {
        kind: Kind::Classic,
        durable: true,
        exclusive: false,
        message_ttl: None,
        max_length: None,
        overflow: Overflow::DropHead,
        dead_letter: None,
        delivery_limit: None,
    };
    /// A quorum queue with the default delivery limit.
    pub const QUORUM: Arguments = Arguments { kind: Kind::Quorum, delivery_limit: Some(20), ..Arguments::CLASSIC };

    /// Whether dead messages stay until the queues they go to have taken them (x-dead-letter-strategy: at-least-once,
    /// which asks for a quorum queue with reject-publish). Else dead-lettering is at most once.
    pub fn is_at_least_once(&self) -> bool {
        self.kind == Kind::Quorum && self.overflow == Overflow::RejectPublish
    }
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    pub message: Message,
    /// Its place in the order of arrival.
    pub place: u32,
    /// It was, or may have been, handed out before.
    pub redelivered: bool,
    /// How often it came back after a failure (x-delivery-count).
    pub returns: u32,
    /// When it expires, on the broker's clock.
    pub expires: Option<Time>,
}

/// What became of a message that was to go into a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    Taken,
    /// It was taken, and the oldest one went for it.
    InsteadOf(Stored),
    Refused,
}

/// A queue: its ready messages in the order in which they will be handed out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    pub name: &'static str,
    pub arguments: Arguments,
    pub ready: Vec<Stored>,
    /// Who was handed a message last, for the round robin.
    pub turn: u16,
    next_place: u32,
}

impl Queue {
    /// An empty queue.
    pub fn new(name: &'static str, arguments: Arguments) -> Queue {
        Queue { name, arguments, ready: Vec::new(), turn: 0, next_place: 1 }
    }

    /// Whether it has as many ready messages as it may.
    pub fn is_full(&self) -> bool {
        self.arguments.max_length.is_some_and(|most| self.ready.len() >= most as usize)
    }

    /// A published message comes in, at the tail.
    pub fn push(&mut self, message: Message, now: Time) -> Pushed {
        let is_full = self.is_full();
        if is_full && self.arguments.overflow == Overflow::RejectPublish {
            return Pushed::Refused;
        }
        let ttl = message.expiration.into_iter().chain(self.arguments.message_ttl).min();
        let expires = ttl.map(|ttl| now.saturating_add(ttl));
        let place = self.next_place;
        self.next_place += 1;
        self.ready.push(Stored { message, place, redelivered: false, returns: 0, expires });
        if is_full { Pushed::InsteadOf(self.ready.remove(0)) } else { Pushed::Taken }
    }

    /// The next message to hand out.
    pub fn take(&mut self) -> Option<Stored> {
        (!self.ready.is_empty()).then(|| self.ready.remove(0))
    }

    /// A message comes back unacknowledged. `failed`: after a basic.reject or with its connection, which a quorum queue
    /// counts; a basic.nack it does not. The message itself when that is more than the limit.
    pub fn give_back(&mut self, mut stored: Stored, failed: bool, limited: bool) -> Option<Stored> {
        stored.redelivered = true;
        stored.returns += u32::from(failed);
        let quorum = self.arguments.kind == Kind::Quorum;
        if quorum && limited && self.arguments.delivery_limit.is_some_and(|limit| stored.returns > limit) {
            return Some(stored);
        }
        let at = match quorum {
            true => self.ready.partition_point(|other| other.redelivered),
            false => self.ready.partition_point(|other| other.place < stored.place),
        };
        self.ready.insert(at, stored);
        None
    }

    /// When the head expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.ready.first().and_then(|stored| stored.expires)
    }

    /// What of it a restart of the broker finds, given what was handed out and not acknowledged. `None` when the queue
    /// itself is gone.
    pub fn survives(&self, unacked: Vec<Stored>) -> Option<Queue> {
        if !self.arguments.durable || self.arguments.exclusive {
            return None;
        }
        let mut after = self.clone();
        after.turn = 0;
        if self.arguments.kind == Kind::Quorum {
            let mut unacked = unacked;
            unacked.sort_by_key(|stored| stored.place);
            for stored in unacked {
                // The limit is looked at when somebody returns a message, not at a restart.
                after.give_back(stored, false, false);
            }
            return Some(after);
        }
        after.ready.extend(unacked);
        after.ready.retain(|stored| stored.message.persistent);
        after.ready.sort_by_key(|stored| stored.place);
        // After a crash a classic queue knows no longer which messages were handed out: it takes all for it.
        after.ready.iter_mut().for_each(|stored| stored.redelivered = true);
        Some(after)
    }
}
