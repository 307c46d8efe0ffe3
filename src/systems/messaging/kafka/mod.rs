//! Kafka as its clients see it: topics, partitions, offsets, producers, consumer groups.
//!
//! Follows Kafka 4.4 with the classic group protocol (`group.protocol=classic`, still the default there): JoinGroup,
//! SyncGroup, Heartbeat, LeaveGroup with generations; the group's leader assigns with Kafka's own assignors; eager and
//! cooperative rebalancing (KIP-429), static members (KIP-345), a heartbeat apart from the poll loop (KIP-62), offset
//! commits checked against member and generation, auto.offset.reset, idempotent batches (KIP-98), keys by murmur2,
//! null keys by the sticky partitioner (KIP-480, KIP-794), long polling of fetches.
//!
//! One node stands for the cluster: it leads every partition and coordinates every group. A consumer asks for more
//! when what it fetched is used up. Producer ids are drawn locally, without an InitProducerId round trip.
//!
//! # Simplified here
//!
//! - One node stands for the cluster, and nothing is replicated: what is appended is safe. Replicas and acks have a
//!   page of their own.
//! - Groups use the classic protocol, which is still the default. The new one (`group.protocol=consumer`, KIP-848) and
//!   share groups are left out.
//! - There is one topic. Transactions, compaction, files on disk, quotas and security are left out.
//! - A consumer has one fetch under way, and a producer sends each batch as a request of its own.
//! - A new member joins in one round trip. In Kafka another comes first, which gives it its id (KIP-394).
//! - Consumers fetch from the leader alone, never from the closest replica.

mod broker;
mod consumer;
mod coordinator;
pub mod log;
mod poll;
mod producer;
pub mod promises;
mod scaler;
mod settings;
pub mod wire;

use litemap::LiteMap;
use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{purposes, rules};

pub use broker::lag;
pub use consumer::{Consumer, Item, Phase, Track};
pub use coordinator::{Group, GroupState, Member};
pub use producer::Producer;
pub use scaler::Scaler;
pub use settings::*;
pub use wire::Message;

use log::{Log, Record};
use wire::{MemberId, Offsets};

/// The system.
pub struct Kafka;

rules! {
    /// A read leaves the record where it is.
    READ_KEEPS = "reading-keeps", "Reading removes nothing",
        "A record stays until retention removes it. Off: the broker deletes what a group has committed, as a queue \
         would.";
    /// Offsets are committed after the work.
    COMMIT_AFTER = "commit-after-work", "Commit after processing",
        "An offset is committed once the records before it are done. Off: as soon as they are polled.";
    /// Commits of another generation are refused.
    FENCE = "generation-fence", "Generations fence zombies",
        "The coordinator refuses a commit from another generation or an unknown member. Off: it takes any commit.";
    /// A partition is released before another member gets it.
    ONE_OWNER = "one-owner", "One owner per partition",
        "A member releases a partition before another one gets it. Off: it keeps it until told otherwise.";
    /// Within a consumer, one worker at a time for each partition (or key).
    ONE_WORKER = "one-worker", "One worker per partition",
        "Within a consumer, a partition (or key) has one worker. Off: any free worker takes the next record.";
    /// Records of one key go to one partition.
    KEY_PARTITION = "same-key-same-partition", "Same key, same partition",
        "The key's hash picks the partition. Off: keys are ignored, and each record goes to the next partition.";
    /// A scaler adds partitions before it adds members beyond them.
    MEMBERS_WITHIN = "members-within-partitions", "No more members than partitions",
        "A scaler that needs more members than partitions adds a partition for each. Off: it only adds members.";
    /// A partition takes each sequence number of a producer once, in order.
    IDEMPOTENT = "idempotent", "Each sequence number once",
        "A partition takes a producer's batches once and in order. Off: whatever arrives is appended.";
}

/// How long a message takes between any two nodes.
pub const HOP: Time = 2 * MS;

purposes! {
    ARRIVALS;
    LENGTHS;
    KEYED;
    STICKY;
}

/// What a node is; producers and consumers are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The cluster: leads every partition, coordinates every group.
    Broker,
    /// A producer.
    Producer(u16),
    /// A consumer.
    Consumer(u16),
    /// What starts and stops consumers by their lag.
    Scaler,
}

/// What the broker keeps on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerDisk {
    /// The partitions.
    pub logs: Vec<Rc<Log>>,
    /// __consumer_offsets: what each group has committed.
    pub committed: LiteMap<(u8, u16), u32>,
    /// __consumer_offsets: each group as of its last completed rebalance.
    pub groups: LiteMap<u8, Group>,
    /// The last member id given out.
    pub last_member: MemberId,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// The broker's logs and groups.
    Broker(BrokerDisk),
    /// A producer: how often it has started, and the number of its last record for each key.
    Producer { starts: u32, numbers: LiteMap<u16, u32> },
    /// A consumer: whether it is to run.
    Consumer { running: bool },
    /// A scaler keeps nothing.
    Scaler,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The groups, and fetches that wait for records.
    Broker { groups: LiteMap<u8, Group>, parked: LiteMap<NodeId, Offsets> },
    /// A producer's batches.
    Producer(Producer),
    /// A consumer's membership, positions and records at hand.
    Consumer(Consumer),
    /// What the scaler saw last.
    Scaler(Scaler),
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Broker: a member was silent for the session timeout.
    Session(u8, MemberId),
    /// Broker: members that have not joined by now are out.
    Rebalance(u8),
    /// Broker: an empty group has waited long enough for its first members.
    Gather(u8),
    /// Broker: a fetch has waited for records long enough.
    FetchWait(NodeId),
    /// Producer: the next record.
    Arrival,
    /// Producer: the batch for a partition has lingered long enough.
    Linger(u16),
    /// Producer: what was not answered is sent again.
    Resend,
    /// Clients: time to ask for the number of partitions.
    Metadata,
    /// Consumer: a worker is done.
    Work(u8),
    /// Consumer: time for a heartbeat.
    Heartbeat,
    /// Consumer: no poll for too long.
    PollInterval,
    /// Consumer: no answer for too long.
    Retry,
    /// Consumer: time for auto-commit, at the next poll.
    AutoCommit,
    /// Scaler: time to look.
    Watch,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A rebalance is complete: its generation is on disk.
    Generation { group: u8, generation: u32 },
    /// The broker took an offset commit.
    Commit { group: u8, consumer: NodeId, partition: u16, offset: u32, generation: u32 },
    /// A consumer finished a record.
    Done { group: u8, consumer: NodeId, partition: u16, offset: u32, record: Record },
    /// A member learns where its group has committed: what is before the first such place is not the group's business.
    Begins { group: u8, partition: u16, at: u32 },
    /// Retention has removed what is before this offset.
    Retained { partition: u16, start: u32 },
    /// A group begins or goes on elsewhere because the reader, or its setting, said so.
    Wished { group: u8, partition: u16, from: u32, to: u32 },
    /// A group goes on elsewhere because the log did not have what it asked for.
    Reset { group: u8, partition: u16, from: u32, to: u32 },
}

