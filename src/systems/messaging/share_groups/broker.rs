//! The broker: leads both partitions, hands out their records under locks, and writes how they stand.

use super::share::{AckType, Holder, Place, SharePartition, State};
use super::{
    ACQUIRED, AVAILABLE, BOUNDED, BrokerDisk, DEAD, DEAD_LETTERS, DeadLetter, Delivery, FETCH_WAIT, HOLDER, LIMIT,
    LOCK, LOCK_DURATION, MAX_LOCKS, MOST_OPEN, Memory, Message, Note, OVERTAKEN, PARTITIONS, PERSIST, REDELIVERED,
    REFUSED, Record, Session, ShareGroups, Timer, WRITE_EVERY, is_shared, key_name, workers,
};
use crate::sim::NodeId;
use crate::sim::kernel::time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// How many settled records of a partition retention leaves.
const KEPT_BEHIND: u32 = 4;
/// How many dead letters are kept.
const KEPT_DEAD: usize = 40;

pub(super) struct Broker<'a, 'b> {
    pub disk: &'a mut BrokerDisk,
    pub share: &'a mut [SharePartition; PARTITIONS],
    pub sessions: &'a mut Vec<Session>,
    pub context: &'a mut Context<'b, ShareGroups>,
}

/// A broker that restarts reads the group's state back. Nobody holds a lock.
pub(super) fn boot(disk: &BrokerDisk, context: &mut Context<ShareGroups>) -> Memory {
    context.note(Note::Recovered);
    Memory::Broker { share: disk.state.clone(), sessions: Vec::new() }
}

impl Broker<'_, '_> {
    fn name(&self, node: NodeId) -> String {
        ShareGroups::name(self.context.settings(), node)
    }

    pub(super) fn handle(&mut self, event: Event<ShareGroups>) {
        match event {
            Event::Message { message: Message::Produce { key, poison, produced }, .. } => {
                self.append(Record { key, poison, produced });
            }
            Event::Message { from, message: Message::Fetch { epoch, most } } => self.fetched(from, epoch, most),
            Event::Message { from, message: Message::Acknowledge { epoch, place, kind } } => {
                self.acknowledged(from, epoch, place, kind);
            }
            Event::Timer(Timer::Lock(place)) => self.ran_out(place),
            Event::Timer(Timer::Write) => {
                self.write();
                self.context.why_rule(PERSIST, |_| "The broker writes the state of all records.".to_owned());
            }
            _ => self.context.pass_over(),
        }
        self.deliver();
        self.measure();
    }

    fn append(&mut self, record: Record) {
        let at = usize::from(record.key) % PARTITIONS;
        let partition = &mut self.disk.topic[at];
        if partition.end() - self.share[at].start() >= MOST_OPEN {
            return self.context.why(|_| format!("Partition {at} has {MOST_OPEN} open records: this one is refused."));
        }
        let place = Place { partition: at as u8, offset: partition.end() };
        partition.records.push(record);
        self.context.why(|_| format!("A record of key {} is appended: it is record {place}.", key_name(record.key)));
        self.context.note(Note::Produced { place });
    }

    fn fetched(&mut self, from: NodeId, epoch: u32, most: usize) {
        let (name, until) = (self.name(from), self.context.now() + FETCH_WAIT);
        if self.sessions.iter().any(|session| session.node == from && session.epoch >= epoch) {
            return self.context.why(|_| format!("{name} has fetched again since: this fetch is ignored."));
        }
        self.sessions.retain(|session| session.node != from);
        self.sessions.push(Session { node: from, epoch, most, until });
        self.context.why(|_| format!("{name} asks for {}.", counted(most as u64, "record")));
        if !is_shared(self.context.settings()) {
            self.share.iter_mut().for_each(|share| share.rewind(from));
        }
    }

