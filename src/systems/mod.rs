//! The distributed systems: state machines without I/O.

pub mod cache;
pub mod load_balancer;
pub mod paxos;
pub mod quorum_store;
pub mod rabbitmq;
pub mod raft;
pub mod two_generals;
pub mod two_phase_commit;
