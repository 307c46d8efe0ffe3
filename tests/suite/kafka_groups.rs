//! Consumer groups under random faults, with every assignor and in their other configurations.

use faultline::guides::find;
use faultline::sim::declare::settings::SettingId;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};
use faultline::systems::messaging::kafka::{
    ACKS, ASSIGNOR, AUTO_COMMIT, BATCH, BUFFER, LANE, MAX_POLL, PRODUCERS, RETENTION, STATIC, WORKERS,
};

use crate::clock::timed;

fn holds(path: &str, settings: &[(SettingId, i64)], seeds: u64) {
    let Some(scenario) = find(path) else { panic!("{path} is not in the catalogue") };
    let info = scenario.info();
    for seed in 0..seeds {
        let settings = [info.busy, settings].concat();
        let mut run = Run::new(scenario.start(&Origin { seed, settings, rules_off: 0 }), Tape::default());
        storm(&mut run, info.faults, seed, 500);
        for (promise, standing) in info.promises.iter().zip(run.world().standings()) {
            let Verdict::Broken(broken) = &standing.verdict else { continue };
            panic!("{path}, seed {seed}, event {}: {}: {}", broken.step, promise.id, broken.breach.text);
        }
    }
}

#[test]
fn every_assignor_keeps_the_promises() {
    let _timed = timed();
    for assignor in 0..4 {
        for is_static in 0..2 {
            holds("messaging/rebalance", &[(ASSIGNOR, assignor), (STATIC, is_static)], 300);
        }
    }
}

#[test]
fn auto_commit_and_retention_keep_the_promises() {
    let _timed = timed();
    holds("messaging/event-log", &[(AUTO_COMMIT, 1)], 300);
    holds("messaging/event-log", &[(RETENTION, 4), (MAX_POLL, 8)], 300);
    holds("messaging/rebalance", &[(AUTO_COMMIT, 1), (ASSIGNOR, 3), (MAX_POLL, 5)], 300);
}

#[test]
fn workers_keep_the_order() {
    let _timed = timed();
    for lane in 0..2 {
        holds("messaging/keys-and-order", &[(LANE, lane), (WORKERS, 4), (BATCH, 1)], 300);
        holds("messaging/keys-and-order", &[(LANE, lane), (BUFFER, 20), (PRODUCERS, 2), (ASSIGNOR, 3)], 300);
        holds("messaging/keys-and-order", &[(LANE, lane), (ACKS, 0), (ASSIGNOR, 2)], 300);
    }
}
