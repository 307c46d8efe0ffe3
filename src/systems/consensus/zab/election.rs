//! Looking for a leader: a simple form of ZooKeeper's fast leader election. What is left out is in the header of the
//! system.

use super::{
    Early, FINALIZE, Following, Leading, Looking, Message, Role, Server, Stage, Timer, WAIT_LONGEST, WAIT_SHORTEST,
    Zab, epochs,
};
use crate::mechanisms::zab::{Vote, elects};
use crate::sim::NodeId;
use crate::sim::machine::system::System;

impl Server<'_, '_> {
    /// The vote for itself.
    fn own_vote(&self) -> Vote {
        Vote {
            id: self.context.me().0,
            zxid: self.disk.history.last(),
            epoch: self.disk.current,
            round: self.memory.round,
            looking: true,
            version: 1,
        }
    }

    /// Begins to look for a leader, in a new round.
    pub(super) fn look(&mut self) {
        for timer in [Timer::Tick, Timer::Patience, Timer::Finalize, Timer::Request] {
            self.context.cancel_timer(timer);
        }
        self.memory.round += 1;
        let mut looking =
            Looking { vote: self.own_vote(), votes: vec![None; self.context.nodes()], wait: WAIT_SHORTEST };
        looking.votes[self.context.me().index()] = Some(looking.vote);
        self.memory.role = Role::Looking(looking);
        self.memory.early.clear();
        self.tell_vote();
    }

    /// Tells everybody whom it votes for, and again later if nothing comes of it.
    fn tell_vote(&mut self) {
        let Role::Looking(looking) = &self.memory.role else { return };
        let (vote, wait) = (looking.vote, looking.wait);
        for to in self.others() {
            self.send(to, Message::Notification { vote });
        }
        self.context.set_timer(Timer::Notify, wait);
    }

    /// Nothing has come of the votes so far.
    pub(super) fn notify_due(&mut self) {
        let me = self.name();
        let Role::Looking(looking) = &mut self.memory.role else {
            self.context.why(|_| format!("{me} is no longer looking for a leader."));
            return;
        };
        looking.wait = (looking.wait * 2).min(WAIT_LONGEST);
        let id = looking.vote.id;
        self.context.why(|s| {
            format!("{me} still has no leader. It says again that it votes for {}.", Zab::name(s, NodeId(id)))
        });
        self.tell_vote();
    }

    /// A vote of another server.
    pub(super) fn notified(&mut self, from: NodeId, vote: Vote) {
        match &self.memory.role {
            Role::Looking(_) if vote.looking => self.vote_heard(from, vote),
            Role::Looking(_) => {
                let (me, leader) = (self.name(), self.name_of(from));
                self.context.why(|_| format!("{leader} says that it leads: {me} joins it."));
                self.follow(from);
            }
            Role::Leading(_) if vote.looking => {
                let (me, other) = (self.name(), self.name_of(from));
                self.context.why(|_| format!("{other} is looking for a leader: {me} says that it leads."));
                let vote = Vote { looking: false, ..self.own_vote() };
                self.send(from, Message::Notification { vote });
            }
            _ => {
                let me = self.name();
                self.context.why(|_| format!("{me} is not looking for a leader and passes this over."));
            }
        }
    }

    fn vote_heard(&mut self, from: NodeId, vote: Vote) {
        let (me, other, own, mine) = (self.name(), self.name_of(from), self.own_vote(), self.memory.round);
        if vote.round < mine {
            self.context.why(|_| {
                format!("{other}'s vote is of round {}, and it is round {mine} here: {me} tells it.", vote.round)
            });
            let Role::Looking(looking) = &self.memory.role else { return };
            let vote = looking.vote;
            self.send(from, Message::Notification { vote });
            return;
        }
        let Role::Looking(looking) = &mut self.memory.role else { return };
        let newer = vote.round > mine;
        if newer {
            self.memory.round = vote.round;
            looking.votes.fill(None);
            looking.vote = Vote { round: vote.round, ..own };
        }
        looking.votes[from.index()] = Some(vote);
        let better = vote.beats(&looking.vote);
        if better {
            looking.vote = vote;
        }
        let (id, kept) = (NodeId(vote.id), NodeId(looking.vote.id));
        looking.votes[self.context.me().index()] = Some(looking.vote);
        self.context.why(|s| {
            let (id, kept) = (Zab::name(s, id), Zab::name(s, kept));
            let is = format!("epoch {}, last zxid {}", vote.epoch, epochs(vote.zxid));
            if better {
                format!("{other} votes for {id} ({is}). That beats its own: {me} votes so too.")
            } else {
                format!("{other} votes for {id} ({is}). {me} stays with {kept}.")
            }
        });
        if better || newer {
            self.context.cancel_timer(Timer::Finalize);
            self.tell_vote();
        }
        self.tally();
    }

    /// With a quorum for its vote it waits a little for a better one.
    fn tally(&mut self) {
        let (me, servers) = (self.name(), self.context.nodes());
        let Role::Looking(looking) = &self.memory.role else { return };
        if !elects(looking.votes.iter().flatten(), &looking.vote, servers) || self.context.has_timer(Timer::Finalize) {
            return;
        }
        let id = NodeId(looking.vote.id);
        self.context.why(|s| {
            format!("A quorum votes for {}. {me} waits to see whether a better vote comes.", Zab::name(s, id))
        });
        self.context.set_timer(Timer::Finalize, FINALIZE);
    }

    /// No better vote has come.
    pub(super) fn finalize(&mut self) {
        let me = self.context.me();
        let Role::Looking(looking) = &self.memory.role else {
            self.context.why(|_| "It is no longer looking for a leader.".to_owned());
            return;
        };
        let leader = NodeId(looking.vote.id);
        if leader == me {
            self.lead();
        } else {
            let (me, leads) = (self.name(), self.name_of(leader));
            self.context.why(|_| format!("No better vote came: {me} follows {leads}."));
            self.follow(leader);
        }
    }

    /// Opens a connection to a leader, and says which epoch it has promised: CEPOCH.
    fn follow(&mut self, leader: NodeId) {
        self.context.cancel_timer(Timer::Finalize);
        self.context.cancel_timer(Timer::Notify);
        self.disk.connection += 1;
        let link = self.disk.connection;
        self.memory.early.clear();
        self.memory.role = Role::Following(Following { leader, link, stage: Stage::Discovery, got: 0, sent: 0 });
        self.be_patient(true);
        let promised = self.disk.accepted;
        self.tell_leader(super::Body::CEpoch { promised });
    }

    /// Leads, as far as it knows; servers that have already knocked are let in.
    fn lead(&mut self) {
        self.context.cancel_timer(Timer::Notify);
        let (me, servers) = (self.context.me(), self.context.nodes());
        self.context
            .why(|s| format!("{} is elected, and waits for a quorum to follow it: discovery.", Zab::name(s, me)));
        self.memory.role = Role::Leading(Leading::new(servers, me));
        self.context.count(super::ELECTIONS, me.0, 1);
        self.be_patient(true);
        for Early { from, link, promised } in std::mem::take(&mut self.memory.early) {
            self.admit(from, link, promised);
        }
    }
}
