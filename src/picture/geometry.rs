//! Where messages are between their nodes. Only for drawing: nothing here feeds back into a run, so platform floats
//! are fine.

use super::{FlightMark, NodeMark, Picture, Shape};
use crate::sim::NodeId;
use crate::sim::kernel::time::{MS, Time};
use crate::sim::small;

/// A place on the stage.
pub type Point = (f64, f64);

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Across.
    pub x: f64,
    /// Down.
    pub y: f64,
    /// Where its trail begins.
    pub trail: Point,
    /// 0 on its way; a lost message falls until it is gone at 1.
    pub fallen: f64,
}

/// How far the two directions of a link run apart, to each side of its line.
const LANE: f64 = 6.0;
/// How far apart messages go that are on the same way at the same time.
const SPREAD: f64 = 15.0;
/// How many of them are drawn one by one.
const MOST_SIDE_BY_SIDE: usize = 3;
/// How far outside of a node a message begins and ends, so that all of it is in sight, and how short that may leave
/// its way.
const OUTSIDE: f64 = 14.0;
const SHORTEST_WAY: f64 = 24.0;
/// How much of the way the trail covers.
const TRAIL: f64 = 0.12;
/// How long a lost message falls at most, in virtual time: as long as it would have taken.
const FALL: Time = 150 * MS;

/// Where a link leaves one node and enters the other. `None` when one is not in the picture or they coincide.
pub fn link_ends(picture: &Picture, from: NodeId, to: NodeId) -> Option<(Point, Point)> {
    let (from, to) = (picture.node(from)?, picture.node(to)?);
    let (dx, dy) = (f64::from(to.at.0 - from.at.0), f64::from(to.at.1 - from.at.1));
    let length = (dx * dx + dy * dy).sqrt();
    if length < 1.0 {
        return None;
    }
    let (ux, uy) = (dx / length, dy / length);
    let leave = |mark: &NodeMark, sign: f64| {
        let reach = edge(mark, ux, uy);
        (f64::from(mark.at.0) + sign * ux * reach, f64::from(mark.at.1) + sign * uy * reach)
    };
    Some((leave(from, 1.0), leave(to, -1.0)))
}

/// The convex hull of places, in order around it (Andrew's monotone chain). One or two places are their own hull.
pub fn hull(places: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut sorted = places.to_vec();
    small::sort(&mut sorted);
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let turns_right =
        |a: (i32, i32), b: (i32, i32), c: (i32, i32)| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) <= 0;
    let half = |places: &mut dyn Iterator<Item = (i32, i32)>| {
        let mut chain: Vec<(i32, i32)> = Vec::new();
        for place in places {
            while chain.len() >= 2 && turns_right(chain[chain.len() - 2], chain[chain.len() - 1], place) {
                chain.pop();
            }
            chain.push(place);
        }
        chain.pop();
        chain
    };
    let mut around = half(&mut sorted.iter().copied());
    around.extend(half(&mut sorted.iter().rev().copied()));
    around
}

/// Where the label of a set goes: above the member that stands highest, or below the one that stands lowest.
pub fn label_place(picture: &Picture, places: &[(i32, i32)], is_below: bool) -> (i32, i32) {
    let height = |place: &(i32, i32)| (if is_below { -place.1 } else { place.1 }, place.0);
    let outermost = places.iter().copied().min_by_key(height).unwrap_or_default();
    let node = picture.nodes.iter().find(|mark| mark.at == outermost);
    let (_, top, _, bottom) = node.map_or((0, outermost.1, 0, outermost.1), NodeMark::bounds);
    let top = if node.is_some_and(|mark| mark.crown) { top - 14 } else { top };
    (outermost.0, if is_below { bottom + 18 } else { top - 14 })
}

/// The way of a message whose whole mark stays outside of the nodes.
fn outside(((x1, y1), (x2, y2)): (Point, Point)) -> (Point, Point) {
    let (dx, dy) = (x2 - x1, y2 - y1);
    let length = (dx * dx + dy * dy).sqrt().max(1.0);
    let cut = OUTSIDE.min((length - SHORTEST_WAY) / 2.0).max(0.0);
    let (ux, uy) = (dx / length * cut, dy / length * cut);
    ((x1 + ux, y1 + uy), (x2 - ux, y2 - uy))
}

/// How far a node's edge is from its centre in a direction.
fn edge(mark: &NodeMark, ux: f64, uy: f64) -> f64 {
    let (width, height) = mark.shape.size();
    let (half_width, half_height) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    match mark.shape {
        Shape::Client | Shape::Server => half_width,
        _ => (half_width / ux.abs().max(1e-6)).min(half_height / uy.abs().max(1e-6)),
    }
}

/// How a message is drawn among those on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// How many are drawn further inside.
    pub place: usize,
    /// How many it stands for: none, if another stands for it.
    pub count: usize,
}

