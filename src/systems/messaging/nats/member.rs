//! Subscribers, who handle what comes, and responders, who work on requests and answer.

use super::client::Peer;
use super::{
    ASKER, DELIVERY, HANDLED, LENGTHS, Message, Note, Payload, Phase, Role, SERVER, Sub, Subject, Timer, WORK,
    is_service,
};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS};

/// The most requests that wait at a responder.
const MOST_JOBS: usize = 100;
/// The most subscriptions of a client.
const MOST_SUBS: usize = 4;

pub(super) fn received(peer: &mut Peer, sid: u8, payload: Payload) {
    let name = peer.name();
    let me = peer.context.me();
    let Some(sub) = peer.sub(sid) else { return peer.useless() };
    let took = peer.context.now().saturating_sub(payload.published);
    let text = sub.pattern.text();
    peer.context.why(|_| {
        format!("{name} handles message {}, for its subscription to {text}, after {}.", payload.id, time::show(took))
    });
    peer.context.count(HANDLED, me.0, u64::from(sub.sid == 1));
    peer.context.observe(DELIVERY, me.0, took);
    peer.context.note(Note::Handled { id: payload.id, node: me, pattern: sub.pattern, group: sub.group });
}

/// The reader's command: one more subscription.
pub(super) fn subscribe(peer: &mut Peer, topic: i64) {
    let name = peer.name();
    let pattern = Subject::Topic(topic.clamp(0, 4) as u8);
    let subs = &mut peer.client.subs;
    let known = subs.iter().any(|sub| sub.pattern == pattern) || subs.len() >= MOST_SUBS;
    if known || is_service(peer.context.settings()) {
        return peer.context.why(|_| format!("{name} has that subscription already, or as many as it may."));
    }
    let sub = Sub { sid: subs.len() as u8 + 1, pattern, group: false };
    subs.push(sub);
    let text = pattern.text();
    peer.context.why(|_| format!("{name} subscribes to {text} as well: a copy for each of its subscriptions."));
    if peer.client.phase == Phase::Connected {
        let connection = peer.disk.connections;
        peer.context.send(SERVER, Message::Sub { connection, sub });
    }
}

/// A request has come to a responder.
pub(super) fn asked(peer: &mut Peer, sid: u8, payload: Payload) {
    let name = peer.name();
    let idle = match &mut peer.client.role {
        Role::Responder { jobs } if jobs.len() < MOST_JOBS => {
            jobs.push(payload);
            jobs.len() == 1
        }
        _ => return peer.context.why(|_| format!("{name} has too many requests: this one is dropped.")),
    };
    if peer.sub(sid).is_some_and(|sub| sub.group) {
        peer.context.note(Note::Worked { request: payload.id, node: peer.context.me() });
    }
    peer.context.why(|_| match idle {
        true => format!("{name} works on request {}.", payload.id),
        false => format!("{name} is at work: request {} waits.", payload.id),
    });
    if idle {
        begin(peer);
    }
}

fn begin(peer: &mut Peer) {
    let mean = peer.context.amount(WORK);
    let length = random::exponential(peer.context.draw(LENGTHS), mean).max(MS);
    peer.context.work(Timer::Done, length);
}

/// A request's work is done: the answer goes to its reply subject, like any other message.
pub(super) fn done(peer: &mut Peer) {
    let name = peer.name();
    let job = match &mut peer.client.role {
        Role::Responder { jobs } if !jobs.is_empty() => jobs.remove(0),
        _ => return peer.context.why(|_| format!("{name} has nothing to finish.")),
    };
    let more = matches!(&peer.client.role, Role::Responder { jobs } if !jobs.is_empty());
    if more {
        begin(peer);
    }
    let subject = job.reply.unwrap_or(Subject::Inbox(ASKER.0, 0));
    let answer = Payload { id: job.id, subject, reply: None, published: peer.context.now() };
    peer.put(answer);
    let text = subject.text();
    peer.context.why(|_| format!("{name} publishes its answer to request {} on {text}.", job.id));
}
