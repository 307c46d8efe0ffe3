//! What all three promise, judged by what the shops were told and what the workers did.

use super::{
    Brokers, Disk, LATENCY, Lane, Message, Note, PATIENCE, RATE, State, TASK, WORKERS, broker, jetstream_lane,
    kafka_lane, lanes, rabbit_lane, worker,
};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::seen::Seen;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{Micros, SEC, Time};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::{Scene, System};
use crate::sim::machine::world::World;
use crate::systems::messaging::{jetstream, kafka, rabbitmq};

type Shop = World<Brokers>;

/// The most confirmed orders that wait to be seen worked.
const MOST_OPEN: usize = 400;
/// How many of the oldest open orders are looked for after each event.
const LOOKED_FOR: usize = 12;
/// How long an order may take once nothing is wrong.
const WITHIN: Time = 30 * SEC;

/// What has been seen of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Orders that the shop takes for safe.
    pub confirmed: u32,
    /// Orders that were worked, each counted once.
    pub worked: u32,
    /// Orders that were worked again.
    pub again: u32,
    /// Orders that the broker took in a second time.
    pub copies: u32,
    /// The first of those.
    pub twice: Option<u32>,
    /// The longest that an order took until it was worked for the first time.
    pub longest: Micros,
    /// How long the broker took to give up on the last worker that was gone.
    pub noticed: Option<Micros>,
    done: Seen,
    stored: Seen,
    /// Confirmed, and not worked: which, and since when.
    open: Vec<(u32, Time)>,
    killed: [Option<Time>; WORKERS],
}

/// What has been seen of the run so far, by lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness([Tally; 3]);

impl Witness {
    /// What has been seen of a lane.
    pub fn of(&self, lane: Lane) -> &Tally {
        &self.0[lane as usize]
    }
}

impl Tally {
    fn confirm(&mut self, id: u32, now: Time) {
        self.confirmed = self.confirmed.saturating_add(1);
        if !self.done.lacks(id) {
            return;
        }
        if self.open.len() == MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push((id, now));
    }

    fn work(&mut self, id: u32, took: Micros) {
        self.open.retain(|open| open.0 != id);
        if self.done.add(id) {
            self.again = self.again.saturating_add(1);
        } else {
            self.worked = self.worked.saturating_add(1);
            self.longest = self.longest.max(took);
        }
    }

    fn store(&mut self, id: u32) {
        if self.stored.add(id) {
            self.copies = self.copies.saturating_add(1);
            self.twice = self.twice.or(Some(id));
        }
    }

    /// The broker has given up on somebody: on whom depends on who is gone.
    fn notice(&mut self, lane: Lane, scene: &Scene) {
        let gone = |at: usize| {
            let node = scene.kernel.node(worker(scene.settings, lane, at));
            if node.up { self.killed[at] } else { Some(node.up_changed) }
        };
        if let Some(since) = (0..WORKERS).filter_map(gone).max() {
            self.noticed = Some(scene.kernel.now().saturating_sub(since));
        }
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], scene: &Scene) {
    let now = scene.kernel.now();
    for note in notes {
        match *note {
            Note::Confirmed { lane, id } => witness.0[lane as usize].confirm(id, now),
            Note::Stored { lane, id } => witness.0[lane as usize].store(id),
            Note::Worked { lane, id, took } => witness.0[lane as usize].work(id, took),
            Note::Noticed { lane } => witness.0[lane as usize].notice(lane, scene),
            Note::Killed { lane, worker, gone } => {
                witness.0[lane as usize].killed[usize::from(worker).min(WORKERS - 1)] = gone.then_some(now);
            }
        }
    }
}

/// Whether an order is somewhere in a node from where it will be worked.
fn node_has(world: &Shop, lane: Lane, node: NodeId, id: u32) -> bool {
    let log = world.node(broker(world.settings(), lane)).map(|node| &node.disk);
    let Some(node) = world.node(node) else { return false };
    let state = node.memory.as_ref().and_then(|memory| memory.state.as_ref());
    match (&node.disk, state, log) {
        (Disk::Rabbit(disk), Some(State::Rabbit(memory)), _) => rabbit_lane::has(disk, Some(memory), id),
        (Disk::Rabbit(disk), _, _) => rabbit_lane::has(disk, None, id),
        (Disk::Kafka(disk), Some(State::Kafka(memory)), Some(Disk::Kafka(log))) => {
            kafka_lane::has(disk, Some(memory), log, id)
        }
        (Disk::Kafka(disk), _, Some(Disk::Kafka(log))) => kafka_lane::has(disk, None, log, id),
        (Disk::Jet(disk), Some(State::Jet(memory)), _) => jetstream_lane::has(disk, Some(memory), id),
        (Disk::Jet(disk), _, _) => jetstream_lane::has(disk, None, id),
        _ => false,
    }
}

