//! How a load balancer looks: servers with their queues, and what the balancer knows of each.

use super::prelude::*;
use crate::systems::parts::outcome::Outcome;
use crate::systems::resilience::load_balancer::{
    self as lb, BALANCER, CLIENT, FIRST, Known, LoadBalancer, Memory, Message, POLICIES,
};

impl Face for LoadBalancer {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Request { .. } => ('R', Glyph::Dot, Tone::Producer),
            Message::Response { .. } => ('a', Glyph::Pill, Tone::Fine),
            Message::Busy { .. } => ('b', Glyph::Pill, Tone::Risk),
            Message::Failed { .. } => ('x', Glyph::Pill, Tone::Broken),
            Message::Check => ('?', Glyph::Diamond, Tone::Neutral),
            Message::Healthy => ('h', Glyph::Pill, Tone::Neutral),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        match message {
            Message::Request { id, key } => vec![field("request", id), field("key", key)],
            Message::Response { id } | Message::Busy { id } | Message::Failed { id } => {
                vec![field("request", id)]
            }
            Message::Check | Message::Healthy => Vec::new(),
        }
    }

    fn inspect(world: &Farm, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = if id == CLIENT { vec![field("last request", node.disk)] } else { Vec::new() };
        let memory = match &node.memory {
            None => Vec::new(),
            Some(Memory::Client { sent, .. }) => vec![field("answers awaited", none_or(sent.len()))],
            Some(Memory::Balancer { open, .. }) => {
                let each = servers(world).into_iter().map(|id| {
                    let known = known(world, id);
                    let state = if known.missed >= 2 { "out" } else { "in" };
                    field(LoadBalancer::name(world.settings(), id), format!("{} open, {state}", known.open))
                });
                [field("policy", policy(world).to_owned()), field("requests under way", none_or(open.len()))]
                    .into_iter()
                    .chain(each)
                    .collect()
            }
            Some(Memory::Server { queue }) => {
                let words: Vec<String> = queue.iter().take(12).map(|request| request.0.to_string()).collect();
                vec![
                    field("requests in line", none_or(queue.len())),
                    field("next in line", if words.is_empty() { "none".to_owned() } else { words.join(" ") }),
                ]
            }
        };
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            lb::OUTCOMES => Outcome::name(subject).to_owned(),
            lb::LATENCY => POLICIES.get(usize::from(subject)).unwrap_or(&"?").to_string(),
            _ => LoadBalancer::name(settings, NodeId(subject)),
        }
    }
}

pub type Farm = World<LoadBalancer>;

pub fn servers(world: &Farm) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}

pub fn queued(world: &Farm, id: NodeId) -> usize {
    match world.memory(id) {
        Some(Memory::Server { queue }) => queue.len(),
        _ => 0,
    }
}

pub fn known(world: &Farm, id: NodeId) -> Known {
    match world.memory(BALANCER) {
        Some(Memory::Balancer { servers, .. }) => servers.get(id.index() - FIRST).copied().unwrap_or_default(),
        _ => Known::default(),
    }
}

pub fn policy(world: &Farm) -> &'static str {
    POLICIES.get(world.settings().get(lb::POLICY) as usize).unwrap_or(&"?")
}

/// A number of things, or "none".
fn none_or(count: usize) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}

pub fn server(world: &Farm, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    // Four in a row fit on a phone as circles.
    let (shape, label) = match frame {
        Frame::Wide => (Shape::Service, LoadBalancer::name(world.settings(), id)),
        Frame::Narrow => (Shape::Client, format!("S{}", id.index() + 1 - FIRST)),
    };
    let mut mark = NodeMark::new(id, at, shape, label);
    let waiting = queued(world, id);
    mark.state = if waiting == 0 { "idle".to_owned() } else { format!("{waiting} in line") };
    mark.tone = match (known(world, id).missed >= 2, waiting) {
        (true, _) => Tone::Off,
        (_, 20..) => Tone::Risk,
        _ => Tone::Consumer,
    };
    if frame == Frame::Wide {
        mark.fill = Some((waiting as u32, 60));
    }
    mark
}

pub fn lines(world: &Farm, at: (i32, i32), size: (i32, i32)) -> Figure {
    /// A full bar is the longest line, or this: short lines are compared as well as long ones, and none looks long.
    const SHORTEST: u32 = 10;
    let full = servers(world).iter().map(|id| queued(world, *id) as u32).max().unwrap_or(0).max(SHORTEST);
    let bar = |id: &NodeId| {
        let served = world.metrics().total(lb::SERVED, id.0);
        let (waiting, out) = (queued(world, *id) as u32, known(world, *id).missed >= 2);
        let (word, tone) = match (out, waiting) {
            (true, _) => ("out", Tone::Off),
            (_, 20..) => ("", Tone::Risk),
            _ => ("", Tone::Consumer),
        };
        let text = if word.is_empty() { format!("{waiting} · {served}") } else { word.to_owned() };
        Bar { label: LoadBalancer::name(world.settings(), *id), value: waiting, full, text, tone }
    };
    let title = "In line · answered so far".to_owned();
    Figure { id: "lines", at, size, title, body: Body::Bars(servers(world).iter().map(bar).collect()) }
}
