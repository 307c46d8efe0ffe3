//! Raft: leader election and log replication.
//!
//! Follows Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (USENIX ATC 2014), figure 2,
//! with the dissertation's pre-vote (Ongaro 2014, section 9.6) as an option and its faster back-up of a follower's
//! log (section 5.3). Not modelled: membership changes, snapshots, client sessions.

mod election;
mod log;
pub mod promises;
mod replication;

use std::rc::Rc;

pub use log::{Command, Entry, Log, MOST_ENTRIES};

use crate::sim::NodeId;
use crate::sim::link::{Latency, LinkSpec};
use crate::sim::metrics::{Metric, MetricId, MetricKind};
use crate::sim::random::Purpose;
use crate::sim::rules::{Rule, RuleId};
use crate::sim::settings::{self, CommandCall, Control, Field, Setting, SettingId, Settings, Takes, Unit};
use crate::sim::system::{Context, Event, Scene, System};
use crate::sim::time::Time;
use crate::sim::world::World;

/// A term: Raft's logical clock (section 5.1).
pub type Term = u32;

/// The system. Its state machine is three registers: x, y and z.
pub struct Raft;

/// One vote a term (section 5.2).
pub const ONE_VOTE: RuleId = RuleId(0);
/// The vote is on disk before it is sent (figure 2, "persistent state").
pub const VOTE_ON_DISK: RuleId = RuleId(1);
/// Vote only for a log at least as up to date as one's own (section 5.4.1).
pub const UP_TO_DATE: RuleId = RuleId(2);
/// A server that sees a higher term steps down (section 5.1).
pub const STEP_DOWN: RuleId = RuleId(3);
/// Election timeouts are random (section 5.2).
pub const RANDOM_TIMEOUT: RuleId = RuleId(4);

/// 3, 5 or 7 servers.
pub const SERVERS: SettingId = SettingId(0);
/// The shortest election timeout, in microseconds.
pub const TIMEOUT: SettingId = SettingId(1);
/// How much longer it may be, in microseconds.
pub const SPREAD: SettingId = SettingId(2);
/// The time between heartbeats, in microseconds.
pub const HEARTBEAT: SettingId = SettingId(3);
/// The mean latency of a message, in microseconds.
pub const LATENCY: SettingId = SettingId(4);
/// Whether a server asks before it raises its term.
pub const PRE_VOTE: SettingId = SettingId(5);

/// Terms a server has begun by standing for election.
pub const ELECTIONS: MetricId = MetricId(0);
/// Messages sent.
pub const MESSAGES: MetricId = MetricId(1);
/// The greatest term any server has, as each server sees it.
pub const TERM: MetricId = MetricId(2);

/// What the draws of a server are for.
const TIMEOUT_DRAW: Purpose = Purpose(0);

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
    /// Leads: the next index to send to each server, and the highest known to be replicated on it.
    Leader { next: Vec<u32>, matched: Vec<u32> },
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
    pub registers: [Option<i16>; 3],
    /// When it last heard from a leader, on its own clock; pre-votes are refused shortly after.
    pub heard: Option<Time>,
    /// Whom it voted for, when the rule that keeps votes on disk is off.
    pub unsaved_vote: Option<(Term, NodeId)>,
}

/// What servers send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Asks for a vote, or with `pre` whether there would be one.
    RequestVote { term: Term, last_index: u32, last_term: Term, pre: bool },
    /// Answers it.
    Vote { term: Term, granted: bool, pre: bool },
    /// Replicates entries; without entries, a heartbeat.
    Append { term: Term, prev_index: u32, prev_term: Term, entries: Rc<Vec<Entry>>, commit: u32 },
    /// Answers it: up to where the logs agree, or where to try next.
    AppendReply { term: Term, ok: bool, index: u32 },
}

