//! One partition of a Kafka broker from the inside: its files, a reader that looks up an offset, the cleaner, and a
//! consumer that builds a table from the log.
//!
//! Follows Apache Kafka 4.x (documentation, "Log", "Log Compaction", "Efficiency"; KIP-534). The mechanism is
//! [`crate::mechanisms::kafka_log`]. A record has 2,000 bytes, and a byte is copied in 0.1 µs.
//!
//! # Simplified here
//!
//! - Sizes and times are made to be watched. A file holds 12 kB (`segment.bytes` is 1 GiB), the cleaner looks every
//!   second (`log.cleaner.backoff.ms` is 15 s), and each step of a lookup takes a tenth of a second, where a broker
//!   needs microseconds.
//! - Records are written one by one. Batches and the index by time are left out.
//! - There is one replica, and producers do not try again: what is lost on the way was never in the log.
//! - It makes no difference whether the page cache has what is read.

mod broker;
mod clients;
pub mod promises;

use std::rc::Rc;

use crate::mechanisms::kafka_log::{Limits, Log, Record};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, Unit, count, micros, per_second, slider};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::sim::numbers::counted;
use crate::{commands, metrics, purposes, rules, settings};

/// The system.
pub struct KafkaLog;

rules! {
    /// The cleaner keeps the latest record of a key.
    LATEST = "keep-the-latest", "Keep the latest per key",
        "The cleaner drops a record if a later one has the same key. Off: it keeps the first one it meets.";
    /// The cleaner keeps tombstones for delete.retention.ms.
    TOMBSTONES = "keep-tombstones", "No tombstone goes early",
        "A tombstone stays for delete.retention.ms after its first cleaning. Off: it goes with what it deletes.";
    /// Records keep their offsets.
    OFFSETS = "keep-offsets", "Offsets never change",
        "Records that stay keep their offsets, and gaps remain. Off: the cleaner renumbers the records.";
    /// A scan begins at the index entry at or below the offset.
    FLOOR = "index-floor", "Start at the index's floor",
        "A scan begins at the last entry at or below the offset. Off: at the nearest one above it.";
}

settings! {
    /// Records produced a second, Poisson.
    RATE = "rate", "Records produced", per_second(0, 20, 1), 3, Live,
        "How many a second, on average.";
    /// cleanup.policy: 0 compact, 1 delete, 2 both.
    POLICY = "policy", "cleanup.policy", Control::Choice(&["compact", "delete", "compact,delete"]), 0, Live,
        "Compact: the latest record of each key stays. Delete: old files go.";
    /// delete.retention.ms, in microseconds.
    DELETE_RETENTION = "delete-retention", "delete.retention.ms", micros(1_000_000, 30_000_000, 500_000), 8_000_000, AtStart,
        "How long a tombstone stays after its first cleaning. Kafka's default is 24 h.";
    /// retention.bytes, in bytes.
    RETENTION_BYTES = "retention-bytes", "retention.bytes", slider(12_000, 96_000, 12_000, Unit::Count), 48_000, Live,
        "With delete: old files go as long as this many bytes are left. Kafka's default is no limit.";
    /// retention.ms, in microseconds.
    RETENTION_TIME = "retention-time", "retention.ms", micros(2_000_000, 60_000_000, 1_000_000), 20_000_000, Live,
        "With delete: files older than this go. Kafka's default is 7 days.";
    /// Time between two reads of the table's consumer, in microseconds.
    PACE = "pace", "The consumer's pace", micros(100_000, 3_000_000, 100_000), 500_000, Live,
        "Time between two reads of up to four records.";
    /// Whether the broker sends files with sendfile.
    SENDFILE = "sendfile", "sendfile", Control::Toggle, 1, Live,
        "On: from the page cache to the network card without the processor. Off: read, then write.";
}

metrics! {
    /// Bytes copied by the processor.
    CPU_COPIES = "cpu-copies", "Bytes copied by the processor", Counter;
    /// Bytes copied by devices.
    DMA_COPIES = "dma-copies", "Bytes copied by devices", Counter;
    /// Switches between user and kernel mode.
    SWITCHES = "switches", "Context switches", Counter;
    /// Bytes sent to consumers.
    SENT = "sent", "Bytes sent", Counter;
    /// Bytes in the log.
    SIZE = "size", "Bytes in the log", Gauge;
    /// From a read's arrival until its answer is sent.
    SERVICE = "service", "Service time of a read", Latency;
}

pub const PRODUCER: NodeId = NodeId(0);
pub const BROKER: NodeId = NodeId(1);
/// Looks up single offsets.
pub const READER: NodeId = NodeId(2);
/// Builds a table from the log.
pub const TABLE: NodeId = NodeId(3);

/// How many keys there are.
pub const KEYS: usize = 6;
/// The length of a record, in bytes.
pub const RECORD: u32 = 2_000;
/// How often the broker looks after its files.
pub const HOUSEKEEPING: Time = 1_000 * MS;
/// What one step of a lookup takes.
pub const STEP: Time = 120 * MS;
/// min.cleanable.dirty.ratio, in hundredths.
pub const DIRTY_PERCENT: u32 = 50;
/// The most records in an answer.
pub const BATCH: usize = 4;
/// How often the reader looks something up while there is load.
pub const LOOK_EVERY: Time = 2_500 * MS;

purposes! {
    ARRIVALS;
    CONTENTS;
}

/// The name of a key: A to F.
pub fn key_name(key: u8) -> char {
    char::from(b'A' + key % KEYS as u8)
}

