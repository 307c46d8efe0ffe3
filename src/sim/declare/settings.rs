//! Settings: what the reader may turn, with units and bounds; and client commands, which carry the same kind of values.

use serde::{Deserialize, Serialize};

use super::text;

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

    /// All values but the last `later` ones, if those are at their defaults.
    pub(in crate::sim) fn values_before(&self, list: &[Setting], later: usize) -> &[i64] {
        let known = self.0.len().saturating_sub(later);
        let is_default = |at: usize| list.get(at).is_some_and(|setting| setting.default == self.0[at]);
        if (known..self.0.len()).all(is_default) { &self.0[..known] } else { &self.0 }
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
    pub entry: Entry,
}

/// How a field is entered, and what stands there at first.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// A number, turned like a setting.
    Value(Control, i64),
    /// Text of up to [`text::MOST`] characters; it takes [`text::VALUES`] values. These are suggested, and the first stands
    /// there at first.
    Text(&'static [&'static str]),
}

/// A field for a number.
pub const fn field(title: &'static str, control: Control, default: i64) -> Field {
    Field { title, entry: Entry::Value(control, default) }
}

/// A field for text.
pub const fn text_field(title: &'static str, suggestions: &'static [&'static str]) -> Field {
    Field { title, entry: Entry::Text(suggestions) }
}

impl Field {
    /// How many values of a command the field takes.
    pub fn width(&self) -> usize {
        match self.entry {
            Entry::Value(..) => 1,
            Entry::Text(_) => text::VALUES,
        }
    }

    /// What was filled in, made one that the field can have; what stands there at first where nothing was.
    fn complete(&self, given: &[i64]) -> Vec<i64> {
        match self.entry {
            Entry::Value(control, default) => {
                let (min, max) = control.bounds();
                vec![given.first().copied().unwrap_or(default).clamp(min, max)]
            }
            Entry::Text(_) if !given.is_empty() => text::tidy(given).to_vec(),
            Entry::Text(known) => text::pack(known.first().unwrap_or(&"")).unwrap_or_default().to_vec(),
        }
    }
}

impl Command {
    /// Its fields, each with those of the values that are its own; none where too few were given.
    pub fn parts<'a>(&self, values: &'a [i64]) -> impl Iterator<Item = (&'static Field, &'a [i64])> {
        let mut rest = values;
        self.fields.iter().map(move |field| {
            let (own, others) = rest.split_at(field.width().min(rest.len()));
            rest = others;
            (field, own)
        })
    }

    /// How many values it takes.
    pub fn width(&self) -> usize {
        self.fields.iter().map(Field::width).sum()
    }

    /// A value for every field, from what was given and the defaults.
    pub fn complete(&self, given: &[i64]) -> Vec<i64> {
        self.parts(given).flat_map(|(field, own)| field.complete(own)).collect()
    }
}

/// A command the reader gave, with what was filled in. An input on the tape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CommandCall {
    /// Index in the system's list of commands.
    pub command: u8,
    /// The filled-in values, in the order of the fields. A text takes [`text::VALUES`] of them.
    pub values: Vec<i64>,
}

impl CommandCall {
    /// The `index`-th value; 0 where the reader gave none.
    pub fn value(&self, index: usize) -> i64 {
        self.values.get(index).copied().unwrap_or(0)
    }

    /// The text whose first value is the `index`-th.
    pub fn text(&self, index: usize) -> String {
        text::unpack(self.values.get(index..).unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: Command = Command {
        id: "route",
        title: "Publish",
        about: "",
        fields: &[
            field("exchange", Control::Choice(&["topic", "direct"]), 1),
            text_field("key", &["a.b"]),
            field("vip", Control::Toggle, 0),
        ],
    };

    #[test]
    fn what_is_missing_is_filled_in_and_what_is_out_of_bounds_comes_back() {
        let call = |values: &[i64]| CommandCall { command: 0, values: ROUTE.complete(values) };
        let plain = call(&[]);
        assert_eq!((plain.value(0), plain.text(1).as_str(), plain.value(1 + text::VALUES)), (1, "a.b", 0));
        let typed = text::pack("orders.#").unwrap_or_default();
        let given = call(&[&[9][..], &typed, &[-3]].concat());
        assert_eq!((given.value(0), given.text(1).as_str(), given.value(1 + text::VALUES)), (1, "orders.#", 0));
        assert_eq!(call(&[0, i64::MIN, -1]).values.len(), ROUTE.width());
    }
}
