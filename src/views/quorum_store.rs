//! How the leaderless store looks: clients, replicas with their versions, hints, and who took part in a quorum.

use super::prelude::*;
use crate::systems::storage::quorum_store::{
    self as store, Memory, Message, Operation, Phase, QuorumStore, Stored, Version, quorums, replicas, spare,
};

impl Face for QuorumStore {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Query { .. } => ('?', Glyph::Diamond, Tone::Question),
            Message::Answer { .. } => ('x', Glyph::Pill, Tone::Consumer),
            Message::Store { request: 0, .. } => ('r', Glyph::Square, Tone::Service),
            Message::Store { .. } => ('W', Glyph::Square, Tone::Producer),
            Message::Ack { .. } => ('k', Glyph::Pill, Tone::Neutral),
            Message::Hint { .. } => ('H', Glyph::Square, Tone::Risk),
            Message::Hinted { .. } => ('h', Glyph::Pill, Tone::Neutral),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        match message {
            Message::Query { request } => vec![field("request", request)],
            Message::Answer { request, stored } | Message::Store { request, stored } => {
                vec![field("request", request), field("content", show(*stored))]
            }
            Message::Ack { request, version } => {
                vec![field("request", request), field("version", version)]
            }
            Message::Hint { home, stored, .. } => {
                vec![field("for", QuorumStore::name(settings, *home)), field("content", show(*stored))]
            }
            Message::Hinted { home, .. } => vec![field("for", QuorumStore::name(settings, *home))],
        }
    }

    fn inspect(world: &Store, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let name = |id: NodeId| QuorumStore::name(world.settings(), id);
        let disk = match node.memory {
            _ if CLIENTS.contains(&id) => {
                vec![field("last request", node.disk.last_request), field("last counter", node.disk.last_counter)]
            }
            _ if id == spare(world.settings()) => {
                node.disk.hints.iter().map(|hint| field(format!("hint for {}", name(hint.0)), show(hint.1))).collect()
            }
            _ => vec![field("x", show(node.disk.stored))],
        };
        let memory = match &node.memory {
            Some(Memory::Client { operation: Some(operation) }) => {
                let what = operation.write.map_or("read".to_owned(), |value| format!("write {value}"));
                let phase = match &operation.phase {
                    Phase::Asking { answers } => {
                        let words: Vec<String> =
                            answers.iter().map(|answer| format!("{}: {}", name(answer.0), show(answer.1))).collect();
                        field("answers", if words.is_empty() { "none yet".to_owned() } else { words.join("; ") })
                    }
                    Phase::Storing { stored, acked, .. } => {
                        let who: Vec<String> =
                            replicas(world.settings()).filter(|id| acked >> id.0 & 1 == 1).map(name).collect();
                        field("stored", format!("{} on {}", show(*stored), who.join(", ")))
                    }
                };
                vec![field("operation", what), phase]
            }
            Some(Memory::Client { .. }) => vec![field("operation", "none")],
            Some(_) => vec![field("state", "keeps everything on disk")],
            None => Vec::new(),
        };
        Inspection { disk, memory }
    }
}

/// The store in motion.
pub type Store = World<QuorumStore>;

/// Ann and Bob.
pub const CLIENTS: [NodeId; 2] = [NodeId(0), NodeId(1)];

/// Two columns next to the clients, one half a step lower, so that no link runs behind a replica.
pub fn wide_places(count: usize) -> Vec<(i32, i32)> {
    let step = 470 / count.max(2) as i32;
    (0..count as i32).map(|at| (300 + 220 * (at % 2), 56 + step / 2 + step * at)).collect()
}

/// Rows of three below the clients.
pub fn narrow_places(count: usize) -> Vec<(i32, i32)> {
    let rows = [114, 218, 322].into_iter().flat_map(|top| Area::new(4, top, 392, 88).row(3));
    rows.take(count).collect()
}

/// What a client is doing.
pub fn operation(world: &Store, client: NodeId) -> Option<&Operation> {
    match world.memory(client) {
        Some(Memory::Client { operation }) => operation.as_ref(),
        _ => None,
    }
}

