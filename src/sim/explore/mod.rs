//! All schedules within bounds: the shortest way in which a promise breaks.
//!
//! Virtual time is ignored: in a state every message in flight may arrive (in link order where the link is FIFO),
//! every armed timer may fire, and every fault left in the budget may happen. States are told apart by fingerprints
//! without ids, times or metrics.
//!
//! What makes it fast: a state is a few numbers ([`state`]). Nodes, messages and timers are interned, and a handler
//! runs once for each pair of a node's state and an event ([`model`]): every later meeting of the two is a look-up. A
//! fingerprint is a sum over the parts, so most successors are recognised before they are built ([`ahead`]).

mod ahead;
pub mod instance;
mod lasso;
pub mod model;
mod moves;
mod search;
mod state;
mod step;

pub use moves::{Move, replays, tape_of};
pub use search::Explorer;

use serde::{Deserialize, Serialize};

use crate::sim::run::tape::Tape;

/// How many faults of each kind a schedule may have, each at most 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Crashes of a node.
    pub crashes: u8,
    /// Restarts of a crashed node.
    pub restarts: u8,
    /// Messages dropped.
    pub drops: u8,
    /// Messages that arrive twice.
    pub duplicates: u8,
    /// Directions of a link cut for good.
    pub cuts: u8,
    /// Machines that lose power; a restart brings them back.
    pub power_cuts: u8,
}

impl Budget {
    /// No faults at all.
    pub const NONE: Budget = Budget { crashes: 0, restarts: 0, drops: 0, duplicates: 0, cuts: 0, power_cuts: 0 };

    /// Crashes, and as many restarts.
    pub const fn crashes(count: u8) -> Budget {
        Budget { crashes: count, restarts: count, ..Budget::NONE }
    }

    /// Power cuts, and as many restarts.
    pub const fn power_cuts(count: u8) -> Budget {
        Budget { power_cuts: count, restarts: count, ..Budget::NONE }
    }
}

/// The order in which states are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Nearest first: the first counterexample is a shortest one.
    #[default]
    Breadth,
    /// Newest first: it gets deep soon, but what it finds need not be shortest.
    Depth,
    /// Walks from the start, each move drawn at random, for state spaces too large to cover.
    Random {
        /// Of the draws.
        seed: u64,
    },
}

/// What the network does with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// It arrives once.
    #[default]
    Once,
    /// It stays deliverable after it has arrived: a network that may repeat any message, as the message sets of TLA+
    /// specifications do.
    Repeating,
    /// It arrives once, and only when it makes a difference: a message that its receiver would ignore stays in flight.
    /// Fewer states, for systems whose promises do not look at the messages themselves.
    Patient,
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most states; for random walks, the most moves in all.
    pub states: u64,
    /// The most moves from the start.
    pub depth: u32,
    /// The faults in a schedule.
    pub budget: Budget,
    /// What the network does with a message.
    pub network: Network,
    /// The most memory for what was seen, in bytes, roughly.
    pub memory: u64,
    /// In which order.
    pub order: Order,
}

impl Bounds {
    /// Breadth-first within these limits, with messages that arrive once, in at most a gigabyte.
    pub const fn new(states: u64, depth: u32, budget: Budget) -> Bounds {
        Bounds { states, depth, budget, network: Network::Once, memory: 1 << 30, order: Order::Breadth }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A promise broke.
    Broken {
        /// Index of the promise in the scenario's list.
        promise: usize,
        /// The schedule: the shortest one, if the search was breadth-first.
        moves: Vec<Move>,
    },
    /// A promise that should come true in the end does not, and no longer can: no schedule without a further fault
    /// leads to it from where the moves end.
    Trapped {
        /// Index of the promise in the scenario's list.
        promise: usize,
        /// The way into the trap.
        moves: Vec<Move>,
        /// How many of the last moves form a cycle; 0 when nothing can happen any more.
        circle: u32,
    },
    /// No schedule within the bounds breaks a promise; every state within them was seen.
    Holds,
    /// No broken promise found, but some states were not seen.
    Unknown,
}

/// What kept a search from seeing everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The most moves from the start.
    Depth,
    /// The most states.
    States,
    /// The most memory.
    Memory,
    /// It was stopped from outside.
    Stopped,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Distinct states seen.
    pub states: u64,
    /// Moves tried: states generated, distinct or not.
    pub tried: u64,
    /// Moves from the start to the furthest state.
    pub depth: u32,
    /// States seen but not yet expanded.
    pub open: u64,
    /// Memory for what was seen, in bytes, roughly.
    pub memory: u64,
}

/// A finished search.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was found.
    pub outcome: Outcome,
    /// How far it came.
    pub progress: Progress,
    /// What kept it from seeing everything, if something did.
    pub limit: Option<Limit>,
    /// Whether promises about the end were checked.
    pub endings: bool,
    /// Whether a promise looked at the messages themselves: a patient network, which withholds some, might hide that it breaks.
    pub looks_at_messages: bool,
}

impl Report {
    /// The schedule that was found, if one was.
    pub fn moves(&self) -> Option<(usize, &[Move])> {
        match &self.outcome {
            Outcome::Broken { promise, moves } | Outcome::Trapped { promise, moves, .. } => Some((*promise, moves)),
            _ => None,
        }
    }
}

/// A schedule ready to be stepped through: the tape that takes the start there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Inputs from the start on.
    pub tape: Tape,
    /// Events handled when the schedule ends.
    pub steps: u64,
}
