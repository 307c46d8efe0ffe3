//! A RabbitMQ-like broker: one durable queue, competing consumers.
//!
//! Follows the behaviour of RabbitMQ 4.x with AMQP 0-9-1 (docs: "Consumer Prefetch", "Consumer Acknowledgements and
//! Publisher Confirms", "Heartbeats", "Queue Length Limit"): pushes to consumers up to their prefetch, in round robin;
//! an unacknowledged message goes back to its place when its connection closes, flagged as redelivered; persistent
//! messages are on disk before they are confirmed; a full queue refuses (overflow "reject-publish"). Each consumer has
//! a connection of its own, which either side closes after it has heard nothing for two heartbeat intervals. Not
//! modelled here: exchanges other than the default one, topic and headers routing, quorum queues, TTL, dead letters.

mod broker;
pub mod promises;
mod publisher;
mod worker;

use std::collections::BTreeMap;

use crate::sim::NodeId;
use crate::sim::link::{Latency, LinkSpec};
use crate::sim::metrics::{Metric, MetricId, MetricKind};
use crate::sim::random::Purpose;
use crate::sim::rules::{Rule, RuleId};
use crate::sim::settings::{Command, CommandCall, Control, Field, Setting, SettingId, Settings, Takes, Unit};
use crate::sim::system::{Context, Event, Scene, System};
use crate::sim::time::{MS, SEC, Time};
use crate::sim::world::World;

/// The system.
pub struct RabbitMq;

/// A consumer holds one unacknowledged message at a time.
pub const PREFETCH_ONE: RuleId = RuleId(0);
/// The consumer acknowledges after the work.
pub const ACK_AFTER: RuleId = RuleId(1);
/// A closed connection gives its unacknowledged messages back to the queue.
pub const REQUEUE: RuleId = RuleId(2);
/// The broker confirms a message once it is on disk.
pub const CONFIRM_AFTER_DISK: RuleId = RuleId(3);

pub const WORKERS: SettingId = SettingId(0);
/// How many messages a consumer may hold while the rule of one is off; 0 for any number, as in AMQP.
pub const PREFETCH: SettingId = SettingId(1);
/// Tasks published a second, Poisson.
pub const RATE: SettingId = SettingId(2);
/// Mean length of a task, in microseconds.
pub const TASK: SettingId = SettingId(3);
/// How many times as long the first worker takes.
pub const SLOW: SettingId = SettingId(4);
/// Heartbeat interval, in microseconds.
pub const HEARTBEAT: SettingId = SettingId(5);
/// Whether tasks come in bursts.
pub const BURSTS: SettingId = SettingId(6);

/// From publishing to the start of the work.
pub const WAITING: MetricId = MetricId(0);
/// Ready messages in the queue.
pub const DEPTH: MetricId = MetricId(1);
/// Tasks done by each worker.
pub const DONE: MetricId = MetricId(2);
/// Unacknowledged messages at each worker.
pub const UNACKED: MetricId = MetricId(3);
/// Deliveries flagged as redelivered.
pub const REDELIVERED: MetricId = MetricId(4);

pub const PUBLISHER: NodeId = NodeId(0);
pub const BROKER: NodeId = NodeId(1);
/// The first worker: the slow one.
pub const FIRST: usize = 2;

/// The longest queue; a message beyond it is refused.
pub const LONGEST_QUEUE: usize = 300;
/// A consumer that holds a task and acknowledges nothing for this long is cut off. RabbitMQ's default is 30 minutes.
pub const ACK_TIMEOUT: Time = 30 * SEC;
/// How long a message takes between any two nodes.
pub const LATENCY: Time = MS;

const ARRIVALS: Purpose = Purpose(0);
const LENGTHS: Purpose = Purpose(1);

/// A task: its number, counted by the publisher from 1.
pub type TaskId = u32;

/// A message in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Its number: also its place in the queue.
    pub id: TaskId,
    /// When it was published, on the publisher's clock.
    pub published: Time,
    /// It was handed out before.
    pub redelivered: bool,
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The broker: every persistent message that was not acknowledged, in order.
    pub queue: Vec<Task>,
    /// The publisher: the last task's number. A worker: its last connection's number.
    pub last: u32,
}

