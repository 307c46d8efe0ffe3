//! How PBFT looks: replicas with their views, certificates by request, the liar.

use super::prelude::*;
use crate::sim::machine::world::Node;
use crate::sim::small;
use crate::systems::consensus::pbft::state::{Slot, State};
use crate::systems::consensus::pbft::{
    self, Digest, Disk, Memory, Message, Pbft, Timer, digest_name, is_liar, primary, quorum, replicas,
};

impl Face for Pbft {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Request(_) => ('r', Glyph::Dot, Tone::Producer),
            Message::PrePrepare { .. } => ('P', Glyph::Square, Tone::Active),
            Message::Prepare { .. } => ('p', Glyph::Diamond, Tone::Question),
            Message::Commit { .. } => ('c', Glyph::Diamond, Tone::Fine),
            Message::Reply { .. } => ('a', Glyph::Pill, Tone::Consumer),
            Message::Checkpoint(_) => ('k', Glyph::Pill, Tone::Store),
            Message::ViewChange(_) => ('V', Glyph::Diamond, Tone::Risk),
            Message::NewView(_) => ('N', Glyph::Square, Tone::Risk),
            Message::Fetch => ('f', Glyph::Dot, Tone::Neutral),
            Message::State { .. } => ('s', Glyph::Square, Tone::Store),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        match message {
            Message::Request(request) => vec![field("request", pbft::request_name(*request))],
            Message::PrePrepare { view, seq, digest }
            | Message::Prepare { view, seq, digest }
            | Message::Commit { view, seq, digest } => {
                vec![field("view", view), field("number", seq), field("request", digest_name(*digest))]
            }
            Message::Reply { view, t, result } => {
                vec![field("view", view), field("timestamp", t), field("is number", result)]
            }
            Message::Checkpoint(stable) | Message::State { stable, .. } => {
                vec![field("after number", stable.seq), field("signed by", names_of(stable.by, 7))]
            }
            Message::ViewChange(change) => vec![
                field("view", change.view),
                field("stable checkpoint", change.stable.seq),
                field("prepared", proofs_in_words(change)),
            ],
            Message::NewView(new) => {
                let order = new.order.iter().map(|(seq, digest)| format!("{seq} = {}", digest_name(*digest)));
                let mut fields =
                    vec![field("view", new.view), field("carries over", order.collect::<Vec<_>>().join(", "))];
                fields.extend(
                    new.changes.iter().map(|(from, change)| (format!("R{from} has prepared"), proofs_in_words(change))),
                );
                fields
            }
            Message::Fetch => Vec::new(),
        }
    }

    fn inspect(world: &Group, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| memory_fields(&node.disk, memory));
        let state = match &node.disk {
            Disk::Client { t } => return Inspection { disk: vec![field("last timestamp", t)], memory },
            Disk::Replica(state) => state,
        };
        let count = replicas(world.settings());
        let mut disk = vec![
            field("view", if state.changing { format!("wants {}", state.view) } else { state.view.to_string() }),
            field("executed up to", state.service.seq),
            field("stable checkpoint", format!("{}, signed by {}", state.stable.seq, names_of(state.stable.by, count))),
            field("waits for", state.waiting().into_iter().map(pbft::request_name).collect::<Vec<_>>().join(" ")),
        ];
        for (seq, slot) in &state.log {
            let votes = slot.votes.iter().map(|votes| {
                let what = if votes.commit { "commit" } else { "prepare" };
                format!("{what} {} in view {}: {}", digest_name(votes.digest), votes.view, names_of(votes.by, count))
            });
            disk.push((format!("number {seq}"), votes.collect::<Vec<_>>().join("; ")));
        }
        let wants = state.changes.iter().map(|(from, change)| format!("R{from}: {}", change.view)).collect::<Vec<_>>();
        disk.push(field("view changes", if wants.is_empty() { "none".to_owned() } else { wants.join(", ") }));
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        if metric == pbft::VIEW { Pbft::name(settings, NodeId(subject)) } else { "all".to_owned() }
    }
}

pub type Group = World<Pbft>;

pub fn state(world: &Group, id: NodeId) -> Option<&State> {
    match &world.node(id)?.disk {
        Disk::Replica(state) => Some(state),
        Disk::Client { .. } => None,
    }
}

pub fn states(world: &Group) -> impl Iterator<Item = (NodeId, &State)> {
    world.nodes().filter_map(|(id, _)| Some((id, state(world, id)?)))
}

/// The honest replicas.
pub fn honest(world: &Group) -> impl Iterator<Item = (NodeId, &State)> {
    states(world).filter(|(id, _)| !is_liar(world.settings(), *id))
}

