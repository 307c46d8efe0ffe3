//! NATS core: a server that keeps nothing, subscriptions by subject, queue groups, request-reply.
//!
//! Follows nats-server 2.10 and later and the client nats.go (docs.nats.io: "Core NATS", "Queue Groups",
//! "Request-Reply", "Slow Consumers"; ADR-4 headers, ADR-47 request many; `server/client.go`): one copy for each
//! matching subscription and one for each queue group; nothing kept for those who are away; a 503 to the requester
//! when nobody listens; a connection is cut off when more than `max_pending` waits to be written to it or a write
//! takes longer than `write_deadline`; PING after each interval, two unanswered at most; clients reconnect after 2 s
//! and restore their subscriptions; what is published while away waits in the client's reconnect buffer. One
//! subscriber's link takes one message at a time, slowly.
//!
//! # Simplified here
//!
//! - There is one server. Clusters, leaf nodes and accounts are left out.
//! - CONNECT, the subscriptions and the first PING travel as one message, which the protocol allows.
//! - What waits for a slow subscriber is counted in messages, not in bytes.
//! - A crash is that of a machine: nobody closes its connections, so the other side notices only by a PING that is not
//!   answered.
//! - A queue group's member is picked by the message's number. That is as good as random, and the same in every run.
//! - What a client library queues for each of its subscriptions has no limit here, and connections are not drained
//!   before they close.

mod caller;
mod client;
mod member;
pub mod promises;
mod publisher;
mod server;
mod words;

use litemap::LiteMap;
use std::borrow::Cow;
use std::rc::Rc;

pub use words::{ASK_ALL, PUBLISH, REQUEST, SUBSCRIBE};

use crate::mechanisms::subjects;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, SEC, Time};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{metrics, purposes, rules, settings};

/// The system.
pub struct Nats;

rules! {
    /// One member of a queue group gets a message.
    ONE_PER_GROUP = "one-per-group", "One copy per queue group",
        "The server picks one member of a queue group for each message. Off: every member gets a copy.";
    /// The publisher sends a message once.
    SEND_ONCE = "send-once", "Send once",
        "The publisher forgets what it has sent. Off: after reconnecting it resends whatever it is unsure about.";
    /// Subscriptions are restored once after a reconnection.
    RESTORE_ONCE = "restore-once", "Restore subscriptions once",
        "The client library restores subscriptions after reconnecting. Off: the application subscribes again as well.";
    /// A connection with too much pending is cut off.
    CUT_SLOW = "cut-off-slow", "Cut off slow consumers",
        "A connection with more pending than allowed is closed. Off: the server keeps buffering it all.";
    /// A request that nobody listens to is answered with 503.
    NO_RESPONDERS = "no-responders", "Say that nobody listens",
        "A request without a subscriber is answered with status 503. Off: it is dropped silently.";
    /// Each request has a reply subject of its own.
    OWN_INBOX = "own-inbox", "An inbox for each request",
        "Each request has a reply subject of its own. Off: all requests of a caller share one.";
    /// A request ends after its time-out.
    GIVE_UP = "give-up", "Give up after the time-out",
        "A request without an answer ends when its time is up. Off: the caller waits for ever.";
}

settings! {
    /// Whether subjects are published (0) or services are asked (1).
    SCENE = "scene", "Scene", Control::Choice(&["subjects", "services"]), 0, AtStart,
        "Subjects that are published on, or services that are asked.";
    /// Subscribers or responders.
    MEMBERS = "members", "Clients beside it", count(1, 5), 5, AtStart,
        "How many subscribers or workers there are.";
    /// Messages or requests a second, Poisson.
    RATE = "rate", "Sent", per_second(0, 100, 1), 10, Live,
        "Messages or requests a second, on average.";
    /// One-way latency, in microseconds.
    LATENCY = "latency", "Latency", micros(50, 5_000, 50), 300, Live,
        "One way, between a client and the server.";
    /// How long the slow subscriber's link takes for a message, in microseconds.
    SLOW = "slow-link", "The log's link takes a message in", micros(1_000, 1_000_000, 1_000), 150_000, Live,
        "Whatever is sent faster waits in the server.";
    /// Messages that may wait to be written to a connection. nats-server: 64 MiB.
    MAX_PENDING = "max-pending", "Most pending for a connection", count(1, 50), 10, Live,
        "In messages here; nats-server counts bytes, 64 MiB by default.";
    /// How long a write may take, in microseconds. nats-server: 10 s.
    DEADLINE = "write-deadline", "Write deadline", micros(100_000, 20_000_000, 100_000), 10_000_000, Live,
        "A write that takes longer closes the connection. 10 s is nats-server's default.";
    /// Between two PINGs, in microseconds. nats-server: 2 min.
    PING = "ping-interval", "PING interval", micros(200_000, 10_000_000, 100_000), 1_000_000, Live,
        "Two unanswered PINGs and the connection is stale. Scaled down: the default is 2 min.";
    /// How long a caller waits for an answer, in microseconds.
    TIMEOUT = "timeout", "Time-out of a request", micros(50_000, 2_000_000, 50_000), 400_000, Live,
        "The caller chooses it with each request; there is no default.";
    /// How long a responder works on a request, on average, in microseconds.
    WORK = "work", "Work on a request", micros(5_000, 500_000, 5_000), 60_000, Live,
        "On average; lengths are exponential.";
}

