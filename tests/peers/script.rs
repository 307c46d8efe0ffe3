//! Scripts, and what was observed when a real broker played them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What was observed, a value for each step; or why the script could not be played.
pub type Ours = Result<Vec<Value>, String>;

/// A script: steps, each an object with a verb.
pub struct Script {
    pub area: String,
    pub name: String,
    pub steps: Vec<Value>,
    /// Why the two are known to differ.
    pub known: Option<String>,
}

/// What a real broker yielded.
pub struct Observed {
    /// Its name and version.
    pub version: String,
    pub steps: Result<Vec<Value>, String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The scripts of a file.
pub fn scripts(file: &str) -> Vec<Script> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peers/{file}.json"));
    let whole = std::fs::read_to_string(&path).expect("the scripts are beside this file");
    let whole: Value = serde_json::from_str(&whole).expect("the scripts are JSON");
    let script = |script: &Value| Script {
        area: text(&script["area"]),
        name: text(&script["name"]),
        steps: script["steps"].as_array().cloned().unwrap_or_default(),
        known: script["known"].as_str().map(str::to_owned),
    };
    whole["scripts"].as_array().into_iter().flatten().map(script).collect()
}

/// What the driver printed, by script. `None` when it was not asked to play them.
pub fn observations(path: &Path) -> Option<BTreeMap<String, Observed>> {
    let lines = std::fs::read_to_string(path).ok()?;
    let observed = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("the driver prints JSON");
        let steps = match line["failed"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(line["observed"].as_array().cloned().unwrap_or_default()),
        };
        (text(&line["script"]), Observed { version: text(&line["version"]), steps })
    });
    Some(observed.collect())
}

/// The strings of a list.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
