//! Clients: an open loop of reads and updates over keys of different popularity.

use litemap::LiteMap;

use super::{
    ARRIVALS, CacheAside, Disk, KEY, KIND, LATENCY, Message, Note, Number, Open, RATE, SKEW, Timer, UPDATES, Version,
    client_count, key_count, key_name, server_count,
};
use crate::sim::NodeId;
use crate::sim::judge::history::{Answer, Ask};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS, SEC, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload::{Popularity, poisson};

/// The most requests a client waits for; more are dropped at once.
const MOST_OPEN: usize = 60;
/// How long it waits.
const PATIENCE: Time = 2 * SEC;
/// How often a client without requests looks whether its rate was turned up.
const IDLE: Time = 500 * MS;

pub(super) struct Client<'a, 'b> {
    pub disk: &'a mut Disk,
    pub open: &'a mut LiteMap<Number, Open>,
    pub context: &'a mut Context<'b, CacheAside>,
}

/// Arms the client's next request.
pub(super) fn await_request(context: &mut Context<CacheAside>) {
    let clients = client_count(context.settings()) as u64;
    // The interval of one client: the common rate, drawn out by their number.
    let rate = context.amount(RATE);
    let delay = poisson(context, ARRIVALS, rate).map_or(IDLE, |delay| delay.saturating_mul(clients));
    context.set_timer(Timer::Arrival, delay);
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
            _ => self.context.why(|_| "A client has no use for this message.".to_owned()),
        }
    }

    fn arrival(&mut self) {
        await_request(self.context);
        if self.context.amount(RATE) == 0 {
            self.context.why(|_| "No requests come by themselves: the rate is 0.".to_owned());
            return;
        }
        let keys = Popularity::zipf(key_count(self.context.settings()), self.context.amount(SKEW) as u32);
        let key = keys.pick(self.context.draw(KEY)) as u16;
        let update = random::chance(self.context.draw(KIND), self.context.amount(UPDATES) as u32 * 10_000);
        self.ask(key, update);
    }

    fn ask(&mut self, key: u16, update: bool) {
        let (me, name) = (self.context.me(), key_name(key));
        if self.open.len() >= MOST_OPEN {
            self.context.why(|_| format!("{MOST_OPEN} requests are open: this one is dropped."));
            return;
        }
        self.disk.last += 1;
        let number = self.disk.last;
        let ask = if update { Ask::Work(i64::from(key)) } else { Ask::Read };
        let op = self.context.invoke(u32::from(key), ask);
        self.open.insert(number, Open { key, update, op, since: self.context.now() });
        if !update {
            self.context.note(Note::ReadBegan { client: me, number, key });
        }
        let servers = server_count(self.context.settings());
        let server = NodeId::from(client_count(self.context.settings()) + (number as usize + me.index()) % servers);
        self.context.why(|_| format!("The client asks to {} {name}.", if update { "update" } else { "read" }));
        let message = if update { Message::Update { number, key } } else { Message::Read { number, key } };
        self.context.send(server, message);
        self.context.set_timer(Timer::GiveUp(number), PATIENCE);
    }

    fn answered(&mut self, number: Number, version: Version) {
        let Some(open) = self.open.remove(&number) else {
            self.context.why(|_| "The answer comes after the client gave up.".to_owned());
            return;
        };
        let (me, took) = (self.context.me(), self.context.now().saturating_sub(open.since));
        let key = key_name(open.key);
        self.context.cancel_timer(Timer::GiveUp(number));
        if open.update {
            self.context.why(|_| format!("The client learns that its update of {key} is done: version {version}."));
            self.context.note(Note::Updated { key: open.key, version });
            self.context.answer(open.op, Answer::Ok);
        } else {
            self.context.why(|_| format!("The client reads {key}, version {version}, after {}.", time::show(took)));
            self.context.note(Note::ReadEnded { client: me, number, version });
            self.context.observe(LATENCY, 0, took);
            self.context.answer(open.op, Answer::Value(Some(i64::from(version))));
        }
    }

    fn give_up(&mut self, number: Number) {
        let client = self.context.me();
        self.context.why(|_| format!("The client gives up on request {number}."));
        if let Some(open) = self.open.remove(&number) {
            self.context.note(Note::Ended { client, number });
            self.context.answer(open.op, Answer::Unknown);
        }
    }
}
