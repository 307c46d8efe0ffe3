//! Quorums and split brain: why more than half must agree, shown on a cluster that is cut in two.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::small;
use crate::systems::consensus::raft::config::{letters, servers};
use crate::systems::consensus::raft::promises::{LEADER_EMERGES, LIMITS, ONE_COMMAND, ONE_LEADER};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, Side, bit, commit, common_leader, last, leaders, leadership, name, newest_term, set, set_at,
    term,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "quorums",
    title: "Quorums and split brain",
    guide: Guide::Consensus,
    level: 1,
    summary: "A cut leaves two servers on one side and three on the other. If two were enough to decide, both sides \
              would: two leaders, two truths. That is why more than half must agree.",
    seed: 6,
    settings: &[(raft::QUORUM, 2), (raft::LATENCY, 10_000), (raft::LOAD, 0)],
    busy: &[(raft::LOAD, 20)],
    fixed: &[(raft::SERVERS, 1), (raft::WRITES, 100)],
    rules: &[raft::MAJORITY],
    commands: &[raft::SET],
    promises: &[ONE_COMMAND, ONE_LEADER, LEADER_EMERGES],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "From command to commit",
            about: "A larger quorum waits for slower servers. Turn up the load.",
            plot: Plot::Percentiles(raft::COMMIT_LATENCY),
        },
        Chart {
            title: "Term of each server",
            about: "Lines that part: two sides that carry on alone.",
            plot: Plot::Level(raft::TERM),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_SIDES,
    terms: &[
        ("majority", "More than half: two of three, three of five."),
        ("split brain", "Two parts of a cluster that each believe they are the whole."),
    ],
    before: &["consensus/agreement"],
    near: &["consensus/raft-election", "storage/leaderless-quorum"],
    versions: versions!["Raft, extended version, 2014", "etcd 3.6", "Pacemaker 3.0"],
    prose: prose!("quorums.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, Some(decisions(world)));
    picture.sets = view::votes(world);
    picture
}

/// Who leads by whose votes, and what each of them has decided.
fn decisions(world: &Cluster) -> Side {
    let row = |id: NodeId| {
        let won = world.witness().leaders().iter().rev().find(|leader| leader.node == id);
        let votes = won.map_or(0, |leader| leader.votes);
        let applied = commit(world, id);
        let entry = world.node(id).and_then(|node| node.disk.log.entry(applied));
        let decided = entry.map_or("nothing".to_owned(), |entry| format!("{applied}: {}", entry.payload));
        let tone = if servers(votes).count() * 2 > world.nodes().count() { Tone::Fine } else { Tone::Broken };
        vec![
            Cell::firm(format!("{}, term {}", name(world, id), term(world, id)), Tone::Active),
            Cell::firm(letters(votes), tone),
            Cell::firm(decided, Tone::Neutral),
        ]
    };
    let head = ["leader", "votes of", "last decided"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<Cell>> = leaders(world).into_iter().map(row).collect();
    (format!("Leaders now: {}", rows.len()), Body::Table { head, rows })
}

/// The leader, and the first server that does not lead: the small side of a cut.
fn small_side(world: &Cluster) -> u64 {
    let leader = leaders(world).first().copied();
    let other = view::ids(world).into_iter().find(|id| Some(*id) != leader);
    leader.map_or(0, bit) | other.map_or(0, bit)
}

/// The older of two leaders, and the newer.
fn old_and_new(world: &Cluster) -> Option<(NodeId, NodeId)> {
    let mut all = leaders(world);
    small::sort_by_key(&mut all, |id| term(world, *id));
    Some((*all.first()?, *all.get(1)?))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A leader by majority",
        "Five servers elect a leader. The field is the set of servers that voted for it: a *quorum*. The slider \
         says that two would do; the rule raises it to a *majority*, three of five.",
        |world| common_leader(world).is_some(),
    )
    .look(leaders),
    Beat::new("A decision", "x=5 goes to slot 1 of the log. It is decided once three servers have it.", |world| {
        view::ids(world).into_iter().all(|id| commit(world, id) >= 1)
    })
    .first(|_| vec![set(0, 5)])
    .look(leaders),
    Beat::new(
        "The cut",
        "A cable is cut: the leader and one other here, three servers there. Each side sees the other as dead. No \
         server can tell a cut from a crash.",
        |world| old_and_new(world).is_some(),
    )
    .first(|world| vec![Input::Partition { side: small_side(world) }])
    .midway()
    .look(leaders)
    .ask(Predict {
        question: "After a while, how many servers believe that they lead?",
        options: |_| ["One", "Two", "None"].map(str::to_owned).to_vec(),
        answer: |world| leaders(world).len().saturating_sub(1).min(1),
        because: "The three elect one of their own, and the old leader has not heard of it.",
    }),
    Beat::new(
        "Both are asked",
        "A client on each side asks for something different in slot 2: y=1 of the old leader, y=2 of the new one.",
        |world| old_and_new(world).is_some_and(|(_, new)| commit(world, new) >= 2),
    )
    .first(|world| {
        let pair = old_and_new(world);
        vec![set_at(1, 1, pair.map(|pair| pair.0)), set_at(1, 2, pair.map(|pair| pair.1))]
    })
    .look(leaders)
    .ask(Predict {
        question: "Who decides?",
        options: |_| ["The old leader", "The new leader", "Both", "Neither"].map(str::to_owned).to_vec(),
        answer: |world| match old_and_new(world).map(|(old, new)| (commit(world, old) >= 2, commit(world, new) >= 2)) {
            Some((true, false)) => 0,
            Some((false, true)) => 1,
            Some((true, true)) => 2,
            _ => 3,
        },
        because: "Two of five are no majority, three are. The old leader waits, and so does its client.",
    }),
    Beat::new(
        "The cut heals",
        "The old leader hears the later term and follows. y=1 was never decided, and disappears.",
        |world| common_leader(world).is_some() && view::ids(world).into_iter().all(|id| commit(world, id) >= 2),
    )
    .first(|_| vec![Input::HealAll])
    .look(leaders),
    Beat::new(
        "Now two are enough",
        "The same cut, with the rule off: two servers are a quorum, as the slider says. Nothing stops the two sides \
         from deciding apart any more.",
        |world| old_and_new(world).is_some(),
    )
    .first(|world| vec![Input::off(raft::MAJORITY), Input::Partition { side: small_side(world) }])
    .midway()
    .look(leaders),
    Beat::new(
        "Split brain",
        "Both sides are asked for slot 3, and both decide. A client over here was told z=1, one over there z=2. \
         Healing the cut cannot repair that.",
        |world| world.is_promise_broken(ONE_COMMAND.id),
    )
    .first(|world| {
        let pair = old_and_new(world);
        vec![set_at(2, 1, pair.map(|pair| pair.0)), set_at(2, 2, pair.map(|pair| pair.1))]
    })
    .look(leaders),
];

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "nobody-decides",
        title: "Nobody decides",
        goal: "Cut the five so that no side can decide anything, with all of them running.",
        hint: "Two, two and one. A partition makes two sides; single links can be cut as well.",
        reached: |world| {
            let up = view::ids(world).into_iter().all(|id| world.kernel().is_running(id));
            let joined = |a: NodeId, b: NodeId| a == b || world.kernel().connected(a, b);
            let side = |id: NodeId| view::ids(world).into_iter().filter(|other| joined(id, *other)).count();
            up && view::ids(world).into_iter().all(|id| side(id) * 2 <= world.nodes().count())
        },
    },
    Challenge {
        id: "all-five",
        title: "All or nothing",
        goal: "With a quorum of all servers, let a single crash keep the leader from deciding.",
        hint: "Move the slider to 5, crash one follower, and set a register.",
        reached: |world| {
            let all = world.settings().get(raft::QUORUM) as usize >= world.nodes().count();
            let down = view::ids(world).into_iter().filter(|id| !world.kernel().node(*id).up).count();
            all && down == 1
                && leaders(world).into_iter().any(|id| last(world, id) > commit(world, id) && tried(world, id))
        },
    },
];

