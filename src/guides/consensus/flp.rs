//! FLP: why no deterministic protocol is certain to end while messages may be late and a voter may crash, and what a
//! coin gives instead.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Bar, Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, SetMark, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::consensus::ben_or::promises::{
    AGREEMENT, CERTAIN_END, COUNTED, EXPECTED_ROUNDS, Election, VALIDITY,
};
use crate::systems::consensus::ben_or::{self, BenOr, Message, Phase, Said, Step, awaited, expected_rounds, word};

type Vote = World<BenOr>;

/// The scenario.
pub static SCENARIO: Scenario<BenOr> = Scenario {
    slug: "flp",
    title: "FLP: no certain end",
    guide: Guide::Consensus,
    level: 1,
    summary: "Asynchronous, fault-tolerant, certain to end: pick two. You schedule the messages of a vote and keep it \
              undecided; then each voter gets a coin.",
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
    busy: &[],
    fixed: &[],
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
            about: "Each climb is an election; a line that goes on climbing is one that does not end.",
            plot: Plot::Level(ben_or::ROUND),
        },
        Chart {
            title: "Messages",
            about: "Two from everybody to everybody in each round.",
            plot: Plot::Rate(ben_or::MESSAGES),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_ROUNDS,
    breaks: BREAKS,
    prose: prose!("flp.md"),
};

fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    if metric == ben_or::MESSAGES { "all".to_owned() } else { node_subject::<BenOr>(settings, metric, subject) }
}

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

fn step(world: &Vote, id: NodeId) -> Step {
    world.memory(id).map_or(Step::Out, |memory| memory.step)
}

/// How a voter that is up votes at the moment.
fn vote(world: &Vote, id: NodeId) -> Option<bool> {
    world.memory(id).map(|memory| memory.vote)
}

fn voter(world: &Vote, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, BenOr::name(world.settings(), id));
    let Some(memory) = world.memory(id) else { return mark };
    let own = if memory.vote { Tone::Service } else { Tone::Producer };
    (mark.state, mark.tone) = match memory.step {
        Step::Out => ("sits out".to_owned(), Tone::Neutral),
        Step::Waits(_) => (format!("{}, round {}", word(Some(memory.vote)), memory.round), own),
        Step::Tosses => (format!("tosses, round {}", memory.round), Tone::Question),
        Step::Decided(value) => (format!("decided {}", word(Some(value))), Tone::Fine),
    };
    mark
}

/// What each voter has of its round: one place for everybody.
fn heard(world: &Vote, at: (i32, i32), size: (i32, i32)) -> Figure {
    let voters = world.nodes().count();
    let places = |said: Option<&Said>| {
        let place = |voter: usize| {
            let kind = said.and_then(|said| said.iter().position(|set| set >> voter & 1 == 1));
            kind.and_then(|kind| ["0", "1", "?"].get(kind)).copied().unwrap_or("·")
        };
        (0..voters).map(place).collect::<Vec<_>>().join(" ")
    };
    let row = |id: NodeId| {
        let name = Cell::firm(BenOr::name(world.settings(), id), Tone::Neutral);
        let Some(memory) = world.memory(id).filter(|memory| memory.step != Step::Out) else {
            return vec![name, Cell::loose("-", Tone::Off)];
        };
        let said = |phase| Cell::firm(places(memory.heard.get(&(memory.round, phase))), Tone::Neutral);
        let round = Cell::firm(memory.round.to_string(), Tone::Neutral);
        if let Step::Decided(value) = memory.step {
            return vec![name, round, Cell::firm(format!("decided {}", word(Some(value))), Tone::Fine)];
        }
        let vote = Cell::firm(word(Some(memory.vote)), if memory.vote { Tone::Service } else { Tone::Producer });
        vec![name, round, vote, said(Phase::Report), said(Phase::Proposal)]
    };
    let head = ["voter", "round", "vote", "reports", "proposals"].map(str::to_owned).to_vec();
    let number = world.witness().now().map_or(0, |election| election.number);
    let title = format!("Election {number}: each waits for {} of {voters}", awaited(world.settings()));
    let rows = world.nodes().map(|(id, _)| row(id)).collect();
    Figure { id: "heard", at, size, title, body: Body::Table { head, rows } }
}

