//! A world and the scenario that shows it: what is behind a `LiveWorld`.

use std::any::Any;

use super::live::{Live, LiveWorld, MessageView};
use super::scenario::Scenario;
use crate::picture::{FlightMark, Frame, Picture};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::judge::history::History;
use crate::sim::judge::verdict::Verdict;
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{MetricId, Metrics};
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::Input;
use crate::sim::small;
use crate::views::{Face, Inspection};

/// A world and the scenario that shows it.
struct Shown<S: Face> {
    world: World<S>,
    scenario: &'static Scenario<S>,
}

impl<S: Face> Scenario<S> {
    /// A world of this scenario, as the page holds it.
    pub(super) fn shown(&'static self, world: World<S>) -> LiveWorld {
        LiveWorld::new(Shown { world, scenario: self })
    }
}

/// How long a lost message stays in sight, in virtual time after it was due.
const LOST_IN_SIGHT: Time = 200 * MS;

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
            mark.trouble.unpowered = self.world.has_lost_power(mark.node);
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

    fn is_power_needed(&self, node: NodeId) -> bool {
        self.world.is_power_needed(node)
    }

    fn metrics(&self) -> &Metrics {
        self.world.metrics()
    }

    fn history(&self) -> &History {
        self.world.history()
    }

    fn route(&self, call: &CommandCall) -> Option<NodeId> {
        S::route(&self.world, call)
    }

    fn subject(&self, metric: MetricId, subject: u16) -> String {
        (self.scenario.subject)(self.world.settings(), metric, subject)
    }

    fn beat_inputs(&self, beat: usize) -> Vec<Input> {
        self.scenario.tour.get(beat).map_or_else(Vec::new, |beat| (beat.inputs)(&self.world))
    }

    fn beat_reached(&self, beat: usize) -> bool {
        self.scenario.tour.get(beat).is_some_and(|beat| beat.is_reached(&self.world))
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
        &self.world
    }
}

/// Outside the generic code, so that it is compiled only once.
fn in_order(marks: Vec<FlightMark>) -> Vec<FlightMark> {
    small::order(marks.iter().map(|mark| mark.id)).map(|at| marks[at].clone()).collect()
}
