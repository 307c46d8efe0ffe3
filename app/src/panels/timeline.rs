//! The timeline: the space-time diagram around the cursor; click on an event or between events to go there.

use leptos::html;
use leptos::prelude::*;

use faultline::picture::timeline::{Place, Timeline as Diagram};
use faultline::sim::kernel::time::{self, MS};

use crate::player::Player;
use crate::view::{click, on};

/// See the module's header.
#[component]
pub fn Timeline(player: Player) -> impl IntoView {
    let window = RwSignal::new(200 * MS);
    let canvas = NodeRef::<html::Div>::new();
    let diagram = move || player.with(|run| Diagram::of(run, window.get(), run.world().flights()));
    let drawing = move || {
        player.changed();
        diagram().svg()
    };
    let go = on(move |event: web_sys::MouseEvent| {
        let Some(canvas) = canvas.get_untracked() else { return };
        let (shown, diagram) = (canvas.get_bounding_client_rect(), untrack(diagram));
        let (width, height) = diagram.size();
        let x = (f64::from(event.client_x()) - shown.left()) / shown.width().max(1.0) * width;
        let y = (f64::from(event.client_y()) - shown.top()) / shown.height().max(1.0) * height;
        player.pause();
        match diagram.place(x, y) {
            Place::Event(step) => player.seek(step),
            Place::Moment(at) => player.seek_time(at),
        }
    });
    view! {
        <div class="timeline">
            <div class="zoom">
                <button aria-label="Zoom in" on:click=click(move || window.update(|w| *w = (*w / 2).max(MS)))>"+"</button>
                <button aria-label="Zoom out" on:click=click(move || window.update(|w| *w = (*w * 2).min(60_000 * MS)))>"−"</button>
                <span>{move || format!("{} across", time::show(window.get()))}</span>
                <button on:click=click(move || player.back())>"Earlier"</button>
                <button on:click=click(move || player.step())>"Later"</button>
            </div>
            <div class="diagram" role="img" aria-label="Space-time diagram; Earlier and Later go through its events"
                node_ref=canvas inner_html=move || drawing() on:click=go></div>
        </div>
    }
}
