//! Raft: electing a leader. Who leads, how a new leader is found, and why there are never two in a term.

use crate::guides::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::chaos::FaultModel;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::settings::{CommandCall, Settings};
use crate::sim::system::System;
use crate::sim::tape::{Input, Origin};
use crate::sim::time;
use crate::sim::world::World;
use crate::systems::raft::promises::{LEADER_EMERGES, NOTHING_LOST, ONE_COMMAND, ONE_LEADER, common_leader};
use crate::systems::raft::{self, Message, Raft, Role, Timer};

type Cluster = World<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-election",
    title: "Raft: electing a leader",
    guide: Guide::Consensus,
    level: 2,
    summary: "Five servers keep one leader among them. Stop the leader, and watch the others notice, vote and agree \
              on a new one: never two in the same term.",
    seed: 7,
    settings: &[
        (raft::SERVERS, 1),
        (raft::TIMEOUT, 150_000),
        (raft::SPREAD, 150_000),
        (raft::HEARTBEAT, 50_000),
        (raft::LATENCY, 10_000),
        (raft::PRE_VOTE, 0),
    ],
    fixed: &[],
    rules: &[raft::ONE_VOTE, raft::VOTE_ON_DISK, raft::UP_TO_DATE, raft::STEP_DOWN, raft::RANDOM_TIMEOUT],
    commands: &[0],
    promises: &[ONE_LEADER, NOTHING_LOST, ONE_COMMAND, LEADER_EMERGES],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Term of each server",
            about: "Lines that part are servers that have not heard of the newest term.",
            plot: Plot::Level(raft::TERM),
        },
        Chart {
            title: "Messages",
            about: "With a leader the rate is steady: a heartbeat to each follower and its answer.",
            plot: Plot::Rate(raft::MESSAGES),
        },
        Chart {
            title: "Elections begun",
            about: "Each is a server that heard no leader in time.",
            plot: Plot::Rate(raft::ELECTIONS),
        },
    ],
    subject: node_subject_or_all,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_SERVERS,
    breaks: BREAKS,
    prose: prose!("raft_election.md"),
};

/// Messages are counted for the whole cluster.
fn node_subject_or_all(settings: &Settings, metric: crate::sim::metrics::MetricId, subject: u16) -> String {
    if metric == raft::MESSAGES { "all".to_owned() } else { node_subject::<Raft>(settings, metric, subject) }
}

fn leads(world: &Cluster, node: NodeId) -> bool {
    matches!(world.memory(node).map(|memory| &memory.role), Some(Role::Leader { .. }))
}

fn leaders(world: &Cluster) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).filter(|id| leads(world, *id)).collect()
}

fn candidates(world: &Cluster) -> Vec<NodeId> {
    let stands = |id: &NodeId| matches!(world.memory(*id).map(|memory| &memory.role), Some(Role::Candidate { .. }));
    world.nodes().map(|(id, _)| id).filter(stands).collect()
}

fn term(world: &Cluster, node: NodeId) -> u32 {
    world.node(node).map_or(0, |node| node.disk.term)
}

fn newest_term(world: &Cluster) -> u32 {
    world.nodes().map(|(_, node)| node.disk.term).max().unwrap_or(0)
}

/// The server that crashed, in a tour that crashes one.
fn crashed(world: &Cluster) -> Option<NodeId> {
    world.nodes().map(|(id, _)| id).find(|id| !world.kernel().node(*id).up)
}

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let servers: Vec<NodeId> = world.nodes().map(|(id, _)| id).collect();
    let (ring, logs, size) = match frame {
        Frame::Wide => (Area::new(80, 84, 400, 360), (580, 60), (368, 260)),
        Frame::Narrow => (Area::new(50, 58, 300, 300), (8, 420), (384, 138)),
    };
    for (id, at) in servers.iter().zip(ring.circle(servers.len())) {
        picture.nodes.push(server(world, *id, at));
    }
    picture.link_all(&servers, &servers);
    picture.figures.push(log_grid(world, logs, size));
    picture
}

fn server(world: &Cluster, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, Raft::name(world.settings(), id));
    let term = term(world, id);
    let Some(memory) = world.memory(id) else { return mark };
    let (word, tone) = match memory.role {
        Role::Follower => ("follower", Tone::Neutral),
        Role::PreCandidate { .. } => ("asks first", Tone::Question),
        Role::Candidate { .. } => ("candidate", Tone::Question),
        Role::Leader { .. } => ("leader", Tone::Active),
    };
    mark.state = format!("{word}, term {term}");
    mark.tone = tone;
    mark.crown = leads(world, id);
    let timer = world.timers(id).find(|timer| timer.0 == Timer::Election);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// How many entries of each log are shown.
