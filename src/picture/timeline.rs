//! The space-time diagram: one lane per node, arrows for messages, what was lost, which nodes were away, what the
//! reader did.
//!
//! Drawn after Lamport's diagrams ("Time, Clocks, and the Ordering of Events", 1978), with time to the right.

use std::fmt::Write;

use super::FlightMark;
use super::decimal::tenths;
use super::svg::{self, escape};
use crate::sim::NodeId;
use crate::sim::kernel::time::{self, Time};
use crate::sim::run::Run;
use crate::sim::run::simulation::{Handled, Simulation, What};
use crate::sim::run::tape::Input;

/// The most events drawn at once.
const MOST_EVENTS: usize = 400;
const WIDTH: u32 = 900;
const LEFT: u32 = 62;
const RIGHT: u32 = WIDTH - 8;
const LANE: f64 = 34.0;
const TOP: f64 = 22.0;
/// How close to an event a click must be, in picture units, to select it.
const REACH: f64 = 14.0;

/// What a place in the diagram means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The event with this number.
    Event(u64),
    /// A moment between events.
    Moment(Time),
}

/// A node that was down or paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Away {
    node: NodeId,
    from: Time,
    to: Time,
}

/// See the module's header.
pub struct Timeline {
    names: Vec<String>,
    span: (Time, Time),
    now: Time,
    events: Vec<Handled>,
    lost: Vec<FlightMark>,
    away: Vec<Away>,
    inputs: Vec<Time>,
    breakings: Vec<Time>,
}

impl Timeline {
    /// The diagram of a run around its cursor, over `window` microseconds. `flights`: messages on their way or lost.
    pub fn of<W: Simulation + Clone>(run: &Run<W>, window: Time, flights: Vec<FlightMark>) -> Timeline {
        let (world, branch) = (run.world(), run.branch());
        let now = world.kernel().now();
        let start = now.saturating_sub(window / 5 * 4);
        let span = (start, start + window.max(1));
        let names = (0..world.kernel().nodes().len()).map(|id| world.name(NodeId::from(id))).collect();
        let breakings = branch.breakings().iter().map(|breaking| branch.time_at(breaking.step)).collect();
        let (away, inputs) = reader_doings(run);
        let lost = flights
            .into_iter()
            .filter(|flight| flight.lost.is_some_and(|lost| start <= lost && lost < flight.due))
            .collect();
        Timeline { names, span, now, events: in_span(run, span), lost, away, inputs, breakings }
    }

    fn x(&self, at: Time) -> f64 {
        let at = at.clamp(self.span.0, self.span.1) - self.span.0;
        f64::from(LEFT) + at as f64 / (self.span.1 - self.span.0) as f64 * f64::from(RIGHT - LEFT)
    }

    fn y(node: NodeId) -> f64 {
        TOP + LANE * f64::from(node.0) + LANE / 2.0
    }

    fn height(&self) -> f64 {
        TOP + LANE * self.names.len() as f64 + 8.0
    }

    fn is_shown(&self, at: Time) -> bool {
        (self.span.0..=self.span.1).contains(&at)
    }

    /// What lies at a place of the drawing, in picture units.
    pub fn place(&self, x: f64, y: f64) -> Place {
        let distance = |event: &Handled| {
            let (dx, dy) = (self.x(event.time) - x, Self::y(event.node) - y);
            dx * dx + dy * dy
        };
        let near = self.events.iter().map(|event| (distance(event), event.step));
        match near.min_by(|a, b| a.0.total_cmp(&b.0)).filter(|near| near.0 <= REACH * REACH) {
            Some((_, step)) => Place::Event(step),
            None => {
                let part = ((x - f64::from(LEFT)) / f64::from(RIGHT - LEFT)).clamp(0.0, 1.0);
                Place::Moment(self.span.0 + (part * (self.span.1 - self.span.0) as f64) as Time)
            }
        }
    }

