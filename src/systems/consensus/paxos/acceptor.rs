//! The acceptor: section 2.2 of the paper, and what it keeps on disk: section 2.5.

use super::{Ballot, Entry, KEEP_PROMISE, Log, Message, Node, PROMISE_ON_DISK, Paxos, Phase, Slot, Timer};
use crate::sim::NodeId;
use crate::sim::machine::system::System;

/// Above every slot.
const END: Slot = Slot::MAX;

impl Node<'_, '_> {
    /// The ballot below which it takes part in nothing: as it remembers, and as its accepted value tells.
    fn bound(&self, slot: Slot) -> Ballot {
        let accepted = self.disk.accepted.get(slot).map_or(Ballot::NONE, |entry| entry.ballot);
        self.disk.promised.max(self.memory.unsaved).max(accepted)
    }

    /// Raises its promise.
    pub(super) fn promise(&mut self, ballot: Ballot) {
        let kept = if self.context.rule(PROMISE_ON_DISK) { &mut self.disk.promised } else { &mut self.memory.unsaved };
        *kept = ballot.max(*kept);
    }

    /// Of single decrees an acceptor takes part in one, and forgets it when the next begins. False, with an answer, when
    /// it is asked about one that is over.
    fn is_current(&mut self, from: NodeId, ballot: Ballot, slot: Slot) -> bool {
        if self.is_log() || slot == self.disk.decree {
            return true;
        }
        let (me, decree) = (self.me(), self.disk.decree);
        if slot < decree {
            self.context.why(|s| {
                let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
                format!("{me} tells {from} that decree {slot} is over: it is at decree {decree}.")
            });
            self.send(from, Message::Refused { ballot, promised: Ballot::NONE, slot: decree });
            return false;
        }
        self.disk.decree = slot;
        self.disk.promised = Ballot::NONE;
        self.memory.unsaved = Ballot::NONE;
        self.disk.accepted = Log::default();
        true
    }

    fn refuse(&mut self, from: NodeId, ballot: Ballot, slot: Slot, what: &str) {
        let (me, promised) = (self.me(), self.bound(slot));
        let (asked, bound) = (self.named(ballot), self.named(promised));
        self.context.why_rule(KEEP_PROMISE, |s| {
            let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
            format!("{me} refuses {from}'s {what} of ballot {asked}: it has promised {bound}.")
        });
        self.send(from, Message::Refused { ballot, promised, slot });
    }

    /// Phase 1b.
    pub(super) fn asked_to_promise(&mut self, from: NodeId, ballot: Ballot, slot: Slot, all: bool) {
        if !self.is_current(from, ballot, slot) {
            return;
        }
        if ballot < self.bound(slot) {
            return self.refuse(from, ballot, slot, "prepare request");
        }
        if slot < self.first_kept() {
            return self.help_up(from, slot);
        }
        self.promise(ballot);
        self.give_way(ballot);
        let (me, name) = (self.me(), self.named(ballot));
        let accepted = self.disk.accepted.between(slot, if all { END } else { slot });
        let told = match accepted.entries() {
            [] => "It has accepted nothing there".to_owned(),
            [one] => format!("It tells of {}, accepted in {}", one.value, self.named(one.ballot)),
            many => format!("It tells of {} accepted slots", many.len()),
        };
        self.context.why_rule(PROMISE_ON_DISK, |s| {
            format!("{} promises to accept nothing below ballot {name}. {told}.", Paxos::name(s, me))
        });
        self.send(from, Message::Promise { ballot, slot, all, accepted });
    }

    /// Phase 2b.
    pub(super) fn asked_to_accept(&mut self, from: NodeId, entry: Entry) {
        let Entry { slot, ballot, value } = entry;
        if !self.is_current(from, ballot, slot) {
            return;
        }
        let bound = self.bound(slot);
        if ballot < bound && self.context.rule(KEEP_PROMISE) {
            return self.refuse(from, ballot, slot, "accept request");
        }
        self.accept(entry);
        let (me, name, bound_name) = (self.me(), self.named(ballot), self.named(bound));
        self.context.why_rule(KEEP_PROMISE, |s| {
            let me = Paxos::name(s, me);
            match ballot < bound {
                true => format!("{me} accepts {value} in ballot {name}, though it promised {bound_name}."),
                false => format!("{me} accepts {value} in ballot {name}: it knows of no higher promise."),
            }
        });
        if self.is_log() && ballot >= bound {
            self.give_way(ballot);
            self.follow(from);
        }
        self.send(from, Message::Accepted { ballot, slot });
    }

    /// Writes down what it accepts. That implies a promise.
    pub(super) fn accept(&mut self, entry: Entry) {
        self.promise(entry.ballot);
        self.disk.accepted.put(entry);
    }

    /// A server that promises a higher ballot than its own proposes no more.
    fn give_way(&mut self, ballot: Ballot) {
        if self.is_log() && ballot.proposer != self.me() {
            self.disk.round = self.disk.round.max(ballot.round);
            if self.memory.phase.ballot().is_some_and(|mine| mine < ballot) {
                self.memory.phase = Phase::Idle;
                self.memory.leader = None;
                self.context.cancel_timer(Timer::Heartbeat);
            }
            self.await_leader();
        }
    }

    /// A leader says that it is there.
    pub(super) fn heard_leader(&mut self, from: NodeId, ballot: Ballot, slot: Slot) {
        if ballot < self.bound(0) {
            return self.refuse(from, ballot, slot, "heartbeat");
        }
        self.give_way(ballot);
        self.follow(from);
        let (me, open) = (self.me(), self.first_open());
        let behind = open < slot;
        self.context.why(|s| {
            let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
            match behind {
                true => format!("{me} hears that {from} leads and knows all below slot {slot}; {me} lacks {open} on."),
                false => format!("{me} hears that {from} leads, and restarts its wait."),
            }
        });
        if behind {
            self.send(from, Message::CatchUp { slot: open });
        }
    }

    /// Takes a server for the leader.
    pub(super) fn follow(&mut self, leader: NodeId) {
        self.memory.leader = Some(leader);
    }
}
