//! What a scenario declares.

use super::chart::Chart;
use super::guide::Guide;
use super::hunt::Hunt;
#[cfg(not(target_arch = "wasm32"))]
use super::proof::Proof;
use super::tour::{Beat, Challenge};
use crate::picture::{Frame, Picture};
use crate::sim::declare::commands::CommandId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{Setting, SettingId, Settings};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::Origin;
use crate::views::Face;

/// Settings that are turned together: a title, and their values.
pub type Preset = (&'static str, &'static [(SettingId, i64)]);

/// A scenario over a system.
pub struct Scenario<S: Face> {
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
    /// Settings on top of those under which random fault schedules run: a load, say, if the page begins without one.
    pub busy: &'static [(SettingId, i64)],
    /// Settings that are turned together, each with a name: "Rush hour".
    pub presets: &'static [Preset],
    /// Whether it is about load: time sets the pace of play, and not events.
    pub load: bool,
    /// Settings that are fixed here and differ from the system's defaults.
    pub fixed: &'static [(SettingId, i64)],
    /// The rules this scenario is about. All others stay on.
    pub rules: &'static [RuleId],
    /// The client commands on offer.
    pub commands: &'static [CommandId],
    /// What is promised.
    pub promises: &'static [Promise<S>],
    /// The settings at which some of it is not promised.
    pub limits: &'static [Limit],
    /// Whether its promise cannot hold; the catalogue says so.
    pub impossible: bool,
    /// The faults under which it is promised.
    pub faults: FaultModel,
    /// The charts.
    pub charts: &'static [Chart],
    /// Name of a metric's subject, for a scenario that counts by something other than its system does.
    pub subject: fn(&Settings, MetricId, u16) -> String,
    /// The picture.
    pub picture: fn(&World<S>, Frame) -> Picture,
    /// The tour.
    pub tour: &'static [Beat<S>],
    /// The challenges.
    pub challenges: &'static [Challenge<S>],
    /// The instance the page explores.
    pub explore: Hunt<S>,
    /// The instances it explores instead while a rule is off whose absence `explore` cannot show.
    pub without: &'static [(RuleId, Hunt<S>)],
    /// Terms that its texts mark and that no earlier scenario on its shelf explains, each with one sentence.
    pub terms: &'static [(&'static str, &'static str)],
    /// What to read first, each as `guide/slug`.
    pub before: &'static [&'static str],
    /// Related scenarios, each as `guide/slug`.
    pub near: &'static [&'static str],
    /// The versions of systems, and the papers, that its page speaks of: `versions!["RabbitMQ 4.3"]`.
    pub versions: &'static [&'static str],
    /// The prose, in Markdown: sections "What you see", "Why it works", "What breaks it", "Where it is used",
    /// "Sources". `prose!("raft_election.md")`; empty in the browser, which reads it from the page.
    pub prose: &'static str,
    /// How the absence of each rule breaks something, and how the challenges are solved. The browser has no use for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub proof: &'static Proof<S>,
}

impl<S: Face> Scenario<S> {
    /// What most scenarios leave as it is: `..Scenario::PLAIN`.
    pub const PLAIN: Scenario<S> = Scenario {
        slug: "",
        title: "",
        guide: Guide::Consensus,
        level: 1,
        summary: "",
        seed: 0,
        settings: &[],
        busy: &[],
        presets: &[],
        load: false,
        fixed: &[],
        rules: &[],
        commands: &[],
        promises: &[],
        limits: &[],
        impossible: false,
        faults: FaultModel::NONE,
        charts: &[],
        subject: S::subject,
        picture: |_, frame| Picture::new(frame),
        tour: &[],
        challenges: &[],
        explore: Hunt::NONE,
        without: &[],
        terms: &[],
        before: &[],
        near: &[],
        versions: &[],
        prose: "",
        #[cfg(not(target_arch = "wasm32"))]
        proof: &Proof::NONE,
    };

    /// Where a run of it begins, with these rules off and these settings turned.
    pub fn from(&self, off: &[RuleId], turned: &[(SettingId, i64)]) -> Origin {
        let rules = off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
        Origin { seed: self.seed, settings: turned.to_vec(), rules_off: rules.off_bits() }
    }

    /// A world at the start of a run.
    pub fn world(&self, origin: &Origin, more: &[(SettingId, i64)]) -> World<S> {
        let settings = settings_of(S::SETTINGS, &[self.settings, self.fixed, &origin.settings, more]);
        World::new(settings, RuleSet::from_off_bits(origin.rules_off), origin.seed, self.promises).within(self.limits)
    }

    /// What to explore under these rules. With several off, the first in `without` decides.
    pub(super) fn hunt_under(&self, rules: RuleSet) -> &Hunt<S> {
        self.without.iter().find(|(rule, _)| !rules.on(*rule)).map_or(&self.explore, |(_, hunt)| hunt)
    }

    /// An instance to explore, with its inputs applied.
    pub(super) fn instance(&self, hunt: &Hunt<S>, origin: &Origin) -> World<S> {
        let mut world = self.world(origin, hunt.settings);
        for input in (hunt.inputs)() {
            // The catalogue's tests make sure that a hunt's inputs apply.
            let _ = world.apply(&input);
        }
        world
    }
}

/// The values of a system's settings: its defaults, overlaid with these lists in order.
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

/// The text of a Markdown file next to the scenario: compiled in for native builds, left out in the browser.
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

/// The versions and papers that a scenario's page speaks of: `versions!["RabbitMQ 4.3"]`; empty in the browser.
#[macro_export]
macro_rules! versions {
    ($($version:literal),+ $(,)?) => {{
        #[cfg(not(target_arch = "wasm32"))]
        const VERSIONS: &[&str] = &[$($version),+];
        #[cfg(target_arch = "wasm32")]
        const VERSIONS: &[&str] = &[];
        VERSIONS
    }};
}
