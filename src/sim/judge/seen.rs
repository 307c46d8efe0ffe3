//! Numbers that were seen, as ranges, in bounded memory.
//!
//! What a witness forgets must never make it say *broken*. So this set knows how far back it remembers, and is asked for
//! what is sure: whether a number was surely seen (for what must not happen twice) or surely not (for what must happen).
//! Of what is forgotten, neither is.

use std::hash::Hash;

use crate::sim::later::Later;

/// How many ranges are remembered.
const MOST_RANGES: usize = 64;

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen<N: Copy + Ord + Default + Hash = u32> {
    /// The first of each range and one past its last, in order, apart from each other.
    ranges: Vec<(N, N)>,
    /// Below this, it is no longer known which numbers were seen.
    floor: Later<N>,
}

impl Seen {
    /// Adds a number. True if it surely was there before.
    pub fn add(&mut self, number: u32) -> bool {
        let was_there = self.has(number);
        self.add_all(number, number + 1);
        was_there
    }
}

impl<N: Copy + Ord + Default + Hash> Seen<N> {
    /// Whether a number was surely seen.
    pub fn has(&self, number: N) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= number);
        after > 0 && number < self.ranges[after - 1].1
    }

    /// Whether a number was surely not seen.
    pub fn lacks(&self, number: N) -> bool {
        number >= self.floor.0 && !self.has(number)
    }

    /// The first of these numbers that was surely not seen.
    pub fn first_lacking(&self, from: N, to: N) -> Option<N> {
        let from = from.max(self.floor.0);
        let within = self.ranges.iter().find(|range| (range.0..range.1).contains(&from));
        let next = within.map_or(from, |range| range.1);
        (next < to).then_some(next)
    }

    /// The stretches between two numbers that were surely not seen: the first of each, and one past its last.
    pub fn lacking(&self, from: N, to: N) -> Vec<(N, N)> {
        let (mut at, mut gaps) = (from.max(self.floor.0), Vec::new());
        for &(first, last) in self.ranges.iter().take_while(|range| range.0 < to) {
            if first > at {
                gaps.push((at, first));
            }
            at = at.max(last);
        }
        if at < to {
            gaps.push((at, to));
        }
        gaps
    }

    /// Adds the numbers from one to before another.
    pub fn add_all(&mut self, from: N, to: N) {
        let from = from.max(self.floor.0);
        if from >= to {
            return;
        }
        let first = self.ranges.partition_point(|range| range.1 < from);
        let last = self.ranges.partition_point(|range| range.0 <= to);
        let around = self.ranges.drain(first..last);
        let joined = around.fold((from, to), |sum, range| (sum.0.min(range.0), sum.1.max(range.1)));
        self.ranges.insert(first, joined);
        if self.ranges.len() > MOST_RANGES {
            self.floor.0 = self.ranges.remove(0).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_whatever_their_order() {
        let mut seen: Seen = Seen::default();
        for number in [4, 2, 3, 7, 6, 9] {
            assert!(!seen.add(number));
        }
        assert_eq!(seen.ranges, [(2, 5), (6, 8), (9, 10)]);
        assert!(seen.add(3) && seen.has(7) && !seen.has(5) && seen.lacks(5));
        assert_eq!(
            (seen.first_lacking(2, 5), seen.first_lacking(2, 9), seen.first_lacking(0, 9)),
            (None, Some(5), Some(0))
        );
        assert_eq!(seen.lacking(3, 12), [(5, 6), (8, 9), (10, 12)]);
        seen.add_all(5, 12);
        assert_eq!((seen.lacking(1, 13), seen.lacking(3, 12)), (vec![(1, 2), (12, 13)], vec![]));
    }

    /// What is forgotten was neither surely seen nor surely not; all that is remembered stays exact, as a model says.
    #[test]
    fn what_is_forgotten_accuses_nobody() {
        let mut seen = Seen::default();
        let mut model = std::collections::BTreeSet::new();
        let mut word = 1u32;
        for step in 0..4_000 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = step / 4 + (word >> 16) % 500;
            let was_there = seen.add(number);
            assert!(!was_there || model.contains(&number), "{number} was never added");
            model.insert(number);
            assert!(seen.ranges.len() <= MOST_RANGES);
            for asked in (step / 4)..(step / 4 + 500) {
                assert!(!seen.has(asked) || model.contains(&asked));
                assert!(!seen.lacks(asked) || !model.contains(&asked));
                assert!(asked < seen.floor.0 || seen.has(asked) == model.contains(&asked));
            }
            let gaps = seen.lacking(step / 4, step / 4 + 500);
            assert_eq!(gaps.first().map(|gap| gap.0), seen.first_lacking(step / 4, step / 4 + 500));
            assert!(gaps.iter().flat_map(|gap| gap.0..gap.1).all(|number| seen.lacks(number)));
        }
        assert!(seen.floor.0 > 0, "the test must forget something");
    }
}
