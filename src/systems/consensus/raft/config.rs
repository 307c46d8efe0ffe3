//! Who the members are: one set of servers or, while it is being changed, two that must both agree (section 6).

use super::{CONFIRM_READ, JOINT, LEARNERS, MAJORITY, MEMBERS, NOOP_FIRST, Payload, QUORUM, Raft, Role, Server};
use crate::mechanisms::quorum;
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::settings::Settings;
use crate::sim::later::Later;
use crate::sim::machine::system::System;

/// A set of servers, a bit each.
pub type Members = u64;

/// The members: those of `new` and, while the change lasts, those of `old` as well (joint consensus).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// The members before; none unless the change lasts.
    pub old: Members,
    /// The members from now on.
    pub new: Members,
    /// The members that are wanted next, some of whom learn the log first; none where nobody does.
    pub next: Later<Members>,
}

impl Config {
    /// These members and no others.
    pub const fn of(members: Members) -> Config {
        Config { old: 0, new: members, next: Later(0) }
    }

    /// The members that a run begins with.
    pub fn first(settings: &Settings) -> Config {
        let servers = Raft::nodes(settings) as u64;
        let members = match settings.amount(MEMBERS) {
            0 => servers,
            some => some.min(servers),
        };
        Config::of((1 << members) - 1)
    }

    /// The same members, on the way to others.
    pub fn on_the_way_to(self, wanted: Members) -> Config {
        Config { next: Later(wanted), ..self }
    }

    /// The servers that get the log and have no vote yet.
    pub fn learners(self) -> Members {
        self.next.0 & !self.everyone()
    }

    /// Whether two sets must agree.
    pub fn is_joint(self) -> bool {
        self.old != 0
    }

    /// Everybody who takes part.
    pub fn everyone(self) -> Members {
        self.old | self.new
    }

    /// These members, one of whom may be new or gone: the simpler way (dissertation, section 4.1).
    pub fn by_one(self, wanted: Members) -> Result<Config, &'static str> {
        match (wanted ^ self.new).count_ones() {
            _ if self.is_joint() => Err("two sets must agree until the last change is done"),
            _ if wanted == 0 => Err("somebody must be a member"),
            0 | 1 => Ok(Config::of(wanted)),
            _ => Err("only one server may come or go at a time"),
        }
    }

    /// Both sets from now on: joint consensus begins (section 6).
    pub fn joint(self, wanted: Members) -> Result<Config, &'static str> {
        match (self.is_joint(), self.new, wanted) {
            (true, ..) => Err("two sets must agree until the last change is done"),
            (_, 0, _) | (.., 0) => Err("somebody must be a member"),
            _ => Ok(Config { old: self.new, ..Config::of(wanted) }),
        }
    }

    /// The new set alone: joint consensus ends.
    pub fn alone(self) -> Result<Config, &'static str> {
        if self.is_joint() { Ok(Config::of(self.new)) } else { Err("no change is under way") }
    }

    /// Whether a server takes part.
    pub fn has(self, node: NodeId) -> bool {
        self.everyone() >> node.0 & 1 == 1
    }

    /// Whether a leader sends it the log: to members, and to learners.
    pub fn gets_the_log(self, node: NodeId) -> bool {
        (self.everyone() | self.learners()) >> node.0 & 1 == 1
    }

    /// Whether `chosen` has enough of both sets, given how many of a number of members are enough.
    pub fn is_quorum(self, chosen: Members, enough: impl Fn(usize) -> usize) -> bool {
        let has_enough =
            |set: Members| set == 0 || (chosen & set).count_ones() as usize >= enough(set.count_ones() as usize);
        has_enough(self.old) && has_enough(self.new)
    }

    /// The highest value that enough of both sets have reached, given what each server has reached.
    pub fn reached(self, by: impl Fn(NodeId) -> u64, enough: impl Fn(usize) -> usize) -> u64 {
        let of = |set: Members| {
            let reached: Vec<u64> = servers(set).map(&by).collect();
            if set == 0 { u64::MAX } else { quorum::reached_by(&reached, enough(reached.len())) }
        };
        of(self.old).min(of(self.new))
    }
}

/// The servers of a set, by id.
pub fn servers(set: Members) -> impl Iterator<Item = NodeId> {
    (0..64u16).filter(move |id| set >> id & 1 == 1).map(NodeId)
}

/// The letters of a set: "ABC".
pub fn letters(set: Members) -> String {
    servers(set).map(|node| char::from(b'A' + node.0 as u8 % 26)).collect()
}

impl std::fmt::Display for Config {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        if self.is_joint() {
            write!(out, "{}+", letters(self.old))?;
        }
        out.write_str(&letters(self.new))?;
        // Learners in small letters: ABCde.
        out.write_str(&letters(self.learners()).to_lowercase())
    }
}

/// The sets that the reader may ask for, as the command names them.
pub const SETS: &[(&str, Members)] = &[
    ("ABC", 0b00111),
    ("ABCD", 0b01111),
    ("ABCDE", 0b11111),
    ("BCD", 0b01110),
    ("CDE", 0b11100),
    ("A", 0b00001),
    ("AB", 0b00011),
];

impl Server<'_, '_> {
    /// The members by the latest entry that says so, committed or not (section 6).
    pub(super) fn config(&self) -> Config {
        self.disk.log.config().unwrap_or_else(|| Config::first(self.context.settings()))
    }

