//! Session guarantees: what one client may rely on about its own reads (Terry et al., 1994).
//!
//! A value is certainly older than another when its write had been answered before the other's was asked, or when it
//! is no value at all. Only certain violations are reported, and only where a value was written once.

use crate::sim::judge::history::{Answer, Ask, Operation};

/// A read that gave something older than its client had a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// The read.
    pub read: Operation,
    /// What its client had written or read before.
    pub known: Operation,
}

/// What a read gave, or a write wrote.
fn value(operation: &Operation) -> Option<Option<i64>> {
    match (operation.ask, operation.answered.map(|answered| answered.2)) {
        (Ask::Read, Some(Answer::Value(value))) => Some(value),
        (Ask::Write(value), Some(Answer::Ok)) => Some(Some(value)),
        _ => None,
    }
}

/// Whether a value is certainly older than the one that an operation read or wrote. The write of that value must have
/// been asked by then: a later write of an equal value says nothing.
fn is_older(operations: &[Operation], one: Option<i64>, known: &Operation) -> bool {
    let (key, other) = (known.key, value(known).flatten());
    let write = |value: i64| {
        let mut writes = operations.iter().filter(|known| known.key == key && known.ask == Ask::Write(value));
        writes.next().filter(|_| writes.next().is_none())
    };
    match (one, other) {
        (None, Some(_)) => true,
        (Some(one), Some(other)) if one != other => match (write(one), write(other)) {
            (Some(one), Some(other)) => {
                let came_first = one.answered.is_some_and(|answered| answered.1 < other.asked.1);
                came_first && known.answered.is_some_and(|answered| other.asked.1 <= answered.1)
            }
            _ => false,
        },
        _ => false,
    }
}

fn stale(operations: &[Operation], is_relevant: impl Fn(&Operation) -> bool) -> Option<Staleness> {
    let reads = operations.iter().filter(|operation| operation.ask == Ask::Read);
    reads.filter_map(|read| Some((read, value(read)?))).find_map(|(read, got)| {
        let earlier = operations.iter().filter(|known| {
            let ended = known.answered.is_some_and(|answered| answered.1 <= read.asked.1);
            known.client == read.client && known.key == read.key && known.op != read.op && ended
        });
        let mut known = earlier.filter(|known| is_relevant(known) && value(known).is_some());
        let known = known.find(|known| is_older(operations, got, known))?;
        Some(Staleness { read: *read, known: *known })
    })
}

/// The first read that does not see its client's own write.
pub fn read_your_writes(operations: &[Operation]) -> Option<Staleness> {
    stale(operations, |known| matches!(known.ask, Ask::Write(_)))
}

/// The first read that sees less than its client's earlier read.
pub fn monotonic_reads(operations: &[Operation]) -> Option<Staleness> {
    stale(operations, |known| known.ask == Ask::Read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::NodeId;
    use crate::sim::judge::history::OpId;

    fn operation(op: u32, client: u16, ask: Ask, asked: u64, answer: Answer) -> Operation {
        let (asked, answered) = ((asked, asked), Some((asked + 5, asked + 5, answer)));
        Operation { op: OpId(op), client: NodeId(client), key: 0, ask, asked, answered }
    }

    #[test]
    fn a_client_must_see_what_it_wrote() {
        let written = operation(0, 1, Ask::Write(7), 0, Answer::Ok);
        let (stale, fresh) = (Answer::Value(None), Answer::Value(Some(7)));
        let found = |answer, client| {
            read_your_writes(&[written, operation(1, client, Ask::Read, 10, answer)]).map(|found| found.read.op)
        };
        assert_eq!((found(stale, 1), found(fresh, 1), found(stale, 2)), (Some(OpId(1)), None, None));
    }

    #[test]
    fn reads_never_go_back() {
        let history = |second| {
            [
                operation(0, 1, Ask::Write(1), 0, Answer::Ok),
                operation(1, 1, Ask::Write(2), 10, Answer::Ok),
                operation(2, 2, Ask::Read, 20, Answer::Value(Some(2))),
                operation(3, 2, Ask::Read, 30, Answer::Value(Some(second))),
            ]
        };
        assert_eq!(monotonic_reads(&history(1)).map(|found| (found.read.op, found.known.op)), Some((OpId(3), OpId(2))));
        assert_eq!(monotonic_reads(&history(2)), None);
    }
}
