//! How promises stand, what clients asked and got for an answer, and whether that fits a consistency model.

pub mod consistency;
pub mod history;
pub mod verdict;
