//! The cache and the database.

use litemap::LiteMap;

use super::{
    CAPACITY, CacheAside, Copied, Disk, ENTRIES, Given, LEASE, Message, Number, QUERIES, QUERY, QUEUE, Query, TTL,
    Timer, Version, key_name,
};
use crate::mechanisms::lru::Lru;
use crate::sim::NodeId;
use crate::sim::kernel::time::{Micros, SEC};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::counted;
use crate::systems::parts::station::{Station, Taken};

/// The most queries that wait; more are refused, which the server notices by its time-out.
const LONGEST_QUEUE: usize = 300;

/// After this long another lease is given for a key: the holder of the last may never come (Nishtala and others, 2013,
/// section 3.2.1: one token per key in 10 seconds).
const LEASE_AGAIN: Micros = 10 * SEC;

/// The cache. Everything it has is in memory.
pub(super) struct Cache<'a, 'b> {
    pub entries: &'a mut Lru<Copied>,
    /// The lease that may set each key.
    pub leases: &'a mut LiteMap<u16, Given>,
    pub next_lease: &'a mut u64,
    pub context: &'a mut Context<'b, CacheAside>,
}

impl Cache<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<CacheAside>) {
        match event {
            Event::Message { from, message: Message::Lookup { number, key } } => self.lookup(from, number, key),
            Event::Message { from, message: Message::Set { number, key, version, lease } } => {
                self.set(from, number, (key, version), lease);
            }
            Event::Message { from, message: Message::Delete { number, key } } => self.delete(from, number, key),
            Event::Command(_) => {
                self.entries.clear();
                self.leases.clear();
                self.context.why(|_| "The cache is flushed: it is empty.".to_owned());
            }
            _ => self.context.pass_over(),
        }
        self.context.gauge(ENTRIES, 0, self.entries.len() as i64);
    }

    fn lookup(&mut self, from: NodeId, number: Number, key: u16) {
        let (now, name) = (self.context.now(), key_name(key));
        let found = self.entries.get(key).copied();
        match found {
            Some(copied) if copied.expires > now || self.context.amount(TTL) == 0 => {
                self.context.why(|_| format!("The cache has {name}, version {}.", copied.version));
                self.context.send(from, Message::Hit { number, version: copied.version });
                return;
            }
            Some(_) => {
                self.entries.remove(key);
                self.context.why(|_| format!("The cached copy of {name} has outlived its time."));
            }
            None => self.context.why(|_| format!("The cache does not have {name}.")),
        }
        let is_out = self.leases.get(&key).is_some_and(|given| now < given.at.saturating_add(LEASE_AGAIN));
        let lease = (!is_out).then(|| {
            *self.next_lease += 1;
            self.leases.insert(key, Given { lease: *self.next_lease, at: now });
            *self.next_lease
        });
        let asks = self.context.rule(LEASE);
        self.context.why_rule(LEASE, |_| match (lease, asks) {
            (Some(lease), true) => format!("It hands out lease {lease}: whoever holds it may set {name}."),
            (None, true) => format!("Another server has the lease for {name}."),
            (_, false) => format!("Whoever loads {name} may set it: nobody needs a lease."),
        });
        self.context.send(from, Message::Miss { number, lease });
    }

    fn set(&mut self, from: NodeId, number: Number, (key, version): (u16, Version), lease: Option<u64>) {
        let valid = lease.is_some() && self.leases.get(&key).map(|given| given.lease) == lease;
        let stored = valid || !self.context.rule(LEASE);
        let name = key_name(key);
        let asks = self.context.rule(LEASE);
        self.context.why_rule(LEASE, |_| match (valid, stored) {
            (true, _) if asks => format!("The lease stands: {name} is cached at version {version}."),
            (_, true) => format!("{name} is cached at version {version}, and nobody asks for a lease."),
            _ => format!("{name} is not cached: the lease was voided by an invalidation, or given to another server."),
        });
        if valid {
            self.leases.remove(&key);
        }
        if stored {
            let expires = self.context.now().saturating_add(self.context.amount(TTL));
            let capacity = self.context.amount(CAPACITY) as usize;
            while self.entries.len() > capacity.max(1) {
                let oldest = self.entries.iter().last().map(|entry| entry.0);
                oldest.map(|oldest| self.entries.remove(oldest));
            }
            if let Some(gone) = self.entries.put(key, Copied { version, expires }, capacity) {
                self.context.why(|_| format!("The cache is full: {} goes, the least recently used.", key_name(gone)));
            }
        }
        self.context.send(from, Message::SetDone { number, stored });
    }

    fn delete(&mut self, from: NodeId, number: Number, key: u16) {
        let (had, voided) = (self.entries.remove(key), self.leases.remove(&key).is_some());
        let voided = voided && self.context.rule(LEASE);
        self.context.why(|_| {
            let (key, lease) = (key_name(key), if voided { ", and the lease for it is void" } else { "" });
            match had {
                true => format!("The cached copy of {key} is deleted{lease}."),
                false => format!("There was no cached copy of {key}{lease}."),
            }
        });
        self.context.send(from, Message::Deleted { number });
    }
}

/// The database: one query at a time, in order.
pub(super) struct Database<'a, 'b> {
    pub disk: &'a mut Disk,
    pub queue: &'a mut Station<Query>,
    pub context: &'a mut Context<'b, CacheAside>,
}

impl Database<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<CacheAside>) {
        match event {
            Event::Message { from, message: Message::Load { number, key } } => {
                self.enqueue(Query { from, number, key, writes: false })
            }
            Event::Message { from, message: Message::Write { number, key } } => {
                self.enqueue(Query { from, number, key, writes: true })
            }
            Event::Timer(Timer::Query) => self.done(),
            _ => self.context.pass_over(),
        }
        self.context.gauge(QUEUE, 0, self.queue.len() as i64);
    }

    fn enqueue(&mut self, query: Query) {
        match self.queue.take(query, 1, LONGEST_QUEUE) {
            Taken::Begun => {
                self.context.why(|_| "The database begins at once.".to_owned());
                self.context.work(Timer::Query, QUERY);
            }
            Taken::Waits(ahead) => {
                self.context.why(|_| format!("Ahead of this one: {}.", counted(ahead as u64, "query")))
            }
            Taken::Full => self.context.why(|_| format!("{LONGEST_QUEUE} queries wait already: this one is refused.")),
        }
    }

    fn done(&mut self) {
        let Some(Query { from, number, key, writes }) = self.queue.done() else {
            self.context.why(|_| "There was no query.".to_owned());
            return;
        };
        let Some(version) = self.disk.versions.get_mut(usize::from(key)) else { return };
        *version += u32::from(writes);
        let version = *version;
        self.context.why(|_| match writes {
            true => format!("{} is written: version {version} from now on.", key_name(key)),
            false => format!("{} is read: version {version}.", key_name(key)),
        });
        self.context.count(QUERIES, 0, 1);
        self.context.send(from, Message::Result { number, version });
        if self.queue.is_busy(1) {
            self.context.work(Timer::Query, QUERY);
        }
    }
}
