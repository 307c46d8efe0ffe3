//! ZAB: ZooKeeper's broadcast. Three phases that take a new leader from a vote to the first proposal.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::mechanisms::zab::Vote;
use crate::picture::layout::Area;
use crate::picture::{
    Body as Drawn, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, SetMark, Shape, TimerRing, Tone,
};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::sim::small;
use crate::systems::consensus::zab::promises::{
    LEADER_EMERGES, NOTHING_LOST, ONE_ORDER, ONE_PRIMARY, PRIMARY_ORDER, common_leader,
};
use crate::systems::consensus::zab::{self, Body, Leading, Message, Role, Stage, Timer, Update, Zab, epochs};

type Ensemble = World<Zab>;

/// The scenario.
pub static SCENARIO: Scenario<Zab> = Scenario {
    slug: "zab",
    title: "ZAB: ZooKeeper's broadcast",
    guide: Guide::Consensus,
    level: 4,
    summary: "A new leader asks for promises, brings its followers up to date, and only then broadcasts. Cut it off with \
              proposals that nobody has, and see what becomes of them.",
    seed: 3,
    settings: &[
        (zab::SERVERS, 0),
        (zab::RATE, 4),
        (zab::LATENCY, 10_000),
        (zab::TICK, 100_000),
        (zab::INIT_LIMIT, 10),
        (zab::SYNC_LIMIT, 5),
    ],
    busy: &[],
    fixed: &[],
    rules: &[zab::NEW_EPOCH, zab::SYNC_FIRST, zab::QUORUM_ACK],
    commands: &[zab::SET],
    promises: &[ONE_ORDER, PRIMARY_ORDER, NOTHING_LOST, ONE_PRIMARY, LEADER_EMERGES],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Commit latency",
            about: "From a request at the leader until a quorum has it: a round trip to the faster half.",
            plot: Plot::Percentiles(zab::LATENCY_OF_COMMIT),
        },
        Chart {
            title: "Transactions committed",
            about: "Gaps are elections, discovery and synchronisation.",
            plot: Plot::Rate(zab::COMMITTED),
        },
        Chart {
            title: "Messages",
            about: "PROPOSE, ACK and COMMIT for each follower and transaction, and pings.",
            plot: Plot::Rate(zab::MESSAGES),
        },
        Chart {
            title: "Epoch of each server",
            about: "Lines that part are servers that have not met the newest leader.",
            plot: Plot::Level(zab::EPOCH),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_EPOCH,
    breaks: BREAKS,
    prose: prose!("zab.md"),
};

/// Most things are counted for the whole ensemble.
fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    let own = metric == zab::EPOCH || metric == zab::ELECTIONS;
    if own { node_subject::<Zab>(settings, metric, subject) } else { "all".to_owned() }
}

fn role(world: &Ensemble, id: NodeId) -> Option<&Role> {
    world.memory(id).map(|memory| &memory.role)
}

fn leading(world: &Ensemble, id: NodeId) -> Option<&Leading> {
    match role(world, id) {
        Some(Role::Leading(leading)) => Some(leading),
        _ => None,
    }
}

fn leaders(world: &Ensemble) -> Vec<NodeId> {
    everybody(world).into_iter().filter(|id| leading(world, *id).is_some()).collect()
}

fn everybody(world: &Ensemble) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

/// The leader of the latest epoch, if somebody leads.
fn newest(world: &Ensemble) -> Option<(NodeId, &Leading)> {
    let all = leaders(world).into_iter().filter_map(|id| Some((id, leading(world, id)?)));
    all.max_by_key(|(_, leading)| leading.epoch)
}

fn stage(world: &Ensemble) -> Option<Stage> {
    newest(world).map(|(_, leading)| leading.stage)
}

const fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Discovery => "discovery",
        Stage::Sync => "sync",
        Stage::Broadcast => "broadcast",
    }
}

