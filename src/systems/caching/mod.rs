//! Systems of the Caching guide.

pub mod cache;
