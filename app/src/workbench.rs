//! The workbench of a scenario: the stage in its frame, the tour, the transport, the panels, and the dock for what wants
//! width.

use leptos::prelude::*;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::sim::run::tape::Link;

use crate::address::{move_in_query, run_beside_in_query, run_in_query, story_in_query};
use crate::keys::Keys;
use crate::panels::charts::LoadStrip;
use crate::panels::dock::Dock;
use crate::panels::promises::{Breach, Promises};
use crate::panels::tour::Tour;
use crate::panels::what_if::show_beside;
use crate::panels::{Desk, Panels};
use crate::player::{Notice, Player};
use crate::stage::Stage;
use crate::stage::left_out::LeftOut;
use crate::stage::partition::{CutStrip, Side};
use crate::storage::Progress;
use crate::transport::Transport;
use crate::view::{click, effect};

/// See the module's header.
#[component]
pub fn Workbench(scenario: &'static dyn AnyScenario) -> impl IntoView {
    let player = Player::new(scenario, run_in_query());
    let (desk, side, is_large) = (Desk::new(player), Side::new(), RwSignal::new(false));
    player.resume();
    open_beside(player);
    open_story(player);
    keep_stage_beside_text();
    remember_visit(player);
    let pause_when_hidden = window_event_listener(leptos::ev::Custom::<leptos::ev::Event>::new("visibilitychange"), {
        move |_| {
            if document().hidden() {
                player.pause();
                player.remember();
            }
        }
    });
    on_cleanup(move || pause_when_hidden.remove());
    view! {
        <div class="stage-frame" class:is-large=move || is_large.get()>
            <Promises player/>
            <button class="quiet enlarge" aria-pressed=move || is_large.get().to_string()
                on:click=click(move || is_large.update(|large| *large = !*large))>"Larger"</button>
            <Stages player side/>
            <LoadStrip player/>
            <Breach player/>
            <CutStrip player side/>
        </div>
        <Tour player/>
        <Transport player/>
        <LeftOut player/>
        <Panels desk/>
        <Dock player side/>
        <Keys player/>
    }
}

/// While less than this much of the workbench is in sight, in CSS pixels, the reader is in the text: the style sheet then
/// keeps the stage beside it, where there is room.
const NEAR: f64 = 120.0;

/// Marks the workbench while the reader is in the text below it.
fn keep_stage_beside_text() {
    let look = window_event_listener(leptos::ev::scroll, move |_| {
        let Some(bench) = document().get_element_by_id("app") else { return };
        let is_away = bench.get_bounding_client_rect().bottom() < NEAR;
        if bench.class_list().contains("is-away") != is_away {
            // A class that is refused leaves the stage where it is.
            let _ = bench.class_list().toggle_with_force("is-away", is_away);
            // The stage has another width now, and may want its other picture.
            request_animation_frame(|| {
                let _ = web_sys::Event::new("resize").map(|event| window().dispatch_event(&event));
            });
        }
    });
    on_cleanup(move || look.remove());
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
fn Stages(player: Player, side: Side) -> impl IntoView {
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
            <Stage player side is_other=false/>
            {move || player.beside.get().map(|beside| view! {
                <div class="beside">
                    <p class="beside-title">"The other run: " <b>{beside.title}</b></p>
                    <Stage player=beside.player side=Side::new() is_other=true/>
                </div>
            }.into_any())}
            <Changes player/>
            <NoticeBar player/>
        </div>
    }
}

/// What differs from how the scenario begins, in a corner of the stage.
#[component]
fn Changes(player: Player) -> impl IntoView {
    let changes = Memo::new(move |_| player.changes());
    let shown = move || {
        let all = changes.get();
        (!all.is_empty()).then(|| {
            view! {
                <p class="changes">
                    <span title=all.join(" · ")>{all.join(" · ")}</span>
                    <button class="quiet" on:click=click(move || player.reset())>"Reset all"</button>
                </p>
            }
            .into_any()
        })
    };
    view! { {move || shown()} }
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

/// Tells the address's run as a story, if the address names the rule that it is about, from the move that it names.
fn open_story(player: Player) {
    if let Some(rule) = story_in_query().filter(|_| player.notice.with_untracked(Option::is_none)) {
        player.tell(&player.link(), Some(&rule), move_in_query().unwrap_or(0));
    }
}

/// One clear sentence, over the stage's lower edge, where something needs saying.
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
