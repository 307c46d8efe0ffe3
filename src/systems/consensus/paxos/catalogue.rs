//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::rules::{Rule, RuleId};
use crate::sim::declare::settings::{Command, Control, Field, Setting, SettingId, Takes, Unit, field, slider};
use crate::sim::measure::metrics::{Metric, MetricId, MetricKind};

/// An acceptor's promise is on disk before it answers (section 2.5).
pub const PROMISE_ON_DISK: RuleId = RuleId(0);
/// An acceptor accepts nothing below its promise (section 2.2, P1a).
pub const KEEP_PROMISE: RuleId = RuleId(1);
/// A proposer proposes the value of the highest ballot it was told of (section 2.2, P2c).
pub const ADOPT_HIGHEST: RuleId = RuleId(2);
/// A proposer waits for a majority, in both phases (section 2.2).
pub const MAJORITY: RuleId = RuleId(3);
/// A proposer that was refused waits a random time (section 2.4 wants one distinguished proposer; waiting makes one).
pub const BACK_OFF: RuleId = RuleId(4);
/// A new leader's phase 1 asks about every slot it does not know (section 3).
pub const ALL_OPEN_SLOTS: RuleId = RuleId(5);
/// A new leader fills gaps with no-ops (section 3).
pub const FILL_GAPS: RuleId = RuleId(6);

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "promise-on-disk",
        title: "The promise is on disk",
        about: "An acceptor writes its promise to disk before it sends it. Off: a crash wipes the promise out.",
    },
    Rule {
        id: "keep-promise",
        title: "A promise is kept",
        about: "An acceptor accepts nothing below the ballot it has promised. Off: it accepts whatever it is sent.",
    },
    Rule {
        id: "adopt-highest",
        title: "Adopt the highest accepted value",
        about: "A proposer takes over the value of the highest ballot that the promises tell of. Off: it proposes its \
                own.",
    },
    Rule {
        id: "majority",
        title: "A majority",
        about: "Both phases need more than half of the acceptors. Off: one fewer will do, two of five or one of three.",
    },
    Rule {
        id: "back-off",
        title: "Random back-off",
        about: "A proposer that was refused waits a random time, longer each time. Off: it tries again at once.",
    },
    Rule {
        id: "all-open-slots",
        title: "Phase 1 covers every open slot",
        about: "A new leader asks what was accepted in every slot it does not know. Off: in the first of them only.",
    },
    Rule {
        id: "fill-gaps",
        title: "Gaps are filled",
        about: "A new leader proposes a no-op in each open slot of which nobody tells a value. Off: it leaves a hole.",
    },
];

