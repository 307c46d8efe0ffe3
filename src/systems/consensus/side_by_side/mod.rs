//! Raft, Multi-Paxos and Zab beside each other: three groups of servers in one world, under one load.
//!
//! Each group is the whole system of its own module, [`crate::systems::consensus::raft`], [`crate::systems::consensus::paxos`] (with a log)
//! and [`crate::systems::consensus::zab`]; nothing of a protocol is repeated here. A server's handler runs inside this
//! system's (see [`crate::sim::machine::world::inside`]), and what it sends goes over this system's links: one latency
//! for all.
//!
//! The load is this system's too. Clients sit beside the servers: the one beside each leader asks at full multiples of
//! the period, so that all three leaders get the same command at the same moment.
//!
//! What is measured: the time from a leader's taking a command up (Raft appends it, Paxos and Zab propose it) until that
//! leader knows that it is committed, and the messages that commands cause. A message belongs to the commands if it was
//! sent because of a command, or because of a message that does; all else is upkeep: heartbeats, elections, sending
//! again, catching up.
//!
//! # Simplified here
//!
//! - A client sits beside each leader, so its way there and back is left out, alike for all three.
//! - Only messages take time. Work in a server and on its disk takes none, so the three cannot be compared by how much
//!   load they can bear.
//! - What Raft, Paxos and Zab leave out on their own pages is left out here as well.

mod catalogue;
pub mod promises;
mod server;

pub use catalogue::*;

use server::{keep_load, paxos_place, period, raft_place, repeat, zab_place};

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, SettingId, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::{World, inside};
use crate::sim::measure::metrics::Metric;
use crate::systems::consensus::paxos::{self, Paxos};
use crate::systems::consensus::raft::{self, Raft};
use crate::systems::consensus::zab::{self, Zab};

/// The system. See the module's header.
pub struct SideBySide;

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Raft,
    Paxos,
    Zab,
}

impl Protocol {
    /// All of them, in the order of their groups.
    pub const ALL: [Protocol; 3] = [Protocol::Raft, Protocol::Paxos, Protocol::Zab];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Protocol::Raft => "Raft",
            Protocol::Paxos => "Multi-Paxos",
            Protocol::Zab => "Zab",
        }
    }

    /// Its name before a server's letter.
    const fn short(self) -> &'static str {
        match self {
            Protocol::Paxos => "Paxos",
            other => other.title(),
        }
    }

    /// Messages that a command costs among this many servers while the leader is stable. Raft: to each follower and
    /// back; the news that it is committed rides on what comes next. The others send that as a message of its own.
    pub const fn theory(self, servers: u64) -> u64 {
        match self {
            Protocol::Raft => 2 * (servers - 1),
            Protocol::Paxos | Protocol::Zab => 3 * (servers - 1),
        }
    }
}

/// How many heartbeats fit into the shortest timeout.
const BEATS: i64 = 3;
/// Raft takes a snapshot after this many entries, so that its log always has room. Paxos and Zab do so unasked.
const SNAPSHOT_AFTER: i64 = 20;

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Raft(raft::Disk),
    Paxos(paxos::Disk),
    Zab(zab::Disk),
}

/// What does not, as the server's own system has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Raft(raft::Memory),
    Paxos(paxos::Memory),
    Zab(zab::Memory),
}

/// What a server loses in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// As the protocol has it.
    pub state: State,
    /// As a leader of Paxos: the commands it has taken up and does not know to be chosen, and when. The other two
    /// keep this themselves.
    open: Vec<(u32, Time)>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    Raft(raft::Message),
    Paxos(paxos::Message),
    Zab(zab::Message),
}

/// What servers of a group send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Whether it was sent because of a command.
    pub work: bool,
    /// What it says.
    pub said: Said,
}

/// What a server may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Raft(raft::Timer),
    Paxos(paxos::Timer),
    Zab(zab::Timer),
    /// The client beside a leader asks for its next command.
    Load,
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Raft(raft::Note),
    Paxos(paxos::Note),
    Zab(zab::Note),
    /// A leader knows that a command it took up is committed.
    Committed(Protocol),
}

