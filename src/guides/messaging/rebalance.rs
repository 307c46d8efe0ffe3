//! Rebalancing a consumer group: members come, go and die, and partitions move between them.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::kafka::promises::{NO_ZOMBIE, NOTHING_MISSED, ONE_OWNER_EACH, OWNED_AGAIN, two_owners};
use crate::systems::messaging::kafka::wire::Refused;
use crate::systems::messaging::kafka::{
    self as kafka, BROKER, COMMAND_STALL, COMMAND_START, COMMAND_STOP, GroupState, Kafka, Message, Phase,
};
use crate::views::kafka::{
    Shop, broker_mark, command, consumer, consumer_mark, consumers, flies, group, is_running, is_tame, nth, owners,
    producer_mark,
};

type Beat = crate::guides::kit::tour::Beat<Kafka>;

/// The scenario.
pub static SCENARIO: Scenario<Kafka> = Scenario {
    slug: "rebalance",
    title: "Rebalancing a consumer group",
    guide: Guide::Messaging,
    level: 3,
    summary: "Six partitions, three members, and a fourth that joins. Everybody stops while the partitions are dealt \
              out again, and a member that was only asleep comes back as a zombie.",
    seed: 2,
    settings: &[
        (kafka::ASSIGNOR, 0),
        (kafka::PARTITIONS, 6),
        (kafka::RUNNING, 3),
        (kafka::STATIC, 0),
        (kafka::RATE, 12),
        (kafka::WORK, 120_000),
        (kafka::SESSION, 2_000_000),
        (kafka::HEARTBEAT, 300_000),
        (kafka::POLL_INTERVAL, 4_000_000),
    ],
    fixed: &[(kafka::CONSUMERS, 4), (kafka::KEYS, 0), (kafka::BATCH, 1), (kafka::MAX_POLL, 1), (kafka::RESET, 1)],
    rules: &[kafka::FENCE, kafka::ONE_OWNER],
    commands: &[COMMAND_START, COMMAND_STOP, COMMAND_STALL],
    promises: &[NO_ZOMBIE, ONE_OWNER_EACH, OWNED_AGAIN, NOTHING_MISSED],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Partitions moved",
            about: "To another member, a second. Sticky moves fewer than range or round-robin.",
            plot: Plot::Rate(kafka::MOVED),
        },
        Chart {
            title: "Time stopped",
            about: "How long a member owned nothing, from giving up its partitions to getting new ones. Cooperative: \
                    next to none.",
            plot: Plot::Percentiles(kafka::STOPPED),
        },
        Chart { title: "Lag", about: "It grows while nobody is working.", plot: Plot::Level(kafka::LAG) },
        Chart { title: "Records done", about: "By member.", plot: Plot::Rate(kafka::DONE) },
        Chart {
            title: "Refused",
            about: "Commits and heartbeats from old generations, and from members that are out.",
            plot: Plot::Rate(kafka::FENCED),
        },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_MEMBER,
    without: WITHOUT,
    terms: &[
        ("consumer group", "Consumers that share a topic, each partition having one owner."),
        ("cooperative", "Giving up only the partitions that move."),
        ("coordinator", "The node that decides for a group, or leads it."),
        ("eager", "Giving up all partitions before joining again."),
        ("fencing token", "A number that grows with each grant of a lock, by which a store refuses old holders."),
        ("generation", "A number raised by each rebalance of a group."),
        ("heartbeats", "Regular messages that only say: I am still here."),
        ("range", "Dealing partitions in stretches."),
        ("session timeout", "The silence after which a member is considered dead."),
        ("static", "Said of a member with a lasting name."),
        ("sticky", "Dealing partitions so that members keep what they had."),
        ("zombie", "A member that has been replaced and does not know it."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/lag-and-scaling", "consensus/leases"],
    versions: versions!["Kafka 4.4"],
    prose: prose!("rebalance.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        kafka::MOVED => "moved".to_owned(),
        kafka::LAG => "group A".to_owned(),
        _ => Kafka::name(settings, NodeId(subject)),
    }
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (producer, broker, places, matrix): (_, _, [(i32, i32); 4], _) = match frame {
        Frame::Wide => {
            let places = [(130, 440), (360, 440), (590, 440), (820, 440)];
            ((830, 130), (620, 130), places, ((30, 40), (480, 150)))
        }
        Frame::Narrow => {
            let places = [(60, 330), (340, 330), (130, 480), (270, 480)];
            ((340, 215), (200, 215), places, ((8, 8), (384, 140)))
        }
    };
    picture.nodes.push(broker_mark(world, broker, Some(0)));
    picture.nodes.push(producer_mark(world, Kafka::producer(0), producer));
    let all = consumers(world);
    for (node, at) in all.iter().zip(places) {
        let mut mark = consumer_mark(world, *node, at);
        let leads = consumer(world, *node).zip(group(world, 0));
        mark.crown = leads.is_some_and(|(known, state)| known.badge.member != 0 && known.badge.member == state.leader);
        picture.nodes.push(mark);
    }
    picture.link_all(&[BROKER], &[Kafka::producer(0)]);
    picture.link_all(&[BROKER], &all);
    picture.figures.push(owners(world, matrix.0, matrix.1));
    picture
}

fn generation(world: &Shop) -> u32 {
    group(world, 0).map_or(0, |state| state.generation)
}

/// Whether every member that is to run and can is in the present generation and knows its share.
fn settled(world: &Shop) -> bool {
    let Some(state) = group(world, 0).filter(|state| state.state == GroupState::Stable) else { return false };
    let fine = |node: &NodeId| {
        consumer(world, *node).is_some_and(|known| {
            known.phase == Phase::In && known.share.is_none() && known.badge.generation == state.generation
        })
    };
    let able = |node: &NodeId| is_running(world, *node) && world.kernel().is_running(*node);
    consumers(world).iter().filter(|node| able(node)).all(fine)
}

fn running_members(world: &Shop) -> usize {
    group(world, 0).map_or(0, |state| state.members.len())
}

fn is_member(world: &Shop, node: NodeId) -> bool {
    group(world, 0).is_some_and(|state| state.member_on(node).is_some())
}

/// Whether a consumer is at work on a record of a partition that it owns.
fn at_work(world: &Shop, node: NodeId) -> bool {
    consumer(world, node)
        .is_some_and(|known| known.working.iter().flatten().any(|item| known.assigned.contains_key(&item.partition)))
}

/// How many consumers have had to stop for a rebalance so far.
fn stopped(world: &Shop) -> usize {
    consumers(world).iter().filter(|node| world.metrics().get(kafka::STOPPED, node.0).is_some()).count()
}

fn first(world: &Shop) -> Vec<NodeId> {
    vec![nth(world, 1)]
}

fn refused(message: &Message) -> bool {
    matches!(message, Message::Refused { why, .. } if *why != Refused::Rebalance)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A group",
        "Three consumers want to share six partitions. They form a *consumer group*. A broker of the cluster is the \
         group's *coordinator*; here there is only one broker. Watch all three ask it to join. What you see is the \
         *classic* protocol, still the default in Kafka 4.4.",
        |world| running_members(world) == 3,
    )
    .look(consumers),
    Beat::new(
        "A generation begins",
        "When all have joined, the coordinator begins a *generation*, numbered one higher with each rebalance, and \
         answers. One member becomes the leader: it will get the crown.",
        |world| flies(world, |message| matches!(message, Message::Joined { .. })),
    )
    .midway()
    .look(|_| vec![BROKER]),
    Beat::new(
        "The leader assigns",
        "The leader decides who gets which partitions. It is a client; the broker decides nothing. It tells the \
         coordinator, and the coordinator tells the others: that is SyncGroup.",
        |world| settled(world) && consumers(world).iter().filter(|node| at_work(world, **node)).count() >= 2,
    )
    .look(consumers),
    Beat::new(
        "A fourth member",
        "Consumer 4 joins. The coordinator cannot call its members: each hears of it in the answer to its next \
         heartbeat, and rejoins at its next poll. (From here on the session timeout is 1 s, and fewer records \
         come.)",
        |world| settled(world) && running_members(world) == 4,
    )
    .first(|_| {
        let slower =
            [(kafka::RATE, 3), (kafka::SESSION, 1_000_000), (kafka::HEARTBEAT, 400_000), (kafka::WORK, 400_000)];
        let slower = slower.map(|(setting, value)| Input::set(setting, value));
        slower.into_iter().chain([command(COMMAND_START, &[4])]).collect()
    })
    .look(|world| vec![nth(world, 4), BROKER])
    .ask(Predict {
        question: "How many of the first three members have to stop for that?",
        options: |_| vec!["None".to_owned(), "One or two".to_owned(), "All three".to_owned()],
        answer: |world| match stopped(world) {
            0 => 0,
            1 | 2 => 1,
            _ => 2,
        },
        because: "Eager rebalancing: all give up everything, and work on only when the last has rejoined. If it is \
                  cooperative, hardly anybody stops.",
    }),
    Beat::new(
        "A member dies",
        "Consumer 2 crashes and falls silent. Its partitions wait. When its *session timeout* has passed without a \
         heartbeat, the coordinator starts a rebalance.",
        |world| settled(world) && !is_member(world, nth(world, 2)) && at_work(world, nth(world, 1)),
    )
    .first(|world| vec![Input::Crash { node: nth(world, 2) }])
    .look(|world| vec![nth(world, 2)]),
    Beat::new(
        "Asleep, not dead",
        "Consumer 1 is paused in the middle of its work: a long garbage collection. To the others that looks like a \
         crash. A new generation begins without it.",
        |world| settled(world) && !is_member(world, nth(world, 1)),
    )
    .first(|world| vec![Input::Pause { node: nth(world, 1) }])
    .look(first)
    .ask(Predict {
        question: "Consumer 1 wakes up. What does it believe?",
        options: |_| {
            ["That it owns its partitions", "That it must join again", "That the others have crashed"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| usize::from(consumer(world, nth(world, 1)).is_none_or(|known| known.assigned.is_empty())),
        because: "Nobody could tell it. It is a *zombie* now: it picks up where it left off.",
    }),
    Beat::new(
        "Fenced",
        "The zombie finishes its record and commits, under its old generation. The coordinator refuses. The zombie \
         drops everything and joins as a new member.",
        |world| flies(world, refused),
    )
    .first(|world| vec![Input::Resume { node: nth(world, 1) }])
    .midway()
    .look(first),
    Beat::new(
        "Back in",
        "The new owner repeats what the zombie had done: at least once. What a zombie must not do is move the \
         group's offset under the new owner's feet.",
        |world| settled(world) && running_members(world) == 4 && at_work(world, nth(world, 1)),
    )
    .first(|world| vec![Input::Restart { node: nth(world, 2) }])
    .look(first),
    Beat::new(
        "Without the fence",
        "The rule is off, and consumer 1 sleeps again. As before, the others begin a new generation without it.",
        |world| settled(world) && !is_member(world, nth(world, 1)),
    )
    .first(|world| vec![Input::off(kafka::FENCE), Input::Pause { node: nth(world, 1) }])
    .look(first),
    Beat::new(
        "A zombie commits",
        "The zombie wakes up and commits, and its commit is taken. Watch the first promise: the group's offset now \
         comes from a consumer that is not a member.",
        |world| world.is_promise_broken(NO_ZOMBIE.id),
    )
    .first(|world| vec![Input::Resume { node: nth(world, 1) }])
    .midway()
    .look(first),
];

/// All four own something, and nobody stopped on the way.
fn joined_without_a_stop(world: &Shop) -> bool {
    let owns = |node: &NodeId| consumer(world, *node).is_some_and(|known| !known.assigned.is_empty());
    consumers(world).iter().all(owns) && stopped(world) == 0 && running_members(world) == 4 && generation(world) > 1
}

/// A member has come back under a new id, and the generation is the first one still.
fn came_back_unnoticed(world: &Shop) -> bool {
    let Some(state) = group(world, 0) else { return false };
    let back = state.members.keys().any(|member| *member > 3);
    back && state.generation == 1 && settled(world)
}

const CHALLENGES: &[Challenge<Kafka>] = &[
    Challenge {
        id: "nobody-stops",
        title: "Nobody stops",
        goal: "Get partitions to a fourth member without any member ever owning none.",
        hint: "Restart with the cooperative assignor: a partition that stays with its owner is never given up.",
        reached: joined_without_a_stop,
    },
    Challenge {
        id: "unnoticed",
        title: "Unnoticed",
        goal: "Restart a member without a rebalance.",
        hint: "Static members keep their place for a session timeout.",
        reached: came_back_unnoticed,
    },
    Challenge {
        id: "two-owners",
        title: "Two owners",
        goal: "Get one partition owned by two members of the same generation.",
        hint: "Switch off the rule that a partition is given up first, and let somebody join.",
        reached: |world| two_owners(world).is_some(),
    },
];

/// One member, one record: its session may end at any moment.
const ONE_MEMBER: Hunt<Kafka> = Hunt {
    settings: &[
        (kafka::PARTITIONS, 1),
        (kafka::PRODUCERS, 0),
        (kafka::CONSUMERS, 1),
        (kafka::RUNNING, 1),
        (kafka::PRELOADED, 1),
    ],
    inputs: Vec::new,
    bounds: Bounds::new(300_000, 60, Budget::NONE),
    within: |world| is_tame(world, 2, 1, 2),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Kafka>)] = &[(
    kafka::ONE_OWNER,
    Hunt {
        settings: &[
            (kafka::PARTITIONS, 2),
            (kafka::PRODUCERS, 0),
            (kafka::CONSUMERS, 2),
            (kafka::RUNNING, 1),
            (kafka::PRELOADED, 0),
        ],
        inputs: || vec![command(COMMAND_START, &[2])],
        bounds: Bounds::new(4_000_000, 40, Budget::NONE),
        // What is read does not matter here: nobody goes on to fetch.
        within: |world| is_tame(world, 3, 2, 2) && !flies(world, |message| matches!(message, Message::Fetch { .. })),
    },
)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Kafka> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Kafka>] = &[
        Breaks { rule: kafka::FENCE, promise: NO_ZOMBIE.id, way: Way::Explore },
        Breaks { rule: kafka::ONE_OWNER, promise: ONE_OWNER_EACH.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Kafka>] = &[
        Solution {
            challenge: "nobody-stops",
            from: || SCENARIO.from(&[], &[(kafka::ASSIGNOR, 3)]),
            act: |script| {
                script.until(settled);
                script.act(command(COMMAND_START, &[4]));
                script.until(joined_without_a_stop);
            },
        },
        Solution {
            challenge: "unnoticed",
            from: || SCENARIO.from(&[], &[(kafka::STATIC, 1)]),
            act: |script| {
                script.until(settled);
                let node = nth(script.world(), 2);
                script.act(Input::Crash { node });
                script.steps(10);
                script.act(Input::Restart { node });
                script.until(came_back_unnoticed);
            },
        },
        Solution {
            challenge: "two-owners",
            from: || SCENARIO.from(&[kafka::ONE_OWNER], &[]),
            act: |script| {
                script.until(settled);
                script.act(command(COMMAND_START, &[4]));
                script.until(|world| two_owners(world).is_some());
            },
        },
    ];
}
