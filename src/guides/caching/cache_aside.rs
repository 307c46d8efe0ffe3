//! Cache-aside: what a cache saves, and the three ways in which it lies.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs, no_nodes,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::caching::cache::promises::{FRESH, ONE_LOAD};
use crate::systems::caching::cache::{
    self as cache, CacheAside, Copied, Memory, Message, Stage, Version, cache_node, client_count, database, key_name,
    server_count,
};

type Shop = World<CacheAside>;

/// The scenario.
pub static SCENARIO: Scenario<CacheAside> = Scenario {
    slug: "cache-aside",
    title: "Cache-aside",
    guide: Guide::Caching,
    level: 1,
    summary: "A database is 100 ms away, a cache 2 ms. The servers keep copies in the cache themselves, and must not \
              forget to throw them away.",
    seed: 4,
    settings: &[
        (cache::CLIENTS, 3),
        (cache::SERVERS, 2),
        (cache::RATE, 40),
        (cache::UPDATES, 5),
        (cache::KEYS, 40),
        (cache::SKEW, 100),
        (cache::CAPACITY, 16),
        (cache::TTL, 10_000_000),
        (cache::DATABASE, 50_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[cache::INVALIDATE_AFTER, cache::LEASE, cache::SINGLE_FLIGHT],
    commands: &[cache::READ, cache::UPDATE, cache::FLUSH, cache::CROWD],
    promises: &[FRESH, ONE_LOAD],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Hit ratio",
            about: "Of a hundred look-ups, so many find a copy.",
            plot: Plot::Ratio(cache::HITS, cache::MISSES),
        },
        Chart {
            title: "Read latency",
            about: "Two humps: hits take 4 ms, misses 106 ms. The median shows one, the 99th percentile the other.",
            plot: Plot::Percentiles(cache::LATENCY),
        },
        Chart { title: "Database load", about: "What the cache does not catch.", plot: Plot::Rate(cache::QUERIES) },
        Chart {
            title: "Waiting at the database",
            about: "It does 500 queries a second.",
            plot: Plot::Level(cache::QUEUE),
        },
        Chart { title: "Cached entries", about: "It fills up to its size.", plot: Plot::Level(cache::ENTRIES) },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_UPDATE,
    breaks: BREAKS,
    prose: prose!("cache_aside.md"),
};

fn subject(_: &Settings, metric: MetricId, _: u16) -> String {
    match metric {
        cache::QUERIES => "queries",
        cache::QUEUE => "waiting",
        cache::ENTRIES => "entries",
        _ => "all",
    }
    .to_owned()
}

fn clients(world: &Shop) -> Vec<NodeId> {
    (0..client_count(world.settings())).map(NodeId::from).collect()
}

fn servers(world: &Shop) -> Vec<NodeId> {
    let first = client_count(world.settings());
    (first..first + server_count(world.settings())).map(NodeId::from).collect()
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let settings = world.settings();
    let (people, apps, store, base, at, size) = match frame {
        Frame::Wide => (
            Area::new(10, 20, 110, 520).column(clients(world).len()),
            Area::new(190, 60, 130, 440).column(servers(world).len()),
            (430, 150),
            (430, 410),
            (560, 40),
            (380, 480),
        ),
        Frame::Narrow => (
            Area::new(0, 8, 400, 70).row(clients(world).len()),
            Area::new(0, 120, 400, 60).row(servers(world).len()),
            (100, 270),
            (300, 270),
            (8, 344),
            (384, 212),
        ),
    };
    for (id, at) in clients(world).into_iter().zip(people) {
        picture.nodes.push(client(world, id, at));
    }
    for (id, at) in servers(world).into_iter().zip(apps) {
        picture.nodes.push(server(world, id, at));
    }
    picture.nodes.push(cache_mark(world, store));
    picture.nodes.push(database_mark(world, base));
    picture.link_all(&clients(world), &servers(world));
    picture.link_all(&servers(world), &[cache_node(settings), database(settings)]);
    picture.figures.push(entries(world, at, size));
    picture
}

fn client(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, format!("C{}", id.0 + 1));
    mark.tone = Tone::Producer;
    if let Some(Memory::Client { open }) = world.memory(id) {
        mark.state = format!("{} open", open.len());
    }
    mark
}

fn server(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, CacheAside::name(world.settings(), id));
    mark.tone = Tone::Service;
    if let Some(Memory::Server { jobs }) = world.memory(id) {
        let loads = jobs.values().filter(|job| matches!(job.stage, Stage::Loading { .. })).count();
        mark.state = format!("{} jobs, {loads} loads", jobs.len());
    }
    mark
}

fn cached(world: &Shop) -> Vec<(u16, Copied)> {
    match world.memory(cache_node(world.settings())) {
        Some(Memory::Cache { entries, .. }) => entries.iter().map(|(key, copied)| (key, *copied)).collect(),
        _ => Vec::new(),
    }
}

fn version(world: &Shop, key: u16) -> Version {
    let node = world.node(database(world.settings()));
    node.and_then(|node| node.disk.versions.get(usize::from(key))).copied().unwrap_or(0)
}

