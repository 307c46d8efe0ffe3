//! What the page's address says of the run: a link is the address of a scenario with a run in its query.

use leptos::prelude::location;

/// The value of a name in the query.
fn in_query(name: &str) -> Option<String> {
    let query = location().search().unwrap_or_default();
    let pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
}

/// The text of the run, if there is one.
pub fn run_in_query() -> Option<String> {
    in_query("run")
}

/// The rule whose story the run is, if the query names one.
pub fn story_in_query() -> Option<String> {
    in_query("story")
}

/// The run to compare with, if there is one: its scenario and its text.
pub fn run_beside_in_query() -> Option<(String, String)> {
    let beside = in_query("with")?;
    let (scenario, text) = beside.split_once('~')?;
    Some((scenario.to_owned(), text.to_owned()))
}
