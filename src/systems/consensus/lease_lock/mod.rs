//! A lock that is granted for a time, and a store that refuses those who have lost it.
//!
//! Cary Gray and David Cheriton, "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache
//! Consistency" (SOSP 1989): a lease expires on its own; the client counts it from when it asked, the server from when
//! it granted, and both allow for the drift of clocks; a server that restarts waits out the longest lease. Mike
//! Burrows, "The Chubby Lock Service for Loosely-Coupled Distributed Systems" (OSDI 2006), section 2.4: sequencers.
//! Martin Kleppmann, "How to do distributed locking" (2016): the fencing token, and the pause that makes it necessary.
//! Apache ZooKeeper, "ZooKeeper Recipes and Solutions" (Locks) and etcd, `client/v3/concurrency`: the place of a waiter
//! is bound to its session, and goes with it.
//!
//! # Simplified here
//!
//! - The lock service is one node with a disk. Chubby, etcd and ZooKeeper are groups that survive the loss of a
//!   member; here nobody gets the lock while the node is down.
//! - A waiter keeps its place by asking again. In etcd and ZooKeeper a session keeps all that a client has, and its
//!   keep-alives are messages of their own.
//! - Each holder does one read and one write under its lease.

mod client;
mod lock;
pub mod promises;
mod store;

use std::hash::{Hash, Hasher};

use litemap::LiteMap;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, percent};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// See the module's header.
pub struct LeaseLock;

/// Number of a grant: each is higher than all before it.
pub type Token = u32;

rules! {
    /// The store refuses a token older than the newest it has seen.
    FENCING = "fencing", "The store refuses older tokens",
        "Each grant has a higher token, and each read and write carries one. The store refuses tokens older than the \
         newest it has seen. Off: it takes every write.";
    /// The newest token that the store has seen is on its disk.
    ON_DISK = "newest-on-disk", "The newest token on disk",
        "The store keeps the newest token on disk. Off: it keeps it in memory, and forgets it in a crash.";
    /// The client stops a margin before the lease ends.
    MARGIN = "lease-margin", "A margin for slow clocks",
        "A client stops early enough before its lease ends that no clock within the bound overruns it. Off: it uses \
         the whole lease by its own clock.";
    /// A waiter that is not heard from for a lease loses its place.
    WAITER = "waiter-lease", "A waiter is kept by its own lease",
        "A client that waits asks again before a lease is over, or it loses its place. Off: it keeps its place, and is \
         lent the lock even if it has died.";
}

settings! {
    CLIENTS = "clients", "Clients", count(2, 3), 2, AtStart,
        "How many share the lock.";
    /// How long a lease lasts, in microseconds.
    LEASE = "lease", "Lease", micros(200_000, 5_000_000, 100_000), 1_000_000, AtStart,
        "How long the lock is granted for, by the lock service's clock.";
    /// How much faster or slower than right a clock may run, in percent.
    DRIFT = "drift", "Drift allowed for", percent(0, 40, 5), 20, Live,
        "How much too fast or too slow a clock may run. Real ones are off by far less than one in a thousand.";
    /// How long a client works between its read and its write, in microseconds.
    WORK = "work", "Work", micros(20_000, 3_000_000, 20_000), 200_000, Live,
        "How long a client takes to make a new value from the one it read.";
    /// How long until a client wants the lock again, in microseconds.
    THINK = "think", "Between two wishes", micros(50_000, 3_000_000, 50_000), 300_000, Live,
        "How long until a client wants the lock again, on average.";
    /// Mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(2_000, 100_000, 2_000), 20_000, Live,
        "A message takes between half and one and a half times this.";
}

metrics! {
    /// The newest token granted.
    GRANTED = "granted", "Newest token", Gauge;
    /// Writes that the store took.
    WRITTEN = "written", "Writes taken", Counter;
    /// Writes and reads that it refused.
    REFUSED = "refused", "Refused", Counter;
    /// From the wish to the grant.
    WAITED = "waited", "Wish to grant", Latency;
}

/// The lock service.
pub const LOCK: NodeId = NodeId(0);
/// The store.
pub const STORE: NodeId = NodeId(1);
/// The first client.
pub const FIRST: usize = 2;

purposes! {
    THINKING;
}

/// What survives a crash; each role uses its part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The lock service: the newest token granted.
    pub granted: Token,
    /// The store: its value, a count of the updates made.
    pub value: u32,
    /// The store: the newest token seen.
    pub newest: Token,
    /// The store: the token of the last write.
    pub written: Token,
    /// A client: how often it has asked. No two questions have one number, not even across a crash.
    pub asks: u32,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It does not want the lock.
    Idle,
    /// It has asked for the lock.
    Waits,
    /// It has asked the store for the value.
    Reads,
    /// It makes a new value from this one.
    Works(u32),
    /// It has sent the new value.
    Writes,
}

/// A lease as its holder believes in it: until the timer of this question runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub token: Token,
    pub ask: u32,
}

