//! Calls: requests under way, each with a number that is never used twice and, where it has one, a time-out. And what is
//! done when a try has failed: how often, after which wait, and out of which budget.
//!
//! Sources: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); "Retry budgets" in Finagle and in
//! Google's SRE book, chapter 22 (a client retries at most a share of what it sends).

use std::hash::Hash;

use litemap::LiteMap;

use crate::sim::kernel::random;
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::machine::system::{Context, System};
use crate::sim::small::make_room;

/// Number of a call; it comes from a counter on disk, so that a restarted caller does not take an old answer for a new
/// one.
pub type Number = u32;

/// A call under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call<T> {
    /// What it is about.
    pub what: T,
    /// When it began, on the caller's clock.
    pub since: Time,
}

/// The calls that a node has under way, by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calls<T>(LiteMap<Number, Call<T>>);

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Calls(LiteMap::new())
    }
}

impl<T: Clone + Hash> Calls<T> {
    /// Begins a call without a time-out under the next number; the oldest one is forgotten where there are `most`
    /// already.
    pub fn begin<S: System>(&mut self, last: &mut Number, what: T, most: usize, context: &Context<S>) -> Number {
        make_room(&mut self.0, most);
        *last += 1;
        self.0.insert(*last, Call { what, since: context.now() });
        *last
    }

    /// Gives a call a time-out: `timer` fires after `patience`, unless the call ends before.
    pub fn wait<S: System>(
        &self,
        number: Number,
        timer: fn(Number) -> S::Timer,
        patience: Micros,
        context: &mut Context<S>,
    ) {
        context.set_timer(timer(number), patience);
    }

    /// Ends a call, and gives it back with how long it took. `None` when nobody waits for it any more.
    pub fn end<S: System>(&mut self, number: Number, context: &Context<S>) -> Option<(Call<T>, Micros)> {
        let call = self.0.remove(&number)?;
        let took = context.now().saturating_sub(call.since);
        Some((call, took))
    }

    /// Ends a call that has a time-out, and disarms it. As [`Calls::end`] for the rest.
    pub fn settle<S: System>(
        &mut self,
        number: Number,
        timer: fn(Number) -> S::Timer,
        context: &mut Context<S>,
    ) -> Option<(Call<T>, Micros)> {
        let ended = self.end(number, context)?;
        context.cancel_timer(timer(number));
        Some(ended)
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The calls under way, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Number, &Call<T>)> {
        self.0.iter().map(|(number, call)| (*number, call))
    }
}

/// How failed tries are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The most tries of a call, the first one included.
    pub most: u32,
    /// The wait before the second try, in microseconds; it doubles with each further one. 0: at once.
    pub base: Micros,
    /// The longest wait, in microseconds.
    pub cap: Micros,
    /// Whether a wait is drawn between nothing and its full length ("full jitter").
    pub jitter: bool,
}

impl Retry {
    /// Tries again at once, up to `most` tries in all.
    pub const fn at_once(most: u32) -> Retry {
        Retry { most, base: 0, cap: 0, jitter: false }
    }

    /// How long to wait after this many tries, given a draw for the jitter. `None`: that was the last one.
    pub fn wait(&self, tries: u32, draw: u64) -> Option<Micros> {
        if tries >= self.most {
            return None;
        }
        let doubled = self.base.saturating_mul(1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX));
        let longest = doubled.min(self.cap);
        Some(if self.jitter { random::between(draw, 0, longest) } else { longest })
    }
}

/// A budget of retries: each call earns a part of one, and each retry spends one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    /// What is left, in hundredths of a retry.
    left: u32,
}

impl RetryBudget {
    /// A call is made: it earns `percent` hundredths of a retry, up to `most` retries in all.
    pub fn earn(&mut self, percent: u32, most: u32) {
        self.left = self.left.saturating_add(percent).min(most.saturating_mul(100));
    }

    /// Takes a retry out of the budget. False when there is none left.
    pub fn spend(&mut self) -> bool {
        let rest = self.left.checked_sub(100);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_end() {
        let retry = Retry { most: 5, base: 100, cap: 500, jitter: false };
        let waits: Vec<Option<Micros>> = (1..=5).map(|tries| retry.wait(tries, 0)).collect();
        assert_eq!(waits, [Some(100), Some(200), Some(400), Some(500), None]);
        assert_eq!(Retry { most: u32::MAX, ..retry }.wait(200, 0), Some(500));
        assert_eq!(Retry::at_once(2).wait(1, 7), Some(0));
    }

    #[test]
    fn full_jitter_draws_from_nothing_to_the_whole() {
        let retry = Retry { most: 9, base: 100, cap: 1_000, jitter: true };
        assert_eq!((retry.wait(1, 0), retry.wait(1, u64::MAX)), (Some(0), Some(100)));
        let mean = (0..1_000u64).map(|n| retry.wait(3, n << 54).unwrap_or(0)).sum::<u64>() / 1_000;
        assert!((195..=205).contains(&mean), "{mean}");
    }

    #[test]
    fn a_budget_allows_a_share_of_the_calls() {
        let mut budget = RetryBudget::default();
        assert!(!budget.spend());
        let spent = (0..1_000).filter(|_| {
            budget.earn(20, 10);
            budget.spend()
        });
        assert_eq!(spent.count(), 200);
        (0..1_000).for_each(|_| budget.earn(20, 10));
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
    }
}
