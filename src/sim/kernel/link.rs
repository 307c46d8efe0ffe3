//! Links: how long a message takes, and what may happen to it on the way.

use super::random::{self, Drawer};
use super::time::Micros;

/// How long a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Latency {
    /// Always the same.
    Fixed(Micros),
    /// Uniform between the two, both included.
    Uniform(Micros, Micros),
    /// At least `min`, plus an exponentially distributed part with this mean.
    Exponential { min: Micros, mean: Micros },
}

impl Latency {
    /// The latency that a draw stands for.
    #[inline]
    pub fn sample(self, draw: u64) -> Micros {
        match self {
            Latency::Fixed(micros) => micros,
            Latency::Uniform(low, high) => random::between(draw, low, high),
            Latency::Exponential { min, mean } => min + random::exponential(draw, mean),
        }
    }
}

/// What a link does to its messages when nobody has touched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkSpec {
    /// How long a message takes.
    pub latency: Latency,
    /// Whether messages arrive in the order they were sent (a TCP connection) or in any (datagrams).
    pub fifo: bool,
    /// Messages lost, per million.
    pub loss_ppm: u32,
    /// Messages that arrive twice, per million.
    pub duplicate_ppm: u32,
}

impl LinkSpec {
    /// An ordered link without loss.
    pub const fn fifo(latency: Latency) -> LinkSpec {
        LinkSpec { latency, fifo: true, loss_ppm: 0, duplicate_ppm: 0 }
    }

    /// A link that may reorder, without loss.
    pub const fn unordered(latency: Latency) -> LinkSpec {
        LinkSpec { latency, fifo: false, loss_ppm: 0, duplicate_ppm: 0 }
    }
}

/// What the reader has done to one direction of a link, and how many draws it has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkState {
    /// Nothing passes.
    pub cut: bool,
    /// Added to every latency.
    pub extra: Micros,
    /// Messages lost on top of the link's own loss, per million.
    pub loss_ppm: u32,
    /// Messages sent so far: the counter of the link's draws.
    pub(in crate::sim) sent: u32,
    /// When the last message of a FIFO link arrives.
    pub(in crate::sim) last_arrival: u64,
}

/// What happens to a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives after this long.
    Arrives(Micros),
    /// It arrives after the first length, and a copy after the second.
    Twice(Micros, Micros),
    /// It is lost; it would have taken this long.
    Lost(Micros),
}

impl LinkState {
    /// Draws the fate of the next message on this link.
    #[inline]
    pub(in crate::sim) fn next_fate(&mut self, seed: u64, link: (u16, u16), spec: &LinkSpec) -> Fate {
        let who = Drawer::Link(link.0, link.1);
        let count = u64::from(self.sent);
        self.sent += 1;
        let latency = spec.latency.sample(random::draw(seed, who, 0, count)) + self.extra;
        let loss = spec.loss_ppm.saturating_add(self.loss_ppm);
        if loss > 0 && random::chance(random::draw(seed, who, 1, count), loss) {
            Fate::Lost(latency)
        } else if spec.duplicate_ppm > 0 && random::chance(random::draw(seed, who, 2, count), spec.duplicate_ppm) {
            Fate::Twice(latency, spec.latency.sample(random::draw(seed, who, 3, count)) + self.extra)
        } else {
            Fate::Arrives(latency)
        }
    }
}
