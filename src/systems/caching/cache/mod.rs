//! A database behind a look-aside cache, with application servers in between.
//!
//! The application does the work, as with memcached: it asks the cache, on a miss loads from the database and sets the
//! cache, and after an update deletes the cached copy (Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013,
//! section 2). Leases are those of section 3.2.1: a miss hands out a token, an invalidation voids it, and a set needs
//! a token that is not void.
//!
//! # Simplified here
//!
//! - A value is its version number: what matters is how old it is.
//! - There is one cache and one database. Spreading keys over several caches is left out, and so are Facebook's
//!   regional pools.
//! - The database has no replicas. In reality a read from one that lags can put an old value into the cache even after
//!   the delete.
//! - The application looks aside (no write-through, no write-behind), and the cache drops what was used least
//!   recently.

mod app;
mod client;
pub mod promises;
mod stores;

use litemap::LiteMap;

use crate::mechanisms::lru::Lru;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, Field, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings, Unit, count, micros, per_second, percent, slider};
use crate::sim::judge::history::OpId;
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::systems::parts::calls::Calls;
use crate::systems::parts::cast::{Cast, Role};
use crate::systems::parts::open_loop::Keys;
use crate::systems::parts::station::Station;
use crate::{commands, metrics, purposes, rules, settings};

/// The system.
pub struct CacheAside;

rules! {
    /// Delete the cached copy after the database has the new value.
    INVALIDATE_AFTER = "invalidate-after-write", "Invalidate after the write",
        "The cached copy is deleted once the database has the new value. Off: before, so a reader can put the old one \
         back.";
    /// A set needs a lease that no invalidation has voided.
    LEASE = "lease-on-set", "A set needs a lease",
        "A miss hands out a token, and an invalidation voids it. Off: a slow reader stores what it loaded before the \
         update.";
    /// One load of a key at a time, for each server.
    SINGLE_FLIGHT = "single-flight", "Single flight",
        "A server has one load of a key under way; others who miss wait for it. Off: everyone who misses asks the \
         database.";
}

settings! {
    CLIENTS = "clients", "Clients", count(1, 6), 3, AtStart,
        "Each sends its share of the requests.";
    SERVERS = "servers", "Application servers", count(1, 3), 2, AtStart,
        "They share the cache and the database.";
    /// Requests a second, all clients together.
    RATE = "rate", "Requests", per_second(0, 600, 10), 40, Live,
        "All clients together, on average.";
    /// Requests that update, in percent.
    UPDATES = "updates", "Updates", percent(0, 100, 1), 5, Live,
        "How many requests in a hundred are updates.";
    /// Number of keys.
    KEYS = "keys", "Keys", count(1, MOST_KEYS as i64), 40, Live,
        "How many different keys are asked for.";
    /// Zipf's exponent, in hundredths.
    SKEW = "skew", "Popularity", slider(0, 200, 5, Unit::Count), 100, Live,
        "Zipf's exponent in hundredths: 0 is uniform, 100 is classic.";
    /// The most entries in the cache.
    CAPACITY = "capacity", "Cache size", count(1, MOST_KEYS as i64), 16, Live,
        "How many entries fit; the least recently used one goes first.";
    /// How long an entry lives, in microseconds.
    TTL = "ttl", "Time to live", micros(100_000, 60_000_000, 100_000), 10_000_000, Live,
        "How long an entry may be served.";
    /// To the database and back again, each way, in microseconds.
    DATABASE = "database", "To the database, each way", micros(1_000, 200_000, 1_000), 50_000, Live,
        "Give or take a quarter. Each query adds 2 ms of work.";
}

metrics! {
    LATENCY = "latency", "Read latency", Latency;
    HITS = "hits", "Hits", Counter;
    MISSES = "misses", "Misses", Counter;
    /// Queries that the database has answered.
    QUERIES = "queries", "Queries", Counter;
    /// Queries that wait at the database.
    QUEUE = "queue", "Waiting at the database", Gauge;
    /// Entries in the cache.
    ENTRIES = "entries", "Cached entries", Gauge;
    /// How requests end; the subject is an outcome. In time: before the client gives up.
    OUTCOMES = "outcomes", "Requests", Counter;
}

