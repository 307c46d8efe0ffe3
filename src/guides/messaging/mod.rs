//! The Messaging guide.

pub mod competing_consumers;
pub mod exactly_once;
