//! Workloads: when clients ask, and for what. Drawn through the client's own context, so they replay exactly.

use crate::sim::kernel::random::{self, Dice, Purpose};
use crate::sim::kernel::time::{Micros, SEC};

/// The time until the next request of an open loop: Poisson arrivals at this rate. Requests come whether or not
/// earlier ones were answered. `None` when the rate is 0.
pub fn poisson(dice: &mut impl Dice, purpose: Purpose, per_second: u64) -> Option<Micros> {
    let mean = SEC.checked_div(per_second)?;
    Some(random::exponential(dice.draw(purpose), mean).max(1))
}

/// The time a client of a closed loop thinks before it asks again: exponential around this mean.
pub fn think(dice: &mut impl Dice, purpose: Purpose, mean: Micros) -> Micros {
    random::exponential(dice.draw(purpose), mean)
}

/// A rate that changes over virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Always the base rate.
    Steady,
    /// `times` the base rate for `length` out of every `every`, starting with the quiet part.
    Bursts { every: Micros, length: Micros, times: u64 },
    /// From the base rate up to `times` of it, over `length`; then it stays.
    Ramp { length: Micros, times: u64 },
}

impl Shape {
    /// The rate at a moment, given the base rate.
    pub fn rate(self, base: u64, now: Micros) -> u64 {
        match self {
            Shape::Steady => base,
            Shape::Bursts { every, length, times } => {
                let quiet = every.saturating_sub(length);
                if now % every.max(1) >= quiet { base * times } else { base }
            }
            Shape::Ramp { length, times } => {
                let done = now.min(length);
                base + base * times.saturating_sub(1) * done / length.max(1)
            }
        }
    }
}

/// A discrete distribution over keys 0..n, drawn by binary search over integer weights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Popularity {
    cumulative: Vec<u64>,
}

impl Popularity {
    /// Every key is equally likely.
    pub fn uniform(keys: usize) -> Popularity {
        Popularity::from_weights((0..keys).map(|_| 1))
    }

    /// Zipf: key k (from 0) has weight 1 / (k + 1)^s, with s in hundredths (100 is classic Zipf).
    /// Weights are rounded to millionths with `libm`, the same on every target.
    pub fn zipf(keys: usize, s_hundredths: u32) -> Popularity {
        let s = f64::from(s_hundredths) / 100.0;
        Popularity::from_weights((1..=keys).map(|rank| (1e9 / libm::pow(rank as f64, s)) as u64))
    }

    fn from_weights(weights: impl Iterator<Item = u64>) -> Popularity {
        let mut sum = 0;
        let cumulative = weights.map(|weight| {
            sum += weight.max(1);
            sum
        });
        Popularity { cumulative: cumulative.collect() }
    }

    /// The key that a draw stands for; 0 when there are no keys.
    pub fn pick(&self, draw: u64) -> u32 {
        let total = self.cumulative.last().copied().unwrap_or(0);
        let at = random::below(draw, total);
        self.cumulative.partition_point(|edge| *edge <= at) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::random::{Drawer, draw};

    #[test]
    fn zipf_has_its_shape() {
        let keys = Popularity::zipf(100, 100);
        let mut seen = [0u32; 100];
        (0..100_000).for_each(|n| seen[keys.pick(draw(3, Drawer::Chaos, 0, n)) as usize] += 1);
        // H(100) = 5.187: key 0 has 19.3 % of the draws, key 9 a tenth of that.
        assert!((18_900..19_700).contains(&seen[0]), "{}", seen[0]);
        assert!((1_750..2_100).contains(&seen[9]), "{}", seen[9]);
    }

    #[test]
    fn shapes() {
        let bursts = Shape::Bursts { every: 100, length: 20, times: 5 };
        assert_eq!((bursts.rate(10, 79), bursts.rate(10, 80), bursts.rate(10, 100)), (10, 50, 10));
        let ramp = Shape::Ramp { length: 100, times: 3 };
        assert_eq!((ramp.rate(10, 0), ramp.rate(10, 50), ramp.rate(10, 900)), (10, 20, 30));
    }
}
