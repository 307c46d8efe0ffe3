//! How a replicated partition looks: brokers, their logs side by side, the in-sync replicas and the high watermark.

use super::prelude::*;
use crate::systems::messaging::kafka_replication::promises::{brokers, disk, leader, partition};
use crate::systems::messaging::kafka_replication::{
    self as kafka, BrokerMemory, CONSUMER, Consumed, Disk, Fetched, Memory, Message, PRODUCER, Produced, Replication,
    broker_of, has,
};

impl Face for Replication {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Register { .. } => ('+', Glyph::Diamond, Tone::Service),
            Message::Registered { .. } => ('+', Glyph::Pill, Tone::Service),
            Message::Heartbeat { .. } => ('h', Glyph::Dot, Tone::Neutral),
            Message::Stale => ('x', Glyph::Pill, Tone::Risk),
            Message::Metadata { .. } => ('M', Glyph::Square, Tone::Service),
            Message::AlterPartition { .. } => ('I', Glyph::Diamond, Tone::Question),
            Message::Altered { accepted: true, .. } => ('I', Glyph::Pill, Tone::Fine),
            Message::Altered { .. } => ('x', Glyph::Pill, Tone::Risk),
            Message::Fetch { .. } => ('f', Glyph::Dot, Tone::Store),
            Message::FetchAnswer { fetched: Fetched::Records(records), .. } if records.is_empty() => {
                ('f', Glyph::Pill, Tone::Store)
            }
            Message::FetchAnswer { fetched: Fetched::Records(_), .. } => ('R', Glyph::Square, Tone::Store),
            Message::FetchAnswer { .. } => ('T', Glyph::Diamond, Tone::Risk),
            Message::Produce { .. } => ('P', Glyph::Square, Tone::Producer),
            Message::ProduceAnswer { produced: Produced::At(_), .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::ProduceAnswer { .. } => ('x', Glyph::Pill, Tone::Broken),
            Message::Consume { .. } => ('c', Glyph::Dot, Tone::Consumer),
            Message::ConsumeAnswer { consumed: Consumed::Records(_), .. } => ('R', Glyph::Square, Tone::Consumer),
            Message::ConsumeAnswer { .. } => ('x', Glyph::Pill, Tone::Risk),
            Message::WhoLeads => ('?', Glyph::Diamond, Tone::Neutral),
            Message::Leads { .. } => ('!', Glyph::Pill, Tone::Neutral),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        match message {
            Message::Registered { epoch, .. } => vec![field("broker epoch", epoch)],
            Message::Heartbeat { epoch, seen } => vec![field("broker epoch", epoch), field("partition epoch", seen)],
            Message::AlterPartition { leader_epoch, epoch, .. } => {
                vec![field("leader epoch", leader_epoch), field("partition epoch", epoch)]
            }
            Message::Fetch { leader_epoch, broker_epoch, from } => vec![
                field("offset", from.offset),
                field("last epoch", from.last_epoch),
                field("leader epoch", leader_epoch),
                field("broker epoch", broker_epoch),
            ],
            Message::FetchAnswer { leader_epoch, hw, from, .. } => {
                vec![field("offset", from.offset), field("leader epoch", leader_epoch), field("high watermark", hw)]
            }
            Message::Produce { id, .. } | Message::ProduceAnswer { id, .. } => vec![field("record", id)],
            Message::Consume { offset } | Message::ConsumeAnswer { offset, .. } => vec![field("offset", offset)],
            Message::Metadata { partition } | Message::Altered { partition, .. } => {
                vec![field("leader epoch", partition.leader_epoch), field("partition epoch", partition.epoch)]
            }
            other => vec![field("says", Replication::describe_message(settings, other))],
        }
    }

