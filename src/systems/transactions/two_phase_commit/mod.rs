//! Two-phase commit with presumed abort.
//!
//! Follows Mohan, Lindsay and Obermarck, "Transaction Management in the R* Distributed Database Management System"
//! (ACM TODS 11(4), 1986): the coordinator forces commit records only, participants acknowledge commits only, and no
//! record means abort. Cooperative termination is that of Bernstein, Hadzilacos and Goodman, "Concurrency Control and
//! Recovery in Database Systems" (1987), section 7.4. Locks do not wait: a participant whose row is locked votes no.
//!
//! # Simplified here
//!
//! - What the rows contain is left out, and nobody reads them. So it cannot be shown that a reader sees one
//!   participant's new row beside another's old one.
//! - Locks do not wait: a participant whose row is locked votes no.
//! - Participants that only read, and coordinators under coordinators, are left out.
//! - Writing to disk takes no time, forced or not.

mod client;
mod coordinator;
mod participant;
pub mod promises;
#[cfg(test)]
mod tests;

use litemap::LiteMap;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second, percent};
use crate::sim::judge::history::OpId;
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// Number of a transaction, counted by the client from 1.
pub type Tx = u32;

/// The system.
pub struct TwoPhaseCommit;

rules! {
    /// The prepared record is on disk before the vote is sent.
    FORCE_VOTE = "force-vote", "Force the vote to disk",
        "A participant's yes is on disk before it is sent. Off: a crash makes it forget that it promised.";
    /// Commit only when everybody voted yes.
    UNANIMOUS = "unanimous-yes", "Commit only on all yes",
        "A single no, or silence, aborts. Off: the coordinator commits once more than half have said yes.";
    /// The commit record is on disk before anybody hears of it.
    FORCE_DECISION = "force-decision", "Force the decision to disk",
        "The commit record is on disk before anyone hears of it. Off: a crash makes the coordinator forget it.";
    /// A coordinator without a record answers abort.
    PRESUMED_ABORT = "presumed-abort", "No record means abort",
        "Asked about a transaction it has no record of, the coordinator says abort. Off: it says commit.";
    /// A participant that has voted yes waits for the decision.
    WAIT = "wait-when-prepared", "A prepared participant waits",
        "A prepared participant keeps its locks until it hears the decision. Off: it aborts on a time-out.";
}

settings! {
    PARTICIPANTS = "participants", "Participants", count(2, 5), 3, AtStart,
        "All of them must vote yes for a commit.";
    /// Orders a second, Poisson.
    RATE = "rate", "Orders", per_second(0, 20, 1), 2, Live,
        "How many the client sends, on average. It waits for each answer before the next.";
    /// Orders of which one participant will say no, in percent.
    NO_VOTES = "no-votes", "Orders that meet a no", percent(0, 100, 5), 20, Live,
        "In this many orders out of a hundred, one participant cannot do its part.";
    /// Mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(1_000, 100_000, 1_000), 10_000, Live,
        "A message takes between half and one and a half times this.";
    /// How long the coordinator waits for votes and acknowledgements, and a participant before it asks, in microseconds.
    PATIENCE = "patience", "Time-out", micros(20_000, 1_000_000, 10_000), 120_000, Live,
        "How long the coordinator waits for votes, and a participant in doubt before it asks.";
    /// Whether participants in doubt ask each other.
    COOPERATE = "cooperate", "Participants ask each other", Control::Toggle, 0, Live,
        "A participant in doubt also asks the others: one that knows the decision, or has not voted, can help.";
}

metrics! {
    COMMITTED = "committed", "Committed", Counter;
    ABORTED = "aborted", "Aborted", Counter;
    /// From the client's request to its answer.
    LATENCY_SEEN = "latency", "Request to answer", Latency;
    /// How long a participant held its lock.
    LOCKED_FOR = "locked", "Time a lock was held", Latency;
}

/// The client.
pub const CLIENT: NodeId = NodeId(0);
/// The coordinator.
pub const COORDINATOR: NodeId = NodeId(1);
/// The first participant.
pub const FIRST: usize = 2;

const NAMES: [&str; 5] = ["orders", "payment", "stock", "shipping", "loyalty"];
/// How many records a log keeps: enough for the orders that the picture shows. Older ones have ended.
const RECORDS_KEPT: usize = 18;
purposes! {
    ARRIVALS;
    VETO;
}

/// A record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    /// A participant has voted yes and can do either.
    Prepared,
    /// The transaction is committed.
    Committed,
    /// It is aborted.
    Aborted,
    /// The coordinator has every acknowledgement; it may forget.
    End,
}

impl Record {
    /// The letter in the picture of a log.
    pub fn letter(self) -> char {
        match self {
            Record::Prepared => 'P',
            Record::Committed => 'C',
            Record::Aborted => 'A',
            Record::End => 'E',
        }
    }
}

/// What survives a crash: the log, and the last transaction begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Records in the order they were written.
    pub log: Vec<(Tx, Record)>,
    /// The last transaction that the client or the coordinator began; numbers are never used twice.
    pub last: Tx,
    /// The newest transaction whose records have been removed.
    pub forgotten: Tx,
}