/// The lanes of messages: those that are on the same way at the same time go side by side; when there are many, the
/// first stands for all.
pub fn lanes(marks: &[FlightMark]) -> Vec<Lane> {
    let together = |a: &FlightMark, b: &FlightMark| {
        let near = (a.due.saturating_sub(a.sent).max(1) / 8).max(1);
        (a.from, a.to) == (b.from, b.to) && a.sent.abs_diff(b.sent) <= near && a.due.abs_diff(b.due) <= near
    };
    let lane = |at: usize| {
        let mark = &marks[at];
        if mark.lost.is_some() {
            return Lane { place: 0, count: 1 };
        }
        let same =
            |range: &[FlightMark]| range.iter().filter(|other| other.lost.is_none() && together(mark, other)).count();
        let (before, all) = (same(&marks[..at]), same(marks));
        match all > MOST_SIDE_BY_SIDE {
            true => Lane { place: 0, count: if before == 0 { all } else { 0 } },
            false => Lane { place: before, count: 1 },
        }
    };
    (0..marks.len()).map(lane).collect()
}

/// Where a message is at a moment. `None` when it is not on a link of the picture, or has been gone for long.
pub fn spot(picture: &Picture, mark: &FlightMark, lane: Lane, now: Time) -> Option<Spot> {
    let ((x1, y1), (x2, y2)) = outside(link_ends(picture, mark.from, mark.to)?);
    let end = mark.lost.unwrap_or(mark.due).max(mark.sent);
    let fall = mark.due.saturating_sub(mark.sent).clamp(1, FALL) as f64;
    let fallen = mark.lost.map_or(0.0, |lost| now.saturating_sub(lost) as f64 / fall);
    if fallen > 1.0 || now < mark.sent {
        return None;
    }
    let length = mark.due.saturating_sub(mark.sent).max(1) as f64;
    let part = (now.min(end).saturating_sub(mark.sent) as f64 / length).min(1.0);
    let tail = (part - TRAIL).max(0.0);
    let (dx, dy) = (x2 - x1, y2 - y1);
    let reach = (dx * dx + dy * dy).sqrt().max(1.0);
    let aside = LANE + SPREAD * lane.place as f64;
    let (ox, oy) = (-dy / reach * aside, dx / reach * aside);
    let at = |part: f64| (x1 + dx * part + ox, y1 + dy * part + oy);
    let (x, y) = at(part);
    Some(Spot { x, y: y + fallen * fallen * 46.0, trail: at(tail), fallen })
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, Glyph, Look, Tone};
    use super::*;

    const ALONE: Lane = Lane { place: 0, count: 1 };

    fn two_nodes() -> Picture {
        let mut picture = Picture::new(Frame::Wide);
        picture.nodes.push(NodeMark::new(NodeId(0), (100, 100), Shape::Client, "a"));
        picture.nodes.push(NodeMark::new(NodeId(1), (300, 100), Shape::Service, "b"));
        picture
    }

    fn message(from: u16, to: u16, lost: Option<Time>) -> FlightMark {
        let look = Look { letter: 'M', glyph: Glyph::Dot, tone: Tone::Neutral };
        FlightMark { id: 1, from: NodeId(from), to: NodeId(to), sent: 1_000, due: 2_000, lost, look }
    }

    #[test]
    fn a_message_moves_from_edge_to_edge_as_long_as_it_takes() {
        let picture = two_nodes();
        let x = |now| spot(&picture, &message(0, 1, None), ALONE, now).map(|spot| spot.x);
        assert_eq!(x(999), None);
        assert_eq!(x(1_000), Some(142.0));
        assert_eq!(x(1_500), Some(188.0));
        assert_eq!(x(2_000), Some(234.0));
    }

    #[test]
    fn directions_keep_apart_and_lost_messages_fall_where_they_were_lost() {
        let picture = two_nodes();
        let y = |mark: FlightMark, now| spot(&picture, &mark, ALONE, now).map(|spot| spot.y);
        assert_eq!(y(message(0, 1, None), 1_500), Some(106.0));
        assert_eq!(y(message(1, 0, None), 1_500), Some(94.0));
        let lost = message(0, 1, Some(1_250));
        assert_eq!(spot(&picture, &lost, ALONE, 1_500).map(|spot| spot.x), Some(165.0));
        assert!(y(lost.clone(), 1_800) > y(lost.clone(), 1_500));
        assert_eq!(y(lost, 1_250 + 1_000 + 1), None);
    }

    #[test]
    fn messages_on_the_same_way_go_side_by_side_and_many_are_one_with_a_count() {
        let many = |count: u16| vec![message(0, 1, None); usize::from(count)];
        let places =
            |marks: &[FlightMark]| lanes(marks).iter().map(|lane| (lane.place, lane.count)).collect::<Vec<_>>();
        assert_eq!(places(&many(3)), [(0, 1), (1, 1), (2, 1)]);
        assert_eq!(places(&many(4)), [(0, 4), (0, 0), (0, 0), (0, 0)]);
        assert_eq!(places(&[message(0, 1, None), message(1, 0, None), message(0, 1, Some(1_100))]), [(0, 1); 3]);
    }

    #[test]
    fn a_hull_goes_around_and_leaves_out_what_is_inside() {
        assert_eq!(hull(&[(0, 0), (4, 0), (2, 1), (4, 4), (0, 4)]), [(0, 0), (4, 0), (4, 4), (0, 4)]);
        assert_eq!(hull(&[(3, 3), (1, 1), (3, 3)]), [(1, 1), (3, 3)]);
        assert_eq!(hull(&[]), []);
    }
}
