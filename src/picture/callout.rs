//! What clashed when a promise broke, on the stage: a bubble beside each node that has a part in it, in the nearest place
//! where it covers nothing that is written there.

use std::fmt::Write;

use super::extent::{Extent, extent, of_figure, of_label};
use super::svg::escape;
use super::{Frame, NodeMark, Picture};
use crate::sim::NodeId;
use crate::sim::judge::verdict::Breach;

/// Of one line, in units of the picture.
const LINE: i32 = 17;
/// Shapes of a bubble, the best first: the most characters of a line, and the most lines of a value.
const SHAPES: [(usize, usize); 4] = [(26, 2), (17, 3), (34, 1), (12, 4)];
/// How wide letters are on each frame, in hundredths of what [`width_of`] counts.
const WIDE: i32 = 112;
const NARROW: i32 = 120;
/// The most values that a bubble names.
const MOST_VALUES: usize = 3;
/// Between a node and its bubble, and between a bubble's edge and its words.
const GAP: i32 = 6;
const PAD: i32 = 8;
/// How far a crown stands out.
const CROWN: i32 = 14;
/// Places are tried this far apart.
const STEP: i32 = 5;
/// A bubble that is further away than this is tied to its node by a line.
const NEAR: i32 = 20;

/// A bubble: whose it is, where it stands, and its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    pub node: NodeId,
    /// Left, top, right, bottom.
    pub place: Extent,
    pub lines: Vec<String>,
}

/// The bubbles as SVG. `name` is a node's whole name, which its label may shorten.
pub fn callouts(picture: &Picture, breach: &Breach, name: &dyn Fn(NodeId) -> String) -> String {
    let mut out = String::new();
    for bubble in bubbles(picture, breach, name) {
        if let Some(mark) = picture.node(bubble.node) {
            draw(&mut out, mark, &bubble);
        }
    }
    out
}

/// What each node that clashes has, placed. Where the picture is full a bubble is left out: the words beside the picture
/// say the same.
pub fn bubbles(picture: &Picture, breach: &Breach, name: &dyn Fn(NodeId) -> String) -> Vec<Bubble> {
    let view = extent(picture).unwrap_or_default();
    let sets = picture.sets.iter().enumerate().filter_map(|(at, set)| of_label(picture, set, at % 2 == 1));
    let nodes = picture.nodes.iter().map(with_words);
    let mut taken: Vec<Extent> = nodes.chain(picture.figures.iter().map(of_figure)).chain(sets).collect();
    let mut placed = Vec::new();
    for (mark, said) in said(picture, breach, name) {
        let shaped = SHAPES.iter().find_map(|(letters, most)| {
            let values = said.iter().take(MOST_VALUES);
            let lines: Vec<String> = values.flat_map(|one| wrapped(one, *letters, *most)).collect();
            Some((nearest(view, &taken, body(mark), size(picture.frame, &lines))?, lines))
        });
        if let Some((place, lines)) = shaped {
            taken.push(place);
            placed.push(Bubble { node: mark.node, place, lines });
        }
    }
    placed
}

/// Who says what: a value stands beside the node that has it. What no node has, a limit say, stands beside the first
/// that clashes without a value of its own, or else beside the first.
fn said<'a>(
    picture: &'a Picture,
    breach: &Breach,
    name: &dyn Fn(NodeId) -> String,
) -> Vec<(&'a NodeMark, Vec<String>)> {
    let owner = |who: &str| picture.nodes.iter().find(|mark| mark.label == who || name(mark.node) == who);
    let mut all: Vec<(&NodeMark, Vec<String>)> = Vec::new();
    let mut add = |mark: &'a NodeMark, text: String| match all.iter_mut().find(|known| known.0.node == mark.node) {
        Some(known) => known.1.push(text),
        None => all.push((mark, vec![text])),
    };
    breach.values.iter().for_each(|(who, what)| owner(who).into_iter().for_each(|mark| add(mark, what.clone())));
    let has_own = |mark: &&NodeMark| breach.values.iter().any(|(who, _)| *who == mark.label || *who == name(mark.node));
    let clashing = || breach.nodes.iter().filter_map(|node| picture.node(*node));
    if let Some(host) = clashing().find(|mark| !has_own(mark)).or_else(|| clashing().next()) {
        let rest = breach.values.iter().filter(|(who, _)| owner(who).is_none());
        rest.for_each(|(who, what)| add(host, format!("{who}: {what}")));
    }
    all
}

