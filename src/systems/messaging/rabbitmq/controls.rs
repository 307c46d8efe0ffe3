//! Rules, settings, commands and metrics: what a reader may turn and see.

use super::topology::{DESKS, NAMES};
use super::words::{BINDING_KEYS, EXCHANGES, KEYS, REGIONS};
use crate::sim::declare::commands::{field, text_field};
use crate::sim::declare::settings::{Control, count, micros, per_second, percent};
use crate::{commands, metrics, rules, settings};

rules! {
    /// A consumer holds one unacknowledged message at a time.
    PREFETCH_ONE = "prefetch-one", "Prefetch 1",
        "A worker holds one unacknowledged task at a time. Off: as many as the prefetch setting says.";
    /// The consumer acknowledges after the work.
    ACK_AFTER = "ack-after-work", "Acknowledge after the work",
        "A task is acknowledged when it is done. Off: when it arrives, so a crash loses it.";
    /// A closed connection gives its unacknowledged messages back to the queue.
    REQUEUE = "requeue-unacked", "Unacknowledged tasks go back",
        "When a connection closes, its tasks go back to the queue. Off: they count as done.";
    /// The broker confirms a message once it is on disk.
    CONFIRM_AFTER_DISK = "confirm-after-disk", "Confirm what is on disk",
        "The broker confirms a task once it is written to disk. Off: it keeps tasks in memory, and confirms at once.";
    /// Queues are durable.
    DURABLE = "durable-queue", "Durable queue",
        "The queue is declared durable and survives a restart of the broker. Off: it is gone, with everything in it.";
    /// Messages are persistent.
    PERSISTENT = "persistent-message", "Persistent messages",
        "Messages have delivery mode 2 and are kept on disk. Off: mode 1, so a restart of the broker loses them.";
    /// The publisher keeps a message until it is confirmed.
    CONFIRMS = "publisher-confirms", "Publisher confirms",
        "A task counts as handed over when the broker confirms it. Off: when it is sent.";
    /// Each service has a queue of its own.
    QUEUE_EACH = "queue-each", "A queue per service",
        "Each service binds its own queue. Off: all of them compete for one queue.";
    /// A service's queue outlives its connection.
    OUTLIVES = "queue-outlives-connection", "The queue outlives the connection",
        "A queue keeps collecting while its service is away. Off: it is exclusive, and vanishes with the connection.";
    /// `*` is exactly one word.
    STAR = "star-is-one-word", "* is exactly one word",
        "A star in a binding stands for one word. Off: also for none.";
    /// `#` is none or more words.
    HASH = "hash-is-none-or-more", "# is none or more words",
        "A hash in a binding stands for any number of words. Off: for at least one.";
    /// A queue gets a message once, however many of its bindings match.
    ONCE = "one-copy-per-queue", "One copy per queue",
        "A queue gets a message once, however many of its bindings match. Off: once for each match.";
    /// `x-match: all` is all headers.
    ALL_HEADERS = "all-means-all", "x-match all means all",
        "A headers binding with x-match all requires every header it names. Off: any one of them.";
    /// A message that no queue takes comes back.
    MANDATORY = "mandatory", "Mandatory messages",
        "A message that no queue takes is returned to the publisher. Off: it is dropped, and still confirmed.";
    /// Retries are counted and end.
    BOUNDED = "bounded-retries", "Bounded retries",
        "Failed tasks wait, and are rejected after a set number of retries. Off: they go straight back, endlessly.";
    /// Dead messages are parked.
    PARK = "park-dead-letters", "Park dead letters",
        "An abandoned task goes to the dead-letter exchange. Off: the broker drops it.";
    /// The copy to retry is confirmed before the original is acknowledged.
    COPY_FIRST = "copy-before-ack", "Copy first, then acknowledge",
        "A task to retry is acknowledged once its copy is confirmed. Off: before the copy is sent.";
}

