//! Promises of a system.
//!
//! A promise looks at the world as a bystander could: nodes' states, messages in flight, and the witness of what has
//! happened. `holds` runs after every event and must be cheap; `explain` runs once, when the promise breaks.

use super::system::System;
use super::world::World;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::verdict::{Breach, Kind, Standing};

/// A promise of a system.
pub struct Promise<S: System> {
    /// Stable name: `one-leader-per-term`.
    pub id: &'static str,
    /// The promise in a few words: "At most one leader per term".
    pub title: &'static str,
    /// The promise in a sentence.
    pub about: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Whether it holds (always), has come true (eventually), or is reached (reachable).
    pub holds: fn(&World<S>) -> bool,
    /// What clashes, once it is broken.
    pub explain: fn(&World<S>) -> Breach,
}

/// Settings at which some promises are not made. Once a run has had them, those promises stand down for the rest of it.
#[derive(Clone, Copy)]
pub struct Limit {
    /// The promises, by their stable names.
    pub promises: &'static [&'static str],
    /// Whether these settings are beyond what is promised.
    pub beyond: fn(&Settings) -> bool,
    /// Why nothing is promised there, in a sentence.
    pub says: &'static str,
}

impl<S: System> Promise<S> {
    /// Judges it in the world as it is now. `disturbed`: an input of the reader has just come in.
    #[inline]
    pub(in crate::sim) fn judge(&self, standing: &mut Standing, world: &World<S>, disturbed: bool) {
        if !standing.verdict.is_final() {
            let good = (self.holds)(world);
            let explain = || ((self.explain)(world), S::outside(world, self.id));
            standing.judge(self.kind, good, world.kernel(), disturbed, explain);
        }
    }
}
