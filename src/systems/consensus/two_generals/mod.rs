//! Two generals: two armies, a valley between them, and messengers who may be caught (Akkoyunlu, Ekanadham and Huber,
//! "Some constraints and tradeoffs in the design of network communications", 1975; Gray, "Notes on data base operating
//! systems", 1978, who named it).
//!
//! Each night the first general sends a plan to attack at dawn, and the two confirm to each other as often as they
//! have agreed on. At dawn each attacks if it has got the last messenger that it was to get.
//!
//! # Simplified here
//!
//! - A messenger is caught or arrives, but never lies: that is the Byzantine generals' trouble.
//! - Nights begin and end by the generals' clocks, which agree.

pub mod promises;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, percent};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, settings};

/// See the module's header.
pub struct TwoGenerals;

settings! {
    /// How many confirmations are asked for.
    CONFIRMATIONS = "confirmations", "Confirmations", count(0, 8), 2, Live,
        "How many confirmations follow the plan.";
    /// How many messengers carry each message.
    MESSENGERS = "messengers", "Messengers per message", count(1, 5), 1, Live,
        "How many messengers carry each message, each on his own.";
    /// How many messengers of a hundred are caught.
    CAUGHT = "caught", "Caught", percent(0, 90, 5), 20, Live,
        "How many messengers in a hundred never arrive.";
    /// How long a messenger takes through the valley, in microseconds.
    VALLEY = "valley", "Way through the valley", micros(5_000, 100_000, 5_000), 20_000, AtStart,
        "How long a messenger takes. Nights are ten times as long.";
}

metrics! {
    /// Nights on which a general attacked.
    ATTACKS = "attacks", "Attacks", Counter;
    /// Messengers sent.
    SENT = "messengers", "Messengers", Counter;
}

/// The general who plans.
pub const FIRST: NodeId = NodeId(0);
/// The other one.
pub const SECOND: NodeId = NodeId(1);

/// From one dusk to the next. A night is as long as eight confirmations and the plan take, and a little.
fn period(settings: &Settings) -> Micros {
    night(settings) + 100 * MS
}

fn night(settings: &Settings) -> Micros {
    settings.amount(VALLEY) * 10 + 20 * MS
}

/// What a general remembers of the night.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The night, counted from 1; 0 before the first.
    pub night: u32,
    /// The highest message it has got this night: 1 is the plan, 2 the first confirmation.
    pub received: u32,
    /// The highest it has sent this night.
    pub sent: u32,
    /// Whether it attacked at the last dawn.
    pub attacked: Option<bool>,
}

/// A messenger: of which night, and the how manieth message of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub night: u32,
    pub number: u32,
}

/// What a general's clock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Dusk,
    Dawn,
}

/// What a bystander sees at dawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub general: NodeId,
    pub night: u32,
    pub attacks: bool,
}

/// The last message of a night.
pub fn last_message(settings: &Settings) -> u32 {
    settings.amount(CONFIRMATIONS) as u32 + 1
}

/// The last message that a general is to get: the first general gets the even ones.
pub fn awaited(settings: &Settings, general: NodeId) -> u32 {
    let last = last_message(settings);
    let parity = u32::from(general == SECOND);
    if last % 2 == parity { last } else { last - 1 }
}

commands! {
    AGAIN = "again", "Send it again", "Send the last message again| as general {0}",
        "A general sends its last message of this night once more.",
        [field("general", Control::Choice(&["A", "B"]), 0)];
}

impl System for TwoGenerals {
    type Disk = u32;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Two generals";

