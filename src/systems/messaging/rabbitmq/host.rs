//! The broker's virtual host as a pure state machine: publish, hand out, settle, close, expire, restart. No clock, no I/O.
//!
//! The node [`super::broker`] drives it from messages and timers; a test may drive it by itself.

use std::rc::Rc;

use litemap::LiteMap;

use super::exchange::{self, Binding, Matching};
use super::message::{Body, Envelope, ExchangeId, Message, QueueId, Reason, TaskId};
use super::queue::{Arguments, Overflow, Pushed, Queue, Stored};
use crate::sim::NodeId;
use crate::sim::kernel::time::Time;
use crate::sim::later::Later;
use crate::sim::small::map_of;

/// What the broker does, apart from what queues are declared with. Each part can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub matching: Matching,
    /// Dead messages go to the queue's dead-letter exchange. Off: they are dropped.
    pub dead_letters: bool,
    /// Delivery limits are kept.
    pub limited: bool,
    /// What a closed connection held goes back. Off: it is taken for done.
    pub requeue: bool,
}

impl Policy {
    /// As RabbitMQ does.
    pub const AMQP: Policy = Policy { matching: Matching::AMQP, dead_letters: true, limited: true, requeue: true };
}

/// A message handed out and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unacked {
    /// Its delivery tag: the number of the delivery on this connection.
    pub tag: u32,
    pub queue: QueueId,
    pub stored: Stored,
}

/// A connection with one channel and its consumers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// Number of its connection; what is said on older ones is passed over.
    pub connection: u32,
    /// The queues it consumes from.
    pub queues: Vec<QueueId>,
    /// What it was handed, oldest first.
    pub unacked: Vec<Unacked>,
    last_tag: u32,
    /// Since when it has had nothing to do, on the broker's clock.
    pub idle_since: Option<Time>,
    /// When it last settled something, or was given something to begin with.
    pub progress: Time,
    /// It was heard since the last look.
    pub heard: bool,
    /// basic.cancel: its connection stands, and nothing more is handed to it.
    pub cancelled: Later<bool>,
}

/// A message that left a queue otherwise than by an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    pub id: TaskId,
    pub body: Body,
    pub from: QueueId,
    pub reason: Reason,
    /// The queues it went to; none when it was dropped.
    pub to: Vec<QueueId>,
}

/// What became of a published message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Indices of the bindings that matched.
    pub matched: Vec<u8>,
    /// The queues it was routed to, one entry a copy.
    pub queues: Vec<QueueId>,
    /// One of them was full: basic.nack.
    pub refused: bool,
    /// What went for it.
    pub dead: Vec<Dead>,
}

/// A message handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    pub to: NodeId,
    pub connection: u32,
    pub tag: u32,
    pub queue: QueueId,
    pub stored: Stored,
}

/// How a consumer settles a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settle {
    /// basic.ack
    Ack,
    /// basic.nack with requeue: not processed, which is no failure.
    Requeue,
    /// basic.reject with requeue: processing failed.
    Retry,
    /// basic.reject without requeue.
    Discard,
}

/// Queues, bindings and consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    pub queues: LiteMap<QueueId, Queue>,
    pub bindings: Rc<Vec<Binding>>,
    pub consumers: LiteMap<NodeId, Consumer>,
}

impl Host {
    /// Declares a queue; one that exists takes the new arguments and keeps its messages and its priorities.
    pub fn declare(&mut self, id: QueueId, name: &'static str, arguments: Arguments) {
        self.queues.entry(id).or_insert_with(|| Queue::new(name, arguments)).redeclare(arguments);
    }

    /// The bindings that match, and the queues that get a copy.
    pub fn route(&self, envelope: &Envelope, matching: Matching) -> (Vec<u8>, Vec<QueueId>) {
        if envelope.exchange == exchange::DEFAULT {
            let named = self.queues.iter().filter(|(_, queue)| queue.name == envelope.key).map(|(id, _)| *id);
            return (Vec::new(), named.collect());
        }
        let matched = exchange::matched(&self.bindings, envelope, matching);
        let mut queues = exchange::copies(&self.bindings, &matched, matching);
        queues.retain(|id| self.queues.contains_key(id));
        (matched, queues)
    }

    /// basic.publish
    pub fn publish(&mut self, message: &Message, policy: Policy, now: Time) -> Published {
        let (matched, queues) = self.route(&message.envelope, policy.matching);
        let mut published = Published { matched, queues, ..Published::default() };
        for id in published.queues.clone() {
            published.refused |= !self.enqueue(id, message.clone(), policy, now, &mut published.dead);
        }
        published
    }

