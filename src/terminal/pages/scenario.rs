//! A scenario's page as it is before the app takes it over: its first picture, and its whole text.

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::in_practice::InPractice;
use faultline::guides::kit::info::Info;
use faultline::lab::counterexamples::{Counterexample, counterexamples};
use faultline::picture::Frame;
use faultline::picture::svg::{escape, whole};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

use serde_json::json;

use super::paths::minutes;
use super::{in_practice, markdown};

/// A scenario's page: its first picture, its promises, the tour's first words, its prose.
pub fn page(scenario: &'static dyn AnyScenario, info: &Info, prose: &str) -> String {
    let world = scenario.start(&Origin { seed: info.seed, ..Origin::default() });
    let draw = |frame| {
        whole(&world.picture(frame), &world.flights(), world.kernel().now(), &format!("{}, at the start", info.title))
    };
    let promises: String = info.promises.iter().map(|promise| {
        format!("<li><span class=\"verdict-mark\" aria-hidden=\"true\">…</span><span class=\"promise-title\">{}</span></li>", escape(promise.title))
    }).collect();
    let beat = info.beats.first().map_or(String::new(), |beat| {
        format!(
            "<div class=\"beat\"><h3>{}</h3><p>{}</p></div>",
            escape(beat.title),
            escape(&beat.say.replace('*', ""))
        )
    });
    format!(
        "<div class=\"page scenario\"><div class=\"heading\"><p class=\"crumbs\"><a href=\"{{up}}{guide}/\">{guide_title}</a> · level {level}</p><h1>{title}</h1><p class=\"lead\">{summary}</p></div>\
         <div class=\"workbench\"><div class=\"main-column\"><section class=\"stage-box\"><div id=\"stage\" class=\"stage is-still-page\" data-scenario=\"{path}\"><div class=\"canvas\"><div class=\"only-wide\">{wide}</div><div class=\"only-narrow\">{narrow}</div></div></div><div class=\"stage-tools\"></div></section><section class=\"transport\"></section></div>\
         <aside class=\"panels\"><section class=\"tour\"><h2>Tour</h2>{beat}</section><section class=\"promises\"><h2>Promises</h2><ul>{promises}</ul></section></aside>\
         <article id=\"prose\" class=\"prose\">{prose}</article></div></div>",
        guide = info.guide.slug(),
        guide_title = info.guide.title(),
        level = info.level,
        title = escape(info.title),
        summary = escape(info.summary),
        path = info.path(),
        wide = draw(Frame::Wide),
        narrow = draw(Frame::Narrow),
    )
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
pub fn prose(info: &Info, outside: &InPractice) -> String {
    let sources = info.prose.find("## Sources").unwrap_or(info.prose.len());
    let (told, sources) = info.prose.split_at(sources);
    broken_rules(info)
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
            "<li><a href=\"../../{path}/?run={}&amp;story={}\">{}</a><span>{} · broken in {}</span></li>",
            one.run,
            one.rule,
            escape(rule),
            escape(promise),
            one.length
        ))
    };
    let items: String = counterexamples().filter(|one| one.path == path).filter_map(item).collect();
    if items.is_empty() {
        return items;
    }
    format!(
        "<section class=\"without\"><h2>Without a rule</h2><p>Each opens with the rule off, where the promise has just \
         broken: step back to see how it got there.</p><ul>{items}</ul></section>"
    )
}
/// What to read before a scenario, and what is related to it: part of its text, with addresses relative to its page.
fn related_links(info: &Info) -> String {
    let link = |other: &&str| {
        let title = find(other).map_or("", |scenario| scenario.info().title);
        format!("<a href=\"../../{other}/\">{}</a>", escape(title))
    };
    let list = |word: &str, paths: &[&str]| {
        let links: Vec<String> = paths.iter().map(link).collect();
        if links.is_empty() { String::new() } else { format!("<p>{word}: {}</p>", links.join(" · ")) }
    };
    let lists = list("Before this", info.before) + &list("See also", info.near);
    if lists.is_empty() { lists } else { format!("<nav class=\"related\" aria-label=\"Related\">{lists}</nav>") }
}
