//! Replicas, ISR and acks: what Kafka's acknowledgement is worth, and who may lead.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, SetMark, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::messaging::kafka_replication::promises::{
    IN_SYNC, KEPT, READ_STAYS, SAME_LOG, SURVIVES, brokers, disk, forgotten, leader, partition, whole,
};
use crate::systems::messaging::kafka_replication::{
    self as kafka, BrokerMemory, CONSUMER, CONTROLLER, Consumed, Disk, Fetched, Memory, Message, PRODUCER, Produced,
    Replication, broker_of, has, node_of,
};

type Cluster = World<Replication>;

/// The scenario.
pub static SCENARIO: Scenario<Replication> = Scenario {
    slug: "isr-and-acks",
    title: "Replicas, ISR and acks",
    guide: Guide::Messaging,
    level: 3,
    summary: "Three brokers keep one partition, and the producer is told that a record is in. Turn acks down, or let the \
              wrong broker lead, and see an acknowledged record vanish.",
    seed: 4,
    settings: &[
        (kafka::REPLICAS, 3),
        (kafka::RATE, 4),
        (kafka::ACKS, 1),
        (kafka::LAG, 3_000_000),
        (kafka::SESSION, 900_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[kafka::ACKS_ALL, kafka::MIN_ISR, kafka::CLEAN, kafka::READ_TO_HW, kafka::EPOCHS],
    commands: &[kafka::PRODUCE, kafka::MOVE_LEADER],
    promises: &[KEPT, SURVIVES, READ_STAYS, SAME_LOG, IN_SYNC],
    impossible: false,
    faults: FaultModel { skew: true, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Time to the acknowledgement",
            about: "With acks=all it takes the slowest in-sync replica, and a gap where too few are in sync.",
            plot: Plot::Percentiles(kafka::ACK_TIME),
        },
        Chart {
            title: "In-sync replicas",
            about: "Below two, nothing with acks=all is taken.",
            plot: Plot::Level(kafka::ISR_SIZE),
        },
        Chart {
            title: "Uncommitted records",
            about: "The leader's records beyond the high watermark: nobody may read them yet.",
            plot: Plot::Level(kafka::UNCOMMITTED),
        },
        Chart { title: "Records read", about: "The consumer, a second.", plot: Plot::Rate(kafka::READ) },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_RECORD,
    breaks: BREAKS,
    prose: prose!("isr_and_acks.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        kafka::ISR_SIZE => "in sync".to_owned(),
        kafka::UNCOMMITTED => "leader".to_owned(),
        kafka::READ => "consumer".to_owned(),
        _ => node_subject::<Replication>(settings, metric, subject),
    }
}

fn memory(world: &Cluster, node: NodeId) -> Option<&BrokerMemory> {
    match world.memory(node)? {
        Memory::Broker(memory) => Some(memory),
        _ => None,
    }
}

fn leads(world: &Cluster, node: NodeId) -> bool {
    memory(world, node).is_some_and(|memory| memory.leading.is_some())
}

fn in_sync(world: &Cluster) -> Vec<NodeId> {
    let isr = partition(world).isr;
    brokers(world).filter(|node| has(isr, broker_of(*node))).collect()
}

fn everybody(world: &Cluster) -> Vec<NodeId> {
    brokers(world).collect()
}

/// A place in the picture.
type Spot = (i32, i32);

/// Places of the brokers, and of controller, producer and consumer.
fn places(frame: Frame, count: usize) -> (&'static [Spot], [Spot; 3]) {
    const WIDE_3: &[Spot] = &[(330, 170), (220, 400), (440, 400)];
    const WIDE_5: &[Spot] = &[(330, 150), (470, 270), (430, 440), (230, 440), (190, 270)];
    const NARROW_3: &[Spot] = &[(68, 170), (332, 170), (200, 260)];
    const NARROW_5: &[Spot] = &[(200, 190), (332, 130), (332, 270), (68, 270), (68, 130)];
    match frame {
        Frame::Wide => (if count == 3 { WIDE_3 } else { WIDE_5 }, [(510, 44), (66, 150), (66, 330)]),
        Frame::Narrow => (if count == 3 { NARROW_3 } else { NARROW_5 }, [(200, 36), (60, 36), (340, 36)]),
    }
}

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

fn client(world: &Cluster, node: NodeId, at: (i32, i32), tone: Tone) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Service, Replication::name(world.settings(), node));
    mark.tone = tone;
    mark.state = match (world.node(node).map(|known| &known.disk), world.memory(node)) {
        (_, Some(Memory::Client(memory))) if node == PRODUCER => format!("{} under way", memory.unacked.len()),
        (Some(Disk::Client { next }), _) if node == CONSUMER => format!("at offset {next}"),
        _ => String::new(),
    };
    mark
}

