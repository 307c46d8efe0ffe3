//! A promise that has just been broken, on the stage: what clashes, side by side, and its last events again.

use leptos::prelude::*;

use faultline::sim::run::Run;

use crate::panels::promises::clash;
use crate::player::Player;
use crate::view::{click, tagged};

/// See the module's header. It is there while the run stands at the event that broke the promise.
#[component]
pub fn Breach(player: Player) -> impl IntoView {
    let broken = Memo::new(move |_| {
        let step = player.with(Run::step_count);
        player.breach_here().filter(|(_, broken)| broken.step == step && !player.playing()).map(|(promise, broken)| {
            tagged("strong", &format!("Broken: {}", promise.title))
                + &tagged("p", &broken.breach.text)
                + &clash(&broken.breach)
        })
    });
    let shown = move || {
        let html = broken.get()?;
        let again = click(move || player.show_again());
        let view = view! {
            <div class="stage-breach" role="status">
                <div inner_html=html></div>
                <button class="quiet" on:click=again>"The last three events again, slowly"</button>
            </div>
        };
        Some(view.into_any())
    };
    view! { {move || shown()} }
}
