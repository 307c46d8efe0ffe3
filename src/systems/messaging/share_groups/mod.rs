//! Kafka's share groups: many workers take single records from the same partitions, each under a lock that runs out.
//!
//! Follows Kafka 4.4: KIP-932 (share groups), KIP-1222 (a lock can be renewed), KIP-1191 (a dead-letter topic);
//! `SharePartition.java`, `InFlightState.java`, `RecordState.java`. The leader of a partition keeps a state for each
//! record between the share-partition's start and end offset: available, acquired, acknowledged, archived, and how often
//! it was delivered. A member fetches and gets records with an acquisition lock (30 s). It accepts, releases, rejects or
//! renews; what it does not answer comes back when the lock has run out. A record that was delivered as often as the
//! limit allows (5) is archived, with a dead letter if the group names a topic for those. An answer is on disk (in
//! `__share_group_state`) before the member hears of it. A delivery is not: "Acquired" is kept in memory alone, so a
//! crash of the leader forgets the locks and the deliveries under way. [`share`] is that state, pure and whole.
//!
//! # Simplified here
//!
//! - One broker stands for the partitions' leaders, their replicas and the share coordinator. What it has written
//!   outlives its crash, and no state epoch or leader epoch is needed to fence an old leader.
//! - Every worker of the share group takes from both partitions. Kafka's assignor spreads the members over them.
//! - Nobody joins or leaves. In Kafka, what a member holds is released as soon as it leaves the group.
//! - In the consumer group the partitions are dealt out once, and a worker that is down keeps its own.
//! - A dead letter is written in the same step in which the record is archived. Kafka has a state between the two,
//!   Archiving, and makes a limited number of tries.
//! - Records are acquired singly. Kafka acquires whole batches of the log unless `share.acquire.mode` is
//!   `record_limit`, and keeps state for ranges of offsets.
//! - Each answer is a request of its own. In Kafka, answers usually travel with the next fetch.
//! - What is produced is not confirmed, and is refused while a partition has 60 open records. Keys are dealt to
//!   partitions by number.

mod broker;
mod producer;
pub mod promises;
pub mod share;
mod worker;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, Field, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second, percent};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, SEC, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::sim::numbers::counted;
use crate::{commands, metrics, purposes, rules, settings};
use share::{AckType, Place, SharePartition};

/// The system.
pub struct ShareGroups;

rules! {
    /// A lock that was not answered in time runs out.
    LOCK = "lock-runs-out", "The lock runs out",
        "A record that was not answered in time becomes available again. Off: it stays with whoever took it.";
    /// Deliveries of a record are counted, and there is a most.
    BOUNDED = "bounded-deliveries", "Bounded deliveries",
        "A record that has been delivered as often as the limit allows is archived. Off: it comes back for ever.";
    /// A record is accepted once the work is done.
    AFTER_WORK = "acknowledge-after-work", "Acknowledge after the work",
        "A worker accepts a record once it has worked on it. Off: as soon as it gets it.";
    /// The state of a record is written before a worker hears of it.
    PERSIST = "state-before-answer", "Write the state before the answer",
        "The broker writes a record's state, then answers the worker. Off: it answers, and writes once a second.";
    /// Only the holder of the lock may answer for a record.
    HOLDER = "only-the-holder-answers", "Only the holder answers",
        "An answer from a worker that no longer holds the lock is refused. Off: it counts like the holder's own.";
    /// What is archived is kept in a topic of its own.
    DEAD_LETTERS = "dead-letter-topic", "A dead-letter topic",
        "A record that is rejected, or over its limit, leaves a dead letter in another topic. Off: it leaves nothing.";
}

settings! {
    GROUP = "group", "Group", Control::Choice(&["share group", "consumer group"]), 0, AtStart,
        "In a consumer group each partition has one worker.";
    WORKERS = "workers", "Workers", count(1, 6), 4, AtStart,
        "How many belong to the group. The topic has two partitions.";
    /// Records that a worker asks for.
    BATCH = "records-per-fetch", "Records per fetch", count(1, 4), 1, Live,
        "How many a worker takes at once; the locks of all of them begin together.";
    /// Records produced a second, Poisson.
    RATE = "rate", "Records produced", per_second(0, 50, 1), 8, Live,
        "How many a second, on average.";
    /// Mean length of the work on a record, in microseconds.
    WORK = "work", "Work on a record", micros(10_000, 2_000_000, 10_000), 300_000, Live,
        "On average; lengths are exponential.";
    /// How long an acquisition lock lasts, in microseconds.
    LOCK_DURATION = "lock-duration", "Lock duration", micros(100_000, 60_000_000, 100_000), 30_000_000, Live,
        "How long a worker may take to answer. The default is 30 s; scaled down here.";
    /// The most deliveries of a record.
    LIMIT = "delivery-limit", "Delivery count limit", count(2, 10), 5, AtStart,
        "The most deliveries of a record. The default is 5.";
    /// The most records between the share-partition's start and end offset.
    MAX_LOCKS = "max-record-locks", "Most record locks", count(2, 60), 60, Live,
        "How far a partition's deliveries may run ahead of its oldest open record. The default is 2,000.";
    /// How many of a hundred produced records are poison.
    POISONED = "poisoned", "Poison among them", percent(0, 20, 1), 0, Live,
        "The share of produced records that no worker can work on.";
    /// Whether workers renew their locks.
    RENEW = "renew", "Renew the lock", Control::Toggle, 0, Live,
        "A worker at work renews its lock each time half of it is over.";
    /// What a worker does with a record that it cannot work on.
    ON_FAILURE = "on-failure", "A failed record is", Control::Choice(&["released", "rejected"]), 0, Live,
        "Released, it is delivered again; rejected, it is not.";
}

