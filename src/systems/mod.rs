//! The distributed systems: state machines without I/O.

pub mod byzantine_generals;
pub mod cache;
pub mod load_balancer;
pub mod pbft;
pub mod quorum_store;
pub mod rabbitmq;
pub mod raft;
pub mod two_generals;
pub mod two_phase_commit;
