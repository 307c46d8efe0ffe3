//! How promises stand, what clients asked and got for an answer, whether that fits a consistency model, and what
//! was seen of numbers that must come once, or must come.

pub mod consistency;
pub mod history;
pub mod seen;
pub mod verdict;
