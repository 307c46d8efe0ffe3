//! What a scenario is made of.

pub mod live;
pub mod scenario;
