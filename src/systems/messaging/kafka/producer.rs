//! A producer: gives each record a partition, gathers batches, and sends them until the broker has them.
//!
//! Batches are numbered within a partition (KIP-98), so that a batch sent twice is written once, and a batch that
//! overtook another is turned away.

use litemap::LiteMap;
use std::rc::Rc;

use super::log::{Batch, Record};
use super::settings::is_on;
use super::{
    ACKS, ARRIVALS, BATCH, BROKER, KEY_PARTITION, KEYED, KEYS, Kafka, LINGER, METADATA_AGE, Memory, Message,
    PARTITIONS, PRODUCERS, RATE, Role, STICKY, Timer,
};
use crate::mechanisms::partitioner::{self, KeyHash, Sticky};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{MS, Micros, SEC};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::measure::workload;
use crate::sim::numbers::counted;

/// max.in.flight.requests.per.connection
const IN_FLIGHT: usize = 5;
/// request.timeout.ms is 30 s; here a shorter one.
const PATIENCE: Micros = 500 * MS;
/// retry.backoff.ms
const BACK_OFF: Micros = 100 * MS;
/// Records that wait for their batch: stands for buffer.memory. A record beyond it is refused.
const MOST_WAITING: usize = 200;

/// What a producer has in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Producer {
    /// Its producer id: a new one each time it starts.
    pub id: u32,
    /// Records waiting for their batch, by partition.
    pub waiting: LiteMap<u16, Vec<Record>>,
    /// Batches that were sent and not answered, oldest first.
    pub in_flight: Vec<Rc<Batch>>,
    /// The next sequence number, by partition.
    pub sequences: LiteMap<u16, u32>,
    /// How many partitions the topic has, as far as it knows.
    pub partitions: u16,
    /// Where records without a key go.
    pub sticky: Sticky,
    /// Where the next record goes when keys are ignored.
    pub turn: u16,
}

pub(super) struct Writing<'a, 'b> {
    pub starts: &'a mut u32,
    pub numbers: &'a mut LiteMap<u16, u32>,
    pub producer: &'a mut Producer,
    pub context: &'a mut Context<'b, Kafka>,
}

/// A producer's id is drawn at its first record: only then may it write to its disk.
pub(super) fn boot(_: u32, context: &mut Context<Kafka>) -> Memory {
    let partitions = context.amount(PARTITIONS) as u16;
    context.set_timer(Timer::Arrival, MS);
    if context.amount(METADATA_AGE) > 0 {
        context.set_timer(Timer::Metadata, 1);
    }
    Memory::Producer(Producer { partitions, ..Producer::default() })
}

impl Writing<'_, '_> {
    fn name(&self) -> String {
        Kafka::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<Kafka>) {
        let name = self.name();
        match event {
            Event::Timer(Timer::Arrival) => self.arrival(),
            Event::Timer(Timer::Linger(partition)) => {
                self.context.why(|_| format!("{name}'s batch for partition {partition} has lingered long enough."));
                self.send(partition);
            }
            Event::Timer(Timer::Resend) => self.resend(),
            Event::Timer(Timer::Metadata) => {
                let age = self.context.amount(METADATA_AGE);
                self.context.why(|_| format!("{name} asks how many partitions the topic has."));
                self.context.send(BROKER, Message::Metadata);
                self.context.set_timer(Timer::Metadata, age);
            }
            Event::Message { message: Message::Produced { producer, .. }, .. } if producer != self.producer.id => {
                self.context.why(|_| format!("The answer is to {name} as it was before its crash: it counts no more."));
            }
            Event::Message { message: Message::Produced { partition, sequence, ok, .. }, .. } => {
                self.produced(partition, sequence, ok);
            }
            Event::Message { message: Message::Topic { partitions }, .. } => {
                self.producer.partitions = partitions;
                self.context.why(|_| {
                    format!("{name} learns that the topic has {}.", counted(u64::from(partitions), "partition"))
                });
            }
            Event::Command(call) => {
                let count = call.value(0).clamp(1, 40);
                self.context.why(|_| format!("{name} is given {}.", counted(count as u64, "record")));
                (0..count).for_each(|_| self.produce());
            }
            _ => self.context.pass_over(),
        }
    }

    fn arrival(&mut self) {
        let rate = self.context.amount(RATE);
        if rate > 0 {
            self.produce();
        } else {
            self.context.why(|_| "Nothing is produced at a rate of 0.".to_owned());
        }
        let next = workload::poisson(self.context, ARRIVALS, rate).unwrap_or(SEC);
        self.context.set_timer(Timer::Arrival, next);
    }

    /// The next record's key: those of one producer are no other's, so that a key has one order. 0 for none.
    fn draw_key(&mut self) -> u16 {
        let (keys, producers) = (self.context.amount(KEYS), self.context.amount(PRODUCERS).max(1));
        let Role::Producer(at) = Kafka::role(self.context.settings(), self.context.me()) else { return 0 };
        let mine = (keys + producers - 1 - u64::from(at).min(keys)) / producers;
        if mine == 0 {
            return 0;
        }
        let drawn = random::below(self.context.draw(KEYED), mine);
        (drawn * producers) as u16 + at + 1
    }

