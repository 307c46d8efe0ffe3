//! The Consensus guide.

pub mod raft_election;
pub mod two_generals;
