//! A worker: connects, works on one task after the other, and acknowledges each.

use super::{
    ACK_AFTER, BROKER, DONE, Disk, FIRST, HEARTBEAT, LENGTHS, Memory, Message, Note, RabbitMq, SLOW, TASK, Task, Timer,
    WAITING,
};
use crate::sim::random;
use crate::sim::system::{Context, Event, System};
use crate::sim::time::{self, MS};

/// The most tasks a worker's buffer takes; a broker with a bounded prefetch never reaches it.
const LARGEST_BUFFER: usize = 400;

pub(super) struct Worker<'a, 'b> {
    pub disk: &'a mut Disk,
    pub connected: &'a mut bool,
    pub buffer: &'a mut Vec<Task>,
    pub working: &'a mut Option<Task>,
    pub heard: &'a mut bool,
    pub context: &'a mut Context<'b, RabbitMq>,
}

/// A worker connects at its first beat.
pub(super) fn boot(context: &mut Context<RabbitMq>) -> Memory {
    context.set_timer(Timer::Beat, MS);
    Memory::Worker { connected: false, buffer: Vec::new(), working: None, heard: false }
}

impl Worker<'_, '_> {
    fn name(&self) -> String {
        RabbitMq::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        match event {
            Event::Timer(Timer::Beat) => self.beat(),
            Event::Timer(Timer::Done) => self.done(),
            Event::Command(_) => self.give_back(),
            Event::Message { message: Message::Deliver { connection, task }, .. } => self.delivered(connection, task),
            Event::Message { message: Message::Heartbeat { connection }, .. } => self.broker_heard(connection),
            _ => self.context.why(|_| "A worker has no use for this message.".to_owned()),
        }
    }

    /// Sends a heartbeat; opens a new connection when the broker was silent for two intervals.
    fn beat(&mut self) {
        let (name, interval) = (self.name(), self.context.amount(HEARTBEAT));
        if *self.connected && *self.heard {
            *self.heard = false;
            let connection = self.disk.last;
            self.context.why(|_| format!("{name} sends a heartbeat: it is still there."));
            self.context.send(BROKER, Message::Heartbeat { connection });
            self.context.set_timer(Timer::Beat, interval);
            return;
        }
        self.disk.last += 1;
        let (connection, lost) = (self.disk.last, self.buffer.len() + usize::from(self.working.is_some()));
        self.buffer.clear();
        *self.working = None;
        self.context.cancel_timer(Timer::Done);
        (*self.connected, *self.heard) = (true, false);
        self.context.why(|_| match lost {
            0 => format!("{name} opens connection {connection} to the broker."),
            _ => format!("{name} has not heard the broker: it drops {lost} tasks and opens connection {connection}."),
        });
        self.context.send(BROKER, Message::Consume { connection });
        self.context.set_timer(Timer::Beat, interval);
    }

    fn broker_heard(&mut self, connection: u32) {
        let name = self.name();
        *self.heard |= connection == self.disk.last;
        self.context.why(|_| format!("{name} hears that its connection to the broker stands."));
    }

    fn delivered(&mut self, connection: u32, task: Task) {
        let (name, id) = (self.name(), task.id);
        if connection != self.disk.last || self.buffer.len() >= LARGEST_BUFFER {
            self.context.why(|_| format!("{name} gets task {id} on a connection that it has left: it passes it over."));
            return;
        }
        *self.heard = true;
        if !self.context.rule(ACK_AFTER) {
            self.context.why_rule(ACK_AFTER, |_| {
                format!("{name} acknowledges task {id} on arrival, before it has done anything.")
            });
            self.context.send(BROKER, Message::Ack { connection, id });
        }
        self.buffer.push(task);
        let ahead = self.buffer.len() - 1 + usize::from(self.working.is_some());
        self.context.why(|_| match ahead {
            0 => format!("{name} gets task {id} and begins at once."),
            _ => format!("{name} gets task {id}; {ahead} of its tasks come first."),
        });
        self.begin();
    }

    fn begin(&mut self) {
        if self.working.is_some() || self.buffer.is_empty() {
            return;
        }
        let task = self.buffer.remove(0);
        *self.working = Some(task);
        let me = self.context.me();
        let factor = if me.index() == FIRST { self.context.amount(SLOW).max(1) } else { 1 };
        let mean = self.context.amount(TASK).saturating_mul(factor);
        let length = random::exponential(self.context.draw(LENGTHS), mean).max(MS);
        self.context.work(Timer::Done, length);
        let waited = self.context.now().saturating_sub(task.published);
        self.context.observe(WAITING, me.0, waited);
        let name = self.name();
        self.context.why(|_| {
            format!("{name} starts task {}, which has waited {} since it was published.", task.id, time::show(waited))
        });
    }

    fn done(&mut self) {
        let (name, worker) = (self.name(), self.context.me());
        let Some(task) = self.working.take() else {
            self.context.why(|_| format!("{name} has nothing to finish."));
            return;
        };
        let id = task.id;
        self.context.note(Note::Done { id, worker });
        self.context.count(DONE, worker.0, 1);
        if self.context.rule(ACK_AFTER) {
            self.context.why_rule(ACK_AFTER, |_| format!("{name} has done task {id}, and acknowledges it now."));
            let connection = self.disk.last;
            self.context.send(BROKER, Message::Ack { connection, id });
        } else {
            self.context
                .why_rule(ACK_AFTER, |_| format!("{name} has done task {id}, which it acknowledged on arrival."));
        }
        self.begin();
    }

    fn give_back(&mut self) {
        let (name, connection) = (self.name(), self.disk.last);
        let Some(task) = self.working.take() else {
            self.context.why(|_| format!("{name} has no task to give back."));
            return;
        };
        self.context.cancel_timer(Timer::Done);
        self.context.why(|_| format!("{name} gives task {} back to the queue.", task.id));
        self.context.send(BROKER, Message::Nack { connection, id: task.id });
        self.begin();
    }
}