fn leads(world: &Group, id: NodeId) -> bool {
    state(world, id).is_some_and(|state| !state.changing && primary(world.settings(), state.view) == id)
}

/// The last sequence number that anything is known about.
pub fn newest(world: &Group) -> Option<u32> {
    states(world).filter_map(|(_, state)| state.log.keys().next_back().copied()).max()
}

/// The number that the picture tells about: the first on which honest replicas have decided differently, or the newest.
fn told(world: &Group) -> Option<u32> {
    let slots = honest(world).flat_map(|(_, state)| state.log.iter());
    let decided: Vec<(u32, Digest)> = slots.filter_map(|(seq, slot)| Some((*seq, slot.decided?))).collect();
    let clashes = |one: &&(u32, Digest)| decided.iter().any(|other| other.0 == one.0 && other.1 != one.1);
    decided.iter().filter(clashes).map(|known| known.0).min().or_else(|| newest(world))
}

pub fn replica(world: &Group, id: NodeId, at: (i32, i32), shape: Shape) -> NodeMark {
    let mut mark = NodeMark::new(id, at, shape, Pbft::name(world.settings(), id));
    let Some(state) = state(world, id) else { return mark };
    let lies = is_liar(world.settings(), id);
    (mark.state, mark.tone) = match (lies, state.changing) {
        (true, _) => (format!("liar, view {}", state.view), Tone::Broken),
        (_, true) => (format!("to view {}", state.view), Tone::Question),
        _ if leads(world, id) => (format!("view {}", state.view), Tone::Active),
        _ => (format!("view {}", state.view), Tone::Neutral),
    };
    mark.crown = leads(world, id);
    let timer = world.timers(id).find(|(timer, _)| matches!(timer, Timer::Patience | Timer::Await));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

pub fn client(world: &Group, id: NodeId, at: (i32, i32)) -> NodeMark {
    let letter = char::from(b'A' + (id.index() - replicas(world.settings())) as u8);
    let mut mark = NodeMark::new(id, at, Shape::Client, letter.to_string());
    mark.tone = Tone::Producer;
    let Some(Node { disk: Disk::Client { t }, memory: Some(memory) }) = world.node(id) else { return mark };
    mark.state = match &memory.waiting {
        Some(_) => format!("asks {letter}{t}"),
        None => "rests".to_owned(),
    };
    mark
}

/// The newest view in which a number was proposed, and all that was proposed for it there.
pub fn proposals(world: &Group, seq: u32) -> (u32, Vec<Digest>) {
    let slots = || honest(world).filter_map(|(_, state)| state.log.get(&seq));
    let view = slots().filter_map(|slot| slot.accepted).map(|known| known.0).max().unwrap_or(0);
    let mut digests: Vec<Digest> =
        slots().filter_map(|slot| slot.accepted).filter(|known| known.0 == view).map(|known| known.1).collect();
    small::sort(&mut digests);
    digests.dedup();
    (view, digests)
}

/// Which replicas sign a request under a number in a view, as far as the honest ones know: the pre-prepare and
/// prepares, or the commits.
pub fn signers(world: &Group, seq: u32, commit: bool, view: u32, digest: Digest) -> u64 {
    let slots = honest(world).filter_map(|(_, state)| state.log.get(&seq));
    let by = |slot: &Slot| {
        let is_accepted = !commit && slot.accepted == Some((view, digest));
        slot.by(commit, view, digest) | if is_accepted { 1 << primary(world.settings(), view).0 } else { 0 }
    };
    slots.fold(0, |all, slot| all | by(slot))
}

/// The signers of the number told about, as sets: one for each request proposed for it or, once one is committed, only
/// for that one.
pub fn supporters(world: &Group) -> Vec<SetMark> {
    let Some(seq) = told(world) else { return Vec::new() };
    let (view, digests) = proposals(world, seq);
    let needed = quorum(world.settings(), true);
    let set = |commit: bool, digest: Digest| {
        let by = signers(world, seq, commit, view, digest);
        let members = states(world).map(|known| known.0).filter(|id| by >> id.0 & 1 == 1).collect();
        let is_enough = by.count_ones() as usize >= needed;
        let what = if commit { "commit" } else { "prepare" };
        let label = format!("{} {what} {}", by.count_ones(), digest_name(digest));
        (is_enough, SetMark { members, label, tone: if is_enough { Tone::Fine } else { Tone::Question } })
    };
    let committed = digests.iter().map(|digest| set(true, *digest)).find(|set| set.0);
    match committed {
        Some(set) => vec![set.1],
        None => digests.iter().take(2).map(|digest| set(false, *digest).1).collect(),
    }
}

fn names_of(by: u64, count: usize) -> String {
    let names: Vec<String> = (0..count).filter(|id| by >> id & 1 == 1).map(|id| id.to_string()).collect();
    names.join(if count > 4 { "" } else { " " })
}

/// For the number told about, each replica's certificates as sets of signers.
pub fn certificates(world: &Group, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (seq, count) = (told(world), replicas(world.settings()));
    let needed = quorum(world.settings(), true);
    let row = |(id, state): (NodeId, &State)| {
        let slot = seq.and_then(|seq| state.log.get(&seq));
        let mut cells = vec![
            Cell::firm(Pbft::name(world.settings(), id), Tone::Neutral),
            Cell::firm(state.view.to_string(), if state.changing { Tone::Question } else { Tone::Neutral }),
        ];
        let accepted = slot.and_then(|slot| slot.accepted);
        cells.push(
            accepted.map_or(Cell::loose("", Tone::Neutral), |known| Cell::firm(digest_name(known.1), Tone::Active)),
        );
        for commit in [false, true] {
            let (view, digest) = accepted.unwrap_or_default();
            let first = if commit || accepted.is_none() { 0 } else { 1 << primary(world.settings(), view).0 };
            let by = first | slot.map_or(0, |slot| slot.by(commit, view, digest));
            let text = names_of(by, count);
            let is_enough = by.count_ones() as usize >= needed;
            cells.push(if is_enough { Cell::firm(text, Tone::Fine) } else { Cell::loose(text, Tone::Risk) });
        }
        let executed = seq.is_some_and(|seq| state.service.seq >= seq);
        cells.push(Cell::firm(if executed { "yes" } else { "" }, Tone::Fine));
        cells
    };
    let title = seq.map_or("No number is given".to_owned(), |seq| {
        format!("Number {seq}: who has signed. {needed} of {count} are a certificate")
    });
    let head = ["", "view", "request", "prepare", "commit", "executed"].map(str::to_owned).to_vec();
    Figure { id: "certificates", at, size, title, body: Body::Table { head, rows: states(world).map(row).collect() } }
}

/// How many numbers are shown.
const SHOWN: u32 = 8;

/// What each replica has for each number.
pub fn logs(world: &Group, at: (i32, i32), size: (i32, i32)) -> Figure {
    let executed = states(world).map(|(_, state)| state.service.seq).max().unwrap_or(0);
    let last = newest(world).unwrap_or(0).max(executed);
    let first = last.saturating_sub(SHOWN) + 1;
    let row = |(id, state): (NodeId, &State)| {
        let known = state.log.keys().next_back().copied().unwrap_or(0).max(state.stable.seq);
        let cell = |seq: u32| match state.log.get(&seq) {
            _ if seq <= state.stable.seq => Cell::firm("-", Tone::Off),
            Some(Slot { decided: Some(digest), .. }) => Cell::firm(digest_name(*digest), Tone::Fine),
            Some(Slot { prepared: Some(proof), .. }) => Cell::loose(digest_name(proof.digest), Tone::Active),
            Some(Slot { accepted: Some((_, digest)), .. }) => Cell::loose(digest_name(*digest), Tone::Question),
            _ => Cell::loose("", Tone::Neutral),
        };
        let mark = (state.service.seq + 1).checked_sub(first).map(|mark| mark as u16);
        GridRow { label: Pbft::name(world.settings(), id), cells: (first..=known).map(cell).collect(), mark }
    };
    let title = "Logs. Firm: committed. Mark: executed.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: states(world).map(row).collect() } }
}

fn proofs_in_words(change: &pbft::state::Change) -> String {
    let proof = |proof: &pbft::state::Proof| {
        format!("{} = {} in view {}, by {}", proof.seq, digest_name(proof.digest), proof.view, names_of(proof.by, 7))
    };
    let words: Vec<String> = change.proofs.iter().map(proof).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join("; ") }
}

fn memory_fields(disk: &Disk, memory: &Memory) -> Fields {
    if matches!(disk, Disk::Replica(_)) {
        return vec![field("view changes since it executed", memory.tries)];
    }
    let mut fields = vec![field("view, as far as it knows", memory.view)];
    for (from, result) in memory.waiting.iter().flat_map(|waiting| &waiting.replies) {
        fields.push((format!("R{from} says"), format!("number {result}")));
    }
    fields
}

pub fn accepted(world: &Group, id: u16, seq: u32) -> Option<(u32, Digest)> {
    state(world, NodeId(id))?.log.get(&seq)?.accepted
}

pub const fn set(setting: crate::sim::declare::settings::SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}
