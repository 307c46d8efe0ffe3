//! How Raft looks: what its scenarios share. Servers in a circle, logs side by side, messages by kind.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::sim::small;
use crate::systems::consensus::raft::config::{letters, servers};
pub use crate::systems::consensus::raft::promises::common_leader;
use crate::systems::consensus::raft::{self, Config, Entry, Leadership, Message, Raft, Role, Timer, registers};

/// A cluster of Raft servers.
pub type Cluster = World<Raft>;

/// A table next to the logs: its title, and what it shows.
pub type Side = (String, Body);

/// How many entries of each log are shown.
const SHOWN: u32 = 8;

impl Face for Raft {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::RequestVote { pre: true, .. } => ('P', Glyph::Diamond, Tone::Neutral),
            Message::RequestVote { .. } => ('V', Glyph::Diamond, Tone::Question),
            Message::Vote { granted: true, .. } => ('v', Glyph::Pill, Tone::Fine),
            Message::Vote { .. } => ('n', Glyph::Pill, Tone::Off),
            Message::Append { entries, .. } if entries.is_empty() => ('H', Glyph::Dot, Tone::Active),
            Message::Append { .. } => ('A', Glyph::Square, Tone::Active),
            Message::AppendReply { ok: true, .. } => ('k', Glyph::Pill, Tone::Neutral),
            Message::AppendReply { .. } => ('x', Glyph::Pill, Tone::Risk),
            Message::InstallSnapshot { .. } => ('S', Glyph::Square, Tone::Store),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let mut fields = vec![("term".to_owned(), message.term().to_string())];
        let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
        match message {
            Message::RequestVote { last_index, last_term, .. } => {
                add("last log index", last_index.to_string());
                add("last log term", last_term.to_string());
            }
            Message::Vote { granted, .. } => add("granted", yes(*granted)),
            Message::Append { prev_index, prev_term, entries, commit, .. } => {
                add("previous index", prev_index.to_string());
                add("previous term", prev_term.to_string());
                add("entries", words(entries));
                add("leader's commit", commit.to_string());
            }
            Message::AppendReply { ok, index, .. } => {
                add("matches", yes(*ok));
                add("index", index.to_string());
            }
            Message::InstallSnapshot { snapshot, .. } => {
                add("last index", snapshot.last_index.to_string());
                add("last term", snapshot.last_term.to_string());
                add("state", registers(snapshot.registers));
            }
        }
        fields
    }

    fn inspect(world: &Cluster, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let name = |node: Option<NodeId>| node.map_or("nobody".to_owned(), |node| Raft::name(world.settings(), node));
        let log = &node.disk.log;
        let mut disk = vec![
            field("current term", node.disk.term),
            field("voted for", name(node.disk.voted_for)),
            field("log", words(log.entries())),
            field("members", config(world, id).to_string()),
        ];
        if let Some(snapshot) = log.snapshot() {
            let value =
                format!("to {}, term {}: {}", snapshot.last_index, snapshot.last_term, registers(snapshot.registers));
            disk.push(field("snapshot", value));
        }
        let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
        let mut fields = vec![
            field("leader", name(memory.leader)),
            field("commit index", memory.commit),
            field("state", registers(memory.registers)),
            field("role", role_words(&memory.role)),
        ];
        if let Some((term, candidate)) = memory.unsaved_vote.filter(|vote| vote.0 == node.disk.term) {
            fields.push(field("vote not on disk", format!("{}, term {term}", name(Some(candidate)))));
        }
        if let Role::Leader(leader) = &memory.role {
            for id in ids(world) {
                let value = format!("next {}, match {}", leader.next[id.index()], leader.matched[id.index()]);
                fields.push((format!("for {}", name(Some(id))), value));
            }
            if world.settings().is_on(raft::CHECK_QUORUM) {
                fields.push(field("heard since it last counted", letters(leader.count.0.heard)));
            }
            fields.push(field(
                "clients waiting",
                match (leader.writes.len(), leader.reads.len()) {
                    (0, 0) => "nobody".to_owned(),
                    (writes, reads) => format!("{writes} with writes, {reads} with reads"),
                },
            ));
        }
        if let Some((_, pending)) = world.timers(id).find(|timer| timer.0 == Timer::Election) {
            let left = pending.at.saturating_sub(world.kernel().now());
            fields.push(field("election timeout", format!("in {}", time::show(left))));
        }
        Inspection { disk, memory: fields }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            raft::MESSAGES | raft::COMMITTED => "all".to_owned(),
            _ => Raft::name(settings, NodeId(subject)),
        }
    }
}

/// What a server knows as leader, if it believes that it leads.
pub fn leadership(world: &Cluster, node: NodeId) -> Option<&Leadership> {
    match world.memory(node).map(|memory| &memory.role) {
        Some(Role::Leader(leadership)) => Some(leadership),
        _ => None,
    }
}

