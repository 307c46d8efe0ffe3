//! Pure algorithms with published reference vectors. Know nothing above them.
pub mod lru;
pub mod quorum;
