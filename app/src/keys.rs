//! Keys for everything on the transport, and the list of them.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::player::Player;
use crate::view::tagged;

const KEYS: [(&str, &str); 13] = [
    ("→", "Step"),
    ("←", "Step back"),
    ("Space", "Play or pause"),
    ("n", "Go on with the tour, or the story"),
    ("p", "Previous beat, or move"),
    ("z and Z", "Undo and redo what you did"),
    ("0", "Restart"),
    (", and .", "Slower and faster"),
    ("Tab", "To the stage's nodes, its links, its messages"),
    ("Arrows", "Move among those of a kind, and in a menu"),
    ("Enter", "What can be done to it"),
    ("/", "Search"),
    ("?", "This list"),
];

fn dialog() -> Option<web_sys::HtmlDialogElement> {
    document().get_element_by_id("keys")?.dyn_into().ok()
}

/// Shows the list of keys.
pub fn open_help() {
    if let Some(dialog) = dialog().filter(|dialog| !dialog.open()) {
        // A dialog that is already open stays open.
        let _ = dialog.show_modal();
    }
}

/// Whether a key belongs to what has the focus: a field, a slider, a button or a box to tick for the space bar.
fn is_taken(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let is = |what: &str| target.as_ref().is_some_and(|target| target.matches(what).unwrap_or(false));
    is("input:not([type=checkbox]), select, textarea") || (event.key() == " " && is("button, summary, a, input"))
}

fn press(player: Player, event: &web_sys::KeyboardEvent) {
    let is_undo = event.key().eq_ignore_ascii_case("z");
    if (event.ctrl_key() || event.meta_key()) && !is_undo || event.alt_key() || is_taken(event) {
        return;
    }
    let faster = |factor: f64| player.speed.update(|speed| *speed = (*speed * factor).clamp(1e3, 1e7));
    let has_story = player.has_story();
    match event.key().as_str() {
        "ArrowRight" => player.step(),
        "ArrowLeft" => player.back(),
        " " if player.playing() => player.pause(),
        " " => player.play(),
        // One press too many leaves the last picture where it is.
        "n" if player.is_tour_over() => {}
        "n" if has_story => player.next_move(),
        "n" => player.go_on(),
        "p" if has_story => player.previous_move(),
        "p" => player.previous_beat(),
        "z" | "Z" if event.shift_key() => player.redo(),
        "z" | "Z" => player.undo(),
        "0" => player.restart(),
        "," => faster(0.5),
        "." => faster(2.0),
        "?" => open_help(),
        _ => return,
    }
    event.prevent_default();
}

/// Listens for keys while a scenario is open, and holds the list of them.
#[component]
pub fn Keys(player: Player) -> impl IntoView {
    let handle = window_event_listener(ev::keydown, move |event| untrack(|| press(player, &event)));
    on_cleanup(move || handle.remove());
    let line = |(key, what)| format!("<div><dt>{}</dt>{}</div>", tagged("kbd", key), tagged("dd", what));
    let keys: String = KEYS.map(line).concat();
    view! {
        <dialog id="keys" aria-labelledby="keys-title">
            <h2 id="keys-title">"Keys"</h2>
            <dl inner_html=keys></dl>
            <form method="dialog"><button>"Close"</button></form>
        </dialog>
    }
}
