//! Two-phase commit: one order over several databases, and the participant that is blocked when the coordinator dies.

use crate::guides::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::chaos::FaultModel;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::settings::{CommandCall, Settings};
use crate::sim::system::System;
use crate::sim::tape::{Input, Origin};
use crate::sim::time;
use crate::sim::world::World;
use crate::systems::two_phase_commit::promises::{AGREE, ALL_YES, RELEASED, locked};
use crate::systems::two_phase_commit::{
    self as tpc, CLIENT, COORDINATOR, Memory, Message, Record, TwoPhaseCommit, Tx, participants,
};

type Shop = World<TwoPhaseCommit>;

/// The scenario.
pub static SCENARIO: Scenario<TwoPhaseCommit> = Scenario {
    slug: "two-phase-commit",
    title: "Two-phase commit",
    guide: Guide::Transactions,
    level: 2,
    summary: "An order of $50 touches three databases: all of it happens, or none. Then the coordinator dies at the \
              worst moment, and whoever voted yes has to wait.",
    seed: 3,
    settings: &[
        (tpc::PARTICIPANTS, 3),
        (tpc::RATE, 2),
        (tpc::NO_VOTES, 20),
        (tpc::LATENCY, 10_000),
        (tpc::PATIENCE, 120_000),
        (tpc::COOPERATE, 0),
    ],
    fixed: &[],
    rules: &[tpc::FORCE_VOTE, tpc::UNANIMOUS, tpc::FORCE_DECISION, tpc::PRESUMED_ABORT, tpc::WAIT],
    commands: &[0],
    promises: &[AGREE, ALL_YES, RELEASED],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Committed and refused",
            about: "A dead coordinator stops both.",
            plot: Plot::Ratio(tpc::COMMITTED, tpc::ABORTED),
        },
        Chart {
            title: "Request to answer",
            about: "Two round trips: prepare and vote, then the decision.",
            plot: Plot::Percentiles(tpc::LATENCY_SEEN),
        },
        Chart {
            title: "Time a lock was held, 95 %",
            about: "A participant in doubt holds its lock for as long as the coordinator is away.",
            plot: Plot::PercentileOfEach(tpc::LOCKED_FOR),
        },
    ],
    subject: node_subject::<TwoPhaseCommit>,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_ORDER,
    breaks: BREAKS,
    prose: prose!("two_phase_commit.md"),
};

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let stores: Vec<NodeId> = participants(world.kernel().nodes().len()).collect();
    let (client, coordinator, places, at, size) = match frame {
        Frame::Wide => ((90, 120), (350, 120), Area::new(20, 300, 620, 120).row(stores.len()), (660, 60), (290, 260)),
        Frame::Narrow => ((56, 60), (262, 66), narrow_places(stores.len()), (8, 384), (384, 170)),
    };
    let mut mark = NodeMark::new(CLIENT, client, Shape::Client, "client");
    mark.tone = Tone::Producer;
    mark.state = client_state(world);
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(COORDINATOR, coordinator, Shape::Broker, "coordinator");
    mark.tone = Tone::Active;
    mark.crown = true;
    mark.state = coordinator_state(world);
    picture.nodes.push(mark);
    for (id, at) in stores.iter().zip(places) {
        picture.nodes.push(store(world, *id, at));
    }
    picture.link_all(&[COORDINATOR], &[CLIENT]);
    picture.link_all(&[COORDINATOR], &stores);
    picture.link_all(&stores, &stores);
    picture.figures.push(logs(world, at, size));
    picture
}

/// On a phone: three in a row, the rest below.
fn narrow_places(count: usize) -> Vec<(i32, i32)> {
    let first = Area::new(4, 140, 392, 90).row(count.min(3));
    let second = Area::new(4, 262, 392, 90).row(count.saturating_sub(3));
    first.into_iter().chain(second).collect()
}

fn client_state(world: &Shop) -> String {
    match world.memory(CLIENT) {
        Some(Memory::Client { waiting: Some((tx, ..)), .. }) => format!("waits for {tx}"),
        _ => "no order open".to_owned(),
    }
}

fn coordinator_state(world: &Shop) -> String {
    let Some(Memory::Coordinator { active }) = world.memory(COORDINATOR) else { return String::new() };
    match active.iter().next_back() {
        None => "idle".to_owned(),
        Some((tx, drive)) => match drive.acked {
            None => format!("{tx}: {} yes", drive.yes.count_ones()),
            Some(acked) => format!("commit {tx}: {} acks", acked.count_ones()),
        },
    }
}

fn lock_of(world: &Shop, id: NodeId) -> Option<Tx> {
    locked(world).find(|lock| lock.0 == id).map(|lock| lock.1)
}

