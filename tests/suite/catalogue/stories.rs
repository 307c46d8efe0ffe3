//! Stories: every pinned counterexample is told move by move, and ends at its breach, not before. What breaks on the way
//! is said, what clashes stands beside its nodes, and no line claims what a rule that is off would have done.

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::counterexamples::{Counterexample, counterexamples};
use faultline::lab::story::{Stop, acts, moves};
use faultline::lab::telling::{Said, said};
use faultline::picture::callout::bubbles;
use faultline::picture::extent::{Extent, extent, of_figure};
use faultline::picture::{Frame, NodeMark};
use faultline::sim::NodeId;
use faultline::sim::judge::verdict::last_broken;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Link};

use super::words::{miscounted, uncounted};
use super::{check, ensure};

/// The most moves of a story: more than that nobody walks.
const MOST_MOVES: usize = 40;

#[test]
fn every_counterexample_is_a_story_that_ends_at_its_breach() {
    let counts = check(|scenario, info| {
        let mut longest = (0, "");
        for one in counterexamples().filter(|one| one.path == info.path()) {
            let (mut run, last) = opened(scenario, &one)?;
            let promise = info.promises.iter().position(|promise| promise.id == one.promise);
            let promise = promise.ok_or_else(|| format!("{}: no promise {}", one.rule, one.promise))?;
            let count = story(&mut run, info, &one, promise, last).map_err(|why| format!("{}: {why}", one.rule))?;
            longest = longest.max((count, one.rule));
        }
        Ok((info.path(), longest))
    });
    counts.iter().for_each(|(path, (count, rule))| println!("{path}: the longest story is {rule}, {count} moves"));
}

/// The run of a counterexample at its end, and the event that it ends with.
fn opened(scenario: &'static dyn AnyScenario, one: &Counterexample) -> Result<(Run<LiveWorld>, u64), String> {
    let link = Link::decode(one.path, one.run).map_err(|bad| format!("{}: {bad}", one.rule))?;
    let mut run = Run::new(scenario.start(&link.origin), link.tape.clone());
    run.seek(link.step);
    Ok((run, link.step))
}

/// All that a story says.
fn telling(run: &Run<LiveWorld>, info: &Info, stops: &[Stop]) -> Vec<Said> {
    let all = 1..=stops.len();
    all.filter_map(|count| said(run, info, &stops[..count], count == stops.len())).collect()
}

/// Walks one; gives the number of its moves.
fn story(
    run: &mut Run<LiveWorld>,
    info: &Info,
    one: &Counterexample,
    promise: usize,
    last: u64,
) -> Result<usize, String> {
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
    }
    let told = telling(run, info, &stops);
    ensure(told.len() == stops.len() && told.iter().all(|said| !said.title.is_empty()), || {
        "a move says nothing".to_owned()
    })?;
    run.seek_amid(last, stops[stops.len() - 1].applied);
    let ends_with = last_broken(run.world().standings()).map(|(promise, _)| promise);
    ensure(ends_with == Some(promise), || format!("it ends with the breach of {ends_with:?}, not of {promise}"))?;
    for other in run.branch().breakings().iter().filter(|other| other.promise != promise && other.step <= last) {
        let title = info.promises[other.promise].title;
        ensure(told.iter().filter(|said| said.also.contains(title)).count() == 1, || {
            format!("{title} breaks at event {}, and no move says so", other.step)
        })?;
    }
    Ok(stops.len())
}

/// Rules about what is kept, and the field that a crash takes without them.
const KEPT: [(&str, &str, &str); 6] = [
    ("consensus/paxos", "promise-on-disk", "promise not on disk"),
    ("consensus/multi-paxos", "promise-on-disk", "promise not on disk"),
    ("consensus/raft-election", "vote-on-disk", "vote not on disk"),
    ("consensus/leases", "newest-on-disk", "newest token seen"),
    ("transactions/two-phase-commit", "force-vote", "vote not on disk"),
    ("transactions/two-phase-commit", "force-decision", "decision not on disk"),
];

/// The pinned story of a rule, opened: its scenario, its run and the event of the breach.
fn pinned(path: &str, rule: &str) -> (&'static dyn AnyScenario, Run<LiveWorld>, u64) {
    let scenario = find(path).expect("the scenario");
    let one = counterexamples().find(|one| (one.path, one.rule) == (path, rule)).expect("it is pinned");
    let (run, last) = opened(scenario, &one).expect("it opens");
    (scenario, run, last)
}

#[test]
fn a_crash_first_names_what_the_missing_rule_would_have_kept() {
    for (path, rule, field) in KEPT {
        let (scenario, run, last) = pinned(path, rule);
        let told = telling(&run, &scenario.info(), &moves(&run, last));
        let crash = told.iter().find(|said| said.title.starts_with("Crash")).expect("somebody crashes");
        assert!(crash.text.starts_with(&format!("Lost with its memory: {field}")), "{path}, {rule}: {}", crash.text);
    }
}

