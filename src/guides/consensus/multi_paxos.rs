//! Multi-Paxos: a log of decrees. One phase 1 for all of them, what a new leader inherits, and the gaps it must fill.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::machine::world::Flight;
use crate::sim::small;
use crate::systems::consensus::paxos::promises::{
    ALL_ANSWERED, ANSWERED_STAYS, LIMITS, ONE_VALUE, SAME_ORDER, longest_wait,
};
use crate::systems::consensus::paxos::{
    self, Entry, Memory, Message, Paxos, Phase, Slot, Timer, Value, ballot_name, leader, member,
};

mod hunts;
#[cfg(not(target_arch = "wasm32"))]
mod proof;

type Cluster = World<Paxos>;

/// Commands a second that the clients send unasked.
const OWN_RATE: i64 = 5;

type Beat = crate::guides::kit::tour::Beat<Paxos>;

/// The scenario.
pub static SCENARIO: Scenario<Paxos> = Scenario {
    slug: "multi-paxos",
    title: "Multi-Paxos",
    guide: Guide::Consensus,
    level: 4,
    summary: "Five servers agree on a log, a Paxos decree for each slot. A stable leader asks for promises once, for \
              all slots at the same time. Then it crashes, and its successor finds holes.",
    seed: 1,
    settings: &[
        (paxos::ACCEPTORS, 1),
        (paxos::RATE, OWN_RATE),
        (paxos::SKIP_PHASE_1, 1),
        (paxos::LATENCY, 10_000),
        (paxos::TIMEOUT, 150_000),
        (paxos::HEARTBEAT, 50_000),
        (paxos::PATIENCE, 300_000),
    ],
    fixed: &[(paxos::KIND, 1)],
    rules: &[paxos::ALL_OPEN_SLOTS, paxos::FILL_GAPS, paxos::PROMISE_ON_DISK, paxos::ADOPT_HIGHEST, paxos::MAJORITY],
    commands: &[paxos::SET],
    promises: &[ONE_VALUE, SAME_ORDER, ANSWERED_STAYS, ALL_ANSWERED],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Commit latency",
            about: "From a client's command to its answer. Phase 1 for every command adds a round trip.",
            plot: Plot::Percentiles(paxos::COMMIT_LATENCY),
        },
        Chart {
            title: "Messages per command",
            about: "Five servers: 14 with a stable leader, 22 with phase 1 for every command.",
            plot: Plot::Level(paxos::PER_COMMAND),
        },
        Chart {
            title: "Messages",
            about: "To agree: what commands cost. To lead: elections, heartbeats, catching up.",
            plot: Plot::Rate(paxos::MESSAGES),
        },
        Chart {
            title: "Commands committed",
            about: "Nothing is committed while nobody leads.",
            plot: Plot::Rate(paxos::COMMITTED),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_LEADERS,
    without: hunts::WITHOUT,
    terms: &[
        ("acceptor", "A node that promises and accepts; a majority of them decides."),
        ("leader", "The one server that takes clients' commands in its term."),
    ],
    before: &["consensus/paxos"],
    near: &["consensus/raft-replication", "consensus/side-by-side"],
    versions: versions!["Paxos Made Simple, 2001", "Paxos Made Live, 2007", "Ceph 20.2"],
    prose: prose!("multi_paxos.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn servers(world: &Cluster) -> Vec<NodeId> {
    paxos::acceptors(world.settings()).map(NodeId::from).collect()
}

/// The servers that believe they lead.
fn leaders(world: &Cluster) -> Vec<NodeId> {
    let leads = |id: &NodeId| matches!(member(world, *id).map(|it| &it.phase), Some(Phase::Accept { .. }));
    servers(world).into_iter().filter(leads).collect()
}

/// The servers in phase 1, and who has promised.
fn candidates(world: &Cluster) -> Vec<(NodeId, u64)> {
    let stands = |id: NodeId| match member(world, id)?.phase {
        Phase::Prepare { promised, .. } => Some((id, promised)),
        _ => None,
    };
    servers(world).into_iter().filter_map(stands).collect()
}

/// Every slot up to this one is applied there.
fn applied(world: &Cluster, id: NodeId) -> Slot {
    world.node(id).map_or(0, |node| node.disk.state.slot)
}

/// Whether a server knows a later slot and cannot apply it: a slot before it is open.
fn has_gap(world: &Cluster, id: NodeId) -> bool {
    world.node(id).is_some_and(|node| node.disk.chosen.last() > node.disk.state.slot)
}

fn all_applied(world: &Cluster, slot: Slot) -> bool {
    servers(world).into_iter().filter(|id| world.kernel().is_running(*id)).all(|id| applied(world, id) >= slot)
}

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let all = servers(world);
    let (ring, at, size) = match frame {
        Frame::Wide => (Area::new(76, 90, 380, 360), (544, 110), (408, 260)),
        Frame::Narrow => (Area::new(50, 78, 300, 280), (8, 416), (384, 140)),
    };
    picture.nodes.extend(all.iter().zip(ring.circle(all.len())).map(|(id, at)| server(world, *id, at)));
    picture.link_all(&all, &all);
    if let Some(id) = paxos::clients(world.settings()) {
        let centre = (ring.left + ring.width / 2, ring.top + ring.height / 2 + if all.len() == 3 { 30 } else { 0 });
        let mut mark = NodeMark::new(id, centre, Shape::Client, "clients");
        mark.tone = Tone::Producer;
        if let Some(Memory::Clients(clients)) = world.memory(id) {
            mark.state = format!("{} open", clients.waiting.len());
        }
        picture.nodes.push(mark);
        picture.link_all(&[id], &all);
    }
    picture.sets = promised(world).into_iter().collect();
    picture.figures.push(logs(world, at, size));
    picture
}

