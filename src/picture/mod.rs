//! What a diagram is made of, as data: nodes, links, messages in flight, grids, tables, bars. No DOM.
//!
//! A scenario turns its world into a [`Picture`]; [`svg`] turns pictures into SVG text, the same for the static page,
//! before any WebAssembly has arrived, and for the live one.

pub mod callout;
pub mod chart;
pub mod decimal;
pub mod extent;
pub mod geometry;
pub mod layout;
pub mod left_out;
pub mod legend;
pub mod losses;
pub mod operations;
pub mod svg;
pub mod text;
pub mod timeline;
pub mod words;

use crate::sim::NodeId;
use crate::sim::kernel::time::Time;

/// The space a picture is drawn in. Scenarios lay out both: a phone gets its own picture, not a shrunken one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// 960 x 560.
    Wide,
    /// 400 x 560.
    Narrow,
}

impl Frame {
    /// Width and height in picture units; a unit is about a CSS pixel.
    pub const fn size(self) -> (i32, i32) {
        match self {
            Frame::Wide => (960, 560),
            Frame::Narrow => (400, 560),
        }
    }
}

/// What a thing is. Told by shape, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A client: a circle.
    Client,
    /// A service or server: a rounded box.
    Service,
    /// A member of a replicated group: a circle with room for a ring.
    Server,
    /// A queue: a pipe that fills.
    Queue,
    /// A store: a cylinder.
    Store,
    /// A cache: a dashed cylinder.
    Cache,
    /// A broker: a box with a header bar.
    Broker,
}

impl Shape {
    /// The box it is drawn in, without its labels.
    pub const fn size(self) -> (i32, i32) {
        match self {
            Shape::Client => (56, 56),
            Shape::Server => (76, 76),
            Shape::Service => (104, 56),
            Shape::Queue => (132, 52),
            Shape::Store | Shape::Cache => (92, 76),
            Shape::Broker => (124, 76),
        }
    }
}

/// What colour says: state, the same everywhere. Each has its word in the interface as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tone {
    /// Nothing special.
    Neutral,
    /// Leading, active, chosen.
    Active,
    /// Fine, committed, done.
    Fine,
    /// At risk, stale, waiting too long.
    Risk,
    /// Broken.
    Broken,
    /// Off, down, gone.
    Off,
    /// Producers and clients: blue.
    Producer,
    /// Queues and stores: teal.
    Store,
    /// Consumers: green.
    Consumer,
    /// Application servers: violet.
    Service,
    /// The question of the moment: yellow.
    Question,
}

impl Tone {
    /// Its CSS class: `tone-active`.
    pub const fn class(self) -> &'static str {
        match self {
            Tone::Neutral => "tone-neutral",
            Tone::Active => "tone-active",
            Tone::Fine => "tone-fine",
            Tone::Risk => "tone-risk",
            Tone::Broken => "tone-broken",
            Tone::Off => "tone-off",
            Tone::Producer => "tone-producer",
            Tone::Store => "tone-store",
            Tone::Consumer => "tone-consumer",
            Tone::Service => "tone-service",
            Tone::Question => "tone-question",
        }
    }
}

/// A timer as a ring that empties around its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerRing {
    /// When it was armed.
    pub since: Time,
    /// When it fires.
    pub until: Time,
}

/// What is wrong with a node, as the kernel knows it; the stage draws it the same in every scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Trouble {
    /// Crashed.
    pub down: bool,
    /// Crashed because its machine lost power.
    pub unpowered: bool,
    /// Paused.
    pub paused: bool,
    /// Slower than normal.
    pub slow: bool,
    /// Its clock is wrong.
    pub skewed: bool,
    /// It clashes in a promise that has just broken.
    pub clashing: bool,
}

