//! Raft: snapshots. A log that does not grow for ever, and a follower that comes too late for its beginning.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Guide, Hunt, Plot, Predict, Scenario, Script, Way, no_inputs,
};
use crate::picture::{Body, Cell, Frame, Picture, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::explore::{Bounds, Budget, Network};
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::sim::small;
use crate::systems::consensus::raft::promises::{CAUGHT_UP, NOTHING_LOST, ONE_COMMAND, SAME_STATE};
use crate::systems::consensus::raft::{self, Message, Raft, registers};
use crate::views::raft::{
    self as view, Cluster, Side, commit, common_leader, crashed, last, leader, leader_at, leaders, name, newest_term,
    set, set_at,
};

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-snapshots",
    title: "Raft: snapshots",
    guide: Guide::Consensus,
    level: 3,
    summary: "Servers replace the beginning of their logs by the state that it led to. A follower that was away too long \
              gets that state in place of the entries.",
    seed: 4,
    settings: &[(raft::SNAPSHOT_AFTER, 4), (raft::LATENCY, 10_000), (raft::HEARTBEAT, 50_000), (raft::LOAD, 0)],
    busy: &[(raft::LOAD, 30)],
    fixed: &[(raft::SERVERS, 0), (raft::WRITES, 100)],
    rules: &[raft::KEEP_UNAPPLIED, raft::SNAPSHOT_TERM],
    commands: &[raft::SET],
    promises: &[SAME_STATE, NOTHING_LOST, ONE_COMMAND, CAUGHT_UP],
    impossible: false,
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
    subject: view::subject,
    picture,
    look: view::look,
    fields: view::fields,
    inspect: view::inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: SNAPSHOT_EACH,
    breaks: BREAKS,
    prose: prose!("raft_snapshots.md"),
};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

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

const TOUR: &[Beat<Raft>] = &[
    Beat {
        title: "Three servers",
        say: "Three servers elect a leader. A server takes a *snapshot* once it has applied four entries.",
        inputs: no_inputs,
        until: |world| common_leader(world).is_some(),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Three entries",
        say: "x=1, y=2, x=3. The log holds three entries; the state has two values, for x=1 was overwritten.",
        inputs: |_| vec![set(0, 1), set(1, 2), set(0, 3)],
        until: |world| all_at(world, 3),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "The fourth, and a snapshot",
        say: "With z=4 each server writes its state to disk with the index and the term of the last entry, and drops the \
              four entries.",
        inputs: |_| vec![set(2, 4)],
        until: |world| view::ids(world).into_iter().all(|id| base(world, id) == 4),
        look: view::ids,
        predict: Some(Predict {
            question: "Who decides when a server takes its snapshot?",
            options: |_| ["The leader", "Each for itself", "A majority"].map(str::to_owned).to_vec(),
            answer: |_| 1,
            because: "Whatever is applied is committed and will not change, so nobody needs to be asked.",
        }),
    },
    Beat {
        title: "A follower is away",
        say: "A follower crashes. Meanwhile four more commands come in.",
        inputs: |world| {
            let crash = follower(world).map(|node| Input::Crash { node });
            crash.into_iter().chain([set(0, 5), set(1, 6), set(2, 7), set(0, 8)]).collect()
        },
        until: |world| leader(world).is_some_and(|id| base(world, id) == 8),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Too late for the entries",
        say: "The follower is back and needs index 5. The leader has nothing before index 9 any more.",
        inputs: |world| crashed(world).map(|node| Input::Restart { node }).into_iter().collect(),
        until: sends_a_snapshot,
        look: leaders,
        predict: Some(Predict {
            question: "What does the leader send?",
            options: |_| ["Entries 5 to 8", "Its snapshot"].map(str::to_owned).to_vec(),
            answer: |world| usize::from(sends_a_snapshot(world)),
            because: "InstallSnapshot: the state after index 8, with that index and its term.",
        }),
    },
    Beat {
        title: "Caught up",
        say: "The follower puts the snapshot in the place of its log. It never saw entries 5 to 8, and is in the same state \
              as the others.",
        inputs: no_inputs,
        until: |world| all_at(world, 8),
        look: view::ids,
        predict: None,
    },
    Beat {
        title: "On from there",
        say: "The next entry goes to index 9 on all three. Index and term of the snapshot are what its check of the \
              previous entry rests on.",
        inputs: |_| vec![set(1, 9)],
        until: |world| all_at(world, 9),
        look: view::ids,
        predict: None,
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "install-twice",
        title: "A snapshot for a full log",
        goal: "Have a snapshot on its way to a server that has entries of its own.",
        hint: "Cut a follower off, not crash it, and let the others come far.",
        reached: |world| {
            world.flights().any(|flight| {
                let is_snapshot = matches!(flight.message, Message::InstallSnapshot { .. });
                let log = world.node(flight.pending.node).map(|node| node.disk.log.entries().len());
                is_snapshot && log > Some(0)
            })
        },
        origin,
        solve: |script| {
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
            script
                .until(|world| world.flights().any(|flight| matches!(flight.message, Message::InstallSnapshot { .. })));
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
        origin,
        solve: |script| {
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
            let at = |world: &Cluster, id: Option<NodeId>, wanted: u32| id.is_some_and(|id| base(world, id) >= wanted);
            script.until(|world| at(world, second, 4));
            (4..8).for_each(|value| {
                script.act(set(0, value));
            });
            script.until(|world| at(world, leader(world), 8));
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

/// The first leader keeps an entry of term 1 to itself; a second one commits another with the third server, which takes
/// a snapshot; then the first stands again.
fn forgotten_term(script: &mut Script<Raft>) {
    script.until(|world| leader(world).is_some());
    let first = leader(script.world()).unwrap_or(B);
    script.act(Input::Partition { side: view::bit(first) });
    script.act(set_at(0, 1, Some(first)));
    script.until(|world| leaders(world).len() == 2);
    script.act(set_at(0, 2, leader(script.world())));
    script.until(|world| view::ids(world).into_iter().filter(|id| commit(world, *id) == 1).count() == 2);
    script.act(Input::Setting { setting: raft::SNAPSHOT_AFTER, value: 1 });
    script.until(|world| view::ids(world).into_iter().any(|id| base(world, id) == 1));
    let second = leader(script.world()).unwrap_or(A);
    // The second leader is cut off, and the first hears of the later term.
    script.act(Input::Partition { side: view::bit(second) });
    script.until(|world| leader(world).is_some_and(|id| id != second) && last(world, first) > 0);
}

const BREAKS: &[Breaks<Raft>] = &[
    Breaks { rule: raft::KEEP_UNAPPLIED, promise: SAME_STATE.id, way: Way::Explore(SNAPSHOT_EACH) },
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