fn server(world: &Cluster, id: NodeId, at: (i32, i32)) -> NodeMark {
    let settings = world.settings();
    let mut mark = NodeMark::new(id, at, Shape::Server, Paxos::name(settings, id));
    let Some(member) = member(world, id) else { return mark };
    (mark.state, mark.tone) = match &member.phase {
        Phase::Idle => match member.leader {
            Some(leader) => (format!("follows {}", Paxos::name(settings, leader)), Tone::Neutral),
            None => ("no leader".to_owned(), Tone::Neutral),
        },
        Phase::Prepare { ballot, .. } => (format!("prepares {}", ballot_name(settings, *ballot)), Tone::Question),
        Phase::Accept { ballot, .. } => (format!("leads in {}", ballot_name(settings, *ballot)), Tone::Active),
    };
    mark.crown = matches!(member.phase, Phase::Accept { .. });
    if has_gap(world, id) {
        mark.state = format!("slot {} is open", applied(world, id) + 1);
        mark.tone = if mark.crown { Tone::Active } else { Tone::Risk };
    }
    let timer = world.timers(id).find(|timer| timer.0 == Timer::Try);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// The servers that have promised to the candidate with the highest ballot.
fn promised(world: &Cluster) -> Option<SetMark> {
    let ballot = |id: NodeId| member(world, id).and_then(|it| it.phase.ballot());
    let (candidate, bits) = candidates(world).into_iter().max_by_key(|(id, _)| ballot(*id))?;
    let members = servers(world).into_iter().filter(|id| bits >> id.0 & 1 == 1).collect();
    let label = format!("promised {}", ballot_name(world.settings(), ballot(candidate)?));
    Some(SetMark { members, label, tone: Tone::Question })
}

/// How many slots of each log are shown.
const SHOWN: Slot = 8;

fn logs(world: &Cluster, at: (i32, i32), size: (i32, i32)) -> Figure {
    let last = |id: &NodeId| world.node(*id).map_or(0, |node| node.disk.accepted.last().max(node.disk.chosen.last()));
    let first = servers(world).iter().map(last).max().unwrap_or(0).saturating_sub(SHOWN) + 1;
    let row = |id: NodeId| {
        let applied = applied(world, id);
        let mark = (applied >= first).then(|| (applied - first + 1) as u16);
        let cells = (first..=last(&id)).map(|slot| cell(world, id, slot)).collect();
        GridRow { label: Paxos::name(world.settings(), id), cells, mark }
    };
    let title = "Slots, ballot:command. Firm: chosen. Bar: applied.".to_owned();
    Figure {
        id: "logs",
        at,
        size,
        title,
        body: Body::Grid { first, rows: servers(world).into_iter().map(row).collect() },
    }
}

fn cell(world: &Cluster, id: NodeId, slot: Slot) -> Cell {
    let Some(node) = world.node(id) else { return Cell::loose("", Tone::Off) };
    let text = |entry: Entry| match entry.value {
        Value::NOOP => "no-op".to_owned(),
        value => format!("{}:{value}", ballot_name(world.settings(), entry.ballot)),
    };
    match (node.disk.chosen.get(slot), node.disk.accepted.get(slot)) {
        (Some(entry), _) => Cell::firm(text(entry), Tone::Fine),
        (None, Some(entry)) => Cell::loose(text(entry), Tone::Question),
        // Applied and forgotten, or a hole.
        (None, None) if slot <= node.disk.state.slot => Cell::firm("", Tone::Fine),
        (None, None) => Cell::loose("", Tone::Risk),
    }
}

fn set(register: i64, value: i64) -> Input {
    Input::call(paxos::SET, &[register, value])
}

fn rate(value: i64) -> Input {
    Input::Setting { setting: paxos::RATE, value }
}

fn skip_phase_1(on: bool) -> Input {
    Input::set(paxos::SKIP_PHASE_1, i64::from(on))
}

/// The accept requests on their way.
fn accepts(world: &Cluster) -> Vec<(u64, Slot)> {
    let accept = |flight: Flight<'_, Paxos>| match flight.message {
        Message::Accept { slot, .. } => Some((flight.pending.id, *slot)),
        _ => None,
    };
    let mut found: Vec<(u64, Slot)> = world.flights().filter_map(accept).collect();
    small::sort(&mut found);
    found
}

