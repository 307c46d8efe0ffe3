//! What works on any scenario: searching for counterexamples, what if, charts, the glossary, relations.

#[cfg(not(target_arch = "wasm32"))]
pub mod counterexamples;
pub mod glossary;
pub mod plot;
#[cfg(not(target_arch = "wasm32"))]
pub mod related;
pub mod search;
pub mod what_if;
