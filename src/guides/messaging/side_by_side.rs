//! Side by side: RabbitMQ, Kafka and JetStream with the same orders and the same crashes, measured.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::brokers::promises::{
    ALL_WORKED, JETSTREAM_WORKS, KAFKA_WORKS, LIMITS, RABBIT_WORKS, STORED_ONCE, is_alone, lost, works_on,
};
use crate::systems::messaging::brokers::{self, Brokers, Lane, State, WORKERS, broker, worker};
use crate::systems::messaging::kafka;
use crate::views::brokers::{Shop, picture};

type Beat = crate::guides::kit::tour::Beat<Brokers>;

/// The scenario.
pub static SCENARIO: Scenario<Brokers> = Scenario {
    slug: "side-by-side",
    title: "Side by side: RabbitMQ, Kafka, JetStream",
    guide: Guide::Messaging,
    level: 5,
    summary: "The same orders and the same crash in three brokers: what is lost, what is done twice, how soon a dead \
              worker is noticed, and who can replay everything.",
    seed: 3,
    settings: &[(brokers::RATE, 4), (brokers::TASK, 250_000), (brokers::PATIENCE, 2_000_000)],
    rules: &[brokers::ACK_AFTER, brokers::CONFIRMS, brokers::RECOGNISE],
    commands: &[brokers::PUBLISH, brokers::REPLAY, brokers::KILL],
    promises: &[RABBIT_WORKS, KAFKA_WORKS, JETSTREAM_WORKS, STORED_ONCE, ALL_WORKED],
    limits: LIMITS,
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Until worked, 95th percentile",
            about: "From the order to the end of the work. After a crash it shows who noticed when.",
            plot: Plot::PercentileOfEach(brokers::UNTIL_WORKED),
        },
        Chart {
            title: "Not acknowledged",
            about: "At the broker: ready and held, the lag, ready and pending.",
            plot: Plot::Level(brokers::WAITING),
        },
        Chart { title: "Orders worked", about: "A replay shows as a burst.", plot: Plot::Rate(brokers::WORKED) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_ORDER,
    without: &[(brokers::RECOGNISE, ONE_RECORD)],
    terms: &[
        ("retention", "How long a log is kept, or how much of it, read or not."),
        ("idempotent", "Said of a producer whose batches are written once, however often they are sent."),
        ("heartbeat", "A regular message that only says: I am still here."),
        ("partition", "One of a topic's logs; order holds within it."),
        ("rebalances", "Dealing out a group's partitions among its members again."),
    ],
    before: &["messaging/simple-task-queue", "messaging/event-log"],
    near: &["messaging/confirmed", "messaging/exactly-once", "messaging/right-tool"],
    versions: versions!["RabbitMQ 4.3", "Kafka 4.4", "NATS server 2.14"],
    prose: prose!("side_by_side.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn command(command: CommandId, lane: Lane, value: i64) -> Input {
    Input::call(command, &[lane as i64, value])
}

fn workers(world: &Shop, at: usize) -> Vec<NodeId> {
    brokers::lanes(world.settings()).into_iter().map(|lane| worker(world.settings(), lane, at)).collect()
}

fn all_workers(world: &Shop) -> Vec<NodeId> {
    (0..WORKERS).flat_map(|at| workers(world, at)).collect()
}

fn brokers_of(world: &Shop) -> Vec<NodeId> {
    brokers::lanes(world.settings()).into_iter().map(|lane| broker(world.settings(), lane)).collect()
}

fn crash(nodes: Vec<NodeId>) -> Vec<Input> {
    nodes.into_iter().map(|node| Input::Crash { node }).collect()
}

fn restart(nodes: Vec<NodeId>) -> Vec<Input> {
    nodes.into_iter().map(|node| Input::Restart { node }).collect()
}

fn each(holds: impl Fn(Lane) -> bool) -> bool {
    Lane::ALL.into_iter().all(holds)
}

/// Whether each lane's worker of this number is at work.
fn at_work(world: &Shop, at: usize) -> bool {
    each(|lane| works_on(world, lane, at).is_some())
}

/// Whether each of Kafka's workers owns a partition.
fn is_shared(world: &Shop) -> bool {
    (0..WORKERS).all(|at| {
        let memory = world.memory(worker(world.settings(), Lane::Kafka, at));
        let state = memory.and_then(|memory| memory.state.as_ref());
        matches!(state, Some(State::Kafka(kafka::Memory::Consumer(consumer))) if consumer.phase == kafka::Phase::In
            && !consumer.assigned.is_empty())
    })
}

fn is_up(world: &Shop) -> bool {
    world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.state.is_some()))
}

