//! The explorer over random systems, against brute force: it finds a planted bad state exactly when one is reachable,
//! in equally few moves, and the schedule leads there again.

use std::collections::{BTreeSet, VecDeque};

use crate::plain::moves;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall};
use faultline::sim::declare::rules::{Rule, RuleSet};
use faultline::sim::declare::settings::{Control, Setting, SettingId, Settings, Takes, Unit};
use faultline::sim::explore::instance::Instance;
use faultline::sim::explore::{Bounds, Budget, Explorer, Limit, Outcome, replays};
use faultline::sim::judge::verdict::{Breach, Kind};
use faultline::sim::kernel::hash::stable;
use faultline::sim::kernel::link::{Latency, LinkSpec};
use faultline::sim::kernel::time::MS;
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::{Context, Event, Scene, System};
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::Metric;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use proptest::prelude::*;

/// Three nodes with five states each; what they do is drawn from a seed: a table that nobody has designed.
struct Drawn;

const SEED: SettingId = SettingId(0);
const FIFO: SettingId = SettingId(1);
const STATES: u64 = 5;
const NODES: usize = 3;

const fn setting(id: &'static str, max: i64) -> Setting {
    let control = Control::Slider { min: 0, max, step: 1, unit: Unit::Count };
    Setting { id, title: id, about: id, control, default: 0, takes: Takes::AtStart }
}

impl System for Drawn {
    type Disk = u8;
    type Memory = u8;
    type Message = u8;
    type Timer = u8;
    type Note = u8;
    type Witness = u64;

    const NAME: &'static str = "Drawn";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[setting("seed", i64::MAX), setting("fifo", 1)];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(_: &Settings) -> usize {
        NODES
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(settings: &Settings, from: NodeId, _: NodeId) -> LinkSpec {
        let latency = Latency::Fixed(MS);
        // Some links keep their order and some do not.
        if settings.get(FIFO) == 1 && from.0 != 1 { LinkSpec::fifo(latency) } else { LinkSpec::unordered(latency) }
    }
    fn blank_disk(_: &Settings, _: NodeId) -> u8 {
        0
    }
    fn boot(disk: &u8, context: &mut Context<Self>) -> u8 {
        context.set_timer(0, MS);
        *disk
    }
    fn handle(disk: &mut u8, memory: &mut u8, event: Event<Self>, context: &mut Context<Self>) {
        let (code, me) = match event {
            Event::Message { from, message } => (u64::from(from.0) << 8 | u64::from(message), context.me()),
            Event::Timer(timer) => (1 << 20 | u64::from(timer), context.me()),
            Event::Command(_) => return,
        };
        let word = stable(&(context.amount(SEED), me.0, *memory, *disk, code));
        *memory = (word % STATES) as u8;
        if word >> 8 & 3 == 0 {
            *disk = *memory;
        }
        if word >> 10 & 3 != 0 && *memory != 4 {
            context.send(NodeId::from((word >> 12) as usize % NODES), (word >> 16 & 1) as u8);
        }
        if word >> 20 & 7 == 0 {
            context.set_timer((word >> 24 & 1) as u8, MS);
        }
        if word >> 28 & 7 == 0 {
            context.note(*memory);
        }
    }
    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }
    fn observe(witness: &mut u64, notes: &[u8], scene: &Scene) {
        let up = scene.kernel.nodes().iter().filter(|node| node.up).count() as u64;
        *witness = notes.iter().fold(*witness, |seen, note| (seen * 3 + u64::from(*note) + up) % 7);
    }
    fn describe_message(_: &Settings, message: &u8) -> String {
        message.to_string()
    }
    fn describe_timer(_: &Settings, timer: u8) -> String {
        timer.to_string()
    }
}

/// The planted bad state: every node in state 3 or 2, and a witness of 2.
const PLANTED: &[Promise<Drawn>] = &[Promise {
    id: "planted",
    title: "Never there",
    about: "A bad state.",
    kind: Kind::Always,
    holds: |world| {
        let bad = |node: &Option<u8>| matches!(node, Some(2 | 3));
        !(world.nodes().all(|(_, node)| bad(&node.memory)) && *world.witness() % 3 == 2)
    },
    explain: |_| Breach::default(),
}];

