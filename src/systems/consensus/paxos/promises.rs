//! What Paxos promises (section 2.1), judged by what learners learn and servers apply.

use crate::never;
use litemap::LiteMap;

use super::{LATENCY, Note, Paxos, Phase, Slot, Value, clients, member, slot_word};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{MS, SEC, Time};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::small::make_room;

/// How many slots are remembered.
const SLOTS_KEPT: usize = 256;
/// How many proposed values are remembered.
const PROPOSED_KEPT: usize = 128;

/// A value and who learned that it is chosen.
type Learned = (Value, NodeId);

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    proposed: Vec<Value>,
    /// The first value that anyone learned in each slot, and who did.
    learned: LiteMap<Slot, Learned>,
    /// Commands that were acknowledged, by slot.
    answered: LiteMap<Slot, u32>,
    /// The last slot that each server applied.
    applied: LiteMap<NodeId, Slot>,
    two_values: Option<(Slot, Learned, Learned)>,
    unproposed: Option<(Slot, Value, NodeId)>,
    /// Who applied a slot, and after which.
    out_of_order: Option<(NodeId, Slot, Slot)>,
    /// A slot, the acknowledged command's id, and who applied another.
    lost: Option<(Slot, u32, Value, NodeId)>,
}

impl Witness {
    pub(super) fn see(&mut self, note: &Note) {
        match *note {
            Note::Proposed { value } => {
                if !self.proposed.contains(&value) {
                    self.proposed.push(value);
                }
                if self.proposed.len() > PROPOSED_KEPT {
                    self.proposed.remove(0);
                }
            }
            Note::Learned { node, slot, value } => self.see_learned(node, slot, value),
            Note::Applied { node, slot, value } => {
                let before = self.applied.insert(node, slot).unwrap_or(0);
                // A server whose disk was lost starts from scratch.
                if slot != before + 1 && slot != 1 {
                    self.out_of_order = self.out_of_order.or(Some((node, slot, before)));
                }
                if let Some(id) = self.answered.get(&slot).filter(|id| **id != value.id) {
                    self.lost = self.lost.or(Some((slot, *id, value, node)));
                }
            }
            Note::Installed { node, slot } => {
                self.applied.insert(node, slot);
            }
            Note::Answered { slot, id } => {
                keep(&mut self.answered, slot, id);
            }
        }
    }

    fn see_learned(&mut self, node: NodeId, slot: Slot, value: Value) {
        match self.learned.get(&slot) {
            Some(first) if first.0 != value => {
                self.two_values = self.two_values.or(Some((slot, *first, (value, node))));
            }
            Some(_) => {}
            None => keep(&mut self.learned, slot, (value, node)),
        }
        // Only single decrees note what was proposed.
        if !self.proposed.is_empty() && !self.proposed.contains(&value) {
            self.unproposed = self.unproposed.or(Some((slot, value, node)));
        }
    }

    /// A slot of which two servers learned different values, and who they are.
    pub fn clash(&self) -> Option<(Slot, [NodeId; 2])> {
        self.two_values.map(|(slot, one, other)| (slot, [one.1, other.1]))
    }

    /// The value that was first learned in a slot, and by whom.
    pub fn learned(&self, slot: Slot) -> Option<(Value, NodeId)> {
        self.learned.get(&slot).copied()
    }
}

fn keep<V>(map: &mut LiteMap<Slot, V>, slot: Slot, value: V) {
    map.insert(slot, value);
    make_room(map, SLOTS_KEPT + 1);
}

fn name(world: &World<Paxos>, node: NodeId) -> String {
    Paxos::name(world.settings(), node)
}

fn one_value(world: &World<Paxos>) -> bool {
    world.witness().two_values.is_none()
}

fn two_values(world: &World<Paxos>) -> Breach {
    let Some((slot, (one, a), (other, b))) = world.witness().two_values else { return Breach::default() };
    let (first, second, place) = (name(world, a), name(world, b), slot_word(world.settings()));
    Breach {
        nodes: vec![a, b],
        text: format!("For {place} {slot}, {first} learned that {one} was chosen, and {second} that {other} was."),
        values: vec![(first, one.to_string()), (second, other.to_string())],
    }
}

/// Agreement, for single decrees.
pub const AGREEMENT: Promise<Paxos> = Promise {
    id: "agreement",
    title: "One value is chosen",
    about: "No two learners ever learn different values for the same decree.",
    kind: Kind::Always,
    holds: one_value,
    explain: two_values,
};

/// Agreement, for a log.
pub const ONE_VALUE: Promise<Paxos> = Promise {
    id: "one-value-a-slot",
    title: "One value per slot",
    about: "No two servers ever learn different values for the same slot.",
    kind: Kind::Always,
    holds: one_value,
    explain: two_values,
};

