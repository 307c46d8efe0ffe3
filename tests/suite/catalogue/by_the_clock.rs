//! Who decides by the clock. The explorer has none: a handler that asks for the time is told 0, so what it would do
//! later on is not among the states that a search has seen. Whoever decides by the clock is on a list, with what else
//! looks at the time that passes.

use faultline::guides::kit::live::LiveWorld;
use faultline::sim::NodeId;
use faultline::sim::kernel::time::{SEC, Time};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Tape};

use super::{busy, check, ensure, origin};

/// Scenarios that act otherwise when clocks jump, and what they ask the clock for. Chaos, whose time passes, looks at
/// these; a search sees what they do at time 0.
const BY_THE_CLOCK: &[(&str, &str)] = &[
    ("consensus/two-generals", "the next round begins at a full period"),
    ("consensus/flp", "the next round begins at a full period"),
    ("consensus/leases", "a waiter's own lease, and the lock's, run out"),
    ("messaging/jetstream-work-queue", "ack waits and the duplicate window end"),
    ("messaging/retries-and-dead-letters", "the next message of a delay queue expires"),
    ("messaging/share-groups", "acquisition locks run out"),
    ("messaging/flash-sale", "the shape of the load, and calls that wait too long"),
    ("messaging/right-tool", "the next order comes at a full period"),
    ("messaging/inside-kafka-log", "segments grow old, and tombstones"),
    ("messaging/confirmed", "the next message comes at a full period"),
    ("messaging/side-by-side", "the next order comes at a full period"),
    ("caching/cache-aside", "entries expire"),
];

/// How many events are compared, and after how many each all clocks jump.
const EVENTS: u64 = 400;
const EVERY: u64 = 10;

/// What happened: when, where, and which message or timer it was.
type Trace = Vec<(Time, NodeId, u64)>;

/// The events of a run, in which one node is down for a while; with clocks that jump, or not.
fn trace(world: LiveWorld, jumps: bool) -> Trace {
    let nodes = world.kernel().nodes().len();
    let mut run = Run::new(world, Tape::default());
    let mut trace = Trace::new();
    for step in 0..EVENTS {
        if step % EVERY == 0 && jumps {
            let offset = (step / EVERY * SEC) as i64;
            (0..nodes).for_each(|node| _ = run.act(Input::Skew { node: NodeId::from(node), offset, drift_ppm: 0 }));
        }
        match step {
            100 => _ = run.act(Input::Crash { node: NodeId(0) }),
            200 => _ = run.act(Input::Restart { node: NodeId(0) }),
            _ => {}
        }
        let Some(handled) = run.step() else { break };
        trace.push((handled.time, handled.node, handled.id));
    }
    trace
}

fn decides_by_the_clock(world: &LiveWorld) -> Option<String> {
    let [still, jumping] = [false, true].map(|jumps| trace(world.clone(), jumps));
    let at = still.iter().zip(&jumping).position(|(one, other)| one != other);
    let at = at.or((still.len() != jumping.len()).then(|| still.len().min(jumping.len())))?;
    Some(format!("event {at} is {:?} in place of {:?}", jumping.get(at), still.get(at)))
}

#[test]
fn whoever_decides_by_the_clock_is_on_the_list() {
    check(|scenario, info| {
        let worlds = [scenario.hunt(&origin(info)).0, scenario.start(&busy(info))];
        let found = worlds.iter().find_map(decides_by_the_clock);
        println!("{}: {}", info.path(), found.as_deref().unwrap_or("by no clock"));
        let is_listed = BY_THE_CLOCK.iter().any(|listed| listed.0 == info.path());
        ensure(found.is_some() == is_listed, || match found {
            Some(found) => format!("decides by the clock and is not on the list: {found}"),
            None => "is on the list and does not decide by the clock".to_owned(),
        })
    });
}
