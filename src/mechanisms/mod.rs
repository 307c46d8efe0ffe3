//! Pure algorithms with published reference vectors. Know nothing above them.
pub mod balancer;
pub mod lru;
pub mod oral_messages;
pub mod quorum;
pub mod topic;
pub mod subjects;
pub mod zab;
