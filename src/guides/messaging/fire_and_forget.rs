//! Fire and forget: NATS core delivers to whoever is there, at once, and keeps nothing.

use crate::guides::kit::prelude::*;
use crate::sim::numbers::counted;
use crate::systems::messaging::nats::promises::{BOUNDED, CONNECTED, NEVER_TWICE, members};
use crate::systems::messaging::nats::{self as nats, ASKER, FIRST, Message, Nats, Payload, SERVER, Subject};
use crate::views::nats::{Shop, client, connection, flies, is_connected, subscription_count};

#[cfg(not(target_arch = "wasm32"))]
mod proof;

type Beat = crate::guides::kit::tour::Beat<Nats>;

/// The scenario.
pub static SCENARIO: Scenario<Nats> = Scenario {
    slug: "fire-and-forget",
    title: "Fire and forget",
    guide: Guide::Messaging,
    level: 1,
    summary: "A message goes to every subscriber that is there, in less than a millisecond, and nothing is kept. \
              Subscribers that are away miss it, and one that is too slow is cut off.",
    seed: 3,
    settings: &[
        (nats::MEMBERS, 5),
        (nats::RATE, 4),
        (nats::LATENCY, 300),
        (nats::SLOW, 150_000),
        (nats::MAX_PENDING, 10),
        (nats::DEADLINE, 10_000_000),
        (nats::PING, 1_000_000),
    ],
    busy: &[(nats::RATE, 15)],
    fixed: &[(nats::SCENE, 0)],
    rules: &[nats::ONE_PER_GROUP, nats::SEND_ONCE, nats::RESTORE_ONCE, nats::CUT_SLOW],
    commands: &[nats::PUBLISH, nats::SUBSCRIBE],
    promises: &[NEVER_TWICE, BOUNDED, CONNECTED],
    faults: FaultModel {
        crash: true,
        pause: true,
        slow: true,
        cut: true,
        delay: true,
        most_down: usize::MAX,
        ..FaultModel::NONE
    },
    charts: &[
        Chart {
            title: "From publish to handler",
            about: "Twice the latency of a link, and nothing else, unless a link is slow.",
            plot: Plot::PercentileOfEach(nats::DELIVERY),
        },
        Chart {
            title: "Asked for",
            about: "One line per subscriber: messages that its first subscription matches, whether it is there or not.",
            plot: Plot::Rate(nats::WANTED),
        },
        Chart { title: "Handled", about: "The shortfall was missed.", plot: Plot::Rate(nats::HANDLED) },
        Chart {
            title: "Pending for the log",
            about: "It grows to the limit, and then the connection is cut off.",
            plot: Plot::Level(nats::PENDING),
        },
        Chart {
            title: "Cut off",
            about: "Slow consumers, whose connection was closed.",
            plot: Plot::Rate(nats::CUT_OFF),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE,
    without: WITHOUT,
    terms: &[
        ("at most once", "A message arrives once or not at all; nobody resends it."),
        ("queue group", "Subscribers that share their messages: one member gets each."),
        ("subject", "Words with dots between them: messages are published on a subject and subscribed to by it."),
        ("write deadline", "How long a server tries to write to a connection before it closes it."),
    ],
    near: &["messaging/request-reply", "messaging/fan-out"],
    versions: versions!["NATS server 2.14", "nats.go 1.53"],
    prose: prose!("fire_and_forget.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

const LOG: NodeId = NodeId(FIRST as u16);

const ALARMS: [NodeId; 2] = [NodeId(FIRST as u16 + 1), NodeId(FIRST as u16 + 2)];

const DISPLAY: NodeId = NodeId(FIRST as u16 + 3);

const KITCHEN: NodeId = NodeId(FIRST as u16 + 4);

fn pending(world: &Shop) -> &[Message] {
    connection(world, LOG).map_or(&[], |open| &open.pending)
}

fn content(message: &Message) -> Option<&Payload> {
    match message {
        Message::Pub { payload, .. } | Message::Msg { payload, .. } => Some(payload),
        _ => None,
    }
}

/// Who shares a row of the table: the queue group, or a subscriber alone.
fn rows(world: &Shop) -> Vec<(String, Vec<NodeId>)> {
    let all = members(world);
    let alarms: Vec<NodeId> = all.iter().copied().filter(|id| ALARMS.contains(id)).collect();
    let mut rows: Vec<(String, Vec<NodeId>)> = Vec::new();
    for id in all {
        if alarms.first() == Some(&id) {
            rows.push(("alarms".to_owned(), alarms.clone()));
        } else if !alarms.contains(&id) {
            rows.push((Nats::name(world.settings(), id), vec![id]));
        }
    }
    rows
}

/// Asked for, got, and still on the way.
fn counts(world: &Shop, row: &[NodeId]) -> (u64, u64, u64) {
    let total = |metric, id: &NodeId| world.metrics().total(metric, id.0);
    let asked = row.first().map_or(0, |id| total(nats::WANTED, id));
    let got = row.iter().map(|id| total(nats::HANDLED, id)).sum();
    let wants = |payload: &Payload| {
        let subs = row.first().map(|id| nats::subscriptions(world.settings(), *id)).unwrap_or_default();
        subs.iter().any(|sub| payload.subject.matches(sub.pattern))
    };
    let flying = world.flights().filter(|flight| match flight.message {
        Message::Pub { payload, .. } => wants(payload),
        Message::Msg { payload, sid: 1, .. } => row.contains(&flight.pending.node) && wants(payload),
        _ => false,
    });
    let waiting = client(world, ASKER).map_or(0, |client| client.waiting.iter().filter(|put| wants(put)).count());
    let held = if row.contains(&LOG) { pending(world).iter().filter_map(content).count() } else { 0 };
    (asked, got, (flying.count() + waiting + held) as u64)
}

fn missed(world: &Shop, row: &[NodeId]) -> u64 {
    let (asked, got, coming) = counts(world, row);
    asked.saturating_sub(got + coming)
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = members(world);
    let (publisher, server, places, strip, table) = match frame {
        Frame::Wide => {
            // Room above the alarms for the name of their group.
            let rows = [56, 186, 272, 372, 472].map(|y| (570, y)).to_vec();
            ((80, 170), (300, 170), rows, ((20, 330), (400, 110)), ((670, 60), (280, 300)))
        }
        Frame::Narrow => {
            let first = Area::new(4, 138, 392, 74).row(all.len().min(3));
            let second = Area::new(4, 226, 392, 74).row(all.len().saturating_sub(3));
            let places = first.into_iter().chain(second).collect();
            ((66, 50), (270, 50), places, ((8, 320), (384, 62)), ((8, 388), (384, 168)))
        }
    };
    let mut mark = NodeMark::new(ASKER, publisher, Shape::Service, "publisher");
    mark.tone = Tone::Producer;
    mark.state = match client(world, ASKER) {
        Some(client) if !client.waiting.is_empty() => format!("{} in its buffer", client.waiting.len()),
        _ => format!("{} published", world.node(ASKER).map_or(0, |node| node.disk.published)),
    };
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(SERVER, server, Shape::Broker, "server");
    mark.tone = Tone::Store;
    mark.state = counted(subscription_count(world) as u64, "subscription");
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(subscriber(world, *id, at));
    }
    picture.link_all(&[SERVER], &[ASKER]);
    picture.link_all(&[SERVER], &all);
    if all.contains(&ALARMS[1]) {
        let label = "queue group".to_owned();
        picture.sets.push(SetMark { members: ALARMS.to_vec(), label, tone: Tone::Consumer });
    }
    picture.figures.push(pending_cells(world, strip.0, strip.1));
    picture.figures.push(bought(world, table.0, table.1));
    picture
}

fn subscriber(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, Nats::name(world.settings(), id));
    let subs = client(world, id).map_or(&[][..], |client| &client.subs);
    let first = subs.first().map_or("".into(), |sub| sub.pattern.text());
    (mark.state, mark.tone) = match (is_connected(world, id), subs.len()) {
        (false, _) => ("not connected".to_owned(), Tone::Risk),
        (true, 1) => (first.into_owned(), Tone::Consumer),
        (true, more) => (format!("{first} and {}", more - 1), Tone::Consumer),
    };
    mark
}

/// How many pending messages are drawn.
const SHOWN: usize = 10;

fn pending_cells(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let list = pending(world);
    let most = world.settings().amount(nats::MAX_PENDING) as usize;
    let tone = if list.len() * 10 > most * 7 { Tone::Risk } else { Tone::Store };
    let cell = |message: &Message| match content(message) {
        Some(payload) => Cell::firm(payload.id.to_string(), tone),
        None => Cell::firm("?", Tone::Neutral),
    };
    let cells = Cell::some_of(list.iter().map(cell), SHOWN);
    let title = format!("Pending for the log: {} of {most}", list.len());
    let rows = vec![GridRow { label: String::new(), cells, mark: (most <= SHOWN).then_some(most as u16) }];
    Figure { id: "pending", at, size, title, body: Body::Queues(rows) }
}

/// What each subscriber asked for and what it got.
fn bought(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |(name, row): (String, Vec<NodeId>)| {
        let (asked, got, _) = counts(world, &row);
        let missed = missed(world, &row);
        let tone = if missed > 0 { Tone::Risk } else { Tone::Neutral };
        vec![
            Cell::firm(name, Tone::Neutral),
            Cell::firm(asked.to_string(), Tone::Neutral),
            Cell::firm(got.to_string(), Tone::Consumer),
            Cell::firm(missed.to_string(), tone),
        ]
    };
    let head = ["", "asked for", "got", "missed"].map(str::to_owned).to_vec();
    let rows = rows(world).into_iter().map(row).collect();
    Figure { id: "bought", at, size, title: "Who got what".to_owned(), body: Body::Table { head, rows } }
}

fn publish(topic: i64, count: i64) -> Input {
    Input::call(nats::PUBLISH, &[topic, count])
}

fn all_connected(world: &Shop) -> bool {
    members(world).into_iter().chain([ASKER]).all(|id| is_connected(world, id))
}

fn msg_to(world: &Shop, to: NodeId, subject: Subject) -> bool {
    flies(world, |node, message| {
        node == to && matches!(message, Message::Msg { payload, .. } if payload.subject == subject)
    })
}

fn no_pub_flies(world: &Shop) -> bool {
    !flies(world, |_, message| matches!(message, Message::Pub { .. }))
}

fn cuts(world: &Shop) -> u64 {
    world.metrics().total(nats::CUT_OFF, LOG.0)
}

const ROOF: Subject = Subject::Topic(2);

const TOUR: &[Beat] = &[
    Beat::new(
        "Subjects, not addresses",
        "A publisher sends temperatures, each on a *subject* such as temp.kitchen. It does not know who is \
         listening. Watch all six connect. Five subscribers tell the server which subjects they want, and that is \
         all the server knows.",
        |world| on_the_way(world, |message| matches!(message, Message::Connect { .. })) == 6,
    )
    .midway()
    .look(members),
    Beat::new(
        "They name their patterns",
        "With its connection each client names its patterns. A star stands for one word, a > for one or more at the \
         end.",
        all_connected,
    )
    .look(|_| vec![SERVER]),
    Beat::new(
        "One copy for each",
        "A message on temp.roof.east. The server copies it to every subscription whose pattern matches. Two links, \
         0.6 ms, and it is there.",
        |world| ALARMS.iter().any(|alarm| msg_to(world, *alarm, ROOF)),
    )
    .first(|_| vec![publish(2, 1)])
    .midway()
    .look(members)
    .ask(Predict {
        question: "Read the patterns below the names. Whose patterns match temp.roof.east?",
        options: |_| {
            ["Those that end in >", "Those that end in > or a star", "None: it has three words"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| usize::from(msg_to(world, DISPLAY, ROOF)),
        because: "A > stands for one word or more, so the log and the alarms get it. A star stands for exactly one: \
                  the display, with temp and a star, does not.",
    }),
    Beat::new(
        "One alarm is enough",
        "The two alarms form a *queue group*: together they get one copy, and the server picks which of them. \
         Another message, another pick.",
        |world| {
            let total = |id: NodeId| world.metrics().total(nats::HANDLED, id.0);
            ALARMS.iter().all(|alarm| total(*alarm) > 0)
        },
    )
    .first(|_| vec![publish(1, 4)])
    .look(|_| ALARMS.to_vec()),
    Beat::new(
        "Somebody is away",
        "The kitchen's device crashes, and three messages for it are published. Nobody notices: the publisher is \
         not told, and the server keeps nothing.",
        |world| missed(world, &[KITCHEN]) >= 3 && no_pub_flies(world),
    )
    .first(|_| vec![Input::Crash { node: KITCHEN }, publish(0, 3)])
    .look(|_| vec![KITCHEN]),
    Beat::new(
        "Back again",
        "The device restarts, connects and subscribes. We pause the other messages from here on.",
        |world| is_connected(world, KITCHEN) && pending(world).len() <= 1,
    )
    .first(|_| vec![Input::Restart { node: KITCHEN }, Input::set(nats::RATE, 0)])
    .look(|_| vec![KITCHEN])
    .ask(Predict {
        question: "Does it get the three messages now?",
        options: |_| ["Yes, late", "Only the last one", "No, they are gone"].map(str::to_owned).to_vec(),
        answer: |world| if missed(world, &[KITCHEN]) >= 3 { 2 } else { 0 },
        because: "There is nowhere to get them from. The column \"missed\" is what a server that keeps nothing costs.",
    }),
    Beat::new(
        "Too slow",
        "The log wants everything, and its link takes a message only every 150 ms. A burst comes. What its link has \
         not taken yet is pending in the server's memory.",
        |world| pending(world).len() >= 7,
    )
    .first(|_| vec![publish(1, 8)])
    .midway()
    .look(|_| vec![SERVER, LOG]),
    Beat::new(
        "Cut off",
        "The burst goes on. The server could wait for the log, or keep more. It does neither.",
        |world| cuts(world) > 0,
    )
    .first(|_| vec![publish(1, 8)])
    .midway()
    .look(|_| vec![LOG])
    .ask(Predict {
        question: "What becomes of the messages that were pending for the log?",
        options: |_| {
            ["They are written later", "They go to another subscriber", "They are gone"].map(str::to_owned).to_vec()
        },
        answer: |world| if pending(world).is_empty() { 2 } else { 0 },
        because: "The limit is reached: the connection is closed, and what was pending is dropped. The others never \
                  had to wait.",
    }),
    Beat::new(
        "And connected anew",
        "Two messages come while nobody has a connection to the log: they are missed too. Two seconds later the \
         client library opens a new one, and restores the subscription.",
        |world| is_connected(world, LOG),
    )
    .first(|_| vec![publish(1, 2)])
    .look(|_| vec![LOG]),
    Beat::new(
        "Without one copy per group",
        "The server now treats the members of a queue group like any other subscriber. One message, on temp.hall.",
        |world| world.is_promise_broken(NEVER_TWICE.id),
    )
    .first(|_| vec![Input::off(nats::ONE_PER_GROUP), publish(1, 1)])
    .look(|_| ALARMS.to_vec())
    .ask(Predict {
        question: "How many alarms ring?",
        options: |_| ["None", "One", "Both"].map(str::to_owned).to_vec(),
        answer: |world| 1 + usize::from(world.witness().twice.is_some()),
        because: "Both got a copy. With a queue group, adding a member shares the work; without one, it repeats the \
                  work.",
    }),
];

const CHALLENGES: &[Challenge<Nats>] = &[
    Challenge {
        id: "two-copies",
        title: "Two copies, by right",
        goal: "Get the same message to one subscriber twice without breaking a promise.",
        hint: "A copy goes to each subscription, not to each client. Let one client have two that overlap.",
        reached: |world| world.witness().two_copies().is_some() && world.witness().twice.is_none(),
    },
    Challenge {
        id: "missed-ten",
        title: "Ten missed",
        goal: "Make the display miss ten messages that it asked for, while it believes that it is connected.",
        hint: "A cut link goes unnoticed until PINGs stay unanswered.",
        reached: |world| {
            let believes = client(world, DISPLAY).is_some_and(|client| client.phase == nats::Phase::Connected);
            believes && missed(world, &[DISPLAY]) >= 10
        },
    },
    Challenge {
        id: "sent-again",
        title: "Sent again",
        goal: "Make a subscriber that is in no queue group handle a message twice.",
        hint: "Switch off sending once. The publisher is in doubt when it hears nothing: cut the link back to it.",
        reached: |world| world.witness().twice.is_some_and(|twice| !twice.2),
    },
];

/// Nobody has opened more connections than this.
fn connections(world: &Shop, most: u32) -> bool {
    world.nodes().all(|(_, node)| node.disk.connections <= most)
}

/// Nobody has sent a PING that was not answered, but those named.
fn quiet(world: &Shop, but: &[NodeId]) -> bool {
    let calm = |id: &NodeId| but.contains(id) || client(world, *id).is_none_or(|client| client.pings == 0);
    let heard = |id: &NodeId| connection(world, *id).is_none_or(|open| open.pings == 0);
    let all: Vec<NodeId> = (1..world.kernel().nodes().len()).map(NodeId::from).collect();
    all.iter().all(|id| calm(id) && heard(id))
}

/// Three subscribers and one message; one node crashes and comes back.
const THREE: Hunt<Nats> = Hunt {
    settings: &[(nats::MEMBERS, 3), (nats::RATE, 0), (nats::MAX_PENDING, 2)],
    inputs: || vec![publish(0, 1)],
    bounds: Bounds::new(300_000, 60, Budget::crashes(1)),
    within: |world| connections(world, 2) && quiet(world, &[]) && world.kernel().pending_count() < 20,
};

/// The log alone.
const ALONE: Hunt<Nats> = Hunt {
    settings: &[(nats::MEMBERS, 1), (nats::RATE, 0), (nats::MAX_PENDING, 3)],
    inputs: || vec![publish(0, 1)],
    bounds: Bounds::new(1_000_000, 60, Budget::NONE),
    within: |world| connections(world, 2) && quiet(world, &[LOG, ASKER]),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Nats>)] = &[
    (
        nats::ONE_PER_GROUP,
        Hunt {
            bounds: Bounds::new(300_000, 40, Budget::NONE),
            within: |world| {
                let log_is_off = world.node(LOG).is_some_and(|node| node.disk.connections == 0);
                log_is_off && connections(world, 1) && quiet(world, &[])
            },
            ..THREE
        },
    ),
    (nats::SEND_ONCE, Hunt { within: |world| connections(world, 2) && quiet(world, &[ASKER]), ..ALONE }),
    (nats::RESTORE_ONCE, Hunt { within: |world| connections(world, 2) && quiet(world, &[LOG]), ..ALONE }),
    (
        nats::CUT_SLOW,
        Hunt {
            settings: &[(nats::MEMBERS, 1), (nats::RATE, 0), (nats::MAX_PENDING, 2)],
            inputs: || vec![publish(0, 3)],
            within: |world| connections(world, 1) && quiet(world, &[]),
            ..ALONE
        },
    ),
];
