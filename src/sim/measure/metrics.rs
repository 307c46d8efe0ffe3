//! Counters, gauges and latencies over virtual time, in windows of a fixed width.
//!
//! Memory grows neither with the length of the run nor with its load: the last windows are kept, and a window holds a count, a sum, an integral
//! and a log-linear histogram (at most 3.2 % error; the layout of HdrHistogram with 6 bits). We do not use `hdrhistogram`
//! itself because a checkpoint clones all windows, and ours share the sealed ones.

use std::rc::Rc;

use crate::sim::journal::Journal;
use crate::sim::kernel::time::{MS, Micros, Time};

/// A metric of a system: its index in the system's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(pub u8);

/// How a metric is measured and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Things that happened; shown as a rate.
    Counter,
    /// A level; shown as it stands.
    Gauge,
    /// Lengths of time, in microseconds; shown as percentiles.
    Latency,
}

/// A metric's description.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Stable name: `queue-depth`.
    pub id: &'static str,
    /// Title of its chart line.
    pub title: &'static str,
    /// How it is measured.
    pub kind: MetricKind,
}

/// What a system measures: a name in code, a stable name, a title, and how it is measured.
#[macro_export]
macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:expr, $kind:ident;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum MetricPlace { $($name),* }
        $($(#[$doc])* pub const $name: $crate::sim::measure::metrics::MetricId =
            $crate::sim::measure::metrics::MetricId(MetricPlace::$name as u8);)*
        /// What is measured.
        pub const METRICS: &[$crate::sim::measure::metrics::Metric] = &[$($crate::sim::measure::metrics::Metric {
            id: $id,
            title: $title,
            kind: $crate::sim::measure::metrics::MetricKind::$kind,
        }),*];
    };
}

/// The width of a window.
pub const WINDOW: Micros = 50 * MS;

/// How many windows of a series are kept, that of the last change among them: those of 70 seconds without a gap.
/// What is counted over the whole run stays exact.
const KEPT: usize = 1_400;

const SUB_BITS: u32 = 6;

/// The histogram bucket of a value.
fn bucket_of(value: u64) -> u16 {
    let octave = (64 - value.leading_zeros()).saturating_sub(SUB_BITS);
    ((u64::from(octave) << SUB_BITS) + (value >> octave)) as u16
}

/// The greatest value that falls into a bucket.
fn bucket_top(bucket: u16) -> u64 {
    let octave = u32::from(bucket) >> SUB_BITS;
    let mantissa = u64::from(bucket) & ((1 << SUB_BITS) - 1);
    ((mantissa + 1) << octave) - 1
}

/// What was measured within one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Number of the window: its start is `index * WINDOW`.
    pub index: u64,
    /// Counter: things that happened. Gauge: changes. Latency: samples.
    pub count: u64,
    /// Sum of the values.
    pub sum: u64,
    /// Greatest value.
    pub max: u64,
    /// Last value (gauges).
    pub last: i64,
    /// Integral of a gauge over the window, in units x microseconds.
    pub area: i64,
    buckets: Vec<(u16, u32)>,
}

impl Window {
    fn sample(&mut self, value: u64) {
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
        let bucket = bucket_of(value);
        match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => self.buckets.insert(at, (bucket, 1)),
        }
    }

    /// Adds another window's samples to this one.
    pub fn absorb(&mut self, other: &Window) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        for &(bucket, count) in &other.buckets {
            match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
                Ok(at) => self.buckets[at].1 += count,
                Err(at) => self.buckets.insert(at, (bucket, count)),
            }
        }
    }

    /// The value below which `permille` of the samples fall, within 3.2 %. `None` without samples.
    pub fn quantile(&self, permille: u32) -> Option<u64> {
        let total: u64 = self.buckets.iter().map(|entry| u64::from(entry.1)).sum();
        let rank = (total * u64::from(permille)).div_ceil(1_000).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|&(bucket, count)| {
            seen += u64::from(count);
            (seen >= rank).then(|| bucket_top(bucket).min(self.max))
        })
    }
}

/// One metric of one subject (a node, a policy) over the whole run.
#[derive(Clone, Debug, Default)]
pub struct Series {
    sealed: Journal<Window>,
    open: Window,
    changed: Time,
    sealed_count: u64,
    sealed_area: i64,
}

impl Series {
    /// Seals the open window once its time is over. A long silence is one gap, not a thousand empty windows.
    fn roll(&mut self, now: Time) {
        let (index, last) = (now / WINDOW, self.open.last);
        if self.open.index < index {
            self.integrate((self.open.index + 1) * WINDOW);
            let full = std::mem::replace(&mut self.open, Window { index, last, ..Window::default() });
            self.sealed_count += full.count;
            self.sealed_area += full.area + last * (index * WINDOW - self.changed) as i64;
            self.changed = index * WINDOW;
            self.sealed.push_within(full, KEPT);
        }
    }

