//! How a share group is drawn: records with their states, in memory and as written, and who has which.

use super::prelude::*;
use crate::systems::messaging::share_groups::promises::{hands, share};
use crate::systems::messaging::share_groups::share::{AckType, Place, SharePartition, State};
use crate::systems::messaging::share_groups::{
    self as groups, BROKER, BrokerDisk, Delivery, Disk, FIRST, Memory, Message, OVERTAKEN, PARTITIONS, PRODUCER,
    Partition, Phase, ShareGroups, Timer, is_shared, key_name,
};

pub type Pool = World<ShareGroups>;

/// How many records of a partition are drawn, and how many of them before its start offset.
const SHOWN: u32 = 8;
const BEHIND: u32 = 2;

impl Face for ShareGroups {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Produce { poison: true, .. } => ('P', Glyph::Square, Tone::Broken),
            Message::Produce { .. } => ('r', Glyph::Square, Tone::Producer),
            Message::Fetch { .. } => ('?', Glyph::Diamond, Tone::Consumer),
            Message::Records { deliveries, .. } if deliveries.iter().any(|one| one.count > 1) => {
                ('R', Glyph::Square, Tone::Risk)
            }
            Message::Records { .. } => ('R', Glyph::Square, Tone::Store),
            Message::Acknowledge { kind: AckType::Accept, .. } => ('a', Glyph::Pill, Tone::Consumer),
            Message::Acknowledge { kind: AckType::Renew, .. } => ('n', Glyph::Dot, Tone::Consumer),
            Message::Acknowledge { .. } => ('b', Glyph::Pill, Tone::Risk),
            Message::Answer { taken: true, .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Answer { .. } => ('x', Glyph::Pill, Tone::Broken),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let record = |place: Place| vec![field("partition", place.partition), field("offset", place.offset)];
        match message {
            Message::Produce { key, .. } => vec![field("key", key_name(*key))],
            Message::Fetch { epoch, most } => vec![field("fetch", epoch), field("at most", most)],
            Message::Records { epoch, deliveries } => {
                let words = deliveries.iter().map(|one| format!("{}, delivery {}", one.place, one.count));
                vec![field("fetch", epoch), field("records", words.collect::<Vec<_>>().join("; "))]
            }
            Message::Acknowledge { place, kind, .. } => {
                [record(*place), vec![field("acknowledge type", kind.word())]].concat()
            }
            Message::Answer { place, kind, taken, .. } => {
                let error = if *taken { "none" } else { "INVALID_RECORD_STATE" };
                [record(*place), vec![field("acknowledge type", kind.word()), field("error", error)]].concat()
            }
        }
    }

    fn inspect(world: &Pool, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match &node.disk {
            Disk::Producer => Vec::new(),
            Disk::Worker { epoch } => vec![field("last fetch", epoch)],
            Disk::Broker(disk) => {
                let dead = disk.dead.iter().map(|one| one.place.to_string()).collect::<Vec<_>>().join(" ");
                [states(&disk.state), vec![field("dead letters", dead)]].concat()
            }
        };
        let memory = match &node.memory {
            None | Some(Memory::Producer) => Vec::new(),
            Some(Memory::Broker { share, sessions }) => {
                let waiting = sessions.iter().filter(|one| one.most > 0);
                let names: Vec<String> = waiting.map(|one| ShareGroups::name(world.settings(), one.node)).collect();
                [states(share), vec![field("waiting for records", names.join(", "))]].concat()
            }
            Some(Memory::Worker { hand, .. }) => {
                let places: Vec<String> = hand.iter().map(|one| one.place.to_string()).collect();
                vec![field("records in hand", places.join(", "))]
            }
        };
        Inspection { disk, memory }
    }
}

fn states(all: &[SharePartition; PARTITIONS]) -> Fields {
    let lines = (0..).zip(all).map(|(at, share): (usize, _)| {
        let words = share.in_flight().map(|(offset, one)| format!("{offset}: {}", written_word(one.state, one.count)));
        let words: Vec<String> = words.collect();
        [
            field(format!("partition {at}, start offset"), share.start()),
            field(format!("partition {at}, records"), words.join(", ")),
        ]
    });
    lines.flatten().collect()
}

