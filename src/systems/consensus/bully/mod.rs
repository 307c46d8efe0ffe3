//! The bully election: the highest node that runs is the coordinator, and takes over by force.
//!
//! Hector Garcia-Molina, "Elections in a Distributed Computing System" (IEEE Transactions on Computers C-31(1), 1982),
//! the bully algorithm: a node asks those above it, halts those below it, and only then announces itself. That a
//! higher node that was asked takes the election over is the form in which textbooks tell it. The paper assumes that a
//! message arrives within a known time and that a running node answers at once; so what it promises, it promises
//! there.
//!
//! # Simplified here
//!
//! - A coordinator is at work as soon as it has announced itself. In the paper the nodes first put the application's
//!   data in order, which ends with a Ready message.
//! - Nobody answers a Halt. The new coordinator waits for one time-out instead.
//! - The coordinator sends heartbeats. In the paper the other nodes check on it from time to time.

pub mod promises;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{Micros, show};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, rules, settings};

/// See the module's header.
pub struct Bully;

rules! {
    /// A higher node answers OK.
    ANSWER = "higher-answers", "A higher node answers OK",
        "A node that a lower one asks answers OK and takes over. Off: it says nothing.";
    /// Announce only when nobody higher answered in time.
    WAIT = "wait-for-answers", "Nobody higher answered in time",
        "A node goes on only after a whole timeout without an OK. Off: it asks and does not wait.";
    /// Halt all lower nodes before taking over.
    HALT = "halt-lower", "Halt the lower nodes first",
        "Before it takes over, a node stops all lower ones, including an old coordinator. Off: it announces itself at \
         once.";
}

settings! {
    NODES = "nodes", "Nodes", count(3, 7), 5, AtStart,
        "How many there are. The one with the highest number wins.";
    /// The longest that a message takes, in microseconds.
    BOUND = "bound", "Longest latency", micros(5_000, 100_000, 5_000), 20_000, Live,
        "A message takes between half of this and all of it, never longer.";
    /// How long a node waits for an answer, in microseconds.
    TIMEOUT = "timeout", "Timeout", micros(10_000, 300_000, 10_000), 50_000, Live,
        "How long a node waits for an answer. It must be longer than a question and its answer can take.";
    /// From one heartbeat to the next, in microseconds.
    HEARTBEAT = "heartbeat", "Heartbeat", micros(40_000, 400_000, 20_000), 100_000, Live,
        "How often the coordinator says that it is there. Silence for this long plus a timeout means a crash.";
}

metrics! {
    /// All messages sent.
    MESSAGES = "messages", "Messages", Counter;
    /// Elections called, by node.
    ELECTIONS = "elections", "Elections called", Counter;
    /// The number of the coordinator that a node works for; 0 while it works for none.
    COORDINATOR = "coordinator", "Coordinator", Gauge;
}

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has called an election and waits for an answer from above.
    Asks,
    /// Nobody above answered: it has halted the nodes below and waits until every one has stopped.
    Halts,
    /// Somebody above is there, or has halted it: it waits for the announcement.
    Waits,
    /// It works for a coordinator.
    Follows(NodeId),
    /// It is the coordinator.
    Leads,
}

/// What does not survive a crash; nothing else is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// What it is doing.
    pub phase: Phase,
    /// Who halted it last, in this election.
    pub halted_by: Option<NodeId>,
}

impl Memory {
    /// Whom the node works for.
    pub fn coordinator(&self, me: NodeId) -> Option<NodeId> {
        match self.phase {
            Phase::Follows(other) => Some(other),
            Phase::Leads => Some(me),
            _ => None,
        }
    }
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// To all above: are you there?
    Election,
    /// I am, and I take over.
    Ok,
    /// To all below: stop what you are doing.
    Halt,
    /// To all below: I am the coordinator. Repeated as a heartbeat.
    Coordinator,
}

/// What a node has armed: one of them at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The time for an answer from above is up.
    Answers,
    /// Every lower node has stopped by now.
    Halted,
    /// No announcement has come.
    Patience,
    /// No heartbeat has come.
    Silence,
    /// The next heartbeat.
    Beat,
}

const TIMERS: [Timer; 5] = [Timer::Answers, Timer::Halted, Timer::Patience, Timer::Silence, Timer::Beat];

commands! {
    CALL = "call", "Call an election", "Call an election| as {0}",
        "A node calls an election, as if it had found the coordinator silent.",
        [field("node", Control::Choice(&["N1", "N2", "N3", "N4", "N5", "N6", "N7"]), 1)];
}

impl System for Bully {
    type Disk = ();
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = ();
    type Witness = ();

