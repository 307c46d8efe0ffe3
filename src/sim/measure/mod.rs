//! What is measured, and the workloads that move it.

pub mod metrics;
pub mod workload;
