//! Compares a script's two observations, and prints the table of all of them.

use serde_json::Value;

use crate::script::{Observed, Ours, Played, Script};

/// How a script ended.
pub enum Outcome {
    Equal,
    /// It differs in a known way, and why.
    Known(String),
    Differs(String),
}

/// A script in the table.
pub struct Row {
    area: String,
    name: String,
    peer: String,
    steps: usize,
    pub outcome: Outcome,
}

/// Plays a script and compares.
pub fn row(script: &Script, observed: Option<&Observed>, play: fn(&Script, &Played) -> Ours) -> Row {
    let difference = match observed.map(|observed| &observed.played) {
        None => Some("the real broker did not play it".to_owned()),
        Some(Err(why)) => Some(format!("the real broker could not play it: {why}")),
        Some(Ok(theirs)) => match play(script, theirs) {
            Err(why) => Some(format!("ours could not play it: {why}")),
            Ok(ours) => difference(script, &theirs.yields, &ours),
        },
    };
    let peer = observed.map_or("?", |observed| &observed.version).to_owned();
    let outcome = match (difference, script.known_difference(&peer)) {
        (None, None) => Outcome::Equal,
        (None, Some(_)) => Outcome::Differs("known to differ, and does not any more".to_owned()),
        (Some(what), Some(why)) => Outcome::Known(format!("{why}{what}")),
        (Some(what), None) => Outcome::Differs(what),
    };
    Row { area: script.area.clone(), name: script.name.clone(), peer, steps: script.steps.len(), outcome }
}

fn difference(script: &Script, theirs: &[Value], ours: &[Value]) -> Option<String> {
    let mut found = Vec::new();
    for (at, step) in script.steps.iter().enumerate() {
        let none = Value::Null;
        let sorted = step.get("sorted").is_some();
        let mut both = [theirs, ours].map(|all| all.get(at).unwrap_or(&none).clone());
        both.iter_mut().filter(|_| sorted).for_each(sort);
        let [theirs, ours] = both;
        if theirs != ours {
            found.push(format!("\n    step {} {step}\n    theirs {theirs}\n    ours   {ours}", at + 1));
        }
    }
    (!found.is_empty()).then(|| found.concat())
}

/// Sorts the lists in a value: nobody guarantees their order.
fn sort(value: &mut Value) {
    match value {
        Value::Array(list) => list.sort_by_key(Value::to_string),
        Value::Object(fields) => fields.values_mut().for_each(sort),
        _ => {}
    }
}

/// Prints the table, then what differs.
pub fn print(rows: &[Row]) {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (area, name, peer) = (width(|row| &row.area), width(|row| &row.name), width(|row| &row.peer));
    println!("{:area$}  {:name$}  {:peer$}  steps  result", "area", "script", "peer");
    for row in rows {
        let result = match row.outcome {
            Outcome::Equal => "equal",
            Outcome::Known(_) => "differs, as known",
            Outcome::Differs(_) => "DIFFERS",
        };
        println!("{:area$}  {:name$}  {:peer$}  {:>5}  {result}", row.area, row.name, row.peer, row.steps);
    }
    for row in rows {
        match &row.outcome {
            Outcome::Equal => {}
            Outcome::Known(why) => println!("\n{}: known to differ. {why}", row.name),
            Outcome::Differs(what) => println!("\n{}: differs. {what}", row.name),
        }
    }
    println!();
}
