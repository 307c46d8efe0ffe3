//! An event log with replay: three partitions, three groups, each with an offset of its own.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::kafka::promises::{LIMITS, NOTHING_MISSED, OWNED_AGAIN, missed};
use crate::systems::messaging::kafka::{
    self as kafka, BROKER, COMMAND_PUBLISH, COMMAND_RETAIN, COMMAND_SEEK, COMMAND_START, COMMAND_STOP, Kafka, Message,
};
use crate::views::kafka::{
    Shop, Strips, broker_mark, command, committed, consumer_mark, consumers, flies, is_tame, lags, logs, nth,
    producer_mark, readers_cell, strips,
};
use std::cmp::Ordering;

type Beat = crate::guides::kit::tour::Beat<Kafka>;

/// The scenario.
pub static SCENARIO: Scenario<Kafka> = Scenario {
    slug: "event-log",
    title: "Event log with replay",
    guide: Guide::Messaging,
    level: 2,
    summary: "Three groups read the same log: one live, one catching up, one from the very beginning. Let the log \
              forget what was read, as a queue does, and the slower groups find it gone.",
    seed: 3,
    settings: &[
        (kafka::RATE, 3),
        (kafka::WORK, 150_000),
        (kafka::MAX_POLL, 3),
        (kafka::RETENTION, 0),
        (kafka::RESET, 1),
        (kafka::AUTO_COMMIT, 0),
    ],
    busy: &[(kafka::RATE, 40), (kafka::RETENTION, 12)],
    fixed: &[
        (kafka::CONSUMERS, 3),
        (kafka::GROUPS, 3),
        (kafka::RUNNING, 2),
        (kafka::PRELOADED, 6),
        (kafka::KEYS, 0),
        (kafka::BATCH, 2),
    ],
    rules: &[kafka::READ_KEEPS, kafka::COMMIT_AFTER],
    commands: &[COMMAND_PUBLISH, COMMAND_SEEK, COMMAND_START, COMMAND_STOP, COMMAND_RETAIN],
    promises: &[NOTHING_MISSED, OWNED_AGAIN],
    limits: LIMITS,
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Lag",
            about: "Records that a group has not committed. One group's lag does not affect the others.",
            plot: Plot::Level(kafka::LAG),
        },
        Chart { title: "Records done", about: "Every group does every record.", plot: Plot::Rate(kafka::DONE) },
        Chart {
            title: "From produced to done",
            about: "A live group is quick; a replay works through old records.",
            plot: Plot::PercentileOfEach(kafka::LATENCY),
        },
        Chart { title: "Appended", about: "By partition.", plot: Plot::Rate(kafka::APPENDED) },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_READER,
    without: WITHOUT,
    terms: &[
        ("committed offset", "The next offset that a group wants, kept by the broker."),
        ("earliest", "Begin at the oldest record that is kept."),
        ("lag", "Log end minus committed offset: how many records a group has yet to read."),
        ("latest", "Begin at the end of the log."),
        ("offset", "A record's number within its partition."),
        ("partitions", "A topic's logs; order holds within each."),
        ("retention", "How long a log is kept, or how much of it, read or not."),
    ],
    near: &["messaging/inside-kafka-log", "messaging/lag-and-scaling"],
    versions: versions!["Kafka 4.4"],
    prose: prose!("event_log.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        kafka::LAG | kafka::LATENCY => format!("group {}", Kafka::group_name(subject as u8)),
        kafka::APPENDED => format!("partition {subject}"),
        _ => Kafka::name(settings, NodeId(subject)),
    }
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (producer, broker, readers, log, bars): (_, _, [(i32, i32); 3], _, _) = match frame {
        Frame::Wide => (
            (90, 380),
            (330, 380),
            [(600, 270), (600, 380), (600, 490)],
            Strips { left: 30, top: 24, width: 900, height: 62, columns: 16 },
            ((700, 330), (250, 100)),
        ),
        Frame::Narrow => (
            (66, 246),
            (270, 246),
            [(66, 370), (200, 370), (334, 370)],
            Strips { left: 8, top: 8, width: 384, height: 60, columns: 10 },
            ((8, 444), (384, 110)),
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
    picture.figures = strips(world, log, 3, readers_cell);
    if let Some(first) = picture.figures.first_mut() {
        first.title.push_str("; a letter: where that group reads on");
    }
    picture.figures.push(lags(world, bars.0, bars.1));
    picture
}

/// The least offset that a group has committed.
fn least(world: &Shop, group: u8) -> Option<u32> {
    logs(world).filter_map(|(partition, _)| committed(world, group, partition)).min()
}

fn starts(world: &Shop) -> u32 {
    logs(world).map(|(_, log)| log.start()).max().unwrap_or(0)
}

const fn reader(number: u16) -> fn(&Shop) -> Vec<NodeId> {
    match number {
        1 => |world| vec![nth(world, 1)],
        2 => |world| vec![nth(world, 2)],
        _ => |world| vec![nth(world, 3)],
    }
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A log that stays",
        "A topic of three *partitions*, each with offsets 0 to 5. Group A has read all but the last record of each, \
         group B is at 2. Nothing that they read went away. Watch a new record come in at the end of partition 2.",
        |world| on_the_way(world, |message| matches!(message, Message::Produced { .. })) > 0,
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Consumers pull",
        "The broker sends nothing unasked. A consumer asks for records from an *offset* on, and the answer is a \
         copy.",
        |world| flies(world, |message| matches!(message, Message::Records(_))),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "One number is all the state",
        "Group A has worked through a batch and commits, for each partition, the next offset that it wants. The \
         broker keeps that number, and nothing else about who has read what.",
        |world| least(world, 0).is_some_and(|least| least >= 6),
    )
    .look(reader(1))
    .ask(Predict {
        question: "Group A has read everything. How many of the first 18 records are left in the log?",
        options: |_| vec!["18".to_owned(), "12: group B still needs those".to_owned(), "None".to_owned()],
        answer: |world| if starts(world) == 0 { 0 } else { 2 },
        because: "Reading removes nothing. Only retention does, and it does not ask who has read what.",
    }),
    Beat::new(
        "Catching up slows nobody down",
        "Group B works through what it has not read yet, at its own pace. Group A does not notice. The bars show \
         their *lag*: log end minus committed offset.",
        |world| least(world, 1).is_some_and(|least| least >= 4),
    )
    .look(reader(2)),
    Beat::new(
        "A new group",
        "Group C is new, and has no offset to go on from. Watch where its letter appears among the records. (The \
         producer pauses.)",
        |world| least(world, 2).is_some_and(|least| least >= 1),
    )
    .first(|_| vec![command(COMMAND_START, &[3]), Input::set(kafka::RATE, 0), Input::set(kafka::HEARTBEAT, 1_000_000)])
    .look(reader(3))
    .ask(Predict {
        question: "Where does group C begin?",
        options: |_| vec!["At offset 0".to_owned(), "At the end".to_owned(), "Where group B is".to_owned()],
        answer: |world| match least(world, 2).cmp(&least(world, 1)) {
            Ordering::Less => 0,
            Ordering::Greater => 1,
            Ordering::Equal => 2,
        },
        because: "auto.offset.reset says where a group without an offset begins. Ours says earliest: the oldest \
                  record still kept. With latest, Kafka's default, it would see only what is written from now on.",
    }),
    Beat::new(
        "Rewind",
        "A bug in group A's program wrote nonsense. It is fixed now, and group A seeks back to offset 2. The \
         records are still there, so it can process them again.",
        |world| least(world, 0).is_some_and(|least| least <= 4),
    )
    .first(|_| vec![command(COMMAND_SEEK, &[1, 2])])
    .look(reader(1)),
    Beat::new(
        "Retention",
        "What ends a record's life is *retention*, by age or by size. By default Kafka keeps seven days. Now all \
         but the newest three records of each partition go, read or not.",
        |world| starts(world) >= 4,
    )
    .first(|_| vec![command(COMMAND_RETAIN, &[3])])
    .look(|_| vec![BROKER]),
    Beat::new(
        "If reading removed",
        "Now the rule is off: what one group has committed is deleted, as a queue would delete it. Twelve records come \
         in. Watch the letters, and the beginnings of the logs.",
        |world| world.is_promise_broken(NOTHING_MISSED.id),
    )
    .first(|_| vec![Input::off(kafka::READ_KEEPS), command(COMMAND_PUBLISH, &[12])])
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "Who misses records now?",
        options: |_| ["Nobody", "Whoever is behind", "Whoever is ahead"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(world.is_promise_broken(NOTHING_MISSED.id)),
        because: "The first group's commit deletes what the slower ones still have to read. The records at their \
                  offsets are gone, and their next fetch goes on after the gap.",
    }),
];

