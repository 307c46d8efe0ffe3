//! The page of a scenario: stage and transport, panels, prose.

use leptos::html;
use leptos::prelude::*;

use faultline::guides::catalogue;
use faultline::guides::find;
use faultline::sim::run::tape::Link;

use super::{scenarios_of, still};
use crate::keys::Keys;
use crate::panels::dock::Dock;
use crate::panels::promises::{Breach, Promises};
use crate::panels::tour::Tour;
use crate::panels::what_if::show_beside;
use crate::panels::{Desk, Panels};
use crate::player::{Notice, Player};
use crate::router::{Route, Router, run_beside_in_query, run_in_query, set_title};
use crate::stage::Stage;
use crate::stage::partition::{CutStrip, Side};
use crate::storage::Progress;
use crate::transport::Transport;
use crate::view::{click, effect};

/// See the module's header.
#[component]
pub fn ScenarioPage(index: usize) -> impl IntoView {
    let router = expect_context::<Router>();
    let Some(scenario) = catalogue().get(index).copied() else {
        return view! { <super::not_found::NotFound path=String::new()/> }.into_any();
    };
    let player = Player::new(scenario, run_in_query());
    open_beside(player);
    let info = player.info();
    let path = info.path();
    set_title(info.title);
    let prose = still::text_of(&Route::Scenario(index), &router.scenario(&path));
    Progress::update(|progress| {
        progress.visits.entry(path.clone()).or_default();
        progress.last = Some(path.clone());
    });
    let pause_when_hidden = window_event_listener(leptos::ev::Custom::<leptos::ev::Event>::new("visibilitychange"), {
        move |_| {
            if document().hidden() {
                player.pause();
            }
        }
    });
    on_cleanup(move || pause_when_hidden.remove());
    view! {
        <div class="page scenario">
            <div class="heading">
                <p class="crumbs"><a href=router.guide(info.guide)>{info.guide.title()}</a> " · level " {info.level}</p>
                <h1>{info.title}</h1>
                <p class="lead" title=info.summary>{info.summary}</p>
            </div>
            <Workbench player/>
            <article id="prose" class="prose" inner_html=move || prose.get()></article>
            <Neighbours index/>
            <Keys player/>
        </div>
    }
    .into_any()
}

/// While less than this much of the workbench is in sight, in CSS pixels, the reader is in the text: the style sheet then
/// keeps the stage beside it, where there is room.
const NEAR: f64 = 120.0;

/// All that moves: the stage in its frame, the tour, the transport, the panels, and the dock for what wants width.
#[component]
fn Workbench(player: Player) -> impl IntoView {
    let (desk, side, own) = (Desk::new(player), Side::new(), NodeRef::<html::Div>::new());
    let is_away = RwSignal::new(false);
    let look = window_event_listener(leptos::ev::scroll, move |_| {
        let bottom = own.get_untracked().map_or(NEAR, |bench| bench.get_bounding_client_rect().bottom());
        if is_away.get_untracked() != (bottom < NEAR) {
            is_away.set(bottom < NEAR);
            // The stage has another width now, and may want its other picture.
            request_animation_frame(|| {
                let _ = web_sys::Event::new("resize").map(|event| window().dispatch_event(&event));
            });
        }
    });
    on_cleanup(move || look.remove());
    view! {
        <div class="workbench" node_ref=own class:is-away=move || is_away.get() class:shows-load=player.info().shows_load()>
            <div class="stage-frame">
                <Promises player/>
                <Stages player side/>
                <Breach player/>
                <CutStrip player side/>
            </div>
            <Tour player/>
            <Transport player/>
            <Panels desk/>
            <Dock player side/>
        </div>
    }
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
            <NoticeBar player/>
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

/// The scenarios before and after this one in its guide.
#[component]
fn Neighbours(index: usize) -> impl IntoView {
    let router = expect_context::<Router>();
    let here = catalogue().get(index).map(|scenario| scenario.info());
    let all = here.as_ref().map_or_else(Vec::new, |info| scenarios_of(info.guide));
    let at = all.iter().position(|info| here.as_ref().is_some_and(|here| here.slug == info.slug)).unwrap_or(0);
    let link = |info: Option<&faultline::guides::kit::info::Info>, word: &'static str| {
        info.map(|info| {
            let words = format!("{word}: {}", info.title);
            view! { <a href=router.scenario(&info.path())>{words}</a> }.into_any()
        })
    };
    view! {
        <nav class="neighbours" aria-label="In this guide">
            {link(at.checked_sub(1).and_then(|before| all.get(before)), "Before")}
            {link(all.get(at + 1), "Next")}
        </nav>
    }
}
