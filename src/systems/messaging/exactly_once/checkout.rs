//! A checkout reads requests and writes orders, each batch in one transaction with its offset. One instance works, the
//! other stands by.

use std::rc::Rc;

use super::caller::Caller;
use super::topic::{Fetched, Order};
use super::wire::{Answer, Batch, Identity, Refused, Request, ids};
use super::{
    BROKER, FENCE, INSTANCES, MAX_POLL, Memory, Message, ORDERS, Once, REQUESTS, TAKEOVER, TOGETHER, Timer, WORK,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::MS;
use crate::sim::later::Later;
use crate::sim::machine::system::{Context, Event, System};

/// How far it is with a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It stands by.
    #[default]
    Standby,
    /// It asks for its producer id and epoch.
    Init,
    /// It asks where its group stands.
    Locate,
    /// It waits for requests.
    Fetch,
    /// It checks orders out.
    Work,
    /// It writes them.
    Produce,
    /// It puts the offset into the transaction.
    Offset,
    /// It commits the transaction.
    End,
    /// It commits the offset on its own.
    Commit,
}

/// A batch at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Basket {
    /// Its orders.
    pub orders: Rc<Vec<Order>>,
    /// The offset to go on from.
    pub next: u32,
    /// Whether the offset is part of the transaction.
    pub together: bool,
}

/// See the module's header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkout {
    /// How far it is.
    pub phase: Phase,
    /// Who it is.
    pub who: Identity,
    /// The offset it reads from.
    pub position: u32,
    /// What it works on.
    pub basket: Basket,
    /// The next sequence number: 0, unless earlier transactions had the same epoch.
    sequence: Later<u32>,
    caller: Caller,
}

impl Checkout {
    fn on_standby(caller: Caller) -> Checkout {
        Checkout {
            phase: Phase::Standby,
            who: Identity::default(),
            position: 0,
            basket: Basket::default(),
            caller,
            sequence: Later(0),
        }
    }
}

pub(super) struct Working<'a, 'b> {
    pub started: &'a mut bool,
    pub checkout: &'a mut Checkout,
    pub context: &'a mut Context<'b, Once>,
}

/// The first instance begins to work at once; one that comes back looks first.
pub(super) fn boot(started: bool, context: &mut Context<Once>) -> Memory {
    let watch = context.amount(TAKEOVER);
    if context.me() == Once::checkout(0) && (!started || context.amount(INSTANCES) == 1) {
        context.set_timer(Timer::Watch, MS);
    } else if watch > 0 {
        context.set_timer(Timer::Watch, watch);
    }
    let caller = Caller::boot(context);
    Memory::Checkout(Checkout::on_standby(caller))
}

impl Working<'_, '_> {
    fn name(&self) -> String {
        Once::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<Once>) {
        *self.started = true;
        let (name, idle) = (self.name(), self.checkout.phase == Phase::Standby);
        match event {
            Event::Timer(Timer::Watch) if idle => {
                self.context.why(|_| format!("{name} hears of no other checkout at work: it takes over."));
                self.take_over();
            }
            Event::Command(_) if idle => {
                self.context.why(|_| format!("{name} is told to take over."));
                self.take_over();
            }
            Event::Message { message: Message::Alive, .. } => self.hear(idle),
            Event::Timer(Timer::Alive) => {
                self.context.why(|_| format!("{name} says that it is at work."));
                self.say();
            }
            Event::Timer(Timer::Retry) => {
                self.context.why(|_| format!("{name} has no answer yet, and asks again."));
                self.checkout.caller.again(self.context);
            }
            Event::Timer(Timer::Work) => self.produce(),
            Event::Message { message: Message::Answer { number, body }, .. } => {
                if self.checkout.caller.takes(self.context, number) {
                    self.answered(body);
                } else {
                    self.context.why(|_| format!("{name} has not asked for this since: an old answer."));
                }
            }
            _ => self.context.why(|_| format!("{name} is at work already.")),
        }
    }

    fn ask(&mut self, phase: Phase, request: Request) {
        self.checkout.phase = phase;
        self.checkout.caller.ask(self.context, BROKER, request);
    }

    /// InitProducerId. One transactional id for both instances: that is what fences.
    fn take_over(&mut self) {
        let own = self.context.me().0 - Once::checkout(0).0 + 1;
        let id = if self.context.rule(FENCE) { 0 } else { own as u8 };
        self.context.cancel_timer(Timer::Watch);
        self.checkout.who = Identity { id, ..Identity::default() };
        self.ask(Phase::Init, Request::Init { transactional: Some(id) });
        self.say();
    }

    fn other(&self) -> Option<NodeId> {
        let (me, first) = (self.context.me(), Once::checkout(0));
        (self.context.amount(INSTANCES) > 1).then_some(if me == first { Once::checkout(1) } else { first })
    }

    /// Four times as often as the other one looks.
    fn say(&mut self) {
        let (Some(other), watch) = (self.other(), self.context.amount(TAKEOVER)) else { return };
        if watch > 0 {
            self.context.send(other, Message::Alive);
            self.context.set_timer(Timer::Alive, watch / 4);
        }
    }

    fn hear(&mut self, idle: bool) {
        let name = self.name();
        self.context.why(|_| match idle {
            true => format!("{name} hears that the other one is at work, and stands by."),
            false => format!("{name} hears of another checkout at work, and carries on: it cannot know who is right."),
        });
        if idle {
            let watch = self.context.amount(TAKEOVER);
            self.context.set_timer(Timer::Watch, watch.max(MS));
        }
    }

