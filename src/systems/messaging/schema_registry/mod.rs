//! Records whose schema changes: a registry that checks, a producer that moves to new versions, consumers that follow.
//!
//! Follows Confluent's Schema Registry (docs: "Schema Evolution and Compatibility", "Formats, Serializers, and
//! Deserializers": wire format) over Avro records. The mechanism is [`crate::mechanisms::schema`]. One subject, one
//! partition. A change is rolled out whole before the next is asked for, in the order that the docs recommend:
//! consumers first with backward compatibility, producers first with forward. A consumer that cannot read a record
//! stops at it, as Kafka's deserializers make it.
//!
//! # Simplified here
//!
//! - There is one subject and one partition. How subjects are named, and references between schemas, are left out.
//! - Schemas are Avro's. Protobuf and JSON Schema have compatibility rules of their own.
//! - The broker is left out: records go straight from the producer to the consumers.
//! - A change is rolled out everywhere before the next is asked for.

mod consumer;
mod producer;
pub mod promises;
mod servers;

use litemap::LiteMap;
use std::rc::Rc;

use crate::mechanisms::schema::{Field as Column, Mode, Problem, Schema, Type, Value};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::sim::numbers::counted;
use crate::{commands, metrics, purposes, rules, settings};

/// The system.
pub struct Registry;

rules! {
    /// The registry refuses an incompatible schema.
    CHECK = "check-compatibility", "Refuse what is incompatible",
        "The registry checks a new schema against earlier ones. Off: compatibility is NONE, and it takes any.";
    /// A reader resolves by the writer's schema, which the record's id names.
    BY_ID = "resolve-by-id", "Read by the writer's schema",
        "A reader fetches the writer's schema by the record's id, and resolves the two. Off: it uses its own for both.";
    /// The side that the mode says moves first.
    ORDER = "right-side-first", "The right side moves first",
        "BACKWARD: consumers upgrade first. FORWARD: the producer does. Off: the other way round.";
}

settings! {
    /// Compatibility: see [`MODES`].
    MODE = "mode", "Compatibility", Control::Choice(&MODES), 0, AtStart,
        "What a new schema is checked against. BACKWARD is the registry's default.";
    CONSUMERS = "consumers", "Consumers", count(1, 3), 2, AtStart,
        "How many read the topic, each with a schema of its own.";
    /// Records produced a second, Poisson.
    RATE = "rate", "Records produced", per_second(0, 10, 1), 3, Live,
        "How many a second, on average.";
    /// Time between two changes that the team tries on its own, in microseconds.
    CHANGE_EVERY = "change-every", "Time between changes", micros(0, 60_000_000, 1_000_000), 60_000_000, Live,
        "How often the team tries a change of its own, drawn at random; 0: never.";
}

metrics! {
    /// Versions accepted and refused.
    ACCEPTED = "accepted", "Versions accepted", Counter;
    REFUSED = "refused", "Versions refused", Counter;
    /// Records read, by consumer.
    READ = "read", "Records read", Counter;
}

pub const REGISTRY: NodeId = NodeId(0);
pub const PRODUCER: NodeId = NodeId(1);
pub const TOPIC: NodeId = NodeId(2);
/// The first consumer.
pub const FIRST: usize = 3;

/// The names of the compatibility types, in the setting's order.
pub const MODES: [&str; 6] =
    ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

/// The most versions of the subject, the most records that the topic keeps, and how many go at once.
pub const MOST_VERSIONS: usize = 12;
pub const MOST_RECORDS: usize = 48;
pub const SEGMENT: usize = 12;
/// The most records in an answer.
pub const BATCH: usize = 4;
/// How often the topic deletes what is too much: log.retention.check.interval.ms, 5 minutes by default.
pub const RETENTION: Time = 5_000 * MS;
/// Time between two reads, and before something is asked again.
pub const PULL: Time = 300 * MS;
pub const AGAIN: Time = 500 * MS;

purposes! {
    ARRIVALS;
    CHANGES;
}

/// A schema's id. Versions are counted alike here: there is one subject.
pub type Id = u32;

/// The compatibility that is set.
pub fn mode(settings: &Settings) -> Mode {
    let chosen = settings.amount(MODE);
    Mode { backward: chosen / 2 != 1, forward: chosen / 2 != 0, transitive: chosen % 2 == 1 }
}