/// Whether an order is somewhere from where it will be worked.
fn is_kept(world: &Shop, lane: Lane, id: u32) -> bool {
    let first = super::outer(world.settings(), lane, NodeId(0)).index();
    let brings = |message: &Message| match (lane, message) {
        (Lane::RabbitMq, Message::Rabbit(message)) => rabbit_lane::brings(message, id),
        (Lane::Kafka, Message::Kafka(message)) => kafka_lane::brings(message, id),
        (Lane::JetStream, Message::Jet(message)) => jetstream_lane::brings(message, id),
        _ => false,
    };
    (first..first + super::NODES).any(|node| node_has(world, lane, NodeId::from(node), id))
        || world.flights().any(|flight| brings(flight.message))
}

/// The order that a worker of a lane works on.
pub fn works_on(world: &Shop, lane: Lane, at: usize) -> Option<u32> {
    order_of(world.memory(worker(world.settings(), lane, at))?.state.as_ref()?)
}

/// The order that a node works on.
pub(super) fn order_of(state: &State) -> Option<u32> {
    match state {
        State::Rabbit(rabbitmq::Memory::Worker { working, .. }) => Some(working.as_ref()?.message.id),
        State::Kafka(kafka::Memory::Consumer(consumer)) => {
            Some(consumer.working.iter().flatten().next()?.record.number)
        }
        State::Jet(jetstream::Memory::Worker { phase: jetstream::Phase::Works(_, task), .. }) => Some(task.id),
        _ => None,
    }
}

/// Whether a worker works, for the first time, on an order that its broker would give to nobody else.
pub fn is_alone(world: &Shop, lane: Lane, at: usize) -> bool {
    let node = broker(world.settings(), lane);
    works_on(world, lane, at)
        .is_some_and(|id| world.witness().of(lane).done.lacks(id) && !node_has(world, lane, node, id))
}

/// The confirmed orders of a lane that nobody has worked and nobody will, as far as the oldest of the open ones show.
pub fn lost(world: &Shop, lane: Lane) -> Vec<u32> {
    let open = world.witness().of(lane).open.iter().take(LOOKED_FOR).map(|open| open.0);
    open.filter(|id| !is_kept(world, lane, *id)).collect()
}

/// How many orders the broker could deliver from the start, worked or not.
pub fn replayable(world: &Shop, lane: Lane) -> u32 {
    let node = broker(world.settings(), lane);
    match world.node(node).map(|node| &node.disk) {
        Some(Disk::Kafka(kafka::Disk::Broker(disk))) => disk.logs.iter().map(|log| log.len()).sum(),
        Some(Disk::Jet(disk)) => disk.store.stream.msgs().len() as u32,
        _ => 0,
    }
}

fn is_worked(world: &Shop, lane: Lane) -> bool {
    let open = world.witness().of(lane).open.iter().take(LOOKED_FOR);
    open.into_iter().all(|open| is_kept(world, lane, open.0))
}

fn explain_lost(world: &Shop, lane: Lane) -> Breach {
    let Some(id) = lost(world, lane).first().copied() else { return Breach::default() };
    let kept = match lane {
        Lane::RabbitMq => "has no such order any more",
        Lane::Kafka => "may have it in the log, behind the group's offset",
        Lane::JetStream => "may have it in the stream, as acknowledged",
    };
    let counts = match world.rules().on(super::CONFIRMS) {
        true => "was confirmed",
        false => "counts as safe, though nobody confirmed it",
    };
    Breach {
        nodes: vec![broker(world.settings(), lane)],
        text: format!("Order {id} {counts}; no worker has done it, and none will get it."),
        values: vec![
            (
                Brokers::name(world.settings(), super::shop(world.settings(), lane)),
                format!("considers order {id} safe"),
            ),
            (lane.title().to_owned(), kept.to_owned()),
        ],
    }
}

/// RabbitMQ: nothing confirmed is lost.
pub const RABBIT_WORKS: Promise<Brokers> = Promise {
    id: "rabbitmq-works-all",
    title: "RabbitMQ processes what it confirmed",
    about: "Every order that RabbitMQ confirmed is done at least once, or will still be given to a worker.",
    kind: Kind::Always,
    holds: |world| is_worked(world, Lane::RabbitMq),
    explain: |world| explain_lost(world, Lane::RabbitMq),
};

/// Kafka: nothing confirmed is passed over.
pub const KAFKA_WORKS: Promise<Brokers> = Promise {
    id: "kafka-works-all",
    title: "Kafka processes what it confirmed",
    about: "Every order that Kafka confirmed is done at least once, or its group has yet to reach it.",
    kind: Kind::Always,
    holds: |world| is_worked(world, Lane::Kafka),
    explain: |world| explain_lost(world, Lane::Kafka),
};

