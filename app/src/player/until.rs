//! How far play goes by itself: to the first broken promise in any case, or to what the reader waits for.

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::NodeId;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::{Handled, Simulation};

/// What play stops at, besides a broken promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// Nothing.
    #[default]
    Breach,
    /// This node does something.
    Acts(NodeId),
    /// It is said otherwise of this promise: a leader has emerged, an answer is overdue.
    Changes(usize),
    /// It is said otherwise of any promise.
    AnyChanges,
}

impl Until {
    /// What is said of the promises it waits for.
    pub fn said(self, run: &Run<LiveWorld>, info: &Info) -> impl Iterator<Item = &'static str> {
        let all = info.promises.iter().zip(run.world().standings()).enumerate();
        let is_meant = move |promise: usize| self == Until::AnyChanges || self == Until::Changes(promise);
        let meant = all.filter(move |(promise, _)| is_meant(*promise));
        meant.map(|(_, (promise, standing))| standing.words(promise.kind))
    }

    /// Whether an event is what it waits for; `before`: what was said of the promises when play began.
    pub fn is_met(self, run: &Run<LiveWorld>, info: &Info, handled: &Handled, before: &[&'static str]) -> bool {
        match self {
            Until::Breach => false,
            Until::Acts(node) => handled.node == node,
            Until::Changes(_) | Until::AnyChanges => !self.said(run, info).eq(before.iter().copied()),
        }
    }
}
