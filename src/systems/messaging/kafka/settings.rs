//! What a reader may turn, ask and measure, and how large the world is.

use super::{Kafka, Role};
use crate::mechanisms::assignors::Assignor;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Control, SettingId, Settings, Unit, count, micros, per_second, slider};
use crate::sim::machine::system::Context;
use crate::{commands, metrics, settings};

settings! {
    /// Partitions of the topic at the start.
    PARTITIONS = "partitions", "Partitions", count(1, 8), 3, AtStart,
        "How many the topic has at the start.";
    PRODUCERS = "producers", "Producers", count(0, 2), 1, AtStart,
        "How many producers write to the topic.";
    CONSUMERS = "consumers", "Consumers", count(1, 8), 3, AtStart,
        "How many consumers there are, running or not.";
    /// How many groups the consumers belong to, in turn.
    GROUPS = "groups", "Groups", count(1, 3), 1, AtStart,
        "Consumers belong to them in turn.";
    /// How many consumers run from the start; the others wait to be started.
    RUNNING = "running", "Running at the start", count(1, 8), 3, AtStart,
        "How many consumers run from the start; the rest wait for you.";
    /// Records a second of each producer, Poisson.
    RATE = "rate", "Records produced", per_second(0, 200, 1), 10, Live,
        "How many a second, on average.";
    /// Different keys; 0 for records without one.
    KEYS = "keys", "Keys", count(0, 12), 6, Live,
        "How many different ones; 0 for records without a key.";
    /// linger.ms, in microseconds.
    LINGER = "linger", "Linger", micros(0, 500_000, 5_000), 5_000, Live,
        "How long a batch waits for more records. Kafka's default is 5 ms since 4.0.";
    /// Records in a full batch: stands for batch.size, which counts bytes.
    BATCH = "batch", "Batch size", count(1, 50), 16, Live,
        "How many records fill a batch; Kafka counts 16 KiB.";
    /// acks: 0 or all.
    ACKS = "acks", "acks", Control::Choice(&["0", "all"]), 1, Live,
        "Whether the producer waits for the broker's answer. Kafka's default is all.";
    /// Mean work on a record, in microseconds.
    WORK = "work", "Work on a record", micros(1_000, 1_000_000, 1_000), 50_000, Live,
        "On average; exponential.";
    /// Workers in a consumer; 1 is the poll loop itself.
    WORKERS = "workers", "Workers", count(1, 4), 1, AtStart,
        "How many a consumer has; 1 is the poll loop itself.";
    /// What one worker at a time works on: a partition or a key.
    LANE = "lane", "One worker for each", Control::Choice(&["partition", "key"]), 0, Live,
        "What never has two workers at once.";
    /// max.poll.records
    MAX_POLL = "max-poll-records", "max.poll.records", count(1, 50), 4, Live,
        "The most records one poll returns. Kafka's default is 500.";
    /// partition.assignment.strategy
    ASSIGNOR = "assignor", "Assignor", Control::Choice(&["range", "round-robin", "sticky", "cooperative"]), 0, AtStart,
        "How the group's leader gives partitions to members.";
    /// session.timeout.ms, in microseconds.
    SESSION = "session-timeout", "Session timeout", micros(300_000, 10_000_000, 100_000), 2_000_000, Live,
        "A member silent for this long is considered dead. Kafka's default is 45 s.";
    /// heartbeat.interval.ms, in microseconds.
    HEARTBEAT = "heartbeat", "Heartbeat interval", micros(50_000, 3_000_000, 50_000), 300_000, Live,
        "How often a member says that it is alive. Kafka's default is 3 s.";
    /// max.poll.interval.ms, in microseconds; also how long a rebalance waits for members.
    POLL_INTERVAL = "max-poll-interval", "max.poll.interval", micros(500_000, 20_000_000, 500_000), 4_000_000, Live,
        "A member that has not polled for this long leaves the group. Kafka's default is 5 min.";
    /// group.instance.id: whether members are static (KIP-345).
    STATIC = "static", "Static members", Control::Toggle, 0, AtStart,
        "Members keep their place across a restart: group.instance.id.";
    /// auto.offset.reset
    RESET = "reset", "auto.offset.reset", Control::Choice(&["latest", "earliest"]), 0, Live,
        "Where a group without an offset starts reading. Kafka's default is latest.";
    /// Whether offsets are committed after each batch, or by auto-commit.
    AUTO_COMMIT = "auto-commit", "Auto-commit", Control::Toggle, 0, Live,
        "Commits at an interval instead of after each batch. On by default in Kafka.";
    /// auto.commit.interval.ms, in microseconds.
    COMMIT_INTERVAL = "commit-interval", "Auto-commit interval", micros(100_000, 5_000_000, 100_000), 1_000_000, Live,
        "How often auto-commit commits. Kafka's default is 5 s.";
    /// Records that a partition keeps: stands for retention.bytes. 0 keeps all, up to [`LONGEST_LOG`].
    RETENTION = "retention", "Retention", count(0, 40), 0, Live,
        "How many records a partition keeps; 0 for as many as fit. Kafka keeps 7 days by default.";
    /// Records in each partition at the start.
    PRELOADED = "preloaded", "Records at the start", count(0, 12), 0, AtStart,
        "In each partition.";
    /// How many records one record of the simulation stands for.
    WEIGHT = "weight", "A record stands for", count(1, 500), 1, AtStart,
        "This many records.";
    /// metadata.max.age.ms, in microseconds; 0 for longer than anybody watches.
    METADATA_AGE = "metadata-age", "Metadata refresh", micros(0, 5_000_000, 100_000), 0, AtStart,
        "How often clients ask how many partitions there are. Kafka's default is 5 min; 0 for never.";
    /// Whether a scaler starts and stops consumers by their lag.
    SCALER = "scaler", "Scaler", Control::Toggle, 0, AtStart,
        "Starts and stops consumers by their lag.";
    /// Lag at which the alarm goes, in records.
    ALERT = "alert", "Alert above", slider(1_000, 50_000, 1_000, Unit::Count), 10_000, Live,
        "The lag at which the alarm goes.";
    /// Records a consumer may hold unfinished before it stops asking for more; 0 polls only when all is done.
    BUFFER = "buffer", "Buffer", count(0, 200), 0, Live,
        "Unfinished records a consumer takes before it pauses; 0 polls when all is done.";
}

