//! Choosing a server: the algorithms of nginx, and two random choices.
//!
//! Smooth weighted round robin and least connections are those of nginx (`ngx_http_upstream_round_robin.c`,
//! `ngx_http_upstream_least_conn_module.c`), the ring is its `hash ... consistent` (160 points per unit of weight,
//! CRC-32). Two choices: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (IEEE TPDS 12(10),
//! 2001).

use crate::sim::small;

/// Smooth weighted round robin: in each round every server gains its weight, the richest is chosen and pays the total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SmoothRoundRobin {
    current: Vec<i64>,
}

impl SmoothRoundRobin {
    /// The next server among those with a weight above 0; the first one on a tie. `None` when there is none.
    pub fn next(&mut self, weights: &[i64]) -> Option<usize> {
        self.current.resize(weights.len(), 0);
        let mut best: Option<usize> = None;
        for at in (0..weights.len()).filter(|at| weights[*at] > 0) {
            self.current[at] += weights[at];
            if best.is_none_or(|best| self.current[at] > self.current[best]) {
                best = Some(at);
            }
        }
        let best = best?;
        self.current[best] -= weights.iter().filter(|weight| **weight > 0).sum::<i64>();
        Some(best)
    }

    /// What each server has gained.
    pub fn current(&self) -> &[i64] {
        &self.current
    }
}

/// The server with the fewest open connections for its weight; ties go to smooth round robin among the tied.
pub fn least_connections(open: &[u32], weights: &[i64], ties: &mut SmoothRoundRobin) -> Option<usize> {
    let share = |at: usize, other: usize| i64::from(open[at]) * weights[other];
    let eligible = (0..weights.len()).filter(|at| weights[*at] > 0);
    let best = eligible.clone().reduce(|best, at| if share(at, best) < share(best, at) { at } else { best })?;
    let tied: Vec<usize> = eligible.filter(|at| share(*at, best) == share(best, *at)).collect();
    if let [only] = tied.as_slice() {
        return Some(*only);
    }
    let among: Vec<i64> = (0..weights.len()).map(|at| if tied.contains(&at) { weights[at] } else { 0 }).collect();
    ties.next(&among)
}

/// The less loaded of two servers drawn at random.
pub fn two_choices(open: &[u32], first: usize, second: usize) -> usize {
    if open.get(second) < open.get(first) { second } else { first }
}

/// nginx's plain `hash`: by cumulative weight of the key's CRC-32. `None` when no server has a weight.
pub fn hash(key: &[u8], weights: &[i64]) -> Option<usize> {
    let total: i64 = weights.iter().sum();
    let mut left = i64::from((crc32fast::hash(key) >> 16) & 0x7fff).checked_rem(total)?;
    weights.iter().position(|weight| {
        left -= weight;
        left < 0
    })
}

/// A consistent hash ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ring {
    /// Place on the ring, and the server there; in order.
    points: Vec<(u32, u16)>,
}

impl Ring {
    /// A ring of servers ("host:port") with weights.
    pub fn new<'a>(servers: impl IntoIterator<Item = (&'a str, i64)>) -> Ring {
        let mut points: Vec<(u32, u16)> = Vec::new();
        for (at, (name, weight)) in servers.into_iter().enumerate() {
            let (host, port) = name.split_once(':').unwrap_or((name, ""));
            let mut base = crc32fast::Hasher::new();
            base.update(host.as_bytes());
            base.update(&[0]);
            base.update(port.as_bytes());
            let mut previous = 0u32;
            for _ in 0..weight.max(0) * 160 {
                let mut hasher = base.clone();
                hasher.update(&previous.to_le_bytes());
                previous = hasher.finalize();
                points.push((previous, at as u16));
            }
        }
        let mut points: Vec<(u32, u16)> =
            small::order(points.iter().map(|point| u64::from(point.0))).map(|at| points[at]).collect();
        points.dedup_by_key(|point| point.0);
        Ring { points }
    }

    /// Number of distinct points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is no server on it.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The server of a key: the first point at or after its hash that passes the test, going round.
    pub fn server(&self, key: &[u8], takes: impl Fn(usize) -> bool) -> Option<usize> {
        let hash = crc32fast::hash(key);
        let start = self.points.partition_point(|point| point.0 < hash);
        let round = self.points[start..].iter().chain(&self.points[..start]);
        round.map(|point| usize::from(point.1)).find(|server| takes(*server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::random::{Drawer, below, draw};

    /// Mitzenmacher 2001, table 1: with n = 10^4 balls in n bins, the fullest holds about ln n / ln ln n at random, and
    /// about ln ln n / ln 2 with two choices.
    #[test]
    fn two_choices_keep_the_fullest_bin_low() {
        let bins = 10_000usize;
        let (mut one, mut two) = (vec![0u32; bins], vec![0u32; bins]);
        for ball in 0..bins as u64 {
            let pick = |purpose| below(draw(1, Drawer::Chaos, purpose, ball), bins as u64) as usize;
            one[pick(0)] += 1;
            let chosen = two_choices(&two, pick(1), pick(2));
            two[chosen] += 1;
        }
        let fullest = |bins: &[u32]| bins.iter().copied().max();
        assert!((6..=9).contains(&fullest(&one).unwrap_or(0)), "{:?}", fullest(&one));
        assert!((3..=4).contains(&fullest(&two).unwrap_or(0)), "{:?}", fullest(&two));
    }

    #[test]
    fn a_ring_moves_only_the_keys_of_the_server_that_went() {
        let ring = Ring::new(["a:1", "b:1", "c:1"].map(|name| (name, 1)));
        for key in 0..500u32 {
            let key = key.to_string();
            let (all, without) =
                (ring.server(key.as_bytes(), |_| true), ring.server(key.as_bytes(), |server| server != 1));
            assert!(all == without || all == Some(1));
        }
    }
}
