//! The right tool for each leg: one order platform over Kafka, RabbitMQ and NATS, and a read model that can be rebuilt.

use super::{kafka_view, rabbit as rabbit_view};
use crate::guides::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
};
use crate::picture::{Bar, Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::chaos::FaultModel;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::metrics::MetricId;
use crate::sim::rules::{RuleId, RuleSet};
use crate::sim::settings::{CommandCall, SettingId, Settings};
use crate::sim::system::System;
use crate::sim::tape::{Input, Origin};
use crate::sim::time::{self, SEC};
use crate::sim::world::World;
use crate::systems::order_platform::promises::{
    CATCHES_UP, CHARGED_ONCE, TASK_DONE, VIEW_IS_LOG, behind, charged, committed, fold, host, log, parked, undone, view,
};
use crate::systems::order_platform::{
    self as platform, Disk, KAFKA, Memory, Message, NATS, Notice, OrderPlatform, PAYMENTS, PRODUCTS, RABBIT, RELAY,
    SCREEN, SHOP, Timer, VIEW,
};
use crate::systems::rabbitmq::{self, Method, topology};

type Shop = World<OrderPlatform>;

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
    explore: QUIET_ORDER,
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

/// Where the nodes stand, in their order.
fn places(frame: Frame) -> [(i32, i32); 8] {
    match frame {
        Frame::Wide => [(260, 176), (80, 176), (430, 74), (640, 74), (860, 74), (430, 278), (640, 278), (860, 278)],
        Frame::Narrow => [(90, 150), (310, 150), (62, 48), (200, 48), (336, 48), (62, 252), (200, 252), (336, 252)],
    }
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for (id, at) in places(frame).into_iter().enumerate() {
        picture.nodes.push(mark(world, NodeId::from(id), at));
    }
    picture.link_all(&[KAFKA], &[SHOP, RELAY, VIEW]);
    picture.link_all(&[RABBIT], &[RELAY, PAYMENTS]);
    picture.link_all(&[NATS], &[VIEW, SCREEN]);
    let [strip, queues, rows, bars] = match frame {
        Frame::Wide => {
            [((20, 344), (440, 96)), ((20, 448), (440, 108)), ((490, 344), (250, 200)), ((760, 344), (190, 120))]
        }
        Frame::Narrow => {
            [((8, 314), (384, 70)), ((8, 388), (384, 0)), ((8, 388), (230, 124)), ((246, 388), (146, 100))]
        }
    };
    picture.figures.push(log_strip(world, strip.0, strip.1, if frame == Frame::Wide { 12 } else { 9 }));
    if frame == Frame::Wide {
        picture.figures.push(task_strip(world, queues.0, queues.1));
    }
    picture.figures.push(row_table(world, rows.0, rows.1));
    picture.figures.push(notice_bars(world, bars.0, bars.1));
    picture
}

/// What the worker works on.
fn working(world: &Shop) -> Option<u32> {
    match world.memory(PAYMENTS) {
        Some(Memory::Rabbit(rabbitmq::Memory::Worker { working, .. })) => Some(working.as_ref()?.message.id),
        _ => None,
    }
}

fn waiting(world: &Shop) -> usize {
    match world.memory(RELAY) {
        Some(Memory::Relay { waiting, .. }) => waiting.len(),
        _ => 0,
    }
}

fn awaited(world: &Shop) -> Option<u32> {
    match world.memory(VIEW) {
        Some(Memory::View { awaited, .. }) => *awaited,
        _ => None,
    }
}

fn is_subscribed(world: &Shop) -> bool {
    matches!(world.memory(NATS), Some(Memory::Nats { subscribed: Some(_) }))
}

fn mark(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let shape = match id {
        KAFKA | NATS => Shape::Broker,
        RABBIT => Shape::Queue,
        _ => Shape::Service,
    };
    let mut mark = NodeMark::new(id, at, shape, OrderPlatform::name(world.settings(), id));
    let ready = host(world).and_then(|host| host.queues.get(&0)).map_or(0, |queue| queue.ready.len());
    (mark.state, mark.tone) = match id {
        SHOP => ("takes orders".to_owned(), Tone::Producer),
        KAFKA => (format!("{} orders", log(world).map_or(0, |log| log.end())), Tone::Store),
        RELAY => match waiting(world) {
            0 => (format!("{} behind", behind(world, 0)), Tone::Neutral),
            count => (format!("{count} unconfirmed"), Tone::Service),
        },
        RABBIT => (format!("{ready} ready"), Tone::Store),
        PAYMENTS => match working(world) {
            Some(order) => (format!("charges {order}"), Tone::Consumer),
            None => ("idle".to_owned(), Tone::Neutral),
        },
        VIEW => match awaited(world) {
            Some(order) => (format!("waits for {order}"), Tone::Risk),
            None => (format!("{} behind", behind(world, 1)), Tone::Consumer),
        },
        NATS if is_subscribed(world) => ("1 subscription".to_owned(), Tone::Store),
        NATS => ("nobody listens".to_owned(), Tone::Neutral),
        _ => (format!("{} shown", world.witness().seen), Tone::Consumer),
    };
    let done = Timer::Rabbit(rabbitmq::Timer::Done);
    let work = world.timers(id).find(|timer| timer.0 == done || timer.0 == Timer::Hand);
    mark.ring = work.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// The log twice: how far the relay is, and how far the read model.
fn log_strip(world: &Shop, at: (i32, i32), size: (i32, i32), shown: u32) -> Figure {
    let end = log(world).map_or(0, |log| log.end());
    let first = end.saturating_sub(shown);
    let row = |label: &str, upto: u32| {
        let cell = |offset: u32| {
            let order = log(world).and_then(|log| log.get(offset)).map_or(0, |record| record.number);
            let tone = if offset < upto { Tone::Fine } else { Tone::Store };
            Cell::firm(order.to_string(), tone)
        };
        let mark = Some(upto.saturating_sub(first).min(shown) as u16);
        GridRow { label: label.to_owned(), cells: (first..end).map(cell).collect(), mark }
    };
    let rows = vec![row("relay", committed(world, 0)), row("read model", view(world).1.unwrap_or(0))];
    let title = "The log, and how far each has come".to_owned();
    Figure { id: "log", at, size, title, body: Body::Grid { first, rows } }
}

/// What RabbitMQ has.
fn task_strip(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |label: &str, orders: Vec<u32>, tone: Tone| {
        let cells = orders.into_iter().take(12).map(|order| Cell::firm(order.to_string(), tone)).collect();
        GridRow { label: label.to_owned(), cells, mark: None }
    };
    let of = |wanted: &dyn Fn(u8) -> bool| -> Vec<u32> {
        let queues = host(world).into_iter().flat_map(|host| &host.queues).filter(|queue| wanted(*queue.0));
        queues.flat_map(|queue| &queue.1.ready).map(|stored| stored.message.id).collect()
    };
    let mut parked: Vec<u32> = parked(world).collect();
    parked.reverse();
    let rows = vec![
        row("ready", of(&|queue| queue == 0), Tone::Store),
        row("again later", of(&|queue| queue != 0 && queue != topology::PARKED), Tone::Risk),
        row("parked", parked, Tone::Broken),
    ];
    Figure { id: "tasks", at, size, title: "Tasks at RabbitMQ".to_owned(), body: Body::Grid { first: 1, rows } }
}

/// The rows, and what they should be.
fn row_table(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (rows, next) = view(world);
    let right = next.map_or(rows, |next| fold(world, next));
    let line = |product: usize| {
        let tone = if rows[product] == right[product] { Tone::Fine } else { Tone::Broken };
        vec![
            Cell::firm(["tea", "cups", "pots"][product], Tone::Neutral),
            Cell::firm(rows[product].to_string(), tone),
            Cell::firm(right[product].to_string(), Tone::Neutral),
        ]
    };
    let mut body: Vec<Vec<Cell>> = (0..PRODUCTS).map(line).collect();
    body.push(vec![
        Cell::firm("paid orders", Tone::Neutral),
        Cell::firm(charged(world).count().to_string(), Tone::Consumer),
        Cell::firm("", Tone::Neutral),
    ]);
    let head = ["revenue", "read model", "log"].map(str::to_owned).to_vec();
    let title = "What the shop's owner sees".to_owned();
    Figure { id: "rows", at, size, title, body: Body::Table { head, rows: body } }
}

fn notice_bars(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (told, seen) = (world.witness().told, world.witness().seen);
    let bar = |label: &str, value: u32, tone: Tone| {
        let (label, text) = (label.to_owned(), value.to_string());
        Bar { label, value, full: told.max(20), text, tone }
    };
    let bars = vec![
        bar("published", told, Tone::Service),
        bar("shown", seen, Tone::Consumer),
        bar("lost", told.saturating_sub(seen), Tone::Off),
    ];
    Figure { id: "notices", at, size, title: "Notices".to_owned(), body: Body::Bars(bars) }
}

fn order(count: i64) -> Input {
    Input::Command(CommandCall { command: platform::ORDER, values: vec![count] })
}

fn rebuild() -> Input {
    Input::Command(CommandCall { command: platform::REBUILD, values: Vec::new() })
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
        until: |world| world.witness().told >= world.witness().seen + 4,
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
        until: |world| view(world).1.is_some_and(|next| next >= 8) && behind(world, 1) <= 1,
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
        until: |world| view(world).1.is_some_and(|next| next > committed(world, 1)) && orders(world) > 12,
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
        until: |world| !rows_are_wrong(world) && view(world).1.is_some_and(|next| next > 8) && behind(world, 1) <= 1,
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

/// Whether the legs to the right of relay and read model have not begun yet.
fn is_quiet(world: &Shop) -> bool {
    let connected = host(world).is_some_and(|host| !host.consumers.is_empty());
    world.kernel().pending_count() < 24 && !connected && !is_subscribed(world)
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
            events: 400,
            reason: "Who waits for ever is seen over time; the explorer ignores it.",
        },
    },
];

/// One order and the read model: the relay stands still.
const QUIET_VIEW: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(400_000, 30, Budget::crashes(1)),
    within: |world| {
        let relay = matches!(world.memory(RELAY), Some(Memory::Relay { reader, .. }) if reader.next.is_none());
        is_quiet(world) && relay
    },
    ..QUIET_ORDER
};

/// One order and the relay: the read model stands still.
const QUIET_RELAY: Hunt<OrderPlatform> = Hunt {
    bounds: Bounds::new(400_000, 30, Budget::crashes(1)),
    within: |world| is_quiet(world) && world.witness().told == 0,
    ..QUIET_ORDER
};
