//! RabbitMQ, Kafka and JetStream beside each other, replicated: a publisher in each lane, and one machine or three that
//! keep what it sends.
//!
//! A quorum queue and a JetStream stream are Raft groups: a server is the whole of [`crate::systems::consensus::raft`]
//! inside of this system's handler (see [`crate::sim::machine::world::inside`]), and its messages are Raft's state
//! machine. RabbitMQ: "Quorum Queues", and rabbitmq/ra; JetStream: nats-server, `server/raft.go`. Kafka's brokers and its
//! controller are those of [`crate::systems::messaging::kafka_replication`]. With one replica the first two lanes have a
//! server that keeps a list.
//!
//! What differs is when a server flushes. A member of a quorum queue does so before it answers (ra's log,
//! `wal_sync_method` = datasync). A classic queue does not (`rabbit_msg_store.erl`), a Kafka broker does not
//! (`flush.messages` has no limit by default), and a JetStream server does so every `sync_interval`, 2 min by default. What
//! was written is in the page cache, which outlives the process; Linux writes it back after 30 s by itself.
//!
//! All publishers send at full multiples of one period, so the lanes get the same messages at the same moments. A
//! publisher sends a message again until it is confirmed.
//!
//! # Simplified here
//!
//! - Nobody consumes. What is confirmed stays, the newest two hundred of it.
//! - A copy of a message is stored once in all three lanes. RabbitMQ's queues would have it twice.
//! - A power cut takes all that was written and not flushed. A real one may leave some of it, in any order, or a torn
//!   record.
//! - Linux writes a file back as a whole, here as there, but for Kafka's log: of that, record by record.
//! - RabbitMQ and JetStream elect within a second, Kafka's session lasts 0.9 s. By default it takes 4 to 9 s in JetStream,
//!   9 s in Kafka.
//! - With the first rule on, a classic queue flushes as well. RabbitMQ has no such setting.
//! - With the second rule off and three replicas, RabbitMQ and JetStream answer once their leader has a message. They have
//!   no such setting either.
//! - What Raft and Kafka's replication leave out on their own pages is left out here as well; with Kafka, the eligible
//!   leader replicas of KIP-966.

mod controls;
mod kafka_lane;
pub mod promises;
mod publisher;
pub mod server;
mod words;

pub use controls::*;

use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros, SEC, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::systems::consensus::raft::{self, Raft};
pub use crate::systems::messaging::brokers::Lane;
use crate::systems::messaging::kafka_replication as kafka;

/// The system. See the module's header.
pub struct Durability;

/// What a lane's servers are called.
const fn server_name(lane: Lane) -> &'static str {
    match lane {
        Lane::RabbitMq => "rabbit",
        Lane::Kafka => "kafka",
        Lane::JetStream => "nats",
    }
}

/// How long a message takes between any two nodes.
pub const LATENCY: Micros = 5 * MS;
/// How long a publisher waits for a confirm before it sends again.
pub const RETRY: Micros = 600 * MS;
/// The most messages that a publisher has under way.
pub const MOST_OPEN: usize = 8;
/// The most messages that a server keeps; the oldest go.
const MOST_KEPT: usize = 256;
/// How many go at once.
const DROPPED: usize = 64;
/// How often a publisher without a load looks for one.
const IDLE: Micros = SEC / 2;

/// The messages of a server, oldest first.
pub type Kept = Rc<Vec<u32>>;

/// What a server of RabbitMQ or JetStream writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Written {
    /// What Raft writes; blank with one replica.
    pub raft: raft::Disk,
    /// The messages, as of Raft's snapshot; with one replica, all.
    pub base: Kept,
}

/// The disk of a server of RabbitMQ or JetStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServerDisk {
    /// What was flushed.
    pub flushed: Written,
    /// What was written since, in the page cache, and when it will be flushed, by the server's clock.
    pub written: Option<(Written, Time)>,
    /// How often it lost power, for a bystander.
    pub cuts: u8,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// A publisher: its last message's number.
    Publisher {
        last: u32,
    },
    Server(ServerDisk),
    /// A broker of Kafka, or the controller.
    Kafka(kafka::Disk),
}