/// What the broker knows of a connected consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// Number of its connection; messages of older ones are passed over.
    pub connection: u32,
    /// What it was handed and has not acknowledged, oldest first.
    pub unacked: Vec<Task>,
    /// Since when it has had nothing to do, on the broker's clock.
    pub idle_since: Option<Time>,
    /// When it last acknowledged something, or was given something to begin with.
    pub progress: Time,
    /// It was heard since the last look.
    pub heard: bool,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The publisher: what was not confirmed yet.
    Publisher { unconfirmed: Vec<Task> },
    /// The broker: ready messages in order, its consumers, who was served last, and tasks seen lately.
    Broker { ready: Vec<Task>, consumers: BTreeMap<NodeId, Consumer>, turn: u16, seen: Vec<TaskId> },
    /// A worker: its connection, what lies in its buffer, and what it works on.
    Worker { connected: bool, buffer: Vec<Task>, working: Option<Task>, heard: bool },
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// basic.publish
    Publish { task: Task },
    /// basic.ack to the publisher.
    Confirm { id: TaskId },
    /// basic.nack to the publisher: the queue is full.
    Refuse { id: TaskId },
    /// A new connection, and basic.consume on it.
    Consume { connection: u32 },
    /// basic.deliver
    Deliver { connection: u32, task: Task },
    /// basic.ack
    Ack { connection: u32, id: TaskId },
    /// basic.nack with requeue.
    Nack { connection: u32, id: TaskId },
    /// A heartbeat frame, from the worker or answering it.
    Heartbeat { connection: u32 },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next task is published.
    Arrival,
    /// Time to publish again what was not confirmed.
    Republish,
    /// The present task is done.
    Done,
    /// Time for a heartbeat, or to look whether one came.
    Beat,
    /// The broker looks who was heard.
    Look,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The publisher was told that a task is safe.
    Confirmed { id: TaskId },
    /// A worker finished a task.
    Done { id: TaskId, worker: NodeId },
}

/// How many messages a consumer may hold. `None` for any number.
pub fn prefetch(settings: &Settings, bounded: bool) -> Option<usize> {
    match (bounded, settings.amount(PREFETCH)) {
        (true, _) => Some(1),
        (false, 0) => None,
        (false, limit) => Some(limit as usize),
    }
}

impl System for RabbitMq {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "RabbitMQ";

