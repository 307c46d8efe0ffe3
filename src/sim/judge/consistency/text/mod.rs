//! Histories as text: which form a file has, what its operations are, and whether some order fits them.
//!
//! A file that is in no known form, contradicts itself or holds no operation is refused with the number of the line: no
//! verdict is given on what was not understood.

mod edn;
mod event;
mod forms;
mod known;
mod pairs;
mod store;

use clojure_reader::edn::Edn;

use super::order::{Call, Linearizer, Spec};
use super::register::RegisterOp;
use known::{Known, Values};
use pairs::{End, Function, History, Operation};
use store::{Answer, Digest, StoreOp, Text};

/// The most states that a search visits, unless told otherwise.
pub const STATES: u64 = 20_000_000;
/// The most steps for each of these states: some histories are slow without visiting many.
const STEPS_PER_STATE: u64 = 100;

/// How a history was judged: key by key, where it has keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Operations in it.
    pub operations: usize,
    /// For each key whose operations fit no order, one that fits nowhere.
    pub unfit: Vec<Unfit>,
    /// The keys whose searches were given up, in words.
    pub undecided: Vec<String>,
    /// States that the searches visited.
    pub states: u64,
    /// Steps that they took.
    pub steps: u64,
}

/// An operation that fits nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its key; `None` where the history has one register and no keys.
    pub key: Option<String>,
    /// The line that says its answer.
    pub line: usize,
    /// The operation: `process 1's :read 3`.
    pub operation: String,
    /// What is wrong with it: `fits nowhere`.
    pub why: &'static str,
}

impl Report {
    /// Whether every key's operations fit into an order. `None` when a search was given up before it was known.
    pub fn verdict(&self) -> Option<bool> {
        match (self.unfit.is_empty(), self.undecided.is_empty()) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }

    /// Whether every key's operations are known to fit into an order.
    pub fn is_linearizable(&self) -> bool {
        self.verdict() == Some(true)
    }
}

/// Reads and judges a history. The error says which line cannot be read, and why.
pub fn check_text(text: &str) -> Result<Report, String> {
    check_text_within(text, STATES)
}

/// Reads and judges a history, and visits at most this many states.
pub fn check_text_within(text: &str, states: u64) -> Result<Report, String> {
    let history = History::read(forms::events(text)?)?;
    let operations = history.keys.iter().map(|(_, operations)| operations.len()).sum();
    let report = Report { operations, unfit: Vec::new(), undecided: Vec::new(), states: 0, steps: 0 };
    let mut judge = Judge { states, report };
    // Small searches first: one that is given up leaves nothing for those after it.
    let mut keys: Vec<_> = history.keys.iter().collect();
    keys.sort_by_key(|(_, operations)| operations.len());
    for (key, operations) in keys {
        if history.is_store {
            judge.store(key.as_ref(), operations)?;
        } else {
            judge.register(key.as_ref(), operations)?;
        }
    }
    judge.report.unfit.sort_by_key(|unfit| unfit.line);
    Ok(judge.report)
}

/// Judges key after key, within a number of states.
struct Judge {
    states: u64,
    report: Report,
}

impl Judge {
    fn register(&mut self, key: Option<&Edn>, operations: &[Operation]) -> Result<(), String> {
        let mut values = Values::default();
        let mut calls = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Some(op) = values.register_op(operation)? {
                calls.push((at, operation.call(op)));
            }
        }
        let (places, calls): (Vec<usize>, Vec<Call<RegisterOp>>) = calls.into_iter().unzip();
        // No search is needed to find what nobody ever wrote, and it might take for ever.
        match known::never_written(&calls) {
            Some(at) => self.unfit(key, &operations[places[at]], "fits nowhere: nobody ever writes that value"),
            None => self.search(key, operations, &places, &Known, &calls),
        }
        Ok(())
    }

    fn store(&mut self, key: Option<&Edn>, operations: &[Operation]) -> Result<(), String> {
        let mut calls = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Some(op) = store_op(operation)? {
                calls.push((at, operation.call(op)));
            }
        }
        let (places, calls): (Vec<usize>, Vec<Call<StoreOp>>) = calls.into_iter().unzip();
        self.search(key, operations, &places, &Text, &calls);
        Ok(())
    }

    fn search<S: Spec>(
        &mut self,
        key: Option<&Edn>,
        operations: &[Operation],
        places: &[usize],
        spec: &S,
        calls: &[Call<S::Op>],
    ) {
        let states = self.states - self.report.states;
        let steps = self.states.saturating_mul(STEPS_PER_STATE).saturating_sub(self.report.steps);
        let mut search = Linearizer::new(spec, calls);
        let verdict = loop {
            let left = (states - search.states()).min(steps.saturating_sub(search.steps()));
            if left == 0 {
                break None;
            }
            if let Some(verdict) = search.advance(left) {
                break Some(verdict);
            }
        };
        self.report.states += search.states();
        self.report.steps += search.steps();
        match verdict {
            Some(Ok(_)) => {}
            Some(Err(misfit)) => self.unfit(key, &operations[places[misfit.first]], "fits nowhere"),
            None => {
                self.report.undecided.push(key.map_or("the register".to_owned(), |key| format!("key {key}")));
            }
        }
    }

    fn unfit(&mut self, key: Option<&Edn>, operation: &Operation, why: &'static str) {
        let (line, value) = match &operation.end {
            End::Ok { line, value } => (*line, value),
            End::Open | End::Failed { .. } => (operation.line, &operation.value),
        };
        let operation = format!("process {}'s {} {value}", operation.process, operation.function.name());
        self.report.unfit.push(Unfit { key: key.map(Edn::to_string), line, operation, why });
    }
}

/// `None` for what certainly did not happen, or says nothing: what failed, and a get without an answer.
fn store_op(operation: &Operation) -> Result<Option<StoreOp>, String> {
    if matches!(operation.end, End::Failed { .. }) {
        return Ok(None);
    }
    Ok(match (operation.function, &operation.end) {
        (Function::Get, End::Ok { line, value }) => Some(StoreOp::Get(Some(Answer::of(store_text(value, *line)?)))),
        (Function::Get, _) => None,
        (Function::Put, _) => Some(StoreOp::Put(Digest::of(store_text(&operation.value, operation.line)?))),
        _ => Some(StoreOp::Append(Digest::of(store_text(&operation.value, operation.line)?))),
    })
}

/// A fresh key is got as nil, and is the empty text.
fn store_text<'a>(value: &'a Edn, line: usize) -> Result<&'a str, String> {
    match value {
        Edn::Str(text) => Ok(text),
        Edn::Nil => Ok(""),
        other => Err(format!("Line {line}: a store's values are texts in quotes here, not {other}.")),
    }
}
