//! How the two generals look: the valley, the messengers, and what each general knows.

use super::prelude::*;
use crate::sim::numbers::counted;
use crate::systems::consensus::two_generals::{
    self as generals, FIRST, Message, SECOND, Timer, TwoGenerals, awaited, last_message,
};

impl Face for TwoGenerals {
    fn look(message: &Message) -> Look {
        match message.number {
            1 => Look { letter: 'A', glyph: Glyph::Square, tone: Tone::Producer },
            number => Look {
                letter: char::from_digit(number - 1, 10).unwrap_or('c'),
                glyph: Glyph::Pill,
                tone: Tone::Consumer,
            },
        }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        vec![("night".to_owned(), message.night.to_string()), ("message".to_owned(), message.number.to_string())]
    }

    fn inspect(world: &Valley, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| {
            vec![
                field("sent tonight", number(memory.sent)),
                field("got tonight", number(memory.received)),
                field("waits for", number(awaited(world.settings(), id))),
                field(
                    "last dawn",
                    memory
                        .attacked
                        .map_or("none yet", |attacked| if attacked { "attacked" } else { "stayed" })
                        .to_owned(),
                ),
            ]
        });
        Inspection { disk: vec![field("nights", node.disk)], memory }
    }
}

pub type Valley = World<TwoGenerals>;

pub fn general(world: &Valley, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, if id == FIRST { "A" } else { "B" });
    mark.tone = Tone::Neutral;
    let Some(memory) = world.memory(id) else { return mark };
    let is_night = world.timers(id).any(|(timer, _)| timer == Timer::Dawn);
    (mark.state, mark.tone) = match (is_night, memory.attacked) {
        (true, _) if memory.received >= awaited(world.settings(), id) => ("will attack".to_owned(), Tone::Active),
        (true, _) => ("waits for word".to_owned(), Tone::Neutral),
        (false, Some(true)) => ("attacks".to_owned(), Tone::Active),
        (false, Some(false)) => ("stays".to_owned(), Tone::Off),
        (false, None) => ("before the first night".to_owned(), Tone::Neutral),
    };
    let dawn = world.timers(id).find(|(timer, _)| *timer == Timer::Dawn);
    mark.ring = dawn.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// What each general has received, and what it waits for.
pub fn knowledge(world: &Valley, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let (got, sent) = world.memory(id).map_or((0, 0), |memory| (memory.received, memory.sent));
        let wanted = awaited(world.settings(), id);
        let tone = if got >= wanted { Tone::Fine } else { Tone::Question };
        vec![
            Cell::firm(if id == FIRST { "A" } else { "B" }, Tone::Neutral),
            Cell::firm(number(sent), Tone::Neutral),
            Cell::firm(number(got), tone),
            Cell::firm(number(wanted), Tone::Neutral),
        ]
    };
    let head = ["general", "sent", "got", "waits for"].map(str::to_owned).to_vec();
    let title = format!("Messages tonight, of {}", last_message(world.settings()));
    Figure { id: "knowledge", at, size, title, body: Body::Table { head, rows: [FIRST, SECOND].map(row).to_vec() } }
}

pub fn number(message: u32) -> String {
    if message == 0 { "none".to_owned() } else { format!("message {message}") }
}

/// How the nights went, next to what probability says.
pub fn nights(world: &Valley, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (witness, odds) = (world.witness(), odds(world.settings()));
    let row = |what: &str, count: u32, odds: f64, tone: Tone| {
        let tenths = (odds * 1_000.0 + 0.5) as u64;
        let share = format!("{}.{} %", tenths / 10, tenths % 10);
        vec![Cell::firm(what, Tone::Neutral), Cell::firm(count.to_string(), tone), Cell::loose(share, Tone::Neutral)]
    };
    let rows = vec![
        row("both attack", witness.both, odds[0], Tone::Fine),
        row("neither", witness.neither, odds[1], Tone::Neutral),
        row("one alone", witness.alone, odds[2], Tone::Broken),
    ];
    let head = ["night ends", "so far", "expected"].map(str::to_owned).to_vec();
    let title = counted(witness.nights().into(), "night");
    Figure { id: "nights", at, size, title, body: Body::Table { head, rows } }
}

/// The odds of a night: both attack, neither does, one goes alone. A message is lost when all its messengers are
/// caught; one goes alone when all but the last message arrive.
pub fn odds(settings: &Settings) -> [f64; 3] {
    let (caught, men) = (settings.amount(generals::CAUGHT) as f64 / 100.0, settings.amount(generals::MESSENGERS));
    let power = |base: f64, times: u64| (0..times).fold(1.0, |product, _| product * base);
    let lost = power(caught, men);
    let before_last = power(1.0 - lost, settings.amount(generals::CONFIRMATIONS));
    let (both, alone) = (before_last * (1.0 - lost), before_last * lost);
    [both, 1.0 - both - alone, alone]
}

pub fn received(world: &Valley, id: NodeId) -> u32 {
    world.memory(id).map_or(0, |memory| memory.received)
}
