//! The page of a guide: its scenarios by level, and what they promise side by side.

use leptos::prelude::*;

use faultline::guides::Guide;

use super::scenarios_of;
use crate::app::router::{Router, set_title};

/// See the module's header.
#[component]
pub fn GuidePage(guide: Guide) -> impl IntoView {
    set_title(guide.title());
    let router = expect_context::<Router>();
    let rows = scenarios_of(guide).into_iter().map(|info| {
        let promises: Vec<&str> = info.promises.iter().map(|promise| promise.title).collect();
        let rules: Vec<&str> = info.rules.iter().map(|rule| rule.1.title).collect();
        view! {
            <tr>
                <td>{info.level}</td>
                <th scope="row"><a href=router.scenario(&info.path())>{info.title}</a><p>{info.summary}</p></th>
                <td>{info.system}</td>
                <td>{promises.join(" · ")}</td>
                <td>{rules.join(" · ")}</td>
            </tr>
        }
    });
    view! {
        <div class="page guide">
            <h1>{guide.title()}</h1>
            <p class="lead">{guide.about()}</p>
            <div class="scroll-x" tabindex="0" role="region" aria-label="Scenarios">
                <table class="comparison">
                    <thead><tr>
                        <th scope="col">"Level"</th><th scope="col">"Scenario"</th><th scope="col">"System"</th>
                        <th scope="col">"Promises"</th><th scope="col">"Rules you can switch off"</th>
                    </tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
}
