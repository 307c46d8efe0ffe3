//! NATS's subjects on their own: which patterns match.

use std::collections::BTreeMap;

use faultline::mechanisms::subjects::{is_valid, matches};
use serde_json::{Value, json};

use crate::script::{Ours, Played, Script, texts};

/// Plays a script of patterns and subjects.
pub fn play(script: &Script, _: &Played) -> Ours {
    let mut subscriptions: Vec<(&str, &str)> = Vec::new();
    let mut seen: BTreeMap<&str, BTreeMap<&str, Vec<u32>>> = BTreeMap::new();
    let mut published = 0;
    let mut yields = Vec::new();
    for step in &script.steps {
        let mut observed = Value::Null;
        if let (Some(pattern), Some(client)) = (step["subscribe"].as_str(), step["as"].as_str()) {
            subscriptions.push((client, pattern));
        }
        for _ in 0..step["times"].as_u64().unwrap_or(1) {
            for subject in texts(&step["publish"]) {
                published += 1;
                for (client, pattern) in subscriptions.iter().filter(|known| matches(subject, known.1)) {
                    seen.entry(client).or_default().entry(pattern).or_default().push(published);
                }
            }
        }
        if step["look"] == true {
            observed = json!(std::mem::take(&mut seen));
        } else if step["valid"].is_array() {
            observed = texts(&step["valid"]).map(|pattern| (pattern.to_owned(), json!(is_valid(pattern)))).collect();
        }
        yields.push(observed);
    }
    Ok(yields)
}
