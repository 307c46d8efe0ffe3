//! JetStream with three replicas: the cost of one crash, the cost of a power cut to all servers, and every promise
//! under random faults.

use faultline::sim::NodeId;
use faultline::sim::declare::rules::{RuleId, RuleSet};
use faultline::sim::declare::settings::{SettingId, Settings};
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::kernel::time::SEC;
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::{FaultModel, storm};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Tape};
use faultline::systems::messaging::jetstream::promises::{
    MOVES, NOT_LOST, STORED_ONCE, WORKED_ONCE, leader, replica, store,
};
use faultline::systems::messaging::jetstream::{self as jet, JetStream, cluster};

use crate::clock::timed;

const PROMISES: &[Promise<JetStream>] = &[STORED_ONCE, WORKED_ONCE, NOT_LOST, MOVES];
/// A work queue under load, with an ack wait shorter than many tasks.
const BUSY: &[(SettingId, i64)] =
    &[(jet::RATE, 6), (jet::WORK, 300_000), (jet::ACK_WAIT, 400_000), (jet::RETENTION, 2), (jet::REPLICAS, 1)];
/// Any fault, but no more than one node down at a time.
const ONE_AT_A_TIME: FaultModel = FaultModel { most_down: 1, ..FaultModel::ASYNCHRONOUS };

type Shop = Run<World<JetStream>>;

fn start(seed: u64, turned: &[(SettingId, i64)], off: &[RuleId]) -> Shop {
    let mut settings = Settings::defaults(JetStream::SETTINGS);
    turned.iter().for_each(|(id, value)| settings.set(*id, *value));
    let rules = off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Run::new(World::new(settings, rules, seed, PROMISES), Tape::default())
}

fn servers(run: &Shop) -> Vec<NodeId> {
    cluster::servers(run.world().settings())
}

fn until(run: &mut Shop, holds: impl Fn(&World<JetStream>) -> bool) -> bool {
    for _ in 0..20_000 {
        if holds(run.world()) || run.step().is_none() {
            break;
        }
    }
    holds(run.world())
}

fn act(run: &mut Shop, input: Input) {
    assert!(run.act(input.clone()).is_ok(), "{input:?} is refused");
}

fn publish(run: &mut Shop, tasks: i64) {
    act(run, Input::call(jet::PUBLISH, &[tasks]));
}

fn done(world: &World<JetStream>) -> u64 {
    (0..world.kernel().nodes().len() as u16).map(|node| world.metrics().total(jet::DONE, node)).sum()
}

fn broken(run: &Shop) -> Vec<String> {
    let standings = PROMISES.iter().zip(run.world().standings());
    let broken = standings.filter_map(|(promise, standing)| match &standing.verdict {
        Verdict::Broken(broken) => Some(format!("{} at event {}: {}", promise.id, broken.step, broken.breach.text)),
        _ => None,
    });
    broken.collect()
}

/// Two servers that have applied the same number of entries have the same state.
fn states_agree(run: &Shop) -> bool {
    let all: Vec<_> = servers(run).into_iter().filter_map(|node| replica(run.world(), node)).collect();
    all.iter().all(|one| all.iter().all(|other| one.raft.commit != other.raft.commit || one.store == other.store))
}

fn holds_under(model: FaultModel, schedules: u64, retention: i64) {
    let (mut worked, mut elections) = (0, 0);
    for seed in 0..schedules {
        let turned = [BUSY, &[(jet::RETENTION, retention)]].concat();
        let mut run = start(seed, &turned, &[]);
        storm(&mut run, model, seed, 800);
        assert_eq!(broken(&run), Vec::<String>::new(), "seed {seed}, retention {retention}");
        assert!(states_agree(&run), "seed {seed}: two servers applied the same and differ");
        worked += done(run.world());
        elections += leader(run.world()).and_then(|node| replica(run.world(), node)).map_or(0, |own| own.written.term);
    }
    println!("{schedules} schedules, retention {retention}: {worked} tasks done, last terms add up to {elections}");
    assert!(worked > schedules, "{worked} tasks in {schedules} schedules");
}

#[test]
fn every_promise_holds_while_one_node_at_a_time_is_down() {
    let _timed = timed();
    holds_under(ONE_AT_A_TIME, 200, 2);
}

/// Any number of servers may crash. They do not pause here: a publish that a paused server holds back for longer than
/// the duplicate window is stored again, with one server as with three.
#[test]
fn every_promise_holds_whoever_crashes() {
    let _timed = timed();
    let model = FaultModel { pause: false, ..FaultModel::ASYNCHRONOUS };
    holds_under(model, 100, 2);
    holds_under(model, 50, 0);
}