    const NAME: &'static str = "Bully election";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        settings.amount(NODES).clamp(3, 7) as usize
    }

    fn name(_: &Settings, node: NodeId) -> String {
        format!("N{}", node.index() + 1)
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let bound = settings.amount(BOUND);
        LinkSpec::unordered(Latency::Uniform(bound / 2, bound))
    }

    fn blank_disk(_: &Settings, _: NodeId) {}

    fn boot((): &(), context: &mut Context<Self>) -> Memory {
        let mut memory = Memory { phase: Phase::Asks, halted_by: None };
        call(&mut memory, context);
        memory
    }

    fn handle((): &mut (), memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match event {
            Event::Message { from, message: Message::Election } => asked(memory, from, context),
            Event::Message { from, message: Message::Ok } => answered(memory, from, context),
            Event::Message { from, message: Message::Halt } => halted(memory, from, context),
            Event::Message { from, message: Message::Coordinator } => announced(memory, from, context),
            Event::Timer(timer) => time_is_up(memory, timer, context),
            Event::Command(_) => {
                let me = context.me();
                context.why(|s| format!("{} was told to call an election.", Bully::name(s, me)));
                call(memory, context);
            }
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = NodeId(call.value(0) as u16);
        world.memory(node).map(|_| node)
    }

    fn outside(world: &World<Self>, promise: &str) -> Option<&'static str> {
        promises::outside(world, promise)
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Election => "Election: \"are you there?\"",
            Message::Ok => "OK",
            Message::Halt => "Halt",
            Message::Coordinator => "Coordinator: \"it is me\"",
        }
        .to_owned()
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Answers => "time is up for an answer",
            Timer::Halted => "all lower nodes have stopped by now",
            Timer::Patience => "no announcement has come",
            Timer::Silence => "no heartbeat has come",
            Timer::Beat => "time for a heartbeat",
        }
        .to_owned()
    }
}

fn above(context: &Context<Bully>) -> Vec<NodeId> {
    (context.me().index() + 1..context.nodes()).map(NodeId::from).collect()
}

fn below(context: &Context<Bully>) -> Vec<NodeId> {
    (0..context.me().index()).map(NodeId::from).collect()
}

/// "N3, N4, N5"; "nobody" for none.
fn list(settings: &Settings, nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| Bully::name(settings, *node)).collect();
    names.join(", ")
}

fn send_all(nodes: &[NodeId], message: Message, context: &mut Context<Bully>) {
    context.count(MESSAGES, 0, nodes.len() as u64);
    nodes.iter().for_each(|node| context.send(*node, message));
}

/// Begins a phase: of its timers the node keeps this one alone.
fn enter(memory: &mut Memory, phase: Phase, timer: Timer, delay: Micros, context: &mut Context<Bully>) {
    TIMERS.into_iter().for_each(|other| context.cancel_timer(other));
    context.set_timer(timer, delay);
    memory.phase = phase;
    let me = context.me();
    context.gauge(COORDINATOR, me.0, memory.coordinator(me).map_or(0, |node| i64::from(node.0) + 1));
}

/// Calls an election: asks everyone above.
fn call(memory: &mut Memory, context: &mut Context<Bully>) {
    let (me, above) = (context.me(), above(context));
    context.count(ELECTIONS, me.0, 1);
    memory.halted_by = None;
    if above.is_empty() {
        context.why(|s| format!("{} has nobody above it: it need not ask.", Bully::name(s, me)));
        take_over(memory, context);
        return;
    }
    let (timeout, waits) = (context.amount(TIMEOUT), context.rule(WAIT));
    context.why_rule(WAIT, |s| {
        let wait = if waits { format!("waits {} for an OK", show(timeout)) } else { "does not wait".to_owned() };
        format!("{} calls an election: it asks {} and {wait}.", Bully::name(s, me), list(s, &above))
    });
    send_all(&above, Message::Election, context);
    if waits {
        enter(memory, Phase::Asks, Timer::Answers, timeout, context);
    } else {
        take_over(memory, context);
    }
}

/// Nobody above is there: those below are stopped, and then it leads.
fn take_over(memory: &mut Memory, context: &mut Context<Bully>) {
    let (me, below, timeout) = (context.me(), below(context), context.amount(TIMEOUT));
    if below.is_empty() || !context.rule(HALT) {
        let is_lowest = below.is_empty();
        context.why_rule(HALT, |s| match (Bully::name(s, me), is_lowest) {
            (me, true) => format!("{me} has no lower node to halt before it takes over."),
            (me, false) => format!("{me} takes over without halting anybody first."),
        });
        lead(memory, context);
        return;
    }
    context.why_rule(HALT, |s| {
        format!(
            "{} halts {} and waits {}: by then each has stopped working for anybody else.",
            Bully::name(s, me),
            list(s, &below),
            show(timeout)
        )
    });
    send_all(&below, Message::Halt, context);
    enter(memory, Phase::Halts, Timer::Halted, timeout, context);
}

fn lead(memory: &mut Memory, context: &mut Context<Bully>) {
    let (me, below) = (context.me(), below(context));
    context.why(|s| match (Bully::name(s, me), below.is_empty()) {
        (me, true) => format!("{me} is the coordinator now, and has nobody below it to tell."),
        (me, false) => format!("{me} is the coordinator now, and tells {}.", list(s, &below)),
    });
    beat(memory, context);
}

