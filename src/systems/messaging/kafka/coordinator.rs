//! The group coordinator: who is in a group, in which generation, and what the group has committed.
//!
//! The classic protocol's states: Empty, PreparingRebalance (members join), CompletingRebalance (the leader assigns),
//! Stable. A completed rebalance is on disk; what happens between two is not.

use litemap::LiteMap;
use std::rc::Rc;

use super::broker::Broker;
use super::wire::{Badge, MemberId, Offsets, Refused, Shares, Subscription};
use super::{
    FENCE, FENCED, Kafka, MEMBERS, MOVED, Message, Note, POLL_INTERVAL, READ_KEEPS, REBALANCES, SESSION, Timer,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, System};
use crate::sim::numbers::counted;

/// group.initial.rebalance.delay.ms is 3 s; here a tenth of that.
const GATHER: Micros = 300 * MS;

/// The state of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// No members.
    #[default]
    Empty,
    /// Members join.
    Preparing,
    /// All have joined; the leader assigns.
    Completing,
    /// Everyone can know what it owns.
    Stable,
}

/// A member, as the coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Where it runs.
    pub node: NodeId,
    /// group.instance.id.
    pub instance: Option<u16>,
    /// What it said it owned when it joined, and since which generation.
    pub owned: Rc<Vec<u16>>,
    pub owned_in: u32,
    /// It has joined and waits for the others.
    pub joined: bool,
    /// It waits for its assignment.
    pub syncing: bool,
    /// What it was assigned.
    pub share: Rc<Vec<u16>>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its state.
    pub state: GroupState,
    /// Raised with each rebalance.
    pub generation: u32,
    /// The member that assigns; 0 for none.
    pub leader: MemberId,
    /// It was empty, and waits for its first members.
    pub gathering: bool,
    /// Who is in it.
    pub members: LiteMap<MemberId, Member>,
}

impl Group {
    /// Why a request of this member is refused, if it is.
    fn check(&self, badge: Badge) -> Result<(), Refused> {
        if !self.members.contains_key(&badge.member) {
            return Err(Refused::UnknownMember);
        }
        if badge.generation != self.generation { Err(Refused::IllegalGeneration) } else { Ok(()) }
    }

    fn roster(&self) -> Rc<Vec<Subscription>> {
        let line = |(id, member): (&MemberId, &Member)| Subscription {
            member: *id,
            instance: member.instance,
            owned: Rc::clone(&member.owned),
            generation: member.owned_in,
        };
        Rc::new(self.members.iter().map(line).collect())
    }

    /// The member that runs on a node, the newest if there are several.
    pub fn member_on(&self, node: NodeId) -> Option<(MemberId, &Member)> {
        self.members.iter().rev().find(|(_, member)| member.node == node).map(|(id, member)| (*id, member))
    }
}

impl Broker<'_, '_> {
    /// Restarts a member's session timeout.
    pub(super) fn watch(context: &mut Context<Kafka>, group: u8, member: MemberId) {
        let timeout = context.amount(SESSION);
        context.set_timer(Timer::Session(group, member), timeout);
    }

    fn group_of(&self, node: NodeId) -> u8 {
        Kafka::group(self.context.settings(), node)
    }

    fn group(&mut self, group: u8) -> &mut Group {
        self.groups.entry(group).or_default()
    }

