//! The distributed systems: state machines without I/O. Their folders mirror the guides.

pub mod caching;
pub mod consensus;
pub mod messaging;
pub mod parts;
pub mod resilience;
pub mod storage;
pub mod transactions;
