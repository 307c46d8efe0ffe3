//! The promises and how they stand; a broken one with what clashed, side by side.

use leptos::prelude::*;

use faultline::guides::kit::info::PromiseInfo;
use faultline::lab::beyond::beyond;
use faultline::sim::judge::verdict::{Breach, Kind, Standing, Verdict};
use faultline::sim::run::simulation::Simulation;

use crate::player::{Player, Selection};
use crate::view::{Views, click, described};

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

/// See the module's header.
#[component]
pub fn Promises(player: Player) -> impl IntoView {
    let info = player.info();
    view! {
        <section class="promises" aria-labelledby="promises-title">
            <h2 id="promises-title">"Promises"</h2>
            <ul>
                {info.promises.iter().enumerate().map(|(index, promise)| view! { <Card player index promise=*promise/> }).views()}
            </ul>
        </section>
    }
}

#[component]
fn Card(player: Player, index: usize, promise: PromiseInfo) -> impl IntoView {
    let standing = Memo::new(move |_| {
        player.changed();
        player.with(|run| run.world().standings().get(index).cloned().unwrap_or_default())
    });
    let shown = Memo::new(move |_| standing.with(|standing| shown(promise.kind, standing)));
    view! {
        <li data-promise=promise.id data-verdict=move || shown.get().state title=promise.about>
            <span class="verdict-mark" aria-hidden="true">{move || shown.get().mark}</span>
            <span class="promise-title">{promise.title}</span>
            <span class="verdict">{move || shown.get().words}</span>
            <button class="quiet hunt-for" aria-label=format!("Break it: {}", promise.title)
                title="Find a way to break this" on:click=click(move || player.wanted.set(Some(index)))>"Break it"</button>
            {move || standing.with(|standing| limit(&standing.verdict))}
            {move || standing.with(|standing| breach(player, &standing.verdict))}
        </li>
    }
}

/// Why a promise is not made at these settings.
fn limit(verdict: &Verdict) -> Option<AnyView> {
    let Verdict::Outside(says) = verdict else { return None };
    Some(view! { <p class="outside">{*says}</p> }.into_any())
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
pub fn clash(breach: &Breach) -> String {
    let values: String = breach.values.iter().map(|(who, what)| described(who, what)).collect();
    format!("<dl class=\"clash\">{values}</dl>")
}

/// How a promise was broken and, where that is so, why this much was never promised.
fn breach(player: Player, verdict: &Verdict) -> Option<AnyView> {
    let Verdict::Broken(broken) = verdict else { return None };
    let step = broken.step;
    let why = broken.outside.map(str::to_owned).or_else(|| beyond_the_faults(player, step));
    let unpromised = why.map(|why| view! { <p class="outside">{why}</p> });
    let clash = clash(&broken.breach);
    let go = click(move || {
        player.seek(step);
        player.selection.set(Selection::Event(step));
    });
    let view = view! {
        <div class="breach" role="alert">
            <p>{broken.breach.text.clone()}</p>
            {unpromised}
            <div inner_html=clash></div>
            <button on:click=go>{format!("Go to event {step}")}</button>
        </div>
    };
    Some(view.into_any())
}
