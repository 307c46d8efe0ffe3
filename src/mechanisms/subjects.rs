//! NATS subjects: words between dots, `*` for one word, `>` for one or more at the end.
//!
//! Follows nats-server 2.12, `server/sublist.go` (validity, matching, collisions, subsets, interest) and
//! `server/subject_transform.go` (mappings with their functions). A wildcard is one only as a whole word: `foo*` is a
//! literal. Names of mapping functions are case-insensitive.

/// One word in a pattern.
const ANY: &str = "*";
/// One word or more, at the end of a pattern.
const REST: &str = ">";

/// Whether it is a subject or pattern at all: no empty word, no space, `>` only at the end.
pub fn is_valid(subject: &str) -> bool {
    let mut words = subject.split('.').peekable();
    while let Some(word) = words.next() {
        let last = words.peek().is_none();
        if word.is_empty() || word.contains([' ', '\t', '\n', '\r', '\u{c}']) || (word == REST && !last) {
            return false;
        }
    }
    true
}

/// Whether it has no wildcard among its words.
pub fn is_literal(subject: &str) -> bool {
    subject.split('.').all(|word| word != ANY && word != REST)
}

/// Whether a message may be published on it.
pub fn is_valid_literal(subject: &str) -> bool {
    is_valid(subject) && is_literal(subject)
}

/// Whether a published subject matches a subscription's pattern.
pub fn matches(subject: &str, pattern: &str) -> bool {
    let mut words = subject.split('.');
    let mut wanted = pattern.split('.').peekable();
    while let Some(want) = wanted.next() {
        if want == REST && wanted.peek().is_none() {
            return words.next().is_some_and(|word| !word.is_empty()) && words.all(|word| !word.is_empty());
        }
        let Some(word) = words.next() else { return false };
        if word.is_empty() || (want != ANY && want != word) {
            return false;
        }
    }
    words.next().is_none()
}

/// Whether everything that a pattern matches is also matched by another.
pub fn is_subset(pattern: &str, within: &str) -> bool {
    let mut words = pattern.split('.');
    for want in within.split('.') {
        let Some(word) = words.next() else { return false };
        if want.is_empty() || word.is_empty() {
            return false;
        }
        if want == REST {
            return true;
        }
        if word == REST || (want != ANY && want != word) {
            return false;
        }
    }
    words.next().is_none()
}

/// Whether some subject is matched by both patterns.
pub fn collide(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == REST || b == REST => return !a.is_empty() && !b.is_empty(),
            (Some(a), Some(b)) if a == b || a == ANY || b == ANY => {}
            _ => return false,
        }
    }
}

/// The word at a place, counted from 1; empty where there is none.
pub fn word_at(subject: &str, place: usize) -> &str {
    place.checked_sub(1).and_then(|index| subject.split('.').nth(index)).unwrap_or("")
}

/// How many of these patterns a published subject matches.
pub fn interest<'a>(patterns: impl Iterator<Item = &'a str>, subject: &str) -> usize {
    patterns.filter(|pattern| matches(subject, pattern)).count()
}

/// What becomes of one word of a mapping's destination.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The word itself.
    Word(String),
    /// The word that a `*` of the source stands for: its index in the subject.
    Wildcard(usize),
    /// FNV-1a of these words (none: the whole subject), modulo a count.
    Partition(Vec<usize>, u32),
    /// A number below a count, drawn.
    Random(u32),
    /// Cut in two after this many characters from the left, or before this many from the right.
    Cut(usize, usize, bool),
    /// Cut into pieces of this many characters; a shorter piece comes at the end, or at the front.
    Slices(usize, usize, bool),
    /// Its pieces between a separator.
    Split(usize, String),
    /// Its first or last characters.
    Ends(usize, usize, bool),
    /// What `>` of the source stands for, from this index on.
    Rest(usize),
}

/// A subject mapping: from a pattern to a destination with `$1`, `{{wildcard(1)}}`, `{{partition(n,1,2)}}` and others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    source: String,
    parts: Vec<Part>,
}

impl Mapping {
    /// A mapping; an empty source means `>`, an empty destination changes nothing. `None` for one that nats-server
    /// refuses.
    pub fn new(source: &str, destination: &str) -> Option<Mapping> {
        let source = if source.is_empty() { REST } else { source };
        let words: Vec<&str> = source.split('.').collect();
        if destination.is_empty() {
            return is_valid(source).then(|| Mapping { source: source.to_owned(), parts: Vec::new() });
        }
        let has_rest = |subject: &str| subject.split('.').next_back() == Some(REST);
        let both = is_valid_loosely(destination) && has_rest(source) == has_rest(destination);
        if !is_valid(source) || !both || destination.split('.').any(|word| word == ANY) {
            return None;
        }
        let stars: Vec<usize> = (0..words.len()).filter(|at| words[*at] == ANY).collect();
        let part = |word: &str| match word {
            REST => Some(Part::Rest(words.len() - 1)),
            _ => part(word, &stars),
        };
        let parts = destination.split('.').map(part).collect::<Option<Vec<Part>>>()?;
        Some(Mapping { source: source.to_owned(), parts })
    }