    fn enqueue(&mut self, id: QueueId, message: Message, policy: Policy, now: Time, dead: &mut Vec<Dead>) -> bool {
        match self.queues.get_mut(&id).map_or(Pushed::Refused, |queue| queue.push(message, now)) {
            Pushed::Taken => true,
            Pushed::Refused => false,
            Pushed::InsteadOf(oldest) => {
                self.bury(id, oldest, Reason::MaxLength, policy, now, dead);
                true
            }
        }
    }

    /// What a dead message of a queue is published as, and where it goes.
    fn grave(&self, from: QueueId, stored: &Stored, reason: Reason, policy: Policy) -> (Message, Vec<QueueId>) {
        let mut message = stored.message.clone();
        message.die(from, reason);
        let target = self.queues.get(&from).and_then(|queue| queue.arguments.dead_letter);
        let Some(target) = target.filter(|_| policy.dead_letters) else { return (message, Vec::new()) };
        let key = target.key.map_or_else(|| message.envelope.key.clone(), str::to_owned);
        message.envelope =
            Rc::new(Envelope { exchange: target.exchange, key, headers: message.envelope.headers.clone() });
        let mut queues = self.route(&message.envelope, policy.matching).1;
        queues.retain(|id| !message.cycles_through(*id));
        (message, queues)
    }

    /// Publishes a dead message to its queue's dead-letter exchange, or drops it.
    fn bury(&mut self, from: QueueId, stored: Stored, reason: Reason, policy: Policy, now: Time, dead: &mut Vec<Dead>) {
        let (message, queues) = self.grave(from, &stored, reason, policy);
        let (id, body) = (message.id, message.body);
        let mut to = Vec::new();
        for queue in queues {
            if self.enqueue(queue, message.clone(), policy, now, dead) {
                to.push(queue);
            }
        }
        dead.push(Dead { id, body, from, reason, to });
    }

    /// Buries what has expired. A queue that dead-letters at least once (a quorum queue with reject-publish) keeps its
    /// head until every queue it goes to has room.
    pub fn expire(&mut self, policy: Policy, now: Time) -> Vec<Dead> {
        let mut dead = Vec::new();
        for id in self.queues.keys().copied().collect::<Vec<_>>() {
            while self.next_can_go(id, policy, now) {
                let Some(stored) = self.queues.get_mut(&id).and_then(Queue::take) else { break };
                self.bury(id, stored, Reason::Expired, policy, now, &mut dead);
            }
        }
        dead
    }

    fn next_can_go(&self, id: QueueId, policy: Policy, now: Time) -> bool {
        let Some(queue) = self.queues.get(&id) else { return false };
        let Some(head) = queue.ready.first().filter(|head| head.expires.is_some_and(|at| at <= now)) else {
            return false;
        };
        let waits = queue.arguments.is_at_least_once()
            && self.grave(id, head, Reason::Expired, policy).1.iter().any(|target| !self.has_room(*target));
        !waits
    }

    fn has_room(&self, id: QueueId) -> bool {
        self.queues.get(&id).is_some_and(|queue| queue.arguments.overflow == Overflow::DropHead || !queue.is_full())
    }

