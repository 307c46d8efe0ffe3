//! Raft: figure 8. Why a leader may not commit an entry of an older term by counting its copies.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::systems::consensus::raft::promises::{NOTHING_LOST, ONE_COMMAND};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, commit, common_leader, copies, last, leaders, leadership, newest_term, set_at, term,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-figure-8",
    title: "Raft: figure 8",
    guide: Guide::Consensus,
    level: 3,
    summary: "An entry on three of five servers, and still not safe: the famous schedule of the Raft paper, step by \
              step, and the one line of the protocol that answers it.",
    seed: 387_335,
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
            about: "Five terms come and go in this schedule.",
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

/// The servers of the figure: A to E are S1 to S5.
const A: NodeId = NodeId(0);

const B: NodeId = NodeId(1);

const C: NodeId = NodeId(2);

const D: NodeId = NodeId(3);

const E: NodeId = NodeId(4);

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, None);
    picture.sets = copies(world);
    picture
}

fn leads(world: &Cluster, server: NodeId) -> bool {
    leadership(world, server).is_some()
}

/// The place in the log that the figure is about; the entry before it is common to all.
const DISPUTED: u32 = 2;

/// Whether a server's entry at that place is of this term.
fn has_of(world: &Cluster, server: NodeId, wanted: u32) -> bool {
    world.node(server).and_then(|node| node.disk.log.term_at(DISPUTED)) == Some(wanted)
}

/// Only the servers of this set hear each other.
fn only(side: u64) -> Input {
    Input::Partition { side }
}

fn crash(nodes: &[NodeId]) -> Vec<Input> {
    nodes.iter().map(|node| Input::Crash { node: *node }).collect()
}

fn restart(nodes: &[NodeId]) -> Vec<Input> {
    nodes.iter().map(|node| Input::Restart { node: *node }).collect()
}

/// Before (d): E restarts, cut off.
fn before_d() -> Vec<Input> {
    [restart(&[E]), vec![only(0b10000)]].concat()
}

