//! The workbench of a scenario: stage and transport, and the panels beside them.

use leptos::prelude::*;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::sim::run::tape::Link;

use crate::address::{run_beside_in_query, run_in_query};
use crate::futures::Futures;
use crate::keys::Keys;
use crate::panels::Panels;
use crate::panels::what_if::show_beside;
use crate::player::{Notice, Player};
use crate::stage::Stage;
use crate::storage::Progress;
use crate::transport::Transport;
use crate::view::{click, effect};

/// See the module's header.
#[component]
pub fn Workbench(scenario: &'static dyn AnyScenario) -> impl IntoView {
    let player = Player::new(scenario, run_in_query());
    open_beside(player);
    remember_visit(player);
    let pause_when_hidden = window_event_listener(leptos::ev::Custom::<leptos::ev::Event>::new("visibilitychange"), {
        move |_| {
            if document().hidden() {
                player.pause();
            }
        }
    });
    on_cleanup(move || pause_when_hidden.remove());
    view! {
        <div class="main-column">
            <Stages player/>
            <Transport player/>
            <Futures player/>
            <NoticeBar player/>
        </div>
        <Panels player/>
        <Keys player/>
    }
}

/// Remembers that the reader was here. If what was remembered is damaged, the page says so, unless it has already
/// something else to say.
fn remember_visit(player: Player) {
    if let Err(sentence) = Progress::load() {
        player.notice.update(|notice| _ = notice.get_or_insert_with(|| Notice(sentence.to_owned())));
    }
    let path = player.info().path();
    Progress::update(|progress| {
        progress.visits.entry(path.clone()).or_default();
        progress.last = Some(path);
    });
}

/// The reader's stage, and next to it the stage of the run it is compared with, in step by virtual time.
#[component]
fn Stages(player: Player) -> impl IntoView {
    effect(move || {
        player.changed();
        let clock = player.clock();
        if let Some(beside) = player.beside.get() {
            beside.player.follow(clock);
        }
    });
    let is_double = move || player.beside.with(Option::is_some);
    view! {
        <div class="stages" class:is-double=move || is_double()>
            <Stage player is_other=false/>
            {move || player.beside.get().map(|beside| view! {
                <div class="beside">
                    <p class="beside-title">"The other run: " <b>{beside.title}</b></p>
                    <Stage player=beside.player is_other=true/>
                </div>
            }.into_any())}
        </div>
    }
}

/// Shows the run to compare with, if the address names one.
fn open_beside(player: Player) {
    let Some((scenario, text)) = run_beside_in_query() else { return };
    match Link::decode(&scenario, &text) {
        Ok(link) if find(&link.scenario).is_some() => show_beside(player, &link),
        Ok(_) => {
            let sentence = "The link compares with a scenario that is not here; your own run is shown alone.";
            player.notice.set(Some(Notice(sentence.to_owned())));
        }
        Err(bad) => {
            player.notice.set(Some(Notice(format!("{bad} The run beside is left out; your own run is shown alone."))));
        }
    }
}

/// One clear sentence, where something needs saying. Its place is kept, so that nothing jumps.
#[component]
fn NoticeBar(player: Player) -> impl IntoView {
    view! {
        <p class="notice-bar" role="status">
            {move || player.notice.get().map(|notice| view! {
                <span>{notice.0}</span>
                <button class="quiet" on:click=click(move || player.notice.set(None))>"Dismiss"</button>
            }.into_any())}
        </p>
    }
}
