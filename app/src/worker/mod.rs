//! Long work off the page's thread: the same module in a Web Worker, with questions and answers as bytes.

mod inside;
mod job;

pub use inside::start;
pub use job::Job;

use js_sys::Uint8Array;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};

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
    /// How far the shrinker has come: runs tried, inputs, events.
    Shrinking { tried: u64, inputs: usize, steps: u64 },
    /// The shrinker has finished. `from` and `to`: how many inputs and events there were before and after.
    Shrunk { run: String, from: (usize, u64), to: (usize, u64), tried: u64 },
    /// It cannot be done: one sentence.
    Sorry(String),
}

/// A word as it travels between the page and its worker: both run the same module, so the format is the same.
fn pack<T: Serialize>(word: &T) -> JsValue {
    let bytes = postcard::to_allocvec(word).unwrap_or_default();
    Uint8Array::from(bytes.as_slice()).into()
}

fn unpack<T: DeserializeOwned>(data: JsValue) -> Option<T> {
    postcard::from_bytes(&data.dyn_into::<Uint8Array>().ok()?.to_vec()).ok()
}
