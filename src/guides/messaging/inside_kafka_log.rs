//! Inside a Kafka log: files, a sparse index, a lookup, and the cleaner.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
};
use crate::mechanisms::kafka_log::{Log, Record, Segment};
use crate::picture::{Bar, Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::numbers::counted;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::kafka_log::promises::{CATCHES_UP, LAST_VALUE, LOOKUP, RIGHT_TABLE, log, table};
use crate::systems::messaging::kafka_log::{
    self as kafka, BROKER, KafkaLog, Lookup, Memory, Message, PRODUCER, READER, Stage, TABLE, key_name, put_words,
};

type Partition = World<KafkaLog>;

/// The scenario.
pub static SCENARIO: Scenario<KafkaLog> = Scenario {
    slug: "inside-kafka-log",
    title: "Inside a Kafka log",
    guide: Guide::Messaging,
    level: 5,
    summary: "A partition is a row of files with a thin index. Follow a lookup step by step, watch the cleaner at work, and \
              let a tombstone go too early: a deleted key comes back.",
    seed: 6,
    settings: &[
        (kafka::RATE, 3),
        (kafka::POLICY, 0),
        (kafka::DELETE_RETENTION, 8_000_000),
        (kafka::RETENTION_BYTES, 48_000),
        (kafka::RETENTION_TIME, 20_000_000),
        (kafka::PACE, 500_000),
        (kafka::SENDFILE, 1),
    ],
    busy: &[(kafka::POLICY, 2)],
    fixed: &[],
    rules: &[kafka::LATEST, kafka::TOMBSTONES, kafka::OFFSETS, kafka::FLOOR],
    commands: &[kafka::PUT, kafka::DELETE, kafka::LOOK_UP, kafka::REPLAY],
    promises: &[LOOKUP, LAST_VALUE, RIGHT_TABLE, CATCHES_UP],
    impossible: false,
    // A message that arrives twice would be a second record: producers' numbers, which prevent it, are not modelled.
    faults: FaultModel { duplicate: false, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Bytes in the log",
            about: "A saw: it grows by what is written, and falls when the cleaner or retention runs.",
            plot: Plot::Level(kafka::SIZE),
        },
        Chart {
            title: "Service time of a read",
            about: "From the request until the answer is sent. Two copies more without sendfile.",
            plot: Plot::Percentiles(kafka::SERVICE),
        },
        Chart {
            title: "Bytes copied by the processor",
            about: "None with sendfile; twice what is sent without.",
            plot: Plot::Rate(kafka::CPU_COPIES),
        },
        Chart { title: "Bytes sent", about: "To the consumer.", plot: Plot::Rate(kafka::SENT) },
    ],
    subject: |_: &Settings, _: MetricId, _: u16| "broker".to_owned(),
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_LOOKUP,
    breaks: BREAKS,
    prose: prose!("inside_kafka_log.md"),
};

fn lookup(world: &Partition) -> Option<Lookup> {
    match world.memory(BROKER) {
        Some(Memory::Broker(memory)) => memory.lookup,
        _ => None,
    }
}

fn found(world: &Partition) -> Option<Record> {
    match world.memory(READER) {
        Some(Memory::Reader { found, .. }) => *found,
        _ => None,
    }
}

fn picture(world: &Partition, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (spots, files, values, copies) = match frame {
        Frame::Wide => {
            let spots = [(90, 60), (330, 60), (570, 60), (820, 60)];
            (spots, ((20, 150), (600, 240)), ((20, 420), (600, 90)), ((650, 420), (290, 120)))
        }
        Frame::Narrow => {
            let spots = [(62, 56), (200, 56), (338, 56), (200, 160)];
            (spots, ((8, 224), (384, 174)), ((8, 404), (384, 66)), ((8, 474), (384, 84)))
        }
    };
    let states = [writer_words(world), broker_words(world), reader_words(world), table_words(world)];
    let shapes = [Shape::Service, Shape::Broker, Shape::Service, Shape::Store];
    let tones = [Tone::Producer, Tone::Store, Tone::Consumer, Tone::Consumer];
    for (at, ((spot, state), (shape, tone))) in spots.iter().zip(states).zip(shapes.into_iter().zip(tones)).enumerate()
    {
        let node = NodeId::from(at);
        let mut mark = NodeMark::new(node, *spot, shape, KafkaLog::name(world.settings(), node));
        (mark.state, mark.tone) = (state, tone);
        picture.nodes.push(mark);
    }
    picture.link_all(&[BROKER], &[PRODUCER, READER, TABLE]);
    let Some(log) = log(world) else { return picture };
    picture.figures.push(files_figure(world, log, files, frame));
    if frame == Frame::Wide {
        picture.figures.push(index_figure(world, log));
    }
    picture.figures.push(table_figure(world, values));
    picture.figures.push(copies_figure(world, copies));
    picture
}

