//! Texts with terms in them: `*term*` becomes a definition with its explanation behind it.

use leptos::prelude::*;

use faultline::lab::glossary;

/// A text whose marked terms are definitions.
pub fn with_terms(text: &'static str) -> impl IntoView {
    let parts = text.split('*').enumerate().map(|(index, part)| match (index % 2, glossary::explain(part)) {
        (1, Some(meaning)) => view! {
            <dfn tabindex="0" title=meaning aria-label=format!("{part}: {meaning}")>{part}</dfn>
        }
        .into_any(),
        (1, None) => view! { <em>{part}</em> }.into_any(),
        _ => part.into_any(),
    });
    parts.collect_view()
}
