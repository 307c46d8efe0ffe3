//! RabbitMQ, Kafka and JetStream beside each other: one shop, one broker and two workers each, in one world.
//!
//! Each lane is the whole system of its own module, [`crate::systems::messaging::rabbitmq`], [`crate::systems::messaging::kafka`] and
//! [`crate::systems::messaging::jetstream`]; nothing of them is repeated here. A node's handler runs inside this
//! system's (see [`crate::sim::machine::world::inside`]), and what it sends goes over this system's links: the same
//! latency in each lane.
//!
//! The load is this system's: all shops order at full multiples of one period, so the lanes get the same orders at the
//! same moments. The lengths of the tasks have one mean, and are drawn in each lane for itself. What is the same in each:
//! a worker takes one order at a time, and one value stands for the patience with a silent worker. RabbitMQ closes a
//! connection after two silent heartbeat intervals, so an interval is half of it; Kafka's session timeout is the whole,
//! with heartbeats three times as often; JetStream's ack wait is the whole. Kafka has two partitions, one for each
//! worker, and records without keys. JetStream's stream has limits retention and one durable pull consumer; its server
//! syncs before it answers, and its workers acknowledge without asking for a word back.
//!
//! Added here is what happens to a process from outside: killed, its memory is gone, and its operating system closes
//! its connections. RabbitMQ takes that as its end (AMQP 0-9-1: what was not acknowledged on a closed channel is
//! requeued); for Kafka's coordinator and for JetStream it means nothing. A supervisor starts the process again.
//!
//! # Simplified here
//!
//! - Each lane has one broker, and nothing is replicated.
//! - A power cut takes what reached RabbitMQ's classic queue and Kafka's log within its last 30 s, which is when Linux
//!   writes back by itself. JetStream loses nothing: it is set to sync before it answers, which is not its default.
//! - Kafka's committed offsets are not lost in a power cut, as far as the log still reaches.
//! - A worker takes one order at a time, and one value stands for each broker's patience with a silent worker.
//! - What RabbitMQ, Kafka and JetStream leave out on their own pages is left out here as well.

mod catalogue;
mod jetstream_lane;
mod kafka_lane;
pub mod promises;
mod rabbit_lane;

pub use catalogue::*;

use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::{Rule, RuleSet};
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros, SEC, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::{Place, World};
use crate::sim::measure::metrics::{Metric, MetricId, Metrics};
use crate::systems::messaging::jetstream::{self, JetStream};
use crate::systems::messaging::kafka::{self, Kafka};
use crate::systems::messaging::rabbitmq::{self, RabbitMq};

/// The system. See the module's header.
pub struct Brokers;

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    RabbitMq,
    Kafka,
    JetStream,
}

impl Lane {
    /// All of them, in their order.
    pub const ALL: [Lane; 3] = [Lane::RabbitMq, Lane::Kafka, Lane::JetStream];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Lane::RabbitMq => "RabbitMQ",
            Lane::Kafka => "Kafka",
            Lane::JetStream => "JetStream",
        }
    }
}

/// Nodes of a lane: a shop, a broker, two workers.
const NODES: usize = 4;
/// Workers of a lane.
pub const WORKERS: usize = 2;
/// How long a message takes between any two nodes.
pub const LATENCY: Micros = 2 * MS;
/// How long it takes until a killed process is started again.
pub const RESPAWN: Micros = 4 * SEC;
/// How often a shop without orders looks for a rate.
const IDLE: Micros = SEC / 2;

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Rabbit(rabbitmq::Disk),
    Kafka(kafka::Disk),
    Jet(jetstream::Disk),
}

/// What does not, as the node's own system has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Rabbit(rabbitmq::Memory),
    Kafka(kafka::Memory),
    Jet(jetstream::Memory),
}

/// What does not survive a crash: `None` while the process is killed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub state: Option<State>,
    /// The order at work, if its acknowledgement is to come after the work: the rule may have been switched since.
    owed: Option<u32>,
}

