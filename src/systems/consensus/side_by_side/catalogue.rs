//! What a reader may turn, ask and measure.

use crate::sim::declare::settings::{Command, Control, Setting, SettingId, Takes, Unit, field, slider};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// 3 or 5 servers a group.
pub const SERVERS: SettingId = SettingId(0);
/// Commands a second for each group.
pub const RATE: SettingId = SettingId(1);
/// The mean latency of a message, in microseconds.
pub const LATENCY: SettingId = SettingId(2);
/// The shortest time without a word from a leader after which a server acts, in microseconds.
pub const TIMEOUT: SettingId = SettingId(3);

/// From the leader's taking a command up until it knows that it is committed, by protocol.
pub const COMMIT_LATENCY: MetricId = MetricId(0);
/// Messages that commands cause, by protocol.
pub const MESSAGES: MetricId = MetricId(1);
/// All other messages, by protocol.
pub const UPKEEP: MetricId = MetricId(2);
/// Commands that a leader knows to be committed, by protocol.
pub const COMMITTED: MetricId = MetricId(3);

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "servers",
        title: "Servers a group",
        about: "A majority of each group must agree: 2 of 3, 3 of 5.",
        control: Control::Choice(&["3", "5"]),
        default: 0,
        takes: Takes::AtStart,
    },
    Setting {
        id: "rate",
        title: "Commands",
        about: "For each of the three leaders, at the same moments.",
        control: slider(0, 50, 1, Unit::PerSecond),
        default: 0,
        takes: Takes::Live,
    },
    Setting {
        id: "latency",
        title: "Mean latency",
        about: "A message takes between half and one and a half times this, in each group.",
        control: slider(2_000, 120_000, 1_000, Unit::Micros),
        default: 10_000,
        takes: Takes::Live,
    },
    Setting {
        id: "timeout",
        title: "Shortest timeout",
        about: "A server that hears no leader for this long (Zab), or for up to twice as long (Raft, Paxos), looks for a new \
                one. Heartbeats come three times as often.",
        control: slider(150_000, 600_000, 30_000, Unit::Micros),
        default: 150_000,
        takes: Takes::Live,
    },
];

pub(super) const COMMANDS: &[Command] = &[Command {
    id: "set",
    title: "SET",
    about: "Asks the leader of a group to set a register.",
    fields: &[
        field("group", Control::Choice(&["Raft", "Multi-Paxos", "Zab"]), 0),
        field("register", Control::Choice(&["x", "y", "z"]), 0),
        field("value", slider(0, 99, 1, Unit::Count), 5),
    ],
}];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "commit-latency", title: "Commit latency", kind: MetricKind::Latency },
    Metric { id: "messages", title: "Messages for commands", kind: MetricKind::Counter },
    Metric { id: "upkeep", title: "Other messages", kind: MetricKind::Counter },
    Metric { id: "committed", title: "Commands committed", kind: MetricKind::Counter },
];
