//! A system in motion: the kernel, the typed nodes, and the messages between them.

mod instance;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

pub use instance::Instance;

use super::NodeId;
use super::hash::{self, mix, stable};
use super::history::{Answer, Ask, History, OpId};
use super::kernel::{Cause, Kernel, Lost, Pending, PendingKind};
use super::metrics::{MetricId, Metrics, SeriesKey};
use super::property::{Promise, Standing};
use super::rules::{RuleId, RuleSet};
use super::settings::{CommandCall, Settings};
use super::simulation::{Choice, Handled, Record, Refusal, Simulation, What};
use super::system::{Context, Event, Scene, System, Why};
use super::tape::Input;
use super::time::{self, Micros, Time};

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
struct Slot<S: System> {
    node: Rc<Node<S>>,
    print: Cell<Option<u64>>,
}

impl<S: System> Clone for Slot<S> {
    fn clone(&self) -> Self {
        Slot { node: Rc::clone(&self.node), print: self.print.clone() }
    }
}

impl<S: System> Slot<S> {
    fn change(&mut self) -> &mut Node<S> {
        self.print.set(None);
        Rc::make_mut(&mut self.node)
    }

    fn fingerprint(&self) -> u64 {
        self.print.get().unwrap_or_else(|| {
            let print = stable(&(&self.node.disk, &self.node.memory));
            self.print.set(Some(print));
            print
        })
    }
}

/// What lies in the kernel's slots.
enum Payload<S: System> {
    Message(S::Message),
    Timer(S::Timer),
    Command(CommandCall),
}

impl<S: System> Clone for Payload<S> {
    fn clone(&self) -> Self {
        match self {
            Payload::Message(message) => Payload::Message(message.clone()),
            Payload::Timer(timer) => Payload::Timer(*timer),
            Payload::Command(call) => Payload::Command(call.clone()),
        }
    }
}

/// A message that did not arrive, kept for a while so that it can be seen to be lost.
#[derive(Clone)]
pub struct LostMessage<M> {
    /// Its id: no pending event has it any more.
    pub id: u64,
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// When it was sent.
    pub sent: Time,
    /// When it would have arrived.
    pub due: Time,
    /// When it was lost.
    pub lost: Time,
    /// Why.
    pub why: Lost,
    /// What it said.
    pub message: M,
}

/// How many lost messages are remembered for drawing.
const LOST_KEPT: usize = 64;

/// Everything of a world but its nodes: what a handler may act on.
pub(super) struct Fabric<S: System> {
    pub(super) kernel: Kernel,
    pub(super) settings: Rc<Settings>,
    pub(super) rules: RuleSet,
    pub(super) history: History,
    pub(super) notes: Vec<S::Note>,
    payloads: Vec<Option<Payload<S>>>,
    timers: Vec<Vec<(S::Timer, u32)>>,
    metrics: Metrics,
    lost: VecDeque<LostMessage<S::Message>>,
    losses: u64,
    recording: bool,
    record: Record,
    cause: Cause,
}

impl<S: System> Clone for Fabric<S> {
    fn clone(&self) -> Self {
        Fabric {
            kernel: self.kernel.clone(),
            settings: Rc::clone(&self.settings),
            rules: self.rules,
            history: self.history.clone(),
            notes: Vec::new(),
            payloads: self.payloads.clone(),
            timers: self.timers.clone(),
            metrics: self.metrics.clone(),
            lost: self.lost.clone(),
            losses: self.losses,
            recording: false,
            record: Record::default(),
            cause: self.cause,
        }
    }
}

impl<S: System> Fabric<S> {
    #[inline]
    fn put(payloads: &mut Vec<Option<Payload<S>>>, slot: u32, payload: Payload<S>) {
        let slot = slot as usize;
        if slot >= payloads.len() {
            payloads.resize_with(slot + 1, || None);
        }
        payloads[slot] = Some(payload);
    }

    #[inline]
    pub(super) fn send(&mut self, from: NodeId, to: NodeId, message: S::Message) {
        let spec = S::link(&self.settings, from, to);
        let (payloads, cause) = (&mut self.payloads, self.cause);
        let mut message = Some(message);
        let mut copies: [Option<u32>; 2] = [None; 2];
        let lost = self.kernel.send(from, to, &spec, cause, |slot| {
            let free = copies.iter_mut().find(|copy| copy.is_none());
            *free.unwrap_or(&mut None) = Some(slot);
        });
        if let [Some(_), Some(second)] = copies {
            let copy = message.clone().map(Payload::Message);
            copy.into_iter().for_each(|copy| Self::put(payloads, second, copy));
        }
        match (copies[0], message.take()) {
            (Some(first), Some(message)) => Self::put(payloads, first, Payload::Message(message)),
            (None, Some(message)) => self.lose(from, to, message, lost),
            _ => {}
        }
    }