/// What nodes of a lane send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Rabbit(rabbitmq::Method),
    Kafka(kafka::Message),
    Jet(jetstream::Message),
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Rabbit(rabbitmq::Timer),
    Kafka(kafka::Timer),
    Jet(jetstream::Timer),
    /// A shop's next order.
    Load,
    /// A killed process is started again.
    Respawn,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A shop considers an order safe.
    Confirmed { lane: Lane, id: u32 },
    /// A broker has taken an order in: a queue, a partition, a stream has it once more.
    Stored { lane: Lane, id: u32 },
    /// A worker has worked an order, so long after it was given.
    Worked { lane: Lane, id: u32, took: Micros },
    /// A broker has given up on a worker, or on an order that a worker has.
    Noticed { lane: Lane },
    /// A worker's process was killed, or is there again.
    Killed { lane: Lane, worker: u8, gone: bool },
}

/// What a node is asked, or what happens to it, in words that fit every lane.
enum Asked {
    Message { from: NodeId, message: Message },
    Timer(Timer),
    Publish(i64),
    Replay,
}

/// The lanes of a world: all, or the one that is looked at alone.
pub fn lanes(settings: &Settings) -> Vec<Lane> {
    match Lane::ALL.get((settings.amount(LANES) as usize).wrapping_sub(1)) {
        Some(lane) => vec![*lane],
        None => Lane::ALL.to_vec(),
    }
}

/// The lane of a node, and which node of the lane's own system it is.
pub fn inner(settings: &Settings, node: NodeId) -> (Lane, NodeId) {
    let lane = lanes(settings).get(node.index() / NODES).copied().unwrap_or(Lane::RabbitMq);
    (lane, NodeId::from(node.index() % NODES))
}

/// The node that is this one of a lane's own system.
fn outer(settings: &Settings, lane: Lane, node: NodeId) -> NodeId {
    let at = lanes(settings).iter().position(|known| *known == lane).unwrap_or(0);
    NodeId::from(at * NODES + node.index())
}

/// The node that orders are put in at.
pub fn shop(settings: &Settings, lane: Lane) -> NodeId {
    outer(settings, lane, NodeId(u16::from(lane == Lane::Kafka)))
}

/// The broker of a lane.
pub fn broker(settings: &Settings, lane: Lane) -> NodeId {
    outer(settings, lane, NodeId(u16::from(lane != Lane::Kafka)))
}

/// A worker of a lane, from 0.
pub fn worker(settings: &Settings, lane: Lane, at: usize) -> NodeId {
    outer(settings, lane, NodeId::from(NODES - WORKERS + at.min(WORKERS - 1)))
}

/// What a node's lane puts around its handler.
fn place<S: System>(
    context: &Context<Brokers>,
    lane: Lane,
    (settings, rules): (Settings, RuleSet),
    outer_timer: fn(S::Timer) -> Timer,
    inner_timer: fn(Timer) -> Option<S::Timer>,
) -> Place<Brokers, S> {
    let first = outer(context.settings(), lane, NodeId(0));
    Place { first, settings: Rc::new(settings), rules, outer: outer_timer, inner: inner_timer }
}

/// The settings of a lane's own system, with these turned.
fn turned(list: &[Setting], values: &[(crate::sim::declare::settings::SettingId, i64)]) -> Settings {
    let mut settings = Settings::defaults(list);
    values.iter().for_each(|(id, value)| settings.set(*id, *value));
    settings
}

/// How long what an inner handler has measured took, if it measured that.
fn measured(metrics: &Metrics, metric: MetricId) -> Micros {
    let windows = metrics.of(metric).map(|(_, series)| series.merged(0));
    let (count, sum) = windows.fold((0, 0), |(count, sum), window| (count + window.count, sum + window.sum));
    sum.checked_div(count).unwrap_or(0)
}