/// A node on the stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeMark {
    /// Which node.
    pub node: NodeId,
    /// Centre.
    pub at: (i32, i32),
    /// What it is.
    pub shape: Shape,
    /// Its name: at most 12 characters.
    pub label: String,
    /// Its state in words, below it: at most 24 characters. "leader, term 3".
    pub state: String,
    /// Its state in colour.
    pub tone: Tone,
    /// Leader or coordinator: a crown mark.
    pub crown: bool,
    /// A timer that matters to the reader.
    pub ring: Option<TimerRing>,
    /// How full it is: value and capacity. For queues, caches, workers.
    pub fill: Option<(u32, u32)>,
    /// Filled in from the kernel; leave it at its default.
    pub trouble: Trouble,
}

impl NodeMark {
    /// A neutral node at a place; fill in the rest with struct update or by field.
    pub fn new(node: NodeId, at: (i32, i32), shape: Shape, label: impl Into<String>) -> NodeMark {
        NodeMark {
            node,
            at,
            shape,
            label: label.into(),
            state: String::new(),
            tone: Tone::Neutral,
            crown: false,
            ring: None,
            fill: None,
            trouble: Trouble::default(),
        }
    }

    /// Whether the label fits inside the shape; circles put a long one below.
    pub fn label_is_inside(&self) -> bool {
        let room = match self.shape {
            Shape::Client => 6,
            Shape::Server => 8,
            _ => 12,
        };
        self.label.chars().count() <= room
    }

    /// The box that it and its texts take: left, top, right, bottom.
    pub fn bounds(&self) -> (i32, i32, i32, i32) {
        let (width, height) = self.shape.size();
        let (x, y) = self.at;
        let outside = if self.label_is_inside() { 0 } else { self.label.chars().count() as i32 * 7 };
        let half = (width + 8).max(outside).max(self.state.chars().count() as i32 * 6) / 2;
        let lines = i32::from(outside > 0) + i32::from(!self.state.is_empty());
        (x - half, y - height / 2 - 4, x + half, y + height / 2 + 4 + 17 * lines)
    }
}

/// A link between two nodes; it stands for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkMark {
    /// One end.
    pub a: NodeId,
    /// The other end.
    pub b: NodeId,
    /// Dashed: a link that carries nothing now, or an asynchronous one.
    pub dashed: bool,
    /// How wide a stream it carries, in units of the picture; 0 for none.
    pub stream: u8,
}

impl LinkMark {
    /// A link without a stream.
    pub fn new(a: NodeId, b: NodeId, dashed: bool) -> LinkMark {
        LinkMark { a, b, dashed, stream: 0 }
    }
}

/// How wide a stream of this many things per second is drawn: 5,000 are 10 units.
pub fn stream_width(a_second: u64) -> u8 {
    if a_second == 0 { 0 } else { (1 + a_second.isqrt() / 8).min(24) as u8 }
}

/// A set of nodes drawn as the set that it is: a quorum, a side of a cut, the two halves of a joint majority. Where two
/// sets overlap, so do their fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetMark {
    /// Who is in it.
    pub members: Vec<NodeId>,
    /// What it is: at most 24 characters. Read out, and written next to the field.
    pub label: String,
    /// Its colour.
    pub tone: Tone,
}

/// The shape of a message: with its letter and colour it tells kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Glyph {
    /// Requests.
    Dot,
    /// Data.
    Square,
    /// Questions and votes.
    Diamond,
    /// Answers.
    Pill,
}

/// How a kind of message looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// The letter in it.
    pub letter: char,
    /// Its shape.
    pub glyph: Glyph,
    /// Its colour.
    pub tone: Tone,
}

/// A message on its way, or one that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlightMark {
    /// Unique in the run.
    pub id: u64,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// When it was sent.
    pub sent: Time,
    /// When it arrives, or would have.
    pub due: Time,
    /// When it was lost.
    pub lost: Option<Time>,
    /// How it looks.
    pub look: Look,
}

/// One cell of a grid or table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// At most 14 characters.
    pub text: String,
    /// Its state in colour.
    pub tone: Tone,
    /// Settled: drawn firmly. Unsettled cells are drawn dashed.
    pub firm: bool,
}

impl Cell {
    /// What stands for so many more that have no room.
    pub fn more(count: usize) -> Cell {
        Cell::loose(format!("+{count}"), Tone::Neutral)
    }

