//! Which form a history has, and the forms that are lines of words: plain ones, as in Jepsen's history.txt, and those that
//! jepsen.util writes to a log.

use std::borrow::Cow;

use clojure_reader::edn::{self, Edn};

use super::edn::Maps;
use super::event::{Event, Events, Kind};

/// What the lines of a log that count are written by.
const LOGGER: &str = "jepsen.util";

/// The events of a text, by its form.
pub fn events(text: &str) -> Result<Events<'_>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((at, first)) = lines(text).next() else { return Err("The file holds no operation: it is empty.".into()) };
    if first.starts_with(['{', '[', '(', '#']) {
        return Ok(Box::new(Maps::new(text)));
    }
    if Words::of(first).is_some() {
        return Ok(Box::new(lines(text).filter_map(|(at, line)| said(at, line))));
    }
    if text.contains(LOGGER) {
        return Ok(Box::new(lines(text).filter_map(|(at, line)| said(at, logged(line)?))));
    }
    Err(format!("Line {at} is in no form that is read here: {}.", shortened(first)))
}

/// The lines with their numbers, without those that are blank or comments.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with(';'))
}

/// What a line of a log says, if it counts.
fn logged(line: &str) -> Option<&str> {
    let rest = line.split_once(LOGGER)?.1;
    let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start();
    Some(rest.strip_prefix("- ").unwrap_or(rest).trim_start())
}

/// The beginning of a line, for a message.
fn shortened(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(60) {
        Some((end, _)) => Cow::Owned(format!("{} ...", &line[..end])),
        None => Cow::Borrowed(line),
    }
}

/// The words of a line, as yet unread.
struct Words<'a> {
    process: &'a str,
    kind: Kind,
    f: &'a str,
    value: &'a str,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Option<Words<'a>> {
        let next = |text: &'a str| {
            let text = text.trim_start();
            text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
        };
        let (process, rest) = next(line);
        let (kind, rest) = next(rest);
        let (f, value) = next(rest);
        let (kind, f) = (Kind::of(kind.strip_prefix(':')?)?, f.strip_prefix(':')?);
        Some(Words { process, kind, f, value: value.trim() })
    }
}

/// What a line says. `None` for one of the nemesis, which breaks the system and asks it nothing.
fn said(line: usize, text: &str) -> Option<Result<Event<'_>, String>> {
    if text.starts_with(":nemesis") || text.starts_with("nemesis") {
        return None;
    }
    let wrong = || {
        let text = shortened(text);
        format!("Line {line} is not 'PROCESS :TYPE :FUNCTION VALUE', such as '0 :invoke :write 3': {text}.")
    };
    Some(read(line, text).ok_or_else(wrong))
}

fn read(line: usize, text: &str) -> Option<Event<'_>> {
    let words = Words::of(text)?;
    let (value, more) = if words.value.is_empty() { (Edn::Nil, "") } else { edn::read(words.value).ok()? };
    Some(Event {
        line,
        process: words.process.parse().ok()?,
        kind: words.kind,
        f: Cow::Borrowed(words.f),
        key: None,
        value,
        has_error: !more.trim().is_empty(),
    })
}
