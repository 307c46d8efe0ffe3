//! The tour: one idea per beat, a guess before it is shown, and challenges at the end.

use leptos::prelude::*;

use super::story;
use super::terms::with_terms;
use crate::player::{BeatState, Player};
use crate::storage::Progress;
use crate::view::{Views, click, effect, tagged, when};
use faultline::guides::kit::info::ChallengeInfo;
use faultline::sim::kernel::time::show;

/// See the module's header. A story that is told stands in the tour's place.
#[component]
pub fn Tour(player: Player) -> impl IntoView {
    let has_story = Memo::new(move |_| {
        player.changed();
        player.has_story()
    });
    view! {
        {move || if has_story.get() { story::page(player) } else { beats(player) }}
    }
}

fn beats(player: Player) -> AnyView {
    let count = player.info().beats.len();
    let beat = move || player.beat.get() + 1;
    let back = move || !player.on_tour.get() || (beat() == 1 && player.beat_state.get() == BeatState::Read);
    effect(move || {
        if player.is_tour_over() {
            request_animation_frame(|| show_end(".tour-end"));
        }
    });
    view! {
        <section class="tour" aria-labelledby="tour-title" data-beat=beat
            data-beat-state=move || player.beat_state.get().word()>
            <div class="tour-head">
                <h2 id="tour-title">"Tour " <span class="count">{move || format!("{} of {count}", beat())}</span></h2>
                <Dots player count/>
            </div>
            <div class="tour-body">
                {move || if player.on_tour.get() { page(player) } else { folded() }}
                <p class="tour-end" hidden=move || !player.is_tour_over()>"That was the tour. Now break it: crash, cut, drop, or switch off a rule."</p>
                <Challenges player/>
            </div>
            <div class="tour-foot">
                <button aria-label="Previous beat" title="Previous beat (p)" disabled=back
                    on:click=click(move || player.previous_beat())>"‹"</button>
                <Primary player/>
                {when(move || player.has_kept(), move || back_to_own(player))}
            </div>
        </section>
    }
    .into_any()
}

/// A dot for each beat: those that were seen can be pressed.
#[component]
fn Dots(player: Player, count: usize) -> impl IntoView {
    let dot = move |beat: usize| {
        let is_seen = move || beat < player.beats_seen();
        let is_here = move || player.on_tour.get() && player.beat.get() == beat;
        view! {
            <button class="dot" class:is-reached=is_seen class:is-next=is_here disabled=move || !is_seen()
                aria-label=format!("Beat {}", beat + 1) aria-current=move || is_here().then_some("step")
                on:click=click(move || player.go_to_beat(beat))></button>
        }
    };
    view! { <div class="dots">{(0..count).map(dot).views()}</div> }
}

/// The one button that says what comes: it keeps its place, and the focus.
#[component]
fn Primary(player: Player) -> impl IntoView {
    let is_over = move || player.is_tour_over();
    let says = move || match (player.on_tour.get(), player.beat_state.get()) {
        (false, _) if player.beats_seen() == 0 => "Take the tour".to_owned(),
        (false, _) => format!("Continue the tour at beat {}", player.beat.get() + 1),
        (true, BeatState::Read) => "Show me".to_owned(),
        (true, BeatState::Playing) => "Skip".to_owned(),
        (true, BeatState::Seen) if is_over() => "Start over".to_owned(),
        (true, BeatState::Seen) => "Next".to_owned(),
    };
    view! {
        <button class="primary" title="Go on with the tour (n)" on:click=click(move || player.go_on())>{says}</button>
    }
}

/// The tour makes room for a run of the reader's.
fn folded() -> AnyView {
    view! { <p class="beat">"This run is yours. The tour goes on in a run of its own, and yours is kept meanwhile."</p> }
        .into_any()
}

fn back_to_own(player: Player) -> AnyView {
    view! { <button class="quiet" on:click=click(move || player.return_to_own())>"Back to your own run"</button> }
        .into_any()
}

/// A beat: the text stays while it is read, plays, and is seen.
fn page(player: Player) -> AnyView {
    let Some(beat) = player.info().beats.get(player.beat.get()).copied() else { return ().into_any() };
    view! {
        <div class="beat">
            <h3>{beat.title}</h3>
            <p inner_html=with_terms(beat.say)></p>
            {beat.question.map(|question| guess(player, question))}
            <p class="passed">{move || passed(player)}</p>
            {move || answered(player, beat.because.unwrap_or_default())}
        </div>
    }
    .into_any()
}

/// From so many events on, a beat says how much it passes over.
const LONG: u64 = 100;

/// How much a long beat takes: all but its end is passed over quickly.
fn passed(player: Player) -> Option<String> {
    let state = player.beat_state.get();
    let (events, time) = player.beat_span(player.beat.get()).filter(|span| span.0 > LONG)?;
    let events = (state != BeatState::Read).then_some(events)?;
    Some(format!("{events} events in {}, the last ones slowly.", show(time)))
}

