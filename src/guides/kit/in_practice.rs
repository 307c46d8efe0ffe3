//! What a scenario's page says of the world outside, in native builds only: the versions it speaks of, what its system
//! leaves out, and how its rules are set in real systems.

use super::scenario::Scenario;
use crate::sim::declare::notes::Practice;
use crate::views::Face;

/// See the module's header.
pub struct InPractice {
    /// The versions of systems, and the papers, that the page speaks of.
    pub versions: &'static [&'static str],
    /// What the system leaves out, in Markdown.
    pub simplified: Vec<String>,
    /// What is said of all of the system's rules, in Markdown; may be empty.
    pub about: &'static str,
    /// How the rules are set, in the scenario's order; a rule of which nothing is written is left out.
    pub rules: Vec<Practice>,
}

impl<S: Face> Scenario<S> {
    /// What the page says of the world outside. An error if its system's notes are malformed.
    pub(super) fn outside(&self) -> Result<InPractice, String> {
        let all = S::NOTES.practice(S::RULES)?;
        let known = self.rules.iter().filter_map(|rule| S::RULES.get(usize::from(rule.0)));
        let rules = known.filter_map(|rule| all.iter().find(|practice| practice.rule == rule.id).cloned()).collect();
        let (simplified, about) = (S::NOTES.simplified(), S::NOTES.about_practice());
        Ok(InPractice { versions: self.versions, simplified, about, rules })
    }
}
