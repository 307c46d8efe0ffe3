//! The writer puts orders into the database; and the database, with a table of orders and a table of offsets.

use std::collections::VecDeque;
use std::rc::Rc;

use super::caller::Caller;
use super::topic::{Fetched, Order};
use super::wire::{Answer, Request, ids};
use super::{
    BROKER, LATENCY, MAX_POLL, Memory, Message, Note, ORDERS, Once, READ_COMMITTED, SAME_TRANSACTION, Timer, WRITTEN,
};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event};

/// Rows that are kept in sight.
const SHOWN: usize = 24;

/// How far the writer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It asks where it stopped.
    #[default]
    Locate,
    /// It waits for orders.
    Fetch,
    /// It has asked the database to insert.
    Insert,
    /// It commits its offset to Kafka.
    Commit,
}

/// What the writer has in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// How far it is.
    pub stage: Stage,
    /// The offset it reads from.
    pub position: u32,
    /// What it has at hand, and the offset after it.
    pub orders: Rc<Vec<Order>>,
    pub next: u32,
    caller: Caller,
}

/// The database's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tables {
    /// The newest rows of the table of orders.
    pub rows: VecDeque<u32>,
    /// How many rows there are.
    pub count: u32,
    /// The table of offsets: its one row.
    pub next: Option<u32>,
}

pub(super) fn boot(context: &mut Context<Once>) -> Memory {
    context.set_timer(Timer::Start, MS);
    let caller = Caller::boot(context);
    Memory::Writer(Writer { stage: Stage::Locate, position: 0, orders: Rc::default(), next: 0, caller })
}

pub(super) struct Writing<'a, 'b> {
    pub writer: &'a mut Writer,
    pub context: &'a mut Context<'b, Once>,
}

impl Writing<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Once>) {
        match event {
            Event::Timer(Timer::Start) => self.locate(),
            Event::Timer(Timer::Retry) => self.unanswered(),
            Event::Message { message: Message::Answer { number, body }, .. } => {
                if self.writer.caller.takes(self.context, number) {
                    self.answered(body);
                } else {
                    self.context.why(|_| "The writer has not asked for this since: an old answer.".to_owned());
                }
            }
            _ => self.context.pass_over(),
        }
    }

    /// Where it stopped: the table of offsets knows, or Kafka does.
    fn locate(&mut self) {
        let own = self.context.rule(SAME_TRANSACTION);
        self.context.why_rule(SAME_TRANSACTION, |_| match own {
            true => "The writer asks the database how far it came.".to_owned(),
            false => "The writer asks Kafka how far it came.".to_owned(),
        });
        self.writer.stage = Stage::Locate;
        let (to, request) =
            if own { (Once::DATABASE, Request::Select) } else { (BROKER, Request::Offset { group: 1 }) };
        self.writer.caller.ask(self.context, to, request);
    }

    /// Whether an insert without an answer was done cannot be known: the writer begins where it surely was.
    fn unanswered(&mut self) {
        if self.writer.stage == Stage::Insert {
            self.context.why(|_| "The database does not answer: the writer reconnects.".to_owned());
            self.locate();
        } else {
            self.context.why(|_| "The writer has no answer yet, and asks again.".to_owned());
            self.writer.caller.again(self.context);
        }
    }

    fn answered(&mut self, answer: Answer) {
        match (self.writer.stage, answer) {
            (Stage::Locate, Answer::Offset(at)) => {
                let at = at.unwrap_or(0);
                self.context.why(|_| format!("The writer resumes at offset {at}."));
                self.fetch(at);
            }
            (Stage::Fetch, Answer::Records(found)) => self.insert(&found),
            (Stage::Insert, Answer::Done) => self.inserted(),
            (Stage::Insert, Answer::Conflict { next }) => {
                self.context.why_rule(SAME_TRANSACTION, |_| {
                    format!(
                        "The table of offsets says {next}: these orders were written before. The writer continues \
                         there."
                    )
                });
                self.fetch(next);
            }
            (Stage::Commit, Answer::Done) => {
                let next = self.writer.next;
                self.context.why(|_| format!("Offset {next} is committed."));
                self.fetch(next);
            }
            _ => self.context.pass_over(),
        }
    }

    fn fetch(&mut self, from: u32) {
        self.writer.stage = Stage::Fetch;
        self.writer.position = from;
        self.writer.orders = Rc::default();
        let committed = self.context.rule(READ_COMMITTED);
        self.writer.caller.ask(self.context, BROKER, Request::Fetch { topic: ORDERS, from, committed });
    }

    fn insert(&mut self, found: &Fetched) {
        let (orders, next) = found.visible(self.context.amount(MAX_POLL) as usize);
        if orders.is_empty() {
            self.context
                .why(|_| format!("There are only markers and aborted records: the writer continues at offset {next}."));
            self.fetch(next);
            return;
        }
        let own = self.context.rule(SAME_TRANSACTION);
        let from = self.writer.position;
        self.context.why_rule(SAME_TRANSACTION, |_| match own {
            true => {
                format!("The writer inserts order {} and moves the offset to {next}, in one transaction.", ids(&orders))
            }
            false => format!("The writer inserts order {}; the offset comes afterwards.", ids(&orders)),
        });
        self.writer.stage = Stage::Insert;
        self.writer.next = next;
        self.writer.orders = Rc::new(orders);
        let orders = Rc::clone(&self.writer.orders);
        let request = Request::Insert { from, next: own.then_some(next), orders };
        self.writer.caller.ask(self.context, Once::DATABASE, request);
    }

    fn inserted(&mut self) {
        let next = self.writer.next;
        if self.context.rule(SAME_TRANSACTION) {
            self.context.why(|_| format!("Rows and offset are in the database: the writer continues at {next}."));
            self.fetch(next);
            return;
        }
        self.context
            .why_rule(SAME_TRANSACTION, |_| format!("The rows are written, and now the writer commits offset {next}."));
        self.writer.stage = Stage::Commit;
        self.writer.caller.ask(self.context, BROKER, Request::CommitOffset { group: 1, offset: next });
    }
}

