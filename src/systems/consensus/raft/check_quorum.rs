//! Check-quorum: a leader that hears no majority steps down (Ongaro's dissertation, section 6.2), and a server that hears
//! a leader votes for nobody else (section 4.2.3). Both are what etcd calls `CheckQuorum`.
//!
//! The leader counts time by its own heartbeats, as etcd counts both by one ticker: so a server that runs slowly looks
//! less often, but never after fewer heartbeats.

use super::config::{Members, letters};
use super::{CHECK_QUORUM, HEARD, HEARTBEAT, Note, Raft, Role, Server, TIMEOUT, Term};
use crate::sim::NodeId;
use crate::sim::machine::system::System;

/// An election timeout, in the parts that are counted.
pub(super) const WHOLE: u32 = 1_000;

/// What a leader has counted since it last looked around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Count {
    /// How much of an election timeout has gone by, in thousandths.
    pub elapsed: u32,
    /// Who has answered.
    pub heard: Members,
}

impl Server<'_, '_> {
    /// A follower has answered the leader.
    pub(super) fn heard_from(&mut self, from: NodeId) {
        if let Role::Leader(leader) = &mut self.memory.role
            && self.context.settings().is_on(CHECK_QUORUM)
        {
            leader.count.0.heard |= 1 << from.0;
            let leader = self.context.me();
            self.context.note(Note::Heard { leader, from });
        }
    }

    /// Once every election timeout a leader counts who has answered. Whether it still leads.
    pub(super) fn is_still_heard(&mut self) -> bool {
        if !self.context.settings().is_on(CHECK_QUORUM) {
            return true;
        }
        let (me, config) = (self.context.me(), self.config());
        let (beat, timeout) = (self.context.amount(HEARTBEAT), self.context.amount(TIMEOUT).max(1));
        let share = (beat * u64::from(WHOLE)).div_ceil(timeout) as u32;
        let Role::Leader(leader) = &mut self.memory.role else { return true };
        let count = &mut leader.count.0;
        count.elapsed += share;
        let (is_time, heard) = (count.elapsed >= WHOLE, count.heard | 1 << me.0);
        if is_time {
            *count = Count::default();
        }
        if is_time && self.context.rule(HEARD) && !self.is_quorum(heard) {
            self.step_down_unheard(heard);
            return false;
        }
        self.context.note(Note::Beat { leader: me, share, config });
        true
    }

    fn step_down_unheard(&mut self, heard: Members) {
        let (me, needed) = (self.context.me(), self.quorum_words());
        let others = letters(heard & !(1 << me.0));
        self.context.why_rule(HEARD, |s| {
            let me = Raft::name(s, me);
            let whom = if others.is_empty() { "nobody".to_owned() } else { format!("{others} alone") };
            let needed = needed();
            format!(
                "In an election timeout {me} has heard from {whom}; with itself, {needed} are needed. It steps down."
            )
        });
        self.memory.leader = None;
        self.follow();
    }

    /// Whether a leader that it hears, or is itself, keeps it from voting for anybody else.
    pub(super) fn keeps_its_leader(&self) -> bool {
        let hears = match self.memory.role {
            Role::Leader(_) => true,
            _ => self.memory.leader.is_some() && self.leader_heard_within().is_some(),
        };
        hears && self.context.settings().is_on(CHECK_QUORUM) && self.context.rule(HEARD)
    }

    /// A candidate of a higher term asks while there is a leader: no answer, and the term stays as it is.
    pub(super) fn ignore_candidate(&mut self, from: NodeId, term: Term) {
        let me = self.context.me();
        self.context.why_rule(HEARD, |s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            format!("{me} has a leader: it ignores {from}, who asks for a vote in term {term}.")
        });
    }
}
