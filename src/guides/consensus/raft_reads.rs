//! Raft: a cut and its healing. A leader that has been replaced does not know it: what must it do before it answers a
//! read?

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::judge::history::Answer;
use crate::sim::machine::consistency::linearizable;
use crate::sim::numbers;
use crate::sim::small;
use crate::systems::consensus::raft::config::servers;
use crate::systems::consensus::raft::promises::{FRESH_READS, LEADER_EMERGES, LIMITS, STEPS_DOWN};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, Side, bit, commit, common_leader, get_at, last, leaders, leadership, name, set_at, term,
};

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-reads",
    title: "Raft: a cut and its healing",
    guide: Guide::Consensus,
    level: 3,
    summary: "A leader is cut off with a minority and does not know that it has been replaced. What it appends is \
              never committed; what it answers may be stale, unless it first confirms that it leads.",
    seed: 3,
    settings: &[
        (raft::READS, 0),
        (raft::LOAD, 0),
        (raft::TIMEOUT, 150_000),
        (raft::HEARTBEAT, 50_000),
        (raft::LATENCY, 10_000),
    ],
    busy: &[(raft::LOAD, 30)],
    fixed: &[(raft::SERVERS, 1), (raft::NO_OP, 1), (raft::SNAPSHOT_AFTER, 20), (raft::CHECK_QUORUM, 1)],
    rules: &[raft::CONFIRM_READ, raft::HEARD],
    commands: &[raft::SET, raft::GET],
    promises: &[FRESH_READS, linearizable(), LEADER_EMERGES, STEPS_DOWN],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "From read to answer",
            about: "ReadIndex: one way to a majority and back. A lease: no wait at all. Turn up the load.",
            plot: Plot::Percentiles(raft::READ_LATENCY),
        },
        Chart {
            title: "Messages",
            about: "Each ReadIndex costs a round of heartbeats; reads by a lease cost none.",
            plot: Plot::Rate(raft::MESSAGES),
        },
        Chart {
            title: "From write to commit",
            about: "A write takes a round in any case.",
            plot: Plot::Percentiles(raft::COMMIT_LATENCY),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_LEADERS,
    without: WITHOUT,
    terms: &[("check-quorum", "A leader counts who has answered it lately, and steps down without a majority.")],
    before: &["consensus/raft-replication"],
    near: &["consensus/leases", "consensus/agreement"],
    versions: versions!["Ongaro's dissertation, 2014", "etcd 3.6"],
    prose: prose!("raft_reads.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, Some(states(world)));
    picture.sets = sides(world);
    picture
}

/// What each server would answer now.
fn states(world: &Cluster) -> Side {
    let row = |id: NodeId| {
        let registers = world.memory(id).map_or([None; 3], |memory| memory.registers);
        let waiting = leadership(world, id).map_or(0, |leader| leader.reads.len());
        let value = |value: Option<i16>| {
            let text = value.map_or("-".to_owned(), |value| value.to_string());
            Cell::firm(text, Tone::Neutral)
        };
        let mut row = vec![Cell::firm(name(world, id), Tone::Neutral)];
        row.extend(registers.map(value));
        row.push(match waiting {
            0 => Cell::firm("", Tone::Neutral),
            some => Cell::firm(numbers::waiting(some as u64), Tone::Question),
        });
        row
    };
    let head = ["server", "x", "y", "z", "reads"].map(str::to_owned).to_vec();
    let last = match last_read(world) {
        None => String::new(),
        Some(None) => "; the last read waits".to_owned(),
        Some(Some(Answer::Value(Some(value)))) => format!("; the last read got {value}"),
        Some(Some(Answer::Value(None))) => "; the last read got nothing".to_owned(),
        Some(Some(_)) => "; the last read failed".to_owned(),
    };
    (format!("State of each server{last}"), Body::Table { head, rows: view::ids(world).into_iter().map(row).collect() })
}

/// The two sides of a cut, as sets.
fn sides(world: &Cluster) -> Vec<SetMark> {
    let all = view::ids(world);
    let Some(first) = all.first().copied() else { return Vec::new() };
    let joined = |a: NodeId, b: NodeId| a == b || (world.kernel().connected(a, b) && world.kernel().connected(b, a));
    let side = all.iter().filter(|id| joined(first, **id)).fold(0, |side, id| side | bit(*id));
    let rest = all.iter().fold(0, |side, id| side | bit(*id)) & !side;
    if rest == 0 {
        return Vec::new();
    }
    let mark = |set: u64| {
        let is_majority = set.count_ones() as usize * 2 > all.len();
        let (label, tone) = if is_majority { ("a majority", Tone::Fine) } else { ("a minority", Tone::Risk) };
        SetMark { members: servers(set).collect(), label: label.to_owned(), tone }
    };
    vec![mark(side), mark(rest)]
}

/// The leader of the newest term, and an older one that still believes.
fn two_leaders(world: &Cluster) -> Option<(NodeId, NodeId)> {
    let mut all = leaders(world);
    small::sort_by_key(&mut all, |id| std::cmp::Reverse(term(world, *id)));
    Some((*all.first()?, *all.get(1)?))
}

/// Cuts the leader off with one other server.
fn cut_off(world: &Cluster) -> Vec<Input> {
    let Some(leader) = leaders(world).first().copied() else { return Vec::new() };
    let other = view::ids(world).into_iter().find(|id| *id != leader);
    vec![Input::Partition { side: bit(leader) | other.map_or(0, bit) }]
}

/// The last read's answer: what it gave, if it has one.
fn last_read(world: &Cluster) -> Option<Option<Answer>> {
    let all = world.history().operations(64);
    let read = all.into_iter().rfind(|operation| operation.ask == crate::sim::judge::history::Ask::Read)?;
    Some(read.answered.map(|answered| answered.2))
}

fn committed_everywhere(world: &Cluster, value: i16) -> bool {
    world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.registers[0] == Some(value)))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One leader",
        "Five servers and a leader. Its first entry is a no-op: once that is committed, it knows what else is.",
        |world| common_leader(world).is_some_and(|leader| commit(world, leader) >= 1),
    )
    .look(leaders),
    Beat::new(
        "x is 1 everywhere",
        "A client sets x to 1. The table shows what each server's state is by now.",
        |world| committed_everywhere(world, 1),
    )
    .first(|_| vec![set_at(0, 1, None)])
    .look(leaders),
    Beat::new(
        "A read by ReadIndex",
        "A client reads x. The leader notes its commit index and asks everyone whether it still leads. Once a \
         majority has said so, it answers from its own state: nothing was appended.",
        |world| world.history().reads_answered() >= 1,
    )
    .first(|_| vec![get_at(0, None)])
    .look(leaders),
    Beat::new(
        "The cut",
        "The leader and one follower are on one side, three servers on the other. *Check-quorum* is off for now, so \
         the leader notices nothing. The three hear no heartbeat and elect a leader of their own.",
        |world| two_leaders(world).is_some_and(|(new, _)| commit(world, new) > 2),
    )
    .first(|world| [vec![Input::off(raft::HEARD)], cut_off(world)].concat())
    .look(leaders)
    .ask(Predict {
        question: "Now two believe that they lead. Has Raft broken its promise?",
        options: |_| {
            ["Yes: only one may lead", "No: they lead different terms", "No: the old one knows"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| {
            let terms = two_leaders(world).map(|(new, old)| (term(world, new), term(world, old)));
            usize::from(terms.is_some_and(|(new, old)| new != old))
        },
        because: "A new leader needs votes in a higher term. Raft promises one leader per term, not one at a time.",
    }),
    Beat::new(
        "x becomes 2",
        "On the side of the majority a client sets x to 2, and is told that it is done.",
        |world| two_leaders(world).and_then(|(new, _)| world.memory(new)).is_some_and(|m| m.registers[0] == Some(2)),
    )
    .first(|world| vec![set_at(0, 2, two_leaders(world).map(|pair| pair.0))])
    .look(|world| two_leaders(world).map(|pair| pair.0).into_iter().collect()),
    Beat::new(
        "A read on the wrong side",
        "A client on the other side asks the old leader for x. Its state says 1.",
        |world| {
            let asked = |(_, old)| leadership(world, old).is_some_and(|leader| !leader.reads.is_empty());
            let answered = world.history().reads_answered() >= 2;
            two_leaders(world).is_some_and(asked) || answered
        },
    )
    .first(|world| vec![get_at(0, two_leaders(world).map(|pair| pair.1))])
    .midway()
    .look(|world| two_leaders(world).map(|pair| pair.1).into_iter().collect())
    .ask(Predict {
        question: "What does the old leader answer?",
        options: |_| ["1", "2", "Nothing"].map(str::to_owned).to_vec(),
        answer: |world| match last_read(world).flatten() {
            Some(Answer::Value(Some(1))) => 0,
            Some(Answer::Value(_)) => 1,
            _ => 2,
        },
        because: "It first asks for a majority's confirmation, and hears from one follower only. No answer is better \
                  than a wrong one.",
    }),
    Beat::new(
        "Whom have I heard?",
        "Check-quorum is on again, and the cut is still there. Watch the last read, above the table. Once every \
         election timeout the old leader counts who has answered its heartbeats.",
        |world| leaders(world).len() == 1,
    )
    .first(|_| vec![Input::Rule { rule: raft::HEARD, on: true }])
    .look(|world| two_leaders(world).map(|pair| pair.1).into_iter().collect())
    .ask(Predict {
        question: "What becomes of the client that waits for x?",
        options: |_| {
            ["It waits until the cut heals", "It is told that the read failed", "It gets 1"].map(str::to_owned).to_vec()
        },
        answer: |world| match last_read(world).flatten() {
            None => 0,
            Some(Answer::Failed) => 1,
            Some(_) => 2,
        },
        because: "One follower and itself are two of five. It steps down on its own, without having heard of the newer \
                  term, and lets its clients go: they may ask elsewhere.",
    }),
    Beat::new(
        "It heals",
        "The old leader, by now a follower, hears of the newer term, and gets the entry that it lacks.",
        |world| committed_everywhere(world, 2) && common_leader(world).is_some(),
    )
    .first(|_| vec![Input::HealAll])
    .look(leaders),
    Beat::new(
        "By a lease",
        "Another way: a server that has heard the leader votes for nobody else for 150 ms. So a leader whose \
         heartbeat a majority answered cannot be replaced for 150 ms, counted from when it *sent* that heartbeat. \
         Until then it answers alone.",
        |world| {
            let now = world.kernel().now();
            let fresh = |leader: NodeId| {
                leadership(world, leader)
                    .is_some_and(|l| l.echoed.iter().filter(|at| **at + 60 * MS > now).count() >= 4)
            };
            common_leader(world).is_some_and(fresh)
        },
    )
    .first(|_| vec![Input::set(raft::READS, 1)])
    .midway()
    .look(leaders),
    Beat::new(
        "At once",
        "A client reads x, and the leader answers without asking anybody. The lease rests on clocks: a leader whose \
         clock runs slow believes in its lease for too long.",
        |world| world.history().reads_answered() >= 2,
    )
    .first(|_| vec![get_at(0, None)])
    .midway()
    .look(leaders),
];

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "read-that-waits",
        title: "A read that must wait",
        goal: "Have a leader that has been replaced hold back a read.",
        hint: "Cut the leader off with a minority, wait for another, and ask the old one by its letter. With \
               check-quorum on, you have to be quick.",
        reached: |world| {
            two_leaders(world)
                .and_then(|(_, old)| leadership(world, old))
                .is_some_and(|leader| !leader.reads.is_empty())
        },
    },
    Challenge {
        id: "slow-clock",
        title: "A lease and a slow clock",
        goal: "With all rules on, have a leader answer an old value by its lease. Leases assume that clocks run \
               alike.",
        hint: "Make the leader's clock run slowly, then cut it off from everyone.",
        reached: |world| world.is_promise_broken(FRESH_READS.id),
    },
];

