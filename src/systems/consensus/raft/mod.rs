//! Raft: elections, the replicated log, reads, changes of the members, snapshots.
//!
//! Follows Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended version, 2014),
//! figures 2 and 13 and section 6, and Ongaro's dissertation (2014): pre-vote (section 9.6), faster back-up of a
//! follower's log (section 5.3 of the paper), ReadIndex and lease reads (section 6.4), changes of one server at a time
//! (section 4.1) with the correction of 2015, learners (section 4.2.1), and check-quorum (sections 6.2 and 4.2.3).
//! Clients sit beside the servers.
//!
//! # Simplified here
//!
//! - Client sessions are left out: a command that is retried may be applied twice. The clients here do not retry.
//! - The state is not on disk: a server that restarts rebuilds it from its snapshot and its log. A store that keeps it
//!   there, as etcd does, must write it together with the index that it stands for.
//! - Writing to disk takes no time, and what was written stays.
//! - A learner is promoted by the leader as soon as it has all that is committed. In etcd somebody asks for it, and nine
//!   tenths of the log are enough.
//! - A snapshot travels in one message.
//! - A leader cannot hand over its leadership, as `etcdctl move-leader` makes it do.
//! - A log takes 64 entries. Once it is full, commands are refused until a snapshot has made room.
//! - Linearizability, where it is promised, is judged by the last 96 lines of the history. In a longer one, a read of
//!   a value that nobody wrote within them is passed over, and may be stale without anyone noticing.

mod check_quorum;
mod client;
pub mod config;
mod election;
mod hosted;
mod learners;
mod log;
pub mod promises;
mod replication;
mod snapshots;

use std::rc::Rc;

pub use config::Config;
pub use hosted::propose;
pub use log::{Command, Entry, Log, MOST_ENTRIES, Payload, Registers, Snapshot, Words, register_name, registers};

use crate::sim::NodeId;
use crate::sim::declare::commands::{self, CommandCall, Field, field};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting, Settings, count, micros, per_second, percent};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::later::Later;
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::{metrics, purposes, rules, settings};

/// A term: Raft's logical clock (section 5.1).
pub type Term = u32;

/// The system. Its state machine is three registers: x, y and z.
pub struct Raft;

rules! {
    /// One vote per term (section 5.2).
    ONE_VOTE = "one-vote-per-term", "One vote per term",
        "A server votes for one candidate per term. Off: it votes for everyone who asks.";
    /// The vote is on disk before it is sent (figure 2, "persistent state").
    VOTE_ON_DISK = "vote-on-disk", "The vote is on disk",
        "A vote is on disk before it is sent. Off: the server forgets its vote in a crash, and votes again.";
    /// Vote only for a log at least as up to date as one's own (section 5.4.1).
    UP_TO_DATE = "up-to-date-log", "Vote only for an up-to-date log",
        "A server refuses a candidate whose log is behind its own. Off: it votes for any candidate.";
    /// A server that sees a higher term steps down (section 5.1).
    STEP_DOWN = "step-down", "Step down at a higher term",
        "A server that hears of a higher term becomes a follower in it. Off: leaders and candidates carry on.";
    /// Election timeouts are random (section 5.2).
    RANDOM_TIMEOUT = "randomised-timeouts", "Randomised timeouts",
        "Each wait for a leader has a random length. Off: all wait equally long, and stand for election together.";
    /// A follower accepts entries only after one that it shares with the leader (section 5.3).
    CHECK_PREVIOUS = "check-previous-entry", "Check the previous entry",
        "A follower accepts entries only if it has the one before them. Off: it accepts them anyway.";
    /// A follower deletes only what conflicts (figure 2, AppendEntries 3).
    CONFLICTS_ONLY = "overwrite-conflicts-only", "Delete conflicts only",
        "A follower keeps entries that agree. Off: it deletes whatever follows the previous entry.";
    /// A leader commits what a majority has (section 5.3).
    COMMIT_ON_MAJORITY = "commit-on-majority", "Commit on a majority",
        "A leader commits an entry once a majority has it. Off: as soon as the leader has it.";
    /// A leader never deletes entries of its own log (figure 3, leader append-only).
    APPEND_ONLY = "leader-append-only", "A leader only appends",
        "A new leader keeps the entries it has not committed. Off: it deletes them and starts afresh.";
    /// A leader counts copies only of entries of its own term (section 5.4.2).
    OWN_TERM = "commit-own-term", "Count copies of its own term only",
        "Older entries are committed along with one of the leader's own term. Off: they are committed once a majority \
         has them.";
    /// A leader confirms that it still leads before it answers a read (dissertation, section 6.4).
    CONFIRM_READ = "confirm-before-read", "Confirm before a read",
        "A leader confirms that it still leads before it answers a read. Off: it answers at once.";
    /// Members change through a configuration in which both sets must agree (section 6).
    JOINT = "joint-majorities", "Joint majorities",
        "During a change, both sets of members must agree. Off: the new set takes over at once.";
    /// No change of one server before an entry of the leader's own term is committed (Ongaro, 2015).
    NOOP_FIRST = "own-term-first", "An entry of its own term first",
        "Membership changes only after an entry of the leader's term is committed. Off: at any time.";
    /// A snapshot replaces only what has been applied (section 7).
    KEEP_UNAPPLIED = "keep-unapplied", "Keep unapplied entries",
        "A snapshot replaces applied entries only. Off: it replaces the whole log.";
    /// A snapshot carries the term of its last entry (section 7).
    SNAPSHOT_TERM = "snapshot-has-term", "A snapshot carries its last term",
        "A snapshot carries the index and term of its last entry. Off: the index alone.";
    /// A quorum is at least a majority.
    MAJORITY = "majority", "A majority is needed",
        "A quorum is never smaller than a majority. Off: it is whatever the slider says.";
    /// A leader that hears no majority steps down (dissertation, section 6.2).
    HEARD = "check-quorum", "Step down without a majority",
        "A leader that hears no majority for an election timeout steps down, and who hears one ignores candidates. \
         Off: neither.";
    /// A new server gets the log before its vote counts (dissertation, section 4.2.1).
    LEARNERS = "learner-before-voter", "Learner before voter",
        "A new server has no vote until it has what is committed. Off: it counts at once, with an empty log.";
}

