//! Competing consumers: one queue, several workers, and what prefetch and acknowledgements are for.

use crate::guides::kit::prelude::*;
use crate::sim::numbers::waiting;
use crate::systems::messaging::rabbitmq::promises::{FAIR, MOVES, NOT_LOST};
use crate::systems::messaging::rabbitmq::{
    self as rabbit, BROKER, Delivery, FIRST, LONGEST_QUEUE, Method, PUBLISHER, RabbitMq,
};
use crate::views::rabbitmq::{
    Shop, connections, consumer, consumers as workers, flies, has_cancelled, held, number, publish, publish_urgent,
    ready, row, unacked, unconfirmed,
};

type Beat = crate::guides::kit::tour::Beat<RabbitMq>;

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "competing-consumers",
    title: "Competing consumers",
    guide: Guide::Messaging,
    level: 2,
    summary: "One queue of tasks, several workers, and one of them is slow. Whether the others have to wait for it \
              is decided by a single number: the prefetch.",
    seed: 5,
    settings: &[
        (rabbit::WORKERS, 3),
        (rabbit::PREFETCH, 10),
        (rabbit::RATE, 20),
        (rabbit::TASK, 80_000),
        (rabbit::SLOW, 4),
        (rabbit::HEARTBEAT, 500_000),
        (rabbit::BURSTS, 0),
    ],
    rules: &[rabbit::PREFETCH_ONE, rabbit::ACK_AFTER, rabbit::REQUEUE, rabbit::CONFIRM_AFTER_DISK],
    commands: &[rabbit::PUBLISH, rabbit::NACK, rabbit::URGENT, rabbit::CANCEL, rabbit::CONSUME],
    promises: &[FAIR, NOT_LOST, MOVES],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Waiting time",
            about: "From publishing to the start of the work. With a large prefetch it depends on the slow worker.",
            plot: Plot::Percentiles(rabbit::WAITING),
        },
        Chart {
            title: "Ready tasks in the queue",
            about: "A large prefetch empties it, but no task is done sooner.",
            plot: Plot::Level(rabbit::DEPTH),
        },
        Chart {
            title: "Share of the work",
            about: "With prefetch 1 the slow worker gets what it can handle.",
            plot: Plot::Share(rabbit::DONE),
        },
        Chart { title: "Unacknowledged", about: "What each worker holds.", plot: Plot::Level(rabbit::UNACKED) },
        Chart { title: "Redelivered", about: "Tasks handed out again.", plot: Plot::Rate(rabbit::REDELIVERED) },
        Chart {
            title: "Waiting time, urgent tasks apart",
            about: "19 tasks out of 20 waited less. Urgent ones overtake what waits in the queue.",
            plot: Plot::PercentileOfEach(rabbit::WAITING_APART),
        },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_TASKS,
    terms: &[
        ("acknowledgement", "A consumer's word to the broker that a message has been dealt with."),
        ("prefetch", "How many unacknowledged messages a broker lets a consumer hold."),
    ],
    before: &["messaging/simple-task-queue"],
    near: &["messaging/jetstream-work-queue", "resilience/load-balancing"],
    versions: versions!["RabbitMQ 4.3"],
    prose: prose!("competing_consumers.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: crate::sim::measure::metrics::MetricId, subject: u16) -> String {
    match (metric, subject) {
        (rabbit::DEPTH, _) => "ready".to_owned(),
        (rabbit::WAITING_APART, 0) => "the others".to_owned(),
        (rabbit::WAITING_APART, _) => "urgent".to_owned(),
        _ => RabbitMq::name(settings, NodeId(subject)),
    }
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = workers(world);
    let (publisher, broker, places, queue, holds) = match frame {
        Frame::Wide => {
            let places = Area::new(520, 20, 120, 520).column(all.len());
            ((80, 200), (300, 200), places, ((20, 320), (400, 110)), ((660, 40), (290, 480)))
        }
        Frame::Narrow => {
            let first = Area::new(4, 130, 392, 74).row(all.len().min(3));
            let second = Area::new(4, 228, 392, 74).row(all.len().saturating_sub(3));
            let places = first.into_iter().chain(second).collect();
            ((66, 56), (270, 56), places, ((8, 322), (384, 66)), ((8, 396), (384, 160)))
        }
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BROKER, broker, Shape::Queue, "queue");
    mark.tone = Tone::Store;
    mark.state = format!("{} ready", ready(world, 0).len());
    mark.fill = Some((ready(world, 0).len() as u32, LONGEST_QUEUE as u32));
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(worker(world, *id, at));
    }
    picture.link_all(&[BROKER], &[PUBLISHER]);
    picture.link_all(&[BROKER], &all);
    for link in &mut picture.links {
        link.dashed = has_cancelled(world, link.b);
    }
    picture.figures.push(queue_cells(world, queue.0, queue.1));
    picture.figures.push(held_cells(world, holds.0, holds.1));
    picture
}