    /// Serves who has asked, first come, first served.
    fn deliver(&mut self) {
        let now = self.context.now();
        for at in 0..self.sessions.len() {
            let session = self.sessions[at];
            if session.most == 0 || session.until < now {
                continue;
            }
            let mut deliveries = Vec::new();
            for turn in 0..PARTITIONS {
                let partition = (session.epoch as usize + session.node.index() + turn) % PARTITIONS;
                if self.may_take(session.node, partition) {
                    self.take(session, partition, &mut deliveries);
                }
            }
            if !deliveries.is_empty() {
                self.sessions[at].most = 0;
                self.context.send(session.node, Message::Records { epoch: session.epoch, deliveries });
            }
        }
    }

    /// In a consumer group each partition has one worker, and some workers have none.
    fn may_take(&self, node: NodeId, partition: usize) -> bool {
        let settings = self.context.settings();
        let all = workers(settings).count().max(1);
        is_shared(settings) || workers(settings).nth(partition % all) == Some(node)
    }

    fn take(&mut self, session: Session, partition: usize, deliveries: &mut Vec<Delivery>) {
        let Session { node, epoch, most, .. } = session;
        let holder = Holder { node, epoch, since: self.context.now() };
        let (left, max_locks) = (most - deliveries.len(), self.context.amount(MAX_LOCKS) as usize);
        let name = self.name(node);
        let shared = is_shared(self.context.settings());
        for (offset, count) in self.share[partition].acquire(self.disk.topic[partition].end(), left, max_locks, holder)
        {
            let place = Place { partition: partition as u8, offset };
            let Some(record) = self.disk.topic[partition].get(offset).copied() else { continue };
            let lock = self.context.amount(LOCK_DURATION);
            let ends = self.context.rule(LOCK);
            self.context.why(|_| match shared {
                true if ends => {
                    format!("{name} gets record {place}, delivery {count}, locked for {}.", time::show(lock))
                }
                true => format!("{name} gets record {place}, delivery {count}, locked until it answers."),
                false => format!("{name} owns partition {partition}, and gets record {place}."),
            });
            self.context.note(Note::Delivered { place, to: node });
            self.context.count(REDELIVERED, 0, u64::from(count > 1));
            if shared {
                self.context.set_timer(Timer::Lock(place), lock);
            }
            deliveries.push(Delivery { place, record, count });
        }
    }

    fn acknowledged(&mut self, from: NodeId, epoch: u32, place: Place, kind: AckType) {
        let (name, strict) = (self.name(from), self.context.rule(HOLDER));
        let holder = self.share[usize::from(place.partition)].holder(place.offset);
        let own = holder.is_some_and(|holder| (holder.node, holder.epoch) == (from, epoch));
        let other = holder.map(|holder| self.name(holder.node));
        let state = if own || !strict { self.answer(place, kind, Some(from)) } else { None };
        let word = kind.word();
        self.context.why_rule(HOLDER, |_| match (state, &other) {
            (None, Some(other)) => format!("{word} from {name} is refused: {other} holds record {place} now."),
            (None, None) => format!("{word} from {name} is refused: nobody holds record {place} any more."),
            (Some(_), Some(other)) if !own => {
                format!("{word} from {name} counts for record {place}, although {other} holds it.")
            }
            (Some(state), _) => format!("{word} from {name}: record {place} is {}.", state_word(state)),
        });
        self.context.count(REFUSED, 0, u64::from(state.is_none()));
        self.context.send(from, Message::Answer { epoch, place, kind, taken: state.is_some() });
    }

    /// The lock on a record is over.
    fn ran_out(&mut self, place: Place) {
        if !self.context.rule(LOCK) {
            let lock = self.context.amount(LOCK_DURATION);
            self.context.set_timer(Timer::Lock(place), lock);
            return self
                .context
                .why_rule(LOCK, |_| format!("Record {place} was not answered in time, and nothing comes of it."));
        }
        let state = self.answer(place, AckType::Release, None);
        self.context.why_rule(LOCK, |_| match state {
            Some(state) => format!("The lock on record {place} has run out: it is {}.", state_word(state)),
            None => format!("Record {place} was answered before."),
        });
    }