fn picture(world: &Ensemble, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let servers = everybody(world);
    let (ring, grid, table) = match frame {
        Frame::Wide => (Area::new(90, 110, 370, 320), ((570, 60), (376, 190)), ((570, 290), (376, 190))),
        Frame::Narrow => (Area::new(64, 66, 272, 184), ((8, 300), (384, 110)), ((8, 418), (384, 136))),
    };
    for (id, at) in servers.iter().zip(ring.circle(servers.len())) {
        picture.nodes.push(server(world, *id, at));
    }
    picture.link_all(&servers, &servers);
    picture.sets.extend(quorum(world));
    picture.figures.push(histories(world, grid.0, grid.1));
    picture.figures.push(phases(world, table.0, table.1));
    picture
}

fn server(world: &Ensemble, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, Zab::name(world.settings(), id));
    let name = |id: NodeId| Zab::name(world.settings(), id);
    (mark.state, mark.tone) = match role(world, id) {
        None => return mark,
        Some(Role::Looking(looking)) => (format!("looks, votes for {}", name(NodeId(looking.vote.id))), Tone::Question),
        Some(Role::Following(following)) => {
            let tone = if following.stage == Stage::Broadcast { Tone::Neutral } else { Tone::Risk };
            (format!("follows {}: {}", name(following.leader), word(following.stage)), tone)
        }
        Some(Role::Leading(leading)) => {
            let tone = if leading.stage == Stage::Broadcast { Tone::Active } else { Tone::Question };
            (format!("leads: {}", word(leading.stage)), tone)
        }
    };
    mark.crown = leading(world, id).is_some();
    let waits = |timer: Timer| matches!(timer, Timer::Patience | Timer::Finalize);
    let timer = world.timers(id).find(|(timer, _)| waits(*timer));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Who has the oldest open proposal, or promised the newest leader's epoch, or has its history.
fn quorum(world: &Ensemble) -> Option<SetMark> {
    let (_, leading) = newest(world)?;
    let (set, label, tone) = match (leading.stage, leading.outstanding.first()) {
        (Stage::Broadcast, Some(open)) => (open.acks, format!("{} acknowledged", epochs(open.zxid)), Tone::Risk),
        (Stage::Broadcast, None) => (leading.synced, format!("epoch {}", leading.epoch), Tone::Active),
        (Stage::Sync, _) => (leading.synced, "synchronised".to_owned(), Tone::Question),
        (Stage::Discovery, _) => (leading.acked, "promised".to_owned(), Tone::Question),
    };
    let members = everybody(world).into_iter().filter(|id| set >> id.0 & 1 == 1).collect();
    Some(SetMark { members, label, tone })
}

/// How many transactions of each history are shown.
const SHOWN: u32 = 8;

fn histories(world: &Ensemble, at: (i32, i32), size: (i32, i32)) -> Figure {
    let longest = world.nodes().map(|(_, node)| node.disk.history.len()).max().unwrap_or(0);
    let first = longest.saturating_sub(SHOWN);
    let rows = world.nodes().map(|(id, node)| {
        let (history, delivered) = (&node.disk.history, node.memory.as_ref().map_or(0, |memory| memory.delivered));
        let cell = |place: u32| {
            let text = history.get(place).map_or("snap".to_owned(), |txn| epochs(txn.zxid));
            if place < delivered { Cell::firm(text, Tone::Fine) } else { Cell::loose(text, Tone::Risk) }
        };
        let mark = delivered.checked_sub(first).filter(|shown| *shown > 0).map(|shown| shown.min(SHOWN) as u16);
        GridRow { label: Zab::name(world.settings(), id), cells: (first..history.len()).map(cell).collect(), mark }
    });
    let title = "Histories, epoch.counter. Firm: delivered.".to_owned();
    Figure { id: "histories", at, size, title, body: Drawn::Grid { first: first + 1, rows: rows.collect() } }
}

