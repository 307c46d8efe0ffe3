//! What a reader may turn, ask and measure.

use crate::sim::declare::commands::field;
use crate::sim::declare::settings::{count, micros, per_second};
use crate::{commands, metrics, settings};

settings! {
    /// Orders a second, Poisson.
    RATE = "rate", "Orders a second", per_second(0, 8, 1), 3, Live,
        "Placed by customers, at random moments.";
    /// max.poll.records of checkout and writer.
    MAX_POLL = "max-poll-records", "max.poll.records", count(1, 10), 4, Live,
        "The most orders in one transaction. Kafka's default is 500.";
    /// How long a batch is checked out, in microseconds.
    WORK = "work", "Checking out", micros(10_000, 400_000, 10_000), 60_000, Live,
        "How long the checkout works on a batch.";
    /// Instances of the checkout.
    INSTANCES = "instances", "Checkouts", count(1, 2), 2, AtStart,
        "With two, one works and one stands by.";
    /// Silence after which the one that stands by takes over, in microseconds; 0: only when told.
    TAKEOVER = "takeover", "Takes over after", micros(0, 5_000_000, 100_000), 1_000_000, AtStart,
        "Silence after which the standby considers the other checkout dead.";
    /// transaction.timeout.ms, in microseconds.
    TXN_TIMEOUT = "transaction-timeout", "transaction.timeout.ms", micros(1_000_000, 60_000_000, 1_000_000), 10_000_000, Live,
        "How long a transaction may stay open. Kafka's default is 60 s.";
    /// request.timeout.ms, in microseconds; 0 waits for ever.
    PATIENCE = "request-timeout", "Request timeout", micros(0, 5_000_000, 100_000), 500_000, Live,
        "A client asks again after this long. Kafka's default is 30 s.";
    /// Requests in the log at the start.
    REQUESTED = "requested", "Requests at the start", count(0, 5), 0, AtStart,
        "This many wait for the checkout.";
    /// Orders in the log at the start.
    ORDERED = "ordered", "Orders at the start", count(0, 5), 0, AtStart,
        "This many wait for the writer.";
}

metrics! {
    /// Orders that customers were told to be taken.
    TAKEN = "taken", "Taken", Counter;
    /// Rows.
    WRITTEN = "written", "Written", Counter;
    /// From the customer to the row.
    LATENCY = "latency", "From order to row", Latency;
    /// Transactions that ended: aborted (subject 0) and committed (1).
    ABORTED = "transactions", "Transactions", Counter;
    /// Requests that the cluster refused or knew already, by who sent them.
    REFUSED = "refused", "Refused or known", Counter;
}

commands! {
    COMMAND_ORDER = "order", "Order", "Place {0 order}",
        "This many customers place an order.",
        [field("orders", count(1, 20), 3)];
    COMMAND_TAKE_OVER = "take-over", "Take over", "Take over from checkout 1",
        "Checkout 2 considers checkout 1 dead, whether it is or not.",
        [];
}