/// How many servers a group has.
pub fn servers(settings: &Settings) -> usize {
    if settings.get(SERVERS) == 0 { 3 } else { 5 }
}

/// The group of a node, and which server of the group it is.
pub fn inner(settings: &Settings, node: NodeId) -> (Protocol, NodeId) {
    let count = servers(settings);
    let of = Protocol::ALL.get(node.index() / count).copied().unwrap_or(Protocol::Zab);
    (of, NodeId::from(node.index() % count))
}

/// The node that is a server of a group.
pub fn outer(settings: &Settings, of: Protocol, server: NodeId) -> NodeId {
    NodeId::from(of as usize * servers(settings) + server.index())
}

/// The nodes of a group.
pub fn group(settings: &Settings, of: Protocol) -> Vec<NodeId> {
    (0..servers(settings)).map(|server| outer(settings, of, NodeId::from(server))).collect()
}

/// The settings of a group's own system: the same timeouts and heartbeats, and no load of its own.
pub fn inner_settings(settings: &Settings, of: Protocol) -> Settings {
    let (count, latency, timeout) = (settings.get(SERVERS), settings.get(LATENCY), settings.get(TIMEOUT));
    let beat = timeout / BEATS;
    let (list, values): (&[Setting], &[(SettingId, i64)]) = match of {
        Protocol::Raft => (
            Raft::SETTINGS,
            &[
                (raft::SERVERS, count),
                (raft::TIMEOUT, timeout),
                (raft::SPREAD, timeout),
                (raft::HEARTBEAT, beat),
                (raft::LATENCY, latency),
                (raft::SNAPSHOT_AFTER, SNAPSHOT_AFTER),
                (raft::LOAD, 0),
            ],
        ),
        Protocol::Paxos => (
            Paxos::SETTINGS,
            &[
                (paxos::KIND, 1),
                (paxos::ACCEPTORS, count),
                (paxos::TIMEOUT, timeout),
                (paxos::HEARTBEAT, beat),
                (paxos::LATENCY, latency),
                (paxos::RATE, 0),
            ],
        ),
        Protocol::Zab => (
            Zab::SETTINGS,
            &[
                (zab::SERVERS, count),
                (zab::TICK, beat),
                (zab::SYNC_LIMIT, BEATS),
                (zab::LATENCY, latency),
                (zab::RATE, 0),
            ],
        ),
    };
    let mut inner = Settings::defaults(list);
    values.iter().for_each(|(id, value)| inner.set(*id, *value));
    inner
}

/// Whether a server leads, as it sees itself, and in which term, round or epoch.
pub fn leads(state: &State) -> Option<u32> {
    match state {
        State::Paxos(paxos::Memory::Member(member)) => match member.phase {
            paxos::Phase::Accept { ballot, .. } => Some(ballot.round),
            _ => None,
        },
        State::Paxos(_) => None,
        State::Raft(memory) => matches!(memory.role, raft::Role::Leader(_)).then_some(0),
        State::Zab(memory) => match &memory.role {
            zab::Role::Leading(leading) if leading.stage == zab::Stage::Broadcast => Some(leading.epoch),
            _ => None,
        },
    }
}

/// In which term, round or epoch a node leads. `None` when it does not, or is down.
pub fn reign(world: &World<SideBySide>, node: NodeId) -> Option<u32> {
    let known = world.node(node)?;
    let reign = leads(&known.memory.as_ref()?.state)?;
    Some(if let Disk::Raft(disk) = &known.disk { disk.term } else { reign })
}

/// The leader of a group: the latest of those that believe they lead.
pub fn leader(world: &World<SideBySide>, of: Protocol) -> Option<NodeId> {
    let all = group(world.settings(), of).into_iter().filter_map(|node| Some((reign(world, node)?, node)));
    all.max().map(|(_, node)| node)
}

/// How many commands a node has applied, no-ops and all.
pub fn applied(world: &World<SideBySide>, node: NodeId) -> u32 {
    let Some(known) = world.node(node) else { return 0 };
    match (&known.disk, known.memory.as_ref().map(|memory| &memory.state)) {
        (_, Some(State::Raft(memory))) => memory.commit,
        (Disk::Paxos(disk), Some(_)) => disk.state.slot,
        (_, Some(State::Zab(memory))) => memory.delivered,
        _ => 0,
    }
}