    fn lose(&mut self, from: NodeId, to: NodeId, message: S::Message, lost: Option<(Lost, Micros)>) {
        if let Some((why, latency)) = lost
            && !self.kernel.is_timeless()
        {
            let sent = self.kernel.now();
            let (due, lost) = (sent + latency, sent + latency / 2);
            self.losses += 1;
            let id = u64::MAX - self.losses;
            self.remember_lost(LostMessage { id, from, to, sent, due, lost, why, message });
        }
    }

    fn remember_lost(&mut self, lost: LostMessage<S::Message>) {
        if self.lost.len() == LOST_KEPT {
            self.lost.pop_front();
        }
        self.lost.push_back(lost);
    }

    pub(super) fn timer_slot(&self, node: NodeId, timer: S::Timer) -> Option<u32> {
        self.timers[node.index()].iter().find(|armed| armed.0 == timer).map(|armed| armed.1)
    }

    pub(super) fn set_timer(&mut self, node: NodeId, timer: S::Timer, delay: Micros) {
        self.cancel_timer(node, timer);
        let (slot, _) = self.kernel.schedule_timer(node, delay, self.cause);
        Self::put(&mut self.payloads, slot, Payload::Timer(timer));
        self.timers[node.index()].push((timer, slot));
    }

    pub(super) fn cancel_timer(&mut self, node: NodeId, timer: S::Timer) {
        if let Some(slot) = self.forget_timer(node, timer) {
            self.kernel.remove(slot);
            self.payloads[slot as usize] = None;
        }
    }

    fn forget_timer(&mut self, node: NodeId, timer: S::Timer) -> Option<u32> {
        let armed = &mut self.timers[node.index()];
        let index = armed.iter().position(|armed| armed.0 == timer)?;
        Some(armed.swap_remove(index).1)
    }

    #[inline]
    pub(super) fn why(&mut self, rule: Option<RuleId>, text: impl FnOnce(&Settings) -> String) {
        if self.recording {
            let text = text(&self.settings);
            self.record.whys.push(Why { rule, text });
        }
    }

    pub(super) fn invoke(&mut self, client: NodeId, key: u32, ask: Ask) -> OpId {
        if self.kernel.is_timeless() {
            return OpId(0);
        }
        let (at, step) = self.moment();
        self.history.invoke(client, key, ask, at, step)
    }

    pub(super) fn answer(&mut self, op: OpId, answer: Answer) {
        if !self.kernel.is_timeless() {
            let (at, step) = self.moment();
            self.history.answer(op, answer, at, step);
        }
    }

    fn moment(&self) -> (Time, u64) {
        (self.kernel.now(), self.kernel.steps())
    }

    pub(super) fn count(&mut self, metric: MetricId, subject: u16, amount: u64) {
        if !self.kernel.is_timeless() {
            self.metrics.count(SeriesKey { metric, subject }, self.kernel.now(), amount);
        }
    }

    pub(super) fn gauge(&mut self, metric: MetricId, subject: u16, level: i64) {
        if !self.kernel.is_timeless() {
            self.metrics.gauge(SeriesKey { metric, subject }, self.kernel.now(), level);
        }
    }

    pub(super) fn observe(&mut self, metric: MetricId, subject: u16, micros: Micros) {
        if !self.kernel.is_timeless() {
            self.metrics.observe(SeriesKey { metric, subject }, self.kernel.now(), micros);
        }
    }

    fn message(&self, slot: u32) -> Option<&S::Message> {
        match self.payloads.get(slot as usize)? {
            Some(Payload::Message(message)) => Some(message),
            _ => None,
        }
    }
}

/// A message on its way.
pub struct Flight<'a, S: System> {
    /// The pending event that is its arrival.
    pub pending: &'a Pending,
    /// Who sent it.
    pub from: NodeId,
    /// What it says.
    pub message: &'a S::Message,
}

/// See the module's header.
pub struct World<S: System> {
    nodes: Vec<Slot<S>>,
    fabric: Fabric<S>,
    witness: Rc<S::Witness>,
    promises: &'static [Promise<S>],
    standings: Vec<Standing>,
}

