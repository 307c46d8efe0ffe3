//! Tours and challenges: every beat is reached, is short and shows what it claims; every challenge is unsolved at first
//! and can be solved.

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::guides::kit::tour::{SEEN, percent_come};
use faultline::picture::{FlightMark, Frame, svg, text};
use faultline::sim::kernel::hash::stable;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::pictures::Pictures;
use super::{check, ensure, origin, run};
use crate::pinned::pinned;

/// The most events that a beat may take.
const LONGEST_BEAT: u64 = 100;
/// When to give up on a beat.
const NEVER: u64 = 20_000;

/// Beats that take more: the scenario, the beat's number, and why it cannot be shorter.
const LONG: &[(&str, usize, &str)] = &[
    ("consensus/flp", 8, "a mean over elections takes elections"),
    ("consensus/side-by-side", 4, "a median takes commands: ten for each of three groups"),
    ("consensus/side-by-side", 5, "the messages that a command costs are an average over commands"),
    ("messaging/flash-sale", 3, "five hundred writes under way are at least as many events"),
    ("messaging/flash-sale", 4, "two thousand orders fill the memory"),
    ("messaging/flash-sale", 5, "ten thousand orders fill the memory"),
    ("messaging/flash-sale", 6, "the lag grows by thousands"),
    ("messaging/flash-sale", 7, "half of five hundred writes end"),
    ("messaging/flash-sale", 10, "thousands of orders at once slow each other down"),
    ("messaging/lag-and-scaling", 3, "the lag passes five thousand records"),
    ("messaging/lag-and-scaling", 4, "a lag of thousands is worked off"),
    ("messaging/lag-and-scaling", 5, "the lag passes ten thousand records"),
    ("messaging/lag-and-scaling", 6, "the scaler adds partitions one by one"),
    ("messaging/lag-and-scaling", 7, "a lag of thousands is worked off"),
    ("messaging/confirmed", 1, "three clusters of three machines elect leaders and confirm three messages each"),
    ("messaging/confirmed", 4, "three clusters wait for their time-outs and elect leaders"),
    ("messaging/confirmed", 7, "nine machines start, and three clusters elect leaders"),
    ("messaging/side-by-side", 3, "three brokers, and Kafka's group waits for its members"),
    ("messaging/side-by-side", 5, "three brokers wait for two seconds, one of them twice"),
    ("messaging/side-by-side", 7, "in each of the three brokers the worker comes to its next order"),
    ("resilience/load-balancing", 2, "a line grows by nine requests in a second of a hundred"),
    ("resilience/load-balancing", 7, "the bound on what may go to a dead server is most of a second"),
];

/// Tours of more than ten beats, and why.
const LONGER_TOURS: &[(&str, usize, &str)] =
    &[("consensus/raft-figure-8", 12, "the figure has five parts, most of them of two steps")];

/// Beats that end on messages which lie on their sender: the scenario, the beat's number, and why.
const PILED: &[(&str, usize, &str)] = &[
    (
        "consensus/flp",
        3,
        "the vote is decided, in sight of the reports that decided it: what is sent then is of no use",
    ),
    ("consensus/flp", 6, "as above"),
    ("consensus/flp", 8, "as above"),
];

/// A beat that has been reached.
pub struct Reached {
    /// Its number, from 1.
    pub number: usize,
    /// How many events it took.
    pub events: u64,
    /// The right guess, in words, if the beat asks for one.
    pub guess: Option<String>,
    /// The picture in words before it began.
    before: Vec<String>,
    /// Whether a promise broke in it, which the page draws over the picture.
    breaks: bool,
}

