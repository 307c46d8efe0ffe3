//! The home page: the claim and a stage that is alive beside it, failures, paths, the guides as shelves, and what stands
//! behind it all.

use std::fmt::Write;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;
use faultline::guides::{catalogue, find};
use faultline::lab::counterexamples::{counterexamples, famous};
use faultline::picture::svg::escape;

use super::cards::{card, count, story, story_of};
use super::files::Files;
use super::paths::{self, Path, minutes};
use super::recording::{self, Recording};
use super::stills::Stills;
use super::{length, scenario_link, scenarios, scenarios_of};

/// What the page says first.
pub const TITLE: &str = "Distributed systems you can break";
/// What it says then.
pub const LEAD: &str = "Real algorithms, step by step. Crash a node, cut a link, switch off a rule, and see which promise \
                        breaks, and why.";

/// The page, without its frame.
pub fn page(recording: &Recording, files: &Files, stills: &Stills) -> String {
    [
        hero(recording, files),
        failures(stills),
        path_cards(),
        "<h2 class=\"shelves-title\">The guides</h2>".to_owned(),
        shelves(stills),
        how_true(),
    ]
    .concat()
}

/// The claim, and beside it the stage with its one button.
fn hero(recording: &Recording, files: &Files) -> String {
    let info = find(recording::PATH).map(|scenario| scenario.info());
    let rule = info.as_ref().and_then(|info| info.rules.iter().find(|rule| rule.1.id == recording::RULE));
    let rule = rule.map_or("", |rule| rule.1.title);
    let one = counterexamples().find(|one| one.path == recording::PATH && one.rule == recording::RULE);
    let promise =
        info.as_ref().zip(one).and_then(|(info, one)| info.promises.iter().find(|known| known.id == one.promise));
    let promise = promise.map_or("", |promise| promise.title);
    let why = story_of(recording::PATH, &recording.link, recording::RULE);
    let breach = recording.breach();
    format!(
        "<div class=\"hero\"><div class=\"claim\"><h1>{TITLE}</h1><p class=\"lead\">{LEAD}</p></div>\
         <section class=\"live\" data-recording=\"{{up}}{recorded}\" aria-label=\"Five servers of Raft\">\
         <p class=\"live-promise\"><span class=\"verdict-mark\" aria-hidden=\"true\">✓</span> {promise}: <span class=\"live-verdict\">holds so far</span></p>\
         {still}<ul class=\"live-legend\" aria-label=\"Messages\">{legend}</ul></section>\
         <div class=\"act\"><div class=\"live-says\" aria-live=\"polite\"><p class=\"live-say\">A server has waited long enough. It asks the others for their votes.</p>\
         <div class=\"live-breach\" hidden><h2>A promise is broken</h2><p><b>{promise}.</b> {text}</p></div></div>\
         <div class=\"live-buttons\"><button type=\"button\" class=\"primary live-crash\" aria-disabled=\"true\" disabled>Crash the leader</button>\
         <a class=\"live-why\" href=\"{why}\" hidden>See why</a>\
         <button type=\"button\" class=\"quiet live-pause\" disabled>Pause</button>\
         <a class=\"live-open\" href=\"{{up}}{path}/\">Open the scenario</a></div>\
         <p class=\"live-note\">A recorded run of the simulator, at reading pace. One rule is off in it, “{rule}”: here a server forgets its vote in a crash. \
         <a href=\"{{up}}{path}/\">The same scenario, with the rule on</a></p>\
         <p class=\"continue-place\"></p></div></div><script type=\"module\" src=\"{{up}}{script}\"></script>",
        recorded = files.recording.name,
        still = recording.still(),
        legend = recording.legend(),
        promise = escape(promise),
        text = escape(breach.map_or("", |breach| &breach.text)),
        rule = escape(rule),
        path = recording::PATH,
        script = files.home.name,
    )
}

fn failures(stills: &Stills) -> String {
    let mut out = "<section class=\"famous\"><h2>Famous failures</h2><p class=\"section-about\">Each \
                   replayed to the moment in which a promise breaks, with one rule off.</p><ul class=\"cards\">"
        .to_owned();
    for (title, one) in famous() {
        let info = find(one.path).map(|scenario| scenario.info());
        let place = info.map_or("", |info| info.title);
        let _ = write!(
            out,
            "<li><a href=\"{}\">{}</a>{}<p class=\"card-facts\">{} · {}</p></li>",
            story(&one),
            escape(title),
            stills.image(one.path, one.rule),
            length(&one),
            escape(place)
        );
    }
    out + "</ul></section>"
}

fn path_cards() -> String {
    let card = |path: &Path| {
        let step = |info: &Info| format!("<li class=\"step\">{}</li>", scenario_link(info));
        format!(
            "<li class=\"path\"><h3>{}</h3><p class=\"card-facts\">{}, {} minutes</p><p class=\"path-about\">{}</p><ol>{}</ol></li>",
            escape(path.title),
            count(path.steps.len(), "scenario"),
            path.minutes(),
            escape(path.about),
            path.steps.iter().map(step).collect::<String>()
        )
    };
    let all: String = paths::all().iter().map(card).collect();
    format!("<section class=\"paths\"><h2>Paths</h2><ul>{all}</ul></section>")
}

