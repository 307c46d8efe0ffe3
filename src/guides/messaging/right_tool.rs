//! The right tool for each leg: one order platform over Kafka, RabbitMQ and NATS, and a read model that can be rebuilt.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
};
use crate::picture::{Glyph, Look, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::PendingKind;
use crate::sim::kernel::time::{self, SEC};
use crate::sim::machine::system::System;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::order_platform::promises::{
    CATCHES_UP, CHARGED_ONCE, TASK_DONE, VIEW_IS_LOG, behind, committed, fold, host, log, parked, undone, view,
};
use crate::systems::messaging::order_platform::{
    self as platform, Disk, KAFKA, Memory, Message, NATS, Notice, OrderPlatform, PAYMENTS, PRODUCTS, RABBIT, RELAY,
    SCREEN, SHOP, VIEW,
};
use crate::systems::messaging::rabbitmq::{self, Method};
use crate::views::order_platform::{picture, waiting, working};
use crate::views::{kafka as kafka_view, rabbitmq as rabbit_view};

use crate::views::order_platform::Shop;

/// The scenario.
pub static SCENARIO: Scenario<OrderPlatform> = Scenario {
    slug: "right-tool",
    title: "The right tool for each leg",
    guide: Guide::Messaging,
    level: 4,
    summary: "One order platform: Kafka keeps the orders, RabbitMQ sees to the payments, NATS tells who is watching. Watch \
              what breaks at the seams between them.",
    seed: 4,
    settings: &[(platform::RATE, 3), (platform::TASK, 120_000), (platform::DECLINED, 6)],
    busy: &[],
    fixed: &[],
    rules: &[
        platform::OFFSET_WITH_ROWS,
        platform::CONFIRM_FIRST,
        platform::CHARGE_ONCE,
        platform::PARK,
        platform::NOBODY_WAITS,
    ],
    commands: &[platform::ORDER, platform::REBUILD],
    promises: &[VIEW_IS_LOG, TASK_DONE, CHARGED_ONCE, CATCHES_UP],
    impossible: false,
    // Links are TCP connections: what they carry is neither lost nor doubled nor reordered while they stand.
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Behind the log",
            about: "What relay and read model have not committed. A rebuild shows as a peak.",
            plot: Plot::Level(platform::LAG),
        },
        Chart {
            title: "Tasks at RabbitMQ",
            about: "Ready, or waiting for another try.",
            plot: Plot::Level(platform::TASKS),
        },
        Chart {
            title: "Notices",
            about: "Published and shown. The gap is lost, and nothing else is.",
            plot: Plot::Rate(platform::NOTICES),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: QUIET_RELAY,
    breaks: BREAKS,
    prose: prose!("right_tool.md"),
};

fn subject(_: &Settings, metric: MetricId, subject: u16) -> String {
    let name = match (metric, subject) {
        (platform::LAG, 0) => "relay",
        (platform::LAG, _) => "read model",
        (platform::NOTICES, 0) => "published",
        (platform::NOTICES, _) => "shown",
        _ => "tasks",
    };
    name.to_owned()
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Kafka(message) => return kafka_view::look(message),
        Message::Rabbit(method) => return rabbit_view::look(method),
        Message::Nats(Notice::Sub) => ('S', Glyph::Dot, Tone::Neutral),
        Message::Nats(Notice::Pub { reply: false, .. } | Notice::Msg { reply: false, .. }) => {
            ('N', Glyph::Square, Tone::Service)
        }
        Message::Nats(Notice::Pub { .. } | Notice::Msg { .. }) => ('N', Glyph::Square, Tone::Question),
        Message::Nats(Notice::Answer { .. }) => ('n', Glyph::Pill, Tone::Question),
    };
    Look { letter, glyph, tone }
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    match message {
        Message::Kafka(message) => kafka_view::fields(settings, message),
        Message::Rabbit(method) => rabbit_view::fields(settings, method),
        Message::Nats(Notice::Sub) => vec![field("subject", platform::notices::PATTERN)],
        Message::Nats(Notice::Pub { order, reply } | Notice::Msg { order, reply }) => vec![
            field("subject", platform::notices::subject(*order)),
            field("order", order),
            field("answer wanted", if *reply { "yes" } else { "no" }),
        ],
        Message::Nats(Notice::Answer { order }) => vec![field("order", order)],
    }
}

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn list(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.take(20).map(|number| number.to_string()).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn on_disk(world: &Shop, disk: &Disk) -> Fields {
    match disk {
        Disk::Kafka(_) => vec![
            field("log end", log(world).map_or(0, |log| log.end())),
            field("committed by the relay", committed(world, 0)),
            field("committed by the read model", committed(world, 1)),
        ],
        Disk::Rabbit(_) => host(world).map_or_else(Vec::new, |host| {
            let queued = |queue: &rabbitmq::queue::Queue| list(queue.ready.iter().map(|stored| stored.message.id));
            host.queues.values().map(|queue| field(queue.name, queued(queue))).collect()
        }),
        Disk::Payments { charged, .. } => vec![field("orders charged", charged.count())],
        Disk::View(rows) => {
            let revenue = rows.revenue.iter().enumerate();
            let mut all: Fields = revenue.map(|(at, sum)| field(&format!("product {}", at + 1), sum)).collect();
            all.push(field("offset beside the rows", rows.offset));
            all
        }
        Disk::Nothing => Vec::new(),
    }
}

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let mut memory = match &node.memory {
        None => return Inspection { disk: on_disk(world, &node.disk), memory: Vec::new() },
        Some(Memory::Relay { reader, waiting }) => vec![
            field("next offset", reader.next.map_or("not known".to_owned(), |next| next.to_string())),
            field("not confirmed", list(waiting.iter().copied())),
        ],
        Some(Memory::View { reader, awaited }) => vec![
            field("next offset", reader.next.map_or("not known".to_owned(), |next| next.to_string())),
            field("waits for an answer on", awaited.map_or("nothing".to_owned(), |order| format!("order {order}"))),
        ],
        Some(Memory::Nats { subscribed }) => {
            vec![field("subscriptions", if subscribed.is_some() { "the screen's" } else { "none" })]
        }
        Some(Memory::Screen { seen }) => vec![field("orders shown", seen.count())],
        Some(_) => Vec::new(),
    };
    for (timer, pending) in world.timers(id) {
        let left = pending.at.saturating_sub(world.kernel().now());
        let name = OrderPlatform::describe_timer(world.settings(), timer);
        memory.push(field(&name, format!("in {}", time::show(left))));
    }
    Inspection { disk: on_disk(world, &node.disk), memory }
}