metrics! {
    /// From publishing to the handling by a subscriber.
    DELIVERY = "delivery", "From publish to handler", Latency;
    /// Messages that a subscriber asked for.
    WANTED = "wanted", "Asked for", Counter;
    /// Messages that a subscriber has handled.
    HANDLED = "handled", "Handled", Counter;
    /// Waits to be written to a connection.
    PENDING = "pending", "Pending", Gauge;
    /// Connections cut off.
    CUT_OFF = "cut-off", "Cut off", Counter;
    /// From a request to its answer.
    ANSWERED = "answered", "From request to answer", Latency;
    /// Requests that ended without an answer: 503 (subject 0) or time-out (1).
    UNANSWERED = "unanswered", "Unanswered", Counter;
}

pub const SERVER: NodeId = NodeId(0);
/// The publisher, or the caller.
pub const ASKER: NodeId = NodeId(1);
/// The first subscriber (the slow one) or responder.
pub const FIRST: usize = 2;

/// Unanswered PINGs after which a connection is stale.
pub const MAX_PINGS: u8 = 2;
/// nats.go's DefaultReconnectWait.
pub const RECONNECT_WAIT: Time = 2 * SEC;
/// What the server's memory takes for one connection when nothing cuts it off.
pub const MEMORY: usize = 300;

purposes! {
    ARRIVALS;
    TOPIC;
    LENGTHS;
    JITTER;
}

/// Subjects and patterns of the two scenes.
pub const TOPICS: [&str; 7] =
    ["temp.kitchen", "temp.hall", "temp.roof.east", "temp.*", "temp.>", "price.get", "status.get"];
/// The topics that are published on: the first this many.
pub const PUBLISHED: u8 = 3;
pub const PRICE: Subject = Subject::Topic(5);
pub const STATUS: Subject = Subject::Topic(6);

/// A subject or a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// One of [`TOPICS`].
    Topic(u8),
    /// The reply subject of a client's request.
    Inbox(u16, u32),
    /// All inboxes of a client: `_INBOX.1.*`.
    Inboxes(u16),
}

impl Subject {
    /// As it is written.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            Subject::Topic(index) => Cow::Borrowed(TOPICS[usize::from(index) % TOPICS.len()]),
            Subject::Inbox(client, request) => Cow::Owned(format!("_INBOX.{client}.{request}")),
            Subject::Inboxes(client) => Cow::Owned(format!("_INBOX.{client}.*")),
        }
    }

    /// Whether a message published on this subject goes to a subscription of that pattern.
    pub fn matches(self, pattern: Subject) -> bool {
        subjects::matches(&self.text(), &pattern.text())
    }
}

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sub {
    /// Its number on its connection.
    pub sid: u8,
    /// What it asks for.
    pub pattern: Subject,
    /// In the scene's queue group.
    pub group: bool,
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Payload {
    /// Number of the message or request; an answer has its request's.
    pub id: u32,
    pub subject: Subject,
    /// Where the answer goes.
    pub reply: Option<Subject>,
    /// When it was published, on the publisher's clock.
    pub published: Time,
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Number of the last connection.
    pub connections: u32,
    /// Number of the last message or request.
    pub published: u32,
}

/// A connection as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Its number, counted by the client.
    pub number: u32,
    /// Sorted by sid.
    pub subs: Vec<Sub>,
    /// To be written, oldest first.
    pub pending: Vec<Message>,
    /// How many of them are in the write that is under way.
    pub batch: u16,
    /// How many might wait when the last one was added.
    pub allowed: u16,
    /// PINGs that were not answered.
    pub pings: u8,
}

/// How a client stands to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has no connection and waits to open one.
    Away,
    /// It has opened one and was not answered yet.
    Connecting,
    /// It has one.
    Connected,
}

/// A request that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub id: u32,
    /// Answers are gathered from all.
    pub gather: bool,
    /// Answers so far.
    pub answers: u8,
    /// When it was sent.
    pub sent: Time,
}

/// What a client is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `doubt`: sent since the last PONG. Kept only by a publisher that would send again.
    Publisher { doubt: Vec<Payload> },
    /// A subscriber that handles messages as they come.
    Subscriber,
    /// Sends requests.
    Caller { open: Vec<Request> },
    /// Works on one request after the other.
    Responder { jobs: Vec<Payload> },
}

