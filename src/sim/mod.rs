//! The simulator. Knows no system and no screen.
//!
//! A run is a value: state = f(system, settings, seed, tape). Everything here follows from that.
//! Reading order: [`system`] (what a protocol implements), [`world`] (a system in motion), [`kernel`] (time, queue,
//! links, faults), [`tape`] (what the reader did), [`run`] (step, back, seek, branch), [`property`] (promises),
//! [`explore`] (all schedules within bounds).

pub mod chaos;
pub mod compare;
pub mod consistency;
pub mod explore;
pub mod hash;
pub mod history;
pub mod journal;
pub mod kernel;
pub mod later;
pub mod link;
pub mod metrics;
pub mod numbers;
pub mod property;
pub mod random;
pub mod rules;
pub mod run;
pub mod settings;
pub mod shrink;
pub mod simulation;
pub mod small;
pub mod system;
pub mod tape;
pub mod text;
pub mod time;
pub mod workload;
pub mod world;

use serde::{Deserialize, Serialize};

/// A node of a world: its index, from 0. A world has at most 64 nodes in sight of a reader; benches go beyond.
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