/// How long the database works on a query; it does one at a time.
pub const QUERY: Time = 2 * MS;
/// Between all other nodes, each way.
pub const NEAR: Time = MS;
/// The greatest number of keys.
pub const MOST_KEYS: usize = 64;

purposes! {
    ARRIVALS;
    KEY;
    KIND;
    LEASES;
}

/// A version of a key's value, counted by the database.
pub type Version = u32;
/// Number of a request or of a server's job; never used twice by one node.
pub type Number = u32;

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The database: the version of each key.
    pub versions: Vec<Version>,
    /// A client or a server: the last number it gave out.
    pub last: Number,
}

/// A cached copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Copied {
    pub version: Version,
    /// On the cache's clock.
    pub expires: Time,
}

/// What a server does for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub client: NodeId,
    pub request: Number,
    pub key: u16,
    pub stage: Stage,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Has asked the cache.
    LookingUp,
    /// Waits for another job that loads the same key.
    Waiting,
    /// Has asked the database; with this lease it may set the cache.
    Loading { lease: Option<u64> },
    /// Has sent a set; the answer decides what those who wait do.
    Setting { version: Version },
    /// Updates the database; `deleted`: the cached copy was deleted before.
    Writing { deleted: bool },
    /// Deletes the cached copy; the version it wrote, if it has written.
    Deleting { version: Option<Version> },
}

/// A lease: its number, and when it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Given {
    pub lease: u64,
    pub at: Time,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Client { open: Calls<Asked>, keys: Keys },
    Server { jobs: LiteMap<Number, Job> },
    Cache { entries: Lru<Copied>, leases: LiteMap<u16, Given>, next_lease: u64 },
    Database { queue: Station<Query> },
}

/// What a client has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub key: u16,
    pub update: bool,
    pub op: OpId,
}

/// A query at the database: who asks, for which job, which key, and whether it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    pub from: NodeId,
    pub number: Number,
    pub key: u16,
    pub writes: bool,
}

/// What nodes send each other. `number` is the sender's request or job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Read { number: Number, key: u16 },
    Update { number: Number, key: u16 },
    Reply { number: Number, key: u16, version: Version },
    Lookup { number: Number, key: u16 },
    Hit { number: Number, version: Version },
    Miss { number: Number, lease: Option<u64> },
    Set { number: Number, key: u16, version: Version, lease: Option<u64> },
    SetDone { number: Number, stored: bool },
    Delete { number: Number, key: u16 },
    Deleted { number: Number },
    Load { number: Number, key: u16 },
    Write { number: Number, key: u16 },
    Result { number: Number, version: Version },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A client's next request.
    Arrival,
    /// A client has waited long enough.
    GiveUp(Number),
    /// A server has waited long enough for an answer to a job.
    Retry(Number),
    /// The database is done with a query.
    Query,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    ReadBegan {
        client: NodeId,
        number: Number,
        key: u16,
    },
    ReadEnded {
        client: NodeId,
        number: Number,
        version: Version,
    },
    /// A client learns that its update is done.
    Updated {
        key: u16,
        version: Version,
    },
    Ended {
        client: NodeId,
        number: Number,
    },
}

/// How many clients there are.
pub fn client_count(settings: &Settings) -> usize {
    settings.amount(CLIENTS).clamp(1, 6) as usize
}

/// How many servers there are.
pub fn server_count(settings: &Settings) -> usize {
    settings.amount(SERVERS).clamp(1, 3) as usize
}

/// Who is which node.
const CAST: Cast = Cast(&[
    Role::many("client", client_count),
    Role::many("server", server_count),
    Role::one("cache"),
    Role::one("database"),
]);

/// The cache.
pub fn cache_node(settings: &Settings) -> NodeId {
    CAST.node(settings, 2, 0)
}

/// The database.
pub fn database(settings: &Settings) -> NodeId {
    CAST.node(settings, 3, 0)
}

/// Number of keys under these settings.
pub fn key_count(settings: &Settings) -> usize {
    (settings.amount(KEYS) as usize).clamp(1, MOST_KEYS)
}

/// A key as the reader sees it: "k7".
pub fn key_name(key: u16) -> String {
    format!("k{key}")
}

