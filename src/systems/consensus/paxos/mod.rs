//! Paxos: one decree, and a log of them.
//!
//! Follows Lamport, "Paxos Made Simple" (2001): section 2.2 for the two phases, 2.3 for learning (the proposer whose
//! ballot won is the distinguished learner), 2.4 for progress, 2.5 for what is on disk, and section 3 for the log.
//! Leaders are found by heartbeats and random timeouts; followers catch up as in Chandra, Griesemer and Redstone,
//! "Paxos Made Live" (2007), section 5.5, with the state in place of a snapshot file.
//!
//! [`KIND`] chooses: proposers and acceptors apart, which decide one decree after another, each by an instance of its
//! own; or servers that are all of it at once, agree on a log of commands, and answer clients. An acceptor's promise
//! covers every slot, as a leader's phase 1 asks for; of single decrees an acceptor knows the current one alone.
//!
//! # Simplified here
//!
//! - The set of servers never changes. Section 3 of the paper changes it by commands in the log.
//! - Clients only write. Reads are left out, and so are the leases that make them quick.
//! - Writing to disk takes no time, and what was written stays. Corrupted disks, which "Paxos Made Live" has to deal
//!   with, are left out.
//! - A server that is far behind gets the whole state in one message, and not as a file.

mod acceptor;
mod catalogue;
mod client;
mod log;
pub mod promises;
mod proposer;
mod replica;

use std::ops::Range;

pub use catalogue::*;
pub use client::{Clients, Waiting};
pub use log::{Ballot, Entry, KEPT, Log, Slot, State, Value};

use crate::mechanisms::quorum;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;

/// The system. See the module's header.
pub struct Paxos;

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    /// As a proposer: the highest round it has used or heard of.
    pub round: u32,
    /// As an acceptor of single decrees: which one. Of a log: 0.
    pub decree: Slot,
    /// As an acceptor: it takes part in no ballot below this one.
    pub promised: Ballot,
    /// As an acceptor: what it has accepted in each slot, and in which ballot.
    pub accepted: Log,
    /// As a learner: what was chosen in each slot, as far as it knows.
    pub chosen: Log,
    /// The state machine after the slots applied.
    pub state: State,
    /// As the clients: the last id used.
    pub asked: u32,
}

/// A slot for which a leader has proposed a value that is not known to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Open {
    /// Which slot.
    pub slot: Slot,
    /// What it proposes there.
    pub value: Value,
    /// Whose promises it goes by, where phase 1 was for this slot alone.
    pub promised: u64,
    /// Whether phase 2 has begun.
    pub asked: bool,
    /// Who has accepted.
    pub accepted: u64,
    /// Open since the heartbeat before: what was lost is sent again.
    pub old: bool,
    /// How many requests it has cost so far.
    pub sent: u16,
}

/// What a proposer is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// Phase 1, for the slots from one on: who has promised, and the highest accepted value of each slot they told of.
    Prepare { ballot: Ballot, from: Slot, promised: u64, found: Log },
    /// Phase 2: the next free slot, and the slots that are open. A stable leader stays here.
    Accept { ballot: Ballot, next: Slot, open: Vec<Open> },
}

impl Phase {
    /// The ballot it is in.
    pub fn ballot(&self) -> Option<Ballot> {
        match self {
            Phase::Idle => None,
            Phase::Prepare { ballot, .. } | Phase::Accept { ballot, .. } => Some(*ballot),
        }
    }
}

/// What a proposer, an acceptor or a server loses in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// As a proposer.
    pub phase: Phase,
    /// What it wants chosen in this decree.
    pub wish: Option<Value>,
    /// When it took that up, on its own clock.
    pub since: Time,
    /// How often it has been refused in this decree.
    pub refused: u8,
    /// Whom it takes for leader.
    pub leader: Option<NodeId>,
    /// Its promise, when the rule that keeps promises on disk is off.
    pub unsaved: Ballot,
}

