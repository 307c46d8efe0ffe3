//! How a look-aside cache looks: clients, servers, cache and database, and the copies beside the rows.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::sim::numbers::counted;
use crate::systems::caching::cache::{
    self as cache, CacheAside, Copied, Memory, Message, Stage, Version, cache_node, client_count, database, key_name,
    server_count,
};
use crate::systems::parts::outcome::Outcome;

impl Face for CacheAside {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Read { .. } => ('R', Glyph::Dot, Tone::Producer),
            Message::Update { .. } => ('U', Glyph::Square, Tone::Producer),
            Message::Reply { .. } => ('a', Glyph::Pill, Tone::Producer),
            Message::Lookup { .. } => ('?', Glyph::Diamond, Tone::Question),
            Message::Hit { .. } => ('h', Glyph::Pill, Tone::Fine),
            Message::Miss { .. } => ('m', Glyph::Pill, Tone::Off),
            Message::Set { .. } => ('S', Glyph::Square, Tone::Question),
            Message::SetDone { .. } | Message::Deleted { .. } => ('k', Glyph::Pill, Tone::Neutral),
            Message::Delete { .. } => ('D', Glyph::Square, Tone::Broken),
            Message::Load { .. } => ('L', Glyph::Diamond, Tone::Store),
            Message::Write { .. } => ('W', Glyph::Square, Tone::Store),
            Message::Result { .. } => ('r', Glyph::Pill, Tone::Store),
        };
        Look { letter, glyph, tone }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        let mut fields = vec![field("message", CacheAside::describe_message(settings, message))];
        match message {
            Message::Miss { lease, .. } | Message::Set { lease, .. } => {
                fields.push(field("lease", lease.map_or("none".to_owned(), |lease| lease.to_string())));
            }
            _ => {}
        }
        fields
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = if id == database(world.settings()) {
            let changed = node.disk.versions.iter().enumerate().filter(|(_, version)| **version > 1);
            changed.map(|(key, version)| field(key_name(key as u16), format!("version {version}"))).collect()
        } else if id == cache_node(world.settings()) {
            Vec::new()
        } else {
            vec![field("last number", node.disk.last)]
        };
        let memory = match &node.memory {
            None => Vec::new(),
            Some(Memory::Client { open, .. }) => open
                .iter()
                .map(|(_, call)| field(if call.what.update { "updates" } else { "reads" }, key_name(call.what.key)))
                .collect(),
            Some(Memory::Server { jobs }) => jobs
                .iter()
                .map(|(number, job)| field(format!("job {number}, {}", key_name(job.key)), format!("{:?}", job.stage)))
                .collect(),
            Some(Memory::Cache { entries, leases, .. }) => {
                let copies =
                    entries.iter().map(|(key, copied)| field(key_name(key), format!("version {}", copied.version)));
                let leases =
                    leases.iter().map(|(key, given)| field(format!("lease for {}", key_name(*key)), given.lease));
                copies.chain(leases).collect()
            }
            Some(Memory::Database { queue }) => queue
                .iter()
                .map(|query| field(if query.writes { "write" } else { "read" }, key_name(query.key)))
                .collect(),
        };
        Inspection { disk, memory }
    }

    fn subject(_: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            cache::OUTCOMES => Outcome::name(subject),
            cache::QUERIES => "queries",
            cache::QUEUE => "waiting",
            cache::ENTRIES => "entries",
            _ => "all",
        }
        .to_owned()
    }
}

pub type Shop = World<CacheAside>;

pub fn clients(world: &Shop) -> Vec<NodeId> {
    (0..client_count(world.settings())).map(NodeId::from).collect()
}

pub fn servers(world: &Shop) -> Vec<NodeId> {
    let first = client_count(world.settings());
    (first..first + server_count(world.settings())).map(NodeId::from).collect()
}

pub fn client(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, format!("C{}", id.0 + 1));
    mark.tone = Tone::Producer;
    if let Some(Memory::Client { open, .. }) = world.memory(id) {
        mark.state = format!("{} open", open.len());
    }
    mark
}

pub fn server(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, CacheAside::name(world.settings(), id));
    mark.tone = Tone::Service;
    if let Some(Memory::Server { jobs }) = world.memory(id) {
        let loads = jobs.values().filter(|job| matches!(job.stage, Stage::Loading { .. })).count();
        mark.state = format!("{}, {}", counted(jobs.len() as u64, "job"), counted(loads as u64, "load"));
    }
    mark
}

pub fn cached(world: &Shop) -> Vec<(u16, Copied)> {
    match world.memory(cache_node(world.settings())) {
        Some(Memory::Cache { entries, .. }) => entries.iter().map(|(key, copied)| (key, *copied)).collect(),
        _ => Vec::new(),
    }
}

pub fn version(world: &Shop, key: u16) -> Version {
    let node = world.node(database(world.settings()));
    node.and_then(|node| node.disk.versions.get(usize::from(key))).copied().unwrap_or(0)
}

fn stale(world: &Shop) -> usize {
    cached(world).iter().filter(|(key, copied)| copied.version < version(world, *key)).count()
}

pub fn cache_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(cache_node(world.settings()), at, Shape::Cache, "cache");
    let (have, room) = (cached(world).len() as u32, world.settings().amount(cache::CAPACITY) as u32);
    mark.state = format!("{have} of {room}, {} stale", stale(world));
    mark.tone = if stale(world) > 0 { Tone::Risk } else { Tone::Question };
    mark.fill = Some((have, room));
    mark
}

pub fn database_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(database(world.settings()), at, Shape::Store, "database");
    mark.tone = Tone::Store;
    if let Some(Memory::Database { queue }) = world.memory(database(world.settings())) {
        mark.state = counted(queue.len() as u64, "query");
        mark.fill = Some((queue.len() as u32, 100));
    }
    mark
}

/// How many entries are shown.
const SHOWN: usize = 16;

pub fn entries(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let now = world.kernel().node(cache_node(world.settings())).local(world.kernel().now());
    let most = if size.1 < 300 { SHOWN / 2 } else { SHOWN };
    let row = |&(key, copied): &(u16, Copied)| {
        let newest = version(world, key);
        let (word, tone) = if copied.version < newest { ("stale", Tone::Risk) } else { ("fresh", Tone::Fine) };
        vec![
            Cell::firm(key_name(key), Tone::Neutral),
            Cell::firm(format!("v{} {word}", copied.version), tone),
            Cell::firm(format!("v{newest}"), Tone::Store),
            Cell::loose(time::show(copied.expires.saturating_sub(now) / 100_000 * 100_000), Tone::Neutral),
        ]
    };
    let rows = cached(world).iter().take(most).map(row).collect();
    let head = ["key", "cached", "database", "expires in"].map(str::to_owned).to_vec();
    Figure {
        id: "entries",
        at,
        size,
        title: "The cache, most recently used first".to_owned(),
        body: Body::Table { head, rows },
    }
}