impl Disk {
    /// The last record of a transaction.
    pub fn record(&self, tx: Tx) -> Option<Record> {
        self.log.iter().rev().find(|entry| entry.0 == tx).map(|entry| entry.1)
    }

    /// Whether the transaction ended so long ago that its record has been removed.
    fn has_forgotten(&self, tx: Tx) -> bool {
        tx <= self.forgotten && self.record(tx).is_none()
    }

    /// Writes a record. In a full log the oldest transaction whose last record is not `open` makes room.
    fn write(&mut self, tx: Tx, record: Record, open: Record) {
        if self.log.len() >= RECORDS_KEPT
            && let Some(at) = self.log.iter().position(|entry| self.record(entry.0) != Some(open))
        {
            let old = self.log.remove(at).0;
            self.log.retain(|entry| entry.0 != old);
            self.forgotten = self.forgotten.max(old);
        }
        self.log.push((tx, record));
    }
}

/// A transaction as the coordinator drives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drive {
    /// Who voted yes, one bit per node.
    pub yes: u64,
    /// Decided to commit: who has acknowledged, one bit per node.
    pub acked: Option<u64>,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The client: the order it waits for and those that come after it.
    Client { waiting: Option<(Tx, OpId, Time)>, queue: Vec<u8> },
    /// The coordinator: the transactions it drives.
    Coordinator { active: LiteMap<Tx, Drive> },
    /// A participant: who holds its lock, since when, and a vote that is not on disk.
    Participant { lock: Option<(Tx, Time)>, unforced: Option<Tx> },
}

/// What nodes send each other. `veto` is the participant that will say no, counted from 1; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The client asks for a transaction.
    Request { tx: Tx, veto: u8 },
    /// The coordinator answers it.
    Outcome { tx: Tx, commit: bool },
    /// Phase one: can you commit?
    Prepare { tx: Tx, veto: u8 },
    /// The answer.
    Vote { tx: Tx, yes: bool },
    /// Phase two: the decision.
    Decide { tx: Tx, commit: bool },
    /// A commit was carried out.
    Ack { tx: Tx },
    /// A participant in doubt asks for the decision.
    Inquire { tx: Tx },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next order arrives.
    Arrival,
    /// The client has waited long enough.
    GiveUp(Tx),
    /// The coordinator has waited long enough for votes.
    Votes(Tx),
    /// The coordinator repeats a decision that was not acknowledged.
    Repeat(Tx),
    /// A participant in doubt asks.
    Ask(Tx),
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A participant voted.
    Voted { tx: Tx, node: NodeId, yes: bool },
    /// A participant carried a decision out.
    Decided { tx: Tx, node: NodeId, commit: bool },
}

/// Every participant.
pub fn participants(nodes: usize) -> impl Iterator<Item = NodeId> {
    (FIRST..nodes).map(NodeId::from)
}

/// What a decision is called.
fn word(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}

commands! {
    ORDER = "order", "Order", "Place an order[ that {0} refuses]",
        "An order of $50, as one transaction over all participants.",
        [field("who says no", Control::Choice(&["nobody", "orders", "payment", "stock", "shipping", "loyalty"]), 0)];
}

impl System for TwoPhaseCommit {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Two-phase commit";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(PARTICIPANTS).clamp(2, 5) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        match node.index() {
            0 => "client".to_owned(),
            1 => "coordinator".to_owned(),
            other => NAMES.get(other - FIRST).unwrap_or(&"?").to_string(),
        }
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
            CLIENT => client::boot(context),
            COORDINATOR => coordinator::boot(disk, context),
            _ => participant::boot(disk, context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Client { waiting, queue } => client::Client { disk, waiting, queue, context }.handle(event),
            Memory::Coordinator { active } => coordinator::Coordinator { disk, active, context }.handle(event),
            Memory::Participant { lock, unforced } => {
                participant::Participant { disk, lock, unforced, context }.handle(event);
            }
        }
    }

    fn route(world: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        world.kernel().node(CLIENT).up.then_some(CLIENT)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Request { tx, .. } => format!("\"order {tx}\""),
            Message::Outcome { tx, commit } => format!("\"order {tx}: {}\"", if *commit { "done" } else { "refused" }),
            Message::Prepare { tx, .. } => format!("\"prepare order {tx}\""),
            Message::Vote { tx, yes } => format!("a {} to order {tx}", if *yes { "yes" } else { "no" }),
            Message::Decide { tx, commit: true } => format!("\"commit order {tx}\""),
            Message::Decide { tx, .. } => format!("\"abort order {tx}\""),
            Message::Ack { tx } => format!("an ack of order {tx}"),
            Message::Inquire { tx } => format!("\"what became of order {tx}?\""),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "an order arrives".to_owned(),
            Timer::GiveUp(tx) => format!("the client gives up on {tx}"),
            Timer::Votes(tx) => format!("time is up for the votes on {tx}"),
            Timer::Repeat(tx) => format!("time to repeat the decision on {tx}"),
            Timer::Ask(tx) => format!("in doubt about {tx} for too long"),
        }
    }
}

/// How long the client waits: much longer than one exchange.
fn client_patience(context: &Context<TwoPhaseCommit>) -> Time {
    context.amount(PATIENCE).saturating_mul(4).max(400 * MS)
}
