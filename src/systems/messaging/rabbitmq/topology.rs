//! What is declared on the broker: four small topologies, one for each kind of scenario.

use super::exchange::{self, Binding};
use super::message::{Envelope, QueueId};
use super::queue::{Arguments, DeadLetter, Overflow};
use super::{DELIVERY_LIMIT, LONGEST_QUEUE, MAX_PRIORITY, RETRIES, TOPOLOGY, WORKERS};
use crate::mechanisms::topic::XMatch;
use crate::sim::declare::settings::Settings;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One queue with priorities, competing workers.
    Tasks,
    /// Four queues bound to exchanges of all types.
    Routing,
    /// A fanout exchange with a queue for each service.
    Fanout,
    /// A task queue with a dead-letter exchange, waiting queues and a parking lot.
    Retries,
}

/// Names of the values of [`TOPOLOGY`].
pub const NAMES: [&str; 4] = ["task queue", "routing", "fan-out", "retries"];

/// The queues of [`Topology::Routing`], each with a consumer of its name.
pub const DESKS: [&str; 4] = ["orders", "europe", "alerts", "audit"];
/// The queues of [`Topology::Fanout`], each with a service of its name.
pub const SERVICES: [&str; 5] = ["billing", "shipping", "search", "email", "reports"];
/// The queues of [`Topology::Retries`].
pub const LOTS: [&str; 5] = ["tasks", "wait 1", "wait 2", "wait 3", "parked"];

/// The parking lot of [`Topology::Retries`].
pub const PARKED: QueueId = 4;
/// The most retries: one waiting queue for each.
pub const MOST_RETRIES: u8 = 3;

/// What the rules say of declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Queues are durable.
    pub durable: bool,
    /// A service's queue outlives its connection. Off: it is exclusive.
    pub outlives: bool,
    /// Each service has a queue. Off: all consume from the first one.
    pub queue_each: bool,
}

/// The topology of a run.
pub fn of(settings: &Settings) -> Topology {
    match settings.get(TOPOLOGY) {
        1 => Topology::Routing,
        2 => Topology::Fanout,
        3 => Topology::Retries,
        _ => Topology::Tasks,
    }
}

/// How many consumers there are.
pub fn consumers(settings: &Settings) -> usize {
    match of(settings) {
        Topology::Routing => DESKS.len(),
        Topology::Fanout => settings.amount(super::SERVICES).clamp(2, SERVICES.len() as u64) as usize,
        Topology::Tasks | Topology::Retries => settings.amount(WORKERS).clamp(1, 6) as usize,
    }
}

/// The queues, with what they are declared with.
pub fn queues(settings: &Settings, declared: Declared) -> Vec<(QueueId, &'static str, Arguments)> {
    let bounded = Arguments {
        durable: declared.durable,
        max_length: Some(LONGEST_QUEUE as u32),
        overflow: Overflow::RejectPublish,
        ..Arguments::CLASSIC
    };
    let each = |names: &[&'static str], arguments: Arguments| {
        (0u8..).zip(names).map(|(id, name)| (id, *name, arguments)).collect::<Vec<_>>()
    };
    match of(settings) {
        Topology::Tasks => each(&["tasks"], Arguments { max_priority: Some(MAX_PRIORITY), ..bounded }),
        Topology::Routing => each(&DESKS, bounded),
        Topology::Fanout => {
            let exclusive = !declared.outlives;
            let count = if declared.queue_each { consumers(settings) } else { 1 };
            each(&SERVICES[..count], Arguments { exclusive, ..bounded })
        }
        Topology::Retries => retry_queues(settings),
    }
}

fn retry_queues(settings: &Settings) -> Vec<(QueueId, &'static str, Arguments)> {
    let dead_letter = |exchange, key| Some(DeadLetter { exchange, key: Some(key) });
    let limit = settings.amount(DELIVERY_LIMIT).min(100) as u32;
    let tasks = Arguments {
        max_length: Some(LONGEST_QUEUE as u32),
        overflow: Overflow::RejectPublish,
        dead_letter: dead_letter(exchange::DEAD, LOTS[usize::from(PARKED)]),
        delivery_limit: Some(limit),
        ..Arguments::QUORUM
    };
    let wait = Arguments {
        overflow: Overflow::RejectPublish,
        dead_letter: dead_letter(exchange::DEFAULT, LOTS[0]),
        ..Arguments::QUORUM
    };
    let parked = Arguments { max_length: Some(LONGEST_QUEUE as u32), ..Arguments::QUORUM };
    let arguments = [tasks, wait, wait, wait, parked];
    (0u8..).zip(LOTS).zip(arguments).map(|((id, name), arguments)| (id, name, arguments)).collect()
}

/// How often a failed task is tried again.
pub fn retries(settings: &Settings) -> u8 {
    settings.amount(RETRIES).min(u64::from(MOST_RETRIES)) as u8
}

/// The bindings.
pub fn bindings(settings: &Settings, declared: Declared) -> Vec<Binding> {
    match of(settings) {
        Topology::Tasks => Vec::new(),
        Topology::Routing => desk_bindings(),
        Topology::Fanout => {
            let queues = queues(settings, declared);
            queues.iter().map(|queue| Binding::new(exchange::FANOUT, queue.0, "")).collect()
        }
        Topology::Retries => vec![Binding::new(exchange::DEAD, PARKED, LOTS[usize::from(PARKED)])],
    }
}

fn desk_bindings() -> Vec<Binding> {
    let topic = |queue, key| Binding::new(exchange::TOPIC, queue, key);
    vec![
        topic(0, "orders.#"),
        topic(1, "*.eu.*"),
        topic(1, "orders.eu.#"),
        topic(2, "#.failed"),
        topic(3, "#"),
        Binding::new(exchange::DIRECT, 2, "failed"),
        Binding::new(exchange::FANOUT, 0, ""),
        Binding::new(exchange::FANOUT, 3, ""),
        Binding::of_headers(1, XMatch::All, &[("region", Some("eu")), ("vip", Some("yes"))]),
        Binding::of_headers(2, XMatch::Any, &[("region", Some("us")), ("vip", Some("yes"))]),
    ]
}

/// The queues that the consumer of a number, from 0, consumes from.
pub fn consumes(settings: &Settings, declared: Declared, consumer: usize) -> Vec<QueueId> {
    let own = consumer.min(usize::from(u8::MAX)) as u8;
    match of(settings) {
        Topology::Tasks | Topology::Retries => vec![0],
        Topology::Routing => vec![own],
        Topology::Fanout if declared.queue_each => vec![own],
        // What its own queue still holds from before is its as well.
        Topology::Fanout if own > 0 => vec![0, own],
        Topology::Fanout => vec![0],
    }
}

/// Where the publisher publishes what it is not told otherwise.
pub fn address(topology: Topology) -> Envelope {
    let (exchange, key) = match topology {
        Topology::Fanout => (exchange::FANOUT, ""),
        _ => (exchange::DEFAULT, "tasks"),
    };
    Envelope { exchange, key: key.to_owned(), headers: Vec::new() }
}