/// An order was worked.
fn worked(context: &mut Context<Brokers>, lane: Lane, id: u32, took: Micros) {
    context.count(WORKED, lane as u16, 1);
    context.observe(UNTIL_WORKED, lane as u16, took);
    context.note(Note::Worked { lane, id, took });
}

/// The period of the load; `None` without one.
fn period(settings: &Settings) -> Option<Micros> {
    SEC.checked_div(settings.amount(RATE))
}

fn await_order(context: &mut Context<Brokers>) {
    let delay = period(context.settings()).map_or(IDLE, |period| period - context.now() % period);
    context.set_timer(Timer::Load, delay);
}

impl Memory {
    fn pass(&mut self, disk: &mut Disk, asked: Asked, context: &mut Context<Brokers>) {
        let before = self.state.as_ref().and_then(promises::order_of);
        let is_done =
            matches!(asked, Asked::Timer(Timer::Rabbit(rabbitmq::Timer::Done) | Timer::Jet(jetstream::Timer::Done)));
        let after = context.rule(ACK_AFTER) || (is_done && before.is_some() && before == self.owed);
        match (&mut self.state, disk) {
            (Some(State::Rabbit(memory)), Disk::Rabbit(disk)) => {
                rabbit_lane::handle(disk, memory, asked, after, context);
            }
            (Some(State::Kafka(memory)), Disk::Kafka(disk)) => kafka_lane::handle(disk, memory, asked, context),
            (Some(State::Jet(memory)), Disk::Jet(disk)) => jetstream_lane::handle(disk, memory, asked, after, context),
            _ => context.why(|_| "The process is gone: nobody reads this.".to_owned()),
        }
        let now = self.state.as_ref().and_then(promises::order_of);
        if now != before {
            self.owed = now.filter(|_| context.rule(ACK_AFTER));
        }
    }

    /// Ends a worker's process: all it had in memory is gone.
    fn kill(&mut self, disk: &Disk, context: &mut Context<Brokers>) {
        let (lane, node) = inner(context.settings(), context.me());
        self.owed = None;
        if self.state.take().is_none() {
            return context.why(|_| "The process is gone already.".to_owned());
        }
        context.why(|_| match lane {
            Lane::RabbitMq => {
                "The process is killed. Its operating system closes the connection to RabbitMQ.".to_owned()
            }
            _ => format!("The process is killed. That its connection closes says nothing to {}.", lane.title()),
        });
        match disk {
            Disk::Rabbit(disk) => rabbit_lane::end(disk, context),
            Disk::Kafka(_) => kafka_lane::end(context),
            Disk::Jet(_) => jetstream_lane::end(context),
        }
        context.set_timer(Timer::Respawn, RESPAWN);
        let worker = node.index().saturating_sub(NODES - WORKERS) as u8;
        context.note(Note::Killed { lane, worker, gone: true });
    }

    fn respawn(&mut self, disk: &Disk, context: &mut Context<Brokers>) {
        let (lane, node) = inner(context.settings(), context.me());
        if self.state.is_some() {
            return context.why(|_| "The process runs already.".to_owned());
        }
        context.why(|_| "The supervisor starts the process again.".to_owned());
        self.state = Some(start(disk, context));
        let worker = node.index().saturating_sub(NODES - WORKERS) as u8;
        context.note(Note::Killed { lane, worker, gone: false });
    }
}

/// A process starts.
fn start(disk: &Disk, context: &mut Context<Brokers>) -> State {
    match disk {
        Disk::Rabbit(disk) => State::Rabbit(rabbit_lane::boot(disk, context)),
        Disk::Kafka(disk) => State::Kafka(kafka_lane::boot(disk, context)),
        Disk::Jet(disk) => State::Jet(jetstream_lane::boot(disk, context)),
    }
}

