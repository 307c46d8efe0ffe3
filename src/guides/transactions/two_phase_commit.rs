//! Two-phase commit: one order over several databases, and the participant that is blocked when the coordinator dies.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::transactions::two_phase_commit::promises::{AGREE, ALL_YES, RELEASED, locked};
use crate::systems::transactions::two_phase_commit::{
    self as tpc, CLIENT, COORDINATOR, Disk, Memory, Message, Record, TwoPhaseCommit, Tx, participants,
};

type Shop = World<TwoPhaseCommit>;

/// Orders a second that the client sends unasked.
const OWN_RATE: i64 = 2;

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
        (tpc::RATE, OWN_RATE),
        (tpc::NO_VOTES, 20),
        (tpc::LATENCY, 10_000),
        (tpc::PATIENCE, 120_000),
        (tpc::COOPERATE, 0),
    ],
    busy: &[],
    fixed: &[],
    rules: &[tpc::FORCE_VOTE, tpc::UNANIMOUS, tpc::FORCE_DECISION, tpc::PRESUMED_ABORT, tpc::WAIT],
    commands: &[tpc::ORDER],
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

/// Where everything is: depends on the number of participants alone.
struct Plan {
    client: (i32, i32),
    coordinator: (i32, i32),
    stores: Vec<(i32, i32)>,
    records: (i32, i32),
    size: (i32, i32),
}

impl Plan {
    fn new(frame: Frame, count: usize) -> Plan {
        match frame {
            Frame::Wide => Plan {
                client: (190, 84),
                coordinator: (480, 84),
                stores: arc(Area::new(60, 186, 840, 80).row(count)),
                records: (188, 364),
                size: (584, 190),
            },
            Frame::Narrow => Plan {
                client: (80, 66),
                coordinator: (262, 66),
                stores: narrow_places(count),
                records: (8, 384),
                size: (384, 170),
            },
        }
    }
}

/// A row whose middle hangs lower, so that a link between its ends passes above what lies between them.
fn arc(row: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    let last = row.len().saturating_sub(1).max(1) as i32;
    let sag = |index: i32| 50 * (last * last - (2 * index - last) * (2 * index - last)) / (last * last);
    row.into_iter().zip(0..).map(|((x, y), index)| (x, y + sag(index))).collect()
}

/// On a phone: up to three in a row; the rest below.
fn narrow_places(count: usize) -> Vec<(i32, i32)> {
    if count <= 3 {
        return arc(Area::new(4, 170, 392, 90).row(count));
    }
    let first = Area::new(4, 140, 392, 90).row(3);
    let second = Area::new(4, 262, 392, 90).row(count - 3);
    first.into_iter().chain(second).collect()
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let stores = stores(world);
    let plan = Plan::new(frame, stores.len());
    let mut mark = NodeMark::new(CLIENT, plan.client, Shape::Client, "client");
    mark.tone = Tone::Producer;
    mark.state = client_state(world);
    picture.nodes.push(mark);
    let mut mark = NodeMark::new(COORDINATOR, plan.coordinator, Shape::Broker, "coordinator");
    mark.tone = Tone::Active;
    mark.crown = true;
    mark.state = coordinator_state(world);
    picture.nodes.push(mark);
    picture.nodes.extend(stores.iter().zip(plan.stores).map(|(id, at)| store(world, *id, at)));
    picture.link_all(&[COORDINATOR], &[CLIENT]);
    picture.link_all(&[COORDINATOR], &stores);
    let spoken = picture.links.len();
    picture.link_all(&stores, &stores);
    let silent = !world.settings().is_on(tpc::COOPERATE);
    picture.links.iter_mut().skip(spoken).for_each(|link| link.dashed = silent);
    picture.figures.push(records(world, plan.records, plan.size));
    picture
}

