//! The gateway: takes orders from customers and produces them to the log in batches; or, with the rule off, writes each
//! to the database.

use std::collections::VecDeque;

use litemap::LiteMap;
use std::rc::Rc;

use super::queue::{self, Queue, Run};
use super::{
    ARRIVALS, AWAY, DATABASE, EVERY, FlashSale, IN, LENGTH, LINGER, LOG, MOMENTS, Memory, Message, Note, PARTITIONS,
    PATIENCE, QUIET, SALE, THE_LOG, TOTALS, Timer,
};
use crate::mechanisms::partitioner::{KeyHash, partition_of};
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::random;
use crate::sim::kernel::time::{MS, Micros, SEC, Time};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::{are, counted};

/// max.in.flight.requests.per.connection: here of each partition.
const IN_FLIGHT: usize = 5;
/// Orders that wait for their batch: stands for buffer.memory (32 MB by default).
pub const MOST_WAITING: u32 = 50_000;
/// retry.backoff.ms: a batch that is younger is not sent again.
const BACK_OFF: Micros = 100 * MS;
/// The most orders that come in within one linger.
const MOST_AT_ONCE: u64 = 20_000;

/// A batch under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    pub sequence: u32,
    pub runs: Rc<Vec<Run>>,
    /// When it was sent last.
    pub at: Time,
    /// It was answered, and one before it was not.
    pub answered: bool,
}

/// What the gateway knows of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outlet {
    /// The next sequence number.
    pub sequence: u32,
    /// Without a batch yet.
    pub waiting: Queue,
    /// Batches from the oldest that was not answered on, as on a connection that answers in order: the log knows only the last
    /// five batches again.
    pub in_flight: VecDeque<Sent>,
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gateway {
    /// Its producer epoch; 0 before the first order.
    pub session: u16,
    /// By partition.
    pub outlets: Vec<Outlet>,
    /// Writes that the database has not answered: orders and when they were sent, by number.
    pub direct: LiteMap<u32, Run>,
    numbers: u32,
}

/// What is on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counters {
    /// How often it has started.
    pub starts: u16,
    /// Orders so far: the next one's key.
    pub orders: u32,
    /// Orders that came in and were not turned away at once.
    pub accepted: u64,
}

pub(super) fn boot(context: &mut Context<FlashSale>) -> Memory {
    let outlets = vec![Outlet::default(); context.amount(PARTITIONS) as usize];
    let linger = context.amount(LINGER);
    context.set_timer(Timer::Linger, linger);
    Memory::Gateway(Gateway { outlets, ..Gateway::default() })
}

/// Orders a minute at a moment.
pub fn rate(settings: &Settings, now: Time) -> u64 {
    let within = now % settings.amount(EVERY).max(SEC);
    settings.amount(if within < settings.amount(LENGTH) { SALE } else { QUIET })
}

pub(super) struct Gate<'a, 'b> {
    pub counters: &'a mut Counters,
    pub gateway: &'a mut Gateway,
    pub context: &'a mut Context<'b, FlashSale>,
}

