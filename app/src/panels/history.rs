//! The history: what each client asked and the answer it got, and whether some order explains all of it.

use leptos::prelude::*;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::operations::Lanes;
use faultline::picture::svg::escape;
use faultline::sim::judge::consistency::{Judged, Staleness, judge, monotonic_reads, read_your_writes};
use faultline::sim::judge::history::Operation;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::small;

use super::charts::fault_times;
use crate::player::Player;
use crate::view::tagged;

/// The most lines of the history that are looked at.
const MOST_LINES: usize = 160;

/// The history as it is shown, as HTML: the drawing, the verdicts, the latest operations.
fn shown(run: &Run<LiveWorld>) -> String {
    let (world, history) = (run.world(), run.world().history());
    let operations = history.operations(MOST_LINES);
    if operations.is_empty() {
        return tagged("p class=\"empty\"", "No client has asked for anything yet.");
    }
    let judged = judge(history, MOST_LINES);
    let clients = small::set_of(operations.iter().map(|operation| operation.client));
    let clients = clients.keys().map(|client| (*client, world.name(*client))).collect();
    let lanes =
        Lanes { clients, operations: &operations, judged: &judged, now: world.kernel().now(), marks: fault_times(run) };
    let verdicts: String = verdicts(run, &operations, &judged).iter().map(verdict).collect();
    let line = |operation: &Operation| {
        format!("<li>{} {}</li>", tagged("b", &world.name(operation.client)), escape(&operation.to_string()))
    };
    let last: String = operations.iter().rev().take(12).map(line).collect();
    format!(r#"<div>{}</div><ul class="verdicts">{verdicts}</ul><ol class="operations">{last}</ol>"#, lanes.svg())
}

fn verdict((holds, words): &(bool, String)) -> String {
    let (opening, mark) = if *holds { ("<li>", "✓ ") } else { (r#"<li class="is-broken">"#, "✕ ") };
    format!("{opening}{}{}</li>", tagged("span aria-hidden=\"true\"", mark), escape(words))
}

/// Linearizability key by key, then what a client may rely on about its own reads. True: it holds.
fn verdicts(run: &Run<LiveWorld>, operations: &[Operation], judged: &[Judged]) -> Vec<(bool, String)> {
    if judged.is_empty() {
        return Vec::new();
    }
    let name = |operation: &Operation| run.world().name(operation.client);
    let misfit = judged.iter().find_map(|judged| {
        let first = judged.verdict.as_ref().err()?.first;
        judged.operations.get(first)
    });
    let linear = match misfit {
        None => (true, "Linearizable: each dot is a moment at which the operation may have taken effect.".to_owned()),
        Some(first) => {
            let words = format!(
                "Not linearizable: {}'s \"{first}\" fits nowhere between its call and its answer.",
                name(first)
            );
            (false, words)
        }
    };
    let session = |holds: &str, breaks: &str, stale: Option<Staleness>| match stale {
        None => (true, holds.to_owned()),
        Some(Staleness { read, known }) => {
            (false, format!("{breaks}: {} got \"{read}\" after its own \"{known}\".", name(&read)))
        }
    };
    vec![
        linear,
        session(
            "Every client reads its own writes.",
            "A client does not read its own write",
            read_your_writes(operations),
        ),
        session("No client's reads go back.", "A client's reads go back", monotonic_reads(operations)),
    ]
}

/// See the module's header.
#[component]
pub fn HistoryLane(player: Player) -> impl IntoView {
    let all = move || {
        player.changed();
        player.with(shown)
    };
    view! { <div class="history" tabindex="0" role="region" aria-label="History" inner_html=move || all()></div> }
}