fn broker(world: &Cluster, node: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(node, at, Shape::Broker, Replication::name(world.settings(), node));
    let Some(memory) = memory(world, node) else { return mark };
    let sync = has(partition(world).isr, broker_of(node));
    let epoch = memory.partition.leader_epoch;
    mark.crown = memory.leading.is_some();
    let newest = leader(world) == Some(node);
    (mark.state, mark.tone) = match (memory.leading.is_some(), memory.partition.leader) {
        (true, _) if newest => (format!("leads epoch {epoch}"), Tone::Active),
        (true, _) => (format!("believes in epoch {epoch}"), Tone::Risk),
        (false, Some(leader)) if sync => (format!("follows {}, in sync", leader + 1), Tone::Store),
        (false, Some(leader)) => (format!("follows {}, behind", leader + 1), Tone::Risk),
        _ => ("knows no leader".to_owned(), Tone::Neutral),
    };
    mark
}

/// How many records of each log are drawn.
const fn shown(frame: Frame) -> u32 {
    match frame {
        Frame::Wide => 7,
        Frame::Narrow => 6,
    }
}

fn logs(world: &Cluster, frame: Frame, count: usize) -> Figure {
    let longest = brokers(world).filter_map(|node| disk(world, node)).map(|disk| disk.log.end()).max().unwrap_or(0);
    let shown = shown(frame);
    let first = longest.saturating_sub(shown);
    let row = |node: NodeId| {
        let label = Replication::name(world.settings(), node);
        let Some(disk) = disk(world, node) else { return GridRow { label, cells: Vec::new(), mark: None } };
        let cell = |offset: u32| match disk.log.get(offset) {
            Some(entry) if offset < disk.hw => Cell::firm(format!("{}:{}", entry.epoch, entry.id), Tone::Fine),
            Some(entry) => Cell::loose(format!("{}:{}", entry.epoch, entry.id), Tone::Risk),
            None => Cell::loose("-", Tone::Off),
        };
        let mark = disk.hw.checked_sub(first).filter(|at| *at > 0).map(|at| at.min(shown) as u16);
        GridRow { label, cells: (first..disk.log.end()).map(cell).collect(), mark }
    };
    let rows = brokers(world).map(row).collect();
    let (at, size) = match (frame, count) {
        (Frame::Wide, 3) => ((580, 130), (372, 130)),
        (Frame::Wide, _) => ((580, 90), (372, 170)),
        (Frame::Narrow, _) => ((8, 348), (384, 204)),
    };
    let title = "Logs, epoch:record. The bar is the high watermark.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows } }
}

