//! Raft election.
