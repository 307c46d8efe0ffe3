//! The tour: one idea a beat, a guess before it is shown, and challenges at the end.

use leptos::prelude::*;

use super::terms::with_terms;
use crate::player::{Guess, Player};
use crate::storage::Progress;

/// See the module's header.
#[component]
pub fn Tour(player: Player) -> impl IntoView {
    let info = player.info();
    let count = info.beats.len();
    let beats = StoredValue::new(info.beats.clone());
    let now = move || beats.with_value(|beats| beats.get(player.beat.get()).copied());
    view! {
        <section class="tour" aria-labelledby="tour-title">
            <h2 id="tour-title">"Tour " <span class="count">{move || format!("{} of {count}", (player.beat.get() + 1).min(count))}</span></h2>
            <p class="dots" aria-hidden="true">
                {(0..count).map(|beat| view! {
                    <span class:is-reached=move || beat < player.beat.get() class:is-next=move || beat == player.beat.get()></span>
                }).collect_view()}
            </p>
            {move || player.revealed.get().map(|(beat, guess)| view! { <Revealed player beat guess/> })}
            {move || match now() {
                Some(beat) => view! {
                    <div class="beat">
                        <h3>{beat.title}</h3>
                        <p>{with_terms(beat.say)}</p>
                        {beat.question.map(|question| view! { <Question player question/> })}
                        <button class="primary" on:click=move |_| player.next_beat()>
                            {if player.beat.get_untracked() == 0 { "Begin" } else { "Show me" }}
                        </button>
                    </div>
                }.into_any(),
                None => view! { <p class="beat">"That was the tour. Now break it: crash, cut, drop, or switch off a rule."</p> }.into_any(),
            }}
            <Challenges player/>
        </section>
    }
}

/// A guess, before it is shown.
#[component]
fn Question(player: Player, question: &'static str) -> impl IntoView {
    view! {
        <fieldset class="guess">
            <legend>{question}</legend>
            {move || player.guess.get().options.into_iter().enumerate().map(|(index, option)| {
                let chosen = move || player.guess.with(|guess| guess.chosen == Some(index));
                view! {
                    <button aria-pressed=move || chosen().to_string() class:chosen=chosen
                        on:click=move |_| player.guess.update(|guess| guess.chosen = Some(index))>{option}</button>
                }
            }).collect_view()}
        </fieldset>
    }
}

/// What came of the guess before: the simulator's own next state grades it.
#[component]
fn Revealed(player: Player, beat: usize, guess: Guess) -> impl IntoView {
    let because = player.info().beats.get(beat).and_then(|beat| beat.because);
    let answer = guess.right.and_then(|right| guess.options.get(right).cloned());
    let verdict = match (guess.chosen, guess.right) {
        (Some(chosen), Some(right)) if chosen == right => "You were right: ",
        (Some(_), Some(_)) => "Not this time: ",
        _ => "It was: ",
    };
    answer.map(|answer| {
        view! { <p class="revealed" role="status"><b>{verdict} {answer} "."</b> " " {because}</p> }
    })
}

/// Goals the reader reaches by breaking things.
#[component]
fn Challenges(player: Player) -> impl IntoView {
    let info = player.info();
    let (path, count) = (info.path(), info.challenges.len());
    let known = Progress::load().ok().and_then(|progress| progress.visits.get(&path).cloned()).unwrap_or_default();
    let solved = RwSignal::new(known.solved);
    let ids: Vec<&'static str> = info.challenges.iter().map(|challenge| challenge.id).collect();
    Effect::new(move |_| {
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
    view! {
        <details class="challenges">
            <summary>"Challenges " <span class="count">{move || format!("{} of {} solved", solved.with(Vec::len), count)}</span></summary>
            <ol>
                {player.info().challenges.iter().map(|challenge| {
                    let id = challenge.id;
                    let done = move || solved.with(|solved| solved.iter().any(|known| known == id));
                    view! {
                        <li class:solved=done data-challenge=id>
                            <b>{challenge.title}</b> {move || if done() { " (solved)" } else { "" }}
                            <p>{challenge.goal}</p>
                            <details><summary>"Hint"</summary><p>{challenge.hint}</p></details>
                        </li>
                    }
                }).collect_view()}
            </ol>
        </details>
    }
}
