//! Raft: figure 8. Why a leader may not commit an entry of an older term by counting its copies.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::systems::consensus::raft::promises::{NOTHING_LOST, ONE_COMMAND};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{self as view, Cluster, commit, copies, last, leaders, leadership, newest_term, set_at, term};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-figure-8",
    title: "Raft: figure 8",
    guide: Guide::Consensus,
    level: 3,
    summary: "An entry on three of five servers, and still not safe: the famous schedule of the Raft paper, step by \
              step, and the one line of the protocol that answers it.",
    seed: 191,
    settings: &[(raft::SERVERS, 1), (raft::TIMEOUT, 150_000), (raft::LATENCY, 10_000), (raft::LOAD, 0)],
    busy: &[(raft::LOAD, 20)],
    fixed: &[(raft::WRITES, 100)],
    rules: &[raft::OWN_TERM],
    commands: &[raft::SET],
    promises: &[NOTHING_LOST, ONE_COMMAND],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Term of each server",
            about: "Five leaders come and go in this schedule.",
            plot: Plot::Level(raft::TERM),
        },
        Chart {
            title: "Entries in each log",
            about: "A line that falls is a log whose entries were deleted.",
            plot: Plot::Level(raft::LOG_LENGTH),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_LEADERS,
    before: &["consensus/raft-replication"],
    near: &["consensus/multi-paxos"],
    versions: versions!["Raft, extended version, 2014", "Ongaro's dissertation, 2014", "etcd 3.6"],
    prose: prose!("raft_figure_8.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

/// The servers of the figure: S1 is A, S5 is E.
const A: NodeId = NodeId(0);

const E: NodeId = NodeId(4);

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, None);
    picture.sets = copies(world);
    picture
}

fn leads(world: &Cluster, server: NodeId) -> bool {
    leadership(world, server).is_some()
}

/// Whether a server's first entry is of this term.
fn first_is_of(world: &Cluster, server: NodeId, wanted: u32) -> bool {
    world.node(server).and_then(|node| node.disk.log.term_at(1).filter(|_| last(world, server) > 0)) == Some(wanted)
}

/// Only the servers of this set hear each other.
fn only(side: u64) -> Input {
    Input::Partition { side }
}

/// Whether the leader knows its first entry to be on a majority.
fn on_a_majority(world: &Cluster) -> bool {
    leaders(world)
        .into_iter()
        .filter_map(|id| leadership(world, id))
        .any(|leader| leader.matched.iter().filter(|index| **index >= 1).count() * 2 > leader.matched.len())
}

fn crash_leaders(world: &Cluster) -> Vec<Input> {
    leaders(world).into_iter().map(|node| Input::Crash { node }).collect()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "The stage",
        "Five servers: A to E are S1 to S5 of the paper's figure 8. You will see an entry reach a majority and be    \
         overwritten all the same.",
        |world| world.kernel().now() == 0,
    )
    .look(view::ids),
    Beat::new("A leads", "A loses patience first, and the others vote for it.", |world| leads(world, A))
        .look(|_| vec![A]),
    Beat::new(
        "(a) An entry on two servers",
        "A appends x=1 and reaches B alone: the three others are cut off.",
        |world| first_is_of(world, NodeId(1), 1),
    )
    .first(|_| vec![only(0b00011), set_at(0, 1, Some(A))])
    .look(|_| vec![A, NodeId(1)]),
    Beat::new(
        "(b) A crashes, E leads",
        "A crashes. E is the first of the others to lose patience. C and D vote for it: their logs are as empty as \
         its own.",
        |world| leads(world, E),
    )
    .first(|world| [crash_leaders(world), vec![only(0b11100)]].concat())
    .look(|_| vec![E]),
    Beat::new(
        "(b) Another entry, on one server",
        "E appends x=2 in its own, later term. Nobody else gets it.",
        |world| last(world, E) == 1,
    )
    .first(|_| vec![only(0b10000), set_at(0, 2, Some(E))])
    .look(|_| vec![E]),
    Beat::new(
        "(c) A leads again",
        "E crashes and A restarts. C and D hear A alone, and vote for it: its log is longer than theirs. Its term is \
         3               at least; its entry is still of term 1.",
        |world| leads(world, A),
    )
    .first(|_| vec![Input::Crash { node: E }, Input::Restart { node: A }, only(0b01101)])
    .look(|_| vec![A]),
    Beat::new(
        "(c) The old entry on a majority",
        "A keeps replicating x=1. Now A knows that a majority has it: look at the field.",
        on_a_majority,
    )
    .look(|world| copies(world).into_iter().flat_map(|set| set.members).collect())
    .ask(Predict {
        question: "x=1 is on a majority. Does A commit it?",
        options: |_| ["Yes", "Not yet"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(commit(world, A) == 0),
        because: "It is of term 1, and a leader counts copies only of entries of its own term. The field stays \
                  yellow.",
    }),
    Beat::new(
        "(d) A crashes, E comes back",
        "A crashes, E restarts, and E hears C and D alone. Both have x=1.",
        |world| leads(world, E) || leaders(world).len() > 1,
    )
    .first(|world| [crash_leaders(world), vec![Input::Restart { node: E }, only(0b11100)]].concat())
    .look(|_| vec![E])
    .ask(Predict {
        question: "Who of the three can be elected?",
        options: |_| ["C or D: they have x=1", "E: its last entry is newer"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(leads(world, E)),
        because: "Votes compare the terms of the last entries. E's is of term 2, and 2 is more than 1.",
    }),
    Beat::new(
        "(d) Overwritten",
        "E puts x=2 in the place of x=1. Had A committed x=1 at (c), a client would have been told that it was done, \
         and       it would be gone. The paper's (e) is the way out: a challenge for you.",
        |world| first_is_of(world, NodeId(2), 2),
    )
    .look(|_| vec![E, NodeId(2)]),
];

/// An entry of an older term that its leader knows to be on a majority and has not committed.
fn waits_for_its_own(world: &Cluster) -> bool {
    let old =
        |id: &NodeId| world.node(*id).and_then(|node| node.disk.log.term_at(1)).is_some_and(|of| of < term(world, *id));
    on_a_majority(world) && leaders(world).iter().any(|id| old(id) && last(world, *id) > 0 && commit(world, *id) == 0)
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "not-yet-committed",
        title: "On a majority, not committed",
        goal: "Have a leader know that an entry of an older term is on a majority, and not commit it.",
        hint: "The first leader must crash before a majority has the entry, and lead again.",
        reached: waits_for_its_own,
    },
    Challenge {
        id: "figure-8-e",
        title: "(e) The way out",
        goal: "Have an entry of an older term committed along with one of the leader's own term.",
        hint: "Give the leader at (c) another command.",
        reached: |world| {
            let witness = world.witness();
            let applied = |index| witness.entry(index).map(|entry| entry.term);
            applied(1).zip(applied(2)).is_some_and(|(first, second)| first < second)
        },
    },
];

