//! Pure algorithms with published reference vectors. Know nothing above them.

pub mod assignors;
pub mod balancer;
pub mod kafka_log;
pub mod lru;
pub mod oral_messages;
pub mod partitioner;
pub mod producer_state;
pub mod quorum;
pub mod schema;
pub mod subjects;
pub mod topic;
pub mod zab;