/// Validity.
pub const ONLY_PROPOSED: Promise<Paxos> = never!(
    "only-proposed",
    "Only proposed values",
    "A value that is chosen was proposed by somebody.",
    |world| world.witness().unproposed,
    |world, (slot, value, node)| {
        let who = name(world, node);
        Breach {
            nodes: vec![node],
            text: format!("{who} learned {value} for decree {slot}, which nobody had proposed."),
            values: vec![(who, value.to_string())],
        }
    }
);

/// Progress, for single decrees.
pub const CHOSEN_EVENTUALLY: Promise<Paxos> = Promise {
    id: "chosen-eventually",
    title: "A value is chosen in the end",
    about: "Within 4 s after the last fault, every proposer knows what was chosen.",
    kind: Kind::Eventually { within: 4 * SEC },
    holds: |world| {
        let rests = |id| member(world, id).is_some_and(|it| it.wish.is_none() && it.phase == Phase::Idle);
        let knows = |id| world.node(id).is_some_and(|node| node.disk.state.slot > 0);
        super::proposers(world.settings()).map(NodeId::from).all(|id| rests(id) && knows(id))
    },
    explain: |world| {
        let state = |id: NodeId| {
            let round = world.node(id).map_or(0, |node| node.disk.round);
            (name(world, id), format!("round {round}"))
        };
        Breach {
            nodes: super::proposers(world.settings()).map(NodeId::from).collect(),
            text: "For 4 s nothing has been wrong, yet the proposers have not agreed.".to_owned(),
            values: super::proposers(world.settings()).map(NodeId::from).map(state).collect(),
        }
    },
};

/// State machines see one sequence.
pub const SAME_ORDER: Promise<Paxos> = never!(
    "same-order",
    "One order everywhere",
    "Every server applies the slots one after another and skips none.",
    |world| world.witness().out_of_order,
    |world, (node, slot, before)| {
        let who = name(world, node);
        Breach {
            nodes: vec![node],
            text: format!("{who} applied slot {slot} right after slot {before}."),
            values: vec![(who, format!("slot {before}, then {slot}"))],
        }
    }
);

/// What a client was told stays true.
pub const ANSWERED_STAYS: Promise<Paxos> = never!(
    "acknowledged-stays",
    "Acknowledged commands stay",
    "Every server that applies the slot of an acknowledged command applies that command.",
    |world| world.witness().lost,
    |world, (slot, id, value, node)| {
        let who = name(world, node);
        Breach {
            nodes: vec![node],
            text: format!("Request {id} was acknowledged in slot {slot}, but {who} applied {value} there."),
            values: vec![("client".to_owned(), format!("request {id}")), (who, value.to_string())],
        }
    }
);

/// How long the oldest command without an answer has waited.
pub fn longest_wait(world: &World<Paxos>) -> Time {
    let waiting = clients(world.settings()).and_then(|id| match world.memory(id)? {
        super::Memory::Clients(clients) => clients.waiting.iter().map(|waiting| waiting.since).min(),
        super::Memory::Member(_) => None,
    });
    waiting.map_or(0, |since| world.kernel().now().saturating_sub(since))
}

/// Whether the servers are nearly at the same slot: none lacks more than what a moment of traffic brings.
fn are_together(world: &World<Paxos>) -> bool {
    let slots =
        || super::acceptors(world.settings()).filter_map(|id| Some(world.node(NodeId::from(id))?.disk.state.slot));
    slots().max().unwrap_or(0) - slots().min().unwrap_or(0) <= 16
}

/// Progress, for a log.
pub const ALL_ANSWERED: Promise<Paxos> = Promise {
    id: "commands-get-through",
    title: "Commands get through",
    about: "Within 3 s after the last fault there is a leader, no command has waited for 500 ms, and all servers keep \
            up.",
    kind: Kind::Eventually { within: 3 * SEC },
    holds: |world| super::leader(world).is_some() && longest_wait(world) < 500 * MS && are_together(world),
    explain: |world| {
        let servers = super::acceptors(world.settings()).map(NodeId::from);
        let state = |id: NodeId| {
            let applied = world.node(id).map_or(0, |node| node.disk.state.slot);
            let last = world.node(id).map_or(0, |node| node.disk.chosen.last());
            (name(world, id), format!("applied to slot {applied}, knows slot {}", last.max(applied)))
        };
        Breach {
            nodes: clients(world.settings()).into_iter().collect(),
            text: format!(
                "For 3 s nothing has been wrong, yet a command has waited for {}.",
                crate::sim::kernel::time::show(longest_wait(world))
            ),
            values: servers.map(state).collect(),
        }
    },
};

/// Proposers get through where messages are quicker than their patience.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[CHOSEN_EVENTUALLY.id, ALL_ANSWERED.id],
    beyond: |settings| settings.amount(LATENCY) > 50_000,
    says: "Promised only where a message takes at most 50 ms on average: with slower ones, proposers lose patience with \
           ballots that would have succeeded.",
}];
