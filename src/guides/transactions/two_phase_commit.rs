//! Two phase commit.
