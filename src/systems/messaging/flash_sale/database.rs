//! The database: a fixed number of writes a second while few come at once; fewer and fewer beyond.

use std::collections::VecDeque;
use std::rc::Rc;

use super::queue::{self, Run};
use super::{AT_ONCE, CAPACITY, FlashSale, LATENCY, LOG, MOMENTS, Memory, Message, Note, OUT, TOTALS, Timer, WRITE};
use crate::sim::NodeId;
use crate::sim::judge::seen::Seen;
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::{are, counted, grouped};

/// Writes at once up to which the database keeps its rate. Beyond, locks, caches and the scheduler cost more with each:
/// here the rate falls as their number grows.
pub const KNEE: u32 = 500;
/// max_connections: a write beyond it is refused.
pub const MOST_AT_ONCE: u32 = 5_000;

/// Writes that came together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// Who waits for it.
    pub from: NodeId,
    /// Its number there.
    pub number: u32,
    /// The partition, and the offset of its first order; `None` for a direct write.
    pub partition: Option<u16>,
    pub first: u64,
    /// The orders.
    pub runs: Rc<Vec<Run>>,
    /// When it came.
    pub since: Time,
}

/// The database's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// Rows.
    pub rows: u64,
    /// Of each partition: the offsets whose orders have a row. An order's partition and offset are its key.
    pub written: Vec<Seen<u64>>,
}

/// Writes that it has, oldest first, and how many that are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Jobs {
    pub queue: VecDeque<Job>,
    pub at_once: u32,
}

pub(super) fn boot() -> Memory {
    Memory::Database(Jobs::default())
}

pub(super) struct Serving<'a, 'b> {
    pub table: &'a mut Table,
    pub jobs: &'a mut Jobs,
    pub context: &'a mut Context<'b, FlashSale>,
}

impl Serving<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<FlashSale>) {
        match event {
            Event::Message { from, message: Message::Write { number, partition, first, runs } } => {
                let since = self.context.now();
                self.take(Job { from, number, partition, first, runs, since });
            }
            Event::Timer(_) => self.done(),
            _ => self.context.pass_over(),
        }
        let at_once = self.jobs.at_once;
        self.context.gauge(AT_ONCE, 0, i64::from(at_once));
    }

    fn take(&mut self, job: Job) {
        let count = queue::count(&job.runs);
        let same = |known: &Job| {
            let all = |job: &Job| (job.from, job.number, job.partition, job.first);
            all(known) == all(&job) && queue::count(&known.runs) == count
        };
        if self.jobs.queue.iter().any(same) {
            self.context.why(|_| "The database is at this write already.".to_owned());
            return;
        }
        if self.jobs.at_once + count > MOST_AT_ONCE {
            self.context.why_rule(LOG, |_| {
                format!(
                    "The database has {} writes at once, and refuses {count} more.",
                    grouped(u64::from(MOST_AT_ONCE))
                )
            });
            self.context.send(job.from, Message::TooMany { number: job.number });
            return;
        }
        self.jobs.at_once += count;
        self.jobs.queue.push_back(job);
        let at_once = self.jobs.at_once;
        self.context.why(|s| {
            format!(
                "The database is given {}. It has {} at once now, and does {} a second.",
                counted(u64::from(count), "write"),
                grouped(u64::from(at_once)),
                grouped(rate(s.amount(CAPACITY), at_once))
            )
        });
        if self.jobs.queue.len() == 1 {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let Some(job) = self.jobs.queue.front() else { return };
        let count = u64::from(queue::count(&job.runs));
        let rate = rate(self.context.amount(CAPACITY), self.jobs.at_once);
        self.context.work(Timer::Written, count * SEC / rate);
    }

    /// The oldest job is done: rows for those of its orders that have none.
    fn done(&mut self) {
        let Some(job) = self.jobs.queue.pop_front() else {
            self.context.why(|_| "The database has nothing to finish.".to_owned());
            return;
        };
        let count = queue::count(&job.runs);
        self.jobs.at_once = self.jobs.at_once.saturating_sub(count);
        let upto = job.first + u64::from(count);
        let (now, runs) = (self.context.now(), self.insert(&job, upto));
        let new = queue::count(&runs);
        let again = count - new;
        for run in &runs {
            let took = now.saturating_sub(run.at);
            self.context.observe(LATENCY, 0, took);
            self.context.count(MOMENTS, 1, u64::from(run.count) * run.at);
            self.context.count(MOMENTS, 2, u64::from(run.count) * took);
        }
        self.table.rows += u64::from(new);
        self.context.count(OUT, 0, u64::from(new));
        self.context.gauge(TOTALS, 1, self.table.rows as i64);
        self.context.observe(WRITE, 0, now.saturating_sub(job.since));
        if let Some(partition) = job.partition {
            self.context.note(Note::Written { partition, first: job.first, count });
        }
        let left = self.jobs.at_once;
        self.context.why(|s| {
            let name = FlashSale::name(s, job.from);
            match again {
                0 => {
                    let done = are(u64::from(count), "order");
                    let left = if left == 0 { "no write is".to_owned() } else { are(u64::from(left), "write") };
                    format!("From {name}, {done} written; {left} under way.")
                }
                _ => {
                    let (done, again) = (are(u64::from(new), "order"), counted(u64::from(again), "order"));
                    format!("From {name}, {done} written; {again} had a row already.")
                }
            }
        });
        self.context
            .send(job.from, Message::Written { number: job.number, partition: job.partition, first: job.first, upto });
        self.begin();
    }

    /// Rows for a job's orders that have none: these orders.
    fn insert(&mut self, job: &Job, upto: u64) -> Vec<Run> {
        let Some(known) = job.partition.and_then(|at| self.table.written.get_mut(usize::from(at))) else {
            return job.runs.to_vec();
        };
        let gaps = known.lacking(job.first, upto);
        known.add_all(job.first, upto);
        let part = |(from, to): (u64, u64)| {
            let mut orders = queue::Queue::default();
            queue::without(&job.runs, (from - job.first) as u32).into_iter().for_each(|run| orders.push(run));
            orders.take((to - from) as u32)
        };
        gaps.into_iter().flat_map(part).collect()
    }
}

/// Writes a second with this many at once.
pub fn rate(capacity: u64, at_once: u32) -> u64 {
    (capacity * u64::from(KNEE) / u64::from(at_once.max(KNEE))).max(1)
}
