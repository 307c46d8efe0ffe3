//! How RabbitMQ's topic and headers exchanges match a message against a binding.
//!
//! Topic: keys are words between dots. In a binding `*` stands for exactly one word and `#` for none or more; anything
//! else stands for itself. The empty key has no words. Headers: a binding asks for headers by name and value, all of
//! them or any (`x-match`). After AMQP 0-9-1, section 3.1.3, and rabbit_exchange_type_topic and _headers of RabbitMQ
//! 4.x.

/// How a topic exchange reads the two wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wildcards {
    /// `*` is exactly one word. Off: one or none.
    pub star_is_one: bool,
    /// `#` may be no word at all. Off: at least one.
    pub hash_may_be_none: bool,
}

impl Wildcards {
    /// As specified by AMQP 0-9-1.
    pub const AMQP: Wildcards = Wildcards { star_is_one: true, hash_may_be_none: true };
}

/// The words of a routing or binding key; the empty key has none.
pub fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

/// Whether a binding key matches a routing key.
pub fn matches(binding: &str, key: &str, wildcards: Wildcards) -> bool {
    let (pattern, words) = (words(binding), words(key));
    // reached[n]: the pattern so far can take exactly the first n words.
    let mut reached = vec![false; words.len() + 1];
    reached[0] = true;
    for part in pattern {
        let one = |before: &[bool], fits: &dyn Fn(usize) -> bool| {
            let step = |n: usize| n > 0 && before[n - 1] && fits(n - 1);
            (0..before.len()).map(step).collect::<Vec<bool>>()
        };
        reached = match part {
            "*" => {
                let next = one(&reached, &|_| true);
                let none = |n: usize| !wildcards.star_is_one && reached[n];
                (0..next.len()).map(|n| next[n] || none(n)).collect()
            }
            "#" => {
                let least = usize::from(!wildcards.hash_may_be_none);
                let from = |n: usize| (0..=n).any(|start| start + least <= n && reached[start]);
                (0..reached.len()).map(from).collect()
            }
            word => one(&reached, &|at| words[at] == word),
        };
    }
    reached[words.len()]
}

/// The most `#` words that a binding key may have; the main branch of 2026 refuses more.
pub const MOST_HASHES: usize = 2;

/// Whether a topic exchange takes this binding key.
pub fn is_valid_binding(binding: &str) -> bool {
    words(binding).iter().filter(|word| **word == "#").count() <= MOST_HASHES
}

/// How a headers binding judges (`x-match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XMatch {
    /// Every header named in the binding; names that begin with `x-` are ignored. The default.
    All,
    /// At least one of them, again without those that begin with `x-`.
    Any,
    /// Every header named in the binding.
    AllWithX,
    /// At least one of them.
    AnyWithX,
}

impl XMatch {
    /// By its name on the wire.
    pub fn parse(text: &str) -> Option<XMatch> {
        match text {
            "all" => Some(XMatch::All),
            "any" => Some(XMatch::Any),
            "all-with-x" => Some(XMatch::AllWithX),
            "any-with-x" => Some(XMatch::AnyWithX),
            _ => None,
        }
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            XMatch::All => "all",
            XMatch::Any => "any",
            XMatch::AllWithX => "all-with-x",
            XMatch::AnyWithX => "any-with-x",
        }
    }

    fn counts(self, name: &str) -> bool {
        matches!(self, XMatch::AllWithX | XMatch::AnyWithX) || !name.starts_with("x-")
    }
}

/// Whether a message's headers satisfy a binding's arguments. An argument without a value asks only that the header be
/// there. With nothing left to test, "all" matches everything and "any" nothing.
pub fn headers_match<V: PartialEq>(x_match: XMatch, arguments: &[(&str, Option<V>)], headers: &[(&str, V)]) -> bool {
    let fits = |(name, value): &(&str, Option<V>)| {
        headers.iter().any(|header| header.0 == *name && value.as_ref().is_none_or(|value| *value == header.1))
    };
    let mut asked = arguments.iter().filter(|argument| argument.0 != "x-match" && x_match.counts(argument.0));
    match x_match {
        XMatch::All | XMatch::AllWithX => asked.all(fits),
        XMatch::Any | XMatch::AnyWithX => asked.any(fits),
    }
}

/// The destinations of matching bindings, each once: a message reaches a queue at most once, however many of its
/// bindings match.
pub fn destinations<D: PartialEq + Clone>(matched: impl IntoIterator<Item = D>) -> Vec<D> {
    let mut found: Vec<D> = Vec::new();
    for destination in matched {
        if !found.contains(&destination) {
            found.push(destination);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_words() {
        let amqp = |binding, key| matches(binding, key, Wildcards::AMQP);
        assert!(amqp("orders.*.paid", "orders.eu.paid") && !amqp("orders.*.paid", "orders.paid"));
        assert!(amqp("orders.#", "orders") && amqp("orders.#", "orders.eu.paid") && !amqp("orders.#", "order"));
        assert!(amqp("#", "") && !amqp("*", "") && amqp("", ""));
        assert!(!amqp("a#b", "a.x.b") && amqp("a#b", "a#b"));
    }

    #[test]
    fn the_wildcards_can_be_read_wrongly() {
        assert!(matches("orders.*", "orders", Wildcards { star_is_one: false, ..Wildcards::AMQP }));
        assert!(!matches("orders.#", "orders", Wildcards { hash_may_be_none: false, ..Wildcards::AMQP }));
        assert!(matches("orders.#", "orders.eu", Wildcards { hash_may_be_none: false, ..Wildcards::AMQP }));
    }

    #[test]
    fn no_argument_matches_all_and_not_any() {
        assert!(headers_match::<u8>(XMatch::All, &[], &[("a", 1)]));
        assert!(!headers_match::<u8>(XMatch::Any, &[], &[("a", 1)]));
    }
}
