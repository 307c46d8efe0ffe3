//! PBFT against every liar, and the message counts of the paper's normal case.

use super::*;
use crate::guides::kit::hunt::Hunt;
use crate::sim::explore::instance::Instance;
use crate::sim::explore::{Bounds, Explorer, Order, Outcome};
use crate::sim::run::Run;
use crate::sim::run::chaos::storm;
use crate::sim::run::tape::Tape;
use std::collections::BTreeMap;

fn origin(seed: u64, settings: &[(crate::sim::declare::settings::SettingId, i64)]) -> Origin {
    Origin { seed, settings: settings.to_vec(), rules_off: 0 }
}

/// Whoever lies and however, among four or seven, under crashes, cuts and losses: no promise breaks.
#[test]
fn no_liar_breaks_a_promise() {
    let schedules = std::env::var("FAULTLINE_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    for (size, liar, lies) in
        (0..2).flat_map(|size| (0..5).flat_map(move |liar| (0..3).map(move |lies| (size, liar, lies))))
    {
        for seed in 0..schedules {
            let settings = [(pbft::REPLICAS, size), (pbft::LIAR, liar), (pbft::LIES, lies)];
            let mut run = Run::new(SCENARIO.world(&origin(seed, &settings), &[]), Tape::default());
            storm(&mut run, SCENARIO.faults, seed, 600);
            for _ in 0..3_000 {
                run.step();
            }
            for promise in SCENARIO.promises {
                let broken = run.world().is_promise_broken(promise.id);
                assert!(!broken, "{}: {size} {liar} {lies} seed {seed}", promise.id);
            }
        }
    }
}

/// Along the ways that lead past a rule while it is off, and on walks at random: nothing breaks with every rule on.
#[test]
fn with_every_rule_on_the_ways_lead_nowhere() {
    let world =
        |settings: &[(crate::sim::declare::settings::SettingId, i64)]| SCENARIO.world(&origin(1, settings), &[]);
    let explore = |hunt: &Hunt<Pbft>, bounds: Bounds| {
        let model = Instance::new(&world(hunt.settings), None, hunt.within);
        let report = Explorer::new(Box::new(model), bounds, false).run();
        assert!(!matches!(report.outcome, Outcome::Broken { .. }), "{:?}", report.outcome);
    };
    for (_, hunt) in SCENARIO.without {
        explore(hunt, Bounds { states: 200_000, ..hunt.bounds });
    }
    for seed in 0..4 {
        explore(&TWO_REQUESTS, Bounds { depth: 120, order: Order::Random { seed }, ..TWO_REQUESTS.bounds });
    }
}

/// Figure 1 of the paper, without its faulty replica: request, pre-prepare, prepare, commit, reply.
#[test]
fn the_normal_case_takes_as_many_messages_as_in_figure_1() {
    let settings = [(pbft::LIAR, 0), (pbft::CLIENTS, 1), (pbft::REST, 1_000_000)];
    let mut script = SCENARIO.script(&origin(1, &settings));
    let mut seen: BTreeMap<u64, char> = BTreeMap::new();
    while script.world().witness().answered == 0 || script.world().flights().next().is_some() {
        script.steps(1);
        seen.extend(script.world().flights().map(|flight| (flight.pending.id, Pbft::look(flight.message).letter)));
    }
    let count = |letter: char| seen.values().filter(|other| **other == letter).count();
    assert_eq!(['r', 'P', 'p', 'c', 'a'].map(count), [1, 3, 9, 12, 4]);
    assert_eq!(seen.len(), 29);
}
