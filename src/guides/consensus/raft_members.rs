//! Raft: changing the members. Why a set of servers must not be replaced at one stroke, and two ways to do it.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::small;
use crate::systems::consensus::raft::config::{SETS, letters, servers};
use crate::systems::consensus::raft::promises::{
    LEADER_EMERGES, LIMITS, NEWCOMERS_WAIT, NOTHING_LOST, ONE_COMMAND, ONE_LEADER, members,
};
use crate::systems::consensus::raft::{self, Raft};
use crate::views::raft::{
    self as view, Cluster, Side, bit, commit, common_leader, config, last, leader, leaders, leadership, name,
    newest_term, set_at, term,
};

const E: NodeId = NodeId(4);

type Beat = crate::guides::kit::tour::Beat<Raft>;

/// The scenario.
pub static SCENARIO: Scenario<Raft> = Scenario {
    slug: "raft-members",
    title: "Raft: changing the members",
    guide: Guide::Consensus,
    level: 3,
    summary: "Three servers become five while they work. For a moment some servers count by the old set and some by \
              the new one, yet there must never be two majorities that share nobody.",
    seed: 15,
    settings: &[(raft::CHANGE, 0), (raft::NO_OP, 1), (raft::LATENCY, 10_000), (raft::LOAD, 0), (raft::CHURN, 0)],
    busy: &[(raft::LOAD, 20), (raft::CHURN, 1)],
    fixed: &[(raft::SERVERS, 1), (raft::MEMBERS, 3), (raft::PRE_VOTE, 1), (raft::SNAPSHOT_AFTER, 20)],
    rules: &[raft::JOINT, raft::NOOP_FIRST, raft::LEARNERS],
    commands: &[raft::CHANGE_MEMBERS, raft::SET],
    promises: &[ONE_LEADER, NOTHING_LOST, ONE_COMMAND, LEADER_EMERGES, NEWCOMERS_WAIT],
    limits: LIMITS,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "From command to commit",
            about: "While two sets must agree, the slower of the two majorities counts.",
            plot: Plot::Percentiles(raft::COMMIT_LATENCY),
        },
        Chart {
            title: "Messages",
            about: "More members, more copies of each entry.",
            plot: Plot::Rate(raft::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_TO_ONE,
    without: WITHOUT,
    terms: &[
        ("joint consensus", "A phase in which decisions need majorities of both the old and the new set of members."),
        ("learner", "A server that gets the log and has no vote, until it has caught up."),
        ("members", "The servers whose majorities count."),
        ("one server at a time", "The simpler way to change members: each change adds or removes a single server."),
    ],
    before: &["consensus/raft-replication", "consensus/quorums"],
    near: &["consensus/raft-figure-8"],
    versions: versions!["Raft, extended version, 2014", "Ongaro's dissertation, 2014", "etcd 3.6"],
    prose: prose!("raft_members.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = view::picture(world, frame, Some(views(world)));
    for figure in &mut picture.figures {
        if figure.id == "logs" {
            figure.title = "Logs, term:command or set (+: both). Firm: committed.".to_owned();
        }
        if frame == Frame::Wide {
            // Sets of five letters need wider cells than commands.
            (figure.at.0, figure.size.0) = (544, 404);
        }
    }
    let parted = leaders(world).len() > 1 || !world.kernel().are_links_healthy();
    picture.sets = if parted { deciding(world) } else { counted(world) };
    picture
}

/// The sets that the leader counts by.
fn counted(world: &Cluster) -> Vec<SetMark> {
    let config = leader(world).map_or_else(|| members(world), |id| config(world, id));
    let mark = |set: u64, word: &str, tone: Tone| SetMark {
        members: servers(set).collect(),
        label: format!("{word} {}", letters(set)),
        tone,
    };
    match config.is_joint() {
        true => vec![mark(config.old, "old", Tone::Question), mark(config.new, "new", Tone::Active)],
        false if config.learners() != 0 => {
            vec![mark(config.new, "members", Tone::Active), mark(config.learners(), "learners", Tone::Question)]
        }
        false => vec![mark(config.new, "members", Tone::Active)],
    }
}

/// For each of the last two leaders, the servers that it decides with, and how many of which set they are.
fn deciding(world: &Cluster) -> Vec<SetMark> {
    let mark = |(id, tone): (NodeId, Tone)| {
        let (config, with) = (config(world, id), followers(world, id));
        let share = |set: u64| format!("{} of {}", (with & set).count_ones(), letters(set));
        let old = if config.is_joint() { format!("{}, ", share(config.old)) } else { String::new() };
        let label = format!("{}: {old}{}", name(world, id), share(config.new));
        SetMark { members: servers(with).collect(), label, tone }
    };
    let mut newest = leaders(world);
    small::sort_by_key(&mut newest, |id| std::cmp::Reverse(term(world, *id)));
    newest.into_iter().zip([Tone::Question, Tone::Active]).map(mark).collect()
}

/// The servers that a leader decides with: those that have its last entry or, before anybody else has one, that voted
/// for it.
fn followers(world: &Cluster, leader: NodeId) -> u64 {
    let (last, of) = (last(world, leader), |nodes: Vec<NodeId>| nodes.into_iter().fold(0, |all, id| all | bit(id)));
    let holders = of(view::holders(world, leader, last));
    let won = world.witness().leaders().iter().rev().find(|won| won.node == leader);
    let is_alone = holders == bit(leader) && commit(world, leader) < last;
    if is_alone { won.map_or(holders, |won| won.votes) } else { holders }
}

/// By which set each server counts.
fn views(world: &Cluster) -> Side {
    let row = |id: NodeId| {
        let config = config(world, id);
        let majority = |set: u64| format!("{} of {}", set.count_ones() / 2 + 1, letters(set));
        // Of a joint set the old one comes first.
        let counts = [config.old, config.new].into_iter().skip(usize::from(!config.is_joint()));
        let tone = match config.learners() & bit(id) {
            0 if config.has(id) => Tone::Active,
            0 => Tone::Off,
            _ => Tone::Question,
        };
        let tones = [if config.is_joint() { Tone::Question } else { tone }, tone];
        let mut cells = vec![Cell::firm(name(world, id), Tone::Neutral)];
        cells.extend(counts.zip(tones).map(|(set, tone)| Cell::firm(majority(set), tone)));
        cells.resize(3, Cell::firm("", Tone::Neutral));
        cells
    };
    let head = ["server", "counts by", "and by"].map(str::to_owned).to_vec();
    let rows = view::ids(world).into_iter().map(row).collect();
    ("By its log, each server needs".to_owned(), Body::Table { head, rows })
}

/// The command that asks for a set of members.
fn change(wanted: &str) -> Input {
    let at = SETS.iter().position(|set| set.0 == wanted).unwrap_or(0);
    Input::call(raft::CHANGE_MEMBERS, &[at as i64])
}

/// Whether the leader counts by exactly this set, and that is committed.
fn settled(world: &Cluster, wanted: &str) -> bool {
    leader(world).is_some_and(|id| {
        let config = config(world, id);
        let at = world.node(id).map_or(0, |node| node.disk.log.last_config_index());
        config.to_string() == wanted && commit(world, id) >= at
    })
}

fn is_joint(world: &Cluster) -> bool {
    leader(world).is_some_and(|id| config(world, id).is_joint())
}

/// Cuts the leader off, together with D and E, from the other members.
fn cut_with_newcomers(world: &Cluster) -> Vec<Input> {
    leader(world).map(|id| Input::Partition { side: bit(id) | 0b11000 }).into_iter().collect()
}

/// The two leaders of a cluster that is parted: the older, and the newer.
fn two_leaders(world: &Cluster) -> Option<(NodeId, NodeId)> {
    let older = leaders(world).into_iter().min_by_key(|id| term(world, *id))?;
    leader(world).filter(|newer| *newer != older).map(|newer| (older, newer))
}

/// Whether the leader knows that D and E have its last entry.
fn newcomers_have_it(world: &Cluster) -> bool {
    let Some(id) = leader(world) else { return false };
    let last = last(world, id);
    leadership(world, id).is_some_and(|known| known.matched.iter().skip(3).all(|at| *at == last))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Three members, two in waiting",
        "A, B and C are members and elect a leader. D and E run, and wait to be added. The field is the set that \
         counts.",
        |world| common_leader(world).is_some_and(|id| commit(world, id) >= 1),
    )
    .look(leaders),
    Beat::new(
        "At one stroke",
        "Both rules on new members are off: a new set replaces the old one at once. The leader is asked for ABCDE \
         while a cut leaves it alone with D and E. It counts by the new set as soon as that is in its own log.",
        |world| settled(world, "ABCDE"),
    )
    .first(|world| {
        let off = vec![Input::off(raft::JOINT), Input::off(raft::LEARNERS)];
        [off, cut_with_newcomers(world), vec![change("ABCDE")]].concat()
    })
    .look(leaders)
    .ask(Predict {
        question: "Can the leader commit on its side of the cut?",
        options: |_| {
            ["No: it has one of ABC", "Yes: it has three of ABCDE", "No: D and E may not vote yet"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| usize::from(settled(world, "ABCDE")),
        because: "Its log says ABCDE, and three of five have the entry. The other two have not heard of it.",
    }),
    Beat::new(
        "The other two",
        "The other two hear no leader. Nobody has told them of D and E. The table shows by which set each server \
         counts.",
        |world| two_leaders(world).is_some(),
    )
    .look(leaders)
    .ask(Predict {
        question: "Can the two elect a leader?",
        options: |_| {
            ["No: two of five are not enough", "No: the old leader still leads", "Yes: two of three are a majority"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| if two_leaders(world).is_some() { 2 } else { 0 },
        because: "The two fields have no server in common: three of ABCDE here, two of ABC there. Nobody was left who \
                  could have said no.",
    }),
    Beat::new(
        "Both decide",
        "A client on each side sets y: to 1 here, to 2 there. Both leaders have their majority, and both commit.",
        |world| {
            let wrote = |id: NodeId| world.memory(id).is_some_and(|memory| memory.registers[1].is_some());
            two_leaders(world).is_some_and(|(older, newer)| wrote(older) && wrote(newer))
        },
    )
    .first(|world| {
        let pair = two_leaders(world);
        vec![set_at(1, 1, pair.map(|pair| pair.0)), set_at(1, 2, pair.map(|pair| pair.1))]
    })
    .look(leaders),
    Beat::new(
        "Healed, and one side has lost",
        "The cut heals, and the later term wins. Whatever the set ABCDE had decided is gone, its own entry with it: \
         the members are ABC again. Nobody speaks to D and E, so their logs stay as they are. From here on both \
         sets must agree.",
        |world| {
            let count_by_three = (0..3).map(NodeId).all(|id| !config(world, id).has(E));
            leaders(world).len() == 1 && count_by_three
        },
    )
    .first(|_| vec![Input::HealAll, Input::Rule { rule: raft::JOINT, on: true }])
    .look(leaders),
    Beat::new(
        "The same cut, with both sets",
        "Again the leader is alone with D and E, and is asked for ABCDE. Now it appends an entry that names both \
         sets, and counts by it at once: it needs two of ABC *and* three of ABCDE.",
        |world| is_joint(world) && newcomers_have_it(world),
    )
    .first(|world| [cut_with_newcomers(world), vec![change("ABCDE")]].concat())
    .look(leaders)
    .ask(Predict {
        question: "D and E take the entry. Can the leader commit it?",
        options: |_| {
            ["Yes: it has three of ABCDE", "No: it has one of ABC", "No: D and E may not vote yet"]
                .map(str::to_owned)
                .to_vec()
        },
        answer: |world| usize::from(leader(world).is_some_and(|id| commit(world, id) < last(world, id))),
        because: "Every decision needs a majority of the old set too, and nobody else of ABC is here.",
    }),
    Beat::new(
        "One side decides",
        "The other two elect a leader by ABC, as before. The old leader, with its three, has decided nothing: so \
         there is nothing to lose.",
        |world| two_leaders(world).is_some_and(|(_, newer)| commit(world, newer) == last(world, newer)),
    )
    .look(leaders),
    Beat::new(
        "Learners first",
        "The cut heals, and the new leader is asked for ABCDE with all rules on. D and E lack what has been \
         committed, so they become *learners*: they get the log, and their votes do not count.",
        |world| [NodeId(3), E].iter().all(|id| config(world, *id).learners() & bit(*id) != 0),
    )
    .first(|_| vec![Input::HealAll, Input::Rule { rule: raft::LEARNERS, on: true }, change("ABCDE")])
    .look(leaders)
    .ask(Predict {
        question: "Three members, two learners. How many must have an entry before it is committed?",
        options: |_| ["Two", "Three", "Four"].map(str::to_owned).to_vec(),
        answer: |_| 0,
        because: "Learners do not count. Empty members would: three of five, of whom two have yet to get the log. One \
                  crash among the others, and nothing is decided until they have it.",
    }),
    Beat::new(
        "Both sets, then the new one alone",
        "Once D and E have what is committed, both sets must agree to the joint entry. From then on nobody can decide \
         by ABC alone, and the leader appends ABCDE. Now two may crash, where before it was one. (Changing *one server \
         at a time* needs no joint entry.)",
        |world| settled(world, "ABCDE"),
    )
    .look(view::ids),
    Beat::new(
        "A leader that is not a member",
        "The leader is asked for a set without itself. It carries the change out, does not count itself, and steps \
         down once the new set is committed.",
        |world| ["CDE", "A"].iter().any(|wanted| settled(world, wanted)),
    )
    .first(|world| {
        let wanted = if leader(world).is_some_and(|id| id.0 < 2) { "CDE" } else { "A" };
        vec![change(wanted)]
    })
    .look(leaders)
    .ask(Predict {
        question: "Who leads in the end?",
        options: |_| ["The same leader, as a guest", "One of the new members", "Nobody"].map(str::to_owned).to_vec(),
        answer: |world| match leader(world) {
            Some(id) if config(world, id).has(id) => 1,
            Some(_) => 0,
            None => 2,
        },
        because: "The old leader has done its part. The members hear nobody, and elect one of their own.",
    }),
];

/// A change that is neither done nor undone.
fn stuck_change(world: &Cluster) -> bool {
    let joint = |id: &NodeId| config(world, *id).is_joint();
    leaders(world).iter().any(|id| joint(id) && term(world, *id) < newest_term(world)) && leaders(world).len() > 1
}

const CHALLENGES: &[Challenge<Raft>] = &[
    Challenge {
        id: "stuck-change",
        title: "A change that leads nowhere",
        goal: "Leave a leader with a joint configuration that it cannot commit, while the old set carries on under \
               another.",
        hint: "Once the learners have the log, cut the leader off together with them.",
        reached: stuck_change,
    },
    Challenge {
        id: "moved-house",
        title: "Moved house",
        goal: "Make C, D and E the only members, with an entry committed by them alone.",
        hint: "Ask for CDE, wait until it is settled, and set a register.",
        reached: |world| {
            settled(world, "CDE") && world.memory(NodeId(3)).is_some_and(|memory| memory.registers[2].is_some())
        },
    },
];

/// Three servers are to become one: A leads term 1, B term 2.
const THREE_TO_ONE: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::NO_OP, 0), (raft::PRE_VOTE, 0)],
    inputs: || vec![change("A")],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 20, Budget::NONE) },
    within: |world| newest_term(world) <= 2 && view::in_turn(world),
};

