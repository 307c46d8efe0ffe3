//! Workers on a broker, as a reader has them: rules switched during a task, consumers cancelled, urgent tasks.

use super::promises::{FAIR, HEALTHY_DONE};
use super::*;
use crate::sim::declare::commands::CommandId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::judge::verdict::broken;
use crate::sim::machine::promise::Promise;
use crate::sim::run::Run;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Input, Tape};

type Shop = World<RabbitMq>;

const WORKER: NodeId = NodeId(FIRST as u16);
const OTHER: NodeId = NodeId(FIRST as u16 + 1);

/// A task queue without a load of its own.
fn shop(workers: i64) -> Run<Shop> {
    let mut settings = Settings::defaults(RabbitMq::SETTINGS);
    settings.set(WORKERS, workers);
    settings.set(RATE, 0);
    Run::new(World::new(settings, RuleSet::ALL, 5, &[FAIR]), Tape::default())
}

/// One worker that tries again later, without a load of its own.
fn retrying(promises: &'static [Promise<RabbitMq>]) -> Run<Shop> {
    let mut settings = Settings::defaults(RabbitMq::SETTINGS);
    for (setting, value) in [(TOPOLOGY, 3), (WORKERS, 1), (RATE, 0)] {
        settings.set(setting, value);
    }
    Run::new(World::new(settings, RuleSet::ALL, 5, promises), Tape::default())
}

fn act(run: &mut Run<Shop>, command: CommandId, values: &[i64]) {
    let done = run.act(Input::Command(CommandCall { command, values: values.to_vec() }));
    assert!(done.is_ok(), "{done:?}");
}

fn switch(run: &mut Run<Shop>, rule: RuleId, on: bool) {
    assert!(run.act(Input::Rule { rule, on }).is_ok());
}

/// Runs on until something holds; it must within five seconds.
fn until(run: &mut Run<Shop>, holds: impl Fn(&Shop) -> bool) {
    let end = run.world().kernel().now() + 5 * SEC;
    while !holds(run.world()) && run.world().kernel().now() < end && run.step().is_some() {}
    assert!(holds(run.world()), "it does not hold in time");
}

fn works(world: &Shop, worker: NodeId) -> Option<TaskId> {
    match world.memory(worker) {
        Some(Memory::Worker { working, .. }) => working.as_ref().map(|delivery| delivery.message.id),
        _ => None,
    }
}

fn host(world: &Shop) -> &Host {
    match world.memory(BROKER) {
        Some(Memory::Broker { host, .. }) => host,
        _ => panic!("the broker is down"),
    }
}

fn unacked(world: &Shop, worker: NodeId) -> usize {
    host(world).consumers.get(&worker).map_or(0, |consumer| consumer.unacked.len())
}

fn settles(world: &Shop) -> usize {
    world.flights().filter(|flight| matches!(flight.message, Method::Settle { .. })).count()
}

#[test]
fn a_task_received_with_the_rule_on_is_acknowledged_when_it_is_off() {
    let mut run = shop(1);
    act(&mut run, PUBLISH, &[2]);
    until(&mut run, |world| works(world, WORKER) == Some(1));
    switch(&mut run, ACK_AFTER, false);
    until(&mut run, |world| world.witness().order() == [1]);
    until(&mut run, |world| works(world, WORKER) == Some(2));
    until(&mut run, |world| world.witness().order() == [1, 2] && unacked(world, WORKER) == 0);
}

#[test]
fn a_task_received_with_the_rule_off_is_acknowledged_once() {
    let mut run = shop(1);
    switch(&mut run, ACK_AFTER, false);
    act(&mut run, PUBLISH, &[1]);
    until(&mut run, |world| works(world, WORKER).is_some() && unacked(world, WORKER) == 0 && settles(world) == 0);
    switch(&mut run, ACK_AFTER, true);
    until(&mut run, |world| works(world, WORKER).is_none());
    assert_eq!(settles(run.world()), 0);
}

#[test]
fn a_cancelled_worker_finishes_its_task_and_the_others_go_on() {
    let mut run = shop(2);
    act(&mut run, PUBLISH, &[12]);
    until(&mut run, |world| works(world, WORKER).is_some() && works(world, OTHER).is_some());
    let own = works(run.world(), WORKER);
    act(&mut run, CANCEL, &[1]);
    until(&mut run, |world| host(world).consumers[&WORKER].cancelled.0);
    assert_eq!((unacked(run.world(), WORKER), works(run.world(), WORKER)), (1, own));
    until(&mut run, |world| unacked(world, WORKER) == 0 && works(world, OTHER).is_some());
    assert!(own.is_some_and(|id| !run.world().witness().has_not_done(id, 0)));
    until(&mut run, |world| host(world).queues[&0].ready.is_empty() && unacked(world, OTHER) == 0);
    assert_eq!((run.world().witness().order().len(), run.world().witness().done_by(0).count()), (12, 1));
    assert!(!run.world().is_promise_broken(FAIR.id));

    act(&mut run, CONSUME, &[1]);
    act(&mut run, PUBLISH, &[2]);
    until(&mut run, |world| works(world, WORKER).is_some() && works(world, OTHER).is_some());
    assert!(!run.world().is_promise_broken(FAIR.id));
}

