//! The host on its own: what a client of a real broker could see, step by step.

use std::rc::Rc;

use super::exchange::{self, Binding, DEAD, DEFAULT, FANOUT};
use super::host::{Host, Policy, Settle};
use super::message::{Body, Envelope, Message, Reason, TaskId};
use super::queue::{Arguments, DeadLetter, Overflow};
use crate::sim::NodeId;
use crate::sim::kernel::time::{MS, SEC};

const A: NodeId = NodeId(2);
const B: NodeId = NodeId(3);

fn message(id: TaskId, exchange: u8, key: &str) -> Message {
    Message {
        id,
        published: 0,
        persistent: true,
        mandatory: false,
        expiration: None,
        attempt: 0,
        body: Body::Plain,
        envelope: Rc::new(Envelope { exchange, key: key.to_owned(), headers: Vec::new() }),
        deaths: Vec::new(),
        priority: 0,
    }
}

/// A host with a queue "q", a queue "dead" behind the dead-letter exchange, and so many messages in "q".
fn host(arguments: Arguments, count: TaskId) -> Host {
    let mut host = Host::default();
    host.declare(0, "q", arguments);
    host.declare(1, "dead", Arguments::CLASSIC);
    host.bind(Binding::new(DEAD, 1, "dead"));
    for id in 1..=count {
        host.publish(&message(id, DEFAULT, "q"), Policy::AMQP, 0);
    }
    host
}

fn dying(arguments: Arguments) -> Arguments {
    Arguments { dead_letter: Some(DeadLetter { exchange: DEAD, key: Some("dead") }), ..arguments }
}

/// Hands out one message: to whom, its tag, its number, and whether it is redelivered.
fn take(host: &mut Host) -> Option<(NodeId, u32, TaskId, bool)> {
    let handed = host.hand_out(Some(10), 0)?;
    Some((handed.to, handed.tag, handed.stored.message.id, handed.stored.redelivered))
}

fn ready(host: &Host, queue: u8) -> Vec<TaskId> {
    host.queues
        .get(&queue)
        .map(|queue| queue.ready.iter().map(|stored| stored.message.id).collect())
        .unwrap_or_default()
}

#[test]
fn consumers_are_served_in_turn_up_to_their_prefetch() {
    let mut host = host(Arguments::CLASSIC, 5);
    host.consume(A, 1, vec![0], 0);
    host.consume(B, 1, vec![0], 0);
    let order: Vec<_> = std::iter::from_fn(|| host.hand_out(Some(2), 0)).map(|handed| handed.to).collect();
    assert_eq!(order, [A, B, A, B]);
    assert_eq!(ready(&host, 0), [5]);
    host.settle(B, 1, Settle::Ack, Policy::AMQP, 0);
    assert_eq!(host.hand_out(Some(2), 0).map(|handed| (handed.to, handed.tag)), Some((B, 3)));
}

#[test]
fn a_classic_queue_puts_returned_messages_back_at_their_places() {
    let mut host = host(Arguments::CLASSIC, 4);
    host.consume(A, 1, vec![0], 0);
    (0..3).for_each(|_| assert!(take(&mut host).is_some()));
    host.settle(A, 2, Settle::Requeue, Policy::AMQP, 0);
    host.settle(A, 1, Settle::Requeue, Policy::AMQP, 0);
    assert_eq!(ready(&host, 0), [1, 2, 4]);
    host.close(A, Policy::AMQP, 0);
    assert_eq!(ready(&host, 0), [1, 2, 3, 4]);
    host.consume(B, 1, vec![0], 0);
    assert_eq!(take(&mut host), Some((B, 1, 1, true)));
}

#[test]
fn a_quorum_queue_hands_returned_messages_out_first_in_order_of_return() {
    let mut host = host(Arguments::QUORUM, 4);
    host.consume(A, 1, vec![0], 0);
    (0..3).for_each(|_| assert!(take(&mut host).is_some()));
    host.settle(A, 2, Settle::Requeue, Policy::AMQP, 0);
    host.settle(A, 1, Settle::Requeue, Policy::AMQP, 0);
    assert_eq!(ready(&host, 0), [2, 1, 4]);
}

