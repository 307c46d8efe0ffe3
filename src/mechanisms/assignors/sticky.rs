//! The sticky assignor: what members may keep, and the fast path when all subscribe to the same topics.
//!
//! Follows Kafka's `AbstractStickyAssignor`: previous owners are checked against generations; then every member gets
//! the floor or the ceiling of the even share, keeping as much as fits.

use std::collections::VecDeque;

use litemap::LiteMap;

use crate::sim::small::{self, Set};

use super::{Assignment, Member, Partition, all_partitions, general};

/// What members owned, after false claims are struck out.
pub(super) struct Claims {
    /// By member.
    pub owned: Assignment,
    /// Claimed by two members of one generation: given back.
    pub disputed: Set<Partition>,
    /// The newest generation that any member names.
    pub newest: Option<u32>,
}

/// Gives partitions to members; also says what changes hands, if the fast path was taken.
pub(super) fn assign(counts: &[u16], members: &[Member]) -> (Assignment, Option<LiteMap<Partition, usize>>) {
    let claims = claims(counts, members);
    let set = |member: &Member| small::set_of(member.topics.iter().copied());
    let first = set(&members[0]);
    if members.iter().all(|member| set(member) == first) {
        let subscribed: Vec<Partition> =
            all_partitions(counts).filter(|partition| first.contains_key(&partition.topic)).collect();
        let mut filling = Filling::new(members, subscribed.len());
        filling.keep_owned(&claims);
        filling.deal(&subscribed, &claims);
        return (filling.given, Some(filling.transferring));
    }
    (general::assign(counts, members, &claims), None)
}

/// A partition belongs to the claimant of the newest generation; two of one generation both lose it.
fn claims(counts: &[u16], members: &[Member]) -> Claims {
    let mut claims = Claims { owned: vec![Vec::new(); members.len()], disputed: Set::new(), newest: None };
    let mut owner: LiteMap<Partition, usize> = LiteMap::new();
    for (at, member) in members.iter().enumerate() {
        claims.newest = claims.newest.max(member.generation);
        for partition in member.owned.iter().filter(|owned| usize::from(owned.topic) < counts.len()) {
            match owner.get(partition).copied() {
                Some(other) if members[other].generation == member.generation => {
                    claims.disputed.insert(*partition, ());
                    continue;
                }
                Some(other) if members[other].generation > member.generation => continue,
                Some(other) => claims.owned[other].retain(|owned| owned != partition),
                None => {}
            }
            claims.owned[at].push(*partition);
            owner.insert(*partition, at);
        }
    }
    claims
}

/// Members being filled up to an even share.
struct Filling {
    given: Assignment,
    /// Below the floor, by id.
    under: Vec<usize>,
    /// At the floor; some of them may get one more.
    exact: VecDeque<usize>,
    floor: usize,
    ceiling: usize,
    /// How many members should get the ceiling, where it differs from the floor.
    over_wanted: usize,
    over: usize,
    ids: Vec<u32>,
    revoked: Set<Partition>,
    transferring: LiteMap<Partition, usize>,
}

impl Filling {
    fn new(members: &[Member], partitions: usize) -> Filling {
        let count = members.len().max(1);
        Filling {
            given: vec![Vec::new(); members.len()],
            under: Vec::new(),
            exact: VecDeque::new(),
            floor: partitions / count,
            ceiling: partitions.div_ceil(count),
            over_wanted: partitions % count,
            over: 0,
            ids: members.iter().map(|member| member.id).collect(),
            revoked: Set::new(),
            transferring: LiteMap::new(),
        }
    }

    /// Every member keeps what it owned, up to its share.
    fn keep_owned(&mut self, claims: &Claims) {
        for (at, owned) in claims.owned.iter().enumerate() {
            let mut owned: Vec<Partition> =
                owned.iter().copied().filter(|partition| !claims.disputed.contains_key(partition)).collect();
            small::sort_by_key(&mut owned, |partition| (partition.index, partition.topic));
            let keeps = if owned.len() < self.floor {
                self.under.push(at);
                owned.len()
            } else if owned.len() >= self.ceiling && self.over < self.over_wanted {
                self.over += 1;
                if self.over == self.over_wanted {
                    self.exact.clear();
                }
                self.ceiling
            } else {
                if self.over < self.over_wanted {
                    self.exact.push_back(at);
                }
                self.floor
            };
            owned.drain(keeps..).for_each(|partition| {
                self.revoked.insert(partition, ());
            });
            self.given[at] = owned;
        }
        let ids = &self.ids;
        small::sort_by_key(&mut self.under, |at| ids[*at]);
        small::sort_by_key(self.exact.make_contiguous(), |at| ids[*at]);
    }

    /// Deals out what nobody kept: in rounds to those below the floor, then one each to those at it.
    fn deal(&mut self, subscribed: &[Partition], claims: &Claims) {
        let kept = small::set_of(self.given.iter().flatten().copied());
        let mut next = 0;
        for partition in subscribed.iter().copied().filter(|partition| !kept.contains_key(partition)) {
            if next >= self.under.len() {
                next = 0;
            }
            let taker = match self.under.get(next) {
                Some(at) => Some(*at),
                None => self.exact.pop_front(),
            };
            let Some(at) = taker else { break };
            self.given[at].push(partition);
            if self.revoked.contains_key(&partition) || claims.disputed.contains_key(&partition) {
                self.transferring.insert(partition, at);
            }
            if self.under.get(next) != Some(&at) {
                continue;
            }
            if self.given[at].len() == self.floor {
                self.under.remove(next);
                self.exact.push_back(at);
            } else {
                next += 1;
            }
        }
    }
}
