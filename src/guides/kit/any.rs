//! A scenario behind an interface that does not name its system.

use super::hunt::explorer;
#[cfg(not(target_arch = "wasm32"))]
use super::in_practice::InPractice;
use super::info::{BeatInfo, ChallengeInfo, Info, PromiseInfo};
use super::live::LiveWorld;
#[cfg(not(target_arch = "wasm32"))]
use super::proof::Counterexample;
use super::scenario::Scenario;
use crate::sim::declare::commands::{Command, CommandId};
use crate::sim::declare::rules::{Rule, RuleId, RuleSet};
use crate::sim::declare::settings::{Setting, SettingId};
use crate::sim::explore::{Bounds, Explorer};
use crate::sim::machine::world::World;
#[cfg(not(target_arch = "wasm32"))]
use crate::sim::run::tape::Tape;
use crate::sim::run::tape::{Input, Origin};
use crate::views::Face;

/// A scenario behind an interface that does not name its system.
pub trait AnyScenario: Sync {
    /// What is known without running it.
    fn info(&self) -> Info;
    /// Whether its address is this `guide/slug`.
    fn is_at(&self, path: &str) -> bool;
    /// The terms that it explains, each with one sentence.
    fn terms(&self) -> &'static [(&'static str, &'static str)];
    /// A world at the start of a run.
    fn start(&'static self, origin: &Origin) -> LiveWorld;
    /// The small instance that is explored under the origin's rules, with its inputs applied, and its bounds.
    fn hunt(&'static self, origin: &Origin) -> (LiveWorld, Bounds);
    /// A search from a world of this scenario. `promise`: the one to break, or any; a promise about the end is checked
    /// only when it is named. `constrained`: within the constraint of the instance that is explored under the world's
    /// rules, which only makes sense from that instance's start.
    fn explorer(
        &self,
        start: &LiveWorld,
        bounds: Bounds,
        promise: Option<usize>,
        constrained: bool,
    ) -> Option<Explorer>;
    /// The settings, on top of the scenario's own, and the inputs that the instance begins with which is explored under
    /// the origin's rules.
    fn hunt_start(&self, origin: &Origin) -> (Vec<(SettingId, i64)>, Vec<Input>);
    /// Whether a state lies within the constraint of the instance that is explored under its rules.
    fn within(&self, world: &LiveWorld) -> bool;
    /// The versions that it speaks of, what its system leaves out, and how its rules are set in real systems. An error if
    /// its system's notes are malformed. Not in the browser.
    #[cfg(not(target_arch = "wasm32"))]
    fn in_practice(&self) -> Result<InPractice, String>;
    /// Shows how the absence of a rule breaks a promise, the way the scenario says. For tests; not in the browser.
    #[cfg(not(target_arch = "wasm32"))]
    fn counterexample(&'static self, rule: RuleId, schedules: u64) -> Option<Counterexample>;
    /// The tape that solves a challenge, where it begins, and after how many events it is solved. `None` if the
    /// scenario gives no solution. For tests.
    #[cfg(not(target_arch = "wasm32"))]
    fn solution(&'static self, challenge: usize) -> Option<(Origin, Tape, u64)>;
}

/// The settings, rules and commands that a scenario names, with their descriptions.
fn chosen<I: Copy, T>(ids: &[I], find: impl Fn(I) -> Option<T>) -> Vec<(I, T)> {
    ids.iter().filter_map(|id| Some((*id, find(*id)?))).collect()
}

fn chosen_settings(known: &'static [Setting], values: &[(SettingId, i64)]) -> Vec<(SettingId, &'static Setting, i64)> {
    let find = |&(id, value): &(SettingId, i64)| Some((id, known.get(usize::from(id.0))?, value));
    values.iter().filter_map(find).collect()
}

fn chosen_rules(known: &'static [Rule], ids: &[RuleId]) -> Vec<(RuleId, &'static Rule)> {
    chosen(ids, |id| known.get(usize::from(id.0)))
}

fn chosen_commands(known: &'static [Command], ids: &[CommandId]) -> Vec<(CommandId, &'static Command)> {
    chosen(ids, |id| known.get(usize::from(id.0)))
}

impl<S: Face> AnyScenario for Scenario<S> {
    fn info(&self) -> Info {
        Info {
            slug: self.slug,
            title: self.title,
            guide: self.guide,
            level: self.level,
            summary: self.summary,
            seed: self.seed,
            system: S::NAME,
            settings: chosen_settings(S::SETTINGS, self.settings),
            rules: chosen_rules(S::RULES, self.rules),
            commands: chosen_commands(S::COMMANDS, self.commands),
            promises: self
                .promises
                .iter()
                .map(|promise| PromiseInfo {
                    id: promise.id,
                    title: promise.title,
                    about: promise.about,
                    kind: promise.kind,
                })
                .collect(),
            metrics: S::METRICS,
            charts: self.charts,
            beats: self
                .tour
                .iter()
                .map(|beat| BeatInfo {
                    title: beat.title,
                    say: beat.say,
                    question: beat.predict.as_ref().map(|predict| predict.question),
                    because: beat.predict.as_ref().map(|predict| predict.because),
                    midway: beat.midway,
                })
                .collect(),
            challenges: self
                .challenges
                .iter()
                .map(|challenge| ChallengeInfo {
                    id: challenge.id,
                    title: challenge.title,
                    goal: challenge.goal,
                    hint: challenge.hint,
                })
                .collect(),
            impossible: self.impossible,
            faults: self.faults,
            power_cut: S::POWER_CUT,
            busy: self.busy,
            presets: match self.presets {
                [] if !self.busy.is_empty() => vec![("Under load", self.busy)],
                presets => presets.to_vec(),
            },
            load: self.load,
            before: self.before,
            near: self.near,
            prose: self.prose,
        }
    }

    fn is_at(&self, path: &str) -> bool {
        path.split_once('/').is_some_and(|(guide, slug)| guide == self.guide.slug() && slug == self.slug)
    }

    fn terms(&self) -> &'static [(&'static str, &'static str)] {
        self.terms
    }

    fn start(&'static self, origin: &Origin) -> LiveWorld {
        self.shown(self.world(origin, &[]))
    }

    fn hunt(&'static self, origin: &Origin) -> (LiveWorld, Bounds) {
        let hunt = self.hunt_under(RuleSet::from_off_bits(origin.rules_off));
        (self.shown(self.instance(hunt, origin)), hunt.bounds)
    }

    fn explorer(
        &self,
        start: &LiveWorld,
        bounds: Bounds,
        promise: Option<usize>,
        constrained: bool,
    ) -> Option<Explorer> {
        let world = start.typed::<S>()?;
        let within = if constrained { self.hunt_under(world.rules()).within } else { |_: &World<S>| true };
        Some(explorer(world, bounds, promise, within, self.promises))
    }

    fn hunt_start(&self, origin: &Origin) -> (Vec<(SettingId, i64)>, Vec<Input>) {
        let hunt = self.hunt_under(RuleSet::from_off_bits(origin.rules_off));
        (hunt.settings.to_vec(), (hunt.inputs)())
    }

    fn within(&self, world: &LiveWorld) -> bool {
        world.typed::<S>().is_none_or(|world| (self.hunt_under(world.rules()).within)(world))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn in_practice(&self) -> Result<InPractice, String> {
        self.outside()
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn counterexample(&'static self, rule: RuleId, schedules: u64) -> Option<Counterexample> {
        self.broken(rule, schedules)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn solution(&'static self, challenge: usize) -> Option<(Origin, Tape, u64)> {
        self.solved(challenge)
    }
}
