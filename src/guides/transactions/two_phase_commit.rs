//! Two-phase commit: one order over several databases, and the participant that is blocked when the coordinator dies.

use crate::guides::kit::prelude::*;
use crate::sim::kernel::time;
use crate::systems::transactions::two_phase_commit::promises::{AGREE, ALL_YES, RELEASED, locked};
use crate::systems::transactions::two_phase_commit::{
    self as tpc, CLIENT, COORDINATOR, Memory, Message, Record, TwoPhaseCommit, Tx,
};
use crate::views::two_phase_commit::{Plan, Shop, client_state, coordinator_state, records, store, stores};

/// Orders a second that the client sends unasked.
const OWN_RATE: i64 = 2;

type Beat = crate::guides::kit::tour::Beat<TwoPhaseCommit>;

/// The scenario.
pub static SCENARIO: Scenario<TwoPhaseCommit> = Scenario {
    slug: "two-phase-commit",
    title: "Two-phase commit",
    guide: Guide::Transactions,
    level: 2,
    summary: "An order of $50 touches three databases: all of it happens, or none. Then the coordinator dies at the \
              worst moment, and everyone who voted yes has to wait.",
    seed: 3,
    settings: &[
        (tpc::PARTICIPANTS, 3),
        (tpc::RATE, OWN_RATE),
        (tpc::NO_VOTES, 20),
        (tpc::LATENCY, 10_000),
        (tpc::PATIENCE, 120_000),
        (tpc::COOPERATE, 0),
    ],
    rules: &[tpc::FORCE_VOTE, tpc::UNANIMOUS, tpc::FORCE_DECISION, tpc::PRESUMED_ABORT, tpc::WAIT],
    commands: &[tpc::ORDER],
    promises: &[AGREE, ALL_YES, RELEASED],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Committed and refused",
            about: "A dead coordinator stops both.",
            plot: Plot::Ratio(tpc::COMMITTED, tpc::ABORTED),
        },
        Chart {
            title: "Request to answer",
            about: "Two round trips: prepare and vote, then the decision.",
            plot: Plot::Percentiles(tpc::LATENCY_SEEN),
        },
        Chart {
            title: "Time a lock was held, 95 %",
            about: "A participant in doubt holds its lock for as long as the coordinator is away.",
            plot: Plot::PercentileOfEach(tpc::LOCKED_FOR),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_ORDER,
    without: WITHOUT,
    terms: &[
        ("coordinator", "The node that decides for a group, or leads it."),
        ("in doubt", "A participant has voted yes and does not know the decision: it may neither commit nor abort."),
        ("participant", "A node that does part of a transaction and votes on it."),
    ],
    near: &["consensus/two-generals", "messaging/exactly-once"],
    versions: versions!["Mohan, Lindsay and Obermarck, 1986", "PostgreSQL 17"],
    prose: prose!("two_phase_commit.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let stores = stores(world);
    let plan = Plan::new(frame, stores.len());
    let mut mark = NodeMark::new(CLIENT, plan.client, Shape::Client, "client");
    mark.tone = Tone::Producer;
    mark.state = client_state(world);
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(COORDINATOR, plan.coordinator, Shape::Broker, "coordinator");
    mark.tone = Tone::Active;
    mark.crown = true;
    mark.state = coordinator_state(world);
    picture.nodes.push(mark);
    picture.nodes.extend(stores.iter().zip(plan.stores).map(|(id, at)| store(world, *id, at)));
    picture.link_all(&[COORDINATOR], &[CLIENT]);
    picture.link_all(&[COORDINATOR], &stores);
    let spoken = picture.links.len();
    picture.link_all(&stores, &stores);
    let silent = !world.settings().is_on(tpc::COOPERATE);
    picture.links.iter_mut().skip(spoken).for_each(|link| link.dashed = silent);
    picture.figures.push(records(world, plan.records, plan.size));
    picture
}

fn order(veto: i64) -> Input {
    Input::call(tpc::ORDER, &[veto])
}

fn client_rate(rate: i64) -> Input {
    Input::set(tpc::RATE, rate)
}

fn in_flight(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

fn all_locked(world: &Shop) -> bool {
    locked(world).count() == stores(world).len()
}

fn decided(world: &Shop) -> bool {
    matches!(world.node(COORDINATOR).and_then(|node| node.disk.log.last()), Some((_, Record::Committed)))
}

/// Whether every participant's log ends the last order with this record.
fn last_ended_in(world: &Shop, record: Record) -> bool {
    let last = world.node(COORDINATOR).map_or(0, |node| node.disk.last);
    let ended = |id: &NodeId| world.node(*id).is_some_and(|node| node.disk.record(last) == Some(record));
    stores(world).iter().all(ended)
}

/// The last order was aborted everywhere, and the client knows.
fn last_aborted(world: &Shop) -> bool {
    let answered = matches!(world.memory(CLIENT), Some(Memory::Client { waiting: None, .. }));
    answered && last_ended_in(world, Record::Aborted)
}

fn last_committed(world: &Shop) -> bool {
    last_ended_in(world, Record::Committed)
}

fn coordinator_up(world: &Shop) -> bool {
    world.kernel().node(COORDINATOR).up
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One order, three databases",
        "Here comes an order. It must be recorded, paid for and taken out of stock. Each database can do its own part \
         alone. The *coordinator* is there so that all parts happen, or none.",
        |world| on_the_way(world, |message| matches!(message, Message::Request { .. })) > 0,
    )
    .midway()
    .look(stores),
    Beat::new(
        "Phase one: can you?",
        "The coordinator asks every *participant* to prepare. Diamonds are the question.",
        |world| in_flight(world, |message| matches!(message, Message::Prepare { .. })),
    )
    .midway()
    .look(|_| vec![COORDINATOR]),
    Beat::new(
        "A yes is a promise",
        "Each writes a prepared record to its disk, locks its row, and only then says yes. From here on it may no \
         longer abort on its own, whatever happens.",
        all_locked,
    )
    .look(stores)
    .ask(Predict {
        question: "How many yes votes does a commit need?",
        options: |_| ["One", "A majority", "Every one"].map(str::to_owned).to_vec(),
        answer: |_| 2,
        because: "A majority is for copies of the same thing. These are different parts, and each is needed.",
    }),
    Beat::new(
        "The decision is one disk write",
        "With the last yes the coordinator writes its commit record. That write is the moment of decision: a \
         crash before it aborts the order, and after it nothing can stop the commit.",
        decided,
    )
    .midway()
    .look(|_| vec![COORDINATOR]),
    Beat::new(
        "Phase two: do it",
        "Everyone carries the decision out, releases its lock, and acknowledges. When all have, the coordinator may \
         forget: it writes an end record.",
        |world| matches!(world.node(COORDINATOR).and_then(|node| node.disk.log.last()), Some((_, Record::End))),
    )
    .look(stores),
    Beat::new(
        "Nothing in stock",
        "The next order meets an empty stock. The client's own orders pause from here on, so that you see this one \
         alone.",
        last_aborted,
    )
    .first(|_| vec![client_rate(0), order(3)])
    .look(stores)
    .ask(Predict {
        question: "Orders and payment could do their parts. How does it end for them?",
        options: |_| ["Commit", "Abort", "Nothing yet: they stay locked"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(last_aborted(world)),
        because: "All or none: one no is enough. Look at the coordinator's log: for an abort it writes nothing, \
                  since no record means abort. This is presumed abort, and it saves a disk write for every failure.",
    }),
    Beat::new(
        "The worst moment",
        "Another order comes. All three have voted yes, hold their locks, and wait to hear.",
        all_locked,
    )
    .first(|_| vec![order(0)])
    .look(stores),
    Beat::new(
        "The coordinator dies",
        "It crashes with the votes on their way. The participants are *in doubt*: for all they know, it has told \
         one of the others to commit. They ask, and keep their rows locked.",
        |world| in_flight(world, |message| matches!(message, Message::Inquire { .. })),
    )
    .first(|_| vec![Input::Crash { node: COORDINATOR }])
    .midway()
    .look(stores)
    .ask(Predict {
        question: "What may a participant in doubt do on its own?",
        options: |_| vec!["Abort".to_owned(), "Commit".to_owned(), "Neither".to_owned()],
        answer: |_| 2,
        because: "Either could be the opposite of what another participant was told. This is the blocking of \
                  two-phase commit.",
    }),
    Beat::new(
        "The log decides",
        "The coordinator restarts and reads its log. It carries on with an order that has a commit record; for any \
         other, no record means abort. Then the client's own orders go on.",
        |world| coordinator_up(world) && locked(world).next().is_none(),
    )
    .first(|_| vec![Input::Restart { node: COORDINATOR }, client_rate(OWN_RATE)])
    .look(stores)
    .ask(Predict {
        question: "Everyone voted yes. How does the order end?",
        options: |_| ["Committed", "Aborted", "It stays in doubt"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(!last_committed(world)),
        because: "The coordinator crashed before its commit record. One disk write later, the same crash would have ended in \
                  a commit.",
    }),
];

/// A participant has held its lock for a second while the coordinator is down.
fn blocked(world: &Shop) -> bool {
    let now = world.kernel().now();
    let long = |(_, node): (NodeId, &crate::sim::machine::world::Node<TwoPhaseCommit>)| match node.memory {
        Some(Memory::Participant { lock: Some((_, since)), .. }) => now >= since + time::SEC,
        _ => false,
    };
    !coordinator_up(world) && world.nodes().skip(tpc::FIRST).any(long)
}

/// Two participants' disks say different things about one order.
fn split(world: &Shop) -> bool {
    world.is_promise_broken(AGREE.id)
}

/// An order for which every participant was prepared is aborted by all.
fn needless_abort(world: &Shop) -> bool {
    let all = stores(world);
    let aborted = |id: &NodeId, tx: Tx| {
        let disk = world.node(*id).map(|node| &node.disk);
        disk.is_some_and(|disk| disk.record(tx) == Some(Record::Aborted) && disk.log.contains(&(tx, Record::Prepared)))
    };
    let known = all.first().and_then(|id| world.node(*id)).map_or(&[][..], |node| &node.disk.log[..]);
    known.iter().any(|(tx, _)| all.iter().all(|id| aborted(id, *tx)))
}

const CHALLENGES: &[Challenge<TwoPhaseCommit>] = &[
    Challenge {
        id: "blocked",
        title: "Block a participant",
        goal: "Keep a participant in doubt, its row locked, for a second of virtual time.",
        hint: "Crash the coordinator after the votes have been sent, and do not restart it.",
        reached: blocked,
    },
    Challenge {
        id: "needless-abort",
        title: "Abort what all would do",
        goal: "Have an order aborted even though every participant voted yes.",
        hint: "A vote that does not arrive is a vote that was not cast.",
        reached: needless_abort,
    },
    Challenge {
        id: "two-decisions",
        title: "Two decisions",
        goal: "With one rule off, make two participants decide differently.",
        hint: "Let prepared participants abort alone, and let one of them hear of the commit too late.",
        reached: split,
    },
];

/// One order, two participants, one crash and restart. At most eight messages and timers at once: a repeated question
/// in flight adds nothing. All of it is seen, in some 60,000 states.
const ONE_ORDER: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 2), (tpc::RATE, 0)],
    inputs: || vec![order(0)],
    bounds: Bounds::new(200_000, 40, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() <= 8,
};

/// Without faults and with three participants, one of which says no: more than half is then not all.
const ONE_NO: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 3), (tpc::RATE, 0)],
    inputs: || vec![order(3)],
    bounds: Bounds { budget: Budget::NONE, ..ONE_ORDER.bounds },
    within: |world| world.kernel().pending_count() <= 12,
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<TwoPhaseCommit>)] =
    &[(tpc::UNANIMOUS, ONE_NO), (tpc::PRESUMED_ABORT, Hunt { inputs: || vec![order(2)], ..ONE_ORDER })];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<TwoPhaseCommit> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<TwoPhaseCommit>] = &[
        Breaks { rule: tpc::FORCE_VOTE, promise: AGREE.id, way: Way::Explore },
        Breaks { rule: tpc::UNANIMOUS, promise: ALL_YES.id, way: Way::Explore },
        Breaks { rule: tpc::FORCE_DECISION, promise: AGREE.id, way: Way::Explore },
        Breaks { rule: tpc::PRESUMED_ABORT, promise: AGREE.id, way: Way::Explore },
        Breaks { rule: tpc::WAIT, promise: AGREE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<TwoPhaseCommit>] = &[
        Solution {
            challenge: "blocked",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(all_locked);
                script.act(Input::Crash { node: COORDINATOR });
                script.until(blocked);
            },
        },
        Solution {
            challenge: "needless-abort",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                let vote = |world: &Shop| {
                    let yes = world.flights().find(|flight| matches!(flight.message, Message::Vote { yes: true, .. }));
                    yes.map(|flight| flight.pending.id)
                };
                script.until(all_locked);
                if let Some(id) = vote(script.world()) {
                    script.act(Input::Drop { id });
                }
                script.until(needless_abort);
            },
        },
        Solution {
            challenge: "two-decisions",
            from: || Origin {
                rules_off: crate::sim::declare::rules::RuleSet::ALL.with(tpc::WAIT, false).off_bits(),
                ..SCENARIO.from(&[], &[])
            },
            act: |script| {
                script.until(all_locked);
                let slow = stores(script.world()).first().copied().unwrap_or(COORDINATOR);
                script.act(Input::Cut { from: COORDINATOR, to: slow });
                script.until(split);
            },
        },
    ];
}
