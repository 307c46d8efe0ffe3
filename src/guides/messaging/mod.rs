//! The Messaging guide.

pub mod competing_consumers;
pub mod exactly_once;
pub mod event_log;
mod kafka_view;
pub mod keys_and_order;
pub mod lag_and_scaling;
pub mod rebalance;