/// A promise about the end: the first node reaches state 1.
const IN_THE_END: &[Promise<Drawn>] = &[Promise {
    id: "in-the-end",
    title: "In the end",
    about: "The first node reaches state 1.",
    kind: Kind::Eventually { within: MS },
    holds: |world| world.memory(NodeId(0)) == Some(&1),
    explain: |_| Breach::default(),
}];

fn world(seed: u64, fifo: bool) -> World<Drawn> {
    promising(seed, fifo, PLANTED)
}

fn promising(seed: u64, fifo: bool, promises: &'static [Promise<Drawn>]) -> World<Drawn> {
    let mut settings = Settings::defaults(Drawn::SETTINGS);
    settings.set(SEED, (seed >> 1) as i64);
    settings.set(FIFO, i64::from(fifo));
    World::new(settings, RuleSet::ALL, seed, promises)
}

const DEPTH: u32 = 6;

/// Everything about a state, as text: no fingerprint is trusted here.
fn written(world: &World<Drawn>, budget: Budget) -> String {
    let kernel = world.kernel();
    let mut flights: Vec<_> =
        world.flights().map(|flight| (flight.from, flight.pending.node, *flight.message, flight.pending.id)).collect();
    flights.sort_by_key(|flight| (flight.0, flight.1, flight.3));
    let ordered = |from: NodeId| world.settings().get(FIFO) == 1 && from.0 != 1;
    let mut links: Vec<String> =
        flights.iter().map(|(from, to, message, _)| format!("{from:?}{to:?}{message}")).collect();
    if flights.iter().any(|flight| !ordered(flight.0)) {
        // Messages of an unordered link come in any order, so sort them.
        let (mut free, kept): (Vec<String>, Vec<String>) =
            flights.iter().zip(links).fold((Vec::new(), Vec::new()), |(mut free, mut kept), (flight, text)| {
                if ordered(flight.0) {
                    kept.push(text)
                } else {
                    free.push(text)
                }
                (free, kept)
            });
        free.sort();
        links = kept.into_iter().chain(free).collect();
    }
    let timers: Vec<Vec<u8>> = (0..NODES)
        .map(|id| {
            let mut armed: Vec<u8> = world.timers(NodeId::from(id)).map(|timer| timer.0).collect();
            armed.sort_unstable();
            armed
        })
        .collect();
    let nodes: Vec<_> = world.nodes().map(|(id, node)| (node.disk, node.memory, kernel.node(id).up)).collect();
    format!("{nodes:?} {links:?} {timers:?} {} {budget:?}", world.witness())
}

/// Every state within the depth, told apart by its text. Returns how many there are, and the number of moves to the
/// first bad one.
fn brute_force(start: &World<Drawn>, budget: Budget) -> (u64, Option<u32>) {
    let mut root = start.clone();
    root.set_timeless();
    let mut seen = BTreeSet::from([written(&root, budget)]);
    let mut queue = VecDeque::from([(root, budget, 0)]);
    while let Some((world, budget, depth)) = queue.pop_front() {
        if depth == DEPTH {
            continue;
        }
        for (input, budget) in moves(&world, budget) {
            let mut next = world.clone();
            if next.apply(&input).is_err() {
                continue;
            }
            if matches!(input, faultline::sim::run::tape::Input::Choose { .. }) {
                next.step();
            }
            if next.is_promise_broken("planted") {
                return (seen.len() as u64, Some(depth + 1));
            }
            if seen.insert(written(&next, budget)) {
                queue.push_back((next, budget, depth + 1));
            }
        }
    }
    (seen.len() as u64, None)
}

