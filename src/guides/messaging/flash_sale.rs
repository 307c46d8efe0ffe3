//! Flash sale: more orders than the database can write, and a log between them.

use crate::guides::kit::prelude::*;
use crate::picture::stream_width;
use crate::sim::numbers::grouped;
use crate::systems::messaging::flash_sale::promises::{self, IN_TIME, MEMORY_BOUNDED, NO_ORDER_LOST};
use crate::systems::messaging::flash_sale::{self as sale, Consumer, DATABASE, FlashSale, GATEWAY, Message, THE_LOG};
use crate::views::flash_sale::{
    Shop, all_consumers, at_once, buffer_bars, carried, consumer, consumers, database_bars, lag, lag_bars, orders,
    pool, shop,
};

type Beat = crate::guides::kit::tour::Beat<FlashSale>;

/// The scenario.
pub static SCENARIO: Scenario<FlashSale> = Scenario {
    slug: "flash-sale",
    title: "Flash sale",
    guide: Guide::Messaging,
    level: 4,
    summary: "Midnight: 500,000 orders a minute, and a database that writes 5,000 a second. Straight to the \
              database, the shop collapses; through a log, it is merely late.",
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
    rules: &[sale::LOG, sale::PAUSE, sale::COMMIT_AFTER],
    commands: &[sale::COMMAND_ORDER],
    promises: &[NO_ORDER_LOST, MEMORY_BOUNDED, IN_TIME],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    presets: &[
        ("A million orders a minute", &[(sale::SALE, 1_000_000)]),
        ("A slow database", &[(sale::CAPACITY, 500)]),
        ("A quiet night", &[(sale::SALE, 60_000)]),
    ],
    load: true,
    charts: &[
        Chart {
            title: "Orders",
            about: "What the sale brings in, what the database writes, and whom the shop turns away.",
            plot: Plot::Rates(&[("in", sale::IN, 1), ("written", sale::OUT, 1), ("refused", sale::AWAY, 1)]),
        },
        Chart {
            title: "From order to row",
            about: "The price of the log: orders are late, and none is lost.",
            plot: Plot::Percentiles(sale::LATENCY),
        },
        Chart { title: "Lag of each partition", about: "The log holds the difference.", plot: Plot::Level(sale::LAG) },
        Chart { title: "Buffered", about: "Up to its share, and no further.", plot: Plot::Level(sale::BUFFERED) },
        Chart {
            title: "At once in the database",
            about: "Bounded by the number of workers; without the log, by nothing.",
            plot: Plot::Level(sale::AT_ONCE),
        },
        Chart { title: "A write takes", about: "Including the database wait.", plot: Plot::Percentiles(sale::WRITE) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_ORDERS,
    terms: &[("pauses", "Keeps polling, gets no records."), ("taken", "In the log, and the customer has been told.")],
    before: &["messaging/event-log"],
    near: &["messaging/lag-and-scaling", "resilience/load-balancing"],
    versions: versions!["Kafka 4.4"],
    prose: prose!("flash_sale.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

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

const TOUR: &[Beat] = &[
    Beat::new(
        "Midnight",
        "The sale begins, and here comes the first batch: 500,000 orders a minute, 8,333 a second. The database can \
         write 5,000 a second. Between them is a log with ten partitions, and fifty workers for each.",
        |world| on_the_way(world, |message| matches!(message, Message::Produce { .. })) > 0,
    )
    .midway()
    .look(|_| vec![GATEWAY, THE_LOG, DATABASE]),
    Beat::new(
        "Taken in milliseconds",
        "Each square is a batch of orders for one partition. The log appends it, and its customers are told that \
         their orders are taken. Nobody has asked the database.",
        |world| flies(world, |message| matches!(message, Message::Produced { .. })),
    )
    .midway()
    .look(|_| vec![GATEWAY, THE_LOG]),
    Beat::new(
        "Five hundred writers",
        "The consumers hand orders to their workers, and each worker has one write under way. So the database never \
         has more than 500 at once.",
        |world| at_once(world) >= 450,
    )
    .look(|_| vec![DATABASE])
    .ask(Predict {
        question: "500 writes at once, 5,000 a second: how long does one take?",
        options: |_| vec!["10 ms".to_owned(), "100 ms".to_owned(), "1 s".to_owned()],
        answer: |world| match write_takes(world) {
            0..40 => 0,
            40..400 => 1,
            _ => 2,
        },
        because: "Little's law: the number in the system is the rate times the time. 500 is 5,000 a second times a \
                  tenth of a second.",
    }),
    Beat::new(
        "Memory fills up",
        "3,333 orders a second come on top of what the database can write. At first the consumers' memory takes them.",
        |world| {
            (0..consumers(world)).filter_map(|at| consumer(world, at)).map(Consumer::buffered).sum::<u32>() >= 2_000
        },
    )
    .midway()
    .look(all_consumers),
    Beat::new(
        "Full",
        "A consumer that has no room for another poll pauses its partitions: it keeps polling, but gets nothing.",
        all_paused,
    )
    .look(all_consumers),
    Beat::new(
        "The log absorbs",
        "Now the lag grows, on disk, where there is room for days. Memory stops growing, and the database works as \
         before.",
        |world| lag(world) >= 12_000,
    )
    .midway()
    .look(|_| vec![THE_LOG]),
    Beat::new("Half the writers", "Consumer 1 crashes with thousands of orders in memory.", |world| {
        at_once(world) <= 260
    })
    .first(|_| vec![Input::Crash { node: FlashSale::consumer(0) }])
    .look(|_| vec![FlashSale::consumer(0)])
    .ask(Predict {
        question: "How many orders are lost?",
        options: |_| ["None", "What it had in memory", "What waits in its partitions"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(promises::lost(world).is_some()),
        because: "Their offsets are not committed: whoever reads these partitions next begins before them. Here that \
                  is consumer 1 itself, once it is back. There is no group that would hand them to consumer 2.",
    }),
    Beat::new(
        "Where it stopped",
        "Consumer 1 comes back, asks for the committed offsets, and fetches the same orders again.",
        |world| at_once(world) >= 450,
    )
    .first(|_| vec![Input::Restart { node: FlashSale::consumer(0) }])
    .look(|_| vec![FlashSale::consumer(0), THE_LOG]),
    Beat::new(
        "Without the pause",
        "The rule is off. A consumer fetches whatever there is. The lag moves into its memory, and no order is \
         written any sooner.",
        |world| world.is_promise_broken(MEMORY_BOUNDED.id),
    )
    .first(|_| vec![Input::off(sale::PAUSE)])
    .look(all_consumers),
    Beat::new(
        "Without the log",
        "Now every order goes straight to the database while its customer waits, and each slows down the others.",
        |world| world.is_promise_broken(NO_ORDER_LOST.id),
    )
    .first(|_| vec![Input::Rule { rule: sale::PAUSE, on: true }, Input::off(sale::LOG)])
    .look(|_| vec![GATEWAY, DATABASE])
    .ask(Predict {
        question: "How many writes a second does the database do in the end?",
        options: |_| vec!["More than 5,000".to_owned(), "5,000".to_owned(), "Less".to_owned()],
        answer: |world| match sale::writes_a_second(world.settings().amount(sale::CAPACITY), at_once(world)) {
            0..5_000 => 2,
            5_000 => 1,
            _ => 0,
        },
        because: "Thousands at once fight for locks and memory. The rate falls as the crowd grows, and the crowd \
                  grows as the rate falls.",
    }),
];

fn collapsed(world: &Shop) -> bool {
    at_once(world) >= 2_500
}

const CHALLENGES: &[Challenge<FlashSale>] = &[
    Challenge {
        id: "collapse",
        title: "Collapse",
        goal: "Get 2,500 writes or more into the database at once, so that it does less than a fifth of what it can.",
        hint: "The log and the pools of workers stand before the database. Switch the log off, and send a crowd.",
        reached: collapsed,
    },
    Challenge {
        id: "passed-over",
        title: "Passed over",
        goal: "Lose an order that was taken: it will never be written.",
        hint: "A consumer that commits what it has only fetched loses it in a crash.",
        reached: |world| promises::lost(world).is_some(),
    },
    Challenge {
        id: "the-lag-of-an-hour",
        title: "Too late",
        goal: "Make an order wait for more than 30 s in the log, with all rules on.",
        hint: "A slower database, or a consumer that stays away for long.",
        reached: |world| promises::oldest(world) > 30_000_000,
    },
];

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

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<FlashSale> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<FlashSale>] = &[
        Breaks {
            rule: sale::LOG,
            promise: NO_ORDER_LOST.id,
            way: Way::Script {
                settings: &[],
                act: |script| {
                    script.until(|world| world.is_promise_broken(NO_ORDER_LOST.id));
                },
                reason: "It takes time and thousands of orders to crowd the database, and no fault: the explorer has \
                         neither clock nor load.",
            },
        },
        Breaks { rule: sale::PAUSE, promise: MEMORY_BOUNDED.id, way: Way::Explore },
        Breaks { rule: sale::COMMIT_AFTER, promise: NO_ORDER_LOST.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<FlashSale>] = &[
        Solution {
            challenge: "collapse",
            from: || SCENARIO.from(&[sale::LOG], &[]),
            act: |script| {
                script.until(collapsed);
            },
        },
        Solution {
            challenge: "passed-over",
            from: || SCENARIO.from(&[sale::COMMIT_AFTER], &[]),
            act: |script| {
                script.until(|world| consumer(world, 0).is_some_and(|consumer| consumer.buffered() > 100));
                script.act(Input::Crash { node: FlashSale::consumer(0) });
                script.until(|world| promises::lost(world).is_some());
            },
        },
        Solution {
            challenge: "the-lag-of-an-hour",
            from: || SCENARIO.from(&[], &[(sale::SALE, 60_000), (sale::LINGER, 100_000), (sale::PARTITIONS, 2)]),
            act: |script| {
                script.until(|world| lag(world) > 0);
                script.act(Input::Crash { node: FlashSale::consumer(0) });
                script.until(|world| promises::oldest(world) > 30_000_000);
            },
        },
    ];
}
