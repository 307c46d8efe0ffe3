//! Who uses the log: a producer, a reader of single offsets, and a consumer that keeps a table.

use super::{
    ARRIVALS, BROKER, CONTENTS, KEYS, KafkaLog, LOOK_EVERY, Memory, Message, Note, PACE, RATE, Table, Timer, put_words,
};
use crate::mechanisms::kafka_log::Record;
use crate::sim::kernel::random;
use crate::sim::kernel::time::SEC;
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload;
use crate::sim::numbers::counted;

pub(super) fn boot_producer(context: &mut Context<KafkaLog>) -> Memory {
    arm_arrival(context);
    Memory::Plain
}

pub(super) fn boot_reader(context: &mut Context<KafkaLog>) -> Memory {
    context.set_timer(Timer::Look, LOOK_EVERY);
    Memory::Reader { end: 14, found: None }
}

pub(super) fn boot_table(context: &mut Context<KafkaLog>) -> Memory {
    let pace = context.amount(PACE);
    context.set_timer(Timer::Pull, pace);
    Memory::Plain
}

/// Arms the next arrival; without load, a look whether there is some.
fn arm_arrival(context: &mut Context<KafkaLog>) {
    let rate = context.amount(RATE);
    let gap = workload::poisson(context, ARRIVALS, rate).unwrap_or(SEC);
    context.set_timer(Timer::Arrival, gap);
}

pub(super) fn produce(event: Event<KafkaLog>, context: &mut Context<KafkaLog>) {
    match event {
        Event::Timer(_) => {
            arm_arrival(context);
            if context.amount(RATE) == 0 {
                context.why(|_| "No records are to be produced for now.".to_owned());
                return;
            }
            let draw = context.draw(CONTENTS);
            // E was deleted at the start, and F is the reader's own.
            let key = random::below(draw, KEYS as u64 - 2) as u8;
            let value = (!draw.is_multiple_of(5)).then_some((draw >> 8) as u16 % 10);
            put(key, value, context);
        }
        Event::Command(call) => {
            let value = (call.command == super::PUT).then_some(call.value(1).clamp(0, 9) as u16);
            put(call.value(0).clamp(0, KEYS as i64 - 1) as u8, value, context);
        }
        Event::Message { .. } => context.pass_over(),
    }
}

fn put(key: u8, value: Option<u16>, context: &mut Context<KafkaLog>) {
    context.why(|_| match value {
        Some(_) => format!("The producer writes {}.", put_words(key, value)),
        None => format!("The producer writes a tombstone: {}.", put_words(key, value)),
    });
    context.send(BROKER, Message::Produce { key, value });
}

pub(super) fn look(end: &mut u32, found: &mut Option<Record>, event: Event<KafkaLog>, context: &mut Context<KafkaLog>) {
    match event {
        Event::Timer(_) => {
            context.set_timer(Timer::Look, LOOK_EVERY);
            if context.amount(RATE) == 0 {
                context.why(|_| "There is no load: the reader rests.".to_owned());
                return;
            }
            let draw = context.draw(CONTENTS);
            ask(random::below(draw, u64::from(*end)) as u32, context);
        }
        Event::Command(call) => ask(call.value(0).max(0) as u32, context),
        Event::Message { message: Message::Found { record, end: known }, .. } => {
            (*end, *found) = (known, record);
            context.why(|_| match record {
                Some(record) => {
                    format!("The reader has {} from offset {}.", put_words(record.key, record.value), record.offset)
                }
                None => "The reader gets nothing.".to_owned(),
            });
        }
        Event::Message { .. } => context.pass_over(),
    }
}

fn ask(offset: u32, context: &mut Context<KafkaLog>) {
    context.why(|_| format!("The reader asks for offset {offset}."));
    context.send(BROKER, Message::LookUp { offset });
}

pub(super) fn consume(next: &mut u32, table: &mut Table, event: Event<KafkaLog>, context: &mut Context<KafkaLog>) {
    match event {
        Event::Timer(_) => {
            let (pace, offset) = (context.amount(PACE), *next);
            context.set_timer(Timer::Pull, pace);
            context.why(|_| format!("The consumer reads on from offset {offset}."));
            context.send(BROKER, Message::Read { offset });
        }
        Event::Command(_) => {
            (*next, *table) = (0, [None; KEYS]);
            context.why(|_| "The consumer throws its table away, and begins at offset 0.".to_owned());
        }
        Event::Message { message: Message::Records { offset, records, start, end, at }, .. } => {
            if offset != *next {
                context.why(|_| format!("The consumer is past offset {offset}: the answer is an old one."));
                return;
            }
            for record in records.iter() {
                if let Some(slot) = table.get_mut(usize::from(record.key)) {
                    *slot = record.value;
                }
            }
            *next = records.last().map_or(offset.max(start), |last| last.offset + 1);
            let (first, all, next) = (offset == 0, *next >= end, *next);
            context.note(Note::Took { at, first, all });
            context.why(|_| match records.len() {
                0 => "Nothing new: the consumer has read all there is.".to_owned(),
                count => {
                    let records = counted(count as u64, "record");
                    format!("The consumer takes {records} into its table; next is offset {next}.")
                }
            });
        }
        Event::Message { .. } => context.pass_over(),
    }
}
