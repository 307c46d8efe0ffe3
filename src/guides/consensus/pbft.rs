//! PBFT: agreement with liars, by certificates of 2f + 1 signatures, in two phases, and across views.

use crate::guides::kit::scenario::{
    Beat, Challenge, Chart, Fields, Guide, Inspection, Plot, Predict, Scenario, no_inputs, node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{
    Body, Cell, Figure, Frame, Glyph, GridRow, Look, NodeMark, Picture, SetMark, Shape, TimerRing, Tone,
};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::System;
use crate::sim::machine::world::{Node, World};
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::sim::small;
use crate::systems::consensus::pbft::promises::{AGREEMENT, ANSWERED, TRUTH, VALIDITY};
use crate::systems::consensus::pbft::state::{Slot, State};
use crate::systems::consensus::pbft::{
    self, Digest, Disk, Memory, Message, Pbft, Timer, digest_name, faults, is_liar, primary, quorum, replicas,
};

#[cfg(test)]
mod tests;
mod ways;

use ways::{BREAKS, TWO_REQUESTS};

type Group = World<Pbft>;

/// The scenario.
pub static SCENARIO: Scenario<Pbft> = Scenario {
    slug: "pbft",
    title: "PBFT",
    guide: Guide::Consensus,
    level: 5,
    summary: "Four replicas execute clients' requests in one order, and one of them lies. Certificates of three \
              signatures keep the others together, and a lying leader is deposed.",
    seed: 4,
    settings: &[
        (pbft::REPLICAS, 0),
        (pbft::CLIENTS, 2),
        (pbft::LIAR, 1),
        (pbft::LIES, 0),
        (pbft::TIMEOUT, 200_000),
        (pbft::LATENCY, 10_000),
        (pbft::REST, 100_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[pbft::CERTIFICATES, pbft::TWO_PHASES, pbft::CARRY_OVER, pbft::MATCHING_REPLIES],
    commands: &[pbft::ASK],
    promises: &[AGREEMENT, VALIDITY, TRUTH, ANSWERED],
    impossible: false,
    // The liar is the one Byzantine fault that four replicas bear. Crashes come on top: a replica's state is on its disk,
    // so one that crashed is only late.
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "View of each replica",
            about: "A step up is a primary that was deposed.",
            plot: Plot::Level(pbft::VIEW),
        },
        Chart {
            title: "Messages",
            about: "Each request costs a round of prepares and one of commits, everyone to everyone.",
            plot: Plot::Rate(pbft::MESSAGES),
        },
        Chart {
            title: "Request to answer",
            about: "Five message delays in the normal case, and the patience of the backups when a view changes.",
            plot: Plot::Percentiles(pbft::WAITED),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_REQUESTS,
    breaks: BREAKS,
    prose: prose!("pbft.md"),
};

/// Only views are counted by replica.
fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    if metric == pbft::VIEW { node_subject::<Pbft>(settings, metric, subject) } else { "all".to_owned() }
}

fn state(world: &Group, id: NodeId) -> Option<&State> {
    match &world.node(id)?.disk {
        Disk::Replica(state) => Some(state),
        Disk::Client { .. } => None,
    }
}

fn states(world: &Group) -> impl Iterator<Item = (NodeId, &State)> {
    world.nodes().filter_map(|(id, _)| Some((id, state(world, id)?)))
}

/// The honest replicas.
fn honest(world: &Group) -> impl Iterator<Item = (NodeId, &State)> {
    states(world).filter(|(id, _)| !is_liar(world.settings(), *id))
}

fn liar(world: &Group) -> Option<NodeId> {
    states(world).map(|known| known.0).find(|id| is_liar(world.settings(), *id))
}

fn leads(world: &Group, id: NodeId) -> bool {
    state(world, id).is_some_and(|state| !state.changing && primary(world.settings(), state.view) == id)
}

/// The primary of the highest view that anybody is in.
fn leader(world: &Group) -> Vec<NodeId> {
    let newest = honest(world).filter(|(_, state)| !state.changing).map(|(_, state)| state.view).max();
    newest.map(|view| primary(world.settings(), view)).into_iter().collect()
}

/// The last number that anything is known of.
fn newest(world: &Group) -> Option<u32> {
    states(world).filter_map(|(_, state)| state.log.keys().next_back().copied()).max()
}

fn picture(world: &Group, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let count = replicas(world.settings());
    let ids: Vec<NodeId> = (0..count).map(NodeId::from).collect();
    let clients: Vec<NodeId> = world.nodes().map(|(id, _)| id).skip(count).collect();
    let (ring, column, shape) = match frame {
        Frame::Wide => (Area::new(176, 96, 260, 340), Area::new(0, 130, 110, 300), Shape::Server),
        Frame::Narrow => (Area::new(110, 54, 250, 196), Area::new(0, 54, 72, 220), Shape::Client),
    };
    for (id, at) in ids.iter().zip(ring.circle(count)) {
        picture.nodes.push(replica(world, *id, at, shape));
    }
    for (id, at) in clients.iter().zip(column.column(clients.len())) {
        picture.nodes.push(client(world, *id, at));
    }
    picture.link_all(&ids, &ids);
    picture.link_all(&clients, &ids);
    picture.sets = supporters(world);
    match frame {
        Frame::Wide => {
            picture.figures.push(certificates(world, (504, 40), (448, 210)));
            picture.figures.push(logs(world, (504, 280), (448, 220)));
        }
        Frame::Narrow => picture.figures.push(certificates(world, (8, 336), (384, 216))),
    }
    picture
}

fn replica(world: &Group, id: NodeId, at: (i32, i32), shape: Shape) -> NodeMark {
    let mut mark = NodeMark::new(id, at, shape, Pbft::name(world.settings(), id));
    let Some(state) = state(world, id) else { return mark };
    let lies = is_liar(world.settings(), id);
    (mark.state, mark.tone) = match (lies, state.changing) {
        (true, _) => (format!("liar, {}", state.view), Tone::Broken),
        (_, true) => (format!("to view {}", state.view), Tone::Question),
        _ if leads(world, id) => (format!("view {}", state.view), Tone::Active),
        _ => (format!("view {}", state.view), Tone::Neutral),
    };
    mark.crown = leads(world, id);
    let timer = world.timers(id).find(|(timer, _)| matches!(timer, Timer::Patience | Timer::Await));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn client(world: &Group, id: NodeId, at: (i32, i32)) -> NodeMark {
    let letter = char::from(b'A' + (id.index() - replicas(world.settings())) as u8);
    let mut mark = NodeMark::new(id, at, Shape::Client, letter.to_string());
    mark.tone = Tone::Producer;
    let Some(Node { disk: Disk::Client { t }, memory: Some(memory) }) = world.node(id) else { return mark };
    mark.state = match &memory.waiting {
        Some(_) => format!("asks {letter}{t}"),
        None => "rests".to_owned(),
    };
    mark
}

/// The newest view in which a number was proposed, and all that was proposed for it there.
fn proposals(world: &Group, seq: u32) -> (u32, Vec<Digest>) {
    let slots = || honest(world).filter_map(|(_, state)| state.log.get(&seq));
    let view = slots().filter_map(|slot| slot.accepted).map(|known| known.0).max().unwrap_or(0);
    let mut digests: Vec<Digest> =
        slots().filter_map(|slot| slot.accepted).filter(|known| known.0 == view).map(|known| known.1).collect();
    small::sort(&mut digests);
    digests.dedup();
    (view, digests)
}

/// Who signs a request under a number in a view, as far as the honest know: prepares with the pre-prepare, or commits.
fn signers(world: &Group, seq: u32, commit: bool, view: u32, digest: Digest) -> u64 {
    let slots = honest(world).filter_map(|(_, state)| state.log.get(&seq));
    let by = |slot: &Slot| {
        let is_accepted = !commit && slot.accepted == Some((view, digest));
        slot.by(commit, view, digest) | if is_accepted { 1 << primary(world.settings(), view).0 } else { 0 }
    };
    slots.fold(0, |all, slot| all | by(slot))
}

/// The signers of the newest number, as the sets that they are: of each request proposed for it, and once one is
/// committed, of that.
fn supporters(world: &Group) -> Vec<SetMark> {
    let Some(seq) = newest(world) else { return Vec::new() };
    let (view, digests) = proposals(world, seq);
    let needed = quorum(world.settings(), true);
    let set = |commit: bool, digest: Digest| {
        let by = signers(world, seq, commit, view, digest);
        let members = states(world).map(|known| known.0).filter(|id| by >> id.0 & 1 == 1).collect();
        let is_enough = by.count_ones() as usize >= needed;
        let what = if commit { "commit" } else { "prepare" };
        let label = format!("{} {what} {}", by.count_ones(), digest_name(digest));
        (is_enough, SetMark { members, label, tone: if is_enough { Tone::Fine } else { Tone::Question } })
    };
    let committed = digests.iter().map(|digest| set(true, *digest)).find(|set| set.0);
    match committed {
        Some(set) => vec![set.1],
        None => digests.iter().take(2).map(|digest| set(false, *digest).1).collect(),
    }
}

fn names_of(by: u64, count: usize) -> String {
    let names: Vec<String> = (0..count).filter(|id| by >> id & 1 == 1).map(|id| id.to_string()).collect();
    names.join(if count > 4 { "" } else { " " })
}

/// For the newest number, each replica's certificates as sets of signers.
fn certificates(world: &Group, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (seq, count) = (newest(world), replicas(world.settings()));
    let needed = quorum(world.settings(), true);
    let row = |(id, state): (NodeId, &State)| {
        let slot = seq.and_then(|seq| state.log.get(&seq));
        let mut cells = vec![
            Cell::firm(Pbft::name(world.settings(), id), Tone::Neutral),
            Cell::firm(state.view.to_string(), if state.changing { Tone::Question } else { Tone::Neutral }),
        ];
        let accepted = slot.and_then(|slot| slot.accepted);
        cells.push(
            accepted.map_or(Cell::loose("", Tone::Neutral), |known| Cell::firm(digest_name(known.1), Tone::Active)),
        );
        for commit in [false, true] {
            let (view, digest) = accepted.unwrap_or_default();
            let first = if commit || accepted.is_none() { 0 } else { 1 << primary(world.settings(), view).0 };
            let by = first | slot.map_or(0, |slot| slot.by(commit, view, digest));
            let text = names_of(by, count);
            let is_enough = by.count_ones() as usize >= needed;
            cells.push(if is_enough { Cell::firm(text, Tone::Fine) } else { Cell::loose(text, Tone::Risk) });
        }
        let executed = seq.is_some_and(|seq| state.service.seq >= seq);
        cells.push(Cell::firm(if executed { "yes" } else { "" }, Tone::Fine));
        cells
    };
    let title = seq.map_or("No number is given".to_owned(), |seq| {
        format!("Number {seq}: who has signed. {needed} of {count} are a certificate")
    });
    let head = ["", "view", "request", "prepare", "commit", "executed"].map(str::to_owned).to_vec();
    Figure { id: "certificates", at, size, title, body: Body::Table { head, rows: states(world).map(row).collect() } }
}

/// How many numbers are shown.
const SHOWN: u32 = 8;

/// What each replica has under each number.
fn logs(world: &Group, at: (i32, i32), size: (i32, i32)) -> Figure {
    let executed = states(world).map(|(_, state)| state.service.seq).max().unwrap_or(0);
    let last = newest(world).unwrap_or(0).max(executed);
    let first = last.saturating_sub(SHOWN) + 1;
    let row = |(id, state): (NodeId, &State)| {
        let known = state.log.keys().next_back().copied().unwrap_or(0).max(state.stable.seq);
        let cell = |seq: u32| match state.log.get(&seq) {
            _ if seq <= state.stable.seq => Cell::firm("-", Tone::Off),
            Some(Slot { decided: Some(digest), .. }) => Cell::firm(digest_name(*digest), Tone::Fine),
            Some(Slot { prepared: Some(proof), .. }) => Cell::loose(digest_name(proof.digest), Tone::Active),
            Some(Slot { accepted: Some((_, digest)), .. }) => Cell::loose(digest_name(*digest), Tone::Question),
            _ => Cell::loose("", Tone::Neutral),
        };
        let mark = (state.service.seq + 1).checked_sub(first).map(|mark| mark as u16);
        GridRow { label: Pbft::name(world.settings(), id), cells: (first..=known).map(cell).collect(), mark }
    };
    let title = "Logs. Firm: committed. Mark: executed.".to_owned();
    Figure { id: "logs", at, size, title, body: Body::Grid { first, rows: states(world).map(row).collect() } }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Request(_) => ('r', Glyph::Dot, Tone::Producer),
        Message::PrePrepare { .. } => ('P', Glyph::Square, Tone::Active),
        Message::Prepare { .. } => ('p', Glyph::Diamond, Tone::Question),
        Message::Commit { .. } => ('c', Glyph::Diamond, Tone::Fine),
        Message::Reply { .. } => ('a', Glyph::Pill, Tone::Consumer),
        Message::Checkpoint(_) => ('k', Glyph::Pill, Tone::Store),
        Message::ViewChange(_) => ('V', Glyph::Diamond, Tone::Risk),
        Message::NewView(_) => ('N', Glyph::Square, Tone::Risk),
        Message::Fetch => ('f', Glyph::Dot, Tone::Neutral),
        Message::State { .. } => ('s', Glyph::Square, Tone::Store),
    };
    Look { letter, glyph, tone }
}

fn field(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}

fn proofs_in_words(change: &pbft::state::Change) -> String {
    let proof = |proof: &pbft::state::Proof| {
        format!("{} = {} in view {}, by {}", proof.seq, digest_name(proof.digest), proof.view, names_of(proof.by, 7))
    };
    let words: Vec<String> = change.proofs.iter().map(proof).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join("; ") }
}

fn fields(_: &Settings, message: &Message) -> Fields {
    match message {
        Message::Request(request) => vec![field("request", pbft::request_name(*request))],
        Message::PrePrepare { view, seq, digest }
        | Message::Prepare { view, seq, digest }
        | Message::Commit { view, seq, digest } => {
            vec![
                field("view", view.to_string()),
                field("number", seq.to_string()),
                field("request", digest_name(*digest)),
            ]
        }
        Message::Reply { view, t, result } => {
            vec![
                field("view", view.to_string()),
                field("timestamp", t.to_string()),
                field("is number", result.to_string()),
            ]
        }
        Message::Checkpoint(stable) | Message::State { stable, .. } => {
            vec![field("after number", stable.seq.to_string()), field("signed by", names_of(stable.by, 7))]
        }
        Message::ViewChange(change) => vec![
            field("view", change.view.to_string()),
            field("stable checkpoint", change.stable.seq.to_string()),
            field("prepared", proofs_in_words(change)),
        ],
        Message::NewView(new) => {
            let order = new.order.iter().map(|(seq, digest)| format!("{seq} = {}", digest_name(*digest)));
            let mut fields =
                vec![field("view", new.view.to_string()), field("carries over", order.collect::<Vec<_>>().join(", "))];
            fields.extend(
                new.changes.iter().map(|(from, change)| (format!("R{from} has prepared"), proofs_in_words(change))),
            );
            fields
        }
        Message::Fetch => Vec::new(),
    }
}

fn inspect(world: &Group, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| memory_fields(&node.disk, memory));
    let state = match &node.disk {
        Disk::Client { t } => return Inspection { disk: vec![field("last timestamp", t.to_string())], memory },
        Disk::Replica(state) => state,
    };
    let count = replicas(world.settings());
    let mut disk = vec![
        field("view", if state.changing { format!("wants {}", state.view) } else { state.view.to_string() }),
        field("executed up to", state.service.seq.to_string()),
        field("stable checkpoint", format!("{}, signed by {}", state.stable.seq, names_of(state.stable.by, count))),
        field("waits for", state.waiting().into_iter().map(pbft::request_name).collect::<Vec<_>>().join(" ")),
    ];
    for (seq, slot) in &state.log {
        let votes = slot.votes.iter().map(|votes| {
            let what = if votes.commit { "commit" } else { "prepare" };
            format!("{what} {} in view {}: {}", digest_name(votes.digest), votes.view, names_of(votes.by, count))
        });
        disk.push((format!("number {seq}"), votes.collect::<Vec<_>>().join("; ")));
    }
    let wants = state.changes.iter().map(|(from, change)| format!("R{from}: {}", change.view)).collect::<Vec<_>>();
    disk.push(field("view changes", if wants.is_empty() { "none".to_owned() } else { wants.join(", ") }));
    Inspection { disk, memory }
}

