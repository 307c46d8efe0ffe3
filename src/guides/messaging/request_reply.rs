//! Request-reply and queue groups: a question with a reply subject, one worker of a group, an answer or a clear no.

use crate::guides::kit::prelude::*;
use crate::sim::kernel::time;
use crate::sim::numbers::waiting;
use crate::systems::messaging::nats::promises::{CLEAR_NO, ENDS, ONE_RESPONDER, OWN_ANSWER, members};
use crate::systems::messaging::nats::{
    self as nats, ASKER, FIRST, Message, Nats, Payload, Request, Role, SERVER, Subject,
};
use crate::views::nats::{Shop, client, connection, flies, is_connected};

#[cfg(not(target_arch = "wasm32"))]
mod proof;

type Beat = crate::guides::kit::tour::Beat<Nats>;

/// The scenario.
pub static SCENARIO: Scenario<Nats> = Scenario {
    slug: "request-reply",
    title: "Request-reply and queue groups",
    guide: Guide::Messaging,
    level: 3,
    summary: "A question is a message with a return address. One of a group of workers answers, and if there is \
              none, the server says so at once. What if the worker dies with the question in hand?",
    seed: 2,
    settings: &[
        (nats::MEMBERS, 3),
        (nats::RATE, 8),
        (nats::LATENCY, 500),
        (nats::TIMEOUT, 400_000),
        (nats::WORK, 60_000),
        (nats::PING, 1_000_000),
    ],
    busy: &[(nats::RATE, 20)],
    fixed: &[(nats::SCENE, 1)],
    rules: &[nats::ONE_PER_GROUP, nats::NO_RESPONDERS, nats::OWN_INBOX, nats::GIVE_UP],
    commands: &[nats::REQUEST, nats::ASK_ALL],
    promises: &[ONE_RESPONDER, CLEAR_NO, OWN_ANSWER, ENDS],
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
            title: "From request to answer",
            about: "The way there, the queue at the worker, the work, and the way back.",
            plot: Plot::Percentiles(nats::ANSWERED),
        },
        Chart {
            title: "Requests without an answer",
            about: "A 503 comes at once; a time-out costs the whole wait, and tells you less.",
            plot: Plot::Rate(nats::UNANSWERED),
        },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_WORKERS,
    without: WITHOUT,
    terms: &[
        ("inbox", "A subject made up for the answers to one caller."),
        ("no responders", "Status 503: nobody has subscribed to the subject of a request."),
        ("request", "A message that carries a subject for its answer."),
        ("scatter-gather", "One question to many, and their answers collected."),
    ],
    before: &["messaging/fire-and-forget"],
    near: &["resilience/load-balancing"],
    versions: versions!["NATS server 2.14", "nats.go 1.53"],
    prose: prose!("request_reply.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match (metric, subject) {
        (nats::UNANSWERED, 0) => "503, no responders".to_owned(),
        (nats::UNANSWERED, _) => "time-out".to_owned(),
        _ => Nats::name(settings, NodeId(subject)),
    }
}

fn open(world: &Shop) -> &[Request] {
    match client(world, ASKER).map(|client| &client.role) {
        Some(Role::Caller { open }) => open,
        _ => &[],
    }
}

fn jobs(world: &Shop, id: NodeId) -> &[Payload] {
    match client(world, id).map(|client| &client.role) {
        Some(Role::Responder { jobs }) => jobs,
        _ => &[],
    }
}

fn content(message: &Message) -> Option<&Payload> {
    match message {
        Message::Pub { payload, .. } | Message::Msg { payload, .. } => Some(payload),
        _ => None,
    }
}

