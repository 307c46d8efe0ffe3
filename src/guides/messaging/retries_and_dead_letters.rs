//! Retries and dead letters: tasks that fail, wait, come back, and are abandoned.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::rabbitmq::message::Body as Kind;
use crate::systems::messaging::rabbitmq::promises::{HEALTHY_DONE, NOTHING_VANISHES, STOPS_NOBODY, endless, lost};
use crate::systems::messaging::rabbitmq::queue::Stored;
use crate::systems::messaging::rabbitmq::topology::{self, LOTS, PARKED};
use crate::systems::messaging::rabbitmq::{self as rabbit, BROKER, Memory, Method, PUBLISHER, RabbitMq};
use crate::views::rabbitmq::{
    Shop, command, connections, consumer, consumers, flies, host, numbers, ready, row, unconfirmed,
};

type Beat = crate::guides::kit::tour::Beat<RabbitMq>;

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "retries-and-dead-letters",
    title: "Retries and dead letters",
    guide: Guide::Messaging,
    level: 3,
    summary: "Some tasks fail once, some always, and some kill the worker that takes them. Without bounds, two bad \
              tasks keep every worker busy for ever.",
    seed: 6,
    settings: &[
        (rabbit::WORKERS, 2),
        (rabbit::RATE, 8),
        (rabbit::TASK, 60_000),
        (rabbit::POISON, 20),
        (rabbit::FLAKY, 15),
        (rabbit::BACKOFF, 300_000),
        (rabbit::JITTER, 1),
        (rabbit::RETRIES, 3),
        (rabbit::DELIVERY_LIMIT, 3),
        (rabbit::HEARTBEAT, 500_000),
    ],
    fixed: &[(rabbit::TOPOLOGY, 3), (rabbit::SLOW, 1)],
    rules: &[rabbit::BOUNDED, rabbit::PARK, rabbit::COPY_FIRST],
    commands: &[rabbit::TROUBLE],
    promises: &[STOPS_NOBODY, NOTHING_VANISHES, HEALTHY_DONE],
    faults: FaultModel {
        crash: true,
        power_cut: true,
        pause: true,
        slow: true,
        cut: true,
        most_down: usize::MAX,
        ..FaultModel::NONE
    },
    charts: &[
        Chart {
            title: "Until a task is done",
            about: "From publishing to the end of the work. A retry costs its wait: see the 99th percentile.",
            plot: Plot::Percentiles(rabbit::FINISHED),
        },
        Chart { title: "In each queue", about: "Ready tasks: waiting, and parked.", plot: Plot::Level(rabbit::DEPTH) },
        Chart { title: "Failed attempts", about: "By worker.", plot: Plot::Rate(rabbit::FAILED) },
        Chart { title: "Done", about: "By worker.", plot: Plot::Rate(rabbit::DONE) },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: hunt(ONE_RETRY),
    without: WITHOUT,
    terms: &[
        ("dead-letter exchange", "The exchange to which a queue's dead messages go."),
        ("dead-letters", "Publishes again, to another exchange, what was rejected, has expired, or does not fit."),
        ("delivery limit", "How often a quorum queue takes a message back before it drops or dead-letters it."),
        ("jitter", "A random part of a wait, so that many do not return at once."),
        ("poison", "A message on which the work fails every time."),
        ("time to live", "How long a message may stay in a queue."),
    ],
    before: &["messaging/simple-task-queue"],
    near: &["messaging/keys-and-order", "messaging/jetstream-work-queue"],
    versions: versions!["RabbitMQ 4.3", "Kafka 4.4"],
    prose: prose!("retries_and_dead_letters.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        rabbit::DEPTH => LOTS.get(usize::from(subject)).map_or("?", |name| name).to_owned(),
        _ => RabbitMq::name(settings, NodeId(subject)),
    }
}

const FINE: i64 = 0;

const FLAKY: i64 = 1;

const POISON: i64 = 2;

const DEADLY: i64 = 3;

