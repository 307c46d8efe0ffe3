//! The panels: the tour and, in the column below it, what is narrow; in the dock, what wants width.

pub mod charts;
pub mod dock;
mod history;
mod hunt;
mod inspect;
pub mod promises;
mod rules;
mod story;
mod terms;
mod timeline;
pub mod tour;
pub mod what_if;
mod why;

use leptos::prelude::*;

use super::player::{Player, Selection};
use crate::view::{Views, click, effect, on};
pub use hunt::Desk;

/// Everything that is behind a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Why,
    Hunt,
    WhatIf,
    Inspect,
    Rules,
    Timeline,
    Charts,
    History,
    Futures,
    Text,
}

/// A tab and its title.
type Titled = (Tab, &'static str);

/// The tabs of the column, in order.
const TABS: [Titled; 5] = [
    (Tab::Why, "Why"),
    (Tab::Hunt, "Break it"),
    (Tab::WhatIf, "What if"),
    (Tab::Rules, "Rules & load"),
    (Tab::Inspect, "Inspect"),
];

/// See the module's header. Only the open tab computes anything.
#[component]
pub fn Panels(desk: Desk) -> impl IntoView {
    let open = RwSignal::new(Some(Tab::Why));
    let player = desk.player;
    follow_wishes(player, open);
    let panel = move || match open.get() {
        Some(Tab::Hunt) => view! { <hunt::HuntPanel desk/> }.into_any(),
        Some(Tab::WhatIf) => view! { <what_if::WhatIf player/> }.into_any(),
        Some(Tab::Rules) => view! { <rules::Rules player/> }.into_any(),
        Some(Tab::Inspect) => view! { <inspect::Inspect player/> }.into_any(),
        _ => view! { <why::Why player/> }.into_any(),
    };
    view! {
        <aside class="panels" aria-label="Panels">
            <TabList label="More about the run" all=TABS.to_vec() open is_there=|_| true body="tab-body" stays=true/>
            <div class="tab-body" id="tab-body" role="tabpanel" tabindex="0" aria-labelledby=move || tab_id(open.get())>{panel}</div>
        </aside>
    }
}

/// The name of the open tab's element.
fn tab_id(open: Option<Tab>) -> String {
    open.map_or_else(String::new, |tab| format!("tab-{tab:?}"))
}

/// Opens the tab that goes with what the reader wants to break, or has chosen.
fn follow_wishes(player: Player, open: RwSignal<Option<Tab>>) {
    let mut is_first = true;
    effect(move || {
        let wanted = player.wanted.get();
        if !is_first && wanted.is_some() {
            open.set(Some(Tab::Hunt));
            focus_tab(Tab::Hunt);
        }
        is_first = false;
    });
    effect(move || {
        let wanted = match player.selection.get() {
            Selection::Node(_) | Selection::Link(..) | Selection::Message(_) => Some(Tab::Inspect),
            Selection::Event(_) => Some(Tab::Why),
            Selection::Nothing => None,
        };
        if wanted.is_some() && matches!(open.get_untracked(), Some(Tab::Why | Tab::Inspect)) {
            open.set(wanted);
        }
    });
}

/// A row of tabs, of which one is open: always, or until it is pressed again. `is_there` tells which tabs there are now.
#[component]
fn TabList(
    label: &'static str,
    all: Vec<Titled>,
    open: RwSignal<Option<Tab>>,
    is_there: impl Fn(Tab) -> bool + Copy + Send + 'static,
    body: &'static str,
    stays: bool,
) -> impl IntoView {
    let tabs = all.clone();
    let arrow = on(move |event: web_sys::KeyboardEvent| {
        let there: Vec<Tab> = tabs.iter().map(|known| known.0).filter(|tab| untrack(|| is_there(*tab))).collect();
        let Some(at) = there.iter().position(|tab| event_is_from(&event, *tab)) else { return };
        let next = match event.key().as_str() {
            "ArrowRight" => at + 1,
            "ArrowLeft" => at + there.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        let next = there[next % there.len()];
        if stays || open.get_untracked().is_some() {
            open.set(Some(next));
        }
        focus_tab(next);
    });
    let first = all.first().map(|known| known.0);
    let tab = move |(tab, title): Titled| {
        let is_open = move || open.get() == Some(tab);
        let stop = move || if open.get().or(first) == Some(tab) { "0" } else { "-1" };
        let press = click(move || open.set(Some(tab).filter(|_| stays || open.get_untracked() != Some(tab))));
        view! {
            <button role="tab" id=tab_id(Some(tab)) aria-controls=body aria-selected=move || is_open().to_string()
                tabindex=stop hidden=move || !is_there(tab) on:click=press>{title}</button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=arrow>{all.into_iter().map(tab).views()}</div>
    }
}

fn event_is_from(event: &web_sys::KeyboardEvent, tab: Tab) -> bool {
    use wasm_bindgen::JsCast;
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| target.id() == tab_id(Some(tab)))
}

fn focus_tab(tab: Tab) {
    use wasm_bindgen::JsCast;
    request_animation_frame(move || {
        let tab = document().get_element_by_id(&tab_id(Some(tab)));
        if let Some(tab) = tab.and_then(|tab| tab.dyn_into::<web_sys::HtmlElement>().ok()) {
            // A tab that cannot take the focus leaves it where it is.
            let _ = tab.focus();
        }
    });
}
