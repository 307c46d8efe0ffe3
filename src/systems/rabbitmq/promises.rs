//! What the queue promises, judged by what the publisher was told and what workers did.

use super::{Consumer, FIRST, LATENCY, Memory, Message, Note, RabbitMq, TaskId};
use crate::sim::NodeId;
use crate::sim::property::{Breach, Kind, Promise};
use crate::sim::system::System;
use crate::sim::time::SEC;
use crate::sim::world::World;

/// The most confirmed tasks that wait to be seen done.
const MOST_OPEN: usize = 800;
/// How many done tasks are remembered.
const DONE_KEPT: usize = 400;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Confirmed and not yet done.
    open: Vec<TaskId>,
    /// Done lately, and how often.
    done: Vec<(TaskId, u8)>,
}

impl Witness {
    /// A task that was done more than once, if there is one.
    pub fn done_twice(&self) -> Option<TaskId> {
        self.done.iter().find(|done| done.1 > 1).map(|done| done.0)
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Confirmed { id } if witness.done.iter().any(|done| done.0 == id) => {}
            Note::Confirmed { id } => {
                if witness.open.len() == MOST_OPEN {
                    witness.open.remove(0);
                }
                witness.open.push(id);
            }
            Note::Done { id, .. } => {
                witness.open.retain(|open| *open != id);
                match witness.done.iter_mut().find(|done| done.0 == id) {
                    Some(done) => done.1 = done.1.saturating_add(1),
                    None => {
                        if witness.done.len() == DONE_KEPT {
                            witness.done.remove(0);
                        }
                        witness.done.push((id, 1));
                    }
                }
            }
        }
    }
}

/// A confirmed task that can no longer be done, if there is one.
pub fn lost(world: &World<RabbitMq>) -> Option<TaskId> {
    world.witness().open.first().copied().filter(|id| is_nowhere(world, *id))
}

/// Whether no disk, no memory and no message has the task any more.
fn is_nowhere(world: &World<RabbitMq>, id: TaskId) -> bool {
    let here = |memory: &Memory| match memory {
        Memory::Publisher { unconfirmed } => unconfirmed.iter().any(|task| task.id == id),
        Memory::Broker { ready, consumers, .. } => {
            let held = |consumer: &Consumer| consumer.unacked.iter().any(|task| task.id == id);
            ready.iter().any(|task| task.id == id) || consumers.values().any(held)
        }
        Memory::Worker { buffer, working, .. } => buffer.iter().chain(working).any(|task| task.id == id),
    };
    let kept = |node: &crate::sim::world::Node<RabbitMq>| {
        node.disk.queue.iter().any(|task| task.id == id) || node.memory.as_ref().is_some_and(here)
    };
    let flies = |message: &Message| match message {
        Message::Publish { task } | Message::Deliver { task, .. } => task.id == id,
        _ => false,
    };
    !world.nodes().any(|(_, node)| kept(node)) && !world.flights().any(|flight| flies(flight.message))
}

/// Nothing confirmed is lost.
pub const NOT_LOST: Promise<RabbitMq> = Promise {
    id: "confirmed-is-done",
    title: "A confirmed task is done",
    about: "Every task that was confirmed is done at least once, or is still somewhere from where it will be done.",
    kind: Kind::Always,
    holds: |world| lost(world).is_none(),
    explain: |world| {
        let Some(id) = lost(world) else { return Breach::default() };
        Breach {
            nodes: Vec::new(),
            text: format!("Task {id} was confirmed, nobody has done it, and nobody has it any more."),
            values: vec![
                ("publisher".to_owned(), format!("was told that task {id} is safe")),
                ("everyone else".to_owned(), format!("has no task {id}")),
            ],
        }
    },
};

/// A worker that holds a task it has not begun, and one that has had nothing to do for longer than a message takes.
fn unfair(world: &World<RabbitMq>) -> Option<(NodeId, usize, NodeId)> {
    let Some(Memory::Broker { consumers, .. }) = world.memory(super::BROKER) else { return None };
    let waits = |node: &NodeId| match world.memory(*node) {
        Some(Memory::Worker { buffer, working: Some(_), .. }) => buffer.len(),
        _ => 0,
    };
    let now = world.kernel().node(super::BROKER).local(world.kernel().now());
    let patience = if world.kernel().is_timeless() { 0 } else { 4 * LATENCY };
    let idle = consumers.iter().find(|(_, consumer)| {
        consumer.unacked.is_empty() && consumer.idle_since.is_some_and(|since| now >= since + patience)
    })?;
    let busy = (FIRST..world.kernel().nodes().len()).map(NodeId::from).find(|node| waits(node) > 0)?;
    Some((busy, waits(&busy), *idle.0))
}

/// Work goes to whoever is free.
pub const FAIR: Promise<RabbitMq> = Promise {
    id: "no-task-waits-behind-a-busy-worker",
    title: "No task waits behind a busy worker",
    about: "No task waits in a busy worker's buffer while another connected worker has had nothing for 4 ms.",
    kind: Kind::Always,
    holds: |world| unfair(world).is_none(),
    explain: |world| {
        let Some((busy, waiting, idle)) = unfair(world) else { return Breach::default() };
        let (hoards, rests) = (RabbitMq::name(world.settings(), busy), RabbitMq::name(world.settings(), idle));
        Breach {
            nodes: vec![busy, idle],
            text: format!("{waiting} tasks wait behind the one that {hoards} works on, and {rests} has nothing to do."),
            values: vec![(hoards, format!("works, {waiting} waiting")), (rests, "idle".to_owned())],
        }
    },
};

/// The queue moves.
pub const MOVES: Promise<RabbitMq> = Promise {
    id: "workers-come-back",
    title: "Every worker is connected",
    about: "Within 15 s after the last fault, every worker has a connection that the broker knows.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: |world| {
        let Some(Memory::Broker { consumers, .. }) = world.memory(super::BROKER) else { return false };
        (FIRST..world.kernel().nodes().len()).all(|node| {
            let node = NodeId::from(node);
            let number = world.node(node).map(|node| node.disk.last);
            consumers.get(&node).map(|consumer| consumer.connection) == number
        })
    },
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 15 s, and a worker still has no connection.".to_owned(),
        values: Vec::new(),
    },
};
