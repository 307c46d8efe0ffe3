//! How two-phase commit looks: the coordinator and its log, participants with their votes and locks.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::sim::numbers::counted;
use crate::systems::transactions::two_phase_commit::promises::locked;
use crate::systems::transactions::two_phase_commit::{
    self as tpc, CLIENT, COORDINATOR, Disk, Memory, Message, Record, TwoPhaseCommit, Tx, participants,
};

impl Face for TwoPhaseCommit {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Request { .. } => ('O', Glyph::Square, Tone::Producer),
            Message::Outcome { commit: true, .. } => ('✓', Glyph::Pill, Tone::Fine),
            Message::Outcome { .. } => ('✕', Glyph::Pill, Tone::Off),
            Message::Prepare { .. } => ('P', Glyph::Diamond, Tone::Question),
            Message::Vote { yes: true, .. } => ('Y', Glyph::Pill, Tone::Fine),
            Message::Vote { .. } => ('N', Glyph::Pill, Tone::Broken),
            Message::Decide { commit: true, .. } => ('C', Glyph::Square, Tone::Fine),
            Message::Decide { .. } => ('A', Glyph::Square, Tone::Off),
            Message::Ack { .. } => ('k', Glyph::Pill, Tone::Neutral),
            Message::Inquire { .. } => ('?', Glyph::Diamond, Tone::Risk),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let word = |commit: bool| if commit { "commit" } else { "abort" }.to_owned();
        match *message {
            Message::Request { tx, veto } | Message::Prepare { tx, veto } => {
                let who = match usize::from(veto).checked_sub(1) {
                    None => "nobody".to_owned(),
                    Some(at) => TwoPhaseCommit::name(settings, NodeId::from(tpc::FIRST + at)),
                };
                vec![field("order", tx), field("cannot do its part", who)]
            }
            Message::Outcome { tx, commit } | Message::Decide { tx, commit } => {
                vec![field("order", tx), field("decision", word(commit))]
            }
            Message::Vote { tx, yes } => {
                vec![field("order", tx), field("vote", if yes { "yes" } else { "no" }.to_owned())]
            }
            Message::Ack { tx } | Message::Inquire { tx } => vec![field("order", tx)],
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let records: Vec<String> =
            node.disk.log.iter().map(|(tx, record)| format!("{record:?} {tx}").to_ascii_lowercase()).collect();
        let disk = vec![
            field("log", if records.is_empty() { "empty".to_owned() } else { records.join(", ") }),
            field("last order begun", node.disk.last),
        ];
        let memory = match &node.memory {
            None => Vec::new(),
            Some(Memory::Client { waiting, queue }) => vec![
                field("order under way", waiting.map_or("none".to_owned(), |waiting| waiting.0.to_string())),
                field("orders in line", queue.len()),
            ],
            Some(Memory::Coordinator { active }) => active
                .iter()
                .map(|(tx, drive)| {
                    let acked = drive
                        .acked
                        .map_or("undecided".to_owned(), |acked| format!("commit, {} acknowledged", acked.count_ones()));
                    // A decision that is not in the log yet is forgotten in a crash.
                    let name = match drive.acked.is_some() && node.disk.record(*tx).is_none() {
                        true => format!("decision not on disk for order {tx}"),
                        false => format!("order {tx}"),
                    };
                    field(name, format!("{} yes; {acked}", drive.yes.count_ones()))
                })
                .collect(),
            Some(Memory::Participant { lock, unforced }) => {
                let now = world.kernel().node(id).local(world.kernel().now());
                let held = |(tx, since): (Tx, time::Time)| {
                    format!("held by order {tx} for {}", time::show(now.saturating_sub(since)))
                };
                vec![
                    field("lock", lock.map_or("free".to_owned(), held)),
                    field("vote not on disk", unforced.map_or("none".to_owned(), |tx| format!("yes to order {tx}"))),
                ]
            }
        };
        Inspection { disk, memory }
    }
}

pub type Shop = World<TwoPhaseCommit>;

/// Where everything is: depends only on the number of participants.
pub struct Plan {
    pub client: (i32, i32),
    pub coordinator: (i32, i32),
    pub stores: Vec<(i32, i32)>,
    pub records: (i32, i32),
    pub size: (i32, i32),
}

impl Plan {
    pub fn new(frame: Frame, count: usize) -> Plan {
        match frame {
            Frame::Wide => Plan {
                client: (190, 84),
                coordinator: (480, 84),
                stores: arc(Area::new(60, 186, 840, 80).row(count)),
                records: (188, 364),
                size: (584, 190),
            },
            Frame::Narrow => Plan {
                client: (80, 66),
                coordinator: (262, 66),
                stores: narrow_places(count),
                records: (8, 384),
                size: (384, 170),
            },
        }
    }
}

