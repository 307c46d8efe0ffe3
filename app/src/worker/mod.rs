//! Long work beside the page: the same module in a Web Worker, asked and answering in JSON.

mod inside;
mod job;

pub use inside::start;
pub use job::Job;

use serde::{Deserialize, Serialize};

use faultline::lab::search::Quest;
use faultline::sim::explore::Progress;

/// What the page asks. Runs travel as the text of a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ask {
    /// Search for a schedule that breaks a promise.
    Search { path: String, run: String, quest: Quest },
    /// Make a run that breaks a promise smaller.
    Shrink { path: String, run: String, promise: usize },
}

/// What the worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It is there and listens.
    Ready,
    /// How far a search has come.
    Searching(Progress),
    /// A search has ended.
    Found { words: String, run: Option<String>, progress: Progress },
    /// How far a shrinking has come: runs tried, inputs, events.
    Shrinking { tried: u64, inputs: usize, steps: u64 },
    /// A shrinking has ended: from so many inputs and events to so many.
    Shrunk { run: String, from: (usize, u64), to: (usize, u64), tried: u64 },
    /// It cannot be done: one sentence.
    Sorry(String),
}
