//! Both ends: the clients, as one node with an open loop, and the servers with their queues.

use litemap::LiteMap;

use super::{
    ARRIVALS, BALANCER, FIRST, Id, KEYS, LATENCY, LoadBalancer, Message, POLICY, QUEUE, RATE, SERVED, SERVICE, SLOW,
    Timer, WORK,
};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS, Time};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::measure::workload::{Popularity, poisson};
use crate::sim::small::make_room;

/// The most requests the clients wait for.
const MOST_WAITING: usize = 800;
/// The most requests a server queues; more are refused.
const LONGEST_QUEUE: usize = 60;
/// Keys of requests, by Zipf.
const KEY_COUNT: usize = 200;
/// How often clients without requests look whether their rate was turned up.
const IDLE: Time = 500 * MS;

pub(super) struct Client<'a, 'b> {
    pub last: &'a mut Id,
    pub sent: &'a mut LiteMap<Id, Time>,
    pub context: &'a mut Context<'b, LoadBalancer>,
}

pub(super) fn await_request(context: &mut Context<LoadBalancer>) {
    let rate = context.amount(RATE);
    let delay = poisson(context, ARRIVALS, rate).unwrap_or(IDLE);
    context.set_timer(Timer::Arrival, delay);
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LoadBalancer>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                await_request(self.context);
                match self.context.amount(RATE) {
                    0 => self.context.why(|_| "No requests come by themselves: the rate is 0.".to_owned()),
                    _ => self.send(1),
                }
            }
            Event::Command(call) => self.send(call.value(0)),
            Event::Message { message: Message::Response { id }, .. } => self.answered(id),
            Event::Message { message: Message::Failed { id }, .. } => {
                self.sent.remove(&id);
                self.context.why(|_| format!("A client is told that request {id} failed."));
            }
            _ => self.context.why(|_| "The clients have no use for this message.".to_owned()),
        }
    }

    fn send(&mut self, count: i64) {
        let first = *self.last + 1;
        self.context.why(|_| match count {
            1 => format!("A client sends request {first}."),
            _ => format!("{count} requests at once, from {first} on."),
        });
        let keys = Popularity::zipf(KEY_COUNT, 80);
        for _ in 0..count {
            make_room(self.sent, MOST_WAITING);
            *self.last += 1;
            let (id, key) = (*self.last, keys.pick(self.context.draw(KEYS)) as u16);
            self.sent.insert(id, self.context.now());
            self.context.send(BALANCER, Message::Request { id, key });
        }
    }

    fn answered(&mut self, id: Id) {
        let Some(since) = self.sent.remove(&id) else {
            self.context.why(|_| format!("Nobody waits for {id} any more."));
            return;
        };
        let took = self.context.now().saturating_sub(since);
        let policy = self.context.settings().get(POLICY) as u16;
        self.context.observe(LATENCY, policy, took);
        self.context.why(|_| format!("A client has its answer to {id}, after {}.", time::show(took)));
    }
}

pub(super) struct Server<'a, 'b> {
    pub queue: &'a mut Vec<(Id, u16)>,
    pub context: &'a mut Context<'b, LoadBalancer>,
}

impl Server<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LoadBalancer>) {
        let me = self.context.me();
        let name = LoadBalancer::name(self.context.settings(), me);
        match event {
            Event::Message { message: Message::Request { id, .. }, .. } if self.queue.len() >= LONGEST_QUEUE => {
                self.context.why(|_| format!("{name} has {LONGEST_QUEUE} requests in line: it refuses {id}."));
                self.context.send(BALANCER, Message::Busy { id });
            }
            Event::Message { message: Message::Request { id, key }, .. } => {
                let ahead = self.queue.len();
                self.context.why(|_| match ahead {
                    0 => format!("{name} begins with {id} at once."),
                    _ => format!("{name} puts {id} in line; {ahead} come first."),
                });
                self.queue.push((id, key));
                if ahead == 0 {
                    self.begin();
                }
            }
            Event::Message { message: Message::Check, .. } => {
                self.context.why(|_| format!("{name} answers the health check."));
                self.context.send(BALANCER, Message::Healthy);
            }
            Event::Timer(Timer::Done) if !self.queue.is_empty() => {
                let (id, _) = self.queue.remove(0);
                self.context.why(|_| format!("{name} is done with {id}."));
                self.context.send(BALANCER, Message::Response { id });
                self.context.count(SERVED, me.0, 1);
                if !self.queue.is_empty() {
                    self.begin();
                }
            }
            _ => self.context.why(|_| format!("{name} has no use for this message.")),
        }
        self.context.gauge(QUEUE, me.0, self.queue.len() as i64);
    }

    fn begin(&mut self) {
        let factor = if self.context.me().index() == FIRST { self.context.amount(SLOW).max(1) } else { 1 };
        let mean = self.context.amount(SERVICE).saturating_mul(factor);
        let length = random::exponential(self.context.draw(WORK), mean).max(MS / 4);
        self.context.work(Timer::Done, length);
    }
}
