//! Everything of a world but its nodes: what a handler may act on.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::Settings;
use crate::sim::judge::history::{Answer, Ask, History, OpId};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::kernel::{Cause, Kernel, Lost, Sent};
use crate::sim::machine::system::System;
use crate::sim::measure::metrics::{MetricId, Metrics, SeriesKey};
use crate::sim::run::simulation::{Record, Why};

/// What lies in the kernel's slots.
pub(in crate::sim) enum Payload<S: System> {
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

/// A message that did not arrive, kept for a while so that the reader can see it being lost.
#[derive(Clone)]
pub struct LostMessage<M> {
    /// Its id, which no pending event has any more.
    pub id: u64,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
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
pub(in crate::sim) struct Fabric<S: System> {
    pub(in crate::sim) kernel: Kernel,
    pub(in crate::sim) settings: Rc<Settings>,
    pub(in crate::sim) rules: RuleSet,
    pub(in crate::sim) history: History,
    pub(in crate::sim) notes: Vec<S::Note>,
    pub(in crate::sim) payloads: Vec<Option<Payload<S>>>,
    pub(in crate::sim) timers: Vec<Vec<(S::Timer, u32)>>,
    pub(in crate::sim) metrics: Metrics,
    pub(in crate::sim) lost: VecDeque<LostMessage<S::Message>>,
    pub(in crate::sim) losses: u64,
    pub(in crate::sim) recording: bool,
    pub(in crate::sim) record: Record,
    pub(in crate::sim) cause: Cause,
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
    /// Nothing pending, nothing said.
    pub(in crate::sim) fn new(kernel: Kernel, settings: Rc<Settings>, rules: RuleSet) -> Fabric<S> {
        Fabric {
            settings,
            rules,
            history: History::default(),
            notes: Vec::new(),
            payloads: Vec::new(),
            timers: kernel.nodes().iter().map(|_| Vec::new()).collect(),
            metrics: Metrics::default(),
            lost: VecDeque::new(),
            losses: 0,
            recording: false,
            record: Record::default(),
            cause: Cause::Start,
            kernel,
        }
    }

    #[inline]
    pub(in crate::sim) fn put(payloads: &mut Vec<Option<Payload<S>>>, slot: u32, payload: Payload<S>) {
        let slot = slot as usize;
        if slot >= payloads.len() {
            payloads.resize_with(slot + 1, || None);
        }
        payloads[slot] = Some(payload);
    }

    #[inline]
    pub(in crate::sim) fn send(&mut self, from: NodeId, to: NodeId, message: S::Message) {
        let spec = S::link(&self.settings, from, to);
        match self.kernel.send(from, to, &spec, self.cause) {
            Sent::Once(slot) => Self::put(&mut self.payloads, slot, Payload::Message(message)),
            Sent::Twice(first, second) => {
                Self::put(&mut self.payloads, second, Payload::Message(message.clone()));
                Self::put(&mut self.payloads, first, Payload::Message(message));
            }
            Sent::Lost(why, latency) => self.lose(from, to, message, (why, latency)),
        }
    }

    /// Remembers a message that its link lost: halfway, as far as the eye can tell.
    fn lose(&mut self, from: NodeId, to: NodeId, message: S::Message, (why, latency): (Lost, Micros)) {
        if self.kernel.is_timeless() {
            return;
        }
        let sent = self.kernel.now();
        let (due, lost) = (sent + latency, sent + latency / 2);
        self.losses += 1;
        let id = u64::MAX - self.losses;
        self.remember_lost(LostMessage { id, from, to, sent, due, lost, why, message });
    }

    pub(in crate::sim) fn remember_lost(&mut self, lost: LostMessage<S::Message>) {
        if self.lost.len() == LOST_KEPT {
            self.lost.pop_front();
        }
        self.lost.push_back(lost);
    }

    pub(in crate::sim) fn timer_slot(&self, node: NodeId, timer: S::Timer) -> Option<u32> {
        self.timers[node.index()].iter().find(|armed| armed.0 == timer).map(|armed| armed.1)
    }

    pub(in crate::sim) fn set_timer(&mut self, node: NodeId, timer: S::Timer, delay: Micros) {
        self.cancel_timer(node, timer);
        let (slot, _) = self.kernel.schedule_timer(node, delay, self.cause);
        Self::put(&mut self.payloads, slot, Payload::Timer(timer));
        self.timers[node.index()].push((timer, slot));
    }

    pub(in crate::sim) fn cancel_timer(&mut self, node: NodeId, timer: S::Timer) {
        if let Some(slot) = self.forget_timer(node, timer) {
            self.kernel.remove(slot);
            self.payloads[slot as usize] = None;
        }
    }

    pub(in crate::sim) fn forget_timer(&mut self, node: NodeId, timer: S::Timer) -> Option<u32> {
        let armed = &mut self.timers[node.index()];
        let index = armed.iter().position(|armed| armed.0 == timer)?;
        Some(armed.swap_remove(index).1)
    }

    #[inline]
    pub(in crate::sim) fn why(&mut self, rule: Option<RuleId>, text: impl FnOnce(&Settings) -> String) {
        if self.recording {
            let text = text(&self.settings);
            let is_off = rule.is_some_and(|rule| !self.rules.on(rule));
            self.record.whys.push(Why { rule, is_off, text });
        }
    }

    pub(in crate::sim) fn invoke(&mut self, client: NodeId, key: u32, ask: Ask) -> OpId {
        if self.kernel.is_timeless() {
            return OpId(0);
        }
        let (at, step) = self.moment();
        self.history.invoke(client, key, ask, at, step)
    }

    pub(in crate::sim) fn answer(&mut self, op: OpId, answer: Answer) {
        if !self.kernel.is_timeless() {
            let (at, step) = self.moment();
            self.history.answer(op, answer, at, step);
        }
    }

    pub(in crate::sim) fn moment(&self) -> (Time, u64) {
        (self.kernel.now(), self.kernel.steps())
    }

    pub(in crate::sim) fn count(&mut self, metric: MetricId, subject: u16, amount: u64) {
        if !self.kernel.is_timeless() {
            self.metrics.count(SeriesKey { metric, subject }, self.kernel.now(), amount);
        }
    }

    pub(in crate::sim) fn gauge(&mut self, metric: MetricId, subject: u16, level: i64) {
        if !self.kernel.is_timeless() {
            self.metrics.gauge(SeriesKey { metric, subject }, self.kernel.now(), level);
        }
    }

    pub(in crate::sim) fn observe(&mut self, metric: MetricId, subject: u16, micros: Micros) {
        if !self.kernel.is_timeless() {
            self.metrics.observe(SeriesKey { metric, subject }, self.kernel.now(), micros);
        }
    }

    pub(in crate::sim) fn message(&self, slot: u32) -> Option<&S::Message> {
        match self.payloads.get(slot as usize)? {
            Some(Payload::Message(message)) => Some(message),
            _ => None,
        }
    }
}
