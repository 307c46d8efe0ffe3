//! Kafka's replication of one partition: leader, followers, in-sync replicas, high watermark, leader epochs.
//!
//! Follows Apache Kafka 4.x with KRaft: documentation, "Replication" and "Message Delivery Semantics"; KIP-101 and
//! KIP-279 (truncation by leader epoch), in the form of KIP-595 (a fetch carries the last epoch, and the leader's answer
//! says where the logs part); KIP-497 (AlterPartition, and the maximal ISR while a change is pending); KIP-903 (a
//! replica joins the ISR under its present broker epoch only); KAFKA-15583 (the high watermark rests while the ISR is
//! below min.insync.replicas). The states are those of Jason Gustafson's TLA+ specification.
//!
//! # Simplified here
//!
//! - One controller stands for the KRaft quorum. Its crash is the loss of that quorum.
//! - The controller pushes metadata to the brokers, which in Kafka fetch it. A broker that registers again is known at
//!   once, where Kafka waits for its old session to end.
//! - A crash ends the process, and the log survives it, as the page cache does. A power cut takes what was not flushed:
//!   the newest records, up to the 30 s after which Linux writes back by itself. What Kafka flushes when it rolls a segment
//!   is left out.
//! - The high watermark is written down at each change. Kafka does so every 5 s.
//! - A copy of a record is recognised by its number, but the order of a producer's records is not enforced.
//! - Eligible leader replicas (KIP-966, on in new clusters since 4.1), reassignment, transactions, fetching from
//!   followers and batches are left out.

mod broker;
mod clients;
mod controller;
mod follower;
mod leader;
pub mod log;
pub mod promises;
mod words;

use litemap::LiteMap;
use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, Unit, count, micros, per_second, slider};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

use log::{Entry, Log};

/// The system.
pub struct Replication;

rules! {
    /// The producer waits until all in-sync replicas have a record.
    ACKS_ALL = "acks-all", "acks=all",
        "A record is acknowledged when every in-sync replica has it. Off: when the leader has it (acks=1), or at once \
         (acks=0).";
    /// min.insync.replicas is 2.
    MIN_ISR = "min-isr-two", "min.insync.replicas=2",
        "With fewer than two in sync, the leader refuses records with acks=all. Off: 1, Kafka's default.";
    /// A leader is elected from the in-sync replicas.
    CLEAN = "clean-election", "Clean elections",
        "Only an in-sync replica may lead. Off: any live replica may, as with unclean.leader.election.enable.";
    /// Consumers read up to the high watermark.
    READ_TO_HW = "read-to-high-watermark", "Read to the high watermark",
        "Consumers get only committed records. Off: they get everything that the leader has.";
    /// Followers truncate by leader epoch.
    EPOCHS = "truncate-by-epoch", "Truncate by leader epoch",
        "A follower drops records that its leader's epochs do not have. Off: all beyond its own high watermark, as \
         before KIP-101.";
}

