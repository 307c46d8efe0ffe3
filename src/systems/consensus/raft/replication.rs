//! The replicated log: section 5.3 of the paper, and what is committed: sections 5.3 and 5.4.2.

use std::rc::Rc;

use super::{
    CHECK_PREVIOUS, COMMIT_ON_MAJORITY, CONFLICTS_ONLY, Entry, HEARTBEAT, LOG_LENGTH, MOST_ENTRIES, Message, Note,
    OWN_TERM, Payload, READS, Raft, Role, Server, Term, Timer,
};
use crate::sim::NodeId;
use crate::sim::machine::system::System;
use crate::sim::numbers::counted;

impl Server<'_, '_> {
    /// Whether the log takes no more entries. There is always room for one of the leader's own term while older ones wait:
    /// only along with it are they committed (section 5.4.2), and without it a full log would stay as it is for ever.
    pub(super) fn is_full(&self) -> bool {
        let (log, waits) = (&self.disk.log, self.memory.commit < self.disk.log.last_index());
        log.entries().len() >= MOST_ENTRIES && !(waits && log.end().0 < self.disk.term)
    }

    /// Appends an entry of the leader's own term and sends it to everyone. Returns its index.
    pub(super) fn append(&mut self, payload: Payload) -> u32 {
        let (me, term) = (self.context.me(), self.disk.term);
        self.disk.log.push(Entry { term, payload });
        let index = self.disk.log.last_index();
        if let Role::Leader(leader) = &mut self.memory.role {
            leader.matched[me.index()] = index;
        }
        self.context.why(|s| {
            let me = Raft::name(s, me);
            format!("{me} appends {payload} at index {index} in term {term} and sends it to everyone.")
        });
        self.replicate_to_all();
        // Where one server is enough, it is enough at once.
        self.advance_commit();
        index
    }

    /// Time to tell the followers that there is a leader.
    pub(super) fn heartbeat_due(&mut self) {
        let (me, term) = (self.context.me(), self.disk.term);
        if !self.is_still_heard() {
            return;
        }
        self.context
            .why(|s| format!("{} leads term {term}: it tells everyone, to prevent elections.", Raft::name(s, me)));
        self.send_heartbeats();
    }

    pub(super) fn send_heartbeats(&mut self) {
        self.replicate_to_all();
        self.heartbeat_after();
    }