fn order(count: i64) -> Input {
    Input::call(platform::ORDER, &[count])
}

fn rebuild() -> Input {
    Input::call(platform::REBUILD, &[])
}

fn is_up(world: &Shop, node: NodeId) -> bool {
    world.kernel().node(node).up
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether the rows hold more than the log.
fn rows_are_wrong(world: &Shop) -> bool {
    matches!(view(world), (rows, Some(next)) if rows != fold(world, next))
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

const TOUR: &[Beat<OrderPlatform>] = &[
    Beat {
        title: "One order, three legs",
        say: "A shop writes each order to Kafka, and does nothing else. Three questions follow from an order: who pays, what \
              the owner sees, and who is told at once.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![SHOP, KAFKA],
        predict: None,
    },
    Beat {
        title: "The log is the truth",
        say: "Relay and read model read the same log, each at its own pace with its own *offset*. Neither takes anything away \
              from the other.",
        inputs: no_inputs,
        until: |world| orders(world) >= 5 && committed(world, 0) >= 3,
        look: |_| vec![KAFKA, RELAY, VIEW],
        predict: None,
    },
    Beat {
        title: "Tasks want a queue",
        say: "A payment can fail, be tried again later, and be given up. RabbitMQ does that: order 3's card is declined three \
              times, and then the task is parked as a *dead letter*. Nobody behind it had to wait.",
        inputs: no_inputs,
        until: |world| parked(world).next().is_some(),
        look: |_| vec![RABBIT, PAYMENTS],
        predict: None,
    },
    Beat {
        title: "Nobody watches",
        say: "The screen is switched off. NATS keeps nothing: a notice that nobody hears is gone.",
        inputs: |_| vec![Input::Crash { node: SCREEN }],
        until: |world| world.witness().told >= world.witness().seen + 4 && working(world).is_some(),
        look: |_| vec![NATS, SCREEN],
        predict: Some(Predict {
            question: "Notices are lost. What else breaks?",
            options: |_| words(&["Nothing", "The read model falls behind", "Payments stop"]),
            answer: |world| match (behind(world, 1) > 4, behind(world, 0) > 6) {
                (false, false) => 0,
                (true, _) => 1,
                _ => 2,
            },
            because: "Nothing waits for a notice. That is the price and the use of fire and forget: use it only for what can \
                      be read elsewhere.",
        }),
    },
    Beat {
        title: "The worker dies",
        say: "The payments' worker crashes at work. RabbitMQ hands its task out again, and the order's card may have been \
              charged before.",
        inputs: |_| vec![Input::Restart { node: SCREEN }, Input::Crash { node: PAYMENTS }],
        until: |world| !is_up(world, PAYMENTS) && host(world).is_some_and(|host| host.consumers.is_empty()),
        look: |_| vec![PAYMENTS, RABBIT],
        predict: None,
    },
    Beat {
        title: "Charged once",
        say: "The worker's database stores the order's number in one transaction with the charge. A task that comes again is \
              recognised: the worker is *idempotent*.",
        inputs: |_| vec![Input::Restart { node: PAYMENTS }],
        until: |world| is_up(world, PAYMENTS) && working(world).is_some() && !is_redelivered(world),
        look: |_| vec![PAYMENTS],
        predict: None,
    },
    Beat {
        title: "A read model is a fold",
        say: "The owner wants other figures. The rows are dropped and built anew from offset 0. Orders go on meanwhile.",
        inputs: |_| vec![rebuild()],
        until: |world| world.witness().rebuilt > 0 && has_all(world),
        look: |_| vec![VIEW, KAFKA],
        predict: Some(Predict {
            question: "Are the rows the same as before, plus what has come since?",
            options: |_| words(&["Yes", "No"]),
            answer: |world| usize::from(rows_are_wrong(world)),
            because: "The log has every order still. From RabbitMQ's queue, which is empty by now, nothing could be rebuilt.",
        }),
    },
    Beat {
        title: "The offset elsewhere",
        say: "Now the rule is off: the rows are in one database, and the offset is committed to Kafka, a little later. The \
              read model crashes between the two.",
        inputs: |_| vec![Input::Rule { rule: platform::OFFSET_WITH_ROWS, on: false }],
        until: |world| {
            let uncommitted = view(world).1.is_some_and(|next| next > committed(world, 1));
            !world.rules().on(platform::OFFSET_WITH_ROWS) && uncommitted && orders(world) > 16
        },
        look: |_| vec![VIEW],
        predict: None,
    },
    Beat {
        title: "Counted twice",
        say: "It comes back and asks Kafka where it was. Watch the first promise, and the table.",
        inputs: |_| vec![Input::Crash { node: VIEW }, Input::Restart { node: VIEW }],
        until: |world| world.is_promise_broken(VIEW_IS_LOG.id),
        look: |_| vec![VIEW, KAFKA],
        predict: Some(Predict {
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
            because: "The rows have them, the offset does not. One transaction for both is what makes the effect exactly once.",
        }),
    },
    Beat {
        title: "Mended by the log",
        say: "The rule is on again, and the rows are rebuilt. As long as the log has everything, a read model can be thrown \
              away.",
        inputs: |_| vec![Input::Rule { rule: platform::OFFSET_WITH_ROWS, on: true }, rebuild()],
        until: |world| world.witness().rebuilt > 1 && has_all(world) && !rows_are_wrong(world),
        look: |_| vec![VIEW],
        predict: None,
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

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
        goal: "Have RabbitMQ down for 2 s while the shop takes orders and the read model has them all.",
        hint: "The log stands between them.",
        reached: one_leg_down,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.until(|world| orders(world) >= 3);
            script.act(Input::Crash { node: RABBIT });
            script.until(one_leg_down);
        },
    },
    Challenge {
        id: "task-without-end",
        title: "In the log, and never paid",
        goal: "Have an order in the log that nobody will ever be charged for.",
        hint: "Switch off that the relay commits after the confirm, and crash it while it makes out its tasks.",
        reached: |world| undone(world).is_some(),
        origin: || origin(&[platform::CONFIRM_FIRST], &[]),
        solve: |script| {
            script.until(|world| committed(world, 0) > 2 && waiting(world) > 0 && behind(world, 0) == 0);
            script.act(Input::Crash { node: RELAY });
            script.until(|world| undone(world).is_some());
        },
    },
    Challenge {
        id: "a-notice-too-many",
        title: "A notice too many",
        goal: "Have the read model more than 12 orders behind, with itself, Kafka and the relay running.",
        hint: "Let it wait for its notices, and let nobody watch.",
        reached: |world| {
            behind(world, 1) > 12 && [VIEW, KAFKA, RELAY].iter().all(|node| world.kernel().is_running(*node))
        },
        origin: || origin(&[platform::NOBODY_WAITS], &[]),
        solve: |script| {
            script.until(|world| world.witness().seen >= 2);
            script.act(Input::Crash { node: SCREEN });
            script.until(|world| behind(world, 1) > 12);
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

const BREAKS: &[Breaks<OrderPlatform>] = &[
    Breaks { rule: platform::OFFSET_WITH_ROWS, promise: VIEW_IS_LOG.id, way: Way::Explore(QUIET_VIEW) },
    Breaks { rule: platform::CONFIRM_FIRST, promise: TASK_DONE.id, way: Way::Explore(QUIET_RELAY) },
    Breaks {
        rule: platform::CHARGE_ONCE,
        promise: CHARGED_ONCE.id,
        way: Way::Schedules {
            settings: &[],
            events: 600,
            reason: "A task's whole way from the shop to the worker and back once more is beyond the explorer's bounds.",
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
            reason: "Who waits for ever is seen over time; the explorer ignores it.",
        },
    },
];

/// Whether nothing flies from a node, or to it.
fn is_still(world: &Shop, node: NodeId) -> bool {
    let touches = |kind| matches!(kind, PendingKind::Deliver { from, .. } if from == node);
    !world.flights().any(|flight| flight.pending.node == node || touches(flight.pending.kind))
}

/// One order and the read model: the relay stands still.
const QUIET_VIEW: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(400_000, 30, Budget::crashes(1)),
    within: |world| is_quiet(world) && is_still(world, RELAY),
    ..QUIET_ORDER
};

/// One order and the relay: the read model stands still.
const QUIET_RELAY: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(100_000, 30, Budget::crashes(1)),
    within: |world| is_quiet(world) && is_still(world, VIEW),
    ..QUIET_ORDER
};
