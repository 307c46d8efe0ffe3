//! What a scenario's page says of the world outside, as a section of the site's pages and as JSON.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::in_practice::InPractice;
use faultline::guides::kit::info::Info;
use faultline::picture::svg::escape;
use faultline::sim::declare::notes::{Practice, SetBy};
use faultline::sim::declare::rules::Rule;
use serde_json::{Value, json};

use super::Failure;
use super::pages::markdown;

/// What is written of a scenario. A malformed note is the author's to mend, so it stops the command.
pub fn of(scenario: &dyn AnyScenario) -> Result<InPractice, Failure> {
    scenario.in_practice().map_err(|why| Failure::File(format!("{}: {why}.", scenario.info().path())))
}

/// The section "In practice": how the rules are set, and the box that says what the page leaves out.
pub fn section(info: &Info, outside: &InPractice) -> String {
    let mut page = format!(
        "<section id=\"in-practice\" class=\"in-practice\"><h2>In practice</h2><p class=\"versions\">This page speaks of {}.</p>",
        escape(&outside.versions.join(" · "))
    );
    if !outside.rules.is_empty() {
        page.push_str(&markdown(outside.about));
        page.push_str("<dl>");
        outside.rules.iter().for_each(|practice| page.push_str(&entry(info, practice)));
        page.push_str("</dl>");
    }
    let items: String = outside.simplified.iter().map(|item| format!("- {item}\n")).collect();
    page + "<aside class=\"simplified\"><h3>Simplified here</h3>" + &markdown(&items) + "</aside></section>"
}

/// A rule, with an address of its own within the page.
fn entry(info: &Info, practice: &Practice) -> String {
    let title = info.rules.iter().find(|rule| rule.1.id == practice.rule).map_or(practice.rule, |rule| rule.1.title);
    let (class, words) = match practice.set_by {
        SetBy::User => ("is-set", "yours to set"),
        SetBy::Nobody => ("is-built-in", "built in, no switch"),
        SetBy::System => ("differs", "differs by system"),
    };
    format!(
        "<div id=\"rule-{}\"><dt>{} <span class=\"set-by {class}\">{words}</span></dt><dd>{}<p class=\"practice-source\">{}. Source: {}</p></dd></div>",
        practice.rule,
        escape(title),
        markdown(practice.line),
        escape(&practice.systems.join(", ")),
        inline(practice.source),
    )
}

/// Markdown of one paragraph, without the paragraph.
fn inline(text: &str) -> String {
    let html = markdown(text);
    html.trim().trim_start_matches("<p>").trim_end_matches("</p>").to_owned()
}

/// A rule of a scenario as JSON, with how it is set.
pub fn rule_as_json(rule: &Rule, outside: &InPractice) -> Value {
    let practice = outside.rules.iter().find(|practice| practice.rule == rule.id).map(|practice| {
        json!({
            "line": practice.line,
            "kind": practice.set_by.name(),
            "systems": practice.systems,
            "source": practice.source,
        })
    });
    json!({"id": rule.id, "title": rule.title, "in_practice": practice})
}
