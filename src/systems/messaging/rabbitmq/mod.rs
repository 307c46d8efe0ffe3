//! RabbitMQ: exchanges, bindings, queues, publishers and consumers on one broker.
//!
//! Follows RabbitMQ 4.3 with AMQP 0-9-1 (docs: "Exchanges", "Queues", "Consumer Prefetch", "Consumer Acknowledgements and
//! Publisher Confirms", "Consumers", "Negative Acknowledgements", "Heartbeats", "Queue Length Limit", "Time-To-Live and
//! Expiration", "Dead Letter Exchanges", "Quorum Queues", "Classic Queues Support Priorities"). The broker pushes to
//! consumers up to their prefetch, in round robin; an unacknowledged message goes back when its connection closes,
//! flagged as redelivered; persistent messages in durable queues are written before they are confirmed, and in
//! a quorum queue flushed; a full queue refuses; mandatory messages that no queue takes are returned, and then confirmed. Exchanges are direct, fanout, topic
//! and headers. Queues are classic or quorum, with time to live, length limit, delivery limit and dead-letter exchange;
//! classic queues have priorities (x-max-priority). A connection has one channel, and either side closes it after two
//! silent heartbeat intervals. A consumer may be cancelled (basic.cancel): its channel stands, and what it holds it
//! still settles.
//!
//! The queue ([`queue`]), the exchanges ([`exchange`]) and the host that joins them ([`host`]) are pure. A queue goes
//! only with the connection of its consumer or with the broker, so a consumer cancel notification would have nobody to
//! notify. Confirms carry the message's number in place of a delivery tag.
//!
//! # Simplified here
//!
//! - There is one broker. What the members of a quorum queue do to agree is left out.
//! - A power cut takes what reached a classic queue within its last 30 s, which is when Linux writes back by itself.
//!   Acknowledgements that were not flushed are kept; in RabbitMQ some of those messages would come again. If a write was
//!   torn, only the last of those messages are gone.
//! - A connection has one channel, so a prefetch counts for the whole connection.
//! - A crash is that of a machine, noticed after two silent heartbeat intervals. When a process dies, its operating
//!   system closes the connection at once.
//! - A consumer that holds a task for 30 s and acknowledges nothing is cut off, whatever its queue. In RabbitMQ that
//!   takes 30 minutes, and since 4.3 only quorum queues do it.
//! - Streams, transactions (`tx`), `basic.get`, priorities of consumers and of quorum queues, exchanges bound to
//!   exchanges, alternate exchanges, queues that delete themselves, flow control and memory alarms are left out.
//! - A link that is cut for a moment loses messages, where TCP would send them again. So a worker publishes the copy of a
//!   task again that was not confirmed after a whole heartbeat interval.
//! - A `basic.cancel` or `basic.consume` that is lost on a cut link is not sent again on that connection.

mod broker;
mod controls;
pub mod exchange;
pub mod host;
#[cfg(test)]
mod host_tests;
pub mod message;
pub mod promises;
mod publisher;
pub mod queue;
pub mod topology;
mod witness;
pub mod words;
mod worker;
#[cfg(test)]
mod worker_tests;

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::sim::later::Later;
pub use controls::*;
use exchange::Matching;
use host::{Host, Policy, Settle};
use message::{Envelope, Message, QueueId, TaskId};
use topology::{Declared, Topology};

use crate::mechanisms::topic::Wildcards;
use crate::purposes;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, SEC, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;

/// The system.
pub struct RabbitMq;

pub const PUBLISHER: NodeId = NodeId(0);
pub const BROKER: NodeId = NodeId(1);
/// The first consumer.
pub const FIRST: usize = 2;

/// The longest queue; a message beyond it is refused.
pub const LONGEST_QUEUE: usize = 300;
/// The most bindings that a reader may have.
pub const MOST_BINDINGS: usize = 14;
/// x-max-priority of the task queue. RabbitMQ recommends 2 to 4.
pub const MAX_PRIORITY: u8 = 4;
/// A consumer that holds a task and acknowledges nothing for this long is cut off. RabbitMQ's default is 30 minutes.
pub const ACK_TIMEOUT: Time = 30 * SEC;
/// How long a message takes between any two nodes.
pub const LATENCY: Time = MS;

purposes! {
    ARRIVALS;
    LENGTHS;
    ADDRESSES;
    WAITS;
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The broker: durable queues with their persistent messages, and bindings. `None` before anything was declared.
    pub host: Option<Rc<Host>>,
    /// The publisher: the last message's number. A consumer: its last connection's number.
    pub last: u32,
    /// The broker: a write was torn by a power cut, and is still there in part.
    pub torn: Later<bool>,
}

