//! The lane of Kafka: brokers and controller of [`kafka_replication`](crate::systems::messaging::kafka_replication). Its
//! publisher is this system's own.

use std::rc::Rc;

use super::{
    Durability, IN_MEMORY, Lane, Message, Part, REPLICAS, REPLICATED, SYNC, Timer, WRITE_BACK, controller, part,
    publisher, server, server_count, unflushed_for,
};
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Place, inside};
use crate::systems::messaging::kafka_replication::{self as kafka, Disk, Memory, Replication};

const LANE: Lane = Lane::Kafka;

/// No load of its own, nobody reads, and the first broker leads at the start. `synced`: brokers flush each record.
fn settings(outer: &Settings, synced: bool) -> Settings {
    let mut settings = Settings::defaults(Replication::SETTINGS);
    let values = [
        (kafka::REPLICAS, server_count(outer, LANE) as i64),
        (kafka::RATE, 0),
        (kafka::CONSUMER_ON, 0),
        (kafka::SETTLED, 1),
        (kafka::FLUSH, i64::from(unflushed_for(outer, LANE, synced).is_none())),
        (kafka::WRITE_BACK, outer.get(WRITE_BACK)),
    ];
    values.iter().for_each(|(id, value)| settings.set(*id, *value));
    settings
}

/// A node as Kafka's own system numbers it.
fn inner(settings: &Settings, node: NodeId) -> NodeId {
    match part(settings, node).1 {
        Part::Publisher => kafka::PRODUCER,
        Part::Controller => kafka::CONTROLLER,
        Part::Server(number) => kafka::node_of(number as u8),
    }
}

fn outer(settings: &Settings, node: NodeId) -> NodeId {
    match node {
        kafka::CONTROLLER => controller(settings),
        kafka::PRODUCER | kafka::CONSUMER => publisher(settings, LANE),
        broker => server(settings, LANE, usize::from(kafka::broker_of(broker))),
    }
}

fn place(context: &Context<Durability>) -> Place<Durability, Replication> {
    let (me, own) = (context.me(), inner(context.settings(), context.me()));
    // With one replica there is no second one to ask for.
    let rules = RuleSet::ALL.with(kafka::MIN_ISR, context.settings().get(REPLICAS) > 0);
    Place {
        first: NodeId(me.0.wrapping_sub(own.0)),
        settings: Rc::new(settings(context.settings(), context.rule(SYNC))),
        rules: rules.with(kafka::ACKS_ALL, context.rule(REPLICATED)),
        outer: Timer::Kafka,
        inner: |timer| match timer {
            Timer::Kafka(timer) => Some(timer),
            _ => None,
        },
    }
}

pub(super) fn blank_disk(outer: &Settings, node: NodeId) -> Disk {
    Replication::blank_disk(&settings(outer, true), inner(outer, node))
}

pub(super) fn lose_power(disk: &mut Disk, outer: &Settings, now: Time, torn: Option<u32>) {
    Replication::lose_power(disk, &settings(outer, true), now, torn);
}

pub(super) fn boot(disk: &Disk, context: &mut Context<Durability>) -> Memory {
    let place = place(context);
    let (memory, done) = inside(context, &place, |context| Replication::boot(disk, context));
    repeat(done.sent, context);
    memory
}

pub(super) fn handle(
    disk: &mut Disk,
    memory: &mut Memory,
    event: Event<Durability>,
    context: &mut Context<Durability>,
) {
    let event = match event {
        Event::Message { from, message: Message::Kafka(message) } => {
            Event::Message { from: inner(context.settings(), from), message }
        }
        Event::Timer(Timer::Kafka(timer)) => Event::Timer(timer),
        _ => return context.pass_over(),
    };
    let place = place(context);
    let ((), done) = inside(context, &place, |context| Replication::handle(disk, memory, event, context));
    if let (Disk::Broker(disk), Memory::Broker(kafka::BrokerMemory { leading: Some(_), .. })) = (&*disk, &*memory) {
        let on_disk = disk.log.on_disk(context.now(), context.amount(WRITE_BACK));
        context.gauge(IN_MEMORY, LANE as u16, i64::from(disk.log.end() - on_disk));
    }
    repeat(done.sent, context);
}

fn repeat(sent: Vec<(NodeId, kafka::Message)>, context: &mut Context<Durability>) {
    for (to, message) in sent {
        let to = outer(context.settings(), to);
        context.send(to, Message::Kafka(message));
    }
}
