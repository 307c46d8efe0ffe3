//! Raft: changing the members. Why a set of servers must not be replaced at one stroke, and two ways to do it.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::systems::consensus::raft::config::{SETS, letters, servers};
use crate::systems::consensus::raft::promises::{LIMITS, LEADER_EMERGES, NOTHING_LOST, ONE_COMMAND, ONE_LEADER, members};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, Side, commit, common_leader, config, leader, leaders, name, newest_term, set, term,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-members",
    title: "Raft: changing the members",
    guide: Guide::Consensus,
    level: 3,
    summary: "Three servers become five while they work. For a moment some servers count by the old set and some by \
              the new one, yet there must never be two majorities that share nobody.",
    seed: 15,
    settings: &[(raft::CHANGE, 0), (raft::NO_OP, 1), (raft::LATENCY, 10_000), (raft::LOAD, 0), (raft::CHURN, 0)],
    busy: &[(raft::LOAD, 20), (raft::CHURN, 1)],
    fixed: &[(raft::SERVERS, 1), (raft::MEMBERS, 3), (raft::PRE_VOTE, 1), (raft::SNAPSHOT_AFTER, 20)],
    rules: &[raft::JOINT, raft::NOOP_FIRST],
    commands: &[raft::CHANGE_MEMBERS, raft::SET],
    promises: &[ONE_LEADER, NOTHING_LOST, ONE_COMMAND, LEADER_EMERGES],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "From command to commit",
            about: "While two sets must agree, the slower of the two majorities counts.",
            plot: Plot::Percentiles(raft::COMMIT_LATENCY),
        },
        Chart {
            title: "Messages",
            about: "More members, more copies of each entry.",
            plot: Plot::Rate(raft::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_TO_ONE,
    terms: &[
        ("joint consensus", "A phase in which decisions need majorities of both the old and the new set of members."),
        ("members", "The servers whose majorities count."),
    ],
    before: &["consensus/raft-replication", "consensus/quorums"],
    near: &["consensus/raft-figure-8"],
    versions: versions!["Raft, extended version, 2014", "Ongaro's dissertation, 2014", "etcd 3.6"],
    prose: prose!("raft_members.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, Some(views(world)));
    let config = leader(world).map_or_else(|| members(world), |id| config(world, id));
    let mark = |set: u64, word: &str, tone: Tone| SetMark {
        members: servers(set).collect(),
        label: format!("{word} {}", letters(set)),
        tone,
    };
    if config.is_joint() {
        picture.sets.push(mark(config.old, "old", Tone::Question));
        picture.sets.push(mark(config.new, "new", Tone::Active));
    } else {
        picture.sets.push(mark(config.new, "members", Tone::Active));
    }
    picture
}

/// By which set each server counts.
fn views(world: &Cluster) -> Side {
    let row = |id: NodeId| {
        let config = config(world, id);
        let majority = |set: u64| format!("{} of {}", set.count_ones() / 2 + 1, letters(set));
        let old = if config.is_joint() {
            Cell::loose(majority(config.old), Tone::Question)
        } else {
            Cell::firm("", Tone::Neutral)
        };
        let tone = if config.has(id) { Tone::Active } else { Tone::Off };
        vec![Cell::firm(name(world, id), Tone::Neutral), old, Cell::firm(majority(config.new), tone)]
    };
    let head = ["server", "counts by old", "counts by new"].map(str::to_owned).to_vec();
    let rows = view::ids(world).into_iter().map(row).collect();
    ("By its log, each server needs".to_owned(), Body::Table { head, rows })
}

/// The command that asks for a set of members.
fn change(wanted: &str) -> Input {
    let at = SETS.iter().position(|set| set.0 == wanted).unwrap_or(0);
    Input::call(raft::CHANGE_MEMBERS, &[at as i64])
}

/// Whether the leader counts by exactly this set, and that is committed.
fn settled(world: &Cluster, wanted: &str) -> bool {
    leader(world).is_some_and(|id| {
        let config = config(world, id);
        let at = world.node(id).map_or(0, |node| node.disk.log.last_config_index());
        !config.is_joint() && letters(config.new) == wanted && commit(world, id) >= at
    })
}

fn is_joint(world: &Cluster) -> bool {
    leader(world).is_some_and(|id| config(world, id).is_joint())
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Three members, two in waiting",
        "A, B and C are members and elect a leader. D and E run, and wait to be added. The field is the set that \
         counts.",
        |world| common_leader(world).is_some_and(|id| commit(world, id) >= 1),
    )
    .look(leaders),
    Beat::new("A command on two of three", "x=5 is committed once two of the three have it.", |world| {
        leader(world).is_some_and(|id| commit(world, id) >= 2)
    })
    .first(|_| vec![set(0, 5)])
    .look(leaders),
    Beat::new(
        "Both sets at once",
        "Now the five: ABCDE. The leader appends an entry that names both sets. It counts from the moment it is in \
         the log: decisions need two of ABC *and* three of ABCDE.",
        is_joint,
    )
    .first(|_| vec![change("ABCDE")])
    .look(leaders)
    .ask(Predict {
        question: "The new entry itself: whose consent does it need?",
        options: |_| ["The old majority's", "The new majority's", "Both"].map(str::to_owned).to_vec(),
        answer: |world| if is_joint(world) { 2 } else { 0 },
        because: "It is in the leader's log, so the leader counts by it already.",
    }),
    Beat::new(
        "The new set alone",
        "The joint entry is committed. From here on nobody can decide by the old set alone, so it is safe to drop \
         it: the leader appends ABCDE.",
        |world| settled(world, "ABCDE"),
    )
    .look(view::ids),
    Beat::new("Five are members", "Now two may crash, where before it was one.", |world| {
        leader(world).and_then(|id| world.memory(id)).is_some_and(|memory| memory.registers[1] == Some(7))
    })
    .first(|world| {
        let other = |id: &NodeId| leader(world) != Some(*id);
        let down = view::ids(world).into_iter().filter(other).take(2).map(|node| Input::Crash { node });
        down.chain([set(1, 7)]).collect()
    })
    .look(leaders),
    Beat::new(
        "A leader that is not a member",
        "All run again, and now a set without the leader is asked for. The leader carries the change out without \
         counting itself, and steps down when it is committed.",
        |world| ["CDE", "A"].iter().any(|wanted| settled(world, wanted)),
    )
    .first(|world| {
        let up = view::ids(world).into_iter().filter(|id| !world.kernel().node(*id).up);
        let wanted = if leader(world).is_some_and(|id| id.0 < 2) { "CDE" } else { "A" };
        up.map(|node| Input::Restart { node }).chain([change(wanted)]).collect()
    })
    .look(leaders)
    .ask(Predict {
        question: "Who leads in the end?",
        options: |_| ["The same leader", "One of the new members"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(leader(world).is_some_and(|id| config(world, id).has(id))),
        because: "The old leader has done its part. The members hear nobody, and elect one of their own.",
    }),
];

/// A change that is neither done nor undone.
fn stuck_change(world: &Cluster) -> bool {
    let joint = |id: &NodeId| config(world, *id).is_joint();
    leaders(world).iter().any(|id| joint(id) && term(world, *id) < newest_term(world)) && leaders(world).len() > 1
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "stuck-change",
        title: "A change that leads nowhere",
        goal: "Leave a leader with a joint configuration that it cannot commit, while the old set carries on under \
               another.",
        hint: "Cut the leader off together with the servers that are about to join.",
        reached: stuck_change,
    },
    Challenge {
        id: "moved-house",
        title: "Moved house",
        goal: "Make C, D and E the only members, with an entry committed by them alone.",
        hint: "Ask for CDE, wait until it is settled, and set a register.",
        reached: |world| {
            settled(world, "CDE") && world.memory(NodeId(3)).is_some_and(|memory| memory.registers[2].is_some())
        },
    },
];

/// Three servers are to become one: A leads term 1, B term 2.
const THREE_TO_ONE: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::NO_OP, 0), (raft::PRE_VOTE, 0)],
    inputs: || vec![change("A")],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 20, Budget::NONE) },
    within: |world| newest_term(world) <= 2 && view::in_turn(world),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::raft::{bit, leadership};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const A: NodeId = NodeId(0);

    /// The schedule of Ongaro's note of 2015. A adds E and reaches E alone; B, say, elected by the old set, removes A and commits
    /// that on two of three; then A, elected by its own larger set, knows nothing of it.
    pub(super) fn bug_of_2015(script: &mut Script<Raft>) {
        script.until(|world| leadership(world, A).is_some());
        script.act(Input::Partition { side: 0b10001 });
        script.act(change("ABCDE"));
        script.until(|world| leaders(world).len() == 2);
        let second = leader(script.world()).unwrap_or(A);
        // One of the other two does not get the second leader's entry.
        let without = if second == NodeId(3) { NodeId(2) } else { NodeId(3) };
        script.act(Input::Cut { from: second, to: without });
        script.act(change("BCD"));
        script.until(|world| commit(world, second) >= 1);
        script.act(Input::Partition { side: 0b10001 | bit(without) });
        script.until(|world| leadership(world, A).is_some() && term(world, A) > 1);
    }

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::JOINT, promise: NOTHING_LOST.id, way: Way::Explore },
        Breaks {
            rule: raft::NOOP_FIRST,
            promise: NOTHING_LOST.id,
            way: Way::Script {
                settings: &[(raft::CHANGE, 1), (raft::MEMBERS, 4), (raft::NO_OP, 0), (raft::PRE_VOTE, 0)],
                act: bug_of_2015,
                reason: "Ongaro's own schedule of 2015: five servers, three elections and two changes of the members.",
            },
        },
    ];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "stuck-change",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1));
                let leader = leader(script.world()).map_or(0, bit);
                script.act(Input::Partition { side: leader | 0b11000 });
                script.act(change("ABCDE"));
                script.until(stuck_change);
            },
        },
        Solution {
            challenge: "moved-house",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1));
                script.act(change("CDE"));
                script.until(|world| settled(world, "CDE") && common_leader(world).is_some());
                script.act(set(2, 4));
                script.until(|world| {
                    settled(world, "CDE") && world.memory(NodeId(3)).is_some_and(|m| m.registers[2].is_some())
                });
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_on_offer_are_the_ones_the_command_names() {
        assert!(SETS.iter().all(|(name, set)| *name == letters(*set)));
    }
}
