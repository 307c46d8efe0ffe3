//! The publisher: publishes tasks at a rate, and again until each is confirmed.

use super::{ARRIVALS, BROKER, BURSTS, Disk, Memory, Message, Note, RATE, RabbitMq, Task, TaskId, Timer};
use crate::sim::system::{Context, Event};
use crate::sim::time::{MS, SEC, Time};
use crate::sim::workload::{Shape, poisson};

/// The most tasks that wait for their confirm; beyond it the publisher holds back.
const MOST_UNCONFIRMED: usize = 100;
/// How long it waits for a confirm.
const PATIENCE: Time = 400 * MS;
/// How often it looks for a rate when there is none.
const IDLE: Time = 500 * MS;
/// The most tasks that are published again at once, the oldest first.
const MOST_AGAIN: usize = 5;

pub(super) struct Publisher<'a, 'b> {
    pub disk: &'a mut Disk,
    pub unconfirmed: &'a mut Vec<Task>,
    pub context: &'a mut Context<'b, RabbitMq>,
}

pub(super) fn boot(context: &mut Context<RabbitMq>) -> Memory {
    await_task(context);
    context.set_timer(Timer::Republish, PATIENCE);
    Memory::Publisher { unconfirmed: Vec::new() }
}

fn await_task(context: &mut Context<RabbitMq>) {
    let shape = match context.settings().is_on(BURSTS) {
        true => Shape::Bursts { every: 2 * SEC, length: SEC / 2, times: 4 },
        false => Shape::Steady,
    };
    let rate = shape.rate(context.amount(RATE), context.now());
    let delay = poisson(context, ARRIVALS, rate).unwrap_or(IDLE);
    context.set_timer(Timer::Arrival, delay);
}

impl Publisher<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                await_task(self.context);
                match self.context.amount(RATE) {
                    0 => self.context.why(|_| "No tasks are published: the rate is 0.".to_owned()),
                    _ => self.publish(1),
                }
            }
            Event::Timer(Timer::Republish) => self.republish(),
            Event::Command(call) => self.publish(call.value(0).max(1) as u32),
            Event::Message { message: Message::Confirm { id }, .. } => self.confirmed(id),
            Event::Message { message: Message::Refuse { id }, .. } => self.refused(id),
            _ => self.context.why(|_| "The publisher has no use for this message.".to_owned()),
        }
    }

    fn publish(&mut self, count: u32) {
        let room = MOST_UNCONFIRMED.saturating_sub(self.unconfirmed.len()) as u32;
        let count = count.min(room);
        let first = self.disk.last + 1;
        self.context.why(|_| match count {
            0 => format!("{MOST_UNCONFIRMED} tasks are unconfirmed: the publisher holds back."),
            1 => format!("The publisher sends task {first}, persistent, and waits for its confirm."),
            _ => format!("The publisher sends tasks {first} to {}, and waits for their confirms.", first + count - 1),
        });
        for _ in 0..count {
            self.disk.last += 1;
            let task = Task { id: self.disk.last, published: self.context.now(), redelivered: false };
            self.unconfirmed.push(task);
            self.context.send(BROKER, Message::Publish { task });
        }
    }

    fn confirmed(&mut self, id: TaskId) {
        let known = self.unconfirmed.iter().any(|task| task.id == id);
        self.unconfirmed.retain(|task| task.id != id);
        self.context.why(|_| match known {
            true => format!("Task {id} is confirmed: from now on it is the broker's."),
            false => format!("Task {id} was confirmed before."),
        });
        if known {
            self.context.note(Note::Confirmed { id });
        }
    }

    fn refused(&mut self, id: TaskId) {
        self.unconfirmed.retain(|task| task.id != id);
        self.context.why(|_| format!("Task {id} was refused: the publisher knows that it will not be done."));
    }

    fn republish(&mut self) {
        self.context.set_timer(Timer::Republish, PATIENCE);
        let now = self.context.now();
        let is_overdue = |task: &Task| now >= task.published.saturating_add(PATIENCE);
        let overdue: Vec<Task> = self.unconfirmed.iter().copied().filter(is_overdue).take(MOST_AGAIN).collect();
        let count = overdue.len();
        self.context.why(|_| match count {
            0 => "Every task was confirmed in time.".to_owned(),
            _ => format!("{count} tasks were not confirmed in time: they are published again."),
        });
        for task in overdue {
            self.context.send(BROKER, Message::Publish { task });
        }
    }
}
