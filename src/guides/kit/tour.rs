//! The tour: beats, and what the reader guesses before some of them. Also the challenges: goals to reach by breaking
//! things.

use std::ops::Range;

use crate::sim::NodeId;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::tape::Input;

/// One thing the reader guesses before seeing it.
pub struct Predict<S: System> {
    /// "Which server wins?"
    pub question: &'static str,
    /// The possible answers, given the state before the beat.
    pub options: fn(&World<S>) -> Vec<String>,
    /// Which of them is right, read off the state after the beat.
    pub answer: fn(&World<S>) -> usize,
    /// Why, once it is revealed.
    pub because: &'static str,
}

/// One step of the tour: a sentence or two, something that happens, something to look at. Built in words:
/// `Beat::new(title, say, until).first(inputs).midway().look(nodes).ask(question)`.
pub struct Beat<S: System> {
    /// The idea in a few words.
    pub title: &'static str,
    /// What to notice, before it happens. May mark terms: `*term*`.
    pub say: &'static str,
    /// What is done first, given the state before the beat.
    pub inputs: fn(&World<S>) -> Vec<Input>,
    /// The claim: the beat has been reached when this holds. It must not already hold when the beat begins.
    pub until: fn(&World<S>) -> bool,
    /// Whether it ends on a message on its way: as soon as what was sent last is seen before the next event.
    pub midway: bool,
    /// What to look at.
    pub look: fn(&World<S>) -> Vec<NodeId>,
    /// What the reader guesses first.
    pub predict: Option<Predict<S>>,
}

impl<S: System> Beat<S> {
    /// A beat that runs on until something holds, and points at nothing.
    pub const fn new(title: &'static str, say: &'static str, until: fn(&World<S>) -> bool) -> Beat<S> {
        Beat { title, say, inputs: |_| Vec::new(), until, midway: false, look: |_| Vec::new(), predict: None }
    }

    /// Does something first.
    #[must_use]
    pub const fn first(self, inputs: fn(&World<S>) -> Vec<Input>) -> Beat<S> {
        Beat { inputs, ..self }
    }

    /// Ends on a message on its way: as soon as what was sent last is seen before the next event.
    #[must_use]
    pub const fn midway(self) -> Beat<S> {
        Beat { midway: true, ..self }
    }

    /// Points at nodes.
    #[must_use]
    pub const fn look(self, look: fn(&World<S>) -> Vec<NodeId>) -> Beat<S> {
        Beat { look, ..self }
    }

    /// Lets the reader guess first.
    #[must_use]
    pub const fn ask(self, predict: Predict<S>) -> Beat<S> {
        Beat { predict: Some(predict), ..self }
    }

    /// Whether it has come to its end.
    pub fn is_reached(&self, world: &World<S>) -> bool {
        (self.until)(world) && (!self.midway || is_newest_seen(world))
    }
}

/// A goal the reader reaches by breaking things. Its solution stands in the scenario's proof.
pub struct Challenge<S: System> {
    /// Stable name: `split-vote`.
    pub id: &'static str,
    /// The goal in a few words.
    pub title: &'static str,
    /// What has to be reached, exactly.
    pub goal: &'static str,
    /// For readers who ask for one.
    pub hint: &'static str,
    /// Whether it is reached.
    pub reached: fn(&World<S>) -> bool,
}

/// How many messages of a kind are on their way.
pub fn on_the_way<S: System>(world: &World<S>, wanted: impl Fn(&S::Message) -> bool) -> usize {
    world.flights().filter(|flight| wanted(flight.message)).count()
}

/// How far a message that is seen on its way may have come, in percent.
pub const SEEN: Range<u64> = 20..90;

/// How far a message has come at a moment, in percent.
pub fn percent_come(sent: Time, due: Time, moment: Time) -> u64 {
    moment.saturating_sub(sent) * 100 / due.saturating_sub(sent).max(1)
}

/// The moment from the last event up to the next at which messages on their way are seen best: those that were sent last
/// well away from both ends, then the others. `ways` says when each was sent and is due.
pub fn best_seen(now: Time, next: Option<Time>, ways: &[(Time, Time)]) -> Time {
    /// So many moments are looked at.
    const LOOKS: u64 = 16;
    /// Further than this from both ends, in percent, all is equally well seen.
    const WELL: u64 = 35;
    let wait = next.map_or(0, |next| next.saturating_sub(now));
    let newest = ways.iter().map(|way| way.0).max();
    let clear = |moment: Time, is_asked: &dyn Fn(Time) -> bool| -> u64 {
        let asked = ways.iter().filter(|way| is_asked(way.0));
        let come = asked.map(|way| percent_come(way.0, way.1, moment).min(100));
        come.map(|come| come.min(100 - come).min(WELL)).sum()
    };
    let worth = |moment: Time| (clear(moment, &|sent| Some(sent) == newest), clear(moment, &|_| true));
    let moments = (0..LOOKS).rev().map(|look| now + wait * look / LOOKS);
    // The first of the best: nothing needs to wait longer than that.
    moments.max_by_key(|moment| worth(*moment)).unwrap_or(now)
}

/// When each message on its way to another node was sent, and when it is due.
fn ways<S: System>(world: &World<S>) -> Vec<(Time, Time)> {
    let others = world.flights().filter(|flight| flight.from != flight.pending.node);
    others.map(|flight| (flight.pending.since, flight.pending.at)).collect()
}

/// Whether a message that was sent last is seen on its way before the next event. It is not if that comes at once.
fn is_newest_seen<S: System>(world: &World<S>) -> bool {
    let ways = ways(world);
    let moment = best_seen(world.kernel().now(), world.kernel().upcoming(), &ways);
    let newest = ways.iter().map(|way| way.0).max();
    ways.iter().any(|way| Some(way.0) == newest && SEEN.contains(&percent_come(way.0, way.1, moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_looked_at_where_they_are_clear_of_both_ends() {
        assert_eq!(best_seen(100, None, &[]), 100);
        assert_eq!(best_seen(0, Some(1_600), &[(0, 1_600)]), 600);
        // What was sent last comes first, and the other decides among what is equal for it.
        assert_eq!(best_seen(1_000, Some(1_160), &[(1_000, 1_160), (0, 10_000)]), 1_100);
        // What has come far enough is looked at at once.
        assert_eq!(best_seen(50, Some(100), &[(0, 100)]), 50);
    }
}