fn memory_fields(disk: &Disk, memory: &Memory) -> Fields {
    if matches!(disk, Disk::Replica(_)) {
        return vec![field("view changes since it executed", memory.tries.to_string())];
    }
    let mut fields = vec![field("view, as far as it knows", memory.view.to_string())];
    for (from, result) in memory.waiting.iter().flat_map(|waiting| &waiting.replies) {
        fields.push((format!("R{from} says"), format!("number {result}")));
    }
    fields
}

/// Whether the honest replicas are all in one view of at least this number, and run.
fn settled(world: &Group, least: u32) -> bool {
    let view = honest(world).map(|(_, state)| state.view).max().unwrap_or(0);
    view >= least
        && honest(world).all(|(id, state)| state.view == view && !state.changing && world.kernel().is_running(id))
}

fn accepted(world: &Group, id: u16, seq: u32) -> Option<(u32, Digest)> {
    state(world, NodeId(id))?.log.get(&seq)?.accepted
}

/// Whether two honest replicas have accepted different requests under one number in one view.
fn two_stories(world: &Group) -> bool {
    newest(world).is_some_and(|seq| proposals(world, seq).1.len() >= 2)
}

/// The most signatures that one request has under number 1 in view 0.
fn best_story(world: &Group) -> u32 {
    let (view, digests) = proposals(world, 1);
    digests.iter().map(|digest| signers(world, 1, false, view, *digest).count_ones()).max().unwrap_or(0)
}

