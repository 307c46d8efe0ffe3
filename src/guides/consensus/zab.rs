//! Zab: ZooKeeper's broadcast. Three phases that take a new leader from a vote to the first proposal.

use crate::guides::kit::prelude::*;
use crate::sim::small;
use crate::systems::consensus::zab::promises::{
    LEADER_EMERGES, NOTHING_LOST, ONE_ORDER, ONE_PRIMARY, PRIMARY_ORDER, common_leader,
};
use crate::systems::consensus::zab::{self, Body, Message, Role, Stage, Update, Zab};
use crate::views::zab::{
    Ensemble, epoch, everybody, histories, leaders, leading, newest, phases, quorum, role, server, set, stage, tail,
};

type Beat = crate::guides::kit::tour::Beat<Zab>;

/// The scenario.
pub static SCENARIO: Scenario<Zab> = Scenario {
    slug: "zab",
    title: "Zab: ZooKeeper's broadcast",
    guide: Guide::Consensus,
    level: 4,
    summary: "A new leader asks for promises, brings its followers up to date, and only then broadcasts. Cut it off \
              with proposals that nobody else has, and see what becomes of them.",
    seed: 3,
    settings: &[
        (zab::SERVERS, 0),
        (zab::RATE, 4),
        (zab::LATENCY, 10_000),
        (zab::TICK, 100_000),
        (zab::INIT_LIMIT, 10),
        (zab::SYNC_LIMIT, 5),
    ],
    rules: &[zab::NEW_EPOCH, zab::SYNC_FIRST, zab::QUORUM_ACK],
    commands: &[zab::SET],
    promises: &[ONE_ORDER, PRIMARY_ORDER, NOTHING_LOST, ONE_PRIMARY, LEADER_EMERGES],
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
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_EPOCH,
    without: WITHOUT,
    terms: &[
        ("epoch", "A number raised with each new leader or token, so that old ones can be recognised."),
        ("zxid", "A transaction's number in ZooKeeper: the epoch and a counter within it."),
    ],
    before: &["consensus/quorums"],
    near: &["consensus/raft-replication", "consensus/side-by-side"],
    versions: versions!["Zab, DSN 2011", "ZooKeeper 3.9"],
    prose: prose!("zab.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Ensemble, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let servers = everybody(world);
    let (ring, grid, table) = match frame {
        Frame::Wide => (Area::new(90, 110, 370, 320), ((530, 60), (416, 190)), ((530, 290), (416, 190))),
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

fn names(world: &Ensemble) -> Vec<String> {
    everybody(world).into_iter().map(|id| Zab::name(world.settings(), id)).collect()
}

/// Cuts the leader off from everybody else.
fn cut_off(world: &Ensemble) -> Option<Input> {
    newest(world).map(|(id, _)| Input::Partition { side: 1 << id.0 })
}

/// A follower, in a tour that stops one.
fn follower(world: &Ensemble) -> Option<NodeId> {
    everybody(world).into_iter().find(|id| matches!(role(world, *id), Some(Role::Following(_))))
}

/// Whether somebody still has the second register's 9, of the tour.
fn nine_left(world: &Ensemble) -> bool {
    world.nodes().any(|(_, node)| node.disk.history.txns().iter().any(|txn| (txn.register, txn.value) == (1, 9)))
}

/// Whether a server has adopted another's vote.
fn has_changed_its_vote(world: &Ensemble) -> bool {
    let adopts = |id: NodeId| matches!(role(world, id), Some(Role::Looking(looking)) if looking.vote.id != id.0);
    everybody(world).into_iter().any(adopts)
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Everybody looks",
        "Three servers, and no leader. Each votes for itself and says so: diamonds. A server that hears of a better \
         vote adopts it: watch the first one do so. A vote carries the *epoch* of the server voted for, its last \
         transaction, and its name.",
        has_changed_its_vote,
    )
    .midway()
    .look(everybody),
    Beat::new(
        "The better vote wins",
        "Better is the later epoch, then the longer history, then the greater name. With a quorum for its vote, a \
         server still waits 200 ms for a better one.",
        |world| !leaders(world).is_empty(),
    )
    .look(leaders)
    .ask(Predict {
        question: "Who is elected?",
        options: names,
        answer: |world| leaders(world).first().map_or(0, |id| id.index()),
        because: "All histories are empty and all epochs are 0, so the greatest name decides.",
    }),
    Beat::new(
        "Discovery",
        "An elected leader may not lead yet. Followers tell it the highest epoch they have promised. It takes the \
         next one, and a *quorum* promises to follow no earlier leader.",
        |world| stage(world).is_some_and(|stage| stage != Stage::Discovery),
    )
    .look(leaders),
    Beat::new(
        "Synchronisation",
        "The leader takes the latest history in the quorum, and brings each follower up to it: with what it lacks \
         (DIFF), by cutting back (TRUNC), or with everything (SNAP). Once a quorum has it, the leader is \
         established.",
        |world| stage(world) == Some(Stage::Broadcast),
    )
    .look(leaders),
    Beat::new(
        "Broadcast",
        "A client sets y to 5. The leader numbers the change: epoch and counter, its *zxid*. It proposes, followers \
         write and acknowledge, and with a quorum it commits: look for y=5 in the grid. Clients also add 1 to x now \
         and then.",
        |world| world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(|memory| memory.state[1] == Some(5))),
    )
    .first(|_| vec![set(1, 5)])
    .look(leaders),
    Beat::new(
        "Proposals for nobody",
        "The leader is cut off and does not know it yet. A client sets y to 9. The leader writes the proposal to \
         its own history: the dashed cell with y=9. No acknowledgement comes.",
        |world| leaders(world).into_iter().any(|id| tail(world, id) >= 1) && nine_left(world),
    )
    .first(|world| cut_off(world).into_iter().chain([set(1, 9)]).collect())
    .look(leaders),
    Beat::new(
        "A new epoch",
        "For five ticks the others hear nothing. They look for a leader, and go through the phases again. The old \
         leader has no quorum, and gives up as well.",
        |world| epoch(world) >= 2,
    )
    .look(leaders)
    .ask(Predict {
        question: "Which epoch do the other two begin?",
        options: |_| vec!["Epoch 1 again".to_owned(), "Epoch 2".to_owned(), "None without the third".to_owned()],
        answer: |world| usize::from(epoch(world) >= 2),
        because: "Both have promised epoch 1. Two of three are a quorum, and the next epoch is above every promise.",
    }),
    Beat::new(
        "The old leader comes back",
        "The cut heals. The old leader finds one that leads, joins it, and shows its history. Look at the grid: y=9 \
         is of epoch 1, and nobody else has it.",
        |world| common_leader(world).is_some(),
    )
    .first(|_| vec![Input::HealAll])
    .look(everybody)
    .ask(Predict {
        question: "What becomes of y = 9?",
        options: |_| ["It is committed after all", "It is taken out", "It goes to the end"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(!nine_left(world)),
        because: "It was never committed, and epoch 2 began without it. The new leader's history takes its place, and \
                  y is 5 on all three.",
    }),
    Beat::new(
        "A follower misses a little",
        "Now a follower crashes, and the leader carries on with the other: two are a quorum.",
        |world| {
            let down = world.nodes().find(|(_, node)| node.memory.is_none());
            let ends = down.map(|(_, node)| node.disk.history.len());
            ends.is_some_and(|len| world.witness().delivered() >= len + 3)
        },
    )
    .first(|world| follower(world).map(|node| Input::Crash { node }).into_iter().collect())
    .midway()
    .look(leaders),
    Beat::new(
        "And is brought up to date",
        "It restarts from its disk, finds the leader, and says where its history ends. This time a DIFF will do: \
         the few transactions that it lacks.",
        |world| world.nodes().all(|(_, node)| node.memory.is_some()) && common_leader(world).is_some(),
    )
    .first(|world| {
        let down = world.nodes().find(|(_, node)| node.memory.is_none());
        down.map(|(node, _)| Input::Restart { node }).into_iter().collect()
    })
    .look(everybody),
];

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
        hint: "A leader steps down after syncLimit ticks without a quorum. Pause it: what does not run cannot step \
               down.",
        reached: two_believe,
    },
    Challenge {
        id: "three-lost",
        title: "Written, and taken back",
        goal: "Have a new leader undo at least three proposals that a server has written to its disk.",
        hint: "Only what was never committed can go. Cut a leader off, and keep asking it.",
        reached: loses_three,
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

/// Three servers, one election, one request.
const ONE_EPOCH: Hunt<Zab> = Hunt {
    settings: &[(zab::RATE, 0)],
    inputs: || vec![set(0, 5)],
    bounds: Bounds::new(300_000, 50, Budget::NONE),
    within: |world| within(world, [1; 3], 1),
};

const B: NodeId = NodeId(1);

const C: NodeId = NodeId(2);

/// B and C do not hear each other.
fn apart() -> Vec<Input> {
    vec![Input::Cut { from: B, to: C }, Input::Cut { from: C, to: B }]
}

/// Two elections, one after the other, in both of which A takes part.
const TWO_EPOCHS: Hunt<Zab> = Hunt {
    settings: &[(zab::RATE, 0)],
    inputs: apart,
    bounds: Bounds::new(2_000_000, 40, Budget::NONE),
    within: |world| within(world, [2, 2, 1], 2),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<Zab>)] = &[
    (zab::NEW_EPOCH, TWO_EPOCHS),
    (
        zab::SYNC_FIRST,
        Hunt {
            settings: &[(zab::RATE, 0), (zab::START, 1)],
            inputs: || vec![Input::Crash { node: B }, set(0, 5)],
            within: |world| within(world, [1; 3], 2),
            ..TWO_EPOCHS
        },
    ),
    (zab::QUORUM_ACK, Hunt { inputs: || [apart(), vec![set(0, 5)]].concat(), ..TWO_EPOCHS }),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<Zab> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<Zab>] = &[
        Breaks { rule: zab::NEW_EPOCH, promise: ONE_PRIMARY.id, way: Way::Explore },
        Breaks { rule: zab::SYNC_FIRST, promise: ONE_ORDER.id, way: Way::Explore },
        Breaks { rule: zab::QUORUM_ACK, promise: NOTHING_LOST.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<Zab>] = &[
        Solution {
            challenge: "two-leaders",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| common_leader(world).is_some());
                if let Some((node, _)) = newest(script.world()) {
                    script.act(Input::Pause { node });
                }
                script.until(two_believe);
            },
        },
        Solution {
            challenge: "three-lost",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::explore::instance::Instance;
    use crate::sim::explore::{Explorer, Outcome};
    use crate::sim::kernel::time::{MS, SEC};
    use crate::sim::run::Run;
    use crate::sim::run::chaos::storm;
    use crate::sim::run::simulation::Simulation;
    use crate::sim::run::tape::Tape;

    /// The grid says what each transaction does, so that one can see what becomes of y=9.
    #[test]
    fn the_grid_shows_the_value_that_is_lost() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        let cells = |world: &Ensemble| match histories(world, (0, 0), (400, 200)).body {
            crate::picture::Body::Grid { rows, .. } => {
                rows.into_iter().flat_map(|row| row.cells).filter(|cell| cell.text.ends_with("y=9")).count()
            }
            _ => 0,
        };
        assert!(script.play(&TOUR[..6]));
        assert_eq!(cells(script.world()), 1);
        assert!(script.play(&TOUR[6..8]));
        assert_eq!(cells(script.world()), 0);
    }

    /// Algorithm 3: a proposal to each follower, its acknowledgement, and the commit. With fixed latency a commit takes a
    /// round trip.
    #[test]
    fn a_transaction_costs_three_messages_a_follower_and_a_round_trip() {
        for (servers, followers) in [(0, 2), (1, 4)] {
            let mut script = SCENARIO.script(&SCENARIO.from(&[], &[(zab::RATE, 0), (zab::SERVERS, servers)]));
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
        let mut world = SCENARIO.world(&SCENARIO.from(&[], &[]), TWO_EPOCHS.settings);
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