fn tasks(kind: i64, count: i64) -> Input {
    command(rabbit::TROUBLE, &[kind, count])
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = consumers(world);
    let (publisher, broker, places, queues, order, shown) = match frame {
        Frame::Wide => {
            let places = Area::new(480, 10, 470, 84);
            ((90, 90), (300, 90), two_rows(places, all.len(), 90), ((20, 220), (920, 190)), ((20, 440), (560, 90)), 13)
        }
        Frame::Narrow => {
            let places = Area::new(4, 104, 392, 76);
            ((66, 50), (290, 50), two_rows(places, all.len(), 84), ((8, 278), (384, 180)), ((8, 470), (384, 84)), 8)
        }
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BROKER, broker, Shape::Broker, "broker");
    mark.tone = Tone::Store;
    mark.state = format!("{} ready, {} parked", ready(world, 0).len(), ready(world, PARKED).len());
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(worker(world, *id, at));
    }
    picture.link_all(&[BROKER], &[PUBLISHER]);
    picture.link_all(&[BROKER], &all);
    let title = "Queues: ! fails always, ~ fails once, !! kills".to_owned();
    let body = Body::Queues(lots(world, shown));
    picture.figures.push(Figure { id: "queues", at: queues.0, size: queues.1, title, body });
    let rows = vec![numbers("", world.witness().order().iter().copied(), shown, Tone::Fine)];
    let title = "Done, in this order".to_owned();
    picture.figures.push(Figure { id: "order", at: order.0, size: order.1, title, body: Body::Queues(rows) });
    if frame == Frame::Wide {
        picture.figures.push(graves(world));
    }
    picture
}

/// The last that were parked, with what their x-death headers say.
fn graves(world: &Shop) -> Figure {
    let cell = |text: String| Cell::firm(text, Tone::Broken);
    let grave = |stored: &Stored| {
        let death = stored.message.deaths.first();
        let queue = death.and_then(|death| LOTS.get(usize::from(death.queue))).map_or("", |name| name);
        let reason = death.map_or("", |death| death.reason.name());
        vec![cell(stored.message.id.to_string()), cell(queue.to_owned()), cell(reason.to_owned())]
    };
    let rows = ready(world, PARKED).iter().rev().take(3).map(grave).collect();
    let head = ["parked", "from", "x-death"].map(str::to_owned).to_vec();
    let title = "Last parked, and why".to_owned();
    Figure { id: "graves", at: (620, 430), size: (320, 116), title, body: Body::Table { head, rows } }
}

/// Up to three places in a row, the others in a second one below.
fn two_rows(area: Area, count: usize, below: i32) -> Vec<(i32, i32)> {
    let second = Area { top: area.top + below, ..area };
    area.row(count.min(3)).into_iter().chain(second.row(count.saturating_sub(3))).collect()
}

fn worker(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, RabbitMq::name(world.settings(), id));
    (mark.tone, mark.state) = match world.memory(id) {
        Some(Memory::Worker { working: Some(delivery), .. }) => {
            let tone = if delivery.message.body == Kind::Plain { Tone::Consumer } else { Tone::Risk };
            (tone, format!("task {}, try {}", delivery.message.id, delivery.message.attempt + 1))
        }
        Some(Memory::Worker { moving: Some(delivery), .. }) => {
            (Tone::Risk, format!("task {} failed", delivery.message.id))
        }
        Some(Memory::Worker { connected: false, .. }) => (Tone::Off, "not connected".to_owned()),
        _ => (Tone::Neutral, "idle".to_owned()),
    };
    mark
}

/// A row for each queue, and one for what is out at the workers.
fn lots(world: &Shop, shown: usize) -> Vec<GridRow> {
    let held: Vec<_> = consumers(world)
        .iter()
        .filter_map(|id| consumer(world, *id))
        .flat_map(|consumer| consumer.unacked.iter().map(|unacked| unacked.stored.clone()))
        .collect();
    let mut rows = vec![row("at workers", &held, shown, Tone::Consumer)];
    for (queue, name) in (0u8..).zip(LOTS) {
        let tone = if queue == PARKED { Tone::Broken } else { Tone::Store };
        rows.push(row(name, ready(world, queue), shown, tone));
    }
    rows
}

fn waits(world: &Shop, queue: u8, kind: Kind) -> bool {
    ready(world, queue).iter().any(|stored| stored.message.body == kind)
}

/// The last published task of a kind, by what waits on the broker: how often it was delivered before it was parked.
fn parked(world: &Shop, kind: Kind) -> bool {
    waits(world, PARKED, kind)
}

