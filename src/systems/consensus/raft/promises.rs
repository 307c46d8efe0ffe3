//! What Raft promises (figure 3 of the paper), judged by what a bystander sees.

use super::check_quorum::WHOLE;
use super::config::{Members, letters, servers};
use super::{
    Config, Entry, HEARTBEAT, LATENCY, Log, Note, Payload, Raft, Registers, Role, SPREAD, TIMEOUT, Term, registers,
};
use crate::mechanisms::quorum;
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::later::Later;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// How many terms' leaders, and how many indices of the log, are remembered.
const KEPT: usize = 64;

/// A leader of a term and who voted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    pub term: Term,
    pub node: NodeId,
    pub votes: Members,
}

/// What servers made of an index: the first entry that anyone applied there, and the first state that anyone was in
/// after it, and who.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    applied: Option<(Entry, NodeId)>,
    /// The term of the server that applied it first: it was committed then at the latest.
    committed: Term,
    state: Option<(Registers, NodeId)>,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    leaders: Vec<Leader>,
    /// The indices after `forgotten`, in order.
    places: Vec<Place>,
    forgotten: u32,
    two_leaders: Option<(Leader, Leader)>,
    two_commands: Option<TwoCommands>,
    two_states: Option<TwoStates>,
    /// An index and the leader that lacks the entry committed there.
    lost: Option<(u32, Entry, NodeId, NodeId)>,
    /// The highest index whose write a client was told is done.
    acknowledged: u32,
    /// Reads that have begun: by whom, which, and what was acknowledged by then.
    reads: Vec<(NodeId, u32, u32)>,
    /// A read that was answered from before what was acknowledged.
    stale: Option<(NodeId, u32, u32)>,
    /// A server that had a leader and said that it would vote for somebody else.
    disloyal: Later<Option<(NodeId, NodeId)>>,
    /// For each leader that counts who hears it, for how long it has heard no majority.
    silences: Later<Vec<Silence>>,
    /// Servers that became members without entries that were committed, and up to where those go.
    joined: Later<Vec<(NodeId, u32)>>,
}

/// How long a leader has heard no majority, by its own heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Silence {
    leader: NodeId,
    /// Whom it has heard from since it last had a majority.
    heard: Members,
    /// The time since then, in thousandths of an election timeout; also that between two heartbeats, at its longest.
    lasts: u32,
    longest: u32,
}

impl Silence {
    /// Twice the time between two looks around: one may come just before the last answer, the next then hears nobody.
    fn is_too_long(&self) -> bool {
        self.lasts >= 2 * (WHOLE + self.longest)
    }
}

/// Two servers that applied different entries at one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TwoCommands {
    index: u32,
    one: (Entry, NodeId),
    other: (Entry, NodeId),
}

/// Two servers whose states after one index differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct TwoStates {
    index: u32,
    one: (Registers, NodeId),
    other: (Registers, NodeId),
}

impl Witness {
    /// Who led which term, the latest last.
    pub fn leaders(&self) -> &[Leader] {
        &self.leaders
    }

    /// An index at which two servers applied different entries, and who they are.
    pub fn clash(&self) -> Option<(u32, [NodeId; 2])> {
        self.two_commands.map(|clash| (clash.index, [clash.one.1, clash.other.1]))
    }

    /// The highest index that anyone has applied.
    pub fn applied(&self) -> u32 {
        let last = self.places.iter().rposition(|place| place.applied.is_some());
        last.map_or(self.forgotten, |at| self.forgotten + at as u32 + 1)
    }

    /// The entry that was applied first at an index, if it is remembered.
    pub fn entry(&self, index: u32) -> Option<Entry> {
        let at = index.checked_sub(self.forgotten + 1)?;
        Some(self.places.get(at as usize)?.applied?.0)
    }

    /// The term of the server that was the first to apply the entry at an index, if it is remembered.
    pub fn committed_in(&self, index: u32) -> Option<Term> {
        let at = index.checked_sub(self.forgotten + 1)?;
        self.places.get(at as usize).filter(|place| place.applied.is_some()).map(|place| place.committed)
    }

    /// What is known of an index; makes room for it. `None` when it was long ago.
    fn place(&mut self, index: u32) -> Option<&mut Place> {
        let at = index.checked_sub(self.forgotten + 1)? as usize;
        if at >= self.places.len() {
            self.places.resize(at + 1, Place::default());
        }
        let surplus = self.places.len().saturating_sub(2 * KEPT);
        self.places.drain(..surplus);
        self.forgotten += surplus as u32;
        self.places.get_mut(at.checked_sub(surplus)?)
    }

