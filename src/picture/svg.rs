//! Pictures as SVG text: the same for the static page, before any WebAssembly has arrived, and for the live one.
//!
//! Classes carry meaning (`tone-active`, `is-down`), the style sheet carries colour. Every text that a reader or a
//! system put in is escaped.

use std::fmt::Write;

use super::decimal::{hundredths, tenths};
use super::extent::{extent, of_figure, view_box};
use super::geometry::{self, Lane, Point, Spot};
use super::words::{self, label_column};
use super::{
    Bar, Body, Cell, Figure, FlightMark, Glyph, GridRow, LinkMark, Look, NodeMark, Picture, SetMark, Shape, Tone,
};
use crate::sim::kernel::time::Time;

/// Text with the characters that are special in SVG escaped.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in XML at all.
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// The classes of a node's group.
pub fn node_class(mark: &NodeMark) -> String {
    let trouble = mark.trouble;
    let flags = [
        (trouble.down, " is-down"),
        (trouble.paused, " is-paused"),
        (trouble.slow, " is-slow"),
        (trouble.skewed, " is-skewed"),
        (trouble.clashing, " is-clashing"),
    ];
    let mut class = format!("node {}", mark.tone.class());
    flags.iter().filter(|flag| flag.0).for_each(|flag| class.push_str(flag.1));
    class
}

/// What is wrong with a node, in words; if it is down, nothing else counts.
fn trouble_words(mark: &NodeMark) -> Vec<&'static str> {
    let trouble = mark.trouble;
    if trouble.down {
        return vec![if trouble.unpowered { "lost power" } else { "crashed" }];
    }
    let flags = [(trouble.paused, "paused"), (trouble.slow, "slow"), (trouble.skewed, "clock off")];
    flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect()
}

/// The node's state in words, with what is wrong with it.
pub fn state_text(mark: &NodeMark) -> String {
    let mut words: Vec<&str> = trouble_words(mark);
    if !mark.state.is_empty() && !mark.trouble.down {
        words.insert(0, &mark.state);
    }
    words.join(" · ")
}

/// The state as it fits below the node: where there is no room for both, only what is wrong.
fn drawn_state(mark: &NodeMark) -> String {
    const ROOM: usize = 20;
    let (whole, wrong) = (state_text(mark), trouble_words(mark));
    if whole.chars().count() > ROOM && !wrong.is_empty() { wrong.join(" · ") } else { whole }
}

