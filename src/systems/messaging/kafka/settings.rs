//! What a reader may turn, ask and measure, and how large the world is.

use super::{Kafka, Role};
use crate::mechanisms::assignors::Assignor;
use crate::sim::NodeId;
use crate::sim::declare::settings::{
    Command, Control, Field, Setting, SettingId, Settings, Takes, Unit, count, field, micros, setting, slider,
};
use crate::sim::machine::system::Context;
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// Partitions of the topic at the start.
pub const PARTITIONS: SettingId = SettingId(0);
pub const PRODUCERS: SettingId = SettingId(1);
pub const CONSUMERS: SettingId = SettingId(2);
/// How many groups the consumers belong to, in turn.
pub const GROUPS: SettingId = SettingId(3);
/// How many consumers run from the start; the others wait to be started.
pub const RUNNING: SettingId = SettingId(4);
/// Records a second of each producer, Poisson.
pub const RATE: SettingId = SettingId(5);
/// Different keys; 0 for records without one.
pub const KEYS: SettingId = SettingId(6);
/// linger.ms, in microseconds.
pub const LINGER: SettingId = SettingId(7);
/// Records in a full batch: stands for batch.size, which counts bytes.
pub const BATCH: SettingId = SettingId(8);
/// acks: 0 or all.
pub const ACKS: SettingId = SettingId(9);
/// Mean work on a record, in microseconds.
pub const WORK: SettingId = SettingId(10);
/// Workers in a consumer; 1 is the poll loop itself.
pub const WORKERS: SettingId = SettingId(11);
/// What one worker at a time works on: a partition or a key.
pub const LANE: SettingId = SettingId(12);
/// max.poll.records
pub const MAX_POLL: SettingId = SettingId(13);
/// partition.assignment.strategy
pub const ASSIGNOR: SettingId = SettingId(14);
/// session.timeout.ms, in microseconds.
pub const SESSION: SettingId = SettingId(15);
/// heartbeat.interval.ms, in microseconds.
pub const HEARTBEAT: SettingId = SettingId(16);
/// max.poll.interval.ms, in microseconds; also how long a rebalance waits for members.
pub const POLL_INTERVAL: SettingId = SettingId(17);
/// group.instance.id: whether members are static (KIP-345).
pub const STATIC: SettingId = SettingId(18);
/// auto.offset.reset
pub const RESET: SettingId = SettingId(19);
/// Whether offsets are committed after each batch, or by auto-commit.
pub const AUTO_COMMIT: SettingId = SettingId(20);
/// auto.commit.interval.ms, in microseconds.
pub const COMMIT_INTERVAL: SettingId = SettingId(21);
/// Records that a partition keeps: stands for retention.bytes. 0 keeps all, up to [`LONGEST_LOG`].
pub const RETENTION: SettingId = SettingId(22);
/// Records in each partition at the start.
pub const PRELOADED: SettingId = SettingId(23);
/// How many records one record of the simulation stands for.
pub const WEIGHT: SettingId = SettingId(24);
/// metadata.max.age.ms, in microseconds; 0 for longer than anybody watches.
pub const METADATA_AGE: SettingId = SettingId(25);
/// Whether a scaler starts and stops consumers by their lag.
pub const SCALER: SettingId = SettingId(26);
/// Lag at which the alarm goes, in records.
pub const ALERT: SettingId = SettingId(27);
/// Records a consumer may hold unfinished before it stops asking for more; 0 polls only when all is done.
pub const BUFFER: SettingId = SettingId(28);

/// Records done, by consumer.
pub const DONE: MetricId = MetricId(0);
/// Records written to the log and not yet committed by the group, by group.
pub const LAG: MetricId = MetricId(1);
/// Partitions that went to another member.
pub const MOVED: MetricId = MetricId(2);
/// How long a consumer had no partition it could work on during a rebalance.
pub const STOPPED: MetricId = MetricId(3);
/// Rebalances completed, by group.
pub const REBALANCES: MetricId = MetricId(4);
/// Commits and heartbeats refused for their generation.
pub const FENCED: MetricId = MetricId(5);
/// From being produced to being done.
pub const LATENCY: MetricId = MetricId(6);
/// Records appended, by partition.
pub const APPENDED: MetricId = MetricId(7);
/// Members of group A (subject 0), and those among them that own a partition (1).
pub const MEMBERS: MetricId = MetricId(8);

/// The most records a partition keeps, whatever the retention.
pub const LONGEST_LOG: usize = 400;
/// The most partitions a topic can grow to.
pub const MOST_PARTITIONS: u16 = 12;
/// The most consumers there are nodes for.
pub const MOST_CONSUMERS: u16 = 8;

