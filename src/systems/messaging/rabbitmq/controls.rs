//! Rules, settings, commands and metrics: what a reader may turn and see.

use super::topology::{DESKS, NAMES};
use super::words::{BINDING_KEYS, EXCHANGES, KEYS, REGIONS};
use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{
    Command, Control, Setting, SettingId, Takes, Unit, count, field, micros, slider, text_field,
};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// A consumer holds one unacknowledged message at a time.
pub const PREFETCH_ONE: RuleId = RuleId(0);
/// The consumer acknowledges after the work.
pub const ACK_AFTER: RuleId = RuleId(1);
/// A closed connection gives its unacknowledged messages back to the queue.
pub const REQUEUE: RuleId = RuleId(2);
/// The broker confirms a message once it is on disk.
pub const CONFIRM_AFTER_DISK: RuleId = RuleId(3);
/// Queues are durable.
pub const DURABLE: RuleId = RuleId(4);
/// Messages are persistent.
pub const PERSISTENT: RuleId = RuleId(5);
/// The publisher keeps a message until it is confirmed.
pub const CONFIRMS: RuleId = RuleId(6);
/// Each service has a queue of its own.
pub const QUEUE_EACH: RuleId = RuleId(7);
/// A service's queue outlives its connection.
pub const OUTLIVES: RuleId = RuleId(8);
/// `*` is exactly one word.
pub const STAR: RuleId = RuleId(9);
/// `#` is none or more words.
pub const HASH: RuleId = RuleId(10);
/// A queue gets a message once, however many of its bindings match.
pub const ONCE: RuleId = RuleId(11);
/// `x-match: all` is all headers.
pub const ALL_HEADERS: RuleId = RuleId(12);
/// A message that no queue takes comes back.
pub const MANDATORY: RuleId = RuleId(13);
/// Retries are counted and end.
pub const BOUNDED: RuleId = RuleId(14);
/// Dead messages are parked.
pub const PARK: RuleId = RuleId(15);
/// The copy to retry is confirmed before the original is acknowledged.
pub const COPY_FIRST: RuleId = RuleId(16);

/// Workers or services.
pub const WORKERS: SettingId = SettingId(0);
/// How many messages a consumer may hold while the rule of one is off; 0 for any number, as in AMQP.
pub const PREFETCH: SettingId = SettingId(1);
/// Messages published a second, Poisson.
pub const RATE: SettingId = SettingId(2);
/// Mean length of a task, in microseconds.
pub const TASK: SettingId = SettingId(3);
/// How many times as long the first consumer takes.
pub const SLOW: SettingId = SettingId(4);
/// Heartbeat interval, in microseconds.
pub const HEARTBEAT: SettingId = SettingId(5);
/// Whether tasks come in bursts.
pub const BURSTS: SettingId = SettingId(6);
/// What is declared on the broker: an index into [`NAMES`].
pub const TOPOLOGY: SettingId = SettingId(7);
/// The wait before the first retry, in microseconds; it doubles with each.
pub const BACKOFF: SettingId = SettingId(8);
/// Whether waits are drawn between half and the whole.
pub const JITTER: SettingId = SettingId(9);
/// How often a failed task is tried again.
pub const RETRIES: SettingId = SettingId(10);
/// x-delivery-limit of the task queue.
pub const DELIVERY_LIMIT: SettingId = SettingId(11);
/// One task in so many is poison; 0 for none.
pub const POISON: SettingId = SettingId(12);
/// Tasks in a hundred that fail at the first attempt.
pub const FLAKY: SettingId = SettingId(13);
/// How many services a broadcast reaches.
pub const SERVICES: SettingId = SettingId(14);

/// From publishing to the start of the work.
pub const WAITING: MetricId = MetricId(0);
/// Ready messages, by queue.
pub const DEPTH: MetricId = MetricId(1);
/// Messages done, by consumer.
pub const DONE: MetricId = MetricId(2);
/// Unacknowledged messages, by consumer.
pub const UNACKED: MetricId = MetricId(3);
/// Deliveries flagged as redelivered, by consumer.
pub const REDELIVERED: MetricId = MetricId(4);
/// Attempts that failed, by consumer.
pub const FAILED: MetricId = MetricId(5);
/// Messages routed into each queue.
pub const ROUTED: MetricId = MetricId(6);
/// From publishing to the end of the work.
pub const FINISHED: MetricId = MetricId(7);
/// From publishing to the start of the work: of tasks without a priority (0), and with one (1).
pub const WAITING_APART: MetricId = MetricId(8);

