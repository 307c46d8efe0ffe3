//! What a share group promises, judged by what the broker hands out and what workers do and are told.

use super::share::{Place, State};
use super::{BROKER, LIMIT, LOCK_DURATION, Memory, Note, PARTITIONS, ShareGroups, SharePartition, is_shared, workers};
use crate::never;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::numbers::times;

/// How many records are remembered: all that may be open, and as many again.
const KEPT: usize = 240;
/// How long beyond its lock a record may be with one worker.
const SLACK: Time = 5 * SEC;

/// What was seen of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub place: Place,
    /// Deliveries, but for those that a crash of the broker wiped out.
    pub counted: u32,
    /// All deliveries.
    pub delivered: u32,
    /// Who holds the lock.
    held: Option<NodeId>,
    worked: bool,
    settled: bool,
    /// Who was told that it is accepted.
    accepted: Option<NodeId>,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// By the order in which they were produced.
    records: Vec<Seen>,
    /// Settled without having been worked on, and without a dead letter.
    pub unworked: Vec<Place>,
    /// A record that was delivered more often than the limit, and how often.
    pub over: Option<(Place, u32)>,
    /// A record that was handed to a second worker while the first one held it.
    pub shared: Option<(Place, NodeId, NodeId)>,
    /// A record that was handed out although a worker had been told that it is accepted.
    pub again: Option<(Place, NodeId, NodeId)>,
}

impl Witness {
    /// What was seen of a record, if that is remembered.
    pub fn record(&self, place: Place) -> Option<&Seen> {
        self.records.iter().find(|seen| seen.place == place)
    }

    /// The most often that any record was delivered.
    pub fn most_delivered(&self) -> u32 {
        self.records.iter().map(|seen| seen.delivered).max().unwrap_or(0)
    }

    fn produced(&mut self, place: Place) {
        if self.records.len() == KEPT {
            let old = self.records.iter().position(|seen| seen.settled).unwrap_or(0);
            self.records.remove(old);
        }
        let seen = Seen { place, counted: 0, delivered: 0, held: None, worked: false, settled: false, accepted: None };
        self.records.push(seen);
    }

    fn delivered(&mut self, place: Place, to: NodeId, limit: u32) {
        let Some(seen) = self.records.iter_mut().find(|seen| seen.place == place) else { return };
        seen.counted += 1;
        seen.delivered += 1;
        let second = seen.held.filter(|held| *held != to).map(|held| (place, held, to));
        let again = seen.accepted.map(|by| (place, by, to));
        seen.held = Some(to);
        let over = (seen.counted > limit).then_some((place, seen.counted));
        (self.over, self.shared, self.again) = (self.over.or(over), self.shared.or(second), self.again.or(again));
    }

    fn settled(&mut self, place: Place, dead: bool) {
        let Some(seen) = self.records.iter_mut().find(|seen| seen.place == place) else { return };
        (seen.settled, seen.held) = (true, None);
        if !seen.worked && !dead {
            self.unworked.push(place);
        }
    }

    /// The broker knows no lock any more, and nothing of the deliveries under way.
    fn recovered(&mut self) {
        for seen in self.records.iter_mut().filter(|seen| seen.held.is_some()) {
            seen.counted -= 1;
            seen.held = None;
        }
    }

    fn about(&mut self, place: Place, change: impl Fn(&mut Seen)) {
        self.records.iter_mut().filter(|seen| seen.place == place).for_each(change);
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], settings: &Settings) {
    let limit = settings.amount(LIMIT) as u32;
    for note in notes {
        match *note {
            Note::Produced { place } => witness.produced(place),
            Note::Delivered { place, to } => witness.delivered(place, to, limit),
            Note::Returned { place, by } => witness.about(place, |seen| {
                if by.is_none() || by == seen.held {
                    seen.held = None;
                }
            }),
            Note::Settled { place, dead } => witness.settled(place, dead),
            Note::Worked { place } => {
                witness.about(place, |seen| seen.worked = true);
                witness.unworked.retain(|known| *known != place);
            }
            Note::Accepted { place, node } => witness.about(place, |seen| seen.accepted = Some(node)),
            Note::Recovered => witness.recovered(),
        }
    }
}

fn name(world: &World<ShareGroups>, node: NodeId) -> String {
    ShareGroups::name(world.settings(), node)
}

/// What the broker knows of the records, while it runs.
pub fn share(world: &World<ShareGroups>) -> Option<&[SharePartition; PARTITIONS]> {
    match world.memory(BROKER) {
        Some(Memory::Broker { share, .. }) => Some(share),
        _ => None,
    }
}

