//! Requests and answers: Kafka's, by their names in the protocol, and the database's.

use std::rc::Rc;

use super::topic::{Fetched, Order};

/// A batch of a producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// 0: requests; 1: orders.
    pub topic: u8,
    /// Producer id; 0 for none.
    pub pid: u16,
    /// Producer epoch.
    pub epoch: u16,
    /// Number of its first record.
    pub sequence: u32,
    /// Its records.
    pub orders: Rc<Vec<Order>>,
    /// The transactional id, in a transaction.
    pub transactional: Option<u8>,
}

/// Who speaks in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// transactional.id
    pub id: u8,
    /// Producer id.
    pub pid: u16,
    /// Producer epoch.
    pub epoch: u16,
}

/// The text of a transactional.id: both instances share the first; without the fence each has one of its own.
pub fn transactional(id: u8) -> String {
    if id == 0 { "checkout".to_owned() } else { format!("checkout-{id}") }
}

/// A request. Its number is repeated by the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// InitProducerId, with a transactional id or without.
    Init { transactional: Option<u8> },
    /// Produce.
    Produce(Rc<Batch>),
    /// OffsetFetch of a group.
    Offset { group: u8 },
    /// Fetch; `committed`: isolation.level=read_committed.
    Fetch { topic: u8, from: u32, committed: bool },
    /// TxnOffsetCommit: the offset belongs to the transaction.
    TxnOffset { who: Identity, offset: u32 },
    /// EndTxn with commit.
    Commit { who: Identity },
    /// OffsetCommit, outside of any transaction.
    CommitOffset { group: u8, offset: u32 },
    /// To the database: SELECT from the table of offsets.
    Select,
    /// To the database: INSERT the orders; `next`: and, in the same transaction, move the offset from `from` to it.
    Insert { from: u32, next: Option<u32>, orders: Rc<Vec<Order>> },
}

/// Why a broker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// PRODUCER_FENCED: there is a newer epoch.
    Fenced,
    /// OUT_OF_ORDER_SEQUENCE_NUMBER
    OutOfOrder,
    /// UNSTABLE_OFFSET_COMMIT: a transaction that has not ended is about to move the offset (KIP-447).
    Unstable,
}

impl Refused {
    /// Its name in the protocol.
    pub const fn code(self) -> &'static str {
        match self {
            Refused::Fenced => "PRODUCER_FENCED",
            Refused::OutOfOrder => "OUT_OF_ORDER_SEQUENCE_NUMBER",
            Refused::Unstable => "UNSTABLE_OFFSET_COMMIT",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A producer id and its epoch.
    Producer { pid: u16, epoch: u16 },
    /// Written, or done.
    Done,
    /// An offset, if there is one.
    Offset(Option<u32>),
    /// What a fetch found.
    Records(Rc<Fetched>),
    /// The transaction has ended; the next one has this epoch (KIP-890).
    Ended { epoch: u16 },
    /// The table of offsets says something else than the writer thought: nothing was inserted.
    Conflict { next: u32 },
    /// The broker refuses.
    Refused(Refused),
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A request.
    Request { number: u64, body: Request },
    /// Its answer.
    Answer { number: u64, body: Answer },
    /// The checkout at work tells the one that stands by that it is alive.
    Alive,
}

/// "4 5".
pub fn ids(orders: &[Order]) -> String {
    let words: Vec<String> = orders.iter().take(6).map(|order| order.id.to_string()).collect();
    match (words.len(), orders.len() > 6) {
        (0, _) => "none".to_owned(),
        (_, true) => format!("{} …", words.join(" ")),
        _ => words.join(" "),
    }
}

impl Message {
    /// The request's or answer's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Message::Alive => "alive",
            Message::Request { body, .. } => match body {
                Request::Init { .. } => "InitProducerId",
                Request::Produce(_) => "Produce",
                Request::Offset { .. } => "OffsetFetch",
                Request::Fetch { .. } => "Fetch",
                Request::TxnOffset { .. } => "TxnOffsetCommit",
                Request::Commit { .. } => "EndTxn (commit)",
                Request::CommitOffset { .. } => "OffsetCommit",
                Request::Select => "SELECT offset",
                Request::Insert { next: Some(_), .. } => "INSERT + UPDATE offset",
                Request::Insert { .. } => "INSERT",
            },
            Message::Answer { body, .. } => match body {
                Answer::Producer { .. } => "a producer id",
                Answer::Done => "\"done\"",
                Answer::Offset(_) => "an offset",
                Answer::Records(_) => "records",
                Answer::Ended { .. } => "\"the transaction has ended\"",
                Answer::Conflict { .. } => "\"the offset differs\"",
                Answer::Refused(why) => why.code(),
            },
        }
    }
}