const SHOWN: u32 = 8;

fn log_grid(world: &Cluster, at: (i32, i32), size: (i32, i32)) -> Figure {
    let longest = world.nodes().map(|(_, node)| node.disk.log.last_index()).max().unwrap_or(0);
    let first = longest.saturating_sub(SHOWN) + 1;
    let rows = world.nodes().map(|(id, node)| {
        let commit = node.memory.as_ref().map_or(0, |memory| memory.commit);
        let entries = node.disk.log.entries().iter().zip(1u32..).skip(first as usize - 1);
        let cell = |(entry, index): (&raft::Entry, u32)| {
            let text = format!("{}:{}", entry.term, entry.command);
            if index <= commit { Cell::firm(text, Tone::Fine) } else { Cell::loose(text, Tone::Risk) }
        };
        let mark = (commit >= first).then(|| (commit - first + 1) as u16);
        GridRow { label: Raft::name(world.settings(), id), cells: entries.map(cell).collect(), mark }
    });
    let title = "Logs, term:command. Firm: committed.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: rows.collect() } }
}

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
    }
    fields
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn words(entries: &[raft::Entry]) -> String {
    let words: Vec<String> = entries.iter().map(|entry| format!("{}:{}", entry.term, entry.command)).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn inspect(world: &Cluster, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let name = |node: Option<NodeId>| node.map_or("nobody".to_owned(), |node| Raft::name(world.settings(), node));
    let disk = vec![
        ("current term".to_owned(), node.disk.term.to_string()),
        ("voted for".to_owned(), name(node.disk.voted_for)),
        ("log".to_owned(), words(node.disk.log.entries())),
    ];
    let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
    let mut fields =
        vec![("leader".to_owned(), name(memory.leader)), ("commit index".to_owned(), memory.commit.to_string())];
    for (register, value) in ["x", "y", "z"].iter().zip(memory.registers) {
        fields.push(((*register).to_owned(), value.map_or("unset".to_owned(), |value| value.to_string())));
    }
    fields.push(role_field(world, &memory.role));
    if let Role::Leader { next, matched } = &memory.role {
        for (id, _) in world.nodes() {
            let value = format!("next {}, match {}", next[id.index()], matched[id.index()]);
            fields.push((format!("for {}", Raft::name(world.settings(), id)), value));
        }
    }
    if let Some((_, pending)) = world.timers(id).find(|timer| timer.0 == Timer::Election) {
        let left = pending.at.saturating_sub(world.kernel().now());
        fields.push(("election timeout in".to_owned(), time::show(left)));
    }
    Inspection { disk, memory: fields }
}

fn role_field(world: &Cluster, role: &Role) -> (String, String) {
    let voters = |votes: u64| {
        let names = world.nodes().map(|(id, _)| id).filter(|id| votes >> id.0 & 1 == 1);
        names.map(|id| Raft::name(world.settings(), id)).collect::<Vec<_>>().join(", ")
    };
    let value = match role {
        Role::Follower => "follower".to_owned(),
        Role::PreCandidate { votes } => format!("pre-candidate, votes of {}", voters(*votes)),
        Role::Candidate { votes } => format!("candidate, votes of {}", voters(*votes)),
        Role::Leader { .. } => "leader".to_owned(),
    };
    ("role".to_owned(), value)
}

fn names(world: &Cluster) -> Vec<String> {
    world.nodes().map(|(id, _)| Raft::name(world.settings(), id)).collect()
}

const TOUR: &[Beat<Raft>] = &[
    Beat {
        title: "Nobody leads",
        say: "Five *followers*, and no leader. The ring around each is its *election timeout*: how long it will wait \
              for a leader. Each has drawn a random one, between 150 and 300 ms.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |world| world.nodes().map(|(id, _)| id).collect(),
        predict: None,
    },
    Beat {
        title: "The first to lose patience",
        say: "The first ring to empty makes its server a *candidate*. It begins *term* 1, votes for itself, and asks \
              the four others.",
        inputs: no_inputs,
        until: |world| !candidates(world).is_empty(),
        look: candidates,
        predict: Some(Predict {
            question: "Which server stands first?",
            options: names,
            answer: |world| candidates(world).first().map_or(0, |id| id.index()),
            because: "The one whose timeout was shortest: its ring had the least left.",
        }),
    },
    Beat {
        title: "A majority is enough",
        say: "Each server has one vote a term and gives it to the first who asks. Three of five are a majority, so \
              there can be only one winner.",
        inputs: no_inputs,
        until: |world| !leaders(world).is_empty(),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Heartbeats keep the peace",
        say: "The leader tells everyone at once, and again every 50 ms. Each *heartbeat* refills the followers' rings, \
              so nobody stands against it.",
        inputs: no_inputs,
        until: |world| common_leader(world).is_some(),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "A command on a majority",
        say: "A client sets x to 5. The leader appends it to its *log* and sends it on. Once three servers have it, it \
              is *committed*: look at the grid.",
        inputs: |_| vec![set(0, 5)],
        until: |world| world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.commit >= 1)),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "The leader stops",
        say: "The leader crashes. Its memory is gone; its disk, with term, vote and log, stays. No heartbeat comes any \
              more, and the rings run down.",
        inputs: |world| leaders(world).into_iter().map(|node| Input::Crash { node }).collect(),
        until: |world| !candidates(world).is_empty(),
        look: candidates,
        predict: Some(Predict {
            question: "Which term does the next candidate stand in?",
            options: |_| vec!["Term 1 again".to_owned(), "Term 2".to_owned(), "It depends on the votes".to_owned()],
            answer: |world| usize::from(newest_term(world) > 1),
            because: "A candidate always raises the term by one. In term 1 everyone has voted already.",
        }),
    },
    Beat {
        title: "Four are enough",
        say: "Four servers are left, and three votes still are a majority of five. The winner's log holds x=5: servers \
              refuse a candidate whose log is behind their own.",
        inputs: no_inputs,
        until: |world| !leaders(world).is_empty(),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "The old leader comes back",
        say: "The crashed server restarts from its disk. It knows its old term, and nothing of the new leader.",
        inputs: |world| crashed(world).map(|node| Input::Restart { node }).into_iter().collect(),
        until: |world| common_leader(world).is_some(),
        look: leaders,
        predict: Some(Predict {
            question: "What becomes of the old leader?",
            options: |_| {
                vec![
                    "It leads again".to_owned(),
                    "It follows the new leader".to_owned(),
                    "There are two leaders".to_owned(),
                ]
            },
            answer: |_| 1,
            because: "It boots as a follower. The first heartbeat carries a higher term, and it enters that term.",
        }),
    },
];

