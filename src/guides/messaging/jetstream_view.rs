//! How JetStream's work queue is drawn and what is known of its nodes.

use crate::guides::scenario::{Fields, Inspection};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::sim::NodeId;
use crate::sim::settings::Settings;
use crate::sim::system::System;
use crate::sim::world::World;
use crate::systems::jetstream::promises::{store, workers};
use crate::systems::jetstream::stream::{PubAck, Retention, Stored};
use crate::systems::jetstream::{
    self as jet, AckKind, JetStream, Memory, Message, PUBLISHER, Phase, SERVER, Store, Timer,
};

pub(super) type Shop = World<JetStream>;

fn name(world: &Shop, id: NodeId) -> String {
    JetStream::name(world.settings(), id)
}

fn phase(world: &Shop, id: NodeId) -> Option<Phase> {
    match world.memory(id) {
        Some(Memory::Worker { phase, .. }) => Some(*phase),
        _ => None,
    }
}

pub(super) fn works(world: &Shop, id: NodeId) -> bool {
    matches!(phase(world, id), Some(Phase::Works(..)))
}

pub(super) fn unconfirmed(world: &Shop) -> usize {
    match world.memory(PUBLISHER) {
        Some(Memory::Publisher { unconfirmed }) => unconfirmed.len(),
        _ => 0,
    }
}

/// How a message stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ready,
    Delivered,
    Again,
    Over,
}

fn standing(store: &Store, seq: u32) -> Standing {
    let consumer = &store.consumer;
    if seq > consumer.delivered() {
        Standing::Ready
    } else if consumer.again().contains(&seq) {
        Standing::Again
    } else if consumer.pending().iter().any(|pending| pending.seq == seq) {
        Standing::Delivered
    } else {
        Standing::Over
    }
}

pub(super) fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = workers(world);
    let (publisher, server, places) = match frame {
        Frame::Wide => ((80, 130), (300, 130), Area::new(530, 20, 120, 520).column(all.len())),
        Frame::Narrow => {
            let first = Area::new(4, 122, 392, 74).row(all.len().min(3));
            let second = Area::new(4, 210, 392, 74).row(all.len().saturating_sub(3));
            ((66, 50), (270, 50), first.into_iter().chain(second).collect())
        }
    };
    let (strip, window, table) = match frame {
        Frame::Wide => (((20, 250), (420, 110)), ((20, 390), (420, 100)), ((670, 40), (280, 480))),
        Frame::Narrow => (((8, 296), (384, 66)), ((8, 366), (384, 62)), ((8, 434), (384, 122))),
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(SERVER, server, Shape::Broker, "server");
    mark.tone = Tone::Store;
    mark.state = format!("{} ready", store(world).map_or(0, Store::ready));
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(worker(world, *id, at));
    }
    picture.link_all(&[SERVER], &[PUBLISHER]);
    picture.link_all(&[SERVER], &all);
    picture.figures.push(stream_cells(world, strip.0, strip.1));
    picture.figures.push(window_cells(world, window.0, window.1));
    picture.figures.push(deliveries(world, table.0, table.1));
    picture
}

fn worker(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, name(world, id));
    let (state, tone, seq) = match phase(world, id) {
        Some(Phase::Works(delivery, task)) => {
            (format!("works on task {}", task.id), Tone::Consumer, Some(delivery.seq))
        }
        Some(Phase::Confirms(_, task)) => (format!("task {}: acked?", task.id), Tone::Question, None),
        Some(Phase::Idle) => ("asks".to_owned(), Tone::Neutral, None),
        None => (String::new(), Tone::Off, None),
    };
    (mark.state, mark.tone) = (state, tone);
    let wait = seq.and_then(|seq| world.timers(SERVER).find(|timer| timer.0 == Timer::AckWait(seq)));
    mark.ring = wait.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// How many messages and ids are drawn.
const SHOWN: usize = 10;