/// A client's memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub phase: Phase,
    /// Its subscriptions, on any connection.
    pub subs: Vec<Sub>,
    /// Published while it was away: the reconnect buffer.
    pub waiting: Vec<Payload>,
    /// PINGs that were not answered.
    pub pings: u8,
    /// It was connected before: this is a reconnection.
    pub before: bool,
    pub role: Role,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Server { connections: LiteMap<NodeId, Connection> },
    Client(Client),
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A new TCP connection: CONNECT, the client's subscriptions, and PING, in one go.
    Connect { connection: u32, subs: Rc<[Sub]> },
    /// SUB
    Sub { connection: u32, sub: Sub },
    /// PUB
    Pub { connection: u32, payload: Payload },
    /// MSG
    Msg { connection: u32, sid: u8, payload: Payload },
    /// HMSG with `NATS/1.0 503` on a reply subject.
    NoResponders { connection: u32, request: u32 },
    /// PING
    Ping { connection: u32 },
    /// PONG
    Pong { connection: u32 },
    /// The connection is closed, after an -ERR or a reset.
    Close { connection: u32 },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The next message or request.
    Arrival,
    /// Time to connect, or to give up a connection attempt.
    Connect,
    /// Time for a PING.
    Ping,
    /// The slow link has taken a message of this client.
    Write(NodeId),
    /// A write to this client has taken too long.
    Deadline(NodeId),
    /// A request has waited long enough.
    Timeout(u32),
    /// The work on a request is done.
    Done,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A subscriber handled a message that this pattern of its asked for.
    Handled { id: u32, node: NodeId, pattern: Subject, group: bool },
    /// A responder worked on a request of which one answer is wanted.
    Worked { request: u32, node: NodeId },
    /// A caller took an answer for a request's.
    Answered { request: u32, answer: u32 },
    /// The server had a request that nobody listened to.
    Unheard { request: u32, told: bool },
}

/// Whether requests are sent in this run.
pub fn is_service(settings: &Settings) -> bool {
    settings.get(SCENE) == 1
}

/// Whether a client's link is the slow one.
pub fn is_slow(settings: &Settings, node: NodeId) -> bool {
    !is_service(settings) && node.index() == FIRST
}

/// What a client subscribes to at the start.
pub fn subscriptions(settings: &Settings, node: NodeId) -> Vec<Sub> {
    let sub = |sid, pattern, group| Sub { sid, pattern, group };
    let topic = Subject::Topic;
    match (is_service(settings), node.index()) {
        (false, 1) => Vec::new(),
        (true, 1) => vec![sub(1, Subject::Inboxes(node.0), false)],
        (false, 2) => vec![sub(1, topic(4), false)],
        (false, 3 | 4) => vec![sub(1, topic(4), true)],
        (false, 5) => vec![sub(1, topic(3), false)],
        (false, _) => vec![sub(1, topic(0), false)],
        (true, _) => vec![sub(1, PRICE, true), sub(2, STATUS, false)],
    }
}

impl System for Nats {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "NATS";
    const RULES: &'static [Rule] = RULES;
    const SETTINGS: &'static [Setting] = SETTINGS;
    const COMMANDS: &'static [Command] = words::COMMANDS;
    const METRICS: &'static [Metric] = METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        FIRST + settings.amount(MEMBERS).clamp(1, 5) as usize
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let name = match (is_service(settings), node.index()) {
            (_, 0) => "server",
            (false, 1) => "publisher",
            (true, 1) => "caller",
            (false, 2) => "log",
            (false, 3) => "alarm 1",
            (false, 4) => "alarm 2",
            (false, 5) => "display",
            (false, _) => "kitchen",
            (true, index) => return format!("worker {}", index + 1 - FIRST),
        };
        name.to_owned()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(settings.amount(LATENCY).max(1)))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(_: &Disk, context: &mut Context<Self>) -> Memory {
        let every = context.amount(PING);
        context.set_timer(Timer::Ping, every);
        match context.me() {
            SERVER => Memory::Server { connections: LiteMap::new() },
            _ => Memory::Client(client::boot(context)),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match memory {
            Memory::Server { connections } => server::Server { connections, context }.handle(event),
            Memory::Client(client) => client::handle(disk, client, event, context),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = match call.command {
            SUBSCRIBE => NodeId::from(FIRST + call.value(0).max(1) as usize - 1),
            _ => ASKER,
        };
        let known = node.index() < world.kernel().nodes().len();
        (known && world.kernel().node(node).up).then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        words::describe(message)
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Arrival => "the next one is sent".to_owned(),
            Timer::Connect => "time to connect".to_owned(),
            Timer::Ping => "time for a PING".to_owned(),
            Timer::Write(node) => format!("the link of {} has taken a message", Nats::name(settings, node)),
            Timer::Deadline(node) => format!("write deadline of {}", Nats::name(settings, node)),
            Timer::Timeout(id) => format!("time-out of request {id}"),
            Timer::Done => "the work is done".to_owned(),
        }
    }
}

/// A client's jitter before it connects again: up to 100 ms, nats.go's default.
fn reconnect_delay(context: &mut Context<Nats>) -> Time {
    RECONNECT_WAIT + context.draw_between(JITTER, 0, 100 * MS)
}