pub const COMMAND_PUBLISH: u8 = 0;
pub const COMMAND_SEEK: u8 = 1;
pub const COMMAND_START: u8 = 2;
pub const COMMAND_STOP: u8 = 3;
pub const COMMAND_PARTITIONS: u8 = 4;
pub const COMMAND_RETAIN: u8 = 5;
pub const COMMAND_STALL: u8 = 6;

/// The one node that stands for the cluster.
pub const BROKER: NodeId = NodeId(0);

/// How many of each role there are, and who is who.
impl Kafka {
    /// What a node is.
    pub fn role(settings: &Settings, node: NodeId) -> Role {
        let producers = settings.amount(PRODUCERS) as u16;
        let consumers = settings.amount(CONSUMERS) as u16;
        match node.0 {
            0 => Role::Broker,
            at if at <= producers => Role::Producer(at - 1),
            at if at <= producers + consumers => Role::Consumer(at - 1 - producers),
            _ => Role::Scaler,
        }
    }

    /// The node of the n-th producer, from 0.
    pub fn producer(at: u16) -> NodeId {
        NodeId(1 + at)
    }

    /// The node of the n-th consumer, from 0.
    pub fn consumer(settings: &Settings, at: u16) -> NodeId {
        NodeId(1 + settings.amount(PRODUCERS) as u16 + at)
    }

    /// All consumers.
    pub fn consumers(settings: &Settings) -> impl Iterator<Item = NodeId> + use<> {
        let first = Kafka::consumer(settings, 0).0;
        (first..first + settings.amount(CONSUMERS) as u16).map(NodeId)
    }

    /// The scaler's node, if there is one.
    pub fn scaler(settings: &Settings) -> Option<NodeId> {
        settings.is_on(SCALER).then(|| Kafka::consumer(settings, settings.amount(CONSUMERS) as u16))
    }

    /// The group of the n-th consumer.
    pub fn group_of(settings: &Settings, consumer: u16) -> u8 {
        (u64::from(consumer) % settings.amount(GROUPS).max(1)) as u8
    }

    /// The group a node belongs to; 0 for one that is no consumer.
    pub fn group(settings: &Settings, node: NodeId) -> u8 {
        match Kafka::role(settings, node) {
            Role::Consumer(at) => Kafka::group_of(settings, at),
            _ => 0,
        }
    }

    /// What a group is called: "A".
    pub fn group_name(group: u8) -> char {
        char::from(b'A' + group.min(25))
    }

    /// The assignor of all groups.
    pub fn assignor(settings: &Settings) -> Assignor {
        Assignor::ALL[settings.amount(ASSIGNOR).min(3) as usize]
    }
}

/// Whether a toggle or choice is not at 0.
pub(super) fn is_on(context: &Context<Kafka>, setting: SettingId) -> bool {
    context.settings().is_on(setting)
}

use Takes::{AtStart, Live};

