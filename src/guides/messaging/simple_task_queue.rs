//! Simple task queue: what it takes for a confirmed task to be done, whoever crashes.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::rabbitmq::host::Settle;
use crate::systems::messaging::rabbitmq::promises::{MOVES, NOT_LOST, lost};
use crate::systems::messaging::rabbitmq::{
    self as rabbit, BROKER, FIRST, LONGEST_QUEUE, Memory, Method, PUBLISHER, RabbitMq,
};
use crate::views::rabbitmq::{
    Shop, connections, flies, held, host, numbers, publish, ready, row, unacked, unconfirmed,
};

type Beat = crate::guides::kit::tour::Beat<RabbitMq>;

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "simple-task-queue",
    title: "Simple task queue",
    guide: Guide::Messaging,
    level: 1,
    summary: "A publisher, a queue, a worker. Crash any of them: a confirmed task is still done, as long as four \
              small rules hold.",
    seed: 2,
    settings: &[(rabbit::RATE, 4), (rabbit::TASK, 150_000), (rabbit::HEARTBEAT, 500_000)],
    busy: &[(rabbit::RATE, 10)],
    fixed: &[(rabbit::WORKERS, 1), (rabbit::SLOW, 1)],
    rules: &[rabbit::ACK_AFTER, rabbit::DURABLE, rabbit::PERSISTENT, rabbit::CONFIRMS],
    commands: &[rabbit::PUBLISH],
    promises: &[NOT_LOST, MOVES],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Waiting time",
            about: "From publishing to the start of the work. A crash adds the time until it is noticed.",
            plot: Plot::Percentiles(rabbit::WAITING),
        },
        Chart {
            title: "Ready in the queue",
            about: "It fills while the worker is away.",
            plot: Plot::Level(rabbit::DEPTH),
        },
        Chart { title: "Redelivered", about: "Tasks handed out again.", plot: Plot::Rate(rabbit::REDELIVERED) },
    ],
    subject: |settings: &Settings, metric: MetricId, subject: u16| {
        if metric == rabbit::DEPTH { "ready".to_owned() } else { RabbitMq::name(settings, NodeId(subject)) }
    },
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_TASK,
    terms: &[
        ("durable", "Said of a queue that survives a restart of the broker."),
        ("persistent", "Said of a message that is kept on disk."),
        ("publisher confirm", "The broker's word that it has taken charge of a message."),
        ("publisher confirms", "The broker's words that it has taken charge of messages."),
        ("redelivered", "A flag on a message that the broker has handed out before."),
    ],
    near: &["messaging/competing-consumers", "messaging/retries-and-dead-letters"],
    versions: versions!["RabbitMQ 4.3"],
    prose: prose!("simple_task_queue.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

const WORKER: NodeId = NodeId(FIRST as u16);

/// How many cells a row has.
const SHOWN: usize = 12;

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (publisher, broker, worker, rows, shown) = match frame {
        Frame::Wide => ((130, 120), (480, 120), (830, 120), ((60, 270), (840, 200)), SHOWN),
        Frame::Narrow => ((64, 60), (200, 160), (336, 60), ((8, 270), (384, 200)), 8),
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BROKER, broker, Shape::Queue, "queue");
    mark.tone = Tone::Store;
    mark.state = format!("{} ready, {} unacked", ready(world, 0).len(), unacked(world, WORKER));
    mark.fill = Some((ready(world, 0).len() as u32, LONGEST_QUEUE as u32));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(WORKER, worker, Shape::Service, "worker");
    (mark.tone, mark.state) = match held(world, WORKER).1 {
        Some(delivery) => (Tone::Consumer, format!("works on {}", delivery.message.id)),
        None => (Tone::Neutral, "idle".to_owned()),
    };
    picture.nodes.push(mark);
    picture.link_all(&[BROKER], &[PUBLISHER, WORKER]);
    let title = "Where each task is".to_owned();
    let body = Body::Queues(whereabouts(world, shown));
    picture.figures.push(Figure { id: "tasks", at: rows.0, size: rows.1, title, body });
    picture
}