impl System for Brokers {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "RabbitMQ, Kafka, JetStream";
    const RULES: &'static [Rule] = catalogue::RULES;
    const SETTINGS: &'static [Setting] = catalogue::SETTINGS;
    const COMMANDS: &'static [Command] = catalogue::COMMANDS;
    const METRICS: &'static [Metric] = catalogue::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        lanes(settings).len() * NODES
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let (lane, of) = inner(settings, node);
        let letter = &lane.title()[..1];
        match of.index() {
            _ if node == broker(settings, lane) => lane.title().to_owned(),
            _ if node == shop(settings, lane) => format!("shop {letter}"),
            at => format!("worker {letter}{}", (at + 1 + WORKERS).saturating_sub(NODES)),
        }
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        let (lane, node) = inner(settings, node);
        match lane {
            Lane::RabbitMq => Disk::Rabbit(RabbitMq::blank_disk(&rabbit_lane::settings(settings), node)),
            Lane::Kafka => Disk::Kafka(Kafka::blank_disk(&kafka_lane::settings(settings, true), node)),
            Lane::JetStream => Disk::Jet(JetStream::blank_disk(&jetstream_lane::settings(settings), node)),
        }
    }

    fn lose_power(disk: &mut Disk, settings: &Settings, now: Time, torn: Option<u32>) {
        match disk {
            Disk::Rabbit(disk) => RabbitMq::lose_power(disk, &rabbit_lane::settings(settings), now, torn),
            Disk::Kafka(disk) => kafka_lane::lose_power(disk, now, torn),
            Disk::Jet(disk) => JetStream::lose_power(disk, &jetstream_lane::settings(settings), now, torn),
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let (lane, _) = inner(context.settings(), context.me());
        if context.me() == shop(context.settings(), lane) {
            await_order(context);
        }
        Memory { state: Some(start(disk, context)), owed: None }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match event {
            Event::Timer(Timer::Respawn) => memory.respawn(disk, context),
            Event::Timer(Timer::Load) => {
                await_order(context);
                match context.settings().is_on(RATE) {
                    true => memory.pass(disk, Asked::Publish(1), context),
                    false => context.why(|_| "Nobody orders anything: the rate is 0.".to_owned()),
                }
            }
            Event::Timer(timer) => memory.pass(disk, Asked::Timer(timer), context),
            Event::Message { from, message } => memory.pass(disk, Asked::Message { from, message }, context),
            Event::Command(call) => match call.command {
                PUBLISH => memory.pass(disk, Asked::Publish(call.value(1).clamp(1, 20)), context),
                REPLAY => memory.pass(disk, Asked::Replay, context),
                _ => memory.kill(disk, context),
            },
        }
    }

    fn outside(world: &World<Self>, promise: &str) -> Option<&'static str> {
        promises::outside(world, promise)
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let settings = world.settings();
        let lane = *Lane::ALL.get(call.value(0).max(0) as usize)?;
        let at = (call.value(1).max(1) - 1) as usize;
        let node = match (call.command, lane) {
            (PUBLISH, _) => shop(settings, lane),
            (REPLAY, Lane::RabbitMq | Lane::JetStream) => broker(settings, lane),
            _ => worker(settings, lane, at),
        };
        (lanes(settings).contains(&lane) && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match message {
            Message::Rabbit(method) => RabbitMq::describe_message(&rabbit_lane::settings(settings), method),
            Message::Kafka(message) => Kafka::describe_message(&kafka_lane::settings(settings, true), message),
            Message::Jet(message) => JetStream::describe_message(&jetstream_lane::settings(settings), message),
        }
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Rabbit(timer) => RabbitMq::describe_timer(&rabbit_lane::settings(settings), timer),
            Timer::Kafka(timer) => Kafka::describe_timer(&kafka_lane::settings(settings, true), timer),
            Timer::Jet(timer) => JetStream::describe_timer(&jetstream_lane::settings(settings), timer),
            Timer::Load => "the next order".to_owned(),
            Timer::Respawn => "the process starts again".to_owned(),
        }
    }
}
