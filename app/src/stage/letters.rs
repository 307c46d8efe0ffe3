//! How large the words on the stage may be, where a small screen would have them large, before they run into each other.

use faultline::picture::{NodeMark, Picture};

/// A letter is about this wide, against the size of its font; one of a name, which is bold, a little wider.
const WIDTH: f64 = 0.58;
const BOLD_WIDTH: f64 = 0.64;
/// The size that pictures are laid out for, and the largest that helps.
const LAID_OUT_FOR: f64 = 13.5;
const LARGEST: f64 = 20.5;

/// The largest size, in units of the picture, at which each name fits its node, and no node's words meet those of another.
pub fn that_fit(picture: &Picture) -> f64 {
    let names = picture.nodes.iter().filter(|mark| mark.label_is_inside()).map(|mark| {
        let room = f64::from(mark.shape.size().0) - 6.0;
        room / (letters(&mark.label) * BOLD_WIDTH)
    });
    let pairs = picture.nodes.iter().enumerate().flat_map(|(at, one)| {
        let others = picture.nodes[at + 1..].iter();
        others.filter_map(move |other| apart(one, other))
    });
    names.chain(pairs).fold(LARGEST, f64::min).max(LAID_OUT_FOR)
}

/// The largest size at which the states of two nodes side by side stay apart.
fn apart(one: &NodeMark, other: &NodeMark) -> Option<f64> {
    let below = |mark: &NodeMark| mark.at.1 + mark.shape.size().1 / 2;
    let is_level = (below(one) - below(other)).abs() < LARGEST as i32;
    let (count, distance) = (letters(&one.state) + letters(&other.state), (one.at.0 - other.at.0).abs());
    (is_level && count > 0.0).then(|| f64::from(2 * distance) / ((count + 2.0) * WIDTH))
}

fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}
