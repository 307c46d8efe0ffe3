//! A system in motion: the kernel, the typed nodes, and the messages between them.

mod embed;
pub(in crate::sim) mod fabric;
pub(in crate::sim) mod inputs;
mod prints;
mod words;

use std::cell::Cell;
use std::rc::Rc;

pub use embed::{Done, Place, inside};
pub(in crate::sim) use fabric::Fabric;
pub use fabric::LostMessage;

use fabric::Payload;

use super::system::{Context, Event, Scene, System};
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::history::History;
use crate::sim::judge::verdict::{Standing, Verdict};
use crate::sim::kernel::hash::{self, mix, stable};
use crate::sim::kernel::time::Time;
use crate::sim::kernel::{Cause, Kernel, Lost, Pending, PendingKind};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::measure::metrics::Metrics;
use crate::sim::run::simulation::{Choice, Handled, Record, Refusal, Simulation, What};
use crate::sim::run::tape::Input;

/// A node: what survives a crash and, while it is up, what does not.
pub struct Node<S: System> {
    /// Survives a crash.
    pub disk: S::Disk,
    /// Gone after a crash.
    pub memory: Option<S::Memory>,
}

impl<S: System> Clone for Node<S> {
    fn clone(&self) -> Self {
        Node { disk: self.disk.clone(), memory: self.memory.clone() }
    }
}

/// A node behind copy-on-write, with its fingerprint while nobody has touched it.
pub(in crate::sim) struct Slot<S: System> {
    pub(in crate::sim) node: Rc<Node<S>>,
    pub(in crate::sim) print: Cell<Option<u64>>,
    /// Whether it is down because its machine lost power. Only the reader asks: it is no part of the state.
    pub(in crate::sim) is_unpowered: bool,
}

impl<S: System> Clone for Slot<S> {
    fn clone(&self) -> Self {
        Slot { node: Rc::clone(&self.node), print: self.print.clone(), is_unpowered: self.is_unpowered }
    }
}

impl<S: System> Slot<S> {
    pub(in crate::sim) fn change(&mut self) -> &mut Node<S> {
        self.print.set(None);
        Rc::make_mut(&mut self.node)
    }

    pub(in crate::sim) fn fingerprint(&self) -> u64 {
        self.print.get().unwrap_or_else(|| {
            let print = stable(&(&self.node.disk, &self.node.memory));
            self.print.set(Some(print));
            print
        })
    }
}

/// A message on its way.
pub struct Flight<'a, S: System> {
    /// The pending event that is its arrival.
    pub pending: &'a Pending,
    /// The sender.
    pub from: NodeId,
    /// What it says.
    pub message: &'a S::Message,
}

/// See the module's header.
pub struct World<S: System> {
    pub(in crate::sim) nodes: Vec<Slot<S>>,
    pub(in crate::sim) fabric: Fabric<S>,
    pub(in crate::sim) witness: Rc<S::Witness>,
    pub(in crate::sim) promises: &'static [Promise<S>],
    pub(in crate::sim) limits: &'static [Limit],
    pub(in crate::sim) standings: Vec<Standing>,
}

impl<S: System> Clone for World<S> {
    fn clone(&self) -> Self {
        World {
            nodes: self.nodes.clone(),
            fabric: self.fabric.clone(),
            witness: Rc::clone(&self.witness),
            promises: self.promises,
            limits: self.limits,
            standings: self.standings.clone(),
        }
    }
}

impl<S: System> World<S> {
    /// A world at the start of a run: every node has booted from a blank disk, no event has happened.
    pub fn new(settings: Settings, rules: RuleSet, seed: u64, promises: &'static [Promise<S>]) -> World<S> {
        let count = S::nodes(&settings);
        let node = |id| Slot {
            node: Rc::new(Node { disk: S::blank_disk(&settings, NodeId::from(id)), memory: None }),
            print: Cell::new(None),
            is_unpowered: false,
        };
        let mut world = World {
            nodes: (0..count).map(node).collect(),
            fabric: Fabric::new(Kernel::new(seed, count), Rc::new(settings), rules),
            witness: Rc::default(),
            promises,
            limits: &[],
            standings: vec![Standing::default(); promises.len()],
        };
        (0..count).for_each(|id| world.boot(NodeId::from(id)));
        world.settle(false);
        world
    }