#[test]
fn the_delivery_limit_counts_rejects_and_lost_connections_and_no_nacks() {
    let mut host = host(dying(Arguments { delivery_limit: Some(1), ..Arguments::QUORUM }), 1);
    host.consume(A, 1, vec![0], 0);
    for how in [Settle::Requeue, Settle::Requeue, Settle::Retry] {
        let tag = take(&mut host).map_or(0, |taken| taken.1);
        host.settle(A, tag, how, Policy::AMQP, 0);
    }
    assert_eq!(ready(&host, 0), [1]);
    assert!(take(&mut host).is_some());
    let (held, dead) = host.close(A, Policy::AMQP, 0).unwrap_or_default();
    assert_eq!((held, dead.len(), dead[0].reason, dead[0].to.clone()), (1, 1, Reason::DeliveryLimit, vec![1]));
    assert_eq!(ready(&host, 1), [1]);
}

#[test]
fn messages_expire_at_the_head_only() {
    let mut host = host(dying(Arguments { message_ttl: Some(100 * MS), ..Arguments::CLASSIC }), 0);
    host.publish(&message(1, DEFAULT, "q"), Policy::AMQP, 0);
    host.publish(&Message { expiration: Some(10 * MS), ..message(2, DEFAULT, "q") }, Policy::AMQP, 0);
    assert!(host.expire(Policy::AMQP, 50 * MS).is_empty());
    let dead = host.expire(Policy::AMQP, 100 * MS);
    assert_eq!(
        dead.iter().map(|dead| (dead.id, dead.reason)).collect::<Vec<_>>(),
        [(1, Reason::Expired), (2, Reason::Expired)]
    );
    let buried = &host.queues[&1].ready[1].message;
    assert_eq!((buried.expiration, buried.deaths[0].queue, buried.deaths[0].count), (None, 0, 1));
    assert_eq!(buried.envelope.key, "dead");
}

#[test]
fn a_cycle_without_a_rejection_is_cut() {
    let back = Some(DeadLetter { exchange: DEFAULT, key: Some("q") });
    let mut host = host(Arguments { message_ttl: Some(MS), dead_letter: back, ..Arguments::CLASSIC }, 1);
    let dead = host.expire(Policy::AMQP, MS);
    assert_eq!((dead.len(), dead[0].to.is_empty(), ready(&host, 0).is_empty()), (1, true, true));
}

#[test]
fn a_full_queue_drops_its_head_or_refuses() {
    let short = Arguments { max_length: Some(2), ..Arguments::CLASSIC };
    let mut dropping = host(dying(short), 3);
    assert_eq!((ready(&dropping, 0), ready(&dropping, 1)), (vec![2, 3], vec![1]));
    assert_eq!(dropping.queues[&1].ready[0].message.deaths[0].reason, Reason::MaxLength);
    assert!(!dropping.publish(&message(4, DEFAULT, "q"), Policy::AMQP, 0).refused);

    let mut refusing = host(Arguments { overflow: Overflow::RejectPublish, ..short }, 2);
    refusing.bind(Binding::new(FANOUT, 0, ""));
    refusing.bind(Binding::new(FANOUT, 1, ""));
    assert!(refusing.publish(&message(3, FANOUT, ""), Policy::AMQP, 0).refused);
    assert_eq!((ready(&refusing, 0), ready(&refusing, 1)), (vec![1, 2], vec![3]));
}

#[test]
fn dead_lettering_at_least_once_waits_for_room() {
    let wait = Arguments { overflow: Overflow::RejectPublish, message_ttl: Some(MS), ..dying(Arguments::QUORUM) };
    let mut host = host(wait, 1);
    let full = Arguments { max_length: Some(0), overflow: Overflow::RejectPublish, ..Arguments::CLASSIC };
    host.declare(1, "dead", full);
    assert!(host.expire(Policy::AMQP, MS).is_empty());
    assert_eq!(ready(&host, 0), [1]);
    host.declare(1, "dead", Arguments::CLASSIC);
    assert_eq!(host.expire(Policy::AMQP, MS).len(), 1);
    assert_eq!((ready(&host, 0), ready(&host, 1)), (vec![], vec![1]));
}

