//! Zab, ZooKeeper's atomic broadcast: a primary numbers changes of state, and everybody delivers them in that order.
//!
//! Follows Junqueira, Reed and Serafini, "Zab: High-performance broadcast for primary-backup systems" (DSN 2011),
//! Algorithms 1 to 3: discovery (CEPOCH, NEWEPOCH, ACK-E), synchronisation (NEWLEADER, ACK-LD, COMMIT-LD), broadcast
//! (PROPOSE, ACK, COMMIT). From ZooKeeper come the leader election, in a simple form, the choice of DIFF, TRUNC or SNAP
//! to bring a follower up to date, and the answer to an epoch that was promised before: it does not count.
//!
//! A leader that meets a promise above its own epoch steps down, so that a later epoch begins. A connection (TCP there)
//! numbers its messages; a gap breaks it, and messages of an old one are passed over.
//!
//! # Simplified here
//!
//! - Clients only write. So neither a stale read at a follower can be shown, nor ZooKeeper's `sync`, which prevents
//!   it.
//! - Sessions, ephemeral nodes and watches are left out, and with them the locks and leader elections that are built
//!   from them.
//! - The servers are fixed, and all of them vote. Observers and reconfiguration are left out.
//! - The election is simpler than ZooKeeper's: a server takes the word of one that leads and joins it, where ZooKeeper
//!   wants to hear it from a quorum, and those who follow do not answer those who look. Safety does not rest on it.
//! - A new leader takes over a later history that a follower shows, as in the paper. ZooKeeper's would step down.
//! - Writing to disk takes no time, and what was written stays.

mod broadcast;
mod election;
mod history;
pub mod promises;
mod recovery;
mod state;

pub use history::{History, State, Txn, Update};
pub use state::{
    Body, Disk, Early, Following, Leading, Learner, Looking, Memory, Message, Note, Outstanding, Role, Stage, Timer,
};

use crate::mechanisms::zab::{Vote, Zxid, counter, epoch, zxid};
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, Unit, count, micros, per_second, slider};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::{Node, World};
use crate::sim::measure::metrics::Metric;
use crate::{commands, metrics, purposes, rules, settings};

/// See the module's header.
pub struct Zab;

rules! {
    /// A new epoch is above every one that was promised.
    NEW_EPOCH = "new-epoch", "An epoch above every promise",
        "A leader's epoch is above every epoch its quorum has promised. Off: it takes the one after its own.";
    /// Followers are synchronised before the leader broadcasts.
    SYNC_FIRST = "sync-first", "Synchronise before broadcast",
        "A quorum adopts the leader's history first. Off: followers append new proposals to whatever they have.";
    /// A quorum acknowledges before the leader commits.
    QUORUM_ACK = "quorum-ack", "Acknowledged by a quorum",
        "A proposal is committed once a quorum has it on disk. Off: the leader commits it at once.";
}

settings! {
    /// 3 or 5 servers.
    SERVERS = "servers", "Servers", Control::Choice(&["3", "5"]), 0, AtStart,
        "A majority of them is a quorum: 2 of 3, 3 of 5.";
    /// Clients' requests a second.
    RATE = "rate", "Requests", per_second(0, 100, 1), 4, Live,
        "Clients' requests to the leader; each adds 1 to x.";
    /// The mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(1_000, 100_000, 1_000), 10_000, Live,
        "A message takes between half and one and a half times this.";
    /// ZooKeeper's tickTime, in microseconds.
    TICK = "tick-time", "tickTime", micros(20_000, 400_000, 10_000), 100_000, Live,
        "The unit of the two limits. ZooKeeper's sample file has 2,000 ms; here the default is 100 ms.";
    /// ZooKeeper's initLimit, in ticks.
    INIT_LIMIT = "init-limit", "initLimit", count(2, 20), 10, Live,
        "Ticks that discovery and synchronisation may take. ZooKeeper's sample file has 10.";
    /// ZooKeeper's syncLimit, in ticks.
    SYNC_LIMIT = "sync-limit", "syncLimit", count(2, 10), 5, Live,
        "Ticks without a word between leader and follower. ZooKeeper's sample file has 5.";
    /// What the disks hold at the start: nothing, or what an earlier epoch left. For exploring.
    START = "disks", "Disks at the start", Control::Choice(&["empty", "after an outage"]), 0, AtStart,
        "Empty, or as an outage in epoch 1 left them: A has two transactions, B one, C none.";
}

metrics! {
    /// From a request's arrival at the leader until the leader commits it.
    LATENCY_OF_COMMIT = "commit-latency", "Commit latency", Latency;
    /// Messages sent.
    MESSAGES = "messages", "Messages sent", Counter;
    /// Transactions committed.
    COMMITTED = "committed", "Transactions committed", Counter;
    /// Servers that were elected.
    ELECTIONS = "elections", "Elections won", Counter;
    /// The epoch in which each server broadcasts or delivers.
    EPOCH = "epoch", "Epoch", Gauge;
}

