//! Exactly once, end to end: a shop writes requests; a checkout turns requests into orders within Kafka; a writer puts
//! orders into a database.
//!
//! Follows Kafka 4.0: the idempotent producer (KIP-98: producer id, epoch, sequence numbers, the last five batches known
//! again), transactions with transaction.version 2 (KIP-98 as changed by KIP-890: a partition joins the transaction with
//! the first Produce or TxnOffsetCommit instead of by AddPartitionsToTxn from the client, and every EndTxn raises the
//! epoch; with that rule off, KIP-98's own way, in which only InitProducerId and an abort by the coordinator do), commit and abort markers, the last stable offset, read_committed with the list of aborted transactions, fencing
//! by InitProducerId, UNSTABLE_OFFSET_COMMIT (KIP-447). The writer keeps its offset in the database (KafkaConsumer's
//! documentation, "Storing Offsets Outside Kafka").
//!
//! One node stands for the cluster: both partition leaders, the group coordinator, the transaction coordinator. What
//! is appended is replicated (acks=all). The checkouts assign() themselves the one partition, with a transactional id
//! for it, and the one that stands by watches the other's heartbeats.
//!
//! # Simplified here
//!
//! - One node stands for the cluster, and nothing is replicated: what is appended counts as acknowledged by all
//!   (`acks=all`).
//! - A transaction ends in one step. In Kafka the coordinator first writes its decision down, and then a marker into
//!   each partition.
//! - The consumers are in no group. So the fence is the producer's epoch, and not the group's generation (KIP-447).
//! - Each topic has one partition. It keeps its last 500 entries, read or not: an outage of half a minute to a minute
//!   under full load loses orders. In Kafka that takes as long as `retention.ms` says, seven days by default.
//! - A fetch waits until there is something to fetch; `fetch.max.wait.ms` is left out.

mod broker;
mod caller;
mod checkout;
pub mod promises;
mod settings;
mod shop;
mod topic;
pub mod wire;
mod writer;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{purposes, rules};

pub use broker::{BrokerDisk, Parked, Transaction};
pub use checkout::{Checkout, Phase};
pub use settings::*;
pub use shop::Shop;
pub use topic::{Entry, Order, Topic};
pub use wire::Message;
pub use writer::{Stage, Tables, Writer};

/// The system.
pub struct Once;

rules! {
    /// A partition takes each sequence number of a producer once.
    IDEMPOTENT = "idempotent-producer", "Idempotent producer",
        "Batches carry a producer id and sequence numbers, and the log takes each one once. Off: what is sent again is \
         written again.";
    /// Output and offset in one transaction of Kafka.
    TOGETHER = "offset-in-the-transaction", "Output and offset commit together",
        "The checkout's offset is part of the transaction that writes its orders. Off: it is committed afterwards.";
    /// One transactional id, one live epoch.
    FENCE = "epochs-fence", "Epochs fence zombies",
        "Both instances share one transactional id, and a new instance raises its epoch. Off: each has an id of its \
         own.";
    /// isolation.level=read_committed
    READ_COMMITTED = "read-committed", "Read committed",
        "The writer sees a record once its transaction has committed. Off: as soon as it is in the log.";
    /// Row and offset in one transaction of the database.
    SAME_TRANSACTION = "offset-with-the-row", "Offset in the database's transaction",
        "Rows and offset change in one transaction, which checks the offset first. Off: the offset is committed to \
         Kafka after the rows.";
    /// KIP-890: the end of a transaction raises the epoch.
    EPOCH_EACH = "epoch-per-transaction", "An epoch per transaction",
        "Ending a transaction raises its producer's epoch, so what arrives late from it is refused. Off: the epoch \
         stays, and a late EndTxn ends whichever transaction is open.";
}

/// The topic that the shop writes.
pub const REQUESTS: u8 = 0;
/// The topic that the checkout writes.
pub const ORDERS: u8 = 1;

/// The cluster.
pub const BROKER: NodeId = NodeId(0);
/// The shop.
pub const SHOP: NodeId = NodeId(1);

purposes! {
    ARRIVALS;
    NUMBERS;
}

