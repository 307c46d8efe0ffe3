//! The promises over the stage, a chip each; what one says in full opens from its chip. A broken one stands under the
//! picture with what clashed, side by side.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;

use faultline::guides::kit::info::PromiseInfo;
use faultline::lab::beyond::beyond;
use faultline::sim::judge::verdict::{self, Broken, Kind, Standing, Verdict};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use crate::player::{BeatState, Player, Selection};
use crate::view::{Views, click, described, effect, on};

/// How a promise stands: a name for the style sheet, a mark, and words.
#[derive(Clone, Copy, PartialEq)]
struct Shown {
    state: &'static str,
    mark: &'static str,
    words: &'static str,
}

fn shown(kind: Kind, standing: &Standing) -> Shown {
    let (state, mark) = match &standing.verdict {
        Verdict::Outside(_) => ("outside", "–"),
        Verdict::Broken(broken) if broken.outside.is_some() => ("outside", "✕"),
        Verdict::Broken(_) => ("broken", "✕"),
        Verdict::Holds if standing.is_shown_to_hold(kind) => ("holds", "✓"),
        _ => ("pending", "…"),
    };
    Shown { state, mark, words: standing.words(kind) }
}

/// How a promise stands now; tracked.
fn standing(player: Player, index: usize) -> Standing {
    player.changed();
    player.with(|run| run.world().standings().get(index).cloned().unwrap_or_default())
}

/// What is open below the chips.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    All,
    One(usize),
}

/// See the module's header.
#[component]
pub fn Promises(player: Player) -> impl IntoView {
    let open = RwSignal::new(Open::Nothing);
    let (section, promises) = (NodeRef::<html::Section>::new(), player.info().promises.clone());
    let chips =
        promises.iter().enumerate().map(|(index, promise)| view! { <Chip player index promise=*promise open/> });
    let chips = chips.views();
    let cards = move || {
        let is_wanted = |index: usize| matches!(open.get(), Open::All) || open.get() == Open::One(index);
        let all = player.info().promises.clone().into_iter().enumerate().filter(|(index, _)| is_wanted(*index));
        view! {
            <ul class="promise-cards" id="promise-cards">{all.map(|(index, promise)| view! { <Card player index promise open/> }).views()}</ul>
        }
        .into_any()
    };
    let close_on_escape = on(move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" && open.get_untracked() != Open::Nothing {
            event.stop_propagation();
            open.set(Open::Nothing);
        }
    });
    close_elsewhere(section, open);
    view! {
        <section class="promises" node_ref=section aria-label="Promises" on:keydown=close_on_escape>
            <Summary player open/>
            <ul class="chips">{chips}</ul>
            {move || (open.get() != Open::Nothing).then(cards)}
        </section>
    }
}

/// Closes what is open when the reader presses anything else.
fn close_elsewhere(section: NodeRef<html::Section>, open: RwSignal<Open>) {
    let handle = window_event_listener(leptos::ev::pointerdown, move |event| {
        let target = event.target().map(|target| wasm_bindgen::JsCast::unchecked_into::<web_sys::Node>(target));
        let is_inside = section.get_untracked().is_some_and(|section| section.contains(target.as_ref()));
        if !is_inside && open.get_untracked() != Open::Nothing {
            open.set(Open::Nothing);
        }
    });
    on_cleanup(move || handle.remove());
}

fn toggle(open: RwSignal<Open>, wanted: Open) {
    open.update(|open| *open = if *open == wanted { Open::Nothing } else { wanted });
}