    fn integrate(&mut self, until: Time) {
        self.open.area += self.open.last * until.saturating_sub(self.changed) as i64;
        self.changed = until;
    }

    /// The windows that are kept, oldest first; the last one is still open. Silent windows are missing: a gauge stands meanwhile.
    pub fn windows(&self) -> impl DoubleEndedIterator<Item = &Window> {
        self.sealed.iter().chain(std::iter::once(&self.open))
    }

    /// All windows that are kept, from the `first`-numbered one on, as one, for percentiles over a stretch of time.
    pub fn merged(&self, first: u64) -> Window {
        let mut all = Window::default();
        self.windows().rev().take_while(|window| window.index >= first).for_each(|window| all.absorb(window));
        all
    }

    /// What was counted over the whole run.
    pub fn total(&self) -> u64 {
        self.sealed_count + self.open.count
    }

    /// The value a gauge has now.
    pub fn level(&self) -> i64 {
        self.open.last
    }

    /// The gauge's integral from the start of the run until `now`, in units x microseconds.
    pub fn area(&self, now: Time) -> i64 {
        self.sealed_area + self.open.area + self.open.last * now.saturating_sub(self.changed) as i64
    }
}

/// A metric and what it is about: `subject` is a node's index or any number the system gives meaning to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    pub metric: MetricId,
    pub subject: u16,
}

/// All metrics of a run. Clones share what has not changed.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: Vec<(SeriesKey, Rc<Series>)>,
}

impl Metrics {
    fn at(&mut self, key: SeriesKey, now: Time) -> &mut Series {
        let index = match self.series.binary_search_by_key(&key, |entry| entry.0) {
            Ok(index) => index,
            Err(index) => {
                self.series.insert(index, (key, Rc::default()));
                index
            }
        };
        let series = Rc::make_mut(&mut self.series[index].1);
        series.roll(now);
        series
    }

    pub(in crate::sim) fn count(&mut self, key: SeriesKey, now: Time, amount: u64) {
        let open = &mut self.at(key, now).open;
        open.count += amount;
        open.sum += amount;
    }

    pub(in crate::sim) fn gauge(&mut self, key: SeriesKey, now: Time, level: i64) {
        let series = self.at(key, now);
        series.integrate(now);
        series.open.last = level;
        series.open.count += 1;
        series.open.max = series.open.max.max(level.max(0) as u64);
    }

    pub(in crate::sim) fn observe(&mut self, key: SeriesKey, now: Time, micros: Micros) {
        self.at(key, now).open.sample(micros);
    }

    /// One series; `None` while nothing was measured.
    pub fn get(&self, metric: MetricId, subject: u16) -> Option<&Series> {
        let key = SeriesKey { metric, subject };
        self.series.binary_search_by_key(&key, |entry| entry.0).ok().map(|index| &*self.series[index].1)
    }

    /// All series of a metric, by subject.
    pub fn of(&self, metric: MetricId) -> impl Iterator<Item = (u16, &Series)> {
        self.series.iter().filter(move |entry| entry.0.metric == metric).map(|entry| (entry.0.subject, &*entry.1))
    }

    /// The total of a counter over the run.
    pub fn total(&self, metric: MetricId, subject: u16) -> u64 {
        self.get(metric, subject).map_or(0, Series::total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_error() {
        for value in (0..2_000).chain([65_535, 1_000_000, u64::MAX >> 1]) {
            let top = bucket_top(bucket_of(value));
            assert!(top >= value && top - value <= value >> (SUB_BITS - 1), "{value} -> {top}");
        }
    }

    #[test]
    fn quantiles_of_a_known_sample() {
        let mut window = Window::default();
        (1..=1_000).for_each(|value| window.sample(value));
        for (permille, exact) in [(500u32, 500u64), (990, 990), (1_000, 1_000)] {
            let found = window.quantile(permille).unwrap_or(0);
            assert!(found.abs_diff(exact) * 30 <= exact, "{permille}: {found}");
        }
    }

    #[test]
    fn a_gauge_integrates_over_time() {
        let mut metrics = Metrics::default();
        let key = SeriesKey { metric: MetricId(0), subject: 0 };
        metrics.gauge(key, 0, 2);
        metrics.gauge(key, 3 * WINDOW, 5);
        let series = metrics.get(MetricId(0), 0).map(|series| series.area(4 * WINDOW));
        assert_eq!(series, Some(11 * WINDOW as i64));
    }
}
