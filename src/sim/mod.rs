//! The simulator. Knows no system and no screen.
//!
//! A run is a value: state = f(system, settings, seed, tape). Everything here follows from that.
//!
//! Its modules; each knows only those before it:
//! - [`declare`]: what a system says about itself: settings, rules, commands, notes.
//! - [`kernel`]: time, queue, links, faults, randomness.
//! - [`measure`]: counters, gauges, latencies, and the workloads that drive them.
//! - [`judge`]: verdicts, what clients saw, and whether it fits a consistency model.
//! - [`run`]: the tape; step, back, seek, branch; comparing and shrinking runs; random faults.
//! - [`machine`]: what a protocol implements, and a system of them in motion.
//! - [`explore`]: all schedules within bounds.
//!
//! Below them all: [`journal`], [`later`], [`numbers`], [`small`] and [`unsynced`].

pub mod declare;
pub mod explore;
pub mod journal;
pub mod judge;
pub mod kernel;
pub mod later;
pub mod machine;
pub mod measure;
pub mod numbers;
pub mod run;
pub mod small;
pub mod unsynced;

use serde::{Deserialize, Serialize};

/// A node of a world: its index, from 0. A world that a reader sees has at most 64 nodes; benches go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The node as an index into a table of nodes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl From<usize> for NodeId {
    /// Saturates: no world has 65,535 nodes.
    fn from(index: usize) -> Self {
        NodeId(u16::try_from(index).unwrap_or(u16::MAX))
    }
}