fn stream_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let empty = Store::default();
    let store = store(world).unwrap_or(&empty);
    let msgs = store.stream.msgs();
    let keeps = jet::stream_config(world.settings()).retention == Retention::Limits;
    let skip = if keeps { msgs.len().saturating_sub(SHOWN) } else { 0 };
    let cell = |stored: &Stored| {
        let text = stored.task.id.to_string();
        match standing(store, stored.seq) {
            Standing::Ready => Cell::firm(text, Tone::Store),
            Standing::Delivered => Cell::loose(text, Tone::Consumer),
            Standing::Again => Cell::loose(text, Tone::Risk),
            Standing::Over => Cell::firm(text, Tone::Off),
        }
    };
    let cells = msgs.iter().skip(skip).take(SHOWN).map(cell).collect();
    let more = msgs.len().saturating_sub(SHOWN);
    let title =
        if more > 0 { format!("Tasks in the stream, and {more} more") } else { "Tasks in the stream".to_owned() };
    let rows = vec![GridRow { label: String::new(), cells, mark: None }];
    Figure { id: "stream", at, size, title, body: Body::Grid { first: 1, rows } }
}

fn window_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let mut ids: Vec<u32> =
        store(world).map(|store| store.stream.ids().rev().take(SHOWN).collect()).unwrap_or_default();
    ids.reverse();
    let cells = ids.into_iter().map(|id| Cell::firm(id.to_string(), Tone::Service)).collect();
    let rows = vec![GridRow { label: String::new(), cells, mark: None }];
    Figure { id: "window", at, size, title: "Newest ids in the window".to_owned(), body: Body::Grid { first: 1, rows } }
}

/// Who has a message, as far as one can tell from outside.
fn holders(world: &Shop, seq: u32) -> Vec<NodeId> {
    let has = |id: &NodeId| match phase(world, *id) {
        Some(Phase::Works(delivery, _) | Phase::Confirms(delivery, _)) => delivery.seq == seq,
        _ => false,
    };
    workers(world).into_iter().filter(has).collect()
}

/// Whether so many workers are at one message.
pub(super) fn shared(world: &Shop, count: usize) -> bool {
    let Some(store) = store(world) else { return false };
    store.consumer.pending().iter().any(|pending| holders(world, pending.seq).len() >= count)
}

/// What was delivered and not acknowledged.
fn deliveries(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let empty = Store::default();
    let store = store(world).unwrap_or(&empty);
    let row = |pending: &jet::consumer::Pending| {
        let seq = pending.seq;
        let task = store.stream.get(seq).map_or(0, |stored| stored.task.id);
        let (with, tone) = match holders(world, seq).as_slice() {
            [] if standing(store, seq) == Standing::Again => ("to go again".to_owned(), Tone::Risk),
            [] if flies(
                world,
                |message| matches!(message, Message::Deliver { delivery, .. } if delivery.seq == seq),
            ) =>
            {
                ("on its way".to_owned(), Tone::Neutral)
            }
            [] => ("nobody".to_owned(), Tone::Risk),
            [one] => (name(world, *one), Tone::Consumer),
            many => (format!("{} workers", many.len()), Tone::Risk),
        };
        vec![
            Cell::firm(task.to_string(), Tone::Neutral),
            Cell::firm(with, tone),
            Cell::firm(store.consumer.times(seq).to_string(), Tone::Neutral),
        ]
    };
    let shown = if size.1 < 200 { 3 } else { 8 };
    let list = store.consumer.pending();
    let rows = list.iter().take(shown).map(row).collect();
    let head = ["task", "is with", "delivery"].map(str::to_owned).to_vec();
    let title = format!("Unacknowledged: {}", list.len());
    Figure { id: "deliveries", at, size, title, body: Body::Table { head, rows } }
}

