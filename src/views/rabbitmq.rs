//! What the scenarios over RabbitMQ show in the same way: messages, fields, nodes from the inside, strips of cells.

use super::prelude::*;
use crate::sim::later::Later;
use crate::sim::numbers::counted;
use crate::systems::messaging::rabbitmq::host::{Consumer, Host, Settle};
use crate::systems::messaging::rabbitmq::message::{Body, Message, QueueId, TaskId};
use crate::systems::messaging::rabbitmq::queue::Stored;
use crate::systems::messaging::rabbitmq::{self as rabbit, BROKER, Delivery, FIRST, Memory, Method, RabbitMq, words};

/// A world of RabbitMQ.
pub type Shop = World<RabbitMq>;

impl Face for RabbitMq {
    fn look(message: &Method) -> Look {
        let (letter, glyph, tone) = match message {
            Method::Publish { message } if message.attempt > 0 => ('W', Glyph::Square, Tone::Risk),
            Method::Publish { message } if message.priority > 0 => ('U', Glyph::Square, Tone::Active),
            Method::Publish { message } if message.body == Body::Plain => ('T', Glyph::Square, Tone::Producer),
            Method::Publish { .. } => ('T', Glyph::Square, Tone::Broken),
            Method::Confirm { .. } => ('c', Glyph::Pill, Tone::Fine),
            Method::Refuse { .. } => ('x', Glyph::Pill, Tone::Broken),
            Method::Return { .. } => ('b', Glyph::Square, Tone::Risk),
            Method::Consume { .. } | Method::ConsumeAgain { .. } => ('+', Glyph::Diamond, Tone::Consumer),
            Method::Open { .. } => ('o', Glyph::Diamond, Tone::Neutral),
            Method::Cancel { .. } => ('s', Glyph::Diamond, Tone::Off),
            Method::CancelOk { .. } => ('s', Glyph::Pill, Tone::Off),
            Method::Close { .. } => ('-', Glyph::Diamond, Tone::Broken),
            Method::Deliver { delivery, .. } if delivery.redelivered => ('R', Glyph::Square, Tone::Risk),
            Method::Deliver { delivery, .. } if delivery.message.priority > 0 => ('U', Glyph::Square, Tone::Active),
            Method::Deliver { .. } => ('T', Glyph::Square, Tone::Store),
            Method::Settle { how: Settle::Ack, .. } => ('k', Glyph::Pill, Tone::Consumer),
            Method::Settle { how: Settle::Requeue, .. } => ('n', Glyph::Pill, Tone::Risk),
            Method::Settle { .. } => ('j', Glyph::Pill, Tone::Broken),
            Method::Heartbeat { .. } => ('h', Glyph::Dot, Tone::Neutral),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Method) -> Fields {
        let number = |id: &TaskId| field("message", id);
        let connection = |connection: &u32| field("connection", connection);
        match message {
            Method::Publish { message } => properties(message),
            Method::Deliver { connection: on, delivery } => {
                let again = if delivery.redelivered { "yes" } else { "no" };
                let mut all = properties(&delivery.message);
                all.extend([field("redelivered", again), field("tag", delivery.tag), connection(on)]);
                all
            }
            Method::Confirm { id } | Method::Refuse { id } | Method::Return { id } => vec![number(id)],
            Method::Settle { connection: on, tag, id, .. } => {
                vec![number(id), field("tag", tag), connection(on)]
            }
            Method::Consume { connection: on }
            | Method::Open { connection: on }
            | Method::Cancel { connection: on }
            | Method::CancelOk { connection: on }
            | Method::ConsumeAgain { connection: on }
            | Method::Close { connection: on }
            | Method::Heartbeat { connection: on } => {
                vec![connection(on)]
            }
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let queues = |host: &Host| {
            let named = host.queues.values();
            let all = named.map(|queue| field(queue.name, list(queue.ready.iter().map(|stored| &stored.message))));
            all.collect::<Fields>()
        };
        let disk = match (id, &node.disk.host) {
            (BROKER, Some(host)) => queues(host),
            (BROKER, None) => Vec::new(),
            (rabbit::PUBLISHER, _) => vec![field("last message", node.disk.last)],
            _ => vec![field("last connection", node.disk.last)],
        };
        let memory = match &node.memory {
            None => Vec::new(),
            Some(Memory::Publisher { unconfirmed, returned }) => vec![
                field("unconfirmed", list(unconfirmed.iter().map(|sent| &sent.message))),
                field("last returned", returned.map_or("none".to_owned(), |id| id.to_string())),
            ],
            Some(Memory::Broker { host, .. }) => {
                let held = host.consumers.iter().map(|(node, consumer)| {
                    let name = RabbitMq::name(world.settings(), *node);
                    let tasks = list(consumer.unacked.iter().map(|unacked| &unacked.stored.message));
                    field(format!("held by {name}"), tasks)
                });
                queues(host).into_iter().chain(held).collect()
            }
            Some(Memory::Worker { connected, buffer, working, moving, cancelled, .. }) => vec![
                field("task in hand", list(working.iter().map(|delivery| &delivery.message))),
                field("buffer", list(buffer.iter().map(|delivery| &delivery.message))),
                field("copies awaited", list(moving.iter().map(|delivery| &delivery.message))),
                field("connection", if *connected { "open" } else { "none" }),
                field("consumer", if cancelled.0 { "cancelled" } else { "active" }),
            ],
        };
        Inspection { disk, memory }
    }
}

/// Every consumer.
pub fn consumers(world: &Shop) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}

/// The broker's host, while it is up.
pub fn host(world: &Shop) -> Option<&Host> {
    match world.memory(BROKER) {
        Some(Memory::Broker { host, .. }) => Some(host),
        _ => None,
    }
}

/// The ready messages of a queue.
pub fn ready(world: &Shop, queue: QueueId) -> &[Stored] {
    host(world).and_then(|host| host.queues.get(&queue)).map_or(&[], |queue| &queue.ready)
}

/// What is in a consumer's buffer, and what it works on.
pub fn held(world: &Shop, id: NodeId) -> (&[Delivery], Option<&Delivery>) {
    match world.memory(id) {
        Some(Memory::Worker { buffer, working, .. }) => (buffer, working.as_ref()),
        _ => (&[], None),
    }
}

/// What the broker knows about a consumer.
pub fn consumer(world: &Shop, id: NodeId) -> Option<&Consumer> {
    host(world).and_then(|host| host.consumers.get(&id))
}

/// How many messages the broker has delivered to a consumer without an acknowledgement.
pub fn unacked(world: &Shop, id: NodeId) -> usize {
    consumer(world, id).map_or(0, |consumer| consumer.unacked.len())
}

/// Whether a message like this is under way.
pub fn flies(world: &Shop, wanted: impl Fn(&Method) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

/// How many messages the publisher waits for.
pub fn unconfirmed(world: &Shop) -> usize {
    match world.memory(rabbit::PUBLISHER) {
        Some(Memory::Publisher { unconfirmed, .. }) => unconfirmed.len(),
        _ => 0,
    }
}

/// A command of the reader.
pub fn command(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

/// Publishes this many messages.
pub fn publish(count: i64) -> Input {
    command(rabbit::PUBLISH, &[count])
}

/// Publishes this many messages with a priority.
pub fn publish_urgent(count: i64, priority: i64) -> Input {
    command(rabbit::URGENT, &[count, priority])
}

/// Whether a consumer has cancelled.
pub fn has_cancelled(world: &Shop, id: NodeId) -> bool {
    matches!(world.memory(id), Some(Memory::Worker { cancelled: Later(true), .. }))
}

/// Connections opened so far.
pub fn connections(world: &Shop) -> u32 {
    consumers(world).iter().filter_map(|id| world.node(*id)).map(|node| node.disk.last).sum()
}

/// A message's number, with `^` for one that has a priority.
pub fn number(message: &Message) -> String {
    let urgent = if message.priority > 0 { "^" } else { "" };
    format!("{}{urgent}", message.id)
}

/// A message as a cell: its number, `^` for urgent, `r` for redelivered, `!` for one that fails.
pub fn cell(message: &Message, redelivered: bool, tone: Tone) -> Cell {
    let trouble = match message.body {
        Body::Plain => "",
        Body::Flaky => "~",
        Body::Poison => "!",
        Body::Deadly => "!!",
    };
    let again = if redelivered { "r" } else { "" };
    let text = format!("{}{trouble}{again}", number(message));
    match (message.body, redelivered) {
        (Body::Poison | Body::Deadly, _) => Cell::firm(text, Tone::Broken),
        (_, true) => Cell::loose(text, Tone::Risk),
        _ if message.priority > 0 => Cell::firm(text, Tone::Active),
        _ => Cell::firm(text, tone),
    }
}

/// A queue's ready messages as a row, the next one first, in at most `most` cells.
pub fn row(label: impl Into<String>, stored: &[Stored], most: usize, tone: Tone) -> GridRow {
    let cells = stored.iter().map(|stored| cell(&stored.message, stored.redelivered, tone));
    GridRow { label: label.into(), cells: Cell::some_of(cells, most), mark: None }
}

/// Numbers as a row.
pub fn numbers(label: impl Into<String>, ids: impl Iterator<Item = TaskId>, most: usize, tone: Tone) -> GridRow {
    let cells = ids.map(|id| Cell::firm(id.to_string(), tone));
    GridRow { label: label.into(), cells: Cell::some_of(cells, most), mark: None }
}

fn properties(message: &Message) -> Fields {
    let mode = if message.persistent { "2, persistent" } else { "1, transient" };
    let mut all =
        vec![field("message", message.id), field("to", words::show(&message.envelope)), field("delivery mode", mode)];
    if message.priority > 0 {
        all.push(field("priority", message.priority));
    }
    if let Some(wait) = message.expiration {
        all.push(field("expiration", crate::sim::kernel::time::show(wait)));
    }
    if message.attempt > 0 {
        all.push(field("failed before", message.attempt));
    }
    for death in &message.deaths {
        all.push(field("x-death", format!("{}, {}", death.reason.name(), counted(u64::from(death.count), "time"))));
    }
    all
}

fn list<'a>(messages: impl Iterator<Item = &'a Message>) -> String {
    let words: Vec<String> = messages.take(20).map(number).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}
