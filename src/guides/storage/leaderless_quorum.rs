//! Leaderless quorums: N replicas, W writes, R reads, and why W + R > N is not quite enough.

use crate::guides::kit::prelude::*;
use crate::systems::storage::quorum_store::promises::{CONVERGE, FORWARD, FRESH};
use crate::systems::storage::quorum_store::{self as store, Message, QuorumStore, replicas, spare};
use crate::views::quorum_store::{
    CLIENTS, Store, all_replicas, hints, narrow_places, newest, operation, person, read, replica, spare_mark,
    version_of, versions, wide_places, write, writes_now,
};

type Beat = crate::guides::kit::tour::Beat<QuorumStore>;

/// The scenario.
pub static SCENARIO: Scenario<QuorumStore> = Scenario {
    slug: "leaderless-quorum",
    title: "Leaderless quorums",
    guide: Guide::Storage,
    level: 3,
    summary: "No replica leads. A write goes to all and waits for W, a read asks all and waits for R. Choose them so \
              that they overlap, and see what still slips through.",
    seed: 11,
    settings: &[
        (store::REPLICAS, 3),
        (store::READ_QUORUM, 2),
        (store::WRITE_QUORUM, 2),
        (store::THINK, 150_000),
        (store::WRITES, 40),
        (store::LATENCY, 10_000),
        (store::HANDOFF, 1),
    ],
    rules: &[store::OVERLAP, store::NEWEST, store::READ_REPAIR, store::STRICT],
    commands: &[store::WRITE, store::READ],
    promises: &[FRESH, FORWARD, CONVERGE],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Reads",
            about: "A read waits for the R-th answer, and longer when it has to write back.",
            plot: Plot::Percentiles(store::READ_LATENCY),
        },
        Chart {
            title: "Writes",
            about: "A write asks first and then stores: two round trips.",
            plot: Plot::Percentiles(store::WRITE_LATENCY),
        },
        Chart {
            title: "Hints kept by the spare node",
            about: "They pile up while a replica is away, and go when it is back.",
            plot: Plot::Level(store::HINTS),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_OF_EACH,
    without: WITHOUT,
    terms: &[
        ("hinted handoff", "A write kept by another node for one that is down, and handed over when it is back."),
        ("quorum", "Enough nodes that any two such sets share one."),
        ("read repair", "Writing the newest version back to replicas that a read found stale."),
    ],
    before: &["consensus/agreement"],
    near: &["consensus/quorums", "caching/cache-aside"],
    versions: versions!["Dynamo, SOSP 2007", "Cassandra 5.0"],
    prose: prose!("leaderless_quorum.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Store, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let copies: Vec<NodeId> = replicas(world.settings()).collect();
    let spare = spare(world.settings());
    let stores: Vec<NodeId> = copies.iter().copied().chain([spare]).collect();
    let (people, places, at, size) = match frame {
        Frame::Wide => {
            let people = Area::new(20, 60, 150, 400).column(2);
            (people, wide_places(stores.len()), (640, 60), (310, 230))
        }
        Frame::Narrow => (Area::new(0, 10, 400, 90).row(2), narrow_places(stores.len()), (8, 430), (384, 126)),
    };
    for (id, at) in CLIENTS.iter().zip(people) {
        picture.nodes.push(person(world, *id, at));
    }
    for (id, at) in stores.iter().zip(places) {
        picture.nodes.push(if *id == spare { spare_mark(world, *id, at) } else { replica(world, *id, at) });
    }
    picture.link_all(&CLIENTS, &stores);
    picture.link_all(&[spare], &copies);
    picture.figures.push(versions(world, at, size));
    picture
}

fn third(world: &Store) -> Option<NodeId> {
    replicas(world.settings()).nth(2)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Nobody leads",
        "Three replicas keep x. Ann and Bob talk to all of them, and wait for some: a *quorum* of W for a write, of \
         R for a read. The spare node stands by. Here Ann asks all three.",
        |world| on_the_way(world, |message| matches!(message, Message::Query { .. })) == 3,
    )
    .midway()
    .look(all_replicas),
    Beat::new(
        "A write asks first",
        "A client writes. Before it can choose a version, it asks the replicas for the newest they have and waits for \
         two answers: its own version must be higher than any acknowledged one.",
        |world| !writes_now(world).is_empty(),
    )
    .midway()
    .look(writes_now),
    Beat::new(
        "W acknowledgements",
        "Then the client sends its value to all three. With two acknowledgements the write is done: the client does not wait for the slowest. \
         In case the slowest never answers, a hint for it is left with the spare node; more on hints soon.",
        |world| world.witness().acknowledged().counter > 0,
    )
    .midway()
    .look(|world| vec![spare(world.settings())]),
    Beat::new(
        "Two sets that must meet",
        "A read asks all three replicas and takes the newest of R answers. The write had its acknowledgements from R2 \
         and R3; the read hears from R2 and R1. R2 is in both.",
        |world| world.witness().read().counter > 0,
    )
    .ask(Predict {
        question: "With five replicas and W = 3, how many answers would a read need?",
        options: |_| ["2", "3", "4"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "W + R must exceed N: 3 + 3 > 5, as 2 + 2 > 3 here. Then the two sets share a replica, whoever \
                  answers first.",
    }),
    Beat::new(
        "One replica is away",
        "R3 crashes, and Ann writes 9. R3's copy is stale now: it turns amber.",
        |world| third(world).is_some_and(|id| version_of(world, id) < world.witness().acknowledged()),
    )
    .first(|world| {
        let crash = third(world).map(|node| Input::Crash { node });
        crash.into_iter().chain([write(0, 9)]).collect()
    })
    .look(|world| third(world).into_iter().collect())
    .ask(Predict {
        question: "With R3 down, can a write still be acknowledged?",
        options: |_| {
            ["Yes, by the two that are left", "Yes, if the spare node stands in", "No: N is 3"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| {
            let is_behind = third(world).is_some_and(|id| version_of(world, id) < world.witness().acknowledged());
            if is_behind { 0 } else { 2 }
        },
        because: "Two replicas are left, and W is 2. What the spare node keeps does not count. With one more replica \
                  down, writes and reads would fail.",
    }),
    Beat::new(
        "A hint is left",
        "The writer leaves a hint with the spare node: *hinted handoff*. It does not count towards W: a read would \
         not look for it there.",
        |world| hints(world) > 0,
    )
    .look(|world| vec![spare(world.settings())]),
    Beat::new(
        "Handed over",
        "R3 comes back with its stale copy, and the spare node hands the hint over. Had a read met the stale copy \
         first, it would have written the newest version back: *read repair*.",
        |world| hints(world) == 0 && all_replicas(world).iter().all(|id| version_of(world, *id) == newest(world)),
    )
    .first(|world| third(world).map(|node| Input::Restart { node }).into_iter().collect())
    .look(|world| third(world).into_iter().collect()),
    Beat::new(
        "W = 1",
        "Now the rule is off, and one answer is enough. The clients' own operations pause, and the links from \
         Ann to R2 and R3 are slow. Ann writes: with the first acknowledgement she is done.",
        |world| {
            world.witness().acknowledged() > version_of(world, all_replicas(world)[1])
                && operation(world, CLIENTS[0]).is_none()
        },
    )
    .first(|world| {
        let slow = |to: &NodeId| Input::Latency { from: CLIENTS[0], to: *to, extra: 300_000 };
        let late = all_replicas(world).iter().skip(1).map(slow).collect();
        let one = [(store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1), (store::THINK, 0)];
        let one = one.map(|(setting, value)| Input::set(setting, value)).to_vec();
        [vec![Input::off(store::OVERLAP)], one, late, vec![write(0, 7)]].concat()
    })
    .midway()
    .look(all_replicas),
    Beat::new(
        "R = 1",
        "R1 alone has the new value, and is slow to answer Bob, who reads now. One answer is enough for him. Watch the \
         first promise.",
        |world| world.is_promise_broken(FRESH.id),
    )
    .first(|world| {
        let slow = Input::Latency { from: all_replicas(world)[0], to: CLIENTS[1], extra: 300_000 };
        vec![slow, read(1)]
    })
    .look(|_| vec![CLIENTS[1]])
    .ask(Predict {
        question: "What does Bob read?",
        options: |_| ["The new value, from R1", "A stale one", "Nothing: he waits for R1"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(world.is_promise_broken(FRESH.id)),
        because: "The replica that answers first may be one that the write has not reached.",
    }),
];

const CHALLENGES: &[Challenge<QuorumStore>] = &[
    Challenge {
        id: "stale-read",
        title: "A stale read",
        goal: "Have a client read a value that is older than one acknowledged before.",
        hint: "Switch W + R > N off and let one answer be enough for both.",
        reached: |world| world.is_promise_broken(FRESH.id),
    },
    Challenge {
        id: "backwards",
        title: "A read that goes backwards",
        goal: "Have one read return a version, and a later read an older one.",
        hint: "Without the write-back, a read can return what only one replica has. Keep a write from reaching the \
               others.",
        reached: |world| world.is_promise_broken(FORWARD.id),
    },
    Challenge {
        id: "sloppy",
        title: "Acknowledged, and out of sight",
        goal: "Have a write acknowledged with the help of hints, and then not seen by a read.",
        hint: "Cut two replicas off in the middle of Ann's write, on Bob's side. A hint then stands in for one of \
               them.",
        reached: |world| world.is_promise_broken(FRESH.id) && hints(world) > 0,
    },
];

/// Ann writes, Bob reads.
const ONE_OF_EACH: Hunt<QuorumStore> = Hunt {
    settings: &[(store::THINK, 0), (store::HANDOFF, 0)],
    inputs: || vec![write(0, 7), read(1)],
    bounds: Bounds::new(2_000_000, 99, Budget::NONE),
    within: |world| world.kernel().pending_count() < 14,
};

/// Ann writes, Bob reads twice: what it takes for one read to go back behind another.
const TWO_READS: Hunt<QuorumStore> = Hunt { inputs: || vec![write(0, 7), read(1), read(1)], ..ONE_OF_EACH };

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<QuorumStore>)] = &[
    (
        store::OVERLAP,
        Hunt {
            settings: &[(store::THINK, 0), (store::HANDOFF, 0), (store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1)],
            ..ONE_OF_EACH
        },
    ),
    (store::READ_REPAIR, TWO_READS),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::quorum_store::stores_of;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<QuorumStore> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const ONE_EACH: &[(SettingId, i64)] =
        &[(store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1), (store::LATENCY, 60_000), (store::THINK, 20_000)];

    pub(super) const BREAKS: &[Breaks<QuorumStore>] = &[
        Breaks { rule: store::OVERLAP, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: store::NEWEST, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: store::READ_REPAIR, promise: FORWARD.id, way: Way::Explore },
        Breaks { rule: store::STRICT, promise: FRESH.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<QuorumStore>] = &[
        Solution {
            challenge: "stale-read",
            from: || SCENARIO.from(&[store::OVERLAP], ONE_EACH),
            act: |script| {
                script.until(|world| world.is_promise_broken(FRESH.id));
            },
        },
        Solution {
            challenge: "backwards",
            from: || SCENARIO.from(&[store::READ_REPAIR], &[(store::LATENCY, 60_000), (store::THINK, 20_000)]),
            act: |script| {
                script.until(|world| stores_of(world, CLIENTS[0]).len() == 3 && writes_now(world) == [CLIENTS[0]]);
                for id in stores_of(script.world(), CLIENTS[0]).into_iter().skip(1) {
                    script.act(Input::Drop { id });
                }
                script.act(Input::Crash { node: CLIENTS[0] });
                script.act(Input::set(store::WRITES, 0));
                script.until(|world| world.is_promise_broken(FORWARD.id));
            },
        },
        Solution {
            challenge: "sloppy",
            from: || SCENARIO.from(&[store::STRICT], &[]),
            act: |script| {
                script.until(|world| stores_of(world, CLIENTS[0]).len() == 3 && writes_now(world) == [CLIENTS[0]]);
                let spare = spare(script.world().settings());
                script.act(Input::Partition { side: 1 | 1 << store::CLIENTS | 1 << spare.0 });
                script.act(Input::set(store::WRITES, 0));
                script.until(|world| world.is_promise_broken(FRESH.id) && hints(world) > 0);
            },
        },
    ];
}
