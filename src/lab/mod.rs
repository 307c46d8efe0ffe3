//! What works on any scenario: what is beyond its promises, searching for counterexamples, the pace of play, what if, charts,
//! the glossary.

pub mod beyond;
#[cfg(not(target_arch = "wasm32"))]
pub mod counterexamples;
pub mod glossary;
pub mod play;
pub mod plot;
pub mod search;
pub mod story;
pub mod telling;
pub mod what_if;
