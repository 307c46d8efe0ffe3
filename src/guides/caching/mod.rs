//! The Caching guide.

pub mod cache_aside;
