//! How Raft, Multi-Paxos and Zab look beside each other: three groups, each drawn as in its own scenarios.

use super::prelude::*;
use crate::sim::kernel::time::show;
use crate::sim::measure::metrics::WINDOW;
use crate::systems::consensus::raft::{Raft, Role};
use crate::systems::consensus::side_by_side::promises::{longest_pause, pause};
use crate::systems::consensus::side_by_side::{
    self as trio, Disk, Message, Protocol, Said, SideBySide, State, applied, inner, inner_settings, leader, reign,
};
use crate::systems::consensus::{paxos, zab};
use crate::systems::consensus::{paxos::Paxos, zab::Zab};

impl Face for SideBySide {
    fn look(message: &Message) -> Look {
        match &message.said {
            Said::Raft(said) => Raft::look(said),
            Said::Paxos(said) => Paxos::look(said),
            Said::Zab(said) => Zab::look(said),
        }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let mut fields = match &message.said {
            Said::Raft(said) => Raft::fields(&inner_settings(settings, Protocol::Raft), said),
            Said::Paxos(said) => Paxos::fields(&inner_settings(settings, Protocol::Paxos), said),
            Said::Zab(said) => Zab::fields(&inner_settings(settings, Protocol::Zab), said),
        };
        fields.push(field("because of a command", if message.work { "yes" } else { "no" }));
        fields
    }

    fn inspect(world: &Trio, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match &node.disk {
            Disk::Raft(disk) => vec![field("term", disk.term), field("last index", disk.log.last_index())],
            Disk::Paxos(disk) => {
                let ballot = paxos::ballot_name(&inner_settings(world.settings(), Protocol::Paxos), disk.promised);
                vec![field("promised ballot", ballot), field("last slot accepted", disk.accepted.last())]
            }
            Disk::Zab(disk) => {
                vec![field("promised epoch", disk.accepted), field("last zxid", zab::epochs(disk.history.last()))]
            }
        };
        let memory = match node.memory {
            Some(_) => vec![field("role", words(world, id).0), field("commands applied", applied(world, id))],
            None => Vec::new(),
        };
        Inspection { disk, memory }
    }

    fn subject(_: &Settings, _: MetricId, subject: u16) -> String {
        Protocol::ALL.get(usize::from(subject)).map_or("?", |of| of.title()).to_owned()
    }
}

pub type Trio = World<SideBySide>;

/// The letter of a server within its group.
fn letter(world: &Trio, node: NodeId) -> String {
    Raft::name(world.settings(), inner(world.settings(), node).1)
}

/// The median commit latency of the last minute.
pub fn median(world: &Trio, of: Protocol) -> Option<Micros> {
    let first = world.kernel().now().saturating_sub(60 * SEC) / WINDOW;
    world.metrics().get(trio::COMMIT_LATENCY, of as u16)?.merged(first).quantile(500)
}

/// Messages per committed command, in tenths.
pub fn tenths_a_command(world: &Trio, of: Protocol) -> Option<u64> {
    let total = |metric| world.metrics().total(metric, of as u16);
    (total(trio::MESSAGES) * 10 + total(trio::COMMITTED) / 2).checked_div(total(trio::COMMITTED))
}

/// Where a group's servers stand.
pub fn places(frame: Frame, of: Protocol, count: usize) -> Vec<(i32, i32)> {
    let column = of as i32;
    let places: &[(i32, i32)] = match (frame, count) {
        (Frame::Wide, 3) => &[(160, 110), (250, 270), (70, 270)],
        (Frame::Wide, _) => &[(160, 92), (264, 168), (226, 288), (94, 288), (56, 168)],
        (Frame::Narrow, 3) => &[(100, 88), (200, 56), (300, 88)],
        (Frame::Narrow, _) => &[(50, 56), (116, 90), (200, 56), (284, 90), (350, 56)],
    };
    let (right, down) = if frame == Frame::Wide { (320, 0) } else { (0, 118) };
    places.iter().map(|(x, y)| (x + column * right, y + column * down)).collect()
}

/// The name of a group, above it.
pub fn heading(world: &Trio, of: Protocol, frame: Frame) -> Figure {
    let (id, column) = (["raft", "multi-paxos", "zab"][of as usize], of as i32);
    let (at, size, title) = match (frame, leader(world, of)) {
        (Frame::Wide, None) => ((24 + column * 320, 12), (272, 24), format!("{}: no leader", of.title())),
        (Frame::Wide, Some(_)) => ((24 + column * 320, 12), (272, 24), of.title().to_owned()),
        (Frame::Narrow, _) => ((84, 4 + column * 118), (82, 20), of.title().to_owned()),
    };
    Figure { id, at, size, title, body: Body::Bars(Vec::new()) }
}