/// A row whose middle hangs lower, so that a link between its ends passes above what lies between them.
fn arc(row: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    let last = row.len().saturating_sub(1).max(1) as i32;
    let sag = |index: i32| 50 * (last * last - (2 * index - last) * (2 * index - last)) / (last * last);
    row.into_iter().zip(0..).map(|((x, y), index)| (x, y + sag(index))).collect()
}

/// On a phone: up to three in a row; the rest below.
fn narrow_places(count: usize) -> Vec<(i32, i32)> {
    if count <= 3 {
        return arc(Area::new(4, 170, 392, 90).row(count));
    }
    let first = Area::new(4, 140, 392, 90).row(3);
    let second = Area::new(4, 262, 392, 90).row(count - 3);
    first.into_iter().chain(second).collect()
}

pub fn client_state(world: &Shop) -> String {
    match world.memory(CLIENT) {
        Some(Memory::Client { waiting: Some((tx, ..)), queue }) => match queue.len() {
            0 => format!("waits for {tx}"),
            more => format!("waits for {tx}, {more} more"),
        },
        _ => "no order open".to_owned(),
    }
}

pub fn coordinator_state(world: &Shop) -> String {
    let Some(Memory::Coordinator { active }) = world.memory(COORDINATOR) else { return String::new() };
    match active.iter().next_back() {
        None => "idle".to_owned(),
        Some((tx, drive)) => match drive.acked {
            None => format!("{tx}: {} yes", drive.yes.count_ones()),
            Some(acked) => format!("commit {tx}: {}", counted(acked.count_ones().into(), "ack")),
        },
    }
}

fn lock_of(world: &Shop, id: NodeId) -> Option<Tx> {
    locked(world).find(|lock| lock.0 == id).map(|lock| lock.1)
}

/// Whether no decision can reach a participant: the coordinator is away, or a link to it is cut.
fn is_cut_off(world: &Shop, id: NodeId) -> bool {
    let kernel = world.kernel();
    !kernel.is_running(COORDINATOR) || !kernel.connected(id, COORDINATOR) || !kernel.connected(COORDINATOR, id)
}

pub fn store(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, TwoPhaseCommit::name(world.settings(), id));
    let last = world.node(id).and_then(|node| node.disk.log.last().copied());
    (mark.state, mark.tone) = match (lock_of(world, id), last) {
        (Some(_), _) if is_cut_off(world, id) => ("blocked, in doubt".to_owned(), Tone::Risk),
        (Some(tx), _) => (format!("locked by {tx}"), Tone::Question),
        (None, Some((tx, Record::Committed))) => (format!("committed {tx}"), Tone::Fine),
        (None, Some((tx, Record::Aborted))) => (format!("aborted {tx}"), Tone::Neutral),
        _ => ("unlocked".to_owned(), Tone::Store),
    };
    mark
}

/// How many orders the figure shows.
const SHOWN: Tx = 8;

/// The logs side by side, one column per order, so that a commit and an abort of the same order stand in one column.
pub fn records(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let last = world.nodes().map(|(_, node)| node.disk.last).max().unwrap_or(0);
    let first = last.saturating_sub(SHOWN - 1).max(1);
    let keeps_log = world.nodes().skip(1);
    let rows = keeps_log.map(|(id, node)| {
        let newest = node.disk.log.iter().map(|entry| entry.0).max().unwrap_or(0);
        let cells = (first..=newest.min(last)).map(|tx| cell(&node.disk, tx)).collect();
        GridRow { label: TwoPhaseCommit::name(world.settings(), id), cells, mark: None }
    });
    let title = "Logs by order: Prepared, Committed, Aborted, End".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: rows.collect() } }
}

/// What a log has of one order, in the order it was written.
fn cell(disk: &Disk, tx: Tx) -> Cell {
    let letters = disk.log.iter().filter(|entry| entry.0 == tx).map(|entry| entry.1.letter().to_string());
    let text = letters.collect::<Vec<_>>().join(" ");
    match disk.record(tx) {
        Some(Record::Prepared) => Cell::loose(text, Tone::Question),
        Some(Record::Committed | Record::End) => Cell::firm(text, Tone::Fine),
        Some(Record::Aborted) => Cell::firm(text, Tone::Neutral),
        None => Cell::loose(text, Tone::Neutral),
    }
}

pub fn stores(world: &Shop) -> Vec<NodeId> {
    participants(world.kernel().nodes().len()).collect()
}
