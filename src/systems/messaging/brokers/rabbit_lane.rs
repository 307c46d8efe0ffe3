//! The lane of RabbitMQ: its own handlers, and what of their doings is the same in every lane.

use super::{
    ACK_AFTER, Asked, Brokers, CONFIRMS, Lane, Message, Note, PATIENCE, TASK, Timer, WAITING, broker, measured, outer,
    place, turned, worked,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::systems::messaging::rabbitmq::{self as rabbit, Disk, Memory, Method, RabbitMq};

const LANE: Lane = Lane::RabbitMq;

/// Two workers, no load of its own; two silent heartbeat intervals are the patience.
pub(super) fn settings(outer: &Settings) -> Settings {
    let values = [
        (rabbit::WORKERS, super::WORKERS as i64),
        (rabbit::RATE, 0),
        (rabbit::TASK, outer.get(TASK)),
        (rabbit::SLOW, 1),
        (rabbit::HEARTBEAT, outer.get(PATIENCE) / 2),
    ];
    turned(RabbitMq::SETTINGS, &values)
}

/// `after`: a worker acknowledges after the work.
fn at(context: &Context<Brokers>, after: bool) -> Place<Brokers, RabbitMq> {
    let rules = RuleSet::ALL.with(rabbit::ACK_AFTER, after);
    let rules = rules.with(rabbit::CONFIRMS, context.rule(CONFIRMS));
    place(context, LANE, (settings(context.settings()), rules), Timer::Rabbit, |timer| match timer {
        Timer::Rabbit(timer) => Some(timer),
        _ => None,
    })
}

pub(super) fn boot(disk: &Disk, context: &mut Context<Brokers>) -> Memory {
    let place = at(context, context.rule(ACK_AFTER));
    let (memory, done) = inside(context, &place, |context| RabbitMq::boot(disk, context));
    repeat(done, context);
    // The load is not the publisher's own.
    context.cancel_timer(Timer::Rabbit(rabbit::Timer::Arrival));
    memory
}

pub(super) fn handle(disk: &mut Disk, memory: &mut Memory, asked: Asked, after: bool, context: &mut Context<Brokers>) {
    let first = outer(context.settings(), LANE, NodeId(0)).0;
    let event = match asked {
        Asked::Message { from, message: Message::Rabbit(message) } => {
            Event::Message { from: NodeId(from.0 - first), message }
        }
        Asked::Timer(Timer::Rabbit(timer)) => Event::Timer(timer),
        Asked::Publish(count) => Event::Command(CommandCall { command: rabbit::PUBLISH, values: vec![count] }),
        Asked::Replay => {
            return context.why(|_| {
                "A queue has no past: what was acknowledged is deleted, and nothing can be replayed.".to_owned()
            });
        }
        _ => return context.why(|_| "This belongs to another lane: it is ignored.".to_owned()),
    };
    let place = at(context, after);
    let before = connected(memory);
    let ((), done) = inside(context, &place, |context| RabbitMq::handle(disk, memory, event, context));
    let after = connected(memory);
    if before.iter().any(|node| !after.contains(node)) {
        context.note(Note::Noticed { lane: LANE });
    }
    if let Memory::Broker { host, .. } = memory {
        let ready: usize = host.queues.values().map(|queue| queue.ready.len()).sum();
        let unacked: usize = host.consumers.values().map(|consumer| consumer.unacked.len()).sum();
        context.gauge(WAITING, LANE as u16, (ready + unacked) as i64);
    }
    repeat(done, context);
}

/// Who is connected, as the broker knows it.
fn connected(memory: &Memory) -> Vec<NodeId> {
    match memory {
        Memory::Broker { host, .. } => host.consumers.keys().copied().collect(),
        _ => Vec::new(),
    }
}

fn repeat(done: Done<RabbitMq>, context: &mut Context<Brokers>) {
    let took = measured(&done.metrics, rabbit::FINISHED);
    for (to, message) in done.sent {
        if let Method::Confirm { id } = message {
            context.note(Note::Stored { lane: LANE, id });
        }
        let to = outer(context.settings(), LANE, to);
        context.send(to, Message::Rabbit(message));
    }
    for note in done.notes {
        match note {
            rabbit::Note::Confirmed { id, .. } => context.note(Note::Confirmed { lane: LANE, id }),
            rabbit::Note::Done { id, .. } => worked(context, LANE, id, took),
            _ => {}
        }
    }
}

/// The process of a worker has ended: its connection is closed for it.
pub(super) fn end(disk: &Disk, context: &mut Context<Brokers>) {
    context.cancel_timer(Timer::Rabbit(rabbit::Timer::Beat));
    context.cancel_timer(Timer::Rabbit(rabbit::Timer::Done));
    let to = broker(context.settings(), LANE);
    context.send(to, Message::Rabbit(Method::Close { connection: disk.last }));
}

/// Whether an order is somewhere in this node from where it will be worked.
pub(super) fn has(disk: &Disk, memory: Option<&Memory>, id: u32) -> bool {
    let on = |host: &rabbit::host::Host| {
        let ready = host.queues.values().flat_map(|queue| &queue.ready);
        let unacked = host.consumers.values().flat_map(|consumer| &consumer.unacked).map(|unacked| &unacked.stored);
        ready.chain(unacked).any(|stored| stored.message.id == id)
    };
    match memory {
        Some(Memory::Publisher { unconfirmed, .. }) => unconfirmed.iter().any(|sent| sent.message.id == id),
        Some(Memory::Broker { host, .. }) => on(host),
        Some(Memory::Worker { buffer, working, moving, .. }) => {
            buffer.iter().chain(working).chain(moving).any(|delivery| delivery.message.id == id)
        }
        None => disk.host.as_ref().is_some_and(|host| on(host)),
    }
}

/// Whether a message brings an order to where it will be worked.
pub(super) fn brings(message: &Method, id: u32) -> bool {
    match message {
        Method::Publish { message } => message.id == id,
        Method::Deliver { delivery, .. } => delivery.message.id == id,
        _ => false,
    }
}
