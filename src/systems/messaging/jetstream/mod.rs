//! JetStream: a stream on one server or on three, a durable pull consumer, workers that take from it.
//!
//! Follows nats-server 2.10 and later (docs.nats.io: "Streams", "Consumers", "JetStream Model Deep Dive"; ADR-13 on
//! pull; `server/stream.go`, `server/consumer.go`): retention by limits, interest or work queue; a duplicate window
//! over Nats-Msg-Id (2 min); ack policies none, all and explicit, ack wait (30 s), max deliver (no limit), back-off,
//! max ack pending (1,000); +ACK, -NAK, +TERM, +WPI, and an acknowledgement of the acknowledgement where one is asked
//! for; an advisory when a message was delivered too often. [`stream`] and [`consumer`] are the state machines, pure
//! and whole; the nodes around them use an explicit consumer.
//!
//! A crash of the process loses nothing that was written, a power cut what is not on disk: with the rule on, the server
//! syncs before it answers (`sync_interval: always`), without it every two minutes, which is the default. A power cut in the
//! middle of a write leaves what was written before; the record after that fails its checksum and is cut off
//! (`server/filestore.go`, rebuildState).
//!
//! With three replicas (R3) the servers are a Raft group (docs.nats.io: "JetStream Clustering"; `server/raft.go`,
//! `server/jetstream_cluster.go`), and it is the whole system of [`crate::systems::consensus::raft`]: see [`replica`].
//! An entry is an operation ([`op`]) with the leader's time in it. The leader confirms a task, hands a message out, and
//! acknowledges an acknowledgement when a quorum has the entry. With the rule on, Raft's log is synced before a server
//! answers, without it now and then, with its term and its vote. A snapshot carries the whole
//! state with the duplicate window. A client asks the server that answered it last, and the next one when nothing
//! comes; a server that does not lead passes a request on to the one that does (NATS's own routes do that), and the
//! answer comes from there directly.
//!
//! # Simplified here
//!
//! - A stream has one replica or three, and its place is fixed. The group of all servers that places streams is left
//!   out.
//! - With three replicas, stream and consumer share one Raft group. In NATS each has its own.
//! - With three replicas, a nak and an expired ack wait are entries of the log. In NATS the consumer's leader keeps
//!   them to itself.
//! - With three replicas, a server that restarts knows every id of the duplicate window again. NATS reads them back
//!   from the messages that it still has, so in a work queue the id of an acknowledged task is forgotten. With one
//!   replica it is so here, too.
//! - A leader without a quorum does not step down by itself, as one of NATS does after 10 s. It can confirm nothing
//!   either.
//! - A torn write lies at most four writes back; a power cut that takes more takes all that was not synced.
//! - Push consumers, subjects and filters, limits in bytes, a time to live for each message, mirrors and sources are
//!   left out.
//! - Connections have no faults of their own. The pages on core NATS show those.

pub mod cluster;
pub mod consumer;
pub mod op;
pub mod promises;
mod publisher;
pub mod replica;
mod server;
pub mod stream;
mod words;
mod worker;

use std::rc::Rc;

pub use words::{NAK, POISON, PROGRESS, PUBLISH, TERM};

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros, SEC, Time};
use crate::sim::later::Later;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::sim::unsynced::Unsynced;
use crate::systems::consensus::raft::{self, Raft};
use crate::{metrics, purposes, rules, settings};
use consumer::{AckPolicy, Consumer, ConsumerConfig, Delivery};
use stream::{Discard, PubAck, Retention, Stream, StreamConfig, Task};

/// The system.
pub struct JetStream;

rules! {
    /// The server recognises copies by their Nats-Msg-Id.
    DEDUP = "dedup-window", "Recognise copies",
        "A message whose Nats-Msg-Id was stored within the window is not stored again. Off: ids are ignored.";
    /// The publisher sends again only within the duplicate window.
    WITHIN = "retry-within", "Retry within the window",
        "The publisher stops resending before the server forgets its ids. Off: it resends for ever.";
    /// A worker asks for an acknowledgement of its acknowledgement.
    DOUBLE_ACK = "double-ack", "Double ack",
        "A worker calls a task done once the server has confirmed its ack. Off: as soon as the ack is sent.";
    /// What was not acknowledged in time is delivered again.
    REDELIVER = "ack-wait", "Deliver again after the ack wait",
        "A message that was not acknowledged in time goes to another worker. Off: it stays with the first.";
    /// The server answers once it is on disk.
    SYNC = "sync-always", "Sync before the answer",
        "The server answers once the message is on disk. Off: it syncs now and then, which is JetStream's default.";
}

