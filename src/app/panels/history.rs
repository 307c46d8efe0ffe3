//! The history: what each client asked and was answered, as bars over virtual time.

use std::fmt::Write;

use leptos::prelude::*;

use faultline::guides::LiveWorld;
use faultline::picture::svg::escape;
use faultline::sim::history::{Answer, Ask, Operation};
use faultline::sim::run::Run;
use faultline::sim::simulation::Simulation;
use faultline::sim::time;

use crate::app::player::Player;

/// The most lines of the history that are looked at.
const MOST_LINES: usize = 160;
const WIDTH: f64 = 380.0;
const LEFT: f64 = 62.0;
const LANE: f64 = 44.0;

fn words(operation: &Operation) -> String {
    let asked = match operation.ask {
        Ask::Read => "read".to_owned(),
        Ask::Write(value) => format!("write {value}"),
        Ask::Work(value) => format!("#{value}"),
    };
    match operation.answered.map(|answered| answered.2) {
        None => format!("{asked} …"),
        Some(Answer::Ok) => asked,
        Some(Answer::Value(Some(value))) => format!("{asked}: {value}"),
        Some(Answer::Value(None)) => format!("{asked}: nothing"),
        Some(Answer::Failed) => format!("{asked}: failed"),
        Some(Answer::Unknown) => format!("{asked}: no answer"),
    }
}

fn tone(operation: &Operation) -> &'static str {
    match operation.answered.map(|answered| answered.2) {
        None => "tone-question",
        Some(Answer::Failed) => "tone-broken",
        Some(Answer::Unknown) => "tone-risk",
        Some(_) if operation.ask == Ask::Read => "tone-consumer",
        Some(_) => "tone-producer",
    }
}

fn draw(run: &Run<LiveWorld>) -> Option<String> {
    let operations = run.world().history().operations(MOST_LINES);
    let start = operations.iter().map(|operation| operation.asked.0).min()?;
    let now = run.world().kernel().now().max(start + 1);
    let mut clients: Vec<_> = operations.iter().map(|operation| operation.client).collect();
    clients.sort_unstable();
    clients.dedup();
    let x = |at: u64| LEFT + (at - start) as f64 / (now - start) as f64 * (WIDTH - LEFT - 6.0);
    let height = 20.0 + LANE * clients.len() as f64;
    let mut out =
        format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Operations of each client over time">"#);
    let _ = write!(
        out,
        r#"<text class="lane-time" x="{LEFT}" y="12">{}</text><text class="lane-time is-end" x="{WIDTH}" y="12">{}</text>"#,
        time::show(start),
        time::show(now)
    );
    for (lane, client) in clients.iter().enumerate() {
        let top = 20.0 + LANE * lane as f64;
        let _ = write!(
            out,
            r#"<text class="lane-name" x="0" y="{:.0}">{}</text>"#,
            top + 18.0,
            escape(&run.world().name(*client))
        );
        for (index, operation) in operations.iter().filter(|operation| operation.client == *client).enumerate() {
            let (left, right) = (x(operation.asked.0), x(operation.answered.map_or(now, |answered| answered.0)));
            let y = top + (index % 2) as f64 * 20.0;
            let text = escape(&words(operation));
            let _ = write!(
                out,
                r#"<g class="op {}"><rect x="{left:.1}" y="{y}" width="{:.1}" height="17" rx="3"/><title>{text}</title>"#,
                tone(operation),
                (right - left).max(3.0)
            );
            if right - left > 9.0 * text.len() as f64 * 0.7 {
                let _ = write!(out, r#"<text x="{:.1}" y="{}">{text}</text>"#, left + 4.0, y + 13.0);
            }
            out.push_str("</g>");
        }
    }
    out.push_str("</svg>");
    Some(out)
}

/// See the module's header.
#[component]
pub fn HistoryLane(player: Player) -> impl IntoView {
    let drawing = Memo::new(move |_| {
        player.changed();
        player.with(draw)
    });
    let last = move || {
        player.changed();
        player.with(|run| {
            let operations = run.world().history().operations(MOST_LINES);
            let line = |operation: &Operation| (run.world().name(operation.client), words(operation));
            operations.iter().rev().take(12).map(line).collect::<Vec<_>>()
        })
    };
    view! {
        <div class="history">
            {move || match drawing.get() {
                Some(drawing) => view! { <div inner_html=drawing></div> }.into_any(),
                None => view! { <p class="empty">"No client has asked for anything yet."</p> }.into_any(),
            }}
            <ol class="operations">{move || last().into_iter().map(|(who, what)| view! { <li><b>{who}</b> " " {what}</li> }).collect_view()}</ol>
        </div>
    }
}
