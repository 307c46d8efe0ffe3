//! Flash sale: more orders than the database can write, and a log between them.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Bar, Body, Figure, Frame, Glyph, LinkMark, Look, NodeMark, Picture, Shape, Tone, stream_width};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{MetricId, WINDOW};
use crate::sim::numbers::grouped;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::flash_sale::promises::{self, IN_TIME, MEMORY_BOUNDED, NO_ORDER_LOST};
use crate::systems::messaging::flash_sale::{
    self as sale, Consumer, DATABASE, Disk, FlashSale, GATEWAY, Gateway, Jobs, Memory, Message, Partition, THE_LOG,
};
use std::rc::Rc;

type Shop = World<FlashSale>;

/// The scenario.
pub static SCENARIO: Scenario<FlashSale> = Scenario {
    slug: "flash-sale",
    title: "Flash sale",
    guide: Guide::Messaging,
    level: 4,
    summary: "Midnight: 500,000 orders a minute, and a database that writes 5,000 a second. Straight to the database, \
              the shop collapses; through a log, it is merely late.",
    seed: 1,
    settings: &[
        (sale::SALE, 500_000),
        (sale::CAPACITY, 5_000),
        (sale::WORKERS, 50),
        (sale::PARTITIONS, 10),
        (sale::CONSUMERS, 2),
        (sale::BUFFER, 10_000),
        (sale::MAX_POLL, 500),
        (sale::LINGER, 20_000),
        (sale::LENGTH, 60_000_000),
        (sale::QUIET, 60_000),
        (sale::PATIENCE, 2_000_000),
    ],
    busy: &[
        (sale::SALE, 12_000),
        (sale::QUIET, 3_000),
        (sale::CAPACITY, 150),
        (sale::PARTITIONS, 2),
        (sale::WORKERS, 2),
        (sale::BUFFER, 20),
        (sale::MAX_POLL, 10),
        (sale::LINGER, 100_000),
        (sale::LENGTH, 5_000_000),
    ],
    fixed: &[],
    rules: &[sale::LOG, sale::PAUSE, sale::COMMIT_AFTER],
    commands: &[sale::COMMAND_ORDER],
    promises: &[NO_ORDER_LOST, MEMORY_BOUNDED, IN_TIME],
    impossible: false,
    // Links are TCP connections: what they carry is neither lost nor doubled nor reordered while they stand.
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart { title: "Orders in", about: "The sale, and the quiet after it.", plot: Plot::Rate(sale::IN) },
        Chart {
            title: "Writes out",
            about: "As many as the database can do, as long as there is a lag.",
            plot: Plot::Rate(sale::OUT),
        },
        Chart { title: "Lag of each partition", about: "The log holds the difference.", plot: Plot::Level(sale::LAG) },
        Chart { title: "Buffered", about: "Up to its share, and no further.", plot: Plot::Level(sale::BUFFERED) },
        Chart {
            title: "At once in the database",
            about: "Bounded by the number of workers; without the log by nothing.",
            plot: Plot::Level(sale::AT_ONCE),
        },
        Chart { title: "A write takes", about: "With its wait in the database.", plot: Plot::Percentiles(sale::WRITE) },
        Chart {
            title: "From order to row",
            about: "The price of the log: orders are late, and none is lost.",
            plot: Plot::Percentiles(sale::LATENCY),
        },
        Chart { title: "Turned away", about: "Customers who got an error.", plot: Plot::Rate(sale::AWAY) },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_ORDERS,
    breaks: BREAKS,
    prose: prose!("flash_sale.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        sale::LAG => format!("partition {subject}"),
        sale::BUFFERED => node_subject::<FlashSale>(settings, metric, subject),
        sale::AT_ONCE => "writes".to_owned(),
        _ => "orders".to_owned(),
    }
}

fn partitions(world: &Shop) -> &[Rc<Partition>] {
    match world.node(THE_LOG).map(|node| &node.disk) {
        Some(Disk::Log(partitions)) => partitions,
        _ => &[],
    }
}

