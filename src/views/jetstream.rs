//! How JetStream's work queue is drawn, and what is known about its nodes.

use super::prelude::*;
use crate::systems::consensus::raft;
use crate::systems::messaging::jetstream::op::Op;
use crate::systems::messaging::jetstream::promises::{leader, replica, store, workers};
use crate::systems::messaging::jetstream::replica::Replica;
use crate::systems::messaging::jetstream::stream::{PubAck, Retention, Stored};
use crate::systems::messaging::jetstream::{
    self as jet, AckKind, JetStream, Memory, Message, PUBLISHER, Phase, SERVER, Store, Timer, cluster,
};

pub type Shop = World<JetStream>;

type Space = ((i32, i32), (i32, i32));

/// How many columns of the logs are drawn.
const COLUMNS: u32 = 8;

/// How many messages and ids are drawn.
const SHOWN: usize = 10;

impl Face for JetStream {
    fn look(message: &Message) -> Look {
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
            Message::Routed { request, .. } => return Self::look(request),
            Message::Raft { said, .. } => return raft_look(said),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let number = |name: &str, value: u32| field(name, value);
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
            Message::Pull { request } => vec![number("question", request), field("batch", "1")],
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
            Message::Raft { ref said, .. } => {
                let mut lines = vec![number("term", said.term())];
                if let raft::Message::Append { entries, commit, .. } = said {
                    let all: Vec<String> = entries.iter().take(20).map(short).collect();
                    lines.extend([field("entries", all.join(", ")), number("committed", *commit)]);
                }
                lines
            }
            Message::Routed { origin, ref request } => {
                let mut lines = Self::fields(settings, request);
                lines.push(field("from", JetStream::name(settings, origin)));
                lines
            }
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match id {
            _ if node.disk.raft().is_some() => node.disk.raft().map(written).unwrap_or_default(),
            SERVER => kept(node.disk.store()),
            PUBLISHER => vec![field("last task", node.disk.last)],
            _ => vec![field("last question", node.disk.last)],
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
            Some(Memory::Replica(own)) => running(own),
            Some(Memory::Worker { phase, .. }) => {
                let words = match phase {
                    Phase::Idle => "asks for a message".to_owned(),
                    Phase::Works(delivery, task) => format!("works on task {}, message {}", task.id, delivery.seq),
                    Phase::Confirms(delivery, _) => format!("waits for the word on message {}", delivery.seq),
                };
                vec![field("state", words)]
            }
        };
        Inspection { disk, memory }
    }
}

fn name(world: &Shop, id: NodeId) -> String {
    JetStream::name(world.settings(), id)
}

fn phase(world: &Shop, id: NodeId) -> Option<Phase> {
    match world.memory(id) {
        Some(Memory::Worker { phase, .. }) => Some(*phase),
        _ => None,
    }
}

pub fn works(world: &Shop, id: NodeId) -> bool {
    matches!(phase(world, id), Some(Phase::Works(..)))
}

