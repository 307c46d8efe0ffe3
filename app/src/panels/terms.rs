//! Texts with terms in them: `*term*` becomes a definition that carries its explanation.

use faultline::lab::glossary;
use faultline::picture::svg::escape;

use crate::view::tagged;

/// A text as HTML, its marked terms as definitions.
pub fn with_terms(text: &str) -> String {
    let parts = glossary::parts(text).into_iter().map(|(is_marked, part)| match (is_marked, glossary::explain(part)) {
        (true, Some(meaning)) => {
            let (term, meaning) = (escape(part), escape(meaning));
            format!(r#"<dfn tabindex="0" title="{meaning}" aria-label="{term}: {meaning}">{term}</dfn>"#)
        }
        (true, None) => tagged("em", part),
        _ => escape(part),
    });
    parts.collect()
}