/// What a node loses in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Member(Member),
    Clients(Clients),
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Phase 1a: for a slot, or with `all` for every slot from that one on.
    Prepare { ballot: Ballot, slot: Slot, all: bool },
    /// Phase 1b: a promise, and what was accepted in those slots.
    Promise { ballot: Ballot, slot: Slot, all: bool, accepted: Log },
    /// Phase 2a.
    Accept { ballot: Ballot, slot: Slot, value: Value },
    /// Phase 2b.
    Accepted { ballot: Ballot, slot: Slot },
    /// To a proposer whose ballot is too low, or whose decree is over: what was promised, and which decree it is.
    Refused { ballot: Ballot, promised: Ballot, slot: Slot },
    /// What was chosen, to learners.
    Chosen { log: Log },
    /// A leader is there, and knows every slot below this one.
    Heartbeat { ballot: Ballot, slot: Slot },
    /// A server lacks what was chosen from this slot on.
    CatchUp { slot: Slot },
    /// The state machine, for a server that lacks slots that nobody keeps any more.
    Snapshot { state: State },
    /// A client's command.
    Request { value: Value },
    /// It was chosen and applied.
    Answer { id: u32 },
    /// To a client: ask that server instead, if one is known.
    Redirect { id: u32, leader: Option<NodeId> },
}

/// What a node may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Time to begin a ballot: for the first time, again, or because no leader was heard.
    Try,
    /// A proposer is ready for phase 2.
    Ready,
    /// Time to tell the others that the leader is there.
    Heartbeat,
    /// The next command of the clients' own.
    Arrival,
    /// A command has waited too long for its answer.
    Overdue(u32),
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A proposer took up a value.
    Proposed { value: Value },
    /// A learner learned that a value was chosen.
    Learned { node: NodeId, slot: Slot, value: Value },
    /// A server applied a slot.
    Applied { node: NodeId, slot: Slot, value: Value },
    /// A server took over a state in which every slot up to this one is applied.
    Installed { node: NodeId, slot: Slot },
    /// A client was told that its command in this slot is applied.
    Answered { slot: Slot, id: u32 },
}

/// Whether the servers agree on a log; otherwise proposers and acceptors on one decree after another.
pub fn is_log(settings: &Settings) -> bool {
    settings.is_on(KIND)
}

/// How many acceptors there are.
pub fn acceptor_count(settings: &Settings) -> usize {
    if settings.get(ACCEPTORS) == 0 { 3 } else { 5 }
}

/// The proposers, who are the learners as well.
pub fn proposers(settings: &Settings) -> Range<usize> {
    0..if is_log(settings) { acceptor_count(settings) } else { settings.amount(PROPOSERS) as usize }
}

/// The acceptors.
pub fn acceptors(settings: &Settings) -> Range<usize> {
    let first = if is_log(settings) { 0 } else { proposers(settings).end };
    first..first + acceptor_count(settings)
}

/// The clients, as one node, where there are any.
pub fn clients(settings: &Settings) -> Option<NodeId> {
    is_log(settings).then(|| NodeId::from(acceptor_count(settings)))
}

/// A ballot as it is written: "2.1" for the second round of P1, "2A" for that of server A.
pub fn ballot_name(settings: &Settings, ballot: Ballot) -> String {
    match (ballot.round, is_log(settings)) {
        (0, _) => "none".to_owned(),
        (round, true) => format!("{round}{}", Paxos::name(settings, ballot.proposer)),
        (round, false) => format!("{round}.{}", ballot.proposer.0 + 1),
    }
}

/// What a slot is called: of single decrees, a decree.
pub(crate) fn slot_word(settings: &Settings) -> &'static str {
    if is_log(settings) { "slot" } else { "decree" }
}

/// A node's memory as a member; `None` for the clients, and while it is down.
pub fn member(world: &World<Paxos>, node: NodeId) -> Option<&Member> {
    match world.memory(node)? {
        Memory::Member(member) => Some(member),
        Memory::Clients(_) => None,
    }
}

