//! The broker: keeps the queue, pushes to consumers in turn, and takes back what dead connections held.

use std::collections::BTreeMap;

use super::{
    ACK_TIMEOUT, CONFIRM_AFTER_DISK, Consumer, DEPTH, Disk, HEARTBEAT, LONGEST_QUEUE, Memory, Message, PREFETCH_ONE,
    PUBLISHER, REDELIVERED, REQUEUE, RabbitMq, Task, TaskId, Timer, UNACKED, prefetch,
};
use crate::sim::NodeId;
use crate::sim::system::{Context, Event, System};

/// How many acknowledged tasks are remembered, so that a publisher's copies are known as such.
const REMEMBERED: usize = 400;

pub(super) struct Broker<'a, 'b> {
    pub disk: &'a mut Disk,
    pub ready: &'a mut Vec<Task>,
    pub consumers: &'a mut BTreeMap<NodeId, Consumer>,
    pub turn: &'a mut u16,
    /// Tasks seen lately, acknowledged or not, newest last.
    pub seen: &'a mut Vec<TaskId>,
    pub context: &'a mut Context<'b, RabbitMq>,
}

/// A broker that restarts has its persistent messages; any of them may have been handed out before.
pub(super) fn boot(disk: &Disk, context: &mut Context<RabbitMq>) -> Memory {
    let interval = context.amount(HEARTBEAT);
    context.set_timer(Timer::Look, interval.saturating_mul(2));
    let ready: Vec<Task> = disk.queue.iter().map(|task| Task { redelivered: true, ..*task }).collect();
    let seen = ready.iter().map(|task| task.id).collect();
    Memory::Broker { ready, consumers: BTreeMap::new(), turn: 0, seen }
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<RabbitMq>) {
        match event {
            Event::Message { message: Message::Publish { task }, .. } => self.published(task),
            Event::Message { from, message: Message::Consume { connection } } => self.connected(from, connection),
            Event::Message { from, message: Message::Ack { connection, id } } => self.acked(from, connection, id),
            Event::Message { from, message: Message::Nack { connection, id } } => self.nacked(from, connection, id),
            Event::Message { from, message: Message::Heartbeat { connection } } => self.heard(from, connection),
            Event::Timer(Timer::Look) => self.look(),
            _ => self.context.why(|_| "The broker has no use for this message.".to_owned()),
        }
        self.push();
        self.measure();
    }

    fn published(&mut self, task: Task) {
        let id = task.id;
        if self.seen.contains(&id) {
            self.context.why(|_| format!("Task {id} came before: the copy is confirmed and passed over."));
            self.context.send(PUBLISHER, Message::Confirm { id });
            return;
        }
        if self.ready.len() >= LONGEST_QUEUE {
            self.context
                .why(|_| format!("The queue has {LONGEST_QUEUE} tasks, the most it takes: task {id} is refused."));
            self.context.send(PUBLISHER, Message::Refuse { id });
            return;
        }
        let forced = self.context.rule(CONFIRM_AFTER_DISK);
        if forced {
            self.disk.queue.push(task);
        }
        self.context.why_rule(CONFIRM_AFTER_DISK, |_| match forced {
            true => format!("Task {id} is on disk and in the queue: the broker confirms it."),
            false => format!("Task {id} is in memory only, and confirmed all the same."),
        });
        if self.seen.len() >= REMEMBERED {
            self.seen.remove(0);
        }
        self.seen.push(id);
        insert(self.ready, task);
        self.context.send(PUBLISHER, Message::Confirm { id });
    }

    fn connected(&mut self, from: NodeId, connection: u32) {
        self.context
            .why(|s| format!("{} opens connection {connection} and consumes from the queue.", RabbitMq::name(s, from)));
        self.close(from);
        let progress = self.context.now();
        let idle_since = Some(progress);
        self.consumers.insert(from, Consumer { connection, unacked: Vec::new(), idle_since, progress, heard: true });
        // The worker hears that its connection stands.
        self.context.send(from, Message::Heartbeat { connection });
    }

    /// Closes a connection: what it held goes back to its place in the queue.
    fn close(&mut self, node: NodeId) {
        let Some(consumer) = self.consumers.remove(&node) else { return };
        let count = consumer.unacked.len();
        let requeue = self.context.rule(REQUEUE);
        self.context.why_rule(REQUEUE, |s| {
            let name = RabbitMq::name(s, node);
            match requeue {
                true => format!(
                    "The old connection of {name} is closed; {count} unacknowledged tasks go back to the queue."
                ),
                false => format!("The old connection of {name} is closed; its {count} tasks are taken for done."),
            }
        });
        for task in consumer.unacked {
            match requeue {
                true => insert(self.ready, Task { redelivered: true, ..task }),
                false => self.disk.queue.retain(|kept| kept.id != task.id),
            }
        }
    }

    /// The consumer of a message, unless it comes from an old connection.
    fn current(&mut self, from: NodeId, connection: u32) -> Option<&mut Consumer> {
        if self.consumers.get(&from).is_none_or(|consumer| consumer.connection != connection) {
            self.context.why(|s| {
                let name = RabbitMq::name(s, from);
                format!("{name} speaks on a connection that is closed: the broker passes it over.")
            });
            return None;
        }
        self.consumers.get_mut(&from)
    }

    fn acked(&mut self, from: NodeId, connection: u32, id: TaskId) {
        let now = self.context.now();
        let Some(consumer) = self.current(from, connection) else { return };
        (consumer.heard, consumer.progress) = (true, now);
        consumer.unacked.retain(|task| task.id != id);
        if consumer.unacked.is_empty() {
            consumer.idle_since = Some(now);
        }
        self.disk.queue.retain(|task| task.id != id);
        self.context.why(|s| format!("{} is done with task {id}: the broker deletes it.", RabbitMq::name(s, from)));
    }

    fn nacked(&mut self, from: NodeId, connection: u32, id: TaskId) {
        let now = self.context.now();
        let Some(consumer) = self.current(from, connection) else { return };
        consumer.progress = now;
        let at = consumer.unacked.iter().position(|task| task.id == id);
        let back = at.map(|at| consumer.unacked.remove(at));
        if consumer.unacked.is_empty() {
            consumer.idle_since = Some(now);
        }
        self.context.why(|s| {
            format!("{} gives task {id} back: it returns to its place in the queue.", RabbitMq::name(s, from))
        });
        if let Some(task) = back {
            insert(self.ready, Task { redelivered: true, ..task });
        }
    }

    fn heard(&mut self, from: NodeId, connection: u32) {
        let Some(consumer) = self.current(from, connection) else { return };
        consumer.heard = true;
        self.context.why(|s| format!("{} is still there; the broker answers its heartbeat.", RabbitMq::name(s, from)));
        self.context.send(from, Message::Heartbeat { connection });
    }

    /// Closes every connection that was silent for two heartbeat intervals, or holds a task for too long.
    fn look(&mut self) {
        let interval = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Look, interval.saturating_mul(2));
        let now = self.context.now();
        let stuck = |consumer: &Consumer| !consumer.unacked.is_empty() && now >= consumer.progress + ACK_TIMEOUT;
        let gone = |entry: &(&NodeId, &Consumer)| !entry.1.heard || stuck(entry.1);
        let silent: Vec<NodeId> = self.consumers.iter().filter(gone).map(|(node, _)| *node).collect();
        if silent.is_empty() {
            self.context.why(|_| "Every consumer was heard within two heartbeat intervals.".to_owned());
        }
        for node in silent {
            self.close(node);
        }
        self.consumers.values_mut().for_each(|consumer| consumer.heard = false);
    }

    /// Hands ready tasks out, in turn, to consumers that may hold more.
    fn push(&mut self) {
        let limit = prefetch(self.context.settings(), self.context.rule(PREFETCH_ONE));
        while let Some(task) = self.ready.first().copied() {
            let has_room = |consumer: &Consumer| limit.is_none_or(|limit| consumer.unacked.len() < limit);
            let free = self.consumers.iter().filter(|(_, consumer)| has_room(consumer)).map(|(node, _)| *node);
            let turn = *self.turn;
            let Some(node) = free.min_by_key(|node| (node.0 <= turn, node.0)) else { break };
            self.ready.remove(0);
            *self.turn = node.0;
            self.deliver(node, task);
        }
    }

    fn deliver(&mut self, node: NodeId, task: Task) {
        let now = self.context.now();
        let Some(consumer) = self.consumers.get_mut(&node) else { return };
        if consumer.unacked.is_empty() {
            consumer.progress = now;
        }
        consumer.unacked.push(task);
        consumer.idle_since = None;
        let (connection, held) = (consumer.connection, consumer.unacked.len());
        self.context.why_rule(PREFETCH_ONE, |s| {
            let name = RabbitMq::name(s, node);
            format!("The broker pushes task {} to {name}, which now holds {held}.", task.id)
        });
        self.context.count(REDELIVERED, node.0, u64::from(task.redelivered));
        self.context.send(node, Message::Deliver { connection, task });
    }

    fn measure(&mut self) {
        self.context.gauge(DEPTH, 0, self.ready.len() as i64);
        for (node, consumer) in self.consumers.iter() {
            self.context.gauge(UNACKED, node.0, consumer.unacked.len() as i64);
        }
    }
}

/// Puts a task at its place: tasks stay in the order in which they were published.
fn insert(ready: &mut Vec<Task>, task: Task) {
    let at = ready.partition_point(|other| other.id < task.id);
    ready.insert(at, task);
}
