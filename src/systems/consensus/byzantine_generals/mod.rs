//! The Byzantine generals: the Oral Message algorithm OM(m) of Lamport, Shostak and Pease, "The Byzantine Generals
//! Problem" (ACM TOPLAS 4(3), 1982), section 3.
//!
//! General 0 commands. In each battle it gives an order, the lieutenants tell each other in rounds what they have
//! heard, and each takes majorities (see [`crate::mechanisms::oral_messages`]). The paper's assumptions hold where no
//! reader disturbs them: every message arrives (A1), its sender is known (A2), its absence is noticed (A3).
//!
//! # Simplified here
//!
//! - Messages are oral: the algorithm is OM(m). With signed messages, SM(m), any number of traitors can be tolerated;
//!   they are left out.
//! - Every general can reach every other. Section 5 of the paper, on missing links, is left out.
//! - Rounds go by clocks that agree, and are longer than any message takes.
//! - Traitors say what they like, but only in their own name.

mod general;
pub mod promises;

use crate::mechanisms::oral_messages::{ATTACK, Heard, Judge, Path, RETREAT};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::{Rule, RuleSet};
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, rules, settings};

/// See the module's header.
pub struct ByzantineGenerals;

rules! {
    /// A lieutenant decides after m + 1 rounds.
    ENOUGH_ROUNDS = "enough-rounds", "m + 1 rounds",
        "For m rounds after the order, lieutenants tell each other what they heard. Off: one round fewer.";
    /// There are more than 3m generals, of whom at most m are traitors.
    MORE_THAN_3M = "more-than-3m", "More than 3m generals",
        "At most m lie, and fewer than a third. Off: the traitors you chose lie, however few generals there are.";
    /// Everyone who finds no majority takes the same default.
    COMMON_DEFAULT = "common-default", "One default for all",
        "Without a majority everyone retreats. Off: each believes what it heard first-hand.";
}

settings! {
    /// How many generals there are, the commander among them.
    GENERALS = "generals", "Generals", count(3, 7), 4, AtStart,
        "The commander and the lieutenants.";
    /// How many traitors the algorithm is to tolerate: the m of OM(m).
    M = "m", "m, traitors to tolerate", count(0, 2), 1, AtStart,
        "OM(m) takes m + 1 rounds and needs more than 3m generals.";
    /// Who is a traitor: 0 for nobody, a lieutenant's number, 7 for the commander.
    TRAITOR = "traitor", "Traitor", Control::Choice(WHO), 3, Live,
        "From the next battle on.";
    /// Who else is.
    SECOND_TRAITOR = "second-traitor", "Second traitor", Control::Choice(WHO), 0, Live,
        "Lies only if m is 2 and there are seven generals, or with the rule off that asks for that.";
    /// What traitors say: see [`lie`].
    LIES = "lies", "What traitors say", Control::Choice(&["split", "the opposite", "nothing", "anything"]), 0, Live,
        "Split: attack to even numbers, retreat to odd ones. Anything: drawn at random each time.";
    /// What the commander wants: attack, retreat, one after the other.
    ORDER = "order", "The commander's order", Control::Choice(&["attack", "retreat", "by turns"]), 0, Live,
        "What the commander wants in the next battle.";
    /// The longest time that a message takes, in microseconds. A round is twice as long.
    LATENCY = "latency", "Longest message delay", micros(10_000, 200_000, 10_000), 50_000, AtStart,
        "Messages take between half of this and all of it. A round is twice as long.";
}

metrics! {
    /// Messages sent; the subject is the round.
    MESSAGES = "messages", "Messages", Counter;
    /// Attacks; the subject is the general.
    ATTACKS = "attacks", "Attacks", Counter;
}

/// The general who gives the orders.
pub const COMMANDER: NodeId = NodeId(0);

/// The value of [`TRAITOR`] that stands for the commander.
pub const TRAITOR_IS_COMMANDER: i64 = 7;
/// The values of [`LIES`].
pub const SPLIT: u64 = 0;
pub const OPPOSITE: u64 = 1;
pub const SILENCE: u64 = 2;
pub const ANYTHING: u64 = 3;

const WHO: &[&str] = &[
    "nobody",
    "Lieutenant 1",
    "Lieutenant 2",
    "Lieutenant 3",
    "Lieutenant 4",
    "Lieutenant 5",
    "Lieutenant 6",
    "Commander",
];
const GENERAL: &[&str] =
    &["Commander", "Lieutenant 1", "Lieutenant 2", "Lieutenant 3", "Lieutenant 4", "Lieutenant 5", "Lieutenant 6"];
const LIEUTENANT: &[&str] =
    &["Lieutenant 1", "Lieutenant 2", "Lieutenant 3", "Lieutenant 4", "Lieutenant 5", "Lieutenant 6"];

/// How long a round is: longer than any message takes, and the time to write it.
fn round(settings: &Settings) -> Micros {
    2 * settings.amount(LATENCY)
}

/// From one battle to the next: the rounds, and two more in which the outcome can be seen.
fn period(settings: &Settings) -> Micros {
    (settings.amount(M) + 3) * round(settings)
}

/// When the first battle begins.
const FIRST_BATTLE: Micros = 20 * MS;

/// What a traitor was told to say, by the number of the general who hears it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// To whom, and what: nothing, or a value.
    pub says: Vec<(u16, Option<u8>)>,
}

/// A general in a battle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// The battle, counted from 1; 0 before the first.
    pub battle: u32,
    /// Whether it is a traitor in this battle.
    pub traitor: bool,
    /// What it wants, if it commands.
    pub order: u8,
    /// After how many rounds it decides.
    pub rounds: u8,
    /// How many rounds are over.
    pub closed: u8,
    /// The last round in which it has said what it had to say.
    pub spoken: u8,
    /// What it has heard.
    pub heard: Heard,
    /// What it does.
    pub decision: Option<u8>,
}