settings! {
    /// 3, 5 or 7 servers.
    SERVERS = "servers", "Servers", Control::Choice(&["3", "5", "7"]), 1, AtStart,
        "A majority of them must agree: 2 of 3, 3 of 5, 4 of 7.";
    /// The shortest election timeout, in microseconds.
    TIMEOUT = "election-timeout", "Shortest election timeout", micros(50_000, 1_000_000, 10_000), 150_000, Live,
        "The paper suggests 150 ms.";
    /// How much longer it may be, in microseconds.
    SPREAD = "timeout-spread", "Random part of the timeout", micros(0, 1_000_000, 10_000), 150_000, Live,
        "Added to the shortest timeout: the paper suggests 150 ms, so 150 to 300 ms in all.";
    /// The time between heartbeats, in microseconds.
    HEARTBEAT = "heartbeat", "Time between heartbeats", micros(10_000, 500_000, 10_000), 50_000, Live,
        "Must be well below the election timeout.";
    /// The mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(1_000, 200_000, 1_000), 10_000, Live,
        "A message takes between half and one and a half times this.";
    /// Whether a server asks before it raises its term.
    PRE_VOTE = "pre-vote", "Pre-vote", Control::Toggle, 0, Live,
        "Ask whether an election could be won before raising the term (dissertation, section 9.6).";
    /// Whether a new leader begins with an entry that does nothing.
    NO_OP = "no-op", "A no-op first", Control::Toggle, 0, Live,
        "A new leader begins its term with an entry that does nothing.";
    /// How many servers are enough; 0 for a majority.
    QUORUM = "quorum", "Quorum", count(0, 7), 0, Live,
        "How many servers are enough to elect and to commit.";
    /// How a leader confirms that it leads before it answers a read.
    READS = "reads", "Reads confirmed by", Control::Choice(&["ReadIndex", "lease"]), 0, Live,
        "By a round of heartbeats for each read, or by a lease that heartbeats renew.";
    /// Operations a second that the clients beside the leader ask for.
    LOAD = "load", "Operations a second", per_second(0, 50, 1), 0, AtStart,
        "Sent to every server that believes it leads, by the client beside it.";
    /// How many servers are members at first; 0 for all.
    MEMBERS = "members", "Members at first", count(0, 5), 0, AtStart,
        "The others stand by until they are added.";
    /// How members change.
    CHANGE = "change", "Members change by", Control::Choice(&["joint consensus", "one at a time"]), 0, Live,
        "Joint consensus takes any set at once; the simpler way adds or removes one server.";
    /// How many applied entries make a snapshot worth taking; 0 for never.
    SNAPSHOT_AFTER = "snapshot-after", "Snapshot after", count(0, 20), 0, Live,
        "How many applied entries a server keeps before it replaces them with a snapshot; 0 for never.";
    /// How many of a hundred operations of the load write.
    WRITES = "writes", "Writes", percent(0, 100, 10), 50, Live,
        "How many operations in a hundred are writes.";
    /// Whether the load asks for other members now and then.
    CHURN = "churn", "Members come and go", Control::Toggle, 0, Live,
        "Every fifth operation of the load asks for a different set of members.";
    /// Whether leaders count who hears them, and voters keep to the leader they hear.
    CHECK_QUORUM = "check-quorum", "Check-quorum", Control::Toggle, 0, Live,
        "A leader steps down when it has heard no majority for an election timeout.";
}

