//! The pages: home, a guide, a scenario.

pub mod list;
pub mod not_found;
pub mod scenario;
pub mod still;

use leptos::prelude::*;

use faultline::guides::catalogue;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;

use super::router::{Route, Router};
use crate::view::Views;

/// The scenarios of a guide, in order.
pub fn scenarios_of(guide: Guide) -> Vec<Info> {
    catalogue().iter().map(|scenario| scenario.info()).filter(|info| info.guide == guide).collect()
}

/// Links to all guides, for the header.
pub fn guide_links(router: Router) -> impl IntoView {
    let current = move || match router.route() {
        Route::Guide(guide) => Some(guide),
        Route::Scenario(index) => catalogue().get(index).map(|scenario| scenario.info().guide),
        _ => None,
    };
    Guide::ALL
        .map(|guide| {
            let here = move || (current() == Some(guide)).then_some("page");
            view! { <a href=router.guide(guide) aria-current=move || here()>{guide.title()}</a> }
        })
        .views()
}