fn is_answer(payload: &Payload) -> bool {
    matches!(payload.subject, Subject::Inbox(..))
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = members(world);
    let (caller, server, places, figure) = match frame {
        Frame::Wide => {
            let places = Area::new(720, 30, 120, 510).column(all.len());
            ((110, 160), (400, 160), places, ((30, 290), (500, 250)))
        }
        Frame::Narrow => {
            let first = Area::new(4, 138, 392, 74).row(all.len().min(3));
            let second = Area::new(4, 226, 392, 74).row(all.len().saturating_sub(3));
            ((66, 50), (270, 50), first.into_iter().chain(second).collect(), ((8, 330), (384, 222)))
        }
    };
    let mut mark = NodeMark::new(ASKER, caller, Shape::Service, "caller");
    mark.tone = Tone::Producer;
    mark.state = match open(world).len() {
        0 => "no open request".to_owned(),
        count => format!("{count} open"),
    };
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(SERVER, server, Shape::Broker, "server");
    mark.tone = Tone::Store;
    let listening = all.iter().filter(|id| connection(world, **id).is_some()).count();
    mark.state = match listening {
        0 => "nobody on price.get".to_owned(),
        count => format!("{count} on price.get"),
    };
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(worker(world, *id, at));
    }
    picture.link_all(&[SERVER], &[ASKER]);
    picture.link_all(&[SERVER], &all);
    picture.sets.push(SetMark { members: all, label: "queue group".to_owned(), tone: Tone::Consumer });
    picture.figures.push(requests(world, figure.0, figure.1));
    picture
}

fn worker(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Service, Nats::name(world.settings(), id));
    (mark.state, mark.tone) = match (is_connected(world, id), jobs(world, id)) {
        (false, _) => ("not connected".to_owned(), Tone::Risk),
        (true, []) => ("idle".to_owned(), Tone::Neutral),
        (true, [job]) => (format!("works on {}", job.id), Tone::Consumer),
        (true, [job, more @ ..]) => (format!("works on {}, {}", job.id, waiting(more.len() as u64)), Tone::Consumer),
    };
    mark
}

/// Where a request is: on its way, at a worker, or nowhere.
fn place(world: &Shop, id: u32) -> (String, Tone) {
    if flies(world, |_, message| content(message).is_some_and(|payload| payload.id == id && is_answer(payload))) {
        return ("answer coming".to_owned(), Tone::Fine);
    }
    let at: Vec<NodeId> =
        members(world).into_iter().filter(|node| jobs(world, *node).iter().any(|job| job.id == id)).collect();
    if let [first, rest @ ..] = at.as_slice() {
        let name = Nats::name(world.settings(), *first);
        return match rest.len() {
            0 => (name, Tone::Consumer),
            more => (format!("{} workers", more + 1), Tone::Consumer),
        };
    }
    if flies(world, |_, message| matches!(message, Message::NoResponders { request, .. } if *request == id)) {
        return ("503 on its way".to_owned(), Tone::Broken);
    }
    let on_its_way = flies(world, |_, message| content(message).is_some_and(|payload| payload.id == id));
    let waits = client(world, ASKER).is_some_and(|client| client.waiting.iter().any(|put| put.id == id));
    match (on_its_way, waits) {
        (true, _) => ("on its way".to_owned(), Tone::Producer),
        (_, true) => ("in the buffer".to_owned(), Tone::Neutral),
        _ => ("nowhere".to_owned(), Tone::Risk),
    }
}

/// How many open requests are listed.
const SHOWN: usize = 6;

fn requests(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let own = world.rules().on(nats::OWN_INBOX);
    let now = world.kernel().node(ASKER).local(world.kernel().now());
    let row = |request: &Request| {
        let (place, tone) = place(world, request.id);
        let inbox = Subject::Inbox(ASKER.0, if own { request.id } else { 0 });
        let waited = time::show(now.saturating_sub(request.sent));
        vec![
            Cell::firm(request.id.to_string(), Tone::Neutral),
            Cell::firm(inbox.text().chars().take(14).collect::<String>(), Tone::Neutral),
            Cell::firm(place, tone),
            Cell::firm(waited, Tone::Neutral),
        ]
    };
    let list = open(world);
    let rows = list.iter().take(SHOWN).map(row).collect();
    let more = list.len().saturating_sub(SHOWN);
    let title = if more > 0 { format!("Open requests, and {more} more") } else { "Open requests".to_owned() };
    let head = ["request", "reply to", "where", "waited"].map(str::to_owned).to_vec();
    Figure { id: "requests", at, size, title, body: Body::Table { head, rows } }
}

