//! `faultline run`: one run of a scenario, event by event, with every why.

use std::process::ExitCode;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::declare::settings::SettingId;
use faultline::sim::kernel::time;
use faultline::sim::run::simulation::{Handled, Record, Simulation};
use faultline::sim::run::tape::{Link, Origin, Tape};
use serde_json::json;

use super::arguments::Arguments;
use super::commands::stamped;
use super::{Failure, none_such, settings, standings};

/// Runs a scenario and prints what happens. Exit code 1 when a promise broke.
pub fn run(words: &[String]) -> Result<ExitCode, Failure> {
    let options = ["--seed", "--events", "--tape", "--without", "--set", "--do"];
    let arguments = Arguments::parse(words, &options, &["--json", "--busy"])?;
    let path = arguments.only_word("scenario")?;
    let scenario = find(path).ok_or_else(|| Failure::Usage(format!("There is no scenario '{path}'.")))?;
    let info = scenario.info();
    let (mut origin, mut tape, step) = start(&arguments, &info)?;
    if arguments.flag("--busy") {
        origin.settings = [info.busy, &origin.settings].concat();
    }
    for line in arguments.all("--do") {
        let done = stamped(&info, line)?;
        tape = Tape::new([tape.inputs(), &[done]].concat());
    }
    let events = arguments.number("--events")?.unwrap_or(step.unwrap_or(100));
    if tape.inputs().is_empty() && is_idle(&info, &origin) {
        eprintln!("This page begins without load. Give it some by --busy, or a client's command by --do.\n");
    }
    let printer = Printer { json: arguments.flag("--json"), info };
    Ok(play(scenario, &origin, &tape, events, &printer))
}

/// Whether a run begins without the load that its scenario names.
fn is_idle(info: &Info, origin: &Origin) -> bool {
    let is_given = |id| origin.settings.iter().any(|known| known.0 == id);
    !info.busy.is_empty() && !info.busy.iter().any(|known| is_given(known.0))
}

/// Where the run begins, what its reader did, and how far that reader got.
pub fn start(arguments: &Arguments, info: &Info) -> Result<(Origin, Tape, Option<u64>), Failure> {
    let mut origin = Origin { seed: info.seed, ..Origin::default() };
    let (mut tape, mut step) = (Tape::default(), None);
    if let Some(text) = arguments.all("--tape").last() {
        let link = Link::decode(&info.path(), text).map_err(|bad| Failure::Usage(bad.to_string()))?;
        (origin, tape, step) = (link.origin, link.tape, Some(link.step));
    }
    if let Some(seed) = arguments.number("--seed")? {
        origin.seed = seed;
    }
    for name in arguments.all("--without") {
        let rule = info.rules.iter().find(|rule| rule.1.id == name);
        let (id, _) = rule.ok_or_else(|| none_such(info, "rule", name, info.rules.iter().map(|rule| rule.1.id)))?;
        origin.rules_off = RuleSet::from_off_bits(origin.rules_off).with(*id, false).off_bits();
    }
    for pair in arguments.all("--set") {
        origin.settings.push(setting(info, pair)?);
    }
    Ok((origin, tape, step))
}

/// Reads `NAME=VALUE`.
fn setting(info: &Info, pair: &str) -> Result<(SettingId, i64), Failure> {
    let (name, value) =
        pair.split_once('=').ok_or_else(|| Failure::Usage(format!("--set takes NAME=VALUE, not '{pair}'.")))?;
    let known = info.settings.iter().find(|known| known.1.id == name);
    let (id, setting, _) =
        known.ok_or_else(|| none_such(info, "setting", name, info.settings.iter().map(|known| known.1.id)))?;
    let value = settings::value(&setting.control, value).map_err(|why| Failure::Usage(format!("{name} {why}.")))?;
    Ok((*id, value))
}

struct Printer {
    json: bool,
    info: Info,
}

fn play(scenario: &'static dyn AnyScenario, origin: &Origin, tape: &Tape, events: u64, printer: &Printer) -> ExitCode {
    let mut world = scenario.start(origin);
    world.set_recording(true);
    apply(&mut world, tape, printer);
    while world.kernel().steps() < events {
        let Some(handled) = world.step() else { break };
        printer.event(&world, &handled);
        apply(&mut world, tape, printer);
    }
    printer.end(&world, tape)
}

fn apply(world: &mut LiveWorld, tape: &Tape, printer: &Printer) {
    for stamped in tape.after(world.kernel().steps()) {
        let applied = world.apply(&stamped.input);
        printer.input(world.record(), applied.is_err());
    }
}

impl Printer {
    fn event(&self, world: &LiveWorld, handled: &Handled) {
        let Record { title, whys } = world.record();
        if self.json {
            let why: Vec<&str> = whys.iter().map(|why| why.text.as_str()).collect();
            let line = json!({
                "step": handled.step,
                "time_us": handled.time,
                "kind": handled.what.name(),
                "node": world.name(handled.node),
                "why": why.join(" "),
                "fingerprint": format!("{:016x}", world.fingerprint()),
            });
            println!("{line}");
            return;
        }
        println!("{:>5}  {:>10}  {title}", handled.step, time::show(handled.time));
        for why in whys {
            let rule = why.rule.and_then(|id| self.info.rules.iter().find(|rule| rule.0 == id));
            println!("{:19}{}{}", "", why.text, rule.map_or(String::new(), |rule| why.tag(rule.1.id)));
        }
    }

    fn input(&self, record: &Record, refused: bool) {
        if !self.json {
            println!("{:>5}  {:>10}  {}{}", "*", "", record.title, if refused { " (no longer applies)" } else { "" });
        }
    }

    fn end(&self, world: &LiveWorld, tape: &Tape) -> ExitCode {
        let kernel = world.kernel();
        let fingerprint = format!("{:016x}", world.fingerprint());
        if self.json {
            let verdicts = self.info.promises.iter().zip(world.standings());
            let promises: Vec<_> = verdicts
                .map(|(promise, standing)| json!({"id": promise.id, "verdict": standing.verdict.name()}))
                .collect();
            let (events, time_us) = (kernel.steps(), kernel.now());
            let line = json!({"events": events, "time_us": time_us, "fingerprint": fingerprint, "promises": promises});
            println!("{line}");
        } else {
            println!(
                "\n{} events, {} of virtual time, fingerprint {fingerprint}",
                kernel.steps(),
                time::show(kernel.now())
            );
            standings::print(&self.info, world, tape.inputs());
        }
        let broken = world.standings().iter().any(|standing| standing.verdict.is_broken());
        if broken { ExitCode::from(1) } else { ExitCode::SUCCESS }
    }
}
