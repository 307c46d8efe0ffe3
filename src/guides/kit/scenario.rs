//! What a scenario declares, and the face of it that knows no system.

use crate::picture::{Frame, Look, Picture};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{Rule, RuleId, RuleSet};
use crate::sim::declare::settings::{Command, Setting, SettingId, Settings};
use crate::sim::explore::instance::Instance;
#[cfg(not(target_arch = "wasm32"))]
use crate::sim::explore::tape_of;
use crate::sim::explore::{Bounds, Explorer};
use crate::sim::judge::verdict::Kind;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{Metric, MetricId};
use crate::sim::run::Run;
use crate::sim::run::chaos::FaultModel;
#[cfg(not(target_arch = "wasm32"))]
pub use crate::sim::run::chaos::storm;
#[cfg(not(target_arch = "wasm32"))]
use crate::sim::run::shrink::Shrinker;
use crate::sim::run::simulation::Simulation;
#[cfg(not(target_arch = "wasm32"))]
use crate::sim::run::tape::Stamped;
use crate::sim::run::tape::{Input, Origin, Tape};
pub use crate::views::{Fields, Inspection};

use super::live::{LiveWorld, Stage};

/// The guides, in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guide {
    Consensus,
    Messaging,
    Caching,
    Storage,
    Transactions,
    Resilience,
}

impl Guide {
    /// All of them.
    pub const ALL: [Guide; 6] =
        [Guide::Consensus, Guide::Messaging, Guide::Caching, Guide::Storage, Guide::Transactions, Guide::Resilience];

    /// The part of the address: `consensus`.
    pub const fn slug(self) -> &'static str {
        match self {
            Guide::Consensus => "consensus",
            Guide::Messaging => "messaging",
            Guide::Caching => "caching",
            Guide::Storage => "storage",
            Guide::Transactions => "transactions",
            Guide::Resilience => "resilience",
        }
    }

    /// What the guide is about, in one or two sentences.
    pub const fn about(self) -> &'static str {
        match self {
            Guide::Consensus => "How machines that crash, and messages that are lost, still come to one decision.",
            Guide::Messaging => "Queues, logs and subjects: who gets a message, how often, and in what order.",
            Guide::Caching => "Copies that are quick to read, and what it takes to keep them from lying.",
            Guide::Storage => "Data on many machines: who has it, who has the newest of it, and how they agree.",
            Guide::Transactions => "Work on several machines that must happen as a whole or not at all.",
            Guide::Resilience => "Systems under load and in trouble: what sheds, what retries, what collapses.",
        }
    }

    /// What a level of it is about.
    pub const fn level(self, level: u8) -> &'static str {
        match (self, level) {
            (Guide::Consensus, 1) => "Why consensus is hard",
            (Guide::Consensus, 2) => "Who leads",
            (Guide::Consensus, 3) => "The replicated log",
            (Guide::Consensus, 4) => "The Paxos family",
            (Guide::Consensus, 5) => "Traitors",
            (Guide::Messaging, 1) => "Sending a message",
            (Guide::Messaging, 2) => "Who gets it",
            (Guide::Messaging, 3) => "Guarantees",
            (Guide::Messaging, 4) => "Exactly once, and under load",
            (Guide::Messaging, 5) => "Inside the broker",
            _ => "",
        }
    }

    /// Its own text, in Markdown: comparison, which one when. Empty in the browser, which reads it from the page.
    pub const fn prose(self) -> &'static str {
        match self {
            Guide::Consensus => prose!("../consensus/guide.md"),
            Guide::Messaging => prose!("../messaging/guide.md"),
            _ => "",
        }
    }

    /// The heading: "Consensus".
    pub const fn title(self) -> &'static str {
        match self {
            Guide::Consensus => "Consensus",
            Guide::Messaging => "Messaging",
            Guide::Caching => "Caching",
            Guide::Storage => "Storage",
            Guide::Transactions => "Transactions",
            Guide::Resilience => "Resilience",
        }
    }
}

/// How a chart reads its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// A counter as a rate per second, one line a subject.
    Rate(MetricId),
    /// A gauge as it stands, one line a subject.
    Level(MetricId),
    /// A latency's median, 95th and 99th percentile, all subjects together.
    Percentiles(MetricId),
    /// A latency's 95th percentile, one line a subject.
    PercentileOfEach(MetricId),
    /// A counter's share of each subject, as bars over the last seconds.
    Share(MetricId),
    /// One counter as a part of the sum of two: hits, misses.
    Ratio(MetricId, MetricId),
}

