//! Leaderless quorums: N replicas, W writes, R reads, and why W + R > N is not quite enough.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs, no_nodes,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{CommandCall, SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::storage::quorum_store::promises::{CONVERGE, FORWARD, FRESH};
use crate::systems::storage::quorum_store::{
    self as store, Memory, Message, Operation, Phase, QuorumStore, Stored, Version, quorums, replicas, spare,
};

/// The store in motion.
pub type Store = World<QuorumStore>;

/// The scenario.
pub static SCENARIO: Scenario<QuorumStore> = Scenario {
    slug: "leaderless-quorum",
    title: "Leaderless quorums",
    guide: Guide::Storage,
    level: 3,
    summary: "No replica leads. A write goes to all and waits for W, a read asks all and waits for R. Choose them so \
              that they overlap, and see what still slips through.",
    seed: 11,
    settings: &[
        (store::REPLICAS, 3),
        (store::READ_QUORUM, 2),
        (store::WRITE_QUORUM, 2),
        (store::THINK, 150_000),
        (store::WRITES, 40),
        (store::LATENCY, 10_000),
        (store::HANDOFF, 1),
    ],
    busy: &[],
    fixed: &[],
    rules: &[store::OVERLAP, store::NEWEST, store::READ_REPAIR, store::STRICT],
    commands: &[0, 1],
    promises: &[FRESH, FORWARD, CONVERGE],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Reads",
            about: "A read waits for the R-th answer, and longer when it has to write back.",
            plot: Plot::Percentiles(store::READ_LATENCY),
        },
        Chart {
            title: "Writes",
            about: "A write asks first and stores then: two round trips.",
            plot: Plot::Percentiles(store::WRITE_LATENCY),
        },
        Chart {
            title: "Hints kept by the spare node",
            about: "They grow while a replica is away, and go when it is back.",
            plot: Plot::Level(store::HINTS),
        },
    ],
    subject: node_subject::<QuorumStore>,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_OF_EACH,
    breaks: BREAKS,
    prose: prose!("leaderless_quorum.md"),
};

/// Ann and Bob.
pub const CLIENTS: [NodeId; 2] = [NodeId(0), NodeId(1)];

fn picture(world: &Store, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let copies: Vec<NodeId> = replicas(world.settings()).collect();
    let spare = spare(world.settings());
    let stores: Vec<NodeId> = copies.iter().copied().chain([spare]).collect();
    let (people, places, at, size) = match frame {
        Frame::Wide => {
            let people = Area::new(20, 60, 150, 400).column(2);
            (people, wide_places(stores.len()), (640, 60), (310, 230))
        }
        Frame::Narrow => (Area::new(0, 10, 400, 90).row(2), narrow_places(stores.len()), (8, 430), (384, 126)),
    };
    for (id, at) in CLIENTS.iter().zip(people) {
        picture.nodes.push(person(world, *id, at));
    }
    for (id, at) in stores.iter().zip(places) {
        picture.nodes.push(if *id == spare { spare_mark(world, *id, at) } else { replica(world, *id, at) });
    }
    picture.link_all(&CLIENTS, &stores);
    picture.link_all(&[spare], &copies);
    picture.figures.push(versions(world, at, size));
    picture
}

/// Two columns beside the clients, one a half step lower, so that no link runs behind a replica.
fn wide_places(count: usize) -> Vec<(i32, i32)> {
    let step = 470 / count.max(2) as i32;
    (0..count as i32).map(|at| (300 + 220 * (at % 2), 56 + step / 2 + step * at)).collect()
}

/// Rows of three below the clients.
fn narrow_places(count: usize) -> Vec<(i32, i32)> {
    let rows = [114, 218, 322].into_iter().flat_map(|top| Area::new(4, top, 392, 88).row(3));
    rows.take(count).collect()
}

/// What a client is doing.
pub fn operation(world: &Store, client: NodeId) -> Option<&Operation> {
    match world.memory(client) {
        Some(Memory::Client { operation }) => operation.as_ref(),
        _ => None,
    }
}