    pub(super) fn heartbeat_after(&mut self) {
        let delay = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Heartbeat, delay);
    }

    /// Sends every other member and learner what it lacks, or nothing: a heartbeat.
    pub(super) fn replicate_to_all(&mut self) {
        let config = self.config();
        for to in self.others().filter(|to| config.gets_the_log(*to)) {
            self.replicate(to);
        }
    }

    /// What comes back with the answer: the leader's clock where reads rest on leases, else its round of reads.
    fn stamp(&self) -> u64 {
        match &self.memory.role {
            _ if self.context.settings().get(READS) == 1 => self.context.now(),
            Role::Leader(leader) => leader.round,
            _ => 0,
        }
    }

    fn replicate(&mut self, to: NodeId) {
        let (term, commit, stamp) = (self.disk.term, self.memory.commit, self.stamp());
        let Role::Leader(leader) = &self.memory.role else { return };
        let prev_index = leader.next[to.index()].saturating_sub(1).min(self.disk.log.last_index());
        if let Some(snapshot) = self.disk.log.snapshot().filter(|snapshot| prev_index < snapshot.last_index) {
            let snapshot = Rc::clone(snapshot);
            self.send(to, Message::InstallSnapshot { term, snapshot, stamp });
            return;
        }
        let entries = Rc::new(self.disk.log.from(prev_index + 1));
        let prev_term = self.disk.log.term_at(prev_index).unwrap_or(0);
        self.send(to, Message::Append { term, prev_index, prev_term, entries, commit, stamp });
    }

    /// A leader of this term has made itself heard.
    pub(super) fn hear(&mut self, leader: NodeId) {
        self.follow();
        self.memory.leader = Some(leader);
        self.memory.heard = Some(self.context.now());
        self.await_leader();
    }

    /// A leader of this term replicates entries, or tells that it is there.
    pub(super) fn asked_to_append(
        &mut self,
        from: NodeId,
        prev: (Term, u32),
        entries: &[Entry],
        commit: u32,
        stamp: u64,
    ) {
        let me = self.context.me();
        self.hear(from);
        let (prev_term, prev_index) = prev;
        let term = self.disk.term;
        if !self.disk.log.matches(prev_index, prev_term) && self.context.rule(CHECK_PREVIOUS) {
            let index = self.disk.log.back_up(prev_index);
            self.context.why_rule(CHECK_PREVIOUS, |s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!(
                    "{me} has no entry of term {prev_term} at index {prev_index}: it asks {from} to go back to {index}."
                )
            });
            self.send(from, Message::AppendReply { term, ok: false, index, stamp });
            return;
        }
        let is_joined = self.disk.log.matches(prev_index, prev_term);
        let deleted = self.take_in(prev_index, entries);
        let index = prev_index + entries.len() as u32;
        self.context.why(|s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            match (entries.is_empty(), deleted) {
                (_, Some(first)) => format!("{me} deletes its entries from index {first} on, for {from}'s."),
                (true, _) => format!("{me} hears that {from} leads term {term}, and restarts its wait."),
                _ if is_joined => format!("{me} has {from}'s entries up to index {index}."),
                _ => format!("{me} takes what {from} sends, though it lacks the entry before, of index {prev_index}."),
            }
        });
        self.commit(commit.min(index));
        self.send(from, Message::AppendReply { term, ok: true, index, stamp });
    }

    /// Takes entries in; returns the first index from which others had to go.
    fn take_in(&mut self, prev_index: u32, entries: &[Entry]) -> Option<u32> {
        let mut deleted = None;
        if !self.context.rule(CONFLICTS_ONLY) && self.disk.log.last_index() > prev_index.max(self.disk.log.base()) {
            deleted = Some(prev_index.max(self.disk.log.base()) + 1);
            self.disk.log.truncate(prev_index);
        }
        let me = self.context.me();
        let conflicting = self.disk.log.accept(prev_index, entries);
        self.context.gauge(LOG_LENGTH, me.0, self.disk.log.entries().len() as i64);
        deleted.or(conflicting)
    }

    /// A follower answers.
    pub(super) fn append_answered(&mut self, from: NodeId, ok: bool, index: u32, stamp: u64) {
        let me = self.context.me();
        let last = self.disk.log.last_index();
        self.heard_from(from);
        let Role::Leader(leader) = &mut self.memory.role else {
            self.context.why(|s| format!("{} no longer leads; the answer is of no use.", Raft::name(s, me)));
            return;
        };
        let at = from.index();
        leader.echoed[at] = leader.echoed[at].max(stamp);
        let (next, matched) = (&mut leader.next[at], &mut leader.matched[at]);
        if ok {
            *matched = (*matched).max(index.min(last));
            *next = *matched + 1;
            let upto = *matched;
            self.context.why(|s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!("{me} knows that {from}'s log agrees with its own up to index {upto}.")
            });
            self.advance_commit();
            self.promote_learners();
        } else {
            // An old refusal must not undo what is known to agree.
            *next = (index + 1).clamp(*matched + 1, last + 1);
            let next = *next;
            self.context.why(|s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!("{from}'s log does not agree there: {me} tries again from index {next}.")
            });
            self.replicate(from);
        }
        self.serve_reads();
    }

    /// Commits what a quorum has, counting only entries of the leader's own term (section 5.4.2).
    pub(super) fn advance_commit(&mut self) {
        let Role::Leader(leader) = &self.memory.role else { return };
        let me = self.context.me();
        let matched = leader.matched.clone();
        let by_quorum = self.context.rule(COMMIT_ON_MAJORITY);
        let index = match by_quorum {
            true => self.reached(|node| u64::from(matched[node.index()])) as u32,
            false => matched[me.index()],
        };
        let Some(entry_term) = self.disk.log.term_at(index).filter(|_| index > self.memory.commit) else { return };
        let term = self.disk.term;
        if entry_term != term && self.context.rule(OWN_TERM) {
            self.context.why_rule(OWN_TERM, |s| {
                let me = Raft::name(s, me);
                format!("Index {index} is of term {entry_term}: {me} does not commit it before one of term {term}.")
            });
            return;
        }
        let have = matched.iter().filter(|matched| **matched >= index).count();
        let rule = if entry_term == term { COMMIT_ON_MAJORITY } else { OWN_TERM };
        let quorum = self.quorum_words();
        self.context.why_rule(rule, |s| {
            let needed = if by_quorum { quorum() } else { "its own".to_owned() };
            format!(
                "Index {index}, of term {entry_term}, is on {}; enough: {needed}. {} commits it.",
                counted(have as u64, "server"),
                Raft::name(s, me)
            )
        });
        self.commit(index);
        self.acknowledge();
        self.config_committed();
    }

    /// Applies every entry up to an index, in order.
    pub(super) fn commit(&mut self, index: u32) {
        let (node, term) = (self.context.me(), self.disk.term);
        let index = index.min(self.disk.log.last_index());
        for applied in self.memory.commit + 1..=index {
            let Some(entry) = self.disk.log.entry(applied).copied() else { break };
            entry.payload.apply(&mut self.memory.registers);
            let registers = self.memory.registers;
            self.context.note(Note::Applied { node, index: applied, entry, registers, term });
        }
        self.memory.commit = self.memory.commit.max(index);
        self.compact();
    }
}