fn client_state(world: &Shop) -> String {
    match world.memory(CLIENT) {
        Some(Memory::Client { waiting: Some((tx, ..)), queue }) => match queue.len() {
            0 => format!("waits for {tx}"),
            more => format!("waits for {tx}, {more} more"),
        },
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

/// Whether no decision can reach a participant: the coordinator is away, or a link to it is cut.
fn is_cut_off(world: &Shop, id: NodeId) -> bool {
    let kernel = world.kernel();
    !kernel.is_running(COORDINATOR) || !kernel.connected(id, COORDINATOR) || !kernel.connected(COORDINATOR, id)
}

fn store(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, TwoPhaseCommit::name(world.settings(), id));
    let last = world.node(id).and_then(|node| node.disk.log.last().copied());
    (mark.state, mark.tone) = match (lock_of(world, id), last) {
        (Some(_), _) if is_cut_off(world, id) => ("blocked, in doubt".to_owned(), Tone::Risk),
        (Some(tx), _) => (format!("locked by {tx}"), Tone::Question),
        (None, Some((tx, Record::Committed))) => (format!("committed {tx}"), Tone::Fine),
        (None, Some((tx, Record::Aborted))) => (format!("aborted {tx}"), Tone::Neutral),
        _ => ("unlocked".to_owned(), Tone::Store),
    };
    mark
}

/// How many orders the figure shows.
const SHOWN: Tx = 8;

/// The logs side by side, a column an order: who committed and who aborted it meet in one column.
fn records(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let last = world.nodes().map(|(_, node)| node.disk.last).max().unwrap_or(0);
    let first = last.saturating_sub(SHOWN - 1).max(1);
    let keeps_log = world.nodes().skip(1);
    let rows = keeps_log.map(|(id, node)| {
        let newest = node.disk.log.iter().map(|entry| entry.0).max().unwrap_or(0);
        let cells = (first..=newest.min(last)).map(|tx| cell(&node.disk, tx)).collect();
        GridRow { label: TwoPhaseCommit::name(world.settings(), id), cells, mark: None }
    });
    let title = "Logs by order: Prepared, Committed, Aborted, End".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: rows.collect() } }
}

/// What a log has of one order, in the order it was written.
fn cell(disk: &Disk, tx: Tx) -> Cell {
    let letters = disk.log.iter().filter(|entry| entry.0 == tx).map(|entry| entry.1.letter().to_string());
    let text = letters.collect::<Vec<_>>().join(" ");
    match disk.record(tx) {
        Some(Record::Prepared) => Cell::loose(text, Tone::Question),
        Some(Record::Committed | Record::End) => Cell::firm(text, Tone::Fine),
        Some(Record::Aborted) => Cell::firm(text, Tone::Neutral),
        None => Cell::loose(text, Tone::Neutral),
    }
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
        node.disk.log.iter().map(|(tx, record)| format!("{record:?} {tx}").to_ascii_lowercase()).collect();
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
        Some(Memory::Participant { lock, unforced }) => {
            let now = world.kernel().node(id).local(world.kernel().now());
            let held = |(tx, since): (Tx, time::Time)| {
                format!("held by order {tx} for {}", time::show(now.saturating_sub(since)))
            };
            vec![
                field("lock", lock.map_or("free".to_owned(), held)),
                field("vote not on disk", unforced.map_or("none".to_owned(), |tx| tx.to_string())),
            ]
        }
    };
    Inspection { disk, memory }
}

fn order(veto: i64) -> Input {
    Input::call(tpc::ORDER, &[veto])
}

