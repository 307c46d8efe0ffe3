//! The producer: records with a key, at a rate, and on command.

use super::{
    ARRIVALS, BROKER, CHOICES, KEYS, KINDS, Memory, Message, POISONED, PRODUCE, RATE, ShareGroups, Timer, key_name,
};
use crate::sim::machine::system::{Context, Event};
use crate::systems::parts::open_loop::OpenLoop;

const LOOP: OpenLoop = OpenLoop::steady(RATE, ARRIVALS);

pub(super) fn boot(context: &mut Context<ShareGroups>) -> Memory {
    LOOP.arm(Timer::Arrival, context);
    Memory::Producer
}

pub(super) fn handle(event: Event<ShareGroups>, context: &mut Context<ShareGroups>) {
    match event {
        Event::Timer(Timer::Arrival) => {
            if LOOP.arrived(Timer::Arrival, context) {
                let share = context.amount(POISONED);
                let poison = share > 0 && context.draw_between(KINDS, 0, 99) < share;
                produce(1, poison, context);
            }
        }
        Event::Command(call) if call.command == PRODUCE => produce(call.value(0).max(1), false, context),
        Event::Command(_) => produce(1, true, context),
        _ => context.pass_over(),
    }
}

fn produce(count: i64, poison: bool, context: &mut Context<ShareGroups>) {
    for _ in 0..count {
        let key = context.draw_between(CHOICES, 0, u64::from(KEYS) - 1) as u8;
        let produced = context.now();
        context.why(|_| match poison {
            true => format!("The producer sends a record of key {} that nobody can work on.", key_name(key)),
            false => format!("The producer sends a record of key {}.", key_name(key)),
        });
        context.send(BROKER, Message::Produce { key, poison, produced });
    }
}
