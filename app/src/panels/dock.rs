//! The dock under the stage: charts, timeline, history, futures and the stage in words, each as wide as the stage; and,
//! in the same line, the tools that are wanted now and then.

use leptos::html;
use leptos::prelude::*;

use super::{Tab, TabList, Titled, charts, history, tab_id, timeline};
use crate::futures::{Futures, has_futures};
use crate::player::Player;
use crate::share::ShareButtons;
use crate::stage::partition::{CutButton, Side};
use crate::stage::text_form::TextForm;
use crate::view::{click, effect};

/// The tabs where charts come first, as they do in a scenario of load. Elsewhere they come third.
const CHARTS_FIRST: [Titled; 5] = [
    (Tab::Charts, "Charts"),
    (Tab::Timeline, "Timeline"),
    (Tab::History, "History"),
    (Tab::Text, "As text"),
    (Tab::Futures, "Futures"),
];
const CHARTS_THIRD: [Titled; 5] = [CHARTS_FIRST[1], CHARTS_FIRST[2], CHARTS_FIRST[0], CHARTS_FIRST[3], CHARTS_FIRST[4]];

/// A window, in CSS pixels, in which the charts have room under the stage from the start.
const ROOM: (f64, f64) = (1_100.0, 860.0);

fn has_room() -> bool {
    let size = |size: Result<wasm_bindgen::JsValue, _>| size.ok().and_then(|size| size.as_f64()).unwrap_or_default();
    size(window().inner_width()) >= ROOM.0 && size(window().inner_height()) >= ROOM.1
}

/// Scrolls the page as far as it takes to see an element's lower end.
fn into_sight(element: &web_sys::Element) {
    let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
    if element.get_bounding_client_rect().bottom() > height {
        element.scroll_into_view_with_bool(false);
    }
}

/// What is open from the start closes, once, when the window becomes too small for it.
fn close_without_room(open: RwSignal<Option<Tab>>) {
    let from_the_start = open.get_untracked();
    let is_as_it_was = StoredValue::new(from_the_start.is_some());
    let measure = window_event_listener(leptos::ev::resize, move |_| {
        let stays = open.get_untracked() == from_the_start && has_room();
        if is_as_it_was.get_value() && !stays {
            is_as_it_was.set_value(false);
            open.update(|tab| _ = tab.take_if(|tab| Some(*tab) == from_the_start));
        }
    });
    on_cleanup(move || measure.remove());
}

/// See the module's header. Closed until a tab is pressed; where the window is wide, the stage makes room for what is open.
#[component]
pub fn Dock(player: Player, side: Side) -> impl IntoView {
    let is_busy = player.info().load;
    let tabs = if is_busy { CHARTS_FIRST } else { CHARTS_THIRD };
    let open = RwSignal::new(Some(Tab::Charts).filter(|_| is_busy && has_room()));
    close_without_room(open);
    let is_there = move |tab: Tab| tab != Tab::Futures || has_futures(player);
    let shown = move || match open.get() {
        Some(Tab::Timeline) => view! { <timeline::Timeline player/> }.into_any(),
        Some(Tab::History) => view! { <history::HistoryLane player/> }.into_any(),
        Some(Tab::Charts) => view! { <div class="charts"><charts::Charts player/></div> }.into_any(),
        Some(Tab::Futures) => view! { <Futures player/> }.into_any(),
        Some(_) | None => ().into_any(),
    };
    let is_text = move || open.get() == Some(Tab::Text);
    let body = NodeRef::<html::Div>::new();
    // What a press opens comes into sight; what is open from the start leaves the page where it is.
    let mut is_first = true;
    effect(move || {
        let is_open = open.get().is_some();
        if is_open && !is_first {
            request_animation_frame(move || body.get_untracked().into_iter().for_each(|body| into_sight(&body)));
        }
        is_first = false;
    });
    view! {
        <div class="dock-bar">
            <TabList label="Wide views of the run" all=tabs.to_vec() open is_there body="dock-body" stays=false/>
            <div class="tools">
                <button class="quiet" title="Undo (z)" aria-disabled=move || (!player.has_past().0).to_string()
                    on:click=click(move || player.undo())>"Undo"</button>
                <button class="quiet" title="Redo (Z)" aria-disabled=move || (!player.has_past().1).to_string()
                    on:click=click(move || player.redo())>"Redo"</button>
                <CutButton player side/>
                <ShareButtons player/>
            </div>
        </div>
        <div class="dock-body" id="dock-body" node_ref=body role="tabpanel" class:is-open=move || open.get().is_some()
            aria-labelledby=move || tab_id(open.get())>
            {shown}
            <div class="text-form" class:visually-hidden=move || !is_text()>
                <TextForm player is_shown=is_text/>
                {move || player.beside.get().map(|beside| view! { <TextForm player=beside.player is_shown=is_text/> }.into_any())}
            </div>
        </div>
    }
}
