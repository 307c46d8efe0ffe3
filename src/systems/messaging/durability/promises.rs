//! What all three promise: what was confirmed is there.

use super::{
    Disk, Durability, Lane, Memory, Note, controller, lanes, publisher,
    server::{in_log, messages},
    server_count, servers,
};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::systems::messaging::kafka_replication::{self as kafka, BrokerDisk, node_of};

type Brokers = World<Durability>;

/// How many confirmed messages are remembered: what is lost is lost at the end of a log.
const REMEMBERED: usize = 120;
/// How many of the newest are looked for after each event.
const LOOKED_FOR: usize = 16;

/// What has been seen of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Messages that the publisher has sent.
    pub sent: u32,
    /// Messages that it takes for safe.
    pub confirmed: u32,
    /// The newest of those, oldest first.
    recent: Vec<u32>,
}

impl Tally {
    /// The newest message that it takes for safe.
    pub fn newest(&self) -> Option<u32> {
        self.recent.last().copied()
    }
}

/// What has been seen of the run so far, by lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness([Tally; 3]);

impl Witness {
    /// What has been seen of a lane.
    pub fn of(&self, lane: Lane) -> &Tally {
        &self.0[lane as usize]
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Sent { lane } => witness.0[lane as usize].sent += 1,
            Note::Confirmed { lane, id } => {
                let tally = &mut witness.0[lane as usize];
                tally.confirmed += 1;
                if tally.recent.len() == REMEMBERED {
                    tally.recent.remove(0);
                }
                tally.recent.push(id);
            }
        }
    }
}

/// A broker's directory.
pub fn broker_disk(world: &Brokers, node: NodeId) -> Option<&BrokerDisk> {
    match &world.node(node)?.disk {
        Disk::Kafka(kafka::Disk::Broker(disk)) => Some(disk),
        _ => None,
    }
}

/// Kafka's partition, as the controller has it.
pub fn partition(world: &Brokers) -> kafka::Partition {
    match world.node(controller(world.settings())).map(|node| &node.disk) {
        Some(Disk::Kafka(kafka::Disk::Controller(disk))) => disk.partition,
        _ => kafka::Partition::default(),
    }
}

/// Whether a node believes that it leads its lane.
pub fn leads(world: &Brokers, node: NodeId) -> bool {
    match world.memory(node) {
        Some(Memory::Server(own)) => own.leads(),
        Some(Memory::Kafka(kafka::Memory::Broker(memory))) => memory.leading.is_some(),
        _ => false,
    }
}

/// The newest term of a Raft group, running or not.
fn newest_term(world: &Brokers, lane: Lane) -> u32 {
    let written = |node: NodeId| match (world.memory(node), world.node(node).map(|node| &node.disk)) {
        (Some(Memory::Server(own)), _) => Some(own.written.raft.term),
        (_, Some(Disk::Server(disk))) => Some(disk.found().raft.term),
        _ => None,
    };
    servers(world.settings(), lane).into_iter().filter_map(written).max().unwrap_or(0)
}

/// Who leads a lane and knows all that was committed before; with one replica, that one, running or not. `None` while
/// nobody can say what is there.
pub fn leader(world: &Brokers, lane: Lane) -> Option<NodeId> {
    let all = servers(world.settings(), lane);
    let speaks = |node: &NodeId| match world.memory(*node) {
        Some(Memory::Server(own)) => {
            let knows = own.raft.as_ref().is_some_and(|raft| raft.leads_and_knows());
            knows && own.written.raft.term == newest_term(world, lane)
        }
        Some(Memory::Kafka(kafka::Memory::Broker(memory))) => {
            let known = partition(world);
            let named = known.leader.map(|leader| kafka::broker_of(node_of(leader)));
            memory.leading.is_some()
                && memory.partition.leader_epoch == known.leader_epoch
                && named.map(usize::from) == all.iter().position(|other| other == node)
        }
        _ => false,
    };
    if all.len() == 1 {
        return all.first().copied();
    }
    all.iter().copied().find(speaks)
}

/// The messages that a server has, flushed or not: in memory or, while it is down, where a restart would find them.
pub fn held(world: &Brokers, node: NodeId) -> Vec<u32> {
    match (world.memory(node), world.node(node).map(|node| &node.disk)) {
        (Some(Memory::Server(own)), _) => messages(&own.written),
        (_, Some(Disk::Server(disk))) => messages(disk.found()),
        (_, Some(Disk::Kafka(kafka::Disk::Broker(disk)))) => records(disk, disk.log.end()),
        _ => Vec::new(),
    }
}

