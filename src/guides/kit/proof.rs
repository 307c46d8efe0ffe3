//! What a scenario says that it proves, in native builds only: how a promise breaks without each rule, and how each
//! challenge is solved. The browser's apps leave it out.

use std::marker::PhantomData;

use super::live::LiveWorld;
use super::tour::Beat;
use crate::sim::declare::rules::RuleId;
use crate::sim::declare::settings::SettingId;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::Run;
use crate::sim::run::tape::{Input, Origin, Tape};

/// See the module's header.
pub struct Proof<S: System> {
    /// For each rule, how its absence breaks something.
    pub breaks: &'static [Breaks<S>],
    /// For each challenge, how it is solved.
    pub solutions: &'static [Solution<S>],
}

impl<S: System> Proof<S> {
    /// Nothing is proved.
    pub const NONE: Proof<S> = Proof { breaks: &[], solutions: &[] };
}

/// How a challenge is solved.
pub struct Solution<S: System> {
    /// The challenge's stable name.
    pub challenge: &'static str,
    /// Where it begins.
    pub from: fn() -> Origin,
    /// How to get there. Tests replay the tape that it leaves.
    pub act: fn(&mut Script<S>),
}

/// A scripted reader: runs on, acts, and leaves a tape. The run knows no system, as the page's does not, so that it is
/// compiled once.
pub struct Script<S: System> {
    pub(super) run: Run<LiveWorld>,
    system: PhantomData<S>,
}

impl<S: System> Script<S> {
    /// A reader at the start of a run.
    pub(super) fn new(start: LiveWorld) -> Script<S> {
        Script { run: Run::new(start, Tape::default()), system: PhantomData }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World<S> {
        self.run.world().typed().unwrap_or_else(|| unreachable!("a run keeps its system"))
    }

    /// Runs on until something holds; gives up after 20,000 events. True when it holds.
    pub fn until(&mut self, holds: impl Fn(&World<S>) -> bool) -> bool {
        for _ in 0..20_000 {
            if holds(self.world()) || self.run.step().is_none() {
                break;
            }
        }
        holds(self.world())
    }

    /// Plays beats of a tour. False when one of them does not happen.
    pub fn play(&mut self, beats: &[Beat<S>]) -> bool {
        beats.iter().all(|beat| {
            for input in (beat.inputs)(self.world()) {
                self.act(input);
            }
            self.until(|world| beat.is_reached(world))
        })
    }

    /// Runs on for some events.
    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            self.run.step();
        }
    }

    /// Does something. False when it was refused.
    pub fn act(&mut self, input: Input) -> bool {
        self.run.act(input).is_ok()
    }

    /// What was done so far.
    pub fn tape(&self) -> &Tape {
        self.run.branch().tape()
    }

    /// Events so far.
    pub fn step_count(&self) -> u64 {
        self.run.step_count()
    }
}

/// How a test breaks a promise once a rule is off.
pub enum Way<S: System> {
    /// By exploring the instance that the page explores with the rule off.
    Explore,
    /// By random fault schedules, shrunk: settings on top of the scenario's own, how many events each, and why the
    /// explorer, which ignores time, cannot show it.
    Schedules { settings: &'static [(SettingId, i64)], events: u64, reason: &'static str },
    /// By a schedule written by hand, say a textbook's: settings on top of the scenario's own, what is done, and why
    /// the explorer does not get that far.
    Script { settings: &'static [(SettingId, i64)], act: fn(&mut Script<S>), reason: &'static str },
}

/// A rule, the promise that breaks without it, and the way.
pub struct Breaks<S: System> {
    /// The rule that is off.
    pub rule: RuleId,
    /// The promise that breaks.
    pub promise: &'static str,
    /// How.
    pub way: Way<S>,
}

/// How a rule's absence showed itself.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The rule that is off.
    pub rule: RuleId,
    /// The promise that should break.
    pub promise: usize,
    /// Where the run begins, with the rule off.
    pub origin: Origin,
    /// The way: `None` when nothing broke.
    pub tape: Option<Tape>,
    /// Moves of an explored schedule, or the event at which a random one, fully shrunk, broke the promise.
    pub steps: u64,
    /// States explored, or random schedules tried.
    pub tried: u64,
    /// Whether the explorer found it, rather than random schedules.
    pub explored: bool,
    /// Why it was not.
    pub reason: &'static str,
}
