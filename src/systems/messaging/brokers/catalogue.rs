//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{Command, Control, Field, Setting, SettingId, Takes, Unit, count, field, micros};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// Workers acknowledge (commit) after the work.
pub const ACK_AFTER: RuleId = RuleId(0);
/// A shop keeps an order until the broker has confirmed it.
pub const CONFIRMS: RuleId = RuleId(1);
/// Kafka and JetStream recognise an order that is sent again.
pub const RECOGNISE: RuleId = RuleId(2);

/// Which lanes there are: all, or one of them alone.
pub const LANES: SettingId = SettingId(0);
/// Orders a second in each lane.
pub const RATE: SettingId = SettingId(1);
/// Mean length of the work on an order, in microseconds.
pub const TASK: SettingId = SettingId(2);
/// The patience with a silent worker, in microseconds.
pub const PATIENCE: SettingId = SettingId(3);

/// Orders worked, by lane.
pub const WORKED: MetricId = MetricId(0);
/// From being given to being worked, by lane.
pub const UNTIL_WORKED: MetricId = MetricId(1);
/// Orders at the broker that are not acknowledged, by lane.
pub const WAITING: MetricId = MetricId(2);

pub const PUBLISH: u8 = 0;
pub const REPLAY: u8 = 1;
pub const KILL: u8 = 2;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "ack-after-work",
        title: "Acknowledge after the work",
        about: "A worker acknowledges, or commits, when an order is worked. Off: when it gets it.",
    },
    Rule {
        id: "wait-for-confirm",
        title: "Wait for the confirm",
        about: "A shop sends an order until its broker has it on disk. Off: it takes what was sent for safe.",
    },
    Rule {
        id: "recognise-copies",
        title: "Recognise what is sent again",
        about: "Kafka by producer and sequence, JetStream by Nats-Msg-Id. RabbitMQ has no such thing. Off: nobody does.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "lanes",
        title: "Lanes",
        about: "All three, or one of them alone.",
        control: Control::Choice(&["all three", "RabbitMQ", "Kafka", "JetStream"]),
        default: 0,
        takes: Takes::AtStart,
    },
    Setting {
        id: "rate",
        title: "Orders",
        about: "In each lane, at the same moments.",
        control: Control::Slider { min: 0, max: 10, step: 1, unit: Unit::PerSecond },
        default: 4,
        takes: Takes::Live,
    },
    Setting {
        id: "task",
        title: "Length of a task",
        about: "On average; lengths are exponential.",
        control: micros(50_000, 2_000_000, 50_000),
        default: 250_000,
        takes: Takes::Live,
    },
    Setting {
        id: "patience",
        title: "Patience with a silent worker",
        about: "Two heartbeat intervals, session timeout, ack wait. By default up to 120 s, 45 s and 30 s.",
        control: micros(500_000, 10_000_000, 500_000),
        default: 2_000_000,
        takes: Takes::Live,
    },
];

const LANE: Field = field("lane", Control::Choice(&["RabbitMQ", "Kafka", "JetStream"]), 1);
const WORKER: Field = field("worker", count(1, 2), 1);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "publish",
        title: "Order",
        about: "A shop gives so many orders at once.",
        fields: &[LANE, field("orders", count(1, 20), 4)],
    },
    Command {
        id: "replay",
        title: "Replay from the start",
        about: "A Kafka worker seeks to offset 0; JetStream gets a new consumer; a RabbitMQ queue has nothing to go back to.",
        fields: &[LANE, WORKER],
    },
    Command {
        id: "kill",
        title: "Kill the process",
        about: "Ends a worker's process; the machine goes on. It is started again after 4 s.",
        fields: &[LANE, WORKER],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "worked", title: "Orders worked", kind: MetricKind::Counter },
    Metric { id: "until-worked", title: "Until worked", kind: MetricKind::Latency },
    Metric { id: "waiting", title: "Not acknowledged", kind: MetricKind::Gauge },
];
