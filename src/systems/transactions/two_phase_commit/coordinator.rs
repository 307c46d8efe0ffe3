//! The coordinator: collects votes, decides, and repeats a commit until everyone has acknowledged it.

use litemap::LiteMap;

use super::{
    CLIENT, Disk, Drive, FORCE_DECISION, Memory, Message, PATIENCE, PRESUMED_ABORT, Record, Timer, TwoPhaseCommit, Tx,
    UNANIMOUS, participants, word,
};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event, System};

/// The most transactions driven at once.
const MOST_ACTIVE: usize = 8;

pub(super) struct Coordinator<'a, 'b> {
    pub disk: &'a mut Disk,
    pub active: &'a mut LiteMap<Tx, Drive>,
    pub context: &'a mut Context<'b, TwoPhaseCommit>,
}

/// Recovery: what is committed and not ended is driven on; everything else is presumed aborted.
pub(super) fn boot(disk: &Disk, context: &mut Context<TwoPhaseCommit>) -> Memory {
    let mut active = LiteMap::new();
    for (tx, record) in &disk.log {
        match record {
            Record::Committed => active.insert(*tx, Drive { yes: 0, acked: Some(0) }),
            _ => active.remove(tx),
        };
    }
    for tx in active.keys().copied().collect::<Vec<_>>() {
        tell(context, tx, true, 0);
        let patience = context.amount(PATIENCE);
        context.set_timer(Timer::Repeat(tx), patience);
    }
    Memory::Coordinator { active }
}

/// Tells the decision to every participant but those in the set, who know it.
fn tell(context: &mut Context<TwoPhaseCommit>, tx: Tx, commit: bool, know: u64) {
    for node in participants(context.nodes()).filter(|node| know >> node.0 & 1 == 0) {
        context.send(node, Message::Decide { tx, commit });
    }
}

