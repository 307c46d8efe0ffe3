//! The Consensus guide.

pub mod flp;
pub mod raft_election;
pub mod two_generals;
pub mod zab;
