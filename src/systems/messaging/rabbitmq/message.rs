//! A message as the broker sees it: where it was published to, its properties, and how often it has died.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::sim::kernel::time::{Micros, Time};
use crate::sim::later::Later;

/// The publisher's number of a message, from 1.
pub type TaskId = u32;

/// An exchange: its index in [`super::exchange::EXCHANGES`].
pub type ExchangeId = u8;

/// A queue of the host.
pub type QueueId = u8;

/// What a consumer will make of it. The broker does not look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Work that succeeds.
    Plain,
    /// Fails at the first attempt and succeeds at the second.
    Flaky,
    /// Fails at every attempt.
    Poison,
    /// Ends the process of the worker that handles it.
    Deadly,
}

/// Where a message was published to, and its headers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    pub exchange: ExchangeId,
    pub key: String,
    pub headers: Vec<(&'static str, &'static str)>,
}

/// Why a message was dead-lettered: the reason in its x-death header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A consumer rejected it without requeue.
    Rejected,
    /// Its time to live ran out.
    Expired,
    /// The queue was longer than its limit.
    MaxLength,
    /// It was returned to a quorum queue more often than the delivery limit.
    DeliveryLimit,
}

impl Reason {
    /// As in the header.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Rejected => "rejected",
            Reason::Expired => "expired",
            Reason::MaxLength => "maxlen",
            Reason::DeliveryLimit => "delivery_limit",
        }
    }
}

/// An entry of the x-death header: one for each queue and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Death {
    pub queue: QueueId,
    pub reason: Reason,
    pub count: u32,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The publisher's number; a copy published again has the same.
    pub id: TaskId,
    /// When it was published, on the publisher's clock.
    pub published: Time,
    /// delivery_mode 2.
    pub persistent: bool,
    /// Returned to the publisher when no queue takes it.
    pub mandatory: bool,
    /// The expiration property, in microseconds.
    pub expiration: Option<Micros>,
    /// A header of the application's own: how often the work on it has failed.
    pub attempt: u8,
    pub body: Body,
    pub envelope: Rc<Envelope>,
    /// The x-death header, the last death first.
    pub deaths: Vec<Death>,
    /// The priority property; 0 is the same as none. A queue without priorities does not look at it.
    pub priority: u8,
}

/// As derived, but for the priority: none adds nothing, so that runs without priorities keep their fingerprints.
impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Message { id, published, persistent, mandatory, expiration, attempt, body, envelope, deaths, priority } =
            self;
        (id, published, persistent, mandatory, expiration).hash(state);
        (attempt, body, envelope, deaths).hash(state);
        Later(*priority).hash(state);
    }
}

impl Message {
    /// Takes a death into the x-death header: an entry of the same queue and reason is counted up and moved to the front.
    pub fn die(&mut self, queue: QueueId, reason: Reason) {
        let known = self.deaths.iter().position(|death| (death.queue, death.reason) == (queue, reason));
        let count = known.map_or(0, |at| self.deaths.remove(at).count) + 1;
        self.deaths.insert(0, Death { queue, reason, count });
        self.expiration = None;
    }

    /// Whether it has come back to a queue without anybody having rejected it on the way: such a cycle is cut.
    pub fn cycles_through(&self, queue: QueueId) -> bool {
        let since = self.deaths.iter().position(|death| death.queue == queue);
        since.is_some_and(|at| self.deaths[..=at].iter().all(|death| death.reason != Reason::Rejected))
    }
}
