//! The broker's node: drives the host from messages and timers, writes to disk, confirms, and says why.

use std::rc::Rc;

use super::exchange::{self, Binding};
use super::host::{Dead, Handed, Host, Policy, Published, Settle};
use super::message::{Message, TaskId};
use super::queue::{Queue, Stored};
use super::topology::{self, PARKED, Topology};
use super::{
    ACK_TIMEOUT, BIND, BOUNDED, CONFIRM_AFTER_DISK, DEPTH, Delivery, Disk, HEARTBEAT, LONGEST_QUEUE, MANDATORY,
    MOST_BINDINGS, Memory, Method, Note, PARK, PREFETCH_ONE, REDELIVERED, REQUEUE, ROUTED, RabbitMq, Routing, Timer,
    UNACKED, declared, noun, policy, prefetch, words,
};
use crate::mechanisms::topic;
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::kernel::time::MS;
use crate::sim::later::Later;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// How soon the broker looks again at a message that has expired and cannot be moved yet.
const TRY_AGAIN: u64 = 100 * MS;

pub(super) struct Broker<'a, 'b> {
    pub disk: &'a mut Disk,
    pub host: &'a mut Host,
    /// Where the last message went; kept for the routing topology only.
    pub last: &'a mut Option<Routing>,
    pub context: &'a mut Context<'b, RabbitMq>,
}

/// A broker that restarts has what its disk has. One that starts for the first time declares its topology.
pub(super) fn boot(disk: &Disk, context: &mut Context<RabbitMq>) -> Memory {
    if disk.torn.0 {
        context.why(|_| "The last message in its store fails its checksum: it was torn, and is dropped.".to_owned());
    }
    let interval = context.amount(HEARTBEAT);
    context.set_timer(Timer::Look, interval.saturating_mul(2));
    let host = disk.host.as_deref().cloned().unwrap_or_else(|| {
        let (settings, declared) = (context.settings(), declared(context));
        let mut host = Host::default();
        for (id, name, arguments) in topology::queues(settings, declared) {
            host.declare(id, name, arguments);
        }
        host.bindings = Rc::new(topology::bindings(settings, declared));
        host
    });
    if let Some(at) = host.next_expiry() {
        context.set_timer(Timer::Expiry, at.saturating_sub(context.now()).max(MS));
    }
    Memory::Broker { host, last: None }
}