pub fn unconfirmed(world: &Shop) -> usize {
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

/// Where things are in a picture: nodes by their centres, figures by their top left corners and sizes.
struct Plan {
    publisher: (i32, i32),
    servers: Vec<(i32, i32)>,
    workers: Vec<(i32, i32)>,
    stream: Space,
    /// The window with R1, the servers' logs with R3.
    second: Space,
    table: Space,
}

fn plan(frame: Frame, replicated: bool, workers: usize) -> Plan {
    let rows = |first: Area, second: Area| -> Vec<(i32, i32)> {
        first.row(workers.min(3)).into_iter().chain(second.row(workers.saturating_sub(3))).collect()
    };
    match (frame, replicated) {
        (Frame::Wide, false) => Plan {
            publisher: (80, 130),
            servers: vec![(300, 130)],
            workers: Area::new(530, 20, 120, 520).column(workers),
            stream: ((20, 250), (420, 110)),
            second: ((20, 390), (420, 100)),
            table: ((670, 40), (280, 480)),
        },
        (Frame::Wide, true) => Plan {
            publisher: (80, 146),
            servers: vec![(350, 62), (440, 146), (350, 230)],
            workers: Area::new(530, 20, 120, 520).column(workers),
            stream: ((20, 292), (400, 90)),
            second: ((20, 396), (440, 130)),
            table: ((670, 40), (280, 480)),
        },
        (Frame::Narrow, false) => Plan {
            publisher: (66, 50),
            servers: vec![(270, 50)],
            workers: rows(Area::new(4, 122, 392, 74), Area::new(4, 210, 392, 74)),
            stream: ((8, 296), (384, 66)),
            second: ((8, 366), (384, 62)),
            table: ((8, 434), (384, 122)),
        },
        (Frame::Narrow, true) => Plan {
            publisher: (60, 62),
            servers: vec![(165, 62), (256, 62), (347, 62)],
            workers: rows(Area::new(4, 120, 392, 74), Area::new(4, 204, 392, 74)),
            stream: ((8, 288), (384, 66)),
            second: ((8, 360), (384, 88)),
            table: ((8, 452), (384, 106)),
        },
    }
}

pub fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (all, servers) = (workers(world), cluster::servers(world.settings()));
    let replicated = cluster::is_replicated(world.settings());
    let plan = plan(frame, replicated, all.len());
    let mut mark = NodeMark::new(PUBLISHER, plan.publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    for (id, at) in servers.iter().zip(plan.servers) {
        picture.nodes.push(if replicated { member(world, *id, at) } else { lone(world, at) });
    }
    for (id, at) in all.iter().zip(plan.workers) {
        picture.nodes.push(worker(world, *id, at));
    }
    picture.link_all(&servers, &servers);
    picture.link_all(&servers, &[PUBLISHER]);
    picture.link_all(&servers, &all);
    picture.figures.push(stream_cells(world, plan.stream.0, plan.stream.1));
    let second = if replicated { logs } else { window_cells };
    picture.figures.push(second(world, plan.second.0, plan.second.1));
    picture.figures.push(deliveries(world, plan.table.0, plan.table.1));
    picture
}

/// The one server of R1.
fn lone(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(SERVER, at, Shape::Broker, "server");
    mark.tone = Tone::Store;
    mark.state = format!("{} ready", store(world).map_or(0, Store::ready));
    mark
}

/// A server of R3: whether it leads, or how many entries it is behind.
fn member(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, name(world, id));
    let Some(own) = replica(world, id) else { return mark };
    let longest = leader(world).and_then(|leader| replica(world, leader)).map_or(0, |own| own.written.log.last_index());
    let behind = longest.saturating_sub(own.written.log.last_index());
    mark.crown = own.raft.leads();
    (mark.state, mark.tone) = match own.raft.role {
        raft::Role::Leader(_) => (format!("leads, term {}", own.written.term), Tone::Active),
        raft::Role::Candidate { .. } => ("stands".to_owned(), Tone::Question),
        _ if behind > 0 => (format!("{behind} behind"), Tone::Risk),
        _ => ("follows".to_owned(), Tone::Store),
    };
    mark
}

/// What is known about stream and consumer: from the server that may answer for them or, while none may, from the one
/// that has applied most.
fn known(world: &Shop) -> Option<&Store> {
    let all = cluster::servers(world.settings()).into_iter();
    let most = all.filter_map(|id| replica(world, id)).max_by_key(|own| own.raft.commit);
    store(world).or(most.map(|own| &*own.store))
}

fn logs(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let all: Vec<NodeId> = cluster::servers(world.settings());
    let log = |id: NodeId| match (replica(world, id), world.node(id)) {
        (Some(own), _) => Some((&own.written.log, own.raft.commit)),
        (None, node) => node.and_then(|node| node.disk.raft()).map(|disk| (&disk.log, disk.log.base())),
    };
    let longest = all.iter().filter_map(|id| log(*id)).map(|(log, _)| log.last_index()).max().unwrap_or(0);
    let first = longest.saturating_sub(COLUMNS) + 1;
    let row = |(number, id): (usize, &NodeId)| {
        let (log, commit) = log(*id)?;
        let up = replica(world, *id).is_some();
        let cell = |index: u32| match log.entry(index) {
            None => Cell::firm("snap", Tone::Store),
            Some(entry) if !up => Cell::loose(short(entry), Tone::Off),
            Some(entry) if index <= commit => Cell::firm(short(entry), Tone::Fine),
            Some(entry) => Cell::loose(short(entry), Tone::Risk),
        };
        let mark = (commit >= first).then(|| (commit - first + 1) as u16);
        let label = ["A", "B", "C"].get(number).copied().unwrap_or_default().to_owned();
        Some(GridRow { label, cells: (first..=log.last_index()).map(cell).collect(), mark })
    };
    let rows = all.iter().enumerate().filter_map(row).collect();
    let title = "The log on each server. Firm: committed".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows } }
}

