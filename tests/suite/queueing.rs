//! Load against theory: the waiting times of M/M/1 and M/M/c, and Little's law in every window that a chart shows.

use std::collections::BTreeMap;
use std::time::Duration;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::guides::messaging::competing_consumers::SCENARIO;
use faultline::sim::kernel::time::{MS, SEC, Time};
use faultline::sim::measure::metrics::WINDOW;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;
use faultline::systems::messaging::rabbitmq::{
    BROKER, DEPTH, HEARTBEAT, LATENCY, Memory, RATE, RabbitMq, SLOW, TASK, WAITING, WORKERS,
};

use crate::clock::{report, timed};
use crate::cores;

/// Servers, arrivals per second, mean length of a task in microseconds.
type Load = (u32, u32, u32);

fn start(seed: u64, (workers, rate, task): Load) -> LiveWorld {
    let settings = vec![
        (WORKERS, i64::from(workers)),
        (RATE, i64::from(rate)),
        (TASK, i64::from(task)),
        (SLOW, 1),
        (HEARTBEAT, 5_000_000),
    ];
    SCENARIO.start(&Origin { seed, settings, ..Origin::default() })
}

fn run_until(world: &mut LiveWorld, end: Time) {
    while world.next_at().is_some_and(|at| at <= end) && world.step().is_some() {}
}

/// The mean waiting time in M/M/c, in seconds: Erlang's C formula.
fn erlang_wait(servers: u32, arrivals: f64, service: f64) -> f64 {
    let (offered, servers) = (arrivals * service, f64::from(servers));
    // Erlang B by its recursion, then C from B.
    let blocked = (1..=servers as u32).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    let waits = blocked / (1.0 - (offered / servers) * (1.0 - blocked));
    waits * service / (servers - offered)
}

#[test]
fn waiting_times_are_those_of_theory() {
    let seeds: Vec<u64> = (0..30).collect();
    let mut took = Duration::ZERO;
    for (load, hours) in [((1, 3, 250_000), 2), ((3, 6, 400_000), 1), ((6, 10, 500_000), 1)] {
        let (mut sum, mut count) = (0, 0);
        for (waited, length) in cores::each(&seeds, |seed| waited(*seed, load, hours)) {
            (sum, count, took) = (sum + waited.0, count + waited.1, took + length);
        }
        // A task reaches its worker two messages after it was published at the earliest, and a worker is idle for two
        // messages between one task and the next.
        let overhead = 2 * LATENCY;
        let measured = (sum as f64 / count as f64 - overhead as f64) / SEC as f64;
        let expected = erlang_wait(load.0, f64::from(load.1), (u64::from(load.2) + overhead) as f64 / SEC as f64);
        let off = (measured / expected - 1.0) * 100.0;
        println!(
            "M/M/{}: {count} tasks waited {measured:.4} s on average, theory says {expected:.4} s: {off:+.2} %",
            load.0
        );
        assert!(off.abs() < 3.0, "{load:?}: {measured} s in place of {expected} s");
    }
    report(took);
}

/// How often the windows are read: before a series forgets the first of them.
const SLICE: Time = 300 * SEC;

/// How long the tasks of a run waited in total, and how many there were.
fn waited(seed: u64, load: Load, hours: u64) -> (u64, u64) {
    let mut world = start(seed, load);
    let (mut sum, mut count) = (0, 0);
    for slice in 0..hours * 3_600 * SEC / SLICE {
        run_until(&mut world, (slice + 1) * SLICE);
        let new = slice * SLICE / WINDOW..(slice + 1) * SLICE / WINDOW;
        let windows = world.metrics().of(WAITING).flat_map(|(_, series)| series.windows());
        for window in windows.filter(|window| new.contains(&window.index)) {
            (sum, count) = (sum + window.sum, count + window.count);
        }
    }
    (sum, count)
}

/// The tasks in the queue.
fn ready(world: &LiveWorld) -> Vec<u32> {
    let world = world.typed::<RabbitMq>().expect("it is RabbitMQ");
    match world.memory(BROKER) {
        Some(Memory::Broker { host, .. }) => {
            host.queues.values().flat_map(|queue| queue.ready.iter().map(|stored| stored.message.id)).collect()
        }
        _ => Vec::new(),
    }
}

/// In each window the chart's level, integrated, is the time that the tasks spent in the queue within it: L = λW.
#[test]
fn littles_law_holds_in_every_window() {
    let _timed = timed();
    let mut world = start(7, (2, 8, 200_000));
    let mut here: BTreeMap<u32, Time> = BTreeMap::new();
    let mut spent: BTreeMap<u64, u64> = BTreeMap::new();
    let end = 120 * SEC;
    while world.next_at().is_some_and(|at| at <= end) && world.step().is_some() {
        let (now, there) = (world.kernel().now(), ready(&world));
        there.iter().for_each(|id| {
            here.entry(*id).or_insert(now);
        });
        here.retain(|id, since| {
            let stays = there.contains(id);
            if !stays {
                spend(&mut spent, *since, now);
            }
            stays
        });
    }
    let last = world.kernel().now();
    here.values().for_each(|since| spend(&mut spent, *since, last));
    let mut windows = 0;
    for (_, series) in world.metrics().of(DEPTH) {
        // Windows without a change are left out: the level stands.
        let mut silent = (0, 0);
        let end = last / WINDOW;
        for window in series.windows() {
            let missing = (silent.0..window.index).map(|index| (index, silent.1));
            for (index, area) in missing.chain([(window.index, window.area)]).filter(|one| one.0 < end) {
                assert_eq!(area as u64, spent.remove(&index).unwrap_or(0), "window {index}");
                windows += 1;
            }
            silent = (window.index + 1, window.last * WINDOW as i64);
        }
    }
    spent.retain(|index, _| (index + 1) * WINDOW <= last);
    assert!(spent.is_empty() && windows > 1_000, "{windows} windows; missing: {spent:?}");
}

/// Adds a stay in the queue to the windows that it falls into.
fn spend(spent: &mut BTreeMap<u64, u64>, since: Time, until: Time) {
    let mut from = since;
    while from < until {
        let to = until.min((from / WINDOW + 1) * WINDOW);
        *spent.entry(from / WINDOW).or_default() += to - from;
        from = to;
    }
}

#[test]
fn erlang_c_is_what_the_tables_say() {
    let _timed = timed();
    // At half load, a task in M/M/1 waits as long as it is served; Erlang's tables give C(2, 1) = 1/3.
    assert!((erlang_wait(1, 1.0, 0.5) - 0.5).abs() < 1e-12);
    assert!((erlang_wait(2, 1.0, 1.0) - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(LATENCY, MS);
}