impl Once {
    /// The writer.
    pub const WRITER: NodeId = NodeId(2);
    /// The database.
    pub const DATABASE: NodeId = NodeId(3);

    /// An instance of the checkout, from 0.
    pub const fn checkout(at: u16) -> NodeId {
        NodeId(4 + at)
    }
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// The cluster's.
    Broker(BrokerDisk),
    /// The number of the shop's last order.
    Shop(u32),
    /// Whether the checkout has run before.
    Checkout(bool),
    /// The writer keeps nothing of its own.
    Writer,
    /// The database's tables.
    Database(Tables),
}

/// What does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// Fetches that wait.
    Broker(Parked),
    /// Batches under way.
    Shop(Shop),
    /// A batch at work.
    Checkout(Checkout),
    /// The same.
    Writer(Writer),
    /// Nothing: each request is a transaction.
    Database,
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Shop: the next order.
    Arrival,
    /// Shop: no answer for too long.
    Resend,
    /// Checkout: nobody else seems to be at work.
    Watch,
    /// Checkout: time to say that it is at work.
    Alive,
    /// Checkout: the orders are checked out.
    Work,
    /// Checkout, writer: no answer for too long.
    Retry,
    /// Writer: it begins.
    Start,
    /// Broker: a transaction has been open for too long.
    TxnTimeout(u8),
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The shop has told a customer that the order is taken.
    Taken { order: u32 },
    /// A record counts: readers of committed records will see it.
    Readable { topic: u8, order: u32 },
    /// The database has a row.
    Row { order: u32 },
    /// Retention has removed a record from a topic.
    Expired { topic: u8, order: u32 },
}

impl System for Once {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Kafka transactions";
    const POWER_CUT: bool = false;
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    const COMMANDS: &'static [Command] = settings::COMMANDS;
    const METRICS: &'static [Metric] = settings::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        4 + settings.amount(INSTANCES) as usize
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match node {
            BROKER => "Kafka".to_owned(),
            SHOP => "shop".to_owned(),
            Once::WRITER => "writer".to_owned(),
            Once::DATABASE => "database".to_owned(),
            _ if settings.amount(INSTANCES) == 1 => "checkout".to_owned(),
            NodeId(at) => format!("checkout {}", at - 3),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(5 * MS))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        match node {
            BROKER => Disk::Broker(broker::blank(settings)),
            SHOP => Disk::Shop((settings.amount(ORDERED) + settings.amount(REQUESTED)) as u32),
            Once::WRITER => Disk::Writer,
            Once::DATABASE => Disk::Database(Tables::default()),
            _ => Disk::Checkout(false),
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Broker(disk) => broker::boot(disk, context),
            Disk::Shop(_) => shop::boot(context),
            Disk::Checkout(started) => checkout::boot(*started, context),
            Disk::Writer => writer::boot(context),
            Disk::Database(_) => Memory::Database,
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Broker(disk), Memory::Broker(parked)) => broker::Broker { disk, parked, context }.handle(event),
            (Disk::Shop(last), Memory::Shop(shop)) => shop::handle(last, shop, event, context),
            (Disk::Checkout(started), Memory::Checkout(checkout)) => {
                checkout::Working { started, checkout, context }.handle(event);
            }
            (_, Memory::Writer(writer)) => writer::Writing { writer, context }.handle(event),
            (Disk::Database(tables), Memory::Database) => writer::store(tables, event, context),
            _ => context.why(|_| "A node of another kind has nothing to say here.".to_owned()),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = if call.command == COMMAND_ORDER { SHOP } else { Once::checkout(1) };
        let exists = node.index() < world.kernel().nodes().len();
        (exists && world.kernel().is_running(node)).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        message.name().to_owned()
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a customer orders",
            Timer::Resend | Timer::Retry => "no answer for too long",
            Timer::Watch => "nobody else is at work",
            Timer::Alive => "time to say that it is at work",
            Timer::Work => "checked out",
            Timer::Start => "the writer begins",
            Timer::TxnTimeout(_) => "transaction timeout",
        }
        .to_owned()
    }
}
