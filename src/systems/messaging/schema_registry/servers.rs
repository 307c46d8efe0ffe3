//! The registry, which checks and numbers schemas, and the topic, which keeps bytes and looks at none.

use std::rc::Rc;

use super::{
    ACCEPTED, BATCH, CHECK, Id, MODE, MODES, MOST_RECORDS, MOST_VERSIONS, Memory, Message, REFUSED, RETENTION,
    Registry, SEGMENT, Timer, mode,
};
use crate::mechanisms::schema::{Problem, Schema, check};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::counted;

/// What the registry says to a new schema: its id, or the version that it clashes with.
fn judge(versions: &[Rc<Schema>], schema: &Schema, context: &Context<Registry>) -> Result<Id, (Id, Problem)> {
    if let Some(at) = versions.iter().position(|known| **known == *schema) {
        return Ok(at as Id + 1);
    }
    if versions.len() >= MOST_VERSIONS {
        return Err((versions.len() as Id, Problem::Garbled));
    }
    if context.rule(CHECK) {
        check(mode(context.settings()), schema, versions).map_err(|(at, problem)| (at as Id + 1, problem))?;
    }
    Ok(versions.len() as Id + 1)
}

pub(super) fn registry(versions: &mut Vec<Rc<Schema>>, event: Event<Registry>, context: &mut Context<Registry>) {
    match event {
        Event::Message { from, message: Message::Register { ticket, schema } } => {
            match judge(versions, &schema, context) {
                Ok(id) => {
                    if id as usize > versions.len() {
                        versions.push(schema);
                    }
                    context.count(ACCEPTED, 0, 1);
                    let checked = context.rule(CHECK);
                    context.why_rule(CHECK, |s| match checked {
                        true => format!("The schema is {}-compatible: it is version {id}.", mode_name(s)),
                        false => format!("Nothing is checked: the schema is version {id}."),
                    });
                    context.send(from, Message::Registered { ticket, id });
                }
                Err((version, problem)) => {
                    context.count(REFUSED, 0, 1);
                    let full = versions.len() >= MOST_VERSIONS;
                    context.why_rule(CHECK, |_| match full {
                        true => format!("The subject has {MOST_VERSIONS} versions: no more are taken here."),
                        false => format!("409: against version {version}, {}.", problem.words()),
                    });
                    context.send(from, Message::Refused { ticket, version, problem });
                }
            }
        }
        Event::Message { from, message: Message::GetSchema { id } } => {
            let known = (id as usize).checked_sub(1).and_then(|at| versions.get(at)).cloned();
            context.why(|_| format!("Somebody needs schema {id} to read a record."));
            if let Some(schema) = known {
                context.send(from, Message::SchemaIs { id, schema });
            }
        }
        _ => context.pass_over(),
    }
}

fn mode_name(settings: &crate::sim::declare::settings::Settings) -> &'static str {
    MODES.get(settings.amount(MODE) as usize).copied().unwrap_or(MODES[0])
}

pub(super) fn boot_topic(context: &mut Context<Registry>) -> Memory {
    context.set_timer(Timer::Retention, RETENTION);
    Memory::Plain
}

pub(super) fn topic(
    start: &mut u32,
    records: &mut Rc<Vec<Rc<Vec<u8>>>>,
    event: Event<Registry>,
    context: &mut Context<Registry>,
) {
    match event {
        Event::Message { message: Message::Produce { record }, .. } => {
            Rc::make_mut(records).push(record);
            let offset = *start + records.len() as u32 - 1;
            context.why(|_| format!("The record gets offset {offset}; its bytes mean nothing to the broker."));
        }
        Event::Timer(_) => {
            context.set_timer(Timer::Retention, RETENTION);
            let before = *start;
            while records.len() > MOST_RECORDS {
                Rc::make_mut(records).drain(..SEGMENT);
                *start += SEGMENT as u32;
            }
            let gone = *start - before;
            context.why(|_| {
                format!("Retention deletes {}, in segments of {SEGMENT}.", counted(u64::from(gone), "old record"))
            });
        }
        Event::Message { from, message: Message::Read { offset } } => {
            let at = offset.saturating_sub(*start) as usize;
            let found: Vec<Rc<Vec<u8>>> = records.iter().skip(at).take(BATCH).cloned().collect();
            context
                .why(|_| format!("The answer is {} from offset {offset} on.", counted(found.len() as u64, "record")));
            context.send(from, Message::Records { offset, start: *start, records: found });
        }
        _ => context.pass_over(),
    }
}
