//! The replicated log: section 5.3 of the paper, and what is committed: sections 5.3 and 5.4.2.

use std::rc::Rc;

use super::{Command, Entry, HEARTBEAT, MOST_ENTRIES, Message, Note, Raft, Role, Server, Term, Timer};
use crate::mechanisms::quorum;
use crate::sim::NodeId;
use crate::sim::settings::CommandCall;
use crate::sim::system::System;

impl Server<'_, '_> {
    /// A client asks to set a register.
    pub(super) fn client_asks(&mut self, call: &CommandCall) {
        let (me, term) = (self.context.me(), self.disk.term);
        let command = Command { register: call.value(0) as u8, value: call.value(1) as i16 };
        let Role::Leader { matched, .. } = &mut self.memory.role else {
            let leader = self.memory.leader;
            self.context.why(|s| {
                let other = leader.map_or("it knows of no leader".to_owned(), |l| format!("ask {}", Raft::name(s, l)));
                format!("{} does not lead, so it refuses {command}: {other}.", Raft::name(s, me))
            });
            return;
        };
        if self.disk.log.entries().len() >= MOST_ENTRIES {
            self.context
                .why(|_| format!("The log has {MOST_ENTRIES} entries, the most it takes here: {command} is refused."));
            return;
        }
        self.disk.log.push(Entry { term, command });
        let index = self.disk.log.last_index();
        matched[me.index()] = index;
        self.context.why(|s| {
            let me = Raft::name(s, me);
            format!("{me} appends {command} at index {index} in term {term} and sends it to everyone.")
        });
        for to in self.others() {
            self.replicate(to);
        }
    }

    /// Time to tell the followers that there is a leader.
    pub(super) fn heartbeat_due(&mut self) {
        let (me, term) = (self.context.me(), self.disk.term);
        self.context
            .why(|s| format!("{} leads term {term}: it tells everyone, so that nobody stands.", Raft::name(s, me)));
        self.send_heartbeats();
    }

    pub(super) fn send_heartbeats(&mut self) {
        for to in self.others() {
            self.replicate(to);
        }
        let delay = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Heartbeat, delay);
    }

    /// Sends a follower what it lacks, or nothing: a heartbeat.
    fn replicate(&mut self, to: NodeId) {
        let Role::Leader { next, .. } = &self.memory.role else { return };
        let prev_index = next[to.index()].saturating_sub(1).min(self.disk.log.last_index());
        let entries = Rc::new(self.disk.log.from(prev_index + 1));
        let prev_term = self.disk.log.term_at(prev_index).unwrap_or(0);
        let (term, commit) = (self.disk.term, self.memory.commit);
        self.send(to, Message::Append { term, prev_index, prev_term, entries, commit });
    }

    /// A leader of this term replicates entries, or tells that it is there.
    pub(super) fn asked_to_append(&mut self, from: NodeId, prev: (Term, u32), entries: &[Entry], commit: u32) {
        let me = self.context.me();
        self.follow();
        self.memory.leader = Some(from);
        self.memory.heard = Some(self.context.now());
        self.await_leader();
        let (prev_term, prev_index) = prev;
        let term = self.disk.term;
        if !self.disk.log.matches(prev_index, prev_term) {
            let index = self.disk.log.back_up(prev_index);
            self.context.why(|s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!(
                    "{me} has no entry of term {prev_term} at index {prev_index}: it asks {from} to go back to {index}."
                )
            });
            self.send(from, Message::AppendReply { term, ok: false, index });
            return;
        }
        let deleted = self.disk.log.accept(prev_index, entries);
        let index = prev_index + entries.len() as u32;
        self.context.why(|s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            match (entries.is_empty(), deleted) {
                (true, _) => format!("{me} hears that {from} leads term {term}, and waits anew."),
                (_, Some(first)) => {
                    format!("{me} deletes its entries from index {first} on: they conflict with {from}'s.")
                }
                _ => format!("{me} has {from}'s entries up to index {index}."),
            }
        });
        self.commit(commit.min(index));
        self.send(from, Message::AppendReply { term, ok: true, index });
    }

    /// A follower answers.
    pub(super) fn append_answered(&mut self, from: NodeId, ok: bool, index: u32) {
        let me = self.context.me();
        let last = self.disk.log.last_index();
        let Role::Leader { next, matched } = &mut self.memory.role else {
            self.context.why(|s| format!("{} no longer leads; the answer is of no use.", Raft::name(s, me)));
            return;
        };
        let (next, matched) = (&mut next[from.index()], &mut matched[from.index()]);
        if ok {
            *matched = (*matched).max(index.min(last));
            *next = *matched + 1;
            let upto = *matched;
            self.context.why(|s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!("{me} knows that {from}'s log agrees with its own up to index {upto}.")
            });
            self.advance_commit();
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
    }

    /// Commits what a majority has, counting only entries of the leader's own term (section 5.4.2).
    fn advance_commit(&mut self) {
        let Role::Leader { matched, .. } = &self.memory.role else { return };
        let index = quorum::committed(matched);
        if index > self.memory.commit && self.disk.log.matches(index, self.disk.term) {
            let (me, all) = (self.context.me(), self.context.nodes());
            let have = matched.iter().filter(|matched| **matched >= index).count();
            self.context.why(|s| {
                format!("Index {index} is on {have} of {all} servers, a majority: {} commits it.", Raft::name(s, me))
            });
            self.commit(index);
        }
    }

    /// Applies every entry up to an index, in order.
    fn commit(&mut self, index: u32) {
        let node = self.context.me();
        let index = index.min(self.disk.log.last_index());
        for applied in self.memory.commit + 1..=index {
            let Some(entry) = self.disk.log.entries().get(applied as usize - 1).copied() else { break };
            if let Some(register) = self.memory.registers.get_mut(usize::from(entry.command.register)) {
                *register = Some(entry.command.value);
            }
            self.context.note(Note::Applied { node, index: applied, entry });
        }
        self.memory.commit = self.memory.commit.max(index);
    }
}
