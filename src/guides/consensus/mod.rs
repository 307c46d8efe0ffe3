//! The Consensus guide.

pub mod bully;
pub mod raft_election;
pub mod two_generals;