    pub(super) fn group_request(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Join { badge, instance, owned, owned_in } => {
                let instance = instance.then_some(from.0);
                let member = Member {
                    node: from,
                    instance,
                    owned,
                    owned_in,
                    joined: true,
                    syncing: false,
                    share: Rc::default(),
                };
                self.join(from, badge, member);
            }
            Message::Sync { badge, shares } => self.sync(from, badge, shares),
            Message::Heartbeat { badge } => self.heartbeat(from, badge),
            Message::Leave { badge } => self.leave(from, badge),
            Message::Commit { badge, offsets } => self.commit(from, badge, &offsets),
            other => self.context.why(|_| format!("The broker has no use for this: {}.", other.name())),
        }
    }

    fn refuse(&mut self, to: NodeId, badge: Badge, why: Refused, what: &str) {
        let group = self.group_of(to);
        let now = self.group(group).generation;
        self.context.count(FENCED, to.0, u64::from(why != Refused::Rebalance));
        self.context.why_rule(FENCE, |s| {
            let (name, said) = (Kafka::name(s, to), badge.generation);
            format!("{name}'s {what} says generation {said}; the group is at {now}: {}.", why.code())
        });
        self.context.send(to, Message::Refused { badge, why });
    }

    fn join(&mut self, from: NodeId, badge: Badge, mut member: Member) {
        let at = self.group_of(from);
        let name = Kafka::name(self.context.settings(), from);
        let state = self.group(at);
        let same_instance = |known: &Member| member.instance.is_some() && known.instance == member.instance;
        let twin = state.members.iter().find(|(_, known)| same_instance(known)).map(|(id, _)| *id);
        let (stage, leader) = (state.state, state.leader);
        if badge.member == 0 {
            self.newcomer(at, member, twin);
            return;
        }
        let Some(known) = self.group(at).members.get(&badge.member) else {
            let why = if twin.is_some() { Refused::FencedInstance } else { Refused::UnknownMember };
            self.refuse(from, badge, why, "JoinGroup");
            return;
        };
        let same = known.owned == member.owned;
        member.share = Rc::clone(&known.share);
        let id = badge.member;
        let current = same && (stage == GroupState::Completing || (stage == GroupState::Stable && id != leader));
        member.joined = !current;
        self.group(at).members.insert(id, member);
        if current {
            self.context.why(|_| format!("{name} has nothing new to say: it is told the current generation again."));
            self.admit(at, id);
            return;
        }
        self.context.cancel_timer(Timer::Session(at, id));
        self.context.why(|_| format!("{name} joins again, as member {id}."));
        if stage == GroupState::Preparing { self.complete_if_all_joined(at) } else { self.prepare(at) }
    }

    /// A member without an id; `twin` is the static member whose place it takes.
    fn newcomer(&mut self, at: u8, mut member: Member, twin: Option<MemberId>) {
        self.disk.last_member += 1;
        let id = self.disk.last_member;
        let name = Kafka::name(self.context.settings(), member.node);
        let state = self.group(at);
        let before = twin.and_then(|old| state.members.remove(&old).map(|known| (old, known)));
        let Some((old, before)) = before else {
            state.members.insert(id, member);
            self.context.why(|_| format!("{name} is new: it becomes member {id}, and the group must rebalance."));
            self.prepare(at);
            return;
        };
        let keeps_place = state.state == GroupState::Stable;
        member.share = before.share;
        member.joined = !keeps_place;
        state.members.insert(id, member);
        if state.leader == old {
            state.leader = id;
        }
        self.context.cancel_timer(Timer::Session(at, old));
        self.context.why(|_| match keeps_place {
            true => {
                format!("{name} is static: as member {id} it takes the place of member {old}, without a rebalance.")
            }
            false => format!("{name} is static: member {id} takes the place of member {old}."),
        });
        if keeps_place {
            self.store(at);
            self.admit(at, id);
        } else {
            self.prepare(at);
        }
    }

    /// Members must rejoin.
    fn prepare(&mut self, at: u8) {
        let state = self.group(at);
        let (before, badge) = (state.state, Badge { member: 0, generation: state.generation });
        state.state = GroupState::Preparing;
        let waiting: Vec<(MemberId, NodeId)> =
            state.members.iter().filter(|entry| entry.1.syncing).map(|(id, member)| (*id, member.node)).collect();
        state.members.iter_mut().for_each(|(_, member)| member.syncing = false);
        for (member, node) in waiting {
            self.context.send(node, Message::Refused { badge: Badge { member, ..badge }, why: Refused::Rebalance });
        }
        if before == GroupState::Empty {
            self.group(at).gathering = true;
            self.context.set_timer(Timer::Gather(at), GATHER);
            return;
        }
        if before != GroupState::Preparing {
            let wait = self.context.amount(POLL_INTERVAL);
            self.context.set_timer(Timer::Rebalance(at), wait);
        }
        self.complete_if_all_joined(at);
    }

    fn complete_if_all_joined(&mut self, at: u8) {
        let state = self.group(at);
        let missing = state.members.values().filter(|member| !member.joined).count();
        if state.state == GroupState::Preparing && !state.gathering && missing == 0 {
            self.complete(at);
        } else if missing > 0 {
            self.context.why(|_| format!("{} still to join.", counted(missing as u64, "member")));
        }
    }

    /// All have joined, or the wait is over: a new generation. Dynamic members that did not join are out.
    fn complete(&mut self, at: u8) {
        self.context.cancel_timer(Timer::Rebalance(at));
        let state = self.group(at);
        let gone: Vec<MemberId> = state
            .members
            .iter()
            .filter(|(_, member)| !member.joined && member.instance.is_none())
            .map(|(id, _)| *id)
            .collect();
        gone.iter().for_each(|id| drop(state.members.remove(id)));
        let joined: Vec<MemberId> = state.members.iter().filter(|entry| entry.1.joined).map(|(id, _)| *id).collect();
        let is_empty = state.members.is_empty();
        let Some(first) = joined.first().copied().or(is_empty.then_some(0)) else {
            let wait = self.context.amount(POLL_INTERVAL);
            self.context.set_timer(Timer::Rebalance(at), wait);
            return;
        };
        state.generation += 1;
        state.gathering = false;
        if !joined.contains(&state.leader) {
            state.leader = first;
        }
        state.state = if is_empty { GroupState::Empty } else { GroupState::Completing };
        let (generation, leader, count) = (state.generation, state.leader, state.members.len());
        gone.iter().for_each(|id| self.context.cancel_timer(Timer::Session(at, *id)));
        self.context.count(REBALANCES, u16::from(at), 1);
        self.context.why(|_| match is_empty {
            true => format!("The group is empty: generation {generation} has no members."),
            false => {
                format!(
                    "Generation {generation} begins with {}; member {leader} assigns.",
                    counted(count as u64, "member")
                )
            }
        });
        if is_empty {
            self.store(at);
        }
        joined.into_iter().for_each(|id| self.admit(at, id));
        self.measure_members(at);
    }

    /// Answers a JoinGroup: the generation, and for the leader of a new one the members.
    fn admit(&mut self, at: u8, member: MemberId) {
        let state = self.group(at);
        let leads = state.leader == member && state.state == GroupState::Completing;
        let roster = leads.then(|| state.roster());
        let badge = Badge { member, generation: state.generation };
        let Some(known) = state.members.get_mut(&member) else { return };
        known.joined = false;
        let node = known.node;
        self.context.send(node, Message::Joined { badge, roster });
        Broker::watch(self.context, at, member);
    }

    fn sync(&mut self, from: NodeId, badge: Badge, shares: Option<Shares>) {
        let at = self.group_of(from);
        let state = self.group(at);
        let stage = state.state;
        let fine =
            state.check(badge).and(if stage == GroupState::Preparing { Err(Refused::Rebalance) } else { Ok(()) });
        if let Err(why) = fine {
            self.refuse(from, badge, why, "SyncGroup");
            return;
        }
        let leads = state.leader == badge.member;
        if let Some(member) = state.members.get_mut(&badge.member) {
            member.syncing = true;
        }
        Broker::watch(self.context, at, badge.member);
        let name = Kafka::name(self.context.settings(), from);
        if let (GroupState::Completing, true, Some(shares)) = (stage, leads, shares) {
            self.context.why(|_| format!("{name} leads the group and says who gets which partitions."));
            self.assign(at, &shares);
        } else if stage == GroupState::Completing {
            self.context.why(|_| format!("{name} waits until the group's leader has assigned."));
        } else {
            self.context.why(|_| format!("{name} learns what the leader has assigned it."));
        }
        self.answer_syncs(at);
    }

    fn assign(&mut self, at: u8, shares: &Shares) {
        let state = self.group(at);
        let owners = |state: &Group| -> Vec<(u16, NodeId)> {
            let pairs = |member: &Member| member.share.iter().map(|share| (*share, member.node)).collect::<Vec<_>>();
            state.members.values().flat_map(pairs).collect()
        };
        let before = owners(state);
        for (id, member) in &mut state.members {
            member.share =
                shares.iter().find(|share| share.0 == *id).map(|share| Rc::clone(&share.1)).unwrap_or_default();
        }
        state.state = GroupState::Stable;
        let after = owners(state);
        let moves = |pair: &&(u16, NodeId)| before.iter().any(|old| old.0 == pair.0 && old.1 != pair.1);
        let moved = after.iter().filter(moves).count() as u64;
        self.context.count(MOVED, u16::from(at), moved);
        self.store(at);
        self.measure_members(at);
    }

    fn answer_syncs(&mut self, at: u8) {
        let state = self.group(at);
        if state.state != GroupState::Stable {
            return;
        }
        let generation = state.generation;
        let answer = |(id, member): (&MemberId, &mut Member)| {
            std::mem::take(&mut member.syncing).then(|| (member.node, *id, Rc::clone(&member.share)))
        };
        let answers: Vec<_> = state.members.iter_mut().filter_map(answer).collect();
        for (node, member, share) in answers {
            self.context.send(node, Message::Synced { badge: Badge { member, generation }, share });
        }
    }

    /// Writes the group to __consumer_offsets: from now on its generation outlives the coordinator.
    fn store(&mut self, at: u8) {
        let state = self.group(at).clone();
        self.context.note(Note::Generation { group: at, generation: state.generation });
        self.disk.groups.insert(at, state);
    }

    fn heartbeat(&mut self, from: NodeId, badge: Badge) {
        let at = self.group_of(from);
        let state = self.group(at);
        let (fine, stage) = (state.check(badge), state.state);
        if let Err(why) = fine {
            self.refuse(from, badge, why, "heartbeat");
            return;
        }
        let name = Kafka::name(self.context.settings(), from);
        Broker::watch(self.context, at, badge.member);
        if stage == GroupState::Preparing {
            self.context.why(|_| format!("{name} is alive, and is told to join again: the group rebalances."));
            self.context.send(from, Message::Refused { badge, why: Refused::Rebalance });
        } else {
            self.context.why(|_| format!("{name} is alive, in generation {}.", badge.generation));
            self.context.send(from, Message::Beat { badge });
        }
    }

    fn leave(&mut self, from: NodeId, badge: Badge) {
        let at = self.group_of(from);
        self.context.why(|s| format!("{} leaves its group.", Kafka::name(s, from)));
        self.remove(at, badge.member);
    }

    fn remove(&mut self, at: u8, member: MemberId) {
        self.context.cancel_timer(Timer::Session(at, member));
        if self.group(at).members.remove(&member).is_some() {
            self.prepare(at);
        }
    }

    pub(super) fn group_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Session(at, member) => {
                let waits = self.group(at).members.get(&member).is_some_and(|known| known.joined);
                self.context.why(|_| match waits {
                    true => format!("Member {member} waits for the others to join: it is not dead."),
                    false => format!("Member {member} was silent for the session timeout: it is considered dead."),
                });
                if !waits {
                    self.remove(at, member);
                }
            }
            Timer::Gather(at) => {
                self.context.why(|_| "The group was empty; its first members have had time to join.".to_owned());
                self.group(at).gathering = false;
                self.complete(at);
            }
            Timer::Rebalance(at) => {
                self.context.why(|_| "Members that have not joined by now are out.".to_owned());
                if self.group(at).state == GroupState::Preparing {
                    self.complete(at);
                }
            }
            _ => self.context.why(|_| "The broker has no such timer.".to_owned()),
        }
    }

    fn commit(&mut self, from: NodeId, badge: Badge, offsets: &Offsets) {
        let at = self.group_of(from);
        let state = self.group(at);
        let (known, stage) = (state.check(badge), state.state);
        let fine = match known {
            Ok(()) if stage == GroupState::Completing => Err(Refused::Rebalance),
            other => other,
        };
        let fenced = self.context.rule(FENCE);
        if let (Err(why), true) = (fine, fenced || known.is_ok()) {
            self.refuse(from, badge, why, "commit");
            return;
        }
        if known.is_ok() {
            Broker::watch(self.context, at, badge.member);
        }
        let generation = badge.generation;
        for &(partition, offset) in offsets.iter() {
            self.disk.committed.insert((at, partition), offset);
            self.context.note(Note::Commit { group: at, consumer: from, partition, offset, generation });
        }
        self.context.why_rule(FENCE, |s| {
            let (name, words) = (Kafka::name(s, from), positions(offsets));
            match known {
                Ok(()) => format!("{name} commits {words} in generation {generation}, the present one."),
                Err(_) => format!("{name} commits {words}, and nobody asks whether it is still in the group."),
            }
        });
        self.context.send(from, Message::Committed { badge });
        if !self.context.rule(READ_KEEPS) {
            offsets.iter().for_each(|&(partition, offset)| self.consume(partition, offset));
        }
    }

    fn measure_members(&mut self, at: u8) {
        if at == 0 {
            let members = &self.group(0).members;
            let (all, owners) = (members.len(), members.values().filter(|member| !member.share.is_empty()).count());
            self.context.gauge(MEMBERS, 0, all as i64);
            self.context.gauge(MEMBERS, 1, owners as i64);
        }
    }
}

/// "offset 4 of partition 0".
fn positions(offsets: &Offsets) -> String {
    let words: Vec<String> =
        offsets.iter().map(|(partition, offset)| format!("offset {offset} of partition {partition}")).collect();
    words.join(", ")
}
