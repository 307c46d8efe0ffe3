//! What a distributed system implements, and the context through which it acts.
//!
//! A system is a set of state machines without I/O. A node gets an event and a context; it changes its state, sends,
//! sets timers, answers clients, measures, and says why. Time and randomness come from the context alone. Types
//! implement [`System`] without a value: everything a run needs is in its settings. For workloads, which know no
//! system, a context is [`Dice`].

use std::hash::Hash;

use super::world::{Fabric, World};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{Setting, SettingId, Settings};
use crate::sim::judge::history::{Answer, Ask, OpId};
use crate::sim::kernel::Kernel;
use crate::sim::kernel::link::LinkSpec;
use crate::sim::kernel::random::{self, Dice, Purpose};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::measure::metrics::{Metric, MetricId};

/// A distributed system. See the module's header.
pub trait System: Sized + 'static {
    /// What survives a crash.
    type Disk: Clone + Hash;
    /// What does not.
    type Memory: Clone + Hash;
    /// What nodes send each other. Keep clones cheap: long contents behind `Rc`.
    type Message: Clone + Hash;
    /// A timer that a node may arm; at most one of each value at a time.
    type Timer: Copy + Eq + Hash;
    /// Facts a bystander could see (a command applied, a client answered), for promises to judge.
    type Note: Clone;
    /// What promises remember of the run so far; part of the state when exploring.
    type Witness: Clone + Default + Hash;

    /// Name in lists and headers: "Raft".
    const NAME: &'static str;
    /// The rules that make it correct.
    const RULES: &'static [Rule];
    /// What a reader may turn.
    const SETTINGS: &'static [Setting];
    /// What a client may ask.
    const COMMANDS: &'static [Command];
    /// What is measured.
    const METRICS: &'static [Metric];
    /// What it leaves out, and how its rules are set in real systems.
    const NOTES: Notes = Notes::NONE;
    /// How many settings at the end of the list were added after links to runs had been shared. At their defaults they
    /// are not part of a run's fingerprint, so those links stay valid.
    const LATER_SETTINGS: usize = 0;

    /// Whether a power cut is modelled: [`System::lose_power`] says what it costs, which is nothing where all is synced.
    const POWER_CUT: bool = true;

    /// Number of nodes under these settings.
    fn nodes(settings: &Settings) -> usize;

    /// What the reader calls a node: "A", "worker 2". At most 12 characters.
    fn name(settings: &Settings, node: NodeId) -> String;

    /// The link between two nodes when nobody has touched it.
    fn link(settings: &Settings, from: NodeId, to: NodeId) -> LinkSpec;

    /// The contents of a disk that was never written to (or was lost).
    fn blank_disk(settings: &Settings, node: NodeId) -> Self::Disk;

    /// What a power cut leaves of a disk: what was synced. A crash of the process alone leaves the page cache to the
    /// operating system, so all that was written stays. Does nothing for a system that syncs before it says anything.
    /// `now`: by the node's clock; an operating system writes back by itself after a while. `torn`: it was just doing so,
    /// and of what was not synced only the last writes, this many, are lost; the first of them is torn.
    fn lose_power(_disk: &mut Self::Disk, _settings: &Settings, _now: Time, _torn: Option<u32>) {}

    /// Boots a node from its disk, at the start of the run or after a crash.
    fn boot(disk: &Self::Disk, context: &mut Context<Self>) -> Self::Memory;

    /// Handles an event.
    fn handle(disk: &mut Self::Disk, memory: &mut Self::Memory, event: Event<Self>, context: &mut Context<Self>);

    /// The node a client command goes to. `None` when no node can take it.
    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId>;

    /// Takes the notes of an event or an input into the witness. Not called when there are none.
    fn observe(_witness: &mut Self::Witness, _notes: &[Self::Note], _scene: &Scene) {}

    /// Why the breach of this promise, as the world is now, lies outside of what is promised. `None` when it does not.
    fn outside(_world: &World<Self>, _promise: &str) -> Option<&'static str> {
        None
    }

    /// One short line for a message: "RequestVote, term 2".
    fn describe_message(settings: &Settings, message: &Self::Message) -> String;

    /// One short line for a timer: "election timeout".
    fn describe_timer(settings: &Settings, timer: Self::Timer) -> String;
}

/// What a bystander sees besides the notes. It shows nothing that nodes keep to themselves: the explorer relies on
/// that.
pub struct Scene<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// Time, who is up, which links are cut. While exploring, time stands still.
    pub kernel: &'a Kernel,
}

/// What happens to a node.
pub enum Event<S: System> {
    /// A message arrives.
    Message {
        /// The sender.
        from: NodeId,
        /// What it says.
        message: S::Message,
    },
    /// A timer fires.
    Timer(S::Timer),
    /// A client command of the reader.
    Command(CommandCall),
}