pub(super) fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Publish { task } if task.poison => ('P', Glyph::Square, Tone::Broken),
        Message::Publish { .. } => ('T', Glyph::Square, Tone::Producer),
        Message::PubAck { ack: PubAck::Stored { .. }, .. } => ('c', Glyph::Pill, Tone::Fine),
        Message::PubAck { ack: PubAck::Duplicate { .. }, .. } => ('d', Glyph::Pill, Tone::Question),
        Message::PubAck { .. } => ('x', Glyph::Pill, Tone::Broken),
        Message::Pull { .. } => ('?', Glyph::Diamond, Tone::Consumer),
        Message::Deliver { delivery, .. } if delivery.times > 1 => ('R', Glyph::Square, Tone::Risk),
        Message::Deliver { .. } => ('T', Glyph::Square, Tone::Store),
        Message::Ack { kind: AckKind::Ack, .. } => ('k', Glyph::Pill, Tone::Consumer),
        Message::Ack { kind: AckKind::Progress, .. } => ('w', Glyph::Dot, Tone::Consumer),
        Message::Ack { .. } => ('n', Glyph::Pill, Tone::Risk),
        Message::AckAck { .. } => ('K', Glyph::Pill, Tone::Fine),
        Message::Advisory { .. } => ('!', Glyph::Diamond, Tone::Risk),
    };
    Look { letter, glyph, tone }
}

pub(super) fn fields(_: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    let number = |name: &str, value: u32| field(name, value.to_string());
    match *message {
        Message::Publish { task } => vec![number("task", task.id), number("Nats-Msg-Id", task.id)],
        Message::PubAck { id, ack } => {
            let (seq, duplicate) = match ack {
                PubAck::Stored { seq } => (seq, "no"),
                PubAck::Duplicate { seq } => (seq, "yes"),
                PubAck::Refused => (0, "no"),
            };
            vec![number("task", id), number("stream sequence", seq), field("duplicate", duplicate.to_owned())]
        }
        Message::Pull { request } => vec![number("question", request), field("batch", "1".to_owned())],
        Message::Deliver { delivery, task } => vec![
            number("task", task.id),
            number("stream sequence", delivery.seq),
            number("consumer sequence", delivery.delivery),
            number("delivery", delivery.times),
        ],
        Message::Ack { seq, reply, .. } => {
            let wanted = if reply { "yes" } else { "no" };
            vec![number("stream sequence", seq), field("answer wanted", wanted.to_owned())]
        }
        Message::AckAck { seq } => vec![number("stream sequence", seq)],
        Message::Advisory { seq, times } => vec![number("stream sequence", seq), number("deliveries", times)],
    }
}

fn list(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.take(20).map(|number| number.to_string()).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn kept(store: &Store) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    vec![
        field("messages", list(store.stream.msgs().iter().map(|stored| stored.seq))),
        field("last sequence", store.stream.last().to_string()),
        field("unacknowledged", list(store.consumer.pending().iter().map(|pending| pending.seq))),
        field("to be delivered again", list(store.consumer.again().iter().copied())),
        field("ack floor", store.consumer.floor().to_string()),
    ]
}

pub(super) fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk = match id {
        SERVER => kept(&node.disk.store),
        PUBLISHER => vec![field("last task", node.disk.last.to_string())],
        _ => vec![field("last question", node.disk.last.to_string())],
    };
    let memory = match &node.memory {
        None => Vec::new(),
        Some(Memory::Publisher { unconfirmed }) => {
            vec![field("unconfirmed", list(unconfirmed.iter().map(|task| task.id)))]
        }
        Some(Memory::Server { store, waiting }) => {
            let names: Vec<String> = waiting.iter().map(|waiting| name(world, waiting.0)).collect();
            let mut lines = kept(store);
            lines.push(field("ids in the window", list(store.stream.ids())));
            lines.push(field("waiting for a message", names.join(", ")));
            lines
        }
        Some(Memory::Worker { phase, .. }) => {
            let words = match phase {
                Phase::Idle => "asks for a message".to_owned(),
                Phase::Works(delivery, task) => format!("task {}, message {}", task.id, delivery.seq),
                Phase::Confirms(delivery, _) => format!("waits for the word on message {}", delivery.seq),
            };
            vec![field("works on", words)]
        }
    };
    Inspection { disk, memory }
}

pub(super) fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}
