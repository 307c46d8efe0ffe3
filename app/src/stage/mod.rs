//! The stage: the system as a picture that moves, and what can be done to it.

pub mod left_out;
mod legend;
mod letters;
pub mod menu;
pub mod partition;
mod scene;
mod stops;
pub mod text_form;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::decimal::tenths;
use faultline::picture::extent::{Extent, both, extent, view_box};
use faultline::picture::{Frame, Picture};
use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;

use super::player::{Player, Selection};
use crate::focus::focus;
use crate::view::{effect, on};
use legend::Legend;
use partition::Side;
use scene::Scene;

/// From this width on, in CSS pixels, the wide picture is drawn.
const WIDE_FROM: f64 = 640.0;

/// The picture and its menu. `side` is where the reader is cutting the system in two.
#[component]
pub fn Stage(player: Player, side: Side, is_other: bool) -> impl IntoView {
    let (id, label) = if is_other { ("stage-beside", "Stage of the other run") } else { ("stage", "Stage") };
    view! {
        <section class="stage-box" aria-label=label>
            <Canvas player side id/>
            <p class="visually-hidden" aria-live="polite">{move || player.said.get()}</p>
        </section>
    }
}

/// The picture, with the menu of what is chosen, and where the run stands, for programs that read the page.
#[component]
fn Canvas(player: Player, side: Side, id: &'static str) -> impl IntoView {
    let canvas = NodeRef::<html::Div>::new();
    let frame = RwSignal::new(frame_of_window());
    follow_width(canvas, frame, player);
    let legend = keep_drawn(player, canvas, frame);
    side.keep_marked(player, canvas);
    let world = move |show: fn(&LiveWorld) -> String| {
        player.changed();
        player.with(|run| show(run.world()))
    };
    view! {
        <div
            id=id
            class="stage"
            class:is-still=move || !player.playing()
            class:is-narrow=move || frame.get() == Frame::Narrow
            data-scenario=player.info().path()
            data-step=move || world(|world| world.kernel().steps().to_string())
            data-time-us=move || world(|world| world.kernel().now().to_string())
            data-fingerprint=move || world(|world| format!("{:016x}", world.fingerprint()))
        >
            <div class="canvas" node_ref=canvas on:click=on(move |event: web_sys::MouseEvent| choose(player, side, &event))
                on:keydown=on(move |event: web_sys::KeyboardEvent| choose_by_key(player, side, &event))
                on:focusin=on(|event: web_sys::FocusEvent| stop_at(event.target()).iter().for_each(stops::make_stop))></div>
            <ul class="stage-legend" aria-label="Legend" inner_html=move || legend.get()></ul>
            <menu::ActMenu player/>
        </div>
    }
}

/// Draws the run whenever it, the drawn moment or what is chosen changes. Gives the legend, as HTML.
fn keep_drawn(player: Player, canvas: NodeRef<html::Div>, frame: RwSignal<Frame>) -> RwSignal<String> {
    let mut scene: Option<Scene> = None;
    let mut shown = Shown::default();
    let (mut legend, mut taken_in, words) = (Legend::default(), None, RwSignal::new(String::new()));
    effect(move || {
        let (version, clock, frame) = (player.changed(), player.clock(), frame.get());
        let (selection, beat) = (player.selection.get(), player.lit_beat());
        let Some(canvas) = canvas.get() else { return };
        if scene.as_ref().is_none_or(|scene| scene.frame() != frame) {
            canvas.set_inner_html("");
            scene = Scene::new(&canvas, frame);
            shown = Shown::default();
        }
        if let Some(scene) = scene.as_mut() {
            player.with(|run| scene.draw(run, version, clock, selection, beat));
            shown.widen(&canvas, version, scene.picture());
            if taken_in.replace(version) != Some(version) {
                let picture = scene.picture();
                let now = picture.and_then(|picture| player.with(|run| legend.take_in(run.world(), picture)));
                now.into_iter().for_each(|now| words.set(now));
            }
        }
    });
    words
}

/// The part of the frame that is shown, which only grows with what is in the picture, and how large its letters may be,
/// which only shrinks: so that nothing swings.
#[derive(Default)]
struct Shown {
    version: Option<u64>,
    nodes: usize,
    extent: Option<Extent>,
    letters: Option<f64>,
}

