//! A story in the tour's place: which rule is off and what it buys, each move with its why, and the breach at the end.

use leptos::prelude::*;

use faultline::lab::story::told;
use faultline::sim::kernel::time::show;

use super::promises::clash;
use super::why;
use crate::player::{Player, Story};
use crate::view::{click, tagged, when};

/// See the module's header.
pub fn page(player: Player) -> AnyView {
    let of = move |read: fn(&Story) -> String| player.story.with(|story| story.as_ref().map(read).unwrap_or_default());
    let is_here = Memo::new(move |_| player.story.with(|story| story.as_ref().is_some_and(|story| story.is_here)));
    let is_first =
        move || player.story.with(|story| story.as_ref().is_none_or(|story| story.at == 0 || !story.is_here));
    view! {
        <section class="tour story" aria-labelledby="tour-title" data-story=move || of(|story| story.id.clone())
            data-move=move || of(|story| story.at.to_string())>
            <div class="tour-head">
                <h2 id="tour-title">"Story " <span class="count">{move || of(|story| format!("move {} of {}", story.at, story.count))}</span></h2>
            </div>
            <div class="tour-body">
                {move || if is_here.get() { telling(player) } else { folded() }}
                <More player is_here/>
            </div>
            <div class="tour-foot">
                <button aria-label="Previous move" title="Previous move (p)" disabled=is_first
                    on:click=click(move || player.previous_move())>"‹"</button>
                <Next player is_here/>
            </div>
        </section>
    }
    .into_any()
}

fn is_over(player: Player) -> bool {
    player.story.with(|story| story.as_ref().is_some_and(|story| story.at == story.count))
}

/// The button that goes on; at the end it leads back to the reader's own run, or to the tour.
#[component]
fn Next(player: Player, is_here: Memo<bool>) -> impl IntoView {
    let ends = Memo::new(move |_| is_here.get() && is_over(player));
    let words = move || match (is_here.get(), ends.get()) {
        (false, _) => "Back to the story",
        (_, false) => "Next move",
        _ if player.has_kept() => "Back to your own run",
        _ => "To the tour",
    };
    let go = click(move || if ends.get_untracked() { player.leave_story() } else { player.next_move() });
    view! { <button class="primary" title="Next move (n)" on:click=go>{words}</button> }
}

/// What else one may want: the breach again and, before the end, to leave.
#[component]
fn More(player: Player, is_here: Memo<bool>) -> impl IntoView {
    let ends = move || is_here.get() && is_over(player);
    let again = move || {
        view! { <button class="quiet" on:click=click(move || player.show_again())>"The last three events again, slowly"</button> }
            .into_any()
    };
    let leave = move || {
        let words = if player.has_kept() { "Back to your own run" } else { "To the tour" };
        view! { <button class="quiet" on:click=click(move || player.leave_story())>{words}</button> }.into_any()
    };
    view! { <p class="tour-more">{when(ends, again)}{when(move || !ends(), leave)}</p> }
}

fn folded() -> AnyView {
    view! { <p class="beat">"This run is your own. The story waits where you left it."</p> }.into_any()
}

/// What has just happened, and at the end which promise is broken.
fn telling(player: Player) -> AnyView {
    view! {
        <div class="beat">
            <div aria-live="polite" inner_html=move || moved(player)></div>
            {move || breach(player)}
        </div>
    }
    .into_any()
}

/// The move at which the story stands, as HTML.
fn moved(player: Player) -> String {
    player.changed();
    let Some(story) = player.story.get() else { return String::new() };
    let acts = |step: u64| player.with(|run| told(run, step));
    if story.at == 0 {
        return opening(&story, &acts(0));
    }
    player.with(|run| {
        let step = story.step;
        let Some((handled, record)) = run.records(step, step).into_iter().next() else { return String::new() };
        let head = format!("h3 title=\"Event {step}, {}\"", show(handled.time));
        let mut text = tagged(&head, &record.title) + &tagged("p", &why::text(&player.info(), &record));
        text.push_str(&you_do(&told(run, step)));
        text
    })
}

/// What the story is about, before its first move.
fn opening(story: &Story, acts: &[String]) -> String {
    let about = match story.rule {
        Some((title, about)) => tagged("h3", &format!("Without “{title}”")) + &tagged("p", about),
        None => tagged("h3", "How it breaks"),
    };
    let moves = if story.count == 1 { "One move".to_owned() } else { format!("{} moves", story.count) };
    let ahead = tagged("p", &format!("{moves} from here, a promise breaks."));
    about + &you_do(acts) + &ahead
}

/// What is done to the system, as HTML.
fn you_do(acts: &[String]) -> String {
    acts.iter().map(|act| tagged("h3 class=\"act\"", &format!("Then: {act}"))).collect()
}

/// The promise that is broken here, with what clashes.
fn breach(player: Player) -> Option<AnyView> {
    let story = player.story.get().filter(|story| story.at == story.count)?;
    let (promise, broken) = player.breach_here().filter(|(_, broken)| story.is_here && broken.step <= story.step)?;
    let html = tagged("strong", &format!("Broken: {}", promise.title))
        + &tagged("p", &broken.breach.text)
        + &clash(&broken.breach);
    Some(view! { <div class="breach" role="alert" inner_html=html></div> }.into_any())
}
