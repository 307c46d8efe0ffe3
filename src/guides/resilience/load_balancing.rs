//! Load balancing: six policies before servers of different speed, and what happens when one slows down or dies.

use crate::guides::kit::prelude::*;
use crate::systems::resilience::load_balancer::promises::{ANSWERED, AVOIDS_DEAD, LIMITS, SHARED};
use crate::systems::resilience::load_balancer::{self as lb, BALANCER, CLIENT, FIRST, LoadBalancer, Memory};
use crate::views::load_balancer::{Farm, known, lines, policy, queued, server, servers};

type Beat = crate::guides::kit::tour::Beat<LoadBalancer>;

/// The scenario.
pub static SCENARIO: Scenario<LoadBalancer> = Scenario {
    slug: "load-balancing",
    title: "Load balancing",
    guide: Guide::Resilience,
    level: 1,
    summary: "Four servers, and one of them takes three times as long. There are six ways to choose a server, and you \
              can switch between them while requests come in.",
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
    rules: &[lb::HEALTH, lb::RETRY, lb::RELEASE],
    commands: &[lb::BURST],
    promises: &[AVOIDS_DEAD, ANSWERED, SHARED],
    limits: LIMITS,
    faults: FaultModel { crash: true, most_down: 1, nodes: Some(|node| node.index() >= FIRST), ..FaultModel::NONE },
    presets: &[
        ("Rush hour", &[(lb::RATE, 300)]),
        ("One sick server", &[(lb::SLOW, 20)]),
        ("All servers alike", &[(lb::SLOW, 1)]),
    ],
    load: true,
    charts: &[
        Chart {
            title: "Requests",
            about: "What the clients ask for, and how it ends. Late: after longer than one attempt may take.",
            plot: Plot::Rate(lb::OUTCOMES),
        },
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
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: FEW_REQUESTS,
    without: WITHOUT,
    terms: &[("health check", "A regular question to a server whether it still works.")],
    near: &["messaging/competing-consumers", "messaging/lag-and-scaling"],
    versions: versions!["HAProxy 3.0", "Mitzenmacher, 2001"],
    prose: prose!("load_balancing.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn slow_server(_: &Farm) -> Vec<NodeId> {
    vec![NodeId::from(FIRST)]
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
    if let Some(Memory::Client { sent, .. }) = world.memory(CLIENT) {
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

/// How many requests are in line at all servers.
fn in_line(world: &Farm) -> usize {
    servers(world).iter().map(|id| queued(world, *id)).sum()
}

fn is_out(world: &Farm, server: usize) -> bool {
    known(world, NodeId::from(FIRST + server)).missed >= 2
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Everyone in turn",
        "A hundred requests a second, and four servers. The balancer hands them out in turn: *round robin*. Server \
         1 takes three times as long as the others, and the balancer does not know it.",
        |world| world.flights().any(|flight| flight.from == BALANCER),
    )
    .midway()
    .look(servers),
    Beat::new(
        "A quarter for each",
        "Each server gets 25 requests a second, whatever it can do: the quick ones could do 50, server 1 only 16. \
         Watch the lines.",
        |world| queued(world, NodeId::from(FIRST)) >= 6 && longest_other(world) <= 3,
    )
    .look(slow_server)
    .ask(Predict {
        question: "What becomes of server 1's line?",
        options: |_| {
            ["It stays at one or two", "It grows for a while, then stays", "It grows as long as this goes on"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if queued(world, NodeId::from(FIRST)) >= 6 { 2 } else { 0 },
        because: "25 come and 16 go, so nine more wait with every second, and a quarter of all requests wait among \
                  them. Fair shares are only fair among equals.",
    }),
    Beat::new(
        "Look before you choose",
        "Now the balancer takes the server with the *least connections*: the fewest open requests. It measures \
         nothing else, and that is enough: a slow server keeps its requests open for longer.",
        |world| queued(world, NodeId::from(FIRST)) <= 3,
    )
    .first(|_| vec![set(lb::POLICY, 2)])
    .look(|_| vec![BALANCER]),
    Beat::new(
        "Two choices",
        "With many balancers, none knows all the connections. Draw two servers at random and take the less loaded: \
         nearly as good, and much better than one draw. Twenty-four requests come at once. Compare the bars.",
        |world| in_line(world) >= 20,
    )
    .first(|_| vec![set(lb::POLICY, 3), burst(24)])
    .look(|_| vec![BALANCER])
    .ask(Predict {
        question: "10,000 balls fall into 10,000 bins. With the better of two random bins, how many are in the \
                   fullest?",
        options: |_| vec!["About 4".to_owned(), "About 7".to_owned(), "About 40".to_owned()],
        answer: |_| 0,
        because: "The fullest of n bins grows like ln ln n / ln 2 with two draws, and like ln n / ln ln n with one: \
                  there the fullest of 10,000 has about 7.",
    }),
    Beat::new(
        "A server dies",
        "Twenty requests a second now. Server 3 crashes, with its line. Requests already sent to it get no answer; \
         after their time-out the balancer tries them elsewhere. Until then its clients wait.",
        |world| is_out(world, 2),
    )
    .first(|_| vec![Input::set(lb::RATE, 20), Input::Crash { node: NodeId::from(FIRST + 2) }])
    .midway()
    .look(|_| vec![NodeId::from(FIRST + 2)])
    .ask(Predict {
        question: "How does the balancer learn that it is dead?",
        options: |_| {
            ["From requests that time out", "From a refused request", "From missed health checks"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |_| 2,
        because: "A *health check* goes to every server every 250 ms. Two without an answer take it out. A request \
                  that times out is tried elsewhere, and tells this balancer nothing.",
    }),
    Beat::new(
        "And comes back",
        "The first check that it answers brings it back in, with an empty line. Being the least loaded, it gets \
         many of the next requests.",
        |world| !is_out(world, 2) && queued(world, NodeId::from(FIRST + 2)) > 0,
    )
    .first(|_| vec![Input::Restart { node: NodeId::from(FIRST + 2) }])
    .look(|_| vec![NodeId::from(FIRST + 2)]),
    Beat::new(
        "Without checks",
        "The rule is off and a server dies again. Round robin keeps giving it a quarter of the requests, and every \
         one of them waits for its time-out. Watch the first promise.",
        |world| world.is_promise_broken(AVOIDS_DEAD.id),
    )
    .first(|_| {
        let rule = Input::off(lb::HEALTH);
        vec![rule, set(lb::RATE, 6), set(lb::POLICY, 0), Input::Crash { node: NodeId::from(FIRST + 1) }]
    })
    .look(|_| vec![NodeId::from(FIRST + 1)]),
];

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
    },
    Challenge {
        id: "failed-request",
        title: "A failed request",
        goal: "Have a client told that its request failed, although three servers are alive.",
        hint: "Switch the retries off, and crash a server with a line.",
        reached: |world| world.is_promise_broken(ANSWERED.id),
    },
    Challenge {
        id: "forgotten-server",
        title: "The server that nobody calls",
        goal: "Have a healthy server get no requests for 15 s.",
        hint: "Least connections believes what it counts. Let requests be counted that nobody will ever answer.",
        reached: |world| world.is_promise_broken(SHARED.id),
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

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<LoadBalancer>)] = &[(
    lb::RETRY,
    Hunt { bounds: Bounds { budget: Budget { crashes: 1, ..Budget::NONE }, ..FEW_REQUESTS.bounds }, ..FEW_REQUESTS },
)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<LoadBalancer> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<LoadBalancer>] = &[
        Breaks {
            rule: lb::HEALTH,
            promise: AVOIDS_DEAD.id,
            way: Way::Schedules {
                settings: &[],
                events: 2_500,
                reason: "The bound is a length of time after a server's death.",
            },
        },
        Breaks { rule: lb::RETRY, promise: ANSWERED.id, way: Way::Explore },
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

    const SOLUTIONS: &[Solution<LoadBalancer>] = &[
        Solution {
            challenge: "lopsided",
            from: || SCENARIO.from(&[], &[(lb::SLOW, 12)]),
            act: |script| {
                script.until(lopsided);
            },
        },
        Solution {
            challenge: "failed-request",
            from: || SCENARIO.from(&[lb::RETRY], &[]),
            act: |script| {
                let slow = NodeId::from(FIRST);
                script.until(|world| queued(world, slow) >= 5);
                script.act(Input::Crash { node: slow });
                script.until(|world| world.is_promise_broken(ANSWERED.id));
            },
        },
        Solution {
            challenge: "forgotten-server",
            from: || SCENARIO.from(&[lb::RELEASE, lb::HEALTH], &[(lb::POLICY, 2)]),
            act: |script| {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 99th percentile of latency under a policy, among equal servers at a load of 0.9.
    fn slowest(policy: i64) -> u64 {
        let settings = [(lb::SLOW, 1), (lb::RATE, 180), (lb::POLICY, policy)];
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &settings));
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
