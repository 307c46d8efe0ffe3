//! Counter-based randomness: a draw is a function of who draws, for what, and how often it has drawn for that.
//!
//! There is no global stream. Taking one fault out of a tape leaves every unrelated draw as it was.

use super::hash::{self, mix, scramble};

/// What a draw is for. A node keeps one counter per purpose, so draws for one purpose never shift another's.
/// Systems number their own purposes from 0; there are [`Purpose::COUNT`] of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(pub u8);

impl Purpose {
    /// How many purposes a system may number.
    pub const COUNT: usize = 8;
}

/// What a system's nodes draw for: more purposes than a node keeps counters for do not compile.
#[macro_export]
macro_rules! purposes {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum PurposePlace { $($name,)* End }
        $($(#[$doc])* pub const $name: $crate::sim::kernel::random::Purpose =
            $crate::sim::kernel::random::Purpose(PurposePlace::$name as u8);)*
        const _: () = assert!(
            PurposePlace::End as usize <= $crate::sim::kernel::random::Purpose::COUNT,
            "a node keeps eight counters of draws: this is one purpose too many"
        );
    };
}

/// Whose draws these are: keeps the nodes' and the links' draws apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawer {
    /// A node's own draws.
    Node(u16),
    /// What a link does to its messages.
    Link(u16, u16),
    /// Random fault schedules.
    Chaos,
    /// Random walks of the explorer.
    Explorer,
}

/// The increment of SplitMix64: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The `count`-th draw of `drawer` for `purpose` under `seed`: uniform over all 64-bit words.
#[inline]
pub fn draw(seed: u64, drawer: Drawer, purpose: u8, count: u64) -> u64 {
    let who = match drawer {
        Drawer::Node(node) => 1 << 40 | u64::from(node),
        Drawer::Link(from, to) => 2 << 40 | u64::from(from) << 16 | u64::from(to),
        Drawer::Chaos => 3 << 40,
        Drawer::Explorer => 4 << 40,
    };
    let stream = mix(seed, who << 8 | u64::from(purpose));
    scramble(stream.wrapping_add(count.wrapping_mul(GOLDEN)))
}

/// Maps a draw to `0..bound` with no bias worth measuring (multiply-shift). 0 when `bound` is 0.
#[inline]
pub fn below(draw: u64, bound: u64) -> u64 {
    hash::high_half(draw, bound)
}

/// Maps a draw to `low..=high`. `low` when the range is empty.
#[inline]
pub fn between(draw: u64, low: u64, high: u64) -> u64 {
    low + below(draw, high.saturating_sub(low).saturating_add(1))
}

/// Whether an event of probability `ppm` per million happens.
#[inline]
pub fn chance(draw: u64, ppm: u32) -> bool {
    below(draw, 1_000_000) < u64::from(ppm)
}

/// An exponentially distributed length with this mean, rounded to a whole number. The logarithm is `libm`'s,
/// the same on every target.
pub fn exponential(draw: u64, mean: u64) -> u64 {
    let unit = ((draw >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    (-libm::log(unit) * mean as f64) as u64
}

/// Anything that gives random words: a node's context.
pub trait Dice {
    /// The next one for a purpose.
    fn draw(&mut self, purpose: Purpose) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_and_purposes_do_not_share_a_stream() {
        let a: Vec<u64> = (0..4).map(|n| draw(7, Drawer::Node(1), 0, n)).collect();
        for other in [Drawer::Node(2), Drawer::Link(0, 1), Drawer::Link(1, 0), Drawer::Chaos] {
            assert!((0..4).all(|n| !a.contains(&draw(7, other, 0, n))));
        }
        assert!((0..4).all(|n| !a.contains(&draw(7, Drawer::Node(1), 1, n))));
    }

    /// A sequence that is too even is not random: 1,000 balls in 1,000 bins leave about 1 in e of them empty.
    #[test]
    fn consecutive_draws_are_independent() {
        for drawer in [Drawer::Node(3), Drawer::Link(1, 2), Drawer::Chaos] {
            let mut bins = [0u32; 1_000];
            (0..1_000).for_each(|n| bins[below(draw(9, drawer, 2, n), 1_000) as usize] += 1);
            let empty = bins.iter().filter(|bin| **bin == 0).count();
            assert!((330..=410).contains(&empty), "{empty} bins are empty");
        }
    }

    #[test]
    fn means_are_right() {
        let n = 200_000u64;
        let mean = |f: &dyn Fn(u64) -> u64| (0..n).map(|i| f(draw(1, Drawer::Chaos, 0, i))).sum::<u64>() / n;
        assert!((495..=505).contains(&mean(&|d| below(d, 1_001))));
        assert!((990..=1_010).contains(&mean(&|d| exponential(d, 1_000))));
        assert!((9_300..=10_700).contains(&mean(&|d| 1_000_000 * u64::from(chance(d, 10_000)))));
    }
}
