//! Raft: replicating the log. How entries get to a majority, and how logs that have parted come together again.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::systems::consensus::raft::promises::{CAUGHT_UP, LIMITS, LOGS_MATCH, NOTHING_LOST, ONE_COMMAND};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, bit, commit, common_leader, crashed, last, leader, leader_at, leaders, newest_term, set,
    set_at,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-replication",
    title: "Raft: replicating the log",
    guide: Guide::Consensus,
    level: 3,
    summary: "The leader appends commands and sends them on; a majority makes them final. Cut it off, let the logs \
              part, and watch them come together again without losing what was committed.",
    seed: 7,
    settings: &[(raft::SERVERS, 1), (raft::HEARTBEAT, 50_000), (raft::LATENCY, 10_000), (raft::LOAD, 0)],
    busy: &[(raft::LOAD, 20)],
    fixed: &[(raft::WRITES, 100)],
    rules: &[raft::CHECK_PREVIOUS, raft::CONFLICTS_ONLY, raft::COMMIT_ON_MAJORITY, raft::APPEND_ONLY],
    commands: &[raft::SET],
    promises: &[LOGS_MATCH, ONE_COMMAND, NOTHING_LOST, CAUGHT_UP],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "From command to commit",
            about: "One way to the quickest majority and back. Turn up the load to see it.",
            plot: Plot::Percentiles(raft::COMMIT_LATENCY),
        },
        Chart {
            title: "Messages",
            about: "Heartbeats and their answers, and one more round for each command.",
            plot: Plot::Rate(raft::MESSAGES),
        },
        Chart {
            title: "Entries in each log",
            about: "Lines that part show followers that lag.",
            plot: Plot::Level(raft::LOG_LENGTH),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_COMMANDS,
    terms: &[("commit index", "The index up to which a server knows the log to be committed.")],
    before: &["consensus/raft-election"],
    near: &["consensus/multi-paxos", "consensus/zab"],
    versions: versions!["Raft, extended version, 2014", "etcd 3.6"],
    prose: prose!("raft_replication.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, None);
    picture.sets = view::copies(world);
    picture
}

/// A leader whom a newer one has replaced without its knowledge.
fn old_leader(world: &Cluster) -> Option<NodeId> {
    leader(world).and_then(|newest| leaders(world).into_iter().find(|id| *id != newest))
}

/// Whether everyone has applied this many entries.
fn everyone_at(world: &Cluster, index: u32) -> bool {
    view::ids(world).into_iter().all(|id| commit(world, id) >= index)
}

/// The first server that does not lead.
fn follower(world: &Cluster) -> Option<NodeId> {
    view::ids(world).into_iter().find(|id| !leaders(world).contains(id))
}

/// Cuts the leader and one follower off from the rest.
fn cut_leader_off(world: &Cluster) -> Vec<Input> {
    let side = [leader(world), follower(world)].into_iter().flatten().fold(0, |side, node| side | bit(node));
    vec![Input::Partition { side }]
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One leader, empty logs",
        "Five servers elect a *leader*. From now on it alone takes commands. Each server has a *log*: a row of the \
         grid.",
        |world| common_leader(world).is_some(),
    )
    .look(leaders),
    Beat::new(
        "Append, then send",
        "A client sets x to 5. The leader appends the command with its term and sends it to everyone. A dashed cell \
         is in the log and not yet final.",
        |world| leader(world).is_some_and(|id| last(world, id) >= 1),
    )
    .first(|_| vec![set(0, 5)])
    .midway()
    .look(leaders),
    Beat::new(
        "A majority has it",
        "Followers write the entry to their disks and say so. The field behind the nodes is the set that has it.",
        |world| leader_at(world, 1),
    )
    .look(leaders)
    .ask(Predict {
        question: "How many of five servers must have the entry before it is committed?",
        options: |_| ["Two", "Three", "All five"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "The leader's own copy counts. Any later winner needs three votes, so at least one of these three \
                  has a say in who wins.",
    }),
    Beat::new(
        "The followers hear of it",
        "The next message carries the leader's *commit index*. Now every server applies x=5.",
        |world| everyone_at(world, 1),
    )
    .look(view::ids),
    Beat::new(
        "One is down, the rest go on",
        "A follower crashes, and a client sets y to 7. Four are left, and three are enough.",
        |world| leader_at(world, 2),
    )
    .first(|world| follower(world).map(|node| Input::Crash { node }).into_iter().chain([set(1, 7)]).collect())
    .look(leaders),
    Beat::new(
        "It catches up",
        "The follower restarts with its log from disk. Each message of the leader names the entry *before* those it \
         carries. A follower that lacks it refuses, and the leader goes one back.",
        |world| everyone_at(world, 2),
    )
    .first(|world| crashed(world).map(|node| Input::Restart { node }).into_iter().collect())
    .look(view::ids),
    Beat::new(
        "A tail that is not committed",
        "The leader and one follower are cut off. A client that still talks to this leader sets z to 9. It gets as \
         far as two servers, and no further.",
        |world| leader(world).zip(follower(world)).is_some_and(|(a, b)| last(world, a).min(last(world, b)) >= 3),
    )
    .first(|world| cut_leader_off(world).into_iter().chain([set(2, 9)]).collect())
    .look(leaders),
    Beat::new(
        "The others carry on without it",
        "The three others hear no leader, and elect one of their own in a later term.",
        |world| old_leader(world).is_some(),
    )
    .midway()
    .look(leaders),
    Beat::new(
        "Committed over there",
        "Another client sets z to 1. It goes to the same index as z=9, in a later term, onto a majority, and is \
         committed. Compare the rows of the grid.",
        |world| leader_at(world, 3),
    )
    .first(|world| vec![set_at(2, 1, leader(world))])
    .look(leaders),
    Beat::new(
        "The cut heals",
        "The old leader hears of the higher term and follows. Its entry of the old term conflicts with the new \
         leader's.",
        |world| everyone_at(world, 3),
    )
    .first(|_| vec![Input::HealAll])
    .look(view::ids)
    .ask(Predict {
        question: "What becomes of z=9?",
        options: |_| ["It is deleted", "It comes after z=1", "It stays: it came first"].map(str::to_owned).to_vec(),
        answer: |world| {
            let z = leader(world).and_then(|id| world.memory(id)).and_then(|memory| memory.registers[2]);
            if z == Some(1) { 0 } else { 2 }
        },
        because: "It was never on a majority, so no client was told that it was done. The newer leader's log settles \
                  the conflict.",
    }),
];

/// A follower whose log ends in another entry than the newest leader's at the same index.
fn conflict(world: &Cluster) -> Option<NodeId> {
    let leader = leader(world)?;
    let log = &world.node(leader)?.disk.log;
    let differs = |id: &NodeId| {
        let other = world.node(*id).map(|node| &node.disk.log);
        let entry = other.and_then(|other| other.entry(other.last_index()).zip(log.entry(other.last_index())));
        entry.is_some_and(|(theirs, ours)| theirs != ours)
    };
    view::ids(world).into_iter().find(differs)
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "two-tails",
        title: "Two logs that disagree",
        goal: "Have a server keep an entry where the newest leader's log has another at the same index.",
        hint: "A leader that is cut off still appends. Its replacement does so too.",
        reached: |world| conflict(world).is_some(),
    },
    Challenge {
        id: "far-behind",
        title: "Five behind",
        goal: "Get a running follower's log five entries behind what is committed.",
        hint: "Messages to a follower can be cut in one direction, or it can be paused.",
        reached: |world| {
            let most = view::ids(world).into_iter().map(|id| commit(world, id)).max().unwrap_or(0);
            world.nodes().any(|(id, node)| node.memory.is_some() && last(world, id) + 5 <= most)
        },
    },
];

