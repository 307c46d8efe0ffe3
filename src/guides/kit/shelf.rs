//! Shelves: the scenarios that one app of the site holds. A guide is one shelf, or a few if it would be too much to load.

use super::any::AnyScenario;

/// A list of scenarios, in reading order.
pub type Shelf = &'static [&'static dyn AnyScenario];

/// A scenario, and the name of the shelf that it stands on.
pub type Placed = (&'static dyn AnyScenario, &'static str);

/// Declares the scenarios of a guide, in reading order: one line per scenario, with the shelf that it stands on.
/// Listing a scenario here puts it under test, on the site and in the terminal.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident: $shelf:literal;)*) => {
        $(pub mod $name;)*
        /// Its scenarios, in reading order, each with its shelf.
        pub const PLACED: &[$crate::guides::kit::shelf::Placed] = &[$((&$name::SCENARIO, $shelf)),*];
    };
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// How many scenarios of a guide stand on a shelf.
pub const fn count(placed: &[Placed], shelf: &str) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < placed.len() {
        if is_same(placed[at].1, shelf) {
            count += 1;
        }
        at += 1;
    }
    count
}

/// The scenarios of a guide that stand on a shelf. Chosen at compile time, so that a program that names one shelf
/// links no other.
pub const fn choose<const N: usize>(placed: &[Placed], shelf: &str) -> [&'static dyn AnyScenario; N] {
    let mut chosen = [placed[0].0; N];
    let (mut count, mut at) = (0, 0);
    while at < placed.len() {
        if is_same(placed[at].1, shelf) {
            chosen[count] = placed[at].0;
            count += 1;
        }
        at += 1;
    }
    chosen
}