const WORKER: Field = field("worker", count(1, 6), 1);

commands! {
    PRODUCE = "produce", "Produce", "Produce {0 record}",
        "Produces this many records at once.",
        [field("records", count(1, 20), 8)];
    POISON = "poison", "Produce poison", "Produce a poison record",
        "Produces a record that no worker can work on.",
        [];
    RELEASE = "release", "Release", "Release the record| of worker {0}",
        "A worker gives its record back: it is delivered again.",
        [WORKER];
    REJECT = "reject", "Reject", "Reject the record| of worker {0}",
        "A worker says that its record is not worth another try.",
        [WORKER];
}

metrics! {
    /// From production to the start of the work.
    WAITING = "waiting", "Waiting time", Latency;
    /// Records that nobody holds.
    AVAILABLE = "available", "Available", Gauge;
    /// Records under a lock.
    ACQUIRED = "acquired", "Acquired", Gauge;
    /// Records whose worker has heard that they are accepted.
    DONE = "done", "Done", Counter;
    /// Records delivered again.
    REDELIVERED = "redelivered", "Redelivered", Counter;
    /// Records accepted before an earlier one of their key.
    OVERTAKEN = "out-of-order", "Out of order", Counter;
    /// Answers that came too late.
    REFUSED = "refused", "Refused answers", Counter;
    /// Records in the dead-letter topic.
    DEAD = "dead-letters", "Dead letters", Counter;
}

pub const PRODUCER: NodeId = NodeId(0);
pub const BROKER: NodeId = NodeId(1);
/// The first worker.
pub const FIRST: usize = 2;

pub const PARTITIONS: usize = 2;
/// How many keys records have.
pub const KEYS: u8 = 4;
/// How long a message takes between any two nodes.
pub const LATENCY: Time = 2 * MS;
/// How long a fetch waits at the broker for a record. Kafka: 500 ms (fetch.max.wait.ms); longer here, so that idle
/// workers say less.
pub const FETCH_WAIT: Time = 2 * SEC;
/// How long a worker waits for the answer to its answer.
pub const PATIENCE: Time = 250 * MS;
/// How often the broker writes the state while the rule is off.
pub const WRITE_EVERY: Time = SEC;
/// The most open records of a partition.
pub const MOST_OPEN: u32 = 60;

purposes! {
    ARRIVALS;
    LENGTHS;
    CHOICES;
    KINDS;
}

/// Whether the workers are a share group.
pub fn is_shared(settings: &Settings) -> bool {
    settings.get(GROUP) == 0
}

/// All workers.
pub fn workers(settings: &Settings) -> impl Iterator<Item = NodeId> + use<> {
    (FIRST..FIRST + settings.amount(WORKERS) as usize).map(NodeId::from)
}

/// A record as it lies in the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its key; it decides the partition.
    pub key: u8,
    /// Whether no worker can work on it.
    pub poison: bool,
    /// When it was produced.
    pub produced: Time,
}

/// A partition of the topic: the records from `start` on. Reading removes nothing; retention takes what has been settled
/// for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    pub start: u32,
    pub records: Vec<Record>,
}

impl Partition {
    pub fn end(&self) -> u32 {
        self.start + self.records.len() as u32
    }

    pub fn get(&self, offset: u32) -> Option<&Record> {
        self.records.get(offset.checked_sub(self.start)? as usize)
    }
}

/// A record in the dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeadLetter {
    pub place: Place,
    pub key: u8,
    /// How often it was delivered.
    pub count: u32,
}

/// What the broker has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerDisk {
    pub topic: [Partition; PARTITIONS],
    /// The group's state, as `__share_group_state` has it.
    pub state: [SharePartition; PARTITIONS],
    pub dead: Vec<DeadLetter>,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Producer,
    Broker(Box<BrokerDisk>),
    /// `epoch`: the number of a worker's last fetch. In Kafka a restarted member has a new id; here it counts on.
    Worker {
        epoch: u32,
    },
}

