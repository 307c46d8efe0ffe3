//! What both Paxos scenarios say about messages and nodes.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::systems::consensus::paxos::{
    self, Ballot, Entry, Log, Memory, Message, Paxos, Phase, Slot, Timer, ballot_name,
};

impl Face for Paxos {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Prepare { .. } => ('P', Glyph::Diamond, Tone::Question),
            Message::Promise { accepted, .. } if accepted.entries().is_empty() => ('p', Glyph::Pill, Tone::Question),
            Message::Promise { .. } => ('p', Glyph::Pill, Tone::Fine),
            Message::Accept { .. } => ('A', Glyph::Square, Tone::Active),
            Message::Accepted { .. } => ('a', Glyph::Pill, Tone::Active),
            Message::Refused { .. } => ('n', Glyph::Pill, Tone::Risk),
            Message::Chosen { .. } => ('C', Glyph::Dot, Tone::Fine),
            Message::Heartbeat { .. } => ('H', Glyph::Dot, Tone::Neutral),
            Message::CatchUp { .. } => ('?', Glyph::Diamond, Tone::Neutral),
            Message::Snapshot { .. } => ('S', Glyph::Square, Tone::Neutral),
            Message::Request { .. } => ('R', Glyph::Square, Tone::Producer),
            Message::Answer { .. } => ('k', Glyph::Pill, Tone::Producer),
            Message::Redirect { .. } => ('r', Glyph::Pill, Tone::Off),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let ballot = |ballot: &Ballot| field("ballot", ballot_name(settings, *ballot));
        let slot = |slot: &Slot| field(paxos::slot_word(settings), slot.to_string());
        match message {
            Message::Prepare { ballot: b, slot: s, all } => {
                vec![ballot(b), slot(s), field("later slots too", if *all { "yes" } else { "no" }.to_owned())]
            }
            Message::Promise { ballot: b, slot: s, accepted, .. } => {
                vec![ballot(b), slot(s), field("accepted", words(settings, accepted))]
            }
            Message::Accept { ballot: b, slot: s, value } => {
                vec![ballot(b), slot(s), field("value", value)]
            }
            Message::Accepted { ballot: b, slot: s } => vec![ballot(b), slot(s)],
            Message::Refused { ballot: b, promised, .. } => {
                vec![ballot(b), field("promised", ballot_name(settings, *promised))]
            }
            Message::Chosen { log } => vec![field("chosen", words(settings, log))],
            Message::Heartbeat { ballot: b, slot: s } => vec![ballot(b), field("knows all below slot", s)],
            Message::CatchUp { slot } => vec![field("lacks slots from", slot)],
            Message::Snapshot { state } => vec![field("applied up to slot", state.slot)],
            Message::Request { value } => {
                vec![field("request", value.id), field("command", value)]
            }
            Message::Answer { id } => vec![field("request", id)],
            Message::Redirect { id, leader } => vec![
                field("request", id),
                field("leader", leader.map_or("unknown".to_owned(), |leader| Paxos::name(settings, leader))),
            ],
        }
    }

    fn inspect(world: &World<Paxos>, id: NodeId) -> Inspection {
        let (Some(node), settings) = (world.node(id), world.settings()) else { return Inspection::default() };
        let name = |ballot: Ballot| ballot_name(settings, ballot);
        let member = match &node.memory {
            Some(Memory::Clients(clients)) => {
                let waiting: Vec<String> =
                    clients.waiting.iter().map(|waiting| format!("{}: {}", waiting.value.id, waiting.value)).collect();
                return Inspection {
                    disk: vec![field("last request", node.disk.asked)],
                    memory: vec![
                        field("leader", Paxos::name(settings, clients.leader)),
                        field(
                            "unanswered requests",
                            if waiting.is_empty() { "nobody".to_owned() } else { waiting.join(", ") },
                        ),
                    ],
                };
            }
            Some(Memory::Member(member)) => Some(member),
            None => None,
        };
        let mut disk = Vec::new();
        if paxos::proposers(settings).contains(&id.index()) {
            let registers = ["x", "y", "z"].iter().zip(node.disk.state.registers);
            let registers: Vec<String> =
                registers.filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
            disk.push(field("highest round", node.disk.round));
            disk.push(field("chosen", words(settings, &node.disk.chosen)));
            disk.push(field("applied up to", node.disk.state.slot));
            disk.push(field("registers", if registers.is_empty() { "unset".to_owned() } else { registers.join(", ") }));
        }
        if paxos::acceptors(settings).contains(&id.index()) {
            disk.push(field("promised", name(node.disk.promised)));
            disk.push(field("accepted", words(settings, &node.disk.accepted)));
        }
        let Some(member) = member else { return Inspection { disk, memory: Vec::new() } };
        let mut memory = vec![field("ballot", phase_words(world, &member.phase))];
        if let Some(wish) = member.wish {
            memory.push(field("value to propose", wish));
        }
        if member.unsaved != Ballot::NONE {
            memory.push(field("promise not on disk", name(member.unsaved)));
        }
        if let Some(leader) = member.leader {
            memory.push(field("leader", Paxos::name(settings, leader)));
        }
        if let Some((_, pending)) = world.timers(id).find(|timer| timer.0 == Timer::Try) {
            let left = pending.at.saturating_sub(world.kernel().now());
            memory.push(field("next ballot", format!("in {}", time::show(left))));
        }
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match (metric == paxos::MESSAGES, subject) {
            (true, 0) => "to agree".to_owned(),
            (true, _) => "to lead".to_owned(),
            _ => Paxos::name(settings, NodeId(subject)),
        }
    }
}

/// The last few entries of a log.
fn words(settings: &Settings, log: &Log) -> String {
    let word = |entry: &Entry| format!("{}: {} in {}", entry.slot, entry.value, ballot_name(settings, entry.ballot));
    let skipped = log.entries().len().saturating_sub(8);
    let words: Vec<String> = log.entries().iter().skip(skipped).map(word).collect();
    match (words.is_empty(), skipped) {
        (true, _) => "nothing".to_owned(),
        (_, 0) => words.join(", "),
        _ => format!("{skipped} more, {}", words.join(", ")),
    }
}

fn phase_words(world: &World<Paxos>, phase: &Phase) -> String {
    let name = |ballot: &Ballot| ballot_name(world.settings(), *ballot);
    match phase {
        Phase::Idle => "none".to_owned(),
        Phase::Prepare { ballot, promised, .. } => {
            format!("{}, phase 1, {} promises", name(ballot), promised.count_ones())
        }
        Phase::Accept { ballot, open, .. } => {
            let open: Vec<String> = open.iter().map(|open| format!("{} {}", open.slot, open.value)).collect();
            match open.is_empty() {
                true => format!("{}, nothing open", name(ballot)),
                false => format!("{}, open: {}", name(ballot), open.join(", ")),
            }
        }
    }
}
