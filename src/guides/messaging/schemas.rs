//! Schemas: what may change in a record while old readers and old records are still there.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::mechanisms::schema::{Schema, Value, unframe};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::numbers::counted;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::schema_registry::promises::{AS_WRITTEN, READABLE, READS_ON, position};
use crate::systems::messaging::schema_registry::{
    self as sr, ConsumerDisk, ConsumerMemory, Disk, FIRST, MODES, Memory, Message, PRODUCER, ProducerDisk, REGISTRY,
    Registry, TOPIC, names,
};

type Shop = World<Registry>;

/// The scenario.
pub static SCENARIO: Scenario<Registry> = Scenario {
    slug: "schemas",
    title: "Schemas",
    guide: Guide::Messaging,
    level: 5,
    summary: "A team changes its records while others go on reading old ones with old programs. Switch the registry's check \
              off, and see a consumer stop at a record that it cannot read.",
    seed: 3,
    settings: &[(sr::MODE, 0), (sr::CONSUMERS, 2), (sr::RATE, 3), (sr::CHANGE_EVERY, 60_000_000)],
    busy: &[(sr::CHANGE_EVERY, 3_000_000)],
    fixed: &[],
    rules: &[sr::CHECK, sr::BY_ID, sr::ORDER],
    commands: &[sr::CHANGE, sr::PRODUCE, sr::REPLAY],
    promises: &[READABLE, AS_WRITTEN, READS_ON],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Records read",
            about: "A consumer that meets a record it cannot read stops at it.",
            plot: Plot::Rate(sr::READ),
        },
        Chart { title: "Versions accepted", about: "By the registry.", plot: Plot::Rate(sr::ACCEPTED) },
        Chart {
            title: "Versions refused",
            about: "409, with the version that they clash with.",
            plot: Plot::Rate(sr::REFUSED),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_CHANGE,
    breaks: BREAKS,
    prose: prose!("schemas.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    if metric == sr::READ { node_subject::<Registry>(settings, metric, subject) } else { "registry".to_owned() }
}

fn consumers(world: &Shop) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}

fn consumer(world: &Shop, node: NodeId) -> Option<&ConsumerDisk> {
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

fn producer(world: &Shop) -> Option<&ProducerDisk> {
    match &world.node(PRODUCER)?.disk {
        Disk::Producer(disk) => Some(disk),
        _ => None,
    }
}

fn versions(world: &Shop) -> usize {
    match world.node(REGISTRY).map(|node| &node.disk) {
        Some(Disk::Registry(versions)) => versions.len(),
        _ => 0,
    }
}

fn is_stuck(world: &Shop, node: NodeId) -> bool {
    running(world, node).is_some_and(|memory| memory.stuck.is_some())
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = consumers(world);
    let (registry, writer, topic, places, table, strip) = match frame {
        Frame::Wide => {
            let places = Area::new(470, 70, 140, 330).column(all.len());
            ((300, 60), (80, 230), (290, 230), places, ((640, 40), (312, 380)), ((20, 440), (920, 100)))
        }
        Frame::Narrow => {
            let places = Area::new(4, 200, 392, 80).row(all.len());
            ((330, 44), (66, 44), (200, 130), places, ((8, 294), (384, 180)), ((8, 480), (384, 76)))
        }
    };
    let mode = MODES.get(world.settings().amount(sr::MODE) as usize).copied().unwrap_or(MODES[0]);
    let writes = producer(world).map_or(0, |disk| disk.id);
    let rolling = producer(world).is_some_and(|disk| disk.change.is_some());
    let state = if rolling { format!("writes v{writes}, changes") } else { format!("writes v{writes}") };
    let end = sr::promises::end(world);
    let fixed = [
        (REGISTRY, registry, Shape::Store, mode.to_ascii_lowercase(), Tone::Service),
        (PRODUCER, writer, Shape::Service, state, Tone::Producer),
        (TOPIC, topic, Shape::Queue, counted(u64::from(end), "record"), Tone::Store),
    ];
    for (node, at, shape, state, tone) in fixed {
        let mut mark = NodeMark::new(node, at, shape, Registry::name(world.settings(), node));
        (mark.state, mark.tone) = (state, tone);
        picture.nodes.push(mark);
    }
    for (node, at) in all.iter().zip(places) {
        picture.nodes.push(reader(world, *node, at));
    }
    picture.link_all(&[REGISTRY, TOPIC, PRODUCER], &all);
    picture.link_all(&[PRODUCER], &[REGISTRY, TOPIC]);
    picture.figures.push(schemas_figure(world, &all, table));
    picture.figures.push(records_figure(world, strip, frame));
    picture
}

fn reader(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, Registry::name(world.settings(), node));
    let version = consumer(world, node).map_or(0, |disk| disk.id);
    (mark.state, mark.tone) = match running(world, node).and_then(|memory| memory.stuck.clone()) {
        Some((id, _)) => (format!("v{version} cannot read v{id}"), Tone::Broken),
        None => (format!("reads with v{version}"), Tone::Consumer),
    };
    mark
}

