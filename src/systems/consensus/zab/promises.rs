//! What Zab promises (the paper's total order, agreement, primary order and primary integrity), judged by what a
//! bystander sees.

use super::{History, Note, Role, Stage, Txn, Zab, epochs};
use crate::mechanisms::zab::{self, counter, epoch};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::{Node, World};

/// How many delivered transactions are remembered.
const PLACES_KEPT: usize = 64;
/// How many epochs' primaries are remembered.
const EPOCHS_KEPT: usize = 32;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The place of the first transaction in `order`.
    first: u32,
    /// What was delivered, and by whom first.
    order: Vec<(Txn, NodeId)>,
    /// Who was primary of which epoch.
    primaries: Vec<(u32, NodeId)>,
    two_orders: Option<(u32, [(Txn, NodeId); 2])>,
    /// A transaction and the one that was delivered just before it, out of order.
    disorder: Option<(Option<Txn>, Txn, NodeId)>,
    /// A primary, and what it lacks of what was delivered.
    lost: Option<(NodeId, u32, (Txn, NodeId))>,
    two_primaries: Option<(u32, NodeId, NodeId)>,
}

impl Witness {
    /// How many transactions have been delivered by somebody.
    pub fn delivered(&self) -> u32 {
        self.first + self.order.len() as u32
    }

    /// A place, from 1, at which two servers delivered different transactions, and who they are.
    pub fn clash(&self) -> Option<(u32, [NodeId; 2])> {
        self.two_orders.map(|(place, sides)| (place + 1, sides.map(|side| side.1)))
    }

    /// Who was primary of which epoch, the latest last.
    pub fn primaries(&self) -> &[(u32, NodeId)] {
        &self.primaries
    }

    pub(super) fn see(&mut self, note: &Note) {
        match note {
            Note::Leads { node, epoch, history } => self.leads(*node, *epoch, history),
            Note::Delivered { node, place, txn } => self.delivers(*node, *place, *txn),
        }
    }

    fn leads(&mut self, node: NodeId, epoch: u32, history: &History) {
        let other = self.primaries.iter().find(|known| known.0 == epoch && known.1 != node);
        self.two_primaries = self.two_primaries.or(other.map(|known| (epoch, known.1, node)));
        let missing = (self.first.max(history.base())..).zip(self.order.iter().skip(self.skipped(history.base())));
        // An old leader may be established late, when a later epoch has delivered already: that is none of its business.
        let mut earlier = missing.filter(|(_, known)| zab::epoch(known.0.zxid) < epoch);
        let lost = earlier.find(|(place, known)| history.get(*place) != Some(&known.0));
        self.lost = self.lost.or(lost.map(|(place, known)| (node, place, *known)));
        if self.primaries.len() == EPOCHS_KEPT {
            self.primaries.remove(0);
        }
        self.primaries.push((epoch, node));
    }

    fn skipped(&self, base: u32) -> usize {
        base.saturating_sub(self.first) as usize
    }

    fn delivers(&mut self, node: NodeId, place: u32, txn: Txn) {
        let Some(at) = place.checked_sub(self.first) else { return };
        if let Some(known) = self.order.get(at as usize) {
            if known.0 != txn {
                self.two_orders = self.two_orders.or(Some((place, [*known, (txn, node)])));
            }
            return;
        }
        let before = self.order.last().map(|known| known.0);
        let follows = before.is_none_or(|before| {
            let next = (epoch(before.zxid), counter(before.zxid) + 1);
            let here = (epoch(txn.zxid), counter(txn.zxid));
            here == next || (here.0 > next.0 && here.1 == 1)
        });
        if !follows {
            self.disorder = self.disorder.or(Some((before, txn, node)));
        }
        if self.order.len() == PLACES_KEPT {
            self.order.remove(0);
            self.first += 1;
        }
        self.order.push((txn, node));
    }
}

fn name(world: &World<Zab>, node: NodeId) -> String {
    Zab::name(world.settings(), node)
}

fn words(txn: &Txn) -> String {
    format!("{} {txn}", epochs(txn.zxid))
}