    /// The same world, in which promises stand down beyond these limits.
    pub fn within(mut self, limits: &'static [Limit]) -> World<S> {
        self.limits = limits;
        self.stand_down();
        self
    }

    /// Promises that are not made at the settings as they are now stand down.
    pub(in crate::sim) fn stand_down(&mut self) {
        for limit in self.limits.iter().filter(|limit| (limit.beyond)(&self.fabric.settings)) {
            for (standing, promise) in self.standings.iter_mut().zip(self.promises) {
                if limit.promises.contains(&promise.id) && !standing.verdict.is_broken() {
                    standing.verdict = Verdict::Outside(limit.says);
                }
            }
        }
    }

    pub(in crate::sim) fn boot(&mut self, node: NodeId) {
        let state = self.nodes[node.index()].change();
        let memory = S::boot(&state.disk, &mut Context { node, fabric: &mut self.fabric });
        state.memory = Some(memory);
    }

    /// Lets the witness and the promises look at the world.
    #[inline]
    pub(in crate::sim) fn settle(&mut self, disturbed: bool) {
        if !self.fabric.notes.is_empty() {
            let scene = Scene { settings: &self.fabric.settings, kernel: &self.fabric.kernel };
            S::observe(Rc::make_mut(&mut self.witness), &self.fabric.notes, &scene);
            self.fabric.notes.clear();
        }
        if self.promises.is_empty() {
            return;
        }
        let mut standings = std::mem::take(&mut self.standings);
        for (standing, promise) in standings.iter_mut().zip(self.promises) {
            promise.judge(standing, self, disturbed);
        }
        self.standings = standings;
    }

    /// A node; `None` for one that does not exist.
    pub fn node(&self, node: NodeId) -> Option<&Node<S>> {
        self.nodes.get(node.index()).map(|slot| &*slot.node)
    }

    /// What a node has in memory; `None` while it is down.
    pub fn memory(&self, node: NodeId) -> Option<&S::Memory> {
        self.node(node).and_then(|node| node.memory.as_ref())
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node<S>)> {
        self.nodes.iter().enumerate().map(|(id, slot)| (NodeId::from(id), &*slot.node))
    }

    /// Time, queue, links, faults.
    pub fn kernel(&self) -> &Kernel {
        &self.fabric.kernel
    }

    /// The settings as they are now.
    pub fn settings(&self) -> &Settings {
        &self.fabric.settings
    }

    /// The rules as they are now.
    pub fn rules(&self) -> RuleSet {
        self.fabric.rules
    }

    /// What promises remember of the run.
    pub fn witness(&self) -> &S::Witness {
        &self.witness
    }

    /// What clients asked and were answered.
    pub fn history(&self) -> &History {
        &self.fabric.history
    }

    /// What was measured.
    pub fn metrics(&self) -> &Metrics {
        &self.fabric.metrics
    }

