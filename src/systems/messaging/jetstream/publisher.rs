//! The publisher: gives each task an id, and sends it again until it is confirmed or too old to be recognised.

use super::cluster::{home, stay, turn};
use super::stream::{PubAck, Task};
use super::{ARRIVALS, Disk, JetStream, Memory, Message, Note, RATE, RETRY, Timer, WINDOW, WITHIN};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload::poisson;

/// The most tasks that wait for their PubAck; beyond it the publisher holds back.
const MOST_UNCONFIRMED: usize = 60;
/// How often it looks for a rate when there is none.
const IDLE: Time = SEC / 2;

pub(super) struct Publisher<'a, 'b> {
    pub disk: &'a mut Disk,
    pub unconfirmed: &'a mut Vec<Task>,
    pub context: &'a mut Context<'b, JetStream>,
}

pub(super) fn boot(context: &mut Context<JetStream>) -> Memory {
    await_task(context);
    Memory::Publisher { unconfirmed: Vec::new() }
}

fn await_task(context: &mut Context<JetStream>) {
    let rate = context.amount(RATE);
    let delay = poisson(context, ARRIVALS, rate).unwrap_or(IDLE);
    context.set_timer(Timer::Arrival, delay);
}

impl Publisher<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<JetStream>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                await_task(self.context);
                match self.context.amount(RATE) {
                    0 => self.context.why(|_| "No tasks are published: the rate is 0.".to_owned()),
                    _ => self.publish(1, false),
                }
            }
            Event::Timer(Timer::Republish(id)) => self.republish(id),
            Event::Command(call) => match call.command {
                super::PUBLISH => self.publish(call.value(0).max(1), false),
                _ => self.publish(1, true),
            },
            Event::Message { from, message: Message::PubAck { id, ack } } => {
                stay(self.disk, from, self.context);
                self.answered(id, ack);
            }
            Event::Message { message: Message::Advisory { seq, times }, .. } => {
                self.context
                    .why(|_| format!("Somebody should look at message {seq}: {times} deliveries did not help."));
            }
            _ => self.context.pass_over(),
        }
    }

    fn publish(&mut self, count: i64, poison: bool) {
        for _ in 0..count {
            if self.unconfirmed.len() >= MOST_UNCONFIRMED {
                let most = MOST_UNCONFIRMED;
                return self.context.why(|_| format!("{most} tasks are unconfirmed: the publisher holds back."));
            }
            self.disk.last += 1;
            let now = self.context.now();
            let task = Task { id: self.disk.last, poison, published: now };
            self.unconfirmed.push(task);
            let id = task.id;
            self.context
                .why(|_| format!("The publisher sends task {id} with Nats-Msg-Id {id}, and waits for its PubAck."));
            self.context.send(home(self.disk, self.context), Message::Publish { task });
            self.context.set_timer(Timer::Republish(id), RETRY);
        }
    }

    fn answered(&mut self, id: u32, ack: PubAck) {
        let known = self.unconfirmed.iter().any(|task| task.id == id);
        self.unconfirmed.retain(|task| task.id != id);
        self.context.cancel_timer(Timer::Republish(id));
        self.context.why(|_| match (known, ack) {
            (false, _) => format!("Task {id} was answered before."),
            (_, PubAck::Stored { seq }) => format!("Task {id} is stored as message {seq}."),
            (_, PubAck::Duplicate { seq }) => format!("Task {id} had been stored before, as message {seq}."),
            (_, PubAck::Refused) => format!("Task {id} was refused: the publisher knows that it will not be done."),
        });
        if known && ack != PubAck::Refused {
            self.context.note(Note::Confirmed { id });
        }
    }

    /// Sends a task again that was not confirmed, as long as a copy is sure to be recognised.
    fn republish(&mut self, id: u32) {
        let Some(task) = self.unconfirmed.iter().copied().find(|task| task.id == id) else {
            return self.context.why(|_| format!("Task {id} was confirmed before."));
        };
        let (now, within) = (self.context.now(), self.context.rule(WITHIN));
        // Two retries' time is left for the last copy to arrive.
        let patience = self.context.amount(WINDOW).saturating_sub(2 * RETRY);
        if within && now > task.published.saturating_add(patience) {
            self.unconfirmed.retain(|task| task.id != id);
            return self.context.why_rule(WITHIN, |_| {
                format!("Task {id} is so old that a copy might not be recognised: whether it is stored is not known.")
            });
        }
        self.context.why_rule(WITHIN, |_| format!("Task {id} has no PubAck yet: it is sent again, with the same id."));
        turn(self.disk, self.context);
        self.context.send(home(self.disk, self.context), Message::Publish { task });
        self.context.set_timer(Timer::Republish(id), RETRY);
    }
}
