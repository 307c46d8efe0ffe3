//! The Messaging guide.

pub mod competing_consumers;
pub mod event_log;
pub mod fan_out;
pub mod fire_and_forget;
mod jetstream_view;
pub mod jetstream_work_queue;
mod kafka_view;
pub mod keys_and_order;
pub mod lag_and_scaling;
mod nats_view;
mod rabbit;
pub mod rebalance;
pub mod request_reply;
pub mod retries_and_dead_letters;
pub mod right_tool;
mod right_tool_picture;
pub mod side_by_side;
mod side_by_side_picture;
pub mod simple_task_queue;
pub mod topic_routing;