/// Publish so many.
pub const PUBLISH: u8 = 0;
/// A worker gives its task back.
pub const NACK: u8 = 1;
/// Publish one message to an exchange.
pub const ROUTE: u8 = 2;
/// Bind a queue.
pub const BIND: u8 = 3;
/// Take a binding away.
pub const UNBIND: u8 = 4;
/// Publish tasks of a kind.
pub const TROUBLE: u8 = 5;
/// Publish tasks with a priority.
pub const URGENT: u8 = 6;
/// A consumer is cancelled.
pub const CANCEL: u8 = 7;
/// A cancelled consumer consumes again.
pub const CONSUME: u8 = 8;

pub(super) const RULES: &[Rule] = &[
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
    Rule {
        id: "durable-queue",
        title: "Durable queue",
        about: "The queue is declared durable and survives a restart of the broker. Off: it is gone, with all in it.",
    },
    Rule {
        id: "persistent-message",
        title: "Persistent messages",
        about: "Messages have delivery mode 2 and are kept on disk. Off: mode 1, so a restart of the broker loses them.",
    },
    Rule {
        id: "publisher-confirms",
        title: "Publisher confirms",
        about: "A task counts as handed over when the broker confirms it. Off: when it is sent.",
    },
    Rule {
        id: "queue-each",
        title: "A queue per service",
        about: "Each service binds a queue of its own. Off: all consume from one queue, and compete.",
    },
    Rule {
        id: "queue-outlives-connection",
        title: "The queue outlives the connection",
        about: "A queue goes on collecting while its service is away. Off: it is exclusive, and goes with the connection.",
    },
    Rule {
        id: "star-is-one-word",
        title: "* is exactly one word",
        about: "A star in a binding stands for one word. Off: also for none.",
    },
    Rule {
        id: "hash-is-none-or-more",
        title: "# is none or more words",
        about: "A hash in a binding stands for any number of words. Off: for at least one.",
    },
    Rule {
        id: "one-copy-per-queue",
        title: "One copy a queue",
        about: "A queue gets a message once, however many of its bindings match. Off: once for each of them.",
    },
    Rule {
        id: "all-means-all",
        title: "x-match all means all",
        about: "A headers binding with x-match all asks for every header it names. Off: for any of them.",
    },
    Rule {
        id: "mandatory",
        title: "Mandatory messages",
        about: "What no queue takes is returned to the publisher. Off: it is dropped, and confirmed all the same.",
    },
    Rule {
        id: "bounded-retries",
        title: "Bounded retries",
        about: "Failed tasks wait, and are given up after so many tries. Off: they go straight back, without end.",
    },
    Rule {
        id: "park-dead-letters",
        title: "Park dead letters",
        about: "What is given up goes to the dead-letter exchange. Off: the broker drops it.",
    },
    Rule {
        id: "copy-before-ack",
        title: "Copy first, then acknowledge",
        about: "A task to retry is acknowledged once its copy is confirmed. Off: before the copy is sent.",
    },
];