fn phases(world: &Ensemble, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let Some(node) = world.node(id) else { return Vec::new() };
        let (phase, tone) = match role(world, id) {
            None => ("-", Tone::Off),
            Some(Role::Looking(_)) => ("election", Tone::Question),
            Some(Role::Following(following)) => (word(following.stage), Tone::Neutral),
            Some(Role::Leading(leading)) => (word(leading.stage), Tone::Active),
        };
        let x = node
            .memory
            .as_ref()
            .map_or("-".to_owned(), |memory| memory.state[0].map_or("unset".to_owned(), |x| x.to_string()));
        vec![
            Cell::firm(Zab::name(world.settings(), id), Tone::Neutral),
            Cell::firm(phase, tone),
            Cell::firm(node.disk.accepted.to_string(), Tone::Neutral),
            Cell::firm(node.disk.current.to_string(), Tone::Neutral),
            Cell::firm(x, Tone::Neutral),
        ]
    };
    let head = ["server", "phase", "promised", "epoch", "x"].map(str::to_owned).to_vec();
    let title = "Phases, and epochs on disk".to_owned();
    let rows = everybody(world).into_iter().map(row).collect();
    Figure { id: "phases", at, size, title, body: Drawn::Table { head, rows } }
}

pub(super) fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Notification { vote } if vote.looking => ('V', Glyph::Diamond, Tone::Question),
        Message::Notification { .. } => ('L', Glyph::Diamond, Tone::Active),
        Message::Ping { .. } => ('h', Glyph::Dot, Tone::Neutral),
        Message::Pong { .. } => ('h', Glyph::Pill, Tone::Neutral),
        Message::Packet { body, .. } => match body {
            Body::CEpoch { .. } => ('e', Glyph::Pill, Tone::Service),
            Body::NewEpoch { .. } => ('E', Glyph::Square, Tone::Service),
            Body::AckEpoch { .. } => ('k', Glyph::Pill, Tone::Service),
            Body::NewLeader { .. } => ('S', Glyph::Square, Tone::Store),
            Body::AckLeader => ('s', Glyph::Pill, Tone::Store),
            Body::CommitLeader { .. } => ('U', Glyph::Dot, Tone::Store),
            Body::Propose { .. } => ('P', Glyph::Square, Tone::Producer),
            Body::Ack { .. } => ('a', Glyph::Pill, Tone::Producer),
            Body::Commit { .. } => ('C', Glyph::Dot, Tone::Fine),
        },
    };
    Look { letter, glyph, tone }
}

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn vote_fields(settings: &Settings, vote: &Vote) -> Fields {
    vec![
        field("votes for", Zab::name(settings, NodeId(vote.id))),
        field("its epoch", vote.epoch),
        field("its last zxid", epochs(vote.zxid)),
        field("round", vote.round),
        field("looking", if vote.looking { "yes" } else { "no, it leads" }),
    ]
}

pub(super) fn fields(settings: &Settings, message: &Message) -> Fields {
    let (link, number, body) = match message {
        Message::Notification { vote } => return vote_fields(settings, vote),
        Message::Ping { link, sent } | Message::Pong { link, sent } => {
            return vec![field("connection", link), field("sent before", sent)];
        }
        Message::Packet { link, seq, body } => (link, seq, body),
    };
    let mut fields = vec![field("connection", link), field("number in it", number)];
    match body {
        Body::CEpoch { promised } => fields.push(field("promised", promised)),
        Body::NewEpoch { epoch } => fields.push(field("epoch", epoch)),
        Body::AckEpoch { counts, current, history } => {
            fields.push(field("counts", if *counts { "yes" } else { "no, promised before" }));
            fields.push(field("current epoch", current));
            fields.push(field("last zxid", epochs(history.last())));
        }
        Body::NewLeader { epoch, update } => {
            fields.push(field("epoch", epoch));
            fields.push(field("update", update.words()));
        }
        Body::AckLeader => {}
        Body::CommitLeader { upto } => fields.push(field("up to", epochs(*upto))),
        Body::Propose { txn } => {
            fields.push(field("zxid", epochs(txn.zxid)));
            fields.push(field("change", txn));
        }
        Body::Ack { zxid } | Body::Commit { zxid } => fields.push(field("zxid", epochs(*zxid))),
    }
    fields
}

