//! Runs a handler of one system inside another: several systems as groups of nodes in one world.
//!
//! The inner handler runs on a fabric of its own that lives for one event. The outer node then repeats what it did
//! through its own context: timers and whys here, messages in the caller. The outer world decides on links and faults,
//! and the inner system is the real one.

use std::rc::Rc;

use super::Fabric;
use super::fabric::Payload;
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::random::Purpose;
use crate::sim::kernel::{Pending, PendingKind};
use crate::sim::machine::system::{Context, System};
use crate::sim::measure::metrics::Metrics;

/// Where an inner system lives in an outer one.
pub struct Place<O: System, S: System> {
    /// The outer node that is, or with wrapping numbers would be, the inner system's first one.
    pub first: NodeId,
    /// The inner system's settings.
    pub settings: Rc<Settings>,
    /// The inner system's rules.
    pub rules: RuleSet,
    /// An inner timer as one of the outer system.
    pub outer: fn(S::Timer) -> O::Timer,
    /// The way back; `None` for a timer that does not belong to the inner system.
    pub inner: fn(O::Timer) -> Option<S::Timer>,
}

/// What an inner handler did besides setting timers and saying why.
pub struct Done<S: System> {
    /// What it sent, in order: to which inner node, and what.
    pub sent: Vec<(NodeId, S::Message)>,
    /// What it noted.
    pub notes: Vec<S::Note>,
    /// What it measured.
    pub metrics: Metrics,
}

/// Runs an inner handler for one event at the outer node of this context. The operations of its clients are not
/// recorded; its draws derive from one draw of the outer node, for purpose 0.
pub fn inside<O: System, S: System, R>(
    outer: &mut Context<O>,
    place: &Place<O, S>,
    run: impl FnOnce(&mut Context<S>) -> R,
) -> (R, Done<S>) {
    let (seed, now, nodes) = (outer.draw(Purpose(0)), outer.now(), S::nodes(&place.settings));
    let (host, node) = (outer.me(), NodeId(outer.me().0.wrapping_sub(place.first.0)));
    let kernel = outer.fabric.kernel.for_one_event(seed, nodes, now);
    let mut fabric: Fabric<S> = Fabric::new(kernel, Rc::clone(&place.settings), place.rules);
    fabric.recording = outer.fabric.recording;
    fabric.kernel.node_mut(node).slow = outer.fabric.kernel.node(host).slow;
    let armed = outer.fabric.timers[host.index()].iter().filter_map(|armed| (place.inner)(armed.0));
    let armed: Vec<S::Timer> = armed.collect();
    armed.iter().for_each(|timer| fabric.set_timer(node, *timer, 0));
    let result = run(&mut Context { node, fabric: &mut fabric });
    for why in std::mem::take(&mut fabric.record.whys) {
        outer.why(|_| why.text);
    }
    for timer in armed.iter().filter(|timer| fabric.timer_slot(node, **timer).is_none()) {
        outer.cancel_timer((place.outer)(*timer));
    }
    for (timer, slot) in &fabric.timers[node.index()] {
        // Timers that were armed before have the first ids; one that was set again has a later id.
        let new = fabric.kernel.entry(*slot).filter(|entry| entry.id >= armed.len() as u64);
        new.into_iter().for_each(|entry| outer.set_timer((place.outer)(*timer), entry.at.saturating_sub(now)));
    }
    let sent = sent(&mut fabric);
    (result, Done { sent, notes: fabric.notes, metrics: fabric.metrics })
}

/// The messages on a fabric, in the order in which they were sent.
fn sent<S: System>(fabric: &mut Fabric<S>) -> Vec<(NodeId, S::Message)> {
    let flying = |kind| matches!(kind, PendingKind::Deliver { .. });
    let slots = fabric.kernel.slots_in_order().into_iter().filter(|(_, entry)| flying(entry.kind));
    let message = |(slot, entry): (u32, Pending)| match fabric.payloads.get_mut(slot as usize)?.take()? {
        Payload::Message(message) => Some((entry.node, message)),
        _ => None,
    };
    slots.filter_map(message).collect()
}
