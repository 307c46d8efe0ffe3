//! The right tool for each leg: one order platform over Kafka, RabbitMQ and NATS, and a read model that can be rebuilt.

use crate::guides::kit::prelude::*;
use crate::sim::kernel::PendingKind;
use crate::systems::messaging::order_platform::promises::{
    CATCHES_UP, CHARGED_ONCE, TASK_DONE, VIEW_IS_LOG, behind, committed, fold, host, log, parked, undone, view,
};
use crate::systems::messaging::order_platform::{
    self as platform, Disk, KAFKA, Message, NATS, Notice, OrderPlatform, PAYMENTS, PRODUCTS, RABBIT, RELAY, SCREEN,
    SHOP, VIEW,
};
use crate::systems::messaging::rabbitmq::Method;
use crate::views::order_platform::{Shop, order, picture, words, working};

type Beat = crate::guides::kit::tour::Beat<OrderPlatform>;

/// The scenario.
pub static SCENARIO: Scenario<OrderPlatform> = Scenario {
    slug: "right-tool",
    title: "The right tool for each leg",
    guide: Guide::Messaging,
    level: 4,
    summary: "One order platform: Kafka keeps the orders, RabbitMQ sees to the payments, NATS tells those who are \
              watching. Watch what breaks at the seams between them.",
    seed: 4,
    settings: &[(platform::RATE, 3), (platform::TASK, 120_000), (platform::DECLINED, 6)],
    rules: &[
        platform::OFFSET_WITH_ROWS,
        platform::CONFIRM_FIRST,
        platform::CHARGE_ONCE,
        platform::PARK,
        platform::NOBODY_WAITS,
    ],
    commands: &[platform::ORDER, platform::REBUILD],
    promises: &[VIEW_IS_LOG, TASK_DONE, CHARGED_ONCE, CATCHES_UP],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Behind the log",
            about: "What the relay and the read model have not committed. A rebuild shows as a peak.",
            plot: Plot::Level(platform::LAG),
        },
        Chart {
            title: "Tasks at RabbitMQ",
            about: "Ready, or waiting for another try.",
            plot: Plot::Level(platform::TASKS),
        },
        Chart {
            title: "Notices",
            about: "Published and shown. Notices in the gap are lost, and nothing else is.",
            plot: Plot::Rate(platform::NOTICES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: QUIET_RELAY,
    without: &[(platform::OFFSET_WITH_ROWS, QUIET_VIEW)],
    terms: &[
        ("cqrs", "Writing facts on one side, keeping what is read on another."),
        ("dead letter", "A message that was abandoned and put aside."),
        ("event sourcing", "Keeping the events, and deriving the state from them."),
        ("idempotent", "Said of a producer whose batches are written once, however often they are sent."),
        ("offset", "A record's number within its partition."),
        ("retention", "How long a log is kept, or how much of it, read or not."),
    ],
    before: &["messaging/event-log", "messaging/simple-task-queue"],
    near: &["messaging/side-by-side"],
    versions: versions!["Kafka 4.4", "RabbitMQ 4.3", "NATS server 2.14", "PostgreSQL 17"],
    prose: prose!("right_tool.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn rebuild() -> Input {
    Input::call(platform::REBUILD, &[])
}

fn is_up(world: &Shop, node: NodeId) -> bool {
    world.kernel().node(node).up
}

/// Whether the rows hold more than the log.
fn rows_are_wrong(world: &Shop) -> bool {
    matches!(view(world), (rows, Some(next)) if rows != fold(world, next))
}

/// Whether the rows have more than all orders in the log come to.
fn counts_twice(world: &Shop) -> bool {
    let all = fold(world, orders(world));
    view(world).0.iter().zip(all).any(|(have, all)| *have > all)
}

/// Whether the read model has come to the end of the log, or nearly.
fn has_all(world: &Shop) -> bool {
    view(world).1.is_some_and(|next| next >= 8) && behind(world, 1) <= 1
}

/// How many orders the log has.
fn orders(world: &Shop) -> u32 {
    log(world).map_or(0, |log| log.end())
}

fn is_redelivered(world: &Shop) -> bool {
    world.flights().any(
        |flight| matches!(flight.message, Message::Rabbit(Method::Deliver { delivery, .. }) if delivery.redelivered),
    )
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One order, three legs",
        "A shop writes each order to Kafka, and does nothing else: here goes the first. Three questions follow from \
         an order: who pays, what the owner sees, and who is told at once.",
        |world| world.flights().any(|flight| flight.from == SHOP),
    )
    .midway()
    .look(|_| vec![SHOP, KAFKA]),
    Beat::new(
        "The log is the truth",
        "The relay and the read model read the same log, each at its own pace with its own *offset*. Neither takes \
         anything away from the other.",
        |world| orders(world) >= 3 && committed(world, 0) >= 1,
    )
    .midway()
    .look(|_| vec![KAFKA, RELAY, VIEW]),
    Beat::new(
        "Tasks want a queue",
        "A payment can fail, be retried later, and finally be abandoned. RabbitMQ does that: order 3's card is \
         declined three times, and then the task is parked as a *dead letter*. Nobody behind it had to wait.",
        |world| parked(world).next().is_some(),
    )
    .look(|_| vec![RABBIT, PAYMENTS]),
    Beat::new(
        "Nobody watches",
        "The screen is switched off. NATS keeps nothing: a notice that nobody receives is gone.",
        |world| world.witness().told >= world.witness().seen + 2 && working(world).is_some(),
    )
    .first(|_| vec![Input::Crash { node: SCREEN }])
    .midway()
    .look(|_| vec![NATS, SCREEN])
    .ask(Predict {
        question: "Notices are lost. What else breaks?",
        options: |_| words(&["Nothing", "The read model falls behind", "Payments stop"]),
        answer: |world| match (behind(world, 1) > 4, behind(world, 0) > 6) {
            (false, false) => 0,
            (true, _) => 1,
            _ => 2,
        },
        because: "Nothing waits for a notice. That is both the cost and the point of fire and forget: use it only for \
                  what can be read elsewhere as well.",
    }),
    Beat::new(
        "The worker dies",
        "The payments' worker crashes at work. RabbitMQ hands its task out again, and the order's card may have \
         been charged before.",
        |world| !is_up(world, PAYMENTS) && host(world).is_some_and(|host| host.consumers.is_empty()),
    )
    .first(|_| vec![Input::Restart { node: SCREEN }, Input::Crash { node: PAYMENTS }])
    .look(|_| vec![PAYMENTS, RABBIT]),
    Beat::new(
        "Charged once",
        "The worker's database stores the order's number in one transaction with the charge. A task that comes \
         again is recognised: the worker is *idempotent*.",
        |world| is_up(world, PAYMENTS) && working(world).is_some() && !is_redelivered(world),
    )
    .first(|_| vec![Input::Restart { node: PAYMENTS }])
    .look(|_| vec![PAYMENTS]),
    Beat::new(
        "A read model is a fold",
        "The owner wants different figures. The rows are dropped and rebuilt from offset 0. Orders keep coming \
         meanwhile.",
        |world| world.witness().rebuilt > 0 && has_all(world),
    )
    .first(|_| vec![rebuild()])
    .midway()
    .look(|_| vec![VIEW, KAFKA])
    .ask(Predict {
        question: "Are the rows the same as before, plus what has come since?",
        options: |_| words(&["Yes", "No: old orders count twice", "No: what was paid is missing"]),
        answer: |world| usize::from(rows_are_wrong(world)),
        because: "The log still has every order. Nothing could be rebuilt from RabbitMQ's queue, which is empty by now.",
    }),
    Beat::new(
        "The offset elsewhere",
        "Now the rule is off: the rows are in one database, and the offset is committed to Kafka, a little later. Here \
         the rows are written, and the offset is not.",
        |world| {
            let uncommitted = view(world).1.is_some_and(|next| next > committed(world, 1));
            !world.rules().on(platform::OFFSET_WITH_ROWS) && uncommitted && orders(world) > 13
        },
    )
    .first(|_| vec![Input::off(platform::OFFSET_WITH_ROWS)])
    .midway()
    .look(|_| vec![VIEW]),
    Beat::new(
        "Two offsets",
        "Consumer 1 comes back and asks Kafka where it was. Kafka names the older offset. Watch the first promise, and the \
         table: compare its figures with the log's.",
        |world| world.is_promise_broken(VIEW_IS_LOG.id) && counts_twice(world),
    )
    .first(|_| vec![Input::Crash { node: VIEW }, Input::Restart { node: VIEW }])
    .midway()
    .look(|_| vec![VIEW, KAFKA])
    .ask(Predict {
        question: "What becomes of the orders between the two offsets?",
        options: |_| words(&["They are counted twice", "They are lost", "Nothing"]),
        answer: |world| {
            let (rows, next) = view(world);
            let right = next.map_or(rows, |next| fold(world, next));
            match (0..PRODUCTS).find(|at| rows[*at] != right[*at]) {
                Some(at) if rows[at] > right[at] => 0,
                Some(_) => 1,
                None => 2,
            }
        },
        because: "The rows have them, the offset does not. It takes one transaction for both to make the effect \
                  exactly once.",
    }),
    Beat::new(
        "Repaired from the log",
        "The rule is on again, and the rows are rebuilt. As long as the log has everything, a read model can be \
         thrown away.",
        |world| world.witness().rebuilt > 1 && has_all(world) && !rows_are_wrong(world),
    )
    .first(|_| vec![Input::Rule { rule: platform::OFFSET_WITH_ROWS, on: true }, rebuild()])
    .midway()
    .look(|_| vec![VIEW]),
];

/// The read model has every order, while RabbitMQ has been down for 2 s.
fn one_leg_down(world: &Shop) -> bool {
    let state = world.kernel().node(RABBIT);
    let long = !state.up && world.kernel().now() >= state.up_changed + 2 * SEC;
    long && behind(world, 1) <= 1 && behind(world, 0) >= 4
}

const CHALLENGES: &[Challenge<OrderPlatform>] = &[
    Challenge {
        id: "one-leg-down",
        title: "One leg down",
        goal: "Keep RabbitMQ down for 2 s while the shop takes orders and the read model has them all.",
        hint: "The log stands between them.",
        reached: one_leg_down,
    },
    Challenge {
        id: "task-without-end",
        title: "In the log, and never paid",
        goal: "Get an order into the log that nobody will ever be charged for.",
        hint: "Switch off the rule that the relay commits after the confirm, and crash it while it is creating \
               tasks.",
        reached: |world| undone(world).is_some(),
    },
    Challenge {
        id: "a-notice-too-many",
        title: "A notice too many",
        goal: "Get the read model more than 12 orders behind while it is up, and so are Kafka and the relay.",
        hint: "Let it wait for its notices, and let nobody watch.",
        reached: |world| {
            behind(world, 1) > 12 && [VIEW, KAFKA, RELAY].iter().all(|node| world.kernel().is_running(*node))
        },
    },
];

/// Whether RabbitMQ's worker and the screen have not come up yet.
fn is_quiet(world: &Shop) -> bool {
    let worker = world.node(PAYMENTS).map(|node| &node.disk);
    let asleep = matches!(worker, Some(Disk::Payments { rabbit, .. }) if rabbit.last == 0);
    let subscribes = world.flights().any(|flight| matches!(flight.message, Message::Nats(Notice::Sub)));
    world.kernel().pending_count() < 14 && asleep && !subscribes
}

/// One order, one crash; RabbitMQ's worker and the screen have not come up yet.
const QUIET_ORDER: Hunt<OrderPlatform> = Hunt {
    settings: &[(platform::RATE, 0), (platform::DECLINED, 0)],
    inputs: || vec![order(1)],
    bounds: Bounds::new(100_000, 40, Budget::crashes(1)),
    within: is_quiet,
};

/// Whether nothing flies from a node, or to it.
fn is_still(world: &Shop, node: NodeId) -> bool {
    let touches = |kind| matches!(kind, PendingKind::Deliver { from, .. } if from == node);
    !world.flights().any(|flight| flight.pending.node == node || touches(flight.pending.kind))
}

/// One order and the relay: the read model stands still.
const QUIET_RELAY: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(100_000, 30, Budget::crashes(1)),
    within: |world| is_quiet(world) && is_still(world, VIEW),
    ..QUIET_ORDER
};

