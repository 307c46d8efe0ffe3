//! The sticky assignor where members subscribe to different topics: keep what is owned, hand out the rest to the
//! member with the fewest, then move single partitions as long as that evens out the load.

use litemap::LiteMap;

use crate::sim::small::{self, Set};

use super::sticky::Claims;
use super::{Assignment, Member, Partition, partitions_of};

/// A move of a topic's partition: the topic, from which member, to which.
type Move = (u16, usize, usize);
/// How many partitions a member has, its id, and its place in the list.
type Rank = (usize, u32, usize);

struct Balance<'a> {
    counts: &'a [u16],
    members: &'a [Member],
    given: Assignment,
    owner: LiteMap<Partition, usize>,
    /// The owner before the last, by partition.
    before: LiteMap<Partition, usize>,
    /// Members that take part, by how many they have and then by id.
    sorted: Set<Rank>,
    moves: LiteMap<Move, Set<Partition>>,
    moved: LiteMap<Partition, (usize, usize)>,
}

pub(super) fn assign(counts: &[u16], members: &[Member], claims: &Claims) -> Assignment {
    let mut balance = Balance {
        counts,
        members,
        given: claims.owned.clone(),
        owner: LiteMap::new(),
        before: earlier_owners(members, claims),
        sorted: Set::new(),
        moves: LiteMap::new(),
        moved: LiteMap::new(),
    };
    balance.run();
    balance.given
}

/// Which member owned a partition in a generation before the newest.
fn earlier_owners(members: &[Member], claims: &Claims) -> LiteMap<Partition, usize> {
    let mut found: LiteMap<Partition, (Option<u32>, usize)> = LiteMap::new();
    for (at, member) in members.iter().enumerate().filter(|(_, member)| member.generation < claims.newest) {
        for partition in &member.owned {
            let known = found.entry(*partition).or_insert((member.generation, at));
            if member.generation > known.0 {
                *known = (member.generation, at);
            }
        }
    }
    small::map_of(found.into_iter().map(|(partition, (_, at))| (partition, at)))
}

