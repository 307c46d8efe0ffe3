//! Keys, partitions and order: what keeps a customer's records in order, and what breaks it inside one consumer.

use crate::guides::kit::prelude::*;
use crate::mechanisms::partitioner::{KeyHash, murmur2, partition_of};
use crate::systems::messaging::kafka::log::{Log, Record};
use crate::systems::messaging::kafka::promises::{KEY_ORDER, LIMITS, NOTHING_MISSED, OWNED_AGAIN, Overtaken};
use crate::systems::messaging::kafka::{
    self as kafka, BROKER, COMMAND_PARTITIONS, COMMAND_PUBLISH, COMMAND_START, COMMAND_STOP, Item, Kafka, Memory,
    Message,
};
use crate::views::kafka::{
    Shop, Strips, broker_mark, command, committed, consumer, consumer_mark, consumers, is_tame, logs, name,
    producer_mark, strips,
};

type Beat = crate::guides::kit::tour::Beat<Kafka>;

/// The scenario.
pub static SCENARIO: Scenario<Kafka> = Scenario {
    slug: "keys-and-order",
    title: "Keys, partitions and order",
    guide: Guide::Messaging,
    level: 3,
    summary: "A customer's order is created, then cancelled. The log keeps the two in order, yet a pool of workers \
              in the consumer does them in the wrong order.",
    seed: 4,
    settings: &[
        (kafka::RATE, 10),
        (kafka::KEYS, 4),
        (kafka::PARTITIONS, 3),
        (kafka::WORKERS, 3),
        (kafka::LANE, 0),
        (kafka::WORK, 120_000),
        (kafka::MAX_POLL, 8),
    ],
    fixed: &[
        (kafka::CONSUMERS, 2),
        (kafka::RUNNING, 2),
        (kafka::BATCH, 4),
        (kafka::LINGER, 50_000),
        (kafka::RESET, 1),
        (kafka::METADATA_AGE, 1_000_000),
    ],
    rules: &[kafka::ONE_WORKER, kafka::KEY_PARTITION],
    commands: &[COMMAND_PUBLISH, COMMAND_PARTITIONS, COMMAND_START, COMMAND_STOP],
    promises: &[KEY_ORDER, NOTHING_MISSED, OWNED_AGAIN],
    limits: LIMITS,
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "From produced to done",
            about: "A worker per key keeps more workers busy than one per partition.",
            plot: Plot::Percentiles(kafka::LATENCY),
        },
        Chart { title: "Records done", about: "By consumer.", plot: Plot::Rate(kafka::DONE) },
        Chart { title: "Appended", about: "By partition: uneven with few keys.", plot: Plot::Rate(kafka::APPENDED) },
        Chart { title: "Lag", about: "Records not committed.", plot: Plot::Level(kafka::LAG) },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_RECORDS,
    without: WITHOUT,
    terms: &[
        ("idempotent", "Said of a producer whose batches are written once, however often they are sent."),
        ("key", "The part of a record that decides its partition."),
        ("offsets", "Records' numbers within their partition."),
        ("partition", "One of a topic's logs; order holds within it."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/rebalance", "messaging/retries-and-dead-letters"],
    versions: versions!["Kafka 4.4", "librdkafka 2.15"],
    prose: prose!("keys_and_order.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        kafka::APPENDED => format!("partition {subject}"),
        kafka::LAG | kafka::LATENCY => "group A".to_owned(),
        _ => Kafka::name(settings, NodeId(subject)),
    }
}

/// "3 +2": customer 3 creates its order 2; "3 -2": it cancels it.
fn short(record: Record) -> String {
    let sign = if record.number % 2 == 1 { '+' } else { '-' };
    format!("{} {sign}{}", record.key, record.order())
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (producer, broker, readers, log, keys, work): (_, _, [(i32, i32); 2], _, _, _) = match frame {
        Frame::Wide => (
            (90, 340),
            (330, 340),
            [(570, 300), (570, 420)],
            Strips { left: 30, top: 16, width: 900, height: 60, columns: 15 },
            ((30, 416), (400, 138)),
            ((680, 290), (260, 190)),
        ),
        Frame::Narrow => (
            (66, 210),
            (200, 220),
            [(66, 320), (334, 320)],
            Strips { left: 8, top: 6, width: 384, height: 54, columns: 8 },
            ((8, 386), (150, 140)),
            ((176, 386), (220, 170)),
        ),
    };
    picture.nodes.push(broker_mark(world, broker, None));
    picture.nodes.push(producer_mark(world, Kafka::producer(0), producer));
    let all = consumers(world);
    for (node, at) in all.iter().zip(readers) {
        picture.nodes.push(consumer_mark(world, *node, at));
    }
    picture.link_all(&[BROKER], &[Kafka::producer(0)]);
    picture.link_all(&[BROKER], &all);
    picture.figures = strips(world, log, if frame == Frame::Wide { 4 } else { 3 }, record_cell);
    if let Some(first) = picture.figures.first_mut() {
        first.title.push_str(match frame {
            Frame::Wide => "; 3 +1: customer 3 creates order 1; 3 -1: cancels it; green: committed",
            Frame::Narrow => "; 3 -1: customer 3 cancels order 1",
        });
    }
    picture.figures.push(hashes(world, keys.0, keys.1, frame == Frame::Wide));
    picture.figures.push(workers(world, work.0, work.1));
    picture
}

fn in_work(world: &Shop) -> impl Iterator<Item = (NodeId, usize, Option<Item>)> {
    consumers(world).into_iter().flat_map(move |node| {
        let slots = consumer(world, node).map_or(&[][..], |known| &known.working);
        slots.iter().enumerate().map(move |(worker, item)| (node, worker, *item)).collect::<Vec<_>>()
    })
}

/// A record: waiting, in work, done and committed.
fn record_cell(world: &Shop, partition: u16, log: &Log, offset: u32) -> Cell {
    let Some(record) = log.get(offset) else { return Cell::loose("", Tone::Off) };
    let here = |(_, _, item): (NodeId, usize, Option<Item>)| {
        item.is_some_and(|item| (item.partition, item.offset) == (partition, offset))
    };
    let tone = if in_work(world).any(here) {
        Tone::Active
    } else if committed(world, 0, partition).is_some_and(|done| offset < done) {
        Tone::Fine
    } else {
        Tone::Store
    };
    Cell::firm(short(record), tone)
}

/// Where the producer sends each key.
fn hashes(world: &Shop, at: (i32, i32), size: (i32, i32), with_hash: bool) -> Figure {
    let partitions = match world.memory(Kafka::producer(0)) {
        Some(Memory::Producer(producer)) => producer.partitions,
        _ => logs(world).count() as u16,
    };
    let shown = world.settings().amount(kafka::KEYS).min(4) as u16;
    let row = |key: u16| {
        let text = Record::key_text(key);
        let partition = partition_of(KeyHash::Murmur2, text.as_bytes(), u32::from(partitions));
        let hash = Cell::firm(format!("{:08x}", murmur2(text.as_bytes())), Tone::Neutral);
        let cells = [
            Some(Cell::firm(key.to_string(), Tone::Neutral)),
            with_hash.then_some(hash),
            Some(Cell::firm(partition.to_string(), Tone::Active)),
        ];
        cells.into_iter().flatten().collect()
    };
    let head = [Some("customer"), with_hash.then_some("murmur2"), Some("partition")];
    let head = head.into_iter().flatten().map(str::to_owned).collect();
    let title = format!("murmur2 modulo {partitions}");
    Figure { id: "hashes", at, size, title, body: Body::Table { head, rows: (1..=shown).map(row).collect() } }
}

/// What every worker works on.
fn workers(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |(node, worker, item): (NodeId, usize, Option<Item>)| {
        let busy = item.map_or("-".to_owned(), |item| short(item.record));
        let tone = if item.is_some() { Tone::Active } else { Tone::Off };
        let from = item.map_or(String::new(), |item| item.partition.to_string());
        let who = name(world, node).replace("consumer ", "");
        vec![Cell::firm(format!("{who}.{}", worker + 1), Tone::Neutral), Cell::firm(busy, tone), Cell::firm(from, tone)]
    };
    let head = ["worker", "record", "partition"].map(str::to_owned).to_vec();
    let rows = in_work(world).map(row).collect();
    Figure { id: "workers", at, size, title: "Workers".to_owned(), body: Body::Table { head, rows } }
}

/// Whether two records of one key are in work at once.
fn same_key_at_once(world: &Shop) -> bool {
    let keys: Vec<u16> = in_work(world).filter_map(|(_, _, item)| item.map(|item| item.record.key)).collect();
    (1..keys.len()).any(|at| keys[..at].contains(&keys[at]))
}

fn busy_workers(world: &Shop) -> usize {
    in_work(world).filter(|(_, _, item)| item.is_some()).count()
}

fn producer_partitions(world: &Shop) -> u16 {
    match world.memory(Kafka::producer(0)) {
        Some(Memory::Producer(producer)) => producer.partitions,
        _ => 0,
    }
}

/// Whether a partition has a record of a customer.
fn is_in(world: &Shop, customer: u16, partition: u16) -> bool {
    let holds = |log: &Log| log.read(log.start(), 400).iter().any(|record| record.key == customer);
    logs(world).any(|(at, log)| at == partition && holds(log))
}

fn done(world: &Shop) -> u64 {
    consumers(world).iter().map(|node| world.metrics().total(kafka::DONE, node.0)).sum()
}

fn late_one(world: &Shop) -> Vec<NodeId> {
    world.witness().overtaken().map(|found| found.consumer).into_iter().collect()
}

/// The promise broke over one order: its cancellation was done before the order itself.
fn cancelled_first(world: &Shop) -> bool {
    let is_one_order = |found: Overtaken| found.record.number % 2 == 1 && found.after == found.record.number + 1;
    world.is_promise_broken(KEY_ORDER.id) && world.witness().overtaken().is_some_and(is_one_order)
}

/// Whether every customer's records so far are in one partition each.
fn one_partition_each(world: &Shop) -> bool {
    let keys = |log: &Log| -> Vec<u16> { log.read(log.start(), 400).iter().map(|record| record.key).collect() };
    let all: Vec<Vec<u16>> = logs(world).map(|(_, log)| keys(log)).collect();
    (1..=12).all(|key| all.iter().filter(|keys| keys.contains(&key)).count() <= 1)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Orders of four customers",
        "A producer writes what customers do: ORDER_CREATED, then ORDER_CANCELLED. The first leaves now. A \
         cancellation that is done before its order would be nonsense.",
        |world| on_the_way(world, |message| matches!(message, Message::Produce(_))) > 0,
    )
    .midway()
    .look(|_| vec![Kafka::producer(0)]),
    Beat::new(
        "The key decides",
        "The customer is the record's *key*. The producer hashes it with murmur2 and takes the remainder: that is \
         the partition. The table shows the real numbers.",
        |world| logs(world).map(|(_, log)| log.end()).sum::<u32>() >= 8,
    )
    .first(|_| vec![command(COMMAND_PUBLISH, &[12])])
    .midway()
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "Does a customer's order ever span two partitions?",
        options: |_| ["Yes, to spread the load", "Yes, once a partition is full", "No"].map(str::to_owned).to_vec(),
        answer: |world| if one_partition_each(world) { 2 } else { 0 },
        because: "Same key, same hash, same partition. And a partition's log has a single order.",
    }),
    Beat::new(
        "One worker per partition",
        "Each consumer has three workers. Still, a partition's next record waits until the one before it is done: \
         each partition has one worker at a time.",
        |world| done(world) >= 4 && busy_workers(world) >= 2,
    )
    .look(consumers),
    Beat::new(
        "Side by side, in order",
        "Different partitions are worked on at the same time. Order is kept where it matters, for each customer, \
         and nowhere else.",
        |world| done(world) >= 12,
    )
    .first(|_| vec![command(COMMAND_PUBLISH, &[10])])
    .look(consumers),
    Beat::new(
        "A plain pool",
        "The rule is off: any free worker takes the next record. All workers are busy, which looks like progress.",
        same_key_at_once,
    )
    .first(|_| vec![Input::off(kafka::ONE_WORKER), command(COMMAND_PUBLISH, &[16])])
    .look(consumers)
    .ask(Predict {
        question: "Two workers have two records of one customer. What keeps these in order now?",
        options: |_| ["The partition's log", "The committed offset", "Nothing"].map(str::to_owned).to_vec(),
        answer: |world| if same_key_at_once(world) { 2 } else { 0 },
        because: "Nothing ties the two workers together: whoever takes less time is done first. The log is in order; \
                  the pool is not.",
    }),
    Beat::new(
        "Cancelled before it was created",
        "Run on until the promise breaks: one worker is done with a cancellation before another is done with the \
         order that it cancels. The broker did nothing wrong, and neither did the producer.",
        cancelled_first,
    )
    .look(late_one),
    Beat::new(
        "A fourth partition",
        "We pause the customers, and add a fourth partition. The producer hears of it at its next metadata refresh, \
         and divides the hash by four from then on. Compare the table with the one before: customer 1 moves from \
         partition 0 to 1, customer 3 from 1 to 2.",
        |world| producer_partitions(world) == 4,
    )
    .first(|_| {
        vec![
            Input::Rule { rule: kafka::ONE_WORKER, on: true },
            Input::set(kafka::RATE, 0),
            command(COMMAND_PARTITIONS, &[1]),
        ]
    })
    .look(|_| vec![BROKER, Kafka::producer(0)]),
    Beat::new(
        "More partitions move keys",
        "Now they order again. What customers 1 and 3 wrote before stays where it was, and nothing orders it \
         against what they write now: find both in two partitions.",
        |world| is_in(world, 1, 1) && is_in(world, 3, 2),
    )
    .first(|_| vec![command(COMMAND_PUBLISH, &[12])])
    .midway()
    .look(|_| vec![BROKER, Kafka::producer(0)]),
];