fn table(world: &Cluster, all: &[NodeId]) -> Figure {
    let row = |node: &NodeId| {
        let known = partition(world);
        let sync = has(known.isr, broker_of(*node));
        let (hw, end) = disk(world, *node).map_or((0, 0), |disk| (disk.hw, disk.log.end()));
        let role = match (memory(world, *node), leads(world, *node)) {
            (None, _) => ("down", Tone::Off),
            (_, true) => ("leader", Tone::Active),
            _ => ("follower", Tone::Neutral),
        };
        let (word, tone) = if sync { ("in sync", Tone::Fine) } else { ("out", Tone::Risk) };
        vec![
            Cell::firm(Replication::name(world.settings(), *node), Tone::Neutral),
            Cell::firm(role.0, role.1),
            Cell::firm(word, tone),
            Cell::firm(hw.to_string(), Tone::Neutral),
            Cell::firm(end.to_string(), Tone::Neutral),
        ]
    };
    let head = ["broker", "role", "ISR", "watermark", "log end"].map(str::to_owned).to_vec();
    let (at, size) = ((580, 290), (372, 220));
    let body = Body::Table { head, rows: all.iter().map(row).collect() };
    Figure { id: "brokers", at, size, title: "What the controller says, and what each has".to_owned(), body }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Register { .. } => ('+', Glyph::Diamond, Tone::Service),
        Message::Registered { .. } => ('+', Glyph::Pill, Tone::Service),
        Message::Heartbeat { .. } => ('h', Glyph::Dot, Tone::Neutral),
        Message::Stale => ('x', Glyph::Pill, Tone::Risk),
        Message::Metadata { .. } => ('M', Glyph::Square, Tone::Service),
        Message::AlterPartition { .. } => ('I', Glyph::Diamond, Tone::Question),
        Message::Altered { accepted: true, .. } => ('I', Glyph::Pill, Tone::Fine),
        Message::Altered { .. } => ('x', Glyph::Pill, Tone::Risk),
        Message::Fetch { .. } => ('f', Glyph::Dot, Tone::Store),
        Message::FetchAnswer { fetched: Fetched::Records(records), .. } if records.is_empty() => {
            ('f', Glyph::Pill, Tone::Store)
        }
        Message::FetchAnswer { fetched: Fetched::Records(_), .. } => ('R', Glyph::Square, Tone::Store),
        Message::FetchAnswer { .. } => ('T', Glyph::Diamond, Tone::Risk),
        Message::Produce { .. } => ('P', Glyph::Square, Tone::Producer),
        Message::ProduceAnswer { produced: Produced::At(_), .. } => ('k', Glyph::Pill, Tone::Fine),
        Message::ProduceAnswer { .. } => ('x', Glyph::Pill, Tone::Broken),
        Message::Consume { .. } => ('c', Glyph::Dot, Tone::Consumer),
        Message::ConsumeAnswer { consumed: Consumed::Records(_), .. } => ('R', Glyph::Square, Tone::Consumer),
        Message::ConsumeAnswer { .. } => ('x', Glyph::Pill, Tone::Risk),
        Message::WhoLeads => ('?', Glyph::Diamond, Tone::Neutral),
        Message::Leads { .. } => ('!', Glyph::Pill, Tone::Neutral),
    };
    Look { letter, glyph, tone }
}

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    match message {
        Message::Registered { epoch, .. } => vec![field("broker epoch", epoch)],
        Message::Heartbeat { epoch, seen } => vec![field("broker epoch", epoch), field("partition epoch", seen)],
        Message::AlterPartition { leader_epoch, epoch, .. } => {
            vec![field("leader epoch", leader_epoch), field("partition epoch", epoch)]
        }
        Message::Fetch { leader_epoch, broker_epoch, from } => vec![
            field("offset", from.offset),
            field("last epoch", from.last_epoch),
            field("leader epoch", leader_epoch),
            field("broker epoch", broker_epoch),
        ],
        Message::FetchAnswer { leader_epoch, hw, from, .. } => {
            vec![field("offset", from.offset), field("leader epoch", leader_epoch), field("high watermark", hw)]
        }
        Message::Produce { id, .. } | Message::ProduceAnswer { id, .. } => vec![field("record", id)],
        Message::Consume { offset } | Message::ConsumeAnswer { offset, .. } => vec![field("offset", offset)],
        Message::Metadata { partition } | Message::Altered { partition, .. } => {
            vec![field("leader epoch", partition.leader_epoch), field("partition epoch", partition.epoch)]
        }
        other => vec![field("says", Replication::describe_message(settings, other))],
    }
}

