//! Addresses in words: the keys that are suggested to a reader, headers to choose from, and what a random message is made of.

use super::exchange;
use super::message::{Envelope, ExchangeId};
use crate::sim::kernel::random;

/// Routing keys that are suggested to a reader.
pub const KEYS: [&str; 6] =
    ["orders.eu.paid", "payments.us.created", "orders.eu.created", "payments.eu", "orders", "failed"];
/// Binding keys that are suggested to a reader.
pub const BINDING_KEYS: [&str; 6] = ["payments.#", "*.us.*", "#.created", "orders.*", "*.eu.#", "#"];
/// The exchanges that take a message or a binding by key.
pub const EXCHANGES: [&str; 4] = ["topic", "direct", "fanout", "headers"];
/// Values of the header `region`.
pub const REGIONS: [&str; 3] = ["(none)", "eu", "us"];

/// The exchange of a choice.
pub fn exchange_of(choice: i64) -> ExchangeId {
    [exchange::TOPIC, exchange::DIRECT, exchange::FANOUT, exchange::HEADERS][choice.clamp(0, 3) as usize]
}

/// The headers of two choices.
pub fn headers(region: i64, vip: i64) -> Vec<(&'static str, &'static str)> {
    let region = REGIONS.get(region.clamp(0, 2) as usize).filter(|_| region > 0);
    let vip = (vip != 0).then_some(("vip", "yes"));
    region.map(|region| ("region", *region)).into_iter().chain(vip).collect()
}

/// A random message's address.
pub fn random_envelope(draw: u64) -> Envelope {
    let mut rest = draw;
    let mut below = |bound: u64| {
        let value = random::below(rest, bound);
        rest = rest.rotate_left(13).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        value as i64
    };
    let (kind, length) = (below(8), below(6));
    let subject = ["orders", "payments"][below(2) as usize];
    let region = ["eu", "us"][below(2) as usize];
    let event = ["created", "paid", "failed"][below(3) as usize];
    let key = match (kind, length) {
        (0, _) => event.to_owned(),
        (_, 0) => subject.to_owned(),
        (_, 1) => format!("{subject}.{region}"),
        (_, 2) => format!("{subject}.{event}"),
        _ => format!("{subject}.{region}.{event}"),
    };
    match kind {
        0 => Envelope { exchange: exchange::DIRECT, key, headers: Vec::new() },
        1 => Envelope { exchange: exchange::FANOUT, key: String::new(), headers: Vec::new() },
        2 => Envelope { exchange: exchange::HEADERS, key: String::new(), headers: headers(below(3), below(2)) },
        _ => Envelope { exchange: exchange::TOPIC, key, headers: Vec::new() },
    }
}

/// A message's address in words: "topic orders.eu.paid".
pub fn show(envelope: &Envelope) -> String {
    let name = exchange::EXCHANGES.get(usize::from(envelope.exchange)).map_or("", |known| known.0);
    let headers: Vec<String> = envelope.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match (name, headers.is_empty()) {
        ("", _) => format!("the default exchange with key '{}'", envelope.key),
        ("fanout", _) => "the fanout exchange".to_owned(),
        ("headers", true) => "the headers exchange without headers".to_owned(),
        ("headers", false) => format!("the headers exchange with {}", headers.join(", ")),
        _ => format!("the {name} exchange with key '{}'", envelope.key),
    }
}
