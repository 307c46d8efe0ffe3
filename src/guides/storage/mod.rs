//! The Storage guide.

pub mod leaderless_quorum;
