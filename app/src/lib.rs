//! The Leptos app: player, stage, panels, and the workbench that they make up. Everything that knows about a browser.
//! `src/bin` has a small program for each shelf of scenarios.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::redundant_closure, reason = "the view macro erases a closure only where it sees one: see view.rs")]

mod address;
mod crash;
mod focus;
mod futures;
mod json;
mod keys;
mod panels;
mod player;
mod share;
mod stage;
mod storage;
mod transport;
mod view;
mod workbench;
mod worker;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::shelf::Shelf;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use workbench::Workbench;

/// Starts the app with the scenarios of a shelf: in the page or, for long searches, in a worker, which has no window
/// and runs the same module.
pub fn start(shelf: Shelf) {
    faultline::guides::open(shelf);
    if web_sys::window().is_some() { take_over() } else { worker::start() }
}

/// Puts the workbench where the page has a still one. A page without one stays as it is.
fn take_over() {
    crash::install();
    if let Some((place, scenario)) = place() {
        place.set_inner_html("");
        mount_to(place, move || view! { <Workbench scenario/> }).forget();
    }
}

/// The place of the workbench, and the scenario that its still stage shows.
fn place() -> Option<(HtmlElement, &'static dyn AnyScenario)> {
    let place: HtmlElement = document().get_element_by_id("app")?.dyn_into().ok()?;
    let stage = place.query_selector("[data-scenario]").ok()??;
    Some((place, find(&stage.get_attribute("data-scenario")?)?))
}
