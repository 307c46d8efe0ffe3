//! The Messaging guide.

pub mod competing_consumers;
pub mod fan_out;
mod rabbit;
pub mod fire_and_forget;
mod jetstream_view;
pub mod jetstream_work_queue;
mod nats_view;
pub mod request_reply;
pub mod retries_and_dead_letters;
pub mod simple_task_queue;
pub mod topic_routing;
