//! Consistency models as promises: a store that answers after one replica breaks them, and one that waits for all
//! replicas keeps them.

use faultline::sim::declare::rules::RuleSet;
use faultline::sim::declare::settings::{SettingId, Settings};
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::machine::consistency::{linearizable, reads_go_forward, reads_its_writes, sequential};
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::Simulation;
use faultline::systems::storage::quorum_store::{self as store, QuorumStore};

use crate::clock::timed;

const ALL: &[Promise<QuorumStore>] = &[linearizable(), sequential(), reads_its_writes(), reads_go_forward()];

/// How each promise fares over some seeds: how often it broke, and one explanation.
fn broken(settings: &[(SettingId, i64)], rules: RuleSet) -> [(u32, String); 4] {
    let mut found: [(u32, String); 4] = Default::default();
    for seed in 0..40 {
        let mut known = Settings::defaults(QuorumStore::SETTINGS);
        settings.iter().for_each(|(id, value)| known.set(*id, *value));
        let mut world = World::new(known, rules, seed, ALL);
        for _ in 0..1_500 {
            world.step();
        }
        for (found, standing) in found.iter_mut().zip(world.standings()) {
            if let Verdict::Broken(broken) = &standing.verdict {
                *found = (found.0 + 1, broken.breach.text.clone());
            }
        }
    }
    found
}

#[test]
fn one_replica_an_answer_breaks_every_model() {
    let _timed = timed();
    let hasty = [(store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1), (store::LATENCY, 60_000), (store::THINK, 20_000)];
    let rules =
        [store::OVERLAP, store::READ_REPAIR].into_iter().fold(RuleSet::ALL, |rules, rule| rules.with(rule, false));
    for (promise, (times, text)) in ALL.iter().zip(broken(&hasty, rules)) {
        println!("{}: {times} of 40: {text}", promise.id);
        assert!(times > 0 && !text.is_empty(), "{} never breaks", promise.id);
    }
}

#[test]
fn overlapping_quorums_that_write_back_keep_them() {
    let _timed = timed();
    for (promise, (times, text)) in ALL.iter().zip(broken(&[], RuleSet::ALL)) {
        assert_eq!(times, 0, "{}: {text}", promise.id);
    }
}
