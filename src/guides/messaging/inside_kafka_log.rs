//! Inside a Kafka log: files, a sparse index, a lookup, and the cleaner.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::kafka_log::promises::{CATCHES_UP, LAST_VALUE, LIMITS, LOOKUP, RIGHT_TABLE, log, table};
use crate::systems::messaging::kafka_log::{self as kafka, BROKER, KafkaLog, Lookup, PRODUCER, READER, Stage, TABLE};
use crate::views::kafka_log::{
    Partition, broker_words, copies_figure, files_figure, found, index_figure, lookup, reader_words, table_figure,
    table_words, writer_words,
};

type Beat = crate::guides::kit::tour::Beat<KafkaLog>;

/// The scenario.
pub static SCENARIO: Scenario<KafkaLog> = Scenario {
    slug: "inside-kafka-log",
    title: "Inside a Kafka log",
    guide: Guide::Messaging,
    level: 5,
    summary: "A partition is a row of files with a thin index. Follow a lookup step by step, watch the cleaner at \
              work, and let a tombstone go too early: a deleted key comes back.",
    seed: 6,
    settings: &[
        (kafka::RATE, 3),
        (kafka::POLICY, 0),
        (kafka::DELETE_RETENTION, 8_000_000),
        (kafka::RETENTION_BYTES, 48_000),
        (kafka::RETENTION_TIME, 20_000_000),
        (kafka::PACE, 500_000),
        (kafka::SENDFILE, 1),
    ],
    busy: &[(kafka::POLICY, 2)],
    rules: &[kafka::LATEST, kafka::TOMBSTONES, kafka::OFFSETS, kafka::FLOOR],
    commands: &[kafka::PUT, kafka::DELETE, kafka::LOOK_UP, kafka::REPLAY],
    promises: &[LOOKUP, LAST_VALUE, RIGHT_TABLE, CATCHES_UP],
    limits: LIMITS,
    faults: FaultModel { duplicate: false, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Bytes in the log",
            about: "A sawtooth: it grows by what is written, and drops when the cleaner or retention runs.",
            plot: Plot::Level(kafka::SIZE),
        },
        Chart {
            title: "Service time of a read",
            about: "From the request until the answer is sent. Two more copies without sendfile.",
            plot: Plot::Percentiles(kafka::SERVICE),
        },
        Chart {
            title: "Bytes copied by the processor",
            about: "None with sendfile; twice what is sent without.",
            plot: Plot::Rate(kafka::CPU_COPIES),
        },
        Chart { title: "Bytes sent", about: "To the consumer.", plot: Plot::Rate(kafka::SENT) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_LOOKUP,
    without: WITHOUT,
    terms: &[
        ("segment", "One file of a log, named after its first offset."),
        ("segments", "The files of a log, each named after its first offset."),
        ("tombstone", "A record without a value, saying that its key is deleted."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/isr-and-acks"],
    versions: versions!["Kafka 4.4"],
    prose: prose!("inside_kafka_log.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Partition, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (spots, files, values, copies) = match frame {
        Frame::Wide => {
            let spots = [(90, 60), (330, 60), (570, 60), (820, 60)];
            (spots, ((20, 150), (600, 240)), ((20, 420), (600, 90)), ((650, 420), (290, 120)))
        }
        Frame::Narrow => {
            let spots = [(62, 56), (200, 56), (338, 56), (200, 160)];
            (spots, ((8, 224), (384, 174)), ((8, 404), (384, 66)), ((8, 474), (384, 84)))
        }
    };
    let states = [writer_words(world), broker_words(world), reader_words(world), table_words(world)];
    let shapes = [Shape::Service, Shape::Broker, Shape::Service, Shape::Store];
    let tones = [Tone::Producer, Tone::Store, Tone::Consumer, Tone::Consumer];
    for (at, ((spot, state), (shape, tone))) in spots.iter().zip(states).zip(shapes.into_iter().zip(tones)).enumerate()
    {
        let node = NodeId::from(at);
        let mut mark = NodeMark::new(node, *spot, shape, KafkaLog::name(world.settings(), node));
        (mark.state, mark.tone) = (state, tone);
        picture.nodes.push(mark);
    }
    picture.link_all(&[BROKER], &[PRODUCER, READER, TABLE]);
    let Some(log) = log(world) else { return picture };
    picture.figures.push(files_figure(world, log, files, frame));
    if frame == Frame::Wide {
        picture.figures.push(index_figure(world, log));
    }
    picture.figures.push(table_figure(world, values));
    picture.figures.push(copies_figure(world, copies));
    picture
}

fn command(command: CommandId, values: &[i64]) -> Input {
    Input::call(command, values)
}

/// The reader's own key.
const F: u8 = 5;

fn has_key(world: &Partition, key: u8) -> bool {
    log(world).is_some_and(|log| log.records().any(|record| record.key == key))
}

fn value_of(world: &Partition, key: u8) -> Option<u16> {
    table(world).and_then(|(_, table)| table.get(usize::from(key)).copied().flatten())
}

fn at_end(world: &Partition) -> bool {
    matches!((log(world), table(world)), (Some(log), Some((next, _))) if next >= log.end())
}

/// Records in files that are not active.
fn closed(world: &Partition) -> usize {
    let Some(log) = log(world) else { return 0 };
    log.segments().iter().rev().skip(1).map(|segment| segment.records().len()).sum()
}

fn broker_node(_: &Partition) -> Vec<NodeId> {
    vec![BROKER]
}

fn table_node(_: &Partition) -> Vec<NodeId> {
    vec![TABLE]
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A log is files",
        "The partition is a row of files, *segments*, each named after its first *offset*. Only the last one is \
         written to: watch a record come in. Six records fill a file here.",
        |world| log(world).is_some_and(|log| log.end() > 14),
    )
    .look(broker_node),
    Beat::new(
        "Where is offset 10?",
        "A reader asks for offset 10. The names of the files say where it can be: in the last one whose name is not \
         above it.",
        |world| matches!(lookup(world), Some(Lookup { offset: 10, stage: Stage::Index { .. } })),
    )
    .first(|_| vec![command(kafka::LOOK_UP, &[10])])
    .look(broker_node)
    .ask(Predict {
        question: "In which file is offset 10?",
        options: |_| vec!["0.log".to_owned(), "6.log".to_owned(), "12.log".to_owned()],
        answer: |world| match lookup(world) {
            Some(Lookup { stage: Stage::Index { file }, .. }) => (file as usize).min(2),
            _ => 0,
        },
        because: "6 is the last name that is not above 10.",
    }),
    Beat::new(
        "A thin index",
        "The index does not list every record: the next entry comes once more than 4,096 bytes have been written. \
         The broker takes the last entry at or below 10, and knows at which byte to begin.",
        |world| matches!(lookup(world), Some(Lookup { stage: Stage::Scan { .. }, .. })),
    )
    .look(broker_node),
    Beat::new(
        "A short scan",
        "From there it reads record by record. It never has to read more than the gap between two entries.",
        |world| found(world).is_some(),
    )
    .look(|_| vec![READER]),
    Beat::new(
        "The cleaner",
        "Twelve records are in closed files. The cleaner goes through them and keeps the latest record of each key. \
         The active file is left alone.",
        |world| log(world).is_some_and(|log| log.dirty() > 0),
    )
    .look(broker_node)
    .ask(Predict {
        question: "Keys A to E, one of them deleted. How many of the twelve stay?",
        options: |_| vec!["Twelve".to_owned(), "Five".to_owned(), "Four".to_owned()],
        answer: |world| match closed(world) {
            5 => 1,
            4 => 2,
            _ => 0,
        },
        because: "One for each key. For E that is a *tombstone*: the record which says that E is deleted.",
    }),
    Beat::new(
        "A table from a log",
        "The consumer on the right reads on and keeps the last value of each key. Gaps do not bother it, because \
         offsets stay as they were. E came and went.",
        |world| at_end(world) && log(world).is_some_and(|log| log.dirty() > 0),
    )
    .look(table_node),
    Beat::new(
        "A tombstone goes last",
        "The tombstone of E, at offset 8, stays for delete.retention.ms, 8 s here. Any consumer that reads to the \
         end within that time sees it. Then it may go. (Fewer records come meanwhile.)",
        |world| log(world).is_some_and(|log| !log.records().any(|record| record.offset == 8)),
    )
    .first(|_| vec![Input::set(kafka::RATE, 1)])
    .look(broker_node),
    Beat::new(
        "A value of your own",
        "Key F is yours. You write F5, and the consumer takes it into its table.",
        |world| value_of(world, F) == Some(5),
    )
    .first(|_| vec![Input::set(kafka::RATE, 3), command(kafka::PUT, &[5, 5])])
    .look(table_node),
    Beat::new(
        "A tombstone goes early",
        "The rule is off, and the consumer pauses for a moment. You delete F. The cleaner removes the tombstone \
         along with what it deletes.",
        |world| !has_key(world, F),
    )
    .first(|_| vec![Input::off(kafka::TOMBSTONES), Input::Pause { node: TABLE }, command(kafka::DELETE, &[5])])
    .look(broker_node),
    Beat::new("A ghost", "The consumer goes on, well within its time, and reads everything that is left.", |world| {
        world.is_promise_broken(RIGHT_TABLE.id) || (at_end(world) && value_of(world, F).is_none())
    })
    .first(|_| vec![Input::Resume { node: TABLE }])
    .look(table_node)
    .ask(Predict {
        question: "What does its table say of F?",
        options: |_| ["Deleted", "F5", "Nothing new: it waits for offset 26"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(value_of(world, F).is_some()),
        because: "Nothing in the log says that F was deleted, or that it ever existed: the gap is passed over. The \
                  same has happened to C, which the promise names.",
    }),
];

/// The consumer has read everything and still has a key that is nowhere in the log.
fn haunted(world: &Partition) -> bool {
    at_end(world)
        && world.witness().is_late()
        && (0..kafka::KEYS as u8).any(|key| value_of(world, key).is_some() && !has_key(world, key))
}

const CHALLENGES: &[Challenge<KafkaLog>] = &[
    Challenge {
        id: "too-late",
        title: "Too late for a tombstone",
        goal: "With every rule on, get the consumer to read everything and keep a key that was deleted.",
        hint: "A tombstone is kept for delete.retention.ms, and no longer. Nothing forces the consumer to be \
               quicker.",
        reached: haunted,
    },
    Challenge {
        id: "whole-files",
        title: "Whole files",
        goal: "Get the log to begin at offset 12 or later.",
        hint: "Compaction never moves the log's start. Another cleanup.policy does.",
        reached: |world| log(world).is_some_and(|log| log.start() >= 12),
    },
    Challenge {
        id: "past-it",
        title: "Past the record",
        goal: "With the index's floor off, make a lookup miss a record that is there.",
        hint: "The scan begins at the first entry above the offset. Which offsets lie between the last entry and \
               that one?",
        reached: |world| world.is_promise_broken(LOOKUP.id),
    },
];

/// The log as it is at first, one lookup, no load.
const ONE_LOOKUP: Hunt<KafkaLog> = Hunt {
    settings: &[(kafka::RATE, 0)],
    inputs: || vec![command(kafka::LOOK_UP, &[7])],
    bounds: Bounds::new(200_000, 40, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 12,
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<KafkaLog>)] = &[
    (kafka::TOMBSTONES, Hunt { inputs: Vec::new, ..ONE_LOOKUP }),
    (kafka::OFFSETS, Hunt { inputs: Vec::new, ..ONE_LOOKUP }),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<KafkaLog> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<KafkaLog>] = &[
        Breaks { rule: kafka::LATEST, promise: LAST_VALUE.id, way: Way::Explore },
        Breaks { rule: kafka::TOMBSTONES, promise: RIGHT_TABLE.id, way: Way::Explore },
        Breaks { rule: kafka::OFFSETS, promise: RIGHT_TABLE.id, way: Way::Explore },
        Breaks { rule: kafka::FLOOR, promise: LOOKUP.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<KafkaLog>] = &[
        Solution {
            challenge: "too-late",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(command(kafka::PUT, &[5, 7]));
                script.until(|world| value_of(world, F) == Some(7));
                script.act(Input::Pause { node: TABLE });
                script.act(command(kafka::DELETE, &[5]));
                script.until(|world| world.kernel().now() > 5_000_000 && !has_key(world, F));
                script.act(Input::Resume { node: TABLE });
                script.until(haunted);
            },
        },
        Solution {
            challenge: "whole-files",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::set(kafka::POLICY, 1));
                script.until(|world| log(world).is_some_and(|log| log.start() >= 12));
            },
        },
        Solution {
            challenge: "past-it",
            from: || SCENARIO.from(&[kafka::FLOOR], &[]),
            act: |script| {
                script.act(command(kafka::LOOK_UP, &[7]));
                script.until(|world| world.is_promise_broken(LOOKUP.id));
            },
        },
    ];
}