/// The fields as rows, and whether each schema has them.
fn schemas_figure(world: &Shop, all: &[NodeId], (at, size): ((i32, i32), (i32, i32))) -> Figure {
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
    let title = "Schemas in use. \"=\" has a default.".to_owned();
    Figure { id: "schemas", at, size, title, body: Body::Table { head, rows } }
}

/// The newest records, by the version that wrote them, and where each consumer is.
fn records_figure(world: &Shop, (at, size): ((i32, i32), (i32, i32)), frame: Frame) -> Figure {
    let shown = if frame == Frame::Wide { 14 } else { 8 };
    let (start, records) = match world.node(TOPIC).map(|node| &node.disk) {
        Some(Disk::Topic { start, records }) => (*start, records.as_slice()),
        _ => (0, &[][..]),
    };
    let first = records.len().saturating_sub(shown);
    let cell = |(index, record): (usize, &std::rc::Rc<Vec<u8>>)| {
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
        Cell::firm(format!("v{id}"), tone)
    };
    let cells: Vec<Cell> = records.iter().enumerate().skip(first).map(cell).collect();
    let slowest = consumers(world).iter().map(|node| position(world, *node)).min().unwrap_or(0);
    let mark =
        slowest.checked_sub(start + first as u32).map(|at| (at as usize).min(cells.len()) as u16).filter(|at| *at > 0);
    let rows = vec![GridRow { label: String::new(), cells, mark }];
    let title = "Schema ids in the topic; the bar: the slowest reader".to_owned();
    Figure { id: "records", at, size, title, body: Body::Grid { first: start + first as u32, rows } }
}

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

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
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
        Message::Records { offset, records, .. } => vec![field("from offset", offset), field("records", records.len())],
    }
}