fn worker(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, RabbitMq::name(world.settings(), id));
    let (buffer, working) = held(world, id);
    let cancelled = has_cancelled(world, id);
    (mark.tone, mark.state) = match (working, cancelled) {
        (Some(task), true) => (Tone::Consumer, format!("task {}, cancelled", number(&task.message))),
        (Some(task), false) => {
            let tone = if task.message.priority > 0 { Tone::Active } else { Tone::Consumer };
            (tone, format!("task {}, {}", number(&task.message), waiting(buffer.len() as u64)))
        }
        (None, true) => (Tone::Off, "cancelled".to_owned()),
        (None, false) => (Tone::Neutral, "idle".to_owned()),
    };
    mark
}

/// How many ready tasks are drawn.
const SHOWN: usize = 10;

fn queue_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let tasks = ready(world, 0);
    let more = tasks.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    let legend = if tasks.iter().any(|stored| stored.message.priority > 0) { "; ^ is urgent" } else { "" };
    let title = format!("Next in the queue{rest}{legend}");
    let rows = vec![row("", tasks, SHOWN, Tone::Store)];
    Figure { id: "queue", at, size, title, body: Body::Queues(rows) }
}

fn held_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let most = workers(world).iter().map(|id| unacked(world, *id)).max().unwrap_or(0).max(10) as u32;
    let bar = |id: &NodeId| {
        let held = unacked(world, *id);
        let again = consumer(world, *id)
            .map_or(0, |known| known.unacked.iter().filter(|unacked| unacked.stored.redelivered).count());
        let done = world.metrics().total(rabbit::DONE, id.0);
        let text =
            if again > 0 { format!("{held} · {done}, {again} redelivered") } else { format!("{held} · {done}") };
        let tone = if held > 1 { Tone::Risk } else { Tone::Consumer };
        Bar { label: RabbitMq::name(world.settings(), *id), value: held as u32, full: most, text, tone }
    };
    let title = "Unacknowledged · done so far".to_owned();
    Figure { id: "held", at, size, title, body: Body::Bars(workers(world).iter().map(bar).collect()) }
}

fn first_worker(_: &Shop) -> Vec<NodeId> {
    vec![NodeId::from(FIRST)]
}

fn all_busy(world: &Shop) -> bool {
    workers(world).iter().all(|id| held(world, *id).1.is_some())
}

fn hoards(world: &Shop) -> bool {
    held(world, NodeId::from(FIRST)).0.len() >= 5
}

/// How many tasks that were published earlier wait in the queue while a worker is at an urgent one.
fn overtaken(world: &Shop) -> usize {
    let older = |delivery: &Delivery| ready(world, 0).iter().filter(|one| one.message.id < delivery.message.id).count();
    let urgent = workers(world).into_iter().filter_map(|id| held(world, id).1).filter(|task| task.message.priority > 0);
    urgent.map(older).max().unwrap_or(0)
}

