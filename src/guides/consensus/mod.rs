//! The Consensus guide.

pub mod paxos;
mod paxos_words;
pub mod raft_election;
pub mod two_generals;
