//! A flash sale: far more orders than the database can write, a log that takes them, and consumers that take from it
//! what they can.
//!
//! Follows Kafka 4.0 where it shows Kafka: batches by linger.ms, keys by murmur2, an idempotent producer, long-polled
//! fetches of at most max.poll.records, committed offsets, and pause() of a consumer whose buffer is full. Behind each
//! partition is a pool of workers, each with one write under way. Every order is counted, with its own partition
//! and the moment it was placed; only neighbours that were placed within one linger are kept together.
//!
//! The database is a server with one queue and a fixed rate, which falls once more than 500 writes are there at once (the
//! retrograde part of Gunther's universal scalability law, with the knee at 500), and a most number of connections.
//!
//! The sizes of the buffer and of the pools are the application's, not Kafka's.
//!
//! # Simplified here
//!
//! - Nothing is replicated: `acks=all` is taken for granted.
//! - Each consumer is given its partitions for good. There is no group, and so no rebalance.
//! - Commits are not answered, as with `commitAsync`.
//! - Files and retention are left out: of what is committed only the number is kept.
//! - The database has one queue and a fixed rate, which falls once more than 500 writes are there at once. Real ones
//!   slow down in their own ways.
//! - What the workers of a partition take at the same moment travels as one message, and so does the database's
//!   answer.

mod broker;
mod consumer;
mod database;
mod gateway;
pub mod promises;
pub mod queue;
mod settings;

use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::judge::seen::Seen;
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::sim::numbers::counted;
use crate::{purposes, rules};

pub use broker::{Parked, Partition};
pub use consumer::{Asked, Consumer, Lane};
pub use database::{Job, Jobs, KNEE, MOST_AT_ONCE, Table, rate as writes_a_second};
pub use gateway::{Counters, Gateway, MOST_WAITING, Outlet, rate as orders_a_minute};
pub use settings::*;

use queue::Run;

/// The system.
pub struct FlashSale;

rules! {
    /// Orders go through the log.
    LOG = "through-the-log", "Orders go through the log",
        "The gateway appends orders to the log. Off: it writes each to the database while the customer waits.";
    /// A full buffer pauses its consumer.
    PAUSE = "bounded-buffer", "A full buffer pauses its consumer",
        "A consumer fetches no more than it has room for. Off: it fetches whatever there is.";
    /// Offsets are committed after the write.
    COMMIT_AFTER = "commit-after-write", "Commit after the write",
        "Offsets are committed once the orders before them have their rows. Off: as soon as they are fetched.";
}

/// What customers talk to.
pub const GATEWAY: NodeId = NodeId(0);
/// The cluster.
pub const THE_LOG: NodeId = NodeId(1);
/// The database.
pub const DATABASE: NodeId = NodeId(2);

purposes! {
    ARRIVALS;
}

impl FlashSale {
    /// A consumer, from 0.
    pub const fn consumer(at: u16) -> NodeId {
        NodeId(3 + at)
    }
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// The gateway's counters.
    Gateway(Counters),
    /// The log's partitions.
    Log(Vec<Rc<Partition>>),
    /// The table of orders.
    Database(Table),
    /// A consumer keeps nothing: its offsets are in the log.
    Consumer,
}

/// What does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// Batches under way.
    Gateway(Gateway),
    /// Fetches that wait.
    Log(Parked),
    /// Writes under way.
    Database(Jobs),
    /// The buffer, and what the workers have.
    Consumer(Consumer),
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Gateway: the batches are sent.
    Linger,
    /// Gateway, consumer: no answer for too long.
    Resend,
    /// Consumer: it begins.
    Start,
    /// Database: the oldest writes are done.
    Written,
}