metrics! {
    /// Terms a server has begun by standing for election.
    ELECTIONS = "elections", "Elections begun", Counter;
    /// Messages sent.
    MESSAGES = "messages", "Messages sent", Counter;
    /// The greatest term any server has, as each server sees it.
    TERM = "term", "Term", Gauge;
    /// From a client's command to its commit.
    COMMIT_LATENCY = "commit-latency", "Commit", Latency;
    /// Commands committed for a client.
    COMMITTED = "committed", "Committed", Counter;
    /// From a client's read to its answer.
    READ_LATENCY = "read-latency", "Read", Latency;
    /// Entries a server keeps, besides its snapshot.
    LOG_LENGTH = "log-length", "Entries kept", Gauge;
}

purposes! {
    /// What the draws of a server are for.
    TIMEOUT_DRAW;
    ARRIVAL;
    KIND;
    VALUE;
}

/// What a server keeps on disk (figure 2, "persistent state").
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Disk {
    /// The latest term the server has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub voted_for: Option<NodeId>,
    /// Its log.
    pub log: Log,
}

/// What a server is in its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows whoever leads.
    Follower,
    /// Asks whether it could win, without raising its term.
    PreCandidate { votes: u64 },
    /// Stands for election; a set of the servers that voted for it.
    Candidate { votes: u64 },
    /// Leads.
    Leader(Leadership),
}

/// What a leader knows of its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leadership {
    /// The next index to send to each server.
    pub next: Vec<u32>,
    /// The highest index known to be replicated on each.
    pub matched: Vec<u32>,
    /// The highest stamp that each has sent back.
    pub echoed: Vec<u64>,
    /// The last index when it was elected: once that is committed, so is everything committed before.
    pub first: u32,
    /// The last round of heartbeats that was sent for a read.
    pub round: u64,
    /// Clients that wait for a write.
    pub writes: Vec<client::Write>,
    /// Clients that wait for a read.
    pub reads: Vec<client::Read>,
    /// Whom it has heard from lately, where that is counted.
    pub count: Later<check_quorum::Count>,
}

/// What a server loses in a crash (figure 2, "volatile state").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Its role.
    pub role: Role,
    /// Whom it takes for leader of its term.
    pub leader: Option<NodeId>,
    /// The highest index known to be committed.
    pub commit: u32,
    /// The registers x, y and z after all committed entries.
    pub registers: Registers,
    /// When it last heard from a leader, on its own clock; pre-votes are refused shortly after.
    pub heard: Option<Time>,
    /// Whom it voted for, when the rule that keeps votes on disk is off.
    pub unsaved_vote: Option<(Term, NodeId)>,
    /// How many reads it was asked for.
    pub tickets: u32,
}

/// What servers send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Asks for a vote, or with `pre` whether there would be one.
    RequestVote { term: Term, last_index: u32, last_term: Term, pre: bool },
    /// Answers it.
    Vote { term: Term, granted: bool, pre: bool },
    /// Replicates entries; without entries, a heartbeat. The stamp comes back with the answer: the leader's round of
    /// reads, or its clock, by which it knows when it still led.
    Append { term: Term, prev_index: u32, prev_term: Term, entries: Rc<Vec<Entry>>, commit: u32, stamp: u64 },
    /// Answers it: up to where the logs agree, or where to try next.
    AppendReply { term: Term, ok: bool, index: u32, stamp: u64 },
    /// Replaces the beginning of a log (figure 13).
    InstallSnapshot { term: Term, snapshot: Rc<Snapshot>, stamp: u64 },
}

