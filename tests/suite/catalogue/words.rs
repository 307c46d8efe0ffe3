//! Words: prose that is complete and about its own scenario; names that are unique and well formed.

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;
use faultline::picture::{Frame, text};
use faultline::sim::declare::commands::Entry;
use faultline::sim::declare::settings::Control;
use faultline::sim::judge::verdict::Kind;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::tape::Origin;

use super::{asked_for, check, ensure, idle_and_busy, load, run};

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

/// Whether a text marks a word, as `*term*`. Wildcards of routing keys, as in `*.eu.*`, are none.
fn marks(text: &str) -> Vec<&str> {
    let inner = text.split('*').enumerate().filter(|(at, _)| at % 2 == 1).map(|(_, part)| part);
    inner.filter(|part| part.starts_with(char::is_alphabetic) && part.ends_with(char::is_alphanumeric)).collect()
}

/// Beats, answers and prose are shown with their marked terms explained; everywhere else a mark would be an asterisk.
#[test]
fn terms_are_marked_only_where_they_are_explained() {
    check(|_, info| {
        let mut plain = vec![info.title, info.summary];
        plain.extend(info.beats.iter().flat_map(|beat| [beat.title, beat.question.unwrap_or_default()]));
        plain.extend(info.rules.iter().flat_map(|rule| [rule.1.title, rule.1.about]));
        plain.extend(info.settings.iter().flat_map(|setting| [setting.1.title, setting.1.about]));
        plain.extend(info.commands.iter().flat_map(|command| [command.1.title, command.1.about]));
        plain.extend(info.promises.iter().flat_map(|promise| [promise.title, promise.about]));
        plain.extend(info.challenges.iter().flat_map(|one| [one.title, one.goal, one.hint]));
        plain.extend(info.charts.iter().flat_map(|chart| [chart.title, chart.about]));
        let marked: Vec<&str> = plain.into_iter().filter(|text| !marks(text).is_empty()).collect();
        ensure(marked.is_empty(), || format!("marks terms where nobody explains them: {marked:?}"))?;
        let shown = info.beats.iter().flat_map(|beat| [beat.say, beat.because.unwrap_or_default()]);
        let odd: Vec<&str> = shown.filter(|text| text.matches('*').count() % 2 == 1).collect();
        ensure(odd.is_empty(), || format!("a mark has no end: {odd:?}"))
    });
}

/// Things that are counted on the stage and in the sentences of the log.
const COUNTED: [&str; 74] = [
    "acknowledgements",
    "acks",
    "ballots",
    "batches",
    "battles",
    "bytes",
    "certificates",
    "clients",
    "commands",
    "confirmations",
    "connections",
    "consumers",
    "copies",
    "customers",
    "deliveries",
    "elections",
    "entries",
    "epochs",
    "events",
    "fields",
    "files",
    "gaps",
    "generations",
    "groups",
    "heartbeats",
    "hints",
    "jobs",
    "keys",
    "loads",
    "logs",
    "machines",
    "members",
    "messages",
    "misses",
    "moves",
    "nights",
    "nodes",
    "numbers",
    "offsets",
    "orders",
    "others",
    "partitions",
    "processes",
    "promises",
    "proposals",
    "queries",
    "queues",
    "readers",
    "receipts",
    "records",
    "refusals",
    "replicas",
    "requests",
    "retries",
    "returns",
    "rounds",
    "rows",
    "segments",
    "servers",
    "sessions",
    "signatures",
    "slots",
    "steps",
    "subscriptions",
    "tasks",
    "terms",
    "timeouts",
    "times",
    "tokens",
    "transactions",
    "tries",
    "values",
    "versions",
    "workers",
];

/// The "1 tasks" in a text.
pub fn miscounted(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_start_matches('(')).collect();
    let followed = words.iter().enumerate().filter(|(_, word)| **word == "1");
    let mut followers = followed.filter_map(|(at, _)| words[at + 1..].iter().find(|word| **word != "more"));
    let is_many = |word: &str| COUNTED.contains(&word) || ["wait", "are", "have", "sign"].contains(&word);
    followers.find_map(|word| {
        let word = word.trim_end_matches([')', ',', '.', ':', ';']);
        is_many(word).then(|| format!("1 {word}"))
    })
}

