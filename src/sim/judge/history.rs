//! What clients asked and the answers they got, in order: what consistency checks work on.

use crate::sim::NodeId;
use crate::sim::journal::Journal;
use crate::sim::kernel::time::Time;

/// An operation of a client: its number in the history, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u32);

/// What a client asked for, on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Read the key.
    Read,
    /// Write this value.
    Write(i64),
    /// Any other work, numbered by the system: a task, a transfer, a request.
    Work(i64),
}

/// What answer it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Done.
    Ok,
    /// The value read; nothing there is `None`.
    Value(Option<i64>),
    /// Refused or failed; it certainly did not happen.
    Failed,
    /// No answer in time; it may or may not have happened.
    Unknown,
}

/// One line of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// A client asks.
    Invoke { op: OpId, client: NodeId, key: u32, ask: Ask, at: Time, step: u64 },
    /// A client is answered.
    Return { op: OpId, answer: Answer, at: Time, step: u64 },
}

/// An operation as a whole, for lanes and checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub op: OpId,
    pub client: NodeId,
    pub key: u32,
    pub ask: Ask,
    pub asked: (Time, u64),
    /// Time and step of the answer, and the answer; `None` while it is open.
    pub answered: Option<(Time, u64, Answer)>,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.ask {
            Ask::Read => out.write_str("read")?,
            Ask::Write(value) => write!(out, "write {value}")?,
            Ask::Work(value) => write!(out, "#{value}")?,
        }
        match self.answered.map(|answered| answered.2) {
            None => out.write_str(" …"),
            Some(Answer::Ok) => Ok(()),
            Some(Answer::Value(Some(value))) => write!(out, ": {value}"),
            Some(Answer::Value(None)) => out.write_str(": nothing"),
            Some(Answer::Failed) => out.write_str(": failed"),
            Some(Answer::Unknown) => out.write_str(": no answer"),
        }
    }
}

/// The history of a run. Clones share the older part.
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: Journal<Line>,
    ops: u32,
    reads_answered: usize,
}

/// How many lines are kept: beyond that the oldest are forgotten.
const KEPT: usize = 200_000;

impl History {
    pub(in crate::sim) fn invoke(&mut self, client: NodeId, key: u32, ask: Ask, at: Time, step: u64) -> OpId {
        let op = OpId(self.ops);
        self.ops += 1;
        self.lines.push_within(Line::Invoke { op, client, key, ask, at, step }, KEPT);
        op
    }

    pub(in crate::sim) fn answer(&mut self, op: OpId, answer: Answer, at: Time, step: u64) {
        self.reads_answered += usize::from(matches!(answer, Answer::Value(_)));
        self.lines.push_within(Line::Return { op, answer, at, step }, KEPT);
    }

    /// Whether the last thing that happened was an answer, at this step.
    pub fn has_answer_of(&self, now: u64) -> bool {
        matches!(self.lines.last(), Some(Line::Return { step, .. }) if *step == now)
    }

    /// How many reads were answered with a value.
    pub fn reads_answered(&self) -> usize {
        self.reads_answered
    }

    /// The lines that are kept, in order.
    pub fn lines(&self) -> &Journal<Line> {
        &self.lines
    }

    /// The operations invoked among the last `most` lines, in the order they were invoked.
    pub fn operations(&self, most: usize) -> Vec<Operation> {
        let mut found: Vec<Operation> = Vec::new();
        for line in self.lines.from(self.lines.len().saturating_sub(most)) {
            match *line {
                Line::Invoke { op, client, key, ask, at, step } => {
                    found.push(Operation { op, client, key, ask, asked: (at, step), answered: None });
                }
                Line::Return { op, answer, at, step } => {
                    if let Ok(index) = found.binary_search_by_key(&op, |known| known.op) {
                        found[index].answered = Some((at, step, answer));
                    }
                }
            }
        }
        found
    }
}
