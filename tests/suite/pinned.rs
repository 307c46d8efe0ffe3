//! Files of results that must stay as they are: lines in the catalogue's order, each beginning with its scenario.
//! `cargo xtask bless` rewrites them, or only the lines of FAULTLINE_SCENARIO if it is set.

use std::fmt::Write;

use faultline::guides::catalogue;

/// A scenario's path and its lines.
pub type Lines = (String, Vec<String>);

/// Whether to write results instead of comparing them.
pub fn blessing() -> bool {
    std::env::var_os("FAULTLINE_BLESS").is_some()
}

/// Compares lines with a file's, or writes them into it. `name`: what a line is about, which stays the same when the
/// line changes.
pub fn pinned(file: &str, found: &[Lines], name: impl Fn(&str) -> String) {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if blessing() {
        assert!(std::fs::write(&path, merged(&before, found)).is_ok(), "{file} cannot be written");
        return;
    }
    let complaint = complaint(&before, found, name);
    assert!(complaint.is_empty(), "{file}:\n{complaint}");
}

/// The file with these scenarios' lines in place of their old ones.
fn merged(before: &str, found: &[Lines]) -> String {
    let mut text = String::new();
    for path in catalogue().iter().map(|scenario| scenario.info().path()) {
        match found.iter().find(|known| known.0 == path) {
            Some((_, lines)) => lines.iter().for_each(|line| text.push_str(&format!("{line}\n"))),
            None => of(before, &path).for_each(|line| text.push_str(&format!("{line}\n"))),
        }
    }
    text
}

fn of<'a>(text: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter(move |line| line.split(' ').next() == Some(path))
}

/// What is wrong, in words; nothing when all is as it was.
fn complaint(before: &str, found: &[Lines], name: impl Fn(&str) -> String) -> String {
    let mut words = String::new();
    for (path, now) in found {
        let known: Vec<&str> = of(before, path).collect();
        for line in now.iter().filter(|line| !known.contains(&line.as_str())) {
            match known.iter().find(|old| name(old) == name(line)) {
                Some(old) => _ = writeln!(words, "changed: {}\n    was {old}\n    is  {line}", name(line)),
                None => _ = writeln!(words, "new: bless with `cargo xtask bless {path}`: {}\n    {line}", name(line)),
            }
        }
        for gone in known.iter().filter(|old| !now.iter().any(|line| name(line) == name(old))) {
            let _ = writeln!(words, "gone: bless with `cargo xtask bless {path}`: {}", name(gone));
        }
    }
    let path_of = |line: &&str| line.split(' ').next().unwrap_or_default().to_owned();
    let paths: Vec<String> = catalogue().iter().map(|scenario| scenario.info().path()).collect();
    for gone in before.lines().filter(|line| !paths.contains(&path_of(line))) {
        let _ = writeln!(words, "of no scenario: bless with `cargo xtask bless`: {}", name(gone));
    }
    words
}

#[test]
fn a_new_line_is_told_from_a_changed_one() {
    let [first, second] = [0, 1].map(|at| catalogue()[at].info().path());
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let before = format!("{first} a 1\n{first} b 1\n{second} a 1\n");
    let now = |lines: &[&str]| vec![(first.clone(), lines.iter().map(|line| format!("{first} {line}")).collect())];
    assert_eq!(complaint(&before, &now(&["a 1", "b 1"]), name), "");
    assert!(complaint(&before, &now(&["a 2", "b 1"]), name).starts_with(&format!("changed: {first} a")));
    assert!(complaint(&before, &now(&["a 1", "b 1", "c 1"]), name).starts_with("new: bless with"));
    assert!(complaint(&before, &now(&["a 1"]), name).starts_with("gone: bless with"));
    assert_eq!(merged(&before, &now(&["c 3"])), format!("{first} c 3\n{second} a 1\n"));
    assert_eq!(complaint("elsewhere/else a 1\n", &[], name).lines().count(), 1);
}
