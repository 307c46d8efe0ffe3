//! What the reader sees of JetStream in words: rules, settings, commands, metrics, messages.

use super::stream::PubAck;
use super::{AckKind, Message};
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Command, Control, Field, Setting, Settings, Takes, Unit, count, field, micros};
use crate::sim::machine::system::System;
use crate::sim::measure::metrics::{Metric, MetricKind};
use crate::systems::consensus::raft::Raft;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "dedup-window",
        title: "Recognise copies",
        about: "A message whose Nats-Msg-Id was stored within the window is not stored again. Off: ids are ignored.",
    },
    Rule {
        id: "retry-within",
        title: "Retry within the window",
        about: "The publisher gives up before its copies are no longer recognised. Off: it sends again for ever.",
    },
    Rule {
        id: "double-ack",
        title: "Double ack",
        about: "A task is called done when the server has confirmed its ack. Off: as soon as the ack is sent.",
    },
    Rule {
        id: "ack-wait",
        title: "Deliver again after the ack wait",
        about: "A message that was not acknowledged in time goes to another worker. Off: it stays with the first.",
    },
    Rule {
        id: "sync-always",
        title: "Sync before the answer",
        about: "The server answers when it is on disk. Off: it syncs now and then, which is JetStream's default.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "workers",
        title: "Workers",
        about: "How many take from the stream.",
        control: count(1, 5),
        default: 3,
        takes: Takes::AtStart,
    },
    Setting {
        id: "rate",
        title: "Tasks published",
        about: "How many a second, on average.",
        control: Control::Slider { min: 0, max: 50, step: 1, unit: Unit::PerSecond },
        default: 8,
        takes: Takes::Live,
    },
    Setting {
        id: "work",
        title: "Length of a task",
        about: "On average; lengths are exponential.",
        control: micros(10_000, 2_000_000, 10_000),
        default: 200_000,
        takes: Takes::Live,
    },
    Setting {
        id: "ack-wait",
        title: "Ack wait",
        about: "How long a worker may take to acknowledge. The default is 30 s; scaled down here.",
        control: micros(100_000, 30_000_000, 100_000),
        default: 30_000_000,
        takes: Takes::Live,
    },
    Setting {
        id: "max-deliver",
        title: "Most deliveries",
        about: "Of one message. No limit is the default, written -1.",
        control: Control::Choice(&["1", "2", "4", "8", "no limit"]),
        default: 4,
        takes: Takes::Live,
    },
    Setting {
        id: "window",
        title: "Duplicate window",
        about: "How long an id is remembered. 2 min is the default, 100 ms the least.",
        control: micros(100_000, 120_000_000, 100_000),
        default: 120_000_000,
        takes: Takes::Live,
    },
    Setting {
        id: "max-ack-pending",
        title: "Most unacknowledged",
        about: "Over all workers together. 1,000 is the default.",
        control: count(1, 1_000),
        default: 1_000,
        takes: Takes::Live,
    },
    Setting {
        id: "back-off",
        title: "Back-off",
        about: "0.5, 1, 2, then 4 s take the place of the ack wait. There is none by default.",
        control: Control::Toggle,
        default: 0,
        takes: Takes::Live,
    },
    Setting {
        id: "retention",
        title: "Retention",
        about: "Limits keep an acknowledged message, interest and work queue delete it. Limits is the default.",
        control: Control::Choice(&["limits", "interest", "work queue"]),
        default: 0,
        takes: Takes::AtStart,
    },
    Setting {
        id: "sync-interval",
        title: "Sync interval while the rule is off",
        about: "What came after the last sync is lost in a power cut. 2 min is the default.",
        control: micros(100_000, 120_000_000, 100_000),
        default: 120_000_000,
        takes: Takes::AtStart,
    },
    Setting {
        id: "replicas",
        title: "Replicas",
        about: "How many servers keep the stream: R1 is the default, R3 is three with Raft between them.",
        control: Control::Choice(&["R1", "R3"]),
        default: 0,
        takes: Takes::AtStart,
    },
];

const WORKER: Field = field("worker", count(1, 5), 1);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "publish",
        title: "Publish",
        about: "Publishes so many tasks at once.",
        fields: &[field("tasks", count(1, 30), 6)],
    },
    Command { id: "poison", title: "Publish poison", about: "Publishes a task that no worker can do.", fields: &[] },
    Command {
        id: "nak",
        title: "Nak",
        about: "A worker gives its message back: it is delivered again at once.",
        fields: &[WORKER],
    },
    Command {
        id: "term",
        title: "Term",
        about: "A worker says that its message is not worth another try.",
        fields: &[WORKER],
    },
    Command {
        id: "progress",
        title: "In progress",
        about: "A worker says that it is still at work: the ack wait starts anew.",
        fields: &[WORKER],
    },
];

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "waiting", title: "Waiting time", kind: MetricKind::Latency },
    Metric { id: "ready", title: "Ready", kind: MetricKind::Gauge },
    Metric { id: "ack-pending", title: "Unacknowledged", kind: MetricKind::Gauge },
    Metric { id: "done", title: "Done", kind: MetricKind::Counter },
    Metric { id: "redelivered", title: "Redelivered", kind: MetricKind::Counter },
    Metric { id: "copies", title: "Copies recognised", kind: MetricKind::Counter },
];

pub(super) fn describe(settings: &Settings, message: &Message) -> String {
    match *message {
        Message::Publish { task } => format!("task {}, Nats-Msg-Id {}", task.id, task.id),
        Message::PubAck { id, ack: PubAck::Stored { seq } } => format!("PubAck: task {id} is message {seq}"),
        Message::PubAck { id, ack: PubAck::Duplicate { seq } } => format!("PubAck: task {id} is message {seq}, a copy"),
        Message::PubAck { id, ack: PubAck::Refused } => format!("an error: no room for task {id}"),
        Message::Pull { .. } => "a pull for one message".to_owned(),
        Message::Deliver { delivery, task } if delivery.times > 1 => {
            format!("message {}, task {}, delivery {}", delivery.seq, task.id, delivery.times)
        }
        Message::Deliver { delivery, task } => format!("message {}, task {}", delivery.seq, task.id),
        Message::Ack { seq, kind, .. } => format!("{} of message {seq}", ack_word(kind)),
        Message::AckAck { seq } => format!("the ack of the ack of message {seq}"),
        Message::Advisory { seq, times } => format!("an advisory: message {seq} was delivered {times} times"),
        Message::Raft { ref said, .. } => Raft::describe_message(settings, said),
        Message::Routed { ref request, .. } => format!("{}, passed on", describe(settings, request)),
    }
}

pub(super) fn ack_word(kind: AckKind) -> &'static str {
    match kind {
        AckKind::Ack => "+ACK",
        AckKind::Nak => "-NAK",
        AckKind::Term => "+TERM",
        AckKind::Progress => "+WPI",
    }
}
