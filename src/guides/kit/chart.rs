//! The charts of a scenario.

use crate::sim::measure::metrics::MetricId;

/// How a chart reads its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// A counter as a rate per second, one line per subject.
    Rate(MetricId),
    /// Several counters as rates per second: a line for each, by its name, with all its subjects together, and how much
    /// each thing that it counts stands for.
    Rates(&'static [(&'static str, MetricId, u32)]),
    /// A gauge as it stands, one line per subject.
    Level(MetricId),
    /// A latency's median, 95th and 99th percentile, all subjects together.
    Percentiles(MetricId),
    /// A latency's 95th percentile, one line per subject.
    PercentileOfEach(MetricId),
    /// A counter's share of each subject, as bars over the last seconds.
    Share(MetricId),
    /// One counter as a part of the sum of two: hits, misses.
    Ratio(MetricId, MetricId),
}

/// A chart of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    /// Above it.
    pub title: &'static str,
    /// What to notice, in one sentence.
    pub about: &'static str,
    /// What it shows.
    pub plot: Plot,
}
