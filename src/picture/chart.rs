//! Charts over virtual time, as SVG text: lines over a grid, hairlines where the reader did something, and bars.

use std::fmt::Write;

use super::decimal::{tenths, whole};
use super::svg::escape;
use crate::sim::kernel::time::{self, Time};

const WIDTH: u32 = 380;
const HEIGHT: u32 = 130;
const LEFT: u32 = 68;
const RIGHT: u32 = WIDTH - 6;
const TOP: u32 = 12;
const BOTTOM: u32 = 112;
/// How many looks a line may have; the style sheet defines the same number.
const LOOKS: usize = 6;

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    PerSecond,
    Plain,
    Micros,
    Percent,
}

impl Scale {
    /// A value with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Scale::PerSecond if value >= 1_000.0 => {
                let tenths = whole(value / 100.0);
                format!("{}.{} k/s", tenths / 10, tenths % 10)
            }
            Scale::PerSecond => format!("{}/s", whole(value)),
            Scale::Plain => whole(value).to_string(),
            Scale::Micros => time::show(value as u64),
            Scale::Percent => format!("{} %", whole(value)),
        }
    }
}

/// A line of a chart: its name and its points, by time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(Time, f64)>,
    /// Whether it belongs to the run it is compared with: drawn paler.
    pub is_other: bool,
}

impl Line {
    /// The last value, with its unit.
    pub fn last(&self, scale: Scale) -> String {
        self.points.last().map_or_else(|| "–".to_owned(), |point| scale.show(point.1))
    }

    /// The value at a moment: the last one known before it.
    pub fn at(&self, moment: Time) -> Option<f64> {
        let known = self.points.partition_point(|point| point.0 <= moment).checked_sub(1)?;
        self.points.get(known).map(|point| point.1)
    }
}

/// A chart's contents over a stretch of virtual time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub scale: Scale,
    pub lines: Vec<Line>,
    /// The stretch that is shown.
    pub span: (Time, Time),
    /// When the reader disturbed the system.
    pub marks: Vec<Time>,
}

