//! The legend: the kinds of messages that have been seen, by their glyphs, and what else the picture uses.

use leptos::prelude::*;

use faultline::picture::legend::kind;
use faultline::picture::{Frame, Look, svg};

use crate::player::Player;
use crate::view::{effect, tagged};

/// The most kinds that are listed; later ones are named in sight and in the text form.
const MOST_KINDS: usize = 9;
/// With more messages than this on their way, only the first are looked at.
const MOST_LOOKED_AT: usize = 60;

/// Adds the kinds that are on their way now.
fn note(player: Player, known: &mut Vec<(Look, String)>) {
    player.with(|run| {
        let world = run.world();
        for mark in world.flights().into_iter().take(MOST_LOOKED_AT).filter(|mark| mark.lost.is_none()) {
            let is_new = known.len() < MOST_KINDS && !known.iter().any(|one| one.0 == mark.look);
            if let Some(view) = is_new.then(|| world.message(mark.id)).flatten() {
                known.push((mark.look, kind(&view.title)));
            }
        }
    });
}

/// A glyph and its name, as HTML.
fn entry(look: Look, name: &str) -> String {
    let glyph = svg::glyph(look);
    let tone = look.tone.class();
    format!(
        r#"<li><svg class="picture flight {tone}" viewBox="-13 -13 26 26" aria-hidden="true">{glyph}</svg>{}</li>"#,
        tagged("span", name)
    )
}

/// What the picture uses besides messages.
fn signs(player: Player) -> String {
    player.with(|run| {
        let picture = run.world().picture(Frame::Wide);
        let has_ring = picture.nodes.iter().any(|mark| mark.ring.is_some());
        let has_crown = picture.nodes.iter().any(|mark| mark.crown);
        let ring = r#"<li><svg class="picture tone-neutral" viewBox="-13 -13 26 26" aria-hidden="true"><path class="ring" d="M0 -9a9 9 0 1 1 -9 9"/></svg><span>ring: time until it fires</span></li>"#;
        let crown = r#"<li><svg class="picture tone-active" viewBox="-16 -28 32 32" aria-hidden="true"><path class="crown" d="M-13 0v-13l7 6 6 -10 6 10 7 -6v13z"/></svg><span>leads</span></li>"#;
        [(has_ring, ring), (has_crown, crown)].iter().filter(|sign| sign.0).map(|sign| sign.1).collect()
    })
}

/// See the module's header.
#[component]
pub fn Legend(player: Player) -> impl IntoView {
    let html = RwSignal::new(String::new());
    let mut known = Vec::new();
    effect(move || {
        player.changed();
        note(player, &mut known);
        let kinds: String = known.iter().map(|(look, name)| entry(*look, name)).collect();
        let now = kinds + &signs(player);
        if html.with_untracked(|before| *before != now) {
            html.set(now);
        }
    });
    view! { <ul class="stage-legend" aria-label="Legend" inner_html=move || html.get()></ul> }
}
