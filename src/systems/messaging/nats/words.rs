//! What the reader sees of NATS core in words: rules, settings, commands, metrics, messages.

use super::Message;
use crate::commands;
use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Control, count};

const fn amount(title: &'static str, max: i64, default: i64) -> Field {
    field(title, count(1, max), default)
}

commands! {
    PUBLISH = "publish", "Publish", "Publish {1 message} on {0}",
        "Publishes this many messages on a subject.",
        [field("subject", Control::Choice(&["temp.kitchen", "temp.hall", "temp.roof.east"]), 0), amount("messages", 30, 1)];
    SUBSCRIBE = "subscribe", "Subscribe", "Subscribe to {1}| as subscriber {0}",
        "A subscriber asks for one more pattern, besides those it has.",
        [amount("subscriber", 5, 5), field("pattern", Control::Choice(&["temp.kitchen", "temp.hall", "temp.roof.east", "temp.*", "temp.>"]), 4)];
    REQUEST = "request", "Request", "Send {0 request}",
        "Sends this many requests on price.get; one worker answers each.",
        [amount("requests", 10, 1)];
    ASK_ALL = "ask-all", "Ask all", "Ask all workers",
        "One request on status.get, to which every worker listens; answers are gathered.",
        [];
}

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
