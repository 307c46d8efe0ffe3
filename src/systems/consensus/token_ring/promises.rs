//! What the token ring promises, and under which assumption about answers.

use super::{Cargo, Entered, HOP, INSIDE, Message, Number, SILENCE, TokenRing};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{Micros, SEC, show};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// What has been seen of the run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Who went in last, and with which token.
    pub last: Option<(NodeId, Number)>,
}

impl Witness {
    pub(super) fn see(&mut self, entered: Entered) {
        self.last = Some((entered.node, entered.token));
    }
}

/// The nodes that are inside.
pub fn inside(world: &World<TokenRing>) -> impl Iterator<Item = NodeId> {
    world.nodes().filter_map(|(id, node)| node.memory?.inside.then_some(id))
}

/// Mutual exclusion.
pub const ONE_INSIDE: Promise<TokenRing> = Promise {
    id: "one-inside",
    title: "At most one inside",
    about: "No two nodes are inside at once. Promised even if nodes crash, tokens are lost and messages arrive twice; \
            not if a running node is considered dead because it is paused or cut off, or its answer is lost or late.",
    kind: Kind::Always,
    holds: |world| inside(world).nth(1).is_none(),
    explain: |world| {
        let name = |node| TokenRing::name(world.settings(), node);
        let names: Vec<String> = inside(world).map(name).collect();
        let token = |node: NodeId| {
            let token = world.memory(node).and_then(|memory| memory.token);
            token.map_or("no token".to_owned(), |token| format!("inside with a token of epoch {}", token.epoch))
        };
        Breach {
            nodes: inside(world).collect(),
            text: format!("{} are inside at the same time.", names.join(" and ")),
            values: inside(world).map(|node| (name(node), token(node))).collect(),
        }
    },
};

/// When a running node was considered dead.
pub(super) fn outside(world: &World<TokenRing>, promise: &str) -> Option<&'static str> {
    let kernel = world.kernel();
    let stands_still = |node: NodeId| kernel.node(node).paused || kernel.node(node).slow > 100;
    match promise == ONE_INSIDE.id {
        true if inside(world).any(stands_still) => Some(
            "A node that stands still looks like a dead one. No token can help that; a lease with a fencing token can.",
        ),
        true if !kernel.are_links_healthy() => {
            Some("The ring assumes that a running node's answer arrives, and here links are cut, slow or lossy.")
        }
        _ => None,
    }
}

/// How long a wish may take: some rounds in which everybody goes in, with a lost token between them.
fn longest_wait(world: &World<TokenRing>) -> Micros {
    let settings = world.settings();
    let round = world.nodes().count() as u64 * (settings.amount(INSIDE) + 10 * settings.amount(HOP));
    4 * round + 2 * settings.amount(SILENCE)
}

/// The nodes that have waited too long.
fn starved(world: &World<TokenRing>) -> impl Iterator<Item = (NodeId, Micros)> {
    let (now, longest) = (world.kernel().now(), longest_wait(world));
    world.nodes().filter_map(move |(id, node)| {
        let waited = now.saturating_sub(node.memory?.wants?);
        (waited > longest).then_some((id, waited))
    })
}

/// No starvation.
pub const ALL_GET_IN: Promise<TokenRing> = Promise {
    id: "all-get-in",
    title: "Every waiting node gets in",
    about: "Once nothing is wrong, no node waits longer than it takes to replace a lost token and go round four times \
            with everybody going in.",
    kind: Kind::Eventually { within: 2 * SEC },
    holds: |world| starved(world).next().is_none(),
    explain: |world| {
        let name = |node| TokenRing::name(world.settings(), node);
        Breach {
            nodes: starved(world).map(|pair| pair.0).collect(),
            text: format!(
                "Nothing has been wrong for 2 s, yet a node has waited longer than {}.",
                show(longest_wait(world))
            ),
            values: starved(world).map(|(node, waited)| (name(node), format!("waits for {}", show(waited)))).collect(),
        }
    },
};

/// Whether a node lies after one and before another, on the way round.
fn between(node: NodeId, after: NodeId, before: NodeId, nodes: usize) -> bool {
    let way = |to: NodeId| (to.index() + nodes - after.index() - 1) % nodes;
    way(node) < way(before)
}

/// Links that keep their time, as a condition on states. An answer has longer than a question and an answer take. So
/// when a node has passed over another one, its question to it and the answer have arrived, and so has every token
/// that was on its way to that node or from it. And a node that was passed over and has come back does not call for a
/// token before that is over. The explorer, which ignores time, would let the timeouts expire before.
pub fn in_time(world: &World<TokenRing>) -> bool {
    let nodes = world.nodes().count();
    let passing = |id: NodeId| world.memory(id).and_then(|memory| memory.passing);
    let passed_over = |node: NodeId, by: NodeId| passing(by).is_some_and(|(_, to)| between(node, by, to, nodes));
    let calls = |id: NodeId| world.memory(id).is_some_and(|memory| memory.claims.is_some());
    let every = || (0..nodes).map(NodeId::from);
    every().filter(|id| calls(*id)).all(|id| every().all(|by| !passed_over(id, by)))
        && world.flights().all(|flight| {
            let (from, to) = (flight.from, flight.pending.node);
            match flight.message {
                Message::Ask => !passed_over(to, from),
                Message::Here => !passed_over(from, to),
                Message::Token(_) => every().all(|by| !passed_over(from, by) && !passed_over(to, by)),
                Message::Claim(_) => true,
            }
        })
}

/// The tokens that there are: in a node or on their way. A node's claim is none.
pub fn tokens(world: &World<TokenRing>) -> Vec<Number> {
    let held = world.nodes().filter_map(|(_, node)| node.memory?.token);
    let flying = world.flights().filter_map(|flight| match flight.message {
        Message::Token(number) => Some(*number),
        _ => None,
    });
    held.chain(flying).collect()
}

/// The nodes that have called for a new token, or hand such a call on.
pub fn calling(world: &World<TokenRing>) -> impl Iterator<Item = NodeId> {
    world.nodes().filter_map(|(id, node)| {
        let memory = node.memory?;
        (memory.claims.is_some() || matches!(memory.passing, Some((Cargo::Claim(_), _)))).then_some(id)
    })
}