/// Orders in the log that are not committed.
fn lag(world: &Shop) -> u32 {
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

fn at_once(world: &Shop) -> u32 {
    jobs(world).map_or(0, |jobs| jobs.at_once)
}

fn consumer(world: &Shop, at: u16) -> Option<&Consumer> {
    match world.memory(FlashSale::consumer(at)) {
        Some(Memory::Consumer(consumer)) => Some(consumer),
        _ => None,
    }
}

fn consumers(world: &Shop) -> u16 {
    world.settings().amount(sale::CONSUMERS) as u16
}

fn all_consumers(world: &Shop) -> Vec<NodeId> {
    (0..consumers(world)).map(FlashSale::consumer).collect()
}

/// A consumer's share of the buffer.
fn share(world: &Shop) -> u32 {
    (world.settings().amount(sale::BUFFER) / world.settings().amount(sale::CONSUMERS).max(1)).max(1) as u32
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let count = consumers(world) as usize;
    let (front, places, figures) = match frame {
        Frame::Wide => {
            let places = Area::new(490, 10, 140, 108 * count as i32).column(count);
            let figures = [((20, 200), (400, 340)), ((660, 250), (280, 150)), ((660, 420), (280, 100))];
            ([(80, 80), (290, 80), (850, 90)], places, figures)
        }
        Frame::Narrow => {
            let places = Area::new(2, 120, 396, 84).row(count);
            let figures = [((8, 226), (384, 180)), ((8, 412), (384, 84)), ((8, 500), (384, 56))];
            ([(66, 50), (200, 50), (334, 50)], places, figures)
        }
    };
    picture.nodes.push(shop(world, front[0]));
    let mut mark = NodeMark::new(THE_LOG, front[1], Shape::Broker, "Kafka");
    mark.tone = Tone::Store;
    mark.state = format!("lag {}", grouped(u64::from(lag(world))));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(DATABASE, front[2], Shape::Store, "database");
    let here = at_once(world);
    mark.tone = if here > sale::KNEE { Tone::Broken } else { Tone::Store };
    mark.state = format!("{}/s", grouped(sale::writes_a_second(world.settings().amount(sale::CAPACITY), here)));
    mark.fill = Some((here, sale::KNEE));
    picture.nodes.push(mark);
    for (at, place) in (0..consumers(world)).zip(places) {
        picture.nodes.push(pool(world, at, place));
    }
    let all = all_consumers(world);
    picture.link_all(&[THE_LOG], &[GATEWAY]);
    picture.link_all(&[THE_LOG, DATABASE], &all);
    let between = |a: NodeId, b: NodeId| (a == GATEWAY && b == DATABASE) || (a == DATABASE && b == GATEWAY);
    let direct = world.flights().any(|flight| between(flight.from, flight.pending.node));
    if direct || !world.rules().on(sale::LOG) {
        picture.links.push(LinkMark::new(GATEWAY, DATABASE, true));
    }
    picture.links.iter_mut().for_each(|link| link.stream = stream_width(carried(world, link)));
    let [first, second, third] = figures;
    picture.figures.push(lag_bars(world, first));
    picture.figures.push(buffer_bars(world, second));
    picture.figures.push(database_bars(world, third));
    picture
}

/// How many orders a second a link has carried in the last half second: the shop's all that came in, a consumer's its
/// share of what the database wrote.
fn carried(world: &Shop, link: &LinkMark) -> u64 {
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

fn shop(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(GATEWAY, at, Shape::Service, "shop");
    mark.tone = Tone::Producer;
    let rate = sale::orders_a_minute(world.settings(), world.kernel().now()) / 60;
    mark.state = format!("{}/s in", grouped(rate));
    if let Some(gateway) = gateway(world) {
        let waiting: u32 = gateway.outlets.iter().map(|outlet| outlet.waiting.len()).sum();
        if waiting > 0 {
            mark.state = format!("{} wait", grouped(u64::from(waiting)));
            mark.fill = Some((waiting, sale::MOST_WAITING));
        }
    }
    mark
}

fn pool(world: &Shop, at: u16, place: (i32, i32)) -> NodeMark {
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
fn lag_bars(world: &Shop, (at, size): Place) -> Figure {
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

fn buffer_bars(world: &Shop, (at, size): Place) -> Figure {
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

fn database_bars(world: &Shop, (at, size): Place) -> Figure {
    let here = at_once(world);
    let tone = if here > sale::KNEE { Tone::Broken } else { Tone::Store };
    let text = grouped(u64::from(here));
    let bar = Bar { label: "writes".to_owned(), value: here, full: here.max(sale::KNEE), text, tone };
    let title = format!("At once in the database; {} is its limit", sale::KNEE);
    Figure { id: "database", at, size, title, body: Body::Bars(vec![bar]) }
}

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
    let field = |name: &str, value: String| (name.to_owned(), value);
    let orders = field("orders", message.orders().to_string());
    match message {
        Message::Produce { partition, sequence, .. } => {
            vec![orders, field("partition", partition.to_string()), field("sequence", sequence.to_string())]
        }
        Message::Produced { partition, .. } | Message::OutOfOrder { partition } => {
            vec![field("partition", partition.to_string())]
        }
        Message::Fetch { most, .. } => vec![field("at most", most.to_string())],
        Message::Commit { partition, offset } => {
            vec![field("partition", partition.to_string()), field("offset", offset.to_string())]
        }
        Message::Records(_, parts) => vec![orders, field("partitions", parts.len().to_string())],
        Message::Write { partition: Some(at), first, .. } => {
            vec![orders, field("partition", at.to_string()), field("from offset", first.to_string())]
        }
        Message::Write { .. } => vec![orders],
        Message::Written { upto, .. } => vec![field("up to offset", upto.to_string())],
        Message::Where { partitions } => vec![field("partitions", partitions.len().to_string())],
        Message::Standings(found) => vec![field("partitions", found.len().to_string())],
        Message::TooMany { .. } => Vec::new(),
    }
}

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk: Fields = match &node.disk {
        Disk::Gateway(counters) => vec![field("orders so far", grouped(counters.accepted))],
        Disk::Log(partitions) => {
            let line = |(at, partition): (usize, &Rc<Partition>)| {
                field(
                    &format!("partition {at}"),
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
            let sent: usize = gateway.outlets.iter().map(|outlet| outlet.in_flight.len()).sum();
            vec![field("batches under way", sent.to_string()), field("direct writes", gateway.direct.len().to_string())]
        }
        Some(Memory::Log(parked)) => vec![field("fetches that wait", parked.len().to_string())],
        Some(Memory::Database(jobs)) => vec![field("writes at once", jobs.at_once.to_string())],
        Some(Memory::Consumer(consumer)) => vec![
            field("buffered", grouped(u64::from(consumer.buffered()))),
            field("at work", consumer.busy().to_string()),
            field("paused", if consumer.paused { "yes" } else { "no" }.to_owned()),
        ],
        None => Vec::new(),
    };
    Inspection { disk, memory }
}

fn flies(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

fn all_paused(world: &Shop) -> bool {
    (0..consumers(world)).all(|at| consumer(world, at).is_some_and(|consumer| consumer.paused))
}

/// How long a write takes now, in ms: all that are at once, at the rate of now.
fn write_takes(world: &Shop) -> u64 {
    let here = at_once(world);
    u64::from(here) * 1_000 / sale::writes_a_second(world.settings().amount(sale::CAPACITY), here)
}

const TOUR: &[Beat<FlashSale>] = &[
    Beat {
        title: "Midnight",
        say: "The sale begins: 500,000 orders a minute, 8,333 a second. The database can write 5,000 a second. Between \
              them stands a log with ten partitions, and fifty workers for each.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![GATEWAY, THE_LOG, DATABASE],
        predict: None,
    },
    Beat {
        title: "Taken in milliseconds",
        say: "Each square is a batch of orders for one partition. The log appends it, and its customers are told that \
              their orders are taken. No one has asked the database.",
        inputs: no_inputs,
        until: |world| flies(world, |message| matches!(message, Message::Produced { .. })),
        look: |_| vec![GATEWAY, THE_LOG],
        predict: None,
    },
    Beat {
        title: "Five hundred writers",
        say: "The consumers hand orders to their workers, and each worker has one write under way. More than 500 never \
              reach the database at once.",
        inputs: no_inputs,
        until: |world| at_once(world) >= 450,
        look: |_| vec![DATABASE],
        predict: Some(Predict {
            question: "500 writes at once, 5,000 a second: how long does one take?",
            options: |_| vec!["10 ms".to_owned(), "100 ms".to_owned(), "1 s".to_owned()],
            answer: |world| match write_takes(world) {
                0..40 => 0,
                40..400 => 1,
                _ => 2,
            },
            because: "Little's law: 500 in the system are the rate times the time, 5,000 a second times a tenth of a second.",
        }),
    },
    Beat {
        title: "Memory fills up",
        say: "3,333 orders a second are too many. At first the consumers' memory takes them.",
        inputs: no_inputs,
        until: |world| {
            (0..consumers(world)).filter_map(|at| consumer(world, at)).map(Consumer::buffered).sum::<u32>() >= 5_000
        },
        look: all_consumers,
        predict: None,
    },
    Beat {
        title: "Full",
        say: "A consumer that has no room for another poll pauses its partitions: it goes on polling, and gets nothing.",
        inputs: no_inputs,
        until: all_paused,
        look: all_consumers,
        predict: None,
    },
    Beat {
        title: "The log absorbs",
        say: "Now the lag grows, on disk, where there is room for days. Memory does not grow any more, and the database \
              works as before.",
        inputs: no_inputs,
        until: |world| lag(world) >= 15_000,
        look: |_| vec![THE_LOG],
        predict: None,
    },
    Beat {
        title: "Half of the writers",
        say: "Consumer 1 crashes with thousands of orders in memory.",
        inputs: |_| vec![Input::Crash { node: FlashSale::consumer(0) }],
        until: |world| at_once(world) <= 260,
        look: |_| vec![FlashSale::consumer(0)],
        predict: Some(Predict {
            question: "How many orders are lost?",
            options: |_| vec!["None".to_owned(), "What it had in memory".to_owned()],
            answer: |world| usize::from(promises::lost(world).is_some()),
            because: "Their offsets are not committed. Whoever reads the partitions next begins where they are.",
        }),
    },
    Beat {
        title: "Where it stopped",
        say: "It comes back, asks for the committed offsets, and fetches the same orders again.",
        inputs: |_| vec![Input::Restart { node: FlashSale::consumer(0) }],
        until: |world| at_once(world) >= 450,
        look: |_| vec![FlashSale::consumer(0), THE_LOG],
        predict: None,
    },
    Beat {
        title: "Without the pause",
        say: "The rule is off. A consumer fetches whatever there is. The lag moves into its memory, and no order is \
              written sooner for it.",
        inputs: |_| vec![Input::Rule { rule: sale::PAUSE, on: false }],
        until: |world| world.is_promise_broken(MEMORY_BOUNDED.id),
        look: all_consumers,
        predict: None,
    },
    Beat {
        title: "Without the log",
        say: "Now every order goes straight to the database, while its customer waits. Each that is there slows down the \
              others.",
        inputs: |_| vec![Input::Rule { rule: sale::PAUSE, on: true }, Input::Rule { rule: sale::LOG, on: false }],
        until: |world| world.is_promise_broken(NO_ORDER_LOST.id),
        look: |_| vec![GATEWAY, DATABASE],
        predict: Some(Predict {
            question: "How many writes a second does the database do in the end?",
            options: |_| vec!["More than 5,000".to_owned(), "5,000".to_owned(), "Less".to_owned()],
            answer: |world| match sale::writes_a_second(world.settings().amount(sale::CAPACITY), at_once(world)) {
                0..5_000 => 2,
                5_000 => 1,
                _ => 0,
            },
            because: "Thousands at once fight for locks and memory. The rate falls as the crowd grows, and the crowd grows as \
                      the rate falls.",
        }),
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

fn collapsed(world: &Shop) -> bool {
    at_once(world) >= 2_500
}

const CHALLENGES: &[Challenge<FlashSale>] = &[
    Challenge {
        id: "collapse",
        title: "Collapse",
        goal: "Have 2,500 writes or more at once in the database, so that it does less than a fifth of what it can.",
        hint: "The log and the pools of workers stand before the database. Switch the log off, and send a crowd.",
        reached: collapsed,
        origin: || origin(&[sale::LOG], &[]),
        solve: |script| {
            script.until(collapsed);
        },
    },
    Challenge {
        id: "passed-over",
        title: "Passed over",
        goal: "Have an order that was taken, and will never be written.",
        hint: "A consumer that commits what it has only fetched takes it along when it crashes.",
        reached: |world| promises::lost(world).is_some(),
        origin: || origin(&[sale::COMMIT_AFTER], &[]),
        solve: |script| {
            script.until(|world| consumer(world, 0).is_some_and(|consumer| consumer.buffered() > 100));
            script.act(Input::Crash { node: FlashSale::consumer(0) });
            script.until(|world| promises::lost(world).is_some());
        },
    },
    Challenge {
        id: "the-lag-of-an-hour",
        title: "Too late",
        goal: "Have an order wait for more than 30 s in the log, with all rules on.",
        hint: "A slower database, or a consumer that is gone for long.",
        reached: |world| promises::oldest(world) > 30_000_000,
        origin: || origin(&[], &[(sale::SALE, 60_000), (sale::LINGER, 100_000), (sale::PARTITIONS, 2)]),
        solve: |script| {
            script.until(|world| lag(world) > 0);
            script.act(Input::Crash { node: FlashSale::consumer(0) });
            script.until(|world| promises::oldest(world) > 30_000_000);
        },
    },
];

fn orders(count: i64) -> Input {
    Input::call(sale::COMMAND_ORDER, &[count])
}

/// Three orders, one worker, room for one, one crash.
const THREE_ORDERS: Hunt<FlashSale> = Hunt {
    settings: &[
        (sale::SALE, 0),
        (sale::QUIET, 0),
        (sale::PARTITIONS, 1),
        (sale::CONSUMERS, 1),
        (sale::WORKERS, 1),
        (sale::BUFFER, 1),
        (sale::MAX_POLL, 3),
        (sale::PATIENCE, 0),
    ],
    inputs: || vec![orders(3)],
    bounds: Bounds::new(400_000, 80, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 10,
};

const BREAKS: &[Breaks<FlashSale>] = &[
    Breaks {
        rule: sale::LOG,
        promise: NO_ORDER_LOST.id,
        way: Way::Schedules {
            settings: &[],
            events: 4_000,
            reason: "It takes time and thousands of orders to crowd the database: the explorer has neither.",
        },
    },
    Breaks { rule: sale::PAUSE, promise: MEMORY_BOUNDED.id, way: Way::Explore(THREE_ORDERS) },
    Breaks { rule: sale::COMMIT_AFTER, promise: NO_ORDER_LOST.id, way: Way::Explore(THREE_ORDERS) },
];
