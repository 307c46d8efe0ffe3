//! What every scenario passes, as one loop over the catalogue: a scenario is under test by being listed.

use std::fmt::Write;

use faultline::guides::kit::scenario::{AnyScenario, Counterexample, Info, storm};
use faultline::guides::{LiveWorld, catalogue};
use faultline::picture::{Body, Frame, Picture};
use faultline::sim::NodeId;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::declare::settings::{CommandCall, Control, Takes};
use faultline::sim::explore::{Outcome, replays};
use faultline::sim::judge::verdict::{Kind, Verdict};
use faultline::sim::kernel::{Pending, PendingKind};
use faultline::sim::run::Run;
use faultline::sim::run::compare::{replay_at, timed};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Link, Origin, Stamped, Tape};

/// Runs a check on every scenario and reports all that fail.
fn check(what: impl Fn(&'static dyn AnyScenario, &Info) -> Result<(), String>) {
    let only = std::env::var("FAULTLINE_SCENARIO").ok();
    let mut failures = String::new();
    for scenario in catalogue() {
        let info = scenario.info();
        if only.as_deref().is_some_and(|only| only != info.path()) {
            continue;
        }
        if let Err(why) = what(*scenario, &info) {
            let _ = writeln!(failures, "{}: {why}", info.path());
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn origin(info: &Info) -> Origin {
    Origin { seed: info.seed, ..Origin::default() }
}

/// The scenario's own start, under load where it begins without one.
fn busy(info: &Info) -> Origin {
    Origin { settings: info.busy.to_vec(), ..origin(info) }
}

fn run(scenario: &dyn AnyScenario, origin: &Origin) -> Run<LiveWorld> {
    Run::new(scenario.start(origin), Tape::default())
}

/// How many random fault schedules, and how long each, in events before the faults are healed.
fn schedules() -> u64 {
    std::env::var("FAULTLINE_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}
const SCHEDULE: u64 = 400;

#[test]
fn ten_thousand_events_under_faults_stay_in_bounds() {
    check(|scenario, info| {
        let mut run = run(scenario, &busy(info));
        storm(&mut run, info.faults, 1, 10_000);
        let pending = run.world().kernel().pending_count();
        ensure(pending < 5_000, || format!("{pending} events are pending after 10,000"))
    });
}

#[test]
fn back_seek_and_replay_are_exact() {
    check(|scenario, info| {
        let mut run = run(scenario, &origin(info));
        storm(&mut run, info.faults, 5, 300);
        let (last, live) = (run.step_count(), run.world().fingerprint());
        let mut prints = vec![0; last as usize + 1];
        run.seek(0);
        for step in 0..=last {
            prints[step as usize] = run.world().fingerprint();
            run.step();
        }
        run.seek(last);
        ensure(run.world().fingerprint() == live, || "a replay differs from the run as it was lived".to_owned())?;
        for step in (0..last).rev() {
            run.back();
            ensure(run.world().fingerprint() == prints[step as usize], || format!("stepping back to {step} differs"))?;
        }
        for step in (0..=last).step_by(37).chain((0..=last).rev().step_by(53)) {
            run.seek(step);
            ensure(run.world().fingerprint() == prints[step as usize], || format!("seeking to {step} differs"))?;
        }
        let link = Link {
            scenario: info.path(),
            origin: origin(info),
            tape: run.branch().tape().clone(),
            step: last,
            check: 0,
        };
        let read = Link::decode(&info.path(), &link.encode()).map_err(|bad| bad.to_string())?;
        ensure(read == link, || "the tape does not survive its text form".to_owned())?;
        let mut again = Run::new(scenario.start(&read.origin), read.tape);
        again.seek(last);
        ensure(again.world().fingerprint() == prints[last as usize], || "a replay of the link differs".to_owned())
    });
}

#[test]
fn promises_hold_under_random_faults() {
    check(|scenario, info| {
        if info.impossible {
            return Ok(());
        }
        for seed in 0..schedules() {
            let origin = Origin { seed, ..busy(info) };
            let mut run = run(scenario, &origin);
            storm(&mut run, info.faults, seed, SCHEDULE);
            for (promise, standing) in info.promises.iter().zip(run.world().standings()) {
                if let Verdict::Broken(broken) = &standing.verdict {
                    return Err(format!(
                        "{} broke, seed {seed}, event {}: {}",
                        promise.id, broken.step, broken.breach.text
                    ));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_explorer_finds_nothing_while_all_rules_are_on() {
    check(|scenario, info| {
        let (world, bounds) = scenario.hunt(&origin(info));
        let mut explorer = scenario.explorer(&world, bounds, None, true).ok_or("a world of another scenario")?;
        let report = explorer.run();
        let (words, progress) = (kind(&report.outcome), report.progress);
        println!("{}: {words} in {} states, {} moves deep", info.path(), progress.states, progress.depth);
        ensure(matches!(report.outcome, Outcome::Broken { .. }) == info.impossible, || format!("{:?}", report.outcome))
    });
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Broken { .. } => "broken",
        Outcome::Trapped { .. } => "trapped",
        Outcome::Holds => "holds",
        Outcome::Unknown => "none found, not exhausted",
    }
}

#[test]
fn each_rule_earns_its_place() {
    let pinned = std::cell::RefCell::new(Vec::new());
    check(|scenario, info| {
        let mut failures = String::new();
        for (id, rule) in &info.rules {
            let Some(found) = scenario.counterexample(*id, 300) else {
                let _ = write!(failures, " {} names no way to break a promise;", rule.id);
                continue;
            };
            let promise = &info.promises[found.promise];
            let Some(tape) = &found.tape else {
                let _ = write!(failures, " {} breaks nothing in {} tries;", rule.id, found.tried);
                continue;
            };
            let unit = if found.explored { ("moves", "states") } else { ("events", "schedules") };
            println!(
                "{} without {}: {} broken in {} {} with {} inputs, {} {}",
                info.path(),
                rule.id,
                promise.id,
                found.steps,
                unit.0,
                tape.inputs().len(),
                found.tried,
                unit.1
            );
            if found.steps > 40 && found.reason.is_empty() {
                let _ = write!(failures, " {}: {} moves without a reason are too many;", rule.id, found.steps);
            }
            let world = scenario.start(&found.origin);
            let replayed = match found.explored {
                true => replays(&world, tape, found.promise).is_some(),
                false => {
                    let mut run = Run::new(world, tape.clone());
                    run.seek(found.steps);
                    run.world().standings()[found.promise].verdict.is_broken()
                }
            };
            if !replayed {
                let _ = write!(failures, " {}: the counterexample does not replay;", rule.id);
            }
            let (path, (event, run)) = (info.path(), broken_run(scenario, &found, tape));
            let line = format!("{path} | {} | {} | {} {} | {event} | {run}", rule.id, promise.id, found.steps, unit.0);
            pinned.borrow_mut().push(line);
            if breaks_anyway(scenario, &found, tape) {
                let _ = write!(failures, " {}: the promise breaks the same way with the rule on;", rule.id);
            }
        }
        ensure(failures.is_empty(), || failures)
    });
    counterexamples_are_pinned(&pinned.into_inner());
}

/// What happens in the event that breaks the promise, and the text of the run that stands there.
fn broken_run(scenario: &dyn AnyScenario, found: &Counterexample, tape: &Tape) -> (String, String) {
    let mut run = Run::new(scenario.start(&found.origin), tape.clone());
    run.seek(tape.inputs().last().map_or(0, |last| last.after + 1).max(if found.explored { 0 } else { found.steps }));
    let Verdict::Broken(broken) = run.world().standings()[found.promise].verdict.clone() else {
        return (String::new(), String::new());
    };
    let event = run.records(broken.step, broken.step).into_iter().map(|(_, record)| record.title).collect();
    run.seek(broken.step);
    let link = Link {
        scenario: scenario.info().path(),
        origin: found.origin.clone(),
        tape: tape.clone(),
        step: broken.step,
        check: run.world().fingerprint() as u32,
    };
    (event, link.encode())
}

/// Each counterexample is as long as it was and breaks at the same event: a change of a protocol shows.
/// FAULTLINE_BLESS=1 rewrites src/lab/counterexamples.txt; read its diff before it is committed.
fn counterexamples_are_pinned(lines: &[String]) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lab/counterexamples.txt");
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let is_whole = std::env::var_os("FAULTLINE_SCENARIO").is_none();
    if std::env::var_os("FAULTLINE_BLESS").is_some() && is_whole {
        assert!(std::fs::write(file, lines.join("\n") + "\n").is_ok(), "{file} cannot be written");
        return;
    }
    let changed: Vec<&String> = lines.iter().filter(|line| !before.lines().any(|known| known == *line)).collect();
    assert!(changed.is_empty(), "these counterexamples changed:\n{changed:#?}");
    assert!(!is_whole || before.lines().count() == lines.len(), "{file} pins counterexamples that are gone");
}

/// Whether the same doings break the promise with every rule on, within the same time.
fn breaks_anyway(scenario: &dyn AnyScenario, found: &Counterexample, tape: &Tape) -> bool {
    let seek = if found.explored { tape.inputs().last().map_or(0, |last| last.after + 1) } else { found.steps };
    let mut run = Run::new(scenario.start(&found.origin), tape.clone());
    run.seek(seek);
    let (inputs, until) = (timed(run.branch()), run.world().kernel().now());
    let origin = Origin { rules_off: 0, ..found.origin.clone() };
    let (run, _) = replay_at(scenario.start(&origin), &inputs, until, seek * 4 + 100, |_| false);
    run.world().standings()[found.promise].verdict.is_broken()
}

#[test]
fn every_control_changes_the_run() {
    check(|scenario, info| {
        let mut idle: Vec<String> = Vec::new();
        for (id, setting, value) in &info.settings {
            let (min, max) = setting.control.bounds();
            let others = [min, max].into_iter().filter(|other| other != value);
            let busy: Vec<_> = info.busy.iter().copied().filter(|known| known.0 != *id).collect();
            let ways = || rule_sets(info).flat_map(|rules_off| [&[][..], &busy].map(|more| (rules_off, more)));
            let moves = others.flat_map(|other| ways().map(move |(rules_off, more)| (other, rules_off, more))).any(
                |(other, rules_off, more)| {
                    let plain = Origin { rules_off, settings: more.to_vec(), ..origin(info) };
                    let turned = [more, &[(*id, other)]].concat();
                    let turned = Origin { settings: turned, ..plain.clone() };
                    let input = Input::Setting { setting: *id, value: other };
                    let live = setting.takes == Takes::AtStart || differs(scenario, &plain, &input);
                    live && trace(scenario, &turned) != trace(scenario, &plain)
                },
            );
            if !moves {
                idle.push(format!("setting {}", setting.id));
            }
        }
        for (index, command) in &info.commands {
            let input = Input::Command(CommandCall { command: *index, values: command.complete(&[]) });
            if !differs(scenario, &origin(info), &input) {
                idle.push(format!("command {}", command.id));
            }
        }
        ensure(idle.is_empty(), || format!("these move nothing: {}", idle.join(", ")))
    });
}

#[test]
fn every_kind_of_fault_changes_the_run() {
    check(|scenario, info| {
        let mut unmoved = Vec::new();
        for kind in 0..13 {
            let moved = [1, 60, 200, 500].into_iter().any(|after| {
                let Some((step, input)) = fault(scenario, info, after, kind) else { return false };
                let tape = Tape::new(vec![Stamped { after: step, input }]);
                continued(scenario, &busy(info), tape, step) != continued(scenario, &busy(info), Tape::default(), step)
            });
            if !moved {
                unmoved.push(
                    fault(scenario, info, 1, kind).map_or("no message".to_owned(), |found| format!("{:?}", found.1)),
                );
            }
        }
        ensure(unmoved.is_empty(), || format!("these change nothing: {unmoved:?}"))
    });
}

/// A fault of a kind on the first message in flight after some events, and the step it comes at.
fn fault(scenario: &dyn AnyScenario, info: &Info, after: u64, kind: usize) -> Option<(u64, Input)> {
    let mut run = run(scenario, &busy(info));
    run.seek(after);
    let message = |world: &LiveWorld| {
        let flying = |kind| matches!(kind, PendingKind::Deliver { .. });
        world.kernel().pending().find(|entry| flying(entry.kind)).map(|entry| (entry.id, entry.node, entry.kind))
    };
    while message(run.world()).is_none() && run.step_count() < after + 2_000 {
        run.step();
    }
    let (id, node, PendingKind::Deliver { from, .. }) = message(run.world())? else { return None };
    let inputs = [
        Input::Crash { node },
        Input::Pause { node },
        Input::Slow { node: from, percent: 1_000 },
        Input::Skew { node, offset: 1_000_000, drift_ppm: 200_000 },
        Input::LoseDisk { node },
        Input::Cut { from, to: node },
        Input::Partition { side: 1 << node.0 },
        Input::Latency { from, to: node, extra: 500_000 },
        Input::Loss { from, to: node, ppm: 1_000_000 },
        Input::Drop { id },
        Input::Duplicate { id },
        Input::Delay { id, by: 700_000 },
        Input::DeliverNow { id },
    ];
    Some((run.step_count(), inputs.into_iter().nth(kind)?))
}

/// All rules on, then each one off: some settings matter only where a rule is off.
fn rule_sets(info: &Info) -> impl Iterator<Item = u64> {
    let off = info.rules.iter().map(|rule| RuleSet::ALL.with(rule.0, false).off_bits());
    std::iter::once(0).chain(off.collect::<Vec<_>>())
}

/// Whether an input, given at any of several moments, changes what happens, with or without faults around it.
fn differs(scenario: &dyn AnyScenario, origin: &Origin, input: &Input) -> bool {
    let at = |after: u64, input: &Input| {
        let tape = Tape::new(vec![Stamped { after, input: input.clone() }]);
        continued(scenario, origin, tape, after) != continued(scenario, origin, Tape::default(), after)
    };
    [0, 20, 100, 400].into_iter().any(|after| at(after, input))
        || stormy(scenario, origin, Some(input)) != stormy(scenario, origin, None)
}

/// What happens under the same random faults, with or without an input at the start.
fn stormy(scenario: &dyn AnyScenario, origin: &Origin, input: Option<&Input>) -> Vec<Moment> {
    let tape = input.map(|input| Stamped { after: 0, input: input.clone() });
    let mut run = Run::new(scenario.start(origin), Tape::new(tape.into_iter().collect()));
    storm(&mut run, scenario.info().faults, 2, 800);
    replay(run)
}

/// When, where, and what state.
type Moment = (u64, u16, u64);

/// What happens from a beginning: plain, and under random faults.
fn trace(scenario: &dyn AnyScenario, origin: &Origin) -> (Vec<Moment>, Vec<Moment>) {
    let mut faulty = run(scenario, origin);
    storm(&mut faulty, scenario.info().faults, 2, 800);
    (continued(scenario, origin, Tape::default(), 0), replay(faulty))
}

/// The run from its start, event by event.
fn replay(mut run: Run<LiveWorld>) -> Vec<Moment> {
    let last = run.step_count();
    run.seek(0);
    let mut trace = Vec::new();
    while run.step_count() < last {
        let Some(handled) = run.step() else { break };
        trace.push((handled.time, handled.node.0, run.world().state_fingerprint()));
    }
    trace
}

/// What happens in 1,500 events after a step: when, where, what state, and what is due when. A changed setting alone
/// is no difference.
fn continued(scenario: &dyn AnyScenario, origin: &Origin, tape: Tape, step: u64) -> Vec<Moment> {
    let mut run = Run::new(scenario.start(origin), tape);
    run.seek(step);
    let mut trace = Vec::new();
    for _ in 0..1_500 {
        let Some(handled) = run.step() else { break };
        let due = |sum: u64, entry: &Pending| sum.wrapping_add(entry.at * (3 + u64::from(entry.node.0)));
        let pending = run.world().kernel().pending().fold(0, due);
        trace.push((handled.time, handled.node.0, run.world().state_fingerprint() ^ pending));
    }
    trace
}

#[test]
fn tours_are_walked_to_the_end() {
    check(|scenario, info| {
        ensure((6..=12).contains(&info.beats.len()), || format!("{} beats", info.beats.len()))?;
        let guesses = info.beats.iter().filter(|beat| beat.question.is_some()).count();
        ensure(guesses >= 2, || format!("{guesses} predictions"))?;
        let mut run = run(scenario, &origin(info));
        for (beat, known) in info.beats.iter().enumerate() {
            let before = run.world().beat_reached(beat);
            let inputs = run.world().beat_inputs(beat);
            ensure(!before || beat == 0, || format!("beat {beat}, '{}', is reached before it begins", known.title))?;
            let options = run.world().beat_options(beat);
            ensure(known.question.is_none() || options.len() >= 2, || format!("beat {beat} offers {options:?}"))?;
            for input in inputs {
                let done = run.act(input.clone());
                ensure(done.is_ok(), || format!("beat {beat} may not {input:?}: {done:?}"))?;
            }
            let start = run.step_count();
            while !run.world().beat_reached(beat) && run.step_count() < start + 20_000 && run.step().is_some() {}
            ensure(run.world().beat_reached(beat), || format!("beat {beat}, '{}', is never reached", known.title))?;
            let answer = run.world().beat_answer(beat);
            ensure(answer.is_none_or(|answer| answer < options.len()), || format!("beat {beat} answers {answer:?}"))?;
            pictures(&run, &format!("beat {beat}"))?;
        }
        Ok(())
    });
}

#[test]
fn pictures_are_sound_at_every_step() {
    check(|scenario, info| {
        let mut origins = vec![origin(info)];
        for (id, setting, _) in info.settings.iter().filter(|known| known.1.takes == Takes::AtStart) {
            let (min, max) = setting.control.bounds();
            origins.extend([min, max].map(|value| Origin { settings: vec![(*id, value)], ..origin(info) }));
        }
        for origin in origins {
            let mut run = run(scenario, &origin);
            storm(&mut run, info.faults, 3, 200);
            let last = run.step_count();
            run.seek(0);
            while run.step_count() < last {
                pictures(&run, &format!("{:?} step {}", origin.settings, run.step_count()))?;
                run.step();
            }
        }
        Ok(())
    });
}

fn pictures(run: &Run<LiveWorld>, place: &str) -> Result<(), String> {
    for frame in [Frame::Wide, Frame::Narrow] {
        let picture = run.world().picture(frame);
        sound(&picture).map_err(|why| format!("{place}, {frame:?}: {why}"))?;
        for flight in run.world().flights() {
            let drawn = |link: &faultline::picture::LinkMark| {
                (link.a, link.b) == (flight.from, flight.to) || (link.b, link.a) == (flight.from, flight.to)
            };
            ensure(flight.from == flight.to || picture.links.iter().any(drawn), || {
                format!("{place}: a message from {:?} to {:?} is on no drawn link", flight.from, flight.to)
            })?;
        }
    }
    Ok(())
}

fn sound(picture: &Picture) -> Result<(), String> {
    let (width, height) = picture.frame.size();
    let boxes: Vec<(String, (i32, i32, i32, i32))> = picture
        .nodes
        .iter()
        .map(|mark| (mark.label.clone(), mark.bounds()))
        .chain(picture.figures.iter().map(|figure| {
            let ((x, y), (w, h)) = (figure.at, figure.size);
            (figure.id.to_owned(), (x, y, x + w, y + h))
        }))
        .collect();
    for (index, (name, (left, top, right, bottom))) in boxes.iter().enumerate() {
        ensure(*left >= 0 && *top >= 0 && *right <= width && *bottom <= height, || format!("{name} leaves the frame"))?;
        for (other, (l, t, r, b)) in &boxes[..index] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            ensure(apart, || format!("{name} and {other} overlap"))?;
        }
    }
    let mut ids: Vec<NodeId> = picture.nodes.iter().map(|mark| mark.node).collect();
    ids.dedup();
    ensure(ids.len() == picture.nodes.len(), || "a node is drawn twice".to_owned())?;
    for mark in &picture.nodes {
        let (label, state) = (mark.label.chars().count(), mark.state.chars().count());
        ensure(label <= 12 && state <= 24, || format!("'{}' or '{}' is too long", mark.label, mark.state))?;
    }
    for figure in &picture.figures {
        let room = (width - figure.at.0) / 7;
        ensure(figure.title.chars().count() as i32 <= room, || {
            format!("the title '{}' leaves the frame", figure.title)
        })?;
    }
    picture.figures.iter().try_for_each(|figure| match &figure.body {
        Body::Grid { rows, .. } => rows.iter().flat_map(|row| &row.cells).try_for_each(short),
        Body::Table { rows, .. } => rows.iter().flatten().try_for_each(short),
        Body::Bars(_) => Ok(()),
    })
}

fn short(cell: &faultline::picture::Cell) -> Result<(), String> {
    ensure(cell.text.chars().count() <= 14, || format!("the cell '{}' is too long", cell.text))
}

#[test]
fn challenges_are_open_at_first_and_solved_by_their_solutions() {
    check(|scenario, info| {
        ensure(info.challenges.len() >= 2, || format!("{} challenges", info.challenges.len()))?;
        for (index, challenge) in info.challenges.iter().enumerate() {
            let (from, tape, steps) = scenario.solution(index);
            for start in [&from, &origin(info)] {
                let open = !scenario.start(start).challenge_reached(index);
                ensure(open, || format!("{} is solved before it begins", challenge.id))?;
            }
            let mut run = Run::new(scenario.start(&from), tape);
            run.seek(steps);
            ensure(run.world().challenge_reached(index), || format!("{} is not solved by its solution", challenge.id))?;
        }
        Ok(())
    });
}

#[test]
fn every_event_says_why() {
    check(|scenario, info| {
        for seed in 0..20 {
            let mut run = run(scenario, &Origin { seed, ..origin(info) });
            storm(&mut run, info.faults, seed, 300);
            for (handled, record) in run.records(1, run.step_count()) {
                let spoken = record.whys.iter().any(|why| why.text.len() > 10 && why.text.ends_with(['.', ':']));
                ensure(spoken, || format!("seed {seed}: '{}' gives no why: {:?}", record.title, record.whys))?;
                ensure(!record.title.is_empty(), || format!("event {} has no title", handled.step))?;
            }
        }
        Ok(())
    });
}

#[test]
fn prose_has_all_its_sections_and_a_source() {
    let sections = ["What you see", "Why it works", "What breaks it", "Where it is used", "Sources"];
    check(|_, info| {
        let found: Vec<&str> = info.prose.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        ensure(found == sections, || format!("the sections are {found:?}"))?;
        let sources = info.prose.split("## Sources").nth(1).unwrap_or("");
        ensure(sources.lines().any(|line| line.starts_with("- ")), || "there is no source".to_owned())?;
        ensure(info.prose.split_whitespace().count() > 250, || "the prose is too short".to_owned())
    });
}

#[test]
fn names_are_unique_and_well_formed() {
    let kebab = |id: &str| {
        !id.is_empty()
            && id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
    };
    check(|_, info| {
        let ids = [
            info.rules.iter().map(|rule| rule.1.id).collect::<Vec<_>>(),
            info.settings.iter().map(|setting| setting.1.id).collect(),
            info.promises.iter().map(|promise| promise.id).collect(),
            info.challenges.iter().map(|challenge| challenge.id).collect(),
            info.commands.iter().map(|command| command.1.id).collect(),
        ];
        for mut list in ids {
            ensure(list.iter().all(|id| kebab(id)), || format!("{list:?} are no kebab-case names"))?;
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            ensure(list.len() == count, || format!("{list:?} repeats a name"))?;
        }
        ensure(info.promises.iter().any(|promise| promise.kind != Kind::Reachable), || "promises nothing".to_owned())?;
        for (_, setting, value) in &info.settings {
            let (min, max) = setting.control.bounds();
            ensure((min..=max).contains(value), || format!("{} is {value}, outside its bounds", setting.id))?;
            let steps = !matches!(setting.control, Control::Slider { step, .. } if step <= 0);
            ensure(steps, || format!("{} has no step", setting.id))?;
        }
        Ok(())
    });
    let mut paths: Vec<String> = catalogue().iter().map(|scenario| scenario.info().path()).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count, "two scenarios have one address");
}
