//! How the flash sale looks: gateway, log, consumers with their buffers, database, and streams between them.

use super::prelude::*;
use crate::sim::kernel::time;
use crate::sim::measure::metrics::WINDOW;
use crate::sim::numbers::{self, grouped};
use crate::systems::messaging::flash_sale::promises::{self};
use crate::systems::messaging::flash_sale::{
    self as sale, Consumer, DATABASE, Disk, FlashSale, GATEWAY, Gateway, Jobs, Memory, Message, Partition, THE_LOG,
};
use std::rc::Rc;

impl Face for FlashSale {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Produce { .. } => ('P', Glyph::Square, Tone::Producer),
            Message::Produced { .. } => ('k', Glyph::Pill, Tone::Fine),
            Message::OutOfOrder { .. } | Message::TooMany { .. } => ('x', Glyph::Pill, Tone::Broken),
            Message::Where { .. } => ('?', Glyph::Diamond, Tone::Neutral),
            Message::Standings(_) => ('n', Glyph::Pill, Tone::Neutral),
            Message::Fetch { .. } => ('f', Glyph::Dot, Tone::Neutral),
            Message::Records(..) => ('r', Glyph::Square, Tone::Store),
            Message::Commit { .. } => ('o', Glyph::Diamond, Tone::Consumer),
            Message::Write { partition: Some(_), .. } => ('W', Glyph::Square, Tone::Consumer),
            Message::Write { .. } => ('W', Glyph::Square, Tone::Risk),
            Message::Written { .. } => ('w', Glyph::Pill, Tone::Fine),
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let orders = field("orders", message.orders());
        match message {
            Message::Produce { partition, sequence, .. } => {
                vec![orders, field("partition", partition), field("sequence", sequence)]
            }
            Message::Produced { partition, .. } | Message::OutOfOrder { partition } => {
                vec![field("partition", partition)]
            }
            Message::Fetch { most, .. } => vec![field("at most", most)],
            Message::Commit { partition, offset } => {
                vec![field("partition", partition), field("offset", offset)]
            }
            Message::Records(_, parts) => vec![orders, field("partitions", parts.len())],
            Message::Write { partition: Some(at), first, .. } => {
                vec![orders, field("partition", at), field("from offset", first)]
            }
            Message::Write { .. } => vec![orders],
            Message::Written { upto, .. } => vec![field("up to offset", upto)],
            Message::Where { partitions } => vec![field("partitions", partitions.len())],
            Message::Standings(found) => vec![field("partitions", found.len())],
            Message::TooMany { .. } => Vec::new(),
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let disk: Fields = match &node.disk {
            Disk::Gateway(counters) => vec![field("orders so far", grouped(counters.accepted))],
            Disk::Log(partitions) => {
                let line = |(at, partition): (usize, &Rc<Partition>)| {
                    field(
                        format!("partition {at}"),
                        format!("{} committed, ends at {}", partition.committed, partition.end()),
                    )
                };
                partitions.iter().enumerate().map(line).collect()
            }
            Disk::Database(table) => vec![field("rows", grouped(table.rows))],
            Disk::Consumer => Vec::new(),
        };
        let memory: Fields = match &node.memory {
            Some(Memory::Gateway(gateway)) => {
                let sent: usize = gateway
                    .outlets
                    .iter()
                    .map(|outlet| outlet.in_flight.iter().filter(|sent| !sent.answered).count())
                    .sum();
                vec![field("batches under way", sent), field("direct writes", gateway.direct.len())]
            }
            Some(Memory::Log(parked)) => vec![field("fetches waiting", parked.len())],
            Some(Memory::Database(jobs)) => vec![field("writes at once", jobs.at_once)],
            Some(Memory::Consumer(consumer)) => vec![
                field("orders buffered", grouped(u64::from(consumer.buffered()))),
                field("orders being written", consumer.busy()),
                field("paused", if consumer.paused { "yes" } else { "no" }.to_owned()),
            ],
            None => Vec::new(),
        };
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            sale::LAG => format!("partition {subject}"),
            sale::BUFFERED => FlashSale::name(settings, NodeId(subject)),
            sale::AT_ONCE => "writes".to_owned(),
            _ => "orders".to_owned(),
        }
    }
}

pub type Shop = World<FlashSale>;

fn partitions(world: &Shop) -> &[Rc<Partition>] {
    match world.node(THE_LOG).map(|node| &node.disk) {
        Some(Disk::Log(partitions)) => partitions,
        _ => &[],
    }
}

/// Orders in the log that are not committed.
pub fn lag(world: &Shop) -> u32 {
    partitions(world).iter().map(|partition| partition.open.len()).sum()
}

fn gateway(world: &Shop) -> Option<&Gateway> {
    match world.memory(GATEWAY) {
        Some(Memory::Gateway(gateway)) => Some(gateway),
        _ => None,
    }
}

fn jobs(world: &Shop) -> Option<&Jobs> {
    match world.memory(DATABASE) {
        Some(Memory::Database(jobs)) => Some(jobs),
        _ => None,
    }
}

pub fn at_once(world: &Shop) -> u32 {
    jobs(world).map_or(0, |jobs| jobs.at_once)
}