/// A guide with fewer scenarios shares a row with the others of its kind.
const OWN_SHELF: usize = 4;

fn shelves(stills: &Stills) -> String {
    let (large, small): (Vec<Guide>, Vec<Guide>) =
        Guide::ALL.into_iter().partition(|guide| scenarios_of(*guide).count() >= OWN_SHELF);
    let large: String = large.into_iter().map(|guide| shelf(guide, stills)).collect();
    let small: String = small.into_iter().map(|guide| shelf(guide, stills)).collect();
    format!("<div class=\"guides\">{large}<div class=\"small-shelves\">{small}</div></div>")
}

/// A guide: cards for the first scenarios of its levels, and a line for each of the others.
fn shelf(guide: Guide, stills: &Stills) -> String {
    let all: Vec<&dyn AnyScenario> = scenarios(guide).copied().collect();
    let shown = shown_of(&all);
    let is_shown = |scenario: &&dyn AnyScenario| shown.contains(&scenario.info().slug);
    let cards: String = all.iter().filter(|one| is_shown(one)).map(|one| card(*one, stills, false)).collect();
    let line = |scenario: &&dyn AnyScenario| {
        let info = scenario.info();
        format!("<li>{}<span>{} min</span></li>", scenario_link(&info), minutes(&info))
    };
    let rest: String = all.iter().filter(|one| !is_shown(one)).map(line).collect();
    let rest = if rest.is_empty() { rest } else { format!("<ul class=\"more\">{rest}</ul>") };
    format!(
        "<section class=\"shelf\"><div class=\"shelf-head\"><h3><a href=\"{{up}}{}/\">{}</a></h3><p>{}</p><p class=\"card-facts\">{}</p></div>\
         <ul class=\"cards\">{}</ul>{rest}</section>",
        guide.slug(),
        guide.title(),
        guide.about(),
        count(all.len(), "scenario"),
        cards,
    )
}

/// The scenarios of a guide that have cards: the first of each level, in order, up to four.
fn shown_of(all: &[&dyn AnyScenario]) -> Vec<&'static str> {
    let (mut shown, mut levels) = (Vec::new(), Vec::new());
    for info in all.iter().map(|scenario| scenario.info()) {
        if !levels.contains(&info.level) && shown.len() < OWN_SHELF {
            levels.push(info.level);
            shown.push(info.slug);
        }
    }
    shown
}

/// How many scenarios, promises, rules and counterexamples there are. What several scenarios share counts once.
pub struct Figures {
    pub scenarios: usize,
    pub promises: usize,
    pub rules: usize,
    pub counterexamples: usize,
}

impl Figures {
    pub fn count() -> Figures {
        let distinct = |ids: &dyn Fn(&Info) -> Vec<&'static str>| {
            let all = catalogue().iter().map(|scenario| scenario.info());
            let mut all: Vec<(&str, &str)> =
                all.flat_map(|info| ids(&info).into_iter().map(move |id| (info.system, id))).collect();
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        Figures {
            scenarios: catalogue().len(),
            promises: distinct(&|info| info.promises.iter().map(|promise| promise.id).collect()),
            rules: catalogue().iter().map(|scenario| scenario.info().rules.len()).sum(),
            counterexamples: counterexamples().count(),
        }
    }
}

fn how_true() -> String {
    let Figures { scenarios, promises, rules, counterexamples } = Figures::count();
    format!(
        "<section class=\"how-true\"><h2>How it is made true</h2><dl>\
         <div><dt>{scenarios}</dt><dd><b>scenarios, one simulator.</b> Nothing on a stage is scripted. A run follows from its seed and \
         from what you do, so a link replays it exactly.</dd></div>\
         <div><dt>{promises}</dt><dd><b>promises, checked after every event.</b> Some must always hold; others must come true in time, \
         once faults have ended.</dd></div>\
         <div><dt>{rules}</dt><dd><b>rules with a switch.</b> The tests send 1,000 random fault schedules through each scenario; \
         with all rules on, none may break a promise. <a href=\"{{up}}rules/\">All rules, and what each one buys</a></dd></div>\
         <div><dt>{counterexamples}</dt><dd><b>counterexamples.</b> With a rule off, each is a run that breaks a promise: found by \
         search where the search can reach it, and replayed by every test run.</dd></div></dl></section>"
    )
}

#[cfg(test)]
mod tests {
    use super::super::recording::record;
    use super::*;

    fn home() -> String {
        let recording = record().expect("no recording");
        page(&recording, &Files::new(String::new(), recording.json()), &Stills::new())
    }

    #[test]
    fn every_scenario_is_on_a_shelf_once() {
        let page = home();
        for scenario in catalogue() {
            let link = format!("<li><a href=\"{{up}}{}/\"", scenario.info().path());
            assert_eq!(page.matches(&link).count(), 1, "{link}");
        }
    }

    #[test]
    fn every_famous_failure_links_to_its_story() {
        let page = home();
        assert!(famous().iter().all(|(_, one)| page.contains(&format!("<a href=\"{}\">", story(one)))));
    }

    #[test]
    fn figures_count_what_is_there() {
        let figures = Figures::count();
        assert_eq!(figures.scenarios, catalogue().len());
        assert!(figures.rules > 80 && figures.promises > 40 && figures.counterexamples >= figures.rules);
    }
}