/// What the reader guesses, and how it turned out: the simulator's own next state grades it.
fn guess(player: Player, question: &'static str) -> AnyView {
    let option = move |(index, option): (usize, String)| {
        let chosen = move || player.guess.with(|guess| guess.chosen == Some(index));
        let is_seen = move || player.beat_state.get() == BeatState::Seen;
        let wrong = move || is_seen() && chosen() && player.guess.with(|guess| guess.right != Some(index));
        let mark = move || if wrong() { " ✗" } else { "" };
        // Once it is seen, the answer says what was right, and needs the room.
        let is_over = move || is_seen() && !wrong();
        view! {
            <button aria-pressed=move || chosen().to_string() class:chosen=chosen class:is-wrong=wrong hidden=is_over
                disabled=move || player.beat_state.get() != BeatState::Read
                on:click=click(move || player.choose_guess(index))>{option}{mark}</button>
        }
    };
    view! {
        <fieldset class="guess">
            <legend>{question}</legend>
            {player.guess.get_untracked().options.into_iter().enumerate().map(option).views()}
        </fieldset>
    }
    .into_any()
}

/// How the guess turned out, once the beat is seen.
fn answered(player: Player, because: &str) -> Option<AnyView> {
    let guess = player.guess.get();
    let answer = (player.beat_state.get() == BeatState::Seen).then_some(guess.right).flatten();
    let answer = answer.and_then(|right| guess.options.get(right))?;
    let verdict = match (guess.chosen, guess.right) {
        (Some(chosen), Some(right)) if chosen == right => "You were right: ",
        (Some(_), Some(_)) => "Not quite: ",
        _ => "It was: ",
    };
    // Where the reason begins with the answer, it is said once.
    let said = because.strip_prefix(answer.as_str()).filter(|rest| rest.starts_with(['.', ':']));
    let rest = said.map_or(because, |rest| rest.trim_start_matches(['.', ':']).trim());
    let text = format!("{} {}", tagged("b", &format!("{verdict}{answer}.")), with_terms(rest));
    request_animation_frame(|| show_end(".revealed"));
    Some(view! { <p class="revealed" role="status" inner_html=text></p> }.into_any())
}

/// Brings what a beat or a story ends with into sight above the button: within its card, or, where the page scrolls, as far
/// as the beat stays in sight below the stage.
pub(super) fn show_end(what: &str) {
    let find = |what: &str| document().query_selector(&format!(".workbench {what}")).ok().flatten();
    let (Some(end), Some(body), Some(foot), Some(stage)) =
        (find(what), find(".tour-body"), find(".tour-foot"), find(".stage-frame"))
    else {
        return;
    };
    let place = |element: &web_sys::Element| element.get_bounding_client_rect();
    let hidden = place(&end).bottom() - place(&foot).top();
    if hidden <= 0.0 {
        return;
    }
    if body.scroll_height() > body.client_height() {
        body.set_scroll_top(body.scroll_top() + hidden.ceil() as i32);
    } else {
        window().scroll_by_with_x_and_y(0.0, hidden.min(place(&stage).top()).max(0.0));
    }
}

/// Goals the reader reaches by breaking things.
#[component]
fn Challenges(player: Player) -> impl IntoView {
    let info = player.info();
    let (path, count) = (info.path(), info.challenges.len());
    let known = Progress::load().ok().and_then(|progress| progress.visits.get(&path).cloned()).unwrap_or_default();
    let solved = RwSignal::new(known.solved);
    let ids: Vec<&'static str> = info.challenges.iter().map(|challenge| challenge.id).collect();
    effect(move || {
        player.changed();
        for (index, id) in ids.iter().enumerate() {
            let is_new = solved.with_untracked(|solved| !solved.iter().any(|known| known == id));
            let is_own = player.has_acted.get() && !player.on_tour.get();
            if is_new && is_own && player.with(|run| run.world().challenge_reached(index)) {
                solved.update(|solved| solved.push((*id).to_owned()));
                Progress::update(|progress| {
                    let visit = progress.visits.entry(path.clone()).or_default();
                    visit.solved = solved.get_untracked();
                });
            }
        }
    });
    let challenge = move |challenge: &ChallengeInfo| {
        let id = challenge.id;
        let done = move || solved.with(|solved| solved.iter().any(|known| known == id));
        view! {
            <li class:solved=move || done() data-challenge=id>
                <b>{challenge.title}</b> {move || if done() { " (solved)" } else { "" }}
                <p>{challenge.goal}</p>
                <details><summary>"Hint"</summary><p>{challenge.hint}</p></details>
            </li>
        }
    };
    view! {
        <details class="challenges">
            <summary>"Challenges " <span class="count">{move || format!("{} of {count} solved", solved.with(Vec::len))}</span></summary>
            <ol>{info.challenges.iter().map(challenge).views()}</ol>
        </details>
    }
}