fn inspect(world: &Ensemble, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let history = &node.disk.history;
    let tail = history.txns().iter().rev().take(6).rev();
    let disk = vec![
        field("promised (acceptedEpoch)", node.disk.accepted),
        field("current epoch", node.disk.current),
        field("transactions", history.len()),
        field("the last", tail.map(|txn| format!("{} {txn}", epochs(txn.zxid))).collect::<Vec<_>>().join(", ")),
    ];
    let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
    let mut fields = vec![field("delivered", memory.delivered)];
    for (register, value) in ["x", "y", "z"].iter().zip(memory.state) {
        fields.push(field(register, value.map_or("unset".to_owned(), |value| value.to_string())));
    }
    match &memory.role {
        Role::Looking(looking) => {
            fields.push(field("role", "looking for a leader"));
            fields.extend(vote_fields(world.settings(), &looking.vote));
        }
        Role::Following(following) => {
            let leader = Zab::name(world.settings(), following.leader);
            fields.push(field("role", format!("follows {leader}, {}", word(following.stage))));
            fields.push(field("connection", following.link));
        }
        Role::Leading(leading) => {
            fields.push(field("role", format!("leads epoch {}, {}", leading.epoch, word(leading.stage))));
            for open in &leading.outstanding {
                fields
                    .push(field(&format!("open {}", epochs(open.zxid)), format!("{} have it", open.acks.count_ones())));
            }
        }
    }
    Inspection { disk, memory: fields }
}

fn names(world: &Ensemble) -> Vec<String> {
    everybody(world).into_iter().map(|id| Zab::name(world.settings(), id)).collect()
}

fn set(register: i64, value: i64) -> Input {
    Input::call(zab::SET, &[register, value])
}

/// Cuts the leader off from everybody else.
fn cut_off(world: &Ensemble) -> Option<Input> {
    newest(world).map(|(id, _)| Input::Partition { side: 1 << id.0 })
}

fn epoch(world: &Ensemble) -> u32 {
    world.witness().primaries().last().map_or(0, |primary| primary.0)
}

/// A follower, in a tour that stops one.
fn follower(world: &Ensemble) -> Option<NodeId> {
    everybody(world).into_iter().find(|id| matches!(role(world, *id), Some(Role::Following(_))))
}

/// Proposals that a server has and did not deliver.
fn tail(world: &Ensemble, id: NodeId) -> u32 {
    let Some(node) = world.node(id) else { return 0 };
    node.memory.as_ref().map_or(0, |memory| node.disk.history.len().saturating_sub(memory.delivered))
}

/// Whether somebody still has the second register's 9, of the tour.
fn nine_left(world: &Ensemble) -> bool {
    world.nodes().any(|(_, node)| node.disk.history.txns().iter().any(|txn| (txn.register, txn.value) == (1, 9)))
}