/// A client with its operation.
pub fn person(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, QuorumStore::name(world.settings(), id));
    mark.tone = Tone::Producer;
    let (read, write) = quorums(world.settings(), world.rules());
    mark.state = match operation(world, id) {
        None => "idle".to_owned(),
        Some(Operation { write: value, phase: Phase::Asking { answers }, .. }) => {
            let word = if value.is_some() { "write asks" } else { "read" };
            format!("{word}: {} of {read}", answers.len())
        }
        Some(Operation { write: Some(value), phase: Phase::Storing { acked, .. }, .. }) => {
            format!("write {value}: {} of {write}", acked.count_ones())
        }
        Some(Operation { phase: Phase::Storing { acked, .. }, .. }) => {
            format!("repair: {} of {write}", acked.count_ones())
        }
    };
    mark
}

/// The newest version that any replica holds.
pub fn newest(world: &Store) -> Version {
    replicas(world.settings())
        .filter_map(|id| world.node(id))
        .map(|node| node.disk.stored.version)
        .max()
        .unwrap_or_default()
}

/// A version in words.
pub fn show(stored: Stored) -> String {
    if stored.version.counter == 0 { "empty".to_owned() } else { format!("x={}, {}", stored.value, stored.version) }
}

/// A replica with what it holds; amber when that is not the newest.
pub fn replica(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, QuorumStore::name(world.settings(), id));
    if let Some(node) = world.node(id) {
        mark.state = show(node.disk.stored);
        mark.tone = if node.disk.stored.version < newest(world) { Tone::Risk } else { Tone::Store };
    }
    mark
}

fn spare_mark(world: &Store, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Cache, "spare");
    let hints = world.node(id).map_or(0, |node| node.disk.hints.len());
    mark.state = format!("{hints} hint{}", if hints == 1 { "" } else { "s" });
    mark.tone = if hints > 0 { Tone::Question } else { Tone::Neutral };
    mark
}

/// What a replica has to do with the operations under way: the quorum as the set that it is.
pub fn part(world: &Store, id: NodeId) -> Cell {
    let mut words: Vec<&str> = Vec::new();
    for client in CLIENTS {
        match operation(world, client).map(|operation| (&operation.phase, operation.write)) {
            Some((Phase::Asking { answers }, _)) if answers.iter().any(|answer| answer.0 == id) => words.push("read"),
            Some((Phase::Storing { acked, .. }, write)) if acked >> id.0 & 1 == 1 => {
                words.push(if write.is_some() { "wrote" } else { "mended" });
            }
            _ => {}
        }
    }
    words.dedup();
    Cell::firm(words.join(", "), if words.is_empty() { Tone::Neutral } else { Tone::Fine })
}

fn versions(world: &Store, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let stored = world.node(id).map(|node| node.disk.stored).unwrap_or_default();
        let hint =
            world.node(spare(world.settings())).and_then(|node| node.disk.hints.iter().find(|hint| hint.0 == id));
        let tone = if stored.version < newest(world) { Tone::Risk } else { Tone::Fine };
        vec![
            Cell::firm(QuorumStore::name(world.settings(), id), Tone::Neutral),
            Cell::firm(show(stored), tone),
            part(world, id),
            Cell::loose(hint.map_or(String::new(), |hint| hint.1.version.to_string()), Tone::Question),
        ]
    };
    let (read, write) = quorums(world.settings(), world.rules());
    let n = replicas(world.settings()).count();
    let overlap = if read + write > n { "they overlap" } else { "they may miss each other" };
    let title = format!("N={n}, W={write}, R={read}: {overlap}");
    let head = ["replica", "has", "quorum", "hint"].map(str::to_owned).to_vec();
    Figure {
        id: "versions",
        at,
        size,
        title,
        body: Body::Table { head, rows: replicas(world.settings()).map(row).collect() },
    }
}

/// How a message looks.
pub fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Query { .. } => ('?', Glyph::Diamond, Tone::Question),
        Message::Answer { .. } => ('x', Glyph::Pill, Tone::Consumer),
        Message::Store { request: 0, .. } => ('r', Glyph::Square, Tone::Service),
        Message::Store { .. } => ('W', Glyph::Square, Tone::Producer),
        Message::Ack { .. } => ('k', Glyph::Pill, Tone::Neutral),
        Message::Hint { .. } => ('H', Glyph::Square, Tone::Risk),
        Message::Hinted { .. } => ('h', Glyph::Pill, Tone::Neutral),
    };
    Look { letter, glyph, tone }
}