/// How many tasks without a priority a worker has before an urgent one.
fn urgent_behind(world: &Shop) -> usize {
    let behind = |id: NodeId| held(world, id).0.iter().position(|delivery| delivery.message.priority > 0);
    workers(world).into_iter().filter_map(behind).max().unwrap_or(0)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A queue and three workers",
        "A publisher sends tasks to a queue. Three workers compete for them: each task goes to one. Watch them say \
         that they are here. Worker 1 takes four times as long as the others.",
        |world| on_the_way(world, |message| matches!(message, Method::Consume { .. })) == 3,
    )
    .midway()
    .look(workers),
    Beat::new(
        "Safe before it is done",
        "The queue writes a task to disk and confirms it. From then on the broker is responsible for it.",
        |world| flies(world, |message| matches!(message, Method::Confirm { .. })),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "One at a time",
        "We pause the publisher's own tasks, and send a burst of 12. With *prefetch* 1 a worker gets its next task \
         only after it has acknowledged the one before. The rest wait in the queue, where anyone can take them.",
        |world| all_busy(world) && ready(world, 0).len() >= 5,
    )
    .first(|_| vec![Input::set(rabbit::RATE, 0), publish(12)])
    .look(|_| vec![BROKER]),
    Beat::new(
        "Who gets the next one?",
        "Nobody decides who should have how many: each acknowledgement brings the next task. Worker 1 takes four times \
         as long. Look for the counts of what is done.",
        |world| ready(world, 0).is_empty(),
    )
    .look(first_worker)
    .ask(Predict {
        question: "Of the twelve tasks, how many will worker 1 have begun?",
        options: |_| ["Four: its share", "One or two", "None: the others are quicker"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(world.metrics().total(rabbit::DONE, NodeId::from(FIRST).0) < 4),
        because: "A quick worker acknowledges sooner, and each acknowledgement makes the broker send the next task.",
    }),
    Beat::new(
        "A worker dies at work",
        "Worker 2 is in the middle of a task when its machine loses power. It has not acknowledged the task, so the \
         broker still has it.",
        |world| flies(world, |message| matches!(message, Method::Deliver { delivery, .. } if delivery.redelivered)),
    )
    .first(|_| vec![publish(6), Input::Crash { node: NodeId::from(FIRST + 1) }])
    .midway()
    .look(|_| vec![NodeId::from(FIRST + 1)])
    .ask(Predict {
        question: "What tells the broker that this worker is gone?",
        options: |_| ["Its closed connection", "Missing heartbeats", "The task's time-out"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "A dead machine says nothing. Once heartbeats are missing, the broker closes the connection, and \
                  the task returns to the queue. Had only the process died, its operating system would have closed \
                  the connection at once.",
    }),
    Beat::new(
        "Done again, perhaps",
        "The task comes with the flag *redelivered*. It may have been half done, or done but not acknowledged. That \
         is what at least once means, and the worker must cope with it.",
        |world| workers(world).iter().all(|id| world.kernel().node(*id).up && held(world, *id).1.is_some()),
    )
    .first(|_| vec![Input::Restart { node: NodeId::from(FIRST + 1) }, publish(6)])
    .look(workers),
    Beat::new(
        "Now with a prefetch of 10",
        "The rule is off: the broker pushes up to ten tasks to a worker. The queue is empty at once, and the tasks sit \
         in the workers' buffers. Watch the first promise.",
        |world| world.is_promise_broken(FAIR.id),
    )
    .first(|_| vec![Input::off(rabbit::PREFETCH_ONE), publish(12)])
    .look(first_worker)
    .ask(Predict {
        question: "Twelve tasks arrive at once. Are they done sooner than with prefetch 1?",
        options: |_| ["Sooner", "At the same time", "Later"].map(str::to_owned).to_vec(),
        answer: |world| if world.is_promise_broken(FAIR.id) { 2 } else { 0 },
        because: "The quick workers run out of tasks while the slow one still has a buffer full.",
    }),
    Beat::new(
        "Urgent tasks",
        "Prefetch is 1 again. Fifteen tasks wait when two more come, marked ^: their priority is 4. The queue was \
         declared with priorities.",
        |world| overtaken(world) > 0,
    )
    .first(|_| vec![Input::Rule { rule: rabbit::PREFETCH_ONE, on: true }, publish(15), publish_urgent(2, 4)])
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "When does the first of them get its worker?",
        options: |_| vec!["In its turn".to_owned(), "Before the tasks that wait".to_owned(), "At once".to_owned()],
        answer: |world| usize::from(overtaken(world) > 0),
        because: "The queue hands out the highest priority first. It takes no task away from a worker for it.",
    }),
];

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "done-twice",
        title: "Done twice",
        goal: "Get one task done by two workers.",
        hint: "A worker that is cut off from the broker goes on working. What becomes of its acknowledgement?",
        reached: |world| world.witness().done_twice().is_some(),
    },
    Challenge {
        id: "hoard",
        title: "A hoard",
        goal: "Get worker 1 to sit on at least five waiting tasks while another worker has nothing to do.",
        hint: "Switch prefetch 1 off, make worker 1 very slow, and send a burst.",
        reached: |world| hoards(world) && world.is_promise_broken(FAIR.id),
    },
    Challenge {
        id: "lost-task",
        title: "A lost task",
        goal: "Make a confirmed task vanish without being done.",
        hint: "When a worker that acknowledges on arrival crashes, everything it holds is lost.",
        reached: |world| rabbit::promises::lost(world).is_some(),
    },
    Challenge {
        id: "overtake",
        title: "Overtaken",
        goal: "Get a worker to work on an urgent task while ten tasks that were published before it still wait.",
        hint: "Priorities only order what waits in the queue. Let many tasks wait first.",
        reached: |world| overtaken(world) >= 10,
    },
    Challenge {
        id: "urgent-waits",
        title: "Urgent, and waiting",
        goal: "Make an urgent task wait in a worker's buffer behind five that are not.",
        hint: "A priority counts only in the queue. What takes tasks out of the queue before anybody works on them?",
        reached: |world| urgent_behind(world) >= 5,
    },
];

