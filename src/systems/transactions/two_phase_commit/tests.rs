//! What the papers say of two-phase commit, section by section.

use super::promises::{AGREE, ALL_YES, RELEASED, locked};
use super::*;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::SettingId;
use crate::sim::kernel::time::SEC;
use crate::sim::kernel::{Cause, PendingKind};
use crate::sim::machine::promise::Promise;
use crate::sim::run::simulation::{Handled, Simulation, What};
use crate::sim::run::tape::Input;

type Shop = World<TwoPhaseCommit>;

static PROMISES: &[Promise<TwoPhaseCommit>] = &[AGREE, ALL_YES, RELEASED];
const ORDERS: NodeId = NodeId(2);
const PAYMENT: NodeId = NodeId(3);
const STOCK: NodeId = NodeId(4);
const STORES: [NodeId; 3] = [ORDERS, PAYMENT, STOCK];

/// Three participants, no orders but those that are asked for.
fn shop(more: &[(SettingId, i64)]) -> Shop {
    let mut settings = Settings::defaults(TwoPhaseCommit::SETTINGS);
    [(RATE, 0)].iter().chain(more).for_each(|(id, value)| settings.set(*id, *value));
    World::new(settings, RuleSet::ALL, 1, PROMISES)
}

fn order(shop: &mut Shop, veto: i64) {
    assert_eq!(shop.apply(&Input::call(ORDER, &[veto])), Ok(()));
}

fn act(shop: &mut Shop, input: Input) {
    assert_eq!(shop.apply(&input), Ok(()));
}

/// Runs until something holds; within 10 s.
fn until(shop: &mut Shop, holds: impl Fn(&Shop) -> bool) -> Vec<Handled> {
    let end = shop.kernel().now() + 10 * SEC;
    let mut handled = Vec::new();
    while !holds(shop) {
        handled.extend(shop.step());
        assert!(shop.kernel().now() < end, "it does not come to that");
    }
    handled
}

/// Runs for a length of virtual time.
fn wait(shop: &mut Shop, length: Time) -> Vec<Handled> {
    let late = shop.kernel().now() + length;
    until(shop, |shop| shop.kernel().now() > late)
}

fn run(shop: &mut Shop, events: usize) {
    for _ in 0..events {
        shop.step();
    }
}

fn log(shop: &Shop, node: NodeId) -> Vec<(Tx, Record)> {
    shop.node(node).map(|node| node.disk.log.clone()).unwrap_or_default()
}

fn all_locked(shop: &Shop) -> bool {
    locked(shop).count() == STORES.len()
}

fn none_locked(shop: &Shop) -> bool {
    locked(shop).next().is_none()
}

fn ended(shop: &Shop) -> bool {
    log(shop, COORDINATOR).last() == Some(&(1, Record::End))
}

fn flies(shop: &Shop, wanted: Message) -> bool {
    shop.flights().any(|flight| *flight.message == wanted)
}

fn drop_all(shop: &mut Shop, wanted: impl Fn(&Message) -> bool) {
    let ids: Vec<u64> =
        shop.flights().filter(|flight| wanted(flight.message)).map(|flight| flight.pending.id).collect();
    ids.into_iter().for_each(|id| act(shop, Input::Drop { id }));
}

fn no_promise_is_broken(shop: &Shop) {
    assert!(shop.standings().iter().all(|standing| !standing.verdict.is_broken()));
}

/// Mohan, Lindsay, Obermarck 1986, what presumed abort costs: a commit takes four messages a participant, two
/// records of each, and a commit and an end record of the coordinator.
#[test]
fn a_commit_costs_what_the_paper_counts() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    let handled = until(&mut shop, ended);
    let between = |handled: &&Handled| match handled.what {
        What::Message { from, .. } => from != CLIENT && handled.node != CLIENT,
        _ => false,
    };
    assert_eq!(handled.iter().filter(between).count(), 4 * STORES.len());
    assert_eq!(log(&shop, COORDINATOR), [(1, Record::Committed), (1, Record::End)]);
    for store in STORES {
        assert_eq!(log(&shop, store), [(1, Record::Prepared), (1, Record::Committed)]);
    }
}

