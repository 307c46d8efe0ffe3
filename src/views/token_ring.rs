//! How a token ring looks: nodes in a circle, the token and its epoch, who wants in and who is in.

use super::prelude::*;
use crate::sim::kernel::time::{self};
use crate::systems::consensus::token_ring::promises::tokens;
use crate::systems::consensus::token_ring::{self as ring, Cargo, Memory, Message, Number, Timer, TokenRing};

impl Face for TokenRing {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Ask => ('?', Glyph::Dot, Tone::Neutral),
            Message::Here => ('y', Glyph::Pill, Tone::Neutral),
            Message::Token(_) => ('T', Glyph::Square, Tone::Active),
            Message::Claim(_) => ('C', Glyph::Diamond, Tone::Risk),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        match message {
            Message::Ask | Message::Here => Fields::new(),
            Message::Token(number) => vec![
                field("epoch", number.epoch),
                field("made by", TokenRing::name(settings, NodeId(number.maker))),
                field("hand-over", number.turn),
            ],
            Message::Claim(claim) => vec![
                field("called by", TokenRing::name(settings, claim.by)),
                field("call", claim.call),
                field("highest epoch met", claim.epoch),
            ],
        }
    }

    fn inspect(world: &Ring, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = vec![field("newest token seen", number(node.disk.seen)), field("calls made", node.disk.calls)];
        let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
        let passing = match memory.passing {
            None => "nothing".to_owned(),
            Some((Cargo::Token, to)) => format!("the token, to {}", name(world, to)),
            Some((Cargo::Claim(claim), to)) => format!("{}'s call, to {}", name(world, claim.by), name(world, to)),
        };
        let mut fields = vec![
            field("state", doing(memory).0.to_owned()),
            field("token", memory.token.map_or("none".to_owned(), number)),
            field("hands on", passing),
        ];
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            fields.push(field(TokenRing::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
        }
        Inspection { disk, memory: fields }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        if metric == ring::MESSAGES { "all".to_owned() } else { TokenRing::name(settings, NodeId(subject)) }
    }
}

pub type Ring = World<TokenRing>;

pub fn all(world: &Ring) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

pub fn name(world: &Ring, node: NodeId) -> String {
    TokenRing::name(world.settings(), node)
}

/// The highest epoch anybody has seen.
pub fn epoch(world: &Ring) -> u32 {
    world.nodes().map(|(_, node)| node.disk.seen.epoch).max().unwrap_or(0)
}

/// The ring; dashed next to a node that is down. Chords only where a message skips such a node.
pub fn link(world: &Ring, picture: &mut Picture, nodes: &[NodeId]) {
    let up = |node: NodeId| world.memory(node).is_some();
    for (a, b) in nodes.iter().zip(nodes.iter().cycle().skip(1)) {
        picture.links.push(LinkMark::new(*a, *b, !up(*a) || !up(*b)));
    }
    let sight = world.kernel().now().saturating_sub(SEC);
    let flying = world.flights().map(|flight| (flight.from, flight.pending.node));
    let lost = world.lost().filter(|lost| lost.due > sight).map(|lost| (lost.from, lost.to));
    for (a, b) in flying.chain(lost) {
        let known = |link: &LinkMark| (link.a, link.b) == (a, b) || (link.b, link.a) == (a, b);
        if a != b && !picture.links.iter().any(known) {
            picture.links.push(LinkMark::new(a, b, true));
        }
    }
}

/// What a node is doing, in a few words.
fn doing(memory: &Memory) -> (&'static str, Tone) {
    match memory {
        Memory { inside: true, .. } => ("inside", Tone::Active),
        Memory { token: Some(_), .. } => ("has token", Tone::Active),
        Memory { wants: Some(_), .. } => ("wants in", Tone::Question),
        Memory { claims: Some(_), .. } => ("calls", Tone::Risk),
        Memory { passing: Some((Cargo::Claim(_), _)), .. } => ("relays a call", Tone::Neutral),
        _ => ("idle", Tone::Neutral),
    }
}

pub fn station(world: &Ring, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, name(world, id));
    let Some(memory) = world.memory(id) else { return mark };
    let (state, tone) = doing(memory);
    (mark.state, mark.tone) = (state.to_owned(), tone);
    let shown = if memory.inside { Timer::Done } else { Timer::Silence };
    let timer = world.timers(id).find(|timer| timer.0 == shown);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn number(number: Number) -> String {
    match number.epoch {
        0 => "none".to_owned(),
        epoch => format!("epoch {epoch} #{}", number.turn),
    }
}

pub fn stations(world: &Ring, at: (i32, i32), size: (i32, i32)) -> Figure {
    let now = world.kernel().now();
    let row = |id: NodeId| {
        let disk = world.node(id).map(|node| node.disk).unwrap_or_default();
        let memory = world.memory(id);
        let (doing, tone) = memory.map_or(("down", Tone::Off), doing);
        let waits =
            memory.and_then(|memory| memory.wants).map_or(String::new(), |since| time::show(now.saturating_sub(since)));
        vec![
            Cell::firm(name(world, id), Tone::Neutral),
            Cell::firm(doing, tone),
            Cell::firm(waits, Tone::Question),
            Cell::firm(number(disk.seen), Tone::Neutral),
        ]
    };
    let head = ["node", "doing", "waits for", "newest seen"].map(str::to_owned).to_vec();
    let title = format!(
        "{} in the ring",
        match tokens(world).len() {
            0 => "No token".to_owned(),
            1 => "One token".to_owned(),
            more => format!("{more} tokens"),
        }
    );
    Figure {
        id: "stations",
        at,
        size,
        title,
        body: Body::Table { head, rows: all(world).into_iter().map(row).collect() },
    }
}
