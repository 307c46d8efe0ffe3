//! Words: prose that is complete and about its own scenario; names that are unique and well formed.

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;
use faultline::sim::declare::settings::Control;
use faultline::sim::judge::verdict::Kind;

use super::{asked_for, check, ensure};

#[test]
fn prose_has_all_its_sections_and_a_source() {
    let sections = ["What you see", "Why it works", "What breaks it", "Where it is used", "Sources"];
    check(|_, info| {
        let found: Vec<&str> = info.prose.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        ensure(found == sections, || format!("the sections are {found:?}"))?;
        let sources = info.prose.split("## Sources").nth(1).unwrap_or("");
        ensure(sources.lines().any(|line| line.starts_with("- ")), || "there is no source".to_owned())?;
        ensure(info.prose.split_whitespace().count() > 250, || "the prose is too short".to_owned())
    });
}

#[test]
fn no_prose_is_that_of_another_scenario() {
    let all: Vec<Info> = catalogue().iter().map(|scenario| scenario.info()).collect();
    for info in asked_for().iter().map(|scenario| scenario.info()) {
        let twin = all.iter().find(|other| other.path() != info.path() && share_a_section(info.prose, other.prose));
        assert!(twin.is_none(), "{} has prose of {}", info.path(), twin.map_or(String::new(), Info::path));
    }
}

/// Whether two texts have a section of some length in common, word for word.
fn share_a_section(one: &str, other: &str) -> bool {
    let long = |text: &&str| text.len() > 200;
    one.split("\n## ").filter(long).any(|section| other.split("\n## ").any(|known| known == section))
}

/// The prose mentions every rule, by at least one word of its title.
#[test]
fn prose_speaks_of_every_rule() {
    check(|_, info| {
        let prose = info.prose.to_lowercase();
        let silent: Vec<&str> =
            info.rules.iter().map(|rule| rule.1.title).filter(|title| !speaks(&prose, title)).collect();
        ensure(silent.is_empty(), || format!("the prose has no word of {silent:?}"))
    });
}

/// Whether a lower-case text has the stem of a longer word of a title.
fn speaks(prose: &str, title: &str) -> bool {
    let title = title.to_lowercase();
    let mut words = title.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() >= 4).peekable();
    words.peek().is_none() || words.any(|word| prose.contains(word.get(..6).unwrap_or(word)))
}

#[test]
fn names_are_unique_and_well_formed() {
    let kebab = |id: &str| {
        !id.is_empty()
            && id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
    };
    check(|_, info| {
        let ids = [
            info.rules.iter().map(|rule| rule.1.id).collect::<Vec<_>>(),
            info.settings.iter().map(|setting| setting.1.id).collect(),
            info.promises.iter().map(|promise| promise.id).collect(),
            info.challenges.iter().map(|challenge| challenge.id).collect(),
            info.commands.iter().map(|command| command.1.id).collect(),
        ];
        for mut list in ids {
            ensure(list.iter().all(|id| kebab(id)), || format!("{list:?} are no kebab-case names"))?;
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            ensure(list.len() == count, || format!("{list:?} repeats a name"))?;
        }
        ensure(info.promises.iter().any(|promise| promise.kind != Kind::Reachable), || "promises nothing".to_owned())?;
        for (_, setting, value) in &info.settings {
            let (min, max) = setting.control.bounds();
            ensure((min..=max).contains(value), || format!("{} is {value}, outside its bounds", setting.id))?;
            let steps = !matches!(setting.control, Control::Slider { step, .. } if step <= 0);
            ensure(steps, || format!("{} has no step", setting.id))?;
        }
        Ok(())
    });
    let mut paths: Vec<String> = catalogue().iter().map(|scenario| scenario.info().path()).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count, "two scenarios have one address");
}
