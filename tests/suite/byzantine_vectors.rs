//! OM(m) against counts and outcomes that were computed independently: messages and rounds by n and m, and whether a
//! promise breaks over all ways to lie, or over many.

use crate::vectors::{cases, numbers, report};
use faultline::mechanisms::oral_messages::{Heard, Judge, Path, RETREAT, messages, messages_in};
use faultline::sim::declare::commands::CommandCall;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::declare::settings::Settings;
use faultline::sim::kernel::random::{self, Drawer};
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::{Simulation, What};
use faultline::sim::run::tape::Input;
use faultline::systems::consensus::byzantine_generals;
use faultline::systems::consensus::byzantine_generals::{
    ByzantineGenerals, COMMANDER, GENERALS, LATENCY, LIES, M, MORE_THAN_3M, ORDER, SPLIT, TRAITOR, TRAITOR_IS_COMMANDER,
};
use serde_json::Value;

type Field = World<ByzantineGenerals>;

/// A field of battle. `traitor`: 0 for the commander.
fn field(n: i64, m: i64, traitor: Option<i64>, order: i64, seed: u64) -> Field {
    let mut settings = Settings::defaults(ByzantineGenerals::SETTINGS);
    let who = match traitor {
        None => 0,
        Some(0) => TRAITOR_IS_COMMANDER,
        Some(lieutenant) => lieutenant,
    };
    // The setting's first choice is attack.
    for (setting, value) in
        [(GENERALS, n), (M, m), (TRAITOR, who), (ORDER, 1 - order), (LIES, SPLIT as i64), (LATENCY, 10_000)]
    {
        settings.set(setting, value);
    }
    World::new(settings, RuleSet::ALL.with(MORE_THAN_3M, false), seed, &[])
}

/// Fights the first battle to its end. Returns how many messages arrived, and when.
fn fight(world: &mut Field) -> Vec<u64> {
    let mut arrivals = Vec::new();
    while world.memory(COMMANDER).is_some_and(|memory| memory.battle < 2) {
        let Some(event) = world.step() else { break };
        if matches!(event.what, What::Message { .. }) {
            arrivals.push(event.time);
        }
    }
    arrivals
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}

fn counts(case: &Value) {
    let (n, m) = (int(&case["n"]), int(&case["m"]));
    let per_round: Vec<u64> = numbers(&case["per_round"]).into_iter().map(|count| count as u64).collect();
    assert_eq!(messages(n as u64, m as u64), int(&case["expected"]) as u64, "n {n}, m {m}: the formula");
    let formula: Vec<u64> = (1..=m as u64 + 1).map(|round| messages_in(n as u64, round)).collect();
    assert_eq!(formula, per_round, "n {n}, m {m}: the formula by round");
    // A round is 20 ms, and the first battle begins at 20 ms.
    let mut seen = vec![0; int(&case["rounds"]) as usize];
    for at in fight(&mut field(n, m, None, 1, 1)) {
        seen[(at / 20_000 - 1) as usize] += 1;
    }
    assert_eq!(seen, per_round, "n {n}, m {m}: the run");
}

/// All ways in which one traitor can lie, under both orders: how many there are, and how many break a promise.
fn all_ways(case: &Value) {
    let (n, m) = (int(&case["n"]), int(&case["m"]));
    let (mut ways, mut violations) = (0, 0);
    for traitor in 0..n {
        let told: Vec<i64> = match (traitor, m) {
            (0, _) => (1..n).collect(),
            // Without a second round a lieutenant says nothing.
            (_, 0) => Vec::new(),
            _ => (1..n).filter(|to| *to != traitor).collect(),
        };
        for (order, pattern) in (0..2).flat_map(|order| (0..1 << told.len()).map(move |pattern| (order, pattern))) {
            let mut world = field(n, m, Some(traitor), order, 1);
            for (at, to) in told.iter().enumerate() {
                let values = vec![traitor, to - 1, i64::from(pattern >> at & 1u32)];
                assert!(world.apply(&Input::Command(CommandCall { command: byzantine_generals::SAY, values })).is_ok());
            }
            fight(&mut world);
            ways += 1;
            violations += i64::from(world.witness().parted.is_some() || world.witness().disobeyed.is_some());
        }
    }
    assert_eq!((ways, violations), (int(&case["behaviours"]), int(&case["violations"])), "n {n}, m {m}");
}

