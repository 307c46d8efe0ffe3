//! The Messaging guide.

pub mod competing_consumers;
pub mod inside_kafka_log;
pub mod isr_and_acks;
pub mod schemas;
