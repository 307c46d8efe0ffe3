//! The Faultline library: simulator, algorithms, systems, pictures and guides. No DOM, no clock, no threads.
pub mod sim;