/// "A7", or "A del" for a tombstone.
pub fn put_words(key: u8, value: Option<u16>) -> String {
    value.map_or(format!("{} del", key_name(key)), |value| format!("{}{value}", key_name(key)))
}

/// What is in the log at the start.
const FIRST_RECORDS: [(u8, Option<u16>); 14] = [
    (0, Some(1)),
    (4, Some(5)),
    (1, Some(2)),
    (2, Some(3)),
    (0, Some(4)),
    (1, Some(6)),
    (2, Some(7)),
    (0, Some(8)),
    (4, None),
    (1, Some(9)),
    (3, Some(1)),
    (2, Some(2)),
    (0, Some(3)),
    (3, Some(4)),
];

/// A table: the value of each key.
pub type Table = [Option<u16>; KEYS];

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Broker(Rc<Log>),
    /// The consumer's table, and the offset it reads next.
    Table {
        next: u32,
        table: Table,
    },
    Client,
}

/// What does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Broker(BrokerMemory),
    /// The reader: the log's end as it knows it, and what was found last.
    Reader {
        end: u32,
        found: Option<Record>,
    },
    Plain,
}

/// What the broker is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerMemory {
    pub lookup: Option<Lookup>,
    /// An answer that is being sent: from which offset, and since when.
    pub serving: Option<(u32, Time)>,
}

/// A lookup under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    pub offset: u32,
    pub stage: Stage,
}

/// How far a lookup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Which file?
    Files,
    /// Which index entry of this file?
    Index { file: u32 },
    /// Is it this record of this file?
    Scan { file: u32, record: u32 },
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Produce {
        key: u8,
        value: Option<u16>,
    },
    /// The reader asks for one offset.
    LookUp {
        offset: u32,
    },
    Found {
        record: Option<Record>,
        end: u32,
    },
    /// The table's consumer reads on.
    Read {
        offset: u32,
    },
    /// What was asked for, as of a moment on the broker's clock.
    Records {
        offset: u32,
        records: Rc<Vec<Record>>,
        start: u32,
        end: u32,
        at: Time,
    },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Arrival,
    /// The broker looks after its files.
    Housekeeping,
    /// The next step of a lookup.
    Step,
    /// The answer has been copied and is sent.
    Serve,
    /// The consumer reads on.
    Pull,
    /// The reader looks something up.
    Look,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    Appended {
        offset: u32,
        key: u8,
        value: Option<u16>,
    },
    /// A lookup has ended: the record it came to, and the one that a look through the whole log comes to.
    Looked {
        asked: u32,
        found: Option<u32>,
        right: Option<u32>,
    },
    /// The consumer has taken an answer of that moment: whether its replay began with it, and whether it has now all.
    Took {
        at: Time,
        first: bool,
        all: bool,
    },
}

commands! {
    PUT = "put", "Put", "Put {0} = {1}",
        "Writes a value for a key.",
        [field("key", Control::Choice(&["A", "B", "C", "D", "E", "F"]), 0), field("value", count(0, 9), 5)];
    DELETE = "delete", "Delete", "Delete {0}",
        "Writes a tombstone for a key.",
        [field("key", Control::Choice(&["A", "B", "C", "D", "E", "F"]), 0)];
    LOOK_UP = "look-up", "Look up", "Look up offset {0}",
        "The reader asks for the record at an offset.",
        [field("offset", count(0, 200), 10)];
    REPLAY = "replay", "Replay", "Replay the log from the beginning",
        "The consumer throws its table away and reads from the beginning.",
        [];
}

impl System for KafkaLog {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Kafka log";
    const POWER_CUT: bool = false;

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(_: &Settings) -> usize {
        4
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node {
            PRODUCER => "producer",
            BROKER => "broker",
            READER => "reader",
            _ => "table",
        }
        .to_owned()
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(20 * MS))
    }

    fn blank_disk(_: &Settings, node: NodeId) -> Disk {
        match node {
            BROKER => {
                let mut log = Log::new(Limits { segment_bytes: 6 * RECORD, index_interval: 4_096 });
                for (key, value) in FIRST_RECORDS {
                    log.append(key, value, RECORD, 0);
                }
                Disk::Broker(Rc::new(log))
            }
            TABLE => Disk::Table { next: 0, table: [None; KEYS] },
            _ => Disk::Client,
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Broker(log) => broker::boot(log, context),
            Disk::Table { .. } => clients::boot_table(context),
            Disk::Client if context.me() == PRODUCER => clients::boot_producer(context),
            Disk::Client => clients::boot_reader(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Broker(log), Memory::Broker(memory)) => broker::Broker { log, memory, context }.handle(event),
            (Disk::Table { next, table }, _) => clients::consume(next, table, event, context),
            (_, Memory::Reader { end, found }) => clients::look(end, found, event, context),
            _ => clients::produce(event, context),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            PUT | DELETE => PRODUCER,
            LOOK_UP => READER,
            _ => TABLE,
        };
        world.kernel().node(node).up.then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene.settings.amount(DELETE_RETENTION));
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Produce { key, value } => put_words(*key, *value),
            Message::LookUp { offset } => format!("\"offset {offset}?\""),
            Message::Found { record: Some(record), .. } => format!("the record at offset {}", record.offset),
            Message::Found { .. } => "\"no such record\"".to_owned(),
            Message::Read { offset } => format!("a fetch from offset {offset}"),
            Message::Records { records, .. } => counted(records.len() as u64, "record"),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a record is produced",
            Timer::Housekeeping => "the broker looks after its files",
            Timer::Step => "the lookup goes on",
            Timer::Serve => "the answer is copied",
            Timer::Pull => "time to read on",
            Timer::Look => "time for a lookup",
        }
        .to_owned()
    }
}
