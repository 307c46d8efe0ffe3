//! What the lists of scenarios are made of: a card, the address of a story, the systems that a page speaks of.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::lab::counterexamples::Counterexample;
use faultline::picture::svg::escape;

use super::paths::minutes;
use super::stills::Stills;
use super::{in_practice, scenario_link};

/// The address of a counterexample, told step by step.
pub fn story(one: &Counterexample) -> String {
    story_of(one.path, one.run, one.rule)
}

/// The address of a run, told as the story of a rule.
pub fn story_of(path: &str, run: &str, rule: &str) -> String {
    format!("{{up}}{path}/?run={run}&amp;story={rule}")
}

/// A number and what it counts: "1 rule", "5 rules".
pub fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Level, length and rules of a scenario, in a line.
pub fn facts(info: &Info) -> String {
    let rules = match info.rules.len() {
        0 => "no rules".to_owned(),
        number => count(number, "rule"),
    };
    format!("Level {} · {} min · {rules}", info.level, minutes(info))
}

/// The real systems whose settings its page names, at most four.
pub fn systems(scenario: &dyn AnyScenario) -> String {
    let Ok(outside) = in_practice::of(scenario) else { return String::new() };
    let mut names: Vec<String> = Vec::new();
    for name in outside.rules.iter().flat_map(|practice| practice.systems.iter()) {
        if !names.iter().any(|known| *known == **name) {
            names.push((*name).to_string());
        }
    }
    names.truncate(4);
    names.join(", ")
}

/// A scenario as an item of a list: its link comes first, and covers the whole card. `about`: with its summary.
pub fn card(scenario: &dyn AnyScenario, stills: &Stills, about: bool) -> String {
    let info = scenario.info();
    let (link, image, facts) = (scenario_link(&info), stills.image(&info.path(), ""), facts(&info));
    let systems = systems(scenario);
    let systems =
        if systems.is_empty() { systems } else { format!("<p class=\"card-systems\">{}</p>", escape(&systems)) };
    let about = if about { format!("<p class=\"card-about\">{}</p>", escape(info.summary)) } else { String::new() };
    format!("<li>{link}{image}{about}<p class=\"card-facts\">{facts}</p>{systems}</li>")
}
