//! The content: one file of Rust and one of prose a scenario. A guide's folder lists its scenarios; together they are
//! the catalogue.
//!
//! Each guide is a feature of the crate, and all are on unless a build says otherwise: the site has an app for each guide,
//! so that a reader loads no more than the guide that is read.

#[cfg(feature = "caching")]
pub mod caching;
#[cfg(feature = "consensus")]
pub mod consensus;
#[cfg(not(target_arch = "wasm32"))]
pub mod counterexamples;
pub mod glossary;
pub mod live;
#[cfg(feature = "messaging")]
pub mod messaging;
pub mod plot;
#[cfg(not(target_arch = "wasm32"))]
pub mod related;
#[cfg(feature = "resilience")]
pub mod resilience;
pub mod scenario;
pub mod search;
// A scenario of Consensus puts another question to the store of Storage, and shows it alike.
#[cfg(any(feature = "storage", feature = "consensus"))]
pub mod storage;
#[cfg(feature = "transactions")]
pub mod transactions;
pub mod what_if;

use std::sync::LazyLock;

pub use live::{Live, LiveWorld};
pub use scenario::{AnyScenario, Guide, Info, Scenario};

/// The scenarios of each guide that is built, in reading order.
const GUIDES: &[&[&dyn AnyScenario]] = &[
    #[cfg(feature = "consensus")]
    consensus::SCENARIOS,
    #[cfg(feature = "messaging")]
    messaging::SCENARIOS,
    #[cfg(feature = "caching")]
    caching::SCENARIOS,
    #[cfg(feature = "storage")]
    storage::SCENARIOS,
    #[cfg(feature = "transactions")]
    transactions::SCENARIOS,
    #[cfg(feature = "resilience")]
    resilience::SCENARIOS,
];

static CATALOGUE: LazyLock<Vec<&'static dyn AnyScenario>> = LazyLock::new(|| GUIDES.concat());

/// Every scenario that is built, in reading order.
pub fn catalogue() -> &'static [&'static dyn AnyScenario] {
    &CATALOGUE
}

/// The scenario with this `guide/slug`.
pub fn find(path: &str) -> Option<&'static dyn AnyScenario> {
    catalogue().iter().copied().find(|scenario| scenario.info().path() == path)
}