#[test]
fn what_clashes_stands_beside_its_nodes_and_covers_nothing() {
    check(|scenario, info| {
        for one in counterexamples().filter(|one| one.path == info.path()) {
            let (run, _) = opened(scenario, &one)?;
            for frame in [Frame::Wide, Frame::Narrow] {
                clash(run.world(), frame).map_err(|why| format!("{}, {frame:?}: {why}", one.rule))?;
            }
        }
        Ok(())
    });
}

/// Looks at the bubbles of the last breach.
fn clash(world: &LiveWorld, frame: Frame) -> Result<(), String> {
    let (_, broken) = last_broken(world.standings()).ok_or("nothing is broken")?;
    let picture = world.picture(frame);
    let all = bubbles(&picture, &broken.breach, &|node: NodeId| world.name(node));
    // A phone's picture may have no room left; the words below it say the same.
    ensure(!all.is_empty() || frame == Frame::Narrow, || format!("no bubble for {:?}", broken.breach))?;
    let view = extent(&picture).unwrap_or_default();
    for (at, bubble) in all.iter().enumerate() {
        let place = bubble.place;
        let is_inside = place.0 >= view.0 && place.1 >= view.1 && place.2 <= view.2 && place.3 <= view.3;
        ensure(is_inside, || format!("{bubble:?} is not within {view:?}"))?;
        let node = picture.nodes.iter().find(|mark| overlap(place, mark.bounds()));
        ensure(node.is_none(), || format!("{bubble:?} covers {:?}", node.map(|mark: &NodeMark| &mark.label)))?;
        let figure = picture.figures.iter().find(|figure| overlap(place, of_figure(figure)));
        ensure(figure.is_none(), || format!("{bubble:?} covers {:?}", figure.map(|figure| &figure.title)))?;
        ensure(!all[..at].iter().any(|other| overlap(place, other.place)), || format!("{bubble:?} covers another"))?;
    }
    Ok(())
}

fn overlap(one: Extent, two: Extent) -> bool {
    one.0 < two.2 && two.0 < one.2 && one.1 < two.3 && two.1 < one.3
}

/// What only a rule brings about: no line may say so while the rule is off.
const EFFECTS: [(&str, &str, &str); 18] = [
    ("caching/cache-aside", "lease-on-set", "lease for it is void"),
    ("caching/cache-aside", "lease-on-set", "hands out"),
    ("consensus/multi-paxos", "all-open-slots", "for every slot"),
    ("consensus/pbft", "matching-replies", "honest"),
    ("consensus/raft-replication", "check-previous-entry", "C has B's entries up to"),
    ("consensus/zab", "sync-first", "takes over the history"),
    ("consensus/zab", "sync-first", "has A's history"),
    ("consensus/paxos", "promise-on-disk", "it has promised nothing higher"),
    ("transactions/two-phase-commit", "wait-when-prepared", "no longer abort alone"),
    ("messaging/event-log", "reading-keeps", "the log keeps"),
    ("messaging/fan-out", "queue-outlives-connection", "back to the queue"),
    ("messaging/fire-and-forget", "send-once", "and forgets it"),
    ("messaging/flash-sale", "bounded-buffer", "as many as it has room for"),
    ("messaging/exactly-once", "offset-in-the-transaction", "both at once"),
    ("messaging/exactly-once", "epochs-fence", "Older epochs are refused"),
    ("messaging/jetstream-work-queue", "dedup-window", "it is new"),
    ("messaging/right-tool", "charge-once", "its number stored"),
    ("messaging/share-groups", "lock-runs-out", "locked for"),
];

#[test]
fn no_line_claims_what_a_rule_that_is_off_would_do() {
    for (path, rule, effect) in EFFECTS {
        let (_, run, last) = pinned(path, rule);
        for (handled, record) in run.records(1, last) {
            let whys = record.whys.iter().map(|why| why.text.as_str());
            let claim = whys.chain([record.title.as_str()]).find(|text| text.contains(effect));
            assert_eq!(claim, None, "{path} without {rule}, event {}", handled.step);
        }
    }
}

/// What reads badly in a move.
fn bad_english(said: &Said) -> Option<String> {
    // Rules are named in brackets, and some have numbers in their names.
    let text: String = said.text.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect();
    let all = [&said.title, &text, &said.also];
    let counts = all.iter().find_map(|text| miscounted(text).or_else(|| uncounted(text)));
    let clause = said.title.split('"').step_by(2).any(|plain| {
        plain.contains(" receives ") && [" is ", " are ", " has ", " was "].iter().any(|verb| plain.contains(verb))
    });
    counts.or_else(|| clause.then(|| "a sentence is received, and not in quotes".to_owned()))
}

#[test]
fn every_move_reads_as_english() {
    check(|scenario, info| {
        for one in counterexamples().filter(|one| one.path == info.path()) {
            let (run, last) = opened(scenario, &one)?;
            for said in telling(&run, info, &moves(&run, last)) {
                let bad = bad_english(&said);
                ensure(bad.is_none(), || format!("{}: {bad:?} in {said:?}", one.rule))?;
            }
        }
        Ok(())
    });
}
