//! The Messaging guide.

pub mod competing_consumers;
pub mod isr_and_acks;
