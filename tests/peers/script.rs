//! Scripts, and what was observed when a real broker played them.
//!
//! A script is a list of steps; a step is an object with a verb and its arguments. RabbitMQ's verbs: `queue` (`with`
//! AMQP's arguments, `durable`, `exclusive`), `bind`, `unbind`, `publish` (`to` an exchange, `key`, `headers`,
//! `transient`, `mandatory`, `ttl` in ms; yields what the publisher is told), `consume` (`as` a client, `prefetch`),
//! `ack`, `nack` and `reject` (`requeue`), `count` (ready messages). NATS's: `subscribe` (`group`), `publish`,
//! `request`, `ask-all`, `valid`. JetStream's: `stream`, `consumer`, `store`, `fetch`, `ack` (`double`, `delivery`),
//! `nak` (`delay` in ms), `term`, `progress`, `stored`, `pending`, `advisories`. All: `drop` (a client's connection),
//! `wait` (ms), `crash` and `restart` (the broker), `look` (what was delivered since the last look; `sorted` says why
//! nobody guarantees its order).

use std::collections::BTreeMap;
use std::path::Path;

use faultline::sim::kernel::time::{MS, Time};
use serde_json::Value;

/// What was observed, one value per step; or why the script could not be played.
pub type Ours = Result<Vec<Value>, String>;

/// A script: steps, each an object with a verb.
pub struct Script {
    pub area: String,
    pub name: String,
    pub steps: Vec<Value>,
    /// The versions of the real broker (a prefix of its name and version) in which the two are known to differ, and
    /// why.
    pub known: Option<(String, String)>,
}

impl Script {
    /// Why it is known to differ from this version.
    pub fn known_difference(&self, version: &str) -> Option<&str> {
        self.known.as_ref().filter(|known| version.starts_with(&known.0)).map(|known| known.1.as_str())
    }
}

/// What a real broker yielded.
pub struct Observed {
    /// Its name and version.
    pub version: String,
    pub played: Result<Played, String>,
}

/// A script that was played to its end.
pub struct Played {
    /// What was observed, a value for each step.
    pub yields: Vec<Value>,
    /// When each step was over, since the start. Ours lets the same amount of virtual time pass.
    pub ended: Vec<Time>,
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
        known: Some(&script["known"])
            .filter(|known| known.is_object())
            .map(|known| (text(&known["in"]), text(&known["why"]))),
    };
    whole["scripts"].as_array().into_iter().flatten().map(script).collect()
}

/// What the driver printed, by script. `None` when it was not asked to play them.
pub fn observations(path: &Path) -> Option<BTreeMap<String, Observed>> {
    let lines = std::fs::read_to_string(path).ok()?;
    let observed = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("the driver prints JSON");
        let ended = line["ended"].as_array().into_iter().flatten();
        let played = match line["failed"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(Played {
                yields: line["observed"].as_array().cloned().unwrap_or_default(),
                ended: ended.map(|ms| ms.as_u64().unwrap_or_default() * MS).collect(),
            }),
        };
        (text(&line["script"]), Observed { version: text(&line["version"]), played })
    });
    Some(observed.collect())
}

/// Whether a step only looks: it sees what is there when it ends.
pub fn is_look(step: &Value) -> bool {
    ["look", "count", "stored", "pending", "advisories"].iter().any(|verb| step.get(verb).is_some())
}

/// The strings of a list.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
