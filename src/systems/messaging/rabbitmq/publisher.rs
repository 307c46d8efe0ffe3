//! The publisher: publishes at a rate, and again until each message is confirmed.

use std::rc::Rc;

use super::message::{Body, Envelope, Message, TaskId};
use super::topology::{self, Topology};
use super::{
    ADDRESSES, ARRIVALS, BROKER, BURSTS, CONFIRMS, Disk, FLAKY, MANDATORY, Memory, Method, Note, PERSISTENT, POISON,
    RATE, ROUTE, RabbitMq, Sent, TROUBLE, Timer, URGENT, words,
};
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::text;
use crate::sim::kernel::time::{MS, SEC, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload::{Shape, poisson};
use crate::sim::numbers::counted;

/// The most messages that wait for their confirm; beyond it the publisher holds back.
const MOST_UNCONFIRMED: usize = 100;
/// How long it waits for a confirm.
const PATIENCE: Time = 400 * MS;
/// How often it looks for a rate when there is none.
const IDLE: Time = 500 * MS;
/// The most messages that are published again at once, the oldest first.
const MOST_AGAIN: usize = 5;

pub(super) struct Publisher<'a, 'b> {
    pub disk: &'a mut Disk,
    pub unconfirmed: &'a mut Vec<Sent>,
    pub returned: &'a mut Option<TaskId>,
    pub context: &'a mut Context<'b, RabbitMq>,
}

pub(super) fn boot(context: &mut Context<RabbitMq>) -> Memory {
    await_task(context);
    context.set_timer(Timer::Republish, PATIENCE);
    Memory::Publisher { unconfirmed: Vec::new(), returned: None }
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

/// What the reader says of messages; the rest is as ever.
#[derive(Default)]
struct Wish {
    envelope: Option<Envelope>,
    body: Option<Body>,
    priority: u8,
}

/// What the work on a task will come to, by its number: the reader's settings say how many are trouble.
fn body(context: &Context<RabbitMq>, id: TaskId) -> Body {
    let (poison, flaky) = (context.amount(POISON), context.amount(FLAKY));
    if topology::of(context.settings()) != Topology::Retries {
        Body::Plain
    } else if poison > 0 && u64::from(id) % poison == poison / 2 {
        Body::Poison
    } else if u64::from(id) * 37 % 100 < flaky {
        Body::Flaky
    } else {
        Body::Plain
    }
}

impl Publisher<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                await_task(self.context);
                match self.context.amount(RATE) {
                    0 => self.context.why(|_| "Nothing is published: the rate is 0.".to_owned()),
                    _ => self.publish(1, &Wish::default()),
                }
            }
            Event::Timer(Timer::Republish) => self.republish(),
            Event::Command(call) => self.command(&call),
            Event::Message { message: Method::Confirm { id }, .. } => self.confirmed(id),
            Event::Message { message: Method::Refuse { id }, .. } => self.refused(id),
            Event::Message { message: Method::Return { id }, .. } => self.came_back(id),
            _ => self.context.pass_over(),
        }
    }

    fn command(&mut self, call: &CommandCall) {
        let count = |index| call.value(index).clamp(1, 50) as u32;
        match call.command {
            ROUTE => {
                let exchange = words::exchange_of(call.value(0));
                let key = call.text(1);
                let headers = words::headers(call.value(1 + text::VALUES), call.value(2 + text::VALUES));
                let envelope = Some(Envelope { exchange, key, headers });
                self.publish(1, &Wish { envelope, ..Wish::default() });
            }
            TROUBLE => {
                let body = match call.value(0) {
                    1 => Body::Flaky,
                    2 => Body::Poison,
                    3 => Body::Deadly,
                    _ => Body::Plain,
                };
                self.publish(count(1), &Wish { body: Some(body), ..Wish::default() });
            }
            URGENT => {
                let priority = call.value(1).clamp(0, i64::from(u8::MAX)) as u8;
                self.publish(count(0), &Wish { priority, ..Wish::default() });
            }
            _ => self.publish(count(0), &Wish::default()),
        }
    }

    fn publish(&mut self, count: u32, wish: &Wish) {
        let room = MOST_UNCONFIRMED.saturating_sub(self.unconfirmed.len()) as u32;
        let count = count.min(room);
        let (first, confirms) = (self.disk.last + 1, self.context.rule(CONFIRMS));
        self.context.why_rule(CONFIRMS, |_| match (count, confirms) {
            (0, _) => format!("{MOST_UNCONFIRMED} messages are unconfirmed: the publisher holds back."),
            (1, true) => format!("The publisher sends message {first}, and waits for its confirm."),
            (_, true) => {
                format!("The publisher sends messages {first} to {}, and waits for confirms.", first + count - 1)
            }
            (1, false) => format!("The publisher sends message {first}, and considers it safe."),
            (_, false) => {
                format!("The publisher sends messages {first} to {}, and considers them safe.", first + count - 1)
            }
        });
        if wish.priority > 0 {
            self.context.why(|_| format!("They are urgent: their priority is {}.", wish.priority));
        }
        let topology = topology::of(self.context.settings());
        for _ in 0..count {
            self.disk.last += 1;
            let id = self.disk.last;
            let envelope = match (&wish.envelope, topology) {
                (Some(given), _) => given.clone(),
                (None, Topology::Routing) => words::random_envelope(self.context.draw(ADDRESSES)),
                (None, _) => topology::address(topology),
            };
            let body = wish.body.unwrap_or_else(|| body(self.context, id));
            self.send(id, envelope, body, wish.priority);
        }
    }

    fn send(&mut self, id: TaskId, envelope: Envelope, body: Body, priority: u8) {
        let message = Message {
            id,
            published: self.context.now(),
            persistent: self.context.rule(PERSISTENT),
            mandatory: self.context.rule(MANDATORY),
            expiration: None,
            attempt: 0,
            body,
            envelope: Rc::new(envelope),
            deaths: Vec::new(),
            priority,
        };
        if self.context.rule(CONFIRMS) {
            self.unconfirmed.push(Sent { message: message.clone(), returned: false });
        } else {
            self.is_safe(&message);
        }
        self.context.send(BROKER, Method::Publish { message });
    }

    /// From now on the publisher does not think of it.
    fn is_safe(&mut self, message: &Message) {
        let healthy = message.body == Body::Plain;
        self.context.note(Note::Confirmed { id: message.id, published: message.published, healthy });
    }

    fn confirmed(&mut self, id: TaskId) {
        let Some(at) = self.unconfirmed.iter().position(|sent| sent.message.id == id) else {
            self.context.why(|_| format!("Message {id} was settled before."));
            return;
        };
        if self.unconfirmed[at].returned {
            self.unconfirmed[at].returned = false;
            self.context.why(|_| format!("Message {id} came back before: this confirm does not make it safe."));
            return;
        }
        self.context.why(|_| format!("Message {id} is confirmed: from now on the broker is responsible for it."));
        let sent = self.unconfirmed.remove(at);
        self.is_safe(&sent.message);
    }

    fn refused(&mut self, id: TaskId) {
        self.unconfirmed.retain(|sent| sent.message.id != id);
        self.context.why(|_| format!("Message {id} was refused: the publisher knows that it is not safe."));
    }

    /// basic.return. Where routing is free the publisher learns of it and gives up; else the queue will be there again.
    fn came_back(&mut self, id: TaskId) {
        *self.returned = Some(id);
        if topology::of(self.context.settings()) == Topology::Routing {
            self.unconfirmed.retain(|sent| sent.message.id != id);
            self.context.why(|_| format!("Message {id} comes back: no queue wants it, and the publisher knows."));
            return;
        }
        if let Some(sent) = self.unconfirmed.iter_mut().find(|sent| sent.message.id == id) {
            sent.returned = true;
        }
        self.context.why(|_| format!("Message {id} comes back: its queue is gone. It will be published again."));
    }

    fn republish(&mut self) {
        self.context.set_timer(Timer::Republish, PATIENCE);
        let now = self.context.now();
        let is_overdue = |sent: &&Sent| now >= sent.message.published.saturating_add(PATIENCE);
        let overdue: Vec<Message> =
            self.unconfirmed.iter().filter(is_overdue).take(MOST_AGAIN).map(|sent| sent.message.clone()).collect();
        let count = overdue.len();
        self.context.why(|_| match count {
            0 => "Every message was confirmed in time.".to_owned(),
            _ => format!("No confirm in time: the publisher sends {} again.", counted(count as u64, "message")),
        });
        for message in overdue {
            self.context.send(BROKER, Method::Publish { message });
        }
    }
}
