//! The clients: a producer that tries until it is acknowledged, and a consumer that reads on from its offset.

use super::{
    ACK_TIME, ACKS_ALL, ARRIVALS, BATCH, Broker, CONSUMER_ON, ClientMemory, Consumed, FETCH_WAIT, FIRST, IN_FLIGHT,
    Memory, Message, Note, PRODUCER, Produced, RATE, READ, RETRY, Replication, SETTLED, Timer, acks, node_of,
};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload;
use crate::sim::numbers::counted;

/// The pause before a request is tried again after an error: retry.backoff.ms.
const BACKOFF: u64 = 100 * MS;

pub(super) struct Client<'a, 'b> {
    /// The producer's last record, or the consumer's next offset.
    pub next: &'a mut u32,
    pub memory: &'a mut ClientMemory,
    pub context: &'a mut Context<'b, Replication>,
}

pub(super) fn boot_producer(context: &mut Context<Replication>) -> Memory {
    arm_arrival(context);
    Memory::Client(first_known(context))
}

/// What a client knows at the start.
fn first_known(context: &Context<Replication>) -> ClientMemory {
    let leader = context.settings().is_on(SETTLED).then_some((0, 1));
    ClientMemory { leader, ..ClientMemory::default() }
}

pub(super) fn boot_consumer(context: &mut Context<Replication>) -> Memory {
    let memory = first_known(context);
    if context.settings().is_on(CONSUMER_ON) {
        context.set_timer(Timer::Again, 30 * MS);
        if let Some((leader, _)) = memory.leader {
            context.send(node_of(leader), Message::Consume { offset: 0 });
        }
    }
    Memory::Client(memory)
}