impl System for Kafka {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Kafka";
    const POWER_CUT: bool = false;
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    const COMMANDS: &'static [Command] = settings::COMMANDS;
    const METRICS: &'static [Metric] = settings::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        1 + settings.amount(PRODUCERS) as usize + settings.amount(CONSUMERS) as usize + settings.amount(SCALER) as usize
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match Kafka::role(settings, node) {
            Role::Broker => "broker".to_owned(),
            Role::Producer(_) if settings.amount(PRODUCERS) == 1 => "producer".to_owned(),
            Role::Producer(at) => format!("producer {}", at + 1),
            Role::Consumer(at) if settings.amount(GROUPS) > 1 => {
                let groups = settings.amount(GROUPS) as u16;
                let name = Kafka::group_name(Kafka::group_of(settings, at));
                if settings.amount(CONSUMERS) as u16 <= groups {
                    format!("group {name}")
                } else {
                    format!("{name}{}", at / groups + 1)
                }
            }
            Role::Consumer(at) => format!("consumer {}", at + 1),
            Role::Scaler => "scaler".to_owned(),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(HOP))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        match Kafka::role(settings, node) {
            Role::Broker => Disk::Broker(broker::blank(settings)),
            Role::Producer(_) => Disk::Producer { starts: 0, numbers: LiteMap::new() },
            Role::Consumer(at) => Disk::Consumer { running: u64::from(at) < settings.amount(RUNNING) },
            Role::Scaler => Disk::Scaler,
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Broker(disk) => broker::boot(disk, context),
            Disk::Producer { starts, .. } => producer::boot(*starts, context),
            Disk::Consumer { running } => consumer::boot(*running, context),
            Disk::Scaler => scaler::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Broker(disk), Memory::Broker { groups, parked }) => {
                broker::Broker { disk, groups, parked, context }.handle(event);
            }
            (Disk::Producer { starts, numbers }, Memory::Producer(producer)) => {
                producer::Writing { starts, numbers, producer, context }.handle(event);
            }
            (Disk::Consumer { running }, Memory::Consumer(consumer)) => {
                consumer::Reading { running, consumer, context }.handle(event);
            }
            (_, Memory::Scaler(scaler)) => scaler::handle(scaler, event, context),
            _ => context.why(|_| "A node whose disk was lost has nothing to say.".to_owned()),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let settings = world.settings();
        let consumer = || Kafka::consumer(settings, (call.value(0).clamp(1, i64::from(MOST_CONSUMERS)) - 1) as u16);
        let node = match call.command {
            COMMAND_PUBLISH => Kafka::producer(0),
            COMMAND_PARTITIONS | COMMAND_RETAIN => BROKER,
            _ => consumer(),
        };
        let right = match (call.command, Kafka::role(settings, node)) {
            (COMMAND_PUBLISH, role) => matches!(role, Role::Producer(_)),
            (COMMAND_PARTITIONS | COMMAND_RETAIN, _) => true,
            (_, role) => matches!(role, Role::Consumer(_)) && node.index() < world.kernel().nodes().len(),
        };
        (right && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Produce(batch) => format!("Produce: {} to partition {}", batch.records.len(), batch.partition),
            Message::Joined { badge, .. } | Message::Synced { badge, .. } | Message::Heartbeat { badge } => {
                format!("{}, generation {}", message.name(), badge.generation)
            }
            Message::Commit { badge, .. } => format!("OffsetCommit, generation {}", badge.generation),
            other => other.name().to_owned(),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Session(_, member) => return format!("session timeout of member {member}"),
            Timer::Work(worker) => return format!("worker {} is done", worker + 1),
            Timer::Linger(partition) => return format!("linger, partition {partition}"),
            Timer::Rebalance(_) => "the rebalance waits no longer",
            Timer::Gather(_) => "the first members are there",
            Timer::FetchWait(_) => "a fetch has waited",
            Timer::Arrival => "a record is produced",
            Timer::Resend => "time to send again",
            Timer::Metadata => "time to ask for metadata",
            Timer::Heartbeat => "time for a heartbeat",
            Timer::PollInterval => "no poll for too long",
            Timer::Retry => "no answer for too long",
            Timer::AutoCommit => "time for auto-commit",
            Timer::Watch => "time to look at the lag",
        }
        .to_owned()
    }
}
