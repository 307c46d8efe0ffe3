//! Queues for Kafka: a share group's workers take single records, each under a lock that runs out.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::share_groups::promises::{
    FINAL, LIMITS, MOVES, ONE_HOLDER, WITHIN_LIMIT, WORKED, hands, share,
};
use crate::systems::messaging::share_groups::share::{AckType, Place};
use crate::systems::messaging::share_groups::{
    self as groups, BROKER, Delivery, Message, PARTITIONS, Phase, ShareGroups, Timer, is_shared, workers,
};
use crate::views::share_groups::{Pool, at_work, disk, doubled, flies, owns_nothing, phase, picture};

type Beat = crate::guides::kit::tour::Beat<ShareGroups>;

/// The scenario.
pub static SCENARIO: Scenario<ShareGroups> = Scenario {
    slug: "share-groups",
    title: "Queues for Kafka: share groups",
    guide: Guide::Messaging,
    level: 3,
    summary: "Four workers on two partitions, and all of them busy. Each record has a lock that runs out, a count of \
              its deliveries, and a topic to end in when nobody can work on it.",
    seed: 3,
    settings: &[
        (groups::GROUP, 0),
        (groups::WORKERS, 4),
        (groups::BATCH, 1),
        (groups::RATE, 4),
        (groups::WORK, 400_000),
        (groups::LOCK_DURATION, 3_000_000),
        (groups::LIMIT, 3),
        (groups::MAX_LOCKS, 60),
        (groups::POISONED, 0),
        (groups::RENEW, 0),
        (groups::ON_FAILURE, 0),
    ],
    busy: &[(groups::RATE, 6), (groups::WORK, 400_000), (groups::LOCK_DURATION, 800_000), (groups::POISONED, 5)],
    rules: &[groups::LOCK, groups::BOUNDED, groups::AFTER_WORK, groups::PERSIST, groups::HOLDER, groups::DEAD_LETTERS],
    commands: &[groups::PRODUCE, groups::POISON, groups::RELEASE, groups::REJECT],
    promises: &[WORKED, WITHIN_LIMIT, ONE_HOLDER, FINAL, MOVES],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Waiting time",
            about: "From production to the start of the work, redeliveries included.",
            plot: Plot::Percentiles(groups::WAITING),
        },
        Chart {
            title: "Available",
            about: "Records that nobody holds. In a consumer group: what waits for its partition's worker.",
            plot: Plot::Level(groups::AVAILABLE),
        },
        Chart { title: "Acquired", about: "Records under a lock.", plot: Plot::Level(groups::ACQUIRED) },
        Chart {
            title: "Done",
            about: "By worker. A consumer group leaves all but two of them idle.",
            plot: Plot::Rate(groups::DONE),
        },
        Chart {
            title: "Out of order",
            about: "Records accepted while an earlier one of their key was still open.",
            plot: Plot::Rate(groups::OVERTAKEN),
        },
        Chart {
            title: "Redelivered",
            about: "After a release, or when a lock has run out.",
            plot: Plot::Rate(groups::REDELIVERED),
        },
        Chart {
            title: "Refused answers",
            about: "From workers that no longer hold the lock.",
            plot: Plot::Rate(groups::REFUSED),
        },
        Chart { title: "Dead letters", about: "Rejected, or over the limit.", plot: Plot::Rate(groups::DEAD) },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_WORKERS,
    without: WITHOUT,
    terms: &[
        ("acquisition lock", "A share group's claim on a record for one worker; it runs out by itself."),
        ("consumer group", "Consumers that share a topic, each partition having one owner."),
        ("dead-letter topic", "A topic for records that a group has given up on."),
        ("delivery count", "How often a record has been handed to a worker of the group."),
        ("partitions", "A topic's logs; order holds within each."),
        ("share group", "Consumers that take single records of a topic, several from the same partition."),
        ("start offset", "Of a share group: the first record that is neither acknowledged nor archived."),
    ],
    before: &["messaging/event-log", "messaging/competing-consumers"],
    near: &[
        "messaging/lag-and-scaling",
        "messaging/retries-and-dead-letters",
        "messaging/simple-task-queue",
        "messaging/jetstream-work-queue",
    ],
    versions: versions!["Kafka 4.4"],
    prose: prose!("share_groups.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        groups::DONE | groups::WAITING => ShareGroups::name(settings, NodeId(subject)),
        _ => "group".to_owned(),
    }
}