/// Whether all but one have the leader's last entry.
fn tried(world: &Cluster, leader: NodeId) -> bool {
    let last = last(world, leader);
    let have = leadership(world, leader).map_or(0, |known| known.matched.iter().filter(|at| **at >= last).count());
    last > 0 && have + 1 == world.nodes().count()
}

/// Three servers, where one would be enough without the rule; A and B are asked for something.
const TWO_SIDES: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::QUORUM, 1)],
    inputs: || vec![set_at(0, 1, Some(NodeId(0))), set_at(0, 2, Some(NodeId(1)))],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 20, Budget::NONE) },
    within: |world| newest_term(world) <= 2,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Raft>] =
        &[Breaks { rule: raft::MAJORITY, promise: ONE_COMMAND.id, way: Way::Explore }];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "nobody-decides",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::Partition { side: 0b00011 });
                for (from, to) in [(2, 4), (4, 2), (3, 4), (4, 3)] {
                    script.act(Input::Cut { from: NodeId(from), to: NodeId(to) });
                }
                script.steps(1);
            },
        },
        Solution {
            challenge: "all-five",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::set(raft::QUORUM, 5));
                script.until(|world| common_leader(world).is_some());
                let other = view::ids(script.world()).into_iter().find(|id| leadership(script.world(), *id).is_none());
                other.into_iter().for_each(|node| {
                    script.act(Input::Crash { node });
                });
                script.act(set(0, 1));
                script.until(|world| leaders(world).into_iter().any(|id| tried(world, id)));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use crate::mechanisms::quorum;

    /// Any two majorities of n share at least one; with even n a half is not enough.
    #[test]
    fn majorities_share_a_member_and_halves_need_not() {
        for n in 2..8u32 {
            let sets = |least: usize| (0..1u32 << n).filter(move |set| set.count_ones() as usize >= least);
            let apart = |least: usize| sets(least).any(|a| sets(least).any(|b| a & b == 0));
            assert!(!apart(quorum::majority(n as usize)));
            assert!(apart(quorum::majority(n as usize) - 1) || n == 2);
        }
    }
}
