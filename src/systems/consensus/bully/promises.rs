//! What the bully election promises while messages keep to their time.

use super::{BOUND, Bully, Message, Phase, TIMEOUT, WAIT};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// Every node at work and the coordinator that it works for.
pub fn at_work(world: &World<Bully>) -> impl Iterator<Item = (NodeId, NodeId)> {
    world.nodes().filter_map(|(id, node)| Some((id, node.memory.as_ref()?.coordinator(id)?)))
}

/// The nodes that think they are coordinator.
pub fn leaders(world: &World<Bully>) -> impl Iterator<Item = NodeId> {
    world.nodes().filter_map(|(id, node)| (node.memory?.phase == Phase::Leads).then_some(id))
}

/// The synchronous network, as a condition on states. A timeout is longer than a question and its answer take, so in
/// a network that keeps its bound neither of these is ever seen:
/// - a node has concluded that nobody above is there, and its question or an answer to it is still on its way;
/// - a node leads, and one of its Halt messages has not arrived.
///
/// The explorer ignores time: it lets a timeout expire while the answer is still coming. This condition is what gives
/// the bound back to it.
pub fn in_time(world: &World<Bully>) -> bool {
    let phase = |id: NodeId| world.memory(id).map(|memory| memory.phase);
    let leads = |id: NodeId| phase(id) == Some(Phase::Leads);
    let has_waited = |id: NodeId| world.rules().on(WAIT) && (leads(id) || phase(id) == Some(Phase::Halts));
    world.flights().all(|flight| match flight.message {
        Message::Election => !has_waited(flight.from),
        Message::Ok => !has_waited(flight.pending.node),
        Message::Halt => !leads(flight.from),
        Message::Coordinator => true,
    })
}

/// At every moment at which no message is late.
pub const ONE_COORDINATOR: Promise<Bully> = Promise {
    id: "one-coordinator",
    title: "One coordinator",
    about: "No two running nodes think at once that they are coordinator. Promised for a network in which every \
            message arrives in time; not judged while one is late.",
    kind: Kind::Always,
    holds: |world| leaders(world).nth(1).is_none() || !in_time(world),
    explain: |world| {
        let name = |node| Bully::name(world.settings(), node);
        let names: Vec<String> = leaders(world).map(name).collect();
        Breach {
            nodes: leaders(world).collect(),
            text: format!("{} both think they are coordinator.", names.join(" and ")),
            values: at_work(world).map(|(node, leader)| (name(node), format!("works for {}", name(leader)))).collect(),
        }
    },
};

/// When two lead in a network that does not keep its bound.
pub(super) fn outside(world: &World<Bully>, promise: &str) -> Option<&'static str> {
    let kernel = world.kernel();
    match promise == ONE_COORDINATOR.id {
        true if !kernel.are_links_healthy() => {
            Some("The algorithm assumes that every message arrives in time, and here some do not.")
        }
        true if world.nodes().any(|(id, _)| kernel.node(id).paused || kernel.node(id).slow > 100) => {
            Some("The algorithm assumes that a running node answers at once, and here one stands still or is slow.")
        }
        _ => None,
    }
}

/// The node that all work for: the highest that runs.
pub fn common(world: &World<Bully>) -> Option<NodeId> {
    let highest = world.nodes().filter(|(_, node)| node.memory.is_some()).last()?.0;
    let running = world.nodes().filter_map(|(id, node)| Some((id, node.memory.as_ref()?)));
    let agree = running.into_iter().all(|(id, memory)| memory.coordinator(id) == Some(highest));
    agree.then_some(highest)
}

/// The paper's second assertion: elections end.
pub const ALL_AT_WORK: Promise<Bully> = Promise {
    id: "all-at-work",
    title: "All work for the highest",
    about: "Within 5 s of the last fault, every node works for the one with the highest number.",
    kind: Kind::Eventually { within: 5 * SEC },
    holds: |world| common(world).is_some(),
    explain: |world| {
        let name = |node| Bully::name(world.settings(), node);
        let idle = |node: &NodeId| at_work(world).all(|pair| pair.0 != *node);
        Breach {
            nodes: world.nodes().map(|(id, _)| id).filter(idle).collect(),
            text: "Nothing has been wrong for 5 s, yet the nodes do not all work for the highest.".to_owned(),
            values: at_work(world).map(|(node, leader)| (name(node), format!("works for {}", name(leader)))).collect(),
        }
    },
};

/// The algorithm is for a synchronous network: a time-out is longer than a question and its answer take.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[ONE_COORDINATOR.id, ALL_AT_WORK.id],
    beyond: |settings| 2 * settings.amount(BOUND) > settings.amount(TIMEOUT),
    says: "Promised only where the time-out is at least twice the longest latency: an answer must have time to come.",
}];