/// Walks the tour, and looks at each beat once it has been reached.
pub fn walk(
    scenario: &'static dyn AnyScenario,
    info: &Info,
    mut look: impl FnMut(&Run<LiveWorld>, &Reached) -> Result<(), String>,
) -> Result<(), String> {
    let mut run = run(scenario, &origin(info));
    for (beat, known) in info.beats.iter().enumerate() {
        let name = format!("beat {}, '{}',", beat + 1, known.title);
        ensure(!run.world().beat_reached(beat), || format!("{name} is reached before it begins"))?;
        let before = text::lines(&run.world().picture(Frame::Wide));
        let broken = run.branch().breakings().len();
        let offered = run.world().beat_options(beat);
        options(&offered, known.question.is_some()).map_err(|why| format!("{name} {why}"))?;
        for input in run.world().beat_inputs(beat) {
            let done = run.act(input.clone());
            ensure(done.is_ok(), || format!("{name} may not '{}': {done:?}", run.world().describe_input(&input)))?;
        }
        let start = run.step_count();
        while !run.world().beat_reached(beat) && run.step_count() < start + NEVER && run.step().is_some() {}
        let events = run.step_count() - start;
        ensure(run.world().beat_reached(beat), || format!("{name} is never reached, in {events} events"))?;
        let answer = run.world().beat_answer(beat);
        ensure(answer.is_none_or(|answer| answer < offered.len()), || {
            format!("{name} answers with option {answer:?} of {}", offered.len())
        })?;
        let guess = answer.and_then(|answer| offered.into_iter().nth(answer));
        let breaks = run.branch().breakings().len() > broken;
        look(&run, &Reached { number: beat + 1, events, guess, before, breaks })
            .map_err(|why| format!("{name} {why}"))?;
    }
    Ok(())
}

/// A guess has three options or more, as one of two is a coin toss, and no two of them read alike.
fn options(offered: &[String], asks: bool) -> Result<(), String> {
    ensure(!asks || offered.len() >= 3, || format!("offers {offered:?}"))?;
    let twice = offered.iter().enumerate().any(|(at, option)| offered[..at].contains(option));
    ensure(!twice, || format!("offers the same twice: {offered:?}"))
}

#[test]
fn tours_are_walked_to_the_end() {
    check(|scenario, info| {
        let (path, beats) = (info.path(), info.beats.len());
        let most = LONGER_TOURS.iter().find(|longer| longer.0 == path).map_or(10, |longer| longer.1);
        ensure((6..=most).contains(&beats), || format!("{beats} beats: a tour has 6 to 10"))?;
        let guesses = info.beats.iter().filter(|beat| beat.question.is_some()).count();
        ensure(guesses >= 2, || format!("{guesses} predictions: a tour asks at least twice"))?;
        walk(scenario, info, |run, _| Pictures::default().check(run.world(), "at its end"))
    });
}

#[test]
fn beats_are_short() {
    check(|scenario, info| {
        let path = info.path();
        walk(scenario, info, |_, beat| {
            let excused = LONG.iter().any(|(of, number, _)| *of == path && *number == beat.number);
            ensure(excused == (beat.events > LONGEST_BEAT), || match excused {
                true => format!("takes {} events, and is among the exceptions", beat.events),
                false => format!("takes {} events, and {LONGEST_BEAT} are a beat", beat.events),
            })
        })
    });
    let known = |path: &str| catalogue().iter().any(|scenario| scenario.is_at(path));
    assert!(LONG.iter().all(|(path, ..)| known(path)), "an exception is of no scenario");
}

/// A beat's end differs from its beginning in the picture's words, or a promise broke; or it stands where a message is well
/// on its way.
#[test]
fn what_a_beat_claims_is_in_its_picture() {
    check(|scenario, info| {
        walk(scenario, info, |run, beat| {
            let (world, seen) = (run.world(), run.world().best_seen());
            let is_seen = |flight: &FlightMark| {
                let come = percent_come(flight.sent, flight.due, seen);
                flight.lost.is_none() && flight.from != flight.to && SEEN.contains(&come)
            };
            match info.beats[beat.number - 1].midway {
                true => ensure(world.flights().iter().any(is_seen), || "shows no message on its way".to_owned()),
                false => ensure(beat.breaks || text::lines(&world.picture(Frame::Wide)) != beat.before, || {
                    "ends in the picture that it began with".to_owned()
                }),
            }
        })
    });
}

