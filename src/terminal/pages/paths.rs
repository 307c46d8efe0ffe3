//! Paths through the guides: each is where it leads, and everything that is to be read before that, in order.

use faultline::guides::find;
use faultline::guides::kit::info::Info;

/// A path's title, what it is for, and where it leads.
const PATHS: [(&str, &str, &[&str]); 4] = [
    (
        "From one register to Raft",
        "What a majority can do, who leads, and when an entry is safe.",
        &["consensus/raft-figure-8", "consensus/raft-reads"],
    ),
    (
        "Queues that lose nothing",
        "Acknowledgements, redelivery, and what to do with a message that nobody can handle.",
        &["messaging/competing-consumers", "messaging/retries-and-dead-letters", "messaging/jetstream-work-queue"],
    ),
    (
        "What a log can promise",
        "Offsets, replicas, consumer groups, and what exactly once takes.",
        &["messaging/exactly-once", "messaging/confirmed"],
    ),
    ("When nodes lie", "From honest majorities to 3f + 1, and what the extra members buy.", &["consensus/pbft"]),
];

/// One of them.
pub struct Path {
    pub title: &'static str,
    pub about: &'static str,
    /// Its scenarios, in reading order.
    pub steps: Vec<Info>,
}

impl Path {
    /// How long it takes, to the nearest five minutes.
    pub fn minutes(&self) -> usize {
        let exact: usize = self.steps.iter().map(minutes).sum();
        (exact + 2) / 5 * 5
    }
}

/// How long a scenario takes: a minute or more for each beat of its tour, and some for the rest.
pub fn minutes(info: &Info) -> usize {
    2 + info.beats.len() * 5 / 4
}

/// All of them.
pub fn all() -> Vec<Path> {
    let path = |(title, about, ends): &(&'static str, &'static str, &[&'static str])| {
        let mut steps: Vec<Info> = Vec::new();
        ends.iter().for_each(|end| add(&mut steps, end));
        Path { title, about, steps }
    };
    PATHS.iter().map(path).collect()
}

/// Adds what is to be read before a scenario, and the scenario.
fn add(steps: &mut Vec<Info>, path: &str) {
    let Some(info) = find(path).map(|scenario| scenario.info()) else { return };
    if steps.iter().any(|known| known.path() == path) {
        return;
    }
    info.before.iter().for_each(|before| add(steps, before));
    steps.push(info);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_scenarios_and_keep_their_order() {
        assert!(PATHS.iter().flat_map(|path| path.2).all(|end| find(end).is_some()));
        for path in all() {
            assert!((4..=8).contains(&path.steps.len()), "{}: {} scenarios", path.title, path.steps.len());
            let places: Vec<String> = path.steps.iter().map(Info::path).collect();
            for (at, info) in path.steps.iter().enumerate() {
                let is_earlier = |before: &&str| places[..at].iter().any(|place| place == before);
                assert!(info.before.iter().all(is_earlier), "{}: {}", path.title, info.path());
            }
        }
    }

    #[test]
    fn a_path_to_raft_takes_about_an_hour() {
        let raft = &all()[0];
        assert!((50..=90).contains(&raft.minutes()), "{} minutes", raft.minutes());
    }
}
