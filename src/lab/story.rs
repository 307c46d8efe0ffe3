//! A run told move by move, up to the event that breaks a promise: which of its events are worth a stop.
//!
//! A short run is told whole. Of a long one, say a storm of six hundred events, what counts is what was done to it and
//! the chain of causes that ends in the breach; the rest is passed over in sight.

use crate::sim::kernel::Cause;
use crate::sim::run::Run;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Input, Stamped};
use crate::sim::small;

/// A run with at most this many events is told whole.
const SHORT: u64 = 24;
/// The most links of the chain of causes that are told.
const LONGEST_CHAIN: usize = 12;

/// The steps at which to stop, in order; the last is `last`. The acts of a stop are those stamped with its step.
pub fn moves<W: Simulation + Clone>(run: &Run<W>, last: u64) -> Vec<u64> {
    if last <= SHORT {
        return (1..=last).collect();
    }
    let mut stops: Vec<u64> = acts(run.branch().tape().inputs()).map(|stamped| stamped.after).collect();
    let mut next = Some(last);
    for _ in 0..LONGEST_CHAIN {
        let Some(step) = next else { break };
        stops.push(step);
        let event = step.checked_sub(1).and_then(|at| run.branch().events().get(at as usize));
        next = event.and_then(|event| match event.cause {
            Cause::Event(cause) => Some(cause),
            Cause::Input(_) | Cause::Start => None,
        });
    }
    stops.retain(|step| (1..=last).contains(step));
    small::sort(&mut stops);
    stops.dedup();
    stops
}

/// Whether something was done: choosing which event comes next is how a schedule is written down, not an act.
pub fn is_act(input: &Input) -> bool {
    !matches!(input, Input::Choose { .. })
}

/// What was done, of a tape's inputs.
pub fn acts(inputs: &[Stamped]) -> impl Iterator<Item = &Stamped> {
    inputs.iter().filter(|stamped| is_act(&stamped.input))
}

/// What was done just after an event, in words.
pub fn told<W: Simulation + Clone>(run: &Run<W>, step: u64) -> Vec<String> {
    let inputs = run.branch().tape().after(step);
    let all = run.describe_inputs(step).into_iter().zip(inputs);
    all.filter(|(_, stamped)| is_act(&stamped.input)).map(|(words, _)| words).collect()
}