fn is_disordered(world: &Shop) -> bool {
    world.witness().order().windows(2).any(|pair| pair[0] > pair[1])
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Not all tasks succeed",
        "Two workers take tasks from a queue: watch them report in. Some fail once and then succeed, \
         because a service was busy, say. Some fail always: they are *poison*.",
        |world| on_the_way(world, |message| matches!(message, Method::Consume { .. })) == 2,
    )
    .midway()
    .look(consumers),
    Beat::new(
        "Later, not at once",
        "A task has failed. Trying again at once would most likely fail too. The worker publishes a copy to a \
         waiting queue, and acknowledges the original when that is confirmed.",
        |world| waits(world, 1, Kind::Flaky),
    )
    .first(|_| vec![tasks(FLAKY, 1)])
    .look(|_| vec![BROKER]),
    Beat::new(
        "A queue as a clock",
        "Nobody reads the waiting queue. Its messages have a *time to live*; when that is over, the broker \
         *dead-letters* them, and the address for dead letters is the task queue.",
        |world| {
            flies(world, |message| {
                matches!(message, Method::Deliver { delivery, .. }
                    if delivery.message.attempt == 1 && delivery.message.body == Kind::Flaky)
            })
        },
    )
    .midway()
    .look(consumers),
    Beat::new("What it costs", "While a task waits, later ones are done. Look at the strip at the bottom.", |world| {
        is_disordered(world) && ready(world, 1).is_empty()
    })
    .first(|_| vec![tasks(FLAKY, 1), tasks(FINE, 3)])
    .look(consumers)
    .ask(Predict {
        question: "Are the tasks done in the order in which they were published?",
        options: |_| {
            ["Yes: the others wait for it", "All but the one that failed", "No, not even the others"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if is_disordered(world) { 2 } else { 0 },
        because: "A retry breaks the order, and so do two workers. If you need order, whatever is behind must wait.",
    }),
    Beat::new(
        "Poison, with back-off",
        "Here is a poison task. Each wait is twice as long as the one before, with *jitter*: a random part, so that \
         tasks that failed together do not come back together.",
        |world| waits(world, 3, Kind::Poison),
    )
    .first(|_| vec![tasks(POISON, 1)])
    .look(|_| vec![BROKER]),
    Beat::new(
        "Given up, and kept",
        "When all retries have failed, the worker rejects the task. The queue's *dead-letter exchange* takes it to \
         a parking lot, where somebody can look at it.",
        |world| parked(world, Kind::Poison),
    )
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "With three retries, how often was the work on it tried?",
        options: |_| ["Once", "Three times", "Four times"].map(str::to_owned).to_vec(),
        answer: |world| match topology::retries(world.settings()) {
            0 => 0,
            1 | 2 => 1,
            _ => 2,
        },
        because: "The first attempt, and three retries.",
    }),
    Beat::new(
        "A task that kills",
        "This task kills whatever process takes it, and a dead process reports no failure. The quorum queue counts: \
         a task that comes back from a lost connection more often than the *delivery limit* is dead-lettered as \
         well.",
        |world| parked(world, Kind::Deadly),
    )
    .first(|_| vec![tasks(DEADLY, 1)])
    .look(consumers),
    Beat::new(
        "Straight back, without end",
        "The rule of *bounded retries* is off: a worker that fails gives the task straight back to the head of its \
         queue (basic.nack, which since RabbitMQ 4.3 does not count). Two poison tasks, two workers.",
        |world| world.is_promise_broken(STOPS_NOBODY.id) && ready(world, 0).len() >= 5,
    )
    .first(|_| vec![Input::off(rabbit::BOUNDED), tasks(POISON, 2), tasks(FINE, 5)])
    .look(consumers)
    .ask(Predict {
        question: "Who does the healthy tasks?",
        options: |_| ["Both, more slowly", "One of the workers", "Nobody"].map(str::to_owned).to_vec(),
        answer: |world| if all_poisoned(world) { 2 } else { 1 },
        because: "Each worker has a poison task, fails, sends it back, and gets it again before all others.",
    }),
];

fn all_poisoned(world: &Shop) -> bool {
    let busy = |id: &NodeId| {
        consumer(world, *id).is_some_and(|consumer| {
            !consumer.unacked.is_empty()
                && consumer.unacked.iter().all(|unacked| unacked.stored.message.body == Kind::Poison)
        })
    };
    consumers(world).iter().all(busy)
}

/// A waiting queue in which a message that expires earlier is behind one that expires later.
fn is_blocked(world: &Shop) -> bool {
    (1..PARKED).any(|queue| ready(world, queue).windows(2).any(|pair| pair[1].expires < pair[0].expires))
}

