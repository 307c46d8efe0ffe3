//! A key of a key-value store: a text that is put, appended to and got.

use super::super::order::Spec;

/// A text as the value of its bytes as a polynomial (Karp and Rabin): appending is quick, however long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest {
    value: u64,
    /// The base to the power of its length.
    power: u64,
    length: u32,
}

/// A prime: 2 to the 61st, less one.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x1234_5678_9abc_def1 % PRIME;

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

impl Digest {
    const EMPTY: Digest = Digest { value: 0, power: 1, length: 0 };

    pub(super) fn of(text: &str) -> Digest {
        text.bytes().fold(Digest::EMPTY, Digest::with)
    }

    fn with(self, byte: u8) -> Digest {
        self.then(Digest { value: u64::from(byte) + 1, power: BASE, length: 1 })
    }

    /// The digest of this text followed by another.
    fn then(self, other: Digest) -> Digest {
        let value = (times(self.value, other.power) + other.value) % PRIME;
        Digest { value, power: times(self.power, other.power), length: self.length + other.length }
    }
}

/// What a get returned: the digests of the text's prefixes, from the empty one to the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer(Vec<Digest>);

impl Answer {
    pub(super) fn of(text: &str) -> Answer {
        let mut beginnings = vec![Digest::EMPTY];
        for byte in text.bytes() {
            beginnings.push(beginnings[beginnings.len() - 1].with(byte));
        }
        Answer(beginnings)
    }

    fn begins_with(&self, text: Digest) -> bool {
        self.0.get(text.length as usize) == Some(&text)
    }

    fn is(&self, text: Digest) -> bool {
        self.0.last() == Some(&text)
    }
}

/// An operation on a key of a store that appends to texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreOp {
    Get(Option<Answer>),
    Put(Digest),
    Append(Digest),
}

/// One key of the store: a text, empty at first.
pub(super) struct Text;

impl Spec for Text {
    type State = Digest;
    type Op = StoreOp;

    fn start(&self) -> Digest {
        Digest::EMPTY
    }

    fn apply(&self, state: &Digest, op: &StoreOp) -> Option<Digest> {
        match op {
            StoreOp::Get(None) => Some(*state),
            StoreOp::Get(Some(answer)) => answer.is(*state).then_some(*state),
            StoreOp::Put(text) => Some(*text),
            StoreOp::Append(text) => Some(state.then(*text)),
        }
    }

    fn only_looks(&self, op: &StoreOp) -> bool {
        matches!(op, StoreOp::Get(_))
    }

    fn is_telling(&self, op: &StoreOp) -> bool {
        matches!(op, StoreOp::Get(Some(_)))
    }

    fn could_give(&self, state: &Digest, telling: &StoreOp, open: &[&StoreOp]) -> bool {
        let StoreOp::Get(Some(answer)) = telling else { return true };
        let begins_anew = |op: &&StoreOp| matches!(op, StoreOp::Put(text) if answer.begins_with(*text));
        answer.begins_with(*state) || open.iter().any(begins_anew)
    }
}