fn beat(memory: &mut Memory, context: &mut Context<Bully>) {
    let (below, interval) = (below(context), context.amount(HEARTBEAT));
    send_all(&below, Message::Coordinator, context);
    enter(memory, Phase::Leads, Timer::Beat, interval, context);
}

/// A lower node asks.
fn asked(memory: &mut Memory, from: NodeId, context: &mut Context<Bully>) {
    let (me, phase) = (context.me(), memory.phase);
    if !context.rule(ANSWER) {
        context.why_rule(ANSWER, |s| {
            format!("{} does not answer {}, as if it were not there.", Bully::name(s, me), Bully::name(s, from))
        });
        return;
    }
    context.why_rule(ANSWER, |s| {
        let (me, from) = (Bully::name(s, me), Bully::name(s, from));
        match phase {
            Phase::Leads => format!("{me} answers {from}: it is the coordinator, as its next heartbeat will say."),
            Phase::Follows(_) => format!("{me} answers {from} and takes the election over: {me} is higher."),
            _ => format!("{me} answers {from}: it is higher, and in an election already."),
        }
    });
    send_all(&[from], Message::Ok, context);
    if matches!(phase, Phase::Follows(_)) {
        call(memory, context);
    }
}

/// How long a node waits for an announcement: what the one above needs to ask, to halt and to announce, and once more.
fn patience(context: &Context<Bully>) -> Micros {
    context.amount(TIMEOUT) * 4
}

/// A higher node answers.
fn answered(memory: &mut Memory, from: NodeId, context: &mut Context<Bully>) {
    let me = context.me();
    if memory.phase != Phase::Asks {
        context.why(|s| {
            format!(
                "{} no longer waits for an answer: {}'s OK changes nothing.",
                Bully::name(s, me),
                Bully::name(s, from)
            )
        });
        return;
    }
    context.why_rule(ANSWER, |s| {
        format!(
            "{} steps back: {} is higher and there. It waits for an announcement.",
            Bully::name(s, me),
            Bully::name(s, from)
        )
    });
    let patience = patience(context);
    enter(memory, Phase::Waits, Timer::Patience, patience, context);
}

/// A higher node is taking over.
fn halted(memory: &mut Memory, from: NodeId, context: &mut Context<Bully>) {
    let (me, led) = (context.me(), memory.phase == Phase::Leads);
    context.why_rule(HALT, |s| {
        let (me, from) = (Bully::name(s, me), Bully::name(s, from));
        let what = if led { "gives up the lead" } else { "stops" };
        format!("{me} {what}: {from} is higher and taking over. {me} will work for {from} alone now.")
    });
    memory.halted_by = Some(from);
    let patience = patience(context);
    enter(memory, Phase::Waits, Timer::Patience, patience, context);
}

/// A coordinator announces itself, or is still there.
fn announced(memory: &mut Memory, from: NodeId, context: &mut Context<Bully>) {
    let (me, before) = (context.me(), memory.phase);
    if let Some(other) = memory.halted_by.filter(|other| *other != from) {
        context.why_rule(HALT, |s| {
            format!(
                "{} was halted by {} and waits for it: {} is passed over.",
                Bully::name(s, me),
                Bully::name(s, other),
                Bully::name(s, from)
            )
        });
        return;
    }
    context.why(|s| {
        let (me, from) = (Bully::name(s, me), Bully::name(s, from));
        match before {
            Phase::Follows(_) => format!("{me} hears that {from} is still there."),
            _ => format!("{me} works for {from} from now on."),
        }
    });
    memory.halted_by = None;
    let silence = context.amount(HEARTBEAT) + context.amount(TIMEOUT);
    enter(memory, Phase::Follows(from), Timer::Silence, silence, context);
}

fn time_is_up(memory: &mut Memory, timer: Timer, context: &mut Context<Bully>) {
    let me = context.me();
    match timer {
        Timer::Beat => {
            context.why(|s| format!("{} says that it is still there.", Bully::name(s, me)));
            beat(memory, context);
        }
        Timer::Answers => {
            let above = above(context);
            context.why_rule(WAIT, |s| {
                let them = if above.len() == 1 { "it" } else { "them" };
                format!(
                    "{} heard nothing from {} in time and takes {them} to be down.",
                    Bully::name(s, me),
                    list(s, &above)
                )
            });
            take_over(memory, context);
        }
        Timer::Halted => {
            context.why_rule(HALT, |s| {
                format!("{} takes it that every lower node has stopped by now.", Bully::name(s, me))
            });
            lead(memory, context);
        }
        Timer::Patience => {
            context.why(|s| format!("{} has waited in vain for the node that took over.", Bully::name(s, me)));
            call(memory, context);
        }
        Timer::Silence => {
            context.why(|s| {
                format!("{} has heard no heartbeat and takes the coordinator to be down.", Bully::name(s, me))
            });
            call(memory, context);
        }
    }
}
