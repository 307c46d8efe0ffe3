//! Famous failures: for each a run that breaks a promise with one rule off, ready to be stepped through.
//!
//! `famous.txt` has a line for each: scenario, rule that is off, promise that breaks, title, and the run's text.
//! `FAULTLINE_BLESS=1 cargo test --test famous` searches the runs anew and writes that file and README.md's list.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Famous {
    /// `guide/slug`.
    pub path: &'static str,
    /// The rule that is off.
    pub rule: &'static str,
    /// The promise that breaks.
    pub promise: &'static str,
    /// What it is known as.
    pub title: &'static str,
    /// The text of the run.
    pub run: &'static str,
}

/// All of them, in reading order.
pub fn famous() -> Vec<Famous> {
    let lines = include_str!("famous.txt").lines();
    let read = |line: &'static str| {
        let mut parts = line.split(" | ");
        let (path, rule, promise) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Famous { path, rule, promise, title: parts.next()?, run: parts.next().unwrap_or("") })
    };
    lines.filter_map(read).collect()
}
