//! The page for an unknown address.

use leptos::prelude::*;

use crate::router::{Router, set_title};

/// Says so, and offers the way home.
#[component]
pub fn NotFound(path: String) -> impl IntoView {
    set_title("Not found");
    let router = expect_context::<Router>();
    view! {
        <div class="page">
            <h1>"There is no such page"</h1>
            <p>{format!("There is nothing at “{path}”. The scenario may have been renamed.")}</p>
            <p><a href=router.home()>"All guides"</a></p>
        </div>
    }
}
