//! The explorer against what others have counted: Stateright's published numbers, its checker over our worlds, and
//! brute force over random systems.

use std::hash::{Hash, Hasher};

use crate::clock::timed;
use crate::oracles::{paxos, two_phase};
use crate::plain::moves;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::explore::instance::Instance;
use faultline::sim::explore::{Bounds, Budget, Explorer, Network, Outcome, Report};
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Origin};
use stateright::{Checker, Model, Property};

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
    let _timed = timed();
    counts(&two_phase::world(3), Network::Repeating, 288);
    counts(&two_phase::world(5), Network::Repeating, 8_832);
    counts(&two_phase::world(8), Network::Repeating, 1_745_408);
}

/// Unique states as in Stateright 0.31, `examples/paxos.rs`.
#[test]
fn paxos_has_as_many_states() {
    let _timed = timed();
    counts(&paxos::world(2), Network::Patient, 16_668);
    counts(&paxos::world(3), Network::Patient, 1_194_428);
}

/// Our worlds as Stateright sees them: a state is the moves that led to it, told apart by its fingerprint.
#[derive(Clone)]
struct Worlds {
    scenario: &'static str,
    origin: Origin,
    bounds: Bounds,
}

#[derive(Clone, Debug)]
struct Reached {
    print: u64,
    budget: Budget,
    moves: Vec<Input>,
    is_broken: bool,
}

impl PartialEq for Reached {
    fn eq(&self, other: &Self) -> bool {
        (self.print, self.budget) == (other.print, other.budget)
    }
}

impl Hash for Reached {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.print, self.budget).hash(state);
    }
}

impl Worlds {
    fn scenario(&self) -> &'static dyn AnyScenario {
        faultline::guides::find(self.scenario).expect("the scenario is in the catalogue")
    }

    fn world(&self, moves: &[Input]) -> LiveWorld {
        let (mut world, _) = self.scenario().hunt(&self.origin);
        world.set_timeless();
        for input in moves {
            world.apply(input).expect("a move that was possible stays possible");
            if matches!(input, Input::Choose { .. }) {
                world.step();
            }
        }
        world
    }

    fn reached(&self, moves: Vec<Input>, budget: Budget) -> Reached {
        let world = self.world(&moves);
        let is_broken = world.standings().iter().any(|standing| standing.verdict.is_broken());
        Reached { print: world.state_fingerprint(), budget, moves, is_broken }
    }
}

impl Model for Worlds {
    type State = Reached;
    type Action = (Input, Budget);

    fn init_states(&self) -> Vec<Reached> {
        vec![self.reached(Vec::new(), self.bounds.budget)]
    }

    fn actions(&self, state: &Reached, actions: &mut Vec<Self::Action>) {
        let world = self.world(&state.moves);
        if (state.moves.len() as u32) < self.bounds.depth && self.scenario().within(&world) {
            actions.extend(moves(&world, state.budget));
        }
    }

    fn next_state(&self, last: &Reached, (input, budget): Self::Action) -> Option<Reached> {
        let mut moves = last.moves.clone();
        moves.push(input);
        Some(self.reached(moves, budget))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("promises hold", |_, state: &Reached| !state.is_broken)]
    }
}

/// The same number of states and the same verdict, with all rules on and with one off.
fn agrees(scenario: &'static str, without: Option<&str>, depth: u32, budget: Budget) {
    let found = faultline::guides::find(scenario).expect("the scenario is in the catalogue");
    let info = found.info();
    let off = without.and_then(|id| info.rules.iter().find(|rule| rule.1.id == id)).map(|rule| rule.0);
    let rules_off = off.map_or(0, |rule| RuleSet::ALL.with(rule, false).off_bits());
    let origin = Origin { seed: info.seed, settings: Vec::new(), rules_off };
    let bounds = Bounds::new(u64::MAX, depth, budget);
    let (world, _) = found.hunt(&origin);
    let mut ours = found.explorer(&world, bounds, None, true).expect("a world of this scenario");
    let report = ours.run();
    let theirs = Worlds { scenario, origin, bounds }.checker().threads(1).spawn_bfs().join();
    let broken = theirs.discovery("promises hold").map(|path| path.into_actions().len());
    println!(
        "{scenario} without {without:?}, {depth} moves: {} states, broken after {broken:?}",
        report.progress.states
    );
    assert_eq!(report.moves().map(|(_, moves)| moves.len()), broken, "{scenario} without {without:?}");
    if broken.is_none() {
        assert_eq!(report.progress.states, theirs.unique_state_count() as u64, "{scenario}");
    }
}

#[test]
fn stateright_counts_the_same_states_in_our_worlds() {
    let _timed = timed();
    agrees("consensus/raft-election", None, 5, Budget::crashes(1));
    agrees("consensus/raft-election", Some("one-vote-per-term"), 6, Budget::NONE);
    agrees("messaging/competing-consumers", None, 6, Budget { drops: 1, duplicates: 1, ..Budget::crashes(1) });
    agrees("messaging/competing-consumers", Some("confirm-after-disk"), 6, Budget::crashes(1));
    agrees("caching/cache-aside", None, 8, Budget { drops: 1, ..Budget::NONE });
    agrees("storage/leaderless-quorum", None, 6, Budget { duplicates: 1, ..Budget::NONE });
    agrees("transactions/two-phase-commit", None, 8, Budget { cuts: 1, ..Budget::crashes(1) });
    agrees("transactions/two-phase-commit", Some("presumed-abort"), 8, Budget::crashes(1));
    agrees("resilience/load-balancing", None, 8, Budget::crashes(1));
    // Of two equal messages on a link that keeps an order, either may be lost.
    agrees("resilience/load-balancing", None, 9, Budget { drops: 1, duplicates: 1, ..Budget::NONE });
}
