//! What works on any scenario: searching for counterexamples, what if, charts, the glossary.

#[cfg(not(target_arch = "wasm32"))]
pub mod counterexamples;
pub mod glossary;
pub mod plot;
pub mod search;
pub mod what_if;
