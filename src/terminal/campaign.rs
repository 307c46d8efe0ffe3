//! `faultline campaign`: random fault schedules over a guide or a scenario with every rule on. Any number of machines
//! can share the work: each takes a shard of the seeds, and the results are merged.

use std::collections::BTreeMap;
use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::numbers::grouped;
use faultline::sim::run::Run;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Origin, Tape};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::arguments::Arguments;

/// How many seeds, unless told otherwise.
const SEEDS: u64 = 1_000;
/// Events under faults in a schedule, unless told otherwise; the same number follows once they are healed.
const EVENTS: u64 = 400;

/// The results of a scenario's schedules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    scenario: String,
    seeds: u64,
    events: u64,
    seconds: f64,
    /// Promises judged: one for each promise of each schedule.
    promises: u64,
    /// Faults injected, by kind.
    faults: BTreeMap<String, u64>,
    /// The first seeds under which a promise broke: which promise, and at which event.
    broken: Vec<(u64, String, u64)>,
    /// Breaches of what the promise itself says is not promised there.
    #[serde(default)]
    outside: u64,
    /// Whether the catalogue says that one of its promises cannot hold.
    impossible: bool,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.seconds += other.seconds;
        self.promises += other.promises;
        other.faults.into_iter().for_each(|(kind, count)| *self.faults.entry(kind).or_default() += count);
        self.broken.extend(other.broken);
        self.outside += other.outside;
        self.impossible |= other.impossible;
        self.scenario = other.scenario;
    }

    fn print(&self) {
        let rate = |count: u64| grouped((count as f64 / self.seconds.max(1e-9)) as u64);
        let faults: Vec<String> =
            self.faults.iter().map(|(kind, count)| format!("{kind} {}", grouped(*count))).collect();
        println!(
            "{}: {} seeds ({}/s), {} events ({}/s), {} promises judged, {} outside of what is promised, {} broken{}\n    {}",
            self.scenario,
            grouped(self.seeds),
            rate(self.seeds),
            grouped(self.events),
            rate(self.events),
            grouped(self.promises),
            grouped(self.outside),
            grouped(self.broken.len() as u64),
            if self.impossible { " (one of its promises cannot hold)" } else { "" },
            faults.join(", ")
        );
        if !self.impossible {
            self.broken
                .iter()
                .take(3)
                .for_each(|(seed, promise, event)| println!("    seed {seed}: {promise} at event {event}"));
        }
    }
}

/// Runs a campaign, or merges the results of its shards. Exit code 1 when a promise broke that can hold.
pub fn campaign(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &["--seeds", "--from", "--events", "--shard", "--merge"], &["--json"])?;
    let files: Vec<&str> = arguments.all("--merge").collect();
    let tallies = if files.is_empty() { run(&arguments)? } else { merge(&files)? };
    for tally in &tallies {
        match serde_json::to_string(tally) {
            Ok(line) if arguments.flag("--json") => println!("{line}"),
            _ => tally.print(),
        }
    }
    let is_kept = tallies.iter().all(|tally| tally.impossible || tally.broken.is_empty());
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn run(arguments: &Arguments) -> Result<Vec<Tally>, Failure> {
    let wanted = arguments.only_word("guide or scenario")?;
    let matches = |scenario: &&&dyn AnyScenario| {
        let info = scenario.info();
        info.guide.slug() == wanted || info.path() == wanted
    };
    let scenarios: Vec<_> = catalogue().iter().filter(matches).collect();
    if scenarios.is_empty() {
        return Err(Failure::Usage(format!("There is no guide or scenario '{wanted}'.")));
    }
    let (shard, shards) = shard(arguments)?;
    let first = arguments.number("--from")?.unwrap_or(0);
    let seeds = first..first.saturating_add(arguments.number("--seeds")?.unwrap_or(SEEDS));
    let events = arguments.at_least_one("--events")?.unwrap_or(EVENTS);
    let mine = seeds.filter(|seed| seed % shards == shard);
    Ok(scenarios.into_iter().map(|scenario| schedules(*scenario, mine.clone(), events)).collect())
}

/// `--shard K/N`: the seeds with remainder K modulo N, K from 0.
fn shard(arguments: &Arguments) -> Result<(u64, u64), Failure> {
    let Some(text) = arguments.all("--shard").last() else { return Ok((0, 1)) };
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    let fits = parts.filter(|(k, n): &(u64, u64)| k < n);
    fits.ok_or_else(|| Failure::Usage(format!("--shard takes K/N with K from 0 to N - 1, not '{text}'.")))
}

#[allow(clippy::disallowed_types, reason = "the terminal may tell how long it took")]
fn schedules(scenario: &'static dyn AnyScenario, seeds: impl Iterator<Item = u64>, events: u64) -> Tally {
    let info = scenario.info();
    let begun = std::time::Instant::now();
    let mut tally = Tally { scenario: info.path(), impossible: info.impossible, ..Tally::default() };
    for seed in seeds {
        let origin = Origin { seed, settings: info.busy.to_vec(), ..Origin::default() };
        let mut run = Run::new(scenario.start(&origin), Tape::default());
        storm(&mut run, info.faults, seed, events);
        tally.seeds += 1;
        tally.events += run.step_count();
        for stamped in run.branch().tape().inputs() {
            if let Some(kind) = kind(&stamped.input) {
                *tally.faults.entry(kind.to_owned()).or_default() += 1;
            }
        }
        for (promise, standing) in info.promises.iter().zip(run.world().standings()) {
            tally.promises += 1;
            match &standing.verdict {
                Verdict::Broken(broken) if broken.outside.is_some() => tally.outside += 1,
                Verdict::Broken(broken) => tally.broken.push((seed, promise.id.to_owned(), broken.step)),
                _ => {}
            }
        }
    }
    tally.seconds = begun.elapsed().as_secs_f64();
    tally
}

/// What kind of fault an input is; `None` for the end of one.
fn kind(input: &Input) -> Option<&'static str> {
    Some(match input {
        Input::Crash { .. } => "crash",
        Input::PowerCut { .. } => "power cut",
        Input::TearWrite { .. } => "torn write",
        Input::Pause { .. } => "pause",
        Input::Slow { percent, .. } if *percent != 100 => "slow",
        Input::Skew { offset, drift_ppm, .. } if *offset != 0 || *drift_ppm != 0 => "skew",
        Input::Cut { .. } => "cut",
        Input::Partition { .. } => "partition",
        Input::Drop { .. } => "drop",
        Input::Duplicate { .. } => "duplicate",
        Input::Delay { .. } => "delay",
        _ => return None,
    })
}

fn merge(files: &[&str]) -> Result<Vec<Tally>, Failure> {
    let mut merged: Vec<Tally> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::File(format!("{file} cannot be read ({error}).")))?;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let tally: Tally = serde_json::from_str(line)
                .map_err(|error| Failure::File(format!("{file} is not what campaign --json writes ({error}).")))?;
            match merged.iter_mut().find(|known| known.scenario == tally.scenario) {
                Some(known) => known.add(tally),
                None => merged.push(tally),
            }
        }
    }
    Ok(merged)
}
