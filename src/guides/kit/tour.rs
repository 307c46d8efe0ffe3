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
    /// Whether it ends half way to the next event, as soon as what was sent last is seen on its way there.
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

    /// Ends half way to the next event, as soon as what was sent last is seen on its way there.
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
pub const SEEN: Range<u64> = 15..95;

/// How far a message has come at a moment, in percent.
pub fn percent_come(sent: Time, due: Time, moment: Time) -> u64 {
    moment.saturating_sub(sent) * 100 / due.saturating_sub(sent).max(1)
}

/// Half way to the next event.
pub fn midway(now: Time, next: Option<Time>) -> Time {
    now + next.map_or(0, |next| next.saturating_sub(now) / 2)
}

/// Whether a message that was sent last is seen on its way, half way to the next event. It is not if the next event
/// comes at once.
fn is_newest_seen<S: System>(world: &World<S>) -> bool {
    let moment = midway(world.kernel().now(), world.kernel().upcoming());
    let newest = world.flights().map(|flight| flight.pending.since).max();
    world
        .flights()
        .map(|flight| flight.pending)
        .any(|pending| Some(pending.since) == newest && SEEN.contains(&percent_come(pending.since, pending.at, moment)))
}