settings! {
    /// Workers or services.
    WORKERS = "workers", "Workers", count(1, 6), 3, AtStart,
        "How many compete for the tasks.";
    /// How many messages a consumer may hold while the rule of one is off; 0 for any number, as in AMQP.
    PREFETCH = "prefetch", "Prefetch while the rule is off", count(0, 50), 10, Live,
        "How many tasks a worker may hold; 0 is any number, RabbitMQ's default.";
    /// Messages published a second, Poisson.
    RATE = "rate", "Messages published", per_second(0, 100, 1), 20, Live,
        "How many a second, on average.";
    /// Mean length of a task, in microseconds.
    TASK = "task", "Length of the work", micros(5_000, 500_000, 5_000), 80_000, Live,
        "On one message, on average; lengths are exponential.";
    /// How many times as long the first consumer takes.
    SLOW = "slow-worker", "The first is slower", count(1, 20), 4, Live,
        "It takes this many times as long as the others.";
    /// Heartbeat interval, in microseconds.
    HEARTBEAT = "heartbeat", "Heartbeat interval", micros(100_000, 5_000_000, 100_000), 500_000, Live,
        "A connection that is silent for two intervals is closed. RabbitMQ's time-out is 60 s, a heartbeat every half of it.";
    /// Whether tasks come in bursts.
    BURSTS = "bursts", "In bursts", Control::Toggle, 0, Live,
        "Four times the rate for half a second out of every two.";
    /// What is declared on the broker: an index into [`NAMES`].
    TOPOLOGY = "topology", "Topology", Control::Choice(&NAMES), 0, AtStart,
        "What is declared on the broker.";
    /// The wait before the first retry, in microseconds; it doubles with each.
    BACKOFF = "back-off", "Wait before the first retry", micros(50_000, 2_000_000, 50_000), 250_000, Live,
        "It doubles with each retry. Real systems wait seconds to minutes.";
    /// Whether waits are drawn between half and the whole.
    JITTER = "jitter", "Jitter", Control::Toggle, 1, Live,
        "Each wait is drawn at random between half of it and all of it.";
    /// How often a failed task is tried again.
    RETRIES = "retries", "Retries", count(0, 3), 3, Live,
        "How often a failed task is tried again before it is parked.";
    /// x-delivery-limit of the task queue.
    DELIVERY_LIMIT = "delivery-limit", "Delivery limit", count(1, 20), 20, AtStart,
        "How often a task may come back with a dead connection. A quorum queue's default is 20.";
    /// One task in this many is poison; 0 for none.
    POISON = "poison", "One in n is poison", count(0, 50), 0, Live,
        "A poison task fails at every attempt; 0 for none.";
    /// Tasks in a hundred that fail at the first attempt.
    FLAKY = "flaky", "Fail at first", percent(0, 100, 5), 0, Live,
        "Tasks that fail at the first attempt and succeed at the second.";
    /// How many services a broadcast reaches.
    SERVICES = "services", "Services", count(2, 5), 3, AtStart,
        "How many get every message.";
}

metrics! {
    /// From publishing to the start of the work.
    WAITING = "waiting", "Waiting time", Latency;
    /// Ready messages, by queue.
    DEPTH = "depth", "Ready messages", Gauge;
    /// Messages done, by consumer.
    DONE = "done", "Done", Counter;
    /// Unacknowledged messages, by consumer.
    UNACKED = "unacked", "Unacknowledged", Gauge;
    /// Deliveries flagged as redelivered, by consumer.
    REDELIVERED = "redelivered", "Redelivered", Counter;
    /// Attempts that failed, by consumer.
    FAILED = "failed", "Failed", Counter;
    /// Messages routed into each queue.
    ROUTED = "routed", "Routed", Counter;
    /// From publishing to the end of the work.
    FINISHED = "finished", "Until done", Latency;
    /// From publishing to the start of the work: of tasks without a priority (0), and with one (1).
    WAITING_APART = "waiting-apart", "Waiting time by urgency", Latency;
}

commands! {
    /// Publish this many.
    PUBLISH = "publish", "Publish", "Publish {0 message}",
        "Publishes this many messages at once.",
        [field("messages", count(1, 50), 10)];
    /// A worker gives its task back.
    NACK = "nack", "Nack", "Nack the task| of worker {0}",
        "A worker gives its current task back: basic.nack with requeue.",
        [field("worker", count(1, 6), 1)];
    /// Publish one message to an exchange.
    ROUTE = "route", "Publish", "Publish to the {0} exchange[, key {1}][, region {2}][, vip{3}]",
        "Publishes one message with a routing key; a headers exchange looks at region and vip instead.",
        [field("exchange", Control::Choice(&EXCHANGES), 0), text_field("routing key", &KEYS), field("region", Control::Choice(&REGIONS), 0), field("vip", Control::Toggle, 0)];
    /// Bind a queue.
    BIND = "bind", "Bind", "Bind {0} to the topic exchange[ with key {1}]",
        "Binds a queue to the topic exchange: words between dots, * for one word, # for none or more.",
        [field("queue", Control::Choice(&DESKS), 1), text_field("binding key", &BINDING_KEYS)];
    /// Take a binding away.
    UNBIND = "unbind", "Unbind", "Remove binding {0}",
        "Removes the binding with this number in the table.",
        [field("binding", count(1, 14), 5)];
    /// Publish tasks of a kind.
    TROUBLE = "trouble", "Publish", "Publish {1 task} of kind {0}",
        "Publishes tasks that are fine, fail once, fail always, or kill the worker.",
        [field("kind", Control::Choice(&["fine", "flaky", "poison", "deadly"]), 2), field("tasks", count(1, 20), 1)];
    /// Publish tasks with a priority.
    URGENT = "urgent", "Publish urgent", "Publish {0 task} of priority {1}",
        "Publishes tasks with a priority. The queue was declared with x-max-priority 4: more counts as 4.",
        [field("tasks", count(1, 20), 3), field("priority", count(0, 9), 4)];
    /// A consumer is cancelled.
    CANCEL = "cancel", "Cancel", "Cancel the consumer| of worker {0}",
        "A worker gets no more tasks: basic.cancel. It still does and acknowledges what it holds.",
        [field("worker", count(1, 6), 1)];
    /// A cancelled consumer consumes again.
    CONSUME = "consume", "Consume again", "Consume again| as worker {0}",
        "A worker that has cancelled takes tasks again: basic.consume.",
        [field("worker", count(1, 6), 1)];
}
