//! The bully election: the highest node leads, takes over by force, and counts on messages that keep to their time.

use crate::guides::kit::prelude::*;
use crate::sim::small;
use crate::systems::consensus::bully::promises::{ALL_AT_WORK, LIMITS, ONE_COORDINATOR, common, in_time, leaders};
use crate::systems::consensus::bully::{self, Bully, Message, Phase};
use crate::views::bully::{Cluster, all, beliefs, groups, led_by, name, phase, server};

type Beat = crate::guides::kit::tour::Beat<Bully>;

/// The scenario.
pub static SCENARIO: Scenario<Bully> = Scenario {
    slug: "bully",
    title: "Bully election",
    guide: Guide::Consensus,
    level: 2,
    summary: "Five nodes, and the one with the highest number should lead. When it crashes the next one takes over; \
              when it comes back it seizes the lead again.",
    seed: 9,
    settings: &[(bully::NODES, 5), (bully::BOUND, 20_000), (bully::TIMEOUT, 50_000), (bully::HEARTBEAT, 100_000)],
    rules: &[bully::ANSWER, bully::WAIT, bully::HALT],
    commands: &[bully::CALL],
    promises: &[ONE_COORDINATOR, ALL_AT_WORK],
    limits: LIMITS,
    faults: FaultModel { crash: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Whom each node works for",
            about: "The number of the coordinator, 0 for none. Lines that part are nodes that disagree.",
            plot: Plot::Level(bully::COORDINATOR),
        },
        Chart {
            title: "Messages",
            about: "An election costs most when the lowest node notices: every node above it holds an election as \
                    well.",
            plot: Plot::Rate(bully::MESSAGES),
        },
        Chart {
            title: "Elections called",
            about: "One crash makes many nodes call one, each a little later.",
            plot: Plot::Rate(bully::ELECTIONS),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: THREE_NODES,
    without: WITHOUT,
    terms: &[
        ("coordinator", "The node that decides for a group, or leads it."),
        ("halts", "Stops lower nodes from working for anybody else before a new coordinator takes over."),
        ("heartbeat", "A regular message that only says: I am still here."),
        ("synchronous", "Every message arrives, and every running node answers, within a known time."),
        ("timeout", "How long a node waits for an answer before it considers the other dead."),
    ],
    near: &["consensus/raft-election", "consensus/token-ring"],
    versions: versions!["Garcia-Molina, 1982", "VRRP version 3, RFC 9568"],
    prose: prose!("bully.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn names(world: &Cluster) -> Vec<String> {
    all(world).into_iter().map(|node| name(world, node)).collect()
}

/// The nodes that are in this phase.
fn in_phase(world: &Cluster, wanted: Phase) -> Vec<NodeId> {
    all(world).into_iter().filter(|node| phase(world, *node) == Some(wanted)).collect()
}

fn picture(world: &Cluster, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let nodes = all(world);
    let (ring, table, size) = match frame {
        Frame::Wide => (Area::new(90, 84, 400, 360), (590, 90), (350, 240)),
        Frame::Narrow => (Area::new(52, 50, 296, 300), (10, 404), (380, 152)),
    };
    for (id, at) in nodes.iter().zip(ring.circle(nodes.len())) {
        picture.nodes.push(server(world, *id, at));
    }
    picture.link_all(&nodes, &nodes);
    picture.sets = groups(world);
    picture.figures.push(beliefs(world, table, size));
    picture
}

const N2: NodeId = NodeId(1);

const N4: NodeId = NodeId(3);

const N5: NodeId = NodeId(4);

const TOUR: &[Beat] = &[
    Beat::new(
        "Everybody calls an election",
        "Five nodes have just started, and nobody leads. Each asks all nodes above it: are you there? Whoever runs \
         answers OK. The number is no measure of merit. It only makes everybody pick the same node.",
        |world| on_the_way(world, |message| *message == Message::Ok) > 0,
    )
    .midway()
    .look(all),
    Beat::new(
        "Nobody above",
        "A node that gets an OK steps back and waits. One that gets none *halts* everybody below it, waits until \
         all have surely stopped, and then it is the *coordinator*.",
        |world| leaders(world).next().is_some(),
    )
    .midway()
    .look(led_by)
    .ask(Predict {
        question: "Who becomes coordinator?",
        options: names,
        answer: |world| leaders(world).next().map_or(0, NodeId::index),
        because: "N5 has nobody above it to ask, and answers OK to all who ask. There is no vote, and no majority is \
                  needed.",
    }),
    Beat::new(
        "Heartbeats",
        "N5 announces itself, and again every 100 ms. The ring around a node is the time it will still wait for \
         such a *heartbeat*.",
        |world| common(world) == Some(N5),
    )
    .look(led_by),
    Beat::new(
        "N5 crashes, and one notices",
        "The heartbeats stop. N2's ring is the first to empty, so N2 calls an election. It asks N3, N4 and N5: it \
         cannot know which of them still run.",
        |world| in_phase(world, Phase::Asks) == [N2],
    )
    .first(|_| vec![Input::Crash { node: N5 }])
    .midway()
    .look(|_| vec![N2]),
    Beat::new(
        "Whoever is higher takes over",
        "Every node above answers OK and calls its own election. The question climbs up to N4, whose question to N5 \
         goes unanswered. Once a whole *timeout* has passed in silence, N4 halts the others.",
        |world| phase(world, N4) == Some(Phase::Halts),
    )
    .midway()
    .look(|_| vec![N4])
    .ask(Predict {
        question: "What does silence for 50 ms tell N4 about N5?",
        options: |_| vec!["That N5 is down".to_owned(), "That N5 is down or slow".to_owned(), "Nothing".to_owned()],
        answer: |_| 0,
        because: "Here a message takes at most 20 ms and a running node answers at once, so an answer arrives within \
                  40 ms. Without such a bound, the second answer would be right.",
    }),
    Beat::new(
        "N4 leads",
        "All lower nodes have stopped. N4 announces itself to N1, N2 and N3, and the four carry on.",
        |world| common(world) == Some(N4),
    )
    .look(|_| vec![N4]),
    Beat::new(
        "The bully comes back",
        "N5 restarts. N4 is doing fine, but N5 has nobody above it to ask, and takes the lead: hence the \
         algorithm's name.",
        |world| common(world) == Some(N5),
    )
    .first(|_| vec![Input::Restart { node: N5 }])
    .look(|_| vec![N4, N5])
    .ask(Predict {
        question: "Is there a moment with two coordinators?",
        options: |_| {
            vec![
                "Yes, until N4 hears the announcement".to_owned(),
                "No: N4 puts the crown down first".to_owned(),
                "Yes, until the others have chosen".to_owned(),
            ]
        },
        answer: |world| if world.is_promise_broken(ONE_COORDINATOR.id) { 0 } else { 1 },
        because: "N5 halts all the others and waits until they have surely stopped. Only then does it take the crown.",
    }),
    Beat::new(
        "A cut looks like a crash",
        "Now the network is cut: N4 and N5 here, the rest there. Nobody has crashed. N3 asks, hears nothing, and \
         concludes what the *synchronous* model allows it to conclude.",
        |world| leaders(world).count() > 1,
    )
    .first(|_| vec![Input::Partition { side: 1 << N4.0 | 1 << N5.0 }])
    .midway()
    .look(led_by)
    .ask(Predict {
        question: "How many coordinators will there be?",
        options: |_| vec!["One".to_owned(), "Two".to_owned(), "Five".to_owned()],
        answer: |world| if leaders(world).count() > 1 { 1 } else { 0 },
        because: "Each side has a highest node. The promise was made for a network in which every message arrives, \
                  and this is not one.",
    }),
    Beat::new(
        "Healed",
        "The cut heals. The next heartbeat of N5 reaches the other side, and N3 steps down. What the two did \
         meanwhile nobody has reconciled. To prevent it takes a majority.",
        |world| common(world) == Some(N5),
    )
    .first(|_| vec![Input::HealAll])
    .look(|_| vec![N5]),
];

/// Somebody waits for the announcement of a node that is down.
fn waits_for_the_dead(world: &Cluster) -> bool {
    world.nodes().filter_map(|(_, node)| node.memory).any(|memory| {
        let dead = memory.halted_by.is_some_and(|other| world.memory(other).is_none());
        memory.phase == Phase::Waits && dead
    })
}

const CHALLENGES: &[Challenge<Bully>] = &[
    Challenge {
        id: "too-impatient",
        title: "Too impatient",
        goal: "Get two coordinators with all rules on and without any fault: no crash, no cut, no late message.",
        hint: "A question and its answer take up to 40 ms here. What if a node waits less?",
        reached: |world| leaders(world).count() > 1 && world.rules().off_bits() == 0 && world.kernel().is_healthy(),
    },
    Challenge {
        id: "halted-by-the-dead",
        title: "Halted by the dead",
        goal: "Leave a node waiting for the announcement of one that halted it and then crashed.",
        hint: "Crash the winner after its Halt messages have arrived, and before it announces itself.",
        reached: waits_for_the_dead,
    },
    Challenge {
        id: "three-crowns",
        title: "Three crowns",
        goal: "Have three nodes think at once that they are coordinator.",
        hint: "A paused node does not know that time passes, and still believes what it did. So does the next one.",
        reached: |world| leaders(world).count() > 2,
    },
];

/// What is explored: a network that keeps its bound, see [`in_time`]. And never two messages of a kind on one link, so
/// that there is an end: who runs on does not send the second before the first has arrived, and a node that crashes and
/// comes back sooner is left out.
fn synchronous(world: &Cluster) -> bool {
    let mut sent: Vec<_> =
        world.flights().map(|flight| (flight.from, flight.pending.node, Bully::look(flight.message).letter)).collect();
    small::sort(&mut sent);
    sent.windows(2).all(|pair| pair[0] != pair[1]) && in_time(world)
}

/// Three nodes, one of which crashes and comes back.
const THREE_NODES: Hunt<Bully> = Hunt {
    settings: &[(bully::NODES, 3)],
    inputs: Vec::new,
    bounds: Bounds::new(400_000, 60, Budget::crashes(1)),
    within: synchronous,
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Bully>)] =
    &[(bully::ANSWER, Hunt { bounds: Bounds::new(100_000, 20, Budget::NONE), ..THREE_NODES })];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Bully> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) fn call(node: NodeId) -> Input {
        Input::call(bully::CALL, &[i64::from(node.0)])
    }

    pub(super) const BREAKS: &[Breaks<Bully>] = &[
        Breaks { rule: bully::ANSWER, promise: ONE_COORDINATOR.id, way: Way::Explore },
        Breaks { rule: bully::WAIT, promise: ONE_COORDINATOR.id, way: Way::Explore },
        Breaks { rule: bully::HALT, promise: ONE_COORDINATOR.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Bully>] = &[
        Solution {
            challenge: "too-impatient",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common(world).is_some());
                script.act(Input::set(bully::TIMEOUT, 10_000));
                script.act(Input::set(bully::BOUND, 100_000));
                script.act(call(N2));
                script.until(|world| leaders(world).count() > 1);
            },
        },
        Solution {
            challenge: "halted-by-the-dead",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| {
                    all(world).iter().any(|node| world.memory(*node).is_some_and(|memory| memory.halted_by == Some(N5)))
                });
                script.act(Input::Crash { node: N5 });
                script.until(waits_for_the_dead);
            },
        },
        Solution {
            challenge: "three-crowns",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                for node in [N5, N4] {
                    script.until(|world| phase(world, node) == Some(Phase::Leads));
                    script.act(Input::Pause { node });
                }
                script.until(|world| leaders(world).count() > 2);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::proof::*;
    use super::*;
    use crate::sim::run::simulation::Simulation;
    use crate::systems::consensus::bully::Message;
    use crate::systems::consensus::bully::promises::at_work;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    /// The condition that the explorer is given excludes nothing that a network with a bound does: under crashes and
    /// restarts it holds after every event. So does the paper's first assertion: nodes at work name one coordinator.
    #[test]
    fn crashes_alone_make_no_message_late() {
        for seed in 0..200 {
            let mut world = SCENARIO.world(&Origin { seed, ..Origin::default() }, &[]);
            let mut chaos = crate::sim::run::chaos::Chaos::new(SCENARIO.faults, seed);
            for _ in 0..60 {
                for _ in 0..chaos.gap() {
                    // Nothing happens while all are down.
                    world.step();
                    assert!(in_time(&world), "seed {seed}, {}", world.kernel().now());
                    let mut named = at_work(&world).map(|pair| pair.1);
                    let first = named.next();
                    assert!(named.all(|leader| Some(leader) == first), "seed {seed}, {}", world.kernel().now());
                }
                // A fault that does not apply is no fault.
                let _ = chaos.next(&world).map(|input| world.apply(&input));
            }
        }
    }

    /// What an election costs in questions: one when the next in line notices, and one for each pair of nodes when the
    /// lowest does, for everybody above it holds an election as well.
    #[test]
    fn the_lowest_caller_costs_most() {
        let questions = |caller: NodeId| {
            let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
            assert!(script.until(|world| common(world) == Some(N5)));
            script.act(Input::Crash { node: N5 });
            script.act(call(caller));
            let seen = RefCell::new(BTreeSet::new());
            script.until(|world| {
                let asks = world.flights().filter(|flight| *flight.message == Message::Election);
                seen.borrow_mut().extend(asks.map(|flight| flight.pending.id));
                common(world) == Some(N4)
            });
            seen.into_inner().len()
        };
        assert_eq!((questions(N4), questions(NodeId(0))), (1, 4 + 3 + 2 + 1));
    }
}
