//! PBFT: a replicated service that tolerates liars (Castro and Liskov, "Practical Byzantine Fault Tolerance", OSDI
//! 1999).
//!
//! Sections 4.2 (normal case), 4.3 (checkpoints), 4.4 (view changes) and 4.5 (timers); a client takes f + 1 equal
//! replies (4.1). There are n = 3f + 1 replicas, and up to f of them lie. Signatures are modelled: a message carries
//! its true sender, a certificate is the set of replicas that signed (a bit each), and no liar signs for another or
//! invents a client's request. A digest is the request itself. A replica's state is on its disk, so one that crashed
//! goes on where it was. Lost messages are made up for in a simple way: what a client asks again is answered or said
//! again, view changes are repeated, a new view is passed on to those behind it, a stuck primary gives up on itself,
//! and a replica that lacks the state of a stable checkpoint fetches it whole.
//!
//! # Simplified here
//!
//! - Signatures are modelled, not computed: nobody signs for another, or invents a client's request. The message
//!   authentication codes that make PBFT fast are left out.
//! - Each request is ordered by itself. Batches, tentative execution and read-only requests (section 5 of the paper)
//!   are left out.
//! - A replica's state is on its disk, so one that crashed goes on where it was. Proactive recovery, from a later
//!   paper, is left out.
//! - What was lost on the way is simply asked for or said again, and a replica that has fallen behind fetches the
//!   whole state of a checkpoint.

mod checkpoints;
mod client;
mod liar;
pub mod promises;
mod replica;
pub mod state;
mod view_change;

use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, rules, settings};
use state::{Change, NewView, Service, Stable, State};

/// See the module's header.
pub struct Pbft;

rules! {
    /// A certificate has 2f + 1 signatures.
    CERTIFICATES = "certificates", "2f + 1 signatures",
        "Any two certificates share an honest replica. Off: f + 1 signatures are enough.";
    /// A request is executed when it is committed, not when it is prepared.
    TWO_PHASES = "two-phases", "Prepare, then commit",
        "A replica executes a request once 2f + 1 say that they are prepared. Off: as soon as it is prepared itself.";
    /// A new view carries over what was prepared, and backups check that it does.
    CARRY_OVER = "carry-over", "A new view carries over",
        "A new primary proposes again everything that was prepared, and backups check it. Off: it starts empty.";
    /// A client believes what f + 1 replicas say.
    MATCHING_REPLIES = "matching-replies", "f + 1 equal replies",
        "A client believes a result that f + 1 replicas sent. Off: it believes the first reply.";
}

settings! {
    REPLICAS = "replicas", "Replicas", Control::Choice(&["4", "7"]), 0, AtStart,
        "3f + 1 tolerate f liars: 4 tolerate one, 7 tolerate two.";
    CLIENTS = "clients", "Clients", count(1, 2), 2, AtStart,
        "Each waits for its answer before it asks for the next thing.";
    /// Which replica lies: 0 for none, otherwise its number and one.
    LIAR = "liar", "Who lies", Control::Choice(&["nobody", "R0", "R1", "R2", "R3", "R4", "R5", "R6"]), 1, AtStart,
        "One replica, for the whole run.";
    /// How it lies.
    LIES = "lies", "How it lies", Control::Choice(&["two stories", "silence", "wrong replies"]), 0, Live,
        "Two stories: it orders two requests under one number, votes for everything, and hides certificates.";
    /// How long a backup waits for a request to be executed before it wants another primary, in microseconds. A client asks
    /// again after as long.
    TIMEOUT = "timeout", "Patience", micros(50_000, 1_000_000, 10_000), 200_000, Live,
        "How long a backup waits for a request before it wants another primary, and a client before it asks all.";
    /// Mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(1_000, 100_000, 1_000), 10_000, Live,
        "A message takes between half and one and a half times this.";
    /// How long a client rests before it asks for the next thing, in microseconds.
    REST = "rest", "Rest between requests", micros(20_000, 1_000_000, 20_000), 100_000, Live,
        "How long a client rests after an answer.";
}

/// The values of [`LIES`].
pub const TWO_STORIES: u64 = 0;
pub const SILENCE: u64 = 1;
pub const WRONG_REPLIES: u64 = 2;

metrics! {
    /// The view a replica is in or wants to enter.
    VIEW = "view", "View", Gauge;
    MESSAGES = "messages", "Messages sent", Counter;
    /// From a client's request to its answer.
    WAITED = "waited", "Request to answer", Latency;
}

/// A checkpoint is taken after this many requests (the paper suggests 100).
pub const INTERVAL: u32 = 4;
/// How far sequence numbers may run ahead of the last stable checkpoint.
pub const WINDOW: u32 = 12;

/// A request: whose, and its timestamp. What it asks for does not matter here; its result is its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    pub client: u8,
    pub t: u32,
}

/// What a sequence number stands for: a request, or the null request, which does nothing.
pub type Digest = Option<Request>;

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    /// A client's last timestamp: none is used twice.
    Client { t: u32 },
    /// A replica's log and service.
    Replica(Box<State>),
}

