//! What the reader does to a world: each input is checked, and then applied; a refused one changes nothing. Code that
//! needs to know neither nodes nor messages is compiled once for all systems.

use std::rc::Rc;

use super::fabric::Payload;
use super::{Fabric, LostMessage, World};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::rules::{Rule, RuleSet};
use crate::sim::declare::settings::{Setting, Settings, Takes};
use crate::sim::kernel::link::LinkState;
use crate::sim::kernel::time;
use crate::sim::kernel::{Kernel, Lost, Pending, PendingKind};
use crate::sim::machine::system::System;
use crate::sim::run::simulation::{Refusal, Simulation};
use crate::sim::run::tape::Input;

impl<S: System> World<S> {
    pub(in crate::sim) fn check_up(&self, node: NodeId, up: bool) -> Result<NodeId, Refusal> {
        check_up(&self.fabric.kernel, node, up, &|node| self.name(node))
    }

    pub(in crate::sim) fn take_input(&mut self, input: &Input) -> Result<(), Refusal> {
        match input {
            Input::Crash { node } => {
                let node = self.check_up(*node, true)?;
                self.crash(node);
            }
            Input::Restart { node } => {
                let node = self.check_up(*node, false)?;
                self.restart(node);
            }
            Input::PowerCut { .. } | Input::TearWrite { .. } if !S::POWER_CUT => {
                return refuse(format!("{}: what a power cut loses is not modelled here.", S::NAME));
            }
            Input::PowerCut { node } => {
                let node = self.check_up(*node, true)?;
                self.cut_power(node, None);
            }
            Input::TearWrite { node, lost } => {
                let node = self.check_up(*node, true)?;
                self.cut_power(node, Some((*lost).max(1)));
            }
            Input::LoseDisk { node } => {
                let node = check_node(&self.fabric.kernel, *node)?;
                self.crash(node);
                self.nodes[node.index()].change().disk = S::blank_disk(&self.fabric.settings, node);
                self.restart(node);
            }
            Input::Pause { node } => {
                let node = self.check_up(*node, true)?;
                self.fabric.kernel.set_paused(node, true);
            }
            Input::Drop { id } => {
                let (slot, entry) = check_flight(&self.fabric.kernel, *id)?;
                self.drop_message(slot, entry);
            }
            Input::Duplicate { id } => {
                let (slot, entry) = check_flight(&self.fabric.kernel, *id)?;
                let delay = entry.at.saturating_sub(self.fabric.kernel.now());
                let copy = self.fabric.payloads[slot as usize].clone();
                let (second, _) = self.fabric.kernel.schedule(entry.node, entry.kind, delay, self.fabric.cause);
                copy.into_iter().for_each(|copy| Fabric::put(&mut self.fabric.payloads, second, copy));
            }
            Input::Command(call) => return self.take_command(call),
            Input::Rule { .. } | Input::Setting { .. } => {
                let Fabric { rules, settings, .. } = &mut self.fabric;
                switch(input, (S::RULES, rules), (S::SETTINGS, settings))?;
                self.stand_down();
            }
            _ => return change_kernel(&mut self.fabric.kernel, input),
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

    fn take_command(&mut self, call: &CommandCall) -> Result<(), Refusal> {
        let (command, call) = complete(S::COMMANDS, call)?;
        let Some(node) = S::route(self, &call).filter(|node| node.index() < self.nodes.len()) else {
            return refuse(format!("No node can take {} now.", command.title));
        };
        let (slot, _) = self.fabric.kernel.schedule(node, PendingKind::Command, 0, self.fabric.cause);
        Fabric::put(&mut self.fabric.payloads, slot, Payload::Command(call));
        Ok(())
    }
}

fn refuse<T>(sentence: String) -> Result<T, Refusal> {
    Err(Refusal(sentence))
}

fn check_node(kernel: &Kernel, node: NodeId) -> Result<NodeId, Refusal> {
    let known = node.index() < kernel.nodes().len();
    if known { Ok(node) } else { refuse(format!("There is no node {}.", node.0)) }
}

fn check_up(kernel: &Kernel, node: NodeId, up: bool, name: &dyn Fn(NodeId) -> String) -> Result<NodeId, Refusal> {
    check_node(kernel, node)?;
    match (kernel.node(node).up, up) {
        (false, true) => refuse(format!("{} is down.", name(node))),
        (true, false) => refuse(format!("{} is up.", name(node))),
        _ => Ok(node),
    }
}

fn check_link(kernel: &Kernel, from: NodeId, to: NodeId) -> Result<(NodeId, NodeId), Refusal> {
    Ok((check_node(kernel, from)?, check_node(kernel, to)?))
}

fn check_flight(kernel: &Kernel, id: u64) -> Result<(u32, Pending), Refusal> {
    let slot = kernel.slot_of(id);
    match slot.and_then(|slot| kernel.entry(slot).map(|entry| (slot, *entry))) {
        Some((slot, entry)) if matches!(entry.kind, PendingKind::Deliver { .. }) => Ok((slot, entry)),
        _ => refuse("That message is no longer in flight.".to_owned()),
    }
}

/// Inputs that concern time, clocks and links alone.
fn change_kernel(kernel: &mut Kernel, input: &Input) -> Result<(), Refusal> {
    match *input {
        Input::Resume { node } => {
            let node = check_node(kernel, node)?;
            kernel.set_paused(node, false);
        }
        Input::Slow { node, percent } => {
            let node = check_node(kernel, node)?;
            kernel.node_mut(node).slow = percent.clamp(10, 100_000);
        }
        Input::Skew { node, offset, drift_ppm } => {
            let node = check_node(kernel, node)?;
            let hour = 3_600 * time::SEC as i64;
            kernel.skew(node, offset.clamp(-hour, hour), drift_ppm.clamp(-900_000, 900_000));
        }
        Input::Cut { from, to } => {
            let (from, to) = check_link(kernel, from, to)?;
            kernel.change_link(from, to, |link| link.cut = true);
        }
        Input::Heal { from, to } => {
            let (from, to) = check_link(kernel, from, to)?;
            kernel.change_link(from, to, heal);
        }
        Input::Partition { side } => each_link(kernel, &|from, to, link| {
            let inside = |node: NodeId| side >> (node.0 & 63) & 1 == 1;
            link.cut = inside(from) != inside(to);
        }),
        Input::HealAll => each_link(kernel, &|_, _, link| heal(link)),
        Input::Latency { from, to, extra } => {
            let (from, to) = check_link(kernel, from, to)?;
            kernel.change_link(from, to, |link| link.extra = extra.min(60 * time::SEC));
        }
        Input::Loss { from, to, ppm } => {
            let (from, to) = check_link(kernel, from, to)?;
            kernel.change_link(from, to, |link| link.loss_ppm = ppm.min(1_000_000));
        }
        Input::Delay { id, by } => {
            let (slot, entry) = check_flight(kernel, id)?;
            kernel.reschedule(slot, entry.at.saturating_add(by.min(3_600 * time::SEC)));
        }
        Input::DeliverNow { id } => {
            let (slot, _) = check_flight(kernel, id)?;
            let now = kernel.now();
            kernel.reschedule(slot, now);
        }
        Input::Choose { id } if !kernel.force(id) => return refuse("That event cannot come next.".to_owned()),
        _ => {}
    }
    Ok(())
}

fn heal(link: &mut LinkState) {
    (link.cut, link.extra, link.loss_ppm) = (false, 0, 0);
}

/// Changes every direction of every link.
pub(in crate::sim) fn each_link(kernel: &mut Kernel, change: &dyn Fn(NodeId, NodeId, &mut LinkState)) {
    let count = kernel.nodes().len();
    for from in (0..count).map(NodeId::from) {
        for to in (0..count).map(NodeId::from) {
            kernel.change_link(from, to, |link| change(from, to, link));
        }
    }
}

/// Rules and settings.
fn switch(
    input: &Input,
    (known_rules, rules): (&'static [Rule], &mut RuleSet),
    (known_settings, settings): (&'static [Setting], &mut Rc<Settings>),
) -> Result<(), Refusal> {
    match input {
        Input::Rule { rule, on } => {
            if known_rules.get(usize::from(rule.0)).is_none() {
                return refuse("There is no such rule.".to_owned());
            }
            *rules = rules.with(*rule, *on);
        }
        Input::Setting { setting, value } => {
            let Some(known) = known_settings.get(usize::from(setting.0)) else {
                return refuse("There is no such setting.".to_owned());
            };
            if known.takes == Takes::AtStart {
                return refuse(format!("{} takes effect when the run starts over.", known.title));
            }
            let (min, max) = known.control.bounds();
            Rc::make_mut(settings).set(*setting, (*value).clamp(min, max));
        }
        _ => {}
    }
    Ok(())
}

/// A command with a value for every field, each within its bounds.
fn complete(commands: &'static [Command], call: &CommandCall) -> Result<(&'static Command, CommandCall), Refusal> {
    let Some(command) = commands.get(usize::from(call.command.0)) else {
        return refuse("There is no such command.".to_owned());
    };
    if call.values.len() > command.width() {
        return refuse(format!("{} takes {} values.", command.title, command.width()));
    }
    let values = command.complete(&call.values);
    Ok((command, CommandCall { command: call.command, values }))
}
