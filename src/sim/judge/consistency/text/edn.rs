//! Histories in EDN: maps one after another, or in one vector. Fields that say nothing about the operation are passed
//! over: `:index`, `:time`, `:node` and whatever else there is.

use std::borrow::Cow;

use clojure_reader::edn::{self, Edn};
use clojure_reader::error::{Code, Error};

use super::event::{Event, Kind};

/// Reads map after map.
pub struct Maps<'a> {
    rest: &'a str,
    line: usize,
    /// The bracket that ends the list which holds the maps, and the line on which that begins.
    list: Option<(char, usize)>,
    is_done: bool,
}

impl<'a> Maps<'a> {
    pub fn new(text: &'a str) -> Maps<'a> {
        let mut maps = Maps { rest: text, line: 1, list: None, is_done: false };
        maps.pass_blanks();
        maps.list = match maps.rest.chars().next() {
            Some('[') => Some((']', maps.line)),
            Some('(') => Some((')', maps.line)),
            _ => None,
        };
        maps.rest = &maps.rest[usize::from(maps.list.is_some())..];
        maps
    }

    /// Goes on by some bytes.
    fn pass(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }

    /// Passes blanks, commas, which are blanks in EDN, and comments.
    fn pass_blanks(&mut self) {
        loop {
            let text = self.rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
            self.pass(self.rest.len() - text.len());
            if !self.rest.starts_with(';') {
                return;
            }
            self.pass(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    /// The next value and its line; `None` at the end.
    fn value(&mut self) -> Result<Option<(usize, Edn<'a>)>, String> {
        self.pass_blanks();
        match self.list {
            Some((end, _)) if self.rest.starts_with(end) => {
                self.pass(end.len_utf8());
                self.list = None;
                self.pass_blanks();
                return if self.rest.is_empty() {
                    Ok(None)
                } else {
                    Err(format!("Line {}: the list has ended, and there is more.", self.line))
                };
            }
            Some((_, line)) if self.rest.is_empty() => {
                return Err(format!("The list that begins on line {line} has no end."));
            }
            _ if self.rest.is_empty() => return Ok(None),
            _ => {}
        }
        let line = self.line;
        let (value, rest) = edn::read(self.rest).map_err(|error| unread(line, &error))?;
        self.pass(self.rest.len() - rest.len());
        Ok(Some((line, value)))
    }
}

impl<'a> Iterator for Maps<'a> {
    type Item = Result<Event<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_done {
            let event = self.value().and_then(|found| match found {
                Some((line, value)) => event(line, value).map(|event| (false, event)),
                None => Ok((true, None)),
            });
            self.is_done = !matches!(event, Ok((false, _)));
            match event {
                Ok((_, Some(event))) => return Some(Ok(event)),
                Ok((_, None)) => {}
                Err(why) => return Some(Err(why)),
            }
        }
        None
    }
}

/// Why a value cannot be read; the error counts lines from its beginning.
fn unread(line: usize, error: &Error) -> String {
    let line = line + error.line.unwrap_or(1) - 1;
    match error.code {
        Code::UnexpectedEOF => format!("Line {line}: the file ends within a map."),
        Code::UnmatchedDelimiter(letter) => format!("Line {line}: '{letter}' has no match."),
        ref other => format!("Line {line} is not EDN ({other:?})."),
    }
}

/// The event that a map is. `None` for one of the nemesis, which breaks the system and asks it nothing.
fn event(line: usize, value: Edn<'_>) -> Result<Option<Event<'_>>, String> {
    let mut value = untagged(value);
    let Edn::Map(fields) = &mut value else {
        return Err(format!("Line {line} is no map such as {{:process 0, :type :invoke, :f :write, :value 3}}."));
    };
    let mut field = |name: &'static str| fields.remove(&Edn::key(name));
    let process = match field("process") {
        Some(Edn::Key(_)) => return Ok(None),
        Some(Edn::Int(process)) => u32::try_from(process).ok(),
        _ => None,
    };
    let process = process.ok_or_else(|| format!("Line {line} has no :process with a number."))?;
    let kind = word(field("type")).and_then(|word| Kind::of(&word));
    let kind = kind.ok_or_else(|| format!("Line {line} has no :type that is :invoke, :ok, :fail or :info."))?;
    let f = word(field("f")).ok_or_else(|| format!("Line {line} has no :f that names a function, such as :read."))?;
    let (key, value) = (field("key"), untagged(field("value").unwrap_or(Edn::Nil)));
    let has_error = field("error").is_some_and(|error| error != Edn::Nil);
    Ok(Some(Event { line, process, kind, f, key, value, has_error }))
}

/// A keyword's name.
fn word(value: Option<Edn<'_>>) -> Option<Cow<'_, str>> {
    match &value {
        Some(Edn::Key(name)) => Some(name.clone()),
        _ => None,
    }
}

/// A value without the tag that says which of Clojure's types it had.
fn untagged(mut value: Edn<'_>) -> Edn<'_> {
    while let Edn::Tagged(_, inner) = &mut value {
        let inner = std::mem::replace(inner.as_mut(), Edn::Nil);
        value = inner;
    }
    value
}