#[test]
fn a_restart_keeps_what_is_durable_and_persistent() {
    let transient = |id| Message { persistent: false, ..message(id, DEFAULT, "q") };
    let restarted = |arguments: Arguments| {
        let mut host = host(arguments, 2);
        host.publish(&transient(3), Policy::AMQP, 0);
        host.consume(A, 1, vec![0], 0);
        assert!(take(&mut host).is_some());
        host.after_restart()
    };
    let classic = restarted(Arguments::CLASSIC);
    assert_eq!(ready(&classic, 0), [1, 2]);
    assert!(classic.queues[&0].ready.iter().all(|stored| stored.redelivered));
    let quorum = restarted(Arguments::QUORUM);
    assert_eq!(ready(&quorum, 0), [1, 2, 3]);
    let again: Vec<bool> = quorum.queues[&0].ready.iter().map(|stored| stored.redelivered).collect();
    assert_eq!(again, [true, false, false]);
    assert!(!restarted(Arguments { durable: false, ..Arguments::CLASSIC }).queues.contains_key(&0));
}

#[test]
fn an_exclusive_queue_goes_with_its_connection() {
    let mut host = host(Arguments { exclusive: true, ..Arguments::CLASSIC }, 1);
    host.consume(A, 1, vec![0], 0);
    host.close(A, Policy::AMQP, 0);
    assert!(!host.queues.contains_key(&0));
    assert!(host.publish(&message(2, DEFAULT, "q"), Policy::AMQP, 0).queues.is_empty());
}

/// A queue with priorities up to 4, and a message of each of these priorities in it, numbered from 1.
fn prioritised(arguments: Arguments, priorities: &[u8]) -> Host {
    let mut host = host(Arguments { max_priority: Some(4), ..arguments }, 0);
    for (id, priority) in (1..).zip(priorities) {
        host.publish(&Message { priority: *priority, ..message(id, DEFAULT, "q") }, Policy::AMQP, 0);
    }
    host
}

#[test]
fn the_highest_priority_goes_first_and_within_it_the_oldest() {
    assert_eq!(ready(&prioritised(Arguments::CLASSIC, &[0, 2, 0, 4, 2, 1]), 0), [4, 2, 5, 6, 1, 3]);
    // Above the maximum is the maximum.
    assert_eq!(ready(&prioritised(Arguments::CLASSIC, &[4, 9, 3, 255, 4]), 0), [1, 2, 4, 5, 3]);
    // The documentation's own example: A, B, C of 1, 3, 2.
    assert_eq!(ready(&prioritised(Arguments::CLASSIC, &[1, 3, 2]), 0), [2, 3, 1]);
}

#[test]
fn without_x_max_priority_all_messages_are_alike() {
    let mut plain = host(Arguments::CLASSIC, 1);
    plain.publish(&Message { priority: 4, ..message(2, DEFAULT, "q") }, Policy::AMQP, 0);
    assert_eq!(ready(&plain, 0), [1, 2]);
    // A queue keeps the priorities with which it came to be.
    plain.declare(0, "q", Arguments { max_priority: Some(4), ..Arguments::CLASSIC });
    plain.publish(&Message { priority: 4, ..message(3, DEFAULT, "q") }, Policy::AMQP, 0);
    assert_eq!(ready(&plain, 0), [1, 2, 3]);
    assert_eq!(ready(&prioritised(Arguments::QUORUM, &[0, 4, 1]), 0), [1, 2, 3]);
}

#[test]
fn a_returned_message_takes_its_place_within_its_priority() {
    let mut host = prioritised(Arguments::CLASSIC, &[0, 4, 0, 4, 2]);
    host.consume(A, 1, vec![0], 0);
    let taken: Vec<_> = (0..4).filter_map(|_| take(&mut host)).map(|taken| taken.2).collect();
    assert_eq!((taken, ready(&host, 0)), (vec![2, 4, 5, 1], vec![3]));
    for tag in [4, 2, 3, 1] {
        host.settle(A, tag, Settle::Requeue, Policy::AMQP, 0);
    }
    assert_eq!(ready(&host, 0), [2, 4, 5, 1, 3]);
    host.publish(&Message { priority: 4, ..message(6, DEFAULT, "q") }, Policy::AMQP, 0);
    assert_eq!(ready(&host, 0), [2, 4, 6, 5, 1, 3]);
    assert_eq!(take(&mut host).map(|taken| (taken.2, taken.3)), Some((2, true)));
    assert_eq!(ready(&host.after_restart(), 0), [2, 4, 6, 5, 1, 3]);
}

