//! How a Kafka log looks from the inside: segments, their index, what the cleaner keeps.

use super::prelude::*;
use crate::mechanisms::kafka_log::{Log, Record, Segment};
use crate::sim::numbers::counted;
use crate::systems::messaging::kafka_log::promises::{log, table};
use crate::systems::messaging::kafka_log::{
    self as kafka, BROKER, KafkaLog, Lookup, Memory, Message, READER, Stage, TABLE, key_name, put_words,
};

impl Face for KafkaLog {
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
                        .map(|(key, known)| field(format!("key {}", key_name(key as u8)), value(known))),
                );
                Inspection { disk, memory: Vec::new() }
            }
            (READER, _, _) => {
                let last = found(world).map_or("nothing yet".to_owned(), |record| format!("offset {}", record.offset));
                Inspection { disk: Vec::new(), memory: vec![field("found last", last)] }
            }
            _ => Inspection {
                disk: Vec::new(),
                memory: vec![field("records a second", world.settings().get(kafka::RATE))],
            },
        }
    }

    fn subject(_: &Settings, _: MetricId, _: u16) -> String {
        "broker".to_owned()
    }
}

pub type Partition = World<KafkaLog>;

pub fn lookup(world: &Partition) -> Option<Lookup> {
    match world.memory(BROKER) {
        Some(Memory::Broker(memory)) => memory.lookup,
        _ => None,
    }
}

pub fn found(world: &Partition) -> Option<Record> {
    match world.memory(READER) {
        Some(Memory::Reader { found, .. }) => *found,
        _ => None,
    }
}

pub fn writer_words(world: &Partition) -> String {
    format!("{} a second", world.settings().get(kafka::RATE))
}

pub fn broker_words(world: &Partition) -> String {
    match lookup(world) {
        Some(Lookup { offset, stage: Stage::Files }) => format!("{offset}: which file?"),
        Some(Lookup { offset, stage: Stage::Index { .. } }) => format!("{offset}: which entry?"),
        Some(Lookup { offset, stage: Stage::Scan { .. } }) => format!("{offset}: scans"),
        None => log(world).map_or(String::new(), |log| counted(log.records().count() as u64, "record")),
    }
}

pub fn reader_words(world: &Partition) -> String {
    found(world).map_or("looks up offsets".to_owned(), |record| format!("found {}", record.offset))
}

pub fn table_words(world: &Partition) -> String {
    table(world).map_or(String::new(), |(next, _)| format!("next offset {next}"))
}

/// How many files are drawn.
const SHOWN: usize = 6;

fn first_shown(log: &Log) -> usize {
    log.segments().len().saturating_sub(SHOWN)
}

pub fn files_figure(world: &Partition, log: &Log, (at, size): ((i32, i32), (i32, i32)), frame: Frame) -> Figure {
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

pub fn index_figure(world: &Partition, log: &Log) -> Figure {
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
    let title = "Index: one entry per 4,096 bytes or more".to_owned();
    Figure { id: "index", at: (650, 150), size: (290, 240), title, body: Body::Table { head, rows } }
}

pub fn table_figure(world: &Partition, (at, size): ((i32, i32), (i32, i32))) -> Figure {
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

pub fn copies_figure(world: &Partition, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let total = |metric| world.metrics().total(metric, 0);
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