    fn elected(&mut self, leader: Leader, log: &Log) {
        let other = self.leaders.iter().find(|known| known.term == leader.term && known.node != leader.node);
        self.two_leaders = self.two_leaders.or(other.map(|known| (*known, leader)));
        let applied = self.places.iter().zip(self.forgotten + 1..);
        let before = applied.filter(|(place, _)| place.committed < leader.term);
        let missing = before.filter_map(|(place, index)| Some((index, place.applied?))).find(|(index, known)| {
            // A late winner of an older term needs nothing of what was committed since.
            *index > log.base() && log.entry(*index) != Some(&known.0)
        });
        self.lost = self.lost.or(missing.map(|(index, (entry, by))| (index, entry, by, leader.node)));
        if self.leaders.len() == KEPT {
            self.leaders.remove(0);
        }
        self.leaders.push(leader);
    }

    fn silence(&mut self, leader: NodeId) -> &mut Silence {
        let all = &mut self.silences.0;
        let at = all.iter().position(|known| known.leader == leader).unwrap_or_else(|| {
            all.push(Silence { leader, heard: 0, lasts: 0, longest: 0 });
            all.len() - 1
        });
        &mut all[at]
    }

    fn beat(&mut self, leader: NodeId, share: u32, config: Config) {
        let silence = self.silence(leader);
        silence.longest = silence.longest.max(share);
        if silence.is_too_long() {
            return;
        }
        let with_itself = silence.heard | 1 << leader.0;
        if config.is_quorum(with_itself, quorum::majority) {
            *silence = Silence { leader, heard: 0, lasts: 0, longest: share };
        } else {
            silence.lasts += share;
        }
    }

    fn state_is(&mut self, node: NodeId, index: u32, registers: Registers) {
        let Some(place) = self.place(index) else { return };
        let known = *place.state.get_or_insert((registers, node));
        if known.0 != registers && self.two_states.is_none() {
            self.two_states = Some(TwoStates { index, one: known, other: (registers, node) });
        }
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Elected { term, node, ref log, votes } => {
                witness.elected(Leader { term, node, votes }, log);
                witness.silences.0.retain(|silence| silence.leader != node);
            }
            Note::Heard { leader, from } => witness.silence(leader).heard |= 1 << from.0,
            Note::Beat { leader, share, config } => witness.beat(leader, share, config),
            Note::Joined { members, floor } => {
                witness.joined.0.retain(|(node, _)| members >> node.0 & 1 == 0);
                witness.joined.0.extend(servers(members).map(|node| (node, floor)));
            }
            Note::WouldVote { node, candidate, has_leader } => {
                witness.disloyal.0 = witness.disloyal.0.or(has_leader.then_some((node, candidate)));
            }
            Note::Applied { node, index, entry, registers, term } => {
                if let Some(place) = witness.place(index) {
                    if place.applied.is_none() {
                        place.committed = term;
                    }
                    let known = *place.applied.get_or_insert((entry, node));
                    let clash = TwoCommands { index, one: known, other: (entry, node) };
                    witness.two_commands = witness.two_commands.or((known.0 != entry).then_some(clash));
                }
                witness.state_is(node, index, registers);
            }
            Note::Restored { node, index, registers } => witness.state_is(node, index, registers),
            Note::Acknowledged { index } => witness.acknowledged = witness.acknowledged.max(index),
            Note::ReadBegan { node, ticket } => {
                let floor = witness.acknowledged;
                witness.reads.retain(|read| read.0 != node || read.1 + 16 > ticket);
                witness.reads.push((node, ticket, floor));
            }
            Note::ReadEnded { node, ticket, index } => {
                let at = witness.reads.iter().position(|read| (read.0, read.1) == (node, ticket));
                if let Some((_, _, floor)) = at.map(|at| witness.reads.remove(at)).filter(|read| index < read.2) {
                    witness.stale = witness.stale.or(Some((node, index, floor)));
                }
            }
        }
    }
}

fn name(world: &World<Raft>, node: NodeId) -> String {
    Raft::name(world.settings(), node)
}

/// An entry in a sentence.
fn said(entry: Entry) -> String {
    let what = if matches!(entry.payload, Payload::Members(_)) { "the members " } else { "" };
    format!("{what}{} of term {}", entry.payload, entry.term)
}

