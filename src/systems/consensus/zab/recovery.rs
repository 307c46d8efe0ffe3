//! Discovery and synchronisation: phases 1 and 2 of the paper (Algorithms 1 and 2).

use super::history::Update;
use super::{Body, Early, Learner, NEW_EPOCH, Note, Role, SYNC_FIRST, Server, Stage, Timer, epochs};
use crate::mechanisms::zab::{acknowledged, epoch as epoch_of};
use crate::sim::NodeId;
use crate::sim::small;

impl Server<'_, '_> {
    /// CEPOCH, where somebody looks, follows or leads.
    pub(super) fn knocked(&mut self, from: NodeId, link: u32, promised: u32) {
        let (me, other) = (self.name(), self.name_of(from));
        match &self.memory.role {
            Role::Leading(_) => self.admit(from, link, promised),
            Role::Looking(_) => {
                self.context
                    .why(|_| format!("{other} wants to follow {me}, which is still counting votes: it may wait."));
                self.memory.early.retain(|known| known.from != from);
                self.memory.early.push(Early { from, link, promised });
                small::sort(&mut self.memory.early);
            }
            Role::Following(_) => self.context.why(|_| format!("{me} does not lead: it cannot let {other} follow.")),
        }
    }

    /// A follower says which epoch it has promised. Once a quorum has, the leader chooses a later one.
    pub(super) fn admit(&mut self, from: NodeId, link: u32, promised: u32) {
        let (me, other) = (self.name(), self.name_of(from));
        let Role::Leading(leading) = &mut self.memory.role else { return };
        if leading.learners[from.index()].as_ref().is_some_and(|known| known.link >= link) {
            self.context.why(|_| format!("{me} knows of {other}'s connection {link} already."));
            return;
        }
        leading.learners[from.index()] = Some(Learner { link, got: 1, sent: 0, promised, state: None, told: None });
        leading.synced &= !(1 << from.0);
        self.context.why(|_| format!("{other} wants to follow {me}. The highest epoch it has promised is {promised}."));
        match (leading.epoch, self.context.rule(NEW_EPOCH)) {
            (0, _) => self.choose_epoch(),
            (epoch, true) if promised > epoch => {
                self.context.why_rule(NEW_EPOCH, |_| {
                    format!(
                        "{me} leads epoch {epoch}, which is below that: it must be elected again to lead a later one."
                    )
                });
                self.look();
            }
            (epoch, _) => self.tell_learner(from, Body::NewEpoch { epoch }),
        }
    }

    fn choose_epoch(&mut self) {
        let (me, all, own) = (self.name(), self.everybody(), self.disk.accepted);
        let mine = 1 << self.context.me().0;
        let Role::Leading(leading) = &mut self.memory.role else { return };
        let known = leading.learners.iter().zip(0u16..).filter_map(|(one, id)| Some((id, one.as_ref()?.promised)));
        let (who, greatest) =
            known.fold((mine, own), |(who, greatest), (id, promised)| (who | 1 << id, greatest.max(promised)));
        if !acknowledged(all, who) {
            return;
        }
        let epoch = if self.context.rule(NEW_EPOCH) { greatest + 1 } else { own + 1 };
        leading.epoch = epoch;
        self.disk.accepted = epoch;
        self.context.why_rule(NEW_EPOCH, |_| {
            format!("A quorum has promised epoch {greatest} at most, {me} itself {own}: it chooses epoch {epoch}.")
        });
        for to in self.learners(|_| true) {
            self.tell_learner(to, Body::NewEpoch { epoch });
        }
    }

    /// NEWEPOCH: a follower promises to follow no leader of an earlier epoch.
    pub(super) fn new_epoch(&mut self, epoch: u32) {
        let (me, accepted, current) = (self.name(), self.disk.accepted, self.disk.current);
        let counts = epoch > accepted || !self.context.rule(NEW_EPOCH);
        if epoch < accepted && !counts {
            self.context.why_rule(NEW_EPOCH, |_| {
                format!(
                    "{me} has promised epoch {accepted}: it does not go back to {epoch} and looks for another leader."
                )
            });
            self.look();
            return;
        }
        self.disk.accepted = epoch;
        self.context.why_rule(NEW_EPOCH, |_| match counts {
            true => {
                format!("{me} promises epoch {epoch} (before: {accepted}), and shows its history of epoch {current}.")
            }
            false => format!("{me} has promised epoch {epoch} before: this does not count, but it shows its history."),
        });
        if let Role::Following(following) = &mut self.memory.role {
            following.stage = Stage::Sync;
        }
        let history = self.disk.history.clone();
        self.tell_leader(Body::AckEpoch { counts, current, history });
    }

    /// ACK-E: with a quorum of them the leader takes over the latest history and begins to synchronise.
    pub(super) fn epoch_acked(&mut self, from: NodeId, counts: bool, state: (u32, super::History)) {
        let (me, other, all) = (self.name(), self.name_of(from), self.everybody());
        let Role::Leading(leading) = &mut self.memory.role else { return };
        let Some(learner) = &mut leading.learners[from.index()] else { return };
        learner.state = Some(state);
        leading.acked |= u64::from(counts) << from.0;
        let (stage, acked) = (leading.stage, leading.acked);
        self.context.why(|_| {
            format!("{other} has promised the epoch to {me}: {} of {} have.", acked.count_ones(), all.count_ones())
        });
        match stage {
            Stage::Discovery if acknowledged(all, acked) => self.begin_sync(),
            Stage::Discovery => {}
            _ => self.synchronise(from),
        }
    }

