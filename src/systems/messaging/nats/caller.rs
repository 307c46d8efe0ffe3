//! A caller: sends requests with a reply subject, and waits for an answer, a 503, or the end of its patience.

use super::client::Peer;
use super::{
    ANSWERED, ASKER, FIRST, GIVE_UP, Note, OWN_INBOX, PRICE, Payload, Request, Role, STATUS, Subject, TIMEOUT, Timer,
    UNANSWERED, is_service,
};
use crate::sim::kernel::time;

/// The most requests that wait for an answer.
const MOST_OPEN: usize = 40;

pub(super) fn request(peer: &mut Peer, gather: bool) {
    let (name, now) = (peer.name(), peer.context.now());
    if !is_service(peer.context.settings()) {
        return peer.useless();
    }
    let Role::Caller { open } = &mut peer.client.role else { return };
    if open.len() >= MOST_OPEN {
        return peer.context.why(|_| format!("{MOST_OPEN} requests of {name} wait already: it asks nothing more."));
    }
    peer.disk.published += 1;
    let id = peer.disk.published;
    open.push(Request { id, gather, answers: 0, sent: now });
    let own = peer.context.rule(OWN_INBOX);
    let reply = Subject::Inbox(ASKER.0, if own { id } else { 0 });
    let subject = if gather { STATUS } else { PRICE };
    let give_up = peer.context.rule(GIVE_UP);
    if give_up || gather {
        let patience = peer.context.amount(TIMEOUT);
        peer.context.set_timer(Timer::Timeout(id), patience);
    }
    let (to, from) = (subject.text(), reply.text());
    peer.context
        .why_rule(OWN_INBOX, |_| format!("{name} sends request {id} to {to}; the answer is to come to {from}."));
    peer.put(Payload { id, subject, reply: Some(reply), published: now });
}

/// Ends a request.
fn end(peer: &mut Peer, id: u32) -> Option<Request> {
    let Role::Caller { open } = &mut peer.client.role else { return None };
    let at = open.iter().position(|request| request.id == id)?;
    let request = open.remove(at);
    peer.context.cancel_timer(Timer::Timeout(id));
    Some(request)
}

pub(super) fn answered(peer: &mut Peer, payload: Payload) {
    let (name, now) = (peer.name(), peer.context.now());
    let everyone = (peer.context.nodes() - FIRST) as u8;
    let Subject::Inbox(_, token) = payload.subject else { return peer.useless() };
    let Role::Caller { open } = &mut peer.client.role else { return peer.useless() };
    // With one inbox for all, the oldest request is taken to be the one that was answered.
    let found = open.iter_mut().find(|request| token == 0 || request.id == token);
    let Some(request) = found else {
        let text = payload.subject.text();
        return peer
            .context
            .why_rule(OWN_INBOX, |_| format!("Nobody waits at {text} any more: the answer is dropped."));
    };
    request.answers = request.answers.saturating_add(1);
    let (id, answers, took) = (request.id, request.answers, now.saturating_sub(request.sent));
    let complete = !request.gather || answers >= everyone;
    peer.context.note(Note::Answered { request: id, answer: payload.id });
    peer.context.observe(ANSWERED, 0, took);
    peer.context.why_rule(OWN_INBOX, |_| match (complete, payload.id == id) {
        (true, true) => format!("{name} has the answer to request {id} after {}.", time::show(took)),
        (true, false) => format!("{name} takes the answer to request {} for that to request {id}.", payload.id),
        (false, _) => format!("{name} has {answers} of {everyone} answers to request {id}."),
    });
    if complete {
        end(peer, id);
    }
}

pub(super) fn refused(peer: &mut Peer, id: u32) {
    let name = peer.name();
    let known = end(peer, id).is_some();
    peer.context.why(|_| match known {
        true => format!("Status 503: nobody listens. {name} knows at once that request {id} has no answer."),
        false => format!("Request {id} has ended before."),
    });
    if known {
        peer.context.count(UNANSWERED, 0, 1);
    }
}

pub(super) fn timed_out(peer: &mut Peer, id: u32) {
    let name = peer.name();
    let Some(request) = end(peer, id) else {
        return peer.context.why(|_| format!("Request {id} has ended before."));
    };
    let answers = request.answers;
    peer.context.why_rule(GIVE_UP, |_| match request.gather {
        true => format!("{name} has gathered {answers} answers to request {id} in the time it had."),
        false => format!("{name} gives up on request {id}: it cannot know whether it was done."),
    });
    if answers == 0 {
        peer.context.count(UNANSWERED, 1, 1);
    }
}
