//! Topic routing: exchanges, bindings, and the words that decide where a message goes.

use crate::guides::kit::prelude::*;
use crate::sim::declare::text;
use crate::sim::numbers::{counted, waiting};
use crate::systems::messaging::rabbitmq::exchange::{self, Binding};
use crate::systems::messaging::rabbitmq::message::Envelope;
use crate::systems::messaging::rabbitmq::promises::{EXACT, NOT_DROPPED, SERVICES_MOVE};
use crate::systems::messaging::rabbitmq::topology::DESKS;
use crate::systems::messaging::rabbitmq::{
    self as rabbit, BROKER, FIRST, Memory, Method, PUBLISHER, RabbitMq, Routing,
};
use crate::views::rabbitmq::{Shop, command, connections, consumer, consumers, flies, held, ready, row, unconfirmed};

type Beat = crate::guides::kit::tour::Beat<RabbitMq>;

/// The scenario.
pub static SCENARIO: Scenario<RabbitMq> = Scenario {
    slug: "topic-routing",
    title: "Topic routing",
    guide: Guide::Messaging,
    level: 2,
    summary: "A message says in words what it is; queues say what they want, with * and #. Read one wildcard \
              wrongly, and a queue gets what nobody bound it to.",
    seed: 4,
    settings: &[(rabbit::RATE, 3), (rabbit::TASK, 100_000), (rabbit::HEARTBEAT, 1_000_000)],
    busy: &[(rabbit::RATE, 20)],
    fixed: &[(rabbit::TOPOLOGY, 1), (rabbit::SLOW, 1)],
    rules: &[rabbit::STAR, rabbit::HASH, rabbit::ONCE, rabbit::ALL_HEADERS, rabbit::MANDATORY],
    commands: &[rabbit::ROUTE, rabbit::BIND, rabbit::UNBIND],
    promises: &[EXACT, NOT_DROPPED, SERVICES_MOVE],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Routed into each queue",
            about: "The audit desk is bound with #: it gets every topic message.",
            plot: Plot::Share(rabbit::ROUTED),
        },
        Chart {
            title: "Ready in each queue",
            about: "A queue fills while its desk is away.",
            plot: Plot::Level(rabbit::DEPTH),
        },
    ],
    subject: |_: &Settings, _: MetricId, queue: u16| DESKS.get(usize::from(queue)).map_or("?", |name| name).to_owned(),
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: hunt(|| vec![topic("orders.eu.failed"), headers(1, 0)]),
    without: WITHOUT,
    terms: &[
        ("bindings", "What ties a queue to an exchange, with a key or headers to match."),
        (
            "exchange",
            "Where publishers send messages; it passes copies on to the queues whose bindings match, and keeps \
             nothing.",
        ),
        (
            "exchanges",
            "Where publishers send messages; they pass copies on to the queues whose bindings match, and keep \
             nothing.",
        ),
        ("mandatory", "Said of a message that is returned to the publisher when no queue takes it."),
        ("routing key", "The words by which a message is routed."),
    ],
    before: &["messaging/fan-out"],
    near: &["messaging/fire-and-forget"],
    versions: versions!["RabbitMQ 4.3"],
    prose: prose!("topic_routing.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

/// Publishes to an exchange, by its number among the choices.
fn publish(exchange: i64, key: &str, headers: [i64; 2]) -> Input {
    command(rabbit::ROUTE, &[&[exchange][..], &typed(key), &headers].concat())
}

fn topic(key: &str) -> Input {
    publish(0, key, [0, 0])
}

fn headers(region: i64, vip: i64) -> Input {
    publish(3, "", [region, vip])
}

fn bind(queue: i64, key: &str) -> Input {
    command(rabbit::BIND, &[&[queue][..], &typed(key)].concat())
}

/// A key as a reader types it.
fn typed(key: &str) -> [i64; text::VALUES] {
    text::pack(key).unwrap_or_default()
}

fn last(world: &Shop) -> Option<&Routing> {
    match world.memory(BROKER) {
        Some(Memory::Broker { last, .. }) => last.as_ref(),
        _ => None,
    }
}

fn bindings(world: &Shop) -> &[Binding] {
    crate::views::rabbitmq::host(world).map_or(&[], |host| &host.bindings)
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = consumers(world);
    let (publisher, broker, places, table) = match frame {
        Frame::Wide => ((80, 70), (330, 80), Area::new(540, 8, 140, 544).column(all.len()), ((16, 160), (440, 392))),
        Frame::Narrow => {
            let first = Area::new(4, 104, 392, 80).row(2);
            let second = Area::new(4, 186, 392, 80).row(2);
            ((66, 50), (310, 50), first.into_iter().chain(second).collect(), ((8, 278), (384, 278)))
        }
    };
    let mut mark = NodeMark::new(PUBLISHER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = format!("{} unconfirmed", unconfirmed(world));
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BROKER, broker, Shape::Broker, "exchanges");
    mark.tone = Tone::Store;
    mark.state = last(world).map_or(String::new(), |last| match last.queues.len() {
        0 => format!("message {}: no queue", last.id),
        count => format!("message {}: {}", last.id, counted(count as u64, "queue")),
    });
    picture.nodes.push(mark);
    for ((queue, id), at) in (0u8..).zip(&all).zip(places) {
        picture.nodes.push(desk(world, queue, *id, at));
        if frame == Frame::Wide {
            picture.figures.push(strip(world, queue, at));
        }
    }
    picture.link_all(&[BROKER], &[PUBLISHER]);
    picture.link_all(&[BROKER], &all);
    picture.figures.push(binding_table(world, table.0, table.1));
    picture
}

fn got_it(world: &Shop, queue: u8) -> bool {
    last(world).is_some_and(|last| last.queues.contains(&queue))
}

fn desk(world: &Shop, queue: u8, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, RabbitMq::name(world.settings(), id));
    mark.tone = if got_it(world, queue) { Tone::Consumer } else { Tone::Neutral };
    let behind = waiting(ready(world, queue).len() as u64);
    mark.state = match held(world, id).1 {
        Some(delivery) => format!("message {}, {behind}", delivery.message.id),
        None => format!("idle, {behind}"),
    };
    mark
}

