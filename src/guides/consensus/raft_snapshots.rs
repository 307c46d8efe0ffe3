//! Raft: snapshots. A log that does not grow for ever, and a follower that comes too late for its beginning.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::small;
use crate::systems::consensus::raft::promises::{CAUGHT_UP, LIMITS, NOTHING_LOST, ONE_COMMAND, SAME_STATE};
use crate::systems::consensus::raft::{self, Message, Raft, registers};
use crate::views::raft::{
    self as view, Cluster, Side, commit, common_leader, crashed, leader, leaders, name, newest_term, set, set_at,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-snapshots",
    title: "Raft: snapshots",
    guide: Guide::Consensus,
    level: 3,
    summary: "Servers replace the beginning of their logs with the state it led to. A follower that was away too \
              long gets that state in place of the entries.",
    seed: 4,
    settings: &[(raft::SNAPSHOT_AFTER, 4), (raft::LATENCY, 10_000), (raft::HEARTBEAT, 50_000), (raft::LOAD, 0)],
    busy: &[(raft::LOAD, 30)],
    fixed: &[(raft::SERVERS, 0), (raft::WRITES, 100)],
    rules: &[raft::KEEP_UNAPPLIED, raft::SNAPSHOT_TERM],
    commands: &[raft::SET],
    promises: &[SAME_STATE, NOTHING_LOST, ONE_COMMAND, CAUGHT_UP],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Entries in each log",
            about: "Up with each command, down with each snapshot. Turn up the load.",
            plot: Plot::Level(raft::LOG_LENGTH),
        },
        Chart {
            title: "Messages",
            about: "A snapshot is one message here; a real one is sent in pieces.",
            plot: Plot::Rate(raft::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: SNAPSHOT_EACH,
    terms: &[("snapshot", "The state after an index of the log, kept in place of the entries up to there.")],
    before: &["consensus/raft-replication"],
    near: &["consensus/zab"],
    versions: versions!["Raft, extended version, 2014", "etcd 3.6"],
    prose: prose!("raft_snapshots.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

const A: NodeId = NodeId(0);

fn picture(world: &Cluster, frame: Frame) -> Picture {
    view::picture(world, frame, Some(snapshots(world)))
}

/// What each server's snapshot stands for, and its state.
fn snapshots(world: &Cluster) -> Side {
    let row = |(id, node): (NodeId, &crate::sim::machine::world::Node<Raft>)| {
        let snapshot = node.disk.log.snapshot();
        let upto = snapshot.map_or("none".to_owned(), |s| format!("to {}, term {}", s.last_index, s.last_term));
        let held = snapshot.map_or(String::new(), |snapshot| short(registers(snapshot.registers)));
        let now = node.memory.as_ref().map_or(String::new(), |memory| short(registers(memory.registers)));
        let tone = if snapshot.is_some() { Tone::Store } else { Tone::Neutral };
        vec![
            Cell::firm(name(world, id), Tone::Neutral),
            Cell::firm(upto, tone),
            Cell::firm(held, tone),
            Cell::firm(now, Tone::Neutral),
        ]
    };
    let head = ["server", "snapshot", "holds", "state now"].map(str::to_owned).to_vec();
    ("Snapshots".to_owned(), Body::Table { head, rows: world.nodes().map(row).collect() })
}

/// Without spaces, and no longer than a cell.
fn short(registers: String) -> String {
    if registers == "nothing set" { "-".to_owned() } else { registers.replace(", ", " ").chars().take(14).collect() }
}

fn base(world: &Cluster, id: NodeId) -> u32 {
    world.node(id).map_or(0, |node| node.disk.log.base())
}

fn follower(world: &Cluster) -> Option<NodeId> {
    view::ids(world).into_iter().find(|id| leader(world) != Some(*id))
}

fn sends_a_snapshot(world: &Cluster) -> bool {
    world.flights().any(|flight| matches!(flight.message, Message::InstallSnapshot { .. }))
}

fn all_at(world: &Cluster, index: u32) -> bool {
    view::ids(world).into_iter().all(|id| commit(world, id) >= index)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Three servers",
        "Three servers elect a leader. A server takes a *snapshot* once it has applied four entries.",
        |world| common_leader(world).is_some(),
    )
    .look(leaders),
    Beat::new(
        "Three entries",
        "x=1, y=2, x=3. The log holds three entries; the state has two values, for x=1 was overwritten.",
        |world| all_at(world, 3),
    )
    .first(|_| vec![set(0, 1), set(1, 2), set(0, 3)])
    .look(leaders),
    Beat::new(
        "The fourth, and a snapshot",
        "With z=4 each server writes its state to disk with the index and the term of the last entry, and drops the \
         four entries.",
        |world| view::ids(world).into_iter().all(|id| base(world, id) == 4),
    )
    .first(|_| vec![set(2, 4)])
    .look(view::ids)
    .ask(Predict {
        question: "Who decides when a server takes its snapshot?",
        options: |_| ["The leader", "Each for itself", "A majority"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "What is applied is committed and will not change, so there is nothing to ask anybody.",
    }),
    Beat::new("A follower is away", "A follower crashes. Meanwhile four more commands come in.", |world| {
        leader(world).is_some_and(|id| base(world, id) == 8)
    })
    .first(|world| {
        let crash = follower(world).map(|node| Input::Crash { node });
        crash.into_iter().chain([set(0, 5), set(1, 6), set(2, 7), set(0, 8)]).collect()
    })
    .look(leaders),
    Beat::new(
        "Away for too long",
        "The follower is back, with a log that ends at index 4. The leader has dropped all entries up to index 8.",
        sends_a_snapshot,
    )
    .first(|world| crashed(world).map(|node| Input::Restart { node }).into_iter().collect())
    .midway()
    .look(leaders)
    .ask(Predict {
        question: "How does the follower get entries 5 to 8?",
        options: |_| ["From the leader, one by one", "From the third server", "Never"].map(str::to_owned).to_vec(),
        answer: |world| if sends_a_snapshot(world) { 2 } else { 0 },
        because: "Nobody has them any more, and nobody needs them: the leader sends InstallSnapshot, the state after \
                  index 8, with that index and its term.",
    }),
    Beat::new(
        "Caught up",
        "The follower puts the snapshot in the place of its log. It never saw entries 5 to 8, and yet it is in the \
         same state as the others.",
        |world| all_at(world, 8),
    )
    .look(view::ids),
    Beat::new(
        "On from there",
        "The next entry goes to index 9 on all three. For the check of the entry before it, the snapshot's index \
         and term stand in.",
        |world| all_at(world, 9),
    )
    .first(|_| vec![set(1, 9)])
    .look(view::ids),
];

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "install-twice",
        title: "A snapshot for a full log",
        goal: "Have a snapshot on its way to a server that has entries of its own.",
        hint: "Cut a follower off instead of crashing it, and let the others get far ahead.",
        reached: |world| {
            world.flights().any(|flight| {
                let is_snapshot = matches!(flight.message, Message::InstallSnapshot { .. });
                let log = world.node(flight.pending.node).map(|node| node.disk.log.entries().len());
                is_snapshot && log > Some(0)
            })
        },
    },
    Challenge {
        id: "different-bases",
        title: "Three different beginnings",
        goal: "Let the three servers' snapshots stand for three different numbers of entries.",
        hint: "One is down before the first snapshot, another before the second.",
        reached: |world| {
            let mut bases: Vec<u32> = view::ids(world).into_iter().map(|id| base(world, id)).collect();
            small::sort(&mut bases);
            bases.dedup();
            bases.len() == 3
        },
    },
];

/// Three servers, a snapshot after each entry, two commands for A, which leads term 1.
const SNAPSHOT_EACH: Hunt<Raft> = Hunt {
    settings: &[(raft::SNAPSHOT_AFTER, 1)],
    inputs: || vec![set_at(0, 1, Some(A)), set_at(1, 2, Some(A))],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 20, Budget::NONE) },
    within: |world| newest_term(world) <= 2 && view::in_turn(world),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::raft::{last, leader_at};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const B: NodeId = NodeId(1);

    /// The first leader keeps an entry of term 1 to itself; a second one commits another with the third server, which takes
    /// a snapshot; then the first stands again.
    pub(super) fn forgotten_term(script: &mut Script<Raft>) {
        script.until(|world| leader(world).is_some());
        let first = leader(script.world()).unwrap_or(B);
        script.act(Input::Partition { side: view::bit(first) });
        script.act(set_at(0, 1, Some(first)));
        script.until(|world| leaders(world).len() == 2);
        script.act(set_at(0, 2, leader(script.world())));
        script.until(|world| view::ids(world).into_iter().filter(|id| commit(world, *id) == 1).count() == 2);
        script.act(Input::set(raft::SNAPSHOT_AFTER, 1));
        script.until(|world| view::ids(world).into_iter().any(|id| base(world, id) == 1));
        let second = leader(script.world()).unwrap_or(A);
        // The second leader is cut off, and the first hears of the later term.
        script.act(Input::Partition { side: view::bit(second) });
        script.until(|world| leader(world).is_some_and(|id| id != second) && last(world, first) > 0);
    }

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::KEEP_UNAPPLIED, promise: SAME_STATE.id, way: Way::Explore },
        Breaks {
            rule: raft::SNAPSHOT_TERM,
            promise: NOTHING_LOST.id,
            way: Way::Script {
                settings: &[(raft::SNAPSHOT_AFTER, 0)],
                act: forgotten_term,
                reason: "Three elections, two entries and two snapshots: beyond the explorer's bounds.",
            },
        },
    ];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "install-twice",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                script.act(set(0, 1));
                script.until(|world| all_at(world, 1));
                if let Some(node) = follower(script.world()) {
                    script.act(Input::Partition { side: view::bit(node) });
                    for value in 2..6 {
                        script.act(set(0, value));
                    }
                    script.until(|world| leader_at(world, 5));
                    script.act(Input::HealAll);
                }
                script.until(|world| {
                    world.flights().any(|flight| matches!(flight.message, Message::InstallSnapshot { .. }))
                });
            },
        },
        Solution {
            challenge: "different-bases",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                let first = follower(script.world());
                first.into_iter().for_each(|node| {
                    script.act(Input::Crash { node });
                });
                (0..4).for_each(|value| {
                    script.act(set(0, value));
                });
                let second = view::ids(script.world())
                    .into_iter()
                    .find(|id| Some(*id) != first && leader(script.world()) != Some(*id));
                let at =
                    |world: &Cluster, id: Option<NodeId>, wanted: u32| id.is_some_and(|id| base(world, id) >= wanted);
                script.until(|world| at(world, second, 4));
                (4..8).for_each(|value| {
                    script.act(set(0, value));
                });
                script.until(|world| at(world, leader(world), 8));
            },
        },
    ];
}