    fn produce(&mut self) {
        let name = self.name();
        if self.producer.waiting.values().map(Vec::len).sum::<usize>() >= MOST_WAITING {
            self.context.why(|_| format!("{name} has {MOST_WAITING} records waiting: the next one is refused."));
            return;
        }
        if self.producer.id == 0 {
            *self.starts += 1;
            self.producer.id = u32::from(self.context.me().0) << 16 | *self.starts;
        }
        let key = self.draw_key();
        let number = self.numbers.entry(key).or_insert(0);
        *number += 1;
        let record = Record { key, number: *number, produced: self.context.now() };
        let partition = self.partition_for(key);
        self.producer.waiting.entry(partition).or_default().push(record);
        self.context.why_rule(KEY_PARTITION, |_| match key {
            0 => format!("{name}'s record has no key: it goes to partition {partition} with the rest of its batch."),
            _ => format!(
                "{name}: {} {} of customer {key} goes to partition {partition}.",
                record.event(),
                record.order()
            ),
        });
        let count = self.producer.waiting.get(&partition).map_or(0, Vec::len);
        let linger = self.context.amount(LINGER);
        if count as u64 >= self.context.amount(BATCH) || linger == 0 {
            self.send(partition);
        } else if count == 1 {
            self.context.set_timer(Timer::Linger(partition), linger);
        }
    }

    /// By the key's hash; without a key the sticky one; with the rule off, in turn.
    fn partition_for(&mut self, key: u16) -> u16 {
        let partitions = self.producer.partitions.max(1);
        if !self.context.rule(KEY_PARTITION) {
            self.producer.turn = (self.producer.turn + 1) % partitions;
            return self.producer.turn;
        }
        if key > 0 {
            let text = Record::key_text(key);
            return partitioner::partition_of(KeyHash::Murmur2, text.as_bytes(), u32::from(partitions)) as u16;
        }
        let depth = |partition| self.producer.waiting.get(&partition).map_or(0, |waiting| waiting.len() as u32);
        let queues: Vec<Option<u32>> = (0..partitions).map(|partition| Some(depth(partition))).collect();
        let table = partitioner::frequencies(&queues);
        let batch = self.context.amount(BATCH) as u32;
        let context = &mut *self.context;
        let mut sticky = self.producer.sticky;
        let partition = sticky.next(1, batch, &table, || context.draw(STICKY));
        self.producer.sticky = sticky;
        (partition as u16).min(partitions - 1)
    }

    /// Sends what waits for a partition, unless too much is under way.
    fn send(&mut self, partition: u16) {
        if self.producer.in_flight.len() >= IN_FLIGHT {
            let name = self.name();
            self.context.why(|_| format!("{name} has {IN_FLIGHT} batches under way: the next one waits."));
            return;
        }
        let most = self.context.amount(BATCH).max(1) as usize;
        let Some(waiting) = self.producer.waiting.get_mut(&partition) else { return };
        let records: Vec<Record> = waiting.drain(..most.min(waiting.len())).collect();
        if waiting.is_empty() {
            self.producer.waiting.remove(&partition);
        }
        self.context.cancel_timer(Timer::Linger(partition));
        if records.is_empty() {
            return;
        }
        let next = self.producer.sequences.entry(partition).or_insert(0);
        let sequence = *next;
        *next += records.len() as u32;
        let acks = is_on(self.context, ACKS);
        let batch = Rc::new(Batch { partition, producer: self.producer.id, sequence, records, acks });
        self.context.send(BROKER, Message::Produce(Rc::clone(&batch)));
        if acks {
            self.producer.in_flight.push(batch);
            self.context.set_timer(Timer::Resend, PATIENCE);
        }
    }

    fn produced(&mut self, partition: u16, sequence: u32, ok: bool) {
        let name = self.name();
        if !ok {
            self.context
                .why(|_| format!("{name}'s batch came too early: it sends all again, in order, after a pause."));
            self.context.set_timer(Timer::Resend, BACK_OFF);
            return;
        }
        self.producer.in_flight.retain(|batch| (batch.partition, batch.sequence) != (partition, sequence));
        self.context.why(|_| format!("{name} knows its batch for partition {partition} to be written."));
        if self.producer.in_flight.is_empty() {
            self.context.cancel_timer(Timer::Resend);
        }
        let ready: Vec<u16> = self.producer.waiting.keys().copied().collect();
        for partition in ready {
            let lingers = self.context.has_timer(Timer::Linger(partition));
            if !lingers && self.producer.in_flight.len() < IN_FLIGHT {
                self.send(partition);
            }
        }
    }

    fn resend(&mut self) {
        let (name, count) = (self.name(), self.producer.in_flight.len());
        self.context.why(|_| format!("{name} sends again what was not answered: {count} of its requests."));
        for batch in &self.producer.in_flight {
            self.context.send(BROKER, Message::Produce(Rc::clone(batch)));
        }
        if count > 0 {
            self.context.set_timer(Timer::Resend, PATIENCE);
        }
    }
}
