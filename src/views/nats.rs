//! How NATS core's messages look, and what is known about its nodes: for both scenarios that show it.

use super::prelude::*;
use crate::systems::messaging::nats::{
    Client, Connection, Memory, Message, Nats, Payload, Phase, Role, SERVER, Subject,
};

pub type Shop = World<Nats>;

impl Face for Nats {
    fn look(message: &Message) -> Look {
        let is_answer = |payload: &Payload| matches!(payload.subject, Subject::Inbox(..));
        let (letter, glyph, tone) = match message {
            Message::Connect { .. } => ('+', Glyph::Diamond, Tone::Consumer),
            Message::Sub { .. } => ('S', Glyph::Diamond, Tone::Consumer),
            Message::Pub { payload, .. } | Message::Msg { payload, .. } if is_answer(payload) => {
                ('A', Glyph::Pill, Tone::Fine)
            }
            Message::Pub { payload, .. } | Message::Msg { payload, .. } if payload.reply.is_some() => {
                ('R', Glyph::Square, Tone::Producer)
            }
            Message::Pub { .. } => ('P', Glyph::Square, Tone::Producer),
            Message::Msg { .. } => ('M', Glyph::Square, Tone::Service),
            Message::NoResponders { .. } => ('!', Glyph::Pill, Tone::Broken),
            Message::Ping { .. } => ('?', Glyph::Dot, Tone::Neutral),
            Message::Pong { .. } => ('o', Glyph::Dot, Tone::Neutral),
            Message::Close { .. } => ('x', Glyph::Pill, Tone::Broken),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let payload = |payload: &Payload| {
            let reply = payload.reply.map_or("none".into(), Subject::text);
            vec![field("subject", payload.subject.text()), field("number", payload.id), field("reply to", reply)]
        };
        let mut list = match message {
            Message::Connect { subs, .. } => {
                subs.iter().map(|sub| field(if sub.group { "SUB, group" } else { "SUB" }, sub.pattern.text())).collect()
            }
            Message::Sub { sub, .. } => vec![field("SUB", sub.pattern.text()), field("sid", sub.sid)],
            Message::Pub { payload: content, .. } => payload(content),
            Message::Msg { payload: content, sid, .. } => [payload(content), vec![field("sid", sid)]].concat(),
            Message::NoResponders { request, .. } => vec![field("status", 503), field("request", request)],
            Message::Ping { .. } | Message::Pong { .. } | Message::Close { .. } => Vec::new(),
        };
        let (Message::Connect { connection, .. }
        | Message::Sub { connection, .. }
        | Message::Pub { connection, .. }
        | Message::Msg { connection, .. }
        | Message::NoResponders { connection, .. }
        | Message::Ping { connection }
        | Message::Pong { connection }
        | Message::Close { connection }) = message;
        list.push(field("connection", connection));
        list
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match id {
            SERVER => Vec::new(),
            _ => vec![field("last connection", node.disk.connections), field("last number", node.disk.published)],
        };
        let memory = match &node.memory {
            None => Vec::new(),
            Some(Memory::Server { connections }) => {
                let patterns = |open: &Connection| {
                    let list: Vec<String> = open.subs.iter().map(|sub| sub.pattern.text().into_owned()).collect();
                    if list.is_empty() { "no subscription".to_owned() } else { list.join(" ") }
                };
                let line = |(client, open): (&NodeId, &Connection)| {
                    let text = match open.pending.len() {
                        0 => patterns(open),
                        pending => format!("{}; {pending} pending", patterns(open)),
                    };
                    field(Nats::name(world.settings(), *client), text)
                };
                connections.iter().map(line).collect()
            }
            Some(Memory::Client(client)) => known(client),
        };
        Inspection { disk, memory }
    }
}

pub fn client(world: &Shop, id: NodeId) -> Option<&Client> {
    match world.memory(id) {
        Some(Memory::Client(client)) => Some(client),
        _ => None,
    }
}

/// A client's connection, as the server sees it.
pub fn connection(world: &Shop, id: NodeId) -> Option<&Connection> {
    match world.memory(SERVER) {
        Some(Memory::Server { connections }) => connections.get(&id),
        _ => None,
    }
}

pub fn is_connected(world: &Shop, id: NodeId) -> bool {
    client(world, id).is_some_and(|client| client.phase == Phase::Connected) && connection(world, id).is_some()
}

pub fn flies(world: &Shop, wanted: impl Fn(NodeId, &Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.pending.node, flight.message))
}

pub fn subscription_count(world: &Shop) -> usize {
    match world.memory(SERVER) {
        Some(Memory::Server { connections }) => connections.values().map(|open| open.subs.len()).sum(),
        _ => 0,
    }
}

fn known(client: &Client) -> Fields {
    let phase = match client.phase {
        Phase::Away => "none",
        Phase::Connecting => "being opened",
        Phase::Connected => "open",
    };
    let patterns: Vec<String> = client.subs.iter().map(|sub| sub.pattern.text().into_owned()).collect();
    let mut list = vec![
        field("connection", phase),
        field("subscriptions", patterns.join(" ")),
        field("reconnect buffer", client.waiting.len()),
        field("unanswered PINGs", client.pings),
    ];
    match &client.role {
        Role::Caller { open } => {
            let numbers: Vec<String> = open.iter().map(|request| request.id.to_string()).collect();
            list.push(field("open requests", numbers.join(" ")));
        }
        Role::Responder { jobs } => {
            let numbers: Vec<String> = jobs.iter().map(|job| job.id.to_string()).collect();
            list.push(field("requests", numbers.join(" ")));
        }
        Role::Publisher { doubt } if !doubt.is_empty() => list.push(field("in doubt", doubt.len())),
        _ => {}
    }
    list
}
