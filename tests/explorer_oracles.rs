//! The explorer against what others have counted: Stateright's published figures, and its checker over our worlds.
#![cfg(not(target_arch = "wasm32"))]

mod oracles;

use faultline::sim::explore::{Bounds, Budget, Explorer, Network, Outcome, Report};
use faultline::sim::system::System;
use faultline::sim::world::{Instance, World};
use oracles::{paxos, two_phase};

fn explore<S: System>(world: &World<S>, network: Network) -> Report {
    let bounds = Bounds { network, ..Bounds::new(u64::MAX, u32::MAX, Budget::NONE) };
    Explorer::new(Box::new(Instance::new(world, None, |_| true)), bounds, false).run()
}

fn counts<S: System>(world: &World<S>, network: Network, expected: u64) {
    let report = explore(world, network);
    println!("{}: {:?}, {:?}", S::NAME, report.outcome, report.progress);
    assert_eq!((report.outcome, report.progress.states, report.limit), (Outcome::Holds, expected, None));
}

/// Unique states as in Stateright 0.31, `examples/2pc.rs`.
#[test]
fn two_phase_commit_has_as_many_states() {
    counts(&two_phase::world(3), Network::Repeating, 288);
    counts(&two_phase::world(5), Network::Repeating, 8_832);
    counts(&two_phase::world(8), Network::Repeating, 1_745_408);
}

/// Unique states as in Stateright 0.31, `examples/paxos.rs`.
#[test]
fn paxos_has_as_many_states() {
    counts(&paxos::world(2), Network::Patient, 16_668);
    counts(&paxos::world(3), Network::Patient, 1_194_428);
}
