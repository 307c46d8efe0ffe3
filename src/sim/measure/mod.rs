//! What is measured, and the workloads that drive it.

pub mod metrics;
pub mod workload;
