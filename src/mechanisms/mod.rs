//! Pure algorithms with published reference vectors. Know nothing above them.
pub mod assignors;
pub mod balancer;
pub mod lru;
pub mod oral_messages;
pub mod partitioner;
pub mod quorum;
pub mod subjects;
pub mod topic;
pub mod zab;
