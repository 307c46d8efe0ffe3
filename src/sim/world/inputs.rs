//! What the reader does to a world: each input is checked, and then applied; a refused one changes nothing.

use std::rc::Rc;

use super::fabric::Payload;
use super::{Fabric, LostMessage, World};
use crate::sim::NodeId;
use crate::sim::kernel::{Lost, Pending, PendingKind};
use crate::sim::link::LinkState;
use crate::sim::settings::{CommandCall, Takes};
use crate::sim::simulation::{Refusal, Simulation};
use crate::sim::system::System;
use crate::sim::tape::Input;
use crate::sim::time;

impl<S: System> World<S> {
    fn check_node(&self, node: NodeId) -> Result<NodeId, Refusal> {
        let known = node.index() < self.nodes.len();
        if known { Ok(node) } else { refuse(format!("There is no node {}.", node.0)) }
    }

    pub(super) fn check_up(&self, node: NodeId, up: bool) -> Result<NodeId, Refusal> {
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

    pub(super) fn apply_node(&mut self, input: &Input) -> Result<(), Refusal> {
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

    pub(super) fn apply_link(&mut self, input: &Input) -> Result<(), Refusal> {
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

    pub(super) fn each_link(&mut self, change: impl Fn(NodeId, NodeId, &mut LinkState)) {
        let count = self.nodes.len();
        for from in (0..count).map(NodeId::from) {
            for to in (0..count).map(NodeId::from) {
                self.fabric.kernel.change_link(from, to, |link| change(from, to, link));
            }
        }
    }

    pub(super) fn apply_message(&mut self, input: &Input) -> Result<(), Refusal> {
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

    pub(super) fn apply_switch(&mut self, input: &Input) -> Result<(), Refusal> {
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
                if known.takes == Takes::AtStart {
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
}

fn refuse<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal(sentence))
}