/// A chart of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    /// Above it.
    pub title: &'static str,
    /// What to notice, in one sentence.
    pub about: &'static str,
    /// What it shows.
    pub plot: Plot,
}

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

/// One step of the tour: a sentence or two, something that happens, something to look at.
pub struct Beat<S: System> {
    /// The idea in a few words.
    pub title: &'static str,
    /// What to notice, before it happens. May mark terms: `*term*`.
    pub say: &'static str,
    /// What is done first, given the state before the beat. `no_inputs` for nothing.
    pub inputs: fn(&World<S>) -> Vec<Input>,
    /// The beat has been reached when this holds. It must not hold already when the beat begins, unless the beat
    /// has no inputs and is the first.
    pub until: fn(&World<S>) -> bool,
    /// What to look at.
    pub look: fn(&World<S>) -> Vec<NodeId>,
    /// What the reader guesses first.
    pub predict: Option<Predict<S>>,
}

/// For beats that only run on.
pub fn no_inputs<S: System>(_: &World<S>) -> Vec<Input> {
    Vec::new()
}

/// For beats that point at nothing.
pub fn no_nodes<S: System>(_: &World<S>) -> Vec<NodeId> {
    Vec::new()
}

/// A goal the reader reaches by breaking things.
pub struct Challenge<S: System> {
    /// Stable name: `split-vote`.
    pub id: &'static str,
    /// The goal in a few words.
    pub title: &'static str,
    /// What is to be reached, exactly.
    pub goal: &'static str,
    /// For who asks.
    pub hint: &'static str,
    /// Whether it is reached.
    pub reached: fn(&World<S>) -> bool,
    /// Where the solution begins, if not at the scenario's own start.
    pub origin: fn() -> Origin,
    /// A way there. Tests replay the tape that it leaves.
    pub solve: fn(&mut Script<S>),
}

/// A reader in code: runs on, acts, and leaves a tape. Tests solve challenges and play textbooks with it; the browser
/// does neither, and there it stands still, so that no run of each system's own is linked into the wasm.
#[cfg(not(target_arch = "wasm32"))]
pub struct Script<S: System> {
    run: Run<World<S>>,
}

/// See its native twin.
#[cfg(target_arch = "wasm32")]
pub struct Script<S: System> {
    world: World<S>,
}

#[cfg(target_arch = "wasm32")]
impl<S: System> Script<S> {
    pub fn world(&self) -> &World<S> {
        &self.world
    }

    pub fn until(&mut self, _: impl Fn(&World<S>) -> bool) -> bool {
        false
    }

    pub fn steps(&mut self, _: u64) {}

    pub fn act(&mut self, _: Input) -> bool {
        false
    }