/// The same paper, presumed abort: the coordinator writes nothing for an abort, nobody acknowledges it, and who voted no
/// is not told.
#[test]
fn an_abort_leaves_no_record_with_the_coordinator() {
    let mut shop = shop(&[]);
    order(&mut shop, 3);
    let handled = wait(&mut shop, SEC);
    assert!(STORES.iter().all(|id| log(&shop, *id).last() == Some(&(1, Record::Aborted))));
    assert_eq!(log(&shop, COORDINATOR), []);
    assert_eq!(log(&shop, STOCK), [(1, Record::Aborted)], "a no needs no prepared record");
    let told = handled.iter().filter(|handled| handled.node == STOCK && matches!(handled.what, What::Message { .. }));
    assert_eq!(told.count(), 1, "the question is all that stock hears");
    assert!(!flies(&shop, Message::Ack { tx: 1 }));
}

/// The commit record is on disk before any participant, or the client, can hear of it.
#[test]
fn the_decision_is_on_disk_before_it_is_sent() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    let decided = |message: &Message| {
        matches!(message, Message::Decide { commit: true, .. } | Message::Outcome { commit: true, .. })
    };
    until(&mut shop, |shop| {
        let heard = shop.flights().any(|flight| decided(flight.message));
        assert!(!heard || log(shop, COORDINATOR) == [(1, Record::Committed)]);
        heard
    });
}

/// Recovery of a participant: it takes its lock again, asks, and may not decide alone.
#[test]
fn a_prepared_participant_comes_back_in_doubt() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    until(&mut shop, all_locked);
    act(&mut shop, Input::Crash { node: COORDINATOR });
    act(&mut shop, Input::Crash { node: PAYMENT });
    assert_eq!(locked(&shop).count(), 2);
    act(&mut shop, Input::Restart { node: PAYMENT });
    assert!(all_locked(&shop) && flies(&shop, Message::Inquire { tx: 1 }));
    wait(&mut shop, 5 * SEC);
    assert!(all_locked(&shop), "blocked for as long as the coordinator is away");
}

/// Recovery of the coordinator without a commit record: everyone voted yes, and the order is aborted all the same.
#[test]
fn without_a_commit_record_a_restart_means_abort() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    until(&mut shop, all_locked);
    act(&mut shop, Input::Crash { node: COORDINATOR });
    until(&mut shop, |shop| flies(shop, Message::Inquire { tx: 1 }));
    act(&mut shop, Input::Restart { node: COORDINATOR });
    until(&mut shop, none_locked);
    assert!(STORES.iter().all(|id| log(&shop, *id) == [(1, Record::Prepared), (1, Record::Aborted)]));
    no_promise_is_broken(&shop);
}

/// Recovery of the coordinator with a commit record: it repeats the commit until all have acknowledged it.
#[test]
fn with_a_commit_record_a_restart_means_commit() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    until(&mut shop, |shop| !log(shop, COORDINATOR).is_empty());
    drop_all(&mut shop, |message| matches!(message, Message::Decide { .. }));
    act(&mut shop, Input::Crash { node: COORDINATOR });
    wait(&mut shop, SEC);
    assert!(all_locked(&shop));
    act(&mut shop, Input::Restart { node: COORDINATOR });
    until(&mut shop, |shop| none_locked(shop) && ended(shop));
    assert!(STORES.iter().all(|id| log(&shop, *id) == [(1, Record::Prepared), (1, Record::Committed)]));
}