commands! {
    READ = "read", "Read", "Read k{1}| as client {0}",
        "A client reads a key.",
        [CLIENT_FIELD, KEY_FIELD];
    UPDATE = "update", "Update", "Update k{1}| as client {0}",
        "A client updates a key.",
        [CLIENT_FIELD, KEY_FIELD];
    FLUSH = "flush", "Flush", "Flush the cache",
        "Empties the cache.",
        [];
    CROWD = "crowd", "Crowd", "Read k{0} three times| as every client",
        "Every client reads one key three times at once.",
        [KEY_FIELD];
}

impl System for CacheAside {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Look-aside cache";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        CAST.nodes(settings)
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        CAST.name(settings, node)
    }

    fn link(settings: &Settings, from: NodeId, to: NodeId) -> LinkSpec {
        let far = from == database(settings) || to == database(settings);
        let (mean, quarter) = (settings.amount(DATABASE), settings.amount(DATABASE) / 4);
        LinkSpec::unordered(if far { Latency::Uniform(mean - quarter, mean + quarter) } else { Latency::Fixed(NEAR) })
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        let versions = if node == database(settings) { vec![1; MOST_KEYS] } else { Vec::new() };
        Disk { versions, last: 0 }
    }

    fn boot(_: &Disk, context: &mut Context<Self>) -> Memory {
        let (me, settings) = (context.me(), context.settings());
        if me == cache_node(settings) {
            let next_lease = context.draw(LEASES) >> 16;
            Memory::Cache { entries: Lru::default(), leases: LiteMap::new(), next_lease }
        } else if me == database(settings) {
            Memory::Database { queue: Station::default() }
        } else if me.index() < client_count(settings) {
            client::REQUESTS.arm(Timer::Arrival, context);
            Memory::Client { open: Calls::default(), keys: Keys::default() }
        } else {
            Memory::Server { jobs: LiteMap::new() }
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Client { open, keys } => client::Client { disk, open, keys, context }.handle(event),
            Memory::Server { jobs } => app::Server { disk, jobs, context }.handle(event),
            Memory::Cache { entries, leases, next_lease } => {
                stores::Cache { entries, leases, next_lease, context }.handle(event);
            }
            Memory::Database { queue } => stores::Database { disk, queue, context }.handle(event),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let last = client_count(world.settings()) - 1;
        let node = match call.command {
            READ | UPDATE => NodeId::from((call.value(0).max(1) as usize - 1).min(last)),
            FLUSH => cache_node(world.settings()),
            _ => NodeId(0),
        };
        world.kernel().node(node).up.then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Read { key, .. } => format!("\"read {}\"", key_name(*key)),
            Message::Update { key, .. } => format!("\"update {}\"", key_name(*key)),
            Message::Reply { key, version, .. } => format!("\"{} is version {version}\"", key_name(*key)),
            Message::Lookup { key, .. } => format!("\"get {}\"", key_name(*key)),
            Message::Hit { version, .. } => format!("a hit, version {version}"),
            Message::Miss { .. } => "a miss".to_owned(),
            Message::Set { key, version, .. } => format!("\"set {} to version {version}\"", key_name(*key)),
            Message::SetDone { stored: true, .. } => "\"stored\"".to_owned(),
            Message::SetDone { .. } => "\"not stored\"".to_owned(),
            Message::Delete { key, .. } => format!("\"delete {}\"", key_name(*key)),
            Message::Deleted { .. } => "\"deleted\"".to_owned(),
            Message::Load { key, .. } => format!("\"select {}\"", key_name(*key)),
            Message::Write { key, .. } => format!("\"write {}\"", key_name(*key)),
            Message::Result { version, .. } => format!("a row, version {version}"),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "the next request".to_owned(),
            Timer::GiveUp(number) => format!("request {number} has taken too long"),
            Timer::Retry(number) => format!("no answer for job {number}"),
            Timer::Query => "a query is done".to_owned(),
        }
    }
}

const CLIENT_FIELD: Field = field("client", slider(1, 6, 1, Unit::Count), 1);
const KEY_FIELD: Field = field("key", slider(0, MOST_KEYS as i64 - 1, 1, Unit::Count), 0);