/// The names of the strips, by queue.
const STRIPS: [&str; 4] = ["orders", "europe", "alerts", "audit"];

fn strip(world: &Shop, queue: u8, at: (i32, i32)) -> Figure {
    let name = STRIPS[usize::from(queue) % STRIPS.len()];
    let out = consumer(world, NodeId::from(FIRST + usize::from(queue))).map_or(&[][..], |known| &known.unacked);
    let mut cells: Vec<Cell> =
        out.iter().map(|one| Cell::loose(one.stored.message.id.to_string(), Tone::Consumer)).collect();
    cells.extend(row("", ready(world, queue), 8, Tone::Store).cells);
    cells.truncate(8);
    let rows = vec![GridRow { label: String::new(), cells, mark: None }];
    let matched = if got_it(world, queue) { ", matched" } else { "" };
    let title = match out.is_empty() {
        true => format!("Queue {name}{matched}"),
        false => format!("{name}{matched}; dashed: delivered"),
    };
    Figure { id: name, at: (690, at.1 - 40), size: (262, 66), title, body: Body::Queues(rows) }
}

/// The words of a key in three cells; the third has all that follow as well.
fn key_cells(key: &str, cell: impl Fn(String) -> Cell) -> [Cell; 3] {
    let mut words = key.splitn(3, '.');
    let mut next = || cell(short(words.next().unwrap_or_default()));
    [next(), next(), next()]
}

/// What a cell has room for.
fn short(text: &str) -> String {
    const ROOM: usize = 10;
    if text.len() <= ROOM { text.to_owned() } else { text.chars().take(ROOM - 1).chain(['\u{2026}']).collect() }
}

fn header_cells(binding: &Binding, cell: impl Fn(String) -> Cell) -> [Cell; 3] {
    let mut asked = binding.arguments.iter().map(|(name, value)| format!("{name}={}", value.unwrap_or("*")));
    let mut next = || cell(asked.next().unwrap_or_default());
    [cell(binding.x_match.name().to_owned()), next(), next()]
}

fn exchange_name(id: u8) -> String {
    exchange::EXCHANGES.get(usize::from(id)).map_or("?", |known| known.0).to_owned()
}

/// The bindings, those lit that matched the last message; that message's own words above them.
fn binding_table(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let mut rows = Vec::new();
    if let Some(last) = last(world) {
        let cell = |text: String| Cell::firm(text, Tone::Producer);
        let [one, two, three] = message_cells(&last.envelope, cell);
        let (id, name) = (cell(format!("m {}", last.id)), cell(exchange_name(last.envelope.exchange)));
        rows.push(vec![id, name, one, two, three, cell(String::new())]);
    }
    for (index, binding) in (0u8..).zip(bindings(world)) {
        let lit = last(world).is_some_and(|last| last.matched.contains(&index));
        let cell = |text: String| if lit { Cell::firm(text, Tone::Active) } else { Cell::loose(text, Tone::Neutral) };
        let [one, two, three] = match binding.exchange {
            exchange::HEADERS => header_cells(binding, cell),
            exchange::FANOUT => key_cells("(all)", cell),
            _ if binding.key.is_empty() => key_cells("(empty)", cell),
            _ => key_cells(&binding.key, cell),
        };
        let queue = DESKS.get(usize::from(binding.queue)).map_or("?", |name| name);
        let number = (index + 1).to_string();
        rows.push(vec![cell(number), cell(exchange_name(binding.exchange)), one, two, three, cell(queue.to_owned())]);
    }
    let head = ["", "exchange", "word 1", "word 2", "word 3", "queue"].map(str::to_owned).to_vec();
    let title = "Bindings, and the last message above them".to_owned();
    Figure { id: "bindings", at, size, title, body: Body::Table { head, rows } }
}

