//! How three replicated brokers look side by side: lanes, what each server has in memory and on disk, and a table of what
//! was confirmed and is there.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::systems::consensus::raft::Raft;
use crate::systems::messaging::durability::promises::{gone, held, leader, leads, on_disk};
use crate::systems::messaging::durability::{
    self, Disk, Durability, FLUSH, Lane, Memory, Message, SYNC, SYNC_INTERVAL, controller, lanes, publisher,
    server_count, servers,
};
use crate::systems::messaging::kafka_replication::{self as kafka, Replication};

impl Face for Durability {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Publish { passed: false, .. } => ('M', Glyph::Square, Tone::Producer),
            Message::Publish { .. } => ('M', Glyph::Square, Tone::Service),
            Message::Confirm { .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Raft { said, .. } => return Raft::look(said),
            Message::Kafka(said) => return Replication::look(said),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        match message {
            Message::Publish { id, .. } | Message::Confirm { id } => vec![field("message", id)],
            Message::Raft { said, .. } => Raft::fields(settings, said),
            Message::Kafka(said) => Replication::fields(settings, said),
        }
    }

    fn inspect(world: &Brokers, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let newest = |all: Vec<u32>| {
            let words: Vec<String> = all.iter().rev().take(10).rev().map(u32::to_string).collect();
            if words.is_empty() { "none".to_owned() } else { words.join(" ") }
        };
        let disk = match &node.disk {
            Disk::Publisher { last } => vec![field("last message", last)],
            Disk::Kafka(kafka::Disk::Controller(disk)) => vec![
                field(
                    "leader",
                    disk.partition.leader.map_or("nobody".to_owned(), |leader| format!("broker {}", leader + 1)),
                ),
                field("leader epoch", disk.partition.leader_epoch),
                field("in sync", disk.partition.isr.count_ones()),
            ],
            _ => vec![
                field("newest written", newest(held(world, id))),
                field("newest on disk", newest(on_disk(world, id))),
            ],
        };
        let mut memory = match &node.memory {
            Some(Memory::Publisher(outbox)) => {
                vec![field("not confirmed", newest(outbox.open.iter().map(|open| open.0).collect()))]
            }
            Some(Memory::Server(own)) => vec![field("term", own.written.raft.term)],
            Some(Memory::Kafka(kafka::Memory::Broker(memory))) => {
                vec![field("leader epoch", memory.partition.leader_epoch)]
            }
            _ => Fields::new(),
        };
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            memory.push(field(Durability::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
        }
        Inspection { disk, memory }
    }

    fn subject(_: &Settings, _: MetricId, subject: u16) -> String {
        Lane::ALL.get(usize::from(subject)).map_or("?", |lane| lane.title()).to_owned()
    }
}

/// The system in motion.
pub type Brokers = World<Durability>;

/// Cells of a strip.
const SHOWN: usize = 7;

pub fn picture(world: &Brokers, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for (column, lane) in lanes(world.settings()).into_iter().enumerate() {
        draw_lane(&mut picture, world, lane, column as i32);
    }
    picture.figures.push(table(world, frame));
    picture
}

fn draw_lane(picture: &mut Picture, world: &Brokers, lane: Lane, column: i32) {
    let (settings, frame) = (world.settings(), picture.frame);
    let (x, y) = (320 * column, 116 * column);
    let (from, second, spots) = match (frame, server_count(settings, lane)) {
        (Frame::Wide, 1) => ((x + 70, 36), (x + 262, 36), [(x + 160, 170); 3]),
        (Frame::Wide, _) => ((x + 70, 36), (x + 262, 36), [(x + 48, 134), (x + 160, 216), (x + 272, 134)]),
        (Frame::Narrow, 1) => ((36, y + 34), (112, y + 80), [(240, y + 50); 3]),
        (Frame::Narrow, _) => ((36, y + 34), (112, y + 80), [(188, y + 80), (272, y + 34), (356, y + 80)]),
    };
    let all = servers(settings, lane);
    let to = publisher(settings, lane);
    picture.nodes.push(publisher_mark(world, to, from, frame));
    for (node, at) in all.iter().zip(spots) {
        picture.nodes.push(server_mark(world, lane, *node, at, frame));
    }
    if lane == Lane::Kafka {
        let node = controller(settings);
        picture.nodes.push(controller_mark(world, node, second, frame));
        picture.link_all(&[node], &all);
    }
    picture.link_all(&[to], &all);
    picture.link_all(&all, &all);
    if frame == Frame::Wide {
        picture.figures.push(strip(world, lane, &all, x));
    }
}

fn publisher_mark(world: &Brokers, node: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let name = Durability::name(world.settings(), node);
    let open = match world.memory(node) {
        Some(Memory::Publisher(outbox)) => outbox.open.len(),
        _ => 0,
    };
    let (shape, label, state) = match frame {
        Frame::Wide => (Shape::Service, name, format!("{open} not confirmed")),
        Frame::Narrow => (Shape::Client, name.replace("lisher", ""), String::new()),
    };
    let mut mark = NodeMark::new(node, at, shape, label);
    (mark.tone, mark.state) = (Tone::Producer, state);
    mark
}

fn controller_mark(world: &Brokers, node: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let in_sync = match world.node(node).map(|node| &node.disk) {
        Some(Disk::Kafka(kafka::Disk::Controller(disk))) => disk.partition.isr.count_ones(),
        _ => 0,
    };
    let (shape, label, state) = match frame {
        Frame::Wide => (Shape::Service, "controller", format!("{in_sync} in sync")),
        Frame::Narrow => (Shape::Client, "ctrl", String::new()),
    };
    let mut mark = NodeMark::new(node, at, shape, label);
    (mark.tone, mark.state) = (Tone::Service, state);
    mark
}

fn server_mark(world: &Brokers, lane: Lane, node: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let name = Durability::name(world.settings(), node);
    let (shape, label) = match frame {
        Frame::Wide => (Shape::Server, name),
        Frame::Narrow => (Shape::Client, name.replace("rabbit ", "R").replace("kafka ", "K").replace("nats ", "N")),
    };
    let mut mark = NodeMark::new(node, at, shape, label);
    let leads = leads(world, node);
    mark.crown = leads;
    let (word, tone) = match (world.memory(node), leads, leader(world, lane) == Some(node)) {
        (None, ..) => ("", Tone::Off),
        (_, true, true) => ("leads", Tone::Active),
        (_, true, false) => ("claims to lead", Tone::Risk),
        _ => ("follows", Tone::Neutral),
    };
    mark.tone = tone;
    if frame == Frame::Wide {
        mark.state = word.to_owned();
    }
    mark
}

/// What each server has: firm what is on disk, loose what is in memory only.
fn strip(world: &Brokers, lane: Lane, all: &[NodeId], x: i32) -> Figure {
    let newest = all.iter().flat_map(|node| held(world, *node)).max().unwrap_or(0);
    let first = (newest + 1).saturating_sub(SHOWN as u32).max(1);
    let row = |node: &NodeId| {
        let (held, flushed) = (held(world, *node), on_disk(world, *node));
        let cell = |id: u32| match (held.contains(&id), flushed.contains(&id)) {
            (true, true) => Cell::firm(id.to_string(), Tone::Fine),
            (true, false) => Cell::loose(id.to_string(), Tone::Risk),
            _ => Cell::loose("-", Tone::Off),
        };
        GridRow {
            label: Durability::name(world.settings(), *node),
            cells: (first..=newest).map(cell).collect(),
            mark: None,
        }
    };
    let rows = all.iter().map(row).collect();
    let (id, title) = (["queue", "log", "stream"][lane as usize], setting_words(world, lane));
    Figure { id, at: (x + 14, 296), size: (294, 108), title, body: Body::Queues(rows) }
}

/// What decides in a lane when a server flushes.
fn setting_words(world: &Brokers, lane: Lane) -> String {
    let (settings, synced) = (world.settings(), world.rules().on(SYNC));
    match lane {
        Lane::RabbitMq if durability::is_classic(settings) => "RabbitMQ, classic queue".to_owned(),
        Lane::RabbitMq => "RabbitMQ, quorum queue".to_owned(),
        Lane::Kafka if synced || settings.is_on(FLUSH) => "Kafka, flush.messages=1".to_owned(),
        Lane::Kafka => "Kafka, flush.messages not set".to_owned(),
        Lane::JetStream => {
            let interval = if synced { 2 } else { settings.get(SYNC_INTERVAL) };
            let words = ["2m", "10s", "always"].get(interval.max(0) as usize).copied().unwrap_or("2m");
            format!("JetStream, sync_interval: {words}")
        }
    }
}

const HEAD: [&str; 6] = ["", "sent", "confirmed", "still there", "confirmed, gone", "in memory only"];

/// What became of a lane's messages.
fn figures(world: &Brokers, lane: Lane) -> Vec<Cell> {
    let (seen, gone) = (world.witness().of(lane), gone(world, lane));
    let cell = |count: u32, tone| Cell::firm(count.to_string(), tone);
    let known =
        [Cell::firm(lane.title(), Tone::Neutral), cell(seen.sent, Tone::Neutral), cell(seen.confirmed, Tone::Neutral)];
    let Some(node) = leader(world, lane).filter(|node| leads(world, *node)) else {
        // While nobody leads, nobody can say.
        return known.into_iter().chain((0..3).map(|_| Cell::firm("?", Tone::Off))).collect();
    };
    let flushed = on_disk(world, node);
    let exposed = held(world, node).iter().filter(|id| !flushed.contains(id)).count() as u32;
    let found = [
        cell(seen.confirmed.saturating_sub(gone), Tone::Neutral),
        cell(gone, if gone > 0 { Tone::Broken } else { Tone::Fine }),
        cell(exposed, if exposed > 0 { Tone::Risk } else { Tone::Fine }),
    ];
    known.into_iter().chain(found).collect()
}

fn table(world: &Brokers, frame: Frame) -> Figure {
    let all: Vec<Vec<Cell>> = lanes(world.settings()).into_iter().map(|lane| figures(world, lane)).collect();
    let (at, size, head, rows) = match frame {
        Frame::Wide => ((20, 410), (920, 126), HEAD.map(str::to_owned).to_vec(), all),
        Frame::Narrow => {
            let names = all.iter().filter_map(|row| Some(row.first()?.text.clone()));
            let head = std::iter::once(String::new()).chain(names).collect();
            let line = |at: usize| {
                // The first column is narrow.
                let words = HEAD[at].replace("confirmed, gone", "gone").replace(" only", "");
                let name = std::iter::once(Cell::firm(words, Tone::Neutral));
                name.chain(all.iter().filter_map(|row| row.get(at).cloned())).collect()
            };
            ((8, 366), (384, 186), head, (1..HEAD.len()).map(line).collect())
        }
    };
    let title = "The same messages, the same faults".to_owned();
    Figure { id: "kept", at, size, title, body: Body::Table { head, rows } }
}
