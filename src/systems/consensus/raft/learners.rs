//! Learners: a new server gets the log before its vote counts (Ongaro's dissertation, section 4.2.1; etcd's learners).
//!
//! An entry names the members and the set that they are on the way to. Whoever is in that set and no member yet is a
//! learner. Once the entry is committed and the learners have all that is committed, the leader goes on with the change.

use super::config::{Members, letters, servers};
use super::{CHANGE, Config, JOINT, LEARNERS, NOOP_FIRST, Note, Payload, Raft, Role, Server};
use crate::sim::NodeId;
use crate::sim::machine::system::System;

impl Server<'_, '_> {
    /// The servers that would be new in `wanted`, and lack entries that are committed.
    fn behind(&self, config: Config, wanted: Members) -> Members {
        let Role::Leader(leader) = &self.memory.role else { return 0 };
        let lacks = |id: &NodeId| leader.matched[id.index()] < self.memory.commit;
        servers(wanted & !config.everyone()).filter(lacks).fold(0, |set, id| set | 1 << id.0)
    }

    /// The servers that must learn first.
    fn must_learn(&self, config: Config, wanted: Members) -> Members {
        if self.context.rule(LEARNERS) { self.behind(config, wanted) } else { 0 }
    }

    /// The next step from `config` to the members that are wanted: learners first, then by the way that is set.
    pub(super) fn step_to(&self, config: Config, wanted: Members) -> Result<Config, &'static str> {
        let change = match self.context.settings().get(CHANGE) {
            1 => config.by_one(wanted)?,
            _ if self.context.rule(JOINT) && wanted != config.new => config.joint(wanted)?,
            _ => Config::of(wanted),
        };
        Ok(if self.must_learn(config, wanted) == 0 { change } else { config.on_the_way_to(wanted) })
    }

    /// Why it is too early to ask again for the set that the learners are in.
    pub(super) fn too_early(&self, config: Config, wanted: Members) -> Option<String> {
        let Role::Leader(leader) = &self.memory.role else { return None };
        let id = servers(self.must_learn(config, wanted)).next().filter(|_| config.next.0 == wanted)?;
        let (name, has) = (letters(1 << id.0), leader.matched[id.index()]);
        Some(format!("{name} is a learner, known to have {has} of {} entries", self.memory.commit))
    }

    /// Once the learners have what is committed, the change goes on.
    pub(super) fn promote_learners(&mut self) {
        let (config, me) = (self.config(), self.context.me());
        let wanted = config.next.0;
        let is_done = self.memory.commit >= self.disk.log.last_config_index();
        let leads = matches!(self.memory.role, Role::Leader(_));
        if wanted == 0 || !is_done || !leads || self.must_learn(config, wanted) != 0 || self.is_too_new() {
            return;
        }
        if let Ok(next) = self.step_to(config, wanted) {
            let learners = letters(config.learners());
            self.context.why_rule(LEARNERS, |s| {
                format!("All that is committed has reached {learners}: {} appends {next}.", Raft::name(s, me))
            });
            self.take_over(config, next);
        }
    }

    /// Whether a change of one server has to wait for an entry of the leader's own term (Ongaro, 2015).
    pub(super) fn is_too_new(&self) -> bool {
        let is_settled = self.disk.log.term_at(self.memory.commit) == Some(self.disk.term);
        self.context.settings().get(CHANGE) == 1 && !is_settled && self.context.rule(NOOP_FIRST)
    }

    /// Appends the next set of members.
    pub(super) fn take_over(&mut self, config: Config, next: Config) {
        let joined = self.behind(config, next.new);
        if joined != 0 {
            self.context.note(Note::Joined { members: joined, floor: self.memory.commit });
        }
        self.append(Payload::Members(next));
    }
}