/// Every server.
pub fn ids(world: &Cluster) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

/// The servers that believe that they lead.
pub fn leaders(world: &Cluster) -> Vec<NodeId> {
    ids(world).into_iter().filter(|id| leadership(world, *id).is_some()).collect()
}

/// The leader of the newest term.
pub fn leader(world: &Cluster) -> Option<NodeId> {
    leaders(world).into_iter().max_by_key(|id| term(world, *id))
}

/// Whether the newest leader has applied the entries up to `index`.
pub fn leader_at(world: &Cluster, index: u32) -> bool {
    leader(world).is_some_and(|id| commit(world, id) >= index)
}

/// The servers that stand for election.
pub fn candidates(world: &Cluster) -> Vec<NodeId> {
    let stands = |id: &NodeId| matches!(world.memory(*id).map(|memory| &memory.role), Some(Role::Candidate { .. }));
    ids(world).into_iter().filter(stands).collect()
}

/// A server's term.
pub fn term(world: &Cluster, node: NodeId) -> u32 {
    world.node(node).map_or(0, |node| node.disk.term)
}

/// The newest term of all.
pub fn newest_term(world: &Cluster) -> u32 {
    world.nodes().map(|(_, node)| node.disk.term).max().unwrap_or(0)
}

/// The index up to which a server has applied.
pub fn commit(world: &Cluster, node: NodeId) -> u32 {
    world.memory(node).map_or(0, |memory| memory.commit)
}

/// The index of a server's last entry.
pub fn last(world: &Cluster, node: NodeId) -> u32 {
    world.node(node).map_or(0, |node| node.disk.log.last_index())
}

/// A server's members, as it counts them.
pub fn config(world: &Cluster, node: NodeId) -> Config {
    let said = world.node(node).and_then(|node| node.disk.log.config());
    said.unwrap_or_else(|| Config::first(world.settings()))
}

/// The server that crashed, in a tour that crashes one.
pub fn crashed(world: &Cluster) -> Option<NodeId> {
    ids(world).into_iter().find(|id| !world.kernel().node(*id).up)
}

/// A server's letter.
pub fn name(world: &Cluster, node: NodeId) -> String {
    Raft::name(world.settings(), node)
}

/// Every server's letter.
pub fn names(world: &Cluster) -> Vec<String> {
    ids(world).into_iter().map(|id| name(world, id)).collect()
}

/// The command that sets a register at the leader.
pub fn set(register: i64, value: i64) -> Input {
    set_at(register, value, None)
}

/// The command that sets a register at a server.
pub fn set_at(register: i64, value: i64, server: Option<NodeId>) -> Input {
    let server = server.map_or(0, |server| i64::from(server.0) + 1);
    Input::call(raft::SET, &[register, value, server])
}

/// The command that reads a register at a server, or at the leader.
pub fn get_at(register: i64, server: Option<NodeId>) -> Input {
    let server = server.map_or(0, |server| i64::from(server.0) + 1);
    Input::call(raft::GET, &[register, server])
}

/// The bit of a server.
pub fn bit(node: NodeId) -> u64 {
    1 << node.0
}

/// Whether only A stands for election in odd terms, and only B in even ones: enough for any conflict between two
/// leaders, with far fewer schedules to look at.
pub fn in_turn(world: &Cluster) -> bool {
    let mut standing = candidates(world).into_iter().chain(leaders(world));
    standing.all(|id| id.index() < 2 && (u32::from(id.0) + term(world, id)) % 2 == 1)
}

/// Servers in a circle, their logs, and a table if there is one.
pub fn picture(world: &Cluster, frame: Frame, side: Option<Side>) -> Picture {
    let mut picture = Picture::new(frame);
    let all = ids(world);
    let (ring, logs, table) = match (frame, side.is_some()) {
        (Frame::Wide, false) => (Area::new(80, 84, 400, 360), [580, 60, 368, 260], [0; 4]),
        (Frame::Wide, true) => (Area::new(80, 84, 400, 360), [580, 40, 368, 220], [580, 290, 368, 220]),
        (Frame::Narrow, false) => (Area::new(50, 58, 300, 300), [8, 420, 384, 138], [0; 4]),
        (Frame::Narrow, true) => (Area::new(50, 46, 300, 180), [8, 308, 384, 120], [8, 432, 384, 126]),
    };
    for (id, at) in all.iter().zip(ring.circle(all.len())) {
        picture.nodes.push(server(world, *id, at));
    }
    picture.link_all(&all, &all);
    picture.figures.push(log_grid(world, (logs[0], logs[1]), (logs[2], logs[3])));
    if let Some((title, body)) = side {
        picture.figures.push(Figure { id: "side", at: (table[0], table[1]), size: (table[2], table[3]), title, body });
    }
    picture
}

