//! The simulator's own promises, on a system small enough to understand at a glance: senders that number their
//! messages.

use faultline::never;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall};
use faultline::sim::declare::rules::{Rule, RuleSet};
use faultline::sim::declare::settings::{Setting, Settings};
use faultline::sim::explore::instance::Instance;
use faultline::sim::explore::{Bounds, Budget, Explorer, replays};
use faultline::sim::judge::verdict::{Breach, Verdict};
use faultline::sim::kernel::link::{Latency, LinkSpec};
use faultline::sim::kernel::time::MS;
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::{Context, Event, System};
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::Metric;
use faultline::sim::run::Run;
use faultline::sim::run::shrink::Shrinker;
use faultline::sim::run::simulation::{Simulation, What};
use faultline::sim::run::tape::{Input, Stamped, Tape};

use crate::clock::timed;

/// Nodes 0 and 1 send numbers to node 2, every millisecond; 0 over an ordered link, 1 over one that may reorder.
struct Numbers;

const LAST: u32 = 40;

impl System for Numbers {
    type Disk = ();
    type Memory = Vec<(u16, u32)>;
    type Message = u32;
    type Timer = ();
    type Note = ();
    type Witness = ();

    const NAME: &'static str = "Numbers";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(_: &Settings) -> usize {
        3
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(_: &Settings, from: NodeId, _: NodeId) -> LinkSpec {
        let latency = Latency::Uniform(MS, 20 * MS);
        if from.0 == 0 { LinkSpec::fifo(latency) } else { LinkSpec::unordered(latency) }
    }
    fn blank_disk(_: &Settings, _: NodeId) {}
    fn boot(_: &(), context: &mut Context<Self>) -> Vec<(u16, u32)> {
        if context.me().0 < 2 {
            context.set_timer((), MS);
        }
        Vec::new()
    }
    fn handle(_: &mut (), seen: &mut Vec<(u16, u32)>, event: Event<Self>, context: &mut Context<Self>) {
        match event {
            Event::Message { from, message } => seen.push((from.0, message)),
            Event::Timer(()) => {
                let number = seen.last().map_or(0, |last| last.1) + 1;
                seen.push((context.me().0, number));
                context.send(NodeId(2), number);
                if number < LAST {
                    context.set_timer((), MS);
                }
            }
            Event::Command(_) => {}
        }
    }
    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }
    fn describe_message(_: &Settings, message: &u32) -> String {
        message.to_string()
    }
    fn describe_timer(_: &Settings, (): ()) -> String {
        "tick".to_owned()
    }
}

fn world(promises: &'static [Promise<Numbers>]) -> World<Numbers> {
    World::new(Settings::defaults(&[]), RuleSet::ALL, 3, promises)
}

fn finished(tape: Tape) -> Run<World<Numbers>> {
    let mut run = Run::new(world(&[]), tape);
    while run.step().is_some() {}
    run
}

fn received(run: &Run<World<Numbers>>, from: u16) -> Vec<u32> {
    let seen = run.world().memory(NodeId(2)).cloned().unwrap_or_default();
    seen.into_iter().filter(|message| message.0 == from).map(|message| message.1).collect()
}

#[test]
fn an_ordered_link_keeps_order_and_the_other_does_not() {
    let _timed = timed();
    let run = finished(Tape::default());
    let all: Vec<u32> = (1..=LAST).collect();
    assert_eq!(received(&run, 0), all);
    let other = received(&run, 1);
    assert!(other != all && other.len() == all.len());
}

/// Draws are counter-based: dropping a message on one link changes nothing on the other.
#[test]
fn a_fault_leaves_unrelated_draws_as_they_were() {
    let _timed = timed();
    let arrivals = |run: &Run<World<Numbers>>| {
        let events = run.branch().events().iter();
        events
            .filter(|event| matches!(event.what, What::Message { from: NodeId(1), .. }))
            .map(|event| event.time)
            .collect::<Vec<_>>()
    };
    let plain = finished(Tape::default());
    let first =
        plain.branch().events().iter().find(|event| matches!(event.what, What::Message { from: NodeId(0), .. }));
    let Some(first) = first else { panic!("node 0 sends nothing") };
    let faults = vec![
        Stamped { after: first.step - 1, input: Input::Drop { id: first.id } },
        Stamped { after: 50, input: Input::Crash { node: NodeId(0) } },
    ];
    let faulty = finished(Tape::new(faults));
    assert_ne!(received(&plain, 0), received(&faulty, 0));
    assert_eq!(arrivals(&plain), arrivals(&faulty));
}

#[test]
fn a_paused_node_gets_everything_when_it_goes_on() {
    let _timed = timed();
    let pause = Stamped { after: 30, input: Input::Pause { node: NodeId(2) } };
    let resume = Stamped { after: 60, input: Input::Resume { node: NodeId(2) } };
    let run = finished(Tape::new(vec![pause, resume]));
    assert_eq!(received(&run, 0), (1..=LAST).collect::<Vec<u32>>());
    let during: Vec<NodeId> = run.branch().events().from(30).take(30).map(|event| event.node).collect();
    assert!(during.len() == 30 && !during.contains(&NodeId(2)));
}

#[test]
fn old_futures_stay() {
    let _timed = timed();
    let mut run = Run::new(world(&[]), Tape::default());
    run.seek(80);
    let old = run.world().fingerprint();
    run.seek(40);
    let fork = run.world().fingerprint();
    assert!(run.act(Input::Crash { node: NodeId(1) }).is_ok());
    run.seek(80);
    assert_ne!(run.world().fingerprint(), old);
    assert_eq!((run.branches().len(), run.shared_steps(0)), (2, 40));
    assert!(run.switch(0));
    assert_eq!((run.step_count(), run.world().fingerprint()), (40, fork));
    run.seek(80);
    assert_eq!(run.world().fingerprint(), old);
}

