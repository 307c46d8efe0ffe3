//! Tours and challenges: every beat is reached, every challenge is unsolved at first and can be solved.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::picture::{Frame, svg};
use faultline::sim::kernel::hash::stable;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::pictures::Pictures;
use super::{check, ensure, origin, run};
use crate::pinned::pinned;

/// The most events that a beat may take.
const LONGEST_BEAT: u64 = 20_000;

/// A beat that has been reached.
pub struct Reached {
    /// Its number, from 1.
    pub number: usize,
    /// The right guess, in words, if the beat asks for one.
    pub guess: Option<String>,
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
        let before = run.world().beat_reached(beat);
        ensure(!before || beat == 0, || format!("{name} is reached before it begins"))?;
        let offered = run.world().beat_options(beat);
        options(&offered, known.question.is_some()).map_err(|why| format!("{name} {why}"))?;
        for input in run.world().beat_inputs(beat) {
            let done = run.act(input.clone());
            ensure(done.is_ok(), || format!("{name} may not '{}': {done:?}", run.world().describe_input(&input)))?;
        }
        let start = run.step_count();
        while !run.world().beat_reached(beat) && run.step_count() < start + LONGEST_BEAT && run.step().is_some() {}
        let events = run.step_count() - start;
        ensure(run.world().beat_reached(beat), || format!("{name} is never reached, in {events} events"))?;
        let answer = run.world().beat_answer(beat);
        ensure(answer.is_none_or(|answer| answer < offered.len()), || {
            format!("{name} answers with option {answer:?} of {}", offered.len())
        })?;
        let guess = answer.and_then(|answer| offered.into_iter().nth(answer));
        look(&run, &Reached { number: beat + 1, guess })?;
    }
    Ok(())
}

/// A guess has two options or more, and no two of them read alike.
fn options(offered: &[String], asks: bool) -> Result<(), String> {
    ensure(!asks || offered.len() >= 2, || format!("offers {offered:?}"))?;
    let twice = offered.iter().enumerate().any(|(at, option)| offered[..at].contains(option));
    ensure(!twice, || format!("offers the same twice: {offered:?}"))
}

#[test]
fn tours_are_walked_to_the_end() {
    check(|scenario, info| {
        ensure((6..=12).contains(&info.beats.len()), || format!("{} beats: a tour has 6 to 12", info.beats.len()))?;
        let guesses = info.beats.iter().filter(|beat| beat.question.is_some()).count();
        ensure(guesses >= 2, || format!("{guesses} predictions: a tour asks at least twice"))?;
        walk(scenario, info, |run, beat| Pictures::default().check(run.world(), &format!("beat {}", beat.number)))
    });
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
    let (now, flights) = (world.kernel().now(), world.flights());
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
