//! The stage: the system as a picture that moves, and what can be done to it.

pub mod menu;
mod partition;
mod scene;
mod text_form;

use std::cell::RefCell;
use std::rc::Rc;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use faultline::picture::Frame;
use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;

use super::player::{Player, Selection};
use scene::Scene;

/// From this width on, in CSS pixels, the wide picture is drawn.
const WIDE_FROM: f64 = 640.0;

/// The picture, its menu, and its text form.
#[component]
pub fn Stage(player: Player, is_other: bool) -> impl IntoView {
    let canvas = NodeRef::<html::Div>::new();
    let frame =
        RwSignal::new(frame_for(window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(1_000.0)));
    let scene: Rc<RefCell<Option<Scene>>> = Rc::default();
    let as_text = RwSignal::new(false);
    follow_width(canvas, frame, Signal::derive(move || player.beside.with(Option::is_some)));
    Effect::new(move |_| {
        let (version, clock, frame) = (player.changed(), player.clock(), frame.get());
        let (selection, beat) = (player.selection.get(), player.beat.get());
        let Some(canvas) = canvas.get() else { return };
        let mut scene = scene.borrow_mut();
        if scene.as_ref().is_none_or(|scene| scene.frame() != frame) {
            canvas.set_inner_html("");
            *scene = Scene::new(&canvas, frame);
        }
        if let Some(scene) = scene.as_mut() {
            player.with(|run| scene.draw(run, version, clock, selection, beat));
        }
    });
    let path = player.info().path();
    let fingerprint = move || {
        player.changed();
        player.with(|run| format!("{:016x}", run.world().fingerprint()))
    };
    let step = move || {
        player.changed();
        player.with(|run| run.step_count())
    };
    let time = move || {
        player.changed();
        player.with(|run| run.world().kernel().now())
    };
    view! {
        <section class="stage-box" aria-label=if is_other { "Stage of the run beside" } else { "Stage" }>
            <div
                id=if is_other { "stage-beside" } else { "stage" }
                class="stage"
                class:is-still=move || !player.playing()
                class:is-narrow=move || frame.get() == Frame::Narrow
                data-scenario=path
                data-step=step
                data-time-us=time
                data-fingerprint=fingerprint
            >
                <div class="canvas" node_ref=canvas on:click=move |event| choose(player, &event)
                    on:keydown=move |event| choose_by_key(player, &event)></div>
                <menu::ActMenu player/>
            </div>
            <div class="stage-tools">
                <partition::PartitionTool player/>
                <button class="quiet" aria-pressed=move || as_text.get().to_string()
                    on:click=move |_| as_text.update(|on| *on = !*on)>"As text"</button>
            </div>
            <p class="visually-hidden" aria-live="polite">{move || player.said.get()}</p>
            <div class="text-form" class:visually-hidden=move || !as_text.get()>
                <text_form::TextForm player/>
            </div>
        </section>
    }
}

fn frame_for(width: f64) -> Frame {
    if width >= WIDE_FROM { Frame::Wide } else { Frame::Narrow }
}

/// Chooses the frame again whenever the stage's width changes.
fn follow_width(canvas: NodeRef<html::Div>, frame: RwSignal<Frame>, is_double: Signal<bool>) {
    let measure = move || {
        let width = canvas.get_untracked().map(|canvas| canvas.get_bounding_client_rect().width());
        if let Some(width) = width.filter(|width| *width > 0.0) {
            let wanted = frame_for(width);
            if frame.get_untracked() != wanted {
                frame.set(wanted);
            }
        }
    };
    Effect::new(move |_| {
        canvas.track();
        // A second stage halves the room of the first.
        is_double.track();
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