/// A value, and through whom it came: the last of them sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub battle: u32,
    pub path: Path,
    pub value: u8,
}

/// What a general has armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A battle begins.
    Muster,
    /// A round is over.
    Close,
    /// It has written what it says in the next round. A traitor who says anything has one for each way to lie.
    Speak(u8),
    /// It has taken its majorities.
    Decide,
}

/// What a bystander sees, who can tell loyal generals from traitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A loyal commander gives an order.
    Order { battle: u32, value: u8 },
    /// A loyal lieutenant obeys one.
    Obeys { battle: u32, general: NodeId, value: u8 },
}

/// What a value is called.
pub fn word(value: u8) -> &'static str {
    match value {
        RETREAT => "retreat",
        ATTACK => "attack",
        _ => "wait",
    }
}

/// How many generals there are.
pub fn generals(settings: &Settings) -> u16 {
    settings.amount(GENERALS).clamp(2, 16) as u16
}

/// After how many rounds lieutenants decide.
pub fn rounds(settings: &Settings, rules: RuleSet) -> u8 {
    let m = settings.amount(M) as u8;
    if rules.on(ENOUGH_ROUNDS) { m + 1 } else { m.max(1) }
}

/// Who is a traitor: those whom the reader chose, but not more than OM(m) is said to tolerate while that rule is on.
pub fn traitors(settings: &Settings, rules: RuleSet) -> Vec<u16> {
    let count = generals(settings);
    let bearable = settings.amount(M).min(u64::from(count - 1) / 3) as usize;
    let mut chosen: Vec<u16> = Vec::new();
    for setting in [TRAITOR, SECOND_TRAITOR] {
        let general = match settings.get(setting) {
            0 => continue,
            TRAITOR_IS_COMMANDER => 0,
            lieutenant => lieutenant as u16,
        };
        if general < count && !chosen.contains(&general) {
            chosen.push(general);
        }
    }
    chosen.truncate(if rules.on(MORE_THAN_3M) { bearable } else { chosen.len() });
    chosen
}

/// How a lieutenant decides by what it has heard.
pub fn judge<'a>(settings: &Settings, rules: RuleSet, id: NodeId, memory: &'a Memory) -> Judge<'a> {
    Judge {
        heard: &memory.heard,
        me: id.0,
        generals: generals(settings),
        rounds: usize::from(memory.rounds.max(1)),
        common_default: rules.on(COMMON_DEFAULT),
    }
}

/// What a traitor says to a general where a loyal one would say `truth`. `pattern`: for the ways of lying that are
/// numbered, a bit for each lieutenant who is told, the first one lowest; `at` is this one's place among them.
fn lie(lies: u64, to: u16, truth: u8, pattern: u8, at: usize) -> Option<u8> {
    match lies {
        SPLIT => Some(if to.is_multiple_of(2) { ATTACK } else { RETREAT }),
        OPPOSITE => Some(if truth == ATTACK { RETREAT } else { ATTACK }),
        SILENCE => None,
        _ => Some((u32::from(pattern) >> at.min(31) & 1) as u8),
    }
}

commands! {
    SAY = "say", "Put words in a mouth", "Say “{2}” to {1}| as {0}",
        "What a traitor says to one of the others from now on.",
        [field("traitor", Control::Choice(GENERAL), 3), field("to", Control::Choice(LIEUTENANT), 1), field("says", Control::Choice(&["retreat", "attack", "nothing", "as set"]), 2)];
}

impl System for ByzantineGenerals {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Byzantine generals";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        usize::from(generals(settings))
    }

    fn name(_: &Settings, node: NodeId) -> String {
        if node == COMMANDER { "Commander".to_owned() } else { format!("Lieut. {}", node.0) }
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let longest = settings.amount(LATENCY);
        LinkSpec::unordered(Latency::Uniform(longest / 2, longest))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(_: &Disk, context: &mut Context<Self>) -> Memory {
        // The next battle by the clock. A general that comes back in the middle of one sits it out.
        let (now, period) = (context.now(), period(context.settings()));
        let since = now + period - FIRST_BATTLE;
        context.set_timer(Timer::Muster, period - since % period);
        Memory { battle: (since / period) as u32, ..Memory::default() }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let mut general = general::General { disk, memory, context };
        match event {
            Event::Timer(Timer::Muster) => general.muster(),
            Event::Timer(Timer::Close) => general.close(),
            Event::Timer(Timer::Speak(pattern)) => general.speak(pattern),
            Event::Timer(Timer::Decide) => general.decide(),
            Event::Message { from, message } => general.hear(from, message),
            Event::Command(call) => general.learn_to_say(&call),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let general = NodeId(u16::try_from(call.value(0)).ok()?);
        (general.index() < world.kernel().nodes().len() && world.kernel().node(general).up).then_some(general)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        notes.iter().for_each(|note| witness.see(*note));
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        let mut via: Vec<String> = message.path.generals().map(|id| Self::name(settings, NodeId(id))).collect();
        via.pop();
        let value = word(message.value);
        match via.as_slice() {
            [] => format!("\"{value}\""),
            [_] => format!("\"the commander said {value}\""),
            [_, through @ ..] => {
                let through: Vec<&str> = through.iter().rev().map(String::as_str).collect();
                format!("\"{} says the commander said {value}\"", through.join(" says "))
            }
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Muster => "a battle begins",
            Timer::Close => "the round is over",
            Timer::Speak(_) => "what it says is written",
            Timer::Decide => "it decides",
        }
        .to_owned()
    }
}
