//! Messages and timers in words.

use super::{Message, Timer};
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::System;
use crate::systems::consensus::raft::{self, Raft};
use crate::systems::messaging::kafka_replication::Replication;

pub(super) fn message(settings: &Settings, message: &Message) -> String {
    match message {
        Message::Publish { id, passed: false } => format!("message {id}"),
        Message::Publish { id, passed: true } => format!("message {id}, passed on"),
        Message::Confirm { id } => format!("\"message {id} is confirmed\""),
        Message::Raft { said: raft::Message::Append { term, entries, .. }, .. } if !entries.is_empty() => {
            let ids = entries.iter().filter_map(|entry| match entry.payload {
                raft::Payload::Hosted([id, ..]) => Some(id.to_string()),
                _ => None,
            });
            let ids: Vec<String> = ids.collect();
            let what = match ids.len() {
                0 => "a no-op".to_owned(),
                1 => format!("message {}", ids[0]),
                _ => format!("messages {}", ids.join(", ")),
            };
            format!("AppendEntries: {what}, term {term}")
        }
        Message::Raft { said, .. } => Raft::describe_message(settings, said),
        Message::Kafka(said) => Replication::describe_message(settings, said),
    }
}

pub(super) fn timer(settings: &Settings, timer: Timer) -> String {
    match timer {
        Timer::Load => "the next message".to_owned(),
        Timer::Again => "time to look for confirms".to_owned(),
        Timer::Ask => "time to ask who leads".to_owned(),
        Timer::Raft(timer) => Raft::describe_timer(settings, timer),
        Timer::Kafka(timer) => Replication::describe_timer(settings, timer),
    }
}
