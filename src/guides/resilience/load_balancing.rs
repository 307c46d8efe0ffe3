//! Load balancing: six policies before servers of different speed, and what happens when one slows down or dies.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Bar, Body, Figure, Frame, Glyph, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::resilience::load_balancer::promises::{ANSWERED, AVOIDS_DEAD, SHARED};
use crate::systems::resilience::load_balancer::{
    self as lb, BALANCER, CLIENT, FIRST, Known, LoadBalancer, Memory, Message, POLICIES,
};

type Farm = World<LoadBalancer>;

/// The scenario.
pub static SCENARIO: Scenario<LoadBalancer> = Scenario {
    slug: "load-balancing",
    title: "Load balancing",
    guide: Guide::Resilience,
    level: 1,
    summary: "Four servers, and one of them is three times as slow. Six ways to choose a server, and you can change \
              between them while requests come in.",
    seed: 2,
    settings: &[
        (lb::SERVERS, 4),
        (lb::POLICY, 0),
        (lb::RATE, 100),
        (lb::SERVICE, 20_000),
        (lb::SLOW, 3),
        (lb::INTERVAL, 250_000),
        (lb::TIMEOUT, 1_000_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[lb::HEALTH, lb::RETRY, lb::RELEASE],
    commands: &[lb::BURST],
    promises: &[AVOIDS_DEAD, ANSWERED, SHARED],
    impossible: false,
    // The balancer itself is not replicated here: faults strike servers, one at a time.
    faults: FaultModel { crash: true, most_down: 1, nodes: Some(|node| node.index() >= FIRST), ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Latency, 95 %, of each policy",
            about: "Change the policy, and a new line begins.",
            plot: Plot::PercentileOfEach(lb::LATENCY),
        },
        Chart {
            title: "Latency",
            about: "The mean hides the slow server; the 99th percentile shows it.",
            plot: Plot::Percentiles(lb::LATENCY),
        },
        Chart { title: "Share of each server", about: "Over the whole run.", plot: Plot::Share(lb::SERVED) },
        Chart {
            title: "In line at each server",
            about: "Round robin lets one line grow.",
            plot: Plot::Level(lb::QUEUE),
        },
        Chart { title: "Time-outs", about: "Tries that got no answer.", plot: Plot::Rate(lb::TIMEOUTS) },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: FEW_REQUESTS,
    breaks: BREAKS,
    prose: prose!("load_balancing.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        lb::LATENCY => POLICIES.get(usize::from(subject)).unwrap_or(&"?").to_string(),
        _ => node_subject::<LoadBalancer>(settings, metric, subject),
    }
}

fn servers(world: &Farm) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}

fn slow_server(_: &Farm) -> Vec<NodeId> {
    vec![NodeId::from(FIRST)]
}

fn queued(world: &Farm, id: NodeId) -> usize {
    match world.memory(id) {
        Some(Memory::Server { queue }) => queue.len(),
        _ => 0,
    }
}

fn known(world: &Farm, id: NodeId) -> Known {
    match world.memory(BALANCER) {
        Some(Memory::Balancer { servers, .. }) => servers.get(id.index() - FIRST).copied().unwrap_or_default(),
        _ => Known::default(),
    }
}

fn policy(world: &Farm) -> &'static str {
    POLICIES.get(world.settings().get(lb::POLICY) as usize).unwrap_or(&"?")
}

fn picture(world: &Farm, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = servers(world);
    let (client, balancer, places, at, size) = match frame {
        Frame::Wide => {
            let column = Area::new(420, 10, 130, 540).column(all.len());
            ((70, 280), (230, 280), column, (600, 60), (340, 440))
        }
        Frame::Narrow => {
            let first = Area::new(0, 128, 400, 62).row(all.len().min(4));
            let second = Area::new(0, 222, 400, 62).row(all.len().saturating_sub(4));
            ((64, 52), (270, 56), first.into_iter().chain(second).collect(), (8, 312), (384, 240))
        }
    };
    let mut mark = NodeMark::new(CLIENT, client, Shape::Client, "users");
    mark.tone = Tone::Producer;
    if let Some(Memory::Client { sent }) = world.memory(CLIENT) {
        mark.state = format!("{} waiting", sent.len());
    }
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(BALANCER, balancer, Shape::Broker, "balancer");
    mark.tone = Tone::Service;
    mark.state = policy(world).to_owned();
    picture.nodes.push(mark);
    for (id, at) in all.iter().zip(places) {
        picture.nodes.push(server(world, *id, at, frame));
    }
    picture.link_all(&[BALANCER], &[CLIENT]);
    picture.link_all(&[BALANCER], &all);
    picture.figures.push(lines(world, at, size));
    picture
}

