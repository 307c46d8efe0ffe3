//! The panel column: the tour, the promises, and behind tabs everything else about the run.

mod charts;
mod history;
mod hunt;
mod inspect;
mod promises;
mod rules;
mod terms;
mod timeline;
mod tour;
pub mod what_if;
mod why;

use leptos::prelude::*;

use super::player::{Player, Selection};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Why,
    Hunt,
    WhatIf,
    Inspect,
    Timeline,
    Charts,
    Rules,
    History,
}

const TABS: [(Tab, &str); 8] = [
    (Tab::Why, "Why"),
    (Tab::Hunt, "Break it"),
    (Tab::WhatIf, "What if"),
    (Tab::Rules, "Rules & load"),
    (Tab::Inspect, "Inspect"),
    (Tab::Timeline, "Timeline"),
    (Tab::Charts, "Charts"),
    (Tab::History, "History"),
];

/// See the module's header. Only the open tab computes anything.
#[component]
pub fn Panels(player: Player) -> impl IntoView {
    let open = RwSignal::new(Tab::Why);
    let desk = hunt::Desk::new(player);
    Effect::new(move |before: Option<Option<usize>>| {
        let wanted = player.wanted.get();
        if before.is_some() && wanted.is_some() {
            open.set(Tab::Hunt);
            focus_selected_tab();
        }
        wanted
    });
    Effect::new(move |_| {
        let wanted = match player.selection.get() {
            Selection::Node(_) | Selection::Link(..) | Selection::Message(_) => Some(Tab::Inspect),
            Selection::Event(_) => Some(Tab::Why),
            Selection::Nothing => None,
        };
        let now = open.get_untracked();
        if let Some(wanted) = wanted.filter(|_| matches!(now, Tab::Why | Tab::Inspect)) {
            open.set(wanted);
        }
    });
    let body = move || match open.get() {
        Tab::Why => view! { <why::Why player/> }.into_any(),
        Tab::Hunt => view! { <hunt::HuntPanel desk/> }.into_any(),
        Tab::WhatIf => view! { <what_if::WhatIf player/> }.into_any(),
        Tab::Inspect => view! { <inspect::Inspect player/> }.into_any(),
        Tab::Timeline => view! { <timeline::Timeline player/> }.into_any(),
        Tab::Charts => view! { <charts::Charts player/> }.into_any(),
        Tab::Rules => view! { <rules::Rules player/> }.into_any(),
        Tab::History => view! { <history::HistoryLane player/> }.into_any(),
    };
    let arrow = move |event: web_sys::KeyboardEvent| {
        let at = TABS.iter().position(|tab| tab.0 == open.get_untracked()).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => at + 1,
            "ArrowLeft" => at + TABS.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        open.set(TABS[next % TABS.len()].0);
        focus_selected_tab();
    };
    view! {
        <aside class="panels" aria-label="Panels">
            <tour::Tour player/>
            <promises::Promises player/>
            <div class="tabs" role="tablist" aria-label="More about the run" on:keydown=arrow>
                {TABS.map(|(tab, title)| view! {
                    <button role="tab" id=format!("tab-{tab:?}") aria-controls="tab-body"
                        aria-selected=move || (open.get() == tab).to_string()
                        tabindex=move || if open.get() == tab { "0" } else { "-1" }
                        on:click=move |_| open.set(tab)>{title}</button>
                }).collect_view()}
            </div>
            <div class="tab-body" id="tab-body" role="tabpanel" tabindex="0"
                aria-labelledby=move || format!("tab-{:?}", open.get())>{body}</div>
        </aside>
    }
}

fn focus_selected_tab() {
    use wasm_bindgen::JsCast;
    request_animation_frame(|| {
        let tab = document().query_selector("[role=tab][aria-selected=true]").ok().flatten();
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<web_sys::HtmlElement>().ok()) {
            // A tab that cannot take the focus leaves it where it is.
            let _ = tab.focus();
        }
    });
}