fn drop_accepts(world: &Cluster) -> Vec<Input> {
    accepts(world).into_iter().map(|(id, _)| Input::Drop { id }).collect()
}

/// The leader knows a later slot than one that is open.
fn leader_has_gap(world: &Cluster) -> bool {
    leader(world).is_some_and(|id| has_gap(world, id))
}

/// The last slot in which somebody knows a no-op to be chosen.
fn noop(world: &Cluster) -> Option<Slot> {
    let of = |id: NodeId| {
        let entries = world.node(id)?.disk.chosen.entries();
        entries.iter().rev().find(|entry| entry.value == Value::NOOP).map(|entry| entry.slot)
    };
    servers(world).into_iter().filter_map(of).max()
}

fn down(world: &Cluster) -> Option<NodeId> {
    world.nodes().map(|(id, _)| id).find(|id| !world.kernel().node(*id).up)
}

/// The last slot that anyone has applied.
fn newest(world: &Cluster) -> Slot {
    servers(world).into_iter().map(|id| applied(world, id)).max().unwrap_or(0)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Nobody leads",
        "Five servers, each an *acceptor* and a replica, and each may lead. Every slot of the log is a Paxos decree \
         of its own. Nobody leads, and a client that asks is sent away. The ring is how long a server still waits \
         for a leader.",
        |world| on_the_way(world, |message| matches!(message, Message::Redirect { .. })) > 0,
    )
    .midway()
    .look(servers),
    Beat::new(
        "Phase 1, for every slot at once",
        "The first server whose ring empties prepares a *ballot*: not for one slot, but for slot 1 and every one \
         after it. It asks for promises, as in Paxos.",
        |world| !candidates(world).is_empty(),
    )
    .midway()
    .look(|world| candidates(world).into_iter().map(|candidate| candidate.0).collect())
    .ask(Predict {
        question: "Which commands does the request name?",
        options: |_| vec!["The first one".to_owned(), "One for each slot".to_owned(), "None".to_owned()],
        answer: |_| 2,
        because: "Phase 1 names no value: it only asks what was accepted so far. That is why it can be done before \
                  there is any command, and for all slots at once.",
    }),
    Beat::new(
        "Promises of a majority",
        "Three promises make the candidate *leader*. They hold for every slot from here on, so phase 1 is done with until \
         somebody prepares a higher ballot.",
        |world| leader(world).is_some(),
    )
    .midway()
    .look(leaders),
    Beat::new(
        "A command costs one round trip",
        "Clients send commands. The leader gives each the next slot and asks at once for acceptance. With two other \
         servers the slot is chosen, and its cell turns firm.",
        |world| newest(world) >= 2 && all_applied(world, 2),
    )
    .look(leaders),
    Beat::new(
        "Without the shortcut",
        "Now phase 1 is run for every command, as in basic Paxos. Watch the yellow diamonds go out before each \
         command. Look at the charts as well.",
        |world| newest(world) >= 5 && all_applied(world, 5),
    )
    .first(|_| vec![skip_phase_1(false)])
    .look(leaders)
    .ask(Predict {
        question: "A command takes 14 messages with a stable leader. How many does it take now?",
        options: |_| vec!["18".to_owned(), "22".to_owned(), "28".to_owned()],
        answer: |_| 1,
        because: "Four prepare requests and four promises are added, and the client waits one round trip longer. The \
                  14: four accept requests, four answers, four times the news, the client's request and its answer.",
    }),
    Beat::new(
        "One command in flight",
        "The shortcut is back, and the clients' own commands pause. One asks for x=1. The leader's accept requests \
         leave.",
        |world| accepts(world).len() == 4 && !leader_has_gap(world) && one_waits(world),
    )
    .first(|_| vec![skip_phase_1(true), rate(0), set(0, 1)])
    .midway()
    .look(leaders),
    Beat::new(
        "A hole in the log",
        "All four requests are lost. Meanwhile the next command, y=2, gets the next slot and is chosen there. It \
         cannot be applied: the slot before it is open.",
        leader_has_gap,
    )
    .first(|world| drop_accepts(world).into_iter().chain([set(1, 2)]).collect())
    .midway()
    .look(leaders),
    Beat::new(
        "The leader crashes",
        "Only its own disk knows of x=1. The successor prepares a higher ballot for every slot that it does not \
         know. Its quorum reports y=2, and nothing for the slot before.",
        |world| leader(world).is_some() && noop(world).is_some(),
    )
    .first(|world| leader(world).map(|node| Input::Crash { node }).into_iter().collect())
    .midway()
    .look(leaders)
    .ask(Predict {
        question: "What does the new leader propose in the open slot?",
        options: |_| vec!["x=1".to_owned(), "A no-op".to_owned(), "It leaves the slot open".to_owned()],
        answer: |_| 1,
        because: "It cannot wait: nothing behind the hole may be applied. A no-op fills it. And x=1? The client asks \
                  again, and it gets a later slot.",
    }),
    Beat::new(
        "The old leader returns",
        "It restarts from its disk, on which x=1 is accepted in that slot, in a ballot that is over. The clients \
         carry on.",
        |world| {
            let slot = noop(world).unwrap_or(0);
            down(world).is_none() && all_applied(world, slot) && longest_wait(world) == 0
        },
    )
    .first(|world| {
        let back = down(world).map(|node| Input::Restart { node });
        back.into_iter().chain([rate(OWN_RATE)]).collect()
    })
    .look(servers)
    .ask(Predict {
        question: "What will the old leader apply in that slot?",
        options: |_| ["x=1, which it accepted", "The no-op", "Both in turn"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "Accepted by one is not chosen. The no-op was accepted by a majority, and every server learns that.",
    }),
];

