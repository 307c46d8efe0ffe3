//! Terms that texts mark with asterisks, each with one sentence, as declared by the scenarios at hand.

use crate::guides::catalogue;

/// A term and what it means.
pub type Term = (&'static str, &'static str);

/// What a term means.
pub fn explain(term: &str) -> Option<&'static str> {
    let known = catalogue().iter().flat_map(|scenario| scenario.terms());
    known.into_iter().find(|known| known.0.eq_ignore_ascii_case(term)).map(|known| known.1)
}

/// The terms that a text marks, as they are written there.
pub fn marked(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter(|part| part.0).map(|part| part.1)
}

/// A text in parts, and whether each is marked. An asterisk marks where it touches the first or last letter of what stands
/// between two: those of `*.eu.*` are what they are.
pub fn parts(text: &str) -> Vec<(bool, &str)> {
    let (mut found, mut rest, mut from) = (Vec::new(), text, 0);
    while let Some(open) = rest[from..].find('*').map(|at| from + at) {
        let inner = &rest[open + 1..];
        // Terms are ASCII: what knows every alphabet's letters weighs several kilobytes.
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let begins = is_letter(inner.as_bytes().first());
        let end = inner.find('*').filter(|end| begins && is_letter(inner.as_bytes()[..*end].last()));
        match end {
            Some(end) => {
                found.extend([(false, &rest[..open]), (true, &inner[..end])]);
                (rest, from) = (&inner[end + 1..], 0);
            }
            None => from = open + 1,
        }
    }
    found.push((false, rest));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::everything;
    use crate::guides::find;
    use crate::guides::kit::any::AnyScenario;
    use crate::guides::shelf_of;
    use crate::guides::shelves;

    fn of_shelf(shelf: &str) -> impl Iterator<Item = &'static dyn AnyScenario> {
        let path = |scenario: &&'static dyn AnyScenario| scenario.info().path();
        everything().iter().copied().filter(move |scenario| shelf_of(&path(scenario)) == Some(shelf))
    }

    /// The app of a shelf knows no other shelf, so each shelf explains what its tours mark.
    #[test]
    fn every_marked_term_is_explained_on_its_shelf() {
        let all: Vec<&str> = everything().iter().flat_map(|scenario| scenario.terms()).map(|term| term.0).collect();
        for shelf in shelves() {
            let known: Vec<&str> = of_shelf(shelf).flat_map(|scenario| scenario.terms()).map(|term| term.0).collect();
            for info in of_shelf(shelf).map(|scenario| scenario.info()) {
                // What no shelf explains is marked for its weight alone: *before*.
                let is_term = |term: &&str| all.iter().any(|known| known.eq_ignore_ascii_case(term));
                let texts = info.beats.iter().flat_map(|beat| [beat.say, beat.because.unwrap_or_default()]);
                for term in texts.flat_map(marked).filter(is_term) {
                    let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(term));
                    assert!(is_known, "{}: nobody on the shelf {shelf} explains '{term}'", info.path());
                }
            }
        }
    }

    #[test]
    fn the_asterisks_of_a_pattern_mark_nothing() {
        let marked = |text| marked(text).collect::<Vec<_>>();
        assert_eq!(marked("A *leader* of a *term*: *n - t* of n"), ["leader", "term", "n - t"]);
        assert!(marked("orders.# matches, *.eu.* matches, # does").is_empty());
        assert_eq!(marked("*.eu.* is a *pattern*"), ["pattern"]);
        let text = "*.eu.* is a *pattern*, *.*";
        let whole: String = parts(text).into_iter().map(|part| part.1).collect();
        assert_eq!(whole, text.replacen("*pattern*", "pattern", 1));
    }

    #[test]
    fn a_term_has_one_meaning_and_is_explained_once_on_a_shelf() {
        for shelf in shelves() {
            let mut terms: Vec<&str> =
                of_shelf(shelf).flat_map(|scenario| scenario.terms()).map(|term| term.0).collect();
            let count = terms.len();
            terms.sort_unstable();
            terms.dedup();
            assert_eq!(terms.len(), count, "the shelf {shelf} explains a term twice");
        }
        let all: Vec<&Term> = everything().iter().flat_map(|scenario| scenario.terms()).collect();
        for one in &all {
            assert!(all.iter().all(|other| one.0 != other.0 || one.1 == other.1), "two meanings of '{}'", one.0);
        }
    }

    #[test]
    fn every_relation_leads_somewhere() {
        for info in everything().iter().map(|scenario| scenario.info()) {
            assert!(!info.near.is_empty(), "{} is near to nothing", info.path());
            for other in info.before.iter().chain(info.near) {
                assert!(find(other).is_some() && *other != info.path(), "{} names {other}", info.path());
            }
        }
    }
}
