//! A system in motion, whichever it is: the object-safe face of a world, for runs, explorers and the page.

use super::tape::Input;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::Settings;
use crate::sim::judge::verdict::Standing;
use crate::sim::kernel::time::Time;
use crate::sim::kernel::{Cause, Kernel, Lost, PendingKind};

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A message arrived.
    Message { from: NodeId, sent: Time },
    /// A message did not arrive.
    Lost { from: NodeId, sent: Time, why: Lost },
    /// A timer fired.
    Timer,
    /// A client command came in.
    Command,
}

impl What {
    /// Name in `--json` and filters.
    pub fn name(self) -> &'static str {
        match self {
            What::Message { .. } => "message",
            What::Lost { .. } => "lost",
            What::Timer => "timer",
            What::Command => "command",
        }
    }
}

/// An event that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handled {
    /// Its number: the first is 1.
    pub step: u64,
    /// Virtual time.
    pub time: Time,
    /// Where it happened.
    pub node: NodeId,
    /// What it was.
    pub what: What,
    /// What scheduled it.
    pub cause: Cause,
    /// The pending event it was.
    pub id: u64,
}

/// Why something was done: a sentence with the actual values, and the rule that was applied, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The rule the sentence is about.
    pub rule: Option<RuleId>,
    /// Whether that rule was off.
    pub is_off: bool,
    /// "B refuses: A's last entry is of term 2, B's is of term 3."
    pub text: String,
}

impl Why {
    /// The rule behind the sentence, by the name that the reader knows, and whether it was off.
    pub fn tag(&self, rule: &str) -> String {
        format!(" [{rule}{}]", if self.is_off { ": off" } else { "" })
    }
}

/// What an event was and why its node acted as it did, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// "B receives RequestVote, term 2, from A".
    pub title: String,
    /// The sentences the node gave.
    pub whys: Vec<Why>,
}

/// An input that cannot be applied here, in one clear sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// An event that may happen next if virtual time is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The pending event.
    pub id: u64,
    /// Where it would happen.
    pub node: NodeId,
    /// What it is.
    pub kind: PendingKind,
}

/// See the module's header.
pub trait Simulation {
    /// Handles the next event. `None` when nothing will happen any more.
    fn step(&mut self) -> Option<Handled>;

    /// Applies an input of the reader.
    fn apply(&mut self, input: &Input) -> Result<(), Refusal>;

    /// Time, queue, links, faults.
    fn kernel(&self) -> &Kernel;

    /// When the next event is due.
    fn next_at(&self) -> Option<Time>;

    /// The settings as they are now.
    fn settings(&self) -> &Settings;

    /// The rules as they are now.
    fn rules(&self) -> RuleSet;

    /// How the promises stand, in the scenario's order.
    fn standings(&self) -> &[Standing];

    /// Starts or stops recording; recording costs time, so it is off unless somebody looks.
    fn set_recording(&mut self, on: bool);

    /// What the last event or input was, in words. Empty unless recording.
    fn record(&self) -> &Record;

    /// Fingerprint of everything that decides the future: equal fingerprints, equal runs.
    fn fingerprint(&self) -> u64;

    /// Leaves virtual time behind, for the explorer.
    fn set_timeless(&mut self);

    /// Fingerprint without ids, times and metrics: equal for states an explorer need not tell apart.
    fn state_fingerprint(&self) -> u64;

    /// The events that may come next, in the order they were scheduled.
    fn choices(&self) -> Vec<Choice>;

    /// An input in words: "Crash B".
    fn describe_input(&self, input: &Input) -> String;

    /// A pending event in words: "Vote, term 2".
    fn describe_pending(&self, id: u64) -> String;

    /// What the reader calls a node.
    fn name(&self, node: NodeId) -> String;
}