/// Two workers of one consumer on one partition, in order: a lane is a key.
fn by_key(world: &Shop) -> bool {
    let items: Vec<(NodeId, u16)> =
        in_work(world).filter_map(|(node, _, item)| item.map(|item| (node, item.partition))).collect();
    let shared = (1..items.len()).any(|at| items[..at].contains(&items[at]));
    shared && !same_key_at_once(world) && world.rules().on(kafka::ONE_WORKER)
}

const CHALLENGES: &[Challenge<Kafka>] = &[
    Challenge {
        id: "order-by-key",
        title: "Finer lanes",
        goal: "With all rules on, get two workers to work on one partition at once.",
        hint: "Order is promised for each key. So a lane may be a key.",
        reached: by_key,
    },
    Challenge {
        id: "one-more-partition",
        title: "One more partition",
        goal: "Break the order of a key with every rule on.",
        hint: "Let many records wait, and add a partition. The new one is empty, and its reader is quick.",
        reached: |world| world.rules() == RuleSet::ALL && world.is_promise_broken(KEY_ORDER.id),
    },
];

/// One consumer with two workers, and two records of one key.
const TWO_RECORDS: Hunt<Kafka> = Hunt {
    settings: &[
        (kafka::PARTITIONS, 2),
        (kafka::CONSUMERS, 1),
        (kafka::RUNNING, 1),
        (kafka::WORKERS, 2),
        (kafka::KEYS, 1),
        (kafka::RATE, 0),
        (kafka::BATCH, 1),
        (kafka::METADATA_AGE, 0),
    ],
    inputs: || vec![command(COMMAND_PUBLISH, &[2])],
    bounds: Bounds::new(500_000, 60, Budget::NONE),
    within: |world| is_tame(world, 3, 1, 1),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Kafka>)] = &[
    (kafka::ONE_WORKER, Hunt { bounds: Bounds::new(2_000_000, 40, Budget::NONE), ..TWO_RECORDS }),
    (kafka::KEY_PARTITION, Hunt { bounds: Bounds::new(2_000_000, 40, Budget::NONE), ..TWO_RECORDS }),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Kafka> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Kafka>] = &[
        Breaks { rule: kafka::ONE_WORKER, promise: KEY_ORDER.id, way: Way::Explore },
        Breaks { rule: kafka::KEY_PARTITION, promise: KEY_ORDER.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Kafka>] = &[
        Solution {
            challenge: "order-by-key",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::set(kafka::LANE, 1));
                script.act(command(COMMAND_PUBLISH, &[24]));
                script.until(by_key);
            },
        },
        Solution {
            challenge: "one-more-partition",
            from: || SCENARIO.from(&[], &[(kafka::RATE, 40)]),
            act: |script| {
                script.steps(400);
                script.act(command(COMMAND_PARTITIONS, &[1]));
                script.until(|world| world.is_promise_broken(KEY_ORDER.id));
            },
        },
    ];
}
