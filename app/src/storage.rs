//! What the browser remembers for the reader: progress, the last place. Nothing breaks if it cannot, or if what it
//! remembers is damaged. Home and the guides' pages show it without the app: `assets/site.js` reads the same.

use leptos::prelude::window;
use litemap::LiteMap;
use wasm_bindgen::JsValue;

use super::json;

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

/// Remembers a text. If storage is full or forbidden, nothing is kept: the page works without it.
pub fn write(name: &str, value: &str) {
    if let Some(store) = store() {
        let _ = store.set_item(&key(name), value);
    }
}

/// What the reader has done in one scenario.
#[derive(Clone, Default)]
pub struct Visit {
    /// The furthest beat reached, from 1; 0 for none.
    pub beats: usize,
    /// Challenges solved.
    pub solved: Vec<String>,
}

/// What the reader has done, by `guide/slug`.
#[derive(Clone, Default)]
pub struct Progress {
    pub visits: LiteMap<String, Visit>,
    /// The last scenario, to continue with.
    pub last: Option<String>,
}

impl Progress {
    /// What is remembered; the error is a sentence for the page, and what was damaged is kept aside.
    pub fn load() -> Result<Progress, &'static str> {
        let Some(text) = read("progress") else { return Ok(Progress::default()) };
        Progress::read(&text).ok_or_else(|| {
            write("progress.damaged", &text);
            write("progress", "{\"visits\":{},\"last\":null}");
            "Your saved progress could not be read, so it starts afresh. The old data is kept aside in this browser."
        })
    }

    /// Changes what is remembered.
    pub fn update(change: impl FnOnce(&mut Progress)) {
        let mut progress = Progress::load().unwrap_or_default();
        change(&mut progress);
        write("progress", &progress.text());
    }

    fn read(text: &str) -> Option<Progress> {
        let whole = json::parse(text)?;
        let mut progress = Progress::default();
        for (path, visit) in json::fields(&json::field(&whole, "visits"))? {
            let beats = json::whole(&json::field(&visit, "beats"))?;
            let solved = json::texts(&json::field(&visit, "solved"))?;
            progress.visits.insert(path, Visit { beats, solved });
        }
        progress.last = json::field(&whole, "last").as_string();
        Some(progress)
    }

    fn text(&self) -> String {
        let visit = |visit: &Visit| {
            let solved = json::list(visit.solved.iter().map(JsValue::from));
            json::object([("beats", JsValue::from(visit.beats as u32)), ("solved", solved)])
        };
        let visits = json::object(self.visits.iter().map(|(path, known)| (path.as_str(), visit(known))));
        let last = self.last.as_ref().map_or(JsValue::NULL, JsValue::from);
        json::text(&json::object([("visits", visits), ("last", last)]), 0)
    }
}
