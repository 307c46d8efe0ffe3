//! Promises about the end: states from which no schedule leads to what was promised.
//!
//! A state is a trap when the promise holds neither in it nor in any state that the system can reach from it without a
//! further fault. Whatever the schedule, however fair, the promise stays untrue from there on: either nothing can
//! happen any more, or the system goes round in circles. States that were counted but not expanded pass for ways out,
//! so no trap is claimed just because the search did not look.

use crate::sim::kernel::table::Table;
use crate::sim::small;

/// The moves of the system itself between states, kept when promises about the end are checked.
pub struct Edges {
    on: bool,
    /// The numbers of the states, by fingerprint.
    numbers: Table,
    /// From, to, by which move.
    all: Vec<(u32, u32, u32)>,
    /// For each state: which promises about the end do not hold in it (bit n: promise n), while there is no fault.
    waiting: Vec<u64>,
    is_left: Vec<bool>,
}

/// A trap that was found.
pub struct Trap {
    /// Index of the promise.
    pub promise: usize,
    /// The state nearest to the start.
    pub state: u32,
    /// Moves from there, once round the cycle; empty when nothing can happen.
    pub moves: Vec<u32>,
    /// How many of them lie on the cycle.
    pub circle: u32,
}

impl Edges {
    /// Keeps edges if `on`, otherwise nothing.
    pub fn new(on: bool) -> Edges {
        Edges { on, numbers: Table::default(), all: Vec::new(), waiting: Vec::new(), is_left: Vec::new() }
    }

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        self.numbers.memory() + (self.all.capacity() * 12 + self.waiting.capacity() * 9) as u64
    }

    /// The next state, in the order of discovery.
    pub fn state(&mut self, print: u64, waiting: u64) {
        if self.on {
            self.numbers.insert(print, self.waiting.len() as u32);
            self.waiting.push(waiting);
            self.is_left.push(false);
        }
    }

    /// A move of the system itself, to the state with this fingerprint.
    #[inline]
    pub fn add(&mut self, from: u32, to: u64, by: u32) {
        if let Some(to) = self.numbers.get(to) {
            self.all.push((from, to, by));
        }
    }

    /// Every move out of a state has been tried.
    pub fn left(&mut self, state: u32) {
        if let Some(left) = self.is_left.get_mut(state as usize) {
            *left = true;
        }
    }

    /// The trap nearest to the start.
    pub fn trap(&self) -> Option<Trap> {
        let promises = self.waiting.iter().fold(0, |all, waiting| all | waiting);
        (0..64).filter(|promise| promises >> promise & 1 == 1).find_map(|promise| self.trap_of(promise))
    }

    fn trap_of(&self, promise: usize) -> Option<Trap> {
        let gets_out = self.states_with_a_way_out(promise);
        let state = gets_out.iter().position(|out| !out)? as u32;
        let mut line = vec![state];
        let mut moves = Vec::new();
        loop {
            let here = *line.last()?;
            let Some((_, to, by)) = self.all.iter().find(|edge| edge.0 == here) else {
                return Some(Trap { promise, state, moves, circle: 0 });
            };
            moves.push(*by);
            if let Some(at) = line.iter().position(|known| known == to) {
                return Some(Trap { promise, state, moves, circle: (line.len() - at) as u32 });
            }
            line.push(*to);
        }
    }

    /// States in which the promise holds, that lead to such a state, or about which too little is known.
    fn states_with_a_way_out(&self, promise: usize) -> Vec<bool> {
        let is_out = |state: usize| self.waiting[state] >> promise & 1 == 0 || !self.is_left[state];
        let mut out: Vec<bool> = (0..self.waiting.len()).map(is_out).collect();
        let into: Vec<_> = small::order(self.all.iter().map(|edge| u64::from(edge.1))).map(|at| self.all[at]).collect();
        let mut open: Vec<u32> = (0..out.len() as u32).filter(|state| out[*state as usize]).collect();
        while let Some(state) = open.pop() {
            let first = into.partition_point(|edge| edge.1 < state);
            for (from, _, _) in into[first..].iter().take_while(|edge| edge.1 == state) {
                if !std::mem::replace(&mut out[*from as usize], true) {
                    open.push(*from);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States by their waiting bit, edges, and which states were expanded.
    fn edges(waiting: &[u64], all: &[(u32, u32)], unseen: &[u32]) -> Edges {
        let mut edges = Edges::new(true);
        waiting.iter().zip(100..).for_each(|(waiting, print)| edges.state(print, *waiting));
        all.iter().for_each(|(from, to)| edges.add(*from, 100 + u64::from(*to), from * 10 + to));
        (0..waiting.len() as u32).filter(|state| !unseen.contains(state)).for_each(|state| edges.left(state));
        edges
    }

    #[test]
    fn a_circle_without_a_way_out_is_a_trap() {
        let trap = edges(&[1, 1, 1, 0], &[(0, 1), (1, 2), (2, 1), (0, 3)], &[]).trap();
        let trap = trap.map(|trap| (trap.state, trap.moves, trap.circle));
        assert_eq!(trap, Some((1, vec![12, 21], 2)));
    }

    #[test]
    fn a_dead_end_is_a_trap() {
        let trap = edges(&[1, 1], &[(0, 1)], &[]).trap().map(|trap| (trap.state, trap.circle));
        assert_eq!(trap, Some((0, 0)));
    }

    #[test]
    fn a_way_out_or_an_unknown_state_is_none() {
        assert!(edges(&[1, 1, 0], &[(0, 1), (1, 0), (1, 2)], &[]).trap().is_none());
        assert!(edges(&[1, 1], &[(0, 1)], &[1]).trap().is_none());
    }
}
