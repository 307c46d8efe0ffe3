//! Systems of the Resilience guide.

pub mod load_balancer;