#[test]
fn whoever_has_cancelled_does_not_count_as_idle() {
    let mut run = shop(2);
    switch(&mut run, PREFETCH_ONE, false);
    until(&mut run, |world| host(world).consumers.len() == 2);
    act(&mut run, CANCEL, &[2]);
    until(&mut run, |world| host(world).consumers[&OTHER].cancelled.0);
    act(&mut run, PUBLISH, &[8]);
    until(&mut run, |world| world.witness().order().len() == 2);
    assert!(unacked(run.world(), WORKER) > 2 && !run.world().is_promise_broken(FAIR.id));
}

#[test]
fn a_new_connection_of_a_cancelled_worker_does_not_consume() {
    let mut run = shop(1);
    until(&mut run, |world| host(world).consumers.len() == 1);
    act(&mut run, CANCEL, &[1]);
    until(&mut run, |world| host(world).consumers[&WORKER].cancelled.0);
    assert!(run.act(Input::Crash { node: BROKER }).is_ok());
    assert!(run.act(Input::Restart { node: BROKER }).is_ok());
    act(&mut run, PUBLISH, &[1]);
    until(&mut run, |world| host(world).consumers.get(&WORKER).is_some_and(|consumer| consumer.connection == 2));
    assert!(host(run.world()).consumers[&WORKER].cancelled.0 && works(run.world(), WORKER).is_none());
    act(&mut run, CONSUME, &[1]);
    until(&mut run, |world| works(world, WORKER) == Some(1));
}

#[test]
fn urgent_tasks_overtake_what_waits_and_nothing_else() {
    let mut run = shop(1);
    act(&mut run, PUBLISH, &[3]);
    until(&mut run, |world| works(world, WORKER) == Some(1) && host(world).queues[&0].ready.len() == 2);
    act(&mut run, URGENT, &[1, 2]);
    act(&mut run, URGENT, &[1, 9]);
    until(&mut run, |world| host(world).queues[&0].ready.len() == 4);
    assert_eq!(works(run.world(), WORKER), Some(1));
    until(&mut run, |world| world.witness().order().len() == 3);
    assert_eq!(run.world().witness().order(), [1, 5, 4]);
    let waits = |subject| run.world().metrics().get(WAITING_APART, subject).map_or(0, |series| series.total());
    assert_eq!((waits(0), waits(1)), (1, 2));
}

/// The confirm of a copy is lost on a link that is cut for a moment, too short for a heartbeat to be missed.
#[test]
fn a_copy_whose_confirm_is_lost_is_published_again() {
    let mut run = retrying(&[]);
    act(&mut run, TROUBLE, &[2, 1]);
    let confirm = |world: &Shop| {
        let to_worker = |flight: &crate::sim::machine::world::Flight<RabbitMq>| {
            flight.pending.node == WORKER && matches!(flight.message, Method::Confirm { .. })
        };
        world.flights().find(to_worker).map(|flight| flight.pending.id)
    };
    let moving = |world: &Shop| matches!(world.memory(WORKER), Some(Memory::Worker { moving: Some(_), .. }));
    until(&mut run, |world| confirm(world).is_some());
    let id = confirm(run.world()).expect("it is on its way");
    assert!(run.act(Input::Drop { id }).is_ok());
    assert!(moving(run.world()));
    until(&mut run, |world| !moving(world));
    assert_eq!(host(run.world()).consumers.get(&WORKER).map(|consumer| consumer.connection), Some(1));
}

/// TCP would send the delivery again. Here its worker waits for it until the consumer time-out.
#[test]
fn who_waits_for_a_lost_delivery_is_outside_of_what_is_promised() {
    let mut run = retrying(&[HEALTHY_DONE]);
    let wait = |run: &mut Run<Shop>, end: u64| while run.world().kernel().now() < end && run.step().is_some() {};
    act(&mut run, PUBLISH, &[10]);
    assert!(run.act(Input::Crash { node: WORKER }).is_ok());
    wait(&mut run, 21 * SEC);
    assert!(run.act(Input::Restart { node: WORKER }).is_ok());
    let delivery = |world: &Shop| {
        let delivers = |message: &Method| matches!(message, Method::Deliver { .. });
        world.flights().find(|flight| delivers(flight.message)).map(|flight| flight.pending.id)
    };
    until(&mut run, |world| delivery(world).is_some());
    let id = delivery(run.world()).expect("it is on its way");
    assert!(run.act(Input::Drop { id }).is_ok());
    wait(&mut run, 42 * SEC);
    let (_, broken) = broken(run.world().standings()).next().expect("healthy tasks have waited for 20 s");
    assert!(broken.outside.is_some_and(|why| why.contains("consumer time-out")), "{broken:?}");
}
