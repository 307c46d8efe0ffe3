//! The page of all rules: what each one buys, what breaks without it and in how many moves, how real systems set it.

use std::fmt::Write;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;
use faultline::lab::counterexamples::counterexamples;
use faultline::picture::svg::escape;
use faultline::sim::declare::rules::Rule;

use super::cards::{count, story};
use super::{Failure, in_practice, length, markdown, scenario_link, scenarios};

/// What the page is called.
pub const TITLE: &str = "All rules";
/// What it is about.
pub const ABOUT: &str = "Every rule that can be switched off: what it buys, which promise breaks without it, in how many moves, and how \
                         real systems set it.";

/// The page, without its frame.
pub fn page() -> Result<String, Failure> {
    let (mut groups, mut number) = (String::new(), 0);
    for guide in Guide::ALL {
        let _ = write!(groups, "<section class=\"rules-guide\"><h2 id=\"{}\">{}</h2>", guide.slug(), guide.title());
        for scenario in scenarios(guide).filter(|scenario| !scenario.info().rules.is_empty()) {
            number += scenario.info().rules.len();
            groups.push_str(&group(*scenario)?);
        }
        groups.push_str("</section>");
    }
    let links: Vec<String> =
        Guide::ALL.iter().map(|guide| format!("<a href=\"#{}\">{}</a>", guide.slug(), guide.title())).collect();
    Ok(format!(
        "<h1>{TITLE}</h1><p class=\"lead\">{ABOUT}</p>\
         <form class=\"rules-filter\" role=\"search\" aria-label=\"Filter the rules\"><label for=\"rules-word\">Filter by a word</label>\
         <input id=\"rules-word\" type=\"text\" autocomplete=\"off\" spellcheck=\"false\"><output for=\"rules-word\" aria-live=\"polite\">{}</output></form>\
         <nav class=\"rules-guides\" aria-label=\"Guides on this page\">{}</nav>{groups}",
        count(number, "rule"),
        links.join(" ")
    ))
}

/// The rules of a scenario.
fn group(scenario: &'static dyn AnyScenario) -> Result<String, Failure> {
    let (info, outside) = (scenario.info(), in_practice::of(scenario)?);
    let mut out = format!("<section class=\"rules-group\"><h3>{}</h3>", scenario_link(&info));
    for (_, rule) in &info.rules {
        let practice = outside.rules.iter().find(|practice| practice.rule == rule.id);
        let practice = practice.map_or(String::new(), |practice| {
            format!(
                "<div class=\"rule-practice\"><h5>In practice</h5>{}<p class=\"rule-systems\">{}</p></div>",
                markdown(practice.line),
                escape(&practice.systems.join(", "))
            )
        });
        let (on, off) = rule.about.split_once(" Off: ").unwrap_or((rule.about, ""));
        let _ = write!(
            out,
            "<article class=\"rule-entry\" id=\"{id}\"><h4><a href=\"#{id}\">{title}</a></h4><div class=\"rule-body\"><div class=\"rule-about\"><p>{on}</p>{off}{breaks}</div>{practice}</div></article>",
            id = rule_id(&info, rule),
            title = escape(rule.title),
            on = escape(on),
            off = if off.is_empty() {
                String::new()
            } else {
                format!("<p class=\"rule-off\"><b>Off:</b> {}</p>", escape(off))
            },
            breaks = breaks(&info, rule),
        );
    }
    Ok(out + "</section>")
}

/// What breaks without a rule, with its story.
fn breaks(info: &Info, rule: &Rule) -> String {
    let path = info.path();
    match counterexamples().find(|one| one.path == path && one.rule == rule.id) {
        Some(one) => {
            let promise =
                info.promises.iter().find(|promise| promise.id == one.promise).map_or("", |promise| promise.title);
            format!(
                "<p class=\"rule-breaks\"><a href=\"{}\" aria-label=\"See how: without “{}”\">See how</a> “{}” breaks in {}.</p>",
                story(&one),
                escape(rule.title),
                escape(promise),
                length(&one)
            )
        }
        None => "<p class=\"rule-breaks\">No promise of this page breaks without it.</p>".to_owned(),
    }
}

/// The place of a rule on the page.
pub fn rule_id(info: &Info, rule: &Rule) -> String {
    format!("{}-{}-{}", info.guide.slug(), info.slug, rule.id)
}

#[cfg(test)]
mod tests {
    use faultline::guides::catalogue;

    use super::*;

    #[test]
    fn every_rule_and_every_counterexample_is_on_the_page_once() {
        let Ok(page) = page() else { panic!("a note is malformed") };
        for info in catalogue().iter().map(|scenario| scenario.info()) {
            for (_, rule) in &info.rules {
                let place = format!("id=\"{}\"", rule_id(&info, rule));
                assert_eq!(page.matches(&place).count(), 1, "{place}");
            }
        }
        for one in counterexamples() {
            let address = format!("\"{}\"", story(&one));
            assert_eq!(page.matches(&address).count(), 1, "{} without {}", one.path, one.rule);
        }
    }
}