    /// How many of `members` are enough.
    fn enough(&self) -> impl Fn(usize) -> usize + use<> {
        let (set, raised) = (self.context.amount(QUORUM) as usize, self.context.rule(MAJORITY));
        move |members| {
            let majority = quorum::majority(members);
            let wanted = match set {
                0 => majority,
                set if raised => set.max(majority),
                set => set,
            };
            wanted.min(members)
        }
    }

    /// Whether these servers may decide.
    pub(super) fn is_quorum(&self, set: Members) -> bool {
        self.config().is_quorum(set, self.enough())
    }

    /// The highest value that enough servers have reached.
    pub(super) fn reached(&self, by: impl Fn(NodeId) -> u64) -> u64 {
        self.config().reached(by, self.enough())
    }

    /// How many servers are enough, in words that are only built where they are shown: "3 of ABCDE", "2 of ABC and 3 of
    /// ABCDE".
    pub(super) fn quorum_words(&self) -> impl Fn() -> String + use<> {
        let (config, enough) = (self.config(), self.enough());
        move || {
            let of = |set: Members| format!("{} of {}", enough(set.count_ones() as usize), letters(set));
            if config.is_joint() { format!("{} and {}", of(config.old), of(config.new)) } else { of(config.new) }
        }
    }

    /// The reader asks for other members.
    pub(super) fn change_members(&mut self, call: &CommandCall) {
        let wanted = SETS.get(call.value(0).max(0) as usize).map_or(0, |set| set.1);
        let (me, config) = (self.context.me(), self.config());
        let next = match self.no_change(config, wanted) {
            Some(why) => Err(why),
            None => self.step_to(config, wanted).map_err(str::to_owned),
        };
        let next = match next {
            Ok(next) => next,
            Err(why) => {
                self.context.why_rule(NOOP_FIRST, |s| format!("{} refuses: {why}.", Raft::name(s, me)));
                return;
            }
        };
        self.context.why_rule(if next.learners() == 0 { JOINT } else { LEARNERS }, |s| {
            let (me, learners) = (Raft::name(s, me), letters(next.learners()));
            match (next.is_joint(), learners.is_empty()) {
                (_, false) => format!("{me} appends {next}: first the log goes to {learners}, without a vote."),
                (true, _) => format!("{me} appends {next}: from now on majorities of both sets are needed."),
                _ => format!("{me} appends {next}: a server that has the entry counts by the new set."),
            }
        });
        self.take_over(config, next);
    }

    /// Why the members cannot be changed now, if so.
    fn no_change(&self, config: Config, wanted: Members) -> Option<String> {
        let servers = (1u64 << self.context.nodes()) - 1;
        let Role::Leader { .. } = self.memory.role else { return Some("it does not lead".to_owned()) };
        let is_same = wanted == config.new && config.next.0 == 0;
        if wanted == 0 || wanted & !servers != 0 || is_same {
            return Some(format!("{} are no other members among these servers", letters(wanted)));
        }
        if config.is_joint() || self.memory.commit < self.disk.log.last_config_index() {
            return Some(format!("the change to {config} is not yet committed"));
        }
        if self.is_too_new() {
            return Some(format!("no entry of its term {} is committed yet", self.disk.term));
        }
        self.too_early(config, wanted)
    }

    /// A joint configuration is committed: the new one alone comes next. One with learners: the change goes on once they
    /// have the log. One without the leader: it has done its part.
    pub(super) fn config_committed(&mut self) {
        let (config, me) = (self.config(), self.context.me());
        let is_leader = matches!(self.memory.role, Role::Leader { .. });
        if !is_leader || self.memory.commit < self.disk.log.last_config_index() {
            return;
        }
        if config.is_joint() {
            self.context.why_rule(JOINT, |s| {
                let new = letters(config.new);
                format!("{config} is committed: {} appends {new}, and the old set has no more say.", Raft::name(s, me))
            });
        }
        if let Ok(alone) = config.alone() {
            self.append(Payload::Members(alone));
        } else if config.next.0 != 0 {
            self.promote_learners();
        } else if !config.has(me) {
            self.context.why(|s| format!("{} is no longer a member: it steps down.", Raft::name(s, me)));
            self.follow();
        }
    }

    /// Whether a leader heard lately keeps it from voting: what a lease rests on (dissertation, section 6.4.1).
    pub(super) fn holds_a_lease_for_another(&self) -> bool {
        let leases = self.context.settings().get(super::READS) == 1 && self.context.rule(CONFIRM_READ);
        leases && self.leader_heard_within().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figure 10: three servers become five. Two of the old and three of the new need have nobody in common, but no
    /// two quorums of the joint configuration have nobody in common, nor has one of it with one of either set.
    #[test]
    fn joint_quorums_overlap() {
        let (old, new) = (Config::of(0b00111), Config::of(0b11111));
        let joint = Config { old: old.new, ..new };
        let quorums = |config: Config| (0..32u64).filter(move |set| config.is_quorum(*set, quorum::majority));
        let disjoint = |a: Config, b: Config| quorums(a).any(|one| quorums(b).any(|other| one & other == 0));
        assert!(disjoint(old, new));
        assert!(!disjoint(joint, joint) && !disjoint(joint, old) && !disjoint(joint, new));
    }

    /// Dissertation, section 4.1: with one server at a time any two majorities overlap.
    #[test]
    fn one_at_a_time_overlaps() {
        for size in 1..8usize {
            assert!(quorum::majority(size) + quorum::majority(size + 1) > size + 1);
        }
    }
}
