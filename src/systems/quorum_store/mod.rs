//! Quorum store.
