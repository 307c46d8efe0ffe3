//! The engine's speed: kernel, Raft, clones, seeking, exploring. Figures and machine: benches/README.md.
#![cfg(not(target_arch = "wasm32"))]

use divan::Bencher;
use divan::counter::ItemsCount;

use faultline::guides::find;
use faultline::guides::{AnyScenario, LiveWorld};
use faultline::sim::NodeId;
use faultline::sim::link::{Latency, LinkSpec};
use faultline::sim::metrics::Metric;
use faultline::sim::rules::{Rule, RuleSet};
use faultline::sim::run::Run;
use faultline::sim::settings::{Command, CommandCall, Setting, Settings};
use faultline::sim::simulation::Simulation;
use faultline::sim::system::{Context, Event, System};
use faultline::sim::tape::{Origin, Tape};
use faultline::sim::world::World;

fn main() {
    divan::main();
}

/// A ring of 100 nodes, each passing on what it gets.
struct Ring;

const NODES: usize = 100;

impl System for Ring {
    type Disk = ();
    type Memory = u64;
    type Message = u64;
    type Timer = ();
    type Note = ();
    type Witness = ();

    const NAME: &'static str = "Ring";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(_: &Settings) -> usize {
        NODES
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::unordered(Latency::Uniform(500, 1_500))
    }
    fn blank_disk(_: &Settings, _: NodeId) {}
    fn boot(_: &(), context: &mut Context<Self>) -> u64 {
        let next = NodeId::from((context.me().index() + 1) % NODES);
        context.send(next, 1);
        0
    }
    fn handle(_: &mut (), seen: &mut u64, event: Event<Self>, context: &mut Context<Self>) {
        if let Event::Message { message, .. } = event {
            *seen += message;
            let next = NodeId::from((context.me().index() + 1) % NODES);
            context.send(next, message);
        }
    }
    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }
    fn describe_message(_: &Settings, message: &u64) -> String {
        message.to_string()
    }
    fn describe_timer(_: &Settings, (): ()) -> String {
        String::new()
    }
}

const EVENTS: u64 = 100_000;

fn run_on<W: Simulation>(world: &mut W, events: u64) {
    for _ in 0..events {
        divan::black_box(world.step());
    }
}

fn scenario(path: &str) -> &'static dyn AnyScenario {
    // The catalogue is compiled in; a missing scenario is a mistake in this bench.
    find(path).unwrap_or_else(|| panic!("no scenario {path}"))
}

fn origin() -> Origin {
    Origin { seed: 7, ..Origin::default() }
}

#[divan::bench]
fn kernel_ring_of_100(bencher: Bencher) {
    let world: World<Ring> = World::new(Settings::defaults(&[]), RuleSet::ALL, 1, &[]);
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