    /// Changes a record's state, writes it, and says so to the bystander. `by`: the worker that answers.
    fn answer(&mut self, place: Place, kind: AckType, by: Option<NodeId>) -> Option<State> {
        let at = usize::from(place.partition);
        let (shared, now) = (is_shared(self.context.settings()), self.context.now());
        let limit = (shared && self.context.rule(BOUNDED)).then(|| self.context.amount(LIMIT) as u32);
        let count = self.share[at].get(place.offset).map_or(0, |record| record.count);
        let overtakes = kind == AckType::Accept && self.overtakes(place);
        let state = self.share[at].answer(place.offset, kind, limit, now)?;
        match state {
            State::Acquired(_) => {
                let lock = self.context.amount(LOCK_DURATION);
                self.context.set_timer(Timer::Lock(place), lock);
                return Some(state);
            }
            State::Available => self.context.note(Note::Returned { place, by }),
            State::Acknowledged => self.context.note(Note::Settled { place, dead: false }),
            State::Archived => self.archive(place, count),
        }
        self.context.cancel_timer(Timer::Lock(place));
        self.context.count(OVERTAKEN, 0, u64::from(overtakes));
        if self.context.rule(PERSIST) {
            self.write();
            self.context.cancel_timer(Timer::Write);
        } else if !self.context.has_timer(Timer::Write) {
            self.context.set_timer(Timer::Write, WRITE_EVERY);
        }
        Some(state)
    }

    /// Whether an earlier record of the same key is still open.
    fn overtakes(&self, place: Place) -> bool {
        let topic = &self.disk.topic[usize::from(place.partition)];
        let key = |offset| topic.get(offset).map(|record| record.key);
        let open = |state| matches!(state, State::Available | State::Acquired(_));
        let earlier = self.share[usize::from(place.partition)].in_flight().filter(|(offset, _)| *offset < place.offset);
        earlier.into_iter().any(|(offset, record)| open(record.state) && key(offset) == key(place.offset))
    }

    /// No worker gets the record any more.
    fn archive(&mut self, place: Place, count: u32) {
        let dead = is_shared(self.context.settings()) && self.context.rule(DEAD_LETTERS);
        let key = self.disk.topic[usize::from(place.partition)].get(place.offset).map_or(0, |record| record.key);
        self.context.note(Note::Settled { place, dead });
        self.context.why_rule(DEAD_LETTERS, |_| match dead {
            true => format!("Record {place} is archived, and a dead letter is written."),
            false => format!("Record {place} is archived, and leaves nothing behind."),
        });
        if dead {
            if self.disk.dead.len() == KEPT_DEAD {
                self.disk.dead.remove(0);
            }
            self.disk.dead.push(DeadLetter { place, key, count });
            self.context.count(DEAD, 0, 1);
        }
    }

    /// Writes how all records stand, and drops what has been settled for a while from the topic.
    fn write(&mut self) {
        for (at, share) in self.share.iter().enumerate() {
            self.disk.state[at] = share.written();
            let topic = &mut self.disk.topic[at];
            let old = share.start().saturating_sub(KEPT_BEHIND).saturating_sub(topic.start);
            topic.records.drain(..old as usize);
            topic.start += old;
        }
    }

    fn measure(&mut self) {
        let held = |share: &SharePartition| share.in_flight().filter(|one| is_held(one.1.state)).count() as u32;
        let settled = |share: &SharePartition| share.in_flight().filter(|one| is_settled(one.1.state)).count() as u32;
        let acquired: u32 = self.share.iter().map(held).sum();
        let open: u32 =
            self.share.iter().zip(&self.disk.topic).map(|(one, topic)| topic.end() - one.start() - settled(one)).sum();
        self.context.gauge(ACQUIRED, 0, i64::from(acquired));
        self.context.gauge(AVAILABLE, 0, i64::from(open - acquired));
    }
}

fn is_held(state: State) -> bool {
    matches!(state, State::Acquired(_))
}

fn is_settled(state: State) -> bool {
    matches!(state, State::Acknowledged | State::Archived)
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Available => "available again",
        State::Acquired(_) => "locked anew",
        State::Acknowledged => "acknowledged",
        State::Archived => "archived",
    }
}
