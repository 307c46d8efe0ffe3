//! Paxos: one decree at a time. Two phases, ballots that outbid each other, and why what is chosen stays chosen.

use crate::guides::kit::prelude::*;
use crate::mechanisms::quorum;
use crate::sim::explore::Network;
use crate::systems::consensus::paxos::promises::{AGREEMENT, CHOSEN_EVENTUALLY, LIMITS, ONLY_PROPOSED};
use crate::systems::consensus::paxos::{
    self, Ballot, Entry, Message, Paxos, Phase, Slot, Timer, Value, ballot_name, member,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof;

type Synod = World<Paxos>;

type Beat = crate::guides::kit::tour::Beat<Paxos>;

/// The scenario.
pub static SCENARIO: Scenario<Paxos> = Scenario {
    slug: "paxos",
    title: "Paxos",
    guide: Guide::Consensus,
    level: 4,
    summary: "Two proposers want different values chosen, and five acceptors may crash. Watch ballots outbid each \
              other, and see why a value that is chosen stays chosen.",
    seed: 2,
    settings: &[
        (paxos::ACCEPTORS, 1),
        (paxos::PROPOSERS, 2),
        (paxos::LATENCY, 10_000),
        (paxos::STAGGER, 35_000),
        (paxos::BETWEEN, 30_000),
        (paxos::PATIENCE, 300_000),
        (paxos::BACK_OFF_BASE, 60_000),
    ],
    fixed: &[(paxos::KIND, 0)],
    rules: &[paxos::PROMISE_ON_DISK, paxos::KEEP_PROMISE, paxos::ADOPT_HIGHEST, paxos::MAJORITY, paxos::BACK_OFF],
    commands: &[paxos::PROPOSE],
    promises: &[AGREEMENT, ONLY_PROPOSED, CHOSEN_EVENTUALLY],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Ballots begun",
            about: "One per decree would do. More mean a duel, or answers that never came.",
            plot: Plot::Rate(paxos::BALLOTS),
        },
        Chart {
            title: "Time to a decision",
            about: "From a proposer's wish to its knowing what is chosen: four messages one after the other at least.",
            plot: Plot::Percentiles(paxos::COMMIT_LATENCY),
        },
        Chart {
            title: "Messages",
            about: "Every ballot that fails costs as much as one that wins.",
            plot: Plot::Rate(paxos::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_BALLOTS,
    without: &[(paxos::PROMISE_ON_DISK, ONE_CRASH)],
    terms: &[
        ("acceptors", "Nodes that promise and accept; a majority of them decides."),
        ("back-off", "A random wait before trying again, longer after each failure."),
        ("ballot", "A proposal number, made of a round and a proposer; no two proposers share one."),
        ("chosen", "Accepted by a majority in one ballot, and so permanently settled."),
        ("quorum", "Enough nodes that any two such sets share one."),
    ],
    before: &["consensus/quorums"],
    near: &["consensus/flp", "consensus/raft-election"],
    versions: versions!["Paxos Made Simple, 2001", "Cassandra 5.0", "Ceph 20.2"],
    prose: prose!("paxos.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn proposers(world: &Synod) -> Vec<NodeId> {
    paxos::proposers(world.settings()).map(NodeId::from).collect()
}

fn acceptors(world: &Synod) -> Vec<NodeId> {
    paxos::acceptors(world.settings()).map(NodeId::from).collect()
}

fn need(world: &Synod) -> usize {
    quorum::majority(paxos::acceptor_count(world.settings()))
}

/// The decree that the acceptors are at.
fn decree(world: &Synod) -> Slot {
    world.nodes().map(|(_, node)| node.disk.decree).max().unwrap_or(0).max(1)
}

/// What an acceptor has accepted in this decree.
fn accepted(world: &Synod, id: NodeId) -> Option<Entry> {
    world.node(id)?.disk.accepted.get(decree(world))
}

/// What an acceptor has promised in this decree.
fn promised(world: &Synod, id: NodeId) -> Ballot {
    let disk = world.node(id).filter(|node| node.disk.decree == decree(world));
    let unsaved = member(world, id).map_or(Ballot::NONE, |member| member.unsaved);
    disk.map_or(Ballot::NONE, |node| node.disk.promised.max(unsaved))
}

/// The ballot that most acceptors have accepted, the highest of several, and who they are.
fn held(world: &Synod) -> Option<(Entry, Vec<NodeId>)> {
    let with = |ballot: Ballot| -> Vec<NodeId> {
        let same = |id: &NodeId| accepted(world, *id).is_some_and(|entry| entry.ballot == ballot);
        acceptors(world).into_iter().filter(same).collect()
    };
    let all = acceptors(world).into_iter().filter_map(|id| accepted(world, id));
    all.map(|entry| (entry, with(entry.ballot))).max_by_key(|(entry, who)| (who.len(), entry.ballot))
}

/// The value that a majority has accepted in one ballot, or that somebody has learned.
fn chosen(world: &Synod) -> Option<Value> {
    let by_majority = held(world).filter(|(_, who)| who.len() >= need(world)).map(|(entry, _)| entry.value);
    by_majority.or(world.witness().learned(decree(world)).map(|known| known.0))
}

/// The highest ballot under way and the acceptors whose promises its proposer goes by.
fn bidding(world: &Synod) -> Option<(Ballot, Vec<NodeId>)> {
    let quorum = |id: NodeId| {
        let (ballot, bits) = match &member(world, id)?.phase {
            Phase::Idle => return None,
            Phase::Prepare { ballot, promised, .. } => (*ballot, *promised),
            Phase::Accept { ballot, open, .. } => (*ballot, open.first().map_or(0, |open| open.promised)),
        };
        Some((ballot, acceptors(world).into_iter().filter(|id| bits >> id.0 & 1 == 1).collect()))
    };
    proposers(world).into_iter().filter_map(quorum).max()
}

/// Where the acceptors stand.
const WIDE: Area = Area::new(300, 110, 250, 320);

const NARROW: Area = Area::new(60, 206, 280, 186);

fn picture(world: &Synod, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (left, right) = (proposers(world), acceptors(world));
    let three = left.len() == 3;
    let (places, ring, at, size) = match frame {
        Frame::Wide if three => ([(84, 110), (156, 270), (84, 430)], WIDE, (620, 160), (332, 200)),
        Frame::Wide => ([(100, 170), (100, 370), (0, 0)], WIDE, (620, 160), (332, 200)),
        Frame::Narrow if three => ([(72, 38), (200, 88), (328, 38)], NARROW, (8, 440), (384, 118)),
        Frame::Narrow => ([(90, 60), (310, 60), (0, 0)], NARROW, (8, 440), (384, 118)),
    };
    picture.nodes.extend(left.iter().zip(places).map(|(id, at)| proposer(world, *id, at)));
    picture.nodes.extend(right.iter().zip(ring.circle(right.len())).map(|(id, at)| acceptor(world, *id, at)));
    picture.link_all(&left, &right);
    picture.link_all(&left, &left);
    picture.sets = sets(world, &picture);
    picture.figures.push(disks(world, at, size));
    picture
}

fn proposer(world: &Synod, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, Paxos::name(world.settings(), id));
    let Some(member) = member(world, id) else { return mark };
    let name = |ballot: &Ballot| ballot_name(world.settings(), *ballot);
    let known = world.node(id).and_then(|node| node.disk.chosen.get(node.disk.state.slot));
    (mark.state, mark.tone) = match (&member.phase, member.wish, known) {
        (Phase::Prepare { ballot, promised, .. }, ..) => {
            (format!("{}: {} promised", name(ballot), promised.count_ones()), Tone::Question)
        }
        (Phase::Accept { ballot, open, .. }, ..) => {
            let value = open.first().map_or("?".to_owned(), |open| open.value.to_string());
            (format!("{}: asks {value}", name(ballot)), Tone::Active)
        }
        (Phase::Idle, Some(_), _) => ("backs off".to_owned(), Tone::Risk),
        (Phase::Idle, None, Some(entry)) => (format!("knows {}", entry.value), Tone::Fine),
        (Phase::Idle, None, None) => ("about to begin".to_owned(), Tone::Producer),
    };
    let timer = world.timers(id).find(|timer| timer.0 == Timer::Try);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn acceptor(world: &Synod, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Store, Paxos::name(world.settings(), id));
    let bound = promised(world, id);
    mark.state = match bound {
        Ballot::NONE => "no promise".to_owned(),
        bound => format!("promised {}", ballot_name(world.settings(), bound)),
    };
    mark.tone = match accepted(world, id) {
        Some(entry) if chosen(world) == Some(entry.value) => Tone::Fine,
        Some(_) => Tone::Active,
        None if bound != Ballot::NONE => Tone::Question,
        None => Tone::Neutral,
    };
    mark
}

/// The acceptors that hold a value, and the quorum of the highest ballot: where the two overlap, the ballot's proposer
/// is told of the value.
fn sets(world: &Synod, picture: &Picture) -> Vec<SetMark> {
    let name = |ballot: Ballot| ballot_name(world.settings(), ballot);
    let held = held(world);
    let bidding = bidding(world)
        .filter(|(ballot, who)| !who.is_empty() && held.as_ref().is_none_or(|(entry, _)| entry.ballot != *ballot));
    let top = |who: &[NodeId]| who.iter().filter_map(|id| Some(picture.node(*id)?.at)).min_by_key(|at| (at.1, at.0));
    let mut sets = Vec::new();
    if let Some((entry, members)) = &held {
        let word = if members.len() >= need(world) { "chosen" } else { "accepted" };
        // Two labels over one node would cover each other.
        let label = match &bidding {
            Some((ballot, who)) if top(who) == top(members) => {
                format!("{word} {}, next {}", name(entry.ballot), name(*ballot))
            }
            _ => format!("{word} in {}", name(entry.ballot)),
        };
        sets.push(SetMark { members: members.clone(), label, tone: Tone::Fine });
    }
    if let Some((ballot, members)) = bidding {
        let same = held.as_ref().is_some_and(|(_, who)| top(who) == top(&members));
        let label = if same { String::new() } else { format!("quorum of {}", name(ballot)) };
        sets.push(SetMark { members, label, tone: Tone::Question });
    }
    sets
}

fn disks(world: &Synod, at: (i32, i32), size: (i32, i32)) -> Figure {
    let name = |ballot: Ballot| ballot_name(world.settings(), ballot);
    let chosen = chosen(world);
    let row = |id: NodeId| {
        let entry = accepted(world, id);
        let cell = |text: String| match entry {
            Some(entry) if chosen == Some(entry.value) => Cell::firm(text, Tone::Fine),
            _ => Cell::loose(text, Tone::Neutral),
        };
        vec![
            Cell::firm(Paxos::name(world.settings(), id), Tone::Neutral),
            Cell::firm(name(promised(world, id)), Tone::Question),
            cell(entry.map_or("-".to_owned(), |entry| name(entry.ballot))),
            cell(entry.map_or("-".to_owned(), |entry| entry.value.to_string())),
        ]
    };
    let head = ["", "promised", "accepted", "value"].map(str::to_owned).to_vec();
    let body = Body::Table { head, rows: acceptors(world).into_iter().map(row).collect() };
    let title = match chosen {
        Some(value) => format!("Decree {}: {value} is chosen", decree(world)),
        None => format!("Decree {}: nothing is chosen", decree(world)),
    };
    Figure { id: "acceptors", at, size, title, body }
}

fn in_flight(world: &Synod, wanted: impl Fn(&Message) -> bool) -> bool {
    world.flights().any(|flight| wanted(flight.message))
}

/// The proposer in phase 2 of the highest ballot.
fn asking(world: &Synod) -> Option<NodeId> {
    let ballot = |id: NodeId| match member(world, id)?.phase {
        Phase::Accept { ballot, .. } => Some((ballot, id)),
        _ => None,
    };
    proposers(world).into_iter().filter_map(ballot).max().map(|(_, id)| id)
}

fn has_quorum(world: &Synod, wanted: usize) -> bool {
    let phase = proposers(world).get(wanted).and_then(|id| member(world, *id)).map(|member| &member.phase);
    matches!(phase, Some(Phase::Prepare { promised, .. }) if promised.count_ones() as usize >= need(world))
}

/// All running proposers know what the current decree decided.
fn all_know(world: &Synod) -> bool {
    let knows = |id: &NodeId| world.node(*id).is_some_and(|node| node.disk.state.slot >= decree(world));
    chosen(world).is_some() && proposers(world).iter().filter(|id| world.kernel().is_running(**id)).all(knows)
}

/// A majority has accepted a value in one ballot, and nobody has learned it yet.
fn chosen_unknown(world: &Synod) -> bool {
    let held = held(world).is_some_and(|(_, who)| who.len() >= need(world));
    held && world.witness().learned(decree(world)).is_none()
}

fn down(world: &Synod) -> Option<NodeId> {
    world.nodes().map(|(id, _)| id).find(|id| !world.kernel().node(*id).up)
}

fn round(world: &Synod) -> u32 {
    acceptors(world).into_iter().map(|id| promised(world, id).round).max().unwrap_or(0)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Phase 1: prepare",
        "P1 wants x=11, P2 wants x=12. A value is *chosen* once a majority of the five *acceptors* has accepted it in \
         one *ballot*. P1 begins ballot 1.1. It names no value yet, and asks for a promise: accept nothing below 1.1, \
         and tell me what you have accepted.",
        |world| in_flight(world, |message| matches!(message, Message::Prepare { .. })),
    )
    .midway()
    .look(proposers),
    Beat::new(
        "Promises on disk",
        "Each acceptor writes its promise to disk and answers. Three of five are enough: the yellow field is the \
         *quorum* that P1 relies on.",
        |world| has_quorum(world, 0),
    )
    .look(acceptors),
    Beat::new(
        "A higher ballot",
        "Before P1 has sent its accept requests, P2 begins ballot 1.2. It is higher, so the acceptors promise \
         again.",
        |world| has_quorum(world, 1) && in_flight(world, |message| matches!(message, Message::Accept { .. })),
    )
    .midway()
    .look(|world| proposers(world).into_iter().skip(1).take(1).collect())
    .ask(Predict {
        question: "P1's accept requests are on their way. What will the acceptors do with them?",
        options: |_| {
            vec![
                "Accept them: P1 was first".to_owned(),
                "Refuse them".to_owned(),
                "Accept them, and P2's as well".to_owned(),
            ]
        },
        answer: |_| 1,
        because: "They have promised P2 to accept nothing below 1.2, and 1.1 is below it.",
    }),
    Beat::new(
        "Back off",
        "P1 is refused. If it began a higher ballot at once, it would do to P2 what P2 did to it, and so on for ever. So it \
         waits for a random time: watch its ring.",
        |world| proposers(world).first().and_then(|id| member(world, *id)).is_some_and(|member| member.refused > 0),
    )
    .look(|world| proposers(world).into_iter().take(1).collect()),
    Beat::new(
        "Phase 2: chosen",
        "P2's accept requests arrive. At the third acceptance x=12 is chosen. That is a fact about the disks: no \
         proposer knows it yet.",
        chosen_unknown,
    )
    .look(acceptors),
    Beat::new(
        "Learn it",
        "The acceptances travel back to P2. It counts three, so it knows, and tells P1. P1 drops its own value: one \
         was to be chosen, and one was.",
        all_know,
    )
    .look(proposers),
    Beat::new(
        "Chosen, and nobody knows",
        "The next decree. A value is chosen, and the acceptances are on their way. The proposer that asked for them \
         is about to crash.",
        |world| decree(world) > 1 && chosen_unknown(world) && asking(world).is_some(),
    )
    .look(acceptors),
    Beat::new(
        "The other proposer's turn",
        "The proposer is down, and the acceptances reach nobody. The other one begins a higher ballot, and asks a \
         majority what they have accepted.",
        all_know,
    )
    .first(|world| asking(world).map(|node| Input::Crash { node }).into_iter().collect())
    .look(proposers)
    .ask(Predict {
        question: "Which value does the other proposer ask them to accept?",
        options: |world| {
            let held = chosen(world).map_or("the old one".to_owned(), |value| value.to_string());
            vec![format!("{held}, the crashed one's"), "Its own".to_owned(), "Neither of the two".to_owned()]
        },
        answer: |_| 0,
        because: "Any two majorities of five share an acceptor. At least one of those asked holds the value and \
                  reports it, and the value reported with the highest ballot must be adopted.",
    }),
    Beat::new(
        "A duel without an end",
        "The crashed proposer is back, and *back-off* is off. In the next decree each refusal is answered with a \
         higher ballot, at once. Nothing wrong is chosen. Nothing is chosen at all.",
        |world| chosen(world).is_none() && round(world) >= 4,
    )
    .first(|world| {
        let back = down(world).map(|node| Input::Restart { node });
        back.into_iter().chain([Input::off(paxos::BACK_OFF)]).collect()
    })
    .look(proposers),
    Beat::new(
        "Chance ends it",
        "Back-off is on again. One of the two waits long enough for the other to finish both phases.",
        |world| chosen(world).is_some() && all_know(world),
    )
    .first(|_| vec![Input::Rule { rule: paxos::BACK_OFF, on: true }])
    .look(proposers),
];

const CHALLENGES: &[Challenge<Paxos>] = &[
    Challenge {
        id: "fourth-round",
        title: "A long duel",
        goal: "With every rule on, get the acceptors to promise a ballot of round 4 with nothing chosen.",
        hint: "A proposer is slow between its phases when its machine is slow. PROPOSE makes the other one bid \
               again.",
        reached: |world| chosen(world).is_none() && round(world) >= 4,
    },
    Challenge {
        id: "chosen-unknown",
        title: "Chosen, and everyone in the dark",
        goal: "Have a value chosen while every proposer is down.",
        hint: "Crash both proposers at the moment when the third acceptor has accepted.",
        reached: |world| chosen_unknown(world) && proposers(world).iter().all(|id| !world.kernel().node(*id).up),
    },
    Challenge {
        id: "two-values",
        title: "Two values for one decree",
        goal: "With adopting off, have two proposers learn different values.",
        hint: "Once a value is chosen, cut the link over which the other proposer would hear of it.",
        reached: |world| world.is_promise_broken(AGREEMENT.id),
    },
];

/// Two proposers, a ballot each, three acceptors, one decree. All of it is seen. With a crash and a restart anywhere it
/// is 6,494,279 states, and nothing breaks there either; that is too much for a page.
const TWO_BALLOTS: Hunt<Paxos> = Hunt {
    settings: &[(paxos::ACCEPTORS, 0), (paxos::BETWEEN, 0), (paxos::PATIENCE, 0)],
    inputs: Vec::new,
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 60, Budget::NONE) },
    within: |world| first_ballots(world) && in_order(world),
};

