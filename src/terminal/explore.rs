//! `faultline explore` and `shrink`: search a scenario's schedules, make a broken run smaller.

use std::process::ExitCode;

use faultline::guides::find;
use faultline::guides::kit::info::Info;
use faultline::lab::search::{From, Quest, Search};
use faultline::sim::explore::{Budget, Order, Outcome};
use faultline::sim::numbers::grouped;
use faultline::sim::run::Run;
use faultline::sim::run::shrink::Shrinker;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;
use serde_json::json;

use super::Failure;
use super::arguments::Arguments;
use super::run::start;

/// How many states are looked at, unless told otherwise.
const STATES: u64 = 2_000_000;
/// How often the terminal reports progress, in moves.
const EVERY: u64 = 2_000_000;

/// Searches a scenario. Exit code 1 when a promise breaks.
#[allow(clippy::disallowed_types, reason = "the terminal may tell how long it took")]
pub fn explore(words: &[String]) -> Result<ExitCode, Failure> {
    let options =
        ["--seed", "--tape", "--without", "--set", "--max-states", "--depth", "--faults", "--promise", "--order"];
    let arguments = Arguments::parse(words, &options, &["--json"])?;
    let path = arguments.only_word("scenario")?;
    let scenario = find(path).ok_or_else(|| Failure::Usage(format!("There is no scenario '{path}'.")))?;
    let info = scenario.info();
    let (origin, tape, step) = start(&arguments, &info)?;
    let from = if step.is_some() { From::Here } else { From::Instance };
    if from == From::Instance && arguments.all("--set").next().is_some() {
        return Err(Failure::Usage(
            "explore searches a small instance whose settings are its own, as the page does: --set needs --tape, the run \
             to search on from."
                .to_owned(),
        ));
    }
    let link = Link { scenario: info.path(), origin, tape, step: step.unwrap_or(0), check: 0 };
    let quest = Quest {
        promise: promise(&arguments, &info)?,
        from,
        states: arguments.at_least_one("--max-states")?.unwrap_or(STATES),
        depth: arguments.number("--depth")?.map(|depth| u32::try_from(depth).unwrap_or(u32::MAX)),
        budget: budget(&arguments)?,
        order: order(&arguments)?,
    };
    let begun = std::time::Instant::now();
    let mut search = Search::new(scenario, &link, &quest)
        .ok_or_else(|| Failure::Usage("This scenario cannot be searched.".to_owned()))?;
    let finding = loop {
        if let Some(finding) = search.advance(EVERY) {
            break finding;
        }
        let progress = search.progress();
        eprintln!("{} states, {} moves deep ...", grouped(progress.states), progress.depth);
    };
    let (progress, report) = (finding.report.progress, &finding.report);
    let text = finding.run.as_ref().map(Link::encode);
    if arguments.flag("--json") {
        let line = json!({
            "verdict": finding.verdict,
            "promise": finding.promise.and_then(|promise| info.promises.get(promise)).map(|promise| promise.id),
            "steps": finding.moves,
            "states": progress.states,
            "depth": progress.depth,
            "exhausted": report.outcome == Outcome::Holds,
            "seconds": begun.elapsed().as_secs_f64(),
            "tape": text,
        });
        println!("{line}");
    } else {
        println!("{}", finding.words);
        text.into_iter().for_each(|text| println!("Step through it: faultline run {path} --tape {text}"));
    }
    Ok(if finding.promise.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn promise(arguments: &Arguments, info: &Info) -> Result<Option<usize>, Failure> {
    let Some(name) = arguments.all("--promise").last() else { return Ok(None) };
    let known = info.promises.iter().position(|promise| promise.id == name);
    let names = info.promises.iter().map(|promise| promise.id);
    known.map(Some).ok_or_else(|| super::none_such(info, "promise", name, names))
}

fn order(arguments: &Arguments) -> Result<Order, Failure> {
    match arguments.all("--order").last() {
        None | Some("breadth") => Ok(Order::Breadth),
        Some("depth") => Ok(Order::Depth),
        Some("random") => Ok(Order::Random { seed: 1 }),
        Some(other) => Err(Failure::Usage(format!("--order takes breadth, depth or random, not '{other}'."))),
    }
}

/// `crash=1,drop=2`; a crash may be followed by a restart.
fn budget(arguments: &Arguments) -> Result<Option<Budget>, Failure> {
    let Some(text) = arguments.all("--faults").last() else { return Ok(None) };
    let mut budget = Budget::NONE;
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let wrong = || {
            let known = "crash, power-cut, restart, drop, duplicate, cut";
            Failure::Usage(format!("--faults takes KIND=N with N up to 15 and KIND one of {known}, not '{pair}'."))
        };
        let (kind, count) = pair.split_once('=').ok_or_else(wrong)?;
        let count: u8 = count.parse().ok().filter(|count| *count <= 15).ok_or_else(wrong)?;
        match kind {
            "crash" => (budget.crashes, budget.restarts) = (count, budget.restarts.max(count)),
            "power-cut" => (budget.power_cuts, budget.restarts) = (count, budget.restarts.max(count)),
            "restart" => budget.restarts = count,
            "drop" => budget.drops = count,
            "duplicate" => budget.duplicates = count,
            "cut" => budget.cuts = count,
            _ => return Err(wrong()),
        }
    }
    Ok(Some(budget))
}

/// Makes a broken run smaller.
pub fn shrink(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &["--seed", "--tape", "--without", "--set", "--promise"], &["--json"])?;
    let path = arguments.only_word("scenario")?;
    let scenario = find(path).ok_or_else(|| Failure::Usage(format!("There is no scenario '{path}'.")))?;
    let info = scenario.info();
    let (origin, tape, step) = start(&arguments, &info)?;
    let step = step.ok_or_else(|| Failure::Usage("shrink needs --tape: the run that breaks a promise.".to_owned()))?;
    let mut run = Run::new(scenario.start(&origin), tape);
    run.seek(step);
    let wanted = promise(&arguments, &info)?.or(run.branch().breakings().first().map(|breaking| breaking.promise));
    let shrinker = wanted.and_then(|promise| Shrinker::new(scenario.start(&origin), run.branch(), promise));
    let mut shrinker = shrinker.ok_or_else(|| Failure::Usage("That run breaks no promise.".to_owned()))?;
    let before = shrinker.progress();
    shrinker.run();
    let after = shrinker.progress();
    let mut small = Run::new(scenario.start(&origin), shrinker.tape().clone());
    small.seek(after.steps);
    let check = small.world().fingerprint() as u32;
    let link = Link { scenario: info.path(), origin, tape: shrinker.tape().clone(), step: after.steps, check };
    if arguments.flag("--json") {
        let promise = wanted.and_then(|promise| info.promises.get(promise)).map(|promise| promise.id);
        let line = json!({
            "promise": promise, "tried": after.tried, "inputs_before": before.inputs, "steps_before": before.steps,
            "inputs": after.inputs, "steps": after.steps, "tape": link.encode(),
        });
        println!("{line}");
    } else {
        println!(
            "From {} inputs and {} events to {} inputs and {} events, after {} runs.",
            before.inputs, before.steps, after.inputs, after.steps, after.tried
        );
        println!("Step through it: faultline run {path} --tape {}", link.encode());
    }
    Ok(ExitCode::SUCCESS)
}
