//! The kernel against NeXosim on the same ring: 100 nodes, a message on every link, each passed on after 500 to 1,500
//! virtual microseconds. One thread each: `cargo bench --bench kernel`.
#![allow(clippy::disallowed_types, reason = "a bench measures real time")]
#![cfg(not(target_arch = "wasm32"))]

#[path = "ring/mod.rs"]
mod ring;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use faultline::sim::run::simulation::Simulation;
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{EventSource, Output};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use ring::NODES;
use serde::{Deserialize, Serialize};

const EVENTS: u64 = 2_000_000;

/// Messages passed on so far.
static PASSED: AtomicU64 = AtomicU64::new(0);

/// A node of the ring in NeXosim's terms: it passes on what it gets after a while.
#[derive(Serialize, Deserialize)]
struct Hop {
    next: Output<u64>,
    draws: u64,
}

#[Model]
impl Hop {
    async fn receive(&mut self, message: u64, context: &Context<Self>) {
        self.draws = self.draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = Duration::from_micros(500 + (self.draws >> 33) % 1_001);
        context.schedule_event(delay, schedulable!(Self::pass), message).expect("the delay is not zero");
    }

    #[nexosim(schedulable)]
    async fn pass(&mut self, message: u64) {
        PASSED.fetch_add(1, Ordering::Relaxed);
        self.next.send(message).await;
    }
}

fn theirs() -> f64 {
    let mut hops: Vec<Hop> = (0..NODES).map(|at| Hop { next: Output::default(), draws: at as u64 }).collect();
    let boxes: Vec<Mailbox<Hop>> = (0..NODES).map(|_| Mailbox::new()).collect();
    for (at, hop) in hops.iter_mut().enumerate() {
        hop.next.connect(Hop::receive, &boxes[(at + 1) % NODES]);
    }
    let mut bench = SimInit::with_num_threads(1);
    let starts: Vec<_> =
        boxes.iter().map(|mailbox| EventSource::new().connect(Hop::receive, mailbox).register(&mut bench)).collect();
    for (at, (hop, mailbox)) in hops.into_iter().zip(boxes).enumerate() {
        bench = bench.add_model(hop, mailbox, &format!("hop {at}"));
    }
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("the ring is sound");
    for start in &starts {
        simulation.process_event(start, 1).expect("a hop takes a message");
    }
    let start = Instant::now();
    while PASSED.load(Ordering::Relaxed) < EVENTS {
        simulation.step_until(Duration::from_millis(50)).expect("the ring goes on");
    }
    PASSED.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

fn ours() -> f64 {
    let mut world = ring::world();
    let start = Instant::now();
    for _ in 0..EVENTS {
        std::hint::black_box(world.step());
    }
    EVENTS as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let (ours, theirs) = (ours(), theirs());
    println!("ring of 100, Faultline  {:>6.2} M messages/s", ours / 1e6);
    println!("ring of 100, NeXosim    {:>6.2} M messages/s, {:.1} times less", theirs / 1e6, ours / theirs);
}
