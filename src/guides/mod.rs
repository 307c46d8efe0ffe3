//! The content: one file of Rust and one of prose a scenario. A guide's folder lists its scenarios; together they are
//! the catalogue.

pub mod caching;
pub mod consensus;
pub mod kit;
pub mod messaging;
pub mod resilience;
pub mod storage;
pub mod transactions;

use std::sync::{LazyLock, OnceLock};

use kit::any::AnyScenario;
use kit::guide::Guide;
use kit::shelf::{Placed, Shelf};

/// The scenarios of each guide, in reading order, each with its shelf.
const GUIDES: [(Guide, &[Placed]); 6] = [
    (Guide::Consensus, consensus::PLACED),
    (Guide::Messaging, messaging::PLACED),
    (Guide::Caching, caching::PLACED),
    (Guide::Storage, storage::PLACED),
    (Guide::Transactions, transactions::PLACED),
    (Guide::Resilience, resilience::PLACED),
];

static EVERYTHING: LazyLock<Vec<&'static dyn AnyScenario>> =
    LazyLock::new(|| GUIDES.iter().flat_map(|(_, placed)| *placed).map(|placed| placed.0).collect());
static OPENED: OnceLock<Shelf> = OnceLock::new();

/// Every scenario, in reading order. Whoever calls it has them all linked in; the browser's apps do not call it.
pub fn everything() -> Shelf {
    &EVERYTHING
}

/// The names of the shelves, in the order of their first scenarios.
pub fn shelves() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for (_, shelf) in GUIDES.iter().flat_map(|(_, placed)| *placed) {
        if !names.contains(shelf) {
            names.push(shelf);
        }
    }
    names
}

/// The shelf of the scenario at this address. No other page has an app.
pub fn shelf_of(path: &str) -> Option<&'static str> {
    let mut all = GUIDES.iter().flat_map(|(_, placed)| *placed);
    all.find(|(scenario, _)| scenario.is_at(path)).map(|placed| placed.1)
}

/// Opens a shelf in place of everything, once, before anything else is asked: what a program that has only a part of the
/// scenarios begins with.
pub fn open(shelf: Shelf) {
    // A second call is a mistake that changes nothing.
    let _ = OPENED.set(shelf);
}

/// The scenarios at hand, in reading order: natively all of them, in the browser the shelf that its app has opened.
pub fn catalogue() -> Shelf {
    #[cfg(not(target_arch = "wasm32"))]
    return OPENED.get().copied().unwrap_or_else(everything);
    #[cfg(target_arch = "wasm32")]
    return OPENED.get().copied().unwrap_or_default();
}

/// The scenario with this `guide/slug`.
pub fn find(path: &str) -> Option<&'static dyn AnyScenario> {
    catalogue().iter().copied().find(|scenario| scenario.is_at(path))
}

/// A shelf of a guide: `shelf!(consensus, "paxos")`.
#[macro_export]
macro_rules! shelf {
    ($guide:ident, $shelf:literal) => {{
        use $crate::guides::{kit::any::AnyScenario, kit::shelf, $guide::PLACED};
        static CHOSEN: [&dyn AnyScenario; shelf::count(PLACED, $shelf)] = shelf::choose(PLACED, $shelf);
        const { assert!(shelf::count(PLACED, $shelf) > 0, "no scenario stands on this shelf") };
        &CHOSEN
    }};
}
