//! Ben-Or's randomised consensus: an asynchronous network, crashed voters, and a coin.
//!
//! Follows Michael Ben-Or, "Another Advantage of Free Choice: Completely Asynchronous Agreement Protocols" (PODC
//! 1983), the protocol for crash faults, n > 2t. Each round has a report phase, messages (1, r, v), and a proposal
//! phase, messages (2, r, v) or (2, r, ?). A voter waits for n - t of each. Without the coin it is deterministic, and
//! falls under Fischer, Lynch and Paterson, "Impossibility of Distributed Consensus with One Faulty Process" (JACM
//! 1985). The common coin is as if dealt before the start (Rabin, FOCS 1983): the same bit for everybody in a round.
//!
//! A voter that decides sends its messages of the next round at once and stops: that is all the others need.
//!
//! # Simplified here
//!
//! - Voters crash, but never lie. For liars the paper has a second protocol, which needs n > 5t.
//! - A voter that restarts sits the election out, like one that has crashed.
//! - Elections follow each other by the voters' clocks, so that a run goes on. The algorithm itself needs no clock.
//! - The common coin is dealt before the start: all see the same bit in a round, and it takes no messages.

pub mod promises;
mod voter;

use litemap::LiteMap;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// See the module's header.
pub struct BenOr;

rules! {
    /// A voter that learns nothing from a round tosses a coin.
    COIN = "the-coin", "The coin",
        "A voter that sees no proposal tosses a coin for its next vote. Off: it keeps the vote it has.";
}

settings! {
    /// 3 or 5 voters.
    VOTERS = "voters", "Voters", Control::Choice(&["3", "5"]), 0, AtStart,
        "n: all who vote.";
    /// How many crashes to tolerate: t.
    CRASHES = "crashes", "Crashes to tolerate", count(0, 2), 1, AtStart,
        "t: a voter goes on once it has n - t messages. At most a minority; 0 waits for everybody.";
    /// What the voters begin with.
    BALLOT = "first-votes", "First votes", Control::Choice(&["split", "random", "all alike"]), 0, Live,
        "The votes with which each decision begins.";
    /// Each its own coin, or one for all.
    KIND = "coin-kind", "Kind of coin", Control::Choice(&["own coins", "a common coin"]), 0, Live,
        "Each voter tosses its own, or one coin falls the same way for everybody in a round.";
    /// By how much latencies differ, in microseconds.
    SPREAD = "spread", "Spread of latency", micros(0, 100_000, 5_000), 20_000, Live,
        "A message takes 10 ms and up to this much more.";
    /// The rounds that somebody would like to promise.
    BOUND = "rounds-promised", "Rounds promised", count(1, 20), 10, Live,
        "The bound that you would like to give: decided by the end of this round, whatever happens.";
    /// From one election to the next, in microseconds.
    EVERY = "every", "A decision every", micros(500_000, 10_000_000, 500_000), 2_000_000, AtStart,
        "When the next decision is due, whether this one has come or not.";
}

metrics! {
    /// Messages sent.
    MESSAGES = "messages", "Messages sent", Counter;
    /// The round each voter is in.
    ROUND = "round", "Round", Gauge;
}

purposes! {
    COIN_DRAW;
    BALLOT_DRAW;
}

/// The shortest way of a message, and how long a coin is in the air.
const WAY: Micros = 10 * MS;
const TOSS: Micros = 2 * MS;
/// When the first election begins.
const FIRST: Micros = 20 * MS;
/// Messages of rounds further ahead than this are not kept.
const AHEAD: u32 = 64;

/// The half of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Everybody says how it votes.
    Report,
    /// Everybody says which majority it saw, if any.
    Proposal,
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The last election it took part in; it never begins one twice.
    pub election: u32,
    /// How the reader wants it to vote in the elections to come.
    pub cast: Option<bool>,
}

/// What a voter is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Step {
    /// It takes no part in the election of the moment.
    #[default]
    Out,
    /// It waits for n - t messages of this phase.
    Waits(Phase),
    /// Its coin is in the air.
    Tosses,
    /// It has decided.
    Decided(bool),
}

/// Who has said what in a phase of a round: sets of the senders of 0, of 1, and of "?".
pub type Said = [u16; 3];

