//! A picture in words: every node with its state, sets of nodes, and figures as columns. For the terminal.

use super::svg::state_text;
use super::{Body, Figure, GridRow, Picture};

/// The lines of a picture.
pub fn lines(picture: &Picture) -> Vec<String> {
    let nodes = picture.nodes.iter().map(|mark| {
        let fill = mark.fill.map_or(String::new(), |(value, full)| format!("{value} of {full}"));
        vec![mark.label.clone(), state_text(mark), fill]
    });
    let mut lines = columns(nodes.collect());
    for set in &picture.sets {
        let members = set.members.iter().filter_map(|member| picture.node(*member));
        let names: Vec<&str> = members.map(|mark| mark.label.as_str()).collect();
        lines.push(format!("{}: {}", set.label, names.join(", ")));
    }
    for figure in &picture.figures {
        lines.push(String::new());
        lines.push(figure.title.clone());
        lines.extend(columns(rows(figure)));
    }
    lines
}

fn rows(figure: &Figure) -> Vec<Vec<String>> {
    match &figure.body {
        Body::Grid { first, rows } => numbered(*first, rows),
        Body::Matrix(rows) => numbered(0, rows),
        Body::Queues(rows) => rows.iter().map(cells).collect(),
        Body::Table { head, rows } => {
            let texts = rows.iter().map(|row| row.iter().map(|cell| cell.text.clone()).collect());
            std::iter::once(head.clone()).chain(texts).collect()
        }
        Body::Bars(bars) => bars.iter().map(|bar| vec![bar.label.clone(), bar.text.clone()]).collect(),
    }
}

/// Rows of cells below their indices.
fn numbered(first: u32, rows: &[GridRow]) -> Vec<Vec<String>> {
    let widest = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) as u32;
    let head = std::iter::once(String::new()).chain((0..widest).map(|at| (first + at).to_string()));
    std::iter::once(head.collect()).chain(rows.iter().map(cells)).collect()
}

/// A row's cells, with a bar at its mark.
fn cells(row: &GridRow) -> Vec<String> {
    let mut cells: Vec<String> = row.cells.iter().map(|cell| cell.text.clone()).collect();
    if let Some(cell) = row.mark.and_then(|mark| cells.get_mut(usize::from(mark).checked_sub(1)?)) {
        cell.push_str(" |");
    }
    std::iter::once(row.label.clone()).chain(cells).collect()
}

/// Rows of texts as lines, each column as wide as its longest text.
fn columns(rows: Vec<Vec<String>>) -> Vec<String> {
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let line = |row: &Vec<String>| {
        let texts: Vec<String> = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        texts.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Cell, Frame, NodeMark, Shape, Tone};
    use crate::sim::NodeId;

    #[test]
    fn columns_stand_below_each_other() {
        let mut picture = Picture::new(Frame::Wide);
        for (id, name, state) in [(0, "A", "leader, term 3"), (1, "Bertha", "down")] {
            let mut mark = NodeMark::new(NodeId(id), (0, 0), Shape::Server, name);
            mark.state = state.to_owned();
            picture.nodes.push(mark);
        }
        let row = GridRow {
            label: "A".to_owned(),
            cells: ["x=1", "y=2"].map(|text| Cell::firm(text, Tone::Fine)).to_vec(),
            mark: Some(1),
        };
        let body = Body::Grid { first: 7, rows: vec![row] };
        picture.figures.push(Figure { id: "logs", at: (0, 0), size: (0, 0), title: "Logs".to_owned(), body });
        assert_eq!(
            lines(&picture),
            ["A       leader, term 3", "Bertha  down", "", "Logs", "   7      8", "A  x=1 |  y=2"]
        );
    }
}