/// How many rounds the elections took.
fn lengths(world: &Vote, at: (i32, i32), size: (i32, i32)) -> Figure {
    let witness = world.witness();
    let full = witness.decided_in.iter().copied().max().unwrap_or(0).max(1);
    let bar = |(index, count): (usize, &u32)| {
        let label = match index + 1 {
            1 => "1 round".to_owned(),
            COUNTED => format!("{COUNTED} or more"),
            rounds => format!("{rounds} rounds"),
        };
        let text = count.to_string();
        Bar { label, value: *count, full, text, tone: Tone::Fine }
    };
    let mean = witness.mean().map_or("-".to_owned(), |mean| format!("{}.{:02}", mean / 100, mean % 100));
    let most = expected_rounds(world.settings());
    let title = format!("{} decided. Mean rounds: {mean}, bound {most}", witness.decided);
    let bars = witness.decided_in.iter().enumerate().map(bar).collect();
    Figure { id: "lengths", at, size, title, body: Body::Bars(bars) }
}

fn look(message: &Message) -> Look {
    let (letter, tone) = match message.value {
        Some(false) => ('0', Tone::Producer),
        Some(true) => ('1', Tone::Service),
        None => ('?', Tone::Neutral),
    };
    Look { letter, glyph: if message.phase == Phase::Report { Glyph::Dot } else { Glyph::Diamond }, tone }
}

fn fields(_: &Settings, message: &Message) -> Fields {
    let kind = if message.phase == Phase::Report { "1, report" } else { "2, proposal" };
    vec![
        ("election".to_owned(), message.election.to_string()),
        ("phase".to_owned(), kind.to_owned()),
        ("round".to_owned(), message.round.to_string()),
        ("value".to_owned(), word(message.value).to_owned()),
    ]
}

fn inspect(world: &Vote, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let mut disk = vec![field("election", node.disk.election.to_string())];
    disk.extend(node.disk.cast.map(|cast| field("begins with", word(Some(cast)).to_owned())));
    let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| {
        let doing = match memory.step {
            Step::Out => "takes no part".to_owned(),
            Step::Waits(Phase::Report) => "waits for reports".to_owned(),
            Step::Waits(Phase::Proposal) => "waits for proposals".to_owned(),
            Step::Tosses => "tosses a coin".to_owned(),
            Step::Decided(value) => format!("has decided {}", word(Some(value))),
        };
        let mut fields = vec![
            field("doing", doing),
            field("round", memory.round.to_string()),
            field("vote", word(Some(memory.vote)).to_owned()),
        ];
        for ((round, phase), said) in &memory.heard {
            let name = format!("round {round}, {}", if *phase == Phase::Report { "reports" } else { "proposals" });
            let [zeros, ones, open] = said.map(u16::count_ones);
            fields.push((name, format!("{zeros} of 0, {ones} of 1, {open} of ?")));
        }
        fields
    });
    Inspection { disk, memory }
}

