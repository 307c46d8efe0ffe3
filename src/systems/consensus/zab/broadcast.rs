//! Broadcast: phase 3 of the paper (Algorithm 3), and heartbeats.

use super::history::{Txn, apply};
use super::{
    Body, INIT_LIMIT, Learner, MOST_OUTSTANDING, Message, Note, Outstanding, QUORUM_ACK, RATE, REQUEST_DRAW, Role,
    SYNC_LIMIT, Server, Stage, TICK, Timer, epochs,
};
use crate::mechanisms::zab::{Zxid, acknowledged, zxid};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::measure::workload::poisson;

impl Server<'_, '_> {
    /// Waits this long for a word from its leader, or for followers: initLimit before the broadcast, syncLimit in it.
    pub(super) fn be_patient(&mut self, at_first: bool) {
        let ticks = self.context.amount(if at_first { INIT_LIMIT } else { SYNC_LIMIT });
        let delay = ticks * self.context.amount(TICK);
        self.context.set_timer(Timer::Patience, delay);
    }

    pub(super) fn arm_tick(&mut self) {
        let tick = self.context.amount(TICK);
        self.context.set_timer(Timer::Tick, tick);
    }

    /// The next request of the workload.
    pub(super) fn await_request(&mut self) {
        let rate = self.context.amount(RATE);
        // Without requests it looks again later whether the rate was turned up.
        let delay = poisson(self.context, REQUEST_DRAW, rate).unwrap_or(crate::sim::kernel::time::SEC);
        self.context.set_timer(Timer::Request, delay);
    }

    pub(super) fn request_due(&mut self) {
        let me = self.name();
        if self.context.amount(RATE) == 0 {
            self.context.why(|_| format!("No client asks {me} for anything at present."));
        } else {
            let x = self.newest(0).unwrap_or(0);
            self.propose(0, if x < 99 { x + 1 } else { 1 });
        }
        self.await_request();
    }

    /// A command of the reader.
    pub(super) fn client_asks(&mut self, call: &CommandCall) {
        self.propose(call.value(0) as u8, call.value(1) as i16);
    }

    /// A register as it will be once everything broadcast is delivered: what the primary computes changes from.
    fn newest(&self, register: u8) -> Option<i16> {
        let history = &self.disk.history;
        let last = history.txns().iter().rev().find(|txn| txn.register == register).map(|txn| txn.value);
        last.or_else(|| history.state().get(usize::from(register)).copied().flatten())
    }

    /// PROPOSE: the primary broadcasts a change of state.
    fn propose(&mut self, register: u8, value: i16) {
        let (me, node, asked) = (self.name(), self.context.me(), self.context.now());
        let Role::Leading(leading) = &mut self.memory.role else {
            self.context.why(|_| format!("{me} does not lead: it takes no requests."));
            return;
        };
        if leading.stage != Stage::Broadcast || leading.outstanding.len() >= MOST_OUTSTANDING {
            let open = leading.outstanding.len();
            self.context
                .why(|_| format!("{me} cannot take this now: its phase forbids it, or {open} proposals are open."));
            return;
        }
        leading.counter += 1;
        let txn = Txn { zxid: zxid(leading.epoch, leading.counter), register, value };
        leading.outstanding.push(Outstanding { zxid: txn.zxid, acks: 1 << node.0, asked });
        self.disk.history.push(txn);
        self.context.why(|_| {
            format!("{me} turns the request into the change {txn}, numbers it {}, and proposes it.", epochs(txn.zxid))
        });
        for to in self.learners(|learner| learner.told.is_some()) {
            self.tell_learner(to, Body::Propose { txn });
        }
        if !self.context.rule(QUORUM_ACK) {
            self.context.why_rule(QUORUM_ACK, |_| format!("{me} commits it at once: no quorum is asked for."));
        }
        self.commit_acked();
    }

    /// PROPOSE: a follower writes it to its history, then acknowledges it.
    pub(super) fn proposed(&mut self, txn: Txn) {
        let me = self.name();
        self.disk.history.push(txn);
        self.context.why_rule(QUORUM_ACK, |_| {
            format!("{me} writes {} ({txn}) to its history and acknowledges it.", epochs(txn.zxid))
        });
        self.tell_leader(Body::Ack { zxid: txn.zxid });
        self.be_patient(false);
    }

    /// ACK.
    pub(super) fn acked(&mut self, from: NodeId, zxid: Zxid) {
        let (me, other) = (self.name(), self.name_of(from));
        let Role::Leading(leading) = &mut self.memory.role else { return };
        leading.heard |= 1 << from.0;
        let known = leading.outstanding.iter_mut().find(|one| one.zxid == zxid);
        let open = known.is_some();
        known.into_iter().for_each(|one| one.acks |= 1 << from.0);
        self.context.why(|_| match open {
            true => format!("{other} has {} in its history.", epochs(zxid)),
            false => format!("{other} has {} in its history, which {me} has committed already.", epochs(zxid)),
        });
        self.commit_acked();
    }

