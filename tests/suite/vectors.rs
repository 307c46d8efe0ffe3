//! Reads the reference vectors from wherever they are; they are not part of this repository.

use std::path::PathBuf;

use serde_json::Value;

/// Where a file of the vectors would lie.
pub fn path(file: &str) -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    std::env::var_os("FAULTLINE_VECTORS").map_or(beside, PathBuf::from).join(file)
}

/// The cases of a file of reference vectors. `None`, and a printed note, when the folder is missing.
pub fn cases(file: &str) -> Option<Vec<Value>> {
    let path = path(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("{file}: no reference vectors here (set FAULTLINE_VECTORS to their folder); nothing was compared");
        return None;
    };
    let whole: Value = serde_json::from_str(&text).unwrap_or_default();
    let cases = whole["cases"].as_array().cloned().unwrap_or_default();
    assert!(!cases.is_empty(), "{} has no cases", path.display());
    Some(cases)
}

/// A list of whole numbers.
pub fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// Says what ran and what did not, and fails when nothing did.
pub fn report(file: &str, run: usize, left: &[String]) {
    println!("{file}: {run} cases agree, {} left out: {left:?}", left.len());
    assert!(run > 0, "{file}: no case ran");
}