const CHALLENGES: &[Challenge<Kafka>] = &[
    Challenge {
        id: "done-twice",
        title: "Done twice",
        goal: "Make a group process a record a second time without any seek.",
        hint: "The offset is committed after the work. What if the consumer dies between the two?",
        reached: |world| world.witness().again() > 0 && starts(world) == 0,
    },
    Challenge {
        id: "lost-in-a-crash",
        title: "Committed, not done",
        goal: "Make a group miss a record because of a crash.",
        hint: "Switch off committing after the work. Crash a consumer that has records in hand.",
        reached: |world| missed(world).is_some(),
    },
    Challenge {
        id: "overtaken-by-retention",
        title: "Too slow for retention",
        goal: "Get retention to remove a record that group B has not read.",
        hint: "That breaks no promise. Stop group B, or be quick, and delete old records.",
        reached: |world| starts(world) > least(world, 1).unwrap_or(u32::MAX),
    },
];

const SMALL: &[(SettingId, i64)] = &[
    (kafka::PARTITIONS, 1),
    (kafka::PRODUCERS, 0),
    (kafka::CONSUMERS, 1),
    (kafka::GROUPS, 1),
    (kafka::RUNNING, 1),
    (kafka::PRELOADED, 3),
];

/// One consumer of one group, one record that it has not read, one crash.
const ONE_READER: Hunt<Kafka> = Hunt {
    settings: SMALL,
    inputs: Vec::new,
    bounds: Bounds::new(300_000, 60, Budget::crashes(1)),
    within: |world| is_tame(world, 2, 2, 1),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Kafka>)] = &[(
    kafka::READ_KEEPS,
    Hunt {
        settings: &[
            (kafka::PARTITIONS, 1),
            (kafka::PRODUCERS, 0),
            (kafka::CONSUMERS, 2),
            (kafka::GROUPS, 2),
            (kafka::RUNNING, 2),
            (kafka::PRELOADED, 3),
        ],
        inputs: Vec::new,
        bounds: Bounds::new(2_000_000, 40, Budget::NONE),
        within: |world| is_tame(world, 3, 2, 1),
    },
)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::kafka::{consumer, group};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Kafka> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Kafka>] = &[
        Breaks { rule: kafka::READ_KEEPS, promise: NOTHING_MISSED.id, way: Way::Explore },
        Breaks { rule: kafka::COMMIT_AFTER, promise: NOTHING_MISSED.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Kafka>] = &[
        Solution {
            challenge: "done-twice",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| flies(world, |message| matches!(message, Message::Commit { .. })));
                let node = script.world().flights().find(|flight| matches!(flight.message, Message::Commit { .. }));
                let Some(node) = node.map(|flight| flight.from) else { return };
                script.act(Input::Cut { from: node, to: BROKER });
                script.steps(3);
                script.act(Input::Crash { node });
                script.act(Input::HealAll);
                script.act(Input::Restart { node });
                script.until(|world| world.witness().again() > 0);
            },
        },
        Solution {
            challenge: "lost-in-a-crash",
            from: || SCENARIO.from(&[kafka::COMMIT_AFTER], &[]),
            act: |script| {
                let busy = |world: &Shop| {
                    let holds = consumer(world, nth(world, 2)).is_some_and(|known| known.unfinished().count() > 2);
                    holds && least(world, 1).is_some_and(|least| least > 2)
                };
                script.until(busy);
                let node = nth(script.world(), 2);
                script.act(Input::Crash { node });
                script.until(|world| missed(world).is_some());
            },
        },
        Solution {
            challenge: "overtaken-by-retention",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| group(world, 1).is_some());
                script.act(command(COMMAND_RETAIN, &[2]));
                script.until(|world| starts(world) > least(world, 1).unwrap_or(u32::MAX));
            },
        },
    ];
}
