//! The cluster: two topics, the groups' offsets, and the transaction coordinator.

use litemap::LiteMap;
use std::rc::Rc;

use super::topic::{Order, Topic};
use super::wire::{Answer, Batch, Identity, Refused, Request, ids, transactional};
use super::{
    ABORTED, EPOCH_EACH, FENCE, IDEMPOTENT, MAX_POLL, Memory, Message, Note, ORDERED, ORDERS, Once, READ_COMMITTED,
    REFUSED, REQUESTED, REQUESTS, TOGETHER, TXN_TIMEOUT, Timer,
};
use crate::mechanisms::producer_state::Verdict;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// A transactional id, as its coordinator knows it (__transaction_state).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// Its producer id.
    pub pid: u16,
    /// The epoch of its one live instance.
    pub epoch: u16,
    /// Ongoing: something was written under it.
    pub open: bool,
    /// The offset that becomes the group's with the commit.
    pub pending: Option<u32>,
    /// How the last one ended: by commit or not.
    pub committed: Option<bool>,
}

/// What is on the cluster's disks. An answer is sent when all replicas have it (acks=all); replication is another
/// scenario's subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BrokerDisk {
    /// requests and orders.
    pub topics: [Rc<Topic>; 2],
    /// __consumer_offsets: checkout's group (0) reads requests, the writer's (1) reads orders.
    pub offsets: LiteMap<u8, u32>,
    /// __transaction_state, by transactional id.
    pub transactions: LiteMap<u8, Transaction>,
    /// The last producer id that was given out.
    pub last_pid: u16,
}

/// Fetches that wait for records, by who asked.
pub type Parked = LiteMap<NodeId, (u64, Request)>;

pub(super) struct Broker<'a, 'b> {
    pub disk: &'a mut BrokerDisk,
    pub parked: &'a mut Parked,
    pub context: &'a mut Context<'b, Once>,
}

pub(super) fn blank(settings: &Settings) -> BrokerDisk {
    let (ordered, requested) = (settings.amount(ORDERED) as u32, settings.amount(REQUESTED) as u32);
    let orders = |from: u32, count: u32| (from + 1..=from + count).map(|id| Order { id, at: 0 });
    let topics = [Rc::new(Topic::with(orders(ordered, requested))), Rc::new(Topic::with(orders(0, ordered)))];
    BrokerDisk { topics, ..BrokerDisk::default() }
}