fn set(register: i64, value: i64) -> Input {
    Input::Command(CommandCall { command: 0, values: vec![register, value] })
}

fn default_origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// Candidates of the newest term whom nobody left can make a winner.
fn split_vote(world: &Cluster) -> bool {
    let term_now = newest_term(world);
    let servers = world.nodes().count();
    let votes = |node: NodeId| match world.memory(node).map(|memory| &memory.role) {
        Some(Role::Candidate { votes }) if term(world, node) == term_now => votes.count_ones() as usize,
        _ => 0,
    };
    let standing: Vec<usize> = candidates(world).into_iter().map(votes).filter(|votes| *votes > 0).collect();
    let cast = world.nodes().filter(|(_, node)| node.disk.term == term_now && node.disk.voted_for.is_some()).count();
    let in_flight = world.flights().any(|flight| match flight.message {
        Message::Vote { granted: true, pre: false, term } => *term == term_now,
        Message::RequestVote { pre: false, term, .. } => *term == term_now,
        _ => false,
    });
    standing.len() >= 2 && cast == servers && !in_flight && leaders(world).is_empty()
}

fn two_believe(world: &Cluster) -> bool {
    let all = leaders(world);
    all.len() >= 2 && all.iter().any(|node| term(world, *node) != term(world, all[0]))
}

