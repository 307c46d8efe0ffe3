//! How what a scenario's proof says is shown: instances are explored, schedules drawn and shrunk, scripts played.

use super::hunt::explorer;
use super::proof::{Counterexample, Script, Way};
use super::scenario::Scenario;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::SettingId;
use crate::sim::explore::tape_of;
use crate::sim::run::Run;
use crate::sim::run::chaos::storm;
use crate::sim::run::shrink::Shrinker;
use crate::sim::run::tape::{Origin, Stamped, Tape};
use crate::views::Face;

impl<S: Face> Scenario<S> {
    /// A reader at the start of a run.
    pub fn script(&'static self, origin: &Origin) -> Script<S> {
        Script::new(self.shown(self.world(origin, &[])))
    }

    fn explored(&self, mut found: Counterexample) -> Counterexample {
        let hunt = self.hunt_under(RuleSet::from_off_bits(found.origin.rules_off));
        let world = self.instance(hunt, &found.origin);
        let mut explorer = explorer(&world, hunt.bounds, Some(found.promise), hunt.within, self.promises);
        let report = explorer.run();
        found.tried = report.progress.states;
        found.origin.settings.extend_from_slice(hunt.settings);
        if let Some((_, moves)) = report.moves() {
            found.steps = moves.len() as u64;
            let first = (hunt.inputs)().into_iter().map(|input| Stamped { after: 0, input }).collect();
            found.tape = explorer.schedule(moves).map(|schedule| tape_of(first, &schedule.tape));
        }
        found
    }

    fn acted(
        &'static self,
        more: &[(SettingId, i64)],
        act: fn(&mut Script<S>),
        mut found: Counterexample,
    ) -> Counterexample {
        found.explored = false;
        found.tried = 1;
        found.origin.settings.extend_from_slice(more);
        let mut script = self.script(&found.origin);
        act(&mut script);
        if let Some(breaking) = script.run.branch().breakings().iter().find(|broken| broken.promise == found.promise) {
            found.steps = breaking.step;
            found.tape = Some(script.tape().clone());
        }
        found
    }

    fn stormed(
        &'static self,
        more: &[(SettingId, i64)],
        events: u64,
        most: u64,
        mut found: Counterexample,
    ) -> Counterexample {
        found.explored = false;
        found.origin.settings.extend_from_slice(more);
        for seed in 0..most {
            found.tried = seed + 1;
            found.origin.seed = seed;
            let mut run = Run::new(self.shown(self.world(&found.origin, &[])), Tape::default());
            storm(&mut run, self.faults, seed, events);
            if let Some(breaking) = run.branch().breakings().iter().find(|breaking| breaking.promise == found.promise) {
                found.steps = breaking.step;
                found.tape = Some(run.branch().tape().clone());
                let start = self.shown(self.world(&found.origin, &[]));
                if let Some(mut shrinker) = Shrinker::new(start, run.branch(), found.promise) {
                    shrinker.run();
                    found.steps = shrinker.progress().steps;
                    found.tape = Some(shrinker.tape().clone());
                }
                return found;
            }
        }
        found
    }

    pub(super) fn broken(&'static self, rule: RuleId, schedules: u64) -> Option<Counterexample> {
        let breaks = self.proof.breaks.iter().find(|breaks| breaks.rule == rule)?;
        let promise = self.promises.iter().position(|promise| promise.id == breaks.promise)?;
        let rules_off = RuleSet::ALL.with(rule, false).off_bits();
        let origin = Origin { seed: self.seed, settings: Vec::new(), rules_off };
        let found =
            Counterexample { rule, promise, origin, tape: None, steps: 0, tried: 0, explored: true, reason: "" };
        Some(match &breaks.way {
            Way::Explore => self.explored(found),
            Way::Schedules { settings, events, reason } => {
                let found = Counterexample { reason, ..found };
                self.stormed(settings, *events, schedules, found)
            }
            Way::Script { settings, act, reason } => {
                let found = Counterexample { reason, ..found };
                self.acted(settings, *act, found)
            }
        })
    }

    pub(super) fn solved(&'static self, challenge: usize) -> Option<(Origin, Tape, u64)> {
        let challenge = self.challenges.get(challenge)?;
        let solution = self.proof.solutions.iter().find(|solution| solution.challenge == challenge.id)?;
        let origin = (solution.from)();
        let mut script = self.script(&origin);
        (solution.act)(&mut script);
        Some((origin, script.tape().clone(), script.step_count()))
    }
}
