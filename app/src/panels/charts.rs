//! Charts over virtual time, with the reader's faults as hairlines, a legend, and the same data as a table.

use leptos::html;
use leptos::prelude::*;

use faultline::guides::kit::chart::Chart;
use faultline::guides::kit::chart::Plot;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::plot;
use faultline::picture::chart::{self, Line, bars};
use faultline::picture::svg::escape;
use faultline::sim::kernel::time::{SEC, Time};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use crate::player::Player;
use crate::view::{Views, on, row, tagged};

/// The shortest stretch of time that a chart shows; it grows with the run up to [`plot::SPAN`].
const SHORTEST: Time = SEC / 2;
/// Columns of the table.
const COLUMNS: u64 = 4;

/// A chart as it is shown, as HTML: the drawing, the legend with the last values, the table.
#[derive(Clone, PartialEq)]
struct Shown {
    drawing: String,
    legend: String,
    table: String,
}

/// The times of the reader's faults.
pub fn fault_times(run: &Run<LiveWorld>) -> Vec<Time> {
    let inputs = run.branch().tape().inputs().iter();
    inputs.filter(|stamped| stamped.input.is_disturbance()).map(|stamped| run.branch().time_at(stamped.after)).collect()
}

/// How many charts a scenario of load has in sight from its start, and how many lines of each.
const IN_SIGHT: usize = 3;
const LINES_IN_SIGHT: usize = 4;

/// The first charts of a scenario of load in a row under the picture: what goes on now, and how it went.
#[component]
pub fn LoadStrip(player: Player) -> impl IntoView {
    let info = player.info();
    let charts = info.charts.iter().filter(|chart| info.load && !matches!(chart.plot, Plot::Share(_)));
    let cells = charts.take(IN_SIGHT).map(|chart| {
        let cell = move || {
            player.changed();
            player.with(|run| in_short(run, chart))
        };
        view! { <div class="load-cell" title=chart.about inner_html=cell></div> }
    });
    view! { <div class="load-strip" role="group" aria-label="Load" hidden=!info.load>{cells.views()}</div> }
}

/// A chart in a few pixels, as HTML.
fn in_short(run: &Run<LiveWorld>, chart: &Chart) -> String {
    let (scale, lines) = plot::few_lines(run.world(), chart.plot, run.world().kernel().now(), LINES_IN_SIGHT);
    let shown = lines.iter().enumerate().take(LINES_IN_SIGHT);
    let values: String =
        shown.map(|(index, line)| legend_line((format!("line-{index}"), &line.name, line.last(scale)))).collect();
    format!("{}<ul class=\"legend\">{values}</ul>{}", tagged("b", chart.title), chart::sparkline(&lines, span(run)))
}

/// The stretch of time that is shown.
fn span(run: &Run<LiveWorld>) -> (Time, Time) {
    let now = run.world().kernel().now();
    let first = now.saturating_sub(plot::SPAN);
    (first, now.max(first + SHORTEST))
}

fn shown(run: &Run<LiveWorld>, other: Option<&Run<LiveWorld>>, chart: &Chart) -> Shown {
    if let Plot::Share(metric) = chart.plot {
        let totals = plot::shares(run.world(), metric);
        let rows = totals.iter().map(|(name, count)| (name.clone(), vec![count.to_string()]));
        let table = table(&["total".to_owned()], rows);
        return Shown { drawing: bars(&totals), legend: String::new(), table };
    }
    let now = run.world().kernel().now();
    let (first, last) = span(run);
    let (scale, mut lines) = plot::lines(run.world(), chart.plot, now);
    if let Some(other) = other {
        let theirs = plot::lines(other.world(), chart.plot, now).1.into_iter();
        lines.extend(theirs.map(|line| Line { name: format!("{}, other run", line.name), is_other: true, ..line }));
    }
    let drawn = chart::Chart { scale, lines, span: (first, last), marks: fault_times(run) };
    let legend = drawn
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| legend_line((drawn.look(index), &line.name, line.last(scale))));
    let until_now = chart::Chart { span: (first, now), ..drawn.clone() };
    let (columns, rows) = until_now.table(COLUMNS);
    Shown { drawing: drawn.svg(), legend: legend.collect(), table: table(&columns, rows.into_iter()) }
}

/// See the module's header.
#[component]
pub fn Charts(player: Player) -> impl IntoView {
    player.info().charts.iter().map(|chart| view! { <Figure player chart/> }).views()
}

#[component]
fn Figure(player: Player, chart: &'static Chart) -> impl IntoView {
    let path = player.info().path();
    let shown = Memo::new(move |_| {
        player.changed();
        let beside = player.beside.get().map(|beside| beside.player).filter(|other| other.info().path() == path);
        match beside {
            Some(other) => {
                other.changed();
                player.with(|run| other.with(|beside| shown(run, Some(beside), chart)))
            }
            None => player.with(|run| shown(run, None, chart)),
        }
    });
    let canvas = NodeRef::<html::Div>::new();
    let go = on(move |event: web_sys::MouseEvent| {
        let Some(canvas) = canvas.get_untracked().filter(|_| !matches!(chart.plot, Plot::Share(_))) else { return };
        let rect = canvas.get_bounding_client_rect();
        let part = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
        player.pause();
        player.seek_time(chart::moment(part, player.with(span)));
    });
    view! {
        <figure class="chart">
            <figcaption><b>{chart.title}</b> <small>{chart.about}</small></figcaption>
            <div title="Press to go to a moment" node_ref=canvas inner_html=move || shown.with(|shown| shown.drawing.clone()) on:click=go></div>
            <ul class="legend" inner_html=move || shown.with(|shown| shown.legend.clone())></ul>
            <details class="as-table">
                <summary>"As a table"</summary>
                <table inner_html=move || shown.with(|shown| format!("{}{}", caption(chart.title), shown.table))></table>
            </details>
        </figure>
    }
}

fn caption(title: &str) -> String {
    tagged("caption class=\"visually-hidden\"", title)
}

fn legend_line((look, name, value): (String, &str, String)) -> String {
    format!(r#"<li><span class="swatch {look}"></span><span>{}</span> {}</li>"#, escape(name), tagged("b", &value))
}

fn table(columns: &[String], rows: impl Iterator<Item = (String, Vec<String>)>) -> String {
    let head: String = columns.iter().map(|moment| tagged("th scope=\"col\"", moment)).collect();
    let rows: String = rows.map(|(name, values)| row(&name, &values)).collect();
    format!("<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody>")
}
