//! Settings: what the reader may turn, with units and bounds; and client commands, which carry the same kind of values.

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
    /// Requests or messages a second.
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
    /// When the run starts anew: the number of nodes, say.
    AtStart,
}

/// A setting's description.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Stable name: `election-timeout`.
    pub id: &'static str,
    /// Short title beside the control.
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
}

/// A client command of a system, as the page offers it: "SET x = 5".
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Stable name: `set`.
    pub id: &'static str,
    /// What the button says: "SET".
    pub title: &'static str,
    /// One sentence: what it does.
    pub about: &'static str,
    /// What the reader fills in.
    pub fields: &'static [Field],
}

/// One thing a reader fills in for a command.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Label of the input.
    pub title: &'static str,
    /// How it is entered.
    pub control: Control,
    /// Its value at first.
    pub default: i64,
}

/// A command the reader gave, with what was filled in. An input on the tape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandCall {
    /// Index in the system's list of commands.
    pub command: u8,
    /// The filled-in values, in the order of the fields.
    pub values: Vec<i64>,
}

impl CommandCall {
    /// The `index`-th value; 0 where the reader gave none.
    pub fn value(&self, index: usize) -> i64 {
        self.values.get(index).copied().unwrap_or(0)
    }
}
/// A slider of whole numbers, for a system's list of settings.
pub const fn count(min: i64, max: i64, step: i64) -> Control {
    Control::Slider { min, max, step, unit: Unit::Count }
}

/// A slider of lengths of time, in microseconds.
pub const fn micros(min: i64, max: i64, step: i64) -> Control {
    Control::Slider { min, max, step, unit: Unit::Micros }
}

/// A setting in one line.
pub const fn setting(
    id: &'static str,
    title: &'static str,
    about: &'static str,
    control: Control,
    default: i64,
    takes: Takes,
) -> Setting {
    Setting { id, title, about, control, default, takes }
}
