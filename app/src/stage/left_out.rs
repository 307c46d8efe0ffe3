//! On a phone, below the stage: the figures for which its picture has no room.

use leptos::prelude::*;

use faultline::picture::Frame;
use faultline::picture::left_out::left_out;
use faultline::picture::svg::alone;

use super::frame_of_window;
use crate::player::Player;

/// See the module's header. Nothing on a wide screen, and where the narrow picture has everything.
#[component]
pub fn LeftOut(player: Player) -> impl IntoView {
    let is_narrow = RwSignal::new(frame_of_window() == Frame::Narrow);
    let measure = window_event_listener(leptos::ev::resize, move |_| is_narrow.set(frame_of_window() == Frame::Narrow));
    on_cleanup(move || measure.remove());
    let figures = Memo::new(move |_| {
        player.changed();
        let pictures = |frame| player.with(|run| run.world().picture(frame));
        let found = is_narrow.get().then(|| left_out(&pictures(Frame::Wide), &pictures(Frame::Narrow)));
        found.into_iter().flatten().map(|figure| alone(&figure)).collect::<String>()
    });
    view! {
        <div class="left-out" role="group" aria-label="More of the picture" hidden=move || figures.with(String::is_empty)
            inner_html=move || figures.get()></div>
    }
}
