//! Home and the guides' pages: lists of scenarios, as written when the site was built. The app adds what the reader
//! has seen and where they left off.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlAnchorElement};

use faultline::guides::kit::guide::Guide;

use super::still;
use crate::router::{Route, Router, set_title};
use crate::storage::Progress;
use crate::view::effect;

/// The home page.
#[component]
pub fn Home() -> impl IntoView {
    set_title("Distributed systems you can break");
    let router = expect_context::<Router>();
    listed(Route::Home, router.home(), "page home")
}

/// The page of a guide.
#[component]
pub fn GuidePage(guide: Guide) -> impl IntoView {
    set_title(guide.title());
    let router = expect_context::<Router>();
    listed(Route::Guide(guide), router.guide(guide), "page guide")
}

fn listed(route: Route, address: String, class: &'static str) -> AnyView {
    let text = still::text_of(&route, &address);
    let place = NodeRef::<leptos::html::Div>::new();
    effect(move || {
        text.track();
        // Once the text is on the page.
        request_animation_frame(move || {
            if let Some(page) = place.try_get_untracked().flatten() {
                add_progress(&page);
            }
        });
    });
    view! { <div class=class node_ref=place inner_html=move || text.get()></div> }.into_any()
}

/// Marks what was visited, and offers to continue if the page has a place for that.
fn add_progress(page: &Element) {
    let place = page.query_selector(".continue-place").ok().flatten();
    let progress = match Progress::load() {
        Ok(progress) => progress,
        Err(sentence) => {
            if let Some(place) = place {
                place.set_class_name("notice");
                place.set_text_content(Some(sentence));
            }
            return;
        }
    };
    for link in links(page) {
        let path = |known: &&String| link.pathname().trim_end_matches('/').ends_with(&format!("/{known}"));
        let Some(visited) = progress.visits.keys().find(path) else { continue };
        // A list that cannot be marked is still a list.
        let _ = link.parent_element().map(|item| item.class_list().add_1("visited"));
        if let Some(place) = place.as_ref().filter(|_| progress.last.as_ref() == Some(visited)) {
            offer(place, &link);
        }
    }
}

/// The links to scenarios, in order.
fn links(page: &Element) -> Vec<HtmlAnchorElement> {
    let Ok(found) = page.query_selector_all("li > a:not([href*='?'])") else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.get(at)?.dyn_into().ok()).collect()
}

fn offer(place: &Element, link: &HtmlAnchorElement) {
    let Ok(Ok(offered)) = document().create_element("a").map(JsCast::dyn_into::<HtmlAnchorElement>) else { return };
    offered.set_class_name("continue");
    offered.set_href(&link.href());
    offered.set_text_content(Some(&format!("Continue: {}", link.text_content().unwrap_or_default())));
    place.set_text_content(None);
    // Where it cannot be added, the lists below lead there too.
    let _ = place.append_child(&offered);
}