impl Gate<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<FlashSale>) {
        match event {
            Event::Timer(Timer::Linger) => {
                let linger = self.context.amount(LINGER);
                self.context.set_timer(Timer::Linger, linger);
                let count = self.arrivals(linger);
                self.place(count);
                self.give_up();
            }
            Event::Command(call) => self.place(call.value(0).clamp(1, 50_000) as u32),
            Event::Timer(_) => self.resend(),
            Event::Message { message: Message::Produced { session, .. }, .. } if session != self.gateway.session => {
                self.context.why(|_| "The answer is to the gateway as it was before its crash.".to_owned());
            }
            Event::Message { message: Message::Produced { partition, sequence, .. }, .. } => {
                self.produced(partition, sequence)
            }
            Event::Message { message: Message::OutOfOrder { partition }, .. } => {
                self.context.why(|_| format!("A batch of partition {partition} came too early: all are sent again."));
                self.context.set_timer(Timer::Resend, BACK_OFF);
            }
            Event::Message { message: Message::Written { number, .. }, .. } => self.answered(number, true),
            Event::Message { message: Message::TooMany { number }, .. } => self.answered(number, false),
            Event::Message { .. } => self.context.pass_over(),
        }
    }

    /// How many customers ordered within a linger: Poisson, one draw an order.
    fn arrivals(&mut self, linger: Time) -> u32 {
        let per_minute = rate(self.context.settings(), self.context.now());
        let Some(mean) = (60 * SEC * 1_000).checked_div(per_minute) else { return 0 };
        let (mut at, mut count) = (0, 0);
        while count < MOST_AT_ONCE {
            at += random::exponential(self.context.draw(ARRIVALS), mean).max(1);
            if at > linger * 1_000 {
                break;
            }
            count += 1;
        }
        count as u32
    }

    /// Orders come in; each goes to the partition of its key.
    fn place(&mut self, count: u32) {
        if self.gateway.session == 0 {
            self.counters.starts += 1;
            self.gateway.session = self.counters.starts;
        }
        let partitions = self.gateway.outlets.len() as u32;
        let mut shares = [0u32; 16];
        for _ in 0..count {
            self.counters.orders = self.counters.orders.wrapping_add(1);
            let at = partition_of(KeyHash::Murmur2, &key(self.counters.orders), partitions);
            shares[at as usize & 15] += 1;
        }
        let through = self.context.rule(LOG);
        self.context.why_rule(LOG, |_| match (count, through) {
            (0, _) => "Nobody has ordered.".to_owned(),
            (_, true) => format!("Customers place {}; the log takes them.", counted(u64::from(count), "order")),
            _ => format!(
                "Customers place {}, and each goes straight to the database.",
                counted(u64::from(count), "order")
            ),
        });
        let now = self.context.now();
        let shares: Vec<Run> =
            shares.into_iter().take(partitions as usize).map(|count| Run { count, at: now }).collect();
        if through {
            self.produce(&shares);
        } else {
            shares.iter().filter(|run| run.count > 0).for_each(|run| self.write(*run));
        }
    }

    fn came_in(&mut self, run: Run) {
        if run.count == 0 {
            return;
        }
        self.counters.accepted += u64::from(run.count);
        self.context.count(IN, 0, u64::from(run.count));
        self.context.count(MOMENTS, 0, u64::from(run.count) * run.at);
        self.context.gauge(TOTALS, 0, self.counters.accepted as i64);
    }

    fn turned_away(&mut self, count: u32, unreachable: bool) {
        self.context.count(AWAY, 0, u64::from(count));
        self.context.note(Note::TurnedAway { count, unreachable });
    }

    fn produce(&mut self, shares: &[Run]) {
        let waiting: u32 = self.gateway.outlets.iter().map(|outlet| outlet.waiting.len()).sum();
        let mut room = MOST_WAITING.saturating_sub(waiting);
        for (partition, run) in shares.iter().enumerate() {
            let fits = run.count.min(room);
            room -= fits;
            let taken = Run { count: fits, ..*run };
            self.came_in(taken);
            self.gateway.outlets[partition].waiting.push(taken);
            if run.count > fits {
                self.context.why(|_| {
                    let away = are(u64::from(run.count - fits), "customer");
                    format!("{MOST_WAITING} orders wait for the log: {away} turned away.")
                });
                self.turned_away(run.count - fits, true);
            }
            self.flush(partition as u16);
        }
    }

    /// Sends what waits for a partition as one batch, unless too much is under way.
    fn flush(&mut self, partition: u16) {
        let session = self.gateway.session;
        let Some(outlet) = self.gateway.outlets.get_mut(usize::from(partition)) else { return };
        if outlet.waiting.is_empty() || outlet.in_flight.len() >= IN_FLIGHT {
            return;
        }
        let runs = Rc::new(outlet.waiting.take(u32::MAX));
        let sequence = outlet.sequence;
        outlet.sequence += queue::count(&runs);
        let at = self.context.now();
        outlet.in_flight.push_back(Sent { sequence, runs: Rc::clone(&runs), at, answered: false });
        self.context.send(THE_LOG, Message::Produce { partition, session, sequence, runs });
        self.watch();
    }

    fn watch(&mut self) {
        let patience = self.context.amount(PATIENCE);
        if patience > 0 && !self.context.has_timer(Timer::Resend) {
            self.context.set_timer(Timer::Resend, patience);
        }
    }

    /// A batch is in the log: its customers are told.
    fn produced(&mut self, partition: u16, sequence: u32) {
        let Some(outlet) = self.gateway.outlets.get_mut(usize::from(partition)) else { return };
        let open = outlet.in_flight.iter_mut().find(|sent| sent.sequence == sequence && !sent.answered);
        let Some(sent) = open else {
            self.context.why(|_| "The gateway knows this already.".to_owned());
            return;
        };
        sent.answered = true;
        let count = queue::count(&sent.runs);
        while outlet.in_flight.front().is_some_and(|sent| sent.answered) {
            outlet.in_flight.pop_front();
        }
        self.context.why(|_| {
            let taken = are(u64::from(count), "order");
            format!("In partition {partition} {taken} taken, and the customers are told.")
        });
        if self.gateway.outlets.iter().all(|outlet| outlet.in_flight.is_empty()) {
            self.context.cancel_timer(Timer::Resend);
        }
        self.flush(partition);
    }

    /// Sends again, in order, what was not answered.
    fn resend(&mut self) {
        let (session, now) = (self.gateway.session, self.context.now());
        let mut open = 0;
        for (partition, outlet) in self.gateway.outlets.iter_mut().enumerate() {
            open += outlet.in_flight.iter().filter(|sent| !sent.answered).count();
            if outlet.in_flight.front().is_none_or(|sent| sent.at + BACK_OFF > now) {
                continue;
            }
            for sent in outlet.in_flight.iter_mut().filter(|sent| !sent.answered) {
                sent.at = now;
                let (partition, sequence, runs) = (partition as u16, sent.sequence, Rc::clone(&sent.runs));
                self.context.send(THE_LOG, Message::Produce { partition, session, sequence, runs });
            }
        }
        self.context
            .why(|_| format!("{} open: what has waited for too long is sent again.", are(open as u64, "batch")));
        if open > 0 {
            self.watch();
        }
    }

    /// The rule is off: a customer's request holds on until the database has answered.
    fn write(&mut self, run: Run) {
        self.gateway.numbers = self.gateway.numbers.wrapping_add(1);
        let number = self.gateway.numbers;
        self.came_in(run);
        self.gateway.direct.insert(number, run);
        let runs = Rc::new(vec![run]);
        self.context.send(DATABASE, Message::Write { number, partition: None, first: 0, runs });
    }

    fn answered(&mut self, number: u32, written: bool) {
        let Some(run) = self.gateway.direct.remove(&number) else {
            self.context.why(|_| "These customers were told that it failed.".to_owned());
            return;
        };
        let count = run.count;
        self.context.why_rule(LOG, |_| match written {
            true => format!("{} written, and the customers are told.", are(u64::from(count), "order")),
            false => format!("The database has too many at once: {} turned away.", are(u64::from(count), "customer")),
        });
        if !written {
            self.turned_away(count, false);
        }
    }

    /// Direct writes that take too long: the customer sees an error, the database goes on with it.
    fn give_up(&mut self) {
        let (now, patience) = (self.context.now(), self.context.amount(PATIENCE).max(500 * MS));
        while let Some((&first, &Run { at, count })) = self.gateway.direct.first() {
            if at + patience > now {
                return;
            }
            self.gateway.direct.remove(&first);
            self.context.why_rule(LOG, |_| {
                format!("The database does not answer in time: {} shown an error.", are(u64::from(count), "customer"))
            });
            self.turned_away(count, false);
        }
    }
}

/// "order-0000123456", as bytes.
fn key(order: u32) -> [u8; 16] {
    let mut text = *b"order-0000000000";
    let mut rest = order;
    for digit in text[6..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}
