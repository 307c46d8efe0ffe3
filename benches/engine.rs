//! The engine's speed: kernel, Raft, clones, seeking, exploring. Figures and machine: benches/README.md.
#![cfg(not(target_arch = "wasm32"))]

#[path = "ring/mod.rs"]
mod ring;

use divan::Bencher;
use divan::counter::ItemsCount;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

fn main() {
    divan::main();
}

const EVENTS: u64 = 100_000;

fn run_on<W: Simulation>(world: &mut W, events: u64) {
    for _ in 0..events {
        divan::black_box(world.step());
    }
}

fn scenario(path: &str) -> &'static dyn AnyScenario {
    // The catalogue is compiled in; a missing scenario is a bug in this bench.
    find(path).unwrap_or_else(|| panic!("no scenario {path}"))
}

fn origin() -> Origin {
    Origin { seed: 7, ..Origin::default() }
}

#[divan::bench]
fn kernel_ring_of_100(bencher: Bencher) {
    let world = ring::world();
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| world.clone())
        .bench_local_values(|mut world| run_on(&mut world, EVENTS));
}

const PATHS: [&str; 6] = [
    "consensus/raft-election",
    "messaging/competing-consumers",
    "caching/cache-aside",
    "storage/leaderless-quorum",
    "transactions/two-phase-commit",
    "resilience/load-balancing",
];

#[divan::bench(args = PATHS)]
fn events_of(bencher: Bencher, path: &str) {
    let world = scenario(path).start(&origin());
    bencher
        .counter(ItemsCount::new(20_000u64))
        .with_inputs(|| world.clone())
        .bench_local_values(|mut world| run_on(&mut world, 20_000));
}

#[divan::bench(args = PATHS)]
fn clone_after_20_000_events(bencher: Bencher, path: &str) {
    let mut world = scenario(path).start(&origin());
    run_on(&mut world, 20_000);
    bencher.bench_local(|| divan::black_box(world.clone()));
}

fn long_run() -> Run<LiveWorld> {
    let mut run = Run::new(scenario("consensus/raft-election").start(&origin()), Tape::default());
    run.seek(EVENTS);
    run
}

#[divan::bench(args = [1, 49_999, 99_743])]
fn seek_in_a_run_of_100_000(bencher: Bencher, step: u64) {
    let mut run = long_run();
    bencher.bench_local(|| {
        run.seek(EVENTS);
        run.seek(step);
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn explore_raft_100_000_states(bencher: Bencher) {
    let (world, mut bounds) = scenario("consensus/raft-election").hunt(&origin());
    bounds.states = 100_000;
    bencher.counter(ItemsCount::new(100_000u64)).bench_local(|| {
        let explorer = scenario("consensus/raft-election").explorer(&world, bounds, None, false);
        explorer.map(|mut explorer| explorer.run().progress.states)
    });
}
