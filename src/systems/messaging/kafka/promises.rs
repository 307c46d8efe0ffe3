//! What Kafka promises its clients, judged by what was committed, what was done, and who owns what.

use crate::never;
use litemap::LiteMap;

use super::{
    ALERT, BROKER, CONSUMERS, Disk, Kafka, MAX_POLL, Memory, Note, POLL_INTERVAL, PRODUCERS, RATE, RESET, RETENTION,
    WEIGHT, WORK, WORKERS, broker, log::Record,
};
use crate::sim::NodeId;
use crate::sim::judge::seen::Seen;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::numbers::grouped;

/// How many committed records that nobody has done yet are remembered.
const MOST_OPEN: usize = 64;
/// How many records of one key are remembered as skipped.
const MOST_SKIPPED: usize = 16;

/// What a group has done with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Course {
    newest: u32,
    skipped: Vec<u32>,
}

/// A record of a key that was done after a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Overtaken {
    /// The group.
    pub group: u8,
    /// Which one was done late.
    pub record: Record,
    /// The number of the one that was done before it.
    pub after: u32,
    /// Who did it.
    pub consumer: NodeId,
}

/// A commit of an old generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zombie {
    /// Who committed.
    pub consumer: NodeId,
    /// In which generation it believed to be.
    pub generation: u32,
    /// The group's.
    pub newest: u32,
    /// What it committed.
    pub partition: u16,
    pub offset: u32,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Offsets that a group has done, or does not have to: by group and partition.
    settled: LiteMap<(u8, u16), Seen>,
    /// What retention has removed.
    retained: LiteMap<u16, u32>,
    /// Committed and not done.
    open: Vec<(u8, u16, u32)>,
    /// Passed over by a group that went on behind it.
    passed: Option<(u8, u16, u32)>,
    newest: LiteMap<u8, u32>,
    zombie: Option<Zombie>,
    courses: LiteMap<(u8, u16), Course>,
    overtaken: Option<Overtaken>,
    again: u32,
}

impl Witness {
    /// The first commit of an old generation.
    pub fn zombie(&self) -> Option<Zombie> {
        self.zombie
    }

    /// The first record that was done after a later one of its key.
    pub fn overtaken(&self) -> Option<Overtaken> {
        self.overtaken
    }

    /// How many records were done again by a group.
    pub fn again(&self) -> u32 {
        self.again
    }

    fn is_settled(&self, group: u8, partition: u16, from: u32, to: u32) -> Option<u32> {
        let from = from.max(self.retained.get(&partition).copied().unwrap_or(0));
        match self.settled.get(&(group, partition)) {
            Some(seen) => seen.first_lacking(from, to),
            None => (from < to).then_some(from),
        }
    }

    fn done(&mut self, group: u8, partition: u16, offset: u32) {
        self.again += u32::from(self.settled.entry((group, partition)).or_default().add(offset));
        self.open.retain(|open| *open != (group, partition, offset));
    }

    fn committed(&mut self, group: u8, partition: u16, offset: u32) {
        // What was committed and is not done: the newest few.
        let mut from = offset.saturating_sub(MOST_OPEN as u32 / 2);
        while let Some(gap) = self.is_settled(group, partition, from, offset) {
            let open = (group, partition, gap);
            if !self.open.contains(&open) {
                if self.open.len() == MOST_OPEN {
                    self.open.remove(0);
                }
                self.open.push(open);
            }
            from = gap + 1;
        }
    }

    fn follow(&mut self, group: u8, consumer: NodeId, record: Record) {
        let course = self.courses.entry((group, record.key)).or_default();
        if course.skipped.contains(&record.number) {
            course.skipped.retain(|number| *number != record.number);
            self.overtaken.get_or_insert(Overtaken { group, record, after: course.newest, consumer });
        }
        if record.number > course.newest {
            let first = (course.newest + 1).max(record.number.saturating_sub(MOST_SKIPPED as u32));
            course.skipped.extend(first..record.number);
            let excess = course.skipped.len().saturating_sub(MOST_SKIPPED);
            course.skipped.drain(..excess);
            course.newest = record.number;
        }
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Generation { group, generation } => {
                let newest = witness.newest.entry(group).or_insert(0);
                *newest = generation.max(*newest);
            }
            Note::Commit { group, consumer, partition, offset, generation } => {
                let newest = witness.newest.get(&group).copied().unwrap_or(0);
                if generation < newest {
                    witness.zombie.get_or_insert(Zombie { consumer, generation, newest, partition, offset });
                }
                witness.committed(group, partition, offset);
            }
            Note::Done { group, consumer, partition, offset, record } => {
                witness.done(group, partition, offset);
                if record.key > 0 {
                    witness.follow(group, consumer, record);
                }
            }
            Note::Begins { group, partition, at } => {
                witness.settled.entry((group, partition)).or_insert_with(|| {
                    let mut seen = Seen::default();
                    seen.add_all(0, at);
                    seen
                });
            }
            Note::Retained { partition, start } => {
                witness.retained.insert(partition, start);
                witness.open.retain(|open| open.1 != partition || open.2 >= start);
            }
            Note::Wished { group, partition, from, to } => {
                witness.settled.entry((group, partition)).or_default().add_all(from, to);
                witness.open.retain(|open| (open.0, open.1) != (group, partition) || !(from..to).contains(&open.2));
            }
            Note::Reset { group, partition, from, to } => {
                if let Some(gap) = witness.is_settled(group, partition, from, to) {
                    witness.passed.get_or_insert((group, partition, gap));
                }
            }
        }
    }
}