fn server(world: &Cluster, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, name(world, id));
    let Some(memory) = world.memory(id) else { return mark };
    let (word, tone) = match memory.role {
        Role::Follower if config(world, id).learners() & bit(id) != 0 => ("learner", Tone::Question),
        Role::Follower if !config(world, id).has(id) => ("no member", Tone::Off),
        Role::Follower => ("follower", Tone::Neutral),
        Role::PreCandidate { .. } => ("asks first", Tone::Question),
        Role::Candidate { .. } => ("candidate", Tone::Question),
        Role::Leader(_) => ("leader", Tone::Active),
    };
    mark.state = format!("{word}, term {}", term(world, id));
    mark.tone = tone;
    mark.crown = leadership(world, id).is_some();
    let timer = world.timers(id).find(|timer| timer.0 == Timer::Election);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// The votes of up to two candidates or leaders of the newest terms, as sets.
pub fn votes(world: &Cluster) -> Vec<SetMark> {
    let mut standing: Vec<(u32, NodeId, u64)> = Vec::new();
    for id in ids(world) {
        match world.memory(id).map(|memory| &memory.role) {
            Some(Role::Candidate { votes }) => standing.push((term(world, id), id, *votes)),
            Some(Role::Leader(_)) => {
                let won = world.witness().leaders().iter().rev().find(|leader| leader.node == id);
                standing.extend(won.map(|leader| (leader.term, id, leader.votes)));
            }
            _ => {}
        }
    }
    small::sort_by_key(&mut standing, |(term, ..)| std::cmp::Reverse(*term));
    let tones = [Tone::Active, Tone::Question];
    let mark = |((term, id, votes), tone): ((u32, NodeId, u64), Tone)| SetMark {
        members: servers(votes).collect(),
        label: format!("votes for {}, term {term}", name(world, id)),
        tone,
    };
    standing.into_iter().zip(tones).map(mark).collect()
}

/// The servers that have the entry at an index of this server's log.
pub fn holders(world: &Cluster, server: NodeId, index: u32) -> Vec<NodeId> {
    let entry = world.node(server).and_then(|node| node.disk.log.entry(index));
    let has = |id: &NodeId| world.node(*id).and_then(|other| other.disk.log.entry(index)) == entry;
    if entry.is_some() { ids(world).into_iter().filter(has).collect() } else { Vec::new() }
}

/// The servers that have the newest leader's last entry.
pub fn copies(world: &Cluster) -> Vec<SetMark> {
    let Some(leader) = leader(world) else { return Vec::new() };
    let (Some(node), index) = (world.node(leader), last(world, leader)) else { return Vec::new() };
    let Some(entry) = node.disk.log.entry(index) else { return Vec::new() };
    let members = holders(world, leader, index);
    let tone = if commit(world, leader) >= index { Tone::Fine } else { Tone::Risk };
    vec![SetMark { members, label: format!("have {}:{}", entry.term, entry.payload), tone }]
}

fn log_grid(world: &Cluster, at: (i32, i32), size: (i32, i32)) -> Figure {
    let longest = world.nodes().map(|(_, node)| node.disk.log.last_index()).max().unwrap_or(0);
    let first = longest.saturating_sub(SHOWN) + 1;
    let rows = world.nodes().map(|(id, node)| {
        let (log, commit) = (&node.disk.log, commit(world, id));
        let cell = |index: u32| match log.entry(index) {
            None => Cell::firm("snap", Tone::Store),
            Some(entry) if index <= commit => Cell::firm(short(entry), Tone::Fine),
            Some(entry) => Cell::loose(short(entry), Tone::Risk),
        };
        let mark = (commit >= first).then(|| (commit - first + 1) as u16);
        GridRow { label: name(world, id), cells: (first..=log.last_index()).map(cell).collect(), mark }
    });
    let title = "Logs, term:command. Firm: committed.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: rows.collect() } }
}

/// An entry in a cell, which has room for seven letters: a set of members takes the place of the term.
fn short(entry: &Entry) -> String {
    let term = entry.term;
    match entry.payload {
        raft::Payload::Members(config) if config.is_joint() => format!("+{}", letters(config.new)),
        raft::Payload::Members(config) => config.to_string(),
        raft::Payload::NoOp => format!("{term}:nop"),
        payload => format!("{term}:{payload}"),
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn words(entries: &[Entry]) -> String {
    let words: Vec<String> = entries.iter().map(|entry| format!("{}:{}", entry.term, entry.payload)).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn role_words(role: &Role) -> String {
    match role {
        Role::Follower => "follower".to_owned(),
        Role::PreCandidate { votes } => format!("pre-candidate, votes of {}", letters(*votes)),
        Role::Candidate { votes } => format!("candidate, votes of {}", letters(*votes)),
        Role::Leader(_) => "leader".to_owned(),
    }
}