const TOUR: &[Beat<Zab>] = &[
    Beat {
        title: "Everybody looks",
        say: "Three servers, and no leader. Each votes for itself and says so: diamonds. A vote carries the *epoch* of \
              the server voted for, its last transaction, and its name.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: everybody,
        predict: None,
    },
    Beat {
        title: "The better vote wins",
        say: "Whoever hears of a better vote takes it over: the later epoch, then the longer history, then the greater \
              name. With a quorum for its vote, a server still waits 200 ms for a better one.",
        inputs: no_inputs,
        until: |world| !leaders(world).is_empty(),
        look: leaders,
        predict: Some(Predict {
            question: "Who is elected?",
            options: names,
            answer: |world| leaders(world).first().map_or(0, |id| id.index()),
            because: "All histories are empty and all epochs are 0, so the greatest name decides.",
        }),
    },
    Beat {
        title: "Discovery",
        say: "An elected leader may not lead yet. Followers tell it which epoch they have promised at most. It takes the \
              next one, and a *quorum* promises to follow no earlier leader any more.",
        inputs: no_inputs,
        until: |world| stage(world).is_some_and(|stage| stage != Stage::Discovery),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Synchronisation",
        say: "The leader takes the latest history of the quorum, and brings each follower to it: with what it lacks \
              (DIFF), by cutting back (TRUNC), or with everything (SNAP). Once a quorum has it, the leader is established.",
        inputs: no_inputs,
        until: |world| stage(world) == Some(Stage::Broadcast),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Broadcast",
        say: "A client sets y to 5. The leader numbers it: epoch and counter, its *zxid*. It proposes, followers write and \
              acknowledge, and with a quorum it commits. Clients also add 1 to x now and then.",
        inputs: |_| vec![set(1, 5)],
        until: |world| {
            world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.state[1] == Some(5)))
        },
        look: leaders,
        predict: None,
    },
    Beat {
        title: "Proposals for nobody",
        say: "The leader is cut off, and does not know it yet. A client sets y to 9. The leader writes the proposal to its \
              own history, and no acknowledgement comes.",
        inputs: |world| cut_off(world).into_iter().chain([set(1, 9)]).collect(),
        until: |world| leaders(world).into_iter().any(|id| tail(world, id) >= 1) && nine_left(world),
        look: leaders,
        predict: None,
    },
    Beat {
        title: "A new epoch",
        say: "For five ticks the others hear nothing. They look for a leader, and go through the phases again. The old \
              leader has no quorum, and gives up as well.",
        inputs: no_inputs,
        until: |world| epoch(world) >= 2,
        look: leaders,
        predict: Some(Predict {
            question: "Which epoch do the other two begin?",
            options: |_| vec!["Epoch 1 again".to_owned(), "Epoch 2".to_owned(), "None without the third".to_owned()],
            answer: |world| usize::from(epoch(world) >= 2),
            because: "Both have promised epoch 1. Two of three are a quorum, and the next epoch is above every promise.",
        }),
    },
    Beat {
        title: "The old leader comes back",
        say: "The cut heals. The old leader meets one that leads, joins it, and shows its history. Look at the grid: the \
              end of it is of epoch 1, and nobody else has it.",
        inputs: |_| vec![Input::HealAll],
        until: |world| common_leader(world).is_some(),
        look: everybody,
        predict: Some(Predict {
            question: "What becomes of y = 9?",
            options: |_| vec!["It is committed after all".to_owned(), "It is taken out".to_owned()],
            answer: |world| usize::from(!nine_left(world)),
            because: "It was never committed, and epoch 2 began without it. The new leader's history replaces the old one's.",
        }),
    },
    Beat {
        title: "A follower misses a little",
        say: "Now a follower crashes, and the leader goes on with the other: two are a quorum.",
        inputs: |world| follower(world).map(|node| Input::Crash { node }).into_iter().collect(),
        until: |world| {
            let down = world.nodes().find(|(_, node)| node.memory.is_none());
            let ends = down.map(|(_, node)| node.disk.history.len());
            ends.is_some_and(|len| world.witness().delivered() >= len + 3)
        },
        look: leaders,
        predict: None,
    },
    Beat {
        title: "And is brought up to date",
        say: "It restarts from its disk, finds the leader, and says where its history ends. This time a DIFF will do: the \
              few transactions that it lacks.",
        inputs: |world| {
            let down = world.nodes().find(|(_, node)| node.memory.is_none());
            down.map(|(node, _)| Input::Restart { node }).into_iter().collect()
        },
        until: |world| world.nodes().all(|(_, node)| node.memory.is_some()) && common_leader(world).is_some(),
        look: everybody,
        predict: None,
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

fn two_believe(world: &Ensemble) -> bool {
    let epochs = leaders(world).into_iter().filter_map(|id| leading(world, id)).map(|leading| leading.epoch);
    let mut epochs: Vec<u32> = epochs.filter(|epoch| *epoch > 0).collect();
    small::sort(&mut epochs);
    epochs.dedup();
    epochs.len() >= 2
}

/// A server is about to lose at least three proposals that it has written.
fn loses_three(world: &Ensemble) -> bool {
    world.flights().any(|flight| {
        let update = match flight.message {
            Message::Packet { body: Body::NewLeader { update, .. }, .. } => update,
            _ => return false,
        };
        matches!(update, Update::Trunc(..) | Update::Snap(_)) && tail(world, flight.pending.node) >= 3
    })
}

const CHALLENGES: &[Challenge<Zab>] = &[
    Challenge {
        id: "two-leaders",
        title: "Two who believe they lead",
        goal: "Have two servers lead at once, in different epochs.",
        hint: "A leader gives up after syncLimit ticks without a quorum. Pause it: what does not run cannot give up.",
        reached: two_believe,
        origin,
        solve: |script| {
            script.until(|world| common_leader(world).is_some());
            if let Some((node, _)) = newest(script.world()) {
                script.act(Input::Pause { node });
            }
            script.until(two_believe);
        },
    },
    Challenge {
        id: "three-lost",
        title: "Written, and taken back",
        goal: "Have a new leader take back at least three proposals that a server has written to its disk.",
        hint: "Only what was never committed can go. Cut a leader off, and keep asking it.",
        reached: loses_three,
        origin,
        solve: |script| {
            script.until(|world| common_leader(world).is_some());
            let cut = cut_off(script.world());
            cut.into_iter().for_each(|input| {
                script.act(input);
            });
            for value in 1..=3 {
                script.act(set(2, value));
            }
            script.until(|world| epoch(world) >= 2);
            script.act(Input::HealAll);
            script.until(loses_three);
        },
    },
];

/// Each server looks for a leader at most so often, and says nothing twice: no vote is repeated, no ping is sent.
fn within(world: &Ensemble, rounds: [u32; 3], epochs: u32) -> bool {
    let once = |role: &Role| !matches!(role, Role::Looking(looking) if looking.wait > zab::WAIT_SHORTEST);
    let calm = world.nodes().zip(rounds).all(|((_, node), most)| {
        let memory = node.memory.as_ref();
        node.disk.accepted <= epochs && memory.is_none_or(|memory| memory.round <= most && once(&memory.role))
    });
    calm && !world.flights().any(|flight| matches!(flight.message, Message::Ping { .. }))
}

const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);

