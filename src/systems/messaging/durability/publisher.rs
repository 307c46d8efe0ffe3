//! A publisher: numbers its messages, and sends each again until it is confirmed.
//!
//! RabbitMQ's and JetStream's may ask any server, and one that does not lead passes the message on. Kafka's asks who leads.

use super::{
    CONFIRM_TIME, CONFIRMED, Durability, IDLE, LATENCY, Lane, MOST_OPEN, Memory, Message, Note, Outbox, RATE,
    REPLICATED, RETRY, Timer, part, server, server_count,
};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;
use crate::systems::messaging::kafka_replication::{self as kafka, Produced};

pub(super) struct Publisher<'a, 'b> {
    pub last: &'a mut u32,
    pub outbox: &'a mut Outbox,
    pub context: &'a mut Context<'b, Durability>,
}

pub(super) fn boot(context: &mut Context<Durability>) -> Memory {
    await_load(context);
    // Kafka's partition begins with broker 1 leading epoch 1.
    Memory::Publisher(Outbox { epoch: 1, ..Outbox::default() })
}

fn await_load(context: &mut Context<Durability>) {
    let period = SEC.checked_div(context.amount(RATE));
    let delay = period.map_or(IDLE, |period| period - context.now() % period);
    context.set_timer(Timer::Load, delay);
}

impl Publisher<'_, '_> {
    fn lane(&self) -> Lane {
        part(self.context.settings(), self.context.me()).0
    }

    fn servers(&self) -> u8 {
        server_count(self.context.settings(), self.lane()) as u8
    }

    pub(super) fn handle(&mut self, event: Event<Durability>) {
        match event {
            Event::Timer(Timer::Load) => {
                await_load(self.context);
                match self.context.settings().is_on(RATE) {
                    true => self.publish(1),
                    false => self.context.why(|_| "Nothing is to be published: the rate is 0.".to_owned()),
                }
            }
            Event::Timer(Timer::Again) => self.look(),
            Event::Timer(_) => self.again(),
            Event::Command(call) => self.publish(call.value(1).clamp(1, 5)),
            Event::Message { from, message: Message::Confirm { id } } => {
                if let (_, super::Part::Server(number)) = part(self.context.settings(), from) {
                    self.outbox.home = number as u8;
                }
                self.confirmed(id);
            }
            Event::Message { message: Message::Kafka(message), .. } => self.kafka_said(&message),
            Event::Message { .. } => self.context.pass_over(),
        }
    }

    fn publish(&mut self, count: i64) {
        let lane = self.lane();
        for _ in 0..count {
            if self.outbox.open.len() >= MOST_OPEN {
                self.context.why(|_| format!("{MOST_OPEN} messages are not confirmed: the publisher holds back."));
                break;
            }
            *self.last += 1;
            let (id, now) = (*self.last, self.context.now());
            self.outbox.open.push((id, now));
            self.context.note(Note::Sent { lane });
            self.context.why(|_| format!("Message {id} is new: it counts as safe once {} confirms it.", lane.title()));
            self.send(id);
        }
    }

    fn send(&mut self, id: u32) {
        let lane = self.lane();
        let to = server(self.context.settings(), lane, usize::from(self.outbox.home % self.servers()));
        let message = match lane {
            Lane::Kafka => {
                let acks = if self.context.rule(REPLICATED) { -1 } else { 1 };
                Message::Kafka(kafka::Message::Produce { id, acks })
            }
            _ => Message::Publish { id, passed: false },
        };
        self.context.send(to, message);
        if !self.context.has_timer(Timer::Again) {
            self.context.set_timer(Timer::Again, RETRY);
        }
    }

    /// Whether the oldest open message has waited for too long.
    fn look(&mut self) {
        let due = self.outbox.open.first().map(|open| open.1.saturating_add(RETRY));
        match due.and_then(|due| due.checked_sub(self.context.now())).filter(|left| *left > 0) {
            Some(left) => {
                self.context.why(|_| "No message has waited for its confirm for too long.".to_owned());
                self.context.set_timer(Timer::Again, left);
            }
            None => self.again(),
        }
    }

    /// Sends all that is open to whoever is asked now.
    fn send_open(&mut self) {
        let open: Vec<u32> = self.outbox.open.iter().map(|open| open.0).collect();
        open.into_iter().for_each(|id| self.send(id));
    }

    /// Nothing came: the next server is asked.
    fn again(&mut self) {
        if self.outbox.open.is_empty() {
            return self.context.why(|_| "Every message is confirmed: nothing to send again.".to_owned());
        }
        let lane = self.lane();
        self.outbox.home = (self.outbox.home + 1) % self.servers();
        let next = self.outbox.home;
        let to = server(self.context.settings(), lane, usize::from(next));
        match lane {
            Lane::Kafka => {
                self.context.why(|_| format!("No confirm came: the publisher asks broker {} who leads.", next + 1));
                self.context.send(to, Message::Kafka(kafka::Message::WhoLeads));
                self.context.set_timer(Timer::Again, RETRY);
            }
            _ => {
                let open = self.outbox.open.len() as u64;
                self.context.why(|settings| {
                    format!(
                        "No confirm came: {} again, to {}.",
                        counted(open, "message"),
                        Durability::name(settings, to)
                    )
                });
                self.send_open();
            }
        }
    }

    fn confirmed(&mut self, id: u32) {
        let lane = self.lane();
        let Some(at) = self.outbox.open.iter().position(|open| open.0 == id) else {
            return self.context.why(|_| format!("Message {id} was confirmed before."));
        };
        let (_, since) = self.outbox.open.remove(at);
        let took = self.context.now().saturating_sub(since);
        self.context.observe(CONFIRM_TIME, lane as u16, took);
        self.context.count(CONFIRMED, lane as u16, 1);
        self.context.note(Note::Confirmed { lane, id });
        self.context.why(|_| format!("Message {id} is confirmed: the publisher forgets it."));
        if self.outbox.open.is_empty() {
            self.context.cancel_timer(Timer::Again);
        }
    }

    fn kafka_said(&mut self, message: &kafka::Message) {
        match *message {
            kafka::Message::ProduceAnswer { id, produced: Produced::At(_) } => self.confirmed(id),
            kafka::Message::ProduceAnswer { id, produced } => {
                self.context.why(|_| match produced {
                    Produced::NotEnoughReplicas => format!("Too few are in sync for message {id}: again, soon."),
                    _ => format!("That broker does not lead: message {id} goes to the one that does."),
                });
                self.context.set_timer(Timer::Ask, 20 * LATENCY);
            }
            kafka::Message::Leads { leader: Some(leader), epoch } if epoch >= self.outbox.epoch => {
                (self.outbox.home, self.outbox.epoch) = (leader, epoch);
                self.context
                    .why(|_| format!("Broker {} leads epoch {epoch}: all that is open goes there.", leader + 1));
                self.send_open();
            }
            kafka::Message::Leads { .. } => {
                self.context.why(|_| "No leader, or an old one: the publisher asks another broker soon.".to_owned());
                self.context.set_timer(Timer::Ask, 20 * LATENCY);
            }
            _ => self.context.pass_over(),
        }
    }
}