purposes! {
    REQUEST_DRAW;
}

/// How long a server with a quorum waits for a better vote: ZooKeeper's `finalizeWait`.
const FINALIZE: Micros = 200 * MS;
/// A server that looks says so again after this long, then after twice as long, and so on (60 s at most in ZooKeeper).
pub const WAIT_SHORTEST: Micros = 200 * MS;
const WAIT_LONGEST: Micros = 1_600 * MS;
/// The most proposals that may be open: ZooKeeper's `globalOutstandingLimit`, which is 1,000 there.
const MOST_OUTSTANDING: usize = 16;

/// A zxid as epoch and counter: "2.7".
pub fn epochs(zxid: Zxid) -> String {
    format!("{}.{}", epoch(zxid), counter(zxid))
}

struct Server<'a, 'b> {
    disk: &'a mut Disk,
    memory: &'a mut Memory,
    context: &'a mut Context<'b, Zab>,
}

impl Server<'_, '_> {
    fn name(&self) -> String {
        self.name_of(self.context.me())
    }

    fn name_of(&self, node: NodeId) -> String {
        Zab::name(self.context.settings(), node)
    }

    /// All servers as a set.
    fn everybody(&self) -> u64 {
        (1 << self.context.nodes()) - 1
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.context.me();
        (0..self.context.nodes()).map(NodeId::from).filter(move |node| *node != me)
    }

    fn learners(&self, which: impl Fn(&Learner) -> bool) -> Vec<NodeId> {
        let Role::Leading(leading) = &self.memory.role else { return Vec::new() };
        let known = leading.learners.iter().enumerate().filter(|(_, one)| one.as_ref().is_some_and(&which));
        known.map(|(id, _)| NodeId::from(id)).collect()
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.context.count(MESSAGES, 0, 1);
        self.context.send(to, message);
    }

    fn tell_leader(&mut self, body: Body) {
        let Role::Following(following) = &mut self.memory.role else { return };
        let (leader, link, seq) = (following.leader, following.link, following.sent);
        following.sent += 1;
        self.send(leader, Message::Packet { link, seq, body });
    }

    fn tell_learner(&mut self, to: NodeId, body: Body) {
        let Role::Leading(leading) = &mut self.memory.role else { return };
        let Some(learner) = leading.learners.get_mut(to.index()).and_then(Option::as_mut) else { return };
        let (link, seq) = (learner.link, learner.sent);
        learner.sent += 1;
        self.send(to, Message::Packet { link, seq, body });
    }

    fn packet(&mut self, from: NodeId, link: u32, seq: u32, body: Body) {
        if let Body::CEpoch { promised } = body {
            self.knocked(from, link, promised);
            return;
        }
        let (me, other) = (self.name(), self.name_of(from));
        let expected = match &mut self.memory.role {
            Role::Following(following) if (following.leader, following.link) == (from, link) => {
                Some(&mut following.got)
            }
            Role::Leading(leading) => {
                let known = leading.learners[from.index()].as_mut().filter(|learner| learner.link == link);
                known.map(|learner| &mut learner.got)
            }
            _ => None,
        };
        let Some(got) = expected else {
            self.context.why(|_| format!("{me} has no connection {link} with {other}: this is of an old one."));
            return;
        };
        if seq < *got {
            self.context.why(|_| format!("{me} has this message from {other} already."));
        } else if seq > *got {
            let missing = *got;
            self.context.why(|_| format!("Message {missing} from {other} is missing: the connection is broken."));
            self.break_off(from);
        } else {
            *got += 1;
            self.take(from, body);
        }
    }

    /// A connection is no longer of use.
    fn break_off(&mut self, from: NodeId) {
        match &mut self.memory.role {
            Role::Leading(leading) => {
                leading.learners[from.index()] = None;
                leading.synced &= !(1 << from.0);
            }
            _ => self.look(),
        }
    }

    fn take(&mut self, from: NodeId, body: Body) {
        if let Role::Following(following) = &self.memory.role {
            let at_first = following.stage != Stage::Broadcast;
            self.be_patient(at_first);
        }
        match body {
            Body::CEpoch { promised } => self.knocked(from, 0, promised),
            Body::NewEpoch { epoch } => self.new_epoch(epoch),
            Body::AckEpoch { counts, current, history } => self.epoch_acked(from, counts, (current, history)),
            Body::NewLeader { epoch, update } => self.new_leader(epoch, &update),
            Body::AckLeader => self.leader_acked(from),
            Body::CommitLeader { upto } => self.leader_committed(upto),
            Body::Propose { txn } => self.proposed(txn),
            Body::Ack { zxid } => self.acked(from, zxid),
            Body::Commit { zxid } => self.committed(zxid),
        }
    }
}