impl Message {
    /// The term it carries.
    pub fn term(&self) -> Term {
        match self {
            Message::RequestVote { term, .. }
            | Message::Vote { term, .. }
            | Message::Append { term, .. }
            | Message::AppendReply { term, .. } => *term,
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
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A server won an election, with this log.
    Elected { term: Term, node: NodeId, log: Log },
    /// A server applied the entry at an index.
    Applied { node: NodeId, index: u32, entry: Entry },
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

    /// Arms the election timer anew.
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
        let was_leader = matches!(self.memory.role, Role::Leader { .. });
        self.memory.role = Role::Follower;
        if was_leader {
            self.context.cancel_timer(Timer::Heartbeat);
            self.await_leader();
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
            Message::Append { prev_index, prev_term, entries, commit, .. } => {
                self.asked_to_append(from, (prev_term, prev_index), &entries, commit);
            }
            Message::AppendReply { ok, index, .. } => self.append_answered(from, ok, index),
        }
    }

    /// Terms come first: a higher one is entered, a lower one is refused or passed over (section 5.1).
    fn is_for_this_term(&mut self, from: NodeId, message: &Message) -> bool {
        let (term, mine, me) = (message.term(), self.disk.term, self.context.me());
        let is_pre =
            matches!(message, Message::RequestVote { pre: true, .. } | Message::Vote { pre: true, granted: true, .. });
        if is_pre {
            return true;
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

    /// Tells the sender of an old term's request which term it is by now.
    fn refuse_old_term(&mut self, from: NodeId, message: &Message) {
        let (term, mine, me) = (message.term(), self.disk.term, self.context.me());
        let answer = match message {
            Message::RequestVote { pre, .. } => Some(Message::Vote { term: mine, granted: false, pre: *pre }),
            Message::Append { .. } => Some(Message::AppendReply { term: mine, ok: false, index: 0 }),
            _ => None,
        };
        let answered = answer.is_some();
        self.context.why(|s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            match answered {
                true => format!("{me} refuses: {from} speaks of term {term}, and it is term {mine} here."),
                false => format!("{me} passes over an answer from term {term}; it is term {mine} here."),
            }
        });
        if let Some(answer) = answer {
            self.send(from, answer);
        }
    }
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

impl System for Raft {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Raft";

    const RULES: &'static [Rule] = &[
        Rule {
            id: "one-vote-per-term",
            title: "One vote a term",
            about: "A server votes for one candidate in a term. Off: it votes for everyone who asks.",
        },
        Rule {
            id: "vote-on-disk",
            title: "The vote is on disk",
            about: "A vote is on disk before it is sent. Off: a server that restarts has forgotten it and votes again.",
        },
        Rule {
            id: "up-to-date-log",
            title: "Vote only for an up-to-date log",
            about: "A server refuses a candidate whose log ends before its own. Off: any candidate will do.",
        },
        Rule {
            id: "step-down",
            title: "Step down at a higher term",
            about: "Whoever hears of a higher term becomes a follower in it. Off: leaders and candidates carry on.",
        },
        Rule {
            id: "randomised-timeouts",
            title: "Randomised timeouts",
            about: "Each wait for a leader has a random length. Off: all wait equally long, and stand at the same time.",
        },
    ];

    const SETTINGS: &'static [Setting] = &[
        Setting {
            id: "servers",
            title: "Servers",
            about: "A majority of them must agree: 2 of 3, 3 of 5, 4 of 7.",
            control: Control::Choice(&["3", "5", "7"]),
            default: 1,
            takes: Takes::AtStart,
        },
        Setting {
            id: "election-timeout",
            title: "Shortest election timeout",
            about: "The paper suggests 150 ms.",
            control: Control::Slider { min: 50_000, max: 1_000_000, step: 10_000, unit: Unit::Micros },
            default: 150_000,
            takes: Takes::Live,
        },
        Setting {
            id: "timeout-spread",
            title: "Random part of the timeout",
            about: "Added to the shortest timeout: the paper suggests 150 ms, so 150 to 300 ms in all.",
            control: Control::Slider { min: 0, max: 1_000_000, step: 10_000, unit: Unit::Micros },
            default: 150_000,
            takes: Takes::Live,
        },
        Setting {
            id: "heartbeat",
            title: "Time between heartbeats",
            about: "Must be well below the election timeout.",
            control: Control::Slider { min: 10_000, max: 500_000, step: 10_000, unit: Unit::Micros },
            default: 50_000,
            takes: Takes::Live,
        },
        Setting {
            id: "latency",
            title: "Mean latency",
            about: "A message takes between half and one and a half times this.",
            control: Control::Slider { min: 1_000, max: 200_000, step: 1_000, unit: Unit::Micros },
            default: 10_000,
            takes: Takes::Live,
        },
        Setting {
            id: "pre-vote",
            title: "Pre-vote",
            about: "Ask whether an election could be won before raising the term (dissertation, section 9.6).",
            control: Control::Toggle,
            default: 0,
            takes: Takes::Live,
        },
    ];

    const COMMANDS: &'static [settings::Command] = &[settings::Command {
        id: "set",
        title: "SET",
        about: "Asks the server that believes it leads to set a register.",
        fields: &[
            Field { title: "register", control: Control::Choice(&["x", "y", "z"]), default: 0 },
            Field {
                title: "value",
                control: Control::Slider { min: 0, max: 99, step: 1, unit: Unit::Count },
                default: 5,
            },
        ],
    }];

    const METRICS: &'static [Metric] = &[
        Metric { id: "elections", title: "Elections begun", kind: MetricKind::Counter },
        Metric { id: "messages", title: "Messages sent", kind: MetricKind::Counter },
        Metric { id: "term", title: "Term", kind: MetricKind::Gauge },
    ];

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
        let (me, term) = (context.me(), disk.term);
        context.gauge(TERM, me.0, i64::from(term));
        context.why(|s| format!("{} boots as a follower in term {term}.", Raft::name(s, me)));
        Memory { role: Role::Follower, leader: None, commit: 0, registers: [None; 3], heard: None, unsaved_vote: None }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let mut server = Server { disk, memory, context };
        match event {
            Event::Message { from, message } => server.message(from, message),
            Event::Timer(Timer::Election) => server.election_timeout_elapsed(),
            Event::Timer(Timer::Heartbeat) => server.heartbeat_due(),
            Event::Command(call) => server.client_asks(&call),
        }
    }

    fn route(world: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        let running = world.nodes().filter(|(id, _)| world.kernel().is_running(*id));
        let leads = |node: &crate::sim::world::Node<Self>| {
            matches!(node.memory.as_ref().map(|memory| &memory.role), Some(Role::Leader { .. }))
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
            Message::AppendReply { term, ok: true, index } => format!("\"matches to {index}\", term {term}"),
            Message::AppendReply { term, index, .. } => format!("\"no match, try {index}\", term {term}"),
        }
    }

    fn describe_timer(_: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Election => "election timeout".to_owned(),
            Timer::Heartbeat => "heartbeat due".to_owned(),
        }
    }
}