/// One decree after another, or a log.
pub const KIND: SettingId = SettingId(0);
/// 3 or 5.
pub const ACCEPTORS: SettingId = SettingId(1);
/// How many propose, for single decrees.
pub const PROPOSERS: SettingId = SettingId(2);
/// The mean latency of a message, in microseconds.
pub const LATENCY: SettingId = SettingId(3);
/// How much later each proposer begins than the one before, in microseconds.
pub const STAGGER: SettingId = SettingId(4);
/// What a proposer takes between its phases, in microseconds.
pub const BETWEEN: SettingId = SettingId(5);
/// How long a proposer, or a client, waits for an answer, in microseconds; 0: nothing is
/// begun or sent again.
pub const PATIENCE: SettingId = SettingId(6);
/// The longest first back-off, in microseconds.
pub const BACK_OFF_BASE: SettingId = SettingId(7);
/// Commands a second from the clients.
pub const RATE: SettingId = SettingId(8);
/// The shortest election timeout, in microseconds; the longest is twice as long.
pub const TIMEOUT: SettingId = SettingId(9);
/// The time between heartbeats, in microseconds; 0 for none.
pub const HEARTBEAT: SettingId = SettingId(10);
/// Whether a leader runs phase 1 once, and not for each command.
pub const SKIP_PHASE_1: SettingId = SettingId(11);

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        id: "kind",
        title: "What is agreed on",
        about: "One decree after another, or a log of commands.",
        control: Control::Choice(&["single decrees", "a log"]),
        default: 0,
        takes: Takes::AtStart,
    },
    Setting {
        id: "acceptors",
        title: "Acceptors",
        about: "A majority of them must agree: 2 of 3, 3 of 5. Where there is a log, each server is one.",
        control: Control::Choice(&["3", "5"]),
        default: 1,
        takes: Takes::AtStart,
    },
    Setting {
        id: "proposers",
        title: "Proposers",
        about: "Each wants a value of its own.",
        control: slider(2, 3, 1, Unit::Count),
        default: 2,
        takes: Takes::AtStart,
    },
    Setting {
        id: "latency",
        title: "Mean latency",
        about: "How long a message takes, give or take a little.",
        control: slider(1_000, 200_000, 1_000, Unit::Micros),
        default: 10_000,
        takes: Takes::Live,
    },
    Setting {
        id: "stagger",
        title: "Head start",
        about: "How much later each proposer begins than the one before it.",
        control: slider(0, 300_000, 5_000, Unit::Micros),
        default: 35_000,
        takes: Takes::Live,
    },
    Setting {
        id: "between",
        title: "Between the phases",
        about: "What a proposer takes from the promises to its accept requests.",
        control: slider(0, 100_000, 5_000, Unit::Micros),
        default: 30_000,
        takes: Takes::Live,
    },
    Setting {
        id: "patience",
        title: "Patience",
        about: "How long a proposer, or a client, waits for answers before it tries again. 0: it never does.",
        control: slider(0, 2_000_000, 50_000, Unit::Micros),
        default: 300_000,
        takes: Takes::Live,
    },
    Setting {
        id: "back-off",
        title: "Longest first back-off",
        about: "Doubles with each refusal, up to 16 times this.",
        control: slider(10_000, 500_000, 10_000, Unit::Micros),
        default: 60_000,
        takes: Takes::Live,
    },
    Setting {
        id: "rate",
        title: "Commands",
        about: "How many a second the clients send, on average.",
        control: slider(0, 100, 1, Unit::PerSecond),
        default: 5,
        takes: Takes::Live,
    },
    Setting {
        id: "election-timeout",
        title: "Shortest election timeout",
        about: "A server that hears no leader for this long, or up to twice as long, tries to lead.",
        control: slider(50_000, 1_000_000, 10_000, Unit::Micros),
        default: 150_000,
        takes: Takes::Live,
    },
    Setting {
        id: "heartbeat",
        title: "Time between heartbeats",
        about: "Must be well below the election timeout. 0: none are sent.",
        control: slider(0, 500_000, 10_000, Unit::Micros),
        default: 50_000,
        takes: Takes::Live,
    },
    Setting {
        id: "skip-phase-1",
        title: "A stable leader skips phase 1",
        about: "Off: both phases are run for every command, as in basic Paxos.",
        control: Control::Toggle,
        default: 1,
        takes: Takes::Live,
    },
];

const VALUE: Field = field("value", slider(0, 99, 1, Unit::Count), 5);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        id: "propose",
        title: "PROPOSE",
        about: "A proposer takes up this value for x and begins a ballot.",
        fields: &[field("proposer", Control::Choice(&["P1", "P2", "P3"]), 1), VALUE],
    },
    Command {
        id: "set",
        title: "SET",
        about: "A client asks to set a register.",
        fields: &[field("register", Control::Choice(&["x", "y", "z"]), 0), VALUE],
    },
];

/// From a command (or a proposer's wish) to the answer that it is chosen.
pub const COMMIT_LATENCY: MetricId = MetricId(0);
/// Messages sent. Subject 0: for commands or decrees; 1: elections, heartbeats, catching up.
pub const MESSAGES: MetricId = MetricId(1);
/// Commands that were chosen, applied and answered; decrees decided.
pub const COMMITTED: MetricId = MetricId(2);
/// Ballots begun, by proposer.
pub const BALLOTS: MetricId = MetricId(3);

/// Messages that the last chosen slot took, by leader: its requests and their answers, the client's, and the news.
pub const PER_COMMAND: MetricId = MetricId(4);

pub(super) const METRICS: &[Metric] = &[
    Metric { id: "commit-latency", title: "Commit latency", kind: MetricKind::Latency },
    Metric { id: "messages", title: "Messages sent", kind: MetricKind::Counter },
    Metric { id: "committed", title: "Commands committed", kind: MetricKind::Counter },
    Metric { id: "ballots", title: "Ballots begun", kind: MetricKind::Counter },
    Metric { id: "per-command", title: "Messages for a command", kind: MetricKind::Gauge },
];