    fn begin_sync(&mut self) {
        let me = self.name();
        let Role::Leading(leading) = &mut self.memory.role else { return };
        let of = |state: &(u32, super::History)| (state.0, state.1.last());
        let mut best = (self.disk.current, self.disk.history.clone());
        let states = leading.learners.iter().flatten().filter_map(|learner| learner.state.as_ref());
        for state in states.filter(|state| of(state) > of(&best)).cloned().collect::<Vec<_>>() {
            if of(&state) > of(&best) {
                best = state;
            }
        }
        leading.stage = Stage::Sync;
        let epoch = leading.epoch;
        let (of_epoch, last) = of(&best);
        self.disk.history = best.1;
        self.disk.current = epoch;
        self.rewind();
        self.context.why(|_| {
            let last = epochs(last);
            format!("The latest history of the quorum is of epoch {of_epoch} and ends with {last}: {me} begins epoch {epoch} with it.")
        });
        for to in self.learners(|learner| learner.state.is_some()) {
            self.synchronise(to);
        }
        if !self.context.rule(SYNC_FIRST) {
            self.context.why_rule(SYNC_FIRST, |_| format!("{me} does not wait until a quorum has this history."));
            self.establish();
        }
    }

    /// NEWLEADER, with what the follower lacks.
    fn synchronise(&mut self, to: NodeId) {
        let (me, other) = (self.name(), self.name_of(to));
        let first = self.context.rule(SYNC_FIRST);
        let last = self.disk.history.last();
        let Role::Leading(leading) = &mut self.memory.role else { return };
        let epoch = leading.epoch;
        let Some(learner) = &mut leading.learners[to.index()] else { return };
        let theirs = learner.state.as_ref().map_or(0, |state| state.1.last());
        learner.told = Some(last);
        let update = if first { self.disk.history.update_for(theirs) } else { Update::Nothing };
        let words = update.words();
        self.context.why_rule(SYNC_FIRST, |_| {
            format!("{other}'s history ends with {}, {me}'s with {}: {words}.", epochs(theirs), epochs(last))
        });
        self.tell_learner(to, Body::NewLeader { epoch, update });
    }

    /// NEWLEADER: a follower takes the leader's history over.
    pub(super) fn new_leader(&mut self, epoch: u32, update: &Update) {
        let (me, accepted) = (self.name(), self.disk.accepted);
        if accepted != epoch || !self.disk.history.update(update) {
            self.context.why(|_| {
                format!("{me} cannot take this over: it has promised epoch {accepted}. It looks for a leader.")
            });
            self.look();
            return;
        }
        self.disk.current = epoch;
        self.rewind();
        let last = self.disk.history.last();
        let first = self.context.rule(SYNC_FIRST);
        self.context.why_rule(SYNC_FIRST, |_| match (first, epochs(last)) {
            (true, last) => {
                format!("{me} takes over the history of epoch {epoch} ({}). It ends with {last} now.", update.words())
            }
            (false, last) => format!("{me} enters epoch {epoch} with the history that it has, which ends with {last}."),
        });
        self.tell_leader(Body::AckLeader);
    }

    /// ACK-LD: with a quorum of them the leader is established.
    pub(super) fn leader_acked(&mut self, from: NodeId) {
        let (me, other, all) = (self.name(), self.name_of(from), self.everybody());
        let Role::Leading(leading) = &mut self.memory.role else { return };
        leading.synced |= 1 << from.0;
        let (synced, stage) = (leading.synced, leading.stage);
        let told = leading.learners[from.index()].as_ref().and_then(|learner| learner.told).unwrap_or(0);
        leading.outstanding.iter_mut().filter(|one| one.zxid <= told).for_each(|one| one.acks |= 1 << from.0);
        let first = self.context.rule(SYNC_FIRST);
        self.context.why(|_| {
            let have = format!("{} of {}", synced.count_ones(), all.count_ones());
            match first {
                true => format!("{other} has {me}'s history: {have} have it."),
                false => format!("{other} follows {me} in its epoch, whatever its history: {have} do."),
            }
        });
        match stage {
            Stage::Sync if acknowledged(all, synced) => self.establish(),
            Stage::Broadcast => {
                let upto = self.delivered_zxid();
                self.tell_learner(from, Body::CommitLeader { upto });
                self.commit_acked();
            }
            _ => {}
        }
    }

    /// The leader is established: it is primary of its epoch, and may broadcast.
    fn establish(&mut self) {
        let node = self.context.me();
        let Role::Leading(leading) = &mut self.memory.role else { return };
        leading.stage = Stage::Broadcast;
        leading.heard = 1 << node.0;
        let (epoch, synced) = (leading.epoch, leading.synced);
        let me = self.name();
        self.context.why(|_| format!("{me} is established: it is the primary of epoch {epoch} and may broadcast."));
        self.context.note(Note::Leads { node, epoch, history: self.disk.history.clone() });
        self.context.gauge(super::EPOCH, node.0, i64::from(epoch));
        let upto = self.disk.history.last();
        self.deliver(upto);
        for to in self.learners(|_| true).into_iter().filter(|to| synced >> to.0 & 1 == 1) {
            self.tell_learner(to, Body::CommitLeader { upto });
        }
        self.context.cancel_timer(Timer::Patience);
        self.arm_tick();
        self.await_request();
    }

    /// COMMIT-LD: the follower delivers what is committed so far, and takes part in the broadcast.
    pub(super) fn leader_committed(&mut self, upto: u64) {
        let me = self.name();
        if let Role::Following(following) = &mut self.memory.role {
            following.stage = Stage::Broadcast;
        }
        self.context
            .why(|_| format!("{me}'s leader is established. {me} delivers what it has up to {}.", epochs(upto)));
        self.context.gauge(super::EPOCH, self.context.me().0, i64::from(self.disk.current.max(epoch_of(upto))));
        self.deliver(upto);
        self.be_patient(false);
    }
}
