//! Light, dark, or whatever the system prefers.

use leptos::prelude::*;

use super::storage;
use crate::view::{Views, option, typed};

const THEMES: [(&str, &str); 3] = [("auto", "Automatic"), ("light", "Light"), ("dark", "Dark")];

fn apply(theme: &str) {
    if let Some(root) = document().document_element() {
        // The attribute is ours; setting it cannot fail.
        let _ = root.set_attribute("data-theme", theme);
    }
    storage::write("theme", theme);
}

/// The choice of theme, in the header.
#[component]
pub fn ThemeButton() -> impl IntoView {
    let current = storage::read("theme").filter(|theme| THEMES.iter().any(|known| known.0 == theme));
    let theme = RwSignal::new(current.unwrap_or_else(|| "auto".to_owned()));
    let change = typed(move |chosen| {
        apply(&chosen);
        theme.set(chosen);
    });
    view! {
        <label class="theme">
            <span class="visually-hidden">"Theme"</span>
            <select on:change=change prop:value=move || theme.get()>
                {THEMES.map(|(value, title)| option(value, title, false)).views()}
            </select>
        </label>
    }
}