/// What a server does, in at most 10 characters, and its colour.
fn words(world: &Trio, id: NodeId) -> (String, Tone) {
    if let Some(reign) = reign(world, id) {
        return (format!("leads {reign}"), Tone::Active);
    }
    let (word, tone) = match world.memory(id).map(|memory| &memory.state) {
        Some(State::Raft(memory)) => match memory.role {
            Role::Candidate { .. } | Role::PreCandidate { .. } => ("candidate", Tone::Question),
            _ => ("follows", Tone::Neutral),
        },
        Some(State::Paxos(paxos::Memory::Member(member))) => match member.phase {
            paxos::Phase::Prepare { .. } => ("prepares", Tone::Question),
            _ => ("accepts", Tone::Neutral),
        },
        Some(State::Zab(memory)) => match &memory.role {
            zab::Role::Looking(_) => ("looks", Tone::Question),
            zab::Role::Following(following) if following.stage == zab::Stage::Broadcast => ("follows", Tone::Neutral),
            zab::Role::Following(_) => ("joins", Tone::Risk),
            zab::Role::Leading(leading) if leading.stage == zab::Stage::Discovery => ("discovers", Tone::Question),
            zab::Role::Leading(_) => ("syncs", Tone::Question),
        },
        _ => ("", Tone::Neutral),
    };
    (word.to_owned(), tone)
}

pub fn server(world: &Trio, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, letter(world, id));
    let (word, tone) = words(world, id);
    mark.crown = reign(world, id).is_some();
    mark.tone = tone;
    // Three rows on a phone leave no room for a line below each server.
    mark.state = if frame == Frame::Wide { word } else { String::new() };
    mark
}

const HEAD: [&str; 7] = ["protocol", "leader", "commit", "in theory", "msgs/cmd", "in theory", "pause"];

/// What was measured of a protocol, and what theory says.
fn row(world: &Trio, of: Protocol) -> Vec<Cell> {
    let lead = leader(world, of);
    let servers = trio::servers(world.settings()) as u64;
    let none = || "-".to_owned();
    let cell = |text: String, tone| Cell::firm(text, tone);
    let tenths = tenths_a_command(world, of);
    let rest = pause(world, of).filter(|pause| *pause > SEC / 2);
    vec![
        cell(of.title().to_owned(), Tone::Neutral),
        match lead {
            Some(node) => cell(letter(world, node), Tone::Active),
            None => cell("nobody".to_owned(), Tone::Risk),
        },
        cell(median(world, of).map_or_else(none, show), Tone::Fine),
        cell(show(2 * world.settings().amount(trio::LATENCY)), Tone::Neutral),
        cell(tenths.map_or_else(none, |tenths| format!("{}.{}", tenths / 10, tenths % 10)), Tone::Fine),
        cell(of.theory(servers).to_string(), Tone::Neutral),
        cell(show_pause(longest_pause(world, of)), if rest.is_some() { Tone::Risk } else { Tone::Neutral }),
    ]
}

/// A pause in whole milliseconds, or seconds.
fn show_pause(pause: Micros) -> String {
    if pause == 0 { "-".to_owned() } else { show(pause / MS * MS) }
}

pub fn table(world: &Trio, frame: Frame) -> Figure {
    let rows: Vec<Vec<Cell>> = Protocol::ALL.into_iter().map(|of| row(world, of)).collect();
    let (at, size, head, rows) = match frame {
        Frame::Wide => ((24, 384), (912, 164), HEAD.map(str::to_owned).to_vec(), rows),
        Frame::Narrow => {
            let head =
                std::iter::once(String::new()).chain(rows.iter().filter_map(|row| Some(row.first()?.text.clone())));
            let line = |at: usize| {
                let name = std::iter::once(Cell::firm(HEAD[at], Tone::Neutral));
                name.chain(rows.iter().filter_map(|row| row.get(at).cloned())).collect()
            };
            ((8, 366), (384, 188), head.collect(), (1..HEAD.len()).map(line).collect())
        }
    };
    let title = "Measured, and in theory".to_owned();
    Figure { id: "measures", at, size, title, body: Body::Table { head, rows } }
}
