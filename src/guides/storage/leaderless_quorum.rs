//! Leaderless quorum.
