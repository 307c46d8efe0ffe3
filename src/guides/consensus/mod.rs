//! The Consensus guide.

pub mod byzantine_generals;
pub mod pbft;
pub mod raft_election;
pub mod two_generals;
