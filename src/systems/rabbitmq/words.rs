//! The words from which a reader makes routing keys, bindings and headers, and what a random message is made of.

use super::exchange;
use super::message::{Envelope, ExchangeId};
use crate::sim::random;

/// What a routing key is made of.
pub const KEY_WORDS: [&str; 8] = ["(none)", "orders", "payments", "eu", "us", "created", "paid", "failed"];
/// What a binding key is made of.
pub const BINDING_WORDS: [&str; 10] =
    ["(none)", "*", "#", "orders", "payments", "eu", "us", "created", "paid", "failed"];
/// The exchanges that take a message or a binding by key.
pub const EXCHANGES: [&str; 4] = ["topic", "direct", "fanout", "headers"];
/// Values of the header `region`.
pub const REGIONS: [&str; 3] = ["(none)", "eu", "us"];

/// The exchange of a choice.
pub fn exchange_of(choice: i64) -> ExchangeId {
    [exchange::TOPIC, exchange::DIRECT, exchange::FANOUT, exchange::HEADERS][choice.clamp(0, 3) as usize]
}

/// The key of some choices: the words that were chosen, with dots between them.
pub fn key(words: &[&'static str], choices: &[i64]) -> String {
    let chosen = choices.iter().filter(|choice| **choice > 0).filter_map(|choice| words.get(*choice as usize));
    chosen.copied().collect::<Vec<_>>().join(".")
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
    let (subject, region, event) = (1 + below(2), 3 + below(2), 5 + below(3));
    let choices: &[i64] = match (kind, length) {
        (0, _) => &[event],
        (_, 0) => &[subject],
        (_, 1) => &[subject, region],
        (_, 2) => &[subject, event],
        _ => &[subject, region, event],
    };
    match kind {
        0 => Envelope { exchange: exchange::DIRECT, key: key(&KEY_WORDS, choices), headers: Vec::new() },
        1 => Envelope { exchange: exchange::FANOUT, key: String::new(), headers: Vec::new() },
        2 => Envelope { exchange: exchange::HEADERS, key: String::new(), headers: headers(below(3), below(2)) },
        _ => Envelope { exchange: exchange::TOPIC, key: key(&KEY_WORDS, choices), headers: Vec::new() },
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
