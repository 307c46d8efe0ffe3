//! Orders in a row, kept as runs of those that were placed together: a long queue costs little memory, and putting in or
//! taking out costs no more than the runs that are touched.

use std::collections::VecDeque;

use crate::sim::kernel::time::Time;

/// The most runs a queue keeps. Beyond it neighbours are joined, and the younger are taken for as old as the older.
pub const MOST_RUNS: usize = 4_096;

/// Orders that were placed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// How many.
    pub count: u32,
    /// When.
    pub at: Time,
}

/// How many orders some runs hold.
pub fn count(runs: &[Run]) -> u32 {
    runs.iter().map(|run| run.count).sum()
}

/// Without the first this many.
pub fn without(runs: &[Run], mut skip: u32) -> Vec<Run> {
    let mut rest = Vec::new();
    for run in runs {
        let gone = skip.min(run.count);
        skip -= gone;
        if run.count > gone {
            rest.push(Run { count: run.count - gone, at: run.at });
        }
    }
    rest
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Queue {
    runs: VecDeque<Run>,
    count: u32,
}

impl Queue {
    /// How many orders are in it.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many runs are kept.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// When the oldest was placed.
    pub fn oldest(&self) -> Option<Time> {
        self.runs.front().map(|run| run.at)
    }

    /// Adds orders at the end.
    pub fn push(&mut self, run: Run) {
        if run.count == 0 {
            return;
        }
        self.count += run.count;
        match self.runs.back_mut() {
            Some(last) if last.at == run.at => last.count += run.count,
            _ => self.runs.push_back(run),
        }
        if self.runs.len() > MOST_RUNS {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut joined: VecDeque<Run> = VecDeque::with_capacity(MOST_RUNS);
        for (at, run) in self.runs.iter().enumerate() {
            match joined.back_mut() {
                Some(last) if at % 2 == 1 => last.count += run.count,
                _ => joined.push_back(*run),
            }
        }
        self.runs = joined;
    }

    /// Takes at most this many from the front.
    pub fn take(&mut self, most: u32) -> Vec<Run> {
        let mut left = most.min(self.count);
        let mut taken = Vec::new();
        self.count -= left;
        while left > 0 {
            let Some(first) = self.runs.front_mut() else { break };
            let part = first.count.min(left);
            taken.push(Run { count: part, at: first.at });
            first.count -= part;
            left -= part;
            if first.count == 0 {
                self.runs.pop_front();
            }
        }
        taken
    }

    /// Orders after the first `skip`, at most `most`, which stay.
    pub fn peek(&self, mut skip: u32, most: u32) -> Vec<Run> {
        let (mut left, mut seen) = (most, Vec::new());
        // A consumer reads far behind the committed offset: whole runs are skipped from whichever end is nearer.
        let mut first = 0;
        if skip > self.count / 2 {
            let mut before = self.count;
            first = self.runs.len();
            while first > 0 && before > skip {
                first -= 1;
                before -= self.runs[first].count;
            }
            skip = skip.saturating_sub(before);
        }
        for run in self.runs.range(first..) {
            let gone = skip.min(run.count);
            skip -= gone;
            let part = (run.count - gone).min(left);
            if part > 0 {
                seen.push(Run { count: part, at: run.at });
                left -= part;
            }
            if left == 0 {
                break;
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(counts: &[u32]) -> Queue {
        let mut queue = Queue::default();
        counts.iter().zip(0..).for_each(|(count, at)| queue.push(Run { count: *count, at }));
        queue
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut orders = queue(&[3, 1, 4, 1, 5]);
        for skip in 0..=14 {
            for most in 0..=14 {
                let all = queue(&[3, 1, 4, 1, 5]).take(99);
                let mut rest = queue(&[]);
                without(&all, skip).into_iter().for_each(|run| rest.push(run));
                assert_eq!(orders.peek(skip, most), rest.take(most), "{skip} {most}");
            }
        }
        assert_eq!(count(&orders.take(5)), 5);
        assert_eq!((orders.len(), orders.oldest()), (9, Some(2)));
    }

    #[test]
    fn a_long_queue_stays_small() {
        let mut orders = queue(&vec![2; 3 * MOST_RUNS]);
        assert!(orders.runs() <= MOST_RUNS && orders.len() as usize == 6 * MOST_RUNS);
        assert_eq!(count(&orders.take(u32::MAX)) as usize, 6 * MOST_RUNS);
        assert!(orders.is_empty());
    }
}
