//! The lock service: lends the lock to one client at a time, each time with a higher token.

use super::{Asked, Disk, GRANTED, LEASE, LOCK, LeaseLock, Memory, Message, Note, Timer, Token, WAITER, Waiter};
use crate::sim::NodeId;
use crate::sim::kernel::time::show;
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Lock<'a, 'b> {
    pub disk: &'a mut Disk,
    pub holder: &'a mut Option<(NodeId, Token)>,
    pub queue: &'a mut Vec<Waiter>,
    pub asked: &'a mut Asked,
    pub grace: &'a mut bool,
    pub context: &'a mut Context<'b, LeaseLock>,
}

/// A lease from before a crash may still be counted on: the service waits until it has surely ended.
pub(super) fn boot(disk: &Disk, context: &mut Context<LeaseLock>) -> Memory {
    let grace = disk.granted > 0;
    if grace {
        let lease = context.amount(LEASE);
        context.set_timer(Timer::Grace, lease);
    }
    Memory::Lock { holder: None, queue: Vec::new(), asked: Asked::default(), grace }
}

impl Lock<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LeaseLock>) {
        match event {
            Event::Message { from, message: Message::Acquire { ask } } => self.acquire(from, ask),
            Event::Message { from, message: Message::Renew { ask, token } } => self.renew(from, ask, token),
            Event::Message { from, message: Message::Release { token } } => self.release(from, token),
            Event::Timer(Timer::Expire) => self.expire(),
            Event::Timer(Timer::Grace) => {
                *self.grace = false;
                self.context.why(|_| "Every lease from before the crash has ended: the lock is free.".to_owned());
                self.next();
            }
            _ => self.context.pass_over(),
        }
    }

    fn why(&mut self, client: NodeId, text: impl FnOnce(String) -> String) {
        self.context.why(|s| text(LeaseLock::name(s, client)));
    }

    /// Whether a question is new. A copy, or one that a newer one of the same client has overtaken, gets no grant: the
    /// client would give it back, and the lock would be free while the client counts on the newer one.
    fn is_new(&mut self, from: NodeId, ask: u32) -> bool {
        let is_new = self.asked.get(&from).is_none_or(|newest| *newest < ask);
        if is_new {
            self.asked.insert(from, ask);
        } else {
            self.why(from, |from| {
                format!("{from} has asked this before, or something newer since: it counts no more.")
            });
        }
        is_new
    }

    fn acquire(&mut self, from: NodeId, ask: u32) {
        if !self.is_new(from, ask) {
            return;
        }
        self.queue.retain(|waiting| waiting.client != from);
        let waiter = Waiter { client: from, ask, heard: self.context.now() };
        match *self.holder {
            Some((holder, token)) if holder != from => {
                self.why(holder, |holder| format!("The lock is lent to {holder} with token {token}: it must wait."));
                self.queue.push(waiter);
            }
            _ if *self.grace => {
                self.why(from, |from| format!("{from} must wait: a lease from before the crash may still be in use."));
                self.queue.push(waiter);
            }
            // The holder asks again: it never got its lease, or has lost it.
            _ => self.grant(from, ask),
        }
    }

    fn grant(&mut self, to: NodeId, ask: u32) {
        self.disk.granted += 1;
        let (token, lease) = (self.disk.granted, self.context.amount(LEASE));
        *self.holder = Some((to, token));
        self.why(to, |to| format!("{to} gets the lock for {}, with token {token}.", show(lease)));
        self.context.gauge(GRANTED, LOCK.0, i64::from(token));
        self.context.set_timer(Timer::Expire, lease);
        self.context.send(to, Message::Grant { ask, token });
    }

    fn renew(&mut self, from: NodeId, ask: u32, token: Token) {
        if !self.is_new(from, ask) {
            return;
        }
        if *self.holder != Some((from, token)) {
            self.why(from, |from| format!("{from} no longer holds the lock with token {token}: nothing to renew."));
            return;
        }
        let lease = self.context.amount(LEASE);
        self.why(from, |from| format!("{from} keeps the lock for another {}, with token {token}.", show(lease)));
        self.context.set_timer(Timer::Expire, lease);
        self.context.send(from, Message::Grant { ask, token });
    }

    fn release(&mut self, from: NodeId, token: Token) {
        if *self.holder != Some((from, token)) {
            self.why(from, |from| format!("{from} gives back token {token}, whose lease has ended already."));
            return;
        }
        self.why(from, |from| format!("{from} gives the lock back."));
        self.context.cancel_timer(Timer::Expire);
        *self.holder = None;
        self.next();
    }

    fn expire(&mut self) {
        if let Some((holder, token)) = self.holder.take() {
            self.why(holder, |holder| format!("{holder}'s lease with token {token} has ended: the lock is free."));
        } else {
            self.context.why(|_| "A lease ended that nobody held any more.".to_owned());
        }
        self.next();
    }

    /// The lock is free: the client that has waited longest gets it, of those that were heard within a lease.
    fn next(&mut self) {
        let (lease, kept) = (self.context.amount(LEASE), self.context.rule(WAITER));
        while !self.queue.is_empty() {
            let Waiter { client, ask, heard } = self.queue.remove(0);
            let silent = self.context.now().saturating_sub(heard);
            if kept && silent > lease {
                self.context.why_rule(WAITER, |s| {
                    let client = LeaseLock::name(s, client);
                    format!(
                        "{client} has not asked for {}: its own lease is over, and its place is gone.",
                        show(silent)
                    )
                });
                continue;
            }
            self.context.note(Note::Lent { client, silent });
            return self.grant(client, ask);
        }
    }
}
