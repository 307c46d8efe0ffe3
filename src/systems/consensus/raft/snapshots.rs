//! Snapshots: section 7 of the paper and figure 13. A server replaces applied entries with the state they led to; a
//! leader sends its snapshot to a follower that needs entries it no longer has.

use std::rc::Rc;

use super::{KEEP_UNAPPLIED, LOG_LENGTH, Message, Note, Raft, SNAPSHOT_AFTER, SNAPSHOT_TERM, Server, Snapshot};
use crate::sim::NodeId;
use crate::sim::machine::system::System;
use crate::sim::numbers::counted;

impl Server<'_, '_> {
    /// Takes a snapshot when enough applied entries have come together.
    pub(super) fn compact(&mut self) {
        let (me, after, base) = (self.context.me(), self.context.amount(SNAPSHOT_AFTER) as u32, self.disk.log.base());
        self.context.gauge(LOG_LENGTH, me.0, self.disk.log.entries().len() as i64);
        if after == 0 || self.memory.commit < base + after {
            return;
        }
        let applied = self.memory.commit;
        let last_index = if self.context.rule(KEEP_UNAPPLIED) { applied } else { self.disk.log.last_index() };
        let has_term = self.context.rule(SNAPSHOT_TERM);
        let last_term = self.disk.log.term_at(last_index).filter(|_| has_term).unwrap_or(0);
        let config = self.disk.log.config_at(last_index);
        let registers = self.memory.registers;
        self.disk.log.compact(Snapshot { last_index, last_term, registers, config });
        self.memory.commit = last_index;
        let rule = if has_term { KEEP_UNAPPLIED } else { SNAPSHOT_TERM };
        self.context.why_rule(rule, |s| {
            let (me, applied) = (Raft::name(s, me), counted(applied.into(), "entry"));
            format!(
                "{me} has applied {applied}: its snapshot stands for all up to index {last_index}, term {last_term}."
            )
        });
        self.context.note(Note::Restored { node: me, index: last_index, registers });
        self.context.gauge(LOG_LENGTH, me.0, self.disk.log.entries().len() as i64);
    }

    /// A leader sends its snapshot in place of entries that it no longer has.
    pub(super) fn asked_to_install(&mut self, from: NodeId, snapshot: Rc<Snapshot>, stamp: u64) {
        let (me, term, last) = (self.context.me(), self.disk.term, snapshot.last_index);
        self.hear(from);
        if last <= self.memory.commit {
            let commit = self.memory.commit;
            self.context.why(|s| {
                format!(
                    "{} has applied everything up to {commit}: the snapshot up to {last} is of no use.",
                    Raft::name(s, me)
                )
            });
        } else {
            let registers = snapshot.registers;
            self.disk.log.install(snapshot);
            self.memory.commit = last;
            self.memory.registers = registers;
            self.context.why(|s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                format!("{me} takes {from}'s snapshot in the place of its log up to index {last}.")
            });
            self.context.note(Note::Restored { node: me, index: last, registers });
        }
        let index = self.memory.commit.min(self.disk.log.last_index()).max(last);
        self.send(from, Message::AppendReply { term, ok: true, index, stamp });
    }
}