/// B and C do not hear each other.
fn apart() -> Vec<Input> {
    vec![Input::Cut { from: B, to: C }, Input::Cut { from: C, to: B }]
}

/// Three servers, one election, one request.
const ONE_EPOCH: Hunt<Zab> = Hunt {
    settings: &[(zab::RATE, 0)],
    inputs: || vec![set(0, 5)],
    bounds: Bounds::new(300_000, 50, Budget::NONE),
    within: |world| within(world, [1; 3], 1),
};

/// Two elections, one after the other, in both of which A takes part.
const TWO_EPOCHS: Hunt<Zab> = Hunt {
    settings: &[(zab::RATE, 0)],
    inputs: apart,
    bounds: Bounds::new(2_000_000, 40, Budget::NONE),
    within: |world| within(world, [2, 2, 1], 2),
};

const BREAKS: &[Breaks<Zab>] = &[
    Breaks { rule: zab::NEW_EPOCH, promise: ONE_PRIMARY.id, way: Way::Explore(TWO_EPOCHS) },
    Breaks {
        rule: zab::SYNC_FIRST,
        promise: ONE_ORDER.id,
        way: Way::Explore(Hunt {
            settings: &[(zab::RATE, 0), (zab::START, 1)],
            inputs: || vec![Input::Crash { node: B }, set(0, 5)],
            within: |world| within(world, [1; 3], 2),
            ..TWO_EPOCHS
        }),
    },
    Breaks {
        rule: zab::QUORUM_ACK,
        promise: NOTHING_LOST.id,
        way: Way::Explore(Hunt { inputs: || [apart(), vec![set(0, 5)]].concat(), ..TWO_EPOCHS }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::{Script, storm};
    use crate::sim::explore::instance::Instance;
    use crate::sim::explore::{Explorer, Outcome};
    use crate::sim::kernel::time::{MS, SEC};
    use crate::sim::run::Run;
    use crate::sim::run::simulation::Simulation;
    use crate::sim::run::tape::Tape;

    /// Algorithm 3: a proposal to each follower, its acknowledgement, and the commit. With fixed latency a commit takes a
    /// round trip.
    #[test]
    fn a_transaction_costs_three_messages_a_follower_and_a_round_trip() {
        for (servers, followers) in [(0, 2), (1, 4)] {
            let mut script = Script::new(SCENARIO.world(&origin(), &[(zab::RATE, 0), (zab::SERVERS, servers)]));
            let packets = |world: &Ensemble| {
                let pings = |message: &Message| matches!(message, Message::Ping { .. } | Message::Pong { .. });
                world
                    .flights()
                    .filter(|flight| !pings(flight.message))
                    .map(|flight| flight.pending.id)
                    .collect::<Vec<_>>()
            };
            assert!(script.until(|world| common_leader(world).is_some() && packets(world).is_empty()));
            assert!(script.act(set(1, 7)));
            let asked = script.world().kernel().now();
            let mut seen: Vec<u64> = Vec::new();
            let all_have = |world: &Ensemble| {
                world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.state[1] == Some(7)))
            };
            while !all_have(script.world()) {
                script.steps(1);
                seen.extend(packets(script.world()));
            }
            seen.extend(packets(script.world()));
            small::sort(&mut seen);
            seen.dedup();
            assert_eq!(seen.len(), 3 * followers);
            assert!(script.world().kernel().now() - asked <= 45 * MS);
        }
    }

    /// After any storm of faults a leader emerges, and nothing else breaks in a long one.
    #[test]
    fn a_leader_emerges_after_storms() {
        for seed in 0..150 {
            let settings = vec![(zab::SERVERS, (seed % 2) as i64)];
            let start = SCENARIO.world(&Origin { seed, settings, ..Origin::default() }, &[]);
            let mut run = Run::new(start, Tape::default());
            storm(&mut run, SCENARIO.faults, seed, 1_500);
            let healed = run.world().kernel().now();
            while common_leader(run.world()).is_none() && run.step().is_some() {}
            let took = run.world().kernel().now() - healed;
            assert!(took < 20 * SEC, "seed {seed}: {took}");
            let broken = run.branch().breakings().iter().map(|breaking| breaking.promise).collect::<Vec<_>>();
            assert!(broken.is_empty(), "seed {seed}: {broken:?}");
        }
    }

    /// Two epochs with a request in each, looked at as far as a million and a half states go.
    #[test]
    fn two_epochs_hold() {
        let mut world = SCENARIO.world(&origin(), TWO_EPOCHS.settings);
        for input in [apart(), vec![set(0, 5), set(1, 6)]].concat() {
            assert!(world.apply(&input).is_ok());
        }
        let bounds = Bounds { states: 1_500_000, ..TWO_EPOCHS.bounds };
        let mut explorer = Explorer::new(Box::new(Instance::new(&world, None, TWO_EPOCHS.within)), bounds, false);
        let report = explorer.run();
        println!("{:?} {:?}", report.progress, report.limit);
        assert!(!matches!(report.outcome, Outcome::Broken { .. }), "{:?}", report.outcome);
    }
}