/// Three servers are enough: A leads term 1, B term 2, A term 3, B term 4.
const THREE_LEADERS: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0)],
    inputs: || vec![set_at(0, 1, Some(A)), set_at(0, 2, Some(NodeId(1)))],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(1_000_000, 30, Budget::NONE) },
    within: |world| newest_term(world) <= 4 && view::in_turn(world),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    /// The schedule of the figure up to (c), and whether it got there.
    pub(super) fn to_c(script: &mut Script<Raft>) -> bool {
        let act = |script: &mut Script<Raft>, inputs: Vec<Input>| {
            inputs.into_iter().for_each(|input| {
                script.act(input);
            });
        };
        script.until(|world| leads(world, A));
        act(script, vec![only(0b00011), set_at(0, 1, Some(A))]);
        script.until(|world| first_is_of(world, NodeId(1), 1));
        let inputs = [crash_leaders(script.world()), vec![only(0b11100)]].concat();
        act(script, inputs);
        script.until(|world| leads(world, E));
        act(script, vec![only(0b10000), set_at(0, 2, Some(E))]);
        script.until(|world| last(world, E) == 1);
        act(script, vec![Input::Crash { node: E }, Input::Restart { node: A }, only(0b01101)]);
        script.until(|world| leads(world, A));
        script.until(on_a_majority)
    }

    /// The whole figure, (a) to (d).
    pub(super) fn figure_8(script: &mut Script<Raft>) {
        to_c(script);
        let inputs = [crash_leaders(script.world()), vec![Input::Restart { node: E }, only(0b11100)]].concat();
        inputs.into_iter().for_each(|input| {
            script.act(input);
        });
        script.until(|world| leads(world, E));
    }

    pub(super) const BREAKS: &[Breaks<Raft>] = &[Breaks {
        rule: raft::OWN_TERM,
        promise: NOTHING_LOST.id,
        way: Way::Script {
            settings: &[],
            act: figure_8,
            reason: "The figure's own schedule, with five servers, three crashes and four elections; the explorer's \
                     bounds                  end before it.",
        },
    }];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "not-yet-committed",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                to_c(script);
            },
        },
        Solution {
            challenge: "figure-8-e",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                to_c(script);
                script.act(set_at(1, 3, Some(A)));
                script.until(|world| world.witness().applied() >= 2);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::proof::*;
    use super::*;

    /// The figure's terms: x=1 is of term 1, x=2 of term 2, and at (c) a majority has x=1 in a later term than both.
    #[test]
    fn terms_are_the_figures() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(to_c(&mut script));
        let world = script.world();
        assert!(first_is_of(world, A, 1) && first_is_of(world, NodeId(1), 1) && first_is_of(world, E, 2));
        assert!(term(world, A) > 2 && waits_for_its_own(world));
    }
}
