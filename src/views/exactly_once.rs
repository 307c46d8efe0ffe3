//! How Kafka's transactions look: the two topics as strips, the coordinator, the writer's rows.

use super::prelude::*;
use crate::sim::numbers::counted;
use crate::systems::messaging::exactly_once::wire::{Answer, Identity, Request, ids, transactional};
use crate::systems::messaging::exactly_once::{
    self as once, BROKER, BrokerDisk, Checkout, Disk, Entry, Memory, Message, Once, Phase, REQUESTS, SHOP, Stage,
    Tables, Topic, Writer,
};

impl Face for Once {
    fn look(message: &Message) -> Look {
        let (letter, glyph, tone) = match message {
            Message::Alive => ('h', Glyph::Dot, Tone::Neutral),
            Message::Request { body, .. } => match body {
                Request::Init { .. } => ('I', Glyph::Diamond, Tone::Active),
                Request::Produce(batch) if batch.topic == REQUESTS => ('P', Glyph::Square, Tone::Producer),
                Request::Produce(_) => ('P', Glyph::Square, Tone::Question),
                Request::Offset { .. } | Request::Select => ('?', Glyph::Diamond, Tone::Neutral),
                Request::Fetch { .. } => ('f', Glyph::Dot, Tone::Neutral),
                Request::TxnOffset { .. } => ('o', Glyph::Diamond, Tone::Question),
                Request::Commit { .. } => ('C', Glyph::Diamond, Tone::Fine),
                Request::CommitOffset { .. } => ('o', Glyph::Diamond, Tone::Risk),
                Request::Insert { next: Some(_), .. } => ('W', Glyph::Square, Tone::Fine),
                Request::Insert { .. } => ('W', Glyph::Square, Tone::Risk),
            },
            Message::Answer { body, .. } => match body {
                Answer::Producer { .. } => ('i', Glyph::Pill, Tone::Active),
                Answer::Done => ('k', Glyph::Pill, Tone::Fine),
                Answer::Offset(_) => ('n', Glyph::Pill, Tone::Neutral),
                Answer::Records(_) => ('r', Glyph::Square, Tone::Store),
                Answer::Ended { .. } => ('c', Glyph::Pill, Tone::Fine),
                Answer::Conflict { .. } => ('d', Glyph::Pill, Tone::Risk),
                Answer::Refused(_) => ('x', Glyph::Pill, Tone::Broken),
            },
        };
        Look { letter, glyph, tone }
    }

    fn fields(_: &Settings, message: &<Once as System>::Message) -> Fields {
        let spoken = |who: &Identity| vec![field("producer id", who.pid), field("epoch", who.epoch)];
        match message {
            Message::Alive => Vec::new(),
            Message::Request { body, .. } => match body {
                Request::Init { transactional: named } => {
                    vec![field("transactional.id", named.map_or("none".to_owned(), transactional))]
                }
                Request::Produce(batch) => vec![
                    field("orders", ids(&batch.orders)),
                    field("producer id", batch.pid),
                    field("epoch", batch.epoch),
                    field("sequence", batch.sequence),
                ],
                Request::Offset { group } => vec![field("group", group)],
                Request::Fetch { from, committed, .. } => {
                    let level = if *committed { "read_committed" } else { "read_uncommitted" };
                    vec![field("from offset", from), field("isolation.level", level.to_owned())]
                }
                Request::TxnOffset { who, offset } => [spoken(who), vec![field("offset", offset)]].concat(),
                Request::Commit { who } => spoken(who),
                Request::CommitOffset { offset, .. } => vec![field("offset", offset)],
                Request::Select => Vec::new(),
                Request::Insert { from, next, orders } => {
                    let offset = next.map_or("not touched".to_owned(), |next| format!("{from} to {next}"));
                    vec![field("orders", ids(orders)), field("offset", offset)]
                }
            },
            Message::Answer { body, .. } => match body {
                Answer::Producer { pid, epoch } => spoken(&Identity { id: 0, pid: *pid, epoch: *epoch }),
                Answer::Offset(at) => vec![field("offset", at.map_or("none".to_owned(), |at| at.to_string()))],
                Answer::Records(found) => vec![field("orders", ids(&found.visible(99).0))],
                Answer::Ended { epoch } => vec![field("next epoch", epoch)],
                Answer::Conflict { next } => vec![field("offset", next)],
                Answer::Done | Answer::Refused(_) => Vec::new(),
            },
        }
    }