/// The room that a node and its words take.
fn body(mark: &NodeMark) -> Extent {
    let (left, top, right, bottom) = mark.bounds();
    (left, top - if mark.crown { CROWN } else { 0 }, right, bottom)
}

/// The same with its state as it is written, and with what is said below a node that is down: what came meanwhile.
fn with_words(mark: &NodeMark) -> Extent {
    const CAME_MEANWHILE: (i32, i32) = (70, 17);
    let (left, top, right, bottom) = body(mark);
    let (half, more) = if mark.trouble.down { CAME_MEANWHILE } else { (0, 0) };
    let half = half.max(mark.state.chars().count() as i32 * 9 / 2);
    (left.min(mark.at.0 - half), top, right.max(mark.at.0 + half), bottom + more)
}

fn size(frame: Frame, lines: &[String]) -> (i32, i32) {
    let widest = lines.iter().map(|line| width_of(line)).max().unwrap_or(0);
    let scale = if frame == Frame::Narrow { NARROW } else { WIDE };
    (widest * scale / 1_000 + 2 * PAD, lines.len() as i32 * LINE + PAD)
}

/// The free place for a box of this size that is nearest to a node.
fn nearest(view: Extent, taken: &[Extent], node: Extent, (width, height): (i32, i32)) -> Option<Extent> {
    let middle = ((node.0 + node.2) / 2, (node.1 + node.3) / 2);
    let (right, bottom) = ((view.2 - width).max(view.0), (view.3 - height).max(view.1));
    // Straight above and below are tried as well as all places in turn.
    let columns = std::iter::once((middle.0 - width / 2).clamp(view.0, right)).chain(steps(view.0, right));
    let rows = || [node.1 - GAP - height, node.3 + GAP].into_iter().chain(steps(view.1, bottom));
    let places = columns.flat_map(|x| rows().map(move |y| (x, y, x + width, y + height)));
    let covers = |place: &Extent, gap: i32| taken.iter().any(|other| overlap(*place, *other, gap));
    let free = places.filter(|place| (view.1..=bottom).contains(&place.1) && !covers(place, 0));
    let cost = |place: &Extent| {
        let (dx, dy) = apart(*place, node);
        let aside = ((place.0 + place.2) / 2 - middle.0).abs() + ((place.1 + place.3) / 2 - middle.1).abs();
        (covers(place, GAP - 1), 4 * (dx + dy) + aside)
    };
    free.min_by_key(cost)
}

/// Places to try between two, both ends among them.
fn steps(from: i32, to: i32) -> impl Iterator<Item = i32> {
    (from..to).step_by(STEP as usize).chain(std::iter::once(to))
}

/// Whether two boxes overlap, with a gap around the second.
fn overlap(one: Extent, two: Extent, gap: i32) -> bool {
    one.0 < two.2 + gap && two.0 < one.2 + gap && one.1 < two.3 + gap && two.1 < one.3 + gap
}

/// How far two boxes are from each other, across and down.
fn apart(one: Extent, two: Extent) -> (i32, i32) {
    ((one.0 - two.2).max(two.0 - one.2).max(0), (one.1 - two.3).max(two.1 - one.3).max(0))
}