/// Both as the documentation warns: what is dropped and what expires is the head, which is of the highest priority.
#[test]
fn the_head_of_a_queue_with_priorities_is_of_the_highest() {
    let short = Arguments { max_length: Some(2), ..Arguments::CLASSIC };
    assert_eq!(ready(&prioritised(dying(short), &[0, 4, 0]), 0), [1, 3]);
    let mut host = prioritised(dying(Arguments::CLASSIC), &[]);
    host.publish(&Message { expiration: Some(MS), ..message(1, DEFAULT, "q") }, Policy::AMQP, 0);
    host.publish(&Message { priority: 1, ..message(2, DEFAULT, "q") }, Policy::AMQP, 0);
    assert!(host.expire(Policy::AMQP, 2 * MS).is_empty());
    assert_eq!((ready(&host, 0), host.next_expiry()), (vec![2, 1], None));
}

#[test]
fn a_cancelled_consumer_keeps_what_it_holds_and_gets_nothing_more() {
    let mut host = host(Arguments::CLASSIC, 6);
    host.consume(A, 1, vec![0], 0);
    host.consume(B, 1, vec![0], 0);
    (0..4).for_each(|_| assert!(take(&mut host).is_some()));
    assert!(host.cancel(A) && !host.cancel(A));
    assert_eq!((host.consumers[&A].unacked.len(), ready(&host, 0)), (2, vec![5, 6]));
    host.settle(A, 1, Settle::Ack, Policy::AMQP, 0);
    assert_eq!(take(&mut host), Some((B, 3, 5, false)));
    host.settle(A, 2, Settle::Requeue, Policy::AMQP, 0);
    assert_eq!(take(&mut host), Some((B, 4, 3, true)));
    assert!(host.consume_again(A, 7) && !host.consume_again(A, 9));
    assert_eq!(host.consumers[&A].idle_since, Some(7));
    assert_eq!(take(&mut host), Some((A, 3, 6, false)));
}

#[test]
fn what_a_cancelled_consumer_held_goes_back_with_its_connection() {
    let mut host = host(Arguments::CLASSIC, 1);
    host.consume(A, 1, vec![0], 0);
    assert!(take(&mut host).is_some() && host.cancel(A));
    host.close(A, Policy::AMQP, 0);
    assert_eq!(ready(&host, 0), [1]);
    host.consume(A, 2, vec![0], 0);
    assert_eq!(take(&mut host), Some((A, 1, 1, true)));
}

#[test]
fn names_of_exchanges_are_their_numbers() {
    for (id, name) in [(DEFAULT, ""), (FANOUT, "fanout"), (DEAD, "dead"), (exchange::TOPIC, "topic")] {
        assert_eq!(exchange::EXCHANGES[usize::from(id)].0, name);
    }
}

/// A quorum queue has flushed what it confirmed; a classic one leaves it to the operating system, for 30 s.
#[test]
fn a_power_cut_takes_what_a_classic_queue_has_not_flushed() {
    let left_of = |arguments: Arguments, now: u64, torn: Option<u32>| {
        let mut host = host(arguments, 2);
        let mut late = message(3, DEFAULT, "q");
        late.published = 20 * SEC;
        host.publish(&late, Policy::AMQP, 20 * SEC);
        let was_torn = host.queues.iter_mut().any(|(_, queue)| queue.lose_power(now, torn));
        (ready(&host, 0), was_torn)
    };
    let left = |arguments: Arguments, now: u64| left_of(arguments, now, None).0;
    assert_eq!(left(Arguments::QUORUM, 21 * SEC), [1, 2, 3]);
    assert_eq!(left(Arguments::CLASSIC, 21 * SEC), [] as [TaskId; 0]);
    assert_eq!(left(Arguments::CLASSIC, 31 * SEC), [1, 2]);
    assert_eq!(left(Arguments::CLASSIC, 51 * SEC), [1, 2, 3]);
    // In the middle of writing it back, only the end of it is lost.
    assert_eq!(left_of(Arguments::CLASSIC, 21 * SEC, Some(1)), (vec![1, 2], true));
    assert_eq!(left_of(Arguments::CLASSIC, 31 * SEC, Some(5)), (vec![1, 2], true));
    assert_eq!(left_of(Arguments::CLASSIC, 51 * SEC, Some(1)), (vec![1, 2, 3], false));
    assert_eq!(left_of(Arguments::QUORUM, 21 * SEC, Some(1)), (vec![1, 2, 3], false));
}
