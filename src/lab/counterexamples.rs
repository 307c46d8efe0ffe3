//! What breaks without a rule: for each rule of each scenario a run that breaks a promise with that rule off, ready to
//! be stepped through. The pages link to them; a few are famous.
//!
//! `counterexamples.txt` has a line for each: scenario, rule that is off, promise that breaks, length, the event that
//! breaks it, and the run's text. `cargo xtask bless` searches for them all again.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// `guide/slug`.
    pub path: &'static str,
    /// The rule that is off.
    pub rule: &'static str,
    /// The promise that breaks.
    pub promise: &'static str,
    /// How long it is: "6 moves" of the explorer, "43 events" of a schedule over time.
    pub length: &'static str,
    /// The event that breaks the promise.
    pub event: &'static str,
    /// The text of the run.
    pub run: &'static str,
}

/// All of them, in reading order.
pub fn counterexamples() -> impl Iterator<Item = Counterexample> {
    let read = |line: &'static str| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next();
        Some(Counterexample {
            path: next()?,
            rule: next()?,
            promise: next()?,
            length: next()?,
            event: next()?,
            run: next()?,
        })
    };
    include_str!("counterexamples.txt").lines().filter_map(read)
}

/// Scenario, rule, and the failure in a sentence.
const FAMOUS: [(&str, &str, &str); 8] = [
    ("consensus/raft-election", "vote-on-disk", "A server forgets its vote in a crash, and a term gets two leaders"),
    ("consensus/raft-election", "up-to-date-log", "A leader is elected that never saw a committed entry"),
    ("consensus/raft-figure-8", "commit-own-term", "Figure 8: an entry on a majority is overwritten"),
    (
        "consensus/raft-members",
        "own-term-first",
        "The bug of 2015: two members change at once, and two majorities part",
    ),
    (
        "transactions/two-phase-commit",
        "wait-when-prepared",
        "A prepared participant loses patience, and decides against the others",
    ),
    ("caching/cache-aside", "lease-on-set", "A slow reader puts the old value back after the invalidation"),
    ("storage/leaderless-quorum", "strict-quorum", "A sloppy quorum acknowledges a write that no reader will see"),
    ("consensus/leases", "fencing", "A write on its way outlives the lock it was sent under"),
];

/// The famous ones, each with its sentence.
pub fn famous() -> Vec<(&'static str, Counterexample)> {
    let find = |path: &str, rule: &str| counterexamples().find(|one| one.path == path && one.rule == rule);
    FAMOUS.iter().filter_map(|(path, rule, title)| Some((*title, find(path, rule)?))).collect()
}
