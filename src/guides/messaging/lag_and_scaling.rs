//! Lag and scaling: how far a group is behind, and what more members can and cannot do about it.

use crate::guides::kit::prelude::*;
use crate::sim::numbers::{counted, grouped};
use crate::systems::messaging::kafka::promises::{LAG_BOUNDED, NOTHING_MISSED, OWNED_AGAIN, lag};
use crate::systems::messaging::kafka::{
    self as kafka, BROKER, COMMAND_PUBLISH, COMMAND_START, COMMAND_STOP, Kafka, Memory, Message, Scaler,
};
use crate::views::kafka::{
    Shop, broker_mark, consumer, consumer_mark, consumers, group, is_tame, logs, owners, producer_mark,
};

type Beat = crate::guides::kit::tour::Beat<Kafka>;

/// How many records each one here stands for.
const RECORDS: u32 = 200;

/// The scenario.
pub static SCENARIO: Scenario<Kafka> = Scenario {
    slug: "lag-and-scaling",
    title: "Lag and scaling",
    guide: Guide::Messaging,
    level: 5,
    summary: "Lag climbs, and a scaler starts one consumer after another. With three partitions the fourth has \
              nothing to do, and the lag keeps climbing.",
    seed: 6,
    settings: &[
        (kafka::RATE, 20),
        (kafka::WORK, 120_000),
        (kafka::PARTITIONS, 3),
        (kafka::RUNNING, 2),
        (kafka::ASSIGNOR, 0),
        (kafka::MAX_POLL, 4),
        (kafka::ALERT, 10_000),
    ],
    fixed: &[
        (kafka::CONSUMERS, 6),
        (kafka::SCALER, 1),
        (kafka::WEIGHT, RECORDS as i64),
        (kafka::KEYS, 0),
        (kafka::BATCH, 4),
        (kafka::LINGER, 50_000),
        (kafka::RESET, 1),
        (kafka::METADATA_AGE, 1_000_000),
    ],
    rules: &[kafka::MEMBERS_WITHIN],
    commands: &[COMMAND_PUBLISH, COMMAND_START, COMMAND_STOP],
    promises: &[LAG_BOUNDED, OWNED_AGAIN, NOTHING_MISSED],
    faults: FaultModel { crash: true, pause: true, slow: true, cut: true, most_down: usize::MAX, ..FaultModel::NONE },
    presets: &[("Rush hour", &[(kafka::RATE, 60)]), ("Slow work", &[(kafka::WORK, 400_000)])],
    load: true,
    charts: &[
        Chart {
            title: "Records",
            about: "What producers append, and what the group gets done. The lag grows by the difference.",
            plot: Plot::Rates(&[("in", kafka::APPENDED, RECORDS), ("done", kafka::DONE, 1)]),
        },
        Chart {
            title: "Lag",
            about: "Log end minus committed offset, over all partitions. The alarm goes above 10,000.",
            plot: Plot::Level(kafka::LAG),
        },
        Chart {
            title: "Members",
            about: "All of them, and those that own a partition. The difference is idle.",
            plot: Plot::Level(kafka::MEMBERS),
        },
        Chart { title: "Done by each", about: "By consumer. An idle one does none.", plot: Plot::Rate(kafka::DONE) },
        Chart {
            title: "Time stopped",
            about: "What each rebalance costs every member.",
            plot: Plot::Percentiles(kafka::STOPPED),
        },
        Chart {
            title: "Rebalances",
            about: "One for each change of the members.",
            plot: Plot::Rate(kafka::REBALANCES),
        },
    ],
    subject,
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: SMALL_GROUP,
    terms: &[
        ("metadata", "What clients know about a topic's partitions."),
        ("rebalance", "Dealing out a group's partitions again."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/rebalance", "messaging/flash-sale"],
    versions: versions!["Kafka 4.4", "KEDA 2"],
    prose: prose!("lag_and_scaling.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match (metric, subject) {
        (kafka::MEMBERS, 0) => "members".to_owned(),
        (kafka::MEMBERS, _) => "owners".to_owned(),
        (kafka::LAG | kafka::REBALANCES, _) => "group A".to_owned(),
        _ => Kafka::name(settings, NodeId(subject)),
    }
}

/// A place on the stage.
type Spot = (i32, i32);

fn scaler(world: &Shop) -> Option<(NodeId, &Scaler)> {
    let node = Kafka::scaler(world.settings())?;
    match world.memory(node) {
        Some(Memory::Scaler(scaler)) => Some((node, scaler)),
        _ => None,
    }
}

fn members(world: &Shop) -> u32 {
    group(world, 0).map_or(0, |state| state.members.len() as u32)
}

fn with_partitions(world: &Shop) -> u32 {
    group(world, 0).map_or(0, |state| state.members.values().filter(|member| !member.share.is_empty()).count() as u32)
}

/// How many consumers own a partition by their own account: while an eager group rebalances, none does.
fn at_work(world: &Shop) -> u32 {
    let owns = |node: &NodeId| consumer(world, *node).is_some_and(|known| !known.assigned.is_empty());
    consumers(world).iter().filter(|node| owns(node)).count() as u32
}

fn partitions(world: &Shop) -> u32 {
    logs(world).count() as u32
}

fn alert(world: &Shop) -> u64 {
    world.settings().amount(kafka::ALERT)
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (top, places, bars, matrix): ([Spot; 3], [Spot; 6], _, _) = match frame {
        Frame::Wide => {
            let places = [85, 243, 401, 559, 717, 875].map(|x| (x, 410));
            ([(110, 250), (370, 250), (720, 264)], places, ((30, 16), (400, 120)), ((540, 16), (400, 182)))
        }
        Frame::Narrow => {
            let places = [(60, 190), (60, 280), (60, 370), (340, 190), (340, 280), (340, 370)];
            ([(200, 164), (200, 262), (200, 370)], places, ((8, 8), (384, 116)), ((8, 420), (384, 140)))
        }
    };
    picture.nodes.push(broker_mark(world, top[1], Some(0)));
    picture.nodes.push(producer_mark(world, Kafka::producer(0), top[0]));
    let all = consumers(world);
    for (node, at) in all.iter().zip(places) {
        picture.nodes.push(consumer_mark(world, *node, at));
    }
    if let Some(node) = Kafka::scaler(world.settings()) {
        let mut mark = NodeMark::new(node, top[2], Shape::Service, "scaler");
        mark.tone = Tone::Service;
        if let Some((_, scaler)) = scaler(world) {
            mark.state = format!("wants {}", counted(u64::from(scaler.wanted), "member"));
        }
        picture.nodes.push(mark);
        picture.link_all(&[node], &[BROKER]);
        picture.link_all(&[node], &all);
    }
    picture.link_all(&[BROKER], &[Kafka::producer(0)]);
    picture.link_all(&[BROKER], &all);
    picture.figures.push(levels(world, bars.0, bars.1));
    picture.figures.push(owners(world, matrix.0, matrix.1));
    picture
}

/// The lag against the alert, and how many members there are, work, and could.
fn levels(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (behind, alert) = (lag(world), alert(world));
    let tone = match behind {
        over if over > alert => Tone::Broken,
        over if over > alert / 2 => Tone::Risk,
        _ => Tone::Fine,
    };
    let bar = |label: &str, value: u32, full: u32, tone: Tone| {
        let text = grouped(u64::from(value));
        Bar { label: label.to_owned(), value, full, text, tone }
    };
    let idle = members(world).saturating_sub(with_partitions(world));
    let bars = vec![
        bar("lag", behind as u32, alert as u32 * 2, tone),
        bar("partitions", partitions(world), 8, Tone::Store),
        bar("at work", at_work(world), 8, Tone::Consumer),
        bar("idle", idle, 8, if idle > 0 { Tone::Risk } else { Tone::Off }),
    ];
    let title = format!("The alarm goes above {}: half the bar", grouped(alert));
    Figure { id: "levels", at, size, title, body: Body::Bars(bars) }
}

fn the_scaler(world: &Shop) -> Vec<NodeId> {
    Kafka::scaler(world.settings()).into_iter().collect()
}

fn idle_members(world: &Shop) -> Vec<NodeId> {
    let idle = |node: &NodeId| {
        let rests = consumer(world, *node).is_some_and(|known| known.assigned.is_empty());
        rests && group(world, 0).is_some_and(|state| state.member_on(*node).is_some())
    };
    consumers(world).into_iter().filter(idle).collect()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "4,000 records a second",
        "Three partitions, two consumers. Each record here stands for 200: here comes the first. Together the two \
         can do about 3,300 a second.",
        |world| on_the_way(world, |message| matches!(message, Message::Produce(_))) > 0,
    )
    .midway()
    .look(consumers),
    Beat::new(
        "Lag",
        "The *lag* is what is in the log but not committed: log end minus committed offset, over all partitions. It \
         grows when more comes in than gets done.",
        |world| lag(world) >= 2_000,
    )
    .look(|_| vec![BROKER]),
    Beat::new(
        "One more member",
        "At half the alarm the scaler starts a third consumer. It joins, and the group rebalances. Before an eager \
         member joins again it gives up its partitions: for a moment the bar \"at work\" is empty.",
        |world| members(world) == 3 && at_work(world) == 0,
    )
    .look(the_scaler)
    .ask(Predict {
        question: "What does the lag do while the group rebalances?",
        options: |_| ["It grows", "It stands still", "It falls"].map(str::to_owned).to_vec(),
        answer: |world| if lag(world) > alert(world) / 2 { 0 } else { 2 },
        because: "Eager members have given up everything, and the producer does not wait. Every change of members \
                  costs that.",
    }),
    Beat::new(
        "It comes down",
        "Three members for three partitions do 5,000 a second, more than comes in. The lag falls.",
        |world| lag(world) <= alert(world) / 4,
    )
    .look(consumers),
    Beat::new(
        "Every member at once",
        "Now 6,000 a second come in, and the rule is off: the scaler starts more members than there are partitions. \
         The lag crosses the alarm. Watch the bars, and the grid of who owns what.",
        |world| at_work(world) == 3 && !idle_members(world).is_empty() && lag(world) > alert(world),
    )
    .first(|_| vec![Input::off(kafka::MEMBERS_WITHIN), Input::set(kafka::RATE, 30)])
    .look(idle_members)
    .ask(Predict {
        question: "Four or more members, three partitions. How many of them work?",
        options: |_| ["Three", "All but one", "All of them"].map(str::to_owned).to_vec(),
        answer: |world| if with_partitions(world) > 3 { 2 } else { 0 },
        because: "A partition has one owner in a consumer group. That is what keeps its order, and what bounds the \
                  group.",
    }),
    Beat::new(
        "Partitions first",
        "The rule is on again: members are kept within the partitions, so the scaler adds partitions. Everyone \
         learns of them at the next metadata refresh, and the group rebalances once more.",
        |world| partitions(world) > 3 && idle_members(world).is_empty() && with_partitions(world) > 3,
    )
    .first(|_| vec![Input::Rule { rule: kafka::MEMBERS_WITHIN, on: true }])
    .look(the_scaler),
    Beat::new(
        "Under the alarm again",
        "The rush is over: half as much comes in. New records go to the new partitions as well. Old ones stay where \
         they are, and the old partitions drain at their own pace.",
        |world| lag(world) <= alert(world) / 2,
    )
    .first(|_| vec![Input::set(kafka::RATE, 15)])
    .look(consumers),
];

const CHALLENGES: &[Challenge<Kafka>] = &[
    Challenge {
        id: "idle",
        title: "Nothing to do",
        goal: "Get three members into the group that own no partition.",
        hint: "Nobody but the scaler looks at the number of partitions. You can start consumers yourself.",
        reached: |world| idle_members(world).len() >= 3,
    },
    Challenge {
        id: "alarm",
        title: "Alarm",
        goal: "Bring the lag above the alarm without touching the rate or the rule.",
        hint: "A member that is down does no work, and the group takes its time to notice.",
        reached: |world| lag(world) > alert(world) && world.rules() == RuleSet::ALL,
    },
];

/// One member, one partition, one record that it has not read, one crash.
const SMALL_GROUP: Hunt<Kafka> = Hunt {
    settings: &[
        (kafka::PARTITIONS, 1),
        (kafka::PRODUCERS, 0),
        (kafka::CONSUMERS, 1),
        (kafka::RUNNING, 1),
        (kafka::PRELOADED, 2),
        (kafka::SCALER, 0),
        (kafka::METADATA_AGE, 0),
    ],
    inputs: Vec::new,
    bounds: Bounds::new(200_000, 60, Budget::crashes(1)),
    within: |world| is_tame(world, 2, 2, 1),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::kafka::{command, nth};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Kafka> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Kafka>] = &[Breaks {
        rule: kafka::MEMBERS_WITHIN,
        promise: LAG_BOUNDED.id,
        way: Way::Script {
            settings: &[(kafka::RATE, 30)],
            act: |script| {
                script.until(|world| world.is_promise_broken(LAG_BOUNDED.id));
            },
            reason: "It takes half a minute of arrivals: the explorer knows no rate, and nothing has to fail.",
        },
    }];

    const SOLUTIONS: &[Solution<Kafka>] = &[
        Solution {
            challenge: "idle",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.steps(60);
                (3..=6).for_each(|number| {
                    script.act(command(COMMAND_START, &[number]));
                });
                script.until(|world| idle_members(world).len() >= 3);
            },
        },
        Solution {
            challenge: "alarm",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.steps(200);
                for number in 1..=3 {
                    let node = nth(script.world(), number);
                    script.act(Input::Pause { node });
                }
                script.until(|world| lag(world) > alert(world));
            },
        },
    ];
}