fn produce(records: i64) -> Input {
    Input::call(groups::PRODUCE, &[records])
}

fn poison() -> Input {
    Input::call(groups::POISON, &[])
}

/// A worker at work, and its record. Only proofs ask.
#[cfg(not(target_arch = "wasm32"))]
fn busy(world: &Pool) -> Option<(NodeId, Delivery)> {
    workers(world.settings()).find_map(|id| Some((id, at_work(world, id)?)))
}

/// The worker that has the most left to do.
fn longest(world: &Pool) -> Option<NodeId> {
    let until = |id: NodeId| world.timers(id).find(|timer| timer.0 == Timer::Done).map(|timer| timer.1.at);
    workers(world.settings()).filter(|id| until(*id).is_some()).max_by_key(|id| until(*id))
}

fn all_workers(world: &Pool) -> Vec<NodeId> {
    workers(world.settings()).collect()
}

fn slow_ones(world: &Pool) -> Vec<NodeId> {
    workers(world.settings()).filter(|id| world.kernel().node(*id).slow > 100).collect()
}

/// Workers whose record the broker takes for done.
fn too_early(world: &Pool) -> Option<NodeId> {
    let is_open = |delivery: &Delivery| {
        share(world)
            .is_none_or(|share| share[usize::from(delivery.place.partition)].holder(delivery.place.offset).is_some())
    };
    let all = workers(world.settings());
    all.into_iter().find(|id| at_work(world, *id).is_some_and(|delivery| !is_open(&delivery)))
}

/// Whether a slow worker's record is in somebody else's hand as well.
fn is_shared_with_a_slow_one(world: &Pool) -> bool {
    let slow = slow_ones(world).into_iter().filter_map(|id| at_work(world, id));
    slow.into_iter().any(|delivery| hands(world, delivery.place).len() >= 2)
}

/// Whether a slow worker holds a lock, and has worked for longer than a lock lasts.
fn outlasts_its_lock(world: &Pool) -> bool {
    let lock = world.settings().amount(groups::LOCK_DURATION);
    let outlasts = |id: NodeId| {
        let work = world.timers(id).find(|timer| timer.0 == Timer::Done);
        work.is_some_and(|(_, pending)| world.kernel().now() > pending.since + lock) && lock_of(world, id)
    };
    slow_ones(world).into_iter().any(outlasts)
}

/// Whether a worker holds the lock on the record it works on.
fn lock_of(world: &Pool, id: NodeId) -> bool {
    let holder = |place: Place| share(world)?[usize::from(place.partition)].holder(place.offset);
    at_work(world, id).and_then(|delivery| holder(delivery.place)).is_some_and(|holder| holder.node == id)
}

/// Whether a slow worker is being told that it is too late.
fn is_refused(world: &Pool) -> bool {
    let slow = slow_ones(world);
    let refusal = |message: &Message| matches!(message, Message::Answer { kind: AckType::Accept, taken: false, .. });
    world.flights().any(|flight| slow.contains(&flight.pending.node) && refusal(flight.message))
}