fn store(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, TwoPhaseCommit::name(world.settings(), id));
    let last = world.node(id).and_then(|node| node.disk.log.last().copied());
    let blocked = !world.kernel().is_running(COORDINATOR);
    (mark.state, mark.tone) = match (lock_of(world, id), last) {
        (Some(_), _) if blocked => ("blocked, in doubt".to_owned(), Tone::Risk),
        (Some(tx), _) => (format!("locked by {tx}"), Tone::Question),
        (None, Some((tx, Record::Committed))) => (format!("committed {tx}"), Tone::Fine),
        (None, Some((tx, Record::Aborted))) => (format!("aborted {tx}"), Tone::Off),
        _ => ("unlocked".to_owned(), Tone::Store),
    };
    mark
}

/// How many records of each log are shown.
const SHOWN: usize = 8;

fn logs(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let keeps_log = world.nodes().skip(1);
    let rows = keeps_log.map(|(id, node)| {
        let from = node.disk.log.len().saturating_sub(SHOWN);
        let cell = |(tx, record): &(Tx, Record)| {
            let text = format!("{}{tx}", record.letter());
            match record {
                Record::Prepared => Cell::loose(text, Tone::Question),
                Record::Committed => Cell::firm(text, Tone::Fine),
                Record::Aborted => Cell::firm(text, Tone::Off),
                Record::End => Cell::firm(text, Tone::Neutral),
            }
        };
        let cells = node.disk.log.get(from..).unwrap_or_default().iter().map(cell).collect();
        GridRow { label: TwoPhaseCommit::name(world.settings(), id), cells, mark: None }
    });
    let title = "Logs on disk: Prepared, Committed, Aborted, End".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first: 1, rows: rows.collect() } }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Request { .. } => ('O', Glyph::Square, Tone::Producer),
        Message::Outcome { commit: true, .. } => ('✓', Glyph::Pill, Tone::Fine),
        Message::Outcome { .. } => ('✕', Glyph::Pill, Tone::Off),
        Message::Prepare { .. } => ('P', Glyph::Diamond, Tone::Question),
        Message::Vote { yes: true, .. } => ('Y', Glyph::Pill, Tone::Fine),
        Message::Vote { .. } => ('N', Glyph::Pill, Tone::Broken),
        Message::Decide { commit: true, .. } => ('C', Glyph::Square, Tone::Fine),
        Message::Decide { .. } => ('A', Glyph::Square, Tone::Off),
        Message::Ack { .. } => ('k', Glyph::Pill, Tone::Neutral),
        Message::Inquire { .. } => ('?', Glyph::Diamond, Tone::Risk),
    };
    Look { letter, glyph, tone }
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    let word = |commit: bool| if commit { "commit" } else { "abort" }.to_owned();
    match *message {
        Message::Request { tx, veto } | Message::Prepare { tx, veto } => {
            let who = match usize::from(veto).checked_sub(1) {
                None => "nobody".to_owned(),
                Some(at) => TwoPhaseCommit::name(settings, NodeId::from(tpc::FIRST + at)),
            };
            vec![field("order", tx.to_string()), field("cannot do its part", who)]
        }
        Message::Outcome { tx, commit } | Message::Decide { tx, commit } => {
            vec![field("order", tx.to_string()), field("decision", word(commit))]
        }
        Message::Vote { tx, yes } => {
            vec![field("order", tx.to_string()), field("vote", if yes { "yes" } else { "no" }.to_owned())]
        }
        Message::Ack { tx } | Message::Inquire { tx } => vec![field("order", tx.to_string())],
    }
}

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let records: Vec<String> =
        node.disk.log.iter().map(|(tx, record)| format!("{record:?} {tx}").to_lowercase()).collect();
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk = vec![
        field("log", if records.is_empty() { "empty".to_owned() } else { records.join(", ") }),
        field("last order begun", node.disk.last.to_string()),
    ];
    let memory = match &node.memory {
        None => Vec::new(),
        Some(Memory::Client { waiting, queue }) => vec![
            field("waits for", waiting.map_or("nothing".to_owned(), |waiting| format!("order {}", waiting.0))),
            field("orders in line", queue.len().to_string()),
        ],
        Some(Memory::Coordinator { active }) => active
            .iter()
            .map(|(tx, drive)| {
                let acked = drive
                    .acked
                    .map_or("undecided".to_owned(), |acked| format!("commit, {} acknowledged", acked.count_ones()));
                field(&format!("order {tx}"), format!("{} yes; {acked}", drive.yes.count_ones()))
            })
            .collect(),
        Some(Memory::Participant { lock, unforced }) => vec![
            field("lock", lock.map_or("free".to_owned(), |lock| format!("held by order {}", lock.0))),
            field("vote not on disk", unforced.map_or("none".to_owned(), |tx| tx.to_string())),
            field("clock", time::show(world.kernel().node(id).local(world.kernel().now()))),
        ],
    };
    Inspection { disk, memory }
}

