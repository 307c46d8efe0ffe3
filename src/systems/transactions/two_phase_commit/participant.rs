//! A participant: votes, then waits for the decision with its row locked.

use super::{
    COOPERATE, COORDINATOR, Disk, FORCE_VOTE, LOCKED_FOR, Memory, Message, Note, PATIENCE, Record, Timer,
    TwoPhaseCommit, Tx, WAIT, participants, word,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Participant<'a, 'b> {
    pub disk: &'a mut Disk,
    pub lock: &'a mut Option<(Tx, Time)>,
    pub unforced: &'a mut Option<Tx>,
    pub context: &'a mut Context<'b, TwoPhaseCommit>,
}

/// Recovery: a prepared transaction is in doubt; its lock is taken again, and the coordinator is asked.
pub(super) fn boot(disk: &Disk, context: &mut Context<TwoPhaseCommit>) -> Memory {
    let open = disk.log.iter().map(|entry| entry.0).find(|tx| disk.record(*tx) == Some(Record::Prepared));
    if let Some(tx) = open {
        ask(context, tx);
    }
    Memory::Participant { lock: open.map(|tx| (tx, context.now())), unforced: None }
}

/// Asks for the decision now, and again after a while.
fn ask(context: &mut Context<TwoPhaseCommit>, tx: Tx) {
    context.send(COORDINATOR, Message::Inquire { tx });
    if context.settings().is_on(COOPERATE) {
        let me = context.me();
        for node in participants(context.nodes()).filter(|node| *node != me) {
            context.send(node, Message::Inquire { tx });
        }
    }
    let patience = context.amount(PATIENCE);
    context.set_timer(Timer::Ask(tx), patience);
}

impl Participant<'_, '_> {
    fn name(&self) -> String {
        TwoPhaseCommit::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<TwoPhaseCommit>) {
        match event {
            Event::Message { message: Message::Prepare { tx, veto }, .. } => self.prepare(tx, veto),
            Event::Message { message: Message::Decide { tx, commit }, .. } => self.decide(tx, commit),
            Event::Message { from, message: Message::Inquire { tx } } => self.asked(from, tx),
            Event::Timer(Timer::Ask(tx)) => self.in_doubt(tx),
            _ => self.context.pass_over(),
        }
    }

    fn is_prepared(&self, tx: Tx) -> bool {
        *self.unforced == Some(tx) || self.disk.record(tx) == Some(Record::Prepared)
    }

    fn prepare(&mut self, tx: Tx, veto: u8) {
        let (me, name) = (self.context.me(), self.name());
        if self.disk.has_forgotten(tx) || self.disk.record(tx).is_some() || self.is_prepared(tx) {
            self.context.why(|_| format!("{name} has already dealt with order {tx}: the copy is ignored."));
            return;
        }
        let vetoes = usize::from(veto) + super::FIRST == me.index() + 1;
        let locked = self.lock.filter(|lock| lock.0 != tx).map(|lock| lock.0);
        if vetoes || locked.is_some() {
            self.context.why(|_| match locked {
                Some(other) => format!("{name} votes no on order {tx}: its row is locked by order {other}."),
                None => format!("{name} votes no on order {tx}: it cannot do its part."),
            });
            self.disk.write(tx, Record::Aborted, Record::Prepared);
            self.vote(tx, false);
            self.context.note(Note::Decided { tx, node: me, commit: false });
            return;
        }
        *self.lock = Some((tx, self.context.now()));
        if self.context.rule(FORCE_VOTE) {
            self.disk.write(tx, Record::Prepared, Record::Prepared);
        } else {
            *self.unforced = Some(tx);
        }
        let (forced, waits) = (self.context.rule(FORCE_VOTE), self.context.rule(WAIT));
        self.context.why_rule(FORCE_VOTE, |_| {
            let how = if forced { "with the vote on disk" } else { "with the vote in memory only" };
            let bound = if waits { " It can no longer abort alone." } else { "" };
            format!("{name} locks its row and votes yes on order {tx}, {how}.{bound}")
        });
        self.vote(tx, true);
        let patience = self.context.amount(PATIENCE);
        self.context.set_timer(Timer::Ask(tx), patience);
    }

    fn vote(&mut self, tx: Tx, yes: bool) {
        let node = self.context.me();
        self.context.note(Note::Voted { tx, node, yes });
        self.context.send(COORDINATOR, Message::Vote { tx, yes });
    }

    fn decide(&mut self, tx: Tx, commit: bool) {
        let name = self.name();
        if self.is_prepared(tx) {
            self.context
                .why(|_| format!("{name} hears that order {tx} ended in {}, and releases its lock.", word(commit)));
            self.finish(tx, commit);
        } else if self.disk.has_forgotten(tx) || self.disk.record(tx).is_some() {
            self.context.why(|_| format!("{name} has dealt with order {tx} before."));
        } else if commit {
            self.context.why_rule(FORCE_VOTE, |_| {
                format!("{name} knows nothing of order {tx}: its part is lost, as if aborted.")
            });
            self.finish(tx, false);
        } else {
            self.context.why(|_| format!("{name} never prepared order {tx}; it notes the abort."));
            self.finish(tx, false);
        }
        if commit {
            self.context.send(COORDINATOR, Message::Ack { tx });
        }
    }

    /// Writes the decision, releases the lock, and stops asking.
    fn finish(&mut self, tx: Tx, commit: bool) {
        let node = self.context.me();
        self.disk.write(tx, if commit { Record::Committed } else { Record::Aborted }, Record::Prepared);
        self.context.note(Note::Decided { tx, node, commit });
        self.context.cancel_timer(Timer::Ask(tx));
        if *self.unforced == Some(tx) {
            *self.unforced = None;
        }
        if let Some((_, since)) = self.lock.filter(|lock| lock.0 == tx) {
            *self.lock = None;
            let held = self.context.now().saturating_sub(since);
            self.context.observe(LOCKED_FOR, node.0, held);
        }
    }

    /// It has voted yes and heard nothing.
    fn in_doubt(&mut self, tx: Tx) {
        let name = self.name();
        if !self.is_prepared(tx) {
            self.context.why(|_| format!("{name} is no longer in doubt about order {tx}."));
        } else if self.context.rule(WAIT) {
            self.context.why_rule(WAIT, |_| {
                format!(
                    "{name} is in doubt about order {tx}. It voted yes, so it may neither commit nor abort alone: it asks."
                )
            });
            ask(self.context, tx);
        } else {
            self.context.why_rule(WAIT, |_| format!("{name} has waited long enough for order {tx}: it aborts alone."));
            self.finish(tx, false);
        }
    }

    /// Another participant asks: cooperative termination.
    fn asked(&mut self, from: NodeId, tx: Tx) {
        let name = self.name();
        if self.is_prepared(tx) {
            self.context.why(|_| format!("{name} is in doubt about order {tx} itself: it cannot help."));
            return;
        }
        if self.disk.record(tx).is_none() && !self.disk.has_forgotten(tx) {
            self.finish(tx, false);
        }
        let Some(record) = self.disk.record(tx) else {
            self.context.why(|_| format!("{name} no longer has a record of order {tx}: it does not answer."));
            return;
        };
        let commit = record == Record::Committed;
        self.context.why(|s| {
            format!("{name} tells {} that order {tx} ended in {}.", TwoPhaseCommit::name(s, from), word(commit))
        });
        self.context.send(from, Message::Decide { tx, commit });
    }
}
