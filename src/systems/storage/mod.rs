//! Systems of the Storage guide.

pub mod quorum_store;