pub(super) fn boot(disk: &BrokerDisk, context: &mut Context<Once>) -> Memory {
    let timeout = context.amount(TXN_TIMEOUT);
    for id in disk.transactions.iter().filter(|entry| entry.1.open).map(|entry| *entry.0) {
        context.set_timer(Timer::TxnTimeout(id), timeout);
    }
    Memory::Broker(Parked::new())
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Once>) {
        match event {
            Event::Message { from, message: Message::Request { number, body } } => {
                if let Some(answer) = self.serve(from, number, body) {
                    self.context.send(from, Message::Answer { number, body: answer });
                }
            }
            Event::Timer(Timer::TxnTimeout(id)) => {
                self.context.why(|_| format!("The transaction of {} has been open for too long.", transactional(id)));
                self.end(id, false);
            }
            _ => self.context.pass_over(),
        }
        self.wake();
    }

    fn serve(&mut self, from: NodeId, number: u64, request: Request) -> Option<Answer> {
        Some(match request {
            Request::Init { transactional } => self.init(from, transactional),
            Request::Produce(batch) => self.produce(from, &batch),
            Request::Offset { group } => self.offset(from, group),
            Request::TxnOffset { who, offset } => self.txn_offset(from, who, offset),
            Request::Commit { who } => self.commit(from, who),
            Request::CommitOffset { group, offset } => {
                self.disk.offsets.insert(group, offset);
                self.context.why(|s| format!("{} commits offset {offset} on its own.", Once::name(s, from)));
                Answer::Done
            }
            Request::Fetch { .. } => {
                self.context.why(|s| format!("{} asks for records.", Once::name(s, from)));
                self.parked.insert(from, (number, request));
                return None;
            }
            Request::Select | Request::Insert { .. } => {
                self.context.why(|_| "This is for the database.".to_owned());
                return None;
            }
        })
    }

    /// A producer id; for a transactional id, the next epoch, which fences the holder of the one before.
    fn init(&mut self, from: NodeId, named: Option<u8>) -> Answer {
        let Some(id) = named else {
            self.disk.last_pid += 1;
            let pid = self.disk.last_pid;
            self.context.why_rule(IDEMPOTENT, |s| format!("{} gets producer id {pid}.", Once::name(s, from)));
            return Answer::Producer { pid, epoch: 0 };
        };
        if self.disk.transactions.get(&id).is_some_and(|known| known.open) {
            self.end(id, false);
        }
        let last = &mut self.disk.last_pid;
        let known = self.disk.transactions.entry(id).or_insert_with(|| {
            *last += 1;
            Transaction { pid: *last, ..Transaction::default() }
        });
        known.epoch += 1;
        let (Transaction { pid, epoch, .. }, fences) = (*known, self.context.rule(FENCE));
        self.context.why_rule(FENCE, |s| {
            let (name, id) = (Once::name(s, from), transactional(id));
            let so = match fences {
                true => "Older epochs are refused from here on.",
                false => "The id is its own: no other instance is fenced off.",
            };
            format!("{name} holds the id {id} now: producer id {pid}, epoch {epoch}. {so}")
        });
        Answer::Producer { pid, epoch }
    }

    fn produce(&mut self, from: NodeId, batch: &Batch) -> Answer {
        if let Some(id) = batch.transactional {
            let who = Identity { id, pid: batch.pid, epoch: batch.epoch };
            if let Some(refused) = self.fenced(from, who) {
                return refused;
            }
        }
        let Some(topic) = self.disk.topics.get_mut(usize::from(batch.topic)) else { return Answer::Done };
        let outgoing = (topic.start(), topic.outgoing(batch.orders.len()));
        let verdict = Rc::make_mut(topic).append(batch);
        self.context.why_rule(IDEMPOTENT, |s| {
            let (name, ids, first) = (Once::name(s, from), ids(&batch.orders), batch.sequence);
            match verdict {
                Verdict::Append if batch.pid == 0 => {
                    format!("Order {ids} of {name} is appended, and nobody asks whether it was before.")
                }
                Verdict::Append => {
                    format!("Order {ids} of {name} is appended: sequence number {first} is the next one.")
                }
                Verdict::Duplicate(at) => {
                    format!("Sequence number {first} of {name} is at offset {at} already: nothing is written.")
                }
                Verdict::OutOfOrder => {
                    format!("Sequence number {first} of {name} is not the next one: the batch is refused.")
                }
                Verdict::OldEpoch(epoch) => {
                    format!("{name} writes in epoch {}, and {epoch} has begun: it is refused.", batch.epoch)
                }
            }
        });
        self.context.count(REFUSED, from.0, u64::from(verdict != Verdict::Append));
        match verdict {
            Verdict::Append => {
                self.expired(batch.topic, outgoing);
                self.appended(batch);
            }
            Verdict::Duplicate(_) => {}
            Verdict::OutOfOrder => return Answer::Refused(Refused::OutOfOrder),
            Verdict::OldEpoch(_) => return Answer::Refused(Refused::Fenced),
        }
        Answer::Done
    }

    /// Retention has made room, if a topic begins elsewhere than before: these orders are gone.
    fn expired(&mut self, topic: u8, (start, outgoing): (u32, Vec<Order>)) {
        if self.disk.topics.get(usize::from(topic)).is_some_and(|topic| topic.start() > start) {
            outgoing.iter().for_each(|order| self.context.note(Note::Expired { topic, order: order.id }));
        }
    }

    /// In a transaction the partition becomes part of it; outside, the records can be read at once.
    fn appended(&mut self, batch: &Batch) {
        let Some(id) = batch.transactional else {
            for order in batch.orders.iter() {
                self.context.note(Note::Readable { topic: batch.topic, order: order.id });
            }
            return;
        };
        self.open(id);
    }

    fn open(&mut self, id: u8) {
        let Some(known) = self.disk.transactions.get_mut(&id) else { return };
        if !std::mem::replace(&mut known.open, true) {
            let timeout = self.context.amount(TXN_TIMEOUT);
            self.context.set_timer(Timer::TxnTimeout(id), timeout);
        }
    }

    /// The refusal of a producer that is not the live instance of its transactional id.
    fn fenced(&mut self, from: NodeId, who: Identity) -> Option<Answer> {
        let current = self.disk.transactions.get(&who.id).copied().unwrap_or_default();
        if (current.pid, current.epoch) == (who.pid, who.epoch) {
            return None;
        }
        self.context.count(REFUSED, from.0, 1);
        self.context.why_rule(FENCE, |s| {
            let (name, epoch) = (Once::name(s, from), current.epoch);
            let id = transactional(who.id);
            format!("{name} speaks in epoch {}; the id {id} is at epoch {epoch}: it is fenced.", who.epoch)
        });
        Some(Answer::Refused(Refused::Fenced))
    }

    /// A group's offset; not while another transaction is about to move it (KIP-447, require stable).
    fn offset(&mut self, from: NodeId, group: u8) -> Answer {
        let pending = group == 0 && self.disk.transactions.values().any(|known| known.pending.is_some());
        let at = self.disk.offsets.get(&group).copied();
        self.context.why(|s| {
            let name = Once::name(s, from);
            match (pending, at) {
                (true, _) => format!("{name} must wait: an open transaction is about to move the offset."),
                (_, Some(at)) => format!("{name}'s group has committed offset {at}."),
                _ => format!("{name}'s group has committed nothing: it begins at the start."),
            }
        });
        if pending { Answer::Refused(Refused::Unstable) } else { Answer::Offset(at) }
    }

    fn txn_offset(&mut self, from: NodeId, who: Identity, offset: u32) -> Answer {
        if let Some(refused) = self.fenced(from, who) {
            return refused;
        }
        self.open(who.id);
        if let Some(known) = self.disk.transactions.get_mut(&who.id) {
            known.pending = Some(offset);
        }
        self.context.why_rule(TOGETHER, |s| {
            format!(
                "Offset {offset} of {} belongs to its transaction: it counts once that commits.",
                Once::name(s, from)
            )
        });
        Answer::Done
    }

    fn commit(&mut self, from: NodeId, who: Identity) -> Answer {
        let known = self.disk.transactions.get(&who.id).copied().unwrap_or_default();
        let each = self.context.rule(EPOCH_EACH);
        let after = known.epoch == who.epoch + 1 || (!each && known.epoch == who.epoch);
        if known.pid == who.pid && after && known.committed == Some(true) && !known.open {
            self.context.why(|_| "This transaction was committed before; the answer is given again.".to_owned());
            return Answer::Ended { epoch: known.epoch };
        }
        if let Some(refused) = self.fenced(from, who) {
            return refused;
        }
        self.context.why_rule(EPOCH_EACH, |s| {
            let (name, id) = (Once::name(s, from), transactional(who.id));
            format!("{name} ends the transaction that the id {id} has open: epoch {} is the present one.", who.epoch)
        });
        self.end(who.id, true);
        Answer::Ended { epoch: who.epoch + u16::from(each) }
    }

    /// Ends a transaction: markers, the offset, and the next epoch, which a commit brings since KIP-890 only.
    fn end(&mut self, id: u8, commit: bool) {
        self.context.cancel_timer(Timer::TxnTimeout(id));
        let raises = !commit || self.context.rule(EPOCH_EACH);
        let Some(known) = self.disk.transactions.get_mut(&id) else { return };
        known.epoch += u16::from(raises);
        known.open = false;
        known.committed = Some(commit);
        let (Transaction { pid, epoch, .. }, pending) = (*known, known.pending.take());
        let topic = Rc::make_mut(&mut self.disk.topics[usize::from(ORDERS)]);
        let outgoing = (topic.start(), topic.outgoing(1));
        let orders = topic.end_transaction(pid, epoch, commit);
        self.expired(ORDERS, outgoing);
        if let (Some(offset), true) = (pending, commit) {
            self.disk.offsets.insert(0, offset);
        }
        self.context.count(ABORTED, u16::from(commit), 1);
        self.context.why_rule(TOGETHER, |_| {
            let offset = pending.map_or("no offset".to_owned(), |offset| format!("offset {offset}"));
            match commit {
                true if pending.is_none() => format!("A commit marker: order {} counts from now on.", ids(&orders)),
                true => {
                    format!("A commit marker: order {} and {offset} count from now on, both at once.", ids(&orders))
                }
                false => {
                    format!("An abort marker: order {} and {offset} of epoch {} do not count.", ids(&orders), epoch - 1)
                }
            }
        });
        for order in orders.iter().filter(|_| commit) {
            self.context.note(Note::Readable { topic: ORDERS, order: order.id });
        }
    }

    /// Answers fetches for which there is something now.
    fn wake(&mut self) {
        let most = self.context.amount(MAX_POLL) as usize * 2;
        let found = |(node, (number, request)): (&NodeId, &(u64, Request))| {
            let Request::Fetch { topic, from, committed } = *request else { return None };
            let found = self.disk.topics.get(usize::from(topic))?.fetch(from, most, committed)?;
            Some((*node, *number, topic, committed, found))
        };
        let ready: Vec<_> = self.parked.iter().filter_map(found).collect();
        for (node, number, topic, committed, found) in ready {
            self.parked.remove(&node);
            let count = found.entries.len() as u64;
            let text = move |s: &Settings| {
                let (name, entries) = (Once::name(s, node), counted(count, "entry"));
                match (topic, committed) {
                    // Nobody writes requests in a transaction.
                    (REQUESTS, _) => format!("{name} reads {entries}."),
                    (_, true) => format!("{name} reads {entries}, and nothing of an open transaction."),
                    (_, false) => format!("{name} reads {entries}, of whatever transaction."),
                }
            };
            if topic == REQUESTS {
                self.context.why(text)
            } else {
                self.context.why_rule(READ_COMMITTED, text)
            }
            self.context.send(node, Message::Answer { number, body: Answer::Records(Rc::new(found)) });
        }
    }
}
