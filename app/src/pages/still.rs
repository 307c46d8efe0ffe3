//! What a page says with and without the app: a scenario's prose, the whole of a guide's page and of home. It comes
//! with the static page, or is fetched from the same folder, so that an app holds no text of another guide.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::router::{Route, Router};

/// The text that came with the static page, and the page it belongs to.
#[derive(Clone)]
struct Still(StoredValue<Option<(Route, String)>>);

/// Takes the text out of the static page before the app replaces it.
pub fn take() -> Option<String> {
    let place = document().query_selector(".page.home, .page.guide, #prose").ok().flatten();
    place.map(|place| place.inner_html())
}

/// Keeps it for the page that it came with.
pub fn remember(router: Router, text: Option<String>) {
    let known = text.map(|text| (untrack(|| router.route()), text));
    provide_context(Still(StoredValue::new(known)));
}

/// The text of the page at an address; empty until it is there.
pub fn text_of(route: &Route, address: &str) -> RwSignal<String> {
    let text = RwSignal::new(String::new());
    let still = use_context::<Still>().and_then(|still| still.0.get_value());
    match still.filter(|known| known.0 == *route) {
        Some((_, known)) => text.set(known),
        None => {
            let address = format!("{address}text.html");
            spawn_local(async move {
                let found = fetch(address).await;
                // The reader may have left before the text arrived.
                let _ = text
                    .try_set(found.unwrap_or_else(|| "<p>The text of this page could not be loaded.</p>".to_owned()));
            });
        }
    }
    text
}

async fn fetch(address: String) -> Option<String> {
    let response = JsFuture::from(window().fetch_with_str(&address)).await.ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    let text = JsFuture::from(response.text().ok().filter(|_| response.ok())?).await.ok()?;
    text.as_string()
}
