//! What a page, a list or a test knows about a scenario without knowing its system.

use super::chart::Chart;
use super::guide::Guide;
use super::scenario::Preset;
use crate::sim::declare::commands::{Command, CommandId};
use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{Setting, SettingId};
use crate::sim::judge::verdict::Kind;
use crate::sim::measure::metrics::Metric;
use crate::sim::run::chaos::FaultModel;

/// A beat without its code.
#[derive(Clone, Copy, Debug)]
pub struct BeatInfo {
    pub title: &'static str,
    pub say: &'static str,
    pub question: Option<&'static str>,
    pub because: Option<&'static str>,
    /// Whether it ends half way to the next event.
    pub midway: bool,
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

/// What a page, a list or a test knows about a scenario without knowing its system.
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
    pub commands: Vec<(CommandId, &'static Command)>,
    pub promises: Vec<PromiseInfo>,
    pub metrics: &'static [Metric],
    pub charts: &'static [Chart],
    pub beats: Vec<BeatInfo>,
    pub challenges: Vec<ChallengeInfo>,
    pub impossible: bool,
    pub faults: FaultModel,
    /// Whether its system models what a power cut loses.
    pub power_cut: bool,
    pub busy: &'static [(SettingId, i64)],
    /// Settings that are turned together; at least the load under which faults are tried.
    pub presets: Vec<Preset>,
    /// Whether it is about load.
    pub load: bool,
    /// What to read first, each as `guide/slug`.
    pub before: &'static [&'static str],
    /// Related scenarios, each as `guide/slug`.
    pub near: &'static [&'static str],
    pub prose: &'static str,
}

impl Info {
    /// `guide/slug`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.guide.slug(), self.slug)
    }

    /// What a reader may switch off, as one line.
    pub fn rules_line(&self) -> String {
        let titles: Vec<&str> = self.rules.iter().map(|rule| rule.1.title).collect();
        match (titles.is_empty(), self.impossible) {
            (true, true) => "No rule helps".to_owned(),
            (true, false) => "A comparison: no rules".to_owned(),
            _ => format!("Switch off: {}", titles.join(" · ")),
        }
    }
}