fn server(world: &Farm, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    // Four in a row fit on a phone as circles.
    let (shape, label) = match frame {
        Frame::Wide => (Shape::Service, LoadBalancer::name(world.settings(), id)),
        Frame::Narrow => (Shape::Client, format!("S{}", id.index() + 1 - FIRST)),
    };
    let mut mark = NodeMark::new(id, at, shape, label);
    let waiting = queued(world, id);
    mark.state = format!("{waiting} in line");
    mark.tone = match (known(world, id).missed >= 2, waiting) {
        (true, _) => Tone::Off,
        (_, 20..) => Tone::Risk,
        _ => Tone::Consumer,
    };
    if frame == Frame::Wide {
        mark.fill = Some((waiting as u32, 60));
    }
    mark
}

fn lines(world: &Farm, at: (i32, i32), size: (i32, i32)) -> Figure {
    let bar = |id: &NodeId| {
        let served = world.metrics().total(lb::SERVED, id.0);
        let (waiting, out) = (queued(world, *id) as u32, known(world, *id).missed >= 2);
        let (word, tone) = match (out, waiting) {
            (true, _) => ("out", Tone::Off),
            (_, 20..) => ("", Tone::Risk),
            _ => ("", Tone::Consumer),
        };
        let text = if word.is_empty() { format!("{waiting} · {served}") } else { word.to_owned() };
        Bar { label: LoadBalancer::name(world.settings(), *id), value: waiting, full: 60, text, tone }
    };
    let title = "In line · answered so far".to_owned();
    Figure { id: "lines", at, size, title, body: Body::Bars(servers(world).iter().map(bar).collect()) }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Request { .. } => ('R', Glyph::Dot, Tone::Producer),
        Message::Response { .. } => ('a', Glyph::Pill, Tone::Fine),
        Message::Busy { .. } => ('b', Glyph::Pill, Tone::Risk),
        Message::Failed { .. } => ('x', Glyph::Pill, Tone::Broken),
        Message::Check => ('?', Glyph::Diamond, Tone::Neutral),
        Message::Healthy => ('h', Glyph::Pill, Tone::Neutral),
    };
    Look { letter, glyph, tone }
}

fn fields(_: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    match message {
        Message::Request { id, key } => vec![field("request", id.to_string()), field("key", key.to_string())],
        Message::Response { id } | Message::Busy { id } | Message::Failed { id } => {
            vec![field("request", id.to_string())]
        }
        Message::Check | Message::Healthy => Vec::new(),
    }
}

fn inspect(world: &Farm, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk = if id == CLIENT { vec![field("last request", node.disk.to_string())] } else { Vec::new() };
    let memory = match &node.memory {
        None => Vec::new(),
        Some(Memory::Client { sent }) => vec![field("waiting for", format!("{} answers", sent.len()))],
        Some(Memory::Balancer { open, .. }) => {
            let each = servers(world).into_iter().map(|id| {
                let known = known(world, id);
                let state = if known.missed >= 2 { "out" } else { "in" };
                field(&LoadBalancer::name(world.settings(), id), format!("{} open, {state}", known.open))
            });
            [field("policy", policy(world).to_owned()), field("under way", open.len().to_string())]
                .into_iter()
                .chain(each)
                .collect()
        }
        Some(Memory::Server { queue }) => {
            let words: Vec<String> = queue.iter().take(12).map(|request| request.0.to_string()).collect();
            vec![
                field("in line", queue.len().to_string()),
                field("first", if words.is_empty() { "none".to_owned() } else { words.join(" ") }),
            ]
        }
    };
    Inspection { disk, memory }
}

