//! A consumer: connects, works on one message after the other, and settles each.

use std::rc::Rc;

use super::host::Settle;
use super::message::{Body, Envelope, Message, TaskId};
use super::topology::{self, LOTS, Topology};
use super::{
    ACK_AFTER, BACKOFF, BOUNDED, BROKER, CANCEL, CONSUME, COPY_FIRST, DONE, Delivery, Disk, FAILED, FINISHED, FIRST,
    HEARTBEAT, JITTER, LENGTHS, Memory, Method, Note, RabbitMq, SLOW, TASK, Timer, WAITING, WAITING_APART, WAITS,
    exchange, noun,
};
use crate::sim::declare::commands::CommandCall;
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS, Micros};
use crate::sim::later::Later;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// The most messages a consumer's buffer takes; a broker with a bounded prefetch never reaches it.
const LARGEST_BUFFER: usize = 400;
/// How long a process takes to come back after a message has killed it.
const RESPAWN: u64 = 150 * MS;

pub(super) struct Worker<'a, 'b> {
    pub disk: &'a mut Disk,
    pub connected: &'a mut bool,
    pub buffer: &'a mut Vec<Delivery>,
    pub working: &'a mut Option<Delivery>,
    /// Tried again later: waits for the confirm of its copy.
    pub moving: &'a mut Option<Delivery>,
    pub heard: &'a mut bool,
    pub cancelled: &'a mut Later<bool>,
    /// The copy that `moving` waits for was sent before the last heartbeat.
    pub overdue: &'a mut Later<bool>,
    pub context: &'a mut Context<'b, RabbitMq>,
}

/// A consumer connects at its first beat.
pub(super) fn boot(context: &mut Context<RabbitMq>) -> Memory {
    context.set_timer(Timer::Beat, MS);
    let (connected, heard, cancelled, overdue) = (false, false, Later(false), Later(false));
    Memory::Worker { connected, buffer: Vec::new(), working: None, moving: None, heard, cancelled, overdue }
}

impl Worker<'_, '_> {
    fn name(&self) -> String {
        RabbitMq::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        match event {
            Event::Timer(Timer::Beat) => self.beat(),
            Event::Timer(Timer::Done) => self.done(),
            Event::Command(CommandCall { command: CANCEL, .. }) => self.cancel(),
            Event::Command(CommandCall { command: CONSUME, .. }) => self.consume_again(),
            Event::Command(_) => self.give_back(),
            Event::Message { message: Method::Deliver { connection, delivery }, .. } => {
                self.delivered(connection, delivery);
            }
            Event::Message { message: Method::Heartbeat { connection }, .. } => self.broker_heard(connection),
            Event::Message { message: Method::Confirm { id }, .. } => self.copied(id),
            Event::Message { message: Method::CancelOk { connection }, .. } => self.off_the_queue(connection),
            _ => self.context.pass_over(),
        }
    }

    /// Sends a heartbeat; opens a new connection when the broker was silent for two intervals.
    fn beat(&mut self) {
        let (name, interval, noun) = (self.name(), self.context.amount(HEARTBEAT), noun(self.context.settings()));
        if *self.connected && *self.heard {
            *self.heard = false;
            let connection = self.disk.last;
            self.context.why(|_| format!("{name} sends a heartbeat: it is still there."));
            self.context.send(BROKER, Method::Heartbeat { connection });
            self.context.set_timer(Timer::Beat, interval);
            self.copy_again();
            return;
        }
        self.disk.last += 1;
        let lost = self.forget();
        let connection = self.disk.last;
        (*self.connected, *self.heard) = (true, false);
        self.context.why(|_| match lost {
            0 => format!("{name} opens connection {connection} to the broker."),
            _ => {
                let lost = counted(lost as u64, noun);
                format!("{name} has not heard the broker: it drops {lost} and opens connection {connection}.")
            }
        });
        let opened = if self.cancelled.0 { Method::Open { connection } } else { Method::Consume { connection } };
        self.context.send(BROKER, opened);
        self.context.set_timer(Timer::Beat, interval);
    }

    /// How many messages it has and has not done.
    fn held(&self) -> usize {
        [&*self.working, &*self.moving].into_iter().flatten().count() + self.buffer.len()
    }

    /// Drops whatever it holds, with its connection. How much that was.
    fn forget(&mut self) -> usize {
        let held = self.held();
        self.buffer.clear();
        (*self.working, *self.moving, *self.overdue) = (None, None, Later(false));
        self.context.cancel_timer(Timer::Done);
        held
    }

    fn broker_heard(&mut self, connection: u32) {
        let name = self.name();
        *self.heard |= connection == self.disk.last;
        self.context.why(|_| format!("{name} hears that its connection to the broker stands."));
    }

