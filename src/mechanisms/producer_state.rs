//! What a partition remembers of a producer: its epoch and its last five batches (KIP-98, and `ProducerStateEntry` and
//! `ProducerAppendInfo` of Kafka 4.0).

use std::collections::VecDeque;

/// How many batches are remembered: as many as a producer may have in flight (max.in.flight.requests.per.connection).
pub const BATCHES_KEPT: usize = 5;
/// After this sequence number comes 0.
const LAST_SEQUENCE: u32 = i32::MAX as u32;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kept {
    first: u32,
    last: u32,
    offset: u32,
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Append,
    /// It was appended before, from this offset on.
    Duplicate(u32),
    /// OUT_OF_ORDER_SEQUENCE_NUMBER: a batch before it is missing, or it is too old to be remembered.
    OutOfOrder,
    /// INVALID_PRODUCER_EPOCH: a newer instance of the producer has written since.
    OldEpoch(u16),
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProducerState {
    epoch: Option<u16>,
    batches: VecDeque<Kept>,
}

/// The sequence number `count` after another.
fn plus(sequence: u32, count: u32) -> u32 {
    ((u64::from(sequence) + u64::from(count)) % (u64::from(LAST_SEQUENCE) + 1)) as u32
}

impl ProducerState {
    /// What becomes of a batch of `count` records, at least one, that begins with sequence number `first`.
    pub fn check(&self, epoch: u16, first: u32, count: u32) -> Verdict {
        let Some(current) = self.epoch else { return Verdict::Append };
        if epoch < current {
            return Verdict::OldEpoch(current);
        }
        if epoch > current {
            return if first == 0 { Verdict::Append } else { Verdict::OutOfOrder };
        }
        let last = plus(first, count.saturating_sub(1));
        if let Some(known) = self.batches.iter().find(|kept| (kept.first, kept.last) == (first, last)) {
            return Verdict::Duplicate(known.offset);
        }
        let next = self.batches.back().map_or(0, |kept| plus(kept.last, 1));
        if first == next { Verdict::Append } else { Verdict::OutOfOrder }
    }

    /// Remembers a batch that was appended at an offset.
    pub fn appended(&mut self, epoch: u16, first: u32, count: u32, offset: u32) {
        self.raise(epoch);
        if self.batches.len() == BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(Kept { first, last: plus(first, count.saturating_sub(1)), offset });
    }

    /// A marker of this epoch was written: batches of older epochs are refused from now on.
    pub fn raise(&mut self, epoch: u16) {
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            self.batches.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(batches: u32) -> ProducerState {
        let mut state = ProducerState::default();
        (0..batches).for_each(|at| state.appended(3, at * 2, 2, 100 + at * 2));
        state
    }

    #[test]
    fn the_last_five_batches_are_known_again() {
        let state = with(7);
        for at in 2..7 {
            assert_eq!(state.check(3, at * 2, 2), Verdict::Duplicate(100 + at * 2));
        }
        assert_eq!(state.check(3, 2, 2), Verdict::OutOfOrder, "too old to be remembered");
        assert_eq!(state.check(3, 14, 2), Verdict::Append);
        assert_eq!(state.check(3, 16, 2), Verdict::OutOfOrder, "a gap");
        assert_eq!(state.check(3, 12, 1), Verdict::OutOfOrder, "part of a batch is no duplicate");
    }

    #[test]
    fn epochs_fence_and_start_over() {
        let mut state = with(2);
        assert_eq!(state.check(2, 4, 1), Verdict::OldEpoch(3));
        assert_eq!(state.check(4, 4, 1), Verdict::OutOfOrder, "a new epoch begins at 0");
        assert_eq!(state.check(4, 0, 1), Verdict::Append);
        state.raise(5);
        assert_eq!(state.check(4, 0, 1), Verdict::OldEpoch(5));
        assert_eq!(state.check(5, 0, 1), Verdict::Append);
        assert_eq!(ProducerState::default().check(0, 9, 1), Verdict::Append, "an unknown producer is believed");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut state = ProducerState::default();
        state.appended(0, LAST_SEQUENCE - 1, 2, 0);
        assert_eq!(state.check(0, 0, 1), Verdict::Append);
        state.appended(0, LAST_SEQUENCE, 3, 2);
        assert_eq!(state.check(0, LAST_SEQUENCE, 3), Verdict::Duplicate(2));
        assert_eq!(state.check(0, 2, 1), Verdict::Append);
    }
}