impl<S: System> Clone for World<S> {
    fn clone(&self) -> Self {
        World {
            nodes: self.nodes.clone(),
            fabric: self.fabric.clone(),
            witness: Rc::clone(&self.witness),
            promises: self.promises,
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
        };
        let mut world = World {
            nodes: (0..count).map(node).collect(),
            fabric: Fabric {
                kernel: Kernel::new(seed, count),
                settings: Rc::new(settings),
                rules,
                history: History::default(),
                notes: Vec::new(),
                payloads: Vec::new(),
                timers: (0..count).map(|_| Vec::new()).collect(),
                metrics: Metrics::default(),
                lost: VecDeque::new(),
                losses: 0,
                recording: false,
                record: Record::default(),
                cause: Cause::Start,
            },
            witness: Rc::default(),
            promises,
            standings: vec![Standing::default(); promises.len()],
        };
        (0..count).for_each(|id| world.boot(NodeId::from(id)));
        world.settle(false);
        world
    }

    fn boot(&mut self, node: NodeId) {
        let state = self.nodes[node.index()].change();
        let memory = S::boot(&state.disk, &mut Context { node, fabric: &mut self.fabric });
        state.memory = Some(memory);
    }

    /// Lets the witness and the promises look at the world.
    #[inline]
    fn settle(&mut self, disturbed: bool) {
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
            standing.judge(promise, self, disturbed);
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
        let armed = self.fabric.timers.get(node.index()).map_or(&[][..], Vec::as_slice);
        armed.iter().filter_map(|&(timer, slot)| self.fabric.kernel.entry(slot).map(|pending| (timer, pending)))
    }

    /// Hands a popped event to its node.
    #[inline]
    fn dispatch(&mut self, slot: u32, entry: Pending) -> What {
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
        let up = kernel.node(entry.node).up;
        match entry.kind {
            PendingKind::Deliver { from, .. } if !up => What::Lost { from, sent: entry.since, why: Lost::Down },
            PendingKind::Deliver { from, .. } if kernel.link(from, entry.node).cut => {
                What::Lost { from, sent: entry.since, why: Lost::Cut }
            }
            PendingKind::Deliver { from, .. } => What::Message { from, sent: entry.since },
            PendingKind::Timer => What::Timer,
            PendingKind::Command if !up => What::Lost { from: entry.node, sent: entry.since, why: Lost::Down },
            PendingKind::Command => What::Command,
        }
    }

    fn title(&self, entry: &Pending, payload: &Payload<S>, what: What) -> String {
        let settings = &self.fabric.settings;
        let node = S::name(settings, entry.node);
        let text = self.describe_payload(payload);
        match what {
            What::Message { from, .. } => format!("{node} receives {text} from {}", S::name(settings, from)),
            What::Lost { from, .. } => format!("{text} from {} to {node} is lost", S::name(settings, from)),
            What::Timer => format!("{node}: {text}"),
            What::Command => format!("{node} is asked: {text}"),
        }
    }

    fn describe_payload(&self, payload: &Payload<S>) -> String {
        match payload {
            Payload::Message(message) => S::describe_message(&self.fabric.settings, message),
            Payload::Timer(timer) => S::describe_timer(&self.fabric.settings, *timer),
            Payload::Command(call) => describe_command::<S>(call),
        }
    }

    fn explain_loss(&mut self, entry: &Pending, why: Lost) {
        let node = entry.node;
        self.fabric.why(None, |settings| {
            let name = S::name(settings, node);
            match why {
                Lost::Down => format!("{name} is down: what reaches it is lost."),
                Lost::Cut => format!("The link to {name} is cut: the message is lost on the way."),
                Lost::Loss => format!("The link to {name} lost the message."),
                Lost::Dropped => format!("The message to {name} was dropped by hand."),
            }
        });
    }

    fn crash(&mut self, node: NodeId) {
        self.nodes[node.index()].change().memory = None;
        for (_, slot) in std::mem::take(&mut self.fabric.timers[node.index()]) {
            self.fabric.kernel.remove(slot);
            self.fabric.payloads[slot as usize] = None;
        }
        self.fabric.kernel.set_paused(node, false);
        self.fabric.kernel.set_up(node, false);
    }

    fn restart(&mut self, node: NodeId) {
        self.fabric.kernel.set_up(node, true);
        self.boot(node);
    }

