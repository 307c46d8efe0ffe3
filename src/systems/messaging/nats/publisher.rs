//! Publishing: at a rate, once each; and what a client does with what it could not send.

use super::client::Peer;
use super::{
    ARRIVALS, FIRST, Message, Nats, PUBLISHED, Payload, RATE, Role, SEND_ONCE, SERVER, Subject, TOPIC, Timer, WANTED,
    caller, is_service, subscriptions,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::system::Context;
use crate::sim::measure::workload::poisson;
use crate::sim::numbers::counted;

/// How often it looks for a rate when there is none.
const IDLE: Time = SEC / 2;
/// The most messages that a publisher without the rule is in doubt about.
const MOST_DOUBT: usize = 30;

pub(super) fn await_next(context: &mut Context<Nats>) {
    let rate = context.amount(RATE);
    let delay = poisson(context, ARRIVALS, rate).unwrap_or(IDLE);
    context.set_timer(Timer::Arrival, delay);
}

pub(super) fn arrival(peer: &mut Peer) {
    await_next(peer.context);
    let name = peer.name();
    if peer.context.amount(RATE) == 0 {
        peer.context.why(|_| format!("{name} sends nothing: the rate is 0."));
    } else if is_service(peer.context.settings()) {
        caller::request(peer, false);
    } else {
        let topic = peer.context.draw_between(TOPIC, 0, u64::from(PUBLISHED) - 1);
        publish(peer, topic as i64, 1);
    }
}

pub(super) fn publish(peer: &mut Peer, topic: i64, count: i64) {
    let name = peer.name();
    if is_service(peer.context.settings()) {
        return peer.useless();
    }
    let subject = Subject::Topic(topic.clamp(0, i64::from(PUBLISHED) - 1) as u8);
    for _ in 0..count.clamp(1, 30) {
        peer.disk.published += 1;
        let id = peer.disk.published;
        let payload = Payload { id, subject, reply: None, published: peer.context.now() };
        want(peer.context, subject);
        let text = subject.text();
        if !peer.put(payload) {
            peer.context.why(|_| format!("{name} is not connected and its buffer is full: message {id} is refused."));
            continue;
        }
        let again = !peer.context.rule(SEND_ONCE);
        let so = if again { "remembers it for a while" } else { "forgets it" };
        peer.context.why(|_| format!("{name} publishes message {id} on {text}, and {so}."));
        if let Role::Publisher { doubt } = &mut peer.client.role
            && again
            && doubt.len() < MOST_DOUBT
        {
            doubt.push(payload);
        }
    }
}

/// Counts for each subscriber that it asked for this message, whether it is there or not.
fn want(context: &mut Context<Nats>, subject: Subject) {
    for node in (FIRST..context.nodes()).map(NodeId::from) {
        let subs = subscriptions(context.settings(), node);
        if subs.iter().any(|sub| subject.matches(sub.pattern)) {
            context.count(WANTED, node.0, 1);
        }
    }
}

/// On a new connection: sends what was published meanwhile and, without the rule, what may have been lost before.
pub(super) fn flush(peer: &mut Peer) {
    let name = peer.name();
    let connection = peer.disk.connections;
    let waiting = std::mem::take(&mut peer.client.waiting);
    let mut again = match &peer.client.role {
        Role::Publisher { doubt } if !peer.context.rule(SEND_ONCE) => doubt.clone(),
        _ => Vec::new(),
    };
    again.retain(|payload| !waiting.contains(payload));
    if !again.is_empty() {
        let count = again.len();
        peer.context.why_rule(SEND_ONCE, |_| {
            format!("{name} is in doubt about {}, and sends it again.", counted(count as u64, "message"))
        });
    }
    if !waiting.is_empty() {
        let count = waiting.len();
        peer.context
            .why(|_| format!("{name} sends what waited for the connection: {}.", counted(count as u64, "message")));
    }
    for payload in again.into_iter().chain(waiting) {
        peer.context.send(SERVER, Message::Pub { connection, payload });
    }
}
