//! The client: sends orders one at a time, and waits for each answer.

use super::{
    ABORTED, ARRIVALS, CLIENT, COMMITTED, COORDINATOR, Disk, LATENCY_SEEN, Memory, Message, NO_VOTES, RATE, Timer,
    TwoPhaseCommit, Tx, VETO, client_patience, participants, word,
};
use crate::sim::judge::history::{Answer, Ask, OpId};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload::poisson;

/// The most orders that wait for their turn; more are turned away.
const LONGEST_QUEUE: usize = 8;
/// How often a client without orders looks whether its rate was turned up.
const IDLE: Time = 500 * MS;

pub(super) struct Client<'a, 'b> {
    pub disk: &'a mut Disk,
    pub waiting: &'a mut Option<(Tx, OpId, Time)>,
    pub queue: &'a mut Vec<u8>,
    pub context: &'a mut Context<'b, TwoPhaseCommit>,
}

pub(super) fn boot(context: &mut Context<TwoPhaseCommit>) -> Memory {
    await_order(context);
    Memory::Client { waiting: None, queue: Vec::new() }
}

fn await_order(context: &mut Context<TwoPhaseCommit>) {
    let rate = context.amount(RATE);
    let delay = poisson(context, ARRIVALS, rate).unwrap_or(IDLE);
    context.set_timer(Timer::Arrival, delay);
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<TwoPhaseCommit>) {
        match event {
            Event::Timer(Timer::Arrival) => self.order_arrives(),
            Event::Timer(Timer::GiveUp(tx)) => self.give_up(tx),
            Event::Command(call) => {
                let known = participants(self.context.nodes()).count() as i64;
                self.enqueue(call.value(0).min(known) as u8);
            }
            Event::Message { message: Message::Outcome { tx, commit }, .. } => self.answered(tx, commit),
            Event::Message { .. } | Event::Timer(_) => {
                self.context.pass_over();
            }
        }
    }

    fn order_arrives(&mut self) {
        await_order(self.context);
        if self.context.amount(RATE) == 0 {
            self.context.why(|_| "No orders come in: the rate is 0.".to_owned());
            return;
        }
        let (chance, who) = (self.context.draw(VETO), self.context.draw(VETO));
        let says_no = random::chance(chance, self.context.amount(NO_VOTES) as u32 * 10_000);
        let known = participants(self.context.nodes()).count() as u64;
        self.enqueue(if says_no { 1 + random::below(who, known) as u8 } else { 0 });
    }

    fn enqueue(&mut self, veto: u8) {
        if self.queue.len() >= LONGEST_QUEUE {
            self.context.why(|_| format!("{LONGEST_QUEUE} orders wait already: this one is turned away."));
        } else if let Some((open, ..)) = *self.waiting {
            self.queue.push(veto);
            let waiting = self.queue.len();
            self.context.why(|_| format!("Order {open} is not answered yet: the new one waits, {waiting} in line."));
        } else {
            self.send(veto);
        }
    }

    fn send(&mut self, veto: u8) {
        self.disk.last = self.disk.last.saturating_add(1);
        let tx = self.disk.last;
        let op = self.context.invoke(0, Ask::Work(i64::from(tx)));
        *self.waiting = Some((tx, op, self.context.now()));
        self.context.why(|_| format!("The client asks for order {tx}: all of its parts or none."));
        self.context.send(COORDINATOR, Message::Request { tx, veto });
        let patience = client_patience(self.context);
        self.context.set_timer(Timer::GiveUp(tx), patience);
    }

    fn answered(&mut self, tx: Tx, commit: bool) {
        let Some((_, op, since)) = self.waiting.filter(|waiting| waiting.0 == tx) else {
            self.context.why(|_| format!("The client no longer waits for order {tx}."));
            return;
        };
        self.context.why(|_| format!("The client learns that order {tx} ended in {}.", word(commit)));
        self.context.answer(op, if commit { Answer::Ok } else { Answer::Failed });
        self.context.count(if commit { COMMITTED } else { ABORTED }, CLIENT.0, 1);
        let took = self.context.now().saturating_sub(since);
        self.context.observe(LATENCY_SEEN, CLIENT.0, took);
        self.context.cancel_timer(Timer::GiveUp(tx));
        self.next();
    }

    fn give_up(&mut self, tx: Tx) {
        self.context.why(|_| format!("The client has no answer to order {tx}. It cannot know whether it was done."));
        if let Some((_, op, _)) = self.waiting.filter(|waiting| waiting.0 == tx) {
            self.context.answer(op, Answer::Unknown);
            self.next();
        }
    }

    fn next(&mut self) {
        *self.waiting = None;
        if !self.queue.is_empty() {
            let veto = self.queue.remove(0);
            self.send(veto);
        }
    }
}