/// All promises in one chip, for a narrow stage.
#[component]
fn Summary(player: Player, open: RwSignal<Open>) -> impl IntoView {
    let all = Memo::new(move |_| {
        let one = |(index, promise): (usize, &PromiseInfo)| shown(promise.kind, &standing(player, index));
        player.info().promises.iter().enumerate().map(one).collect::<Vec<_>>()
    });
    let broken = move || all.with(|all| all.iter().position(|one| one.state == "broken"));
    let words = move || match broken() {
        Some(index) => format!("✕ {}", player.info().promises[index].title),
        None => all.with(|all| {
            let count = |state: &str| all.iter().filter(|one| one.state == state).count();
            let open = match count("pending") {
                0 => String::new(),
                open => format!(", {open} not yet"),
            };
            format!("✓ {} of {} hold so far{open}", count("holds"), all.len())
        }),
    };
    let state = move || if broken().is_some() { "broken" } else { "holds" };
    view! {
        <button class="chip promise-summary" data-verdict=state aria-expanded=move || (open.get() == Open::All).to_string()
            on:click=click(move || toggle(open, Open::All))>{words}</button>
    }
}

#[component]
fn Chip(player: Player, index: usize, promise: PromiseInfo, open: RwSignal<Open>) -> impl IntoView {
    let shown = Memo::new(move |_| shown(promise.kind, &standing(player, index)));
    let is_open = move || open.get() == Open::One(index);
    view! {
        <li data-promise=promise.id data-verdict=move || shown.get().state>
            <button class="chip" aria-expanded=move || is_open().to_string() title=move || format!("{}: {}", promise.title, shown.get().words)
                on:click=click(move || toggle(open, Open::One(index)))>
                <span class="verdict-mark" aria-hidden="true">{move || shown.get().mark}</span>
                <span class="promise-title">{promise.title}</span>
                <span class="visually-hidden">{move || format!(": {}", shown.get().words)}</span>
            </button>
        </li>
    }
}

/// A promise in full.
#[component]
fn Card(player: Player, index: usize, promise: PromiseInfo, open: RwSignal<Open>) -> impl IntoView {
    let standing = Memo::new(move |_| standing(player, index));
    let shown = Memo::new(move |_| standing.with(|standing| shown(promise.kind, standing)));
    let hunt = click(move || {
        player.wanted.set(Some(index));
        open.set(Open::Nothing);
    });
    view! {
        <li data-verdict=move || shown.get().state>
            <p class="card-head"><span class="verdict-mark" aria-hidden="true">{move || shown.get().mark}</span>
                <b>{promise.title}</b> <span class="verdict">{move || shown.get().words}</span></p>
            <p>{promise.about}</p>
            {move || standing.with(|standing| said(player, &standing.verdict))}
            <button class="hunt-for" aria-label=format!("Break it: {}", promise.title) title="Find a way to break this"
                on:click=hunt>"Break it"</button>
        </li>
    }
}

/// What there is to say about a verdict: why the promise is not made at these settings, or how it was broken.
fn said(player: Player, verdict: &Verdict) -> Option<AnyView> {
    match verdict {
        Verdict::Outside(says) => Some(view! { <p class="outside">{*says}</p> }.into_any()),
        Verdict::Broken(broken) => Some(breach(player, broken)),
        _ => None,
    }
}

/// A fault of the reader's before an event that the scenario does not promise to withstand.
fn beyond_the_faults(player: Player, step: u64) -> Option<String> {
    let found = player.with(|run| {
        let inputs = run.branch().tape().inputs();
        beyond(&player.info().faults, inputs, step, |node| run.world().name(node))
    });
    found.map(|what| format!("Outside of what is promised: {what}."))
}

/// What clashes, side by side, as HTML.
pub fn clash(breach: &verdict::Breach) -> String {
    let values: String = breach.values.iter().map(|(who, what)| described(who, what)).collect();
    format!("<dl class=\"clash\">{values}</dl>")
}

