//! How a schema registry looks: versions of a schema, the topic by schema, readers and what they can read.

use std::rc::Rc;

use super::prelude::*;
use crate::mechanisms::schema::{Schema, Value, unframe};
use crate::systems::messaging::schema_registry::promises::position;
use crate::systems::messaging::schema_registry::{
    self as sr, ConsumerDisk, ConsumerMemory, Disk, FIRST, Memory, Message, PRODUCER, ProducerDisk, REGISTRY, Registry,
    TOPIC, names,
};

impl Face for Registry {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Register { .. } => ('S', Glyph::Diamond, Tone::Question),
            Message::Registered { .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Refused { .. } => ('x', Glyph::Pill, Tone::Broken),
            Message::GetSchema { .. } => ('?', Glyph::Diamond, Tone::Service),
            Message::SchemaIs { .. } => ('S', Glyph::Pill, Tone::Service),
            Message::Deploy { .. } => ('V', Glyph::Square, Tone::Service),
            Message::Status { .. } => ('v', Glyph::Pill, Tone::Consumer),
            Message::Produce { .. } => ('P', Glyph::Square, Tone::Producer),
            Message::Read { .. } => ('r', Glyph::Dot, Tone::Consumer),
            Message::Records { .. } => ('R', Glyph::Square, Tone::Store),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        match message {
            Message::Register { schema, .. } => vec![field("fields", names(schema))],
            Message::SchemaIs { id, schema } | Message::Deploy { id, schema } => {
                vec![field("id", id), field("fields", names(schema))]
            }
            Message::Refused { version, problem, .. } => {
                vec![field("against version", version), field("because", problem.words())]
            }
            Message::Registered { id, .. } | Message::GetSchema { id } => vec![field("id", id)],
            Message::Status { id, read } => vec![field("reads with", id), field("has read", read)],
            Message::Produce { record } => vec![field("bytes", hex(record))],
            Message::Read { offset } => vec![field("offset", offset)],
            Message::Records { offset, records, .. } => {
                vec![field("from offset", offset), field("records", records.len())]
            }
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let value = |value: &Value| match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.to_string(),
        };
        let disk = match &node.disk {
            Disk::Registry(versions) => {
                (1..).zip(versions).map(|(id, schema)| field(format!("version {id}"), schema_words(schema))).collect()
            }
            Disk::Topic { start, records } => {
                vec![field("offsets", format!("{start} to {}", *start as usize + records.len()))]
            }
            Disk::Producer(disk) => vec![
                field("writes version", disk.id),
                field("schema", schema_words(&disk.schema)),
                field(
                    "change under way",
                    disk.change.as_ref().map_or("none".to_owned(), |change| schema_words(&change.schema)),
                ),
            ],
            Disk::Consumer(disk) => vec![
                field("reads with version", disk.id),
                field("schema", schema_words(&disk.schema)),
                field("next offset", disk.next),
            ],
        };
        let memory = match &node.memory {
            Some(Memory::Consumer(memory)) => {
                let known: Vec<String> = memory.known.keys().map(u32::to_string).collect();
                let last: Vec<String> = memory.last.iter().map(value).collect();
                vec![
                    field("schemas it knows", known.join(" ")),
                    field("last record", last.join(", ")),
                    field("stands still", memory.stuck.as_ref().map_or("no".to_owned(), |stuck| stuck.1.words())),
                ]
            }
            _ => Vec::new(),
        };
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        if metric == sr::READ { Registry::name(settings, NodeId(subject)) } else { "registry".to_owned() }
    }
}

pub type Shop = World<Registry>;

pub fn consumers(world: &Shop) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}

pub fn consumer(world: &Shop, node: NodeId) -> Option<&ConsumerDisk> {
    match &world.node(node)?.disk {
        Disk::Consumer(disk) => Some(disk),
        _ => None,
    }
}

fn running(world: &Shop, node: NodeId) -> Option<&ConsumerMemory> {
    match world.memory(node)? {
        Memory::Consumer(memory) => Some(memory),
        _ => None,
    }
}

pub fn producer(world: &Shop) -> Option<&ProducerDisk> {
    match &world.node(PRODUCER)?.disk {
        Disk::Producer(disk) => Some(disk),
        _ => None,
    }
}

pub fn versions(world: &Shop) -> usize {
    match world.node(REGISTRY).map(|node| &node.disk) {
        Some(Disk::Registry(versions)) => versions.len(),
        _ => 0,
    }
}

fn is_stuck(world: &Shop, node: NodeId) -> bool {
    running(world, node).is_some_and(|memory| memory.stuck.is_some())
}

