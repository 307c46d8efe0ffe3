//! Rules: what makes an algorithm correct, each with a switch.

use serde::{Deserialize, Serialize};

/// A rule of a system: its index in the system's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId(pub u8);

/// What a rule is called and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable name in links and commands: `one-vote-per-term`.
    pub id: &'static str,
    /// Short title next to the switch.
    pub title: &'static str,
    /// One sentence: what the node does with the rule on, and what it does with it off.
    pub about: &'static str,
}

/// Which rules are on: at most 64 per system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuleSet(u64);

impl RuleSet {
    /// Every rule on: the algorithm as published.
    pub const ALL: RuleSet = RuleSet(u64::MAX);

    /// Whether the rule is on.
    #[inline]
    pub fn on(self, rule: RuleId) -> bool {
        self.0 >> (rule.0 & 63) & 1 == 1
    }

    /// The same set with the rule switched.
    #[must_use]
    pub fn with(self, rule: RuleId, on: bool) -> RuleSet {
        let bit = 1 << (rule.0 & 63);
        RuleSet(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// The rules that are off, as a bit set; the form links use.
    pub fn off_bits(self) -> u64 {
        !self.0
    }

    /// The set with only these rules off.
    pub fn from_off_bits(off: u64) -> RuleSet {
        RuleSet(!off)
    }
}
