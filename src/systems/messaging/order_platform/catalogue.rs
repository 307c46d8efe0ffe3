//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{Command, Control, Setting, SettingId, Takes, Unit, count, field};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// The read model's offset is in the transaction of its rows.
pub const OFFSET_WITH_ROWS: RuleId = RuleId(0);
/// The relay commits when RabbitMQ has confirmed.
pub const CONFIRM_FIRST: RuleId = RuleId(1);
/// The worker looks whether it has charged an order before.
pub const CHARGE_ONCE: RuleId = RuleId(2);
/// What fails too often is parked.
pub const PARK: RuleId = RuleId(3);
/// The read model does not wait for who hears its notices.
pub const NOBODY_WAITS: RuleId = RuleId(4);

/// Orders a second.
pub const RATE: SettingId = SettingId(0);
/// Mean length of a charge, in microseconds.
pub const TASK: SettingId = SettingId(1);
/// One card in so many is declined; 0 for none.
pub const DECLINED: SettingId = SettingId(2);

/// How far who reads the log is behind its end: relay (subject 0), read model (1).
pub const LAG: MetricId = MetricId(0);
/// Tasks at RabbitMQ that are ready or waiting for another try.
pub const TASKS: MetricId = MetricId(1);
/// Notices published (subject 0) and shown (1).
pub const NOTICES: MetricId = MetricId(2);

pub const ORDER: u8 = 0;
pub const REBUILD: u8 = 1;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "offset-with-rows",
        title: "Offset stored with the rows",
        about: "The read model writes its offset in the transaction of its rows. Off: it commits it to Kafka, later.",
    },
    Rule {
        id: "confirm-then-commit",
        title: "Commit when the tasks are confirmed",
        about: "The relay commits its offset when RabbitMQ has the tasks on disk. Off: when it has read the orders.",
    },
    Rule {
        id: "charge-once",
        title: "Charge an order once",
        about: "The worker stores the order's number with the charge, and looks first. Off: it charges what it gets.",
    },
    Rule {
        id: "park-dead-letters",
        title: "Park dead letters",
        about: "What is given up goes to the dead-letter exchange. Off: RabbitMQ drops it.",
    },
    Rule {
        id: "nobody-waits",
        title: "Nobody waits for a notice",
        about: "The read model publishes a notice and goes on. Off: it sends a request, and goes on when it is answered.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "rate",
        title: "Orders",
        about: "How many a second, in even steps.",
        control: Control::Slider { min: 0, max: 8, step: 1, unit: Unit::PerSecond },
        default: 3,
        takes: Takes::Live,
    },
    Setting {
        id: "task",
        title: "Length of a charge",
        about: "On average; lengths are exponential.",
        control: Control::Slider { min: 10_000, max: 500_000, step: 10_000, unit: Unit::Micros },
        default: 120_000,
        takes: Takes::Live,
    },
    Setting {
        id: "declined",
        title: "Cards declined",
        about: "One order in so many; 0 for none. It fails at every try.",
        control: count(0, 12),
        default: 6,
        takes: Takes::Live,
    },
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "order",
        title: "Order",
        about: "So many orders at once.",
        fields: &[field("orders", count(1, 10), 4)],
    },
    Command {
        id: "rebuild",
        title: "Rebuild the read model",
        about: "Drops its rows and reads the log from offset 0.",
        fields: &[],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "lag", title: "Behind the log", kind: MetricKind::Gauge },
    Metric { id: "tasks", title: "Tasks", kind: MetricKind::Gauge },
    Metric { id: "notices", title: "Notices", kind: MetricKind::Counter },
];
