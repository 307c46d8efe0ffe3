//! An open loop: requests that come whether or not earlier ones were answered (Schroeder, Wierman, Harchol-Balter, "Open
//! versus closed: a cautionary tale", NSDI 2006), and what they are for.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::kernel::random::{self, Purpose};
use crate::sim::kernel::time::{MS, Micros, SEC};
use crate::sim::machine::system::{Context, System};
use crate::sim::measure::workload::{Popularity, Shape};

/// How often a client without requests looks whether its rate was turned up.
const IDLE: Micros = 500 * MS;

/// Poisson arrivals at a rate that a setting gives.
pub struct OpenLoop {
    /// Requests a second, of all sharers together.
    pub rate: SettingId,
    /// How many nodes share the rate.
    pub sharers: fn(&Settings) -> u64,
    /// How the rate changes over time.
    pub shape: fn(&Settings) -> Shape,
    /// What the gaps are drawn for.
    pub purpose: Purpose,
}

impl OpenLoop {
    /// One node asks at a steady rate.
    pub const fn steady(rate: SettingId, purpose: Purpose) -> OpenLoop {
        OpenLoop { rate, sharers: |_| 1, shape: |_| Shape::Steady, purpose }
    }

    /// Arms the timer of the next request.
    pub fn arm<S: System>(&self, timer: S::Timer, context: &mut Context<S>) {
        let gap = self.gap(context);
        context.set_timer(timer, gap);
    }

    /// The timer has fired: arms it again, and says whether a request comes. None does while the rate is 0, which the
    /// node gives as its why.
    pub fn arrived<S: System>(&self, timer: S::Timer, context: &mut Context<S>) -> bool {
        self.arm(timer, context);
        let comes = context.amount(self.rate) > 0;
        if !comes {
            context.why(|_| "No requests come on their own: the rate is 0.".to_owned());
        }
        comes
    }

    fn gap<S: System>(&self, context: &mut Context<S>) -> Micros {
        let settings = context.settings();
        let (shape, sharers) = ((self.shape)(settings), (self.sharers)(settings));
        let base = context.amount(self.rate);
        // A steady rate does not look at the clock, so that an explored system may have one.
        let rate = if shape == Shape::Steady { base } else { shape.rate(base, context.now()) };
        match SEC.checked_div(rate) {
            // The gap of one sharer: that of all, drawn out by their number.
            Some(mean) => random::exponential(context.draw(self.purpose), mean).max(1).saturating_mul(sharers),
            None => IDLE,
        }
    }
}

/// Keys by Zipf's law. The table of weights is kept from draw to draw while number and exponent stay the same; it follows
/// from the settings and is no part of a node's state.
#[derive(Clone, Debug, Default)]
pub struct Keys(Option<Rc<Table>>);

#[derive(Debug)]
struct Table {
    count: usize,
    exponent: u32,
    popularity: Popularity,
}

impl Keys {
    /// One of `count` keys, by Zipf's law with an exponent in hundredths, for a draw.
    pub fn pick(&mut self, count: usize, exponent: u32, draw: u64) -> u32 {
        let kept = self.0.take().filter(|table| (table.count, table.exponent) == (count, exponent));
        let table =
            kept.unwrap_or_else(|| Rc::new(Table { count, exponent, popularity: Popularity::zipf(count, exponent) }));
        let key = table.popularity.pick(draw);
        self.0 = Some(table);
        key
    }
}

impl PartialEq for Keys {
    fn eq(&self, _: &Keys) -> bool {
        true
    }
}

impl Eq for Keys {}

impl Hash for Keys {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::hash::stable;

    #[test]
    fn a_kept_table_draws_as_a_new_one() {
        let mut keys = Keys::default();
        for (count, exponent) in [(200, 80), (200, 80), (50, 80), (50, 120), (200, 80)] {
            for draw in (0..40).map(|n| n << 58) {
                assert_eq!(keys.pick(count, exponent, draw), Popularity::zipf(count, exponent).pick(draw));
            }
        }
    }

    #[test]
    fn a_table_is_no_part_of_the_state() {
        let (mut one, other) = (Keys::default(), Keys::default());
        one.pick(10, 100, 1);
        assert_eq!((&one, stable(&one)), (&other, stable(&other)));
    }
}