/// One server becomes two.
const ONE_TO_TWO: Hunt<Raft> = Hunt {
    settings: &[(raft::SERVERS, 0), (raft::MEMBERS, 1), (raft::NO_OP, 1), (raft::PRE_VOTE, 0)],
    inputs: || vec![change("AB")],
    bounds: Bounds { network: Network::Patient, ..Bounds::new(100_000, 12, Budget::NONE) },
    within: |world| newest_term(world) <= 1,
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Raft>)] = &[(raft::LEARNERS, ONE_TO_TWO)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Raft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const A: NodeId = NodeId(0);

    /// The schedule of Ongaro's note of 2015. A adds E and reaches E alone; B, say, elected by the old set, removes A and commits
    /// that on two of three; then A, elected by its own larger set, knows nothing of it.
    pub(super) fn bug_of_2015(script: &mut Script<Raft>) {
        script.until(|world| leadership(world, A).is_some());
        script.act(Input::Partition { side: 0b10001 });
        script.act(change("ABCDE"));
        script.until(|world| leaders(world).len() == 2);
        let second = leader(script.world()).unwrap_or(A);
        // One of the other two does not get the second leader's entry.
        let without = if second == NodeId(3) { NodeId(2) } else { NodeId(3) };
        script.act(Input::Cut { from: second, to: without });
        script.act(change("BCD"));
        script.until(|world| commit(world, second) >= 1);
        script.act(Input::Partition { side: 0b10001 | bit(without) });
        script.until(|world| leadership(world, A).is_some() && term(world, A) > 1);
    }

    pub(super) const BREAKS: &[Breaks<Raft>] = &[
        Breaks { rule: raft::JOINT, promise: NOTHING_LOST.id, way: Way::Explore },
        Breaks {
            rule: raft::NOOP_FIRST,
            promise: NOTHING_LOST.id,
            way: Way::Script {
                settings: &[(raft::CHANGE, 1), (raft::MEMBERS, 4), (raft::NO_OP, 0), (raft::PRE_VOTE, 0)],
                act: bug_of_2015,
                reason: "Ongaro's own schedule of 2015: five servers, three elections and two changes of the members.",
            },
        },
        Breaks { rule: raft::LEARNERS, promise: NEWCOMERS_WAIT.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Raft>] = &[
        Solution {
            challenge: "stuck-change",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1));
                script.act(change("ABCDE"));
                script.until(is_joint);
                cut_with_newcomers(script.world()).into_iter().for_each(|input| _ = script.act(input));
                script.until(stuck_change);
            },
        },
        Solution {
            challenge: "moved-house",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1));
                script.act(change("CDE"));
                script.until(|world| settled(world, "CDE") && common_leader(world).is_some());
                script.act(view::set(2, 4));
                script.until(|world| {
                    settled(world, "CDE") && world.memory(NodeId(3)).is_some_and(|m| m.registers[2].is_some())
                });
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields on the stage after so many beats: the letters of each.
    fn fields(beats: usize) -> (Vec<u64>, bool) {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.play(&TOUR[..beats]));
        let sets = picture(script.world(), Frame::Wide).sets;
        let of = |set: SetMark| set.members.into_iter().map(bit).sum();
        (sets.into_iter().map(of).collect(), script.world().is_promise_broken(NOTHING_LOST.id))
    }

    /// Without the rule two of ABC and three of ABCDE decide side by side, and share nobody.
    #[test]
    fn two_majorities_that_share_nobody_are_drawn_and_break_the_promise() {
        let (sets, is_broken) = fields(3);
        assert_eq!(sets.iter().map(|set| set.count_ones()).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(sets[0] & sets[1], 0);
        assert!(is_broken);
        assert_eq!(fields(4).0.iter().fold(0, |all, set| all | set), 0b11111);
    }

    /// With it the three decide nothing.
    #[test]
    fn with_both_sets_one_side_decides() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.play(&TOUR[..7]));
        let world = script.world();
        let (older, newer) = two_leaders(world).expect("two lead");
        assert!(config(world, older).is_joint() && commit(world, older) < last(world, older));
        assert_eq!(commit(world, newer), last(world, newer));
    }

    /// B leads AB and removes itself. A has only the joint members, in which it needs B's vote; B's log is longer, and by
    /// it B is no member any more. Found by a storm of 3,000 events: nobody could win, for good (dissertation, section 4.2.2).
    #[test]
    fn a_server_that_is_not_yet_removed_for_sure_stands_if_nobody_else_can_win() {
        const A: NodeId = NodeId(0);
        const B: NodeId = NodeId(1);
        let begin = |seed| {
            let mut script = SCENARIO.script(&Origin { seed, ..SCENARIO.from(&[], &[]) });
            let leads = script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1));
            (leads && leader(script.world()) == Some(B)).then_some(script)
        };
        let mut script = (0..50).find_map(begin).expect("B leads sooner or later");
        assert!(script.act(change("AB")) && script.until(|world| settled(world, "AB")));
        assert!(script.act(change("A")) && script.until(|world| config(world, B).to_string() == "A"));
        let on_the_way: Vec<u64> = script.world().flights().map(|flight| flight.pending.id).collect();
        on_the_way.into_iter().for_each(|id| _ = script.act(Input::Drop { id }));
        assert!(script.act(Input::Crash { node: B }) && script.act(Input::Restart { node: B }));
        assert!(config(script.world(), A).is_joint() && config(script.world(), B).to_string() == "A");
        assert!(script.until(|world| settled(world, "A")), "nobody leads");
    }

    /// Learners that are down are waited for and hold nobody up; whoever asks for their promotion is told to wait.
    #[test]
    fn learners_that_are_down_hold_nobody_up() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.until(|world| common_leader(world).is_some_and(|id| commit(world, id) >= 1)));
        let leader = leader(script.world()).expect("somebody leads");
        for node in [NodeId(3), E] {
            assert!(script.act(Input::Crash { node }));
        }
        assert!(script.act(change("ABCDE")));
        assert!(script.until(|world| settled(world, "ABCde")));
        let at = last(script.world(), leader);
        assert!(script.act(change("ABCDE")));
        let other = (0..3).map(NodeId).find(|id| *id != leader).expect("there are others");
        assert!(script.act(Input::Crash { node: other }));
        assert!(script.act(view::set(0, 5)));
        assert!(script.until(|world| commit(world, leader) == at + 1));
        assert!(settled(script.world(), "ABCde"), "it was too early");
        for node in [NodeId(3), E] {
            assert!(script.act(Input::Restart { node }));
        }
        assert!(script.until(|world| settled(world, "ABCDE")));
    }

    #[test]
    fn the_sets_on_offer_are_the_ones_the_command_names() {
        assert!(SETS.iter().all(|(name, set)| *name == letters(*set)));
    }
}