/// The world as a node sees it while it handles one event.
pub struct Context<'a, S: System> {
    pub(in crate::sim) node: NodeId,
    pub(in crate::sim) fabric: &'a mut Fabric<S>,
}

impl<S: System> Context<'_, S> {
    /// The node itself.
    #[inline]
    pub fn me(&self) -> NodeId {
        self.node
    }

    /// The node's own clock, in microseconds. Skewed if the reader skewed it. 0 while exploring, which ignores time.
    #[inline]
    pub fn now(&self) -> Time {
        if self.fabric.kernel.is_timeless() {
            return 0;
        }
        self.fabric.kernel.node(self.node).local(self.fabric.kernel.now())
    }

    /// Whether a rule is on.
    #[inline]
    pub fn rule(&self, rule: RuleId) -> bool {
        self.fabric.rules.on(rule)
    }

    /// The settings of the run.
    #[inline]
    pub fn settings(&self) -> &Settings {
        &self.fabric.settings
    }

    /// A setting that cannot be negative.
    #[inline]
    pub fn amount(&self, setting: SettingId) -> u64 {
        self.fabric.settings.amount(setting)
    }

    /// Number of nodes in the world.
    pub fn nodes(&self) -> usize {
        self.fabric.kernel.nodes().len()
    }

    /// Sends a message.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: S::Message) {
        self.fabric.send(self.node, to, message);
    }

    /// Arms a timer on the node's own clock; replaces an armed timer of the same value.
    #[inline]
    pub fn set_timer(&mut self, timer: S::Timer, delay: Micros) {
        self.fabric.set_timer(self.node, timer, delay);
    }

    /// Like [`Context::set_timer`], for work the node does: a slow node takes longer.
    pub fn work(&mut self, timer: S::Timer, normally: Micros) {
        let delay = self.fabric.kernel.node(self.node).slowed(normally);
        self.fabric.set_timer(self.node, timer, delay);
    }

    /// Disarms a timer. Nothing happens when it was not armed.
    pub fn cancel_timer(&mut self, timer: S::Timer) {
        self.fabric.cancel_timer(self.node, timer);
    }

    /// Whether a timer is armed.
    pub fn has_timer(&self, timer: S::Timer) -> bool {
        self.fabric.timer_slot(self.node, timer).is_some()
    }

    /// The node's next random word for a purpose.
    #[inline]
    pub fn draw(&mut self, purpose: Purpose) -> u64 {
        self.fabric.kernel.draw(self.node, purpose)
    }

    /// A random length between the two, both included.
    pub fn draw_between(&mut self, purpose: Purpose, low: u64, high: u64) -> u64 {
        random::between(self.draw(purpose), low, high)
    }

    /// Says why, in one sentence with the actual values. The sentence is built only when somebody looks.
    #[inline]
    pub fn why(&mut self, text: impl FnOnce(&Settings) -> String) {
        self.fabric.why(None, text);
    }

    /// Says why, and names the rule that was applied (or that is off).
    #[inline]
    pub fn why_rule(&mut self, rule: RuleId, text: impl FnOnce(&Settings) -> String) {
        self.fabric.why(Some(rule), text);
    }

    /// Says that an event means nothing to the node, and does nothing.
    pub fn pass_over(&mut self) {
        let node = self.node;
        self.why(|settings| format!("This means nothing to {}.", S::name(settings, node)));
    }

    /// States a fact for the promises to judge.
    #[inline]
    pub fn note(&mut self, note: S::Note) {
        self.fabric.notes.push(note);
    }

    /// A client begins an operation on a key. While exploring, no history is kept and every operation has number 0.
    pub fn invoke(&mut self, key: u32, ask: Ask) -> OpId {
        self.fabric.invoke(self.node, key, ask)
    }

    /// A client's operation ends.
    pub fn answer(&mut self, op: OpId, answer: Answer) {
        self.fabric.answer(op, answer);
    }

    /// Counts something that happened, for a subject (a node's index, or any number the system gives meaning to).
    #[inline]
    pub fn count(&mut self, metric: MetricId, subject: u16, amount: u64) {
        self.fabric.count(metric, subject, amount);
    }

    /// Records a level.
    #[inline]
    pub fn gauge(&mut self, metric: MetricId, subject: u16, level: i64) {
        self.fabric.gauge(metric, subject, level);
    }

    /// Records a length of time, in microseconds.
    #[inline]
    pub fn observe(&mut self, metric: MetricId, subject: u16, micros: Micros) {
        self.fabric.observe(metric, subject, micros);
    }
}

impl<S: System> Dice for Context<'_, S> {
    #[inline]
    fn draw(&mut self, purpose: Purpose) -> u64 {
        Context::draw(self, purpose)
    }
}