impl Balance<'_> {
    fn takers(&self, topic: u16) -> impl Iterator<Item = usize> {
        (0..self.members.len()).filter(move |at| self.members[*at].topics.contains(&topic))
    }

    fn rank(&self, at: usize) -> Rank {
        (self.given[at].len(), self.members[at].id, at)
    }

    /// The most a member could have.
    fn most(&self, at: usize) -> usize {
        let topics = small::set_of(self.members[at].topics.iter().copied());
        topics.keys().map(|topic| partitions_of(*topic, self.counts).count()).sum()
    }

    /// All partitions, those that the fewest members can take first.
    fn partitions(&self) -> Vec<Partition> {
        let mut topics: Vec<u16> = (0..self.counts.len() as u16).collect();
        small::sort_by_key(&mut topics, |topic| (self.takers(*topic).count(), *topic));
        topics.into_iter().flat_map(|topic| partitions_of(topic, self.counts)).collect()
    }

    fn run(&mut self) {
        let mut revoked = false;
        for (at, list) in self.given.iter_mut().enumerate() {
            let topics = &self.members[at].topics;
            let counts = self.counts;
            list.retain(|partition| partition.index < counts.get(usize::from(partition.topic)).copied().unwrap_or(0));
            let before = list.len();
            list.retain(|partition| topics.contains(&partition.topic));
            revoked |= list.len() < before;
        }
        for (at, list) in self.given.iter().enumerate() {
            list.iter().for_each(|partition| {
                self.owner.insert(*partition, at);
            });
        }
        self.sorted = small::set_of((0..self.members.len()).map(|at| self.rank(at)));
        let initial = self.given.iter().all(Vec::is_empty);
        let mut all = self.partitions();
        let mut fresh: Vec<Partition> =
            all.iter().copied().filter(|partition| !self.owner.contains_key(partition)).collect();
        fresh.iter().for_each(|partition| self.hand_out(*partition));
        self.even_out(&mut all, &mut fresh, initial, revoked);
    }

    fn hand_out(&mut self, partition: Partition) {
        let takes = |at: &usize| self.members[*at].topics.contains(&partition.topic);
        let Some(at) = self.sorted.keys().map(|rank| rank.2).find(takes) else { return };
        self.give(at, partition);
    }

    fn give(&mut self, at: usize, partition: Partition) {
        self.sorted.remove(&self.rank(at));
        self.given[at].push(partition);
        self.owner.insert(partition, at);
        self.sorted.insert(self.rank(at), ());
    }

    fn even_out(&mut self, all: &mut Vec<Partition>, fresh: &mut Vec<Partition>, initial: bool, revoked: bool) {
        let movable: Vec<u16> =
            (0..self.counts.len() as u16).filter(|topic| self.takers(*topic).count() >= 2).collect();
        all.retain(|partition| movable.contains(&partition.topic));
        fresh.retain(|partition| movable.contains(&partition.topic));
        let fixed = |at: &usize| {
            let given = &self.given[*at];
            given.len() >= self.most(*at) && !given.iter().any(|partition| movable.contains(&partition.topic))
        };
        let fixed: Vec<usize> = (0..self.members.len()).filter(fixed).collect();
        for at in &fixed {
            self.sorted.remove(&self.rank(*at));
        }
        let (given, owner) = (self.given.clone(), self.owner.clone());
        if !revoked {
            self.reassign(fresh);
        }
        let changed = self.reassign(all);
        let score = |given: &Assignment| {
            let taking = |at: &usize| !fixed.contains(at);
            let sizes: Vec<usize> = (0..given.len()).filter(taking).map(|at| given[at].len()).collect();
            let pairs = |at: usize| sizes[..at].iter().map(|other| sizes[at].abs_diff(*other)).sum::<usize>();
            (0..sizes.len()).map(pairs).sum::<usize>()
        };
        if !initial && changed && score(&self.given) >= score(&given) {
            (self.given, self.owner) = (given, owner);
        }
    }

    /// Moves partitions to members that have fewer, until nothing is gained. True when something moved.
    fn reassign(&mut self, partitions: &[Partition]) -> bool {
        let mut any = false;
        loop {
            let mut moved = false;
            for partition in partitions {
                if self.is_even() {
                    break;
                }
                moved |= self.improve(*partition);
            }
            any |= moved;
            if !moved {
                return any;
            }
        }
    }

    fn improve(&mut self, partition: Partition) -> bool {
        let Some(at) = self.owner.get(&partition).copied() else { return false };
        let more_than = |other: usize| self.given[at].len() > self.given[other].len() + 1;
        if let Some(earlier) = self.before.get(&partition).copied().filter(|other| more_than(*other)) {
            self.pass_on(partition, earlier);
            return true;
        }
        if !self.takers(partition.topic).any(more_than) {
            return false;
        }
        let takes = |other: &usize| self.members[*other].topics.contains(&partition.topic);
        let Some(least) = self.sorted.keys().map(|rank| rank.2).find(takes) else { return false };
        self.pass_on(partition, least);
        true
    }

    /// Moves a partition, or instead one of the same topic that moved the other way before.
    fn pass_on(&mut self, partition: Partition, to: usize) {
        let Some(owner) = self.owner.get(&partition).copied() else { return };
        let from = self.moved.get(&partition).map_or(owner, |moved| moved.0);
        let back = self.moves.get(&(partition.topic, to, from)).and_then(|moves| Some(*moves.first()?.0));
        let partition = back.unwrap_or(partition);
        let Some(from) = self.owner.get(&partition).copied() else { return };
        self.record(partition, from, to);
        self.sorted.remove(&self.rank(from));
        self.given[from].retain(|kept| *kept != partition);
        self.sorted.insert(self.rank(from), ());
        self.give(to, partition);
    }

    /// Remembers a partition's overall move, from its first owner to its latest.
    fn record(&mut self, partition: Partition, from: usize, to: usize) {
        let origin = match self.moved.remove(&partition) {
            Some((origin, last)) => {
                if let Some(moves) = self.moves.get_mut(&(partition.topic, origin, last)) {
                    moves.remove(&partition);
                }
                origin
            }
            None => from,
        };
        if origin != to {
            self.moved.insert(partition, (origin, to));
            self.moves.entry((partition.topic, origin, to)).or_default().insert(partition, ());
        }
    }

    /// Whether no single move could even it out further.
    fn is_even(&self) -> bool {
        let size = |rank: Option<(&Rank, &())>| rank.map_or(0, |rank| rank.0.0);
        if size(self.sorted.first()) + 1 >= size(self.sorted.last()) {
            return true;
        }
        let could_gain = |&(have, _, at): &Rank| {
            let richer = |partition: Partition| {
                self.owner.get(&partition).is_some_and(|other| *other != at && have < self.given[*other].len())
            };
            let topics = self.members[at].topics.iter();
            have != self.most(at) && topics.flat_map(|topic| partitions_of(*topic, self.counts)).any(richer)
        };
        !self.sorted.keys().any(could_gain)
    }
}