/// What a server of RabbitMQ or JetStream loses in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// What it has written, flushed or not.
    pub written: Written,
    /// What Raft itself loses; `None` with one replica.
    pub raft: Option<raft::Memory>,
    /// The messages after all that is committed, as far as it knows.
    pub kept: Kept,
}

/// What a publisher loses in a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outbox {
    /// Sent and not confirmed: which, and when it was sent first.
    pub open: Vec<(u32, Time)>,
    /// The server that it asks.
    pub home: u8,
    /// Kafka: the newest leader epoch that it has heard of.
    pub epoch: u16,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Publisher(Outbox),
    Server(Box<Server>),
    Kafka(kafka::Memory),
}

/// What nodes of a lane send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// To a server of RabbitMQ or JetStream. `passed`: one server has passed it on to another.
    Publish {
        id: u32,
        passed: bool,
    },
    /// The answer.
    Confirm {
        id: u32,
    },
    /// Between servers. A snapshot's messages go with it.
    Raft {
        said: raft::Message,
        state: Option<Kept>,
    },
    Kafka(kafka::Message),
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A publisher's next message.
    Load,
    /// Time to look whether something is to be sent again.
    Again,
    /// A publisher of Kafka: time to ask who leads, after a refusal.
    Ask,
    Raft(raft::Timer),
    Kafka(kafka::Timer),
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A publisher has sent a message, for the first time.
    Sent { lane: Lane },
    /// A publisher was told that a message is safe.
    Confirmed { lane: Lane, id: u32 },
}

/// What a node is in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Publisher,
    /// Kafka's.
    Controller,
    /// A server, by its number from 0.
    Server(usize),
}

/// The lanes of a world: all, or the one that is looked at alone.
pub fn lanes(settings: &Settings) -> Vec<Lane> {
    match Lane::ALL.get((settings.amount(LANES) as usize).wrapping_sub(1)) {
        Some(lane) => vec![*lane],
        None => Lane::ALL.to_vec(),
    }
}

/// Whether RabbitMQ's queue is a classic one.
pub fn is_classic(settings: &Settings) -> bool {
    settings.get(QUEUE_TYPE) == 1
}

/// How many servers a lane has. A classic queue is on one.
pub fn server_count(settings: &Settings, lane: Lane) -> usize {
    let is_alone = settings.get(REPLICAS) == 0 || (lane == Lane::RabbitMq && is_classic(settings));
    if is_alone { 1 } else { 3 }
}

/// Nodes of a lane: its publisher, Kafka's controller, its servers.
fn size(settings: &Settings, lane: Lane) -> usize {
    1 + usize::from(lane == Lane::Kafka) + server_count(settings, lane)
}

/// The first node of a lane.
fn first(settings: &Settings, lane: Lane) -> usize {
    lanes(settings).into_iter().take_while(|other| *other != lane).map(|other| size(settings, other)).sum()
}

/// The publisher of a lane.
pub fn publisher(settings: &Settings, lane: Lane) -> NodeId {
    NodeId::from(first(settings, lane))
}

/// Kafka's controller.
pub fn controller(settings: &Settings) -> NodeId {
    NodeId::from(first(settings, Lane::Kafka) + 1)
}

/// A server of a lane, by its number from 0.
pub fn server(settings: &Settings, lane: Lane, number: usize) -> NodeId {
    NodeId::from(first(settings, lane) + 1 + usize::from(lane == Lane::Kafka) + number)
}

/// All servers of a lane.
pub fn servers(settings: &Settings, lane: Lane) -> Vec<NodeId> {
    (0..server_count(settings, lane)).map(|number| server(settings, lane, number)).collect()
}

/// The lane of a node, and what it is there.
pub fn part(settings: &Settings, node: NodeId) -> (Lane, Part) {
    let all = lanes(settings);
    let holds = |lane: &&Lane| node.index() < first(settings, **lane) + size(settings, **lane);
    let lane = all.iter().find(holds).or(all.last()).copied().unwrap_or(Lane::RabbitMq);
    let part = match node.index().saturating_sub(first(settings, lane)) {
        0 => Part::Publisher,
        1 if lane == Lane::Kafka => Part::Controller,
        at => Part::Server(at - 1 - usize::from(lane == Lane::Kafka)),
    };
    (lane, part)
}

