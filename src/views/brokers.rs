//! How three brokers look side by side: lanes, what each broker has, and a table of what was measured.

use super::prelude::*;
use crate::sim::kernel::time::{self, show};
use crate::systems::messaging::brokers::promises::{lost, replayable, works_on};
use crate::systems::messaging::brokers::{
    self, Brokers, CONFIRMS, Disk, Lane, Memory, Message, State, Timer, WORKERS, broker, lanes, shop, worker,
};
use crate::systems::messaging::{jetstream, kafka, rabbitmq};
use crate::systems::messaging::{jetstream::JetStream, kafka::Kafka, rabbitmq::RabbitMq};

impl Face for Brokers {
    fn look(message: &Message) -> Look {
        match message {
            Message::Rabbit(method) => RabbitMq::look(method),
            Message::Kafka(message) => Kafka::look(message),
            Message::Jet(message) => JetStream::look(message),
        }
    }

    fn fields(settings: &Settings, message: &Message) -> Fields {
        match message {
            Message::Rabbit(method) => RabbitMq::fields(settings, method),
            Message::Kafka(message) => Kafka::fields(settings, message),
            Message::Jet(message) => JetStream::fields(settings, message),
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let (lane, _) = brokers::inner(world.settings(), id);
        let Some(node) = world.node(id) else { return Inspection::default() };
        let mut disk = Fields::new();
        match &node.disk {
            Disk::Rabbit(disk_of) => {
                let queued =
                    disk_of.host.as_ref().map(|host| host.queues.values().map(|queue| queue.ready.len()).sum());
                disk.extend(queued.map(|count: usize| field("in the queue after a restart", count)));
                disk.push(field("last number", disk_of.last));
            }
            Disk::Kafka(kafka::Disk::Broker(disk_of)) => {
                for (at, log) in disk_of.logs.iter().enumerate() {
                    disk.push(field(format!("partition {at}"), format!("offsets {} to {}", log.start(), log.end())));
                }
                for ((_, partition), offset) in &disk_of.committed {
                    disk.push(field(format!("committed in partition {partition}"), offset));
                }
            }
            Disk::Kafka(_) => {}
            Disk::Jet(disk_of) => {
                disk.push(field("messages in the stream", disk_of.store.stream.msgs().len()));
                disk.push(field("ack floor", disk_of.store.consumer.floor()));
                disk.push(field("last number", disk_of.last));
            }
        }
        let mut memory = Fields::new();
        for at in (0..WORKERS).filter(|at| worker(world.settings(), lane, *at) == id) {
            let work = works_on(world, lane, at).map_or("nothing".to_owned(), |order| format!("order {order}"));
            memory.push(field("in hand", work));
        }
        for (timer, pending) in world.timers(id) {
            let left = pending.at.saturating_sub(world.kernel().now());
            memory.push(field(Brokers::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
        }
        Inspection { disk, memory }
    }

    fn subject(_: &Settings, _: MetricId, subject: u16) -> String {
        Lane::ALL.get(usize::from(subject)).map_or("?", |lane| lane.title()).to_owned()
    }
}

/// The system in motion.
pub type Shop = World<Brokers>;

/// Cells of a strip.
const SHOWN: usize = 8;

pub fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for (column, lane) in lanes(world.settings()).into_iter().enumerate() {
        draw_lane(&mut picture, world, lane, column as i32);
    }
    picture.figures.push(table(world, frame));
    picture
}

fn draw_lane(picture: &mut Picture, world: &Shop, lane: Lane, column: i32) {
    let frame = picture.frame;
    let (x, y) = (320 * column, 120 * column);
    let (shop_at, broker_at, workers_at) = match frame {
        Frame::Wide => ((x + 74, 78), (x + 242, 78), [(x + 80, 200), (x + 242, 200)]),
        Frame::Narrow => ((40, y + 62), (146, y + 62), [(264, y + 36), (348, y + 88)]),
    };
    let settings = world.settings();
    let (from, to) = (shop(settings, lane), broker(settings, lane));
    picture.nodes.push(shop_mark(world, from, shop_at, frame));
    picture.nodes.push(broker_mark(world, lane, broker_at));
    let all: Vec<NodeId> = (0..WORKERS).map(|at| worker(settings, lane, at)).collect();
    for (at, place) in workers_at.into_iter().enumerate() {
        picture.nodes.push(worker_mark(world, lane, at, place, frame));
    }
    picture.link_all(&[to], &[from]);
    picture.link_all(&[to], &all);
    if frame == Frame::Wide {
        picture.figures.push(heading(lane, x));
        picture.figures.push(strip(world, lane, x));
    }
}

/// A lane's heading: what kind of thing it is.
fn heading(lane: Lane, x: i32) -> Figure {
    let (id, title) = match lane {
        Lane::RabbitMq => ("rabbitmq", "RabbitMQ: a queue"),
        Lane::Kafka => ("kafka", "Kafka: a log"),
        Lane::JetStream => ("jetstream", "JetStream: a stream and a consumer"),
    };
    Figure { id, at: (x + 20, 8), size: (280, 22), title: title.to_owned(), body: Body::Bars(Vec::new()) }
}

fn state(world: &Shop, node: NodeId) -> Option<&State> {
    world.memory(node)?.state.as_ref()
}

fn shop_mark(world: &Shop, node: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let waits = match state(world, node) {
        Some(State::Rabbit(rabbitmq::Memory::Publisher { unconfirmed, .. })) => unconfirmed.len(),
        Some(State::Kafka(kafka::Memory::Producer(producer))) => {
            producer.in_flight.len() + producer.waiting.values().map(Vec::len).sum::<usize>()
        }
        Some(State::Jet(jetstream::Memory::Publisher { unconfirmed })) => unconfirmed.len(),
        _ => 0,
    };
    let name = Brokers::name(world.settings(), node);
    let (shape, state) = match frame {
        Frame::Wide => (Shape::Service, format!("{waits} unconfirmed")),
        Frame::Narrow => (Shape::Client, String::new()),
    };
    let mut mark = NodeMark::new(node, at, shape, name);
    (mark.tone, mark.state) = (Tone::Producer, state);
    mark
}

fn broker_mark(world: &Shop, lane: Lane, at: (i32, i32)) -> NodeMark {
    let node = broker(world.settings(), lane);
    let shape = if lane == Lane::RabbitMq { Shape::Queue } else { Shape::Broker };
    let mut mark = NodeMark::new(node, at, shape, lane.title());
    mark.tone = Tone::Store;
    mark.state = match state(world, node) {
        Some(State::Rabbit(rabbitmq::Memory::Broker { host, .. })) => {
            let ready: usize = host.queues.values().map(|queue| queue.ready.len()).sum();
            let held: usize = host.consumers.values().map(|consumer| consumer.unacked.len()).sum();
            format!("{ready} ready, {held} unacked")
        }
        Some(State::Kafka(kafka::Memory::Broker { groups, .. })) => match groups.get(&0) {
            Some(group) if group.state == kafka::GroupState::Stable => format!("generation {}", group.generation),
            Some(_) => "the group rebalances".to_owned(),
            None => "no group yet".to_owned(),
        },
        Some(State::Jet(jetstream::Memory::Server { store, .. })) => {
            format!("{} ready, {} pending", store.ready(), store.consumer.pending().len())
        }
        _ => "down".to_owned(),
    };
    mark
}

fn worker_mark(world: &Shop, lane: Lane, at: usize, place: (i32, i32), frame: Frame) -> NodeMark {
    let node = worker(world.settings(), lane, at);
    let order = works_on(world, lane, at);
    let (word, tone) = match (world.memory(node), order) {
        (Some(Memory { state: None, .. }), _) => ("killed".to_owned(), Tone::Off),
        (_, Some(order)) => (format!("works on {order}"), Tone::Consumer),
        (Some(Memory { state: Some(State::Kafka(kafka::Memory::Consumer(consumer))), .. }), _) => {
            match consumer.phase {
                kafka::Phase::In if !consumer.assigned.is_empty() => ("fetches".to_owned(), Tone::Neutral),
                kafka::Phase::In => ("owns nothing".to_owned(), Tone::Risk),
                _ => ("joins".to_owned(), Tone::Question),
            }
        }
        (Some(_), None) => ("idle".to_owned(), Tone::Neutral),
        (None, _) => (String::new(), Tone::Off),
    };
    let name = Brokers::name(world.settings(), node);
    let (shape, label, word) = match frame {
        Frame::Wide => (Shape::Service, name, word),
        // Three rows on a phone leave room only for the number.
        Frame::Narrow => (Shape::Client, name.replace("worker ", ""), String::new()),
    };
    let mut mark = NodeMark::new(node, place, shape, label);
    (mark.state, mark.tone) = (word, tone);
    let works = |timer: &Timer| {
        matches!(
            timer,
            Timer::Rabbit(rabbitmq::Timer::Done)
                | Timer::Kafka(kafka::Timer::Work(_))
                | Timer::Jet(jetstream::Timer::Done)
        )
    };
    let work = world.timers(node).find(|timer| works(&timer.0) && order.is_some());
    mark.ring = work.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn row(label: impl Into<String>, cells: Vec<Cell>) -> GridRow {
    GridRow { label: label.into(), cells, mark: None }
}

/// What the broker has, order by order: waiting, with a worker, acknowledged and kept.
fn strip(world: &Shop, lane: Lane, x: i32) -> Figure {
    let (id, title) = match lane {
        Lane::RabbitMq => ("queue", "Acknowledged is deleted"),
        Lane::Kafka => ("log", "Acknowledged is passed, and kept"),
        Lane::JetStream => ("stream", "Acknowledged is marked, and kept"),
    };
    let node = broker(world.settings(), lane);
    let rows = match (state(world, node), world.node(node).map(|node| &node.disk)) {
        (Some(State::Rabbit(rabbitmq::Memory::Broker { host, .. })), _) => queue(host),
        (_, Some(Disk::Rabbit(disk))) => disk.host.as_deref().map(queue).unwrap_or_default(),
        (_, Some(Disk::Kafka(kafka::Disk::Broker(disk)))) => log(world, disk),
        (Some(State::Jet(jetstream::Memory::Server { store, .. })), _) => stream(store),
        (_, Some(Disk::Jet(disk))) => stream(disk.store()),
        _ => Vec::new(),
    };
    // Only in a log does a place have a number of its own: the offset.
    let body = match world.node(node).map(|node| &node.disk) {
        Some(Disk::Kafka(kafka::Disk::Broker(disk))) => Body::Grid { first: first_drawn(disk), rows },
        _ => Body::Queues(rows),
    };
    Figure { id, at: (x + 20, 256), size: (284, 116), title: title.to_owned(), body }
}

fn queue(host: &rabbitmq::host::Host) -> Vec<GridRow> {
    let cell = |stored: &rabbitmq::queue::Stored, tone| match stored.redelivered {
        true => Cell::loose(stored.message.id.to_string(), Tone::Risk),
        false => Cell::firm(stored.message.id.to_string(), tone),
    };
    let ready = host.queues.values().flat_map(|queue| &queue.ready).map(|stored| cell(stored, Tone::Store));
    let held = host.consumers.values().flat_map(|consumer| &consumer.unacked);
    let held = held.map(|unacked| cell(&unacked.stored, Tone::Consumer));
    vec![row("ready", Cell::some_of(ready, SHOWN)), row("unacked", Cell::some_of(held, SHOWN))]
}

/// How far the group has committed in a partition.
fn committed(disk: &kafka::BrokerDisk, partition: usize) -> u32 {
    disk.committed.get(&(0, partition as u16)).copied().unwrap_or(0)
}

/// The first offset that is drawn: the newest `SHOWN` offsets are, or more if the group is further behind.
fn first_drawn(disk: &kafka::BrokerDisk) -> u32 {
    let newest = disk.logs.iter().map(|log| log.end()).max().unwrap_or(0).saturating_sub(SHOWN as u32);
    let behind = (0..disk.logs.len()).map(|partition| committed(disk, partition).saturating_sub(1)).min();
    newest.min(behind.unwrap_or(0))
}

fn log(world: &Shop, disk: &kafka::BrokerDisk) -> Vec<GridRow> {
    let worked: Vec<u32> = (0..WORKERS).filter_map(|at| works_on(world, Lane::Kafka, at)).collect();
    let first = first_drawn(disk);
    let strip = |(partition, log): (usize, &std::rc::Rc<kafka::log::Log>)| {
        let committed = committed(disk, partition);
        let cell = |offset: u32| {
            let number = log.get(offset).map_or(0, |record| record.number);
            let tone = match (offset < committed, worked.contains(&number)) {
                (_, true) => Tone::Consumer,
                (true, _) => Tone::Off,
                _ => Tone::Store,
            };
            Cell::firm(number.to_string(), tone)
        };
        let cells = (first..log.end()).take(SHOWN).map(cell).collect();
        let mark = Some(committed.saturating_sub(first).min(SHOWN as u32) as u16);
        GridRow { label: format!("partition {partition}"), cells, mark }
    };
    disk.logs.iter().enumerate().map(strip).collect()
}

fn stream(store: &jetstream::Store) -> Vec<GridRow> {
    let consumer = &store.consumer;
    let again = |seq: u32| consumer.again().contains(&seq);
    let pending = |seq: u32| consumer.pending().iter().any(|pending| pending.seq == seq);
    let cell = |stored: &jetstream::stream::Stored| {
        let text = stored.task.id.to_string();
        match stored.seq {
            seq if again(seq) => Cell::loose(text, Tone::Risk),
            seq if pending(seq) => Cell::firm(text, Tone::Consumer),
            seq if seq > consumer.delivered() => Cell::firm(text, Tone::Store),
            _ => Cell::firm(text, Tone::Off),
        }
    };
    let msgs = store.stream.msgs();
    let newest = msgs.len().saturating_sub(SHOWN);
    let fresh = msgs.partition_point(|stored| stored.seq <= consumer.delivered());
    let from = newest.min(fresh.saturating_sub(SHOWN / 2));
    let held = Cell::some_of(msgs.iter().filter(|stored| pending(stored.seq)).map(cell), SHOWN);
    vec![row("stream", msgs.iter().skip(from).take(SHOWN).map(cell).collect()), row("pending", held)]
}

const HEAD: [&str; 8] = ["", "confirmed", "done", "lost", "done again", "slowest", "gave up after", "replayable"];

/// The table's columns. Without confirms, an order is thought safe as soon as it is sent.
fn head(world: &Shop) -> [&'static str; 8] {
    let mut head = HEAD;
    if !world.rules().on(CONFIRMS) {
        head[1] = "thought safe";
    }
    head
}

fn span(micros: Option<Micros>) -> String {
    match micros {
        None | Some(0) => "-".to_owned(),
        Some(micros) if micros < 10 * MS => show(micros),
        Some(micros) => show(micros / MS * MS),
    }
}

/// What was measured of a lane.
fn figures(world: &Shop, lane: Lane) -> Vec<Cell> {
    let seen = world.witness().of(lane);
    let (lost, kept) = (lost(world, lane).len(), replayable(world, lane));
    let cell = |text: String, tone| Cell::firm(text, tone);
    let bad = |count: u32, tone| if count > 0 { tone } else { Tone::Fine };
    vec![
        cell(lane.title().to_owned(), Tone::Neutral),
        cell(seen.confirmed.to_string(), Tone::Neutral),
        cell(seen.worked.to_string(), Tone::Neutral),
        cell(lost.to_string(), bad(lost as u32, Tone::Broken)),
        cell(seen.again.to_string(), bad(seen.again, Tone::Risk)),
        cell(span(Some(seen.longest)), Tone::Neutral),
        cell(span(seen.noticed), Tone::Neutral),
        match lane {
            Lane::RabbitMq => cell("never".to_owned(), Tone::Off),
            _ => cell(kept.to_string(), Tone::Active),
        },
    ]
}

fn table(world: &Shop, frame: Frame) -> Figure {
    let all: Vec<Vec<Cell>> = lanes(world.settings()).into_iter().map(|lane| figures(world, lane)).collect();
    let columns = head(world);
    let (at, size, head, rows) = match frame {
        Frame::Wide => ((20, 386), (920, 166), columns.map(str::to_owned).to_vec(), all),
        Frame::Narrow => {
            let names = all.iter().filter_map(|row| Some(row.first()?.text.clone()));
            let head = std::iter::once(String::new()).chain(names).collect();
            let line = |at: usize| {
                let name = std::iter::once(Cell::firm(columns[at], Tone::Neutral));
                name.chain(all.iter().filter_map(|row| row.get(at).cloned())).collect()
            };
            ((8, 366), (384, 190), head, (1..columns.len()).map(line).collect())
        }
    };
    let title = "The same orders, the same crashes".to_owned();
    Figure { id: "measures", at, size, title, body: Body::Table { head, rows } }
}