/// A client with its operation.
pub fn person(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, QuorumStore::name(world.settings(), id));
    mark.tone = Tone::Producer;
    let (read, write) = quorums(world.settings(), world.rules());
    mark.state = match operation(world, id) {
        None => "idle".to_owned(),
        Some(Operation { write: value, phase: Phase::Asking { answers }, .. }) => {
            let word = if value.is_some() { "write asks" } else { "read" };
            format!("{word}: {} of {read}", answers.len())
        }
        Some(Operation { write: Some(value), phase: Phase::Storing { acked, .. }, .. }) => {
            format!("write {value}: {} of {write}", acked.count_ones())
        }
        Some(Operation { phase: Phase::Storing { acked, .. }, .. }) => {
            format!("repair: {} of {write}", acked.count_ones())
        }
    };
    mark
}

/// The newest version that any replica holds.
pub fn newest(world: &Store) -> Version {
    replicas(world.settings())
        .filter_map(|id| world.node(id))
        .map(|node| node.disk.stored.version)
        .max()
        .unwrap_or_default()
}

/// A version in words.
pub fn show(stored: Stored) -> String {
    if stored.version.counter == 0 { "empty".to_owned() } else { format!("x={}, {}", stored.value, stored.version) }
}

/// A replica with what it holds; amber when that is stale.
pub fn replica(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, QuorumStore::name(world.settings(), id));
    if let Some(node) = world.node(id) {
        mark.state = show(node.disk.stored);
        mark.tone = if node.disk.stored.version < newest(world) { Tone::Risk } else { Tone::Store };
    }
    mark
}

pub fn spare_mark(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Cache, "spare");
    let hints = world.node(id).map_or(0, |node| node.disk.hints.len());
    mark.state = format!("{hints} hint{}", if hints == 1 { "" } else { "s" });
    mark.tone = if hints > 0 { Tone::Question } else { Tone::Neutral };
    mark
}

/// A replica's part in the operations under way: shows the quorum as a set.
pub fn part(world: &Store, id: NodeId) -> Cell {
    let mut words: Vec<&str> = Vec::new();
    for client in CLIENTS {
        match operation(world, client).map(|operation| (&operation.phase, operation.write)) {
            Some((Phase::Asking { answers }, write)) if answers.iter().any(|answer| answer.0 == id) => {
                words.push(if write.is_some() { "asked" } else { "read" });
            }
            Some((Phase::Storing { acked, .. }, write)) if acked >> id.0 & 1 == 1 => {
                words.push(if write.is_some() { "write" } else { "repair" });
            }
            _ => {}
        }
    }
    words.dedup();
    Cell::firm(words.join(", "), if words.is_empty() { Tone::Neutral } else { Tone::Fine })
}

pub fn versions(world: &Store, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let stored = world.node(id).map(|node| node.disk.stored).unwrap_or_default();
        let hint =
            world.node(spare(world.settings())).and_then(|node| node.disk.hints.iter().find(|hint| hint.0 == id));
        let tone = if stored.version < newest(world) { Tone::Risk } else { Tone::Fine };
        vec![
            Cell::firm(QuorumStore::name(world.settings(), id), Tone::Neutral),
            Cell::firm(show(stored), tone),
            part(world, id),
            Cell::loose(hint.map_or(String::new(), |hint| hint.1.version.to_string()), Tone::Question),
        ]
    };
    let (read, write) = quorums(world.settings(), world.rules());
    let n = replicas(world.settings()).count();
    let overlap = if read + write > n { "they overlap" } else { "they may miss each other" };
    let title = format!("N={n}, W={write}, R={read}: {overlap}");
    let head = ["replica", "has", "quorum", "hint"].map(str::to_owned).to_vec();
    Figure {
        id: "versions",
        at,
        size,
        title,
        body: Body::Table { head, rows: replicas(world.settings()).map(row).collect() },
    }
}