/// A commit is repeated to those alone who have not acknowledged it.
#[test]
fn only_the_missing_hear_a_commit_again() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    until(&mut shop, |shop| !log(shop, COORDINATOR).is_empty());
    act(&mut shop, Input::Cut { from: COORDINATOR, to: STOCK });
    act(&mut shop, Input::Cut { from: STOCK, to: COORDINATOR });
    wait(&mut shop, SEC / 10);
    let handled = wait(&mut shop, SEC);
    let hears = |node: NodeId| handled.iter().filter(|handled| handled.node == node).count();
    assert_eq!((hears(ORDERS), hears(PAYMENT)), (0, 0));
    let lost = shop.lost().filter(|lost| lost.to == STOCK).count();
    assert!(lost > 5, "stock is told again and again");
}

/// Bernstein, Hadzilacos, Goodman 1987, section 7.4, cooperative termination: whoever has not voted may abort, and
/// with that ends the doubt of the others.
#[test]
fn one_that_has_not_voted_ends_the_doubt_of_the_others() {
    for (cooperate, freed) in [(0, false), (1, true)] {
        let mut shop = shop(&[(COOPERATE, cooperate)]);
        order(&mut shop, 0);
        until(&mut shop, |shop| flies(shop, Message::Prepare { tx: 1, veto: 0 }));
        act(&mut shop, Input::Cut { from: COORDINATOR, to: STOCK });
        let question = shop.flights().find(|flight| flight.pending.node == STOCK).map(|flight| flight.pending.id);
        question.into_iter().for_each(|id| act(&mut shop, Input::Drop { id }));
        until(&mut shop, |shop| locked(shop).count() == 2);
        act(&mut shop, Input::Crash { node: COORDINATOR });
        wait(&mut shop, SEC);
        assert_eq!(none_locked(&shop), freed);
        no_promise_is_broken(&shop);
    }
}

/// The same section: when all have voted yes and nobody knows the decision, asking each other helps nobody.
#[test]
fn all_in_doubt_stay_blocked_even_if_they_ask_each_other() {
    let mut shop = shop(&[(COOPERATE, 1)]);
    order(&mut shop, 0);
    until(&mut shop, all_locked);
    act(&mut shop, Input::Crash { node: COORDINATOR });
    wait(&mut shop, 5 * SEC);
    assert!(all_locked(&shop));
}

/// A participant cut off with a commit on its way carries it out hundreds of orders later, and nothing is broken.
#[test]
fn a_long_doubt_ends_well() {
    for after in 0..40 {
        let mut shop = shop(&[(RATE, 20), (NO_VOTES, 0)]);
        run(&mut shop, after);
        act(&mut shop, Input::Cut { from: COORDINATOR, to: PAYMENT });
        until(&mut shop, |shop| shop.kernel().now() > 9 * SEC);
        act(&mut shop, Input::HealAll);
        run(&mut shop, 500);
        no_promise_is_broken(&shop);
    }
}

/// A log that is full lets go of what has ended, never of what is in doubt.
#[test]
fn a_full_log_keeps_what_is_open() {
    let mut disk = Disk::default();
    disk.write(1, Record::Prepared, Record::Prepared);
    for tx in 2..100 {
        disk.write(tx, Record::Prepared, Record::Prepared);
        disk.write(tx, Record::Committed, Record::Prepared);
    }
    assert_eq!(disk.record(1), Some(Record::Prepared));
    assert!(disk.log.len() <= RECORDS_KEPT && disk.has_forgotten(50) && !disk.has_forgotten(99));
}

/// A second copy of an order is no second order.
#[test]
fn a_copy_of_an_order_is_passed_over() {
    let mut shop = shop(&[]);
    order(&mut shop, 0);
    until(&mut shop, |shop| flies(shop, Message::Request { tx: 1, veto: 0 }));
    let requests = shop.kernel().pending().filter(|entry| matches!(entry.kind, PendingKind::Deliver { .. }));
    let id = requests.map(|entry| entry.id).next();
    id.into_iter().for_each(|id| act(&mut shop, Input::Duplicate { id }));
    let handled = until(&mut shop, ended);
    let begun = handled.iter().filter(|handled| handled.node == ORDERS && handled.cause != Cause::Start).count();
    assert_eq!(begun, 2, "one question and one decision");
}
