//! Two-phase commit as in "Consensus on Transaction Commit" (Gray and Lamport, 2006), where messages stay in the
//! network: n resource managers, followed by the transaction manager.

use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall};
use faultline::sim::declare::rules::{Rule, RuleSet};
use faultline::sim::declare::settings::{Control, Setting, SettingId, Settings, Takes, Unit};
use faultline::sim::judge::verdict::{Breach, Kind};
use faultline::sim::kernel::link::{Latency, LinkSpec};
use faultline::sim::kernel::time::MS;
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::{Context, Event, System};
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::Metric;

pub struct TwoPhase;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Resource(Outcome),
    /// Its decision, and the managers it knows to be prepared.
    Manager(Outcome, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Prepared,
    Commit,
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Prepare,
    Commit,
    Abort,
}

const RESOURCES: SettingId = SettingId(0);

impl System for TwoPhase {
    type Disk = ();
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = ();
    type Witness = ();

    const NAME: &'static str = "Two-phase commit, as specified";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[Setting {
        id: "resources",
        title: "Resource managers",
        about: "How many.",
        control: Control::Slider { min: 1, max: 20, step: 1, unit: Unit::Count },
        default: 3,
        takes: Takes::AtStart,
    }];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(settings: &Settings) -> usize {
        settings.amount(RESOURCES) as usize + 1
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::unordered(Latency::Fixed(MS))
    }
    fn blank_disk(_: &Settings, _: NodeId) {}

    fn boot(_: &(), context: &mut Context<Self>) -> Memory {
        let is_manager = context.me().index() + 1 == context.nodes();
        let memory = if is_manager { Memory::Manager(Outcome::Working, 0) } else { Memory::Resource(Outcome::Working) };
        rearm(&memory, context);
        memory
    }

    fn handle(_: &mut (), memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let manager = NodeId::from(context.nodes() - 1);
        match (&mut *memory, event) {
            (Memory::Resource(outcome), Event::Timer(Timer::Prepare)) => {
                *outcome = Outcome::Prepared;
                context.send(manager, Message::Prepared);
            }
            (Memory::Resource(outcome), Event::Timer(_) | Event::Message { message: Message::Abort, .. }) => {
                *outcome = Outcome::Aborted;
            }
            (Memory::Resource(outcome), Event::Message { message: Message::Commit, .. }) => {
                *outcome = Outcome::Committed
            }
            (Memory::Manager(Outcome::Working, prepared), Event::Message { from, .. }) => *prepared |= 1 << from.0,
            (Memory::Manager(decision, _), Event::Timer(timer)) => {
                let commits = timer == Timer::Commit;
                *decision = if commits { Outcome::Committed } else { Outcome::Aborted };
                for node in 0..manager.index() {
                    context.send(NodeId::from(node), if commits { Message::Commit } else { Message::Abort });
                }
            }
            _ => {}
        }
        rearm(memory, context);
    }

    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }
    fn describe_message(_: &Settings, message: &Message) -> String {
        format!("{message:?}")
    }
    fn describe_timer(_: &Settings, timer: Timer) -> String {
        format!("{timer:?}")
    }
}

/// What a manager may do is a function of its state; timers stand for it.
fn rearm(memory: &Memory, context: &mut Context<TwoPhase>) {
    let all = (1u64 << (context.nodes() - 1)) - 1;
    let may = |timer| match memory {
        Memory::Resource(Outcome::Working) => timer != Timer::Commit,
        Memory::Manager(Outcome::Working, prepared) => {
            timer == Timer::Abort || timer == Timer::Commit && *prepared == all
        }
        _ => false,
    };
    for timer in [Timer::Prepare, Timer::Commit, Timer::Abort] {
        if may(timer) {
            context.set_timer(timer, MS);
        } else {
            context.cancel_timer(timer);
        }
    }
}

/// No resource manager commits while another aborts.
const CONSISTENT: &[Promise<TwoPhase>] = &[Promise {
    id: "consistent",
    title: "One outcome",
    about: "No resource manager commits while another aborts.",
    kind: Kind::Always,
    holds: |world| {
        let any = |wanted| world.nodes().any(|(_, node)| node.memory == Some(Memory::Resource(wanted)));
        !(any(Outcome::Committed) && any(Outcome::Aborted))
    },
    explain: |_| Breach::default(),
}];

/// This many resource managers, at the start.
pub fn world(resources: i64) -> World<TwoPhase> {
    let mut settings = Settings::defaults(TwoPhase::SETTINGS);
    settings.set(RESOURCES, resources);
    World::new(settings, RuleSet::ALL, 1, CONSISTENT)
}