fn two_leaders(world: &World<Raft>) -> Breach {
    let Some((one, other)) = world.witness().two_leaders else { return Breach::default() };
    let (first, second) = (name(world, one.node), name(world, other.node));
    let votes = |leader: Leader| format!("term {}, votes of {}", leader.term, letters(leader.votes));
    let both = letters(one.votes & other.votes);
    let overlap =
        if both.is_empty() { "Nobody voted for both".to_owned() } else { format!("Both have the vote of {both}") };
    Breach {
        nodes: vec![one.node, other.node],
        text: format!("{first} and {second} both won the election of term {}. {overlap}.", one.term),
        values: vec![(first, votes(one)), (second, votes(other))],
    }
}

/// Election safety.
pub const ONE_LEADER: Promise<Raft> = Promise {
    id: "one-leader-per-term",
    title: "At most one leader per term",
    about: "No two servers ever win an election in the same term.",
    kind: Kind::Always,
    holds: |world| world.witness().two_leaders.is_none(),
    explain: two_leaders,
};

/// State machine safety.
pub const ONE_COMMAND: Promise<Raft> = never!(
    "one-command-per-index",
    "One command per index",
    "No two servers ever apply different commands at the same index of the log.",
    |world| world.witness().two_commands,
    |world, TwoCommands { index, one: (one, a), other: (other, b) }| {
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!("At index {index}, {first} applied {} and {second} applied {}.", one.payload, other.payload),
            values: vec![(first, said(one)), (second, said(other))],
        }
    }
);

/// Leader completeness.
pub const NOTHING_LOST: Promise<Raft> = never!(
    "committed-stays",
    "Committed entries stay",
    "Every new leader's log holds every entry that was committed before.",
    |world| world.witness().lost,
    |world, (index, entry, server, leader)| {
        let (leads, applied) = (name(world, leader), name(world, server));
        let there = world.node(leader).and_then(|node| node.disk.log.entry(index));
        let has = there.map_or("nothing there".to_owned(), |other| said(*other));
        Breach {
            nodes: vec![leader, server],
            text: format!("{leads} leads without the entry committed at index {index}."),
            values: vec![(applied, format!("applied {}", said(entry))), (leads, has)],
        }
    }
);

/// Log matching (figure 3): if two logs have an entry of the same term at an index, they agree up to there.
pub const LOGS_MATCH: Promise<Raft> = never!(
    "logs-match",
    "Logs match",
    "If two logs have entries of the same term at one index, they are identical up to that index.",
    |world| mismatch(world),
    |world, (a, b, index, term)| {
        let before = |node: NodeId| {
            let entry = world.node(node).and_then(|node| node.disk.log.entry(index));
            entry.map_or("nothing".to_owned(), |entry| said(*entry))
        };
        Breach {
            nodes: vec![a, b],
            text: format!(
                "{} and {} share a later entry of term {term}, and differ at index {index}.",
                name(world, a),
                name(world, b)
            ),
            values: vec![(name(world, a), before(a)), (name(world, b), before(b))],
        }
    }
);

/// Two servers, the first index at which their logs differ, and the term of a later entry that they share.
fn mismatch(world: &World<Raft>) -> Option<(NodeId, NodeId, u32, Term)> {
    let logs: Vec<(NodeId, &Log)> = world.nodes().map(|(id, node)| (id, &node.disk.log)).collect();
    logs.iter().enumerate().find_map(|(at, (a, one))| {
        logs[..at].iter().find_map(|(b, other)| {
            let from = one.base().max(other.base()) + 1;
            let pairs = || (from..=one.last_index().min(other.last_index())).map(|i| (i, one.entry(i), other.entry(i)));
            let (first, ..) = pairs().find(|(_, one, other)| one != other)?;
            let shared = pairs().filter(|pair| pair.0 >= first).find_map(|(_, one, other)| {
                one.filter(|one| Some(one.term) == other.map(|other| other.term)).map(|entry| entry.term)
            })?;
            Some((*b, *a, first, shared))
        })
    })
}

