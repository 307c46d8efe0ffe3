//! The Consensus guide.

pub mod multi_paxos;
pub mod paxos;
mod paxos_words;
pub mod raft_election;
pub mod two_generals;
