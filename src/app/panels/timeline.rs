//! The timeline: a lane a node, arrows for messages, faults and broken promises drawn on it; click to go there.

use std::fmt::Write;

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use faultline::guides::LiveWorld;
use faultline::picture::svg::escape;
use faultline::sim::NodeId;
use faultline::sim::run::Run;
use faultline::sim::simulation::{Handled, Simulation, What};
use faultline::sim::tape::Input;
use faultline::sim::time::{self, MS, Time};

use crate::app::player::Player;

/// The most events drawn at once.
const MOST_EVENTS: usize = 400;
const WIDTH: f64 = 380.0;
const LEFT: f64 = 62.0;
const LANE: f64 = 34.0;
const TOP: f64 = 22.0;

/// The drawing, as SVG text, over the window of virtual time that ends at `end`.
fn draw(run: &Run<LiveWorld>, window: Time) -> String {
    let world = run.world();
    let now = world.kernel().now();
    let (start, end) = (now.saturating_sub(window * 4 / 5), now.saturating_sub(window * 4 / 5) + window);
    let x = |at: Time| LEFT + (at.saturating_sub(start)) as f64 / window as f64 * (WIDTH - LEFT - 8.0);
    let y = |node: NodeId| TOP + LANE * f64::from(node.0) + LANE / 2.0;
    let nodes = world.kernel().nodes().len();
    let height = TOP + LANE * nodes as f64 + 8.0;
    let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Space-time diagram">"#);
    for id in (0..nodes).map(NodeId::from) {
        let (name, y) = (escape(&world.name(id)), y(id));
        let _ = write!(
            out,
            r#"<text class="lane-name" x="0" y="{:.0}">{name}</text><path class="lane" d="M{LEFT} {y}H{WIDTH}"/>"#,
            y + 4.0
        );
    }
    let _ = write!(
        out,
        r#"<text class="lane-time" x="{LEFT}" y="12">{}</text><text class="lane-time is-end" x="{}" y="12">{}</text>"#,
        time::show(start),
        WIDTH - 8.0,
        time::show(end)
    );
    let events = in_window(run, start, end);
    faults(&mut out, run, &x, &y, (start, end), height);
    for event in &events {
        draw_event(&mut out, event, &x, &y, start);
    }
    let here = x(now);
    let _ = write!(out, r#"<path class="cursor" d="M{here:.1} 16V{height}"/></svg>"#);
    out
}

/// The events of the branch within a window, at most the last few hundred before its end.
fn in_window(run: &Run<LiveWorld>, start: Time, end: Time) -> Vec<Handled> {
    let all = run.branch().events();
    let mut last = run.step_count() as usize;
    while all.get(last).is_some_and(|event| event.time <= end) && last < run.step_count() as usize + MOST_EVENTS / 4 {
        last += 1;
    }
    let from = last.saturating_sub(MOST_EVENTS);
    (from..last).filter_map(|at| all.get(at)).filter(|event| event.time >= start).copied().collect()
}

fn draw_event(out: &mut String, event: &Handled, x: &impl Fn(Time) -> f64, y: &impl Fn(NodeId) -> f64, start: Time) {
    let (at, lane, step) = (x(event.time), y(event.node), event.step);
    match event.what {
        What::Message { from, sent } | What::Lost { from, sent, .. } if from != event.node => {
            let (x1, y1) = (x(sent.max(start)), y(from));
            let lost = if matches!(event.what, What::Lost { .. }) { " is-lost" } else { "" };
            let _ = write!(out, r#"<path class="arrow{lost}" d="M{x1:.1} {y1:.1}L{at:.1} {lane:.1}"/>"#);
        }
        _ => {}
    }
    let class = event.what.name();
    let _ = write!(
        out,
        r#"<circle class="event event-{class}" data-step="{step}" cx="{at:.1}" cy="{lane:.1}" r="4"><title>event {step}</title></circle>"#
    );
}

/// Spans in which nodes were down or paused, hairlines for every other input, and for broken promises.
fn faults(
    out: &mut String,
    run: &Run<LiveWorld>,
    x: &impl Fn(Time) -> f64,
    y: &impl Fn(NodeId) -> f64,
    (start, end): (Time, Time),
    height: f64,
) {
    let time_of = |step: u64| {
        step.checked_sub(1).and_then(|at| run.branch().events().get(at as usize)).map_or(0, |event| event.time)
    };
    let mut open: Vec<(NodeId, Time)> = Vec::new();
    let span = |out: &mut String, node: NodeId, from: Time, to: Time| {
        if to >= start && from <= end {
            let (left, right, lane) = (x(from.max(start)), x(to.min(end)), y(node) - 8.0);
            let _ = write!(
                out,
                r#"<rect class="down" x="{left:.1}" y="{lane:.1}" width="{:.1}" height="16"/>"#,
                (right - left).max(1.0)
            );
        }
    };
    for stamped in run.branch().tape().inputs() {
        let at = time_of(stamped.after);
        match stamped.input {
            // A paused node that crashes has been away since it was paused.
            Input::Crash { node } | Input::Pause { node } if open.iter().any(|known| known.0 == node) => {}
            Input::Crash { node } | Input::Pause { node } => open.push((node, at)),
            Input::Restart { node } | Input::Resume { node } => {
                if let Some(index) = open.iter().position(|known| known.0 == node) {
                    let (_, from) = open.remove(index);
                    span(out, node, from, at);
                }
            }
            _ if (start..=end).contains(&at) => {
                let at = x(at);
                let _ = write!(out, r#"<path class="input-line" d="M{at:.1} 16V{height}"/>"#);
            }
            _ => {}
        }
    }
    let now = run.world().kernel().now();
    open.into_iter().filter(|(_, from)| *from <= now).for_each(|(node, from)| span(out, node, from, now));
    for breaking in run.branch().breakings() {
        let at = time_of(breaking.step);
        if (start..=end).contains(&at) {
            let at = x(at);
            let _ = write!(out, r#"<path class="broken-line" d="M{at:.1} 16V{height}"/>"#);
        }
    }
}

/// See the module's header.
#[component]
pub fn Timeline(player: Player) -> impl IntoView {
    let window = RwSignal::new(200 * MS);
    let drawing = move || {
        player.changed();
        player.with(|run| draw(run, window.get()))
    };
    let go = move |event: web_sys::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let step = target.and_then(|target| target.get_attribute("data-step")).and_then(|step| step.parse().ok());
        if let Some(step) = step {
            player.pause();
            player.seek(step);
        }
    };
    view! {
        <div class="timeline">
            <div class="zoom">
                <button aria-label="Zoom in" on:click=move |_| window.update(|w| *w = (*w / 2).max(MS))>"+"</button>
                <button aria-label="Zoom out" on:click=move |_| window.update(|w| *w = (*w * 2).min(60_000 * MS))>"−"</button>
                <span>{move || format!("{} across", time::show(window.get()))}</span>
                <button on:click=move |_| player.back()>"Earlier"</button>
                <button on:click=move |_| player.step()>"Later"</button>
            </div>
            <div class="diagram" inner_html=drawing on:click=go></div>
        </div>
    }
}
