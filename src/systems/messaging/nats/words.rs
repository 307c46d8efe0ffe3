//! What the reader sees of NATS core in words: rules, settings, commands, metrics, messages.

use super::Message;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Command, Control, Field, Setting, Takes, Unit, field, micros};
use crate::sim::measure::metrics::{Metric, MetricKind};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "one-per-group",
        title: "One copy a queue group",
        about: "The server picks one member of a queue group for each message. Off: every member gets a copy.",
    },
    Rule {
        id: "send-once",
        title: "Send once",
        about: "What was sent is forgotten. Off: after a reconnection the publisher sends again what it is in doubt about.",
    },
    Rule {
        id: "restore-once",
        title: "Restore subscriptions once",
        about: "The client library restores subscriptions after a reconnection. Off: the application subscribes as well.",
    },
    Rule {
        id: "cut-off-slow",
        title: "Cut off slow consumers",
        about: "A connection with more pending than allowed is closed. Off: the server goes on keeping it all.",
    },
    Rule {
        id: "no-responders",
        title: "Say that nobody listens",
        about: "A request without a subscriber is answered with status 503. Off: it is dropped in silence.",
    },
    Rule {
        id: "own-inbox",
        title: "An inbox for each request",
        about: "Each request has a reply subject of its own. Off: all requests of a caller share one.",
    },
    Rule {
        id: "give-up",
        title: "Give up after the time-out",
        about: "A request without an answer ends when its time is over. Off: the caller waits for ever.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "scene",
        title: "Scene",
        about: "Subjects that are published on, or services that are asked.",
        control: Control::Choice(&["subjects", "services"]),
        default: 0,
        takes: Takes::AtStart,
    },
    Setting {
        id: "members",
        title: "Clients beside it",
        about: "How many subscribers or workers there are.",
        control: Control::Slider { min: 1, max: 5, step: 1, unit: Unit::Count },
        default: 5,
        takes: Takes::AtStart,
    },
    Setting {
        id: "rate",
        title: "Sent",
        about: "Messages or requests a second, on average.",
        control: Control::Slider { min: 0, max: 100, step: 1, unit: Unit::PerSecond },
        default: 10,
        takes: Takes::Live,
    },
    Setting {
        id: "latency",
        title: "Latency",
        about: "One way, between a client and the server.",
        control: micros(50, 5_000, 50),
        default: 300,
        takes: Takes::Live,
    },
    Setting {
        id: "slow-link",
        title: "The log's link takes a message in",
        about: "What is sent faster waits in the server.",
        control: micros(1_000, 1_000_000, 1_000),
        default: 150_000,
        takes: Takes::Live,
    },
    Setting {
        id: "max-pending",
        title: "Most pending for a connection",
        about: "In messages here; nats-server counts bytes, 64 MiB by default.",
        control: Control::Slider { min: 1, max: 50, step: 1, unit: Unit::Count },
        default: 10,
        takes: Takes::Live,
    },
    Setting {
        id: "write-deadline",
        title: "Write deadline",
        about: "A write that takes longer closes the connection. 10 s is nats-server's default.",
        control: micros(100_000, 20_000_000, 100_000),
        default: 10_000_000,
        takes: Takes::Live,
    },
    Setting {
        id: "ping-interval",
        title: "PING interval",
        about: "Two unanswered PINGs and the connection is stale. Scaled down: the default is 2 min.",
        control: micros(200_000, 10_000_000, 100_000),
        default: 1_000_000,
        takes: Takes::Live,
    },
    Setting {
        id: "timeout",
        title: "Time-out of a request",
        about: "The caller chooses it with each request; there is no default.",
        control: micros(50_000, 2_000_000, 50_000),
        default: 400_000,
        takes: Takes::Live,
    },
    Setting {
        id: "work",
        title: "Work on a request",
        about: "On average; lengths are exponential.",
        control: micros(5_000, 500_000, 5_000),
        default: 60_000,
        takes: Takes::Live,
    },
];

const fn count(title: &'static str, max: i64, default: i64) -> Field {
    field(title, Control::Slider { min: 1, max, step: 1, unit: Unit::Count }, default)
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "publish",
        title: "Publish",
        about: "Publishes so many messages on a subject.",
        fields: &[
            field("subject", Control::Choice(&["temp.kitchen", "temp.hall", "temp.roof.east"]), 0),
            count("messages", 30, 1),
        ],
    },
    Command {
        id: "subscribe",
        title: "Subscribe",
        about: "A subscriber asks for one more pattern, beside what it has.",
        fields: &[
            count("subscriber", 5, 5),
            field("pattern", Control::Choice(&["temp.kitchen", "temp.hall", "temp.roof.east", "temp.*", "temp.>"]), 4),
        ],
    },
    Command {
        id: "request",
        title: "Request",
        about: "Sends so many requests on price.get; one worker answers each.",
        fields: &[count("requests", 10, 1)],
    },
    Command {
        id: "ask-all",
        title: "Ask all",
        about: "One request on status.get, to which every worker listens; answers are gathered.",
        fields: &[],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "delivery", title: "From publish to handler", kind: MetricKind::Latency },
    Metric { id: "wanted", title: "Asked for", kind: MetricKind::Counter },
    Metric { id: "handled", title: "Handled", kind: MetricKind::Counter },
    Metric { id: "pending", title: "Pending", kind: MetricKind::Gauge },
    Metric { id: "cut-off", title: "Cut off", kind: MetricKind::Counter },
    Metric { id: "answered", title: "From request to answer", kind: MetricKind::Latency },
    Metric { id: "unanswered", title: "Unanswered", kind: MetricKind::Counter },
];

pub(super) fn describe(message: &Message) -> String {
    match message {
        Message::Connect { connection, .. } => format!("CONNECT, connection {connection}"),
        Message::Sub { sub, .. } if sub.group => format!("SUB {}, in the group", sub.pattern.text()),
        Message::Sub { sub, .. } => format!("SUB {}", sub.pattern.text()),
        Message::Pub { payload, .. } => format!("PUB {}, number {}", payload.subject.text(), payload.id),
        Message::Msg { payload, .. } => format!("MSG {}, number {}", payload.subject.text(), payload.id),
        Message::NoResponders { request, .. } => format!("503, nobody for request {request}"),
        Message::Ping { .. } => "PING".to_owned(),
        Message::Pong { .. } => "PONG".to_owned(),
        Message::Close { .. } => "the end of the connection".to_owned(),
    }
}
