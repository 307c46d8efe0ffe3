//! One line of a history: a process asks for something, or gets an answer.

use std::borrow::Cow;

use clojure_reader::edn::Edn;

/// What a line says of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is asked for.
    Invoke,
    /// It was done.
    Ok,
    /// It was not done.
    Fail,
    /// Nobody knows whether it was done.
    Info,
}

impl Kind {
    pub fn of(word: &str) -> Option<Kind> {
        Some(match word {
            "invoke" => Kind::Invoke,
            "ok" => Kind::Ok,
            "fail" => Kind::Fail,
            "info" => Kind::Info,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => ":invoke",
            Kind::Ok => ":ok",
            Kind::Fail => ":fail",
            Kind::Info => ":info",
        }
    }
}

/// A line, whatever the form.
pub struct Event<'a> {
    /// Its number, from 1.
    pub line: usize,
    pub process: u32,
    pub kind: Kind,
    /// What is done: `read`.
    pub f: Cow<'a, str>,
    /// The key, where the form has a place of its own for it.
    pub key: Option<Edn<'a>>,
    pub value: Edn<'a>,
    /// Whether it says what went wrong.
    pub has_error: bool,
}

/// The events of a text; an error ends them.
pub type Events<'a> = Box<dyn Iterator<Item = Result<Event<'a>, String>> + 'a>;