    fn delivered(&mut self, connection: u32, mut delivery: Delivery) {
        let noun = noun(self.context.settings());
        let (name, id) = (self.name(), delivery.message.id);
        let full = self.buffer.len() >= LARGEST_BUFFER;
        if connection != self.disk.last || !*self.connected || full {
            self.context
                .why(|_| format!("{name} gets {noun} {id} on a connection that it has left: it passes it over."));
            return;
        }
        *self.heard = true;
        if !self.context.rule(ACK_AFTER) {
            self.context.why_rule(ACK_AFTER, |_| {
                format!("{name} acknowledges {noun} {id} on arrival, before it has done anything.")
            });
            self.settle(&delivery, Settle::Ack);
            delivery.acked = true;
        }
        self.buffer.push(delivery);
        let busy = self.working.is_some() || self.moving.is_some();
        let ahead = self.buffer.len() - 1 + usize::from(busy);
        self.context.why(|_| match ahead {
            0 => format!("{name} gets {noun} {id} and begins at once."),
            _ => format!("{name} gets {noun} {id}, behind {ahead} more."),
        });
        self.begin();
    }

    fn settle(&mut self, delivery: &Delivery, how: Settle) {
        let (connection, tag, id) = (self.disk.last, delivery.tag, delivery.message.id);
        self.context.send(BROKER, Method::Settle { connection, tag, id, how });
    }

    fn begin(&mut self) {
        let noun = noun(self.context.settings());
        if self.working.is_some() || self.moving.is_some() || self.buffer.is_empty() {
            return;
        }
        let delivery = self.buffer.remove(0);
        let (id, published, priority) = (delivery.message.id, delivery.message.published, delivery.message.priority);
        *self.working = Some(delivery);
        let me = self.context.me();
        let factor = if me.index() == FIRST { self.context.amount(SLOW).max(1) } else { 1 };
        let mean = self.context.amount(TASK).saturating_mul(factor);
        let length = random::exponential(self.context.draw(LENGTHS), mean).max(MS);
        self.context.work(Timer::Done, length);
        let waited = self.context.now().saturating_sub(published);
        self.context.observe(WAITING, me.0, waited);
        self.context.observe(WAITING_APART, u16::from(priority > 0), waited);
        let name = self.name();
        self.context.why(|_| {
            format!("{name} starts {noun} {id}, which has waited {} since it was published.", time::show(waited))
        });
    }

    fn done(&mut self) {
        let Some(delivery) = self.working.take() else {
            let name = self.name();
            self.context.why(|_| format!("{name} has nothing to finish."));
            return;
        };
        let is_first = delivery.message.attempt == 0 && !delivery.redelivered;
        match delivery.message.body {
            Body::Deadly => self.die(&delivery),
            Body::Poison => self.failed(delivery),
            Body::Flaky if is_first => self.failed(delivery),
            Body::Flaky | Body::Plain => self.succeeded(&delivery),
        }
        self.begin();
    }

    fn succeeded(&mut self, delivery: &Delivery) {
        let noun = noun(self.context.settings());
        let (name, worker, id) = (self.name(), self.context.me(), delivery.message.id);
        self.context.note(Note::Done { id, worker });
        self.context.count(DONE, worker.0, 1);
        let took = self.context.now().saturating_sub(delivery.message.published);
        self.context.observe(FINISHED, worker.0, took);
        // The rule may have been switched since it arrived: what was not acknowledged then is acknowledged now.
        if delivery.acked {
            self.context
                .why_rule(ACK_AFTER, |_| format!("{name} has done {noun} {id}, which it acknowledged on arrival."));
        } else {
            self.context.why_rule(ACK_AFTER, |_| format!("{name} has done {noun} {id}, and acknowledges it now."));
            self.settle(delivery, Settle::Ack);
        }
    }

    /// The work on a message ends the process, and with it the connection.
    fn die(&mut self, delivery: &Delivery) {
        let (name, id, connection) = (self.name(), delivery.message.id, self.disk.last);
        self.context.count(FAILED, self.context.me().0, 1);
        self.context.why(|_| format!("Task {id} kills the process of {name}: its connection closes."));
        self.forget();
        (*self.connected, *self.cancelled) = (false, Later(false));
        self.context.send(BROKER, Method::Close { connection });
        self.context.set_timer(Timer::Beat, RESPAWN);
    }

    /// The work has failed: it is retried later, or abandoned.
    fn failed(&mut self, delivery: Delivery) {
        let (name, id, attempt) = (self.name(), delivery.message.id, delivery.message.attempt);
        self.context.count(FAILED, self.context.me().0, 1);
        let retries = match topology::of(self.context.settings()) {
            Topology::Retries => topology::retries(self.context.settings()),
            _ => 0,
        };
        if !self.context.rule(BOUNDED) {
            self.context.why_rule(BOUNDED, |_| format!("{name} fails with task {id}, and sends it straight back."));
            self.settle(&delivery, Settle::Retry);
        } else if attempt >= retries {
            let tries = u32::from(attempt) + 1;
            self.context
                .why_rule(BOUNDED, |_| format!("{name} fails with task {id}, try {tries}: that was the last one."));
            self.settle(&delivery, Settle::Discard);
        } else {
            self.try_later(delivery);
        }
    }

