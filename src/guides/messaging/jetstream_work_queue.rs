//! JetStream work queue: stored once by its id, done once by a double ack, dropped after too many tries.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::jetstream::promises::{
    LIMITS, MOVES, NOT_LOST, STORED_ONCE, WORKED_ONCE, store, workers,
};
use crate::systems::messaging::jetstream::{self as jet, FIRST, JetStream, Message, PUBLISHER, SERVER, cluster};
use crate::views::jetstream::{Shop, flies, picture, shared, unconfirmed, works};

type Beat = crate::guides::kit::tour::Beat<JetStream>;

/// The scenario.
pub static SCENARIO: Scenario<JetStream> = Scenario {
    slug: "jetstream-work-queue",
    title: "JetStream work queue",
    guide: Guide::Messaging,
    level: 3,
    summary: "A publisher that hears nothing sends again, and so does a server. An id turns two copies into one, and \
              an acknowledged acknowledgement tells a worker that its task is really done.",
    seed: 4,
    settings: &[
        (jet::WORKERS, 3),
        (jet::RATE, 8),
        (jet::WORK, 200_000),
        (jet::ACK_WAIT, 1_000_000),
        (jet::MAX_DELIVER, 2),
        (jet::WINDOW, 120_000_000),
        (jet::MAX_ACK_PENDING, 1_000),
        (jet::BACK_OFF, 0),
        (jet::RETENTION, 2),
        (jet::SYNC_INTERVAL, 120_000_000),
        (jet::REPLICAS, 0),
    ],
    busy: &[(jet::RATE, 4), (jet::WORK, 500_000), (jet::ACK_WAIT, 200_000)],
    rules: &[jet::DEDUP, jet::WITHIN, jet::DOUBLE_ACK, jet::REDELIVER, jet::SYNC],
    commands: &[jet::PUBLISH, jet::POISON, jet::NAK, jet::TERM, jet::PROGRESS],
    promises: &[STORED_ONCE, WORKED_ONCE, NOT_LOST, MOVES],
    limits: LIMITS,
    faults: FaultModel { power_cut: true, nodes: Some(|node| node != SERVER), ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Waiting time",
            about: "From publishing to the start of the work, redeliveries included.",
            plot: Plot::Percentiles(jet::WAITING),
        },
        Chart { title: "Ready", about: "Messages that wait for a worker to ask.", plot: Plot::Level(jet::READY) },
        Chart {
            title: "Unacknowledged",
            about: "More than there are workers: some of them have died, or were too slow.",
            plot: Plot::Level(jet::ACK_PENDING),
        },
        Chart { title: "Done", about: "One line per worker.", plot: Plot::Rate(jet::DONE) },
        Chart {
            title: "Redelivered",
            about: "After a nak, or when the ack wait is over.",
            plot: Plot::Rate(jet::REDELIVERED),
        },
        Chart {
            title: "Copies recognised",
            about: "Each would have been a second task.",
            plot: Plot::Rate(jet::COPIES),
        },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_WORKERS,
    without: WITHOUT,
    terms: &[
        ("ack wait", "How long a delivered message may go without an acknowledgement before it is delivered again."),
        ("advisory", "A message that a server publishes about what has happened in it."),
        ("double ack", "An acknowledgement that is itself acknowledged."),
        ("duplicate window", "How long a stream remembers message ids, so that copies are recognised."),
        ("in progress", "A consumer's word that it is still at work; its ack wait starts again."),
        ("nak", "A consumer's word that it returns a message, to be delivered again."),
        ("puback", "The server's word to a publisher that a message is stored, and under which sequence."),
        ("stream", "Messages that a server keeps, in order, each with a sequence number."),
    ],
    before: &["messaging/simple-task-queue"],
    near: &["messaging/exactly-once", "messaging/competing-consumers"],
    versions: versions!["NATS server 2.14", "nats.go 1.53"],
    prose: prose!("jetstream_work_queue.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        jet::DONE => JetStream::name(settings, NodeId(subject)),
        _ => "stream".to_owned(),
    }
}

fn publish(tasks: i64) -> Input {
    Input::call(jet::PUBLISH, &[tasks])
}

fn poison() -> Input {
    Input::call(jet::POISON, &[])
}

fn copies(world: &Shop) -> u64 {
    world.metrics().total(jet::COPIES, 0)
}

