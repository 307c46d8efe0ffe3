//! Models whose state counts others have published, written as systems of ours.

pub mod paxos;
pub mod two_phase;
