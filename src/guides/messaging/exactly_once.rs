//! Exactly once: three hops, on each a way to write twice, and what is done against it.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
};
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, LinkMark, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::numbers::counted;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::exactly_once::promises::{ONCE_IN_LOG, ONE_ROW, WRITTEN_AT_LAST};
use crate::systems::messaging::exactly_once::wire::{Answer, Request};
use crate::systems::messaging::exactly_once::{
    self as once, BROKER, BrokerDisk, Checkout, Disk, Entry, Memory, Message, ORDERS, Once, Phase, REQUESTS, SHOP,
    Stage, Tables, Topic, Writer,
};

type Shop = World<Once>;

/// The scenario.
pub static SCENARIO: Scenario<Once> = Scenario {
    slug: "exactly-once",
    title: "Exactly once",
    guide: Guide::Messaging,
    level: 4,
    summary: "The database has the order, the crash comes before the offset is committed, and the order is written again. \
              Five rules close five such gaps.",
    seed: 4,
    settings: &[
        (once::RATE, 3),
        (once::MAX_POLL, 3),
        (once::WORK, 60_000),
        (once::INSTANCES, 2),
        (once::TAKEOVER, 1_000_000),
        (once::TXN_TIMEOUT, 10_000_000),
        (once::PATIENCE, 500_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[once::SAME_TRANSACTION, once::IDEMPOTENT, once::TOGETHER, once::FENCE, once::READ_COMMITTED],
    commands: &[once::COMMAND_ORDER, once::COMMAND_TAKE_OVER],
    promises: &[ONE_ROW, ONCE_IN_LOG, WRITTEN_AT_LAST],
    impossible: false,
    // Links are TCP connections: what they carry is neither lost nor doubled nor reordered while they stand.
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart { title: "Orders taken", about: "What customers were told to be taken.", plot: Plot::Rate(once::TAKEN) },
        Chart { title: "Rows written", about: "Over time, as many as were taken.", plot: Plot::Rate(once::WRITTEN) },
        Chart {
            title: "From order to row",
            about: "Each hop of exactly once costs round trips.",
            plot: Plot::Percentiles(once::LATENCY),
        },
        Chart { title: "Transactions", about: "How they ended.", plot: Plot::Rate(once::ABORTED) },
        Chart {
            title: "Refused or known",
            about: "What would have been written again.",
            plot: Plot::Rate(once::REFUSED),
        },
    ],
    subject,
    picture,
    look,
    fields: |_, message| message.fields(),
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ZOMBIE,
    breaks: BREAKS,
    prose: prose!("exactly_once.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        once::ABORTED if subject == 0 => "aborted".to_owned(),
        once::ABORTED => "committed".to_owned(),
        once::REFUSED => Once::name(settings, NodeId(subject)),
        _ => "orders".to_owned(),
    }
}

fn cluster(world: &Shop) -> Option<&BrokerDisk> {
    match world.node(BROKER).map(|node| &node.disk) {
        Some(Disk::Broker(disk)) => Some(disk),
        _ => None,
    }
}

fn tables(world: &Shop) -> Option<&Tables> {
    match world.node(Once::DATABASE).map(|node| &node.disk) {
        Some(Disk::Database(tables)) => Some(tables),
        _ => None,
    }
}

fn checkout(world: &Shop, at: u16) -> Option<&Checkout> {
    match world.memory(Once::checkout(at)) {
        Some(Memory::Checkout(checkout)) => Some(checkout),
        _ => None,
    }
}

fn writer(world: &Shop) -> Option<&Writer> {
    match world.memory(Once::WRITER) {
        Some(Memory::Writer(writer)) => Some(writer),
        _ => None,
    }
}

fn checkouts(world: &Shop) -> u16 {
    world.settings().amount(once::INSTANCES) as u16
}

/// Where nodes and figures stand.
struct Layout {
    nodes: [(i32, i32); 6],
    requests: ((i32, i32), (i32, i32)),
    orders: ((i32, i32), (i32, i32)),
    rows: ((i32, i32), (i32, i32)),
    transactions: ((i32, i32), (i32, i32)),
    cells: u32,
}

const WIDE: Layout = Layout {
    nodes: [(340, 70), (90, 70), (600, 70), (850, 70), (230, 200), (450, 200)],
    requests: ((20, 276), (580, 84)),
    orders: ((20, 370), (580, 84)),
    rows: ((640, 276), (300, 84)),
    transactions: ((640, 370), (300, 130)),
    cells: 12,
};

const NARROW: Layout = Layout {
    nodes: [(200, 46), (66, 46), (334, 46), (334, 164), (66, 164), (200, 164)],
    requests: ((8, 232), (384, 72)),
    orders: ((8, 310), (384, 72)),
    rows: ((8, 388), (384, 72)),
    transactions: ((8, 466), (384, 90)),
    cells: 8,
};

fn picture(world: &Shop, frame: Frame) -> Picture {
    let layout = if frame == Frame::Wide { WIDE } else { NARROW };
    let mut picture = Picture::new(frame);
    for node in (0..world.kernel().nodes().len()).map(NodeId::from) {
        let Some(at) = layout.nodes.get(node.index()) else { continue };
        picture.nodes.push(mark(world, node, *at));
    }
    for other in [SHOP, Once::WRITER].into_iter().chain((0..checkouts(world)).map(Once::checkout)) {
        picture.links.push(LinkMark::new(BROKER, other, false));
    }
    picture.links.push(LinkMark::new(Once::WRITER, Once::DATABASE, false));
    if checkouts(world) > 1 {
        picture.links.push(LinkMark::new(Once::checkout(0), Once::checkout(1), true));
    }
    if let Some(disk) = cluster(world) {
        let reads = disk.offsets.get(&0).copied().unwrap_or(0);
        let title = format!("Topic requests: the checkout's offset is {reads}");
        picture.figures.push(strip("requests", &disk.topics[0], reads, layout.cells, title, layout.requests));
        let stable = disk.topics[1].stable();
        let title = format!("Topic orders: all before {stable} is decided");
        picture.figures.push(strip("orders", &disk.topics[1], stable, layout.cells, title, layout.orders));
        picture.figures.push(transactions(disk, layout.transactions));
    }
    picture.figures.push(rows(world, layout.rows));
    picture
}

fn mark(world: &Shop, node: NodeId, at: (i32, i32)) -> NodeMark {
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

/// Whether the cluster takes this instance's epoch for the live one.
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
fn strip(
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

fn rows(world: &Shop, (at, size): ((i32, i32), (i32, i32))) -> Figure {
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

fn transactions(disk: &BrokerDisk, (at, size): ((i32, i32), (i32, i32))) -> Figure {
    let row = |(id, known): (&u8, &once::Transaction)| {
        let (word, tone) = match (known.open, known.committed) {
            (true, _) => ("ongoing", Tone::Question),
            (_, Some(true)) => ("committed", Tone::Fine),
            (_, Some(false)) => ("aborted", Tone::Risk),
            _ => ("empty", Tone::Neutral),
        };
        let cells = [format!("checkout-{id}"), known.pid.to_string(), known.epoch.to_string()];
        let state = Cell { text: word.to_owned(), tone, firm: !known.open };
        cells.into_iter().map(|text| Cell::firm(text, Tone::Neutral)).chain([state]).collect()
    };
    let head = ["id", "producer", "epoch", "state"].map(str::to_owned).to_vec();
    let body = Body::Table { head, rows: disk.transactions.iter().map(row).collect() };
    Figure { id: "transactions", at, size, title: "Transactions, by transactional.id".to_owned(), body }
}

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

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let offset = |at: Option<u32>| at.map_or("none".to_owned(), |at| at.to_string());
    let disk: Fields = match &node.disk {
        Disk::Broker(disk) => vec![
            field("requests ends at", disk.topics[0].end().to_string()),
            field("orders ends at", disk.topics[1].end().to_string()),
            field("last stable offset", disk.topics[1].stable().to_string()),
            field("offset of the checkout", offset(disk.offsets.get(&0).copied())),
            field("offset of the writer", offset(disk.offsets.get(&1).copied())),
        ],
        Disk::Shop(last) => vec![field("last order", last.to_string())],
        Disk::Database(tables) => {
            vec![field("rows", tables.count.to_string()), field("offset", offset(tables.next))]
        }
        Disk::Checkout(_) | Disk::Writer => Vec::new(),
    };
    let memory: Fields = match &node.memory {
        Some(Memory::Broker(parked)) => vec![field("fetches that wait", parked.len().to_string())],
        Some(Memory::Shop(shop)) => vec![
            field("producer id", shop.pid.map_or("none".to_owned(), |pid| pid.to_string())),
            field("next sequence number", shop.sequence.to_string()),
            field("batches under way", shop.in_flight.len().to_string()),
        ],
        Some(Memory::Checkout(checkout)) => vec![
            field("state", working(checkout)),
            field("producer id", checkout.who.pid.to_string()),
            field("works on", once::wire::ids(&checkout.basket.orders)),
            field("offset", checkout.position.to_string()),
        ],
        Some(Memory::Writer(writer)) => {
            vec![field("state", writing(writer)), field("offset", writer.position.to_string())]
        }
        Some(Memory::Database) | None => Vec::new(),
    };
    Inspection { disk, memory }
}

/// An answer on its way to a node: its number in the run.
fn answer_to(world: &Shop, node: NodeId) -> Option<u64> {
    let done = |message: &Message| matches!(message, Message::Answer { body: Answer::Done, .. });
    world.flights().find(|flight| flight.pending.node == node && done(flight.message)).map(|flight| flight.pending.id)
}

/// The rows are written, and the writer does not know yet.
fn written_unknown(world: &Shop) -> bool {
    answer_to(world, Once::WRITER).is_some() && writer(world).is_some_and(|writer| writer.stage == Stage::Insert)
}

fn is_open(world: &Shop) -> bool {
    cluster(world).is_some_and(|disk| disk.transactions.values().any(|known| known.open))
}

fn crash_and_restart(node: NodeId) -> Vec<Input> {
    vec![Input::Crash { node }, Input::Restart { node }]
}

fn take_over() -> Input {
    Input::call(once::COMMAND_TAKE_OVER, &[])
}

fn stands_by(world: &Shop, at: u16) -> bool {
    checkout(world, at).is_some_and(|checkout| checkout.phase == Phase::Standby)
}

/// A record that was aborted.
fn has_aborted(world: &Shop) -> bool {
    let Some(topic) = cluster(world).map(|disk| &disk.topics[usize::from(ORDERS)]) else { return false };
    topic.from(0).any(|(offset, entry)| match entry {
        Entry::Data { pid, transactional: true, .. } => topic.fate(offset, pid) == Some(false),
        _ => false,
    })
}

const TOUR: &[Beat<Once>] = &[
    Beat {
        title: "Three hops",
        say: "A shop writes requests to Kafka. A checkout reads them and writes orders, still in Kafka. A writer puts the \
              orders into a database. On each hop something can be done twice.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![SHOP, BROKER, Once::DATABASE],
        predict: None,
    },
    Beat {
        title: "Not decided yet",
        say: "The checkout writes its order in a *transaction*. The dashed cell is in the log, and nobody who reads \
              committed records sees it.",
        inputs: no_inputs,
        until: is_open,
        look: |_| vec![Once::checkout(0), BROKER],
        predict: None,
    },
    Beat {
        title: "Both at once",
        say: "One marker decides it all: the orders count, and so does the offset up to which the checkout has read. The \
              *epoch* goes up by one.",
        inputs: no_inputs,
        until: |world| cluster(world).is_some_and(|disk| disk.offsets.contains_key(&0)),
        look: |_| vec![BROKER],
        predict: None,
    },
    Beat {
        title: "Row and offset",
        say: "The writer keeps its offset in the database, beside the rows, and changes both in one transaction. Now they \
              are written, and the answer is on its way.",
        inputs: no_inputs,
        until: written_unknown,
        look: |_| vec![Once::WRITER, Once::DATABASE],
        predict: None,
    },
    Beat {
        title: "The worst moment",
        say: "The writer crashes before it hears of it, and starts anew. It asks the database how far it came.",
        inputs: |_| crash_and_restart(Once::WRITER),
        until: |world| writer(world).is_some_and(|writer| writer.stage == Stage::Fetch),
        look: |_| vec![Once::WRITER, Once::DATABASE],
        predict: Some(Predict {
            question: "Will it write the order again?",
            options: |_| vec!["Yes".to_owned(), "No".to_owned()],
            answer: |world| {
                let reads = writer(world).map(|writer| writer.position);
                usize::from(
                    reads == tables(world).and_then(|tables| tables.next) && world.witness().two_rows().is_none(),
                )
            },
            because: "The offset in the database is as new as the rows: it says that the order is written.",
        }),
    },
    Beat {
        title: "Offset apart",
        say: "Now the rule is off. The rows are written first, and the offset is committed to Kafka afterwards: the usual \
              way. Again the rows are there, and the answer is on its way.",
        inputs: |_| vec![Input::Rule { rule: once::SAME_TRANSACTION, on: false }],
        until: |world| cluster(world).is_some_and(|disk| disk.offsets.contains_key(&1)) && written_unknown(world),
        look: |_| vec![Once::WRITER, Once::DATABASE],
        predict: None,
    },
    Beat {
        title: "The same crash",
        say: "The writer crashes between the database write and the offset commit. Kafka still has the old offset.",
        inputs: |_| crash_and_restart(Once::WRITER),
        until: |world| world.is_promise_broken(ONE_ROW.id),
        look: |_| vec![Once::DATABASE],
        predict: Some(Predict {
            question: "How many rows has the order now?",
            options: |_| vec!["One".to_owned(), "Two".to_owned()],
            answer: |world| usize::from(world.witness().two_rows().is_some()),
            because: "The writer reads the order again, and the database has no reason to refuse it.",
        }),
    },
    Beat {
        title: "In the middle of a transaction",
        say: "The rule is on again. Checkout 1 has written its orders and has not committed.",
        inputs: |_| vec![Input::Rule { rule: once::SAME_TRANSACTION, on: true }],
        until: |world| is_open(world) && checkout(world, 0).is_some_and(|checkout| checkout.phase == Phase::Produce),
        look: |_| vec![Once::checkout(0)],
        predict: None,
    },
    Beat {
        title: "A zombie",
        say: "Somebody takes checkout 1 for dead, and checkout 2 takes over. But checkout 1 is alive, and goes on.",
        inputs: |_| vec![take_over()],
        until: |world| stands_by(world, 0) && !stands_by(world, 1) && answer_to(world, SHOP).is_some(),
        look: |_| vec![Once::checkout(0), Once::checkout(1)],
        predict: Some(Predict {
            question: "Both are at work on the same request. Whose order counts?",
            options: |_| vec!["Checkout 1's".to_owned(), "Checkout 2's".to_owned(), "Both".to_owned()],
            answer: |world| {
                if world.witness().twice_in_log().is_some() { 2 } else { usize::from(stands_by(world, 0)) }
            },
            because: "With its new epoch, checkout 2 aborts the open transaction. Whatever comes from the old epoch is \
                      refused: checkout 1 is fenced.",
        }),
    },
    Beat {
        title: "A lost answer",
        say: "A request is written, and the answer to the shop is lost. The shop cannot know, and sends it again. The log \
              knows the *sequence number*, and writes nothing.",
        inputs: |world| answer_to(world, SHOP).map(|id| Input::Drop { id }).into_iter().collect(),
        until: |world| world.metrics().total(once::REFUSED, SHOP.0) > 0,
        look: |_| vec![SHOP, BROKER],
        predict: None,
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

/// Two checkouts that both believe to be the one, in different epochs.
fn two_at_work(world: &Shop) -> bool {
    let epoch = |at| {
        let busy = |checkout: &&Checkout| !matches!(checkout.phase, Phase::Standby | Phase::Init);
        checkout(world, at).filter(busy).map(|checkout| checkout.who.epoch)
    };
    matches!((epoch(0), epoch(1)), (Some(one), Some(other)) if one != other)
}

const CHALLENGES: &[Challenge<Once>] = &[
    Challenge {
        id: "charged-twice",
        title: "Charged twice",
        goal: "With the offset committed after the rows, have one order written twice.",
        hint: "Crash the writer when the database has answered and the writer has not heard it.",
        reached: |world| world.witness().two_rows().is_some(),
        origin: || origin(&[once::SAME_TRANSACTION], &[]),
        solve: |script| {
            script.until(written_unknown);
            script.act(Input::Crash { node: Once::WRITER });
            script.act(Input::Restart { node: Once::WRITER });
            script.until(|world| world.witness().two_rows().is_some());
        },
    },
    Challenge {
        id: "two-at-work",
        title: "Two at work",
        goal: "Have both checkouts at work at once, in different epochs, with all rules on.",
        hint: "The one that stands by listens to the other one. Cut them apart, or tell it to take over.",
        reached: two_at_work,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.until(|world| checkout(world, 0).is_some_and(|checkout| checkout.phase == Phase::Work));
            script.act(take_over());
            script.until(two_at_work);
        },
    },
    Challenge {
        id: "aborted",
        title: "In the log and not there",
        goal: "Have an order in the log that nobody will ever read, with all rules on.",
        hint: "A transaction that does not commit is aborted, by a timeout or by whoever takes over.",
        reached: has_aborted,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.until(is_open);
            script.act(take_over());
            script.until(has_aborted);
        },
    },
];

/// One request, and two checkouts that both take it up.
const ZOMBIE: Hunt<Once> = Hunt {
    settings: &[(once::RATE, 0), (once::REQUESTED, 1), (once::TAKEOVER, 0), (once::PATIENCE, 0), (once::MAX_POLL, 1)],
    inputs: || vec![take_over()],
    bounds: Bounds::new(400_000, 60, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 10,
};

/// One request, one checkout, one crash.
const ONE_CHECKOUT: Hunt<Once> = Hunt {
    settings: &[
        (once::RATE, 0),
        (once::REQUESTED, 1),
        (once::INSTANCES, 1),
        (once::TAKEOVER, 0),
        (once::PATIENCE, 0),
        (once::MAX_POLL, 1),
    ],
    inputs: Vec::new,
    ..ZOMBIE
};

/// One order for the writer, one crash.
const ONE_ORDER: Hunt<Once> = Hunt {
    settings: &[
        (once::RATE, 0),
        (once::ORDERED, 1),
        (once::INSTANCES, 1),
        (once::TAKEOVER, 0),
        (once::PATIENCE, 0),
        (once::MAX_POLL, 1),
    ],
    inputs: Vec::new,
    ..ZOMBIE
};

/// One customer, and a shop that asks again.
const ONE_CUSTOMER: Hunt<Once> = Hunt {
    settings: &[(once::RATE, 0), (once::INSTANCES, 1), (once::TAKEOVER, 0), (once::MAX_POLL, 1)],
    inputs: || vec![Input::call(once::COMMAND_ORDER, &[1])],
    bounds: Bounds::new(400_000, 60, Budget::NONE),
    ..ZOMBIE
};

const BREAKS: &[Breaks<Once>] = &[
    Breaks { rule: once::SAME_TRANSACTION, promise: ONE_ROW.id, way: Way::Explore(ONE_ORDER) },
    Breaks { rule: once::IDEMPOTENT, promise: ONCE_IN_LOG.id, way: Way::Explore(ONE_CUSTOMER) },
    Breaks { rule: once::TOGETHER, promise: ONCE_IN_LOG.id, way: Way::Explore(ONE_CHECKOUT) },
    Breaks { rule: once::FENCE, promise: ONCE_IN_LOG.id, way: Way::Explore(ZOMBIE) },
    Breaks { rule: once::READ_COMMITTED, promise: ONE_ROW.id, way: Way::Explore(ONE_CHECKOUT) },
];
