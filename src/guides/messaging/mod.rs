//! The Messaging guide.

pub mod competing_consumers;
pub mod fire_and_forget;
mod jetstream_view;
pub mod jetstream_work_queue;
mod nats_view;
pub mod request_reply;