/// How long what a server has written may wait to be flushed; `None` where it is flushed before the answer.
pub fn unflushed_for(settings: &Settings, lane: Lane, synced: bool) -> Option<Micros> {
    let write_back = settings.amount(WRITE_BACK);
    match lane {
        _ if synced => None,
        Lane::RabbitMq => is_classic(settings).then_some(write_back),
        Lane::Kafka => (settings.get(FLUSH) == 0).then_some(write_back),
        Lane::JetStream => match settings.get(SYNC_INTERVAL) {
            0 => Some(write_back.min(120 * SEC)),
            1 => Some(write_back.min(10 * SEC)),
            _ => None,
        },
    }
}

impl ServerDisk {
    /// What a server that restarts finds.
    pub fn found(&self) -> &Written {
        self.written.as_ref().map_or(&self.flushed, |written| &written.0)
    }

    /// Whether what was written has been flushed meanwhile.
    fn is_due(&self, now: Time) -> bool {
        self.written.as_ref().is_some_and(|written| written.1 <= now)
    }

    /// What a power cut at this moment would leave.
    pub fn on_disk(&self, now: Time) -> &Written {
        if self.is_due(now) { self.found() } else { &self.flushed }
    }

    /// A server writes what it has. `wait`: how long that may stay in memory only; `None` to flush it.
    fn write(&mut self, written: &Written, now: Time, wait: Option<Micros>) {
        if self.is_due(now) {
            (self.flushed, self.written) = (self.found().clone(), None);
        }
        let Some(wait) = wait else {
            (self.flushed, self.written) = (written.clone(), None);
            return;
        };
        if *written != *self.found() {
            let due = self.written.as_ref().map_or(now.saturating_add(wait), |waiting| waiting.1);
            self.written = Some((written.clone(), due));
        }
    }

    fn lose_power(&mut self, now: Time) {
        (self.flushed, self.written) = (self.on_disk(now).clone(), None);
        self.cuts = self.cuts.saturating_add(1);
    }
}

impl System for Durability {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "RabbitMQ, Kafka, JetStream, replicated";
    const RULES: &'static [Rule] = controls::RULES;
    const SETTINGS: &'static [Setting] = controls::SETTINGS;
    const COMMANDS: &'static [Command] = controls::COMMANDS;
    const METRICS: &'static [Metric] = controls::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        lanes(settings).into_iter().map(|lane| size(settings, lane)).sum()
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let (lane, part) = part(settings, node);
        match part {
            Part::Publisher => format!("publisher {}", &lane.title()[..1]),
            Part::Controller => "controller".to_owned(),
            Part::Server(number) if lane == Lane::Kafka => format!("kafka {}", number + 1),
            // As Raft calls them in its reasons.
            Part::Server(number) => format!("{} {}", server_name(lane), Raft::name(settings, NodeId::from(number))),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        match part(settings, node) {
            (_, Part::Publisher) => Disk::Publisher { last: 0 },
            (Lane::Kafka, _) => Disk::Kafka(kafka_lane::blank_disk(settings, node)),
            _ => Disk::Server(ServerDisk::default()),
        }
    }

    /// A torn write: a member of a Raft group finds nothing but what was flushed before, which is one way it may end.
    fn lose_power(disk: &mut Disk, settings: &Settings, now: Time, torn: Option<u32>) {
        match disk {
            Disk::Publisher { .. } => {}
            Disk::Server(disk) => disk.lose_power(now),
            Disk::Kafka(disk) => kafka_lane::lose_power(disk, settings, now, torn),
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Publisher { .. } => publisher::boot(context),
            Disk::Server(disk) => server::boot(disk, context),
            Disk::Kafka(disk) => Memory::Kafka(kafka_lane::boot(disk, context)),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Publisher { last }, Memory::Publisher(outbox)) => {
                publisher::Publisher { last, outbox, context }.handle(event);
            }
            (Disk::Server(disk), Memory::Server(own)) => server::Node { disk, own, context }.handle(event),
            (Disk::Kafka(disk), Memory::Kafka(memory)) => kafka_lane::handle(disk, memory, event, context),
            _ => context.pass_over(),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let (settings, lane) = (world.settings(), *Lane::ALL.get(call.value(0).max(0) as usize)?);
        let node = publisher(settings, lane);
        (lanes(settings).contains(&lane) && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        words::message(settings, message)
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        words::timer(settings, timer)
    }
}
