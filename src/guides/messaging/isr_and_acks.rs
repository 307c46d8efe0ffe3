//! Replicas, ISR and acks: what Kafka's acknowledgement is worth, and who may lead.

use crate::guides::kit::prelude::*;
use crate::systems::messaging::kafka_replication::promises::{
    IN_SYNC, KEPT, READ_STAYS, SAME_LOG, SURVIVES, brokers, disk, forgotten, leader, partition, whole,
};
use crate::systems::messaging::kafka_replication::{
    self as kafka, CONSUMER, CONTROLLER, Consumed, Fetched, Message, PRODUCER, Produced, Replication, broker_of,
    node_of,
};
use crate::views::kafka_replication::{Cluster, broker, client, everybody, in_sync, leads, logs, places, table};

type Beat = crate::guides::kit::tour::Beat<Replication>;

/// The scenario.
pub static SCENARIO: Scenario<Replication> = Scenario {
    slug: "isr-and-acks",
    title: "Replicas, ISR and acks",
    guide: Guide::Messaging,
    level: 3,
    summary: "Three brokers keep one partition, and the producer is told that a record is in. Turn acks down, or let \
              the wrong broker lead, and see an acknowledged record vanish.",
    seed: 4,
    settings: &[
        (kafka::REPLICAS, 3),
        (kafka::RATE, 4),
        (kafka::ACKS, 1),
        (kafka::LAG, 3_000_000),
        (kafka::SESSION, 900_000),
        (kafka::FLUSH, 0),
    ],
    rules: &[kafka::ACKS_ALL, kafka::MIN_ISR, kafka::CLEAN, kafka::READ_TO_HW, kafka::EPOCHS],
    commands: &[kafka::PRODUCE, kafka::MOVE_LEADER],
    promises: &[KEPT, SURVIVES, READ_STAYS, SAME_LOG, IN_SYNC],
    faults: FaultModel { skew: true, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Time to the acknowledgement",
            about: "With acks=all it depends on the slowest in-sync replica; a gap means that too few are in sync.",
            plot: Plot::Percentiles(kafka::ACK_TIME),
        },
        Chart {
            title: "In-sync replicas",
            about: "Below two, no record with acks=all is accepted.",
            plot: Plot::Level(kafka::ISR_SIZE),
        },
        Chart {
            title: "Uncommitted records",
            about: "The leader's records beyond the high watermark: nobody may read them yet.",
            plot: Plot::Level(kafka::UNCOMMITTED),
        },
        Chart { title: "Records read", about: "The consumer, a second.", plot: Plot::Rate(kafka::READ) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_RECORD,
    without: WITHOUT,
    terms: &[
        ("high watermark", "The offset below which every in-sync replica has all records; consumers read up to it."),
        ("isr", "The replicas that have caught up with the leader, from which the next leader is chosen."),
        ("leader epoch", "A leadership's number, stamped on every record that its leader takes."),
        ("quorum", "Enough nodes that any two such sets share one."),
    ],
    before: &["messaging/event-log"],
    near: &["messaging/confirmed", "consensus/raft-replication", "consensus/quorums"],
    versions: versions!["Kafka 4.4"],
    prose: prose!("isr_and_acks.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = everybody(world);
    let (spots, [controller, producer, consumer]) = places(frame, all.len());
    picture.nodes.push(client(world, PRODUCER, producer, Tone::Producer));
    picture.nodes.push(client(world, CONSUMER, consumer, Tone::Consumer));
    let mut mark = NodeMark::new(CONTROLLER, controller, Shape::Service, "controller");
    let known = partition(world);
    mark.state = known.leader.map_or("nobody leads".to_owned(), |leader| {
        format!("broker {} leads epoch {}", leader + 1, known.leader_epoch)
    });
    mark.tone = if known.leader.is_some() { Tone::Service } else { Tone::Risk };
    picture.nodes.push(mark);
    for (node, at) in all.iter().zip(spots) {
        picture.nodes.push(broker(world, *node, *at));
    }
    picture.link_all(&all, &all);
    picture.link_all(&[CONTROLLER, PRODUCER, CONSUMER], &all);
    let members = in_sync(world);
    let tone = if members.len() >= 2 { Tone::Fine } else { Tone::Risk };
    picture.sets.push(SetMark { members, label: "in-sync replicas".to_owned(), tone });
    picture.figures.push(logs(world, frame, all.len()));
    if frame == Frame::Wide {
        picture.figures.push(table(world, &all));
    }
    picture
}

fn produce(records: i64) -> Input {
    Input::call(kafka::PRODUCE, &[records])
}

fn newest_ack(world: &Cluster) -> Option<(u32, Option<u32>)> {
    world.witness().acked().last().copied()
}

/// How many logs hold the record that was acknowledged last.
fn copies(world: &Cluster) -> usize {
    let Some((id, _)) = newest_ack(world) else { return 0 };
    brokers(world).filter(|node| disk(world, *node).is_some_and(|disk| disk.log.holds(id))).count()
}

fn flies(world: &Cluster, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

/// Cuts the followers' fetches to the leader.
fn cut_fetches(world: &Cluster) -> Vec<Input> {
    let Some(to) = leader(world) else { return Vec::new() };
    brokers(world).filter(|from| *from != to).map(|from| Input::Cut { from, to }).collect()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One partition, three brokers",
        "Each broker keeps a copy of the same log. The *ISR* is the set of copies that are in sync: the field around \
         them. Watch all three register with the controller, which will say who leads.",
        |world| on_the_way(world, |message| matches!(message, Message::Register { .. })) == 3,
    )
    .midway()
    .look(everybody),
    Beat::new(
        "A leader",
        "The first in-sync replica becomes the leader of epoch 1. The others fetch from it, as consumers do: watch \
         their first fetches leave.",
        |world| leader(world).is_some() && on_the_way(world, |message| matches!(message, Message::Fetch { .. })) >= 2,
    )
    .midway()
    .look(|world| leader(world).into_iter().collect()),
    Beat::new(
        "Written, then acknowledged",
        "With acks=all the leader writes a record, and does not answer at once. The followers fetch it. At some point \
         the leader moves the *high watermark*, the bar in its row, and acknowledges. min.insync.replicas is 2.",
        |world| whole(world) && newest_ack(world).is_some(),
    )
    .look(|world| leader(world).into_iter().collect())
    .ask(Predict {
        question: "How many brokers have the record when the producer is told?",
        options: |_| {
            ["One, the leader", "Two, as min.insync.replicas says", "Three, all that are in sync"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| copies(world).clamp(1, 3) - 1,
        because: "For now that is every broker. min.insync.replicas only says when to refuse.",
    }),
    Beat::new(
        "A follower is gone",
        "Broker 3 crashes. Until its session ends, its missing copy holds up every acknowledgement. Then the \
         controller takes it out of the ISR, and the leader no longer waits for it: the next acknowledgement is on its \
         way.",
        |world| {
            let taken = |message: &Message| matches!(message, Message::ProduceAnswer { produced: Produced::At(_), .. });
            in_sync(world).len() == 2 && flies(world, taken)
        },
    )
    .first(|_| vec![Input::Crash { node: node_of(2) }])
    .midway()
    .look(in_sync),
    Beat::new(
        "The leader too",
        "Now the leader crashes. Only a broker in the ISR may take over: it has everything that was acknowledged.",
        |world| leader(world).is_some() && partition(world).leader_epoch >= 2,
    )
    .first(|world| leader(world).map(|node| Input::Crash { node }).into_iter().collect())
    .look(in_sync)
    .ask(Predict {
        question: "Only broker 2 is left. How many acknowledged records does it lack?",
        options: |_| ["None", "What broker 3 never fetched", "The leader's last few"].map(str::to_owned).to_vec(),
        answer: |world| if forgotten(world).is_some() { 2 } else { 0 },
        because: "It was in sync, and nothing was acknowledged that it did not have.",
    }),
    Beat::new(
        "Not enough replicas",
        "One in-sync replica is left, and min.insync.replicas is 2. The leader refuses: a record that it took now \
         would have a single copy. The producer keeps trying.",
        |world| {
            let refused = |message: &Message| {
                matches!(message, Message::ProduceAnswer { produced: Produced::NotEnoughReplicas, .. })
            };
            flies(world, refused)
        },
    )
    .first(|_| vec![produce(1)])
    .midway()
    .look(|_| vec![PRODUCER]),
    Beat::new(
        "Back in sync",
        "Both come back. Each tells the leader the epoch of its last record, drops what the leader never had, \
         fetches the rest, and joins the ISR once it has caught up.",
        whole,
    )
    .first(|world| {
        let down = brokers(world).filter(|node| !world.kernel().node(*node).up);
        down.map(|node| Input::Restart { node }).collect()
    })
    .midway()
    .look(everybody),
    Beat::new(
        "Now with acks=1",
        "The rule is off: the leader acknowledges what it alone has written. The followers' fetches are cut, and the \
         producer is told that all is well. Compare the rows: one has more than the others.",
        |world| copies(world) == 1,
    )
    .first(|world| {
        let mut inputs = vec![Input::off(kafka::ACKS_ALL)];
        inputs.extend(cut_fetches(world));
        inputs.push(produce(2));
        inputs
    })
    .look(|world| leader(world).into_iter().collect()),
    Beat::new(
        "Acknowledged, and gone",
        "The leader crashes. A follower takes over that counts as in sync. Compare the rows: its \
         log ends long before the old leader's.",
        |world| leader(world).is_some() && partition(world).leader_epoch >= 3,
    )
    .first(|world| {
        let crash = leader(world).map(|node| Input::Crash { node });
        crash.into_iter().chain([Input::HealAll]).collect()
    })
    .look(|world| leader(world).into_iter().collect())
    .ask(Predict {
        question: "Does the new leader have what was acknowledged last?",
        options: |_| {
            ["Yes: it was in sync", "No, but it can fetch it yet", "No, and nobody ever will"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if world.is_promise_broken(KEPT.id) { 2 } else { 0 },
        because: "acks=1 asks nobody but the leader. What it had not passed on is gone, even if it comes back: it \
                  will drop what the new leader lacks. And the producer will not send it again.",
    }),
];

fn two_leaders(world: &Cluster) -> bool {
    brokers(world).filter(|node| leads(world, *node)).count() >= 2
}

/// Everybody is up, and yet somebody is not in sync.
fn laggard(world: &Cluster) -> bool {
    let up = brokers(world).all(|node| world.kernel().is_running(node));
    up && leader(world).is_some() && in_sync(world).len() < brokers(world).count()
}

const CHALLENGES: &[Challenge<Replication>] = &[
    Challenge {
        id: "two-leaders",
        title: "Two who believe they lead",
        goal: "Make two brokers believe that they lead the partition.",
        hint: "A leader learns of its successor from the controller. What if it cannot hear it?",
        reached: two_leaders,
    },
    Challenge {
        id: "alive-and-out",
        title: "Alive, and out of sync",
        goal: "Get a broker out of the ISR while it is up and keeps its session.",
        hint: "It has to hear the controller and not the leader, for replica.lag.time.max.ms.",
        reached: laggard,
    },
    Challenge {
        id: "unclean",
        title: "An unclean election",
        goal: "With clean elections off: lose a record that every in-sync replica had when it was acknowledged.",
        hint: "One broker has to miss the record and then be the only one there.",
        reached: |world| forgotten(world).is_some(),
    },
];

/// So many leaders and changes of the partition; nobody registers again, asks who leads, or fetches for nothing, and
/// no heartbeats but those of `heard`: a session may end at any time.
fn within(world: &Cluster, leaders: u16, changes: u16, heard: Option<NodeId>) -> bool {
    let known = partition(world);
    let mut fetching = 0u8;
    let calm = world.flights().all(|flight| match flight.message {
        Message::Heartbeat { .. } => heard == Some(flight.from),
        Message::Fetch { .. } => {
            let bit = 1 << broker_of(flight.from);
            let again = fetching & bit != 0;
            fetching |= bit;
            !again
        }
        Message::FetchAnswer { fetched: Fetched::Records(records), hw, .. } => !records.is_empty() || *hw > 0,
        Message::ConsumeAnswer { consumed: Consumed::Records(records), .. } => !records.is_empty(),
        Message::Register { .. } | Message::Stale | Message::WhoLeads | Message::AlterPartition { .. } => false,
        _ => true,
    });
    known.leader_epoch <= leaders && known.epoch <= changes && calm
}

/// Three brokers in sync and one record. Sessions may end whenever they like.
const ONE_RECORD: Hunt<Replication> = Hunt {
    settings: &[(kafka::RATE, 0), (kafka::CONSUMER_ON, 0), (kafka::SETTLED, 1)],
    inputs: || vec![produce(1)],
    bounds: Bounds::new(400_000, 40, Budget::NONE),
    within: |world| within(world, 2, 2, None),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Replication>)] = &[
    (kafka::MIN_ISR, Hunt { within: |world| within(world, 1, 3, None), ..ONE_RECORD }),
    (
        kafka::CLEAN,
        Hunt {
            bounds: Bounds::new(3_000_000, 40, Budget::NONE),
            within: |world| within(world, 2, 4, Some(node_of(2))),
            ..ONE_RECORD
        },
    ),
    (kafka::READ_TO_HW, Hunt { settings: &[(kafka::RATE, 0), (kafka::SETTLED, 1)], ..ONE_RECORD }),
    (
        kafka::EPOCHS,
        Hunt {
            bounds: Bounds::new(3_000_000, 40, Budget::NONE),
            within: |world| within(world, 3, 3, None),
            ..ONE_RECORD
        },
    ),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Replication> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Replication>] = &[
        Breaks { rule: kafka::ACKS_ALL, promise: KEPT.id, way: Way::Explore },
        Breaks { rule: kafka::MIN_ISR, promise: SURVIVES.id, way: Way::Explore },
        Breaks { rule: kafka::CLEAN, promise: KEPT.id, way: Way::Explore },
        Breaks { rule: kafka::READ_TO_HW, promise: READ_STAYS.id, way: Way::Explore },
        Breaks { rule: kafka::EPOCHS, promise: KEPT.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Replication>] = &[
        Solution {
            challenge: "two-leaders",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(whole);
                if let Some(node) = leader(script.world()) {
                    script.act(Input::Cut { from: node, to: CONTROLLER });
                    script.act(Input::Cut { from: CONTROLLER, to: node });
                }
                script.until(two_leaders);
            },
        },
        Solution {
            challenge: "alive-and-out",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(whole);
                let cuts = cut_fetches(script.world());
                if let Some(cut) = cuts.into_iter().next() {
                    script.act(cut);
                }
                script.until(laggard);
            },
        },
        Solution {
            challenge: "unclean",
            from: || SCENARIO.from(&[kafka::CLEAN], &[]),
            act: |script| {
                script.until(whole);
                script.act(Input::Crash { node: node_of(2) });
                script.until(|world| in_sync(world).len() == 2);
                let seen = script.world().witness().acked().len();
                script.until(|world| world.witness().acked().len() > seen + 1);
                script.act(Input::Crash { node: node_of(0) });
                script.act(Input::Crash { node: node_of(1) });
                script.act(Input::Restart { node: node_of(2) });
                script.until(|world| forgotten(world).is_some());
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

    fn begun(settings: &[(SettingId, i64)]) -> Script<Replication> {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], settings));
        assert!(script.until(|world| whole(world) && world.witness().acked().len() >= 10));
        script
    }

    /// Ten records are acknowledged; then all three brokers are struck and started again.
    fn is_kept_after(flush: i64, fault: fn(NodeId) -> Input) -> bool {
        let mut script = begun(&[(kafka::FLUSH, flush)]);
        let all = everybody(script.world());
        all.iter().for_each(|node| assert!(script.act(fault(*node))));
        all.iter().for_each(|node| assert!(script.act(Input::Restart { node: *node })));
        assert!(script.until(|world| leader(world).is_some()));
        forgotten(script.world()).is_none()
    }

    #[test]
    fn a_power_cut_of_all_takes_what_nobody_has_flushed() {
        assert!(is_kept_after(0, |node| Input::Crash { node }), "a crash leaves the page cache alone");
        assert!(!is_kept_after(0, |node| Input::PowerCut { node }));
        assert!(is_kept_after(1, |node| Input::PowerCut { node }));
    }

    /// With flush.messages=1 a power cut is a crash: every promise holds under any of them.
    #[test]
    fn what_is_flushed_bears_any_power_cut() {
        for seed in 0..100 {
            let origin = Origin { seed, ..SCENARIO.from(&[], &[(kafka::FLUSH, 1)]) };
            let mut run = Run::new(SCENARIO.world(&origin, &[]), Tape::default());
            storm(&mut run, FaultModel { power_cut: true, ..SCENARIO.faults }, seed, 400);
            let broken = SCENARIO.promises.iter().find(|promise| run.world().is_promise_broken(promise.id));
            assert!(broken.is_none(), "seed {seed}: {:?}", broken.map(|promise| promise.id));
        }
    }

    /// KIP-966: the last replica in the ISR keeps its place whatever it has lost, leads again, and the others follow.
    #[test]
    fn the_last_replica_standing_takes_acknowledged_records_along() {
        let mut script = begun(&[]);
        [1, 2].into_iter().for_each(|gone| assert!(script.act(Input::Crash { node: node_of(gone) })));
        assert!(script.until(|world| in_sync(world) == [node_of(0)]));
        assert!(script.act(Input::PowerCut { node: node_of(0) }));
        everybody(script.world()).into_iter().for_each(|node| assert!(script.act(Input::Restart { node })));
        assert!(script.until(|world| world.is_promise_broken(KEPT.id)));
    }
}
