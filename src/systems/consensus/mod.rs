//! Systems of the Consensus guide.

pub mod ben_or;
pub mod bully;
pub mod byzantine_generals;
pub mod lease_lock;
pub mod paxos;
pub mod pbft;
pub mod raft;
pub mod side_by_side;
pub mod token_ring;
pub mod two_generals;
pub mod zab;