/// A client that waits for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    pub client: NodeId,
    /// Its question.
    pub ask: u32,
    /// When it came, by the service's clock.
    pub heard: Time,
}

/// As derived, but for the time: it matters together with the clock alone, and while exploring there is none.
impl Hash for Waiter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.client, self.ask).hash(state);
    }
}

/// The number of each client's newest question.
pub type Asked = LiteMap<NodeId, u32>;

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The lock service: who holds the lock, who waits, who has asked what last, and whether it waits out a lease that it
    /// may have forgotten.
    Lock { holder: Option<(NodeId, Token)>, queue: Vec<Waiter>, asked: Asked, grace: bool },
    /// The store: the newest token seen, as far as it is not on disk.
    Store { newest: Token },
    /// A client.
    Client { phase: Phase, lease: Option<Lease>, since: Time },
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// May I have the lock?
    Acquire { ask: u32 },
    /// May I keep it for another lease?
    Renew { ask: u32, token: Token },
    /// The lock is lent.
    Grant { ask: u32, token: Token },
    /// It is given back.
    Release { token: Token },
    /// The store is asked for its value.
    Read { token: Token },
    /// The value.
    Value { token: Token, value: u32 },
    /// The store is to take this value.
    Write { token: Token, value: u32 },
    /// It has, or has refused.
    Done { token: Token, ok: bool },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The lock service: the lease has ended.
    Expire,
    /// The lock service: every lease from before the crash has ended.
    Grace,
    /// A client: the lease that this question got ends; or nothing came of it.
    End(u32),
    /// A client: time to renew.
    Renew,
    /// A client: it is done with its work.
    Worked,
    /// A client: it wants the lock.
    Wish,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// At the store: somebody wrote.
    Attempt(Attempt),
    /// At the lock service: it lends the lock to one that has waited, and has heard nothing from it for this long.
    Lent { client: NodeId, silent: Micros },
}

/// Somebody wrote, and it was taken or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub client: NodeId,
    pub token: Token,
    /// The value that was to be written.
    pub value: u32,
    /// The value before.
    pub over: u32,
    pub ok: bool,
}

/// How long a client counts on a lease: a clock that runs as slow as clocks may must not outlast one that runs as fast
/// as they may. A lease is 1 / (1 + d) long by the fast one, and this 1 / (1 - d) by the slow one.
pub fn usable(settings: &Settings, margin: bool) -> Micros {
    let (lease, drift) = (settings.amount(LEASE), settings.amount(DRIFT).min(90));
    if margin { lease * (100 - drift) / (100 + drift) } else { lease }
}

commands! {
    WISH = "wish", "A client wants the lock", "Take the lock| as {0}",
        "It asks now, if it is idle.",
        [field("client", Control::Choice(&["A", "B", "C"]), 0)];
}

impl System for LeaseLock {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Leases";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(CLIENTS).clamp(2, 3) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node.index() {
            0 => "lock",
            1 => "store",
            2 => "A",
            3 => "B",
            _ => "C",
        }
        .to_owned()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        LinkSpec::unordered(Latency::Uniform(mean / 2, mean + mean / 2))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match context.me() {
            LOCK => lock::boot(disk, context),
            STORE => Memory::Store { newest: disk.newest },
            _ => client::boot(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Lock { holder, queue, asked, grace } => {
                lock::Lock { disk, holder, queue, asked, grace, context }.handle(event)
            }
            Memory::Store { newest } => store::Store { disk, newest, context }.handle(event),
            Memory::Client { phase, lease, since } => {
                client::Client { disk, phase, lease, since, context }.handle(event);
            }
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = NodeId::from(FIRST + call.value(0) as usize);
        world.memory(node).map(|_| node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        notes.iter().for_each(|note| witness.see(*note, scene));
    }

    fn outside(world: &World<Self>, promise: &str) -> Option<&'static str> {
        promises::outside(world, promise)
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Acquire { .. } => "\"may I have the lock?\"".to_owned(),
            Message::Renew { token, .. } => format!("\"may I keep it?\", token {token}"),
            Message::Grant { token, .. } => format!("the lease, token {token}"),
            Message::Release { token } => format!("\"token {token} is given back\""),
            Message::Read { token } => format!("Read, token {token}"),
            Message::Value { value, .. } => format!("the value {value}"),
            Message::Write { token, value } => format!("Write {value}, token {token}"),
            Message::Done { token, ok: true } => format!("\"done\", token {token}"),
            Message::Done { token, .. } => format!("\"refused\", token {token}"),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Expire => "the lease has ended".to_owned(),
            Timer::Grace => "all old leases have ended".to_owned(),
            Timer::End(ask) => format!("time is up for question {ask}"),
            Timer::Renew => "time to renew".to_owned(),
            Timer::Worked => "the work is done".to_owned(),
            Timer::Wish => "it wants the lock".to_owned(),
        }
    }
}