    /// A copy for a waiting queue, and how long it waits there.
    fn copy(&mut self, delivery: &Delivery) -> (Message, Micros) {
        let attempt = delivery.message.attempt + 1;
        let whole = self.context.amount(BACKOFF) << (attempt - 1);
        let wait = match self.context.settings().is_on(JITTER) {
            true => self.context.draw_between(WAITS, whole / 2, whole),
            false => whole,
        };
        let key = LOTS[usize::from(attempt)].to_owned();
        let envelope = Rc::new(Envelope { exchange: exchange::DEFAULT, key, headers: Vec::new() });
        let message =
            Message { attempt, envelope, expiration: Some(wait), deaths: Vec::new(), ..delivery.message.clone() };
        (message, wait)
    }

    /// Publishes a copy to a waiting queue, from which it comes back when its time is over.
    fn try_later(&mut self, delivery: Delivery) {
        let (name, id) = (self.name(), delivery.message.id);
        let (message, wait) = self.copy(&delivery);
        let first = self.context.rule(COPY_FIRST);
        self.context.why_rule(COPY_FIRST, |_| {
            let then = if first { "and keeps the original until that is confirmed" } else { "and lets go of it first" };
            format!("{name} fails with task {id}: it publishes a copy that waits for {}, {then}.", time::show(wait))
        });
        if !first {
            self.settle(&delivery, Settle::Ack);
        }
        self.context.send(BROKER, Method::Publish { message });
        if first {
            (*self.moving, *self.overdue) = (Some(delivery), Later(false));
        }
    }

    /// A copy that is not confirmed by the heartbeat after the next was lost on the way, or its confirm was: the worker
    /// publishes it again, as a connection would send a lost segment again.
    fn copy_again(&mut self) {
        let Some(delivery) = self.moving.clone() else { return };
        if !std::mem::replace(&mut self.overdue.0, true) {
            return;
        }
        let (name, id) = (self.name(), delivery.message.id);
        let (message, _) = self.copy(&delivery);
        self.context.why_rule(COPY_FIRST, |_| {
            format!("Nobody has confirmed {name}'s copy of task {id}: it is published again.")
        });
        self.context.send(BROKER, Method::Publish { message });
    }

    /// The copy to retry is safe.
    fn copied(&mut self, id: TaskId) {
        let name = self.name();
        let Some(delivery) = self.moving.take_if(|moving| moving.message.id == id) else {
            self.context.why(|_| format!("{name} does not wait for a confirm of task {id}."));
            return;
        };
        *self.overdue = Later(false);
        self.context.why_rule(COPY_FIRST, |_| format!("The copy of task {id} is safe: {name} acknowledges the task."));
        self.settle(&delivery, Settle::Ack);
        self.begin();
    }

    /// basic.cancel: no more tasks from the queue. What it holds it does and acknowledges as before.
    fn cancel(&mut self) {
        let (name, held, connection) = (self.name(), self.held(), self.disk.last);
        if self.cancelled.0 {
            self.context.why(|_| format!("{name} has cancelled its consumer before."));
            return;
        }
        *self.cancelled = Later(true);
        self.context.why(|_| format!("{name} cancels its consumer; it still finishes what it holds ({held})."));
        if *self.connected {
            self.context.send(BROKER, Method::Cancel { connection });
        }
    }

    /// basic.cancel-ok
    fn off_the_queue(&mut self, connection: u32) {
        let name = self.name();
        *self.heard |= connection == self.disk.last;
        self.context.why(|_| format!("{name} hears that its consumer is cancelled: nothing more comes."));
    }

    /// basic.consume, on the connection that stands.
    fn consume_again(&mut self) {
        let (name, connection) = (self.name(), self.disk.last);
        if !self.cancelled.0 {
            self.context.why(|_| format!("{name} consumes already."));
            return;
        }
        *self.cancelled = Later(false);
        self.context.why(|_| format!("{name} consumes from the queue again."));
        if *self.connected {
            self.context.send(BROKER, Method::ConsumeAgain { connection });
        }
    }

    fn give_back(&mut self) {
        let name = self.name();
        let Some(delivery) = self.working.take() else {
            self.context.why(|_| format!("{name} has no task to give back."));
            return;
        };
        self.context.cancel_timer(Timer::Done);
        let id = delivery.message.id;
        self.context.why(|_| format!("{name} gives task {id} back to the queue."));
        self.settle(&delivery, Settle::Requeue);
        self.begin();
    }
}