/// The workers that have a record in hand.
pub fn hands(world: &World<ShareGroups>, place: Place) -> Vec<NodeId> {
    let has = |id: &NodeId| match world.memory(*id) {
        Some(Memory::Worker { hand, .. }) => hand.iter().any(|delivery| delivery.place == place),
        _ => false,
    };
    workers(world.settings()).filter(has).collect()
}

/// A record that is over and done with, and that nobody has worked on or will.
fn lost(world: &World<ShareGroups>) -> Option<Place> {
    world.witness().unworked.iter().copied().find(|place| hands(world, *place).is_empty())
}

/// No record gets lost.
pub const WORKED: Promise<ShareGroups> = never!(
    "worked-or-dead-letter",
    "Worked on, or a dead letter",
    "A record that is acknowledged or archived has been worked on, or has left a dead letter.",
    |world| lost(world),
    |_world, place| Breach {
        nodes: vec![BROKER],
        text: format!("Record {place} is finished for the group, and nobody has worked on it."),
        values: vec![
            ("broker".to_owned(), format!("will not deliver record {place} again")),
            ("workers".to_owned(), "nobody has worked on it or holds it".to_owned()),
            ("dead-letter topic".to_owned(), "has nothing of it".to_owned()),
        ],
    }
);

/// Bounded deliveries.
pub const WITHIN_LIMIT: Promise<ShareGroups> = never!(
    "within-the-limit",
    "No more deliveries than the limit",
    "No record is delivered more often than the limit. A delivery under way when the broker crashes does not count.",
    |world| world.witness().over,
    |world, (place, count)| Breach {
        nodes: vec![BROKER],
        text: format!("Record {place} was delivered {}.", times(u64::from(count))),
        values: vec![
            ("limit".to_owned(), world.settings().amount(LIMIT).to_string()),
            ("deliveries".to_owned(), count.to_string()),
        ],
    }
);

/// One holder.
pub const ONE_HOLDER: Promise<ShareGroups> = never!(
    "one-holder",
    "One holder at a time",
    "A record is not handed out while another worker's lock on it has neither been answered nor run out.",
    |world| world.witness().shared,
    |world, (place, first, second)| Breach {
        nodes: vec![first, second],
        text: format!("Record {place} is with two workers, and both hold its lock."),
        values: vec![
            (name(world, first), format!("holds the lock on record {place}")),
            (name(world, second), format!("was handed record {place}")),
        ],
    }
);

/// Accepted is final.
pub const FINAL: Promise<ShareGroups> = never!(
    "accepted-is-final",
    "Accepted is final",
    "A record that a worker was told is accepted is never delivered again.",
    |world| world.witness().again,
    |world, (place, by, to)| Breach {
        nodes: vec![by, BROKER, to],
        text: format!("Record {place} was accepted, and is delivered again."),
        values: vec![
            (name(world, by), format!("was told that record {place} is accepted")),
            ("broker".to_owned(), format!("hands it to {}", name(world, to))),
        ],
    }
);

/// A record that has been with a worker for longer than its lock and some.
fn stuck(world: &World<ShareGroups>) -> Option<(Place, NodeId)> {
    let now = world.kernel().node(BROKER).local(world.kernel().now());
    let most = world.settings().amount(LOCK_DURATION) + SLACK;
    let late = |state| match state {
        State::Acquired(holder) if now > holder.since.saturating_add(most) => Some(holder.node),
        _ => None,
    };
    share(world)?.iter().zip(0..).find_map(|(share, partition)| {
        let mut held = share.in_flight().filter_map(|(offset, record)| Some((offset, late(record.state)?)));
        held.next().map(|(offset, holder)| (Place { partition, offset }, holder))
    })
}

/// Work goes on.
pub const MOVES: Promise<ShareGroups> = Promise {
    id: "no-record-is-stuck",
    title: "No record stays with a dead worker",
    about: "A record that is not answered within its lock comes back or is archived within a few seconds.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: |world| stuck(world).is_none() && share(world).is_some(),
    explain: |world| match stuck(world) {
        Some((place, holder)) => {
            let name = ShareGroups::name(world.settings(), holder);
            Breach {
                nodes: vec![BROKER, holder],
                text: format!("Record {place} is with {name}, which will never answer for it."),
                values: vec![
                    (ShareGroups::name(world.settings(), BROKER), format!("keeps record {place} locked")),
                    (name, format!("will not answer for {place}")),
                ],
            }
        }
        None => Breach { nodes: vec![BROKER], text: "The broker is down.".to_owned(), values: Vec::new() },
    },
};

/// In a consumer group there are no locks and no counts.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[WORKED.id, WITHIN_LIMIT.id, MOVES.id],
    beyond: |settings| !is_shared(settings),
    says: "Promised for a share group: a consumer group has no locks that run out, counts no deliveries, and has no \
           dead-letter topic.",
}];
