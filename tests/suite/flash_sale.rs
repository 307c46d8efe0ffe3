//! Ten minutes of the flash sale at its stated load: nothing is lost, nothing grows without bound, and Little's law
//! holds at the end of every window.

use faultline::guides::messaging::flash_sale::SCENARIO;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::kernel::time::SEC;
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::{Metrics, Series, WINDOW};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;
use faultline::systems::messaging::flash_sale::{
    AWAY, Disk, FlashSale, GATEWAY, IN, MOMENTS, Memory, OUT, Outlet, THE_LOG, TOTALS, queue::MOST_RUNS, queue::count,
};

use crate::clock::timed;

/// The integral of the number of orders in the system, in orders x microseconds.
fn integral(metrics: &Metrics, now: u64) -> i128 {
    let area = |subject| metrics.get(TOTALS, subject).map_or(0, |series: &Series| i128::from(series.area(now)));
    area(0) - area(1)
}

/// The sum of the times that orders have spent in the system so far: those that have left it, and those still in it.
fn times(metrics: &Metrics, now: u64) -> i128 {
    let sum = |subject| i128::from(metrics.total(MOMENTS, subject));
    let inside = i128::from(metrics.total(IN, 0)) - i128::from(metrics.total(OUT, 0));
    sum(2) + inside * i128::from(now) - (sum(0) - sum(1))
}

/// Orders between the customer and the commit, as the nodes themselves count them; some perhaps twice.
fn inside(world: &World<FlashSale>) -> u64 {
    let waiting = match world.memory(GATEWAY) {
        Some(Memory::Gateway(gateway)) => gateway.outlets.iter().map(unanswered).sum(),
        _ => 0,
    };
    let open = match world.node(THE_LOG).map(|node| &node.disk) {
        Some(Disk::Log(partitions)) => partitions.iter().map(|partition| u64::from(partition.open.len())).sum(),
        _ => 0,
    };
    waiting + open
}

fn unanswered(outlet: &Outlet) -> u64 {
    let sent: u32 = outlet.in_flight.iter().map(|sent| count(&sent.runs)).sum();
    u64::from(outlet.waiting.len() + sent)
}

fn bounded(world: &World<FlashSale>) {
    assert!(world.kernel().pending_count() < 2_000, "{} events are pending", world.kernel().pending_count());
    let Some(Disk::Log(partitions)) = world.node(THE_LOG).map(|node| &node.disk) else { panic!("the log is gone") };
    for partition in partitions {
        assert!(partition.open.runs() < MOST_RUNS, "{} runs in a partition", partition.open.runs());
    }
    let held: u64 = world
        .nodes()
        .filter_map(|(_, node)| match &node.memory {
            Some(Memory::Consumer(consumer)) => Some(u64::from(consumer.buffered())),
            _ => None,
        })
        .sum();
    assert!(held <= 10_000, "the consumers hold {held} orders");
    if let Some(Memory::Gateway(gateway)) = world.memory(GATEWAY) {
        assert!(gateway.direct.is_empty() && gateway.outlets.iter().all(|outlet| outlet.in_flight.len() <= 5));
    }
}

#[test]
fn ten_minutes_at_the_stated_figures() {
    let _timed = timed();
    let mut world = SCENARIO.world(&Origin { seed: SCENARIO.seed, ..Origin::default() }, &[]);
    let (mut window, mut events) = (1, 0u64);
    while world.kernel().now() < 600 * SEC {
        while world.next_at().is_some_and(|at| at > window * WINDOW) {
            let now = window * WINDOW;
            assert_eq!(integral(world.metrics(), now), times(world.metrics(), now), "Little's law at {now} us");
            window += 1;
        }
        world.step();
        events += 1;
        if events % 1_000 == 0 {
            bounded(&world);
        }
    }
    let metrics = world.metrics();
    let (came, written) = (metrics.total(IN, 0), metrics.total(OUT, 0));
    println!("{came} orders in, {written} written, {} inside, {events} events", inside(&world));
    assert!((1_400_000..1_700_000).contains(&came), "two sales and the quiet between: {came}");
    assert_eq!(metrics.total(AWAY, 0), 0);
    assert!(came - written <= inside(&world), "an order is nowhere");
    assert!(came - written < 2_000, "{} orders have no row", came - written);
    for standing in world.standings() {
        assert!(matches!(standing.verdict, Verdict::Holds), "{:?}", standing.verdict);
    }
}
