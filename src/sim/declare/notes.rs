//! What a system says of itself to readers: what it leaves out, and how its rules are set in real systems.
//!
//! Both are written once, beside the code that they speak of: the first as a list in the system's header, the second in
//! a file of its own.

use super::rules::Rule;

/// Two texts of a system, as they stand in its folder. Only native code asks for them: the browser's apps carry neither.
pub struct Notes {
    /// The system's `mod.rs`. Its header ends with a section "Simplified here": a list, in plain words.
    pub header: &'static str,
    /// Its `practice.md`: a title, a paragraph on all entries where there is something to say, and an entry for each rule
    /// that a scenario is about:
    ///
    /// ```text
    /// ## RULE, KIND: SYSTEM, SYSTEM
    /// How it is set there, with `code` that can be copied.
    /// Source: where that is written.
    /// ```
    pub practice: &'static str,
}

/// Who sets a rule in real systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// Whoever uses the system: by a setting, a call, or the way they write their code.
    User,
    /// Nobody: it is built in, and cannot be switched off.
    Nobody,
    /// It depends on the system.
    System,
}

impl SetBy {
    /// What an entry's heading calls it.
    pub fn name(self) -> &'static str {
        match self {
            SetBy::User => "set",
            SetBy::Nobody => "built in",
            SetBy::System => "differs",
        }
    }

    fn named(name: &str) -> Option<SetBy> {
        [SetBy::User, SetBy::Nobody, SetBy::System].into_iter().find(|kind| kind.name() == name)
    }
}

/// How a rule is set in real systems. Texts are Markdown.
#[derive(Clone, Debug)]
pub struct Practice {
    /// The rule's stable name.
    pub rule: &'static str,
    pub set_by: SetBy,
    pub systems: Vec<&'static str>,
    /// How it is set, or what stands in its place.
    pub line: &'static str,
    pub source: &'static str,
}

impl Notes {
    /// Nothing to say.
    pub const NONE: Notes = Notes { header: "", practice: "" };

    /// What the system leaves out: the list of its header's last section.
    pub fn simplified(&self) -> Vec<String> {
        let header = self.header.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let section = header.skip_while(|line| *line != "# Simplified here").skip(1);
        let mut items: Vec<String> = Vec::new();
        for line in section.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()) {
            match (line.strip_prefix("- "), items.last_mut()) {
                (Some(first), _) => items.push(first.to_owned()),
                (None, Some(item)) => *item += &format!(" {line}"),
                (None, None) => {}
            }
        }
        items
    }

    /// What is said of all rules: the paragraph below the title of `practice.md`, if there is one.
    pub fn about_practice(&self) -> &'static str {
        let opening = self.practice.split("\n## ").next().unwrap_or_default();
        opening.split_once('\n').map_or("", |(_, rest)| rest.trim())
    }

    /// How these rules are set in real systems. It is an error if an entry is malformed, or its rule is unknown or has
    /// an entry already.
    pub fn practice(&self, rules: &[Rule]) -> Result<Vec<Practice>, String> {
        let mut all: Vec<Practice> = Vec::new();
        for entry in self.practice.split("\n## ").skip(1) {
            let one = read(entry).ok_or_else(|| format!("practice.md has a malformed entry: {entry}"))?;
            if !rules.iter().any(|rule| rule.id == one.rule) {
                return Err(format!("practice.md: {} is no rule of this system", one.rule));
            }
            if all.iter().any(|known| known.rule == one.rule) {
                return Err(format!("practice.md: {} has two entries", one.rule));
            }
            all.push(one);
        }
        Ok(all)
    }
}

fn read(entry: &'static str) -> Option<Practice> {
    let mut lines = entry.lines().filter(|line| !line.is_empty());
    let (rule, rest) = lines.next()?.split_once(", ")?;
    let (set_by, systems) = rest.split_once(": ")?;
    let practice = Practice {
        rule,
        set_by: SetBy::named(set_by)?,
        systems: systems.split(", ").collect(),
        line: lines.next()?,
        source: lines.next()?.strip_prefix("Source: ")?,
    };
    lines.next().is_none().then_some(practice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[Rule { id: "be-quick", title: "Be quick", about: "" }];
    const HEADER: &str = "//! A system.\n//!\n//! # Simplified here\n//!\n//! - There is one\n//!   node.\n//! - It `works`.\n\nmod a;\n";
    const ENTRY: &str = "\n## be-quick, built in: Fast, Very fast\n`fast: yes`\nSource: its manual\n";

    #[test]
    fn the_list_is_that_of_the_header() {
        assert_eq!(Notes { header: HEADER, practice: "" }.simplified(), ["There is one node.", "It `works`."]);
    }

    #[test]
    fn an_entry_has_a_rule_a_kind_systems_a_line_and_a_source() {
        let all = Notes { header: "", practice: ENTRY }.practice(RULES).expect("the entry is well formed");
        let [one] = &all[..] else { panic!("there are {} entries", all.len()) };
        assert_eq!((one.rule, one.set_by, one.line), ("be-quick", SetBy::Nobody, "`fast: yes`"));
        assert_eq!((&one.systems[..], one.source), (&["Fast", "Very fast"][..], "its manual"));
    }

    #[test]
    fn a_paragraph_below_the_title_is_about_all_entries() {
        let about = |practice| Notes { header: "", practice }.about_practice();
        assert_eq!(about("# How\n\nIn C.\n\n## be-quick, set: A\nb\nSource: c\n"), "In C.");
        assert_eq!(about("# How\n\n## be-quick, set: A\nb\nSource: c\n"), "");
        assert_eq!(about(""), "");
    }

    #[test]
    fn a_malformed_an_unknown_and_a_second_entry_are_errors() {
        let wrong = [
            "\n## be-quick, perhaps: Fast\nyes\nSource: its manual",
            "\n## be-quick, set: Fast\nyes",
            "\n## be-quick, set: Fast\nyes\nSource: its manual\nmore",
            "\n## be-slow, set: Fast\nyes\nSource: its manual",
            "\n## be-quick, set: A\nb\nSource: c\n## be-quick, set: A\nb\nSource: c",
        ];
        for practice in wrong {
            assert!(Notes { header: "", practice }.practice(RULES).is_err(), "{practice}");
        }
    }
}
