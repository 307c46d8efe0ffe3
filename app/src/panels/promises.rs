//! The promises and how they stand; a broken one with what clashed, side by side.

use leptos::prelude::*;

use faultline::guides::kit::info::PromiseInfo;
use faultline::lab::beyond::beyond;
use faultline::sim::judge::verdict::{Kind, Verdict};
use faultline::sim::run::simulation::Simulation;

use crate::player::{Player, Selection};
use crate::view::{Views, click, described};

fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✓",
        Verdict::Broken(_) => "✕",
        Verdict::Pending => "…",
        Verdict::Outside(_) => "–",
    }
}

fn words(kind: Kind, verdict: &Verdict) -> &'static str {
    match (verdict, kind) {
        (Verdict::Broken(_), _) => "broken",
        (Verdict::Outside(_), _) => "not promised here",
        (Verdict::Holds, Kind::Eventually { .. }) => "came true",
        (Verdict::Holds, _) => "holds",
        (Verdict::Pending, _) => "not yet",
    }
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
    let verdict = Memo::new(move |_| {
        player.changed();
        player
            .with(|run| run.world().standings().get(index).map(|standing| standing.verdict.clone()).unwrap_or_default())
    });
    view! {
        <li data-promise=promise.id data-verdict=move || verdict.with(Verdict::name) title=promise.about>
            <span class="verdict-mark" aria-hidden="true">{move || verdict.with(mark)}</span>
            <span class="promise-title">{promise.title}</span>
            <span class="verdict">{move || verdict.with(|verdict| words(promise.kind, verdict))}</span>
            <button class="quiet hunt-for" aria-label=format!("Break it: {}", promise.title)
                title="Find a way to break this" on:click=click(move || player.wanted.set(Some(index)))>"Break it"</button>
            {move || verdict.with(outside)}
            {move || verdict.with(|verdict| breach(player, verdict))}
        </li>
    }
}

/// Why a promise is not made at these settings.
fn outside(verdict: &Verdict) -> Option<AnyView> {
    let Verdict::Outside(says) = verdict else { return None };
    Some(view! { <p class="outside">{*says}</p> }.into_any())
}

/// A fault of the reader's before an event that the scenario does not promise to withstand.
fn unpromised(player: Player, step: u64) -> Option<String> {
    let found = player.with(|run| {
        let inputs = run.branch().tape().inputs();
        beyond(&player.info().faults, inputs, step, |node| run.world().name(node))
    });
    found.map(|what| format!("Outside of what is promised: {what}."))
}

/// How a promise was broken.
fn breach(player: Player, verdict: &Verdict) -> Option<AnyView> {
    let Verdict::Broken(broken) = verdict else { return None };
    let step = broken.step;
    let clash: String = broken.breach.values.iter().map(|(who, what)| described(who, what)).collect();
    let go = click(move || {
        player.seek(step);
        player.selection.set(Selection::Event(step));
    });
    let view = view! {
        <div class="breach" role="alert">
            <p>{broken.breach.text.clone()}</p>
            {unpromised(player, step).map(|words| view! { <p class="outside">{words}</p> })}
            <dl class="clash" inner_html=clash></dl>
            <button on:click=go>{format!("Go to event {step}")}</button>
        </div>
    };
    Some(view.into_any())
}
