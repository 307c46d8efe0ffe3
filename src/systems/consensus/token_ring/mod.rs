//! A token ring: the node with the token may be inside, and the token goes from node to node.
//!
//! Gérard Le Lann, "Distributed Systems: Towards a Formal Approach" (IFIP Congress 1977): mutual exclusion on a
//! logical ring, and a new token once the old one is lost. Ernest Chang and Rosemary Roberts, "An Improved Algorithm
//! for Decentralized Extrema-Finding in Circular Configurations of Processes" (CACM 22(5), 1979): of the nodes that
//! call for a new token, the highest makes it. A holder asks its neighbour before it hands the token over, and passes
//! over one that does not answer; so a token is never in two hands, and a dead neighbour costs one time-out.
//!
//! # Simplified here
//!
//! - All nodes know the ring from the start. Nobody joins it for the first time.
//! - Links keep their order, and everyone knows how long a hop takes at most.

pub mod promises;
mod ring;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// See the module's header.
pub struct TokenRing;

rules! {
    /// A new token only after a full silent round.
    SILENT_ROUND = "full-silent-round", "A new token after a silent round",
        "A call for a new token goes once round the ring, and a node that has the token stops it. Off: a node that \
         hears of no token for a while makes one at once.";
    /// A token that is not newer than the newest one seen is ignored.
    NEWER = "only-newer-tokens", "Epochs on tokens",
        "A node ignores a token that is not newer than the newest it has seen. Off: it takes any token.";
}

settings! {
    NODES = "nodes", "Nodes", count(3, 8), 5, AtStart,
        "How many nodes form the ring.";
    /// How long a node stays inside, in microseconds.
    INSIDE = "inside", "Time inside", micros(10_000, 500_000, 10_000), 60_000, Live,
        "How long a node keeps the token when it goes in.";
    /// The longest that a message takes to the next node, in microseconds.
    HOP = "hop", "Longest hop", micros(2_000, 50_000, 2_000), 10_000, Live,
        "A message takes between half of this and all of it. A node waits three times as long for an answer.";
    /// How long a node that hears of no token waits before it calls for a new one, in microseconds.
    SILENCE = "silence", "Silence", micros(100_000, 3_000_000, 100_000), 600_000, Live,
        "How long a node hears of no token before it calls for a new one; never shorter than passing over everybody \
         takes.";
    /// How long until a node wants in again, on average, in microseconds; 0 for never.
    THINK = "think", "Between two wishes", micros(0, 3_000_000, 100_000), 500_000, Live,
        "How long after leaving a node wants in again, on average. 0: only when you say so.";
}

metrics! {
    MESSAGES = "messages", "Messages", Counter;
    /// From the wish to the entry.
    WAITED = "waited", "Wish to entry", Latency;
    /// Entries, by node.
    ENTRIES = "entries", "Entries", Counter;
    /// The epoch of the newest token that a node has seen.
    EPOCH = "epoch", "Epoch", Gauge;
}

purposes! {
    THINKING;
}

/// The number of a token: compared from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// Raised whenever a new token is made.
    pub epoch: u32,
    /// Who made it: two that are made at once are not the same.
    pub maker: u16,
    /// Raised whenever it is handed over.
    pub turn: u32,
}

/// A call for a new token, on its way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Who called.
    pub by: NodeId,
    /// The how manieth call of that node.
    pub call: u32,
    /// The highest epoch that anybody on the way has seen.
    pub epoch: u32,
}

/// What survives a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The newest token seen.
    pub seen: Number,
    /// How often it has called for a new token: no two calls are the same.
    pub calls: u32,
}

/// What a node wants to hand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cargo {
    Token,
    Claim(Claim),
}

/// What does not survive a crash: the token with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// It wants in, since then.
    pub wants: Option<Time>,
    /// The token, while it has it.
    pub token: Option<Number>,
    /// Whether it is inside.
    pub inside: bool,
    /// The call for a new token that it has made, while it has seen no token since.
    pub claims: Option<u32>,
    /// What it hands on, and whom it has asked.
    pub passing: Option<(Cargo, NodeId)>,
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Are you there?
    Ask,
    /// I am.
    Here,
    /// The token.
    Token(Number),
    /// A call for a new token.
    Claim(Claim),
}

/// What a node may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// It wants in again.
    Wish,
    /// It is done inside.
    Done,
    /// It has heard of no token.
    Silence,
    /// The neighbour has not answered.
    Unanswered,
}

/// A node went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    pub node: NodeId,
    pub token: Number,
}

/// How long a neighbour has for its answer: longer than a question and an answer take.
fn patience(context: &Context<TokenRing>) -> Micros {
    context.amount(HOP) * 3
}

/// How long a node that hears of no token waits before it calls for a new one. Never shorter than it takes a holder to
/// pass over everybody: a node that came back could otherwise call while the token is being handed on over its head,
/// and the token would follow behind its call, all the way round.
fn silence(context: &Context<TokenRing>) -> Micros {
    context.amount(SILENCE).max(longest_search(context))
}

/// How long it takes to pass over everybody, and a little.
fn longest_search(context: &Context<TokenRing>) -> Micros {
    patience(context) * (context.nodes() as u64 + 1)
}

commands! {
    WANT = "want", "A node wants in", "Enter when the token comes|, as {0}",
        "It goes in when the token comes by.",
        [field("node", Control::Choice(&["N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8"]), 2)];
}

impl System for TokenRing {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Entered;
    type Witness = promises::Witness;

    const NAME: &'static str = "Token ring";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        settings.amount(NODES).clamp(3, 8) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        format!("N{}", node.index() + 1)
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let longest = settings.amount(HOP);
        LinkSpec::fifo(Latency::Uniform(longest / 2, longest))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        ring::wish_later(context);
        // There is no token at first. A node that has never seen one does not wait long before it calls.
        let is_new = disk.seen == Number::default();
        let silence = if is_new { longest_search(context) } else { silence(context) };
        context.set_timer(Timer::Silence, silence);
        Memory::default()
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        ring::Station { disk, memory, context }.handle(event);
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = NodeId(call.value(0) as u16);
        world.memory(node).map(|_| node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Entered], _: &Scene) {
        notes.iter().for_each(|note| witness.see(*note));
    }

    fn outside(world: &World<Self>, promise: &str) -> Option<&'static str> {
        promises::outside(world, promise)
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match message {
            Message::Ask => "\"are you there?\"".to_owned(),
            Message::Here => "\"I am here\"".to_owned(),
            Message::Token(number) => format!("the token of epoch {}", number.epoch),
            Message::Claim(claim) => format!("{}'s call for a token", Self::name(settings, claim.by)),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Wish => "it wants in",
            Timer::Done => "done inside",
            Timer::Silence => "no token for too long",
            Timer::Unanswered => "the neighbour does not answer",
        }
        .to_owned()
    }
}