/// A retained record that a group has skipped permanently, if there is one: group, partition, offset.
pub fn missed(world: &World<Kafka>) -> Option<(u8, u16, u32)> {
    let witness = world.witness();
    if witness.passed.is_some() || witness.open.is_empty() {
        return witness.passed;
    }
    let settings = world.settings();
    let seen = |&(group, partition, offset): &(u8, u16, u32)| {
        Kafka::consumers(settings).filter(|node| Kafka::group(settings, *node) == group).any(|node| {
            matches!(world.memory(node), Some(Memory::Consumer(consumer)) if consumer.will_see(partition, offset))
        })
    };
    witness.open.iter().find(|open| !seen(open)).copied()
}

/// A group misses no retained record.
pub const NOTHING_MISSED: Promise<Kafka> = never!(
    "no-record-missed",
    "A group misses no retained record",
    "No group skips a record that retention has kept: one of its members has done it, or still will.",
    |world| missed(world),
    |world, (group, partition, offset)| {
        let name = Kafka::group_name(group);
        Breach {
            nodes: Kafka::consumers(world.settings())
                .filter(|node| Kafka::group(world.settings(), *node) == group)
                .collect(),
            text: format!(
                "Group {name} has gone past offset {offset} of partition {partition}, which retention has not removed; \
                 none of its members has done it, and none will read it."
            ),
            values: vec![
                (format!("group {name}"), format!("is past offset {offset}")),
                (format!("partition {partition}"), format!("offset {offset} was never done")),
            ],
        }
    }
);

/// Generations fence zombies.
pub const NO_ZOMBIE: Promise<Kafka> = never!(
    "no-commit-of-an-old-generation",
    "No commit of an old generation",
    "Once a new generation has its assignment, no member that still believes in an older one commits an offset.",
    |world| world.witness().zombie,
    |world, zombie| {
        let name = Kafka::name(world.settings(), zombie.consumer);
        Breach {
            nodes: vec![zombie.consumer, BROKER],
            text: format!(
                "{name} has committed offset {} of partition {} in generation {}; the group is at generation {}.",
                zombie.offset, zombie.partition, zombie.generation, zombie.newest
            ),
            values: vec![
                (name, format!("generation {}", zombie.generation)),
                ("group".to_owned(), format!("generation {}", zombie.newest)),
            ],
        }
    }
);

/// Two members of the present generation that own one partition.
pub fn two_owners(world: &World<Kafka>) -> Option<(u16, NodeId, NodeId)> {
    let Some(Memory::Broker { groups, .. }) = world.memory(BROKER) else { return None };
    let settings = world.settings();
    let mut owners: LiteMap<(u8, u16), NodeId> = LiteMap::new();
    for node in Kafka::consumers(settings) {
        let Some(Memory::Consumer(consumer)) = world.memory(node) else { continue };
        let group = Kafka::group(settings, node);
        let Some(state) = groups.get(&group) else { continue };
        let present =
            state.generation == consumer.badge.generation && state.members.contains_key(&consumer.badge.member);
        for partition in consumer.assigned.keys().filter(|_| present) {
            if let Some(other) = owners.insert((group, *partition), node) {
                return Some((*partition, other, node));
            }
        }
    }
    None
}

/// One owner per partition.
pub const ONE_OWNER_EACH: Promise<Kafka> = never!(
    "one-owner-each",
    "One owner per partition",
    "No two members of a group's current generation own the same partition at once.",
    |world| two_owners(world),
    |world, (partition, one, other)| {
        let name = |node| Kafka::name(world.settings(), node);
        Breach {
            nodes: vec![one, other],
            text: format!("{} and {} both own partition {partition}, in the same generation.", name(one), name(other)),
            values: vec![
                (name(one), format!("owns partition {partition}")),
                (name(other), format!("owns partition {partition}")),
            ],
        }
    }
);