    fn inspect(world: &Shop, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let offset = |at: Option<u32>| at.map_or("none".to_owned(), |at| at.to_string());
        let disk: Fields = match &node.disk {
            Disk::Broker(disk) => vec![
                field("end of requests", disk.topics[0].end().to_string()),
                field("end of orders", disk.topics[1].end().to_string()),
                field("last stable offset", disk.topics[1].stable().to_string()),
                field("offset of the checkout", offset(disk.offsets.get(&0).copied())),
                field("offset of the writer", offset(disk.offsets.get(&1).copied())),
            ],
            Disk::Shop(last) => vec![field("last order", last)],
            Disk::Database(tables) => {
                vec![field("rows", tables.count), field("offset", offset(tables.next))]
            }
            Disk::Checkout(_) | Disk::Writer => Vec::new(),
        };
        let memory: Fields = match &node.memory {
            Some(Memory::Broker(parked)) => vec![field("fetches waiting", parked.len())],
            Some(Memory::Shop(shop)) => vec![
                field("producer id", shop.pid.map_or("none".to_owned(), |pid| pid.to_string())),
                field("next sequence number", shop.sequence),
                field("batches under way", shop.in_flight.len()),
            ],
            Some(Memory::Checkout(checkout)) => vec![
                field("state", working(checkout)),
                field("producer id", checkout.who.pid),
                field("orders in hand", once::wire::ids(&checkout.basket.orders)),
                field("offset", checkout.position),
            ],
            Some(Memory::Writer(writer)) => {
                vec![field("state", writing(writer)), field("offset", writer.position)]
            }
            Some(Memory::Database) | None => Vec::new(),
        };
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            once::ABORTED if subject == 0 => "aborted".to_owned(),
            once::ABORTED => "committed".to_owned(),
            once::REFUSED => Once::name(settings, NodeId(subject)),
            _ => "orders".to_owned(),
        }
    }
}

pub type Shop = World<Once>;

pub fn cluster(world: &Shop) -> Option<&BrokerDisk> {
    match world.node(BROKER).map(|node| &node.disk) {
        Some(Disk::Broker(disk)) => Some(disk),
        _ => None,
    }
}

pub fn tables(world: &Shop) -> Option<&Tables> {
    match world.node(Once::DATABASE).map(|node| &node.disk) {
        Some(Disk::Database(tables)) => Some(tables),
        _ => None,
    }
}

pub fn checkout(world: &Shop, at: u16) -> Option<&Checkout> {
    match world.memory(Once::checkout(at)) {
        Some(Memory::Checkout(checkout)) => Some(checkout),
        _ => None,
    }
}

pub fn writer(world: &Shop) -> Option<&Writer> {
    match world.memory(Once::WRITER) {
        Some(Memory::Writer(writer)) => Some(writer),
        _ => None,
    }
}

pub fn checkouts(world: &Shop) -> u16 {
    world.settings().amount(once::INSTANCES) as u16
}

/// Where nodes and figures go.
pub struct Layout {
    pub nodes: [(i32, i32); 6],
    pub requests: ((i32, i32), (i32, i32)),
    pub orders: ((i32, i32), (i32, i32)),
    pub rows: ((i32, i32), (i32, i32)),
    pub transactions: ((i32, i32), (i32, i32)),
    pub cells: u32,
}

pub const WIDE: Layout = Layout {
    nodes: [(340, 70), (90, 70), (600, 70), (850, 70), (230, 200), (450, 200)],
    requests: ((20, 276), (580, 84)),
    orders: ((20, 370), (580, 84)),
    rows: ((640, 276), (300, 84)),
    transactions: ((640, 370), (300, 130)),
    cells: 12,
};

pub const NARROW: Layout = Layout {
    nodes: [(200, 46), (66, 46), (334, 46), (334, 164), (66, 164), (200, 164)],
    requests: ((8, 232), (384, 72)),
    orders: ((8, 310), (384, 72)),
    rows: ((8, 388), (384, 72)),
    transactions: ((8, 466), (384, 90)),
    cells: 8,
};

pub fn mark(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
    let (shape, tone) = match node {
        BROKER => (Shape::Broker, Tone::Store),
        SHOP => (Shape::Service, Tone::Producer),
        Once::DATABASE => (Shape::Store, Tone::Store),
        Once::WRITER => (Shape::Service, Tone::Consumer),
        _ => (Shape::Service, Tone::Service),
    };
    let mut mark = NodeMark::new(node, at, shape, Once::name(world.settings(), node));
    mark.tone = tone;
    match world.memory(node) {
        Some(Memory::Shop(shop)) => {
            let open: usize = shop.in_flight.iter().map(|sent| sent.1.orders.len()).sum();
            mark.state = format!("{} unanswered", open + shop.waiting.len());
        }
        Some(Memory::Writer(writer)) => mark.state = writing(writer),
        Some(Memory::Database) => {
            mark.state = counted(tables(world).map_or(0, |tables| u64::from(tables.count)), "row");
        }
        Some(Memory::Checkout(checkout)) => {
            mark.state = working(checkout);
            mark.crown = checkout.phase != Phase::Standby && cluster(world).is_some_and(|disk| is_live(disk, checkout));
            if checkout.phase == Phase::Standby {
                mark.tone = Tone::Neutral;
            }
        }
        _ => {}
    }
    mark
}