impl Message {
    /// The term it carries.
    pub fn term(&self) -> Term {
        match self {
            Message::RequestVote { term, .. }
            | Message::Vote { term, .. }
            | Message::Append { term, .. }
            | Message::AppendReply { term, .. }
            | Message::InstallSnapshot { term, .. } => *term,
        }
    }
}

/// What a server may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// No leader heard for this long: stand for election.
    Election,
    /// Time to tell the followers that the leader is there.
    Heartbeat,
    /// The next operation of the client beside the server.
    Client,
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A server won an election, with this log and the votes of these servers.
    Elected { term: Term, node: NodeId, log: Log, votes: config::Members },
    /// A server told a pre-candidate that it would vote for it; whether it had a leader at that moment, or led itself.
    WouldVote { node: NodeId, candidate: NodeId, has_leader: bool },
    /// A server applied the entry at an index in this term of its own, and its state is this.
    Applied { node: NodeId, index: u32, entry: Entry, registers: Registers, term: Term },
    /// A server stands at an index by a snapshot, and its state is this.
    Restored { node: NodeId, index: u32, registers: Registers },
    /// A client was told that the write at an index is done.
    Acknowledged { index: u32 },
    /// A client asks to read.
    ReadBegan { node: NodeId, ticket: u32 },
    /// It is answered from the state after an index.
    ReadEnded { node: NodeId, ticket: u32, index: u32 },
    /// A leader hears from a follower.
    Heard { leader: NodeId, from: NodeId },
    /// A leader goes on leading these members: the time between two heartbeats, in thousandths of an election timeout.
    Beat { leader: NodeId, share: u32, config: Config },
    /// Servers become members though they lack entries up to an index that are committed.
    Joined { members: config::Members, floor: u32 },
}

/// What a handler works on: one server and its context.
struct Server<'a, 'b> {
    disk: &'a mut Disk,
    memory: &'a mut Memory,
    context: &'a mut Context<'b, Raft>,
}