    fn inspect(world: &Cluster, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let names = |mask| list(kafka::members(mask).map(|broker| (broker + 1).to_string()));
        let disk = match &node.disk {
            Disk::Controller(disk) => vec![
                field("leader", disk.partition.leader.map_or("nobody".to_owned(), |leader| (leader + 1).to_string())),
                field("leader epoch", disk.partition.leader_epoch),
                field("ISR", names(disk.partition.isr)),
                field("partition epoch", disk.partition.epoch),
                field("brokers with a session", names(disk.alive)),
            ],
            Disk::Broker(disk) => {
                let tail =
                    (disk.log.end().saturating_sub(10)..disk.log.end()).filter_map(|offset| disk.log.get(offset));
                vec![
                    field("log", format!("offsets {} to {}", disk.log.start(), disk.log.end())),
                    field("high watermark", disk.hw),
                    field("on disk below", on_disk(world, id, disk)),
                    field("the last, epoch:record", list(tail.map(|entry| format!("{}:{}", entry.epoch, entry.id)))),
                ]
            }
            Disk::Client { next } if id == PRODUCER => vec![field("last record", next)],
            Disk::Client { next } => vec![field("next offset", next)],
        };
        let memory = match &node.memory {
            Some(Memory::Broker(memory)) => broker_fields(memory, names),
            Some(Memory::Client(memory)) => vec![
                field("leader", memory.leader.map_or("unknown".to_owned(), |known| (known.0 + 1).to_string())),
                field("not acknowledged", list(memory.unacked.iter().map(|open| open.0.to_string()))),
            ],
            _ => Vec::new(),
        };
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            kafka::ISR_SIZE => "in sync".to_owned(),
            kafka::UNCOMMITTED => "leader".to_owned(),
            kafka::READ => "consumer".to_owned(),
            _ => Replication::name(settings, NodeId(subject)),
        }
    }
}

pub type Cluster = World<Replication>;

fn memory(world: &Cluster, node: NodeId) -> Option<&BrokerMemory> {
    match world.memory(node)? {
        Memory::Broker(memory) => Some(memory),
        _ => None,
    }
}

pub fn leads(world: &Cluster, node: NodeId) -> bool {
    memory(world, node).is_some_and(|memory| memory.leading.is_some())
}

pub fn in_sync(world: &Cluster) -> Vec<NodeId> {
    let isr = partition(world).isr;
    brokers(world).filter(|node| has(isr, broker_of(*node))).collect()
}

pub fn everybody(world: &Cluster) -> Vec<NodeId> {
    brokers(world).collect()
}

/// A place in the picture.
type Spot = (i32, i32);

/// Places of the brokers, and of controller, producer and consumer.
pub fn places(frame: Frame, count: usize) -> (&'static [Spot], [Spot; 3]) {
    const WIDE_3: &[Spot] = &[(330, 170), (220, 400), (440, 400)];
    const WIDE_5: &[Spot] = &[(330, 150), (470, 270), (430, 440), (230, 440), (190, 270)];
    const NARROW_3: &[Spot] = &[(68, 170), (332, 170), (200, 260)];
    const NARROW_5: &[Spot] = &[(200, 190), (332, 130), (332, 270), (68, 270), (68, 130)];
    match frame {
        Frame::Wide => (if count == 3 { WIDE_3 } else { WIDE_5 }, [(510, 44), (66, 150), (66, 330)]),
        Frame::Narrow => (if count == 3 { NARROW_3 } else { NARROW_5 }, [(200, 36), (60, 36), (340, 36)]),
    }
}

pub fn client(world: &Cluster, node: NodeId, at: (i32, i32), tone: Tone) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, Replication::name(world.settings(), node));
    mark.tone = tone;
    mark.state = match (world.node(node).map(|known| &known.disk), world.memory(node)) {
        (_, Some(Memory::Client(memory))) if node == PRODUCER => format!("{} under way", memory.unacked.len()),
        (Some(Disk::Client { next }), _) if node == CONSUMER => format!("at offset {next}"),
        _ => String::new(),
    };
    mark
}

pub fn broker(world: &Cluster, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Broker, Replication::name(world.settings(), node));
    let Some(memory) = memory(world, node) else { return mark };
    let sync = has(partition(world).isr, broker_of(node));
    let epoch = memory.partition.leader_epoch;
    mark.crown = memory.leading.is_some();
    let newest = leader(world) == Some(node);
    (mark.state, mark.tone) = match (memory.leading.is_some(), memory.partition.leader) {
        (true, _) if newest => (format!("leads epoch {epoch}"), Tone::Active),
        (true, _) => (format!("believes in epoch {epoch}"), Tone::Risk),
        (false, Some(leader)) if sync => (format!("follows {}, in sync", leader + 1), Tone::Store),
        (false, Some(leader)) => (format!("follows {}, behind", leader + 1), Tone::Risk),
        _ => ("knows no leader".to_owned(), Tone::Neutral),
    };
    mark
}