    /// When the next head of a queue expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.queues.values().filter_map(Queue::next_expiry).min()
    }

    /// A new connection, and basic.consume on it.
    pub fn consume(&mut self, node: NodeId, connection: u32, queues: Vec<QueueId>, now: Time) {
        let consumer = Consumer {
            connection,
            queues,
            unacked: Vec::new(),
            last_tag: 0,
            idle_since: Some(now),
            progress: now,
            heard: true,
            cancelled: Later(false),
        };
        self.consumers.insert(node, consumer);
    }

    /// basic.cancel: a consumer is handed nothing more. What it holds stays with it, and it may settle that as before.
    /// False when it has none to cancel.
    pub fn cancel(&mut self, node: NodeId) -> bool {
        let Some(consumer) = self.consumers.get_mut(&node) else { return false };
        consumer.heard = true;
        !std::mem::replace(&mut consumer.cancelled, Later(true)).0
    }

    /// basic.consume on a connection that stands. False when it consumes already.
    pub fn consume_again(&mut self, node: NodeId, now: Time) -> bool {
        let Some(consumer) = self.consumers.get_mut(&node) else { return false };
        consumer.heard = true;
        let was_cancelled = std::mem::replace(&mut consumer.cancelled, Later(false)).0;
        if was_cancelled && consumer.unacked.is_empty() {
            consumer.idle_since = Some(now);
        }
        was_cancelled
    }

    /// Hands out one message, to the next consumer in turn of the first queue that has one for somebody with room.
    /// `prefetch`: how many a consumer may hold. `None` when there is nothing to do.
    pub fn hand_out(&mut self, prefetch: Option<usize>, now: Time) -> Option<Handed> {
        let has_room = |consumer: &Consumer| prefetch.is_none_or(|most| consumer.unacked.len() < most);
        for (&id, queue) in &mut self.queues {
            let turn = queue.turn;
            let takes = |entry: &(&NodeId, &Consumer)| {
                let consumes = entry.1.queues.contains(&id) && !entry.1.cancelled.0;
                consumes && has_room(entry.1)
            };
            let next = self.consumers.iter().filter(takes).map(|(node, _)| *node);
            let Some(to) = next.min_by_key(|node| (node.0 <= turn, node.0)) else { continue };
            let (Some(stored), Some(consumer)) = (queue.take(), self.consumers.get_mut(&to)) else { continue };
            queue.turn = to.0;
            if consumer.unacked.is_empty() {
                consumer.progress = now;
            }
            consumer.idle_since = None;
            consumer.last_tag += 1;
            let tag = consumer.last_tag;
            consumer.unacked.push(Unacked { tag, queue: id, stored: stored.clone() });
            return Some(Handed { to, connection: consumer.connection, tag, queue: id, stored });
        }
        None
    }

    /// A consumer settles a delivery. What it was, and what died of it; `None` for an unknown tag.
    pub fn settle(
        &mut self,
        node: NodeId,
        tag: u32,
        how: Settle,
        policy: Policy,
        now: Time,
    ) -> Option<(TaskId, Vec<Dead>)> {
        let consumer = self.consumers.get_mut(&node)?;
        (consumer.progress, consumer.heard) = (now, true);
        let at = consumer.unacked.iter().position(|unacked| unacked.tag == tag)?;
        let Unacked { queue, stored, .. } = consumer.unacked.remove(at);
        if consumer.unacked.is_empty() {
            consumer.idle_since = Some(now);
        }
        let (id, mut dead) = (stored.message.id, Vec::new());
        match how {
            Settle::Ack => {}
            Settle::Discard => self.bury(queue, stored, Reason::Rejected, policy, now, &mut dead),
            Settle::Requeue | Settle::Retry => {
                self.give_back(queue, stored, how == Settle::Retry, policy, now, &mut dead);
            }
        }
        Some((id, dead))
    }

    fn give_back(
        &mut self,
        id: QueueId,
        stored: Stored,
        failed: bool,
        policy: Policy,
        now: Time,
        dead: &mut Vec<Dead>,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if let Some(stored) = queue.give_back(stored, failed, policy.limited) {
            self.bury(id, stored, Reason::DeliveryLimit, policy, now, dead);
        }
    }

    /// Closes a connection: what it held goes back, its exclusive queues go. How many it held, and what died of it;
    /// `None` when there was none.
    pub fn close(&mut self, node: NodeId, policy: Policy, now: Time) -> Option<(usize, Vec<Dead>)> {
        let consumer = self.consumers.remove(&node)?;
        let (count, mut dead) = (consumer.unacked.len(), Vec::new());
        if policy.requeue {
            for Unacked { queue, stored, .. } in consumer.unacked {
                self.give_back(queue, stored, true, policy, now, &mut dead);
            }
        }
        self.queues.retain(|id, queue| !(queue.arguments.exclusive && consumer.queues.contains(id)));
        Some((count, dead))
    }

    /// What a restart of the broker finds: durable queues with what they keep, and the bindings of those.
    #[must_use]
    pub fn after_restart(&self) -> Host {
        let held = |id: QueueId| {
            let unacked = self.consumers.values().flat_map(|consumer| &consumer.unacked);
            unacked.filter(move |unacked| unacked.queue == id).map(|unacked| unacked.stored.clone()).collect()
        };
        let survives = |(id, queue): (&QueueId, &Queue)| queue.survives(held(*id)).map(|queue| (*id, queue));
        let queues = map_of(self.queues.iter().filter_map(survives));
        let bindings = match self.bindings.iter().all(|binding| queues.contains_key(&binding.queue)) {
            true => Rc::clone(&self.bindings),
            false => {
                let kept = self.bindings.iter().filter(|binding| queues.contains_key(&binding.queue));
                Rc::new(kept.cloned().collect())
            }
        };
        Host { queues, bindings, consumers: LiteMap::new() }
    }

    /// Adds a binding. False when it exists already.
    pub fn bind(&mut self, binding: Binding) -> bool {
        let is_new = !self.bindings.contains(&binding);
        if is_new {
            Rc::make_mut(&mut self.bindings).push(binding);
        }
        is_new
    }

    /// Takes a binding away. False when there was none.
    pub fn unbind(&mut self, exchange: ExchangeId, queue: QueueId, key: &str) -> bool {
        let is_it = |binding: &Binding| binding.exchange == exchange && binding.queue == queue && binding.key == key;
        let at = self.bindings.iter().position(is_it);
        at.map(|at| Rc::make_mut(&mut self.bindings).remove(at)).is_some()
    }
}
