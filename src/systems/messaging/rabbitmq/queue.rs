//! One queue as a pure state machine: order, priorities, redelivery, time to live, length limit, delivery limit, restart.
//!
//! After RabbitMQ 4.3 (docs: "Queues", "Classic Queues Support Priorities", "Time-To-Live and Expiration", "Queue Length
//! Limit", "Quorum Queues", "Negative Acknowledgements"). A classic queue puts a returned message back at its old place.
//! One that is declared with priorities hands out the highest priority first, and within a priority in order of arrival;
//! its head is the head of its highest priority, and that is what expires and what is dropped. A quorum queue hands
//! returned messages out before all others, in the order in which they came back, counts the returns, and gives up on a
//! message that came back more often than the delivery limit. Messages expire at the head only.

use std::cmp::Reverse;
use std::hash::{Hash, Hasher};

use super::message::{ExchangeId, Message};
use crate::sim::kernel::time::{Micros, SEC, Time};
use crate::sim::small;

/// How long Linux keeps what was written before it writes it back by itself (`vm.dirty_expire_centisecs` = 3000).
pub const WRITE_BACK: Micros = 30 * SEC;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// x-max-priority, for classic queues. `None`: all messages are alike.
    pub max_priority: Option<u8>,
}

/// As derived, but for the priorities: a queue has them from its declaration to its end, so they follow from what is
/// declared, and the settings say that.
impl Hash for Arguments {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Arguments { kind, durable, exclusive, message_ttl, max_length, overflow, .. } = self;
        (kind, durable, exclusive, message_ttl, max_length, overflow).hash(state);
        (self.dead_letter, self.delivery_limit).hash(state);
    }
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
        max_priority: None,
    };
    /// A quorum queue with the default delivery limit.
    pub const QUORUM: Arguments = Arguments { kind: Kind::Quorum, delivery_limit: Some(20), ..Arguments::CLASSIC };

    /// The priority that a message has in the queue: none is 0, and more than the maximum is the maximum.
    pub fn priority_of(&self, message: &Message) -> u8 {
        match self.kind {
            Kind::Classic => self.max_priority.map_or(0, |most| message.priority.min(most)),
            Kind::Quorum => 0,
        }
    }

    /// What a classic queue is in order of: the highest priority first, and then in order of arrival.
    fn rank(&self, stored: &Stored) -> (Reverse<u8>, u32) {
        (Reverse(self.priority_of(&stored.message)), stored.place)
    }

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
    /// It was taken, and the one at the head went for it. With priorities that may be the one that came.
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

    /// Declares it again with other arguments. How many priorities it has never changes.
    pub fn redeclare(&mut self, arguments: Arguments) {
        self.arguments = Arguments { max_priority: self.arguments.max_priority, ..arguments };
    }

    /// Whether it has as many ready messages as it may.
    pub fn is_full(&self) -> bool {
        self.arguments.max_length.is_some_and(|most| self.ready.len() >= most as usize)
    }

    /// A published message comes in, at the tail of its priority.
    pub fn push(&mut self, message: Message, now: Time) -> Pushed {
        let is_full = self.is_full();
        if is_full && self.arguments.overflow == Overflow::RejectPublish {
            return Pushed::Refused;
        }
        let ttl = message.expiration.into_iter().chain(self.arguments.message_ttl).min();
        let expires = ttl.map(|ttl| now.saturating_add(ttl));
        let place = self.next_place;
        self.next_place += 1;
        let priority = self.arguments.priority_of(&message);
        let at = self.ready.partition_point(|other| self.arguments.priority_of(&other.message) >= priority);
        self.ready.insert(at, Stored { message, place, redelivered: false, returns: 0, expires });
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
            false => {
                let rank = self.arguments.rank(&stored);
                self.ready.partition_point(|other| self.arguments.rank(other) < rank)
            }
        };
        self.ready.insert(at, stored);
        None
    }

    /// When the head expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.ready.first().and_then(|stored| stored.expires)
    }

    /// What is on disk loses what no flush and no write-back has brought there. A quorum queue has flushed what it confirms
    /// (`wal_sync_method = datasync`); the message store of a classic queue "no longer fsyncs" (`rabbit_msg_store.erl`).
    /// `torn`: of those that no flush has brought there, only the last this many are lost. Whether one was torn.
    pub fn lose_power(&mut self, now: Time, torn: Option<u32>) -> bool {
        if self.arguments.kind == Kind::Quorum {
            return false;
        }
        let is_at_risk = |stored: &Stored| stored.message.published.saturating_add(WRITE_BACK) > now;
        let mut places: Vec<u32> =
            self.ready.iter().filter(|stored| is_at_risk(stored)).map(|stored| stored.place).collect();
        small::sort_by_key(&mut places, |place| *place);
        let kept = torn.map_or(0, |lost| places.len().saturating_sub(lost as usize));
        let lost = places.split_off(kept);
        self.ready.retain(|stored| !lost.contains(&stored.place));
        torn.is_some() && !lost.is_empty()
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
            small::sort_by_key(&mut unacked, |stored| stored.place);
            for stored in unacked {
                // The limit is looked at when somebody returns a message, not at a restart.
                after.give_back(stored, false, false);
            }
            return Some(after);
        }
        after.ready.extend(unacked);
        after.ready.retain(|stored| stored.message.persistent);
        small::sort_by_key(&mut after.ready, |stored| self.arguments.rank(stored));
        // After a crash a classic queue no longer knows which messages were handed out: it assumes that all were.
        after.ready.iter_mut().for_each(|stored| stored.redelivered = true);
        Some(after)
    }
}
