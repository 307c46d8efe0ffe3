//! Request-reply and queue groups: a question with a reply subject, one worker of a group, an answer or a clear no.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Guide, Hunt, Plot, Predict, Scenario, Way, no_inputs, node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, NodeMark, Picture, SetMark, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time;
use crate::sim::machine::system::System;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::nats::promises::{CLEAR_NO, ENDS, ONE_RESPONDER, OWN_ANSWER, members};
use crate::systems::messaging::nats::{
    self as nats, ASKER, FIRST, Message, Nats, Payload, Request, Role, SERVER, Subject,
};
use crate::views::nats::{Shop, client, connection, fields, flies, inspect, is_connected, look};

/// The scenario.
pub static SCENARIO: Scenario<Nats> = Scenario {
    slug: "request-reply",
    title: "Request-reply and queue groups",
    guide: Guide::Messaging,
    level: 3,
    summary: "A question is a message with a return address. One of a group of workers answers, and if there is none, the \
              server says so at once. What if the worker dies with the question in hand?",
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
    impossible: false,
    // Links are TCP connections: what they carry is neither doubled nor reordered. It may be late, or lost in a cut.
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
            about: "A 503 is known at once; a time-out costs the whole wait, and tells less.",
            plot: Plot::Rate(nats::UNANSWERED),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_WORKERS,
    breaks: BREAKS,
    prose: prose!("request_reply.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match (metric, subject) {
        (nats::UNANSWERED, 0) => "503, no responders".to_owned(),
        (nats::UNANSWERED, _) => "time-out".to_owned(),
        _ => node_subject::<Nats>(settings, metric, subject),
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
        0 => "waits for nothing".to_owned(),
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
        (true, [job, more @ ..]) => (format!("works on {}, {} wait", job.id, more.len()), Tone::Consumer),
    };
    mark
}