/// Orders of a partition: which one, the first offset, the orders.
pub type Part = (u16, u64, Rc<Vec<Run>>);

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Produce: a batch for a partition, numbered within the producer's session.
    Produce { partition: u16, session: u16, sequence: u32, runs: Rc<Vec<Run>> },
    /// Its answer.
    Produced { partition: u16, session: u16, sequence: u32 },
    /// OUT_OF_ORDER_SEQUENCE_NUMBER: a batch before it is missing.
    OutOfOrder { partition: u16 },
    /// OffsetFetch.
    Where { partitions: Rc<Vec<u16>> },
    /// Its answer.
    Standings(Rc<Vec<(u16, u64)>>),
    /// Fetch: its number, from where in each partition, and how many at most.
    Fetch { number: u32, positions: Rc<Vec<(u16, u64)>>, most: u32 },
    /// Its answer, with its number: partition, first offset, orders.
    Records(u32, Rc<Vec<Part>>),
    /// OffsetCommit.
    Commit { partition: u16, offset: u64 },
    /// Writes of one partition's workers, or of customers.
    Write { number: u32, partition: Option<u16>, first: u64, runs: Rc<Vec<Run>> },
    /// They are done; of a partition, from one offset to before another.
    Written { number: u32, partition: Option<u16>, first: u64, upto: u64 },
    /// Too many connections.
    TooMany { number: u32 },
}

impl Message {
    /// How many orders it carries.
    pub fn orders(&self) -> u32 {
        match self {
            Message::Produce { runs, .. } | Message::Write { runs, .. } => queue::count(runs),
            Message::Records(_, parts) => parts.iter().map(|part| queue::count(&part.2)).sum(),
            _ => 0,
        }
    }
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Customers got an error; `unreachable`: because the log could not be reached.
    TurnedAway { count: u32, unreachable: bool },
    /// Everything before the offset is committed.
    Committed { partition: u16, offset: u64 },
    /// Orders of a partition have their rows.
    Written { partition: u16, first: u64, count: u32 },
}

impl System for FlashSale {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Flash sale";
    const POWER_CUT: bool = false;
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    const COMMANDS: &'static [Command] = settings::COMMANDS;
    const METRICS: &'static [Metric] = settings::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        3 + settings.amount(CONSUMERS) as usize
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match node {
            GATEWAY => "shop".to_owned(),
            THE_LOG => "Kafka".to_owned(),
            DATABASE => "database".to_owned(),
            _ if settings.amount(CONSUMERS) == 1 => "consumer".to_owned(),
            NodeId(at) => format!("consumer {}", at - 2),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(2 * MS))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        let partitions = settings.amount(PARTITIONS) as usize;
        match node {
            GATEWAY => Disk::Gateway(Counters::default()),
            THE_LOG => Disk::Log(vec![Rc::default(); partitions]),
            DATABASE => Disk::Database(Table { rows: 0, written: vec![Seen::default(); partitions] }),
            _ => Disk::Consumer,
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Gateway(_) => gateway::boot(context),
            Disk::Log(_) => broker::boot(),
            Disk::Database(_) => database::boot(),
            Disk::Consumer => consumer::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Gateway(counters), Memory::Gateway(gateway)) => {
                gateway::Gate { counters, gateway, context }.handle(event);
            }
            (Disk::Log(partitions), Memory::Log(parked)) => {
                broker::Broker { partitions, parked, context }.handle(event)
            }
            (Disk::Database(table), Memory::Database(jobs)) => database::Serving { table, jobs, context }.handle(event),
            (_, Memory::Consumer(consumer)) => consumer::Consuming { consumer, context }.handle(event),
            _ => context.why(|_| "A node of another kind has nothing to say here.".to_owned()),
        }
    }

    fn route(world: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        world.kernel().is_running(GATEWAY).then_some(GATEWAY)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        let count = message.orders();
        match message {
            Message::Produce { partition, .. } => format!("Produce: {count} to partition {partition}"),
            Message::Produced { .. } => "Produce: written".to_owned(),
            Message::OutOfOrder { .. } => "OUT_OF_ORDER_SEQUENCE_NUMBER".to_owned(),
            Message::Where { .. } => "OffsetFetch".to_owned(),
            Message::Standings(_) => "OffsetFetch answer".to_owned(),
            Message::Fetch { most, .. } => format!("Fetch: at most {most}"),
            Message::Records(..) => format!("Fetch answer: {}", counted(u64::from(count), "order")),
            Message::Commit { partition, offset } => format!("OffsetCommit: {offset} of partition {partition}"),
            Message::Write { .. } => counted(u64::from(count), "write"),
            Message::Written { .. } => "\"written\"".to_owned(),
            Message::TooMany { .. } => "\"too many connections\"".to_owned(),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Linger => "the batches are sent",
            Timer::Resend => "no answer for too long",
            Timer::Start => "the consumer begins",
            Timer::Written => "writes are done",
        }
        .to_owned()
    }
}
