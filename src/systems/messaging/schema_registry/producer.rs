//! The producing team: writes records, asks for changes, and rolls them out one at a time.

use std::rc::Rc;

use super::{
    AGAIN, ARRIVALS, CHANGE_EVERY, CHANGE_WORDS, CHANGES, Change, FIRST, Id, Memory, Message, ORDER, ProducerDisk,
    RATE, REGISTRY, Registry, TOPIC, Timer, changed, consumers_first,
};
use crate::mechanisms::schema::{Type, Value, encode, frame};
use crate::sim::NodeId;
use crate::sim::kernel::random;
use crate::sim::kernel::time::SEC;
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload;

pub(super) struct Producer<'a, 'b> {
    pub disk: &'a mut ProducerDisk,
    pub context: &'a mut Context<'b, Registry>,
}

pub(super) fn boot(disk: &ProducerDisk, context: &mut Context<Registry>) -> Memory {
    arm_arrival(context);
    arm_idea(context);
    if disk.change.is_some() {
        context.set_timer(Timer::Again, AGAIN);
    }
    Memory::Plain
}

fn arm_arrival(context: &mut Context<Registry>) {
    let rate = context.amount(RATE);
    let gap = workload::poisson(context, ARRIVALS, rate).unwrap_or(SEC);
    context.set_timer(Timer::Arrival, gap);
}

fn arm_idea(context: &mut Context<Registry>) {
    let every = context.amount(CHANGE_EVERY);
    context.set_timer(Timer::Idea, if every == 0 { SEC } else { every });
}

/// What a record's field holds: its number, or the number as text.
pub(super) fn value_of(kind: Type, count: u32) -> Value {
    match kind {
        Type::Text | Type::Bytes => Value::Text(format!("n{}", count % 10).into()),
        _ => Value::Number(i64::from(count % 50)),
    }
}

impl Producer<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Registry>) {
        match event {
            Event::Timer(Timer::Arrival) => self.arrival(),
            Event::Timer(Timer::Idea) => self.idea(),
            Event::Timer(_) => self.again(),
            Event::Command(call) if call.command == super::CHANGE => self.ask(call.value(0).clamp(0, 5) as u8),
            Event::Command(_) => self.produce(),
            Event::Message { from, message } => self.received(from, message),
        }
    }

    fn received(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Registered { ticket, id } if ticket == self.disk.tickets => self.accepted(id),
            Message::Refused { ticket, version, problem } if ticket == self.disk.tickets => {
                self.disk.change = None;
                self.context.cancel_timer(Timer::Again);
                self.context.why(|_| format!("The change is off: version {version}, {}.", problem.words()));
            }
            Message::Status { id, read } => self.heard(from, id, read),
            _ => self.context.why(|_| "This answers something of before: the producer passes it over.".to_owned()),
        }
    }

    fn arrival(&mut self) {
        arm_arrival(self.context);
        if self.context.amount(RATE) == 0 {
            self.context.why(|_| "No records are to be produced for now.".to_owned());
            return;
        }
        self.produce();
    }

    fn produce(&mut self) {
        self.disk.count += 1;
        let (count, id) = (self.disk.count % 50, self.disk.id);
        self.disk.count = count;
        let values: Vec<Value> = self.disk.schema.fields.iter().map(|field| value_of(field.kind, count)).collect();
        let record = Rc::new(frame(id, &encode(&self.disk.schema, &values)));
        self.context.why(|_| {
            format!("A record of schema {id}: a zero byte, the id in four, and {} bytes of data.", record.len() - 5)
        });
        self.context.send(TOPIC, Message::Produce { record });
    }

    fn idea(&mut self) {
        arm_idea(self.context);
        if self.context.amount(RATE) == 0 || self.context.amount(CHANGE_EVERY) == 0 {
            self.context.why(|_| "The team leaves its schema as it is for now.".to_owned());
            return;
        }
        let change = random::below(self.context.draw(CHANGES), CHANGE_WORDS.len() as u64) as u8;
        self.ask(change);
    }

    /// Asks the registry for a changed schema, unless a change is under way.
    fn ask(&mut self, change: u8) {
        let words = CHANGE_WORDS.get(usize::from(change)).copied().unwrap_or("");
        if self.disk.change.is_some() {
            self.context.why(|_| "A change is still being rolled out: only one at a time.".to_owned());
            return;
        }
        let Some(schema) = changed(&self.disk.schema, change) else {
            self.context.why(|_| format!("There is nothing to {words}."));
            return;
        };
        self.disk.tickets += 1;
        self.disk.change = Some(Change { schema: Rc::new(schema), id: None, moved: 0, read: 0 });
        self.context.why(|_| format!("The team wants to {words}, and asks the registry."));
        self.go_on();
    }

    fn again(&mut self) {
        self.context.why(|_| "The change is not through yet: the producer asks again.".to_owned());
        self.go_on();
    }

    /// The next step of the change under way, sent again until it is done.
    fn go_on(&mut self) {
        let Some(change) = self.disk.change.clone() else { return };
        self.context.set_timer(Timer::Again, AGAIN);
        let Some(id) = change.id else {
            let ticket = self.disk.tickets;
            self.context.send(REGISTRY, Message::Register { ticket, schema: change.schema });
            return;
        };
        for node in (FIRST..self.context.nodes()).map(NodeId::from) {
            self.context.send(node, Message::Deploy { id, schema: Rc::clone(&change.schema) });
        }
    }

    fn accepted(&mut self, id: Id) {
        let Some(change) = self.disk.change.as_mut().filter(|change| change.id.is_none()) else {
            self.context.why(|_| format!("Version {id} was accepted before."));
            return;
        };
        change.id = Some(id);
        let first = consumers_first(self.context.settings(), self.context.rule(ORDER));
        self.context.why_rule(ORDER, |_| match first {
            true => format!("Version {id} is accepted. The consumers move to it first."),
            false => format!("Version {id} is accepted. The producer writes it from now on; the consumers follow."),
        });
        if !first {
            self.write_with(id);
        }
        self.go_on();
    }

    fn write_with(&mut self, id: Id) {
        let Some(change) = &self.disk.change else { return };
        (self.disk.id, self.disk.schema) = (id, Rc::clone(&change.schema));
    }

    /// A consumer says which version it reads with, and the latest it has read a record of.
    fn heard(&mut self, from: NodeId, version: Id, read: Id) {
        let everybody = (1u8 << (self.context.nodes() - FIRST)) - 1;
        let bit = 1u8 << (from.index() - FIRST);
        let Some((change, id)) = self.disk.change.as_mut().and_then(|change| change.id.map(|id| (change, id))) else {
            self.context.why(|_| "No change is being rolled out.".to_owned());
            return;
        };
        change.moved |= if version >= id { bit } else { 0 };
        change.read |= if read >= id { bit } else { 0 };
        let (moved, done) = (change.moved == everybody, change.moved & change.read == everybody);
        let count = change.moved.count_ones();
        let everyone = self.context.nodes() - FIRST;
        self.context.why(|_| format!("Consumers that read with version {id} by now: {count} of {everyone}."));
        if moved && self.disk.id != id {
            self.write_with(id);
            self.context.why(|_| format!("All have moved: the producer writes version {id} from now on."));
        }
        if done {
            self.disk.change = None;
            self.context.cancel_timer(Timer::Again);
            self.context.why(|_| format!("Everybody has read records of version {id}: the change is through."));
        }
    }
}
