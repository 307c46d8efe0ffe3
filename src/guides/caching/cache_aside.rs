//! Cache-aside: what a cache saves, and the three ways in which it lies.

use crate::guides::kit::prelude::*;
use crate::systems::caching::cache::promises::{FRESH, ONE_LOAD};
use crate::systems::caching::cache::{
    self as cache, CacheAside, Memory, Message, Stage, Version, cache_node, database,
};
use crate::views::cache::{
    Shop, cache_mark, cached, client, clients, database_mark, entries, server, servers, version,
};

type Beat = crate::guides::kit::tour::Beat<CacheAside>;

/// The scenario.
pub static SCENARIO: Scenario<CacheAside> = Scenario {
    slug: "cache-aside",
    title: "Cache-aside",
    guide: Guide::Caching,
    level: 1,
    summary: "A round trip to the database takes 100 ms, to the cache 2 ms. The servers keep copies in the cache \
              themselves, and must not forget to delete them.",
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
    rules: &[cache::INVALIDATE_AFTER, cache::LEASE, cache::SINGLE_FLIGHT],
    commands: &[cache::READ, cache::UPDATE, cache::FLUSH, cache::CROWD],
    promises: &[FRESH, ONE_LOAD],
    faults: FaultModel::ASYNCHRONOUS,
    presets: &[
        ("Rush hour", &[(cache::RATE, 300)]),
        ("A slow database", &[(cache::DATABASE, 200_000)]),
        ("A cache too small", &[(cache::CAPACITY, 2)]),
        ("One key wanted most", &[(cache::SKEW, 200)]),
    ],
    load: true,
    charts: &[
        Chart {
            title: "Requests",
            about: "What the clients ask for, and how it ends. Late: the client has given up.",
            plot: Plot::Rate(cache::OUTCOMES),
        },
        Chart {
            title: "Hit ratio",
            about: "How many look-ups in a hundred find a copy.",
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
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_UPDATE,
    terms: &[
        (
            "cache-aside",
            "The application asks the cache first, and on a miss loads from the database and fills the cache.",
        ),
        ("invalidate", "To delete a cached copy because what it was copied from has changed."),
        ("lease", "A lock or right that expires on its own after a set time."),
        ("single flight", "Only one load of a key at a time; requests that come meanwhile wait for it."),
    ],
    near: &["resilience/load-balancing", "storage/leaderless-quorum"],
    versions: versions!["Scaling Memcache at Facebook, NSDI 2013", "memcached 1.6"],
    prose: prose!("cache_aside.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

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

fn call(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

/// The key whose copy is older than its row.
fn stale(world: &Shop) -> Option<u16> {
    cached(world).iter().find(|(key, copy)| copy.version < version(world, *key)).map(|entry| entry.0)
}

/// Whether an update is done, and the copy is older.
fn holds_an_old_copy(world: &Shop) -> bool {
    let is_news = |message: &Message, newest: Version| match message {
        Message::Write { .. } => true,
        Message::Result { version, .. } | Message::Reply { version, .. } => *version == newest,
        _ => false,
    };
    stale(world).is_some_and(|key| !flies(world, |message| is_news(message, version(world, key))))
}

/// The command that updates the key in the table's first row.
fn update_newest(world: &Shop) -> Option<Input> {
    cached(world).first().map(|entry| call(cache::UPDATE, &[1, i64::from(entry.0)]))
}

/// The key that is asked for first.
const FIRST: u16 = 1;

/// How many entries the cache holds once it is shown full.
const SMALL: usize = 4;

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

const TOUR: &[Beat] = &[
    Beat::new(
        "100 ms away",
        "Clients ask servers, and servers ask the database: 50 ms there, 50 ms back. In between there is a cache, 1 \
         ms each way, and empty so far. Watch whom the server asks first.",
        |world| on_the_way(world, |message| matches!(message, Message::Lookup { .. })) > 0,
    )
    .midway()
    .look(|world| vec![cache_node(world.settings()), database(world.settings())]),
    Beat::new(
        "Aside",
        "The server asks the cache first. On a miss it loads from the database itself, answers, and puts a copy \
         into the cache for the next one. This is *cache-aside*.",
        |world| flies(world, |message| matches!(message, Message::Set { .. })),
    )
    .midway()
    .look(servers)
    .ask(Predict {
        question: "How long does the first read take?",
        options: |_| vec!["About 4 ms".to_owned(), "About 50 ms".to_owned(), "About 106 ms".to_owned()],
        answer: |_| 2,
        because: "Client to server, a miss, the database (50 + 2 + 50), and back: 1 + 2 + 102 + 1 ms.",
    }),
    Beat::new(
        "A hit",
        "The next reader of the same key is served from the cache, and the database hears nothing of it.",
        |world| flies(world, |message| matches!(message, Message::Hit { .. })),
    )
    .midway()
    .look(|world| vec![cache_node(world.settings())]),
    Beat::new(
        "The cache is full",
        "A few keys are asked for all the time, most of them rarely, so a small cache catches many reads. From here on \
         ours holds four entries. When a fifth comes, the *least recently used* one goes: watch the last row.",
        |world| cached(world).len() == SMALL && !cached(world).iter().any(|entry| entry.0 == FIRST),
    )
    .first(|_| vec![Input::set(cache::CAPACITY, SMALL as i64)])
    .look(|world| vec![cache_node(world.settings())]),
    Beat::new(
        "An update",
        "The clients' own requests pause from here on. Client 1 updates the key in the table's first row. The server \
         writes to the database, and then deletes the copy rather than overwrite it: to *invalidate* twice does no \
         harm.",
        |world| flies(world, |message| matches!(message, Message::Deleted { .. })),
    )
    .first(|world| [Some(Input::set(cache::RATE, 0)), update_newest(world)].into_iter().flatten().collect())
    .midway()
    .look(|world| vec![cache_node(world.settings())])
    .ask(Predict {
        question: "What does the next reader of that key get?",
        options: |_| {
            ["The old value, from the cache", "The new value, from the cache", "The new value, from the database"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if stale(world).is_none() { 2 } else { 0 },
        because: "There is no copy any more, so it misses and loads whatever is true by then.",
    }),
    Beat::new(
        "A crowd",
        "All three clients ask for one key that is not cached. Each server lets one request load it, and the others \
         wait: *single flight*. Compare the jobs of a server with its loads.",
        |world| loads_of(world, QUIET) >= 1 && flies(world, |message| matches!(message, Message::Load { .. })),
    )
    .first(|_| vec![call(cache::READ, &[1, QUIET]), call(cache::READ, &[2, QUIET]), call(cache::CROWD, &[QUIET])])
    .midway()
    .look(servers),
    Beat::new(
        "Wrong order",
        "Now updates delete the copy before they write: watch the first row of the table go. In the 100 ms between, \
         nobody has a copy, and the database still has the old value.",
        |world| flies(world, |message| matches!(message, Message::Write { .. })),
    )
    .first(|world| [Some(Input::off(cache::INVALIDATE_AFTER)), update_newest(world)].into_iter().flatten().collect())
    .midway()
    .look(|world| vec![cache_node(world.settings())]),
    Beat::new(
        "A reader in between",
        "The write is held up a little, and a reader comes. It misses, loads the old value, and puts it back into \
         the cache. Then the write arrives, and the update is done.",
        holds_an_old_copy,
    )
    .first(|world| {
        let writes = world.flights().filter_map(|flight| match flight.message {
            Message::Write { key, .. } => Some((flight.pending.id, *key)),
            _ => None,
        });
        let late = |(id, key)| [Input::Delay { id, by: 20_000 }, call(cache::READ, &[2, i64::from(key)])];
        writes.flat_map(late).collect()
    })
    .look(|world| vec![cache_node(world.settings())])
    .ask(Predict {
        question: "How long does the old value stay in the cache?",
        options: |_| {
            ["Until the write is done", "Until the next read", "Until its time to live is over"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |_| 2,
        because: "Nobody will delete it again: the update considers itself done.",
    }),
    Beat::new(
        "And it stays",
        "Whoever reads now, after the update was reported done, gets the old value. Watch the first promise.",
        |world| world.is_promise_broken(FRESH.id),
    )
    .first(|world| stale(world).into_iter().map(|key| call(cache::READ, &[2, i64::from(key)])).collect())
    .look(|world| clients(world).into_iter().skip(1).take(1).collect()),
];

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
    },
    Challenge {
        id: "stampede",
        title: "A small stampede",
        goal: "Have four loads of one key under way at the same time.",
        hint: "Switch single flight off, and send a crowd to a key that is not cached.",
        reached: |world| (0..cache::MOST_KEYS as i64).any(|key| loads_of(world, key) >= 4),
    },
    Challenge {
        id: "useless-cache",
        title: "A full cache that is no use",
        goal: "Keep the hit ratio below 20 % over 200 look-ups or more, with the cache full.",
        hint: "Make every key as popular as every other, and the cache small.",
        reached: useless,
    },
];

/// One update and two reads of one key.
const ONE_UPDATE: Hunt<CacheAside> = Hunt {
    settings: &[(cache::CLIENTS, 2), (cache::SERVERS, 1), (cache::RATE, 0)],
    inputs: || vec![call(cache::UPDATE, &[1, 0]), call(cache::READ, &[2, 0]), call(cache::READ, &[1, 0])],
    bounds: Bounds::new(4_000_000, 40, Budget::NONE),
    within: |world| world.kernel().pending_count() < 9,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<CacheAside> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<CacheAside>] = &[
        Breaks { rule: cache::INVALIDATE_AFTER, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: cache::LEASE, promise: FRESH.id, way: Way::Explore },
        Breaks { rule: cache::SINGLE_FLIGHT, promise: ONE_LOAD.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<CacheAside>] = &[
        Solution {
            challenge: "stale-value",
            from: || SCENARIO.from(&[cache::INVALIDATE_AFTER], &[(cache::UPDATES, 20)]),
            act: |script| {
                script.until(|world| world.is_promise_broken(FRESH.id));
            },
        },
        Solution {
            challenge: "stampede",
            from: || SCENARIO.from(&[cache::SINGLE_FLIGHT], &[]),
            act: |script| {
                script.act(call(cache::CROWD, &[QUIET]));
                script.act(call(cache::CROWD, &[QUIET]));
                script.until(|world| loads_of(world, QUIET) >= 4);
            },
        },
        Solution {
            challenge: "useless-cache",
            from: || SCENARIO.from(&[], &[(cache::SKEW, 0), (cache::CAPACITY, 3), (cache::KEYS, 64)]),
            act: |script| {
                script.until(useless);
            },
        },
    ];
}
