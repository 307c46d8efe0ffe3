//! What has been seen of a run: what was confirmed, done, parked, and whether each message was routed as its bindings say.

use std::hash::{Hash, Hasher};

use super::exchange::{Binding, Matching, copies, matched};
use super::message::{Envelope, QueueId, TaskId};
use super::topology::{self, Topology};
use super::{FIRST, Note};
use crate::sim::declare::settings::Settings;
use crate::sim::judge::seen::Seen;
use crate::sim::kernel::time::Time;

/// The most confirmed messages that wait to be seen done.
const MOST_OPEN: usize = 800;
/// How many done and parked messages are remembered as the latest.
const LATEST: usize = 400;
/// How many finished messages are remembered in their order.
const ORDER_KEPT: usize = 12;

/// A confirmed message that has not reached everyone it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    pub id: TaskId,
    pub published: Time,
    /// It will not fail.
    pub healthy: bool,
}

/// A message that was done: how often, and by which consumers, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Finished {
    id: TaskId,
    times: u8,
    by: u8,
}

/// A message that is not in the queues that its bindings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Misrouted {
    pub id: TaskId,
    pub queue: QueueId,
    /// How many copies the definition gives, and how many there were.
    pub expected: u8,
    pub got: u8,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    open: Vec<Open>,
    /// Done by anyone.
    done: Seen,
    /// Done by each consumer.
    done_by: Vec<Seen>,
    parked: Seen,
    latest_done: Vec<Finished>,
    latest_parked: Vec<TaskId>,
    /// The last ones that were done, in their order.
    order: Vec<TaskId>,
    misrouted: Option<Misrouted>,
    dropped: Option<TaskId>,
}

/// Without the ranges: until something is forgotten they follow from the rest, and no explored instance gets there.
impl Hash for Witness {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.open, &self.latest_done, &self.latest_parked, &self.order, self.misrouted, self.dropped).hash(state);
    }
}

impl Witness {
    /// A message that was done more than once, if there is one.
    pub fn done_twice(&self) -> Option<TaskId> {
        self.latest_done.iter().find(|done| done.times > 1).map(|done| done.id)
    }

    /// Confirmed, and not done by everyone who must.
    pub fn open(&self) -> &[Open] {
        &self.open
    }

    /// Whether a consumer, numbered from 0, has surely not done a message.
    pub fn has_not_done(&self, id: TaskId, consumer: usize) -> bool {
        self.done_by.get(consumer).is_none_or(|seen| seen.lacks(id))
    }

    /// What a consumer, numbered from 0, has done lately, the last one first.
    pub fn done_by(&self, consumer: usize) -> impl Iterator<Item = TaskId> {
        let by = move |done: &&Finished| done.by >> consumer.min(7) & 1 == 1;
        self.latest_done.iter().rev().filter(by).map(|done| done.id)
    }

    /// What was done lately, in its order.
    pub fn order(&self) -> &[TaskId] {
        &self.order
    }

    /// What was parked lately.
    pub fn parked(&self) -> &[TaskId] {
        &self.latest_parked
    }

    /// The first message that was routed wrongly.
    pub fn misrouted(&self) -> Option<Misrouted> {
        self.misrouted
    }

    /// The first message that was dropped without a word.
    pub fn dropped(&self) -> Option<TaskId> {
        self.dropped
    }

    fn is_settled(&self, id: TaskId, needed: u8) -> bool {
        let by_all = || (0..8).filter(|at| needed >> at & 1 == 1).all(|consumer| !self.has_not_done(id, consumer));
        !self.parked.lacks(id) || !self.done.lacks(id) && by_all()
    }

    fn finished(&mut self, id: TaskId, consumer: usize) {
        if self.order.len() == ORDER_KEPT {
            self.order.remove(0);
        }
        self.order.push(id);
        self.done.add(id);
        if self.done_by.len() <= consumer {
            self.done_by.resize(consumer + 1, Seen::default());
        }
        self.done_by[consumer].add(id);
        let bit = 1 << consumer.min(7);
        if let Some(done) = self.latest_done.iter_mut().find(|done| done.id == id) {
            done.times = done.times.saturating_add(1);
            done.by |= bit;
            return;
        }
        if self.latest_done.len() == LATEST {
            self.latest_done.remove(0);
        }
        self.latest_done.push(Finished { id, times: 1, by: bit });
    }
}

/// Who must have done a message: every service, or anyone.
fn needed(settings: &Settings) -> Option<u8> {
    (topology::of(settings) == Topology::Fanout).then(|| (1u8 << topology::consumers(settings)).wrapping_sub(1))
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], settings: &Settings) {
    let each = needed(settings);
    for note in notes {
        match note {
            Note::Confirmed { id, published, healthy } => {
                if witness.is_settled(*id, each.unwrap_or(0)) {
                    continue;
                }
                if witness.open.len() == MOST_OPEN {
                    witness.open.remove(0);
                }
                witness.open.push(Open { id: *id, published: *published, healthy: *healthy });
            }
            Note::Done { id, worker } => {
                witness.finished(*id, worker.index().saturating_sub(FIRST));
                if witness.is_settled(*id, each.unwrap_or(0)) {
                    witness.open.retain(|open| open.id != *id);
                }
            }
            Note::Parked { id } => {
                witness.parked.add(*id);
                if witness.latest_parked.len() == LATEST {
                    witness.latest_parked.remove(0);
                }
                witness.latest_parked.push(*id);
                witness.open.retain(|open| open.id != *id);
            }
            Note::Routed { id, envelope, bindings, queues } => {
                witness.misrouted = witness.misrouted.or_else(|| judge(*id, envelope, bindings, queues));
            }
            Note::Dropped { id } => witness.dropped = witness.dropped.or(Some(*id)),
        }
    }
}

/// Compares what the broker did with the definition: one copy for each queue with a binding that matches.
fn judge(id: TaskId, envelope: &Envelope, bindings: &[Binding], queues: &[QueueId]) -> Option<Misrouted> {
    let right = copies(bindings, &matched(bindings, envelope, Matching::AMQP), Matching::AMQP);
    let count = |list: &[QueueId], queue: QueueId| list.iter().filter(|known| **known == queue).count() as u8;
    let wrong = |queue: &QueueId| count(&right, *queue) != count(queues, *queue);
    let queue = (0..topology::DESKS.len() as u8).find(wrong)?;
    Some(Misrouted { id, queue, expected: count(&right, queue), got: count(queues, queue) })
}