/// What pre-votes are for (dissertation, section 9.6): somebody who comes back does not depose a leader that is heard.
pub const LEADER_KEPT: Promise<Raft> = never!(
    "leader-kept",
    "No pre-vote against a leader",
    "A server that leads, or has just heard from a leader, grants nobody a pre-vote.",
    |world| world.witness().disloyal.0,
    |world, (node, candidate)| {
        let (server, other) = (name(world, node), name(world, candidate));
        Breach {
            nodes: vec![node, candidate],
            text: format!("{server} has a leader, and would still vote for {other}: a leader that works is deposed."),
            values: vec![(server, "has a leader".to_owned()), (other, "asks for a pre-vote".to_owned())],
        }
    }
);

/// What check-quorum is for (dissertation, section 6.2): whoever cannot decide anything any more does not go on leading.
pub const STEPS_DOWN: Promise<Raft> = never!(
    "unheard-leader-steps-down",
    "Unheard, it steps down",
    "A leader whom no majority answers stops leading before it has sent heartbeats for two election timeouts.",
    |world| world.witness().silences.0.iter().find(|silence| silence.is_too_long()),
    |world, silence| {
        let (leader, heard) = (name(world, silence.leader), letters(silence.heard & !(1 << silence.leader.0)));
        let heard = if heard.is_empty() { "nobody".to_owned() } else { format!("{heard} alone") };
        Breach {
            nodes: vec![silence.leader],
            text: format!("{leader} still leads, and for more than two election timeouts {heard} has answered it."),
            values: vec![(leader, "leads".to_owned()), ("heard".to_owned(), heard)],
        }
    }
);

/// What learners are for (dissertation, section 4.2.1).
pub const NEWCOMERS_WAIT: Promise<Raft> = never!(
    "newcomers-hold-nobody-up",
    "Newcomers hold nobody up",
    "While a majority of the members that got the log is up, it is enough to decide: no member that never got it is \
     needed.",
    |world| held_up(world),
    |world, (leader, ready, behind)| {
        let (leads, config) = (name(world, leader), config_of(world, leader));
        Breach {
            nodes: servers(behind).chain([leader]).collect(),
            text: format!(
                "{leads} leads {config}, and {} with the log are up: no quorum without {}.",
                letters(ready),
                letters(behind)
            ),
            values: vec![
                ("up, with the log".to_owned(), letters(ready)),
                ("members without it".to_owned(), letters(behind)),
            ],
        }
    }
);

fn config_of(world: &World<Raft>, node: NodeId) -> Config {
    let said = world.node(node).and_then(|node| node.disk.log.config());
    said.unwrap_or_else(|| Config::first(world.settings()))
}

/// The newest leader, the members that are up and have the log, and those that lack it, where the latter are needed
/// although the former would be enough among themselves.
fn held_up(world: &World<Raft>) -> Option<(NodeId, Members, Members)> {
    let lacks = |(id, floor): &(NodeId, u32)| world.node(*id).is_some_and(|node| node.disk.log.last_index() < *floor);
    let behind = world.witness().joined.0.iter().filter(|joined| lacks(joined)).fold(0, |set, (id, _)| set | 1 << id.0);
    if behind == 0 {
        return None;
    }
    let up = world.nodes().filter(|(_, node)| node.memory.is_some());
    let (mut ready, mut newest) = (0, None);
    for (id, node) in up {
        ready |= 1 << id.0 & !behind;
        let leads = node.memory.as_ref().is_some_and(|memory| matches!(memory.role, Role::Leader(_)));
        newest = newest.max(leads.then_some((node.disk.term, id)));
    }
    let (_, leader) = newest?;
    let config = config_of(world, leader);
    let rest = Config { old: config.old & !behind, ..Config::of(config.new & !behind) };
    let is_quorum = |config: Config| config.is_quorum(ready, quorum::majority);
    let behind = behind & config.everyone();
    (is_quorum(rest) && !is_quorum(config)).then_some((leader, ready & config.everyone(), behind))
}

/// What a snapshot must not change.
pub const SAME_STATE: Promise<Raft> = never!(
    "state-equals-log",
    "Same index, same state",
    "Servers at the same index are in the same state, whether they got there by entries or by a snapshot.",
    |world| world.witness().two_states,
    |world, TwoStates { index, one, other }| {
        let (first, second) = (name(world, one.1), name(world, other.1));
        Breach {
            nodes: vec![one.1, other.1],
            text: format!("After index {index}, {first} and {second} are in different states."),
            values: vec![(first, registers(one.0)), (second, registers(other.0))],
        }
    }
);

