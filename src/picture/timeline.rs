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
use crate::sim::run::simulation::{Handled, Record, Simulation, What};
use crate::sim::run::tape::Input;

/// The most events drawn at once.
const MOST_EVENTS: usize = 400;
/// With at most this many arrows in sight, each carries its message's name.
const MOST_NAMED: usize = 14;
/// The most messages on their way that are drawn.
const MOST_FLYING: usize = 60;
/// Of a name: the width of a letter, and its height.
const NAME: (f64, f64) = (6.6, 15.0);
/// Of an event: half its width.
const DOT: f64 = 4.0;
/// With more nodes than this, those where nothing happens in sight have no lane.
const MOST_LANES: usize = 8;
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
    /// The nodes that have a lane, and their names.
    lanes: Vec<(NodeId, String)>,
    /// How many have none.
    folded: usize,
    /// What arrived with an event, in words.
    titles: Vec<(u64, String)>,
    /// Up to where events are left out because there are too many.
    crowded_until: Option<Time>,
    span: (Time, Time),
    now: Time,
    events: Vec<Handled>,
    lost: Vec<FlightMark>,
    flying: Vec<FlightMark>,
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
        let breakings = branch.breakings().iter().map(|breaking| branch.time_at(breaking.step)).collect();
        let (away, inputs) = reader_doings(run);
        let (gone, mut flying): (Vec<FlightMark>, _) = flights.into_iter().partition(|flight| flight.lost.is_some());
        let is_on_its_way = |flight: &FlightMark| flight.lost.is_some_and(|lost| start <= lost && lost < flight.due);
        let lost = gone.into_iter().filter(is_on_its_way).collect();
        let (events, is_all) = in_span(run, span);
        let has_arrived = |flight: &FlightMark| events.iter().any(|event| event.id == flight.id);
        flying.retain(|flight| flight.from != flight.to && flight.due >= start && !has_arrived(flight));
        flying.truncate(MOST_FLYING);
        let crowded_until = events.first().filter(|_| !is_all).map(|first| first.time);
        let (lanes, folded) = lanes(run, &events, &flying);
        let titles = titles(run, &events);
        Timeline { lanes, folded, titles, crowded_until, span, now, events, lost, flying, away, inputs, breakings }
    }

    fn lane(&self, node: NodeId) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.0 == node)
    }

    fn x(&self, at: Time) -> f64 {
        let at = at.clamp(self.span.0, self.span.1) - self.span.0;
        f64::from(LEFT) + at as f64 / (self.span.1 - self.span.0) as f64 * f64::from(RIGHT - LEFT)
    }

    /// The middle of a node's lane; what happens at a node without one lies at the lower edge.
    fn y(&self, node: NodeId) -> f64 {
        TOP + LANE * self.lane(node).unwrap_or(self.lanes.len()) as f64 + LANE / 2.0
    }

    fn height(&self) -> f64 {
        let folded = if self.folded > 0 { 18.0 } else { 0.0 };
        TOP + LANE * self.lanes.len() as f64 + 8.0 + folded
    }

    fn is_shown(&self, at: Time) -> bool {
        (self.span.0..=self.span.1).contains(&at)
    }

    /// What lies at a place of the drawing, in picture units.
    pub fn place(&self, x: f64, y: f64) -> Place {
        let distance = |event: &Handled| {
            let (dx, dy) = (self.x(event.time) - x, self.y(event.node) - y);
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
        for (node, name) in &self.lanes {
            let (name, y) = (escape(name), self.y(*node));
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
        self.draw_left_out(&mut out);
        self.away.iter().for_each(|away| self.draw_away(&mut out, away));
        self.draw_hairlines(&mut out, &self.inputs, "input-line");
        self.draw_hairlines(&mut out, &self.breakings, "broken-line");
        self.lost.iter().for_each(|flight| self.draw_lost(&mut out, flight));
        self.flying.iter().for_each(|flight| self.draw_flying(&mut out, flight));
        self.events.iter().for_each(|event| self.draw_event(&mut out, event));
        self.draw_names(&mut out);
        let _ = write!(out, r#"<path class="cursor" d="M{} 16V{height}"/></svg>"#, tenths(self.x(self.now)));
        out
    }

    /// The band in which there are more events than can be told apart, and the nodes without a lane.
    fn draw_left_out(&self, out: &mut String) {
        if let Some(until) = self.crowded_until {
            let (width, height) = (tenths(self.x(until) - f64::from(LEFT)), tenths(LANE * self.lanes.len() as f64));
            let _ = write!(
                out,
                r#"<rect class="band" x="{LEFT}" y="{}" width="{width}" height="{height}"/><text class="lane-time" x="{}" y="{}">more events than fit: zoom in</text>"#,
                tenths(TOP),
                LEFT + 6,
                tenths(TOP + 12.0)
            );
        }
        if self.folded > 0 {
            let y = tenths(self.height() - 8.0);
            let nodes = if self.folded == 1 { "node" } else { "nodes" };
            let _ = write!(
                out,
                r#"<text class="lane-time" x="0" y="{y}">{} {nodes} more, at which nothing happens here</text>"#,
                self.folded
            );
        }
    }

    fn draw_away(&self, out: &mut String, away: &Away) {
        if away.to < self.span.0 || away.from > self.span.1 || self.lane(away.node).is_none() {
            return;
        }
        let (left, right, top) = (self.x(away.from), self.x(away.to), self.y(away.node) - 8.0);
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
        let (y1, y2) = (self.y(flight.from), self.y(flight.to));
        let (x, y) = (self.x(fell), y1 + (y2 - y1) * part);
        let path = svg::line(((self.x(flight.sent), y1), (x, y)));
        let _ = write!(out, r#"<path class="arrow is-lost" d="{path}"/>"#);
        cross(out, x, y);
    }

    /// A message on its way: an arrow to where it is due, as things stand, with an open head.
    fn draw_flying(&self, out: &mut String, flight: &FlightMark) {
        if self.lane(flight.from).is_none() || self.lane(flight.to).is_none() {
            return;
        }
        let end = flight.due.min(self.span.1);
        let part = (end - flight.sent.min(end)) as f64 / (flight.due - flight.sent.min(flight.due)).max(1) as f64;
        let (from, to) = ((self.x(flight.sent), self.y(flight.from)), self.y(flight.to));
        let tip = (self.x(end), from.1 + (to - from.1) * part);
        let path = svg::line((from, tip));
        let _ = write!(out, r#"<path class="arrow is-flying" d="{path}"/>"#);
        if end == flight.due {
            head(out, from, tip, false);
        }
    }

    fn draw_event(&self, out: &mut String, event: &Handled) {
        let (x, y, class, step) = (self.x(event.time), self.y(event.node), event.what.name(), event.step);
        match event.what {
            What::Message { from, sent } | What::Lost { from, sent, .. } if from != event.node => {
                let lost = if matches!(event.what, What::Lost { .. }) { " is-lost" } else { "" };
                let (x1, y1) = (self.x(sent), self.y(from));
                let path = svg::line(((x1, y1), (x, y)));
                let _ = write!(out, r#"<path class="arrow{lost}" d="{path}"/>"#);
                if lost.is_empty() {
                    head(out, (x1, y1), (x, y), true);
                }
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

    /// The names of messages along their arrows, where nothing else lies.
    fn draw_names(&self, out: &mut String) {
        let dot = |event: &Handled| (self.x(event.time), self.y(event.node), DOT);
        let mut taken: Vec<(f64, f64, f64)> = self.events.iter().map(dot).collect();
        for (step, title) in &self.titles {
            let Some((from, to)) = self.arrow(*step) else { continue };
            let half = title.chars().count() as f64 * NAME.0 / 2.0;
            let place = |part: &f64| (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            let is_free = |(x, y): &(f64, f64)| {
                let overlaps =
                    |other: &(f64, f64, f64)| (x - other.0).abs() < half + other.2 && (y - other.1).abs() < NAME.1;
                !taken.iter().any(overlaps)
            };
            if let Some((x, y)) = [0.5, 0.35, 0.65, 0.2, 0.8].iter().map(place).find(is_free) {
                taken.push((x, y, half));
                let (x, y) = (tenths(x), tenths(y));
                let _ = write!(out, r#"<text class="arrow-name" x="{x}" y="{y}">{}</text>"#, escape(title));
            }
        }
    }

    /// From where to where a message went that arrived with this event.
    fn arrow(&self, step: u64) -> Option<((f64, f64), (f64, f64))> {
        let event = self.events.iter().find(|event| event.step == step)?;
        let What::Message { from, sent } = event.what else { return None };
        Some(((self.x(sent), self.y(from)), (self.x(event.time), self.y(event.node))))
    }
}

/// The head of an arrow: a filled one ends at an event's dot, an open one where there is none yet.
fn head(out: &mut String, from: (f64, f64), (x, y): (f64, f64), is_filled: bool) {
    /// From the event to the head's tip, to its base, and half of its width.
    const PARTS: [f64; 3] = [4.0, 11.0, 3.5];
    let (dx, dy) = (x - from.0, y - from.1);
    let length = (dx * dx + dy * dy).sqrt();
    if length < 2.0 * PARTS[1] {
        return;
    }
    let (dx, dy) = (dx / length, dy / length);
    let [tip, base, half] = PARTS;
    let (left, top) = (x - dx * base, y - dy * base);
    let [a, b, c, d, e, f] =
        [x - dx * tip, y - dy * tip, left - dy * half, top + dx * half, left + dy * half, top - dx * half].map(tenths);
    let _ = match is_filled {
        true => write!(out, r#"<path class="arrow-head" d="M{a} {b}L{c} {d}L{e} {f}Z"/>"#),
        false => write!(out, r#"<path class="arrow-head is-open" d="M{c} {d}L{a} {b}L{e} {f}"/>"#),
    };
}

fn cross(out: &mut String, x: f64, y: f64) {
    let (left, top) = (tenths(x - 4.0), tenths(y - 4.0));
    let _ = write!(out, r#"<path class="fell" d="M{left} {top}l8 8m0 -8l-8 8"/>"#);
}

/// The events of the branch within a span, at most the last few hundred around the cursor, and whether these are all.
fn in_span<W: Simulation + Clone>(run: &Run<W>, (start, end): (Time, Time)) -> (Vec<Handled>, bool) {
    let (all, here) = (run.branch().events(), run.step_count() as usize);
    let mut last = here;
    while last < here + MOST_EVENTS / 4 && all.get(last).is_some_and(|event| event.time <= end) {
        last += 1;
    }
    let from = last.saturating_sub(MOST_EVENTS);
    let is_all = from == 0 || all.get(from - 1).is_none_or(|event| event.time < start);
    ((from..last).filter_map(|at| all.get(at)).filter(|event| event.time >= start).collect(), is_all)
}

/// The nodes that get a lane, and how many do not: among many, those where something happens in sight.
fn lanes<W: Simulation + Clone>(
    run: &Run<W>,
    events: &[Handled],
    flying: &[FlightMark],
) -> (Vec<(NodeId, String)>, usize) {
    let world = run.world();
    let count = world.kernel().nodes().len();
    let is_busy = |node: NodeId| {
        let from = |what: What| match what {
            What::Message { from, .. } | What::Lost { from, .. } => Some(from),
            What::Timer | What::Command => None,
        };
        events.iter().any(|event| event.node == node || from(event.what) == Some(node))
            || flying.iter().any(|flight| flight.from == node || flight.to == node)
    };
    let all = (0..count).map(NodeId::from).filter(|node| count <= MOST_LANES || events.is_empty() || is_busy(*node));
    let lanes: Vec<(NodeId, String)> = all.map(|node| (node, world.name(node))).collect();
    let folded = count - lanes.len();
    (lanes, folded)
}

/// What the messages say that arrive in sight, where there is room to write it.
fn titles<W: Simulation + Clone>(run: &Run<W>, events: &[Handled]) -> Vec<(u64, String)> {
    let is_arrow = |event: &&Handled| matches!(event.what, What::Message { from, .. } if from != event.node);
    let arrows: Vec<&Handled> = events.iter().filter(is_arrow).collect();
    let (Some(first), Some(last)) = (arrows.first(), arrows.last()) else { return Vec::new() };
    if arrows.len() > MOST_NAMED {
        return Vec::new();
    }
    let name = |(handled, record): (Handled, Record)| {
        // "C receives a vote, term 2 from B": both ends are drawn.
        let What::Message { from, .. } = handled.what else { return None };
        let (begin, end) = (run.world().name(handled.node) + " receives ", format!(" from {}", run.world().name(from)));
        let title = record.title.strip_prefix(&begin)?;
        Some((handled.step, title.strip_suffix(&end).unwrap_or(title).to_owned()))
    };
    let mut titles: Vec<(u64, String)> = Vec::new();
    for (step, title) in run.records(first.step, last.step).into_iter().filter_map(name) {
        // The first of a kind carries the name, as on the stage.
        if titles.iter().all(|known| known.1 != title) {
            titles.push((step, title));
        }
    }
    titles
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
            lanes: vec![(NodeId(0), "A".to_owned()), (NodeId(1), "<B>".to_owned())],
            folded: 3,
            titles: vec![(2, "a vote".to_owned())],
            crowded_until: None,
            span: (0, 100),
            now: 80,
            events: vec![
                event(1, NodeId(0), What::Timer),
                event(2, NodeId(1), What::Message { from: NodeId(0), sent: 10 }),
            ],
            lost: vec![lost],
            flying: Vec::new(),
            away: vec![Away { node: NodeId(1), from: 50, to: 60 }],
            inputs: vec![30, 300],
            breakings: vec![20],
        }
    }

    #[test]
    fn a_click_near_an_event_means_it_and_elsewhere_a_moment() {
        let timeline = timeline();
        let (x, y) = (timeline.x(20), timeline.y(NodeId(1)));
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
        assert!(svg.contains(">a vote</text>") && svg.contains("3 nodes more, at which nothing happens here"), "{svg}");
        assert_eq!((count("arrow-head"), count("class=\"band\"")), (1, 0));
    }

    #[test]
    fn a_message_on_its_way_has_an_open_head_where_it_is_due() {
        let look = Look { letter: 'V', glyph: Glyph::Dot, tone: Tone::Active };
        let flight = |due| FlightMark { id: 2, from: NodeId(0), to: NodeId(1), sent: 70, due, lost: None, look };
        let heads = |due| {
            let svg = Timeline { flying: vec![flight(due)], ..timeline() }.svg();
            (svg.matches("arrow is-flying").count(), svg.matches("arrow-head is-open").count())
        };
        assert_eq!((heads(95), heads(300)), ((1, 1), (1, 0)));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let svg = Timeline { crowded_until: Some(60), ..timeline() }.svg();
        assert!(svg.contains("class=\"band\"") && svg.contains("more events than fit: zoom in"), "{svg}");
    }

    #[test]
    fn a_lost_message_falls_where_it_was_lost() {
        let timeline = timeline();
        let svg = timeline.svg();
        let (x, y) = (timeline.x(10), (timeline.y(NodeId(0)) + timeline.y(NodeId(1))) / 2.0);
        assert!(svg.contains(&format!("L{} {}\"/>", tenths(x), tenths(y))), "{svg}");
    }
}