/// An entry in a cell: a task stored, a worker given something, an answer to a message.
fn short(entry: &raft::Entry) -> String {
    let raft::Payload::Hosted(words) = entry.payload else { return "no-op".to_owned() };
    match Op::read(words) {
        Op::Store { task, .. } => format!("+ {}", task.id),
        Op::Hand { to, .. } => format!("to w{}", to.index() + 1 - jet::FIRST),
        Op::Answer { seq, kind: AckKind::Ack, .. } => format!("ack {seq}"),
        Op::Answer { seq, kind: AckKind::Nak, .. } => format!("nak {seq}"),
        Op::Answer { seq, kind: AckKind::Term, .. } => format!("end {seq}"),
        Op::Answer { seq, .. } => format!("wpi {seq}"),
        Op::Expire { seq, .. } => format!("late {seq}"),
    }
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
    let clock = leader(world).unwrap_or(SERVER);
    let wait = seq.and_then(|seq| world.timers(clock).find(|timer| timer.0 == Timer::AckWait(seq)));
    mark.ring = wait.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn stream_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let empty = Store::default();
    let store = known(world).unwrap_or(&empty);
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
    Figure { id: "stream", at, size, title, body: Body::Queues(rows) }
}

fn window_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let mut ids: Vec<u32> =
        known(world).map(|store| store.stream.ids().rev().take(SHOWN).collect()).unwrap_or_default();
    ids.reverse();
    let cells = ids.into_iter().map(|id| Cell::firm(id.to_string(), Tone::Service)).collect();
    let rows = vec![GridRow { label: String::new(), cells, mark: None }];
    Figure { id: "window", at, size, title: "Newest ids in the window".to_owned(), body: Body::Queues(rows) }
}

/// Which nodes have a message, as far as one can tell from outside.
fn holders(world: &Shop, seq: u32) -> Vec<NodeId> {
    let has = |id: &NodeId| match phase(world, *id) {
        Some(Phase::Works(delivery, _) | Phase::Confirms(delivery, _)) => delivery.seq == seq,
        _ => false,
    };
    workers(world).into_iter().filter(has).collect()
}

/// Whether this many workers are working on one message.
pub fn shared(world: &Shop, count: usize) -> bool {
    let Some(store) = known(world) else { return false };
    store.consumer.pending().iter().any(|pending| holders(world, pending.seq).len() >= count)
}

/// What was delivered and not acknowledged.
fn deliveries(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let empty = Store::default();
    let store = known(world).unwrap_or(&empty);
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
    let head = ["task", "held by", "delivery"].map(str::to_owned).to_vec();
    let title = format!("Unacknowledged: {}", list.len());
    Figure { id: "deliveries", at, size, title, body: Body::Table { head, rows } }
}

/// As in the guide to consensus.
fn raft_look(said: &raft::Message) -> Look {
    let (letter, glyph, tone) = match said {
        raft::Message::RequestVote { .. } => ('V', Glyph::Diamond, Tone::Question),
        raft::Message::Vote { granted: true, .. } => ('v', Glyph::Pill, Tone::Fine),
        raft::Message::Vote { .. } => ('n', Glyph::Pill, Tone::Off),
        raft::Message::Append { entries, .. } if entries.is_empty() => ('H', Glyph::Dot, Tone::Active),
        raft::Message::Append { .. } => ('A', Glyph::Square, Tone::Active),
        raft::Message::AppendReply { ok: true, .. } => ('k', Glyph::Pill, Tone::Neutral),
        raft::Message::AppendReply { .. } => ('x', Glyph::Pill, Tone::Risk),
        raft::Message::InstallSnapshot { .. } => ('S', Glyph::Square, Tone::Store),
    };
    Look { letter, glyph, tone }
}

fn list(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.take(20).map(|number| number.to_string()).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn kept(store: &Store) -> Fields {
    vec![
        field("messages", list(store.stream.msgs().iter().map(|stored| stored.seq))),
        field("last sequence", store.stream.last()),
        field("unacknowledged", list(store.consumer.pending().iter().map(|pending| pending.seq))),
        field("to be delivered again", list(store.consumer.again().iter().copied())),
        field("ack floor", store.consumer.floor()),
    ]
}

fn written(disk: &raft::Disk) -> Fields {
    let log = &disk.log;
    let voted = disk
        .voted_for
        .map_or("nobody".to_owned(), |id| ["A", "B", "C"].get(id.index()).copied().unwrap_or("?").to_owned());
    let entries: Vec<String> = log.entries().iter().map(short).collect();
    vec![
        ("term".to_owned(), disk.term.to_string()),
        ("voted for".to_owned(), voted),
        ("snapshot up to".to_owned(), log.base().to_string()),
        ("entries after it".to_owned(), entries.join(", ")),
    ]
}

/// What a server of R3 has in memory.
fn running(own: &Replica) -> Fields {
    let mut lines = written(&own.written);
    lines.push(("committed up to".to_owned(), own.raft.commit.to_string()));
    lines.extend(kept(&own.store));
    lines.push(("ids in the window".to_owned(), list(own.store.stream.ids())));
    lines
}

pub fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}
