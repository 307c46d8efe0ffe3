//! A scenario in motion, whatever its system: this is what the page holds.

use std::any::Any;

use super::tour;
use crate::picture::{FlightMark, Frame, Picture};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::history::History;
use crate::sim::judge::verdict::Standing;
use crate::sim::kernel::Kernel;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{MetricId, Metrics};
use crate::sim::run::simulation::{Choice, Handled, Record, Refusal, Simulation};
use crate::sim::run::tape::Input;
use crate::views::{Fields, Inspection};

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
    /// Whether something of a node's disk is not synced: a power cut would take it.
    fn is_power_needed(&self, node: NodeId) -> bool;
    /// What was measured.
    fn metrics(&self) -> &Metrics;
    /// What clients asked and were answered.
    fn history(&self) -> &History;
    /// Who a client command would go to.
    fn route(&self, call: &CommandCall) -> Option<NodeId>;
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
    /// The world, for the scenario itself, which knows the type.
    fn as_any(&self) -> &dyn Any;
}

/// Any scenario in motion: what a run of the page is made of.
pub struct LiveWorld(Box<dyn Live>);

impl LiveWorld {
    pub(super) fn new(live: impl Live + 'static) -> LiveWorld {
        LiveWorld(Box::new(live))
    }

    /// The world of a system, if that is the system it runs.
    pub fn typed<S: System>(&self) -> Option<&World<S>> {
        self.0.as_any().downcast_ref()
    }

    /// The moment before the next event at which what is on its way is seen best.
    pub fn best_seen(&self) -> Time {
        let flights = self.flights();
        let flying = flights.iter().filter(|flight| flight.lost.is_none() && flight.from != flight.to);
        let ways: Vec<(Time, Time)> = flying.map(|flight| (flight.sent, flight.due)).collect();
        tour::best_seen(self.kernel().now(), self.next_at(), &ways)
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
