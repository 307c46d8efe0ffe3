//! The Messaging guide.

pub mod competing_consumers;
mod rabbit;
pub mod fire_and_forget;
mod nats_view;
pub mod request_reply;
