//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::commands::{Field, field};
use crate::sim::declare::settings::{Control, count, micros, per_second};
use crate::{commands, metrics, rules, settings};

rules! {
    /// Workers acknowledge (commit) after the work.
    ACK_AFTER = "ack-after-work", "Acknowledge after the work",
        "A worker acknowledges, or commits, once an order is done. Off: as soon as it gets it.";
    /// A shop keeps an order until the broker has confirmed it.
    CONFIRMS = "wait-for-confirm", "Wait for the confirm",
        "A shop sends an order again until its broker has confirmed it. Off: it considers an order safe once sent.";
    /// Kafka and JetStream recognise an order that is sent again.
    RECOGNISE = "recognise-copies", "Recognise what is sent again",
        "Kafka by producer and sequence, JetStream by Nats-Msg-Id. RabbitMQ has no such feature. Off: no broker \
         recognises copies.";
}

settings! {
    /// Which lanes there are: all, or one of them alone.
    LANES = "lanes", "Lanes", Control::Choice(&["all three", "RabbitMQ", "Kafka", "JetStream"]), 0, AtStart,
        "All three, or one of them alone.";
    /// Orders a second in each lane.
    RATE = "rate", "Orders", per_second(0, 10, 1), 4, Live,
        "In each lane, at the same moments.";
    /// Mean length of the work on an order, in microseconds.
    TASK = "task", "Length of a task", micros(50_000, 2_000_000, 50_000), 250_000, Live,
        "On average; lengths are exponential.";
    /// The patience with a silent worker, in microseconds.
    PATIENCE = "patience", "Patience with a silent worker", micros(500_000, 10_000_000, 500_000), 2_000_000, Live,
        "Two heartbeat intervals, session timeout, ack wait. By default two to three minutes, 45 s and 30 s.";
}

metrics! {
    /// Orders worked, by lane.
    WORKED = "worked", "Orders worked", Counter;
    /// From being given to being worked, by lane.
    UNTIL_WORKED = "until-worked", "Until worked", Latency;
    /// Orders at the broker that are not acknowledged, by lane.
    WAITING = "waiting", "Not acknowledged", Gauge;
}

commands! {
    PUBLISH = "publish", "Order", "Place {1 order}| in the {0} lane",
        "A shop places this many orders at once.",
        [LANE, field("orders", count(1, 20), 4)];
    REPLAY = "replay", "Replay from the start", "Replay from the start|: worker {1} of {0}",
        "A Kafka worker seeks to offset 0; JetStream gets a new consumer; a RabbitMQ queue has nothing to go back to.",
        [LANE, WORKER];
    KILL = "kill", "Kill the process", "Kill the process| of worker {1} of {0}",
        "Ends a worker's process; the machine keeps running. The process is restarted after 4 s.",
        [LANE, WORKER];
}

const LANE: Field = field("lane", Control::Choice(&["RabbitMQ", "Kafka", "JetStream"]), 1);
const WORKER: Field = field("worker", count(1, 2), 1);