fn message_cells(envelope: &Envelope, cell: impl Fn(String) -> Cell) -> [Cell; 3] {
    if envelope.exchange != exchange::HEADERS {
        return key_cells(&envelope.key, cell);
    }
    let mut headers = envelope.headers.iter().map(|(name, value)| format!("{name}={value}"));
    let mut next = || cell(headers.next().unwrap_or_default());
    [cell(String::new()), next(), next()]
}

fn routed(world: &Shop, exchange: u8, key: &str) -> bool {
    last(world).is_some_and(|last| last.envelope.exchange == exchange && last.envelope.key == key)
}

fn desk_at(at: usize) -> Vec<NodeId> {
    vec![NodeId::from(FIRST + at)]
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Exchanges keep nothing",
        "A publisher sends to an *exchange*, not to a queue. The exchange looks at its *bindings* and puts a copy \
         into each queue that matches. Four desks read four queues: watch them report in.",
        |world| on_the_way(world, |message| matches!(message, Method::Consume { .. })) == 4,
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "A key of three words",
        "The background traffic pauses, and one message is published, with the *routing key* orders.eu.paid. The \
         table shows its words on top and lights every binding that matches. Its copies lie in the queues; one that \
         has been delivered is dashed until its desk acknowledges it.",
        |world| routed(world, exchange::TOPIC, "orders.eu.paid"),
    )
    .first(|_| vec![Input::set(rabbit::RATE, 0), topic("orders.eu.paid")])
    .midway()
    .look(|_| vec![BROKER])
    .ask(Predict {
        question: "Which queues get it?",
        options: |_| ["orders", "orders, audit", "orders, europe, audit", "all four"].map(str::to_owned).to_vec(),
        answer: |world| last(world).map_or(0, |last| last.queues.len().clamp(1, 4) - 1),
        because: "orders.# matches, *.eu.* matches, # matches everything; #.failed does not.",
    }),
    Beat::new(
        "Two words",
        "Now the key payments.eu, two words. Binding 2 of the europe desk has three places: a star, eu, and a star.",
        |world| routed(world, exchange::TOPIC, "payments.eu"),
    )
    .first(|_| vec![topic("payments.eu")])
    .look(|_| desk_at(1))
    .ask(Predict {
        question: "Does *.eu.* match payments.eu?",
        options: |_| ["Yes: a star may stand for nothing", "Yes: eu is in it", "No"].map(str::to_owned).to_vec(),
        answer: |world| if got_it(world, 1) { 0 } else { 2 },
        because: "A star stands for exactly one word, and after eu there is none.",
    }),
    Beat::new(
        "The hash is none or more",
        "The key orders is one word. The orders desk is bound with orders.#, and the hash may stand for nothing.",
        |world| routed(world, exchange::TOPIC, "orders"),
    )
    .first(|_| vec![topic("orders")])
    .look(|_| desk_at(0)),
    Beat::new(
        "Bound twice",
        "The key orders.eu.created matches two bindings of the europe desk, number 2 and number 3.",
        |world| routed(world, exchange::TOPIC, "orders.eu.created"),
    )
    .first(|_| vec![topic("orders.eu.created")])
    .look(|_| desk_at(1))
    .ask(Predict {
        question: "How many copies go into its queue?",
        options: |_| ["None: it is ambiguous", "One", "Two"].map(str::to_owned).to_vec(),
        answer: |world| last(world).map_or(0, |last| last.queues.iter().filter(|queue| **queue == 1).count()).min(2),
        because: "An exchange collects the queues first. Each gets the message once.",
    }),
    Beat::new(
        "Bindings change while it runs",
        "The europe desk also wants payments: it binds its queue with payments.#. The publisher knows nothing of \
         it.",
        |world| routed(world, exchange::TOPIC, "payments.us"),
    )
    .first(|_| vec![bind(1, "payments.#"), topic("payments.us")])
    .look(|_| desk_at(1)),
    Beat::new(
        "Direct and fanout",
        "A direct exchange compares the whole key: failed goes to the alerts desk. A fanout exchange asks for no \
         key: every queue bound to it gets a copy.",
        |world| routed(world, exchange::FANOUT, ""),
    )
    .first(|_| vec![publish(1, "failed", [0, 0]), publish(2, "", [0, 0])])
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "Headers, and a message that nobody wants",
        "A headers exchange looks at the headers instead of the key. This message says region=eu. The europe desk \
         asks for region=eu and vip=yes, both of them; the alerts desk for region=us or vip=yes. So the message \
         goes back to its publisher.",
        |world| flies(world, |message| matches!(message, Method::Return { .. })),
    )
    .first(|_| vec![headers(1, 0)])
    .midway()
    .look(|_| vec![BROKER, PUBLISHER]),
    Beat::new(
        "A star that may be nothing",
        "The rule is off: the star now also stands for no word at all. The key is paid.eu.",
        |world| world.is_promise_broken(EXACT.id),
    )
    .first(|_| vec![Input::off(rabbit::STAR), topic("paid.eu")])
    .look(|_| desk_at(1)),
];