/// How a promise was broken and, where that is so, why this much was never promised.
fn breach(player: Player, broken: &Broken) -> AnyView {
    let step = broken.step;
    let why = broken.outside.map(str::to_owned).or_else(|| beyond_the_faults(player, step));
    let unpromised = why.map(|why| view! { <p class="outside">{why}</p> });
    let clash = clash(&broken.breach);
    let go = move || {
        player.pause();
        player.seek(step);
        player.selection.set(Selection::Event(step));
    };
    view! {
        <p>{broken.breach.text.clone()}</p>
        {unpromised}
        <div inner_html=clash></div>
        {move || {
            player.changed();
            let is_here = player.with(Run::step_count) == step;
            match is_here {
                true => again(player, ""),
                false => view! { <button on:click=click(go)>{format!("Go to event {step}")}</button> }.into_any(),
            }
        }}
    }
    .into_any()
}

/// The button that shows again how it came about.
pub fn again(player: Player, class: &'static str) -> AnyView {
    let show = click(move || player.show_again());
    view! { <button class=class on:click=show>"The last three events again, slowly"</button> }.into_any()
}

/// The promise that broke last at the cursor, and where.
pub fn last_broken(player: Player) -> Option<(usize, Arc<Broken>)> {
    player.changed();
    player.with(|run| verdict::last_broken(run.world().standings()).map(|(index, broken)| (index, Arc::clone(broken))))
}

/// Sees to it that the breach covers nothing of the picture: it lies over the stage's lower edge where that is free, and
/// makes room for itself where it is not.
fn keep_clear() {
    let Some(frame) = document().query_selector(".stage-frame").ok().flatten() else { return };
    let _ = frame.class_list().remove_1("makes-room");
    let Some(strip) = frame.query_selector(".strip.breach").ok().flatten() else { return };
    let drawn = [".canvas .nodes", ".canvas .figures"].map(|layer| frame.query_selector(layer).ok().flatten());
    let bottoms = drawn.iter().flatten().map(|layer| layer.get_bounding_client_rect().bottom());
    let legend =
        frame.query_selector(".stage-legend").ok().flatten().map(|legend| legend.get_bounding_client_rect().top());
    let edge = frame.get_bounding_client_rect().bottom();
    // A style that is refused leaves the strip at the stage's edge.
    let _ = strip.set_attribute("style", &format!("bottom:{}px", (edge - legend.unwrap_or(edge)) as i32));
    if bottoms.fold(0.0, f64::max) > strip.get_bounding_client_rect().top() {
        // A class that is refused leaves the strip where it is.
        let _ = frame.class_list().add_1("makes-room");
    }
}

/// The breach of the promise that broke last, under the picture until the reader has read it.
#[component]
pub fn Breach(player: Player) -> impl IntoView {
    let read = RwSignal::new(None::<(usize, u64)>);
    let last = Memo::new(move |_| last_broken(player));
    // A story says itself how it ends.
    let is_told = Memo::new(move |_| {
        player.changed();
        player.is_told()
    });
    effect(move || {
        if last.with(Option::is_none) {
            read.set(None);
        }
    });
    // What a page of the tour has broken was read by whoever turns it.
    effect(move || {
        player.beat.track();
        if player.on_tour.get_untracked() && player.beat_state.get_untracked() == BeatState::Read {
            read.set(last.get_untracked().map(|(index, broken)| (index, broken.step)));
        }
    });
    effect(move || {
        last.track();
        read.track();
        is_told.track();
        request_animation_frame(keep_clear);
    });
    let strip = move || {
        let (index, broken) = last.get()?;
        let here = (index, broken.step);
        let is_wanted = read.get() != Some(here) && !is_told.get();
        let promise = player.info().promises.get(index).copied().filter(|_| is_wanted)?;
        let state = if broken.outside.is_some() { "outside" } else { "broken" };
        let view = view! {
            <div class="strip breach" role="alert" data-verdict=state>
                <p class="breach-title">"✕ " {promise.title}</p>
                {breach(player, &broken)}
                <button class="quiet" on:click=click(move || read.set(Some(here)))>"Dismiss"</button>
            </div>
        };
        Some(view.into_any())
    };
    view! { {move || strip()} }
}