/// Three servers: A leads term 1, B term 2 and takes a write; A is asked to read.
const TWO_LEADERS: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::NO_OP, 0)],
    inputs: || vec![set_at(0, 1, Some(NodeId(1))), get_at(0, Some(NodeId(0)))],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 24, Budget::NONE) },
    within: |world| {
        let longest = view::ids(world).into_iter().map(|id| last(world, id)).max();
        view::newest_term(world) <= 2 && view::in_turn(world) && longest <= Some(1)
    },
};

/// A leader of three that hears nobody, and looks around at each heartbeat.
const UNHEARD: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::NO_OP, 0), (raft::TIMEOUT, 150_000), (raft::HEARTBEAT, 150_000)],
    inputs: Vec::new,
    bounds: Bounds { network: Network::Patient, ..Bounds::new(300_000, 14, Budget::NONE) },
    within: |world| view::newest_term(world) <= 1 && view::in_turn(world),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Raft>)] = &[(raft::HEARD, UNHEARD)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::CONFIRM_READ, promise: FRESH_READS.id, way: Way::Explore },
        Breaks { rule: raft::HEARD, promise: STEPS_DOWN.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "read-that-waits",
            from: || SCENARIO.from(&[raft::HEARD], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                cut_off(script.world()).into_iter().for_each(|input| {
                    script.act(input);
                });
                script.until(|world| two_leaders(world).is_some());
                script.act(get_at(0, two_leaders(script.world()).map(|pair| pair.1)));
                script.until(|world| {
                    let old = two_leaders(world).and_then(|(_, old)| leadership(world, old));
                    old.is_some_and(|leader| !leader.reads.is_empty())
                });
            },
        },
        Solution {
            challenge: "slow-clock",
            from: || Origin { settings: vec![(raft::READS, 1)], ..SCENARIO.from(&[], &[]) },
            act: |script| {
                script.until(|world| common_leader(world).is_some_and(|leader| commit(world, leader) >= 1));
                let leader = leaders(script.world()).first().copied();
                if let Some(node) = leader {
                    script.act(Input::Skew { node, offset: 0, drift_ppm: -900_000 });
                    script.act(Input::Partition { side: bit(node) });
                }
                script.until(|world| two_leaders(world).is_some_and(|(new, _)| commit(world, new) > 1));
                script.act(set_at(0, 2, two_leaders(script.world()).map(|pair| pair.0)));
                script.until(|world| two_leaders(world).is_some_and(|(new, _)| commit(world, new) > 2));
                script.act(get_at(0, leader));
                script.until(|world| world.is_promise_broken(FRESH_READS.id));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::time::SEC;

    /// A reader who has cut every link to the leader, but none from it: it is heard, and hears nobody.
    fn deaf_leader(off: &[RuleId]) -> (crate::guides::kit::proof::Script<Raft>, NodeId) {
        let mut script = SCENARIO.script(&SCENARIO.from(off, &[]));
        assert!(script.until(|world| common_leader(world).is_some_and(|leader| commit(world, leader) >= 1)));
        let leader = leaders(script.world())[0];
        for from in view::ids(script.world()).into_iter().filter(|id| *id != leader) {
            assert!(script.act(Input::Cut { from, to: leader }));
        }
        assert!(script.act(get_at(0, Some(leader))));
        (script, leader)
    }

    /// Within two election timeouts it steps down, its client is told, and somebody else leads and commits.
    #[test]
    fn a_leader_that_hears_nobody_makes_way() {
        let (mut script, deaf) = deaf_leader(&[]);
        let since = script.world().kernel().now();
        assert!(script.until(|world| leadership(world, deaf).is_none()));
        assert!(script.world().kernel().now() <= since + 2 * 150 * MS + 50 * MS);
        assert_eq!(last_read(script.world()), Some(Some(Answer::Failed)));
        assert!(script.until(|world| leaders(world).iter().any(|id| *id != deaf && commit(world, *id) >= 2)));
    }

    /// Without the rule its heartbeats keep the others quiet, and nothing is decided for as long as the cut lasts.
    #[test]
    fn without_check_quorum_it_stays_and_decides_nothing() {
        let (mut script, deaf) = deaf_leader(&[raft::HEARD]);
        script.act(set_at(0, 7, Some(deaf)));
        assert!(script.until(|world| world.kernel().now() > 10 * SEC));
        let world = script.world();
        assert_eq!(leaders(world), [deaf]);
        assert!(last(world, deaf) > commit(world, deaf) && last_read(world) == Some(None));
        assert!(world.is_promise_broken(STEPS_DOWN.id));
    }
}
