//! `faultline list`: what the catalogue holds.

use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;
use faultline::sim::declare::settings::Control;
use serde_json::{Value, json};

use super::Failure;
use super::arguments::Arguments;

/// Prints the catalogue, for people or as JSON.
pub fn list(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &[], &["--json"])?;
    arguments.no_words()?;
    let all: Vec<Info> = catalogue().iter().map(|scenario| scenario.info()).collect();
    if arguments.flag("--json") {
        println!("{:#}", Value::Array(all.iter().map(as_json).collect()));
    } else {
        all.iter().for_each(print);
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

fn as_json(info: &Info) -> Value {
    json!({
        "slug": info.slug,
        "title": info.title,
        "guide": info.guide.slug(),
        "level": info.level,
        "systems": [info.system],
        "rules": info.rules.iter().map(|(_, rule)| json!({"id": rule.id, "title": rule.title})).collect::<Vec<_>>(),
        "promises": info.promises.iter()
            .map(|promise| json!({"id": promise.id, "kind": promise.kind.name()})).collect::<Vec<_>>(),
        "settings": info.settings.iter().map(|(_, setting, value)| {
            let (min, max) = setting.control.bounds();
            let kind = match setting.control {
                Control::Slider { .. } => "slider",
                Control::Choice(_) => "choice",
                Control::Toggle => "toggle",
            };
            json!({"id": setting.id, "kind": kind, "min": min, "max": max, "default": value})
        }).collect::<Vec<_>>(),
        "challenges": info.challenges.iter()
            .map(|challenge| json!({"id": challenge.id, "title": challenge.title})).collect::<Vec<_>>(),
        "impossible": info.impossible,
    })
}
