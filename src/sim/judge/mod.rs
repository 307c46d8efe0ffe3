//! How promises stand, what clients asked and were answered, and whether that fits a consistency model.

pub mod consistency;
pub mod history;
pub mod verdict;
