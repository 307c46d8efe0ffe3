//! Majorities: how many members make one, and what the members of one have all reached.

use std::cmp::Reverse;

use crate::sim::small;

/// How many of `all` are a majority.
pub fn majority(all: usize) -> usize {
    all / 2 + 1
}

/// Whether `have` of `all` are a majority.
pub fn is_majority(have: usize, all: usize) -> bool {
    have >= majority(all)
}

/// The highest value that `needed` members have reached, given what each has reached. 0 when there are fewer members.
pub fn reached_by(reached: &[u64], needed: usize) -> u64 {
    let mut sorted = reached.to_vec();
    small::sort_by_key(&mut sorted, |index| Reverse(*index));
    sorted.get(needed.max(1) - 1).copied().unwrap_or(0)
}

/// The highest value that a majority has reached. 0 for no members.
pub fn committed(reached: &[u64]) -> u64 {
    reached_by(reached, majority(reached.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majorities_overlap() {
        for all in 1..20 {
            assert!(2 * majority(all) > all && 2 * (majority(all) - 1) <= all);
        }
    }

    #[test]
    fn the_committed_index_is_on_a_majority_and_the_next_is_not() {
        for reached in [vec![5], vec![3, 9], vec![1, 2, 3], vec![4, 4, 1, 0, 9], vec![7, 7, 7, 7]] {
            let index = committed(&reached);
            let having = |index: u64| reached.iter().filter(|at| **at >= index).count();
            assert!(is_majority(having(index), reached.len()));
            assert!(!is_majority(having(index + 1), reached.len()));
        }
        assert_eq!(committed(&[]), 0);
    }
}
