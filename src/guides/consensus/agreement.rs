//! The agreement problem: one register on three nodes, with majorities and then without any protocol. The store, and
//! how it looks, are those of storage/leaderless-quorum.

use crate::guides::kit::prelude::*;
use crate::sim::machine::consistency::linearizable;
use crate::systems::storage::quorum_store::promises::{FORWARD, FRESH};
use crate::systems::storage::quorum_store::{self as store, Message, QuorumStore};
use crate::views::quorum_store::{
    CLIENTS, Store, all_replicas, newest, operation, quorums_as_sets, read, version_of, write,
};

type Beat = crate::guides::kit::tour::Beat<QuorumStore>;

/// The scenario.
pub static SCENARIO: Scenario<QuorumStore> = Scenario {
    slug: "agreement",
    title: "The agreement problem",
    guide: Guide::Consensus,
    level: 1,
    summary: "SET x=6: A and B take it, C is down. What does C answer when it is back? One register on three nodes: \
              with majorities, and then without any protocol.",
    seed: 2,
    settings: &[(store::REPLICAS, 3), (store::THINK, 0), (store::LATENCY, 10_000)],
    busy: &[(store::THINK, 30_000)],
    fixed: &[
        (store::READ_QUORUM, 1),
        (store::WRITE_QUORUM, 1),
        (store::MAJORITIES, 1),
        (store::SPARE, 0),
        (store::HANDOFF, 0),
        (store::WRITES, 40),
    ],
    rules: &[store::WRITE_MAJORITY, store::READ_MAJORITY, store::READ_REPAIR],
    commands: &[store::WRITE, store::READ],
    promises: &[FRESH, FORWARD, linearizable()],
    faults: FaultModel { nodes: Some(|node| node.index() >= store::CLIENTS), ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Writes",
            about: "Two rounds: ask a majority for the newest version, then store on one. Turn the think time up.",
            plot: Plot::Percentiles(store::WRITE_LATENCY),
        },
        Chart {
            title: "Reads",
            about: "One round, and a second one where the answers differ.",
            plot: Plot::Percentiles(store::READ_LATENCY),
        },
    ],
    picture: quorums_as_sets,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_OF_EACH,
    without: &[(store::READ_REPAIR, TWO_READS)],
    terms: &[
        ("linearizability", "Each operation seems to happen at one moment between its call and its answer."),
        ("quorum", "Enough nodes that any two such sets share one."),
        ("version", "A number that orders the values of a copy: the higher one is newer."),
    ],
    near: &["storage/leaderless-quorum", "consensus/quorums"],
    versions: versions!["Cassandra 5.0", "Attiya, Bar-Noy and Dolev, 1995"],
    prose: prose!("agreement.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

const ANN: NodeId = CLIENTS[0];

const BOB: NodeId = CLIENTS[1];

const C: NodeId = NodeId(4);

const NO_PROTOCOL: [RuleId; 3] = [store::WRITE_MAJORITY, store::READ_MAJORITY, store::READ_REPAIR];

fn switch_all(on: bool) -> impl Iterator<Item = Input> {
    NO_PROTOCOL.into_iter().map(move |rule| Input::Rule { rule, on })
}

/// Whether nobody is in the middle of something.
fn is_quiet(world: &Store) -> bool {
    CLIENTS.into_iter().all(|client| operation(world, client).is_none())
}

/// Bob's read is over, and gave a version before this one, or not.
fn read_stale(world: &Store) -> bool {
    world.is_promise_broken(FRESH.id)
}

fn acknowledged(world: &Store, counter: u32) -> bool {
    world.witness().acknowledged().counter >= counter && is_quiet(world)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One register, three nodes",
        "x is kept on A, B and C, so that it outlives any of them. Together they must behave like a single x: that \
         is the problem. A client, Ann, wants to write 5. Watch her ask all three for the newest version first.",
        |world| on_the_way(world, |message| matches!(message, Message::Query { .. })) == 3,
    )
    .first(|_| vec![write(0, 5)])
    .midway()
    .look(all_replicas),
    Beat::new(
        "A field of answers",
        "She waits for two answers: two of three are a majority. The field is the set that has answered; watch it \
         appear with the first.",
        |world| !quorums_as_sets(world, Frame::Wide).sets.is_empty(),
    )
    .look(|_| vec![ANN]),
    Beat::new(
        "Stored by a majority",
        "With the second answer she can choose a higher version, and x=5 leaves for all three. Again she waits for \
         two. Watch the versions below.",
        |world| acknowledged(world, 1),
    )
    .look(|_| vec![ANN]),
    Beat::new(
        "C is down",
        "C crashes, and Ann writes 6. A and B take it. Two of three are a majority, so the write is done.",
        |world| acknowledged(world, 2),
    )
    .first(|_| vec![Input::Crash { node: C }, write(0, 6)])
    .look(|_| vec![ANN]),
    Beat::new(
        "C is back",
        "C restarts from its disk, where x is older. It does not know that it missed anything.",
        |world| world.kernel().node(C).up && version_of(world, C) < newest(world),
    )
    .first(|_| vec![Input::Restart { node: C }])
    .look(|_| vec![C]),
    Beat::new("Bob reads", "Bob asks all three and waits for two. C may well be one of them.", |world| {
        world.witness().read().counter >= 2 && is_quiet(world)
    })
    .first(|_| vec![read(1)])
    .look(|_| vec![BOB])
    .ask(Predict {
        question: "What does Bob read?",
        options: |_| ["5", "6", "5 or 6: it depends"].map(str::to_owned).to_vec(),
        answer: |world| if world.witness().read().counter >= 2 { 1 } else { 0 },
        because: "Any two of three include A or B, which have 6 with a higher version. Before he answers he writes 6 \
                  to the node that lacks it, or the next reader might still get 5.",
    }),
    Beat::new(
        "Without a protocol",
        "Now all three rules are off. C crashes again; Ann writes 7, and settles for one node.",
        |world| acknowledged(world, 3),
    )
    .first(|_| switch_all(false).chain([Input::Crash { node: C }, write(0, 7)]).collect())
    .look(|_| vec![ANN]),
    Beat::new(
        "Whoever answers first",
        "C is back, and the way from A and B to Bob is slow today. Bob takes the first answer he gets.",
        read_stale,
    )
    .first(|_| {
        let slow = |from| Input::Latency { from, to: BOB, extra: 300_000 };
        vec![Input::Restart { node: C }, slow(NodeId(2)), slow(NodeId(3)), read(1)]
    })
    .look(|_| vec![BOB, C])
    .ask(Predict {
        question: "What does Bob read this time?",
        options: |_| ["6", "7", "Nothing: he waits"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(!read_stale(world)),
        because: "C missed 7, so it says 6, and nothing makes Bob look further. The promise is broken.",
    }),
];

const CHALLENGES: &[Challenge<QuorumStore>] = &[
    Challenge {
        id: "minority-waits",
        title: "A client that must wait",
        goal: "With all rules on, have Ann cut off with one node in the middle of a write that Bob never sees.",
        hint: "Cut her off once she has begun, and let Bob finish a read.",
        reached: |world| {
            let stuck = operation(world, ANN).is_some_and(|doing| doing.write.is_some());
            stuck
                && world.rules() == RuleSet::ALL
                && world.kernel().link(ANN, NodeId(2)).cut
                && world.history().reads_answered() > 0
        },
    },
    Challenge {
        id: "new-then-old",
        title: "New, then old",
        goal: "With the write-back off, have one read return a value and a later read an older one.",
        hint: "Let a write reach one node only, crash Ann, and let Bob read again and again.",
        reached: |world| world.is_promise_broken(FORWARD.id),
    },
];

/// Ann writes, Bob reads.
const ONE_OF_EACH: Hunt<QuorumStore> = Hunt {
    settings: &[],
    inputs: || vec![write(0, 7), read(1)],
    bounds: Bounds::new(500_000, 99, Budget::NONE),
    within: |world| world.kernel().pending_count() < 14,
};

/// Ann writes, Bob reads twice: what it takes for one read to go back behind another.
const TWO_READS: Hunt<QuorumStore> = Hunt { inputs: || vec![write(0, 7), read(1), read(1)], ..ONE_OF_EACH };

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::quorum_store::{stores_of, writes_now};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<QuorumStore> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<QuorumStore>] = &[
        Breaks { rule: store::WRITE_MAJORITY, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: store::READ_MAJORITY, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: store::READ_REPAIR, promise: FORWARD.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<QuorumStore>] = &[
        Solution {
            challenge: "minority-waits",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::Cut { from: ANN, to: NodeId(2) });
                script.act(Input::Cut { from: ANN, to: NodeId(3) });
                script.act(write(0, 9));
                script.act(read(1));
                script.until(|world| world.history().reads_answered() > 0);
            },
        },
        Solution {
            challenge: "new-then-old",
            from: || SCENARIO.from(&[store::READ_REPAIR], &[]),
            act: |script| {
                script.act(write(0, 8));
                script.until(|world| stores_of(world, ANN).len() == 3 && writes_now(world) == [ANN]);
                for id in stores_of(script.world(), ANN).into_iter().skip(1) {
                    script.act(Input::Drop { id });
                }
                script.act(Input::Crash { node: ANN });
                for _ in 0..20 {
                    script.act(read(1));
                    script.steps(1);
                    script.until(|world| operation(world, BOB).is_none());
                }
            },
        },
    ];
}
