//! Reads a scenario's charts off what was measured: rates, levels, percentiles, shares.

use crate::guides::kit::chart::Plot;
use crate::guides::kit::live::LiveWorld;
use crate::picture::chart::{Line, Scale};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::measure::metrics::{MetricId, Series, WINDOW, Window};

/// How much of a run is in sight: 12 seconds.
pub const SPAN: Time = SHOWN * WINDOW;

/// The same in windows.
const SHOWN: u64 = 240;
/// A rate or percentile is taken over this many windows: half a second.
const SMOOTH: u64 = 10;
/// One point every this many windows.
const STRIDE: u64 = 4;

/// The stretch of windows that is read.
#[derive(Clone, Copy)]
struct Stretch {
    first: u64,
    last: u64,
}

impl Stretch {
    /// A point every few windows, always the same ones, and one for the window of the moment.
    fn points(self, value: impl Fn(u64) -> Option<f64>) -> Vec<(Time, f64)> {
        let windows = (self.first.next_multiple_of(STRIDE)..self.last).step_by(STRIDE as usize).chain([self.last]);
        windows.filter_map(|at| value(at).map(|value| (at * WINDOW, value))).collect()
    }

    /// The windows of a series that matter to the stretch, oldest first.
    fn windows(self, series: &Series) -> Vec<&Window> {
        let bears = |window: &&Window| window.index + SMOOTH >= self.first;
        let mut windows: Vec<&Window> = series.windows().rev().take_while(bears).collect();
        windows.reverse();
        windows
    }

    fn rate(self, series: &Series) -> Vec<(Time, f64)> {
        let windows = self.windows(series);
        self.points(|at| Some(total(&windows, at) as f64 * SEC as f64 / (SMOOTH * WINDOW) as f64))
    }

    fn level(self, series: &Series) -> Vec<(Time, f64)> {
        let mut windows = self.windows(series);
        // The last change before the stretch still stands when it begins.
        windows.splice(0..0, series.windows().rev().find(|window| window.index + SMOOTH < self.first));
        self.points(|at| {
            let before = windows.partition_point(|window| window.index <= at).checked_sub(1)?;
            Some(windows[before].last as f64)
        })
    }

    fn percentile(self, series: &[&Series], permille: u32) -> Vec<(Time, f64)> {
        let windows: Vec<&Window> = series.iter().flat_map(|series| self.windows(series)).collect();
        self.points(|at| {
            let mut merged = Window::default();
            windows.iter().filter(|window| bears_on(window, at)).for_each(|window| merged.absorb(window));
            merged.quantile(permille).map(|value| value as f64)
        })
    }

    fn ratio(self, part: &[&Series], other: &[&Series]) -> Vec<(Time, f64)> {
        let part: Vec<&Window> = part.iter().flat_map(|series| self.windows(series)).collect();
        let other: Vec<&Window> = other.iter().flat_map(|series| self.windows(series)).collect();
        self.points(|at| {
            let (a, b) = (total(&part, at) as f64, total(&other, at) as f64);
            (a + b > 0.0).then(|| a / (a + b) * 100.0)
        })
    }
}

fn bears_on(window: &Window, at: u64) -> bool {
    window.index <= at && window.index + SMOOTH > at
}

fn total(windows: &[&Window], at: u64) -> u64 {
    windows.iter().filter(|window| bears_on(window, at)).map(|window| window.count).sum()
}

/// The lines of a plot over the last [`SPAN`] before `now`. `Share` reads as a rate here; see [`shares`].
pub fn lines(world: &LiveWorld, plot: Plot, now: Time) -> (Scale, Vec<Line>) {
    let last = now / WINDOW;
    let stretch = Stretch { first: last.saturating_sub(SHOWN), last };
    let all = |metric: MetricId| -> Vec<&Series> { world.metrics().of(metric).map(|(_, series)| series).collect() };
    let line = |name: String, points| Line { name, points, is_other: false };
    let each = |metric: MetricId, points: &dyn Fn(&Series) -> Vec<(Time, f64)>| {
        let series = world.metrics().of(metric);
        series.map(|(subject, series)| line(world.subject(metric, subject), points(series))).collect()
    };
    match plot {
        Plot::Rate(metric) | Plot::Share(metric) => (Scale::PerSecond, each(metric, &|series| stretch.rate(series))),
        Plot::Rates(named) => {
            let rate =
                |metric: MetricId| together(all(metric).into_iter().map(|series| stretch.rate(series)).collect());
            let lines = named.iter().map(|(name, metric, times)| {
                let points = rate(*metric).into_iter().map(|(at, value)| (at, value * f64::from(*times)));
                line((*name).to_owned(), points.collect())
            });
            (Scale::PerSecond, lines.collect())
        }
        Plot::Level(metric) => (Scale::Plain, each(metric, &|series| stretch.level(series))),
        Plot::PercentileOfEach(metric) => (Scale::Micros, each(metric, &|series| stretch.percentile(&[series], 950))),
        Plot::Percentiles(metric) => {
            let all = all(metric);
            let names = [("median", 500), ("95 %", 950), ("99 %", 990)];
            let lines = names.map(|(name, permille)| line(name.to_owned(), stretch.percentile(&all, permille)));
            (Scale::Micros, lines.into())
        }
        Plot::Ratio(part, other) => {
            (Scale::Percent, vec![line("share".to_owned(), stretch.ratio(&all(part), &all(other)))])
        }
    }
}

/// Rates or levels of several subjects as one: their sum at each moment that any of them knows.
fn together(all: Vec<Vec<(Time, f64)>>) -> Vec<(Time, f64)> {
    let longest = all.iter().max_by_key(|points| points.len()).cloned().unwrap_or_default();
    let at = |points: &[(Time, f64)], moment: Time| {
        let known = points.partition_point(|point| point.0 <= moment).checked_sub(1);
        known.map_or(0.0, |last| points[last].1)
    };
    longest.iter().map(|&(moment, _)| (moment, all.iter().map(|points| at(points, moment)).sum())).collect()
}

/// The lines of a plot where there is room for so many: more than that are one, the sum of them all.
pub fn few_lines(world: &LiveWorld, plot: Plot, now: Time, most: usize) -> (Scale, Vec<Line>) {
    let (scale, lines) = lines(world, plot, now);
    if lines.len() <= most || !matches!(plot, Plot::Rate(_) | Plot::Level(_)) {
        return (scale, lines);
    }
    let name = format!("all {}", lines.len());
    let points = together(lines.into_iter().map(|line| line.points).collect());
    (scale, vec![Line { name, points, is_other: false }])
}

/// A counter's total for each subject, over the whole run.
pub fn shares(world: &LiveWorld, metric: MetricId) -> Vec<(String, u64)> {
    let series = world.metrics().of(metric);
    series.map(|(subject, series)| (world.subject(metric, subject), series.total())).collect()
}