/// What does not survive a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// What it is doing.
    pub step: Step,
    /// Its round, from 1.
    pub round: u32,
    /// Its vote as it is now.
    pub vote: bool,
    /// What it has got of this round and later ones.
    pub heard: LiteMap<(u32, Phase), Said>,
}

/// (1, round, value) or (2, round, value); without a value it is "?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub election: u32,
    pub round: u32,
    pub phase: Phase,
    pub value: Option<bool>,
}

/// What a voter may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next election begins.
    Election,
    /// The coin falls on this side. Both are armed, the drawn one first: a scheduler may let it fall on either.
    Coin(bool),
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A voter begins a round with a vote, and may toss a coin at its end or not.
    Begins { node: NodeId, election: u32, round: u32, vote: bool, coin: bool },
    /// A voter decides in a round.
    Decides { node: NodeId, election: u32, round: u32, value: bool },
}

/// How many crashes the settings tolerate: a minority at most.
pub fn crashes(settings: &Settings) -> usize {
    (settings.amount(CRASHES) as usize).min((BenOr::nodes(settings) - 1) / 2)
}

/// How many messages of a phase a voter waits for, its own included: n - t.
pub fn awaited(settings: &Settings) -> usize {
    BenOr::nodes(settings) - crashes(settings)
}

/// The greatest mean number of rounds that the coin leaves: one round in which all votes become equal has a chance of
/// 2^(1 - n) at least with coins of their own, of 1/2 with a common one; in the next round everybody decides.
pub fn expected_rounds(settings: &Settings) -> u32 {
    if settings.get(KIND) == 1 { 3 } else { (1 << (BenOr::nodes(settings) - 1)) + 1 }
}

/// A value in a word.
pub fn word(value: Option<bool>) -> &'static str {
    match value {
        Some(false) => "0",
        Some(true) => "1",
        None => "?",
    }
}

/// The only value that more than `limit` of them have, if there is one.
fn above(said: &Said, limit: usize) -> Option<bool> {
    [false, true].into_iter().find(|value| said[usize::from(*value)].count_ones() as usize > limit)
}

struct Voter<'a, 'b> {
    disk: &'a mut Disk,
    memory: &'a mut Memory,
    context: &'a mut Context<'b, BenOr>,
}

commands! {
    CAST = "cast", "Cast", "Begin with the vote {1}| as {0}",
        "Sets the vote with which a voter begins the decisions to come.",
        [field("voter", Control::Choice(&["A", "B", "C", "D", "E"]), 0), field("vote", Control::Choice(&["0", "1"]), 0)];
}

impl System for BenOr {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Ben-Or";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        if settings.get(VOTERS) == 0 { 3 } else { 5 }
    }

    fn name(_: &Settings, node: NodeId) -> String {
        let letter = u8::try_from(node.0).ok().and_then(|index| b'A'.checked_add(index)).unwrap_or(b'?');
        char::from(letter).to_string()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::unordered(Latency::Uniform(WAY, WAY + settings.amount(SPREAD)))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let (now, every) = (context.now(), context.amount(EVERY));
        let since = (now + every - FIRST) % every;
        context.set_timer(Timer::Election, every - since);
        let election = disk.election;
        context.why(|_| match election {
            0 => "It waits for the first decision to be due.".to_owned(),
            _ => format!("It may have missed messages of decision {election}, so it sits that one out."),
        });
        Memory::default()
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let mut voter = Voter { disk, memory, context };
        match event {
            Event::Timer(Timer::Election) => voter.election_due(),
            Event::Timer(Timer::Coin(side)) => voter.coin_falls(side),
            Event::Message { from, message } => voter.message(from, message),
            Event::Command(call) => {
                let vote = call.value(1) == 1;
                voter.disk.cast = Some(vote);
                voter.context.why(|_| format!("From the next decision on it begins with {}.", word(Some(vote))));
            }
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = NodeId(u16::try_from(call.value(0)).ok()?);
        world.node(node).map(|_| node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        notes.iter().for_each(|note| witness.see(*note, scene));
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        let (name, kind) = if message.phase == Phase::Report { ("report", 1) } else { ("proposal", 2) };
        format!("{name} ({kind}, {}, {})", message.round, word(message.value))
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Election => "the next decision is due".to_owned(),
            Timer::Coin(side) => format!("the coin falls on {}", word(Some(side))),
        }
    }
}
