//! What a story says at each of its moves: what happened or was done, and why; what a fault takes from a node; and which
//! other promises break on the way.

use super::story::Stop;
use crate::guides::kit::info::Info;
use crate::guides::kit::live::LiveWorld;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{broken, last_broken};
use crate::sim::numbers::listed;
use crate::sim::run::Run;
use crate::sim::run::simulation::{Record, Simulation, Why};
use crate::sim::run::tape::Input;
use crate::sim::small;
use crate::views::Fields;

/// The most fields of a node that one sentence names.
const MOST_NAMED: usize = 4;
/// The longest value of a field that is told, in characters.
const LONGEST_VALUE: usize = 48;
/// From here on, words of a rule's title and of a field's name are compared, by as many letters.
const STEM: usize = 4;

/// Values that say that there is nothing.
const NOTHING: [&str; 13] =
    ["", "0", "-", "–", "none", "nobody", "nothing", "nothing set", "no", "unset", "empty", "free", "not known"];

/// What is said of one move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// "Crash C", or "B receives a vote, term 2, from A".
    pub title: String,
    /// Why, or what came of it.
    pub text: String,
    /// Which other promises break in it.
    pub also: String,
}

/// What is said of the last of these stops; none if it lies beyond the run. `is_end`: the story ends with it.
pub fn said(run: &Run<LiveWorld>, info: &Info, stops: &[Stop], is_end: bool) -> Option<Said> {
    let stop = *stops.last()?;
    let before = stops.iter().rev().nth(1).map_or((0, 0), Stop::place);
    let also = also_broken(run, info, before, stop.place(), is_end);
    if stop.act.is_some() {
        let (title, text) = done(run, info, stop)?;
        return Some(Said { title, text, also });
    }
    let (_, record) = run.records(stop.step, stop.step).into_iter().next()?;
    Some(Said { text: reasons(info, &record), title: record.title, also })
}

/// The sentences that an event's node gave, each with its rule.
pub fn reasons(info: &Info, record: &Record) -> String {
    let sentence = |why: &Why| {
        let rule = why.rule.and_then(|id| info.rules.iter().find(|rule| rule.0 == id));
        rule.map_or_else(|| why.text.clone(), |rule| why.text.clone() + &why.tag(rule.1.title))
    };
    record.whys.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

/// The promises that break between two places of a run, but for the one that the story's end tells.
fn also_broken(run: &Run<LiveWorld>, info: &Info, from: (u64, usize), to: (u64, usize), is_end: bool) -> String {
    let (Some(was), Some(is)) = (run.amid(from.0, from.1), run.amid(to.0, to.1)) else { return String::new() };
    let told = last_broken(is.standings()).filter(|_| is_end).map(|(promise, _)| promise);
    let others = broken(is.standings())
        .map(|(promise, _)| promise)
        .filter(|promise| Some(*promise) != told && !was.standings()[*promise].verdict.is_broken());
    let titles: Vec<String> = others.map(|promise| format!("“{}”", info.promises[promise].title)).collect();
    match (titles.is_empty(), is_end) {
        (true, _) => String::new(),
        (_, true) => format!("It also breaks {}.", listed(&titles)),
        (_, false) => format!("Another promise breaks here: {}.", listed(&titles)),
    }
}

/// What was done at a stop, in words, and what came of it.
fn done(run: &Run<LiveWorld>, info: &Info, stop: Stop) -> Option<(String, String)> {
    let act = stop.act?;
    let words = run.describe_inputs(stop.step).into_iter().nth(act)?;
    let input = &run.branch().tape().after(stop.step).get(act)?.input;
    let (before, after) = (run.amid(stop.step, act)?, run.amid(stop.step, act + 1)?);
    Some((words, came_of(input, &before, &after, &missing(info, &before))))
}

/// The words of the rules that are off, by their first letters: what they are about is told first.
fn missing(info: &Info, world: &LiveWorld) -> Vec<String> {
    let off = info.rules.iter().filter(|(rule, _)| !world.rules().on(*rule));
    off.flat_map(|(_, rule)| stems(rule.title)).collect()
}

fn stems(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() >= STEM)
        .map(|word| word.chars().take(STEM).collect::<String>().to_lowercase())
}

