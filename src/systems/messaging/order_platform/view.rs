//! The read model: folds the log into rows, and tells whoever is online.

use super::{
    Memory, Message, NATS, NOBODY_WAITS, NOTICES, Note, Notice, OFFSET_WITH_ROWS, OrderPlatform, REBUILD, Reader, Rows,
    Timer, price, product,
};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::counted;
use crate::systems::messaging::kafka::Message as Log;
use crate::systems::messaging::kafka::wire::Fetched;

/// How often it commits. Kafka's auto.commit.interval.ms is 5 s; here a shorter one.
const COMMITS: Micros = 400 * MS;

pub(super) struct View<'a, 'b> {
    pub rows: &'a mut Rows,
    pub reader: &'a mut Reader,
    pub awaited: &'a mut Option<u32>,
    pub context: &'a mut Context<'b, OrderPlatform>,
}

/// It goes on where its rows say, or else where Kafka says that it has come to.
pub(super) fn boot(rows: Rows, context: &mut Context<OrderPlatform>) -> Memory {
    let next = context.rule(OFFSET_WITH_ROWS).then_some(rows.offset);
    context.set_timer(Timer::Retry, MS);
    context.set_timer(Timer::Commit, COMMITS);
    Memory::View { reader: Reader { next, fetching: false }, awaited: None }
}

impl View<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<OrderPlatform>) {
        match event {
            Event::Timer(Timer::Retry) => {
                self.context.why(|_| "The read model asks Kafka for orders.".to_owned());
                self.ask();
            }
            Event::Timer(Timer::Commit) => self.commit(),
            Event::Command(call) if call.command == REBUILD => self.rebuild(),
            Event::Message { message: Message::Kafka(message), .. } => self.told(&message),
            Event::Message { message: Message::Nats(Notice::Answer { order }), .. } => self.answered(order),
            _ => self.context.pass_over(),
        }
    }

    fn ask(&mut self) {
        if self.awaited.is_some() && !self.context.rule(NOBODY_WAITS) {
            let order = self.awaited.unwrap_or(0);
            return self
                .context
                .why_rule(NOBODY_WAITS, |_| format!("It waits for an answer to its notice of order {order}."));
        }
        self.reader.ask(self.context);
    }

    fn told(&mut self, message: &Log) {
        match message {
            Log::Standings(found) => {
                let begins = self.reader.located(found);
                let next = self.reader.next.unwrap_or(0);
                self.context.why_rule(OFFSET_WITH_ROWS, |_| match begins {
                    true => format!("The read model resumes at offset {next}, which it has committed to Kafka."),
                    false => "The read model knows where it is.".to_owned(),
                });
                if begins {
                    self.ask();
                }
            }
            Log::Records(parts) => self.read(parts),
            _ => self.context.why(|_| "Kafka has taken the read model's offset.".to_owned()),
        }
    }

    /// One transaction: the rows of the new orders, and by rule the offset.
    fn read(&mut self, parts: &[Fetched]) {
        let orders = self.reader.read(parts);
        let (count, next) = (orders.len(), self.reader.next.unwrap_or(0));
        let with = self.context.rule(OFFSET_WITH_ROWS);
        for order in &orders {
            let row = &mut self.rows.revenue[product(*order)];
            *row = row.saturating_add(price(*order));
        }
        if with {
            self.rows.offset = next;
        }
        self.context.why_rule(OFFSET_WITH_ROWS, |_| match (count, with) {
            (0, _) => "There is nothing new for the read model.".to_owned(),
            (_, true) => {
                format!(
                    "One transaction: {} in the rows, and offset {next} beside them.",
                    counted(count as u64, "order")
                )
            }
            (_, false) => {
                format!("The rows have {} more; offset {next} goes to Kafka later.", counted(count as u64, "order"))
            }
        });
        for order in orders {
            self.tell(order);
        }
        self.ask();
    }

    fn tell(&mut self, order: u32) {
        let waits = !self.context.rule(NOBODY_WAITS);
        if waits {
            *self.awaited = Some(order);
        }
        self.context.count(NOTICES, 0, 1);
        self.context.note(Note::Told);
        self.context.send(NATS, Message::Nats(Notice::Pub { order, reply: waits }));
    }

    fn answered(&mut self, order: u32) {
        let waited = *self.awaited == Some(order);
        self.context.why_rule(NOBODY_WAITS, |_| match waited {
            true => format!("Somebody has seen order {order}: the read model goes on."),
            false => format!("Somebody has seen order {order}, and nobody waits for that."),
        });
        if waited {
            *self.awaited = None;
            self.ask();
        }
    }

    fn commit(&mut self) {
        self.context.set_timer(Timer::Commit, COMMITS);
        let next = self.reader.next.unwrap_or(0);
        let with = self.context.rule(OFFSET_WITH_ROWS);
        self.context.why_rule(OFFSET_WITH_ROWS, |_| match with {
            true => {
                format!("The read model tells Kafka offset {next}, for the lag's sake: what counts is beside its rows.")
            }
            false => format!("The read model commits offset {next} to Kafka."),
        });
        self.reader.commit(self.context);
    }

    fn rebuild(&mut self) {
        *self.rows = Rows::default();
        self.context.note(Note::Rebuilt);
        *self.awaited = None;
        self.reader.next = Some(0);
        self.context.why(|_| "The rows are dropped, and the log is read from offset 0.".to_owned());
        self.reader.commit(self.context);
        self.ask();
    }
}