/// What a message says.
pub fn fields(settings: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    match message {
        Message::Query { request } => vec![field("request", request.to_string())],
        Message::Answer { request, stored } | Message::Store { request, stored } => {
            vec![field("request", request.to_string()), field("content", show(*stored))]
        }
        Message::Ack { request, version } => {
            vec![field("request", request.to_string()), field("version", version.to_string())]
        }
        Message::Hint { home, stored, .. } => {
            vec![field("for", QuorumStore::name(settings, *home)), field("content", show(*stored))]
        }
        Message::Hinted { home, .. } => vec![field("for", QuorumStore::name(settings, *home))],
    }
}

/// What is known of a node.
pub fn inspect(world: &Store, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let name = |id: NodeId| QuorumStore::name(world.settings(), id);
    let disk = match node.memory {
        _ if CLIENTS.contains(&id) => vec![
            field("last request", node.disk.last_request.to_string()),
            field("last counter", node.disk.last_counter.to_string()),
        ],
        _ if id == spare(world.settings()) => {
            node.disk.hints.iter().map(|hint| field(&format!("hint for {}", name(hint.0)), show(hint.1))).collect()
        }
        _ => vec![field("x", show(node.disk.stored))],
    };
    let memory = match &node.memory {
        Some(Memory::Client { operation: Some(operation) }) => {
            let what = operation.write.map_or("read".to_owned(), |value| format!("write {value}"));
            let phase = match &operation.phase {
                Phase::Asking { answers } => {
                    let words: Vec<String> =
                        answers.iter().map(|answer| format!("{}: {}", name(answer.0), show(answer.1))).collect();
                    field("answers", if words.is_empty() { "none yet".to_owned() } else { words.join("; ") })
                }
                Phase::Storing { stored, acked, .. } => {
                    let who: Vec<String> =
                        replicas(world.settings()).filter(|id| acked >> id.0 & 1 == 1).map(name).collect();
                    field("stored", format!("{} on {}", show(*stored), who.join(", ")))
                }
            };
            vec![field("operation", what), phase]
        }
        Some(Memory::Client { .. }) => vec![field("operation", "none".to_owned())],
        Some(_) => vec![field("state", "keeps everything on disk".to_owned())],
        None => Vec::new(),
    };
    Inspection { disk, memory }
}

fn third(world: &Store) -> Option<NodeId> {
    replicas(world.settings()).nth(2)
}

/// The version that a replica holds.
pub fn version_of(world: &Store, id: NodeId) -> Version {
    world.node(id).map(|node| node.disk.stored.version).unwrap_or_default()
}

fn hints(world: &Store) -> usize {
    world.node(spare(world.settings())).map_or(0, |node| node.disk.hints.len())
}

/// The clients that write now.
pub fn writes_now(world: &Store) -> Vec<NodeId> {
    let writes = |id: &NodeId| operation(world, *id).is_some_and(|operation| operation.write.is_some());
    CLIENTS.into_iter().filter(writes).collect()
}

/// Every replica.
pub fn all_replicas(world: &Store) -> Vec<NodeId> {
    replicas(world.settings()).collect()
}