fn list(ids: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = ids.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

fn inspect(world: &Cluster, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let names = |mask| list(kafka::members(mask).map(|broker| (broker + 1).to_string()));
    let disk = match &node.disk {
        Disk::Controller(disk) => vec![
            field("leader", disk.partition.leader.map_or("nobody".to_owned(), |leader| (leader + 1).to_string())),
            field("leader epoch", disk.partition.leader_epoch),
            field("ISR", names(disk.partition.isr)),
            field("partition epoch", disk.partition.epoch),
            field("brokers with a session", names(disk.alive)),
        ],
        Disk::Broker(disk) => {
            let tail = (disk.log.end().saturating_sub(10)..disk.log.end()).filter_map(|offset| disk.log.get(offset));
            vec![
                field("log", format!("offsets {} to {}", disk.log.start(), disk.log.end())),
                field("high watermark", disk.hw),
                field("the last, epoch:record", list(tail.map(|entry| format!("{}:{}", entry.epoch, entry.id)))),
            ]
        }
        Disk::Client { next } if id == PRODUCER => vec![field("last record", next)],
        Disk::Client { next } => vec![field("next offset", next)],
    };
    let memory = match &node.memory {
        Some(Memory::Broker(memory)) => broker_fields(memory, names),
        Some(Memory::Client(memory)) => vec![
            field("leader", memory.leader.map_or("unknown".to_owned(), |known| (known.0 + 1).to_string())),
            field("not acknowledged", list(memory.unacked.iter().map(|open| open.0.to_string()))),
        ],
        _ => Vec::new(),
    };
    Inspection { disk, memory }
}

fn broker_fields(memory: &BrokerMemory, names: impl Fn(kafka::Mask) -> String) -> Fields {
    let mut fields = vec![
        field("broker epoch", memory.epoch),
        field("leader epoch", memory.partition.leader_epoch),
        field("ISR as it knows it", names(memory.partition.isr)),
    ];
    let Some(leading) = &memory.leading else { return fields };
    if let Some(proposed) = leading.proposed {
        fields.push(field("ISR it has asked for", names(proposed)));
    }
    fields.push(field("producers wait for", list(leading.waiting.iter().map(|wait| wait.0.to_string()))));
    for (broker, follower) in &leading.followers {
        let end = follower.end.map_or("unknown".to_owned(), |end| end.to_string());
        fields.push(field(&format!("broker {} has up to", broker + 1), end));
    }
    fields
}

fn produce(records: i64) -> Input {
    Input::call(kafka::PRODUCE, &[records])
}

fn names(world: &Cluster) -> Vec<String> {
    brokers(world).map(|node| Replication::name(world.settings(), node)).collect()
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

const TOUR: &[Beat<Replication>] = &[
    Beat {
        title: "One partition, three brokers",
        say: "Each broker keeps a copy of the same log. The controller says who leads, and which copies are in sync: the \
              *ISR*, the field around them.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: everybody,
        predict: None,
    },
    Beat {
        title: "A leader",
        say: "The brokers register. The first in-sync replica becomes the leader of epoch 1; the others fetch from it, as \
              consumers do.",
        inputs: no_inputs,
        until: |world| leader(world).is_some(),
        look: |world| leader(world).into_iter().collect(),
        predict: None,
    },
    Beat {
        title: "Written, and not yet acknowledged",
        say: "With acks=all the leader writes a record and does not answer. It waits until every in-sync replica has \
              fetched it. Only then it moves the *high watermark*, and acknowledges.",
        inputs: no_inputs,
        until: |world| whole(world) && newest_ack(world).is_some(),
        look: |world| leader(world).into_iter().collect(),
        predict: Some(Predict {
            question: "How many brokers have the record when the producer is told?",
            options: |_| vec!["1".to_owned(), "2".to_owned(), "3".to_owned()],
            answer: |world| copies(world).clamp(1, 3) - 1,
            because: "All that are in sync, and that is all three for now.",
        }),
    },
    Beat {
        title: "A follower is gone",
        say: "Broker 3 crashes. Its copy holds up every acknowledgement until its session ends. Then the controller takes \
              it out of the ISR, and the leader no longer waits for it.",
        inputs: |_| vec![Input::Crash { node: node_of(2) }],
        until: |world| in_sync(world).len() == 2,
        look: in_sync,
        predict: None,
    },
    Beat {
        title: "The leader too",
        say: "Now the leader crashes. Only a broker of the ISR may take over: it has everything that was acknowledged.",
        inputs: |world| leader(world).map(|node| Input::Crash { node }).into_iter().collect(),
        until: |world| leader(world).is_some() && partition(world).leader_epoch >= 2,
        look: in_sync,
        predict: Some(Predict {
            question: "Who leads next?",
            options: names,
            answer: |world| leader(world).map_or(0, |node| usize::from(broker_of(node))),
            because: "Broker 2 is the only one in sync that is there.",
        }),
    },
    Beat {
        title: "Not enough replicas",
        say: "One in-sync replica is left, and min.insync.replicas is 2. The leader refuses: a record that it took now \
              would have a single copy. The producer tries again, and again.",
        inputs: |_| vec![produce(1)],
        until: |world| {
            let refused = |message: &Message| {
                matches!(message, Message::ProduceAnswer { produced: Produced::NotEnoughReplicas, .. })
            };
            flies(world, refused)
        },
        look: |_| vec![PRODUCER],
        predict: None,
    },
    Beat {
        title: "Back in sync",
        say: "Both come back. Each tells the leader the epoch of its last record, drops what the leader never had, fetches \
              the rest, and joins the ISR once it has caught up.",
        inputs: |world| {
            let down = brokers(world).filter(|node| !world.kernel().node(*node).up);
            down.map(|node| Input::Restart { node }).collect()
        },
        until: whole,
        look: everybody,
        predict: None,
    },
    Beat {
        title: "Now with acks=1",
        say: "The rule is off: the leader acknowledges what it alone has written. The followers' fetches are cut for a \
              moment. The producer hears that all is well.",
        inputs: |world| {
            let mut inputs = vec![Input::Rule { rule: kafka::ACKS_ALL, on: false }];
            inputs.extend(cut_fetches(world));
            inputs.push(produce(2));
            inputs
        },
        until: |world| copies(world) == 1,
        look: |world| leader(world).into_iter().collect(),
        predict: None,
    },
    Beat {
        title: "Acknowledged, and gone",
        say: "The leader crashes. A follower takes over, one that is in sync as far as anybody knows.",
        inputs: |world| {
            let crash = leader(world).map(|node| Input::Crash { node });
            crash.into_iter().chain([Input::HealAll]).collect()
        },
        until: |world| leader(world).is_some() && partition(world).leader_epoch >= 3,
        look: |world| leader(world).into_iter().collect(),
        predict: Some(Predict {
            question: "Does the new leader have what was acknowledged last?",
            options: |_| vec!["Yes".to_owned(), "No".to_owned()],
            answer: |world| usize::from(world.is_promise_broken(KEPT.id)),
            because: "acks=1 asks nobody but the leader. What it had not passed on is gone, and the producer will not send \
                      it again.",
        }),
    },
];

fn origin(rules_off: &[RuleId], settings: &[(SettingId, i64)]) -> Origin {
    let rules = rules_off.iter().fold(RuleSet::ALL, |rules, rule| rules.with(*rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

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
        goal: "Have two brokers believe that they lead the partition.",
        hint: "A leader learns of its successor from the controller. What if it cannot hear it?",
        reached: two_leaders,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.until(whole);
            if let Some(node) = leader(script.world()) {
                script.act(Input::Cut { from: node, to: CONTROLLER });
                script.act(Input::Cut { from: CONTROLLER, to: node });
            }
            script.until(two_leaders);
        },
    },
    Challenge {
        id: "alive-and-out",
        title: "Alive, and out of sync",
        goal: "Get a broker out of the ISR that is up and keeps its session.",
        hint: "It has to hear the controller and not the leader, for replica.lag.time.max.ms.",
        reached: laggard,
        origin: || origin(&[], &[]),
        solve: |script| {
            script.until(whole);
            let cuts = cut_fetches(script.world());
            if let Some(cut) = cuts.into_iter().next() {
                script.act(cut);
            }
            script.until(laggard);
        },
    },
    Challenge {
        id: "unclean",
        title: "An unclean election",
        goal: "With clean elections off: lose a record that every in-sync replica had when it was acknowledged.",
        hint: "One broker has to miss the record and then be the only one there.",
        reached: |world| forgotten(world).is_some(),
        origin: || origin(&[kafka::CLEAN], &[]),
        solve: |script| {
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

const BREAKS: &[Breaks<Replication>] = &[
    Breaks { rule: kafka::ACKS_ALL, promise: KEPT.id, way: Way::Explore(ONE_RECORD) },
    Breaks {
        rule: kafka::MIN_ISR,
        promise: SURVIVES.id,
        way: Way::Explore(Hunt { within: |world| within(world, 1, 3, None), ..ONE_RECORD }),
    },
    Breaks {
        rule: kafka::CLEAN,
        promise: KEPT.id,
        way: Way::Explore(Hunt {
            bounds: Bounds::new(3_000_000, 40, Budget::NONE),
            within: |world| within(world, 2, 4, Some(node_of(2))),
            ..ONE_RECORD
        }),
    },
    Breaks {
        rule: kafka::READ_TO_HW,
        promise: READ_STAYS.id,
        way: Way::Explore(Hunt { settings: &[(kafka::RATE, 0), (kafka::SETTLED, 1)], ..ONE_RECORD }),
    },
    Breaks {
        rule: kafka::EPOCHS,
        promise: KEPT.id,
        way: Way::Explore(Hunt {
            bounds: Bounds::new(3_000_000, 40, Budget::NONE),
            within: |world| within(world, 3, 3, None),
            ..ONE_RECORD
        }),
    },
];
