//! What systems are built from. A part keeps its state in a node's disk or memory, acts through the node's context,
//! and leaves the words to the system.

pub mod calls;
pub mod cast;
pub mod never;
pub mod open_loop;
pub mod outcome;
pub mod station;