const TOUR: &[Beat<QuorumStore>] = &[
    Beat {
        title: "Nobody leads",
        say: "Three replicas keep x. Ann and Bob talk to all of them, and wait for some: a *quorum* of W for a write, \
              of R for a read. The spare node stands by.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: all_replicas,
        predict: None,
    },
    Beat {
        title: "A write asks first",
        say: "Somebody writes. Before it can choose a version, it asks two replicas for the newest they have. Its own \
              must be higher than every acknowledged one.",
        inputs: no_inputs,
        until: |world| !writes_now(world).is_empty(),
        look: writes_now,
        predict: None,
    },
    Beat {
        title: "W acknowledgements",
        say: "Then it sends the value to all three. With two acknowledgements it is done. The third replica gets it \
              too, only later: the write does not wait for the slowest.",
        inputs: no_inputs,
        until: |world| world.witness().acknowledged().counter > 0,
        look: no_nodes,
        predict: None,
    },
    Beat {
        title: "Two sets that must meet",
        say: "A read asks all three and waits for R. Whichever two it hears, one of them took part in the write.",
        inputs: no_inputs,
        until: |world| world.witness().read().counter > 0,
        look: no_nodes,
        predict: Some(Predict {
            question: "N is 3 and W is 2. How many answers must a read wait for?",
            options: |_| vec!["1".to_owned(), "2".to_owned(), "3".to_owned()],
            answer: |world| quorums(world.settings(), world.rules()).0 - 1,
            because: "W + R must exceed N: two of three and two of three share at least one.",
        }),
    },
    Beat {
        title: "One replica is away",
        say: "R3 crashes. Writes go on without it, and its copy falls behind: it turns amber.",
        inputs: |world| third(world).map(|node| Input::Crash { node }).into_iter().collect(),
        until: |world| third(world).is_some_and(|id| version_of(world, id) < world.witness().acknowledged()),
        look: |world| third(world).into_iter().collect(),
        predict: Some(Predict {
            question: "With R3 down, can a write still be acknowledged?",
            options: |_| vec!["Yes".to_owned(), "No".to_owned()],
            answer: |world| {
                usize::from(third(world).is_none_or(|id| version_of(world, id) >= world.witness().acknowledged()))
            },
            because: "Two replicas are left, and W is 2. With one more down, writes and reads would fail.",
        }),
    },
    Beat {
        title: "A hint is left",
        say: "Whoever wrote leaves a hint with the spare node: *hinted handoff*. It is not one of the W: a read would \
              not look for it there.",
        inputs: no_inputs,
        until: |world| hints(world) > 0,
        look: |world| vec![spare(world.settings())],
        predict: None,
    },
    Beat {
        title: "Handed over",
        say: "R3 comes back with an old copy. The hints are handed over, and reads that meet it write the newest \
              version back: *read repair*.",
        inputs: |world| third(world).map(|node| Input::Restart { node }).into_iter().collect(),
        until: |world| {
            hints(world) == 0 && all_replicas(world).iter().all(|id| version_of(world, *id) == newest(world))
        },
        look: |world| third(world).into_iter().collect(),
        predict: None,
    },
    Beat {
        title: "W = 1, R = 1",
        say: "Now the rule is off, one answer is enough for either, and the network is slower. Watch the first promise.",
        inputs: |_| {
            let set = |setting, value| Input::Setting { setting, value };
            vec![
                Input::Rule { rule: store::OVERLAP, on: false },
                set(store::READ_QUORUM, 1),
                set(store::WRITE_QUORUM, 1),
                set(store::LATENCY, 60_000),
                set(store::THINK, 20_000),
            ]
        },
        until: |world| world.is_promise_broken(FRESH.id),
        look: no_nodes,
        predict: Some(Predict {
            question: "What does a read return now?",
            options: |_| vec!["Always the newest".to_owned(), "Sometimes an older one".to_owned()],
            answer: |world| usize::from(world.is_promise_broken(FRESH.id)),
            because: "The replica that answers first need not be one that the write has reached.",
        }),
    },
];

fn origin(rule: Option<RuleId>, settings: &[(SettingId, i64)]) -> Origin {
    let rules = rule.map_or(RuleSet::ALL, |rule| RuleSet::ALL.with(rule, false));
    Origin { seed: SCENARIO.seed, settings: settings.to_vec(), rules_off: rules.off_bits() }
}

/// The command that writes.
pub fn write(client: i64, value: i64) -> Input {
    Input::Command(CommandCall { command: 0, values: vec![client, value] })
}

/// The command that reads.
pub fn read(client: i64) -> Input {
    Input::Command(CommandCall { command: 1, values: vec![client] })
}