/// Three servers, A leads term 1 and B term 2, a command for each.
const TWO_COMMANDS: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0)],
    inputs: || vec![set_at(0, 1, Some(NodeId(0))), set_at(0, 2, Some(NodeId(1)))],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(1_000_000, 24, Budget::NONE) },
    within: |world| newest_term(world) <= 2 && view::in_turn(world),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::CHECK_PREVIOUS, promise: ONE_COMMAND.id, way: Way::Explore },
        Breaks { rule: raft::CONFLICTS_ONLY, promise: NOTHING_LOST.id, way: Way::Explore },
        Breaks { rule: raft::COMMIT_ON_MAJORITY, promise: NOTHING_LOST.id, way: Way::Explore },
        Breaks { rule: raft::APPEND_ONLY, promise: ONE_COMMAND.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "two-tails",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                cut_leader_off(script.world()).into_iter().for_each(|input| {
                    script.act(input);
                });
                script.act(set(2, 9));
                script.until(|world| old_leader(world).is_some());
                script.act(set_at(2, 1, leader(script.world())));
                script.until(|world| conflict(world).is_some());
            },
        },
        Solution {
            challenge: "far-behind",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                if let Some(node) = follower(script.world()) {
                    script.act(Input::Pause { node });
                }
                for value in 0..5 {
                    script.act(set(0, value));
                }
                script.until(|world| leader_at(world, 5));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two message delays with a stable leader: a command is committed after the quickest majority's way and back.
    #[test]
    fn a_commit_takes_two_message_delays() {
        let origin = Origin { settings: vec![(raft::LOAD, 5), (raft::LATENCY, 10_000)], ..SCENARIO.from(&[], &[]) };
        let mut script = SCENARIO.script(&origin);
        script.until(|world| leader_at(world, 40));
        let world = script.world();
        let all = world.metrics().of(raft::COMMIT_LATENCY).map(|(_, series)| series.merged(0).quantile(500));
        let median = all.flatten().max().unwrap_or(0);
        assert!((14_000..24_000).contains(&median), "{median} us");
    }
}