fn draw(out: &mut String, mark: &NodeMark, bubble: &Bubble) {
    let (left, top, right, bottom) = bubble.place;
    let _ = write!(out, r#"<g class="callout" transform="translate({left} {top})">"#);
    let node = body(mark);
    let (dx, dy) = apart(bubble.place, node);
    if dx + dy > NEAR {
        let from = (mark.at.0.clamp(left, right), mark.at.1.clamp(top, bottom));
        let to = (from.0.clamp(node.0, node.2), from.1.clamp(node.1, node.3));
        let (x, y) = (from.0 - left, from.1 - top);
        let _ = write!(out, r#"<path d="M{x} {y}L{} {}"/>"#, to.0 - left, to.1 - top);
    }
    let _ = write!(out, r#"<rect width="{}" height="{}" rx="6"/>"#, right - left, bottom - top);
    for (nth, line) in bubble.lines.iter().enumerate() {
        let _ = write!(out, r#"<text x="{PAD}" y="{}">{}</text>"#, (nth as i32 + 1) * LINE, escape(line));
    }
    out.push_str("</g>");
}

/// How wide a line of bold letters is, in tenths of a unit.
fn width_of(line: &str) -> i32 {
    let letter = |letter: char| match letter {
        'm' | 'w' | 'M' | 'W' | '…' => 135,
        'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | ' ' => 52,
        'f' | 't' | 'r' | '(' | ')' | '-' => 68,
        'A'..='Z' => 108,
        _ => 94,
    };
    line.chars().map(letter).sum()
}

/// A text in at most so many lines of so many letters, between words; what does not fit is left out.
fn wrapped(text: &str, letters: usize, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let taken = lines.last().map_or(0, |line| line.chars().count());
        let needed = word.chars().count() + usize::from(taken > 0);
        if taken + needed > letters && taken > 0 {
            if lines.len() == most {
                if let Some(line) = lines.last_mut() {
                    line.push_str(" …");
                }
                return lines;
            }
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Body, Figure, Shape};

    #[test]
    fn long_values_end_with_a_whole_word() {
        assert_eq!(wrapped("leader of term 2", 26, 2), ["leader of term 2"]);
        assert_eq!(
            wrapped("entry 4 of term 2: x=7, and entry 5 of term 3: y=9, and more of it", 26, 2),
            ["entry 4 of term 2: x=7,", "and entry 5 of term 3: …"]
        );
    }

    fn two_nodes() -> Picture {
        let mut picture = Picture::new(Frame::Wide);
        picture.nodes.push(NodeMark::new(NodeId(0), (100, 100), Shape::Client, "C1"));
        picture.nodes.push(NodeMark::new(NodeId(1), (500, 100), Shape::Store, "store"));
        picture
    }

    fn name(node: NodeId) -> String {
        if node == NodeId(0) { "client 1".to_owned() } else { "store".to_owned() }
    }

    fn breach(nodes: &[u16], values: &[(&str, &str)]) -> Breach {
        let values = values.iter().map(|(who, what)| (who.to_string(), what.to_string())).collect();
        Breach { nodes: nodes.iter().copied().map(NodeId).collect(), text: String::new(), values }
    }

    #[test]
    fn a_value_stands_beside_who_has_it_and_a_limit_beside_who_clashes() {
        let found = |breach: &Breach| -> Vec<(u16, String)> {
            bubbles(&two_nodes(), breach, &name).iter().map(|one| (one.node.0, one.lines.join(" | "))).collect()
        };
        let both = breach(&[0], &[("update done", "k0, version 2"), ("client 1", "k0, version 1")]);
        assert_eq!(found(&both), [(0, "k0, version 1 | update done: k0, version 2".to_owned())]);
        let limit = breach(&[1, 0], &[("pending", "3"), ("client 1", "waits")]);
        assert_eq!(found(&limit), [(0, "waits".to_owned()), (1, "pending: 3".to_owned())]);
    }

    #[test]
    fn a_bubble_covers_neither_a_node_nor_a_figure() {
        let mut picture = two_nodes();
        let body = Body::Table { head: Vec::new(), rows: Vec::new() };
        picture.figures.push(Figure { id: "rows", at: (20, 150), size: (300, 300), title: String::new(), body });
        let [bubble] = &bubbles(&picture, &breach(&[0], &[("client 1", "k0, version 1")]), &name)[..] else {
            panic!("one value, one bubble")
        };
        let covered = |other| overlap(bubble.place, other, 0);
        assert!(!picture.nodes.iter().map(super::body).any(covered) && !covered(of_figure(&picture.figures[0])));
    }
}
