//! An application server: looks aside. It asks the cache, loads from the database on a miss, and deletes on an update.

use litemap::LiteMap;

use super::{
    CacheAside, DATABASE, Disk, HITS, INVALIDATE_AFTER, Job, LEASE, MISSES, Message, Number, SINGLE_FLIGHT, Stage,
    Timer, Version, cache_node, database, key_name,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event};

/// The most jobs at once; more requests are dropped.
const MOST_JOBS: usize = 200;

pub(super) struct Server<'a, 'b> {
    pub disk: &'a mut Disk,
    pub jobs: &'a mut LiteMap<Number, Job>,
    pub context: &'a mut Context<'b, CacheAside>,
}

impl Server<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<CacheAside>) {
        match event {
            Event::Message { from, message: Message::Read { number, key } } => self.begin(from, number, key, false),
            Event::Message { from, message: Message::Update { number, key } } => self.begin(from, number, key, true),
            Event::Message { message: Message::Hit { number, version }, .. } => self.hit(number, version),
            Event::Message { message: Message::Miss { number, lease }, .. } => self.missed(number, lease),
            Event::Message { message: Message::SetDone { number, stored }, .. } => self.set_done(number, stored),
            Event::Message { message: Message::Deleted { number }, .. } => self.deleted(number),
            Event::Message { message: Message::Result { number, version }, .. } => self.result(number, version),
            Event::Timer(Timer::Retry(number)) => self.retry(number),
            _ => self.context.pass_over(),
        }
    }

    fn begin(&mut self, client: NodeId, request: Number, key: u16, update: bool) {
        if self.jobs.len() >= MOST_JOBS {
            self.context.why(|_| format!("{MOST_JOBS} requests are under way: this one is dropped."));
            return;
        }
        self.disk.last += 1;
        let number = self.disk.last;
        let stage = match (update, self.context.rule(INVALIDATE_AFTER)) {
            (false, _) => Stage::LookingUp,
            (true, true) => Stage::Writing { deleted: false },
            (true, false) => Stage::Deleting { version: None },
        };
        let name = key_name(key);
        match stage {
            Stage::LookingUp => self.context.why(|_| format!("The server asks the cache for {name} first.")),
            Stage::Writing { .. } => self.context.why_rule(INVALIDATE_AFTER, |_| {
                format!("The server writes {name} to the database. It will delete the cached copy after that.")
            }),
            _ => self.context.why_rule(INVALIDATE_AFTER, |_| {
                format!("The server deletes the cached copy of {name} first, and writes after that.")
            }),
        }
        self.jobs.insert(number, Job { client, request, key, stage });
        self.send(number);
    }

    /// Sends what a job's stage asks for, and waits for the answer.
    fn send(&mut self, number: Number) {
        let Some(job) = self.jobs.get(&number).copied() else { return };
        let (cache, database) = (cache_node(self.context.settings()), database(self.context.settings()));
        let key = job.key;
        let (to, message) = match job.stage {
            Stage::LookingUp => (cache, Message::Lookup { number, key }),
            Stage::Loading { .. } => (database, Message::Load { number, key }),
            Stage::Writing { .. } => (database, Message::Write { number, key }),
            Stage::Deleting { .. } => (cache, Message::Delete { number, key }),
            Stage::Setting { .. } | Stage::Waiting => return,
        };
        self.context.send(to, message);
        let patience = self.context.amount(DATABASE).saturating_mul(4).max(300 * MS);
        self.context.set_timer(Timer::Retry(number), patience);
    }

    /// The job of an answer, if it is in a stage that waits for one.
    fn expect(&mut self, number: Number, waits: fn(&Stage) -> bool) -> Option<Job> {
        let job = self.jobs.get(&number).copied().filter(|job| waits(&job.stage));
        if job.is_none() {
            self.context.why(|_| format!("No job waits for this answer any more: job {number} has moved on."));
        }
        job
    }

    fn set_stage(&mut self, number: Number, stage: Stage) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.stage = stage;
        }
        self.send(number);
    }

    fn hit(&mut self, number: Number, version: Version) {
        let Some(job) = self.expect(number, |stage| *stage == Stage::LookingUp) else { return };
        self.context
            .why(|_| format!("A hit: the server answers {} from the cache, version {version}.", key_name(job.key)));
        self.context.count(HITS, 0, 1);
        self.finish(number, version);
    }

    fn missed(&mut self, number: Number, lease: Option<u64>) {
        let Some(job) = self.expect(number, |stage| *stage == Stage::LookingUp) else { return };
        self.context.count(MISSES, 0, 1);
        let loads =
            |other: &Job| other.key == job.key && matches!(other.stage, Stage::Loading { .. } | Stage::Setting { .. });
        let (name, busy) = (key_name(job.key), self.jobs.values().any(loads));
        if busy && self.context.rule(SINGLE_FLIGHT) {
            self.context.why_rule(SINGLE_FLIGHT, |_| {
                format!("A miss, and {name} is being loaded already: this request waits.")
            });
            if let Some(job) = self.jobs.get_mut(&number) {
                job.stage = Stage::Waiting;
            }
            self.context.set_timer(Timer::Retry(number), 300 * MS);
            return;
        }
        self.context.why_rule(SINGLE_FLIGHT, |_| format!("A miss: the server loads {name} from the database."));
        self.set_stage(number, Stage::Loading { lease });
    }

    fn result(&mut self, number: Number, version: Version) {
        let Some(job) = self.expect(number, |stage| matches!(stage, Stage::Loading { .. } | Stage::Writing { .. }))
        else {
            return;
        };
        let name = key_name(job.key);
        match job.stage {
            Stage::Loading { lease } => {
                self.context
                    .why(|_| format!("The database has {name} at version {version}: answer, and set the cache."));
                self.reply(&job, version);
                let cache = cache_node(self.context.settings());
                self.context.send(cache, Message::Set { number, key: job.key, version, lease });
                self.set_stage(number, Stage::Setting { version });
                self.context.set_timer(Timer::Retry(number), 50 * MS);
            }
            Stage::Writing { deleted: true } => {
                self.context.why(|_| format!("The database has {name} at version {version}: the update is done."));
                self.finish(number, version);
            }
            _ => {
                self.context.why_rule(INVALIDATE_AFTER, |_| {
                    format!("The database has {name} at version {version}: now the cached copy is deleted.")
                });
                self.set_stage(number, Stage::Deleting { version: Some(version) });
            }
        }
    }

    fn deleted(&mut self, number: Number) {
        let Some(job) = self.expect(number, |stage| matches!(stage, Stage::Deleting { .. })) else { return };
        let name = key_name(job.key);
        match job.stage {
            Stage::Deleting { version: Some(version) } => {
                self.context.why(|_| format!("The cached copy of {name} is gone: the update is done."));
                self.finish(number, version);
            }
            _ => {
                self.context.why_rule(INVALIDATE_AFTER, |_| {
                    format!("The cached copy of {name} is gone; now the server writes.")
                });
                self.set_stage(number, Stage::Writing { deleted: true });
            }
        }
    }

    fn set_done(&mut self, number: Number, stored: bool) {
        let Some(job) = self.expect(number, |stage| matches!(stage, Stage::Setting { .. })) else { return };
        let name = key_name(job.key);
        self.context.why_rule(LEASE, |_| match stored {
            true => format!("{name} is cached; those who waited for it ask the cache again."),
            false => format!("{name} was not stored: those who waited for it ask the cache again."),
        });
        self.end(number);
    }

    fn reply(&mut self, job: &Job, version: Version) {
        self.context.send(job.client, Message::Reply { number: job.request, key: job.key, version });
    }

    fn finish(&mut self, number: Number, version: Version) {
        if let Some(job) = self.jobs.get(&number).copied() {
            self.reply(&job, version);
        }
        self.end(number);
    }

    /// Ends a job; those who waited for its load ask the cache again, since it may know something newer by now.
    fn end(&mut self, number: Number) {
        self.context.cancel_timer(Timer::Retry(number));
        let Some(ended) = self.jobs.remove(&number) else { return };
        let waits = |job: &Job| job.key == ended.key && job.stage == Stage::Waiting;
        let waiting: Vec<Number> = self.jobs.iter().filter(|(_, job)| waits(job)).map(|(number, _)| *number).collect();
        for number in waiting {
            self.set_stage(number, Stage::LookingUp);
        }
    }

    /// No answer in time: a load starts over at the cache, an update is tried again, a set is let go.
    fn retry(&mut self, number: Number) {
        let Some(job) = self.jobs.get(&number).copied() else {
            self.context.why(|_| format!("Job {number} is done."));
            return;
        };
        let name = key_name(job.key);
        self.context.why(|_| format!("No answer about {name} in time: the server tries again."));
        match job.stage {
            Stage::Setting { .. } => self.end(number),
            Stage::Waiting | Stage::LookingUp | Stage::Loading { .. } => self.restart(number),
            Stage::Writing { .. } | Stage::Deleting { .. } => self.send(number),
        }
    }

    /// A read starts over under a new number, so that late answers to the old one are passed over.
    fn restart(&mut self, number: Number) {
        self.context.cancel_timer(Timer::Retry(number));
        if let Some(job) = self.jobs.remove(&number) {
            self.disk.last += 1;
            let number = self.disk.last;
            self.jobs.insert(number, Job { stage: Stage::LookingUp, ..job });
            self.send(number);
        }
    }
}