/// A record's state in a cell: how often it was delivered, or how it ended.
fn written_word(state: State, count: u32) -> String {
    match state {
        State::Available => count.to_string(),
        State::Acquired(_) => format!("{count}, held"),
        State::Acknowledged => "done".to_owned(),
        State::Archived => "dead".to_owned(),
    }
}

pub fn disk(world: &Pool) -> Option<&BrokerDisk> {
    match &world.node(BROKER)?.disk {
        Disk::Broker(disk) => Some(disk),
        _ => None,
    }
}

pub fn phase(world: &Pool, id: NodeId) -> Option<Phase> {
    match world.memory(id) {
        Some(Memory::Worker { phase, .. }) => Some(*phase),
        _ => None,
    }
}

/// The record that a worker works on.
pub fn at_work(world: &Pool, id: NodeId) -> Option<Delivery> {
    match world.memory(id) {
        Some(Memory::Worker { phase: Phase::Works, hand }) => hand.first().copied(),
        _ => None,
    }
}

/// Whether this many workers have one record in hand.
pub fn doubled(world: &Pool, count: usize) -> bool {
    groups::workers(world.settings())
        .filter_map(|id| at_work(world, id))
        .any(|delivery| hands(world, delivery.place).len() >= count)
}

pub fn flies(world: &Pool, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

type Space = ((i32, i32), (i32, i32));

/// Where things are in a picture: nodes by their centres, figures by their top left corners and sizes.
struct Plan {
    producer: (i32, i32),
    broker: (i32, i32),
    workers: Vec<(i32, i32)>,
    partitions: [Space; PARTITIONS],
    locks: Space,
    dead: Space,
    /// What each worker has done. There is no room for it on a phone.
    done: Option<Space>,
}

fn plan(frame: Frame, workers: usize) -> Plan {
    let above = if workers > 3 { workers.div_ceil(2) } else { workers };
    let rows = |first: Area, second: Area| first.row(above).into_iter().chain(second.row(workers - above)).collect();
    match frame {
        Frame::Wide => Plan {
            producer: (450, 80),
            broker: (450, 280),
            workers: Area::new(580, 10, 120, 540).column(workers),
            partitions: [((16, 30), (360, 88)), ((16, 138), (360, 88))],
            locks: ((706, 30), (244, 520)),
            dead: ((16, 440), (360, 110)),
            done: Some(((16, 252), (360, 170))),
        },
        Frame::Narrow => Plan {
            producer: (66, 50),
            broker: (270, 50),
            workers: rows(Area::new(4, 105, 392, 74), Area::new(4, 195, 392, 74)),
            partitions: [((8, 284), (384, 80)), ((8, 366), (384, 80))],
            locks: ((8, 450), (262, 106)),
            dead: ((282, 450), (110, 106)),
            done: None,
        },
    }
}

pub fn picture(world: &Pool, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all: Vec<NodeId> = groups::workers(world.settings()).collect();
    let plan = plan(frame, all.len());
    let mut producer = NodeMark::new(PRODUCER, plan.producer, Shape::Service, "producer");
    producer.tone = Tone::Producer;
    picture.nodes.push(producer);
    let mut broker = NodeMark::new(BROKER, plan.broker, Shape::Broker, "broker");
    broker.tone = Tone::Store;
    broker.state = format!("{} out of order", world.metrics().total(OVERTAKEN, 0));
    picture.nodes.push(broker);
    picture.nodes.extend(all.iter().zip(plan.workers).map(|(id, at)| worker(world, *id, at)));
    picture.link_all(&[BROKER], &[PRODUCER]);
    picture.link_all(&[BROKER], &all);
    picture.figures.extend((0..PARTITIONS).map(|at| records(world, at, plan.partitions[at])));
    picture.figures.push(locks(world, plan.locks));
    picture.figures.push(dead_letters(world, plan.dead));
    picture.figures.extend(plan.done.map(|space| done(world, &all, space)));
    picture
}

fn worker(world: &Pool, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, ShareGroups::name(world.settings(), id));
    let (phase, hand) = match world.memory(id) {
        Some(Memory::Worker { phase, hand }) => (Some(*phase), hand.first()),
        _ => (None, None),
    };
    let place = hand.map(|one| one.place);
    let words = place.map(|place| place.to_string()).unwrap_or_default();
    (mark.state, mark.tone) = match phase {
        Some(Phase::Works) => (format!("works on {words}"), Tone::Consumer),
        Some(Phase::Answers(AckType::Accept)) => (format!("{words}: accepted?"), Tone::Question),
        Some(Phase::Answers(_)) => (format!("{words}: given back"), Tone::Risk),
        Some(Phase::Asks) if owns_nothing(world, id) => ("has no partition".to_owned(), Tone::Off),
        Some(Phase::Asks) => ("asks".to_owned(), Tone::Neutral),
        None => (String::new(), Tone::Off),
    };
    let lock = place.filter(|place| holder(world, *place) == Some(id));
    let timer = lock.and_then(|place| world.timers(BROKER).find(|timer| timer.0 == Timer::Lock(place)));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Whether a worker of a consumer group is one too many.
pub fn owns_nothing(world: &Pool, id: NodeId) -> bool {
    !is_shared(world.settings()) && id.index() >= FIRST + PARTITIONS
}

/// Who holds the lock on a record.
fn holder(world: &Pool, place: Place) -> Option<NodeId> {
    share(world)?[usize::from(place.partition)].holder(place.offset).map(|holder| holder.node)
}

/// A partition's records around the start offset: as the broker knows them, and as they are written.
fn records(world: &Pool, at: usize, (corner, size): Space) -> Figure {
    let empty = (Partition::default(), SharePartition::default());
    let (topic, written) = disk(world).map_or((&empty.0, &empty.1), |disk| (&disk.topic[at], &disk.state[at]));
    let now = share(world).map(|share| &share[at]);
    let start = now.unwrap_or(written).start();
    let first = start.saturating_sub(BEHIND).max(topic.start);
    let offsets = || (first..topic.end()).take(SHOWN as usize);
    let memory = offsets().map(|offset| cell(topic, now, offset)).collect();
    let disk = offsets().map(|offset| written_cell(written, offset)).collect();
    let bar = |start: u32| (start >= first && start - first <= SHOWN).then(|| (start - first) as u16);
    let rows = vec![
        GridRow { label: "state".to_owned(), cells: memory, mark: bar(start) },
        GridRow { label: "written".to_owned(), cells: disk, mark: bar(written.start()) },
    ];
    let more = topic.end().saturating_sub(first + SHOWN);
    let title = match more {
        0 => format!("Partition {at}; the bar: start offset"),
        _ => format!("Partition {at}, and {more} more; the bar: start offset"),
    };
    let id = if at == 0 { "partition-0" } else { "partition-1" };
    Figure { id, at: corner, size, title, body: Body::Grid { first, rows } }
}

fn cell(topic: &Partition, share: Option<&SharePartition>, offset: u32) -> Cell {
    let Some(record) = topic.get(offset) else { return Cell::firm("", Tone::Off) };
    let key = if record.poison { '!' } else { key_name(record.key) };
    let Some(share) = share else { return Cell::loose(key, Tone::Off) };
    match share.get(offset).map(|known| (known.state, known.count)) {
        _ if offset < share.start() => Cell::firm(key, Tone::Off),
        None | Some((State::Available, 0)) => Cell::firm(key, Tone::Store),
        Some((State::Available, _)) => Cell::firm(key, Tone::Risk),
        Some((State::Acquired(holder), _)) => {
            Cell::loose(format!("{key} w{}", holder.node.index() + 1 - FIRST), Tone::Consumer)
        }
        Some((State::Acknowledged, _)) => Cell::firm(key, Tone::Fine),
        Some((State::Archived, _)) => Cell::firm(key, Tone::Broken),
    }
}

fn written_cell(written: &SharePartition, offset: u32) -> Cell {
    match written.get(offset) {
        _ if offset < written.start() => Cell::firm("done", Tone::Off),
        None => Cell::firm("0", Tone::Neutral),
        Some(known) => {
            let tone = match known.state {
                State::Acknowledged => Tone::Fine,
                State::Archived => Tone::Broken,
                _ if known.count > 0 => Tone::Risk,
                _ => Tone::Neutral,
            };
            Cell::firm(written_word(known.state, known.count), tone)
        }
    }
}

/// The records that somebody has, or holds the lock of.
fn locks(world: &Pool, (at, size): Space) -> Figure {
    let held = |place: &Place| holder(world, *place).is_some() || !hands(world, *place).is_empty();
    let open = share(world).into_iter().flatten().zip(0..);
    let places =
        open.flat_map(|(share, partition)| share.in_flight().map(move |one| Place { partition, offset: one.0 }));
    let list: Vec<Place> = places.filter(held).collect();
    let shown = if size.1 < 200 { 3 } else { 12 };
    let rows = list.iter().take(shown).map(|place| lock_row(world, *place)).collect();
    let head = ["record", "lock", "in hand", "count"].map(str::to_owned).to_vec();
    let title = if is_shared(world.settings()) { "Locks" } else { "Being worked on" };
    Figure { id: "locks", at, size, title: format!("{title}: {}", list.len()), body: Body::Table { head, rows } }
}

fn lock_row(world: &Pool, place: Place) -> Vec<Cell> {
    let short = |id: NodeId| format!("w{}", id.index() + 1 - FIRST);
    let (lock, hands) = (holder(world, place), hands(world, place));
    let names: Vec<String> = hands.iter().map(|id| short(*id)).collect();
    let (text, tone) = match names.as_slice() {
        [] if flies(world, |message| brings(message, place)) => ("in flight".to_owned(), Tone::Neutral),
        [] => ("nobody".to_owned(), Tone::Risk),
        [one] => (one.clone(), Tone::Consumer),
        [one, two] => (format!("{one}, {two}"), Tone::Risk),
        many => (format!("{} workers", many.len()), Tone::Risk),
    };
    let known = share(world).and_then(|share| share[usize::from(place.partition)].get(place.offset));
    vec![
        Cell::firm(place.to_string(), Tone::Neutral),
        lock.map_or(Cell::firm("none", Tone::Risk), |id| Cell::firm(short(id), Tone::Consumer)),
        Cell::firm(text, tone),
        Cell::firm(known.map_or(0, |known| known.count).to_string(), Tone::Neutral),
    ]
}

fn brings(message: &Message, place: Place) -> bool {
    matches!(message, Message::Records { deliveries, .. } if deliveries.iter().any(|one| one.place == place))
}

fn dead_letters(world: &Pool, (at, size): Space) -> Figure {
    let all = disk(world).map_or(&[][..], |disk| &disk.dead);
    let latest = all.iter().rev().take(3);
    let row = |one: &groups::DeadLetter| {
        vec![Cell::firm(one.place.to_string(), Tone::Broken), Cell::firm(one.count.to_string(), Tone::Neutral)]
    };
    let rows = latest.map(row).collect();
    let head = ["record", "tries"].map(str::to_owned).to_vec();
    Figure { id: "dead", at, size, title: "Dead letters".to_owned(), body: Body::Table { head, rows } }
}

fn done(world: &Pool, all: &[NodeId], (at, size): Space) -> Figure {
    let count = |id: NodeId| world.metrics().total(groups::DONE, id.0) as u32;
    let full = all.iter().map(|id| count(*id)).max().unwrap_or(0).max(10);
    let bar = |id: &NodeId| Bar {
        label: ShareGroups::name(world.settings(), *id),
        value: count(*id),
        full,
        text: count(*id).to_string(),
        tone: if owns_nothing(world, *id) { Tone::Off } else { Tone::Consumer },
    };
    let bars = all.iter().map(bar).collect();
    Figure { id: "done", at, size, title: "Accepted, by worker".to_owned(), body: Body::Bars(bars) }
}
