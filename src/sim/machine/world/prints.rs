//! Fingerprints of what is pending: the part of a state that has no order.

use super::World;
use super::fabric::Payload;
use crate::sim::kernel::hash::{mix, stable};
use crate::sim::kernel::{Kernel, Pending, PendingKind};
use crate::sim::machine::system::System;

impl<S: System> World<S> {
    /// The commutative part of the state: timers and messages, wherever they lie in the slots.
    pub(super) fn pending_fingerprint(&self) -> u64 {
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
