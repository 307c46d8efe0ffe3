//! What a reader may switch, turn, ask and measure.

use crate::sim::declare::commands::field;
use crate::sim::declare::settings::{count, micros, per_second};
use crate::{commands, metrics, rules, settings};

rules! {
    /// The read model's offset is in the transaction of its rows.
    OFFSET_WITH_ROWS = "offset-with-rows", "Offset stored with the rows",
        "The read model stores its offset in the same transaction as its rows. Off: it commits the offset to Kafka, \
         later.";
    /// The relay commits when RabbitMQ has confirmed.
    CONFIRM_FIRST = "confirm-then-commit", "Commit when the tasks are confirmed",
        "The relay commits its offset once RabbitMQ has confirmed the tasks. Off: once it has read the orders.";
    /// The worker looks whether it has charged an order before.
    CHARGE_ONCE = "charge-once", "Charge an order once",
        "The worker stores the order's number with the charge, and checks it first. Off: it charges whatever it gets.";
    /// What fails too often is parked.
    PARK = "park-dead-letters", "Park dead letters",
        "An abandoned task goes to the dead-letter exchange. Off: RabbitMQ drops it.";
    /// The read model does not wait for who hears its notices.
    NOBODY_WAITS = "nobody-waits", "Nobody waits for a notice",
        "The read model publishes a notice and goes on. Off: it sends a request, and waits for the answer.";
}

settings! {
    /// Orders a second.
    RATE = "rate", "Orders", per_second(0, 8, 1), 3, Live,
        "How many a second, evenly spaced.";
    /// Mean length of a charge, in microseconds.
    TASK = "task", "Length of a charge", micros(10_000, 500_000, 10_000), 120_000, Live,
        "On average; lengths are exponential.";
    /// One card in this many is declined; 0 for none.
    DECLINED = "declined", "Cards declined", count(0, 12), 6, Live,
        "One order in this many; 0 for none. It fails at every try.";
}

metrics! {
    /// How far who reads the log is behind its end: relay (subject 0), read model (1).
    LAG = "lag", "Behind the log", Gauge;
    /// Tasks at RabbitMQ that are ready or waiting for another try.
    TASKS = "tasks", "Tasks", Gauge;
    /// Notices published (subject 0) and shown (1).
    NOTICES = "notices", "Notices", Counter;
}

commands! {
    ORDER = "order", "Order", "Place {0 order}",
        "This many orders at once.",
        [field("orders", count(1, 10), 4)];
    REBUILD = "rebuild", "Rebuild the read model", "Rebuild the read model",
        "Drops its rows and rereads the log from offset 0.",
        [];
}