const CHALLENGES: &[Challenge<RabbitMq>] = &[
    Challenge {
        id: "all-four",
        title: "To all four",
        goal: "Get a message with the key payments.us.created into all four queues.",
        hint: "Three desks do not want it yet. Bind their queues.",
        reached: |world| {
            routed(world, exchange::TOPIC, "payments.us.created")
                && last(world).is_some_and(|last| last.queues.len() == DESKS.len())
        },
    },
    Challenge {
        id: "nobody-wants-it",
        title: "Nobody wants it",
        goal: "Make a message of the topic exchange come back to its publisher.",
        hint: "Who gets everything? Take that binding away.",
        reached: unwanted,
    },
    Challenge {
        id: "twice-in-a-queue",
        title: "Twice in a queue",
        goal: "Get one message into a queue twice.",
        hint: "Switch the rule of one copy off. Which queue has two bindings that one key can match?",
        reached: |world| world.witness().misrouted().is_some_and(|wrong| wrong.got > 1),
    },
];

fn unwanted(world: &Shop) -> bool {
    last(world).is_some_and(|last| last.envelope.exchange == exchange::TOPIC && last.queues.is_empty())
}

/// A few messages, one crash. Desks do not come into it: what a queue gets is settled before they see it.
const fn hunt(inputs: fn() -> Vec<Input>) -> Hunt<RabbitMq> {
    Hunt {
        settings: &[(rabbit::RATE, 0)],
        inputs,
        bounds: Bounds::new(2_000_000, 99, Budget::crashes(1)),
        within: |world| world.kernel().pending_count() < 20 && connections(world) == 0,
    }
}

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<RabbitMq>)] = &[
    (rabbit::STAR, hunt(|| vec![topic("payments.eu")])),
    (rabbit::HASH, hunt(|| vec![topic("orders")])),
    (rabbit::ONCE, hunt(|| vec![topic("orders.eu.paid")])),
    (rabbit::ALL_HEADERS, hunt(|| vec![headers(1, 0)])),
    (rabbit::MANDATORY, hunt(|| vec![headers(1, 0)])),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<RabbitMq> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<RabbitMq>] = &[
        Breaks { rule: rabbit::STAR, promise: EXACT.id, way: Way::Explore },
        Breaks { rule: rabbit::HASH, promise: EXACT.id, way: Way::Explore },
        Breaks { rule: rabbit::ONCE, promise: EXACT.id, way: Way::Explore },
        Breaks { rule: rabbit::ALL_HEADERS, promise: EXACT.id, way: Way::Explore },
        Breaks { rule: rabbit::MANDATORY, promise: NOT_DROPPED.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<RabbitMq>] = &[
        Solution {
            challenge: "all-four",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                for queue in 0..3 {
                    script.act(bind(queue, "payments.#"));
                }
                script.act(topic("payments.us.created"));
                script.until(|world| {
                    routed(world, exchange::TOPIC, "payments.us.created")
                        && last(world).is_some_and(|last| last.queues.len() == DESKS.len())
                });
            },
        },
        Solution {
            challenge: "nobody-wants-it",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.steps(10);
                script.act(command(rabbit::UNBIND, &[5]));
                script.act(topic("payments.us.paid"));
                script.until(unwanted);
            },
        },
        Solution {
            challenge: "twice-in-a-queue",
            from: || SCENARIO.from(&[rabbit::ONCE], &[(rabbit::RATE, 0)]),
            act: |script| {
                script.act(topic("orders.eu.paid"));
                script.until(|world| world.witness().misrouted().is_some());
            },
        },
    ];
}