/// The server that leads, as itself sees it: the one in the highest ballot.
pub fn leader(world: &World<Paxos>) -> Option<NodeId> {
    let leads = |(id, _): (NodeId, _)| match member(world, id)?.phase {
        Phase::Accept { ballot, .. } => Some((ballot, id)),
        _ => None,
    };
    world.nodes().filter_map(leads).max().map(|(_, id)| id)
}

/// What a handler works on: one proposer, acceptor or server, and its context.
struct Node<'a, 'b> {
    disk: &'a mut Disk,
    memory: &'a mut Member,
    context: &'a mut Context<'b, Paxos>,
}

impl Node<'_, '_> {
    fn me(&self) -> NodeId {
        self.context.me()
    }

    /// How a ballot is written.
    fn named(&self, ballot: Ballot) -> String {
        ballot_name(self.context.settings(), ballot)
    }

    fn is_log(&self) -> bool {
        is_log(self.context.settings())
    }

    fn send(&mut self, to: NodeId, message: Message) {
        send(self.context, to, message);
    }

    /// How many acceptors a proposer waits for.
    fn quorum(&self) -> usize {
        let most = quorum::majority(acceptor_count(self.context.settings()));
        if self.context.rule(MAJORITY) { most } else { most - 1 }
    }

    /// The first slot whose value it does not know to be chosen and applied.
    fn first_open(&self) -> Slot {
        self.disk.state.slot + 1
    }

    fn message(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Prepare { ballot, slot, all } => self.asked_to_promise(from, ballot, slot, all),
            Message::Promise { ballot, slot, accepted, .. } => self.got_promise(from, ballot, slot, &accepted),
            Message::Accept { ballot, slot, value } => self.asked_to_accept(from, Entry { slot, ballot, value }),
            Message::Accepted { ballot, slot } => self.got_accepted(from, ballot, slot),
            Message::Refused { ballot, promised, slot } => self.got_refused(from, ballot, promised, slot),
            Message::Chosen { log } => self.told_chosen(from, &log),
            Message::Heartbeat { ballot, slot } => self.heard_leader(from, ballot, slot),
            Message::CatchUp { slot } => self.asked_to_catch_up(from, slot),
            Message::Snapshot { state } => self.got_snapshot(from, state),
            Message::Request { value } => self.asked_by_client(from, value),
            Message::Answer { .. } | Message::Redirect { .. } => {
                self.context.why(|_| "Answers to clients mean nothing to a server.".to_owned());
            }
        }
    }
}

/// Sends and counts: what commands cost, and what the rest does.
fn send(context: &mut Context<Paxos>, to: NodeId, message: Message) {
    let keeps_going = matches!(
        message,
        Message::Heartbeat { .. }
            | Message::CatchUp { .. }
            | Message::Snapshot { .. }
            | Message::Prepare { all: true, .. }
            | Message::Promise { all: true, .. }
    );
    context.count(MESSAGES, u16::from(keeps_going), 1);
    context.send(to, message);
}