impl Shown {
    fn widen(&mut self, canvas: &web_sys::Element, version: u64, picture: Option<&Picture>) {
        let Some(picture) = picture.filter(|_| self.version != Some(version)) else { return };
        self.version = Some(version);
        let known = self.extent.filter(|_| self.nodes == picture.nodes.len());
        let wanted = extent(picture).map(|extent| known.map_or(extent, |known| both(known, extent)));
        let letters = letters::that_fit(picture);
        let letters = self.letters.filter(|_| known.is_some()).map_or(letters, |known| known.min(letters));
        (self.nodes, self.extent) = (picture.nodes.len(), wanted);
        let is_new = self.letters.replace(letters) != Some(letters) || wanted != known;
        if let Some((svg, extent)) = canvas.first_element_child().zip(wanted).filter(|_| is_new) {
            let (across, down) = (extent.2 - extent.0, extent.3 - extent.1);
            let style = format!("--across:{across};--down:{down};--fitting:{}px", tenths(letters));
            for (name, value) in [("style", style), ("viewBox", view_box(extent))] {
                // The names and values are ours and valid, so this cannot fail.
                let _ = svg.set_attribute(name, &value);
            }
        }
    }
}

fn frame_for(width: f64) -> Frame {
    if width >= WIDE_FROM { Frame::Wide } else { Frame::Narrow }
}

/// The frame for a stage as wide as the window.
fn frame_of_window() -> Frame {
    let width = window().inner_width().ok().and_then(|width| width.as_f64());
    frame_for(width.unwrap_or(1_000.0))
}

/// Chooses the frame again whenever the stage's width changes.
fn follow_width(canvas: NodeRef<html::Div>, frame: RwSignal<Frame>, player: Player) {
    let measure = move || {
        let width = canvas.get_untracked().map(|canvas| canvas.get_bounding_client_rect().width());
        if let Some(width) = width.filter(|width| *width > 0.0) {
            let wanted = frame_for(width);
            if frame.get_untracked() != wanted {
                frame.set(wanted);
            }
        }
    };
    effect(move || {
        canvas.track();
        // A second stage halves the room of the first.
        player.beside.track();
        request_animation_frame(measure);
    });
    let handle = window_event_listener(leptos::ev::resize, move |_| measure());
    on_cleanup(move || handle.remove());
}

/// What an element of the stage stands for.
fn selection_at(target: Option<web_sys::EventTarget>) -> Option<Selection> {
    let element = target?.dyn_into::<web_sys::Element>().ok()?;
    let found = element.closest("[data-node],[data-flight],[data-link],[data-line]").ok().flatten()?;
    let number = |name: &str| found.get_attribute(name)?.parse::<u64>().ok();
    if let Some(node) = number("data-node") {
        return Some(Selection::Node(NodeId(node as u16)));
    }
    if let Some(id) = number("data-flight") {
        return Some(Selection::Message(id));
    }
    let link = found.get_attribute("data-link").or_else(|| found.get_attribute("data-line"))?;
    let (a, b) = link.split_once('-')?;
    Some(Selection::Link(NodeId(a.parse().ok()?), NodeId(b.parse().ok()?)))
}

/// The element of the stage that has the focus.
fn stop_at(target: Option<web_sys::EventTarget>) -> Option<web_sys::Element> {
    target?.dyn_into::<web_sys::Element>().ok()?.closest("[tabindex]").ok().flatten()
}

fn choose(player: Player, side: Side, event: &web_sys::MouseEvent) {
    let chosen = selection_at(event.target()).unwrap_or(Selection::Nothing);
    if side.takes(chosen) {
        return;
    }
    if chosen != Selection::Nothing {
        player.pause();
    }
    player.selection.set(chosen);
}

fn choose_by_key(player: Player, side: Side, event: &web_sys::KeyboardEvent) {
    if event.key() == "Escape" && player.selection.get_untracked() != Selection::Nothing {
        event.stop_propagation();
        return player.selection.set(Selection::Nothing);
    }
    let key = event.key();
    if let Some(next) = stop_at(event.target()).and_then(|from| stops::next(&from, &key)) {
        event.prevent_default();
        event.stop_propagation();
        focus(&next);
    }
    if !matches!(key.as_str(), "Enter" | " ") {
        return;
    }
    if let Some(selection) = selection_at(event.target()) {
        event.prevent_default();
        event.stop_propagation();
        if side.takes(selection) {
            return;
        }
        player.pause();
        player.selection.set(selection);
        menu::enter();
    }
}
