//! What the page's address says of the run: a link is the address of a scenario with a run in its query.

use leptos::prelude::{location, window};
use wasm_bindgen::JsValue;

/// The value of a name in the query.
fn in_query(name: &str) -> Option<String> {
    let query = location().search().unwrap_or_default();
    let mut pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
}

/// The text of the run, if there is one.
pub fn run_in_query() -> Option<String> {
    in_query("run")
}

/// The rule whose story the run is, if the query names one.
pub fn story_in_query() -> Option<String> {
    in_query("story")
}

/// The move at which that story stood, if the query says so.
pub fn move_in_query() -> Option<usize> {
    in_query("move")?.parse().ok()
}

/// Writes down in the address where a story stands, so that a reload opens it there.
pub fn note_move(run: &str, story: &str, at: usize) {
    if move_in_query().unwrap_or(0) != at || story_in_query().as_deref() != Some(story) {
        let path = location().pathname().unwrap_or_default();
        show(&format!("{path}?run={run}&story={story}&move={at}"));
    }
}

/// The run to compare with, if there is one: its scenario and its text.
pub fn run_beside_in_query() -> Option<(String, String)> {
    let beside = in_query("with")?;
    let (scenario, text) = beside.split_once('~')?;
    Some((scenario.to_owned(), text.to_owned()))
}

/// Puts an address in the address bar; what the page shows stays.
pub fn show(address: &str) {
    if let Ok(history) = window().history() {
        // A browser that refuses to change the address still shows the page.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Takes the run out of the address: a reload then opens what the reader has come to.
pub fn forget_run() {
    show(&location().pathname().unwrap_or_default());
}
