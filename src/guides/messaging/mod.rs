//! The Messaging guide.

pub mod competing_consumers;
mod rabbit;