/// Total order and agreement.
pub const ONE_ORDER: Promise<Zab> = never!(
    "one-order",
    "One order for everybody",
    "No two servers ever deliver different transactions at the same position.",
    |world| world.witness().two_orders,
    |world, (place, sides)| Breach {
        nodes: sides.iter().map(|side| side.1).collect(),
        text: format!("Two transactions were delivered at place {}.", place + 1),
        values: sides.iter().map(|side| (name(world, side.1), words(&side.0))).collect(),
    }
);

/// Local and global primary order.
pub const PRIMARY_ORDER: Promise<Zab> = never!(
    "primary-order",
    "In the primaries' order",
    "A primary's broadcasts are delivered in its order without gaps, and all of one epoch before the next.",
    |world| world.witness().disorder,
    |world, (before, txn, node)| {
        let before = before.as_ref().map_or("nothing".to_owned(), words);
        let (name, after) = (name(world, node), words(&txn));
        Breach {
            nodes: vec![node],
            text: format!("{name} delivers {after} after {before}."),
            values: vec![("before".to_owned(), before), ("then".to_owned(), after)],
        }
    }
);

/// Committed stays committed.
pub const NOTHING_LOST: Promise<Zab> = never!(
    "committed-stays",
    "Committed stays committed",
    "Every established leader's history holds everything that anybody delivered in earlier epochs, in its \
            place.",
    |world| world.witness().lost,
    |world, (leader, place, (txn, server))| {
        let there =
            world.node(leader).and_then(|node| node.disk.history.get(place)).map_or("nothing".to_owned(), words);
        let (leads, had) = (name(world, leader), name(world, server));
        Breach {
            nodes: vec![leader, server],
            text: format!("{leads} leads, and lacks {}, which {had} has delivered.", words(&txn)),
            values: vec![(had, words(&txn)), (leads, there)],
        }
    }
);

/// One primary per epoch.
pub const ONE_PRIMARY: Promise<Zab> = never!(
    "one-primary",
    "At most one primary per epoch",
    "No two servers are ever established as leaders of the same epoch.",
    |world| world.witness().two_primaries,
    |world, (epoch, a, b)| {
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!("{first} and {second} are both established as leaders of epoch {epoch}."),
            values: [first, second].into_iter().map(|name| (name, format!("leads epoch {epoch}"))).collect(),
        }
    }
);

/// The established leader that all servers follow, if there is one.
pub fn common_leader(world: &World<Zab>) -> Option<NodeId> {
    let leads = |node: &Node<Zab>| match node.memory.as_ref().map(|memory| &memory.role) {
        Some(Role::Leading(leading)) => leading.stage == Stage::Broadcast,
        _ => false,
    };
    let (leader, primary) = world.nodes().find(|(_, node)| leads(node))?;
    let follows = |id: NodeId, node: &Node<Zab>| match node.memory.as_ref().map(|memory| &memory.role) {
        Some(Role::Following(following)) => following.leader == leader && following.stage == Stage::Broadcast,
        Some(Role::Leading(_)) => id == leader,
        Some(Role::Looking(_)) => false,
        None => true,
    };
    let all = world
        .nodes()
        .all(|(id, node)| follows(id, node) && (node.memory.is_none() || node.disk.current == primary.disk.current));
    all.then_some(leader)
}

/// Liveness.
pub const LEADER_EMERGES: Promise<Zab> = Promise {
    id: "leader-emerges",
    title: "A leader emerges",
    about: "Within 20 s after the last fault, every server follows the same established leader.",
    kind: Kind::Eventually { within: 20 * SEC },
    holds: |world| common_leader(world).is_some(),
    explain: |world| {
        let state = |(id, node): (NodeId, &Node<Zab>)| {
            let role = match node.memory.as_ref().map(|memory| &memory.role) {
                None => "down".to_owned(),
                Some(Role::Looking(_)) => "looking".to_owned(),
                Some(Role::Following(following)) => format!("follows {}", name(world, following.leader)),
                Some(Role::Leading(leading)) => format!("leads epoch {}", leading.epoch),
            };
            (name(world, id), role)
        };
        Breach {
            nodes: Vec::new(),
            text: "For 20 s nothing has been wrong, yet the servers follow no common leader.".to_owned(),
            values: world.nodes().map(state).collect(),
        }
    },
};
