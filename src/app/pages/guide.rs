//! The page of a guide: its scenarios as a path by level, and its own text.

use leptos::prelude::*;

use faultline::guides::{Guide, Info};

use super::scenario::Prose;
use super::scenarios_of;
use crate::app::router::{Route, Router, set_title};
use crate::app::storage::Progress;

/// See the module's header.
#[component]
pub fn GuidePage(guide: Guide) -> impl IntoView {
    set_title(guide.title());
    let router = expect_context::<Router>();
    let all = scenarios_of(guide);
    let mut levels: Vec<u8> = all.iter().map(|info| info.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let progress = Progress::load().unwrap_or_default();
    let card = |info: &Info| {
        let path = info.path();
        let visited = progress.visits.contains_key(&path);
        view! {
            <li class:visited=visited>
                <a href=router.scenario(&path)>{info.title}</a>
                <p>{info.summary}</p>
                <p class="card-rules">{info.rules_line()}</p>
            </li>
        }
    };
    let level = |level: u8| {
        let here = all.iter().filter(|info| info.level == level).map(card).collect_view();
        view! {
            <section class="level">
                <h2><span class="level-number">{level}</span>" "{guide.level(level)}</h2>
                <ol>{here}</ol>
            </section>
        }
    };
    view! {
        <div class="page guide">
            <h1>{guide.title()}</h1>
            <p class="lead">{guide.about()}</p>
            <div class="levels">{levels.into_iter().map(level).collect_view()}</div>
            <Prose route=Route::Guide(guide) address=router.guide(guide)/>
        </div>
    }
}