/// A message that the publisher has sent and that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    pub message: Message,
    /// It came back: the confirm that follows says only that the broker has dealt with it.
    pub returned: bool,
}

/// A message at a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub tag: u32,
    pub queue: QueueId,
    pub redelivered: bool,
    pub message: Message,
    /// The consumer acknowledged it when it arrived.
    pub acked: bool,
}

/// As derived, but for `acked`: that follows from the rule at its arrival, and fingerprints hold the rules.
impl Hash for Delivery {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tag, self.queue, self.redelivered, &self.message).hash(state);
    }
}

/// Where the last published message went, for the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Routing {
    pub id: TaskId,
    pub envelope: Rc<Envelope>,
    /// Indices of the bindings that matched.
    pub matched: Vec<u8>,
    /// The queues that got it.
    pub queues: Vec<QueueId>,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The publisher: what was not confirmed yet, and what came back lately.
    Publisher { unconfirmed: Vec<Sent>, returned: Option<TaskId> },
    /// The broker: its host, and where the last message went.
    Broker { host: Host, last: Option<Routing> },
    /// A consumer: its connection, what lies in its buffer, what it works on, what waits for its copy's confirm, and
    /// whether it has cancelled, and whether the copy was sent before the last heartbeat.
    Worker {
        connected: bool,
        buffer: Vec<Delivery>,
        working: Option<Delivery>,
        moving: Option<Delivery>,
        heard: bool,
        cancelled: Later<bool>,
        overdue: Later<bool>,
    },
}

/// What nodes send each other: AMQP's methods.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// basic.publish
    Publish { message: Message },
    /// basic.ack to a publisher.
    Confirm { id: TaskId },
    /// basic.nack to a publisher: a queue is full.
    Refuse { id: TaskId },
    /// basic.return: no queue takes it.
    Return { id: TaskId },
    /// A new connection, and basic.consume on it.
    Consume { connection: u32 },
    /// The connection ends: its process has died.
    Close { connection: u32 },
    /// basic.deliver
    Deliver { connection: u32, delivery: Delivery },
    /// basic.ack, basic.nack or basic.reject
    Settle { connection: u32, tag: u32, id: TaskId, how: Settle },
    /// A heartbeat frame, from the consumer or answering it.
    Heartbeat { connection: u32 },
    /// A new connection, and no basic.consume on it.
    Open { connection: u32 },
    /// basic.cancel
    Cancel { connection: u32 },
    /// basic.cancel-ok
    CancelOk { connection: u32 },
    /// basic.consume on a connection that stands.
    ConsumeAgain { connection: u32 },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next message is published.
    Arrival,
    /// Time to publish again what was not confirmed.
    Republish,
    /// The present work is done.
    Done,
    /// Time for a heartbeat, or to look whether one came.
    Beat,
    /// The broker looks who was heard.
    Look,
    /// A message at the head of a queue expires.
    Expiry,
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The publisher was told that a message is safe.
    Confirmed { id: TaskId, published: Time, healthy: bool },
    /// A consumer finished its work on a message.
    Done { id: TaskId, worker: NodeId },
    /// A message was abandoned and parked.
    Parked { id: TaskId },
    /// The broker routed a message by these bindings into these queues, one entry a copy.
    Routed { id: TaskId, envelope: Rc<Envelope>, bindings: Rc<Vec<exchange::Binding>>, queues: Vec<QueueId> },
    /// No queue takes a message, and nobody is told.
    Dropped { id: TaskId },
}

/// How many messages a consumer may hold. `None` for any number.
pub fn prefetch(settings: &Settings, bounded: bool) -> Option<usize> {
    match (bounded, settings.amount(PREFETCH)) {
        (true, _) => Some(1),
        (false, 0) => None,
        (false, limit) => Some(limit as usize),
    }
}

/// What a message is to its consumers.
fn noun(settings: &Settings) -> &'static str {
    match topology::of(settings) {
        Topology::Routing | Topology::Fanout => "message",
        Topology::Tasks | Topology::Retries => "task",
    }
}

/// What the rules say of declarations.
fn declared(context: &Context<RabbitMq>) -> Declared {
    Declared { durable: context.rule(DURABLE), outlives: context.rule(OUTLIVES), queue_each: context.rule(QUEUE_EACH) }
}

/// What the rules say of the broker.
fn policy(context: &Context<RabbitMq>) -> Policy {
    let wildcards = Wildcards { star_is_one: context.rule(STAR), hash_may_be_none: context.rule(HASH) };
    Policy {
        matching: Matching { wildcards, all_is_all: context.rule(ALL_HEADERS), once: context.rule(ONCE) },
        dead_letters: context.rule(PARK),
        limited: context.rule(BOUNDED),
        requeue: context.rule(REQUEUE),
    }
}

