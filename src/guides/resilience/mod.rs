//! The Resilience guide.

pub mod load_balancing;