pub fn consumer(world: &Shop, at: u16) -> Option<&Consumer> {
    match world.memory(FlashSale::consumer(at)) {
        Some(Memory::Consumer(consumer)) => Some(consumer),
        _ => None,
    }
}

pub fn consumers(world: &Shop) -> u16 {
    world.settings().amount(sale::CONSUMERS) as u16
}

pub fn all_consumers(world: &Shop) -> Vec<NodeId> {
    (0..consumers(world)).map(FlashSale::consumer).collect()
}

/// A consumer's share of the buffer.
fn share(world: &Shop) -> u32 {
    (world.settings().amount(sale::BUFFER) / world.settings().amount(sale::CONSUMERS).max(1)).max(1) as u32
}

/// How many orders per second a link has carried in the last half second: for the shop's link, all that came in; for a
/// consumer's, its share of what the database wrote.
pub fn carried(world: &Shop, link: &LinkMark) -> u64 {
    let now = world.kernel().now();
    let first = (now / WINDOW).saturating_sub(10);
    let rate = |metric| {
        let count = world.metrics().get(metric, 0).map_or(0, |series| series.merged(first).count);
        count * time::SEC / (now - first * WINDOW).max(WINDOW)
    };
    if link.a == GATEWAY || link.b == GATEWAY {
        return if link.dashed == world.rules().on(sale::LOG) { 0 } else { rate(sale::IN) };
    }
    let busy = |at: u16| consumer(world, at).map_or(0, |found| u64::from(found.busy()));
    let all: u64 = (0..consumers(world)).map(busy).sum();
    let own = (0..consumers(world)).find(|at| [link.a, link.b].contains(&FlashSale::consumer(*at))).map_or(0, busy);
    rate(sale::OUT) * own / all.max(1)
}

pub fn shop(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(GATEWAY, at, Shape::Service, "shop");
    mark.tone = Tone::Producer;
    let rate = sale::orders_a_minute(world.settings(), world.kernel().now()) / 60;
    mark.state = format!("{}/s in", grouped(rate));
    if let Some(gateway) = gateway(world) {
        let waiting: u32 = gateway.outlets.iter().map(|outlet| outlet.waiting.len()).sum();
        if waiting > 0 {
            mark.state = numbers::waiting(u64::from(waiting));
            mark.fill = Some((waiting, sale::MOST_WAITING));
        }
    }
    mark
}

pub fn pool(world: &Shop, at: u16, place: (i32, i32)) -> NodeMark {
    let node = FlashSale::consumer(at);
    let mut mark = NodeMark::new(node, place, Shape::Service, FlashSale::name(world.settings(), node));
    mark.tone = Tone::Consumer;
    if let Some(consumer) = consumer(world, at) {
        mark.state = format!("{} at work", consumer.busy());
        mark.fill = Some((consumer.buffered(), share(world)));
    }
    mark
}

type Place = ((i32, i32), (i32, i32));

/// The log: what each partition holds that is not committed.
pub fn lag_bars(world: &Shop, (at, size): Place) -> Figure {
    let lags: Vec<u32> = partitions(world).iter().map(|partition| partition.open.len()).collect();
    let full = lags.iter().copied().max().unwrap_or(0).max(1_000);
    let bar = |(index, lag): (usize, &u32)| Bar {
        label: format!("partition {index}"),
        value: *lag,
        full,
        text: grouped(u64::from(*lag)),
        tone: Tone::Store,
    };
    let oldest = time::show(promises::oldest(world));
    let title = format!("In the log, not written yet; the oldest for {oldest}");
    Figure { id: "lag", at, size, title, body: Body::Bars(lags.iter().enumerate().map(bar).collect()) }
}

pub fn buffer_bars(world: &Shop, (at, size): Place) -> Figure {
    let full = share(world);
    let bar = |index: u16| {
        let node = FlashSale::consumer(index);
        let (held, paused) = consumer(world, index).map_or((0, false), |found| (found.buffered(), found.paused));
        let (word, tone) = match (held > full, paused) {
            (true, _) => ("over", Tone::Broken),
            (_, true) => ("paused", Tone::Question),
            _ => ("", Tone::Consumer),
        };
        let text = format!("{} {word}", grouped(u64::from(held))).trim_end().to_owned();
        Bar { label: FlashSale::name(world.settings(), node), value: held, full, text, tone }
    };
    let title = format!("Buffered, of {} each", grouped(u64::from(full)));
    Figure { id: "buffers", at, size, title, body: Body::Bars((0..consumers(world)).map(bar).collect()) }
}

pub fn database_bars(world: &Shop, (at, size): Place) -> Figure {
    let here = at_once(world);
    let tone = if here > sale::KNEE { Tone::Broken } else { Tone::Store };
    let text = grouped(u64::from(here));
    let bar = Bar { label: "writes".to_owned(), value: here, full: here.max(sale::KNEE), text, tone };
    let title = format!("At once in the database; {} is its limit", sale::KNEE);
    Figure { id: "database", at, size, title, body: Body::Bars(vec![bar]) }
}

pub fn orders(count: i64) -> Input {
    Input::call(sale::COMMAND_ORDER, &[count])
}
