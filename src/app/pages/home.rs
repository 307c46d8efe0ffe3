//! The home page: what Faultline is, the guides, and where the reader left off.

use leptos::prelude::*;

use faultline::guides::famous::famous;
use faultline::guides::{Guide, catalogue};

use super::scenarios_of;
use crate::app::router::{Router, set_title};
use crate::app::storage::Progress;

/// See the module's header. The still page that the build writes has the same words.
#[component]
pub fn Home() -> impl IntoView {
    set_title("Distributed systems you can break");
    let router = expect_context::<Router>();
    let (progress, damaged) = match Progress::load() {
        Ok(progress) => (progress, None),
        Err(sentence) => (Progress::default(), Some(sentence)),
    };
    let last = progress
        .last
        .clone()
        .and_then(|path| catalogue().iter().map(|scenario| scenario.info()).find(|info| info.path() == path));
    let visited = move |path: &str| progress.visits.contains_key(path);
    view! {
        <div class="page home">
            <h1>"Distributed systems you can break"</h1>
            <p class="lead">"Step through a real algorithm. Crash a node, cut a link, switch off a rule. \
                See at once which promise broke, and why."</p>
            {damaged.map(|sentence| view! { <p class="notice">{sentence}</p> })}
            {last.map(|info| view! {
                <p><a class="continue" href=router.scenario(&info.path())>"Continue: " {info.title}</a></p>
            })}
            <div class="guides">
                {Guide::ALL.map(|guide| view! {
                    <section class="guide-card">
                        <h2><a href=router.guide(guide)>{guide.title()}</a></h2>
                        <ul>
                            {scenarios_of(guide).into_iter().map(|info| {
                                let path = info.path();
                                view! {
                                    <li class:visited=visited(&path)>
                                        <a href=router.scenario(&path)>{info.title}</a>
                                        <p>{info.summary}</p>
                                    </li>
                                }
                            }).collect_view()}
                        </ul>
                    </section>
                }).collect_view()}
            </div>
            <section class="famous">
                <h2>"Famous failures"</h2>
                <p>"One rule is off. Each opens where the promise has just broken: step back to see how it came to that."</p>
                <ul>{famous().into_iter().map(|one| view! {
                    <li><a href=format!("{}?run={}", router.scenario(one.path), one.run)>{one.title}</a></li>
                }).collect_view()}</ul>
            </section>
        </div>
    }
}
