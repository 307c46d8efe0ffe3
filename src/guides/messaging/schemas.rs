//! Schemas: what may change in a record while old readers and old records are still there.

use crate::guides::kit::prelude::*;
use crate::sim::numbers::counted;
use crate::systems::messaging::schema_registry::promises::{AS_WRITTEN, READABLE, READS_ON, position};
use crate::systems::messaging::schema_registry::{self as sr, Message, PRODUCER, REGISTRY, Registry, TOPIC};
use crate::views::schema_registry::{
    Shop, change, consumer, consumers, newest, producer, reader, records_figure, schemas_figure, versions, writes,
};

type Beat = crate::guides::kit::tour::Beat<Registry>;

/// The scenario.
pub static SCENARIO: Scenario<Registry> = Scenario {
    slug: "schemas",
    title: "Schemas",
    guide: Guide::Messaging,
    level: 5,
    summary: "A team changes its records while others keep reading old ones with old programs. Switch the registry's \
              check off, and see a consumer stop at a record that it cannot read.",
    seed: 3,
    settings: &[(sr::MODE, 0), (sr::CONSUMERS, 2), (sr::RATE, 3), (sr::CHANGE_EVERY, 60_000_000)],
    busy: &[(sr::CHANGE_EVERY, 3_000_000)],
    rules: &[sr::CHECK, sr::BY_ID, sr::ORDER],
    commands: &[sr::CHANGE, sr::PRODUCE, sr::REPLAY],
    promises: &[READABLE, AS_WRITTEN, READS_ON],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Records read",
            about: "A consumer that meets a record it cannot read stops at it.",
            plot: Plot::Rate(sr::READ),
        },
        Chart { title: "Versions accepted", about: "By the registry.", plot: Plot::Rate(sr::ACCEPTED) },
        Chart {
            title: "Versions refused",
            about: "409, with the version that they clash with.",
            plot: Plot::Rate(sr::REFUSED),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_CHANGE,
    without: WITHOUT,
    terms: &[
        ("backward", "New readers can read old data."),
        ("forward", "Old readers can read new data."),
        ("full", "New readers can read old data, and old readers new data."),
        ("poison pill", "A record that its consumer cannot process and meets again and again."),
        ("schema", "The fields and types of a record, needed to read its bytes."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/inside-kafka-log"],
    versions: versions!["Confluent Platform 8", "Avro 1.12"],
    prose: prose!("schemas.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = consumers(world);
    let (registry, writer, topic, places, table, strip) = match frame {
        Frame::Wide => {
            let places = Area::new(470, 70, 140, 330).column(all.len());
            ((300, 60), (80, 230), (290, 230), places, ((640, 40), (312, 380)), ((20, 440), (920, 100)))
        }
        Frame::Narrow => {
            let places = Area::new(4, 200, 392, 80).row(all.len());
            ((330, 44), (66, 44), (200, 130), places, ((8, 294), (384, 180)), ((8, 480), (384, 76)))
        }
    };
    let writes = producer(world).map_or(0, |disk| disk.id);
    let rolling = producer(world).is_some_and(|disk| disk.change.is_some());
    let state = if rolling { format!("writes v{writes}, changes") } else { format!("writes v{writes}") };
    let end = sr::promises::end(world);
    let fixed = [
        (REGISTRY, registry, Shape::Store, registry_words(world, frame), Tone::Service),
        (PRODUCER, writer, Shape::Service, state, Tone::Producer),
        (TOPIC, topic, Shape::Queue, counted(u64::from(end), "record"), Tone::Store),
    ];
    for (node, at, shape, state, tone) in fixed {
        let mut mark = NodeMark::new(node, at, shape, Registry::name(world.settings(), node));
        (mark.state, mark.tone) = (state, tone);
        picture.nodes.push(mark);
    }
    for (node, at) in all.iter().zip(places) {
        picture.nodes.push(reader(world, *node, at));
    }
    picture.link_all(&[REGISTRY, TOPIC, PRODUCER], &all);
    picture.link_all(&[PRODUCER], &[REGISTRY, TOPIC]);
    picture.figures.push(schemas_figure(world, &all, table));
    picture.figures.push(records_figure(world, strip, frame));
    picture
}

/// How many versions the registry has, and how many it refused.
fn registry_words(world: &Shop, frame: Frame) -> String {
    let known = versions(world) as u64;
    match (world.metrics().total(sr::REFUSED, 0), frame) {
        (0, _) => counted(known, "version"),
        (refused, Frame::Wide) => format!("{}, {refused} refused", counted(known, "version")),
        (refused, Frame::Narrow) => format!("{known} in, {refused} refused"),
    }
}

fn produce() -> Input {
    Input::call(sr::PRODUCE, &[])
}

fn is_through(world: &Shop) -> bool {
    producer(world).is_some_and(|disk| disk.change.is_none())
}

fn all_read(world: &Shop, version: u32) -> bool {
    consumers(world).iter().all(|node| consumer(world, *node).is_some_and(|disk| disk.id >= version))
}

/// The producer has heard what became of this many changes that it asked for.
fn heard(world: &Shop, changes: u32) -> bool {
    is_through(world) && producer(world).is_some_and(|disk| disk.tickets == changes)
}

fn a_record_flies(world: &Shop) -> bool {
    world.flights().any(|flight| matches!(flight.message, Message::Produce { .. }))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Bytes with an id",
        "A producer writes orders, two consumers read them: here goes the first. The broker sees bytes. What they \
         mean is in a *schema*, and the schema is in a registry.",
        a_record_flies,
    )
    .midway()
    .look(|_| vec![PRODUCER, TOPIC]),
    Beat::new(
        "Five bytes in front",
        "Each record begins with a zero byte and the id of the schema that wrote it, in four. Select a record on \
         its way to see its bytes.",
        |world| consumers(world).iter().all(|node| position(world, *node) > 0) && a_record_flies(world),
    )
    .first(|_| vec![Input::set(sr::CHANGE_EVERY, 0)])
    .look(|_| vec![PRODUCER, TOPIC]),
    Beat::new(
        "A new field, without a default",
        "The team wants a field named currency, and asks the registry. The compatibility is BACKWARD: whoever reads \
         with the new schema must be able to read what was written with the last one.",
        |world| heard(world, 1),
    )
    .first(|_| vec![change(1)])
    .look(|_| vec![PRODUCER, REGISTRY])
    .ask(Predict {
        question: "What does the registry say?",
        options: |_| {
            ["Yes, as version 2", "Yes, once every consumer has moved", "No: it is refused"].map(str::to_owned).to_vec()
        },
        answer: |world| if versions(world) > 1 { 0 } else { 2 },
        because: "Old records do not have the field, and a new reader would not know what value to use. The registry \
                  answers 409, and still has one version.",
    }),
    Beat::new(
        "The same, with a default",
        "The team asks again, now with a default for currency: the value that a new reader takes for old records. \
         The registry accepts it as version 2.",
        |world| versions(world) == 2,
    )
    .first(|_| vec![change(0)])
    .look(|_| vec![REGISTRY]),
    Beat::new(
        "Who moves first?",
        "BACKWARD says that new readers can read old data, and nothing about old readers. So the roll-out needs an \
         order. Watch the table: which column has currency first?",
        |world| writes(world) == 2 && newest(world) == 2 && is_through(world),
    )
    .look(consumers)
    .ask(Predict {
        question: "When the producer begins with version 2, who still reads with version 1?",
        options: |_| vec!["Nobody".to_owned(), "One consumer".to_owned(), "Both".to_owned()],
        answer: |world| {
            consumers(world).iter().filter(|node| consumer(world, **node).is_some_and(|disk| disk.id == 1)).count()
        },
        because: "The consumers move first; the producer waited until both had said that they read with version 2. A \
                  consumer with version 1 would be outside what BACKWARD promises.",
    }),
    Beat::new(
        "A field goes",
        "Version 3 is without amount, which has no default. That is backward-compatible too: a new reader does not \
         miss what it does not ask for. An old one would, so again the consumers move first.",
        |world| writes(world) == 3 && is_through(world),
    )
    .first(|_| vec![change(3)])
    .look(consumers),
    Beat::new(
        "The wrong side first",
        "Two rules are off, the registry's check and the roll-out order. The producer moves first now, to a version \
         4 that adds city without a default. Nothing breaks: readers that do not know the field skip it.",
        |world| writes(world) == 4 && is_through(world),
    )
    .first(|_| {
        let off = |rule| Input::Rule { rule, on: false };
        vec![off(sr::CHECK), off(sr::ORDER), change(1)]
    })
    .look(consumers),
    Beat::new(
        "And it stops",
        "Now city goes again, and once more the producer is first. Both consumers expect a city in every record. \
         Watch them, and the bar among the records.",
        |world| world.is_promise_broken(READABLE.id),
    )
    .first(|_| vec![change(3)])
    .look(consumers),
];

const CHALLENGES: &[Challenge<Registry>] = &[
    Challenge {
        id: "version-four",
        title: "Version 4",
        goal: "With every rule on, get all consumers to read with version 4.",
        hint: "BACKWARD: fields may go, and may come with a default. One change at a time.",
        reached: |world| all_read(world, 4),
    },
    Challenge {
        id: "lost-in-history",
        title: "Lost in history",
        goal: "With every rule on, make a replay pass over a record that it cannot read.",
        hint: "FORWARD looks at old readers and new data. What do new readers find when they begin at the oldest \
               record?",
        reached: |world| world.witness().has_skipped(),
    },
];

/// One consumer, one record, one change: a field with a default.
const ONE_CHANGE: Hunt<Registry> = Hunt {
    settings: &[(sr::RATE, 0), (sr::CONSUMERS, 1)],
    inputs: || vec![produce(), change(0)],
    bounds: Bounds::new(200_000, 40, Budget::NONE),
    within: |world| world.kernel().pending_count() < 11,
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Registry>)] = &[
    (sr::CHECK, Hunt { inputs: || vec![produce(), change(1)], ..ONE_CHANGE }),
    (sr::ORDER, Hunt { inputs: || vec![change(3), produce()], ..ONE_CHANGE }),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Registry> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Registry>] = &[
        Breaks { rule: sr::CHECK, promise: READABLE.id, way: Way::Explore },
        Breaks { rule: sr::BY_ID, promise: READABLE.id, way: Way::Explore },
        Breaks { rule: sr::ORDER, promise: READABLE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Registry>] = &[
        Solution {
            challenge: "version-four",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                for (version, kind) in [(2, 0), (3, 3), (4, 4)] {
                    script.act(change(kind));
                    script.until(|world| writes(world) == version && is_through(world) && all_read(world, version));
                }
            },
        },
        Solution {
            challenge: "lost-in-history",
            from: || SCENARIO.from(&[], &[(sr::MODE, 2)]),
            act: |script| {
                script.until(|world| consumers(world).iter().all(|node| position(world, *node) > 0));
                script.act(change(1));
                script.until(|world| all_read(world, 2) && is_through(world));
                script.act(Input::call(sr::REPLAY, &[1]));
                script.until(|world| world.witness().has_skipped());
            },
        },
    ];
}