impl Chart {
    fn top(&self) -> f64 {
        self.lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max)
    }

    fn x(&self, at: Time) -> f64 {
        let (first, last) = self.span;
        f64::from(LEFT) + at.saturating_sub(first) as f64 / (last - first).max(1) as f64 * f64::from(RIGHT - LEFT)
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let top = self.top();
        let y = |value: f64| f64::from(BOTTOM) - value / top * f64::from(BOTTOM - TOP);
        let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">"#);
        for value in [0.0, top / 2.0, top] {
            let (at, text) = (y(value), self.scale.show(value));
            let _ = write!(
                out,
                r#"<path class="grid" d="M{LEFT} {}H{WIDTH}"/><text class="axis is-y" x="{}" y="{}">{text}</text>"#,
                tenths(at),
                LEFT - 4,
                tenths(at + 4.0)
            );
        }
        for (at, anchor) in [(self.span.0, ""), (self.span.1, " is-end")] {
            let (x, y, text) = (tenths(self.x(at)), HEIGHT - 4, time::show(at));
            let _ = write!(out, r#"<text class="axis{anchor}" x="{x}" y="{y}">{text}</text>"#);
        }
        for at in self.marks.iter().filter(|at| (self.span.0..=self.span.1).contains(*at)) {
            let _ = write!(out, r#"<path class="input-line" d="M{} {TOP}V{BOTTOM}"/>"#, tenths(self.x(*at)));
        }
        for (index, line) in self.lines.iter().enumerate().filter(|(_, line)| !line.points.is_empty()) {
            let points = line.points.iter().map(|(at, value)| format!("{} {}", tenths(self.x(*at)), tenths(y(*value))));
            let path = points.collect::<Vec<_>>().join("L");
            let _ = write!(out, r#"<path class="{}" d="M{path}"/>"#, self.look(index));
        }
        out.push_str("</svg>");
        out
    }

    /// The classes of a line; a line of the other run looks like its counterpart.
    pub fn look(&self, index: usize) -> String {
        let own = self.lines.iter().filter(|line| !line.is_other).count().max(1);
        let other = if self.lines.get(index).is_some_and(|line| line.is_other) { " is-other" } else { "" };
        format!("line line-{}{other}", index % own % LOOKS)
    }

    /// The same as a table of text: moments as columns, lines as rows.
    pub fn table(&self, columns: u64) -> (Vec<String>, Vec<(String, Vec<String>)>) {
        let (first, last) = self.span;
        let moments: Vec<Time> = (1..=columns).map(|at| first + (last - first) * at / columns).collect();
        let row = |line: &Line| {
            let show = |at: &Time| line.at(*at).map_or_else(|| "–".to_owned(), |value| self.scale.show(value));
            (line.name.clone(), moments.iter().map(show).collect())
        };
        (moments.iter().map(|at| time::show(*at)).collect(), self.lines.iter().map(row).collect())
    }
}

/// Lines in a few pixels, without axes: how they go, and not what they are.
pub fn sparkline(lines: &[Line], (first, last): (Time, Time)) -> String {
    /// Of the drawing.
    const SIZE: (u32, u32) = (96, 32);
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let top = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(1.0, f64::max);
    let mut out = format!(r#"<svg viewBox="0 0 {} {}" aria-hidden="true">"#, SIZE.0, SIZE.1);
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.points.is_empty()) {
        let place = |(at, value): &(Time, f64)| {
            let part = at.saturating_sub(first) as f64 / (last - first).max(1) as f64;
            format!("{} {}", tenths(part * width), tenths((1.0 - value / top) * (height - 4.0) + 2.0))
        };
        let path = line.points.iter().map(place).collect::<Vec<_>>().join("L");
        let _ = write!(out, r#"<path class="line line-{}" d="M{path}"/>"#, index % LOOKS);
    }
    out + "</svg>"
}

/// The moment at a part of a chart's width, from 0 to 1, if it shows this stretch of time.
pub fn moment(part: f64, (first, last): (Time, Time)) -> Time {
    let (x, left, room) = (part * f64::from(WIDTH), f64::from(LEFT), f64::from(RIGHT - LEFT));
    first + (((x - left) / room).clamp(0.0, 1.0) * (last - first) as f64) as Time
}

/// Shares of a whole, as bars.
pub fn bars(totals: &[(String, u64)]) -> String {
    let all = totals.iter().map(|total| total.1).sum::<u64>().max(1);
    let height = 12 + 22 * totals.len().max(1);
    let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true">"#);
    for (index, (name, count)) in totals.iter().enumerate() {
        let (y, name) = (6 + 22 * index, escape(name));
        let (width, percent) = (*count as f64 / all as f64 * 200.0, count * 100 / all);
        let (text, look) = (y + 11, index % LOOKS);
        let (width, end) = (tenths(width), tenths(102.0 + width));
        let _ = write!(
            out,
            r#"<text class="axis" x="0" y="{text}">{name}</text><rect class="share line-{look}" x="96" y="{y}" width="{width}" height="14" rx="2"/><text class="axis" x="{end}" y="{text}">{percent} % · {count}</text>"#
        );
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let line = |name: &str, is_other| Line { name: name.to_owned(), points: vec![(0, 0.0), (50, 10.0)], is_other };
        Chart {
            scale: Scale::Plain,
            lines: vec![line("a", false), line("a", true)],
            span: (0, 100),
            marks: vec![50, 500],
        }
    }

    #[test]
    fn lines_span_the_frame_and_marks_outside_are_left_out() {
        let svg = chart().svg();
        assert!(svg.contains(r#"d="M68 112L221 12""#), "{svg}");
        assert_eq!(svg.matches("input-line").count(), 1);
    }

    #[test]
    fn the_other_run_looks_like_its_counterpart() {
        assert_eq!((chart().look(0), chart().look(1)), ("line line-0".to_owned(), "line line-0 is-other".to_owned()));
    }

    #[test]
    fn the_table_says_what_the_lines_show() {
        let (moments, rows) = chart().table(2);
        assert_eq!(moments.len(), 2);
        assert_eq!(rows[0], ("a".to_owned(), vec!["10".to_owned(), "10".to_owned()]));
    }

    #[test]
    fn bars_name_their_shares() {
        let svg = bars(&[("<a>".to_owned(), 3), ("b".to_owned(), 1)]);
        assert!(svg.contains("75 % · 3") && svg.contains("&lt;a&gt;"));
    }
}