/// Several messages that lie on their sender or their receiver: nobody sees where they go. So a beat's end is drawn at the
/// moment before the next event at which what was sent last is seen, unless it ends with a promise that breaks: that is
/// what there is to see.
#[test]
fn no_beat_ends_on_a_pile_of_messages() {
    check(|scenario, info| {
        walk(scenario, info, |run, beat| {
            let excused = PILED.iter().any(|(of, number, _)| info.path() == *of && *number == beat.number);
            let most = most_on_their_sender(run.world());
            let is_pile = most >= 2 && !beat.breaks;
            ensure(excused == is_pile, || match excused {
                true => "ends on no pile, and is among the exceptions".to_owned(),
                false => format!("ends with {most} messages on their sender"),
            })
        })
    });
    let known = |path: &str| catalogue().iter().any(|scenario| scenario.is_at(path));
    assert!(PILED.iter().all(|(path, ..)| known(path)), "an exception is of no scenario");
}

/// How far a message has come, in percent, that is seen to have left its sender.
const LEFT: u64 = 10;

/// The most messages of one node that were sent last and are not seen to have left it.
fn most_on_their_sender(world: &LiveWorld) -> usize {
    let (seen, flights) = (world.best_seen(), world.flights());
    let (now, is_out) = (world.kernel().now(), |flight: &FlightMark| flight.from != flight.to && flight.lost.is_none());
    let is_fresh = |flight: &&FlightMark| {
        is_out(flight) && flight.sent == now && percent_come(flight.sent, flight.due, seen) < LEFT
    };
    let senders: Vec<_> = flights.iter().filter(is_fresh).map(|flight| flight.from).collect();
    senders.iter().map(|one| senders.iter().filter(|other| *other == one).count()).max().unwrap_or(0)
}

/// `until` is a claim about the system. The clock and the number of events stand for nothing that a reader can see.
#[test]
fn beats_end_by_what_has_happened() {
    for path in sources("src/guides") {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let tour = text.split("const TOUR").nth(1).and_then(|rest| rest.split("\n];").next()).unwrap_or_default();
        for proxy in [".steps()", "step_count", ".now() == ", ".now() >", "=> true", "|_| true"] {
            assert!(!tour.contains(proxy), "{}: a beat ends by '{proxy}'", path.display());
        }
    }
}

/// The Rust files below a folder.
fn sources(folder: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path.to_string_lossy()),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// The right guess of each beat in words, and a print of the picture at its end, as they were: one line per beat. Read
/// the lines that change before you commit them.
#[test]
fn beats_show_and_answer_what_they_did() {
    let found = check(|scenario, info| {
        let (path, mut lines) = (info.path(), Vec::new());
        walk(scenario, info, |run, beat| {
            let question = info.beats[beat.number - 1].question.unwrap_or_default();
            let guess = beat.guess.as_ref().map_or(String::new(), |guess| format!(" | {question} {guess}"));
            lines.push(format!("{path} | {} | {:016x}{guess}", beat.number, still(run.world())));
            Ok(())
        })?;
        Ok((path, lines))
    });
    pinned("tests/golden/tours.txt", &found, |line| line.split(" | ").take(2).collect::<Vec<_>>().join(", beat "));
}

/// A print of the pictures in both frames, as they are drawn.
fn still(world: &LiveWorld) -> u64 {
    let (now, flights) = (world.best_seen(), world.flights());
    stable(&[Frame::Wide, Frame::Narrow].map(|frame| svg::whole(&world.picture(frame), &flights, now, "")))
}

#[test]
fn challenges_are_open_at_first_and_solved_by_their_solutions() {
    check(|scenario, info| {
        ensure(info.challenges.len() >= 2, || format!("{} challenges", info.challenges.len()))?;
        for (index, challenge) in info.challenges.iter().enumerate() {
            let solution = scenario.solution(index);
            let (from, tape, steps) = solution.ok_or_else(|| format!("{} names no solution", challenge.id))?;
            for start in [&from, &origin(info)] {
                let open = !scenario.start(start).challenge_reached(index);
                ensure(open, || format!("{} is solved before it begins", challenge.id))?;
            }
            let inputs = tape.inputs().len();
            let mut run = Run::new(scenario.start(&from), tape);
            run.seek(steps);
            ensure(run.world().challenge_reached(index), || {
                let came = run.step_count();
                format!("{} is not solved by its solution: {inputs} inputs, {came} events", challenge.id)
            })?;
        }
        Ok(())
    });
}