/// A member's share session at the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    pub node: NodeId,
    /// The number of its last fetch: an earlier one that comes late is ignored.
    pub epoch: u32,
    /// How many records it asks for; 0 once it has been answered.
    pub most: usize,
    /// How long the fetch waits.
    pub until: Time,
}

/// A record that was delivered, and for the how-manieth time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    pub place: Place,
    pub record: Record,
    pub count: u32,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has asked for records, or will.
    Asks,
    /// It works on the first record it has.
    Works,
    /// It has answered for that, and waits for the broker's word.
    Answers(AckType),
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Producer,
    Broker {
        share: [SharePartition; PARTITIONS],
        sessions: Vec<Session>,
    },
    /// `hand`: the records that it has, the one at work first.
    Worker {
        phase: Phase,
        hand: Vec<Delivery>,
    },
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Produce {
        key: u8,
        poison: bool,
        produced: Time,
    },
    /// ShareFetch.
    Fetch {
        epoch: u32,
        most: usize,
    },
    /// The answer to it.
    Records {
        epoch: u32,
        deliveries: Vec<Delivery>,
    },
    /// ShareAcknowledge: a worker's answer for a record that it got with this fetch.
    Acknowledge {
        epoch: u32,
        place: Place,
        kind: AckType,
    },
    /// The answer to it. Not `taken`: INVALID_RECORD_STATE.
    Answer {
        epoch: u32,
        place: Place,
        kind: AckType,
        taken: bool,
    },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next record is produced.
    Arrival,
    /// The lock on a record runs out.
    Lock(Place),
    /// Time to write the state.
    Write,
    /// Time to fetch.
    Fetch,
    /// The work is done.
    Done,
    /// Half of the lock is over.
    Renew,
    /// The broker has not answered.
    Patience,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A record is in the topic.
    Produced { place: Place },
    /// The broker has handed it to a worker, under a lock.
    Delivered { place: Place, to: NodeId },
    /// It is available again: given back by a worker or, with none, because its lock ran out.
    Returned { place: Place, by: Option<NodeId> },
    /// It is acknowledged or archived. `dead`: a dead letter was written.
    Settled { place: Place, dead: bool },
    /// A worker has worked on it.
    Worked { place: Place },
    /// A worker was told that it is accepted.
    Accepted { place: Place, node: NodeId },
    /// The broker has started, without its memory.
    Recovered,
}

impl System for ShareGroups {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Kafka share groups";
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = SETTINGS;
    const COMMANDS: &'static [Command] = COMMANDS;
    const METRICS: &'static [Metric] = METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };
    const POWER_CUT: bool = false;

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(WORKERS) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node {
            PRODUCER => "producer".to_owned(),
            BROKER => "broker".to_owned(),
            other => format!("worker {}", other.index() + 1 - FIRST),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(_: &Settings, node: NodeId) -> Disk {
        match node {
            PRODUCER => Disk::Producer,
            BROKER => Disk::Broker(Box::default()),
            _ => Disk::Worker { epoch: 0 },
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Producer => producer::boot(context),
            Disk::Broker(disk) => broker::boot(disk, context),
            Disk::Worker { .. } => worker::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Broker(disk), Memory::Broker { share, sessions }) => {
                broker::Broker { disk, share, sessions, context }.handle(event);
            }
            (Disk::Worker { epoch }, Memory::Worker { phase, hand }) => {
                worker::Worker { epoch, phase, hand, context }.handle(event);
            }
            _ => producer::handle(event, context),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            PRODUCE | POISON => PRODUCER,
            _ => NodeId::from(FIRST + call.value(0).max(1) as usize - 1),
        };
        let known = node.index() < world.kernel().nodes().len();
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene.settings);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Produce { key, poison: false, .. } => format!("a record of key {}", key_name(*key)),
            Message::Produce { .. } => "a poison record".to_owned(),
            Message::Fetch { most, .. } => format!("ShareFetch, at most {}", counted(*most as u64, "record")),
            Message::Records { deliveries, .. } => {
                let words: Vec<String> =
                    deliveries.iter().map(|one| format!("{}, delivery {}", one.place, one.count)).collect();
                format!("record {}", words.join("; "))
            }
            Message::Acknowledge { place, kind, .. } => format!("{} for record {place}", kind.word()),
            Message::Answer { place, kind, taken: true, .. } => {
                format!("\"{} of record {place} is taken\"", kind.word())
            }
            Message::Answer { place, kind, .. } => format!("\"{} of record {place} is refused\"", kind.word()),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a record is produced".to_owned(),
            Timer::Lock(place) => format!("the lock on record {place} runs out"),
            Timer::Write => "time to write the state".to_owned(),
            Timer::Fetch => "time to fetch".to_owned(),
            Timer::Done => "the work is done".to_owned(),
            Timer::Renew => "half of the lock is over".to_owned(),
            Timer::Patience => "no answer from the broker".to_owned(),
        }
    }
}

/// What the reader calls a key.
pub fn key_name(key: u8) -> char {
    char::from(b'A' + key % KEYS)
}
