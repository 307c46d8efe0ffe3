//! Kafka's broker and producer, RabbitMQ's broker and worker: their own handlers inside of this system's.

use std::rc::Rc;

use super::{
    CHARGE_ONCE, Disk, IDLE, LAG, MOST_ORDERS, Memory, Message, Note, OrderPlatform, Orders, PARK, RATE, RELAY, SHOP,
    TASK, TASKS, Timer, VIEW, of_kafka, price,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::{Setting, SettingId, Settings};
use crate::sim::kernel::time::{Micros, SEC};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::systems::messaging::kafka::{self, Kafka};
use crate::systems::messaging::rabbitmq::{self as rabbit, RabbitMq, topology};

type Here<'a> = Context<'a, OrderPlatform>;

fn turned(list: &[Setting], values: &[(SettingId, i64)]) -> Settings {
    let mut settings = Settings::defaults(list);
    values.iter().for_each(|(id, value)| settings.set(*id, *value));
    settings
}

/// One partition, a producer, two groups of one consumer each; records without keys, each in a batch of its own.
pub(super) fn kafka_settings() -> Settings {
    let values = [
        (kafka::PARTITIONS, 1),
        (kafka::CONSUMERS, 2),
        (kafka::RUNNING, 2),
        (kafka::GROUPS, 2),
        (kafka::RATE, 0),
        (kafka::KEYS, 0),
        (kafka::LINGER, 0),
        (kafka::BATCH, 1),
        (kafka::MAX_POLL, i64::from(super::BATCH)),
    ];
    turned(Kafka::SETTINGS, &values)
}

/// A task queue with waiting queues and a parking lot, and one worker.
pub(super) fn rabbit_settings(outer: &Settings) -> Settings {
    let values = [
        (rabbit::WORKERS, 1),
        (rabbit::RATE, 0),
        (rabbit::TOPOLOGY, topology::Topology::Retries as i64),
        (rabbit::TASK, outer.get(TASK)),
        (rabbit::SLOW, 1),
        (rabbit::RETRIES, 2),
        (rabbit::POISON, 0),
        (rabbit::FLAKY, 0),
    ];
    turned(RabbitMq::SETTINGS, &values)
}

fn kafka_place() -> Place<OrderPlatform, Kafka> {
    Place {
        first: NodeId(0),
        settings: Rc::new(kafka_settings()),
        // Relay and read model are in no group.
        rules: RuleSet::ALL.with(kafka::FENCE, false),
        outer: Timer::Kafka,
        inner: |timer| match timer {
            Timer::Kafka(timer) => Some(timer),
            _ => None,
        },
    }
}

fn rabbit_place(context: &Here) -> Place<OrderPlatform, RabbitMq> {
    Place {
        first: RELAY,
        settings: Rc::new(rabbit_settings(context.settings())),
        rules: RuleSet::ALL.with(rabbit::PARK, context.rule(PARK)),
        outer: Timer::Rabbit,
        inner: |timer| match timer {
            Timer::Rabbit(timer) => Some(timer),
            _ => None,
        },
    }
}

/// The period of the load; `None` without one.
fn period(settings: &Settings) -> Option<Micros> {
    SEC.checked_div(settings.amount(RATE))
}

fn await_order(context: &mut Here) {
    let delay = period(context.settings()).map_or(IDLE, |period| period - context.now() % period);
    context.set_timer(Timer::Load, delay);
}

pub(super) fn boot_kafka(disk: &kafka::Disk, context: &mut Here) -> Memory {
    if context.me() == SHOP {
        await_order(context);
    }
    let (memory, done) = inside(context, &kafka_place(), |context| Kafka::boot(disk, context));
    repeat_kafka(done, context);
    // The load is not the producer's own.
    context.cancel_timer(Timer::Kafka(kafka::Timer::Arrival));
    Memory::Kafka(memory)
}

/// How many orders a shop has written.
pub(super) fn ordered(disk: &kafka::Disk) -> u32 {
    match disk {
        kafka::Disk::Producer { numbers, .. } => numbers.values().sum(),
        _ => 0,
    }
}

pub(super) fn kafka(
    disk: &mut kafka::Disk,
    memory: &mut kafka::Memory,
    event: Event<OrderPlatform>,
    context: &mut Here,
) {
    let publish = |count: i64| {
        let values = vec![count];
        Event::Command(CommandCall { command: kafka::COMMAND_PUBLISH, values })
    };
    let room = i64::from(MOST_ORDERS.saturating_sub(1 + ordered(disk)));
    let event = match event {
        Event::Timer(Timer::Load) => {
            await_order(context);
            match (context.settings().is_on(RATE), room) {
                (true, 1..) => publish(1),
                (true, _) => return context.why(|_| format!("The shop has closed after {MOST_ORDERS} orders.")),
                _ => return context.why(|_| "Nobody orders anything: the rate is 0.".to_owned()),
            }
        }
        Event::Command(call) if room > 0 => publish(call.value(0).clamp(1, room.min(10))),
        Event::Timer(Timer::Kafka(timer)) => Event::Timer(timer),
        Event::Message { from, message: Message::Kafka(message) } => {
            let from = if from == VIEW { NodeId(3) } else { from };
            Event::Message { from, message }
        }
        _ => return context.pass_over(),
    };
    let ((), done) = inside(context, &kafka_place(), |context| Kafka::handle(disk, memory, event, context));
    repeat_kafka(done, context);
    if let kafka::Disk::Broker(disk) = disk {
        (0..2).for_each(|group| context.gauge(LAG, u16::from(group), i64::from(kafka::lag(disk, group))));
    }
}

fn repeat_kafka(done: Done<Kafka>, context: &mut Here) {
    for (to, message) in done.sent {
        context.send(of_kafka(to), Message::Kafka(message));
    }
}

pub(super) fn boot_rabbit(disk: &rabbit::Disk, context: &mut Here) -> Memory {
    let place = rabbit_place(context);
    let (memory, done) = inside(context, &place, |context| RabbitMq::boot(disk, context));
    repeat_rabbit(&done, context);
    Memory::Rabbit(memory)
}

fn repeat_rabbit(done: &Done<RabbitMq>, context: &mut Here) {
    for (to, message) in &done.sent {
        context.send(NodeId(to.0 + RELAY.0), Message::Rabbit(message.clone()));
    }
}

/// RabbitMQ's event for one of this system's.
fn to_rabbit(event: Event<OrderPlatform>) -> Option<Event<RabbitMq>> {
    match event {
        Event::Timer(Timer::Rabbit(timer)) => Some(Event::Timer(timer)),
        Event::Message { from, message: Message::Rabbit(message) } => {
            Some(Event::Message { from: NodeId(from.0.saturating_sub(RELAY.0)), message })
        }
        _ => None,
    }
}

pub(super) fn rabbit(
    disk: &mut rabbit::Disk,
    memory: &mut rabbit::Memory,
    event: Event<OrderPlatform>,
    context: &mut Here,
) {
    let Some(event) = to_rabbit(event) else {
        return context.pass_over();
    };
    let place = rabbit_place(context);
    let ((), done) = inside(context, &place, |context| RabbitMq::handle(disk, memory, event, context));
    repeat_rabbit(&done, context);
    if let rabbit::Memory::Broker { host, .. } = memory {
        let open = host.queues.iter().filter(|queue| *queue.0 != topology::PARKED);
        let count: usize = open.map(|queue| queue.1.ready.len()).sum();
        context.gauge(TASKS, 0, count as i64);
    }
}

/// The worker: RabbitMQ's own, and the charge that its work is for.
pub(super) fn payments(
    disk: &mut rabbit::Disk,
    charged: &mut Orders,
    memory: &mut rabbit::Memory,
    event: Event<OrderPlatform>,
    context: &mut Here,
) {
    let Some(event) = to_rabbit(event) else {
        return context.pass_over();
    };
    let place = rabbit_place(context);
    let ((), done) = inside(context, &place, |context| RabbitMq::handle(disk, memory, event, context));
    for note in &done.notes {
        let rabbit::Note::Done { id, .. } = *note else { continue };
        let (before, once) = (charged.has(id), context.rule(CHARGE_ONCE));
        context.why_rule(CHARGE_ONCE, |_| match (before, once) {
            (true, true) => format!("Order {id} is in the table of charges already: its card is not charged again."),
            (true, false) => format!("The card of order {id} is charged a second time: nobody looked."),
            (_, true) => format!("The card of order {id} is charged {}, and its number stored with that.", price(id)),
            (_, false) => format!("The card of order {id} is charged {}: nothing notes that it was.", price(id)),
        });
        if !before || !once {
            charged.add(id);
            context.note(Note::Charged { order: id });
        }
    }
    repeat_rabbit(&done, context);
}

/// A broker's disk, of Kafka.
pub(super) fn log_of(disk: &Disk) -> Option<&kafka::BrokerDisk> {
    match disk {
        Disk::Kafka(kafka::Disk::Broker(disk)) => Some(disk),
        _ => None,
    }
}
