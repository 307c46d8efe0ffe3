//! Settings: what the reader may turn, with units and bounds.

use serde::{Deserialize, Serialize};

/// A setting of a system: its index in the system's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SettingId(pub u8);

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain count.
    Count,
    /// Microseconds, shown in sensible units.
    Micros,
    /// Requests or messages per second.
    PerSecond,
    /// Hundredths of the whole.
    Percent,
}

/// How a setting is turned.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// A slider from `min` to `max` in steps.
    Slider { min: i64, max: i64, step: i64, unit: Unit },
    /// One of a few named values, numbered from 0.
    Choice(&'static [&'static str]),
    /// Off (0) or on (1).
    Toggle,
}

impl Control {
    /// The least and the greatest value.
    pub fn bounds(&self) -> (i64, i64) {
        match self {
            Control::Slider { min, max, .. } => (*min, *max),
            Control::Choice(options) => (0, options.len() as i64 - 1),
            Control::Toggle => (0, 1),
        }
    }
}

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// At once; the change is an input on the tape.
    Live,
    /// When the run starts over: the number of nodes, say.
    AtStart,
}

/// A setting's description.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Stable name: `election-timeout`.
    pub id: &'static str,
    /// Short title next to the control.
    pub title: &'static str,
    /// One sentence of explanation.
    pub about: &'static str,
    /// How it is turned.
    pub control: Control,
    /// Its value when nobody has turned it.
    pub default: i64,
    /// When a change takes effect.
    pub takes: Takes,
}

/// The values of all settings of a system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings(Vec<i64>);

impl Settings {
    /// Every setting at its default.
    pub fn defaults(list: &[Setting]) -> Settings {
        Settings(list.iter().map(|setting| setting.default).collect())
    }

    /// The value of a setting; 0 for one that does not exist.
    #[inline]
    pub fn get(&self, id: SettingId) -> i64 {
        self.0.get(usize::from(id.0)).copied().unwrap_or(0)
    }

    /// The value as a length or count that cannot be negative.
    #[inline]
    pub fn amount(&self, id: SettingId) -> u64 {
        self.get(id).max(0) as u64
    }

    /// Whether a toggle is on.
    #[inline]
    pub fn is_on(&self, id: SettingId) -> bool {
        self.get(id) != 0
    }

    /// Sets a value. The caller has checked its bounds; an unknown setting is left alone.
    pub fn set(&mut self, id: SettingId, value: i64) {
        if let Some(slot) = self.0.get_mut(usize::from(id.0)) {
            *slot = value;
        }
    }

    /// All values, in the order of the system's list.
    pub fn values(&self) -> &[i64] {
        &self.0
    }

    /// All values but the last `later` ones, if those are at their defaults.
    pub(in crate::sim) fn values_before(&self, list: &[Setting], later: usize) -> &[i64] {
        let known = self.0.len().saturating_sub(later);
        let is_default = |at: usize| list.get(at).is_some_and(|setting| setting.default == self.0[at]);
        if (known..self.0.len()).all(is_default) { &self.0[..known] } else { &self.0 }
    }
}

/// A slider, for a system's list of settings.
pub const fn slider(min: i64, max: i64, step: i64, unit: Unit) -> Control {
    Control::Slider { min, max, step, unit }
}

/// A slider of whole numbers, for a system's list of settings.
pub const fn count(min: i64, max: i64) -> Control {
    slider(min, max, 1, Unit::Count)
}

/// A slider of lengths of time, in microseconds.
pub const fn micros(min: i64, max: i64, step: i64) -> Control {
    slider(min, max, step, Unit::Micros)
}

/// A slider of rates per second.
pub const fn per_second(min: i64, max: i64, step: i64) -> Control {
    slider(min, max, step, Unit::PerSecond)
}

/// A slider of hundredths.
pub const fn percent(min: i64, max: i64, step: i64) -> Control {
    slider(min, max, step, Unit::Percent)
}