impl System for Paxos {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Paxos";
    const RULES: &'static [Rule] = catalogue::RULES;
    const SETTINGS: &'static [Setting] = catalogue::SETTINGS;
    const COMMANDS: &'static [Command] = catalogue::COMMANDS;
    const METRICS: &'static [Metric] = catalogue::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        acceptors(settings).end + usize::from(is_log(settings))
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let number = node.index();
        match (is_log(settings), acceptors(settings)) {
            (true, servers) if number >= servers.end => "clients".to_owned(),
            (true, _) => char::from(b'A' + (number % 26) as u8).to_string(),
            (false, acceptors) if number >= acceptors.start => format!("A{}", number - acceptors.start + 1),
            (false, _) => format!("P{}", number + 1),
        }
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        let spread = mean / if is_log(settings) { 2 } else { 20 };
        LinkSpec::unordered(Latency::Uniform(mean - spread, mean + spread))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk {
            round: 0,
            decree: 0,
            promised: Ballot::NONE,
            accepted: Log::default(),
            chosen: Log::default(),
            state: State::default(),
            asked: 0,
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let me = context.me();
        if clients(context.settings()) == Some(me) {
            return Memory::Clients(client::boot(context));
        }
        if proposers(context.settings()).contains(&me.index()) {
            let delay = match is_log(context.settings()) {
                true => proposer::election_timeout(context),
                false => proposer::turn(context),
            };
            context.set_timer(Timer::Try, delay);
        }
        let promised = disk.promised;
        context.why(|s| {
            format!("{} boots. On its disk it finds the promise {}.", Paxos::name(s, me), ballot_name(s, promised))
        });
        Memory::Member(Member {
            phase: Phase::Idle,
            wish: None,
            since: 0,
            refused: 0,
            leader: None,
            unsaved: Ballot::NONE,
        })
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let memory = match memory {
            Memory::Clients(clients) => return clients.handle(&mut disk.asked, event, context),
            Memory::Member(member) => member,
        };
        let mut node = Node { disk, memory, context };
        match event {
            Event::Message { from, message } => node.message(from, message),
            Event::Timer(Timer::Ready) => node.begin_phase_2(),
            Event::Timer(Timer::Heartbeat) => node.heartbeat_due(),
            Event::Timer(_) => node.time_to_try(),
            Event::Command(call) => node.told_to_propose(&call),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let last = proposers(world.settings()).end.saturating_sub(1);
        let proposer = || NodeId::from((call.value(0).max(0) as usize).min(last));
        let to = clients(world.settings()).unwrap_or_else(proposer);
        world.kernel().node(to).up.then_some(to)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        notes.iter().for_each(|note| witness.see(note));
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        let name = |ballot: &Ballot| ballot_name(settings, *ballot);
        let word = slot_word(settings);
        match message {
            Message::Prepare { ballot, slot, all: true } => format!("prepare {}, from {word} {slot} on", name(ballot)),
            Message::Prepare { ballot, slot, .. } => format!("prepare {}, {word} {slot}", name(ballot)),
            Message::Promise { ballot, accepted, .. } => match accepted.entries() {
                [] => format!("promise {}, with nothing accepted", name(ballot)),
                [one] => format!("promise {}, with {} accepted in {}", name(ballot), one.value, name(&one.ballot)),
                many => format!("promise {}, with {} slots accepted", name(ballot), many.len()),
            },
            Message::Accept { ballot, slot, value } => format!("accept {value}, {}, {word} {slot}", name(ballot)),
            Message::Accepted { ballot, slot } => format!("accepted {}, {word} {slot}", name(ballot)),
            Message::Refused { ballot, promised, .. } => {
                format!("\"not {}: {} is promised\"", name(ballot), name(promised))
            }
            Message::Chosen { log } => match log.entries() {
                [one] => format!("\"{} is chosen in {word} {}\"", one.value, one.slot),
                many => format!("{} chosen slots", many.len()),
            },
            Message::Heartbeat { ballot, .. } => format!("a heartbeat of {}", name(ballot)),
            Message::CatchUp { slot } => format!("\"what is chosen from slot {slot} on?\""),
            Message::Snapshot { state } => format!("the state after slot {}", state.slot),
            Message::Request { value } => format!("request {}: {value}", value.id),
            Message::Answer { id } => format!("the answer to request {id}"),
            Message::Redirect { id, .. } => format!("\"I do not lead\", to request {id}"),
        }
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Try if is_log(settings) => "election timeout".to_owned(),
            Timer::Try => "time to try a ballot".to_owned(),
            Timer::Ready => "ready for phase 2".to_owned(),
            Timer::Heartbeat => "heartbeat due".to_owned(),
            Timer::Arrival => "the next command".to_owned(),
            Timer::Overdue(id) => format!("no answer to request {id} in time"),
        }
    }
}
