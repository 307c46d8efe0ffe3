//! How the platform looks: three legs, the log twice, the queues, the rows next to what they should be, the notices.

use super::prelude::*;
use crate::sim::kernel::time::{self};
use crate::sim::numbers::counted;
use crate::systems::messaging::order_platform::promises::{behind, charged, committed, fold, host, log, parked, view};
use crate::systems::messaging::order_platform::{
    self as platform, Disk, KAFKA, Memory, Message, NATS, Notice, OrderPlatform, PAYMENTS, PRODUCTS, RABBIT, RELAY,
    SCREEN, SHOP, Timer, VIEW,
};
use crate::systems::messaging::rabbitmq::{self, topology};
use crate::systems::messaging::{kafka::Kafka, rabbitmq::RabbitMq};

impl Face for OrderPlatform {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Kafka(message) => return Kafka::look(message),
            Message::Rabbit(method) => return RabbitMq::look(method),
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
            Message::Kafka(message) => Kafka::fields(settings, message),
            Message::Rabbit(method) => RabbitMq::fields(settings, method),
            Message::Nats(Notice::Sub) => vec![field("subject", platform::notices::PATTERN)],
            Message::Nats(Notice::Pub { order, reply } | Notice::Msg { order, reply }) => vec![
                field("subject", platform::notices::subject(*order)),
                field("order", order),
                field("answer wanted", if *reply { "yes" } else { "no" }),
            ],
            Message::Nats(Notice::Answer { order }) => vec![field("order", order)],
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
}

/// The system in motion.
pub type Shop = World<OrderPlatform>;

/// Where the nodes stand, in order.
fn places(frame: Frame) -> [(i32, i32); 8] {
    match frame {
        Frame::Wide => [(260, 176), (80, 176), (430, 74), (640, 74), (860, 74), (430, 278), (640, 278), (860, 278)],
        Frame::Narrow => [(90, 150), (310, 150), (62, 48), (200, 48), (336, 48), (62, 252), (200, 252), (336, 252)],
    }
}

pub fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for (id, at) in places(frame).into_iter().enumerate() {
        picture.nodes.push(mark(world, NodeId::from(id), at));
    }
    picture.link_all(&[KAFKA], &[SHOP, RELAY, VIEW]);
    picture.link_all(&[RABBIT], &[RELAY, PAYMENTS]);
    picture.link_all(&[NATS], &[VIEW, SCREEN]);
    let [strip, queues, rows, bars] = match frame {
        Frame::Wide => {
            [((20, 344), (440, 96)), ((20, 448), (440, 108)), ((490, 344), (230, 200)), ((740, 344), (212, 120))]
        }
        Frame::Narrow => [((8, 314), (384, 70)), ((8, 384), (384, 0)), ((8, 388), (384, 96)), ((8, 488), (384, 70))],
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
pub fn working(world: &Shop) -> Option<u32> {
    match world.memory(PAYMENTS) {
        Some(Memory::Rabbit(rabbitmq::Memory::Worker { working, .. })) => Some(working.as_ref()?.message.id),
        _ => None,
    }
}

pub fn waiting(world: &Shop) -> usize {
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
        KAFKA => (counted(log(world).map_or(0, |log| u64::from(log.end())), "order"), Tone::Store),
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
        let cells = orders.into_iter().map(|order| Cell::firm(order.to_string(), tone));
        GridRow { label: label.to_owned(), cells: Cell::some_of(cells, 12), mark: None }
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
    Figure { id: "tasks", at, size, title: "Tasks at RabbitMQ".to_owned(), body: Body::Queues(rows) }
}

/// The rows, and what they should be.
fn row_table(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (rows, next) = view(world);
    let right = next.map_or(rows, |next| fold(world, next));
    let line = |product: usize| {
        let tone = if rows[product] == right[product] { Tone::Fine } else { Tone::Broken };
        vec![
            Cell::firm(platform::PRODUCT_NAMES[product], Tone::Neutral),
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
            let mut all: Fields = revenue.map(|(at, sum)| field(format!("product {}", at + 1), sum)).collect();
            all.push(field("offset beside the rows", rows.offset));
            all
        }
        Disk::Nothing => Vec::new(),
    }
}

pub fn order(count: i64) -> Input {
    Input::call(platform::ORDER, &[count])
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