fn set(setting: SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

fn coin(on: bool) -> Input {
    Input::Rule { rule: ben_or::COIN, on }
}

fn now(world: &Vote) -> Option<&Election> {
    world.witness().now()
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

const TOUR: &[Beat<BenOr>] = &[
    Beat {
        title: "Three voters, one answer",
        say: "Three voters must agree on 0 or 1. Messages arrive when they like, and one voter may crash. A crashed \
              voter and a slow one look the same, so nobody may wait for all three: *n - t*, here two, must do.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: everybody,
        predict: None,
    },
    Beat {
        title: "Report",
        say: "Each sends its vote to everybody: a report. Its own counts as well. With two reports it goes on: where \
              more than half of all three say the same, it proposes that; otherwise it proposes ?.",
        inputs: no_inputs,
        until: |world| world.nodes().any(|(id, _)| step(world, id) == Step::Waits(Phase::Proposal)),
        look: everybody,
        predict: None,
    },
    Beat {
        title: "Propose, then decide or toss",
        say: "Diamonds are proposals. More than t of them for a value: decided. At least one: vote that way from now \
              on. None: toss a coin, and go into the next round.",
        inputs: no_inputs,
        until: is_decided,
        look: everybody,
        predict: Some(Predict {
            question: "What will be decided?",
            options: |_| vec!["0".to_owned(), "1".to_owned()],
            answer: |world| {
                now(world).and_then(|election| election.outcome).map_or(0, |outcome| usize::from(outcome.1))
            },
            because: "Both were possible. Which two messages come first, and how coins fall, settles it.",
        }),
    },
    Beat {
        title: "Take the coin away",
        say: "Now nobody may toss: a voter that sees no proposal keeps its vote. And you are the scheduler. You deliver \
              every message. All take 10 ms, and those between A and C, who vote alike, 40 ms. Nothing is lost, nobody \
              crashes.",
        inputs: |_| [&[coin(false), set(ben_or::SPREAD, 0)][..], &apart()].concat(),
        until: |world| open_in(world, 11),
        look: everybody,
        predict: Some(Predict {
            question: "In which round does the next election end?",
            options: |_| vec!["The first".to_owned(), "The fifth".to_owned(), "Not within ten".to_owned()],
            answer: |world| if open_in(world, 11) { 2 } else { 0 },
            because: "A and C hear B first, which votes unlike them, and B hears one of them. Nobody sees a majority, and \
                      each round ends as it began.",
        }),
    },
    Beat {
        title: "No protocol can do better",
        say: "This is no weakness of keeping one's vote. Fischer, Lynch and Paterson proved it for every deterministic \
              protocol: from a state in which both outcomes are possible, a scheduler can always reach another such \
              state.",
        inputs: no_inputs,
        until: |world| open_in(world, 30),
        look: everybody,
        predict: None,
    },
    Beat {
        title: "The coin is back",
        say: "The messages are as late as before, and each voter may toss again. The scheduler knows what will be done with \
              a coin, but not how it will fall.",
        inputs: |_| vec![coin(true)],
        until: is_decided,
        look: everybody,
        predict: Some(Predict {
            question: "Does the same schedule still keep the vote open?",
            options: |_| vec!["Yes, for ever".to_owned(), "No".to_owned()],
            answer: |world| usize::from(is_decided(world)),
            because: "In every round the coins fall alike with a chance that does not shrink. Sooner or later they do.",
        }),
    },
    Beat {
        title: "One crashes",
        say: "C crashes. A and B cannot know whether it is slow, and need not: two messages are all that they wait for.",
        inputs: |_| vec![Input::HealAll, set(ben_or::SPREAD, 20_000), Input::Crash { node: LAST }],
        until: |world| {
            let without = now(world).is_some_and(|election| election.voters == 2 && election.outcome.is_some());
            without && !world.kernel().node(LAST).up
        },
        look: |_| vec![NodeId(0), NodeId(1)],
        predict: None,
    },
    Beat {
        title: "What is promised instead",
        say: "C is back, and from now on the coin falls alike for everybody in a round. Look at the bars: no number of \
              rounds is certain, and yet the mean is small and bounded.",
        inputs: |_| vec![Input::Restart { node: LAST }, set(ben_or::KIND, 1)],
        until: |world| world.witness().decided >= 15,
        look: everybody,
        predict: None,
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// Makes messages between A and C late, both ways.
fn apart() -> [Input; 2] {
    let late = |from, to| Input::Latency { from, to, extra: 30 * MS };
    [late(NodeId(0), LAST), late(LAST, NodeId(0))]
}

/// Delays every report that is about to tell a voter that another votes as it does.
fn keep_apart(world: &Vote) -> Vec<Input> {
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

const CHALLENGES: &[Challenge<BenOr>] = &[
    Challenge {
        id: "five-rounds",
        title: "You are the scheduler",
        goal: "With the coin on, keep an election undecided for five rounds.",
        hint: "A voter that first hears of a vote unlike its own sees no majority. Delay the reports between two who \
               agree. The coins may still beat you: then try the next election.",
        reached: |world| world.rules().on(ben_or::COIN) && open_in(world, 6),
        origin,
        solve: |script| {
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
    Challenge {
        id: "for-ever",
        title: "Round after round",
        goal: "Have an election go through fifty rounds without a decision.",
        hint: "Take away the coin, and slow the link between the two who vote alike.",
        reached: |world| open_in(world, 51),
        origin,
        solve: |script| {
            script.act(coin(false));
            for input in apart() {
                script.act(input);
            }
            script.act(set(ben_or::SPREAD, 0));
            script.until(|world| open_in(world, 51));
        },
    },
    Challenge {
        id: "the-third",
        title: "Pick the other two",
        goal: "With t = 0 everybody waits for everybody, and each election ends in its first round. Keep one from \
               ending by a single crash.",
        hint: "Set the crashes to bear to 0 and start anew. Then crash anybody before it has reported.",
        reached: |world| world.settings().get(ben_or::CRASHES) == 0 && world.witness().abandoned > 0,
        origin: || Origin { settings: vec![(ben_or::CRASHES, 0)], ..origin() },
        solve: |script| {
            script.until(is_decided);
            script.act(Input::Crash { node: LAST });
            script.until(|world| world.witness().abandoned > 0);
        },
    },
];

/// One election, and two rounds promised.
const TWO_ROUNDS: Hunt<BenOr> = Hunt {
    settings: &[(ben_or::BOUND, 2)],
    inputs: Vec::new,
    bounds: Bounds::new(400_000, 40, Budget::NONE),
    within: |world| world.nodes().all(|(_, node)| node.disk.election <= 1),
};

const BREAKS: &[Breaks<BenOr>] = &[Breaks {
    rule: ben_or::COIN,
    promise: EXPECTED_ROUNDS.id,
    way: Way::Schedules {
        settings: &[],
        events: 1_500,
        reason: "The promise is about the mean of many rounds, and the explorer may let any coin fall on either side: \
                 for it a coin is no better than none.",
    },
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::{AnyScenario, storm};
    use crate::sim::declare::rules::RuleSet;
    use crate::sim::explore::instance::Instance;
    use crate::sim::explore::{Explorer, Network, Order, Outcome};
    use crate::sim::run::Run;
    use crate::sim::run::simulation::Simulation;
    use crate::sim::run::tape::Tape;
    use crate::systems::consensus::ben_or::Timer;

    /// A world after so many decided elections.
    fn after(elections: u32, turned: &[(SettingId, i64)]) -> Vote {
        let mut world = SCENARIO.world(&origin(), turned);
        while world.witness().decided < elections && world.step().is_some() {}
        world
    }

    /// With one of three down, the two left begin unlike each other and both toss. Their coins fall alike with a chance of
    /// 2^(1 - 2), and in the next round they decide: 1 + 2 rounds in the mean. With a common coin always: 2 rounds.
    #[test]
    fn means_of_two_are_as_computed() {
        let two = |elections, kind| {
            let mut world = SCENARIO.world(&origin(), &[(ben_or::KIND, kind)]);
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
            let world = SCENARIO.world(&Origin { rules_off: off, ..origin() }, &[(ben_or::BOUND, 20)]);
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
        let mut world = SCENARIO.world(&origin(), &[(ben_or::SPREAD, 0)]);
        while !world.nodes().any(|(id, _)| step(&world, id) == Step::Tosses) && world.step().is_some() {}
        let tosses = everybody(&world).into_iter().filter(|id| step(&world, *id) == Step::Tosses);
        for id in tosses {
            let sides = world.timers(id).filter(|(timer, _)| matches!(timer, Timer::Coin(_))).count();
            assert_eq!(sides, 2);
        }
    }
}