const fn live(id: &'static str, title: &'static str, about: &'static str, control: Control, default: i64) -> Setting {
    Setting { id, title, about, control, default, takes: Takes::Live }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "workers",
        title: "Workers",
        about: "How many compete for the tasks.",
        control: count(1, 6),
        default: 3,
        takes: Takes::AtStart,
    },
    live(
        "prefetch",
        "Prefetch while the rule is off",
        "How many tasks a worker may hold; 0 is any number, RabbitMQ's default.",
        count(0, 50),
        10,
    ),
    live("rate", "Messages published", "How many a second, on average.", slider(0, 100, 1, Unit::PerSecond), 20),
    live(
        "task",
        "Length of the work",
        "On one message, on average; lengths are exponential.",
        micros(5_000, 500_000, 5_000),
        80_000,
    ),
    live("slow-worker", "The first is slower", "It takes so many times as long as the others.", count(1, 20), 4),
    live(
        "heartbeat",
        "Heartbeat interval",
        "A connection that was silent for two intervals is closed. RabbitMQ's default is 60 s.",
        micros(100_000, 5_000_000, 100_000),
        500_000,
    ),
    live("bursts", "In bursts", "Four times the rate for half a second in every two.", Control::Toggle, 0),
    Setting {
        id: "topology",
        title: "Topology",
        about: "What is declared on the broker.",
        control: Control::Choice(&NAMES),
        default: 0,
        takes: Takes::AtStart,
    },
    live(
        "back-off",
        "Wait before the first retry",
        "It doubles with each retry. Real systems wait seconds to minutes.",
        micros(50_000, 2_000_000, 50_000),
        250_000,
    ),
    live("jitter", "Jitter", "Each wait is drawn between half of it and the whole.", Control::Toggle, 1),
    live("retries", "Retries", "How often a failed task is tried again before it is parked.", count(0, 3), 3),
    Setting {
        id: "delivery-limit",
        title: "Delivery limit",
        about: "How often a task may come back with a dead connection. A quorum queue's default is 20.",
        control: count(1, 20),
        default: 20,
        takes: Takes::AtStart,
    },
    live("poison", "One in so many is poison", "It fails at every attempt; 0 for none.", count(0, 50), 0),
    live(
        "flaky",
        "Fail at first",
        "Tasks that fail at the first attempt and succeed at the second.",
        slider(0, 100, 5, Unit::Percent),
        0,
    ),
    Setting {
        id: "services",
        title: "Services",
        about: "How many get every message.",
        control: count(2, 5),
        default: 3,
        takes: Takes::AtStart,
    },
];

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "publish",
        title: "Publish",
        about: "Publishes so many messages at once.",
        fields: &[field("messages", count(1, 50), 10)],
    },
    Command {
        id: "nack",
        title: "Nack",
        about: "A worker gives its present task back: basic.nack with requeue.",
        fields: &[field("worker", count(1, 6), 1)],
    },
    Command {
        id: "route",
        title: "Publish",
        about: "Publishes one message with a routing key; a headers exchange looks at region and vip in its place.",
        fields: &[
            field("exchange", Control::Choice(&EXCHANGES), 0),
            text_field("routing key", &KEYS),
            field("region", Control::Choice(&REGIONS), 0),
            field("vip", Control::Toggle, 0),
        ],
    },
    Command {
        id: "bind",
        title: "Bind",
        about: "Binds a queue to the topic exchange: words between dots, * for one word, # for none or more.",
        fields: &[field("queue", Control::Choice(&DESKS), 1), text_field("binding key", &BINDING_KEYS)],
    },
    Command {
        id: "unbind",
        title: "Unbind",
        about: "Takes the binding with this number in the table away.",
        fields: &[field("binding", count(1, 14), 5)],
    },
    Command {
        id: "trouble",
        title: "Publish",
        about: "Publishes tasks that are fine, fail once, fail always, or kill the worker.",
        fields: &[
            field("kind", Control::Choice(&["fine", "flaky", "poison", "deadly"]), 2),
            field("tasks", count(1, 20), 1),
        ],
    },
    Command {
        id: "urgent",
        title: "Publish urgent",
        about: "Publishes tasks with a priority. The queue was declared with x-max-priority 4: more counts as 4.",
        fields: &[field("tasks", count(1, 20), 3), field("priority", count(0, 9), 4)],
    },
    Command {
        id: "cancel",
        title: "Cancel",
        about: "A worker gets no more tasks: basic.cancel. What it holds it still does and acknowledges.",
        fields: &[field("worker", count(1, 6), 1)],
    },
    Command {
        id: "consume",
        title: "Consume again",
        about: "A worker that has cancelled takes tasks again: basic.consume.",
        fields: &[field("worker", count(1, 6), 1)],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "waiting", title: "Waiting time", kind: MetricKind::Latency },
    Metric { id: "depth", title: "Ready messages", kind: MetricKind::Gauge },
    Metric { id: "done", title: "Done", kind: MetricKind::Counter },
    Metric { id: "unacked", title: "Unacknowledged", kind: MetricKind::Gauge },
    Metric { id: "redelivered", title: "Redelivered", kind: MetricKind::Counter },
    Metric { id: "failed", title: "Failed", kind: MetricKind::Counter },
    Metric { id: "routed", title: "Routed", kind: MetricKind::Counter },
    Metric { id: "finished", title: "Until done", kind: MetricKind::Latency },
    Metric { id: "waiting-apart", title: "Waiting time by urgency", kind: MetricKind::Latency },
];