fn everyone(world: &Group) -> Vec<NodeId> {
    states(world).map(|known| known.0).collect()
}

const fn set(setting: crate::sim::declare::settings::SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

const R3: NodeId = NodeId(3);

const TOUR: &[Beat<Pbft>] = &[
    Beat {
        title: "Four replicas, one liar",
        say: "Four replicas keep the same service for two clients. R0 is the *primary* of view 0: it gives requests their \
              numbers. It is also a liar. The others do not know.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |world| liar(world).into_iter().collect(),
        predict: None,
    },
    Beat {
        title: "Two stories",
        say: "Both clients ask. R0 gives number 1 to A1 when it speaks to R1, and to B1 when it speaks to R2. R3 hears \
              nothing.",
        inputs: no_inputs,
        until: two_stories,
        look: |_| vec![NodeId(1), NodeId(2)],
        predict: None,
    },
    Beat {
        title: "Everyone tells everyone",
        say: "A backup that accepts a number tells all others: *prepare*. Three signatures of four are a certificate. Any \
              two certificates share two replicas, so at least one honest one, who signs only one story.",
        inputs: no_inputs,
        until: |world| {
            state(world, R3).and_then(|state| state.log.get(&1)).is_some_and(|slot| {
                slot.votes.iter().filter(|votes| !votes.commit).fold(0, |all, votes| all | votes.by) & 6 == 6
            })
        },
        look: |_| vec![NodeId(1), NodeId(2), R3],
        predict: Some(Predict {
            question: "How many signatures does the better of the two stories get?",
            options: |_| ["One", "Two", "Three"].map(str::to_owned).to_vec(),
            answer: |world| best_story(world).saturating_sub(1) as usize,
            because: "The liar signs both, and each has one honest backup. That is no certificate, so nothing is executed.",
        }),
    },
    Beat {
        title: "Patience runs out",
        say: "Nothing is executed. The ring around a backup is how long it still waits. When it is empty, the backup wants \
              view 1 and tells all what it can prove.",
        inputs: no_inputs,
        until: |world| honest(world).any(|(_, state)| state.changing),
        look: |world| honest(world).filter(|known| known.1.changing).map(|known| known.0).collect(),
        predict: None,
    },
    Beat {
        title: "A new view",
        say: "The primary of view v is replica v mod 4. It needs three view changes, and shows them: everyone can check that \
              what was prepared is carried over. Here nothing was.",
        inputs: no_inputs,
        until: |world| settled(world, 1),
        look: leader,
        predict: Some(Predict {
            question: "Who leads next?",
            options: |world| everyone(world).into_iter().map(|id| Pbft::name(world.settings(), id)).collect(),
            answer: |world| leader(world).first().map_or(0, |id| id.index()),
            because: "View 1 belongs to R1. Nobody can vote for somebody else, and no liar can keep its turn.",
        }),
    },
    Beat {
        title: "Prepared, then committed",
        say: "Now number 1 gets its certificate of prepares. Each replica that has one says *commit*. With three commits it \
              knows that enough know, and executes: a later view cannot forget it.",
        inputs: no_inputs,
        until: |world| world.witness().under(1).is_some(),
        look: everyone,
        predict: None,
    },
    Beat {
        title: "Two equal replies",
        say: "Replicas reply to the client themselves. The client believes two equal replies: at most one of the two lies, so \
              the other is honest.",
        inputs: no_inputs,
        until: |world| world.witness().answered > 0,
        look: |world| world.nodes().map(|(id, _)| id).skip(replicas(world.settings())).collect(),
        predict: None,
    },
    Beat {
        title: "A checkpoint",
        say: "After every four numbers the replicas sign their state. With three signatures it is *stable*, and the log up to \
              there can go.",
        inputs: no_inputs,
        until: |world| honest(world).all(|(_, state)| state.stable.seq >= pbft::INTERVAL),
        look: everyone,
        predict: None,
    },
    Beat {
        title: "One too many",
        say: "Now the liar keeps silent, and R3 crashes. Two of four are left.",
        inputs: |_| vec![set(pbft::LIES, pbft::SILENCE as i64), Input::Crash { node: R3 }],
        until: |world| honest(world).any(|(_, state)| state.changing && state.view >= 2),
        look: |_| vec![NodeId(1), NodeId(2)],
        predict: Some(Predict {
            question: "What do the two do?",
            options: |_| ["Execute on", "Part", "Stop, and try another view"].map(str::to_owned).to_vec(),
            answer: |world| match world.witness().fork {
                Some(_) => 1,
                None => 2,
            },
            because: "Two signatures are no certificate. With more faults than f it may stop. It does not part.",
        }),
    },
    Beat {
        title: "And back",
        say: "R3 restarts from its disk. Three are enough again: they meet in a new view and go on.",
        inputs: |_| vec![Input::Restart { node: R3 }],
        until: |world| settled(world, 2),
        look: leader,
        predict: None,
    },
];

fn default_origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// Whether enough replicas work in a later view although nobody lies.
fn honest_deposed(world: &Group) -> bool {
    let works = |(id, state): &(NodeId, &State)| state.view >= 1 && !state.changing && world.kernel().is_running(*id);
    liar(world).is_none() && states(world).filter(works).count() > 2 * faults(world.settings())
}

fn took_over(world: &Group) -> bool {
    honest(world).any(|(_, state)| state.took_over > 0)
}

const CHALLENGES: &[Challenge<Pbft>] = &[
    Challenge {
        id: "depose",
        title: "Depose an honest primary",
        goal: "With nobody lying, have three replicas work in a later view than 0.",
        hint: "Start with nobody as liar. The backups cannot tell a primary that crashed, or is cut off, from one that lies.",
        reached: honest_deposed,
        origin: || Origin { settings: vec![(pbft::LIAR, 0)], ..default_origin() },
        solve: |script| {
            script.act(Input::Crash { node: NodeId(0) });
            script.until(honest_deposed);
        },
    },
    Challenge {
        id: "catch-up",
        title: "Skip what was signed for",
        goal: "Have an honest replica take over a checkpoint's state instead of executing what led to it.",
        hint: "Keep one replica away until the others have a newer stable checkpoint: their logs no longer hold what it \
               missed.",
        reached: took_over,
        origin: default_origin,
        solve: |script| {
            script.until(|world| settled(world, 1));
            script.act(Input::Crash { node: R3 });
            script.until(|world| state(world, NodeId(1)).is_some_and(|state| state.stable.seq >= pbft::INTERVAL));
            script.act(Input::Restart { node: R3 });
            script.until(took_over);
        },
    },
    Challenge {
        id: "fork",
        title: "Two histories",
        goal: "Have two honest replicas execute different requests under one number.",
        hint: "As long as three signatures are needed, the two stories never get them. What if two were enough?",
        reached: |world| world.witness().fork.is_some(),
        origin: default_origin,
        solve: |script| {
            script.act(Input::Rule { rule: pbft::CERTIFICATES, on: false });
            script.until(|world| world.witness().fork.is_some());
        },
    },
];
