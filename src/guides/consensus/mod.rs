//! The Consensus guide.

pub mod paxos;
pub mod raft_election;
pub mod two_generals;
