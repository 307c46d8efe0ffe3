//! A leaderless store: every replica takes reads and writes, and quorums make them agree.
//!
//! Reads and writes are those of Attiya, Bar-Noy and Dolev ("Sharing Memory Robustly in Message-Passing Systems", JACM
//! 42(1), 1995) in the form for several writers (Lynch and Shvartsman, FTCS 1997): a write asks a read quorum for the
//! newest version first, and a read writes back what it returns. R, W, sloppy quorums and hinted handoff are those of
//! Dynamo (DeCandia et al., SOSP 2007, sections 4.5 and 4.6). Versions are totally ordered, so there are no siblings.
//!
//! # Simplified here
//!
//! - There is one key. The ring that spreads keys over nodes is left out.
//! - Nothing is deleted. So tombstones cannot be shown, nor how a value comes back once they are gone (Cassandra's
//!   `gc_grace_seconds`).
//! - Replicas are repaired by reads and hints. Comparing whole replicas by Merkle trees is left out.
//! - A write first asks for the newest version, so versions have one order and clocks play no part. Cassandra takes
//!   the client's timestamp instead, and Riak keeps siblings.
//! - Linearizability, where it is promised, is judged by the last 96 lines of the history. In a longer one, a read of
//!   a value that nobody wrote within them is passed over, and may be stale without anyone noticing.

mod client;
pub mod promises;
mod replica;

use crate::mechanisms::quorum;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, Field, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::{Rule, RuleSet};
use crate::sim::declare::settings::{Control, Setting, Settings, Unit, count, micros, percent};
use crate::sim::judge::history::OpId;
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// The system.
pub struct QuorumStore;

rules! {
    /// W + R > N.
    OVERLAP = "overlapping-quorums", "W + R > N",
        "R is raised until every read quorum meets every write quorum. Off: R and W are used as set.";
    /// A read returns the newest version among its answers.
    NEWEST = "newest-version", "Return the newest version",
        "A read returns the newest of its R answers. Off: it returns the first answer.";
    /// A read writes back what it returns before it returns it.
    READ_REPAIR = "read-repair", "Write back before answering",
        "A read first stores what it returns on a write quorum. Off: it answers at once.";
    /// Only the key's own replicas count towards W.
    STRICT = "strict-quorum", "Hints do not count",
        "Only the key's own replicas count towards W. Off: a sloppy quorum, in which a hint counts as a write.";
    /// A write waits for a majority of the replicas.
    WRITE_MAJORITY = "write-majority", "Write to a majority",
        "A write is acknowledged once a majority has stored it. Off: once a single replica has.";
    /// A read waits for a majority of the replicas.
    READ_MAJORITY = "read-majority", "Read from a majority",
        "A read returns the newest of a majority's answers. Off: it returns the first answer.";
}

settings! {
    /// N: replicas of the key.
    REPLICAS = "replicas", "N, replicas", count(3, 6), 3, AtStart,
        "How many nodes keep the key.";
    READ_QUORUM = "read-quorum", "R, read quorum", count_slider(6), 2, Live,
        "How many answers a read waits for.";
    WRITE_QUORUM = "write-quorum", "W, write quorum", count_slider(6), 2, Live,
        "How many replicas must have stored a write before it is acknowledged.";
    /// Mean time between a client's operations, in microseconds; 0 for none.
    THINK = "think-time", "Think time", micros(0, 2_000_000, 10_000), 150_000, Live,
        "A client's mean pause between operations; 0 for no operations but your own.";
    /// Operations that write, in percent.
    WRITES = "writes", "Writes", percent(0, 100, 5), 40, Live,
        "How many operations in a hundred are writes.";
    LATENCY = "latency", "Mean latency", micros(1_000, 100_000, 1_000), 10_000, Live,
        "A message takes at least half of this, and now and then much longer.";
    /// Whether a write that misses a replica leaves a hint with the spare node.
    HANDOFF = "hinted-handoff", "Hinted handoff", Control::Toggle, 1, Live,
        "A write that misses a replica leaves a hint with the spare node, which hands it over later.";
    /// Whether quorums are majorities by rule, and R and W what is used without the rules.
    MAJORITIES = "majorities", "Quorums are majorities", Control::Toggle, 0, Live,
        "R and W are raised to more than half of the replicas.";
    /// Whether there is a node that keeps hints.
    SPARE = "spare-node", "A spare node", Control::Toggle, 1, AtStart,
        "It keeps hints for replicas that do not answer.";
}

metrics! {
    READ_LATENCY = "read-latency", "Read", Latency;
    WRITE_LATENCY = "write-latency", "Write", Latency;
    /// Reads and writes that reached their quorum.
    DONE = "done", "Done", Counter;
    /// Those that did not in time.
    FAILED = "failed", "Without a quorum in time", Counter;
    /// Hints that the spare node keeps.
    HINTS = "hints", "Hints kept", Gauge;
}

/// Two clients come first.
pub const CLIENTS: usize = 2;

purposes! {
    THINKING;
    KIND;
}

/// A version: a counter, and the client that wrote it to tell equal counters apart. Ordered, the newest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub counter: u32,
    pub client: u16,
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "v{}", self.counter)?;
        if self.client > 0 {
            write!(out, "b")
        } else if self.counter > 0 {
            write!(out, "a")
        } else {
            Ok(())
        }
    }
}

/// A value with its version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stored {
    pub version: Version,
    pub value: i16,
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// A replica's copy.
    pub stored: Stored,
    /// The spare node's hints: for whom, and what.
    pub hints: Vec<(NodeId, Stored)>,
    /// A client's last request number and last counter; neither is used twice.
    pub last_request: u32,
    pub last_counter: u32,
}

