//! FLP: why no deterministic protocol is certain to end while messages may be late and a voter may crash, and what a
//! coin gives instead.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::ben_or::promises::{AGREEMENT, CERTAIN_END, EXPECTED_ROUNDS, VALIDITY};
use crate::systems::consensus::ben_or::{self, BenOr, Phase, Step, word};
use crate::views::ben_or::{Vote, heard, lengths, now, set, step, vote, voter};

type Beat = crate::guides::kit::tour::Beat<BenOr>;

/// The scenario.
pub static SCENARIO: Scenario<BenOr> = Scenario {
    slug: "flp",
    title: "FLP: no certain end",
    guide: Guide::Consensus,
    level: 1,
    summary: "Asynchronous, fault-tolerant, certain to end: pick two. You schedule the messages of a vote and keep \
              it undecided; then each voter gets a coin.",
    seed: 5,
    settings: &[
        (ben_or::VOTERS, 0),
        (ben_or::CRASHES, 1),
        (ben_or::BALLOT, 0),
        (ben_or::KIND, 0),
        (ben_or::SPREAD, 20_000),
        (ben_or::BOUND, 10),
        (ben_or::EVERY, 2_000_000),
    ],
    rules: &[ben_or::COIN],
    commands: &[ben_or::CAST],
    promises: &[CERTAIN_END, EXPECTED_ROUNDS, AGREEMENT, VALIDITY],
    impossible: true,
    faults: FaultModel {
        crash: true,
        pause: true,
        slow: true,
        duplicate: true,
        delay: true,
        most_down: 1,
        ..FaultModel::NONE
    },
    charts: &[
        Chart {
            title: "Round of each voter",
            about: "Each climb leads to a decision; a line that keeps climbing leads to none.",
            plot: Plot::Level(ben_or::ROUND),
        },
        Chart {
            title: "Messages",
            about: "In each round, everybody sends two messages to everybody.",
            plot: Plot::Rate(ben_or::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_ROUNDS,
    terms: &[
        ("asynchronous", "Messages arrive eventually, and nobody knows how late they may be."),
        ("n - t", "How many messages a process may wait for when t of n may have crashed."),
    ],
    before: &["consensus/agreement"],
    near: &["consensus/two-generals", "consensus/paxos"],
    versions: versions!["Fischer, Lynch and Paterson, 1985", "Ben-Or, 1983"],
    prose: prose!("flp.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn picture(world: &Vote, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let voters: Vec<NodeId> = world.nodes().map(|(id, _)| id).collect();
    let (ring, table, bars) = match frame {
        Frame::Wide => (Area::new(90, 110, 340, 320), ((520, 70), (410, 160)), ((520, 280), (410, 220))),
        Frame::Narrow => (Area::new(60, 66, 280, 184), ((10, 296), (384, 111)), ((10, 412), (384, 148))),
    };
    for (id, at) in voters.iter().zip(ring.circle(voters.len())) {
        picture.nodes.push(voter(world, *id, at));
    }
    picture.link_all(&voters, &voters);
    for (side, tone) in [(false, Tone::Producer), (true, Tone::Service)] {
        let votes = |id: &&NodeId| step(world, **id) != Step::Out && vote(world, **id) == Some(side);
        let members: Vec<NodeId> = voters.iter().filter(votes).copied().collect();
        if !members.is_empty() {
            picture.sets.push(SetMark { members, label: format!("votes {}", word(Some(side))), tone });
        }
    }
    picture.figures.push(heard(world, table.0, table.1));
    picture.figures.push(lengths(world, bars.0, bars.1));
    picture
}

fn coin(on: bool) -> Input {
    Input::Rule { rule: ben_or::COIN, on }
}

/// Whether the election of the moment has come this far and nobody has decided.
fn open_in(world: &Vote, round: u32) -> bool {
    now(world).is_some_and(|election| election.outcome.is_none() && election.round >= round)
}

fn is_decided(world: &Vote) -> bool {
    now(world).is_some_and(|election| election.outcome.is_some())
}

fn everybody(world: &Vote) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

const LAST: NodeId = NodeId(2);

const TOUR: &[Beat] = &[
    Beat::new(
        "Three voters, one answer",
        "Three voters must agree on 0 or 1. Messages take as long as they like, and one voter may crash. It then looks \
         like a slow one, so nobody may wait for all three: *n - t*, here two, must do. Watch each send its vote.",
        |world| world.flights().count() >= 6,
    )
    .midway()
    .look(everybody),
    Beat::new(
        "Report",
        "That was a report. A voter counts its own as well, and goes on once it has two. If more than half of all \
         three say the same, it proposes that value; otherwise it proposes ?.",
        |world| world.nodes().any(|(id, _)| step(world, id) == Step::Waits(Phase::Proposal)),
    )
    .midway()
    .look(everybody),
    Beat::new(
        "Propose, then decide or toss",
        "Diamonds are proposals. A voter that has more than t of them for a value decides it. With at least one, it \
         votes that way from now on. With none it tosses a coin. Then comes the next round.",
        is_decided,
    )
    .look(everybody)
    .ask(Predict {
        question: "In one round, can one voter propose 0 and another 1?",
        options: |_| {
            ["Yes, if messages come in different orders", "Yes, if one crashes", "No"].map(str::to_owned).to_vec()
        },
        answer: |_| 2,
        because: "A proposal needs the same report from more than half. Two such majorities share a voter, which \
                  reports one value a round.",
    }),
    Beat::new(
        "Take the coin away",
        "Now nobody may toss: a voter that sees no proposal keeps its vote. You are the scheduler, and deliver every \
         message: most in 10 ms, those between A and C, who vote alike, in 40 ms. Nothing is lost, nobody crashes.",
        |world| open_in(world, 8),
    )
    .first(|_| [&[coin(false), set(ben_or::SPREAD, 0)][..], &apart()].concat())
    .midway()
    .look(everybody)
    .ask(Predict {
        question: "In which round does the next decision come?",
        options: |_| vec!["The first".to_owned(), "The fifth".to_owned(), "Not within seven".to_owned()],
        answer: |world| if open_in(world, 8) { 2 } else { 0 },
        because: "A and C each hear B first, which votes differently; B hears one of them. Nobody sees a \
                  majority, and each round ends as it began.",
    }),
    Beat::new(
        "No protocol can do better",
        "The fault is not in keeping one's vote. Fischer, Lynch and Paterson proved it for every deterministic \
         protocol: from a state in which both outcomes are possible, a scheduler can always reach another such \
         state, for ever.",
        |world| open_in(world, 11),
    )
    .look(everybody),
    Beat::new(
        "The coin is back",
        "The messages are as late as before, and each voter may toss again. The scheduler knows what will be done \
         with a coin, but not how it will fall.",
        is_decided,
    )
    .first(|_| vec![coin(true)])
    .look(everybody)
    .ask(Predict {
        question: "Can the same schedule keep the vote open?",
        options: |_| ["Yes, for ever", "No, not for ever", "Not even for a round"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(is_decided(world)),
        because: "In every round there is a chance that the coins fall alike, and it never shrinks. Sooner or later \
                  they do.",
    }),
    Beat::new(
        "One crashes",
        "C crashes. A and B cannot know whether it is merely slow, and need not know: two messages are enough for \
         them.",
        |world| {
            let without = now(world).is_some_and(|election| election.voters == 2 && election.outcome.is_some());
            without && !world.kernel().node(LAST).up
        },
    )
    .first(|_| vec![Input::HealAll, set(ben_or::SPREAD, 20_000), Input::Crash { node: LAST }])
    .look(|_| vec![NodeId(0), NodeId(1)]),
    Beat::new(
        "What is promised instead",
        "C is back, and from now on one coin falls for everybody in a round. The bars begin afresh: no number of \
         rounds is certain, and yet the mean stays below its bound.",
        |world| world.witness().decided >= 15,
    )
    .first(|_| vec![Input::Restart { node: LAST }, set(ben_or::KIND, 1)])
    .look(everybody),
];

/// Makes messages between A and C late, both ways.
fn apart() -> [Input; 2] {
    let late = |from, to| Input::Latency { from, to, extra: 30 * MS };
    [late(NodeId(0), LAST), late(LAST, NodeId(0))]
}

const CHALLENGES: &[Challenge<BenOr>] = &[
    Challenge {
        id: "five-rounds",
        title: "You are the scheduler",
        goal: "With the coin on, keep a decision open for five rounds.",
        hint: "A voter that first hears a vote unlike its own sees no majority. Delay the reports between two who \
               agree. The coins may still beat you: then try the next decision.",
        reached: |world| world.rules().on(ben_or::COIN) && open_in(world, 6),
    },
    Challenge {
        id: "for-ever",
        title: "Round after round",
        goal: "Go through fifty rounds without a decision.",
        hint: "Take away the coin, and slow the link between the two who vote alike.",
        reached: |world| open_in(world, 51),
    },
    Challenge {
        id: "the-third",
        title: "Pick the other two",
        goal: "With t = 0 everybody waits for everybody, and each decision comes in the first round. Keep one from \
               coming by a single crash.",
        hint: "Set the crashes to tolerate to 0 and start again. Then crash anybody before it has reported.",
        reached: |world| world.settings().get(ben_or::CRASHES) == 0 && world.witness().abandoned > 0,
    },
];

/// One election, and two rounds promised.
const TWO_ROUNDS: Hunt<BenOr> = Hunt {
    settings: &[(ben_or::BOUND, 2)],
    inputs: Vec::new,
    bounds: Bounds::new(400_000, 40, Budget::NONE),
    within: |world| world.nodes().all(|(_, node)| node.disk.election <= 1),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::systems::consensus::ben_or::Message;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<BenOr> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    /// Delays every report that is about to tell a voter that another votes as it does.
    pub(super) fn keep_apart(world: &Vote) -> Vec<Input> {
        let by = 30 * MS;
        let agrees = |to: NodeId, message: &Message| {
            message.phase == Phase::Report
                && world
                    .memory(to)
                    .is_some_and(|memory| memory.round == message.round && Some(memory.vote) == message.value)
        };
        let soon = |at: u64| at < world.kernel().now() + by;
        let flights =
            world.flights().filter(|flight| soon(flight.pending.at) && agrees(flight.pending.node, flight.message));
        flights.map(|flight| Input::Delay { id: flight.pending.id, by }).collect()
    }

    pub(super) const BREAKS: &[Breaks<BenOr>] = &[Breaks {
        rule: ben_or::COIN,
        promise: EXPECTED_ROUNDS.id,
        way: Way::Schedules {
            settings: &[],
            events: 1_500,
            reason: "The promise is about the mean of many rounds, and the explorer may let any coin fall on either \
                     side: for it a coin is no better than none.",
        },
    }];

    const SOLUTIONS: &[Solution<BenOr>] = &[
        Solution {
            challenge: "five-rounds",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                for _ in 0..5_000 {
                    if open_in(script.world(), 6) {
                        return;
                    }
                    for input in keep_apart(script.world()) {
                        script.act(input);
                    }
                    script.steps(1);
                }
            },
        },
        Solution {
            challenge: "for-ever",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(coin(false));
                for input in apart() {
                    script.act(input);
                }
                script.act(set(ben_or::SPREAD, 0));
                script.until(|world| open_in(world, 51));
            },
        },
        Solution {
            challenge: "the-third",
            from: || Origin { settings: vec![(ben_or::CRASHES, 0)], ..SCENARIO.from(&[], &[]) },
            act: |script| {
                script.until(is_decided);
                script.act(Input::Crash { node: LAST });
                script.until(|world| world.witness().abandoned > 0);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::any::AnyScenario;
    use crate::sim::declare::rules::RuleSet;
    use crate::sim::explore::instance::Instance;
    use crate::sim::explore::{Explorer, Network, Order, Outcome};
    use crate::sim::run::Run;
    use crate::sim::run::chaos::storm;
    use crate::sim::run::simulation::Simulation;
    use crate::sim::run::tape::Tape;
    use crate::systems::consensus::ben_or::Timer;
    use crate::systems::consensus::ben_or::expected_rounds;

    /// A world after this many decided elections.
    fn after(elections: u32, turned: &[(SettingId, i64)]) -> Vote {
        let mut world = SCENARIO.world(&SCENARIO.from(&[], &[]), turned);
        while world.witness().decided < elections && world.step().is_some() {}
        world
    }

    /// With one of three down, the two left begin unlike each other and both toss. Their coins fall alike with a chance of
    /// 2^(1 - 2), and in the next round they decide: 1 + 2 rounds in the mean. With a common coin always: 2 rounds.
    #[test]
    fn means_of_two_are_as_computed() {
        let two = |elections, kind| {
            let mut world = SCENARIO.world(&SCENARIO.from(&[], &[]), &[(ben_or::KIND, kind)]);
            assert!(world.apply(&Input::Crash { node: LAST }).is_ok());
            while world.witness().decided < elections && world.step().is_some() {}
            world
        };
        let own = two(4_000, 0);
        let mean = own.witness().mean().unwrap_or(0);
        assert!((292..=308).contains(&mean), "{mean}");
        let [first, second, third, ..] = own.witness().decided_in;
        assert!(first == 0 && (1_900..=2_100).contains(&second) && (900..=1_100).contains(&third));
        assert_eq!(two(500, 1).witness().mean(), Some(200));
    }

    /// The bounds of theory, 2^(n-1) + 1 and 3, hold with latencies of all kinds; voters who agree need one round.
    #[test]
    fn means_keep_within_theory() {
        for (voters, kind, spread) in
            [(0, 0, 0), (0, 0, 100_000), (1, 0, 0), (1, 0, 50_000), (0, 1, 50_000), (1, 1, 50_000)]
        {
            let crashes = 1 + voters;
            let turned = [
                (ben_or::VOTERS, voters),
                (ben_or::CRASHES, crashes),
                (ben_or::KIND, kind),
                (ben_or::SPREAD, spread),
                (ben_or::EVERY, 10_000_000),
            ];
            let world = after(1_000, &turned);
            let mean = world.witness().mean().unwrap_or(u32::MAX);
            println!("voters {voters} kind {kind} spread {spread}: {mean}");
            assert!(mean <= 100 * expected_rounds(world.settings()), "{turned:?}: {mean}");
        }
        let alike = after(100, &[(ben_or::BALLOT, 2)]);
        assert_eq!(alike.witness().decided_in[0], 100);
    }

    /// The bound of one coin says nothing about another, about none, or about another schedule: each change begins the
    /// count afresh, and what is under way belongs to neither.
    #[test]
    fn rounds_are_counted_afresh_under_another_coin_or_schedule() {
        let late = Input::Latency { from: NodeId(0), to: LAST, extra: 30 * MS };
        for input in [coin(false), set(ben_or::KIND, 1), set(ben_or::SPREAD, 0), late] {
            let mut world = after(20, &[]);
            let under_way = now(&world).map_or(0, |election| election.number);
            assert!(world.apply(&input).is_ok());
            while world.witness().decided == 20 && world.step().is_some() {}
            assert_eq!((world.witness().decided, world.witness().spent), (0, 0), "{input:?}");
            while now(&world).is_some_and(|election| election.number == under_way) && world.step().is_some() {}
            assert_eq!(world.witness().decided, 0, "{input:?}: the one under way was counted");
        }
    }

    /// At the end of the tour the picture and the promise speak of the common coin alone, and its bound is kept.
    #[test]
    fn the_tour_ends_within_the_bound_that_it_names() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.play(TOUR));
        let world = script.world();
        let mean = world.witness().mean().unwrap_or(u32::MAX);
        assert!(mean <= 100 * expected_rounds(world.settings()), "{mean}");
        assert!(!world.is_promise_broken(EXPECTED_ROUNDS.id) && world.is_promise_broken(CERTAIN_END.id));
    }

    /// The scenario's first promise cannot hold. The others do, under random faults.
    #[test]
    fn only_the_certain_end_breaks_under_faults() {
        for seed in 0..1_000 {
            let start = SCENARIO.start(&Origin { seed, ..Origin::default() });
            let mut run = Run::new(start, Tape::default());
            storm(&mut run, SCENARIO.faults, seed, 400);
            for (promise, standing) in SCENARIO.promises.iter().zip(run.world().standings()).skip(1) {
                assert!(!standing.verdict.is_broken(), "seed {seed}: {} broke", promise.id);
            }
        }
    }

    /// Agreement and validity hold in the schedules of the first rounds, a crash among them, coin or no coin, however
    /// coins fall.
    #[test]
    fn safety_holds_in_explored_schedules() {
        for (on, order) in
            [true, false].into_iter().flat_map(|on| [(on, Order::Breadth), (on, Order::Random { seed: 1 })])
        {
            let off = RuleSet::ALL.with(ben_or::COIN, on).off_bits();
            let world = SCENARIO.world(&Origin { rules_off: off, ..SCENARIO.from(&[], &[]) }, &[(ben_or::BOUND, 20)]);
            let budget = Budget { crashes: 1, ..Budget::NONE };
            let bounds = Bounds { network: Network::Patient, order, ..Bounds::new(300_000, 60, budget) };
            let early = |world: &Vote| {
                world.nodes().all(|(_, node)| node.disk.election <= 1)
                    && world.nodes().all(|(_, node)| node.memory.as_ref().is_none_or(|memory| memory.round <= 3))
            };
            let mut explorer = Explorer::new(Box::new(Instance::new(&world, None, early)), bounds, false);
            let report = explorer.run();
            println!("coin {on}: {:?} {:?}", report.progress, report.limit);
            assert!(!matches!(report.outcome, Outcome::Broken { .. }), "{:?}", report.outcome);
        }
    }

    /// A coin in the air may fall on either side, the drawn one first.
    #[test]
    fn both_sides_of_a_coin_are_armed() {
        let mut world = SCENARIO.world(&SCENARIO.from(&[], &[]), &[(ben_or::SPREAD, 0)]);
        while !world.nodes().any(|(id, _)| step(&world, id) == Step::Tosses) && world.step().is_some() {}
        let tosses = everybody(&world).into_iter().filter(|id| step(&world, *id) == Step::Tosses);
        for id in tosses {
            let sides = world.timers(id).filter(|(timer, _)| matches!(timer, Timer::Coin(_))).count();
            assert_eq!(sides, 2);
        }
    }
}
