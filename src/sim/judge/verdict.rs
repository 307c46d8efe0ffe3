//! How promises stand: what kinds there are, what a verdict says, and how it changes with each event.

use std::sync::Arc;

use crate::sim::NodeId;
use crate::sim::kernel::Kernel;
use crate::sim::kernel::time::{Micros, Time};

/// What kind of promise it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True after every event (safety).
    Always,
    /// Comes true within this time once no fault is left (liveness). Judged only while nothing is disturbed.
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
    /// The nodes that clash; ringed on the stage.
    pub nodes: Vec<NodeId>,
    /// One or two sentences with the values in them.
    pub text: String,
    /// The clashing values side by side: who, and what they have.
    pub values: Vec<(String, String)>,
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
    /// Why this lies outside of what is promised, if it does.
    pub outside: Option<&'static str>,
}

/// Those of these promises that are broken, each with its place in the list.
pub fn broken(standings: &[Standing]) -> impl Iterator<Item = (usize, &Arc<Broken>)> {
    standings.iter().enumerate().filter_map(|(promise, standing)| match &standing.verdict {
        Verdict::Broken(broken) => Some((promise, broken)),
        _ => None,
    })
}

/// The promise of these that broke last, with its place in the list; of several that broke together the first.
pub fn last_broken(standings: &[Standing]) -> Option<(usize, &Arc<Broken>)> {
    broken(standings).reduce(|last, other| if other.1.step > last.1.step { other } else { last })
}

/// What clashed in the first of these promises that is broken.
pub fn first_breach(standings: &[Standing]) -> Option<&Breach> {
    broken(standings).next().map(|(_, broken)| &broken.breach)
}

/// How a promise stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Has not come true yet, or is not judged while faults last.
    #[default]
    Pending,
    /// It holds.
    Holds,
    /// It broke; it stays broken for the rest of the run.
    Broken(Arc<Broken>),
    /// It is not made at settings that this run has had, and why: it is not judged any more.
    Outside(&'static str),
}

impl Verdict {
    /// Name on the page and in `--json`: `holds`, `broken`, `pending`, `outside`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pending => "pending",
            Verdict::Holds => "holds",
            Verdict::Broken(_) => "broken",
            Verdict::Outside(_) => "outside",
        }
    }

    /// Whether the promise is not made at settings that the run has had.
    pub fn is_outside(&self) -> bool {
        matches!(self, Verdict::Outside(_))
    }

    /// Whether it stays as it is for the rest of the run.
    pub fn is_final(&self) -> bool {
        matches!(self, Verdict::Broken(_) | Verdict::Outside(_))
    }

    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        matches!(self, Verdict::Broken(_))
    }
}

/// A promise's verdict and, for an `eventually`, since when it has been waiting undisturbed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub verdict: Verdict,
    waiting_since: Option<Time>,
    /// Whether it has been waited for, and whether it has come true since.
    awaited: bool,
    came_true: bool,
}

impl Standing {
    /// How it stands, in words for the reader. A run cannot prove a promise: what holds, holds so far. And a promise
    /// about the end that nobody has had to wait for yet has not been put to the test.
    pub fn words(&self, kind: Kind) -> &'static str {
        match (&self.verdict, kind) {
            (Verdict::Broken(broken), _) if broken.outside.is_some() => "outside of what is promised",
            (Verdict::Broken(_), _) => "broken",
            (Verdict::Outside(_), _) => "not promised here",
            (Verdict::Holds, Kind::Always) => "holds so far",
            (Verdict::Holds, Kind::Reachable) => "reached",
            (Verdict::Holds, Kind::Eventually { .. }) if self.came_true => "came true",
            (Verdict::Holds, Kind::Eventually { .. }) => "nothing overdue",
            (Verdict::Pending, _) if self.came_true => "awaited again",
            (Verdict::Pending, _) => "not yet",
        }
    }

    /// Whether there is something to show for it: a safety promise that holds, or one about the end that has come true
    /// after it was waited for.
    pub fn is_shown_to_hold(&self, kind: Kind) -> bool {
        self.verdict == Verdict::Holds && (self.came_true || !matches!(kind, Kind::Eventually { .. }))
    }

    /// Judges a promise of this kind, as the world is now. `good`: it holds, has come true, or is reached.
    /// `disturbed`: an input of the reader has just come in.
    #[inline]
    pub(in crate::sim) fn judge(
        &mut self,
        kind: Kind,
        good: bool,
        kernel: &Kernel,
        disturbed: bool,
        explain: impl FnOnce() -> (Breach, Option<&'static str>),
    ) {
        let broken = match kind {
            Kind::Always => !good,
            Kind::Reachable => false,
            Kind::Eventually { within } => !good && self.is_overdue(kernel, within, disturbed),
        };
        self.verdict = match (good, broken) {
            (_, true) => {
                let (breach, outside) = explain();
                Verdict::Broken(Arc::new(Broken { step: kernel.steps(), time: kernel.now(), breach, outside }))
            }
            (true, _) => Verdict::Holds,
            _ => Verdict::Pending,
        };
        self.came_true |= good && self.awaited;
        self.awaited = !good;
        if good {
            self.waiting_since = None;
        }
    }

    fn is_overdue(&mut self, kernel: &Kernel, within: Micros, disturbed: bool) -> bool {
        let now = kernel.now();
        if disturbed || !kernel.is_healthy() {
            self.waiting_since = None;
        }
        if !kernel.is_healthy() || kernel.is_timeless() {
            return false;
        }
        let since = *self.waiting_since.get_or_insert(now);
        now - since > within || kernel.pending_count() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFE: Kind = Kind::Always;
    const LIVE: Kind = Kind::Eventually { within: 1_000 };

    /// The words after each judgement of these.
    fn words(kind: Kind, judgements: &[bool]) -> Vec<&'static str> {
        let (mut kernel, mut standing) = (Kernel::new(1, 1), Standing::default());
        // In a kernel without time nothing is ever overdue.
        kernel.set_timeless();
        let judge = |good: &bool| {
            standing.judge(kind, *good, &kernel, true, || (Breach::default(), None));
            standing.words(kind)
        };
        judgements.iter().map(judge).collect()
    }

    #[test]
    fn what_was_never_waited_for_has_not_come_true() {
        assert_eq!(words(LIVE, &[true, true]), ["nothing overdue", "nothing overdue"]);
        assert_eq!(words(SAFE, &[true]), ["holds so far"]);
    }

    #[test]
    fn what_came_true_and_no_longer_holds_is_awaited_again() {
        let said = words(LIVE, &[false, true, false, true]);
        assert_eq!(said, ["not yet", "came true", "awaited again", "came true"]);
    }

    #[test]
    fn a_breach_beyond_the_assumptions_says_so() {
        let (kernel, mut standing) = (Kernel::new(1, 1), Standing::default());
        standing.judge(SAFE, false, &kernel, false, || (Breach::default(), Some("A node was paused.")));
        assert_eq!(standing.words(SAFE), "outside of what is promised");
    }
}
