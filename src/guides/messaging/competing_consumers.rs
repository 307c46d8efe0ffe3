//! Competing consumers.
