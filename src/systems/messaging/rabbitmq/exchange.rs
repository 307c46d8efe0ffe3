//! Exchanges and bindings: which queues a message goes to. Pure.

use super::message::{Envelope, ExchangeId, QueueId};
use crate::mechanisms::topic::{self, Wildcards, XMatch};

/// The type of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Direct,
    Fanout,
    Topic,
    Headers,
}

/// The exchanges of the host, by name; all are durable. The first is the default exchange, to which every queue is bound
/// by its name.
pub const EXCHANGES: [(&str, Kind); 6] = [
    ("", Kind::Direct),
    ("topic", Kind::Topic),
    ("direct", Kind::Direct),
    ("fanout", Kind::Fanout),
    ("headers", Kind::Headers),
    ("dead", Kind::Direct),
];

pub const DEFAULT: ExchangeId = 0;
pub const TOPIC: ExchangeId = 1;
pub const DIRECT: ExchangeId = 2;
pub const FANOUT: ExchangeId = 3;
pub const HEADERS: ExchangeId = 4;
/// The dead-letter exchange.
pub const DEAD: ExchangeId = 5;

/// From an exchange to a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    pub exchange: ExchangeId,
    pub queue: QueueId,
    pub key: String,
    /// Of a headers exchange: how it judges, and by which arguments.
    pub x_match: XMatch,
    pub arguments: Vec<(&'static str, Option<&'static str>)>,
}

impl Binding {
    /// A binding by key.
    pub fn new(exchange: ExchangeId, queue: QueueId, key: &str) -> Binding {
        Binding { exchange, queue, key: key.to_owned(), x_match: XMatch::All, arguments: Vec::new() }
    }

    /// A binding of the headers exchange.
    pub fn of_headers(queue: QueueId, x_match: XMatch, arguments: &[(&'static str, Option<&'static str>)]) -> Binding {
        Binding { x_match, arguments: arguments.to_vec(), ..Binding::new(HEADERS, queue, "") }
    }
}

/// How an exchange judges: each part can be done wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matching {
    pub wildcards: Wildcards,
    /// `x-match: all` asks for all headers. Off: for any.
    pub all_is_all: bool,
    /// A queue gets one copy, however many of its bindings match. Off: one for each binding.
    pub once: bool,
}

impl Matching {
    /// As RabbitMQ does.
    pub const AMQP: Matching = Matching { wildcards: Wildcards::AMQP, all_is_all: true, once: true };
}

/// Whether a binding matches a message that was published to its exchange.
pub fn is_match(binding: &Binding, envelope: &Envelope, matching: Matching) -> bool {
    let Some((_, kind)) = EXCHANGES.get(usize::from(binding.exchange)) else { return false };
    match kind {
        _ if binding.exchange != envelope.exchange => false,
        Kind::Direct => binding.key == envelope.key,
        Kind::Fanout => true,
        Kind::Topic => topic::matches(&binding.key, &envelope.key, matching.wildcards),
        Kind::Headers => {
            let x_match = match (binding.x_match, matching.all_is_all) {
                (XMatch::All, false) => XMatch::Any,
                (XMatch::AllWithX, false) => XMatch::AnyWithX,
                (as_bound, _) => as_bound,
            };
            topic::headers_match(x_match, &binding.arguments, &envelope.headers)
        }
    }
}

/// The indices of the bindings that match a message.
pub fn matched(bindings: &[Binding], envelope: &Envelope, matching: Matching) -> Vec<u8> {
    let indices = (0u8..).zip(bindings).filter(|(_, binding)| is_match(binding, envelope, matching));
    indices.map(|(index, _)| index).collect()
}

/// The queues that get a message, one entry a copy.
pub fn copies(bindings: &[Binding], matched: &[u8], matching: Matching) -> Vec<QueueId> {
    let queues = matched.iter().filter_map(|index| bindings.get(usize::from(*index))).map(|binding| binding.queue);
    if matching.once { topic::destinations(queues) } else { queues.collect() }
}