    /// Width and height of the drawing, in picture units.
    pub fn size(&self) -> (f64, f64) {
        (f64::from(WIDTH), self.height())
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let height = tenths(self.height());
        let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true">"#);
        for (id, name) in self.names.iter().enumerate() {
            let (name, y) = (escape(name), Self::y(NodeId::from(id)));
            let _ = write!(
                out,
                r#"<text class="lane-name" x="0" y="{}">{name}</text><path class="lane" d="M{LEFT} {}H{WIDTH}"/>"#,
                tenths(y + 4.0),
                tenths(y)
            );
        }
        let (start, end) = (time::show(self.span.0), time::show(self.span.1));
        let _ = write!(
            out,
            r#"<text class="lane-time" x="{LEFT}" y="12">{start}</text><text class="lane-time is-end" x="{RIGHT}" y="12">{end}</text>"#
        );
        self.away.iter().for_each(|away| self.draw_away(&mut out, away));
        self.draw_hairlines(&mut out, &self.inputs, "input-line");
        self.draw_hairlines(&mut out, &self.breakings, "broken-line");
        self.lost.iter().for_each(|flight| self.draw_lost(&mut out, flight));
        self.events.iter().for_each(|event| self.draw_event(&mut out, event));
        let _ = write!(out, r#"<path class="cursor" d="M{} 16V{height}"/></svg>"#, tenths(self.x(self.now)));
        out
    }

    fn draw_away(&self, out: &mut String, away: &Away) {
        if away.to < self.span.0 || away.from > self.span.1 {
            return;
        }
        let (left, right, top) = (self.x(away.from), self.x(away.to), Self::y(away.node) - 8.0);
        let (left, top, width) = (tenths(left), tenths(top), tenths((right - left).max(1.0)));
        let _ = write!(out, r#"<rect class="down" x="{left}" y="{top}" width="{width}" height="16"/>"#);
    }

    fn draw_hairlines(&self, out: &mut String, moments: &[Time], class: &str) {
        for at in moments.iter().filter(|at| self.is_shown(**at)) {
            let _ = write!(out, r#"<path class="{class}" d="M{} 16V{}"/>"#, tenths(self.x(*at)), tenths(self.height()));
        }
    }

    /// A message that was lost on its way: an arrow that ends in a cross where it fell.
    fn draw_lost(&self, out: &mut String, flight: &FlightMark) {
        let fell = flight.lost.unwrap_or(flight.due).min(flight.due);
        let part = (fell - flight.sent.min(fell)) as f64 / (flight.due - flight.sent.min(flight.due)).max(1) as f64;
        let (y1, y2) = (Self::y(flight.from), Self::y(flight.to));
        let (x, y) = (self.x(fell), y1 + (y2 - y1) * part);
        let path = svg::line(((self.x(flight.sent), y1), (x, y)));
        let _ = write!(out, r#"<path class="arrow is-lost" d="{path}"/>"#);
        cross(out, x, y);
    }

    fn draw_event(&self, out: &mut String, event: &Handled) {
        let (x, y, class, step) = (self.x(event.time), Self::y(event.node), event.what.name(), event.step);
        match event.what {
            What::Message { from, sent } | What::Lost { from, sent, .. } if from != event.node => {
                let lost = if matches!(event.what, What::Lost { .. }) { " is-lost" } else { "" };
                let path = svg::line(((self.x(sent), Self::y(from)), (x, y)));
                let _ = write!(out, r#"<path class="arrow{lost}" d="{path}"/>"#);
            }
            _ => {}
        }
        if matches!(event.what, What::Lost { .. }) {
            cross(out, x, y);
        } else {
            let (x, y) = (tenths(x), tenths(y));
            let _ = write!(
                out,
                r#"<circle class="event event-{class}" data-step="{step}" cx="{x}" cy="{y}" r="4"><title>event {step}</title></circle>"#
            );
        }
    }
}

fn cross(out: &mut String, x: f64, y: f64) {
    let (left, top) = (tenths(x - 4.0), tenths(y - 4.0));
    let _ = write!(out, r#"<path class="fell" d="M{left} {top}l8 8m0 -8l-8 8"/>"#);
}

/// The events of the branch within a span, at most the last few hundred around the cursor.
fn in_span<W: Simulation + Clone>(run: &Run<W>, (start, end): (Time, Time)) -> Vec<Handled> {
    let (all, here) = (run.branch().events(), run.step_count() as usize);
    let mut last = here;
    while last < here + MOST_EVENTS / 4 && all.get(last).is_some_and(|event| event.time <= end) {
        last += 1;
    }
    let from = last.saturating_sub(MOST_EVENTS);
    (from..last).filter_map(|at| all.get(at)).filter(|event| event.time >= start).collect()
}

/// Spans in which nodes were down or paused, and the moments of every other input.
fn reader_doings<W: Simulation + Clone>(run: &Run<W>) -> (Vec<Away>, Vec<Time>) {
    let (mut open, mut away, mut moments): (Vec<(NodeId, Time)>, Vec<Away>, Vec<Time>) = Default::default();
    for stamped in run.branch().tape().inputs() {
        let at = run.branch().time_at(stamped.after);
        match stamped.input {
            Input::Crash { node }
            | Input::PowerCut { node }
            | Input::TearWrite { node, .. }
            | Input::Pause { node } => {
                // A paused node that crashes has been away since it was paused.
                if open.iter().all(|known| known.0 != node) {
                    open.push((node, at));
                }
            }
            Input::Restart { node } | Input::Resume { node } => {
                if let Some(index) = open.iter().position(|known| known.0 == node) {
                    let (node, from) = open.remove(index);
                    away.push(Away { node, from, to: at });
                }
            }
            _ => moments.push(at),
        }
    }
    let now = run.world().kernel().now();
    away.extend(open.into_iter().filter(|(_, from)| *from <= now).map(|(node, from)| Away { node, from, to: now }));
    (away, moments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Glyph, Look, Tone};
    use crate::sim::kernel::Cause;

    fn timeline() -> Timeline {
        let event = |step, node, what| Handled { step, time: step * 10, node, what, cause: Cause::Start, id: step };
        let look = Look { letter: 'V', glyph: Glyph::Dot, tone: Tone::Active };
        let lost = FlightMark { id: 1, from: NodeId(0), to: NodeId(1), sent: 0, due: 20, lost: Some(10), look };
        Timeline {
            names: vec!["A".to_owned(), "<B>".to_owned()],
            span: (0, 100),
            now: 80,
            events: vec![
                event(1, NodeId(0), What::Timer),
                event(2, NodeId(1), What::Message { from: NodeId(0), sent: 10 }),
            ],
            lost: vec![lost],
            away: vec![Away { node: NodeId(1), from: 50, to: 60 }],
            inputs: vec![30, 300],
            breakings: vec![20],
        }
    }

    #[test]
    fn a_click_near_an_event_means_it_and_elsewhere_a_moment() {
        let timeline = timeline();
        let (x, y) = (timeline.x(20), Timeline::y(NodeId(1)));
        assert_eq!(timeline.place(x + 5.0, y - 5.0), Place::Event(2));
        assert_eq!(timeline.place(f64::from(LEFT + RIGHT) / 2.0, y), Place::Moment(50));
        assert_eq!(timeline.place(-1e9, 1e9), Place::Moment(0));
    }

    #[test]
    fn everything_is_drawn_and_names_are_escaped() {
        let svg = timeline().svg();
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"event "), count("class=\"arrow\""), count("class=\"fell\"")), (2, 1, 1), "{svg}");
        assert_eq!((count("class=\"down\""), count("input-line"), count("broken-line")), (1, 1, 1));
        assert!(svg.contains("&lt;B&gt;"));
    }

    #[test]
    fn a_lost_message_falls_where_it_was_lost() {
        let timeline = timeline();
        let svg = timeline.svg();
        let (x, y) = (timeline.x(10), (Timeline::y(NodeId(0)) + Timeline::y(NodeId(1))) / 2.0);
        assert!(svg.contains(&format!("L{} {}\"/>", tenths(x), tenths(y))), "{svg}");
    }
}
