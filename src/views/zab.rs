//! How Zab looks: servers with their epochs, histories side by side, and the phase that each is in.

use super::prelude::*;
use crate::mechanisms::zab::Vote;
use crate::systems::consensus::zab::{self, Body, Leading, Message, Role, Stage, Timer, Zab, epochs};

impl Face for Zab {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Notification { vote } if vote.looking => ('V', Glyph::Diamond, Tone::Question),
            Message::Notification { .. } => ('L', Glyph::Diamond, Tone::Active),
            Message::Ping { .. } => ('h', Glyph::Dot, Tone::Neutral),
            Message::Pong { .. } => ('h', Glyph::Pill, Tone::Neutral),
            Message::Packet { body, .. } => match body {
                Body::CEpoch { .. } => ('e', Glyph::Pill, Tone::Service),
                Body::NewEpoch { .. } => ('E', Glyph::Square, Tone::Service),
                Body::AckEpoch { .. } => ('k', Glyph::Pill, Tone::Service),
                Body::NewLeader { .. } => ('S', Glyph::Square, Tone::Store),
                Body::AckLeader => ('s', Glyph::Pill, Tone::Store),
                Body::CommitLeader { .. } => ('U', Glyph::Dot, Tone::Store),
                Body::Propose { .. } => ('P', Glyph::Square, Tone::Producer),
                Body::Ack { .. } => ('a', Glyph::Pill, Tone::Producer),
                Body::Commit { .. } => ('C', Glyph::Dot, Tone::Fine),
            },
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let (link, number, body) = match message {
            Message::Notification { vote } => return vote_fields(settings, vote),
            Message::Ping { link, sent } | Message::Pong { link, sent } => {
                return vec![field("connection", link), field("sent before", sent)];
            }
            Message::Packet { link, seq, body } => (link, seq, body),
        };
        let mut fields = vec![field("connection", link), field("number in it", number)];
        match body {
            Body::CEpoch { promised } => fields.push(field("promised", promised)),
            Body::NewEpoch { epoch } => fields.push(field("epoch", epoch)),
            Body::AckEpoch { counts, current, history } => {
                fields.push(field("counts", if *counts { "yes" } else { "no, promised before" }));
                fields.push(field("current epoch", current));
                fields.push(field("last zxid", epochs(history.last())));
            }
            Body::NewLeader { epoch, update } => {
                fields.push(field("epoch", epoch));
                fields.push(field("update", update.words()));
            }
            Body::AckLeader => {}
            Body::CommitLeader { upto } => fields.push(field("up to", epochs(*upto))),
            Body::Propose { txn } => {
                fields.push(field("zxid", epochs(txn.zxid)));
                fields.push(field("change", txn));
            }
            Body::Ack { zxid } | Body::Commit { zxid } => fields.push(field("zxid", epochs(*zxid))),
        }
        fields
    }

    fn inspect(world: &Ensemble, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let history = &node.disk.history;
        let tail = history.txns().iter().rev().take(6).rev();
        let disk = vec![
            field("promised epoch", node.disk.accepted),
            field("current epoch", node.disk.current),
            field("transactions", history.len()),
            field("newest", tail.map(|txn| format!("{} {txn}", epochs(txn.zxid))).collect::<Vec<_>>().join(", ")),
        ];
        let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
        let mut fields = vec![field("delivered", memory.delivered)];
        for (register, value) in ["x", "y", "z"].iter().zip(memory.state) {
            fields.push(field(*register, value.map_or("unset".to_owned(), |value| value.to_string())));
        }
        match &memory.role {
            Role::Looking(looking) => {
                fields.push(field("role", "looking for a leader"));
                fields.extend(vote_fields(world.settings(), &looking.vote));
            }
            Role::Following(following) => {
                let leader = Zab::name(world.settings(), following.leader);
                fields.push(field("role", format!("follows {leader}, {}", word(following.stage))));
                fields.push(field("connection", following.link));
            }
            Role::Leading(leading) => {
                fields.push(field("role", format!("leads epoch {}, {}", leading.epoch, word(leading.stage))));
                for open in &leading.outstanding {
                    fields.push(field(
                        format!("open {}", epochs(open.zxid)),
                        format!("{} have it", open.acks.count_ones()),
                    ));
                }
            }
        }
        Inspection { disk, memory: fields }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        let own = metric == zab::EPOCH || metric == zab::ELECTIONS;
        if own { Zab::name(settings, NodeId(subject)) } else { "all".to_owned() }
    }
}

pub type Ensemble = World<Zab>;

pub fn role(world: &Ensemble, id: NodeId) -> Option<&Role> {
    world.memory(id).map(|memory| &memory.role)
}

pub fn leading(world: &Ensemble, id: NodeId) -> Option<&Leading> {
    match role(world, id) {
        Some(Role::Leading(leading)) => Some(leading),
        _ => None,
    }
}

pub fn leaders(world: &Ensemble) -> Vec<NodeId> {
    everybody(world).into_iter().filter(|id| leading(world, *id).is_some()).collect()
}

pub fn everybody(world: &Ensemble) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

/// The leader of the latest epoch, if there is one.
pub fn newest(world: &Ensemble) -> Option<(NodeId, &Leading)> {
    let all = leaders(world).into_iter().filter_map(|id| Some((id, leading(world, id)?)));
    all.max_by_key(|(_, leading)| leading.epoch)
}

pub fn stage(world: &Ensemble) -> Option<Stage> {
    newest(world).map(|(_, leading)| leading.stage)
}

const fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Discovery => "discovery",
        Stage::Sync => "sync",
        Stage::Broadcast => "broadcast",
    }
}

pub fn server(world: &Ensemble, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, Zab::name(world.settings(), id));
    let name = |id: NodeId| Zab::name(world.settings(), id);
    (mark.state, mark.tone) = match role(world, id) {
        None => return mark,
        Some(Role::Looking(looking)) => (format!("looks, votes for {}", name(NodeId(looking.vote.id))), Tone::Question),
        Some(Role::Following(following)) => {
            let tone = if following.stage == Stage::Broadcast { Tone::Neutral } else { Tone::Risk };
            (format!("follows {}: {}", name(following.leader), word(following.stage)), tone)
        }
        Some(Role::Leading(leading)) => {
            let tone = if leading.stage == Stage::Broadcast { Tone::Active } else { Tone::Question };
            (format!("leads: {}", word(leading.stage)), tone)
        }
    };
    mark.crown = leading(world, id).is_some();
    let waits = |timer: Timer| matches!(timer, Timer::Patience | Timer::Finalize);
    let timer = world.timers(id).find(|(timer, _)| waits(*timer));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// The servers that have the oldest open proposal, or promised the newest leader's epoch, or have its history.
pub fn quorum(world: &Ensemble) -> Option<SetMark> {
    let (_, leading) = newest(world)?;
    let (set, label, tone) = match (leading.stage, leading.outstanding.first()) {
        (Stage::Broadcast, Some(open)) => (open.acks, format!("{} acknowledged", epochs(open.zxid)), Tone::Risk),
        (Stage::Broadcast, None) => (leading.synced, format!("epoch {}", leading.epoch), Tone::Active),
        (Stage::Sync, _) => (leading.synced, "synchronised".to_owned(), Tone::Question),
        (Stage::Discovery, _) => (leading.acked, "promised".to_owned(), Tone::Question),
    };
    let members = everybody(world).into_iter().filter(|id| set >> id.0 & 1 == 1).collect();
    Some(SetMark { members, label, tone })
}

/// How many transactions of each history are shown.
const SHOWN: u32 = 8;

pub fn histories(world: &Ensemble, at: (i32, i32), size: (i32, i32)) -> Figure {
    let longest = world.nodes().map(|(_, node)| node.disk.history.len()).max().unwrap_or(0);
    let first = longest.saturating_sub(SHOWN);
    let rows = world.nodes().map(|(id, node)| {
        let (history, delivered) = (&node.disk.history, node.memory.as_ref().map_or(0, |memory| memory.delivered));
        let cell = |place: u32| {
            let text = history.get(place).map_or("snap".to_owned(), |txn| format!("{} {txn}", epochs(txn.zxid)));
            if place < delivered { Cell::firm(text, Tone::Fine) } else { Cell::loose(text, Tone::Risk) }
        };
        let mark = delivered.checked_sub(first).filter(|shown| *shown > 0).map(|shown| shown.min(SHOWN) as u16);
        GridRow { label: Zab::name(world.settings(), id), cells: (first..history.len()).map(cell).collect(), mark }
    });
    let title = "Histories, epoch.counter change. Firm: delivered.".to_owned();
    Figure {
        id: "histories",
        at,
        size,
        title,
        body: crate::picture::Body::Grid { first: first + 1, rows: rows.collect() },
    }
}

pub fn phases(world: &Ensemble, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let Some(node) = world.node(id) else { return Vec::new() };
        let (phase, tone) = match role(world, id) {
            None => ("-", Tone::Off),
            Some(Role::Looking(_)) => ("election", Tone::Question),
            Some(Role::Following(following)) => (word(following.stage), Tone::Neutral),
            Some(Role::Leading(leading)) => (word(leading.stage), Tone::Active),
        };
        let value = |register: usize| {
            let known = node.memory.as_ref().and_then(|memory| memory.state[register]);
            Cell::firm(known.map_or("-".to_owned(), |value| value.to_string()), Tone::Neutral)
        };
        vec![
            Cell::firm(Zab::name(world.settings(), id), Tone::Neutral),
            Cell::firm(phase, tone),
            Cell::firm(node.disk.accepted.to_string(), Tone::Neutral),
            Cell::firm(node.disk.current.to_string(), Tone::Neutral),
            value(0),
            value(1),
        ]
    };
    let head = ["server", "phase", "promised", "epoch", "x", "y"].map(str::to_owned).to_vec();
    let title = "Phases, and epochs on disk".to_owned();
    let rows = everybody(world).into_iter().map(row).collect();
    Figure { id: "phases", at, size, title, body: crate::picture::Body::Table { head, rows } }
}

fn vote_fields(settings: &Settings, vote: &Vote) -> Fields {
    vec![
        field("votes for", Zab::name(settings, NodeId(vote.id))),
        field("its epoch", vote.epoch),
        field("its last zxid", epochs(vote.zxid)),
        field("round", vote.round),
        field("looking", if vote.looking { "yes" } else { "no, it leads" }),
    ]
}

pub fn set(register: i64, value: i64) -> Input {
    Input::call(zab::SET, &[register, value])
}

pub fn epoch(world: &Ensemble) -> u32 {
    world.witness().primaries().last().map_or(0, |primary| primary.0)
}

/// Proposals that a server has but has not delivered.
pub fn tail(world: &Ensemble, id: NodeId) -> u32 {
    let Some(node) = world.node(id) else { return 0 };
    node.memory.as_ref().map_or(0, |memory| node.disk.history.len().saturating_sub(memory.delivered))
}
