//! A scenario in motion, whatever its system: this is what the page holds.

use std::any::Any;

use crate::picture::{FlightMark, Frame, Picture};
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::history::History;
use crate::sim::judge::verdict::{Standing, Verdict};
use crate::sim::kernel::Kernel;
use crate::sim::kernel::time::Time;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{MetricId, Metrics};
use crate::sim::run::simulation::{Choice, Handled, Record, Refusal, Simulation};
use crate::sim::run::tape::Input;
use crate::sim::small;
use crate::views::{Face, Fields, Inspection};

use super::scenario::Scenario;

/// A message as the inspector shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// "RequestVote, term 2".
    pub title: String,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// When it was sent.
    pub sent: Time,
    /// When it arrives.
    pub due: Time,
    /// What it says: name and value.
    pub fields: Fields,
}

/// A scenario in motion. See the module's header.
pub trait Live {
    /// The world itself.
    fn world(&self) -> &dyn Simulation;
    /// The world itself.
    fn world_mut(&mut self) -> &mut dyn Simulation;
    /// A copy of this state; cheap.
    fn fork(&self) -> Box<dyn Live>;
    /// The picture, with what is wrong with each node filled in.
    fn picture(&self, frame: Frame) -> Picture;
    /// Messages on their way and recently lost ones, by id.
    fn flights(&self) -> Vec<FlightMark>;
    /// A message on its way.
    fn message(&self, id: u64) -> Option<MessageView>;
    /// What is known about a node.
    fn inspect(&self, node: NodeId) -> Inspection;
    /// What was measured.
    fn metrics(&self) -> &Metrics;
    /// What clients asked and were answered.
    fn history(&self) -> &History;
    /// Name of a metric's subject.
    fn subject(&self, metric: MetricId, subject: u16) -> String;
    /// What a beat of the tour does first, in this state.
    fn beat_inputs(&self, beat: usize) -> Vec<Input>;
    /// Whether a beat has been reached.
    fn beat_reached(&self, beat: usize) -> bool;
    /// What a beat points at.
    fn beat_nodes(&self, beat: usize) -> Vec<NodeId>;
    /// What the reader can guess before a beat; empty when there is no question.
    fn beat_options(&self, beat: usize) -> Vec<String>;
    /// Which guess was right, read off the state after the beat.
    fn beat_answer(&self, beat: usize) -> Option<usize>;
    /// Whether a challenge is solved in this state.
    fn challenge_reached(&self, challenge: usize) -> bool;
    /// For the scenario itself, which knows the type.
    fn as_any(&self) -> &dyn Any;
}

/// A world and the scenario that shows it.
struct Shown<S: Face> {
    world: World<S>,
    scenario: &'static Scenario<S>,
}

/// Any scenario in motion: what a run of the page is made of.
pub struct LiveWorld(Box<dyn Live>);

impl LiveWorld {
    pub(super) fn new<S: Face>(world: World<S>, scenario: &'static Scenario<S>) -> LiveWorld {
        LiveWorld(Box::new(Shown { world, scenario }))
    }

    /// The world of a system, if that is the system it runs.
    pub fn typed<S: Face>(&self) -> Option<&World<S>> {
        self.0.as_any().downcast_ref::<Shown<S>>().map(|shown| &shown.world)
    }
}

impl Clone for LiveWorld {
    fn clone(&self) -> Self {
        LiveWorld(self.0.fork())
    }
}

impl std::ops::Deref for LiveWorld {
    type Target = dyn Live;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// How long a lost message stays in sight, in virtual time after it was due.
const LOST_IN_SIGHT: Time = 200 * crate::sim::kernel::time::MS;

impl<S: Face> Live for Shown<S> {
    fn world(&self) -> &dyn Simulation {
        &self.world
    }

    fn world_mut(&mut self) -> &mut dyn Simulation {
        &mut self.world
    }

    fn fork(&self) -> Box<dyn Live> {
        Box::new(Shown { world: self.world.clone(), scenario: self.scenario })
    }

    fn picture(&self, frame: Frame) -> Picture {
        let mut picture = (self.scenario.picture)(&self.world, frame);
        for mark in &mut picture.nodes {
            let state = self.world.kernel().node(mark.node);
            mark.trouble.down = !state.up;
            mark.trouble.paused = state.paused;
            mark.trouble.slow = state.slow > 100;
            mark.trouble.skewed = state.offset != 0 || state.drift_ppm != 0;
            mark.trouble.clashing = self.world.standings().iter().any(|standing| match &standing.verdict {
                Verdict::Broken(broken) => broken.breach.nodes.contains(&mark.node),
                _ => false,
            });
        }
        picture
    }

