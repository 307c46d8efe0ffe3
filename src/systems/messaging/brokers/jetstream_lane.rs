//! The lane of JetStream: its own handlers, and what of their doings is the same in every lane.
//!
//! Three things are its clients' own business and happen here: when a worker acknowledges, whether a publisher waits for
//! a PubAck, and that a consumer is deleted and created anew with DeliverPolicy all, which is how a stream is replayed.

use std::rc::Rc;

use super::{
    ACK_AFTER, Asked, Brokers, CONFIRMS, Lane, Message, Note, PATIENCE, RECOGNISE, TASK, Timer, WAITING, outer, place,
    turned, worked,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::sim::numbers::are;
use crate::systems::messaging::jetstream::stream::{PubAck, Task};
use crate::systems::messaging::jetstream::{self as jet, AckKind, Disk, JetStream, Memory, Phase, Store};

const LANE: Lane = Lane::JetStream;

/// Two workers, limits retention, no load of its own; the ack wait is the patience.
pub(super) fn settings(outer: &Settings) -> Settings {
    let values = [
        (jet::WORKERS, super::WORKERS as i64),
        (jet::RATE, 0),
        (jet::WORK, outer.get(TASK)),
        (jet::ACK_WAIT, outer.get(PATIENCE)),
        (jet::RETENTION, 0),
    ];
    turned(JetStream::SETTINGS, &values)
}

fn at(context: &Context<Brokers>) -> Place<Brokers, JetStream> {
    let rules = RuleSet::ALL.with(jet::DOUBLE_ACK, false).with(jet::DEDUP, context.rule(RECOGNISE));
    place(context, LANE, (settings(context.settings()), rules), Timer::Jet, |timer| match timer {
        Timer::Jet(timer) => Some(timer),
        _ => None,
    })
}

pub(super) fn boot(disk: &Disk, context: &mut Context<Brokers>) -> Memory {
    let place = at(context);
    let (memory, done) = inside(context, &place, |context| JetStream::boot(disk, context));
    repeat(done, None, true, context);
    // The load is not the publisher's own.
    context.cancel_timer(Timer::Jet(jet::Timer::Arrival));
    memory
}

pub(super) fn handle(disk: &mut Disk, memory: &mut Memory, asked: Asked, after: bool, context: &mut Context<Brokers>) {
    let first = outer(context.settings(), LANE, NodeId(0)).0;
    let event = match asked {
        Asked::Message { from, message: Message::Jet(message) } => {
            Event::Message { from: NodeId(from.0 - first), message }
        }
        Asked::Timer(Timer::Jet(timer)) => Event::Timer(timer),
        Asked::Publish(count) => {
            Event::Command(CommandCall { command: crate::systems::messaging::jetstream::PUBLISH, values: vec![count] })
        }
        Asked::Replay => return replay(disk, memory, context),
        _ => return context.why(|_| "This belongs to another lane: it is ignored.".to_owned()),
    };
    if let (Event::Timer(jet::Timer::AckWait(seq)), Memory::Server { store, .. }) = (&event, &*memory)
        && store.consumer.pending().iter().any(|pending| pending.seq == *seq)
    {
        context.note(Note::Noticed { lane: LANE });
    }
    let before = task(memory);
    let place = at(context);
    let ((), done) = inside(context, &place, |context| JetStream::handle(disk, memory, event, context));
    if let Memory::Server { store, .. } = memory {
        let waiting = store.ready() + store.consumer.pending().len() - store.consumer.again().len();
        context.gauge(WAITING, LANE as u16, waiting as i64);
    }
    repeat(done, before, after, context);
    if task(memory).is_some() && before.is_none() {
        acknowledge_early(memory, context);
    }
    if !context.rule(CONFIRMS) {
        forget_unconfirmed(memory, context);
    }
}

/// What a worker works on.
fn task(memory: &Memory) -> Option<Task> {
    match memory {
        Memory::Worker { phase: Phase::Works(_, task) | Phase::Confirms(_, task), .. } => Some(*task),
        _ => None,
    }
}

/// With acknowledging after the work off, a worker does it when it gets a message.
fn acknowledge_early(memory: &Memory, context: &mut Context<Brokers>) {
    let Memory::Worker { phase: Phase::Works(delivery, task), .. } = memory else { return };
    if context.rule(ACK_AFTER) {
        return;
    }
    let (seq, id) = (delivery.seq, task.id);
    context.why_rule(ACK_AFTER, |_| format!("The worker acknowledges order {id} before it has done anything."));
    let to = super::broker(context.settings(), LANE);
    context.send(to, Message::Jet(jet::Message::Ack { seq, kind: AckKind::Ack, reply: false }));
}

/// A publisher that waits for no PubAck keeps nothing.
fn forget_unconfirmed(memory: &mut Memory, context: &mut Context<Brokers>) {
    let Memory::Publisher { unconfirmed } = memory else { return };
    for task in unconfirmed.drain(..) {
        let id = task.id;
        context
            .why_rule(CONFIRMS, |_| format!("The shop considers order {id} safe, and does not wait for its PubAck."));
        context.cancel_timer(Timer::Jet(jet::Timer::Republish(id)));
        context.note(Note::Confirmed { lane: LANE, id });
    }
}

/// A new consumer from the first message on: all that the stream keeps is delivered again.
fn replay(disk: &mut Disk, memory: &mut Memory, context: &mut Context<Brokers>) {
    let Memory::Server { store, .. } = memory else {
        return context.why(|_| "Only a server can make a consumer.".to_owned());
    };
    let waits: Vec<u32> = store.consumer.pending().iter().map(|pending| pending.seq).collect();
    for seq in waits {
        context.cancel_timer(Timer::Jet(jet::Timer::AckWait(seq)));
    }
    let count = store.stream.msgs().len();
    context.why(|_| {
        format!("A new consumer begins at the first message: {} to be delivered.", are(count as u64, "message"))
    });
    let store_now = Rc::make_mut(store);
    store_now.consumer = store_now.consumer.from_start();
    disk.store = Rc::clone(store);
}

fn repeat(done: Done<JetStream>, before: Option<Task>, after: bool, context: &mut Context<Brokers>) {
    for (to, message) in done.sent {
        if let jet::Message::PubAck { id, ack: PubAck::Stored { .. } } = message {
            context.note(Note::Stored { lane: LANE, id });
        }
        if !after && matches!(message, jet::Message::Ack { .. }) {
            continue;
        }
        let to = outer(context.settings(), LANE, to);
        context.send(to, Message::Jet(message));
    }
    for note in done.notes {
        match (note, before) {
            (jet::Note::Confirmed { id }, _) => context.note(Note::Confirmed { lane: LANE, id }),
            (jet::Note::Done { .. }, Some(task)) => {
                let took = context.now().saturating_sub(task.published);
                worked(context, LANE, task.id, took);
            }
            _ => {}
        }
    }
}

/// The process of a worker has ended.
pub(super) fn end(context: &mut Context<Brokers>) {
    for timer in [jet::Timer::Pull, jet::Timer::Done, jet::Timer::AckAgain] {
        context.cancel_timer(Timer::Jet(timer));
    }
}

/// Whether an order is somewhere in this node from where it will be worked. What is acknowledged is in the stream still,
/// and will not.
pub(super) fn has(disk: &Disk, memory: Option<&Memory>, id: u32) -> bool {
    let on = |store: &Store| {
        let consumer = &store.consumer;
        let open = |seq: u32| {
            seq > consumer.delivered()
                || consumer.pending().iter().any(|pending| pending.seq == seq)
                || consumer.again().contains(&seq)
        };
        store.stream.msgs().iter().rev().any(|stored| stored.task.id == id && open(stored.seq))
    };
    match memory {
        Some(Memory::Publisher { unconfirmed }) => unconfirmed.iter().any(|task| task.id == id),
        Some(Memory::Server { store, .. }) => on(store),
        Some(memory) => task(memory).is_some_and(|task| task.id == id),
        None => on(disk.store()),
    }
}

/// Whether a message brings an order to where it will be worked.
pub(super) fn brings(message: &jet::Message, id: u32) -> bool {
    match message {
        jet::Message::Publish { task } | jet::Message::Deliver { task, .. } => task.id == id,
        _ => false,
    }
}

/// How many copies of an order the stream still has, once it is at its limit and discards the oldest for each new one.
pub(super) fn copies_at_limit(disk: &Disk, id: u32) -> Option<usize> {
    let msgs = disk.store.stream.msgs();
    let is_full = msgs.len() >= jet::MAX_MSGS as usize;
    is_full.then(|| msgs.iter().filter(|stored| stored.task.id == id).count())
}

/// Whether an order that is stored now may have been forgotten: it was published before the duplicate window began.
pub(super) fn is_beyond_window(disk: &Disk, id: u32, outer: &Settings, now: Time) -> bool {
    let window = settings(outer).amount(jet::WINDOW);
    let newest = disk.store.stream.msgs().iter().rev().find(|stored| stored.task.id == id);
    newest.is_some_and(|stored| now > stored.task.published.saturating_add(window))
}
