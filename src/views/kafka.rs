//! What all Kafka scenarios show in the same way: messages, nodes, strips of offsets, what is inside.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::sim::numbers::counted;
use crate::systems::messaging::kafka::log::Log;
use crate::systems::messaging::kafka::wire::{Badge, Refused};
use crate::systems::messaging::kafka::{
    BROKER, BrokerDisk, Consumer, Disk, Group, GroupState, Kafka, Memory, Message, Phase, Producer, Timer,
};

pub type Shop = World<Kafka>;

/// Names of the strips.
const STRIPS: [&str; 4] = ["strip-0", "strip-1", "strip-2", "strip-3"];

impl Face for Kafka {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Produce(_) => ('P', Glyph::Square, Tone::Producer),
            Message::Produced { ok: true, .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Produced { .. } => ('x', Glyph::Pill, Tone::Risk),
            Message::Join { .. } => ('J', Glyph::Diamond, Tone::Question),
            Message::Joined { .. } => ('j', Glyph::Pill, Tone::Question),
            Message::Sync { .. } => ('S', Glyph::Diamond, Tone::Active),
            Message::Synced { .. } => ('s', Glyph::Pill, Tone::Active),
            Message::Heartbeat { .. } => ('h', Glyph::Dot, Tone::Neutral),
            Message::Beat { .. } => ('b', Glyph::Dot, Tone::Neutral),
            Message::Leave { .. } => ('L', Glyph::Diamond, Tone::Off),
            Message::Commit { .. } => ('C', Glyph::Square, Tone::Consumer),
            Message::Committed { .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::Refused { why: Refused::Rebalance, .. } => ('r', Glyph::Pill, Tone::Question),
            Message::Refused { .. } => ('x', Glyph::Pill, Tone::Broken),
            Message::Where { .. } => ('O', Glyph::Dot, Tone::Neutral),
            Message::Standings(_) => ('o', Glyph::Pill, Tone::Neutral),
            Message::Fetch { .. } => ('F', Glyph::Dot, Tone::Consumer),
            Message::Records(_) => ('R', Glyph::Square, Tone::Store),
            Message::Metadata => ('M', Glyph::Dot, Tone::Neutral),
            Message::Topic { .. } => ('m', Glyph::Pill, Tone::Neutral),
            Message::AskLag => ('?', Glyph::Diamond, Tone::Neutral),
            Message::Lag { .. } => ('l', Glyph::Pill, Tone::Neutral),
            Message::Grow { .. } => ('+', Glyph::Diamond, Tone::Active),
            Message::Run(_) => ('>', Glyph::Diamond, Tone::Service),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let spoken = |badge: &Badge| vec![field("generation", badge.generation), field("member", badge.member)];
        match message {
            Message::Produce(batch) => vec![
                field("partition", batch.partition),
                field("records", batch.records.len()),
                field("producer id", batch.producer),
                field("sequence", batch.sequence),
                field("acks", if batch.acks { "all" } else { "0" }.to_owned()),
            ],
            Message::Produced { partition, sequence, .. } => {
                vec![field("partition", partition), field("sequence", sequence)]
            }
            Message::Join { badge, owned, .. } => [spoken(badge), vec![field("owned", numbers(owned))]].concat(),
            Message::Joined { badge, roster } => {
                let leads = roster.as_ref().map(|roster| field("leads", counted(roster.len() as u64, "member")));
                spoken(badge).into_iter().chain(leads).collect()
            }
            Message::Synced { badge, share } => [spoken(badge), vec![field("partitions", numbers(share))]].concat(),
            Message::Commit { badge, offsets: pairs } => {
                [spoken(badge), vec![field("offsets", offsets(pairs))]].concat()
            }
            Message::Sync { badge, .. }
            | Message::Heartbeat { badge }
            | Message::Beat { badge }
            | Message::Leave { badge }
            | Message::Committed { badge }
            | Message::Refused { badge, .. } => spoken(badge),
            Message::Where { partitions } => vec![field("partitions", numbers(partitions))],
            Message::Standings(found) => found
                .iter()
                .map(|at| {
                    let committed = at.committed.map_or("none".to_owned(), |offset| offset.to_string());
                    field(format!("partition {}", at.partition), format!("{committed}, log {} to {}", at.start, at.end))
                })
                .collect(),
            Message::Fetch { positions } => vec![field("from", offsets(positions))],
            Message::Records(parts) => parts
                .iter()
                .map(|part| {
                    field(format!("partition {}", part.partition), counted(part.records.len() as u64, "record"))
                })
                .collect(),
            Message::Topic { partitions } | Message::Grow { partitions } => {
                vec![field("partitions", partitions)]
            }
            Message::Lag { records, .. } => vec![field("lag", records)],
            Message::Metadata | Message::AskLag | Message::Run(_) => Vec::new(),
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk = match &node.disk {
            Disk::Broker(disk) => inside_broker(disk),
            Disk::Producer { numbers, .. } => {
                let line = |(key, number): (&u16, &u32)| field(format!("key {key}"), format!("{number} produced"));
                numbers.iter().map(line).collect()
            }
            Disk::Consumer { running } => vec![field("standing order", if *running { "run" } else { "stop" })],
            Disk::Scaler => Vec::new(),
        };
        let mut memory = match &node.memory {
            None => return Inspection { disk, memory: Vec::new() },
            Some(Memory::Broker { groups, parked }) => {
                let mut all: Fields =
                    groups.iter().flat_map(|(group, state)| inside_group(world, *group, state)).collect();
                all.push(field("fetches waiting", list(parked.keys().map(|node| name(world, *node)))));
                all
            }
            Some(Memory::Producer(producer)) => inside_producer(producer),
            Some(Memory::Consumer(consumer)) => inside_consumer(consumer),
            Some(Memory::Scaler(scaler)) => vec![
                field("lag", scaler.lag),
                field("members wanted", scaler.wanted),
                field("partitions", scaler.partitions),
            ],
        };
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            memory.push(field(Kafka::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
        }
        Inspection { disk, memory }
    }
}

/// The broker's disk; it is there whether or not the broker is up.
pub fn disk(world: &Shop) -> Option<&BrokerDisk> {
    match world.node(BROKER).map(|node| &node.disk) {
        Some(Disk::Broker(disk)) => Some(disk),
        _ => None,
    }
}

pub fn logs(world: &Shop) -> impl Iterator<Item = (u16, &Log)> {
    let logs = disk(world).map_or(&[][..], |disk| &disk.logs);
    logs.iter().enumerate().map(|(partition, log)| (partition as u16, &**log))
}

pub fn committed(world: &Shop, group: u8, partition: u16) -> Option<u32> {
    disk(world)?.committed.get(&(group, partition)).copied()
}

/// A group as its coordinator has it in memory.
pub fn group(world: &Shop, group: u8) -> Option<&Group> {
    match world.memory(BROKER) {
        Some(Memory::Broker { groups, .. }) => groups.get(&group),
        _ => None,
    }
}

pub fn consumers(world: &Shop) -> Vec<NodeId> {
    Kafka::consumers(world.settings()).collect()
}

/// The n-th consumer, from 1.
pub fn nth(world: &Shop, number: u16) -> NodeId {
    Kafka::consumer(world.settings(), number - 1)
}

pub fn consumer(world: &Shop, node: NodeId) -> Option<&Consumer> {
    match world.memory(node) {
        Some(Memory::Consumer(consumer)) => Some(consumer),
        _ => None,
    }
}

pub fn is_running(world: &Shop, node: NodeId) -> bool {
    matches!(world.node(node).map(|node| &node.disk), Some(Disk::Consumer { running: true }))
}

pub fn name(world: &Shop, node: NodeId) -> String {
    Kafka::name(world.settings(), node)
}

pub fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

/// A command with its values.
pub fn command(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

fn list(items: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = items.take(20).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

/// "p0 p2".
pub fn owned(consumer: &Consumer) -> String {
    list(consumer.assigned.keys().map(|partition| format!("p{partition}")))
}

fn inside_broker(disk: &BrokerDisk) -> Fields {
    let log = |(at, log): (usize, &std::rc::Rc<Log>)| {
        field(format!("partition {at}"), format!("offsets {} to {}", log.start(), log.end()))
    };
    let offset = |(&(group, partition), offset): (&(u8, u16), &u32)| {
        field(format!("{} in partition {partition}", Kafka::group_name(group)), format!("committed {offset}"))
    };
    disk.logs.iter().enumerate().map(log).chain(disk.committed.iter().map(offset)).collect()
}

fn inside_group(world: &Shop, id: u8, state: &Group) -> Fields {
    let stage = match state.state {
        GroupState::Empty => "empty",
        GroupState::Preparing => "members join",
        GroupState::Completing => "leader assigns",
        GroupState::Stable => "stable",
    };
    let member = |(member, known): (&u32, &crate::systems::messaging::kafka::Member)| {
        let leads = if *member == state.leader { ", leads" } else { "" };
        let share = list(known.share.iter().map(|partition| format!("p{partition}")));
        field(format!("{}, member {member}", name(world, known.node)), format!("{share}{leads}"))
    };
    let first = field(format!("group {}", Kafka::group_name(id)), format!("generation {}, {stage}", state.generation));
    std::iter::once(first).chain(state.members.iter().map(member)).collect()
}

fn inside_consumer(consumer: &Consumer) -> Fields {
    let track = |(partition, track): (&u16, &crate::systems::messaging::kafka::Track)| {
        let at = |offset: Option<u32>| offset.map_or("not known".to_owned(), |offset| offset.to_string());
        let text = format!("{}, committed {}", at(track.position), at(track.committed));
        field(format!("position in p{partition}"), text)
    };
    let items = |items: &mut dyn Iterator<Item = &crate::systems::messaging::kafka::Item>| {
        list(items.map(|item| format!("p{}@{}", item.partition, item.offset)))
    };
    let mut all = vec![
        field("member", consumer.badge.member),
        field("generation", consumer.badge.generation),
        field("records in hand", items(&mut consumer.working.iter().flatten())),
        field("polled", items(&mut consumer.tasks.iter())),
        field("fetched", items(&mut consumer.fetched.iter())),
    ];
    all.extend(consumer.assigned.iter().map(track));
    all
}

fn inside_producer(producer: &Producer) -> Fields {
    let waiting = |(partition, records): (&u16, &Vec<_>)| {
        field(format!("waiting for partition {partition}"), counted(records.len() as u64, "record"))
    };
    let first = [
        field("producer id", producer.id),
        field("partitions it knows", producer.partitions),
        field("batches not answered", producer.in_flight.len()),
    ];
    first.into_iter().chain(producer.waiting.iter().map(waiting)).collect()
}

/// A producer.
pub fn producer_mark(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, name(world, node));
    mark.tone = Tone::Producer;
    if let Some(Memory::Producer(producer)) = world.memory(node) {
        let waiting: usize = producer.waiting.values().map(Vec::len).sum();
        mark.state = match (waiting, producer.in_flight.len()) {
            (0, 0) => "nothing to send".to_owned(),
            (waiting, 0) => format!("gathers {}", counted(waiting as u64, "record")),
            (_, flying) => format!("{} sent", counted(flying as u64, "batch")),
        };
    }
    mark
}

/// The broker, with a group's generation below it.
pub fn broker_mark(world: &Shop, at: (i32, i32), shown: Option<u8>) -> NodeMark {
    let mut mark = NodeMark::new(BROKER, at, Shape::Broker, "broker");
    mark.tone = Tone::Store;
    let Some(state) = shown.and_then(|shown| group(world, shown)) else { return mark };
    (mark.state, mark.tone) = match state.state {
        GroupState::Empty => (format!("generation {}, empty", state.generation), Tone::Store),
        GroupState::Preparing => ("rebalance: join".to_owned(), Tone::Question),
        GroupState::Completing => (format!("generation {}: assign", state.generation), Tone::Question),
        GroupState::Stable => (format!("generation {}", state.generation), Tone::Store),
    };
    mark
}

/// A consumer: what it does and owns.
pub fn consumer_mark(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, name(world, node));
    let Some(known) = consumer(world, node) else {
        mark.state = "down".to_owned();
        mark.tone = Tone::Off;
        return mark;
    };
    let unfinished = known.unfinished().count();
    let owns = owned(known);
    (mark.state, mark.tone) = match known.phase {
        Phase::Out if !is_running(world, node) => ("not running".to_owned(), Tone::Off),
        _ if unfinished > 0 => (format!("works, {unfinished} at hand"), Tone::Consumer),
        Phase::Out => ("outside the group".to_owned(), Tone::Risk),
        Phase::Joining if known.assigned.is_empty() => ("joins, stopped".to_owned(), Tone::Question),
        Phase::Joining => ("joins".to_owned(), Tone::Question),
        Phase::Syncing => ("waits for its share".to_owned(), Tone::Question),
        Phase::In if known.assigned.is_empty() => ("owns nothing: idle".to_owned(), Tone::Risk),
        Phase::In if owns.len() > 12 => (format!("owns {}", known.assigned.len()), Tone::Neutral),
        Phase::In => (format!("owns {owns}"), Tone::Neutral),
    };
    let poll = world.timers(node).find(|timer| matches!(timer.0, Timer::Work(_)));
    mark.ring = poll.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Where the strips go: left, top, width, and the height of each.
#[derive(Clone, Copy)]
pub struct Strips {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
    pub columns: u32,
}

/// The partitions as strips of cells, each with its own offsets while there are few partitions; otherwise as one grid.
/// `room`: how many may have a strip.
pub fn strips(world: &Shop, place: Strips, room: usize, cell: fn(&Shop, u16, &Log, u32) -> Cell) -> Vec<Figure> {
    let row = |partition: u16, log: &Log, first: u32| {
        let shown =
            |offset| if offset > log.end() { Cell::loose("", Tone::Off) } else { cell(world, partition, log, offset) };
        let cells = (first..first + place.columns).map(shown).collect();
        GridRow { label: String::new(), cells, mark: Some(log.end().saturating_sub(first) as u16) }
    };
    let first = |end: u32| (end + 1).saturating_sub(place.columns);
    let size = (place.width, place.height);
    let few = logs(world).count() <= room.min(STRIPS.len());
    if few {
        let strip = |(partition, log): (u16, &Log)| {
            let at = (place.left, place.top + place.height * i32::from(partition));
            let first = first(log.end());
            let body = Body::Grid { first, rows: vec![row(partition, log, first)] };
            Figure { id: STRIPS[usize::from(partition)], at, size, title: format!("partition {partition}"), body }
        };
        return logs(world).map(strip).collect();
    }
    let first = first(logs(world).map(|(_, log)| log.end()).max().unwrap_or(0));
    let labelled =
        |(partition, log): (u16, &Log)| GridRow { label: format!("{partition}"), ..row(partition, log, first) };
    let rows = logs(world).map(labelled).collect();
    let (at, size) = ((place.left, place.top), (place.width, place.height * room as i32));
    vec![Figure { id: "log", at, size, title: "Partitions".to_owned(), body: Body::Grid { first, rows } }]
}

/// A cell of a strip: which groups read on there.
pub fn readers_cell(world: &Shop, partition: u16, log: &Log, offset: u32) -> Cell {
    let groups = world.settings().amount(crate::systems::messaging::kafka::GROUPS) as u8;
    let here = |group: &u8| committed(world, *group, partition) == Some(offset);
    let letters: Vec<String> = (0..groups).filter(here).map(|group| Kafka::group_name(group).to_string()).collect();
    let text = letters.join(" ");
    match (offset < log.start(), offset >= log.end(), text.is_empty()) {
        (true, _, _) => Cell::loose(text, Tone::Off),
        (_, true, _) => Cell::loose(text, Tone::Neutral),
        (_, _, true) => Cell::firm("", Tone::Store),
        _ => Cell::firm(text, Tone::Active),
    }
}

/// How far each group is behind the ends of the partitions.
pub fn lags(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let groups = world.settings().amount(crate::systems::messaging::kafka::GROUPS) as u8;
    let lag = |group: u8| disk(world).map_or(0, |disk| crate::systems::messaging::kafka::lag(disk, group));
    let full = (0..groups).map(lag).max().unwrap_or(0).max(12);
    let bar = |group: u8| {
        let value = lag(group);
        let tone = if value > 8 { Tone::Risk } else { Tone::Consumer };
        let label = format!("group {}", Kafka::group_name(group));
        Bar { label, value, full, text: format!("{value} behind"), tone }
    };
    let bars = (0..groups).map(bar).collect();
    Figure { id: "lags", at, size, title: "Lag: log end minus committed".to_owned(), body: Body::Bars(bars) }
}

/// Which consumer owns which partition: one row per consumer, one column per partition.
pub fn owners(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let partitions = logs(world).count() as u16;
    let state = group(world, 0);
    let row = |node: &NodeId| {
        let known = consumer(world, *node);
        let present = known.zip(state).is_some_and(|(known, state)| {
            state.generation == known.badge.generation && state.members.contains_key(&known.badge.member)
        });
        let works = |partition| known.is_some_and(|known| known.unfinished().any(|item| item.partition == partition));
        let cell = |partition: u16| match known.is_some_and(|known| known.assigned.contains_key(&partition)) {
            true if present && works(partition) => Cell::firm("works", Tone::Active),
            true if present => Cell::firm("owns", Tone::Consumer),
            true => Cell::loose("old", Tone::Risk),
            false if works(partition) => Cell::loose("works", Tone::Risk),
            false => Cell::loose("", Tone::Off),
        };
        GridRow { label: name(world, *node), cells: (0..partitions).map(cell).collect(), mark: None }
    };
    let rows = consumers(world).iter().map(row).collect();
    let generation = state.map_or(0, |state| state.generation);
    let title = format!("Partitions by owner, generation {generation}");
    Figure { id: "owners", at, size, title, body: Body::Matrix(rows) }
}

/// A bound for exploring: on the messages in flight, the members there have ever been, and the generations of each
/// group.
pub fn is_tame(world: &Shop, flights: usize, members: u32, generations: u32) -> bool {
    let known = disk(world).is_none_or(|disk| disk.last_member <= members);
    let young = (0..3).filter_map(|at| group(world, at)).all(|state| state.generation <= generations);
    known && young && world.flights().count() <= flights
}

fn numbers(partitions: &[u16]) -> String {
    let words: Vec<String> = partitions.iter().map(u16::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn offsets(pairs: &[(u16, u32)]) -> String {
    let words: Vec<String> = pairs.iter().map(|(partition, offset)| format!("p{partition}@{offset}")).collect();
    words.join(" ")
}
