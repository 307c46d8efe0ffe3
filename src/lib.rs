//! The Faultline library: simulator, algorithms, systems, pictures and guides. No DOM, no clock, no threads.

pub mod guides;
pub mod lab;
pub mod mechanisms;
pub mod picture;
pub mod sim;
pub mod systems;
pub mod views;