/// The store as sets: each client's quorum is drawn around the replicas it has heard from.
pub fn quorums_as_sets(world: &Store, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let replicas = all_replicas(world);
    let (people, at, size) = match frame {
        Frame::Wide => ([(80, 140), (80, 400)], (620, 90), (330, 240)),
        Frame::Narrow => ([(110, 60), (290, 60)], (8, 420), (384, 138)),
    };
    for (id, at) in CLIENTS.into_iter().zip(people) {
        picture.nodes.push(person(world, id, at));
    }
    for (id, at) in replicas.iter().zip(set_places(frame, replicas.len())) {
        picture.nodes.push(replica(world, *id, at));
    }
    picture.link_all(&CLIENTS, &replicas);
    picture.sets = CLIENTS.into_iter().filter_map(|client| quorum(world, client)).collect();
    picture.figures.push(register(world, at, size));
    picture
}

/// Replicas so that any two of them can be drawn as a set without the third.
fn set_places(frame: Frame, count: usize) -> Vec<(i32, i32)> {
    let all: &[(i32, i32)] = match (frame, count) {
        (Frame::Wide, ..=3) => &[(300, 110), (480, 270), (300, 430)],
        (Frame::Wide, _) => &[(270, 90), (430, 90), (510, 270), (430, 440), (270, 440), (330, 270)],
        (Frame::Narrow, ..=3) => &[(90, 190), (310, 190), (200, 320)],
        (Frame::Narrow, _) => &[(70, 170), (200, 170), (330, 170), (330, 310), (200, 310), (70, 310)],
    };
    all.iter().copied().take(count).collect()
}

/// The replicas that a client's operation has heard from, as the set that they are.
fn quorum(world: &Store, client: NodeId) -> Option<SetMark> {
    let doing = operation(world, client)?;
    let name = QuorumStore::name(world.settings(), client);
    let (members, label): (Vec<NodeId>, String) = match &doing.phase {
        Phase::Asking { answers } => (answers.iter().map(|answer| answer.0).collect(), format!("{name} asked")),
        Phase::Storing { acked, .. } => {
            let stored = all_replicas(world).into_iter().filter(|id| acked >> id.0 & 1 == 1);
            (stored.collect(), format!("{name} stored"))
        }
    };
    let tone = if client == CLIENTS[0] { Tone::Producer } else { Tone::Question };
    (!members.is_empty()).then_some(SetMark { members, label, tone })
}

/// What each replica holds, and its part in the operations under way.
fn register(world: &Store, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let stored = world.node(id).map(|node| node.disk.stored).unwrap_or_default();
        let tone = if stored.version < newest(world) { Tone::Risk } else { Tone::Fine };
        let name = QuorumStore::name(world.settings(), id);
        vec![Cell::firm(name, Tone::Neutral), Cell::firm(show(stored), tone), part(world, id)]
    };
    let (read, write) = quorums(world.settings(), world.rules());
    let title = format!("Of {}: a write waits for {write}, a read for {read}", all_replicas(world).len());
    let head = ["node", "has", "took part in"].map(str::to_owned).to_vec();
    let rows = all_replicas(world).into_iter().map(row).collect();
    Figure { id: "register", at, size, title, body: Body::Table { head, rows } }
}

/// The version that a replica holds.
pub fn version_of(world: &Store, id: NodeId) -> Version {
    world.node(id).map(|node| node.disk.stored.version).unwrap_or_default()
}

pub fn hints(world: &Store) -> usize {
    world.node(spare(world.settings())).map_or(0, |node| node.disk.hints.len())
}

/// The clients that write now.
pub fn writes_now(world: &Store) -> Vec<NodeId> {
    let writes = |id: &NodeId| operation(world, *id).is_some_and(|operation| operation.write.is_some());
    CLIENTS.into_iter().filter(writes).collect()
}

/// Every replica.
pub fn all_replicas(world: &Store) -> Vec<NodeId> {
    replicas(world.settings()).collect()
}

/// The command that writes.
pub fn write(client: i64, value: i64) -> Input {
    Input::call(store::WRITE, &[client, value])
}

/// The command that reads.
pub fn read(client: i64) -> Input {
    Input::call(store::READ, &[client])
}

/// A client's writes on their way to the replicas.
pub fn stores_of(world: &Store, client: NodeId) -> Vec<u64> {
    let writes = |message: &Message| matches!(message, Message::Store { request: 1.., .. });
    let sent = world.flights().filter(|flight| flight.from == client && writes(flight.message));
    sent.map(|flight| flight.pending.id).collect()
}
