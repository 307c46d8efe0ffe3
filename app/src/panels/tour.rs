//! The tour: one idea per beat, a guess before it is shown, and challenges at the end.

use std::cmp::Ordering;

use leptos::prelude::*;

use super::terms::with_terms;
use crate::player::{Guess, Player};
use crate::storage::Progress;
use crate::view::{Views, click, effect, tagged};
use faultline::guides::kit::info::ChallengeInfo;

/// See the module's header.
#[component]
pub fn Tour(player: Player) -> impl IntoView {
    let count = player.info().beats.len();
    let at = move || format!("{} of {count}", (player.beat.get() + 1).min(count));
    view! {
        <section class="tour" aria-labelledby="tour-title">
            <h2 id="tour-title">"Tour " <span class="count">{move || at()}</span></h2>
            <p class="dots" aria-hidden="true" inner_html=move || dots(count, player.beat.get())></p>
            {move || player.revealed.get().and_then(|(beat, guess)| revealed(player, beat, &guess))}
            {move || beat(player)}
            <Challenges player/>
        </section>
    }
}

/// A dot for each beat: those that were reached, and the next.
fn dots(count: usize, next: usize) -> String {
    let dot = |beat: usize| match beat.cmp(&next) {
        Ordering::Less => r#"<span class="is-reached"></span>"#,
        Ordering::Equal => r#"<span class="is-next"></span>"#,
        Ordering::Greater => "<span></span>",
    };
    (0..count).map(dot).collect()
}

/// The beat that comes next.
fn beat(player: Player) -> AnyView {
    let at = player.beat.get();
    let Some(beat) = player.info().beats.get(at).copied() else {
        return view! { <p class="beat">"That was the tour. Now break it: crash, cut, drop, or switch off a rule."</p> }.into_any();
    };
    let go = if at == 0 { "Begin" } else { "Show me" };
    view! {
        <div class="beat">
            <h3>{beat.title}</h3>
            <p inner_html=with_terms(beat.say)></p>
            {beat.question.map(|question| guess(player, question))}
            <button class="primary" on:click=click(move || player.next_beat())>{go}</button>
        </div>
    }
    .into_any()
}

/// A guess, before it is shown.
fn guess(player: Player, question: &'static str) -> AnyView {
    let option = move |(index, option): (usize, String)| {
        let chosen = move || player.guess.with(|guess| guess.chosen == Some(index));
        let choose = click(move || player.guess.update(|guess| guess.chosen = Some(index)));
        view! {
            <button aria-pressed=move || chosen().to_string() class:chosen=move || chosen() on:click=choose>{option}</button>
        }
    };
    view! {
        <fieldset class="guess">
            <legend>{question}</legend>
            {move || player.guess.get().options.into_iter().enumerate().map(option).views()}
        </fieldset>
    }
    .into_any()
}

/// How the last guess turned out: the simulator's own next state grades it.
fn revealed(player: Player, beat: usize, guess: &Guess) -> Option<AnyView> {
    let because = player.info().beats.get(beat).and_then(|beat| beat.because).unwrap_or_default();
    let answer = guess.right.and_then(|right| guess.options.get(right))?;
    let verdict = match (guess.chosen, guess.right) {
        (Some(chosen), Some(right)) if chosen == right => "You were right: ",
        (Some(_), Some(_)) => "No: ",
        _ => "It was: ",
    };
    let text = format!("{} {}", tagged("b", &format!("{verdict}{answer}.")), with_terms(because));
    Some(view! { <p class="revealed" role="status" inner_html=text></p> }.into_any())
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
            if is_new
                && player.with(|run| !run.branch().tape().inputs().is_empty() && run.world().challenge_reached(index))
            {
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
