//! What a system says about itself: what a reader may turn, which rules make it correct, what a client may ask.

pub mod commands;
mod macros;
pub mod notes;
pub mod rules;
pub mod settings;
pub mod text;
