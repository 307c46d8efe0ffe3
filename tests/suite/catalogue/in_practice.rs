//! What a page says of the world outside: the versions it speaks of, what its system leaves out, and how each of its rules
//! is set in real systems.

use super::{check, ensure};

#[test]
fn every_page_names_the_versions_it_speaks_of() {
    check(|scenario, _| {
        let versions = scenario.in_practice()?.versions;
        ensure(!versions.is_empty(), || "`versions` is empty".to_owned())?;
        let vague = versions.iter().find(|version| !version.contains(|letter: char| letter.is_ascii_digit()));
        ensure(vague.is_none(), || format!("{vague:?} has no number and no year"))
    });
}

#[test]
fn every_page_says_what_is_simplified() {
    check(|scenario, info| {
        let items = scenario.in_practice()?.simplified;
        ensure(!items.is_empty(), || format!("the header of {} has no list \"Simplified here\"", info.system))?;
        let for_readers = |item: &String| item.ends_with('.') && !item.contains("[`") && !item.contains("::");
        let odd: Vec<&String> = items.iter().filter(|item| !for_readers(item)).collect();
        ensure(odd.is_empty(), || format!("these are no sentences for readers: {odd:?}"))
    });
}

#[test]
fn every_rule_says_how_it_is_set_in_real_systems() {
    check(|scenario, info| {
        let rules = scenario.in_practice()?.rules;
        let silent = |id: &&str| !rules.iter().any(|practice| practice.rule == *id);
        let missing: Vec<&str> = info.rules.iter().map(|rule| rule.1.id).filter(silent).collect();
        ensure(missing.is_empty(), || format!("the practice.md of {} has no entry for {missing:?}", info.system))?;
        let odd =
            rules.iter().find(|practice| !practice.line.ends_with('.') || practice.line.matches('`').count() % 2 == 1);
        ensure(odd.is_none(), || format!("this is no sentence, or has an open `: {odd:?}"))
    });
}
