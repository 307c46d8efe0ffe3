//! A consumer: reads with a schema of its own what was written with others.

use litemap::LiteMap;
use std::rc::Rc;

use super::{
    BY_ID, ConsumerDisk, ConsumerMemory, Id, Memory, Message, Note, ORDER, PRODUCER, PULL, READ, REGISTRY, Registry,
    TOPIC, Timer, consumers_first, is_promised, mode, names,
};
use crate::mechanisms::schema::{Problem, Schema, decode, resolve, unframe};
use crate::sim::machine::system::{Context, Event};

pub(super) struct Consumer<'a, 'b> {
    pub disk: &'a mut ConsumerDisk,
    pub memory: &'a mut ConsumerMemory,
    pub context: &'a mut Context<'b, Registry>,
}

pub(super) fn boot(disk: &ConsumerDisk, context: &mut Context<Registry>) -> Memory {
    context.set_timer(Timer::Pull, PULL);
    let mut known = LiteMap::new();
    known.insert(disk.id, Rc::clone(&disk.schema));
    Memory::Consumer(ConsumerMemory { known, ..ConsumerMemory::default() })
}

impl Consumer<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Registry>) {
        match event {
            Event::Timer(_) => self.pull(),
            Event::Command(_) => {
                self.disk.next = 0;
                self.memory.stuck = None;
                self.context.why(|_| "The consumer goes back to the oldest record.".to_owned());
            }
            Event::Message { message: Message::Records { offset, start, records }, .. } => {
                self.take(offset, start, &records);
            }
            Event::Message { message: Message::SchemaIs { id, schema }, .. } => {
                self.context.why(|_| format!("Schema {id} has the fields {}: the consumer keeps it.", names(&schema)));
                self.memory.known.insert(id, schema);
            }
            Event::Message { message: Message::Deploy { id, schema }, .. } => self.deployed(id, schema),
            Event::Message { .. } => self.context.pass_over(),
        }
    }

    fn pull(&mut self) {
        self.context.set_timer(Timer::Pull, PULL);
        let offset = self.disk.next;
        self.context.why(|_| format!("The consumer reads on from offset {offset}."));
        self.context.send(TOPIC, Message::Read { offset });
    }

    /// A new version is there. Where producers go first, the consumer moves once it has read a record of it.
    fn deployed(&mut self, id: Id, schema: Rc<Schema>) {
        self.memory.known.insert(id, Rc::clone(&schema));
        let first = consumers_first(self.context.settings(), self.context.rule(ORDER));
        if id > self.disk.id && (first || self.disk.read >= id) {
            self.context.why_rule(ORDER, |_| format!("The consumer reads with version {id} from now on."));
            self.move_to(id, schema);
        } else {
            let own = self.disk.id;
            self.context.why(|_| format!("The consumer stays with version {own} for now."));
        }
        self.context.send(PRODUCER, Message::Status { id: self.disk.id, read: self.disk.read });
    }

    fn move_to(&mut self, id: Id, schema: Rc<Schema>) {
        (self.disk.id, self.disk.schema) = (id, schema);
        self.memory.stuck = None;
    }

    fn take(&mut self, offset: u32, start: u32, records: &[Rc<Vec<u8>>]) {
        if offset != self.disk.next {
            self.context.why(|_| format!("The consumer is past offset {offset}: the answer is an old one."));
            return;
        }
        self.disk.next = offset.max(start);
        if records.is_empty() {
            self.context.why(|_| "Nothing new.".to_owned());
        }
        for record in records {
            if !self.read(record) {
                break;
            }
            self.disk.next += 1;
            self.context.count(READ, self.context.me().0, 1);
        }
    }

    /// Reads a record. False where the consumer stops at it.
    fn read(&mut self, record: &[u8]) -> bool {
        let Some((id, data)) = unframe(record) else {
            self.context.why(|_| "No zero byte: this is no record of the registry's.".to_owned());
            return false;
        };
        let (by_id, own) = (self.context.rule(BY_ID), self.disk.id);
        let Some(writer) = self.memory.known.get(&id).cloned() else {
            self.context
                .why_rule(BY_ID, |_| format!("The record says schema {id}: the consumer asks the registry for it."));
            self.context.send(REGISTRY, Message::GetSchema { id });
            return false;
        };
        let right = resolve(&writer, &self.disk.schema, data);
        let read = if by_id { right.clone() } else { decode(&self.disk.schema, data) };
        match read {
            Ok(values) => {
                if right.as_ref() != Ok(&values) {
                    self.context.note(Note::Misread { consumer: self.context.me(), reader: own, writer: id });
                }
                self.context.why_rule(BY_ID, |_| format!("Written with version {id}, read with version {own}."));
                self.memory.stuck = None;
                self.memory.last = values;
                self.has_read(id);
                true
            }
            Err(problem) => self.fails(id, problem),
        }
    }

    fn has_read(&mut self, id: Id) {
        self.disk.read = self.disk.read.max(id);
        let lazily = !consumers_first(self.context.settings(), self.context.rule(ORDER));
        if let Some(schema) = self.memory.known.get(&id).cloned().filter(|_| lazily && id > self.disk.id) {
            self.context.why_rule(ORDER, |_| format!("Records of version {id} have come: the consumer moves to it."));
            self.move_to(id, schema);
        }
    }

    /// A record that cannot be read holds the consumer up, unless nobody has promised that it could be.
    fn fails(&mut self, id: Id, problem: Problem) -> bool {
        let own = self.disk.id;
        if !is_promised(mode(self.context.settings()), own, id) && self.disk.read >= id {
            self.context.note(Note::Skipped);
            self.context.why(|_| {
                format!(
                    "Version {id} with version {own}: {}. Nobody promised it, and the replay continues.",
                    problem.words()
                )
            });
            return true;
        }
        self.context.why_rule(BY_ID, |_| {
            format!("Version {id} with version {own}: {}. The consumer stops here.", problem.words())
        });
        let consumer = self.context.me();
        self.context.note(Note::Unreadable { consumer, reader: own, writer: id, problem: problem.clone() });
        self.memory.stuck = Some((id, problem));
        false
    }
}
