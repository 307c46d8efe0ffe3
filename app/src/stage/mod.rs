//! The stage: the system as a picture that moves, and what can be done to it.

mod breach;
mod legend;
pub mod menu;
mod partition;
mod scene;
mod text_form;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::Frame;
use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;

use super::player::{Player, Selection};
use crate::view::{click, effect, on};
use scene::Scene;

/// From this width on, in CSS pixels, the wide picture is drawn.
const WIDE_FROM: f64 = 640.0;

/// The picture, its menu, and its text form.
#[component]
pub fn Stage(player: Player, is_other: bool) -> impl IntoView {
    let as_text = RwSignal::new(false);
    let (id, label) = if is_other { ("stage-beside", "Stage of the other run") } else { ("stage", "Stage") };
    view! {
        <section class="stage-box" aria-label=label>
            <Canvas player id/>
            <div class="stage-tools">
                <partition::PartitionTool player/>
                <button class="quiet" aria-pressed=move || as_text.get().to_string()
                    on:click=click(move || as_text.update(|on| *on = !*on))>"As text"</button>
            </div>
            <p class="visually-hidden" aria-live="polite">{move || player.said.get()}</p>
            <div class="text-form" class:visually-hidden=move || !as_text.get()>
                <text_form::TextForm player/>
            </div>
        </section>
    }
}

/// The picture, with the menu of what is chosen, and where the run stands, for programs that read the page.
#[component]
fn Canvas(player: Player, id: &'static str) -> impl IntoView {
    let canvas = NodeRef::<html::Div>::new();
    let width = window().inner_width().ok().and_then(|width| width.as_f64());
    let frame = RwSignal::new(frame_for(width.unwrap_or(1_000.0)));
    follow_width(canvas, frame, player);
    keep_drawn(player, canvas, frame);
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
            <div class="canvas" node_ref=canvas on:click=on(move |event: web_sys::MouseEvent| choose(player, &event))
                on:keydown=on(move |event: web_sys::KeyboardEvent| choose_by_key(player, &event))></div>
            <legend::Legend player/>
            <breach::Breach player/>
            <menu::ActMenu player/>
        </div>
    }
}

/// Draws the run whenever it, the drawn moment or what is chosen changes.
fn keep_drawn(player: Player, canvas: NodeRef<html::Div>, frame: RwSignal<Frame>) {
    let mut scene: Option<Scene> = None;
    effect(move || {
        let (version, clock, frame) = (player.changed(), player.clock(), frame.get());
        let (selection, beat) = (player.selection.get(), player.lit_beat());
        let Some(canvas) = canvas.get() else { return };
        if scene.as_ref().is_none_or(|scene| scene.frame() != frame) {
            canvas.set_inner_html("");
            scene = Scene::new(&canvas, frame);
        }
        if let Some(scene) = scene.as_mut() {
            player.with(|run| scene.draw(run, version, clock, selection, beat));
        }
    });
}

fn frame_for(width: f64) -> Frame {
    if width >= WIDE_FROM { Frame::Wide } else { Frame::Narrow }
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
fn selection_at(target: Option<web_sys::EventTarget>) -> Option<(Selection, web_sys::Element)> {
    let element = target?.dyn_into::<web_sys::Element>().ok()?;
    let found = element.closest("[data-node],[data-flight],[data-link]").ok().flatten()?;
    let number = |name: &str| found.get_attribute(name)?.parse::<u64>().ok();
    if let Some(node) = number("data-node") {
        return Some((Selection::Node(NodeId(node as u16)), found));
    }
    if let Some(id) = number("data-flight") {
        return Some((Selection::Message(id), found));
    }
    let link = found.get_attribute("data-link")?;
    let (a, b) = link.split_once('-')?;
    Some((Selection::Link(NodeId(a.parse().ok()?), NodeId(b.parse().ok()?)), found))
}

fn choose(player: Player, event: &web_sys::MouseEvent) {
    match selection_at(event.target()) {
        Some((selection, _)) => {
            player.pause();
            player.selection.set(selection);
        }
        None => player.selection.set(Selection::Nothing),
    }
}

fn choose_by_key(player: Player, event: &web_sys::KeyboardEvent) {
    if !matches!(event.key().as_str(), "Enter" | " ") {
        return;
    }
    if let Some((selection, _)) = selection_at(event.target()) {
        event.prevent_default();
        event.stop_propagation();
        player.pause();
        player.selection.set(selection);
        menu::focus_first();
    }
}
