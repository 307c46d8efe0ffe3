//! Promises of a system and how they stand.
//!
//! A promise looks at the world as a bystander could: nodes' states, messages in flight, and the witness of what has
//! happened. `holds` runs after every event and must be cheap; `explain` runs once, when the promise breaks.

use std::sync::Arc;

use super::NodeId;
use super::system::System;
use super::time::{Micros, Time};
use super::world::World;

/// What kind of promise it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True after every event (safety).
    Always,
    /// Comes true within this long once no fault is left (liveness). Judged only while nothing is disturbed.
    Eventually { within: Micros },
    /// Some run gets there (challenges).
    Reachable,
}

impl Kind {
    /// Name in lists: `always`, `eventually`, `reachable`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Always => "always",
            Kind::Eventually { .. } => "eventually",
            Kind::Reachable => "reachable",
        }
    }
}

/// What clashed when a promise broke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breach {
    /// The nodes that clash; rung on the stage.
    pub nodes: Vec<NodeId>,
    /// One or two sentences with the values in them.
    pub text: String,
    /// The clashing values side by side: who, and what they have.
    pub values: Vec<(String, String)>,
}

/// A promise of a system.
pub struct Promise<S: System> {
    /// Stable name: `one-leader-per-term`.
    pub id: &'static str,
    /// The promise in a few words: "At most one leader a term".
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

/// When and how a promise broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Number of the event after which it was broken.
    pub step: u64,
    /// Virtual time of that event.
    pub time: Time,
    /// What clashed.
    pub breach: Breach,
}

/// How a promise stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Not yet come true, or not judged while faults last.
    #[default]
    Pending,
    /// It holds.
    Holds,
    /// It broke; it stays broken for the rest of the run.
    Broken(Arc<Broken>),
}

impl Verdict {
    /// Name on the page and in `--json`: `holds`, `broken`, `pending`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pending => "pending",
            Verdict::Holds => "holds",
            Verdict::Broken(_) => "broken",
        }
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        matches!(self, Verdict::Broken(_))
    }
}

/// A promise's verdict and, for an `eventually`, since when it has been waiting undisturbed.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// How it stands.
    pub verdict: Verdict,
    waiting_since: Option<Time>,
}

impl Standing {
    /// Judges the promise in the world as it is now. `disturbed`: an input of the reader has just come in.
    #[inline]
    pub(super) fn judge<S: System>(&mut self, promise: &Promise<S>, world: &World<S>, disturbed: bool) {
        if self.verdict.is_broken() {
            return;
        }
        let good = (promise.holds)(world);
        let broken = match promise.kind {
            Kind::Always => !good,
            Kind::Reachable => false,
            Kind::Eventually { within } => !good && self.is_overdue(world, within, disturbed),
        };
        self.verdict = match (good, broken) {
            (_, true) => Verdict::Broken(Arc::new(Broken {
                step: world.kernel().steps(),
                time: world.kernel().now(),
                breach: (promise.explain)(world),
            })),
            (true, _) => Verdict::Holds,
            _ => Verdict::Pending,
        };
        if good {
            self.waiting_since = None;
        }
    }

    fn is_overdue<S: System>(&mut self, world: &World<S>, within: Micros, disturbed: bool) -> bool {
        let now = world.kernel().now();
        if disturbed || !world.kernel().is_healthy() {
            self.waiting_since = None;
        }
        if !world.kernel().is_healthy() || world.kernel().is_timeless() {
            return false;
        }
        let since = *self.waiting_since.get_or_insert(now);
        now - since > within || world.kernel().pending_count() == 0
    }
}
