//! A guide's page: its scenarios as cards by level, its own text, and the terms that it uses.

use std::fmt::Write;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::lab::counterexamples::counterexamples;
use faultline::lab::glossary::Term;
use faultline::picture::svg::escape;
use faultline::sim::numbers::listed;

use super::cards::{card, count, facts, story, systems};
use super::paths::minutes;
use super::stills::Stills;
use super::{in_practice, length, markdown, scenario_link, scenarios};

/// The page, without its frame.
pub fn page(guide: Guide, stills: &Stills) -> String {
    let all: Vec<&'static dyn AnyScenario> = scenarios(guide).copied().collect();
    let time: usize = all.iter().map(|scenario| minutes(&scenario.info())).sum();
    let rules: usize = all.iter().map(|scenario| scenario.info().rules.len()).sum();
    let mut page = format!(
        "<h1>{}</h1><p class=\"lead\">{}</p><p class=\"guide-facts\">{} · about {} · <a href=\"{{up}}rules/#{}\">{} you can switch off</a></p>",
        guide.title(),
        guide.about(),
        count(all.len(), "scenario"),
        duration(time),
        guide.slug(),
        count(rules, "rule"),
    );
    match all[..] {
        [only] => page.push_str(&alone(only, stills)),
        _ => page.push_str(&levels(guide, &all, stills)),
    }
    let (prose, glossary) = (markdown(guide.prose()), glossary(guide));
    let prose =
        if prose.is_empty() { prose } else { format!("<article id=\"prose\" class=\"prose\">{prose}</article>") };
    page + &format!("<div class=\"guide-text\">{prose}{glossary}</div>")
}

fn duration(minutes: usize) -> String {
    match (minutes + 5) / 10 * 10 {
        _ if minutes < 60 => format!("{minutes} minutes"),
        rounded if rounded % 60 == 0 => count(rounded / 60, "hour"),
        rounded => format!("{} {} minutes", count(rounded / 60, "hour"), rounded % 60),
    }
}

fn levels(guide: Guide, all: &[&'static dyn AnyScenario], stills: &Stills) -> String {
    let mut levels: Vec<u8> = all.iter().map(|scenario| scenario.info().level).collect();
    levels.sort_unstable();
    levels.dedup();
    let mut out = "<div class=\"levels\">".to_owned();
    for level in levels {
        let title = escape(guide.level(level));
        let of_level = all.iter().filter(|scenario| scenario.info().level == level);
        let cards: String = of_level.map(|scenario| card(*scenario, stills, true)).collect();
        let _ = write!(
            out,
            "<section class=\"level\"><h2><span class=\"level-number\">{level}</span> {title}</h2><ol class=\"cards\">{cards}</ol></section>"
        );
    }
    out + "</div>"
}

/// The one scenario that a guide has: what it promises, and what breaks without its rules.
fn alone(scenario: &'static dyn AnyScenario, stills: &Stills) -> String {
    let info = scenario.info();
    let promises: String = info.promises.iter().map(|promise| format!("<li>{}</li>", escape(promise.title))).collect();
    let rule = |rule: &(_, &'static faultline::sim::declare::rules::Rule)| {
        let path = info.path();
        let one = counterexamples().find(|one| one.path == path && one.rule == rule.1.id);
        let breaks = one.map_or(String::new(), |one| {
            format!(": <a href=\"{}\">breaks in {} without it</a>", story(&one), length(&one))
        });
        format!("<li>{}{breaks}</li>", escape(rule.1.title))
    };
    let rules: String = info.rules.iter().map(rule).collect();
    let near = info.near.iter().chain(info.before).filter_map(|other| find(other));
    let near: Vec<String> = near.map(|other| scenario_link(&other.info())).collect();
    let versions = in_practice::of(scenario).map_or(String::new(), |outside| outside.versions.join(" · "));
    let systems = systems(scenario);
    format!(
        "<section class=\"level alone\"><div class=\"alone-picture\">{image}</div><div class=\"alone-text\"><h2>{link}</h2><p>{summary}</p><p class=\"card-facts\">{facts}{dot}{systems}</p>\
         <div class=\"alone-lists\"><div><h3>What is promised</h3><ul>{promises}</ul></div><div><h3>What it rests on</h3><ul>{rules}</ul></div></div>\
         <p class=\"card-facts\">Sources and versions: {versions}.</p></div></section>\
         <p class=\"alone-note\">This guide has one scenario so far. See also {near}.</p>",
        image = stills.image(&info.path(), ""),
        link = scenario_link(&info),
        summary = escape(info.summary),
        facts = facts(&info),
        dot = if systems.is_empty() { "" } else { " · " },
        systems = escape(&systems),
        versions = escape(&versions),
        near = listed(&near),
    )
}

/// The terms that a guide's scenarios use.
fn glossary(guide: Guide) -> String {
    let terms = glossary_of(guide);
    if terms.is_empty() {
        return String::new();
    }
    let mut out = "<section class=\"terms\"><h2 id=\"glossary\">Glossary</h2><dl class=\"glossary\">".to_owned();
    for (term, meaning) in terms {
        let _ = write!(out, "<dt id=\"{}\">{}</dt><dd>{}</dd>", term_id(term), escape(term), escape(meaning));
    }
    out + "</dl></section>"
}

/// The place of a term on its guide's page.
pub fn term_id(term: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    format!("term-{}", term.chars().map(plain).collect::<String>())
}

/// The terms that a guide's scenarios explain, in order. "acceptors" is listed as "acceptor" if that is a term too.
pub fn glossary_of(guide: Guide) -> Vec<Term> {
    let mut all: Vec<Term> = scenarios(guide).flat_map(|scenario| scenario.terms()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let is_listed = |term: &str| all.iter().any(|known| known.0 == term);
    all.iter().copied().filter(|known| !known.0.strip_suffix('s').is_some_and(is_listed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_shows_each_of_its_scenarios_and_terms() {
        let stills = Stills::new();
        for guide in Guide::ALL {
            let page = page(guide, &stills);
            assert!(
                scenarios(guide).all(|scenario| page.contains(&scenario_link(&scenario.info()))),
                "{}",
                guide.slug()
            );
            assert!(glossary_of(guide).iter().all(|term| page.contains(&term_id(term.0))), "{}", guide.slug());
            assert!(!page.contains("</span> </h2>"), "{} has a level without a name", guide.slug());
        }
    }

    #[test]
    fn long_times_are_told_in_hours() {
        assert_eq!(
            [38, 60, 95, 209].map(duration),
            ["38 minutes", "1 hour", "1 hour 40 minutes", "3 hours 30 minutes"]
        );
    }
}