/// Where a request is: on its way, at a worker, or nowhere.
fn place(world: &Shop, id: u32) -> (String, Tone) {
    if flies(world, |_, message| content(message).is_some_and(|payload| payload.id == id && is_answer(payload))) {
        return ("answer flies".to_owned(), Tone::Fine);
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
    let on_its_way = flies(world, |_, message| match message {
        Message::NoResponders { request, .. } => *request == id,
        message => content(message).is_some_and(|payload| payload.id == id),
    });
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
    let head = ["request", "reply to", "is", "for"].map(str::to_owned).to_vec();
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

fn refusals(world: &Shop) -> u64 {
    world.metrics().total(nats::UNANSWERED, 0)
}

fn busy_worker(world: &Shop) -> Option<NodeId> {
    members(world).into_iter().find(|id| !jobs(world, *id).is_empty())
}

fn gathered(world: &Shop) -> u8 {
    open(world).iter().filter(|request| request.gather).map(|request| request.answers).max().unwrap_or(0)
}

const TOUR: &[Beat<Nats>] = &[
    Beat {
        title: "A service by name",
        say: "Three workers offer a service under the subject price.get. They form a *queue group*. The caller knows the \
              subject and none of them.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: members,
        predict: None,
    },
    Beat {
        title: "A return address",
        say: "A *request* is a message that carries a reply subject, an *inbox*, which only the caller has subscribed to. \
              Its table shows what it waits for.",
        inputs: |_| vec![request(1)],
        until: |world| all_connected(world) && busy_worker(world).is_some(),
        look: |_| vec![ASKER],
        predict: None,
    },
    Beat {
        title: "One of the group",
        say: "The server picks one worker, not the one with the least to do. The answer goes to the inbox, and from there it \
              is one more message.",
        inputs: |_| vec![request(4)],
        until: |world| members(world).iter().any(|id| jobs(world, *id).len() >= 2),
        look: members,
        predict: Some(Predict {
            question: "Five requests, three workers. Do some wait while a worker is idle?",
            options: |_| vec!["It may be".to_owned(), "Never".to_owned()],
            answer: |_| 0,
            because: "The server does not know who is busy: it pushes each request to a member at random. A queue with acks \
                      would wait for a free one.",
        }),
    },
    Beat {
        title: "The worker dies",
        say: "A worker crashes with a request in hand. No other one has it, and the server has forgotten it.",
        inputs: |world| busy_worker(world).into_iter().map(|node| Input::Crash { node }).collect(),
        until: |world| timeouts(world) > 0,
        look: |_| vec![ASKER],
        predict: Some(Predict {
            question: "How does the caller learn of it?",
            options: |_| vec!["From the server".to_owned(), "By its own time-out".to_owned()],
            answer: |world| usize::from(timeouts(world) > 0),
            because: "Nobody tells it. A time-out does not say whether the work was done: asking again may do it twice.",
        }),
    },
    Beat {
        title: "Nobody there",
        say: "Now all workers are gone, and the server notices after some unanswered PINGs: then nobody listens on price.get.",
        inputs: |world| {
            let up = members(world).into_iter().filter(|id| world.memory(*id).is_some());
            up.map(|node| Input::Crash { node }).collect()
        },
        until: |world| listening(world) == 0,
        look: |_| vec![SERVER],
        predict: None,
    },
    Beat {
        title: "A clear no",
        say: "A request with no one to go to. The server sees that nothing matches, and that there is an inbox.",
        inputs: |_| vec![request(1)],
        until: |world| refusals(world) > 0,
        look: |_| vec![ASKER],
        predict: Some(Predict {
            question: "How long does the caller wait to know that there is no answer?",
            options: |_| vec!["A round trip".to_owned(), "The whole time-out".to_owned()],
            answer: |world| usize::from(refusals(world) == 0),
            because: "The server answers in the service's place: status 503, *no responders*.",
        }),
    },
    Beat {
        title: "Ask everyone",
        say: "The workers are back, and the caller asks status.get. Each worker has subscribed to that by itself, outside of \
              the group. All answer, to one inbox.",
        inputs: |world| {
            let down = members(world).into_iter().filter(|id| world.memory(*id).is_none());
            down.map(|node| Input::Restart { node }).collect()
        },
        until: |world| listening(world) == members(world).len(),
        look: members,
        predict: None,
    },
    Beat {
        title: "Scatter and gather",
        say: "The caller counts the answers, and stops when it has all it expects, or when its time is over.",
        inputs: |_| vec![ask_all()],
        until: |world| gathered(world) >= 2,
        look: |_| vec![ASKER],
        predict: None,
    },
    Beat {
        title: "Without one per group",
        say: "The server sends a request to every member of the group. The caller takes the first answer and drops the rest, \
              so it looks fine from there.",
        inputs: |_| vec![Input::Rule { rule: nats::ONE_PER_GROUP, on: false }, request(1)],
        until: |world| world.is_promise_broken(ONE_RESPONDER.id),
        look: members,
        predict: Some(Predict {
            question: "How many workers do the work?",
            options: |_| vec!["One".to_owned(), "More than one".to_owned()],
            answer: |world| usize::from(world.witness().both.is_some()),
            because: "Three prices are no harm. Three payments are.",
        }),
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

const CHALLENGES: &[Challenge<Nats>] = &[
    Challenge {
        id: "done-and-not-known",
        title: "Done, and not known",
        goal: "Have the caller give up on a request whose answer then comes.",
        hint: "A late answer is as good as none. Make a worker slow.",
        reached: |world| {
            let late = |message: &Message| {
                content(message).is_some_and(|payload| {
                    is_answer(payload) && open(world).iter().all(|request| request.id != payload.id)
                })
            };
            timeouts(world) > 0 && flies(world, |node, message| node == ASKER && late(message))
        },
        origin: || origin(&[], &[(nats::RATE, 0)]),
        solve: |script| {
            script.until(all_connected);
            for node in members(script.world()) {
                script.act(Input::Slow { node, percent: 5_000 });
            }
            script.act(request(3));
            script.until(|world| {
                let late = |message: &Message| {
                    content(message).is_some_and(|payload| {
                        is_answer(payload) && open(world).iter().all(|request| request.id != payload.id)
                    })
                };
                timeouts(world) > 0 && flies(world, |node, message| node == ASKER && late(message))
            });
        },
    },
    Challenge {
        id: "wrong-answer",
        title: "The wrong answer",
        goal: "Have the caller take the answer to one request for the answer to another.",
        hint: "Without inboxes of their own, the answer that comes first belongs to the request that was sent first.",
        reached: |world| world.witness().mixed.is_some(),
        origin: || origin(&[nats::OWN_INBOX], &[(nats::RATE, 0)]),
        solve: |script| {
            script.until(all_connected);
            script.act(request(6));
            script.until(|world| world.witness().mixed.is_some());
        },
    },
    Challenge {
        id: "silence",
        title: "Silence",
        goal: "Have the server drop a request without a word.",
        hint: "Nobody may listen, and the rule that makes the server say so must be off.",
        reached: |world| world.witness().silent.is_some(),
        origin: || origin(&[nats::NO_RESPONDERS], &[(nats::RATE, 0)]),
        solve: |script| {
            for node in members(script.world()) {
                script.act(Input::Crash { node });
            }
            script.act(request(1));
            script.until(|world| world.witness().silent.is_some());
        },
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

const BREAKS: &[Breaks<Nats>] = &[
    Breaks { rule: nats::ONE_PER_GROUP, promise: ONE_RESPONDER.id, way: Way::Explore(NO_FAULT) },
    Breaks { rule: nats::NO_RESPONDERS, promise: CLEAR_NO.id, way: Way::Explore(NO_FAULT) },
    Breaks {
        rule: nats::OWN_INBOX,
        promise: OWN_ANSWER.id,
        way: Way::Explore(Hunt {
            inputs: || vec![request(2)],
            within: |world| {
                calm(world, 1) && world.node(NodeId::from(FIRST)).is_some_and(|node| node.disk.connections < 2)
            },
            ..NO_FAULT
        }),
    },
    Breaks {
        rule: nats::GIVE_UP,
        promise: ENDS.id,
        way: Way::Schedules {
            settings: &[],
            events: 400,
            reason: "It is about how long a caller waits, and the explorer knows no clock.",
        },
    },
];