/// The "0 tasks" in a text: none is a word.
pub fn uncounted(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', '.', ':', ';'])).collect();
    let pair = words.windows(2).find(|pair| pair[0] == "0" && COUNTED.contains(&pair[1]))?;
    Some(pair.join(" "))
}

/// How a command may begin.
const VERBS: [&str; 43] = [
    "Add",
    "Ask",
    "Begin",
    "Bind",
    "Call",
    "Cancel",
    "Change",
    "Consume",
    "Delete",
    "Enter",
    "Flush",
    "Keep",
    "Kill",
    "Look",
    "Move",
    "Nack",
    "Nak",
    "Place",
    "Produce",
    "Propose",
    "Publish",
    "Put",
    "Read",
    "Rebuild",
    "Reject",
    "Release",
    "Remove",
    "Replay",
    "Report",
    "Say",
    "Seek",
    "Send",
    "Set",
    "Stall",
    "Start",
    "Stop",
    "Subscribe",
    "Take",
    "Terminate",
    "Update",
    "Write",
    "Wipe",
    "Wait",
];

/// "Write x = 7 as Ann": a verb first, no hole, and each thing that can be filled in is told.
#[test]
fn every_command_reads_as_an_imperative() {
    check(|_, info| {
        for (_, command) in &info.commands {
            let given = command.complete(&[]);
            let said = command.told(&given);
            let verb = said.split(' ').next().unwrap_or_default();
            ensure(VERBS.contains(&verb), || format!("{said:?} begins with {verb:?}"))?;
            let holes = said.contains(['{', '}', '[', ']', '|', '?']) || said.contains("  ");
            ensure(!holes, || format!("{said:?} has a hole"))?;
            ensure(!said.contains("nobody") && uncounted(&said).is_none(), || format!("{said:?} counts nobody"))?;
            let mut at = 0;
            for field in command.fields {
                let mut other = given.clone();
                let value = field.width();
                other[at] = match field.entry {
                    Entry::Value(control, default) => {
                        let (min, max) = control.bounds();
                        if default == max { min } else { max }
                    }
                    Entry::Text(_) => i64::from(b'z'),
                };
                ensure(command.told(&other) != said, || format!("{said:?} does not tell its {}", field.title))?;
                at += value;
            }
        }
        Ok(())
    });
}

#[test]
fn miscounts_are_found() {
    assert_eq!(uncounted("it fills 0 gaps.").as_deref(), Some("0 gaps"));
    assert_eq!(uncounted("offset 0 of partition 0, epoch 0"), None);
    assert_eq!(miscounted("queue: 1 tasks, 2 wait"), Some("1 tasks".to_owned()));
    assert_eq!(miscounted("works on 3, 1 wait").as_deref(), Some("1 wait"));
    assert_eq!(miscounted("and 1 more partitions").as_deref(), Some("1 partitions"));
    assert_eq!(miscounted("worker 1 waits for 1 task, task 1 of 11 tasks, offset 1, records 2 to 3"), None);
}

/// One is not many: on the stage, in the reasons, and in what broke.
#[test]
fn what_is_counted_agrees_with_its_number() {
    check(|scenario, info| {
        for (origin, seed) in idle_and_busy(info).iter().flat_map(|origin| (0..6).map(move |seed| (origin, seed))) {
            let place = format!("{}seed {seed}", load(origin));
            let mut run = run(scenario, &Origin { seed, ..origin.clone() });
            storm(&mut run, info.faults, seed, 300);
            for (handled, record) in run.records(1, run.step_count()) {
                let texts = record.whys.iter().map(|why| why.text.as_str()).chain([record.title.as_str()]);
                let wrong = texts.filter_map(miscounted).next();
                ensure(wrong.is_none(), || format!("{place}, event {}: {wrong:?} in {record:?}", handled.step))?;
            }
            let last = run.step_count();
            for step in (0..=last).step_by(3) {
                run.seek(step);
                let lines = text::lines(&run.world().picture(Frame::Wide));
                let wrong = lines.iter().filter_map(|line| miscounted(line)).next();
                ensure(wrong.is_none(), || format!("{place}, step {step}: the picture says {wrong:?}"))?;
            }
        }
        Ok(())
    });
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