/// What an input has done to a node, in a sentence or two.
fn came_of(input: &Input, before: &LiveWorld, after: &LiveWorld, missing: &[String]) -> String {
    match input {
        Input::Crash { node } => {
            let was = before.inspect(*node);
            gone(&was.memory, &Fields::new(), &was.disk, missing)
        }
        Input::PowerCut { node } | Input::TearWrite { node, .. } => {
            let (was, is) = (before.inspect(*node), after.inspect(*node));
            gone(&was.memory, &without(&was.disk, &is.disk), &is.disk, missing)
        }
        Input::Restart { node } | Input::LoseDisk { node } => begins_anew(*node, after),
        _ => String::new(),
    }
}

/// What a node loses with its memory and from its disk, and what it keeps there.
fn gone(memory: &Fields, lost: &Fields, kept: &Fields, missing: &[String]) -> String {
    let (memory, lost, kept) = (fields_named(memory, missing), fields_named(lost, missing), fields_named(kept, &[]));
    let sentence = |begin: &str, list: &str| if list.is_empty() { String::new() } else { format!("{begin} {list}. ") };
    let kept = match (memory.is_empty() && lost.is_empty(), kept.is_empty()) {
        (true, true) => "It had nothing in hand.".to_owned(),
        (false, true) => "Nothing of it is on its disk.".to_owned(),
        _ => sentence("Kept on its disk:", &kept),
    };
    let all =
        sentence("Lost with its memory:", &memory) + &sentence("Lost from its disk, never synced:", &lost) + &kept;
    all.trim_end().to_owned()
}

fn begins_anew(node: NodeId, after: &LiveWorld) -> String {
    match fields_named(&after.inspect(node).disk, &[]) {
        found if found.is_empty() => "It begins as if it had never run: nothing is on its disk.".to_owned(),
        found => format!("It begins again from its disk: {found}."),
    }
}

/// The fields of one list that another does not have.
fn without(all: &Fields, other: &Fields) -> Fields {
    all.iter().filter(|field| !other.contains(field)).cloned().collect()
}

/// "vote not on disk (A), role (leader)": what says something, and first what the missing rules are about.
fn fields_named(fields: &Fields, missing: &[String]) -> String {
    let says = |(_, value): &&(String, String)| !NOTHING.contains(&value.as_str()) && !value.starts_with("in ");
    let mut telling: Vec<&(String, String)> = fields.iter().filter(says).collect();
    let is_beside = |(name, _): &(String, String)| !stems(name).any(|stem| missing.contains(&stem));
    small::sort_by_key(&mut telling, |field| is_beside(field));
    let named: Vec<String> = telling.iter().take(MOST_NAMED).map(|field| named(field)).collect();
    let more = if telling.len() > MOST_NAMED { ", and more" } else { "" };
    named.join(", ") + more
}

/// "log (1:x=5)", or the name alone of what is so.
fn named((name, value): &(String, String)) -> String {
    if value == "yes" {
        return name.clone();
    }
    match value.char_indices().nth(LONGEST_VALUE) {
        None => format!("{name} ({value})"),
        Some((end, _)) => {
            let whole = value[..end].rfind([' ', ',']).unwrap_or(end);
            format!("{name} ({} …)", value[..whole].trim_end_matches([' ', ',']))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::field;

    #[test]
    fn what_the_missing_rule_is_about_is_named_first() {
        let memory =
            vec![field("role", "leader"), field("next ballot", "in 3 ms"), field("promise not on disk", "1.2")];
        let missing: Vec<String> = stems("The promise is on disk").collect();
        assert_eq!(fields_named(&memory, &missing), "promise not on disk (1.2), role (leader)");
        assert_eq!(fields_named(&memory, &[]), "role (leader), promise not on disk (1.2)");
    }

    #[test]
    fn a_crash_says_what_is_gone_and_what_is_kept() {
        let (memory, disk) = (vec![field("connected", "yes"), field("in hand", "none")], vec![field("x", 3)]);
        let none = Fields::new();
        assert_eq!(gone(&memory, &none, &disk, &[]), "Lost with its memory: connected. Kept on its disk: x (3).");
        assert_eq!(gone(&memory, &none, &none, &[]), "Lost with its memory: connected. Nothing of it is on its disk.");
        assert_eq!(gone(&none, &none, &none, &[]), "It had nothing in hand.");
    }

    #[test]
    fn a_long_value_ends_with_a_whole_word() {
        let long = field("open", "1: x=2, 2: y=1, 3: y=1, 4: x=0, 5: x=2, 6: y=0, 7: x=6, 9: y=6");
        assert_eq!(named(&long), "open (1: x=2, 2: y=1, 3: y=1, 4: x=0, 5: x=2, 6: y=0 …)");
    }
}
