//! No order lost; memory bounded.

use super::queue;
use super::{BUFFER, CONSUMERS, DATABASE, Disk, FlashSale, GATEWAY, Memory, Message, Note, THE_LOG};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::seen::Seen;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{self, SEC, Time};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::numbers::counted;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    committed: Vec<u64>,
    written: Vec<Seen<u64>>,
    away: u32,
}

fn at<T: Clone + Default>(list: &mut Vec<T>, partition: u16) -> &mut T {
    let index = usize::from(partition);
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::TurnedAway { count, unreachable } => {
                witness.away = witness.away.saturating_add(if unreachable { 0 } else { count });
            }
            Note::Committed { partition, offset } => {
                let committed = at(&mut witness.committed, partition);
                *committed = offset.max(*committed);
            }
            Note::Written { partition, first, count } => {
                at(&mut witness.written, partition).add_all(first, first + u64::from(count));
            }
        }
    }
}

/// A committed order that has no row, and that nobody is about to write: its partition and offset.
pub fn lost(world: &World<FlashSale>) -> Option<(u16, u64)> {
    let witness = world.witness();
    (0u16..).zip(&witness.committed).find_map(|(partition, committed)| {
        let missing = match witness.written.get(usize::from(partition)) {
            Some(written) => written.first_lacking(0, *committed),
            None => (*committed > 0).then_some(0),
        }?;
        (!is_held(world, partition, missing)).then_some((partition, missing))
    })
}

/// Whether a consumer, the database, or a message between them still has an order.
fn is_held(world: &World<FlashSale>, partition: u16, offset: u64) -> bool {
    let consumers = world.settings().amount(CONSUMERS).max(1) as u16;
    let kept = match world.memory(FlashSale::consumer(partition % consumers)) {
        Some(Memory::Consumer(consumer)) => {
            consumer.lanes.get(&partition).is_some_and(|lane| (lane.written..lane.position).contains(&offset))
        }
        _ => false,
    };
    let queued = match world.memory(DATABASE) {
        Some(Memory::Database(jobs)) => jobs.queue.iter().any(|job| {
            let upto = job.first + u64::from(queue::count(&job.runs));
            job.partition == Some(partition) && (job.first..upto).contains(&offset)
        }),
        _ => false,
    };
    let flies = |message: &Message| match message {
        Message::Write { partition: whose, first, runs, .. } => {
            *whose == Some(partition) && (*first..first + u64::from(queue::count(runs))).contains(&offset)
        }
        _ => false,
    };
    kept || queued || world.flights().any(|flight| flies(flight.message))
}

/// No order lost.
pub const NO_ORDER_LOST: Promise<FlashSale> = Promise {
    id: "no-order-lost",
    title: "No order is lost",
    about: "No customer is turned away while the log can be reached, and no accepted order is skipped.",
    kind: Kind::Always,
    holds: |world| world.witness().away == 0 && lost(world).is_none(),
    explain: |world| match lost(world) {
        Some((partition, offset)) => Breach {
            nodes: vec![THE_LOG, DATABASE],
            text: format!(
                "Offset {offset} of partition {partition} is committed, has no row, and no consumer holds it."
            ),
            values: vec![
                (format!("partition {partition}"), format!("past offset {offset}")),
                ("database".to_owned(), format!("no row for offset {offset}")),
            ],
        },
        None => {
            let away = world.witness().away;
            let at_once = match world.memory(DATABASE) {
                Some(Memory::Database(jobs)) => jobs.at_once,
                _ => 0,
            };
            Breach {
                nodes: vec![GATEWAY, DATABASE],
                text: format!(
                    "{} got an error instead of an order: the database has {} at once, and all of them are slow.",
                    counted(u64::from(away), "customer"),
                    counted(u64::from(at_once), "write")
                ),
                values: vec![
                    ("shop".to_owned(), format!("{} refused", counted(u64::from(away), "order"))),
                    ("database".to_owned(), format!("{} at once", counted(u64::from(at_once), "write"))),
                ],
            }
        }
    },
};

/// The consumer that holds more than its share, and how much.
pub fn overfull(world: &World<FlashSale>) -> Option<(NodeId, u32)> {
    let consumers = world.settings().amount(CONSUMERS).max(1);
    let share = (world.settings().amount(BUFFER) / consumers).max(1) as u32;
    (0..consumers as u16).map(FlashSale::consumer).find_map(|node| match world.memory(node) {
        Some(Memory::Consumer(consumer)) => Some((node, consumer.buffered())).filter(|held| held.1 > share),
        _ => None,
    })
}

/// Memory bounded.
pub const MEMORY_BOUNDED: Promise<FlashSale> = never!(
    "memory-bounded",
    "Memory is bounded",
    "No consumer holds more orders than its share of the buffer.",
    |world| overfull(world),
    |world, (node, held)| {
        let consumers = world.settings().amount(CONSUMERS).max(1);
        let share = world.settings().amount(BUFFER) / consumers;
        let name = FlashSale::name(world.settings(), node);
        Breach {
            nodes: vec![node],
            text: format!("{name} holds {held} orders in memory; its share of the buffer is {share}."),
            values: vec![(name, counted(u64::from(held), "order")), ("buffer".to_owned(), share.to_string())],
        }
    }
);

/// How long the oldest order in the log has waited.
pub fn oldest(world: &World<FlashSale>) -> Time {
    let Some(Disk::Log(partitions)) = world.node(THE_LOG).map(|node| &node.disk) else { return 0 };
    let first = partitions.iter().filter_map(|partition| partition.open.oldest()).min();
    first.map_or(0, |at| world.kernel().now().saturating_sub(at))
}

/// The lag goes down again.
pub const IN_TIME: Promise<FlashSale> = Promise {
    id: "written-within-a-minute",
    title: "Orders are written within a minute",
    about: "Without a fault, the oldest order in the log is never older than a minute for two minutes on end.",
    kind: Kind::Eventually { within: 120 * SEC },
    holds: |world| oldest(world) <= 60 * SEC,
    explain: |world| Breach {
        nodes: vec![THE_LOG],
        text: format!("The oldest order in the log has waited for {}.", time::show(oldest(world))),
        values: vec![("oldest order".to_owned(), time::show(oldest(world)))],
    },
};