fn schema_words(schema: &Schema) -> String {
    let words: Vec<String> = schema
        .fields
        .iter()
        .map(|field| format!("{} {}{}", field.name, field.kind.name(), if field.default.is_some() { " =" } else { "" }))
        .collect();
    words.join(", ")
}

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let value = |value: &Value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
    };
    let disk = match &node.disk {
        Disk::Registry(versions) => {
            (1..).zip(versions).map(|(id, schema)| field(&format!("version {id}"), schema_words(schema))).collect()
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

fn change(kind: i64) -> Input {
    Input::call(sr::CHANGE, &[kind])
}

fn produce() -> Input {
    Input::call(sr::PRODUCE, &[])
}

fn writes(world: &Shop) -> u32 {
    producer(world).map_or(0, |disk| disk.id)
}

fn is_through(world: &Shop) -> bool {
    producer(world).is_some_and(|disk| disk.change.is_none())
}

fn all_read(world: &Shop, version: u32) -> bool {
    consumers(world).iter().all(|node| consumer(world, *node).is_some_and(|disk| disk.id >= version))
}

fn refused(world: &Shop) -> bool {
    world.flights().any(|flight| matches!(flight.message, Message::Refused { .. }))
}

const TOUR: &[Beat<Registry>] = &[
    Beat {
        title: "Bytes with an id",
        say: "A producer writes orders, two consumers read them. The broker sees bytes. What they mean is in a *schema*, and \
              the schema is in a registry.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![PRODUCER, TOPIC],
        predict: None,
    },
    Beat {
        title: "Five bytes in front",
        say: "Each record begins with a zero byte and the id of the schema that wrote it, in four. Select a record on its \
              way to see its bytes.",
        inputs: no_inputs,
        until: |world| consumers(world).iter().all(|node| position(world, *node) > 0),
        look: |_| vec![TOPIC],
        predict: None,
    },
    Beat {
        title: "A new field, without a default",
        say: "The team wants a new field, and asks the registry. The compatibility is BACKWARD: the new schema has to read \
              data of the last one.",
        inputs: |_| vec![change(1)],
        until: |world| refused(world) || versions(world) > 1,
        look: |_| vec![REGISTRY],
        predict: Some(Predict {
            question: "What does the registry say?",
            options: |_| vec!["Accepted".to_owned(), "Refused".to_owned()],
            answer: |world| usize::from(refused(world)),
            because: "Old records do not have the field, and a new reader would not know what to take for it.",
        }),
    },
    Beat {
        title: "The same, with a default",
        say: "With a default it is fine: that is what a new reader takes for old records. The registry gives version 2.",
        inputs: |_| vec![change(0)],
        until: |world| versions(world) == 2,
        look: |_| vec![REGISTRY],
        predict: None,
    },
    Beat {
        title: "Consumers first",
        say: "BACKWARD says that new readers can read old data, and nothing of old readers. So the consumers move first; the \
              producer writes version 2 when all of them have.",
        inputs: no_inputs,
        until: |world| writes(world) == 2,
        look: consumers,
        predict: Some(Predict {
            question: "When the producer begins with version 2, who still reads with version 1?",
            options: |_| vec!["Nobody".to_owned(), "One consumer".to_owned(), "Both".to_owned()],
            answer: |world| {
                consumers(world).iter().filter(|node| consumer(world, **node).is_some_and(|disk| disk.id == 1)).count()
            },
            because: "The producer waited for both.",
        }),
    },
    Beat {
        title: "A field goes",
        say: "Removing a field is backward-compatible too: a new reader does not miss what it does not ask for. An old one \
              would.",
        inputs: |_| vec![change(3)],
        until: |world| writes(world) == 3 && is_through(world),
        look: consumers,
        predict: None,
    },
    Beat {
        title: "The wrong side first",
        say: "The order is off: now the producer moves first. A field without a default comes, with the check off as well, and               nobody notices: readers pass over what they do not know.",
        inputs: |_| {
            let off = |rule| Input::Rule { rule, on: false };
            vec![off(sr::CHECK), off(sr::ORDER), change(1)]
        },
        until: |world| writes(world) == 4 && is_through(world),
        look: consumers,
        predict: None,
    },
    Beat {
        title: "And it stops",
        say: "Now the field goes again, and the producer is first again. Watch the records, and the bar between them.",
        inputs: |_| vec![change(3)],
        until: |world| world.is_promise_broken(READABLE.id),
        look: consumers,
        predict: None,
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

const CHALLENGES: &[Challenge<Registry>] = &[
    Challenge {
        id: "version-four",
        title: "Version 4",
        goal: "With every rule on, get all consumers to read with version 4.",
        hint: "BACKWARD: fields may go, and may come with a default. One change at a time.",
        reached: |world| all_read(world, 4),
        origin: || origin(&[], &[]),
        solve: |script| {
            for (version, kind) in [(2, 0), (3, 3), (4, 4)] {
                script.act(change(kind));
                script.until(|world| writes(world) == version && is_through(world) && all_read(world, version));
            }
        },
    },
    Challenge {
        id: "lost-in-history",
        title: "Lost in history",
        goal: "With every rule on, have a replay pass over a record that it cannot read.",
        hint: "FORWARD looks at old readers and new data. What do new readers find when they begin at the oldest record?",
        reached: |world| world.witness().has_skipped(),
        origin: || origin(&[], &[(sr::MODE, 2)]),
        solve: |script| {
            script.until(|world| consumers(world).iter().all(|node| position(world, *node) > 0));
            script.act(change(1));
            script.until(|world| all_read(world, 2) && is_through(world));
            script.act(Input::call(sr::REPLAY, &[1]));
            script.until(|world| world.witness().has_skipped());
        },
    },
];

/// One consumer, one record, one change: a field with a default.
const ONE_CHANGE: Hunt<Registry> = Hunt {
    settings: &[(sr::RATE, 0), (sr::CONSUMERS, 1)],
    inputs: || vec![produce(), change(0)],
    bounds: Bounds::new(200_000, 40, Budget::NONE),
    within: |world| world.kernel().pending_count() < 11,
};

const BREAKS: &[Breaks<Registry>] = &[
    Breaks {
        rule: sr::CHECK,
        promise: READABLE.id,
        way: Way::Explore(Hunt { inputs: || vec![produce(), change(1)], ..ONE_CHANGE }),
    },
    Breaks { rule: sr::BY_ID, promise: READABLE.id, way: Way::Explore(ONE_CHANGE) },
    Breaks {
        rule: sr::ORDER,
        promise: READABLE.id,
        way: Way::Explore(Hunt { inputs: || vec![change(3), produce()], ..ONE_CHANGE }),
    },
];
