//! The panel column: the tour, the promises and, behind tabs, everything else about the run.

mod charts;
mod history;
mod hunt;
mod inspect;
pub mod promises;
mod rules;
mod story;
mod terms;
mod timeline;
mod tour;
pub mod what_if;
mod why;

use leptos::prelude::*;

use super::player::{Player, Selection};
use crate::view::{Views, click, effect, on};
use hunt::Desk;

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

/// What is behind a tab.
type Panel = fn(Desk) -> AnyView;

/// The tabs, in order, each with its title.
const TABS: [(Tab, &str, Panel); 8] = [
    (Tab::Why, "Why", |desk| view! { <why::Why player=desk.player/> }.into_any()),
    (Tab::Hunt, "Break it", |desk| view! { <hunt::HuntPanel desk/> }.into_any()),
    (Tab::WhatIf, "What if", |desk| view! { <what_if::WhatIf player=desk.player/> }.into_any()),
    (Tab::Rules, "Rules & load", |desk| view! { <rules::Rules player=desk.player/> }.into_any()),
    (Tab::Inspect, "Inspect", |desk| view! { <inspect::Inspect player=desk.player/> }.into_any()),
    (Tab::Timeline, "Timeline", |desk| view! { <timeline::Timeline player=desk.player/> }.into_any()),
    (Tab::Charts, "Charts", |desk| view! { <charts::Charts player=desk.player/> }.into_any()),
    (Tab::History, "History", |desk| view! { <history::HistoryLane player=desk.player/> }.into_any()),
];

/// A tab's place among them.
fn place(tab: Tab) -> usize {
    TABS.iter().position(|known| known.0 == tab).unwrap_or(0)
}

/// See the module's header. Only the open tab computes anything.
#[component]
pub fn Panels(player: Player) -> impl IntoView {
    let open = RwSignal::new(Tab::Why);
    let desk = Desk::new(player);
    follow_wishes(player, open);
    view! {
        <aside class="panels" aria-label="Panels">
            <tour::Tour player/>
            <promises::Promises player/>
            <TabList open/>
            <div class="tab-body" id="tab-body" role="tabpanel" tabindex="0"
                aria-labelledby=move || format!("tab-{:?}", open.get())>{move || TABS[place(open.get())].2(desk)}</div>
        </aside>
    }
}

/// Opens the tab that goes with what the reader wants to break, or has chosen.
fn follow_wishes(player: Player, open: RwSignal<Tab>) {
    let mut is_first = true;
    effect(move || {
        let wanted = player.wanted.get();
        if !is_first && wanted.is_some() {
            open.set(Tab::Hunt);
            focus_selected_tab();
        }
        is_first = false;
    });
    effect(move || {
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
}

#[component]
fn TabList(open: RwSignal<Tab>) -> impl IntoView {
    let arrow = on(move |event: web_sys::KeyboardEvent| {
        let at = place(open.get_untracked());
        let next = match event.key().as_str() {
            "ArrowRight" => at + 1,
            "ArrowLeft" => at + TABS.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        open.set(TABS[next % TABS.len()].0);
        focus_selected_tab();
    });
    view! {
        <div class="tabs" role="tablist" aria-label="More about the run" on:keydown=arrow>
            {TABS.map(|(tab, title, _)| view! {
                <button role="tab" id=format!("tab-{tab:?}") aria-controls="tab-body"
                    aria-selected=move || (open.get() == tab).to_string()
                    tabindex=move || if open.get() == tab { "0" } else { "-1" }
                    on:click=click(move || open.set(tab))>{title}</button>
            }).views()}
        </div>
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
