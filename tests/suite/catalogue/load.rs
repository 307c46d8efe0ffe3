//! Load: a request is offered once, and ends at most once.

use faultline::guides::kit::chart::Plot;
use faultline::lab::plot;
use faultline::sim::run::simulation::Simulation;
use faultline::systems::parts::outcome::Outcome;

use super::{busy, check, ensure};

/// How far each run goes.
const EVENTS: u64 = 20_000;

/// With this promise of the words, "offered", "in time", "late" and "refused" can be added up on the page.
#[test]
fn a_request_ends_at_most_once() {
    let counted = check(|scenario, info| {
        let Some(metric) = info.metrics.iter().position(|metric| metric.id == "outcomes") else { return Ok(None) };
        let mut world = scenario.start(&busy(info));
        while world.kernel().steps() < EVENTS && world.step().is_some() {}
        let total = |outcome: Outcome| {
            let series = world.metrics().of(faultline::sim::measure::metrics::MetricId(metric as u8));
            series.filter(|(subject, _)| *subject == outcome.subject()).map(|(_, series)| series.total()).sum::<u64>()
        };
        let (offered, in_time) = (total(Outcome::Offered), total(Outcome::InTime));
        let ended = in_time + total(Outcome::Late) + total(Outcome::Refused);
        ensure(in_time > 100, || format!("only {in_time} requests are done in time"))?;
        ensure(ended <= offered, || format!("{offered} are offered, and {ended} end"))?;
        Ok(Some(offered))
    });
    assert!(counted.iter().flatten().count() >= 2, "nothing is counted: {counted:?}");
}

/// What a reader of a scenario of load sees all the time: the first charts, with so many lines each.
const LINES_IN_SIGHT: usize = 4;
const CHARTS_IN_SIGHT: usize = 3;

#[test]
fn a_scenario_of_load_shows_first_what_came_in_and_what_came_of_it() {
    check(|scenario, info| {
        if !info.load {
            return Ok(());
        }
        let mut world = scenario.start(&busy(info));
        while world.kernel().steps() < EVENTS && world.step().is_some() {}
        let now = world.kernel().now();
        let names = |plot| {
            let lines = plot::few_lines(&world, plot, now, LINES_IN_SIGHT).1;
            lines.into_iter().map(|line| line.name).collect::<Vec<_>>()
        };
        let first = names(info.charts[0].plot);
        ensure(first.len() >= 2, || format!("its first chart shows {first:?}"))?;
        let charts = info.charts.iter().filter(|chart| !matches!(chart.plot, Plot::Share(_))).take(CHARTS_IN_SIGHT);
        for chart in charts {
            let shown = names(chart.plot);
            ensure(shown.len() <= LINES_IN_SIGHT, || format!("{}: {shown:?} are too many", chart.title))?;
        }
        Ok(())
    });
}
