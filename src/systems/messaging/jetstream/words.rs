//! What the reader sees of JetStream in words: rules, settings, commands, metrics, messages.

use super::stream::PubAck;
use super::{AckKind, Message};
use crate::commands;
use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Settings, count};
use crate::sim::machine::system::System;
use crate::sim::numbers::counted;
use crate::systems::consensus::raft::Raft;

const WORKER: Field = field("worker", count(1, 5), 1);

commands! {
    PUBLISH = "publish", "Publish", "Publish {0 task}",
        "Publishes this many tasks at once.",
        [field("tasks", count(1, 30), 6)];
    POISON = "poison", "Publish poison", "Publish a poison task",
        "Publishes a task that no worker can do.",
        [];
    NAK = "nak", "Nak", "Nak the message| of worker {0}",
        "A worker gives its message back: it is delivered again at once.",
        [WORKER];
    TERM = "term", "Term", "Terminate the message| of worker {0}",
        "A worker says that its message is not worth another try.",
        [WORKER];
    PROGRESS = "progress", "In progress", "Report progress| as worker {0}",
        "A worker says that it is still at work: the ack wait starts again.",
        [WORKER];
}

pub(super) fn describe(settings: &Settings, message: &Message) -> String {
    match *message {
        Message::Publish { task } => format!("task {}, Nats-Msg-Id {}", task.id, task.id),
        Message::PubAck { id, ack: PubAck::Stored { seq } } => format!("\"PubAck: task {id} is message {seq}\""),
        Message::PubAck { id, ack: PubAck::Duplicate { seq } } => {
            format!("\"PubAck: task {id} is message {seq}, a copy\"")
        }
        Message::PubAck { id, ack: PubAck::Refused } => format!("an error: no room for task {id}"),
        Message::Pull { .. } => "a pull for one message".to_owned(),
        Message::Deliver { delivery, task } if delivery.times > 1 => {
            format!("message {}, task {}, delivery {}", delivery.seq, task.id, delivery.times)
        }
        Message::Deliver { delivery, task } => format!("message {}, task {}", delivery.seq, task.id),
        Message::Ack { seq, kind, .. } => format!("{} of message {seq}", ack_word(kind)),
        Message::AckAck { seq } => format!("the ack of the ack of message {seq}"),
        Message::Advisory { seq, times } => {
            format!("an advisory: message {seq} was delivered {}", counted(u64::from(times), "time"))
        }
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