fn set(setting: SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

fn burst(requests: i64) -> Input {
    Input::call(lb::BURST, &[requests])
}

/// Most requests in line at any server but the first.
fn longest_other(world: &Farm) -> usize {
    servers(world).into_iter().skip(1).map(|id| queued(world, id)).max().unwrap_or(0)
}

fn is_out(world: &Farm, server: usize) -> bool {
    known(world, NodeId::from(FIRST + server)).missed >= 2
}

const TOUR: &[Beat<LoadBalancer>] = &[
    Beat {
        title: "Everyone in turn",
        say: "A hundred requests a second, and four servers. The balancer hands them out in turn: *round robin*. \
              Server 1 takes three times as long as the others, and the balancer does not know it.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: servers,
        predict: None,
    },
    Beat {
        title: "The line grows",
        say: "Each server gets 25 requests a second. The quick ones can do 50, the slow one 16. Its line grows without \
              end, and a quarter of all requests wait in it.",
        inputs: no_inputs,
        until: |world| queued(world, NodeId::from(FIRST)) >= 20,
        look: slow_server,
        predict: Some(Predict {
            question: "Which line grows?",
            options: |world| servers(world).iter().map(|id| LoadBalancer::name(world.settings(), *id)).collect(),
            answer: |world| {
                let all = servers(world);
                all.iter()
                    .enumerate()
                    .max_by_key(|(at, id)| (queued(world, **id), std::cmp::Reverse(*at)))
                    .map_or(0, |most| most.0)
            },
            because: "Fair shares are only fair among equals.",
        }),
    },
    Beat {
        title: "Look before you choose",
        say: "Now the balancer takes the server with the *least connections*: the fewest requests that are open. It \
              measures nothing else, and that is enough: a slow server keeps its requests open for longer.",
        inputs: |_| vec![set(lb::POLICY, 2)],
        until: |world| queued(world, NodeId::from(FIRST)) <= 4,
        look: |_| vec![BALANCER],
        predict: None,
    },
    Beat {
        title: "Two choices",
        say: "With many balancers nobody knows all connections. Draw two servers at random and take the less loaded. It \
              is nearly as good, and much better than one draw.",
        inputs: |_| vec![set(lb::POLICY, 3), burst(60)],
        until: |world| longest_other(world) >= 5 && queued(world, NodeId::from(FIRST)) >= 5,
        look: |_| vec![BALANCER],
        predict: Some(Predict {
            question: "10,000 balls fall into 10,000 bins. With the better of two random bins, how many are in the fullest?",
            options: |_| vec!["About 4".to_owned(), "About 7".to_owned(), "About 40".to_owned()],
            answer: |_| 0,
            because: "ln ln n / ln 2 is about 3, against ln n / ln ln n for one draw, which comes to about 7 here.",
        }),
    },
    Beat {
        title: "A server dies",
        say: "Server 3 crashes, with its line. Requests already sent to it get no answer; after their time-out the \
              balancer tries them elsewhere. Until then its clients wait.",
        inputs: |_| vec![Input::Crash { node: NodeId::from(FIRST + 2) }],
        until: |world| is_out(world, 2),
        look: |_| vec![NodeId::from(FIRST + 2)],
        predict: Some(Predict {
            question: "How does the balancer learn that it is dead?",
            options: |_| vec!["From a refused request".to_owned(), "From missed health checks".to_owned()],
            answer: |_| 1,
            because: "A *health check* goes to every server every 250 ms. Two without an answer take it out.",
        }),
    },
    Beat {
        title: "And comes back",
        say: "The first check that it answers brings it back in, with an empty line. Least loaded as it is, it gets \
              many of the next requests.",
        inputs: |_| vec![Input::Restart { node: NodeId::from(FIRST + 2) }],
        until: |world| !is_out(world, 2) && queued(world, NodeId::from(FIRST + 2)) > 0,
        look: |_| vec![NodeId::from(FIRST + 2)],
        predict: None,
    },
    Beat {
        title: "Without checks",
        say: "The rule is off and a server dies again. Round robin goes on giving it a quarter of the requests, and \
              every one of them waits for its time-out. Watch the first promise.",
        inputs: |_| {
            let rule = Input::Rule { rule: lb::HEALTH, on: false };
            vec![rule, set(lb::POLICY, 0), Input::Crash { node: NodeId::from(FIRST + 1) }]
        },
        until: |world| world.is_promise_broken(AVOIDS_DEAD.id),
        look: |_| vec![NodeId::from(FIRST + 1)],
        predict: None,
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

/// Server 1 has refused requests although others were idle.
fn lopsided(world: &Farm) -> bool {
    queued(world, NodeId::from(FIRST)) >= 50 && longest_other(world) <= 1
}

const CHALLENGES: &[Challenge<LoadBalancer>] = &[
    Challenge {
        id: "lopsided",
        title: "Full and idle",
        goal: "Have 50 requests in line at server 1 while nobody else has more than one.",
        hint: "Round robin, and a very slow server 1.",
        reached: lopsided,
        origin: || origin(&[], &[(lb::SLOW, 12)]),
        solve: |script| {
            script.until(lopsided);
        },
    },
    Challenge {
        id: "failed-request",
        title: "A failed request",
        goal: "Have a client told that its request failed, although three servers are alive.",
        hint: "Switch the retries off, and crash a server with a line.",
        reached: |world| world.is_promise_broken(ANSWERED.id),
        origin: || origin(&[lb::RETRY], &[]),
        solve: |script| {
            let slow = NodeId::from(FIRST);
            script.until(|world| queued(world, slow) >= 5);
            script.act(Input::Crash { node: slow });
            script.until(|world| world.is_promise_broken(ANSWERED.id));
        },
    },
    Challenge {
        id: "forgotten-server",
        title: "The server that nobody calls",
        goal: "Have a healthy server get no requests for 15 s.",
        hint: "Least connections believes what it counts. Let requests be counted that nobody will ever answer.",
        reached: |world| world.is_promise_broken(SHARED.id),
        origin: || origin(&[lb::RELEASE, lb::HEALTH], &[(lb::POLICY, 2)]),
        solve: |script| {
            let node = NodeId::from(FIRST + 1);
            script.act(burst(60));
            script.until(|world| queued(world, node) >= 10);
            script.act(Input::Crash { node });
            script.until(|world| world.kernel().now() > 2 * SEC);
            script.act(Input::Restart { node });
            script.until(|world| world.is_promise_broken(SHARED.id));
        },
    },
];

/// Three requests, two servers, one crash.
const FEW_REQUESTS: Hunt<LoadBalancer> = Hunt {
    settings: &[(lb::SERVERS, 2), (lb::RATE, 0)],
    inputs: || vec![burst(2)],
    bounds: Bounds::new(200_000, 99, Budget::NONE),
    within: |world| world.kernel().pending_count() < 10 && in_time(world),
};

/// No time-out has fired early: without time an explorer would let every server look dead.
fn in_time(world: &Farm) -> bool {
    match world.memory(BALANCER) {
        Some(Memory::Balancer { open, servers, .. }) => {
            servers.iter().all(|known| known.missed < 2) && open.values().all(|request| request.tries < 2)
        }
        _ => true,
    }
}

const BREAKS: &[Breaks<LoadBalancer>] = &[
    Breaks {
        rule: lb::HEALTH,
        promise: AVOIDS_DEAD.id,
        way: Way::Schedules {
            settings: &[],
            events: 2_500,
            reason: "The bound is a length of time after a server's death.",
        },
    },
    Breaks {
        rule: lb::RETRY,
        promise: ANSWERED.id,
        way: Way::Explore(Hunt {
            bounds: Bounds { budget: Budget { crashes: 1, ..Budget::NONE }, ..FEW_REQUESTS.bounds },
            ..FEW_REQUESTS
        }),
    },
    Breaks {
        rule: lb::RELEASE,
        promise: SHARED.id,
        way: Way::Schedules {
            settings: &[(lb::POLICY, 2), (lb::SLOW, 1), (lb::RATE, 25)],
            events: 3_000,
            reason: "A server counts as starved after seconds without a request.",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::Script;

    /// The 99th percentile of latency under a policy, among equal servers at a load of 0.9.
    fn slowest(policy: i64) -> u64 {
        let settings = [(lb::SLOW, 1), (lb::RATE, 180), (lb::POLICY, policy)];
        let mut script = Script::new(SCENARIO.world(&origin(&[], &settings), &[]));
        script.steps(120_000);
        let series = script.world().metrics().get(lb::LATENCY, policy as u16);
        series.and_then(|series| series.merged(0).quantile(990)).unwrap_or(0)
    }

    /// Mitzenmacher 2001: two choices are far better than one, and least connections is best.
    #[test]
    fn two_choices_beat_random_by_far() {
        let (least, two, random) = (slowest(2), slowest(3), slowest(4));
        assert!(least <= two && two * 3 < random * 2, "least {least}, two {two}, random {random}");
    }
}
