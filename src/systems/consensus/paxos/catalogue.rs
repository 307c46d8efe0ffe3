//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Control, Unit, count, micros, per_second, slider};
use crate::{commands, metrics, rules, settings};

rules! {
    /// An acceptor's promise is on disk before it answers (section 2.5).
    PROMISE_ON_DISK = "promise-on-disk", "The promise is on disk",
        "An acceptor writes its promise to disk before it sends it. Off: a crash wipes the promise out.";
    /// An acceptor accepts nothing below its promise (section 2.2, P1a).
    KEEP_PROMISE = "keep-promise", "A promise is kept",
        "An acceptor accepts nothing below the ballot it has promised. Off: it accepts whatever it is sent.";
    /// A proposer proposes the value of the highest ballot it was told of (section 2.2, P2c).
    ADOPT_HIGHEST = "adopt-highest", "Adopt the highest accepted value",
        "A proposer adopts the value of the highest ballot that its promises report. Off: it proposes its own.";
    /// A proposer waits for a majority, in both phases (section 2.2).
    MAJORITY = "majority", "A majority",
        "Both phases need more than half of the acceptors. Off: one fewer is enough, two of five or one of three.";
    /// A proposer that was refused waits a random time (section 2.4 wants one distinguished proposer; waiting makes one).
    BACK_OFF = "back-off", "Random back-off",
        "A refused proposer waits a random time, longer after each refusal. Off: it tries again at once.";
    /// A new leader's phase 1 covers every slot not known to be chosen (section 3).
    ALL_OPEN_SLOTS = "all-open-slots", "Phase 1 covers every open slot",
        "A new leader asks what was accepted in every slot not known to be chosen. Off: only in the first of them.";
    /// A new leader fills gaps with no-ops (section 3).
    FILL_GAPS = "fill-gaps", "Gaps are filled",
        "A new leader proposes a no-op in each open slot for which nobody reports a value. Off: it leaves a hole.";
}

settings! {
    /// One decree after another, or a log.
    KIND = "kind", "What is agreed on", Control::Choice(&["single decrees", "a log"]), 0, AtStart,
        "One decree after another, or a log of commands.";
    /// 3 or 5.
    ACCEPTORS = "acceptors", "Acceptors", Control::Choice(&["3", "5"]), 1, AtStart,
        "A majority of them must agree: 2 of 3, 3 of 5. With a log, each server is one.";
    /// How many propose, for single decrees.
    PROPOSERS = "proposers", "Proposers", count(2, 3), 2, AtStart,
        "Each wants a value of its own.";
    /// The mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(1_000, 200_000, 1_000), 10_000, Live,
        "How long a message takes, give or take a little.";
    /// How much later each proposer begins than the one before, in microseconds.
    STAGGER = "stagger", "Head start", micros(0, 300_000, 5_000), 35_000, Live,
        "How much later each proposer begins than the one before it.";
    /// What a proposer takes between its phases, in microseconds.
    BETWEEN = "between", "Between the phases", micros(0, 100_000, 5_000), 30_000, Live,
        "How long a proposer takes between the promises and its accept requests.";
    /// How long a proposer, or a client, waits for an answer, in microseconds; 0: nothing is
    /// begun or sent again.
    PATIENCE = "patience", "Patience", micros(0, 2_000_000, 50_000), 300_000, Live,
        "How long a proposer or a client waits for answers before it tries again. 0: it never does.";
    /// The longest first back-off, in microseconds.
    BACK_OFF_BASE = "back-off", "Longest first back-off", micros(10_000, 500_000, 10_000), 60_000, Live,
        "Doubles with each refusal, up to 16 times this.";
    /// Commands a second from the clients.
    RATE = "rate", "Commands", per_second(0, 100, 1), 5, Live,
        "How many a second the clients send, on average.";
    /// The shortest election timeout, in microseconds; the longest is twice as long.
    TIMEOUT = "election-timeout", "Shortest election timeout", micros(50_000, 1_000_000, 10_000), 150_000, Live,
        "A server that hears no leader for this long, or up to twice as long, tries to lead.";
    /// The time between heartbeats, in microseconds; 0 for none.
    HEARTBEAT = "heartbeat", "Time between heartbeats", micros(0, 500_000, 10_000), 50_000, Live,
        "Must be well below the election timeout. 0: none are sent.";
    /// Whether a leader runs phase 1 once, and not for each command.
    SKIP_PHASE_1 = "skip-phase-1", "A stable leader skips phase 1", Control::Toggle, 1, Live,
        "Off: both phases are run for every command, as in basic Paxos.";
}

const VALUE: Field = field("value", slider(0, 99, 1, Unit::Count), 5);

commands! {
    PROPOSE = "propose", "PROPOSE", "Propose x = {1}| as {0}",
        "A proposer takes up this value for x and begins a ballot.",
        [field("proposer", Control::Choice(&["P1", "P2", "P3"]), 1), VALUE];
    SET = "set", "SET", "Set {0} = {1}",
        "A client asks to set a register.",
        [field("register", Control::Choice(&["x", "y", "z"]), 0), VALUE];
}

metrics! {
    /// From a command (or a proposer's wish) to the answer that it is chosen.
    COMMIT_LATENCY = "commit-latency", "Commit latency", Latency;
    /// Messages sent. Subject 0: for commands or decrees; 1: elections, heartbeats, catching up.
    MESSAGES = "messages", "Messages sent", Counter;
    /// Commands that were chosen, applied and answered; decrees decided.
    COMMITTED = "committed", "Commands committed", Counter;
    /// Ballots begun, by proposer.
    BALLOTS = "ballots", "Ballots begun", Counter;
    /// Messages that the last chosen slot took, by leader: its requests and their answers, the client's, and the news.
    PER_COMMAND = "per-command", "Messages per command", Gauge;
}
