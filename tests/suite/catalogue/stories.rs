//! Stories: every pinned counterexample is told move by move, and ends at its breach, not before.

use faultline::guides::kit::live::LiveWorld;
use faultline::lab::counterexamples::{Counterexample, counterexamples};
use faultline::lab::story::{acts, moves, told};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Link};

use super::{check, ensure};

/// The most moves of a story: more than that nobody walks.
const MOST_MOVES: usize = 40;

#[test]
fn every_counterexample_is_a_story_that_ends_at_its_breach() {
    let counts = check(|scenario, info| {
        let mut longest = (0, "");
        for one in counterexamples().filter(|one| one.path == info.path()) {
            let link = Link::decode(one.path, one.run).map_err(|bad| format!("{}: {bad}", one.rule))?;
            let promise = info.promises.iter().position(|promise| promise.id == one.promise);
            let promise = promise.ok_or_else(|| format!("{}: no promise {}", one.rule, one.promise))?;
            let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
            run.seek(link.step);
            let count = story(&mut run, &one, promise, link.step).map_err(|why| format!("{}: {why}", one.rule))?;
            longest = longest.max((count, one.rule));
        }
        Ok((info.path(), longest))
    });
    counts.iter().for_each(|(path, (count, rule))| println!("{path}: the longest story is {rule}, {count} moves"));
}

/// Walks one; gives the number of its moves.
fn story(run: &mut Run<LiveWorld>, one: &Counterexample, promise: usize, last: u64) -> Result<usize, String> {
    let stops = moves(run, last);
    ensure((1..=MOST_MOVES).contains(&stops.len()), || format!("{} moves", stops.len()))?;
    ensure(stops.is_sorted_by(|a, b| a < b), || "its moves are out of order".to_owned())?;
    ensure(stops.last().is_some_and(|stop| stop.step == last), || format!("it does not end at event {last}"))?;
    let breaks = run.branch().breakings().iter().find(|breaking| breaking.promise == promise);
    let breaks = breaks.map(|breaking| breaking.step);
    ensure(breaks == Some(last), || format!("{} breaks at {breaks:?}, and the story ends at {last}", one.promise))?;
    let acted = stops.iter().filter(|stop| stop.act.is_some()).count();
    let at_last = stops.iter().filter(|stop| stop.step == last && stop.act.is_some()).count();
    let acts = acts(run.branch().tape().inputs()).filter(|stamped| stamped.after < last).count() + at_last;
    ensure(acted == acts, || format!("{acts} acts, and {acted} moves for them"))?;
    let is_broken = |place: (u64, usize)| {
        run.amid(place.0, place.1).is_some_and(|world| world.standings()[promise].verdict.is_broken())
    };
    for (nth, stop) in stops.iter().enumerate() {
        let is_end = nth + 1 == stops.len();
        ensure(is_broken(stop.place()) == is_end, || {
            format!("at move {} of {}: broken or not?", nth + 1, stops.len())
        })?;
    }
    let end = run.world().fingerprint();
    for stop in stops.iter().copied() {
        run.seek_amid(stop.step, stop.applied);
        ensure(run.place() == stop.place(), || format!("{stop:?} is not reached, but {:?}", run.place()))?;
        let input = stop.act.and_then(|act| run.branch().tape().after(stop.step).get(act));
        if let Some(Input::Crash { node } | Input::PowerCut { node }) = input.map(|stamped| &stamped.input) {
            ensure(!run.world().kernel().node(*node).up, || format!("nobody sees {node:?} down at {stop:?}"))?;
        }
        run.seek(last);
        ensure(run.world().fingerprint() == end, || format!("from {stop:?} another end is reached"))?;
        let record = run.records(stop.step, stop.step).into_iter().next();
        let says = told(run, stop).or_else(|| record.map(|(_, record)| (record.title, String::new())));
        ensure(says.is_some_and(|(title, _)| !title.is_empty()), || format!("move {stop:?} says nothing"))?;
    }
    Ok(stops.len())
}