fn writer_words(world: &Partition) -> String {
    format!("{} a second", world.settings().get(kafka::RATE))
}

fn broker_words(world: &Partition) -> String {
    match lookup(world) {
        Some(Lookup { offset, stage: Stage::Files }) => format!("{offset}: which file?"),
        Some(Lookup { offset, stage: Stage::Index { .. } }) => format!("{offset}: which entry?"),
        Some(Lookup { offset, stage: Stage::Scan { .. } }) => format!("{offset}: scans"),
        None => log(world).map_or(String::new(), |log| counted(log.records().count() as u64, "record")),
    }
}

fn reader_words(world: &Partition) -> String {
    found(world).map_or("looks up offsets".to_owned(), |record| format!("found {}", record.offset))
}

fn table_words(world: &Partition) -> String {
    table(world).map_or(String::new(), |(next, _)| format!("next offset {next}"))
}

/// How many files are drawn.
const SHOWN: usize = 6;

fn first_shown(log: &Log) -> usize {
    log.segments().len().saturating_sub(SHOWN)
}

fn files_figure(world: &Partition, log: &Log, (at, size): ((i32, i32), (i32, i32)), frame: Frame) -> Figure {
    let last = log.segments().len() - 1;
    let row = |(file, segment): (usize, &Segment)| {
        let cell = |(place, record): (usize, &Record)| {
            let here = Some(Stage::Scan { file: file as u32, record: place as u32 });
            let scanned = lookup(world).map(|lookup| lookup.stage) == here;
            let content = put_words(record.key, record.value);
            let text = match frame {
                Frame::Wide => format!("{} {content}", record.offset),
                Frame::Narrow => format!("{}{}", record.offset, content.replace(" del", "x")),
            };
            match (scanned, record.value) {
                (true, _) => Cell::firm(text, Tone::Question),
                (_, None) => Cell::firm(text, Tone::Risk),
                _ if file == last => Cell::loose(text, Tone::Neutral),
                _ if record.offset < log.dirty() => Cell::firm(text, Tone::Fine),
                _ => Cell::firm(text, Tone::Store),
            }
        };
        let entry = segment.index().first().map(|entry| segment.record_at(entry.position) as u16);
        let cells = segment.records().iter().enumerate().map(cell).collect();
        GridRow { label: format!("{}.log", segment.base), cells, mark: entry }
    };
    let rows = log.segments().iter().enumerate().skip(first_shown(log)).map(row).collect();
    let title = "Files: offset and record. The bar is an index entry.".to_owned();
    Figure { id: "files", at, size, title, body: Body::Grid { first: 0, rows } }
}

fn index_figure(world: &Partition, log: &Log) -> Figure {
    let used = lookup(world).and_then(|lookup| match lookup.stage {
        Stage::Files => None,
        Stage::Index { file } | Stage::Scan { file, .. } => Some((file as usize, lookup.offset)),
    });
    let mut rows = Vec::new();
    for (file, segment) in log.segments().iter().enumerate().skip(first_shown(log)) {
        let floor = used.filter(|used| used.0 == file).map(|used| segment.floor(used.1));
        let name =
            Cell::firm(format!("{}.index", segment.base), if floor.is_some() { Tone::Question } else { Tone::Neutral });
        let entry = segment.index().first().copied();
        let tone = if entry.is_some() && floor == entry { Tone::Question } else { Tone::Neutral };
        let (offset, position) = entry
            .map_or(("-".to_owned(), "-".to_owned()), |entry| (entry.offset.to_string(), entry.position.to_string()));
        rows.push(vec![name, Cell::firm(offset, tone), Cell::firm(position, tone)]);
    }
    let head = ["file", "offset", "at byte"].map(str::to_owned).to_vec();
    let title = "Index: an entry every 4,096 bytes".to_owned();
    Figure { id: "index", at: (650, 150), size: (290, 240), title, body: Body::Table { head, rows } }
}

