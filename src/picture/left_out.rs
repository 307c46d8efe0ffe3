//! What a phone's picture has no room for: the figures of the wide picture that the narrow one lacks, or has with fewer
//! cells. The page shows them below the stage, so that none is missed.

use super::{Body, Figure, Picture};

/// The figures of `wide` that `narrow` lacks or shortens, in order. A title alone is none.
pub fn left_out(wide: &Picture, narrow: &Picture) -> Vec<Figure> {
    let is_whole = |figure: &Figure| {
        let known = narrow.figures.iter().find(|other| other.id == figure.id);
        known.is_some_and(|known| cells(&known.body) >= cells(&figure.body))
    };
    let is_heading = |figure: &Figure| matches!(&figure.body, Body::Bars(bars) if bars.is_empty());
    wide.figures.iter().filter(|figure| !is_whole(figure) && !is_heading(figure)).cloned().collect()
}

/// How much stands in a figure: its cells, or its bars.
fn cells(body: &Body) -> usize {
    match body {
        Body::Grid { rows, .. } | Body::Matrix(rows) | Body::Queues(rows) => {
            rows.iter().map(|row| row.cells.len()).sum()
        }
        Body::Table { rows, .. } => rows.iter().map(Vec::len).sum(),
        Body::Bars(bars) => bars.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Cell, Frame, GridRow, Tone};

    fn strip(id: &'static str, count: usize) -> Figure {
        let cells = vec![Cell::firm("1", Tone::Fine); count];
        let rows = vec![GridRow { label: "A".to_owned(), cells, mark: None }];
        Figure { id, at: (0, 0), size: (100, 60), title: id.to_owned(), body: Body::Queues(rows) }
    }

    #[test]
    fn what_is_missing_or_shorter_is_found_and_nothing_else() {
        let (mut wide, mut narrow) = (Picture::new(Frame::Wide), Picture::new(Frame::Narrow));
        wide.figures = vec![strip("whole", 4), strip("shorter", 4), strip("missing", 4), strip("empty", 0)];
        let title = Figure { body: Body::Bars(Vec::new()), ..strip("title", 0) };
        wide.figures.push(title);
        narrow.figures = vec![strip("whole", 4), strip("shorter", 3)];
        let ids: Vec<&str> = left_out(&wide, &narrow).iter().map(|figure| figure.id).collect();
        assert_eq!(ids, ["shorter", "missing", "empty"]);
        assert!(left_out(&narrow, &wide).is_empty());
    }
}
