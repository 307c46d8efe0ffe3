//! The distributed systems: state machines without I/O.

pub mod ben_or;
pub mod brokers;
pub mod bully;
pub mod byzantine_generals;
pub mod cache;
pub mod jetstream;
pub mod kafka;
pub mod lease_lock;
pub mod load_balancer;
pub mod nats;
pub mod order_platform;
pub mod paxos;
pub mod pbft;
pub mod quorum_store;
pub mod rabbitmq;
pub mod raft;
pub mod side_by_side;
pub mod token_ring;
pub mod two_generals;
pub mod two_phase_commit;
pub mod zab;
