//! The Consensus guide.

pub mod bully;
pub mod leases;
pub mod raft_election;
pub mod token_ring;
pub mod two_generals;