/// The priority that a message had in its queue, and how many wait there that came before it.
fn overtaken(queue: &Queue, stored: &Stored) -> (u8, usize) {
    let older = queue.ready.iter().filter(|other| other.place < stored.place).count();
    (queue.arguments.priority_of(&stored.message), older)
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        self.redeclare();
        let policy = policy(self.context);
        match event {
            Event::Message { from, message: Method::Publish { message } } => self.published(from, message, policy),
            Event::Message { from, message: Method::Consume { connection } } => self.connected(from, connection, true),
            Event::Message { from, message: Method::Open { connection } } => self.connected(from, connection, false),
            Event::Message { from, message: Method::Cancel { connection } } => self.cancelled(from, connection),
            Event::Message { from, message: Method::ConsumeAgain { connection } } => self.again(from, connection),
            Event::Message { from, message: Method::Settle { connection, tag, id, how } } => {
                if self.is_current(from, connection) {
                    self.settled(from, tag, id, how);
                }
            }
            Event::Message { from, message: Method::Heartbeat { connection } } => self.heard(from, connection),
            Event::Message { from, message: Method::Close { connection } } => {
                if self.is_current(from, connection) {
                    self.close(from);
                }
            }
            Event::Timer(Timer::Look) => self.look(),
            Event::Timer(Timer::Expiry) => self.expire(policy),
            Event::Command(call) => self.bind(&call),
            _ => self.context.pass_over(),
        }
        self.push();
        self.await_expiry();
        let kept = self.context.rule(CONFIRM_AFTER_DISK).then(|| Rc::new(self.host.after_restart()));
        (self.disk.host, self.disk.torn) = (kept, Later(false));
        self.measure();
    }

    /// Settings and rules may have changed what is declared.
    fn redeclare(&mut self) {
        let (settings, declared) = (self.context.settings(), declared(self.context));
        for (id, _, arguments) in topology::queues(settings, declared) {
            if let Some(queue) = self.host.queues.get_mut(&id) {
                queue.redeclare(arguments);
            }
        }
        if topology::of(settings) != Topology::Fanout {
            return;
        }
        let bindings = topology::bindings(settings, declared);
        if *self.host.bindings != bindings {
            self.host.bindings = Rc::new(bindings);
        }
        for (node, consumer) in &mut self.host.consumers {
            let consumes = topology::consumes(settings, declared, node.index().saturating_sub(super::FIRST));
            if consumer.queues != consumes {
                consumer.queues = consumes;
            }
        }
    }

    fn published(&mut self, from: NodeId, message: Message, policy: Policy) {
        let (id, now) = (message.id, self.context.now());
        let outcome = self.host.publish(&message, policy, now);
        for queue in &outcome.queues {
            self.context.count(ROUTED, u16::from(*queue), 1);
        }
        if topology::of(self.context.settings()) == Topology::Routing {
            self.note_routing(&message, &outcome);
        }
        if outcome.queues.is_empty() {
            self.unroutable(from, &message);
        } else if outcome.refused {
            self.context.why(|_| format!("A queue has {LONGEST_QUEUE} messages, the most it takes: {id} is refused."));
            self.context.send(from, Method::Refuse { id });
        } else {
            self.taken(&message, &outcome);
            self.context.send(from, Method::Confirm { id });
        }
        self.bury(&outcome.dead);
    }

    fn taken(&mut self, message: &Message, outcome: &Published) {
        let (id, count) = (message.id, outcome.queues.len());
        let queues: Vec<&str> =
            outcome.queues.iter().filter_map(|id| self.host.queues.get(id)).map(|queue| queue.name).collect();
        let first = outcome.queues.first().and_then(|id| self.host.queues.get(id));
        let kept = first.is_some_and(|queue| queue.survives(Vec::new()).is_some());
        let forced = self.context.rule(CONFIRM_AFTER_DISK);
        let persistent = message.persistent;
        let place = match count {
            1 => format!("queue '{}'", queues.join("")),
            _ => format!("{count} queues ({})", queues.join(", ")),
        };
        self.context.why_rule(CONFIRM_AFTER_DISK, |_| match (forced, kept, persistent) {
            (false, ..) => format!("Message {id} is in memory only, in {place}, and confirmed all the same."),
            (_, true, true) => format!("Message {id} is on disk and in {place}: the broker confirms it."),
            (_, false, _) => format!("Message {id} is in {place}, which no restart survives; it is confirmed."),
            (_, _, false) => format!("Message {id} is in {place}, in memory as it asks to be; it is confirmed."),
        });
    }

    fn note_routing(&mut self, message: &Message, outcome: &Published) {
        let (id, envelope, queues) = (message.id, Rc::clone(&message.envelope), outcome.queues.clone());
        let (matched, bindings) = (outcome.matched.clone(), Rc::clone(&self.host.bindings));
        *self.last = Some(Routing { id, envelope: Rc::clone(&envelope), matched, queues: queues.clone() });
        self.context.note(Note::Routed { id, envelope, bindings, queues });
    }

    fn unroutable(&mut self, from: NodeId, message: &Message) {
        let id = message.id;
        let mandatory = message.mandatory;
        self.context.why_rule(MANDATORY, |_| {
            let to = words::show(&message.envelope);
            match mandatory {
                true => format!("No queue gets message {id} for {to}: it is mandatory, so it is returned."),
                false => format!("No queue gets message {id} for {to}: it is dropped, and confirmed."),
            }
        });
        if mandatory {
            self.context.send(from, Method::Return { id });
        } else {
            self.context.note(Note::Dropped { id });
        }
        self.context.send(from, Method::Confirm { id });
    }

    fn connected(&mut self, from: NodeId, connection: u32, consumes: bool) {
        self.context.why(|s| {
            let then = if consumes { "and consumes" } else { "and has no consumer on it" };
            format!("{} opens connection {connection} {then}.", RabbitMq::name(s, from))
        });
        self.close(from);
        let (settings, declared) = (self.context.settings(), declared(self.context));
        let queues = topology::consumes(settings, declared, from.index().saturating_sub(super::FIRST));
        for (id, name, arguments) in topology::queues(settings, declared) {
            if queues.contains(&id) && !self.host.queues.contains_key(&id) {
                self.host.declare(id, name, arguments);
            }
        }
        for binding in topology::bindings(settings, declared) {
            let is_lost = !self.host.bindings.iter().any(|known| known.queue == binding.queue);
            if is_lost && queues.contains(&binding.queue) {
                self.host.bind(binding);
            }
        }
        self.host.consume(from, connection, queues, self.context.now());
        if !consumes {
            self.host.cancel(from);
        }
        // The consumer hears that its connection stands.
        self.context.send(from, Method::Heartbeat { connection });
    }

    /// basic.cancel. What was handed out stays where it is.
    fn cancelled(&mut self, from: NodeId, connection: u32) {
        if !self.is_current(from, connection) {
            return;
        }
        let was_consuming = self.host.cancel(from);
        let held = self.host.consumers.get(&from).map_or(0, |consumer| consumer.unacked.len());
        self.context.why(|s| match (RabbitMq::name(s, from), was_consuming) {
            (name, true) => {
                format!("{name} cancels its consumer: it gets nothing more, and keeps what it holds ({held}).")
            }
            (name, false) => format!("{name} has no consumer to cancel."),
        });
        self.context.send(from, Method::CancelOk { connection });
    }

    /// basic.consume on a connection that stands.
    fn again(&mut self, from: NodeId, connection: u32) {
        if !self.is_current(from, connection) {
            return;
        }
        let begins = self.host.consume_again(from, self.context.now());
        self.context.why(|s| match (RabbitMq::name(s, from), begins) {
            (name, true) => format!("{name} consumes again: it takes its turn with the others."),
            (name, false) => format!("{name} consumes already."),
        });
    }

    fn close(&mut self, node: NodeId) {
        let (policy, now) = (policy(self.context), self.context.now());
        let before = self.host.queues.iter().count();
        let Some((count, dead)) = self.host.close(node, policy, now) else { return };
        let is_queue_gone = self.host.queues.iter().count() < before;
        self.context.why_rule(REQUEUE, |s| {
            let closed = format!("The old connection of {} is closed", RabbitMq::name(s, node));
            match (is_queue_gone, count, policy.requeue) {
                (true, ..) => format!("{closed}, and its queue, which is exclusive, vanishes with it."),
                (_, 0, _) => format!("{closed}; it held nothing unacknowledged."),
                (_, _, true) => {
                    let (held, go) = (counted(count as u64, "message"), if count == 1 { "goes" } else { "go" });
                    format!("{closed}; {held} that it held unacknowledged {go} back to the queue.")
                }
                (_, _, false) => {
                    let (held, count) = (counted(count as u64, "message"), if count == 1 { "counts" } else { "count" });
                    format!("{closed}; {held} that it held {count} as done.")
                }
            }
        });
        self.bury(&dead);
    }

    /// Says what died and where it went.
    fn bury(&mut self, dead: &[Dead]) {
        let parks = topology::of(self.context.settings()) == Topology::Retries;
        for one in dead {
            let name = |id: &u8| self.host.queues.get(id).map_or("?", |queue| queue.name).to_owned();
            let (from, to) = (name(&one.from), one.to.first().map(name));
            let (id, reason) = (one.id, one.reason.name());
            let rule = if one.reason == super::message::Reason::DeliveryLimit { BOUNDED } else { PARK };
            self.context.why_rule(rule, |_| match to {
                Some(to) => format!("Task {id} leaves '{from}' ({reason}) and is dead-lettered to '{to}'."),
                None => format!("Task {id} leaves '{from}' ({reason}) and is dropped."),
            });
            if parks && one.to.contains(&PARKED) {
                self.context.note(Note::Parked { id });
            }
        }
    }

    /// Whether a message comes on the connection that stands.
    fn is_current(&mut self, from: NodeId, connection: u32) -> bool {
        let current = self.host.consumers.get(&from).is_some_and(|consumer| consumer.connection == connection);
        if !current {
            self.context.why(|s| {
                let name = RabbitMq::name(s, from);
                format!("{name} speaks on a connection that is closed: the broker passes it over.")
            });
        }
        current
    }

    fn settled(&mut self, from: NodeId, tag: u32, id: TaskId, how: Settle) {
        let noun = noun(self.context.settings());
        let (policy, now) = (policy(self.context), self.context.now());
        let Some((_, dead)) = self.host.settle(from, tag, how, policy, now) else {
            self.context.why(|_| format!("Delivery {tag} was settled before."));
            return;
        };
        self.context.why(|s| {
            let name = RabbitMq::name(s, from);
            match how {
                Settle::Ack => format!("{name} acknowledges {noun} {id}: the broker deletes it."),
                Settle::Requeue => format!("{name} gives {noun} {id} back: it returns to its place in the queue."),
                Settle::Retry => format!("{name} has failed with {noun} {id}: it goes back to the head of the queue."),
                Settle::Discard => format!("{name} gives {noun} {id} up: basic.reject without requeue."),
            }
        });
        self.bury(&dead);
    }

    fn heard(&mut self, from: NodeId, connection: u32) {
        if !self.is_current(from, connection) {
            return;
        }
        if let Some(consumer) = self.host.consumers.get_mut(&from) {
            consumer.heard = true;
        }
        self.context.why(|s| format!("{} is still there; the broker answers its heartbeat.", RabbitMq::name(s, from)));
        self.context.send(from, Method::Heartbeat { connection });
    }

    /// Closes every connection that was silent for two heartbeat intervals, or holds a task for too long.
    fn look(&mut self) {
        let interval = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Look, interval.saturating_mul(2));
        let now = self.context.now();
        let silent: Vec<NodeId> = self
            .host
            .consumers
            .iter()
            .filter(|(_, consumer)| {
                let stuck = !consumer.unacked.is_empty() && now >= consumer.progress + ACK_TIMEOUT;
                !consumer.heard || stuck
            })
            .map(|(node, _)| *node)
            .collect();
        if silent.is_empty() {
            self.context.why(|_| "Every consumer was heard within two heartbeat intervals.".to_owned());
        }
        for node in silent {
            self.close(node);
        }
        self.host.consumers.iter_mut().for_each(|(_, consumer)| consumer.heard = false);
    }

    /// The time of the next head has come.
    fn expire(&mut self, policy: Policy) {
        let now = self.host.next_expiry().unwrap_or(0).max(self.context.now());
        let dead = self.host.expire(policy, now);
        if dead.is_empty() {
            self.context.why(|_| "Nothing has expired that can be moved.".to_owned());
        }
        self.bury(&dead);
    }

    fn await_expiry(&mut self) {
        let now = self.context.now();
        match self.host.next_expiry() {
            None => self.context.cancel_timer(Timer::Expiry),
            Some(at) if at > now => self.context.set_timer(Timer::Expiry, at - now),
            Some(_) => self.context.set_timer(Timer::Expiry, TRY_AGAIN),
        }
    }

    /// The reader binds or unbinds.
    fn bind(&mut self, call: &CommandCall) {
        if call.command != BIND {
            self.unbind(call.value(0).max(1) as usize);
            return;
        }
        let queue = call.value(0).clamp(0, 3) as u8;
        let (key, name) = (call.text(1), topology::DESKS[usize::from(queue)]);
        if !topic::is_valid_binding(&key) {
            let most = topic::MOST_HASHES;
            self.context
                .why(|_| format!("The broker refuses '{key}': a binding key may have {most} words #, not more."));
            return;
        }
        let room = self.host.bindings.len() < MOST_BINDINGS && self.host.queues.contains_key(&queue);
        let done = room && self.host.bind(Binding::new(exchange::TOPIC, queue, &key));
        self.context.why(|_| match done {
            true => format!("Queue '{name}' is bound to the topic exchange with '{key}'."),
            false => format!("'{name}' with '{key}' is bound already, or there is no room for it."),
        });
    }

    /// Takes the binding of a number away, counted from 1.
    fn unbind(&mut self, number: usize) {
        let Some(Binding { exchange, queue, key, .. }) = self.host.bindings.get(number - 1).cloned() else {
            self.context.why(|_| format!("There is no binding {number}."));
            return;
        };
        self.host.unbind(exchange, queue, &key);
        self.context.why(|_| format!("Binding {number} is taken away."));
    }

    /// Hands ready messages out while somebody has room.
    fn push(&mut self) {
        let limit = prefetch(self.context.settings(), self.context.rule(PREFETCH_ONE));
        while let Some(handed) = self.host.hand_out(limit, self.context.now()) {
            self.deliver(handed);
        }
    }

    fn deliver(&mut self, handed: Handed) {
        let noun = noun(self.context.settings());
        let Handed { to, connection, tag, queue, stored } = handed;
        let held = self.host.consumers.get(&to).map_or(0, |consumer| consumer.unacked.len());
        let (id, redelivered) = (stored.message.id, stored.redelivered);
        self.context.why_rule(PREFETCH_ONE, |s| {
            format!("The broker pushes {noun} {id} to {}, which now holds {held}.", RabbitMq::name(s, to))
        });
        let known = self.host.queues.get(&queue);
        let (priority, older) = known.map_or((0, 0), |queue| overtaken(queue, &stored));
        if priority > 0 && older > 0 {
            self.context.why(|_| format!("Its priority {priority} puts {noun} {id} before {older} that came earlier."));
        }
        self.context.count(REDELIVERED, to.0, u64::from(redelivered));
        let delivery = Delivery { tag, queue, redelivered, message: stored.message, acked: false };
        self.context.send(to, Method::Deliver { connection, delivery });
    }

    fn measure(&mut self) {
        for (id, queue) in &self.host.queues {
            self.context.gauge(DEPTH, u16::from(*id), queue.ready.len() as i64);
        }
        for (node, consumer) in &self.host.consumers {
            self.context.gauge(UNACKED, node.0, consumer.unacked.len() as i64);
        }
    }
}
