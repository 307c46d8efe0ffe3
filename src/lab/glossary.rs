//! Terms that texts mark with asterisks, each with one sentence: what the scenarios at hand declare.

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
    text.split('*').skip(1).step_by(2)
}