settings! {
    WORKERS = "workers", "Workers", count(1, 5), 3, AtStart,
        "How many take from the stream.";
    /// Tasks published a second, Poisson.
    RATE = "rate", "Tasks published", per_second(0, 50, 1), 8, Live,
        "How many a second, on average.";
    /// Mean length of a task, in microseconds.
    WORK = "work", "Length of a task", micros(10_000, 2_000_000, 10_000), 200_000, Live,
        "On average; lengths are exponential.";
    /// How long an acknowledgement may take, in microseconds.
    ACK_WAIT = "ack-wait", "Ack wait", micros(100_000, 30_000_000, 100_000), 30_000_000, Live,
        "How long a worker may take to acknowledge. The default is 30 s; scaled down here.";
    /// The most deliveries of a message: 1, 2, 4, 8, any number.
    MAX_DELIVER = "max-deliver", "Most deliveries", Control::Choice(&["1", "2", "4", "8", "no limit"]), 4, Live,
        "Of one message. No limit is the default, written -1.";
    /// The duplicate window, in microseconds.
    WINDOW = "window", "Duplicate window", micros(100_000, 120_000_000, 100_000), 120_000_000, Live,
        "How long an id is remembered. 2 min is the default, 100 ms the least.";
    /// The most messages that wait for their acknowledgement.
    MAX_ACK_PENDING = "max-ack-pending", "Most unacknowledged", count(1, 1_000), 1_000, Live,
        "Over all workers together. 1,000 is the default.";
    /// Whether later redeliveries wait longer.
    BACK_OFF = "back-off", "Back-off", Control::Toggle, 0, Live,
        "0.5, 1, 2, then 4 s take the place of the ack wait. There is none by default.";
    /// Limits, interest, work queue.
    RETENTION = "retention", "Retention", Control::Choice(&["limits", "interest", "work queue"]), 0, AtStart,
        "Limits keeps an acknowledged message; interest and work queue delete it. Limits is the default.";
    /// How often the server syncs while the rule is off, in microseconds.
    SYNC_INTERVAL = "sync-interval", "Sync interval while the rule is off", micros(100_000, 120_000_000, 100_000), 120_000_000, AtStart,
        "What came after the last sync is lost in a power cut. 2 min is the default.";
    /// R1 or R3: how many servers keep the stream.
    REPLICAS = "replicas", "Replicas", Control::Choice(&["R1", "R3"]), 0, AtStart,
        "How many servers keep the stream: R1 is the default; R3 is three servers, with Raft between them.";
}

metrics! {
    /// From publishing to the start of the work.
    WAITING = "waiting", "Waiting time", Latency;
    /// Messages in the stream that nobody has.
    READY = "ready", "Ready", Gauge;
    /// Messages that were delivered and not acknowledged.
    ACK_PENDING = "ack-pending", "Unacknowledged", Gauge;
    /// Tasks that a worker has called done.
    DONE = "done", "Done", Counter;
    /// Messages delivered again.
    REDELIVERED = "redelivered", "Redelivered", Counter;
    /// Copies that the server recognised.
    COPIES = "copies", "Copies recognised", Counter;
}

pub const PUBLISHER: NodeId = NodeId(0);
/// The server of R1, the first one of R3; the other two come after the workers.
pub const SERVER: NodeId = NodeId(1);
/// The first worker.
pub const FIRST: usize = 2;

/// How long a message takes between any two nodes.
pub const LATENCY: Time = MS;
/// How long a publisher waits for a PubAck. nats.go waits 5 s; scaled down.
pub const RETRY: Time = 500 * MS;
/// How long a worker's question for work stands. nats.go: 30 s; scaled down.
pub const PULL_WAIT: Time = SEC;
/// How long a worker waits for the acknowledgement of its acknowledgement. nats.go waits 5 s; scaled down.
pub const ACK_RETRY: Time = 250 * MS;
/// The most messages in the stream.
pub const MAX_MSGS: u32 = 150;
/// Back-off by redeliveries, where it is switched on.
pub const STEPS: &[Micros] = &[SEC / 2, SEC, 2 * SEC, 4 * SEC];

purposes! {
    ARRIVALS;
    LENGTHS;
}

/// Stream and consumer: what the server keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    pub stream: Stream,
    pub consumer: Consumer,
}