commands! {
    SET = "set", "SET", "Set {0} = {1}",
        "Asks the leader to set a register.",
        [field("register", Control::Choice(&["x", "y", "z"]), 1), field("value", slider(0, 99, 1, Unit::Count), 5)];
}

impl System for Zab {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Zab";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        if settings.get(SERVERS) == 0 { 3 } else { 5 }
    }

    fn name(_: &Settings, node: NodeId) -> String {
        let letter = u8::try_from(node.0).ok().and_then(|index| b'A'.checked_add(index)).unwrap_or(b'?');
        char::from(letter).to_string()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        LinkSpec::fifo(Latency::Uniform(mean / 2, mean + mean / 2))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        let count = if settings.get(START) == 1 { 2u32.saturating_sub(u32::from(node.0)) } else { 0 };
        let txn = |counter: u32| Txn { zxid: zxid(1, counter), register: 0, value: counter as i16 };
        let epoch = count.min(1);
        Disk { accepted: epoch, current: epoch, history: History::new((1..=count).map(txn).collect()), connection: 0 }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let history = &disk.history;
        let looking = Looking {
            vote: Vote { id: 0, zxid: 0, epoch: 0, round: 0, looking: true, version: 1 },
            votes: Vec::new(),
            wait: WAIT_SHORTEST,
        };
        let mut memory = Memory {
            role: Role::Looking(looking),
            round: 0,
            delivered: history.base(),
            state: history.state(),
            early: Vec::new(),
        };
        let (me, current, last) = (context.me(), disk.current, history.last());
        context.why(|s| {
            format!(
                "{} boots in epoch {current} with {} as its last zxid, and looks for a leader.",
                Zab::name(s, me),
                epochs(last)
            )
        });
        // Looking for a leader writes nothing to the disk.
        Server { disk: &mut disk.clone(), memory: &mut memory, context }.look();
        memory
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let mut server = Server { disk, memory, context };
        match event {
            Event::Message { from, message } => match message {
                Message::Notification { vote } => server.notified(from, vote),
                Message::Packet { link, seq, body } => server.packet(from, link, seq, body),
                Message::Ping { link, sent } => server.pinged(from, link, sent),
                Message::Pong { link, sent } => server.ponged(from, link, sent),
            },
            Event::Timer(Timer::Notify) => server.notify_due(),
            Event::Timer(Timer::Finalize) => server.finalize(),
            Event::Timer(Timer::Patience) => server.patience_is_over(),
            Event::Timer(Timer::Tick) => server.tick(),
            Event::Timer(Timer::Request) => server.request_due(),
            Event::Command(call) => server.client_asks(&call),
        }
    }

    fn route(world: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        let running = world.nodes().filter(|(id, _)| world.kernel().is_running(*id));
        let epoch = |node: &Node<Self>| match node.memory.as_ref().map(|memory| &memory.role) {
            Some(Role::Leading(leading)) if leading.stage == Stage::Broadcast => leading.epoch,
            _ => 0,
        };
        running
            .max_by_key(|(id, node)| (epoch(node), node.disk.current, node.disk.history.last(), *id))
            .map(|one| one.0)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        notes.iter().for_each(|note| witness.see(note));
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match message {
            Message::Notification { vote } if vote.looking => {
                format!("a vote for {}", Zab::name(settings, NodeId(vote.id)))
            }
            Message::Notification { .. } => "\"I lead\"".to_owned(),
            Message::Ping { .. } => "a ping".to_owned(),
            Message::Pong { .. } => "an answer to a ping".to_owned(),
            Message::Packet { body, .. } => match body {
                Body::CEpoch { promised } => format!("CEPOCH({promised})"),
                Body::NewEpoch { epoch } => format!("NEWEPOCH({epoch})"),
                Body::AckEpoch { current, history, .. } => format!("ACK-E({current}, {})", epochs(history.last())),
                Body::NewLeader { epoch, update } => format!("NEWLEADER({epoch}), {}", update.words()),
                Body::AckLeader => "ACK-LD".to_owned(),
                Body::CommitLeader { upto } => format!("COMMIT-LD, up to {}", epochs(*upto)),
                Body::Propose { txn } => format!("PROPOSE({}, {txn})", epochs(txn.zxid)),
                Body::Ack { zxid } => format!("ACK({})", epochs(*zxid)),
                Body::Commit { zxid } => format!("COMMIT({})", epochs(*zxid)),
            },
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Notify => "time to vote again",
            Timer::Finalize => "no better vote",
            Timer::Patience => "waited long enough",
            Timer::Tick => "a tick",
            Timer::Request => "a client's request",
        }
        .to_owned()
    }
}