    const RULES: &'static [Rule] = &[
        Rule {
            id: "prefetch-one",
            title: "Prefetch 1",
            about: "A worker holds one unacknowledged task at a time. Off: as many as the prefetch setting says.",
        },
        Rule {
            id: "ack-after-work",
            title: "Acknowledge after the work",
            about: "A task is acknowledged when it is done. Off: when it arrives, so a crash takes it along.",
        },
        Rule {
            id: "requeue-unacked",
            title: "Unacknowledged tasks go back",
            about: "When a connection closes, its tasks go back to the queue. Off: they are taken for done.",
        },
        Rule {
            id: "confirm-after-disk",
            title: "Confirm what is on disk",
            about: "The broker confirms a task once it is on disk. Off: it keeps tasks in memory, and confirms at once.",
        },
    ];

    const SETTINGS: &'static [Setting] = &[
        Setting {
            id: "workers",
            title: "Workers",
            about: "How many compete for the tasks.",
            control: Control::Slider { min: 2, max: 6, step: 1, unit: Unit::Count },
            default: 3,
            takes: Takes::AtStart,
        },
        Setting {
            id: "prefetch",
            title: "Prefetch while the rule is off",
            about: "How many tasks a worker may hold; 0 is any number, RabbitMQ's default.",
            control: Control::Slider { min: 0, max: 50, step: 1, unit: Unit::Count },
            default: 10,
            takes: Takes::Live,
        },
        Setting {
            id: "rate",
            title: "Tasks published",
            about: "How many a second, on average.",
            control: Control::Slider { min: 0, max: 100, step: 1, unit: Unit::PerSecond },
            default: 20,
            takes: Takes::Live,
        },
        Setting {
            id: "task",
            title: "Length of a task",
            about: "On average; lengths are exponential.",
            control: Control::Slider { min: 5_000, max: 500_000, step: 5_000, unit: Unit::Micros },
            default: 80_000,
            takes: Takes::Live,
        },
        Setting {
            id: "slow-worker",
            title: "Worker 1 is slower",
            about: "It takes so many times as long as the others.",
            control: Control::Slider { min: 1, max: 20, step: 1, unit: Unit::Count },
            default: 4,
            takes: Takes::Live,
        },
        Setting {
            id: "heartbeat",
            title: "Heartbeat interval",
            about: "A connection that was silent for two intervals is closed. RabbitMQ's default is 60 s.",
            control: Control::Slider { min: 100_000, max: 5_000_000, step: 100_000, unit: Unit::Micros },
            default: 500_000,
            takes: Takes::Live,
        },
        Setting {
            id: "bursts",
            title: "Tasks come in bursts",
            about: "Four times the rate for half a second in every two.",
            control: Control::Toggle,
            default: 0,
            takes: Takes::Live,
        },
    ];

    const COMMANDS: &'static [Command] = &[
        Command {
            id: "publish",
            title: "Publish",
            about: "Publishes so many tasks at once.",
            fields: &[Field {
                title: "tasks",
                control: Control::Slider { min: 1, max: 50, step: 1, unit: Unit::Count },
                default: 10,
            }],
        },
        Command {
            id: "nack",
            title: "Nack",
            about: "A worker gives its present task back: basic.nack with requeue.",
            fields: &[Field {
                title: "worker",
                control: Control::Slider { min: 1, max: 6, step: 1, unit: Unit::Count },
                default: 1,
            }],
        },
    ];

    const METRICS: &'static [Metric] = &[
        Metric { id: "waiting", title: "Waiting time", kind: MetricKind::Latency },
        Metric { id: "depth", title: "Ready tasks", kind: MetricKind::Gauge },
        Metric { id: "done", title: "Done", kind: MetricKind::Counter },
        Metric { id: "unacked", title: "Unacknowledged", kind: MetricKind::Gauge },
        Metric { id: "redelivered", title: "Redelivered", kind: MetricKind::Counter },
    ];

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(WORKERS).clamp(2, 6) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node.index() {
            0 => "publisher".to_owned(),
            1 => "broker".to_owned(),
            other => format!("worker {}", other + 1 - FIRST),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match context.me() {
            PUBLISHER => publisher::boot(context),
            BROKER => broker::boot(disk, context),
            _ => worker::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Publisher { unconfirmed } => publisher::Publisher { disk, unconfirmed, context }.handle(event),
            Memory::Broker { ready, consumers, turn, seen } => {
                broker::Broker { disk, ready, consumers, turn, seen, context }.handle(event);
            }
            Memory::Worker { connected, buffer, working, heard } => {
                worker::Worker { disk, connected, buffer, working, heard, context }.handle(event);
            }
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            0 => PUBLISHER,
            _ => NodeId::from(FIRST + call.value(0).max(1) as usize - 1),
        };
        let known = node.index() < world.kernel().nodes().len();
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Publish { task } => format!("task {}", task.id),
            Message::Confirm { id } => format!("a confirm of task {id}"),
            Message::Refuse { id } => format!("\"task {id}: the queue is full\""),
            Message::Consume { connection } => format!("connection {connection}: consume"),
            Message::Deliver { task, .. } if task.redelivered => format!("task {}, redelivered", task.id),
            Message::Deliver { task, .. } => format!("task {}", task.id),
            Message::Ack { id, .. } => format!("an ack of task {id}"),
            Message::Nack { id, .. } => format!("a nack of task {id}"),
            Message::Heartbeat { .. } => "a heartbeat".to_owned(),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "a task is published".to_owned(),
            Timer::Republish => "time to publish again".to_owned(),
            Timer::Done => "the task is done".to_owned(),
            Timer::Beat => "time for a heartbeat".to_owned(),
            Timer::Look => "time to look who was heard".to_owned(),
        }
    }
}
