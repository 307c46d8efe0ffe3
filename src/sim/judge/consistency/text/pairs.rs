//! Which answer belongs to which question, and what cannot be true of a history.

use std::collections::BTreeMap;

use clojure_reader::edn::Edn;

use super::super::order::Call;
use super::event::{Event, Kind};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Read,
    Write,
    Cas,
    Get,
    Put,
    Append,
}

impl Function {
    const ALL: [Function; 6] =
        [Function::Read, Function::Write, Function::Cas, Function::Get, Function::Put, Function::Append];

    pub fn name(self) -> &'static str {
        match self {
            Function::Read => ":read",
            Function::Write => ":write",
            Function::Cas => ":cas",
            Function::Get => ":get",
            Function::Put => ":put",
            Function::Append => ":append",
        }
    }

    fn of(word: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|function| &function.name()[1..] == word)
    }

    fn is_of_store(self) -> bool {
        matches!(self, Function::Get | Function::Put | Function::Append)
    }

    fn is_question(self) -> bool {
        matches!(self, Function::Read | Function::Get)
    }

    pub fn takes(self) -> &'static str {
        if self == Function::Cas { "two values, such as [3 4]" } else { "one value" }
    }
}

/// How an operation ended.
pub enum End<'a> {
    /// Nobody knows: it may have happened, or may happen yet.
    Open,
    /// It was done; what was answered.
    Ok { line: usize, value: Edn<'a> },
    /// It was not done. With an error, something else than the object's answer may have been the reason.
    Failed { has_error: bool },
}

/// An operation, from its question to its answer.
pub struct Operation<'a> {
    pub process: u32,
    pub function: Function,
    /// What was asked.
    pub value: Edn<'a>,
    /// The line on which it was.
    pub line: usize,
    /// How many events came before.
    asked: u64,
    pub end: End<'a>,
    ended: Option<u64>,
}

impl Operation<'_> {
    /// As the search sees it.
    pub fn call<Op>(&self, op: Op) -> Call<Op> {
        Call { client: self.process, op, called: self.asked, returned: self.ended }
    }
}

/// The operations of a text, key by key, in the order in which the keys came up.
pub struct History<'a> {
    pub is_store: bool,
    pub keys: Vec<(Option<Edn<'a>>, Vec<Operation<'a>>)>,
}

impl<'a> History<'a> {
    /// Pairs questions and answers. The error says which line contradicts which.
    pub fn read(events: impl Iterator<Item = Result<Event<'a>, String>>) -> Result<History<'a>, String> {
        let mut reader = Reader::default();
        for event in events {
            reader.take(event?)?;
        }
        let Some(first) = reader.first else { return Err("The file holds no operation.".to_owned()) };
        Ok(History { is_store: first.is_store, keys: reader.keys })
    }
}

/// What the first operation shows of all.
#[derive(Clone, Copy)]
struct First {
    line: usize,
    is_store: bool,
    has_key: bool,
}

#[derive(Default)]
struct Reader<'a> {
    first: Option<First>,
    /// Where a key's operations are in the list.
    places: BTreeMap<Option<Edn<'a>>, usize>,
    keys: Vec<(Option<Edn<'a>>, Vec<Operation<'a>>)>,
    /// The operation that each process waits for: the place of its key, and its own there.
    open: BTreeMap<u32, (usize, usize)>,
    events: u64,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>) -> Result<(), String> {
        let line = event.line;
        let function = Function::of(&event.f).ok_or_else(|| {
            let known = Function::ALL.map(Function::name).join(", ");
            format!("Line {line}: functions read here are {known}, not :{}.", event.f)
        })?;
        self.events += 1;
        match (event.kind, self.open.remove(&event.process)) {
            (Kind::Invoke, None) => self.ask(function, event),
            (Kind::Invoke, Some((key, at))) => Err(format!(
                "Line {line}: process {} asks for something else before what it asked on line {} has ended.",
                event.process, self.keys[key].1[at].line
            )),
            (_, Some((key, at))) => answer(&mut self.keys[key], at, function, event, self.events),
            (kind, None) => {
                Err(format!("Line {line}: process {} has asked nothing that this {} ends.", event.process, kind.name()))
            }
        }
    }

    fn ask(&mut self, function: Function, event: Event<'a>) -> Result<(), String> {
        let (key, value) = split(function, event.key, event.value);
        let (line, process) = (event.line, event.process);
        let this = First { line, is_store: function.is_of_store(), has_key: key.is_some() };
        let first = *self.first.get_or_insert(this);
        if first.is_store != this.is_store {
            let (now, then) = (function.name(), if first.is_store { "a store" } else { "a register" });
            return Err(format!("Line {line}: {now} is not asked of {then}, which line {} has.", first.line));
        }
        if first.has_key != this.has_key {
            let (now, then) = if this.has_key { ("a", "none") } else { ("no", "one") };
            return Err(format!("Line {line} names {now} key, and line {} {then}.", first.line));
        }
        let place = *self.places.entry(key).or_insert_with_key(|key| {
            self.keys.push((key.clone(), Vec::new()));
            self.keys.len() - 1
        });
        let operations = &mut self.keys[place].1;
        self.open.insert(process, (place, operations.len()));
        let (asked, end, ended) = (self.events, End::Open, None);
        operations.push(Operation { process, function, value, line, asked, end, ended });
        Ok(())
    }
}

/// The key and the value. Independent registers have them as one value: `[key value]`.
fn split<'a>(function: Function, key: Option<Edn<'a>>, mut value: Edn<'a>) -> (Option<Edn<'a>>, Edn<'a>) {
    if key.is_none()
        && let Edn::Vector(pair) = &mut value
        && pair.len() == 2
        && (function != Function::Cas || matches!(pair[1], Edn::Vector(_)))
    {
        let value = pair.pop().unwrap_or(Edn::Nil);
        return (pair.pop(), value);
    }
    (key, value)
}

fn answer<'a>(
    (key, operations): &mut (Option<Edn<'a>>, Vec<Operation<'a>>),
    at: usize,
    function: Function,
    event: Event<'a>,
    now: u64,
) -> Result<(), String> {
    let operation = &mut operations[at];
    let (answered_key, value) = split(function, event.key, event.value);
    // What failed may have its reason where its value was.
    let is_reason = event.kind != Kind::Ok && matches!(value, Edn::Key(_));
    let says_less = value == Edn::Nil && event.kind == Kind::Ok && !function.is_question();
    let is_silent = answered_key.is_none() && (is_reason || says_less || event.kind != Kind::Ok && value == Edn::Nil);
    let is_same_key = is_silent || answered_key == *key;
    let is_same_value = is_silent || is_reason || says_less || function.is_question() || value == operation.value;
    if function != operation.function || !is_same_key || !is_same_value {
        return Err(format!(
            "Line {}: this {} is of {}, but process {} asked for {} on line {}.",
            event.line,
            event.kind.name(),
            words(function, answered_key.as_ref(), &value),
            event.process,
            words(operation.function, key.as_ref(), &operation.value),
            operation.line
        ));
    }
    match event.kind {
        Kind::Ok => operation.end = End::Ok { line: event.line, value },
        Kind::Fail => operation.end = End::Failed { has_error: event.has_error || is_reason },
        // It stays open: it may have happened, or may happen at any later time.
        Kind::Info | Kind::Invoke => return Ok(()),
    }
    operation.ended = Some(now);
    Ok(())
}

fn words(function: Function, key: Option<&Edn>, value: &Edn) -> String {
    let key = key.map_or(String::new(), |key| format!(" on key {key}"));
    format!("{} {value}{key}", function.name())
}
