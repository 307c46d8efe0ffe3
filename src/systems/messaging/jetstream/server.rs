//! The server: a stream and a consumer on disk, and the workers that wait for a message.

use std::rc::Rc;

use super::consumer::{Delivery, Next};
use super::stream::{PubAck, Stored, Task};
use super::words::ack_word;
use super::{
    ACK_PENDING, AckKind, COPIES, DEDUP, Disk, JetStream, Memory, Message, Note, PUBLISHER, PULL_WAIT, READY,
    REDELIVER, REDELIVERED, SYNC, SYNC_INTERVAL, Store, Timer, consumer_config, stream_config,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

pub(super) struct Server<'a, 'b> {
    pub disk: &'a mut Disk,
    pub store: &'a mut Rc<Store>,
    pub waiting: &'a mut Vec<(NodeId, u32, Time)>,
    pub context: &'a mut Context<'b, JetStream>,
}

/// A server that restarts reads back what was written, or after a power cut what was synced; the ack waits of what was delivered go on.
pub(super) fn boot(disk: &Disk, context: &mut Context<JetStream>) -> Memory {
    let (stream, consumer) = (stream_config(context.settings()), consumer_config(context.settings()));
    say_what_was_torn(disk, context);
    let mut store = (**disk.store()).clone();
    let now = context.now();
    store.stream.recover(&stream, now);
    for pending in store.consumer.pending() {
        let end = pending.since.saturating_add(consumer.wait(store.consumer.times(pending.seq)));
        context.set_timer(Timer::AckWait(pending.seq), end.saturating_sub(now));
    }
    let every = context.amount(SYNC_INTERVAL);
    context.set_timer(Timer::Sync, every);
    Memory::Server { store: Rc::new(store), waiting: Vec::new() }
}

/// Every record has a checksum; one that was written in part has a wrong one.
pub(super) fn say_what_was_torn(disk: &Disk, context: &mut Context<JetStream>) {
    if disk.torn.0 {
        context.why(|_| "The last record on its disk fails its checksum: it was torn, and is cut off.".to_owned());
    }
}

/// A worker asks for a message, again if it has asked before. False when it has asked again since.
pub(super) fn ask(waiting: &mut Vec<(NodeId, u32, Time)>, from: NodeId, request: u32, now: Time) -> bool {
    if waiting.iter().any(|waiting| waiting.0 == from && waiting.1 > request) {
        return false;
    }
    waiting.retain(|waiting| waiting.0 != from);
    waiting.push((from, request, now.saturating_add(PULL_WAIT)));
    true
}

/// What [`ask`] came to, in words.
pub(super) fn asked_words(asked: bool, name: &str) -> String {
    match asked {
        false => format!("{name} has asked again since: this question is ignored."),
        true => format!("{name} asks for one message."),
    }
}

impl Server<'_, '_> {
    fn name(&self, node: NodeId) -> String {
        JetStream::name(self.context.settings(), node)
    }

    fn store(&mut self) -> &mut Store {
        Rc::make_mut(self.store)
    }

    pub(super) fn handle(&mut self, event: Event<JetStream>) {
        match event {
            Event::Message { message: Message::Publish { task }, .. } => self.published(task),
            Event::Message { from, message: Message::Pull { request } } => self.pulled(from, request),
            Event::Message { from, message: Message::Ack { seq, kind, reply } } => self.acked(from, seq, kind, reply),
            Event::Timer(Timer::AckWait(seq)) => self.waited(seq),
            Event::Timer(Timer::Sync) => self.sync(),
            _ => self.context.pass_over(),
        }
        self.deliver();
        let synced = self.context.rule(SYNC);
        self.disk.write(self.store, None, synced);
        let (ready, pending) = (self.store.ready(), self.store.consumer.pending().len());
        self.context.gauge(READY, 0, ready as i64);
        self.context.gauge(ACK_PENDING, 0, pending as i64);
    }

    fn published(&mut self, task: Task) {
        let (config, now) = (stream_config(self.context.settings()), self.context.now());
        let (dedup, id) = (self.context.rule(DEDUP), task.id);
        let ack = self.store().stream.store(&config, dedup.then_some(id), task, true, now);
        if let PubAck::Stored { seq } = ack {
            self.context.note(Note::Stored { id, seq });
        }
        let known = if dedup { "its id is not in the window" } else { "nobody looks whether its id is known" };
        publisher_hears(self.context, id, ack, known);
    }

    fn pulled(&mut self, from: NodeId, request: u32) {
        let (name, now) = (self.name(from), self.context.now());
        let asked = ask(self.waiting, from, request, now);
        self.context.why(|_| asked_words(asked, &name));
    }

    fn acked(&mut self, from: NodeId, seq: u32, kind: AckKind, reply: bool) {
        let (name, now) = (self.name(from), self.context.now());
        let config = consumer_config(self.context.settings());
        let settled = self.store().consumer.answer(&config, seq, kind, now);
        if kind == AckKind::Progress && self.store.consumer.pending().iter().any(|pending| pending.seq == seq) {
            self.arm(seq);
        }
        if kind == AckKind::Nak || !settled.is_empty() {
            self.context.cancel_timer(Timer::AckWait(seq));
        }
        self.context.why(|_| match kind {
            AckKind::Ack => format!("{name} is done with message {seq}: it needs no delivery any more."),
            AckKind::Nak => format!("{name} gives message {seq} back: it is queued to be delivered again."),
            AckKind::Term => format!("{name} says that message {seq} is not worth another try."),
            AckKind::Progress => format!("{name} is still at work on message {seq}: its ack wait starts again."),
        });
        settled.into_iter().for_each(|seq| self.settle(seq));
        if reply {
            self.context.why(|_| format!("{name} wants to know: the server confirms its {}.", ack_word(kind)));
            self.context.send(from, Message::AckAck { seq });
        }
    }

    fn settle(&mut self, seq: u32) {
        let config = stream_config(self.context.settings());
        if let Some(stored) = self.store.stream.get(seq).copied() {
            self.context.note(Note::Settled { id: stored.task.id, parked: false });
            self.store().stream.settle(&config, seq);
        }
    }

    fn arm(&mut self, seq: u32) {
        let wait = consumer_config(self.context.settings()).wait(self.store.consumer.times(seq));
        self.context.set_timer(Timer::AckWait(seq), wait);
    }

    /// The ack wait of a message is over.
    fn waited(&mut self, seq: u32) {
        if !self.context.rule(REDELIVER) {
            return self.context.why_rule(REDELIVER, |_| {
                format!("Message {seq} was not acknowledged in time, and the server does nothing about it.")
            });
        }
        let known = self.store().consumer.expire(seq);
        self.context.why_rule(REDELIVER, |_| match known {
            true => format!("Message {seq} was not acknowledged within its ack wait: it will be delivered again."),
            false => format!("Message {seq} was acknowledged before."),
        });
    }

    fn sync(&mut self) {
        let every = self.context.amount(SYNC_INTERVAL);
        self.context.set_timer(Timer::Sync, every);
        self.disk.write(self.store, None, true);
        self.context.why_rule(SYNC, |_| "The server syncs: what it has is on disk now.".to_owned());
    }

    /// Hands messages to those who asked, first come, first served.
    fn deliver(&mut self) {
        let now = self.context.now();
        self.waiting.retain(|waiting| now <= waiting.2);
        let config = consumer_config(self.context.settings());
        while let Some((to, ..)) = self.waiting.first().copied() {
            let Store { stream, consumer } = Rc::make_mut(self.store);
            match consumer.next(&config, stream, now) {
                Next::Deliver(delivery) => {
                    self.waiting.remove(0);
                    self.hand(to, delivery);
                }
                Next::GaveUp { seq, times } => self.give_up(seq, times),
                Next::TooManyPending | Next::Nothing => break,
            }
        }
    }

    fn hand(&mut self, to: NodeId, delivery: Delivery) {
        let Delivery { seq, times, .. } = delivery;
        let Some(&Stored { task, .. }) = self.store.stream.get(seq) else { return };
        let name = self.name(to);
        self.context.why(|_| match times {
            1 => format!("Message {seq} goes to {name}, and its ack wait begins."),
            _ => format!("Message {seq} goes to {name}: delivery {times}."),
        });
        self.context.count(REDELIVERED, 0, u64::from(times > 1));
        self.context.note(Note::Delivered { seq, to });
        self.context.send(to, Message::Deliver { delivery, task });
        self.arm(seq);
    }

    /// Too many deliveries: the message stays in the stream, nobody gets it any more, and an advisory says so.
    fn give_up(&mut self, seq: u32, times: u32) {
        if let Some(stored) = self.store.stream.get(seq) {
            self.context.note(Note::Settled { id: stored.task.id, parked: true });
        }
        self.context.cancel_timer(Timer::AckWait(seq));
        self.context.why(|_| {
            format!(
                "Message {seq} was delivered {}, the most allowed: an advisory says so.",
                counted(u64::from(times), "time")
            )
        });
        self.context.send(PUBLISHER, Message::Advisory { seq, times });
    }
}

/// The answer to a publisher, and why; `known` says why the server may confirm what is stored.
pub(super) fn publisher_hears(context: &mut Context<JetStream>, id: u32, ack: PubAck, known: &str) {
    match ack {
        PubAck::Stored { seq } => {
            let kept = if context.rule(SYNC) { "confirmed" } else { "confirmed before it is on disk" };
            context.why_rule(SYNC, |_| format!("Task {id}: {known}. It is stored as message {seq}, and {kept}."));
        }
        PubAck::Duplicate { seq } => {
            context.count(COPIES, 0, 1);
            context.why_rule(DEDUP, |_| {
                format!("Nats-Msg-Id {id} is in the window, as message {seq}: the copy is confirmed and not stored.")
            });
        }
        PubAck::Refused => context.why(|_| format!("The stream is full: task {id} is refused.")),
    }
    context.send(PUBLISHER, Message::PubAck { id, ack });
}
