//! The Consensus guide.

pub mod raft_election;