    fn check_node(&self, node: NodeId) -> Result<NodeId, Refusal> {
        let known = node.index() < self.nodes.len();
        if known { Ok(node) } else { refuse(format!("There is no node {}.", node.0)) }
    }

    fn check_up(&self, node: NodeId, up: bool) -> Result<NodeId, Refusal> {
        self.check_node(node)?;
        match (self.fabric.kernel.node(node).up, up) {
            (false, true) => refuse(format!("{} is down.", self.name(node))),
            (true, false) => refuse(format!("{} is up.", self.name(node))),
            _ => Ok(node),
        }
    }

    fn check_link(&self, from: NodeId, to: NodeId) -> Result<(NodeId, NodeId), Refusal> {
        Ok((self.check_node(from)?, self.check_node(to)?))
    }

    fn check_flight(&self, id: u64) -> Result<(u32, Pending), Refusal> {
        let slot = self.fabric.kernel.slot_of(id);
        match slot.and_then(|slot| self.fabric.kernel.entry(slot).map(|entry| (slot, *entry))) {
            Some((slot, entry)) if matches!(entry.kind, PendingKind::Deliver { .. }) => Ok((slot, entry)),
            _ => refuse("That message is no longer in flight.".to_owned()),
        }
    }

    fn apply_node(&mut self, input: &Input) -> Result<(), Refusal> {
        match *input {
            Input::Crash { node } => {
                let node = self.check_up(node, true)?;
                self.crash(node);
            }
            Input::Restart { node } => {
                let node = self.check_up(node, false)?;
                self.restart(node);
            }
            Input::Pause { node } => {
                let node = self.check_up(node, true)?;
                self.fabric.kernel.set_paused(node, true);
            }
            Input::Resume { node } => {
                let node = self.check_node(node)?;
                self.fabric.kernel.set_paused(node, false);
            }
            Input::Slow { node, percent } => {
                let node = self.check_node(node)?;
                self.fabric.kernel.node_mut(node).slow = percent.clamp(10, 100_000);
            }
            Input::Skew { node, offset, drift_ppm } => {
                let node = self.check_node(node)?;
                let hour = 3_600 * time::SEC as i64;
                self.fabric.kernel.skew(node, offset.clamp(-hour, hour), drift_ppm.clamp(-900_000, 900_000));
            }
            Input::LoseDisk { node } => {
                let node = self.check_node(node)?;
                self.crash(node);
                self.nodes[node.index()].change().disk = S::blank_disk(&self.fabric.settings, node);
                self.restart(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn apply_link(&mut self, input: &Input) -> Result<(), Refusal> {
        match *input {
            Input::Cut { from, to } => {
                let (from, to) = self.check_link(from, to)?;
                self.fabric.kernel.change_link(from, to, |link| link.cut = true);
            }
            Input::Heal { from, to } => {
                let (from, to) = self.check_link(from, to)?;
                self.fabric.kernel.change_link(from, to, |link| (link.cut, link.extra, link.loss_ppm) = (false, 0, 0));
            }
            Input::Partition { side } => self.each_link(|from, to, link| {
                let inside = |node: NodeId| side >> (node.0 & 63) & 1 == 1;
                link.cut = inside(from) != inside(to);
            }),
            Input::HealAll => self.each_link(|_, _, link| (link.cut, link.extra, link.loss_ppm) = (false, 0, 0)),
            Input::Latency { from, to, extra } => {
                let (from, to) = self.check_link(from, to)?;
                self.fabric.kernel.change_link(from, to, |link| link.extra = extra.min(60 * time::SEC));
            }
            Input::Loss { from, to, ppm } => {
                let (from, to) = self.check_link(from, to)?;
                self.fabric.kernel.change_link(from, to, |link| link.loss_ppm = ppm.min(1_000_000));
            }
            _ => {}
        }
        Ok(())
    }

    fn each_link(&mut self, change: impl Fn(NodeId, NodeId, &mut super::link::LinkState)) {
        let count = self.nodes.len();
        for from in (0..count).map(NodeId::from) {
            for to in (0..count).map(NodeId::from) {
                self.fabric.kernel.change_link(from, to, |link| change(from, to, link));
            }
        }
    }

    fn apply_message(&mut self, input: &Input) -> Result<(), Refusal> {
        match *input {
            Input::Drop { id } => {
                let (slot, entry) = self.check_flight(id)?;
                self.drop_message(slot, entry);
            }
            Input::Duplicate { id } => {
                let (slot, entry) = self.check_flight(id)?;
                let delay = entry.at.saturating_sub(self.fabric.kernel.now());
                let copy = self.fabric.payloads[slot as usize].clone();
                let (second, _) = self.fabric.kernel.schedule(entry.node, entry.kind, delay, self.fabric.cause);
                copy.into_iter().for_each(|copy| Fabric::put(&mut self.fabric.payloads, second, copy));
            }
            Input::Delay { id, by } => {
                let (slot, entry) = self.check_flight(id)?;
                self.fabric.kernel.reschedule(slot, entry.at.saturating_add(by.min(3_600 * time::SEC)));
            }
            Input::DeliverNow { id } => {
                let (slot, _) = self.check_flight(id)?;
                let now = self.fabric.kernel.now();
                self.fabric.kernel.reschedule(slot, now);
            }
            Input::Choose { id } if !self.fabric.kernel.force(id) => {
                return refuse("That event cannot come next.".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn drop_message(&mut self, slot: u32, entry: Pending) {
        self.fabric.kernel.remove(slot);
        let payload = self.fabric.payloads[slot as usize].take();
        let (Some(Payload::Message(message)), PendingKind::Deliver { from, .. }) = (payload, entry.kind) else {
            return;
        };
        if !self.fabric.kernel.is_timeless() {
            let lost = self.fabric.kernel.now();
            let (id, to, sent, due) = (entry.id, entry.node, entry.since, entry.at);
            self.fabric.remember_lost(LostMessage { id, from, to, sent, due, lost, why: Lost::Dropped, message });
        }
    }

    fn apply_switch(&mut self, input: &Input) -> Result<(), Refusal> {
        match input {
            Input::Rule { rule, on } => {
                if S::RULES.get(usize::from(rule.0)).is_none() {
                    return refuse("There is no such rule.".to_owned());
                }
                self.fabric.rules = self.fabric.rules.with(*rule, *on);
            }
            Input::Setting { setting, value } => {
                let Some(known) = S::SETTINGS.get(usize::from(setting.0)) else {
                    return refuse("There is no such setting.".to_owned());
                };
                if known.takes == super::settings::Takes::AtStart {
                    return refuse(format!("{} takes effect when the run starts anew.", known.title));
                }
                let (min, max) = known.control.bounds();
                Rc::make_mut(&mut self.fabric.settings).set(*setting, (*value).clamp(min, max));
            }
            Input::Command(call) => return self.apply_command(call),
            _ => {}
        }
        Ok(())
    }

    fn apply_command(&mut self, call: &CommandCall) -> Result<(), Refusal> {
        let Some(command) = S::COMMANDS.get(usize::from(call.command)) else {
            return refuse("There is no such command.".to_owned());
        };
        if call.values.len() > command.fields.len() {
            return refuse(format!("{} takes {} values.", command.title, command.fields.len()));
        }
        let values = command.fields.iter().enumerate().map(|(index, field)| {
            let (min, max) = field.control.bounds();
            call.values.get(index).copied().unwrap_or(field.default).clamp(min, max)
        });
        let call = CommandCall { command: call.command, values: values.collect() };
        let Some(node) = S::route(self, &call).filter(|node| node.index() < self.nodes.len()) else {
            return refuse(format!("Nobody can take {} now.", command.title));
        };
        let (slot, _) = self.fabric.kernel.schedule(node, PendingKind::Command, 0, self.fabric.cause);
        Fabric::put(&mut self.fabric.payloads, slot, Payload::Command(call));
        Ok(())
    }

    /// The commutative part of the state: timers and messages, wherever they lie in the slots.
    fn pending_fingerprint(&self) -> u64 {
        let kernel = &self.fabric.kernel;
        kernel.slots().fold(0u64, |sum, (slot, pending)| sum.wrapping_add(self.pending_print(kernel, slot, pending)))
    }

    fn pending_print(&self, kernel: &Kernel, slot: u32, pending: &Pending) -> u64 {
        let payload = match self.fabric.payloads.get(slot as usize) {
            Some(Some(Payload::Message(message))) => stable(message),
            Some(Some(Payload::Timer(timer))) => stable(timer),
            Some(Some(Payload::Command(call))) => stable(call),
            _ => 0,
        };
        let place = match pending.kind {
            PendingKind::Deliver { from, fifo } => {
                let ahead = |other: &&Pending| {
                    other.id < pending.id && other.node == pending.node && other.kind == pending.kind
                };
                let rank = if fifo { kernel.pending().filter(ahead).count() as u64 } else { 0 };
                1 << 60 | rank << 32 | u64::from(from.0)
            }
            PendingKind::Timer => 2 << 60,
            PendingKind::Command => 3 << 60,
        };
        mix(mix(payload, place), u64::from(pending.node.0))
    }
}

fn refuse<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal(sentence))
}

/// A command in words: "SET x, 5".
fn describe_command<S: System>(call: &CommandCall) -> String {
    let Some(command) = S::COMMANDS.get(usize::from(call.command)) else {
        return "an unknown command".to_owned();
    };
    let values = command.fields.iter().zip(&call.values).map(|(field, value)| match field.control {
        super::settings::Control::Choice(options) => {
            usize::try_from(*value).ok().and_then(|index| options.get(index)).unwrap_or(&"?").to_string()
        }
        _ => value.to_string(),
    });
    let words: Vec<String> = std::iter::once(command.title.to_owned()).chain(values).collect();
    words.join(" ")
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
        self.apply_node(input)?;
        self.apply_link(input)?;
        self.apply_message(input)?;
        self.apply_switch(input)?;
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
        stable(&(sum, nodes, kernel.now(), kernel.steps(), self.fabric.rules, &*self.fabric.settings))
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
        let mut pending: Vec<&Pending> = kernel.pending().filter(|entry| !kernel.node(entry.node).paused).collect();
        pending.sort_unstable_by_key(|entry| entry.id);
        for entry in pending {
            let in_order = matches!(entry.kind, PendingKind::Deliver { fifo: true, .. });
            let overtakes = in_order && found.iter().any(|other| other.node == entry.node && other.kind == entry.kind);
            if !overtakes {
                found.push(Choice { id: entry.id, node: entry.node, kind: entry.kind });
            }
        }
        found
    }

    fn describe_input(&self, input: &Input) -> String {
        let name = |node: &NodeId| self.name(*node);
        let message = |id: &u64| self.describe_pending(*id);
        match input {
            Input::Crash { node } => format!("Crash {}", name(node)),
            Input::Restart { node } => format!("Restart {}", name(node)),
            Input::Pause { node } => format!("Pause {}", name(node)),
            Input::Resume { node } => format!("Resume {}", name(node)),
            Input::Slow { node, percent: 100 } => format!("{} at normal speed", name(node)),
            Input::Slow { node, percent } => format!("{} takes {percent} % of the normal time", name(node)),
            Input::Skew { node, offset: 0, drift_ppm: 0 } => format!("Set the clock of {} right", name(node)),
            Input::Skew { node, offset, drift_ppm } => {
                let ms = offset / time::MS as i64;
                format!("Clock of {} off by {ms} ms, drifting {drift_ppm} ppm", name(node))
            }
            Input::LoseDisk { node } => format!("{} loses its disk", name(node)),
            Input::Cut { from, to } => format!("Cut {} to {}", name(from), name(to)),
            Input::Heal { from, to } => format!("Heal {} to {}", name(from), name(to)),
            Input::Partition { side } => {
                let inside = (0..self.nodes.len().min(64)).filter(|node| side >> node & 1 == 1);
                let names: Vec<String> = inside.map(|node| self.name(NodeId::from(node))).collect();
                format!("Cut {} from the rest", names.join(", "))
            }
            Input::HealAll => "Heal every link".to_owned(),
            Input::Latency { from, to, extra } => {
                format!("{} to {} takes {} longer", name(from), name(to), time::show(*extra))
            }
            Input::Loss { from, to, ppm } => {
                format!("{} to {} loses {}.{} %", name(from), name(to), ppm / 10_000, ppm / 1_000 % 10)
            }
            Input::Drop { id } => format!("Drop {}", message(id)),
            Input::Duplicate { id } => format!("Duplicate {}", message(id)),
            Input::Delay { id, by } => format!("Delay {} by {}", message(id), time::show(*by)),
            Input::DeliverNow { id } => format!("Deliver {} now", message(id)),
            Input::Rule { rule, on } => {
                let title = S::RULES.get(usize::from(rule.0)).map_or("unknown rule", |rule| rule.title);
                format!("Rule {}: {title}", if *on { "on" } else { "off" })
            }
            Input::Setting { setting, value } => {
                let title = S::SETTINGS.get(usize::from(setting.0)).map_or("unknown setting", |known| known.title);
                format!("{title}: {value}")
            }
            Input::Command(call) => describe_command::<S>(call),
            Input::Choose { id } => format!("Next: {}", message(id)),
        }
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