/// Whether consumers move to a new version before the producer does.
pub fn consumers_first(settings: &Settings, order: bool) -> bool {
    mode(settings).backward == order
}

/// Whether the mode promises that this reader can read that writer's data. Consumers are at most one version from what
/// is being written, unless they replay.
pub fn is_promised(mode: Mode, reader: Id, writer: Id) -> bool {
    let near = mode.transitive || reader.abs_diff(writer) <= 1;
    reader == writer || (near && if reader > writer { mode.backward } else { mode.forward })
}

/// The first version of the orders.
pub fn first_schema() -> Schema {
    let field = |name, kind, default| Column { name, kind, default };
    Schema {
        fields: vec![
            field("id", Type::Long, None),
            field("amount", Type::Int, None),
            field("note", Type::Text, Some(Value::Text("".into()))),
        ],
    }
}

/// Fields that a change may add.
const NAMES: [&str; 5] = ["currency", "city", "coupon", "tax", "weight"];

/// What a team may do to a schema.
pub const CHANGE_WORDS: [&str; 6] = [
    "add a field with a default",
    "add a field without one",
    "remove a field with a default",
    "remove a field without one",
    "widen a type",
    "change a type",
];

/// A schema after a change; `None` where there is nothing to change.
pub fn changed(schema: &Schema, change: u8) -> Option<Schema> {
    let mut new = schema.clone();
    let fields = &mut new.fields;
    match change {
        0 | 1 => {
            let name = NAMES.iter().find(|name| schema.field(name).is_none())?;
            let default = (change == 0).then_some(Value::Number(0));
            fields.push(Column { name, kind: Type::Int, default });
        }
        2 | 3 => {
            let at = fields.iter().skip(1).rposition(|field| field.default.is_some() == (change == 2))?;
            fields.remove(at + 1);
        }
        4 => {
            let field = fields.iter_mut().find(|field| matches!(field.kind, Type::Int | Type::Long))?;
            field.kind = if field.kind == Type::Int { Type::Long } else { Type::Double };
        }
        _ => {
            let field = fields.iter_mut().skip(1).find(|field| field.kind != Type::Text)?;
            field.kind = Type::Text;
            field.default = field.default.as_ref().map(|_| Value::Text("".into()));
        }
    }
    Some(new)
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// The subject's versions, oldest first.
    Registry(Vec<Rc<Schema>>),
    Topic {
        start: u32,
        records: Rc<Vec<Rc<Vec<u8>>>>,
    },
    Producer(ProducerDisk),
    Consumer(ConsumerDisk),
}

/// The producing application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerDisk {
    /// Counts records.
    pub count: u32,
    /// Counts changes that were asked for.
    pub tickets: u32,
    /// The version that it writes.
    pub id: Id,
    pub schema: Rc<Schema>,
    /// A change that is under way.
    pub change: Option<Change>,
}

/// A change: asked for, then accepted, then rolled out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub schema: Rc<Schema>,
    /// Its id, once it is accepted.
    pub id: Option<Id>,
    /// Consumers that have moved, and that have read a record of it, as bits.
    pub moved: u8,
    pub read: u8,
}

/// A consuming application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerDisk {
    pub next: u32,
    /// The version that it reads with.
    pub id: Id,
    pub schema: Rc<Schema>,
    /// The latest version of which it has read a record.
    pub read: Id,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Plain,
    Consumer(ConsumerMemory),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsumerMemory {
    /// Schemas that it has asked for, by id.
    pub known: LiteMap<Id, Rc<Schema>>,
    /// Why it stands still, and the version that it cannot read.
    pub stuck: Option<(Id, Problem)>,
    /// The last record, as it was read.
    pub last: Vec<Value>,
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Register {
        ticket: u32,
        schema: Rc<Schema>,
    },
    Registered {
        ticket: u32,
        id: Id,
    },
    /// 409: the version that it clashes with, and why.
    Refused {
        ticket: u32,
        version: Id,
        problem: Problem,
    },
    GetSchema {
        id: Id,
    },
    SchemaIs {
        id: Id,
        schema: Rc<Schema>,
    },
    /// A new version is there for the consumers.
    Deploy {
        id: Id,
        schema: Rc<Schema>,
    },
    Status {
        id: Id,
        read: Id,
    },
    Produce {
        record: Rc<Vec<u8>>,
    },
    Read {
        offset: u32,
    },
    Records {
        offset: u32,
        start: u32,
        records: Vec<Rc<Vec<u8>>>,
    },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Arrival,
    /// The team thinks of a change.
    Idea,
    /// A change is not through yet.
    Again,
    Pull,
    /// The topic looks for records that may go.
    Retention,
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A consumer could not read a record that it should be able to read: reader's and writer's version.
    Unreadable { consumer: NodeId, reader: Id, writer: Id, problem: Problem },
    /// A consumer read something else than what was written.
    Misread { consumer: NodeId, reader: Id, writer: Id },
    /// A consumer passed over a record that no promise covers.
    Skipped,
}

