//! The parts of README.md that the suite writes: `cargo xtask bless` updates them.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;

use crate::pinned::blessing;

/// Tests run in parallel, and all write to one file.
static WRITING: Mutex<()> = Mutex::new(());

/// README.md has this text between `<!-- part: ... -->` and `<!-- end -->`.
pub fn holds(part: &str, text: &str) {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(file).expect("README.md is there");
    let begin = readme.find(&format!("<!-- {part}:")).unwrap_or_else(|| panic!("README.md has no place for: {part}"));
    let begin = begin + readme[begin..].find('\n').expect("the place's line has an end") + 1;
    let end = begin + readme[begin..].find("<!-- end -->").expect("the place has an end");
    if blessing() {
        let whole = format!("{}{text}{}", &readme[..begin], &readme[end..]);
        std::fs::write(file, whole).expect("README.md can be written");
        return;
    }
    let (now, then): (Vec<&str>, Vec<&str>) = (text.lines().collect(), readme[begin..end].lines().collect());
    let differ = now.iter().filter(|line| !then.contains(line)).chain(then.iter().filter(|line| !now.contains(line)));
    let differ: Vec<_> = differ.collect();
    assert!(now == then, "README.md, {part}: bless with `cargo xtask bless`: {differ:#?}");
}

#[test]
fn readme_lists_every_scenario() {
    let head = "| guide | scenario | rules you can switch off |\n|---|---|---|\n".to_owned();
    let table = catalogue().iter().map(|scenario| scenario.info()).fold(head, |mut text, info| {
        let _ = writeln!(text, "| {} | {} | {} |", info.guide.title(), info.title, rules(&info));
        text
    });
    holds("scenarios", &table);
}

fn rules(info: &Info) -> String {
    let titles: Vec<String> = info.rules.iter().map(|rule| in_a_sentence(rule.1.title)).collect();
    match (titles.is_empty(), info.impossible) {
        (false, _) => titles.join(", "),
        (true, true) => "none: the promise cannot hold, and the page says why".to_owned(),
        (true, false) => "none: a comparison".to_owned(),
    }
}

/// A title within a sentence of Markdown: "acks=all" and "W + R > N" stay, "Health checks" becomes "health checks".
fn in_a_sentence(title: &str) -> String {
    let title = title.replace('*', "\\*");
    let is_word = title.starts_with("A ") || title.chars().nth(1).is_some_and(char::is_lowercase);
    let (first, rest) = title.split_at(title.chars().next().map_or(0, char::len_utf8));
    if is_word { first.to_lowercase() + rest } else { title }
}
