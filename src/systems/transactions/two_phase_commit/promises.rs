//! What two-phase commit promises, judged by what participants did.

use super::{FIRST, Memory, Note, TwoPhaseCommit, Tx, participants};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::{Scene, System};
use crate::sim::machine::world::World;

/// How many transactions are remembered.
const KEPT: usize = 24;

/// What was seen of one transaction, one bit per node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Seen {
    tx: Tx,
    yes: u64,
    committed: u64,
    aborted: u64,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    seen: Vec<Seen>,
    split: Option<Seen>,
    hasty: Option<Seen>,
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], scene: &Scene) {
    let everyone = participants(scene.kernel.nodes().len()).fold(0u64, |all, node| all | 1 << node.0);
    for note in notes {
        let (Note::Voted { tx, .. } | Note::Decided { tx, .. }) = *note;
        let seen = entry(&mut witness.seen, tx);
        match *note {
            Note::Voted { node, yes, .. } => seen.yes |= u64::from(yes) << node.0,
            Note::Decided { node, commit: true, .. } => seen.committed |= 1 << node.0,
            Note::Decided { node, .. } => seen.aborted |= 1 << node.0,
        }
        let seen = *seen;
        if seen.committed != 0 && seen.aborted != 0 {
            witness.split = witness.split.or(Some(seen));
        }
        if seen.committed != 0 && seen.yes != everyone {
            witness.hasty = witness.hasty.or(Some(seen));
        }
    }
}

/// What was seen of a transaction; in a full list, one that nobody is in doubt about makes room. A participant can be
/// in doubt about an old one long after the others have gone on.
fn entry(seen: &mut Vec<Seen>, tx: Tx) -> &mut Seen {
    let at = seen.iter().position(|known| known.tx == tx).unwrap_or_else(|| {
        if seen.len() == KEPT {
            let settled = seen.iter().position(|known| known.yes & !(known.committed | known.aborted) == 0);
            seen.remove(settled.unwrap_or(0));
        }
        seen.push(Seen { tx, ..Seen::default() });
        seen.len() - 1
    });
    &mut seen[at]
}

fn nodes_of(set: u64) -> impl Iterator<Item = NodeId> {
    (0..64).filter(move |bit| set >> bit & 1 == 1).map(NodeId)
}

fn outcome(world: &World<TwoPhaseCommit>, seen: &Seen) -> Vec<(String, String)> {
    let name = |node: NodeId| TwoPhaseCommit::name(world.settings(), node);
    let value = |node: NodeId| {
        let bit = |set: u64| set >> node.0 & 1 == 1;
        match (bit(seen.committed), bit(seen.aborted)) {
            (true, _) => "committed",
            (_, true) => "aborted",
            _ if bit(seen.yes) => "in doubt",
            _ => "has not voted",
        }
    };
    participants(world.kernel().nodes().len()).map(|node| (name(node), value(node).to_owned())).collect()
}

/// Atomicity.
pub const AGREE: Promise<TwoPhaseCommit> = never!(
    "one-decision",
    "One decision for all",
    "No two participants decide differently about one transaction.",
    |world| world.witness().split,
    |world, seen| {
        let one = nodes_of(seen.committed).next().unwrap_or(NodeId(0));
        let other = nodes_of(seen.aborted).next().unwrap_or(NodeId(0));
        let name = |node| TwoPhaseCommit::name(world.settings(), node);
        Breach {
            nodes: vec![one, other],
            text: format!("{} committed order {}, and {} aborted it.", name(one), seen.tx, name(other)),
            values: outcome(world, &seen),
        }
    }
);

/// Validity: a commit needs every vote.
pub const ALL_YES: Promise<TwoPhaseCommit> = never!(
    "commit-means-all-yes",
    "A commit means all said yes",
    "Nobody commits a transaction that any participant has not voted for.",
    |world| world.witness().hasty,
    |world, seen| {
        let missing: Vec<NodeId> =
            participants(world.kernel().nodes().len()).filter(|node| seen.yes >> node.0 & 1 == 0).collect();
        let names: Vec<String> = missing.iter().map(|node| TwoPhaseCommit::name(world.settings(), *node)).collect();
        Breach {
            nodes: nodes_of(seen.committed).chain(missing).collect(),
            text: format!("Order {} was committed without a yes from {}.", seen.tx, names.join(", ")),
            values: outcome(world, &seen),
        }
    }
);

/// The participants that hold a lock.
pub fn locked(world: &World<TwoPhaseCommit>) -> impl Iterator<Item = (NodeId, Tx)> {
    world.nodes().skip(FIRST).filter_map(|(id, node)| match node.memory {
        Some(Memory::Participant { lock: Some((tx, _)), .. }) => Some((id, tx)),
        _ => None,
    })
}

/// Liveness. While the coordinator is down it waits: that is the blocking of two-phase commit.
pub const RELEASED: Promise<TwoPhaseCommit> = Promise {
    id: "locks-released",
    title: "Locks are released",
    about: "Once nothing is wrong, every lock is released within 3 s. While the coordinator is down, participants in \
            doubt stay blocked, and that is not judged.",
    kind: Kind::Eventually { within: 3 * SEC },
    holds: |world| locked(world).next().is_none(),
    explain: |world| {
        let held: Vec<(NodeId, Tx)> = locked(world).collect();
        let name = |node| TwoPhaseCommit::name(world.settings(), node);
        Breach {
            nodes: held.iter().map(|lock| lock.0).collect(),
            text: "Nothing has been wrong for 3 s, yet locks are still held.".to_owned(),
            values: held.iter().map(|(node, tx)| (name(*node), format!("locked by order {tx}"))).collect(),
        }
    },
};
