//! A story in the tour's place: which rule is off and what it buys, each move with its why, and the breach at the end.

use leptos::prelude::*;

use faultline::lab::telling::said;
use faultline::sim::kernel::time::show;

use super::promises::{again, clash, last_broken};
use super::tour::show_end;
use crate::player::{Player, Story};
use crate::view::{click, tagged, when};

/// A story as its panel sees it: none once it is left.
type Seen = Memo<Option<Story>>;

/// See the module's header.
pub fn page(player: Player) -> AnyView {
    let story: Seen = Memo::new(move |_| player.story());
    let of = move |read: fn(&Story) -> String| story.with(|story| story.as_ref().map(read).unwrap_or_default());
    let is_here = Memo::new(move |_| holds(story, |story| story.is_here));
    let is_first = move || !holds(story, |story| story.is_here && story.at > 0);
    view! {
        <section class="tour story" aria-labelledby="tour-title" data-story=move || of(|story| story.id.clone())
            data-move=move || of(|story| story.at.to_string())>
            <div class="tour-head">
                <h2 id="tour-title">"Story " <span class="count">{move || of(place)}</span></h2>
            </div>
            <div class="tour-body">
                {move || if is_here.get() { telling(player, story) } else { folded() }}
                <More player story/>
            </div>
            <div class="tour-foot">
                <button aria-label="Previous move" title="Previous move (p)" disabled=is_first
                    on:click=click(move || player.previous_move())>"‹"</button>
                <Next player story/>
            </div>
        </section>
    }
    .into_any()
}

fn holds(story: Seen, what: fn(&Story) -> bool) -> bool {
    story.with(|story| story.as_ref().is_some_and(what))
}

/// Where the story stands, in words.
fn place(story: &Story) -> String {
    if story.at == 0 { moves(story.count) } else { format!("move {} of {}", story.at, story.count) }
}

fn moves(count: usize) -> String {
    if count == 1 { "one move".to_owned() } else { format!("{count} moves") }
}

/// Whether the last move is seen.
fn is_over(story: Seen) -> bool {
    holds(story, |story| story.is_here && story.at == story.count)
}

/// Where leaving the story leads.
fn way_out(player: Player) -> &'static str {
    if player.has_kept() { "Back to your own run" } else { "To the tour" }
}

/// The button that goes on; at the end it leads back to the reader's own run, or to the tour.
#[component]
fn Next(player: Player, story: Seen) -> impl IntoView {
    let words = move || match (holds(story, |story| story.is_here), is_over(story)) {
        (false, _) => "Back to the story",
        (_, false) => "Next move",
        _ => way_out(player),
    };
    let go = click(move || if untrack(|| is_over(story)) { player.leave_story() } else { player.next_move() });
    view! { <button class="primary" title="Next move (n)" on:click=go>{words}</button> }
}

/// What else one may want: the breach again and, before the end, to leave.
#[component]
fn More(player: Player, story: Seen) -> impl IntoView {
    let leave = move || {
        view! { <button class="quiet" on:click=click(move || player.leave_story())>{move || way_out(player)}</button> }
            .into_any()
    };
    view! {
        <p class="tour-more">
            {when(move || is_over(story), move || again(player, "quiet"))}
            {when(move || !is_over(story), leave)}
        </p>
    }
}

fn folded() -> AnyView {
    view! { <p class="beat">"This run is your own. The story waits where you left it."</p> }.into_any()
}

/// What has just happened, and at the end which promise is broken.
fn telling(player: Player, story: Seen) -> AnyView {
    view! {
        <div class="beat">
            <div aria-live="polite" inner_html=move || moved(player, story)></div>
            {move || breach(player, story)}
        </div>
    }
    .into_any()
}

/// The move at which the story stands, as HTML.
fn moved(player: Player, story: Seen) -> String {
    let Some(story) = story.get() else { return String::new() };
    let Some(stop) = story.stops.last() else { return opening(&story) };
    player.with(|run| {
        let said = said(run, &player.info(), &story.stops, story.at == story.count).unwrap_or_default();
        let head = match stop.act {
            Some(_) => "h3 class=\"act\"".to_owned(),
            None => format!("h3 title=\"Event {}, {}\"", stop.step, show(run.branch().time_at(stop.step))),
        };
        let paragraph = |opening: &str, text: &str| if text.is_empty() { String::new() } else { tagged(opening, text) };
        tagged(&head, &said.title) + &paragraph("p", &said.text) + &paragraph("p class=\"also\"", &said.also)
    })
}

/// What the story is about, before its first move.
fn opening(story: &Story) -> String {
    let about = match story.rule {
        Some((title, about)) => tagged("h3", &format!("Without “{title}”")) + &tagged("p", about),
        None => tagged("h3", "How it breaks"),
    };
    about + &tagged("p", &format!("A promise is about to break: {} from here.", moves(story.count)))
}

/// The promise that is broken at the end, with what clashes.
fn breach(player: Player, story: Seen) -> Option<AnyView> {
    let end = story.get().filter(|_| is_over(story))?.stops.last()?.step;
    let (index, broken) = last_broken(player).filter(|(_, broken)| broken.step <= end)?;
    let promise = *player.info().promises.get(index)?;
    let html = tagged("strong", &format!("Broken: {}", promise.title))
        + &tagged("p", &broken.breach.text)
        + &clash(&broken.breach);
    request_animation_frame(|| show_end(".story .breach"));
    Some(view! { <div class="breach" role="alert" inner_html=html></div> }.into_any())
}