impl Store {
    /// How many messages were never delivered.
    pub fn fresh(&self) -> usize {
        let msgs = self.stream.msgs();
        msgs.len() - msgs.partition_point(|stored| stored.seq <= self.consumer.delivered())
    }

    /// How many messages wait for somebody who asks.
    pub fn ready(&self) -> usize {
        self.fresh() + self.consumer.again().len()
    }
}

/// What a server has written and not synced: in the operating system's page cache, which outlives the process and not the
/// machine's power.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Written {
    /// As in [`Disk`].
    pub store: Rc<Store>,
    /// As in [`Disk`].
    pub raft: Option<raft::Disk>,
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The server: what was synced. With R3, the state that Raft's snapshot stands for.
    pub store: Rc<Store>,
    /// The publisher: the last task's number. A worker: its last question's.
    pub last: u32,
    /// A server of R3: what Raft has synced.
    pub raft: Later<Option<raft::Disk>>,
    /// A server: what it has written since.
    pub written: Later<Unsynced<Written>>,
    /// The publisher, a worker: which server it asks, of those that there are.
    pub home: Later<u16>,
    /// A server: its last write was torn by a power cut, and is still there in part.
    pub torn: Later<bool>,
}

impl Disk {
    /// What a server that restarts finds.
    pub fn store(&self) -> &Rc<Store> {
        self.written.0.newest().map_or(&self.store, |written| &written.store)
    }

    /// What Raft finds on a server of R3 that restarts.
    pub fn raft(&self) -> Option<&raft::Disk> {
        let written = self.written.0.newest().and_then(|written| written.raft.as_ref());
        written.or(self.raft.0.as_ref())
    }

    /// A server writes all that it has, and syncs it or not.
    fn write(&mut self, store: &Rc<Store>, raft: Option<&raft::Disk>, synced: bool) {
        self.torn = Later(false);
        if synced {
            (self.store, self.raft) = (Rc::clone(store), Later(raft.cloned()));
            self.written.0.sync();
        } else {
            self.written.0.write(Written { store: Rc::clone(store), raft: raft.cloned() });
        }
    }

    /// The power fails: what is not on the disk is gone. `torn`: as in [`System::lose_power`].
    fn lose_power(&mut self, torn: Option<u32>) {
        let written = std::mem::take(&mut self.written.0);
        self.torn = Later(torn.is_some() && written.newest().is_some());
        if let Some(Written { store, raft }) = written.survivor(torn) {
            (self.store, self.raft) = (store, Later(raft));
        }
    }
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has asked for a message, or will.
    Idle,
    /// It works on one.
    Works(Delivery, Task),
    /// It has acknowledged it, and waits for the server's word.
    Confirms(Delivery, Task),
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// `unconfirmed`: published, and without a PubAck.
    Publisher { unconfirmed: Vec<Task> },
    /// `waiting`: questions for a message, oldest first, and when they end.
    Server { store: Rc<Store>, waiting: Vec<(NodeId, u32, Time)> },
    /// `seen`: the highest consumer sequence that it was handed.
    Worker { phase: Phase, seen: u32 },
    /// A server of R3.
    Replica(Box<replica::Replica>),
}

/// How a worker answers a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AckKind {
    /// +ACK
    Ack,
    /// -NAK
    Nak,
    /// +TERM
    Term,
    /// +WPI
    Progress,
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A task; its number is its Nats-Msg-Id.
    Publish { task: Task },
    /// The answer to it.
    PubAck { id: u32, ack: PubAck },
    /// $JS.API.CONSUMER.MSG.NEXT, for one message.
    Pull { request: u32 },
    /// A message, for a question.
    Deliver { delivery: Delivery, task: Task },
    /// An answer to a delivery; with `reply`, one is wanted in turn.
    Ack { seq: u32, kind: AckKind, reply: bool },
    /// The server has taken the acknowledgement.
    AckAck { seq: u32 },
    /// $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES
    Advisory { seq: u32, times: u32 },
    /// Between the servers of R3. A snapshot's state goes with it.
    Raft { said: raft::Message, state: Option<Rc<Store>> },
    /// A client's request, passed on to the server that leads.
    Routed { origin: NodeId, request: Rc<Message> },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next task is published.
    Arrival,
    /// Time to publish a task again.
    Republish(u32),
    /// The ack wait of a message is over.
    AckWait(u32),
    /// Time to sync.
    Sync,
    /// Time to ask for a message.
    Pull,
    /// The present task is done.
    Done,
    /// Time to acknowledge again.
    AckAgain,
    /// Raft's own.
    Raft(raft::Timer),
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The server has stored a task.
    Stored { id: u32, seq: u32 },
    /// The publisher was told that a task is stored.
    Confirmed { id: u32 },
    /// The server has handed a message to a worker.
    Delivered { seq: u32, to: NodeId },
    /// A worker has called a message done.
    Done { seq: u32, node: NodeId },
    /// The server no longer needs a task: acknowledged, terminated, or dropped with an advisory.
    Settled { id: u32, parked: bool },
    /// As `Delivered`, by a server of R3 that applies it; each of them does. `delivery`: the consumer sequence.
    Handed { delivery: u32, seq: u32, to: NodeId },
    /// As `Settled`, by each server of R3.
    Gone { id: u32, parked: bool },
}