/// One order and the read model: the relay stands still.
const QUIET_VIEW: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(400_000, 30, Budget::crashes(1)),
    within: |world| is_quiet(world) && is_still(world, RELAY),
    ..QUIET_ORDER
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::order_platform::waiting;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<OrderPlatform> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<OrderPlatform>] = &[
        Breaks { rule: platform::OFFSET_WITH_ROWS, promise: VIEW_IS_LOG.id, way: Way::Explore },
        Breaks { rule: platform::CONFIRM_FIRST, promise: TASK_DONE.id, way: Way::Explore },
        Breaks {
            rule: platform::CHARGE_ONCE,
            promise: CHARGED_ONCE.id,
            way: Way::Schedules {
                settings: &[],
                events: 600,
                reason: "A task's whole journey from the shop to the worker, and back once more, is beyond the \
                         explorer's bounds.",
            },
        },
        Breaks {
            rule: platform::PARK,
            promise: TASK_DONE.id,
            way: Way::Schedules {
                settings: &[],
                events: 600,
                reason: "Three tries of one task, with all the log before them, are beyond the explorer's bounds.",
            },
        },
        Breaks {
            rule: platform::NOBODY_WAITS,
            promise: CATCHES_UP.id,
            way: Way::Schedules {
                settings: &[],
                events: 1_500,
                reason: "Waiting for ever only shows over time, which the explorer ignores.",
            },
        },
    ];

    const SOLUTIONS: &[Solution<OrderPlatform>] = &[
        Solution {
            challenge: "one-leg-down",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| orders(world) >= 3);
                script.act(Input::Crash { node: RABBIT });
                script.until(one_leg_down);
            },
        },
        Solution {
            challenge: "task-without-end",
            from: || SCENARIO.from(&[platform::CONFIRM_FIRST], &[]),
            act: |script| {
                script.until(|world| committed(world, 0) > 2 && waiting(world) > 0 && behind(world, 0) == 0);
                script.act(Input::Crash { node: RELAY });
                script.until(|world| undone(world).is_some());
            },
        },
        Solution {
            challenge: "a-notice-too-many",
            from: || SCENARIO.from(&[platform::NOBODY_WAITS], &[]),
            act: |script| {
                script.until(|world| world.witness().seen >= 2);
                script.act(Input::Crash { node: SCREEN });
                script.until(|world| behind(world, 1) > 12);
            },
        },
    ];
}