/// Whether the cluster considers this instance's epoch the live one.
fn is_live(disk: &BrokerDisk, checkout: &Checkout) -> bool {
    let who = checkout.who;
    disk.transactions.get(&who.id).is_some_and(|known| (known.pid, known.epoch) == (who.pid, who.epoch))
}

fn writing(writer: &Writer) -> String {
    match writer.stage {
        Stage::Locate => "where was I?".to_owned(),
        Stage::Fetch => format!("reads at {}", writer.position),
        Stage::Insert => format!("writes {}", once::wire::ids(&writer.orders)).chars().take(18).collect(),
        Stage::Commit => format!("commits {}", writer.next),
    }
}

fn working(checkout: &Checkout) -> String {
    let epoch = checkout.who.epoch;
    match checkout.phase {
        Phase::Standby => "stands by".to_owned(),
        Phase::Init => "asks for an epoch".to_owned(),
        Phase::Locate => format!("epoch {epoch}: where?"),
        Phase::Fetch => format!("epoch {epoch}: reads"),
        Phase::Work => format!("epoch {epoch}: works"),
        Phase::Produce => format!("epoch {epoch}: writes"),
        Phase::Offset => format!("epoch {epoch}: offset"),
        Phase::End => format!("epoch {epoch}: commit"),
        Phase::Commit => "commits its offset".to_owned(),
    }
}

/// The newest entries of a topic. Dashed: not decided yet.
pub fn strip(
    id: &'static str,
    topic: &Topic,
    mark: u32,
    shown: u32,
    title: String,
    (at, size): ((i32, i32), (i32, i32)),
) -> Figure {
    let first = topic.end().saturating_sub(shown);
    let cell = |(offset, entry): (u32, Entry)| match entry {
        Entry::Marker { commit: true, .. } => Cell::firm("✓", Tone::Fine),
        Entry::Marker { .. } => Cell::firm("abort", Tone::Risk),
        Entry::Data { order, transactional: false, .. } => Cell::firm(order.id.to_string(), Tone::Producer),
        Entry::Data { order, pid, .. } => match topic.fate(offset, pid) {
            None => Cell::loose(format!("{}?", order.id), Tone::Question),
            Some(true) => Cell::firm(order.id.to_string(), Tone::Service),
            Some(false) => Cell::loose(format!("({})", order.id), Tone::Off),
        },
    };
    let cells: Vec<Cell> = topic.from(first).map(cell).collect();
    let most = cells.len() as u32;
    let mark = (mark >= first && most > 0).then(|| (mark - first).min(most) as u16);
    let rows = vec![GridRow { label: String::new(), cells, mark }];
    Figure { id, at, size, title, body: Body::Grid { first, rows } }
}

pub fn rows(world: &Shop, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let Some(tables) = tables(world) else {
        return Figure { id: "rows", at, size, title: String::new(), body: Body::Bars(Vec::new()) };
    };
    let newest = tables.rows.len().saturating_sub(6);
    let twice = world.witness().two_rows();
    let tone = |id: u32| if twice == Some(id) { Tone::Broken } else { Tone::Fine };
    let cells = tables.rows.iter().skip(newest).map(|id| Cell::firm(id.to_string(), tone(*id))).collect();
    let offset = tables.next.map_or("none".to_owned(), |next| next.to_string());
    let title = format!("Database: newest rows; offset {offset}");
    let first = tables.count.saturating_sub((tables.rows.len() - newest) as u32) + 1;
    Figure {
        id: "rows",
        at,
        size,
        title,
        body: Body::Grid { first, rows: vec![GridRow { label: String::new(), cells, mark: None }] },
    }
}

pub fn transactions(disk: &BrokerDisk, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let row = |(id, known): (&u8, &once::Transaction)| {
        let (word, tone) = match (known.open, known.committed) {
            (true, _) => ("ongoing", Tone::Question),
            (_, Some(true)) => ("committed", Tone::Fine),
            (_, Some(false)) => ("aborted", Tone::Risk),
            _ => ("empty", Tone::Neutral),
        };
        let cells = [transactional(*id), known.pid.to_string(), known.epoch.to_string()];
        let state = Cell { text: word.to_owned(), tone, firm: !known.open };
        cells.into_iter().map(|text| Cell::firm(text, Tone::Neutral)).chain([state]).collect()
    };
    let head = ["id", "producer", "epoch", "state"].map(str::to_owned).to_vec();
    let body = Body::Table { head, rows: disk.transactions.iter().map(row).collect() };
    Figure { id: "transactions", at, size, title: "Transactions, by transactional.id".to_owned(), body }
}
