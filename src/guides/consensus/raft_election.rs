//! Raft: electing a leader. Who leads, how a new leader is found, and why there are never two in a term.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::raft::promises::{
    LEADER_EMERGES, LEADER_KEPT, LIMITS, NOTHING_LOST, ONE_COMMAND, ONE_LEADER,
};
use crate::systems::consensus::raft::{self, Message, Raft, Role};
use crate::views::raft::{
    self as view, Cluster, candidates, commit, common_leader, crashed, last, leaders, newest_term, set, term,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-election",
    title: "Raft: electing a leader",
    guide: Guide::Consensus,
    level: 2,
    summary: "Five servers agree on one leader. Stop it, and watch the others notice, vote and agree on a new one: \
              never two in the same term.",
    seed: 7,
    settings: &[
        (raft::SERVERS, 1),
        (raft::TIMEOUT, 150_000),
        (raft::SPREAD, 150_000),
        (raft::HEARTBEAT, 50_000),
        (raft::LATENCY, 10_000),
        (raft::PRE_VOTE, 0),
    ],
    rules: &[raft::ONE_VOTE, raft::VOTE_ON_DISK, raft::UP_TO_DATE, raft::STEP_DOWN, raft::RANDOM_TIMEOUT],
    commands: &[raft::SET],
    promises: &[ONE_LEADER, NOTHING_LOST, ONE_COMMAND, LEADER_EMERGES, LEADER_KEPT],
    limits: LIMITS,
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
            about: "Each is a server that did not hear from a leader in time.",
            plot: Plot::Rate(raft::ELECTIONS),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_SERVERS,
    without: WITHOUT,
    terms: &[
        ("candidate", "A server that stands for election in a new term."),
        ("committed", "Decided permanently: no later leader will undo it."),
        ("election timeout", "How long a follower waits to hear from a leader before it stands for election."),
        ("followers", "Servers that take their orders from the leader."),
        ("heartbeats", "Regular messages that only say: I am still here."),
        ("leader", "The one server that takes clients' commands in its term."),
        ("log", "The list of entries a server has written, in order."),
        ("logs", "Each server's list of entries, in order."),
        ("pre-vote", "A question before an election: would you vote for me? It raises no term."),
        ("term", "A number that counts elections: each has at most one leader."),
    ],
    before: &["consensus/quorums"],
    near: &["consensus/bully", "consensus/zab"],
    versions: versions!["Raft, extended version, 2014", "Ongaro's dissertation, 2014", "etcd 3.6"],
    prose: prose!("raft_election.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, None);
    picture.sets = view::votes(world);
    picture
}

fn is_append(message: &Message) -> bool {
    matches!(message, Message::Append { .. })
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Nobody leads",
        "Five *followers*, and no *leader*. The ring around each is its *election timeout*, drawn at random between \
         150 and 300 ms. The first whose ring empties becomes a *candidate*: it begins *term* 1, votes for itself, \
         and asks the four others.",
        |world| !candidates(world).is_empty(),
    )
    .midway()
    .look(|world| world.nodes().map(|(id, _)| id).collect())
    .ask(Predict {
        question: "What if all five had drawn the same timeout?",
        options: |_| {
            vec![
                "All stand at once, and nobody wins".to_owned(),
                "All stand at once, and one is chosen".to_owned(),
                "Nobody would ever stand".to_owned(),
            ]
        },
        answer: |_| 0,
        because: "Each would vote for itself, and one vote of five elects nobody. That is why timeouts are random.",
    }),
    Beat::new(
        "A majority is enough",
        "Each server has one vote per term and gives it to the first that asks. Three of five are a majority, so there \
         can be only one winner: it becomes the leader, and wears the crown. The field takes in each server that has \
         voted for it.",
        |world| !leaders(world).is_empty(),
    )
    .midway()
    .look(leaders),
    Beat::new(
        "Heartbeats keep the peace",
        "The leader tells everyone at once, and again every 50 ms: here come the first *heartbeats*, then the next. \
         Watch the rings: each heartbeat refills one, so nobody stands against the leader.",
        |world| common_leader(world).is_some() && on_the_way(world, is_append) == 4,
    )
    .midway()
    .look(leaders),
    Beat::new(
        "A command on a majority",
        "A client sets x to 5. The leader appends it to its *log* and sends it on. Once the leader knows of three \
         servers that have it, itself included, it is *committed*: in the grid its cell turns firm. The next heartbeat \
         tells the others.",
        |world| world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.commit >= 1)),
    )
    .first(|_| vec![set(0, 5)])
    .look(leaders),
    Beat::new(
        "The leader stops",
        "The leader crashes. Its memory is gone; its disk, with term, vote and log, stays. No heartbeat comes any \
         more, and the rings run down.",
        |world| !candidates(world).is_empty(),
    )
    .first(|world| leaders(world).into_iter().map(|node| Input::Crash { node }).collect())
    .midway()
    .look(candidates)
    .ask(Predict {
        question: "Which term does the next candidate stand in?",
        options: |_| vec!["Term 1 again".to_owned(), "Term 2".to_owned(), "It depends on the votes".to_owned()],
        answer: |world| usize::from(newest_term(world) > 1),
        because: "A candidate always raises the term by one. In term 1 everybody has voted already.",
    }),
    Beat::new(
        "Four are enough",
        "Four servers are left, and three votes are still a majority of five. The winner's log holds x=5: servers \
         refuse a candidate whose log is behind their own.",
        |world| !leaders(world).is_empty(),
    )
    .midway()
    .look(leaders),
    Beat::new(
        "The old leader comes back",
        "The crashed server restarts from its disk. It knows its old term, but nothing of the new leader.",
        |world| common_leader(world).is_some(),
    )
    .first(|world| crashed(world).map(|node| Input::Restart { node }).into_iter().collect())
    .look(leaders)
    .ask(Predict {
        question: "What becomes of the old leader?",
        options: |_| {
            vec![
                "It leads again".to_owned(),
                "It follows the new leader".to_owned(),
                "There are two leaders".to_owned(),
            ]
        },
        answer: |_| 1,
        because: "It boots as a follower. The first heartbeat it gets carries a higher term, and it enters that term.",
    }),
];

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
        with * 2 <= servers && last(world, leader) > commit(world, leader) && newest_term(world) > term(world, leader)
    })
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "split-vote",
        title: "A split vote",
        goal: "Make every server vote in one term, and nobody win it.",
        hint: "Two candidates must stand before either's request arrives. Turn the random part of the timeout down \
               to 0, or delay the first candidate's requests.",
        reached: split_vote,
    },
    Challenge {
        id: "two-leaders",
        title: "Two who believe they lead",
        goal: "Have two servers believe that they lead, in different terms.",
        hint: "A leader that hears nobody does not know that it has been replaced. Cut it off.",
        reached: two_believe,
    },
    Challenge {
        id: "stuck-leader",
        title: "A leader that cannot commit",
        goal: "Leave an old leader in a minority with an entry that it cannot commit, while the majority has moved \
               on.",
        hint: "Cut the leader off with at most one other server, then send it a command.",
        reached: stuck_leader,
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

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Raft>)] = &[(
    raft::UP_TO_DATE,
    Hunt {
        settings: &[(raft::SERVERS, 0)],
        inputs: || vec![set(0, 5)],
        bounds: Bounds::new(300_000, 12, Budget::NONE),
        within: |world| newest_term(world) <= 2,
    },
)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::raft::bit;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BY_TIME: &str =
        "The promise is about time: some schedule still elects a leader, just not this one.";

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::ONE_VOTE, promise: ONE_LEADER.id, way: Way::Explore },
        Breaks { rule: raft::VOTE_ON_DISK, promise: ONE_LEADER.id, way: Way::Explore },
        Breaks { rule: raft::UP_TO_DATE, promise: NOTHING_LOST.id, way: Way::Explore },
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

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "split-vote",
            from: || Origin { settings: vec![(raft::SPREAD, 0)], ..SCENARIO.from(&[], &[]) },
            act: |script| {
                script.until(split_vote);
            },
        },
        Solution {
            challenge: "two-leaders",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                let side = leaders(script.world()).into_iter().fold(0, |side, node| side | bit(node));
                script.act(Input::Partition { side });
                script.until(two_believe);
            },
        },
        Solution {
            challenge: "stuck-leader",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                let leader = leaders(script.world()).first().map_or(0, |node| node.0);
                script.act(Input::Partition { side: 1 << leader | 1 << ((leader + 1) % 5) });
                script.act(set(1, 9));
                script.until(stuck_leader);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::time::MS;

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
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        for _ in 0..3 {
            assert!(script.until(|world| first_vote(world).is_some()));
            if let Some(id) = first_vote(script.world()) {
                assert!(script.act(Input::Drop { id }));
            }
        }
        script.until(|world| world.kernel().now() > 300 * MS);
        let first = script.world().witness().leaders().first().map(|leader| leader.term);
        assert!(first.is_none_or(|term| term > 1), "{first:?}");
    }
}
