//! A register whose history is known from its start: values as numbers, and what can be told without a search.

use std::collections::{BTreeMap, BTreeSet};

use clojure_reader::edn::Edn;

use super::super::order::{Call, Spec};
use super::super::register::{Register, RegisterOp};
use super::pairs::{End, Function, Operation};

/// Numbers for the values of a register, whatever they are: equal values have equal numbers.
#[derive(Default)]
pub struct Values<'a>(BTreeMap<&'a Edn<'a>, i64>);

impl<'a> Values<'a> {
    fn number(&mut self, value: &'a Edn<'a>) -> i64 {
        let next = self.0.len() as i64;
        *self.0.entry(value).or_insert(next)
    }

    fn written(&mut self, operation: &'a Operation<'a>, value: &'a Edn<'a>) -> Result<i64, String> {
        if is_plain(value) && *value != Edn::Nil {
            return Ok(self.number(value));
        }
        Err(wrong_value(operation))
    }

    /// `None` for what certainly did not happen, or says nothing: a failed write, a read without an answer.
    pub fn register_op(&mut self, operation: &'a Operation<'a>) -> Result<Option<RegisterOp>, String> {
        let is_done = !matches!(operation.end, End::Failed { .. });
        match (operation.function, &operation.end, &operation.value) {
            (Function::Write, _, value) => {
                let value = self.written(operation, value)?;
                Ok(is_done.then_some(RegisterOp::Write(value)))
            }
            (Function::Cas, end, Edn::Vector(pair)) if pair.len() == 2 => {
                let (from, to) = (self.written(operation, &pair[0])?, self.written(operation, &pair[1])?);
                let done = match end {
                    End::Open => None,
                    End::Ok { .. } => Some(true),
                    // It says what went wrong, so it need not have been the value that was found.
                    End::Failed { has_error: true } => return Ok(None),
                    End::Failed { has_error: false } => Some(false),
                };
                Ok(Some(RegisterOp::CompareAndSet { from, to, done }))
            }
            (Function::Cas, ..) => Err(wrong_value(operation)),
            (_, End::Ok { line, value }, _) => match value {
                Edn::Nil => Ok(Some(RegisterOp::Read(Ok(None)))),
                value if is_plain(value) => Ok(Some(RegisterOp::Read(Ok(Some(self.number(value)))))),
                other => Err(format!("Line {line}: a register holds one value, not {other}.")),
            },
            _ => Ok(None),
        }
    }
}

fn wrong_value(operation: &Operation) -> String {
    let (line, function) = (operation.line, operation.function);
    format!("Line {line}: {} takes {}, not {}.", function.name(), function.takes(), operation.value)
}

/// Whether a value is one thing: a number, a text, a keyword.
fn is_plain(value: &Edn) -> bool {
    !matches!(value, Edn::Vector(_) | Edn::List(_) | Edn::Set(_) | Edn::Map(_) | Edn::Tagged(..))
}

/// What an answer says that the register held before.
fn held_before(op: &RegisterOp) -> Option<Option<i64>> {
    match op {
        RegisterOp::Read(Ok(value)) => Some(*value),
        RegisterOp::CompareAndSet { from, done: Some(true), .. } => Some(Some(*from)),
        _ => None,
    }
}

/// What an operation may write.
fn may_write(op: &RegisterOp) -> Option<i64> {
    match op {
        RegisterOp::Write(value) | RegisterOp::CompareAndSet { to: value, done: None | Some(true), .. } => Some(*value),
        _ => None,
    }
}

/// The first operation whose answer tells of a value that nobody ever writes.
pub fn never_written(calls: &[Call<RegisterOp>]) -> Option<usize> {
    let written: BTreeSet<i64> = calls.iter().filter_map(|call| may_write(&call.op)).collect();
    calls.iter().position(|call| held_before(&call.op).flatten().is_some_and(|value| !written.contains(&value)))
}

/// A register of which the search looks ahead to the next answer that tells what it held: some operation under way must
/// be able to write that, or it must be there.
pub struct Known;

/// A register starts with nothing in it.
const EMPTY: Register = Register { start: Some(None) };

impl Spec for Known {
    type State = <Register as Spec>::State;
    type Op = RegisterOp;

    fn start(&self) -> Self::State {
        EMPTY.start()
    }

    fn apply(&self, state: &Self::State, op: &RegisterOp) -> Option<Self::State> {
        EMPTY.apply(state, op)
    }

    fn only_looks(&self, op: &RegisterOp) -> bool {
        EMPTY.only_looks(op)
    }

    fn is_telling(&self, op: &RegisterOp) -> bool {
        held_before(op).is_some()
    }

    fn could_give(&self, state: &Self::State, telling: &RegisterOp, open: &[&RegisterOp]) -> bool {
        let wanted = held_before(telling);
        let is_written = |value: i64| open.iter().any(|op| may_write(op) == Some(value));
        wanted.is_none() || *state == wanted || wanted.flatten().is_some_and(is_written)
    }
}
