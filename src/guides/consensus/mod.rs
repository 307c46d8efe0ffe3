//! The Consensus guide.

pub mod agreement;
pub mod bully;
pub mod byzantine_generals;
pub mod flp;
pub mod leases;
pub mod multi_paxos;
pub mod paxos;
mod paxos_words;
pub mod pbft;
pub mod quorums;
pub mod raft_election;
pub mod raft_figure_8;
pub mod raft_members;
pub mod raft_reads;
pub mod raft_replication;
pub mod raft_snapshots;
mod raft_view;
pub mod side_by_side;
pub mod token_ring;
pub mod two_generals;
pub mod zab;