/// The messages that a server would have after a power cut at this moment.
pub fn on_disk(world: &Brokers, node: NodeId) -> Vec<u32> {
    let now = world.kernel().node(node).local(world.kernel().now());
    match world.node(node).map(|node| &node.disk) {
        Some(Disk::Server(disk)) => messages(disk.on_disk(now)),
        Some(Disk::Kafka(kafka::Disk::Broker(disk))) => {
            records(disk, disk.log.on_disk(now, world.settings().amount(super::WRITE_BACK)))
        }
        _ => Vec::new(),
    }
}

fn records(disk: &BrokerDisk, end: u32) -> Vec<u32> {
    (disk.log.start()..end).filter_map(|offset| disk.log.get(offset)).map(|entry| entry.id).collect()
}

/// Whether a server has a message.
fn has(world: &Brokers, node: NodeId, id: u32) -> bool {
    match (world.memory(node), world.node(node).map(|node| &node.disk)) {
        (Some(Memory::Server(own)), _) => {
            own.kept.iter().rev().any(|kept| *kept == id) || in_log(&own.written.raft, 1).any(|logged| logged == id)
        }
        (_, Some(Disk::Server(disk))) => messages(disk.found()).contains(&id),
        (_, Some(Disk::Kafka(kafka::Disk::Broker(disk)))) => disk.log.holds(id),
        _ => false,
    }
}

/// The confirmed messages that a lane's leader does not have, of the newest so many; none while nobody can say.
fn missing(world: &Brokers, lane: Lane, newest: usize) -> impl Iterator<Item = u32> {
    let recent = &world.witness().of(lane).recent;
    let node = leader(world, lane);
    let recent = recent.iter().rev().take(newest).copied();
    recent.filter(move |id| node.is_some_and(|node| !has(world, node, *id)))
}

/// How many confirmed messages are gone, as far as remembered.
pub fn gone(world: &Brokers, lane: Lane) -> u32 {
    missing(world, lane, REMEMBERED).count() as u32
}

fn is_kept(world: &Brokers, lane: Lane) -> bool {
    missing(world, lane, LOOKED_FOR).next().is_none()
}

fn explain(world: &Brokers, lane: Lane) -> Breach {
    let (Some(node), Some(id)) = (leader(world, lane), missing(world, lane, LOOKED_FOR).last()) else {
        return Breach::default();
    };
    let settings = world.settings();
    let (name, from) = (Durability::name(settings, node), publisher(settings, lane));
    let role = if server_count(settings, lane) > 1 { "the leader," } else { "the only replica," };
    Breach {
        nodes: vec![from, node],
        text: format!("Message {id} was confirmed, and {name}, {role} does not have it."),
        values: vec![
            (Durability::name(settings, from), format!("was told that message {id} is safe")),
            (name, format!("has no message {id}")),
        ],
    }
}

/// RabbitMQ: what was confirmed is there.
pub const RABBIT_KEPT: Promise<Durability> = Promise {
    id: "rabbitmq-has-what-it-confirmed",
    title: "RabbitMQ: what was confirmed is there",
    about: "Whoever leads the queue has every message that was confirmed to the publisher.",
    kind: Kind::Always,
    holds: |world| is_kept(world, Lane::RabbitMq),
    explain: |world| explain(world, Lane::RabbitMq),
};

/// Kafka: what was confirmed is there.
pub const KAFKA_KEPT: Promise<Durability> = Promise {
    id: "kafka-has-what-it-confirmed",
    title: "Kafka: what was confirmed is there",
    about: "Whoever leads the partition has every record that was acknowledged to the publisher.",
    kind: Kind::Always,
    holds: |world| is_kept(world, Lane::Kafka),
    explain: |world| explain(world, Lane::Kafka),
};

/// JetStream: what was confirmed is there.
pub const JETSTREAM_KEPT: Promise<Durability> = Promise {
    id: "jetstream-has-what-it-confirmed",
    title: "JetStream: what was confirmed is there",
    about: "Whoever leads the stream has every message that was confirmed to the publisher.",
    kind: Kind::Always,
    holds: |world| is_kept(world, Lane::JetStream),
    explain: |world| explain(world, Lane::JetStream),
};

/// A lane that nobody leads.
fn leaderless(world: &Brokers) -> Option<Lane> {
    let is_led = |lane: &Lane| leader(world, *lane).is_some_and(|node| leads(world, node));
    lanes(world.settings()).into_iter().find(|lane| !is_led(lane))
}

/// Liveness of all three.
pub const GOES_ON: Promise<Durability> = Promise {
    id: "each-has-a-leader-again",
    title: "Each lane has a leader again",
    about: "Within 30 s after the last fault each of the three has a leader that confirms.",
    kind: Kind::Eventually { within: 30 * SEC },
    holds: |world| leaderless(world).is_none(),
    explain: |world| {
        let Some(lane) = leaderless(world) else { return Breach::default() };
        Breach {
            nodes: servers(world.settings(), lane),
            text: format!("Nothing has been wrong for 30 s, and nobody leads in {}'s lane.", lane.title()),
            values: Vec::new(),
        }
    },
};
