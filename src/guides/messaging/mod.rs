//! The Messaging guide.

pub mod competing_consumers;
pub mod event_log;
pub mod exactly_once;
pub mod flash_sale;
mod kafka_view;
pub mod keys_and_order;
pub mod lag_and_scaling;
pub mod rebalance;