    /// The promises of this world.
    pub fn promises(&self) -> &'static [Promise<S>] {
        self.promises
    }

    /// Whether the promise with this name is broken.
    pub fn is_promise_broken(&self, promise: &str) -> bool {
        let at = self.promises.iter().position(|known| known.id == promise);
        at.and_then(|at| self.standings.get(at)).is_some_and(|standing| standing.verdict.is_broken())
    }

    /// The messages on their way, in the order of their slots.
    pub fn flights(&self) -> impl Iterator<Item = Flight<'_, S>> {
        self.fabric.kernel.slots().filter_map(|(slot, pending)| match pending.kind {
            PendingKind::Deliver { from, .. } => {
                self.fabric.message(slot).map(|message| Flight { pending, from, message })
            }
            _ => None,
        })
    }

    /// Messages lost lately, oldest first.
    pub fn lost(&self) -> impl Iterator<Item = &LostMessage<S::Message>> {
        self.fabric.lost.iter()
    }

    /// The armed timers of a node and their pending events.
    pub fn timers(&self, node: NodeId) -> impl Iterator<Item = (S::Timer, &Pending)> {
        self.fabric.kernel.look();
        let armed = self.fabric.timers.get(node.index()).map_or(&[][..], Vec::as_slice);
        armed.iter().filter_map(|&(timer, slot)| self.fabric.kernel.entry(slot).map(|pending| (timer, pending)))
    }

    /// Hands a popped event to its node.
    #[inline]
    pub(in crate::sim) fn dispatch(&mut self, slot: u32, entry: Pending) -> What {
        let Some(payload) = self.fabric.payloads[slot as usize].take() else {
            return What::Timer;
        };
        let what = self.what_happens(&entry);
        if self.fabric.recording {
            self.fabric.record.title = self.title(&entry, &payload, what);
        }
        if let What::Lost { from, sent, why } = what {
            self.explain_loss(&entry, why);
            if let Payload::Message(message) = payload {
                let due = self.fabric.kernel.now();
                self.fabric.remember_lost(LostMessage {
                    id: entry.id,
                    from,
                    to: entry.node,
                    sent,
                    due,
                    lost: due,
                    why,
                    message,
                });
            }
            return what;
        }
        let event = match (payload, entry.kind) {
            (Payload::Message(message), PendingKind::Deliver { from, .. }) => Event::Message { from, message },
            (Payload::Timer(timer), _) => {
                self.fabric.forget_timer(entry.node, timer);
                Event::Timer(timer)
            }
            (Payload::Command(call), _) => Event::Command(call),
            (Payload::Message(message), _) => Event::Message { from: entry.node, message },
        };
        let Node { disk, memory: Some(memory) } = self.nodes[entry.node.index()].change() else {
            return what;
        };
        S::handle(disk, memory, event, &mut Context { node: entry.node, fabric: &mut self.fabric });
        what
    }

    #[inline]
    fn what_happens(&self, entry: &Pending) -> What {
        let kernel = &self.fabric.kernel;
        let up = kernel.is_up(entry.node);
        match entry.kind {
            PendingKind::Deliver { from, .. } if !up => What::Lost { from, sent: entry.since, why: Lost::Down },
            PendingKind::Deliver { from, .. } if !kernel.connected(from, entry.node) => {
                What::Lost { from, sent: entry.since, why: Lost::Cut }
            }
            PendingKind::Deliver { from, .. } => What::Message { from, sent: entry.since },
            PendingKind::Timer => What::Timer,
            PendingKind::Command if !up => What::Lost { from: entry.node, sent: entry.since, why: Lost::Down },
            PendingKind::Command => What::Command,
        }
    }

    pub(in crate::sim) fn crash(&mut self, node: NodeId) {
        self.nodes[node.index()].change().memory = None;
        for (_, slot) in std::mem::take(&mut self.fabric.timers[node.index()]) {
            self.fabric.kernel.remove(slot);
            self.fabric.payloads[slot as usize] = None;
        }
        self.fabric.kernel.set_paused(node, false);
        self.fabric.kernel.set_up(node, false);
    }

    pub(in crate::sim) fn cut_power(&mut self, node: NodeId, torn: Option<u32>) {
        self.crash(node);
        let now = self.clock_of(node);
        let slot = &mut self.nodes[node.index()];
        slot.is_unpowered = true;
        S::lose_power(&mut slot.change().disk, &self.fabric.settings, now, torn);
    }

    /// What a node's clock shows; nothing while exploring.
    fn clock_of(&self, node: NodeId) -> Time {
        let kernel = &self.fabric.kernel;
        if kernel.is_timeless() { 0 } else { kernel.node(node).local(kernel.now()) }
    }

    /// Whether a node is down because its machine lost power.
    pub fn has_lost_power(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(|slot| slot.is_unpowered)
    }

    /// Whether something of a node's disk is not synced: a power cut would take it.
    pub fn is_power_needed(&self, node: NodeId) -> bool {
        let Some(known) = self.node(node).filter(|_| S::POWER_CUT) else { return false };
        let mut left = known.disk.clone();
        S::lose_power(&mut left, &self.fabric.settings, self.clock_of(node), None);
        stable(&left) != stable(&known.disk)
    }

    pub(in crate::sim) fn restart(&mut self, node: NodeId) {
        self.nodes[node.index()].is_unpowered = false;
        self.fabric.kernel.set_up(node, true);
        self.boot(node);
    }
}

