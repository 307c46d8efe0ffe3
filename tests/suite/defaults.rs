//! The numbers of real systems that a reader sees, against the published defaults.

use crate::vectors::{cases, report};
use faultline::guides::find;
use faultline::guides::kit::info::Info;
use serde_json::Value;

/// System, setting, the value that is stated, where it is stated, and the exact words: in the prose, or next to a
/// setting or a rule.
const TOLD: [(&str, &str, i64, &str, &str); 38] = [
    ("etcd", "heartbeat-interval", 100, "consensus/raft-election", "every 100 ms"),
    ("etcd", "election-timeout", 1_000, "consensus/raft-election", "1,000 ms"),
    ("ZooKeeper", "snapCount", 100_000, "consensus/raft-snapshots", "100,000 transactions"),
    ("etcd", "pre-vote", 1, "consensus/raft-election", "and pre-vote, unless told otherwise"),
    ("RabbitMQ", "heartbeat", 60, "messaging/competing-consumers", "RabbitMQ's time-out is 60 s"),
    ("RabbitMQ", "heartbeat", 60, "messaging/competing-consumers", "a time-out of 60 s by default"),
    (
        "RabbitMQ",
        "default_consumer_prefetch",
        0,
        "messaging/competing-consumers",
        "0 is any number, RabbitMQ's default",
    ),
    ("RabbitMQ", "consumer_timeout", 30 * 60_000, "messaging/competing-consumers", "time-out, 30 minutes by default"),
    (
        "RabbitMQ",
        "quorum queue delivery-limit",
        20,
        "messaging/retries-and-dead-letters",
        "Since RabbitMQ 4.0 the default is 20",
    ),
    ("NATS", "ping interval", 120, "messaging/fire-and-forget", "a PING every two minutes"),
    ("NATS", "ping max outstanding", 2, "messaging/fire-and-forget", "Two unanswered PINGs"),
    ("NATS JetStream", "ack_wait", 30, "messaging/jetstream-work-queue", "The default is 30 s"),
    ("NATS JetStream", "max_ack_pending", 1_000, "messaging/jetstream-work-queue", "1,000 is the default"),
    ("NATS JetStream", "max_deliver", -1, "messaging/jetstream-work-queue", "No limit is the default, written -1"),
    (
        "NATS JetStream",
        "duplicate_window",
        120,
        "messaging/jetstream-work-queue",
        "2 min is the default, 100 ms the least",
    ),
    ("NATS JetStream", "duplicate_window", 120, "messaging/jetstream-work-queue", "the ids of the last two minutes"),
    ("Kafka consumer", "session.timeout.ms", 45_000, "messaging/rebalance", "Kafka's default is 45 s"),
    ("Kafka consumer", "heartbeat.interval.ms", 3_000, "messaging/rebalance", "Kafka's default is 3 s"),
    ("Kafka consumer", "max.poll.interval.ms", 5 * 60_000, "messaging/rebalance", "Kafka's default is 5 min"),
    ("Kafka consumer", "max.poll.records", 500, "messaging/exactly-once", "Kafka's default is 500"),
    ("Kafka consumer", "max.poll.records", 500, "messaging/flash-sale", "Kafka's default is 500"),
    ("Kafka consumer", "enable.auto.commit", 1, "messaging/event-log", "On by default in Kafka"),
    ("Kafka producer", "enable.idempotence", 1, "messaging/keys-and-order", "It is on by default since Kafka 3.0"),
    ("Kafka producer", "transaction.timeout.ms", 60_000, "messaging/exactly-once", "Kafka's default is 60 s"),
    ("Kafka producer", "request.timeout.ms (producer)", 30_000, "messaging/exactly-once", "Kafka's default is 30 s"),
    ("Kafka producer", "request.timeout.ms (producer)", 30_000, "messaging/flash-sale", "Kafka's default is 30 s"),
    ("Kafka broker", "replica.lag.time.max.ms", 30_000, "messaging/isr-and-acks", "Kafka's default is 30 s"),
    ("Kafka KRaft", "broker.session.timeout.ms", 9_000, "messaging/isr-and-acks", "Kafka's default is 9 s"),
    ("Kafka broker", "min.insync.replicas", 1, "messaging/isr-and-acks", "Off: 1, Kafka's default"),
    (
        "Kafka topic",
        "unclean.leader.election.enable",
        0,
        "messaging/isr-and-acks",
        "clean elections have been the defaults",
    ),
    ("Kafka topic", "segment.bytes", 1 << 30, "messaging/inside-kafka-log", "where Kafka's default is 1 GiB"),
    ("Kafka topic", "delete.retention.ms", 86_400_000, "messaging/inside-kafka-log", "Kafka's default is 24 h"),
    ("Kafka topic", "retention.ms", 7 * 86_400_000, "messaging/inside-kafka-log", "7 days by default"),
    ("Kafka topic", "retention.ms", 7 * 86_400_000, "messaging/event-log", "retention.ms, 604,800,000 ms by default"),
    ("Kafka topic", "retention.ms", 7 * 86_400_000, "messaging/flash-sale", "retention of 7 days by default"),
    ("Kafka consumer", "session.timeout.ms", 45_000, "messaging/side-by-side", "two to three minutes, 45 s and 30 s"),
    ("NATS JetStream", "ack_wait", 30, "messaging/side-by-side", "two to three minutes, 45 s and 30 s"),
    ("RabbitMQ", "heartbeat", 60, "messaging/side-by-side", "two to three minutes, 45 s and 30 s"),
];

