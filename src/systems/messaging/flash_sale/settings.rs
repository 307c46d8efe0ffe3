//! What a reader may turn, ask and measure.

use crate::sim::declare::commands::field;
use crate::sim::declare::settings::{Unit, count, micros, per_second, slider};
use crate::{commands, metrics, settings};

settings! {
    /// Orders a minute during the sale, Poisson.
    SALE = "sale", "Orders a minute", slider(0, 1_000_000, 1_000, Unit::Count), 500_000, Live,
        "While the sale lasts.";
    /// Orders a minute outside of it.
    QUIET = "quiet", "Between sales", slider(0, 200_000, 1_000, Unit::Count), 60_000, Live,
        "Orders a minute when there is no sale.";
    /// How long the sale lasts, in microseconds. It begins at the start, and again every [`EVERY`].
    LENGTH = "length", "Length of the sale", micros(0, 300_000_000, 5_000_000), 60_000_000, Live,
        "It begins at the start.";
    /// From sale to sale, in microseconds.
    EVERY = "every", "From sale to sale", micros(10_000_000, 600_000_000, 10_000_000), 300_000_000, Live,
        "The next one begins this long after the last.";
    /// Writes a second that the database can do.
    CAPACITY = "capacity", "The database can do", per_second(100, 20_000, 100), 5_000, Live,
        "Writes a second, as long as no more than 500 come at once.";
    /// Partitions of the topic.
    PARTITIONS = "partitions", "Partitions", count(1, 10), 10, AtStart,
        "Of the topic.";
    /// Workers for each partition: each has one write under way.
    WORKERS = "workers", "Workers per partition", count(1, 100), 50, Live,
        "Each has one write under way.";
    /// Consumers; partitions go to them in turn.
    CONSUMERS = "consumers", "Consumers", count(1, 3), 2, AtStart,
        "Partitions are dealt to them in turn.";
    /// Orders that all consumers together may hold; each has its share.
    BUFFER = "buffer", "Buffer", count(1, 50_000), 10_000, AtStart,
        "How many orders all consumers together hold before they pause.";
    /// max.poll.records
    MAX_POLL = "max-poll-records", "max.poll.records", count(1, 2_000), 500, Live,
        "The most orders one poll returns. Kafka's default is 500.";
    /// linger.ms, in microseconds.
    LINGER = "linger", "linger.ms", micros(5_000, 100_000, 5_000), 20_000, Live,
        "How long a batch gathers orders. Kafka's default is 5 ms since 4.0.";
    /// Request timeout, in microseconds; 0 waits for ever.
    PATIENCE = "request-timeout", "Request timeout", micros(0, 10_000_000, 500_000), 2_000_000, Live,
        "After this long a request is sent again or abandoned. Kafka's default is 30 s.";
}

metrics! {
    /// Orders that came in.
    IN = "in", "Orders in", Counter;
    /// Orders that were written.
    OUT = "out", "Writes out", Counter;
    /// Orders in the log that were not committed, by partition.
    LAG = "lag", "Lag", Gauge;
    /// Orders a consumer holds and has not begun to write.
    BUFFERED = "buffered", "Buffered", Gauge;
    /// Writes that the database has at once.
    AT_ONCE = "at-once", "At once in the database", Gauge;
    /// How long a write takes the database, with its wait.
    WRITE = "write", "A write takes", Latency;
    /// From the customer to the row.
    LATENCY = "latency", "From order to row", Latency;
    /// Customers turned away.
    AWAY = "away", "Turned away", Counter;
    /// Orders that came in (subject 0) and were written (1) since the start.
    TOTALS = "totals", "Since the start", Gauge;
    /// Sums over orders, in microseconds: the moments at which they came in (0), the same of those that were written (1),
    /// how long those were in the system (2).
    MOMENTS = "moments", "Moments", Counter;
}

commands! {
    COMMAND_ORDER = "order", "Order", "Place {0 order} at once",
        "This many customers order at once.",
        [field("orders", count(1, 50_000), 5_000)];
}