settings! {
    REPLICAS = "replicas", "Replicas", slider(3, 5, 2, Unit::Count), 3, AtStart,
        "How many brokers keep the partition.";
    /// Records produced a second, Poisson.
    RATE = "rate", "Records produced", per_second(0, 20, 1), 4, Live,
        "How many a second, on average.";
    /// acks while the rule is off.
    ACKS = "acks", "acks while the rule is off", Control::Choice(&["0", "1"]), 1, Live,
        "0: the producer does not wait. 1: the leader has written it.";
    /// replica.lag.time.max.ms, in microseconds.
    LAG = "lag", "replica.lag.time.max.ms", micros(1_000_000, 30_000_000, 500_000), 3_000_000, Live,
        "A follower that lags for this long leaves the ISR. Kafka's default is 30 s.";
    /// broker.session.timeout.ms, in microseconds.
    SESSION = "session", "broker.session.timeout.ms", micros(300_000, 9_000_000, 300_000), 900_000, Live,
        "A broker not heard from for this long is fenced. Heartbeats come four times as often. Kafka's default is 9 s.";
    /// Whether there is a consumer; not offered to the reader.
    CONSUMER_ON = "consumer", "A consumer", Control::Toggle, 1, AtStart,
        "Whether somebody reads.";
    /// Whether the run begins with broker 1 leading epoch 1 and everybody in sync; not offered to the reader.
    SETTLED = "settled", "A settled start", Control::Toggle, 0, AtStart,
        "Whether the run begins after the first election.";
    /// flush.messages=1.
    FLUSH = "flush-messages", "flush.messages=1", Control::Toggle, 0, Live,
        "A broker flushes each record to disk as it writes it. Off, Kafka's default: the operating system does, later.";
    /// vm.dirty_expire_centisecs, in microseconds; not offered to the reader.
    WRITE_BACK = "write-back", "Written back after", micros(1_000_000, 60_000_000, 1_000_000), 30_000_000, Live,
        "How long Linux keeps what was written in memory. 30 s is its default.";
}

metrics! {
    /// From the first send of a record until its acknowledgement.
    ACK_TIME = "ack-time", "Time to the acknowledgement", Latency;
    /// Size of the ISR, as the controller has it.
    ISR_SIZE = "isr-size", "In-sync replicas", Gauge;
    /// Records of the leader beyond its high watermark.
    UNCOMMITTED = "uncommitted", "Uncommitted records", Gauge;
    /// Records read by the consumer.
    READ = "read", "Records read", Counter;
}

pub const CONTROLLER: NodeId = NodeId(0);
pub const PRODUCER: NodeId = NodeId(1);
pub const CONSUMER: NodeId = NodeId(2);
/// The first broker.
pub const FIRST: usize = 3;
/// The most brokers.
pub const MOST: usize = 5;

/// How long a message takes between any two nodes.
pub const LATENCY: Time = 5 * MS;
/// How long a leader keeps a fetch that finds nothing: replica.fetch.wait.max.ms, fetch.max.wait.ms.
pub const FETCH_WAIT: Time = 500 * MS;
/// How long a broker or a client waits before it tries again.
pub const RETRY: Time = 600 * MS;
/// The most records in one answer to a fetch.
pub const BATCH: usize = 8;
/// The most records the producer has under way.
pub const IN_FLIGHT: usize = 5;

purposes! {
    ARRIVALS;
}

/// A broker, counted from 0; the reader calls it one more.
pub type Broker = u8;

/// Brokers as bits.
pub type Mask = u8;

/// The node of a broker.
pub fn node_of(broker: Broker) -> NodeId {
    NodeId::from(FIRST + usize::from(broker))
}

/// The broker of a node.
pub fn broker_of(node: NodeId) -> Broker {
    node.index().saturating_sub(FIRST) as Broker
}

/// Whether a broker is in a set.
pub fn has(mask: Mask, broker: Broker) -> bool {
    mask >> broker & 1 == 1
}

/// The brokers of a set, in order.
pub fn members(mask: Mask) -> impl Iterator<Item = Broker> {
    (0..MOST as Broker).filter(move |broker| has(mask, *broker))
}

/// The partition's record in the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Who leads.
    pub leader: Option<Broker>,
    /// Counts leaders.
    pub leader_epoch: u16,
    /// The in-sync replicas.
    pub isr: Mask,
    /// Counts changes of any kind.
    pub epoch: u16,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Controller(ControllerDisk),
    Broker(BrokerDisk),
    /// The producer's last record, or the consumer's next offset.
    Client {
        next: u32,
    },
}

/// The metadata log, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerDisk {
    pub partition: Partition,
    /// Brokers whose session stands.
    pub alive: Mask,
    /// The present broker epochs; 0 for never registered.
    pub epochs: [u16; MOST],
    /// The last broker epoch that was given.
    pub last: u16,
}