fn table_figure(world: &Partition, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let cells = table(world).map_or(Vec::new(), |(_, table)| {
        let cell = |(key, value): (usize, &Option<u16>)| match value {
            Some(value) => Cell::firm(format!("{} {value}", key_name(key as u8)), Tone::Consumer),
            None => Cell::loose(format!("{} -", key_name(key as u8)), Tone::Off),
        };
        table.iter().enumerate().map(cell).collect()
    });
    let late = if world.witness().is_late() { ", too late for tombstones" } else { "" };
    let title = format!("The consumer's table{late}");
    Figure {
        id: "table",
        at,
        size,
        title,
        body: Body::Grid { first: 0, rows: vec![GridRow { label: String::new(), cells, mark: None }] },
    }
}

fn copies_figure(world: &Partition, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let total = |metric| {
        world.metrics().get(metric, 0).map_or(0, |series| series.windows().map(|window| window.sum).sum::<u64>())
    };
    let (cpu, dma) = (total(kafka::CPU_COPIES), total(kafka::DMA_COPIES));
    let full = cpu.max(dma).max(1) as u32;
    let bar = |label: &str, bytes: u64, tone| Bar {
        label: label.to_owned(),
        value: bytes as u32,
        full,
        text: format!("{} kB", bytes / 1_000),
        tone,
    };
    let bars = vec![bar("processor", cpu, Tone::Risk), bar("devices", dma, Tone::Neutral)];
    let title = format!("Copied for {} kB sent", total(kafka::SENT) / 1_000);
    Figure { id: "copies", at, size, title, body: Body::Bars(bars) }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Produce { value: Some(_), .. } => ('P', Glyph::Square, Tone::Producer),
        Message::Produce { .. } => ('D', Glyph::Square, Tone::Risk),
        Message::LookUp { .. } => ('?', Glyph::Diamond, Tone::Question),
        Message::Found { record: Some(_), .. } => ('!', Glyph::Pill, Tone::Fine),
        Message::Found { .. } => ('x', Glyph::Pill, Tone::Risk),
        Message::Read { .. } => ('r', Glyph::Dot, Tone::Consumer),
        Message::Records { .. } => ('R', Glyph::Square, Tone::Consumer),
    };
    Look { letter, glyph, tone }
}

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn fields(_: &Settings, message: &Message) -> Fields {
    match message {
        Message::Produce { key, value } => vec![field("record", put_words(*key, *value))],
        Message::LookUp { offset } | Message::Read { offset } => vec![field("offset", offset)],
        Message::Found { record, end } => vec![
            field("record", record.map_or("none".to_owned(), |record| put_words(record.key, record.value))),
            field("log end", end),
        ],
        Message::Records { offset, records, start, end, .. } => vec![
            field("from offset", offset),
            field("records", records.len()),
            field("log start", start),
            field("log end", end),
        ],
    }
}

fn inspect(world: &Partition, id: NodeId) -> Inspection {
    match (id, log(world), table(world)) {
        (BROKER, Some(log), _) => {
            let files: Vec<String> = log.segments().iter().map(|file| file.base.to_string()).collect();
            let disk = vec![
                field("offsets", format!("{} to {}", log.start(), log.end())),
                field("files", files.join(" ")),
                field("records", log.records().count()),
                field("cleaned below offset", log.dirty()),
                field("dirty", format!("{} %", log.dirty_percent())),
            ];
            Inspection { disk, memory: vec![field("at work", broker_words(world))] }
        }
        (TABLE, _, Some((next, table))) => {
            let value = |value: &Option<u16>| value.map_or("none".to_owned(), |value| value.to_string());
            let mut disk = vec![field("next offset", next)];
            disk.extend(
                table
                    .iter()
                    .enumerate()
                    .map(|(key, known)| field(&format!("key {}", key_name(key as u8)), value(known))),
            );
            Inspection { disk, memory: Vec::new() }
        }
        (READER, _, _) => {
            let last = found(world).map_or("nothing yet".to_owned(), |record| format!("offset {}", record.offset));
            Inspection { disk: Vec::new(), memory: vec![field("found last", last)] }
        }
        _ => {
            Inspection { disk: Vec::new(), memory: vec![field("records a second", world.settings().get(kafka::RATE))] }
        }
    }
}

