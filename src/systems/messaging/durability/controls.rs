//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Control, count, micros, per_second};
use crate::{commands, metrics, rules, settings};

rules! {
    /// A server flushes what it has written before it answers.
    SYNC = "sync-first", "Sync before the answer",
        "Every server flushes a message to disk (fsync) before it answers. Off: each broker as its own setting says.";
    /// A message is confirmed when enough replicas have it.
    REPLICATED = "enough-replicas", "Enough replicas",
        "Confirmed once a majority has it, in Kafka all in-sync replicas. Off: once the leader has it, as with acks=1.";
}

settings! {
    /// How many servers keep the messages: 1 or 3.
    REPLICAS = "replicas", "Replicas", Control::Choice(&["1", "3"]), 1, AtStart,
        "How many machines keep each message.";
    /// Messages a second in each lane.
    RATE = "rate", "Messages", per_second(0, 10, 1), 3, Live,
        "In each lane, at the same moments.";
    /// x-queue-type.
    QUEUE_TYPE = "queue-type", "RabbitMQ: x-queue-type", Control::Choice(&["quorum", "classic"]), 0, AtStart,
        "A quorum queue always flushes. A classic queue is on one machine only, and does not.";
    /// flush.messages, while the rule is off.
    FLUSH = "flush-messages", "Kafka: flush.messages", Control::Choice(&["none", "1"]), 0, Live,
        "While the rule is off. None, the default: the operating system flushes. 1: the broker, each record.";
    /// sync_interval, while the rule is off.
    SYNC_INTERVAL = "sync-interval", "JetStream: sync_interval", Control::Choice(&["2m", "10s", "always"]), 0, Live,
        "While the rule is off. 2m is the default.";
    /// vm.dirty_expire_centisecs, in microseconds.
    WRITE_BACK = "write-back", "Linux writes back after", micros(1_000_000, 60_000_000, 1_000_000), 30_000_000, Live,
        "How long what was written may stay in memory only. 30 s is the default of vm.dirty_expire_centisecs.";
    /// Which lanes there are: all, or one of them alone; not offered to the reader.
    LANES = "lanes", "Lanes", Control::Choice(&["all three", "RabbitMQ", "Kafka", "JetStream"]), 0, AtStart,
        "All three, or one of them alone.";
}

metrics! {
    /// From the first send of a message to its confirm, by lane.
    CONFIRM_TIME = "confirm-time", "Until confirmed", Latency;
    /// Messages confirmed, by lane.
    CONFIRMED = "confirmed", "Confirmed", Counter;
    /// Messages that a leader has in memory and not on disk, by lane.
    IN_MEMORY = "in-memory", "Not on disk at the leader", Gauge;
}

commands! {
    PUBLISH = "publish", "Publish", "Publish {1 message}| to {0}",
        "Publishes this many messages at once.",
        [LANE, field("messages", count(1, 5), 3)];
}

const LANE: Field = field("to", Control::Choice(&["RabbitMQ", "Kafka", "JetStream"]), 0);