/// A replica's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerDisk {
    pub log: Log,
    /// Checkpoint of the high watermark: all records below it are committed.
    pub hw: u32,
    /// It has registered before: a disk without this is new, or was lost.
    pub known: bool,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Controller,
    Broker(BrokerMemory),
    Client(ClientMemory),
}

/// What a broker knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerMemory {
    /// Its present broker epoch; 0 until it is registered.
    pub epoch: u16,
    /// The partition as it knows it.
    pub partition: Partition,
    /// Set while it leads.
    pub leading: Option<Leading>,
}

/// What a leader keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Leading {
    /// An ISR that it has asked the controller for.
    pub proposed: Option<Mask>,
    /// The number of its last question to the controller.
    pub asked: u32,
    pub followers: LiteMap<Broker, Follower>,
    /// Offset at which its epoch begins.
    pub begins: u32,
    /// Records whose producer waits for all: number and offset.
    pub waiting: Vec<(u32, u32)>,
    /// A consumer's fetch that waits.
    pub reader: Option<u32>,
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Follower {
    /// Where its log ends, by its last fetch.
    pub end: Option<u32>,
    /// Its broker epoch, by its last fetch.
    pub epoch: u16,
    /// Where the leader's log ended then.
    pub target: u32,
    /// Its fetch waits for something new.
    pub parked: Option<Position>,
    /// The high watermark it was told last.
    pub told: u32,
}

/// How far a follower is: what a fetch asks from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    pub offset: u32,
    /// The epoch of the record before it; 0 for none.
    pub last_epoch: u16,
}

/// A producer or consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientMemory {
    /// Leader and leader epoch, as far as it knows.
    pub leader: Option<(Broker, u16)>,
    /// The broker that it asks next.
    pub turn: Broker,
    /// The producer's records under way, and when each was sent first.
    pub unacked: Vec<(u32, Time)>,
}

/// What a fetch is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fetched {
    /// Records from the offset on, perhaps none.
    Records(Rc<Vec<Entry>>),
    /// The logs part: the leader's latest epoch up to the one asked for, and where it ends.
    Diverging { epoch: u16, end: u32 },
    /// The leader's log begins only here.
    Reset { start: u32 },
}

/// What a produce request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Produced {
    At(u32),
    NotLeader,
    NotEnoughReplicas,
}

/// What a consumer's fetch is answered with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Consumed {
    Records(Rc<Vec<Entry>>),
    NotLeader,
    /// OFFSET_OUT_OF_RANGE: the log has other bounds.
    Range {
        start: u32,
        end: u32,
    },
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Register {
        blank: bool,
    },
    Registered {
        epoch: u16,
        partition: Partition,
    },
    Heartbeat {
        epoch: u16,
        seen: u16,
    },
    /// The partition's record, or its news.
    Metadata {
        partition: Partition,
    },
    /// STALE_BROKER_EPOCH: register again.
    Stale,
    AlterPartition {
        ask: u32,
        leader_epoch: u16,
        epoch: u16,
        isr: Mask,
        brokers: [u16; MOST],
    },
    /// The record as it is now, changed or not, and which question it answers.
    Altered {
        ask: u32,
        partition: Partition,
        accepted: bool,
    },
    Fetch {
        leader_epoch: u16,
        broker_epoch: u16,
        from: Position,
    },
    FetchAnswer {
        leader_epoch: u16,
        from: Position,
        hw: u32,
        fetched: Fetched,
    },
    Produce {
        id: u32,
        acks: i8,
    },
    ProduceAnswer {
        id: u32,
        produced: Produced,
    },
    Consume {
        offset: u32,
    },
    ConsumeAnswer {
        offset: u32,
        consumed: Consumed,
    },
    /// A client asks who leads.
    WhoLeads,
    Leads {
        leader: Option<Broker>,
        epoch: u16,
    },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Controller: a broker was not heard from for a session.
    Session(Broker),
    /// Broker: time for a heartbeat, or to register.
    Heartbeat,
    /// Leader: a follower has not been caught up for replica.lag.time.max.ms.
    Lag(Broker),
    /// Leader: a fetch has waited long enough.
    Wait(Broker),
    /// Leader: the consumer's fetch has waited long enough.
    WaitReader,
    /// Follower: no answer to its fetch. Leader: no answer to AlterPartition.
    Retry,
    /// Producer: the next record.
    Arrival,
    /// Clients: no answer, or a poor one.
    Again,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The producer was told that a record is in, and where (not with acks=0).
    Acked { id: u32, offset: Option<u32> },
    /// The consumer read a record.
    Read { id: u32, offset: u32 },
    /// A broker came with an empty disk.
    Blank { broker: Broker },
}

