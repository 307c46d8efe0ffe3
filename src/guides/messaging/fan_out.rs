//! Broadcast fan-out: one message, a copy for every service.

use crate::guides::kit::prelude::*;
use crate::sim::numbers::counted;
use crate::systems::messaging::rabbitmq::promises::{EVERY_SERVICE, SERVICES_MOVE, missed};
use crate::systems::messaging::rabbitmq::{self as rabbit, BROKER, FIRST, Method, PUBLISHER, RabbitMq, topology};
use crate::views::rabbitmq::{Shop, connections, consumers, held, host, numbers, publish, ready, row, unconfirmed};

type Beat = crate::guides::kit::tour::Beat<RabbitMq>;

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "fan-out",
    title: "Broadcast fan-out",
    guide: Guide::Messaging,
    level: 1,
    summary: "One order, three services that must all hear of it. With a queue for each, none waits for another; \
              with one queue for all, each gets only some of the orders.",
    seed: 3,
    settings: &[
        (rabbit::SERVICES, 3),
        (rabbit::RATE, 4),
        (rabbit::TASK, 60_000),
        (rabbit::SLOW, 6),
        (rabbit::HEARTBEAT, 500_000),
    ],
    busy: &[(rabbit::RATE, 10)],
    fixed: &[(rabbit::TOPOLOGY, 2)],
    rules: &[rabbit::QUEUE_EACH, rabbit::OUTLIVES, rabbit::DURABLE, rabbit::ACK_AFTER],
    commands: &[rabbit::PUBLISH],
    promises: &[EVERY_SERVICE, SERVICES_MOVE],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Ready in each queue",
            about: "The slow service's queue grows; the others do not notice.",
            plot: Plot::Level(rabbit::DEPTH),
        },
        Chart {
            title: "Waiting time of each service",
            about: "From publishing to the start of the work.",
            plot: Plot::PercentileOfEach(rabbit::WAITING),
        },
        Chart { title: "Done by each", about: "All do the same messages.", plot: Plot::Rate(rabbit::DONE) },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_ORDER,
    without: &[(rabbit::OUTLIVES, SILENCE)],
    terms: &[("fanout", "An exchange that gives every bound queue a copy.")],
    near: &["messaging/topic-routing", "messaging/event-log"],
    versions: versions!["RabbitMQ 4.3"],
    prose: prose!("fan_out.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        rabbit::DEPTH => topology::SERVICES.get(usize::from(subject)).map_or("?", |name| name).to_owned(),
        _ => RabbitMq::name(settings, NodeId(subject)),
    }
}

const BILLING: NodeId = NodeId(FIRST as u16);

const SHIPPING: NodeId = NodeId(FIRST as u16 + 1);

/// The names of the strips, by service.
const STRIPS: [&str; 5] = ["strip 1", "strip 2", "strip 3", "strip 4", "strip 5"];

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = consumers(world);
    let (publisher, broker, services) = match frame {
        Frame::Wide => ((90, 280), (300, 280), Area::new(450, 10, 140, 540).column(all.len())),
        Frame::Narrow => ((66, 44), (300, 44), Area::new(4, 100, 124, 456).column(all.len())),
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BROKER, broker, Shape::Broker, "fanout");
    mark.tone = Tone::Store;
    let queues = host(world).map_or(0, |host| host.bindings.len());
    mark.state = format!("{} bound", counted(queues as u64, "queue"));
    picture.nodes.push(mark);
    for (index, (id, at)) in all.iter().zip(services).enumerate() {
        let mut mark = NodeMark::new(*id, at, Shape::Service, RabbitMq::name(world.settings(), *id));
        (mark.tone, mark.state) = match held(world, *id).1 {
            Some(delivery) => (Tone::Consumer, format!("works on {}", delivery.message.id)),
            None => (Tone::Neutral, "idle".to_owned()),
        };
        picture.nodes.push(mark);
        picture.figures.push(strip(world, index, at, frame));
    }
    picture.link_all(&[BROKER], &[PUBLISHER]);
    picture.link_all(&[BROKER], &all);
    picture
}

/// A service's queue, and what it has done.
fn strip(world: &Shop, index: usize, at: (i32, i32), frame: Frame) -> Figure {
    let (left, width, shown) = match frame {
        Frame::Wide => (600, 350, 10),
        Frame::Narrow => (136, 260, 8),
    };
    let queue = index as u8;
    let waiting = ready(world, queue);
    let rows = vec![
        row("queue", waiting, shown, Tone::Store),
        numbers("done", world.witness().done_by(index), shown, Tone::Fine),
    ];
    let title = match host(world).is_some_and(|host| host.queues.contains_key(&queue)) {
        true => format!("{} ready", waiting.len()),
        false => "No queue".to_owned(),
    };
    let top = at.1 - 42;
    Figure { id: STRIPS[index % STRIPS.len()], at: (left, top), size: (width, 84), title, body: Body::Queues(rows) }
}

