//! Registers: one value per key, read, written, compared and set. The history of a run, judged key by key.

use super::order::{Call, Misfit, Sequence, Spec, linearize};
use crate::sim::judge::history::{Answer, Ask, History, Operation};
use crate::sim::small;

/// An operation on a register, with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOp {
    /// A read and what it gave; `Err(())` when its answer is unknown.
    Read(Result<Option<i64>, ()>),
    /// A write.
    Write(i64),
    /// "If it is `from`, make it `to`", and whether it was; `None` when the answer is unknown.
    CompareAndSet { from: i64, to: i64, done: Option<bool> },
}

/// One register. What it holds at first may be unknown: then the first read tells.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// What it holds at first, if that is known.
    pub start: Option<Option<i64>>,
}

impl Spec for Register {
    type State = Option<Option<i64>>;
    type Op = RegisterOp;

    fn start(&self) -> Self::State {
        self.start
    }

    fn apply(&self, state: &Self::State, op: &RegisterOp) -> Option<Self::State> {
        match *op {
            RegisterOp::Read(Err(())) => Some(*state),
            RegisterOp::Read(Ok(value)) => state.is_none_or(|held| held == value).then_some(Some(value)),
            RegisterOp::Write(value) => Some(Some(Some(value))),
            RegisterOp::CompareAndSet { from, to, done } => {
                let fits = *state == Some(Some(from));
                match (fits, done) {
                    (true, Some(true) | None) => Some(Some(Some(to))),
                    (false, Some(false) | None) => Some(*state),
                    _ => None,
                }
            }
        }
    }

    fn only_looks(&self, op: &RegisterOp) -> bool {
        matches!(op, RegisterOp::Read(_) | RegisterOp::CompareAndSet { done: Some(false), .. })
    }
}

/// The verdict on the operations of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The key.
    pub key: u32,
    /// The operations, in the order they were asked.
    pub operations: Vec<Operation>,
    /// An order that fits, or what fits nowhere.
    pub verdict: Result<Sequence, Misfit>,
}

/// A read or write as the search sees it. `None` for what says nothing about the register: other work, and what
/// certainly did not happen.
fn call(operation: &Operation) -> Option<Call<RegisterOp>> {
    let answer = operation.answered.map(|answered| answered.2);
    let op = match (operation.ask, answer) {
        (_, Some(Answer::Failed)) | (Ask::Work(_), _) => return None,
        (Ask::Read, Some(Answer::Value(value))) => RegisterOp::Read(Ok(value)),
        (Ask::Read, _) => return None,
        (Ask::Write(value), _) => RegisterOp::Write(value),
    };
    let returned = operation.answered.filter(|answered| answered.2 != Answer::Unknown).map(|answered| answered.1);
    Some(Call { client: u32::from(operation.client.0), op, called: operation.asked.1, returned })
}

/// The operations of one key and how they look to the search.
type OnKey = (u32, Vec<Operation>, Vec<Call<RegisterOp>>);

/// The operations among the last `most` lines, key by key, without those that say nothing about the register. Where
/// the history is longer, an earlier write may still take effect, so a read of a value that nobody in the window wrote
/// says nothing.
pub(in crate::sim) fn by_key(history: &History, most: usize) -> Vec<OnKey> {
    let operations = history.operations(most);
    let is_whole = history.lines().len() <= most;
    let is_telling = |operation: &&Operation| match operation.answered.map(|answered| answered.2) {
        Some(Answer::Value(Some(value))) if !is_whole => {
            operations.iter().any(|other| other.key == operation.key && other.ask == Ask::Write(value))
        }
        _ => true,
    };
    let keys = small::set_of(operations.iter().map(|operation| operation.key));
    let split = |key: u32| {
        let on_key = operations.iter().filter(|operation| operation.key == key).filter(is_telling);
        let all: Vec<(Operation, Call<RegisterOp>)> =
            on_key.filter_map(|operation| Some((*operation, call(operation)?))).collect();
        // An unanswered write that no read reveals may as well not have happened.
        let is_read = |value: i64| all.iter().any(|(_, call)| call.op == RegisterOp::Read(Ok(Some(value))));
        let matters = |call: &Call<RegisterOp>| match call.op {
            RegisterOp::Write(value) => call.returned.is_some() || is_read(value),
            _ => true,
        };
        let (operations, calls) = all.iter().copied().filter(|(_, call)| matters(call)).unzip();
        (key, operations, calls)
    };
    keys.keys().copied().map(split).filter(|on_key: &OnKey| !on_key.2.is_empty()).collect()
}

/// Judges the operations among the last `most` lines of a history, key by key. What a key held before counts as
/// unknown, so no verdict rests on what is outside the window.
pub fn judge(history: &History, most: usize) -> Vec<Judged> {
    let judge = |(key, operations, calls): OnKey| {
        let verdict = linearize(&Register { start: None }, &calls);
        Judged { key, operations, verdict }
    };
    by_key(history, most).into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(client: u32, value: i64, called: u64, returned: u64) -> Call<RegisterOp> {
        Call { client, op: RegisterOp::Read(Ok(Some(value))), called, returned: Some(returned) }
    }

    fn write(client: u32, value: i64, called: u64, returned: Option<u64>) -> Call<RegisterOp> {
        Call { client, op: RegisterOp::Write(value), called, returned }
    }

    const ZERO: Register = Register { start: Some(Some(0)) };

    #[test]
    fn a_write_may_take_effect_between_two_reads() {
        let calls = [write(0, 100, 0, Some(100)), read(1, 100, 25, 75), read(2, 0, 30, 60)];
        assert_eq!(linearize(&ZERO, &calls), Ok(vec![2, 0, 1]));
    }

    #[test]
    fn a_read_that_goes_back_fits_nowhere() {
        let calls = [write(0, 200, 0, Some(100)), read(1, 200, 10, 30), read(2, 0, 40, 90)];
        let misfit = linearize(&ZERO, &calls).expect_err("it goes back");
        assert_eq!((misfit.first, misfit.longest), (2, vec![0, 1]));
    }

    #[test]
    fn an_unanswered_write_may_have_happened_or_not() {
        let open = write(0, 7, 0, None);
        assert!(linearize(&ZERO, &[open, read(1, 7, 50, 60)]).is_ok());
        assert!(linearize(&ZERO, &[open, read(1, 0, 50, 60)]).is_ok());
        assert!(linearize(&ZERO, &[open, read(1, 7, 50, 60), read(1, 0, 70, 80)]).is_err());
    }

    #[test]
    fn sequential_consistency_forgives_a_late_read() {
        let calls = [write(0, 1, 0, Some(10)), read(1, 0, 20, 30)];
        assert!(linearize(&ZERO, &calls).is_err());
        assert_eq!(super::super::sequence(&ZERO, &calls), Ok(vec![1, 0]));
        let back = [write(0, 1, 0, Some(10)), read(0, 0, 20, 30)];
        assert!(super::super::sequence(&ZERO, &back).is_err());
    }

    #[test]
    fn what_was_held_before_may_be_unknown() {
        let unknown = Register { start: None };
        assert!(linearize(&unknown, &[read(0, 9, 0, 1), read(1, 9, 2, 3)]).is_ok());
        assert!(linearize(&unknown, &[read(0, 9, 0, 1), read(1, 8, 2, 3)]).is_err());
    }
}
