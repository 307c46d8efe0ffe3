//! How leases look: who holds the lock and until when, by whose clock, and what the store takes.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::systems::consensus::lease_lock::promises::holders;
use crate::systems::consensus::lease_lock::{
    Attempt, FIRST, LOCK, Lease, LeaseLock, Memory, Message, Phase, STORE, Timer,
};

impl Face for LeaseLock {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Acquire { .. } => ('A', Glyph::Diamond, Tone::Question),
            Message::Renew { .. } => ('N', Glyph::Diamond, Tone::Neutral),
            Message::Grant { .. } => ('G', Glyph::Pill, Tone::Active),
            Message::Release { .. } => ('R', Glyph::Dot, Tone::Neutral),
            Message::Read { .. } => ('r', Glyph::Dot, Tone::Producer),
            Message::Value { .. } => ('v', Glyph::Pill, Tone::Store),
            Message::Write { .. } => ('W', Glyph::Square, Tone::Producer),
            Message::Done { ok: true, .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Done { .. } => ('x', Glyph::Pill, Tone::Risk),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        match *message {
            Message::Acquire { ask } => vec![field("question", ask)],
            Message::Renew { ask, token } | Message::Grant { ask, token } => {
                vec![field("question", ask), field("token", token)]
            }
            Message::Release { token } | Message::Read { token } => vec![field("token", token)],
            Message::Value { token, value } | Message::Write { token, value } => {
                vec![field("token", token), field("value", value)]
            }
            Message::Done { token, ok } => {
                vec![field("token", token), ("taken".to_owned(), if ok { "yes" } else { "no" }.to_owned())]
            }
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match id {
            LOCK => vec![field("newest token granted", node.disk.granted)],
            STORE => vec![
                field("value", node.disk.value),
                field("newest token seen", node.disk.newest),
                field("token of the last write", node.disk.written),
            ],
            _ => vec![field("questions asked", node.disk.asks)],
        };
        let mut memory = match &node.memory {
            None => return Inspection { disk, memory: Vec::new() },
            Some(Memory::Lock { holder, queue, .. }) => {
                let waiting: Vec<String> = queue.iter().map(|waiting| name(world, waiting.client)).collect();
                let held =
                    holder.map_or("nobody".to_owned(), |(who, token)| format!("{}, token {token}", name(world, who)));
                vec![field("lent to", held), field("waiting", waiting.join(", "))]
            }
            Some(Memory::Store { newest }) => vec![field("newest token seen", newest)],
            Some(Memory::Client { phase, lease, .. }) => {
                let lease = lease.map_or("none".to_owned(), |lease| format!("token {}", lease.token));
                vec![field("state", doing(*phase).to_owned()), field("lease", lease)]
            }
        };
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            let what = LeaseLock::describe_timer(world.settings(), timer);
            memory.push(field(&what, format!("in {}", time::show(left))));
        }
        Inspection { disk, memory }
    }
}

pub type Shop = World<LeaseLock>;

fn name(world: &Shop, node: NodeId) -> String {
    LeaseLock::name(world.settings(), node)
}

pub fn clients(world: &Shop) -> Vec<NodeId> {
    (FIRST..world.nodes().count()).map(NodeId::from).collect()
}

pub fn client(world: &Shop, id: NodeId) -> Option<(Phase, Option<Lease>)> {
    match world.memory(id)? {
        Memory::Client { phase, lease, .. } => Some((*phase, *lease)),
        _ => None,
    }
}

pub fn newest(world: &Shop) -> u32 {
    match world.memory(STORE) {
        Some(Memory::Store { newest }) => *newest,
        _ => world.node(STORE).map_or(0, |node| node.disk.newest),
    }
}

pub fn lock_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(LOCK, at, Shape::Service, "lock");
    let Some(Memory::Lock { holder, grace, .. }) = world.memory(LOCK) else { return mark };
    (mark.state, mark.tone) = match holder {
        Some((holder, token)) => (format!("{} has token {token}", name(world, *holder)), Tone::Active),
        None if *grace => ("waits out a lease".to_owned(), Tone::Risk),
        None => ("free".to_owned(), Tone::Service),
    };
    let timer = world.timers(LOCK).next();
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

pub fn store_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(STORE, at, Shape::Store, "store");
    mark.tone = Tone::Store;
    mark.state = format!("newest token {}", newest(world));
    mark
}

/// What a client is doing, in a word.
fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Waits => "wants it",
        Phase::Reads => "reads",
        Phase::Works(_) => "works",
        Phase::Writes => "writes",
    }
}

pub fn client_mark(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, name(world, id));
    mark.tone = Tone::Producer;
    let Some((phase, lease)) = client(world, id) else { return mark };
    mark.state = lease.map_or(doing(phase).to_owned(), |lease| format!("{}, token {}", doing(phase), lease.token));
    let Some(lease) = lease else { return mark };
    mark.tone = if holders(world).count() > 1 { Tone::Risk } else { Tone::Active };
    let timer = world.timers(id).find(|timer| timer.0 == Timer::End(lease.ask));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Who holds the lock: what the service says, and what each client believes.
pub fn beliefs(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let held = match world.memory(LOCK) {
        Some(Memory::Lock { holder, .. }) => *holder,
        _ => None,
    };
    let row = |id: NodeId| {
        let (phase, lease) = client(world, id).unwrap_or((Phase::Idle, None));
        let believes = lease.map_or("no".to_owned(), |lease| format!("yes, token {}", lease.token));
        let truly = held.is_some_and(|held| held.0 == id);
        let doing = if world.memory(id).is_none() { "down" } else { doing(phase) };
        vec![
            Cell::firm(name(world, id), Tone::Neutral),
            Cell::firm(doing, Tone::Neutral),
            Cell::firm(believes, if lease.is_some() { Tone::Active } else { Tone::Neutral }),
            Cell::firm(if truly { "yes" } else { "no" }, Tone::Neutral),
        ]
    };
    let head = ["client", "doing", "believes", "by the lock"].map(str::to_owned).to_vec();
    let rows = clients(world).into_iter().map(row).collect();
    Figure { id: "beliefs", at, size, title: "Who holds the lock?".to_owned(), body: Body::Table { head, rows } }
}

/// The last writes, the newest at the bottom.
pub fn attempts(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |attempt: &Attempt| {
        let (verdict, tone) = match attempt {
            Attempt { ok: false, .. } => ("refused", Tone::Off),
            Attempt { value, over, .. } if *value != over + 1 => ("loses one", Tone::Broken),
            _ => ("taken", Tone::Fine),
        };
        vec![
            Cell::firm(name(world, attempt.client), Tone::Neutral),
            Cell::firm(attempt.token.to_string(), Tone::Neutral),
            Cell::firm(format!("{} to {}", attempt.over, attempt.value), Tone::Neutral),
            Cell::firm(verdict, tone),
        ]
    };
    let shown = if size.1 < 120 { 3 } else { 4 };
    let recent = &world.witness().recent;
    let rows = recent.iter().skip(recent.len().saturating_sub(shown)).map(row).collect();
    let head = ["write by", "token", "value", ""].map(str::to_owned).to_vec();
    let value = world.node(STORE).map_or(0, |node| node.disk.value);
    Figure { id: "attempts", at, size, title: format!("The store's value: {value}"), body: Body::Table { head, rows } }
}
