//! Models whose state counts others have published, written as our own systems.

pub mod paxos;
pub mod two_phase;
