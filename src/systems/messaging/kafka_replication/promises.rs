//! What replication promises, judged by what clients were told and by the logs on disk.

use super::log::{Entry, Log};
use super::{
    BrokerDisk, CONTROLLER, Disk, FIRST, Memory, Message, Note, Partition, Replication, broker_of, controller, has,
    node_of,
};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// How many acknowledged and read records are remembered: what is lost is lost at the end of a log.
const REMEMBERED: usize = 24;

type Cluster = World<Replication>;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Acknowledged: number and offset, oldest first.
    acked: Vec<(u32, Option<u32>)>,
    /// Read: offset and number, oldest first.
    read: Vec<(u32, u32)>,
    /// Brokers that came with an empty disk.
    blank: u8,
    /// Disks that were lost.
    lost: u8,
}

impl Witness {
    /// Records acknowledged, as far as remembered.
    pub fn acked(&self) -> &[(u32, Option<u32>)] {
        &self.acked
    }

    /// Records read, as far as remembered: offset and number.
    pub fn read(&self) -> &[(u32, u32)] {
        &self.read
    }
}

fn remember<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.contains(&item) {
        return;
    }
    if list.len() == REMEMBERED {
        list.remove(0);
    }
    list.push(item);
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Acked { id, offset } => remember(&mut witness.acked, (id, offset)),
            Note::Read { id, offset } => remember(&mut witness.read, (offset, id)),
            Note::Blank { broker } if has(witness.blank, broker) => witness.lost = witness.lost.saturating_add(1),
            Note::Blank { broker } => witness.blank |= 1 << broker,
        }
    }
}

/// The partition as the controller has it.
pub fn partition(world: &Cluster) -> Partition {
    let disk = world.node(CONTROLLER).and_then(|node| controller::disk_of(&node.disk));
    disk.map_or(Partition::default(), |disk| disk.partition)
}

/// All brokers.
pub fn brokers(world: &Cluster) -> impl Iterator<Item = NodeId> + '_ {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from)
}

/// A broker's directory.
pub fn disk(world: &Cluster, node: NodeId) -> Option<&BrokerDisk> {
    match &world.node(node)?.disk {
        Disk::Broker(disk) => Some(disk),
        _ => None,
    }
}

fn log(world: &Cluster, node: NodeId) -> Option<&Log> {
    disk(world, node).map(|disk| &disk.log)
}

/// The leader that the controller has named, if it knows and leads.
pub fn leader(world: &Cluster) -> Option<NodeId> {
    let known = partition(world);
    let node = node_of(known.leader?);
    match world.memory(node)? {
        Memory::Broker(memory) => {
            let leads = memory.leading.is_some() && memory.partition.leader_epoch == known.leader_epoch;
            leads.then_some(node)
        }
        _ => None,
    }
}

/// Whether a log has something else than this record at an offset. What retention has taken is not missing.
fn differs(log: &Log, offset: u32, id: u32) -> bool {
    offset >= log.start() && log.get(offset).is_none_or(|entry| entry.id != id)
}

/// Whether a log is without a record that was acknowledged at an offset. A record is known by its number and not by its
/// place: without idempotence a retry is appended again, and either copy will do.
fn lacks(log: &Log, offset: u32, id: u32) -> bool {
    differs(log, offset, id) && !log.holds(id)
}

/// A record sent with acks=0 that has left the producer and arrived nowhere.
fn vanished(world: &Cluster, leader: &Log, id: u32) -> bool {
    let flies =
        world.flights().any(|flight| matches!(flight.message, Message::Produce { id: sent, .. } if *sent == id));
    let stuck = world.kernel().nodes().iter().any(|node| node.paused);
    !flies && !stuck && leader.start() == 0 && !leader.holds(id)
}

/// An acknowledged record that the leader lacks.
pub fn forgotten(world: &Cluster) -> Option<(u32, NodeId)> {
    let node = leader(world)?;
    let log = log(world, node)?;
    let lost = |&&(id, offset): &&(u32, Option<u32>)| match offset {
        Some(offset) => lacks(log, offset, id),
        None => vanished(world, log, id),
    };
    world.witness().acked.iter().find(lost).map(|acked| (acked.0, node))
}

/// Whoever leads has every acknowledged record.
pub const KEPT: Promise<Replication> = never!(
    "leader-has-what-was-acknowledged",
    "Every leader has what was acknowledged",
    "Every leader of the partition has every record that was acknowledged to the producer.",
    |world| forgotten(world),
    |world, (id, node)| {
        let name = Replication::name(world.settings(), node);
        let epoch = partition(world).leader_epoch;
        Breach {
            nodes: vec![node],
            text: format!("Record {id} was acknowledged, and {name}, which leads epoch {epoch}, does not have it."),
            values: vec![
                ("producer".to_owned(), format!("was told: record {id} is written")),
                (name, format!("leads epoch {epoch} without record {id}")),
            ],
        }
    }
);

/// An acknowledged record with too few copies to bear the loss of one broker.
fn single(world: &Cluster) -> Option<(u32, Vec<NodeId>)> {
    let witness = world.witness();
    let needed = 2usize.saturating_sub(usize::from(witness.lost));
    let placed = witness.acked.iter().filter_map(|&(id, offset)| Some((id, offset?)));
    let copies = |&(id, offset): &(u32, u32)| -> Vec<NodeId> {
        brokers(world).filter(|node| log(world, *node).is_some_and(|log| !lacks(log, offset, id))).collect()
    };
    placed.map(|acked| (acked.0, copies(&acked))).find(|found| found.1.len() < needed)
}

