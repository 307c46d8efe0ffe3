//! The Messaging guide.

pub mod competing_consumers;
pub mod fan_out;
mod rabbit;
pub mod retries_and_dead_letters;
pub mod simple_task_queue;
pub mod topic_routing;
pub mod event_log;
mod kafka_view;
pub mod keys_and_order;
pub mod lag_and_scaling;
pub mod rebalance;
pub mod fire_and_forget;
pub mod jetstream_work_queue;
mod nats_view;
pub mod request_reply;
pub mod side_by_side;
mod side_by_side_picture;
pub mod right_tool;