    pub fn step_count(&self) -> u64 {
        0
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<S: System> Script<S> {
    /// A reader at the start of a world.
    pub fn new(world: World<S>) -> Script<S> {
        Script { run: Run::new(world, Tape::default()) }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World<S> {
        self.run.world()
    }

    /// Runs on until something holds; gives up after 20,000 events. True when it holds.
    pub fn until(&mut self, holds: impl Fn(&World<S>) -> bool) -> bool {
        for _ in 0..20_000 {
            if holds(self.run.world()) || self.run.step().is_none() {
                break;
            }
        }
        holds(self.run.world())
    }

    /// Runs on for some events.
    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            self.run.step();
        }
    }

    /// Does something. False when it was refused.
    pub fn act(&mut self, input: Input) -> bool {
        self.run.act(input).is_ok()
    }

    /// What was done so far.
    pub fn tape(&self) -> &Tape {
        self.run.branch().tape()
    }

    /// Events so far.
    pub fn step_count(&self) -> u64 {
        self.run.step_count()
    }
}

/// What to explore: a small instance of the scenario.
pub struct Hunt<S: System> {
    /// Settings on top of the scenario's own.
    pub settings: &'static [(SettingId, i64)],
    /// Inputs at the start: the client's requests, say.
    pub inputs: fn() -> Vec<Input>,
    /// How far to look.
    pub bounds: Bounds,
    /// States beyond this are not left (a state constraint).
    pub within: fn(&World<S>) -> bool,
}

impl<S: System> Clone for Hunt<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: System> Copy for Hunt<S> {}

/// How a test breaks a promise once a rule is off.
pub enum Way<S: System> {
    /// By exploring this instance.
    Explore(Hunt<S>),
    /// By random fault schedules, shrunk: settings on top of the scenario's own, how many events each, and why the
    /// explorer, which ignores time, cannot show it.
    Schedules { settings: &'static [(SettingId, i64)], events: u64, reason: &'static str },
    /// By a schedule written by hand, a textbook's say: settings on top of the scenario's own, what is done, and why
    /// the explorer does not come so far.
    Script { settings: &'static [(SettingId, i64)], act: fn(&mut Script<S>), reason: &'static str },
}

/// A rule, the promise that breaks without it, and the way.
pub struct Breaks<S: System> {
    /// The rule that is off.
    pub rule: RuleId,
    /// The promise that breaks.
    pub promise: &'static str,
    /// How.
    pub way: Way<S>,
}

/// A scenario over a system.
pub struct Scenario<S: System> {
    /// Part of the address: `raft-election`.
    pub slug: &'static str,
    /// The heading.
    pub title: &'static str,
    /// Its guide.
    pub guide: Guide,
    /// Level within the guide, from 1.
    pub level: u8,
    /// What the reader meets, in one or two sentences: lists, previews, search engines.
    pub summary: &'static str,
    /// The seed of the run that the page opens with.
    pub seed: u64,
    /// The settings the reader may turn, with their values here.
    pub settings: &'static [(SettingId, i64)],
    /// Settings on top of those under which random fault schedules run: a load, where the page begins without one.
    pub busy: &'static [(SettingId, i64)],
    /// Settings that are fixed here and differ from the system's defaults.
    pub fixed: &'static [(SettingId, i64)],
    /// The rules this scenario is about. All others stay on.
    pub rules: &'static [RuleId],
    /// The client commands on offer: indices into the system's list.
    pub commands: &'static [u8],
    /// What is promised.
    pub promises: &'static [Promise<S>],
    /// The catalogue says that its promise cannot hold.
    pub impossible: bool,
    /// The faults under which it is promised.
    pub faults: FaultModel,
    /// The charts.
    pub charts: &'static [Chart],
    /// Name of a metric's subject, where it is not a node: "p99 of least connections".
    pub subject: fn(&Settings, MetricId, u16) -> String,
    /// The picture.
    pub picture: fn(&World<S>, Frame) -> Picture,
    /// How a message looks.
    pub look: fn(&S::Message) -> Look,
    /// What a message says: name and value.
    pub fields: fn(&Settings, &S::Message) -> Fields,
    /// What is known of a node.
    pub inspect: fn(&World<S>, NodeId) -> Inspection,
    /// The tour.
    pub tour: &'static [Beat<S>],
    /// The challenges.
    pub challenges: &'static [Challenge<S>],
    /// The instance the page explores.
    pub explore: Hunt<S>,
    /// For each rule, how its absence breaks something.
    pub breaks: &'static [Breaks<S>],
    /// The prose, in Markdown: sections "What you see", "Why it works", "What breaks it", "Where it is used",
    /// "Sources". `prose!("raft_election.md")`; empty in the browser, which reads it from the page.
    pub prose: &'static str,
}

/// The text of a Markdown file beside the scenario: natively compiled in, in the browser left out.
#[macro_export]
macro_rules! prose {
    ($file:literal) => {{
        #[cfg(not(target_arch = "wasm32"))]
        const TEXT: &str = include_str!($file);
        #[cfg(target_arch = "wasm32")]
        const TEXT: &str = "";
        TEXT
    }};
}

/// The usual name of a metric's subject: the node with that index.
pub fn node_subject<S: System>(settings: &Settings, _: MetricId, subject: u16) -> String {
    S::name(settings, NodeId(subject))
}

/// A beat without its code.
#[derive(Clone, Copy, Debug)]
pub struct BeatInfo {
    pub title: &'static str,
    pub say: &'static str,
    pub question: Option<&'static str>,
    pub because: Option<&'static str>,
}

/// A challenge without its code.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeInfo {
    pub id: &'static str,
    pub title: &'static str,
    pub goal: &'static str,
    pub hint: &'static str,
}

/// A promise without its code.
#[derive(Clone, Copy, Debug)]
pub struct PromiseInfo {
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub kind: Kind,
}

