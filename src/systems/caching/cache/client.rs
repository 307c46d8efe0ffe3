//! Clients: an open loop of reads and updates over keys of different popularity.

use super::{
    ARRIVALS, Asked, CacheAside, Disk, KEY, KIND, LATENCY, Message, Note, Number, OUTCOMES, RATE, SKEW, Timer, UPDATES,
    Version, client_count, key_count, key_name, server_count,
};
use crate::sim::NodeId;
use crate::sim::judge::history::{Answer, Ask};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, SEC, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload::Shape;
use crate::systems::parts::calls::Calls;
use crate::systems::parts::open_loop::{Keys, OpenLoop};
use crate::systems::parts::outcome::Outcome;

/// The most requests a client waits for; more are dropped at once.
const MOST_OPEN: usize = 60;
/// How long it waits.
const PATIENCE: Time = 2 * SEC;
/// A client's part of all requests.
pub(super) const REQUESTS: OpenLoop = OpenLoop {
    rate: RATE,
    sharers: |settings| client_count(settings) as u64,
    shape: |_| Shape::Steady,
    purpose: ARRIVALS,
};

pub(super) struct Client<'a, 'b> {
    pub disk: &'a mut Disk,
    pub open: &'a mut Calls<Asked>,
    pub keys: &'a mut Keys,
    pub context: &'a mut Context<'b, CacheAside>,
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<CacheAside>) {
        match event {
            Event::Timer(Timer::Arrival) => self.arrival(),
            Event::Timer(Timer::GiveUp(number)) => self.give_up(number),
            Event::Command(call) if call.command == super::CROWD => {
                (0..3).for_each(|_| self.ask(call.value(0) as u16, false))
            }
            Event::Command(call) => self.ask(call.value(1) as u16, call.command == super::UPDATE),
            Event::Message { message: Message::Reply { number, version, .. }, .. } => self.answered(number, version),
            _ => self.context.pass_over(),
        }
    }

    fn arrival(&mut self) {
        if !REQUESTS.arrived(Timer::Arrival, self.context) {
            return;
        }
        let (count, skew) = (key_count(self.context.settings()), self.context.amount(SKEW) as u32);
        let key = self.keys.pick(count, skew, self.context.draw(KEY)) as u16;
        let update = random::chance(self.context.draw(KIND), self.context.amount(UPDATES) as u32 * 10_000);
        self.ask(key, update);
    }

    fn ask(&mut self, key: u16, update: bool) {
        let me = self.context.me();
        self.count(Outcome::Offered);
        if self.open.len() >= MOST_OPEN {
            self.count(Outcome::Refused);
            self.context.why(|_| format!("{MOST_OPEN} requests are open: this one is dropped."));
            return;
        }
        let ask = if update { Ask::Work(i64::from(key)) } else { Ask::Read };
        let op = self.context.invoke(u32::from(key), ask);
        let number = self.open.begin(&mut self.disk.last, Asked { key, update, op }, MOST_OPEN, self.context);
        if !update {
            self.context.note(Note::ReadBegan { client: me, number, key });
        }
        let servers = server_count(self.context.settings());
        let server = NodeId::from(client_count(self.context.settings()) + (number as usize + me.index()) % servers);
        self.context
            .why(|_| format!("The client asks to {} {}.", if update { "update" } else { "read" }, key_name(key)));
        let message = if update { Message::Update { number, key } } else { Message::Read { number, key } };
        self.context.send(server, message);
        self.open.wait(number, Timer::GiveUp, PATIENCE, self.context);
    }

    fn answered(&mut self, number: Number, version: Version) {
        let Some((call, took)) = self.open.settle(number, Timer::GiveUp, self.context) else {
            self.context.why(|_| "The answer comes after the client gave up.".to_owned());
            self.count(Outcome::Late);
            return;
        };
        self.count(Outcome::InTime);
        let (me, open) = (self.context.me(), call.what);
        if open.update {
            self.context.why(|_| {
                format!("The client learns that its update of {} is done: version {version}.", key_name(open.key))
            });
            self.context.note(Note::Updated { key: open.key, version });
            self.context.answer(open.op, Answer::Ok);
        } else {
            self.context.why(|_| {
                format!("The client reads {}, version {version}, after {}.", key_name(open.key), time::show(took))
            });
            self.context.note(Note::ReadEnded { client: me, number, version });
            self.context.observe(LATENCY, 0, took);
            self.context.answer(open.op, Answer::Value(Some(i64::from(version))));
        }
    }

    fn count(&mut self, outcome: Outcome) {
        self.context.count(OUTCOMES, outcome.subject(), 1);
    }

    fn give_up(&mut self, number: Number) {
        let client = self.context.me();
        self.context.why(|_| format!("The client gives up on request {number}."));
        if let Some((call, _)) = self.open.end(number, self.context) {
            self.context.note(Note::Ended { client, number });
            self.context.answer(call.what.op, Answer::Unknown);
        }
    }
}