fn deliveries(world: &Shop) -> usize {
    world.flights().filter(|flight| matches!(flight.message, Method::Deliver { .. })).count()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One order, many services",
        "An order must reach billing, shipping and search. The publisher sends it once, to a *fanout* exchange. \
         Each service has bound a queue of its own. Watch all three report in.",
        |world| on_the_way(world, |message| matches!(message, Method::Consume { .. })) == 3,
    )
    .midway()
    .look(consumers),
    Beat::new(
        "A copy for each",
        "A message comes in. The exchange asks for no key: every queue that is bound to it gets a copy.",
        |world| deliveries(world) >= 2,
    )
    .first(|_| vec![publish(1)])
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Billing is slow",
        "Billing takes six times as long as the others. From here on only the orders of this tour come: five at \
         once.",
        |world| ready(world, 0).len() >= 3 && ready(world, 1).is_empty(),
    )
    .first(|_| vec![Input::set(rabbit::RATE, 0), publish(5)])
    .look(|_| vec![BILLING])
    .ask(Predict {
        question: "Do shipping and search wait for billing?",
        options: |_| ["Yes, until billing is done", "Once billing's queue is full", "No"].map(str::to_owned).to_vec(),
        answer: |world| if ready(world, 1).is_empty() { 2 } else { 0 },
        because: "Each service has its own queue, with its own copies. A slow service has a long queue, and that is \
                  all.",
    }),
    Beat::new(
        "A service is away",
        "Shipping crashes, and orders keep coming. Its queue belongs to the broker, not to the service: it goes on \
         collecting.",
        |world| ready(world, 1).len() >= 3,
    )
    .first(|_| vec![Input::Crash { node: SHIPPING }, publish(3)])
    .midway()
    .look(|_| vec![SHIPPING]),
    Beat::new("It catches up", "Shipping is back, and finds what it has missed.", |world| {
        world.kernel().node(SHIPPING).up && (0..3).all(|service| ready(world, service).is_empty())
    })
    .first(|_| vec![Input::Restart { node: SHIPPING }])
    .look(|_| vec![SHIPPING]),
    Beat::new(
        "One queue for all",
        "The rule of *a queue per service* is off: only one queue is bound, and all three services consume from it. \
         Six orders.",
        |world| world.is_promise_broken(EVERY_SERVICE.id),
    )
    .first(|_| vec![Input::off(rabbit::QUEUE_EACH), publish(6)])
    .look(consumers)
    .ask(Predict {
        question: "How many services get each of the six?",
        options: |_| ["All three", "Two", "One"].map(str::to_owned).to_vec(),
        answer: |world| if missed(world).is_some() { 2 } else { 0 },
        because: "Consumers of one queue compete: it hands each message to one of them, and deletes it afterwards.",
    }),
];

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "far-behind",
        title: "Far behind",
        goal: "Get 30 messages to wait for billing and none for shipping.",
        hint: "Billing is slow. Send more than it can handle.",
        reached: far_behind,
    },
    Challenge {
        id: "not-at-home",
        title: "Not at home",
        goal: "Make a service miss a confirmed message because it was away.",
        hint: "An exclusive queue vanishes with its connection. Switch off the rule that the queue outlives it, and \
               crash a service.",
        reached: |world| missed(world).is_some_and(|(_, service)| !world.kernel().node(service).up),
    },
];

fn far_behind(world: &Shop) -> bool {
    ready(world, 0).len() >= 30 && ready(world, 1).is_empty()
}

/// One message, two services, one crash.
const ONE_ORDER: Hunt<RabbitMq> = Hunt {
    settings: &[(rabbit::SERVICES, 2), (rabbit::RATE, 0)],
    inputs: || vec![publish(1)],
    bounds: Bounds::new(1_500_000, 99, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() < 14 && connections(world) <= 2,
};

/// The same without a crash: the broker hears nothing of a service, and closes its connection.
const SILENCE: Hunt<RabbitMq> = Hunt { bounds: Bounds::new(1_500_000, 99, Budget::NONE), ..ONE_ORDER };

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::rabbitmq::flies;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<RabbitMq> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<RabbitMq>] = &[
        Breaks { rule: rabbit::QUEUE_EACH, promise: EVERY_SERVICE.id, way: Way::Explore },
        Breaks { rule: rabbit::OUTLIVES, promise: EVERY_SERVICE.id, way: Way::Explore },
        Breaks { rule: rabbit::DURABLE, promise: EVERY_SERVICE.id, way: Way::Explore },
        Breaks { rule: rabbit::ACK_AFTER, promise: EVERY_SERVICE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<RabbitMq>] = &[
        Solution {
            challenge: "far-behind",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(publish(50));
                script.until(far_behind);
            },
        },
        Solution {
            challenge: "not-at-home",
            from: || SCENARIO.from(&[rabbit::OUTLIVES], &[]),
            act: |script| {
                script.until(|world| flies(world, |message| matches!(message, Method::Deliver { .. })));
                script.act(Input::Crash { node: BILLING });
                script.until(|world| missed(world).is_some());
            },
        },
    ];
}
