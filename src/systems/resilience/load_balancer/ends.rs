//! Both ends: the clients, as one node with an open loop, and the servers with their queues.

use super::{
    ARRIVALS, BALANCER, FIRST, Id, KEYS, LATENCY, LoadBalancer, Message, OUTCOMES, POLICY, QUEUE, RATE, SERVED,
    SERVICE, SLOW, TIMEOUT, Timer, WORK,
};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS};
use crate::sim::machine::system::{Context, Event, System};
use crate::systems::parts::calls::Calls;
use crate::systems::parts::open_loop::{Keys, OpenLoop};
use crate::systems::parts::outcome::Outcome;
use crate::systems::parts::station::{Station, Taken};

/// The most requests the clients wait for.
const MOST_WAITING: usize = 800;
/// The most requests a server queues; more are refused.
const LONGEST_QUEUE: usize = 60;
/// Keys of requests, by Zipf.
const KEY_COUNT: usize = 200;
/// Zipf's exponent, in hundredths.
const SKEW: u32 = 80;

/// The requests of all clients.
pub(super) const REQUESTS: OpenLoop = OpenLoop::steady(RATE, ARRIVALS);

pub(super) struct Client<'a, 'b> {
    pub last: &'a mut Id,
    pub sent: &'a mut Calls<()>,
    pub keys: &'a mut Keys,
    pub context: &'a mut Context<'b, LoadBalancer>,
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LoadBalancer>) {
        match event {
            Event::Timer(Timer::Arrival) => {
                if REQUESTS.arrived(Timer::Arrival, self.context) {
                    self.send(1);
                }
            }
            Event::Command(call) => self.send(call.value(0)),
            Event::Message { message: Message::Response { id }, .. } => self.answered(id),
            Event::Message { message: Message::Failed { id }, .. } => {
                self.sent.end(id, self.context);
                self.count(Outcome::Refused);
                self.context.why(|_| format!("A client is told that request {id} failed."));
            }
            _ => self.context.pass_over(),
        }
    }

    fn send(&mut self, count: i64) {
        let first = *self.last + 1;
        self.context.why(|_| match count {
            1 => format!("A client sends request {first}."),
            _ => format!("{count} requests at once, from {first} on."),
        });
        for _ in 0..count {
            let id = self.sent.begin(self.last, (), MOST_WAITING, self.context);
            let key = self.keys.pick(KEY_COUNT, SKEW, self.context.draw(KEYS)) as u16;
            self.context.send(BALANCER, Message::Request { id, key });
            self.count(Outcome::Offered);
        }
    }

    fn count(&mut self, outcome: Outcome) {
        self.context.count(OUTCOMES, outcome.subject(), 1);
    }

    fn answered(&mut self, id: Id) {
        let Some((_, took)) = self.sent.end(id, self.context) else {
            self.context.why(|_| format!("Nobody is waiting for {id} any more."));
            return;
        };
        let policy = self.context.settings().get(POLICY) as u16;
        self.context.observe(LATENCY, policy, took);
        let is_late = took > self.context.amount(TIMEOUT);
        self.count(if is_late { Outcome::Late } else { Outcome::InTime });
        self.context.why(|_| format!("A client has its answer to {id}, after {}.", time::show(took)));
    }
}

pub(super) struct Server<'a, 'b> {
    pub queue: &'a mut Station<(Id, u16)>,
    pub context: &'a mut Context<'b, LoadBalancer>,
}

impl Server<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LoadBalancer>) {
        match event {
            Event::Message { message: Message::Request { id, key }, .. } => self.request(id, key),
            Event::Message { message: Message::Check, .. } => {
                self.say(|name| format!("{name} answers the health check."));
                self.context.send(BALANCER, Message::Healthy);
            }
            Event::Timer(Timer::Done) => self.done(),
            _ => self.context.pass_over(),
        }
        self.context.gauge(QUEUE, self.context.me().0, self.queue.len() as i64);
    }

    /// Says why, in a sentence with the server's name in it.
    fn say(&mut self, text: impl FnOnce(&str) -> String) {
        let me = self.context.me();
        self.context.why(|settings| text(&LoadBalancer::name(settings, me)));
    }

    fn request(&mut self, id: Id, key: u16) {
        match self.queue.take((id, key), 1, LONGEST_QUEUE) {
            Taken::Begun => {
                self.say(|name| format!("{name} begins with {id} at once."));
                self.begin();
            }
            Taken::Waits(ahead) => self.say(|name| format!("{name} puts {id} in line, behind {ahead} more.")),
            Taken::Full => {
                self.say(|name| format!("{name} has {LONGEST_QUEUE} requests in line: it refuses {id}."));
                self.context.send(BALANCER, Message::Busy { id });
            }
        }
    }

    fn done(&mut self) {
        let Some((id, _)) = self.queue.done() else { return self.context.pass_over() };
        self.say(|name| format!("{name} is done with {id}."));
        self.context.send(BALANCER, Message::Response { id });
        self.context.count(SERVED, self.context.me().0, 1);
        if self.queue.is_busy(1) {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let factor = if self.context.me().index() == FIRST { self.context.amount(SLOW).max(1) } else { 1 };
        let mean = self.context.amount(SERVICE).saturating_mul(factor);
        let length = random::exponential(self.context.draw(WORK), mean).max(MS / 4);
        self.context.work(Timer::Done, length);
    }
}
