//! Client commands: what a reader may ask a system, with fields that carry the same kind of values as settings.

use serde::{Deserialize, Serialize};

use super::settings::Control;
use super::text;

/// A command of a system: its index in the system's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u8);

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

/// How a field is entered, and what it holds at first.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// A number, turned like a setting.
    Value(Control, i64),
    /// Text of up to [`text::MOST`] characters; it takes [`text::VALUES`] values. These texts are suggested; the first
    /// is the default.
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

    /// What was filled in, made valid for the field; the default where nothing was.
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
    /// Its fields, each with its own share of the values; no values where too few were given.
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
    /// Which of the system's commands.
    pub command: CommandId,
    /// The filled-in values, in the order of the fields. A text takes [`text::VALUES`] of them.
    pub values: Vec<i64>,
}

impl CommandCall {
    /// A call with these values.
    pub fn new(command: CommandId, values: &[i64]) -> CommandCall {
        CommandCall { command, values: values.to_vec() }
    }

    /// The `index`-th value; 0 where the reader gave none.
    pub fn value(&self, index: usize) -> i64 {
        self.values.get(index).copied().unwrap_or(0)
    }

    /// The text whose first value is the `index`-th.
    pub fn text(&self, index: usize) -> String {
        text::unpack(self.values.get(index..).unwrap_or_default())
    }
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
        let call = |values: &[i64]| CommandCall { command: CommandId(0), values: ROUTE.complete(values) };
        let plain = call(&[]);
        assert_eq!((plain.value(0), plain.text(1).as_str(), plain.value(1 + text::VALUES)), (1, "a.b", 0));
        let typed = text::pack("orders.#").unwrap_or_default();
        let given = call(&[&[9][..], &typed, &[-3]].concat());
        assert_eq!((given.value(0), given.text(1).as_str(), given.value(1 + text::VALUES)), (1, "orders.#", 0));
        assert_eq!(call(&[0, i64::MIN, -1]).values.len(), ROUTE.width());
    }
}
