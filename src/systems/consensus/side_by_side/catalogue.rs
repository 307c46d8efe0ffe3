//! What a reader may turn, ask and measure.

use crate::sim::declare::commands::field;
use crate::sim::declare::settings::{Control, Unit, micros, per_second, slider};
use crate::{commands, metrics, settings};

settings! {
    /// 3 or 5 servers a group.
    SERVERS = "servers", "Servers per group", Control::Choice(&["3", "5"]), 0, AtStart,
        "A majority of each group must agree: 2 of 3, 3 of 5.";
    /// Commands a second for each group.
    RATE = "rate", "Commands", per_second(0, 50, 1), 0, Live,
        "For each of the three leaders, at the same moments.";
    /// The mean latency of a message, in microseconds.
    LATENCY = "latency", "Mean latency", micros(2_000, 120_000, 1_000), 10_000, Live,
        "A message takes between half and one and a half times this, in each group.";
    /// The shortest time without a word from a leader after which a server acts, in microseconds.
    TIMEOUT = "timeout", "Shortest timeout", micros(150_000, 600_000, 30_000), 150_000, Live,
        "A server that hears no leader for this long (Zab), or for up to twice as long (Raft, Paxos), looks for a new \
         one. Heartbeats come three times as often.";
}

metrics! {
    /// From the leader's taking a command up until it knows that it is committed, by protocol.
    COMMIT_LATENCY = "commit-latency", "Commit latency", Latency;
    /// Messages that commands cause, by protocol.
    MESSAGES = "messages", "Messages for commands", Counter;
    /// All other messages, by protocol.
    UPKEEP = "upkeep", "Other messages", Counter;
    /// Commands that a leader knows to be committed, by protocol.
    COMMITTED = "committed", "Commands committed", Counter;
}

commands! {
    SET = "set", "SET", "Set {1} = {2}| in {0}",
        "Asks the leader of a group to set a register.",
        [field("group", Control::Choice(&["Raft", "Multi-Paxos", "Zab"]), 0), field("register", Control::Choice(&["x", "y", "z"]), 0), field("value", slider(0, 99, 1, Unit::Count), 5)];
}