/// The contents of a node's group, around the origin; without the ring, which moves.
pub fn node(mark: &NodeMark) -> String {
    let (width, height) = mark.shape.size();
    let mut out = String::new();
    if mark.trouble.clashing {
        out.push_str(&clash(mark.shape, width, height));
    }
    out.push_str(&body(mark.shape, width, height));
    if let Some((value, full)) = mark.fill {
        out.push_str(&fill(mark.shape, width, height, value, full));
    }
    if mark.crown {
        let top = -height / 2 - 3;
        let _ = write!(out, r#"<path class="crown" d="M-13 {top}v-13l7 6 6 -10 6 10 7 -6v13z"/>"#);
    }
    let (inside, state) = (mark.label_is_inside(), drawn_state(mark));
    let below = height / 2 + 17;
    let label_at = if inside { label_height(mark.shape) } else { below };
    let _ = write!(out, r#"<text class="label" y="{label_at}">{}</text>"#, escape(&mark.label));
    if !state.is_empty() {
        let state_at = if inside { below } else { below + 16 };
        let _ = write!(out, r#" <text class="state" y="{state_at}">{}</text>"#, escape(&state));
    }
    out
}

/// The frame around a node that clashes: a wider circle around a round one, whose timer is a ring as well; a close
/// frame around any other shape, clear of the words below it.
fn clash(shape: Shape, width: i32, height: i32) -> String {
    const GAP: i32 = 5;
    if matches!(shape, Shape::Client | Shape::Server) {
        return format!(r#"<circle class="clash" r="{}"/>"#, width / 2 + 12);
    }
    let (x, y, width, height) = (-width / 2 - GAP, -height / 2 - GAP, width + 2 * GAP, height + 2 * GAP);
    format!(r#"<rect class="clash" x="{x}" y="{y}" width="{width}" height="{height}" rx="16"/>"#)
}

fn label_height(shape: Shape) -> i32 {
    match shape {
        Shape::Broker | Shape::Store | Shape::Cache => 12,
        _ => 5,
    }
}

fn body(shape: Shape, width: i32, height: i32) -> String {
    let (left, top) = (-width / 2, -height / 2);
    match shape {
        Shape::Client | Shape::Server => format!(r#"<circle class="shape" r="{}"/>"#, width / 2),
        Shape::Service => {
            format!(r#"<rect class="shape" x="{left}" y="{top}" width="{width}" height="{height}" rx="12"/>"#)
        }
        Shape::Broker => format!(
            r#"<rect class="shape" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/><path class="header" d="M{left} {}v-8a6 6 0 0 1 6 -6h{}a6 6 0 0 1 6 6v8z"/>"#,
            top + 14,
            width - 12
        ),
        Shape::Queue => format!(
            r#"<path class="shape" d="M{} {top}h{}a12 {half} 0 0 1 0 {height}h-{}a12 {half} 0 0 1 0 -{height}z"/><ellipse class="mouth" cx="{}" rx="12" ry="{half}"/>"#,
            left + 12,
            width - 24,
            width - 24,
            width / 2 - 12,
            half = height / 2,
        ),
        Shape::Store | Shape::Cache => {
            let dashed = if shape == Shape::Cache { " is-cache" } else { "" };
            let wall = height - 20;
            format!(
                r#"<path class="shape{dashed}" d="M{left} {}v{wall}a{rx} 10 0 0 0 {width} 0v-{wall}"/><ellipse class="shape{dashed}" cy="{}" rx="{rx}" ry="10"/>"#,
                top + 10,
                top + 10,
                rx = width / 2,
            )
        }
    }
}

/// A level inside a node: along the bottom of boxes, from the left of pipes.
fn fill(shape: Shape, width: i32, height: i32, value: u32, full: u32) -> String {
    let inner = width - if shape == Shape::Queue { 32 } else { 16 };
    let part = (i64::from(value.min(full)) * i64::from(inner) / i64::from(full.max(1))) as i32;
    let (x, y) = (-inner / 2, height / 2 - 13);
    format!(
        r#"<rect class="level-back" x="{x}" y="{y}" width="{inner}" height="6" rx="3"/><rect class="level" x="{x}" y="{y}" width="{part}" height="6" rx="3"/>"#
    )
}

/// The whole length of a timer's path, in its own units: what is left of it is drawn as one dash.
pub const RING_LENGTH: u32 = 100;

/// The path of a node's timer: clockwise around a circle from the top; a line above any other shape. `None` without a
/// timer.
pub fn ring_path(mark: &NodeMark) -> Option<String> {
    mark.ring.filter(|_| !mark.trouble.down)?;
    let (width, height) = mark.shape.size();
    Some(match mark.shape {
        Shape::Client | Shape::Server => {
            let radius = width / 2 + 6;
            let across = 2 * radius;
            format!("M0 -{radius}a{radius} {radius} 0 0 1 0 {across}a{radius} {radius} 0 0 1 0 -{across}")
        }
        _ => format!("M{} {}h{width}", -width / 2, -height / 2 - 8),
    })
}

/// The longest timer of a picture: all are drawn against it, so that one sees which is first.
pub fn longest_timer(picture: &Picture) -> Time {
    let rings = picture.nodes.iter().filter_map(|mark| mark.ring);
    rings.map(|ring| ring.until.saturating_sub(ring.since)).max().unwrap_or(0).max(1)
}

/// What is left of a node's timer at a moment, as the dashes of its path, against the longest of the picture.
pub fn ring_dashes(mark: &NodeMark, longest: Time, now: Time) -> Option<String> {
    let left = mark.ring?.until.saturating_sub(now).min(longest) as f64 / longest as f64;
    Some(format!("{} {RING_LENGTH}", hundredths(left * f64::from(RING_LENGTH))))
}

/// What is wrong with a link, as the stage draws it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkTrouble {
    /// Nothing passes from the link's `a` to its `b`.
    pub cut_forth: bool,
    /// Nothing passes from `b` to `a`.
    pub cut_back: bool,
    /// Messages take longer, in either direction.
    pub late: bool,
    /// Messages are lost, in either direction.
    pub lossy: bool,
}

/// The path of a straight line.
pub fn line(((x1, y1), (x2, y2)): (Point, Point)) -> String {
    format!("M{} {}L{} {}", tenths(x1), tenths(y1), tenths(x2), tenths(y2))
}

/// The contents of a link's group. Empty when an end is not in the picture.
pub fn link(picture: &Picture, mark: &LinkMark, trouble: LinkTrouble) -> String {
    let Some(ends) = geometry::link_ends(picture, mark.a, mark.b) else {
        return String::new();
    };
    let path = line(ends);
    let mut class = String::from("link");
    let flags = [(mark.dashed, " is-dashed"), (trouble.late, " is-late"), (trouble.lossy, " is-lossy")];
    flags.iter().filter(|flag| flag.0).for_each(|flag| class.push_str(flag.1));
    if trouble.cut_forth && trouble.cut_back {
        class.push_str(" is-cut");
    }
    let mut out = String::new();
    if mark.stream > 0 {
        let (tone, width) = (Tone::Active.class(), mark.stream);
        let _ = write!(out, r#"<path class="stream {tone}" style="stroke-width:{width}px" d="{path}"/>"#);
    }
    let _ = write!(out, r#"<path class="{class}" d="{path}"/>"#);
    let ((x1, y1), (x2, y2)) = ends;
    let mut cross = |part: f64| {
        let (x, y) = (tenths(x1 + (x2 - x1) * part), tenths(y1 + (y2 - y1) * part));
        let _ = write!(
            out,
            r#"<g class="cut" transform="translate({x} {y})"><circle r="9"/><path d="M-4 -4l8 8M4 -4l-8 8"/></g>"#
        );
    };
    match (trouble.cut_forth, trouble.cut_back) {
        (true, true) => cross(0.5),
        (true, false) => cross(0.72),
        (false, true) => cross(0.28),
        _ => {}
    }
    out
}

/// The sets of nodes: broad fields through their members, each with a label: above its highest member or, for every
/// second set, below its lowest, so that two of them can be told apart.
pub fn sets(picture: &Picture) -> String {
    let all = picture.sets.iter().enumerate();
    all.map(|(index, mark)| set(picture, mark, index % 2 == 1)).collect()
}

fn set(picture: &Picture, mark: &SetMark, is_below: bool) -> String {
    let places: Vec<(i32, i32)> = mark.members.iter().filter_map(|id| Some(picture.node(*id)?.at)).collect();
    let hull = geometry::hull(&places);
    let Some(first) = hull.first() else { return String::new() };
    let mut path = format!("M{} {}", first.0, first.1);
    hull.iter().skip(1).for_each(|(x, y)| {
        let _ = write!(path, "L{x} {y}");
    });
    // A path with a single point is drawn only if it has a segment.
    let _ = write!(path, "L{} {}Z", first.0, first.1);
    let (tone, label) = (mark.tone.class(), escape(&mark.label));
    let (x, y) = geometry::label_place(picture, &places, is_below);
    // Letters are about 8 units wide; the label stays within the frame.
    let half = mark.label.chars().count() as i32 * 4;
    let x = x.clamp(half + 4, (picture.frame.size().0 - half - 4).max(half + 4));
    format!(
        r#"<g class="set {tone}" role="img" aria-label="{label}"><path class="field" d="{path}"/><text class="set-label" x="{x}" y="{y}">{label}</text></g>"#
    )
}

/// A message's mark, around the origin.
pub fn glyph(look: Look) -> String {
    let body = match look.glyph {
        Glyph::Dot => r#"<circle class="glyph" r="10"/>"#,
        Glyph::Square => r#"<rect class="glyph" x="-9" y="-9" width="18" height="18" rx="3"/>"#,
        Glyph::Diamond => r#"<path class="glyph" d="M0 -12L12 0L0 12L-12 0Z"/>"#,
        Glyph::Pill => r#"<rect class="glyph" x="-12" y="-8" width="24" height="16" rx="8"/>"#,
    };
    let letter = escape(&look.letter.to_string());
    format!(r#"{body}<text class="letter" y="4" aria-hidden="true">{letter}</text>"#)
}

/// How many messages a mark stands for, beside it; nothing for one.
pub fn count(lane: Lane) -> String {
    if lane.count > 1 {
        format!(r#"<text class="many" x="15" y="-8" aria-hidden="true">×{}</text>"#, lane.count)
    } else {
        String::new()
    }
}

/// A message where it is at a moment, with its trail.
fn flight(mark: &FlightMark, lane: Lane, spot: Spot) -> String {
    let lost = if mark.lost.is_some() { " is-lost" } else { "" };
    format!(
        r#"<g class="flight {}{lost}" opacity="{}"><path class="trail" d="{}"/><g transform="translate({} {})">{}{}</g></g>"#,
        mark.look.tone.class(),
        hundredths(1.0 - spot.fallen),
        line((spot.trail, (spot.x, spot.y))),
        tenths(spot.x),
        tenths(spot.y),
        glyph(mark.look),
        count(lane)
    )
}

/// Messages where they are at a moment.
pub fn all_flights(picture: &Picture, flights: &[FlightMark], now: Time) -> String {
    let marks = flights.iter().zip(geometry::lanes(flights)).filter(|(_, lane)| lane.count > 0);
    marks.filter_map(|(mark, lane)| Some(flight(mark, lane, geometry::spot(picture, mark, lane, now)?))).collect()
}

/// Height of a row of a figure.
const ROW: i32 = 24;
/// The usual letters of a figure, in units of the picture.
const USUAL: i32 = 15;
/// A text is drawn closer by so much at most, in percent of its width.
const CLOSEST: i32 = 55;
/// A number in a table has at most this many characters.
const SHORT: usize = 4;
/// The narrowest that a column of a crowded table becomes, and the room between two.
const SHORTEST: i32 = 24;
const BETWEEN: i32 = 8;
/// The room for the words after a bar, so that it does not jump while they grow.
const SHORTEST_TEXT: i32 = 64;
/// The shortest that a full bar may be.
const SHORTEST_BAR: i32 = 24;
/// A grid's cells are as wide as if there were at least this many, so that they do not jump while a log grows.
const FEWEST_COLUMNS: usize = 8;

/// The contents of a figure's group, around its top left corner.
pub fn figure(figure: &Figure) -> String {
    let squeezed = squeezed(&figure.title, figure.size.0);
    let mut out = format!(r#"<text class="figure-title" x="0" y="12"{squeezed}>{}</text>"#, escape(&figure.title));
    match &figure.body {
        Body::Grid { first, rows } => grid(&mut out, figure.size, (Some(*first), FEWEST_COLUMNS), rows),
        Body::Matrix(rows) => grid(&mut out, figure.size, (Some(0), 1), rows),
        Body::Queues(rows) => grid(&mut out, figure.size, (None, FEWEST_COLUMNS), rows),
        Body::Table { head, rows } => table(&mut out, figure.size, head, rows),
        Body::Bars(bars) => bar_rows(&mut out, figure.size, bars),
    }
    out
}

/// The attributes that draw a text closer where it is wider than its place; nothing where it fits.
fn squeezed(text: &str, room: i32) -> String {
    if words::width(text, USUAL) <= room {
        return String::new();
    }
    format!(r#" textLength="{room}" lengthAdjust="spacingAndGlyphs""#)
}

/// How a grid lies in its figure.
struct GridPlaces {
    /// The width of the labels before its rows.
    label: i32,
    columns: usize,
    /// From one cell to the next, across and down.
    cell: i32,
    step: i32,
}

impl GridPlaces {
    fn of((width, height): (i32, i32), fewest: usize, rows: &[GridRow]) -> GridPlaces {
        let label = label_column(rows.iter().map(|row| row.label.as_str()));
        let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(fewest);
        let cell = ((width - label) / columns as i32).min(64);
        let step = ROW.min((height - 36) / rows.len().max(1) as i32).max(14);
        GridPlaces { label, columns, cell, step }
    }
}

fn grid(out: &mut String, size: (i32, i32), (first, fewest): (Option<u32>, usize), rows: &[GridRow]) {
    let GridPlaces { label, columns, cell, step } = GridPlaces::of(size, fewest, rows);
    for (column, index) in first.into_iter().flat_map(|first| first..).take(columns).enumerate() {
        let x = label + cell * column as i32 + cell / 2;
        let _ = write!(out, r#"<text class="index" x="{x}" y="29">{index}</text>"#);
    }
    for (index, row) in rows.iter().enumerate() {
        let y = 34 + step * index as i32;
        let middle = y + step / 2 + 4;
        if label > 0 {
            let _ = write!(out, r#"<text class="row-label" x="0" y="{middle}">{}</text>"#, escape(&row.label));
        }
        for column in 0..columns {
            let x = label + cell * column as i32;
            match row.cells.get(column) {
                Some(content) => cell_box(out, (x, y, cell - 2, step - 3), content),
                None => {
                    let (w, h) = (cell - 2, step - 3);
                    let _ = write!(out, r#"<rect class="slot" x="{x}" y="{y}" width="{w}" height="{h}" rx="3"/>"#);
                }
            }
        }
        if let Some(mark) = row.mark {
            let x = label + cell * i32::from(mark) - 1;
            let _ = write!(out, r#"<path class="mark" d="M{x} {}v{}"/>"#, y - 2, step + 1);
        }
    }
}

fn cell_box(out: &mut String, (x, y, width, height): (i32, i32, i32, i32), cell: &Cell) {
    let firm = if cell.firm { "is-firm" } else { "is-loose" };
    let (tone, text, squeezed) = (cell.tone.class(), escape(&cell.text), squeezed(&cell.text, width));
    let _ = write!(
        out,
        r#"<g class="cell {firm} {tone}"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/><text x="{}" y="{}"{squeezed}>{text}</text></g>"#,
        x + width / 2,
        y + height / 2 + 4
    );
}

/// Where the columns of a table begin, and where the last of them ends.
fn columns(width: i32, head: &[String], rows: &[Vec<Cell>]) -> Vec<i32> {
    let count = head.len().max(1) as i32;
    // A first column of mere numbers, without a heading, is half as wide as the others.
    let is_number = |row: &Vec<Cell>| row.first().is_none_or(|cell| cell.text.chars().count() <= SHORT);
    let has_numbers = head.first().is_some_and(String::is_empty) && rows.iter().all(is_number);
    let cell = if has_numbers { width * 2 / (count * 2 - 1) } else { width / count };
    // Where a text has no room in an equal share, each column's share goes by its longest text.
    let longest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| &cell.text);
        let widths = cells.chain(head.get(column)).map(|text| words::width(text, words::LARGEST));
        widths.max().unwrap_or(0).max(SHORTEST) + BETWEEN
    };
    let shares: Vec<i32> = (0..head.len()).map(longest).collect();
    let is_crowded = !has_numbers && shares.iter().any(|share| *share > cell);
    let place = |column: usize| match is_crowded {
        true => width * shares.iter().take(column).sum::<i32>() / shares.iter().sum::<i32>(),
        false => cell * column as i32 - if has_numbers && column > 0 { cell / 2 } else { 0 },
    };
    (0..=head.len()).map(place).collect()
}

fn table(out: &mut String, (width, height): (i32, i32), head: &[String], rows: &[Vec<Cell>]) {
    let places = columns(width, head, rows);
    let place = |column: usize| places.get(column).copied().unwrap_or(width) + 2;
    let squeezed = |column: usize, text: &str| squeezed(text, place(column + 1) - place(column) - 2);
    let step = ROW.min((height - 36) / rows.len().max(1) as i32).max(14);
    for (column, text) in head.iter().enumerate() {
        let (x, squeezed) = (place(column), squeezed(column, text));
        let _ = write!(out, r#"<text class="head" x="{x}" y="29"{squeezed}>{}</text>"#, escape(text));
    }
    let _ = write!(out, r#"<path class="rule" d="M0 34h{width}"/>"#);
    for (index, row) in rows.iter().enumerate() {
        let y = 36 + step * index as i32;
        for (column, content) in row.iter().enumerate() {
            let (x, tone, squeezed) = (place(column), content.tone.class(), squeezed(column, &content.text));
            let firm = if content.firm { "is-firm" } else { "is-loose" };
            let _ = write!(
                out,
                r#"<text class="entry {firm} {tone}" x="{x}" y="{}"{squeezed}>{}</text>"#,
                y + step / 2 + 4,
                escape(&content.text)
            );
        }
    }
}

/// The width of the labels before bars, and of the longest bar.
fn bar_places(width: i32, bars: &[Bar]) -> (i32, i32) {
    let before = label_column(bars.iter().map(|bar| bar.label.as_str()));
    let longest = bars.iter().map(|bar| words::width(&bar.text, words::LARGEST)).max().unwrap_or(0);
    (before, width - before - (longest + BETWEEN).max(SHORTEST_TEXT))
}

fn bar_rows(out: &mut String, (width, height): (i32, i32), bars: &[Bar]) {
    let (before, room) = bar_places(width, bars);
    let step = ROW.min((height - 20) / bars.len().max(1) as i32).max(14);
    for (index, bar) in bars.iter().enumerate() {
        let y = 20 + step * index as i32;
        let middle = y + step / 2 + 4;
        let length = (i64::from(bar.value.min(bar.full)) * i64::from(room) / i64::from(bar.full.max(1))) as i32;
        let (label, text, tone) = (escape(&bar.label), escape(&bar.text), bar.tone.class());
        let (top, thick) = (y + 3, step - 9);
        let _ = write!(
            out,
            r#"<g class="bar {tone}"><text class="row-label" x="0" y="{middle}">{label}</text><rect class="bar-back" x="{before}" y="{top}" width="{room}" height="{thick}" rx="3"/><rect class="bar-full" x="{before}" y="{top}" width="{length}" height="{thick}" rx="3"/><text class="bar-text" x="{}" y="{middle}">{text}</text></g>"#,
            before + room + 8
        );
    }
}

/// The texts that have no room in a figure, even drawn closer, and the bars that are stubs.
pub fn misfits(figure: &Figure) -> Vec<String> {
    let is_cut = |text: &str, room: i32| words::width(text, USUAL) * CLOSEST / 100 > room;
    let mut cut = if is_cut(&figure.title, figure.size.0) { vec![figure.title.clone()] } else { Vec::new() };
    match &figure.body {
        Body::Grid { rows, .. } | Body::Queues(rows) | Body::Matrix(rows) => {
            let fewest = if matches!(figure.body, Body::Matrix(_)) { 1 } else { FEWEST_COLUMNS };
            let room = GridPlaces::of(figure.size, fewest, rows).cell - 2;
            let texts = rows.iter().flat_map(|row| &row.cells).map(|cell| &cell.text);
            cut.extend(texts.filter(|text| is_cut(text, room)).cloned());
        }
        Body::Table { head, rows } => {
            let places = columns(figure.size.0, head, rows);
            let mut take = |column: usize, text: &String| {
                if is_cut(text, places[column + 1] - places[column] - 2) {
                    cut.push(text.clone());
                }
            };
            head.iter().enumerate().for_each(|(column, text)| take(column, text));
            rows.iter().flat_map(|row| row.iter().enumerate()).for_each(|(column, cell)| take(column, &cell.text));
        }
        Body::Bars(bars) => {
            let is_stub = bar_places(figure.size.0, bars).1 < SHORTEST_BAR;
            cut.extend(bars.iter().filter(|_| is_stub).map(|bar| format!("{} {}", bar.label, bar.text)));
        }
    }
    cut
}

/// A whole picture as one SVG element: for pages that do not move. `label` is read out instead of the picture.
pub fn whole(picture: &Picture, flights: &[FlightMark], now: Time, label: &str) -> String {
    let (width, height) = picture.frame.size();
    let shown = view_box(extent(picture).unwrap_or((0, 0, width, height)));
    format!(
        r#"<svg class="picture" viewBox="{shown}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">{}</svg>"#,
        escape(label),
        contents(picture, flights, now)
    )
}

/// A figure as an SVG element of its own, which knows how wide it would be: `--across`, in units of the picture.
pub fn alone(drawn: &Figure) -> String {
    let (left, top, right, bottom) = of_figure(drawn);
    format!(
        r#"<svg class="picture" viewBox="0 -2 {across} {}" style="--across:{across}" role="img" aria-label="{}"><g class="figure">{}</g></svg>"#,
        bottom - top + 4,
        escape(&drawn.title),
        figure(drawn),
        across = right - left,
    )
}

/// All that is in a picture, from the back to the front, without the element around it.
pub fn contents(picture: &Picture, flights: &[FlightMark], now: Time) -> String {
    let mut out = sets(picture);
    for mark in &picture.links {
        let _ = write!(
            out,
            r#"<g data-link="{}-{}">{}</g>"#,
            mark.a.0,
            mark.b.0,
            link(picture, mark, LinkTrouble::default())
        );
    }
    for drawn in &picture.figures {
        let (x, y) = drawn.at;
        let _ = write!(out, r#"<g class="figure" transform="translate({x} {y})">{}</g>"#, figure(drawn));
    }
    out + &all_nodes(picture, now) + &all_flights(picture, flights, now)
}

/// The nodes in their places, with what is left of their timers.
pub fn all_nodes(picture: &Picture, now: Time) -> String {
    let mut out = String::new();
    for mark in &picture.nodes {
        let (class, (x, y)) = (node_class(mark), mark.at);
        let _ = write!(
            out,
            r#"<g class="{class}" data-node="{}" transform="translate({x} {y})">{}"#,
            mark.node.0,
            node(mark)
        );
        if let (Some(path), Some(dashes)) = (ring_path(mark), ring_dashes(mark, longest_timer(picture), now)) {
            let _ = write!(
                out,
                r#"<path class="ring" pathLength="{RING_LENGTH}" stroke-dasharray="{dashes}" d="{path}"/>"#
            );
        }
        out.push_str("</g>");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::NodeId;

    #[test]
    fn a_long_state_makes_room_for_what_is_wrong() {
        let mut mark = NodeMark::new(NodeId(0), (0, 0), Shape::Service, "worker");
        mark.state = "works, 1 at hand".to_owned();
        assert_eq!(drawn_state(&mark), "works, 1 at hand");
        mark.trouble.paused = true;
        assert_eq!((drawn_state(&mark).as_str(), state_text(&mark).as_str()), ("paused", "works, 1 at hand · paused"));
        mark.state = "idle".to_owned();
        assert_eq!(drawn_state(&mark), "idle · paused");
    }
}
