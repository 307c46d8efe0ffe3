//! A consumer: fetches into a bounded buffer, and has a pool of workers for each of its partitions.

use std::collections::VecDeque;

use litemap::LiteMap;
use std::rc::Rc;

use super::queue::{self, Queue, Run};
use super::{
    BUFFER, BUFFERED, COMMIT_AFTER, CONSUMERS, DATABASE, FlashSale, MAX_POLL, Memory, Message, PARTITIONS, PATIENCE,
    PAUSE, Part, THE_LOG, Timer, WORKERS,
};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::{are, counted, counted_or_no};

/// Writes under way: their number, where they begin, their orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bunch {
    pub number: u32,
    pub first: u64,
    pub runs: Rc<Vec<Run>>,
    /// When they were sent last.
    pub at: Time,
}

impl Bunch {
    fn upto(&self) -> u64 {
        self.first + u64::from(queue::count(&self.runs))
    }
}

/// What a consumer has of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The offset to fetch from.
    pub position: u64,
    /// Everything before is written, as far as it knows.
    pub written: u64,
    /// Fetched, and no worker has it.
    pub buffer: Queue,
    /// What its workers write, oldest first.
    pub writing: VecDeque<Bunch>,
}

impl Lane {
    /// Orders that its workers have.
    pub fn busy(&self) -> u32 {
        self.writing.iter().map(|bunch| queue::count(&bunch.runs)).sum()
    }
}

/// What was asked of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asked {
    #[default]
    Nothing,
    Where,
    Orders,
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// By partition; empty until it knows where to begin.
    pub lanes: LiteMap<u16, Lane>,
    /// What it waits for.
    pub asked: Asked,
    /// Its buffer is full: it does not fetch.
    pub paused: bool,
    numbers: u32,
    fetches: u32,
    turn: u16,
}

impl Consumer {
    /// Orders that no worker has yet.
    pub fn buffered(&self) -> u32 {
        self.lanes.values().map(|lane| lane.buffer.len()).sum()
    }

    /// Orders that its workers have.
    pub fn busy(&self) -> u32 {
        self.lanes.values().map(Lane::busy).sum()
    }
}

pub(super) fn boot(context: &mut Context<FlashSale>) -> Memory {
    context.set_timer(Timer::Start, MS);
    Memory::Consumer(Consumer::default())
}

pub(super) struct Consuming<'a, 'b> {
    pub consumer: &'a mut Consumer,
    pub context: &'a mut Context<'b, FlashSale>,
}

impl Consuming<'_, '_> {
    fn name(&self) -> String {
        FlashSale::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<FlashSale>) {
        match event {
            Event::Timer(Timer::Start) => self.locate(),
            Event::Timer(_) => self.again(),
            Event::Message { message: Message::Standings(found), .. } => self.located(&found),
            Event::Message { message: Message::Records(number, parts), .. } => self.fetched(number, &parts),
            Event::Message { message: Message::Written { partition, first, upto, .. }, .. } => {
                self.written(partition, (first, upto));
            }
            Event::Message { message: Message::TooMany { .. }, .. } => {
                self.context
                    .why(|_| "The database has too many at once: these writes are tried again later.".to_owned());
                self.watch();
            }
            _ => self.context.pass_over(),
        }
        self.work();
        self.fetch();
        let (me, buffered) = (self.context.me().0, self.consumer.buffered());
        self.context.gauge(BUFFERED, me, i64::from(buffered));
    }

    fn watch(&mut self) {
        let patience = self.context.amount(PATIENCE);
        if patience > 0 && !self.context.has_timer(Timer::Resend) {
            self.context.set_timer(Timer::Resend, patience);
        }
    }

    /// Its partitions, by assign().
    fn mine(&self) -> Vec<u16> {
        let consumers = self.context.amount(CONSUMERS).max(1) as u16;
        let at = self.context.me().0 - FlashSale::consumer(0).0;
        (0..self.context.amount(PARTITIONS) as u16).filter(|partition| partition % consumers == at).collect()
    }

    fn locate(&mut self) {
        let partitions = Rc::new(self.mine());
        let name = self.name();
        self.context.why(|_| {
            format!("{name} asks for the committed offsets of {}.", counted(partitions.len() as u64, "partition"))
        });
        self.consumer.asked = Asked::Where;
        self.context.send(THE_LOG, Message::Where { partitions });
        self.watch();
    }

    fn located(&mut self, found: &[(u16, u64)]) {
        let name = self.name();
        if self.consumer.asked != Asked::Where {
            self.context.why(|_| format!("{name} knows this already."));
            return;
        }
        self.consumer.asked = Asked::Nothing;
        for &(partition, at) in found {
            self.consumer.lanes.insert(partition, Lane { position: at, written: at, ..Lane::default() });
        }
        self.context.why(|_| {
            format!("{name} goes on at the committed offsets of {}.", counted(found.len() as u64, "partition"))
        });
    }

    /// Its share of the buffer.
    fn share(&self) -> u32 {
        (self.context.amount(BUFFER) / self.context.amount(CONSUMERS).max(1)).max(1) as u32
    }