fn is_stuck(world: &Shop) -> bool {
    endless(world).is_some() && all_poisoned(world) && ready(world, 0).len() >= 20
}

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "nobody-left",
        title: "Nobody left",
        goal: "Keep every worker busy with poison while 20 tasks wait.",
        hint: "Switch bounded retries off. How many poison tasks do you need?",
        reached: is_stuck,
    },
    Challenge {
        id: "behind-a-longer-wait",
        title: "Behind a longer wait",
        goal: "Get a task into a waiting queue whose time ends before that of the one in front of it.",
        hint: "Messages expire at the head of a queue only. With jitter, not all waits in one queue are equal.",
        reached: is_blocked,
    },
    Challenge {
        id: "vanished",
        title: "Vanished",
        goal: "Make a confirmed task disappear, neither done nor parked.",
        hint: "Switch parking off, and let a task fail to the end.",
        reached: |world| lost(world).is_some(),
    },
];

const ONE_RETRY: &[(SettingId, i64)] =
    &[(rabbit::WORKERS, 1), (rabbit::RATE, 0), (rabbit::RETRIES, 1), (rabbit::DELIVERY_LIMIT, 1), (rabbit::JITTER, 0)];

/// One poison task, one worker, one power cut, which takes whatever a crash takes.
const fn hunt(settings: &'static [(SettingId, i64)]) -> Hunt<RabbitMq> {
    Hunt {
        settings,
        inputs: || vec![tasks(POISON, 1)],
        bounds: Bounds::new(1_500_000, 99, Budget::power_cuts(1)),
        within: |world| world.kernel().pending_count() < 14 && connections(world) <= 2,
    }
}

const NO_RETRY: &[(SettingId, i64)] =
    &[(rabbit::WORKERS, 1), (rabbit::RATE, 0), (rabbit::RETRIES, 0), (rabbit::DELIVERY_LIMIT, 1), (rabbit::JITTER, 0)];

/// Nobody has been silent since the broker last looked.
fn all_heard(world: &Shop) -> bool {
    host(world).is_some_and(|host| host.consumers.values().all(|consumer| consumer.heard))
}

/// The same, while nothing is wrong but the task: one connection, no silence, no crash.
const POISON_ALONE: Hunt<RabbitMq> = Hunt {
    bounds: Bounds::new(1_500_000, 99, Budget::NONE),
    within: |world| world.kernel().pending_count() < 14 && connections(world) <= 1 && all_heard(world),
    ..hunt(ONE_RETRY)
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<RabbitMq>)] = &[(rabbit::BOUNDED, POISON_ALONE), (rabbit::PARK, hunt(NO_RETRY))];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<RabbitMq> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<RabbitMq>] = &[
        Breaks { rule: rabbit::BOUNDED, promise: STOPS_NOBODY.id, way: Way::Explore },
        Breaks { rule: rabbit::PARK, promise: NOTHING_VANISHES.id, way: Way::Explore },
        Breaks { rule: rabbit::COPY_FIRST, promise: NOTHING_VANISHES.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<RabbitMq>] = &[
        Solution {
            challenge: "nobody-left",
            from: || SCENARIO.from(&[rabbit::BOUNDED], &[]),
            act: |script| {
                script.steps(20);
                script.act(tasks(POISON, 2));
                script.act(tasks(FINE, 20));
                script.until(is_stuck);
            },
        },
        Solution {
            challenge: "behind-a-longer-wait",
            from: || SCENARIO.from(&[], &[(rabbit::RATE, 0), (rabbit::TASK, 5_000)]),
            act: |script| {
                script.steps(20);
                script.act(tasks(POISON, 20));
                script.until(is_blocked);
            },
        },
        Solution {
            challenge: "vanished",
            from: || SCENARIO.from(&[rabbit::PARK], &[(rabbit::RATE, 0)]),
            act: |script| {
                script.steps(20);
                script.act(tasks(POISON, 1));
                script.until(|world| lost(world).is_some());
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
    use crate::systems::messaging::rabbitmq::BROKER;

    /// A quorum queue has flushed what it confirms: it loses nothing with the power, in whatever it was just writing.
    #[test]
    fn no_confirmed_task_is_lost_with_the_power() {
        let (mut cut, mut torn) = (0, 0);
        for seed in 0..100 {
            let mut run = Run::new(SCENARIO.world(&Origin { seed, ..Origin::default() }, &[]), Tape::default());
            storm(&mut run, SCENARIO.faults, seed, 400);
            for promise in SCENARIO.promises {
                assert!(!run.world().is_promise_broken(promise.id), "seed {seed}: {}", promise.id);
            }
            for stamped in run.branch().tape().inputs() {
                cut += u32::from(stamped.input == Input::PowerCut { node: BROKER });
                torn += u32::from(matches!(stamped.input, Input::TearWrite { node: BROKER, .. }));
            }
        }
        assert!(cut > 5 && torn > 5, "the broker lost power {cut} times, and {torn} times in the middle of a write");
    }
}
