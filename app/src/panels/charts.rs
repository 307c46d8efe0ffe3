//! Charts over virtual time, with the reader's faults as hairlines, a legend, and the same as a table.

use leptos::prelude::*;

use faultline::guides::kit::chart::Chart;
use faultline::guides::kit::chart::Plot;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::plot;
use faultline::picture::chart::{self, Line, bars};
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use crate::player::Player;

/// Columns of the table.
const COLUMNS: u64 = 4;

/// A chart as it is shown: the drawing, the legend (look, name, last value), the table.
#[derive(Clone, PartialEq)]
struct Shown {
    drawing: String,
    legend: Vec<(String, String, String)>,
    table: (Vec<String>, Vec<(String, Vec<String>)>),
}

/// The times of the reader's faults.
fn fault_times(run: &Run<LiveWorld>) -> Vec<Time> {
    let inputs = run.branch().tape().inputs().iter();
    inputs.filter(|stamped| stamped.input.is_disturbance()).map(|stamped| run.branch().time_at(stamped.after)).collect()
}

fn shown(run: &Run<LiveWorld>, other: Option<&Run<LiveWorld>>, chart: &Chart) -> Shown {
    if let Plot::Share(metric) = chart.plot {
        let totals = plot::shares(run.world(), metric);
        let rows = totals.iter().map(|(name, count)| (name.clone(), vec![count.to_string()]));
        let table = (vec!["total".to_owned()], rows.collect());
        return Shown { drawing: bars(&totals), legend: Vec::new(), table };
    }
    let now = run.world().kernel().now();
    let first = now.saturating_sub(plot::SPAN);
    let (scale, mut lines) = plot::lines(run.world(), chart.plot, now);
    if let Some(other) = other {
        let theirs = plot::lines(other.world(), chart.plot, now).1.into_iter();
        lines.extend(theirs.map(|line| Line { name: format!("{}, beside", line.name), is_other: true, ..line }));
    }
    let drawn = chart::Chart { scale, lines, span: (first, first + plot::SPAN), marks: fault_times(run) };
    let legend = drawn.lines.iter().enumerate().map(|(index, line)| {
        let value = line.points.last().map_or_else(|| "–".to_owned(), |point| scale.show(point.1));
        (drawn.look(index), line.name.clone(), value)
    });
    let until_now = chart::Chart { span: (first, now), ..drawn.clone() };
    Shown { drawing: drawn.svg(), legend: legend.collect(), table: until_now.table(COLUMNS) }
}

/// See the module's header.
#[component]
pub fn Charts(player: Player) -> impl IntoView {
    let charts = player.info().charts;
    charts.iter().map(|chart| view! { <Figure player chart/> }).collect_view()
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
    view! {
        <figure class="chart">
            <figcaption><b>{chart.title}</b> <small>{chart.about}</small></figcaption>
            <div inner_html=move || shown.with(|shown| shown.drawing.clone())></div>
            <ul class="legend">
                {move || shown.with(|shown| shown.legend.clone()).into_iter().map(|(look, name, value)| view! {
                    <li><span class=format!("swatch {look}")></span>{name} " " <b>{value}</b></li>
                }).collect_view()}
            </ul>
            <details class="as-table">
                <summary>"As a table"</summary>
                {move || shown.with(|shown| table(chart.title, shown.table.clone()))}
            </details>
        </figure>
    }
}

fn table(title: &'static str, (columns, rows): (Vec<String>, Vec<(String, Vec<String>)>)) -> impl IntoView {
    view! {
        <table>
            <caption class="visually-hidden">{title}</caption>
            <thead><tr><td></td>{columns.into_iter().map(|moment| view! { <th scope="col">{moment}</th> }).collect_view()}</tr></thead>
            <tbody>{rows.into_iter().map(|(name, values)| view! {
                <tr><th scope="row">{name}</th>{values.into_iter().map(|value| view! { <td>{value}</td> }).collect_view()}</tr>
            }).collect_view()}</tbody>
        </table>
    }
}