/// Whether there is a state from which no schedule leads to one where the promise about the end holds. `None` when
/// there are too many states to tell.
fn has_trap(start: &World<Drawn>) -> Option<bool> {
    let mut root = start.clone();
    root.set_timeless();
    let mut texts = vec![written(&root, Budget::NONE)];
    let mut worlds = vec![root];
    let mut edges: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < worlds.len() {
        for (input, _) in moves(&worlds[at], Budget::NONE) {
            let mut next = worlds[at].clone();
            next.apply(&input).ok()?;
            next.step();
            let text = written(&next, Budget::NONE);
            let to = texts.iter().position(|known| *known == text).unwrap_or(texts.len());
            if to == texts.len() {
                texts.push(text);
                worlds.push(next);
            }
            edges.push((at, to));
        }
        at += 1;
        if worlds.len() > 400 {
            return None;
        }
    }
    let mut out: Vec<bool> = worlds.iter().map(|world| world.memory(NodeId(0)) == Some(&1)).collect();
    while let Some((from, _)) = edges.iter().find(|(from, to)| !out[*from] && out[*to]) {
        out[*from] = true;
    }
    Some(out.contains(&false))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_brute_force_finds(seed: u64, fifo: bool, crashes in 0u8..2, drops in 0u8..2, duplicates in 0u8..2) {
        // The last of equal messages on an ordered link may be dropped as well; the explorer drops the first.
        let drops = if fifo { 0 } else { drops };
        let budget = Budget { drops, duplicates, ..Budget::crashes(crashes) };
        let start = world(seed, fifo);
        let mut explorer = Explorer::new(Box::new(Instance::new(&start, None, |_| true)), Bounds::new(u64::MAX, DEPTH, budget), false);
        let report = explorer.run();
        let (states, shortest) = brute_force(&start, budget);
        prop_assert_eq!(report.moves().map(|(_, moves)| moves.len() as u32), shortest);
        match report.moves() {
            Some((promise, moves)) => {
                let schedule = explorer.schedule(moves).expect("a schedule can be followed");
                let step = replays(&start, &schedule.tape, promise);
                prop_assert!(step.is_some(), "the schedule does not lead there");
                let fingerprint = || {
                    let mut run = Run::new(start.clone(), schedule.tape.clone());
                    run.seek(schedule.steps);
                    run.world().fingerprint()
                };
                prop_assert_eq!(fingerprint(), fingerprint());
            }
            None => {
                prop_assert_eq!(report.progress.states, states);
                let expected = if report.limit.is_none() { Outcome::Holds } else { Outcome::Unknown };
                prop_assert!(report.limit.is_none_or(|limit| limit == Limit::Depth));
                prop_assert_eq!(report.outcome, expected);
            }
        }
    }

    #[test]
    fn finds_a_trap_exactly_when_there_is_one(seed: u64, fifo: bool) {
        let start = promising(seed, fifo, IN_THE_END);
        if let Some(expected) = has_trap(&start) {
            let instance = Instance::new(&start, Some(0), |_| true);
            let report = Explorer::new(Box::new(instance), Bounds::new(2_000, 2_000, Budget::NONE), true).run();
            prop_assert_eq!(matches!(report.outcome, Outcome::Trapped { .. }), expected);
            prop_assert!(expected || report.outcome == Outcome::Holds);
        }
    }

    #[test]
    fn other_orders_see_the_same_states(seed: u64, fifo: bool) {
        use faultline::sim::explore::Order;
        let start = world(seed, fifo);
        let run = |order| {
            let bounds = Bounds { order, ..Bounds::new(4_000, 9, Budget::NONE) };
            Explorer::new(Box::new(Instance::new(&start, None, |_| true)), bounds, false).run()
        };
        let (breadth, depth, random) = (run(Order::Breadth), run(Order::Depth), run(Order::Random { seed }));
        if breadth.outcome == Outcome::Holds {
            prop_assert_ne!(&depth.moves().is_some(), &true);
            prop_assert!(random.moves().is_none());
        }
        if depth.outcome == Outcome::Holds && breadth.limit.is_none() {
            prop_assert_eq!(depth.progress.states, breadth.progress.states);
        }
        for found in [depth.moves(), random.moves()].into_iter().flatten() {
            prop_assert!(breadth.moves().is_none_or(|shortest| shortest.1.len() <= found.1.len()));
        }
    }
}
