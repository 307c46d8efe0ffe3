//! Offsets as stretches: what has its row. One stretch in the usual run; a few while something is written again.

/// Stretches that are remembered; the oldest gap is closed beyond it.
const MOST: usize = 64;

/// First and one past the last, in order, apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Everything before this offset is in.
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|span| span.0 == 0).map_or(0, |span| span.1)
    }

    /// The parts of a stretch that are not in, as first and one past the last.
    pub fn missing(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let (mut at, mut gaps) = (from, Vec::new());
        for &(first, last) in self.0.iter().filter(|span| span.1 > from && span.0 < to) {
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

    /// Adds a stretch.
    pub fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|span| span.1 < from);
        let last = self.0.partition_point(|span| span.0 <= to);
        let joined = self.0.drain(first..last).fold((from, to), |sum, span| (sum.0.min(span.0), sum.1.max(span.1)));
        self.0.insert(first, joined);
        if self.0.len() > MOST {
            let (_, end) = self.0.remove(1);
            self.0[0].1 = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_and_filled() {
        let mut spans = Spans::default();
        spans.add(0, 5);
        spans.add(8, 10);
        assert_eq!((spans.prefix(), spans.missing(3, 12)), (5, vec![(5, 8), (10, 12)]));
        spans.add(5, 8);
        assert_eq!((spans.prefix(), spans.missing(0, 10)), (10, vec![]));
    }
}