impl System for RabbitMq {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Method;
    type Timer = Timer;
    type Note = Note;
    type Witness = witness::Witness;

    const NAME: &'static str = "RabbitMQ";
    const RULES: &'static [Rule] = controls::RULES;
    const SETTINGS: &'static [Setting] = controls::SETTINGS;
    const COMMANDS: &'static [Command] = controls::COMMANDS;
    const METRICS: &'static [Metric] = controls::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + topology::consumers(settings)
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let consumer = node.index().saturating_sub(FIRST);
        let named = |names: &[&str]| names.get(consumer).map_or("consumer", |name| name).to_owned();
        match (node, topology::of(settings)) {
            (PUBLISHER, _) => "publisher".to_owned(),
            (BROKER, _) => "broker".to_owned(),
            (_, Topology::Routing) => format!("{} desk", named(&topology::DESKS)),
            (_, Topology::Fanout) => named(&topology::SERVICES),
            _ => format!("worker {}", consumer + 1),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn lose_power(disk: &mut Disk, _: &Settings, now: Time, torn: Option<u32>) {
        if let Some(host) = &mut disk.host {
            for (_, queue) in &mut Rc::make_mut(host).queues {
                disk.torn.0 |= queue.lose_power(now, torn);
            }
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match context.me() {
            PUBLISHER => publisher::boot(context),
            BROKER => broker::boot(disk, context),
            _ => worker::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Publisher { unconfirmed, returned } => {
                publisher::Publisher { disk, unconfirmed, returned, context }.handle(event);
            }
            Memory::Broker { host, last } => broker::Broker { disk, host, last, context }.handle(event),
            Memory::Worker { connected, buffer, working, moving, heard, cancelled, overdue } => {
                worker::Worker { disk, connected, buffer, working, moving, heard, cancelled, overdue, context }
                    .handle(event);
            }
        }
    }

    fn outside(world: &World<Self>, promise: &str) -> Option<&'static str> {
        promises::outside(world, promise)
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            PUBLISH | ROUTE | TROUBLE | URGENT => PUBLISHER,
            BIND | UNBIND => BROKER,
            _ => NodeId::from(FIRST + call.value(0).clamp(1, 100) as usize - 1),
        };
        let known = node.index() < world.kernel().nodes().len();
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut witness::Witness, notes: &[Note], scene: &Scene) {
        witness::observe(witness, notes, scene.settings);
    }

    fn describe_message(settings: &Settings, message: &Method) -> String {
        let noun = noun(settings);
        let what = |message: &Message| match topology::of(settings) {
            Topology::Routing => format!("message {} for {}", message.id, words::show(&message.envelope)),
            _ => format!("{noun} {}", message.id),
        };
        match message {
            Method::Publish { message } => what(message),
            Method::Confirm { id } => format!("a confirm of {noun} {id}"),
            Method::Refuse { id } => format!("\"{noun} {id}: the queue is full\""),
            Method::Return { id } => format!("message {id}, returned"),
            Method::Consume { connection } => format!("\"connection {connection}: consume\""),
            Method::Close { connection } => format!("\"connection {connection}: closed\""),
            Method::Deliver { delivery, .. } if delivery.redelivered => {
                format!("{}, redelivered", what(&delivery.message))
            }
            Method::Deliver { delivery, .. } => what(&delivery.message),
            Method::Settle { id, how: Settle::Ack, .. } => format!("an ack of {noun} {id}"),
            Method::Settle { id, how: Settle::Requeue, .. } => format!("a nack of {noun} {id}"),
            Method::Settle { id, .. } => format!("a reject of {noun} {id}"),
            Method::Heartbeat { .. } => "a heartbeat".to_owned(),
            Method::Open { connection } => format!("\"connection {connection}: open\""),
            Method::Cancel { connection } => format!("\"connection {connection}: cancel\""),
            Method::CancelOk { connection } => format!("\"connection {connection}: cancelled\""),
            Method::ConsumeAgain { connection } => format!("\"connection {connection}: consume again\""),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a message is published".to_owned(),
            Timer::Republish => "time to publish again".to_owned(),
            Timer::Done => "the work ends".to_owned(),
            Timer::Beat => "time for a heartbeat".to_owned(),
            Timer::Look => "time to look who has been heard from".to_owned(),
            Timer::Expiry => "a message expires".to_owned(),
        }
    }
}