/// How many replicas have to be in sync for acks=all and for the high watermark.
pub fn min_isr(on: bool) -> u32 {
    if on { 2 } else { 1 }
}

/// The acks of a produce request: -1 is all.
pub fn acks(settings: &Settings, on: bool) -> i8 {
    if on { -1 } else { settings.amount(ACKS).min(1) as i8 }
}

commands! {
    PRODUCE = "produce", "Produce", "Produce {0 record}",
        "Produces this many records at once.",
        [field("records", count(1, 5), 3)];
    MOVE_LEADER = "move-leader", "Move the leadership", "Move the leadership",
        "The controller elects another in-sync replica, as for a controlled shutdown.",
        [];
}

impl System for Replication {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Kafka replication";
    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const LATER_SETTINGS: usize = 2;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + replicas(settings)
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node {
            CONTROLLER => "controller".to_owned(),
            PRODUCER => "producer".to_owned(),
            CONSUMER => "consumer".to_owned(),
            broker => format!("broker {}", broker.index().saturating_sub(FIRST) + 1),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        match node {
            CONTROLLER => Disk::Controller(controller::blank(settings)),
            PRODUCER | CONSUMER => Disk::Client { next: 0 },
            _ => Disk::Broker(BrokerDisk::default()),
        }
    }

    /// The checkpoint of the high watermark is flushed, and no use beyond the log.
    fn lose_power(disk: &mut Disk, settings: &Settings, now: Time, torn: Option<u32>) {
        if let Disk::Broker(broker) = disk {
            broker.log.lose_power(now, settings.amount(WRITE_BACK), torn);
            broker.hw = broker.hw.min(broker.log.end());
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match (context.me(), disk) {
            (_, Disk::Controller(disk)) => controller::boot(disk, context),
            (_, Disk::Broker(disk)) => broker::boot(disk, context),
            (PRODUCER, _) => clients::boot_producer(context),
            _ => clients::boot_consumer(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Controller(disk), _) => controller::Controller { disk, context }.handle(event),
            (Disk::Broker(disk), Memory::Broker(memory)) => broker::Replica { disk, memory, context }.handle(event),
            (Disk::Client { next }, Memory::Client(memory)) => clients::Client { next, memory, context }.handle(event),
            _ => context.why(|_| "Nobody here can answer this.".to_owned()),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = if call.command == PRODUCE { PRODUCER } else { CONTROLLER };
        world.kernel().node(node).up.then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        words::message(message)
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        words::timer(timer)
    }
}

/// The partition after the first election.
fn settled(settings: &Settings) -> Partition {
    Partition { leader: Some(0), leader_epoch: 1, isr: everyone(settings), epoch: 1 }
}

/// All replicas as a set.
fn everyone(settings: &Settings) -> Mask {
    ((1u16 << replicas(settings)) - 1) as Mask
}

/// How many replicas there are. A reader has three or more; a system that hosts this one may do with one.
pub fn replicas(settings: &Settings) -> usize {
    settings.amount(REPLICAS).clamp(1, MOST as u64) as usize
}
