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

use super::{in_practice, markdown};

/// A scenario's page: its first picture, its promises, the tour's first words, its prose.
pub fn page(scenario: &'static dyn AnyScenario, info: &Info, prose: &str) -> String {
    let world = scenario.start(&Origin { seed: info.seed, ..Origin::default() });
    let draw = |frame| {
        whole(&world.picture(frame), &world.flights(), world.kernel().now(), &format!("{}, at the start", info.title))
    };
    let chip = |title: &str| {
        let mark = "<span class=\"verdict-mark\" aria-hidden=\"true\">…</span>";
        format!(
            "<li data-verdict=\"pending\"><span class=\"chip\">{mark}<span class=\"promise-title\">{}</span></span></li>",
            escape(title)
        )
    };
    let promises: String = info.promises.iter().map(|promise| chip(promise.title)).collect();
    let beat = info.beats.first().map_or(String::new(), |beat| {
        format!(
            "<div class=\"beat\"><h3>{}</h3><p>{}</p></div>",
            escape(beat.title),
            escape(&beat.say.replace('*', ""))
        )
    });
    format!(
        "<div class=\"page scenario\"><div class=\"heading\"><p class=\"crumbs\"><a href=\"{{up}}{guide}/\">{guide_title}</a> · level {level}</p><h1>{title}</h1><p class=\"lead\" title=\"{summary}\">{summary}</p></div>\
         <div class=\"workbench{load}\"><div class=\"stage-frame\"><section class=\"promises\" aria-label=\"Promises\"><span class=\"chip promise-summary\">{count} promises</span><ul class=\"chips\">{promises}</ul></section>\
         <div class=\"stages\"><section class=\"stage-box\"><div id=\"stage\" class=\"stage is-still-page\" data-scenario=\"{path}\"><div class=\"canvas\"><div class=\"only-wide\">{wide}</div><div class=\"only-narrow\">{narrow}</div></div></div></section></div></div>\
         <section class=\"tour\"><div class=\"tour-head\"><h2>Tour</h2></div><div class=\"tour-body\">{beat}</div><div class=\"tour-foot\"></div></section>\
         <section class=\"transport\"></section><aside class=\"panels\"></aside><div class=\"dock-bar\"></div></div>\
         <article id=\"prose\" class=\"prose\">{prose}</article></div>",
        load = if info.shows_load() { " shows-load" } else { "" },
        count = info.promises.len(),
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

/// A scenario's text: what it says of the world outside stands before its sources.
pub fn prose(info: &Info, outside: &InPractice) -> String {
    let sources = info.prose.find("## Sources").unwrap_or(info.prose.len());
    let (told, sources) = info.prose.split_at(sources);
    // Its heading has room for one line of the summary.
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
            "<li><a href=\"../../{path}/?run={}&amp;story={}\">{}</a><span>{} · broken in {}</span></li>",
            one.run,
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
        "<section class=\"without\"><h2>Without a rule</h2><p>Each opens as a story: the rule is off, and move by \
         move a promise comes to break.</p><ul>{items}</ul></section>"
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