fn busy(world: &Shop) -> Option<NodeId> {
    workers(world).into_iter().find(|id| works(world, *id))
}

fn down(world: &Shop) -> impl Iterator<Item = NodeId> {
    let all: Vec<NodeId> = workers(world).into_iter().filter(|id| !world.kernel().node(*id).up).collect();
    all.into_iter()
}

/// How many tasks the server has that are not on its disk yet.
fn at_risk(world: &Shop) -> usize {
    let (Some(node), Some(store)) = (world.node(SERVER), store(world)) else { return 0 };
    let is_safe = |seq| node.disk.store.stream.get(seq).is_some();
    store.stream.msgs().iter().filter(|stored| !is_safe(stored.seq)).count()
}

const SLOW_ONE: NodeId = NodeId(FIRST as u16);

const TOUR: &[Beat] = &[
    Beat::new(
        "Stored, and said so",
        "A publisher sends tasks, each with an id in its header, Nats-Msg-Id. The server keeps them in a *stream*, \
         on disk, and answers with a *PubAck*. The lower strip shows the ids it remembers. Three workers wait for \
         tasks; each task goes to one of them.",
        |world| flies(world, |message| matches!(message, Message::PubAck { .. })),
    )
    .midway()
    .look(|_| vec![SERVER]),
    Beat::new(
        "Workers ask",
        "Nothing is pushed: a worker asks for one message when it has nothing to do, and its request waits at the \
         server. Here comes a burst of six. The line over a worker is its *ack wait*.",
        |world| workers(world).iter().all(|id| works(world, *id)),
    )
    .first(|_| vec![publish(6)])
    .look(workers),
    Beat::new(
        "The ack of the ack",
        "A worker is done and acknowledges. It does not call the task done yet: it waits until the server has \
         acknowledged the acknowledgement.",
        |world| flies(world, |message| matches!(message, Message::AckAck { .. })),
    )
    .midway()
    .look(|_| vec![SERVER])
    .ask(Predict {
        question: "The task was acknowledged. Is it still in the stream?",
        options: |_| ["Yes, for replay", "Yes, until the worker has the answer", "No"].map(str::to_owned).to_vec(),
        answer: |world| {
            let acked = world.flights().find_map(|flight| match flight.message {
                Message::AckAck { seq } => Some(*seq),
                _ => None,
            });
            let is_gone = |seq| store(world).is_some_and(|store| store.stream.get(seq).is_none());
            if acked.is_some_and(is_gone) { 2 } else { 0 }
        },
        because: "In a work queue, an acknowledged message is deleted. With limits as its retention, it would stay.",
    }),
    Beat::new(
        "A PubAck is lost",
        "The way from the server to the publisher is cut, and a task is published. The server has it; the publisher \
         does not know, and sends it again.",
        |world| copies(world) > 0,
    )
    .first(|_| vec![Input::Cut { from: SERVER, to: PUBLISHER }, publish(1)])
    .look(|_| vec![PUBLISHER, SERVER])
    .ask(Predict {
        question: "How often is the task stored?",
        options: |_| ["Not at all", "Once", "Twice"].map(str::to_owned).to_vec(),
        answer: |world| 1 + usize::from(world.witness().twice.is_some()),
        because: "The id is in the window: the server answers with the first copy's sequence, and stores nothing.",
    }),
    Beat::new(
        "A worker dies",
        "The link is healed, and a worker crashes at work. It cannot give its task back, and JetStream watches no \
         connection: the crash tells it nothing.",
        |world| flies(world, |message| matches!(message, Message::Deliver { delivery, .. } if delivery.times > 1)),
    )
    .first(|world| {
        let crash = busy(world).map(|node| Input::Crash { node });
        std::iter::once(Input::HealAll).chain(crash).collect()
    })
    .midway()
    .look(|world| down(world).collect())
    .ask(Predict {
        question: "What makes the server hand the task to another worker?",
        options: |_| {
            ["A closed connection", "No ack within the ack wait", "Missing heartbeats"].map(str::to_owned).to_vec()
        },
        answer: |_| 1,
        because: "Each delivery has its own clock. When it runs out, the message goes to whoever asks next.",
    }),
    Beat::new(
        "Poison",
        "Here is a task that nobody can do. Each worker that gets it returns it with a *nak*, and it is delivered \
         again at once: four times in all, and no more.",
        |world| world.witness().parked.is_some(),
    )
    .first(|world| down(world).map(|node| Input::Restart { node }).chain([poison()]).collect())
    .midway()
    .look(|_| vec![SERVER])
    .ask(Predict {
        question: "What becomes of it after the fourth delivery?",
        options: |_| {
            ["It is deleted", "It stays, and nobody gets it", "It goes to a queue of dead letters"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| {
            let Some(id) = world.witness().parked else { return 0 };
            usize::from(store(world).is_some_and(|store| store.stream.msgs().iter().any(|kept| kept.task.id == id)))
        },
        because: "It stays in the stream, greyed. An *advisory* is published, and somebody has to listen for it.",
    }),
    Beat::new(
        "Too slow for the ack wait",
        "Worker 1 is twenty times slower now. It is alive and will acknowledge its task, but not within a second.",
        |world| shared(world, 2),
    )
    .first(|_| vec![Input::Slow { node: SLOW_ONE, percent: 2_000 }])
    .look(|_| vec![SLOW_ONE])
    .ask(Predict {
        question: "How many workers will work on its task?",
        options: |_| ["None: it is given up", "One", "Two"].map(str::to_owned).to_vec(),
        answer: |world| 1 + usize::from(shared(world, 2)),
        because: "An ack wait is a guess at how long the work takes. A worker that needs longer must say that it is \
                  still in progress.",
    }),
    Beat::new(
        "Without the double ack",
        "The publisher pauses. Workers now call a task done once they have sent their ack. One of them is at work, \
         and its link to the server is cut.",
        |world| world.is_promise_broken(WORKED_ONCE.id),
    )
    .first(|world| {
        let speed = Input::Slow { node: SLOW_ONE, percent: 100 };
        let off = Input::off(jet::DOUBLE_ACK);
        let cut = workers(world).into_iter().rfind(|id| works(world, *id)).map(|from| Input::Cut { from, to: SERVER });
        [speed, off, Input::set(jet::RATE, 0)].into_iter().chain(cut).collect()
    })
    .look(workers)
    .ask(Predict {
        question: "The worker calls its task done. What does the server do with it?",
        options: |_| ["Deletes it", "Hands it out again", "Keeps it for that worker"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(world.is_promise_broken(WORKED_ONCE.id)),
        because: "The ack never came. The worker believes that the task is done, and another one does it again.",
    }),
    Beat::new(
        "Confirmed before it is on disk",
        "The double ack is back. Now the server no longer syncs before it answers, but every two minutes: \
         JetStream's default. Eight more tasks are published, and confirmed.",
        |world| unconfirmed(world) == 0 && at_risk(world) >= 4,
    )
    .first(|_| {
        let back = Input::Rule { rule: jet::DOUBLE_ACK, on: true };
        vec![back, Input::HealAll, Input::off(jet::SYNC), publish(8)]
    })
    .look(|_| vec![PUBLISHER, SERVER]),
    Beat::new(
        "The power goes, and comes back",
        "The server's machine loses its power, and starts again from its disk: count what is ready. A crash of the \
         process would have cost nothing: the operating system has what it wrote.",
        |world| world.is_promise_broken(NOT_LOST.id),
    )
    .first(|_| vec![Input::PowerCut { node: SERVER }, Input::Restart { node: SERVER }])
    .look(|_| vec![SERVER])
    .ask(Predict {
        question: "Where are the tasks that were confirmed a moment ago?",
        options: |_| ["On the disk", "With the publisher, which sends them again", "Gone"].map(str::to_owned).to_vec(),
        answer: |world| if world.is_promise_broken(NOT_LOST.id) { 2 } else { 0 },
        because: "Nothing had been synced since the rule was switched off, and the publisher does not send again \
                  what was confirmed.",
    }),
];

const CHALLENGES: &[Challenge<JetStream>] = &[
    Challenge {
        id: "forgotten-ids",
        title: "Forgotten ids",
        goal: "Get a task stored twice with every rule on.",
        hint: "The window lives in memory. A restarted server reads it back from its messages. Which are not there \
               any more?",
        reached: |world| world.rules() == RuleSet::ALL && world.witness().twice.is_some(),
    },
    Challenge {
        id: "torn-write",
        title: "A torn write",
        goal: "Make a confirmed task vanish although all that was written before it is on the disk.",
        hint: "Without the sync before the answer, the operating system writes to the disk when it likes. Step until a \
               PubAck has arrived, and tear the server's last write.",
        reached: |world| {
            let torn = world.node(SERVER).is_some_and(|node| node.disk.torn.0);
            torn && world.is_promise_broken(NOT_LOST.id)
        },
    },
    Challenge {
        id: "three-at-once",
        title: "Three at once",
        goal: "Get three workers to work on the same task at once, with every rule on.",
        hint: "All of them must be slower than the ack wait.",
        reached: |world| world.rules() == RuleSet::ALL && shared(world, 3),
    },
    Challenge {
        id: "three-replicas",
        title: "Three replicas",
        goal: "With three replicas, make a task that was confirmed vanish.",
        hint: "Two of the three have it in memory. Which power cuts leave nobody who has it on disk?",
        reached: |world| cluster::is_replicated(world.settings()) && world.is_promise_broken(NOT_LOST.id),
    },
];

/// How many questions the workers have asked, and whether the server has been up all the time.
fn within(world: &Shop) -> bool {
    let asked = |id: &NodeId| world.node(*id).map_or(0, |node| node.disk.last);
    let all = workers(world);
    world.memory(SERVER).is_some() && all.iter().all(|id| asked(id) <= 2) && world.kernel().pending_count() < 14
}

/// One task, two workers; a message is lost, one arrives twice, and a client crashes.
const TWO_WORKERS: Hunt<JetStream> = Hunt {
    settings: &[(jet::WORKERS, 2), (jet::RATE, 0), (jet::MAX_DELIVER, 4)],
    inputs: || vec![publish(1)],
    bounds: Bounds::new(300_000, 60, Budget { drops: 1, duplicates: 1, ..Budget::crashes(1) }),
    within,
};

/// The same without a fault.
const NO_FAULT: Hunt<JetStream> = Hunt { bounds: Bounds::new(300_000, 40, Budget::NONE), ..TWO_WORKERS };

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<JetStream>)] = &[
    (jet::DEDUP, NO_FAULT),
    (jet::DOUBLE_ACK, NO_FAULT),
    (
        jet::SYNC,
        Hunt {
            bounds: Bounds::new(300_000, 40, Budget::power_cuts(1)),
            within: |world| world.kernel().pending_count() < 14,
            ..TWO_WORKERS
        },
    ),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<JetStream> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    /// A task is stored and worked on, and its publisher does not know.
    pub(super) fn unknown_to_its_publisher(script: &mut Script<JetStream>) {
        script.act(Input::Cut { from: SERVER, to: PUBLISHER });
        script.act(publish(1));
        let done = |world: &Shop| workers(world).iter().any(|id| world.metrics().total(jet::DONE, id.0) > 0);
        script.until(done);
    }

    pub(super) const BREAKS: &[Breaks<JetStream>] = &[
        Breaks { rule: jet::DEDUP, promise: STORED_ONCE.id, way: Way::Explore },
        Breaks {
            rule: jet::WITHIN,
            promise: STORED_ONCE.id,
            way: Way::Script {
                settings: &[(jet::RATE, 0), (jet::WINDOW, 2_000_000)],
                act: |script| {
                    unknown_to_its_publisher(script);
                    script.until(|world| world.kernel().now() > 3_000_000);
                    script.act(Input::HealAll);
                    script.until(|world| world.witness().twice.is_some());
                },
                reason: "It is about how long the server remembers an id, and the explorer knows no clock.",
            },
        },
        Breaks { rule: jet::DOUBLE_ACK, promise: WORKED_ONCE.id, way: Way::Explore },
        Breaks {
            rule: jet::REDELIVER,
            promise: MOVES.id,
            way: Way::Schedules {
                settings: &[(jet::RATE, 1)],
                events: 600,
                reason: "It is about how long a message stays with a dead worker, and the explorer knows no clock.",
            },
        },
        Breaks { rule: jet::SYNC, promise: NOT_LOST.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<JetStream>] = &[
        Solution {
            challenge: "forgotten-ids",
            from: || SCENARIO.from(&[], &[(jet::RATE, 0)]),
            act: |script| {
                unknown_to_its_publisher(script);
                script.act(Input::Crash { node: SERVER });
                script.act(Input::Restart { node: SERVER });
                script.until(|world| world.witness().twice.is_some());
            },
        },
        Solution {
            challenge: "torn-write",
            from: || SCENARIO.from(&[jet::SYNC], &[(jet::RATE, 0)]),
            act: |script| {
                script.until(|world| world.kernel().now() > 100_000);
                script.act(publish(4));
                script.until(|world| unconfirmed(world) == 4);
                script.until(|world| unconfirmed(world) == 0);
                script.act(Input::TearWrite { node: SERVER, lost: 1 });
                script.until(|world| world.is_promise_broken(NOT_LOST.id));
            },
        },
        Solution {
            challenge: "three-at-once",
            from: || SCENARIO.from(&[], &[(jet::RATE, 0)]),
            act: |script| {
                for node in workers(script.world()) {
                    script.act(Input::Slow { node, percent: 50_000 });
                }
                script.act(publish(1));
                script.until(|world| shared(world, 3));
            },
        },
        Solution {
            challenge: "three-replicas",
            from: || SCENARIO.from(&[jet::SYNC], &[(jet::REPLICAS, 1)]),
            act: |script| {
                script.act(publish(6));
                script.until(|world| unconfirmed(world) == 0 && store(world).is_some_and(|store| store.ready() > 0));
                let servers = cluster::servers(script.world().settings());
                servers.iter().for_each(|node| {
                    script.act(Input::PowerCut { node: *node });
                });
                servers.iter().for_each(|node| {
                    script.act(Input::Restart { node: *node });
                });
                script.until(|world| world.is_promise_broken(NOT_LOST.id));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::run::Run;
    use crate::sim::run::chaos::storm;
    use crate::sim::run::tape::Tape;

    fn stormed(seed: u64, retention: i64) -> Run<Shop> {
        let origin = Origin { seed, settings: vec![(jet::RETENTION, retention)], rules_off: 0 };
        let mut run = Run::new(SCENARIO.world(&origin, &[]), Tape::default());
        storm(&mut run, FaultModel { power_cut: true, ..FaultModel::ASYNCHRONOUS }, seed, 400);
        run
    }

    /// With crashes of the server as well, and power cuts: what is confirmed is kept and what is done is done, in a work
    /// queue, too.
    #[test]
    fn a_crash_of_the_server_costs_a_work_queue_its_ids_and_nothing_else() {
        for seed in 0..200 {
            let run = stormed(seed, 2);
            let broken = |promise| run.world().is_promise_broken(promise);
            assert!(!broken(NOT_LOST.id) && !broken(WORKED_ONCE.id), "seed {seed}");
        }
    }

    /// Confirmed and not synced, the newest last: how many of six are left after a power cut.
    #[test]
    fn a_torn_write_costs_the_end_and_a_power_cut_everything() {
        let left = |input: Input| {
            let mut script = SCENARIO.script(&SCENARIO.from(&[jet::SYNC], &[(jet::RATE, 0)]));
            script.until(|world| world.kernel().now() > 100_000);
            script.act(publish(6));
            script.until(|world| unconfirmed(world) == 6);
            script.until(|world| unconfirmed(world) == 0);
            script.act(input);
            let kept = store(script.world()).map_or(0, |store| store.stream.msgs().len());
            assert!(script.act(Input::Restart { node: SERVER }));
            assert_eq!(store(script.world()).map(|store| store.stream.msgs().len()), Some(kept));
            (kept, script.world().is_promise_broken(NOT_LOST.id))
        };
        let torn = |lost| left(Input::TearWrite { node: SERVER, lost });
        assert_eq!(left(Input::Crash { node: SERVER }), (6, false));
        assert_eq!([torn(1), torn(2), torn(4), torn(5)], [(5, true), (4, true), (2, true), (0, true)]);
        assert_eq!(left(Input::PowerCut { node: SERVER }), (0, true));
    }

    /// Where acknowledged messages stay, the window is read back whole.
    #[test]
    fn with_limits_a_restarted_server_knows_every_id() {
        for seed in 0..200 {
            let run = stormed(seed, 0);
            assert!(!run.world().is_promise_broken(STORED_ONCE.id), "seed {seed}");
        }
    }
}
