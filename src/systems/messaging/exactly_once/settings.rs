//! What a reader may turn, ask and measure.

use crate::sim::declare::settings::Takes::{AtStart, Live};
use crate::sim::declare::settings::{Command, Control, Setting, SettingId, Unit, count, field, micros};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// Orders a second, Poisson.
pub const RATE: SettingId = SettingId(0);
/// max.poll.records of checkout and writer.
pub const MAX_POLL: SettingId = SettingId(1);
/// How long a batch is checked out, in microseconds.
pub const WORK: SettingId = SettingId(2);
/// Instances of the checkout.
pub const INSTANCES: SettingId = SettingId(3);
/// Silence after which the one that stands by takes over, in microseconds; 0: only when told.
pub const TAKEOVER: SettingId = SettingId(4);
/// transaction.timeout.ms, in microseconds.
pub const TXN_TIMEOUT: SettingId = SettingId(5);
/// request.timeout.ms, in microseconds; 0 waits for ever.
pub const PATIENCE: SettingId = SettingId(6);
/// Requests in the log at the start.
pub const REQUESTED: SettingId = SettingId(7);
/// Orders in the log at the start.
pub const ORDERED: SettingId = SettingId(8);

/// Orders that customers were told to be taken.
pub const TAKEN: MetricId = MetricId(0);
/// Rows.
pub const WRITTEN: MetricId = MetricId(1);
/// From the customer to the row.
pub const LATENCY: MetricId = MetricId(2);
/// Transactions that ended: aborted (subject 0) and committed (1).
pub const ABORTED: MetricId = MetricId(3);
/// Requests that the cluster refused or knew already, by who sent them.
pub const REFUSED: MetricId = MetricId(4);

pub const COMMAND_ORDER: u8 = 0;
pub const COMMAND_TAKE_OVER: u8 = 1;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "rate",
        title: "Orders a second",
        about: "Placed by customers, at random moments.",
        control: Control::Slider { min: 0, max: 8, step: 1, unit: Unit::PerSecond },
        default: 3,
        takes: Live,
    },
    Setting {
        id: "max-poll-records",
        title: "max.poll.records",
        about: "The most orders in one transaction. Kafka's default is 500.",
        control: count(1, 10),
        default: 4,
        takes: Live,
    },
    Setting {
        id: "work",
        title: "Checking out",
        about: "How long the checkout works on a batch.",
        control: micros(10_000, 400_000, 10_000),
        default: 60_000,
        takes: Live,
    },
    Setting {
        id: "instances",
        title: "Checkouts",
        about: "With two, one works and one stands by.",
        control: count(1, 2),
        default: 2,
        takes: AtStart,
    },
    Setting {
        id: "takeover",
        title: "Takes over after",
        about: "Silence after which the one that stands by takes the other for dead.",
        control: micros(0, 5_000_000, 100_000),
        default: 1_000_000,
        takes: AtStart,
    },
    Setting {
        id: "transaction-timeout",
        title: "transaction.timeout.ms",
        about: "How long a transaction may stay open. Kafka's default is 60 s.",
        control: micros(1_000_000, 60_000_000, 1_000_000),
        default: 10_000_000,
        takes: Live,
    },
    Setting {
        id: "request-timeout",
        title: "Request timeout",
        about: "After so long a client asks again. Kafka's default is 30 s.",
        control: micros(0, 5_000_000, 100_000),
        default: 500_000,
        takes: Live,
    },
    Setting {
        id: "requested",
        title: "Requests at the start",
        about: "So many wait for the checkout.",
        control: count(0, 5),
        default: 0,
        takes: AtStart,
    },
    Setting {
        id: "ordered",
        title: "Orders at the start",
        about: "So many wait for the writer.",
        control: count(0, 5),
        default: 0,
        takes: AtStart,
    },
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "order",
        title: "Order",
        about: "So many customers place an order.",
        fields: &[field("orders", count(1, 20), 3)],
    },
    Command {
        id: "take-over",
        title: "Take over",
        about: "Checkout 2 takes checkout 1 for dead, whether it is or not.",
        fields: &[],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "taken", title: "Taken", kind: MetricKind::Counter },
    Metric { id: "written", title: "Written", kind: MetricKind::Counter },
    Metric { id: "latency", title: "From order to row", kind: MetricKind::Latency },
    Metric { id: "transactions", title: "Transactions", kind: MetricKind::Counter },
    Metric { id: "refused", title: "Refused or known", kind: MetricKind::Counter },
];
