//! A station: a line of work, and workers who take from its head. What comes when the line is full is refused.

use std::hash::Hash;

/// What became of work that has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A worker begins with it at once.
    Begun,
    /// It waits, with this many before it, those at work included.
    Waits(usize),
    /// The line is full: it is refused.
    Full,
}

/// Work in line, the head of it at work. It is memory: a crash empties the station.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Station<T> {
    line: Vec<T>,
}

impl<T> Default for Station<T> {
    fn default() -> Self {
        Station { line: Vec::new() }
    }
}

impl<T: Clone + Hash> Station<T> {
    /// Takes work in, where `workers` work at once and the line holds no more than `most`, those at work included. The
    /// caller begins what is begun, and draws its length.
    pub fn take(&mut self, work: T, workers: usize, most: usize) -> Taken {
        let ahead = self.line.len();
        if ahead >= most {
            return Taken::Full;
        }
        self.line.push(work);
        if ahead < workers { Taken::Begun } else { Taken::Waits(ahead) }
    }

    /// One worker's work is done: the oldest piece at work leaves. The caller begins the next if [`Station::is_busy`] says
    /// that there is one. `None` when nothing was at work.
    pub fn done(&mut self) -> Option<T> {
        if self.line.is_empty() { None } else { Some(self.line.remove(0)) }
    }

    /// Whether work is left for one of `workers` who has just become free.
    pub fn is_busy(&self, workers: usize) -> bool {
        self.line.len() >= workers
    }

    /// How many are in line, those at work included.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether nothing is in line.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The work in line, from its head.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.line.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_takes_one_after_the_other() {
        let mut station = Station::default();
        assert_eq!(["a", "b", "c"].map(|work| station.take(work, 1, 2)), [Taken::Begun, Taken::Waits(1), Taken::Full]);
        assert_eq!((station.done(), station.is_busy(1)), (Some("a"), true));
        assert_eq!((station.done(), station.is_busy(1), station.done()), (Some("b"), false, None));
    }

    #[test]
    fn several_workers_begin_side_by_side() {
        let mut station = Station::default();
        let taken = [1, 2, 3].map(|work| station.take(work, 2, 9));
        assert_eq!(taken, [Taken::Begun, Taken::Begun, Taken::Waits(2)]);
        assert_eq!((station.done(), station.is_busy(2)), (Some(1), true));
        assert_eq!((station.done(), station.is_busy(2), station.len()), (Some(2), false, 1));
    }
}
