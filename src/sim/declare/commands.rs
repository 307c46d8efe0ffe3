//! Client commands: what a reader may ask a system, with fields that carry the same kind of values as settings, and a
//! call of one as an English imperative.

use serde::{Deserialize, Serialize};

use super::settings::Control;
use super::text;
use crate::sim::numbers::counted;

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
    /// What a call says, as an imperative: "Write x = {1}| as {0}". `{1}` is the value of the second field and
    /// `{0 record}` so many of a thing; what stands in brackets is left out where its field says nothing, and what
    /// follows the bar where it is known whose it is.
    pub says: &'static str,
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

/// What was filled in, for a sentence.
enum Value {
    Number(i64),
    Words(String),
    Text(String),
    Switch(bool),
}

impl Value {
    fn says_something(&self) -> bool {
        match self {
            Value::Number(_) => true,
            Value::Words(words) => !["nobody", "nothing", "(none)"].contains(&words.as_str()),
            Value::Text(text) => !text.is_empty(),
            Value::Switch(on) => *on,
        }
    }

    /// The value; with a noun, so many of it.
    fn shown(&self, noun: &str) -> String {
        match self {
            Value::Number(number) if noun.is_empty() => number.to_string(),
            Value::Number(number) => counted(number.unsigned_abs(), noun),
            Value::Words(words) => words.clone(),
            Value::Text(text) => format!("'{text}'"),
            Value::Switch(_) => String::new(),
        }
    }
}

/// Which field the first braces of a pattern name.
fn named(pattern: &str) -> Option<usize> {
    pattern.split_once('{')?.1.get(..1)?.parse().ok()
}

/// A pattern without brackets, with the values in place of the braces.
fn replaced(pattern: &str, given: &[Value]) -> String {
    let mut parts = pattern.split('{');
    let mut words = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (field, rest) = part.split_once('}').unwrap_or((part, ""));
        let (at, noun) = field.split_once(' ').unwrap_or((field, ""));
        let value = at.parse().ok().and_then(|at: usize| given.get(at));
        words += &value.map_or_else(|| "?".to_owned(), |value| value.shown(noun));
        words += rest;
    }
    words
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

    /// What was filled in, as a sentence has it.
    fn value(&self, own: &[i64]) -> Value {
        match self.entry {
            Entry::Value(Control::Choice(options), _) => {
                Value::Words(usize::try_from(own[0]).ok().and_then(|at| options.get(at)).unwrap_or(&"?").to_string())
            }
            Entry::Value(Control::Toggle, _) => Value::Switch(own[0] != 0),
            Entry::Value(..) => Value::Number(own[0]),
            Entry::Text(_) => Value::Text(text::unpack(own)),
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
    /// A call with these values as an imperative: "Write x = 7 as Ann".
    pub fn told(&self, values: &[i64]) -> String {
        self.filled(&self.says.replace('|', ""), values)
    }

    /// The same for who is asked: "write x = 7".
    pub fn asked(&self, values: &[i64]) -> String {
        let told = self.filled(self.says.split('|').next().unwrap_or_default(), values);
        let mut letters = told.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
    }

    /// A pattern with these values.
    fn filled(&self, pattern: &str, values: &[i64]) -> String {
        let given: Vec<Value> =
            self.parts(values).filter(|(_, own)| !own.is_empty()).map(|(field, own)| field.value(own)).collect();
        let (mut words, mut rest) = (String::new(), pattern);
        while let Some((before, after)) = rest.split_once('[') {
            let (clause, others) = after.split_once(']').unwrap_or((after, ""));
            words += &replaced(before, &given);
            if named(clause).and_then(|at| given.get(at)).is_some_and(Value::says_something) {
                words += &replaced(clause, &given);
            }
            rest = others;
        }
        words + &replaced(rest, &given)
    }

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
    use crate::sim::declare::settings::count;

    const ROUTE: Command = Command {
        id: "route",
        title: "Publish",
        says: "Publish to {0}[ with key {1}][, vip{2}]| as Ann",
        about: "",
        fields: &[
            field("exchange", Control::Choice(&["topic", "direct"]), 1),
            text_field("key", &["a.b"]),
            field("vip", Control::Toggle, 0),
        ],
    };

    const NUMBER: &[Field] = &[field("batches", count(0, 9), 1)];

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

    #[test]
    fn a_call_is_told_as_an_imperative() {
        let plain = ROUTE.complete(&[]);
        assert_eq!(ROUTE.told(&plain), "Publish to direct with key 'a.b' as Ann");
        assert_eq!(ROUTE.asked(&plain), "publish to direct with key 'a.b'");
        let bare = [&[0][..], &text::pack("").unwrap_or_default(), &[1]].concat();
        assert_eq!(ROUTE.told(&bare), "Publish to topic, vip as Ann");
        let numbers = Command { says: "Order {0 batch} of {0}", fields: NUMBER, ..ROUTE };
        assert_eq!([1, 2].map(|n| numbers.told(&[n])), ["Order 1 batch of 1", "Order 2 batches of 2"]);
    }
}
