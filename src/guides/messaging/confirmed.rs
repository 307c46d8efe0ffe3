//! What does *confirmed* mean? Three replicated brokers, the same messages: a process killed, one power cut, all of them.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::durability::promises::{
    GOES_ON, JETSTREAM_KEPT, KAFKA_KEPT, RABBIT_KEPT, gone, held, leader, leads, on_disk, partition,
};
use crate::systems::messaging::durability::{
    self as brokers, Disk, Durability, Lane, Memory, Message, REPLICATED, SYNC, publisher, servers,
};
use crate::systems::messaging::kafka_replication::{self as kafka, Fetched};
use crate::views::durability::{Brokers, picture};

type Beat = crate::guides::kit::tour::Beat<Durability>;

/// The scenario.
pub static SCENARIO: Scenario<Durability> = Scenario {
    slug: "confirmed",
    title: "What does confirmed mean?",
    guide: Guide::Messaging,
    level: 5,
    summary: "The broker says that your message is safe. Kill a process, cut the power of one machine, then of all \
              three, and see which broker still has what it confirmed.",
    seed: 4,
    settings: &[
        (brokers::REPLICAS, 1),
        (brokers::RATE, 3),
        (brokers::QUEUE_TYPE, 0),
        (brokers::FLUSH, 0),
        (brokers::SYNC_INTERVAL, 0),
        (brokers::WRITE_BACK, 30_000_000),
    ],
    rules: &[SYNC, REPLICATED],
    commands: &[brokers::PUBLISH],
    promises: &[RABBIT_KEPT, KAFKA_KEPT, JETSTREAM_KEPT, GOES_ON],
    faults: FaultModel { power_cut: true, skew: true, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Not on disk at the leader",
            about: "What a power cut would take from it. It never falls while new messages come, unless somebody \
                    flushes.",
            plot: Plot::Level(brokers::IN_MEMORY),
        },
        Chart {
            title: "Until confirmed, 95th percentile",
            about: "From the first send to the confirm. A gap is an election. Flushing takes no time here.",
            plot: Plot::PercentileOfEach(brokers::CONFIRM_TIME),
        },
        Chart { title: "Confirmed", about: "A second, by broker.", plot: Plot::Rate(brokers::CONFIRMED) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_COPY,
    without: &[(REPLICATED, ONE_RECORD)],
    terms: &[
        ("fsync", "The call that returns once a file's contents are on disk, and not before."),
        ("isr", "The replicas that have caught up with the leader, from which the next leader is chosen."),
        ("page cache", "Memory in which the operating system keeps what was written to files until it is on disk."),
    ],
    before: &["messaging/isr-and-acks"],
    near: &["messaging/jetstream-work-queue", "messaging/side-by-side", "consensus/raft-replication"],
    versions: versions!["RabbitMQ 4.3", "Kafka 4.4", "NATS server 2.14"],
    prose: prose!("confirmed.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn publish(lane: Lane, messages: i64) -> Input {
    Input::call(brokers::PUBLISH, &[lane as i64, messages])
}

fn each(holds: impl Fn(Lane) -> bool) -> bool {
    Lane::ALL.into_iter().all(holds)
}

/// The leaders that are up.
fn leaders(world: &Brokers) -> Vec<NodeId> {
    let all = Lane::ALL.into_iter().filter_map(|lane| leader(world, lane));
    all.filter(|node| leads(world, *node)).collect()
}

fn everyone(world: &Brokers) -> Vec<NodeId> {
    Lane::ALL.into_iter().flat_map(|lane| servers(world.settings(), lane)).collect()
}

fn publishers(world: &Brokers) -> Vec<NodeId> {
    Lane::ALL.map(|lane| publisher(world.settings(), lane)).to_vec()
}

fn crash(nodes: Vec<NodeId>) -> Vec<Input> {
    nodes.into_iter().map(|node| Input::Crash { node }).collect()
}

fn cut_power(nodes: Vec<NodeId>) -> Vec<Input> {
    nodes.into_iter().map(|node| Input::PowerCut { node }).collect()
}

fn restart_all(world: &Brokers) -> Vec<Input> {
    let down = everyone(world).into_iter().filter(|node| !world.kernel().node(*node).up);
    down.map(|node| Input::Restart { node }).collect()
}

fn all_up(world: &Brokers) -> bool {
    everyone(world).into_iter().all(|node| world.kernel().is_running(node))
}

/// Whether every lane has a leader, and no publisher waits for long.
fn flows(world: &Brokers) -> bool {
    leaders(world).len() == 3 && each(|lane| open(world, lane) <= 1)
}

/// Whether every lane goes on, though some machines are down.
fn others_lead(world: &Brokers) -> bool {
    flows(world) && !all_up(world)
}

/// Whether every lane has a leader, and every server what it has.
fn caught_up(world: &Brokers) -> bool {
    let newest = |node: NodeId| held(world, node).last().copied();
    let is_even = |lane: Lane| {
        let first = leader(world, lane).and_then(newest);
        first.is_some() && servers(world.settings(), lane).into_iter().all(|node| newest(node) == first)
    };
    all_up(world) && leaders(world).len() == 3 && partition(world).isr.count_ones() == 3 && each(is_even)
}

/// How many messages a lane's leader has in memory only.
fn exposed(world: &Brokers, lane: Lane) -> usize {
    let Some(node) = leader(world, lane) else { return 0 };
    let flushed = on_disk(world, node);
    held(world, node).iter().filter(|id| !flushed.contains(id)).count()
}

fn confirmed(world: &Brokers, lane: Lane) -> u32 {
    world.witness().of(lane).confirmed
}

/// How many servers of a lane have its newest confirmed message.
fn copies(world: &Brokers, lane: Lane) -> usize {
    let Some(id) = world.witness().of(lane).newest() else { return 0 };
    servers(world.settings(), lane).into_iter().filter(|node| held(world, *node).contains(&id)).count()
}

/// How many messages a publisher waits for.
fn open(world: &Brokers, lane: Lane) -> usize {
    match world.memory(publisher(world.settings(), lane)) {
        Some(Memory::Publisher(outbox)) => outbox.open.len(),
        _ => 0,
    }
}

/// Cuts every leader off from the other servers of its lane, and not from its publisher.
fn isolate(world: &Brokers) -> Vec<Input> {
    let cut = |lane: Lane| {
        let node = leader(world, lane);
        let others = servers(world.settings(), lane).into_iter().filter(move |other| Some(*other) != node);
        others.flat_map(move |to| {
            node.into_iter().flat_map(move |from| [Input::Cut { from, to }, Input::Cut { from: to, to: from }])
        })
    };
    Lane::ALL.into_iter().flat_map(cut).collect()
}

fn titles() -> Vec<String> {
    Lane::ALL.iter().map(|lane| lane.title().to_owned()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn is_any_gone(world: &Brokers) -> usize {
    usize::from(Lane::ALL.into_iter().any(|lane| gone(world, lane) > 0))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "The same messages, three brokers",
        "Each lane has a publisher and three machines. RabbitMQ and JetStream first elect a leader. \
         Firm cells are on disk, dashed ones only in memory.",
        |world| caught_up(world) && flows(world) && each(|lane| confirmed(world, lane) >= 3),
    )
    .look(publishers)
    .ask(Predict {
        question: "Which broker waits for all three machines before it confirms?",
        options: |_| titles(),
        answer: |_| 1,
        because: "Kafka waits for every in-sync replica, for now all three. A Raft group waits for a majority: two. \
                  Each flushes it first.",
    }),
    Beat::new(
        "A process is killed",
        "The process of each leader is killed. Its machine lives on, and with it the *page cache*, which belongs to \
         the operating system.",
        others_lead,
    )
    .first(|world| crash(leaders(world)))
    .look(leaders)
    .ask(Predict {
        question: "How many confirmed messages are gone?",
        options: |_| words(&["None", "Those in flight", "Those that only the leader had"]),
        answer: is_any_gone,
        because: "Another machine that has everything leads now, and what the killed process wrote is still there.",
    }),
    Beat::new(
        "As they are shipped",
        "The processes are back, and the first rule is off: every broker flushes by its own default. Watch which \
         strips turn dashed.",
        |world| caught_up(world) && [Lane::Kafka, Lane::JetStream].iter().all(|lane| exposed(world, *lane) >= 2),
    )
    .first(|world| [vec![Input::off(SYNC)], restart_all(world)].concat())
    .look(everyone)
    .ask(Predict {
        question: "Which of the three still flushes before it confirms?",
        options: |_| titles(),
        answer: |world| Lane::ALL.into_iter().position(|lane| exposed(world, lane) == 0).unwrap_or(0),
        because: "A quorum queue always does. Kafka leaves it to the operating system, JetStream flushes every two \
                  minutes: both confirm what enough machines have in memory.",
    }),
    Beat::new(
        "One machine loses power",
        "The leader's machine in each lane loses power. What it had in memory only is gone. (Fewer messages come \
         from here on.)",
        others_lead,
    )
    .first(|world| [vec![Input::set(brokers::RATE, 1)], cut_power(leaders(world))].concat())
    .look(leaders)
    .ask(Predict {
        question: "How many confirmed messages are gone now?",
        options: |_| words(&["None", "The dashed ones of Kafka and JetStream", "All dashed ones of JetStream"]),
        answer: is_any_gone,
        because: "The other two machines have them. Copies make up for what was not flushed, as long as the machines \
                  do not lose power together.",
    }),
    Beat::new(
        "It comes back with less",
        "The three machines are back. In Kafka and JetStream they have forgotten what the others know, and fetch it \
         again. Until then they must not lead: Kafka has taken its broker out of the *ISR*, and Raft votes for no \
         log that is behind.",
        caught_up,
    )
    .first(restart_all)
    .look(everyone),
    Beat::new(
        "The room goes dark",
        "One power supply, nine machines: all lose power at once. The strips show what is on their disks. The \
         publishers send and hear nothing.",
        |world| leaders(world).is_empty() && each(|lane| open(world, lane) >= 2),
    )
    .first(|world| cut_power(everyone(world)))
    .look(everyone),
    Beat::new(
        "Power is back",
        "All machines start again, and each lane gets a leader. Compare *confirmed* with *still there*.",
        |world| {
            let broken = |id| world.is_promise_broken(id);
            flows(world) && broken(KAFKA_KEPT.id) && broken(JETSTREAM_KEPT.id)
        },
    )
    .first(restart_all)
    .look(leaders)
    .ask(Predict {
        question: "Which broker has everything that it confirmed?",
        options: |_| [titles(), words(&["None of them"])].concat(),
        answer: |world| Lane::ALL.into_iter().position(|lane| gone(world, lane) == 0).unwrap_or(3),
        because: "Its quorum queue flushed each message on two machines before it confirmed it. The other two lost \
                  what came since their last flush, everywhere at once, and their publishers will not send it again.",
    }),
    Beat::new(
        "On one disk",
        "The first rule is on again: what is confirmed is flushed. Now the second rule is off: a leader confirms as \
         soon as it has flushed a message itself, as with acks=1. It is cut off from the other two, and a message \
         comes. Watch it being confirmed.",
        |world| each(|lane| copies(world, lane) == 1 && open(world, lane) == 0),
    )
    .first(|world| {
        let messages = Lane::ALL.map(|lane| publish(lane, 1));
        let rules = vec![Input::Rule { rule: SYNC, on: true }, Input::off(REPLICATED), Input::set(brokers::RATE, 0)];
        [rules, isolate(world), messages.to_vec()].concat()
    })
    .look(leaders),
    Beat::new(
        "Flushed, and gone",
        "The leaders' processes are killed, and the links are healed. The other two go on without them.",
        |world| {
            leaders(world).len() == 3 && world.is_promise_broken(RABBIT_KEPT.id) && each(|lane| gone(world, lane) > 0)
        },
    )
    .first(|world| {
        let alone = |lane: Lane| {
            let id = world.witness().of(lane).newest();
            let has = move |node: &NodeId| id.is_some_and(|id| held(world, *node).contains(&id));
            servers(world.settings(), lane).into_iter().filter(has)
        };
        [crash(Lane::ALL.into_iter().flat_map(alone).collect()), vec![Input::HealAll]].concat()
    })
    .look(leaders),
    Beat::new(
        "Will it come back?",
        "The killed processes start again, each with the message on its disk. Look at its row when all three have \
         caught up.",
        caught_up,
    )
    .first(restart_all)
    .look(leaders)
    .ask(Predict {
        question: "The message is on a disk. Will it come back with that machine?",
        options: |_| words(&["Yes, with all three brokers", "Only where Raft decides", "No, with none of them"]),
        answer: |world| if world.is_promise_broken(RABBIT_KEPT.id) { 2 } else { 0 },
        because: "Whoever leads decides what the log is, and a machine that comes back drops what its leader does \
                  not have. *Confirmed* needs both: enough machines, and a disk on each.",
    }),
];

/// How often the machines of a lane of Raft servers have lost power.
fn power_cuts(world: &Brokers, lane: Lane) -> Vec<u8> {
    let cuts = |node| match world.node(node).map(|node| &node.disk) {
        Some(Disk::Server(disk)) => disk.cuts,
        _ => 0,
    };
    servers(world.settings(), lane).into_iter().map(cuts).collect()
}

fn lost_by_one_cut(world: &Brokers) -> bool {
    let cuts: u8 = power_cuts(world, Lane::JetStream).into_iter().sum();
    cuts == 1
        && world.rules().on(REPLICATED)
        && servers(world.settings(), Lane::JetStream).len() == 3
        && world.is_promise_broken(JETSTREAM_KEPT.id)
}

fn rabbit_alone(world: &Brokers) -> bool {
    let broken = |id| world.is_promise_broken(id);
    world.rules().on(REPLICATED)
        && broken(RABBIT_KEPT.id)
        && each(|lane| lane == Lane::RabbitMq || gone(world, lane) == 0)
        && power_cuts(world, Lane::JetStream).into_iter().all(|cuts| cuts > 0)
}

fn waited(world: &Brokers) -> bool {
    let is_dark = power_cuts(world, Lane::JetStream).into_iter().all(|cuts| cuts > 0);
    is_dark
        && !world.rules().on(SYNC)
        && world.settings().get(brokers::WRITE_BACK) == 30_000_000
        && (world.settings().get(brokers::FLUSH), world.settings().get(brokers::SYNC_INTERVAL)) == (0, 0)
        && leaders(world).len() == 3
        && each(|lane| confirmed(world, lane) >= 5 && gone(world, lane) == 0)
}

const CHALLENGES: &[Challenge<Durability>] = &[
    Challenge {
        id: "one-power-cut",
        title: "One power cut is enough",
        goal: "With three replicas and the second rule on: make JetStream lose a confirmed message by cutting the \
               power of one machine, once.",
        hint: "Two of three have it. One of those two forgets it. How do you keep the other from telling the third?",
        reached: lost_by_one_cut,
    },
    Challenge {
        id: "rabbit-alone",
        title: "The other way round",
        goal: "Cut the power of all machines so that RabbitMQ loses confirmed messages, and Kafka and JetStream lose \
               none.",
        hint: "Each has a setting of its own. RabbitMQ's is the type of the queue.",
        reached: rabbit_alone,
    },
    Challenge {
        id: "half-a-minute",
        title: "Half a minute",
        goal: "With the first rule off and every setting at its default: cut the power of all machines, and lose \
               nothing of at least five confirmed messages.",
        hint: "Who flushes when no broker does, and when?",
        reached: waited,
    },
];

/// JetStream alone, one server, one message, one power cut.
const ONE_COPY: Hunt<Durability> = Hunt {
    settings: &[(brokers::LANES, 3), (brokers::REPLICAS, 0), (brokers::RATE, 0)],
    inputs: || vec![publish(Lane::JetStream, 1)],
    bounds: Bounds::new(100_000, 40, Budget::power_cuts(1)),
    within: |world| world.kernel().pending_count() < 10,
};

/// Two leaders and two changes of the partition; nobody registers again, asks who leads, or fetches for nothing.
fn is_calm(world: &Brokers) -> bool {
    let known = partition(world);
    let mut fetching = Vec::new();
    let calm = world.flights().all(|flight| {
        let Message::Kafka(message) = flight.message else { return true };
        match message {
            kafka::Message::Fetch { .. } => {
                let again = fetching.contains(&flight.from);
                fetching.push(flight.from);
                !again
            }
            kafka::Message::FetchAnswer { fetched: Fetched::Records(records), hw, .. } => {
                !records.is_empty() || *hw > 0
            }
            kafka::Message::Heartbeat { .. }
            | kafka::Message::Register { .. }
            | kafka::Message::Stale
            | kafka::Message::WhoLeads
            | kafka::Message::AlterPartition { .. } => false,
            _ => true,
        }
    });
    known.leader_epoch <= 2 && known.epoch <= 2 && calm
}

/// Kafka alone: three brokers in sync, and one record. Sessions may end whenever they like.
const ONE_RECORD: Hunt<Durability> = Hunt {
    settings: &[(brokers::LANES, 2), (brokers::RATE, 0)],
    inputs: || vec![publish(Lane::Kafka, 1)],
    bounds: Bounds::new(400_000, 40, Budget::NONE),
    within: is_calm,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Durability> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Durability>] = &[
        Breaks { rule: SYNC, promise: JETSTREAM_KEPT.id, way: Way::Explore },
        Breaks { rule: REPLICATED, promise: KAFKA_KEPT.id, way: Way::Explore },
    ];

    /// All machines lose power and start again.
    fn go_dark(script: &mut Script<Durability>) {
        let all = everyone(script.world());
        cut_power(all.clone()).into_iter().for_each(|input| _ = script.act(input));
        all.into_iter().for_each(|node| _ = script.act(Input::Restart { node }));
    }

    const SOLUTIONS: &[Solution<Durability>] = &[
        Solution {
            challenge: "one-power-cut",
            from: || SCENARIO.from(&[SYNC], &[(brokers::RATE, 0)]),
            act: |script| {
                script.until(|world| leaders(world).len() == 3);
                let Some(leads) = leader(script.world(), Lane::JetStream) else { return };
                let mut others = servers(script.world().settings(), Lane::JetStream);
                others.retain(|node| *node != leads);
                let [near, far] = [others[0], others[1]];
                for node in [leads, near] {
                    script.act(Input::Cut { from: node, to: far });
                    script.act(Input::Cut { from: far, to: node });
                }
                script.act(publish(Lane::JetStream, 1));
                script.until(|world| confirmed(world, Lane::JetStream) > 0);
                script.act(Input::PowerCut { node: near });
                script.act(Input::Crash { node: leads });
                script.act(Input::Restart { node: near });
                script.act(Input::HealAll);
                script.until(lost_by_one_cut);
            },
        },
        Solution {
            challenge: "rabbit-alone",
            from: || {
                let settings = [(brokers::QUEUE_TYPE, 1), (brokers::FLUSH, 1), (brokers::SYNC_INTERVAL, 2)];
                SCENARIO.from(&[SYNC], &settings)
            },
            act: |script| {
                script.until(|world| each(|lane| confirmed(world, lane) >= 3));
                go_dark(script);
                script.until(|world| leaders(world).len() == 3 && rabbit_alone(world));
            },
        },
        Solution {
            challenge: "half-a-minute",
            from: || SCENARIO.from(&[SYNC], &[]),
            act: |script| {
                script.until(|world| each(|lane| confirmed(world, lane) >= 5));
                script.act(Input::set(brokers::RATE, 0));
                let now = script.world().kernel().now();
                script.until(|world| world.kernel().now() > now + 31 * SEC);
                go_dark(script);
                script.until(waited);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::run::Run;
    use crate::sim::run::chaos::storm;
    use crate::sim::run::tape::Tape;

    fn seeded(seed: u64, off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
        Origin { seed, ..SCENARIO.from(off, settings) }
    }

    fn act(script: &mut Script<Durability>, inputs: Vec<Input>) {
        inputs.into_iter().for_each(|input| assert!(script.act(input)));
    }

    fn restart(script: &mut Script<Durability>) -> [u32; 3] {
        let restarts = restart_all(script.world());
        act(script, restarts);
        assert!(script.until(|world| leaders(world).len() == 3));
        Lane::ALL.map(|lane| gone(script.world(), lane))
    }

    /// What is gone in each lane after a fault that strikes all machines at once, at the defaults of the brokers.
    fn gone_after(settings: &[(SettingId, i64)], fault: fn(Vec<NodeId>) -> Vec<Input>) -> [u32; 3] {
        let mut script = SCENARIO.script(&seeded(9, &[SYNC], settings));
        assert!(script.until(|world| each(|lane| confirmed(world, lane) >= 6)));
        let all = everyone(script.world());
        act(&mut script, fault(all));
        restart(&mut script)
    }

    #[test]
    fn as_they_are_shipped_a_quorum_queue_alone_bears_a_power_cut_of_all() {
        assert_eq!(gone_after(&[], crash), [0, 0, 0]);
        let [rabbit, kafka, jetstream] = gone_after(&[], cut_power);
        assert!(rabbit == 0 && kafka >= 6 && jetstream >= 6, "{rabbit} {kafka} {jetstream}");
    }

    #[test]
    fn each_broker_has_a_setting_that_decides() {
        let flushed = [(brokers::QUEUE_TYPE, 1), (brokers::FLUSH, 1), (brokers::SYNC_INTERVAL, 2)];
        let [rabbit, kafka, jetstream] = gone_after(&flushed, cut_power);
        assert!(rabbit >= 6 && (kafka, jetstream) == (0, 0), "{rabbit} {kafka} {jetstream}");
        assert_eq!(gone_after(&[(brokers::REPLICAS, 0), flushed[1], flushed[2]], cut_power), [0, 0, 0]);
    }

    /// One machine a lane, while the other two have everything: the copies make up for it.
    #[test]
    fn one_power_cut_at_a_time_loses_nothing_while_the_others_are_in_sync() {
        for seed in 0..10 {
            let mut script = SCENARIO.script(&seeded(seed, &[SYNC], &[]));
            for turn in 0..6 {
                assert!(script.until(|world| caught_up(world) && each(|lane| confirmed(world, lane) > 4 * turn)));
                let struck = match turn % 2 {
                    0 => leaders(script.world()),
                    _ => Lane::ALL.map(|lane| servers(script.world().settings(), lane)[turn as usize % 3]).to_vec(),
                };
                act(&mut script, cut_power(struck));
                script.steps(20 * u64::from(turn));
                assert_eq!(restart(&mut script), [0, 0, 0], "seed {seed}, turn {turn}");
            }
        }
    }

    /// Whatever loses power: a quorum queue keeps what it confirmed, as long as enough replicas have it.
    #[test]
    fn a_quorum_queue_needs_both_rules_and_has_one_built_in() {
        let loses = |off: &[RuleId]| {
            (0..60).any(|seed| {
                let mut run = Run::new(SCENARIO.world(&seeded(seed, off, &[]), &[]), Tape::default());
                storm(&mut run, SCENARIO.faults, seed, 400);
                run.world().is_promise_broken(RABBIT_KEPT.id)
            })
        };
        assert!(!loses(&[SYNC]));
        assert!(loses(&[REPLICATED]));
    }
}