/// The lane whose broker gave up on a dead worker soonest.
fn quickest(world: &Shop) -> usize {
    let noticed = |lane: &Lane| world.witness().of(*lane).noticed.unwrap_or(u64::MAX);
    Lane::ALL.into_iter().min_by_key(noticed).map_or(0, |lane| lane as usize)
}

fn titles() -> Vec<String> {
    Lane::ALL.iter().map(|lane| lane.title().to_owned()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// So many orders for each broker.
fn orders(count: i64) -> Vec<Input> {
    Lane::ALL.map(|lane| command(brokers::PUBLISH, lane, count)).to_vec()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One shop, three brokers",
        "Two orders a second go to all three at the same moment. Watch the strips: RabbitMQ deletes what is \
         acknowledged, Kafka keeps it and moves an offset past it, JetStream keeps it and marks it.",
        |world| each(|lane| world.witness().of(lane).worked >= 1) && at_work(world, 0),
    )
    .first(|_| vec![Input::set(brokers::RATE, 2), Input::set(brokers::TASK, 500_000)])
    .look(brokers_of),
    Beat::new(
        "A machine dies at work",
        "Worker 1 of each broker crashes in the middle of an order. A dead machine says nothing. (The shops pause: \
         only this tour's orders come.) Each broker waits the same 2 s.",
        |world| each(|lane| world.witness().of(lane).noticed.is_some()),
    )
    .first(|world| [vec![Input::set(brokers::RATE, 0)], crash(workers(world, 0))].concat())
    .look(|world| workers(world, 0))
    .ask(Predict {
        question: "Which broker gives up on its worker first?",
        options: |_| titles(),
        answer: quickest,
        because: "The same patience, counted from different moments: JetStream counts from the delivery, Kafka from \
                  the last heartbeat, and RabbitMQ looks every two intervals whether anything has come.",
    }),
    Beat::new(
        "And back",
        "The machines return, and eight orders come. RabbitMQ and JetStream just go on. Kafka's group *rebalances*, \
         and both partitions have their own worker again.",
        |world| is_up(world) && at_work(world, 0) && at_work(world, 1),
    )
    .first(|world| [orders(8), restart(workers(world, 0))].concat())
    .look(|world| workers(world, 0)),
    Beat::new(
        "Only the process dies",
        "Now worker 2's process is killed, but its machine lives on. The operating system closes its connections.",
        |world| world.witness().of(Lane::RabbitMq).noticed.is_some_and(|noticed| noticed < 100 * MS),
    )
    .first(|_| Lane::ALL.map(|lane| command(brokers::KILL, lane, 2)).to_vec())
    .look(|world| workers(world, 1))
    .ask(Predict {
        question: "Which broker notices, and hands the order on at once?",
        options: |_| titles(),
        answer: quickest,
        because: "There an unacknowledged order belongs to a connection. Kafka's members and JetStream's pending \
                  messages belong to none: the session timeout and the ack wait must pass. In Kafka every order \
                  behind it in the partition waits as well.",
    }),
    Beat::new(
        "The acknowledgement is lost",
        "Worker 1 hears its broker but cannot be heard. It finishes its order, and its acknowledgement never \
         arrives.",
        |world| each(|lane| world.witness().of(lane).again > 0),
    )
    .first(|world| {
        let cut =
            |lane: Lane| Input::Cut { from: worker(world.settings(), lane, 0), to: broker(world.settings(), lane) };
        [Lane::ALL.map(cut).to_vec(), orders(2)].concat()
    })
    .look(|world| workers(world, 0))
    .ask(Predict {
        question: "In how many of the three is that order processed twice?",
        options: |_| words(&["None", "One", "Two", "All three"]),
        answer: |world| Lane::ALL.into_iter().filter(|lane| world.witness().of(*lane).again > 0).count(),
        because: "At least once, in all of them. No broker can tell work that was done from work that was only \
                  begun: the worker must be *idempotent*.",
    }),
    Beat::new(
        "The brokers crash",
        "The links are healed, and the process of every broker crashes and starts again. They find what they had \
         written: the durable queue, the log with its offsets, the stream with its consumer. The shops send again \
         what is not confirmed.",
        |world| is_up(world) && at_work(world, 0) && at_work(world, 1),
    )
    .first(|world| {
        let brokers = brokers_of(world);
        [vec![Input::HealAll], crash(brokers.clone()), restart(brokers), orders(4)].concat()
    })
    .look(brokers_of)
    .ask(Predict {
        question: "How many confirmed orders are lost?",
        options: |_| words(&["None", "Those in memory", "All"]),
        answer: |world| usize::from(Lane::ALL.into_iter().any(|lane| !lost(world, lane).is_empty())),
        because: "A confirmed order is written, and outlives the process. That says nothing about the power: by \
                  default, RabbitMQ's classic queue, Kafka and JetStream confirm without flushing.",
    }),
    Beat::new(
        "Acknowledge first",
        "The shops go on, and the rule is off: a worker acknowledges an order when it gets it, and then does it.",
        |world| each(|lane| is_alone(world, lane, 0)),
    )
    .first(|_| vec![Input::off(brokers::ACK_AFTER), Input::set(brokers::RATE, 2)])
    .look(|world| workers(world, 0)),
    Beat::new("The same crash", "Worker 1 crashes at work, as before. Watch the first three promises.", |world| {
        [RABBIT_WORKS, KAFKA_WORKS, JETSTREAM_WORKS].iter().all(|one| world.is_promise_broken(one.id))
    })
    .first(|world| crash(workers(world, 0)))
    .look(all_workers),
    Beat::new(
        "Fix the program",
        "The rule is on again: acknowledging comes last. The workers are back, and quicker. But what was skipped \
         stays skipped.",
        |world| is_up(world) && is_shared(world),
    )
    .first(|world| {
        let fixed = [Input::Rule { rule: brokers::ACK_AFTER, on: true }, Input::set(brokers::TASK, 50_000)];
        [fixed.to_vec(), restart(workers(world, 0))].concat()
    })
    .look(all_workers),
    Beat::new(
        "Again from the start",
        "All three brokers are asked for everything again, from the first order on. Kafka's workers seek to offset 0, \
         JetStream gets a new consumer, and RabbitMQ is asked as well.",
        |world| {
            let replays = |lane| lost(world, lane).is_empty() && world.witness().of(lane).again >= 6;
            replays(Lane::Kafka) && replays(Lane::JetStream)
        },
    )
    .first(|_| {
        let kafka = [1, 2].map(|at| command(brokers::REPLAY, Lane::Kafka, at));
        let others = [Lane::RabbitMq, Lane::JetStream].map(|lane| command(brokers::REPLAY, lane, 1));
        [kafka, others].concat()
    })
    .midway()
    .look(brokers_of)
    .ask(Predict {
        question: "Whose lost order stays lost?",
        options: |_| titles(),
        answer: |world| {
            Lane::ALL.into_iter().position(|lane| !lost(world, lane).is_empty()).unwrap_or(Lane::ALL.len() - 1)
        },
        because: "A queue is emptied by its consumers. A log and a stream are emptied by *retention*, read or not: \
                  what was skipped is done now. Everything else is done again.",
    }),
];

/// JetStream has an order worked twice, Kafka and RabbitMQ do not, and nothing was ever wrong with a worker.
fn doubled_in_peace(world: &Shop) -> bool {
    let again = |lane| world.witness().of(lane).again;
    world.kernel().is_healthy()
        && world.witness().of(Lane::JetStream).noticed.is_none()
        && (again(Lane::RabbitMq), again(Lane::Kafka)) == (0, 0)
        && again(Lane::JetStream) > 0
}

fn copied_by_rabbit_alone(world: &Shop) -> bool {
    let copies = |lane| world.witness().of(lane).copies;
    copies(Lane::RabbitMq) > 0 && (copies(Lane::Kafka), copies(Lane::JetStream)) == (0, 0)
}

const CHALLENGES: &[Challenge<Brokers>] = &[
    Challenge {
        id: "twice-in-peace",
        title: "Twice, and nobody was hurt",
        goal: "Make JetStream's workers do an order twice, and no other lane's, without a single fault.",
        hint: "An ack wait counts from the delivery. How long may a task take?",
        reached: doubled_in_peace,
    },
    Challenge {
        id: "stored-twice",
        title: "One order, two tasks",
        goal: "Make RabbitMQ store an order twice that Kafka and JetStream, in the same trouble, store once.",
        hint: "What does a shop do when a confirm does not arrive?",
        reached: copied_by_rabbit_alone,
    },
    Challenge {
        id: "lost-in-all",
        title: "Lost in all three",
        goal: "Lose a confirmed order in each of the three.",
        hint: "Switch off acknowledging after the work, and crash workers while they work.",
        reached: |world| each(|lane| !lost(world, lane).is_empty()),
    },
];

/// RabbitMQ alone, one order, one crash.
const ONE_ORDER: Hunt<Brokers> = Hunt {
    settings: &[(brokers::LANES, 1), (brokers::RATE, 0)],
    inputs: || vec![command(brokers::PUBLISH, Lane::RabbitMq, 1)],
    bounds: Bounds::new(100_000, 40, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 16,
};

/// Kafka alone, one order.
const ONE_RECORD: Hunt<Brokers> = Hunt {
    settings: &[(brokers::LANES, 2), (brokers::RATE, 0)],
    inputs: || vec![command(brokers::PUBLISH, Lane::Kafka, 1)],
    bounds: Bounds::new(200_000, 40, Budget::NONE),
    ..ONE_ORDER
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::systems::messaging::brokers::shop;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Brokers> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Brokers>] = &[
        Breaks { rule: brokers::ACK_AFTER, promise: RABBIT_WORKS.id, way: Way::Explore },
        Breaks { rule: brokers::CONFIRMS, promise: RABBIT_WORKS.id, way: Way::Explore },
        Breaks { rule: brokers::RECOGNISE, promise: STORED_ONCE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Brokers>] = &[
        Solution {
            challenge: "twice-in-peace",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::set(brokers::PATIENCE, 500_000));
                script.act(Input::set(brokers::TASK, 1_000_000));
                script.until(doubled_in_peace);
            },
        },
        Solution {
            challenge: "stored-twice",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.steps(30);
                for lane in Lane::ALL {
                    let (from, to) = (broker(script.world().settings(), lane), shop(script.world().settings(), lane));
                    script.act(Input::Cut { from, to });
                }
                script.until(copied_by_rabbit_alone);
            },
        },
        Solution {
            challenge: "lost-in-all",
            from: || SCENARIO.from(&[brokers::ACK_AFTER], &[]),
            act: |script| {
                script.until(|world| each(|lane| is_alone(world, lane, 0)));
                for node in workers(script.world(), 0) {
                    script.act(Input::Crash { node });
                }
                script.until(|world| each(|lane| !lost(world, lane).is_empty()));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::proof::Script;
    use crate::systems::messaging::brokers::promises::replayable;

    fn script(settings: &[(SettingId, i64)]) -> Script<Brokers> {
        SCENARIO.script(&SCENARIO.from(&[], settings))
    }

    /// The lanes get the same orders at the same moments, and in peace none loses or doubles one.
    #[test]
    fn in_peace_the_lanes_do_the_same() {
        let mut script = script(&[]);
        assert!(script.until(|world| each(|lane| world.witness().of(lane).confirmed >= 40)));
        assert!(script.act(Input::set(brokers::RATE, 0)));
        let end = script.world().kernel().now() + 10 * SEC;
        assert!(script.until(|world| world.kernel().now() > end));
        let counts = Lane::ALL.map(|lane| {
            let seen = script.world().witness().of(lane);
            (seen.confirmed, seen.worked, seen.again, seen.copies)
        });
        println!("{counts:?}");
        let (confirmed, _, _, _) = counts[0];
        assert!(counts.iter().all(|count| *count == (confirmed, confirmed, 0, 0)), "{counts:?}");
        let kept = Lane::ALL.map(|lane| replayable(script.world(), lane));
        assert_eq!(kept, [0, confirmed, confirmed], "what each could play again");
    }

    /// A killed process is noticed by RabbitMQ within two messages' time, by the others after their patience.
    #[test]
    fn only_rabbitmq_hears_a_connection_close() {
        let mut script = script(&[]);
        assert!(script.until(|world| at_work(world, 0)));
        Lane::ALL.iter().for_each(|lane| assert!(script.act(command(brokers::KILL, *lane, 1))));
        assert!(script.until(|world| each(|lane| world.witness().of(lane).noticed.is_some())));
        let noticed = Lane::ALL.map(|lane| script.world().witness().of(lane).noticed.unwrap_or(0));
        println!("{noticed:?}");
        assert!(noticed[0] <= 2 * brokers::LATENCY && noticed[1] > SEC && noticed[2] > SEC, "{noticed:?}");
    }

    /// The classic queue and Kafka lose what is confirmed and not worked, JetStream does not; and all three go on.
    #[test]
    fn a_power_cut_takes_what_was_not_flushed() {
        let mut script = script(&[(brokers::RATE, 0), (brokers::TASK, 2_000_000)]);
        assert!(script.until(is_shared));
        let order = |script: &mut Script<Brokers>, confirmed: u32| {
            Lane::ALL.iter().for_each(|lane| assert!(script.act(command(brokers::PUBLISH, *lane, 8))));
            assert!(script.until(|world| each(|lane| world.witness().of(lane).confirmed >= confirmed)));
        };
        order(&mut script, 8);
        for node in brokers_of(script.world()) {
            assert!(script.act(Input::PowerCut { node }) && script.act(Input::Restart { node }));
        }
        script.steps(1);
        let [rabbit, kafka, jetstream] = Lane::ALL.map(|lane| lost(script.world(), lane).len());
        assert!(rabbit > 0 && kafka > 0 && jetstream == 0, "{rabbit} {kafka} {jetstream}");
        assert!(script.act(Input::set(brokers::TASK, 50_000)));
        order(&mut script, 16);
    }
}
