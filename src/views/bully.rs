//! How a bully election looks: servers in a circle, who works for whom, messages by kind.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::systems::consensus::bully::promises::{at_work, leaders};
use crate::systems::consensus::bully::{self, Bully, Message, Phase, Timer};

impl Face for Bully {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Election => ('E', Glyph::Diamond, Tone::Question),
            Message::Ok => ('k', Glyph::Pill, Tone::Fine),
            Message::Halt => ('H', Glyph::Square, Tone::Risk),
            Message::Coordinator => ('C', Glyph::Dot, Tone::Active),
        };
        Look { letter, glyph, tone }
    }

    fn inspect(world: &Cluster, id: NodeId) -> Inspection {
        let Some(memory) = world.memory(id) else { return Inspection::default() };
        let who = |node: Option<NodeId>| node.map_or("nobody".to_owned(), |node| name(world, node));
        let mut fields = vec![
            field("role", doing(world, id).0),
            field("its coordinator", who(memory.coordinator(id))),
            field("halted by", who(memory.halted_by)),
        ];
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            fields.push(field(Bully::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
        }
        Inspection { disk: Vec::new(), memory: fields }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        if metric == bully::MESSAGES { "all".to_owned() } else { Bully::name(settings, NodeId(subject)) }
    }
}

pub type Cluster = World<Bully>;

pub fn phase(world: &Cluster, node: NodeId) -> Option<Phase> {
    world.memory(node).map(|memory| memory.phase)
}

pub fn all(world: &Cluster) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

pub fn name(world: &Cluster, node: NodeId) -> String {
    Bully::name(world.settings(), node)
}

pub fn led_by(world: &Cluster) -> Vec<NodeId> {
    leaders(world).collect()
}

/// Where there is more than one coordinator: which nodes follow which.
pub fn groups(world: &Cluster) -> Vec<SetMark> {
    let leaders = led_by(world);
    if leaders.len() < 2 {
        return Vec::new();
    }
    let tones = [Tone::Active, Tone::Risk, Tone::Question];
    let group = |(leader, tone): (NodeId, Tone)| SetMark {
        members: at_work(world).filter(|pair| pair.1 == leader).map(|pair| pair.0).collect(),
        label: format!("working for {}", name(world, leader)),
        tone,
    };
    leaders.into_iter().rev().zip(tones).map(group).collect()
}

/// What a node is doing, in a few words.
fn doing(world: &Cluster, id: NodeId) -> (String, Tone) {
    let Some(memory) = world.memory(id) else { return ("down".to_owned(), Tone::Off) };
    match (memory.phase, memory.halted_by) {
        (Phase::Asks, _) => ("asks above".to_owned(), Tone::Question),
        (Phase::Halts, _) => ("halts below".to_owned(), Tone::Risk),
        (Phase::Waits, Some(other)) => (format!("halted by {}", name(world, other)), Tone::Off),
        (Phase::Waits, None) => ("waits".to_owned(), Tone::Neutral),
        (Phase::Follows(_), _) => ("works".to_owned(), Tone::Fine),
        (Phase::Leads, _) => ("coordinator".to_owned(), Tone::Active),
    }
}

pub fn server(world: &Cluster, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, name(world, id));
    let Some(phase) = phase(world, id) else { return mark };
    (mark.state, mark.tone) = doing(world, id);
    if let Phase::Follows(leader) = phase {
        (mark.state, mark.tone) = (format!("works for {}", name(world, leader)), Tone::Neutral);
    }
    mark.crown = phase == Phase::Leads;
    let waits = world.timers(id).find(|timer| timer.0 != Timer::Beat);
    mark.ring = waits.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Which coordinator each node follows, the highest node first.
pub fn beliefs(world: &Cluster, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let works_for = world.memory(id).and_then(|memory| memory.coordinator(id));
        let (doing, tone) = doing(world, id);
        let works_for = works_for.map_or("nobody".to_owned(), |leader| name(world, leader));
        vec![Cell::firm(name(world, id), Tone::Neutral), Cell::firm(doing, tone), Cell::firm(works_for, Tone::Neutral)]
    };
    let head = ["node", "doing", "works for"].map(str::to_owned).to_vec();
    let rows = all(world).into_iter().rev().map(row).collect();
    let title = "The highest node that is up should lead".to_owned();
    Figure { id: "beliefs", at, size, title, body: Body::Table { head, rows } }
}