/// A client waits for exactly one answer.
fn one_waits(world: &Cluster) -> bool {
    let clients = paxos::clients(world.settings()).and_then(|id| world.memory(id));
    matches!(clients, Some(Memory::Clients(clients)) if clients.waiting.len() == 1)
}

const CHALLENGES: &[Challenge<Paxos>] = &[
    Challenge {
        id: "two-leaders",
        title: "Two who believe they lead",
        goal: "Have two servers lead at the same time, in different ballots.",
        hint: "A leader that hears nobody does not know that it has been replaced. Cut it off.",
        reached: |world| leaders(world).len() >= 2,
    },
    Challenge {
        id: "no-op",
        title: "A no-op in the log",
        goal: "Have a no-op chosen.",
        hint: "Lose every accept request of one slot, have the next slot chosen, and crash the leader before it asks \
               again.",
        reached: |world| noop(world).is_some(),
    },
    Challenge {
        id: "stuck-behind-a-hole",
        title: "Stuck behind a hole",
        goal: "With filling gaps off, have a leader under whom a command has waited for 2 s.",
        hint: "Leave a hole in the log of a leader, as for the no-op, and let another one take over.",
        reached: |world| leader_has_gap(world) && longest_wait(world) > 2 * SEC,
    },
];

/// No heartbeats, no commands but those given, and nothing sent twice.
const SMALL: &[(SettingId, i64)] =
    &[(paxos::ACCEPTORS, 0), (paxos::RATE, 0), (paxos::HEARTBEAT, 0), (paxos::PATIENCE, 0)];

/// Only A and C have stood for leader, once each: B votes.
fn two_stand(world: &Cluster) -> bool {
    let round = |id: u16| world.node(NodeId(id)).map_or(0, |node| node.disk.round);
    let b_stands = member(world, NodeId(1)).is_some_and(|it| it.phase != Phase::Idle);
    round(0) <= 1 && round(2) <= 1 && !b_stands
}

fn b_alone_crashes(world: &Cluster) -> bool {
    world.nodes().all(|(id, _)| id.0 == 1 || world.kernel().node(id).up)
}

