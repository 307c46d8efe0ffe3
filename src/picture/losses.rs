//! What did not arrive lately, at the node that it was for: how many messages, and why.

use std::fmt::Write;

use super::extent::extent;
use super::svg::state_text;
use super::words::{LARGEST, width};
use super::{NodeMark, Picture};
use crate::sim::kernel::Lost;
use crate::sim::run::simulation::{Handled, What};

/// Between a node's words and the first line, and from line to line, in units of the picture.
const BELOW: i32 = 14;
const LINE: i32 = 17;
/// Between the last line and the edge of what is shown.
const EDGE: i32 = 4;

fn words(why: Lost) -> &'static str {
    match why {
        Lost::Loss => "lost",
        Lost::Cut => "cut off",
        Lost::Down => "came while down",
        Lost::Dropped => "dropped",
    }
}

/// Lines below each node that these events should have reached, as SVG: "✕ 2 cut off".
pub fn losses(picture: &Picture, events: impl Iterator<Item = Handled>) -> String {
    let mut counts: Vec<(u16, Lost, u32)> = Vec::new();
    for event in events {
        let What::Lost { why, .. } = event.what else { continue };
        match counts.iter_mut().find(|known| (known.0, known.1) == (event.node.0, why)) {
            Some(known) => known.2 += 1,
            None => counts.push((event.node.0, why, 1)),
        }
    }
    let mut out = String::new();
    for mark in &picture.nodes {
        // What came to a node that was down is forgotten once it is back.
        let is_over = |why: Lost| why == Lost::Down && !mark.trouble.down;
        let own = counts.iter().filter(|known| known.0 == mark.node.0 && !is_over(known.1));
        let lines: Vec<String> = own.map(|(_, why, count)| format!("✕ {count} {}", words(*why))).collect();
        for (line, text) in lines.iter().enumerate() {
            let (x, y) = place(picture, mark, text, (line as i32, lines.len() as i32));
            let _ = write!(out, r#"<text class="losses" x="{x}" y="{y}">{text}</text>"#);
        }
    }
    out
}

/// The middle of a line below a node, one of so many, within what is shown.
fn place(picture: &Picture, mark: &NodeMark, text: &str, (line, lines): (i32, i32)) -> (i32, i32) {
    let (left, _, right, bottom) = extent(picture).unwrap_or_default();
    let half = width(text, LARGEST) / 2;
    // What is wrong with a node is written below it, whether or not it has a state.
    let told = if mark.state.is_empty() && !state_text(mark).is_empty() { LINE } else { 0 };
    let first = (mark.bounds().3 + told + BELOW).min(bottom - EDGE - LINE * (lines - 1));
    (mark.at.0.max(left + half).min(right - half), first + LINE * line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Frame, NodeMark, Shape};
    use crate::sim::NodeId;
    use crate::sim::kernel::Cause;

    /// A picture of A and B, which stands so far to the right.
    fn pair(x: i32) -> Picture {
        let mut picture = Picture::new(Frame::Wide);
        picture.nodes = vec![
            NodeMark::new(NodeId(0), (100, 100), Shape::Server, "A"),
            NodeMark::new(NodeId(1), (x, 100), Shape::Server, "B"),
        ];
        picture
    }

    #[test]
    fn what_is_lost_is_counted_by_its_reason() {
        let mut picture = pair(300);
        picture.nodes[1].trouble.down = true;
        let lost = |why| Handled {
            step: 1,
            time: 0,
            node: NodeId(1),
            what: What::Lost { from: NodeId(0), sent: 0, why },
            cause: Cause::Start,
            id: 1,
        };
        let all = [lost(Lost::Cut), lost(Lost::Down), lost(Lost::Cut)];
        let drawn = losses(&picture, all.into_iter());
        assert_eq!(drawn.matches("<text").count(), 2);
        assert!(drawn.contains("✕ 2 cut off<") && drawn.contains("✕ 1 came while down<"), "{drawn}");
        picture.nodes[1].trouble.down = false;
        let drawn = losses(&picture, all.into_iter());
        assert!(drawn.contains("✕ 2 cut off<") && !drawn.contains("while down"), "{drawn}");
    }

    #[test]
    fn a_line_at_the_edge_is_moved_inwards() {
        let picture = pair(500);
        let text = "✕ 1 came while down";
        let (left, _, right, _) = extent(&picture).unwrap_or_default();
        let middles = [0, 1].map(|at| place(&picture, &picture.nodes[at], text, (0, 1)).0);
        assert!(middles[0] - width(text, LARGEST) / 2 >= left && middles[1] + width(text, LARGEST) / 2 <= right);
    }
}
