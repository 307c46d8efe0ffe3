//! Charts over virtual time: rates, levels, percentiles, shares; faults as hairlines.

use std::fmt::Write;

use leptos::prelude::*;

use faultline::guides::LiveWorld;
use faultline::guides::scenario::{Chart, Plot};
use faultline::picture::svg::escape;
use faultline::sim::metrics::{MetricId, Series, WINDOW, Window};
use faultline::sim::run::Run;
use faultline::sim::simulation::Simulation;
use faultline::sim::time::{self, SEC, Time};

use crate::app::player::Player;

/// How much of the run is in sight, in windows.
const SHOWN: u64 = 240;
/// A rate or percentile is taken over this many windows: half a second.
const SMOOTH: u64 = 10;
/// Every so many windows a point.
const STRIDE: u64 = 4;
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 112.0;

/// One line of a chart: its name, its points (window, value), its last value.
struct Line {
    name: String,
    points: Vec<(u64, f64)>,
}

#[derive(Clone, Copy)]
enum Scale {
    PerSecond,
    Plain,
    Micros,
    Percent,
}

impl Scale {
    fn show(self, value: f64) -> String {
        match self {
            Scale::PerSecond if value >= 1_000.0 => format!("{:.1} k/s", value / 1_000.0),
            Scale::PerSecond => format!("{value:.0}/s"),
            Scale::Plain => format!("{value:.0}"),
            Scale::Micros => time::show(value as u64),
            Scale::Percent => format!("{value:.0} %"),
        }
    }
}

fn points(first: u64, last: u64, value: impl Fn(u64) -> Option<f64>) -> Vec<(u64, f64)> {
    (first..=last).step_by(STRIDE as usize).filter_map(|at| value(at).map(|value| (at, value))).collect()
}

/// The windows of a series by number, for the stretch in sight.
fn recent(series: &Series, first: u64) -> Vec<&Window> {
    let mut windows: Vec<&Window> =
        series.windows().rev().take_while(|window| window.index + SMOOTH >= first).collect();
    windows.reverse();
    windows
}

fn total(windows: &[&Window], at: u64) -> u64 {
    let within = windows.iter().filter(|window| window.index <= at && window.index + SMOOTH > at);
    within.map(|window| window.count).sum()
}

fn rate(series: &Series, (first, last): (u64, u64)) -> Vec<(u64, f64)> {
    let windows = recent(series, first);
    points(first, last, |at| Some(total(&windows, at) as f64 * SEC as f64 / (SMOOTH * WINDOW) as f64))
}

fn level(series: &Series, (first, last): (u64, u64)) -> Vec<(u64, f64)> {
    let all: Vec<&Window> = series.windows().collect();
    points(first, last, |at| {
        let before = all.partition_point(|window| window.index <= at).checked_sub(1)?;
        Some(all[before].last as f64)
    })
}

fn percentile(series: &[&Series], permille: u32, (first, last): (u64, u64)) -> Vec<(u64, f64)> {
    let windows: Vec<&Window> = series.iter().flat_map(|series| recent(series, first)).collect();
    points(first, last, |at| {
        let mut merged = Window::default();
        windows
            .iter()
            .filter(|window| window.index <= at && window.index + SMOOTH > at)
            .for_each(|window| merged.absorb(window));
        merged.quantile(permille).map(|value| value as f64)
    })
}

fn ratio(run: &Run<LiveWorld>, part: MetricId, other: MetricId, (first, last): (u64, u64)) -> Vec<(u64, f64)> {
    let windows = |metric| -> Vec<&Window> {
        run.world().metrics().of(metric).flat_map(|(_, series)| recent(series, first)).collect()
    };
    let (part, other) = (windows(part), windows(other));
    points(first, last, |at| {
        let (a, b) = (total(&part, at) as f64, total(&other, at) as f64);
        (a + b > 0.0).then(|| a / (a + b) * 100.0)
    })
}

fn lines(run: &Run<LiveWorld>, plot: Plot, range: (u64, u64)) -> (Scale, Vec<Line>) {
    let world = run.world();
    let each = |metric: MetricId, points: &dyn Fn(&Series) -> Vec<(u64, f64)>| {
        let line =
            |(subject, series): (u16, &Series)| Line { name: world.subject(metric, subject), points: points(series) };
        world.metrics().of(metric).map(line).collect::<Vec<_>>()
    };
    match plot {
        Plot::Rate(metric) | Plot::Share(metric) => (Scale::PerSecond, each(metric, &|series| rate(series, range))),
        Plot::Level(metric) => (Scale::Plain, each(metric, &|series| level(series, range))),
        Plot::PercentileOfEach(metric) => (Scale::Micros, each(metric, &|series| percentile(&[series], 950, range))),
        Plot::Percentiles(metric) => {
            let all: Vec<&Series> = world.metrics().of(metric).map(|(_, series)| series).collect();
            let line = |(name, permille): (&str, u32)| Line {
                name: name.to_owned(),
                points: percentile(&all, permille, range),
            };
            (Scale::Micros, [("median", 500), ("95 %", 950), ("99 %", 990)].map(line).into())
        }
        Plot::Ratio(part, other) => {
            (Scale::Percent, vec![Line { name: "share".to_owned(), points: ratio(run, part, other, range) }])
        }
    }
}