/// What a page, a list or a test knows of a scenario without knowing its system.
pub struct Info {
    pub slug: &'static str,
    pub title: &'static str,
    pub guide: Guide,
    pub level: u8,
    pub summary: &'static str,
    pub seed: u64,
    pub system: &'static str,
    pub settings: Vec<(SettingId, &'static Setting, i64)>,
    pub rules: Vec<(RuleId, &'static Rule)>,
    pub commands: Vec<(u8, &'static Command)>,
    pub promises: Vec<PromiseInfo>,
    pub metrics: &'static [Metric],
    pub charts: &'static [Chart],
    pub beats: Vec<BeatInfo>,
    pub challenges: Vec<ChallengeInfo>,
    pub impossible: bool,
    pub faults: FaultModel,
    pub busy: &'static [(SettingId, i64)],
    pub prose: &'static str,
}

impl Info {
    /// `guide/slug`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.guide.slug(), self.slug)
    }

    /// What a reader may switch off, in a line.
    pub fn rules_line(&self) -> String {
        let titles: Vec<&str> = self.rules.iter().map(|rule| rule.1.title).collect();
        match (titles.is_empty(), self.impossible) {
            (true, true) => "No rule helps".to_owned(),
            (true, false) => "A comparison: no rules".to_owned(),
            _ => format!("Switch off: {}", titles.join(" · ")),
        }
    }
}

/// How a rule's absence showed itself.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The rule that is off.
    pub rule: RuleId,
    /// The promise that is to break.
    pub promise: usize,
    /// Where the run begins, the rule being off.
    pub origin: Origin,
    /// The way: `None` when nothing broke.
    pub tape: Option<Tape>,
    /// Moves of an explored schedule, or the event at which a random one broke, made as small as it gets.
    pub steps: u64,
    /// States explored, or random schedules tried.
    pub tried: u64,
    /// Whether it was explored, and not found by random schedules.
    pub explored: bool,
    /// Why it was not.
    pub reason: &'static str,
}

/// The face of a scenario that knows no system.
pub trait AnyScenario: Sync {
    /// What is known without running it.
    fn info(&self) -> Info;
    /// A world at the start of a run.
    fn start(&self, origin: &Origin) -> LiveWorld;
    /// The small instance that is explored, with its inputs applied, and its bounds. Rules as in the origin.
    fn hunt(&self, origin: &Origin) -> (LiveWorld, Bounds);
    /// A search from a world of this scenario. `promise`: the one to break, or any; one about the end is looked for
    /// only when it is named. `constrained`: within the explored instance's constraint, which suits its start alone.
    fn explorer(
        &self,
        start: &LiveWorld,
        bounds: Bounds,
        promise: Option<usize>,
        constrained: bool,
    ) -> Option<Explorer>;
    /// The inputs that the explored instance begins with, and its settings on top of the scenario's own.
    fn hunt_start(&self) -> (Vec<(SettingId, i64)>, Vec<Input>);
    /// Whether a state lies within the explored instance's constraint.
    fn within(&self, world: &LiveWorld) -> bool;
    /// Shows how the absence of a rule breaks a promise, in the way the scenario names. For tests; not in the browser.
    #[cfg(not(target_arch = "wasm32"))]
    fn counterexample(&self, rule: RuleId, schedules: u64) -> Option<Counterexample>;
    /// The tape that solves a challenge, where it begins, and after how many events it is solved. For tests.
    #[cfg(not(target_arch = "wasm32"))]
    fn solution(&self, challenge: usize) -> (Origin, Tape, u64);
}

impl<S: System> Scenario<S> {
    fn settings_for(&self, origin: &Origin, more: &[(SettingId, i64)]) -> Settings {
        settings_of(S::SETTINGS, &[self.settings, self.fixed, &origin.settings, more])
    }

    /// A world at the start of a run.
    pub fn world(&self, origin: &Origin, more: &[(SettingId, i64)]) -> World<S> {
        let rules = RuleSet::from_off_bits(origin.rules_off);
        World::new(self.settings_for(origin, more), rules, origin.seed, self.promises)
    }

