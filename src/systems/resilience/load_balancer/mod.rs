//! A load balancer before servers of different speed.
//!
//! The policies are those of [`crate::mechanisms::balancer`]; retries and time-outs are those of a proxy such as nginx
//! (`proxy_next_upstream`); active health checks are those of HAProxy (`inter`, `fall 2`, `rise 1`). A server works on
//! one request at a time and queues the rest.
//!
//! # Simplified here
//!
//! - A request is one message. Connections and keep-alive are left out.
//! - There is one balancer. Several, each of which knows only its own counts, are left out.
//! - No server fails fast. In reality one that answers with errors at once has few requests open, looks idle, and
//!   draws more and more of them.
//! - A server is taken out for missed health checks, never for its errors (Envoy's outlier detection).
//! - A server works on one request at a time and lets 60 wait in line. What comes when the line is full it refuses,
//!   and the balancer tries another.

mod balancer;
mod ends;
pub mod promises;

use litemap::LiteMap;

use crate::mechanisms::balancer::{Ring, SmoothRoundRobin};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, Unit, count, micros, per_second, slider};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::systems::parts::calls::Calls;
use crate::systems::parts::cast::{Cast, Role};
use crate::systems::parts::open_loop::Keys;
use crate::systems::parts::station::Station;
use crate::{commands, metrics, purposes, rules, settings};

/// The system.
pub struct LoadBalancer;

rules! {
    /// A server that does not answer its health checks gets no requests.
    HEALTH = "health-checks", "Health checks",
        "A server that misses two checks in a row gets no requests. Off: every server gets its share, dead or alive.";
    /// A request that got no answer is tried on another server.
    RETRY = "retry-elsewhere", "Try another server",
        "A request without an answer is tried on another server. Off: the client is told that it failed.";
    /// A request that timed out no longer counts as open.
    RELEASE = "release-on-time-out", "A time-out closes the request",
        "An attempt that times out no longer counts as open. Off: it counts for ever, and the server looks busy.";
}

settings! {
    SERVERS = "servers", "Servers", count(2, 6), 4, AtStart,
        "Behind the balancer.";
    POLICY = "policy", "Policy", Control::Choice(POLICIES), 0, Live,
        "How the balancer chooses a server.";
    /// Requests a second.
    RATE = "rate", "Requests", per_second(0, 400, 5), 100, Live,
        "How many a second, on average.";
    /// Mean time a normal server works on a request, in microseconds.
    SERVICE = "service", "Work on a request", micros(1_000, 100_000, 1_000), 20_000, Live,
        "On average, at a normal server.";
    /// How many times as long server 1 takes.
    SLOW = "slow-server", "Server 1 is slower", count(1, 20), 3, Live,
        "It takes this many times as long as the others.";
    /// Time between health checks, in microseconds.
    INTERVAL = "check-interval", "Health check interval", micros(50_000, 2_000_000, 50_000), 250_000, Live,
        "Two missed checks take a server out.";
    /// How long a try may take, in microseconds.
    TIMEOUT = "time-out", "Time-out of an attempt", micros(100_000, 5_000_000, 100_000), 1_000_000, Live,
        "After this long the balancer tries another server.";
}

metrics! {
    /// Seen by the client; the subject is the policy.
    LATENCY = "latency", "Latency", Latency;
    /// Requests answered; the subject is the server.
    SERVED = "served", "Answered", Counter;
    /// Requests queued; the subject is the server.
    QUEUE = "queue", "Queued", Gauge;
    /// Tries that timed out.
    TIMEOUTS = "time-outs", "Time-outs", Counter;
    /// How requests end; the subject is an outcome. In time: within the time-out of an attempt.
    OUTCOMES = "outcomes", "Requests", Counter;
}

pub const CLIENT: NodeId = NodeId(0);
pub const BALANCER: NodeId = NodeId(1);
/// The first server: the slow one.
pub const FIRST: usize = 2;

/// Who is which node: the clients, as one; the balancer; the servers.
const CAST: Cast = Cast(&[Role::one("clients"), Role::one("balancer"), Role::many("server", server_count)]);