/// How many records of each log are drawn.
const fn shown(frame: Frame) -> u32 {
    match frame {
        Frame::Wide => 7,
        Frame::Narrow => 6,
    }
}

pub fn logs(world: &Cluster, frame: Frame, count: usize) -> Figure {
    let longest = brokers(world).filter_map(|node| disk(world, node)).map(|disk| disk.log.end()).max().unwrap_or(0);
    let shown = shown(frame);
    let first = longest.saturating_sub(shown);
    let row = |node: NodeId| {
        let label = Replication::name(world.settings(), node);
        let Some(disk) = disk(world, node) else { return GridRow { label, cells: Vec::new(), mark: None } };
        let cell = |offset: u32| match disk.log.get(offset) {
            Some(entry) if offset < disk.hw => Cell::firm(format!("{}:{}", entry.epoch, entry.id), Tone::Fine),
            Some(entry) => Cell::loose(format!("{}:{}", entry.epoch, entry.id), Tone::Risk),
            None => Cell::loose("-", Tone::Off),
        };
        let mark = disk.hw.checked_sub(first).filter(|at| *at > 0).map(|at| at.min(shown) as u16);
        GridRow { label, cells: (first..disk.log.end()).map(cell).collect(), mark }
    };
    let rows = brokers(world).map(row).collect();
    let (at, size) = match (frame, count) {
        (Frame::Wide, 3) => ((580, 130), (372, 130)),
        (Frame::Wide, _) => ((580, 90), (372, 170)),
        (Frame::Narrow, _) => ((8, 348), (384, 204)),
    };
    let title = "Logs, epoch:record. The bar is the high watermark.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows } }
}

pub fn table(world: &Cluster, all: &[NodeId]) -> Figure {
    let row = |node: &NodeId| {
        let known = partition(world);
        let sync = has(known.isr, broker_of(*node));
        let (hw, end) = disk(world, *node).map_or((0, 0), |disk| (disk.hw, disk.log.end()));
        let role = match (memory(world, *node), leads(world, *node)) {
            (None, _) => ("down", Tone::Off),
            (_, true) => ("it leads", Tone::Active),
            (Some(memory), _) if memory.partition.leader.is_none() => ("no leader", Tone::Neutral),
            _ => ("it follows", Tone::Neutral),
        };
        let (word, tone) = if sync { ("in sync", Tone::Fine) } else { ("out", Tone::Risk) };
        vec![
            Cell::firm(Replication::name(world.settings(), *node), Tone::Neutral),
            Cell::firm(role.0, role.1),
            Cell::firm(word, tone),
            Cell::firm(hw.to_string(), Tone::Neutral),
            Cell::firm(end.to_string(), Tone::Neutral),
        ]
    };
    let head = ["broker", "believes", "ISR", "watermark", "log end"].map(str::to_owned).to_vec();
    let (at, size) = ((580, 290), (372, 220));
    let body = Body::Table { head, rows: all.iter().map(row).collect() };
    Figure { id: "brokers", at, size, title: "ISR from the controller, all else from brokers".to_owned(), body }
}

fn list(ids: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = ids.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// The offset below which a power cut would leave everything.
fn on_disk(world: &Cluster, id: NodeId, disk: &kafka::BrokerDisk) -> u32 {
    let now = world.kernel().node(id).local(world.kernel().now());
    disk.log.on_disk(now, world.settings().amount(kafka::WRITE_BACK))
}

fn broker_fields(memory: &BrokerMemory, names: impl Fn(kafka::Mask) -> String) -> Fields {
    let mut fields = vec![
        field("broker epoch", memory.epoch),
        field("leader epoch", memory.partition.leader_epoch),
        field("ISR as it knows it", names(memory.partition.isr)),
    ];
    let Some(leading) = &memory.leading else { return fields };
    if let Some(proposed) = leading.proposed {
        fields.push(field("ISR it has asked for", names(proposed)));
    }
    fields.push(field("producers wait for", list(leading.waiting.iter().map(|wait| wait.0.to_string()))));
    for (broker, follower) in &leading.followers {
        let end = follower.end.map_or("unknown".to_owned(), |end| end.to_string());
        fields.push(field(format!("broker {} has up to", broker + 1), end));
    }
    fields
}