/// A row for each place in which a task may be.
fn whereabouts(world: &Shop, shown: usize) -> Vec<GridRow> {
    let sent: Vec<u32> = match world.memory(PUBLISHER) {
        Some(Memory::Publisher { unconfirmed, .. }) => unconfirmed.iter().map(|sent| sent.message.id).collect(),
        _ => Vec::new(),
    };
    let unacked = host(world).and_then(|host| host.consumers.get(&WORKER)).map(|consumer| &consumer.unacked);
    let held: Vec<_> = unacked.into_iter().flatten().map(|unacked| unacked.stored.clone()).collect();
    let mut rows = vec![
        numbers("unconfirmed", sent.into_iter(), shown, Tone::Producer),
        row("ready", ready(world, 0), shown, Tone::Store),
        row("unacked", &held, shown, Tone::Consumer),
        numbers("on disk", on_disk(world).iter().map(|stored| stored.message.id), shown, Tone::Store),
    ];
    let done = world.witness().order().iter().rev().copied();
    rows.push(numbers("done", done, shown, Tone::Fine));
    rows
}

/// What a restart of the broker would find.
fn on_disk(world: &Shop) -> &[rabbit::queue::Stored] {
    let disk = world.node(BROKER).and_then(|node| node.disk.host.as_deref());
    disk.and_then(|host| host.queues.get(&0)).map_or(&[], |queue| &queue.ready)
}

fn works(world: &Shop) -> bool {
    held(world, WORKER).1.is_some()
}

fn broker_is_up(world: &Shop) -> bool {
    world.kernel().node(BROKER).up
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A publisher, a queue, a worker",
        "The publisher has work that does not have to be done at once. It puts tasks into a queue on a broker, and \
         a worker takes them from there: watch it subscribe. The rows below show where each task is.",
        |world| on_the_way(world, |message| matches!(message, Method::Consume { .. })) > 0,
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Kept until confirmed",
        "The publisher sends a task, and keeps it. As long as the broker has said nothing, the task may be lost.",
        |world| flies(world, |message| matches!(message, Method::Publish { .. })),
    )
    .midway()
    .look(|_| vec![PUBLISHER]),
    Beat::new(
        "On disk, then confirmed",
        "The queue is *durable* and the message *persistent*: the broker writes it to disk, and then confirms it. \
         Once the publisher hears that, it may forget the task.",
        |world| flies(world, |message| matches!(message, Method::Confirm { .. })),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new("Handed out", "The worker receives the task and gets to work.", works).look(|_| vec![WORKER]).ask(
        Predict {
            question: "Is the task still on the broker's disk while the worker works on it?",
            options: |_| {
                ["No: it was handed out", "Yes, until its confirm has come", "Yes, until it is acknowledged"]
                    .map(str::to_owned)
                    .to_vec()
            },
            answer: |world| {
                let id = held(world, WORKER).1.map(|delivery| delivery.message.id);
                let is_kept = on_disk(world).iter().any(|stored| Some(stored.message.id) == id);
                if is_kept { 2 } else { 0 }
            },
            because: "It is unacknowledged: the broker keeps it until the worker says that it is done.",
        },
    ),
    Beat::new(
        "Done, then acknowledged",
        "The work is done. Only now does the worker acknowledge, and only then does the broker delete the task.",
        |world| flies(world, |message| matches!(message, Method::Settle { how: Settle::Ack, .. })),
    )
    .midway()
    .look(|_| vec![WORKER]),
    Beat::new(
        "The worker dies at work",
        "The worker's machine dies without a word. (Had only its process died, its operating system would have \
         closed the connection.) The broker notices when heartbeats stay away: it closes the connection, and the \
         task goes back to its place. Meanwhile the queue grows.",
        |world| !world.kernel().node(WORKER).up && host(world).is_some_and(|host| host.consumers.is_empty()),
    )
    .first(|_| vec![publish(4), Input::Crash { node: WORKER }])
    .look(|_| vec![WORKER, BROKER]),
    Beat::new(
        "Once more, from the start",
        "The worker is back. The broker cannot know how far it got, so it sends the task again, flagged as \
         *redelivered*: that is the r in its cell.",
        |world| flies(world, |message| matches!(message, Method::Deliver { delivery, .. } if delivery.redelivered)),
    )
    .first(|_| vec![Input::Restart { node: WORKER }])
    .midway()
    .look(|_| vec![WORKER]),
    Beat::new(
        "The broker dies",
        "Now the broker crashes. Its memory is gone, and the ready row is empty. Its disk is not.",
        |world| !broker_is_up(world),
    )
    .first(|_| vec![Input::Crash { node: BROKER }])
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "What the disk knew",
        "The broker restarts and reads its queue from disk. It no longer knows what it had handed out, so it marks \
         everything with an r. Publisher and worker reconnect on their own.",
        |world| broker_is_up(world) && !ready(world, 0).is_empty(),
    )
    .first(|_| vec![Input::Restart { node: BROKER }])
    .midway()
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "How many of the tasks that were confirmed and not done are lost?",
        options: |_| vec!["None".to_owned(), "Those that were at the worker".to_owned(), "All".to_owned()],
        answer: |world| match (lost(world).is_some(), ready(world, 0).is_empty()) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        },
        because: "Confirmed means written to disk, and not acknowledged means still there. Some may be done twice.",
    }),
    Beat::new(
        "Sent is not safe",
        "The rule of *publisher confirms* is off: the publisher sends three tasks and considers them safe. At that \
         moment the broker crashes.",
        |world| world.is_promise_broken(NOT_LOST.id),
    )
    .first(|_| {
        let off = Input::off(rabbit::CONFIRMS);
        vec![off, publish(3), Input::Crash { node: BROKER }]
    })
    .look(|_| vec![PUBLISHER, BROKER]),
];

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "done-twice",
        title: "Done twice",
        goal: "Get one task done twice, with every rule on.",
        hint: "The work is done, and the acknowledgement does not arrive. Cut a link at the right moment.",
        reached: |world| world.witness().done_twice().is_some(),
    },
    Challenge {
        id: "gone-at-restart",
        title: "Gone at a restart",
        goal: "Lose a confirmed task although its queue is durable.",
        hint: "A durable queue keeps what asks to be kept. Switch persistent messages off.",
        reached: |world| lost(world).is_some() && on_disk(world).is_empty(),
    },
    Challenge {
        id: "taken-along",
        title: "Taken along",
        goal: "Lose a confirmed task in a crash of the worker.",
        hint: "Which rule keeps the task on the broker until the work is done?",
        reached: |world| lost(world).is_some() && !world.kernel().node(WORKER).up,
    },
];