    fn instance(&self, hunt: &Hunt<S>, origin: &Origin) -> World<S> {
        let mut world = self.world(origin, hunt.settings);
        for input in (hunt.inputs)() {
            // The catalogue's tests see to it that a hunt's inputs apply.
            let _ = world.apply(&input);
        }
        world
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn explored(&self, hunt: &Hunt<S>, mut found: Counterexample) -> Counterexample {
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

    #[cfg(not(target_arch = "wasm32"))]
    fn acted(&self, more: &[(SettingId, i64)], act: fn(&mut Script<S>), mut found: Counterexample) -> Counterexample {
        found.explored = false;
        found.tried = 1;
        found.origin.settings.extend_from_slice(more);
        let mut script = Script::new(self.world(&found.origin, &[]));
        act(&mut script);
        if let Some(breaking) = script.run.branch().breakings().iter().find(|broken| broken.promise == found.promise) {
            found.steps = breaking.step;
            found.tape = Some(script.tape().clone());
        }
        found
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn stormed(&self, more: &[(SettingId, i64)], events: u64, most: u64, mut found: Counterexample) -> Counterexample {
        found.explored = false;
        found.origin.settings.extend_from_slice(more);
        for seed in 0..most {
            found.tried = seed + 1;
            found.origin.seed = seed;
            let mut run = Run::new(self.world(&found.origin, &[]), Tape::default());
            storm(&mut run, self.faults, seed, events);
            if let Some(breaking) = run.branch().breakings().iter().find(|breaking| breaking.promise == found.promise) {
                found.steps = breaking.step;
                found.tape = Some(run.branch().tape().clone());
                let start = self.world(&found.origin, &[]);
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
}

/// The values of a system's settings: its defaults, with lists of others on top of each other.
fn settings_of(known: &'static [Setting], lists: &[&[(SettingId, i64)]]) -> Settings {
    let mut settings = Settings::defaults(known);
    for &(id, value) in lists.iter().copied().flatten() {
        if let Some(setting) = known.get(usize::from(id.0)) {
            let (min, max) = setting.control.bounds();
            settings.set(id, value.clamp(min, max));
        }
    }
    settings
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

fn chosen_commands(known: &'static [Command], ids: &[u8]) -> Vec<(u8, &'static Command)> {
    chosen(ids, |id| known.get(usize::from(id)))
}

/// A search from a world. Promises about the end are looked at when one of them is wanted: that costs memory.
fn explorer<S: System>(
    world: &World<S>,
    bounds: Bounds,
    promise: Option<usize>,
    within: fn(&World<S>) -> bool,
    promises: &[Promise<S>],
) -> Explorer {
    let wanted = promise.and_then(|index| promises.get(index));
    let endings = wanted.is_some_and(|promise| matches!(promise.kind, Kind::Eventually { .. }));
    Explorer::new(Box::new(Instance::new(world, promise, within)), bounds, endings)
}

impl<S: System> AnyScenario for Scenario<S> {
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
            busy: self.busy,
            prose: self.prose,
        }
    }

    fn start(&self, origin: &Origin) -> LiveWorld {
        LiveWorld::new(Stage::new(self.world(origin, &[]), self.face()))
    }

    fn hunt(&self, origin: &Origin) -> (LiveWorld, Bounds) {
        (LiveWorld::new(Stage::new(self.instance(&self.explore, origin), self.face())), self.explore.bounds)
    }

    fn explorer(
        &self,
        start: &LiveWorld,
        bounds: Bounds,
        promise: Option<usize>,
        constrained: bool,
    ) -> Option<Explorer> {
        let within = if constrained { self.explore.within } else { |_: &World<S>| true };
        start.typed::<S>().map(|world| explorer(world, bounds, promise, within, self.promises))
    }

    fn hunt_start(&self) -> (Vec<(SettingId, i64)>, Vec<Input>) {
        (self.explore.settings.to_vec(), (self.explore.inputs)())
    }

    fn within(&self, world: &LiveWorld) -> bool {
        world.typed::<S>().is_none_or(|world| (self.explore.within)(world))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn counterexample(&self, rule: RuleId, schedules: u64) -> Option<Counterexample> {
        let breaks = self.breaks.iter().find(|breaks| breaks.rule == rule)?;
        let promise = self.promises.iter().position(|promise| promise.id == breaks.promise)?;
        let rules_off = RuleSet::ALL.with(rule, false).off_bits();
        let origin = Origin { seed: self.seed, settings: Vec::new(), rules_off };
        let found =
            Counterexample { rule, promise, origin, tape: None, steps: 0, tried: 0, explored: true, reason: "" };
        Some(match &breaks.way {
            Way::Explore(hunt) => self.explored(hunt, found),
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

    #[cfg(not(target_arch = "wasm32"))]
    fn solution(&self, challenge: usize) -> (Origin, Tape, u64) {
        let Some(challenge) = self.challenges.get(challenge) else {
            return (Origin::default(), Tape::default(), 0);
        };
        let origin = (challenge.origin)();
        let mut script = Script::new(self.world(&origin, &[]));
        (challenge.solve)(&mut script);
        (origin, script.tape().clone(), script.step_count())
    }
}