/// Whether a leader knows that a majority has its entry at an index.
fn on_a_majority(world: &Cluster, leader: NodeId, index: u32) -> bool {
    leadership(world, leader)
        .is_some_and(|known| known.matched.iter().filter(|at| **at >= index).count() * 2 > known.matched.len())
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Five servers",
        "A to E are S1 to S5 in figure 8 of the Raft paper. In a few steps an entry will reach a majority and be \
         overwritten all the same. First somebody must lead.",
        |world| common_leader(world).is_some(),
    )
    .look(leaders),
    Beat::new(
        "An entry that all have",
        "A client sets z to 0, and B puts it on all five: index 1, term 1, as in the figure. All that follows is \
         about index 2.",
        |world| view::ids(world).into_iter().all(|id| commit(world, id) >= 1),
    )
    .first(|_| vec![set_at(2, 0, Some(B))])
    .look(view::ids),
    Beat::new("(a) A leads", "B crashes. A is the first to lose patience, and wins term 2.", |world| leads(world, A))
        .first(|_| crash(&[B]))
        .midway()
        .look(|_| vec![A]),
    Beat::new(
        "(a) An entry on two servers",
        "B is back. A appends x=1 and reaches B alone: the other three are cut off.",
        |world| has_of(world, B, 2),
    )
    .first(|_| [restart(&[B]), vec![only(0b00011), set_at(0, 1, Some(A))]].concat())
    .look(|_| vec![A, B]),
    Beat::new(
        "(b) E leads",
        "A and B crash. E stands first, and C and D vote for it: neither has an entry that E lacks.",
        |world| leads(world, E),
    )
    .first(|_| [crash(&[A, B]), vec![only(0b11100)]].concat())
    .midway()
    .look(|_| vec![E]),
    Beat::new(
        "(b) Another entry, on one server",
        "C and D crash. E appends x=2 at the same index, in term 3, and reaches nobody. Meanwhile A restarts, still \
         cut off, and stands for election in term 3, in vain.",
        |world| has_of(world, E, 3) && term(world, A) == 3,
    )
    .first(|_| [crash(&[C, D]), restart(&[A]), vec![only(0b00001), set_at(0, 2, Some(E))]].concat())
    .look(|_| vec![E]),
    Beat::new(
        "(c) A leads again",
        "E crashes, B and C restart, and A reaches them. It wins term 4: no log among the three is ahead of its \
         own. Its entry is still of term 2.",
        |world| leads(world, A),
    )
    .first(|_| [crash(&[E]), restart(&[B, C]), vec![only(0b00111)]].concat())
    .midway()
    .look(|_| vec![A]),
    Beat::new(
        "(c) The old entry on a majority",
        "A goes on sending x=1, and C takes it. Now A knows it to be on three of five: look at the field.",
        |world| on_a_majority(world, A, DISPUTED),
    )
    .look(|_| vec![A, B, C])
    .ask(Predict {
        question: "x=1 is on a majority. Does A commit it?",
        options: |_| ["Yes", "Not yet", "Only once all five have it"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(commit(world, A) < DISPUTED),
        because: "It is of term 2. A leads term 4, and counts copies only of entries of term 4. The field stays \
                  yellow.",
    }),
    Beat::new(
        "Without the rule",
        "Now the rule is off. A counts three copies, commits x=1 and applies it: from here on it may tell any \
         client that x is 1. Meanwhile E restarts, cut off, and stands for election in term 4, in vain.",
        |world| commit(world, A) >= DISPUTED && term(world, E) == 4,
    )
    .first(|_| [vec![Input::off(raft::OWN_TERM)], before_d()].concat())
    .look(|_| vec![A]),
    Beat::new(
        "(d) A crashes, E stands",
        "A crashes, D restarts, and E hears the others again. It is the first to lose patience, and asks B, C and D \
         for their votes in term 5.",
        |world| leads(world, E),
    )
    .first(|_| [crash(&[A]), restart(&[D]), vec![only(0b11110)]].concat())
    .midway()
    .look(|_| vec![E])
    .ask(Predict {
        question: "Do B and C vote for E?",
        options: |_| {
            ["No: E lacks an entry that is committed", "Only C does: B has voted for A", "Yes: E's last entry is newer"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if leads(world, E) { 2 } else { 0 },
        because: "Term 5 is new: nobody has voted in it. Voters compare the terms of the last entries: 3 in E's log, \
                  2 in theirs. They do not ask what is committed.",
    }),
    Beat::new(
        "(d) Overwritten",
        "The rule is on again, too late. E puts its x=2 in the place of x=1 on everybody it reaches, B and C too, \
         which had applied x=1.",
        |world| [B, C, D].into_iter().all(|id| has_of(world, id, 3)),
    )
    .first(|_| vec![Input::Rule { rule: raft::OWN_TERM, on: true }])
    .look(|_| vec![B, C, D, E])
    .ask(Predict {
        question: "x=1 was committed. How many servers have it now?",
        options: |_| ["Three", "One", "None"].map(str::to_owned).to_vec(),
        answer: |world| match view::ids(world).into_iter().filter(|id| has_of(world, *id, 2)).count() {
            0 => 2,
            1 => 1,
            _ => 0,
        },
        because: "Only A's disk still has it, and A is down. With the rule on, nothing was committed at (c), and so \
                  nothing would be lost here.",
    }),
    Beat::new(
        "(e) The way out",
        "E is now where A was at (c): its x=2 is of an older term, on a majority, and not committed. A client asks for \
         y=3. Once that entry, of E's own term 5, is on a majority, both are committed: no log without them can win.",
        |world| commit(world, E) > DISPUTED,
    )
    .first(|_| vec![set_at(1, 3, Some(E))])
    .look(|_| vec![B, C, D, E]),
];

/// An entry of an older term that its leader knows to be on a majority and has not committed.
fn waits_for_its_own(world: &Cluster) -> bool {
    leaders(world).into_iter().any(|id| {
        let next = commit(world, id) + 1;
        let of = world.node(id).and_then(|node| node.disk.log.term_at(next));
        next <= last(world, id) && of.is_some_and(|of| of < term(world, id)) && on_a_majority(world, id, next)
    })
}

/// An entry that was committed in a later term than its own, which takes an entry of that term behind it.
fn comes_along(world: &Cluster) -> bool {
    let witness = world.witness();
    let of = |index| witness.entry(index).zip(witness.committed_in(index));
    let later = |index| of(index).is_some_and(|(entry, term)| entry.term < term);
    world.rules().on(raft::OWN_TERM) && (1..=witness.applied()).any(later)
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
        reached: comes_along,
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

    /// How many beats it takes to (c), where x=1 is on a majority.
    pub(super) const TO_C: usize = 8;

    /// The figure up to (d), where E leads, with rules as they are.
    fn figure_8(script: &mut Script<Raft>) {
        script.play(&TOUR[..TO_C]);
        for input in before_d() {
            script.act(input);
        }
        script.until(TOUR[TO_C].until);
        script.play(&TOUR[TO_C + 1..TO_C + 2]);
    }

    pub(super) const BREAKS: &[Breaks<Raft>] = &[Breaks {
        rule: raft::OWN_TERM,
        promise: NOTHING_LOST.id,
        way: Way::Script {
            settings: &[],
            act: figure_8,
            reason: "The figure's own schedule, with five servers, seven crashes and five elections; the explorer's \
                     bounds end before it.",
        },
    }];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "not-yet-committed",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.play(&TOUR[..TO_C]);
            },
        },
        Solution {
            challenge: "figure-8-e",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.play(&TOUR[..TO_C]);
                script.act(set_at(1, 3, Some(A)));
                script.until(comes_along);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::proof::TO_C;
    use super::*;

    /// The terms of a server's log.
    fn terms(world: &Cluster, server: NodeId) -> Vec<u32> {
        let log = world.node(server).map(|node| &node.disk.log);
        log.map_or_else(Vec::new, |log| (1..=log.last_index()).filter_map(|index| log.term_at(index)).collect())
    }

    fn logs(world: &Cluster) -> Vec<Vec<u32>> {
        [A, B, C, D, E].into_iter().map(|server| terms(world, server)).collect()
    }

    /// Who leads which term, and the terms in the logs at (a), (b), (c), (d) and (e), as the figure draws them, but for
    /// the entry of term 4 that its S1 has to itself.
    #[test]
    fn the_terms_are_the_figures() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        let drawn: [(usize, [&[u32]; 5]); 5] = [
            (4, [&[1, 2], &[1, 2], &[1], &[1], &[1]]),
            (6, [&[1, 2], &[1, 2], &[1], &[1], &[1, 3]]),
            (8, [&[1, 2], &[1, 2], &[1, 2], &[1], &[1, 3]]),
            (11, [&[1, 2], &[1, 3], &[1, 3], &[1, 3], &[1, 3]]),
            (12, [&[1, 2], &[1, 3, 5], &[1, 3, 5], &[1, 3, 5], &[1, 3, 5]]),
        ];
        let mut from = 0;
        for (beats, logs_then) in drawn {
            assert!(script.play(&TOUR[from..beats]));
            from = beats;
            let found = logs(script.world());
            // At (e) the last entry is committed as soon as two of the three others have it.
            let has_begun = |(found, drawn): (&Vec<u32>, &[u32])| drawn.starts_with(found) && found.len() >= 2;
            assert!(
                found == logs_then || beats == 12 && found.iter().zip(logs_then).all(has_begun),
                "after {beats}: {found:?}"
            );
        }
        let led = script.world().witness().leaders().iter().map(|won| (won.term, won.node)).collect::<Vec<_>>();
        assert_eq!(led, [(1, B), (2, A), (3, E), (4, A), (5, E)]);
    }

    /// With the rule nothing is committed at (c). Without it x=1 is, and E wins all the same.
    #[test]
    fn a_committed_entry_is_lost_without_the_rule() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.play(&TOUR[..TO_C]) && waits_for_its_own(script.world()));
        assert!(script.play(&TOUR[TO_C..=TO_C]) && !script.world().is_promise_broken(NOTHING_LOST.id));
        assert!(script.play(&TOUR[TO_C + 1..TO_C + 2]) && script.world().is_promise_broken(NOTHING_LOST.id));
    }
}
