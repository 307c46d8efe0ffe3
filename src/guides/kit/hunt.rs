//! What the page explores, and the proofs with it: small instances of the scenario.

use crate::sim::declare::settings::SettingId;
use crate::sim::explore::instance::Instance;
use crate::sim::explore::{Bounds, Budget, Explorer};
use crate::sim::judge::verdict::Kind;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::tape::Input;

/// What to explore: a small instance of the scenario.
pub struct Hunt<S: System> {
    /// Settings on top of the scenario's own.
    pub settings: &'static [(SettingId, i64)],
    /// Inputs at the start: the client's requests, say.
    pub inputs: fn() -> Vec<Input>,
    /// How far to look.
    pub bounds: Bounds,
    /// States beyond this are counted but not expanded (a state constraint).
    pub within: fn(&World<S>) -> bool,
}

impl<S: System> Hunt<S> {
    /// Nothing to explore.
    pub const NONE: Hunt<S> =
        Hunt { settings: &[], inputs: Vec::new, bounds: Bounds::new(0, 0, Budget::NONE), within: |_| true };
}

impl<S: System> Clone for Hunt<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: System> Copy for Hunt<S> {}

/// A search from a world. Promises about the end are checked only when one is asked for, since that costs memory.
pub(super) fn explorer<S: System>(
    world: &World<S>,
    bounds: Bounds,
    promise: Option<usize>,
    within: fn(&World<S>) -> bool,
    promises: &[Promise<S>],
) -> Explorer {
    let wanted = promise.and_then(|index| promises.get(index));
    let endings = wanted.is_some_and(|promise| matches!(promise.kind, Kind::Eventually { .. }));
    Explorer::new(Box::new(Instance::new(world, promise, within)), bounds, endings)
}