fn request(count: i64) -> Input {
    Input::call(nats::REQUEST, &[count])
}

fn ask_all() -> Input {
    Input::call(nats::ASK_ALL, &[])
}

fn all_connected(world: &Shop) -> bool {
    members(world).into_iter().chain([ASKER]).all(|id| is_connected(world, id))
}

fn listening(world: &Shop) -> usize {
    members(world).into_iter().filter(|id| connection(world, *id).is_some()).count()
}

fn timeouts(world: &Shop) -> u64 {
    world.metrics().total(nats::UNANSWERED, 1)
}

fn a_no_flies(world: &Shop) -> bool {
    flies(world, |_, message| matches!(message, Message::NoResponders { .. }))
}

fn busy_worker(world: &Shop) -> Option<NodeId> {
    members(world).into_iter().find(|id| !jobs(world, *id).is_empty())
}

fn gathered(world: &Shop) -> u8 {
    open(world).iter().filter(|request| request.gather).map(|request| request.answers).max().unwrap_or(0)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A service by name",
        "Three workers offer a service under the subject price.get. They form a *queue group*. Watch everybody \
         connect. The caller knows the subject, but none of the workers.",
        |world| on_the_way(world, |message| matches!(message, Message::Connect { .. })) == 4,
    )
    .midway()
    .look(members),
    Beat::new(
        "A return address",
        "A *request* is a message that carries a reply subject, an *inbox*, which only the caller has subscribed \
         to. Its table shows what it waits for.",
        |world| all_connected(world) && busy_worker(world).is_some(),
    )
    .first(|_| vec![request(1)])
    .look(|_| vec![ASKER]),
    Beat::new(
        "One of the group",
        "Four more requests come. The server picks a worker for each. The answer goes to the inbox: it is just one \
         more message.",
        |world| members(world).iter().any(|id| jobs(world, *id).len() >= 2),
    )
    .first(|_| vec![request(4)])
    .look(members)
    .ask(Predict {
        question: "Five requests, three workers. Do some wait while a worker is idle?",
        options: |_| {
            ["Possibly: the pick is random", "No: the idle one is picked", "No: they wait at the server"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |_| 0,
        because: "The server does not know who is busy: it sends each request to a member at random. A queue with acks \
                  would wait for a free one.",
    }),
    Beat::new(
        "The worker dies",
        "A worker crashes with a request in hand. No other worker has it, and the server has forgotten it.",
        |world| timeouts(world) > 0,
    )
    .first(|world| busy_worker(world).into_iter().map(|node| Input::Crash { node }).collect())
    .look(|_| vec![ASKER])
    .ask(Predict {
        question: "How does the caller learn of it?",
        options: |_| ["From the server", "From another worker", "By its own time-out"].map(str::to_owned).to_vec(),
        answer: |world| if timeouts(world) > 0 { 2 } else { 0 },
        because: "Nobody tells it. A time-out does not say whether the work was done: asking again may do it twice.",
    }),
    Beat::new(
        "Nobody there",
        "We pause the background traffic, and all workers crash. The server notices after some unanswered PINGs: \
         then nobody listens on price.get.",
        |world| listening(world) == 0 && open(world).is_empty(),
    )
    .first(|world| {
        let up = members(world).into_iter().filter(|id| world.memory(*id).is_some());
        let crashes = up.map(|node| Input::Crash { node });
        std::iter::once(Input::set(nats::RATE, 0)).chain(crashes).collect()
    })
    .midway()
    .look(|_| vec![SERVER]),
    Beat::new(
        "A clear no",
        "One request, with nobody to go to: the server sees that no subscription matches. It also sees the inbox. \
         Watch the caller's table.",
        a_no_flies,
    )
    .first(|_| vec![request(1)])
    .midway()
    .look(|_| vec![ASKER])
    .ask(Predict {
        question: "How long does the caller wait to know that there is no answer?",
        options: |_| ["One round trip", "The whole time-out", "Until a worker is back"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(!a_no_flies(world)),
        because: "The server answers in the service's place: status 503, *no responders*.",
    }),
    Beat::new(
        "Ask everyone",
        "The workers are back, and the caller asks status.get. Each worker has subscribed to that on its own, \
         outside the group. All answer, to one inbox.",
        |world| listening(world) == members(world).len(),
    )
    .first(|world| {
        let down = members(world).into_iter().filter(|id| world.memory(*id).is_none());
        down.map(|node| Input::Restart { node }).collect()
    })
    .midway()
    .look(members),
    Beat::new(
        "Scatter and gather",
        "The caller counts the answers, and stops when it has all it expects, or when its time is up.",
        |world| gathered(world) >= 2,
    )
    .first(|_| vec![ask_all()])
    .look(|_| vec![ASKER]),
    Beat::new(
        "Without one per group",
        "The rule is off: to the server the members of the group are subscribers like any other. The caller sends one \
         request, takes the first answer, and sees nothing odd.",
        |world| world.is_promise_broken(ONE_RESPONDER.id),
    )
    .first(|_| vec![Input::off(nats::ONE_PER_GROUP), request(1)])
    .look(members)
    .ask(Predict {
        question: "How many workers do the work?",
        options: |_| ["None", "One", "More than one"].map(str::to_owned).to_vec(),
        answer: |world| 1 + usize::from(world.witness().both.is_some()),
        because: "Three prices do no harm. Three payments do.",
    }),
];

const CHALLENGES: &[Challenge<Nats>] = &[
    Challenge {
        id: "done-and-not-known",
        title: "Done, and not known",
        goal: "Make the caller give up on a request whose answer then comes.",
        hint: "A late answer is no better than none. Make a worker slow.",
        reached: |world| {
            let late = |message: &Message| {
                content(message).is_some_and(|payload| {
                    is_answer(payload) && open(world).iter().all(|request| request.id != payload.id)
                })
            };
            timeouts(world) > 0 && flies(world, |node, message| node == ASKER && late(message))
        },
    },
    Challenge {
        id: "wrong-answer",
        title: "The wrong answer",
        goal: "Make the caller take the answer to one request for the answer to another.",
        hint: "When requests share an inbox, the first answer to come counts for the request that was sent first.",
        reached: |world| world.witness().mixed.is_some(),
    },
    Challenge {
        id: "silence",
        title: "Silence",
        goal: "Make the server drop a request without a word.",
        hint: "Nobody may listen, and the rule that makes the server say so must be off.",
        reached: |world| world.witness().silent.is_some(),
    },
];

/// Nobody has opened more connections than this, and no PING is unanswered.
fn calm(world: &Shop, most: u32) -> bool {
    let quiet = |id: NodeId| {
        client(world, id).is_none_or(|client| client.pings == 0)
            && connection(world, id).is_none_or(|open| open.pings == 0)
    };
    let mut all = (1..world.kernel().nodes().len()).map(NodeId::from);
    world.nodes().all(|(_, node)| node.disk.connections <= most) && all.all(quiet)
}

/// Two workers and one request; one node crashes and comes back.
const TWO_WORKERS: Hunt<Nats> = Hunt {
    settings: &[(nats::MEMBERS, 2), (nats::RATE, 0)],
    inputs: || vec![request(1)],
    bounds: Bounds::new(300_000, 60, Budget::crashes(1)),
    within: |world| calm(world, 2) && world.kernel().pending_count() < 20,
};

/// The same without a fault, and with one connection each.
const NO_FAULT: Hunt<Nats> =
    Hunt { bounds: Bounds::new(600_000, 40, Budget::NONE), within: |world| calm(world, 1), ..TWO_WORKERS };

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Nats>)] = &[
    (nats::ONE_PER_GROUP, NO_FAULT),
    (nats::NO_RESPONDERS, NO_FAULT),
    (
        nats::OWN_INBOX,
        Hunt {
            inputs: || vec![request(2)],
            within: |world| {
                calm(world, 1) && world.node(NodeId::from(FIRST)).is_some_and(|node| node.disk.connections < 2)
            },
            ..NO_FAULT
        },
    ),
];
