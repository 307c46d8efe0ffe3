//! Exactly once: three hops, on each a way to write twice, and what is done against it.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::exactly_once::promises::{LIMITS, ONCE_IN_LOG, ONE_ROW, WRITTEN_AT_LAST};
use crate::systems::messaging::exactly_once::wire::{Answer, Request};
use crate::systems::messaging::exactly_once::{
    self as once, BROKER, Checkout, Entry, Message, ORDERS, Once, Phase, SHOP, Stage,
};
use crate::views::exactly_once::{
    NARROW, Shop, WIDE, checkout, checkouts, cluster, mark, rows, strip, tables, transactions, writer,
};

type Beat = crate::guides::kit::tour::Beat<Once>;

/// The scenario.
pub static SCENARIO: Scenario<Once> = Scenario {
    slug: "exactly-once",
    title: "Exactly once",
    guide: Guide::Messaging,
    level: 4,
    summary: "The database has the order, a crash comes before the offset is committed, and the order is written \
              again. Six rules close six such gaps.",
    seed: 4,
    settings: &[
        (once::RATE, 3),
        (once::MAX_POLL, 3),
        (once::WORK, 60_000),
        (once::INSTANCES, 2),
        (once::TAKEOVER, 1_000_000),
        (once::TXN_TIMEOUT, 10_000_000),
        (once::PATIENCE, 500_000),
    ],
    rules: &[
        once::SAME_TRANSACTION,
        once::IDEMPOTENT,
        once::TOGETHER,
        once::FENCE,
        once::READ_COMMITTED,
        once::EPOCH_EACH,
    ],
    commands: &[once::COMMAND_ORDER, once::COMMAND_TAKE_OVER],
    promises: &[ONE_ROW, ONCE_IN_LOG, WRITTEN_AT_LAST],
    limits: LIMITS,
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart { title: "Orders taken", about: "What customers were told is taken.", plot: Plot::Rate(once::TAKEN) },
        Chart { title: "Rows written", about: "Over time, as many as were taken.", plot: Plot::Rate(once::WRITTEN) },
        Chart {
            title: "From order to row",
            about: "Every exactly-once hop costs round trips.",
            plot: Plot::Percentiles(once::LATENCY),
        },
        Chart { title: "Transactions", about: "How they ended.", plot: Plot::Rate(once::ABORTED) },
        Chart {
            title: "Refused or known",
            about: "What would have been written again.",
            plot: Plot::Rate(once::REFUSED),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ZOMBIE,
    without: &[
        (once::SAME_TRANSACTION, ONE_ORDER),
        (once::IDEMPOTENT, ONE_CUSTOMER),
        (once::TOGETHER, ONE_CHECKOUT),
        (once::READ_COMMITTED, ONE_CHECKOUT),
    ],
    terms: &[
        ("epoch", "A number raised with each new leader or token, so that old ones can be recognised."),
        ("fenced", "Refused because a newer epoch exists."),
        ("idempotent producer", "A producer that numbers its batches, so that the log takes each of them once."),
        ("last stable offset", "The offset before which every transaction in a partition has ended."),
        ("read committed", "Reading only what committed transactions wrote."),
        ("sequence number", "A record's number within its producer and partition."),
        ("transaction", "Writes and offsets that count together or not at all."),
        ("transactional id", "A name that outlives restarts, with one live epoch."),
    ],
    before: &["messaging/event-log", "messaging/rebalance"],
    near: &["transactions/two-phase-commit", "consensus/leases"],
    versions: versions!["Kafka 4.4", "librdkafka 2.15"],
    prose: prose!("exactly_once.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Shop, frame: Frame) -> Picture {
    let layout = if frame == Frame::Wide { WIDE } else { NARROW };
    let mut picture = Picture::new(frame);
    for node in (0..world.kernel().nodes().len()).map(NodeId::from) {
        let Some(at) = layout.nodes.get(node.index()) else { continue };
        picture.nodes.push(mark(world, node, *at));
    }
    for other in [SHOP, Once::WRITER].into_iter().chain((0..checkouts(world)).map(Once::checkout)) {
        picture.links.push(LinkMark::new(BROKER, other, false));
    }
    picture.links.push(LinkMark::new(Once::WRITER, Once::DATABASE, false));
    if checkouts(world) > 1 {
        picture.links.push(LinkMark::new(Once::checkout(0), Once::checkout(1), true));
    }
    if let Some(disk) = cluster(world) {
        let reads = disk.offsets.get(&0).copied().unwrap_or(0);
        let title = format!("Topic requests: the checkout's offset is {reads}");
        picture.figures.push(strip("requests", &disk.topics[0], reads, layout.cells, title, layout.requests));
        let stable = disk.topics[1].stable();
        let title = format!("Topic orders: all before {stable} is decided");
        picture.figures.push(strip("orders", &disk.topics[1], stable, layout.cells, title, layout.orders));
        picture.figures.push(transactions(disk, layout.transactions));
    }
    picture.figures.push(rows(world, layout.rows));
    picture
}

/// An answer on its way to a node: its number in the run.
fn answer_to(world: &Shop, node: NodeId) -> Option<u64> {
    let done = |message: &Message| matches!(message, Message::Answer { body: Answer::Done, .. });
    world.flights().find(|flight| flight.pending.node == node && done(flight.message)).map(|flight| flight.pending.id)
}

/// The rows are written, and the writer does not know yet.
fn written_unknown(world: &Shop) -> bool {
    answer_to(world, Once::WRITER).is_some() && writer(world).is_some_and(|writer| writer.stage == Stage::Insert)
}

fn is_open(world: &Shop) -> bool {
    cluster(world).is_some_and(|disk| disk.transactions.values().any(|known| known.open))
}

fn crash_and_restart(node: NodeId) -> Vec<Input> {
    vec![Input::Crash { node }, Input::Restart { node }]
}

fn take_over() -> Input {
    Input::call(once::COMMAND_TAKE_OVER, &[])
}

fn stands_by(world: &Shop, at: u16) -> bool {
    checkout(world, at).is_some_and(|checkout| checkout.phase == Phase::Standby)
}

/// A record that was aborted.
fn has_aborted(world: &Shop) -> bool {
    let Some(topic) = cluster(world).map(|disk| &disk.topics[usize::from(ORDERS)]) else { return false };
    topic.from(0).any(|(offset, entry)| match entry {
        Entry::Data { pid, transactional: true, .. } => topic.fate(offset, pid) == Some(false),
        _ => false,
    })
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Three hops",
        "A shop writes requests to Kafka: here goes the first. A checkout reads them and writes orders, still in \
         Kafka. A writer puts the orders into a database. On each hop, something can happen twice.",
        |world| on_the_way(world, |message| matches!(message, Message::Request { body: Request::Produce(_), .. })) > 0,
    )
    .midway()
    .look(|_| vec![SHOP, BROKER, Once::DATABASE]),
    Beat::new(
        "Not decided yet",
        "The checkout writes its order in a *transaction*. The dashed cell is in the log, but nobody who reads only \
         committed records sees it.",
        is_open,
    )
    .look(|_| vec![Once::checkout(0), BROKER]),
    Beat::new(
        "Both at once",
        "One marker decides it all: the orders count, and so does the offset up to which the checkout has read. The \
         *epoch* goes up by one, so that the next transaction cannot be taken for this one.",
        |world| cluster(world).is_some_and(|disk| disk.offsets.contains_key(&0)),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Row and offset",
        "The writer keeps its offset in the database, beside the rows, and changes both in one transaction. Now \
         they are written, and the answer is on its way.",
        written_unknown,
    )
    .midway()
    .look(|_| vec![Once::WRITER, Once::DATABASE]),
    Beat::new(
        "The worst moment",
        "The writer crashes before it hears the answer, and restarts. It asks the database how far it got.",
        |world| writer(world).is_some_and(|writer| writer.stage == Stage::Fetch),
    )
    .first(|_| crash_and_restart(Once::WRITER))
    .look(|_| vec![Once::WRITER, Once::DATABASE])
    .ask(Predict {
        question: "Will it write the order again?",
        options: |_| {
            ["Yes, as a second row", "Yes, and the database refuses it", "No, it reads on after it"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| {
            let reads = writer(world).map(|writer| writer.position);
            let knows = reads == tables(world).and_then(|tables| tables.next);
            if knows && world.witness().two_rows().is_none() { 2 } else { 0 }
        },
        because: "The offset in the database is as new as the rows: it says that the order is written.",
    }),
    Beat::new(
        "Offset apart",
        "Now the rule is off. The rows are written first, and the offset is committed to Kafka afterwards: the \
         usual way. Again the rows are there, and the answer is on its way.",
        |world| cluster(world).is_some_and(|disk| disk.offsets.contains_key(&1)) && written_unknown(world),
    )
    .first(|_| vec![Input::off(once::SAME_TRANSACTION)])
    .midway()
    .look(|_| vec![Once::WRITER, Once::DATABASE]),
    Beat::new(
        "The same crash",
        "The writer crashes between the database write and the offset commit. Kafka still has the old offset.",
        |world| world.is_promise_broken(ONE_ROW.id),
    )
    .first(|_| crash_and_restart(Once::WRITER))
    .look(|_| vec![Once::DATABASE])
    .ask(Predict {
        question: "How many rows does the order have now?",
        options: |_| ["None", "One", "Two"].map(str::to_owned).to_vec(),
        answer: |world| 1 + usize::from(world.witness().two_rows().is_some()),
        because: "The writer reads the order again, and the database has no reason to refuse it.",
    }),
    Beat::new(
        "In the middle of a transaction",
        "The rule is on again. Checkout 1 has written its orders and has not committed.",
        |world| is_open(world) && checkout(world, 0).is_some_and(|checkout| checkout.phase == Phase::Produce),
    )
    .first(|_| vec![Input::Rule { rule: once::SAME_TRANSACTION, on: true }])
    .look(|_| vec![Once::checkout(0)]),
    Beat::new(
        "A zombie",
        "Checkout 1 is considered dead, and checkout 2 takes over. But checkout 1 is alive, and carries on.",
        |world| stands_by(world, 0) && !stands_by(world, 1) && answer_to(world, SHOP).is_some(),
    )
    .first(|_| vec![take_over()])
    .midway()
    .look(|_| vec![Once::checkout(0), Once::checkout(1)])
    .ask(Predict {
        question: "Both are at work on the same request. Whose order counts?",
        options: |_| vec!["Checkout 1's".to_owned(), "Checkout 2's".to_owned(), "Both".to_owned()],
        answer: |world| {
            if world.witness().twice_in_log().is_some() { 2 } else { usize::from(stands_by(world, 0)) }
        },
        because: "With its new epoch, checkout 2 aborts the open transaction. Whatever comes from the old epoch is \
                  refused: checkout 1 is fenced.",
    }),
    Beat::new(
        "A lost answer",
        "Fewer customers come now. A request is written, and the answer to the shop is lost. The shop cannot know \
         that, and sends it again. The log recognises the *sequence number*, and writes nothing.",
        |world| world.metrics().total(once::REFUSED, SHOP.0) > 0,
    )
    .first(|world| {
        answer_to(world, SHOP).map(|id| Input::Drop { id }).into_iter().chain([Input::set(once::RATE, 1)]).collect()
    })
    .look(|_| vec![SHOP, BROKER]),
];

/// Two checkouts that both believe to be the one, in different epochs.
fn two_at_work(world: &Shop) -> bool {
    let epoch = |at| {
        let busy = |checkout: &&Checkout| !matches!(checkout.phase, Phase::Standby | Phase::Init);
        checkout(world, at).filter(busy).map(|checkout| checkout.who.epoch)
    };
    matches!((epoch(0), epoch(1)), (Some(one), Some(other)) if one != other)
}

const CHALLENGES: &[Challenge<Once>] = &[
    Challenge {
        id: "charged-twice",
        title: "Charged twice",
        goal: "With the offset committed after the rows, get one order written twice.",
        hint: "Crash the writer when the database has answered and the writer has not heard it.",
        reached: |world| world.witness().two_rows().is_some(),
    },
    Challenge {
        id: "two-at-work",
        title: "Two at work",
        goal: "Get both checkouts to work at once, in different epochs, with all rules on.",
        hint: "The standby listens to the other one. Cut them apart, or tell it to take over.",
        reached: two_at_work,
    },
    Challenge {
        id: "aborted",
        title: "In the log and not there",
        goal: "Get an order into the log that nobody will ever read, with all rules on.",
        hint: "A transaction that does not commit is aborted, by a timeout or by the checkout that takes over.",
        reached: has_aborted,
    },
];

/// One request, and two checkouts that both take it up.
const ZOMBIE: Hunt<Once> = Hunt {
    settings: &[(once::RATE, 0), (once::REQUESTED, 1), (once::TAKEOVER, 0), (once::PATIENCE, 0), (once::MAX_POLL, 1)],
    inputs: || vec![take_over()],
    bounds: Bounds::new(400_000, 60, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 10,
};

/// One request, one checkout, one crash.
const ONE_CHECKOUT: Hunt<Once> = Hunt {
    settings: &[
        (once::RATE, 0),
        (once::REQUESTED, 1),
        (once::INSTANCES, 1),
        (once::TAKEOVER, 0),
        (once::PATIENCE, 0),
        (once::MAX_POLL, 1),
    ],
    inputs: Vec::new,
    ..ZOMBIE
};

/// One order for the writer, one crash.
const ONE_ORDER: Hunt<Once> = Hunt {
    settings: &[
        (once::RATE, 0),
        (once::ORDERED, 1),
        (once::INSTANCES, 1),
        (once::TAKEOVER, 0),
        (once::PATIENCE, 0),
        (once::MAX_POLL, 1),
    ],
    inputs: Vec::new,
    ..ZOMBIE
};

/// One customer, and a shop that asks again.
const ONE_CUSTOMER: Hunt<Once> = Hunt {
    settings: &[(once::RATE, 0), (once::INSTANCES, 1), (once::TAKEOVER, 0), (once::MAX_POLL, 1)],
    inputs: || vec![Input::call(once::COMMAND_ORDER, &[1])],
    bounds: Bounds::new(400_000, 60, Budget::NONE),
    ..ZOMBIE
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::systems::messaging::exactly_once::wire::Request;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Once> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Once>] = &[
        Breaks { rule: once::SAME_TRANSACTION, promise: ONE_ROW.id, way: Way::Explore },
        Breaks { rule: once::IDEMPOTENT, promise: ONCE_IN_LOG.id, way: Way::Explore },
        Breaks { rule: once::TOGETHER, promise: ONCE_IN_LOG.id, way: Way::Explore },
        Breaks { rule: once::FENCE, promise: ONCE_IN_LOG.id, way: Way::Explore },
        Breaks { rule: once::READ_COMMITTED, promise: ONE_ROW.id, way: Way::Explore },
        Breaks {
            rule: once::EPOCH_EACH,
            promise: ONCE_IN_LOG.id,
            way: Way::Script {
                settings: &[(once::RATE, 0), (once::REQUESTED, 2), (once::INSTANCES, 1), (once::MAX_POLL, 1)],
                act: |script| {
                    script.until(|world| end_txn(world).is_some());
                    let Some(id) = end_txn(script.world()) else { return };
                    script.act(Input::Duplicate { id });
                    let Some(id) = end_txn(script.world()) else { return };
                    script.act(Input::Delay { id, by: 10_000_000 });
                    script.until(|world| is_open(world) && answer_to(world, Once::checkout(0)).is_some());
                    script.act(Input::DeliverNow { id });
                    script.steps(1);
                    crash_and_restart(Once::checkout(0)).into_iter().for_each(|input| {
                        script.act(input);
                    });
                    script.until(|world| world.is_promise_broken(ONCE_IN_LOG.id));
                },
                reason: "Links are in order here, as connections are; a request that was sent again on a second \
                         connection is not.",
            },
        },
    ];

    /// The newest EndTxn on its way.
    fn end_txn(world: &Shop) -> Option<u64> {
        let ends = |message: &Message| matches!(message, Message::Request { body: Request::Commit { .. }, .. });
        world.flights().filter(|flight| ends(flight.message)).map(|flight| flight.pending.id).max()
    }

    const SOLUTIONS: &[Solution<Once>] = &[
        Solution {
            challenge: "charged-twice",
            from: || SCENARIO.from(&[once::SAME_TRANSACTION], &[]),
            act: |script| {
                script.until(written_unknown);
                script.act(Input::Crash { node: Once::WRITER });
                script.act(Input::Restart { node: Once::WRITER });
                script.until(|world| world.witness().two_rows().is_some());
            },
        },
        Solution {
            challenge: "two-at-work",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| checkout(world, 0).is_some_and(|checkout| checkout.phase == Phase::Work));
                script.act(take_over());
                script.until(two_at_work);
            },
        },
        Solution {
            challenge: "aborted",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(is_open);
                script.act(take_over());
                script.until(has_aborted);
            },
        },
    ];
}