fn order(veto: i64) -> Input {
    Input::Command(CommandCall { command: 0, values: vec![veto] })
}

fn stores(world: &Shop) -> Vec<NodeId> {
    participants(world.kernel().nodes().len()).collect()
}

fn in_flight(world: &Shop, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

fn all_locked(world: &Shop) -> bool {
    locked(world).count() == stores(world).len()
}

fn decided(world: &Shop) -> bool {
    matches!(world.node(COORDINATOR).and_then(|node| node.disk.log.last()), Some((_, Record::Committed)))
}

/// The last order was aborted everywhere, and the client knows.
fn last_aborted(world: &Shop) -> bool {
    let last = world.node(COORDINATOR).map_or(0, |node| node.disk.last);
    let aborted = |id: &NodeId| world.node(*id).is_some_and(|node| node.disk.record(last) == Some(Record::Aborted));
    let answered = matches!(world.memory(CLIENT), Some(Memory::Client { waiting: None, .. }));
    answered && stores(world).iter().all(aborted)
}

fn coordinator_up(world: &Shop) -> bool {
    world.kernel().node(COORDINATOR).up
}

const TOUR: &[Beat<TwoPhaseCommit>] = &[
    Beat {
        title: "One order, three databases",
        say: "An order must be entered, paid and taken from stock. Each database can do its own part alone. The \
              *coordinator* is there so that all parts happen, or none.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: stores,
        predict: None,
    },
    Beat {
        title: "Phase one: can you?",
        say: "The coordinator asks every *participant* to prepare. Diamonds are the question.",
        inputs: no_inputs,
        until: |world| in_flight(world, |message| matches!(message, Message::Prepare { .. })),
        look: |_| vec![COORDINATOR],
        predict: None,
    },
    Beat {
        title: "A yes is a promise",
        say: "Each writes a prepared record to its disk, locks its row, and only then says yes. From here on it may \
              no longer abort on its own, whatever happens.",
        inputs: no_inputs,
        until: all_locked,
        look: stores,
        predict: Some(Predict {
            question: "How many yes votes does a commit need?",
            options: |_| vec!["A majority".to_owned(), "Every one".to_owned()],
            answer: |_| 1,
            because: "A majority is for copies of the same thing. These are different parts, and each is needed.",
        }),
    },
    Beat {
        title: "The decision is one disk write",
        say: "With the last yes the coordinator writes its commit record. That write is the moment of decision: \
              before it the order would be aborted, after it nothing can stop it.",
        inputs: no_inputs,
        until: decided,
        look: |_| vec![COORDINATOR],
        predict: None,
    },
    Beat {
        title: "Phase two: do it",
        say: "Everyone carries the decision out, releases its lock, and acknowledges. When all have, the coordinator \
              may forget: it writes an end record.",
        inputs: no_inputs,
        until: |world| matches!(world.node(COORDINATOR).and_then(|node| node.disk.log.last()), Some((_, Record::End))),
        look: stores,
        predict: None,
    },
    Beat {
        title: "One no is enough",
        say: "The next order meets an empty stock. Watch what becomes of the two others, who could have done their part.",
        inputs: |_| vec![order(3)],
        until: last_aborted,
        look: stores,
        predict: Some(Predict {
            question: "What is forced to the coordinator's disk for an abort?",
            options: |_| vec!["An abort record".to_owned(), "Nothing".to_owned()],
            answer: |_| 1,
            because: "No record means abort. This is presumed abort: the common failure costs no disk write.",
        }),
    },
    Beat {
        title: "The worst moment",
        say: "Another order. All three have voted yes, hold their locks, and wait to hear.",
        inputs: |_| vec![order(0)],
        until: all_locked,
        look: stores,
        predict: None,
    },
    Beat {
        title: "The coordinator dies",
        say: "It crashes before anyone hears the decision. The participants are *in doubt*: it may have told one of \
              the others to commit. They can only ask, and keep their rows locked.",
        inputs: |_| vec![Input::Crash { node: COORDINATOR }],
        until: |world| in_flight(world, |message| matches!(message, Message::Inquire { .. })),
        look: stores,
        predict: Some(Predict {
            question: "What may a participant in doubt do on its own?",
            options: |_| vec!["Abort".to_owned(), "Commit".to_owned(), "Neither".to_owned()],
            answer: |_| 2,
            because: "Either could be the opposite of what another one was told. This is the blocking of two-phase commit.",
        }),
    },
    Beat {
        title: "The log decides",
        say: "The coordinator restarts and reads its log. For whatever has a commit record it carries on; for the rest, \
              no record means abort. The locks are released.",
        inputs: |_| vec![Input::Restart { node: COORDINATOR }],
        until: |world| coordinator_up(world) && locked(world).next().is_none(),
        look: stores,
        predict: None,
    },
];

fn default_origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// A participant has held its lock for a second while the coordinator is down.
fn blocked(world: &Shop) -> bool {
    let now = world.kernel().now();
    let long = |(_, node): (NodeId, &crate::sim::world::Node<TwoPhaseCommit>)| match node.memory {
        Some(Memory::Participant { lock: Some((_, since)), .. }) => now >= since + time::SEC,
        _ => false,
    };
    !coordinator_up(world) && world.nodes().skip(tpc::FIRST).any(long)
}

/// Two participants' disks say different things about one order.
fn split(world: &Shop) -> bool {
    world.is_promise_broken(AGREE.id)
}

/// An order that nobody refused is aborted.
fn needless_abort(world: &Shop) -> bool {
    let aborted = |id: NodeId, tx: Tx| world.node(id).is_some_and(|node| node.disk.record(tx) == Some(Record::Aborted));
    let prepared_first =
        |id: NodeId, tx: Tx| world.node(id).is_some_and(|node| node.disk.log.contains(&(tx, Record::Prepared)));
    let all = stores(world);
    let last = world.node(COORDINATOR).map_or(0, |node| node.disk.last);
    (1..=last).any(|tx| all.iter().all(|id| aborted(*id, tx) && prepared_first(*id, tx)))
}

const CHALLENGES: &[Challenge<TwoPhaseCommit>] = &[
    Challenge {
        id: "blocked",
        title: "Block a participant",
        goal: "Keep a participant in doubt, its row locked, for a second of virtual time.",
        hint: "Crash the coordinator after the votes have been sent, and do not restart it.",
        reached: blocked,
        origin: default_origin,
        solve: |script| {
            script.until(all_locked);
            script.act(Input::Crash { node: COORDINATOR });
            script.until(blocked);
        },
    },
    Challenge {
        id: "needless-abort",
        title: "Abort what all would do",
        goal: "Have an order aborted although every participant voted yes.",
        hint: "A vote that does not arrive is a vote that was not cast.",
        reached: needless_abort,
        origin: default_origin,
        solve: |script| {
            let vote = |world: &Shop| {
                let yes = world.flights().find(|flight| matches!(flight.message, Message::Vote { yes: true, .. }));
                yes.map(|flight| flight.pending.id)
            };
            script.until(all_locked);
            if let Some(id) = vote(script.world()) {
                script.act(Input::Drop { id });
            }
            script.until(needless_abort);
        },
    },
    Challenge {
        id: "two-decisions",
        title: "Two decisions",
        goal: "With one rule off, make two participants decide differently.",
        hint: "Let prepared participants abort alone, and let one of them hear of the commit too late.",
        reached: split,
        origin: || Origin {
            rules_off: crate::sim::rules::RuleSet::ALL.with(tpc::WAIT, false).off_bits(),
            ..default_origin()
        },
        solve: |script| {
            script.until(all_locked);
            let slow = stores(script.world()).first().copied().unwrap_or(COORDINATOR);
            script.act(Input::Cut { from: COORDINATOR, to: slow });
            script.until(split);
        },
    },
];

/// One order, two participants, one crash.
const ONE_ORDER: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 2), (tpc::RATE, 0)],
    inputs: || vec![order(0)],
    bounds: Bounds { states: 120_000, depth: 14, budget: Budget { crashes: 1, restarts: 1, drops: 0, duplicates: 0 } },
    within: |world| world.kernel().pending_count() < 16,
};

/// The same with three participants, one of which says no: more than half is then not all.
const ONE_NO: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 3), (tpc::RATE, 0)],
    inputs: || vec![order(3)],
    bounds: Bounds { states: 120_000, depth: 14, budget: Budget { crashes: 0, restarts: 0, drops: 0, duplicates: 0 } },
    within: |world| world.kernel().pending_count() < 16,
};

const BREAKS: &[Breaks<TwoPhaseCommit>] = &[
    Breaks { rule: tpc::FORCE_VOTE, promise: AGREE.id, way: Way::Explore(ONE_ORDER) },
    Breaks { rule: tpc::UNANIMOUS, promise: ALL_YES.id, way: Way::Explore(ONE_NO) },
    Breaks { rule: tpc::FORCE_DECISION, promise: AGREE.id, way: Way::Explore(ONE_ORDER) },
    Breaks {
        rule: tpc::PRESUMED_ABORT,
        promise: AGREE.id,
        way: Way::Explore(Hunt { inputs: || vec![order(2)], ..ONE_ORDER }),
    },
    Breaks { rule: tpc::WAIT, promise: AGREE.id, way: Way::Explore(ONE_ORDER) },
];