    /// As many of these as have room; where there are more, the last cell says how many.
    pub fn some_of(cells: impl Iterator<Item = Cell>, room: usize) -> Vec<Cell> {
        let mut all: Vec<Cell> = cells.collect();
        if all.len() > room {
            let left_out = all.len() + 1 - room.max(1);
            all.truncate(room.max(1) - 1);
            all.push(Cell::more(left_out));
        }
        all
    }

    /// A settled cell.
    pub fn firm(text: impl Into<String>, tone: Tone) -> Cell {
        Cell { text: text.into(), tone, firm: true }
    }

    /// A cell that may still change: an uncommitted entry, a tentative version.
    pub fn loose(text: impl Into<String>, tone: Tone) -> Cell {
        Cell { text: text.into(), tone, firm: false }
    }
}

/// A row of a grid: a log, a strip of offsets, a queue seen from the side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GridRow {
    /// Whose it is: at most 12 characters.
    pub label: String,
    /// Its cells, left to right.
    pub cells: Vec<Cell>,
    /// After this many cells a mark is drawn: commit index, offset, high watermark.
    pub mark: Option<u16>,
}

/// A level in a bar chart on the stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bar {
    /// Whose it is: at most 12 characters.
    pub label: String,
    /// Its length.
    pub value: u32,
    /// The length of a full bar.
    pub full: u32,
    /// The value in words: "12 of 20".
    pub text: String,
    /// Its state in colour.
    pub tone: Tone,
}

/// What stands next to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Rows of equally wide cells with the index of the first column: logs side by side, strips of offsets.
    Grid { first: u32, rows: Vec<GridRow> },
    /// A grid that has as many columns as it has cells, from 0 on: partitions, whose number nobody raises in passing.
    Matrix(Vec<GridRow>),
    /// A grid without indices: what stands in a cell has a number of its own, and no fixed place.
    Queues(Vec<GridRow>),
    /// A table with a head.
    Table { head: Vec<String>, rows: Vec<Vec<Cell>> },
    /// Horizontal bars.
    Bars(Vec<Bar>),
}

/// A figure on the stage: a title and a body, in a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Figure {
    /// Stable within the scenario.
    pub id: &'static str,
    /// Top left corner.
    pub at: (i32, i32),
    /// Width and height it may take; cells are fitted to it.
    pub size: (i32, i32),
    /// Above the body.
    pub title: String,
    /// What it shows.
    pub body: Body,
}

/// A diagram at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Picture {
    /// The space it is drawn in.
    pub frame: Frame,
    /// The nodes, in focus order.
    pub nodes: Vec<NodeMark>,
    /// The links.
    pub links: Vec<LinkMark>,
    /// Sets of nodes, drawn behind them.
    pub sets: Vec<SetMark>,
    /// What stands next to the nodes.
    pub figures: Vec<Figure>,
}

impl Picture {
    /// An empty picture.
    pub fn new(frame: Frame) -> Picture {
        Picture { frame, nodes: Vec::new(), links: Vec::new(), sets: Vec::new(), figures: Vec::new() }
    }

    /// The mark of a node.
    pub fn node(&self, node: NodeId) -> Option<&NodeMark> {
        self.nodes.iter().find(|mark| mark.node == node)
    }

    /// Links every node of the first group to every other node of the second.
    pub fn link_all(&mut self, left: &[NodeId], right: &[NodeId]) {
        for &a in left {
            for &b in right {
                let known = |link: &LinkMark| (link.a, link.b) == (a, b) || (link.a, link.b) == (b, a);
                if a != b && !self.links.iter().any(known) {
                    self.links.push(LinkMark::new(a, b, false));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted_in_the_last_cell() {
        let cells = |count: u32, room| {
            let all = (1..=count).map(|at| Cell::firm(at.to_string(), Tone::Store));
            Cell::some_of(all, room).into_iter().map(|cell| cell.text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((cells(3, 3), cells(5, 3)), ("1 2 3".to_owned(), "1 2 +3".to_owned()));
    }
}