/// Two tasks, two workers, one crash.
const TWO_TASKS: Hunt<RabbitMq> = Hunt {
    settings: &[(rabbit::WORKERS, 2), (rabbit::RATE, 0)],
    inputs: || vec![publish(1)],
    bounds: Bounds::new(4_000_000, 99, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 14 && connections(world) <= 3,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<RabbitMq> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<RabbitMq>] = &[
        Breaks {
            rule: rabbit::PREFETCH_ONE,
            promise: FAIR.id,
            way: Way::Schedules {
                settings: &[],
                events: 600,
                reason: "A task waits too long only if time counts: in the explorer no worker is slow.",
            },
        },
        Breaks { rule: rabbit::ACK_AFTER, promise: NOT_LOST.id, way: Way::Explore },
        Breaks { rule: rabbit::REQUEUE, promise: NOT_LOST.id, way: Way::Explore },
        Breaks { rule: rabbit::CONFIRM_AFTER_DISK, promise: NOT_LOST.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<RabbitMq>] = &[
        Solution {
            challenge: "done-twice",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| held(world, NodeId::from(FIRST)).1.is_some());
                let worker = NodeId::from(FIRST);
                script.act(Input::Cut { from: worker, to: BROKER });
                script.until(|world| world.witness().done_twice().is_some());
            },
        },
        Solution {
            challenge: "hoard",
            from: || SCENARIO.from(&[rabbit::PREFETCH_ONE], &[(rabbit::RATE, 0), (rabbit::SLOW, 12)]),
            act: |script| {
                script.steps(30);
                script.act(publish(30));
                script.until(|world| hoards(world) && world.is_promise_broken(FAIR.id));
            },
        },
        Solution {
            challenge: "lost-task",
            from: || SCENARIO.from(&[rabbit::ACK_AFTER], &[]),
            act: |script| {
                let worker = NodeId::from(FIRST);
                script.until(|world| held(world, worker).1.is_some() && unacked(world, worker) == 0);
                script.act(Input::Crash { node: worker });
                script.until(|world| rabbit::promises::lost(world).is_some());
            },
        },
        Solution {
            challenge: "overtake",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.steps(30);
                script.act(publish(20));
                script.until(|world| ready(world, 0).len() >= 15);
                script.act(publish_urgent(1, 4));
                script.until(|world| overtaken(world) >= 10);
            },
        },
        Solution {
            challenge: "urgent-waits",
            from: || SCENARIO.from(&[rabbit::PREFETCH_ONE], &[(rabbit::RATE, 0)]),
            act: |script| {
                script.steps(30);
                script.act(publish(24));
                script.act(publish_urgent(3, 4));
                script.until(|world| urgent_behind(world) >= 5);
            },
        },
    ];
}