/// What a client is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The value to write; `None` for a read.
    pub write: Option<i16>,
    /// Number of the request whose answers count.
    pub request: u32,
    pub phase: Phase,
    pub op: OpId,
    pub since: Time,
}

/// An operation has two phases: ask a read quorum, then store on a write quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Who answered with what, in the order of the answers.
    Asking { answers: Vec<(NodeId, Stored)> },
    /// Who has stored it, one bit per node; and for whom a hint is kept.
    Storing { stored: Stored, acked: u64, hinted: u64 },
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Client { operation: Option<Operation> },
    Replica,
    Spare,
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// What do you have?
    Query { request: u32 },
    /// This.
    Answer { request: u32, stored: Stored },
    /// Keep this if it is newer. Request 0: handed over, or written back without waiting.
    Store { request: u32, stored: Stored },
    /// Done.
    Ack { request: u32, version: Version },
    /// Keep this for a replica that does not answer.
    Hint { request: u32, home: NodeId, stored: Stored },
    /// Done.
    Hinted { request: u32, home: NodeId },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A client's next operation.
    Think,
    /// A write waits for replicas that do not answer: leave hints.
    Impatient(u32),
    /// An operation has taken too long.
    Deadline(u32),
    /// The spare node tries to hand its hints over.
    Handoff,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    ReadBegan { client: NodeId },
    ReadEnded { client: NodeId, stored: Stored },
    WriteAcked { client: NodeId, stored: Stored },
    Ended { client: NodeId },
}

/// N under these settings.
pub fn replica_count(settings: &Settings) -> usize {
    settings.amount(REPLICAS).clamp(3, 6) as usize
}

/// The replicas of the key.
pub fn replicas(settings: &Settings) -> impl Iterator<Item = NodeId> + use<> {
    (CLIENTS..CLIENTS + replica_count(settings)).map(NodeId::from)
}

/// The node that keeps hints.
pub fn spare(settings: &Settings) -> NodeId {
    NodeId::from(CLIENTS + replica_count(settings))
}

/// R and W as they are used: raised to majorities, or R until W + R > N, where the rules for it are on.
pub fn quorums(settings: &Settings, rules: RuleSet) -> (usize, usize) {
    let n = replica_count(settings);
    let limit = |id| (settings.amount(id) as usize).clamp(1, n);
    let (read, write) = (limit(READ_QUORUM), limit(WRITE_QUORUM));
    if settings.is_on(MAJORITIES) {
        let raised = |rule, set: usize| if rules.on(rule) { set.max(quorum::majority(n)) } else { set };
        return (raised(READ_MAJORITY, read), raised(WRITE_MAJORITY, write));
    }
    if rules.on(OVERLAP) { (read.max(n + 1 - write), write) } else { (read, write) }
}

const fn count_slider(max: i64) -> Control {
    Control::Slider { min: 1, max, step: 1, unit: Unit::Count }
}

commands! {
    WRITE = "write", "Write x", "Write x = {1}| as {0}",
        "A client writes x, once its current operation has ended.",
        [CLIENT_FIELD, field("value", count(0, 99), 7)];
    READ = "read", "Read x", "Read x| as {0}",
        "A client reads x, once its current operation has ended.",
        [CLIENT_FIELD];
}

impl System for QuorumStore {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Leaderless store";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        CLIENTS + replica_count(settings) + usize::from(settings.is_on(SPARE))
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match node.index() {
            0 => "Ann".to_owned(),
            1 => "Bob".to_owned(),
            _ if node == spare(settings) => "spare".to_owned(),
            other if settings.is_on(SPARE) => format!("R{}", other + 1 - CLIENTS),
            other => char::from(b'A' + (other - CLIENTS) as u8 % 26).to_string(),
        }
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        LinkSpec::unordered(Latency::Exponential { min: mean / 2, mean: mean / 2 })
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(_: &Disk, context: &mut Context<Self>) -> Memory {
        let me = context.me();
        if me.index() < CLIENTS {
            client::think(context);
            // An operation that a crash cut short has ended, as far as anyone can see.
            context.note(Note::Ended { client: me });
            Memory::Client { operation: None }
        } else if me == spare(context.settings()) {
            replica::await_handoff(context);
            Memory::Spare
        } else {
            Memory::Replica
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Client { operation } => client::Client { disk, operation, context }.handle(event),
            Memory::Replica => replica::replica(disk, event, context),
            Memory::Spare => replica::spare(disk, event, context),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let client = NodeId::from(usize::from(call.value(0) == 1));
        world.kernel().node(client).up.then_some(client)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match message {
            Message::Query { .. } => "\"what do you have?\"".to_owned(),
            Message::Answer { stored, .. } => format!("\"x={}, {}\"", stored.value, stored.version),
            Message::Store { stored, .. } => format!("\"store x={}, {}\"", stored.value, stored.version),
            Message::Ack { version, .. } => format!("an ack of {version}"),
            Message::Hint { home, stored, .. } => {
                format!("a hint for {}: x={}, {}", Self::name(settings, *home), stored.value, stored.version)
            }
            Message::Hinted { home, .. } => format!("an ack of the hint for {}", Self::name(settings, *home)),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Think => "the next operation".to_owned(),
            Timer::Impatient(_) => "a replica does not answer".to_owned(),
            Timer::Deadline(_) => "time is up".to_owned(),
            Timer::Handoff => "time to hand hints over".to_owned(),
        }
    }
}

const CLIENT_FIELD: Field = field("client", Control::Choice(&["Ann", "Bob"]), 0);