/// Arms the next arrival. With no load the producer looks now and then whether there is one.
fn arm_arrival(context: &mut Context<Replication>) {
    let rate = context.amount(RATE);
    if let Some(gap) = workload::poisson(context, ARRIVALS, rate) {
        context.set_timer(Timer::Arrival, gap);
    } else {
        context.set_timer(Timer::Arrival, 1_000 * MS);
    }
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Replication>) {
        match event {
            Event::Timer(Timer::Arrival) => self.arrival(),
            Event::Timer(_) => self.ask(),
            Event::Command(call) => self.produce(call.value(0).clamp(1, IN_FLIGHT as i64)),
            Event::Message { message: Message::ProduceAnswer { id, produced }, .. } => self.produced(id, produced),
            Event::Message { message: Message::ConsumeAnswer { offset, consumed }, .. } => {
                self.consumed(offset, consumed)
            }
            Event::Message { message: Message::Leads { leader, epoch }, .. } => self.learned(leader, epoch),
            Event::Message { .. } => self.context.pass_over(),
        }
    }

    fn arrival(&mut self) {
        arm_arrival(self.context);
        if self.context.amount(RATE) == 0 {
            self.context.why(|_| "No records are to be produced for now.".to_owned());
            return;
        }
        self.produce(1);
    }

    fn produce(&mut self, count: i64) {
        for _ in 0..count {
            if self.memory.unacked.len() >= IN_FLIGHT {
                self.context.why(|_| format!("{IN_FLIGHT} records are under way: the producer has to wait."));
                break;
            }
            *self.next += 1;
            self.first_send(*self.next);
        }
    }

    fn first_send(&mut self, id: u32) {
        let acks = acks(self.context.settings(), self.context.rule(ACKS_ALL));
        self.context.why_rule(ACKS_ALL, |_| match acks {
            -1 => format!("Record {id} is new; the producer wants it from all in-sync replicas."),
            _ => format!("Record {id} is new; the producer asked only for acks={acks}."),
        });
        let now = self.context.now();
        self.memory.unacked.push((id, now));
        match self.memory.leader {
            Some((leader, _)) => self.send(leader, id),
            None => self.ask(),
        }
    }

    fn send(&mut self, leader: Broker, id: u32) {
        let acks = acks(self.context.settings(), self.context.rule(ACKS_ALL));
        self.context.send(node_of(leader), Message::Produce { id, acks });
        if acks == 0 {
            // Sent is all that this producer wants to know.
            self.memory.unacked.retain(|open| open.0 != id);
            self.context.note(Note::Acked { id, offset: None });
        }
        self.context.set_timer(Timer::Again, RETRY);
    }

    /// Asks the next broker who leads, as long as there is something to do.
    fn ask(&mut self) {
        if self.context.me() == PRODUCER && self.memory.unacked.is_empty() {
            self.context.why(|_| "Every record is acknowledged: nothing to ask for.".to_owned());
            return;
        }
        let brokers = (self.context.nodes() - FIRST) as Broker;
        let turn = self.memory.turn % brokers.max(1);
        self.memory.turn = (turn + 1) % brokers.max(1);
        self.context.why(|_| format!("The client asks broker {} who leads.", turn + 1));
        self.context.send(node_of(turn), Message::WhoLeads);
        self.context.set_timer(Timer::Again, RETRY);
    }

    fn learned(&mut self, leader: Option<Broker>, epoch: u16) {
        let newer = self.memory.leader.is_none_or(|(_, known)| epoch >= known);
        match leader.filter(|_| newer) {
            Some(leader) => {
                self.memory.leader = Some((leader, epoch));
                self.context.why(|_| format!("Broker {} leads epoch {epoch}: the client turns to it.", leader + 1));
                self.go_on(leader);
            }
            None => {
                self.context.why(|_| "No leader, or an old one: the client asks another broker soon.".to_owned());
                self.context.set_timer(Timer::Again, BACKOFF);
            }
        }
    }

    fn go_on(&mut self, leader: Broker) {
        if self.context.me() == PRODUCER {
            let open: Vec<u32> = self.memory.unacked.iter().map(|open| open.0).collect();
            open.into_iter().for_each(|id| self.send(leader, id));
        } else {
            self.context.send(node_of(leader), Message::Consume { offset: *self.next });
            self.context.set_timer(Timer::Again, 2 * FETCH_WAIT);
        }
    }

    fn produced(&mut self, id: u32, produced: Produced) {
        let Produced::At(offset) = produced else {
            self.context.why(|_| match produced {
                Produced::NotEnoughReplicas => {
                    format!("Too few are in sync for record {id}: the producer tries again.")
                }
                _ => format!("The broker leads no more: record {id} goes to the next leader."),
            });
            self.context.set_timer(Timer::Again, BACKOFF);
            return;
        };
        let Some(at) = self.memory.unacked.iter().position(|open| open.0 == id) else {
            self.context.why(|_| format!("Record {id} was acknowledged before."));
            return;
        };
        let (_, since) = self.memory.unacked.remove(at);
        let took = self.context.now().saturating_sub(since);
        self.context.observe(ACK_TIME, 0, took);
        self.context.note(Note::Acked { id, offset: Some(offset) });
        self.context.why(|_| format!("Record {id} is acknowledged, at offset {offset}."));
        if self.memory.unacked.is_empty() {
            self.context.cancel_timer(Timer::Again);
        }
    }

    fn consumed(&mut self, offset: u32, consumed: Consumed) {
        if offset != *self.next {
            self.context.why(|_| format!("The consumer is past offset {offset}: the answer is an old one."));
            return;
        }
        match consumed {
            Consumed::Records(records) => {
                debug_assert!(records.len() <= BATCH);
                for (at, entry) in (offset..).zip(records.iter()) {
                    self.context.note(Note::Read { id: entry.id, offset: at });
                }
                *self.next = offset + records.len() as u32;
                let next = *self.next;
                self.context.count(READ, 0, records.len() as u64);
                self.context.why(|_| {
                    format!(
                        "The consumer reads {}; its next offset is {next}.",
                        counted(records.len() as u64, "record")
                    )
                });
                if let Some((leader, _)) = self.memory.leader {
                    self.go_on(leader);
                }
            }
            Consumed::NotLeader => {
                self.context.why(|_| "The broker does not lead: the consumer asks who does.".to_owned());
                self.context.set_timer(Timer::Again, BACKOFF);
            }
            Consumed::Range { start, end } => {
                *self.next = offset.clamp(start, end);
                let next = *self.next;
                self.context.why(|_| format!("Offset {offset} is not in the log: the consumer continues at {next}."));
                self.context.set_timer(Timer::Again, BACKOFF);
            }
        }
    }
}