/// One task, one worker, one crash.
const ONE_TASK: Hunt<RabbitMq> = Hunt {
    settings: &[(rabbit::RATE, 0)],
    inputs: || vec![publish(1)],
    bounds: Bounds::new(2_000_000, 99, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 14 && connections(world) <= 2,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<RabbitMq> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<RabbitMq>] = &[
        Breaks { rule: rabbit::ACK_AFTER, promise: NOT_LOST.id, way: Way::Explore },
        Breaks { rule: rabbit::DURABLE, promise: NOT_LOST.id, way: Way::Explore },
        Breaks { rule: rabbit::PERSISTENT, promise: NOT_LOST.id, way: Way::Explore },
        Breaks { rule: rabbit::CONFIRMS, promise: NOT_LOST.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<RabbitMq>] = &[
        Solution {
            challenge: "done-twice",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(works);
                script.act(Input::Cut { from: WORKER, to: BROKER });
                script.until(|world| !works(world));
                script.act(Input::Heal { from: WORKER, to: BROKER });
                script.until(|world| world.witness().done_twice().is_some());
            },
        },
        Solution {
            challenge: "gone-at-restart",
            from: || SCENARIO.from(&[rabbit::PERSISTENT], &[]),
            act: |script| {
                script.act(publish(5));
                script.until(|world| unconfirmed(world) == 0 && ready(world, 0).len() >= 3);
                script.act(Input::Crash { node: BROKER });
                script.until(|world| lost(world).is_some());
            },
        },
        Solution {
            challenge: "taken-along",
            from: || SCENARIO.from(&[rabbit::ACK_AFTER], &[]),
            act: |script| {
                script.until(|world| works(world) && unacked(world, WORKER) == 0);
                script.act(Input::Crash { node: WORKER });
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

    /// In how many of a hundred storms a confirmed task is lost.
    fn losses(faults: FaultModel) -> usize {
        let is_lost = |seed: &u64| {
            let mut run = Run::new(SCENARIO.world(&Origin { seed: *seed, ..Origin::default() }, &[]), Tape::default());
            storm(&mut run, faults, *seed, 400);
            run.world().is_promise_broken(NOT_LOST.id)
        };
        (0..100).filter(is_lost).count()
    }

    /// Why the scenario promises nothing under power cuts: its queue is a classic one.
    #[test]
    fn a_classic_queue_loses_confirmed_tasks_with_the_power() {
        assert_eq!(losses(SCENARIO.faults), 0);
        let lost = losses(FaultModel { power_cut: true, ..SCENARIO.faults });
        assert!(lost > 10, "{lost}");
    }
}
