//! A client: asks the primary, asks every replica when no answer comes, and believes f + 1 equal replies (section 4.1).

use super::{
    MATCHING_REPLIES, MESSAGES, Memory, Message, Note, Pbft, REST, Request, TIMEOUT, Timer, WAITED, Waiting, faults,
    primary, replicas, request_name,
};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::small;

/// What a handler works on.
pub struct Client<'a, 'b> {
    pub t: &'a mut u32,
    pub memory: &'a mut Memory,
    pub context: &'a mut Context<'b, Pbft>,
}

/// A client begins to rest.
pub fn boot(context: &mut Context<Pbft>) {
    let (rest, me) = (context.amount(REST), context.me());
    // Clients do not ask at the very same moment.
    context.set_timer(Timer::Ask, rest / 2 + u64::from(me.0) * 2_000);
}

impl Client<'_, '_> {
    pub fn handle(mut self, event: Event<Pbft>) {
        match event {
            Event::Timer(Timer::AskAgain) => self.ask_again(),
            Event::Message { from, message: Message::Reply { view, t, result } } => self.reply(from, view, t, result),
            Event::Message { .. } => self.context.pass_over(),
            Event::Timer(_) | Event::Command(_) => self.ask(),
        }
    }

    fn request(&self) -> Request {
        let client = self.context.me().index() - replicas(self.context.settings());
        Request { client: client as u8, t: *self.t }
    }

    fn send(&mut self, to: NodeId) {
        let request = self.request();
        self.context.count(MESSAGES, 0, 1);
        self.context.send(to, Message::Request(request));
    }

    fn ask(&mut self) {
        if self.memory.waiting.is_some() {
            let request = self.request();
            self.context.why(|_| format!("It still waits for the answer to {}.", request_name(request)));
            return;
        }
        *self.t += 1;
        let (request, since) = (self.request(), self.context.now());
        self.memory.waiting = Some(Waiting { since, again: 0, replies: Vec::new() });
        self.context.cancel_timer(Timer::Ask);
        self.context.note(Note::Asked(request));
        let to = primary(self.context.settings(), self.memory.view);
        self.context.why(|s| {
            format!("It sends {} to {}, the primary as far as it knows.", request_name(request), Pbft::name(s, to))
        });
        self.send(to);
        let patience = self.context.amount(TIMEOUT);
        self.context.set_timer(Timer::AskAgain, patience);
    }

    fn ask_again(&mut self) {
        let request = self.request();
        let Some(waiting) = &mut self.memory.waiting else {
            self.context.why(|_| "It has its answer already.".to_owned());
            return;
        };
        waiting.again = waiting.again.saturating_add(1);
        self.context.why(|_| format!("No answer to {} in time: it sends it to every replica.", request_name(request)));
        (0..replicas(self.context.settings())).for_each(|replica| self.send(NodeId::from(replica)));
        let patience = self.context.amount(TIMEOUT);
        self.context.set_timer(Timer::AskAgain, patience);
    }

    fn reply(&mut self, from: NodeId, view: u32, t: u32, result: u32) {
        let (request, faults) = (self.request(), faults(self.context.settings()));
        let is_on = self.context.rule(MATCHING_REPLIES);
        let Some(waiting) = self.memory.waiting.as_mut().filter(|_| t == request.t) else {
            self.context.why(|_| format!("This is a reply to {t}, which it no longer needs."));
            return;
        };
        if !waiting.replies.iter().any(|known| known.0 == from.0) {
            waiting.replies.push((from.0, result));
            small::sort(&mut waiting.replies);
        }
        let same = waiting.replies.iter().filter(|known| known.1 == result).count();
        let since = waiting.since;
        let needed = if is_on { faults + 1 } else { 1 };
        if same < needed {
            self.context.why_rule(MATCHING_REPLIES, |s| {
                let (from, request) = (Pbft::name(s, from), request_name(request));
                format!("{from} says that {request} is number {result}: {same} of the {needed} replies it needs.")
            });
            return;
        }
        self.context.why_rule(MATCHING_REPLIES, |_| {
            let request = request_name(request);
            match is_on {
                true => format!("{same} say that {request} is number {result}: it believes them, for one is honest."),
                false => format!("The first reply says that {request} is number {result}, and it believes that."),
            }
        });
        // A liar may name any view; the honest ones soon name the right one.
        self.memory.view = view;
        self.memory.waiting = None;
        self.context.cancel_timer(Timer::AskAgain);
        let node = self.context.me();
        self.context.note(Note::Answered { node, request, result });
        let (now, rest) = (self.context.now(), self.context.amount(REST));
        self.context.observe(WAITED, 0, now.saturating_sub(since));
        self.context.set_timer(Timer::Ask, rest);
    }
}