    const RULES: &'static [Rule] = &[];

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: "" };

    fn nodes(_: &Settings) -> usize {
        2
    }

    fn name(_: &Settings, node: NodeId) -> String {
        if node == FIRST { "General A" } else { "General B" }.to_owned()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let way = settings.amount(VALLEY);
        let loss_ppm = settings.amount(CAUGHT) as u32 * 10_000;
        LinkSpec { loss_ppm, ..LinkSpec::unordered(Latency::Uniform(way / 2, way)) }
    }

    fn blank_disk(_: &Settings, _: NodeId) -> u32 {
        0
    }

    fn boot(night: &u32, context: &mut Context<Self>) -> Memory {
        // The next dusk by the clock: the first is 20 ms after the start.
        let (now, period) = (context.now(), period(context.settings()));
        let since_dusk = (now + period - 20 * MS) % period;
        context.set_timer(Timer::Dusk, period - since_dusk);
        Memory { night: *night, ..Memory::default() }
    }

    fn handle(disk: &mut u32, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match event {
            Event::Timer(Timer::Dusk) => dusk(disk, memory, context),
            Event::Timer(Timer::Dawn) => dawn(memory, context),
            Event::Message { message, .. } => hear(memory, message, context),
            Event::Command(_) if memory.sent > 0 => {
                let sent = memory.sent;
                context.why(|_| format!("One more messenger with message {sent}, in case the first was caught."));
                send(memory.night, sent, 1, context);
            }
            Event::Command(_) => context.why(|_| "It has nothing to say yet tonight.".to_owned()),
        }
    }

    fn route(_: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        Some(if call.value(0) == 0 { FIRST } else { SECOND })
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        notes.iter().for_each(|note| witness.see(*note));
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message.number {
            1 => "\"we attack at dawn\"".to_owned(),
            number => format!("confirmation {}", number - 1),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Dusk => "night falls",
            Timer::Dawn => "dawn",
        }
        .to_owned()
    }
}

fn dusk(disk: &mut u32, memory: &mut Memory, context: &mut Context<TwoGenerals>) {
    *disk += 1;
    *memory = Memory { night: *disk, attacked: memory.attacked, ..Memory::default() };
    let night = night(context.settings());
    context.set_timer(Timer::Dawn, night);
    if context.me() == FIRST {
        memory.sent = 1;
        context.why(|_| "A plans to attack at dawn and sends word of it through the valley.".to_owned());
        let messengers = context.amount(MESSENGERS);
        send(memory.night, 1, messengers, context);
    } else {
        context.why(|_| "B waits for word from A.".to_owned());
    }
}

fn hear(memory: &mut Memory, message: Message, context: &mut Context<TwoGenerals>) {
    if message.night != memory.night || message.number <= memory.received {
        context.why(|_| "This is known already, or of another night.".to_owned());
        return;
    }
    memory.received = message.number;
    let last = last_message(context.settings());
    if message.number < last {
        memory.sent = message.number + 1;
        context.why(|_| {
            format!(
                "It knows message {} arrived, and the other does not know that it knows: it confirms.",
                message.number
            )
        });
        let messengers = context.amount(MESSENGERS);
        send(memory.night, memory.sent, messengers, context);
    } else {
        context.why(|_| {
            "This was the last message agreed on. Whoever sent it will never hear that it arrived.".to_owned()
        });
    }
}

fn dawn(memory: &mut Memory, context: &mut Context<TwoGenerals>) {
    let (general, awaited) = (context.me(), awaited(context.settings(), context.me()));
    let attacks = memory.received >= awaited;
    memory.attacked = Some(attacks);
    let received = memory.received;
    context.why(|settings| {
        let name = TwoGenerals::name(settings, general);
        match (attacks, awaited) {
            (true, 0) => format!("{name} attacks: it waits for no confirmation."),
            (true, _) => format!("{name} attacks: message {awaited}, the last it was to get, has come."),
            (false, _) => format!("{name} stays: it waited for message {awaited} and got {received} at most."),
        }
    });
    if attacks {
        context.count(ATTACKS, general.0, 1);
    }
    context.note(Note { general, night: memory.night, attacks });
    let rest = period(context.settings()) - night(context.settings());
    context.set_timer(Timer::Dusk, rest);
}

fn send(night: u32, number: u32, messengers: u64, context: &mut Context<TwoGenerals>) {
    let other = if context.me() == FIRST { SECOND } else { FIRST };
    context.count(SENT, context.me().0, messengers);
    for _ in 0..messengers {
        context.send(other, Message { night, number });
    }
}