    /// Polls, unless there is no room for what a poll may return: then the partitions are paused.
    fn fetch(&mut self) {
        if self.consumer.asked != Asked::Nothing || self.consumer.lanes.is_empty() {
            return;
        }
        let (share, poll) = (self.share(), self.context.amount(MAX_POLL) as u32);
        let bounded = self.context.rule(PAUSE);
        let (name, held) = (self.name(), self.consumer.buffered());
        let room = share.saturating_sub(held);
        self.consumer.paused = bounded && room < poll.min(share);
        if self.consumer.paused {
            self.context.why_rule(PAUSE, |_| {
                let held = counted_or_no(u64::from(held), "order");
                format!("{name} holds {held} and has no room for another poll: it pauses.")
            });
            return;
        }
        let most = if bounded { room.min(poll) } else { poll };
        let order: Vec<(u16, u64)> = self.consumer.lanes.iter().map(|(at, lane)| (*at, lane.position)).collect();
        let first = usize::from(self.consumer.turn) % order.len();
        self.consumer.turn = (self.consumer.turn + 1) % order.len() as u16;
        let positions = Rc::new([&order[first..], &order[..first]].concat());
        self.context.why_rule(PAUSE, |_| {
            format!("{name} holds {} and asks for at most {most} more.", counted_or_no(u64::from(held), "order"))
        });
        self.consumer.asked = Asked::Orders;
        self.consumer.fetches = self.consumer.fetches.wrapping_add(1);
        let number = self.consumer.fetches;
        self.context.send(THE_LOG, Message::Fetch { number, positions, most });
        self.watch();
    }

    fn fetched(&mut self, number: u32, parts: &[Part]) {
        let name = self.name();
        if self.consumer.asked != Asked::Orders || number != self.consumer.fetches {
            self.context.why(|_| format!("{name} has not asked for these since."));
            return;
        }
        self.consumer.asked = Asked::Nothing;
        for (partition, from, runs) in parts {
            let Some(lane) = self.consumer.lanes.get_mut(partition).filter(|lane| lane.position == *from) else {
                continue;
            };
            runs.iter().for_each(|run| lane.buffer.push(*run));
            lane.position += u64::from(queue::count(runs));
            let offset = lane.position;
            if !self.context.rule(COMMIT_AFTER) {
                self.context
                    .why_rule(COMMIT_AFTER, |_| format!("{name} commits offset {offset} before anything is written."));
                self.context.send(THE_LOG, Message::Commit { partition: *partition, offset });
            }
        }
        let held = self.consumer.buffered();
        self.context.why(|_| format!("{name} holds {} now.", counted(u64::from(held), "order")));
    }

    /// Gives free workers their next orders: what one partition's workers take at once travels together.
    fn work(&mut self) {
        let workers = self.context.amount(WORKERS) as u32;
        let (name, now, mut begun) = (self.name(), self.context.now(), false);
        for (partition, lane) in &mut self.consumer.lanes {
            let free = workers.saturating_sub(lane.busy());
            if free == 0 || lane.buffer.is_empty() {
                continue;
            }
            let first = lane.position - u64::from(lane.buffer.len());
            let runs = Rc::new(lane.buffer.take(free));
            self.consumer.numbers = self.consumer.numbers.wrapping_add(1);
            let (number, count) = (self.consumer.numbers, queue::count(&runs));
            lane.writing.push_back(Bunch { number, first, runs: Rc::clone(&runs), at: now });
            self.context.why(|_| {
                let workers = counted(u64::from(count), "worker");
                format!("{name} has {workers} write an order of partition {partition} each.")
            });
            self.context.send(DATABASE, Message::Write { number, partition: Some(*partition), first, runs });
            begun = true;
        }
        if begun {
            self.watch();
        }
    }

    fn written(&mut self, partition: Option<u16>, offsets: (u64, u64)) {
        let name = self.name();
        let lane = partition.and_then(|at| self.consumer.lanes.get_mut(&at).map(|lane| (at, lane)));
        let Some((partition, lane)) = lane else {
            self.context.why(|_| format!("{name} knows nothing of this write: it was before its crash."));
            return;
        };
        let Some(at) = lane.writing.iter().position(|bunch| (bunch.first, bunch.upto()) == offsets) else {
            self.context.why(|_| format!("{name} knows this already."));
            return;
        };
        let Some(bunch) = lane.writing.remove(at) else { return };
        let next = lane.writing.front().map(|bunch| bunch.first);
        lane.written = next.unwrap_or(lane.position - u64::from(lane.buffer.len()));
        let (offset, count) = (lane.written, queue::count(&bunch.runs));
        let after = self.context.rule(COMMIT_AFTER);
        self.context.why_rule(COMMIT_AFTER, |_| {
            let written = format!("Partition {partition}: {} written", are(u64::from(count), "order"));
            match after {
                true => format!("{written}, and {name} commits offset {offset}."),
                false => format!("{written}."),
            }
        });
        if after {
            self.context.send(THE_LOG, Message::Commit { partition, offset });
        }
    }

    /// Asks again, and writes again what was not answered for too long.
    fn again(&mut self) {
        let (name, now, patience) = (self.name(), self.context.now(), self.context.amount(PATIENCE));
        self.context.why(|_| format!("{name} asks again for what was not answered."));
        match self.consumer.asked {
            Asked::Where => self.locate(),
            _ => self.consumer.asked = Asked::Nothing,
        }
        let mut open = false;
        for (partition, lane) in &mut self.consumer.lanes {
            for bunch in &mut lane.writing {
                open = true;
                if bunch.at + patience > now {
                    continue;
                }
                bunch.at = now;
                let (number, first, runs) = (bunch.number, bunch.first, Rc::clone(&bunch.runs));
                self.context.send(DATABASE, Message::Write { number, partition: Some(*partition), first, runs });
            }
        }
        if open {
            self.watch();
        }
    }
}
