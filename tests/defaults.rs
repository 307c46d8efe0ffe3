//! Figures of real systems that a reader is shown, against the defaults as published.
#![cfg(not(target_arch = "wasm32"))]

mod vectors;

use faultline::guides::find;
use vectors::{cases, report};

/// System, setting, the value that is told, where it is told, and how it is written there.
const TOLD: [(&str, &str, i64, &str, &str); 4] = [
    ("etcd", "heartbeat-interval", 100, "consensus/raft-election", "every 100 ms"),
    ("etcd", "election-timeout", 1_000, "consensus/raft-election", "1,000 ms"),
    ("ZooKeeper", "snapCount", 100_000, "consensus/raft-snapshots", "100,000 transactions"),
    ("etcd", "pre-vote", 1, "consensus/raft-election", "and pre-vote, unless they are told otherwise"),
];

/// Settings of ours that begin at the real system's default: by scenario and name.
const SHARED: [(&str, &str, &str, &str); 2] = [
    ("ZooKeeper", "initLimit", "consensus/zab", "init-limit"),
    ("ZooKeeper", "syncLimit", "consensus/zab", "sync-limit"),
];

#[test]
fn what_is_told_of_real_systems_is_so() {
    let Some(cases) = cases("defaults.json") else { return };
    let value = |system: &str, setting: &str| {
        let case = cases.iter().find(|case| case["system"] == system && case["setting"] == setting);
        case.and_then(|case| case["value"].as_i64().or(case["value"].as_bool().map(i64::from)))
    };
    for (system, setting, told, path, phrase) in TOLD {
        assert_eq!(value(system, setting), Some(told), "{system}: {setting}");
        let prose = find(path).map_or("", |scenario| scenario.info().prose);
        assert!(prose.contains(phrase), "{path} does not say '{phrase}'");
    }
    for (system, setting, path, ours) in SHARED {
        let info = find(path).map(|scenario| scenario.info());
        let known = info.as_ref().and_then(|info| info.settings.iter().find(|known| known.1.id == ours));
        assert_eq!(known.map(|known| known.2), value(system, setting), "{path}: {ours}");
    }
    report("defaults.json", TOLD.len() + SHARED.len(), &[]);
}