    /// COMMIT: in the order of the zxids, as far as quorums have acknowledged.
    pub(super) fn commit_acked(&mut self) {
        let (me, all, now) = (self.name(), self.everybody(), self.context.now());
        loop {
            let asks = self.context.rule(QUORUM_ACK);
            let Role::Leading(leading) = &mut self.memory.role else { return };
            let Some(first) = leading.outstanding.first().copied() else { return };
            if asks && !acknowledged(all, first.acks) {
                return;
            }
            leading.outstanding.remove(0);
            let (zxid, have) = (first.zxid, first.acks.count_ones());
            self.context.why_rule(QUORUM_ACK, |_| {
                format!("{have} of {} have {}: {me} commits it.", all.count_ones(), epochs(zxid))
            });
            self.context.count(super::COMMITTED, 0, 1);
            self.context.observe(super::LATENCY_OF_COMMIT, 0, now.saturating_sub(first.asked));
            self.deliver(zxid);
            for to in self.learners(|learner| learner.told.is_some()) {
                self.tell_learner(to, Body::Commit { zxid });
            }
        }
    }

    /// COMMIT: a follower delivers.
    pub(super) fn committed(&mut self, zxid: Zxid) {
        let me = self.name();
        self.context.why(|_| format!("{} is committed: {me} delivers it.", epochs(zxid)));
        self.deliver(zxid);
        self.be_patient(false);
    }

    /// Delivers the history up to a zxid, in its order.
    pub(super) fn deliver(&mut self, upto: Zxid) {
        let node = self.context.me();
        while let Some(txn) = self.disk.history.get(self.memory.delivered).copied().filter(|txn| txn.zxid <= upto) {
            apply(&mut self.memory.state, &txn);
            self.context.note(Note::Delivered { node, place: self.memory.delivered, txn });
            self.memory.delivered += 1;
        }
        self.disk.history.fold(self.memory.delivered);
    }

    /// The zxid of the last transaction that it delivered.
    pub(super) fn delivered_zxid(&self) -> Zxid {
        self.disk.history.zxid_of(self.memory.delivered)
    }

    /// After its history was replaced: what is delivered is at least the snapshot, and at most all.
    pub(super) fn rewind(&mut self) {
        let history = &self.disk.history;
        if self.memory.delivered < history.base() {
            self.memory.delivered = history.base();
            self.memory.state = history.state();
        }
        self.memory.delivered = self.memory.delivered.min(history.len());
    }

    /// A tick of the leader: a ping to everybody, and a look at who has answered.
    pub(super) fn tick(&mut self) {
        let (me, all, mine) = (self.name(), self.everybody(), 1 << self.context.me().0);
        let limit = self.context.amount(SYNC_LIMIT) as u32;
        let Role::Leading(leading) = &mut self.memory.role else {
            self.context.why(|_| format!("{me} does not lead."));
            return;
        };
        if acknowledged(all, leading.heard) {
            (leading.heard, leading.silent) = (mine, 0);
        } else {
            leading.silent += 1;
        }
        let silent = leading.silent;
        if silent > limit {
            self.context.why(|_| format!("{me} has not heard from a quorum for {silent} ticks: it no longer leads."));
            self.look();
            return;
        }
        self.context.why(|_| format!("{me} still leads, and pings its followers."));
        for to in self.learners(|learner| learner.told.is_some()) {
            let Role::Leading(leading) = &self.memory.role else { return };
            if let Some(Learner { link, sent, .. }) = leading.learners[to.index()] {
                self.send(to, Message::Ping { link, sent });
            }
        }
        self.arm_tick();
    }

    /// A ping says how much was sent before it: what is missing then was lost.
    pub(super) fn pinged(&mut self, from: NodeId, link: u32, sent: u32) {
        let (me, other) = (self.name(), self.name_of(from));
        let Role::Following(following) = &self.memory.role else {
            self.context.why(|_| format!("{me} does not follow {other}."));
            return;
        };
        let (mine, leader, got, said, stage) =
            (following.link, following.leader, following.got, following.sent, following.stage);
        if (leader, mine) != (from, link) {
            self.context.why(|_| format!("{me} does not follow {other} over this connection."));
        } else if sent > got {
            self.context.why(|_| format!("{me} has {got} messages of {sent}: the connection to {other} is broken."));
            self.look();
        } else {
            self.context.why(|_| format!("{me} hears that {other} still leads."));
            self.be_patient(stage != Stage::Broadcast);
            self.send(from, Message::Pong { link, sent: said });
        }
    }

    pub(super) fn ponged(&mut self, from: NodeId, link: u32, sent: u32) {
        let (me, other) = (self.name(), self.name_of(from));
        if let Role::Leading(leading) = &mut self.memory.role {
            let slot = &mut leading.learners[from.index()];
            match slot {
                Some(learner) if learner.link == link && learner.got >= sent => {
                    leading.heard |= 1 << from.0;
                    self.context.why(|_| format!("{me} hears that {other} still follows."));
                    return;
                }
                Some(learner) if learner.link == link => {
                    *slot = None;
                    leading.synced &= !(1 << from.0);
                    self.context.why(|_| format!("A message from {other} was lost: {me} closes the connection."));
                    return;
                }
                _ => {}
            }
        }
        self.context.why(|_| format!("{me} has no such connection to {other}."));
    }

    /// No word came in time.
    pub(super) fn patience_is_over(&mut self) {
        let me = self.name();
        self.context.why(|_| format!("{me} has waited long enough: it looks for a leader."));
        self.look();
    }
}