/// What a reader may expect of a register.
pub const FRESH_READS: Promise<Raft> = never!(
    "reads-see-acknowledged-writes",
    "Reads see acknowledged writes",
    "A read that begins after a write was acknowledged is answered from a state that includes it.",
    |world| world.witness().stale,
    |world, (node, index, floor)| {
        let server = name(world, node);
        Breach {
            nodes: vec![node],
            text: format!(
                "{server} answered a read from index {index}; index {floor} was acknowledged before it began."
            ),
            values: vec![(server, format!("index {index}")), ("acknowledged".to_owned(), format!("index {floor}"))],
        }
    }
);

/// Liveness of replication.
pub const CAUGHT_UP: Promise<Raft> = Promise {
    id: "everyone-catches-up",
    title: "Everyone catches up",
    about: "Within 3 s after the last fault, every member has applied every entry of the leader's log.",
    kind: Kind::Eventually { within: 3 * SEC },
    holds: |world| {
        let last = common_leader(world).and_then(|leader| world.node(leader)).map(|node| node.disk.log.last_index());
        let config = members(world);
        let commit = |id| world.memory(id).map(|memory| memory.commit);
        last.is_some() && world.nodes().all(|(id, _)| !config.has(id) || commit(id) == last)
    },
    explain: |world| {
        let applied = |id| world.memory(id).map_or("down".to_owned(), |memory| format!("applied to {}", memory.commit));
        Breach {
            nodes: Vec::new(),
            text: "For 3 s nothing has been wrong, yet not everyone has applied the same entries.".to_owned(),
            values: world.nodes().map(|(id, _)| (name(world, id), applied(id))).collect(),
        }
    },
};

/// The members by the newest entry that anyone has applied or, before there is one, by the settings.
pub fn members(world: &World<Raft>) -> Config {
    let newest = world.nodes().max_by_key(|(_, node)| node.memory.as_ref().map_or(0, |memory| memory.commit));
    let said = newest.and_then(|(_, node)| node.disk.log.config());
    said.unwrap_or_else(|| Config::first(world.settings()))
}

/// The server that all running members follow, if there is one.
pub fn common_leader(world: &World<Raft>) -> Option<NodeId> {
    let config = members(world);
    let running = || {
        let member = world.nodes().filter(|(id, _)| config.has(*id));
        member.filter_map(|(id, node)| Some((id, node.disk.term, node.memory.as_ref()?)))
    };
    let leads = |entry: &(NodeId, Term, &super::Memory)| matches!(entry.2.role, Role::Leader(_));
    let (leader, term, _) = running().filter(leads).max_by_key(|entry| entry.1)?;
    running().all(|(_, here, memory)| here == term && memory.leader == Some(leader)).then_some(leader)
}

/// Liveness: a leader emerges.
pub const LEADER_EMERGES: Promise<Raft> = Promise {
    id: "leader-emerges",
    title: "A leader emerges",
    about: "Within 3 s after the last fault, every member follows the same leader.",
    kind: Kind::Eventually { within: 3 * SEC },
    holds: |world| common_leader(world).is_some(),
    explain: |world| {
        let state = |(id, node): (NodeId, &crate::sim::machine::world::Node<Raft>)| {
            let role = match node.memory.as_ref().map(|memory| &memory.role) {
                None => "down",
                Some(Role::Follower) => "follower",
                Some(Role::PreCandidate { .. }) => "pre-candidate",
                Some(Role::Candidate { .. }) => "candidate",
                Some(Role::Leader(_)) => "leader",
            };
            (name(world, id), format!("{role}, term {}", node.disk.term))
        };
        Breach {
            nodes: Vec::new(),
            text: "For 3 s nothing has been wrong, yet the servers follow no common leader.".to_owned(),
            values: world.nodes().map(state).collect(),
        }
    },
};

/// Three seconds are enough for an election only where messages are much quicker than servers lose patience, which section 5.6
/// of the paper asks for: broadcast time << election timeout.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[LEADER_EMERGES.id, CAUGHT_UP.id],
    beyond: |settings| {
        let (timeout, latency) = (settings.amount(TIMEOUT), settings.amount(LATENCY));
        let patience = timeout + settings.amount(SPREAD);
        6 * latency > timeout || 2 * settings.amount(HEARTBEAT) > timeout + latency || patience > 600_000
    },
    says: "Promised only where a message takes less than a sixth of the election timeout, two heartbeats fit into one, and \
           servers lose patience within 0.6 s.",
}];