/// A client's request that has not been answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// When it asked first, by its clock.
    pub since: Time,
    /// How often it has asked again.
    pub again: u8,
    /// Which replicas have replied, and what.
    pub replies: Vec<(u16, u32)>,
}

/// What does not survive a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Of a client.
    pub waiting: Option<Waiting>,
    /// Of a client: the highest view that a reply told of. It asks that view's primary first.
    pub view: u32,
    /// Of a replica: view changes since a request was last executed. Each doubles the wait.
    pub tries: u8,
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Request(Request),
    PrePrepare { view: u32, seq: u32, digest: Digest },
    Prepare { view: u32, seq: u32, digest: Digest },
    Commit { view: u32, seq: u32, digest: Digest },
    Reply { view: u32, t: u32, result: u32 },
    Checkpoint(Stable),
    ViewChange(Change),
    NewView(NewView),
    Fetch,
    State { service: Rc<Service>, stable: Stable },
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A client asks for the next thing.
    Ask,
    /// A client asks again.
    AskAgain,
    /// A backup has waited long enough for a request.
    Patience,
    /// A replica has waited long enough for a new view.
    Await,
    /// Time to repeat a view change or to fetch again.
    Repeat,
}

/// What a bystander sees. Of replicas, the honest ones alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    Asked(Request),
    Executed { node: NodeId, seq: u32, digest: Digest },
    Answered { node: NodeId, request: Request, result: u32 },
}

/// How many replicas there are.
pub fn replicas(settings: &Settings) -> usize {
    if settings.get(REPLICAS) == 0 { 4 } else { 7 }
}

/// How many liars they tolerate.
pub fn faults(settings: &Settings) -> usize {
    (replicas(settings) - 1) / 3
}

/// How many signatures make a certificate.
pub fn quorum(settings: &Settings, is_rule_on: bool) -> usize {
    faults(settings) * if is_rule_on { 2 } else { 1 } + 1
}

/// The primary of a view.
pub fn primary(settings: &Settings, view: u32) -> NodeId {
    NodeId((view as usize % replicas(settings)) as u16)
}

/// Whether a replica lies.
pub fn is_liar(settings: &Settings, node: NodeId) -> bool {
    settings.get(LIAR) == i64::from(node.0) + 1 && node.index() < replicas(settings)
}

/// A request's name: "A7".
pub fn request_name(request: Request) -> String {
    format!("{}{}", char::from(b'A' + request.client % 26), request.t)
}

/// What a sequence number stands for, in a word.
pub fn digest_name(digest: Digest) -> String {
    digest.map_or("null".to_owned(), request_name)
}

commands! {
    ASK = "ask", "Ask now", "Send the next request| as client {0}",
        "A client that rests sends its next request at once.",
        [field("client", Control::Choice(&["A", "B"]), 0)];
}

impl System for Pbft {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "PBFT";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        replicas(settings) + settings.amount(CLIENTS).clamp(1, 2) as usize
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        match node.index().checked_sub(replicas(settings)) {
            None => format!("R{}", node.0),
            Some(client) => format!("Client {}", char::from(b'A' + client as u8 % 26)),
        }
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        LinkSpec::unordered(Latency::Uniform(mean / 2, mean + mean / 2))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        if node.index() < replicas(settings) { Disk::Replica(Box::default()) } else { Disk::Client { t: 0 } }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match disk {
            Disk::Client { .. } => client::boot(context),
            Disk::Replica(state) => replica::boot(state, context),
        }
        Memory::default()
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match disk {
            Disk::Client { t } => client::Client { t, memory, context }.handle(event),
            Disk::Replica(state) => replica::Replica { state, memory, context }.handle(event),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let client = NodeId::from(replicas(world.settings()) + usize::try_from(call.value(0)).ok()?);
        (client.index() < world.kernel().nodes().len() && world.kernel().node(client).up).then_some(client)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        notes.iter().for_each(|note| witness.see(*note));
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        let slot = |what: &str, view: u32, seq: u32, digest: Digest| {
            format!("{what} {} as number {seq} in view {view}", digest_name(digest))
        };
        match message {
            Message::Request(request) => format!("request {}", request_name(*request)),
            Message::PrePrepare { view, seq, digest } => slot("pre-prepare", *view, *seq, *digest),
            Message::Prepare { view, seq, digest } => slot("prepare", *view, *seq, *digest),
            Message::Commit { view, seq, digest } => slot("commit", *view, *seq, *digest),
            Message::Reply { t, result, .. } => format!("\"your request {t} is number {result}\""),
            Message::Checkpoint(stable) => format!("checkpoint {}", stable.seq),
            Message::ViewChange(change) => format!("view change to {}", change.view),
            Message::NewView(new) => format!("new view {}", new.view),
            Message::Fetch => "\"send me your checkpoint\"".to_owned(),
            Message::State { service, .. } => format!("the state after number {}", service.seq),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Ask => "the next request",
            Timer::AskAgain => "no answer in time",
            Timer::Patience => "a request was not executed in time",
            Timer::Await => "no new view in time",
            Timer::Repeat => "time to say it again",
        }
        .to_owned()
    }
}