/// Any one broker may be lost, disk and all. A power cut takes less than a disk does, so one is borne as well; but until
/// that broker has fetched again what it lost, it is the one.
pub const SURVIVES: Promise<Replication> = never!(
    "survives-any-one-broker",
    "An acknowledged record survives any one broker",
    "Every acknowledged record is in the logs of two brokers, so either may be lost along with its disk. Logs are written, \
     not flushed: a power cut of both is more than one broker.",
    |world| single(world),
    |world, (id, nodes)| {
        let names: Vec<String> = nodes.iter().map(|node| Replication::name(world.settings(), *node)).collect();
        let holders = if names.is_empty() { "no broker".to_owned() } else { names.join(", ") };
        Breach {
            text: match nodes.len() {
                0 => format!("Record {id} was acknowledged, and no broker has it."),
                _ => {
                    format!("Record {id} was acknowledged, and {holders} alone has it: one lost disk, and it is gone.")
                }
            },
            values: vec![
                ("producer".to_owned(), format!("was told: record {id} is written")),
                ("copies".to_owned(), holders),
            ],
            nodes,
        }
    }
);

/// A record that was read and that the leader does not have there.
pub fn unread(world: &Cluster) -> Option<(u32, u32, NodeId)> {
    let node = leader(world)?;
    let log = log(world, node)?;
    world.witness().read.iter().find(|read| differs(log, read.0, read.1)).map(|read| (read.0, read.1, node))
}

/// Nothing that was read is taken back.
pub const READ_STAYS: Promise<Replication> = never!(
    "what-was-read-stays",
    "What was read does not disappear",
    "A record that the consumer has read stays at its offset under every leader.",
    |world| unread(world),
    |world, (offset, id, node)| {
        let name = Replication::name(world.settings(), node);
        let now = log(world, node).and_then(|log| log.get(offset));
        let there = now.map_or("nothing".to_owned(), |entry| format!("record {}", entry.id));
        Breach {
            nodes: vec![node],
            text: format!("The consumer has read record {id} at offset {offset}; {name} leads and has {there} there."),
            values: vec![
                ("consumer".to_owned(), format!("{offset}: record {id}")),
                (name, format!("{offset}: {there}")),
            ],
        }
    }
);

/// How many offsets below the high watermark are compared.
const COMPARED: u32 = 24;

/// Somebody's record.
type Held = (NodeId, Entry);

fn parted(world: &Cluster) -> Option<(u32, Held, Held)> {
    let all: Vec<(NodeId, &BrokerDisk)> = brokers(world).filter_map(|node| Some((node, disk(world, node)?))).collect();
    for (at, (left, one)) in all.iter().enumerate() {
        for (right, other) in &all[at + 1..] {
            let both = one.hw.min(other.hw);
            let differs = |offset: u32| {
                let (a, b) = (one.log.get(offset)?, other.log.get(offset)?);
                (a != b).then_some((offset, (*left, a), (*right, b)))
            };
            if let Some(found) = (both.saturating_sub(COMPARED)..both).rev().find_map(differs) {
                return Some(found);
            }
        }
    }
    None
}

/// Committed records are the same everywhere.
pub const SAME_LOG: Promise<Replication> = never!(
    "committed-logs-agree",
    "Committed logs agree",
    "No two replicas have different records at an offset that both know to be committed.",
    |world| parted(world),
    |world, (offset, left, right)| {
        let words = |(node, entry): Held| {
            (Replication::name(world.settings(), node), format!("record {} of epoch {}", entry.id, entry.epoch))
        };
        Breach {
            nodes: vec![left.0, right.0],
            text: format!("Both know that offset {offset} is committed, but have different records there."),
            values: vec![words(left), words(right)],
        }
    }
);

/// Everybody is in sync again.
pub fn whole(world: &Cluster) -> bool {
    let known = partition(world);
    leader(world).is_some() && known.isr.count_ones() as usize == brokers(world).count()
}

/// The partition heals.
pub const IN_SYNC: Promise<Replication> = Promise {
    id: "all-in-sync-again",
    title: "Everybody is in sync again",
    about: "Within 30 s after the last fault there is a leader, and every replica is in the ISR.",
    kind: Kind::Eventually { within: 30 * SEC },
    holds: whole,
    explain: |world| {
        let known = partition(world);
        Breach {
            nodes: brokers(world).filter(|node| !has(known.isr, broker_of(*node))).collect(),
            text: format!("Nothing has been wrong for 30 s, and still: {}.", super::words::partition(&known)),
            values: Vec::new(),
        }
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A retry with acks=1 is appended a second time. When that copy goes, the first is still the record.
    #[test]
    fn a_record_is_lacking_only_when_every_copy_of_it_is() {
        let mut log = Log::default();
        for (epoch, id) in [(1, 1), (1, 2), (2, 2), (2, 3)] {
            log.append(Entry { epoch, id }, 0);
        }
        assert!(!lacks(&log, 2, 2) && !lacks(&log, 3, 3));
        log.truncate(2);
        assert!(!lacks(&log, 2, 2), "the first copy is there, at offset 1");
        assert!(lacks(&log, 3, 3), "its only copy is gone");
        assert!(differs(&log, 2, 2), "but not at the offset at which it was read");
        log.restart_at(4);
        assert!(!lacks(&log, 3, 3), "what retention has taken is not missing");
    }
}