metrics! {
    /// Records done, by consumer.
    DONE = "done", "Done", Counter;
    /// Records written to the log and not yet committed by the group, by group.
    LAG = "lag", "Lag", Gauge;
    /// Partitions that went to another member.
    MOVED = "moved", "Partitions moved", Counter;
    /// How long a consumer had no partition it could work on during a rebalance.
    STOPPED = "stopped", "Time stopped", Latency;
    /// Rebalances completed, by group.
    REBALANCES = "rebalances", "Rebalances", Counter;
    /// Commits and heartbeats refused for their generation.
    FENCED = "fenced", "Refused", Counter;
    /// From being produced to being done.
    LATENCY = "latency", "From produced to done", Latency;
    /// Records appended, by partition.
    APPENDED = "appended", "Appended", Counter;
    /// Members of group A (subject 0), and those among them that own a partition (1).
    MEMBERS = "members", "Members", Gauge;
}

/// The most records a partition keeps, whatever the retention.
pub const LONGEST_LOG: usize = 400;
/// The most partitions a topic can grow to.
pub const MOST_PARTITIONS: u16 = 12;
/// The most consumers there are nodes for.
pub const MOST_CONSUMERS: u16 = 8;

commands! {
    COMMAND_PUBLISH = "publish", "Publish", "Publish {0 record}",
        "A producer writes this many records.",
        [field("records", count(1, 40), 6)];
    COMMAND_SEEK = "seek", "Seek", "Seek to offset {1}| as consumer {0}",
        "A consumer goes to an offset in each of its partitions.",
        [WHO, field("offset", count(0, 400), 0)];
    COMMAND_START = "start", "Start", "Start| consumer {0}",
        "Starts a consumer that is not running.",
        [WHO];
    COMMAND_STOP = "stop", "Stop", "Stop| consumer {0}",
        "A consumer leaves its group and stops.",
        [WHO];
    COMMAND_PARTITIONS = "add-partitions", "Add partitions", "Add {0 partition}",
        "Adds this many to the topic. Partitions can never be removed.",
        [field("more", count(1, 4), 1)];
    COMMAND_RETAIN = "delete-before", "Delete old records", "Keep only the newest {0 record} of each partition",
        "Retention removes all but the newest records of each partition.",
        [field("keep", count(0, 50), 3)];
    COMMAND_STALL = "stall", "Stall", "Stall| consumer {0}",
        "What the consumer works on now takes twice the poll interval.",
        [WHO];
}

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

const WHO: Field = field("consumer", count(1, 8), 1);