/// JetStream: nothing confirmed is passed over.
pub const JETSTREAM_WORKS: Promise<Brokers> = Promise {
    id: "jetstream-works-all",
    title: "JetStream processes what it confirmed",
    about: "Every order that JetStream confirmed is done at least once, or will still be delivered.",
    kind: Kind::Always,
    holds: |world| is_worked(world, Lane::JetStream),
    explain: |world| explain_lost(world, Lane::JetStream),
};

fn twice(world: &Shop) -> Option<(Lane, u32)> {
    let of = |lane: Lane| world.witness().of(lane).twice.map(|id| (lane, id));
    [Lane::Kafka, Lane::JetStream].into_iter().find_map(of)
}

/// Kafka and JetStream store once.
pub const STORED_ONCE: Promise<Brokers> = never!(
    "stored-once",
    "Kafka, JetStream: stored once",
    "However often a shop sends an order, Kafka's log and JetStream's stream hold it once.",
    |world| twice(world),
    |world, (lane, id)| Breach {
        nodes: vec![broker(world.settings(), lane)],
        text: format!("Order {id} was sent again, and {} has stored it a second time.", lane.title()),
        values: vec![
            (Brokers::name(world.settings(), super::shop(world.settings(), lane)), format!("gave order {id} once")),
            (lane.title().to_owned(), format!("has order {id} twice")),
        ],
    }
);

/// Whether two workers, busy nine tenths of the time, can do what is ordered.
fn is_enough(world: &Shop) -> bool {
    let settings = world.settings();
    settings.amount(RATE) * (settings.amount(TASK) + 8 * LATENCY) <= WORKERS as u64 * SEC * 9 / 10
}

/// A lane in which an order has waited for too long.
fn late(world: &Shop) -> Option<(Lane, u32)> {
    let now = world.kernel().now();
    let late = |lane: Lane| {
        let open = world.witness().of(lane).open.iter().find(|open| now > open.1.saturating_add(WITHIN))?;
        Some((lane, open.0))
    };
    lanes(world.settings()).into_iter().find_map(late)
}

/// Liveness of all three.
pub const ALL_WORKED: Promise<Brokers> = Promise {
    id: "all-is-worked",
    title: "All three catch up",
    about: "Within 45 s after the last fault no confirmed order is older than 30 s, if two workers can keep up with \
            the orders.",
    kind: Kind::Eventually { within: 45 * SEC },
    holds: |world| late(world).is_none() || !is_enough(world),
    explain: |world| {
        let Some((lane, id)) = late(world) else { return Breach::default() };
        Breach {
            nodes: vec![broker(world.settings(), lane)],
            text: format!(
                "Nothing has been wrong for 45 s, and {} has had order {id} for more than 30 s.",
                lane.title()
            ),
            values: Vec::new(),
        }
    },
};

/// Workers keep pace with the orders, and their brokers do not lose patience with one at work.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[RABBIT_WORKS.id, KAFKA_WORKS.id, JETSTREAM_WORKS.id, ALL_WORKED.id],
    beyond: |settings| {
        let busy = settings.amount(RATE) * settings.amount(TASK);
        10 * busy > 8 * WORKERS as u64 * 1_000_000 || settings.amount(TASK) > settings.amount(PATIENCE)
    },
    says: "Promised only where the workers keep pace with the orders, and no task takes longer than a broker is patient.",
}];

/// See [`System::outside`](crate::sim::machine::system::System::outside).
pub(super) fn outside(world: &Shop, promise: &str) -> Option<&'static str> {
    let Disk::Jet(disk) = &world.node(broker(world.settings(), Lane::JetStream))?.disk else { return None };
    match promise {
        id if id == JETSTREAM_WORKS.id => {
            let lost = *lost(world, Lane::JetStream).first()?;
            (jetstream_lane::copies_at_limit(disk, lost)? == 0).then_some(
                "The stream is at its limit of messages: it discards the oldest for each new one, worked or not.",
            )
        }
        id if id == STORED_ONCE.id => {
            let again = twice(world).filter(|found| found.0 == Lane::JetStream)?.1;
            if jetstream_lane::is_beyond_window(disk, again, world.settings(), world.kernel().now()) {
                return Some("A copy that is under way for longer than the duplicate window arrives as a new message.");
            }
            (jetstream_lane::copies_at_limit(disk, again)? == 1).then_some(
                "The stream was at its limit and had discarded the message. A server that restarts reads the ids of \
                 the duplicate window back from what it still has.",
            )
        }
        _ => None,
    }
}
