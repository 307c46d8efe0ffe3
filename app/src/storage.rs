//! What the browser remembers for the reader: theme, progress, the last place. Nothing breaks when it cannot, or when
//! what it remembers is damaged.

use std::collections::BTreeMap;

use leptos::prelude::window;
use serde::{Deserialize, Serialize};

fn store() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

fn key(name: &str) -> String {
    format!("faultline.{name}")
}

/// Reads a remembered text.
pub fn read(name: &str) -> Option<String> {
    store()?.get_item(&key(name)).ok().flatten()
}

/// Remembers a text. A full or forbidden store is passed over: the page works without.
pub fn write(name: &str, value: &str) {
    if let Some(store) = store() {
        let _ = store.set_item(&key(name), value);
    }
}

/// What the reader has done in one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The furthest beat reached, from 1; 0 for none.
    pub beats: usize,
    /// Challenges solved.
    pub solved: Vec<String>,
}

/// What the reader has done, by `guide/slug`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub visits: BTreeMap<String, Visit>,
    /// The last scenario, to continue with.
    pub last: Option<String>,
}

impl Progress {
    /// What is remembered; the error is a sentence for the page, and what was damaged is kept aside.
    pub fn load() -> Result<Progress, &'static str> {
        let Some(text) = read("progress") else { return Ok(Progress::default()) };
        serde_json::from_str(&text).map_err(|_| {
            write("progress.damaged", &text);
            write("progress", "{\"visits\":{},\"last\":null}");
            "Your saved progress could not be read, so it starts anew. What was there is kept aside in this browser."
        })
    }

    /// Changes what is remembered.
    pub fn update(change: impl FnOnce(&mut Progress)) {
        let mut progress = Progress::load().unwrap_or_default();
        change(&mut progress);
        if let Ok(text) = serde_json::to_string(&progress) {
            write("progress", &text);
        }
    }
}
