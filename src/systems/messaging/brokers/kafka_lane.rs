//! The lane of Kafka: its own handlers, and what of their doings is the same in every lane.

use std::rc::Rc;

use super::{
    ACK_AFTER, Asked, Brokers, CONFIRMS, Lane, Message, Note, PATIENCE, RECOGNISE, TASK, Timer, WAITING, measured,
    outer, place, turned, worked,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::systems::messaging::kafka::log::Batch;
use crate::systems::messaging::kafka::{self, BrokerDisk, Disk, Kafka, Memory};
use crate::systems::messaging::rabbitmq::queue::WRITE_BACK;

const LANE: Lane = Lane::Kafka;

/// Two partitions, two consumers in one group, records without keys, each in a batch of its own; the session timeout is
/// the patience. `acks`: the producer waits for an answer.
pub(super) fn settings(outer: &Settings, acks: bool) -> Settings {
    let patience = outer.get(PATIENCE);
    let values = [
        (kafka::PARTITIONS, super::WORKERS as i64),
        (kafka::PRODUCERS, 1),
        (kafka::CONSUMERS, super::WORKERS as i64),
        (kafka::RUNNING, super::WORKERS as i64),
        (kafka::RATE, 0),
        (kafka::KEYS, 0),
        (kafka::LINGER, 0),
        (kafka::BATCH, 1),
        (kafka::MAX_POLL, 1),
        (kafka::ACKS, i64::from(acks)),
        (kafka::WORK, outer.get(TASK)),
        (kafka::SESSION, patience),
        (kafka::HEARTBEAT, patience / 3),
        // A poll interval that no task outlasts.
        (kafka::POLL_INTERVAL, 20_000_000),
        (kafka::RESET, 1),
    ];
    turned(Kafka::SETTINGS, &values)
}

fn at(context: &Context<Brokers>) -> Place<Brokers, Kafka> {
    let rules = RuleSet::ALL.with(kafka::COMMIT_AFTER, context.rule(ACK_AFTER));
    let rules = rules.with(kafka::IDEMPOTENT, context.rule(RECOGNISE));
    let settings = settings(context.settings(), context.rule(CONFIRMS));
    place(context, LANE, (settings, rules), Timer::Kafka, |timer| match timer {
        Timer::Kafka(timer) => Some(timer),
        _ => None,
    })
}

pub(super) fn boot(disk: &Disk, context: &mut Context<Brokers>) -> Memory {
    let place = at(context);
    let (memory, done) = inside(context, &place, |context| Kafka::boot(disk, context));
    repeat(done, context);
    // The load is not the producer's own.
    context.cancel_timer(Timer::Kafka(kafka::Timer::Arrival));
    memory
}

pub(super) fn handle(disk: &mut Disk, memory: &mut Memory, asked: Asked, context: &mut Context<Brokers>) {
    let first = outer(context.settings(), LANE, NodeId(0)).0;
    let event = match asked {
        Asked::Message { from, message: Message::Kafka(message) } => {
            Event::Message { from: NodeId(from.0 - first), message }
        }
        Asked::Timer(Timer::Kafka(timer)) => Event::Timer(timer),
        Asked::Publish(count) => Event::Command(CommandCall { command: kafka::COMMAND_PUBLISH, values: vec![count] }),
        Asked::Replay => Event::Command(CommandCall { command: kafka::COMMAND_SEEK, values: vec![1, 0] }),
        _ => return context.why(|_| "This belongs to another lane: it is ignored.".to_owned()),
    };
    let produced = match &event {
        Event::Message { message: kafka::Message::Produce(batch), .. } => Some(Rc::clone(batch)),
        _ => None,
    };
    let (members, flying, ends) = (members(memory), flying(memory), ends(disk));
    let place = at(context);
    let ((), done) = inside(context, &place, |context| Kafka::handle(disk, memory, event, context));
    if let Some(batch) = produced.filter(|_| ends < self::ends(disk)) {
        note_each(&batch, context, |id| Note::Stored { lane: LANE, id });
    }
    let after = self::flying(memory);
    for batch in flying.iter().filter(|batch| !after.contains(batch)) {
        note_each(batch, context, |id| Note::Confirmed { lane: LANE, id });
    }
    let after = self::members(memory);
    if members.iter().any(|member| !after.contains(member)) {
        context.note(Note::Noticed { lane: LANE });
    }
    if let Disk::Broker(disk) = disk {
        context.gauge(WAITING, LANE as u16, i64::from(kafka::lag(disk, 0)));
    }
    repeat(done, context);
}

fn note_each(batch: &Batch, context: &mut Context<Brokers>, note: impl Fn(u32) -> Note) {
    batch.records.iter().for_each(|record| context.note(note(record.number)));
}

/// The members of the group, as its coordinator knows them.
fn members(memory: &Memory) -> Vec<u32> {
    match memory {
        Memory::Broker { groups, .. } => groups.values().flat_map(|group| group.members.keys().copied()).collect(),
        _ => Vec::new(),
    }
}

/// What a producer waits for an answer to.
fn flying(memory: &Memory) -> Vec<Rc<Batch>> {
    match memory {
        Memory::Producer(producer) => producer.in_flight.clone(),
        _ => Vec::new(),
    }
}

/// The broker has flushed nothing: what the operating system has not written back is gone. Offsets that the group has
/// committed are kept, as far as the log goes.
pub(super) fn lose_power(disk: &mut Disk, now: Time, torn: Option<u32>) {
    let Disk::Broker(disk) = disk else { return };
    for log in &mut disk.logs {
        Rc::make_mut(log).lose_power(torn, |record| record.produced.saturating_add(WRITE_BACK) <= now);
    }
    for ((_, partition), offset) in disk.committed.iter_mut() {
        *offset = (*offset).min(disk.logs.get(usize::from(*partition)).map_or(0, |log| log.end()));
    }
}

/// How many records a broker has been given.
fn ends(disk: &Disk) -> u32 {
    match disk {
        Disk::Broker(disk) => disk.logs.iter().map(|log| log.end()).sum(),
        _ => 0,
    }
}

fn repeat(done: Done<Kafka>, context: &mut Context<Brokers>) {
    let took = measured(&done.metrics, kafka::LATENCY);
    for (to, message) in done.sent {
        if let kafka::Message::Produce(batch) = &message
            && !batch.acks
        {
            note_each(batch, context, |id| Note::Confirmed { lane: LANE, id });
        }
        let to = outer(context.settings(), LANE, to);
        context.send(to, Message::Kafka(message));
    }
    for note in done.notes {
        if let kafka::Note::Done { record, .. } = note {
            worked(context, LANE, record.number, took);
        }
    }
}

/// The process of a consumer has ended.
pub(super) fn end(context: &mut Context<Brokers>) {
    use kafka::Timer::{AutoCommit, Heartbeat, Metadata, PollInterval, Retry, Work};
    for timer in [AutoCommit, Heartbeat, Metadata, PollInterval, Retry, Work(0)] {
        context.cancel_timer(Timer::Kafka(timer));
    }
}

/// Whether an order is in the log at or behind these offsets, one a partition.
fn is_ahead(disk: &BrokerDisk, id: u32, from: impl Fn(u16) -> Option<u32>) -> bool {
    disk.logs.iter().enumerate().any(|(partition, log)| {
        let from = from(partition as u16).map(|from| from.max(log.start()));
        from.is_some_and(|from| (from..log.end()).any(|at| log.get(at).is_some_and(|record| record.number == id)))
    })
}

/// Whether an order is somewhere in this node from where it will be worked. What the group has gone past is in the log
/// still, and will not.
pub(super) fn has(disk: &Disk, memory: Option<&Memory>, broker: &Disk, id: u32) -> bool {
    if let Disk::Broker(disk) = disk {
        return is_ahead(disk, id, |partition| Some(disk.committed.get(&(0, partition)).copied().unwrap_or(0)));
    }
    match (memory, broker) {
        (Some(Memory::Producer(producer)), _) => {
            let sent = producer.in_flight.iter().flat_map(|batch| &batch.records);
            producer.waiting.values().flatten().chain(sent).any(|record| record.number == id)
        }
        (Some(Memory::Consumer(consumer)), Disk::Broker(disk)) => {
            let hold = consumer.unfinished().chain(&consumer.fetched).any(|item| item.record.number == id);
            let position = |partition: u16| consumer.assigned.get(&partition)?.position;
            hold || is_ahead(disk, id, position)
        }
        _ => false,
    }
}

/// Whether a message brings an order to where it will be worked.
pub(super) fn brings(message: &kafka::Message, id: u32) -> bool {
    matches!(message, kafka::Message::Produce(batch) if batch.records.iter().any(|record| record.number == id))
}