impl Server<'_, '_> {
    /// Every other server.
    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.context.me();
        (0..self.context.nodes()).map(NodeId::from).filter(move |node| *node != me)
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.context.count(MESSAGES, 0, 1);
        self.context.send(to, message);
    }

    /// Restarts the election timer.
    fn await_leader(&mut self) {
        let delay = election_timeout(self.context);
        self.context.set_timer(Timer::Election, delay);
    }

    /// Becomes a follower in a term it had not reached (section 5.1).
    fn enter_term(&mut self, term: Term) {
        self.disk.term = term;
        self.disk.voted_for = None;
        self.memory.leader = None;
        let me = self.context.me();
        self.context.gauge(TERM, me.0, i64::from(term));
        self.follow();
    }

    /// Becomes a follower in its term.
    fn follow(&mut self) {
        if let Role::Leader(leadership) = std::mem::replace(&mut self.memory.role, Role::Follower) {
            self.context.cancel_timer(Timer::Heartbeat);
            self.await_leader();
            self.let_clients_go(leadership);
        }
    }

    fn message(&mut self, from: NodeId, message: Message) {
        if !self.is_for_this_term(from, &message) {
            return;
        }
        match message {
            Message::RequestVote { term, last_index, last_term, pre } => {
                self.asked_for_vote(from, term, (last_term, last_index), pre);
            }
            Message::Vote { granted, pre, .. } => self.got_vote(from, granted, pre),
            Message::Append { prev_index, prev_term, entries, commit, stamp, .. } => {
                self.asked_to_append(from, (prev_term, prev_index), &entries, commit, stamp);
            }
            Message::AppendReply { ok, index, stamp, .. } => self.append_answered(from, ok, index, stamp),
            Message::InstallSnapshot { snapshot, stamp, .. } => self.asked_to_install(from, snapshot, stamp),
        }
    }

    /// Terms come first: a higher one is entered, a lower one is refused or passed over (section 5.1).
    fn is_for_this_term(&mut self, from: NodeId, message: &Message) -> bool {
        let (term, mine, me) = (message.term(), self.disk.term, self.context.me());
        let is_pre =
            matches!(message, Message::RequestVote { pre: true, .. } | Message::Vote { pre: true, granted: true, .. });
        if term > mine && matches!(message, Message::RequestVote { .. }) && self.keeps_its_leader() {
            self.ignore_candidate(from, term);
            return false;
        }
        if is_pre {
            return true;
        }
        if matches!(message, Message::RequestVote { .. }) && self.holds_a_lease_for_another() {
            self.refuse_for_the_lease(from, term);
            return false;
        }
        if term > mine {
            let stays = !matches!(self.memory.role, Role::Follower | Role::PreCandidate { .. });
            if stays && !self.context.rule(STEP_DOWN) {
                self.context.why_rule(STEP_DOWN, |s| {
                    let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                    format!(
                        "{me} hears of term {term} from {from} and carries on in term {mine}: stepping down is off."
                    )
                });
                return false;
            }
            self.context.why_rule(STEP_DOWN, |s| {
                format!(
                    "{} hears of term {term}; its own was {mine}. It enters term {term} as a follower.",
                    Raft::name(s, me)
                )
            });
            self.enter_term(term);
        }
        if term < mine {
            self.refuse_old_term(from, message);
        }
        term >= mine
    }

    /// A leader heard lately may be answering reads by its lease: no vote for anybody else meanwhile.
    fn refuse_for_the_lease(&mut self, from: NodeId, term: Term) {
        let (me, mine) = (self.context.me(), self.disk.term);
        self.context.why_rule(CONFIRM_READ, |s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            format!("{me} ignores {from}'s request for term {term}: it has heard a leader, whose lease still runs.")
        });
        self.send(from, Message::Vote { term: mine, granted: false, pre: false });
    }

    /// Tells the sender of an old term's request which term it is by now.
    fn refuse_old_term(&mut self, from: NodeId, message: &Message) {
        let (term, mine, me) = (message.term(), self.disk.term, self.context.me());
        let answer = match message {
            Message::RequestVote { pre, .. } => Some(Message::Vote { term: mine, granted: false, pre: *pre }),
            Message::Append { .. } | Message::InstallSnapshot { .. } => {
                Some(Message::AppendReply { term: mine, ok: false, index: 0, stamp: 0 })
            }
            _ => None,
        };
        let answered = answer.is_some();
        self.context.why(|s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            match answered {
                true => format!("{me} refuses: {from} speaks of term {term}, and it is term {mine} here."),
                false => format!("{me} ignores an answer from term {term}; it is term {mine} here."),
            }
        });
        if let Some(answer) = answer {
            self.send(from, answer);
        }
    }
}

/// The settings of three servers inside another system: no load of their own; an entry of the own term first, so that a
/// new leader commits what the last one left; and snapshots, so that the log always has room.
pub fn hosted(timeout: Micros, spread: Micros, heartbeat: Micros) -> Settings {
    let mut settings = Settings::defaults(SETTINGS);
    let values = [
        (SERVERS, 0),
        (TIMEOUT, timeout as i64),
        (SPREAD, spread as i64),
        (HEARTBEAT, heartbeat as i64),
        (NO_OP, 1),
        (LOAD, 0),
        (SNAPSHOT_AFTER, 20),
    ];
    values.iter().for_each(|(id, value)| settings.set(*id, *value));
    settings
}

/// How long a server waits for a leader before it stands for election.
fn election_timeout(context: &mut Context<Raft>) -> Time {
    let low = context.amount(TIMEOUT);
    if !context.rule(RANDOM_TIMEOUT) {
        return low;
    }
    let spread = context.amount(SPREAD);
    context.draw_between(TIMEOUT_DRAW, low, low + spread)
}

crate::commands! {
    SET = "set", "SET", "Set {0} = {1}| at {2}",
        "Asks a server to set a register: the one that leads, or one of your choice.",
        [REGISTER, field("value", count(0, 99), 5), SERVER];
    GET = "get", "GET", "Read {0}| at {1}",
        "Asks a server for a register: the one that leads, or one of your choice.",
        [REGISTER, SERVER];
    CHANGE_MEMBERS = "members", "Change members", "Change the members to {0}",
        "Asks the leader for a different set of members.",
        [field("members", Control::Choice(&["ABC", "ABCD", "ABCDE", "BCD", "CDE", "A", "AB"]), 2)];
}

