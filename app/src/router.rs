//! A small router over the History API: home, guides and scenarios, under any base path; the run in the query.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use faultline::guides::catalogue;
use faultline::guides::kit::guide::Guide;

/// Where the reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Home,
    Guide(Guide),
    /// Index in the catalogue.
    Scenario(usize),
    Unknown(String),
}

/// The router. Copy it freely.
#[derive(Clone, Copy)]
pub struct Router {
    route: RwSignal<Route>,
    base: StoredValue<String>,
}

impl Router {
    /// Reads the address and listens to links and to the back button.
    pub fn install() -> Router {
        let base = base_path();
        let router = Router { route: RwSignal::new(read(&base)), base: StoredValue::new(base) };
        let on_pop = Closure::<dyn Fn()>::new(move || router.follow_address());
        let on_click = Closure::<dyn Fn(web_sys::MouseEvent)>::new(move |event| router.clicked(&event));
        // These two listeners live as long as the page; there is nothing to give back.
        let _ = window().add_event_listener_with_callback("popstate", on_pop.as_ref().unchecked_ref());
        let _ = document().add_event_listener_with_callback("click", on_click.as_ref().unchecked_ref());
        on_pop.forget();
        on_click.forget();
        router
    }

    /// Where the reader is; tracked.
    pub fn route(self) -> Route {
        self.route.get()
    }

    /// The address of the home page.
    pub fn home(self) -> String {
        self.base.get_value()
    }

    /// The address of a guide.
    pub fn guide(self, guide: Guide) -> String {
        format!("{}{}/", self.base.get_value(), guide.slug())
    }

    /// The address of a scenario, by `guide/slug`.
    pub fn scenario(self, path: &str) -> String {
        format!("{}{path}/", self.base.get_value())
    }

    fn follow_address(self) {
        let route = read(&self.base.get_value());
        if self.route.get_untracked() != route {
            self.route.set(route);
        }
    }

    /// A plain click on a link to a page of this app changes the page without loading it.
    fn clicked(self, event: &web_sys::MouseEvent) {
        let modified = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|target| target.closest("a[href]").ok().flatten());
        let Some(link) = link.and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok()) else { return };
        let inside = link.origin() == location().origin().unwrap_or_default()
            && link.pathname().starts_with(&self.base.get_value())
            && link.hash().is_empty()
            && !link.has_attribute("download");
        if modified || event.button() != 0 || event.default_prevented() || !inside {
            return;
        }
        let route = read_path(&self.base.get_value(), &link.pathname());
        let is_here = route == self.route.get_untracked();
        if matches!(route, Route::Unknown(_)) || (is_here && link.search() != location().search().unwrap_or_default()) {
            // Another guide's scenario, which is not in this app, or another run of the open scenario: the browser
            // loads it.
            return;
        }
        event.prevent_default();
        if let Ok(history) = window().history() {
            // A browser that refuses to change the address still shows the page.
            let _ = history.push_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&link.href()));
        }
        let before = self.route.get_untracked();
        self.follow_address();
        if self.route.get_untracked() != before {
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    }
}

/// The part of the address that all pages share; the page says how many levels up it is.
fn base_path() -> String {
    let up = document().document_element().and_then(|root| root.get_attribute("data-base"));
    let here = location().href().unwrap_or_default();
    let url = web_sys::Url::new_with_base(up.as_deref().unwrap_or("./"), &here);
    url.map_or_else(|_| "/".to_owned(), |url| url.pathname())
}

fn read(base: &str) -> Route {
    read_path(base, &location().pathname().unwrap_or_default())
}

fn read_path(base: &str, path: &str) -> Route {
    let rest = path.strip_prefix(base).unwrap_or(path).trim_matches('/').trim_end_matches("index.html");
    let rest = rest.trim_matches('/');
    if rest.is_empty() {
        return Route::Home;
    }
    if let Some(guide) = Guide::ALL.into_iter().find(|guide| guide.slug() == rest) {
        return Route::Guide(guide);
    }
    let index = catalogue().iter().position(|scenario| scenario.info().path() == rest);
    index.map_or_else(|| Route::Unknown(rest.to_owned()), Route::Scenario)
}

/// What the query says after a name and an equals sign.
fn in_query(name: &str) -> Option<String> {
    let query = location().search().unwrap_or_default();
    let mut pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
}

/// The text of the run in the query, if there is one.
pub fn run_in_query() -> Option<String> {
    in_query("run")
}

/// The rule whose story the run is, if the query names one.
pub fn story_in_query() -> Option<String> {
    in_query("story")
}

/// The run to compare with, if the query names one: its scenario and its text.
pub fn run_beside_in_query() -> Option<(String, String)> {
    in_query("with")?.split_once('~').map(|(scenario, text)| (scenario.to_owned(), text.to_owned()))
}

/// Sets the page's title.
pub fn set_title(title: &str) {
    document().set_title(&format!("{title} · Faultline"));
}