/// The database: each request is one transaction.
pub(super) fn store(tables: &mut Tables, event: Event<Once>, context: &mut Context<Once>) {
    let Event::Message { from, message: Message::Request { number, body } } = event else {
        context.pass_over();
        return;
    };
    let answer = match body {
        Request::Insert { from, next, orders } => insert(tables, from, next, &orders, context),
        _ => {
            let at = tables.next;
            context.why(|_| match at {
                Some(at) => format!("The table of offsets says {at}."),
                None => "The table of offsets is empty.".to_owned(),
            });
            Answer::Offset(at)
        }
    };
    context.send(from, Message::Answer { number, body: answer });
}

fn insert(tables: &mut Tables, from: u32, next: Option<u32>, orders: &[Order], context: &mut Context<Once>) -> Answer {
    if let (Some(_), Some(known)) = (next, tables.next.filter(|known| *known != from)) {
        context.why_rule(SAME_TRANSACTION, |_| {
            format!("The offset is {known}, not {from}: the transaction is rolled back, and nothing is inserted.")
        });
        return Answer::Conflict { next: known };
    }
    tables.next = next;
    for order in orders {
        if tables.rows.len() == SHOWN {
            tables.rows.pop_front();
        }
        tables.rows.push_back(order.id);
        tables.count += 1;
        context.note(Note::Row { order: order.id });
        let took = context.now().saturating_sub(order.at);
        context.observe(LATENCY, 0, took);
    }
    context.count(WRITTEN, 0, orders.len() as u64);
    context.why_rule(SAME_TRANSACTION, |_| match next {
        Some(next) => format!("Order {} is inserted and the offset is {next}: both, or neither.", ids(orders)),
        None => format!("Order {} is inserted. The database does not know of any offset.", ids(orders)),
    });
    Answer::Done
}
