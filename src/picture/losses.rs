//! What did not arrive lately, at the node that it was for: how many messages, and why.

use std::fmt::Write;

use super::Picture;
use crate::sim::kernel::Lost;
use crate::sim::run::simulation::{Handled, What};

/// Between a node's words and this line, in units of the picture.
const BELOW: i32 = 12;

fn words(why: Lost) -> &'static str {
    match why {
        Lost::Loss => "lost",
        Lost::Cut => "cut off",
        Lost::Down => "came while it was down",
        Lost::Dropped => "dropped",
    }
}

/// A line below each node that these events should have reached, as SVG: "✕ 2 cut off".
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
        let own = counts.iter().filter(|known| known.0 == mark.node.0);
        let told: Vec<String> = own.map(|(_, why, count)| format!("{count} {}", words(*why))).collect();
        if !told.is_empty() {
            let (x, y) = (mark.at.0, mark.bounds().3 + BELOW);
            let _ = write!(out, r#"<text class="losses" x="{x}" y="{y}">✕ {}</text>"#, told.join(", "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Frame, NodeMark, Shape};
    use crate::sim::NodeId;
    use crate::sim::kernel::Cause;

    #[test]
    fn what_is_lost_is_counted_by_its_reason() {
        let mut picture = Picture::new(Frame::Wide);
        picture.nodes = vec![
            NodeMark::new(NodeId(0), (100, 100), Shape::Server, "A"),
            NodeMark::new(NodeId(1), (300, 100), Shape::Server, "B"),
        ];
        let lost = |why| Handled {
            step: 1,
            time: 0,
            node: NodeId(1),
            what: What::Lost { from: NodeId(0), sent: 0, why },
            cause: Cause::Start,
            id: 1,
        };
        let drawn = losses(&picture, [lost(Lost::Cut), lost(Lost::Down), lost(Lost::Cut)].into_iter());
        assert_eq!(drawn.matches("<text").count(), 1);
        assert!(drawn.contains("✕ 2 cut off, 1 came while it was down"), "{drawn}");
    }
}