fn stale(world: &Shop) -> usize {
    cached(world).iter().filter(|(key, copied)| copied.version < version(world, *key)).count()
}

fn cache_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(cache_node(world.settings()), at, Shape::Cache, "cache");
    let (have, room) = (cached(world).len() as u32, world.settings().amount(cache::CAPACITY) as u32);
    mark.state = format!("{have} of {room}, {} stale", stale(world));
    mark.tone = if stale(world) > 0 { Tone::Risk } else { Tone::Question };
    mark.fill = Some((have, room));
    mark
}

fn database_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(database(world.settings()), at, Shape::Store, "database");
    mark.tone = Tone::Store;
    if let Some(Memory::Database { queue }) = world.memory(database(world.settings())) {
        mark.state = format!("{} queries", queue.len());
        mark.fill = Some((queue.len() as u32, 100));
    }
    mark
}

/// How many entries are shown.
const SHOWN: usize = 16;

fn entries(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
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
    let field = |name: &str, value: String| (name.to_owned(), value);
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
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk = if id == database(world.settings()) {
        let changed = node.disk.versions.iter().enumerate().filter(|(_, version)| **version > 1);
        changed.map(|(key, version)| field(&key_name(key as u16), format!("version {version}"))).collect()
    } else if id == cache_node(world.settings()) {
        Vec::new()
    } else {
        vec![field("last number", node.disk.last.to_string())]
    };
    let memory = match &node.memory {
        None => Vec::new(),
        Some(Memory::Client { open }) => {
            open.values().map(|open| field(if open.update { "updates" } else { "reads" }, key_name(open.key))).collect()
        }
        Some(Memory::Server { jobs }) => jobs
            .iter()
            .map(|(number, job)| field(&format!("job {number}, {}", key_name(job.key)), format!("{:?}", job.stage)))
            .collect(),
        Some(Memory::Cache { entries, leases, .. }) => {
            let copies =
                entries.iter().map(|(key, copied)| field(&key_name(key), format!("version {}", copied.version)));
            let leases =
                leases.iter().map(|(key, lease)| field(&format!("lease for {}", key_name(*key)), lease.to_string()));
            copies.chain(leases).collect()
        }
        Some(Memory::Database { queue }) => {
            queue.iter().map(|query| field(if query.3 { "write" } else { "read" }, key_name(query.2))).collect()
        }
    };
    Inspection { disk, memory }
}

