//! Broadcast fan-out: one message, a copy for every service.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Guide, Hunt, Plot, Predict, Scenario, Way, no_inputs, node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Figure, Frame, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::Input;
use crate::systems::messaging::rabbitmq::promises::{EVERY_SERVICE, SERVICES_MOVE, missed};
use crate::systems::messaging::rabbitmq::topology;
use crate::systems::messaging::rabbitmq::{self as rabbit, BROKER, FIRST, Method, PUBLISHER, RabbitMq};
use crate::views::rabbitmq::{
    Shop, connections, consumers, fields, flies, held, host, inspect, look, numbers, origin, publish, ready, row,
    unconfirmed,
};

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "fan-out",
    title: "Broadcast fan-out",
    guide: Guide::Messaging,
    level: 1,
    summary: "One order, three services that must all hear of it. With a queue for each, none waits for another; with one \
              queue for all, each gets a part.",
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
    impossible: false,
    // Links are TCP connections: what they carry is neither lost nor doubled nor reordered while they stand.
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
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_ORDER,
    breaks: BREAKS,
    prose: prose!("fan_out.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        rabbit::DEPTH => topology::SERVICES.get(usize::from(subject)).map_or("?", |name| name).to_owned(),
        _ => node_subject::<RabbitMq>(settings, metric, subject),
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
    mark.state = if queues == 1 { "1 queue bound".to_owned() } else { format!("{queues} queues bound") };
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
    Figure {
        id: STRIPS[index % STRIPS.len()],
        at: (left, top),
        size: (width, 84),
        title,
        body: Body::Grid { first: 1, rows },
    }
}

fn deliveries(world: &Shop) -> usize {
    world.flights().filter(|flight| matches!(flight.message, Method::Deliver { .. })).count()
}

const TOUR: &[Beat<RabbitMq>] = &[
    Beat {
        title: "One order, many services",
        say: "An order must reach billing, shipping and search. The publisher sends it once, to a *fanout* exchange. Each \
              service has bound a queue of its own.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: consumers,
        predict: None,
    },
    Beat {
        title: "A copy for each",
        say: "A message comes in. The exchange asks for no key: every queue that is bound to it gets a copy.",
        inputs: |_| vec![publish(1)],
        until: |world| deliveries(world) >= 2,
        look: |_| vec![BROKER],
        predict: None,
    },
    Beat {
        title: "Each at its own pace",
        say: "Billing takes six times as long as the others. Ten orders come at once.",
        inputs: |_| vec![publish(10)],
        until: |world| ready(world, 0).len() >= 6 && ready(world, 1).is_empty(),
        look: |_| vec![BILLING],
        predict: Some(Predict {
            question: "Do shipping and search wait for billing?",
            options: |_| vec!["They wait".to_owned(), "They do not".to_owned()],
            answer: |world| usize::from(ready(world, 1).is_empty()),
            because: "A queue is a copy of the stream. Who is slow has a long queue, and that is all.",
        }),
    },
    Beat {
        title: "A service is away",
        say: "Shipping crashes, and the orders go on. Its queue is the broker's, not the service's: it collects.",
        inputs: |_| vec![Input::Crash { node: SHIPPING }, publish(5)],
        until: |world| ready(world, 1).len() >= 5,
        look: |_| vec![SHIPPING],
        predict: None,
    },
    Beat {
        title: "It catches up",
        say: "Shipping is back, and finds what it has missed.",
        inputs: |_| vec![Input::Restart { node: SHIPPING }],
        until: |world| world.kernel().node(SHIPPING).up && ready(world, 1).is_empty(),
        look: |_| vec![SHIPPING],
        predict: None,
    },
    Beat {
        title: "One queue for all",
        say: "The rule of *a queue per service* is off: only one queue is bound, and all three services consume from it. Six \
              orders.",
        inputs: |_| vec![Input::Rule { rule: rabbit::QUEUE_EACH, on: false }, publish(6)],
        until: |world| world.is_promise_broken(EVERY_SERVICE.id),
        look: consumers,
        predict: Some(Predict {
            question: "How many services get each of the six?",
            options: |_| vec!["All three".to_owned(), "One".to_owned()],
            answer: |world| usize::from(missed(world).is_some()),
            because: "Consumers of one queue compete. A queue hands each message to one of them, and then deletes it.",
        }),
    },
];

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "far-behind",
        title: "Far behind",
        goal: "Have 30 messages wait for billing and none for shipping.",
        hint: "Billing is slow. Send more than it can do.",
        reached: far_behind,
        origin: || origin(SCENARIO.seed, &[], &[]),
        solve: |script| {
            script.act(publish(50));
            script.until(far_behind);
        },
    },
    Challenge {
        id: "not-at-home",
        title: "Not at home",
        goal: "Have a service miss a confirmed message because it was away.",
        hint: "An exclusive queue goes with its connection. Switch off that queues outlive it, and crash a service.",
        reached: |world| missed(world).is_some_and(|(_, service)| !world.kernel().node(service).up),
        origin: || origin(SCENARIO.seed, &[rabbit::OUTLIVES], &[]),
        solve: |script| {
            script.until(|world| flies(world, |message| matches!(message, Method::Deliver { .. })));
            script.act(Input::Crash { node: BILLING });
            script.until(|world| missed(world).is_some());
        },
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

const BREAKS: &[Breaks<RabbitMq>] = &[
    Breaks { rule: rabbit::QUEUE_EACH, promise: EVERY_SERVICE.id, way: Way::Explore(ONE_ORDER) },
    Breaks { rule: rabbit::OUTLIVES, promise: EVERY_SERVICE.id, way: Way::Explore(SILENCE) },
    Breaks { rule: rabbit::DURABLE, promise: EVERY_SERVICE.id, way: Way::Explore(ONE_ORDER) },
    Breaks { rule: rabbit::ACK_AFTER, promise: EVERY_SERVICE.id, way: Way::Explore(ONE_ORDER) },
];