commands! {
    CHANGE = "change", "Change the schema", "Change the schema: {0}",
        "The team asks the registry for a new version.",
        [field("change", Control::Choice(&CHANGE_WORDS), 0)];
    PRODUCE = "produce", "Produce", "Produce a record",
        "Produces a record.",
        [];
    REPLAY = "replay", "Replay", "Replay from the oldest record| as consumer {0}",
        "A consumer reads again from the oldest record.",
        [field("consumer", count(1, 3), 1)];
}

impl System for Registry {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Schema registry";
    const POWER_CUT: bool = false;

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(CONSUMERS).clamp(1, 3) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node {
            REGISTRY => "registry".to_owned(),
            PRODUCER => "producer".to_owned(),
            TOPIC => "topic".to_owned(),
            other => format!("consumer {}", other.index() + 1 - FIRST),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(20 * MS))
    }

    fn blank_disk(_: &Settings, node: NodeId) -> Disk {
        let schema = Rc::new(first_schema());
        match node {
            REGISTRY => Disk::Registry(vec![schema]),
            PRODUCER => Disk::Producer(ProducerDisk { count: 0, tickets: 0, id: 1, schema, change: None }),
            TOPIC => Disk::Topic { start: 0, records: Rc::default() },
            _ => Disk::Consumer(ConsumerDisk { next: 0, id: 1, schema, read: 1 }),
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Producer(disk) => producer::boot(disk, context),
            Disk::Consumer(disk) => consumer::boot(disk, context),
            Disk::Topic { .. } => servers::boot_topic(context),
            Disk::Registry(_) => Memory::Plain,
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Registry(versions), _) => servers::registry(versions, event, context),
            (Disk::Topic { start, records }, _) => servers::topic(start, records, event, context),
            (Disk::Producer(disk), _) => producer::Producer { disk, context }.handle(event),
            (Disk::Consumer(disk), Memory::Consumer(memory)) => {
                consumer::Consumer { disk, memory, context }.handle(event);
            }
            _ => context.why(|_| "Nobody here can answer this.".to_owned()),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            REPLAY => NodeId::from(FIRST + call.value(0).max(1) as usize - 1),
            _ => PRODUCER,
        };
        let known = node.index() < world.kernel().nodes().len();
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Register { schema, .. } => {
                format!("a schema of {}", counted(schema.fields.len() as u64, "field"))
            }
            Message::Registered { id, .. } => format!("\"accepted as version {id}\""),
            Message::Refused { version, .. } => format!("\"refused: it clashes with version {version}\""),
            Message::GetSchema { id } => format!("\"schema {id}?\""),
            Message::SchemaIs { id, .. } => format!("schema {id}"),
            Message::Deploy { id, .. } => format!("\"version {id} is there\""),
            Message::Status { id, .. } => format!("\"I read with version {id}\""),
            Message::Produce { record } => format!("a record of {} bytes", record.len()),
            Message::Read { offset } => format!("a fetch from offset {offset}"),
            Message::Records { records, .. } => counted(records.len() as u64, "record"),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a record is produced",
            Timer::Idea => "the team thinks of a change",
            Timer::Again => "a change is not through yet",
            Timer::Pull => "time to read on",
            Timer::Retention => "time for retention",
        }
        .to_owned()
    }
}

/// "id amount note", for the inspector and the log.
pub fn names(schema: &Schema) -> String {
    let words: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
    words.join(" ")
}
