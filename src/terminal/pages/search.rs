//! What the search box of every page looks through: scenarios, rules, promises and terms, as JSON.

use faultline::guides::catalogue;
use faultline::guides::kit::guide::Guide;
use serde_json::{Value, json};

use super::guide::{glossary_of, term_id};
use super::rules::rule_id;

/// The index: for each thing its kind (a letter), its name, where it belongs, its address, and what is said of it.
pub fn index() -> String {
    let mut all: Vec<Value> = Vec::new();
    for guide in Guide::ALL {
        all.push(json!(["g", guide.title(), "", format!("{}/", guide.slug()), guide.about()]));
    }
    for info in catalogue().iter().map(|scenario| scenario.info()) {
        all.push(json!(["s", info.title, info.guide.title(), format!("{}/", info.path()), info.summary]));
    }
    for info in catalogue().iter().map(|scenario| scenario.info()) {
        for (_, rule) in &info.rules {
            all.push(json!(["r", rule.title, info.title, format!("rules/#{}", rule_id(&info, rule)), rule.about]));
        }
        for promise in &info.promises {
            all.push(json!(["p", promise.title, info.title, format!("{}/", info.path()), promise.about]));
        }
    }
    // Several guides explain the same term; the first is enough.
    let mut known: Vec<&str> = Vec::new();
    for guide in Guide::ALL {
        for (term, meaning) in glossary_of(guide) {
            if known.contains(&term) {
                continue;
            }
            known.push(term);
            all.push(json!(["t", term, guide.title(), format!("{}/#{}", guide.slug(), term_id(term)), meaning]));
        }
    }
    Value::Array(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_found() {
        let index = index();
        let has = |text: &str| index.contains(&json!(text).to_string());
        for scenario in catalogue() {
            let info = scenario.info();
            assert!(has(info.title), "{}", info.path());
            assert!(info.rules.iter().all(|rule| has(rule.1.title)), "a rule of {}", info.path());
            assert!(info.promises.iter().all(|promise| has(promise.title)), "a promise of {}", info.path());
        }
        for guide in Guide::ALL {
            assert!(glossary_of(guide).iter().all(|term| has(term.0)), "a term of {}", guide.slug());
        }
    }
}
