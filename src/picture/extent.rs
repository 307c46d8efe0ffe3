//! How much of its frame a picture needs: the stage shows that part as large as its room allows.

use super::geometry::label_place;
use super::{Body, Figure, NodeMark, Picture, SetMark, Shape};

/// Left, top, right, bottom.
pub type Extent = (i32, i32, i32, i32);

/// The room around everything, for rings and the words of a message that falls.
const MARGIN: i32 = 14;
/// Half a letter of a state, as the stage writes it.
const HALF_LETTER: i32 = 4;
/// The height of a line.
const LINE: i32 = 14;
/// What a crown adds above a node that may come to lead.
const CROWN: i32 = 16;

/// The part of the frame that the picture needs, whatever its nodes are doing; `None` for an empty picture.
pub fn extent(picture: &Picture) -> Option<Extent> {
    let sets = picture.sets.iter().enumerate().filter_map(|(index, set)| of_label(picture, set, index % 2 == 1));
    let figures = picture.figures.iter().map(of_figure);
    let (left, top, right, bottom) = picture.nodes.iter().map(of_node).chain(figures).chain(sets).reduce(both)?;
    Some((left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN))
}

/// The smallest extent around two.
pub fn both(one: Extent, two: Extent) -> Extent {
    (one.0.min(two.0), one.1.min(two.1), one.2.max(two.2), one.3.max(two.3))
}

/// The value of an SVG's `viewBox` that shows this part.
pub fn view_box((left, top, right, bottom): Extent) -> String {
    format!("{left} {top} {} {}", right - left, bottom - top)
}

fn of_node(mark: &NodeMark) -> Extent {
    let (left, top, right, bottom) = mark.bounds();
    let half = mark.state.chars().count() as i32 * HALF_LETTER;
    let crown = if mark.shape == Shape::Server { CROWN } else { 0 };
    (left.min(mark.at.0 - half), top - crown, right.max(mark.at.0 + half), bottom)
}

/// Where the name of a set is written.
pub fn of_label(picture: &Picture, set: &SetMark, is_below: bool) -> Option<Extent> {
    let places: Vec<(i32, i32)> = set.members.iter().filter_map(|id| Some(picture.node(*id)?.at)).collect();
    let (x, y) = label_place(picture, &places, is_below);
    let half = set.label.chars().count() as i32 * HALF_LETTER;
    (!places.is_empty()).then_some((x - half, y - LINE, x + half, y))
}

/// A grid has a row for each node, and keeps its height; what can grow has its whole place.
pub fn of_figure(figure: &Figure) -> Extent {
    let ((x, y), (width, height)) = (figure.at, figure.size);
    let taken = match &figure.body {
        Body::Grid { rows, .. } | Body::Matrix(rows) => height.min(38 + 24 * rows.len() as i32),
        Body::Bars(bars) => height.min(24 + 24 * bars.len() as i32),
        _ => height,
    };
    (x, y, x + width, y + taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;
    use crate::sim::NodeId;

    #[test]
    fn an_extent_holds_its_nodes_and_their_words() {
        let mut picture = Picture::new(Frame::Wide);
        assert_eq!(extent(&picture), None);
        picture.nodes.push(NodeMark::new(NodeId(0), (100, 100), Shape::Client, "Ann"));
        let alone = extent(&picture).unwrap_or_default();
        assert!(alone.0 < 72 && alone.1 < 72 && alone.2 > 128 && alone.3 > 128);
        picture.nodes[0].state = "waits for an answer".to_owned();
        let told = extent(&picture).unwrap_or_default();
        assert!(told.0 < alone.0 && told.2 > alone.2 && told.3 > alone.3);
        assert_eq!(view_box((10, 20, 110, 70)), "10 20 100 50");
    }
}