fn client_rate(rate: i64) -> Input {
    Input::Setting { setting: tpc::RATE, value: rate }
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

/// Whether every participant's log ends the last order with this record.
fn last_ended_in(world: &Shop, record: Record) -> bool {
    let last = world.node(COORDINATOR).map_or(0, |node| node.disk.last);
    let ended = |id: &NodeId| world.node(*id).is_some_and(|node| node.disk.record(last) == Some(record));
    stores(world).iter().all(ended)
}

/// The last order was aborted everywhere, and the client knows.
fn last_aborted(world: &Shop) -> bool {
    let answered = matches!(world.memory(CLIENT), Some(Memory::Client { waiting: None, .. }));
    answered && last_ended_in(world, Record::Aborted)
}

fn last_committed(world: &Shop) -> bool {
    last_ended_in(world, Record::Committed)
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
        say: "The next order meets an empty stock. The client's own orders pause from here on, so that you see this \
              one alone.",
        inputs: |_| vec![client_rate(0), order(3)],
        until: last_aborted,
        look: stores,
        predict: Some(Predict {
            question: "Orders and payment can do their parts. What do they end with?",
            options: |_| vec!["Commit".to_owned(), "Abort".to_owned()],
            answer: |world| usize::from(last_aborted(world)),
            because: "All or none. Look at the coordinator's log: for an abort it writes nothing, since no record \
                      means abort. This is presumed abort, and it saves a disk write for every failure.",
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
        say: "It crashes with the votes on their way. The participants are *in doubt*: for all they know, it has told \
              one of the others to commit. They ask, and keep their rows locked.",
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
        say: "The coordinator restarts and reads its log. An order with a commit record it carries on with; for any \
              other, no record means abort. Then the client's own orders go on.",
        inputs: |_| vec![Input::Restart { node: COORDINATOR }, client_rate(OWN_RATE)],
        until: |world| coordinator_up(world) && locked(world).next().is_none(),
        look: stores,
        predict: Some(Predict {
            question: "Everyone voted yes. How does the order end?",
            options: |_| vec!["Committed".to_owned(), "Aborted".to_owned()],
            answer: |world| usize::from(!last_committed(world)),
            because: "The votes never reached a commit record. One disk write later, the same crash would have ended \
                      in a commit.",
        }),
    },
];

fn default_origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// A participant has held its lock for a second while the coordinator is down.
fn blocked(world: &Shop) -> bool {
    let now = world.kernel().now();
    let long = |(_, node): (NodeId, &crate::sim::machine::world::Node<TwoPhaseCommit>)| match node.memory {
        Some(Memory::Participant { lock: Some((_, since)), .. }) => now >= since + time::SEC,
        _ => false,
    };
    !coordinator_up(world) && world.nodes().skip(tpc::FIRST).any(long)
}

/// Two participants' disks say different things about one order.
fn split(world: &Shop) -> bool {
    world.is_promise_broken(AGREE.id)
}

/// An order for which every participant was prepared is aborted by all.
fn needless_abort(world: &Shop) -> bool {
    let all = stores(world);
    let aborted = |id: &NodeId, tx: Tx| {
        let disk = world.node(*id).map(|node| &node.disk);
        disk.is_some_and(|disk| disk.record(tx) == Some(Record::Aborted) && disk.log.contains(&(tx, Record::Prepared)))
    };
    let known = all.first().and_then(|id| world.node(*id)).map_or(&[][..], |node| &node.disk.log[..]);
    known.iter().any(|(tx, _)| all.iter().all(|id| aborted(id, *tx)))
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
            rules_off: crate::sim::declare::rules::RuleSet::ALL.with(tpc::WAIT, false).off_bits(),
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

/// One order, two participants, one crash and restart. At most eight messages and timers at once: a repeated question
/// in flight adds nothing. All of it is seen, in some 60,000 states.
const ONE_ORDER: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 2), (tpc::RATE, 0)],
    inputs: || vec![order(0)],
    bounds: Bounds::new(200_000, 40, Budget::crashes(1)),
    within: |world| world.kernel().pending_count() <= 8,
};

/// Without faults and with three participants, one of which says no: more than half is then not all.
const ONE_NO: Hunt<TwoPhaseCommit> = Hunt {
    settings: &[(tpc::PARTICIPANTS, 3), (tpc::RATE, 0)],
    inputs: || vec![order(3)],
    bounds: Bounds { budget: Budget::NONE, ..ONE_ORDER.bounds },
    within: |world| world.kernel().pending_count() <= 12,
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