/// One battle without clocks: every value a traitor sends is drawn independently. True when a promise broke.
fn battle(n: u16, m: usize, traitors: &[u16], order: u8, mut draw: impl FnMut(u64) -> u64) -> bool {
    let mut heard: Vec<Heard> = vec![Heard::default(); usize::from(n)];
    let mut send = |heard: &mut Vec<Heard>, path: Path, truth: u8| {
        let from = path.last().unwrap_or(0);
        for to in (1..n).filter(|to| !path.has(*to)) {
            let value = if traitors.contains(&from) { draw(2) as u8 } else { truth };
            heard[usize::from(to)].file(path, value);
        }
    };
    send(&mut heard, Path::of(0), order);
    for round in 1..=m {
        let known: Vec<Vec<(Path, u8)>> = heard.iter().map(|heard| heard.of_round(round).collect()).collect();
        for (me, known) in (0u16..).zip(known) {
            known.into_iter().for_each(|(path, value)| send(&mut heard, path.then(me), value));
        }
    }
    let loyal = (1..n).filter(|me| !traitors.contains(me));
    let judge =
        |me: u16| Judge { heard: &heard[usize::from(me)], me, generals: n, rounds: m + 1, common_default: true };
    let did: Vec<u8> = loyal.map(|me| judge(me).value(Path::of(0))).collect();
    did.iter().any(|value| *value != did[0] || (!traitors.contains(&0) && *value != order))
}

fn many_ways(case: &Value) {
    let (n, m, count) = (int(&case["n"]) as u16, int(&case["m"]) as usize, int(&case["traitors"]) as usize);
    let mut drawn = 0;
    let mut draw = |below: u64| {
        drawn += 1;
        random::below(random::draw(7, Drawer::Chaos, 0, drawn), below)
    };
    let mut violations = 0;
    for _ in 0..int(&case["runs"]) {
        let mut traitors: Vec<u16> = Vec::new();
        while traitors.len() < count {
            let one = draw(u64::from(n)) as u16;
            if !traitors.contains(&one) {
                traitors.push(one);
            }
        }
        let order = draw(2) as u8;
        violations += u64::from(battle(n, m, &traitors, order, &mut draw));
    }
    assert_eq!(violations == 0, case["agreement_guaranteed"], "n {n}, m {m}, {count} traitors: {violations}");
    assert_eq!(violations == 0, int(&case["violations"]) == 0, "n {n}, m {m}, {count} traitors: {violations}");
}

/// What a lieutenant among three others holds after two rounds, the order first, and what it decides from it.
fn holds(me: u16, order: u8, from: [(u16, u8); 2]) -> (Vec<u8>, u8) {
    let mut heard = Heard::default();
    heard.file(Path::of(0), order);
    from.into_iter().for_each(|(by, value)| assert!(heard.file(Path::of(0).then(by), value)));
    let judge = Judge { heard: &heard, me, generals: 4, rounds: 2, common_default: true };
    let mut values = judge.values(Path::of(0));
    values.sort_unstable();
    (values, judge.value(Path::of(0)))
}

fn figure(case: &Value) {
    match case["paper_figure"].as_str() {
        Some("1-2") => {
            // Lieutenant 1 hears the same in both cases: a loyal commander with a lying lieutenant 2, and the other
            // way round.
            let heard = |traitor: i64, values: [i64; 3]| {
                let mut world = field(3, 1, Some(traitor), 1, 1);
                assert!(
                    world
                        .apply(&Input::Command(CommandCall {
                            command: byzantine_generals::SAY,
                            values: values.to_vec()
                        }))
                        .is_ok()
                );
                fight(&mut world);
                world.memory(faultline::sim::NodeId(1)).map(|memory| memory.heard.clone())
            };
            let first = heard(2, [2, 0, 0]);
            let mut world = field(3, 1, Some(0), 1, 1);
            for values in [vec![0, 0, 1], vec![0, 1, 0]] {
                assert!(world.apply(&Input::Command(CommandCall { command: byzantine_generals::SAY, values })).is_ok());
            }
            fight(&mut world);
            let second = world.memory(faultline::sim::NodeId(1)).map(|memory| memory.heard.clone());
            assert!(first.is_some() && first == second, "{first:?} {second:?}");
        }
        Some("3") => {
            let (v, x) = (1, 0);
            assert_eq!(holds(2, v, [(1, v), (3, x)]).1, v);
        }
        Some("4") => {
            let (x, y, z) = (5, 6, 7);
            let all = [holds(1, x, [(2, y), (3, z)]), holds(2, y, [(1, x), (3, z)]), holds(3, z, [(1, x), (2, y)])];
            assert!(all.iter().all(|one| *one == (vec![x, y, z], RETREAT)), "{all:?}");
        }
        other => panic!("figure {other:?} is unknown"),
    }
}

#[test]
fn oral_messages_count_and_decide_as_computed() {
    let Some(cases) = cases("byzantine_om.json") else { return };
    for case in &cases {
        match case["kind"].as_str().unwrap_or_default() {
            "messages" => counts(case),
            "exhaustive" => all_ways(case),
            "random" => many_ways(case),
            "figure" => figure(case),
            other => panic!("a case of kind {other:?}"),
        }
    }
    report("byzantine_om.json", cases.len(), &[]);
}
