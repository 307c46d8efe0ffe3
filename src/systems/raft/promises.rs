//! What Raft promises (figure 3 of the paper), judged by what a bystander sees.

use super::{Entry, Log, Note, Raft, Role, Term};
use crate::sim::NodeId;
use crate::sim::property::{Breach, Kind, Promise};
use crate::sim::system::System;
use crate::sim::time::SEC;
use crate::sim::world::World;

/// How many terms' leaders are remembered.
const TERMS_KEPT: usize = 64;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Who led which term.
    leaders: Vec<(Term, NodeId)>,
    /// The first entry that anyone applied at each index, and who did.
    applied: Vec<(Entry, NodeId)>,
    two_leaders: Option<(Term, NodeId, NodeId)>,
    two_commands: Option<TwoCommands>,
    /// An index and the leader that lacks the entry committed there.
    lost: Option<(u32, NodeId)>,
}

/// Two servers that applied different entries at one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TwoCommands {
    index: u32,
    one: (Entry, NodeId),
    other: (Entry, NodeId),
}

impl Witness {
    /// Who led which term, the latest last.
    pub fn leaders(&self) -> &[(Term, NodeId)] {
        &self.leaders
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Elected { term, node, ref log } => {
                let other = witness.leaders.iter().find(|known| known.0 == term && known.1 != node);
                witness.two_leaders = witness.two_leaders.or(other.map(|known| (term, known.1, node)));
                witness.lost = witness.lost.or_else(|| lacks(&witness.applied, node, log));
                if witness.leaders.len() == TERMS_KEPT {
                    witness.leaders.remove(0);
                }
                witness.leaders.push((term, node));
            }
            Note::Applied { node, index, entry } => match witness.applied.get(index as usize - 1) {
                Some(known) if known.0 != entry => {
                    let clash = TwoCommands { index, one: *known, other: (entry, node) };
                    witness.two_commands = witness.two_commands.or(Some(clash));
                }
                Some(_) => {}
                None => witness.applied.push((entry, node)),
            },
        }
    }
}

/// The first committed entry that a new leader's log lacks.
fn lacks(applied: &[(Entry, NodeId)], leader: NodeId, log: &Log) -> Option<(u32, NodeId)> {
    let missing = applied.iter().enumerate().find(|(at, known)| log.entries().get(*at) != Some(&known.0))?;
    Some((missing.0 as u32 + 1, leader))
}

fn name(world: &World<Raft>, node: NodeId) -> String {
    Raft::name(world.settings(), node)
}

/// Election safety.
pub const ONE_LEADER: Promise<Raft> = Promise {
    id: "one-leader-per-term",
    title: "At most one leader a term",
    about: "No two servers ever win the election of the same term.",
    kind: Kind::Always,
    holds: |world| world.witness().two_leaders.is_none(),
    explain: |world| {
        let Some((term, a, b)) = world.witness().two_leaders else { return Breach::default() };
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!("{first} and {second} both won the election of term {term}."),
            values: vec![(first, format!("leads term {term}")), (second, format!("leads term {term}"))],
        }
    },
};

/// State machine safety.
pub const ONE_COMMAND: Promise<Raft> = Promise {
    id: "one-command-per-index",
    title: "One command an index",
    about: "No two servers ever apply different commands at the same index of the log.",
    kind: Kind::Always,
    holds: |world| world.witness().two_commands.is_none(),
    explain: |world| {
        let Some(TwoCommands { index, one: (one, a), other: (other, b) }) = world.witness().two_commands else {
            return Breach::default();
        };
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!("At index {index}, {first} applied {} and {second} applied {}.", one.command, other.command),
            values: vec![
                (first, format!("{} of term {}", one.command, one.term)),
                (second, format!("{} of term {}", other.command, other.term)),
            ],
        }
    },
};

/// Leader completeness.
pub const NOTHING_LOST: Promise<Raft> = Promise {
    id: "committed-stays",
    title: "Committed entries stay",
    about: "Every new leader's log holds every entry that was committed before.",
    kind: Kind::Always,
    holds: |world| world.witness().lost.is_none(),
    explain: |world| {
        let Some((index, leader)) = world.witness().lost else { return Breach::default() };
        let Some((entry, server)) = world.witness().applied.get(index as usize - 1).copied() else {
            return Breach::default();
        };
        let (leads, applied) = (name(world, leader), name(world, server));
        let there = world.node(leader).and_then(|node| node.disk.log.entries().get(index as usize - 1));
        let has = there.map_or("nothing".to_owned(), |other| format!("{} of term {}", other.command, other.term));
        Breach {
            nodes: vec![leader, server],
            text: format!("{leads} leads without the entry committed at index {index}."),
            values: vec![(applied, format!("applied {} of term {}", entry.command, entry.term)), (leads, has)],
        }
    },
};

/// The server that all running servers follow, if there is one.
pub fn common_leader(world: &World<Raft>) -> Option<NodeId> {
    let mut running = world.nodes().filter_map(|(id, node)| Some((id, node.disk.term, node.memory.as_ref()?)));
    let (leader, term, _) = running.find(|(_, _, memory)| matches!(memory.role, Role::Leader { .. }))?;
    let follows = |term_here: Term, memory: &super::Memory| term_here == term && memory.leader == Some(leader);
    let all = world.nodes().filter_map(|(_, node)| Some((node.disk.term, node.memory.as_ref()?)));
    all.into_iter().all(|(term, memory)| follows(term, memory)).then_some(leader)
}

/// Liveness: a leader emerges.
pub const LEADER_EMERGES: Promise<Raft> = Promise {
    id: "leader-emerges",
    title: "A leader emerges",
    about: "Within 3 s after the last fault, every server follows one and the same leader.",
    kind: Kind::Eventually { within: 3 * SEC },
    holds: |world| common_leader(world).is_some(),
    explain: |world| {
        let state = |(id, node): (NodeId, &crate::sim::world::Node<Raft>)| {
            let role = match node.memory.as_ref().map(|memory| &memory.role) {
                None => "down",
                Some(Role::Follower) => "follower",
                Some(Role::PreCandidate { .. }) => "pre-candidate",
                Some(Role::Candidate { .. }) => "candidate",
                Some(Role::Leader { .. }) => "leader",
            };
            (name(world, id), format!("{role}, term {}", node.disk.term))
        };
        Breach {
            nodes: Vec::new(),
            text: "For 3 s nothing has been wrong, and still the servers follow no common leader.".to_owned(),
            values: world.nodes().map(state).collect(),
        }
    },
};