/// The policies, in the order of their setting.
pub const POLICIES: &[&str] =
    &["round robin", "weighted", "least connections", "two choices", "random", "consistent hash"];
/// Between any two nodes, each way.
pub const HOP: Time = MS;
/// The most tries of a request.
pub const MOST_TRIES: u32 = 6;

purposes! {
    ARRIVALS;
    KEYS;
    WORK;
    CHOICE;
}

/// Number of a request, counted by the client.
pub type Id = u32;

/// A request that the balancer has passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    pub key: u16,
    pub server: u16,
    /// Servers tried so far, a bit each.
    pub tried: u64,
    pub tries: u32,
}

/// What the balancer knows of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// Requests passed on and not answered.
    pub open: u32,
    /// Health checks missed in a row; more than take a server out are not counted.
    pub missed: u8,
}

/// What does not survive a crash. Nothing here is on disk but the client's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Client { sent: Calls<()>, keys: Keys },
    Balancer { open: LiteMap<Id, Open>, servers: Vec<Known>, robin: SmoothRoundRobin, ring: Ring },
    Server { queue: Station<(Id, u16)> },
}

/// What nodes send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Request {
        id: Id,
        key: u16,
    },
    Response {
        id: Id,
    },
    /// The server's queue is full.
    Busy {
        id: Id,
    },
    /// Every try failed.
    Failed {
        id: Id,
    },
    Check,
    Healthy,
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Arrival,
    /// A try has taken too long.
    Overdue(Id),
    /// Time for the next health checks.
    Checks,
    /// A server is done with a request.
    Done,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A request was passed on to a server.
    Passed { server: NodeId },
    /// A request was abandoned.
    GivenUp { id: Id, tried: u64 },
}

/// How many servers there are.
pub fn server_count(settings: &Settings) -> usize {
    settings.amount(SERVERS).clamp(2, 6) as usize
}

/// Weights as an operator would set them: a slow server gets its share, at least 1 of 20.
pub fn weights(settings: &Settings) -> Vec<i64> {
    let slow = settings.amount(SLOW).clamp(1, 20) as i64;
    (0..server_count(settings)).map(|server| if server == 0 { (20 / slow).max(1) } else { 20 }).collect()
}

commands! {
    BURST = "burst", "Burst", "Send {0 request} at once",
        "This many requests at once.",
        [field("requests", slider(1, 100, 1, Unit::Count), 30)];
}

impl System for LoadBalancer {
    type Disk = Id;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Load balancer";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        CAST.nodes(settings)
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        CAST.name(settings, node)
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(HOP))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Id {
        0
    }

    fn boot(_: &Id, context: &mut Context<Self>) -> Memory {
        match context.me() {
            CLIENT => {
                ends::REQUESTS.arm(Timer::Arrival, context);
                Memory::Client { sent: Calls::default(), keys: Keys::default() }
            }
            BALANCER => balancer::boot(context),
            _ => Memory::Server { queue: Station::default() },
        }
    }

    fn handle(last: &mut Id, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Client { sent, keys } => ends::Client { last, sent, keys, context }.handle(event),
            Memory::Server { queue } => ends::Server { queue, context }.handle(event),
            Memory::Balancer { open, servers, robin, ring } => {
                balancer::Balancer { open, servers, robin, ring, context }.handle(event);
            }
        }
    }

    fn route(world: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        world.kernel().node(CLIENT).up.then_some(CLIENT)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::Request { id, .. } => format!("request {id}"),
            Message::Response { id } => format!("the answer to request {id}"),
            Message::Busy { id } => format!("\"too busy for request {id}\""),
            Message::Failed { id } => format!("\"request {id} failed\""),
            Message::Check => "a health check".to_owned(),
            Message::Healthy => "\"healthy\"".to_owned(),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "the next request".to_owned(),
            Timer::Overdue(id) => format!("no answer to {id} in time"),
            Timer::Checks => "time for health checks".to_owned(),
            Timer::Done => "a request is done".to_owned(),
        }
    }
}