    fn flights(&self) -> Vec<FlightMark> {
        let now = self.world.kernel().now();
        let flying = self.world.flights().map(|flight| FlightMark {
            id: flight.pending.id,
            from: flight.from,
            to: flight.pending.node,
            sent: flight.pending.since,
            due: flight.pending.at,
            lost: None,
            look: S::look(flight.message),
        });
        let lost = self.world.lost().filter(|lost| lost.due + LOST_IN_SIGHT > now).map(|lost| FlightMark {
            id: lost.id,
            from: lost.from,
            to: lost.to,
            sent: lost.sent,
            due: lost.due,
            lost: Some(lost.lost),
            look: S::look(&lost.message),
        });
        in_order(flying.chain(lost).collect())
    }

    fn message(&self, id: u64) -> Option<MessageView> {
        let flight = self.world.flights().find(|flight| flight.pending.id == id)?;
        Some(MessageView {
            title: S::describe_message(self.world.settings(), flight.message),
            from: flight.from,
            to: flight.pending.node,
            sent: flight.pending.since,
            due: flight.pending.at,
            fields: S::fields(self.world.settings(), flight.message),
        })
    }

    fn inspect(&self, node: NodeId) -> Inspection {
        S::inspect(&self.world, node)
    }

    fn metrics(&self) -> &Metrics {
        self.world.metrics()
    }

    fn history(&self) -> &History {
        self.world.history()
    }

    fn subject(&self, metric: MetricId, subject: u16) -> String {
        (self.scenario.subject)(self.world.settings(), metric, subject)
    }

    fn beat_inputs(&self, beat: usize) -> Vec<Input> {
        self.scenario.tour.get(beat).map_or_else(Vec::new, |beat| (beat.inputs)(&self.world))
    }

    fn beat_reached(&self, beat: usize) -> bool {
        self.scenario.tour.get(beat).is_some_and(|beat| (beat.until)(&self.world))
    }

    fn beat_nodes(&self, beat: usize) -> Vec<NodeId> {
        self.scenario.tour.get(beat).map_or_else(Vec::new, |beat| (beat.look)(&self.world))
    }

    fn beat_options(&self, beat: usize) -> Vec<String> {
        let predict = self.scenario.tour.get(beat).and_then(|beat| beat.predict.as_ref());
        predict.map_or_else(Vec::new, |predict| (predict.options)(&self.world))
    }

    fn beat_answer(&self, beat: usize) -> Option<usize> {
        let predict = self.scenario.tour.get(beat).and_then(|beat| beat.predict.as_ref());
        predict.map(|predict| (predict.answer)(&self.world))
    }

    fn challenge_reached(&self, challenge: usize) -> bool {
        self.scenario.challenges.get(challenge).is_some_and(|challenge| (challenge.reached)(&self.world))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Simulation for LiveWorld {
    fn step(&mut self) -> Option<Handled> {
        self.0.world_mut().step()
    }
    fn apply(&mut self, input: &Input) -> Result<(), Refusal> {
        self.0.world_mut().apply(input)
    }
    fn kernel(&self) -> &Kernel {
        self.0.world().kernel()
    }
    fn next_at(&self) -> Option<Time> {
        self.0.world().next_at()
    }
    fn settings(&self) -> &Settings {
        self.0.world().settings()
    }
    fn rules(&self) -> RuleSet {
        self.0.world().rules()
    }
    fn standings(&self) -> &[Standing] {
        self.0.world().standings()
    }
    fn set_recording(&mut self, on: bool) {
        self.0.world_mut().set_recording(on);
    }
    fn record(&self) -> &Record {
        self.0.world().record()
    }
    fn fingerprint(&self) -> u64 {
        self.0.world().fingerprint()
    }
    fn set_timeless(&mut self) {
        self.0.world_mut().set_timeless();
    }
    fn state_fingerprint(&self) -> u64 {
        self.0.world().state_fingerprint()
    }
    fn choices(&self) -> Vec<Choice> {
        self.0.world().choices()
    }
    fn describe_input(&self, input: &Input) -> String {
        self.0.world().describe_input(input)
    }
    fn describe_pending(&self, id: u64) -> String {
        self.0.world().describe_pending(id)
    }
    fn name(&self, node: NodeId) -> String {
        self.0.world().name(node)
    }
}

/// Outside the generic code, so that it is compiled only once.
fn in_order(marks: Vec<FlightMark>) -> Vec<FlightMark> {
    small::order(marks.iter().map(|mark| mark.id)).map(|at| marks[at].clone()).collect()
}