/// Three servers, two of which come to lead, one command, and a crash and a restart of the
/// third. All of it is seen.
const TWO_LEADERS: Hunt<Paxos> = Hunt {
    settings: SMALL,
    inputs: || vec![set(0, 5)],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 60, Budget::crashes(1)) },
    within: |world| two_stand(world) && b_alone_crashes(world),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::time::MS;

    /// Commands answered, messages for them, and the median latency, in ten seconds of 20 commands a second.
    fn measure(skips: i64, servers: i64) -> (u64, u64, u64, i64) {
        let settings = vec![(paxos::RATE, 20), (paxos::SKIP_PHASE_1, skips), (paxos::ACCEPTORS, servers)];
        let mut script = SCENARIO.script(&Origin { settings, ..SCENARIO.from(&[], &[]) });
        script.until(|world| leader(world).is_some() && longest_wait(world) == 0 && newest(world) > 0);
        let counts =
            |world: &Cluster| (world.metrics().total(paxos::COMMITTED, 0), world.metrics().total(paxos::MESSAGES, 0));
        let before = counts(script.world());
        script.until(|world| world.kernel().now() > 10 * SEC && longest_wait(world) == 0);
        let after = counts(script.world());
        let latency = script.world().metrics().get(paxos::COMMIT_LATENCY, 0).map(|series| series.merged(0));
        let level = leader(script.world()).and_then(|id| script.world().metrics().get(paxos::PER_COMMAND, id.0));
        let median = latency.and_then(|window| window.quantile(500)).unwrap_or(0);
        (after.0 - before.0, after.1 - before.1, median, level.map_or(0, crate::sim::measure::metrics::Series::level))
    }

    /// A server tells the last 128 ids apart, and takes an older one for a command that it has seen. One command is lost
    /// again and again: the clients wait for it before their newest is so far ahead.
    #[test]
    fn no_command_is_taken_for_one_that_was_seen() {
        let mut script = SCENARIO.script(&Origin { settings: vec![(paxos::RATE, 20)], ..SCENARIO.from(&[], &[]) });
        let asked = |world: &Cluster| world.nodes().map(|(_, node)| node.disk.asked).max().unwrap_or(0);
        let first = |world: &Cluster| {
            let is_it = |flight: &Flight<Paxos>| matches!(flight.message, Message::Request { value } if value.id == 1);
            world.flights().find(is_it).map(|flight| flight.pending.id)
        };
        while script.world().kernel().now() < 20 * SEC {
            let step = script.world().kernel().steps();
            script.until(|world| first(world).is_some() || world.kernel().steps() > step + 50);
            while let Some(id) = first(script.world()) {
                script.act(Input::Drop { id });
            }
        }
        assert_eq!(asked(script.world()), 128);
        script.until(|world| asked(world) > 140 && longest_wait(world) == 0);
        assert!(asked(script.world()) > 140, "the clients go on");
        assert!(SCENARIO.promises.iter().all(|promise| !script.world().is_promise_broken(promise.id)));
    }

    /// Section 3: with phase 1 done in advance, a command costs what phase 2 costs. n-1 accept requests, as many answers
    /// and as many messages with the news, and the client's two; phase 1 adds 2(n-1) messages and a round trip.
    #[test]
    fn skipping_phase_1_saves_two_messages_a_server_and_a_round_trip() {
        for (servers, others) in [(0, 2), (1, 4)] {
            let (stable, each) = (measure(1, servers), measure(0, servers));
            for ((commands, messages, _, level), expected) in [(stable, 3 * others + 2), (each, 5 * others + 2)] {
                assert!(commands > 150, "{commands}");
                assert_eq!(level, expected);
                // The last answers are still on their way, and a slot that is open for long is asked for again.
                let exact = commands * expected as u64;
                assert!(messages.abs_diff(exact) <= exact / 50, "{messages} messages, {exact} expected");
            }
            let more = each.2 - stable.2;
            assert!((15 * MS..=25 * MS).contains(&more), "a round trip is 20 ms: {more}");
        }
    }

    /// A server that was away for more slots than anyone keeps is given the state.
    #[test]
    fn a_late_server_takes_over_the_state() {
        let origin = Origin { settings: vec![(paxos::RATE, 50)], ..SCENARIO.from(&[], &[]) };
        let mut script = SCENARIO.script(&origin);
        assert!(script.act(Input::Crash { node: NodeId(4) }));
        assert!(script.until(|world| newest(world) > paxos::KEPT + 20));
        assert!(script.act(Input::Restart { node: NodeId(4) }));
        assert!(script.until(|world| applied(world, NodeId(4)) + 3 > newest(world)));
        let world = script.world();
        let kept = world.node(NodeId(4)).map_or(0, |node| node.disk.chosen.entries().len());
        assert!(kept <= paxos::KEPT as usize + 1 && !world.is_promise_broken(SAME_ORDER.id), "{kept}");
    }
}