#[test]
fn a_refused_input_changes_nothing() {
    let _timed = timed();
    let mut run = Run::new(world(&[]), Tape::default());
    run.seek(10);
    let before = run.world().fingerprint();
    for input in [Input::Crash { node: NodeId(9) }, Input::Drop { id: 9_999 }, Input::Restart { node: NodeId(0) }] {
        assert!(run.act(input).is_err());
    }
    assert!(run.branch().tape().inputs().is_empty() && run.world().fingerprint() == before);
}

/// "Node 2 never gets 2 from node 1 before 1 from node 1": the shortest way to break it is known.
const IN_ORDER: Promise<Numbers> = never!(
    "in-order",
    "In order",
    "Numbers of node 1 arrive in order.",
    |world| overtaken(world),
    |world, (late, early)| Breach {
        nodes: world.nodes().map(|(id, _)| id).filter(|id| id.0 != 0).collect(),
        text: format!("{late} arrived after {early}."),
        values: Vec::new(),
    }
);

/// Two numbers of node 1 that arrived the wrong way round: the late one, the early one.
fn overtaken(world: &World<Numbers>) -> Option<(u32, u32)> {
    let seen = world.memory(NodeId(2))?.iter().filter(|message| message.0 == 1).map(|message| message.1);
    seen.clone().zip(seen.skip(1)).find(|(before, after)| before > after).map(|(before, after)| (after, before))
}

#[test]
fn a_promise_that_something_is_never_found_tells_of_what_was_found() {
    let _timed = timed();
    let mut run = Run::new(world(&[IN_ORDER]), Tape::default());
    let verdict = |run: &Run<World<Numbers>>| run.world().standings()[0].verdict.clone();
    assert!(!verdict(&run).is_broken());
    while !verdict(&run).is_broken() && run.step().is_some() {}
    let Verdict::Broken(broken) = verdict(&run) else { panic!("the link reorders, and nothing overtakes") };
    let (late, early) = overtaken(run.world()).expect("it is there to be seen");
    assert_eq!(broken.breach.text, format!("{late} arrived after {early}."));
    assert_eq!(broken.breach.nodes, [NodeId(1), NodeId(2)]);
}

#[test]
fn the_explorer_finds_the_shortest_way_and_it_replays() {
    let _timed = timed();
    let start = world(&[IN_ORDER]);
    let instance = Instance::new(&start, None, |_| true);
    let mut explorer = Explorer::new(Box::new(instance), Bounds::new(50_000, 8, Budget::NONE), false);
    let report = explorer.run();
    let (promise, moves) = report.moves().expect("something is found");
    // Two ticks of node 1, its second message, its first.
    assert_eq!((promise, moves.len()), (0, 4));
    let schedule = explorer.schedule(moves).expect("it can be followed");
    assert_eq!(replays(&start, &schedule.tape, promise), Some(4));
}

#[test]
fn a_grafted_future_begins_where_it_leaves() {
    let _timed = timed();
    let mut run = Run::new(world(&[]), Tape::default());
    run.seek(30);
    let before = run.world().fingerprint();
    let (crash, restart) = (Input::Crash { node: NodeId(0) }, Input::Restart { node: NodeId(0) });
    let inputs = [Stamped { after: 5, input: crash.clone() }, Stamped { after: 9, input: restart.clone() }];
    run.graft(5, &inputs, 20);
    assert_eq!((run.step_count(), run.current(), run.branches().len(), run.branch().len()), (5, 1, 2, 20));
    assert!(!run.world().kernel().node(NodeId(0)).up);
    run.seek(20);
    let grafted = run.world().fingerprint();
    let mut acted = Run::new(world(&[]), Tape::default());
    acted.seek(5);
    acted.act(crash).expect("a node can crash");
    acted.seek(9);
    acted.act(restart).expect("it can come back");
    acted.seek(20);
    assert_eq!(acted.world().fingerprint(), grafted);
    assert!(run.switch(0));
    run.seek(30);
    assert_eq!(run.world().fingerprint(), before);
}

#[test]
fn a_broken_run_is_shrunk_to_what_it_needs() {
    let _timed = timed();
    let mut run = Run::new(world(&[IN_ORDER]), Tape::default());
    // None of these inputs matter: the link of node 1 reorders by itself.
    for (step, input) in [
        (2, Input::Pause { node: NodeId(0) }),
        (4, Input::Latency { from: NodeId(0), to: NodeId(2), extra: 30 * MS }),
        (6, Input::Resume { node: NodeId(0) }),
    ] {
        run.seek(step);
        run.act(input).expect("it applies");
    }
    run.seek(200);
    let before = run.branch().breakings()[0].step;
    let mut shrinker = Shrinker::new(world(&[IN_ORDER]), run.branch(), 0).expect("the run breaks the promise");
    shrinker.run();
    let small = shrinker.progress();
    assert_eq!(small.inputs, 0);
    let mut again = Run::new(world(&[IN_ORDER]), shrinker.tape().clone());
    again.seek(small.steps);
    assert!(again.world().is_promise_broken("in-order"), "{before} events, {small:?}");
    assert!(Shrinker::new(world(&[]), finished(Tape::default()).branch(), 0).is_none());
}
