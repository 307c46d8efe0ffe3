//! A run told move by move, up to the event that breaks a promise: which of its events are worth a stop.
//!
//! A short run is told whole. Of a long one, say a storm of six hundred events, what counts is what was done to it, the
//! chain of causes that ends in the breach, and what else breaks before; the rest is passed over in sight. What was done
//! is a move of its own: a node is seen down before it restarts.

use crate::sim::NodeId;
use crate::sim::judge::verdict::broken;
use crate::sim::kernel::Cause;
use crate::sim::run::Run;
use crate::sim::run::simulation::{Handled, Simulation, What};
use crate::sim::run::tape::{Input, Stamped};
use crate::sim::small;

/// A run with at most this many events is told whole.
const SHORT: u64 = 24;
/// The most links of the chain of causes that are told.
const LONGEST_CHAIN: usize = 12;
/// Where a story stops: after an event, or after something that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    /// Events so far.
    pub step: u64,
    /// How many of the inputs that come there have been applied.
    pub applied: usize,
    /// Which of them was done last; none if the stop is about the event.
    pub act: Option<usize>,
}

impl Stop {
    /// The same as [`Run::place`] gives it.
    pub fn place(&self) -> (u64, usize) {
        (self.step, self.applied)
    }
}

/// The stops of the story whose promise breaks at event `last`, or by what is done just after it, in order.
pub fn moves<W: Simulation + Clone>(run: &Run<W>, last: u64) -> Vec<Stop> {
    let mut told: Vec<u64> = if last <= SHORT { (1..=last).collect() } else { causes(run, last) };
    // Another promise may break on the way, and that is worth a stop.
    told.extend(run.branch().breakings().iter().map(|breaking| breaking.step).filter(|step| (1..last).contains(step)));
    let acted = acts(run.branch().tape().inputs()).map(|stamped| stamped.after).filter(|after| *after < last);
    let mut steps: Vec<u64> = told.iter().copied().chain(acted).collect();
    small::sort(&mut steps);
    steps.dedup();
    let mut stops: Vec<Stop> = steps.into_iter().flat_map(|step| stops_at(run, step, told.contains(&step))).collect();
    // Of what is done after the last event, only what it takes to break the promise.
    let breaks =
        |stop: &Stop| stop.step == last && run.amid(last, stop.applied).is_some_and(|world| breaks_at(&world, last));
    if let Some(end) = stops.iter().position(breaks) {
        stops.truncate(end + 1);
    }
    stops
}

/// Whether a promise breaks at this step.
fn breaks_at<W: Simulation>(world: &W, step: u64) -> bool {
    broken(world.standings()).any(|(_, broken)| broken.step == step)
}

/// An event, what caused it, what caused that, and so on; and what those who clash heard last. Of a timer that sets itself
/// again and again only the last time is told: the others explain nothing.
fn causes<W: Simulation + Clone>(run: &Run<W>, last: u64) -> Vec<u64> {
    let event = |step: u64| run.branch().event(step);
    let (mut told, mut next) = (Vec::new(), event(last));
    let mut before: Option<Handled> = None;
    while let Some(now) = next.filter(|_| told.len() < LONGEST_CHAIN) {
        let is_again =
            before.is_some_and(|known| (known.what, known.node) == (What::Timer, now.node)) && now.what == What::Timer;
        if !is_again {
            told.push(now.step);
        }
        before = Some(now);
        next = match now.cause {
            Cause::Event(cause) => event(cause),
            Cause::Input(_) | Cause::Start => None,
        };
    }
    told.extend(heard(run, last));
    told
}

/// The last messages that reached those who clash.
fn heard<W: Simulation + Clone>(run: &Run<W>, last: u64) -> Vec<u64> {
    /// How far back one looks, in events.
    const LATELY: u64 = 400;
    let here = broken(run.world().standings()).filter(|(_, broken)| broken.step == last);
    let clashing: Vec<NodeId> = here.flat_map(|(_, broken)| broken.breach.nodes.iter().copied()).collect();
    let lately = || run.branch().events().from(last.saturating_sub(LATELY) as usize).filter(|event| event.step <= last);
    let reached = |node: &NodeId| {
        lately()
            .rfind(|event| event.node == *node && matches!(event.what, What::Message { .. }))
            .map(|event| event.step)
    };
    clashing.iter().filter_map(reached).collect()
}

/// The stops at one step: its event if that is told, then each act.
fn stops_at<W: Simulation + Clone>(run: &Run<W>, step: u64, is_told: bool) -> Vec<Stop> {
    let inputs = run.branch().tape().after(step);
    let are_acts: Vec<usize> = (0..inputs.len()).filter(|at| is_act(&inputs[*at].input)).collect();
    // What chooses the next event belongs to the act before it, or else to the event.
    let applied = |nth: usize| are_acts.get(nth).copied().unwrap_or(inputs.len());
    let event = is_told.then(|| Stop { step, applied: applied(0), act: None });
    let acts = are_acts.iter().enumerate().map(|(nth, act)| Stop { step, applied: applied(nth + 1), act: Some(*act) });
    event.into_iter().chain(acts).collect()
}

/// Whether something was done: choosing which event comes next is how a schedule is written down, not an act.
pub fn is_act(input: &Input) -> bool {
    !matches!(input, Input::Choose { .. })
}

/// What was done, of a tape's inputs.
pub fn acts(inputs: &[Stamped]) -> impl Iterator<Item = &Stamped> {
    inputs.iter().filter(|stamped| is_act(&stamped.input))
}
