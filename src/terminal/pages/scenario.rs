//! A scenario's page: what it is about, its workbench, its text, and the scenarios before and after it.

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::in_practice::InPractice;
use faultline::guides::kit::info::Info;
use faultline::lab::counterexamples::{Counterexample, counterexamples};
use faultline::picture::svg::escape;

use serde_json::json;

use super::cards::story;
use super::paths::minutes;
use super::{handout, in_practice, length, markdown, scenarios_of, workbench};

/// The page, without its frame. The app takes the workbench's place and leaves all else alone.
pub fn page(scenario: &'static dyn AnyScenario, info: &Info, outside: &InPractice) -> String {
    format!(
        "<div class=\"page scenario\">{}{}{}<article id=\"prose\" class=\"prose\">{}</article>{}</div>",
        heading(info),
        workbench::still(scenario, info),
        handout::section(scenario, info),
        prose(info, outside),
        neighbours(info),
    )
}

fn heading(info: &Info) -> String {
    format!(
        "<div class=\"heading\"><p class=\"crumbs\"><a href=\"{{up}}{}/\">{}</a> · level {}</p><h1>{}</h1>\
         <p class=\"lead\" title=\"{4}\">{4}</p></div>",
        info.guide.slug(),
        info.guide.title(),
        info.level,
        escape(info.title),
        escape(info.summary),
    )
}

/// The scenarios before and after this one in its guide.
fn neighbours(info: &Info) -> String {
    let all: Vec<Info> = scenarios_of(info.guide).collect();
    let at = all.iter().position(|known| known.slug == info.slug).unwrap_or(0);
    let link = |word: &str, other: Option<&Info>| {
        other.map_or(String::new(), |other| {
            format!("<a href=\"{{up}}{}/\">{word}: {}</a>", other.path(), escape(other.title))
        })
    };
    let before = at.checked_sub(1).and_then(|before| all.get(before));
    let links = link("Before", before) + &link("Next", all.get(at + 1));
    format!("<nav class=\"neighbours\" aria-label=\"In this guide\">{links}</nav>")
}

/// What the page says of itself to search engines, as schema.org has it.
pub fn described(info: &Info) -> String {
    let about = json!({
        "@context": "https://schema.org",
        "@type": "LearningResource",
        "name": info.title,
        "description": info.summary,
        "learningResourceType": "interactive simulation",
        "timeRequired": format!("PT{}M", minutes(info)),
        "teaches": info.promises.iter().map(|promise| promise.title).collect::<Vec<_>>(),
        "inLanguage": "en",
        "isAccessibleForFree": true,
    });
    format!("<script type=\"application/ld+json\">{}</script>", about.to_string().replace('<', "\\u003c"))
}

/// A scenario's text: what it says of the world outside stands before its sources.
fn prose(info: &Info, outside: &InPractice) -> String {
    let sources = info.prose.find("## Sources").unwrap_or(info.prose.len());
    let (told, sources) = info.prose.split_at(sources);
    // A phone shows no more than two lines of the summary in the heading.
    format!("<p class=\"lead\">{}</p>", escape(info.summary))
        + &broken_rules(info)
        + &markdown(told)
        + &in_practice::section(info, outside)
        + &markdown(sources)
        + &related_links(info)
}

/// A link for each rule, to the run that breaks a promise without it.
fn broken_rules(info: &Info) -> String {
    let path = info.path();
    let item = |one: Counterexample| {
        let rule = info.rules.iter().find(|known| known.1.id == one.rule)?.1.title;
        let promise = info.promises.iter().find(|known| known.id == one.promise)?.title;
        Some(format!(
            "<li><a href=\"{}\">{}</a><span>{} · broken in {}</span></li>",
            story(&one),
            escape(rule),
            escape(promise),
            length(&one)
        ))
    };
    let items: String = counterexamples().filter(|one| one.path == path).filter_map(item).collect();
    if items.is_empty() {
        return items;
    }
    format!(
        "<section class=\"without\"><h2>Without a rule</h2><p>Each opens as a story: the rule is off, and move by \
         move a promise comes to break.</p><ul>{items}</ul></section>"
    )
}
/// What to read before a scenario, and what is related to it: part of its text.
fn related_links(info: &Info) -> String {
    let link = |other: &&str| {
        let title = find(other).map_or("", |scenario| scenario.info().title);
        format!("<a href=\"{{up}}{other}/\">{}</a>", escape(title))
    };
    let list = |word: &str, paths: &[&str]| {
        let links: Vec<String> = paths.iter().map(link).collect();
        if links.is_empty() { String::new() } else { format!("<p>{word}: {}</p>", links.join(" · ")) }
    };
    let lists = list("Before this", info.before) + &list("See also", info.near);
    if lists.is_empty() { lists } else { format!("<nav class=\"related\" aria-label=\"Related\">{lists}</nav>") }
}