fn command(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

/// The reader's own key.
const F: u8 = 5;

fn has_key(world: &Partition, key: u8) -> bool {
    log(world).is_some_and(|log| log.records().any(|record| record.key == key))
}

fn value_of(world: &Partition, key: u8) -> Option<u16> {
    table(world).and_then(|(_, table)| table.get(usize::from(key)).copied().flatten())
}

fn at_end(world: &Partition) -> bool {
    matches!((log(world), table(world)), (Some(log), Some((next, _))) if next >= log.end())
}

/// Records in files that are not active.
fn closed(world: &Partition) -> usize {
    let Some(log) = log(world) else { return 0 };
    log.segments().iter().rev().skip(1).map(|segment| segment.records().len()).sum()
}

fn broker_node(_: &Partition) -> Vec<NodeId> {
    vec![BROKER]
}

fn table_node(_: &Partition) -> Vec<NodeId> {
    vec![TABLE]
}

const TOUR: &[Beat<KafkaLog>] = &[
    Beat {
        title: "A log is files",
        say: "The partition is a row of files, *segments*, each named after its first *offset*. Only the last one is \
              written. Six records fill a file here.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: broker_node,
        predict: None,
    },
    Beat {
        title: "Where is offset 10?",
        say: "A reader asks for offset 10. The names of the files say where it can be: the last name that is not above it.",
        inputs: |_| vec![command(kafka::LOOK_UP, &[10])],
        until: |world| matches!(lookup(world), Some(Lookup { offset: 10, stage: Stage::Index { .. } })),
        look: broker_node,
        predict: Some(Predict {
            question: "In which file is offset 10?",
            options: |_| vec!["0.log".to_owned(), "6.log".to_owned(), "12.log".to_owned()],
            answer: |world| match lookup(world) {
                Some(Lookup { stage: Stage::Index { file }, .. }) => (file as usize).min(2),
                _ => 0,
            },
            because: "6 is the last name that is not above 10.",
        }),
    },
    Beat {
        title: "A thin index",
        say: "The index has no entry for each record: one for every 4,096 bytes. The broker takes the last entry at or below \
              10, and knows at which byte to begin.",
        inputs: no_inputs,
        until: |world| matches!(lookup(world), Some(Lookup { stage: Stage::Scan { .. }, .. })),
        look: broker_node,
        predict: None,
    },
    Beat {
        title: "A short scan",
        say: "From there it reads record by record. It never has to read more than the gap between two entries.",
        inputs: no_inputs,
        until: |world| found(world).is_some(),
        look: |_| vec![READER],
        predict: None,
    },
    Beat {
        title: "The cleaner",
        say: "Twelve records are in closed files. The cleaner goes through them: of each key it keeps the latest. The active \
              file is left alone.",
        inputs: no_inputs,
        until: |world| log(world).is_some_and(|log| log.dirty() > 0),
        look: broker_node,
        predict: Some(Predict {
            question: "Keys A to E, one of them deleted. How many of the twelve stay?",
            options: |_| vec!["Twelve".to_owned(), "Five".to_owned(), "Four".to_owned()],
            answer: |world| match closed(world) {
                5 => 1,
                4 => 2,
                _ => 0,
            },
            because: "One of each key. For E that is a *tombstone*: the record that says it is deleted.",
        }),
    },
    Beat {
        title: "A table from a log",
        say: "The consumer at the right reads on and keeps the last value of each key. The gaps do not bother it: offsets \
              stay what they were. E came and went.",
        inputs: no_inputs,
        until: |world| at_end(world) && log(world).is_some_and(|log| log.dirty() > 0),
        look: table_node,
        predict: None,
    },
    Beat {
        title: "A tombstone goes last",
        say: "The tombstone of E, at offset 8, stays for delete.retention.ms, 8 s here. Whoever reads to the end within that \
              time sees it. Then it may go.",
        inputs: no_inputs,
        until: |world| log(world).is_some_and(|log| !log.records().any(|record| record.offset == 8)),
        look: broker_node,
        predict: None,
    },
    Beat {
        title: "A value of your own",
        say: "Key F is yours. You write F5, and the consumer takes it into its table.",
        inputs: |_| vec![command(kafka::PUT, &[5, 5])],
        until: |world| value_of(world, F) == Some(5),
        look: table_node,
        predict: None,
    },
    Beat {
        title: "A tombstone goes early",
        say: "The rule is off, and the consumer pauses for a moment. You delete F. The cleaner takes the tombstone along with \
              what it deletes.",
        inputs: |_| {
            vec![
                Input::Rule { rule: kafka::TOMBSTONES, on: false },
                Input::Pause { node: TABLE },
                command(kafka::DELETE, &[5]),
            ]
        },
        until: |world| !has_key(world, F),
        look: broker_node,
        predict: None,
    },
    Beat {
        title: "A ghost",
        say: "The consumer goes on, well within its time, and reads everything that is left.",
        inputs: |_| vec![Input::Resume { node: TABLE }],
        until: |world| world.is_promise_broken(RIGHT_TABLE.id) || (at_end(world) && value_of(world, F).is_none()),
        look: table_node,
        predict: Some(Predict {
            question: "What does its table say of F?",
            options: |_| vec!["Deleted".to_owned(), "F5".to_owned()],
            answer: |world| usize::from(value_of(world, F).is_some()),
            because: "Nothing in the log says that F was deleted. Nothing in it says that F was ever there.",
        }),
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

/// The consumer has read everything and still has a key that is nowhere in the log.
fn haunted(world: &Partition) -> bool {
    at_end(world)
        && world.witness().is_late()
        && (0..kafka::KEYS as u8).any(|key| value_of(world, key).is_some() && !has_key(world, key))
}

const CHALLENGES: &[Challenge<KafkaLog>] = &[
    Challenge {
        id: "too-late",
        title: "Too late for a tombstone",
        goal: "With every rule on, have the consumer read everything and keep a key that was deleted.",
        hint: "A tombstone is kept for delete.retention.ms, and no longer. Who says that the consumer is quicker?",
        reached: haunted,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.act(command(kafka::PUT, &[5, 7]));
            script.until(|world| value_of(world, F) == Some(7));
            script.act(Input::Pause { node: TABLE });
            script.act(command(kafka::DELETE, &[5]));
            script.until(|world| world.kernel().now() > 5_000_000 && !has_key(world, F));
            script.act(Input::Resume { node: TABLE });
            script.until(haunted);
        },
    },
    Challenge {
        id: "whole-files",
        title: "Whole files",
        goal: "Have the log begin at offset 12 or later.",
        hint: "Compaction never moves the log's start. Another cleanup.policy does.",
        reached: |world| log(world).is_some_and(|log| log.start() >= 12),
        origin: || origin(&[], &[]),
        solve: |script| {
            script.act(Input::Setting { setting: kafka::POLICY, value: 1 });
            script.until(|world| log(world).is_some_and(|log| log.start() >= 12));
        },
    },
    Challenge {
        id: "past-it",
        title: "Past the record",
        goal: "With the index's floor off, have a lookup miss a record that is there.",
        hint: "The scan begins at the first entry above the offset. Which offsets lie between the last entry and that one?",
        reached: |world| world.is_promise_broken(LOOKUP.id),
        origin: || origin(&[kafka::FLOOR], &[]),
        solve: |script| {
            script.act(command(kafka::LOOK_UP, &[7]));
            script.until(|world| world.is_promise_broken(LOOKUP.id));
        },
    },
];

/// The log as it is at first, one lookup, no load.
const ONE_LOOKUP: Hunt<KafkaLog> = Hunt {
    settings: &[(kafka::RATE, 0)],
    inputs: || vec![command(kafka::LOOK_UP, &[7])],
    bounds: Bounds::new(200_000, 40, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 12,
};

const BREAKS: &[Breaks<KafkaLog>] = &[
    Breaks { rule: kafka::LATEST, promise: LAST_VALUE.id, way: Way::Explore(ONE_LOOKUP) },
    Breaks {
        rule: kafka::TOMBSTONES,
        promise: RIGHT_TABLE.id,
        way: Way::Explore(Hunt { inputs: Vec::new, ..ONE_LOOKUP }),
    },
    Breaks {
        rule: kafka::OFFSETS,
        promise: RIGHT_TABLE.id,
        way: Way::Explore(Hunt { inputs: Vec::new, ..ONE_LOOKUP }),
    },
    Breaks { rule: kafka::FLOOR, promise: LOOKUP.id, way: Way::Explore(ONE_LOOKUP) },
];