    /// Where a published subject goes. `None` when the source does not match it. `draw`: a random word.
    pub fn apply(&self, subject: &str, draw: u64) -> Option<String> {
        if !is_valid_literal(subject) || !matches(subject, &self.source) {
            return None;
        }
        if self.parts.is_empty() {
            return Some(subject.to_owned());
        }
        let words: Vec<&str> = subject.split('.').collect();
        let mapped: Vec<String> = self.parts.iter().map(|part| part.apply(subject, &words, draw)).collect();
        Some(mapped.join("."))
    }
}

/// Like [`is_valid`], with spaces allowed inside `{{...}}`.
fn is_valid_loosely(destination: &str) -> bool {
    destination.split('.').all(|word| word.starts_with("{{") || is_valid(word))
}

/// Reads one word of a destination. `stars`: where the source has its `*`, by number from 1.
fn part(word: &str, stars: &[usize]) -> Option<Part> {
    let star = |number: usize| match number {
        0 => Some(0),
        number => stars.get(number - 1).copied(),
    };
    if let Some(number) = word.strip_prefix('$').and_then(|rest| rest.parse().ok()) {
        return star(number).map(Part::Wildcard);
    }
    let Some(call) = word.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) else {
        return Some(Part::Word(word.to_owned()));
    };
    let (name, rest) = call.trim().split_once('(')?;
    let arguments: Vec<&str> = rest.strip_suffix(')')?.split(',').map(str::trim).collect();
    let number = |at: usize| arguments.get(at)?.parse::<usize>().ok();
    let two = || (arguments.len() == 2).then(|| Some((star(number(0)?)?, number(1)?))).flatten();
    match name.trim().to_ascii_lowercase().as_str() {
        "wildcard" if arguments.len() == 1 => star(number(0)?).map(Part::Wildcard),
        "partition" => {
            let words = (1..arguments.len()).map(|at| star(number(at)?)).collect::<Option<Vec<usize>>>()?;
            Some(Part::Partition(words, u32::try_from(number(0)?).ok()?))
        }
        "random" if arguments.len() == 1 => Some(Part::Random(u32::try_from(number(0)?).ok()?)),
        "splitfromleft" => two().map(|(at, length)| Part::Cut(at, length, true)),
        "splitfromright" => two().map(|(at, length)| Part::Cut(at, length, false)),
        "slicefromleft" => two().map(|(at, length)| Part::Slices(at, length, true)),
        "slicefromright" => two().map(|(at, length)| Part::Slices(at, length, false)),
        "left" => two().map(|(at, length)| Part::Ends(at, length, true)),
        "right" => two().map(|(at, length)| Part::Ends(at, length, false)),
        "split" if arguments.len() == 2 => Some(Part::Split(star(number(0)?)?, arguments[1].to_owned())),
        _ => None,
    }
}

impl Part {
    fn apply(&self, subject: &str, words: &[&str], draw: u64) -> String {
        let word = |at: usize| words.get(at).copied().unwrap_or("");
        match self {
            Part::Word(text) => text.clone(),
            Part::Wildcard(at) => word(*at).to_owned(),
            Part::Partition(at, count) => {
                let key = if at.is_empty() { subject.to_owned() } else { at.iter().map(|at| word(*at)).collect() };
                partition(key.as_bytes(), *count).to_string()
            }
            Part::Random(count) => draw.checked_rem(u64::from(*count)).unwrap_or(0).to_string(),
            Part::Cut(at, length, from_left) => cut(word(*at), *length, *from_left),
            Part::Slices(at, length, from_left) => slices(word(*at), *length, *from_left),
            Part::Ends(at, length, first) => {
                let text = word(*at);
                let count = text.chars().count();
                match first {
                    true => text.chars().take(*length).collect(),
                    false => text.chars().skip(count.saturating_sub(*length)).collect(),
                }
            }
            Part::Split(at, separator) => {
                let pieces = word(*at).split(separator.as_str()).filter(|piece| !piece.is_empty());
                pieces.collect::<Vec<&str>>().join(".")
            }
            Part::Rest(from) => words.get(*from..).map(|rest| rest.join(".")).unwrap_or_default(),
        }
    }
}

fn cut(text: &str, length: usize, from_left: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    if length == 0 || length >= letters.len() {
        return text.to_owned();
    }
    let (first, second) = letters.split_at(if from_left { length } else { letters.len() - length });
    first.iter().chain(['.'].iter()).chain(second).collect()
}

fn slices(text: &str, length: usize, from_left: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    if length == 0 || length >= letters.len() {
        return text.to_owned();
    }
    let head = if from_left { 0 } else { letters.len() % length };
    let (first, rest) = letters.split_at(head);
    let pieces = std::iter::once(first).filter(|first| !first.is_empty()).chain(rest.chunks(length));
    pieces.map(|piece| piece.iter().collect::<String>()).collect::<Vec<String>>().join(".")
}

/// The partition of a key: 32-bit FNV-1a modulo a count; 0 if the count is 0.
pub fn partition(key: &[u8], count: u32) -> u32 {
    let hash = key.iter().fold(2_166_136_261u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619));
    hash.checked_rem(count).unwrap_or(0)
}
