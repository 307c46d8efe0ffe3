//! What a reader may turn, ask and measure.

use crate::sim::declare::settings::Takes::{AtStart, Live};
use crate::sim::declare::settings::{
    Command, Control, Setting, SettingId, Unit, count, field, micros, setting, slider,
};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// Orders a minute during the sale, Poisson.
pub const SALE: SettingId = SettingId(0);
/// Orders a minute outside of it.
pub const QUIET: SettingId = SettingId(1);
/// How long the sale lasts, in microseconds. It begins at the start, and again every [`EVERY`].
pub const LENGTH: SettingId = SettingId(2);
/// From sale to sale, in microseconds.
pub const EVERY: SettingId = SettingId(3);
/// Writes a second that the database can do.
pub const CAPACITY: SettingId = SettingId(4);
/// Partitions of the topic.
pub const PARTITIONS: SettingId = SettingId(5);
/// Workers for each partition: each has one write under way.
pub const WORKERS: SettingId = SettingId(6);
/// Consumers; partitions go to them in turn.
pub const CONSUMERS: SettingId = SettingId(7);
/// Orders that all consumers together may hold; each has its share.
pub const BUFFER: SettingId = SettingId(8);
/// max.poll.records
pub const MAX_POLL: SettingId = SettingId(9);
/// linger.ms, in microseconds.
pub const LINGER: SettingId = SettingId(10);
/// Request timeout, in microseconds; 0 waits for ever.
pub const PATIENCE: SettingId = SettingId(11);

/// Orders that came in.
pub const IN: MetricId = MetricId(0);
/// Orders that were written.
pub const OUT: MetricId = MetricId(1);
/// Orders in the log that were not committed, by partition.
pub const LAG: MetricId = MetricId(2);
/// Orders a consumer holds and has not begun to write.
pub const BUFFERED: MetricId = MetricId(3);
/// Writes that the database has at once.
pub const AT_ONCE: MetricId = MetricId(4);
/// How long a write takes the database, with its wait.
pub const WRITE: MetricId = MetricId(5);
/// From the customer to the row.
pub const LATENCY: MetricId = MetricId(6);
/// Customers turned away.
pub const AWAY: MetricId = MetricId(7);
/// Orders that came in (subject 0) and were written (1) since the start.
pub const TOTALS: MetricId = MetricId(8);
/// Sums over orders, in microseconds: the moments at which they came in (0), the same of those that were written (1),
/// how long those were in the system (2).
pub const MOMENTS: MetricId = MetricId(9);

pub const COMMAND_ORDER: u8 = 0;

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "sale",
        "Orders a minute",
        "While the sale lasts.",
        slider(0, 1_000_000, 1_000, Unit::Count),
        500_000,
        Live,
    ),
    setting(
        "quiet",
        "Between sales",
        "Orders a minute when there is no sale.",
        slider(0, 200_000, 1_000, Unit::Count),
        60_000,
        Live,
    ),
    setting(
        "length",
        "Length of the sale",
        "It begins at the start.",
        micros(0, 300_000_000, 5_000_000),
        60_000_000,
        Live,
    ),
    setting(
        "every",
        "From sale to sale",
        "The next one begins so long after the last.",
        micros(10_000_000, 600_000_000, 10_000_000),
        300_000_000,
        Live,
    ),
    setting(
        "capacity",
        "The database can do",
        "Writes a second, as long as no more than 500 come at once.",
        Control::Slider { min: 100, max: 20_000, step: 100, unit: Unit::PerSecond },
        5_000,
        Live,
    ),
    setting("partitions", "Partitions", "Of the topic.", count(1, 10), 10, AtStart),
    setting("workers", "Workers a partition", "Each has one write under way.", count(1, 100), 50, Live),
    setting("consumers", "Consumers", "Partitions go to them in turn.", count(1, 3), 2, AtStart),
    setting(
        "buffer",
        "Buffer",
        "Orders that all consumers together hold before they pause.",
        count(1, 50_000),
        10_000,
        AtStart,
    ),
    setting(
        "max-poll-records",
        "max.poll.records",
        "The most orders one poll returns. Kafka's default is 500.",
        count(1, 2_000),
        500,
        Live,
    ),
    setting(
        "linger",
        "linger.ms",
        "How long a batch gathers orders. Kafka's default is 5 ms since 4.0.",
        micros(5_000, 100_000, 5_000),
        20_000,
        Live,
    ),
    setting(
        "request-timeout",
        "Request timeout",
        "After so long a request is sent again, or given up. Kafka's default is 30 s.",
        micros(0, 10_000_000, 500_000),
        2_000_000,
        Live,
    ),
];

pub(super) const COMMANDS: &[Command] = &[Command {
    id: "order",
    title: "Order",
    about: "So many customers order at once.",
    fields: &[field("orders", count(1, 50_000), 5_000)],
}];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "in", title: "Orders in", kind: MetricKind::Counter },
    Metric { id: "out", title: "Writes out", kind: MetricKind::Counter },
    Metric { id: "lag", title: "Lag", kind: MetricKind::Gauge },
    Metric { id: "buffered", title: "Buffered", kind: MetricKind::Gauge },
    Metric { id: "at-once", title: "At once in the database", kind: MetricKind::Gauge },
    Metric { id: "write", title: "A write takes", kind: MetricKind::Latency },
    Metric { id: "latency", title: "From order to row", kind: MetricKind::Latency },
    Metric { id: "away", title: "Turned away", kind: MetricKind::Counter },
    Metric { id: "totals", title: "Since the start", kind: MetricKind::Gauge },
    Metric { id: "moments", title: "Moments", kind: MetricKind::Counter },
];
