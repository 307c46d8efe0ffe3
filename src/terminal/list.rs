//! `faultline list`: what the catalogue holds.

use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::sim::declare::settings::{Control, Setting};
use serde_json::{Value, json};

use super::Failure;
use super::arguments::Arguments;
use super::in_practice::{self, rule_as_json};

/// Prints the catalogue, for people or as JSON.
pub fn list(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &[], &["--json"])?;
    arguments.no_words()?;
    if arguments.flag("--json") {
        let all: Result<Vec<Value>, Failure> = catalogue().iter().map(|scenario| as_json(*scenario)).collect();
        println!("{:#}", Value::Array(all?));
    } else {
        catalogue().iter().for_each(|scenario| print(&scenario.info()));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(info: &Info) {
    println!("{}  {} (level {}, {})", info.path(), info.title, info.level, info.system);
    println!("    {}", info.summary);
    let line = |what: &str, names: Vec<&str>| println!("    {what:<11} {}", names.join(", "));
    line("rules", info.rules.iter().map(|rule| rule.1.id).collect());
    line("promises", info.promises.iter().map(|promise| promise.id).collect());
    line("settings", info.settings.iter().map(|setting| setting.1.id).collect());
    line("challenges", info.challenges.iter().map(|challenge| challenge.id).collect());
}

fn as_json(scenario: &dyn AnyScenario) -> Result<Value, Failure> {
    let (info, outside) = (scenario.info(), in_practice::of(scenario)?);
    Ok(json!({
        "slug": info.slug,
        "title": info.title,
        "guide": info.guide.slug(),
        "level": info.level,
        "systems": [info.system],
        "versions": outside.versions,
        "simplified": outside.simplified,
        "rules": info.rules.iter().map(|(_, rule)| rule_as_json(rule, &outside)).collect::<Vec<_>>(),
        "promises": info.promises.iter()
            .map(|promise| json!({"id": promise.id, "kind": promise.kind.name()})).collect::<Vec<_>>(),
        "settings": info.settings.iter()
            .map(|(_, setting, value)| setting_as_json(setting, *value)).collect::<Vec<_>>(),
        "challenges": info.challenges.iter()
            .map(|challenge| json!({"id": challenge.id, "title": challenge.title})).collect::<Vec<_>>(),
        "impossible": info.impossible,
    }))
}

/// A setting with its bounds; a choice also names what its numbers stand for.
fn setting_as_json(setting: &Setting, value: i64) -> Value {
    let (min, max) = setting.control.bounds();
    let kind = match setting.control {
        Control::Slider { .. } => "slider",
        Control::Choice(_) => "choice",
        Control::Toggle => "toggle",
    };
    let mut json = json!({"id": setting.id, "kind": kind, "min": min, "max": max, "default": value});
    if let Control::Choice(names) = setting.control {
        json["options"] = json!(names);
    }
    json
}