fn call(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

fn in_cache(world: &Shop, key: u16) -> Option<Version> {
    cached(world).iter().find(|entry| entry.0 == key).map(|entry| entry.1.version)
}

/// Key 0 is the most popular one.
const FAVOURITE: u16 = 0;
/// A key that nobody asks for by chance: beyond the usual forty.
const QUIET: i64 = 50;

fn loads_of(world: &Shop, key: i64) -> usize {
    let loading = |node: &crate::sim::machine::world::Node<CacheAside>| match &node.memory {
        Some(Memory::Server { jobs }) => {
            jobs.values().filter(|job| i64::from(job.key) == key && matches!(job.stage, Stage::Loading { .. })).count()
        }
        _ => 0,
    };
    world.nodes().map(|(_, node)| loading(node)).sum()
}

const TOUR: &[Beat<CacheAside>] = &[
    Beat {
        title: "100 ms away",
        say: "Clients ask servers, and servers ask the database: 50 ms there, 50 ms back. In between there is a cache, \
              1 ms away, and empty so far.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |world| vec![cache_node(world.settings()), database(world.settings())],
        predict: None,
    },
    Beat {
        title: "Aside",
        say: "The server asks the cache first. On a miss it loads from the database itself, answers, and puts a copy \
              into the cache for the next one. This is *cache-aside*.",
        inputs: no_inputs,
        until: |world| flies(world, |message| matches!(message, Message::Set { .. })),
        look: servers,
        predict: Some(Predict {
            question: "How long does the first read take?",
            options: |_| vec!["About 4 ms".to_owned(), "About 50 ms".to_owned(), "About 106 ms".to_owned()],
            answer: |_| 2,
            because: "Client to server, a miss, the database both ways, and back: 1 + 2 + 102 + 1 ms.",
        }),
    },
    Beat {
        title: "A hit",
        say: "The next reader of the same key is served from the cache, and the database hears nothing of it.",
        inputs: no_inputs,
        until: |world| flies(world, |message| matches!(message, Message::Hit { .. })),
        look: |world| vec![cache_node(world.settings())],
        predict: None,
    },
    Beat {
        title: "The cache fills",
        say: "A few keys are asked for all the time, most of them rarely. So a cache of 16 entries catches far more \
              than 16 of 40 reads. When it is full, the *least recently used* entry goes.",
        inputs: no_inputs,
        until: |world| cached(world).len() >= 16,
        look: |world| vec![cache_node(world.settings())],
        predict: None,
    },
    Beat {
        title: "An update",
        say: "Client 1 updates the most popular key. The server writes to the database, and then deletes the copy: it \
              does not overwrite it. To *invalidate* is safe to repeat, and the next reader loads what is true then.",
        inputs: |_| vec![call(cache::UPDATE, &[1, i64::from(FAVOURITE)])],
        until: |world| {
            flies(world, |message| matches!(message, Message::Deleted { .. })) && in_cache(world, FAVOURITE).is_none()
        },
        look: |world| vec![cache_node(world.settings())],
        predict: Some(Predict {
            question: "What does the next reader of that key see?",
            options: |_| vec!["The old value".to_owned(), "A miss, then the new value".to_owned()],
            answer: |world| usize::from(in_cache(world, FAVOURITE).is_none()),
            because: "There is no copy any more, so it must go to the database, which has the new one.",
        }),
    },
    Beat {
        title: "A crowd",
        say: "Everyone asks for one key that is not cached. Each server lets one request load it, and the others wait: \
              *single flight*.",
        inputs: |_| vec![call(cache::READ, &[1, QUIET]), call(cache::READ, &[2, QUIET]), call(cache::CROWD, &[QUIET])],
        until: |world| loads_of(world, QUIET) >= 1 && flies(world, |message| matches!(message, Message::Load { .. })),
        look: servers,
        predict: None,
    },
    Beat {
        title: "Wrong order",
        say: "Now updates delete the copy before they write. In the 100 ms between, a reader may load the old value and \
              put it back. Watch the first promise.",
        inputs: |_| {
            vec![
                Input::Rule { rule: cache::INVALIDATE_AFTER, on: false },
                Input::Setting { setting: cache::UPDATES, value: 20 },
            ]
        },
        until: |world| world.is_promise_broken(FRESH.id),
        look: no_nodes,
        predict: Some(Predict {
            question: "How long does the old value stay in the cache?",
            options: |_| vec!["100 ms".to_owned(), "Until the time to live is over".to_owned()],
            answer: |_| 1,
            because: "Nobody will delete it again: the update thinks that it is done.",
        }),
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

/// Fewer than a fifth of the look-ups hit, although the cache is full and has been used for a while.
fn useless(world: &Shop) -> bool {
    let (hits, misses) = (world.metrics().total(cache::HITS, 0), world.metrics().total(cache::MISSES, 0));
    let room = world.settings().amount(cache::CAPACITY) as usize;
    hits + misses >= 200 && hits * 5 < hits + misses && cached(world).len() >= room
}

const CHALLENGES: &[Challenge<CacheAside>] = &[
    Challenge {
        id: "stale-value",
        title: "A stale value",
        goal: "Have a client read an old value after an update was reported done.",
        hint: "Switch off one of the first two rules, and update often what is read often.",
        reached: |world| world.is_promise_broken(FRESH.id),
        origin: || origin(&[cache::INVALIDATE_AFTER], &[(cache::UPDATES, 20)]),
        solve: |script| {
            script.until(|world| world.is_promise_broken(FRESH.id));
        },
    },
    Challenge {
        id: "stampede",
        title: "A small stampede",
        goal: "Have four loads of one key under way at the same time.",
        hint: "Switch single flight off, and send a crowd to a key that is not cached.",
        reached: |world| (0..cache::MOST_KEYS as i64).any(|key| loads_of(world, key) >= 4),
        origin: || origin(&[cache::SINGLE_FLIGHT], &[]),
        solve: |script| {
            script.act(call(cache::CROWD, &[QUIET]));
            script.act(call(cache::CROWD, &[QUIET]));
            script.until(|world| loads_of(world, QUIET) >= 4);
        },
    },
    Challenge {
        id: "useless-cache",
        title: "A full cache that is of no use",
        goal: "Keep the hit ratio below 20 % over 200 look-ups or more, with the cache full.",
        hint: "Make every key as popular as every other, and the cache small.",
        reached: useless,
        origin: || origin(&[], &[(cache::SKEW, 0), (cache::CAPACITY, 3), (cache::KEYS, 64)]),
        solve: |script| {
            script.until(useless);
        },
    },
];

/// One update and two reads of one key.
const ONE_UPDATE: Hunt<CacheAside> = Hunt {
    settings: &[(cache::CLIENTS, 2), (cache::SERVERS, 1), (cache::RATE, 0)],
    inputs: || vec![call(cache::UPDATE, &[1, 0]), call(cache::READ, &[2, 0]), call(cache::READ, &[1, 0])],
    bounds: Bounds::new(4_000_000, 40, Budget::NONE),
    within: |world| world.kernel().pending_count() < 9,
};

const BREAKS: &[Breaks<CacheAside>] = &[
    Breaks { rule: cache::INVALIDATE_AFTER, promise: FRESH.id, way: Way::Explore(ONE_UPDATE) },
    Breaks { rule: cache::LEASE, promise: FRESH.id, way: Way::Explore(ONE_UPDATE) },
    Breaks { rule: cache::SINGLE_FLIGHT, promise: ONE_LOAD.id, way: Way::Explore(ONE_UPDATE) },
];
