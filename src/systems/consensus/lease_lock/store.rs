//! The store: a value, and the newest token it has seen.

use super::{Attempt, Disk, FENCING, LeaseLock, Message, Note, ON_DISK, REFUSED, STORE, Token, WRITTEN};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Store<'a, 'b> {
    pub disk: &'a mut Disk,
    pub newest: &'a mut Token,
    pub context: &'a mut Context<'b, LeaseLock>,
}

impl Store<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LeaseLock>) {
        match event {
            Event::Message { from, message: Message::Read { token } } => self.read(from, token),
            Event::Message { from, message: Message::Write { token, value } } => self.write(from, token, value),
            _ => self.context.pass_over(),
        }
    }

    /// Whether a token may pass; the newest one is remembered. A read counts as well: what an old holder writes after a
    /// newer one has read would be lost when the newer one writes.
    fn passes(&mut self, from: NodeId, token: Token) -> bool {
        let newest = *self.newest;
        if token < newest && self.context.rule(FENCING) {
            self.context.count(REFUSED, STORE.0, 1);
            self.context.why_rule(FENCING, |s| {
                format!("The store refuses {}'s token {token}: it has seen token {newest}.", LeaseLock::name(s, from))
            });
            self.context.send(from, Message::Done { token, ok: false });
            return false;
        }
        *self.newest = newest.max(token);
        if self.context.rule(ON_DISK) {
            self.disk.newest = *self.newest;
        }
        true
    }

    fn read(&mut self, from: NodeId, token: Token) {
        if !self.passes(from, token) {
            return;
        }
        let value = self.disk.value;
        self.context.why(|s| format!("The store tells {} its value, {value}.", LeaseLock::name(s, from)));
        self.context.send(from, Message::Value { token, value });
    }

    fn write(&mut self, from: NodeId, token: Token, value: u32) {
        let attempt = Attempt { client: from, token, value, over: self.disk.value, ok: true };
        if token == self.disk.written {
            self.context.why(|_| format!("The store has taken the write of token {token} before: a copy."));
            return;
        }
        let newest = *self.newest;
        if !self.passes(from, token) {
            self.context.note(Note::Attempt(Attempt { ok: false, ..attempt }));
            return;
        }
        self.context.why_rule(FENCING, |s| {
            let than = match newest {
                0 => "and knows of no token before".to_owned(),
                _ if token < newest => format!("which is older than {newest}"),
                _ => format!("and the newest it has seen was {newest}"),
            };
            format!("The store takes {value} from {} with token {token}, {than}.", LeaseLock::name(s, from))
        });
        (self.disk.value, self.disk.written) = (value, token);
        self.context.count(WRITTEN, from.0, 1);
        self.context.note(Note::Attempt(attempt));
        self.context.send(from, Message::Done { token, ok: true });
    }
}