    fn stand_by(&mut self) {
        self.checkout.caller.forget(self.context);
        *self.checkout = Checkout::on_standby(self.checkout.caller.clone());
        self.context.cancel_timer(Timer::Alive);
        self.context.cancel_timer(Timer::Work);
        let watch = self.context.amount(TAKEOVER);
        if watch > 0 {
            self.context.set_timer(Timer::Watch, watch);
        }
    }

    fn answered(&mut self, answer: Answer) {
        let name = self.name();
        match (self.checkout.phase, answer) {
            (Phase::Init, Answer::Producer { pid, epoch }) => {
                self.checkout.who = Identity { pid, epoch, ..self.checkout.who };
                self.checkout.sequence = Later(0);
                self.context
                    .why(|_| format!("{name} is producer {pid}, epoch {epoch}; it asks where its group stands."));
                self.ask(Phase::Locate, Request::Offset { group: 0 });
            }
            (Phase::Locate, Answer::Offset(at)) => {
                let at = at.unwrap_or(0);
                self.context.why(|_| format!("{name} resumes at offset {at}."));
                self.fetch(at);
            }
            (Phase::Fetch, Answer::Records(found)) => self.work(&found),
            (Phase::Produce, Answer::Done) => self.produced(),
            (Phase::Offset, Answer::Done) => {
                self.context.why(|_| format!("{name} has all in its transaction, and commits it."));
                self.ask(Phase::End, Request::Commit { who: self.checkout.who });
            }
            (Phase::End, Answer::Ended { epoch }) => self.ended(epoch),
            (Phase::Commit, Answer::Done) => {
                self.context.why(|_| format!("{name} knows its offset to be committed."));
                self.fetch(self.checkout.position);
            }
            (_, Answer::Refused(why)) => self.refused(why),
            _ => self.context.pass_over(),
        }
    }

    fn refused(&mut self, why: Refused) {
        let name = self.name();
        match why {
            Refused::Fenced => {
                self.context.why_rule(FENCE, |_| format!("{name} is fenced: another one took over. It stands by."));
                self.stand_by();
            }
            Refused::Unstable => {
                self.context.why(|_| format!("{name} asks again in 100 ms."));
                self.checkout.caller.later(self.context, BROKER, Request::Offset { group: 0 });
            }
            Refused::OutOfOrder => {
                self.context.why(|_| format!("{name} has lost count: it starts again, with a new epoch."));
                self.take_over();
            }
        }
    }

    fn fetch(&mut self, from: u32) {
        self.checkout.position = from;
        self.checkout.basket = Basket::default();
        self.ask(Phase::Fetch, Request::Fetch { topic: REQUESTS, from, committed: true });
    }

    fn work(&mut self, found: &Fetched) {
        let (orders, next) = found.visible(self.context.amount(MAX_POLL) as usize);
        let name = self.name();
        if orders.is_empty() {
            self.context.why(|_| format!("{name} finds no request there, and continues at offset {next}."));
            self.fetch(next);
            return;
        }
        self.context.why(|_| format!("{name} checks out order {}.", ids(&orders)));
        self.checkout.basket = Basket { orders: Rc::new(orders), next, together: false };
        self.checkout.phase = Phase::Work;
        let length = self.context.amount(WORK);
        self.context.work(Timer::Work, length);
    }

    fn produce(&mut self) {
        let (name, who) = (self.name(), self.checkout.who);
        let orders = Rc::clone(&self.checkout.basket.orders);
        self.checkout.basket.together = self.context.rule(TOGETHER);
        self.context.why(|_| format!("{name} writes order {} in a transaction, epoch {}.", ids(&orders), who.epoch));
        let (Identity { id, pid, epoch }, sequence) = (who, self.checkout.sequence.0);
        let batch = Batch { topic: ORDERS, pid, epoch, sequence, orders, transactional: Some(id) };
        self.ask(Phase::Produce, Request::Produce(Rc::new(batch)));
    }

    fn produced(&mut self) {
        let (name, next, together) = (self.name(), self.checkout.basket.next, self.checkout.basket.together);
        self.context.why_rule(TOGETHER, |_| match together {
            true => format!("{name} adds its offset, {next}, to the transaction."),
            false => format!("{name} commits the orders alone; the offset comes afterwards."),
        });
        let who = self.checkout.who;
        if together {
            self.ask(Phase::Offset, Request::TxnOffset { who, offset: next });
        } else {
            self.ask(Phase::End, Request::Commit { who });
        }
    }

    fn ended(&mut self, epoch: u16) {
        let (name, next, together) = (self.name(), self.checkout.basket.next, self.checkout.basket.together);
        let written = self.checkout.basket.orders.len() as u32;
        self.checkout.sequence.0 =
            if epoch == self.checkout.who.epoch { self.checkout.sequence.0 + written } else { 0 };
        self.checkout.who.epoch = epoch;
        self.context.why_rule(TOGETHER, |_| match together {
            true => format!("{name} has committed; its next transaction has epoch {epoch}."),
            false => format!("{name} has committed its orders, and only now commits offset {next}."),
        });
        if together {
            self.fetch(next);
            return;
        }
        self.checkout.position = next;
        self.checkout.basket = Basket::default();
        self.ask(Phase::Commit, Request::CommitOffset { group: 0, offset: next });
    }
}