fn dead_letters(world: &Pool) -> usize {
    disk(world).map_or(0, |disk| disk.dead.len())
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Eight records, two partitions",
        "Eight records arrive in a topic of two *partitions*. The four workers belong to one *share group*, and \
         each of them fetches.",
        |world| workers(world.settings()).all(|id| at_work(world, id).is_some()),
    )
    .first(|_| vec![produce(8)])
    .look(all_workers)
    .ask(Predict {
        question: "How many of the four will have a record to work on?",
        options: |_| ["Two, one for each partition", "Three: one only assigns", "All four"].map(str::to_owned).to_vec(),
        answer: |world| if workers(world.settings()).all(|id| at_work(world, id).is_some()) { 2 } else { 0 },
        because: "A *consumer group* deals out partitions, a share group records. Try the setting Group: two of the \
                  four have nothing to do then.",
    }),
    Beat::new(
        "A lock on each record",
        "The line over a worker is its *acquisition lock*: three seconds here, 30 by default. Each partition has \
         two rows: what the broker knows, and what it has written. A delivery is not written. When a worker is \
         done, it accepts.",
        |world| flies(world, |message| matches!(message, Message::Acknowledge { kind: AckType::Accept, .. })),
    )
    .midway()
    .look(all_workers),
    Beat::new(
        "Written, then answered",
        "The broker writes that the record is done, and answers the worker. The bar is the group's *start offset*: \
         it moves over what is done, and waits for what is not.",
        |world| flies(world, |message| matches!(message, Message::Answer { taken: true, .. })),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Too slow for the lock",
        "A worker has a long record in hand, and is slower now. It is alive, and works on. The others go on, with \
         later records of the same keys as well: the broker counts what is done out of order.",
        is_shared_with_a_slow_one,
    )
    .first(|world| longest(world).map(|node| Input::Slow { node, percent: 150 }).into_iter().collect())
    .look(slow_ones)
    .ask(Predict {
        question: "What becomes of its record when the lock runs out?",
        options: |_| {
            ["It waits for the slow worker", "Another worker gets it as well", "It is dropped"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| usize::from(is_shared_with_a_slow_one(world)),
        because: "The broker cannot tell slow from dead. The record is available again, its *delivery count* goes up, \
                  and the work is done twice.",
    }),
    Beat::new("Accepted too late", "The slow worker is done at last, and accepts.", is_refused).look(slow_ones).ask(
        Predict {
            question: "How does the broker answer?",
            options: |_| {
                ["The record is done", "It refuses", "The record is done, and worker 3 must stop"]
                    .map(str::to_owned)
                    .to_vec()
            },
            answer: |world| usize::from(is_refused(world)),
            because: "Only the holder of the lock can answer for a record. In Kafka the error is INVALID_RECORD_STATE.",
        },
    ),
    Beat::new(
        "More time",
        "Workers now *renew* their locks: whoever is still at work when half of the time is over asks for the whole \
         of it again. Fewer records come, and one worker is slower than ever. Watch it for longer than a lock \
         lasts.",
        |world| {
            outlasts_its_lock(world)
                && all_workers(world).iter().filter(|id| at_work(world, **id).is_some()).count() > 1
        },
    )
    .first(|world| {
        let slow = slow_ones(world).into_iter().map(|node| Input::Slow { node, percent: 100 });
        let next = longest(world).map(|node| Input::Slow { node, percent: 4_000 });
        slow.chain(next).chain([Input::set(groups::RENEW, 1), Input::set(groups::RATE, 3)]).collect()
    })
    .look(slow_ones)
    .ask(Predict {
        question: "How many workers will have its record then?",
        options: |_| ["One", "Two", "Three"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(is_shared_with_a_slow_one(world)),
        because: "Each renewal starts the lock again, and counts as no delivery. A worker that hangs for ever would \
                  have to stop renewing by itself.",
    }),
    Beat::new(
        "The broker crashes",
        "Two workers hold locks when the broker crashes. It restarts at once, and reads back what is in the lower \
         rows. Then one of the two is done, and accepts.",
        |world| flies(world, |message| matches!(message, Message::Answer { kind: AckType::Accept, taken: false, .. })),
    )
    .first(|_| vec![Input::Crash { node: BROKER }, Input::Restart { node: BROKER }])
    .midway()
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "What does it know?",
        options: |_| {
            ["What is done, and who holds which lock", "What is done, but no locks", "Nothing"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| {
            let done = share(world).is_some_and(|share| share.iter().any(|share| share.start() > 0));
            if done { 1 } else { 2 }
        },
        because: "An answer is written before the worker hears of it, a delivery never is. The worker that accepts \
                  holds no lock any more: it is refused, and its record goes out again.",
    }),
    Beat::new(
        "Poison",
        "All workers are as quick as before. Here is a *poison* record. Each worker that gets it fails and releases \
         it, and it is available again at once.",
        |world| dead_letters(world) > 0 && too_early(world).is_none(),
    )
    .first(|world| {
        let slow = slow_ones(world).into_iter().map(|node| Input::Slow { node, percent: 100 });
        slow.chain([poison()]).collect()
    })
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "The limit is three deliveries. Where does the record go after the third?",
        options: |_| {
            ["Back to the end of the partition", "To a topic of its own", "Nowhere: it is retried for ever"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if dead_letters(world) > 0 { 1 } else { 2 },
        because: "It is archived, and leaves a dead letter in the *dead-letter topic*, if the group names one. Without \
                  one it is archived all the same.",
    }),
    Beat::new(
        "Accepted too early",
        "From here on workers accept a record as soon as they have it, and work on it afterwards. Look for a worker \
         at work on a record that is done in both rows.",
        |world| too_early(world).is_some(),
    )
    .first(|_| vec![Input::off(groups::AFTER_WORK), produce(4)])
    .look(|world| too_early(world).into_iter().collect()),
    Beat::new("And then a crash", "One of these workers crashes before it is done.", |world| {
        world.is_promise_broken(WORKED.id)
    })
    .first(|world| too_early(world).map(|node| Input::Crash { node }).into_iter().collect())
    .look(|world| workers(world.settings()).filter(|id| !world.kernel().node(*id).up).collect())
    .ask(Predict {
        question: "Who gets its record?",
        options: |_| {
            ["The next worker that fetches", "The same one, once it is back", "Nobody"].map(str::to_owned).to_vec()
        },
        answer: |world| if world.is_promise_broken(WORKED.id) { 2 } else { 0 },
        because: "For the broker it is done: it is behind the start offset, or will be. No lock is left that could run \
                  out.",
    }),
];

const CHALLENGES: &[Challenge<ShareGroups>] = &[
    Challenge {
        id: "one-too-many",
        title: "One too many",
        goal: "Have a record delivered more often than the limit, with every rule on.",
        hint: "A delivery is counted in memory, and written with what becomes of it. Who can forget it in between?",
        reached: |world| {
            let limit = world.settings().amount(groups::LIMIT) as u32;
            world.rules() == RuleSet::ALL && world.witness().most_delivered() > limit
        },
    },
    Challenge {
        id: "three-at-once",
        title: "Three at once",
        goal: "Get three workers to work on the same record at once, with every rule on.",
        hint: "All of them must be slower than their locks.",
        reached: |world| world.rules() == RuleSet::ALL && doubled(world, 3),
    },
    Challenge {
        id: "held-up",
        title: "Held up by one",
        goal: "Let one slow record keep an idle worker from the records behind it, in a share group.",
        hint: "How far may deliveries run ahead of the start offset? There is a setting for it.",
        reached: |world| is_shared(world.settings()) && held_up(world),
    },
    Challenge {
        id: "idle-hands",
        title: "Idle hands",
        goal: "Ten records wait, and two workers have nothing to do.",
        hint: "What does the other kind of group deal out?",
        reached: |world| {
            let idle = workers(world.settings()).filter(|id| owns_nothing(world, *id)).count();
            idle >= 2 && waiting(world).into_iter().sum::<u32>() >= 10
        },
    },
];

/// Records of each partition that were never delivered.
fn waiting(world: &Pool) -> [u32; PARTITIONS] {
    let (Some(share), Some(disk)) = (share(world), disk(world)) else { return [0; PARTITIONS] };
    std::array::from_fn(|at| disk.topic[at].end().saturating_sub(share[at].end()))
}

/// Whether a worker asks in vain, because a partition's deliveries have run as far ahead as they may.
fn held_up(world: &Pool) -> bool {
    let most = world.settings().amount(groups::MAX_LOCKS) as usize;
    let Some(share) = share(world) else { return false };
    let full = |at: usize| waiting(world)[at] > 0 && share[at].in_flight().count() >= most;
    let asks = |id| phase(world, id) == Some(Phase::Asks);
    let quiet = !flies(world, |message| matches!(message, Message::Records { .. }));
    quiet && (0..PARTITIONS).any(full) && workers(world.settings()).any(asks)
}

/// How often the workers have fetched, and how much is under way.
fn within(world: &Pool) -> bool {
    let fetched = |id: NodeId| match world.node(id).map(|node| &node.disk) {
        Some(groups::Disk::Worker { epoch }) => *epoch,
        _ => 0,
    };
    workers(world.settings()).all(|id| fetched(id) <= 2) && world.kernel().pending_count() < 14
}

/// A record that nobody can work on, and two workers. A message is lost, and somebody crashes.
const TWO_WORKERS: Hunt<ShareGroups> = Hunt {
    settings: &[(groups::WORKERS, 2), (groups::RATE, 0), (groups::LIMIT, 2)],
    inputs: || vec![poison()],
    bounds: Bounds::new(300_000, 50, Budget { drops: 1, ..Budget::crashes(1) }),
    within,
};

/// The same without a fault.
const NO_FAULT: Hunt<ShareGroups> = Hunt { bounds: Bounds::new(300_000, 50, Budget::NONE), ..TWO_WORKERS };

/// A record that can be worked on, and a crash.
const ONE_CRASH: Hunt<ShareGroups> =
    Hunt { inputs: || vec![produce(1)], bounds: Bounds::new(300_000, 50, Budget::crashes(1)), ..TWO_WORKERS };

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<ShareGroups>)] = &[
    (groups::BOUNDED, NO_FAULT),
    (groups::HOLDER, Hunt { settings: &[(groups::WORKERS, 2), (groups::RATE, 0), (groups::LIMIT, 4)], ..NO_FAULT }),
    (groups::DEAD_LETTERS, NO_FAULT),
    (groups::AFTER_WORK, ONE_CRASH),
    (groups::PERSIST, ONE_CRASH),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<ShareGroups> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    const BREAKS: &[Breaks<ShareGroups>] = &[
        Breaks {
            rule: groups::LOCK,
            promise: MOVES.id,
            way: Way::Schedules {
                settings: &[(groups::RATE, 1)],
                events: 600,
                reason: "It is about how long a record stays with a dead worker, and the explorer knows no clock.",
            },
        },
        Breaks { rule: groups::BOUNDED, promise: WITHIN_LIMIT.id, way: Way::Explore },
        Breaks { rule: groups::AFTER_WORK, promise: WORKED.id, way: Way::Explore },
        Breaks { rule: groups::PERSIST, promise: FINAL.id, way: Way::Explore },
        Breaks { rule: groups::HOLDER, promise: ONE_HOLDER.id, way: Way::Explore },
        Breaks { rule: groups::DEAD_LETTERS, promise: WORKED.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<ShareGroups>] = &[
        Solution {
            challenge: "one-too-many",
            from: || SCENARIO.from(&[], &[(groups::RATE, 0)]),
            act: |script| {
                script.act(poison());
                script.until(|world| busy(world).is_some_and(|busy| busy.1.count == 3));
                script.act(Input::Crash { node: BROKER });
                script.act(Input::Restart { node: BROKER });
                script.until(|world| world.witness().most_delivered() > 3);
            },
        },
        Solution {
            challenge: "three-at-once",
            from: || SCENARIO.from(&[], &[(groups::RATE, 0), (groups::LOCK_DURATION, 500_000)]),
            act: |script| {
                for node in workers(script.world().settings()).collect::<Vec<_>>() {
                    script.act(Input::Slow { node, percent: 20_000 });
                }
                script.act(produce(1));
                script.until(|world| doubled(world, 3));
            },
        },
        Solution {
            challenge: "held-up",
            from: || SCENARIO.from(&[], &[(groups::RATE, 0), (groups::MAX_LOCKS, 4)]),
            act: |script| {
                script.act(produce(20));
                script.until(|world| busy(world).is_some());
                if let Some((node, _)) = busy(script.world()) {
                    script.act(Input::Slow { node, percent: 20_000 });
                }
                script.until(held_up);
            },
        },
        Solution {
            challenge: "idle-hands",
            from: || SCENARIO.from(&[], &[(groups::GROUP, 1)]),
            act: |script| {
                script.act(produce(20));
                script.until(|world| waiting(world).into_iter().sum::<u32>() >= 10);
            },
        },
    ];
}