impl Coordinator<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<TwoPhaseCommit>) {
        match event {
            Event::Message { message: Message::Request { tx, veto }, .. } => self.begin(tx, veto),
            Event::Message { from, message: Message::Vote { tx, yes } } => self.voted(from, tx, yes),
            Event::Message { from, message: Message::Ack { tx } } => self.acked(from, tx),
            Event::Message { from, message: Message::Inquire { tx } } => self.asked(from, tx),
            Event::Timer(Timer::Votes(tx)) => self.votes_overdue(tx),
            Event::Timer(Timer::Repeat(tx)) => self.repeat(tx),
            _ => self.context.pass_over(),
        }
    }

    fn begin(&mut self, tx: Tx, veto: u8) {
        if tx <= self.disk.last {
            self.context.why(|_| format!("Order {tx} was begun before: the coordinator ignores the copy."));
            return;
        }
        self.disk.last = tx;
        if self.active.len() >= MOST_ACTIVE {
            self.context.why(|_| format!("{MOST_ACTIVE} orders are open: order {tx} is refused."));
            self.context.send(CLIENT, Message::Outcome { tx, commit: false });
            return;
        }
        self.active.insert(tx, Drive { yes: 0, acked: None });
        self.context.why(|_| format!("Phase one: the coordinator asks everyone to prepare order {tx}."));
        for node in participants(self.context.nodes()) {
            self.context.send(node, Message::Prepare { tx, veto });
        }
        let patience = self.context.amount(PATIENCE);
        self.context.set_timer(Timer::Votes(tx), patience);
    }

    fn voted(&mut self, from: NodeId, tx: Tx, yes: bool) {
        let Some(drive) = self.active.get_mut(&tx).filter(|drive| drive.acked.is_none()) else {
            self.context
                .why(|s| format!("The vote of {} comes late: order {tx} is decided.", TwoPhaseCommit::name(s, from)));
            return;
        };
        if !yes {
            self.refused(from, tx);
            return;
        }
        drive.yes |= 1 << from.0;
        let (have, all) = (drive.yes.count_ones() as usize, participants(self.context.nodes()).count());
        let enough = if self.context.rule(UNANIMOUS) { all } else { all / 2 + 1 };
        self.context.why_rule(UNANIMOUS, |s| {
            let name = TwoPhaseCommit::name(s, from);
            format!("{name} says yes to order {tx}: {have} of {all}, and {enough} are needed.")
        });
        if have >= enough {
            self.commit(tx);
        }
    }

    fn refused(&mut self, from: NodeId, tx: Tx) {
        let counts = self.context.rule(UNANIMOUS);
        self.context.why_rule(UNANIMOUS, |s| {
            let then = if counts { "the coordinator decides abort" } else { "the coordinator waits for a majority" };
            format!("{} says no to order {tx}: {then}.", TwoPhaseCommit::name(s, from))
        });
        if counts {
            self.abort(tx, 1 << from.0);
        }
    }

    fn commit(&mut self, tx: Tx) {
        if self.context.rule(FORCE_DECISION) {
            self.disk.write(tx, Record::Committed, Record::Committed);
            self.context
                .why_rule(FORCE_DECISION, |_| format!("The commit of order {tx} is forced to disk: it is decided."));
        } else {
            self.context.why_rule(FORCE_DECISION, |_| format!("The commit of order {tx} is sent, and is not on disk."));
        }
        if let Some(drive) = self.active.get_mut(&tx) {
            drive.acked = Some(0);
        }
        self.context.cancel_timer(Timer::Votes(tx));
        self.context.send(CLIENT, Message::Outcome { tx, commit: true });
        tell(self.context, tx, true, 0);
        let patience = self.context.amount(PATIENCE);
        self.context.set_timer(Timer::Repeat(tx), patience);
    }

    /// Aborts without a record: no record means abort. Nobody acknowledges it, and who said no need not be told.
    fn abort(&mut self, tx: Tx, know: u64) {
        self.active.remove(&tx);
        self.context.cancel_timer(Timer::Votes(tx));
        self.context.send(CLIENT, Message::Outcome { tx, commit: false });
        tell(self.context, tx, false, know);
    }

    fn votes_overdue(&mut self, tx: Tx) {
        self.context.why(|_| format!("Not every vote on order {tx} came in time: the coordinator decides abort."));
        if self.active.get(&tx).is_some_and(|drive| drive.acked.is_none()) {
            self.abort(tx, 0);
        }
    }

    fn acked(&mut self, from: NodeId, tx: Tx) {
        let all = participants(self.context.nodes()).count();
        let Some(acked) = self.active.get_mut(&tx).and_then(|drive| drive.acked.as_mut()) else {
            self.context.why(|_| format!("Order {tx} has ended: the acknowledgement is of no use."));
            return;
        };
        *acked |= 1 << from.0;
        let have = acked.count_ones() as usize;
        self.context.why(|s| format!("{} has committed order {tx}: {have} of {all}.", TwoPhaseCommit::name(s, from)));
        if have == all {
            self.active.remove(&tx);
            self.context.cancel_timer(Timer::Repeat(tx));
            self.disk.write(tx, Record::End, Record::Committed);
            self.context.why(|_| format!("Nobody will ask about order {tx} again: the coordinator writes its end."));
        }
    }

    fn repeat(&mut self, tx: Tx) {
        self.context.why(|_| format!("Not everyone has acknowledged the commit of order {tx}: it is repeated."));
        if let Some(acked) = self.active.get(&tx).and_then(|drive| drive.acked) {
            tell(self.context, tx, true, acked);
            let patience = self.context.amount(PATIENCE);
            self.context.set_timer(Timer::Repeat(tx), patience);
        }
    }

    /// A participant in doubt asks for the decision.
    fn asked(&mut self, from: NodeId, tx: Tx) {
        if self.active.get(&tx).is_some_and(|drive| drive.acked.is_none()) {
            self.context.why(|_| format!("Order {tx} is not decided yet: the coordinator does not answer."));
            return;
        }
        let committed =
            self.active.contains_key(&tx) || matches!(self.disk.record(tx), Some(Record::Committed | Record::End));
        let commit = committed || !self.context.rule(PRESUMED_ABORT);
        let rule = if committed { FORCE_DECISION } else { PRESUMED_ABORT };
        self.context.why_rule(rule, |s| {
            let name = TwoPhaseCommit::name(s, from);
            let because = if committed { "the log says so" } else { "the log says nothing" };
            format!(
                "{name} asks for the fate of order {tx}: the coordinator answers {}, since {because}.",
                word(commit)
            )
        });
        self.context.send(from, Message::Decide { tx, commit });
    }
}