/// Our settings that start at the real system's default: scenario and name, and how many of our units make one of the
/// published ones.
const SHARED: [(&str, &str, &str, &str, i64); 5] = [
    ("ZooKeeper", "initLimit", "consensus/zab", "init-limit", 1),
    ("ZooKeeper", "syncLimit", "consensus/zab", "sync-limit", 1),
    ("NATS JetStream", "duplicate_window", "messaging/jetstream-work-queue", "window", 1_000_000),
    ("NATS JetStream", "max_ack_pending", "messaging/jetstream-work-queue", "max-ack-pending", 1),
    ("Kafka consumer", "max.poll.records", "messaging/flash-sale", "max-poll-records", 1),
];

/// Defaults that a later version changed: the reader is told the new value, and since when.
const CHANGED: [(&str, &str, &str, &str, &str); 1] =
    [("Kafka producer", "linger.ms", "5 since Kafka 4.0", "messaging/flash-sale", "Kafka's default is 5 ms since 4.0")];

/// Whether the page of a scenario says this.
fn says(path: &str, phrase: &str) -> bool {
    let Some(info) = find(path).map(|scenario| scenario.info()) else { return false };
    let Info { prose, settings, rules, .. } = info;
    let abouts = settings.iter().map(|known| known.1.about).chain(rules.iter().map(|known| known.1.about));
    abouts.chain([prose]).any(|text| text.contains(phrase))
}

#[test]
fn what_is_told_of_real_systems_is_so() {
    let Some(cases) = cases("defaults.json") else { return };
    let case = |system: &str, setting: &str| {
        cases.iter().find(|case| case["system"] == system && case["setting"] == setting).unwrap_or(&Value::Null)
    };
    let value = |system: &str, setting: &str| {
        let value = &case(system, setting)["value"];
        value.as_i64().or(value.as_bool().map(i64::from))
    };
    for (system, setting, told, path, phrase) in TOLD {
        assert_eq!(value(system, setting), Some(told), "{system}: {setting}");
        assert!(says(path, phrase), "{path} does not say '{phrase}'");
    }
    for (system, setting, path, ours, scale) in SHARED {
        let info = find(path).map(|scenario| scenario.info());
        let known = info.as_ref().and_then(|info| info.settings.iter().find(|known| known.1.id == ours));
        let published = value(system, setting).map(|value| value * scale);
        assert_eq!(known.map(|known| known.2), published, "{path}: {ours}");
    }
    for (system, setting, note, path, phrase) in CHANGED {
        assert!(case(system, setting)["note"].as_str().is_some_and(|text| text.contains(note)), "{system}: {setting}");
        assert!(says(path, phrase), "{path} does not say '{phrase}'");
    }
    report("defaults.json", TOLD.len() + SHARED.len() + CHANGED.len(), &[]);
}
