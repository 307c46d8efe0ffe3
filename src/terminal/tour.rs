//! `faultline tour`: a scenario's tour beat by beat, with what is said, done, asked, seen and promised.

use std::process::ExitCode;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::guides::kit::tour::percent_come;
use faultline::picture::{Frame, text};
use faultline::sim::kernel::time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

use super::arguments::Arguments;
use super::{Failure, standings};

/// How many of a beat's last events are printed, unless told otherwise.
const EVENTS: u64 = 3;
/// The most events that a beat may take.
const LONGEST_BEAT: u64 = 20_000;

/// Walks a tour, and prints all its beats or one. Exit code 1 when a beat does not happen.
pub fn tour(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &["--beat", "--events"], &[])?;
    let path = arguments.only_word("scenario")?;
    let scenario = find(path).ok_or_else(|| Failure::Usage(format!("There is no scenario '{path}'.")))?;
    let info = scenario.info();
    let only = arguments.number("--beat")?;
    if let Some(beat) = only.filter(|beat| !(1..=info.beats.len() as u64).contains(beat)) {
        return Err(Failure::Usage(format!("{path} has beats 1 to {}, not {beat}.", info.beats.len())));
    }
    let events = arguments.number("--events")?.unwrap_or(EVENTS);
    let is_whole = walk(scenario, &info, only, events);
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// False when a beat does not happen.
fn walk(scenario: &'static dyn AnyScenario, info: &Info, only: Option<u64>, events: u64) -> bool {
    let origin = Origin { seed: info.seed, ..Origin::default() };
    let mut run = Run::new(scenario.start(&origin), Tape::default());
    for beat in 0..info.beats.len() {
        let is_shown = only.is_none_or(|only| only == beat as u64 + 1);
        let options = run.world().beat_options(beat);
        if is_shown {
            before(info, beat, &options);
        }
        if !play(&mut run, beat, is_shown, events) {
            println!("  It does not happen within {LONGEST_BEAT} events.");
            return false;
        }
        if is_shown {
            after(&run, info, beat, &options);
        }
    }
    true
}

/// What the reader is told before the beat.
fn before(info: &Info, beat: usize, options: &[String]) {
    let known = &info.beats[beat];
    println!("Beat {} of {}: {}", beat + 1, info.beats.len(), known.title);
    println!("  {}", known.say);
    if let Some(question) = known.question {
        println!("  Guess: {question}  {}", options.join(" / "));
    }
}

/// Does what the beat does, and runs until the beat is reached. False when it never is.
pub fn play(run: &mut Run<LiveWorld>, beat: usize, is_shown: bool, events: u64) -> bool {
    for input in run.world().beat_inputs(beat) {
        let words = run.world().describe_input(&input);
        let refused = run.act(input).err().map_or(String::new(), |refusal| format!(" (refused: {})", refusal.0));
        if is_shown {
            println!("{:>7}  {:>10}  {words}{refused}", "*", "");
        }
    }
    let start = run.step_count();
    while !run.world().beat_reached(beat) && run.step_count() < start + LONGEST_BEAT && run.step().is_some() {}
    if is_shown {
        happened(run, start, events);
    }
    run.world().beat_reached(beat)
}

/// The last events of a beat, each with its why.
fn happened(run: &Run<LiveWorld>, start: u64, events: u64) {
    let (first, last) = ((start + 1).max((run.step_count() + 1).saturating_sub(events)), run.step_count());
    if first > start + 1 {
        println!("{:>7}  {:>10}  ({} events)", "...", "", first - start - 1);
    }
    for (handled, record) in if first <= last { run.records(first, last) } else { Vec::new() } {
        println!("{:>7}  {:>10}  {}", handled.step, time::show(handled.time), record.title);
        record.whys.iter().for_each(|why| println!("{:21}{}", "", why.text));
    }
}

/// What there is to see at the end of the beat, what the right guess was, and how the promises stand.
fn after(run: &Run<LiveWorld>, info: &Info, beat: usize, options: &[String]) {
    let world = run.world();
    text::lines(&world.picture(Frame::Wide)).iter().for_each(|line| println!("    {line}"));
    if info.beats[beat].midway {
        on_their_way(world);
    }
    let names: Vec<String> = world.beat_nodes(beat).into_iter().map(|node| world.name(node)).collect();
    if !names.is_empty() {
        println!("  Look at: {}", names.join(", "));
    }
    if let Some(answer) = world.beat_answer(beat) {
        let answer = options.get(answer).map_or("none of the options", String::as_str);
        println!("  Answer: {answer}. {}", info.beats[beat].because.unwrap_or_default());
    }
    standings::print(info, world, run.branch().tape().inputs());
    println!();
}

/// The messages that are seen before the next event, each with how far it has come.
fn on_their_way(world: &LiveWorld) {
    let seen = world.best_seen();
    for flight in world.flights().iter().filter(|flight| flight.lost.is_none()) {
        let title = world.message(flight.id).map_or(String::new(), |message| message.title);
        let (from, to) = (world.name(flight.from), world.name(flight.to));
        let come = percent_come(flight.sent, flight.due, seen);
        println!("  On its way: {title}, from {from} to {to}, {come} %");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_is_walked_to_the_end_whatever_is_printed() {
        let scenario = find("consensus/agreement").expect("it is in the catalogue");
        assert!(walk(scenario, &scenario.info(), None, 3) && walk(scenario, &scenario.info(), Some(5), 0));
    }
}