pub fn reader(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, Registry::name(world.settings(), node));
    let version = consumer(world, node).map_or(0, |disk| disk.id);
    (mark.state, mark.tone) = match running(world, node).and_then(|memory| memory.stuck.clone()) {
        Some((id, _)) => (format!("v{version} cannot read v{id}"), Tone::Broken),
        None => (format!("reads with v{version}"), Tone::Consumer),
    };
    mark
}

/// The fields as rows, and whether each schema has them.
pub fn schemas_figure(world: &Shop, all: &[NodeId], (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let mut columns: Vec<(String, Option<&Schema>)> = Vec::new();
    columns.push(("writes".to_owned(), producer(world).map(|disk| &*disk.schema)));
    for (index, node) in all.iter().enumerate() {
        columns.push((format!("reader {}", index + 1), consumer(world, *node).map(|disk| &*disk.schema)));
    }
    let mut fields: Vec<&'static str> = Vec::new();
    for schema in columns.iter().filter_map(|column| column.1) {
        for field in &schema.fields {
            if !fields.contains(&field.name) {
                fields.push(field.name);
            }
        }
    }
    let cell = |schema: Option<&Schema>, name: &str| match schema.and_then(|schema| schema.field(name)) {
        Some(field) if field.default.is_some() => Cell::loose(format!("{} =", field.kind.name()), Tone::Fine),
        Some(field) => Cell::firm(field.kind.name(), Tone::Fine),
        None => Cell::loose("-", Tone::Off),
    };
    let row = |name: &&'static str| {
        let mut row = vec![Cell::firm(*name, Tone::Neutral)];
        row.extend(columns.iter().map(|column| cell(column.1, name)));
        row
    };
    let rows = fields.iter().map(row).collect();
    let head = std::iter::once("field".to_owned()).chain(columns.iter().map(|column| column.0.clone())).collect();
    let mode = sr::MODES.get(world.settings().amount(sr::MODE) as usize).copied().unwrap_or_default();
    let title = format!("Schemas, {mode}; = has a default");
    Figure { id: "schemas", at, size, title, body: Body::Table { head, rows } }
}

fn records(world: &Shop) -> (u32, &[Rc<Vec<u8>>]) {
    match world.node(TOPIC).map(|node| &node.disk) {
        Some(Disk::Topic { start, records }) => (*start, records.as_slice()),
        _ => (0, &[][..]),
    }
}

/// The id of the schema that wrote the newest record.
pub fn newest(world: &Shop) -> u32 {
    records(world).1.last().and_then(|record| unframe(record)).map_or(0, |framed| framed.0)
}

/// The newest records, by the version that wrote them, and where each consumer is.
pub fn records_figure(world: &Shop, (at, size): ((i32, i32), (i32, i32)), frame: Frame) -> Figure {
    let shown = if frame == Frame::Wide { 14 } else { 8 };
    let (start, records) = records(world);
    let first = records.len().saturating_sub(shown);
    let cell = |(index, record): (usize, &Rc<Vec<u8>>)| {
        let offset = start + index as u32;
        let id = unframe(record).map_or(0, |framed| framed.0);
        let held_up = consumers(world).iter().any(|node| is_stuck(world, *node) && position(world, *node) == offset);
        let tone = if held_up {
            Tone::Broken
        } else if id.is_multiple_of(2) {
            Tone::Active
        } else {
            Tone::Store
        };
        Cell::firm(id.to_string(), tone)
    };
    let cells: Vec<Cell> = records.iter().enumerate().skip(first).map(cell).collect();
    let slowest = consumers(world).iter().map(|node| position(world, *node)).min().unwrap_or(0);
    let mark =
        slowest.checked_sub(start + first as u32).map(|at| (at as usize).min(cells.len()) as u16).filter(|at| *at > 0);
    let rows = vec![GridRow { label: String::new(), cells, mark }];
    let title = "Records by schema id; the bar: the slowest reader".to_owned();
    Figure { id: "records", at, size, title, body: Body::Grid { first: start + first as u32, rows } }
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
}

fn schema_words(schema: &Schema) -> String {
    let words: Vec<String> = schema
        .fields
        .iter()
        .map(|field| format!("{} {}{}", field.name, field.kind.name(), if field.default.is_some() { " =" } else { "" }))
        .collect();
    words.join(", ")
}

pub fn change(kind: i64) -> Input {
    Input::call(sr::CHANGE, &[kind])
}

pub fn writes(world: &Shop) -> u32 {
    producer(world).map_or(0, |disk| disk.id)
}