/// The stream's configuration under these settings.
pub fn stream_config(settings: &Settings) -> StreamConfig {
    let retention = match settings.get(RETENTION) {
        0 => Retention::Limits,
        1 => Retention::Interest,
        _ => Retention::WorkQueue,
    };
    let discard = if retention == Retention::Limits { Discard::Old } else { Discard::New };
    StreamConfig { retention, discard, max_msgs: Some(MAX_MSGS), max_age: None, duplicates: settings.amount(WINDOW) }
}

/// The consumer's configuration under these settings.
pub fn consumer_config(settings: &Settings) -> ConsumerConfig {
    ConsumerConfig {
        policy: AckPolicy::Explicit,
        ack_wait: settings.amount(ACK_WAIT),
        max_deliver: [1, 2, 4, 8].get(settings.amount(MAX_DELIVER) as usize).copied(),
        back_off: if settings.is_on(BACK_OFF) { STEPS } else { &[] },
        max_ack_pending: settings.amount(MAX_ACK_PENDING) as u32,
    }
}

impl System for JetStream {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "JetStream";
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = SETTINGS;
    const COMMANDS: &'static [Command] = words::COMMANDS;
    const METRICS: &'static [Metric] = METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };
    /// The replicas.
    const LATER_SETTINGS: usize = 1;

    fn nodes(settings: &Settings) -> usize {
        FIRST + cluster::worker_count(settings) + cluster::server_count(settings) - 1
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match (node.index(), cluster::number(settings, node)) {
            (0, _) => "publisher".to_owned(),
            (_, Some(number)) if cluster::is_replicated(settings) => {
                format!("server {}", Raft::name(settings, NodeId::from(number)))
            }
            (_, Some(_)) => "server".to_owned(),
            (other, None) => format!("worker {}", other + 1 - FIRST),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        if !cluster::is_replicated(settings) {
            return Disk::default();
        }
        match cluster::number(settings, node) {
            Some(_) => Disk { raft: Later(Some(raft::Disk::default())), ..Disk::default() },
            None => Disk { home: Later(node.0 % cluster::server_count(settings) as u16), ..Disk::default() },
        }
    }

    fn lose_power(disk: &mut Disk, _: &Settings, _: Time, torn: Option<u32>) {
        disk.lose_power(torn);
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match context.me() {
            PUBLISHER => publisher::boot(context),
            _ if disk.raft.0.is_some() => replica::boot(disk, context),
            SERVER => server::boot(disk, context),
            _ => worker::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Publisher { unconfirmed } => publisher::Publisher { disk, unconfirmed, context }.handle(event),
            Memory::Server { store, waiting } => server::Server { disk, store, waiting, context }.handle(event),
            Memory::Worker { phase, seen } => worker::Worker { disk, phase, seen, context }.handle(event),
            Memory::Replica(own) => replica::Server { disk, own, context }.handle(event),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            PUBLISH | POISON => PUBLISHER,
            _ => NodeId::from(FIRST + call.value(0).max(1) as usize - 1),
        };
        let known = node.index() < FIRST + cluster::worker_count(world.settings());
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        words::describe(settings, message)
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a task is published".to_owned(),
            Timer::Republish(id) => format!("time to publish task {id} again"),
            Timer::AckWait(seq) => format!("the ack wait of message {seq}"),
            Timer::Sync => "time to sync".to_owned(),
            Timer::Pull => "time to ask for a message".to_owned(),
            Timer::Done => "the work ends".to_owned(),
            Timer::AckAgain => "time to acknowledge again".to_owned(),
            Timer::Raft(timer) => Raft::describe_timer(settings, timer),
        }
    }
}
