//! The clients, as one node: commands at a steady rate, each sent again until it is answered.

use super::log::REMEMBERED;
use super::{COMMIT_LATENCY, COMMITTED, Message, PATIENCE, Paxos, RATE, Timer, Value, acceptors, send};
use crate::purposes;
use crate::sim::NodeId;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::measure::workload;

purposes! {
    ARRIVAL_DRAW;
    VALUE_DRAW;
}
/// The most commands that wait for their answers.
const MOST_WAITING: usize = 32;
/// How often the clients look again when they have nothing to send.
const LOOK_AGAIN: Time = 500_000;

/// A command that was sent and not yet answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// What it is.
    pub value: Value,
    /// When it was first sent, on the clients' clock.
    pub since: Time,
}

/// What the clients remember.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clients {
    /// Commands without an answer.
    pub waiting: Vec<Waiting>,
    /// The server they take for leader.
    pub leader: NodeId,
}

pub(super) fn boot(context: &mut Context<Paxos>) -> Clients {
    await_arrival(context);
    context.why(|_| "The clients begin. They assume that the first server leads.".to_owned());
    Clients { waiting: Vec::new(), leader: NodeId(0) }
}

fn await_arrival(context: &mut Context<Paxos>) {
    let rate = context.amount(RATE);
    let delay = workload::poisson(context, ARRIVAL_DRAW, rate).unwrap_or(LOOK_AGAIN);
    context.set_timer(Timer::Arrival, delay);
}

impl Clients {
    pub(super) fn handle(&mut self, asked: &mut u32, event: Event<Paxos>, context: &mut Context<Paxos>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                await_arrival(context);
                if context.amount(RATE) == 0 {
                    context.why(|_| "The clients send nothing of their own: the rate is 0.".to_owned());
                    return;
                }
                let (register, value) = (context.draw(VALUE_DRAW) % 3, context.draw(VALUE_DRAW) % 10);
                self.ask(asked, register as u8, value as i16, context);
            }
            Event::Command(call) => self.ask(asked, call.value(0) as u8, call.value(1) as i16, context),
            Event::Timer(Timer::Overdue(id)) => self.ask_everyone(id, context),
            Event::Message { from, message: Message::Answer { id } } => self.answered(from, id, context),
            Event::Message { from, message: Message::Redirect { id, leader } } => {
                self.redirected(from, id, leader, context);
            }
            Event::Message { .. } | Event::Timer(_) => context.why(|_| "This is not for clients.".to_owned()),
        }
    }

    /// A new command.
    fn ask(&mut self, asked: &mut u32, register: u8, value: i16, context: &mut Context<Paxos>) {
        if self.waiting.len() >= MOST_WAITING {
            context.why(|_| format!("{MOST_WAITING} commands wait for an answer: no more are sent."));
            return;
        }
        // Further ahead, servers would take the oldest for a command that they have seen.
        let oldest = self.waiting.first().map(|waiting| waiting.value.id);
        if let Some(oldest) = oldest.filter(|oldest| *asked - oldest + 1 >= REMEMBERED) {
            context.why(|_| format!("Request {oldest} has waited for long: no more are sent before it is answered."));
            return;
        }
        *asked += 1;
        let value = Value { id: *asked, register, value };
        let (to, since) = (self.leader, context.now());
        self.waiting.push(Waiting { value, since });
        context.why(|s| format!("A client sends {} request {}: {value}.", Paxos::name(s, to), value.id));
        self.send_to(to, value, context);
    }

    fn send_to(&mut self, to: NodeId, value: Value, context: &mut Context<Paxos>) {
        send(context, to, Message::Request { value });
        let patience = context.amount(PATIENCE);
        if patience > 0 {
            context.set_timer(Timer::Overdue(value.id), patience);
        }
    }

    /// No answer: the leader may be gone. Its successor will take the request.
    fn ask_everyone(&mut self, id: u32, context: &mut Context<Paxos>) {
        let Some(value) = self.find(id) else {
            context.why(|_| format!("Request {id} was answered; there is nothing to repeat."));
            return;
        };
        context.why(|_| format!("Nobody has answered request {id} in time: every server gets it."));
        for to in acceptors(context.settings()).map(NodeId::from) {
            self.send_to(to, value, context);
        }
    }

    fn find(&self, id: u32) -> Option<Value> {
        self.waiting.iter().find(|waiting| waiting.value.id == id).map(|waiting| waiting.value)
    }

    fn answered(&mut self, from: NodeId, id: u32, context: &mut Context<Paxos>) {
        self.leader = from;
        let Some(at) = self.waiting.iter().position(|waiting| waiting.value.id == id) else {
            context.why(|_| format!("Request {id} was answered before."));
            return;
        };
        let since = self.waiting.remove(at).since;
        let took = context.now().saturating_sub(since);
        context.observe(COMMIT_LATENCY, 0, took);
        context.count(COMMITTED, 0, 1);
        context.cancel_timer(Timer::Overdue(id));
        context.why(|s| format!("{} has answered request {id}: it is chosen and applied.", Paxos::name(s, from)));
    }

    fn redirected(&mut self, from: NodeId, id: u32, leader: Option<NodeId>, context: &mut Context<Paxos>) {
        let value = self.find(id).filter(|_| leader != Some(from) && self.leader == from);
        context.why(|s| {
            let from = Paxos::name(s, from);
            match (value, leader) {
                (Some(_), Some(leader)) => {
                    format!("{from} does not lead: request {id} goes to {}.", Paxos::name(s, leader))
                }
                (Some(_), None) => format!("{from} does not lead and knows nobody who does: request {id} waits."),
                (None, _) => format!("{from} does not lead. Request {id} is answered, or with another server."),
            }
        });
        if let (Some(value), Some(leader)) = (value, leader) {
            self.leader = leader;
            self.send_to(leader, value, context);
        }
    }
}