pub(super) const SETTINGS: &[Setting] = &[
    setting("partitions", "Partitions", "How many the topic has at the start.", count(1, 8), 3, AtStart),
    setting("producers", "Producers", "How many write to the topic.", count(0, 2), 1, AtStart),
    setting("consumers", "Consumers", "How many there are, running or not.", count(1, 8), 3, AtStart),
    setting("groups", "Groups", "Consumers belong to them in turn.", count(1, 3), 1, AtStart),
    setting(
        "running",
        "Running at the start",
        "How many consumers run from the start; the rest wait for you.",
        count(1, 8),
        3,
        AtStart,
    ),
    setting(
        "rate",
        "Records produced",
        "How many a second, on average.",
        Control::Slider { min: 0, max: 200, step: 1, unit: Unit::PerSecond },
        10,
        Live,
    ),
    setting("keys", "Keys", "How many different ones; 0 for records without a key.", count(0, 12), 6, Live),
    setting(
        "linger",
        "Linger",
        "How long a batch waits for more records. Kafka's default is 5 ms since 4.0.",
        micros(0, 500_000, 5_000),
        5_000,
        Live,
    ),
    setting("batch", "Batch size", "How many records fill a batch; Kafka counts 16 KiB.", count(1, 50), 16, Live),
    setting(
        "acks",
        "acks",
        "Whether the producer waits for the broker's answer. Kafka's default is all.",
        Control::Choice(&["0", "all"]),
        1,
        Live,
    ),
    setting("work", "Work on a record", "On average; exponential.", micros(1_000, 1_000_000, 1_000), 50_000, Live),
    setting("workers", "Workers", "How many a consumer has; 1 is the poll loop itself.", count(1, 4), 1, AtStart),
    setting(
        "lane",
        "One worker for each",
        "What never has two workers at once.",
        Control::Choice(&["partition", "key"]),
        0,
        Live,
    ),
    setting(
        "max-poll-records",
        "max.poll.records",
        "The most records one poll returns. Kafka's default is 500.",
        count(1, 50),
        4,
        Live,
    ),
    setting(
        "assignor",
        "Assignor",
        "How the group's leader gives partitions to members.",
        Control::Choice(&["range", "round-robin", "sticky", "cooperative"]),
        0,
        AtStart,
    ),
    setting(
        "session-timeout",
        "Session timeout",
        "A member that was silent for so long is dead. Kafka's default is 45 s.",
        micros(300_000, 10_000_000, 100_000),
        2_000_000,
        Live,
    ),
    setting(
        "heartbeat",
        "Heartbeat interval",
        "How often a member says that it is alive. Kafka's default is 3 s.",
        micros(50_000, 3_000_000, 50_000),
        300_000,
        Live,
    ),
    setting(
        "max-poll-interval",
        "max.poll.interval",
        "A member that has not polled for so long leaves. Kafka's default is 5 min.",
        micros(500_000, 20_000_000, 500_000),
        4_000_000,
        Live,
    ),
    setting(
        "static",
        "Static members",
        "Members keep their place over a restart: group.instance.id.",
        Control::Toggle,
        0,
        AtStart,
    ),
    setting(
        "reset",
        "auto.offset.reset",
        "Where a group without an offset begins. Kafka's default is latest.",
        Control::Choice(&["latest", "earliest"]),
        0,
        Live,
    ),
    setting(
        "auto-commit",
        "Auto-commit",
        "Commits at an interval instead of after each batch. On by default in Kafka.",
        Control::Toggle,
        0,
        Live,
    ),
    setting(
        "commit-interval",
        "Auto-commit interval",
        "How often auto-commit commits. Kafka's default is 5 s.",
        micros(100_000, 5_000_000, 100_000),
        1_000_000,
        Live,
    ),
    setting(
        "retention",
        "Retention",
        "Records a partition keeps; 0 for as many as there is room. Kafka keeps 7 days by default.",
        count(0, 40),
        0,
        Live,
    ),
    setting("preloaded", "Records at the start", "In each partition.", count(0, 12), 0, AtStart),
    setting("weight", "A record stands for", "So many records.", count(1, 500), 1, AtStart),
    setting(
        "metadata-age",
        "Metadata refresh",
        "How often clients ask how many partitions there are. Kafka's default is 5 min; 0 for never.",
        micros(0, 5_000_000, 100_000),
        0,
        AtStart,
    ),
    setting("scaler", "Scaler", "Starts and stops consumers by their lag.", Control::Toggle, 0, AtStart),
    setting(
        "alert",
        "Alert above",
        "The lag at which the alarm goes.",
        slider(1_000, 50_000, 1_000, Unit::Count),
        10_000,
        Live,
    ),
    setting(
        "buffer",
        "Buffer",
        "Unfinished records a consumer takes before it pauses; 0 polls when all is done.",
        count(0, 200),
        0,
        Live,
    ),
];

const WHO: Field = field("consumer", count(1, 8), 1);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "publish",
        title: "Publish",
        about: "A producer writes so many records.",
        fields: &[field("records", count(1, 40), 6)],
    },
    Command {
        id: "seek",
        title: "Seek",
        about: "A consumer goes to an offset in each of its partitions.",
        fields: &[WHO, field("offset", count(0, 400), 0)],
    },
    Command { id: "start", title: "Start", about: "Starts a consumer that does not run.", fields: &[WHO] },
    Command { id: "stop", title: "Stop", about: "A consumer leaves its group and stops.", fields: &[WHO] },
    Command {
        id: "add-partitions",
        title: "Add partitions",
        about: "The topic gets so many more. It can never get fewer.",
        fields: &[field("more", count(1, 4), 1)],
    },
    Command {
        id: "delete-before",
        title: "Delete old records",
        about: "Retention removes all but the newest of each partition.",
        fields: &[field("keep", count(0, 50), 3)],
    },
    Command {
        id: "stall",
        title: "Stall",
        about: "What the consumer works on now takes twice the poll interval.",
        fields: &[WHO],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "done", title: "Done", kind: MetricKind::Counter },
    Metric { id: "lag", title: "Lag", kind: MetricKind::Gauge },
    Metric { id: "moved", title: "Partitions moved", kind: MetricKind::Counter },
    Metric { id: "stopped", title: "Time stopped", kind: MetricKind::Latency },
    Metric { id: "rebalances", title: "Rebalances", kind: MetricKind::Counter },
    Metric { id: "fenced", title: "Refused", kind: MetricKind::Counter },
    Metric { id: "latency", title: "From produced to done", kind: MetricKind::Latency },
    Metric { id: "appended", title: "Appended", kind: MetricKind::Counter },
    Metric { id: "members", title: "Members", kind: MetricKind::Gauge },
];