/// The promises see what breaks with R3 as well.
#[test]
fn without_a_rule_a_promise_breaks() {
    let _timed = timed();
    let model = FaultModel { power_cut: true, ..FaultModel::ASYNCHRONOUS };
    for (rule, promise) in [(jet::DEDUP, STORED_ONCE.id), (jet::DOUBLE_ACK, WORKED_ONCE.id), (jet::SYNC, NOT_LOST.id)] {
        let found = (0..100).find(|seed| {
            let mut run = start(*seed, BUSY, &[rule]);
            storm(&mut run, model, *seed, 800);
            broken(&run).iter().any(|text| text.starts_with(promise))
        });
        println!("without rule {}: {promise} breaks with seed {found:?}", rule.0);
        assert!(found.is_some(), "{promise} never breaks");
    }
}

#[test]
fn one_server_that_crashes_stops_r1_and_not_r3() {
    let _timed = timed();
    for replicas in [0, 1] {
        for victim in 0..cluster::server_count(start(1, &[(jet::REPLICAS, replicas)], &[]).world().settings()) {
            let mut run = start(1, &[(jet::REPLICAS, replicas), (jet::ACK_WAIT, SEC as i64)], &[]);
            assert!(until(&mut run, |world| done(world) >= 5));
            let node = servers(&run)[victim];
            act(&mut run, Input::Crash { node });
            let (before, crashed) = (done(run.world()), run.world().kernel().now());
            until(&mut run, |world| world.kernel().now() > crashed + 10 * SEC);
            let more = done(run.world()) - before;
            println!("replicas {replicas}, server {victim} crashes: {more} tasks are done in the ten seconds after");
            assert!(if replicas == 0 { more <= 3 } else { more >= 20 }, "replicas {replicas}: {more}");
            assert_eq!(broken(&run), Vec::<String>::new());
            act(&mut run, Input::Restart { node });
            let again = run.world().kernel().now();
            until(&mut run, |world| world.kernel().now() > again + 3 * SEC);
            assert!(states_agree(&run) && broken(&run).is_empty());
        }
    }
}

/// Everything is confirmed, nothing has been worked on yet, and this happens to all servers at once.
fn all_at_once(off: &[RuleId], fault: impl Fn(NodeId) -> Input) -> Shop {
    let mut run = start(3, &[(jet::REPLICAS, 1), (jet::RATE, 0), (jet::WORK, 2_000_000)], off);
    assert!(until(&mut run, |world| store(world).is_some()));
    publish(&mut run, 8);
    let unconfirmed = |world: &World<JetStream>| match world.memory(jet::PUBLISHER) {
        Some(jet::Memory::Publisher { unconfirmed }) => unconfirmed.len(),
        _ => 0,
    };
    assert!(until(&mut run, |world| unconfirmed(world) == 8));
    assert!(until(&mut run, |world| unconfirmed(world) == 0));
    servers(&run).into_iter().for_each(|node| act(&mut run, fault(node)));
    servers(&run).into_iter().for_each(|node| act(&mut run, Input::Restart { node }));
    let now = run.world().kernel().now();
    until(&mut run, |world| world.kernel().now() > now + 10 * SEC);
    run
}

#[test]
fn a_power_cut_of_all_three_loses_what_was_confirmed_unless_they_sync_first() {
    let _timed = timed();
    let power_cut = |node| Input::PowerCut { node };
    assert_eq!(broken(&all_at_once(&[], power_cut)), Vec::<String>::new());
    // A killed process leaves what it wrote to the operating system, synced or not.
    assert_eq!(broken(&all_at_once(&[jet::SYNC], |node| Input::Crash { node })), Vec::<String>::new());
    let lost = broken(&all_at_once(&[jet::SYNC], power_cut));
    println!("{lost:?}");
    assert!(lost.iter().any(|text| text.starts_with(NOT_LOST.id)), "{lost:?}");
}

/// Without syncing, one server that lost its power has forgotten what it had agreed to; the leader sends it again.
#[test]
fn a_server_that_forgot_is_brought_up_again() {
    let _timed = timed();
    let mut run = start(5, &[(jet::REPLICAS, 1)], &[jet::SYNC]);
    assert!(until(&mut run, |world| done(world) >= 5));
    let first = leader(run.world());
    let Some(node) = servers(&run).into_iter().find(|node| Some(*node) != first) else { return };
    act(&mut run, Input::PowerCut { node });
    act(&mut run, Input::Restart { node });
    let now = run.world().kernel().now();
    until(&mut run, |world| world.kernel().now() > now + 2 * SEC);
    let applied =
        |node: Option<NodeId>| node.and_then(|node| replica(run.world(), node)).map_or(0, |own| own.raft.commit);
    assert!(applied(Some(node)) > 20 && applied(Some(node)) + 20 > applied(leader(run.world())));
    assert!(states_agree(&run) && broken(&run).is_empty());
}

#[test]
fn ten_thousand_events_stay_in_bounds() {
    let _timed = timed();
    let mut run = start(7, BUSY, &[]);
    storm(&mut run, FaultModel::ASYNCHRONOUS, 7, 10_000);
    assert!(run.world().kernel().pending_count() < 5_000);
    for node in servers(&run) {
        assert!(replica(run.world(), node).is_some_and(|own| own.written.log.entries().len() < 100));
    }
    assert_eq!(broken(&run), Vec::<String>::new());
}