impl System for SideBySide {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Raft, Multi-Paxos, Zab";

    const RULES: &'static [Rule] = &[];

    const SETTINGS: &'static [Setting] = catalogue::SETTINGS;

    const COMMANDS: &'static [Command] = catalogue::COMMANDS;

    const METRICS: &'static [Metric] = catalogue::METRICS;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: "" };

    fn nodes(settings: &Settings) -> usize {
        Protocol::ALL.len() * servers(settings)
    }

    fn name(settings: &Settings, node: NodeId) -> String {
        let (of, server) = inner(settings, node);
        // All three name their servers A, B, C.
        format!("{} {}", of.short(), Raft::name(settings, server))
    }

    fn link(settings: &Settings, from: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        let latency = Latency::Uniform(mean / 2, mean + mean / 2);
        // Zab alone asks for links that keep their order.
        match inner(settings, from).0 {
            Protocol::Zab => LinkSpec::fifo(latency),
            _ => LinkSpec::unordered(latency),
        }
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        let (of, server) = inner(settings, node);
        let settings = inner_settings(settings, of);
        match of {
            Protocol::Raft => Disk::Raft(Raft::blank_disk(&settings, server)),
            Protocol::Paxos => Disk::Paxos(Paxos::blank_disk(&settings, server)),
            Protocol::Zab => Disk::Zab(Zab::blank_disk(&settings, server)),
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let state = match disk {
            Disk::Raft(disk) => {
                let place = raft_place(context);
                let (memory, done) = inside(context, &place, |context| Raft::boot(disk, context));
                repeat(done, Protocol::Raft, false, Said::Raft, Note::Raft, context);
                State::Raft(memory)
            }
            Disk::Paxos(disk) => {
                let place = paxos_place(context);
                let (memory, done) = inside(context, &place, |context| Paxos::boot(disk, context));
                repeat(done, Protocol::Paxos, false, Said::Paxos, Note::Paxos, context);
                State::Paxos(memory)
            }
            Disk::Zab(disk) => {
                let place = zab_place(context);
                let (memory, done) = inside(context, &place, |context| Zab::boot(disk, context));
                repeat(done, Protocol::Zab, false, Said::Zab, Note::Zab, context);
                State::Zab(memory)
            }
        };
        Memory { state, open: Vec::new() }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        if matches!(event, Event::Timer(Timer::Load)) && period(context.settings()).is_none() {
            context.why(|_| "The load was turned off: nobody asks for anything.".to_owned());
            return;
        }
        match disk {
            Disk::Raft(disk) => memory.handle_raft(disk, event, context),
            Disk::Paxos(disk) => memory.handle_paxos(disk, event, context),
            Disk::Zab(disk) => memory.handle_zab(disk, event, context),
        }
        keep_load(memory, context);
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let of = Protocol::ALL[(call.value(0).max(0) as usize).min(2)];
        let running = |node: &NodeId| world.kernel().is_running(*node);
        let all = group(world.settings(), of).into_iter().filter(running);
        all.max_by_key(|node| (reign(world, *node), std::cmp::Reverse(*node)))
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], scene: &Scene) {
        promises::observe(witness, notes, scene);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match &message.said {
            Said::Raft(said) => Raft::describe_message(&inner_settings(settings, Protocol::Raft), said),
            Said::Paxos(said) => Paxos::describe_message(&inner_settings(settings, Protocol::Paxos), said),
            Said::Zab(said) => Zab::describe_message(&inner_settings(settings, Protocol::Zab), said),
        }
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Raft(timer) => Raft::describe_timer(&inner_settings(settings, Protocol::Raft), timer),
            Timer::Paxos(timer) => Paxos::describe_timer(&inner_settings(settings, Protocol::Paxos), timer),
            Timer::Zab(timer) => Zab::describe_timer(&inner_settings(settings, Protocol::Zab), timer),
            Timer::Load => "the client's next command".to_owned(),
        }
    }
}
