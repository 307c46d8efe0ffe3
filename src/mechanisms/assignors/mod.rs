//! How a consumer group's leader gives partitions to members: Kafka's range, round-robin, sticky and cooperative-sticky
//! assignors (`org.apache.kafka.clients.consumer`, Kafka 4.0; KIP-54, KIP-429, KIP-341; no rack information).
//!
//! Members come as a list; its order is that in which the assignor meets them, which in Kafka is a hash map's. Ties are
//! broken by the members' ids, as in Kafka.

mod general;
mod sticky;

use litemap::LiteMap;

use crate::sim::small;

/// A topic, numbered in the order of names, and a partition of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Number of the topic.
    pub topic: u16,
    /// Number of the partition within it.
    pub index: u16,
}

/// A member and what it says about itself when it joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Rank of its member id among all.
    pub id: u32,
    /// Rank of its group instance id: a static member (KIP-345).
    pub instance: Option<u32>,
    /// The topics it subscribes to.
    pub topics: Vec<u16>,
    /// What it owned before.
    pub owned: Vec<Partition>,
    /// In which generation; `None` when it does not say.
    pub generation: Option<u32>,
}

/// What each member gets, in the order of the members.
pub type Assignment = Vec<Vec<Partition>>;

/// Which assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Each topic in ranges: the first members get one more.
    Range,
    /// All partitions of all topics, one after the other, to the members in turn.
    RoundRobin,
    /// As even as possible, and then with as few moves as possible.
    Sticky,
    /// Like sticky, but a partition that another member still owns goes to nobody until it has been given up.
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// Whether members keep their partitions while they rejoin (KIP-429).
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Assignor::CooperativeSticky)
    }

    /// Gives partitions to members. `counts`: how many partitions each topic has.
    pub fn assign(self, counts: &[u16], members: &[Member]) -> Assignment {
        match self {
            _ if members.is_empty() => Vec::new(),
            Assignor::Range => range(counts, members),
            Assignor::RoundRobin => round_robin(counts, members),
            Assignor::Sticky => sticky::assign(counts, members).0,
            Assignor::CooperativeSticky => cooperative(counts, members),
        }
    }
}

/// All partitions of a topic.
fn partitions_of(topic: u16, counts: &[u16]) -> impl Iterator<Item = Partition> + use<> {
    let count = counts.get(usize::from(topic)).copied().unwrap_or(0);
    (0..count).map(move |index| Partition { topic, index })
}

/// All partitions, by topic and number.
fn all_partitions(counts: &[u16]) -> impl Iterator<Item = Partition> {
    (0..counts.len() as u16).flat_map(|topic| partitions_of(topic, counts))
}

/// Members in Kafka's order: static ones first, by instance; then the others, by id.
fn in_order(members: &[Member]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    small::sort_by_key(&mut order, |at| (members[*at].instance.is_none(), members[*at].instance, members[*at].id));
    order
}

fn range(counts: &[u16], members: &[Member]) -> Assignment {
    let mut given = vec![Vec::new(); members.len()];
    let order = in_order(members);
    for topic in 0..counts.len() as u16 {
        let takers: Vec<usize> = order.iter().copied().filter(|at| members[*at].topics.contains(&topic)).collect();
        let count = usize::from(counts[usize::from(topic)]);
        let Some(each) = count.checked_div(takers.len()) else { continue };
        let mut rest = partitions_of(topic, counts);
        for (turn, at) in takers.iter().enumerate() {
            let share = each + usize::from(turn < count % takers.len());
            given[*at].extend(rest.by_ref().take(share));
        }
    }
    given
}

fn round_robin(counts: &[u16], members: &[Member]) -> Assignment {
    let mut given = vec![Vec::new(); members.len()];
    let order = in_order(members);
    let mut turn = 0;
    for partition in all_partitions(counts) {
        let takes = |step: &usize| members[order[(turn + step) % order.len()]].topics.contains(&partition.topic);
        let Some(step) = (0..order.len()).find(takes) else { continue };
        given[order[(turn + step) % order.len()]].push(partition);
        turn += step + 1;
    }
    given
}

/// Sticky, minus what changes hands: that goes to nobody until its owner has given it up.
fn cooperative(counts: &[u16], members: &[Member]) -> Assignment {
    let (mut given, transferring) = sticky::assign(counts, members);
    let transferring = transferring.unwrap_or_else(|| changing_hands(members, &given));
    for (at, list) in given.iter_mut().enumerate() {
        list.retain(|partition| transferring.get(partition) != Some(&at));
    }
    given
}

/// What one member gets and another owned.
fn changing_hands(members: &[Member], given: &Assignment) -> LiteMap<Partition, usize> {
    let lost = |(member, list): (&Member, &Vec<Partition>)| {
        member.owned.iter().copied().filter(|owned| !list.contains(owned)).collect::<Vec<_>>()
    };
    let lost = small::set_of(members.iter().zip(given).flat_map(lost));
    let gains = |at: usize| {
        let new = given[at].iter().filter(move |partition| !members[at].owned.contains(partition));
        new.map(move |partition| (*partition, at))
    };
    small::map_of((0..members.len()).flat_map(gains).filter(|gain| lost.contains_key(&gain.0)))
}
