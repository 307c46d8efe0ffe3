//! The tour: beats, and what the reader guesses before some of them. Also the challenges: goals to reach by breaking
//! things.

use crate::sim::NodeId;
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
/// `Beat::new(title, say, until).first(inputs).look(nodes).ask(question)`.
pub struct Beat<S: System> {
    /// The idea in a few words.
    pub title: &'static str,
    /// What to notice, before it happens. May mark terms: `*term*`.
    pub say: &'static str,
    /// What is done first, given the state before the beat.
    pub inputs: fn(&World<S>) -> Vec<Input>,
    /// The beat has been reached when this holds. It must not already hold when the beat begins, unless the beat is
    /// the first and has no inputs.
    pub until: fn(&World<S>) -> bool,
    /// What to look at.
    pub look: fn(&World<S>) -> Vec<NodeId>,
    /// What the reader guesses first.
    pub predict: Option<Predict<S>>,
}

impl<S: System> Beat<S> {
    /// A beat that runs on until something holds, and points at nothing.
    pub const fn new(title: &'static str, say: &'static str, until: fn(&World<S>) -> bool) -> Beat<S> {
        Beat { title, say, inputs: |_| Vec::new(), until, look: |_| Vec::new(), predict: None }
    }

    /// Does something first.
    #[must_use]
    pub const fn first(self, inputs: fn(&World<S>) -> Vec<Input>) -> Beat<S> {
        Beat { inputs, ..self }
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