/// A leader that is cut off from a majority and holds an entry that it has not committed.
fn stuck_leader(world: &Cluster) -> bool {
    let servers = world.nodes().count();
    leaders(world).into_iter().any(|leader| {
        let reach = |(other, _): &(NodeId, _)| {
            *other == leader || (world.kernel().connected(leader, *other) && world.kernel().connected(*other, leader))
        };
        let with = world.nodes().filter(|pair| reach(&(pair.0, ()))).count();
        let commit = world.memory(leader).map_or(0, |memory| memory.commit);
        let last = world.node(leader).map_or(0, |node| node.disk.log.last_index());
        with * 2 <= servers && last > commit && newest_term(world) > term(world, leader)
    })
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "split-vote",
        title: "A split vote",
        goal: "Make every server vote in one term, and nobody win it.",
        hint: "Two candidates must stand before either's request arrives. Turn the random part of the timeout down to \
               0, or delay the first candidate's requests.",
        reached: split_vote,
        origin: || Origin { settings: vec![(raft::SPREAD, 0)], ..default_origin() },
        solve: |script| {
            script.until(split_vote);
        },
    },
    Challenge {
        id: "two-leaders",
        title: "Two who believe they lead",
        goal: "Have two servers believe that they lead, in different terms.",
        hint: "A leader that hears nobody does not know that it was replaced. Cut it off.",
        reached: two_believe,
        origin: default_origin,
        solve: |script| {
            script.until(|world| common_leader(world).is_some());
            let side = leaders(script.world()).iter().fold(0, |side, node| side | 1 << node.0);
            script.act(Input::Partition { side });
            script.until(two_believe);
        },
    },
    Challenge {
        id: "stuck-leader",
        title: "A leader that cannot commit",
        goal: "Leave an old leader in a minority with an entry that it cannot commit, while the majority has moved on.",
        hint: "Cut the leader off with at most one other server, then send it a command.",
        reached: stuck_leader,
        origin: default_origin,
        solve: |script| {
            script.until(|world| common_leader(world).is_some());
            let leader = leaders(script.world()).first().map_or(0, |node| node.0);
            script.act(Input::Partition { side: 1 << leader | 1 << ((leader + 1) % 5) });
            script.act(set(1, 9));
            script.until(stuck_leader);
        },
    },
];

/// Three servers, two elections, one command: small enough to see every schedule of it.
const THREE_SERVERS: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0)],
    inputs: Vec::new,
    bounds: Bounds::new(1_000_000, 14, Budget::crashes(1)),
    within: |world| newest_term(world) <= 2 && elections(world) <= 2,
};

/// Elections that have been begun and could still matter.
fn elections(world: &Cluster) -> usize {
    candidates(world).len() + leaders(world).len()
}

const BY_TIME: &str = "The promise is about time: some schedule still elects a leader, but not this one.";

const BREAKS: &[Breaks<Raft>] = &[
    Breaks { rule: raft::ONE_VOTE, promise: ONE_LEADER.id, way: Way::Explore(THREE_SERVERS) },
    Breaks { rule: raft::VOTE_ON_DISK, promise: ONE_LEADER.id, way: Way::Explore(THREE_SERVERS) },
    Breaks {
        rule: raft::UP_TO_DATE,
        promise: NOTHING_LOST.id,
        way: Way::Explore(Hunt {
            settings: &[(raft::SERVERS, 0)],
            inputs: || vec![set(0, 5)],
            bounds: Bounds::new(300_000, 12, Budget::NONE),
            within: |world| newest_term(world) <= 2,
        }),
    },
    Breaks {
        rule: raft::STEP_DOWN,
        promise: LEADER_EMERGES.id,
        way: Way::Schedules { settings: &[], events: 1_500, reason: BY_TIME },
    },
    Breaks {
        rule: raft::RANDOM_TIMEOUT,
        promise: LEADER_EMERGES.id,
        way: Way::Schedules { settings: &[], events: 1_500, reason: BY_TIME },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::scenario::Script;
    use crate::sim::time::MS;

    /// The first message in flight that carries a granted vote.
    fn first_vote(world: &Cluster) -> Option<u64> {
        let mut votes: Vec<u64> = world
            .flights()
            .filter(|flight| matches!(flight.message, Message::Vote { granted: true, .. }))
            .map(|flight| flight.pending.id)
            .collect();
        votes.sort_unstable();
        votes.first().copied()
    }

    /// A dropped vote is missed: with three of four granted votes dropped, the candidate does not win its term.
    #[test]
    fn a_candidate_without_a_majority_does_not_lead() {
        let mut script = Script::new(SCENARIO.world(&default_origin(), &[]));
        for _ in 0..3 {
            assert!(script.until(|world| first_vote(world).is_some()));
            if let Some(id) = first_vote(script.world()) {
                assert!(script.act(Input::Drop { id }));
            }
        }
        script.until(|world| world.kernel().now() > 300 * MS);
        let first = script.world().witness().leaders().first().map(|known| known.0);
        assert!(first.is_none_or(|term| term > 1), "{first:?}");
    }
}