/// Shares of each subject over the whole run, as bars.
fn share(run: &Run<LiveWorld>, metric: MetricId) -> String {
    let world = run.world();
    let totals: Vec<(String, u64)> = world
        .metrics()
        .of(metric)
        .map(|(subject, _)| (world.subject(metric, subject), world.metrics().total(metric, subject)))
        .collect();
    let all = totals.iter().map(|total| total.1).sum::<u64>().max(1);
    let height = 12 + 22 * totals.len().max(1);
    let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true">"#);
    for (index, (name, count)) in totals.iter().enumerate() {
        let y = 6 + 22 * index;
        let (width, percent) = (*count as f64 / all as f64 * 200.0, count * 100 / all);
        let _ = write!(
            out,
            r#"<text class="axis" x="0" y="{}">{}</text><rect class="share line-{}" x="96" y="{y}" width="{width:.1}" height="14" rx="2"/><text class="axis" x="{:.1}" y="{}">{percent} % · {count}</text>"#,
            y + 11,
            escape(name),
            index % 6,
            102.0 + width,
            y + 11
        );
    }
    out.push_str("</svg>");
    out
}

/// The times of the reader's faults.
fn fault_times(run: &Run<LiveWorld>) -> Vec<Time> {
    let events = run.branch().events();
    let time = |after: u64| after.checked_sub(1).and_then(|at| events.get(at as usize)).map_or(0, |event| event.time);
    run.branch()
        .tape()
        .inputs()
        .iter()
        .filter(|stamped| stamped.input.is_disturbance())
        .map(|stamped| time(stamped.after))
        .collect()
}

fn draw(run: &Run<LiveWorld>, chart: &Chart) -> (String, Vec<(String, String)>) {
    if let Plot::Share(metric) = chart.plot {
        return (share(run, metric), Vec::new());
    }
    let last = run.world().kernel().now() / WINDOW;
    let first = last.saturating_sub(SHOWN);
    let (scale, lines) = lines(run, chart.plot, (first, last));
    let top = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    let x = |window: f64| LEFT + (window - first as f64) / SHOWN as f64 * (WIDTH - LEFT - 6.0);
    let y = |value: f64| BOTTOM - value / top * (BOTTOM - 12.0);
    let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">"#);
    for value in [0.0, top / 2.0, top] {
        let at = y(value);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{WIDTH}"/><text class="axis is-y" x="{}" y="{:.1}">{}</text>"#,
            LEFT - 4.0,
            at + 4.0,
            scale.show(value)
        );
    }
    for (window, anchor) in [(first, ""), (first + SHOWN, " is-end")] {
        let _ = write!(
            out,
            r#"<text class="axis{anchor}" x="{:.1}" y="{}">{}</text>"#,
            x(window as f64),
            HEIGHT - 4.0,
            time::show(window * WINDOW)
        );
    }
    for at in fault_times(run).into_iter().filter(|at| (first..=last).contains(&(at / WINDOW))) {
        let at = x(at as f64 / WINDOW as f64);
        let _ = write!(out, r#"<path class="input-line" d="M{at:.1} 12V{BOTTOM}"/>"#);
    }
    for (index, line) in lines.iter().enumerate() {
        let path: Vec<String> =
            line.points.iter().map(|(at, value)| format!("{:.1} {:.1}", x(*at as f64), y(*value))).collect();
        if !path.is_empty() {
            let _ = write!(out, r#"<path class="line line-{}" d="M{}"/>"#, index % 6, path.join("L"));
        }
    }
    out.push_str("</svg>");
    let legend = lines
        .iter()
        .map(|line| (line.name.clone(), line.points.last().map_or("–".to_owned(), |point| scale.show(point.1))));
    (out, legend.collect())
}

/// See the module's header.
#[component]
pub fn Charts(player: Player) -> impl IntoView {
    player
        .info()
        .charts
        .iter()
        .map(|chart| {
            let drawing = Memo::new(move |_| {
                player.changed();
                player.with(|run| draw(run, chart))
            });
            view! {
                <figure class="chart">
                    <figcaption><b>{chart.title}</b> <small>{chart.about}</small></figcaption>
                    <div inner_html=move || drawing.with(|drawing| drawing.0.clone())></div>
                    <ul class="legend">
                        {move || drawing.with(|drawing| drawing.1.clone()).into_iter().enumerate().map(|(index, (name, value))| view! {
                            <li><span class=format!("swatch line-{}", index % 6)></span>{name} " " <b>{value}</b></li>
                        }).collect_view()}
                    </ul>
                </figure>
            }
        })
        .collect_view()
}