impl<S: System> Simulation for World<S> {
    #[inline]
    fn step(&mut self) -> Option<Handled> {
        let (slot, entry) = self.fabric.kernel.pop()?;
        let (time, step) = self.fabric.moment();
        self.fabric.cause = Cause::Event(step);
        if self.fabric.recording {
            self.fabric.record = Record::default();
        }
        let what = self.dispatch(slot, entry);
        self.settle(false);
        Some(Handled { step, time, node: entry.node, what, cause: entry.cause, id: entry.id })
    }

    fn apply(&mut self, input: &Input) -> Result<(), Refusal> {
        self.fabric.cause = Cause::Input(self.fabric.kernel.steps());
        if self.fabric.recording {
            self.fabric.record = Record { title: self.describe_input(input), whys: Vec::new() };
        }
        self.take_input(input)?;
        self.settle(input.is_disturbance());
        Ok(())
    }

    fn kernel(&self) -> &Kernel {
        &self.fabric.kernel
    }

    fn next_at(&self) -> Option<Time> {
        self.fabric.kernel.upcoming()
    }

    fn settings(&self) -> &Settings {
        &self.fabric.settings
    }

    fn rules(&self) -> RuleSet {
        self.fabric.rules
    }

    fn standings(&self) -> &[Standing] {
        &self.standings
    }

    fn set_recording(&mut self, on: bool) {
        self.fabric.recording = on;
    }

    fn record(&self) -> &Record {
        &self.fabric.record
    }

    fn fingerprint(&self) -> u64 {
        let kernel = &self.fabric.kernel;
        let mut sum = self.state_fingerprint();
        for (_, pending) in kernel.slots() {
            let kind = (pending.id, pending.at, pending.since);
            sum = sum.wrapping_add(stable(&kind));
        }
        let nodes = stable(kernel.nodes());
        let settings = self.fabric.settings.values_before(S::SETTINGS, S::LATER_SETTINGS);
        stable(&(sum, nodes, kernel.now(), kernel.steps(), self.fabric.rules, settings))
    }

    fn set_timeless(&mut self) {
        self.fabric.kernel.set_timeless();
    }

    fn state_fingerprint(&self) -> u64 {
        let kernel = &self.fabric.kernel;
        let mut print = self.pending_fingerprint();
        for (slot, state) in self.nodes.iter().zip(kernel.nodes()) {
            print = mix(print, slot.fingerprint() ^ u64::from(state.up) ^ u64::from(state.paused) << 1);
        }
        for cut in kernel.cut_links() {
            print = mix(print, u64::from(cut.0) << 16 | u64::from(cut.1) | 1 << 40);
        }
        mix(print, hash::stable(&*self.witness))
    }

    fn choices(&self) -> Vec<Choice> {
        let kernel = &self.fabric.kernel;
        let mut found: Vec<Choice> = Vec::new();
        for (_, entry) in kernel.slots_in_order() {
            if kernel.node(entry.node).paused {
                continue;
            }
            let in_order = matches!(entry.kind, PendingKind::Deliver { fifo: true, .. });
            let overtakes = in_order && found.iter().any(|other| other.node == entry.node && other.kind == entry.kind);
            if !overtakes {
                found.push(Choice { id: entry.id, node: entry.node, kind: entry.kind });
            }
        }
        found
    }

    fn describe_input(&self, input: &Input) -> String {
        self.words_of_input(input)
    }

    fn describe_pending(&self, id: u64) -> String {
        let slot = self.fabric.kernel.slot_of(id);
        match slot.and_then(|slot| self.fabric.payloads.get(slot as usize)?.as_ref()) {
            Some(payload) => self.describe_payload(payload),
            None => "a message that is gone".to_owned(),
        }
    }

    fn name(&self, node: NodeId) -> String {
        S::name(&self.fabric.settings, node)
    }
}