/// A client's writes on their way to the replicas.
pub fn stores_of(world: &Store, client: NodeId) -> Vec<u64> {
    let writes = |message: &Message| matches!(message, Message::Store { request: 1.., .. });
    let sent = world.flights().filter(|flight| flight.from == client && writes(flight.message));
    sent.map(|flight| flight.pending.id).collect()
}

const ONE_EACH: &[(SettingId, i64)] =
    &[(store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1), (store::LATENCY, 60_000), (store::THINK, 20_000)];

const CHALLENGES: &[Challenge<QuorumStore>] = &[
    Challenge {
        id: "stale-read",
        title: "A stale read",
        goal: "Have a client read an older value than one that was acknowledged before.",
        hint: "Switch W + R > N off and let one answer be enough for both.",
        reached: |world| world.is_promise_broken(FRESH.id),
        origin: || origin(Some(store::OVERLAP), ONE_EACH),
        solve: |script| {
            script.until(|world| world.is_promise_broken(FRESH.id));
        },
    },
    Challenge {
        id: "backwards",
        title: "A read that goes backwards",
        goal: "Have one read return a version, and a later read an older one.",
        hint: "Without the write-back, a read can return what only one replica has. Keep a write from reaching the others.",
        reached: |world| world.is_promise_broken(FORWARD.id),
        origin: || origin(Some(store::READ_REPAIR), &[(store::LATENCY, 60_000), (store::THINK, 20_000)]),
        solve: |script| {
            script.until(|world| stores_of(world, CLIENTS[0]).len() == 3 && writes_now(world) == [CLIENTS[0]]);
            for id in stores_of(script.world(), CLIENTS[0]).into_iter().skip(1) {
                script.act(Input::Drop { id });
            }
            script.act(Input::Crash { node: CLIENTS[0] });
            script.act(Input::Setting { setting: store::WRITES, value: 0 });
            script.until(|world| world.is_promise_broken(FORWARD.id));
        },
    },
    Challenge {
        id: "sloppy",
        title: "Acknowledged, and out of sight",
        goal: "Have a write acknowledged with the help of hints, and then not seen by a read.",
        hint: "Cut two replicas off in the middle of Ann's write, on Bob's side. A hint then stands in for one of them.",
        reached: |world| world.is_promise_broken(FRESH.id) && hints(world) > 0,
        origin: || origin(Some(store::STRICT), &[]),
        solve: |script| {
            script.until(|world| stores_of(world, CLIENTS[0]).len() == 3 && writes_now(world) == [CLIENTS[0]]);
            let spare = spare(script.world().settings());
            script.act(Input::Partition { side: 1 | 1 << store::CLIENTS | 1 << spare.0 });
            script.act(Input::Setting { setting: store::WRITES, value: 0 });
            script.until(|world| world.is_promise_broken(FRESH.id) && hints(world) > 0);
        },
    },
];

/// Ann writes, Bob reads.
const ONE_OF_EACH: Hunt<QuorumStore> = Hunt {
    settings: &[(store::THINK, 0), (store::HANDOFF, 0)],
    inputs: || vec![write(0, 7), read(1)],
    bounds: Bounds::new(2_000_000, 99, Budget::NONE),
    within: |world| world.kernel().pending_count() < 14,
};

/// Ann writes, Bob reads twice: what it takes for one read to go back behind another.
const TWO_READS: Hunt<QuorumStore> = Hunt { inputs: || vec![write(0, 7), read(1), read(1)], ..ONE_OF_EACH };

const BREAKS: &[Breaks<QuorumStore>] = &[
    Breaks {
        rule: store::OVERLAP,
        promise: FRESH.id,
        way: Way::Explore(Hunt {
            settings: &[(store::THINK, 0), (store::HANDOFF, 0), (store::READ_QUORUM, 1), (store::WRITE_QUORUM, 1)],
            ..ONE_OF_EACH
        }),
    },
    Breaks { rule: store::NEWEST, promise: FRESH.id, way: Way::Explore(ONE_OF_EACH) },
    Breaks { rule: store::READ_REPAIR, promise: FORWARD.id, way: Way::Explore(TWO_READS) },
    Breaks { rule: store::STRICT, promise: FRESH.id, way: Way::Explore(ONE_OF_EACH) },
];
