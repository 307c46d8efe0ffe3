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

pub use kit::live::{Live, LiveWorld};
pub use kit::scenario::{AnyScenario, Guide, Info, Scenario};

/// A list of scenarios, in reading order.
pub type Shelf = &'static [&'static dyn AnyScenario];

/// The scenarios of each guide, in reading order.
const GUIDES: [Shelf; 6] = [
    consensus::SCENARIOS,
    messaging::SCENARIOS,
    caching::SCENARIOS,
    storage::SCENARIOS,
    transactions::SCENARIOS,
    resilience::SCENARIOS,
];

static EVERYTHING: LazyLock<Vec<&'static dyn AnyScenario>> = LazyLock::new(|| GUIDES.concat());
static OPENED: OnceLock<Shelf> = OnceLock::new();

/// Every scenario, in reading order. Whoever calls it has them all linked in; the browser's apps do not call it.
pub fn everything() -> Shelf {
    &EVERYTHING
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

/// The shelf that the scenario with this `guide/slug`, or the guide with this slug, stands on: the program that has it.
pub fn shelf_of(path: &str) -> &'static str {
    let guide = Guide::ALL.into_iter().find(|guide| path.split('/').next() == Some(guide.slug()));
    guide.unwrap_or(Guide::ALL[0]).slug()
}

/// The scenario with this `guide/slug`.
pub fn find(path: &str) -> Option<&'static dyn AnyScenario> {
    catalogue().iter().copied().find(|scenario| scenario.info().path() == path)
}
