//! The relay: reads the log, gives each order to RabbitMQ as a task, and commits its offset.

use std::rc::Rc;

use super::{BATCH, CONFIRM_FIRST, KAFKA, Memory, Message, OrderPlatform, RABBIT, RETRY, Reader, Timer, is_declined};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::counted;
use crate::systems::messaging::kafka::Message as Log;
use crate::systems::messaging::kafka::wire::{Badge, Fetched, Standing};
use crate::systems::messaging::rabbitmq::Method;
use crate::systems::messaging::rabbitmq::message::{Body, Message as Task};
use crate::systems::messaging::rabbitmq::topology::{self, Topology};

/// How long it takes to make out the tasks: the customer's card is looked up.
const MAKING: Micros = 20 * MS;

pub(super) struct Relay<'a, 'b> {
    pub reader: &'a mut Reader,
    pub waiting: &'a mut Vec<u32>,
    pub context: &'a mut Context<'b, OrderPlatform>,
}

/// The relay asks Kafka where its group has come to.
pub(super) fn boot(context: &mut Context<OrderPlatform>) -> Memory {
    context.set_timer(Timer::Retry, MS);
    Memory::Relay { reader: Reader::default(), waiting: Vec::new() }
}

impl Reader {
    /// Asks where to begin, or for what comes next.
    pub(super) fn ask(&mut self, context: &mut Context<OrderPlatform>) {
        let message = match self.next {
            None => Log::Where { partitions: Rc::new(vec![0]) },
            Some(next) => Log::Fetch { positions: Rc::new(vec![(0, next)]) },
        };
        self.fetching = self.next.is_some();
        context.send(KAFKA, Message::Kafka(message));
        context.set_timer(Timer::Retry, RETRY);
    }

    /// Commits under the group's name. Its answer tells nothing new.
    pub(super) fn commit(&self, context: &mut Context<OrderPlatform>) {
        if let Some(next) = self.next {
            let message = Log::Commit { badge: Badge::default(), offsets: Rc::new(vec![(0, next)]) };
            context.send(KAFKA, Message::Kafka(message));
        }
    }

    /// Learns what its group has committed; false when it knew where it is.
    pub(super) fn located(&mut self, found: &[Standing]) -> bool {
        let begins = self.next.is_none();
        if begins {
            self.next = Some(found.first().and_then(|at| at.committed).unwrap_or(0));
        }
        begins
    }

    /// The orders that a fetch has brought, once; the next one goes on behind them.
    pub(super) fn read(&mut self, parts: &[Fetched]) -> Vec<u32> {
        let part = parts.iter().find(|part| self.fetching && Some(part.from) == self.next);
        let orders: Vec<u32> = part.iter().flat_map(|part| part.records.iter()).map(|record| record.number).collect();
        if let Some(next) = self.next.as_mut().filter(|_| part.is_some()) {
            *next += orders.len() as u32;
        }
        self.fetching &= part.is_none();
        orders
    }
}

impl Relay<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<OrderPlatform>) {
        match event {
            Event::Timer(Timer::Retry) => self.retry(),
            Event::Timer(Timer::Hand) => self.hand(),
            Event::Message { message: Message::Kafka(message), .. } => self.told(&message),
            Event::Message { message: Message::Rabbit(Method::Confirm { id }), .. } => self.confirmed(id),
            Event::Message { message: Message::Rabbit(Method::Return { id } | Method::Refuse { id }), .. } => {
                self.context.why(|_| format!("RabbitMQ does not take the task of order {id} now: it is sent again."));
            }
            _ => self.context.pass_over(),
        }
    }

    fn told(&mut self, message: &Log) {
        match message {
            Log::Standings(found) => {
                let begins = self.reader.located(found);
                let next = self.reader.next.unwrap_or(0);
                self.context.why(|_| match begins {
                    true => format!("The relay resumes at offset {next}, which it has committed."),
                    false => "The relay knows where it is.".to_owned(),
                });
                if begins {
                    self.reader.ask(self.context);
                }
            }
            Log::Records(parts) => self.read(parts),
            _ => self.context.why(|_| "Kafka has taken the relay's offset.".to_owned()),
        }
    }

    fn read(&mut self, parts: &[Fetched]) {
        if !self.waiting.is_empty() {
            return self.context.why(|_| "The relay still has orders in hand: this is an old answer.".to_owned());
        }
        let orders = self.reader.read(parts);
        if orders.is_empty() {
            self.context.why(|_| "The relay has read all there is, and asks for more.".to_owned());
            return self.reader.ask(self.context);
        }
        let (count, first) = (orders.len(), self.context.rule(CONFIRM_FIRST));
        self.waiting.extend(orders.into_iter().take(BATCH as usize));
        self.context.why_rule(CONFIRM_FIRST, |_| match first {
            true => {
                let orders = counted(count as u64, "order");
                format!("The relay makes tasks of {orders}. It will commit when RabbitMQ has confirmed them.")
            }
            false => {
                format!("The relay commits {} first, and makes tasks of them then.", counted(count as u64, "order"))
            }
        });
        if !first {
            self.reader.commit(self.context);
        }
        self.context.set_timer(Timer::Hand, MAKING);
        self.context.set_timer(Timer::Retry, RETRY);
    }

    /// Publishes what is not confirmed.
    fn hand(&mut self) {
        let waiting = self.waiting.clone();
        self.context.why(|_| match waiting.len() {
            0 => "The relay has no task to hand over.".to_owned(),
            count => {
                let tasks = counted(count as u64, "task");
                format!("The relay publishes {tasks}, persistent and mandatory, and waits to see them confirmed.")
            }
        });
        for order in waiting {
            let declined = is_declined(self.context.settings(), order);
            let task = Task {
                id: order,
                published: self.context.now(),
                persistent: true,
                mandatory: true,
                expiration: None,
                attempt: 0,
                body: if declined { Body::Poison } else { Body::Plain },
                envelope: Rc::new(topology::address(Topology::Retries)),
                deaths: Vec::new(),
                priority: 0,
            };
            self.context.send(RABBIT, Message::Rabbit(Method::Publish { message: task }));
        }
    }

    fn confirmed(&mut self, id: u32) {
        let known = self.waiting.contains(&id);
        self.waiting.retain(|waiting| *waiting != id);
        let (left, next) = (self.waiting.len(), self.reader.next.unwrap_or(0));
        let first = self.context.rule(CONFIRM_FIRST);
        self.context.why_rule(CONFIRM_FIRST, |_| match (known, left) {
            (false, _) => format!("The task of order {id} was confirmed before."),
            (_, 0) if first => format!("RabbitMQ has every task: the relay commits offset {next}."),
            (_, 0) => "RabbitMQ has every task. The relay has committed them long before.".to_owned(),
            _ => format!("RabbitMQ has confirmed the task of order {id}; still without a confirm: {left}."),
        });
        if known && left == 0 {
            if first {
                self.reader.commit(self.context);
            }
            self.reader.ask(self.context);
        }
    }

    fn retry(&mut self) {
        if self.waiting.is_empty() {
            self.context.why(|_| "The relay asks Kafka for orders.".to_owned());
            self.reader.ask(self.context);
        } else {
            self.context.set_timer(Timer::Retry, RETRY);
            self.hand();
        }
    }
}