impl System for Raft {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Raft";

    const RULES: &'static [Rule] = RULES;

    const SETTINGS: &'static [Setting] = SETTINGS;

    const COMMANDS: &'static [commands::Command] = COMMANDS;

    const METRICS: &'static [Metric] = METRICS;

    const LATER_SETTINGS: usize = 1;

    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(settings: &Settings) -> usize {
        match settings.get(SERVERS) {
            0 => 3,
            2 => 7,
            _ => 5,
        }
    }

    fn name(_: &Settings, node: NodeId) -> String {
        let letter = u8::try_from(node.0).ok().and_then(|index| b'A'.checked_add(index)).unwrap_or(b'?');
        char::from(letter).to_string()
    }

    fn link(settings: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        let mean = settings.amount(LATENCY);
        LinkSpec::unordered(Latency::Uniform(mean / 2, mean + mean / 2))
    }

    fn blank_disk(_: &Settings, _: NodeId) -> Disk {
        Disk::default()
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        let delay = election_timeout(context);
        context.set_timer(Timer::Election, delay);
        client::await_next(context);
        let (me, term) = (context.me(), disk.term);
        context.gauge(TERM, me.0, i64::from(term));
        context.why(|s| format!("{} boots as a follower in term {term}.", Raft::name(s, me)));
        let registers = disk.log.snapshot().map_or([None; 3], |snapshot| snapshot.registers);
        Memory {
            role: Role::Follower,
            leader: None,
            commit: disk.log.base(),
            registers,
            // Before it crashed it may have promised a leader its lease.
            heard: (context.settings().get(READS) == 1).then(|| context.now()),
            unsaved_vote: None,
            tickets: 0,
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let mut server = Server { disk, memory, context };
        match event {
            Event::Message { from, message } => server.message(from, message),
            Event::Timer(Timer::Election) => server.election_timeout_elapsed(),
            Event::Timer(Timer::Heartbeat) => server.heartbeat_due(),
            Event::Timer(Timer::Client) => server.client_acts(),
            Event::Command(call) => match call.command {
                SET => server.asked_to_set(&call),
                GET => server.asked_to_get(&call),
                _ => server.change_members(&call),
            },
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let wanted = match call.command {
            SET => call.value(2),
            GET => call.value(1),
            _ => 0,
        };
        if wanted > 0 {
            let server = NodeId(wanted as u16 - 1);
            return world.node(server).is_some().then_some(server);
        }
        let running = world.nodes().filter(|(id, _)| world.kernel().is_running(*id));
        let leads = |node: &crate::sim::machine::world::Node<Self>| {
            matches!(node.memory.as_ref().map(|memory| &memory.role), Some(Role::Leader(_)))
        };
        running.max_by_key(|(id, node)| (leads(node), node.disk.term, std::cmp::Reverse(*id))).map(|(id, _)| id)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        match message {
            Message::RequestVote { term, pre: true, .. } => format!("a pre-vote request for term {term}"),
            Message::RequestVote { term, .. } => format!("RequestVote, term {term}"),
            Message::Vote { term, granted: true, pre } => {
                format!("a {}vote, term {term}", if *pre { "pre-" } else { "" })
            }
            Message::Vote { term, .. } => format!("a refused vote, term {term}"),
            Message::Append { term, entries, .. } if entries.is_empty() => format!("a heartbeat, term {term}"),
            Message::Append { term, entries, prev_index, .. } => {
                format!(
                    "AppendEntries, term {term}, entries {} to {}",
                    prev_index + 1,
                    prev_index + entries.len() as u32
                )
            }
            Message::AppendReply { term, ok: true, index, .. } => format!("\"matches to {index}\", term {term}"),
            Message::AppendReply { term, index, .. } => format!("\"no match, try {index}\", term {term}"),
            Message::InstallSnapshot { term, snapshot, .. } => {
                format!("InstallSnapshot, term {term}, up to {}", snapshot.last_index)
            }
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Election => "election timeout".to_owned(),
            Timer::Heartbeat => "heartbeat due".to_owned(),
            Timer::Client => "the client's next operation".to_owned(),
        }
    }
}

const REGISTER: Field = field("register", Control::Choice(&["x", "y", "z"]), 0);
const SERVER: Field = field("server", Control::Choice(&["the leader", "A", "B", "C", "D", "E", "F", "G"]), 0);