/// Per key, in order.
pub const KEY_ORDER: Promise<Kafka> = never!(
    "per-key-in-order",
    "Per key, in order",
    "No group does a record for the first time after it has done a later one with the same key.",
    |world| world.witness().overtaken,
    |world, Overtaken { record, after, consumer, .. }| {
        let later = Record { number: after, ..record };
        Breach {
            nodes: vec![consumer],
            text: format!(
                "{} {} of customer {} was done after {} {}, which was produced later.",
                record.event(),
                record.order(),
                record.key,
                later.event(),
                later.order()
            ),
            values: vec![
                ("produced".to_owned(), format!("{} {}, then {}", record.event(), record.order(), later.event())),
                ("done".to_owned(), format!("{} {}, then {}", later.event(), later.order(), record.event())),
            ],
        }
    }
);

/// Every partition of group A has an owner that works.
fn all_owned(world: &World<Kafka>) -> bool {
    let Some(Disk::Broker(disk)) = world.node(BROKER).map(|node| &node.disk) else { return false };
    let settings = world.settings();
    let wanted = Kafka::consumers(settings).any(|node| {
        matches!(world.node(node).map(|node| &node.disk), Some(Disk::Consumer { running: true }))
            && Kafka::group(settings, node) == 0
    });
    let owns = |partition: u16| {
        Kafka::consumers(settings).filter(|node| Kafka::group(settings, *node) == 0).any(|node| {
            matches!(world.memory(node), Some(Memory::Consumer(consumer)) if consumer.assigned.contains_key(&partition))
        })
    };
    !wanted || (0..disk.logs.len() as u16).all(owns)
}

/// The group goes on.
pub const OWNED_AGAIN: Promise<Kafka> = Promise {
    id: "every-partition-is-owned",
    title: "Every partition gets an owner",
    about: "Within 20 s after the last fault, each partition is owned by a member of group A.",
    kind: Kind::Eventually { within: 20 * SEC },
    holds: all_owned,
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 20 s, yet a partition still has no owner.".to_owned(),
        values: Vec::new(),
    },
};

/// The lag of group A, in records.
pub fn lag(world: &World<Kafka>) -> u64 {
    let Some(Disk::Broker(disk)) = world.node(BROKER).map(|node| &node.disk) else { return 0 };
    u64::from(broker::lag(disk, 0)) * world.settings().amount(WEIGHT)
}

/// Whether all consumers, busy nine tenths of the time, could work off what is produced.
fn is_enough(world: &World<Kafka>) -> bool {
    let amount = |setting| world.settings().amount(setting);
    let work = amount(RATE) * amount(PRODUCERS) * amount(WORK);
    work <= amount(CONSUMERS) * amount(WORKERS) * SEC * 9 / 10
}

/// The lag stays bounded.
pub const LAG_BOUNDED: Promise<Kafka> = Promise {
    id: "lag-is-bounded",
    title: "Lag bounded at the set rate",
    about: "While nothing is wrong, the lag drops back below the alert within 30 s, at any rate that all consumers \
            together can handle.",
    kind: Kind::Eventually { within: 30 * SEC },
    holds: |world| lag(world) <= world.settings().amount(ALERT) || !is_enough(world),
    explain: |world| {
        let (lag, alert) = (grouped(lag(world)), grouped(world.settings().amount(ALERT)));
        Breach {
            nodes: vec![BROKER],
            text: format!("Group A has been more than {alert} records behind for 30 s; now it is {lag}."),
            values: vec![("alert".to_owned(), alert), ("lag".to_owned(), lag)],
        }
    },
};

/// Where nothing is promised. Who works for longer than max.poll.interval.ms on what it has polled loses its partitions in the
/// middle of it; and who is far behind loses its place to retention.
pub const LIMITS: &[Limit] = &[
    Limit {
        promises: &[NOTHING_MISSED.id],
        beyond: |settings| settings.get(RESET) == 0 && settings.get(RETENTION) > 0,
        says: "Promised only with auto.offset.reset=earliest: with latest, a consumer whose place retention has removed skips \
               what is still there.",
    },
    Limit {
        promises: &[KEY_ORDER.id],
        beyond: |settings| settings.amount(MAX_POLL) * settings.amount(WORK) > settings.amount(POLL_INTERVAL),
        says: "Promised only where a consumer works for less than max.poll.interval.ms on what it has polled.",
    },
];
