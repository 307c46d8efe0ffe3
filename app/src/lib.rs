//! The Leptos app: player, stage, panels, pages. Everything that knows about a browser. `src/bin` has a small program
//! for each shelf of scenarios.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::redundant_closure, reason = "the view macro erases a closure only where it sees one: see view.rs")]

mod crash;
mod futures;
mod json;
mod keys;
mod pages;
mod panels;
mod player;
mod router;
mod share;
mod stage;
mod storage;
mod theme;
mod transport;
mod view;
mod worker;

use leptos::prelude::*;

use router::{Route, Router};

/// Starts the app with the scenarios of a shelf: in the page or, for long searches, in a worker, which has no window
/// and runs the same module.
pub fn start(shelf: faultline::guides::kit::shelf::Shelf) {
    faultline::guides::open(shelf);
    if web_sys::window().is_some() { show() } else { worker::start() }
}

/// Puts the app on the page, replacing the static page that was there.
fn show() {
    crash::install();
    let text = pages::still::take();
    if let Some(main) = document().get_element_by_id("app") {
        main.set_inner_html("");
        let target: web_sys::HtmlElement = wasm_bindgen::JsCast::unchecked_into(main);
        mount_to(target, move || view! { <App text=text.clone()/> }).forget();
    }
}

/// The frame around every page.
#[component]
fn App(text: Option<String>) -> impl IntoView {
    let router = Router::install();
    provide_context(router);
    pages::still::remember(router, text);
    let page = move || match router.route() {
        Route::Home => view! { <pages::list::Home/> }.into_any(),
        Route::Guide(guide) => view! { <pages::list::GuidePage guide/> }.into_any(),
        Route::Scenario(index) => view! { <pages::scenario::ScenarioPage index/> }.into_any(),
        Route::Unknown(path) => view! { <pages::not_found::NotFound path/> }.into_any(),
    };
    view! {
        <header class="top">
            <a class="brand" href=router.home()><span class="brand-mark" aria-hidden="true"></span>"Faultline"</a>
            <nav aria-label="Guides">{pages::guide_links(router)}</nav>
            <theme::ThemeButton/>
        </header>
        {move || page()}
    }
}