/// The same with a crash of the second acceptor. The first one hears from P1 alone, the third from P2 alone.
const ONE_CRASH: Hunt<Paxos> = Hunt {
    bounds: Bounds { budget: Budget::crashes(1), ..TWO_BALLOTS.bounds },
    within: |world| {
        let apart = |number: usize, proposer: u16| {
            let bound = acceptors(world).get(number).map_or(Ballot::NONE, |id| promised(world, *id));
            bound == Ballot::NONE || bound.proposer.0 == proposer
        };
        let up = |(id, _): (NodeId, _)| world.kernel().node(id).up || acceptors(world).get(1) == Some(&id);
        first_ballots(world) && world.nodes().all(up) && apart(0, 0) && apart(2, 1)
    },
    ..TWO_BALLOTS
};

/// Each proposer has begun one ballot at most, and somebody can still learn something by one.
fn first_ballots(world: &Synod) -> bool {
    let (mut late, mut active) = (decree(world) > 1, false);
    for (id, node) in world.nodes().take(paxos::proposers(world.settings()).end) {
        late |= node.disk.round > 1;
        active |= node.disk.state.slot == 0
            && (node.disk.round == 0 || member(world, id).is_some_and(|it| it.phase != Phase::Idle));
    }
    active && !late
}

/// P1's prepare requests arrive in the order of the acceptors. Acceptors are alike, so every schedule can be told with
/// the acceptors named in that order: what is left out is the same with other names.
fn in_order(world: &Synod) -> bool {
    let mut waiting = 0u64;
    for flight in world.flights() {
        if matches!(flight.message, Message::Prepare { .. }) && flight.from.0 == 0 {
            waiting |= 1 << flight.pending.node.0;
        }
    }
    let acceptors = (1u64 << paxos::acceptors(world.settings()).end) - 1;
    // Those that wait are the last ones.
    let first = waiting.trailing_zeros().min(63);
    waiting == 0 || waiting == acceptors >> first << first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::proof::Script;
    use crate::sim::kernel::time::MS;

    fn run(settings: &[(crate::sim::declare::settings::SettingId, i64)], rules_off: u64) -> Script<Paxos> {
        SCENARIO.script(&Origin { settings: settings.to_vec(), rules_off, ..SCENARIO.from(&[], &[]) })
    }

    /// Left alone, a proposer knows after four messages in a row: prepare, promise, accept, accepted.
    #[test]
    fn a_ballot_without_a_rival_takes_four_delays() {
        let mut script = run(&[(paxos::STAGGER, 300_000), (paxos::BETWEEN, 0)], 0);
        assert!(script.until(|world| world.witness().learned(1).is_some()));
        let took = script.world().kernel().now() - MS;
        assert!((38 * MS..=42 * MS).contains(&took), "{took}");
        assert_eq!(round(script.world()), 1);
    }

    /// Section 2.4: two proposers that outbid each other at once choose nothing, for as long as one cares to watch.
    #[test]
    fn a_duel_has_no_end() {
        let off = crate::sim::declare::rules::RuleSet::ALL.with(paxos::BACK_OFF, false).off_bits();
        let mut script = run(&[], off);
        script.until(|world| world.kernel().now() > 2_000 * MS);
        assert!(chosen(script.world()).is_none() && round(script.world()) > 25);
    }
}
